/* SPDX-License-Identifier: Apache-2.0
 *
 * ntt_lanes.h: the transform on eight residues at once: the loops that are equal in ntt_avx512.c
 * and ntt_ifma.c. The includer has chosen lanes64.h or lanes52.h, which say how to multiply.
 *
 * The butterflies are those of ntt_portable.c. Layers whose butterflies are at least 16 apart work
 * on whole vectors, two layers in one pass over memory; the four closest layers work on 16
 * neighbours in two registers, whose elements are exchanged between the layers.
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

/* Block b of 16 neighbours in its four closest layers: two registers x, y = e0..e7, e8..e15 take
 * part in butterflies 8 apart. Interleaving them gives e0 e8 e1 e9 .. e3 e11 and e4 e12 .. e7 e15,
 * whose butterflies are 4 apart; once more, 2 apart; once more, 1 apart; once more, and all are
 * back. The factors, w_0 .. w_(k-1) of the k parts that the block has in a layer, then repeat over
 * the lanes.
 */
typedef struct two {
    __m512i x, y;
} two;

static inline two interleave(two r)
{
    const __m512i low = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
    const __m512i high = _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15);
    const two out = {_mm512_permutex2var_epi64(r.x, low, r.y),
                     _mm512_permutex2var_epi64(r.x, high, r.y)};
    return out;
}

static inline two separate(two r) /* undoes interleave */
{
    const __m512i even = _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14);
    const __m512i odd = _mm512_setr_epi64(1, 3, 5, 7, 9, 11, 13, 15);
    const two out = {_mm512_permutex2var_epi64(r.x, even, r.y),
                     _mm512_permutex2var_epi64(r.x, odd, r.y)};
    return out;
}

static inline __m512i repeat_2(const uint64_t *w)
{
    return _mm512_broadcast_i64x2(_mm_loadu_si128((const __m128i *)(const void *)w));
}

static inline __m512i repeat_4(const uint64_t *w)
{
    return _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)(const void *)w));
}

/* The k factors of block b in a layer with k parts a block: they begin at index k (n / 16 + b). */
static inline factors factors_2(const uint64_t *w, const uint64_t *con, size_t block)
{
    const factors f = {repeat_2(w + 2 * block), repeat_2(con + 2 * block)};
    return f;
}

static inline factors factors_4(const uint64_t *w, const uint64_t *con, size_t block)
{
    const factors f = {repeat_4(w + 4 * block), repeat_4(con + 4 * block)};
    return f;
}

static inline factors factors_8(const uint64_t *w, const uint64_t *con, size_t block)
{
    const factors f = {load(w + 8 * block), load(con + 8 * block)};
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
    const uint64_t *w = t->root, *con = t->root_con;
    for (size_t block = t->n / 16; block < t->n / 8; block++, a += 16) {
        two r = {load(a), load(a + 8)};
        butterfly(&r.x, &r.y, same(w, con, block), l);
        r = interleave(r);
        butterfly(&r.x, &r.y, factors_2(w, con, block), l);
        r = interleave(r);
        butterfly(&r.x, &r.y, factors_4(w, con, block), l);
        r = interleave(r);
        butterfly(&r.x, &r.y, factors_8(w, con, block), l);
        r.x = reduce_once(reduce_once(r.x, l.two_q), l.q);
        r.y = reduce_once(reduce_once(r.y, l.two_q), l.q);
        r = interleave(r);
        store(a, r.x);
        store(a + 8, r.y);
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
    for (size_t block = t->n / 16; block < t->n / 8; block++, a += 16) {
        const two memory = {load(a), load(a + 8)};
        two r = separate(memory);
        inverse_butterfly(&r.x, &r.y, factors_8(w, con, block), l);
        r = separate(r);
        inverse_butterfly(&r.x, &r.y, factors_4(w, con, block), l);
        r = separate(r);
        inverse_butterfly(&r.x, &r.y, factors_2(w, con, block), l);
        r = separate(r);
        inverse_butterfly(&r.x, &r.y, same(w, con, block), l);
        store(a, r.x);
        store(a + 8, r.y);
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
