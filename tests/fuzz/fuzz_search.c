/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_search.c: any bytes, or a good message with any bytes changed, to each reader of search and
 * classification messages. The first byte chooses the reader, the second whether a good message is
 * changed: then each five bytes are an offset and what to change there, and a rest of one byte cuts
 * the message short.
 */
#include "base/bytes.h"
#include "he/scan.h"
#include "medveil/analysis.h"

#include <stdlib.h>
#include <string.h>

enum { READERS = 12, ROWS = 8 };

typedef struct message {
    uint8_t *bytes;
    size_t len;
} message;

static const uint8_t collection_key[32] = {1}, head[MV_SEARCH_HASH_LEN] = {2};
static mv_search_key *searcher;
static mv_classify_key *patient;
static mv_classifier *model;
static message good[READERS];
static uint8_t *room; /* a reply of the classifier */
static mv_he_work *work;
static mv_he_eval_keys *keys;
static mv_cipher *cipher;
static mv_atlas *atlas;
static mv_atlas_key *asker;

static void must(bool good_so_far)
{
    if (!good_so_far) {
        abort();
    }
}

static message message_new(size_t len)
{
    const message m = {calloc(1, len), len};
    must(m.bytes != NULL);
    return m;
}

/* What a keeper takes uploads in with. */
static void prepare_keeper(void)
{
    mv_he_key *key = NULL, *upload_key = NULL;
    must(mv_he_key_new(&key, mv_scan_set(), collection_key) == MV_OK);
    must(mv_he_key_new(&upload_key, mv_scan_upload_set(), collection_key) == MV_OK);
    must(mv_he_eval_keys_new(&keys, mv_scan_set()) == MV_OK);
    for (uint32_t i = 0; i < MV_SCAN_KEYS; i++) {
        mv_he_eval_key *one = NULL;
        must(mv_scan_key(&one, key, upload_key, i) == MV_OK);
        must(mv_he_eval_keys_add(keys, &one) == MV_OK);
    }
    must(mv_he_work_new(&work, mv_scan_set()) == MV_OK);
    must(mv_cipher_new(&cipher, mv_scan_set()) == MV_OK);
    mv_he_key_free(&key);
    mv_he_key_free(&upload_key);
}

static void prepare_atlas(void)
{
    static const int8_t row[ROWS][MV_SEARCH_DIM] = {{5}, {0, 100}};
    must(mv_atlas_write(good[8].bytes, good[8].len, head, row[0], ROWS) == MV_OK);
    must(mv_atlas_read(&atlas, good[8].bytes, good[8].len) == MV_OK);
    must(mv_atlas_key_new(&asker, head) == MV_OK);
    must(mv_atlas_question(asker, good[9].bytes, good[9].len, row[0]) == MV_OK);
    free(good[10].bytes);
    must(mv_atlas_answer(atlas, &good[10].bytes, &good[10].len, good[9].bytes, good[9].len) ==
         MV_OK);
    mv_atlas_key_write(good[11].bytes, asker);
}

/* Readers: 0 public key, 1 reply, 2 check, 3 classifier's query, 4 its public key, 5 its reply,
 * 6 the body of an upload, 7 a stored group, 8 an atlas, 9 a question to it, 10 its answer, 11 the
 * question's key. */
static void prepare(void)
{
    const mv_classify_kind kind = MV_CLASSIFY_PRIVATE_MODEL;
    const mv_search_sizes s = mv_search_message_sizes();
    const mv_classify_sizes c = mv_classify_message_sizes(kind);
    const int32_t weight[MV_SEARCH_DIM] = {3};
    const int64_t bias = 1;
    const int8_t value[MV_SEARCH_DIM] = {5};
    mv_search_check *check = NULL;
    const size_t len[READERS] = {s.public_key,
                                 64 + 50208,
                                 1072,
                                 c.query,
                                 c.public_key,
                                 c.reply,
                                 mv_scan_upload_size(),
                                 s.group,
                                 mv_atlas_size(ROWS),
                                 mv_atlas_question_size(),
                                 1,
                                 MV_ATLAS_KEY_LEN};
    for (size_t i = 0; i < READERS; i++) {
        good[i] = message_new(len[i]);
    }
    room = calloc(1, c.reply);
    must(room != NULL && mv_search_key_new(&searcher, collection_key, head) == MV_OK);
    must(mv_search_write_public(searcher, good[0].bytes, good[0].len) == MV_OK);
    must(mv_search_check_new(&check) == MV_OK);
    must(mv_search_check_write(good[2].bytes, good[2].len, check) == MV_OK);
    mv_search_check_free(&check);
    must(mv_classify_key_new(&patient, kind, collection_key, head) == MV_OK);
    must(mv_classifier_new(&model, kind, head, weight, &bias, 1) == MV_OK);
    must(mv_classify_query(patient, good[3].bytes, good[3].len, value) == MV_OK);
    must(mv_classify_write_public(patient, good[4].bytes, good[4].len) == MV_OK);
    must(mv_classifier_take_key(model, good[4].bytes, good[4].len) == MV_OK);
    must(mv_classifier_run(model, good[5].bytes, good[5].len, good[3].bytes, good[3].len) == MV_OK);
    memcpy(good[1].bytes, good[0].bytes, 56); /* a reply's header, and one row */
    good[1].bytes[5] = 6;
    good[1].bytes[56] = 1;
    prepare_keeper(); /* a good upload: zeros */
    must(mv_search_pack(searcher, good[7].bytes, s.group, value, 1) == MV_OK);
    good[7].bytes[5] = 7;
    prepare_atlas();
}

