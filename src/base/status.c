/* SPDX-License-Identifier: Apache-2.0
 *
 * status.c: names and sentences of the status list, and the error text that callers pass around.
 */
#include "base/status.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    mv_category category;
    const char *sentence;
} status_table[] = {
#define MV_X(name, category, sentence) {#name, MV_CATEGORY_##category, sentence},
    MV_STATUS_LIST(MV_X)
#undef MV_X
};

static size_t status_row(mv_status status)
{
    const size_t count = sizeof status_table / sizeof status_table[0];
    return (size_t)status < count ? (size_t)status : (size_t)MV_E_INTERNAL;
}

const char *mv_status_name(mv_status status)
{
    return status_table[status_row(status)].name;
}

const char *mv_status_sentence(mv_status status)
{
    return status_table[status_row(status)].sentence;
}

mv_category mv_status_category(mv_status status)
{
    return status_table[status_row(status)].category;
}

mv_status mv_fail(mv_error *err, mv_status status, const char *format, ...)
{
    if (err != NULL && err->status == MV_OK) {
        va_list args;
        err->status = status;
        va_start(args, format);
        (void)vsnprintf(err->text, sizeof err->text, format, args);
        va_end(args);
    }
    return status;
}

void mv_hint(mv_error *err, const char *format, ...)
{
    if (err != NULL && err->hint[0] == '\0') {
        va_list args;
        va_start(args, format);
        (void)vsnprintf(err->hint, sizeof err->hint, format, args);
        va_end(args);
    }
}

void mv_assert_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "medveil: broken promise: %s at %s:%d\n", condition, file, line);
    abort();
}
