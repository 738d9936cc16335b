/* SPDX-License-Identifier: Apache-2.0
 *
 * test_pack_prop.c: properties of coefficient packing on random shapes, features and keys. A failed
 * run prints its seed; MV_TEST_SEED=<seed> repeats it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "he/he_bytes.h"
#include "he/pack_coeff.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t test_seed;

/* The errors of every encryption: as sampled, or one value everywhere. Linked with
 * --wrap=mv_sample_binomial and --wrap=mv_sample_ternary, which gives u and is all ones with it. */
static enum { ERROR_SAMPLED, ERROR_HIGH, ERROR_LOW, ERROR_MIXED } error_mode;

void __real_mv_sample_binomial(int8_t *out, size_t count, mv_stream *s);
void __wrap_mv_sample_binomial(int8_t *out, size_t count, mv_stream *s);

void __wrap_mv_sample_binomial(int8_t *out, size_t count, mv_stream *s)
{
    if (error_mode == ERROR_SAMPLED) {
        __real_mv_sample_binomial(out, count, s);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const int high = error_mode == ERROR_HIGH || (error_mode == ERROR_MIXED && i % 2 == 0);
        out[i] = high ? MV_BINOMIAL_MAX : -MV_BINOMIAL_MAX;
    }
}

void __real_mv_sample_ternary(int8_t *out, size_t count, mv_stream *s);
void __wrap_mv_sample_ternary(int8_t *out, size_t count, mv_stream *s);

void __wrap_mv_sample_ternary(int8_t *out, size_t count, mv_stream *s)
{
    if (error_mode == ERROR_SAMPLED) {
        __real_mv_sample_ternary(out, count, s);
        return;
    }
    memset(out, 1, count);
}

static mv_he_key *random_key(const mv_he_set *set, mv_rand *rand)
{
    uint8_t collection_key[MV_COLLECTION_KEY_LEN];
    mv_he_key *key = NULL;
    for (size_t i = 0; i < sizeof collection_key; i++) {
        collection_key[i] = (uint8_t)mv_rand_u64(rand);
    }
    assert_int_equal(mv_he_key_new(&key, set, collection_key), MV_OK);
    return key;
}

static void random_seeds(mv_pack_seeds *seeds, mv_rand *rand)
{
    for (size_t i = 0; i < sizeof seeds->mask; i++) {
        seeds->mask[i] = (uint8_t)mv_rand_u64(rand);
        seeds->error[i] = (uint8_t)mv_rand_u64(rand);
    }
}

typedef struct trial {
    const mv_he_key *key;
    mv_pack_shape shape;
    mv_rand *rand;
    uint32_t *feature, *want, *got; /* shape.count each */
    uint8_t *one, *sum, *next;
    size_t one_len, sum_len;
} trial;

static void trial_open(trial *t, const mv_he_set *set)
{
    t->one_len = mv_pack_size(set, &t->shape);
    t->sum_len = mv_pack_sum_size(set, &t->shape);
    t->feature = calloc(t->shape.count, sizeof *t->feature);
    t->want = calloc(t->shape.count, sizeof *t->want);
    t->got = calloc(t->shape.count, sizeof *t->got);
    t->one = malloc(t->one_len);
    t->sum = malloc(t->sum_len);
    t->next = malloc(t->sum_len);
}

static void trial_close(trial *t)
{
    free(t->feature);
    free(t->want);
    free(t->got);
    free(t->one);
    free(t->sum);
    free(t->next);
}

/* One more ciphertext of random, or of the largest, features into t->one. */
static void encrypt_one(trial *t, int largest)
{
    mv_pack_seeds seeds;
    size_t written = 0;
    random_seeds(&seeds, t->rand);
    for (uint32_t i = 0; i < t->shape.count; i++) {
        const uint32_t below = (uint32_t)1 << t->shape.bits;
        t->feature[i] = largest ? below - 1 : mv_rand_below(t->rand, below);
        t->want[i] += t->feature[i];
    }
    assert_int_equal(
        mv_pack_encrypt_seeded(t->one, t->one_len, &written, t->key, &t->shape, t->feature, &seeds),
        MV_OK);
    assert_int_equal(written, t->one_len);
}

