/* SPDX-License-Identifier: Apache-2.0
 *
 * ct_he.c: no branch and no address of the slot schemes depends on a secret: collection key,
 * message, seed of the errors. Run under valgrind's memcheck as ct_pack.c. What a sender or server
 * makes public (ciphers, keys, and whether a message is in range) is marked as defined again.
 */
#include "base/secret.h"
#include "he/cipher_internal.h"
#include "he/scan.h"
#include "medveil/bfv.h"
#include "medveil/ckks.h"

#include <stdio.h>
#include <valgrind/memcheck.h>

enum { SLOTS = 4096 };

static void publish(const void *p, size_t len)
{
    (void)VALGRIND_MAKE_MEM_DEFINED(p, len);
}

static void publish_cipher(const mv_cipher *c)
{
    publish(c->limb, (size_t)3 * c->context->data_limbs * c->context->degree * sizeof *c->limb);
}

static mv_status make_key(mv_he_key **key, const mv_he_set *set)
{
    uint8_t collection_key[MV_COLLECTION_KEY_LEN] = {1, 2, 3};
    mv_status st = MV_OK;
    int8_t *s = malloc(mv_he_set_degree(set));
    MV_ENSURE(s != NULL, MV_E_MEMORY);
    (void)VALGRIND_MAKE_MEM_UNDEFINED(collection_key, sizeof collection_key);
    MV_TRY(mv_he_secret_coefficients(s, set, collection_key));
    MV_TRY(mv_he_key_from_coefficients(key, set, s));
done:
    if (s != NULL) {
        mv_wipe(s, mv_he_set_degree(set));
    }
    free(s);
    return st;
}

static mv_status encode_secret(mv_he_work *work, mv_plain *plain)
{
    static int64_t x[SLOTS];
    static double re[SLOTS];
    mv_status st = MV_OK;
    for (int j = 0; j < SLOTS; j++) {
        x[j] = j - 2000;
        re[j] = (j - 2000) / 4096.0;
    }
    (void)VALGRIND_MAKE_MEM_UNDEFINED(x, sizeof x);
    if (mv_he_set_scheme(work->context->set) == MV_HE_BFV) {
        mv_bfv_encode_in_range(plain, x, SLOTS, true);
    } else {
        st = mv_ckks_encode(work, plain, re, NULL, SLOTS, 1);
        (void)VALGRIND_MAKE_MEM_UNDEFINED(plain->limb, plain->words * sizeof *plain->limb);
    }
    publish(&plain->norm2, sizeof plain->norm2);
    publish(&plain->limbs, sizeof plain->limbs);
    return st;
}

static mv_status decrypt(mv_he_work *work, const mv_he_key *key, const mv_cipher *c)
{
    static int64_t x[SLOTS];
    static double re[SLOTS];
    return mv_he_set_scheme(work->context->set) == MV_HE_BFV
               ? mv_bfv_decrypt(work, x, SLOTS, key, c)
               : mv_ckks_decrypt(work, re, NULL, SLOTS, key, c);
}

static int run(const char *name)
{
    const mv_he_set *set = mv_he_set_find(name);
    mv_status st = MV_OK;
    mv_he_seeds seeds = {{4}, {5}};
    mv_he_work *work = NULL;
    mv_he_key *key = NULL;
    mv_he_public *pub = NULL;
    mv_he_eval_key *turn = NULL, *relin = NULL;
    mv_plain *plain = NULL;
    mv_cipher *a = NULL;
    (void)VALGRIND_MAKE_MEM_UNDEFINED(seeds.error, sizeof seeds.error);
    MV_TRY(mv_he_work_new(&work, set));
    MV_TRY(mv_plain_new(&plain, set));
    MV_TRY(mv_cipher_new(&a, set));
    MV_TRY(make_key(&key, set));
    MV_TRY(mv_he_public_seeded(&pub, key, &seeds));
    MV_TRY(mv_he_eval_key_seeded(&relin, key, 1, &seeds));
    MV_TRY(mv_he_eval_key_seeded(&turn, key, 3, &seeds));
    publish(pub->limb, (size_t)2 * (a->context->data_limbs + 1) * a->context->degree * 8);
    MV_TRY(encode_secret(work, plain));
    MV_TRY(mv_he_encrypt_seeded(work, a, key, plain, &seeds));
    publish_cipher(a);
    MV_TRY(decrypt(work, key, a));
    MV_TRY(mv_he_encrypt_public_seeded(work, a, pub, plain, seeds.error));
    publish_cipher(a);
    MV_TRY(decrypt(work, key, a));
done:
    mv_he_work_free(&work);
    mv_he_key_free(&key);
    mv_he_public_free(&pub);
    mv_he_eval_key_free(&turn);
    mv_he_eval_key_free(&relin);
    mv_plain_free(&plain);
    mv_cipher_free(&a);
    (void)printf("%s: %s\n", name, mv_status_name(st));
    return st == MV_OK ? 0 : 1;
}

/* A sender's upload, and the key that takes it from one ring to the other. */
static int run_upload(void)
{
    const mv_he_set *small = mv_scan_upload_set(), *large = mv_scan_set();
    const int8_t value[MV_SCAN_DIMS] = {3, -4};
    mv_status st = MV_OK;
    mv_he_seeds seeds = {{4}, {5}};
    mv_he_work *work = NULL;
    mv_he_key *key = NULL, *half = NULL;
    mv_he_public *pub = NULL;
    mv_he_eval_key *across = NULL;
    mv_plain *plain = NULL;
    uint8_t *out = malloc(mv_scan_upload_size());
    MV_ENSURE(out != NULL, MV_E_MEMORY);
    (void)VALGRIND_MAKE_MEM_UNDEFINED(seeds.error, sizeof seeds.error);
    MV_TRY(mv_he_work_new(&work, large));
    MV_TRY(mv_plain_new(&plain, large));
    MV_TRY(make_key(&key, large));
    MV_TRY(make_key(&half, small));
    MV_TRY(mv_scan_key(&across, key, half, MV_SCAN_KEYS - 1));
    MV_TRY(mv_he_public_seeded(&pub, half, &seeds));
    publish(pub->limb, (size_t)2 * small->literal.limb_count * small->literal.degree * 8);
    MV_TRY(mv_scan_encode(plain, value, 1, MV_SCAN_UPLOAD));
    (void)VALGRIND_MAKE_MEM_UNDEFINED(plain->message, large->literal.degree * 8);
    MV_TRY(mv_scan_upload_write_seeded(work, out, pub, plain, seeds.error));
done:
    free(out);
    mv_he_work_free(&work);
    mv_he_key_free(&key);
    mv_he_key_free(&half);
    mv_he_public_free(&pub);
    mv_he_eval_key_free(&across);
    mv_plain_free(&plain);
    (void)printf("upload: %s\n", mv_status_name(st));
    return st == MV_OK ? 0 : 1;
}

int main(void)
{
    return run("score4096") | run("real8192") | run_upload();
}
