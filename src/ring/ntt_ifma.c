/* SPDX-License-Identifier: Apache-2.0
 *
 * ntt_ifma.c: the transform with 52-bit multiply-add, for primes below 2^50: every lazy value stays
 * below 4q < 2^52. Compiled with its own flags; called only when the processor has MV_CPU_IFMA.
 */
#include "ring/lanes52.h"
#include "ring/ntt_lanes.h"

const mv_ntt_kernels mv_ntt_ifma = {"ifma", 52, forward, inverse};
