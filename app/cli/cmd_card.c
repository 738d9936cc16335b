/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_card.c: showing cards, keeping them in the card book, renewing and revoking one's own.
 */
#include "base/clock.h"
#include "base/status.h"
#include "commands.h"
#include "paths.h"
#include "people.h"
#include "show.h"
#include "ui.h"

#include <stdio.h>
#include <string.h>

static const cli_option add_options[] = {
    {"alias", 0, "NAME", "short name for -r and --from"},
    {NULL, 0, NULL, NULL},
};

static const cli_option renew_options[] = {
    {"identity", 'i', "IDENTITY", "whose card: the file that keygen made; it is rewritten"},
    {"expires", 0, "DATE", "last day of the new card, as 2030-12-31 (default: none)"},
    {"he-public", 0, "FILE", "bind the card to the public key of a collection"},
    {"output", 'o', "FILE", "card file to write (default: IDENTITY.card)"},
    PEOPLE_PASSPHRASE_OPTION,
    {NULL, 0, NULL, NULL},
};

static const cli_option revoke_options[] = {
    {"identity", 'i', "IDENTITY", "make a statement that revokes this identity's cards"},
    {"output", 'o', "FILE", "statement to write"},
    {"force", 'f', NULL, "replace an existing file"},
    PEOPLE_PASSPHRASE_OPTION,
    {NULL, 0, NULL, NULL},
};

static void print_card(const mv_card *card, const char *alias)
{
    char name[MV_CARD_NAME_MAX], created[MV_DAY_TEXT_MAX], expires[MV_DAY_TEXT_MAX] = "never";
    char spoken[MV_CARD_SPOKEN_MAX], hash[SHOW_HEX_SIZE];

    mv_card_name(name, card->id);
    mv_card_spoken(spoken, card);
    mv_day_text(created, card->created_day);
    if (card->expires_day != 0) {
        mv_day_text(expires, card->expires_day);
    }
    printf("name        %s\nread aloud  %s\nalias       %s\n", name, spoken,
           alias[0] != '\0' ? alias : "none");
    printf("created     %s\nexpires     %s\nstate       %s\n", created, expires,
           show_card_state(card));
    if (card->has_he_public) {
        show_hex(hash, card->he_public_hash, sizeof card->he_public_hash);
        printf("HE key      %s\n", hash);
    }
}

static int run_show(const cli_args *args)
{
    mv_error err = {0};
    mv_card card;
    char alias[64] = "";
    const mv_status st = mv_card_find(&card, args->operand[0], &err);

    if (st != MV_OK) {
        return ui_fail(st, &err);
    }
    if (!mv_card_alias(alias, sizeof alias, &card)) {
        alias[0] = '\0';
    }
    if (cli_flag(args, "json")) {
        ui_json(show_card_json(&card, alias));
    } else {
        print_card(&card, alias);
    }
    return CLI_OK;
}

static int run_add(const cli_args *args)
{
    mv_error err = {0};
    mv_card card;
    char name[MV_CARD_NAME_MAX], spoken[MV_CARD_SPOKEN_MAX];
    const char *alias = cli_value(args, "alias");
    mv_status st = mv_card_load(&card, args->operand[0], &err);

    if (st == MV_OK) {
        st = mv_card_book_add(&card, alias, &err);
    }
    if (st != MV_OK) {
        return ui_fail(st, &err);
    }
    if (cli_flag(args, "json")) {
        ui_json(show_card_json(&card, alias));
        return CLI_OK;
    }
    mv_card_name(name, card.id);
    mv_card_spoken(spoken, &card);
    puts(name);
    ui_say("added %s to the card book; compare the line above with its owner, or read aloud %s",
           alias != NULL ? alias : "the card", spoken);
    return CLI_OK;
}

