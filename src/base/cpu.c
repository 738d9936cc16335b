/* SPDX-License-Identifier: Apache-2.0
 *
 * cpu.c: feature detection; the only file that asks the processor what it can do.
 */
#include "base/cpu.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

static uint32_t detect(void)
{
    uint32_t found = 0;
#if defined(__x86_64__) && defined(__GNUC__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
        __builtin_cpu_supports("bmi2")) {
        found |= MV_CPU_AVX2;
    }
    if ((found & MV_CPU_AVX2) && __builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl")) {
        found |= MV_CPU_AVX512;
    }
    if ((found & MV_CPU_AVX512) && __builtin_cpu_supports("avx512ifma")) {
        found |= MV_CPU_IFMA;
    }
    if ((found & MV_CPU_AVX512) && __builtin_cpu_supports("avx512vnni")) {
        found |= MV_CPU_VNNI;
    }
    if ((found & MV_CPU_AVX512) && __builtin_cpu_supports("avx512bf16")) {
        found |= MV_CPU_BF16;
    }
#endif
    return found;
}

static uint32_t mask_from_text(const char *text)
{
    if (text == NULL || strcmp(text, "ifma") == 0) {
        return UINT32_MAX;
    }
    if (strcmp(text, "avx512") == 0) {
        return MV_CPU_AVX2 | MV_CPU_AVX512;
    }
    if (strcmp(text, "avx2") == 0) {
        return MV_CPU_AVX2;
    }
    return 0; /* "portable", and anything else: the safe choice */
}

static uint32_t features;
static pthread_once_t features_once = PTHREAD_ONCE_INIT;

static void features_find(void)
{
    features = detect() & mask_from_text(getenv("MV_CPU_MASK"));
}

uint32_t mv_cpu_features(void)
{
    (void)pthread_once(&features_once, features_find);
    return features;
}

const char *mv_cpu_name(uint32_t bits)
{
    if (bits & MV_CPU_IFMA) {
        return "ifma";
    }
    if (bits & MV_CPU_AVX512) {
        return "avx512";
    }
    return bits & MV_CPU_AVX2 ? "avx2" : "portable";
}

unsigned mv_cpu_count(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0) {
        return 1;
    }
    const int count = CPU_COUNT(&set);
    return count < 1 ? 1 : (unsigned)count;
}
