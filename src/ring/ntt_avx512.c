/* SPDX-License-Identifier: Apache-2.0
 *
 * ntt_avx512.c: the transform with 64-bit products, for primes below 2^61. Compiled with its own
 * flags; called only when the processor has MV_CPU_AVX512.
 */
#include "ring/lanes64.h"
#include "ring/ntt_lanes.h"

const mv_ntt_kernels mv_ntt_avx512 = {"avx512", 64, forward, inverse};
