/* SPDX-License-Identifier: Apache-2.0
 *
 * vecmod.c: which element-wise kernels a prime gets on a machine; beside ntt.c, which it must match
 * in con_bits.
 */
#include "ring/vecmod.h"

#include "base/cpu.h"

mv_vec_kernels mv_vec_choose(uint32_t cpu, uint32_t n, unsigned q_bits)
{
    mv_vec_kernels k = mv_vec_portable; /* complete: every slot filled */
#ifdef MV_HAVE_IFMA
    if ((cpu & MV_CPU_IFMA) && q_bits <= 50 && n >= 32) {
        k = mv_vec_ifma;
    }
#else
    (void)cpu, (void)n, (void)q_bits;
#endif
    return k;
}
