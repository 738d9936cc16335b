/* SPDX-License-Identifier: Apache-2.0
 *
 * ntt_fma.c: the transform on AVX2 with doubles, for primes below 2^50. Compiled with its own
 * flags; called only when the processor has MV_CPU_AVX2, which includes fused multiply-add.
 *
 * Lazy values have either sign. Forward, for values up to B q before a pass of two layers: its
 * first butterflies shrink x to q/2, add products of (1/2 + B/4) q and give (1 + B/4) q; the second
 * ones add products of (3/4 + B/16) q to that and give (7/4 + 5B/16) q, not above B q for B = 2.6,
 * which the input and a single layer's (1 + B/4) q keep too. Inverse: x is shrunk to q/2, and a
 * product of a difference of two values up to B q is at most (1/2 + B/2) q: from B = 2 of the
 * input, B stays at 2 or below, and sums and differences below 4q < 2^52, as mul_lazy and centre
 * ask.
 */
#include "ring/lanes256d.h"

static inline words shrink(words a, lanes l)
{
    return centre(a, l);
}

static inline words shrink_again(words a, lanes l)
{
    (void)l;
    return a;
}

static inline words difference(words a, words b, lanes l)
{
    (void)l;
    return minus(a, b);
}

static inline void store_value(uint64_t *p, words a, lanes l)
{
    store_words(p, a, l);
}

static inline void store_product(uint64_t *p, words a, lanes l)
{
    store_words(p, a, l);
}

#include "ring/ntt_lanes4.h"

static void forward_words(uint64_t *a, const mv_ntt_tables *t)
{
    for (uint32_t j = 0; j < t->n; j += LANES) {
        store(a + j, load_words(a + j));
    }
    forward(a, t);
}

const mv_ntt_kernels mv_ntt_fma = {"fma", 64, forward_words, inverse};
