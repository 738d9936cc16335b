/* SPDX-License-Identifier: Apache-2.0
 *
 * 02_bfv_basics.c: add two rows of numbers without seeing them.
 *
 *     cc 02_bfv_basics.c $(pkg-config --cflags --libs medveil) && ./a.out
 *
 * Two hospitals share a collection key. Each encrypts its features; somebody without the key adds
 * the ciphertexts; a key holder decrypts the sum.
 */
#include <medveil/bfv.h>

#include <stdio.h>
#include <stdlib.h>

static mv_status example(void)
{
    /* A parameter set is a named choice of ring and primes. add4096 leaves room for sums. */
    const mv_he_set *set = mv_he_set_find("add4096");
    printf("%s: %s\n", mv_he_set_name(set), mv_he_set_purpose(set));

    /* The shape says what will be encrypted: 8-bit features, sums of up to two, six of them.
     * Every size follows from it before anything exists. */
    const mv_pack_shape shape = {.bits = 8, .sums = 2, .count = 6};
    const size_t size = mv_pack_size(set, &shape), sum_size = mv_pack_sum_size(set, &shape);
    printf("one ciphertext: %zu bytes, a sum: %zu bytes\n", size, sum_size);

    /* The collection key would come from a secure exchange; this one is only an example. */
    const uint8_t collection_key[MV_COLLECTION_KEY_LEN] = {1, 2, 3};
    mv_he_key *key = NULL;
    mv_status st = mv_he_key_new(&key, set, collection_key);

    const uint32_t left[6] = {1, 2, 3, 200, 255, 0}, right[6] = {10, 20, 30, 55, 255, 0};
    uint32_t total[6] = {0};
    uint8_t *a = malloc(size), *b = malloc(size), *sum = malloc(sum_size);
    size_t a_len = 0, b_len = 0, sum_len = 0;
    st = st == MV_OK && (a == NULL || b == NULL || sum == NULL) ? MV_E_MEMORY : st;
    st = st == MV_OK ? mv_pack_encrypt(a, size, &a_len, key, &shape, left) : st;
    st = st == MV_OK ? mv_pack_encrypt(b, size, &b_len, key, &shape, right) : st;

    /* No key is needed to add, and none helps: the result is exact, and a third summand would be
     * refused with MV_E_NOISE instead of giving wrong numbers. */
    st = st == MV_OK ? mv_pack_add(sum, sum_size, &sum_len, a, a_len, b, b_len) : st;
    const mv_status third =
        st == MV_OK ? mv_pack_add(sum, sum_size, &sum_len, sum, sum_len, a, a_len) : st;
    printf("a third summand: %s\n", mv_status_sentence(third));

    st = st == MV_OK ? mv_pack_add(sum, sum_size, &sum_len, a, a_len, b, b_len) : st;
    st = st == MV_OK ? mv_pack_decrypt(total, 6, key, sum, sum_len) : st;
    for (int i = 0; st == MV_OK && i < 6; i++) {
        printf("%u + %u = %u\n", left[i], right[i], total[i]);
        st = total[i] == left[i] + right[i] ? MV_OK : MV_E_INTERNAL;
    }
    mv_he_key_free(&key); /* wipes */
    free(a);
    free(b);
    free(sum);
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
