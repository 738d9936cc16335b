/* SPDX-License-Identifier: Apache-2.0
 *
 * transfer_ui.c: the queue's news in words and JSON.
 */
#include "transfer_ui.h"

#include "base/clock.h"
#include "base/status.h"
#include "people.h"
#include "ui.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* "500k", "2M", "1G" or a plain number of bytes. */
static bool read_rate(uint64_t *out, const char *text)
{
    char *end = NULL;
    errno = 0;
    const double number = strtod(text, &end);
    const double unit = *end == 'k' ? 1e3 : *end == 'M' ? 1e6 : *end == 'G' ? 1e9 : 1;
    end += unit > 1 ? 1 : 0;
    if (errno != 0 || end == text || *end != '\0' || !(number * unit >= 1000) ||
        !(number * unit <= 1e12)) {
        ui_say("--limit-rate needs bytes per second, at least 1k, such as 500k or 2M, not \"%s\"",
               text);
        return false;
    }
    *out = (uint64_t)(number * unit);
    return true;
}

bool transfer_pace(unsigned *streams_max, uint64_t *bytes_per_s, const cli_args *args)
{
    long streams = 0;
    const char *rate = cli_value(args, "limit-rate");

    if (!cli_number(args, "streams", 1, MV_QUEUE_STREAMS_MAX, (long)*streams_max, &streams)) {
        return false;
    }
    *streams_max = (unsigned)streams;
    return rate == NULL || read_rate(bytes_per_s, rate);
}

bool transfer_options(mv_queue_run_opts *opts, const cli_args *args)
{
    *opts = mv_queue_run_defaults();
    opts->wait = cli_flag(args, "wait");
    return transfer_pace(&opts->streams_max, &opts->bytes_per_s, args);
}

void transfer_receipt_text(char *out, size_t cap, const mv_receipt *r)
{
    char when[32] = "at an unknown time";
    const time_t time_s = (time_t)r->time_s;
    struct tm parts;
    if (gmtime_r(&time_s, &parts) != NULL) {
        (void)strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S UTC", &parts);
    }
    (void)snprintf(out, cap, "%u/%u bit-identical, received %s", r->identical, r->members, when);
}

json_t *transfer_receipt_json(const mv_queue_item *item)
{
    return item->state != MV_QUEUE_DELIVERED
               ? json_null()
               : json_pack("{s:I, s:I, s:I}", "members", (json_int_t)item->receipt.members,
                           "identical", (json_int_t)item->receipt.identical, "received",
                           (json_int_t)item->receipt.time_s);
}

static const char *path_of(const transfer *t, const mv_queue_item *item)
{
    for (size_t i = 0; i < t->name_count; i++) {
        if (strcmp(t->name[i].id, item->id) == 0) {
            return t->name[i].path;
        }
    }
    return item->name;
}

void transfer_failed(transfer *t, const char *path, mv_status st, const mv_error *err)
{
    const int code = ui_fail(st, err);
    if (t->json) {
        ui_json(json_pack("{s:s, s:s}", "file", path, "error", mv_status_name(st)));
    }
    if (t->first_failure == CLI_OK) {
        t->first_failure = code;
    }
}

static void tell_sent(transfer *t, const mv_queue_item *item)
{
    const char *path = path_of(t, item);
    t->sent++;
    t->unreceipted += item->identity[0] != '\0';
    if (t->json) {
        ui_json(json_pack("{s:s, s:s, s:s, s:I, s:f, s:b}", "file", path, "id", item->id, "state",
                          "sent", "bytes", (json_int_t)item->file.len, "ms",
                          mv_clock_ms() - t->started_ms, "duplicate", (int)item->duplicate));
    } else {
        ui_say("%s %s (%llu bytes)", item->duplicate ? "already there:" : "sent", path,
               (unsigned long long)item->file.len);
    }
}

