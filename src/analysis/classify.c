/* SPDX-License-Identifier: Apache-2.0
 *
 * classify.c: a linear model on one encrypted embedding.
 *
 * The embedding x has number k at coefficient k; the model is the plain polynomial with w_c[k] at
 * 128 c + 127 - k. Their product has w_c . x at 128 c + 127: a pair (k, k') of class c' meets there
 * only when k - k' = 128 (c - c'), so for c' = c and k' = k. One product, no key.
 *
 * Noise. Both sides go through the same circuit with the heaviest model that is allowed, 32 weights
 * of the greatest length, and take its noise for theirs: it depends on no weight, and neither does
 * the size of the reply.
 */
#include "analysis/search_internal.h"

#include "base/rng.h"
#include "base/secret.h"
#include "he/flood.h"
#include "ring/modarith.h"

#include <math.h>
#include <string.h>

enum { CLASSES = MV_CLASSIFY_CLASSES_MAX, DIM = MV_SEARCH_DIM, LENGTH2_MAX = 68464 };

/* Scratch of either side, and what a reply must be. */
typedef struct bench {
    mv_classify_kind kind;
    const mv_he_set *set;
    mv_he_work *work;
    mv_plain *plain;
    mv_cipher *cipher, *heaviest; /* heaviest: a product with the heaviest model */
    size_t cell;
} bench;

struct mv_classifier {
    bench b;
    uint8_t head_hash[MV_SEARCH_HASH_LEN];
    uint32_t classes;
    mv_plain *weight, *bias;
    int64_t *value; /* N coefficients */
    mv_he_public *key;
    mv_search_owner owner; /* of key */
};

struct mv_classify_key {
    bench b;
    mv_search_owner owner;
    mv_he_key *key;
    mv_he_public *public_key; /* private models */
    mv_cipher *model;         /* of a reply */
    int64_t *value;
};

static const mv_he_set *set_of(mv_classify_kind kind)
{
    return mv_he_set_find(kind == MV_CLASSIFY_PUBLIC_MODEL ? "score4096" : "private8192");
}

int64_t mv_classify_limit(mv_classify_kind kind)
{
    return (int64_t)(mv_he_set_plain_modulus(set_of(kind)) - 1) / 2;
}

static uint32_t answer_at(uint32_t class)
{
    return class * DIM + DIM - 1;
}

/* ---- Both sides ---- */

/* One coefficient a class whose square is the greatest that a weight's can be. */
static mv_status encode_heaviest(mv_plain *out, mv_classify_kind kind)
{
    int64_t value[CLASSES];
    const double length = (double)mv_classify_limit(kind) / sqrt(LENGTH2_MAX);
    for (size_t c = 0; c < CLASSES; c++) {
        value[c] = (int64_t)ceil(length);
    }
    return mv_bfv_encode_coefficients(out, value, CLASSES);
}

static mv_status bench_make(bench *b, mv_classify_kind kind)
{
    mv_status st = MV_OK;
    static const uint8_t any[MV_COLLECTION_KEY_LEN] = {1};
    mv_he_key *key = NULL;
    MV_ENSURE(kind == MV_CLASSIFY_PUBLIC_MODEL || kind == MV_CLASSIFY_PRIVATE_MODEL, MV_E_ARGUMENT);
    b->kind = kind;
    b->set = set_of(kind);
    MV_TRY(mv_he_work_new(&b->work, b->set));
    MV_TRY(mv_plain_new(&b->plain, b->set));
    MV_TRY(mv_cipher_new(&b->cipher, b->set));
    MV_TRY(mv_cipher_new(&b->heaviest, b->set));
    MV_TRY(mv_he_key_new(&key, b->set, any)); /* noise is the same for every key */
    MV_TRY(mv_bfv_encode_coefficients(b->plain, NULL, 0));
    MV_TRY(mv_he_encrypt(b->work, b->heaviest, key, b->plain));
    MV_TRY(encode_heaviest(b->plain, kind));
    MV_TRY(mv_he_mul_plain(b->work, b->heaviest, b->heaviest, b->plain));
done:
    mv_he_key_free(&key);
    return st;
}

