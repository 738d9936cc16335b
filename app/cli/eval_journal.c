/* SPDX-License-Identifier: Apache-2.0
 *
 * eval_journal.c: what an evaluation measured as rows of numbers, and back.
 *
 * row_journal.h has the file; its title is a hash of everything that decides the figures.
 */
#include "eval.h"

#include "base/status.h"
#include "paths.h"
#include "row_journal.h"

#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

/* ---- each kind of row: to numbers, and back ---- */

static void item_values(journal_row *r, const eval_item *x)
{
    journal_row_add(r, x->state);
    journal_row_add(r, x->exact);
    journal_row_add(r, x->labelled);
    for (int w = 0; w < EVAL_WAYS; w++) {
        const eval_quality *q = &x->way[w];
        const double all[] = {q->psnr_db, q->rmse, q->ssim, q->raw, q->features, q->cipher};
        for (int k = 0; k < 6; k++) {
            journal_row_add(r, all[k]);
        }
        for (int k = 0; x->labelled && k < MV_EMBEDDING_DIM; k++) {
            journal_row_add(r, x->embedding[w][k]);
        }
        for (int k = 0; x->labelled && k < LABELLED_CLASSES_MAX; k++) {
            journal_row_add(r, x->score[w][k]);
        }
    }
}

/* Values in the order they were added; past the end 0. */
static double next(const journal_row *r, size_t *at)
{
    return *at < r->count ? r->value[(*at)++] : 0;
}

static void item_back(eval_item *x, const journal_row *r)
{
    size_t at = 0;
    x->state = next(r, &at) == EVAL_DONE ? EVAL_DONE : EVAL_UNREADABLE;
    x->exact = next(r, &at) != 0;
    x->labelled = next(r, &at) != 0;
    for (int w = 0; w < EVAL_WAYS; w++) {
        eval_quality *q = &x->way[w];
        double *all[] = {&q->psnr_db, &q->rmse, &q->ssim, &q->raw, &q->features, &q->cipher};
        for (int k = 0; k < 6; k++) {
            *all[k] = next(r, &at);
        }
        for (int k = 0; x->labelled && k < MV_EMBEDDING_DIM; k++) {
            x->embedding[w][k] = (int8_t)next(r, &at);
        }
        for (int k = 0; x->labelled && k < LABELLED_CLASSES_MAX; k++) {
            x->score[w][k] = next(r, &at);
        }
    }
}

static void time_values(journal_row *r, const eval_time *t)
{
    for (int w = 0; w < EVAL_WAYS; w++) {
        journal_row_add(r, t[w].encode);
        journal_row_add(r, t[w].encrypt);
        journal_row_add(r, t[w].decrypt);
        journal_row_add(r, t[w].decode);
    }
}

static void time_back(eval_time *t, const journal_row *r)
{
    size_t at = 0;
    for (int w = 0; w < EVAL_WAYS; w++) {
        t[w].encode = next(r, &at);
        t[w].encrypt = next(r, &at);
        t[w].decrypt = next(r, &at);
        t[w].decode = next(r, &at);
    }
}

_Static_assert(sizeof(eval_form) == 4 * sizeof(double), "only doubles");
_Static_assert(sizeof(eval_cipher_stats) == 12 * sizeof(double), "only doubles");
_Static_assert(sizeof(codec_curves) == (size_t)CODEC_COUNT * CODEC_POINTS * 3 * sizeof(double),
               "only doubles");

static double *doubles_of(void *object)
{
    return object;
}

/* ---- reading ---- */

static void take_item(eval_job *job, const journal_row *r)
{
    if (r->at[2] < job->set[r->at[1]].list.count) {
        item_back(&job->model[r->at[0]].item[r->at[1]][r->at[2]], r);
    }
}

/* False: a row that this evaluation cannot have written. */
static bool take_row(void *user, const journal_row *r)
{
    eval_job *job = user;
    const size_t m = r->at[0], s = r->at[1], i = r->at[2];
    if (m >= job->model_count || s >= job->set_count) {
        return false;
    }
    eval_set *set = &job->set[s];
    switch (r->kind) {
    case 'i':
        take_item(job, r);
        return i < set->list.count;
    case 't':
        if (i < set->timed_count) {
            time_back(job->model[m].time[s][i], r);
        }
        return i < set->timed_count;
    case 'f':
        if (i < set->timed_count) {
            journal_row_get(doubles_of(set->form + i * EVAL_FORMS), (size_t)EVAL_FORMS * 4, r);
        }
        return i < set->timed_count;
    case 'c':
        if (i < set->coded_count) {
            journal_row_get(doubles_of(&set->curves[i]), sizeof(codec_curves) / sizeof(double), r);
        }
        return i < set->coded_count;
    case 's':
        journal_row_get(doubles_of(&set->stats), sizeof set->stats / sizeof(double), r);
        return true;
    default:
        return false;
    }
}

