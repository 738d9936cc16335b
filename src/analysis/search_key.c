/* SPDX-License-Identifier: Apache-2.0
 *
 * search_key.c: the key holder's side of a search, and the sender's.
 */
#include "analysis/search_internal.h"

#include "base/rng.h"
#include "base/secret.h"
#include "base/u128.h"
#include "he/params.h"

#include <string.h>

struct mv_search_key {
    mv_search_owner owner;
    mv_he_key *key, *upload_key;
    mv_he_work *work;
    mv_plain *plain;
    mv_cipher *cipher, *model; /* model: what a reply's noise must be */
    size_t cell;               /* bytes of a reply for each block */
    int64_t *coefficient;      /* of one block */
    uint64_t *rows;            /* of one cipher of a block */
    uint8_t access[MV_SEARCH_ACCESS_LEN];
};

struct mv_search_sender {
    mv_search_owner owner;
    mv_he_public *key;
    mv_he_work *work;
    mv_plain *plain;
    mv_gallery_access access;
};

/* The gallery's name, and what senders sign with. */
static mv_status access_fill(uint8_t out[MV_SEARCH_ACCESS_LEN], const uint8_t collection_key[32],
                             const uint8_t head_hash[MV_SEARCH_HASH_LEN])
{
    mv_status st = MV_OK;
    mv_gallery_access holder;
    MV_TRY(mv_gallery_access_make(&holder, collection_key, head_hash));
    memcpy(out, holder.gallery, sizeof holder.gallery);
    mv_wipe(&holder, sizeof holder);
    MV_TRY(mv_search_sender_seed(out + sizeof holder.gallery, collection_key, head_hash));
done:
    return st;
}

mv_status mv_search_key_new(mv_search_key **out, const uint8_t collection_key[32],
                            const uint8_t head_hash[MV_SEARCH_HASH_LEN])
{
    mv_status st = MV_OK;
    const mv_he_set *set = mv_scan_set();
    mv_search_key *k = NULL;
    MV_ENSURE(out != NULL, MV_E_ARGUMENT);
    *out = NULL;
    MV_ENSURE(collection_key != NULL && head_hash != NULL, MV_E_ARGUMENT);
    k = calloc(1, sizeof *k);
    MV_ENSURE(k != NULL, MV_E_MEMORY);
    MV_TRY(mv_search_owner_make(&k->owner, collection_key, head_hash));
    MV_TRY(access_fill(k->access, collection_key, head_hash));
    MV_TRY(mv_he_key_new(&k->key, set, collection_key));
    MV_TRY(mv_he_key_new(&k->upload_key, mv_scan_upload_set(), collection_key));
    MV_TRY(mv_he_work_new(&k->work, set));
    MV_TRY(mv_plain_new(&k->plain, set));
    MV_TRY(mv_cipher_new(&k->cipher, set));
    MV_TRY(mv_cipher_new(&k->model, set));
    MV_TRY(mv_search_reply_cell(k->work, k->cipher, k->model, &k->cell));
    k->coefficient = malloc(mv_scan_block_vectors() * sizeof *k->coefficient);
    k->rows = calloc(2 * mv_he_data_limbs(set), mv_scan_block_vectors() * sizeof *k->rows);
    MV_ENSURE(k->coefficient != NULL && k->rows != NULL, MV_E_MEMORY);
    *out = k;
    k = NULL;
done:
    mv_search_key_free(&k);
    return st;
}

void mv_search_key_free(mv_search_key **key)
{
    if (key != NULL && *key != NULL) {
        mv_search_key *k = *key;
        if (k->coefficient != NULL) {
            mv_wipe(k->coefficient, mv_scan_block_vectors() * sizeof *k->coefficient);
            free(k->coefficient);
        }
        free(k->rows);
        mv_he_key_free(&k->key);
        mv_he_key_free(&k->upload_key);
        mv_he_work_free(&k->work);
        mv_plain_free(&k->plain);
        mv_cipher_free(&k->cipher);
        mv_cipher_free(&k->model);
        mv_wipe(k->access, sizeof k->access);
        free(k);
        *key = NULL;
    }
}

