/* SPDX-License-Identifier: Apache-2.0
 *
 * eval_encrypted.c: mean average precision (20) of retrieval and of classification, in the clear
 * with real numbers, with the integers of embeddings and weights, and from decrypted answers: an
 * encrypted gallery and a public linear model (BFV, exact), and the real model under CKKS.
 */
#include "eval_encrypted.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/rng.h"
#include "eval.h"
#include "medveil/analysis.h"
#include "medveil/bfv.h"
#include "medveil/ckks.h"
#include "medveil/metrics.h"
#include "paths.h"
#include "scratch.h"
#include "ui.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { DIM = MV_EMBEDDING_DIM, CLASSES = MV_CLASSIFY_CLASSES_MAX, CSV_MAX = 1 << 20 };

/* Ways to come by the scores of classes. */
typedef enum way { REAL, WHOLE, OPENED, CKKS, WAYS } way;

typedef struct work {
    const cli_args *args;
    mv_model *model;
    mv_head *head;
    mv_head_info info;
    uint8_t key[32];
    labelled list;       /* of the set in hand */
    float *unit;         /* [count][DIM] */
    double *score[WAYS]; /* [count][classes] */
    mv_buffer csv;
} work;

/* What a set came to; *_ms are medians for one question. */
typedef struct result {
    mv_search_result retrieval;
    double map[WAYS], ckks_error, query_ms, run_ms, open_ms, ckks_ms, ckks_margin;
    size_t differing, classes, reply_len;
} result;

static void set_clear(work *w)
{
    labelled_clear(&w->list);
    free(w->unit);
    w->unit = NULL;
    for (int i = 0; i < WAYS; i++) {
        free(w->score[i]);
        w->score[i] = NULL;
    }
}

/* ---- Embeddings ---- */

static mv_status embed_all(work *w, mv_error *err)
{
    mv_status st = MV_OK;
    mv_image image = {0};
    w->unit = calloc(w->list.count, DIM * sizeof *w->unit);
    MV_ENSURE(w->unit != NULL, MV_E_MEMORY);
    for (size_t i = 0; i < w->list.count; i++) {
        MV_TRY(mv_image_load(&image, w->list.image[i].path, err));
        MV_TRY(mv_head_unit_image(w->unit + i * DIM, w->head, w->model, &image, err));
        mv_image_clear(&image);
    }
done:
    mv_image_clear(&image);
    return st;
}

/* ---- Retrieval: every other image asks, the ones between are the gallery ---- */

static mv_status retrieve(work *w, result *r, mv_error *err)
{
    mv_status st = MV_OK;
    scratch folder = {""};
    const size_t n = w->list.count;
    float *row = calloc(n + 1, DIM * sizeof *row), *query = calloc(n + 1, DIM * sizeof *query);
    uint32_t *label = calloc(2 * n + 2, sizeof *label);
    mv_search_trial t = {.row = row, .query = query, .row_label = label};
    MV_ENSURE(row != NULL && query != NULL && label != NULL, MV_E_MEMORY);
    t.query_label = label + n + 1;
    t.workers = 2;
    for (size_t i = 0; i < n; i++) {
        float *to = i % 2 == 0 ? row + t.rows * DIM : query + t.queries * DIM;
        memcpy(to, w->unit + i * DIM, DIM * sizeof *to);
        label[i % 2 == 0 ? t.rows++ : n + 1 + t.queries++] = w->list.image[i].label;
    }
    MV_TRY(scratch_make(&folder, cli_value(w->args, "output"), err));
    MV_TRY(mv_search_evaluate(&r->retrieval, &t, folder.path, err));
done:
    scratch_remove(&folder);
    free(row);
    free(query);
    free(label);
    return st;
}

/* ---- Classification ---- */

