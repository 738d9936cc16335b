/* SPDX-License-Identifier: Apache-2.0
 *
 * scan.h: one encrypted vector against very many encrypted vectors. docs/modules/analysis.md
 * derives the packing, the product and the noise.
 *
 * A vector has 128 numbers. A *group* cipher holds N / 128 = 64 vectors: number k of the vector at
 * place j is coefficient 128 j + k. *Expanding* it gives 128 ciphers, of which number k holds the
 * numbers k of all its vectors, that at place j at coefficient 128 j. A *block* adds up 128
 * expanded groups, group g times X^g [ACLS18]; so it holds N vectors, that of group g and place j
 * at coefficient 128 j + g. Vector i of a group is at place 4 (i mod 16) + i / 16. A query is a
 * group of one vector: expanded, 128 ciphers of constants. Then
 *
 *     sum over k of block[k] * query[k]     holds the N dot products, one a coefficient.
 *
 * The product is that of the bare polynomials modulo Q, times t. With x = Q m / t + e, t x is t e
 * modulo Q; so t x_a x_b t is t^2 e_a e_b, and it stands for -Q m_a m_b modulo t with the noise
 * t e_a e_b. That needs t (sum of e_a e_b) < Q / (2 t), more room than a product that is scaled
 * down, and neither a second basis nor a transform for each product. The factor -Q is taken back in
 * the query.
 *
 * A sender, who has only a public key, encrypts one vector in the set upload4096, with number k at
 * coefficient 2 k, and sends c1 and the even coefficients of c0. The server turns such an *upload*
 * into a cipher of search8192: X -> X^2 leads into its ring, one key switch to its key, and a trace
 * over one level takes away what c0 lacks. What is left has number k at coefficient 4 k; so 16 of
 * them, times X^(512 j), make a *unit*, and four units, times X^u, a *group of uploads*, which is
 * expanded unit by unit: two levels to find the unit, seven for its numbers.
 *
 * Expanded rows are [128][2][data primes][N] words in evaluation form. Everything here is for the
 * set search8192; operations return MV_E_UNSUPPORTED for another.
 */
#ifndef MV_HE_SCAN_H
#define MV_HE_SCAN_H

#include "medveil/bfv.h"

#include <stdbool.h>

#define MV_SCAN_DIMS     128
#define MV_SCAN_LEVELS   9   /* 7 for the numbers (2^7 = MV_SCAN_DIMS), after 2 for the unit */
#define MV_SCAN_GROUPS   128 /* of a block */
#define MV_SCAN_UNIT     16  /* vectors of a unit */
#define MV_SCAN_UNITS    4   /* of a group of uploads */
#define MV_SCAN_KEYS     (MV_SCAN_LEVELS + 2)
#define MV_SCAN_SEED_LEN 32

/* What vectors are put together for. */
typedef enum mv_scan_layout {
    MV_SCAN_GROUP, /* the key holder's, up to 64 vectors */
    MV_SCAN_QUERY, /* one, with the factor that the product leaves */
    MV_SCAN_UPLOAD /* one, number k at coefficient 4 k */
} mv_scan_layout;

const mv_he_set *mv_scan_set(void);
const mv_he_set *mv_scan_upload_set(void);
uint32_t mv_scan_group_vectors(void); /* 64 */
uint32_t mv_scan_block_vectors(void); /* 8192 */

/* Place of vector i of a group: units are filled one after the other. */
static inline uint32_t mv_scan_place_of(uint32_t i)
{
    return MV_SCAN_UNITS * (i % MV_SCAN_UNIT) + i / MV_SCAN_UNIT;
}

/* mv_scan_key: evaluation key number i < MV_SCAN_KEYS of those that a server needs: for levels 0 to
 * 8, to relinearise, and from uploads' key. errors: MV_E_RANDOM, MV_E_MEMORY, MV_E_MISMATCH */
MV_MUST_CHECK mv_status mv_scan_key(mv_he_eval_key **out, const mv_he_key *key,
                                    const mv_he_key *upload_key, uint32_t i);

/* mv_scan_keys_check: all of them are there. errors: MV_E_NOT_FOUND, MV_E_MISMATCH */
MV_MUST_CHECK mv_status mv_scan_keys_check(const mv_he_eval_keys *keys);

