/* SPDX-License-Identifier: Apache-2.0
 *
 * test_analysis.c: a gallery gives the dot products of plain integers, whoever filled it, and a
 * keeper who lies is caught.
 */
#include "analysis/gallery_internal.h"
#include "base/rng.h"
#include "folder.h"

#include <math.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

static const uint8_t collection_key[32] = {1, 2, 3};
static const uint8_t head[MV_SEARCH_HASH_LEN] = {9};

enum { ROWS_MAX = 400 };

/* A gallery with everybody around it, and what is in it in the clear. */
typedef struct world {
    char folder[TEST_FOLDER_MAX];
    mv_search_key *key;
    mv_search_sender *sender;
    mv_gallery *gallery;
    mv_search_check *check;
    int8_t row[ROWS_MAX][MV_SEARCH_DIM];
    size_t rows;
    uint8_t *message;
    mv_rand rand;
} world;

/* A unit vector as an embedding's integers. */
static void random_values(mv_rand *r, int8_t *value)
{
    double x[MV_SEARCH_DIM], norm = 0;
    for (size_t i = 0; i < MV_SEARCH_DIM; i++) {
        x[i] = mv_rand_normal(r);
        norm += x[i] * x[i];
    }
    for (size_t i = 0; i < MV_SEARCH_DIM; i++) {
        value[i] = (int8_t)lrint(256 * x[i] / sqrt(norm));
    }
}

static void row_id(uint8_t id[MV_SEARCH_ROW_ID], size_t row)
{
    memset(id, 0xee, MV_SEARCH_ROW_ID);
    mv_store_u64le(id, row);
}

static int world_make(void **state)
{
    const mv_search_sizes size = mv_search_message_sizes();
    world *w = calloc(1, sizeof *w);
    *state = w;
    w->rand = mv_rand_make(4);
    folder_make(w->folder);
    w->message = malloc(size.server_keys);
    assert_int_equal(mv_search_key_new(&w->key, collection_key, head), MV_OK);
    assert_int_equal(mv_search_write_server(w->key, w->message, size.server_keys), MV_OK);
    assert_int_equal(mv_gallery_create(w->folder, w->message, size.server_keys, NULL), MV_OK);
    assert_int_equal(mv_search_write_public(w->key, w->message, size.public_key), MV_OK);
    assert_int_equal(mv_search_sender_new(&w->sender, w->message, size.public_key), MV_OK);
    assert_int_equal(mv_gallery_open(&w->gallery, w->folder, NULL), MV_OK);
    assert_int_equal(mv_search_check_new(&w->check), MV_OK);
    return 0;
}

static int world_end(void **state)
{
    world *w = *state;
    folder_remove(w->folder);
    mv_search_key_free(&w->key);
    mv_search_sender_free(&w->sender);
    mv_gallery_free(&w->gallery);
    mv_search_check_free(&w->check);
    free(w->message);
    free(w);
    return 0;
}

static void reopen(world *w)
{
    mv_gallery_free(&w->gallery);
    assert_int_equal(mv_gallery_open(&w->gallery, w->folder, NULL), MV_OK);
}

static void send(world *w, const int8_t *value)
{
    uint8_t id[MV_SEARCH_ROW_ID];
    const size_t size = mv_search_message_sizes().upload;
    memcpy(w->row[w->rows], value, MV_SEARCH_DIM);
    row_id(id, w->rows++);
    assert_int_equal(mv_search_upload(w->sender, w->message, size, value, head), MV_OK);
    assert_int_equal(mv_gallery_append(w->gallery, id, w->message, size, NULL), MV_OK);
    assert_int_equal(mv_search_check_add(w->check, value), MV_OK);
}

static void send_random(world *w, size_t count)
{
    for (; count > 0; count--) {
        int8_t value[MV_SEARCH_DIM];
        random_values(&w->rand, value);
        send(w, value);
    }
}

/* What the gallery has to do before a group of the key holder's begins. */
static void note_gap(world *w)
{
    static const int8_t zero[MV_SEARCH_DIM] = {0};
    while (w->rows % MV_SEARCH_GROUP_MAX != 0) {
        memcpy(w->row[w->rows++], zero, MV_SEARCH_DIM);
        assert_int_equal(mv_search_check_add(w->check, zero), MV_OK);
    }
}

static void pack_random(world *w, uint32_t count)
{
    uint8_t ids[MV_SEARCH_GROUP_MAX * MV_SEARCH_ROW_ID];
    const size_t size = mv_search_message_sizes().group;
    note_gap(w);
    for (uint32_t i = 0; i < count; i++) {
        random_values(&w->rand, w->row[w->rows + i]);
        row_id(ids + (size_t)i * MV_SEARCH_ROW_ID, w->rows + i);
        assert_int_equal(mv_search_check_add(w->check, w->row[w->rows + i]), MV_OK);
    }
    assert_int_equal(mv_search_pack(w->key, w->message, size, w->row[w->rows], count), MV_OK);
    assert_int_equal(mv_gallery_append_group(w->gallery, ids, count, w->message, size, NULL),
                     MV_OK);
    w->rows += count;
}