/* The head's classes of this set as a linear model in integers. */
static mv_status linear_model(mv_linear_model *out, const work *w, uint32_t first)
{
    const uint32_t classes = w->list.class_count;
    memset(out, 0, sizeof *out);
    out->kind = MV_CLASSIFY_PUBLIC_MODEL;
    memcpy(out->head_hash, w->info.hash, sizeof out->head_hash);
    out->labels.classes = classes;
    for (uint32_t k = 0; k < classes; k++) {
        mv_linear_class *c = &out->labels.class_of[k];
        (void)snprintf(c->set, sizeof c->set, "%.31s", w->list.set);
        (void)snprintf(c->name, sizeof c->name, "%.31s", w->list.class_name[k]);
    }
    return mv_linear_quantise(out, mv_head_class_weights(w->head, first), NULL);
}

static void score_real(const work *w, uint32_t first, size_t i)
{
    for (uint32_t k = 0; k < w->list.class_count; k++) {
        const float *row = mv_head_class_weights(w->head, first + k);
        double sum = 0;
        for (size_t d = 0; d < DIM; d++) {
            sum += (double)row[d] * (double)w->unit[i * DIM + d];
        }
        w->score[REAL][i * w->list.class_count + k] = sum;
    }
}

/* One question to the encrypted model, and the same in the clear. */
typedef struct asking {
    mv_linear_model model;
    mv_classify_key *key;
    mv_classifier *keeper;
    mv_classify_sizes size;
    uint8_t *query, *reply;
} asking;

static mv_status asking_new(asking *a, const work *w)
{
    mv_status st = MV_OK;
    const mv_linear_model *m = &a->model;
    a->size = mv_classify_message_sizes(m->kind);
    a->query = malloc(a->size.query);
    a->reply = malloc(a->size.reply);
    MV_ENSURE(a->query != NULL && a->reply != NULL, MV_E_MEMORY);
    MV_TRY(mv_classify_key_new(&a->key, m->kind, w->key, m->head_hash));
    MV_TRY(mv_classifier_new(&a->keeper, m->kind, m->head_hash, m->weight[0], m->bias,
                             m->labels.classes));
done:
    return st;
}

static void asking_free(asking *a)
{
    mv_classify_key_free(&a->key);
    mv_classifier_free(&a->keeper);
    free(a->query);
    free(a->reply);
}

static mv_status ask_one(work *w, asking *a, result *r, size_t i)
{
    mv_status st = MV_OK;
    const uint32_t classes = w->list.class_count;
    mv_embedding e;
    int64_t plain[CLASSES], opened[CLASSES];
    uint32_t count = 0;
    MV_TRY(mv_embedding_quantise(&e, w->unit + i * DIM));
    const double start = mv_clock_ms();
    MV_TRY(mv_classify_query(a->key, a->query, a->size.query, e.value));
    const double asked = mv_clock_ms();
    MV_TRY(mv_classifier_run(a->keeper, a->reply, a->size.reply, a->query, a->size.query));
    const double run = mv_clock_ms();
    MV_TRY(mv_classify_scores(a->key, opened, &count, a->reply, a->size.reply));
    r->query_ms += asked - start;
    r->run_ms += run - asked;
    r->open_ms += mv_clock_ms() - run;
    mv_linear_scores(plain, &a->model, e.value);
    for (uint32_t k = 0; k < classes; k++) {
        w->score[WHOLE][i * classes + k] = (double)plain[k] / a->model.labels.scale;
        w->score[OPENED][i * classes + k] = (double)opened[k] / a->model.labels.scale;
        r->differing += plain[k] != opened[k];
    }
done:
    return st;
}

/* The real model on a real embedding: real8192, a key of this run. */
typedef struct ckks {
    mv_he_matrix_shape shape;
    mv_he_key *key;
    mv_he_eval_keys *keys;
    mv_he_work *work;
    mv_plain *plain;
    mv_cipher *in, *out;
    mv_he_matrix *matrix;
    double *slot;
} ckks;

static void ckks_free(ckks *c)
{
    mv_he_matrix_free(&c->matrix);
    mv_cipher_free(&c->in);
    mv_cipher_free(&c->out);
    mv_plain_free(&c->plain);
    mv_he_work_free(&c->work);
    mv_he_eval_keys_free(&c->keys);
    mv_he_key_free(&c->key);
    free(c->slot);
}

