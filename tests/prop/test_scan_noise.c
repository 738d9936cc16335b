/* SPDX-License-Identifier: Apache-2.0
 *
 * test_scan_noise.c: the noise of an encrypted search against its bound, with new keys. Prints what
 * was measured and a seed.
 *
 * t x modulo Q of a product is t times its noise (scan.h), so the noise is read off exactly.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "he/noise.h"
#include "he/scan.h"

#include <stdio.h>
#include <stdlib.h>

enum { KEYS = 2, GROUPS = 8, STEP = 16, VECTORS = 64, DIMS = MV_SCAN_DIMS, N = 8192 };

static uint64_t seed;

typedef struct party {
    mv_he_key *key, *upload_key;
    mv_he_public *sender;
    mv_he_work *work;
    mv_he_eval_keys *keys;
    mv_plain *plain;
    mv_cipher *group, *one, *product;
    uint8_t *upload;
    uint64_t *expanded, *block, *query;
    int8_t *vector; /* [GROUPS][VECTORS][DIMS] */
} party;

static uint64_t *words(void)
{
    uint64_t *w = NULL;
    assert_int_equal(mv_words_new(&w, mv_scan_words()), MV_OK);
    return w;
}

static void party_make(party *p, mv_rand *rand)
{
    const mv_he_set *set = mv_scan_set();
    uint8_t collection_key[MV_COLLECTION_KEY_LEN];
    for (size_t i = 0; i < sizeof collection_key; i++) {
        collection_key[i] = (uint8_t)mv_rand_u64(rand);
    }
    assert_int_equal(mv_he_key_new(&p->key, set, collection_key), MV_OK);
    assert_int_equal(mv_he_key_new(&p->upload_key, mv_scan_upload_set(), collection_key), MV_OK);
    assert_int_equal(mv_he_public_new(&p->sender, p->upload_key), MV_OK);
    assert_int_equal(mv_he_work_new(&p->work, set), MV_OK);
    assert_int_equal(mv_he_eval_keys_new(&p->keys, set), MV_OK);
    assert_int_equal(mv_scan_keys_check(p->keys), MV_E_NOT_FOUND);
    for (uint32_t i = 0; i < MV_SCAN_KEYS; i++) {
        mv_he_eval_key *k = NULL;
        assert_int_equal(mv_scan_key(&k, p->key, p->upload_key, i), MV_OK);
        assert_int_equal(mv_he_eval_keys_add(p->keys, &k), MV_OK);
    }
    assert_int_equal(mv_scan_keys_check(p->keys), MV_OK);
    assert_int_equal(mv_plain_new(&p->plain, set), MV_OK);
    assert_int_equal(mv_cipher_new(&p->group, set), MV_OK);
    assert_int_equal(mv_cipher_new(&p->one, set), MV_OK);
    assert_int_equal(mv_cipher_new(&p->product, set), MV_OK);
    p->upload = malloc(mv_scan_upload_size());
    assert_non_null(p->upload);
    p->expanded = words();
    p->block = words();
    p->query = words();
    p->vector = malloc((size_t)GROUPS * VECTORS * DIMS);
    assert_non_null(p->vector);
}

static void party_end(party *p)
{
    mv_he_key_free(&p->key);
    mv_he_key_free(&p->upload_key);
    mv_he_public_free(&p->sender);
    mv_he_work_free(&p->work);
    mv_he_eval_keys_free(&p->keys);
    mv_plain_free(&p->plain);
    mv_cipher_free(&p->group);
    mv_cipher_free(&p->one);
    mv_cipher_free(&p->product);
    free(p->upload);
    mv_words_free(&p->expanded, mv_scan_words());
    mv_words_free(&p->block, mv_scan_words());
    mv_words_free(&p->query, mv_scan_words());
    free(p->vector);
}

/* 64 vectors from a sender, one after the other. */
static void fill_group(party *p, const int8_t *vector)
{
    for (uint32_t i = 0; i < VECTORS; i++) {
        assert_int_equal(mv_scan_encode(p->plain, vector + i * DIMS, 1, MV_SCAN_UPLOAD), MV_OK);
        assert_int_equal(mv_scan_upload_write(p->work, p->upload, p->sender, p->plain), MV_OK);
        assert_int_equal(mv_scan_upload_read(p->work, p->one, p->upload, p->keys), MV_OK);
        assert_int_equal(mv_scan_append(p->work, p->group, p->one, i), MV_OK);
    }
}