/* ---- Messages ---- */

mv_search_sizes mv_search_message_sizes(void)
{
    const mv_he_set *set = mv_scan_set();
    return (mv_search_sizes){
        .public_key =
            MV_SEARCH_HEADER_LEN + MV_SEARCH_ACCESS_LEN + mv_he_public_size(mv_scan_upload_set()),
        .server_keys = MV_SEARCH_HEADER_LEN + MV_SCAN_KEYS * mv_he_eval_key_size(set),
        .upload = MV_SEARCH_HEADER_LEN + mv_scan_upload_size(),
        .group = MV_SEARCH_HEADER_LEN + 4 + mv_search_cipher_len(mv_scan_set(), true),
        .query = MV_SEARCH_HEADER_LEN + mv_search_cipher_len(mv_scan_set(), true),
    };
}

mv_status mv_search_write_public(mv_search_key *key, uint8_t *out, size_t cap)
{
    mv_status st = MV_OK;
    mv_he_public *public_key = NULL;
    size_t len = 0;
    MV_ENSURE(key != NULL && out != NULL, MV_E_ARGUMENT);
    MV_ENSURE(cap >= mv_search_message_sizes().public_key, MV_E_SPACE);
    MV_TRY(mv_he_public_new(&public_key, key->upload_key));
    mv_search_header_write(out, MV_SEARCH_PUBLIC, &key->owner);
    out += MV_SEARCH_HEADER_LEN;
    memcpy(out, key->access, MV_SEARCH_ACCESS_LEN);
    MV_TRY(mv_he_public_write(out + MV_SEARCH_ACCESS_LEN, mv_he_public_size(mv_scan_upload_set()),
                              &len, public_key));
done:
    mv_he_public_free(&public_key);
    return st;
}

mv_status mv_search_write_server(mv_search_key *key, uint8_t *out, size_t cap)
{
    mv_status st = MV_OK;
    mv_he_eval_key *one = NULL;
    const size_t each = mv_he_eval_key_size(mv_scan_set());
    MV_ENSURE(key != NULL && out != NULL, MV_E_ARGUMENT);
    MV_ENSURE(cap >= mv_search_message_sizes().server_keys, MV_E_SPACE);
    mv_search_header_write(out, MV_SEARCH_SERVER, &key->owner);
    uint8_t *next = out + MV_SEARCH_HEADER_LEN;
    for (uint32_t i = 0; i < MV_SCAN_KEYS; i++) {
        size_t len = 0;
        MV_TRY(mv_scan_key(&one, key->key, key->upload_key, i));
        MV_TRY(mv_he_eval_key_write(next, each, &len, one));
        mv_he_eval_key_free(&one);
        next += len;
    }
done:
    mv_he_eval_key_free(&one);
    return st;
}

/* A fresh cipher of these vectors behind what is in out already. */
static mv_status write_cipher(mv_search_key *key, uint8_t *out, const int8_t *value, uint32_t count,
                              mv_scan_layout layout)
{
    mv_status st = MV_OK;
    size_t len = 0;
    MV_TRY(mv_scan_encode(key->plain, value, count, layout));
    MV_TRY(mv_he_encrypt(key->work, key->cipher, key->key, key->plain));
    MV_TRY(mv_cipher_write(out, mv_search_cipher_len(mv_scan_set(), true), &len, key->cipher));
    MV_ENSURE(len == mv_search_cipher_len(mv_scan_set(), true), MV_E_INTERNAL);
done:
    return st;
}

mv_status mv_search_query(mv_search_key *key, uint8_t *out, size_t cap,
                          const int8_t value[MV_SEARCH_DIM])
{
    mv_status st = MV_OK;
    MV_ENSURE(key != NULL && out != NULL && value != NULL, MV_E_ARGUMENT);
    MV_ENSURE(cap >= mv_search_message_sizes().query, MV_E_SPACE);
    mv_search_header_write(out, MV_SEARCH_QUERY, &key->owner);
    MV_TRY(write_cipher(key, out + MV_SEARCH_HEADER_LEN, value, 1, MV_SCAN_QUERY));
done:
    return st;
}