static void check_decrypts(trial *t, const uint8_t *bytes, size_t len)
{
    assert_int_equal(mv_pack_decrypt(t->got, t->shape.count, t->key, bytes, len), MV_OK);
    assert_memory_equal(t->got, t->want, t->shape.count * sizeof *t->want);
}

/* Sums of 1, 2, .. n ciphertexts decrypt exactly; n + 1 are refused. */
static void check_sums(const mv_he_key *key, const mv_pack_shape *shape, mv_rand *rand, int largest)
{
    trial t = {.key = key, .shape = *shape, .rand = rand};
    size_t written = 0;
    trial_open(&t, key->set);
    encrypt_one(&t, largest);
    check_decrypts(&t, t.one, t.one_len);
    const uint8_t *left = t.one;
    size_t left_len = t.one_len;
    uint8_t *first = malloc(t.one_len);
    memcpy(first, t.one, t.one_len);
    for (uint32_t k = 2; k <= shape->sums; k++) {
        left = k == 2 ? first : t.sum;
        left_len = k == 2 ? t.one_len : t.sum_len;
        encrypt_one(&t, largest);
        /* either order */
        assert_int_equal(
            k % 2 ? mv_pack_add(t.next, t.sum_len, &written, left, left_len, t.one, t.one_len)
                  : mv_pack_add(t.next, t.sum_len, &written, t.one, t.one_len, left, left_len),
            MV_OK);
        memcpy(t.sum, t.next, t.sum_len);
        if (k < 4 || k == shape->sums) {
            check_decrypts(&t, t.sum, t.sum_len);
        }
    }
    left = shape->sums == 1 ? first : t.sum;
    left_len = shape->sums == 1 ? t.one_len : t.sum_len;
    assert_int_equal(mv_pack_add(t.next, t.sum_len, &written, left, left_len, t.one, t.one_len),
                     MV_E_NOISE);
    free(first);
    trial_close(&t);
}

/* From 1 feature to a little over two polynomials, often near a border. */
static uint32_t random_count(const mv_he_set *set, uint32_t bits, uint32_t sums, mv_rand *rand)
{
    const mv_pack_shape probe = {bits, sums, 1, MV_HE_SYM};
    mv_pack_plan plan;
    assert_int_equal(mv_pack_plan_make(&plan, set, &probe), MV_OK);
    const uint32_t full = plan.per * set->literal.degree;
    const uint32_t choice[6] = {1,    plan.per, full - 1,
                                full, full + 1, 1 + mv_rand_below(rand, 2 * full + plan.per)};
    return choice[mv_rand_below(rand, 6)];
}

static void sums_are_exact_up_to_n_and_refused_beyond(void **state)
{
    static const uint32_t sums[] = {1, 2, 3, 4, 7, 64};
    mv_rand rand = mv_rand_make(test_seed);
    (void)state;
    for (size_t s = 0; mv_he_set_at(s) != NULL; s++) {
        const mv_he_set *set = mv_he_set_at(s);
        if (mv_he_set_scheme(set) != MV_HE_PACK) {
            continue;
        }
        mv_he_key *key = random_key(set, &rand);
        for (uint32_t bits = 1; bits <= 24; bits++) {
            for (size_t i = 0; i < 6; i++) {
                mv_pack_shape shape = {bits, sums[i], 1, MV_HE_SYM};
                if (mv_pack_size(set, &shape) == 0 || (sums[i] == 64 && bits % 5 != 1)) {
                    continue;
                }
                shape.count = random_count(set, bits, sums[i], &rand);
                check_sums(key, &shape, &rand, 0);
            }
        }
        mv_he_key_free(&key);
    }
}

