/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_queue.c: what is on its way out: to see it, to go on, to hold it, to give it up.
 */
#include "base/status.h"
#include "commands.h"
#include "people.h"
#include "transfer_ui.h"
#include "ui.h"
#include "wire/address.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define SHOWN_S (24 * 3600) /* finished items are shown so long */

/* ---- status ---- */

typedef struct showing {
    bool json, all;
    size_t shown, hidden, outstanding;
} showing;

static const char *state_text(const mv_queue_item *item)
{
    static const char *const text[] = {"waiting", "sent", "delivered", "refused"};
    return item->paused && item->state == MV_QUEUE_WAITING ? "paused" : text[item->state];
}

static bool old_and_done(const mv_queue_item *item)
{
    const bool done = item->state == MV_QUEUE_DELIVERED ||
                      (item->state == MV_QUEUE_SENT && item->identity[0] == '\0');
    const uint64_t now = (uint64_t)time(NULL);
    return done && now > item->added_s && now - item->added_s > SHOWN_S;
}

static void show_json(const mv_queue_item *item)
{
    ui_json(json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:s, s:o}", "id", item->id, "file",
                      item->name, "relay", item->relay, "state", state_text(item), "bytes",
                      (json_int_t)item->file.len, "added", (json_int_t)item->added_s, "reason",
                      item->reason, "receipt", transfer_receipt_json(item)));
}

static void show_line(const mv_queue_item *item)
{
    char detail[MV_QUEUE_REASON_MAX] = "";
    mv_address relay = {.host = "?"};

    if (mv_address_read(&relay, item->relay, NULL) != MV_OK) {
        memcpy(relay.host, "?", 2);
    }
    if (item->state == MV_QUEUE_DELIVERED) {
        transfer_receipt_text(detail, sizeof detail, &item->receipt);
    } else if (item->state == MV_QUEUE_SENT) {
        (void)snprintf(detail, sizeof detail, "%s",
                       item->identity[0] == '\0' ? "sent without -s: no receipt"
                                                 : "no receipt yet");
    } else {
        (void)snprintf(detail, sizeof detail, "%s", item->reason);
    }
    printf("%s  %-9s  %12llu  %s:%u  %s%s%s\n", item->id, state_text(item),
           (unsigned long long)item->file.len, relay.host, relay.port, item->name,
           detail[0] == '\0' ? "" : ": ", detail);
}

static mv_status show(void *user, const mv_queue_item *item)
{
    showing *s = user;
    if (!s->all && old_and_done(item)) {
        s->hidden++;
        return MV_OK;
    }
    s->shown++;
    s->outstanding += item->state == MV_QUEUE_WAITING ||
                      (item->state == MV_QUEUE_SENT && item->identity[0] != '\0');
    if (s->json) {
        show_json(item);
    } else {
        show_line(item);
    }
    return MV_OK;
}

static mv_status show_these(showing *s, mv_queue *queue, const cli_args *args, mv_error *err)
{
    mv_status st = MV_OK;
    mv_queue_item item;

    s->all = true;
    for (size_t i = 0; i < args->operand_count; i++) {
        MV_TRY(mv_queue_get(queue, &item, args->operand[i], err));
        MV_TRY(show(s, &item));
    }
done:
    return st;
}

static int run_status(const cli_args *args)
{
    mv_status st = MV_OK;
    mv_error err = {0};
    mv_queue *queue = NULL;
    showing s = {.json = cli_flag(args, "json"), .all = cli_flag(args, "all")};

    MV_TRY(mv_queue_open(&queue, &err));
    MV_TRY(args->operand_count != 0 ? show_these(&s, queue, args, &err)
                                    : mv_queue_each(queue, show, &s, &err));
    if (s.shown == 0 && !s.json) {
        ui_say("the queue is empty");
    }
    if (s.hidden != 0 && !s.json) {
        ui_hint("%zu finished more than a day ago; --all shows them", s.hidden);
    }
    if (s.outstanding != 0 && !s.json) {
        ui_hint("to send what waits and to ask for receipts: medveil queue run");
    }
done:
    mv_queue_free(&queue);
    return st == MV_OK ? CLI_OK : ui_fail(st, &err);
}

/* ---- run ---- */

static int run_run(const cli_args *args)
{
    mv_status st = MV_OK;
    mv_error err = {0};
    transfer t = {.args = args, .json = cli_flag(args, "json")};
    mv_queue_run_opts opts;
    int code = CLI_OK;

    if (!transfer_options(&opts, args)) {
        return CLI_USAGE;
    }
    MV_TRY(mv_queue_open(&t.queue, &err));
    code = transfer_run(&t, args->operand_count == 0 ? NULL : args->operand, args->operand_count,
                        &opts);
done:
    transfer_clear(&t);
    return st == MV_OK ? code : ui_fail(st, &err);
}

/* ---- pause, resume, cancel ---- */

typedef mv_status (*change)(mv_queue *queue, const char *id, mv_error *err);

