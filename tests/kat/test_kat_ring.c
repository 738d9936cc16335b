/* SPDX-License-Identifier: Apache-2.0
 *
 * test_kat_ring.c: the ring's vectors of docs/formats/he.md, which test_ring_page.py computes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ring/automorphism.h"
#include "ring/embed_fft.h"
#include "ring/rns.h"

#include <stdlib.h>
#include <string.h>

enum { N = 16, LIMBS_MAX = 3 };

static _Alignas(64) uint64_t memory[LIMBS_MAX * 4 * N];
static mv_ring ring;

static void make_ring(const uint64_t *prime, uint32_t count)
{
    assert_int_equal(mv_ring_init(&ring, memory, N, prime, count, 0), MV_OK);
}

static void the_transform_is_the_printed_one(void **state)
{
    static const uint64_t q = 97;
    static const uint64_t want[N] = {65, 76, 26, 6, 39, 16, 80, 41, 89, 28, 90, 37, 59, 16, 45, 79};
    uint64_t a[N];
    (void)state;
    make_ring(&q, 1);
    assert_int_equal(ring.limb[0].psi, 19);
    for (uint64_t k = 0; k < N; k++) {
        a[k] = (k * k + 3 * k + 1) % q;
    }
    (void)mv_ring_forward(&ring, (mv_poly_coeff){a});
    assert_memory_equal(a, want, sizeof want);
}

static void bfv_slots_are_in_the_printed_order(void **state)
{
    static const uint64_t t = 97;
    static const uint64_t want[N] = {57, 87, 85, 71, 86, 37, 14, 66, 0, 31, 83, 60, 79, 26, 12, 10};
    uint32_t order[N];
    uint64_t m[N];
    (void)state;
    make_ring(&t, 1);
    mv_slot_order(order, N);
    for (uint32_t j = 0; j < N; j++) {
        m[order[j]] = j + 1;
    }
    (void)mv_ring_inverse(&ring, (mv_poly_eval){m});
    assert_memory_equal(m, want, sizeof want);
}

static void ckks_slots_encode_to_the_printed_integers(void **state)
{
    static const uint64_t q = 1125899906826241;
    static const int64_t want[N] = {589824,  -381295, -720483, 18645,  1297547, -1159151,
                                    -127180, 441079,  -458752, 631366, -198116, -1298296,
                                    1390229, 46323,   -549229, -96511};
    static _Alignas(64) uint64_t embed_memory[2 * N];
    mv_embed_tables t;
    double re[N / 2], im[N / 2], m[N];
    uint64_t got[N];
    (void)state;
    make_ring(&q, 1);
    assert_int_equal(mv_embed_init(&t, embed_memory, N), MV_OK);
    for (int j = 0; j < N / 2; j++) {
        re[j] = (j + 1) / 8.0;
        im[j] = (j * j - 3) / 8.0;
    }
    mv_embed_encode(&t, m, re, im, N / 2, 0x1p20);
    assert_int_equal(mv_rns_from_double(&ring, got, m), MV_OK);
    for (int k = 0; k < N; k++) {
        assert_true(got[k] == mv_lift_ct(want[k], q));
    }
}

static void an_automorphism_is_the_printed_one(void **state)
{
    static const uint64_t q = 97;
    static const uint64_t want[N] = {0, 11, 91, 1, 12, 90, 2, 13, 89, 3, 14, 88, 4, 15, 87, 5};
    uint64_t a[N], got[N];
    (void)state;
    make_ring(&q, 1);
    for (uint64_t k = 0; k < N; k++) {
        a[k] = k;
    }
    mv_automorphism_coeff(&ring, (mv_poly_coeff){got}, (mv_poly_coeff){a}, 3);
    assert_memory_equal(got, want, sizeof want);
}

/* 17 is 1 modulo 16: a ring of degree 8. */
static void division_rounds_as_printed(void **state)
{
    enum { EIGHT = 8 };
    static const uint64_t prime[LIMBS_MAX] = {17, 97, 113};
    static const int64_t number[EIGHT] = {0, 56, 57, -56, -57, 1000, -1000, 93168};
    static const uint64_t want[2 * EIGHT] = {0, 0, 1, 0, 16, 9, 8, 8, 0, 0, 1, 0, 96, 9, 88, 48};
    uint64_t x[LIMBS_MAX * EIGHT], scratch[EIGHT];
    mv_rns_drop drop;
    (void)state;
    assert_int_equal(mv_ring_init(&ring, memory, EIGHT, prime, LIMBS_MAX, 0), MV_OK);
    for (uint32_t i = 0; i < LIMBS_MAX; i++) {
        for (uint32_t j = 0; j < EIGHT; j++) {
            const int64_t q = (int64_t)prime[i];
            x[i * EIGHT + j] = (uint64_t)((number[j] % q + q) % q);
        }
    }
    mv_rns_drop_init(&drop, &ring);
    mv_rns_drop_coeff(&drop, (mv_poly_coeff){x}, scratch);
    assert_memory_equal(x, want, sizeof want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_transform_is_the_printed_one),
        cmocka_unit_test(bfv_slots_are_in_the_printed_order),
        cmocka_unit_test(ckks_slots_encode_to_the_printed_integers),
        cmocka_unit_test(an_automorphism_is_the_printed_one),
        cmocka_unit_test(division_rounds_as_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
