/* SPDX-License-Identifier: Apache-2.0
 *
 * bfv.h: exact integers under BFV: slots to compute on, and coefficient packing for transport.
 *
 * Slots (sets score4096, score4096w, private8192; read he.h first). A plain has N slots of integers
 * modulo a prime t, in two rows of N/2; values are taken and given nearest 0, in (-t/2, t/2), and
 * wrap round t. Example: examples/02_bfv_basics.c and examples/04_encrypted_dot_product.c.
 *
 * Packing (sets pack* and add*).
 * The paper's K is a 32-byte collection key; a set's secret polynomial is expanded from it. Small
 * integers (features) are put several into one coefficient, encoded as round(q m / t), and hidden
 * as c0 = encode(m) + e - c1 s mod (X^N + 1, q), where c1 is expanded from a fresh 32-byte seed
 * that stands for it in the bytes. c0 is cut to the coefficients that are used, so a larger ring
 * costs no bytes. The error is a centred binomial, |e| <= 21: for sums of up to n ciphertexts
 * decryption cannot fail (worst-case bound), and more than n are refused. Who holds only the public
 * key (b, a) sends c0 = b u + e0 + encode(m), c1 = a u + e1 with a fresh ternary u; the same holds
 * for it, with its own bound. The bytes carry no authentication: only open what an envelope has
 * authenticated.
 */
#ifndef MEDVEIL_BFV_H
#define MEDVEIL_BFV_H

#include "medveil/he.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Slots ---- */

/* mv_bfv_encode: count values into the first slots, 0 in the others; |value| <= t/2, rounded down.
 * mv_bfv_encode_coefficients: the same into coefficients: products are then those of polynomials
 * modulo X^N + 1 (7) (8).
 * errors: MV_E_ARGUMENT, MV_E_RANGE, MV_E_UNSUPPORTED (a set that is not for BFV slots) */
MV_API MV_MUST_CHECK mv_status mv_bfv_encode(mv_plain *out, const int64_t *value, size_t count);
MV_API MV_MUST_CHECK mv_status mv_bfv_encode_coefficients(mv_plain *out, const int64_t *value,
                                                          size_t count);

/* mv_bfv_decrypt: the first count slots (or coefficients), exactly. On error value is zero.
 * errors: MV_E_NOISE, MV_E_MISMATCH, MV_E_ARGUMENT, MV_E_UNSUPPORTED */
MV_API MV_MUST_CHECK mv_status mv_bfv_decrypt(mv_he_work *work, int64_t *value, size_t count,
                                              const mv_he_key *key, const mv_cipher *cipher);
MV_API MV_MUST_CHECK mv_status mv_bfv_decrypt_coefficients(mv_he_work *work, int64_t *value,
                                                           size_t count, const mv_he_key *key,
                                                           const mv_cipher *cipher);

/* mv_bfv_matrix_new: a matrix of shape->rows times shape->cols integers, row by row, ready to be
 * multiplied by encrypted vectors; see mv_he_matrix_mul in he.h.
 * mv_bfv_matrix_place: the plain that holds the vector x[cols].
 * mv_bfv_matrix_result: y[rows] from all slots of the decrypted product. Both sides of a dialogue
 * only need the shape. */
MV_API MV_MUST_CHECK mv_status mv_bfv_matrix_new(mv_he_matrix **out, const mv_he_set *set,
                                                 const mv_he_matrix_shape *shape,
                                                 const int64_t *value);
MV_API MV_MUST_CHECK mv_status mv_bfv_matrix_place(mv_plain *out, const mv_he_matrix_shape *shape,
                                                   const int64_t *x);
MV_API MV_MUST_CHECK mv_status mv_bfv_matrix_result(int64_t *y, const mv_he_set *set,
                                                    const mv_he_matrix_shape *shape,
                                                    const int64_t *slot);

/* ---- Packing ---- */

/* How features are laid out: width bits each, ready for sums of up to sums ciphertexts. The public
 * form has more noise, so fewer features fit in a coefficient, and it carries c1 in full. */
typedef struct mv_pack_shape {
    uint32_t bits;   /* of one fresh feature, 1..24, in sets with slots 1..16 */
    uint32_t sums;   /* n, 1..64 */
    uint32_t count;  /* features */
    mv_he_form form; /* MV_HE_SYM (0) unless said otherwise */
} mv_pack_shape;

/* mv_pack_size: exact bytes of the ciphertext; 0 when the set cannot hold the shape. */
MV_API size_t mv_pack_size(const mv_he_set *set, const mv_pack_shape *shape);

/* mv_pack_encrypt: shape->count features, each below 2^bits, into exactly mv_pack_size bytes; the
 * shape's form is MV_HE_SYM. mv_pack_encrypt_public: the same with MV_HE_PK.
 * errors: MV_E_ARGUMENT, MV_E_RANGE (a feature too large), MV_E_SPACE, MV_E_RANDOM, MV_E_MEMORY */
MV_API MV_MUST_CHECK mv_status mv_pack_encrypt(uint8_t *out, size_t cap, size_t *written,
                                               const mv_he_key *key, const mv_pack_shape *shape,
                                               const uint32_t *feature);
MV_API MV_MUST_CHECK mv_status mv_pack_encrypt_public(uint8_t *out, size_t cap, size_t *written,
                                                      const mv_he_public *key,
                                                      const mv_pack_shape *shape,
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
