/* SPDX-License-Identifier: Apache-2.0
 *
 * cases_he.c: the homomorphic part alone; one thread.
 */
#include "bench.h"

#include "base/rng.h"
#include "medveil/bfv.h"

#include <stdlib.h>

typedef struct state {
    mv_he_key *key;
    mv_pack_shape shape;
    uint32_t *feature;
    uint8_t *bytes;
    size_t len;
} state;

static void finish(void *user)
{
    state *s = user;
    mv_he_key_free(&s->key);
    free(s->feature);
    free(s->bytes);
    free(s);
}

static mv_status prepare_set(void **out, size_t *bytes, const char *name, uint32_t sums)
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
    s->shape = (mv_pack_shape){8, sums, 37632};
    s->len = mv_pack_size(set, &s->shape);
    s->feature = malloc(s->shape.count * sizeof *s->feature);
    s->bytes = malloc(s->len);
    if (s->feature == NULL || s->bytes == NULL) {
        return MV_E_MEMORY;
    }
    for (size_t i = 0; i < s->shape.count; i++) {
        s->feature[i] = mv_rand_below(&r, 256);
    }
    st = mv_he_key_new(&s->key, set, collection_key);
    *bytes = s->len;
    return st == MV_OK ? mv_pack_encrypt(s->bytes, s->len, &s->len, s->key, &s->shape, s->feature)
                       : st;
}

static mv_status prepare_pack4096(void **out, size_t *bytes, mv_error *err)
{
    (void)err;
    return prepare_set(out, bytes, "pack4096", 1);
}

static mv_status prepare_add4096(void **out, size_t *bytes, mv_error *err)
{
    (void)err;
    return prepare_set(out, bytes, "add4096", 2);
}

static mv_status encrypt(void *user, mv_error *err)
{
    state *s = user;
    (void)err;
    return mv_pack_encrypt(s->bytes, s->len, &s->len, s->key, &s->shape, s->feature);
}

static mv_status decrypt(void *user, mv_error *err)
{
    state *s = user;
    (void)err;
    return mv_pack_decrypt(s->feature, s->shape.count, s->key, s->bytes, s->len);
}

const bench_case bench_cases_he[] = {
    {"he pack4096 encrypt", "37632 x 8 bit", NULL, prepare_pack4096, encrypt, finish},
    {"he pack4096 decrypt", "37632 x 8 bit", NULL, prepare_pack4096, decrypt, finish},
    {"he add4096 encrypt", "37632 x 8 bit, n=2", NULL, prepare_add4096, encrypt, finish},
    {"he add4096 decrypt", "37632 x 8 bit, n=2", NULL, prepare_add4096, decrypt, finish},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
