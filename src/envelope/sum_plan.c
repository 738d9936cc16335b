/* SPDX-License-Identifier: Apache-2.0
 *
 * sum_plan.c: plans sealed for a collection, summands by a plan.
 */
#include "sum_plan.h"

#include "base/rng.h"
#include "base/secret.h"
#include "derive.h"
#include "envelope_internal.h"
#include "medveil/feature.h"

#include <sodium.h>
#include <string.h>

static const uint8_t magic[8] = {'M', 'V', 'P', 'L', 'A', 'N', 1, 0};

enum {
    AT_COLLECTION = sizeof magic,
    AT_NONCE = AT_COLLECTION + MV_COLLECTION_ID_LEN,
    AT_BODY = AT_NONCE + crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    TAG_LEN = crypto_aead_xchacha20poly1305_ietf_ABYTES,
    BODY_MAX = 1 << 22
};

static mv_pack_shape shape_of(const mv_sum_plan *plan, size_t words)
{
    return (mv_pack_shape){.bits = plan->word, .sums = plan->sums, .count = (uint32_t)words};
}

mv_status mv_sum_plan_fit_words(mv_sum_plan *plan, const mv_he_set *set, mv_error *err)
{
    mv_status st = MV_OK;
    size_t least = SIZE_MAX;
    uint32_t best = 0;
    for (plan->word = MV_SUM_WORD_MIN; plan->word <= MV_SUM_WORD_MAX; plan->word++) {
        mv_sum_layout layout;
        st = mv_sum_layout_make(&layout, plan);
        MV_REQUIRE(st == MV_OK || st == MV_E_RANGE, err, st, "out of memory for a plan");
        if (st == MV_OK) {
            const mv_pack_shape shape = shape_of(plan, layout.words);
            const size_t size = mv_features_size(set, &shape);
            best = size != 0 && size < least ? plan->word : best;
            least = size != 0 && size < least ? size : least;
            mv_sum_layout_clear(&layout);
        }
    }
    st = MV_OK;
    plan->word = best != 0 ? best : MV_SUM_WORD_MAX;
    MV_REQUIRE(best != 0, err, MV_E_UNSUPPORTED,
               "the set %s has no room for sums of %u at this quality", mv_he_set_name(set),
               (unsigned)plan->sums);
done:
    return st;
}

/* ---- the plan's file ---- */

static void plan_id(uint8_t id[MV_SUM_PLAN_ID_LEN], const mv_collection *collection,
                    const uint8_t *body, size_t len)
{
    const mv_part part = {body, len};
    mv_derive(id, mv_collection_key(collection), "medveil 1 sum plan id", &part, 1);
}

static void plan_key(uint8_t key[MV_KEY_LEN], const mv_collection *collection)
{
    mv_derive(key, mv_collection_key(collection), "medveil 1 sum plan", NULL, 0);
}

mv_status mv_sum_plan_seal(mv_buffer *out, const mv_sum_plan *plan, const mv_collection *collection)
{
    mv_status st = MV_OK;
    mv_buffer body = mv_buffer_make(BODY_MAX);
    uint8_t key[MV_KEY_LEN];
    const size_t start = out->len;

    plan_key(key, collection);
    MV_TRY(mv_sum_plan_write(&body, plan));
    MV_TRY(mv_buffer_append_zeros(out, AT_BODY + body.len + TAG_LEN));
    uint8_t *b = out->bytes + start;
    memcpy(b, magic, sizeof magic);
    mv_collection_id(b + AT_COLLECTION, mv_collection_key(collection));
    MV_TRY(mv_random_bytes(b + AT_NONCE, AT_BODY - AT_NONCE));
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(b + AT_BODY, NULL, body.bytes, body.len, b,
                                                     AT_NONCE, NULL, b + AT_NONCE, key);
done:
    mv_wipe(key, sizeof key);
    mv_buffer_clear(&body);
    if (st != MV_OK) {
        out->len = start;
    }
    return st;
}

mv_status mv_sum_plan_open(mv_sum_plan *plan, uint8_t id[MV_SUM_PLAN_ID_LEN],
                           const mv_collection *collection, const uint8_t *bytes, size_t len,
                           mv_error *err)
{
    mv_status st = MV_OK;
    uint8_t key[MV_KEY_LEN], own[MV_COLLECTION_ID_LEN], *body = NULL;
    size_t body_len = 0;

    plan_key(key, collection);
    memset(plan, 0, sizeof *plan);
    MV_REQUIRE(len > AT_BODY + TAG_LEN && len <= AT_BODY + TAG_LEN + BODY_MAX &&
                   memcmp(bytes, magic, sizeof magic) == 0,
               err, MV_E_FORMAT, "this is not a plan of sums");
    mv_collection_id(own, mv_collection_key(collection));
    MV_REQUIRE(memcmp(own, bytes + AT_COLLECTION, sizeof own) == 0, err, MV_E_WRONG_KEY,
               "the plan is of another collection, or generation of it");
    body_len = len - AT_BODY - TAG_LEN;
    body = malloc(body_len);
    MV_REQUIRE(body != NULL, err, MV_E_MEMORY, "out of memory for a plan");
    MV_REQUIRE(crypto_aead_xchacha20poly1305_ietf_decrypt(body, NULL, NULL, bytes + AT_BODY,
                                                          body_len + TAG_LEN, bytes, AT_NONCE,
                                                          bytes + AT_NONCE, key) == 0,
               err, MV_E_AUTH, "the plan is not what was sealed");
    plan_id(id, collection, body, body_len);
    st = mv_sum_plan_read(plan, body, body_len);
    MV_REQUIRE(st == MV_OK, err, st, "the plan is of a later program, or damaged");
done:
    mv_wipe(key, sizeof key);
    if (body != NULL) {
        mv_wipe(body, body_len);
    }
    free(body);
    return st;
}

/* ---- summands ---- */

mv_status mv_sum_encrypt(uint8_t **out, size_t *len, const uint32_t *word, const mv_sum_plan *plan,
                         const mv_sum_layout *layout, const uint8_t id[MV_SUM_PLAN_ID_LEN],
                         const mv_he_set *set, const mv_collection *collection, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_pack_shape shape = shape_of(plan, layout->words);
    const size_t cap = mv_features_size(set, &shape);
    size_t written = 0;
    mv_he_key *key = NULL;
    uint8_t own[MV_COLLECTION_ID_LEN];

    *out = NULL;
    MV_REQUIRE(cap != 0, err, MV_E_UNSUPPORTED, "the set %s cannot hold this plan",
               mv_he_set_name(set));
    *out = malloc(MV_SUMMAND_HEADER + cap);
    MV_REQUIRE(*out != NULL, err, MV_E_MEMORY, "out of memory");
    mv_collection_id(own, mv_collection_key(collection));
    const uint32_t sides[4] = {1, 1, (uint32_t)layout->words, 1};
    mv_summand_header(*out, own, id, sides);
    MV_TRY(mv_he_key_new(&key, set, mv_collection_key(collection)));
    MV_TRY(mv_features_encrypt(*out + MV_SUMMAND_HEADER, cap, &written, key, &shape, word));
    *len = MV_SUMMAND_HEADER + written;
done:
    mv_he_key_free(&key);
    if (st != MV_OK) {
        free(*out);
        *out = NULL;
    }
    return st;
}