typedef struct changing {
    mv_queue *queue;
    change change;
    const char *done; /* "paused" */
    bool json;
    size_t changed;
    int first_failure;
} changing;

static void change_one(changing *c, const char *id)
{
    mv_error err = {0};
    const mv_status st = c->change(c->queue, id, &err);
    if (st != MV_OK) {
        const int code = ui_fail(st, &err);
        c->first_failure = c->first_failure == CLI_OK ? code : c->first_failure;
    } else {
        c->changed++;
    }
    if (c->json) {
        ui_json(json_pack("{s:s, s:s, s:s}", "id", id, st == MV_OK ? "state" : "error",
                          st == MV_OK ? c->done : mv_status_name(st)));
    } else if (st == MV_OK) {
        ui_say("%s %s", c->done, id);
    }
}

/* --all is for what is still to be sent. */
static mv_status change_waiting(void *user, const mv_queue_item *item)
{
    changing *c = user;
    if (item->state == MV_QUEUE_WAITING) {
        change_one(c, item->id);
    }
    return MV_OK;
}

static int run_change(const cli_args *args, change how, const char *done)
{
    mv_status st = MV_OK;
    mv_error err = {0};
    changing c = {.change = how, .done = done, .json = cli_flag(args, "json")};

    if ((args->operand_count != 0) == cli_flag(args, "all")) {
        ui_say("%s needs either the ids of items or --all", args->command->name);
        ui_hint("medveil queue status shows the ids");
        return CLI_USAGE;
    }
    MV_TRY(mv_queue_open(&c.queue, &err));
    for (size_t i = 0; i < args->operand_count; i++) {
        change_one(&c, args->operand[i]);
    }
    if (cli_flag(args, "all")) {
        MV_TRY(mv_queue_each(c.queue, change_waiting, &c, &err));
    }
done:
    mv_queue_free(&c.queue);
    return st != MV_OK                                   ? ui_fail(st, &err)
           : c.changed != 0 && c.first_failure != CLI_OK ? CLI_PARTIAL
                                                         : c.first_failure;
}

static mv_status pause_item(mv_queue *queue, const char *id, mv_error *err)
{
    return mv_queue_pause(queue, id, true, err);
}

static mv_status resume_item(mv_queue *queue, const char *id, mv_error *err)
{
    return mv_queue_pause(queue, id, false, err);
}

static int run_pause(const cli_args *args)
{
    return run_change(args, pause_item, "paused");
}

static int run_resume(const cli_args *args)
{
    return run_change(args, resume_item, "resumed");
}

static int run_cancel(const cli_args *args)
{
    return run_change(args, mv_queue_cancel, "cancelled");
}

/* ---- the commands ---- */

static const cli_option status_options[] = {
    {"all", 0, NULL, "also what was finished more than a day ago"},
    {NULL, 0, NULL, NULL},
};

static const cli_option run_options[] = {
    TRANSFER_OPTIONS,
    PEOPLE_PASSPHRASE_OPTION,
    {NULL, 0, NULL, NULL},
};

static const cli_option change_options[] = {
    {"all", 0, NULL, "every item that waits to be sent"},
    {NULL, 0, NULL, NULL},
};

const cli_command cmd_queue_status = {
    .name = "queue status",
    .operands = "[ID...]",
    .summary = "show what is on its way, and the receipts",
    .options = status_options,
    .run = run_status,
    .description =
        "waiting: not yet on the relay; sent: on the relay, without a receipt; delivered: the\n"
        "recipient has signed for these very bytes; refused: for the reason that is shown. Asks\n"
        "nobody: medveil queue run does.\n",
    .operands_max = CLI_VALUES_MAX,
};

const cli_command cmd_queue_run = {
    .name = "queue run",
    .operands = "[ID...]",
    .summary = "send what waits in the queue and ask for receipts",
    .options = run_options,
    .run = run_run,
    .description =
        "Goes on where an earlier send stopped, also after a reboot. Without --wait it ends when\n"
        "everything was tried and the receipts that are there have been fetched.\n",
    .examples = "  medveil queue run --wait\n",
    .operands_max = CLI_VALUES_MAX,
};

const cli_command cmd_queue_pause = {
    .name = "queue pause",
    .operands = "[ID...]",
    .summary = "hold items, also while they are being sent",
    .options = change_options,
    .run = run_pause,
    .operands_max = CLI_VALUES_MAX,
};

const cli_command cmd_queue_resume = {
    .name = "queue resume",
    .operands = "[ID...]",
    .summary = "let paused items go on with the next run",
    .options = change_options,
    .run = run_resume,
    .operands_max = CLI_VALUES_MAX,
};

const cli_command cmd_queue_cancel = {
    .name = "queue cancel",
    .operands = "[ID...]",
    .summary = "take items out of the queue, with what is kept of them",
    .options = change_options,
    .run = run_cancel,
    .description = "What is on the relay already stays there until its recipient fetches it.\n",
    .operands_max = CLI_VALUES_MAX,
};
