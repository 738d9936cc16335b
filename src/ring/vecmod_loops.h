/* SPDX-License-Identifier: Apache-2.0
 *
 * vecmod_loops.h: the element-wise loops that are equal for every width of vector. The includer has
 * chosen a lanes*.h, which says how wide it is and how to multiply. Read vecmod.h first.
 */
#include "ring/vecmod.h"

static void add(uint64_t *out, const uint64_t *a, const uint64_t *b, size_t n, const mv_modulus *m)
{
    const words q = every(m->q);
    for (size_t j = 0; j < n; j += LANES) {
        store(out + j, reduce_once(plus(load(a + j), load(b + j)), q));
    }
}

static void sub(uint64_t *out, const uint64_t *a, const uint64_t *b, size_t n, const mv_modulus *m)
{
    const words q = every(m->q);
    for (size_t j = 0; j < n; j += LANES) {
        store(out + j, mend(minus(load(a + j), load(b + j)), q));
    }
}

static void neg(uint64_t *out, const uint64_t *a, size_t n, const mv_modulus *m)
{
    const words q = every(m->q);
    for (size_t j = 0; j < n; j += LANES) {
        store(out + j, reduce_once(minus(q, load(a + j)), q));
    }
}

static void mul_known_lazy(uint64_t *out, const uint64_t *a, const uint64_t *w,
                           const uint64_t *w_con, size_t n, const mv_modulus *m)
{
    const lanes l = lanes_of(m->q);
    for (size_t j = 0; j < n; j += LANES) {
        const factors f = {load(w + j), load(w_con + j)};
        store(out + j, mul_lazy(load(a + j), f, l));
    }
}

static void mul_scalar(uint64_t *out, const uint64_t *a, mv_known_factor known, size_t n,
                       const mv_modulus *m)
{
    const lanes l = lanes_of(m->q);
    const factors f = same(&known.w, &known.con, 0);
    for (size_t j = 0; j < n; j += LANES) {
        store(out + j, reduce_once(mul_lazy(load(a + j), f, l), l.q));
    }
}

static void reduce(uint64_t *out, const uint64_t *a, size_t n, const mv_modulus *m)
{
    const word_barrett b = word_barrett_of(m);
    for (size_t j = 0; j < n; j += LANES) {
        store(out + j, reduce_word(load(a + j), b));
    }
}
