/* SPDX-License-Identifier: Apache-2.0
 *
 * test_chacha_kernels.c: every source of key stream against libsodium's, and what makes errors of
 * it against the portable rule.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "base/rng.h"
#include "ring/sample.h"

#include <stdio.h>
#include <string.h>

static void random_bytes(mv_rand *rand, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)mv_rand_u64(rand);
    }
}

static void every_source_gives_the_same_stream(void **state)
{
    enum { MAX = 70 * MV_CHACHA_BLOCK_LEN };
    static const uint32_t counters[] = {0, 1, 0x7ffffff8, 0xffffff00};
    static uint8_t want[MAX + 2], got[MAX + 2];
    mv_chacha_blocks *fast = mv_chacha_choose(mv_cpu_features());
    mv_rand rand = mv_rand_make(31);
    (void)state;
    if (fast == mv_chacha_blocks_portable) {
        printf("this processor or MV_CPU_MASK has only the portable source\n");
    }
    for (size_t count = 0; count <= 70; count++) {
        for (int i = 0; i < 4; i++) {
            uint8_t key[32], nonce[12];
            random_bytes(&rand, key, sizeof key);
            random_bytes(&rand, nonce, sizeof nonce);
            memset(want, 0xee, sizeof want);
            memset(got, 0xee, sizeof got);
            mv_chacha_blocks_portable(want + 1, count, key, nonce, counters[i]);
            fast(got + 1, count, key, nonce, counters[i]); /* off every alignment */
            assert_memory_equal(got, want, sizeof want);   /* and nothing around it */
        }
    }
}

static void a_mask_keeps_the_portable_source(void **state)
{
    (void)state;
    assert_true(mv_chacha_choose(0) == mv_chacha_blocks_portable);
    assert_true(mv_chacha_choose(MV_CPU_AVX2) == mv_chacha_blocks_portable);
    assert_true(mv_binomial_choose(MV_CPU_AVX2) == mv_binomial_words_portable);
}

static void every_table_makes_the_same_errors_of_a_word(void **state)
{
    enum { MAX = 70 };
    mv_words_to_small *fast = mv_binomial_choose(mv_cpu_features());
    mv_rand rand = mv_rand_make(32);
    (void)state;
    for (size_t count = 0; count <= MAX; count++) {
        for (int kind = 0; kind < 4; kind++) {
            const uint64_t edge[3] = {0, 0x1fffff, ~UINT64_C(0x1fffff)};
            int8_t want[MAX + 2], got[MAX + 2];
            uint64_t word[MAX + 1];
            for (size_t i = 0; i <= count; i++) {
                word[i] = kind < 3 ? edge[kind] : mv_rand_u64(&rand);
            }
            memset(want, 0x55, sizeof want);
            memset(got, 0x55, sizeof got);
            mv_binomial_words_portable(want + 1, word, count);
            fast(got + 1, word, count); /* off every alignment, and nothing around it */
            assert_memory_equal(got, want, sizeof want);
            assert_true(count == 0 || kind != 1 || want[1] == MV_BINOMIAL_MAX);
            assert_true(count == 0 || kind != 2 || want[1] == -MV_BINOMIAL_MAX);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_source_gives_the_same_stream),
        cmocka_unit_test(a_mask_keeps_the_portable_source),
        cmocka_unit_test(every_table_makes_the_same_errors_of_a_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
