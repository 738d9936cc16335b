/* SPDX-License-Identifier: Apache-2.0
 *
 * route.c: one spelling per target; anything else is not found.
 */
#include "wire/route.h"

#include "wire/hex.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Moves *text past word and says whether it was there. */
static bool skip(const char **text, const char *word)
{
    const size_t len = strlen(word);
    if (strncmp(*text, word, len) != 0) {
        return false;
    }
    *text += len;
    return true;
}

static bool skip_hex(const char **text, uint8_t out[32])
{
    if (!mv_hex_read(out, 32, *text)) {
        return false;
    }
    *text += 64;
    return true;
}

/* A decimal number of at most 18 digits without leading zeros, up to max. */
static bool skip_number(const char **text, uint64_t *out, uint64_t max)
{
    const size_t len = strspn(*text, "0123456789");
    uint64_t number = 0;
    if (len == 0 || len > 18 || (len > 1 && (*text)[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        number = number * 10 + (uint64_t)((*text)[i] - '0');
    }
    *text += len;
    *out = number;
    return number <= max;
}

static bool read_list(mv_route *r, const char *text)
{
    uint64_t wait_s = 0;
    r->kind = MV_ROUTE_LIST;
    if (!skip_number(&text, &r->after, MV_SEQ_MAX)) {
        return false;
    }
    if (skip(&text, "&wait=") && (!skip_number(&text, &wait_s, MV_WAIT_MAX_S) || wait_s == 0)) {
        return false;
    }
    r->wait_s = (uint32_t)wait_s;
    return *text == '\0';
}

static bool read_file(mv_route *r, const char *text)
{
    r->kind = MV_ROUTE_FILE;
    if (!skip_hex(&text, r->file)) {
        return false;
    }
    if (skip(&text, "/receipt")) {
        r->kind = MV_ROUTE_RECEIPT;
    }
    return *text == '\0';
}

static bool read_mailbox_target(mv_route *r, const char *text)
{
    uint64_t epoch = 0;
    if (!skip(&text, "/v1/mailboxes/") || !skip_number(&text, &epoch, UINT32_MAX) ||
        !skip(&text, "/") || !skip_hex(&text, r->mailbox.tag)) {
        return false;
    }
    r->mailbox.epoch = (uint32_t)epoch;
    if (skip(&text, "/files?after=")) {
        return read_list(r, text);
    }
    if (skip(&text, "/files/")) {
        return read_file(r, text);
    }
    r->kind = strcmp(text, "/bundle") == 0 ? MV_ROUTE_BUNDLE : MV_ROUTE_UPLOADS;
    return r->kind == MV_ROUTE_BUNDLE || strcmp(text, "/uploads") == 0;
}

static bool read_upload_target(mv_route *r, const char *text)
{
    if (!skip(&text, "/v1/uploads/") || !skip_hex(&text, r->upload)) {
        return false;
    }
    r->kind = MV_ROUTE_UPLOAD;
    if (skip(&text, "?offset=")) {
        r->kind = MV_ROUTE_PART;
        return skip_number(&text, &r->offset, MV_SEQ_MAX) && *text == '\0' &&
               r->offset % MV_BLOCK_LEN == 0;
    }
    return *text == '\0';
}

static bool read_fixed(mv_route *r, const char *text)
{
    for (mv_route_kind kind = MV_ROUTE_HEALTH; kind < MV_ROUTE_LIST; kind++) {
        if (strcmp(text, mv_route_template(kind)) == 0) {
            r->kind = kind;
            return true;
        }
    }
    return false;
}

/* A target by its template, whose names in braces are {gallery}, {row}, {model} or {n}. */
static bool read_by(mv_route *r, const char *pattern, const char *text)
{
    while (*pattern != '\0') {
        if (skip(&pattern, "{gallery}")) {
            if (!skip_hex(&text, r->gallery)) {
                return false;
            }
        } else if (skip(&pattern, "{row}") || skip(&pattern, "{model}")) {
            if (!skip_hex(&text, r->row)) {
                return false;
            }
        } else if (skip(&pattern, "{n}")) {
            if (!skip_number(&text, &r->number, MV_SEQ_MAX)) {
                return false;
            }
        } else if (*pattern++ != *text++) {
            return false;
        }
    }
    return *text == '\0';
}

static bool read_gallery(mv_route *out, const char *text)
{
    for (mv_route_kind kind = MV_ROUTE_GALLERY_KEYS; kind < MV_ROUTE_COUNT; kind++) {
        memset(out, 0, sizeof *out);
        out->kind = kind;
        if (read_by(out, mv_route_template(kind), text)) {
            return true;
        }
    }
    return false;
}

mv_status mv_route_read(mv_route *out, const char *target)
{
    mv_route mailbox, upload, fixed, gallery;

    memset(out, 0, sizeof *out);
    memset(&mailbox, 0, sizeof mailbox);
    memset(&upload, 0, sizeof upload);
    memset(&fixed, 0, sizeof fixed);
    if (read_fixed(&fixed, target)) {
        *out = fixed;
    } else if (read_mailbox_target(&mailbox, target)) {
        *out = mailbox;
    } else if (read_upload_target(&upload, target)) {
        *out = upload;
    } else if (read_gallery(&gallery, target)) {
        *out = gallery;
    } else {
        return MV_E_NOT_FOUND;
    }
    return MV_OK;
}

static void write_upload(char out[MV_TARGET_MAX], const mv_route *r)
{
    char id[2 * MV_UPLOAD_ID_LEN + 1];
    mv_hex_write(id, r->upload, MV_UPLOAD_ID_LEN);
    if (r->kind == MV_ROUTE_PART) {
        (void)snprintf(out, MV_TARGET_MAX, "/v1/uploads/%s?offset=%" PRIu64, id, r->offset);
    } else {
        (void)snprintf(out, MV_TARGET_MAX, "/v1/uploads/%s", id);
    }
}

static void write_list_end(char *out, size_t cap, const mv_route *r)
{
    if (r->wait_s == 0) {
        (void)snprintf(out, cap, "files?after=%" PRIu64, r->after);
    } else {
        (void)snprintf(out, cap, "files?after=%" PRIu64 "&wait=%" PRIu32, r->after, r->wait_s);
    }
}

static void write_mailbox(char out[MV_TARGET_MAX], const mv_route *r)
{
    char tag[2 * MV_TAG_LEN + 1], file[2 * MV_FILE_HASH_LEN + 1], end[96] = "";

    mv_hex_write(tag, r->mailbox.tag, MV_TAG_LEN);
    mv_hex_write(file, r->file, MV_FILE_HASH_LEN);
    if (r->kind == MV_ROUTE_LIST) {
        write_list_end(end, sizeof end, r);
    } else if (r->kind == MV_ROUTE_FILE || r->kind == MV_ROUTE_RECEIPT) {
        (void)snprintf(end, sizeof end, "files/%s%s", file,
                       r->kind == MV_ROUTE_RECEIPT ? "/receipt" : "");
    } else {
        (void)snprintf(end, sizeof end, "%s", r->kind == MV_ROUTE_BUNDLE ? "bundle" : "uploads");
    }
    (void)snprintf(out, MV_TARGET_MAX, "/v1/mailboxes/%" PRIu32 "/%s/%s", r->mailbox.epoch, tag,
                   end);
}

static void write_by(char out[MV_TARGET_MAX], const char *pattern, const mv_route *r)
{
    char *end = out;
    while (*pattern != '\0') {
        if (skip(&pattern, "{gallery}")) {
            mv_hex_write(end, r->gallery, sizeof r->gallery);
            end += 2 * sizeof r->gallery;
        } else if (skip(&pattern, "{row}") || skip(&pattern, "{model}")) {
            mv_hex_write(end, r->row, sizeof r->row);
            end += 2 * sizeof r->row;
        } else if (skip(&pattern, "{n}")) {
            end += snprintf(end, 24, "%" PRIu64, r->number);
        } else {
            *end++ = *pattern++;
        }
    }
    *end = '\0';
}

void mv_route_write(char out[MV_TARGET_MAX], const mv_route *route)
{
    if (route->kind == MV_ROUTE_UPLOAD || route->kind == MV_ROUTE_PART) {
        write_upload(out, route);
    } else if (mv_route_has_mailbox(route->kind)) {
        write_mailbox(out, route);
    } else {
        write_by(out, mv_route_template(route->kind), route);
    }
}

bool mv_route_has_gallery(mv_route_kind kind)
{
    return kind >= MV_ROUTE_GALLERY_KEYS && kind <= MV_ROUTE_GALLERY_CLASSIFY;
}

bool mv_route_has_mailbox(mv_route_kind kind)
{
    return kind >= MV_ROUTE_LIST && kind <= MV_ROUTE_UPLOADS;
}

#define M "/v1/mailboxes/{epoch}/{tag}"
#define G "/v1/galleries/{gallery}"

const char *mv_route_template(mv_route_kind kind)
{
    static const char *const templates[MV_ROUTE_COUNT] = {
        "/healthz",
        "/readyz",
        "/metrics",
        "/v1/challenge",
        "/v1/epochs",
        M "/files",
        M "/files/{file}",
        M "/files/{file}/receipt",
        M "/bundle",
        M "/uploads",
        "/v1/uploads/{upload}",
        "/v1/uploads/{upload}?offset={n}",
        G "/keys",
        G "/mask",
        G "/rows/{row}",
        G "/groups",
        G "/records?after={n}",
        G "/search",
        G "/parts/{n}",
        G "/repack",
        G "/classify/{model}",
        "/v1/models",
        "/v1/atlases",
        "/v1/atlases/{model}",
    };
    return kind < MV_ROUTE_COUNT ? templates[kind] : "(other)";
}
