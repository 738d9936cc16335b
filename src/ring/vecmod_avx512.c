/* SPDX-License-Identifier: Apache-2.0
 *
 * vecmod_avx512.c: element-wise arithmetic on AVX-512 with 64-bit products, primes below 2^61.
 * Compiled with its own flags; called only when the processor has MV_CPU_AVX512.
 */
#include "ring/lanes64.h"
#include "ring/vecmod_lanes.h"

/* Barrett: mv_mul_mod. */
static void mul(uint64_t *out, const uint64_t *a, const uint64_t *b, size_t n, const mv_modulus *m)
{
    const lanes l = lanes_of(m->q);
    const __m512i ratio = every(m->ratio);
    const __m128i down = _mm_cvtsi32_si128((int)m->bits - 1);
    const __m128i up = _mm_cvtsi32_si128(65 - (int)m->bits);
    for (size_t j = 0; j < n; j += 8) {
        const __m512i x = load(a + j), y = load(b + j);
        const __m512i low = _mm512_mullo_epi64(x, y), high = mul_hi_64(x, y);
        const __m512i top =
            _mm512_or_si512(_mm512_srl_epi64(low, down), _mm512_sll_epi64(high, up));
        const __m512i r = _mm512_sub_epi64(low, _mm512_mullo_epi64(mul_hi_64(top, ratio), l.q));
        store(out + j, reduce_once(reduce_once(r, l.two_q), l.q));
    }
}

/* (high, low) += x * y, 128 bits each */
static inline void add_product(uint64_t *low, uint64_t *high, __m512i x, __m512i y)
{
    const __m512i product = _mm512_mullo_epi64(x, y);
    const __m512i sum = _mm512_add_epi64(load(low), product);
    const __mmask8 carry = _mm512_cmplt_epu64_mask(sum, product);
    const __m512i top = _mm512_add_epi64(load(high), mul_hi_64(x, y));
    store(low, sum);
    store(high, _mm512_mask_add_epi64(top, carry, top, every(1)));
}

static void mac(uint64_t *low, uint64_t *high, const uint64_t *a, const uint64_t *b, size_t n)
{
    for (size_t j = 0; j < n; j += 8) {
        add_product(low + j, high + j, load(a + j), load(b + j));
    }
}

static void mac_scalar(uint64_t *low, uint64_t *high, const uint64_t *a, uint64_t w, size_t n)
{
    const __m512i y = every(w);
    for (size_t j = 0; j < n; j += 8) {
        add_product(low + j, high + j, load(a + j), y);
    }
}

/* (high mod q) * 2^64 by a known factor, + low mod q. */
static void mac_reduce(uint64_t *out, const uint64_t *low, const uint64_t *high, size_t n,
                       const mv_modulus *m)
{
    const lanes l = lanes_of(m->q);
    const word_barrett b = word_barrett_of(m);
    const uint64_t w = mv_shift_word(1, m).remainder, con = mv_shoup_con(w, m);
    const factors f = same(&w, &con, 0);
    for (size_t j = 0; j < n; j += 8) {
        const __m512i top = reduce_once(mul_lazy(load(high + j), f, l), l.q);
        store(out + j, reduce_once(_mm512_add_epi64(top, reduce_word(load(low + j), b)), l.q));
    }
}

const mv_vec_kernels mv_vec_avx512 = {.name = "avx512",
                                      .con_bits = 64,
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
                                      .recentre = recentre_wide,
                                      .add_fraction = add_fraction,
                                      .permute = permute};
