/* SPDX-License-Identifier: Apache-2.0
 *
 * test_ntt_kernels.c: every transform table that this processor can run against the portable one,
 * at every size, on edge values, at the top of each lazy range and off the cache line.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "base/rng.h"
#include "ring/ntt.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_MAX = 32768 };

/* Primes of 26 to 61 bits, 1 modulo 65536 where a ring of degree 32768 needs it. */
static const uint64_t primes[] = {67104769,
                                  1073479681,
                                  68719230977,
                                  562949952700417,
                                  1125899904679937,
                                  1125899906826241,
                                  UINT64_C(36028797017456641),
                                  UINT64_C(2305843009211662337)};
enum { PRIMES = sizeof primes / sizeof primes[0] };

typedef struct pair {
    mv_ntt_tables portable, other;
} pair;

static uint64_t *memory[2], *input, *want, *got;

static int make_buffers(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        memory[i] = aligned_alloc(64, mv_ntt_tables_words(N_MAX) * 8);
    }
    input = aligned_alloc(64, N_MAX * 8);
    want = aligned_alloc(64, N_MAX * 8);
    got = aligned_alloc(64, (N_MAX + 8) * 8);
    return 0;
}

static int free_buffers(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        free(memory[i]);
    }
    free(input);
    free(want);
    free(got);
    return 0;
}

/* What to put in: random below limit, or one of its edges everywhere or here and there. */
static void fill(mv_rand *rand, uint64_t *a, uint32_t n, uint64_t limit, int kind)
{
    const uint64_t edge[4] = {0, 1, limit - 1, limit / 2};
    for (uint32_t j = 0; j < n; j++) {
        a[j] = kind < 4    ? edge[kind]
               : kind == 4 ? edge[mv_rand_below(rand, 4)]
                           : mv_rand_u64(rand) % limit;
    }
}

static void check_equal(const uint64_t *a, const uint64_t *b, uint32_t n, const mv_ntt_tables *t,
                        const char *what)
{
    for (uint32_t j = 0; j < n; j++) {
        if (a[j] != b[j]) {
            fail_msg("%s, table %s, N %" PRIu32 ", q %" PRIu64 ": differs at %" PRIu32, what,
                     t->kernels.name, n, t->mod.q, j);
        }
    }
}

static void check_pair(const pair *p, mv_rand *rand, uint32_t shift)
{
    const uint32_t n = p->portable.n;
    const uint64_t q = p->portable.mod.q;
    uint64_t *out = got + shift; /* shift 0: on a cache line */
    for (int kind = 0; kind < 6; kind++) {
        fill(rand, input, n, q, kind);
        memcpy(want, input, n * 8);
        memcpy(out, input, n * 8);
        p->portable.kernels.forward(want, &p->portable);
        p->other.kernels.forward(out, &p->other);
        check_equal(out, want, n, &p->other, "forward");
        p->other.kernels.inverse(out, &p->other);
        check_equal(out, input, n, &p->other, "inverse of forward");
        fill(rand, input, n, 2 * q, kind); /* the inverse takes [0,2q) */
        memcpy(want, input, n * 8);
        memcpy(out, input, n * 8);
        p->portable.kernels.inverse(want, &p->portable);
        p->other.kernels.inverse(out, &p->other);
        check_equal(out, want, n, &p->other, "inverse");
    }
}

/* What each instruction set's tier gets; the top one is what this processor runs. */
static const uint32_t tiers[] = {0, MV_CPU_AVX2, MV_CPU_AVX2 | MV_CPU_AVX512,
                                 MV_CPU_AVX2 | MV_CPU_AVX512 | MV_CPU_IFMA};

static void every_table_agrees_with_portable(void **state)
{
    mv_rand rand = mv_rand_make(21);
    int compared = 0;
    (void)state;
    for (size_t tier = 0; tier < sizeof tiers / sizeof tiers[0]; tier++) {
        if ((mv_cpu_features() & tiers[tier]) != tiers[tier]) {
            printf("this processor or MV_CPU_MASK leaves out the tier %s\n",
                   mv_cpu_name(tiers[tier]));
            continue;
        }
        for (uint32_t n = 2; n <= N_MAX; n *= 2) {
            for (int i = 0; i < PRIMES; i++) {
                unsigned bits = 0;
                while (primes[i] >> bits != 0) {
                    bits++;
                }
                const mv_ntt_kernels kernels = mv_ntt_choose(tiers[tier], n, bits);
                pair p;
                if ((primes[i] - 1) % ((uint64_t)2 * n) != 0 ||
                    (strcmp(kernels.name, "portable") == 0 && tier > 0)) {
                    continue;
                }
                assert_int_equal(mv_ntt_tables_init(&p.portable, memory[0], n, primes[i],
                                                    &mv_ntt_portable, &mv_vec_portable),
                                 MV_OK);
                const mv_vec_kernels vec = mv_vec_choose(tiers[tier], n, bits);
                assert_int_equal(vec.con_bits, kernels.con_bits);
                assert_int_equal(
                    mv_ntt_tables_init(&p.other, memory[1], n, primes[i], &kernels, &vec), MV_OK);
                check_pair(&p, &rand, 0);
                check_pair(&p, &rand, 1);
                compared++;
            }
        }
    }
    assert_true(compared > 20);
}

/* 61-bit primes: the portable table only, checked by evaluating at some points. */
static void the_portable_table_holds_up_to_61_bits(void **state)
{
    const uint64_t q = UINT64_C(2305843009211662337);
    const uint32_t n = 1024;
    mv_ntt_tables t;
    (void)state;
    assert_int_equal(mv_ntt_tables_init(&t, memory[0], n, q, &mv_ntt_portable, &mv_vec_portable),
                     MV_OK);
    for (uint32_t j = 0; j < n; j++) {
        input[j] = q - 1 - j % 3;
    }
    memcpy(got, input, n * 8);
    t.kernels.forward(got, &t);
    for (uint32_t k = 0; k < n; k += 37) {
        uint32_t reversed = 0;
        for (uint32_t b = 0; b < t.log_n; b++) {
            reversed |= (k >> b & 1) << (t.log_n - 1 - b);
        }
        const uint64_t x = mv_pow_mod_vartime(t.psi, 2 * reversed + 1, &t.mod);
        uint64_t value = 0;
        for (uint32_t j = n; j > 0; j--) {
            value = mv_add_mod(mv_mul_mod(value, x, &t.mod), input[j - 1], q);
        }
        assert_true(got[k] == value);
    }
    t.kernels.inverse(got, &t);
    check_equal(got, input, n, &t, "inverse of forward");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_table_agrees_with_portable),
        cmocka_unit_test(the_portable_table_holds_up_to_61_bits),
    };
    return cmocka_run_group_tests(tests, make_buffers, free_buffers);
}
