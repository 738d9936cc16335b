/* SPDX-License-Identifier: Apache-2.0
 *
 * ntt_avx2.c: the transform on AVX2, four residues at once, for primes below 2^61. Compiled with
 * its own flags; called only when the processor has MV_CPU_AVX2.
 *
 * The butterflies are those of ntt_portable.c. Layers whose butterflies are at least 4 apart work
 * on whole vectors, two layers in one pass over memory; the two closest layers work on 8 neighbours
 * in two registers, e0..e3 and e4..e7, whose elements are exchanged between the layers.
 */
#include "ring/lanes256.h"
#include "ring/ntt.h"

/* (x, y) -> (x + w y, x - w y); in and out [0,4q) */
static inline void butterfly(__m256i *x, __m256i *y, factors f, lanes l)
{
    const __m256i u = reduce_once(*x, l.two_q);
    const __m256i v = mul_lazy(*y, f, l);
    *x = _mm256_add_epi64(u, v);
    *y = _mm256_sub_epi64(_mm256_add_epi64(u, l.two_q), v);
}

/* (x, y) -> (x + y, (x - y) w); in and out [0,2q) */
static inline void inverse_butterfly(__m256i *x, __m256i *y, factors f, lanes l)
{
    const __m256i u = *x, v = *y;
    *x = reduce_once(_mm256_add_epi64(u, v), l.two_q);
    *y = mul_lazy(_mm256_sub_epi64(_mm256_add_epi64(u, l.two_q), v), f, l);
}

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

/* One layer, butterflies half apart, half >= 4. */
static void forward_layer(uint64_t *a, uint32_t blocks, uint32_t half, const mv_ntt_tables *t)
{
    const lanes l = lanes_of(t->mod.q);
    for (uint32_t i = 0; i < blocks; i++) {
        const factors f = same(t->root, t->root_con, blocks + i);
        uint64_t *p = a + (size_t)2 * half * i;
        for (uint32_t j = 0; j < half; j += 4) {
            __m256i x = load(p + j), y = load(p + j + half);
            butterfly(&x, &y, f, l);
            store(p + j, x);
            store(p + j + half, y);
        }
    }
}

/* Two layers, butterflies half and half/2 apart, half >= 8: elements a quarter of a block apart. */
static void forward_two_layers(uint64_t *a, uint32_t blocks, uint32_t half, const mv_ntt_tables *t)
{
    const lanes l = lanes_of(t->mod.q);
    const uint32_t quarter = half / 2;
    for (uint32_t i = 0; i < blocks; i++) {
        const factors f = same(t->root, t->root_con, blocks + i);
        const factors f0 = same(t->root, t->root_con, 2 * (size_t)(blocks + i));
        const factors f1 = same(t->root, t->root_con, 2 * (size_t)(blocks + i) + 1);
        uint64_t *p = a + (size_t)2 * half * i;
        for (uint32_t j = 0; j < quarter; j += 4) {
            uint64_t *p0 = p + j, *p1 = p0 + quarter, *p2 = p1 + quarter, *p3 = p2 + quarter;
            __m256i x0 = load(p0), x1 = load(p1), x2 = load(p2), x3 = load(p3);
            butterfly(&x0, &x2, f, l);
            butterfly(&x1, &x3, f, l);
            butterfly(&x0, &x1, f0, l);
            butterfly(&x2, &x3, f1, l);
            store(p0, x0);
            store(p1, x1);
            store(p2, x2);
            store(p3, x3);
        }
    }
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

static void forward(uint64_t *a, const mv_ntt_tables *t)
{
    uint32_t blocks = 1, half = t->n / 2;
    if (t->log_n % 2 == 1) { /* log n - 2 layers come before the last two: make them even */
        forward_layer(a, blocks, half, t);
        blocks *= 2;
        half /= 2;
    }
    for (; half >= 8; blocks *= 4, half /= 4) {
        forward_two_layers(a, blocks, half, t);
    }
    forward_last_layers(a, t);
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

static void inverse_layer(uint64_t *a, uint32_t blocks, uint32_t half, const mv_ntt_tables *t)
{
    const lanes l = lanes_of(t->mod.q);
    for (uint32_t i = 0; i < blocks; i++) {
        const factors f = same(t->inv_root, t->inv_root_con, blocks + i);
        uint64_t *p = a + (size_t)2 * half * i;
        for (uint32_t j = 0; j < half; j += 4) {
            __m256i x = load(p + j), y = load(p + j + half);
            inverse_butterfly(&x, &y, f, l);
            store(p + j, x);
            store(p + j + half, y);
        }
    }
}

/* Two layers, butterflies half and 2*half apart; blocks counts the blocks of the second. */
static void inverse_two_layers(uint64_t *a, uint32_t blocks, uint32_t half, const mv_ntt_tables *t)
{
    const lanes l = lanes_of(t->mod.q);
    const uint64_t *w = t->inv_root, *con = t->inv_root_con;
    for (uint32_t i = 0; i < blocks; i++) {
        const factors f = same(w, con, blocks + i);
        const factors f0 = same(w, con, 2 * (size_t)(blocks + i));
        const factors f1 = same(w, con, 2 * (size_t)(blocks + i) + 1);
        uint64_t *p = a + (size_t)4 * half * i;
        for (uint32_t j = 0; j < half; j += 4) {
            uint64_t *p0 = p + j, *p1 = p0 + half, *p2 = p1 + half, *p3 = p2 + half;
            __m256i x0 = load(p0), x1 = load(p1), x2 = load(p2), x3 = load(p3);
            inverse_butterfly(&x0, &x1, f0, l);
            inverse_butterfly(&x2, &x3, f1, l);
            inverse_butterfly(&x0, &x2, f, l);
            inverse_butterfly(&x1, &x3, f, l);
            store(p0, x0);
            store(p1, x1);
            store(p2, x2);
            store(p3, x3);
        }
    }
}

/* The last layer, half = n/2, with the division by n and the full reduction. */
static void inverse_last_layer(uint64_t *a, const mv_ntt_tables *t)
{
    const lanes l = lanes_of(t->mod.q);
    const factors f = same(&t->n_inv.w, &t->n_inv.con, 0);
    const factors g = same(&t->n_inv_root.w, &t->n_inv_root.con, 0);
    const uint32_t half = t->n / 2;
    for (uint32_t j = 0; j < half; j += 4) {
        const __m256i u = load(a + j), v = load(a + j + half);
        const __m256i sum = _mm256_add_epi64(u, v); /* [0,4q) */
        const __m256i difference = _mm256_sub_epi64(_mm256_add_epi64(u, l.two_q), v);
        store(a + j, reduce_once(mul_lazy(sum, f, l), l.q));
        store(a + j + half, reduce_once(mul_lazy(difference, g, l), l.q));
    }
}

static void inverse(uint64_t *a, const mv_ntt_tables *t)
{
    uint32_t half = 4;
    inverse_first_layers(a, t);
    if (t->log_n % 2 == 0) { /* log n - 3 layers lie between the first two and the last one */
        inverse_layer(a, t->n / 8, half, t);
        half *= 2;
    }
    for (; half < t->n / 2; half *= 4) {
        inverse_two_layers(a, t->n / (4 * half), half, t);
    }
    inverse_last_layer(a, t);
}

const mv_ntt_kernels mv_ntt_avx2 = {"avx2", 64, forward, inverse};
