/* SPDX-License-Identifier: Apache-2.0
 *
 * atlas.c: a gallery that everybody may read, asked in secret: encrypted query times plain matrix
 * (he.h, "A plain matrix times an encrypted vector"), 4,096 rows at a time.
 *
 * Numbers of embeddings, of length 256, become round(134 / 256 times them): the length is then at
 * most 134 / 256 sqrt(68464) + sqrt(128) / 2 < 142.7, so that by Cauchy-Schwarz no score is above
 * 20,362, and the plain modulus 40,961 holds +-20,480.
 */
#include "analysis/search_internal.h"

#include "base/rng.h"
#include "base/secret.h"

#include <sodium.h>
#include <string.h>

enum {
    DIM = MV_SEARCH_DIM,
    PART = 4096, /* rows of one product */
    LENGTH2_MAX = 68464,
    HASH = 32,
    KEYS = 2,
    FILE_HEAD = MV_SEARCH_HEADER_LEN + 4,
    REPLY_HEAD = MV_SEARCH_HEADER_LEN + 4,
};

static const mv_he_matrix_shape shape = {PART, DIM};

static const mv_he_set *atlas_set(void)
{
    return mv_he_set_find("score4096");
}

struct mv_atlas {
    uint8_t head_hash[MV_SEARCH_HASH_LEN];
    uint32_t rows;
    size_t parts;
    mv_he_matrix **part; /* [parts], the last one filled up with zeros */
    mv_he_work *work;
    mv_cipher *query, *product;
};

struct mv_atlas_key {
    uint8_t secret[MV_COLLECTION_KEY_LEN];
    mv_search_owner owner;
    mv_he_key *key;
    mv_he_work *work;
    mv_plain *plain;
    mv_cipher *cipher;
    int64_t *slot, *score; /* [PART] each */
};

/* ---- Numbers ---- */

static int32_t scaled(int8_t number)
{
    const int32_t x = number * MV_ATLAS_UNIT, half = x < 0 ? -128 : 128;
    return (x + half) / 256;
}

static mv_status check_value(const int8_t value[DIM])
{
    int32_t length2 = 0;
    for (size_t k = 0; k < DIM; k++) {
        length2 += value[k] * value[k];
    }
    return length2 <= LENGTH2_MAX ? MV_OK : MV_E_RANGE;
}

int32_t mv_atlas_score(const int8_t a[DIM], const int8_t b[DIM])
{
    int32_t sum = 0;
    for (size_t k = 0; k < DIM; k++) {
        sum += scaled(a[k]) * scaled(b[k]);
    }
    return sum;
}

/* ---- The file ---- */

static const mv_search_owner *nobody(mv_search_owner *out, const uint8_t head_hash[HASH])
{
    memset(out, 0, sizeof *out);
    memcpy(out->head_hash, head_hash, MV_SEARCH_HASH_LEN);
    return out;
}

size_t mv_atlas_size(uint32_t rows)
{
    return FILE_HEAD + (size_t)rows * DIM + HASH;
}

mv_status mv_atlas_write(uint8_t *out, size_t cap, const uint8_t head_hash[MV_SEARCH_HASH_LEN],
                         const int8_t *value, uint32_t rows)
{
    mv_status st = MV_OK;
    mv_search_owner owner;
    MV_ENSURE(out != NULL && head_hash != NULL && value != NULL, MV_E_ARGUMENT);
    MV_ENSURE(rows >= 1 && rows <= MV_ATLAS_ROWS_MAX, MV_E_ARGUMENT);
    MV_ENSURE(cap >= mv_atlas_size(rows), MV_E_SPACE);
    for (uint32_t i = 0; i < rows; i++) {
        MV_TRY(check_value(value + (size_t)i * DIM));
    }
    const size_t body = mv_atlas_size(rows) - HASH;
    mv_search_header_write(out, MV_ATLAS_FILE, nobody(&owner, head_hash));
    mv_store_u32le(out + MV_SEARCH_HEADER_LEN, rows);
    memcpy(out + FILE_HEAD, value, (size_t)rows * DIM);
    MV_ENSURE(crypto_generichash(out + body, HASH, out, body, NULL, 0) == 0, MV_E_INTERNAL);
done:
    return st;
}

