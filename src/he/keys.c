/* SPDX-License-Identifier: Apache-2.0
 *
 * keys.c: collection key -> secret polynomial in evaluation form, in locked memory.
 */
#include "he/keys.h"

#include "base/secret.h"
#include "ring/sample.h"

#include <sodium.h>
#include <string.h>

static const char label[] = "medveil he secret v0 ";

static mv_status secret_seed(uint8_t seed[MV_SEED_LEN], const mv_he_set *set,
                             const uint8_t collection_key[MV_COLLECTION_KEY_LEN])
{
    const char *name = set->literal.name;
    crypto_generichash_state state;
    int failed =
        crypto_generichash_init(&state, collection_key, MV_COLLECTION_KEY_LEN, MV_SEED_LEN);
    failed |= crypto_generichash_update(&state, (const uint8_t *)label, strlen(label));
    failed |= crypto_generichash_update(&state, (const uint8_t *)name, strlen(name));
    failed |= crypto_generichash_final(&state, seed, MV_SEED_LEN);
    mv_wipe(&state, sizeof state);
    return failed ? MV_E_INTERNAL : MV_OK;
}

mv_status mv_he_secret_coefficients(int8_t *out, const mv_he_set *set,
                                    const uint8_t collection_key[MV_COLLECTION_KEY_LEN])
{
    mv_status st = MV_OK;
    mv_stream stream = {0};
    uint8_t seed[MV_SEED_LEN];
    MV_TRY(secret_seed(seed, set, collection_key));
    mv_stream_init(&stream, seed);
    mv_stream_seek(&stream, MV_STREAM_SECRET, 0, 0);
    mv_sample_ternary(out, set->literal.degree, &stream);
done:
    mv_stream_clear(&stream);
    mv_wipe(seed, sizeof seed);
    if (st != MV_OK) {
        mv_wipe(out, set->literal.degree);
    }
    return st;
}

/* s mod q_i in every limb, transformed, with the constants for multiplying by it. */
static void secret_fill(mv_poly_known secret, const mv_ring *ring, const int8_t *s)
{
    const uint32_t n = ring->degree;
    for (uint32_t i = 0; i < ring->limb_count; i++) {
        for (uint32_t j = 0; j < n; j++) {
            secret.limb[(size_t)i * n + j] = mv_lift_ct(s[j], ring->limb[i].mod.q);
        }
    }
    const mv_poly_eval eval = mv_ring_forward(ring, (mv_poly_coeff){secret.limb});
    for (uint32_t i = 0; i < ring->limb_count; i++) {
        for (uint32_t j = 0; j < n; j++) {
            secret.con[(size_t)i * n + j] =
                mv_ntt_con(eval.limb[(size_t)i * n + j], &ring->limb[i]);
        }
    }
}

mv_status mv_he_key_from_coefficients(mv_he_key **out, const mv_he_set *set, const int8_t *s)
{
    mv_status st = MV_OK;
    void *memory = NULL;
    mv_he_key *key = calloc(1, sizeof *key);
    MV_ENSURE(key != NULL, MV_E_MEMORY);
    MV_TRY(mv_he_set_ring(&key->ring, set));
    const size_t words = (size_t)set->literal.degree * set->literal.limb_count;
    MV_TRY(mv_secret_new(&memory, 2 * words * sizeof(uint64_t)));
    key->set = set;
    key->secret.limb = memory;
    key->secret.con = key->secret.limb + words;
    secret_fill(key->secret, key->ring, s);
    *out = key;
    key = NULL;
done:
    free(key); /* nothing secret is in it before the last step */
    return st;
}

mv_status mv_he_key_new(mv_he_key **out, const mv_he_set *set,
                        const uint8_t collection_key[MV_COLLECTION_KEY_LEN])
{
    mv_status st = MV_OK;
    void *s = NULL;
    if (out == NULL) {
        return MV_E_ARGUMENT;
    }
    *out = NULL;
    MV_ENSURE(set != NULL && collection_key != NULL, MV_E_ARGUMENT);
    MV_TRY(mv_secret_new(&s, set->literal.degree));
    MV_TRY(mv_he_secret_coefficients(s, set, collection_key));
    MV_TRY(mv_he_key_from_coefficients(out, set, s));
done:
    mv_secret_free(&s);
    return st;
}

void mv_he_key_free(mv_he_key **key)
{
    if (key != NULL && *key != NULL) {
        void *memory = (*key)->secret.limb;
        mv_secret_free(&memory);
        free(*key);
        *key = NULL;
    }
}