static void bench_clear(bench *b)
{
    mv_he_work_free(&b->work);
    mv_plain_free(&b->plain);
    mv_cipher_free(&b->cipher);
    mv_cipher_free(&b->heaviest);
}

/* The product in b->cipher, with bias (and masks) added, as a reply. */
static mv_status finish(bench *b, uint8_t *out, size_t cap, size_t *len, const mv_plain *bias,
                        const mv_he_public *key)
{
    mv_status st = MV_OK;
    MV_TRY(mv_cipher_expect(b->cipher, b->heaviest));
    MV_TRY(mv_he_add_plain(b->work, b->cipher, b->cipher, bias));
    if (b->kind == MV_CLASSIFY_PRIVATE_MODEL) {
        MV_TRY(mv_he_flood(b->work, b->cipher, b->cipher, key, MV_FLOOD_BITS));
    }
    MV_TRY(mv_cipher_reply(b->work, out, cap, len, b->cipher));
done:
    return st;
}

enum { REPLY_HEAD = MV_SEARCH_HEADER_LEN + 4 };

/* What mv_cipher_reply makes of the heaviest model's product; checked whenever a key is made. */
static size_t reply_cell(mv_classify_kind kind)
{
    return kind == MV_CLASSIFY_PUBLIC_MODEL ? 22560 : 75808;
}

/* ---- The key holder ---- */

/* What a reply must be: a cipher of nothing through the circuit of the heaviest model. */
static mv_status model_make(mv_classify_key *k)
{
    mv_status st = MV_OK;
    const size_t cap = mv_cipher_reply_size(k->b.set);
    uint8_t *bytes = malloc(cap);
    MV_ENSURE(bytes != NULL, MV_E_MEMORY);
    MV_TRY(mv_cipher_copy(k->b.cipher, k->b.heaviest));
    MV_TRY(mv_bfv_encode_coefficients(k->b.plain, NULL, 0));
    MV_TRY(finish(&k->b, bytes, cap, &k->b.cell, k->b.plain, k->public_key));
    MV_ENSURE(k->b.cell == reply_cell(k->b.kind), MV_E_INTERNAL);
    MV_TRY(mv_cipher_read(k->model, bytes, k->b.cell));
done:
    free(bytes);
    return st;
}

mv_status mv_classify_key_new(mv_classify_key **out, mv_classify_kind kind,
                              const uint8_t collection_key[32],
                              const uint8_t head_hash[MV_SEARCH_HASH_LEN])
{
    mv_status st = MV_OK;
    mv_classify_key *k = NULL;
    MV_ENSURE(out != NULL, MV_E_ARGUMENT);
    *out = NULL;
    MV_ENSURE(collection_key != NULL && head_hash != NULL, MV_E_ARGUMENT);
    k = calloc(1, sizeof *k);
    MV_ENSURE(k != NULL, MV_E_MEMORY);
    MV_TRY(mv_search_owner_make(&k->owner, collection_key, head_hash));
    MV_TRY(bench_make(&k->b, kind));
    MV_TRY(mv_he_key_new(&k->key, k->b.set, collection_key));
    MV_TRY(mv_cipher_new(&k->model, k->b.set));
    if (kind == MV_CLASSIFY_PRIVATE_MODEL) {
        MV_TRY(mv_he_public_new(&k->public_key, k->key));
    }
    k->value = malloc(CLASSES * DIM * sizeof *k->value);
    MV_ENSURE(k->value != NULL, MV_E_MEMORY);
    MV_TRY(model_make(k));
    *out = k;
    k = NULL;
done:
    mv_classify_key_free(&k);
    return st;
}

