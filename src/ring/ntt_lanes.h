/* SPDX-License-Identifier: Apache-2.0
 *
 * ntt_lanes.h: the transform on eight residues at once: the loops that are equal in ntt_avx512.c
 * and ntt_ifma.c. The includer has chosen lanes64.h or lanes52.h, which say how to multiply.
 *
 * The butterflies are those of ntt_portable.c. Layers whose butterflies are at least 16 apart work
 * on whole vectors, two layers in one pass over memory; the four closest layers work on 16
 * neighbours in two registers, e0..e7 and e8..e15, whose elements are exchanged between the layers.
 * n is at least 32.
 */
#include "ring/ntt.h"

/* (x, y) -> (x + w y, x - w y); in and out [0,4q) */
static inline void butterfly(__m512i *x, __m512i *y, factors f, lanes l)
{
    const __m512i u = reduce_once(*x, l.two_q);
    const __m512i v = mul_lazy(*y, f, l);
    *x = _mm512_add_epi64(u, v);
    *y = _mm512_sub_epi64(_mm512_add_epi64(u, l.two_q), v);
}

/* (x, y) -> (x + y, (x - y) w); in and out [0,2q) */
static inline void inverse_butterfly(__m512i *x, __m512i *y, factors f, lanes l)
{
    const __m512i u = *x, v = *y;
    *x = reduce_once(_mm512_add_epi64(u, v), l.two_q);
    *y = mul_lazy(_mm512_sub_epi64(_mm512_add_epi64(u, l.two_q), v), f, l);
}

/* Factors of the butterflies 4, 2 and 1 apart in the 16 elements of block b, in the order in which
 * the exchanges below leave the elements. root points to the first factor of the layer. */
static inline factors factors_4(const uint64_t *w, const uint64_t *con, size_t b)
{
    const __m512i order = _mm512_setr_epi64(0, 0, 0, 0, 1, 1, 1, 1);
    const __m128i *pw = (const __m128i *)(const void *)(w + 2 * b);
    const __m128i *pc = (const __m128i *)(const void *)(con + 2 * b);
    const factors f = {
        _mm512_permutexvar_epi64(order, _mm512_castsi128_si512(_mm_loadu_si128(pw))),
        _mm512_permutexvar_epi64(order, _mm512_castsi128_si512(_mm_loadu_si128(pc)))};
    return f;
}

static inline factors factors_2(const uint64_t *w, const uint64_t *con, size_t b)
{
    const __m512i order = _mm512_setr_epi64(0, 0, 2, 2, 1, 1, 3, 3);
    const __m256i *pw = (const __m256i *)(const void *)(w + 4 * b);
    const __m256i *pc = (const __m256i *)(const void *)(con + 4 * b);
    const factors f = {
        _mm512_permutexvar_epi64(order, _mm512_castsi256_si512(_mm256_loadu_si256(pw))),
        _mm512_permutexvar_epi64(order, _mm512_castsi256_si512(_mm256_loadu_si256(pc)))};
    return f;
}

static inline factors factors_1(const uint64_t *w, const uint64_t *con, size_t b)
{
    const __m512i order = _mm512_setr_epi64(0, 1, 4, 5, 2, 3, 6, 7);
    const factors f = {_mm512_permutexvar_epi64(order, load(w + 8 * b)),
                       _mm512_permutexvar_epi64(order, load(con + 8 * b))};
    return f;
}

/* One layer, butterflies half apart, half >= 16. */
static void forward_layer(uint64_t *a, uint32_t blocks, uint32_t half, const mv_ntt_tables *t)
{
    const lanes l = lanes_of(t->mod.q);
    for (uint32_t i = 0; i < blocks; i++) {
        const factors f = same(t->root, t->root_con, blocks + i);
        uint64_t *p = a + (size_t)2 * half * i;
        for (uint32_t j = 0; j < half; j += 8) {
            __m512i x = load(p + j), y = load(p + j + half);
            butterfly(&x, &y, f, l);
            store(p + j, x);
            store(p + j + half, y);
        }
    }
}

