/* SPDX-License-Identifier: Apache-2.0
 *
 * ntt_avx2.c: the transform on AVX2 with 64-bit words, for primes below 2^61. Compiled with its own
 * flags; called only when the processor has MV_CPU_AVX2.
 */
#include "ring/lanes256.h"
#include "ring/ntt_unsigned.h"

static inline words load_words(const uint64_t *p)
{
    return load(p);
}

#include "ring/ntt_lanes4.h"

const mv_ntt_kernels mv_ntt_avx2 = {"avx2", 64, forward, inverse};