void mv_classify_key_free(mv_classify_key **key)
{
    if (key != NULL && *key != NULL) {
        mv_classify_key *k = *key;
        if (k->value != NULL) {
            mv_wipe(k->value, CLASSES * DIM * sizeof *k->value);
            free(k->value);
        }
        bench_clear(&k->b);
        mv_he_key_free(&k->key);
        mv_he_public_free(&k->public_key);
        mv_cipher_free(&k->model);
        free(k);
        *key = NULL;
    }
}

mv_classify_sizes mv_classify_message_sizes(mv_classify_kind kind)
{
    const mv_he_set *set = set_of(kind);
    return (mv_classify_sizes){
        .public_key =
            kind == MV_CLASSIFY_PRIVATE_MODEL ? MV_SEARCH_HEADER_LEN + mv_he_public_size(set) : 0,
        .query = MV_SEARCH_HEADER_LEN + mv_search_cipher_len(set, true),
        .reply = REPLY_HEAD + reply_cell(kind),
    };
}

mv_status mv_classify_write_public(mv_classify_key *key, uint8_t *out, size_t cap)
{
    mv_status st = MV_OK;
    size_t len = 0;
    MV_ENSURE(key != NULL && out != NULL, MV_E_ARGUMENT);
    MV_ENSURE(key->public_key != NULL, MV_E_UNSUPPORTED);
    MV_ENSURE(cap >= mv_classify_message_sizes(key->b.kind).public_key, MV_E_SPACE);
    mv_search_header_write(out, MV_CLASSIFY_PUBLIC, &key->owner);
    MV_TRY(mv_he_public_write(out + MV_SEARCH_HEADER_LEN, cap - MV_SEARCH_HEADER_LEN, &len,
                              key->public_key));
done:
    return st;
}

mv_status mv_classify_query(mv_classify_key *key, uint8_t *out, size_t cap,
                            const int8_t value[MV_SEARCH_DIM])
{
    mv_status st = MV_OK;
    int64_t wide[DIM];
    MV_ENSURE(key != NULL && out != NULL && value != NULL, MV_E_ARGUMENT);
    for (size_t k = 0; k < DIM; k++) {
        wide[k] = value[k];
    }
    MV_TRY(mv_bfv_encode_coefficients(key->b.plain, wide, DIM));
    MV_TRY(mv_search_query_write(out, cap, mv_classify_message_sizes(key->b.kind).query,
                                 MV_CLASSIFY_QUERY, &key->owner, key->b.work, key->b.cipher,
                                 key->key, key->b.plain));
done:
    mv_wipe(wide, sizeof wide);
    return st;
}

mv_status mv_classify_scores(mv_classify_key *key, int64_t score[MV_CLASSIFY_CLASSES_MAX],
                             uint32_t *classes, const uint8_t *reply, size_t len)
{
    mv_status st = MV_OK;
    uint32_t count = 0;
    mv_reader r = mv_reader_make(reply, len);
    MV_ENSURE(key != NULL && score != NULL && classes != NULL && reply != NULL, MV_E_ARGUMENT);
    memset(score, 0, CLASSES * sizeof *score);
    *classes = 0;
    MV_TRY(mv_search_classes_read(&r, &count, MV_CLASSIFY_REPLY, &key->owner));
    MV_ENSURE(len == mv_classify_message_sizes(key->b.kind).reply, MV_E_FORMAT);
    MV_TRY(mv_cipher_read(key->b.cipher, r.next, key->b.cell));
    MV_TRY(mv_cipher_expect(key->b.cipher, key->model));
    MV_TRY(mv_bfv_decrypt_coefficients(key->b.work, key->value, CLASSES * DIM, key->key,
                                       key->b.cipher));
    for (uint32_t c = 0; c < count; c++) {
        score[c] = key->value[answer_at(c)];
    }
    *classes = count;
done:
    return st;
}

/* ---- The model's keeper ---- */

