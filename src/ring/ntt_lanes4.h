/* SPDX-License-Identifier: Apache-2.0
 *
 * ntt_lanes4.h: the transform on four residues at once: what is equal in ntt_avx2.c and ntt_fma.c.
 * The includer has chosen lanes256.h or lanes256d.h, and said what a lazy value is (ntt_layers.h)
 * and how it comes from memory (load_words) and back (store_value).
 *
 * The two closest layers work on 8 neighbours in two registers, e0..e3 and e4..e7, whose elements
 * are exchanged between the layers; ntt_layers.h has the others.
 */
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
    return factors_from(two_each(w + 2 * b), two_each(con + 2 * b));
}

static inline factors factors_1(const uint64_t *w, const uint64_t *con, size_t b)
{
    const __m256i *wide_w = (const __m256i *)(const void *)(w + 4 * b);
    const __m256i *wide_con = (const __m256i *)(const void *)(con + 4 * b);
    return factors_from(_mm256_loadu_si256(wide_w), _mm256_loadu_si256(wide_con));
}

/* The layers with butterflies 2 and 1 apart, and the full reduction. */
static void forward_last_layers(uint64_t *a, const mv_ntt_tables *t)
{
    const lanes l = lanes_of(t->mod.q);
    const uint64_t *w = t->root, *con = t->root_con;
    const uint32_t n = t->n;
    for (uint32_t b = 0; b < n / 8; b++) {
        uint64_t *p = a + (size_t)8 * b;
        const words e0 = load(p), e4 = load(p + 4);
        words x = lower_halves(e0, e4); /* e0 e1 e4 e5 */
        words y = upper_halves(e0, e4); /* e2 e3 e6 e7 */
        butterfly(&x, &y, factors_2(w + n / 4, con + n / 4, b), l);
        words u = even_ones(x, y); /* e0 e2 e4 e6 */
        words v = odd_ones(x, y);  /* e1 e3 e5 e7 */
        next_butterfly(&u, &v, factors_1(w + n / 2, con + n / 2, b), l);
        x = even_ones(u, v); /* e0 e1 e4 e5 */
        y = odd_ones(u, v);  /* e2 e3 e6 e7 */
        store_value(p, lower_halves(x, y), l);
        store_value(p + 4, upper_halves(x, y), l);
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
        const words e0 = load_words(p), e4 = load_words(p + 4);
        words x = lower_halves(e0, e4); /* e0 e1 e4 e5 */
        words y = upper_halves(e0, e4); /* e2 e3 e6 e7 */
        words u = even_ones(x, y);      /* e0 e2 e4 e6 */
        words v = odd_ones(x, y);       /* e1 e3 e5 e7 */
        inverse_butterfly(&u, &v, factors_1(w + n / 2, con + n / 2, b), l);
        x = even_ones(u, v);
        y = odd_ones(u, v);
        inverse_butterfly(&x, &y, factors_2(w + n / 4, con + n / 4, b), l);
        store(p, lower_halves(x, y));
        store(p + 4, upper_halves(x, y));
    }
}
