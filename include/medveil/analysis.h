/* SPDX-License-Identifier: Apache-2.0
 *
 * analysis.h: searching and classifying embeddings that stay encrypted.
 *
 * A *gallery* is a folder at somebody who may not look: embeddings of images, each encrypted under
 * the public key of one collection. Whoever has the public key adds an image; whoever has the
 * collection key asks which images are like a new one. The gallery's keeper computes every dot
 * product without seeing embeddings, query or scores.
 *
 *     collection key --> mv_search_key  --> public key  --> mv_search_sender --> upload
 *                                       --> server keys --> mv_gallery, which takes uploads
 *     mv_search_key --> query --> mv_gallery_scan --> reply --> mv_search_scores
 *
 * Scores are exact: the dot product of the two embeddings, an integer (embedding.h). Every message
 * names the collection's key and the head that made the embeddings; messages of another key or
 * head are refused with MV_E_MISMATCH. Readers take any bytes and check all of them.
 *
 * What the keeper learns: how many rows there are, when they came, when somebody searched. What a
 * keeper who lies can do: nothing that mv_search_check_verify does not see. Whoever decrypts scores
 * must not behave differently, visibly to the keeper, depending on what came out: no retry, and
 * images are fetched in a fixed number, with dummies.
 *
 * A gallery may be used by several threads: scans run beside each other, appending waits for them.
 * A key or a sender belongs to one thread at a time.
 */
#ifndef MEDVEIL_ANALYSIS_H
#define MEDVEIL_ANALYSIS_H

#include "medveil/he.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MV_SEARCH_DIM       128
#define MV_SEARCH_HASH_LEN  32
#define MV_SEARCH_ROW_ID    32 /* what the caller calls a row by: the id of an envelope */
#define MV_SEARCH_GROUP_MAX 64 /* rows that the key holder packs into one cipher */

/* ---- The key holder ---- */

typedef struct mv_search_key mv_search_key;

/* mv_search_key_new: head_hash: of the head whose embeddings this gallery holds.
 * errors: MV_E_MEMORY, MV_E_ARGUMENT */
MV_API MV_MUST_CHECK mv_status mv_search_key_new(mv_search_key **out,
                                                 const uint8_t collection_key[32],
                                                 const uint8_t head_hash[MV_SEARCH_HASH_LEN]);
MV_API void mv_search_key_free(mv_search_key **key);

/* Who a gallery at a relay belongs to. Its name is an Ed25519 key; whoever has the collection's key
 * can sign for it, as its holder, and whoever has the public key's message can sign as a sender:
 * may add rows and images, and nothing else. */
typedef struct mv_gallery_access {
    uint8_t gallery[32]; /* its name: the holder's key */
    uint8_t sender[32];  /* the senders' key */
    uint8_t seed[32];    /* secret: of the one of both keys that this access signs with */
} mv_gallery_access;

/* mv_gallery_access_make: the holder's. errors: MV_E_ARGUMENT, MV_E_INTERNAL */
MV_API MV_MUST_CHECK mv_status mv_gallery_access_make(mv_gallery_access *out,
                                                      const uint8_t collection_key[32],
                                                      const uint8_t head_hash[MV_SEARCH_HASH_LEN]);

/* Sizes of messages, in bytes, always the same. */
typedef struct mv_search_sizes {
    size_t public_key;  /* for senders */
    size_t server_keys; /* for the keeper; once */
    size_t upload;      /* one embedding from a sender */
    size_t group;       /* up to 64 embeddings from the key holder */
    size_t query;
} mv_search_sizes;
MV_API mv_search_sizes mv_search_message_sizes(void);

/* Each writes exactly the size of its kind. errors: MV_E_SPACE, MV_E_RANDOM, MV_E_MEMORY */
MV_API MV_MUST_CHECK mv_status mv_search_write_public(mv_search_key *key, uint8_t *out, size_t cap);
MV_API MV_MUST_CHECK mv_status mv_search_write_server(mv_search_key *key, uint8_t *out, size_t cap);
MV_API MV_MUST_CHECK mv_status mv_search_query(mv_search_key *key, uint8_t *out, size_t cap,
                                               const int8_t value[MV_SEARCH_DIM]);
