/* SPDX-License-Identifier: Apache-2.0
 *
 * msg_range.c: the one form of the Range header that we send and honour: a single range from an
 * offset. Other valid forms of RFC 9110 may be ignored by a server, and are.
 */
#include "wire/messages.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void mv_byte_range_write(char out[MV_RANGE_TEXT_MAX], const mv_byte_range *range)
{
    if (range->last == UINT64_MAX) {
        (void)snprintf(out, MV_RANGE_TEXT_MAX, "bytes=%" PRIu64 "-", range->first);
    } else {
        (void)snprintf(out, MV_RANGE_TEXT_MAX, "bytes=%" PRIu64 "-%" PRIu64, range->first,
                       range->last);
    }
}

/* 1 to 18 decimal digits, so no overflow; moves *text on. */
static bool read_number(uint64_t *out, const char **text)
{
    const size_t len = strspn(*text, "0123456789");
    *out = 0;
    if (len == 0 || len > 18) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        *out = *out * 10 + (uint64_t)((*text)[i] - '0');
    }
    *text += len;
    return true;
}

mv_status mv_byte_range_read(mv_byte_range *out, const char *text)
{
    mv_byte_range r = {0, UINT64_MAX};
    memset(out, 0, sizeof *out);
    if (strncmp(text, "bytes=", 6) != 0) {
        return MV_E_FORMAT;
    }
    text += 6;
    if (!read_number(&r.first, &text) || *text != '-') {
        return MV_E_FORMAT;
    }
    text++;
    if (*text != '\0' && (!read_number(&r.last, &text) || *text != '\0' || r.last < r.first)) {
        return MV_E_FORMAT;
    }
    *out = r;
    return MV_OK;
}
