/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_send.c: sealed files into somebody's mailbox on a relay.
 */
#include "base/clock.h"
#include "base/status.h"
#include "commands.h"
#include "medveil/client.h"
#include "medveil/envelope.h"
#include "people.h"
#include "sealed.h"
#include "ui.h"

#include <string.h>

typedef struct sending {
    mv_client *client;
    mv_card recipient;
    bool json;
    size_t sent;
    int first_failure; /* exit code; CLI_OK: none */
} sending;

/* Only envelopes leave this machine: anything else could be an image that nobody has sealed yet. */
static mv_status check_sealed(const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    sealed_file file = {0};
    mv_envelope_outside outside;

    MV_TRY(sealed_source(&file, path, err));
    st = mv_envelope_inspect(&outside, &file.source, NULL);
    if (st != MV_OK) {
        st = mv_fail(err, st, "%s is not a whole sealed file (.mv): %s", path,
                     mv_status_sentence(st));
        mv_hint(err, "seal it first: medveil encrypt -r CARD %s -o OUT.mv", path);
    }
done:
    sealed_close(&file);
    return st;
}

static void note_failure(sending *s, const char *path, mv_status st, const mv_error *err)
{
    const int code = ui_fail(st, err);
    if (s->json) {
        ui_json(json_pack("{s:s, s:s}", "file", path, "error", mv_status_name(st)));
    }
    if (s->first_failure == CLI_OK) {
        s->first_failure = code;
    }
}

static mv_status send_one(sending *s, const char *path)
{
    mv_status st = MV_OK;
    mv_error err = {0};
    mv_client_file file = {0};
    bool duplicate = false;
    const double start_ms = mv_clock_ms();

    MV_TRY(check_sealed(path, &err));
    MV_TRY(mv_client_send(s->client, &file, &duplicate, path, &s->recipient, &err));
    s->sent++;
    if (s->json) {
        ui_json(json_pack("{s:s, s:I, s:f, s:b}", "file", path, "bytes", (json_int_t)file.len, "ms",
                          mv_clock_ms() - start_ms, "duplicate", (int)duplicate));
    } else {
        ui_say("%s %s (%llu bytes)", duplicate ? "already there:" : "sent", path,
               (unsigned long long)file.len);
    }
done:
    if (st != MV_OK) {
        note_failure(s, path, st, &err);
    }
    return st;
}

static int usage(const char *what)
{
    ui_say("send needs %s", what);
    ui_hint("medveil send FILES... --to https://host:port#key -r CARD");
    return CLI_USAGE;
}

static int run(const cli_args *args)
{
    mv_status st = MV_OK;
    mv_error err = {0};
    sending s = {.json = cli_flag(args, "json")};
    mv_identity *sender = NULL;
    mv_client_opts opts = mv_client_defaults();
    int code = CLI_OK;

    if (cli_value(args, "to") == NULL || cli_value(args, "recipient") == NULL) {
        return usage(cli_value(args, "to") == NULL ? "--to URL" : "-r CARD");
    }
    MV_TRY(people_recipient(&s.recipient, cli_value(args, "recipient"), &err));
    if (cli_value(args, "sender") != NULL) {
        MV_TRY(people_identity(&sender, args, cli_value(args, "sender"), &err));
    }
    opts.identity = sender;
    opts.progress = ui_progress();
    MV_TRY(mv_client_new(&s.client, cli_value(args, "to"), &opts, &err));
    for (size_t i = 0; i < args->operand_count; i++) {
        if (send_one(&s, args->operand[i]) == MV_E_INTERRUPTED) {
            break;
        }
    }
    code = s.sent != 0 && s.first_failure != CLI_OK && s.first_failure != CLI_INTERRUPTED
               ? CLI_PARTIAL
               : s.first_failure;
done:
    mv_client_free(&s.client);
    mv_identity_free(&sender);
    return st == MV_OK ? code : ui_fail(st, &err);
}

static const cli_option options[] = {
    {"to", 0, "URL", "the relay's address: https://host:port#key"},
    {"recipient", 'r', "CARD", "whose mailbox: card file, mv1... line or alias"},
    {"sender", 's', "IDENTITY", "sign the upload with this identity, for relays that ask for it"},
    PEOPLE_PASSPHRASE_OPTION,
    {NULL, 0, NULL, NULL},
};

const cli_command cmd_send = {
    .name = "send",
    .operands = "FILES...",
    .summary = "put sealed files into a recipient's mailbox on a relay",
    .options = options,
    .run = run,
    .description =
        "Files must be sealed (.mv); others are refused. A broken connection is tried again; a\n"
        "file that is already there is not sent twice, so the command may be repeated. The relay\n"
        "sees the sealed bytes, their length, the mailbox and your network address, and with -s\n"
        "your signing key if it asks for one.\n",
    .examples =
        "  medveil send scan.mv --to 'https://relay.example.org:7462#KEY' -r radiology.card\n",
    .operands_min = 1,
    .operands_max = CLI_VALUES_MAX,
};