static void read_scores(const uint8_t *bytes, size_t len)
{
    int32_t score[ROWS];
    const mv_status st = mv_search_scores(searcher, score, ROWS, bytes, len);
    for (size_t i = 0; st != MV_OK && i < ROWS; i++) {
        must(score[i] == 0);
    }
}

static void read_classes(const uint8_t *bytes, size_t len)
{
    int64_t score[MV_CLASSIFY_CLASSES_MAX];
    uint32_t classes = 0;
    const mv_status st = mv_classify_scores(patient, score, &classes, bytes, len);
    must((st == MV_OK) == (classes != 0));
}

static void read_group(const uint8_t *bytes, size_t len)
{
    static int8_t value[MV_SEARCH_GROUP_MAX * MV_SEARCH_DIM];
    size_t rows = 0;
    const mv_status st = mv_search_unpack(searcher, value, MV_SEARCH_GROUP_MAX, &rows, bytes, len);
    must(rows <= MV_SEARCH_GROUP_MAX && (st == MV_OK) == (rows != 0));
}

static void read_atlas(const uint8_t *bytes, size_t len)
{
    mv_atlas *a = NULL;
    const mv_status st = mv_atlas_read(&a, bytes, len);
    must((st == MV_OK) == (a != NULL));
    mv_atlas_free(&a);
}

static void read_question(const uint8_t *bytes, size_t len)
{
    uint8_t *answer = NULL;
    size_t answer_len = 0;
    const mv_status st = mv_atlas_answer(atlas, &answer, &answer_len, bytes, len);
    must((st == MV_OK) == (answer != NULL));
    free(answer);
}

static void read_answer(const uint8_t *bytes, size_t len)
{
    int32_t score[ROWS];
    const mv_status st = mv_atlas_scores(asker, score, ROWS, bytes, len);
    for (size_t i = 0; st != MV_OK && i < ROWS; i++) {
        must(score[i] == 0);
    }
}

static void read_key(const uint8_t *bytes, size_t len)
{
    mv_atlas_key *k = NULL;
    const mv_status st = mv_atlas_key_read(&k, bytes, len);
    must((st == MV_OK) == (k != NULL));
    mv_atlas_key_free(&k);
}

static void read_one(unsigned reader, const uint8_t *bytes, size_t len)
{
    mv_search_sender *sender = NULL;
    mv_search_check *check = NULL;
    mv_status st = MV_OK;
    switch (reader) {
    case 0:
        st = mv_search_sender_new(&sender, bytes, len);
        must((st == MV_OK) == (sender != NULL));
        mv_search_sender_free(&sender);
        break;
    case 1:
        read_scores(bytes, len);
        break;
    case 2:
        st = mv_search_check_read(&check, bytes, len);
        must((st == MV_OK) == (check != NULL));
        mv_search_check_free(&check);
        break;
    case 3:
        st = mv_classifier_run(model, room, good[5].len, bytes, len);
        must(st == MV_OK || mv_status_category(st) != MV_CATEGORY_INTERNAL);
        break;
    case 4:
        st = mv_classifier_take_key(model, bytes, len);
        must(st == MV_OK || mv_status_category(st) != MV_CATEGORY_INTERNAL);
        must(mv_classifier_take_key(model, good[4].bytes, good[4].len) == MV_OK);
        break;
    case 5:
        read_classes(bytes, len);
        break;
    case 6:
        if (len >= mv_scan_upload_size()) {
            st = mv_scan_upload_read(work, cipher, bytes, keys);
            must((st == MV_OK) == (mv_cipher_polys(cipher) == 2));
        }
        break;
    case 7:
        read_group(bytes, len);
        break;
    case 8:
        read_atlas(bytes, len);
        break;
    case 9:
        read_question(bytes, len);
        break;
    case 10:
        read_answer(bytes, len);
        break;
    default:
        read_key(bytes, len);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (searcher == NULL) {
        prepare();
    }
    if (size < 2) {
        return 0;
    }
    const unsigned reader = data[0] % READERS;
    if (data[1] == 0) {
        uint8_t *copy = malloc(size > 2 ? size - 2 : 1); /* so that reading too far is seen */
        must(copy != NULL);
        memcpy(copy, data + 2, size - 2);
        read_one(reader, copy, size - 2);
        free(copy);
        return 0;
    }
    message m = message_new(good[reader].len);
    memcpy(m.bytes, good[reader].bytes, m.len);
    size_t at = 2;
    for (; at + 5 <= size; at += 5) {
        m.bytes[mv_load_u32le(data + at) % m.len] ^= data[at + 4];
    }
    if (at < size) {
        m.len -= data[at];
    }
    read_one(reader, m.bytes, m.len);
    free(m.bytes);
    return 0;
}
