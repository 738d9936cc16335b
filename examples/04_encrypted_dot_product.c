/* SPDX-License-Identifier: Apache-2.0
 *
 * 04_encrypted_dot_product.c: a client's vector times a server's vector; the server learns nothing.
 *
 *     cc 04_encrypted_dot_product.c $(pkg-config --cflags --libs medveil) && ./a.out
 *
 * BFV computes on integers modulo t = 40961 exactly: here 512 numbers of -4..4, so the result is
 * within 512 * 16 = 8192 < t / 2. Client and server exchange bytes only.
 */
#include <medveil/bfv.h>

#include <stdio.h>
#include <stdlib.h>

/* Stop at the first call that fails. */
#define CHECK(call)                                                                                \
    do {                                                                                           \
        st = (call);                                                                               \
        if (st != MV_OK) {                                                                         \
            goto done;                                                                             \
        }                                                                                          \
    } while (0)

enum { COUNT = 512, KEYS = 9 /* rotations by 1, 2, 4 .. 256 */, CAP = 1 << 20 };

/* What travels. */
static uint8_t key_bytes[KEYS][CAP / 8], query[CAP], reply[CAP];
static size_t key_len[KEYS], query_len, reply_len;

/* The client makes the rotation keys once, and a query whenever it likes. */
static mv_status client_ask(const mv_he_set *set, const mv_he_key *key, const int64_t *x)
{
    mv_status st = MV_OK;
    mv_he_work *work = NULL;
    mv_he_eval_key *turn = NULL;
    mv_plain *plain = NULL;
    mv_cipher *cipher = NULL;
    for (int i = 0; i < KEYS; i++) {
        CHECK(mv_he_eval_key_rotate(&turn, key, 1 << i));
        CHECK(mv_he_eval_key_write(key_bytes[i], sizeof key_bytes[i], &key_len[i], turn));
        mv_he_eval_key_free(&turn);
    }
    CHECK(mv_he_work_new(&work, set));
    CHECK(mv_plain_new(&plain, set));
    CHECK(mv_cipher_new(&cipher, set));
    CHECK(mv_bfv_encode(plain, x, COUNT));
    CHECK(mv_he_encrypt(work, cipher, key, plain));
    CHECK(mv_cipher_write(query, sizeof query, &query_len, cipher));
done:
    mv_he_work_free(&work);
    mv_he_eval_key_free(&turn);
    mv_plain_free(&plain);
    mv_cipher_free(&cipher);
    return st;
}

/* The server multiplies slot by slot and sums; it has no secret. */
static mv_status server_answer(const mv_he_set *set, const int64_t *y)
{
    mv_status st = MV_OK;
    mv_he_work *work = NULL;
    mv_he_eval_key *turn = NULL;
    mv_he_eval_keys *keys = NULL;
    mv_plain *plain = NULL;
    mv_cipher *cipher = NULL;
    CHECK(mv_he_work_new(&work, set));
    CHECK(mv_he_eval_keys_new(&keys, set));
    for (int i = 0; i < KEYS; i++) {
        CHECK(mv_he_eval_key_read(&turn, key_bytes[i], key_len[i]));
        CHECK(mv_he_eval_keys_add(keys, &turn)); /* takes it over */
    }
    CHECK(mv_plain_new(&plain, set));
    CHECK(mv_cipher_new(&cipher, set));
    CHECK(mv_bfv_encode(plain, y, COUNT));
    CHECK(mv_cipher_read(cipher, query, query_len));
    CHECK(mv_he_inner_plain(work, cipher, cipher, plain, COUNT, keys));
    printf("noise: %.1f bits to spare\n", mv_cipher_margin_bits(cipher));
    CHECK(
        mv_cipher_reply(work, reply, sizeof reply, &reply_len, cipher)); /* as small as it can be */
done:
    mv_he_work_free(&work);
    mv_he_eval_key_free(&turn);
    mv_he_eval_keys_free(&keys);
    mv_plain_free(&plain);
    mv_cipher_free(&cipher);
    return st;
}

/* Slot 0 holds the sum of the slots 0 .. 511. */
static mv_status client_open(int64_t *result, const mv_he_set *set, const mv_he_key *key)
{
    mv_status st = MV_OK;
    mv_he_work *work = NULL;
    mv_cipher *cipher = NULL;
    CHECK(mv_he_work_new(&work, set));
    CHECK(mv_cipher_new(&cipher, set));
    CHECK(mv_cipher_read(cipher, reply, reply_len));
    CHECK(mv_bfv_decrypt(work, result, 1, key, cipher));
done:
    mv_he_work_free(&work);
    mv_cipher_free(&cipher);
    return st;
}

int main(void)
{
    static const uint8_t collection_key[MV_COLLECTION_KEY_LEN] = {1, 2, 3}; /* from an exchange */
    const mv_he_set *set = mv_he_set_find("score4096");
    mv_he_key *key = NULL;
    int64_t x[COUNT], y[COUNT], want = 0, got = 0;
    mv_status st = MV_OK;
    for (int i = 0; i < COUNT; i++) {
        x[i] = i % 9 - 4;
        y[i] = i % 7 - 3;
        want += x[i] * y[i];
    }
    CHECK(mv_he_key_new(&key, set, collection_key));
    CHECK(client_ask(set, key, x));
    CHECK(server_answer(set, y));
    CHECK(client_open(&got, set, key));
    printf("keys %d x %zu bytes, query %zu, reply %zu\n", KEYS, key_len[0], query_len, reply_len);
    printf("dot product: %lld, in the clear: %lld\n", (long long)got, (long long)want);
done:
    mv_he_key_free(&key);
    if (st != MV_OK) {
        (void)fprintf(stderr, "%s\n", mv_status_sentence(st));
    }
    return st == MV_OK && got == want ? 0 : 1;
}
