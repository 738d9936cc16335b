/* SPDX-License-Identifier: Apache-2.0
 *
 * armour.c: base64 between two lines.
 */
#include "armour.h"

#include <ctype.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { LINE_BYTES = 48, LINE_LEN = 64, MARK_MAX = 64 };

static const char *mark(char out[MARK_MAX], const char *word, const char *kind)
{
    (void)snprintf(out, MARK_MAX, "-----%s MEDVEIL %s-----", word, kind);
    return out;
}

static mv_status put_line(mv_buffer *out, const char *text)
{
    const mv_status st = mv_buffer_append(out, (const uint8_t *)text, strlen(text));
    return st == MV_OK ? mv_buffer_put_u8(out, '\n') : st;
}

mv_status mv_armour_write(mv_buffer *out, const char *kind, const char *comment,
                          const uint8_t *bytes, size_t len)
{
    mv_status st = MV_OK;
    char text[MARK_MAX], line[LINE_LEN + 1];

    MV_TRY(put_line(out, comment));
    MV_TRY(put_line(out, mark(text, "BEGIN", kind)));
    for (size_t at = 0; at < len; at += LINE_BYTES) {
        const size_t left = len - at;
        (void)sodium_bin2base64(line, sizeof line, bytes + at,
                                left < LINE_BYTES ? left : LINE_BYTES,
                                sodium_base64_VARIANT_ORIGINAL);
        MV_TRY(put_line(out, line));
    }
    MV_TRY(put_line(out, mark(text, "END", kind)));
done:
    sodium_memzero(line, sizeof line);
    return st;
}

/* Where needle starts in text, or NULL. */
static const char *find(const char *text, size_t len, const char *needle)
{
    return len == 0 ? NULL : memmem(text, len, needle, strlen(needle));
}

bool mv_armour_is(const char *kind, const char *text, size_t len)
{
    char begin[MARK_MAX];
    return find(text, len, mark(begin, "BEGIN", kind)) != NULL;
}

/* "an identity", "a card" */
static const char *noun(const char *kind)
{
    return strcmp(kind, MV_ARMOUR_CARD) == 0       ? "a card"
           : strcmp(kind, MV_ARMOUR_IDENTITY) == 0 ? "an identity"
           : strcmp(kind, MV_ARMOUR_PUBLIC) == 0   ? "the public key of a collection"
                                                   : "a revocation";
}

mv_status mv_armour_read(uint8_t *out, size_t cap, size_t *out_len, const char *kind,
                         const char *text, size_t len, mv_error *err)
{
    mv_status st = MV_OK;
    char begin_mark[MARK_MAX], end_mark[MARK_MAX];
    const char *begin = find(text, len, mark(begin_mark, "BEGIN", kind));
    const char *body = begin == NULL ? NULL : begin + strlen(begin_mark);
    const char *end =
        begin == NULL ? NULL : find(body, (size_t)(text + len - body), mark(end_mark, "END", kind));

    *out_len = 0;
    MV_REQUIRE(begin != NULL, err, MV_E_FORMAT, "this is not %s: it has no line \"%s\"", noun(kind),
               begin_mark);
    MV_REQUIRE(end != NULL, err, MV_E_TRUNCATED, "this is half of %s: it has no line \"%s\"",
               noun(kind), end_mark);
    MV_REQUIRE(find(end, (size_t)(text + len - end), begin_mark) == NULL, err, MV_E_FORMAT,
               "the file holds more than one of its kind: %s", begin_mark);
    MV_REQUIRE(sodium_base642bin(out, cap, body, (size_t)(end - body), " \t\r\n", out_len, NULL,
                                 sodium_base64_VARIANT_ORIGINAL) == 0,
               err, MV_E_FORMAT, "this is not %s: its lines are damaged", noun(kind));
done:
    return st;
}
