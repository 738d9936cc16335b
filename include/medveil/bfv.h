/* SPDX-License-Identifier: Apache-2.0
 *
 * bfv.h: exact integers under BFV, coefficient packing (the sets pack* and add*).
 *
 * The paper's K is a 32-byte collection key; a set's secret polynomial is expanded from it. Small
 * integers (features) are put several into one coefficient, encoded as round(q m / t), and hidden
 * as c0 = encode(m) + e - c1 s mod (X^N + 1, q), where c1 is expanded from a fresh 32-byte seed
 * that stands for it in the bytes. c0 is cut to the coefficients that are used, so a larger ring
 * costs no bytes. The error is a centred binomial, |e| <= 21: for sums of up to n ciphertexts
 * decryption cannot fail (worst-case bound), and more than n are refused. The bytes carry no
 * authentication: only open what an envelope has authenticated.
 */
#ifndef MEDVEIL_BFV_H
#define MEDVEIL_BFV_H

#include "medveil/status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MV_COLLECTION_KEY_LEN 32

/* A checked, immutable parameter set; shared freely between threads; static, never freed. */
typedef struct mv_he_set mv_he_set;

/* mv_he_set_find: the set of this name ("pack4096", "add4096", "pack2048", "pack1024"), else NULL.
 */
MV_API const mv_he_set *mv_he_set_find(const char *name);
MV_API const mv_he_set *mv_he_set_at(size_t i); /* NULL past the last */
MV_API const char *mv_he_set_name(const mv_he_set *set);
MV_API const char *mv_he_set_purpose(const mv_he_set *set); /* one line, says classical-only */
MV_API uint32_t mv_he_set_degree(const mv_he_set *set);     /* N */
MV_API uint32_t mv_he_set_modulus_bits(const mv_he_set *set);

/* The secret of one collection in one set: locked memory, wiped by free. One thread at a time may
 * make or free it; any number may use it. */
typedef struct mv_he_key mv_he_key;
MV_API MV_MUST_CHECK mv_status mv_he_key_new(mv_he_key **out, const mv_he_set *set,
                                             const uint8_t collection_key[MV_COLLECTION_KEY_LEN]);
MV_API void mv_he_key_free(mv_he_key **key);

/* How features are laid out: width bits each, ready for sums of up to sums ciphertexts. */
typedef struct mv_pack_shape {
    uint32_t bits;  /* of one fresh feature, 1..16 */
    uint32_t sums;  /* n, 1..64 */
    uint32_t count; /* features */
} mv_pack_shape;

/* mv_pack_size: exact bytes of the ciphertext; 0 when the set cannot hold the shape. */
MV_API size_t mv_pack_size(const mv_he_set *set, const mv_pack_shape *shape);

/* mv_pack_encrypt: shape->count features, each below 2^bits, into exactly mv_pack_size bytes.
 * errors: MV_E_ARGUMENT, MV_E_RANGE (a feature too large), MV_E_SPACE, MV_E_RANDOM, MV_E_MEMORY */
MV_API MV_MUST_CHECK mv_status mv_pack_encrypt(uint8_t *out, size_t cap, size_t *written,
                                               const mv_he_key *key, const mv_pack_shape *shape,
                                               const uint32_t *feature);

/* mv_pack_inspect: set and shape of a ciphertext, all fields validated, and how many fresh
 * ciphertexts are summed in it. errors: MV_E_FORMAT, MV_E_TRUNCATED, MV_E_RANGE */
MV_API MV_MUST_CHECK mv_status mv_pack_inspect(const mv_he_set **set, mv_pack_shape *shape,
                                               uint32_t *summed, const uint8_t *bytes, size_t len);

/* mv_pack_decrypt: the sums, exactly; cap is the room in feature, in elements. The key's set must
 * be the ciphertext's (MV_E_MISMATCH). On error feature[0..cap) is zero. */
MV_API MV_MUST_CHECK mv_status mv_pack_decrypt(uint32_t *feature, size_t cap, const mv_he_key *key,
                                               const uint8_t *bytes, size_t len);

/* mv_pack_add: the ciphertext of the element-wise sum of two ciphertexts of one shape and set; no
 * key needed. A sum has no seed: it carries c1 in full (mv_pack_sum_size bytes).
 * errors: MV_E_MISMATCH, MV_E_NOISE (more than shape.sums would be summed), those of inspect */
MV_API size_t mv_pack_sum_size(const mv_he_set *set, const mv_pack_shape *shape);
MV_API MV_MUST_CHECK mv_status mv_pack_add(uint8_t *out, size_t cap, size_t *written,
                                           const uint8_t *a, size_t a_len, const uint8_t *b,
                                           size_t b_len);

#ifdef __cplusplus
}
#endif
#endif
