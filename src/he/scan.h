/* SPDX-License-Identifier: Apache-2.0
 *
 * scan.h: one encrypted vector against very many encrypted vectors. docs/modules/analysis.md
 * derives the packing, the product and the noise.
 *
 * A vector has 128 numbers. A *group* cipher holds N / 128 vectors: number k of vector j is
 * coefficient 128 j + k. *Expanding* it gives 128 ciphers, of which number k holds the numbers k of
 * all its vectors, vector j's at coefficient 128 j. A *block* adds up 128 expanded groups, group g
 * times X^g [ACLS18]; so it holds N vectors, that of group g and place j at coefficient 128 j + g.
 * A query is a group of one vector: expanded, 128 ciphers of constants. Then
 *
 *     sum over k of block[k] * query[k]     holds the N dot products, one a coefficient.
 *
 * The product is that of the bare polynomials modulo Q, times t. With x = Q m / t + e, t x is t e
 * modulo Q; so t x_a x_b t is t^2 e_a e_b, and it stands for -Q m_a m_b modulo t with the noise
 * t e_a e_b. That needs t (sum of e_a e_b) < Q / (2 t), more room than a product that is scaled
 * down, and neither a second basis nor a transform for each product. The factor -Q is taken back in
 * the query.
 *
 * Expanded rows are [128][2][data primes][N] words in evaluation form. Everything here is for the
 * set search8192; operations return MV_E_UNSUPPORTED for another.
 */
#ifndef MV_HE_SCAN_H
#define MV_HE_SCAN_H

#include "medveil/bfv.h"

#include <stdbool.h>

#define MV_SCAN_DIMS   128
#define MV_SCAN_LEVELS 7   /* 2^7 = MV_SCAN_DIMS */
#define MV_SCAN_GROUPS 128 /* of a block */
#define MV_SCAN_KEYS   (MV_SCAN_LEVELS + 1)

const mv_he_set *mv_scan_set(void);
uint32_t mv_scan_group_vectors(void); /* 64 */
uint32_t mv_scan_block_vectors(void); /* 8192 */

/* mv_scan_key: evaluation key number i < MV_SCAN_KEYS of those that a server needs, to relinearise
 * and to expand. errors: MV_E_RANDOM, MV_E_MEMORY, MV_E_MISMATCH */
MV_MUST_CHECK mv_status mv_scan_key(mv_he_eval_key **out, const mv_he_key *key, uint32_t i);

/* mv_scan_keys_check: all of them are there. errors: MV_E_NOT_FOUND, MV_E_MISMATCH */
MV_MUST_CHECK mv_status mv_scan_keys_check(const mv_he_eval_keys *keys);

/* mv_scan_encode: count <= 64 vectors of small numbers as a group; a query is one vector with
 * `query` set, which puts in the factor that the product leaves. */
MV_MUST_CHECK mv_status mv_scan_encode(mv_plain *out, const int8_t *value, uint32_t count,
                                       bool query);

/* mv_scan_append: group += X^(128 place) one; both from the public key. group may be empty, with
 * place 0 then. */
MV_MUST_CHECK mv_status mv_scan_append(mv_he_work *work, mv_cipher *group, const mv_cipher *one,
                                       uint32_t place);

/* mv_scan_words: of an expanded group, or a block. */
size_t mv_scan_words(void);

/* mv_scan_expand: the 128 ciphers of a group. out: mv_scan_words, on a cache line.
 * cost: 127 key switches. errors: those of rotations */
MV_MUST_CHECK mv_status mv_scan_expand(mv_he_work *work, uint64_t *out, const mv_cipher *group,
                                       const mv_he_eval_keys *keys);

/* mv_scan_place: an expanded group times X^place, place < 128, in place. mv_scan_merge: block +=
 * group, which has its place. */
MV_MUST_CHECK mv_status mv_scan_place(mv_he_work *work, uint64_t *group, uint32_t place);
MV_MUST_CHECK mv_status mv_scan_merge(mv_he_work *work, uint64_t *block, const uint64_t *group);

/* mv_scan_number: cipher number k of a block, from its rows [2][data primes][N]. */
MV_MUST_CHECK mv_status mv_scan_number(mv_cipher *out, const uint64_t *rows);

/* Where the scan takes a row of a block from: either a pointer to N words, or scratch (N words)
 * filled. errors stop the scan with that status. */
typedef mv_status (*mv_scan_row)(void *user, uint64_t *scratch, const uint64_t **row, uint32_t dim,
                                 uint32_t poly, uint32_t limb);

/* mv_scan_product: the N dot products of a block and an expanded query, relinearised. The noise set
 * in out is that of any block of 128 groups whose vectors came one by one from the public key.
 * allocates nothing. errors: MV_E_NOISE, MV_E_NOT_FOUND, those of row */
MV_MUST_CHECK mv_status mv_scan_product(mv_he_work *work, mv_cipher *out, const uint64_t *query,
                                        mv_scan_row row, void *user, const mv_he_eval_keys *keys);

/* mv_scan_model: an empty product, for its noise: what mv_cipher_expect wants. */
MV_MUST_CHECK mv_status mv_scan_model(mv_he_work *work, mv_cipher *out);

#endif
