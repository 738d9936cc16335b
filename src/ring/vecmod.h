/* SPDX-License-Identifier: Apache-2.0
 *
 * vecmod.h: element by element over one limb: sums, products, reductions. The same pattern as
 * ntt.h: the portable table is complete and is the definition, others agree with it bit for bit
 * wherever the result is fully reduced.
 *
 * Sums of products are kept unreduced in two rows, low and high, and reduced once at the end:
 *     clear both;  mac or mac_scalar up to MV_VEC_MAC_MAX times;  mac_reduce.
 * What the two rows mean is the table's affair (portable: 64 bits each; ifma: 52 and the rest), so
 * all three calls go through one table.
 *
 * Time depends on n only: every row may be secret. Rows may be the same row, never overlap
 * otherwise. n is a multiple of 8, except for the portable table, which takes any.
 */
#ifndef MV_RING_VECMOD_H
#define MV_RING_VECMOD_H

#include "ring/modarith.h"

#define MV_VEC_MAC_MAX 64 /* products in one sum: 64 (2^61)^2 = 2^128 */

/* Arguments: out, inputs, count, modulus. Inputs and outputs are in [0,q) unless said otherwise. */
typedef struct mv_vec_kernels {
    const char *name;
    unsigned con_bits; /* constants of known factors are floor(w * 2^con_bits / q) */

    void (*add)(uint64_t *out, const uint64_t *a, const uint64_t *b, size_t n, const mv_modulus *m);
    void (*sub)(uint64_t *out, const uint64_t *a, const uint64_t *b, size_t n, const mv_modulus *m);
    void (*neg)(uint64_t *out, const uint64_t *a, size_t n, const mv_modulus *m);
    void (*mul)(uint64_t *out, const uint64_t *a, const uint64_t *b, size_t n, const mv_modulus *m);

    /* a * w for known factors. a below 2^con_bits; out [0,2q) */
    void (*mul_known_lazy)(uint64_t *out, const uint64_t *a, const uint64_t *w,
                           const uint64_t *w_con, size_t n, const mv_modulus *m);
    /* a * f for one known factor. a below 2^con_bits */
    void (*mul_scalar)(uint64_t *out, const uint64_t *a, mv_known_factor f, size_t n,
                       const mv_modulus *m);

    /* (high, low) += a * b. a, b below 2^min(61, con_bits) */
    void (*mac)(uint64_t *low, uint64_t *high, const uint64_t *a, const uint64_t *b, size_t n);
    void (*mac_scalar)(uint64_t *low, uint64_t *high, const uint64_t *a, uint64_t w, size_t n);
    /* (high, low) mod q; out may be low */
    void (*mac_reduce)(uint64_t *out, const uint64_t *low, const uint64_t *high, size_t n,
                       const mv_modulus *m);

    /* a mod q for any words a */
    void (*reduce)(uint64_t *out, const uint64_t *a, size_t n, const mv_modulus *m);
    /* a, in [0,from) read as the number nearest 0, that is in (-from/2, from/2), modulo q. from
     * odd, below 2^61 */
    void (*recentre)(uint64_t *out, const uint64_t *a, uint64_t from, size_t n,
                     const mv_modulus *m);
    /* (whole, fraction) += y / q, fraction in units of 2^-64: mv_add_fraction */
    void (*add_fraction)(uint64_t *fraction, uint64_t *whole, const uint64_t *y, size_t n,
                         const mv_modulus *m);
    /* out[j] = a[from[j]]; the order comes from mv_automorphism_order: blocks of 8 stay together.
     */
    void (*permute)(uint64_t *out, const uint64_t *a, const uint32_t *from, size_t n);
} mv_vec_kernels;

extern const mv_vec_kernels mv_vec_portable; /* any prime below 2^61 */
#ifdef MV_HAVE_AVX2
void mv_vec_use_avx2(mv_vec_kernels *k); /* overrides what it has; MV_CPU_AVX2 */
#endif
#ifdef MV_HAVE_AVX512
extern const mv_vec_kernels mv_vec_avx512; /* the same primes; MV_CPU_AVX512 */
#endif
#ifdef MV_HAVE_IFMA
extern const mv_vec_kernels mv_vec_ifma; /* primes below 2^50; MV_CPU_IFMA */
#endif

/* mv_vec_choose: the fastest table for rows of n and primes of at most q_bits; its con_bits is that
 * of mv_ntt_choose for the same arguments. */
mv_vec_kernels mv_vec_choose(uint32_t cpu, uint32_t n, unsigned q_bits);

#endif
