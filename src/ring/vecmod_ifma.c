/* SPDX-License-Identifier: Apache-2.0
 *
 * vecmod_ifma.c: element-wise arithmetic on AVX-512 with 52-bit multiply-add, primes below 2^50.
 * Compiled with its own flags; called only when the processor has MV_CPU_IFMA.
 *
 * A wide sum keeps in low the sum of the low 52 bits of the products and in high the sum of the
 * bits above: each product of two 52-bit numbers adds less than 2^52 to either, so 64 of them stay
 * below 2^58.
 */
#include "ring/lanes52.h"
#include "ring/vecmod_lanes.h"

/* Barrett as mv_mul_mod with 52 in the place of 64: x = a b < 2^(2 bits), floor(x / 2^(bits-1)) <
 * 2^(bits+1) <= 2^51, ratio >> 12 = floor(2^(51+bits) / q) < 2^52; the remainder is in [0,3q). */
static void mul(uint64_t *out, const uint64_t *a, const uint64_t *b, size_t n, const mv_modulus *m)
{
    const lanes l = lanes_of(m->q);
    const __m512i ratio = every(m->ratio >> 12), zero = _mm512_setzero_si512();
    const __m128i down = _mm_cvtsi32_si128((int)m->bits - 1);
    const __m128i up = _mm_cvtsi32_si128(53 - (int)m->bits);
    for (size_t j = 0; j < n; j += 8) {
        const __m512i x = load(a + j), y = load(b + j);
        const __m512i low = _mm512_madd52lo_epu64(zero, x, y);
        const __m512i high = _mm512_madd52hi_epu64(zero, x, y);
        const __m512i top =
            _mm512_or_si512(_mm512_srl_epi64(low, down), _mm512_sll_epi64(high, up));
        const __m512i quotient = _mm512_madd52hi_epu64(zero, top, ratio);
        const __m512i r = _mm512_and_si512(_mm512_madd52lo_epu64(low, quotient, l.minus_q), l.mask);
        store(out + j, reduce_once(reduce_once(r, l.two_q), l.q));
    }
}

static void mac(uint64_t *low, uint64_t *high, const uint64_t *a, const uint64_t *b, size_t n)
{
    for (size_t j = 0; j < n; j += 8) {
        const __m512i x = load(a + j), y = load(b + j);
        store(low + j, _mm512_madd52lo_epu64(load(low + j), x, y));
        store(high + j, _mm512_madd52hi_epu64(load(high + j), x, y));
    }
}

static void mac_scalar(uint64_t *low, uint64_t *high, const uint64_t *a, uint64_t w, size_t n)
{
    const __m512i y = every(w);
    for (size_t j = 0; j < n; j += 8) {
        const __m512i x = load(a + j);
        store(low + j, _mm512_madd52lo_epu64(load(low + j), x, y));
        store(high + j, _mm512_madd52hi_epu64(load(high + j), x, y));
    }
}

/* a mod q for a < 2^52: mv_reduce_word with 52 in the place of 64, ratio = floor(2^(51+bits) / q).
 */
typedef struct short_barrett {
    __m512i ratio;
    __m128i shift;
} short_barrett;

static inline short_barrett short_barrett_of(const mv_modulus *m)
{
    const short_barrett b = {every(m->ratio >> 12), _mm_cvtsi32_si128((int)m->bits - 1)};
    return b;
}

static inline __m512i reduce_short(__m512i a, short_barrett b, lanes l)
{
    const __m512i high = _mm512_madd52hi_epu64(_mm512_setzero_si512(), a, b.ratio);
    const __m512i quotient = _mm512_srl_epi64(high, b.shift);
    const __m512i r = _mm512_and_si512(_mm512_madd52lo_epu64(a, quotient, l.minus_q), l.mask);
    return reduce_once(r, l.q);
}

static void recentre(uint64_t *out, const uint64_t *a, uint64_t from, size_t n, const mv_modulus *m)
{
    if (from >> 50 != 0) {
        recentre_wide(out, a, from, n, m);
        return;
    }
    const lanes l = lanes_of(m->q);
    const short_barrett b = short_barrett_of(m);
    const __m512i minus_from = every(m->q - mv_reduce_word(from, m)), half = every(from / 2);
    for (size_t j = 0; j < n; j += 8) {
        const __m512i x = load(a + j);
        const __mmask8 upper = _mm512_cmpgt_epu64_mask(x, half);
        const __m512i sum = _mm512_mask_add_epi64(x, upper, x, minus_from); /* below 2^51 */
        store(out + j, reduce_short(sum, b, l));
    }
}

/* 2^e mod q as a known factor. */
static factors power_of_two(unsigned e, const mv_modulus *m)
{
    uint64_t w = 1;
    for (unsigned i = 0; i < e; i++) {
        w = mv_add_mod(w, w, m->q);
    }
    const uint64_t con = mv_shoup_con(w, m) >> 12;
    return same(&w, &con, 0);
}

/* The carry of low goes to high; then low + 2^52 (52 bits of high) + 2^104 (the bits above). */
static void mac_reduce(uint64_t *out, const uint64_t *low, const uint64_t *high, size_t n,
                       const mv_modulus *m)
{
    const lanes l = lanes_of(m->q);
    const short_barrett b = short_barrett_of(m);
    const factors f52 = power_of_two(52, m), f104 = power_of_two(104, m);
    for (size_t j = 0; j < n; j += 8) {
        const __m512i x = load(low + j);
        const __m512i y = _mm512_add_epi64(load(high + j), _mm512_srli_epi64(x, 52));
        const __m512i middle = mul_lazy(y, f52, l); /* which takes the low 52 bits only */
        const __m512i top = mul_lazy(_mm512_srli_epi64(y, 52), f104, l);
        const __m512i sum = reduce_once(_mm512_add_epi64(middle, top), l.two_q);
        const __m512i rest = reduce_short(_mm512_and_si512(x, l.mask), b, l);
        const __m512i r = _mm512_add_epi64(sum, rest); /* [0,3q) */
        store(out + j, reduce_once(reduce_once(r, l.two_q), l.q));
    }
}

const mv_vec_kernels mv_vec_ifma = {.name = "ifma",
                                    .con_bits = 52,
                                    .add = add,
                                    .sub = sub,
                                    .neg = neg,
                                    .mul = mul,
                                    .mul_known_lazy = mul_known_lazy,
                                    .mul_scalar = mul_scalar,
                                    .mac = mac,
                                    .mac_scalar = mac_scalar,
                                    .mac_reduce = mac_reduce,
                                    .reduce = reduce,
                                    .recentre = recentre,
                                    .add_fraction = add_fraction,
                                    .permute = permute};
