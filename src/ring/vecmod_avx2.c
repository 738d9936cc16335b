/* SPDX-License-Identifier: Apache-2.0
 *
 * vecmod_avx2.c: element-wise arithmetic on AVX2, primes below 2^61. Compiled with its own flags;
 * called only when the processor has MV_CPU_AVX2. Read vecmod.h first.
 *
 * Sums with signs in the place of comparisons are twice as fast as the portable loops. A product of
 * two unknown words costs seven 32-bit ones here and one instruction there, so wide sums and
 * Barrett's products stay portable.
 */
#include "ring/lanes256.h"
#include "ring/vecmod_loops.h"

static void recentre(uint64_t *out, const uint64_t *a, uint64_t from, size_t n, const mv_modulus *m)
{
    const word_barrett b = word_barrett_of(m);
    const __m256i minus_from = every(m->q - mv_reduce_word(from, m)), half = every(from / 2);
    for (size_t j = 0; j < n; j += 4) {
        const __m256i x = load(a + j), upper = _mm256_sub_epi64(half, x);
        store(out + j, reduce_word(choose_by_sign(upper, _mm256_add_epi64(x, minus_from), x), b));
    }
}

void mv_vec_use_avx2(mv_vec_kernels *k)
{
    k->name = "avx2";
    k->add = add;
    k->sub = sub;
    k->neg = neg;
    k->mul_known_lazy = mul_known_lazy;
    k->mul_scalar = mul_scalar;
    k->reduce = reduce;
    k->recentre = recentre;
}
