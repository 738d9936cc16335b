/* SPDX-License-Identifier: Apache-2.0
 *
 * ntt_avx2.c: the transform on AVX2, four residues at once, for primes below 2^61. Compiled with
 * its own flags; called only when the processor has MV_CPU_AVX2.
 *
 * The two closest layers work on 8 neighbours in two registers, e0..e3 and e4..e7, whose elements
 * are exchanged between the layers; ntt_layers.h has the others.
 */
#include "ring/lanes256.h"

enum { CLOSE = 4 };

#include "ring/ntt_layers.h"

/* Factors of the butterflies 2 and 1 apart in the 8 elements of block b: those of e0 e1 e4 e5 and
 * of e0 e2 e4 e6. w and con point to the first factor of the layer. */
static inline __m256i two_each(const uint64_t *w) /* w0 w0 w1 w1 */
{
    const __m128i pair = _mm_loadu_si128((const __m128i *)(const void *)w);
    return _mm256_permute4x64_epi64(_mm256_castsi128_si256(pair), 0x50);
}

static inline factors factors_2(const uint64_t *w, const uint64_t *con, size_t b)
{
    const factors f = {two_each(w + 2 * b), two_each(con + 2 * b)};
    return f;
}

static inline factors factors_1(const uint64_t *w, const uint64_t *con, size_t b)
{
    const factors f = {load(w + 4 * b), load(con + 4 * b)};
    return f;
}

/* The layers with butterflies 2 and 1 apart, and the full reduction. */
static void forward_last_layers(uint64_t *a, const mv_ntt_tables *t)
{
    const lanes l = lanes_of(t->mod.q);
    const uint64_t *w = t->root, *con = t->root_con;
    const uint32_t n = t->n;
    for (uint32_t b = 0; b < n / 8; b++) {
        uint64_t *p = a + (size_t)8 * b;
        const __m256i e0 = load(p), e4 = load(p + 4);
        __m256i x = _mm256_permute2x128_si256(e0, e4, 0x20); /* e0 e1 e4 e5 */
        __m256i y = _mm256_permute2x128_si256(e0, e4, 0x31); /* e2 e3 e6 e7 */
        butterfly(&x, &y, factors_2(w + n / 4, con + n / 4, b), l);
        __m256i u = _mm256_unpacklo_epi64(x, y); /* e0 e2 e4 e6 */
        __m256i v = _mm256_unpackhi_epi64(x, y); /* e1 e3 e5 e7 */
        butterfly(&u, &v, factors_1(w + n / 2, con + n / 2, b), l);
        u = reduce_once(reduce_once(u, l.two_q), l.q);
        v = reduce_once(reduce_once(v, l.two_q), l.q);
        x = _mm256_unpacklo_epi64(u, v); /* e0 e1 e4 e5 */
        y = _mm256_unpackhi_epi64(u, v); /* e2 e3 e6 e7 */
        store(p, _mm256_permute2x128_si256(x, y, 0x20));
        store(p + 4, _mm256_permute2x128_si256(x, y, 0x31));
    }
}

/* The layers with butterflies 1 and 2 apart. */
static void inverse_first_layers(uint64_t *a, const mv_ntt_tables *t)
{
    const lanes l = lanes_of(t->mod.q);
    const uint64_t *w = t->inv_root, *con = t->inv_root_con;
    const uint32_t n = t->n;
    for (uint32_t b = 0; b < n / 8; b++) {
        uint64_t *p = a + (size_t)8 * b;
        const __m256i e0 = load(p), e4 = load(p + 4);
        __m256i x = _mm256_permute2x128_si256(e0, e4, 0x20); /* e0 e1 e4 e5 */
        __m256i y = _mm256_permute2x128_si256(e0, e4, 0x31); /* e2 e3 e6 e7 */
        __m256i u = _mm256_unpacklo_epi64(x, y);             /* e0 e2 e4 e6 */
        __m256i v = _mm256_unpackhi_epi64(x, y);             /* e1 e3 e5 e7 */
        inverse_butterfly(&u, &v, factors_1(w + n / 2, con + n / 2, b), l);
        x = _mm256_unpacklo_epi64(u, v);
        y = _mm256_unpackhi_epi64(u, v);
        inverse_butterfly(&x, &y, factors_2(w + n / 4, con + n / 4, b), l);
        store(p, _mm256_permute2x128_si256(x, y, 0x20));
        store(p + 4, _mm256_permute2x128_si256(x, y, 0x31));
    }
}

const mv_ntt_kernels mv_ntt_avx2 = {"avx2", 64, forward, inverse};
