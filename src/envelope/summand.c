/* SPDX-License-Identifier: Apache-2.0
 *
 * summand.c: encrypted features outside their envelope, to be added up by anybody
 * (docs/formats/mv.md, "Summands").
 */
#include "base/secret.h"
#include "envelope_internal.h"
#include "envelope_manifest.h"

#include <string.h>

static const uint8_t magic[8] = {'M', 'V', 'S', 'U', 'M', 0, 1, 0};

enum {
    AT_COLLECTION = sizeof magic,
    AT_MODEL = AT_COLLECTION + MV_COLLECTION_ID_LEN,
    AT_SHAPE = AT_MODEL + MV_MODEL_HASH_LEN,
    HEADER = AT_SHAPE + 16
};
_Static_assert(HEADER == MV_SUMMAND_HEADER, "others make room for it");

void mv_summand_header(uint8_t out[MV_SUMMAND_HEADER], const uint8_t id[MV_COLLECTION_ID_LEN],
                       const uint8_t model[MV_MODEL_HASH_LEN], const uint32_t sides[4])
{
    memcpy(out, magic, sizeof magic);
    memcpy(out + AT_COLLECTION, id, MV_COLLECTION_ID_LEN);
    memcpy(out + AT_MODEL, model, MV_MODEL_HASH_LEN);
    for (size_t i = 0; i < 4; i++) {
        mv_store_u32le(out + AT_SHAPE + 4 * i, sides[i]);
    }
}

static void write_header(uint8_t out[HEADER], const uint8_t id[MV_COLLECTION_ID_LEN],
                         const mv_code_meta *code)
{
    const uint32_t sides[4] = {code->frames, code->feature_height, code->feature_width,
                               code->feature_channels};
    mv_summand_header(out, id, code->model_hash, sides);
}

/* Packed features with room for one more. */
static mv_status check_room(const uint8_t *ciphertext, size_t len, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_he_set *set = NULL;
    mv_pack_shape shape;
    uint32_t summed = 0;
    st = mv_pack_inspect(&set, &shape, &summed, ciphertext, len);
    if (st != MV_OK || shape.sums < 2) {
        mv_hint(err, "seal with room for sums: medveil encrypt --he add4096 --sums N");
    }
    MV_REQUIRE(st == MV_OK, err, MV_E_UNSUPPORTED,
               "features under a set of slots are not added this way");
    MV_REQUIRE(shape.sums >= 2, err, MV_E_UNSUPPORTED,
               "these features were sealed without room for sums");
done:
    return st;
}

mv_status mv_opener_summand(mv_opener *opener, size_t i, uint8_t **out, size_t *len, mv_error *err)
{
    mv_status st = MV_OK;
    uint8_t id[MV_COLLECTION_ID_LEN];
    mv_buffer ciphertext = mv_buffer_make(0);
    *out = NULL;
    *len = 0;
    MV_TRY(mv_opener_ciphertext(&ciphertext, id, opener, i, err));
    MV_TRY(check_room(ciphertext.bytes, ciphertext.len, err));
    *out = malloc(HEADER + ciphertext.len);
    MV_REQUIRE(*out != NULL, err, MV_E_MEMORY, "out of memory");
    write_header(*out, id, &mv_opener_member(opener, i)->code);
    memcpy(*out + HEADER, ciphertext.bytes, ciphertext.len);
    *len = HEADER + ciphertext.len;
done:
    mv_buffer_clear(&ciphertext);
    return st;
}

/* The product of four sides is count, in 64 bits without wrapping. */
static bool has_count(const mv_summand_info *info, uint32_t count)
{
    const uint32_t side[4] = {info->frames, info->height, info->width, info->channels};
    uint64_t product = 1;
    for (size_t i = 0; i < 4; i++) {
        product *= side[i]; /* below 2^32 before, so below 2^64 */
        if (product == 0 || product > count) {
            return false;
        }
    }
    return product == count;
}

static mv_status inspect(mv_summand_info *info, mv_reader *r)
{
    mv_status st = MV_OK;
    const uint8_t *start = NULL;
    mv_features_info *f = &info->features;
    MV_TRY(mv_read_view(r, &start, sizeof magic));
    MV_ENSURE(memcmp(start, magic, sizeof magic) == 0, MV_E_FORMAT);
    MV_TRY(mv_read_copy(r, info->collection_id, MV_COLLECTION_ID_LEN));
    MV_TRY(mv_read_copy(r, info->model_hash, MV_MODEL_HASH_LEN));
    MV_TRY(mv_read_u32le(r, &info->frames));
    MV_TRY(mv_read_u32le(r, &info->height));
    MV_TRY(mv_read_u32le(r, &info->width));
    MV_TRY(mv_read_u32le(r, &info->channels));
    MV_TRY(mv_pack_inspect(&f->set, &f->shape, &f->summed, r->next, mv_reader_left(r)));
    MV_TRY(mv_features_inspect(f, r->next, mv_reader_left(r)));
    MV_ENSURE(has_count(info, f->shape.count), MV_E_RANGE);
done:
    return st;
}

