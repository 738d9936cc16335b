/* SPDX-License-Identifier: Apache-2.0
 *
 * cases_analysis.c: encrypted search and classification. Galleries lie in a folder of TMPDIR; of
 * one block of 8,192 random rows the others are copies, which costs a scan the same.
 */
#include "bench.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/rng.h"
#include "medveil/analysis.h"
#include "medveil/bfv.h"

#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIM = MV_SEARCH_DIM, BLOCK = 8192, BLOCKS = 13 };

static const uint8_t collection_key[32] = {1}, head[MV_SEARCH_HASH_LEN] = {2};

typedef struct search {
    char folder[256];
    mv_search_key *key;
    mv_search_sender *sender;
    mv_search_check *check;
    mv_gallery *gallery;
    mv_search_sizes size;
    uint8_t *message, *query, *reply;
    size_t reply_len;
    unsigned workers;
    uint64_t next; /* name of the next row */
    int32_t *score;
    int8_t value[DIM];
} search;

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info;
    (void)type;
    (void)where;
    return remove(path);
}

static void search_finish(void *user)
{
    search *s = user;
    mv_search_key_free(&s->key);
    mv_search_sender_free(&s->sender);
    mv_search_check_free(&s->check);
    mv_gallery_free(&s->gallery);
    (void)nftw(s->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(s->message);
    free(s->query);
    free(s->reply);
    free(s->score);
    free(s);
}

static void random_value(mv_rand *r, int8_t value[DIM])
{
    double x[DIM], norm = 0;
    for (size_t i = 0; i < DIM; i++) {
        x[i] = mv_rand_normal(r);
        norm += x[i] * x[i];
    }
    for (size_t i = 0; i < DIM; i++) {
        value[i] = (int8_t)lrint(256 * x[i] / sqrt(norm));
    }
}

/* Everybody, and an empty gallery. */
static mv_status search_new(search **out, mv_error *err)
{
    mv_status st = MV_OK;
    mv_rand r = mv_rand_make(1);
    const char *base = getenv("TMPDIR");
    search *s = calloc(1, sizeof *s);
    MV_ENSURE(s != NULL, MV_E_MEMORY);
    *out = s;
    s->workers = 1;
    s->next = 1;
    s->size = mv_search_message_sizes();
    s->message = malloc(s->size.server_keys);
    s->query = malloc(s->size.query);
    s->score = calloc((size_t)BLOCKS * BLOCK, sizeof *s->score);
    MV_ENSURE(s->message != NULL && s->query != NULL && s->score != NULL, MV_E_MEMORY);
    (void)snprintf(s->folder, sizeof s->folder, "%s/medveil-bench-XXXXXX",
                   base == NULL ? "/tmp" : base);
    MV_REQUIRE(mkdtemp(s->folder) != NULL, err, MV_E_IO, "%s cannot be made", s->folder);
    random_value(&r, s->value);
    MV_TRY(mv_search_key_new(&s->key, collection_key, head));
    MV_TRY(mv_search_check_new(&s->check));
    MV_TRY(mv_search_write_server(s->key, s->message, s->size.server_keys));
    MV_TRY(mv_gallery_create(s->folder, s->message, s->size.server_keys, err));
    MV_TRY(mv_search_write_public(s->key, s->message, s->size.public_key));
    MV_TRY(mv_search_sender_new(&s->sender, s->message, s->size.public_key));
    MV_TRY(mv_search_query(s->key, s->query, s->size.query, s->value));
    MV_TRY(mv_gallery_open(&s->gallery, s->folder, err));
done:
    return st;
}

static mv_status scan(void *user, mv_error *err)
{
    search *s = user;
    free(s->reply);
    s->reply = NULL;
    return mv_gallery_scan(s->gallery, &s->reply, &s->reply_len, s->query, s->size.query,
                           s->workers, NULL, err);
}

static mv_status fill_block(search *s, mv_error *err)
{
    mv_status st = MV_OK;
    mv_rand r = mv_rand_make(2);
    int8_t row[MV_SEARCH_GROUP_MAX][DIM];
    uint8_t ids[MV_SEARCH_GROUP_MAX * MV_SEARCH_ROW_ID];
    for (size_t at = 0; at < BLOCK; at += MV_SEARCH_GROUP_MAX) {
        memset(ids, 0, sizeof ids);
        for (size_t i = 0; i < MV_SEARCH_GROUP_MAX; i++) {
            random_value(&r, row[i]);
            mv_store_u64le(ids + i * MV_SEARCH_ROW_ID, s->next++);
        }
        MV_TRY(mv_search_pack(s->key, s->message, s->size.group, row[0], MV_SEARCH_GROUP_MAX));
        MV_TRY(mv_gallery_append_group(s->gallery, ids, MV_SEARCH_GROUP_MAX, s->message,
                                       s->size.group, err));
    }
    MV_TRY(scan(s, err)); /* which makes the block's file */
done:
    return st;
}

/* The first block again and again, and its rows in the log (docs/formats/search.md). */
static mv_status copy_blocks(search *s, mv_error *err)
{
    mv_status st = MV_OK;
    char path[512];
    mv_buffer block = mv_buffer_make(1 << 26), log = mv_buffer_make(1 << 26);
    (void)snprintf(path, sizeof path, "%s/block-00000000.mvsr", s->folder);
    MV_TRY(mv_file_read(&block, path, err));
    for (unsigned i = 1; i < BLOCKS; i++) {
        (void)snprintf(path, sizeof path, "%s/block-%08u.mvsr", s->folder, i);
        MV_TRY(mv_file_write(path, block.bytes, block.len, 0, err));
    }
    for (uint64_t row = 0; row < (uint64_t)BLOCKS * BLOCK; row++) {
        MV_TRY(mv_buffer_put_u64le(&log, 1));
        MV_TRY(mv_buffer_put_u64le(&log, row));
        MV_TRY(mv_buffer_put_u64le(&log, row + 1));
        MV_TRY(mv_buffer_append_zeros(&log, 24));
    }
    (void)snprintf(path, sizeof path, "%s/rows.log", s->folder);
    MV_TRY(mv_file_write(path, log.bytes, log.len, MV_OUTPUT_FORCE, err));
done:
    mv_buffer_clear(&block);
    mv_buffer_clear(&log);
    return st;
}

static mv_status prepare_full(void **out, size_t *bytes, unsigned workers, mv_error *err)
{
    mv_status st = MV_OK;
    search *s = NULL;
    st = search_new(&s, err);
    *out = s;
    MV_TRY(st);
    s->workers = workers;
    MV_TRY(fill_block(s, err));
    MV_TRY(copy_blocks(s, err));
    mv_gallery_free(&s->gallery);
    MV_TRY(mv_gallery_open(&s->gallery, s->folder, err));
    MV_TRY(scan(s, err));
    *bytes = s->reply_len;
done:
    return st;
}

static mv_status prepare_scan_1(void **out, size_t *bytes, mv_error *err)
{
    return prepare_full(out, bytes, 1, err);
}

static mv_status prepare_scan_2(void **out, size_t *bytes, mv_error *err)
{
    return prepare_full(out, bytes, 2, err);
}

static mv_status open_scores(void *user, mv_error *err)
{
    search *s = user;
    (void)err;
    return mv_search_scores(s->key, s->score, (size_t)BLOCKS * BLOCK, s->reply, s->reply_len);
}

static mv_status prepare_check(void **out, size_t *bytes, mv_error *err)
{
    search *s = NULL;
    (void)bytes;
    mv_status st = search_new(&s, err);
    *out = s;
    for (size_t i = 0; st == MV_OK && i < (size_t)BLOCKS * BLOCK; i++) {
        static const int8_t zero[DIM];
        MV_TRY(mv_search_check_add(s->check, zero));
    }
done:
    return st;
}

static mv_status check_scores(void *user, mv_error *err)
{
    search *s = user;
    (void)err;
    return mv_search_check_verify(s->check, s->value, s->score, (size_t)BLOCKS * BLOCK);
}

static mv_status prepare_upload(void **out, size_t *bytes, mv_error *err)
{
    search *s = NULL;
    const mv_status st = search_new(&s, err);
    *out = s;
    *bytes = s == NULL ? 0 : s->size.upload;
    return st;
}

static mv_status upload(void *user, mv_error *err)
{
    search *s = user;
    (void)err;
    return mv_search_upload(s->sender, s->message, s->size.upload, s->value, head);
}

static mv_status prepare_append(void **out, size_t *bytes, mv_error *err)
{
    const mv_status st = prepare_upload(out, bytes, err);
    return st == MV_OK ? upload(*out, err) : st;
}

static mv_status append(void *user, mv_error *err)
{
    search *s = user;
    uint8_t id[MV_SEARCH_ROW_ID] = {0};
    mv_store_u64le(id, s->next++);
    return mv_gallery_append(s->gallery, id, s->message, s->size.upload, err);
}

static mv_status prepare_query(void **out, size_t *bytes, mv_error *err)
{
    const mv_status st = prepare_upload(out, bytes, err);
    *bytes = st == MV_OK ? ((search *)*out)->size.query : 0;
    return st;
}

static mv_status query(void *user, mv_error *err)
{
    search *s = user;
    (void)err;
    return mv_search_query(s->key, s->query, s->size.query, s->value);
}

/* ---- Classification, 3 classes ---- */

typedef struct clinic {
    mv_classify_key *key;
    mv_classifier *model;
    uint8_t *query, *reply;
    mv_classify_sizes size;
} clinic;

static void clinic_finish(void *user)
{
    clinic *c = user;
    mv_classify_key_free(&c->key);
    mv_classifier_free(&c->model);
    free(c->query);
    free(c->reply);
    free(c);
}

static mv_status clinic_new(void **out, size_t *bytes, mv_classify_kind kind)
{
    mv_status st = MV_OK;
    int32_t weight[3][DIM];
    const int64_t bias[3] = {1, 2, 3};
    const int8_t value[DIM] = {100, -100, 50};
    uint8_t *public_key = NULL;
    clinic *c = calloc(1, sizeof *c);
    MV_ENSURE(c != NULL, MV_E_MEMORY);
    *out = c;
    for (int32_t i = 0; i < 3 * DIM; i++) {
        weight[i / DIM][i % DIM] = i % 11 - 5;
    }
    c->size = mv_classify_message_sizes(kind);
    c->query = malloc(c->size.query);
    c->reply = malloc(c->size.reply);
    public_key = malloc(c->size.public_key + 1);
    MV_ENSURE(c->query != NULL && c->reply != NULL && public_key != NULL, MV_E_MEMORY);
    MV_TRY(mv_classify_key_new(&c->key, kind, collection_key, head));
    MV_TRY(mv_classifier_new(&c->model, kind, head, weight[0], bias, 3));
    MV_TRY(mv_classify_query(c->key, c->query, c->size.query, value));
    if (kind == MV_CLASSIFY_PRIVATE_MODEL) {
        MV_TRY(mv_classify_write_public(c->key, public_key, c->size.public_key));
        MV_TRY(mv_classifier_take_key(c->model, public_key, c->size.public_key));
    }
    *bytes = c->size.reply;
done:
    free(public_key);
    return st;
}

static mv_status prepare_public(void **out, size_t *bytes, mv_error *err)
{
    (void)err;
    return clinic_new(out, bytes, MV_CLASSIFY_PUBLIC_MODEL);
}

static mv_status prepare_private(void **out, size_t *bytes, mv_error *err)
{
    (void)err;
    return clinic_new(out, bytes, MV_CLASSIFY_PRIVATE_MODEL);
}

static mv_status classify(void *user, mv_error *err)
{
    clinic *c = user;
    (void)err;
    return mv_classifier_run(c->model, c->reply, c->size.reply, c->query, c->size.query);
}

/* ---- A plain gallery ---- */

typedef struct atlas {
    mv_he_key *key;
    mv_he_work *work;
    mv_he_eval_keys *keys;
    mv_he_matrix *matrix;
    mv_plain *plain;
    mv_cipher *query, *product;
    uint8_t *reply;
    size_t reply_cap, reply_len;
} atlas;

static void atlas_finish(void *user)
{
    atlas *a = user;
    mv_he_key_free(&a->key);
    mv_he_work_free(&a->work);
    mv_he_eval_keys_free(&a->keys);
    mv_he_matrix_free(&a->matrix);
    mv_plain_free(&a->plain);
    mv_cipher_free(&a->query);
    mv_cipher_free(&a->product);
    free(a->reply);
    free(a);
}

static mv_status atlas_product(void *user, mv_error *err)
{
    atlas *a = user;
    (void)err;
    const mv_status st = mv_he_matrix_mul(a->work, a->product, a->matrix, a->query, a->keys);
    return st == MV_OK ? mv_cipher_reply(a->work, a->reply, a->reply_cap, &a->reply_len, a->product)
                       : st;
}

static mv_status prepare_atlas(void **out, size_t *bytes, mv_error *err)
{
    static const mv_he_matrix_shape shape = {4096, DIM};
    const mv_he_set *set = mv_he_set_find("score4096");
    mv_status st = MV_OK;
    int32_t steps[2];
    int64_t *value = malloc((size_t)shape.rows * DIM * sizeof *value);
    atlas *a = calloc(1, sizeof *a);
    MV_ENSURE(a != NULL && value != NULL, MV_E_MEMORY);
    *out = a;
    mv_rand r = mv_rand_make(3);
    for (size_t i = 0; i < (size_t)shape.rows * DIM; i++) {
        value[i] = (int64_t)mv_rand_below(&r, 21) - 10; /* length below 78 */
    }
    MV_TRY(mv_he_key_new(&a->key, set, collection_key));
    MV_TRY(mv_he_work_new(&a->work, set));
    MV_TRY(mv_he_eval_keys_new(&a->keys, set));
    MV_TRY(mv_plain_new(&a->plain, set));
    MV_TRY(mv_cipher_new(&a->query, set));
    MV_TRY(mv_cipher_new(&a->product, set));
    MV_TRY(mv_he_matrix_steps(steps, set, &shape));
    for (int i = 0; i < 2; i++) {
        mv_he_eval_key *one = NULL;
        MV_TRY(mv_he_eval_key_rotate(&one, a->key, steps[i]));
        MV_TRY(mv_he_eval_keys_add(a->keys, &one));
    }
    MV_TRY(mv_bfv_matrix_new(&a->matrix, set, &shape, value));
    MV_TRY(mv_bfv_matrix_place(a->plain, &shape, value));
    MV_TRY(mv_he_encrypt(a->work, a->query, a->key, a->plain));
    a->reply_cap = mv_cipher_reply_size(set);
    a->reply = malloc(a->reply_cap);
    MV_ENSURE(a->reply != NULL, MV_E_MEMORY);
    MV_TRY(atlas_product(a, err));
    *bytes = a->reply_len;
done:
    free(value);
    return st;
}

const bench_case bench_cases_analysis[] = {
    {"analysis classify public", "128-d, 3 classes", NULL, prepare_public, classify, clinic_finish},
    {"analysis classify private", "128-d, 3 classes", NULL, prepare_private, classify,
     clinic_finish},
    {"analysis plain gallery", "4096 x 128", NULL, prepare_atlas, atlas_product, atlas_finish},
    {"analysis search upload", "one embedding", NULL, prepare_upload, upload, search_finish},
    {"analysis search append", "one embedding", NULL, prepare_append, append, search_finish},
    {"analysis search query", "one embedding", NULL, prepare_query, query, search_finish},
    {"analysis search scan", "106496 x 128, 1 thread", NULL, prepare_scan_1, scan, search_finish},
    {"analysis search scan", "106496 x 128, 2 threads", NULL, prepare_scan_2, scan, search_finish},
    {"analysis search scores", "106496 rows", NULL, prepare_scan_1, open_scores, search_finish},
    {"analysis search check", "106496 rows", NULL, prepare_check, check_scores, search_finish},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