mv_status mv_search_pack(mv_search_key *key, uint8_t *out, size_t cap, const int8_t *value,
                         uint32_t count)
{
    mv_status st = MV_OK;
    MV_ENSURE(key != NULL && out != NULL && value != NULL, MV_E_ARGUMENT);
    MV_ENSURE(count >= 1 && count <= MV_SEARCH_GROUP_MAX, MV_E_ARGUMENT);
    MV_ENSURE(cap >= mv_search_message_sizes().group, MV_E_SPACE);
    mv_search_header_write(out, MV_SEARCH_GROUP, &key->owner);
    mv_store_u32le(out + MV_SEARCH_HEADER_LEN, count);
    MV_TRY(write_cipher(key, out + MV_SEARCH_HEADER_LEN + 4, value, count, MV_SCAN_GROUP));
done:
    return st;
}

/* ---- Replies ---- */

/* Header, rows, blocks; r is then at the first block. */
static mv_status reply_open(mv_reader *r, uint64_t *rows, const mv_search_key *key)
{
    mv_status st = MV_OK;
    mv_search_owner owner;
    MV_TRY(mv_search_header_read(r, MV_SEARCH_REPLY, &owner, &key->owner));
    MV_TRY(mv_read_u64le(r, rows));
    MV_ENSURE(*rows >= 1 && *rows <= UINT32_MAX, MV_E_RANGE);
    const uint64_t blocks = (*rows - 1) / mv_scan_block_vectors() + 1;
    MV_ENSURE(mv_reader_left(r) == blocks * key->cell, MV_E_FORMAT);
done:
    return st;
}

size_t mv_search_reply_rows(const mv_search_key *key, const uint8_t *reply, size_t len)
{
    mv_reader r = mv_reader_make(reply, len);
    uint64_t rows = 0;
    return key != NULL && reply_open(&r, &rows, key) == MV_OK ? (size_t)rows : 0;
}

/* ---- Parts ---- */

/* What stands for embeddings is small: |number| <= 127 ([-128, 127] fits). */
static mv_status take_number(int8_t *out, int64_t number)
{
    *out = (int8_t)number;
    return number >= INT8_MIN && number <= INT8_MAX ? MV_OK : MV_E_RANGE;
}

static mv_status unpack_group(mv_search_key *k, int8_t *value, size_t cap, size_t *rows,
                              mv_reader *r)
{
    mv_status st = MV_OK;
    uint32_t count = 0;
    MV_TRY(mv_gallery_group_parse(r, &k->owner, &count, k->cipher));
    MV_ENSURE(count <= cap, MV_E_SPACE);
    MV_TRY(mv_bfv_decrypt_coefficients(k->work, k->coefficient, mv_scan_block_vectors(), k->key,
                                       k->cipher));
    for (uint32_t i = 0; i < count * MV_SEARCH_DIM; i++) {
        const uint32_t at = mv_scan_coefficient(k->cipher, i / MV_SEARCH_DIM, i % MV_SEARCH_DIM);
        MV_TRY(take_number(&value[i], k->coefficient[at]));
    }
    *rows = count;
done:
    return st;
}

/* Number k of all rows of a block. */
static mv_status unpack_dim(mv_search_key *k, int8_t *value, const uint8_t *block, uint32_t dim)
{
    mv_status st = MV_OK;
    const uint32_t n = mv_scan_block_vectors(), limbs = mv_he_data_limbs(mv_scan_set());
    for (uint32_t i = 0; i < 2 * limbs; i++) {
        MV_TRY(mv_gallery_block_row(k->rows + (size_t)i * n, block, dim, i / limbs, i % limbs));
    }
    MV_TRY(mv_scan_number(k->cipher, k->rows));
    MV_TRY(mv_bfv_decrypt_coefficients(k->work, k->coefficient, mv_scan_block_vectors(), k->key,
                                       k->cipher));
    for (uint32_t i = 0; i < mv_scan_block_vectors(); i++) {
        MV_TRY(take_number(&value[(size_t)i * MV_SEARCH_DIM + dim],
                           k->coefficient[mv_search_coefficient(i)]));
    }
done:
    return st;
}

