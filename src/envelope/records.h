/* SPDX-License-Identifier: Apache-2.0
 *
 * records.h: a section as a stream of authenticated records.
 *
 * The plaintext is cut into pieces of MV_RECORD_LEN bytes, the last one 0 to MV_RECORD_LEN bytes
 * long (an empty section has one empty record). Each piece is ChaCha20-Poly1305 (RFC 8439) under
 * the section's key, nonce = index (8 bytes, little-endian) | 1 for the last, else 0 | three zeros.
 * A key is used for one section of one envelope only.
 */
#ifndef MV_ENVELOPE_RECORDS_H
#define MV_ENVELOPE_RECORDS_H

#include "base/status.h"
#include "derive.h"

#include <stdbool.h>

enum { MV_RECORD_LEN = 65536, MV_TAG_LEN = 16 };

/* mv_records_len: bytes of the stream of plain_len bytes, plain_len at most 2^40. */
uint64_t mv_records_len(uint64_t plain_len);

/* mv_records_seal: mv_records_len(len) bytes into out; hash is BLAKE2b-256 of the plaintext. */
void mv_records_seal(uint8_t *out, uint8_t hash[MV_HASH_LEN], const uint8_t *plain, size_t len,
                     const uint8_t key[MV_KEY_LEN]);

/* mv_records_open: the same backwards; false when any record is not authentic, and plain is then
 * zero. in has mv_records_len(len) bytes. */
bool mv_records_open(uint8_t *plain, uint8_t hash[MV_HASH_LEN], size_t len, const uint8_t *in,
                     const uint8_t key[MV_KEY_LEN]);

#endif
