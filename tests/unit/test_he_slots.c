/* SPDX-License-Identifier: Apache-2.0
 *
 * test_he_slots.c: sentences about BFV and CKKS slots: every operation of he.h against the same
 * operation on plain numbers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "he/noise.h"
#include "medveil/bfv.h"
#include "medveil/ckks.h"

#include <pthread.h>
#include <stdlib.h>

static const uint8_t collection_key[MV_COLLECTION_KEY_LEN] = {7, 7, 7};

/* What every test needs of one set. */
typedef struct bench {
    const mv_he_set *set;
    mv_he_work *work;
    mv_he_key *key;
    mv_he_public *pub;
    mv_he_eval_keys *keys;
    mv_plain *plain;
    mv_cipher *a, *b, *c;
    uint32_t slots, row;
} bench;

static void add_key(bench *t, int32_t steps)
{
    mv_he_eval_key *k = NULL;
    assert_int_equal(mv_he_eval_key_rotate(&k, t->key, steps), MV_OK);
    assert_int_equal(mv_he_eval_keys_add(t->keys, &k), MV_OK);
    assert_null(k);
}

static bench bench_of(const char *name)
{
    bench t = {.set = mv_he_set_find(name)};
    mv_he_eval_key *k = NULL;
    assert_non_null(t.set);
    assert_int_equal(mv_he_work_new(&t.work, t.set), MV_OK);
    assert_int_equal(mv_he_key_new(&t.key, t.set, collection_key), MV_OK);
    assert_int_equal(mv_he_public_new(&t.pub, t.key), MV_OK);
    assert_int_equal(mv_he_eval_keys_new(&t.keys, t.set), MV_OK);
    assert_int_equal(mv_he_eval_key_relin(&k, t.key), MV_OK);
    assert_int_equal(mv_he_eval_keys_add(t.keys, &k), MV_OK);
    assert_int_equal(mv_he_eval_key_swap(&k, t.key), MV_OK);
    assert_int_equal(mv_he_eval_keys_add(t.keys, &k), MV_OK);
    assert_int_equal(mv_plain_new(&t.plain, t.set), MV_OK);
    assert_int_equal(mv_cipher_new(&t.a, t.set), MV_OK);
    assert_int_equal(mv_cipher_new(&t.b, t.set), MV_OK);
    assert_int_equal(mv_cipher_new(&t.c, t.set), MV_OK);
    t.slots = mv_he_set_slots(t.set);
    t.row = mv_he_set_degree(t.set) / 2;
    return t;
}

static void bench_end(bench *t)
{
    mv_he_work_free(&t->work);
    mv_he_key_free(&t->key);
    mv_he_public_free(&t->pub);
    mv_he_eval_keys_free(&t->keys);
    mv_plain_free(&t->plain);
    mv_cipher_free(&t->a);
    mv_cipher_free(&t->b);
    mv_cipher_free(&t->c);
}

/* ---- BFV ---- */

static int64_t centred(int64_t v, int64_t t)
{
    v %= t;
    return v > t / 2 ? v - t : v < -(t / 2) ? v + t : v;
}

static void fill(int64_t *x, uint32_t n, uint64_t seed, uint64_t t)
{
    mv_rand r = mv_rand_make(seed);
    for (uint32_t j = 0; j < n; j++) {
        x[j] = (int64_t)mv_rand_below(&r, (uint32_t)t) - (int64_t)(t / 2);
    }
}

static void encrypt(bench *t, mv_cipher *out, const int64_t *x, bool public_form)
{
    assert_int_equal(mv_bfv_encode(t->plain, x, t->slots), MV_OK);
    assert_int_equal(public_form ? mv_he_encrypt_public(t->work, out, t->pub, t->plain)
                                 : mv_he_encrypt(t->work, out, t->key, t->plain),
                     MV_OK);
}

static void expect(bench *t, const mv_cipher *c, const int64_t *want)
{
    int64_t *got = calloc(t->slots, sizeof *got);
    assert_int_equal(mv_bfv_decrypt(t->work, got, t->slots, t->key, c), MV_OK);
    for (uint32_t j = 0; j < t->slots; j++) {
        if (got[j] != want[j]) {
            fail_msg("slot %u: %lld, not %lld", j, (long long)got[j], (long long)want[j]);
        }
    }
    free(got);
}

static int64_t *x, *y, *z;

static uint32_t turned(const bench *t, uint32_t j, int32_t steps)
{
    const uint32_t start = j / t->row * t->row;
    return start + (uint32_t)(((int64_t)(j - start) + steps + t->row) % t->row);
}

