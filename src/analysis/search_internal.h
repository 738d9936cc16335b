/* SPDX-License-Identifier: Apache-2.0
 *
 * search_internal.h: the bytes of search messages (docs/formats/search.md), for this folder and its
 * tests.
 */
#ifndef MV_ANALYSIS_SEARCH_INTERNAL_H
#define MV_ANALYSIS_SEARCH_INTERNAL_H

#include "base/bytes.h"
#include "he/scan.h"
#include "medveil/analysis.h"

#define MV_SEARCH_HEADER_LEN 56
#define MV_SEARCH_KEY_ID     16

typedef enum mv_search_kind {
    MV_SEARCH_PUBLIC = 1,
    MV_SEARCH_SERVER,
    MV_SEARCH_UPLOAD,
    MV_SEARCH_GROUP,
    MV_SEARCH_QUERY,
    MV_SEARCH_REPLY,
    MV_SEARCH_STORED, /* a group in a gallery's folder */
    MV_SEARCH_BLOCK,  /* and a finished block */
    MV_CLASSIFY_PUBLIC,
    MV_CLASSIFY_QUERY,
    MV_CLASSIFY_REPLY,
    MV_NETWORK_KEYS,
    MV_NETWORK_QUERY,
    MV_NETWORK_REPLY,
    MV_LINEAR_MODEL,
    MV_LINEAR_LABELS,
    MV_ATLAS_FILE,
    MV_ATLAS_QUESTION,
    MV_ATLAS_REPLY,
    MV_ATLAS_KEY
} mv_search_kind;

/* Whose messages these are: only equal ones meet. */
#define MV_SEARCH_ACCESS_LEN 64 /* of a public key's message: the gallery's name, senders' seed */

typedef struct mv_search_owner {
    uint8_t key_id[MV_SEARCH_KEY_ID];
    uint8_t head_hash[MV_SEARCH_HASH_LEN];
} mv_search_owner;

/* mv_search_owner_make: the collection's name in messages, which tells nothing about its key. */
MV_MUST_CHECK mv_status mv_search_owner_make(mv_search_owner *out, const uint8_t collection_key[32],
                                             const uint8_t head_hash[MV_SEARCH_HASH_LEN]);

/* mv_search_sender_seed: what senders sign with. */
MV_MUST_CHECK mv_status mv_search_sender_seed(uint8_t seed[32], const uint8_t collection_key[32],
                                              const uint8_t head_hash[MV_SEARCH_HASH_LEN]);

void mv_search_header_write(uint8_t out[MV_SEARCH_HEADER_LEN], mv_search_kind kind,
                            const mv_search_owner *owner);
/* mv_search_header_read: errors: MV_E_FORMAT, MV_E_TRUNCATED; MV_E_MISMATCH when want (may be NULL)
 * is another owner */
MV_MUST_CHECK mv_status mv_search_header_read(mv_reader *r, mv_search_kind kind,
                                              mv_search_owner *owner, const mv_search_owner *want);

/* mv_search_cipher_len: bytes of a top-level cipher of two polynomials (mv_cipher_write). */
size_t mv_search_cipher_len(const mv_he_set *set, bool seeded);

/* mv_search_cipher_read: the rest of a message: one such cipher with a seed, of out's set.
 * errors: MV_E_TRUNCATED, MV_E_FORMAT, MV_E_RANGE, MV_E_MISMATCH */
MV_MUST_CHECK mv_status mv_search_cipher_read(mv_cipher *out, mv_reader *r);

/* mv_search_query_write: a header and a fresh cipher of this plain, into a message of `size` bytes.
 * errors: MV_E_SPACE, MV_E_RANDOM, .. */
MV_MUST_CHECK mv_status mv_search_query_write(uint8_t *out, size_t cap, size_t size,
                                              mv_search_kind kind, const mv_search_owner *owner,
                                              mv_he_work *work, mv_cipher *cipher,
                                              const mv_he_key *key, const mv_plain *plain);

/* mv_search_classes_read: the header and the number of classes of a reply to a classification. */
MV_MUST_CHECK mv_status mv_search_classes_read(mv_reader *r, uint32_t *classes, mv_search_kind kind,
                                               const mv_search_owner *owner);

/* mv_search_reply_cell: bytes of the reply of one block: a function of the set alone. */
MV_MUST_CHECK mv_status mv_search_reply_cell(mv_he_work *work, mv_cipher *scratch, mv_cipher *model,
                                             size_t *len);

/* mv_classify_fits: |weight| sqrt(68464) + |bias| <= mv_classify_limit(kind), in integers. */
bool mv_classify_fits(const int32_t *weight, int64_t bias, mv_classify_kind kind);

/* ---- Parts of a gallery (gallery_parts.c) ---- */

/* mv_gallery_group_parse: a stored group of this owner. */
MV_MUST_CHECK mv_status mv_gallery_group_parse(mv_reader *r, const mv_search_owner *want,
                                               uint32_t *count, mv_cipher *cipher);
size_t mv_gallery_block_bytes(void);
enum { MV_GALLERY_SLACK = 8 }; /* readable bytes behind a block */
/* Row of a block's bytes into words. errors: MV_E_RANGE */
MV_MUST_CHECK mv_status mv_gallery_block_row(uint64_t *out, const uint8_t *bytes, uint32_t dim,
                                             uint32_t poly, uint32_t limb);

/* Where row r of a block is among the coefficients. */
static inline uint32_t mv_search_coefficient(uint32_t row)
{
    return mv_scan_place_of(row % MV_SEARCH_GROUP_MAX) * MV_SCAN_DIMS + row / MV_SEARCH_GROUP_MAX;
}

#endif
