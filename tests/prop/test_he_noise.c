/* SPDX-License-Identifier: Apache-2.0
 *
 * test_he_noise.c: the variance model of noise.h against measurement over many keys. The model must
 * never be below what is measured, and not absurdly above. Prints a table and a seed.
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

#include <stdio.h>
#include <stdlib.h>

enum { KEYS = 12, SLOTS_MAX = 8192 };

static uint64_t seed;

/* One set with a fresh key. */
typedef struct party {
    const mv_he_set *set;
    mv_he_work *work;
    mv_he_key *key;
    mv_he_public *pub;
    mv_he_eval_keys *keys;
    mv_plain *plain;
    mv_cipher *a, *b, *c;
} party;

static void new_key(party *p, mv_rand *rand)
{
    uint8_t collection_key[MV_COLLECTION_KEY_LEN];
    mv_he_eval_key *k = NULL;
    for (size_t i = 0; i < sizeof collection_key; i++) {
        collection_key[i] = (uint8_t)mv_rand_u64(rand);
    }
    mv_he_key_free(&p->key);
    mv_he_public_free(&p->pub);
    mv_he_eval_keys_free(&p->keys);
    assert_int_equal(mv_he_key_new(&p->key, p->set, collection_key), MV_OK);
    assert_int_equal(mv_he_public_new(&p->pub, p->key), MV_OK);
    assert_int_equal(mv_he_eval_keys_new(&p->keys, p->set), MV_OK);
    assert_int_equal(mv_he_eval_key_relin(&k, p->key), MV_OK);
    assert_int_equal(mv_he_eval_keys_add(p->keys, &k), MV_OK);
    assert_int_equal(mv_he_eval_key_rotate(&k, p->key, 1), MV_OK);
    assert_int_equal(mv_he_eval_keys_add(p->keys, &k), MV_OK);
}

static party party_of(const char *name)
{
    party p = {.set = mv_he_set_find(name)};
    assert_int_equal(mv_he_work_new(&p.work, p.set), MV_OK);
    assert_int_equal(mv_plain_new(&p.plain, p.set), MV_OK);
    assert_int_equal(mv_cipher_new(&p.a, p.set), MV_OK);
    assert_int_equal(mv_cipher_new(&p.b, p.set), MV_OK);
    assert_int_equal(mv_cipher_new(&p.c, p.set), MV_OK);
    return p;
}

static void party_end(party *p)
{
    mv_he_work_free(&p->work);
    mv_he_key_free(&p->key);
    mv_he_public_free(&p->pub);
    mv_he_eval_keys_free(&p->keys);
    mv_plain_free(&p->plain);
    mv_cipher_free(&p->a);
    mv_cipher_free(&p->b);
    mv_cipher_free(&p->c);
}

/* Mean square of the noise, and its largest in units of the deviation that the model allows. */
typedef struct measure {
    double mean2, largest;
} measure;

/* e = x - Q m / t for the message that x decrypts to. */
static measure measure_bfv(party *p, const mv_cipher *c)
{
    const mv_he_context *context = p->work->context;
    const mv_he_level *l = mv_cipher_level_of(c);
    const size_t n = context->degree;
    mv_poly_coeff x;
    uint64_t *copy = aligned_alloc(64, c->limbs * n * sizeof *copy);
    uint64_t *want = aligned_alloc(64, c->limbs * n * sizeof *want);
    double *e = aligned_alloc(64, n * sizeof *e);
    measure m = {0, 0};
    assert_int_equal(mv_he_phase(p->work, &x, p->key, c), MV_OK);
    memcpy(copy, x.limb, c->limbs * n * sizeof *copy);
    mv_rns_scale_round(&l->scale_down, p->work->row, x);
    mv_bfv_scale_up(want, context, c->limbs, p->work->row);
    mv_ring_sub(&l->ring, copy, copy, want);
    mv_rns_crt crt;
    mv_rns_crt_init(&crt, &l->ring);
    mv_rns_to_double(&crt, e, (mv_poly_coeff){copy}, 1);
    for (size_t j = 0; j < n; j++) {
        m.mean2 += e[j] * e[j] / (double)n;
        m.largest = fmax(m.largest, fabs(e[j]) / sqrt(c->noise));
    }
    free(copy);
    free(want);
    free(e);
    return m;
}

static double want_re[SLOTS_MAX], got_re[SLOTS_MAX], got_im[SLOTS_MAX];

static measure measure_ckks(party *p, const mv_cipher *c)
{
    const uint32_t slots = mv_he_set_slots(p->set);
    const double scale = mv_cipher_scale(c), n = p->work->context->degree;
    measure m = {0, 0};
    assert_int_equal(mv_ckks_decrypt(p->work, got_re, got_im, slots, p->key, c), MV_OK);
    for (uint32_t j = 0; j < slots; j++) {
        const double re = (got_re[j] - want_re[j]) * scale, im = got_im[j] * scale;
        m.mean2 += (re * re + im * im) / n / slots;
        m.largest = fmax(m.largest, sqrt((re * re + im * im) / n / c->noise));
    }
    return m;
}

