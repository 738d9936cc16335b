/* SPDX-License-Identifier: Apache-2.0
 *
 * network.c: a small network on one encrypted embedding, under CKKS (deep8192).
 *
 *     score = second (first x + shift)^2 + bias,    at most 128 hidden values, 32 classes
 *
 * Three products in a row, which is what deep8192 has. After the first the 32 copies of the matrix
 * product are added up by five rotations, so that each run of 128 slots holds all hidden values;
 * run c meets row c of the second matrix. The key holder adds up the 128 slots of each run.
 */
#include "analysis/search_internal.h"

#include "base/secret.h"
#include "medveil/ckks.h"

#include <math.h>
#include <string.h>

enum { DIM = MV_SEARCH_DIM, CLASSES = MV_CLASSIFY_CLASSES_MAX, KEYS = 8, SLOTS = DIM * CLASSES };

static const mv_he_matrix_shape shape = {DIM, DIM};

static const mv_he_set *network_set(void)
{
    return mv_he_set_find("deep8192");
}

/* Scratch of either side. */
typedef struct bench {
    mv_he_work *work;
    mv_plain *plain;
    mv_cipher *cipher, *turned;
    double *slot; /* SLOTS */
} bench;

struct mv_network {
    bench b;
    uint8_t head_hash[MV_SEARCH_HASH_LEN];
    uint32_t classes;
    mv_he_matrix *first;
    double *shift, *second, *last; /* SLOTS each, as they meet the slots */
    double shift_bound, second_bound, last_bound;
    mv_he_eval_keys *keys;
    mv_search_owner owner; /* of the keys */
};

struct mv_network_key {
    bench b;
    mv_search_owner owner;
    mv_he_key *key;
};

/* ---- Both sides ---- */

static void bench_clear(bench *b)
{
    if (b->slot != NULL) {
        mv_wipe(b->slot, SLOTS * sizeof *b->slot);
        free(b->slot);
    }
    mv_he_work_free(&b->work);
    mv_plain_free(&b->plain);
    mv_cipher_free(&b->cipher);
    mv_cipher_free(&b->turned);
}

static mv_status bench_make(bench *b)
{
    mv_status st = MV_OK;
    MV_TRY(mv_he_work_new(&b->work, network_set()));
    MV_TRY(mv_plain_new(&b->plain, network_set()));
    MV_TRY(mv_cipher_new(&b->cipher, network_set()));
    MV_TRY(mv_cipher_new(&b->turned, network_set()));
    b->slot = malloc(SLOTS * sizeof *b->slot);
    MV_ENSURE(b->slot != NULL, MV_E_MEMORY);
done:
    return st;
}

mv_network_sizes mv_network_message_sizes(void)
{
    return (mv_network_sizes){
        .keys = MV_SEARCH_HEADER_LEN + KEYS * mv_he_eval_key_size(network_set()),
        .query = MV_SEARCH_HEADER_LEN + mv_search_cipher_len(network_set(), true),
        .reply = MV_SEARCH_HEADER_LEN + 4 + mv_cipher_reply_size(network_set()),
    };
}

/* Rotations: two of the matrix product, five over the copies. */
static mv_status key_steps(int32_t steps[KEYS - 1])
{
    mv_status st = MV_OK;
    MV_TRY(mv_he_matrix_steps(steps, network_set(), &shape));
    for (int i = 0; i < 5; i++) {
        steps[2 + i] = DIM << i;
    }
done:
    return st;
}

/* ---- The key holder ---- */

mv_status mv_network_key_new(mv_network_key **out, const uint8_t collection_key[32],
                             const uint8_t head_hash[MV_SEARCH_HASH_LEN])
{
    mv_status st = MV_OK;
    mv_network_key *k = NULL;
    MV_ENSURE(out != NULL, MV_E_ARGUMENT);
    *out = NULL;
    MV_ENSURE(collection_key != NULL && head_hash != NULL, MV_E_ARGUMENT);
    k = calloc(1, sizeof *k);
    MV_ENSURE(k != NULL, MV_E_MEMORY);
    MV_TRY(mv_search_owner_make(&k->owner, collection_key, head_hash));
    MV_TRY(bench_make(&k->b));
    MV_TRY(mv_he_key_new(&k->key, network_set(), collection_key));
    *out = k;
    k = NULL;
done:
    mv_network_key_free(&k);
    return st;
}

void mv_network_key_free(mv_network_key **key)
{
    if (key != NULL && *key != NULL) {
        bench_clear(&(*key)->b);
        mv_he_key_free(&(*key)->key);
        free(*key);
        *key = NULL;
    }
}

