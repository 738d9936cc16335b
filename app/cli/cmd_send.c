/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_send.c: sealed files into the queue, and from there into somebody's mailbox on a relay.
 */
#include "base/status.h"
#include "commands.h"
#include "live_frames.h"
#include "medveil/envelope.h"
#include "people.h"
#include "sealed.h"
#include "transfer_ui.h"
#include "ui.h"

#include <stdlib.h>
#include <string.h>

typedef struct sending {
    transfer transfer;
    mv_card recipient;
    mv_identity *sender; /* NULL: none given */
    transfer_path *name; /* of those that are in the queue */
    const char **id;
    size_t count;
    size_t before; /* that were delivered before */
} sending;

/* Only envelopes leave this machine: anything else could be an image that nobody has sealed yet. */
static mv_status check_sealed(const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    sealed_file file = {0};
    mv_envelope_outside outside;

    if (live_frames_is_stream(path)) { /* one that was received, on to somebody else */
        return MV_OK;
    }
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

static void tell_delivered_before(const sending *s, const char *path, const mv_queue_item *item)
{
    char receipt[96];
    if (s->transfer.json) {
        ui_json(json_pack("{s:s, s:s, s:s, s:I, s:b, s:o}", "file", path, "id", item->id, "state",
                          "delivered", "bytes", (json_int_t)item->file.len, "duplicate", 1,
                          "receipt", transfer_receipt_json(item)));
        return;
    }
    transfer_receipt_text(receipt, sizeof receipt, &item->receipt);
    ui_say("%s was delivered before: %s", path, receipt);
    ui_hint("to send it once more: medveil queue cancel %s, and send again", item->id);
}

/* It is on the relay; the run that follows asks for its receipt. */
static void tell_sent_before(sending *s, const char *path, const mv_queue_item *item)
{
    s->transfer.unreceipted++;
    if (s->transfer.json) {
        ui_json(json_pack("{s:s, s:s, s:s, s:I, s:b}", "file", path, "id", item->id, "state",
                          "sent", "bytes", (json_int_t)item->file.len, "duplicate", 1));
    } else {
        ui_say("already there: %s (%llu bytes)", path, (unsigned long long)item->file.len);
    }
}

static mv_status add_one(sending *s, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    mv_queue_item item;
    const cli_args *args = s->transfer.args;
    const mv_queue_order order = {cli_value(args, "to"), &s->recipient, cli_value(args, "sender"),
                                  s->sender};

    MV_TRY(check_sealed(path, err));
    MV_TRY(mv_queue_add(s->transfer.queue, &item, path, &order, err));
    if (item.state == MV_QUEUE_DELIVERED) {
        tell_delivered_before(s, path, &item);
        s->before++;
        goto done;
    }
    if (item.state == MV_QUEUE_SENT) {
        tell_sent_before(s, path, &item);
    }
    if (item.paused) {
        ui_say("%s is paused", path);
        ui_hint("medveil queue resume %s", item.id);
    }
    memcpy(s->name[s->count].id, item.id, sizeof item.id);
    s->name[s->count].path = path;
    s->id[s->count] = s->name[s->count].id;
    s->count++;
done:
    return st;
}

/* A file that cannot be queued is told; the others go on. */
static mv_status add_all(sending *s, mv_error *err)
{
    mv_status st = MV_OK;
    const cli_args *args = s->transfer.args;

    s->name = calloc(args->operand_count + 1, sizeof *s->name);
    s->id = calloc(args->operand_count + 1, sizeof *s->id);
    MV_REQUIRE(s->name != NULL && s->id != NULL, err, MV_E_MEMORY, "out of memory");
    MV_TRY(mv_queue_open(&s->transfer.queue, err));
    for (size_t i = 0; i < args->operand_count && !ui_interrupted(); i++) {
        mv_error own = {0};
        const mv_status added = add_one(s, args->operand[i], &own);
        if (added != MV_OK) {
            transfer_failed(&s->transfer, args->operand[i], added, &own);
        }
    }
    MV_TRY(mv_queue_commit(s->transfer.queue, err));
done:
    return st;
}

static int usage(const char *what)
{
    ui_say("send needs %s", what);
    ui_hint("medveil send FILES... --to https://host:port#key -r CARD");
    return CLI_USAGE;
}

static int tell_later(const sending *s)
{
    for (size_t i = 0; i < s->count; i++) {
        if (s->transfer.json) {
            ui_json(json_pack("{s:s, s:s, s:s}", "file", s->name[i].path, "id", s->id[i], "state",
                              "waiting"));
        } else {
            ui_say("queued %s as %s", s->name[i].path, s->id[i]);
        }
    }
    return s->transfer.first_failure != CLI_OK && s->count != 0 ? CLI_PARTIAL
                                                                : s->transfer.first_failure;
}

static int send_all(sending *s, mv_queue_run_opts *opts)
{
    if (s->count == 0) {
        return s->before != 0 && s->transfer.first_failure != CLI_OK ? CLI_PARTIAL
                                                                     : s->transfer.first_failure;
    }
    if (cli_flag(s->transfer.args, "later")) {
        return tell_later(s);
    }
    s->transfer.name = s->name;
    s->transfer.name_count = s->count;
    const int code = transfer_run(&s->transfer, s->id, s->count, opts);
    if (code == CLI_OK && s->transfer.unreceipted != 0 && !s->transfer.json) {
        ui_hint("the receipt comes when the recipient has fetched it: medveil queue run");
    }
    return code;
}

static int run(const cli_args *args)
{
    mv_status st = MV_OK;
    mv_error err = {0};
    sending s = {.transfer = {.args = args, .json = cli_flag(args, "json")}};
    mv_queue_run_opts opts;
    const char *sender = cli_value(args, "sender");
    int code = CLI_OK;

    if (cli_value(args, "to") == NULL || cli_value(args, "recipient") == NULL) {
        return usage(cli_value(args, "to") == NULL ? "--to URL" : "-r CARD");
    }
    if (cli_flag(args, "wait") && sender == NULL) {
        return usage("-s IDENTITY to wait for a receipt that only you can read");
    }
    if (!transfer_options(&opts, args)) {
        return CLI_USAGE;
    }
    MV_TRY(people_recipient(&s.recipient, cli_value(args, "recipient"), &err));
    if (sender != NULL) {
        MV_TRY(people_identity(&s.sender, args, sender, &err));
    }
    MV_TRY(add_all(&s, &err));
    if (sender != NULL) {
        MV_TRY(transfer_use_identity(&s.transfer, &s.sender, sender, &err));
    }
    code = send_all(&s, &opts);
done:
    transfer_clear(&s.transfer);
    mv_identity_free(&s.sender);
    free(s.name);
    free(s.id);
    return st == MV_OK ? code : ui_fail(st, &err);
}

static const cli_option options[] = {
    {"to", 0, "URL", "the relay's address: https://host:port#key"},
    {"recipient", 'r', "CARD", "whose mailbox: card file, mv1... line or alias"},
    {"sender", 's', "IDENTITY", "who sealed them: for the receipt, and for relays that ask"},
    TRANSFER_OPTIONS,
    {"later", 0, NULL, "only put them into the queue"},
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
        "Files must be sealed (.mv); others are refused. Their bytes go into the queue, on disk, "
        "and\n"
        "from there to the relay; what a broken line or a reboot leaves is sent by medveil queue "
        "run,\n"
        "from where it stopped. A file that is already there is not sent twice, so the command "
        "may\n"
        "be repeated. With -s the recipient's signed receipt is kept; --wait stays until it is "
        "here,\n"
        "however often the line breaks. The relay sees the sealed bytes, their length, the "
        "mailbox\n"
        "and your network address, and with -s your key of the week if it asks for one.\n",
    .examples =
        "  medveil send scan.mv --to 'https://relay.example.org:7462#KEY' -r radiology.card\n"
        "  medveil send *.mv --to 'https://relay.example.org:7462#KEY' -r radiology.card -s me.id "
        "--wait\n",
    .operands_min = 1,
    .operands_max = CLI_VALUES_MAX,
};
