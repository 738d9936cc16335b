/* SPDX-License-Identifier: Apache-2.0
 *
 * cases_he.c: the homomorphic part alone; one thread.
 */
#include "bench.h"

#include "base/rng.h"
#include "base/status.h"
#include "he/keys.h"
#include "medveil/bfv.h"
#include "medveil/ckks.h"

#include <stdbool.h>
#include <stdlib.h>

typedef struct state {
    mv_he_key *key;
    mv_he_public *pub; /* of the public form */
    mv_pack_shape shape;
    uint32_t *feature;
    uint8_t *bytes;
    size_t len;
} state;

static void finish(void *user)
{
    state *s = user;
    mv_he_key_free(&s->key);
    mv_he_public_free(&s->pub);
    free(s->feature);
    free(s->bytes);
    free(s);
}

static mv_status seal(state *s)
{
    return s->pub != NULL
               ? mv_pack_encrypt_public(s->bytes, s->len, &s->len, s->pub, &s->shape, s->feature)
               : mv_pack_encrypt(s->bytes, s->len, &s->len, s->key, &s->shape, s->feature);
}

static mv_status prepare_set(void **out, size_t *bytes, const char *name, uint32_t sums,
                             mv_he_form form)
{
    static const uint8_t collection_key[MV_COLLECTION_KEY_LEN] = {1};
    const mv_he_set *set = mv_he_set_find(name);
    mv_rand r = mv_rand_make(1);
    state *s = calloc(1, sizeof *s);
    mv_status st = MV_OK;

    if (s == NULL) {
        return MV_E_MEMORY;
    }
    *out = s;
    s->shape = (mv_pack_shape){8, sums, 37632, form};
    s->len = mv_pack_size(set, &s->shape);
    s->feature = malloc(s->shape.count * sizeof *s->feature);
    s->bytes = malloc(s->len);
    if (s->feature == NULL || s->bytes == NULL) {
        return MV_E_MEMORY;
    }
    for (size_t i = 0; i < s->shape.count; i++) {
        s->feature[i] = mv_rand_below(&r, 256);
    }
    *bytes = s->len;
    MV_TRY(mv_he_key_new(&s->key, set, collection_key));
    bench_ran(s->key->ring->limb[0].kernels.name);
    if (form == MV_HE_PK) {
        MV_TRY(mv_he_public_new(&s->pub, s->key));
    }
    MV_TRY(seal(s));
done:
    return st;
}

static mv_status prepare_pack4096(void **out, size_t *bytes, mv_error *err)
{
    (void)err;
    return prepare_set(out, bytes, "pack4096", 1, MV_HE_SYM);
}

static mv_status prepare_public(void **out, size_t *bytes, mv_error *err)
{
    (void)err;
    return prepare_set(out, bytes, "pack4096", 1, MV_HE_PK);
}

static mv_status prepare_add4096(void **out, size_t *bytes, mv_error *err)
{
    (void)err;
    return prepare_set(out, bytes, "add4096", 2, MV_HE_SYM);
}

static mv_status encrypt(void *user, mv_error *err)
{
    state *s = user;
    (void)err;
    return seal(s);
}

static mv_status decrypt(void *user, mv_error *err)
{
    state *s = user;
    (void)err;
    return mv_pack_decrypt(s->feature, s->shape.count, s->key, s->bytes, s->len);
}

/* ---- Slots ---- */

/* Everything of one slot set; a is fresh, c takes results. */
typedef struct slot_state {
    mv_he_work *work;
    mv_he_key *key;
    mv_he_public *pub;
    mv_he_eval_keys *keys;
    mv_plain *plain;
    mv_cipher *a, *b, *c;
    mv_he_matrix *matrix;
    int64_t *x;
    double *re;
    uint32_t slots;
} slot_state;

static void finish_slots(void *user)
{
    slot_state *s = user;
    mv_he_work_free(&s->work);
    mv_he_key_free(&s->key);
    mv_he_public_free(&s->pub);
    mv_he_eval_keys_free(&s->keys);
    mv_plain_free(&s->plain);
    mv_cipher_free(&s->a);
    mv_cipher_free(&s->b);
    mv_cipher_free(&s->c);
    mv_he_matrix_free(&s->matrix);
    free(s->x);
    free(s->re);
    free(s);
}