bool mv_classify_fits(const int32_t *weight, int64_t bias, mv_classify_kind kind)
{
    uint64_t length2 = 0;
    const int64_t limit = mv_classify_limit(kind);
    int64_t room = 0; /* what the weights may add to the bias */
    if (bias < -limit || bias > limit) {
        return false;
    }
    room = limit - (bias < 0 ? -bias : bias);
    for (size_t k = 0; k < DIM; k++) {
        const int64_t w = weight[k];
        if (w > limit || w < -limit) {
            return false;
        }
        length2 +=
            (uint64_t)(w * w); /* below 2^58 each, 2^65 in all only if one alone is too long */
        if (length2 > (UINT64_C(1) << 60) / LENGTH2_MAX * 4) {
            return false;
        }
    }
    return length2 * LENGTH2_MAX <= (uint64_t)(room * room);
}

static mv_status encode_model(mv_classifier *m, const int32_t *weight, const int64_t *bias)
{
    mv_status st = MV_OK;
    const size_t count = (size_t)m->classes * DIM;
    memset(m->value, 0, CLASSES * DIM * sizeof *m->value);
    for (uint32_t c = 0; c < m->classes; c++) {
        for (uint32_t k = 0; k < DIM; k++) {
            m->value[answer_at(c) - k] = weight[(size_t)c * DIM + k];
        }
    }
    MV_TRY(mv_bfv_encode_coefficients(m->weight, m->value, count));
    memset(m->value, 0, CLASSES * DIM * sizeof *m->value);
    for (uint32_t c = 0; c < m->classes; c++) {
        m->value[answer_at(c)] = bias[c];
    }
    MV_TRY(mv_bfv_encode_coefficients(m->bias, m->value, count));
done:
    return st;
}

mv_status mv_classifier_new(mv_classifier **out, mv_classify_kind kind,
                            const uint8_t head_hash[MV_SEARCH_HASH_LEN], const int32_t *weight,
                            const int64_t *bias, uint32_t classes)
{
    mv_status st = MV_OK;
    mv_classifier *m = NULL;
    MV_ENSURE(out != NULL, MV_E_ARGUMENT);
    *out = NULL;
    MV_ENSURE(head_hash != NULL && weight != NULL && bias != NULL, MV_E_ARGUMENT);
    MV_ENSURE(classes >= 1 && classes <= CLASSES, MV_E_ARGUMENT);
    m = calloc(1, sizeof *m);
    MV_ENSURE(m != NULL, MV_E_MEMORY);
    MV_TRY(bench_make(&m->b, kind));
    for (uint32_t c = 0; c < classes; c++) {
        MV_ENSURE(mv_classify_fits(weight + (size_t)c * DIM, bias[c], kind), MV_E_RANGE);
    }
    memcpy(m->head_hash, head_hash, MV_SEARCH_HASH_LEN);
    m->classes = classes;
    MV_TRY(mv_plain_new(&m->weight, m->b.set));
    MV_TRY(mv_plain_new(&m->bias, m->b.set));
    m->value = malloc(mv_he_set_degree(m->b.set) * sizeof *m->value);
    MV_ENSURE(m->value != NULL, MV_E_MEMORY);
    MV_TRY(encode_model(m, weight, bias));
    *out = m;
    m = NULL;
done:
    mv_classifier_free(&m);
    return st;
}

void mv_classifier_free(mv_classifier **classifier)
{
    if (classifier != NULL && *classifier != NULL) {
        mv_classifier *m = *classifier;
        if (m->value != NULL) {
            mv_wipe(m->value, mv_he_set_degree(m->b.set) * sizeof *m->value);
            free(m->value);
        }
        bench_clear(&m->b);
        mv_plain_free(&m->weight);
        mv_plain_free(&m->bias);
        mv_he_public_free(&m->key);
        free(m);
        *classifier = NULL;
    }
}

