/* SPDX-License-Identifier: Apache-2.0
 *
 * ct_pack.c: no branch and no address of the HE core depends on a secret. Run under valgrind's
 * memcheck: collection key, features and the seed of the errors are marked as undefined, so any
 * jump or index that depends on them is reported. Without valgrind it only runs the calls.
 * Ciphertext bytes are public and are marked as defined again.
 */
#include "base/secret.h"
#include "he/pack_internal.h"

#include <stdio.h>
#include <string.h>
#include <valgrind/memcheck.h>

enum { COUNT = 9000 };

static uint32_t feature[COUNT], got[COUNT];
static uint8_t out[1 << 18], sum[1 << 19];

static int run(const char *name, uint32_t sums)
{
    const mv_he_set *set = mv_he_set_find(name);
    const mv_pack_shape shape = {8, sums, COUNT, MV_HE_SYM};
    uint8_t collection_key[MV_COLLECTION_KEY_LEN] = {1, 2, 3};
    mv_pack_seeds seeds = {{4}, {5}};
    mv_he_key *key = NULL;
    size_t written = 0, sum_len = 0;
    int8_t s[4096];

    for (uint32_t i = 0; i < COUNT; i++) {
        feature[i] = i % 256;
    }
    (void)VALGRIND_MAKE_MEM_UNDEFINED(collection_key, sizeof collection_key);
    (void)VALGRIND_MAKE_MEM_UNDEFINED(seeds.error, sizeof seeds.error);
    (void)VALGRIND_MAKE_MEM_UNDEFINED(feature, sizeof feature);

    mv_status st = mv_he_secret_coefficients(s, set, collection_key);
    st = st == MV_OK ? mv_he_key_from_coefficients(&key, set, s) : st;
    st = st == MV_OK
             ? mv_pack_encrypt_seeded(out, sizeof out, &written, key, &shape, feature, &seeds)
             : st;
    (void)VALGRIND_MAKE_MEM_DEFINED(out, sizeof out);
    st = st == MV_OK ? mv_pack_decrypt(got, COUNT, key, out, written) : st;
    (void)VALGRIND_MAKE_MEM_DEFINED(got, sizeof got);
    for (uint32_t i = 0; i < COUNT; i++) {
        st = st == MV_OK && got[i] != i % 256 ? MV_E_INTERNAL : st;
    }
    if (sums > 1) {
        st = st == MV_OK ? mv_pack_add(sum, sizeof sum, &sum_len, out, written, out, written) : st;
        st = st == MV_OK ? mv_pack_decrypt(got, COUNT, key, sum, sum_len) : st;
    }
    mv_wipe(s, sizeof s);
    mv_he_key_free(&key);
    (void)printf("%s: %s\n", name, mv_status_name(st));
    return st == MV_OK ? 0 : 1;
}

/* The public form: what u and the errors come from, and the features, are secret. */
static int run_public(const char *name)
{
    const mv_he_set *set = mv_he_set_find(name);
    const mv_pack_shape shape = {8, 1, COUNT, MV_HE_PK};
    const uint8_t collection_key[MV_COLLECTION_KEY_LEN] = {1, 2, 3};
    uint8_t seed[MV_SEED_LEN] = {6};
    mv_he_key *key = NULL;
    mv_he_public *pub = NULL;
    size_t written = 0;

    for (uint32_t i = 0; i < COUNT; i++) {
        feature[i] = i % 256;
    }
    (void)VALGRIND_MAKE_MEM_UNDEFINED(seed, sizeof seed);
    (void)VALGRIND_MAKE_MEM_UNDEFINED(feature, sizeof feature);
    mv_status st = mv_he_key_new(&key, set, collection_key);
    st = st == MV_OK ? mv_he_public_new(&pub, key) : st;
    st = st == MV_OK
             ? mv_pack_encrypt_public_seeded(out, sizeof out, &written, pub, &shape, feature, seed)
             : st;
    (void)VALGRIND_MAKE_MEM_DEFINED(out, sizeof out);
    st = st == MV_OK ? mv_pack_decrypt(got, COUNT, key, out, written) : st;
    (void)VALGRIND_MAKE_MEM_DEFINED(got, sizeof got);
    for (uint32_t i = 0; i < COUNT; i++) {
        st = st == MV_OK && got[i] != i % 256 ? MV_E_INTERNAL : st;
    }
    mv_he_public_free(&pub);
    mv_he_key_free(&key);
    (void)printf("%s, public form: %s\n", name, mv_status_name(st));
    return st == MV_OK ? 0 : 1;
}

int main(void)
{
    return run("pack4096", 1) | run("add4096", 2) | run("pack1024", 1) | run_public("pack4096") |
           run_public("add4096");
}