static void bfv_linear(bench *t, bool public_form)
{
    const int64_t m = (int64_t)mv_he_set_plain_modulus(t->set);
    fill(x, t->slots, 1, (uint64_t)m);
    fill(y, t->slots, 2, (uint64_t)m);
    encrypt(t, t->a, x, public_form);
    expect(t, t->a, x);
    encrypt(t, t->b, y, public_form);
    assert_int_equal(mv_he_add(t->work, t->c, t->a, t->b), MV_OK);
    for (uint32_t j = 0; j < t->slots; j++) {
        z[j] = centred(x[j] + y[j], m);
    }
    expect(t, t->c, z);
    assert_int_equal(mv_he_sub(t->work, t->c, t->a, t->b), MV_OK);
    for (uint32_t j = 0; j < t->slots; j++) {
        z[j] = centred(x[j] - y[j], m);
    }
    expect(t, t->c, z);
    assert_int_equal(mv_he_negate(t->c, t->a), MV_OK);
    for (uint32_t j = 0; j < t->slots; j++) {
        z[j] = centred(-x[j], m);
    }
    expect(t, t->c, z);
    /* the plain still holds y */
    assert_int_equal(mv_he_add_plain(t->work, t->c, t->a, t->plain), MV_OK);
    assert_int_equal(mv_he_sub_plain(t->work, t->c, t->c, t->plain), MV_OK);
    expect(t, t->c, x);
    assert_int_equal(mv_he_mul_plain(t->work, t->c, t->a, t->plain), MV_OK);
    for (uint32_t j = 0; j < t->slots; j++) {
        z[j] = centred(x[j] * y[j] % m, m);
    }
    expect(t, t->c, z);
}

static void bfv_rotations(bench *t)
{
    const int32_t steps[4] = {1, -1, 16, 3};
    mv_cipher *out[4] = {t->b, t->c, NULL, NULL};
    assert_int_equal(mv_cipher_new(&out[2], t->set), MV_OK);
    assert_int_equal(mv_cipher_new(&out[3], t->set), MV_OK);
    encrypt(t, t->a, x, true);
    for (int k = 0; k < 4; k++) {
        assert_int_equal(mv_he_rotate(t->work, t->b, t->a, steps[k], t->keys), MV_E_NOT_FOUND);
        assert_int_equal(mv_cipher_polys(t->b), 0);
        add_key(t, steps[k]);
        assert_int_equal(mv_he_rotate(t->work, t->b, t->a, steps[k], t->keys), MV_OK);
        for (uint32_t j = 0; j < t->slots; j++) {
            z[j] = x[turned(t, j, steps[k])];
        }
        expect(t, t->b, z);
    }
    assert_int_equal(mv_he_rotate_many(t->work, out, steps, 4, t->a, t->keys), MV_OK);
    for (int k = 0; k < 4; k++) {
        for (uint32_t j = 0; j < t->slots; j++) {
            z[j] = x[turned(t, j, steps[k])];
        }
        expect(t, out[k], z);
    }
    assert_int_equal(mv_he_swap(t->work, t->a, t->a, t->keys), MV_OK); /* in place */
    for (uint32_t j = 0; j < t->slots; j++) {
        z[j] = x[(j + t->row) % t->slots];
    }
    expect(t, t->a, z);
    mv_cipher_free(&out[2]);
    mv_cipher_free(&out[3]);
}

static void bfv_slots_do_what_plain_numbers_do(void **state)
{
    static const char *const names[] = {"score4096", "score4096w", "private8192"};
    (void)state;
    for (int i = 0; i < 3; i++) {
        bench t = bench_of(names[i]);
        bfv_linear(&t, false);
        bfv_linear(&t, true);
        bfv_rotations(&t);
        bench_end(&t);
    }
}

static void bfv_ciphers_are_multiplied_exactly_where_there_is_room(void **state)
{
    bench t = bench_of("private8192"), small = bench_of("score4096");
    const int64_t m = (int64_t)mv_he_set_plain_modulus(t.set);
    (void)state;
    fill(x, t.slots, 3, (uint64_t)m);
    fill(y, t.slots, 4, (uint64_t)m);
    encrypt(&t, t.a, x, false);
    encrypt(&t, t.b, y, true);
    for (uint32_t j = 0; j < t.slots; j++) {
        z[j] = centred(x[j] * y[j] % m, m);
    }
    assert_int_equal(mv_he_mul(t.work, t.c, t.a, t.b, NULL), MV_OK);
    assert_int_equal(mv_cipher_polys(t.c), 3);
    expect(&t, t.c, z);
    assert_int_equal(mv_he_rotate(t.work, t.a, t.c, 1, t.keys), MV_E_ARGUMENT);
    encrypt(&t, t.a, x, false);
    assert_int_equal(mv_he_relinearise(t.work, t.c, t.c, t.keys), MV_OK);
    expect(&t, t.c, z);
    assert_int_equal(mv_he_mul(t.work, t.b, t.a, t.b, t.keys), MV_OK); /* onto an operand */
    expect(&t, t.b, z);
    assert_int_equal(mv_he_square(t.work, t.a, t.a, t.keys), MV_OK);
    for (uint32_t j = 0; j < t.slots; j++) {
        z[j] = centred(x[j] * x[j] % m, m);
    }
    expect(&t, t.a, z);

    fill(x, small.slots, 3, 40961); /* 55 bits: room for one product, not for two */
    encrypt(&small, small.a, x, false);
    assert_int_equal(mv_he_square(small.work, small.a, small.a, small.keys), MV_OK);
    for (uint32_t j = 0; j < small.slots; j++) {
        z[j] = centred(x[j] * x[j], 40961);
    }
    expect(&small, small.a, z);
    assert_int_equal(mv_he_square(small.work, small.c, small.a, small.keys), MV_E_NOISE);
    assert_int_equal(mv_cipher_polys(small.c), 0);
    bench_end(&t);
    bench_end(&small);
}