/* mv_search_pack: count <= 64 embeddings, value[count][128], in one message, for filling or
 * repacking a gallery. */
MV_API MV_MUST_CHECK mv_status mv_search_pack(mv_search_key *key, uint8_t *out, size_t cap,
                                              const int8_t *value, uint32_t count);

/* mv_search_unpack: the embeddings in a part of a gallery, a group or a block as it is stored,
 * value[*rows][128]; cap in rows, 8,192 are enough; 8 bytes behind part must be readable. The
 * keeper may lie: compare with mv_search_check_same.
 * errors: readers', MV_E_MISMATCH, MV_E_SPACE */
MV_API MV_MUST_CHECK mv_status mv_search_unpack(mv_search_key *key, int8_t *value, size_t cap,
                                                size_t *rows, const uint8_t *part, size_t len);

/* mv_search_reply_rows: how many rows a reply has; 0: not a reply to this key. */
MV_API size_t mv_search_reply_rows(const mv_search_key *key, const uint8_t *reply, size_t len);

/* mv_search_scores: the dot product of the query with every row, exactly. The noise bound is not
 * read from the reply but is that of the scan asked for. On error score is zero.
 * errors: those of readers, MV_E_MISMATCH, MV_E_SPACE (cap in elements) */
MV_API MV_MUST_CHECK mv_status mv_search_scores(mv_search_key *key, int32_t *score, size_t cap,
                                                const uint8_t *reply, size_t len);

/* ---- Answers one can trust ----
 *
 * The key holder keeps u G modulo the prime 2^61 - 1, G being the rows and u one secret random
 * number a row, and adds to it whenever a row is added (it knows the row's embedding from the
 * image's authenticated envelope). True scores satisfy  u . scores = (u G) . query;  scores with
 * one wrong, missing or outdated row do so with a chance of 2^-61 [Fre79]. It holds for one answer
 * after the other as long as the keeper never learns how a check went.
 *
 * Rows of other senders are there before the holder knows their embeddings. The check skips them
 * (u = 0) until it learns them; what it does not know it does not vouch for, row by row. */
typedef struct mv_search_check mv_search_check;
MV_API MV_MUST_CHECK mv_status mv_search_check_new(mv_search_check **out); /* draws u's seed */
MV_API void mv_search_check_free(mv_search_check **check);
MV_API size_t mv_search_check_rows(const mv_search_check *check);
MV_API int mv_search_check_knows(const mv_search_check *check, size_t row);
/* mv_search_check_skip: there are `rows` rows now, the new ones not known; fewer: nothing happens.
 * mv_search_check_learn: the embedding of a row, which is not known yet, or a new one.
 * mv_search_check_add: the next row. errors: MV_E_MEMORY, MV_E_LIMIT, MV_E_EXISTS (it is known) */
MV_API MV_MUST_CHECK mv_status mv_search_check_skip(mv_search_check *check, size_t rows);
MV_API MV_MUST_CHECK mv_status mv_search_check_learn(mv_search_check *check, size_t row,
                                                     const int8_t value[MV_SEARCH_DIM]);
MV_API MV_MUST_CHECK mv_status mv_search_check_add(mv_search_check *check,
                                                   const int8_t value[MV_SEARCH_DIM]);
/* mv_search_check_verify: the scores of all rows that are known; rows past those of the check are
 * not. errors: MV_E_AUTH (scores are not those of these rows), also when there are fewer rows */
MV_API MV_MUST_CHECK mv_status mv_search_check_verify(const mv_search_check *check,
                                                      const int8_t query[MV_SEARCH_DIM],
                                                      const int32_t *score, size_t rows);
/* mv_search_check_same: the known ones of these rows, value[rows][128], are those that were added.
 * errors: as above */
MV_API MV_MUST_CHECK mv_status mv_search_check_same(const mv_search_check *check,
                                                    const int8_t *value, size_t rows);
