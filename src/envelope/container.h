/* SPDX-License-Identifier: Apache-2.0
 *
 * container.h: where everything lies in a .mv of format 1, and what binds it together.
 *
 *     head: header 20 | wraps 1200 each | commitment 32
 *     body: start 32 | manifest | features and original of each member | seal | padding
 *
 * Sections are numbered from 0 (start) on; each is a stream of records (records.h) under a key of
 * its own. docs/formats/mv.md has every byte.
 */
#ifndef MV_ENVELOPE_CONTAINER_H
#define MV_ENVELOPE_CONTAINER_H

#include "derive.h"
#include "medveil/envelope.h"
#include "xwing.h"

enum {
    MV_FORMAT_VERSION = 1,
    MV_HEADER_LEN = 20,
    MV_WRAP_LEN = MV_XWING_CIPHER_LEN + 2 * MV_KEY_LEN + 16,
    MV_COMMITMENT_LEN = MV_HASH_LEN,
    MV_START_LEN = 16,
    MV_MANIFEST_LEN_MAX = 1 << 22
};

/* Section numbers that are the same in every envelope; members follow, the seal is the last. */
enum { MV_SECTION_START = 0, MV_SECTION_MANIFEST = 1, MV_SECTION_MEMBERS = 2 };

/* The keys of one envelope, in mv_secret memory. The first two are wrapped as one string. */
typedef struct mv_envelope_keys {
    uint8_t envelope[MV_KEY_LEN];        /* AEAD and commitment only */
    uint8_t collection[MV_KEY_LEN];      /* the paper's K: HE only */
    uint8_t section[MV_KEY_LEN];         /* of the section in hand */
    uint8_t shared[MV_XWING_SHARED_LEN]; /* X-Wing's result and the wrap's key: recipients.c */
    uint8_t wrap[MV_KEY_LEN];
} mv_envelope_keys;

/* Bytes of header, wraps and commitment. */
static inline size_t mv_head_len(uint32_t wrap_count)
{
    return MV_HEADER_LEN + (size_t)MV_WRAP_LEN * wrap_count + MV_COMMITMENT_LEN;
}

void mv_header_write(uint8_t out[MV_HEADER_LEN], uint32_t wrap_count, uint64_t body_len);

/* mv_header_read: all fields validated, and file_len is exactly the length they imply. bytes has
 * MV_HEADER_LEN bytes, or file_len if that is less.
 * errors: MV_E_FORMAT, MV_E_TRUNCATED, MV_E_LIMIT */
MV_MUST_CHECK mv_status mv_header_read(mv_envelope_outside *out, const uint8_t *bytes,
                                       uint64_t file_len, mv_error *err);

/* mv_commitment: binds both keys to head, which ends before the commitment. */
void mv_commitment(uint8_t out[MV_COMMITMENT_LEN], const mv_envelope_keys *keys,
                   const uint8_t *head, size_t head_len);

/* mv_head_hash: of the whole head with the commitment; goes into every section key. */
void mv_head_hash(uint8_t out[MV_HASH_LEN], const uint8_t *head, size_t head_len);

/* mv_section_key, mv_padding_key: into keys->section. */
void mv_section_key(mv_envelope_keys *keys, uint64_t index, const uint8_t head_hash[MV_HASH_LEN]);
void mv_padding_key(mv_envelope_keys *keys, const uint8_t head_hash[MV_HASH_LEN]);

/* The first section: what a reader must know to find the second and to bound the last. */
typedef struct mv_start {
    uint64_t manifest_len, seal_len; /* plaintext bytes */
} mv_start;

void mv_start_write(uint8_t out[MV_START_LEN], const mv_start *start);
/* errors: MV_E_FORMAT, MV_E_LIMIT */
MV_MUST_CHECK mv_status mv_start_read(mv_start *out, const uint8_t in[MV_START_LEN]);

/* mv_padded_len: the length class of len, at least len, at most 12 % more (PADME). len < 2^62 */
uint64_t mv_padded_len(uint64_t len);

/* mv_padding: bytes [at, at + len) of the padding, key stream under a key used for nothing else. at
 * is a multiple of 64. */
void mv_padding(uint8_t *out, uint64_t at, size_t len, const uint8_t key[MV_KEY_LEN]);

#endif
