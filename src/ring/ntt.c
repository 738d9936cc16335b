/* SPDX-License-Identifier: Apache-2.0
 *
 * ntt.c: which kernels a prime gets on a machine, in one visible place.
 */
#include "ring/ntt.h"

#include "base/cpu.h"

mv_ntt_kernels mv_ntt_choose(uint32_t cpu, uint32_t n, unsigned q_bits)
{
    mv_ntt_kernels k = mv_ntt_portable; /* complete: every slot filled */
#ifdef MV_HAVE_IFMA
    if ((cpu & MV_CPU_IFMA) && q_bits <= 50 && n >= 32) {
        k = mv_ntt_ifma; /* complete too: its constants have 52 bits, so slots cannot be mixed */
    }
#else
    (void)cpu, (void)n, (void)q_bits;
#endif
    return k;
}
