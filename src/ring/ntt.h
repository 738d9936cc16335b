/* SPDX-License-Identifier: Apache-2.0
 *
 * ntt.h: the number-theoretic transform, its contract, its tables and its kernels.
 *
 * Modulo a prime q with 2N | q - 1 and psi the smallest primitive 2N-th root of unity, the forward
 * transform evaluates a polynomial of X^N + 1 at the odd powers of psi, in bit-reversed order:
 *     out[k] = a(psi^(2 * bitrev(k) + 1)),    bitrev over log2 N bits,
 * so that products modulo X^N + 1 become element-wise products; the inverse undoes it.
 * Butterflies are Harvey's: values stay below 4q (forward) or 2q (inverse) and are reduced once at
 * the end [Har14]; the loops are those of [LN16].
 *
 * A kernel family is an mv_ntt_kernels: portable is complete and is the definition; other families
 * agree with it bit for bit. The choice is made when the tables are, per prime.
 */
#ifndef MV_RING_NTT_H
#define MV_RING_NTT_H

#include "ring/vecmod.h"

typedef struct mv_ntt_tables mv_ntt_tables;

/* Every array has n elements of [0,q) and is 64-byte aligned unless said otherwise. */
typedef struct mv_ntt_kernels {
    const char *name;
    unsigned con_bits; /* constants of known factors are floor(w * 2^con_bits / q) */

    /* In place. in [0,q), out [0,q), coefficient form to evaluation form. */
    void (*forward)(uint64_t *a, const mv_ntt_tables *t);
    /* In place. in [0,2q), out [0,q), evaluation form to coefficient form. */
    void (*inverse)(uint64_t *a, const mv_ntt_tables *t);
} mv_ntt_kernels;

/* Immutable once made. The arrays borrow the memory given to mv_ntt_tables_init. */
struct mv_ntt_tables {
    uint32_t n, log_n;
    mv_modulus mod;
    uint64_t psi;                            /* smallest primitive 2n-th root of unity */
    mv_ntt_kernels kernels;                  /* what works on these tables */
    mv_vec_kernels vec;                      /* element-wise, with the same con_bits */
    const uint64_t *root, *root_con;         /* root[i] = psi^bitrev(i), index 0 unused */
    const uint64_t *inv_root, *inv_root_con; /* inv_root[i] = psi^-bitrev(i), likewise */
    mv_known_factor n_inv;                   /* 1/n */
    mv_known_factor
        n_inv_root; /* inv_root[1] / n: the last inverse layer and the scaling at once */
};

extern const mv_ntt_kernels mv_ntt_portable; /* any prime below 2^61, any n from 2 */
#ifdef MV_HAVE_AVX2
extern const mv_ntt_kernels mv_ntt_avx2; /* the same primes, n from 32; MV_CPU_AVX2 */
extern const mv_ntt_kernels mv_ntt_fma;  /* primes below 2^50, n from 32; MV_CPU_AVX2 */
#endif
#ifdef MV_HAVE_AVX512
extern const mv_ntt_kernels mv_ntt_avx512; /* the same primes, n from 32; MV_CPU_AVX512 */
#endif
#ifdef MV_HAVE_IFMA
extern const mv_ntt_kernels mv_ntt_ifma; /* primes below 2^50, n from 32; MV_CPU_IFMA */
#endif

/* mv_ntt_choose: the fastest kernels that these features (MV_CPU_ bits) and this prime allow. */
mv_ntt_kernels mv_ntt_choose(uint32_t cpu, uint32_t n, unsigned q_bits);

/* mv_ntt_tables_words: 64-bit words of memory that mv_ntt_tables_init fills for n. */
size_t mv_ntt_tables_words(uint32_t n);

/* mv_ntt_tables_init: n a power of two, 2 <= n <= 65536; memory 64-byte aligned, kept by the caller
 * as long as the tables. vec has the con_bits of kernels.
 * errors: MV_E_ARGUMENT when q is not a prime below 2^61 with 2n | q - 1 */
MV_MUST_CHECK mv_status mv_ntt_tables_init(mv_ntt_tables *t, uint64_t *memory, uint32_t n,
                                           uint64_t q, const mv_ntt_kernels *kernels,
                                           const mv_vec_kernels *vec);

/* mv_ntt_con: the constant of a known factor w in [0,q) for the kernels of t; w may be secret. */
static inline uint64_t mv_ntt_con(uint64_t w, const mv_ntt_tables *t)
{
    return mv_shoup_con(w, &t->mod) >> (64 - t->kernels.con_bits);
}

#endif