mv_status mv_classifier_take_key(mv_classifier *classifier, const uint8_t *public_key, size_t len)
{
    mv_status st = MV_OK;
    mv_he_public *key = NULL;
    mv_search_owner owner;
    mv_reader r = mv_reader_make(public_key, len);
    MV_ENSURE(classifier != NULL && public_key != NULL, MV_E_ARGUMENT);
    MV_ENSURE(classifier->b.kind == MV_CLASSIFY_PRIVATE_MODEL, MV_E_UNSUPPORTED);
    MV_TRY(mv_search_header_read(&r, MV_CLASSIFY_PUBLIC, &owner, NULL));
    MV_ENSURE(memcmp(owner.head_hash, classifier->head_hash, MV_SEARCH_HASH_LEN) == 0,
              MV_E_MISMATCH);
    MV_ENSURE(mv_reader_left(&r) == mv_he_public_size(classifier->b.set), MV_E_FORMAT);
    MV_TRY(mv_he_public_read(&key, r.next, mv_reader_left(&r)));
    mv_he_public_free(&classifier->key);
    classifier->key = key;
    classifier->owner = owner;
done:
    return st;
}

/* The bias, and of a private model random numbers wherever there is no score. */
static mv_status encode_masks(mv_classifier *m)
{
    mv_status st = MV_OK;
    const uint32_t n = mv_he_set_degree(m->b.set);
    const uint64_t t = mv_he_set_plain_modulus(m->b.set);
    const mv_modulus mod = mv_modulus_make(t);
    uint64_t *word = NULL;
    word = malloc(2 * n * sizeof *word);
    MV_ENSURE(word != NULL, MV_E_MEMORY);
    MV_TRY(mv_random_bytes((uint8_t *)word, 2 * n * sizeof *word));
    for (uint32_t i = 0; i < n; i++) { /* 128 bits modulo t: within 2^-98 of uniform */
        const uint64_t x = mv_reduce_wide((mv_u128){word[2 * i], word[2 * i + 1]}, &mod);
        const bool score = i % DIM == DIM - 1 && i / DIM < m->classes;
        m->value[i] = score ? m->value[i] : (int64_t)x - (int64_t)(t / 2);
    }
    MV_TRY(mv_bfv_encode_coefficients(m->b.plain, m->value, n));
done:
    if (word != NULL) {
        mv_wipe(word, 2 * n * sizeof *word);
        free(word);
    }
    return st;
}

mv_status mv_classifier_run(mv_classifier *classifier, uint8_t *out, size_t cap,
                            const uint8_t *query, size_t len)
{
    mv_status st = MV_OK;
    mv_classifier *m = classifier;
    mv_search_owner owner;
    size_t cell = 0;
    mv_reader r = mv_reader_make(query, len);
    MV_ENSURE(m != NULL && out != NULL && query != NULL, MV_E_ARGUMENT);
    const bool hidden = m->b.kind == MV_CLASSIFY_PRIVATE_MODEL;
    MV_ENSURE(cap >= mv_classify_message_sizes(m->b.kind).reply, MV_E_SPACE);
    MV_TRY(mv_search_header_read(&r, MV_CLASSIFY_QUERY, &owner, NULL));
    MV_ENSURE(memcmp(owner.head_hash, m->head_hash, MV_SEARCH_HASH_LEN) == 0, MV_E_MISMATCH);
    MV_ENSURE(!hidden || (m->key != NULL && memcmp(&owner, &m->owner, sizeof owner) == 0),
              MV_E_MISMATCH);
    MV_TRY(mv_search_cipher_read(m->b.cipher, &r));
    MV_TRY(mv_he_mul_plain(m->b.work, m->b.cipher, m->b.cipher, m->weight));
    if (hidden) {
        MV_TRY(encode_masks(m));
    }
    memset(out, 0, mv_classify_message_sizes(m->b.kind).reply);
    mv_search_header_write(out, MV_CLASSIFY_REPLY, &owner);
    mv_store_u32le(out + MV_SEARCH_HEADER_LEN, m->classes);
    MV_TRY(finish(&m->b, out + REPLY_HEAD, cap - REPLY_HEAD, &cell, hidden ? m->b.plain : m->bias,
                  m->key));
done:
    return st;
}
