/* SPDX-License-Identifier: Apache-2.0
 *
 * route.h: the request targets of the relay's interface, version 1, and the names in them.
 *
 *   /healthz /readyz /metrics            for operators
 *   /v1/challenge                        a fresh nonce to sign
 *   /v1/epochs                           which epoch it is, and which have mail
 *   M/files?after={seq}[&wait={s}]       what waits, at most a page at a time
 *   M/files/{file}                       one file
 *   M/files/{file}/receipt               its receipt
 *   M/bundle                             several small files at once
 *   M/uploads                            begin an upload in parts
 *   /v1/uploads/{upload}[?offset={n}]    that upload, or one part of it
 *   M/streams                            begin a live stream
 *   M/streams?after={seq}[&wait={s}]     those that are live
 *   M/streams/{stream}?offset={n}[&wait={s}]   the bytes of one from there on
 *   /v1/streams/{stream}[?offset={n}]    that stream, or the bytes that are to be added
 *
 * M is /v1/mailboxes/{epoch}/{tag}. {file} is the BLAKE2b-256 of the sealed bytes, {tag} the
 * owner's key blinded for the epoch, {upload} and {stream} 32 random bytes; all are 64 lower-case
 * hexadecimal digits. Numbers are decimal without leading zeros.
 */
#ifndef MV_WIRE_ROUTE_H
#define MV_WIRE_ROUTE_H

#include "base/status.h"

#include <stdbool.h>

#define MV_TAG_LEN       32
#define MV_FILE_HASH_LEN 32
#define MV_UPLOAD_ID_LEN 32
#define MV_TARGET_MAX    256 /* longest target with its final zero is 200 */
#define MV_WAIT_MAX_S    30u
#define MV_BLOCK_LEN     65536u        /* parts begin and end at multiples of this, or at the end */
#define MV_PART_MAX      (64ull << 20) /* bytes of one part */
#define MV_SEQ_MAX       999999999999999999ull

typedef struct mv_mailbox {
    uint32_t epoch;
    uint8_t tag[MV_TAG_LEN];
} mv_mailbox;

typedef enum mv_route_kind {
    MV_ROUTE_HEALTH,
    MV_ROUTE_READY,
    MV_ROUTE_METRICS,
    MV_ROUTE_CHALLENGE,
    MV_ROUTE_EPOCHS,
    MV_ROUTE_LIST,
    MV_ROUTE_FILE,
    MV_ROUTE_RECEIPT,
    MV_ROUTE_BUNDLE,
    MV_ROUTE_UPLOADS,
    MV_ROUTE_UPLOAD,
    MV_ROUTE_PART,
    MV_ROUTE_STREAMS,
    MV_ROUTE_STREAM_LIST,
    MV_ROUTE_STREAM_BYTES,
    MV_ROUTE_STREAM,
    MV_ROUTE_STREAM_PART,
    MV_ROUTE_COUNT
} mv_route_kind;

typedef struct mv_route {
    mv_route_kind kind;
    mv_mailbox mailbox;
    uint8_t file[MV_FILE_HASH_LEN];   /* of a file or its receipt */
    uint8_t upload[MV_UPLOAD_ID_LEN]; /* of an upload, one of its parts, or a stream */
    uint64_t after;                   /* of a list: only files with a greater number */
    uint32_t wait_s; /* of a list or a stream's bytes: 0, or how long to wait, to MV_WAIT_MAX_S */
    uint64_t offset; /* of a part: a multiple of MV_BLOCK_LEN; of a stream: any */
} mv_route;

/* mv_route_read: errors: MV_E_NOT_FOUND for every other text; out is then zero. */
MV_MUST_CHECK mv_status mv_route_read(mv_route *out, const char *target);
void mv_route_write(char out[MV_TARGET_MAX], const mv_route *route);
const char *mv_route_template(mv_route_kind kind); /* for logs: names no mailbox and no file */
bool mv_route_has_mailbox(mv_route_kind kind);

#endif