static void fill_block(party *p, mv_rand *rand)
{
    for (size_t i = 0; i < (size_t)GROUPS * VECTORS * DIMS; i++) {
        p->vector[i] = (int8_t)(mv_rand_below(rand, 47) - 23); /* squares sum to 67,712 at most */
    }
    for (uint32_t g = 0; g < GROUPS; g++) {
        const int8_t *first = p->vector + (size_t)g * VECTORS * DIMS;
        fill_group(p, first);
        for (uint32_t u = 0; u < MV_SCAN_UNITS; u++) {
            assert_int_equal(mv_scan_expand_unit(p->work, p->expanded, p->group, u, p->keys),
                             MV_OK);
            assert_int_equal(mv_scan_shift(p->work, p->expanded, g * STEP, u), MV_OK);
            assert_int_equal(mv_scan_merge(p->work, p->block, p->expanded), MV_OK);
        }
    }
}

static mv_status row_of(void *user, uint64_t *scratch, const uint64_t **row, uint32_t dim,
                        uint32_t poly, uint32_t limb)
{
    const party *p = user;
    (void)scratch;
    *row = p->block + (((size_t)dim * 2 + poly) * 2 + limb) * N;
    return MV_OK;
}

/* t x modulo Q nearest 0, over t. */
static double noise_at(const mv_poly_coeff *x, size_t j)
{
    const mv_he_set *set = mv_scan_set();
    const mv_modulus *q0 = &set->mod[0], *q1 = &set->mod[1];
    const uint64_t t = set->literal.plain_modulus;
    const uint64_t a = mv_mul_mod(x->limb[j], t, q0), b = mv_mul_mod(x->limb[N + j], t, q1);
    const uint64_t inverse = mv_inv_mod(q0->q % q1->q, q1);
    const uint64_t high = mv_mul_mod(mv_sub_mod(b, a % q1->q, q1->q), inverse, q1);
    /* a + high q0, high nearest 0 */
    const double from_zero = high > q1->q / 2 ? -(double)(q1->q - high) : (double)high;
    return (from_zero * (double)q0->q + (double)a) / (double)t;
}

static double measure(party *p)
{
    mv_poly_coeff x;
    double sum = 0, most = 0;
    assert_int_equal(mv_he_phase(p->work, &x, p->key, p->product), MV_OK);
    for (size_t j = 0; j < N; j++) {
        const double e = noise_at(&x, j);
        sum += e * e;
        most = fabs(e) > most ? fabs(e) : most;
    }
    const double room = mv_cipher_level_of(p->product)->modulus_log2 - 1 - log2(147457);
    printf("deviation 2^%.2f, largest 2^%.2f, bound 2^%.2f, allowed 2^%.2f\n", log2(sum / N) / 2,
           log2(most), log2(p->product->noise) / 2, room);
    assert_true(log2(most) < room - 1);
    return sum / N;
}

static void expect_dots(party *p, const int8_t *query)
{
    static int64_t coefficient[N];
    assert_int_equal(mv_bfv_decrypt_coefficients(p->work, coefficient, N, p->key, p->product),
                     MV_OK);
    for (uint32_t i = 0; i < GROUPS * VECTORS; i++) {
        int64_t want = 0;
        for (size_t k = 0; k < DIMS; k++) {
            want += p->vector[i * DIMS + k] * query[k];
        }
        assert_int_equal(coefficient[mv_scan_place_of(i % VECTORS) * DIMS + i / VECTORS * STEP],
                         want);
    }
}

/* A block with 8 of its 128 groups has a sixteenth of the full variance. */
static void the_noise_of_a_search_keeps_its_bound(void **state)
{
    mv_rand rand = mv_rand_make(seed);
    (void)state;
    for (int i = 0; i < KEYS; i++) {
        party p = {0};
        int8_t query[DIMS];
        party_make(&p, &rand);
        fill_block(&p, &rand);
        for (size_t k = 0; k < DIMS; k++) {
            query[k] = (int8_t)(mv_rand_below(&rand, 47) - 23);
        }
        assert_int_equal(mv_scan_encode(p.plain, query, 1, MV_SCAN_QUERY), MV_OK);
        assert_int_equal(mv_he_encrypt(p.work, p.group, p.key, p.plain), MV_OK);
        assert_int_equal(mv_scan_expand(p.work, p.query, p.group, p.keys), MV_OK);
        assert_int_equal(mv_scan_product(p.work, p.product, p.query, row_of, &p, p.keys), MV_OK);
        const double variance = measure(&p) * MV_SCAN_GROUPS / GROUPS;
        assert_true(variance < p.product->noise);
        assert_true(variance > p.product->noise / 64); /* not absurdly below */
        expect_dots(&p, query);
        party_end(&p);
    }
}

int main(void)
{
    const char *given = getenv("MV_TEST_SEED");
    if (given != NULL) {
        seed = strtoull(given, NULL, 10);
    } else if (mv_random_bytes((uint8_t *)&seed, sizeof seed) != MV_OK) {
        return 1;
    }
    (void)fprintf(stderr, "seed: MV_TEST_SEED=%llu repeats the messages\n",
                  (unsigned long long)seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_noise_of_a_search_keeps_its_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
