/* SPDX-License-Identifier: Apache-2.0
 *
 * test_small_kernels.c: the small network of every kernel this processor can run against the
 * portable one, up to the largest sums that its check lets through.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "base/rng.h"
#include "nn/nn_small.h"

enum { SAMPLES = 37 };

/* Random weights of this size, brought down until the check is content. */
static void random_net(mv_small_net *net, mv_rand *r, int32_t size)
{
    do {
        int16_t *w[3] = {&net->w1[0][0][0], &net->w2[0][0][0], &net->w3[0][0]};
        const size_t count[3] = {sizeof net->w1 / 2, sizeof net->w2 / 2, sizeof net->w3 / 2};
        for (size_t l = 0; l < 3; l++) {
            for (size_t i = 0; i < count[l]; i++) {
                w[l][i] = (int16_t)((int32_t)mv_rand_below(r, (uint32_t)(2 * size)) - size);
            }
        }
        for (size_t j = 0; j < MV_SMALL_H1; j++) {
            net->b1[j] = (int32_t)mv_rand_below(r, 1 << 24) - (1 << 22);
        }
        for (size_t j = 0; j < MV_SMALL_H2; j++) {
            net->b2[j] = (int32_t)mv_rand_below(r, 1 << 24) - (1 << 22);
        }
        net->b3[0] = net->b3[1] = 12345;
        size -= size / 8;
    } while (mv_small_check(net) != MV_OK);
}

static void fill(int16_t (*x)[MV_SMALL_IN], mv_rand *r, int kind)
{
    for (size_t k = 0; k < SAMPLES; k++) {
        for (size_t i = 0; i < MV_SMALL_IN; i++) {
            const int32_t v = (int32_t)mv_rand_below(r, 2 * MV_SMALL_X_MAX + 1) - MV_SMALL_X_MAX;
            x[k][i] = (int16_t)(kind == 0 ? v : v < 0 ? -MV_SMALL_X_MAX : MV_SMALL_X_MAX);
        }
    }
}

static void every_kernel_agrees_with_portable(void **state)
{
    static const uint32_t masks[3] = {0, MV_CPU_AVX2, MV_CPU_AVX2 | MV_CPU_AVX512 | MV_CPU_VNNI};
    mv_rand r = mv_rand_make(5);
    (void)state;
    for (int round = 0; round < 200; round++) {
        mv_small_net net;
        int16_t x[SAMPLES][MV_SMALL_IN];
        int32_t want[SAMPLES][MV_SMALL_OUT], got[SAMPLES][MV_SMALL_OUT];
        random_net(&net, &r, round % 2 == 0 ? 700 : 32767);
        fill(x, &r, round % 4 / 2);
        mv_small_portable.run(want, &net, (const int16_t(*)[MV_SMALL_IN])x, SAMPLES);
        for (size_t m = 0; m < 3; m++) {
            const uint32_t cpu = masks[m] & mv_cpu_features();
            memset(got, 0, sizeof got);
            mv_small_choose(cpu).run(got, &net, (const int16_t(*)[MV_SMALL_IN])x, SAMPLES);
            assert_memory_equal(got, want, sizeof want);
        }
    }
}

/* The inputs dealt out to three parts at random, each in pairs at random with some inputs alone;
 * and places in two calls. */
static void deal(mv_small_part part[3], mv_small_pair (*pair)[SAMPLES + 1],
                 const int16_t (*x)[MV_SMALL_IN], mv_rand *r)
{
    uint32_t order[MV_SMALL_IN], used = 0;
    for (uint32_t i = 0; i < MV_SMALL_IN; i++) {
        const uint32_t at = mv_rand_below(r, i + 1);
        order[i] = order[at];
        order[at] = i;
    }
    part[0].count = part[1].count = part[2].count = 0;
    for (size_t p = 0; used < MV_SMALL_IN; p++) {
        const bool alone = used + 1 == MV_SMALL_IN || mv_rand_below(r, 4) == 0;
        const uint32_t a = order[used], b = alone ? MV_SMALL_NOTHING : order[used + 1];
        for (size_t k = 0; k < SAMPLES; k++) { /* what has no weight may be anything */
            pair[p][k + 1].x[0] = x[k][a];
            pair[p][k + 1].x[1] = alone ? MV_SMALL_X_MAX : x[k][b];
        }
        size_t to = mv_rand_below(r, 3);
        while (part[to].count == MV_SMALL_PAIRS) {
            to = (to + 1) % 3;
        }
        mv_small_part_add(&part[to], pair[p], a, b);
        used += alone ? 1 : 2;
    }
}

static void run_in_parts(int32_t (*y)[MV_SMALL_OUT], const mv_small_kernels *k,
                         const mv_small_net *net, const mv_small_part part[3], size_t cut)
{
    int32_t first[SAMPLES][MV_SMALL_H1], sum[SAMPLES][MV_SMALL_H1];
    k->begin(first, net->b1, &part[0], 1, SAMPLES);
    for (size_t i = 0; i < SAMPLES; i++) {
        k->begin(sum + i, first[i], &part[1], 1 + i, 1);
    }
    k->end(y, net, (const int32_t(*)[MV_SMALL_H1])sum, &part[2], 1, cut);
    k->end(y + cut, net, (const int32_t(*)[MV_SMALL_H1])sum + cut, &part[2], 1 + cut,
           SAMPLES - cut);
}

