/* SPDX-License-Identifier: Apache-2.0
 *
 * sample_avx512.c: binomial values from eight words at once: ones are counted as in sample.c, by
 * adding neighbours up to bytes, which one instruction then adds up. Compiled with its own flags;
 * called only when the processor has MV_CPU_AVX512.
 */
#include "ring/sample.h"

#include <immintrin.h>

static inline __m512i every(uint64_t word)
{
    return _mm512_set1_epi64((long long)word);
}

/* Each byte becomes its number of ones. */
static inline __m512i count_in_bytes(__m512i x)
{
    const __m512i m1 = every(UINT64_C(0x5555555555555555));
    const __m512i m2 = every(UINT64_C(0x3333333333333333));
    const __m512i m4 = every(UINT64_C(0x0f0f0f0f0f0f0f0f));
    x = _mm512_sub_epi64(x, _mm512_and_si512(_mm512_srli_epi64(x, 1), m1));
    x = _mm512_add_epi64(_mm512_and_si512(x, m2), _mm512_and_si512(_mm512_srli_epi64(x, 2), m2));
    return _mm512_and_si512(_mm512_add_epi64(x, _mm512_srli_epi64(x, 4)), m4);
}

/* The bits of word are 21 coins for, 21 against. */
static inline __m128i binomial_of_eight(__m512i word)
{
    const __m512i coins = every(0x1fffff), zero = _mm512_setzero_si512();
    const __m512i plus = count_in_bytes(_mm512_and_si512(word, coins));
    const __m512i minus = count_in_bytes(_mm512_and_si512(_mm512_srli_epi64(word, 21), coins));
    return _mm512_cvtepi64_epi8(
        _mm512_sub_epi64(_mm512_sad_epu8(plus, zero), _mm512_sad_epu8(minus, zero)));
}

void mv_binomial_words_avx512(int8_t *out, const uint64_t *word, size_t count)
{
    const size_t whole = count & ~(size_t)7;
    for (size_t i = 0; i < whole; i += 8) {
        const __m128i e = binomial_of_eight(_mm512_loadu_si512(word + i));
        _mm_storel_epi64((__m128i *)(void *)(out + i), e);
    }
    mv_binomial_words_portable(out + whole, word + whole, count - whole);
}