static void bfv_drops_primes_and_keeps_the_message(void **state)
{
    bench t = bench_of("score4096");
    (void)state;
    fill(x, t.slots, 5, 40961);
    encrypt(&t, t.a, x, false);
    assert_int_equal(mv_cipher_level(t.a), 1);
    assert_int_equal(mv_he_drop(t.work, t.b, t.a), MV_OK);
    assert_int_equal(mv_cipher_level(t.b), 0);
    expect(&t, t.b, x);
    assert_int_equal(mv_he_drop(t.work, t.c, t.b), MV_E_LEVEL);
    assert_int_equal(mv_he_add(t.work, t.c, t.a, t.b), MV_OK); /* levels are matched */
    for (uint32_t j = 0; j < t.slots; j++) {
        z[j] = centred(2 * x[j], 40961);
    }
    expect(&t, t.c, z);
    bench_end(&t);
}

static void monomials_move_coefficients(void **state)
{
    bench t = bench_of("score4096");
    const int64_t one[3] = {5, 6, 7};
    int64_t got[4096];
    (void)state;
    assert_int_equal(mv_bfv_encode_coefficients(t.plain, one, 3), MV_OK);
    assert_int_equal(mv_he_encrypt(t.work, t.a, t.key, t.plain), MV_OK);
    assert_int_equal(mv_he_mul_monomial(t.work, t.b, t.a, 4094), MV_OK);
    assert_int_equal(mv_bfv_decrypt_coefficients(t.work, got, 4096, t.key, t.b), MV_OK);
    assert_int_equal(got[4094], 5);
    assert_int_equal(got[4095], 6);
    assert_int_equal(got[0], -7);
    assert_int_equal(got[1], 0);
    assert_int_equal(mv_he_mul_monomial(t.work, t.b, t.b, 4096 + 2), MV_OK);
    assert_int_equal(mv_bfv_decrypt_coefficients(t.work, got, 4096, t.key, t.b), MV_OK);
    assert_int_equal(got[0], 5);
    assert_int_equal(got[1], 6);
    assert_int_equal(got[2], 7);
    assert_int_equal(mv_he_mul_monomial(t.work, t.b, t.b, 8192), MV_E_ARGUMENT);
    bench_end(&t);
}

static void sums_and_inner_products_over_slots(void **state)
{
    bench t = bench_of("private8192");
    int64_t sum = 0;
    const int64_t m = (int64_t)mv_he_set_plain_modulus(t.set);
    (void)state;
    for (int32_t s = 1; s < (int32_t)t.row; s *= 2) {
        add_key(&t, s);
    }
    for (uint32_t j = 0; j < t.slots; j++) {
        x[j] = j % 97;
        y[j] = (int64_t)(j % 31) - 15;
        sum += x[j] * y[j];
    }
    encrypt(&t, t.a, x, false);
    encrypt(&t, t.b, y, false);
    assert_int_equal(mv_he_inner(t.work, t.c, t.a, t.b, t.slots, t.keys), MV_OK);
    for (uint32_t j = 0; j < t.slots; j++) {
        z[j] = centred(sum, m);
    }
    expect(&t, t.c, z);
    assert_int_equal(mv_he_inner_plain(t.work, t.c, t.a, t.plain, 8, t.keys), MV_OK);
    for (uint32_t j = 0; j < t.slots; j++) {
        z[j] = 0;
        for (int32_t k = 0; k < 8; k++) {
            z[j] += x[turned(&t, j, k)] * y[turned(&t, j, k)];
        }
        z[j] = centred(z[j], m);
    }
    expect(&t, t.c, z);
    assert_int_equal(mv_he_sum_slots(t.work, t.c, t.a, 3, t.keys), MV_E_ARGUMENT);
    bench_end(&t);
}