mv_status mv_search_unpack(mv_search_key *key, int8_t *value, size_t cap, size_t *rows,
                           const uint8_t *part, size_t len)
{
    mv_status st = MV_OK;
    mv_search_owner owner;
    mv_reader r = mv_reader_make(part, len);
    MV_ENSURE(key != NULL && value != NULL && rows != NULL && part != NULL, MV_E_ARGUMENT);
    *rows = 0;
    if (len != mv_gallery_block_bytes()) {
        return unpack_group(key, value, cap, rows, &r);
    }
    MV_TRY(mv_search_header_read(&r, MV_SEARCH_BLOCK, &owner, &key->owner));
    MV_ENSURE(cap >= mv_scan_block_vectors(), MV_E_SPACE);
    for (uint32_t dim = 0; dim < MV_SEARCH_DIM; dim++) {
        MV_TRY(unpack_dim(key, value, part, dim));
    }
    *rows = mv_scan_block_vectors();
done:
    return st;
}

/* count rows of one block. */
static mv_status open_block(mv_search_key *k, int32_t *score, size_t count, mv_reader *r)
{
    mv_status st = MV_OK;
    const uint8_t *cell = NULL;
    MV_TRY(mv_read_view(r, &cell, k->cell));
    MV_TRY(mv_cipher_read(k->cipher, cell, k->cell));
    MV_TRY(mv_cipher_expect(k->cipher, k->model));
    MV_TRY(mv_bfv_decrypt_coefficients(k->work, k->coefficient, mv_scan_block_vectors(), k->key,
                                       k->cipher));
    for (uint32_t i = 0; i < count; i++) {
        score[i] = (int32_t)k->coefficient[mv_search_coefficient(i)];
    }
done:
    return st;
}

mv_status mv_search_scores(mv_search_key *key, int32_t *score, size_t cap, const uint8_t *reply,
                           size_t len)
{
    mv_status st = MV_OK;
    mv_reader r = mv_reader_make(reply, len);
    uint64_t rows = 0;
    MV_ENSURE(key != NULL && score != NULL && reply != NULL, MV_E_ARGUMENT);
    memset(score, 0, cap * sizeof *score);
    MV_TRY(reply_open(&r, &rows, key));
    MV_ENSURE(rows <= cap, MV_E_SPACE);
    const size_t block = mv_scan_block_vectors();
    for (size_t at = 0; at < rows; at += block) {
        const size_t left = (size_t)rows - at;
        MV_TRY(open_block(key, score + at, left < block ? left : block, &r));
    }
done:
    if (st != MV_OK && score != NULL) {
        memset(score, 0, cap * sizeof *score);
    }
    return st;
}

static bool is_before(const int32_t *score, uint32_t a, uint32_t b)
{
    return score[a] > score[b] || (score[a] == score[b] && a < b);
}

size_t mv_search_top(uint32_t *index, size_t count, const int32_t *score, size_t rows)
{
    size_t kept = 0;
    for (size_t i = 0; i < rows && count > 0; i++) {
        const uint32_t row = (uint32_t)i;
        if (kept == count && !is_before(score, row, index[kept - 1])) {
            continue;
        }
        size_t at = kept < count ? kept++ : kept - 1;
        for (; at > 0 && is_before(score, row, index[at - 1]); at--) {
            index[at] = index[at - 1];
        }
        index[at] = row;
    }
    return kept;
}

static bool is_among(const uint32_t *row, size_t count, uint32_t one)
{
    for (size_t i = 0; i < count; i++) {
        if (row[i] == one) {
            return true;
        }
    }
    return false;
}

/* Uniform in [0, below) but for 2^-32; below at most 2^32. */
static mv_status random_below(uint32_t *out, uint64_t below)
{
    uint64_t word = 0;
    const mv_status st = mv_random_bytes((uint8_t *)&word, sizeof word);
    *out = (uint32_t)mv_mul_wide(word, below).hi;
    return st;
}

