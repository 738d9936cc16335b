/* SPDX-License-Identifier: Apache-2.0
 *
 * envelope_signature.h: the seal, the last section: a hash of the whole body, and who sealed it, or
 * that nobody says.
 *
 *     CBOR  {1: 0, 2: body hash}  anonymous,  or  {1: 1, 2: body hash, 3: card, 4: signature}
 *
 * body hash = hash("medveil 1 body", SHA-256 of the sealed bytes of each section before the seal).
 * Signed by Ed25519: hash("medveil 1 sender", head hash | body hash). The head hash covers the
 * wraps and commits to the keys, so a recipient can neither change a section nor hand the sender's
 * signature on to somebody else.
 */
#ifndef MV_ENVELOPE_SIGNATURE_H
#define MV_ENVELOPE_SIGNATURE_H

#include "base/bytes.h"
#include "container.h"
#include "identity.h"

/* What the seal covers. */
typedef struct mv_transcript {
    uint8_t head_hash[MV_HASH_LEN];
    uint8_t body_hash[MV_HASH_LEN];
} mv_transcript;

#define MV_SEAL_LEN_MAX 1696 /* a card of MV_CARD_BYTES_MAX and 160 bytes more */

/* mv_body_hash: of count section hashes, one after another. */
void mv_body_hash(uint8_t out[MV_HASH_LEN], const uint8_t *hashes, size_t count);

/* mv_seal_len: bytes of the section this sender will make; NULL is anonymous. */
size_t mv_seal_len(const mv_identity *sender);

/* mv_seal_write: exactly mv_seal_len bytes are appended. errors: MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_seal_write(mv_buffer *out, const mv_identity *sender,
                                      const mv_transcript *transcript);

/* mv_seal_read: who sealed; body hash and signature are checked. *out is zero on error.
 * errors: MV_E_FORMAT, MV_E_TRUNCATED, MV_E_AUTH */
MV_MUST_CHECK mv_status mv_seal_read(mv_sender *out, const uint8_t *bytes, size_t len,
                                     const mv_transcript *transcript);

#endif
