/* SPDX-License-Identifier: Apache-2.0
 *
 * route.h: the request targets of the relay's interface, version 1, and the names in them.
 *
 *   /healthz                                     is it alive
 *   /v1/challenge                                a fresh nonce to sign
 *   /v1/mailboxes/{mailbox}/files[?after={file}] what waits, at most a page at a time
 *   /v1/mailboxes/{mailbox}/files/{file}         one file
 *
 * {mailbox} is the hash of the owner's signing key with a label, {file} the BLAKE2b-256 of the
 * sealed bytes; both are 64 lower-case hexadecimal digits.
 */
#ifndef MV_WIRE_ROUTE_H
#define MV_WIRE_ROUTE_H

#include "base/status.h"

#include <stdbool.h>

#define MV_MAILBOX_LEN   32
#define MV_FILE_HASH_LEN 32
#define MV_TARGET_MAX    192 /* longest target with its final zero is 158 */

typedef enum mv_route_kind {
    MV_ROUTE_HEALTH,
    MV_ROUTE_CHALLENGE,
    MV_ROUTE_LIST,
    MV_ROUTE_FILE,
    MV_ROUTE_COUNT
} mv_route_kind;

typedef struct mv_route {
    mv_route_kind kind;
    uint8_t mailbox[MV_MAILBOX_LEN];
    uint8_t file[MV_FILE_HASH_LEN]; /* of a file; of a list: only names greater than this one */
} mv_route;

/* mv_route_read: errors: MV_E_NOT_FOUND for every other text; out is then zero. */
MV_MUST_CHECK mv_status mv_route_read(mv_route *out, const char *target);
void mv_route_write(char out[MV_TARGET_MAX], const mv_route *route);
const char *mv_route_template(mv_route_kind kind); /* for logs: names no mailbox and no file */

/* mv_mailbox_of: the mailbox of whoever holds this Ed25519 key: BLAKE2b-256 of label and key. */
void mv_mailbox_of(uint8_t mailbox[MV_MAILBOX_LEN], const uint8_t sign_public[32]);

#endif
