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

/* "{number}[&wait={seconds}]" to the end of the target. */
static bool read_wait(mv_route *r, uint64_t *number, const char *text)
{
    uint64_t wait_s = 0;
    if (!skip_number(&text, number, MV_SEQ_MAX)) {
        return false;
    }
    if (skip(&text, "&wait=") && (!skip_number(&text, &wait_s, MV_WAIT_MAX_S) || wait_s == 0)) {
        return false;
    }
    r->wait_s = (uint32_t)wait_s;
    return *text == '\0';
}

static bool read_list(mv_route *r, const char *text)
{
    r->kind = MV_ROUTE_LIST;
    return read_wait(r, &r->after, text);
}

/* What follows a mailbox and "/streams". */
static bool read_streams(mv_route *r, const char *text)
{
    if (skip(&text, "?after=")) {
        r->kind = MV_ROUTE_STREAM_LIST;
        return read_wait(r, &r->after, text);
    }
    if (skip(&text, "/")) {
        r->kind = MV_ROUTE_STREAM_BYTES;
        return skip_hex(&text, r->upload) && skip(&text, "?offset=") &&
               read_wait(r, &r->offset, text);
    }
    r->kind = MV_ROUTE_STREAMS;
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
    if (skip(&text, "/streams")) {
        return read_streams(r, text);
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

static bool read_stream_target(mv_route *r, const char *text)
{
    if (!skip(&text, "/v1/streams/") || !skip_hex(&text, r->upload)) {
        return false;
    }
    r->kind = MV_ROUTE_STREAM;
    if (skip(&text, "?offset=")) {
        r->kind = MV_ROUTE_STREAM_PART;
        return skip_number(&text, &r->offset, MV_SEQ_MAX) && *text == '\0';
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

mv_status mv_route_read(mv_route *out, const char *target)
{
    static bool (*const readers[])(mv_route * r, const char *text) = {
        read_fixed, read_mailbox_target, read_upload_target, read_stream_target};

    for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++) {
        memset(out, 0, sizeof *out);
        if (readers[i](out, target)) {
            return MV_OK;
        }
    }
    memset(out, 0, sizeof *out);
    return MV_E_NOT_FOUND;
}

/* An upload or a stream, and where in it. */
static void write_upload(char out[MV_TARGET_MAX], const mv_route *r)
{
    char id[2 * MV_UPLOAD_ID_LEN + 1];
    const bool stream = r->kind == MV_ROUTE_STREAM || r->kind == MV_ROUTE_STREAM_PART;
    mv_hex_write(id, r->upload, MV_UPLOAD_ID_LEN);
    const int len = snprintf(out, MV_TARGET_MAX, "/v1/%s/%s", stream ? "streams" : "uploads", id);
    if (r->kind == MV_ROUTE_PART || r->kind == MV_ROUTE_STREAM_PART) {
        (void)snprintf(out + len, MV_TARGET_MAX - (size_t)len, "?offset=%" PRIu64, r->offset);
    }
}

/* What follows the mailbox. */
static void write_mailbox_end(char *out, size_t cap, const mv_route *r)
{
    char name[2 * MV_FILE_HASH_LEN + 1];
    const bool stream = r->kind == MV_ROUTE_STREAM_BYTES;
    mv_hex_write(name, stream ? r->upload : r->file, MV_FILE_HASH_LEN);
    switch (r->kind) {
    case MV_ROUTE_LIST:
    case MV_ROUTE_STREAM_LIST:
        (void)snprintf(out, cap, "%s?after=%" PRIu64,
                       r->kind == MV_ROUTE_LIST ? "files" : "streams", r->after);
        break;
    case MV_ROUTE_STREAM_BYTES:
        (void)snprintf(out, cap, "streams/%s?offset=%" PRIu64, name, r->offset);
        break;
    case MV_ROUTE_FILE:
    case MV_ROUTE_RECEIPT:
        (void)snprintf(out, cap, "files/%s%s", name, r->kind == MV_ROUTE_RECEIPT ? "/receipt" : "");
        break;
    default:
        (void)snprintf(out, cap, "%s",
                       r->kind == MV_ROUTE_BUNDLE    ? "bundle"
                       : r->kind == MV_ROUTE_STREAMS ? "streams"
                                                     : "uploads");
        break;
    }
}

static void write_mailbox(char out[MV_TARGET_MAX], const mv_route *r)
{
    char tag[2 * MV_TAG_LEN + 1], end[128] = "";

    mv_hex_write(tag, r->mailbox.tag, MV_TAG_LEN);
    write_mailbox_end(end, sizeof end, r);
    const int len =
        snprintf(out, MV_TARGET_MAX, "/v1/mailboxes/%" PRIu32 "/%s/%s", r->mailbox.epoch, tag, end);
    if (r->wait_s != 0) {
        (void)snprintf(out + len, MV_TARGET_MAX - (size_t)len, "&wait=%" PRIu32, r->wait_s);
    }
}

void mv_route_write(char out[MV_TARGET_MAX], const mv_route *route)
{
    if (route->kind == MV_ROUTE_UPLOAD || route->kind == MV_ROUTE_PART ||
        route->kind == MV_ROUTE_STREAM || route->kind == MV_ROUTE_STREAM_PART) {
        write_upload(out, route);
    } else if (mv_route_has_mailbox(route->kind)) {
        write_mailbox(out, route);
    } else {
        (void)snprintf(out, MV_TARGET_MAX, "%s", mv_route_template(route->kind));
    }
}

bool mv_route_has_mailbox(mv_route_kind kind)
{
    return (kind >= MV_ROUTE_LIST && kind <= MV_ROUTE_UPLOADS) ||
           (kind >= MV_ROUTE_STREAMS && kind <= MV_ROUTE_STREAM_BYTES);
}

#define M "/v1/mailboxes/{epoch}/{tag}"

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
        M "/streams",
        M "/streams?after={seq}",
        M "/streams/{stream}",
        "/v1/streams/{stream}",
        "/v1/streams/{stream}?offset={n}",
    };
    return kind < MV_ROUTE_COUNT ? templates[kind] : "(other)";
}
