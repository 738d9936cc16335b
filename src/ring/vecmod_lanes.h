/* SPDX-License-Identifier: Apache-2.0
 *
 * vecmod_lanes.h: the element-wise loops that are equal in vecmod_avx512.c and vecmod_ifma.c, which
 * has chosen lanes64.h or lanes52.h; vecmod_loops.h has those that AVX2 shares.
 */
#include "ring/vecmod_loops.h"

/* from any prime below 2^61 */
static void recentre_wide(uint64_t *out, const uint64_t *a, uint64_t from, size_t n,
                          const mv_modulus *m)
{
    const word_barrett b = word_barrett_of(m);
    const __m512i minus_from = every(m->q - mv_reduce_word(from, m)), half = every(from / 2);
    for (size_t j = 0; j < n; j += 8) {
        const __m512i x = load(a + j);
        const __mmask8 upper = _mm512_cmpgt_epu64_mask(x, half);
        store(out + j, reduce_word(_mm512_mask_add_epi64(x, upper, x, minus_from), b));
    }
}

static void add_fraction(uint64_t *fraction, uint64_t *whole, const uint64_t *y, size_t n,
                         const mv_modulus *m)
{
    const __m512i ratio = every(m->ratio), one = every(1);
    const __m128i down = _mm_cvtsi32_si128((int)m->bits - 1);
    const __m128i up = _mm_cvtsi32_si128(65 - (int)m->bits);
    for (size_t j = 0; j < n; j += 8) {
        const __m512i x = load(y + j);
        const __m512i low = _mm512_mullo_epi64(x, ratio), high = mul_hi_64(x, ratio);
        const __m512i f = _mm512_or_si512(_mm512_srl_epi64(low, down), _mm512_sll_epi64(high, up));
        const __m512i sum = _mm512_add_epi64(load(fraction + j), f), carries = load(whole + j);
        store(fraction + j, sum);
        store(whole + j,
              _mm512_mask_add_epi64(carries, _mm512_cmplt_epu64_mask(sum, f), carries, one));
    }
}

/* The order keeps blocks of 8 together (vecmod.h): block from[j] / 8, place from[j] % 8. */
static void permute(uint64_t *out, const uint64_t *a, const uint32_t *from, size_t n)
{
    for (size_t j = 0; j < n; j += 8) {
        const __m256i index = _mm256_loadu_si256((const __m256i *)(const void *)(from + j));
        const __m512i block = load(a + (from[j] & ~(uint32_t)7));
        store(out + j, _mm512_permutexvar_epi64(_mm512_cvtepu32_epi64(index), block));
    }
}