mv_status mv_network_write_keys(mv_network_key *key, uint8_t *out, size_t cap)
{
    mv_status st = MV_OK;
    int32_t steps[KEYS - 1];
    mv_he_eval_key *one = NULL;
    const size_t each = mv_he_eval_key_size(network_set());
    MV_ENSURE(key != NULL && out != NULL, MV_E_ARGUMENT);
    MV_ENSURE(cap >= mv_network_message_sizes().keys, MV_E_SPACE);
    MV_TRY(key_steps(steps));
    mv_search_header_write(out, MV_NETWORK_KEYS, &key->owner);
    for (size_t i = 0; i < KEYS; i++) {
        size_t len = 0;
        MV_TRY(i == KEYS - 1 ? mv_he_eval_key_relin(&one, key->key)
                             : mv_he_eval_key_rotate(&one, key->key, steps[i]));
        MV_TRY(mv_he_eval_key_write(out + MV_SEARCH_HEADER_LEN + i * each, each, &len, one));
        mv_he_eval_key_free(&one);
    }
done:
    mv_he_eval_key_free(&one);
    return st;
}

mv_status mv_network_query(mv_network_key *key, uint8_t *out, size_t cap,
                           const int8_t value[MV_SEARCH_DIM])
{
    mv_status st = MV_OK;
    double x[DIM];
    MV_ENSURE(key != NULL && out != NULL && value != NULL, MV_E_ARGUMENT);
    for (size_t i = 0; i < DIM; i++) {
        x[i] = value[i] / 256.0;
    }
    MV_TRY(mv_ckks_matrix_place(key->b.work, key->b.plain, &shape, x, 0.5));
    MV_TRY(mv_search_query_write(out, cap, mv_network_message_sizes().query, MV_NETWORK_QUERY,
                                 &key->owner, key->b.work, key->b.cipher, key->key, key->b.plain));
done:
    mv_wipe(x, sizeof x);
    return st;
}

mv_status mv_network_scores(mv_network_key *key, double score[MV_CLASSIFY_CLASSES_MAX],
                            uint32_t *classes, const uint8_t *reply, size_t len)
{
    mv_status st = MV_OK;
    uint32_t count = 0;
    mv_reader r = mv_reader_make(reply, len);
    MV_ENSURE(key != NULL && score != NULL && classes != NULL && reply != NULL, MV_E_ARGUMENT);
    memset(score, 0, CLASSES * sizeof *score);
    *classes = 0;
    MV_TRY(mv_search_classes_read(&r, &count, MV_NETWORK_REPLY, &key->owner));
    MV_TRY(mv_cipher_read(key->b.cipher, r.next, mv_reader_left(&r)));
    MV_TRY(mv_ckks_decrypt(key->b.work, key->b.slot, NULL, SLOTS, key->key, key->b.cipher));
    for (size_t i = 0; i < (size_t)count * DIM; i++) {
        score[i / DIM] += key->b.slot[i];
    }
    *classes = count;
done:
    return st;
}

/* ---- The network's keeper ---- */

static double largest(const double *value, size_t count)
{
    double most = 0x1p-20; /* a bound is never 0 */
    for (size_t i = 0; i < count; i++) {
        most = fmax(most, fabs(value[i]));
    }
    return most;
}

static mv_status network_fill(mv_network *m, const mv_network_weights *w)
{
    mv_status st = MV_OK;
    double *matrix = calloc((size_t)DIM * DIM, sizeof *matrix);
    MV_ENSURE(matrix != NULL, MV_E_MEMORY);
    memcpy(matrix, w->first, (size_t)w->hidden * DIM * sizeof *matrix);
    MV_TRY(mv_ckks_matrix_new(&m->first, network_set(), &shape, matrix,
                              largest(matrix, (size_t)DIM * DIM)));
    for (size_t i = 0; i < SLOTS; i++) {
        const size_t class = i / DIM, h = i % DIM;
        const bool there = class < w->classes && h < w->hidden;
        m->shift[i] = h < w->hidden ? w->shift[h] : 0;
        m->second[i] = there ? w->second[class * w->hidden + h] : 0;
        m->last[i] = there && h == 0 ? w->bias[class] : 0;
    }
    m->shift_bound = largest(m->shift, SLOTS);
    m->second_bound = largest(m->second, SLOTS);
    m->last_bound = largest(m->last, SLOTS);
done:
    free(matrix);
    return st;
}

mv_status mv_network_new(mv_network **out, const uint8_t head_hash[MV_SEARCH_HASH_LEN],
                         const mv_network_weights *weights)
{
    mv_status st = MV_OK;
    mv_network *m = NULL;
    MV_ENSURE(out != NULL, MV_E_ARGUMENT);
    *out = NULL;
    MV_ENSURE(head_hash != NULL && weights != NULL, MV_E_ARGUMENT);
    MV_ENSURE(weights->hidden >= 1 && weights->hidden <= DIM, MV_E_ARGUMENT);
    MV_ENSURE(weights->classes >= 1 && weights->classes <= CLASSES, MV_E_ARGUMENT);
    m = calloc(1, sizeof *m);
    MV_ENSURE(m != NULL, MV_E_MEMORY);
    MV_TRY(bench_make(&m->b));
    memcpy(m->head_hash, head_hash, MV_SEARCH_HASH_LEN);
    m->classes = weights->classes;
    m->shift = calloc(3 * SLOTS, sizeof *m->shift);
    MV_ENSURE(m->shift != NULL, MV_E_MEMORY);
    m->second = m->shift + SLOTS;
    m->last = m->second + SLOTS;
    MV_TRY(network_fill(m, weights));
    *out = m;
    m = NULL;
done:
    mv_network_free(&m);
    return st;
}

