/* SPDX-License-Identifier: Apache-2.0
 *
 * ring.h: polynomials modulo X^N + 1 and a product of primes, one limb (row of N residues) a prime.
 *
 * Coefficient form and evaluation form are two types, so mixing them does not compile; the
 * transforms turn one into the other in place. A ring is immutable once made and may be shared by
 * threads; nothing here allocates.
 */
#ifndef MV_RING_RING_H
#define MV_RING_RING_H

#include "ring/ntt.h"

#define MV_RING_LIMBS_MAX 8

typedef struct mv_ring {
    uint32_t degree; /* N */
    uint32_t limb_count;
    mv_ntt_tables limb[MV_RING_LIMBS_MAX];
} mv_ring;

typedef struct mv_poly_coeff {
    uint64_t *limb; /* limb[i*N + j]: coefficient of X^j mod q_i, in [0,q_i) */
} mv_poly_coeff;

typedef struct mv_poly_eval {
    uint64_t *limb; /* limb[i*N + j]: value at psi_i^(2*bitrev(j)+1) mod q_i, in [0,q_i) */
} mv_poly_eval;

/* A polynomial in evaluation form that will be a factor many times. */
typedef struct mv_poly_known {
    uint64_t *limb, *con; /* con as mv_ntt_con */
} mv_poly_known;

/* mv_ring_words: 64-bit words of memory that mv_ring_init fills. */
size_t mv_ring_words(uint32_t degree, uint32_t limb_count);

/* mv_ring_init: memory 64-byte aligned, kept by the caller as long as the ring; cpu as from
 * mv_cpu_features. errors: MV_E_ARGUMENT as mv_ntt_tables_init, or too many limbs */
MV_MUST_CHECK mv_status mv_ring_init(mv_ring *ring, uint64_t *memory, uint32_t degree,
                                     const uint64_t *prime, uint32_t limb_count, uint32_t cpu);

/* In place: the argument is spent. time  constant */
mv_poly_eval mv_ring_forward(const mv_ring *ring, mv_poly_coeff a);
mv_poly_coeff mv_ring_inverse(const mv_ring *ring, mv_poly_eval a);

/* mv_ring_mul_known: the coefficients of a * b; a is overwritten with them. time  constant */
mv_poly_coeff mv_ring_mul_known(const mv_ring *ring, mv_poly_eval a, mv_poly_known b);

#endif
