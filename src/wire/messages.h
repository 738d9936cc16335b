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

/* Which epoch it is for the relay, and in which ones somebody's mail waits:
 * {"epoch":2951,"waiting":[2949,2951],"part_bytes_max":67108864}, ascending. */
#define MV_EPOCHS_MAX 64

typedef struct mv_epochs {
    uint32_t now;
    uint32_t waiting[MV_EPOCHS_MAX];
    size_t count;
    uint64_t part_bytes_max; /* a multiple of MV_BLOCK_LEN */
} mv_epochs;

MV_MUST_CHECK mv_status mv_epochs_write(mv_buffer *out, const mv_epochs *epochs);
MV_MUST_CHECK mv_status mv_epochs_read(mv_epochs *out, const uint8_t *bytes, size_t len);

/* What waits in a mailbox: {"files":[{"file":"64 hex digits","bytes":n,"seq":k},..],"more":false},
 * ascending by seq, the number of arrival; more: ask again after the last one. */
typedef struct mv_listing_entry {
    uint8_t file[MV_FILE_HASH_LEN];
    uint64_t len;
    uint64_t seq; /* 1 to MV_SEQ_MAX */
} mv_listing_entry;

typedef struct mv_listing {
    mv_listing_entry entry[MV_LISTING_MAX];
    size_t count;
    bool more;
} mv_listing;

MV_MUST_CHECK mv_status mv_listing_write(mv_buffer *out, const mv_listing *listing);
MV_MUST_CHECK mv_status mv_listing_read(mv_listing *out, const uint8_t *bytes, size_t len);

/* What is to be uploaded in parts: {"file":"64 hex digits","bytes":n}. */
typedef struct mv_offer {
    uint8_t file[MV_FILE_HASH_LEN];
    uint64_t len;
} mv_offer;

MV_MUST_CHECK mv_status mv_offer_write(mv_buffer *out, const mv_offer *offer);
MV_MUST_CHECK mv_status mv_offer_read(mv_offer *out, const uint8_t *bytes, size_t len);

/* The answer: {"upload":"64 hex digits"}, or {"present":true} when the file is there already. */
typedef struct mv_ticket {
    bool present;
    uint8_t upload[MV_UPLOAD_ID_LEN];
} mv_ticket;

MV_MUST_CHECK mv_status mv_ticket_write(mv_buffer *out, const mv_ticket *ticket);
MV_MUST_CHECK mv_status mv_ticket_read(mv_ticket *out, const uint8_t *bytes, size_t len);

/* Which bytes of an upload have arrived: {"bytes":n,"have":[[first,end],..]}: runs [first, end),
 * ascending, with gaps between them. */
#define MV_RUNS_MAX 4096

typedef struct mv_run {
    uint64_t first, end;
} mv_run;

typedef struct mv_runs {
    uint64_t len; /* of the whole file */
    mv_run run[MV_RUNS_MAX];
    size_t count;
} mv_runs;

MV_MUST_CHECK mv_status mv_runs_write(mv_buffer *out, const mv_runs *runs);
MV_MUST_CHECK mv_status mv_runs_read(mv_runs *out, const uint8_t *bytes, size_t len);
bool mv_runs_add(mv_runs *runs, uint64_t first, uint64_t end); /* false: too many runs */
bool mv_runs_whole(const mv_runs *runs);

/* Several small files in one body, each as hash (32) | length (u32 le) | bytes. */
#define MV_BUNDLE_MAX       (16u << 20) /* bytes of the body */
#define MV_BUNDLE_FILES_MAX 1000
#define MV_BUNDLE_FILE_MAX  (4u << 20)
#define MV_BUNDLE_HEAD      36

typedef struct mv_bundled {
    const uint8_t *hash, *bytes; /* in the body */
    uint32_t len;                /* 1 to MV_BUNDLE_FILE_MAX */
} mv_bundled;

MV_MUST_CHECK mv_status mv_bundle_append(mv_buffer *out, const mv_bundled *file);
/* mv_bundle_next: one file from in; MV_E_TRUNCATED, MV_E_LIMIT for what is none. */
MV_MUST_CHECK mv_status mv_bundle_next(mv_bundled *out, mv_reader *in);

/* What became of each: {"results":[201,200,507,..]}, HTTP statuses in the order of the body. */
typedef struct mv_results {
    uint16_t status[MV_BUNDLE_FILES_MAX];
    size_t count;
} mv_results;

MV_MUST_CHECK mv_status mv_results_write(mv_buffer *out, const mv_results *results);
MV_MUST_CHECK mv_status mv_results_read(mv_results *out, const uint8_t *bytes, size_t len);

#define MV_RECEIPT_MAX 4096 /* bytes; the relay does not look into them */

/* Why a request was refused (RFC 9457): {"status":413,"title":"..","limit_bytes":n}. */
typedef struct mv_problem {
    int status;                  /* HTTP status, 400..599 */
    char title[MV_PROBLEM_TEXT]; /* printable ASCII */
    uint64_t limit_bytes;        /* the limit that was met; 0: none */
} mv_problem;

MV_MUST_CHECK mv_status mv_problem_write(mv_buffer *out, const mv_problem *problem);
MV_MUST_CHECK mv_status mv_problem_read(mv_problem *out, const uint8_t *bytes, size_t len);

/* Proof of holding a mailbox's key, for one request to one relay: the header value
 * "Medveil KEY.NONCE.SIGNATURE" in hex; KEY is the tag of the signer's own mailbox in the epoch
 * that the target names; signed is "medveil relay request 1" || relay key hash || nonce || method
 * || ' ' || target. */
typedef struct mv_proof {
    uint8_t key[MV_TAG_LEN]; /* an Ed25519 key, blinded for an epoch */
    uint8_t nonce[MV_NONCE_LEN];
    uint8_t signature[64];
} mv_proof;

typedef struct mv_proof_subject {
    const uint8_t *relay_key; /* MV_RELAY_KEY_LEN bytes */
    const char *method;       /* "GET" */
    const char *target;       /* path and query exactly as in the request line */
    uint32_t epoch;           /* of the key that signs; not used by mv_proof_check */
} mv_proof_subject;

MV_MUST_CHECK mv_status mv_proof_make(mv_proof *out, const mv_identity *identity,
                                      const uint8_t nonce[MV_NONCE_LEN],
                                      const mv_proof_subject *subject);
/* mv_proof_make_seed: with an Ed25519 key from its seed. errors: MV_E_LIMIT, MV_E_INTERNAL */
MV_MUST_CHECK mv_status mv_proof_make_seed(mv_proof *out, const uint8_t seed[32],
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