/* y = M x for a shape, on two keys and hoisted. */
static void multiply_matrix(bench *t, mv_he_matrix_shape shape, int64_t top)
{
    mv_rand r = mv_rand_make(shape.rows * 1000 + shape.cols);
    const int64_t m = (int64_t)mv_he_set_plain_modulus(t->set);
    int64_t *matrix = malloc((size_t)shape.rows * shape.cols * sizeof *matrix);
    int64_t *got = malloc((shape.rows + t->slots) * sizeof *got), *slot = got + shape.rows;
    mv_he_matrix *ready = NULL;
    int32_t steps[2];
    for (size_t i = 0; i < (size_t)shape.rows * shape.cols; i++) {
        matrix[i] = (int64_t)mv_rand_below(&r, (uint32_t)(2 * top + 1)) - top;
    }
    for (uint32_t i = 0; i < shape.cols; i++) {
        x[i] = (int64_t)mv_rand_below(&r, (uint32_t)(2 * top + 1)) - top;
    }
    assert_int_equal(mv_he_matrix_steps(steps, t->set, &shape), MV_OK);
    for (int k = 0; k < 2; k++) {
        if (steps[k] != 0) {
            add_key(t, steps[k]);
        }
    }
    assert_int_equal(mv_bfv_matrix_new(&ready, t->set, &shape, matrix), MV_OK);
    assert_int_equal(mv_bfv_matrix_place(t->plain, &shape, x), MV_OK);
    assert_int_equal(mv_he_encrypt(t->work, t->a, t->key, t->plain), MV_OK);
    assert_int_equal(mv_he_matrix_mul(t->work, t->b, ready, t->a, t->keys), MV_OK);
    assert_int_equal(mv_bfv_decrypt(t->work, slot, t->slots, t->key, t->b), MV_OK);
    assert_int_equal(mv_bfv_matrix_result(got, t->set, &shape, slot), MV_OK);
    for (uint32_t i = 0; i < shape.rows; i++) {
        int64_t want = 0;
        for (uint32_t j = 0; j < shape.cols; j++) {
            want += matrix[(size_t)i * shape.cols + j] * x[j];
        }
        assert_int_equal(got[i], centred(want, m));
    }
    mv_he_matrix_free(&ready);
    free(matrix);
    free(got);
}

static void a_plain_matrix_meets_an_encrypted_vector(void **state)
{
    static const mv_he_matrix_shape shapes[] = {{1000, 512}, {1, 8},    {7, 5},      {3, 1},
                                                {4096, 16},  {10, 300}, {2048, 128}, {1, 1}};
    bench t = bench_of("score4096");
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        multiply_matrix(&t, shapes[i], 6);
    }
    for (int32_t s = 2; s < 16; s++) {
        add_key(&t, s); /* now the baby steps are hoisted */
    }
    multiply_matrix(&t, shapes[0], 6);
    bench_end(&t);
}

static void too_large_values_and_counts_are_refused(void **state)
{
    bench t = bench_of("score4096");
    int64_t v[2] = {20480, -20480}, got[1] = {9};
    (void)state;
    assert_int_equal(mv_bfv_encode(t.plain, v, 2), MV_OK);
    v[1] = -20481;
    assert_int_equal(mv_bfv_encode(t.plain, v, 2), MV_E_RANGE);
    assert_int_equal(mv_he_encrypt(t.work, t.a, t.key, t.plain), MV_E_ARGUMENT);
    v[1] = INT64_MIN;
    assert_int_equal(mv_bfv_encode(t.plain, v, 2), MV_E_RANGE);
    v[1] = INT64_MAX;
    assert_int_equal(mv_bfv_encode(t.plain, v, 2), MV_E_RANGE);
    assert_int_equal(mv_bfv_encode(t.plain, x, 4097), MV_E_ARGUMENT);
    assert_int_equal(mv_bfv_decrypt(t.work, got, 1, t.key, t.a), MV_E_ARGUMENT); /* empty */
    assert_int_equal(got[0], 0);
    bench_end(&t);
}