static int32_t dot(const int8_t *a, const int8_t *b)
{
    int32_t sum = 0;
    for (size_t i = 0; i < MV_SEARCH_DIM; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

/* The scores of a query, from the gallery. Caller frees the reply if it wants it. */
static void ask(world *w, int32_t *score, const int8_t *query, uint8_t **kept, size_t *kept_len)
{
    uint8_t *reply = NULL;
    size_t len = 0;
    const size_t size = mv_search_message_sizes().query;
    assert_int_equal(mv_search_query(w->key, w->message, size, query), MV_OK);
    assert_int_equal(mv_gallery_scan(w->gallery, &reply, &len, w->message, size, 2, NULL, NULL),
                     MV_OK);
    assert_int_equal(mv_search_reply_rows(w->key, reply, len), w->rows);
    assert_int_equal(mv_search_scores(w->key, score, ROWS_MAX, reply, len), MV_OK);
    if (kept != NULL) {
        *kept = reply;
        *kept_len = len;
    } else {
        free(reply);
    }
}

static void expect_exact(world *w)
{
    int32_t score[ROWS_MAX];
    int8_t query[MV_SEARCH_DIM];
    random_values(&w->rand, query);
    ask(w, score, query, NULL, NULL);
    for (size_t i = 0; i < w->rows; i++) {
        assert_int_equal(score[i], dot(query, w->row[i]));
    }
    assert_int_equal(mv_search_check_verify(w->check, query, score, w->rows), MV_OK);
}

static void scores_equal_the_dot_products_of_plain_integers(void **state)
{
    world *w = *state;
    send_random(w, 3);
    expect_exact(w);
    send_random(w, 2); /* after a scan the open group is made anew */
    expect_exact(w);
}

static void senders_and_the_key_holder_fill_one_gallery(void **state)
{
    world *w = *state;
    send_random(w, 2);
    pack_random(w, 5);
    note_gap(w); /* uploads do not go into the key holder's group */
    send_random(w, 1);
    pack_random(w, 64);
    expect_exact(w);
    reopen(w);
    assert_int_equal(mv_gallery_rows(w->gallery), w->rows);
    expect_exact(w);
    uint8_t id[MV_SEARCH_ROW_ID];
    int removed = 0;
    assert_int_equal(mv_gallery_row(w->gallery, 1, id, &removed), MV_OK);
    assert_int_equal(removed, 0);
    assert_int_equal(mv_gallery_row(w->gallery, 2, id, &removed), MV_OK); /* fills the group */
    assert_int_equal(removed, 1);
}

static void the_largest_embeddings_do_not_overflow(void **state)
{
    world *w = *state;
    int8_t full[MV_SEARCH_DIM] = {0}, minus[MV_SEARCH_DIM];
    for (size_t i = 0; i < MV_SEARCH_DIM; i++) { /* squares sum to 128 23^2 = 67,712 <= 68,464 */
        full[i] = 23;
        minus[i] = -23;
    }
    send(w, full);
    send(w, minus);
    int32_t score[ROWS_MAX];
    ask(w, score, full, NULL, NULL);
    assert_int_equal(score[0], 67712);
    assert_int_equal(score[1], -67712);
    assert_true(mv_he_set_plain_modulus(mv_scan_set()) > 2 * 68464);
}

static void a_keeper_who_lies_is_caught(void **state)
{
    world *w = *state;
    int32_t score[ROWS_MAX], other[ROWS_MAX];
    int8_t query[MV_SEARCH_DIM];
    send_random(w, 3);
    random_values(&w->rand, query);
    uint8_t *stale = NULL;
    size_t stale_len = 0;
    ask(w, score, query, &stale, &stale_len);
    assert_int_equal(mv_search_check_verify(w->check, query, score, w->rows), MV_OK);
    score[1]++; /* a wrong score */
    assert_int_equal(mv_search_check_verify(w->check, query, score, w->rows), MV_E_AUTH);
    score[1]--;
    const int32_t swap = score[0]; /* rows that change places */
    score[0] = score[2];
    score[2] = swap;
    assert_int_equal(mv_search_check_verify(w->check, query, score, w->rows), MV_E_AUTH);
    assert_int_equal(mv_search_check_verify(w->check, query, score, w->rows - 1), MV_E_AUTH);
    send_random(w, 1); /* an outdated gallery: fewer rows, or the old rows under the new number */
    assert_int_equal(mv_search_scores(w->key, other, ROWS_MAX, stale, stale_len), MV_OK);
    assert_int_equal(mv_search_check_verify(w->check, query, other, w->rows - 1), MV_E_AUTH);
    mv_store_u64le(stale + MV_SEARCH_HEADER_LEN, w->rows);
    assert_int_equal(mv_search_scores(w->key, other, ROWS_MAX, stale, stale_len), MV_OK);
    assert_int_equal(mv_search_check_verify(w->check, query, other, w->rows), MV_E_AUTH);
    free(stale);
}

static void rows_of_others_are_vouched_for_once_they_are_known(void **state)
{
    world *w = *state;
    mv_search_check *check = NULL;
    int32_t score[ROWS_MAX];
    int8_t query[MV_SEARCH_DIM];
    uint8_t *reply = NULL;
    size_t len = 0;
    send_random(w, 3);
    random_values(&w->rand, query);
    ask(w, score, query, &reply, &len);
    assert_int_equal(mv_search_check_new(&check), MV_OK);
    assert_int_equal(mv_search_check_add(check, w->row[0]), MV_OK);
    assert_int_equal(mv_search_check_skip(check, 3), MV_OK); /* two of somebody else */
    assert_int_equal(mv_search_check_verify(check, query, score, 3), MV_OK);
    assert_int_equal(mv_search_check_verify(check, query, score, 2), MV_E_AUTH); /* one is gone */
    score[1]++; /* nobody vouches for it yet */
    assert_int_equal(mv_search_check_verify(check, query, score, 3), MV_OK);
    assert_int_equal(mv_search_check_learn(check, 1, w->row[1]), MV_OK);
    assert_int_equal(mv_search_check_learn(check, 1, w->row[1]), MV_E_EXISTS);
    assert_int_equal(mv_search_check_verify(check, query, score, 3), MV_E_AUTH);
    score[1]--;
    assert_int_equal(mv_search_check_verify(check, query, score, 3), MV_OK);
    assert_int_equal(mv_search_check_knows(check, 1), 1);
    assert_int_equal(mv_search_check_knows(check, 2), 0);
    mv_search_check_free(&check);
    free(reply);
}

static void a_check_survives_being_written_and_read(void **state)
{
    world *w = *state;
    uint8_t bytes[1073];
    send_random(w, 1);
    assert_int_equal(mv_search_check_size(w->check), sizeof bytes);
    assert_int_equal(mv_search_check_write(bytes, sizeof bytes, w->check), MV_OK);
    mv_search_check_free(&w->check);
    assert_int_equal(mv_search_check_read(&w->check, bytes, sizeof bytes), MV_OK);
    send_random(w, 1);
    expect_exact(w);
    mv_search_check *bad = NULL;
    assert_int_equal(mv_search_check_read(&bad, bytes, sizeof bytes - 1), MV_E_FORMAT);
    bytes[1072] |= 2; /* a row that is not there */
    assert_int_equal(mv_search_check_read(&bad, bytes, sizeof bytes), MV_E_RANGE);
    bytes[1072] &= 1;
    memset(bytes + 48, 0xff, 8); /* not below the prime */
    assert_int_equal(mv_search_check_read(&bad, bytes, sizeof bytes), MV_E_RANGE);
    assert_null(bad);
}

/* Part `index` of the gallery, opened; how many rows it has. */
static size_t unpack(world *w, size_t index, int8_t *value, size_t cap)
{
    uint8_t *bytes = NULL;
    size_t len = 0, first = 0, rows = 0;
    assert_int_equal(mv_gallery_part_bytes(w->gallery, index, &bytes, &len, &first, NULL), MV_OK);
    assert_int_equal(mv_search_unpack(w->key, value, cap, &rows, bytes, len), MV_OK);
    bytes[8] ^= 1; /* another collection */
    assert_int_equal(
        mv_search_unpack(w->key, value + rows * MV_SEARCH_DIM, cap - rows, &first, bytes, len),
        MV_E_MISMATCH);
    bytes[8] ^= 1;
    assert_int_equal(mv_search_unpack(w->key, value + rows * MV_SEARCH_DIM, 0, &first, bytes, len),
                     MV_E_SPACE);
    free(bytes);
    return rows;
}

static void a_gallery_gives_its_rows_back_to_its_holder(void **state)
{
    world *w = *state;
    static int8_t value[ROWS_MAX * MV_SEARCH_DIM];
    uint8_t *bytes = NULL;
    size_t len = 0, first = 0;
    send_random(w, 3);
    pack_random(w, 5); /* begins at row 64 */
    assert_int_equal(unpack(w, 0, value, 100), 3);
    assert_memory_equal(value, w->row[0], 3 * MV_SEARCH_DIM);
    memset(value + 3 * MV_SEARCH_DIM, 0, 61 * MV_SEARCH_DIM);
    assert_int_equal(unpack(w, 1, value + 64 * MV_SEARCH_DIM, 100), 5);
    assert_memory_equal(value + 64 * MV_SEARCH_DIM, w->row[64], 5 * MV_SEARCH_DIM);
    assert_int_equal(mv_search_check_same(w->check, value, w->rows), MV_OK);
    value[1]++;
    assert_int_equal(mv_search_check_same(w->check, value, w->rows), MV_E_AUTH);
    assert_int_equal(mv_gallery_part_bytes(w->gallery, 2, &bytes, &len, &first, NULL),
                     MV_E_NOT_FOUND);
}

/* 16 rows are a unit, 4 units a group. */
static void uploads_fill_units_and_groups(void **state)
{
    static int8_t value[ROWS_MAX * MV_SEARCH_DIM];
    world *w = *state;
    send_random(w, 15);
    expect_exact(w);
    send_random(w, 1);
    expect_exact(w);
    send_random(w, 53);
    expect_exact(w);
    reopen(w);
    send_random(w, 1);
    expect_exact(w);
    assert_int_equal(unpack(w, 0, value, ROWS_MAX), MV_SEARCH_GROUP_MAX);
    assert_int_equal(unpack(w, 1, value + 64 * MV_SEARCH_DIM, ROWS_MAX - 64), w->rows - 64);
    assert_memory_equal(value, w->row, w->rows * MV_SEARCH_DIM);
    pack_random(w, 3); /* and the rest of the group is nameless */
    expect_exact(w);
}

/* 128 groups of 64 become a block, which a scan makes; the groups' files go. */
static void a_finished_block_answers_and_gives_its_rows_back(void **state)
{
    enum { ROWS = 8192, GROUPS = ROWS / MV_SEARCH_GROUP_MAX };
    world *w = *state;
    const size_t size = mv_search_message_sizes().group,
                 query_len = mv_search_message_sizes().query;
    int8_t *value = calloc(2 * ROWS, MV_SEARCH_DIM), *back = value + ROWS * MV_SEARCH_DIM;
    int32_t *score = calloc(ROWS, sizeof *score);
    uint8_t ids[MV_SEARCH_GROUP_MAX * MV_SEARCH_ROW_ID], *reply = NULL;
    size_t len = 0;
    assert_non_null(value);
    assert_non_null(score);
    for (size_t g = 0; g < GROUPS; g++) {
        int8_t *rows = value + g * MV_SEARCH_GROUP_MAX * MV_SEARCH_DIM;
        if (g == 0) { /* a sender's */
            send_random(w, MV_SEARCH_GROUP_MAX);
            memcpy(rows, w->row, MV_SEARCH_GROUP_MAX * MV_SEARCH_DIM);
            continue;
        }
        for (size_t i = 0; i < MV_SEARCH_GROUP_MAX; i++) {
            random_values(&w->rand, rows + i * MV_SEARCH_DIM);
            row_id(ids + i * MV_SEARCH_ROW_ID, g * MV_SEARCH_GROUP_MAX + i);
        }
        assert_int_equal(mv_search_pack(w->key, w->message, size, rows, MV_SEARCH_GROUP_MAX),
                         MV_OK);
        assert_int_equal(
            mv_gallery_append_group(w->gallery, ids, MV_SEARCH_GROUP_MAX, w->message, size, NULL),
            MV_OK);
    }
    assert_int_equal(mv_search_query(w->key, w->message, query_len, value), MV_OK);
    assert_int_equal(
        mv_gallery_scan(w->gallery, &reply, &len, w->message, query_len, 2, NULL, NULL), MV_OK);
    assert_int_equal(mv_search_scores(w->key, score, ROWS, reply, len), MV_OK);
    for (size_t i = 0; i < ROWS; i++) {
        assert_int_equal(score[i], dot(value, value + i * MV_SEARCH_DIM));
    }
    reopen(w);
    assert_int_equal(mv_gallery_rows(w->gallery), ROWS);
    assert_int_equal(unpack(w, 0, back, ROWS), ROWS);
    assert_memory_equal(value, back, ROWS * MV_SEARCH_DIM);
    free(reply);
    free(score);
    free(value);
}

static void other_collections_and_heads_are_refused(void **state)
{
    world *w = *state;
    const mv_search_sizes size = mv_search_message_sizes();
    static const uint8_t other_key[32] = {7}, other_head[32] = {8};
    const int8_t value[MV_SEARCH_DIM] = {1};
    uint8_t id[MV_SEARCH_ROW_ID], *reply = NULL;
    size_t len = 0;
    mv_search_key *other = NULL;
    mv_error err = {0};
    send_random(w, 1);
    row_id(id, 99);
    assert_int_equal(mv_search_upload(w->sender, w->message, size.upload, value, other_head),
                     MV_E_MISMATCH);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(mv_search_key_new(&other, i == 0 ? other_key : collection_key,
                                           i == 0 ? head : other_head),
                         MV_OK);
        assert_int_equal(mv_search_query(other, w->message, size.query, value), MV_OK);
        assert_int_equal(
            mv_gallery_scan(w->gallery, &reply, &len, w->message, size.query, 1, NULL, &err),
            MV_E_MISMATCH);
        assert_null(reply);
        assert_int_equal(mv_search_pack(other, w->message, size.group, value, 1), MV_OK);
        assert_int_equal(mv_gallery_append_group(w->gallery, id, 1, w->message, size.group, NULL),
                         MV_E_MISMATCH);
        mv_search_key_free(&other);
    }
    assert_non_null(strstr(err.text, "another collection or head"));
    expect_exact(w);
}

static void removed_rows_are_marked_and_may_come_again(void **state)
{
    world *w = *state;
    uint8_t id[MV_SEARCH_ROW_ID];
    int removed = 0;
    const size_t size = mv_search_message_sizes().upload;
    send_random(w, 2);
    row_id(id, 0);
    assert_int_equal(mv_search_upload(w->sender, w->message, size, w->row[0], head), MV_OK);
    assert_int_equal(mv_gallery_append(w->gallery, id, w->message, size, NULL), MV_E_EXISTS);
    assert_int_equal(mv_gallery_remove(w->gallery, id, NULL), MV_OK);
    assert_int_equal(mv_gallery_remove(w->gallery, id, NULL), MV_E_NOT_FOUND);
    reopen(w);
    assert_int_equal(mv_gallery_row(w->gallery, 0, id, &removed), MV_OK);
    assert_int_equal(removed, 1);
    assert_int_equal(mv_gallery_append(w->gallery, id, w->message, size, NULL), MV_OK);
    assert_int_equal(mv_gallery_rows(w->gallery), 3);
}

static void a_gallery_is_open_once(void **state)
{
    world *w = *state;
    mv_gallery *second = NULL;
    mv_error err = {0};
    assert_int_equal(mv_gallery_open(&second, w->folder, &err), MV_E_BUSY);
    assert_null(second);
    assert_non_null(strstr(err.text, "somebody else"));
    reopen(w);
}

/* An append that stopped after the log: as if the power had failed there. */
static void an_interrupted_append_never_was(void **state)
{
    world *w = *state;
    uint8_t id[MV_SEARCH_ROW_ID], record[MV_GALLERY_RECORD];
    char path[TEST_FOLDER_MAX + 16];
    send_random(w, 2);
    row_id(id, 2);
    mv_gallery_record(record, MV_GALLERY_ADDED, 2, id);
    (void)snprintf(path, sizeof path, "%s/rows.log", w->folder);
    FILE *log = fopen(path, "ab");
    assert_non_null(log);
    assert_int_equal(fwrite(record, sizeof record, 1, log), 1);
    assert_int_equal(fwrite(id, 1, 20, log), 20); /* and the next record only in part */
    assert_int_equal(fclose(log), 0);
    reopen(w);
    assert_int_equal(mv_gallery_rows(w->gallery), 2);
    send_random(w, 1);
    reopen(w);
    expect_exact(w);
}

static mv_status stop_at_once(void *user, const char *stage, uint64_t done, uint64_t total)
{
    (void)user;
    (void)stage;
    (void)done;
    (void)total;
    return MV_E_INTERRUPTED;
}

static void an_interrupted_scan_leaves_nothing_behind(void **state)
{
    world *w = *state;
    const size_t size = mv_search_message_sizes().query;
    const mv_progress stop = {stop_at_once, NULL};
    uint8_t *reply = NULL;
    size_t len = 1;
    send_random(w, 1);
    assert_int_equal(mv_search_query(w->key, w->message, size, w->row[0]), MV_OK);
    assert_int_equal(mv_gallery_scan(w->gallery, &reply, &len, w->message, size, 1, &stop, NULL),
                     MV_E_INTERRUPTED);
    assert_null(reply);
    assert_int_equal(len, 0);
    expect_exact(w);
}

typedef struct appender {
    world *w;
    uint8_t *message;
    mv_search_sender *sender;
} appender;

static void *append_more(void *user)
{
    appender *a = user;
    const size_t size = mv_search_message_sizes().upload;
    for (size_t i = 0; i < 4; i++) {
        uint8_t id[MV_SEARCH_ROW_ID];
        row_id(id, 1000 + i);
        if (mv_search_upload(a->sender, a->message, size, a->w->row[0], head) != MV_OK ||
            mv_gallery_append(a->w->gallery, id, a->message, size, NULL) != MV_OK) {
            return a;
        }
    }
    return NULL;
}

static void rows_may_come_while_others_scan(void **state)
{
    world *w = *state;
    const mv_search_sizes size = mv_search_message_sizes();
    uint8_t *public_key = malloc(size.public_key);
    appender a = {w, malloc(size.upload), NULL};
    pthread_t thread;
    void *failed = &a;
    send_random(w, 1);
    assert_int_equal(mv_search_write_public(w->key, public_key, size.public_key), MV_OK);
    assert_int_equal(mv_search_sender_new(&a.sender, public_key, size.public_key), MV_OK);
    assert_int_equal(pthread_create(&thread, NULL, append_more, &a), 0);
    assert_int_equal(mv_search_query(w->key, w->message, size.query, w->row[0]), MV_OK);
    for (int i = 0; i < 3; i++) {
        int32_t score[ROWS_MAX];
        uint8_t *reply = NULL;
        size_t len = 0;
        assert_int_equal(
            mv_gallery_scan(w->gallery, &reply, &len, w->message, size.query, 1, NULL, NULL),
            MV_OK);
        assert_int_equal(mv_search_scores(w->key, score, ROWS_MAX, reply, len), MV_OK);
        for (size_t k = 0; k < mv_search_reply_rows(w->key, reply, len); k++) {
            assert_int_equal(score[k], dot(w->row[0], w->row[0]));
        }
        free(reply);
    }
    assert_int_equal(pthread_join(thread, &failed), 0);
    assert_null(failed);
    assert_int_equal(mv_gallery_rows(w->gallery), 5);
    mv_search_sender_free(&a.sender);
    free(a.message);
    free(public_key);
}

static void damaged_messages_are_refused_and_change_nothing(void **state)
{
    world *w = *state;
    const mv_search_sizes size = mv_search_message_sizes();
    uint8_t id[MV_SEARCH_ROW_ID], *reply = NULL;
    size_t len = 0;
    int32_t score[ROWS_MAX];
    send_random(w, 1);
    row_id(id, 5);
    assert_int_equal(mv_search_upload(w->sender, w->message, size.upload, w->row[0], head), MV_OK);
    assert_int_equal(mv_gallery_append(w->gallery, id, w->message, size.upload - 1, NULL),
                     MV_E_TRUNCATED);
    assert_int_equal(mv_gallery_append(w->gallery, id, w->message, size.upload + 1, NULL),
                     MV_E_FORMAT);
    memset(w->message + MV_SEARCH_HEADER_LEN + 32, 0xff, 64); /* not below the prime */
    assert_int_equal(mv_gallery_append(w->gallery, id, w->message, size.upload, NULL), MV_E_RANGE);
    w->message[5] = MV_SEARCH_QUERY;
    assert_int_equal(mv_gallery_append(w->gallery, id, w->message, size.upload, NULL), MV_E_FORMAT);
    memset(id, 0, sizeof id);
    w->message[5] = MV_SEARCH_UPLOAD;
    assert_int_equal(mv_gallery_append(w->gallery, id, w->message, size.upload, NULL),
                     MV_E_ARGUMENT);
    assert_int_equal(mv_search_query(w->key, w->message, size.query, w->row[0]), MV_OK);
    assert_int_equal(
        mv_gallery_scan(w->gallery, &reply, &len, w->message, size.query, 1, NULL, NULL), MV_OK);
    assert_int_equal(mv_search_scores(w->key, score, 0, reply, len), MV_E_SPACE);
    assert_int_equal(mv_search_scores(w->key, score, ROWS_MAX, reply, len - 1), MV_E_FORMAT);
    reply[MV_SEARCH_HEADER_LEN + 8] ^= 1; /* the cell's magic */
    assert_int_equal(mv_search_scores(w->key, score, ROWS_MAX, reply, len), MV_E_FORMAT);
    assert_int_equal(score[0], 0);
    free(reply);
    expect_exact(w);
}

/* ---- Plain galleries ---- */

enum { ATLAS_ROWS = 4100 }; /* more than one product holds */

typedef struct library {
    int8_t row[ATLAS_ROWS][MV_SEARCH_DIM];
    uint8_t *file, *question, *reply;
    size_t file_len, question_len, reply_len;
    mv_atlas *atlas;
    mv_atlas_key *key;
    int32_t score[ATLAS_ROWS];
} library;

static int library_make(void **state)
{
    mv_rand r = mv_rand_make(11);
    library *l = calloc(1, sizeof *l);
    *state = l;
    for (size_t i = 0; i < ATLAS_ROWS; i++) {
        random_values(&r, l->row[i]);
    }
    l->file_len = mv_atlas_size(ATLAS_ROWS);
    l->file = malloc(l->file_len);
    l->question_len = mv_atlas_question_size();
    l->question = malloc(l->question_len);
    assert_int_equal(mv_atlas_write(l->file, l->file_len, head, l->row[0], ATLAS_ROWS), MV_OK);
    assert_int_equal(mv_atlas_read(&l->atlas, l->file, l->file_len), MV_OK);
    assert_int_equal(mv_atlas_key_new(&l->key, head), MV_OK);
    return 0;
}

static int library_end(void **state)
{
    library *l = *state;
    mv_atlas_free(&l->atlas);
    mv_atlas_key_free(&l->key);
    free(l->file);
    free(l->question);
    free(l->reply);
    free(l);
    return 0;
}

static void library_ask(library *l, const int8_t *value)
{
    free(l->reply);
    assert_int_equal(mv_atlas_question(l->key, l->question, l->question_len, value), MV_OK);
    assert_int_equal(
        mv_atlas_answer(l->atlas, &l->reply, &l->reply_len, l->question, l->question_len), MV_OK);
}

static void an_atlas_answers_the_dot_products_of_plain_integers(void **state)
{
    library *l = *state;
    assert_int_equal(mv_atlas_rows(l->atlas), ATLAS_ROWS);
    library_ask(l, l->row[5]);
    assert_int_equal(mv_atlas_reply_rows(l->key, l->reply, l->reply_len), ATLAS_ROWS);
    assert_int_equal(mv_atlas_scores(l->key, l->score, ATLAS_ROWS, l->reply, l->reply_len), MV_OK);
    for (size_t i = 0; i < ATLAS_ROWS; i++) {
        assert_int_equal(l->score[i], mv_atlas_score(l->row[5], l->row[i]));
    }
    uint32_t best = 0;
    assert_int_equal(mv_search_top(&best, 1, l->score, ATLAS_ROWS), 1);
    assert_int_equal(best, 5);
    const double cosine = (double)l->score[5] / (MV_ATLAS_UNIT * MV_ATLAS_UNIT);
    assert_true(cosine > 0.97 && cosine < 1.03);
}

/* The longest embeddings that may be, and what lies beyond. */
static void an_atlas_does_not_overflow(void **state)
{
    library *l = *state;
    int8_t full[2][MV_SEARCH_DIM];
    uint8_t file[1024];
    mv_atlas *two = NULL;
    const size_t len = mv_atlas_size(2);
    for (size_t k = 0; k < MV_SEARCH_DIM; k++) {
        full[0][k] = 23; /* squares sum to 67,712 <= 68,464 */
        full[1][k] = -23;
    }
    assert_in_range(mv_atlas_score(full[0], full[0]), 1, 20480);
    assert_int_equal(mv_atlas_write(file, len, head, full[0], 2), MV_OK);
    assert_int_equal(mv_atlas_read(&two, file, len), MV_OK);
    assert_int_equal(mv_atlas_question(l->key, l->question, l->question_len, full[0]), MV_OK);
    assert_int_equal(mv_atlas_answer(two, &l->reply, &l->reply_len, l->question, l->question_len),
                     MV_OK);
    assert_int_equal(mv_atlas_scores(l->key, l->score, 2, l->reply, l->reply_len), MV_OK);
    assert_int_equal(l->score[0], mv_atlas_score(full[0], full[0]));
    assert_int_equal(l->score[1], -l->score[0]);
    mv_atlas_free(&two);
    file[MV_SEARCH_HEADER_LEN + 4 + 3] = 127; /* too long, and the hash is right */
    assert_int_equal(crypto_generichash(file + len - 32, 32, file, len - 32, NULL, 0), 0);
    assert_int_equal(mv_atlas_read(&two, file, len), MV_E_RANGE);
    full[1][3] = 127;
    assert_int_equal(mv_atlas_write(file, len, head, full[0], 2), MV_E_RANGE);
    assert_int_equal(mv_atlas_question(l->key, l->question, l->question_len, full[1]), MV_E_RANGE);
}

static void each_question_to_an_atlas_has_a_key_of_its_own(void **state)
{
    library *l = *state;
    uint8_t bytes[MV_ATLAS_KEY_LEN];
    mv_atlas_key *other = NULL, *same = NULL;
    assert_int_equal(mv_atlas_key_new(&other, head), MV_OK);
    library_ask(l, l->row[0]);
    assert_int_equal(mv_atlas_reply_rows(other, l->reply, l->reply_len), 0);
    assert_int_equal(mv_atlas_scores(other, l->score, ATLAS_ROWS, l->reply, l->reply_len),
                     MV_E_MISMATCH);
    mv_atlas_key_write(bytes, l->key);
    assert_int_equal(mv_atlas_key_read(&same, bytes, sizeof bytes), MV_OK);
    assert_int_equal(mv_atlas_scores(same, l->score, ATLAS_ROWS, l->reply, l->reply_len), MV_OK);
    assert_int_equal(l->score[0], mv_atlas_score(l->row[0], l->row[0]));
    mv_atlas_key_free(&same);
    bytes[60] ^= 1; /* the secret no longer is that of the header */
    assert_int_equal(mv_atlas_key_read(&same, bytes, sizeof bytes), MV_E_FORMAT);
    assert_int_equal(mv_atlas_key_read(&same, bytes, sizeof bytes - 1), MV_E_TRUNCATED);
    mv_atlas_key_free(&other);
}

static void damaged_atlases_questions_and_answers_are_refused(void **state)
{
    library *l = *state;
    mv_atlas *bad = NULL;
    uint8_t *none = NULL;
    size_t len = 0;
    assert_int_equal(mv_atlas_read(&bad, l->file, l->file_len - 1), MV_E_TRUNCATED);
    l->file[100] ^= 1; /* the hash */
    assert_int_equal(mv_atlas_read(&bad, l->file, l->file_len), MV_E_FORMAT);
    library_ask(l, l->row[1]);
    assert_int_equal(mv_atlas_answer(l->atlas, &none, &len, l->question, l->question_len - 1),
                     MV_E_TRUNCATED);
    l->question[30] ^= 1; /* the head */
    assert_int_equal(mv_atlas_answer(l->atlas, &none, &len, l->question, l->question_len),
                     MV_E_MISMATCH);
    assert_null(none);
    assert_int_equal(mv_atlas_scores(l->key, l->score, 10, l->reply, l->reply_len), MV_E_SPACE);
    assert_int_equal(mv_atlas_scores(l->key, l->score, ATLAS_ROWS, l->reply, l->reply_len - 1),
                     MV_E_TRUNCATED);
    l->reply[MV_SEARCH_HEADER_LEN + 8] ^= 1; /* the first part's magic */
    assert_int_equal(mv_atlas_scores(l->key, l->score, ATLAS_ROWS, l->reply, l->reply_len),
                     MV_E_FORMAT);
    assert_int_equal(l->score[0], 0);
}

/* ---- Classification ---- */

typedef struct clinic {
    mv_classify_key *key;
    mv_classifier *model;
    int32_t weight[MV_CLASSIFY_CLASSES_MAX][MV_SEARCH_DIM];
    int64_t bias[MV_CLASSIFY_CLASSES_MAX];
    uint8_t *query, *reply, *public_key;
    mv_classify_sizes size;
} clinic;

/* Weights of length near the greatest allowed. */
static void clinic_open(clinic *c, mv_classify_kind kind, uint32_t classes)
{
    mv_rand r = mv_rand_make(3);
    const double length = 0.9 * (double)mv_classify_limit(kind) / sqrt(68464);
    memset(c, 0, sizeof *c);
    for (uint32_t i = 0; i < classes; i++) {
        int8_t unit[MV_SEARCH_DIM];
        random_values(&r, unit);
        for (size_t k = 0; k < MV_SEARCH_DIM; k++) {
            c->weight[i][k] = (int32_t)lrint(unit[k] * length / 256);
        }
        c->bias[i] = (int64_t)i * 11 - 5;
    }
    c->size = mv_classify_message_sizes(kind);
    c->query = malloc(c->size.query);
    c->reply = malloc(c->size.reply);
    c->public_key = malloc(c->size.public_key + 1);
    assert_int_equal(mv_classify_key_new(&c->key, kind, collection_key, head), MV_OK);
    assert_int_equal(mv_classifier_new(&c->model, kind, head, c->weight[0], c->bias, classes),
                     MV_OK);
    if (kind == MV_CLASSIFY_PRIVATE_MODEL) {
        assert_int_equal(mv_classify_write_public(c->key, c->public_key, c->size.public_key),
                         MV_OK);
        assert_int_equal(mv_classifier_take_key(c->model, c->public_key, c->size.public_key),
                         MV_OK);
    }
}

static void clinic_close(clinic *c)
{
    mv_classify_key_free(&c->key);
    mv_classifier_free(&c->model);
    free(c->query);
    free(c->reply);
    free(c->public_key);
}

static void expect_classified(clinic *c, uint32_t classes, const int8_t *x)
{
    int64_t score[MV_CLASSIFY_CLASSES_MAX];
    uint32_t count = 0;
    assert_int_equal(mv_classify_query(c->key, c->query, c->size.query, x), MV_OK);
    assert_int_equal(mv_classifier_run(c->model, c->reply, c->size.reply, c->query, c->size.query),
                     MV_OK);
    assert_int_equal(mv_classify_scores(c->key, score, &count, c->reply, c->size.reply), MV_OK);
    assert_int_equal(count, classes);
    for (uint32_t i = 0; i < MV_CLASSIFY_CLASSES_MAX; i++) {
        int64_t want = i < classes ? c->bias[i] : 0;
        for (size_t k = 0; k < MV_SEARCH_DIM; k++) {
            want += (int64_t)c->weight[i][k] * x[k];
        }
        assert_int_equal(score[i], want);
    }
}

static void classes_of_an_encrypted_embedding_are_exact(void **state)
{
    static const uint32_t classes[2] = {3, MV_CLASSIFY_CLASSES_MAX};
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        for (int i = 0; i < 2; i++) {
            clinic c;
            mv_rand r = mv_rand_make(5);
            int8_t x[MV_SEARCH_DIM];
            clinic_open(&c, (mv_classify_kind)kind, classes[i]);
            random_values(&r, x);
            expect_classified(&c, classes[i], x);
            memset(x, 0, sizeof x);
            expect_classified(&c, classes[i], x);
            clinic_close(&c);
        }
    }
}