static void the_largest_errors_and_features_still_decrypt(void **state)
{
    static const uint32_t sums[] = {1, 2, 5, 64};
    mv_rand rand = mv_rand_make(test_seed + 1);
    (void)state;
    for (size_t s = 0; mv_he_set_at(s) != NULL; s++) {
        const mv_he_set *set = mv_he_set_at(s);
        if (mv_he_set_scheme(set) != MV_HE_PACK) {
            continue;
        }
        mv_he_key *key = random_key(set, &rand);
        for (int mode = ERROR_HIGH; mode <= ERROR_MIXED; mode++) {
            for (size_t i = 0; i < 4; i++) {
                const mv_pack_shape shape = {1 + (uint32_t)i, sums[i], 3000, MV_HE_SYM};
                error_mode = mode;
                check_sums(key, &shape, &rand, mode == ERROR_HIGH);
                error_mode = ERROR_SAMPLED;
            }
        }
        mv_he_key_free(&key);
    }
}

/* x = c0 + c1 s of a fresh ciphertext of one polynomial and one limb. */
static void phase(uint64_t *x, const mv_pack_plan *plan, const mv_he_key *key,
                  const mv_pack_seeds *seeds, const uint8_t *bytes)
{
    const mv_modulus *m = &plan->set->mod[0];
    const uint32_t used = mv_pack_used(plan, 0);
    uint64_t *c0 = calloc(used, sizeof *c0);
    mv_stream stream;
    mv_stream_init(&stream, seeds->mask);
    mv_stream_seek(&stream, MV_STREAM_MASK, 0, 0);
    mv_sample_uniform(x, plan->set->literal.degree, m, &stream);
    (void)mv_ring_mul_known(key->ring, (mv_poly_eval){x}, key->secret);
    assert_int_equal(mv_row_read(c0, used, m->bits, m->q, bytes + MV_PACK_HEADER_LEN + MV_SEED_LEN),
                     MV_OK);
    for (uint32_t j = 0; j < used; j++) {
        x[j] = mv_add_mod(x[j], c0[j], m->q);
    }
    mv_stream_clear(&stream);
    free(c0);
}

/* 40 keys: the noise x - Q m / t is the sampled error within rounding: never above 21 + 1/2, and
 * spread like 42 coins. */
static void measured_noise_is_within_the_bound_over_many_keys(void **state)
{
    enum { N = 4096, KEYS = 40 };
    const mv_he_set *set = mv_he_set_find("pack4096");
    const mv_pack_shape shape = {8, 1, 5 * N, MV_HE_SYM};
    mv_rand rand = mv_rand_make(test_seed + 2);
    mv_pack_plan plan;
    uint64_t *x = aligned_alloc(64, N * sizeof *x);
    trial t = {.shape = shape, .rand = &rand};
    int64_t worst = 0, sum = 0, squares = 0;
    (void)state;
    assert_int_equal(mv_pack_plan_make(&plan, set, &shape), MV_OK);
    trial_open(&t, set);
    for (int k = 0; k < KEYS; k++) {
        mv_he_key *key = random_key(set, &rand);
        mv_pack_seeds seeds;
        size_t written = 0;
        t.key = key;
        encrypt_one(&t, 0); /* fills t.feature */
        random_seeds(&seeds, &rand);
        assert_int_equal(
            mv_pack_encrypt_seeded(t.one, t.one_len, &written, key, &shape, t.feature, &seeds),
            MV_OK);
        phase(x, &plan, key, &seeds, t.one);
        for (uint32_t j = 0; j < N; j++) {
            const mv_u128 m = mv_pack_gather(t.feature + 5 * j, 5, plan.width, false);
            const uint64_t q = set->mod[0].q;
            const uint64_t encoded =
                mv_pack_hide(mv_pack_rounding_rest(m, &plan, false), 0, 0, &plan.limb[0], q, false);
            const uint64_t up = mv_sub_mod(x[j], encoded, q);
            const int64_t d = up > q / 2 ? -(int64_t)(q - up) : (int64_t)up;
            worst = llabs(d) > worst ? llabs(d) : worst;
            sum += d;
            squares += d * d;
        }
        mv_he_key_free(&key);
    }
    const double count = (double)KEYS * N, variance = (double)squares / count;
    printf("noise over %d keys: largest %" PRId64 ", bound 21; variance %.3f, model 10.5\n", KEYS,
           worst, variance);
    assert_true(worst <= MV_BINOMIAL_MAX && worst >= 10);
    assert_true(variance > 10.5 - 0.19 && variance < 10.5 + 0.19); /* five deviations */
    assert_true((double)sum / count > -0.041 && (double)sum / count < 0.041);
    trial_close(&t);
    free(x);
}

