/* SPDX-License-Identifier: Apache-2.0
 *
 * 03_ckks_basics.c: real numbers nobody else sees: x y + x / 2, and a polynomial.
 *
 *     cc 03_ckks_basics.c $(pkg-config --cflags --libs medveil) -lm && ./a.out
 *
 * CKKS computes on real numbers approximately. Scales and levels are the library's business.
 */
#include <medveil/ckks.h>

#include <math.h>
#include <stdio.h>

/* Stop at the first call that fails. */
#define CHECK(call)                                                                                \
    do {                                                                                           \
        st = (call);                                                                               \
        if (st != MV_OK) {                                                                         \
            goto done;                                                                             \
        }                                                                                          \
    } while (0)

enum { COUNT = 4 };

static mv_status example(void)
{
    static const uint8_t collection_key[MV_COLLECTION_KEY_LEN] = {1, 2, 3}; /* from an exchange */
    static const double x[COUNT] = {0.5, -0.25, 0.125, 1}, y[COUNT] = {1, 0.5, -1, 0.75};
    static const double logistic[4] = {0.5, 0.25, 0, -1.0 / 48}; /* 1 / (1 + exp(-x)) nearly */
    double got[COUNT];
    mv_status st = MV_OK;

    /* deep8192 has room for three products in a row. */
    const mv_he_set *set = mv_he_set_find("deep8192");
    mv_he_work *work = NULL; /* scratch memory of this thread */
    mv_he_key *key = NULL;
    mv_he_eval_key *relin = NULL;
    mv_he_eval_keys *keys = NULL;
    mv_plain *plain = NULL;
    mv_cipher *a = NULL, *b = NULL, *c = NULL;

    CHECK(mv_he_work_new(&work, set));
    CHECK(mv_he_key_new(&key, set, collection_key));
    CHECK(mv_plain_new(&plain, set));
    CHECK(mv_cipher_new(&a, set));
    CHECK(mv_cipher_new(&b, set));
    CHECK(mv_cipher_new(&c, set));

    /* What the server gets: the key that makes products two polynomials again. It opens nothing. */
    CHECK(mv_he_eval_keys_new(&keys, set));
    CHECK(mv_he_eval_key_relin(&relin, key));
    CHECK(mv_he_eval_keys_add(keys, &relin));

    /* The client: no number is larger than 1, and says so. */
    CHECK(mv_ckks_encode(work, plain, x, NULL, COUNT, 1));
    CHECK(mv_he_encrypt(work, a, key, plain));
    CHECK(mv_ckks_encode(work, plain, y, NULL, COUNT, 1));
    CHECK(mv_he_encrypt(work, b, key, plain));

    /* The server: x y + x / 2. The two summands are at different scales; nobody has to know. */
    CHECK(mv_he_mul(work, b, a, b, keys));
    CHECK(mv_ckks_mul_number(work, c, a, 0.5));
    CHECK(mv_he_add(work, c, c, b));

    /* The client again. Every slot is within the bound that the cipher carries. */
    CHECK(mv_ckks_decrypt(work, got, NULL, COUNT, key, c));
    for (int j = 0; j < COUNT; j++) {
        const double want = x[j] * y[j] + x[j] / 2;
        printf("x y + x/2 = %.9f (exactly %.9f)\n", got[j], want);
        st = fabs(got[j] - want) <= mv_ckks_error_bound(c) ? MV_OK : MV_E_INTERNAL;
        CHECK(st);
    }
    printf("error at most %.1e\n", mv_ckks_error_bound(c));

    CHECK(mv_ckks_polynomial(work, c, a, logistic, 3, keys));
    CHECK(mv_ckks_decrypt(work, got, NULL, COUNT, key, c));
    for (int j = 0; j < COUNT; j++) {
        const double want = 0.5 + x[j] / 4 - x[j] * x[j] * x[j] / 48;
        printf("logistic(%g) = %.7f\n", x[j], got[j]);
        st = fabs(got[j] - want) <= mv_ckks_error_bound(c) ? MV_OK : MV_E_INTERNAL;
        CHECK(st);
    }

    /* Results that anybody else may see give the key away bit by bit, unless they are drowned in
     * noise and rounded. That costs 30 bits, which are not there after these products: refused. */
    const mv_ckks_publish how = {.flood_bits = 30, .step = 0.01};
    const mv_status published = mv_ckks_decrypt_to_publish(work, got, NULL, COUNT, key, c, &how);
    printf("to publish it: %s\n", mv_status_sentence(published));
    st = published == MV_E_NOISE ? MV_OK : MV_E_INTERNAL;
done:
    mv_he_work_free(&work); /* wipes, like the next two */
    mv_he_key_free(&key);
    mv_plain_free(&plain);
    mv_he_eval_key_free(&relin);
    mv_he_eval_keys_free(&keys);
    mv_cipher_free(&a);
    mv_cipher_free(&b);
    mv_cipher_free(&c);
    return st;
}

int main(void)
{
    const mv_status st = example();
    if (st != MV_OK) {
        (void)fprintf(stderr, "%s\n", mv_status_sentence(st));
    }
    return st == MV_OK ? 0 : 1;
}