static void a_score_cannot_leave_its_range(void **state)
{
    int32_t weight[MV_SEARCH_DIM] = {0};
    int64_t bias = 0;
    mv_classifier *m = NULL;
    (void)state;
    for (int k = 0; k < 2; k++) {
        const mv_classify_kind kind = (mv_classify_kind)k;
        const int64_t limit = mv_classify_limit(kind);
        weight[0] = (int32_t)floor((double)limit / sqrt(68464));
        assert_int_equal(mv_classifier_new(&m, kind, head, weight, &bias, 1), MV_OK);
        mv_classifier_free(&m);
        weight[0]++;
        assert_int_equal(mv_classifier_new(&m, kind, head, weight, &bias, 1), MV_E_RANGE);
        weight[0] = 0;
        bias = -limit;
        assert_int_equal(mv_classifier_new(&m, kind, head, weight, &bias, 1), MV_OK);
        mv_classifier_free(&m);
        bias = -limit - 1;
        assert_int_equal(mv_classifier_new(&m, kind, head, weight, &bias, 1), MV_E_RANGE);
        bias = INT64_MIN;
        assert_int_equal(mv_classifier_new(&m, kind, head, weight, &bias, 1), MV_E_RANGE);
        bias = 0;
        for (size_t i = 0; i < MV_SEARCH_DIM; i++) {
            weight[i] = INT32_MIN;
        }
        assert_int_equal(mv_classifier_new(&m, kind, head, weight, &bias, 1), MV_E_RANGE);
        memset(weight, 0, sizeof weight);
    }
    assert_null(m);
}

