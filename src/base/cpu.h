/* SPDX-License-Identifier: Apache-2.0
 *
 * cpu.h: which instruction sets this machine has, narrowed by MV_CPU_MASK.
 */
#ifndef MV_BASE_CPU_H
#define MV_BASE_CPU_H

#include <stdint.h>

enum {
    MV_CPU_AVX2 = 1u << 0,   /* AVX2, FMA, BMI2 */
    MV_CPU_AVX512 = 1u << 1, /* AVX-512 F, DQ, BW, VL */
    MV_CPU_IFMA = 1u << 2,   /* AVX-512 IFMA (52-bit multiply) */
    MV_CPU_VNNI = 1u << 3,   /* AVX-512 VNNI */
    MV_CPU_BF16 = 1u << 4    /* AVX-512 BF16 */
};

/* mv_cpu_features: bits above that are present and allowed. MV_CPU_MASK=portable|avx2|avx512|ifma
 * keeps everything up to the named tier. Read once; safe to call from any thread. */
uint32_t mv_cpu_features(void);

/* mv_cpu_name: "portable", "avx2", "avx512" or "ifma": the highest tier of these features. */
const char *mv_cpu_name(uint32_t features);

/* mv_cpu_count: processors this process may run on, at least 1. */
unsigned mv_cpu_count(void);

#endif