/* Two layers, butterflies half and half/2 apart, half >= 32: elements a quarter of a block apart.
 */
static void forward_two_layers(uint64_t *a, uint32_t blocks, uint32_t half, const mv_ntt_tables *t)
{
    const lanes l = lanes_of(t->mod.q);
    const uint32_t quarter = half / 2;
    for (uint32_t i = 0; i < blocks; i++) {
        const factors f = same(t->root, t->root_con, blocks + i);
        const factors f0 = same(t->root, t->root_con, 2 * (size_t)(blocks + i));
        const factors f1 = same(t->root, t->root_con, 2 * (size_t)(blocks + i) + 1);
        uint64_t *p = a + (size_t)2 * half * i;
        for (uint32_t j = 0; j < quarter; j += 8) {
            uint64_t *p0 = p + j, *p1 = p0 + quarter, *p2 = p1 + quarter, *p3 = p2 + quarter;
            __m512i x0 = load(p0), x1 = load(p1), x2 = load(p2), x3 = load(p3);
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

/* The layers with butterflies 8, 4, 2, 1 apart, and the full reduction. */
static void forward_last_layers(uint64_t *a, const mv_ntt_tables *t)
{
    const lanes l = lanes_of(t->mod.q);
    const __m512i low = _mm512_setr_epi64(0, 8, 1, 9, 4, 12, 5, 13);    /* e0..e7 */
    const __m512i high = _mm512_setr_epi64(2, 10, 3, 11, 6, 14, 7, 15); /* e8..e15 */
    const uint32_t n = t->n;
    for (uint32_t b = 0; b < n / 16; b++) {
        __m512i x = load(a + 16 * (size_t)b), y = load(a + 16 * (size_t)b + 8);
        butterfly(&x, &y, same(t->root, t->root_con, n / 16 + b), l);
        __m512i u = _mm512_shuffle_i64x2(x, y, 0x44); /* e0..e3   e8..e11 */
        __m512i v = _mm512_shuffle_i64x2(x, y, 0xee); /* e4..e7   e12..e15 */
        butterfly(&u, &v, factors_4(t->root + n / 8, t->root_con + n / 8, b), l);
        x = _mm512_shuffle_i64x2(u, v, 0x88); /* e0 e1   e8 e9   e4 e5   e12 e13 */
        y = _mm512_shuffle_i64x2(u, v, 0xdd); /* e2 e3   e10 e11   e6 e7   e14 e15 */
        butterfly(&x, &y, factors_2(t->root + n / 4, t->root_con + n / 4, b), l);
        u = _mm512_unpacklo_epi64(x, y); /* e0 e2   e8 e10   e4 e6   e12 e14 */
        v = _mm512_unpackhi_epi64(x, y); /* e1 e3   e9 e11   e5 e7   e13 e15 */
        butterfly(&u, &v, factors_1(t->root + n / 2, t->root_con + n / 2, b), l);
        u = reduce_once(reduce_once(u, l.two_q), l.q);
        v = reduce_once(reduce_once(v, l.two_q), l.q);
        store(a + 16 * (size_t)b, _mm512_permutex2var_epi64(u, low, v));
        store(a + 16 * (size_t)b + 8, _mm512_permutex2var_epi64(u, high, v));
    }
}

static void forward(uint64_t *a, const mv_ntt_tables *t)
{
    uint32_t blocks = 1, half = t->n / 2;
    if (t->log_n % 2 == 1) { /* log n - 4 layers come before the last four: make them even */
        forward_layer(a, blocks, half, t);
        blocks *= 2;
        half /= 2;
    }
    for (; half >= 32; blocks *= 4, half /= 4) {
        forward_two_layers(a, blocks, half, t);
    }
    forward_last_layers(a, t);
}

/* The layers with butterflies 1, 2, 4, 8 apart. */
static void inverse_first_layers(uint64_t *a, const mv_ntt_tables *t)
{
    const lanes l = lanes_of(t->mod.q);
    const uint64_t *w = t->inv_root, *con = t->inv_root_con;
    const __m512i even = _mm512_setr_epi64(0, 2, 8, 10, 4, 6, 12, 14);
    const __m512i odd = _mm512_setr_epi64(1, 3, 9, 11, 5, 7, 13, 15);
    const __m512i low = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
    const __m512i high = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
    const uint32_t n = t->n;
    for (uint32_t b = 0; b < n / 16; b++) {
        const __m512i e0 = load(a + 16 * (size_t)b), e8 = load(a + 16 * (size_t)b + 8);
        __m512i u = _mm512_permutex2var_epi64(e0, even, e8); /* e0 e2   e8 e10   e4 e6   e12 e14 */
        __m512i v = _mm512_permutex2var_epi64(e0, odd, e8);  /* e1 e3   e9 e11   e5 e7   e13 e15 */
        inverse_butterfly(&u, &v, factors_1(w + n / 2, con + n / 2, b), l);
        __m512i x = _mm512_unpacklo_epi64(u, v); /* e0 e1   e8 e9   e4 e5   e12 e13 */
        __m512i y = _mm512_unpackhi_epi64(u, v); /* e2 e3   e10 e11   e6 e7   e14 e15 */
        inverse_butterfly(&x, &y, factors_2(w + n / 4, con + n / 4, b), l);
        u = _mm512_permutex2var_epi64(x, low, y);  /* e0..e3   e8..e11 */
        v = _mm512_permutex2var_epi64(x, high, y); /* e4..e7   e12..e15 */
        inverse_butterfly(&u, &v, factors_4(w + n / 8, con + n / 8, b), l);
        x = _mm512_shuffle_i64x2(u, v, 0x44); /* e0..e7 */
        y = _mm512_shuffle_i64x2(u, v, 0xee); /* e8..e15 */
        inverse_butterfly(&x, &y, same(w, con, n / 16 + b), l);
        store(a + 16 * (size_t)b, x);
        store(a + 16 * (size_t)b + 8, y);
    }
}

static void inverse_layer(uint64_t *a, uint32_t blocks, uint32_t half, const mv_ntt_tables *t)
{
    const lanes l = lanes_of(t->mod.q);
    for (uint32_t i = 0; i < blocks; i++) {
        const factors f = same(t->inv_root, t->inv_root_con, blocks + i);
        uint64_t *p = a + (size_t)2 * half * i;
        for (uint32_t j = 0; j < half; j += 8) {
            __m512i x = load(p + j), y = load(p + j + half);
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
        for (uint32_t j = 0; j < half; j += 8) {
            uint64_t *p0 = p + j, *p1 = p0 + half, *p2 = p1 + half, *p3 = p2 + half;
            __m512i x0 = load(p0), x1 = load(p1), x2 = load(p2), x3 = load(p3);
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
    for (uint32_t j = 0; j < half; j += 8) {
        const __m512i u = load(a + j), v = load(a + j + half);
        const __m512i sum = _mm512_add_epi64(u, v); /* [0,4q) */
        const __m512i difference = _mm512_sub_epi64(_mm512_add_epi64(u, l.two_q), v);
        store(a + j, reduce_once(mul_lazy(sum, f, l), l.q));
        store(a + j + half, reduce_once(mul_lazy(difference, g, l), l.q));
    }
}

static void inverse(uint64_t *a, const mv_ntt_tables *t)
{
    uint32_t half = 16;
    inverse_first_layers(a, t);
    if (t->log_n % 2 == 0) { /* log n - 5 layers lie between the first four and the last one */
        inverse_layer(a, t->n / 32, half, t);
        half *= 2;
    }
    for (; half < t->n / 2; half *= 4) {
        inverse_two_layers(a, t->n / (4 * half), half, t);
    }
    inverse_last_layer(a, t);
}
