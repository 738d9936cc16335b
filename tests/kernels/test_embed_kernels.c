/* SPDX-License-Identifier: Apache-2.0
 *
 * test_embed_kernels.c: every table of the canonical embedding gives the portable one's bits, at
 * every size and off the cache line.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "base/rng.h"
#include "ring/embed_fft.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_MAX = 32768 };

static _Alignas(64) double want[N_MAX + 1], got[N_MAX + 1];

static void fill(mv_rand *rand, uint32_t n, int kind)
{
    for (uint32_t j = 0; j < n; j++) {
        const double x = (double)(int64_t)mv_rand_u64(rand);
        want[j] = kind == 0 ? 0 : kind == 1 ? -1 : ldexp(x, (int)mv_rand_below(rand, 80) - 90);
    }
}

static void every_table_gives_the_same_bits(void **state)
{
    mv_rand rand = mv_rand_make(51);
    void *memory = aligned_alloc(64, mv_embed_size(N_MAX));
    (void)state;
    for (uint32_t n = 4; n <= N_MAX; n *= 2) {
        mv_embed_tables t;
        assert_int_equal(mv_embed_init(&t, memory, n), MV_OK);
        for (int kind = 0; kind < 6; kind++) {
            double *out = got + kind % 2; /* 0: on a cache line */
            fill(&rand, n, kind);
            memcpy(out, want, n * sizeof *want);
            mv_embed_portable.forward(want, &t);
            t.kernels.forward(out, &t);
            assert_memory_equal(out, want, n * sizeof *want);
            mv_embed_portable.inverse(want, &t);
            t.kernels.inverse(out, &t);
            assert_memory_equal(out, want, n * sizeof *want);
        }
    }
    free(memory);
}

static void a_mask_or_a_small_ring_keeps_the_portable_table(void **state)
{
    (void)state;
    assert_string_equal(mv_embed_choose(MV_CPU_AVX2, 4096).name, "portable");
    assert_string_equal(mv_embed_choose(UINT32_MAX, 32).name, "portable");
    printf("this processor and MV_CPU_MASK give the table %s\n",
           mv_embed_choose(mv_cpu_features(), 4096).name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_table_gives_the_same_bits),
        cmocka_unit_test(a_mask_or_a_small_ring_keeps_the_portable_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