mv_status mv_summand_inspect(mv_summand_info *out, const uint8_t *bytes, size_t len)
{
    mv_status st = MV_OK;
    mv_reader r = mv_reader_make(bytes, len);
    MV_ENSURE(out != NULL && bytes != NULL, MV_E_ARGUMENT);
    memset(out, 0, sizeof *out);
    st = inspect(out, &r);
    if (st != MV_OK) {
        memset(out, 0, sizeof *out);
    }
done:
    return st;
}

/* Same collection, model, sides; the rest is compared with the ciphertexts. */
static mv_status check_pair(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len,
                            mv_summand_info *info, mv_error *err)
{
    mv_status st = MV_OK;
    MV_TRY(mv_summand_inspect(info, a, a_len));
    MV_TRY(mv_summand_inspect(info, b, b_len));
    MV_REQUIRE(memcmp(a + AT_COLLECTION, b + AT_COLLECTION, MV_COLLECTION_ID_LEN) == 0, err,
               MV_E_MISMATCH, "the features are under keys of different collections");
    MV_REQUIRE(memcmp(a + AT_MODEL, b + AT_MODEL, MV_MODEL_HASH_LEN) == 0, err, MV_E_MISMATCH,
               "the features are of different models");
    MV_REQUIRE(memcmp(a + AT_SHAPE, b + AT_SHAPE, HEADER - AT_SHAPE) == 0, err, MV_E_MISMATCH,
               "the features are of images of different sizes");
done:
    return st;
}

mv_status mv_summand_add(uint8_t **out, size_t *len, const uint8_t *a, size_t a_len,
                         const uint8_t *b, size_t b_len, mv_error *err)
{
    mv_status st = MV_OK;
    mv_summand_info info;
    uint8_t *sum = NULL;
    size_t body = 0;
    MV_ENSURE(out != NULL && len != NULL && a != NULL && b != NULL, MV_E_ARGUMENT);
    *out = NULL;
    *len = 0;
    MV_TRY(check_pair(a, a_len, b, b_len, &info, err));
    const size_t cap = mv_pack_sum_size(info.features.set, &info.features.shape);
    sum = malloc(HEADER + cap);
    MV_ENSURE(sum != NULL, MV_E_MEMORY);
    memcpy(sum, a, HEADER);
    st = mv_pack_add(sum + HEADER, cap, &body, a + HEADER, a_len - HEADER, b + HEADER,
                     b_len - HEADER);
    MV_REQUIRE(st != MV_E_MISMATCH, err, st,
               "the features were sealed with different sets or bits");
    MV_REQUIRE(st != MV_E_NOISE, err, st,
               "more than %u would be added, for which these features have no room",
               (unsigned)info.features.shape.sums);
    MV_TRY(st);
    *out = sum;
    *len = HEADER + body;
    sum = NULL;
done:
    free(sum);
    return st;
}

mv_status mv_summand_open(uint32_t **sum, mv_summand_info *info, const mv_collection *collection,
                          const uint8_t *bytes, size_t len, mv_error *err)
{
    mv_status st = MV_OK;
    uint8_t id[MV_COLLECTION_ID_LEN];
    mv_he_key *key = NULL;
    uint32_t *value = NULL;
    MV_ENSURE(sum != NULL && info != NULL && collection != NULL && bytes != NULL, MV_E_ARGUMENT);
    *sum = NULL;
    MV_TRY(mv_summand_inspect(info, bytes, len));
    mv_collection_id(id, mv_collection_key(collection));
    MV_REQUIRE(memcmp(id, info->collection_id, sizeof id) == 0, err, MV_E_WRONG_KEY,
               "these features are under the key of another collection, or generation of it");
    value = calloc(info->features.shape.count, sizeof *value);
    MV_REQUIRE(value != NULL, err, MV_E_MEMORY, "out of memory");
    MV_TRY(mv_he_key_new(&key, info->features.set, mv_collection_key(collection)));
    MV_TRY(
        mv_features_decrypt(value, info->features.shape.count, key, bytes + HEADER, len - HEADER));
    *sum = value;
    value = NULL;
done:
    free(value);
    mv_he_key_free(&key);
    return st;
}