static void a_linear_model_fills_the_range_and_comes_back_from_its_bytes(void **state)
{
    enum { CLASSES = 3 };
    mv_rand r = mv_rand_make(9);
    float weight[CLASSES * MV_SEARCH_DIM], bias[CLASSES] = {0.5f, -3, 0};
    mv_linear_model *m = calloc(2, sizeof *m);
    uint8_t bytes[8192];
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        const double limit = (double)mv_classify_limit((mv_classify_kind)kind);
        double most = 0;
        memset(m, 0, 2 * sizeof *m);
        m->kind = (mv_classify_kind)kind;
        m->labels.classes = CLASSES;
        for (size_t c = 0; c < CLASSES; c++) {
            int8_t unit[MV_SEARCH_DIM];
            random_values(&r, unit);
            memcpy(m->labels.class_of[c].set, "set", 4);
            memcpy(m->labels.class_of[c].name, "name", 5);
            for (size_t k = 0; k < MV_SEARCH_DIM; k++) {
                weight[c * MV_SEARCH_DIM + k] = (float)(unit[k] * (double)(c + 1));
            }
        }
        assert_int_equal(mv_linear_quantise(m, weight, bias), MV_OK);
        for (size_t c = 0; c < CLASSES; c++) {
            double length2 = 0;
            for (size_t k = 0; k < MV_SEARCH_DIM; k++) {
                length2 += (double)m->weight[c][k] * m->weight[c][k];
            }
            most = fmax(most, sqrt(length2 * 68464) + (double)llabs(m->bias[c]));
        }
        assert_true(most > 0.9 * limit && most <= limit);
        const size_t size = mv_linear_size(m);
        assert_true(size <= sizeof bytes);
        assert_int_equal(mv_linear_write(bytes, size - 1, m), MV_E_SPACE);
        assert_int_equal(mv_linear_write(bytes, size, m), MV_OK);
        assert_int_equal(mv_linear_read(m + 1, bytes, size), MV_OK);
        assert_memory_equal(m, m + 1, sizeof *m);
        for (size_t at = 0; at < size; at += 37) {
            bytes[at] ^= 4;
            assert_int_not_equal(mv_linear_read(m + 1, bytes, size), MV_OK);
            bytes[at] ^= 4;
        }
        assert_int_not_equal(mv_linear_read(m + 1, bytes, size - 1), MV_OK);
    }
    weight[5] = NAN;
    assert_int_equal(mv_linear_quantise(m, weight, bias), MV_E_RANGE);
    memset(weight, 0, sizeof weight);
    assert_int_equal(mv_linear_quantise(m, weight, NULL), MV_E_RANGE);
    free(m);
}