static void sets_do_not_mix(void **state)
{
    bench t = bench_of("score4096"), u = bench_of("score4096w"), r = bench_of("real8192");
    mv_he_eval_key *k = NULL;
    mv_he_public *p = NULL;
    mv_he_key *pack = NULL;
    double re = 0;
    const double re1 = 1;
    int64_t v = 0;
    (void)state;
    fill(x, t.slots, 5, 40961);
    encrypt(&t, t.a, x, false);
    encrypt(&u, u.a, x, false);
    assert_int_equal(mv_he_add(t.work, t.c, t.a, u.a), MV_E_MISMATCH);
    assert_int_equal(mv_he_mul(t.work, t.c, t.a, u.a, t.keys), MV_E_MISMATCH);
    assert_int_equal(mv_he_rotate(t.work, t.c, t.a, 1, u.keys), MV_E_MISMATCH);
    assert_int_equal(mv_he_mul(t.work, t.c, t.a, t.a, NULL), MV_OK);
    assert_int_equal(mv_he_relinearise(t.work, t.b, t.c, u.keys), MV_E_MISMATCH);
    assert_int_equal(mv_he_relinearise(t.work, t.b, t.c, NULL), MV_E_MISMATCH);
    assert_int_equal(mv_he_encrypt(t.work, t.c, u.key, t.plain), MV_E_MISMATCH);
    assert_int_equal(mv_he_encrypt_public(t.work, t.c, u.pub, t.plain), MV_E_MISMATCH);
    assert_int_equal(mv_he_encrypt(t.work, t.c, t.key, u.plain), MV_E_MISMATCH);
    assert_int_equal(mv_he_mul_plain(t.work, t.c, t.a, u.plain), MV_E_MISMATCH);
    assert_int_equal(mv_cipher_copy(t.a, u.a), MV_E_MISMATCH);
    assert_int_equal(mv_bfv_decrypt(t.work, &v, 1, u.key, t.a), MV_E_MISMATCH);
    assert_int_equal(mv_bfv_decrypt(u.work, &v, 1, u.key, t.a), MV_E_MISMATCH);
    assert_int_equal(mv_ckks_decrypt(t.work, &re, NULL, 1, t.key, t.a), MV_E_UNSUPPORTED);
    assert_int_equal(mv_bfv_decrypt(r.work, &v, 1, r.key, r.a), MV_E_UNSUPPORTED);
    assert_int_equal(mv_ckks_encode(r.work, r.plain, &re1, NULL, 1, 1), MV_OK);
    assert_int_equal(mv_he_encrypt(r.work, r.a, r.key, r.plain), MV_OK);
    assert_int_equal(mv_ckks_mul_number(r.work, r.b, r.a, 2), MV_OK);
    assert_int_equal(mv_ckks_mul_number(r.work, t.c, r.a, 2), MV_E_MISMATCH);
    assert_int_equal(mv_ckks_mul_number(r.work, r.b, t.a, 2), MV_E_MISMATCH);
    assert_int_equal(mv_he_eval_key_relin(&k, u.key), MV_OK);
    assert_int_equal(mv_he_eval_keys_add(t.keys, &k), MV_E_MISMATCH);
    assert_non_null(k);
    mv_he_eval_key_free(&k);
    assert_int_equal(mv_he_key_new(&pack, mv_he_set_find("pack1024"), collection_key), MV_OK);
    assert_int_equal(mv_he_eval_key_relin(&k, pack), MV_E_UNSUPPORTED);
    assert_int_equal(mv_he_public_new(&p, pack), MV_OK);
    assert_int_equal(mv_he_encrypt_public(t.work, t.c, p, t.plain), MV_E_MISMATCH);
    mv_he_public_free(&p);
    mv_he_key_free(&pack);
    bench_end(&t);
    bench_end(&u);
    bench_end(&r);
}

/* No operation and no reader leaves such a cipher; decryption looks all the same. */
static void a_cipher_beyond_its_noise_bound_is_not_decrypted(void **state)
{
    bench t = bench_of("score4096"), r = bench_of("real8192");
    int64_t v[2] = {-7, -7};
    double one = 1, out[2] = {-7, -7};
    (void)state;
    fill(x, t.slots, 5, 40961);
    encrypt(&t, t.a, x, false);
    t.a->noise = 1e30;
    assert_true(mv_cipher_margin_bits(t.a) == 0);
    assert_int_equal(mv_bfv_decrypt(t.work, v, 2, t.key, t.a), MV_E_NOISE);
    assert_true(v[0] == 0 || v[0] == -7);
    assert_true(v[1] == v[0]);
    assert_int_equal(mv_ckks_encode(r.work, r.plain, &one, NULL, 1, 1), MV_OK);
    assert_int_equal(mv_he_encrypt(r.work, r.a, r.key, r.plain), MV_OK);
    r.a->noise = 1e26;
    assert_int_equal(mv_ckks_decrypt(r.work, out, NULL, 2, r.key, r.a), MV_E_NOISE);
    assert_true(out[0] == 0 || out[0] == -7);
    assert_true(out[1] == out[0]);
    bench_end(&t);
    bench_end(&r);
}

/* ---- CKKS ---- */

enum { REAL_SLOTS = 4096 };
static double re[REAL_SLOTS], im[REAL_SLOTS], re2[REAL_SLOTS], im2[REAL_SLOTS];
static double got_re[REAL_SLOTS], got_im[REAL_SLOTS];

static void fill_real(double *v, uint64_t seed)
{
    mv_rand r = mv_rand_make(seed);
    for (int j = 0; j < REAL_SLOTS; j++) {
        v[j] = 1.4 * mv_rand_unit(&r) - 0.7;
    }
}

static void encrypt_real(bench *t, mv_cipher *out, const double *a, const double *b,
                         bool public_form)
{
    assert_int_equal(mv_ckks_encode(t->work, t->plain, a, b, REAL_SLOTS, 1), MV_OK);
    assert_int_equal(public_form ? mv_he_encrypt_public(t->work, out, t->pub, t->plain)
                                 : mv_he_encrypt(t->work, out, t->key, t->plain),
                     MV_OK);
}