static mv_status add_rotation(slot_state *s, int32_t steps)
{
    mv_he_eval_key *k = NULL;
    const mv_status st = mv_he_eval_key_rotate(&k, s->key, steps);
    return st == MV_OK ? mv_he_eval_keys_add(s->keys, &k) : st;
}

static mv_status encode_slots(slot_state *s)
{
    return s->re != NULL ? mv_ckks_encode(s->work, s->plain, s->re, NULL, s->slots, 1)
                         : mv_bfv_encode(s->plain, s->x, s->slots);
}

static mv_status fill_slots(slot_state *s, bool ckks)
{
    mv_rand r = mv_rand_make(2);
    s->x = ckks ? NULL : malloc(s->slots * sizeof *s->x);
    s->re = ckks ? malloc(s->slots * sizeof *s->re) : NULL;
    if (s->x == NULL && s->re == NULL) {
        return MV_E_MEMORY;
    }
    for (uint32_t i = 0; i < s->slots; i++) {
        if (ckks) {
            s->re[i] = 2 * mv_rand_unit(&r) - 1;
        } else {
            s->x[i] = (int64_t)mv_rand_below(&r, 40000) - 20000;
        }
    }
    return encode_slots(s);
}

static mv_status prepare_slots(void **out, const char *name)
{
    static const uint8_t collection_key[MV_COLLECTION_KEY_LEN] = {1};
    const mv_he_set *set = mv_he_set_find(name);
    mv_he_eval_key *relin = NULL;
    slot_state *s = calloc(1, sizeof *s);
    mv_status st = MV_OK;
    MV_ENSURE(s != NULL, MV_E_MEMORY);
    *out = s;
    s->slots = mv_he_set_slots(set);
    MV_TRY(mv_he_work_new(&s->work, set));
    MV_TRY(mv_he_key_new(&s->key, set, collection_key));
    bench_ran(s->key->ring->limb[0].kernels.name);
    MV_TRY(mv_he_public_new(&s->pub, s->key));
    MV_TRY(mv_he_eval_keys_new(&s->keys, set));
    MV_TRY(mv_he_eval_key_relin(&relin, s->key));
    MV_TRY(mv_he_eval_keys_add(s->keys, &relin));
    MV_TRY(add_rotation(s, 1));
    MV_TRY(mv_plain_new(&s->plain, set));
    MV_TRY(mv_cipher_new(&s->a, set));
    MV_TRY(mv_cipher_new(&s->b, set));
    MV_TRY(mv_cipher_new(&s->c, set));
    MV_TRY(fill_slots(s, mv_he_set_scheme(set) == MV_HE_CKKS));
    MV_TRY(mv_he_encrypt(s->work, s->a, s->key, s->plain));
    MV_TRY(mv_he_encrypt(s->work, s->b, s->key, s->plain));
done:
    return st;
}

static mv_status prepare_real8192(void **out, size_t *bytes, mv_error *err)
{
    (void)err;
    const mv_status st = prepare_slots(out, "real8192");
    *bytes = st == MV_OK ? mv_cipher_size(((slot_state *)*out)->a) : 0;
    return st;
}

static mv_status prepare_score4096(void **out, size_t *bytes, mv_error *err)
{
    (void)err;
    const mv_status st = prepare_slots(out, "score4096");
    *bytes = st == MV_OK ? mv_cipher_size(((slot_state *)*out)->a) : 0;
    return st;
}

static mv_status prepare_private8192(void **out, size_t *bytes, mv_error *err)
{
    (void)err;
    const mv_status st = prepare_slots(out, "private8192");
    *bytes = st == MV_OK ? mv_cipher_size(((slot_state *)*out)->a) : 0;
    return st;
}

static mv_status slot_encode(void *user, mv_error *err)
{
    (void)err;
    return encode_slots(user);
}

static mv_status slot_encrypt(void *user, mv_error *err)
{
    slot_state *s = user;
    (void)err;
    return mv_he_encrypt(s->work, s->c, s->key, s->plain);
}

static mv_status slot_encrypt_public(void *user, mv_error *err)
{
    slot_state *s = user;
    (void)err;
    return mv_he_encrypt_public(s->work, s->c, s->pub, s->plain);
}

static mv_status slot_decrypt(void *user, mv_error *err)
{
    slot_state *s = user;
    (void)err;
    return s->re != NULL ? mv_ckks_decrypt(s->work, s->re, NULL, s->slots, s->key, s->a)
                         : mv_bfv_decrypt(s->work, s->x, s->slots, s->key, s->a);
}