/* What the key holder can see of a private model besides its scores. */
static void a_private_model_shows_nothing_but_scores(void **state)
{
    clinic c;
    const int8_t x[MV_SEARCH_DIM] = {100, 3};
    const mv_he_set *set = mv_he_set_find("private8192");
    enum { PAIRS = 4 };
    int64_t value[PAIRS][8192];
    mv_he_key *key = NULL;
    mv_he_work *work = NULL;
    mv_cipher *cipher = NULL;
    size_t same = 0;
    (void)state;
    clinic_open(&c, MV_CLASSIFY_PRIVATE_MODEL, 2);
    assert_int_equal(mv_he_key_new(&key, set, collection_key), MV_OK);
    assert_int_equal(mv_he_work_new(&work, set), MV_OK);
    assert_int_equal(mv_cipher_new(&cipher, set), MV_OK);
    assert_int_equal(mv_classify_query(c.key, c.query, c.size.query, x), MV_OK);
    for (size_t i = 0; i < PAIRS; i++) { /* the very same query */
        const size_t at = MV_SEARCH_HEADER_LEN + 4;
        assert_int_equal(mv_classifier_run(c.model, c.reply, c.size.reply, c.query, c.size.query),
                         MV_OK);
        assert_int_equal(mv_cipher_read(cipher, c.reply + at, c.size.reply - at), MV_OK);
        assert_int_equal(mv_bfv_decrypt_coefficients(work, value[i], 8192, key, cipher), MV_OK);
        assert_int_equal(value[i][127], 100 * (int64_t)c.weight[0][0] + 3 * c.weight[0][1] - 5);
    }
    for (size_t j = 0; j < 8192; j++) {
        same += j != 127 && j != 255 && value[0][j] == value[1][j];
    }
    assert_true(same < 3); /* of 8190 pairs of numbers below 2^30 */
    mv_cipher_free(&cipher);
    mv_he_work_free(&work);
    mv_he_key_free(&key);
    clinic_close(&c);
}

