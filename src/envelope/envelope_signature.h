/* SPDX-License-Identifier: Apache-2.0
 *
 * envelope_signature.h: the signature section: who sealed, or that nobody says.
 *
 *     CBOR  {1: 0}  anonymous,  or  {1: 1, 2: card, 3: Ed25519 signature}
 *
 * What is signed: hash("medveil 0 sender", head hash | directory | hash of each section before the
 * signature, in order). The head hash covers the wraps, so a recipient can neither change a section
 * nor hand the sender's signature on to somebody else.
 */
#ifndef MV_ENVELOPE_SIGNATURE_H
#define MV_ENVELOPE_SIGNATURE_H

#include "base/bytes.h"
#include "container.h"
#include "identity.h"

/* What the signature covers, filled while sections are sealed or opened. */
typedef struct mv_transcript {
    uint8_t head_hash[MV_HASH_LEN];
    uint8_t directory[MV_DIRECTORY_LEN];
    size_t section_count;
    uint8_t section_hash[MV_DIRECTORY_SLOTS][MV_HASH_LEN]; /* of the plaintext */
} mv_transcript;

#define MV_SIGNATURE_SECTION_MAX (MV_CARD_BYTES_MAX + 128)

/* mv_signature_len: bytes of the section this sender will make; NULL is anonymous. */
size_t mv_signature_len(const mv_identity *sender);

/* mv_signature_write: exactly mv_signature_len bytes are appended. errors: MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_signature_write(mv_buffer *out, const mv_identity *sender,
                                           const mv_transcript *transcript);

/* mv_signature_read: who sealed; the signature is checked. *out is zero on error.
 * errors: MV_E_FORMAT, MV_E_TRUNCATED, MV_E_AUTH */
MV_MUST_CHECK mv_status mv_signature_read(mv_sender *out, const uint8_t *bytes, size_t len,
                                          const mv_transcript *transcript);

#endif
