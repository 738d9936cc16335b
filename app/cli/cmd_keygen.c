/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_keygen.c: a new identity: the secret file, the card beside it, the mv1... line on stdout.
 */
#include "base/clock.h"
#include "base/secret.h"
#include "commands.h"
#include "paths.h"
#include "people.h"
#include "ui.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const cli_option options[] = {
    {"output", 'o', "FILE", "identity file to write; the card goes to FILE.card"},
    {"expires", 0, "DATE", "last day of the card, as 2030-12-31 (default: none)"},
    {"passphrase", 0, NULL, "lock the file: type a passphrase twice, asked whenever it is used"},
    {"passphrase-file", 0, "FILE", "lock the file: read the passphrase there, - is standard input"},
    {"force", 'f', NULL, "replace an existing identity: what was sealed for it stays closed"},
    {NULL, 0, NULL, NULL},
};

/* Without --force nothing is replaced, and nothing is left behind when one of the two fails. */
static mv_status write_both(const mv_identity *identity, const mv_card *card, const char *file,
                            const char *card_file, bool force, mv_error *err)
{
    mv_status st = mv_identity_save(identity, file, force, err);
    if (st != MV_OK) {
        return st;
    }
    st = mv_card_save(card, card_file, force, err);
    if (st != MV_OK && !force) {
        (void)unlink(file);
    }
    return st;
}

static mv_status limit_days(mv_identity *identity, const char *last_day, mv_error *err)
{
    mv_status st = MV_OK;
    mv_card_terms terms = {mv_today(), 0, NULL};
    MV_REQUIRE(mv_day_parse(&terms.expires_day, last_day), err, MV_E_ARGUMENT,
               "%.40s is no date; write it as 2030-12-31", last_day);
    MV_TRY(mv_identity_renew(identity, &terms, err));
done:
    return st;
}

static mv_status lock(mv_identity *identity, const cli_args *args, mv_error *err)
{
    mv_status st = MV_OK;
    void *passphrase = NULL;
    size_t len = 0;

    MV_TRY(mv_secret_new(&passphrase, MV_PASSPHRASE_MAX));
    MV_TRY(people_new_passphrase(passphrase, &len, cli_value(args, "passphrase-file"), err));
    MV_TRY(mv_identity_lock(identity, passphrase, len, NULL, err));
done:
    mv_secret_free(&passphrase);
    return st;
}

static mv_status make(mv_identity **out, const cli_args *args, mv_error *err)
{
    mv_status st = MV_OK;
    MV_TRY(mv_identity_generate(out));
    if (cli_value(args, "expires") != NULL) {
        MV_TRY(limit_days(*out, cli_value(args, "expires"), err));
    }
    if (cli_flag(args, "passphrase") || cli_value(args, "passphrase-file") != NULL) {
        MV_TRY(lock(*out, args, err));
    }
done:
    return st;
}

static void tell(const mv_card *card, const char *file, const char *card_file, bool json)
{
    char name[MV_CARD_NAME_MAX], spoken[MV_CARD_SPOKEN_MAX];
    mv_card_name(name, card->id);
    mv_card_spoken(spoken, card);
    if (json) {
        ui_json(json_pack("{s:s, s:s, s:s, s:s}", "name", name, "identity", file, "card", card_file,
                          "spoken", spoken));
        return;
    }
    puts(name);
    ui_say("wrote %s (secret) and %s (to hand around)", file, card_file);
    ui_say("to read aloud: %s", spoken);
}

static int run(const cli_args *args)
{
    mv_status st = MV_OK;
    mv_error err = {0};
    mv_identity *identity = NULL;
    mv_card card;
    char card_file[PATH_SIZE];
    const char *file = cli_value(args, "output");

    if (file == NULL || file[0] == '\0' || strcmp(file, "-") == 0) {
        ui_say("keygen needs a file to write: -o FILE");
        return CLI_USAGE;
    }
    MV_REQUIRE(snprintf(card_file, sizeof card_file, "%s.card", file) < (int)sizeof card_file, &err,
               MV_E_LIMIT, "the output name is too long");
    MV_TRY(make(&identity, args, &err));
    mv_identity_card(&card, identity);
    MV_TRY(write_both(identity, &card, file, card_file, cli_flag(args, "force"), &err));
    tell(&card, file, card_file, cli_flag(args, "json"));
done:
    mv_identity_free(&identity);
    return st == MV_OK ? CLI_OK : ui_fail(st, &err);
}

const cli_command cmd_keygen = {
    .name = "keygen",
    .summary = "make an identity and its card",
    .options = options,
    .run = run,
    .examples = "  medveil keygen -o me.id\n"
                "  medveil keygen --passphrase --expires 2030-12-31 -o me.id\n",
    .description =
        "The identity opens what others seal for you and signs what you seal. It is written so\n"
        "that only you can read it; keep a copy in a safe place: without it, sealed images stay\n"
        "closed. The card is public: give FILE.card to those who send to you, and compare the\n"
        "printed mv1... line, or the digits, with them over another way.\n",
};