static measure measure_any(party *p, const mv_cipher *c)
{
    return mv_he_set_scheme(p->set) == MV_HE_BFV ? measure_bfv(p, c) : measure_ckks(p, c);
}

enum { FRESH, PUBLIC, SUM, ROTATED, TIMES_PLAIN, PRODUCT, RELINEARISED, DROPPED, OPS };
static const char *const names[OPS] = {"fresh",       "public",  "sum",          "rotated",
                                       "times plain", "product", "relinearised", "dropped"};

static double first[SLOTS_MAX], second[SLOTS_MAX];

/* Random plains: first into a (secret key) or b (public key), second stays in the plain. */
static void encrypt_both(party *p, mv_rand *rand)
{
    const uint32_t slots = mv_he_set_slots(p->set);
    const int64_t t = (int64_t)mv_he_set_plain_modulus(p->set);
    int64_t *x = calloc(slots, sizeof *x);
    for (int k = 0; k < 2; k++) {
        double *v = k == 0 ? first : second;
        for (uint32_t j = 0; j < slots; j++) {
            v[j] = 2 * mv_rand_unit(rand) - 1;
            x[j] = (int64_t)(v[j] * (double)(t / 2));
        }
        assert_int_equal(t != 0 ? mv_bfv_encode(p->plain, x, slots)
                                : mv_ckks_encode(p->work, p->plain, v, NULL, slots, 1),
                         MV_OK);
        assert_int_equal(k == 0 ? mv_he_encrypt(p->work, p->a, p->key, p->plain)
                                : mv_he_encrypt_public(p->work, p->b, p->pub, p->plain),
                         MV_OK);
    }
    free(x);
}

/* The cipher after an operation, in c; want_re for CKKS. */
static mv_status apply(party *p, int op)
{
    const uint32_t slots = mv_he_set_slots(p->set);
    for (uint32_t j = 0; j < slots; j++) {
        const double x = first[j], y = second[j];
        const double want[OPS] = {x, y, x + y, first[(j + 1) % slots], x * y, x * y, x * y, x * y};
        want_re[j] = want[op];
    }
    switch (op) {
    case FRESH:
        return mv_cipher_copy(p->c, p->a);
    case PUBLIC:
        return mv_cipher_copy(p->c, p->b);
    case SUM:
        return mv_he_add(p->work, p->c, p->a, p->b);
    case ROTATED:
        return mv_he_rotate(p->work, p->c, p->a, 1, p->keys);
    case TIMES_PLAIN:
        return mv_he_mul_plain(p->work, p->c, p->a, p->plain);
    case PRODUCT:
        return mv_he_mul(p->work, p->c, p->a, p->b, NULL);
    case RELINEARISED:
        return mv_he_mul(p->work, p->c, p->a, p->b, p->keys);
    default:
        break;
    }
    const mv_status st = mv_he_mul(p->work, p->c, p->a, p->b, p->keys);
    return st == MV_OK ? mv_he_drop(p->work, p->c, p->c) : st;
}

static void check_set(const char *name)
{
    mv_rand rand = mv_rand_make(seed);
    party p = party_of(name);
    const double tail = mv_is_ckks(p.work->context) ? MV_NOISE_SLOT_TAIL : MV_NOISE_TAIL;
    for (int op = 0; op < OPS; op++) {
        double mean2 = 0, model = 0, largest = 0;
        for (int k = 0; k < KEYS; k++) {
            new_key(&p, &rand);
            encrypt_both(&p, &rand);
            assert_int_equal(apply(&p, op), MV_OK);
            const measure m = measure_any(&p, p.c);
            mean2 += m.mean2 / KEYS;
            model = p.c->noise;
            largest = fmax(largest, m.largest);
        }
        print_message("%-12s %-13s deviation 2^%.2f, model 2^%.2f; largest %.1f, allowed %.1f\n",
                      name, names[op], log2(mean2) / 2, log2(model) / 2, largest, tail);
        assert_true(mean2 <= 1.06 * model); /* 6 %: eight deviations of the mean itself */
        assert_true(mean2 >= model / 1000); /* at most 5 bits lost */
        assert_true(largest < tail / 2);
    }
    party_end(&p);
}

static void bfv_noise_is_within_its_model(void **state)
{
    (void)state;
    check_set("score4096");
    check_set("private8192");
}

static void ckks_noise_is_within_its_model(void **state)
{
    (void)state;
    check_set("real8192");
    check_set("deep8192");
}

int main(void)
{
    const char *given = getenv("MV_TEST_SEED");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bfv_noise_is_within_its_model),
        cmocka_unit_test(ckks_noise_is_within_its_model),
    };
    if (given != NULL) {
        seed = strtoull(given, NULL, 10);
    } else if (mv_random_bytes((uint8_t *)&seed, sizeof seed) != MV_OK) {
        return 1;
    }
    (void)fprintf(stderr, "seed: MV_TEST_SEED=%llu repeats the messages\n",
                  (unsigned long long)seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