static mv_status list_one(void *user, const mv_card *card, const char *alias)
{
    char name[MV_CARD_NAME_MAX], date[MV_DAY_TEXT_MAX];
    if (cli_flag(user, "json")) {
        ui_json(show_card_json(card, alias));
        return MV_OK;
    }
    mv_card_name(name, card->id);
    mv_day_text(date, card->created_day);
    printf("%s  %s  %s  %s\n", name, date, alias[0] != '\0' ? alias : "-", show_card_state(card));
    return MV_OK;
}

static int run_list(const cli_args *args)
{
    mv_error err = {0};
    cli_args copy = *args;
    const mv_status st = mv_card_book_each(list_one, &copy, &err);
    if (st == MV_OK) {
        return CLI_OK;
    }
    (void)ui_fail(st, &err);
    return CLI_PARTIAL; /* the readable cards are listed */
}

static int run_remove(const cli_args *args)
{
    mv_error err = {0};
    const mv_status st = mv_card_book_remove(args->operand[0], &err);
    if (st != MV_OK) {
        return ui_fail(st, &err);
    }
    ui_say("removed %s from the card book", args->operand[0]);
    return CLI_OK;
}

static mv_status renew(mv_card *card, const cli_args *args, const char *file, const char *card_file,
                       mv_error *err)
{
    mv_status st = MV_OK;
    mv_identity *identity = NULL;
    mv_card_terms terms = {mv_today(), 0, NULL};
    mv_collection_public *key = NULL;
    const char *last_day = cli_value(args, "expires"), *public_file = cli_value(args, "he-public");

    MV_REQUIRE(last_day == NULL || mv_day_parse(&terms.expires_day, last_day), err, MV_E_ARGUMENT,
               "%.40s is no date; write it as 2030-12-31", last_day);
    MV_TRY(people_identity(&identity, args, file, err));
    mv_identity_card(card, identity);
    terms.he_public_hash = card->has_he_public ? card->he_public_hash : NULL;
    if (public_file != NULL) {
        MV_TRY(people_public(&key, public_file, err));
        terms.he_public_hash = mv_collection_public_hash(key);
    }
    MV_TRY(mv_identity_renew(identity, &terms, err));
    mv_identity_card(card, identity);
    MV_TRY(mv_identity_save(identity, file, true, err));
    MV_TRY(mv_card_save(card, card_file, true, err));
done:
    mv_collection_public_free(&key);
    mv_identity_free(&identity);
    return st;
}

static int run_renew(const cli_args *args)
{
    mv_status st = MV_OK;
    mv_error err = {0};
    mv_card card;
    char name[MV_CARD_NAME_MAX], beside[PATH_SIZE];
    const char *file = cli_value(args, "identity"), *card_file = cli_value(args, "output");

    if (file == NULL || strcmp(file, "-") == 0) {
        ui_say("card renew needs an identity file: -i IDENTITY");
        return CLI_USAGE;
    }
    MV_REQUIRE(snprintf(beside, sizeof beside, "%s.card", file) < (int)sizeof beside, &err,
               MV_E_LIMIT, "the name of the identity is too long");
    card_file = card_file == NULL ? beside : card_file;
    MV_TRY(renew(&card, args, file, card_file, &err));
    if (cli_flag(args, "json")) {
        ui_json(show_card_json(&card, NULL));
        goto done;
    }
    mv_card_name(name, card.id);
    puts(name);
    ui_say("wrote %s: the same keys with new dates; hand it around in place of the old one",
           card_file);
done:
    return st == MV_OK ? CLI_OK : ui_fail(st, &err);
}

/* A statement made by oneself, for others to put on their lists. */
static mv_status make_statement(const cli_args *args, mv_error *err)
{
    mv_status st = MV_OK;
    mv_identity *identity = NULL;
    mv_revocation statement;
    const char *out = cli_value(args, "output");

    MV_TRY(people_identity(&identity, args, cli_value(args, "identity"), err));
    st = mv_revocation_make(&statement, identity, mv_today());
    MV_REQUIRE(st == MV_OK, err, st, "cannot sign the statement");
    MV_TRY(mv_revocation_save(&statement, out, cli_flag(args, "force"), err));
    ui_say("wrote %s: whoever takes it with medveil card revoke %s uses no card of this identity "
           "any more",
           out, path_base(out));
done:
    mv_identity_free(&identity);
    return st;
}