static mv_status ckks_new(ckks *c, const work *w, uint32_t first)
{
    mv_status st = MV_OK;
    const mv_he_set *set = mv_he_set_find("real8192");
    mv_he_eval_key *one = NULL;
    int32_t steps[2];
    double weight[CLASSES * DIM], bound = 0;
    c->shape = (mv_he_matrix_shape){w->list.class_count, DIM};
    for (size_t i = 0; i < (size_t)w->list.class_count * DIM; i++) {
        weight[i] = (double)mv_head_class_weights(w->head, first)[i];
        bound = fabs(weight[i]) > bound ? fabs(weight[i]) : bound;
    }
    c->slot = calloc(mv_he_set_slots(set), sizeof *c->slot);
    MV_ENSURE(c->slot != NULL, MV_E_MEMORY);
    MV_TRY(mv_he_key_new(&c->key, set, w->key));
    MV_TRY(mv_he_eval_keys_new(&c->keys, set));
    MV_TRY(mv_he_matrix_steps(steps, set, &c->shape));
    for (int i = 0; i < 2; i++) {
        if (steps[i] != 0) {
            MV_TRY(mv_he_eval_key_rotate(&one, c->key, steps[i]));
            MV_TRY(mv_he_eval_keys_add(c->keys, &one));
        }
    }
    MV_TRY(mv_he_work_new(&c->work, set));
    MV_TRY(mv_plain_new(&c->plain, set));
    MV_TRY(mv_cipher_new(&c->in, set));
    MV_TRY(mv_cipher_new(&c->out, set));
    MV_TRY(mv_ckks_matrix_new(&c->matrix, set, &c->shape, weight, bound));
done:
    mv_he_eval_key_free(&one);
    return st;
}

static mv_status ckks_one(work *w, ckks *c, result *r, size_t i)
{
    mv_status st = MV_OK;
    const uint32_t classes = w->list.class_count;
    const mv_he_set *set = mv_he_set_find("real8192");
    double x[DIM], y[CLASSES];
    for (size_t d = 0; d < DIM; d++) {
        x[d] = (double)w->unit[i * DIM + d];
    }
    const double start = mv_clock_ms();
    MV_TRY(mv_ckks_matrix_place(c->work, c->plain, &c->shape, x, 1));
    MV_TRY(mv_he_encrypt(c->work, c->in, c->key, c->plain));
    MV_TRY(mv_he_matrix_mul(c->work, c->out, c->matrix, c->in, c->keys));
    r->ckks_margin = mv_cipher_margin_bits(c->out);
    MV_TRY(mv_ckks_decrypt(c->work, c->slot, NULL, mv_he_set_slots(set), c->key, c->out));
    MV_TRY(mv_ckks_matrix_result(y, set, &c->shape, c->slot));
    r->ckks_ms += mv_clock_ms() - start;
    for (uint32_t k = 0; k < classes; k++) {
        const double off = fabs(y[k] - w->score[REAL][i * classes + k]);
        w->score[CKKS][i * classes + k] = y[k];
        r->ckks_error = off > r->ckks_error ? off : r->ckks_error;
    }
done:
    return st;
}

/* Softmax, as everywhere where classes are ranked. */
static double probability(const double *score, uint32_t classes, uint32_t k)
{
    double sum = 0;
    for (uint32_t c = 0; c < classes; c++) {
        sum += exp(score[c] - score[k]);
    }
    return 1 / sum;
}

