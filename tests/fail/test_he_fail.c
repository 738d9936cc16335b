/* SPDX-License-Identifier: Apache-2.0
 *
 * test_he_fail.c: a whole dialogue on slots in which the nth allocation, or the nth call for random
 * bytes, fails, for every n: one clear status, nothing half made, nothing lost. Linked as
 * failing.h says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "failing.h"
#include "medveil/bfv.h"
#include "medveil/ckks.h"

#include <string.h>

/* Everything a dialogue makes. */
typedef struct dialogue {
    mv_he_key *key;
    mv_he_work *work;
    mv_he_public *pub;
    mv_he_eval_key *eval, *eval2;
    mv_he_eval_keys *keys;
    mv_plain *plain;
    mv_cipher *a, *b;
    mv_he_matrix *matrix;
} dialogue;

static uint8_t bytes[1 << 20];

static mv_status bfv(dialogue *d)
{
    static const uint8_t collection_key[MV_COLLECTION_KEY_LEN] = {3};
    static const mv_he_matrix_shape shape = {4, 4};
    static const int64_t x[16] = {1, 2, 3, 4};
    const mv_he_set *set = mv_he_set_find("score4096");
    size_t len = 0;
    int64_t y[4096];
    mv_status st = MV_OK;
    MV_TRY(mv_he_key_new(&d->key, set, collection_key));
    MV_TRY(mv_he_work_new(&d->work, set));
    MV_TRY(mv_plain_new(&d->plain, set));
    MV_TRY(mv_cipher_new(&d->a, set));
    MV_TRY(mv_cipher_new(&d->b, set));
    MV_TRY(mv_he_public_new(&d->pub, d->key));
    MV_TRY(mv_he_eval_key_rotate(&d->eval, d->key, 1));
    MV_TRY(mv_he_eval_key_write(bytes, sizeof bytes, &len, d->eval));
    MV_TRY(mv_he_eval_key_read(&d->eval2, bytes, len));
    MV_TRY(mv_he_eval_keys_new(&d->keys, set));
    MV_TRY(mv_he_eval_keys_add(d->keys, &d->eval));
    MV_TRY(mv_bfv_matrix_new(&d->matrix, set, &shape, x));
    MV_TRY(mv_bfv_matrix_place(d->plain, &shape, x));
    MV_TRY(mv_he_encrypt(d->work, d->a, d->key, d->plain));
    MV_TRY(mv_he_matrix_mul(d->work, d->b, d->matrix, d->a, d->keys));
    MV_TRY(mv_he_encrypt_public(d->work, d->a, d->pub, d->plain));
    MV_TRY(mv_bfv_decrypt(d->work, y, 4096, d->key, d->b));
    MV_TRY(mv_bfv_matrix_result(y, set, &shape, y));
    MV_ENSURE(y[0] == 30, MV_E_INTERNAL);
done:
    return st;
}

static mv_status ckks(dialogue *d)
{
    static const uint8_t collection_key[MV_COLLECTION_KEY_LEN] = {3};
    static const double p[4] = {1, 1, 1, 1}, x[2] = {0.5, -0.5};
    const mv_he_set *set = mv_he_set_find("deep8192");
    double y[2];
    mv_status st = MV_OK;
    MV_TRY(mv_he_key_new(&d->key, set, collection_key));
    MV_TRY(mv_he_work_new(&d->work, set));
    MV_TRY(mv_plain_new(&d->plain, set));
    MV_TRY(mv_cipher_new(&d->a, set));
    MV_TRY(mv_cipher_new(&d->b, set));
    MV_TRY(mv_he_eval_key_relin(&d->eval, d->key));
    MV_TRY(mv_he_eval_keys_new(&d->keys, set));
    MV_TRY(mv_he_eval_keys_add(d->keys, &d->eval));
    MV_TRY(mv_ckks_encode(d->work, d->plain, x, NULL, 2, 1));
    MV_TRY(mv_he_encrypt(d->work, d->a, d->key, d->plain));
    MV_TRY(mv_ckks_polynomial(d->work, d->b, d->a, p, 3, d->keys));
    MV_TRY(mv_ckks_decrypt(d->work, y, NULL, 2, d->key, d->b));
    MV_ENSURE(y[0] > 1.87 && y[0] < 1.88, MV_E_INTERNAL);
done:
    return st;
}

static void end(dialogue *d)
{
    mv_he_key_free(&d->key);
    mv_he_work_free(&d->work);
    mv_he_public_free(&d->pub);
    mv_he_eval_key_free(&d->eval);
    mv_he_eval_key_free(&d->eval2);
    mv_he_eval_keys_free(&d->keys);
    mv_plain_free(&d->plain);
    mv_cipher_free(&d->a);
    mv_cipher_free(&d->b);
    mv_he_matrix_free(&d->matrix);
}

static mv_status ended(mv_status (*run)(dialogue *))
{
    dialogue d = {.key = NULL};
    const mv_status st = run(&d);
    if (st != MV_OK && d.a != NULL && d.b != NULL && d.key != NULL) {
        assert_true(mv_cipher_polys(d.a) == 0 || mv_cipher_polys(d.a) == 2);
    }
    end(&d);
    return st;
}

static mv_status bfv_once(void)
{
    return ended(bfv);
}

static mv_status ckks_once(void)
{
    return ended(ckks);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    assert_true(fail_each(&memory_left, MV_E_MEMORY, bfv_once) > 30);
    assert_true(fail_each(&memory_left, MV_E_MEMORY, ckks_once) > 20);
}

static void every_call_for_random_bytes_may_fail(void **state)
{
    (void)state;
    assert_int_equal(fail_each(&random_left, MV_E_RANDOM, bfv_once),
                     7); /* public, eval, two encryptions */
    assert_int_equal(fail_each(&random_left, MV_E_RANDOM, ckks_once), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(every_call_for_random_bytes_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
