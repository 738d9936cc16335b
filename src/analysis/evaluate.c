/* SPDX-License-Identifier: Apache-2.0
 *
 * evaluate.c: does retrieval rank as well on encrypted embeddings as in the clear? Mean average
 * precision (20) with real numbers, with their integers, and with what a gallery answers.
 */
#include "analysis/search_internal.h"

#include <math.h>
#include <string.h>

enum { DIM = MV_SEARCH_DIM };

/* The scores of one query in the three ways, and the order they give. */
typedef struct rankings {
    float *real;
    int32_t *whole, *opened;
    uint32_t *order;
} rankings;

static void quantise(int8_t out[DIM], const float *unit)
{
    for (size_t i = 0; i < DIM; i++) {
        const float v = roundf(256 * unit[i]);
        out[i] = (int8_t)(v > 127 ? 127 : v < -127 ? -127 : v);
    }
}

/* Average precision of an order of rows: the mean, over rows of the query's class, of the share of
 * that class among the rows up to it. -1: there is none. */
static double average_precision(const uint32_t *order, size_t rows, const uint32_t *label,
                                uint32_t wanted)
{
    double sum = 0;
    size_t found = 0;
    for (size_t i = 0; i < rows; i++) {
        if (label[order[i]] == wanted) {
            sum += (double)++found / (double)(i + 1);
        }
    }
    return found == 0 ? -1 : sum / (double)found;
}

/* The order of real scores: as mv_search_top, by insertion. */
static void order_reals(uint32_t *order, const float *score, size_t rows)
{
    for (size_t i = 0; i < rows; i++) {
        size_t at = i;
        for (; at > 0 && score[i] > score[order[at - 1]]; at--) {
            order[at] = order[at - 1];
        }
        order[at] = (uint32_t)i;
    }
}

static void score_plain(rankings *r, const mv_search_trial *t, const int8_t *row,
                        const float *query, const int8_t *whole)
{
    for (size_t i = 0; i < t->rows; i++) {
        float real = 0;
        int32_t sum = 0;
        for (size_t k = 0; k < DIM; k++) {
            real += t->row[i * DIM + k] * query[k];
            sum += row[i * DIM + k] * whole[k];
        }
        r->real[i] = real;
        r->whole[i] = sum;
    }
}

static mv_status fill(mv_gallery *g, mv_search_key *key, uint8_t *message, const int8_t *row,
                      size_t rows, mv_error *err)
{
    mv_status st = MV_OK;
    const size_t size = mv_search_message_sizes().group;
    uint8_t ids[MV_SEARCH_GROUP_MAX * MV_SEARCH_ROW_ID];
    for (size_t at = 0; at < rows; at += MV_SEARCH_GROUP_MAX) {
        const uint32_t count =
            (uint32_t)(rows - at < MV_SEARCH_GROUP_MAX ? rows - at : MV_SEARCH_GROUP_MAX);
        memset(ids, 0, sizeof ids);
        for (size_t i = 0; i < count; i++) {
            mv_store_u64le(ids + i * MV_SEARCH_ROW_ID, at + i + 1);
        }
        MV_TRY(mv_search_pack(key, message, size, row + at * DIM, count));
        MV_TRY(mv_gallery_append_group(g, ids, count, message, size, err));
    }
done:
    return st;
}

/* One query in all three ways, added to out. */
static mv_status try_query(mv_search_result *out, rankings *r, const mv_search_trial *t, size_t q,
                           const int8_t *row, mv_gallery *g, mv_search_key *key, uint8_t *message,
                           mv_error *err)
{
    mv_status st = MV_OK;
    int8_t whole[DIM];
    uint8_t *reply = NULL;
    size_t len = 0;
    const float *query = t->query + q * DIM;
    const uint32_t wanted = t->query_label[q];
    quantise(whole, query);
    score_plain(r, t, row, query, whole);
    MV_TRY(mv_search_query(key, message, mv_search_message_sizes().query, whole));
    MV_TRY(mv_gallery_scan(g, &reply, &len, message, mv_search_message_sizes().query, t->workers,
                           NULL, err));
    MV_TRY(mv_search_scores(key, r->opened, t->rows, reply, len));
    order_reals(r->order, r->real, t->rows);
    const double real = average_precision(r->order, t->rows, t->row_label, wanted);
    MV_REQUIRE(real >= 0, err, MV_E_ARGUMENT, "query %zu is of a class that no row has", q);
    out->map_real += real / (double)t->queries;
    (void)mv_search_top(r->order, t->rows, r->whole, t->rows);
    out->map_integer +=
        average_precision(r->order, t->rows, t->row_label, wanted) / (double)t->queries;
    (void)mv_search_top(r->order, t->rows, r->opened, t->rows);
    out->map_encrypted +=
        average_precision(r->order, t->rows, t->row_label, wanted) / (double)t->queries;
    for (size_t i = 0; i < t->rows; i++) {
        out->differing += r->whole[i] != r->opened[i];
    }
done:
    free(reply);
    return st;
}

static mv_status rankings_new(rankings *r, size_t rows)
{
    r->real = malloc(rows * sizeof *r->real);
    r->whole = malloc(rows * sizeof *r->whole);
    r->opened = malloc(rows * sizeof *r->opened);
    r->order = malloc(rows * sizeof *r->order);
    return r->real == NULL || r->whole == NULL || r->opened == NULL || r->order == NULL
               ? MV_E_MEMORY
               : MV_OK;
}

static void rankings_free(rankings *r)
{
    free(r->real);
    free(r->whole);
    free(r->opened);
    free(r->order);
}

mv_status mv_search_evaluate(mv_search_result *out, const mv_search_trial *trial,
                             const char *folder, mv_error *err)
{
    mv_status st = MV_OK;
    static const uint8_t head[MV_SEARCH_HASH_LEN] = {0}, key_bytes[MV_COLLECTION_KEY_LEN] = {1};
    const size_t size = mv_search_message_sizes().server_keys;
    mv_search_key *key = NULL;
    mv_gallery *g = NULL;
    rankings r = {0};
    int8_t *row = NULL;
    uint8_t *message = NULL;
    MV_ENSURE(out != NULL && trial != NULL && folder != NULL, MV_E_ARGUMENT);
    *out = (mv_search_result){0};
    MV_ENSURE(trial->rows >= 1 && trial->queries >= 1 && trial->workers >= 1, MV_E_ARGUMENT);
    row = malloc(trial->rows * DIM);
    message = malloc(size);
    MV_ENSURE(row != NULL && message != NULL, MV_E_MEMORY);
    MV_TRY(rankings_new(&r, trial->rows));
    for (size_t i = 0; i < trial->rows; i++) {
        quantise(row + i * DIM, trial->row + i * DIM);
    }
    MV_TRY(mv_search_key_new(&key, key_bytes, head));
    MV_TRY(mv_search_write_server(key, message, size));
    MV_TRY(mv_gallery_create(folder, message, size, err));
    MV_TRY(mv_gallery_open(&g, folder, err));
    MV_TRY(fill(g, key, message, row, trial->rows, err));
    for (size_t q = 0; q < trial->queries; q++) {
        MV_TRY(try_query(out, &r, trial, q, row, g, key, message, err));
    }
done:
    mv_gallery_free(&g);
    mv_search_key_free(&key);
    rankings_free(&r);
    free(row);
    free(message);
    if (st != MV_OK && out != NULL) {
        *out = (mv_search_result){0};
    }
    return st;
}