static mv_status map_of(double *out, const work *w, const double *score)
{
    mv_status st = MV_OK;
    const size_t n = w->list.count;
    const uint32_t classes = w->list.class_count;
    double *p = calloc(n + 1, sizeof *p), precision = 0;
    uint8_t *relevant = calloc(n + 1, 1);
    MV_ENSURE(p != NULL && relevant != NULL, MV_E_MEMORY);
    *out = 0;
    for (uint32_t k = 0; k < classes; k++) {
        for (size_t i = 0; i < n; i++) {
            p[i] = probability(score + i * classes, classes, k);
            relevant[i] = w->list.image[i].label == k;
        }
        MV_TRY(mv_average_precision(&precision, p, relevant, n));
        *out += precision / classes;
    }
done:
    free(p);
    free(relevant);
    return st;
}

static mv_status classify(work *w, result *r, uint32_t first, mv_error *err)
{
    mv_status st = MV_OK;
    const size_t n = w->list.count;
    asking *a = calloc(1, sizeof *a);
    ckks c = {.key = NULL};
    (void)err;
    MV_ENSURE(a != NULL, MV_E_MEMORY);
    for (int i = 0; i < WAYS; i++) {
        w->score[i] = calloc(n, w->list.class_count * sizeof(double));
        MV_ENSURE(w->score[i] != NULL, MV_E_MEMORY);
    }
    MV_TRY(linear_model(&a->model, w, first));
    MV_TRY(asking_new(a, w));
    MV_TRY(ckks_new(&c, w, first));
    for (size_t i = 0; i < n; i++) {
        score_real(w, first, i);
        MV_TRY(ask_one(w, a, r, i));
        MV_TRY(ckks_one(w, &c, r, i));
    }
    for (int i = 0; i < WAYS; i++) {
        MV_TRY(map_of(&r->map[i], w, w->score[i]));
    }
    r->classes = w->list.class_count;
    r->reply_len = a->size.reply;
    r->query_ms /= (double)n;
    r->run_ms /= (double)n;
    r->open_ms /= (double)n;
    r->ckks_ms /= (double)n;
done:
    ckks_free(&c);
    if (a != NULL) {
        asking_free(a);
    }
    free(a);
    return st;
}

/* ---- What it came to ---- */

__attribute__((format(printf, 2, 3))) static mv_status line(work *w, const char *format, ...)
{
    char text[256];
    va_list list;
    va_start(list, format);
    const int len = vsnprintf(text, sizeof text, format, list);
    va_end(list);
    return mv_buffer_append(&w->csv, (const uint8_t *)text, (size_t)len);
}

static mv_status row(work *w, const char *what, double real, double whole, double opened,
                     size_t differing)
{
    const mv_status st = line(w, "%s,%s,%zu,%.6f,%.6f,%.6f,%zu\n", w->list.set, what, w->list.count,
                              real, whole, opened, differing);
    if (cli_flag(w->args, "json")) {
        ui_json(json_pack("{s:s, s:s, s:I, s:f, s:f, s:f, s:I}", "set", w->list.set, "what", what,
                          "images", (json_int_t)w->list.count, "map_real", real, "map_integer",
                          whole, "map_encrypted", opened, "differing", (json_int_t)differing));
    } else {
        printf("%-14s %-20s %.4f  %.4f  %.4f\n", w->list.set, what, real, whole, opened);
    }
    return st;
}

static mv_status report(work *w, const result *r)
{
    mv_status st = MV_OK;
    MV_TRY(row(w, "retrieval", r->retrieval.map_real, r->retrieval.map_integer,
               r->retrieval.map_encrypted, r->retrieval.differing));
    if (r->classes != 0) {
        MV_TRY(row(w, "classification", r->map[REAL], r->map[WHOLE], r->map[OPENED], r->differing));
        MV_TRY(row(w, "classification CKKS", r->map[REAL], r->map[REAL], r->map[CKKS], 0));
        if (!cli_flag(w->args, "json")) {
            printf(
                "%-14s a question: encrypt %.2f ms, score %.2f ms, open %.2f ms; CKKS %.2f ms in "
                "all, off by %.2g at most, %.1f bits of noise left\n",
                w->list.set, r->query_ms, r->run_ms, r->open_ms, r->ckks_ms, r->ckks_error,
                r->ckks_margin);
        }
    }
done:
    return st;
}

