/* SPDX-License-Identifier: Apache-2.0
 *
 * records.h: a section as a stream of authenticated records.
 *
 * The plaintext is cut into pieces of MV_RECORD_LEN bytes, the last one 0 to MV_RECORD_LEN bytes
 * long (an empty section has one empty record). Each piece is ChaCha20-Poly1305 (RFC 8439) under
 * the section's key, nonce = index (8 bytes, little-endian) | 1 for the last, else 0 | three zeros.
 * A key is used for one section of one envelope only. The section's hash is SHA-256 of its sealed
 * bytes: who knows the key decides nothing with it, and who checks it needs no key.
 */
#ifndef MV_ENVELOPE_RECORDS_H
#define MV_ENVELOPE_RECORDS_H

#include "base/status.h"
#include "derive.h"

#include <stdbool.h>

enum { MV_RECORD_LEN = 65536, MV_TAG_LEN = 16, MV_RECORD_SEALED = MV_RECORD_LEN + MV_TAG_LEN };

/* mv_records_len: bytes of the stream of plain_len bytes, plain_len at most 2^41. */
uint64_t mv_records_len(uint64_t plain_len);

/* mv_records_count: records of the stream, at least 1. */
uint64_t mv_records_count(uint64_t plain_len);

/* The machinery of one stream after another, and room for one record of each kind. */
typedef struct mv_records {
    void *cipher, *digest, *watch; /* libcrypto's contexts */
    uint64_t index;
    bool hashing, watching;
    uint8_t plain[MV_RECORD_LEN], sealed[MV_RECORD_SEALED];
} mv_records;

/* errors: MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_records_new(mv_records **out);
void mv_records_free(mv_records **records); /* wipes */

/* mv_records_start: the next stream. key NULL: records are only hashed.
 * errors: MV_E_MEMORY (libcrypto) */
MV_MUST_CHECK mv_status mv_records_start(mv_records *r, const uint8_t *key, bool sealing);

/* mv_records_watch: after start, also make a tag of the sealed bytes (Poly1305 under a key that
 * nobody else ever knows), by which a section is recognised when it is read again; a third of the
 * cost of the hash. alone: the hash is not made. errors: MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_records_watch(mv_records *r, const uint8_t key[MV_KEY_LEN], bool alone);

/* The next record: len bytes of r->plain to r->sealed, or back. On failure r->plain is zero.
 * errors: MV_E_AUTH, MV_E_INTERNAL */
MV_MUST_CHECK mv_status mv_records_seal(mv_records *r, size_t len, bool last);
MV_MUST_CHECK mv_status mv_records_open(mv_records *r, size_t len, bool last);
MV_MUST_CHECK mv_status mv_records_skip(mv_records *r, size_t len); /* hashes r->sealed only */

/* The stream is complete: its hash, its tag. errors: MV_E_INTERNAL */
MV_MUST_CHECK mv_status mv_records_end(mv_records *r, uint8_t hash[MV_HASH_LEN]);
MV_MUST_CHECK mv_status mv_records_tag(mv_records *r, uint8_t tag[MV_TAG_LEN]);

#endif