/* Every slot within the cipher's own bound, which must be worth something. */
static void expect_real(bench *t, const mv_cipher *c, const double *want_re, const double *want_im)
{
    const double bound = mv_ckks_error_bound(c);
    assert_true(bound < 1e-3);
    assert_int_equal(mv_ckks_decrypt(t->work, got_re, got_im, REAL_SLOTS, t->key, c), MV_OK);
    for (int j = 0; j < REAL_SLOTS; j++) {
        const double dre = got_re[j] - want_re[j], dim = got_im[j] - (want_im ? want_im[j] : 0);
        if (!(dre * dre + dim * dim <= bound * bound)) {
            fail_msg("slot %d: %g + %g i, not %g + %g i (bound %g)", j, got_re[j], got_im[j],
                     want_re[j], want_im ? want_im[j] : 0, bound);
        }
    }
}

static void ckks_linear(bench *t, bool public_form)
{
    encrypt_real(t, t->a, re, im, public_form);
    expect_real(t, t->a, re, im);
    encrypt_real(t, t->b, re2, im2, public_form);
    double *s = malloc(2 * sizeof re), *u = s + REAL_SLOTS;
    for (int j = 0; j < REAL_SLOTS; j++) {
        s[j] = re[j] - re2[j];
        u[j] = im[j] - im2[j];
    }
    assert_int_equal(mv_he_sub(t->work, t->c, t->a, t->b), MV_OK);
    expect_real(t, t->c, s, u);
    assert_int_equal(mv_he_add(t->work, t->c, t->c, t->b), MV_OK);
    expect_real(t, t->c, re, im);
    assert_int_equal(mv_he_sub_plain(t->work, t->c, t->a, t->plain), MV_OK);
    expect_real(t, t->c, s, u);
    for (int j = 0; j < REAL_SLOTS; j++) {
        s[j] = re[j] * re2[j] - im[j] * im2[j];
        u[j] = re[j] * im2[j] + im[j] * re2[j];
    }
    assert_int_equal(mv_he_mul_plain(t->work, t->c, t->a, t->plain), MV_OK);
    expect_real(t, t->c, s, u);
    assert_int_equal(mv_he_mul(t->work, t->c, t->a, t->b, NULL), MV_OK);
    expect_real(t, t->c, s, u);
    assert_int_equal(mv_he_relinearise(t->work, t->c, t->c, t->keys), MV_OK);
    expect_real(t, t->c, s, u);
    assert_int_equal(mv_he_drop(t->work, t->c, t->c), MV_OK);
    expect_real(t, t->c, s, u);
    /* a product and what was there before: levels and scales are matched */
    for (int j = 0; j < REAL_SLOTS; j++) {
        s[j] += re[j];
        u[j] += im[j];
    }
    assert_int_equal(mv_he_add(t->work, t->c, t->c, t->a), MV_OK);
    expect_real(t, t->c, s, u);
    assert_int_equal(mv_he_mul(t->work, t->c, t->a, t->b, t->keys), MV_OK);
    assert_int_equal(mv_he_add(t->work, t->c, t->a, t->c), MV_OK);
    expect_real(t, t->c, s, u);
    assert_int_equal(mv_he_swap(t->work, t->c, t->a, t->keys), MV_OK);
    for (int j = 0; j < REAL_SLOTS; j++) {
        u[j] = -im[j];
    }
    expect_real(t, t->c, re, u);
    add_key(t, 5);
    assert_int_equal(mv_he_rotate(t->work, t->c, t->a, 5, t->keys), MV_OK);
    for (int j = 0; j < REAL_SLOTS; j++) {
        s[j] = re[(j + 5) % REAL_SLOTS];
        u[j] = im[(j + 5) % REAL_SLOTS];
    }
    expect_real(t, t->c, s, u);
    free(s);
}

static void ckks_slots_do_what_complex_numbers_do(void **state)
{
    static const char *const names[] = {"real8192", "deep8192"};
    (void)state;
    for (int i = 0; i < 2; i++) {
        bench t = bench_of(names[i]);
        fill_real(re, 11);
        fill_real(im, 12);
        fill_real(re2, 13);
        fill_real(im2, 14);
        ckks_linear(&t, false);
        ckks_linear(&t, true);
        bench_end(&t);
    }
}

static void polynomials_of_a_cipher(void **state)
{
    static const double p[8] = {0.5, -1, 0.25, 0.125, 0, 0.5, -0.25, 0.75};
    bench t = bench_of("deep8192");
    double want[REAL_SLOTS];
    (void)state;
    fill_real(re, 21);
    encrypt_real(&t, t.a, re, NULL, false);
    for (uint32_t degree = 1; degree < 8; degree++) {
        assert_int_equal(mv_ckks_polynomial(t.work, t.b, t.a, p, degree, t.keys), MV_OK);
        for (int j = 0; j < REAL_SLOTS; j++) {
            want[j] = 0;
            for (uint32_t k = degree + 1; k-- > 0;) {
                want[j] = want[j] * re[j] + p[k];
            }
        }
        expect_real(&t, t.b, want, NULL);
    }
    assert_int_equal(mv_ckks_polynomial(t.work, t.b, t.a, p, 0, t.keys), MV_E_ARGUMENT);
    assert_int_equal(mv_ckks_polynomial(t.work, t.b, t.b, p, 3, t.keys), MV_E_ARGUMENT); /* empty */
    bench_end(&t);
}

