/* SPDX-License-Identifier: Apache-2.0
 *
 * messages.h: what a client and a relay say to each other, one message a file (msg_*.c), its read
 * beside its write. Bodies are small JSON objects (unknown keys are ignored, so that a later
 * version may add some); proofs and ranges are header values. Every read is bounded and refuses
 * what its write would not produce. docs/formats/wire.md is the specification.
 */
#ifndef MV_WIRE_MESSAGES_H
#define MV_WIRE_MESSAGES_H

#include "base/bytes.h"
#include "medveil/keys.h"
#include "wire/address.h"
#include "wire/route.h"

#define MV_NONCE_LEN      32
#define MV_MESSAGE_MAX    (256 * 1024) /* bytes of a JSON body */
#define MV_LISTING_MAX    1000         /* files on one page of a list */
#define MV_PROBLEM_TEXT   128
#define MV_PROOF_TEXT_MAX 272 /* a proof as a header value, with its final zero */

/* All reads: errors MV_E_FORMAT, MV_E_LIMIT, MV_E_MEMORY; out is then zero. */

/* A nonce to sign: {"nonce":"64 hex digits"}. */
MV_MUST_CHECK mv_status mv_challenge_write(mv_buffer *out, const uint8_t nonce[MV_NONCE_LEN]);
MV_MUST_CHECK mv_status mv_challenge_read(uint8_t nonce[MV_NONCE_LEN], const uint8_t *bytes,
                                          size_t len);

/* What waits in a mailbox: {"files":[{"file":"64 hex digits","bytes":n},..],"more":false},
 * ascending by name; more: ask again after the last name. */
typedef struct mv_listing_entry {
    uint8_t file[MV_FILE_HASH_LEN];
    uint64_t len;
} mv_listing_entry;

typedef struct mv_listing {
    mv_listing_entry entry[MV_LISTING_MAX];
    size_t count;
    bool more;
} mv_listing;

MV_MUST_CHECK mv_status mv_listing_write(mv_buffer *out, const mv_listing *listing);
MV_MUST_CHECK mv_status mv_listing_read(mv_listing *out, const uint8_t *bytes, size_t len);

/* Why a request was refused (RFC 9457): {"status":413,"title":"..","limit_bytes":n}. */
typedef struct mv_problem {
    int status;                  /* HTTP status, 400..599 */
    char title[MV_PROBLEM_TEXT]; /* printable ASCII */
    uint64_t limit_bytes;        /* the limit that was met; 0: none */
} mv_problem;

MV_MUST_CHECK mv_status mv_problem_write(mv_buffer *out, const mv_problem *problem);
MV_MUST_CHECK mv_status mv_problem_read(mv_problem *out, const uint8_t *bytes, size_t len);

/* Proof of holding a signing key, for one request to one relay: the header value
 * "Medveil KEY.NONCE.SIGNATURE" in hex; signed is
 * "medveil relay request 0" || relay key hash || nonce || method || ' ' || target. */
typedef struct mv_proof {
    uint8_t key[32]; /* Ed25519 */
    uint8_t nonce[MV_NONCE_LEN];
    uint8_t signature[64];
} mv_proof;

typedef struct mv_proof_subject {
    const uint8_t *relay_key; /* MV_RELAY_KEY_LEN bytes */
    const char *method;       /* "GET" */
    const char *target;       /* path and query exactly as in the request line */
} mv_proof_subject;

MV_MUST_CHECK mv_status mv_proof_make(mv_proof *out, const mv_identity *identity,
                                      const uint8_t nonce[MV_NONCE_LEN],
                                      const mv_proof_subject *subject);
/* mv_proof_check: the signature only; whether the nonce is good is the relay's to know.
 * errors: MV_E_AUTH, MV_E_LIMIT */
MV_MUST_CHECK mv_status mv_proof_check(const mv_proof *proof, const mv_proof_subject *subject);
void mv_proof_write(char out[MV_PROOF_TEXT_MAX], const mv_proof *proof);
MV_MUST_CHECK mv_status mv_proof_read(mv_proof *out, const char *text);

/* Which bytes of a file: "bytes=first-" or "bytes=first-last"; last UINT64_MAX: to the end. */
typedef struct mv_byte_range {
    uint64_t first, last;
} mv_byte_range;

#define MV_RANGE_TEXT_MAX 64
void mv_byte_range_write(char out[MV_RANGE_TEXT_MAX], const mv_byte_range *range);
MV_MUST_CHECK mv_status mv_byte_range_read(mv_byte_range *out, const char *text);

#endif