/* As bytes, to be kept in a private file. errors: MV_E_SPACE; MV_E_FORMAT, MV_E_RANGE, .. */
MV_API size_t mv_search_check_size(const mv_search_check *check);
MV_API MV_MUST_CHECK mv_status mv_search_check_write(uint8_t *out, size_t cap,
                                                     const mv_search_check *check);
MV_API MV_MUST_CHECK mv_status mv_search_check_read(mv_search_check **out, const uint8_t *bytes,
                                                    size_t len);

/* mv_search_top: indices of the best count scores, best first, the earlier row first among equals;
 * time depends on the sizes only up to the order of scores. Returns how many there are. */
MV_API size_t mv_search_top(uint32_t *index, size_t count, const int32_t *score, size_t rows);

/* mv_search_fetch: which rows to fetch after a search: the wanted ones among random others, in
 * random order, so that the keeper sees neither how many were wanted nor which. row: size of them,
 * all different; size should be the same for every search. errors: MV_E_ARGUMENT (fewer rows than
 * size, more wanted than size, a wanted row that is not there or is there twice), MV_E_RANDOM */
MV_API MV_MUST_CHECK mv_status mv_search_fetch(uint32_t *row, size_t size, const uint32_t *wanted,
                                               size_t count, size_t rows);

/* ---- A sender with the public key ---- */

typedef struct mv_search_sender mv_search_sender;
MV_API MV_MUST_CHECK mv_status mv_search_sender_new(mv_search_sender **out,
                                                    const uint8_t *public_key, size_t len);
MV_API void mv_search_sender_free(mv_search_sender **sender);
MV_API void mv_search_sender_access(mv_gallery_access *out, const mv_search_sender *sender);
/* mv_search_upload: errors: MV_E_MISMATCH (another head), MV_E_SPACE, MV_E_RANDOM */
MV_API MV_MUST_CHECK mv_status mv_search_upload(mv_search_sender *sender, uint8_t *out, size_t cap,
                                                const int8_t value[MV_SEARCH_DIM],
                                                const uint8_t head_hash[MV_SEARCH_HASH_LEN]);

/* ---- The keeper ---- */

typedef struct mv_gallery mv_gallery;

/* mv_gallery_create: make an empty gallery in a folder that has none.
 * mv_gallery_open: one that is there; what an interruption left half done is dropped.
 * errors: MV_E_EXISTS, MV_E_NOT_FOUND, MV_E_BUSY (another process, or this one, has it open),
 * MV_E_FORMAT, MV_E_IO, .. with a sentence */
MV_API MV_MUST_CHECK mv_status mv_gallery_create(const char *folder, const uint8_t *server_keys,
                                                 size_t len, mv_error *err);
MV_API MV_MUST_CHECK mv_status mv_gallery_open(mv_gallery **out, const char *folder, mv_error *err);
MV_API void mv_gallery_free(mv_gallery **gallery);

MV_API size_t mv_gallery_rows(mv_gallery *gallery);
/* mv_gallery_row: the name of a row, and whether it was removed. errors: MV_E_NOT_FOUND */
MV_API MV_MUST_CHECK mv_status mv_gallery_row(mv_gallery *gallery, size_t row,
                                              uint8_t id[MV_SEARCH_ROW_ID], int *removed);

/* mv_gallery_append: one upload as the next row, durable when it returns.
 * mv_gallery_append_group: what mv_search_pack made of count rows. Where uploads follow a group or
 * a group follows anything, what is open before is filled up with rows that are removed at once.
 * errors: readers', MV_E_MISMATCH (another collection or head), MV_E_EXISTS (id is there), MV_E_IO
 */
MV_API MV_MUST_CHECK mv_status mv_gallery_append(mv_gallery *gallery,
                                                 const uint8_t id[MV_SEARCH_ROW_ID],
                                                 const uint8_t *upload, size_t len, mv_error *err);
