/* SPDX-License-Identifier: Apache-2.0
 *
 * test_he_fail.c: a whole dialogue on slots in which the nth allocation, or the nth call for random
 * bytes, fails, for every n: one clear status, nothing half made, nothing lost. Linked with --wrap
 * of malloc, calloc, realloc, aligned_alloc and mv_random_bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/status.h"
#include "medveil/bfv.h"
#include "medveil/ckks.h"

#include <string.h>

void *__real_malloc(size_t len);
void *__real_calloc(size_t count, size_t len);
void *__real_realloc(void *p, size_t len);
void *__real_aligned_alloc(size_t alignment, size_t len);
mv_status __real_mv_random_bytes(uint8_t *out, size_t len);
void *__wrap_malloc(size_t len);
void *__wrap_calloc(size_t count, size_t len);
void *__wrap_realloc(void *p, size_t len);
void *__wrap_aligned_alloc(size_t alignment, size_t len);
mv_status __wrap_mv_random_bytes(uint8_t *out, size_t len);

static int memory_left = -1; /* this many succeed, the next fails; -1: never */
static int random_left = -1;

static int comes_to_zero(int *counter)
{
    if (*counter < 0) {
        return 0;
    }
    return (*counter)-- == 0;
}

void *__wrap_malloc(size_t len)
{
    return comes_to_zero(&memory_left) ? NULL : __real_malloc(len);
}

void *__wrap_calloc(size_t count, size_t len)
{
    return comes_to_zero(&memory_left) ? NULL : __real_calloc(count, len);
}

void *__wrap_realloc(void *p, size_t len)
{
    return comes_to_zero(&memory_left) ? NULL : __real_realloc(p, len);
}

void *__wrap_aligned_alloc(size_t alignment, size_t len)
{
    return comes_to_zero(&memory_left) ? NULL : __real_aligned_alloc(alignment, len);
}

mv_status __wrap_mv_random_bytes(uint8_t *out, size_t len)
{
    if (comes_to_zero(&random_left)) {
        memset(out, 0, len);
        return MV_E_RANDOM;
    }
    return __real_mv_random_bytes(out, len);
}

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

/* With the nth call failing for n = 0, 1, ..; how many calls there are. */
static int fail_every(mv_status (*run)(dialogue *), int *counter, mv_status expected)
{
    for (int n = 0;; n++) {
        dialogue d = {.key = NULL};
        *counter = n;
        const mv_status st = run(&d);
        const int all_succeeded = *counter >= 0;
        *counter = -1;
        if (st != MV_OK && d.a != NULL && d.b != NULL && d.key != NULL) {
            assert_true(mv_cipher_polys(d.a) == 0 || mv_cipher_polys(d.a) == 2);
        }
        end(&d);
        if (all_succeeded) {
            assert_int_equal(st, MV_OK);
            return n;
        }
        assert_int_equal(st, expected);
    }
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    assert_true(fail_every(bfv, &memory_left, MV_E_MEMORY) > 30);
    assert_true(fail_every(ckks, &memory_left, MV_E_MEMORY) > 20);
}

static void every_call_for_random_bytes_may_fail(void **state)
{
    (void)state;
    assert_int_equal(fail_every(bfv, &random_left, MV_E_RANDOM),
                     7); /* public, eval, two encryptions */
    assert_int_equal(fail_every(ckks, &random_left, MV_E_RANDOM), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(every_call_for_random_bytes_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