static void a_private_model_answers_only_whose_key_it_has(void **state)
{
    clinic c;
    mv_classify_key *other = NULL;
    static const uint8_t other_key[32] = {4};
    const int8_t x[MV_SEARCH_DIM] = {1};
    int64_t score[MV_CLASSIFY_CLASSES_MAX];
    uint32_t count = 9;
    (void)state;
    clinic_open(&c, MV_CLASSIFY_PRIVATE_MODEL, 1);
    assert_int_equal(mv_classify_key_new(&other, MV_CLASSIFY_PRIVATE_MODEL, other_key, head),
                     MV_OK);
    assert_int_equal(mv_classify_query(other, c.query, c.size.query, x), MV_OK);
    assert_int_equal(mv_classifier_run(c.model, c.reply, c.size.reply, c.query, c.size.query),
                     MV_E_MISMATCH);
    assert_int_equal(mv_classify_query(c.key, c.query, c.size.query, x), MV_OK);
    assert_int_equal(mv_classifier_run(c.model, c.reply, c.size.reply, c.query, c.size.query),
                     MV_OK);
    assert_int_equal(mv_classify_scores(other, score, &count, c.reply, c.size.reply),
                     MV_E_MISMATCH);
    assert_int_equal(count, 0);
    assert_int_equal(mv_classify_scores(c.key, score, &count, c.reply, c.size.reply - 1),
                     MV_E_FORMAT);
    mv_classify_key_free(&other);
    clinic_close(&c);
}