MV_API MV_MUST_CHECK mv_status mv_gallery_append_group(mv_gallery *gallery, const uint8_t *ids,
                                                       uint32_t count, const uint8_t *group,
                                                       size_t len, mv_error *err);
/* mv_gallery_remove: the row keeps its place and its score, but is marked; the key holder drops it
 * from answers, and repacking from the gallery. errors: MV_E_NOT_FOUND */
MV_API MV_MUST_CHECK mv_status mv_gallery_remove(mv_gallery *gallery,
                                                 const uint8_t id[MV_SEARCH_ROW_ID], mv_error *err);

/* mv_gallery_scan: scores of a query against all rows, on up to workers threads, into *reply, which
 * the caller frees with free(). One size for all queries. A block of 8,192 rows is in memory at a
 * time and worker. errors: readers', MV_E_MISMATCH, MV_E_MEMORY, MV_E_IO, MV_E_INTERRUPTED
 * (progress said so; nothing is left behind) */
MV_API MV_MUST_CHECK mv_status mv_gallery_scan(mv_gallery *gallery, uint8_t **reply, size_t *len,
                                               const uint8_t *query, size_t query_len,
                                               unsigned workers, const mv_progress *progress,
                                               mv_error *err);

/* mv_gallery_part_bytes: what mv_search_unpack takes: number index of the parts that together hold
 * all rows: blocks of 8,192, then groups of 64, of which any may hold fewer. *bytes is the
 * caller's, to be freed with free(); *first: its first row. errors: MV_E_NOT_FOUND (past the last),
 * MV_E_IO, ..
 */
MV_API MV_MUST_CHECK mv_status mv_gallery_part_bytes(mv_gallery *gallery, size_t index,
                                                     uint8_t **bytes, size_t *len, size_t *first,
                                                     mv_error *err);

/* ---- Evaluation ---- */

/* Unit vectors with the numbers of their classes, for measuring retrieval. */
typedef struct mv_search_trial {
    const float *row; /* [rows][128] */
    const uint32_t *row_label;
    size_t rows;
    const float *query; /* [queries][128] */
    const uint32_t *query_label;
    size_t queries;
    unsigned workers;
} mv_search_trial;

/* Mean average precision (20) of ranking by real dot products, by those of the integers, and by
 * what an encrypted gallery answered; and how many of its scores differ from the integers' (0). */
typedef struct mv_search_result {
    double map_real, map_integer, map_encrypted;
    size_t differing;
} mv_search_result;

/* mv_search_evaluate: folder: an empty or new one for the gallery, which stays there.
 * errors: MV_E_ARGUMENT (a query of a class without rows), those of galleries */
MV_API MV_MUST_CHECK mv_status mv_search_evaluate(mv_search_result *out,
                                                  const mv_search_trial *trial, const char *folder,
                                                  mv_error *err);

/* ---- A plain gallery ----
 *
 * An *atlas* is open to everybody; what is looked for in it is secret. Who asks makes a key for
 * this one question; question and reply are messages between it and the atlas's keeper (set
 * score4096). Scores are exact: mv_atlas_score of the two embeddings. Nothing proves that the
 * keeper answered from this atlas. */

#define MV_ATLAS_ROWS_MAX 262144
#define MV_ATLAS_UNIT     134 /* score / 134^2 is the cosine, about */
#define MV_ATLAS_KEY_LEN  88

/* mv_atlas_write: rows embeddings, value[rows][128], as a file of mv_atlas_size bytes.
 * errors: MV_E_SPACE, MV_E_ARGUMENT, MV_E_RANGE (longer than an embedding is) */
MV_API size_t mv_atlas_size(uint32_t rows);
MV_API MV_MUST_CHECK mv_status mv_atlas_write(uint8_t *out, size_t cap,
                                              const uint8_t head_hash[MV_SEARCH_HASH_LEN],
                                              const int8_t *value, uint32_t rows);

typedef struct mv_atlas mv_atlas; /* ready to be asked; one thread at a time */
/* mv_atlas_read: errors: MV_E_FORMAT (also a wrong hash), MV_E_TRUNCATED, MV_E_RANGE, MV_E_MEMORY
 */