/* The name of this evaluation: models, heads, images by name and size, settings. */
static void name_evaluation(char out[65], const eval_job *job)
{
    crypto_generichash_state h;
    uint8_t hash[32];
    (void)crypto_generichash_init(&h, NULL, 0, sizeof hash);
    for (size_t m = 0; m < job->model_count; m++) {
        const eval_model *model = &job->model[m];
        (void)crypto_generichash_update(&h, model->info.hash, sizeof model->info.hash);
        (void)crypto_generichash_update(&h, model->head_info.hash, sizeof model->head_info.hash);
    }
    for (size_t s = 0; s < job->set_count; s++) {
        const labelled *l = &job->set[s].list;
        (void)crypto_generichash_update(&h, (const uint8_t *)l->set, sizeof l->set);
        for (size_t i = 0; i < l->count; i++) {
            struct stat info = {0};
            char line[512];
            (void)stat(l->image[i].path, &info);
            const int len =
                snprintf(line, sizeof line, "%.300s %s %lld\n", path_base(l->image[i].path),
                         l->class_name[l->image[i].label], (long long)info.st_size);
            (void)crypto_generichash_update(&h, (const uint8_t *)line, (size_t)len);
        }
    }
    const uint64_t settings[] = {1, job->timing_images, job->repeats, EVAL_CODEC_IMAGES};
    (void)crypto_generichash_update(&h, (const uint8_t *)settings, sizeof settings);
    if (job->integer) { /* journals of floating point keep their name */
        (void)crypto_generichash_update(&h, (const uint8_t *)"integer", 7);
    }
    (void)crypto_generichash_final(&h, hash, sizeof hash);
    (void)sodium_bin2hex(out, 65, hash, sizeof hash);
}

mv_status eval_journal_open(eval_job *job, bool anew, size_t *resumed, mv_error *err)
{
    mv_status st = MV_OK;
    char path[PATH_SIZE], title[128], name[65];

    MV_TRY(path_join(path, sizeof path, job->out, "journal.tsv", "", err));
    name_evaluation(name, job);
    (void)snprintf(title, sizeof title, "medveil eval journal 1 %s", name);
    MV_TRY(row_journal_open(&job->journal, path, title, anew, take_row, job, resumed, err));
done:
    return st;
}

/* ---- writing ---- */

mv_status eval_journal_item(eval_job *job, size_t m, size_t s, size_t i)
{
    journal_row r = {.kind = 'i', .at = {m, s, i}};
    item_values(&r, &job->model[m].item[s][i]);
    return row_journal_write(job->journal, &r);
}

mv_status eval_journal_time(eval_job *job, size_t m, size_t s, size_t t)
{
    journal_row r = {.kind = 't', .at = {m, s, t}};
    time_values(&r, job->model[m].time[s][t]);
    return row_journal_write(job->journal, &r);
}

mv_status eval_journal_set(eval_job *job, size_t s, size_t t)
{
    journal_row r = {.kind = 'f', .at = {0, s, t}};
    journal_row_put(&r, doubles_of(job->set[s].form + t * EVAL_FORMS), (size_t)EVAL_FORMS * 4);
    return row_journal_write(job->journal, &r);
}

mv_status eval_journal_curves(eval_job *job, size_t s, size_t t)
{
    journal_row r = {.kind = 'c', .at = {0, s, t}};
    journal_row_put(&r, doubles_of(&job->set[s].curves[t]), sizeof(codec_curves) / sizeof(double));
    return row_journal_write(job->journal, &r);
}

mv_status eval_journal_stats(eval_job *job, size_t s)
{
    journal_row r = {.kind = 's', .at = {0, s, 0}};
    journal_row_put(&r, doubles_of(&job->set[s].stats), sizeof job->set[s].stats / sizeof(double));
    return row_journal_write(job->journal, &r);
}