static mv_status part_make(mv_he_matrix **out, const uint8_t *value, uint32_t rows)
{
    mv_status st = MV_OK;
    int64_t *wide = calloc((size_t)PART * DIM, sizeof *wide);
    MV_ENSURE(wide != NULL, MV_E_MEMORY);
    for (size_t i = 0; i < (size_t)rows * DIM; i++) {
        wide[i] = scaled((int8_t)value[i]);
    }
    MV_TRY(mv_bfv_matrix_new(out, atlas_set(), &shape, wide));
done:
    free(wide);
    return st;
}

static mv_status atlas_fill(mv_atlas *a, const uint8_t *value)
{
    mv_status st = MV_OK;
    MV_TRY(mv_he_work_new(&a->work, atlas_set()));
    MV_TRY(mv_cipher_new(&a->query, atlas_set()));
    MV_TRY(mv_cipher_new(&a->product, atlas_set()));
    a->part = calloc((a->rows - 1) / PART + 1, sizeof(mv_he_matrix *));
    MV_ENSURE(a->part != NULL, MV_E_MEMORY);
    for (uint32_t at = 0; at < a->rows; at += PART) {
        const uint32_t left = a->rows - at;
        MV_TRY(
            part_make(&a->part[a->parts++], value + (size_t)at * DIM, left < PART ? left : PART));
    }
done:
    return st;
}

mv_status mv_atlas_read(mv_atlas **out, const uint8_t *bytes, size_t len)
{
    mv_status st = MV_OK;
    mv_search_owner owner, none;
    uint8_t hash[HASH];
    uint32_t rows = 0;
    mv_atlas *a = NULL;
    mv_reader r = mv_reader_make(bytes, len);
    MV_ENSURE(out != NULL, MV_E_ARGUMENT);
    *out = NULL;
    MV_ENSURE(bytes != NULL, MV_E_ARGUMENT);
    MV_TRY(mv_search_header_read(&r, MV_ATLAS_FILE, &owner, NULL));
    MV_ENSURE(memcmp(&owner, nobody(&none, owner.head_hash), sizeof owner) == 0, MV_E_FORMAT);
    MV_TRY(mv_read_u32le(&r, &rows));
    MV_ENSURE(rows >= 1 && rows <= MV_ATLAS_ROWS_MAX, MV_E_RANGE);
    MV_ENSURE(len >= mv_atlas_size(rows), MV_E_TRUNCATED);
    MV_ENSURE(len == mv_atlas_size(rows), MV_E_FORMAT);
    MV_ENSURE(crypto_generichash(hash, HASH, bytes, len - HASH, NULL, 0) == 0, MV_E_INTERNAL);
    MV_ENSURE(memcmp(hash, bytes + len - HASH, HASH) == 0, MV_E_FORMAT);
    for (uint32_t i = 0; i < rows; i++) {
        MV_TRY(check_value((const int8_t *)r.next + (size_t)i * DIM));
    }
    a = calloc(1, sizeof *a);
    MV_ENSURE(a != NULL, MV_E_MEMORY);
    memcpy(a->head_hash, owner.head_hash, sizeof a->head_hash);
    a->rows = rows;
    MV_TRY(atlas_fill(a, r.next));
    *out = a;
    a = NULL;
done:
    mv_atlas_free(&a);
    return st;
}

void mv_atlas_free(mv_atlas **atlas)
{
    if (atlas != NULL && *atlas != NULL) {
        mv_atlas *a = *atlas;
        for (size_t i = 0; i < a->parts; i++) {
            mv_he_matrix_free(&a->part[i]);
        }
        free(a->part);
        mv_he_work_free(&a->work);
        mv_cipher_free(&a->query);
        mv_cipher_free(&a->product);
        free(a);
        *atlas = NULL;
    }
}