MV_API MV_MUST_CHECK mv_status mv_atlas_read(mv_atlas **out, const uint8_t *bytes, size_t len);
MV_API void mv_atlas_free(mv_atlas **atlas);
MV_API uint32_t mv_atlas_rows(const mv_atlas *atlas);
/* mv_atlas_answer: *reply is freed with free(). errors: readers', MV_E_MISMATCH (another head),
 * MV_E_NOT_FOUND (not the keys that are needed) */
MV_API MV_MUST_CHECK mv_status mv_atlas_answer(mv_atlas *atlas, uint8_t **reply, size_t *len,
                                               const uint8_t *question, size_t question_len);

typedef struct mv_atlas_key mv_atlas_key; /* of one question; secret */
MV_API MV_MUST_CHECK mv_status mv_atlas_key_new(mv_atlas_key **out,
                                                const uint8_t head_hash[MV_SEARCH_HASH_LEN]);
MV_API void mv_atlas_key_free(mv_atlas_key **key);
/* As bytes, to be kept in a private file until the reply is there. errors: MV_E_FORMAT, .. */
MV_API void mv_atlas_key_write(uint8_t out[MV_ATLAS_KEY_LEN], const mv_atlas_key *key);
MV_API MV_MUST_CHECK mv_status mv_atlas_key_read(mv_atlas_key **out, const uint8_t *bytes,
                                                 size_t len);

MV_API size_t mv_atlas_question_size(void);
MV_API MV_MUST_CHECK mv_status mv_atlas_question(mv_atlas_key *key, uint8_t *out, size_t cap,
                                                 const int8_t value[MV_SEARCH_DIM]);
/* mv_atlas_reply_rows: 0 when this is no reply to the key's question. mv_atlas_scores: score[rows];
 * all zero on error. */
MV_API uint32_t mv_atlas_reply_rows(const mv_atlas_key *key, const uint8_t *reply, size_t len);
MV_API MV_MUST_CHECK mv_status mv_atlas_scores(mv_atlas_key *key, int32_t *score, size_t cap,
                                               const uint8_t *reply, size_t len);
MV_API int32_t mv_atlas_score(const int8_t a[MV_SEARCH_DIM], const int8_t b[MV_SEARCH_DIM]);

/* ---- Classification ----
 *
 * A linear model gives each class a score, weight . embedding + bias, in exact integers; its keeper
 * computes them on an encrypted embedding. A *public* model (set score4096) needs no key at all. Of
 * a *private* one (private8192) the reply tells the scores and nothing else: everything that is not
 * a score is masked by random numbers, and the noise is flooded with 40 more bits, under the key
 * holder's public key. Scores tell about the weights all the same: who may ask 129 times can solve
 * for them, so queries for each key have to be counted and limited. All queries have one size, and
 * so have all replies. */

#define MV_CLASSIFY_CLASSES_MAX 32

typedef enum mv_classify_kind {
    MV_CLASSIFY_PUBLIC_MODEL,
    MV_CLASSIFY_PRIVATE_MODEL
} mv_classify_kind;

typedef struct mv_classifier mv_classifier; /* a model, ready to run; one thread at a time */

/* mv_classifier_new: weight[classes][128], bias[classes]. errors: MV_E_RANGE: a score could leave
 * the range of the set, that is (length of some weight) sqrt(68464) + |bias| > mv_classify_limit;
 * MV_E_ARGUMENT, MV_E_MEMORY */
MV_API int64_t mv_classify_limit(mv_classify_kind kind); /* 20480 or 536846336 */
MV_API MV_MUST_CHECK mv_status mv_classifier_new(mv_classifier **out, mv_classify_kind kind,
                                                 const uint8_t head_hash[MV_SEARCH_HASH_LEN],
                                                 const int32_t *weight, const int64_t *bias,
                                                 uint32_t classes);
MV_API void mv_classifier_free(mv_classifier **classifier);

