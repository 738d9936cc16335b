/* SPDX-License-Identifier: Apache-2.0
 *
 * container.h: where everything lies in a .mv of format 0, and what binds it together.
 *
 *     head: header 20 | wraps 112 each | commitment 32
 *     body: directory record 144 | meta | features | exact | signature | padding
 *
 * The directory names the sections that are there, in ascending order of kind; a section is a
 * stream of records (records.h). docs/formats/mv.md has every byte.
 */
#ifndef MV_ENVELOPE_CONTAINER_H
#define MV_ENVELOPE_CONTAINER_H

#include "derive.h"
#include "medveil/envelope.h"

enum {
    MV_FORMAT_VERSION = 0,
    MV_HEADER_LEN = 20,
    MV_WRAP_LEN = 32 + 2 * MV_KEY_LEN + 16,
    MV_COMMITMENT_LEN = MV_HASH_LEN,
    MV_DIRECTORY_SLOTS = 8,
    MV_DIRECTORY_LEN = 16 * MV_DIRECTORY_SLOTS
};

typedef enum mv_section_kind {
    MV_SECTION_DIRECTORY = 0,
    MV_SECTION_META = 1,
    MV_SECTION_FEATURES = 2,
    MV_SECTION_EXACT = 4, /* 3 is kept free for an embedding */
    MV_SECTION_SIGNATURE = 5,
    MV_SECTION_PADDING = 255
} mv_section_kind;

/* The keys of one envelope, in mv_secret memory. The first two are wrapped as one string. */
typedef struct mv_envelope_keys {
    uint8_t envelope[MV_KEY_LEN];   /* AEAD and commitment only */
    uint8_t collection[MV_KEY_LEN]; /* the paper's K: HE only */
    uint8_t section[MV_KEY_LEN];    /* of the section in hand */
    uint8_t shared[32];             /* X25519 result and the wrap's key: scratch of recipients.c */
    uint8_t wrap[MV_KEY_LEN];
} mv_envelope_keys;

/* Bytes of header, wraps and commitment. */
static inline size_t mv_head_len(uint32_t wrap_count)
{
    return MV_HEADER_LEN + (size_t)MV_WRAP_LEN * wrap_count + MV_COMMITMENT_LEN;
}

void mv_header_write(uint8_t out[MV_HEADER_LEN], uint32_t wrap_count, uint64_t body_len);

/* mv_header_read: all fields validated, and len is exactly the length they imply.
 * errors: MV_E_FORMAT, MV_E_TRUNCATED, MV_E_LIMIT */
MV_MUST_CHECK mv_status mv_header_read(mv_envelope_outside *out, const uint8_t *bytes, size_t len,
                                       mv_error *err);

/* mv_commitment: binds both keys to head, which ends before the commitment. */
void mv_commitment(uint8_t out[MV_COMMITMENT_LEN], const mv_envelope_keys *keys,
                   const uint8_t *head, size_t head_len);

/* mv_head_hash: of the whole head with the commitment; goes into every section key. */
void mv_head_hash(uint8_t out[MV_HASH_LEN], const uint8_t *head, size_t head_len);

/* mv_section_key: into keys->section. */
void mv_section_key(mv_envelope_keys *keys, mv_section_kind kind,
                    const uint8_t head_hash[MV_HASH_LEN]);

typedef struct mv_directory {
    size_t count;
    struct {
        mv_section_kind kind;
        uint64_t len; /* plaintext bytes */
    } entry[MV_DIRECTORY_SLOTS];
} mv_directory;

void mv_directory_add(mv_directory *dir, mv_section_kind kind, uint64_t len);
void mv_directory_write(uint8_t out[MV_DIRECTORY_LEN], const mv_directory *dir);

/* mv_directory_read: kinds known and ascending, meta and signature there, unused slots zero.
 * errors: MV_E_FORMAT, MV_E_LIMIT */
MV_MUST_CHECK mv_status mv_directory_read(mv_directory *out, const uint8_t in[MV_DIRECTORY_LEN]);

/* mv_body_len: bytes of directory and sections, before padding. */
uint64_t mv_body_len(const mv_directory *dir);

/* mv_padded_len: the length class of len, at least len, at most 12 % more (PADME). len < 2^62 */
uint64_t mv_padded_len(uint64_t len);

/* Padding is key stream, so any change shows. */
void mv_padding_write(uint8_t *out, size_t len, const uint8_t key[MV_KEY_LEN]);
bool mv_padding_valid(const uint8_t *in, size_t len, const uint8_t key[MV_KEY_LEN]);

#endif
