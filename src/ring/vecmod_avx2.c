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
#include "ring/vecmod.h"

static void add(uint64_t *out, const uint64_t *a, const uint64_t *b, size_t n, const mv_modulus *m)
{
    const __m256i q = every(m->q);
    for (size_t j = 0; j < n; j += 4) {
        store(out + j, reduce_once(_mm256_add_epi64(load(a + j), load(b + j)), q));
    }
}

static void sub(uint64_t *out, const uint64_t *a, const uint64_t *b, size_t n, const mv_modulus *m)
{
    const __m256i q = every(m->q);
    for (size_t j = 0; j < n; j += 4) {
        const __m256i d = _mm256_sub_epi64(load(a + j), load(b + j));
        store(out + j, choose_by_sign(d, _mm256_add_epi64(d, q), d));
    }
}

static void neg(uint64_t *out, const uint64_t *a, size_t n, const mv_modulus *m)
{
    const __m256i q = every(m->q);
    for (size_t j = 0; j < n; j += 4) {
        store(out + j, reduce_once(_mm256_sub_epi64(q, load(a + j)), q));
    }
}

static void mul_known_lazy(uint64_t *out, const uint64_t *a, const uint64_t *w,
                           const uint64_t *w_con, size_t n, const mv_modulus *m)
{
    const lanes l = lanes_of(m->q);
    for (size_t j = 0; j < n; j += 4) {
        const factors f = {load(w + j), load(w_con + j)};
        store(out + j, mul_lazy(load(a + j), f, l));
    }
}

static void mul_scalar(uint64_t *out, const uint64_t *a, mv_known_factor known, size_t n,
                       const mv_modulus *m)
{
    const lanes l = lanes_of(m->q);
    const factors f = same(&known.w, &known.con, 0);
    for (size_t j = 0; j < n; j += 4) {
        store(out + j, reduce_once(mul_lazy(load(a + j), f, l), l.q));
    }
}

static void reduce(uint64_t *out, const uint64_t *a, size_t n, const mv_modulus *m)
{
    const word_barrett b = word_barrett_of(m);
    for (size_t j = 0; j < n; j += 4) {
        store(out + j, reduce_word(load(a + j), b));
    }
}

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