/* A statement made by somebody else. */
static mv_status take_statement(const char *file, mv_error *err)
{
    mv_status st = MV_OK;
    mv_revocation statement;
    char day[MV_DAY_TEXT_MAX];

    MV_TRY(mv_revocation_load(&statement, file, err));
    MV_TRY(mv_revocation_add(&statement, err));
    mv_day_text(day, statement.day);
    ui_say("the cards of this owner are revoked since %s: they are not sealed for any more", day);
done:
    return st;
}

static int run_revoke(const cli_args *args)
{
    mv_error err = {0};
    const bool make = cli_value(args, "identity") != NULL && cli_value(args, "output") != NULL;

    if (make == (args->operand_count == 1)) {
        ui_say("card revoke takes either a statement, or -i IDENTITY -o FILE to make one");
        return CLI_USAGE;
    }
    const mv_status st = make ? make_statement(args, &err) : take_statement(args->operand[0], &err);
    return st == MV_OK ? CLI_OK : ui_fail(st, &err);
}

const cli_command cmd_card_show = {
    .name = "card show",
    .operands = "FILE|mv1...|ALIAS",
    .summary = "show whose card it is",
    .run = run_show,
    .operands_min = 1,
    .operands_max = 1,
    .examples = "  medveil card show radiology.card\n",
};

const cli_command cmd_card_add = {
    .name = "card add",
    .operands = "FILE",
    .summary = "put a card into the card book",
    .options = add_options,
    .run = run_add,
    .operands_min = 1,
    .operands_max = 1,
    .examples = "  medveil card add radiology.card --alias radiology\n",
    .description =
        "Afterwards -r and --from take the alias or the mv1... line. A card is signed by\n"
        "itself: compare its mv1... line with the owner over another way, once.\n",
};

const cli_command cmd_card_list = {
    .name = "card list",
    .summary = "list the card book: mv1... line, date, alias, state",
    .run = run_list,
};

const cli_command cmd_card_remove = {
    .name = "card remove",
    .operands = "mv1...|ALIAS",
    .summary = "take a card out of the card book",
    .run = run_remove,
    .operands_min = 1,
    .operands_max = 1,
    .examples = "  medveil card remove radiology\n",
};

const cli_command cmd_card_renew = {
    .name = "card renew",
    .summary = "make a new card of the same identity",
    .options = renew_options,
    .run = run_renew,
    .examples = "  medveil card renew -i me.id --expires 2030-12-31\n"
                "  medveil card renew -i me.id --he-public trial.pub\n",
    .description =
        "The new card has the same keys and other dates. What was sealed for the old card still\n"
        "opens, what was signed under it still counts, and the digits to read aloud are the same.\n"
        "Others take it with card add: it replaces the old one and keeps its alias.\n"
        "With --he-public, whoever seals features for this card under another public key is\n"
        "refused.\n",
};

const cli_command cmd_card_revoke = {
    .name = "card revoke",
    .operands = "[STATEMENT]",
    .summary = "make a statement that revokes an identity, or take one",
    .options = revoke_options,
    .run = run_revoke,
    .operands_max = 1,
    .examples = "  medveil card revoke -i me.id -o me.revoked\n"
                "  medveil card revoke me.revoked\n",
    .description =
        "With -i and -o: a signed statement that no card of this identity is to be used any more.\n"
        "It can be made in advance and kept in a safe place, for the day the identity is lost.\n"
        "With a statement: puts it on this user's list. Nothing is sealed for its owner any more,\n"
        "and card add refuses its cards. What was sealed earlier still opens.\n",
};