/* 5.6 million features, in one piece: the features of a picture of 3000 x 2500. */
static void a_large_picture_goes_through(void **state)
{
    const mv_he_set *set = mv_he_set_find("pack4096");
    mv_rand rand = mv_rand_make(test_seed + 3);
    mv_he_key *key = random_key(set, &rand);
    trial t = {.key = key, .shape = {8, 1, 1500 * 1250 * 3, MV_HE_SYM}, .rand = &rand};
    (void)state;
    trial_open(&t, set);
    encrypt_one(&t, 0);
    check_decrypts(&t, t.one, t.one_len);
    trial_close(&t);
    mv_he_key_free(&key);
}

/* s and u all ones, every error 21 or -21: coefficient N - 1 of e u + e0 + e1 s is then
 * 21 (2 N + 1), the bound itself. n such ciphertexts are added. */
static void the_worst_coins_of_the_public_form_still_decrypt(void **state)
{
    static const char *const names[] = {"pack4096", "add4096", "pack2048", "pack1024"};
    mv_rand rand = mv_rand_make(test_seed + 7);
    (void)state;
    for (size_t k = 0; k < 4 * 2 * 3; k++) {
        const mv_he_set *set = mv_he_set_find(names[k % 4]);
        const uint32_t n = set->literal.degree, sums[] = {1, 3, 64};
        mv_pack_shape shape = {1, sums[k / 8], n, MV_HE_PK};
        mv_pack_plan plan;
        mv_he_key *key = NULL;
        mv_he_public *pub = NULL;
        int8_t s[4096];
        size_t written = 0;
        if (mv_pack_plan_make(&plan, set, &shape) != MV_OK) {
            assert_int_equal(set->literal.degree, 1024); /* 26 bits hold no sums of 64 */
            continue;
        }
        shape.bits = plan.log_t - (plan.width - 1) < 16 ? plan.log_t - (plan.width - 1) : 16;
        shape.count = n * (plan.log_t / (shape.bits + plan.width - 1));
        memset(s, 1, n);
        assert_int_equal(mv_he_key_from_coefficients(&key, set, s), MV_OK);
        error_mode = k / 4 % 2 == 0 ? ERROR_HIGH : ERROR_LOW;
        assert_int_equal(mv_he_public_new(&pub, key), MV_OK);
        trial t = {.key = key, .shape = shape, .rand = &rand};
        trial_open(&t, set);
        for (uint32_t i = 0; i < shape.count; i++) {
            t.feature[i] = mv_rand_below(&rand, (uint32_t)1 << shape.bits);
            t.want[i] = shape.sums * t.feature[i];
        }
        assert_int_equal(mv_pack_encrypt_public(t.one, t.one_len, &written, pub, &shape, t.feature),
                         MV_OK);
        memcpy(t.sum, t.one, t.one_len);
        for (uint32_t i = 1; i < shape.sums; i++) {
            assert_int_equal(
                mv_pack_add(t.next, t.sum_len, &written, t.sum, written, t.one, t.one_len), MV_OK);
            memcpy(t.sum, t.next, written);
        }
        error_mode = ERROR_SAMPLED;
        check_decrypts(&t, t.sum, written);
        trial_close(&t);
        mv_he_public_free(&pub);
        mv_he_key_free(&key);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_exact_up_to_n_and_refused_beyond),
        cmocka_unit_test(the_largest_errors_and_features_still_decrypt),
        cmocka_unit_test(measured_noise_is_within_the_bound_over_many_keys),
        cmocka_unit_test(a_large_picture_goes_through),
        cmocka_unit_test(the_worst_coins_of_the_public_form_still_decrypt),
    };
    const char *given = getenv("MV_TEST_SEED");
    uint8_t bytes[8];
    if (given != NULL) {
        test_seed = strtoull(given, NULL, 0);
    } else if (mv_random_bytes(bytes, sizeof bytes) == MV_OK) {
        test_seed = mv_load_u64le(bytes);
    }
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    printf("seed: MV_TEST_SEED=%" PRIu64 " repeats this run\n", test_seed);
    return failed;
}
