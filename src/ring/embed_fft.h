/* SPDX-License-Identifier: Apache-2.0
 *
 * embed_fft.h: the canonical embedding, between N real coefficients and N/2 complex slots. [CKKS17]
 *
 *     slot j of m:  z_j = m(zeta^(3^j)),   zeta = exp(i pi / N),  0 <= j < N/2
 *
 * The other N/2 odd powers of zeta give the conjugates. Of each pair one exponent is 1 modulo 4,
 * and there zeta^(e N/2) = i. So with c_j = m_j + i m_(j + N/2), j < N/2, m takes the value of
 * c(X) at N/2 points where X^(N/2) = i: a transform of half the size, with the same butterflies as
 * the number-theoretic one, and an array of N doubles is m and c at once: real parts first.
 *
 * Every step is one rounding of an IEEE double, in the same order everywhere, and the roots come
 * from integer arithmetic: all machines and kernels give the same bits. The error of a slot is
 * below log2(N) 2^-51 of the largest magnitude.
 */
#ifndef MV_RING_EMBED_FFT_H
#define MV_RING_EMBED_FFT_H

#include "base/status.h"

typedef struct mv_embed_tables mv_embed_tables;

/* A kernel family, as in ntt.h. In place, on N doubles read as c: coefficients to values in the
 * order of the transform, and back but for a factor N/2. Time depends on N only. */
typedef struct mv_embed_kernels {
    const char *name;
    void (*forward)(double *a, const mv_embed_tables *t);
    void (*inverse)(double *a, const mv_embed_tables *t);
} mv_embed_kernels;

extern const mv_embed_kernels mv_embed_portable;
#ifdef MV_HAVE_AVX512
extern const mv_embed_kernels mv_embed_avx512; /* N from 64; MV_CPU_AVX512 */
#endif

/* mv_embed_choose: the fastest kernels that these features (MV_CPU_ bits) and this N allow. */
mv_embed_kernels mv_embed_choose(uint32_t cpu, uint32_t n);

/* Immutable once made; borrows its memory. */
struct mv_embed_tables {
    uint32_t n;            /* N */
    const double *re, *im; /* roots in the order of the butterflies, N/2 of them, index 0 unused */
    const uint32_t *place; /* slot j: its index in the transform; top bit set: conjugated */
    mv_embed_kernels kernels;
};

/* mv_embed_size: bytes of memory that mv_embed_init fills, a multiple of 64. */
size_t mv_embed_size(uint32_t n);

/* mv_embed_init: with the kernels of this processor; n a power of two, 4 <= n <= 65536; memory
 * 64-byte aligned. errors: MV_E_ARGUMENT
 */
MV_MUST_CHECK mv_status mv_embed_init(mv_embed_tables *t, void *memory, uint32_t n);

/* mv_embed_encode: m[N], not rounded, whose slots are scale * (re[j] + i im[j]) for j < count and 0
 * beyond. count <= N/2; im may be NULL: all zero. time  depends on N and count only */
void mv_embed_encode(const mv_embed_tables *t, double *m, const double *re, const double *im,
                     uint32_t count, double scale);

/* mv_embed_decode: the first count slots of m[N], which is overwritten; im may be NULL. */
void mv_embed_decode(const mv_embed_tables *t, double *re, double *im, uint32_t count, double *m);

#endif