/* mv_scan_encode: count vectors of small numbers, 64 in a group at most, else one. */
MV_MUST_CHECK mv_status mv_scan_encode(mv_plain *out, const int8_t *value, uint32_t count,
                                       mv_scan_layout layout);

/* mv_scan_upload_write: one vector, encoded as MV_SCAN_UPLOAD, under the public key of uploads, in
 * mv_scan_upload_size bytes; docs/formats/search.md. mv_scan_upload_write_seeded: for tests and
 * printed vectors only. errors: MV_E_RANDOM, MV_E_MISMATCH */
size_t mv_scan_upload_size(void);
MV_MUST_CHECK mv_status mv_scan_upload_write(mv_he_work *work, uint8_t *out,
                                             const mv_he_public *key, const mv_plain *one);
MV_MUST_CHECK mv_status mv_scan_upload_write_seeded(mv_he_work *work, uint8_t *out,
                                                    const mv_he_public *key, const mv_plain *one,
                                                    const uint8_t seed[MV_SCAN_SEED_LEN]);

/* mv_scan_upload_read: those bytes as a group of uploads with one vector; any bytes.
 * cost: 2 key switches. errors: MV_E_RANGE (not below a prime), those of rotations */
MV_MUST_CHECK mv_status mv_scan_upload_read(mv_he_work *work, mv_cipher *out, const uint8_t *bytes,
                                            const mv_he_eval_keys *keys);

/* mv_scan_append: vector i of a group of uploads is `one`, which mv_scan_upload_read made. group
 * may be empty, with i 0 then. */
MV_MUST_CHECK mv_status mv_scan_append(mv_he_work *work, mv_cipher *group, const mv_cipher *one,
                                       uint32_t i);

/* mv_scan_is_uploads: a group of uploads, not one of the key holder's, which has a seed.
 * mv_scan_coefficient: of number k of vector i of a group, of either kind. */
bool mv_scan_is_uploads(const mv_cipher *group);
uint32_t mv_scan_coefficient(const mv_cipher *group, uint32_t i, uint32_t k);

/* mv_scan_words: of an expanded group, or a block. */
size_t mv_scan_words(void);

/* mv_scan_expand: the 128 ciphers of a group. mv_scan_expand_unit: those of a unit of a group of
 * uploads. out: mv_scan_words, on a cache line.
 * cost: 127 key switches; 129. errors: those of rotations */
MV_MUST_CHECK mv_status mv_scan_expand(mv_he_work *work, uint64_t *out, const mv_cipher *group,
                                       const mv_he_eval_keys *keys);
MV_MUST_CHECK mv_status mv_scan_expand_unit(mv_he_work *work, uint64_t *out, const mv_cipher *group,
                                            uint32_t unit, const mv_he_eval_keys *keys);

/* mv_scan_shift: an expanded group or unit times X^(128 unit + group), in place; unit is 0 for a
 * whole group. mv_scan_merge: block += group, which has its place. */
MV_MUST_CHECK mv_status mv_scan_shift(mv_he_work *work, uint64_t *rows, uint32_t group,
                                      uint32_t unit);
MV_MUST_CHECK mv_status mv_scan_merge(mv_he_work *work, uint64_t *block, const uint64_t *group);

/* mv_scan_number: cipher number k of a block, from its rows [2][data primes][N]. */
MV_MUST_CHECK mv_status mv_scan_number(mv_cipher *out, const uint64_t *rows);

/* Where the scan takes a row of a block from: either a pointer to N words, or scratch (N words)
 * filled. errors stop the scan with that status. */
typedef mv_status (*mv_scan_row)(void *user, uint64_t *scratch, const uint64_t **row, uint32_t dim,
                                 uint32_t poly, uint32_t limb);

/* mv_scan_product: the N dot products of a block and an expanded query, relinearised. The noise set
 * in out is that of any block of 128 groups whose vectors came one by one as uploads.
 * allocates nothing. errors: MV_E_NOISE, MV_E_NOT_FOUND, those of row */
MV_MUST_CHECK mv_status mv_scan_product(mv_he_work *work, mv_cipher *out, const uint64_t *query,
                                        mv_scan_row row, void *user, const mv_he_eval_keys *keys);

/* mv_scan_model: an empty product, for its noise: what mv_cipher_expect wants. */
MV_MUST_CHECK mv_status mv_scan_model(mv_he_work *work, mv_cipher *out);

#endif
