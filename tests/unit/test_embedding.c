/* SPDX-License-Identifier: Apache-2.0
 *
 * test_embedding.c: sentences about embeddings as small integers.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "medveil/embedding.h"

static void random_unit(float *unit, mv_rand *r)
{
    double length2 = 0;
    for (size_t i = 0; i < MV_EMBEDDING_DIM; i++) {
        unit[i] = (float)mv_rand_normal(r);
        length2 += (double)unit[i] * unit[i];
    }
    for (size_t i = 0; i < MV_EMBEDDING_DIM; i++) {
        unit[i] = (float)(unit[i] / sqrt(length2));
    }
}

static void the_dot_product_is_the_cosine_times_the_scale_squared(void **state)
{
    mv_rand r = mv_rand_make(1);
    (void)state;
    for (int round = 0; round < 100; round++) {
        float u[MV_EMBEDDING_DIM], v[MV_EMBEDDING_DIM];
        double cosine = 0;
        mv_embedding a = {0}, b = {0};
        int32_t got;
        random_unit(u, &r);
        random_unit(v, &r);
        for (size_t i = 0; i < MV_EMBEDDING_DIM; i++) {
            cosine += (double)u[i] * v[i];
        }
        assert_int_equal(mv_embedding_quantise(&a, u), MV_OK);
        assert_int_equal(mv_embedding_quantise(&b, v), MV_OK);
        assert_int_equal(mv_embedding_check(&a), MV_OK);
        assert_int_equal(mv_embedding_dot(&got, &a, &b), MV_OK);
        assert_true(fabs(got / 65536.0 - cosine) < 0.02);
    }
}

static void no_unit_vector_exceeds_the_bound_on_products(void **state)
{
    mv_rand r = mv_rand_make(2);
    (void)state;
    for (size_t nonzero = 1; nonzero <= MV_EMBEDDING_DIM; nonzero++) {
        float u[MV_EMBEDDING_DIM] = {0};
        mv_embedding a = {0};
        int32_t length2;
        for (size_t i = 0; i < nonzero; i++) {
            u[i] = (float)((mv_rand_normal(&r) < 0 ? -1 : 1) / sqrt((double)nonzero));
        }
        assert_int_equal(mv_embedding_quantise(&a, u), MV_OK);
        assert_int_equal(mv_embedding_check(&a), MV_OK);
        assert_int_equal(mv_embedding_dot(&length2, &a, &a), MV_OK);
        assert_true(length2 > 0 && length2 <= MV_EMBEDDING_DOT_MAX);
    }
}

static void what_is_no_unit_vector_is_refused(void **state)
{
    float u[MV_EMBEDDING_DIM] = {0};
    mv_embedding a = {0};
    (void)state;
    assert_int_equal(mv_embedding_quantise(&a, u), MV_E_RANGE);
    u[3] = NAN;
    assert_int_equal(mv_embedding_quantise(&a, u), MV_E_RANGE);
    u[3] = 1.01F;
    assert_int_equal(mv_embedding_quantise(&a, u), MV_E_RANGE);
    assert_int_equal(mv_embedding_check(&a), MV_E_RANGE); /* all zero */
    a.value[0] = -128;
    assert_int_equal(mv_embedding_check(&a), MV_E_RANGE);
    memset(a.value, 127, sizeof a.value);
    assert_int_equal(mv_embedding_check(&a), MV_E_RANGE); /* too long */
}

static void embeddings_of_two_heads_do_not_compare(void **state)
{
    mv_embedding a = {{1}, {0}}, b = {{1}, {1}};
    int32_t got = 5;
    (void)state;
    assert_int_equal(mv_embedding_dot(&got, &a, &b), MV_E_MISMATCH);
    assert_int_equal(got, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_dot_product_is_the_cosine_times_the_scale_squared),
        cmocka_unit_test(no_unit_vector_exceeds_the_bound_on_products),
        cmocka_unit_test(what_is_no_unit_vector_is_refused),
        cmocka_unit_test(embeddings_of_two_heads_do_not_compare),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