/* ---- A network ---- */

static void a_network_scores_an_encrypted_embedding(void **state)
{
    enum { HIDDEN = 20, CLASSES = 3 };
    double first[HIDDEN][MV_SEARCH_DIM], shift[HIDDEN], second[CLASSES][HIDDEN];
    const double bias[CLASSES] = {0.5, -0.25, 1};
    const mv_network_weights w = {first[0], shift, second[0], bias, HIDDEN, CLASSES};
    const mv_network_sizes size = mv_network_message_sizes();
    mv_rand r = mv_rand_make(8);
    mv_network_key *key = NULL;
    mv_network *network = NULL;
    uint8_t *keys = malloc(size.keys), *query = malloc(size.query), *reply = malloc(size.reply);
    double score[MV_CLASSIFY_CLASSES_MAX];
    uint32_t classes = 0;
    size_t len = 0;
    int8_t x[MV_SEARCH_DIM];
    (void)state;
    for (size_t h = 0; h < HIDDEN; h++) {
        for (size_t i = 0; i < MV_SEARCH_DIM; i++) {
            first[h][i] = 0.2 * mv_rand_unit(&r) - 0.1;
        }
        shift[h] = mv_rand_unit(&r) - 0.5;
        for (size_t c = 0; c < CLASSES; c++) {
            second[c][h] = 2 * mv_rand_unit(&r) - 1;
        }
    }
    random_values(&r, x);
    assert_int_equal(mv_network_key_new(&key, collection_key, head), MV_OK);
    assert_int_equal(mv_network_new(&network, head, &w), MV_OK);
    assert_int_equal(mv_network_query(key, query, size.query, x), MV_OK);
    assert_int_equal(mv_network_run(network, reply, size.reply, &len, query, size.query),
                     MV_E_NOT_FOUND); /* the keys are missing */
    assert_int_equal(mv_network_write_keys(key, keys, size.keys), MV_OK);
    assert_int_equal(mv_network_take_keys(network, keys, size.keys), MV_OK);
    assert_int_equal(mv_network_run(network, reply, size.reply, &len, query, size.query), MV_OK);
    assert_int_equal(mv_network_scores(key, score, &classes, reply, len), MV_OK);
    assert_int_equal(classes, CLASSES);
    for (size_t c = 0; c < CLASSES; c++) {
        double want = bias[c];
        for (size_t h = 0; h < HIDDEN; h++) {
            double sum = shift[h];
            for (size_t i = 0; i < MV_SEARCH_DIM; i++) {
                sum += first[h][i] * x[i] / 256;
            }
            want += second[c][h] * sum * sum;
        }
        assert_true(fabs(score[c] - want) < 1e-3);
    }
    assert_int_equal(mv_network_scores(key, score, &classes, reply, len - 1), MV_E_TRUNCATED);
    assert_int_equal(classes, 0);
    mv_network_key_free(&key);
    mv_network_free(&network);
    free(keys);
    free(query);
    free(reply);
}