static mv_status one_set(work *w, const char *text, mv_error *err)
{
    mv_status st = MV_OK;
    char name[LABELLED_NAME_MAX];
    result r = {.classes = 0};
    const char *equals = strchr(text, '=');
    MV_REQUIRE(equals != NULL && equals != text && equals[1] != '\0' &&
                   (size_t)(equals - text) < sizeof name,
               err, MV_E_ARGUMENT, "--data needs NAME=DIR, not \"%s\"", text);
    memcpy(name, text, (size_t)(equals - text));
    name[equals - text] = '\0';
    MV_TRY(labelled_list(&w->list, name, equals + 1, "test", err));
    MV_TRY(embed_all(w, err));
    MV_TRY(retrieve(w, &r, err));
    const uint32_t first = eval_find_classes(&w->info, &w->list);
    if (first < w->info.class_count) {
        MV_TRY(classify(w, &r, first, err));
    } else {
        ui_say("the head does not know the classes of %s: retrieval only", name);
    }
    MV_TRY(report(w, &r));
done:
    set_clear(w);
    return st;
}

/* Bytes of every message, beside what others publish of theirs. */
static void say_sizes(const cli_args *args)
{
    const mv_search_sizes s = mv_search_message_sizes();
    const mv_classify_sizes c = mv_classify_message_sizes(MV_CLASSIFY_PUBLIC_MODEL);
    const mv_classify_sizes p = mv_classify_message_sizes(MV_CLASSIFY_PRIVATE_MODEL);
    if (cli_flag(args, "json")) {
        return;
    }
    printf(
        "bytes: gallery query %zu, reply 50,208 for 8,192 rows, keys %zu, upload %zu; model query "
        "%zu, reply %zu; private model query %zu, reply %zu, key %zu\n",
        s.query, s.server_keys, s.upload, c.query, c.reply, p.query, p.reply, p.public_key);
    printf("others, as they publish it, for a plain gallery of 4,096 x 128 (Apple's PNNS): query "
           "28.2 kB, reply 52.1 kB, keys 170 kB, 10.4 to 12.5 ms\n");
}

static mv_status evaluate(work *w, mv_error *err)
{
    mv_status st = MV_OK;
    char path[PATH_SIZE];
    const char *data = NULL, *out = cli_value(w->args, "output");
    const char *models = cli_value(w->args, "models");
    MV_REQUIRE(models == NULL || strchr(models, ',') == NULL, err, MV_E_ARGUMENT,
               "--encrypted takes one model at a time");
    MV_TRY(path_load_model(&w->model, models, err));
    MV_TRY(mv_head_find_for(&w->head, w->model, err));
    mv_head_describe(&w->info, w->head);
    MV_TRY(mv_random_bytes(w->key, sizeof w->key));
    MV_TRY(path_make_folder(out, err));
    MV_TRY(path_join(path, sizeof path, out, "encrypted", ".csv", err));
    MV_TRY(line(w, "set,what,images,map_real,map_integer,map_encrypted,differing\n"));
    if (!cli_flag(w->args, "json")) {
        printf("%-14s %-20s real    integer encrypted\n", "MAP", "");
    }
    for (size_t i = 0; (data = cli_value_at(w->args, "data", i)) != NULL; i++) {
        MV_TRY(one_set(w, data, err));
    }
    MV_TRY(mv_file_write(path, w->csv.bytes, w->csv.len,
                         cli_flag(w->args, "force") ? MV_OUTPUT_FORCE : 0, err));
    say_sizes(w->args);
done:
    return st;
}

int eval_encrypted(const cli_args *args)
{
    mv_error err = {0};
    work w = {.args = args, .csv = mv_buffer_make(CSV_MAX)};
    const mv_status st = evaluate(&w, &err);
    set_clear(&w);
    mv_head_free(&w.head);
    mv_model_free(&w.model);
    mv_buffer_clear(&w.csv);
    return st == MV_OK ? CLI_OK : ui_fail(st, &err);
}