static void inputs_in_parts_give_what_they_give_together(void **state)
{
    static const uint32_t masks[3] = {0, MV_CPU_AVX2, MV_CPU_AVX2 | MV_CPU_AVX512 | MV_CPU_VNNI};
    static mv_small_part part[3];
    static mv_small_pair pair[MV_SMALL_IN][SAMPLES + 1];
    mv_rand r = mv_rand_make(8);
    (void)state;
    for (int round = 0; round < 200; round++) {
        mv_small_net net;
        int16_t x[SAMPLES][MV_SMALL_IN];
        int32_t want[SAMPLES][MV_SMALL_OUT], got[SAMPLES][MV_SMALL_OUT];
        random_net(&net, &r, round % 2 == 0 ? 700 : 32767);
        fill(x, &r, round % 4 / 2);
        mv_small_portable.run(want, &net, (const int16_t(*)[MV_SMALL_IN])x, SAMPLES);
        deal(part, pair, (const int16_t(*)[MV_SMALL_IN])x, &r);
        for (size_t p = 0; p < 3; p++) {
            mv_small_part_weights(&part[p], &net);
        }
        for (size_t m = 0; m < 3; m++) {
            const mv_small_kernels k = mv_small_choose(masks[m] & mv_cpu_features());
            memset(got, 0, sizeof got);
            run_in_parts(got, &k, &net, part, mv_rand_below(&r, SAMPLES + 1));
            assert_memory_equal(got, want, sizeof want);
        }
    }
}

/* The definition once more, in 64 bits and without any order of its own. */
static int64_t relu_cut(int64_t sum)
{
    const int64_t h = sum < 0 ? -((-sum + 4095) / 4096) : sum / 4096; /* rounded down */
    return h < 0 ? 0 : h > MV_SMALL_CUT ? MV_SMALL_CUT : h;
}

static void wide_sums(int64_t y[MV_SMALL_OUT], const mv_small_net *net, const int16_t *x)
{
    int64_t h1[MV_SMALL_H1], h2[MV_SMALL_H2];
    for (size_t j = 0; j < MV_SMALL_H1; j++) {
        h1[j] = net->b1[j];
        for (size_t i = 0; i < MV_SMALL_IN; i++) {
            h1[j] += (int64_t)net->w1[i / 2][j][i % 2] * x[i];
        }
        h1[j] = relu_cut(h1[j]);
    }
    for (size_t j = 0; j < MV_SMALL_H2; j++) {
        h2[j] = net->b2[j];
        for (size_t i = 0; i < MV_SMALL_H1; i++) {
            h2[j] += net->w2[i / 2][j][i % 2] * h1[i];
        }
        h2[j] = relu_cut(h2[j]);
    }
    for (size_t o = 0; o < MV_SMALL_OUT; o++) {
        y[o] = net->b3[o];
        for (size_t j = 0; j < MV_SMALL_H2; j++) {
            y[o] += net->w3[o][j] * h2[j];
        }
    }
}

static void what_the_check_accepts_never_overflows(void **state)
{
    mv_rand r = mv_rand_make(6);
    (void)state;
    for (int round = 0; round < 200; round++) {
        mv_small_net net;
        int16_t x[SAMPLES][MV_SMALL_IN];
        int32_t got[SAMPLES][MV_SMALL_OUT];
        random_net(&net, &r, 32767);
        fill(x, &r, 1);
        mv_small_portable.run(got, &net, (const int16_t(*)[MV_SMALL_IN])x, SAMPLES);
        for (size_t k = 0; k < SAMPLES; k++) {
            int64_t want[MV_SMALL_OUT];
            wide_sums(want, &net, x[k]);
            assert_int_equal(got[k][0], want[0]);
            assert_int_equal(got[k][1], want[1]);
        }
    }
}

static void weights_that_could_overflow_are_refused(void **state)
{
    mv_small_net net;
    (void)state;
    memset(&net, 0, sizeof net);
    assert_int_equal(mv_small_check(&net), MV_OK);
    for (size_t i = 0; i < MV_SMALL_IN; i++) {
        net.w1[i / 2][3][i % 2] = 32767;
    }
    assert_int_equal(mv_small_check(&net), MV_E_RANGE);
    memset(&net, 0, sizeof net);
    net.b3[1] = INT32_MIN;
    assert_int_equal(mv_small_check(&net), MV_E_RANGE);
}

static void bytes_come_back_and_are_checked(void **state)
{
    mv_rand r = mv_rand_make(7);
    mv_small_net net, back;
    mv_buffer out = mv_buffer_make(1 << 16);
    (void)state;
    random_net(&net, &r, 700);
    assert_int_equal(mv_small_write(&out, &net), MV_OK);
    assert_int_equal(out.len, MV_SMALL_LEN);
    mv_reader in = mv_reader_make(out.bytes, out.len);
    assert_int_equal(mv_small_read(&back, &in), MV_OK);
    assert_memory_equal(&back, &net, sizeof net);
    in = mv_reader_make(out.bytes, out.len - 1);
    assert_int_equal(mv_small_read(&back, &in), MV_E_TRUNCATED);
    memset(out.bytes, 0x7f, out.len);
    in = mv_reader_make(out.bytes, out.len);
    assert_int_equal(mv_small_read(&back, &in), MV_E_RANGE);
    mv_buffer_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kernel_agrees_with_portable),
        cmocka_unit_test(inputs_in_parts_give_what_they_give_together),
        cmocka_unit_test(what_the_check_accepts_never_overflows),
        cmocka_unit_test(weights_that_could_overflow_are_refused),
        cmocka_unit_test(bytes_come_back_and_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
