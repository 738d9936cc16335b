/* SPDX-License-Identifier: Apache-2.0
 *
 * ring.h: polynomials modulo X^N + 1 and a product of primes, one limb (row of N residues) a prime.
 *
 * Coefficient form and evaluation form are two types, so mixing them does not compile; the
 * transforms turn one into the other in place. What is the same in both forms (sums, products by a
 * number) takes bare rows. A ring is immutable once made and may be shared by threads; nothing here
 * allocates, and the time of everything depends on sizes only.
 *
 * Arguments: ring, out, in-outs, inputs. Outputs may be the same polynomial as an input, never
 * overlap otherwise. Every polynomial has the ring's limb_count limbs.
 */
#ifndef MV_RING_RING_H
#define MV_RING_RING_H

#include "ring/ntt.h"

#define MV_RING_LIMBS_MAX 24 /* 868 bits at N = 32768 in primes of 49 bits, and some to spare */

typedef struct mv_ring {
    uint32_t degree; /* N */
    uint32_t limb_count;
    uint32_t cpu; /* MV_CPU_ bits that the kernels were chosen for */
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

/* A sum of products in evaluation form, not reduced; see vecmod.h. */
typedef struct mv_poly_wide {
    uint64_t *low, *high; /* as many words each as a polynomial */
} mv_poly_wide;

/* mv_ring_words: 64-bit words of memory that mv_ring_init fills. */
size_t mv_ring_words(uint32_t degree, uint32_t limb_count);

/* mv_ring_init: memory 64-byte aligned, kept by the caller as long as the ring; cpu as from
 * mv_cpu_features. errors: MV_E_ARGUMENT as mv_ntt_tables_init, or too many limbs */
MV_MUST_CHECK mv_status mv_ring_init(mv_ring *ring, uint64_t *memory, uint32_t degree,
                                     const uint64_t *prime, uint32_t limb_count, uint32_t cpu);

/* mv_ring_pick: the ring of some limbs of another, in the order of index[count]: a level (the first
 * limbs), or a level and the special prime. It borrows the tables of the other; cost: a copy of
 * about 300 bytes a limb, so make it once. */
void mv_ring_pick(mv_ring *out, const mv_ring *ring, const uint32_t *index, uint32_t count);

/* In place: the argument is spent. */
mv_poly_eval mv_ring_forward(const mv_ring *ring, mv_poly_coeff a);
mv_poly_coeff mv_ring_inverse(const mv_ring *ring, mv_poly_eval a);

/* Either form. */
void mv_ring_add(const mv_ring *ring, uint64_t *out, const uint64_t *a, const uint64_t *b);
void mv_ring_sub(const mv_ring *ring, uint64_t *out, const uint64_t *a, const uint64_t *b);
void mv_ring_neg(const mv_ring *ring, uint64_t *out, const uint64_t *a);
/* mv_ring_mul_scalar: out = a * f; f[i] modulo q_i, from mv_ring_factor */
void mv_ring_mul_scalar(const mv_ring *ring, uint64_t *out, const uint64_t *a,
                        const mv_known_factor *f);

/* mv_ring_factor: w in [0,q_limb), perhaps secret, with its constant. */
static inline mv_known_factor mv_ring_factor(const mv_ring *ring, uint32_t limb, uint64_t w)
{
    const mv_known_factor f = {w, mv_ntt_con(w, &ring->limb[limb])};
    return f;
}

void mv_ring_mul(const mv_ring *ring, mv_poly_eval out, mv_poly_eval a, mv_poly_eval b);

/* mv_ring_mul_known: the coefficients of a * b; a is overwritten with them. */
mv_poly_coeff mv_ring_mul_known(const mv_ring *ring, mv_poly_eval a, mv_poly_known b);

/* mv_ring_know: the constants of a; limb of the result is a's, con is given. */
mv_poly_known mv_ring_know(const mv_ring *ring, mv_poly_eval a, uint64_t *con);

/* Sums of up to MV_VEC_MAC_MAX products, reduced once: clear, mac.., reduce. */
void mv_ring_wide_clear(const mv_ring *ring, mv_poly_wide sum);
void mv_ring_mac(const mv_ring *ring, mv_poly_wide sum, mv_poly_eval a, mv_poly_eval b);
/* out.limb may be sum.low */
void mv_ring_wide_reduce(const mv_ring *ring, mv_poly_eval out, mv_poly_wide sum);

/* mv_ring_lift: small signed coefficients to every limb; s[N] in [-127,127], perhaps secret. */
mv_poly_coeff mv_ring_lift(const mv_ring *ring, uint64_t *rows, const int8_t *s);

#endif