typedef struct mv_classify_sizes {
    size_t public_key; /* private models: to the keeper, once; public ones: 0 */
    size_t query, reply;
} mv_classify_sizes;
MV_API mv_classify_sizes mv_classify_message_sizes(mv_classify_kind kind);

/* mv_classifier_take_key: whom the next queries are from; private models only.
 * mv_classifier_run: exactly the size of a reply. errors: readers', MV_E_MISMATCH (another head; a
 * private model without the key of the query's maker) */
MV_API MV_MUST_CHECK mv_status mv_classifier_take_key(mv_classifier *classifier,
                                                      const uint8_t *public_key, size_t len);
MV_API MV_MUST_CHECK mv_status mv_classifier_run(mv_classifier *classifier, uint8_t *out,
                                                 size_t cap, const uint8_t *query, size_t len);

typedef struct mv_classify_key mv_classify_key; /* the key holder */
MV_API MV_MUST_CHECK mv_status mv_classify_key_new(mv_classify_key **out, mv_classify_kind kind,
                                                   const uint8_t collection_key[32],
                                                   const uint8_t head_hash[MV_SEARCH_HASH_LEN]);
MV_API void mv_classify_key_free(mv_classify_key **key);
MV_API MV_MUST_CHECK mv_status mv_classify_write_public(mv_classify_key *key, uint8_t *out,
                                                        size_t cap);
MV_API MV_MUST_CHECK mv_status mv_classify_query(mv_classify_key *key, uint8_t *out, size_t cap,
                                                 const int8_t value[MV_SEARCH_DIM]);
/* mv_classify_scores: score[32], of which *classes count; the rest, and all on error, is zero */
MV_API MV_MUST_CHECK mv_status mv_classify_scores(mv_classify_key *key,
                                                  int64_t score[MV_CLASSIFY_CLASSES_MAX],
                                                  uint32_t *classes, const uint8_t *reply,
                                                  size_t len);

/* ---- A linear model as a file ----
 *
 * Real weights become the largest integers whose scores still fit. The names of the classes and the
 * scale go to the key holder in a message of their own, behind the reply. */

#define MV_LINEAR_NAME_MAX 32 /* with the final zero */

typedef struct mv_linear_class {
    char set[MV_LINEAR_NAME_MAX], name[MV_LINEAR_NAME_MAX]; /* "brain_mri", "Tumor" */
} mv_linear_class;

typedef struct mv_linear_labels {
    double scale; /* score / scale is the score of the real model, about */
    uint32_t classes;
    mv_linear_class class_of[MV_CLASSIFY_CLASSES_MAX];
} mv_linear_labels;

typedef struct mv_linear_model {
    mv_classify_kind kind;
    uint8_t head_hash[MV_SEARCH_HASH_LEN];
    mv_linear_labels labels;
    int32_t weight[MV_CLASSIFY_CLASSES_MAX][MV_SEARCH_DIM];
    int64_t bias[MV_CLASSIFY_CLASSES_MAX];
} mv_linear_model;

/* mv_linear_quantise: reads kind and labels.classes, sets scale, weight and bias.
 * weight[classes][128], of a unit vector; bias[classes], or NULL for none.
 * errors: MV_E_ARGUMENT, MV_E_RANGE (not finite, or all zero) */
MV_API MV_MUST_CHECK mv_status mv_linear_quantise(mv_linear_model *model, const float *weight,
                                                  const float *bias);

/* mv_linear_scores: in the clear: score[labels.classes], what mv_classify_scores gives. */
MV_API void mv_linear_scores(int64_t score[MV_CLASSIFY_CLASSES_MAX], const mv_linear_model *model,
                             const int8_t value[MV_SEARCH_DIM]);

/* As bytes. errors: MV_E_SPACE; MV_E_FORMAT (also a wrong hash), MV_E_TRUNCATED, MV_E_RANGE */
MV_API size_t mv_linear_size(const mv_linear_model *model);
MV_API MV_MUST_CHECK mv_status mv_linear_write(uint8_t *out, size_t cap,
                                               const mv_linear_model *model);