static void products_end_with_the_levels(void **state)
{
    bench t = bench_of("deep8192");
    double want[REAL_SLOTS];
    mv_status st = MV_OK;
    int products = 0;
    (void)state;
    fill_real(re, 22);
    encrypt_real(&t, t.a, re, NULL, false);
    for (int j = 0; j < REAL_SLOTS; j++) {
        want[j] = re[j];
    }
    while ((st = mv_he_square(t.work, t.a, t.a, t.keys)) == MV_OK) {
        for (int j = 0; j < REAL_SLOTS; j++) {
            want[j] *= want[j];
        }
        expect_real(&t, t.a, want, NULL);
        products++;
    }
    assert_int_equal(products, 3);
    assert_true(st == MV_E_LEVEL || st == MV_E_NOISE);
    assert_int_equal(mv_cipher_polys(t.a), 0);
    bench_end(&t);
}

/* Tiny numbers, so that a product fits at the last level: it cannot be rescaled any more. */
static void a_product_at_the_last_level_meets_only_its_like(void **state)
{
    bench t = bench_of("deep8192");
    double want[REAL_SLOTS];
    (void)state;
    fill_real(re, 41);
    for (int j = 0; j < REAL_SLOTS; j++) {
        re[j] *= 1e-5;
        want[j] = 2e-5 * re[j];
    }
    assert_int_equal(mv_ckks_encode(t.work, t.plain, re, NULL, REAL_SLOTS, 1e-5), MV_OK);
    assert_int_equal(mv_he_encrypt(t.work, t.a, t.key, t.plain), MV_OK);
    assert_int_equal(mv_ckks_mul_number(t.work, t.b, t.a, 1e-5), MV_OK); /* at the top */
    while (mv_cipher_level(t.a) > 0) {
        assert_int_equal(mv_he_drop(t.work, t.a, t.a), MV_OK);
    }
    assert_int_equal(mv_ckks_mul_number(t.work, t.a, t.a, 1e-5), MV_OK); /* at the bottom */
    assert_int_equal(mv_he_add(t.work, t.c, t.a, t.a), MV_OK);
    expect_real(&t, t.c, want, NULL);
    assert_true(mv_ckks_error_bound(t.c) < 1e-10);
    assert_int_equal(mv_he_add(t.work, t.c, t.a, t.b), MV_E_LEVEL);
    assert_int_equal(mv_he_add(t.work, t.c, t.b, t.a), MV_E_LEVEL);
    assert_int_equal(mv_cipher_polys(t.c), 0);
    bench_end(&t);
}

static void ckks_matrices(void **state)
{
    const mv_he_matrix_shape shape = {100, 60};
    bench t = bench_of("real8192");
    double *m = malloc(100 * 60 * sizeof *m), result[100], v[60];
    int32_t steps[2];
    mv_he_matrix *ready = NULL;
    (void)state;
    fill_real(re, 31);
    for (int i = 0; i < 6000; i++) {
        m[i] = re[i % 4001];
    }
    for (int i = 0; i < 60; i++) {
        v[i] = re[4000 + i];
    }
    assert_int_equal(mv_he_matrix_steps(steps, t.set, &shape), MV_OK);
    for (int k = 0; k < 2; k++) {
        if (steps[k] != 0) {
            add_key(&t, steps[k]);
        }
    }
    assert_int_equal(mv_ckks_matrix_new(&ready, t.set, &shape, m, 1), MV_OK);
    assert_int_equal(mv_ckks_matrix_place(t.work, t.plain, &shape, v, 1), MV_OK);
    assert_int_equal(mv_he_encrypt(t.work, t.a, t.key, t.plain), MV_OK);
    assert_int_equal(mv_he_matrix_mul(t.work, t.b, ready, t.a, t.keys), MV_OK);
    assert_int_equal(mv_ckks_decrypt(t.work, got_re, NULL, REAL_SLOTS, t.key, t.b), MV_OK);
    assert_int_equal(mv_ckks_matrix_result(result, t.set, &shape, got_re), MV_OK);
    for (int i = 0; i < 100; i++) {
        double want = 0;
        for (int j = 0; j < 60; j++) {
            want += m[i * 60 + j] * v[j];
        }
        assert_true(fabs(result[i] - want) < 1e-4);
    }
    mv_he_matrix_free(&ready);
    free(m);
    bench_end(&t);
}