uint32_t mv_atlas_rows(const mv_atlas *atlas)
{
    return atlas->rows;
}

/* ---- The keeper ---- */

size_t mv_atlas_question_size(void)
{
    return MV_SEARCH_HEADER_LEN + KEYS * mv_he_eval_key_size(atlas_set()) +
           mv_search_cipher_len(atlas_set(), true);
}

/* The two rotations that a product needs. */
static mv_status keys_read(mv_he_eval_keys *keys, mv_reader *r)
{
    mv_status st = MV_OK;
    mv_he_eval_key *key = NULL;
    const size_t each = mv_he_eval_key_size(atlas_set());
    for (int i = 0; i < KEYS; i++) {
        const uint8_t *bytes = NULL;
        MV_TRY(mv_read_view(r, &bytes, each));
        MV_TRY(mv_he_eval_key_read(&key, bytes, each));
        MV_TRY(mv_he_eval_keys_add(keys, &key));
    }
done:
    mv_he_eval_key_free(&key);
    return st;
}

static mv_status reply_fill(mv_atlas *a, mv_buffer *out, const mv_search_owner *owner,
                            const mv_he_eval_keys *keys)
{
    mv_status st = MV_OK;
    uint8_t head[MV_SEARCH_HEADER_LEN];
    const size_t cap = mv_cipher_reply_size(atlas_set());
    uint8_t *cell = malloc(cap);
    MV_ENSURE(cell != NULL, MV_E_MEMORY);
    mv_search_header_write(head, MV_ATLAS_REPLY, owner);
    MV_TRY(mv_buffer_append(out, head, sizeof head));
    MV_TRY(mv_buffer_put_u32le(out, a->rows));
    for (size_t i = 0; i < a->parts; i++) {
        size_t len = 0;
        MV_TRY(mv_he_matrix_mul(a->work, a->product, a->part[i], a->query, keys));
        MV_TRY(mv_cipher_reply(a->work, cell, cap, &len, a->product));
        MV_TRY(mv_buffer_put_u32le(out, (uint32_t)len));
        MV_TRY(mv_buffer_append(out, cell, len));
    }
done:
    free(cell);
    return st;
}

mv_status mv_atlas_answer(mv_atlas *atlas, uint8_t **reply, size_t *len, const uint8_t *question,
                          size_t question_len)
{
    mv_status st = MV_OK;
    mv_search_owner owner;
    mv_he_eval_keys *keys = NULL;
    mv_buffer out = mv_buffer_make((size_t)1 << 28);
    MV_ENSURE(atlas != NULL && reply != NULL && len != NULL && question != NULL, MV_E_ARGUMENT);
    *reply = NULL;
    *len = 0;
    mv_reader r = mv_reader_make(question, question_len);
    MV_TRY(mv_search_header_read(&r, MV_ATLAS_QUESTION, &owner, NULL));
    MV_ENSURE(memcmp(owner.head_hash, atlas->head_hash, sizeof atlas->head_hash) == 0,
              MV_E_MISMATCH);
    MV_TRY(mv_he_eval_keys_new(&keys, atlas_set()));
    MV_TRY(keys_read(keys, &r));
    MV_TRY(mv_search_cipher_read(atlas->query, &r));
    MV_TRY(reply_fill(atlas, &out, &owner, keys));
    *reply = out.bytes;
    *len = out.len;
    out = mv_buffer_make(0);
done:
    mv_buffer_clear(&out);
    mv_he_eval_keys_free(&keys);
    return st;
}

/* ---- Who asks ---- */