static void tell_delivered(transfer *t, const mv_queue_item *item)
{
    char receipt[96];
    const char *path = path_of(t, item);
    t->delivered++;
    t->unreceipted -= t->unreceipted != 0;
    if (t->json) {
        ui_json(json_pack("{s:s, s:s, s:s, s:I, s:f, s:o}", "file", path, "id", item->id, "state",
                          "delivered", "bytes", (json_int_t)item->file.len, "ms",
                          mv_clock_ms() - t->started_ms, "receipt", transfer_receipt_json(item)));
    } else {
        transfer_receipt_text(receipt, sizeof receipt, &item->receipt);
        ui_say("delivered %s: %s", path, receipt);
    }
}

static void tell_line(mv_status st, const mv_error *err)
{
    if (st == MV_OK) {
        ui_say("the relay is back");
    } else {
        ui_say("%s; trying until it is back", err->text);
    }
}

static void tell(void *user, const mv_queue_item *item, mv_status st, const mv_error *err)
{
    transfer *t = user;
    if (item == NULL) {
        tell_line(st, err);
    } else if (st != MV_OK) {
        transfer_failed(t, path_of(t, item), st, err);
    } else if (item->state == MV_QUEUE_DELIVERED) {
        tell_delivered(t, item);
    } else if (item->state == MV_QUEUE_SENT) {
        tell_sent(t, item);
    }
}

/* Most queues have one sender: its identity is loaded, and unlocked, once. */
static mv_status identity_at(void *user, const char *path, const mv_identity **out, mv_error *err)
{
    mv_status st = MV_OK;
    transfer *t = user;

    *out = NULL;
    if (t->identity != NULL && strcmp(path, t->identity_path) == 0) {
        *out = t->identity;
        return MV_OK;
    }
    MV_REQUIRE(t->identity == NULL, err, MV_E_UNSUPPORTED,
               "the queue holds files of two senders; run it for each: medveil queue run ID...");
    MV_TRY(people_identity(&t->identity, t->args, path, err));
    (void)snprintf(t->identity_path, sizeof t->identity_path, "%s", path);
    *out = t->identity;
done:
    return st;
}

mv_status transfer_use_identity(transfer *t, mv_identity **identity, const char *path,
                                mv_error *err)
{
    mv_status st = MV_OK;
    char *real = realpath(path, NULL);
    MV_REQUIRE(real != NULL && strlen(real) < sizeof t->identity_path, err, MV_E_NOT_FOUND,
               "cannot find %s: %s", path, strerror(errno));
    (void)snprintf(t->identity_path, sizeof t->identity_path, "%s", real);
    t->identity = *identity;
    *identity = NULL;
done:
    free(real);
    return st;
}

static mv_status step(void *user, const char *stage, uint64_t done, uint64_t total)
{
    const mv_progress bar = ui_progress();
    (void)user;
    return bar.step(bar.user, stage, done, total);
}

static int exit_code(const transfer *t)
{
    const bool some = t->sent + t->delivered != 0;
    return some && t->first_failure != CLI_OK && t->first_failure != CLI_INTERRUPTED &&
                   t->first_failure != CLI_INTEGRITY
               ? CLI_PARTIAL
               : t->first_failure;
}

int transfer_run(transfer *t, const char *const *id, size_t id_count, mv_queue_run_opts *opts)
{
    mv_error err = {0};
    opts->id = id;
    opts->id_count = id_count;
    opts->identity = identity_at;
    opts->changed = tell;
    opts->progress.step = step;
    opts->progress.user = t;
    opts->user = t;
    t->started_ms = mv_clock_ms();
    const mv_status st = mv_queue_run(t->queue, opts, &err);
    ui_progress_end();
    if (st == MV_OK) {
        return exit_code(t);
    }
    /* a false receipt has been told already */
    const int code =
        st == MV_E_AUTH && t->first_failure == CLI_INTEGRITY ? CLI_INTEGRITY : ui_fail(st, &err);
    if (st != MV_E_AUTH) {
        ui_hint("what was not sent stays in the queue; to go on: medveil queue run");
    }
    return t->sent + t->delivered != 0 && code != CLI_INTERRUPTED && code != CLI_INTEGRITY
               ? CLI_PARTIAL
               : code;
}

void transfer_clear(transfer *t)
{
    mv_queue_free(&t->queue);
    mv_identity_free(&t->identity);
}