static void what_leaves_the_key_holder_is_flooded_and_rounded(void **state)
{
    bench t = bench_of("deep8192");
    const mv_ckks_publish coarse = {30, 512}, fine = {30, 1e-6}, weak = {10, 512};
    (void)state;
    for (int j = 0; j < REAL_SLOTS; j++) {
        re[j] = 512 * (j % 5);
    }
    assert_int_equal(mv_ckks_encode(t.work, t.plain, re, NULL, REAL_SLOTS, 2048), MV_OK);
    assert_int_equal(mv_he_encrypt(t.work, t.a, t.key, t.plain), MV_OK);
    assert_int_equal(
        mv_ckks_decrypt_to_publish(t.work, got_re, got_im, REAL_SLOTS, t.key, t.a, &coarse), MV_OK);
    for (int j = 0; j < REAL_SLOTS; j++) {
        assert_true(fabs(got_re[j] - re[j]) <= 512 && got_re[j] == 512 * rint(got_re[j] / 512));
    }
    assert_int_equal(
        mv_ckks_decrypt_to_publish(t.work, got_re, got_im, REAL_SLOTS, t.key, t.a, &fine),
        MV_E_NOISE);
    assert_true(got_re[0] == 0 && got_im[7] == 0);
    assert_int_equal(
        mv_ckks_decrypt_to_publish(t.work, got_re, got_im, REAL_SLOTS, t.key, t.a, &weak),
        MV_E_ARGUMENT);
    bench_end(&t);
}

static void ckks_refuses_what_does_not_fit(void **state)
{
    bench t = bench_of("real8192");
    const double bad[3] = {1.5, NAN, INFINITY};
    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(mv_ckks_encode(t.work, t.plain, &bad[i], NULL, 1, 1), MV_E_RANGE);
    }
    assert_int_equal(mv_ckks_encode(t.work, t.plain, re, NULL, 1, 0), MV_E_ARGUMENT);
    assert_int_equal(mv_ckks_encode(t.work, t.plain, re, NULL, 4097, 1), MV_E_ARGUMENT);
    assert_int_equal(mv_ckks_encode(t.work, t.plain, re, NULL, 1, 0x1p60), MV_E_NOISE);
    fill_real(re, 1);
    encrypt_real(&t, t.a, re, NULL, false);
    for (int i = 0; i < 60; i++) { /* doubling: the message would outgrow Q */
        const mv_status st = mv_he_add(t.work, t.a, t.a, t.a);
        if (st != MV_OK) {
            assert_int_equal(st, MV_E_NOISE);
            assert_true(i > 40);
            bench_end(&t);
            return;
        }
    }
    fail();
}

/* ---- Threads ---- */

enum { THREADS = 4 };

static bench shared;

/* Own work and ciphers; set, keys and the input cipher are everybody's. */
static void *rotate_and_square(void *user)
{
    mv_he_work *work = NULL;
    mv_cipher *c = NULL;
    int64_t got[8];
    bool *good = user;
    *good = mv_he_work_new(&work, shared.set) == MV_OK && mv_cipher_new(&c, shared.set) == MV_OK;
    for (int i = 0; i < 3 && *good; i++) {
        *good = mv_he_rotate(work, c, shared.a, 1, shared.keys) == MV_OK &&
                mv_he_square(work, c, c, shared.keys) == MV_OK &&
                mv_bfv_decrypt(work, got, 8, shared.key, c) == MV_OK;
        for (int64_t j = 0; j < 8 && *good; j++) {
            *good = got[j] == (j + 1) * (j + 1);
        }
    }
    mv_he_work_free(&work);
    mv_cipher_free(&c);
    return NULL;
}

static void threads_share_sets_keys_and_inputs(void **state)
{
    pthread_t thread[THREADS];
    bool good[THREADS];
    (void)state;
    shared = bench_of("private8192");
    add_key(&shared, 1);
    for (uint32_t j = 0; j < shared.slots; j++) {
        x[j] = j % 1000;
    }
    encrypt(&shared, shared.a, x, false);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&thread[i], NULL, rotate_and_square, &good[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
        assert_true(good[i]);
    }
    bench_end(&shared);
}

static int set_up(void **state)
{
    (void)state;
    x = calloc(3 * 8192, sizeof *x);
    y = x + 8192;
    z = y + 8192;
    return x == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    free(x);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bfv_slots_do_what_plain_numbers_do),
        cmocka_unit_test(bfv_ciphers_are_multiplied_exactly_where_there_is_room),
        cmocka_unit_test(bfv_drops_primes_and_keeps_the_message),
        cmocka_unit_test(monomials_move_coefficients),
        cmocka_unit_test(sums_and_inner_products_over_slots),
        cmocka_unit_test(a_plain_matrix_meets_an_encrypted_vector),
        cmocka_unit_test(too_large_values_and_counts_are_refused),
        cmocka_unit_test(sets_do_not_mix),
        cmocka_unit_test(a_cipher_beyond_its_noise_bound_is_not_decrypted),
        cmocka_unit_test(ckks_slots_do_what_complex_numbers_do),
        cmocka_unit_test(polynomials_of_a_cipher),
        cmocka_unit_test(products_end_with_the_levels),
        cmocka_unit_test(a_product_at_the_last_level_meets_only_its_like),
        cmocka_unit_test(ckks_matrices),
        cmocka_unit_test(what_leaves_the_key_holder_is_flooded_and_rounded),
        cmocka_unit_test(ckks_refuses_what_does_not_fit),
        cmocka_unit_test(threads_share_sets_keys_and_inputs),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