void mv_network_free(mv_network **network)
{
    if (network != NULL && *network != NULL) {
        bench_clear(&(*network)->b);
        mv_he_matrix_free(&(*network)->first);
        mv_he_eval_keys_free(&(*network)->keys);
        free((*network)->shift);
        free(*network);
        *network = NULL;
    }
}

mv_status mv_network_take_keys(mv_network *network, const uint8_t *keys, size_t len)
{
    mv_status st = MV_OK;
    mv_search_owner owner;
    mv_he_eval_keys *all = NULL;
    mv_he_eval_key *one = NULL;
    const size_t each = mv_he_eval_key_size(network_set());
    mv_reader r = mv_reader_make(keys, len);
    MV_ENSURE(network != NULL && keys != NULL, MV_E_ARGUMENT);
    MV_TRY(mv_search_header_read(&r, MV_NETWORK_KEYS, &owner, NULL));
    MV_ENSURE(memcmp(owner.head_hash, network->head_hash, MV_SEARCH_HASH_LEN) == 0, MV_E_MISMATCH);
    MV_ENSURE(mv_reader_left(&r) == KEYS * each, MV_E_FORMAT);
    MV_TRY(mv_he_eval_keys_new(&all, network_set()));
    for (size_t i = 0; i < KEYS; i++) {
        const uint8_t *bytes = NULL;
        MV_TRY(mv_read_view(&r, &bytes, each));
        MV_TRY(mv_he_eval_key_read(&one, bytes, each));
        MV_TRY(mv_he_eval_keys_add(all, &one));
    }
    mv_he_eval_keys_free(&network->keys);
    network->keys = all;
    network->owner = owner;
    all = NULL;
done:
    mv_he_eval_key_free(&one);
    mv_he_eval_keys_free(&all);
    return st;
}

/* Slot s becomes the sum of the slots that are s modulo 128. */
static mv_status add_copies(bench *b, const mv_he_eval_keys *keys)
{
    mv_status st = MV_OK;
    for (int32_t step = DIM; step < SLOTS; step *= 2) {
        MV_TRY(mv_he_rotate(b->work, b->turned, b->cipher, step, keys));
        MV_TRY(mv_he_add(b->work, b->cipher, b->cipher, b->turned));
    }
done:
    return st;
}

/* A plain for the level at which the cipher is. */
static mv_status encode_here(bench *b, const double *slot, double bound)
{
    return mv_ckks_encode_at(b->work, b->plain, slot, NULL, SLOTS, bound,
                             mv_cipher_level(b->cipher));
}

static mv_status compute(mv_network *m)
{
    mv_status st = MV_OK;
    bench *b = &m->b;
    MV_TRY(mv_he_matrix_mul(b->work, b->cipher, m->first, b->cipher, m->keys));
    MV_TRY(mv_he_drop(b->work, b->cipher, b->cipher));
    MV_TRY(add_copies(b, m->keys));
    MV_TRY(encode_here(b, m->shift, m->shift_bound));
    MV_TRY(mv_he_add_plain(b->work, b->cipher, b->cipher, b->plain));
    MV_TRY(mv_he_square(b->work, b->cipher, b->cipher, m->keys));
    MV_TRY(mv_he_drop(b->work, b->cipher, b->cipher));
    MV_TRY(encode_here(b, m->second, m->second_bound));
    MV_TRY(mv_he_mul_plain(b->work, b->cipher, b->cipher, b->plain));
    MV_TRY(mv_he_drop(b->work, b->cipher, b->cipher));
    MV_TRY(encode_here(b, m->last, m->last_bound));
    MV_TRY(mv_he_add_plain(b->work, b->cipher, b->cipher, b->plain));
done:
    return st;
}

mv_status mv_network_run(mv_network *network, uint8_t *out, size_t cap, size_t *written,
                         const uint8_t *query, size_t len)
{
    enum { HEAD = MV_SEARCH_HEADER_LEN + 4 };
    mv_status st = MV_OK;
    mv_search_owner owner;
    mv_network *m = network;
    size_t reply = 0;
    mv_reader r = mv_reader_make(query, len);
    MV_ENSURE(m != NULL && out != NULL && written != NULL && query != NULL, MV_E_ARGUMENT);
    *written = 0;
    MV_ENSURE(cap >= mv_network_message_sizes().reply, MV_E_SPACE);
    MV_ENSURE(m->keys != NULL, MV_E_NOT_FOUND);
    MV_TRY(mv_search_header_read(&r, MV_NETWORK_QUERY, &owner, &m->owner));
    MV_TRY(mv_search_cipher_read(m->b.cipher, &r));
    MV_TRY(compute(m));
    mv_search_header_write(out, MV_NETWORK_REPLY, &owner);
    mv_store_u32le(out + MV_SEARCH_HEADER_LEN, m->classes);
    MV_TRY(mv_cipher_reply(m->b.work, out + HEAD, cap - HEAD, &reply, m->b.cipher));
    *written = HEAD + reply;
done:
    return st;
}