mv_status mv_search_fetch(uint32_t *row, size_t size, const uint32_t *wanted, size_t count,
                          size_t rows)
{
    mv_status st = MV_OK;
    MV_ENSURE(row != NULL && (wanted != NULL || count == 0), MV_E_ARGUMENT);
    MV_ENSURE(count <= size && size <= rows && rows <= UINT32_MAX, MV_E_ARGUMENT);
    for (size_t i = 0; i < count; i++) {
        MV_ENSURE(wanted[i] < rows && !is_among(row, i, wanted[i]), MV_E_ARGUMENT);
        row[i] = wanted[i];
    }
    for (size_t i = count; i < size;) {
        MV_TRY(random_below(&row[i], rows));
        i += !is_among(row, i, row[i]);
    }
    for (size_t i = size; i > 1; i--) { /* any order is as likely as any other */
        uint32_t j = 0;
        MV_TRY(random_below(&j, i));
        const uint32_t swap = row[i - 1];
        row[i - 1] = row[j];
        row[j] = swap;
    }
done:
    return st;
}

/* ---- Senders ---- */

mv_status mv_search_sender_new(mv_search_sender **out, const uint8_t *public_key, size_t len)
{
    mv_status st = MV_OK;
    const mv_he_set *set = mv_scan_set(), *upload_set = mv_scan_upload_set();
    mv_reader r = mv_reader_make(public_key, len);
    mv_search_sender *s = NULL;
    MV_ENSURE(out != NULL, MV_E_ARGUMENT);
    *out = NULL;
    MV_ENSURE(public_key != NULL, MV_E_ARGUMENT);
    s = calloc(1, sizeof *s);
    MV_ENSURE(s != NULL, MV_E_MEMORY);
    MV_TRY(mv_search_header_read(&r, MV_SEARCH_PUBLIC, &s->owner, NULL));
    MV_ENSURE(mv_reader_left(&r) == MV_SEARCH_ACCESS_LEN + mv_he_public_size(upload_set),
              MV_E_FORMAT);
    MV_TRY(mv_read_copy(&r, s->access.gallery, sizeof s->access.gallery));
    MV_TRY(mv_read_copy(&r, s->access.seed, sizeof s->access.seed));
    MV_TRY(mv_he_public_read(&s->key, r.next, mv_reader_left(&r)));
    MV_ENSURE(mv_he_public_set(s->key) == upload_set, MV_E_FORMAT);
    MV_TRY(mv_he_work_new(&s->work, set));
    MV_TRY(mv_plain_new(&s->plain, set));
    *out = s;
    s = NULL;
done:
    mv_search_sender_free(&s);
    return st;
}

void mv_search_sender_free(mv_search_sender **sender)
{
    if (sender != NULL && *sender != NULL) {
        mv_he_public_free(&(*sender)->key);
        mv_he_work_free(&(*sender)->work);
        mv_plain_free(&(*sender)->plain);
        mv_wipe(&(*sender)->access, sizeof(*sender)->access);
        free(*sender);
        *sender = NULL;
    }
}

void mv_search_sender_access(mv_gallery_access *out, const mv_search_sender *sender)
{
    *out = sender->access;
}

mv_status mv_search_upload(mv_search_sender *sender, uint8_t *out, size_t cap,
                           const int8_t value[MV_SEARCH_DIM],
                           const uint8_t head_hash[MV_SEARCH_HASH_LEN])
{
    mv_status st = MV_OK;
    MV_ENSURE(sender != NULL && out != NULL && value != NULL && head_hash != NULL, MV_E_ARGUMENT);
    MV_ENSURE(cap >= mv_search_message_sizes().upload, MV_E_SPACE);
    MV_ENSURE(memcmp(head_hash, sender->owner.head_hash, MV_SEARCH_HASH_LEN) == 0, MV_E_MISMATCH);
    MV_TRY(mv_scan_encode(sender->plain, value, 1, MV_SCAN_UPLOAD));
    mv_search_header_write(out, MV_SEARCH_UPLOAD, &sender->owner);
    MV_TRY(
        mv_scan_upload_write(sender->work, out + MV_SEARCH_HEADER_LEN, sender->key, sender->plain));
done:
    return st;
}
