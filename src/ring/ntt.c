/* SPDX-License-Identifier: Apache-2.0
 *
 * ntt.c: which kernels a prime gets on a machine, in one visible place: transform and element-wise
 * kernels side by side, because a prime's known factors have constants for both.
 */
#include "ring/ntt.h"

#include "base/cpu.h"

enum { N_MIN = 32 }; /* the tables of wider words work on 8 or 16 neighbours */

mv_ntt_kernels mv_ntt_choose(uint32_t cpu, uint32_t n, unsigned q_bits)
{
    mv_ntt_kernels k = mv_ntt_portable;
    cpu = n < N_MIN ? 0 : cpu;
    (void)cpu, (void)q_bits;
#ifdef MV_HAVE_AVX2
    if (cpu & MV_CPU_AVX2) {
        k = q_bits <= 50 ? mv_ntt_fma : mv_ntt_avx2;
    }
#endif
#ifdef MV_HAVE_AVX512
    if (cpu & MV_CPU_AVX512) {
        k = mv_ntt_avx512;
    }
#endif
#ifdef MV_HAVE_IFMA
    if ((cpu & MV_CPU_IFMA) && q_bits <= 50) {
        k = mv_ntt_ifma; /* its constants have 52 bits, those of the others 64 */
    }
#endif
    return k;
}

mv_vec_kernels mv_vec_choose(uint32_t cpu, uint32_t n, unsigned q_bits)
{
    mv_vec_kernels k = mv_vec_portable;
    cpu = n < N_MIN ? 0 : cpu;
    (void)cpu, (void)q_bits;
#ifdef MV_HAVE_AVX2
    if (cpu & MV_CPU_AVX2) {
        mv_vec_use_avx2(&k);
    }
#endif
#ifdef MV_HAVE_AVX512
    if (cpu & MV_CPU_AVX512) {
        k = mv_vec_avx512;
    }
#endif
#ifdef MV_HAVE_IFMA
    if ((cpu & MV_CPU_IFMA) && q_bits <= 50) {
        k = mv_vec_ifma;
    }
#endif
    return k;
}
