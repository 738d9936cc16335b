/* SPDX-License-Identifier: Apache-2.0
 *
 * ckks.h: real and complex numbers under CKKS (sets real8192, deep8192). Read he.h first.
 *
 * A plain has N/2 slots of complex numbers. Each number is known with a bound that its owner
 * states, |z| <= bound; products multiply bounds, sums add them, and a message that might not fit
 * under the primes that are left is refused. Scales are fixed by the level: the library rescales,
 * and brings operands to one level, by itself. Each product costs one level.
 *
 * Decryption is approximate, m + e. The error e is a function of the secret key: somebody who sees
 * m + e and knows m learns e, and from a few such results the key (IND-CPA-D, [LM21]). So
 *     mv_ckks_decrypt              is for the key holder's own eyes;
 *     mv_ckks_decrypt_to_publish   is for everything that anybody else might see.
 * The second adds uniform noise 2^flood_bits times larger than the bound of e, then rounds to
 * multiples of step. What one result tells about e is then at most 2^-flood_bits for each slot
 * (statistical distance); count the slots published under a key, and use 30 bits more than log2 of
 * them. It costs that many bits of precision; where they are not there it is refused (MV_E_NOISE).
 */
#ifndef MEDVEIL_CKKS_H
#define MEDVEIL_CKKS_H

#include "medveil/he.h"

#ifdef __cplusplus
extern "C" {
#endif

/* mv_ckks_encode: count numbers into the first slots, 0 in the others, at the top level; im may be
 * NULL. mv_ckks_encode_at: at a lower level, for a factor of a cipher that is there already.
 * errors: MV_E_RANGE (a number above bound), MV_E_NOISE (bound does not fit), MV_E_ARGUMENT,
 * MV_E_UNSUPPORTED (not a CKKS set), MV_E_MISMATCH */
MV_API MV_MUST_CHECK mv_status mv_ckks_encode(mv_he_work *work, mv_plain *out, const double *re,
                                              const double *im, size_t count, double bound);
MV_API MV_MUST_CHECK mv_status mv_ckks_encode_at(mv_he_work *work, mv_plain *out, const double *re,
                                                 const double *im, size_t count, double bound,
                                                 uint32_t level);

/* mv_ckks_decrypt: the first count slots; im may be NULL. On error re and im are zero.
 * errors: MV_E_NOISE, MV_E_MISMATCH, MV_E_ARGUMENT, MV_E_UNSUPPORTED */
MV_API MV_MUST_CHECK mv_status mv_ckks_decrypt(mv_he_work *work, double *re, double *im,
                                               size_t count, const mv_he_key *key,
                                               const mv_cipher *cipher);

/* mv_ckks_error_bound: no decrypted slot is farther than this from the exact result, except with
 * probability 2^-128. */
MV_API double mv_ckks_error_bound(const mv_cipher *cipher);

typedef struct mv_ckks_publish {
    uint32_t flood_bits; /* 30..60 */
    double step;         /* results are multiples of it; at least 2^(flood_bits + 1) error bounds */
} mv_ckks_publish;

MV_API MV_MUST_CHECK mv_status mv_ckks_decrypt_to_publish(mv_he_work *work, double *re, double *im,
                                                          size_t count, const mv_he_key *key,
                                                          const mv_cipher *cipher,
                                                          const mv_ckks_publish *how);

/* mv_ckks_mul_number, mv_ckks_add_number: every slot times or plus one public number. The product
 * costs a level. */
MV_API MV_MUST_CHECK mv_status mv_ckks_mul_number(mv_he_work *work, mv_cipher *out,
                                                  const mv_cipher *a, double number);
MV_API MV_MUST_CHECK mv_status mv_ckks_add_number(mv_he_work *work, mv_cipher *out,
                                                  const mv_cipher *a, double number);

/* mv_ckks_polynomial: sum of coefficient[k] x^k, slot by slot, 0 <= k <= degree; needs the
 * relinearisation key and ceil(log2(degree + 1)) levels (at least one). degree 1..63.
 * errors: those of mv_he_mul */
MV_API MV_MUST_CHECK mv_status mv_ckks_polynomial(mv_he_work *work, mv_cipher *out,
                                                  const mv_cipher *x, const double *coefficient,
                                                  uint32_t degree, const mv_he_eval_keys *keys);

/* As their namesakes in bfv.h; |entries| <= bound. x_bound: of the vector. */
MV_API MV_MUST_CHECK mv_status mv_ckks_matrix_new(mv_he_matrix **out, const mv_he_set *set,
                                                  const mv_he_matrix_shape *shape,
                                                  const double *value, double bound);
MV_API MV_MUST_CHECK mv_status mv_ckks_matrix_place(mv_he_work *work, mv_plain *out,
                                                    const mv_he_matrix_shape *shape,
                                                    const double *x, double x_bound);
MV_API MV_MUST_CHECK mv_status mv_ckks_matrix_result(double *y, const mv_he_set *set,
                                                     const mv_he_matrix_shape *shape,
                                                     const double *slot);

#ifdef __cplusplus
}
#endif
#endif