static mv_status key_make(mv_atlas_key **out, const uint8_t secret[MV_COLLECTION_KEY_LEN],
                          const uint8_t head_hash[MV_SEARCH_HASH_LEN])
{
    mv_status st = MV_OK;
    mv_atlas_key *k = calloc(1, sizeof *k);
    MV_ENSURE(k != NULL, MV_E_MEMORY);
    memcpy(k->secret, secret, sizeof k->secret);
    MV_TRY(mv_search_owner_make(&k->owner, secret, head_hash));
    MV_TRY(mv_he_key_new(&k->key, atlas_set(), secret));
    MV_TRY(mv_he_work_new(&k->work, atlas_set()));
    MV_TRY(mv_plain_new(&k->plain, atlas_set()));
    MV_TRY(mv_cipher_new(&k->cipher, atlas_set()));
    k->slot = calloc(PART, sizeof *k->slot);
    k->score = calloc(PART, sizeof *k->score);
    MV_ENSURE(k->slot != NULL && k->score != NULL, MV_E_MEMORY);
    *out = k;
    k = NULL;
done:
    mv_atlas_key_free(&k);
    return st;
}

mv_status mv_atlas_key_new(mv_atlas_key **out, const uint8_t head_hash[MV_SEARCH_HASH_LEN])
{
    mv_status st = MV_OK;
    uint8_t secret[MV_COLLECTION_KEY_LEN] = {0};
    MV_ENSURE(out != NULL, MV_E_ARGUMENT);
    *out = NULL;
    MV_ENSURE(head_hash != NULL, MV_E_ARGUMENT);
    MV_TRY(mv_random_bytes(secret, sizeof secret));
    MV_TRY(key_make(out, secret, head_hash));
done:
    mv_wipe(secret, sizeof secret);
    return st;
}

void mv_atlas_key_free(mv_atlas_key **key)
{
    if (key != NULL && *key != NULL) {
        mv_atlas_key *k = *key;
        mv_wipe(k->secret, sizeof k->secret);
        mv_he_key_free(&k->key);
        mv_he_work_free(&k->work);
        mv_plain_free(&k->plain);
        mv_cipher_free(&k->cipher);
        if (k->slot != NULL && k->score != NULL) {
            mv_wipe(k->slot, PART * sizeof *k->slot);
            mv_wipe(k->score, PART * sizeof *k->score);
        }
        free(k->slot);
        free(k->score);
        free(k);
        *key = NULL;
    }
}

void mv_atlas_key_write(uint8_t out[MV_ATLAS_KEY_LEN], const mv_atlas_key *key)
{
    mv_search_header_write(out, MV_ATLAS_KEY, &key->owner);
    memcpy(out + MV_SEARCH_HEADER_LEN, key->secret, sizeof key->secret);
}

mv_status mv_atlas_key_read(mv_atlas_key **out, const uint8_t *bytes, size_t len)
{
    mv_status st = MV_OK;
    mv_search_owner owner;
    const uint8_t *secret = NULL;
    mv_reader r = mv_reader_make(bytes, len);
    MV_ENSURE(out != NULL, MV_E_ARGUMENT);
    *out = NULL;
    MV_ENSURE(bytes != NULL, MV_E_ARGUMENT);
    MV_TRY(mv_search_header_read(&r, MV_ATLAS_KEY, &owner, NULL));
    MV_TRY(mv_read_view(&r, &secret, MV_COLLECTION_KEY_LEN));
    MV_ENSURE(mv_reader_left(&r) == 0, MV_E_FORMAT);
    MV_TRY(key_make(out, secret, owner.head_hash));
    if (memcmp(&(*out)->owner, &owner, sizeof owner) != 0) {
        mv_atlas_key_free(out);
        st = MV_E_FORMAT;
    }
done:
    return st;
}

static mv_status write_keys(const mv_atlas_key *k, uint8_t *out)
{
    mv_status st = MV_OK;
    int32_t steps[KEYS];
    mv_he_eval_key *one = NULL;
    const size_t each = mv_he_eval_key_size(atlas_set());
    MV_TRY(mv_he_matrix_steps(steps, atlas_set(), &shape));
    for (int i = 0; i < KEYS; i++) {
        size_t len = 0;
        MV_TRY(mv_he_eval_key_rotate(&one, k->key, steps[i]));
        MV_TRY(mv_he_eval_key_write(out + (size_t)i * each, each, &len, one));
        mv_he_eval_key_free(&one);
    }
done:
    mv_he_eval_key_free(&one);
    return st;
}

