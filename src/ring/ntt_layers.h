/* SPDX-License-Identifier: Apache-2.0
 *
 * ntt_layers.h: the layers of the transform whose butterflies are at least CLOSE apart, on whole
 * vectors, two layers in one pass over memory: equal for every width. The includer has chosen a
 * lanes*.h, which says how wide a vector is and how to multiply, and defines CLOSE (4 or 16) and
 *     forward_last_layers    butterflies CLOSE/2, .. 2, 1 apart, and the full reduction
 *     inverse_first_layers   the same backwards, without the reduction
 * It has also said what a lazy value is:
 *     shrink, shrink_again    before a butterfly and before the second one of a pass
 *     difference              of two shrunk values
 *     store_product           from a product to a word of [0,q) in memory
 * The butterflies are those of ntt_portable.c.
 */
#include "ring/ntt.h"

/* (x, y) -> (x + w y, x - w y) */
static inline void butterfly(words *x, words *y, factors f, lanes l)
{
    const words u = shrink(*x, l);
    const words v = mul_lazy(*y, f, l);
    *x = plus(u, v);
    *y = difference(u, v, l);
}

/* the same for x that has just come out of a butterfly, which shrank its x */
static inline void next_butterfly(words *x, words *y, factors f, lanes l)
{
    const words u = shrink_again(*x, l);
    const words v = mul_lazy(*y, f, l);
    *x = plus(u, v);
    *y = difference(u, v, l);
}

/* (x, y) -> (x + y, (x - y) w) */
static inline void inverse_butterfly(words *x, words *y, factors f, lanes l)
{
    const words u = *x, v = *y;
    *x = shrink(plus(u, v), l);
    *y = mul_lazy(difference(u, v, l), f, l);
}

static void forward_last_layers(uint64_t *a, const mv_ntt_tables *t);
static void inverse_first_layers(uint64_t *a, const mv_ntt_tables *t);

/* One layer, butterflies half apart, half >= CLOSE. */
static void forward_layer(uint64_t *a, uint32_t blocks, uint32_t half, const mv_ntt_tables *t)
{
    const lanes l = lanes_of(t->mod.q);
    for (uint32_t i = 0; i < blocks; i++) {
        const factors f = same(t->root, t->root_con, blocks + i);
        uint64_t *p = a + (size_t)2 * half * i;
        for (uint32_t j = 0; j < half; j += LANES) {
            words x = load(p + j), y = load(p + j + half);
            butterfly(&x, &y, f, l);
            store(p + j, x);
            store(p + j + half, y);
        }
    }
}

/* Two layers, butterflies half and half/2 apart, half >= 2 CLOSE: elements a quarter of a block
 * apart. */
static void forward_two_layers(uint64_t *a, uint32_t blocks, uint32_t half, const mv_ntt_tables *t)
{
    const lanes l = lanes_of(t->mod.q);
    const uint32_t quarter = half / 2;
    for (uint32_t i = 0; i < blocks; i++) {
        const factors f = same(t->root, t->root_con, blocks + i);
        const factors f0 = same(t->root, t->root_con, 2 * (size_t)(blocks + i));
        const factors f1 = same(t->root, t->root_con, 2 * (size_t)(blocks + i) + 1);
        uint64_t *p = a + (size_t)2 * half * i;
        for (uint32_t j = 0; j < quarter; j += LANES) {
            uint64_t *p0 = p + j, *p1 = p0 + quarter, *p2 = p1 + quarter, *p3 = p2 + quarter;
            words x0 = load(p0), x1 = load(p1), x2 = load(p2), x3 = load(p3);
            butterfly(&x0, &x2, f, l);
            butterfly(&x1, &x3, f, l);
            next_butterfly(&x0, &x1, f0, l);
            next_butterfly(&x2, &x3, f1, l);
            store(p0, x0);
            store(p1, x1);
            store(p2, x2);
            store(p3, x3);
        }
    }
}

static void forward(uint64_t *a, const mv_ntt_tables *t)
{
    uint32_t blocks = 1, half = t->n / 2;
    if (t->log_n % 2 == 1) { /* CLOSE is 4 or 16: an odd number of layers comes first */
        forward_layer(a, blocks, half, t);
        blocks *= 2;
        half /= 2;
    }
    for (; half >= 2 * CLOSE; blocks *= 4, half /= 4) {
        forward_two_layers(a, blocks, half, t);
    }
    forward_last_layers(a, t);
}

static void inverse_layer(uint64_t *a, uint32_t blocks, uint32_t half, const mv_ntt_tables *t)
{
    const lanes l = lanes_of(t->mod.q);
    for (uint32_t i = 0; i < blocks; i++) {
        const factors f = same(t->inv_root, t->inv_root_con, blocks + i);
        uint64_t *p = a + (size_t)2 * half * i;
        for (uint32_t j = 0; j < half; j += LANES) {
            words x = load(p + j), y = load(p + j + half);
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
        for (uint32_t j = 0; j < half; j += LANES) {
            uint64_t *p0 = p + j, *p1 = p0 + half, *p2 = p1 + half, *p3 = p2 + half;
            words x0 = load(p0), x1 = load(p1), x2 = load(p2), x3 = load(p3);
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
    for (uint32_t j = 0; j < half; j += LANES) {
        const words u = load(a + j), v = load(a + j + half);
        store_product(a + j, mul_lazy(plus(u, v), f, l), l);
        store_product(a + j + half, mul_lazy(difference(u, v, l), g, l), l);
    }
}

static void inverse(uint64_t *a, const mv_ntt_tables *t)
{
    uint32_t half = CLOSE;
    inverse_first_layers(a, t);
    if (t->log_n % 2 == 0) { /* an odd number lies between the first ones and the last one */
        inverse_layer(a, t->n / (2 * CLOSE), half, t);
        half *= 2;
    }
    for (; half < t->n / 2; half *= 4) {
        inverse_two_layers(a, t->n / (4 * half), half, t);
    }
    inverse_last_layer(a, t);
}
