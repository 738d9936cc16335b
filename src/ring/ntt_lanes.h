/* SPDX-License-Identifier: Apache-2.0
 *
 * ntt_lanes.h: the transform on eight residues at once: what is equal in ntt_avx512.c and
 * ntt_ifma.c. The includer has chosen lanes64.h or lanes52.h, which say how to multiply.
 *
 * The four closest layers work on 16 neighbours in two registers, whose elements are exchanged
 * between the layers; ntt_layers.h has the others. n is at least 32.
 */
enum { CLOSE = 16 };

#include "ring/ntt_unsigned.h"

#include "ring/ntt_layers.h"

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
        r = interleave(r);
        store_value(a, r.x, l);
        store_value(a + 8, r.y, l);
    }
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