mv_status mv_atlas_question(mv_atlas_key *key, uint8_t *out, size_t cap, const int8_t value[DIM])
{
    mv_status st = MV_OK;
    int64_t wide[DIM];
    size_t len = 0;
    MV_ENSURE(key != NULL && out != NULL && value != NULL, MV_E_ARGUMENT);
    MV_ENSURE(cap >= mv_atlas_question_size(), MV_E_SPACE);
    MV_TRY(check_value(value));
    for (size_t k = 0; k < DIM; k++) {
        wide[k] = scaled(value[k]);
    }
    mv_search_header_write(out, MV_ATLAS_QUESTION, &key->owner);
    MV_TRY(write_keys(key, out + MV_SEARCH_HEADER_LEN));
    MV_TRY(mv_bfv_matrix_place(key->plain, &shape, wide));
    MV_TRY(mv_he_encrypt(key->work, key->cipher, key->key, key->plain));
    const size_t at = MV_SEARCH_HEADER_LEN + KEYS * mv_he_eval_key_size(atlas_set());
    MV_TRY(mv_cipher_write(out + at, cap - at, &len, key->cipher));
    MV_ENSURE(at + len == mv_atlas_question_size(), MV_E_INTERNAL);
done:
    mv_wipe(wide, sizeof wide);
    return st;
}

static mv_status reply_open(mv_reader *r, uint32_t *rows, const mv_atlas_key *key)
{
    mv_status st = MV_OK;
    mv_search_owner owner;
    MV_TRY(mv_search_header_read(r, MV_ATLAS_REPLY, &owner, &key->owner));
    MV_TRY(mv_read_u32le(r, rows));
    MV_ENSURE(*rows >= 1 && *rows <= MV_ATLAS_ROWS_MAX, MV_E_RANGE);
done:
    return st;
}

uint32_t mv_atlas_reply_rows(const mv_atlas_key *key, const uint8_t *reply, size_t len)
{
    mv_reader r = mv_reader_make(reply, len);
    uint32_t rows = 0;
    return key != NULL && reply_open(&r, &rows, key) == MV_OK ? rows : 0;
}

/* count scores of one part. */
static mv_status open_part(mv_atlas_key *k, int32_t *score, uint32_t count, mv_reader *r)
{
    mv_status st = MV_OK;
    const uint8_t *cell = NULL;
    uint32_t len = 0;
    MV_TRY(mv_read_u32le(r, &len));
    MV_TRY(mv_read_view(r, &cell, len));
    MV_TRY(mv_cipher_read(k->cipher, cell, len));
    MV_ENSURE(mv_cipher_polys(k->cipher) == 2, MV_E_FORMAT);
    MV_TRY(mv_bfv_decrypt(k->work, k->slot, PART, k->key, k->cipher));
    MV_TRY(mv_bfv_matrix_result(k->score, atlas_set(), &shape, k->slot));
    for (uint32_t i = 0; i < count; i++) {
        score[i] = (int32_t)k->score[i];
    }
done:
    return st;
}

mv_status mv_atlas_scores(mv_atlas_key *key, int32_t *score, size_t cap, const uint8_t *reply,
                          size_t len)
{
    mv_status st = MV_OK;
    uint32_t rows = 0;
    mv_reader r = mv_reader_make(reply, len);
    MV_ENSURE(key != NULL && score != NULL && reply != NULL, MV_E_ARGUMENT);
    memset(score, 0, cap * sizeof *score);
    MV_TRY(reply_open(&r, &rows, key));
    MV_ENSURE(rows <= cap, MV_E_SPACE);
    for (uint32_t at = 0; at < rows; at += PART) {
        MV_TRY(open_part(key, score + at, rows - at < PART ? rows - at : PART, &r));
    }
    MV_ENSURE(mv_reader_left(&r) == 0, MV_E_FORMAT);
done:
    if (st != MV_OK && score != NULL) {
        memset(score, 0, cap * sizeof *score);
    }
    return st;
}