/* Three classes round three centres: real retrieval, in little. */
static void encrypted_ranking_is_as_good_as_that_of_integers(void **state)
{
    enum { ROWS = 90, QUERIES = 3, CLASSES = 3 };
    static float unit[ROWS + QUERIES][MV_SEARCH_DIM];
    uint32_t label[ROWS + QUERIES];
    char folder[TEST_FOLDER_MAX];
    mv_rand r = mv_rand_make(12);
    double centre[CLASSES][MV_SEARCH_DIM];
    (void)state;
    for (size_t i = 0; i < CLASSES * MV_SEARCH_DIM; i++) {
        centre[i / MV_SEARCH_DIM][i % MV_SEARCH_DIM] = mv_rand_normal(&r);
    }
    for (size_t i = 0; i < ROWS + QUERIES; i++) {
        double norm = 0;
        label[i] = (uint32_t)(i % CLASSES);
        for (size_t k = 0; k < MV_SEARCH_DIM; k++) {
            unit[i][k] = (float)(0.25 * centre[label[i]][k] + mv_rand_normal(&r));
            norm += (double)unit[i][k] * unit[i][k];
        }
        for (size_t k = 0; k < MV_SEARCH_DIM; k++) {
            unit[i][k] /= (float)sqrt(norm);
        }
    }
    const mv_search_trial trial = {unit[0], label, ROWS, unit[ROWS], label + ROWS, QUERIES, 1};
    mv_search_result result;
    folder_make(folder);
    assert_int_equal(mv_search_evaluate(&result, &trial, folder, NULL), MV_OK);
    folder_remove(folder);
    assert_int_equal(result.differing, 0);
    assert_true(result.map_encrypted == result.map_integer);
    assert_true(fabs(result.map_integer - result.map_real) < 0.005);
    assert_true(result.map_real > 0.4 && result.map_real < 0.999); /* it could have been worse */
}

static void the_best_come_first(void **state)
{
    const int32_t score[6] = {5, -2, 9, 5, 0, 9};
    uint32_t index[6];
    (void)state;
    assert_int_equal(mv_search_top(index, 3, score, 6), 3);
    assert_int_equal(index[0], 2);
    assert_int_equal(index[1], 5);
    assert_int_equal(index[2], 0);
    assert_int_equal(mv_search_top(index, 6, score, 2), 2);
    assert_int_equal(mv_search_top(index, 0, score, 6), 0);
}

static void wanted_rows_are_fetched_among_others_in_any_order(void **state)
{
    const uint32_t wanted[2] = {7, 3};
    enum { SIZE = 4, ROWS = 9, TIMES = 400 };
    size_t first[ROWS] = {0};
    uint32_t row[ROWS];
    (void)state;
    for (size_t t = 0; t < TIMES; t++) {
        size_t found = 0;
        assert_int_equal(mv_search_fetch(row, SIZE, wanted, 2, ROWS), MV_OK);
        for (size_t i = 0; i < SIZE; i++) {
            assert_true(row[i] < ROWS);
            found += row[i] == 7 || row[i] == 3;
            for (size_t k = 0; k < i; k++) {
                assert_int_not_equal(row[i], row[k]);
            }
        }
        assert_int_equal(found, 2);
        first[row[0]]++;
    }
    for (size_t i = 0; i < ROWS; i++) { /* each of the others with 1/14, chance 2^-40 of never */
        assert_true(first[i] > 0 && first[i] < TIMES / 2);
    }
    assert_int_equal(mv_search_fetch(row, ROWS, NULL, 0, ROWS), MV_OK);
    assert_int_equal(mv_search_fetch(row, 1, wanted, 2, ROWS), MV_E_ARGUMENT);
    assert_int_equal(mv_search_fetch(row, SIZE, wanted, 2, 3), MV_E_ARGUMENT);
    assert_int_equal(mv_search_fetch(row, SIZE, wanted, 2, 7), MV_E_ARGUMENT);
}

static void messages_have_the_sizes_that_the_page_states(void **state)
{
    const mv_search_sizes size = mv_search_message_sizes();
    (void)state;
    assert_int_equal(size.public_key, 38072);
    assert_int_equal(size.server_keys, 2771704);
    assert_int_equal(size.upload, 56888);
    assert_int_equal(size.query, 75896);
    assert_int_equal(size.group, 75900);
    assert_int_equal(mv_gallery_block_bytes(), 19398712); /* 2,368 a row */
    const mv_classify_sizes open = mv_classify_message_sizes(MV_CLASSIFY_PUBLIC_MODEL);
    const mv_classify_sizes hidden = mv_classify_message_sizes(MV_CLASSIFY_PRIVATE_MODEL);
    assert_int_equal(open.query, 28280);
    assert_int_equal(open.reply, 22620);
    assert_int_equal(hidden.public_key, 169080);
    assert_int_equal(hidden.query, 112760);
    assert_int_equal(hidden.reply, 75868);
    assert_int_equal(mv_atlas_question_size(), 198392);
    assert_int_equal(mv_atlas_size(10), 1372);
    assert_int_equal(mv_network_message_sizes().keys, 6947384);
    assert_int_equal(mv_network_message_sizes().query, 167032);
}

#define WORLD(name) cmocka_unit_test_setup_teardown(name, world_make, world_end)

#define LIBRARY(test) cmocka_unit_test_setup_teardown(test, library_make, library_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD(scores_equal_the_dot_products_of_plain_integers),
        WORLD(senders_and_the_key_holder_fill_one_gallery),
        WORLD(uploads_fill_units_and_groups),
        WORLD(the_largest_embeddings_do_not_overflow),
        WORLD(a_keeper_who_lies_is_caught),
        WORLD(a_check_survives_being_written_and_read),
        WORLD(rows_of_others_are_vouched_for_once_they_are_known),
        WORLD(a_gallery_gives_its_rows_back_to_its_holder),
        WORLD(a_finished_block_answers_and_gives_its_rows_back),
        WORLD(other_collections_and_heads_are_refused),
        WORLD(removed_rows_are_marked_and_may_come_again),
        WORLD(a_gallery_is_open_once),
        WORLD(an_interrupted_append_never_was),
        WORLD(an_interrupted_scan_leaves_nothing_behind),
        WORLD(rows_may_come_while_others_scan),
        WORLD(damaged_messages_are_refused_and_change_nothing),
        LIBRARY(an_atlas_answers_the_dot_products_of_plain_integers),
        LIBRARY(an_atlas_does_not_overflow),
        LIBRARY(each_question_to_an_atlas_has_a_key_of_its_own),
        LIBRARY(damaged_atlases_questions_and_answers_are_refused),
        cmocka_unit_test(classes_of_an_encrypted_embedding_are_exact),
        cmocka_unit_test(a_linear_model_fills_the_range_and_comes_back_from_its_bytes),
        cmocka_unit_test(a_score_cannot_leave_its_range),
        cmocka_unit_test(a_private_model_shows_nothing_but_scores),
        cmocka_unit_test(a_private_model_answers_only_whose_key_it_has),
        cmocka_unit_test(a_network_scores_an_encrypted_embedding),
        cmocka_unit_test(encrypted_ranking_is_as_good_as_that_of_integers),
        cmocka_unit_test(the_best_come_first),
        cmocka_unit_test(wanted_rows_are_fetched_among_others_in_any_order),
        cmocka_unit_test(messages_have_the_sizes_that_the_page_states),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
