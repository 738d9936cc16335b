/* SPDX-License-Identifier: Apache-2.0
 *
 * ui.c: messages, hints, JSON lines, the progress bar and the exit code of each status.
 */
#include "ui.h"

#include "base/clock.h"
#include "paths.h"
#include "ui_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

volatile sig_atomic_t ui_stop_requested;

static bool bar_drawn;

static void say(const char *prefix, const char *format, va_list args)
{
    ui_progress_end();
    fputs(prefix, stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
}

void ui_say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say("medveil: ", format, args);
    va_end(args);
}

void ui_hint(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say("medveil: hint: ", format, args);
    va_end(args);
}

int ui_exit_code(mv_status status)
{
    switch (status) {
    case MV_OK:
        return CLI_OK;
    case MV_E_ARGUMENT:
    case MV_E_UNSUPPORTED:
    case MV_E_MISMATCH:
        return CLI_USAGE;
    case MV_E_NOT_FOUND:
        return CLI_NOT_FOUND;
    case MV_E_BUSY:
        return CLI_BUSY;
    case MV_E_WRONG_KEY:
        return CLI_WRONG_KEY;
    case MV_E_AUTH:
        return CLI_INTEGRITY;
    case MV_E_POLICY:
    case MV_E_SECURITY:
        return CLI_POLICY;
    case MV_E_INTERRUPTED:
        return CLI_INTERRUPTED;
    default:
        return CLI_FAILURE;
    }
}

int ui_fail(mv_status status, const mv_error *err)
{
    if (err != NULL && err->text[0] != '\0') {
        ui_say("%s", err->text);
    } else {
        ui_say("%s", mv_status_sentence(status));
    }
    if (err != NULL && err->hint[0] != '\0') {
        ui_hint("%s", err->hint);
    }
    return ui_exit_code(status);
}

int ui_each(const cli_args *args, ui_operand work, void *context)
{
    const bool folder = path_wants_folder(cli_value(args, "output"), args->operand_count);
    size_t failed = 0;
    int code = CLI_OK;

    for (size_t i = 0; i < args->operand_count; i++) {
        mv_error err = {0};
        const mv_status st = work(context, args->operand[i], folder, &err);
        if (st != MV_OK) {
            failed++;
            code = ui_fail(st, &err);
            if (st == MV_E_INTERRUPTED) {
                return code;
            }
        }
    }
    return failed != 0 && failed < args->operand_count ? CLI_PARTIAL : code;
}

void ui_json(json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(12));
    if (text != NULL) {
        puts(text);
        (void)fflush(stdout);
        free(text);
    }
    json_decref(object);
}

bool ui_interrupted(void)
{
    return ui_stop_requested != 0;
}

static struct {
    double started_ms, drawn_ms;
    uint64_t started_at; /* what was done before this stage */
    const char *stage;
} bar;

/* What this stage moves a second, and how long it goes on so; nothing while nothing moves. */
static void draw_rate(uint64_t done, uint64_t total, double elapsed_s)
{
    const double rate = (double)(done - bar.started_at) / elapsed_s;
    const double shown = rate >= 1e6 ? rate / 1e6 : rate >= 1e4 ? rate / 1e3 : rate;
    fprintf(stderr, "  %.1f%s/s  %.0f s left", shown,
            rate >= 1e6   ? " M"
            : rate >= 1e4 ? " k"
                          : "",
            ((double)total - (double)done) / rate);
}

static mv_status progress_step(void *user, const char *stage, uint64_t done, uint64_t total)
{
    const double now = mv_clock_ms();
    (void)user;

    if (ui_interrupted()) {
        return MV_E_INTERRUPTED;
    }
    if (!isatty(STDERR_FILENO)) {
        return MV_OK;
    }
    if (bar.stage == NULL || strcmp(bar.stage, stage) != 0) {
        bar.stage = stage;
        bar.started_at = done;
        bar.started_ms = now;
        bar.drawn_ms = 0;
    }
    if (now - bar.drawn_ms < 100 && done != total) {
        return MV_OK;
    }
    bar.drawn_ms = now;
    if (total == 0) {
        fprintf(stderr, "\r%s: %llu\033[K", stage, (unsigned long long)done);
    } else {
        const double fraction = (double)done / (double)total;
        const double elapsed_s = (now - bar.started_ms) / 1e3;
        const int width = 30;
        const int filled = (int)(fraction * width);
        fprintf(stderr, "\r%s [%.*s%*s] %3.0f %%", stage, filled, "##############################",
                width - filled, "", fraction * 100);
        if (done > bar.started_at && elapsed_s > 0.5) {
            draw_rate(done, total, elapsed_s);
        }
        fputs("\033[K", stderr);
    }
    bar_drawn = true;
    return MV_OK;
}

mv_progress ui_progress(void)
{
    const mv_progress progress = {progress_step, NULL};
    return progress;
}

void ui_progress_end(void)
{
    if (bar_drawn) {
        fputs("\r\033[K", stderr);
        bar_drawn = false;
    }
    bar.stage = NULL;
}