MV_API MV_MUST_CHECK mv_status mv_linear_read(mv_linear_model *out, const uint8_t *bytes,
                                              size_t len);

/* mv_linear_labels_write: for whom a reply is. errors: readers', MV_E_RANGE (names that are not
 * printable) */
#define MV_LINEAR_LABELS_LEN 2120
MV_API MV_MUST_CHECK mv_status mv_linear_labels_write(uint8_t out[MV_LINEAR_LABELS_LEN],
                                                      const mv_linear_labels *labels,
                                                      const uint8_t *reply, size_t reply_len);
MV_API MV_MUST_CHECK mv_status mv_linear_labels_read(mv_linear_labels *out, const uint8_t *bytes,
                                                     size_t len);

/* mv_classify_query_owner: who asks, as 16 bytes that differ from key to key, to count queries by.
 * errors: readers' */
#define MV_CLASSIFY_OWNER_LEN 16
MV_API MV_MUST_CHECK mv_status mv_classify_query_owner(uint8_t out[MV_CLASSIFY_OWNER_LEN],
                                                       const uint8_t *query, size_t len);

/* ---- A network with one hidden layer ----
 *
 *     score = second (first x + shift)^2 + bias,    x = embedding / 256, squares one by one
 *
 * on real numbers under CKKS (deep8192: 128 bits classical only, for questions of the day). The
 * keeper needs the key holder's evaluation keys, once. Results are approximate, about 0.0001 off,
 * and for the key holder only: whoever else sees m + e learns about the key [LM21]. The key holder
 * sees the terms of the sums too, so this is for public networks. Weights must be scaled so that
 * 64 |first| + |shift| <= 16 and its square times |second| <= 512, or a run ends with MV_E_NOISE.
 */

typedef struct mv_network_weights {
    const double *first;  /* [hidden][128] */
    const double *shift;  /* [hidden] */
    const double *second; /* [classes][hidden] */
    const double *bias;   /* [classes] */
    uint32_t hidden;      /* 1..128 */
    uint32_t classes;     /* 1..32 */
} mv_network_weights;

typedef struct mv_network_sizes {
    size_t keys, query;
    size_t reply; /* at most; the same for every query */
} mv_network_sizes;
MV_API mv_network_sizes mv_network_message_sizes(void);

typedef struct mv_network_key mv_network_key; /* the key holder */
MV_API MV_MUST_CHECK mv_status mv_network_key_new(mv_network_key **out,
                                                  const uint8_t collection_key[32],
                                                  const uint8_t head_hash[MV_SEARCH_HASH_LEN]);
MV_API void mv_network_key_free(mv_network_key **key);
MV_API MV_MUST_CHECK mv_status mv_network_write_keys(mv_network_key *key, uint8_t *out, size_t cap);
MV_API MV_MUST_CHECK mv_status mv_network_query(mv_network_key *key, uint8_t *out, size_t cap,
                                                const int8_t value[MV_SEARCH_DIM]);
MV_API MV_MUST_CHECK mv_status mv_network_scores(mv_network_key *key,
                                                 double score[MV_CLASSIFY_CLASSES_MAX],
                                                 uint32_t *classes, const uint8_t *reply,
                                                 size_t len);

typedef struct mv_network mv_network; /* the keeper; one thread at a time */
MV_API MV_MUST_CHECK mv_status mv_network_new(mv_network **out,
                                              const uint8_t head_hash[MV_SEARCH_HASH_LEN],
                                              const mv_network_weights *weights);
MV_API void mv_network_free(mv_network **network);
MV_API MV_MUST_CHECK mv_status mv_network_take_keys(mv_network *network, const uint8_t *keys,
                                                    size_t len);
/* mv_network_run: errors: readers', MV_E_NOT_FOUND (no keys yet), MV_E_MISMATCH, MV_E_NOISE */
MV_API MV_MUST_CHECK mv_status mv_network_run(mv_network *network, uint8_t *out, size_t cap,
                                              size_t *written, const uint8_t *query, size_t len);

#ifdef __cplusplus
}
#endif
#endif