static mv_status slot_rotate(void *user, mv_error *err)
{
    slot_state *s = user;
    (void)err;
    return mv_he_rotate(s->work, s->c, s->a, 1, s->keys);
}

static mv_status slot_product(void *user, mv_error *err)
{
    slot_state *s = user;
    (void)err;
    const mv_status st = mv_he_mul(s->work, s->c, s->a, s->b, s->keys);
    return st == MV_OK ? mv_he_drop(s->work, s->c, s->c) : st;
}

/* 512 encrypted numbers against 1,000 plain vectors, on two rotation keys. */
static const mv_he_matrix_shape gallery = {1000, 512};

static mv_status prepare_gallery(void **out, size_t *bytes, mv_error *err)
{
    const mv_he_set *set = mv_he_set_find("score4096");
    mv_rand r = mv_rand_make(3);
    mv_status st = MV_OK;
    int32_t steps[2];
    int64_t *value = malloc((size_t)gallery.rows * gallery.cols * sizeof *value);
    MV_ENSURE(value != NULL, MV_E_MEMORY);
    for (size_t i = 0; i < (size_t)gallery.rows * gallery.cols; i++) {
        value[i] = (int64_t)mv_rand_below(&r, 21) - 10;
    }
    MV_TRY(prepare_score4096(out, bytes, err));
    slot_state *s = *out;
    MV_TRY(mv_he_matrix_steps(steps, set, &gallery));
    MV_TRY(add_rotation(s, steps[1]));
    MV_TRY(mv_bfv_matrix_new(&s->matrix, set, &gallery, value));
    MV_TRY(mv_bfv_matrix_place(s->plain, &gallery, value));
    MV_TRY(mv_he_encrypt(s->work, s->a, s->key, s->plain));
done:
    free(value);
    return st;
}

static mv_status score(void *user, mv_error *err)
{
    slot_state *s = user;
    (void)err;
    return mv_he_matrix_mul(s->work, s->c, s->matrix, s->a, s->keys);
}

const bench_case bench_cases_he[] = {
    {"he pack4096 encrypt", "37632 x 8 bit", NULL, prepare_pack4096, encrypt, finish},
    {"he pack4096 decrypt", "37632 x 8 bit", NULL, prepare_pack4096, decrypt, finish},
    {"he pack4096 encrypt pk", "37632 x 8 bit", NULL, prepare_public, encrypt, finish},
    {"he pack4096 decrypt pk", "37632 x 8 bit", NULL, prepare_public, decrypt, finish},
    {"he add4096 encrypt", "37632 x 8 bit, n=2", NULL, prepare_add4096, encrypt, finish},
    {"he add4096 decrypt", "37632 x 8 bit, n=2", NULL, prepare_add4096, decrypt, finish},
    {"he real8192 encode", "4096 slots", NULL, prepare_real8192, slot_encode, finish_slots},
    {"he real8192 encrypt sym", "2 primes", NULL, prepare_real8192, slot_encrypt, finish_slots},
    {"he real8192 encrypt pk", "2 primes", NULL, prepare_real8192, slot_encrypt_public,
     finish_slots},
    {"he real8192 decrypt+decode", "2 primes", NULL, prepare_real8192, slot_decrypt, finish_slots},
    {"he real8192 rotate", "2 primes", NULL, prepare_real8192, slot_rotate, finish_slots},
    {"he real8192 mul+relin+rescale", "2 primes", NULL, prepare_real8192, slot_product,
     finish_slots},
    {"he score4096 encode", "4096 slots", NULL, prepare_score4096, slot_encode, finish_slots},
    {"he score4096 encrypt sym", "2 primes", NULL, prepare_score4096, slot_encrypt, finish_slots},
    {"he score4096 encrypt pk", "2 primes", NULL, prepare_score4096, slot_encrypt_public,
     finish_slots},
    {"he score4096 decrypt+decode", "2 primes", NULL, prepare_score4096, slot_decrypt,
     finish_slots},
    {"he score4096 rotate", "2 primes", NULL, prepare_score4096, slot_rotate, finish_slots},
    {"he score4096 1000x512", "2 rotation keys", NULL, prepare_gallery, score, finish_slots},
    {"he private8192 mul+relin+drop", "2 primes", NULL, prepare_private8192, slot_product,
     finish_slots},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
