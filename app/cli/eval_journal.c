/* SPDX-License-Identifier: Apache-2.0
 *
 * eval_journal.c: measured rows as lines of text, so that an interrupted evaluation goes on.
 *
 * The first line names the evaluation by a hash of everything that decides its figures. Each other
 * line is a letter, up to three indices, and numbers; %.17g brings a double back exactly. A line
 * without its end was being written when the run stopped: it is cut off and measured again.
 */
#include "eval.h"

#include "base/file.h"
#include "paths.h"

#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { VALUES_MAX = 512, JOURNAL_MAX = 512 << 20 };

struct eval_journal {
    FILE *file;
    pthread_mutex_t lock;
};

typedef struct row {
    char kind;
    size_t at[3];
    double value[VALUES_MAX];
    size_t count;
} row;

static void add(row *r, double value)
{
    if (r->count < VALUES_MAX) {
        r->value[r->count++] = value;
    }
}

/* ---- each kind of row: to numbers, and back ---- */

static void item_values(row *r, const eval_item *x)
{
    add(r, x->state);
    add(r, x->exact);
    add(r, x->labelled);
    for (int w = 0; w < EVAL_WAYS; w++) {
        const eval_quality *q = &x->way[w];
        const double all[] = {q->psnr_db, q->rmse, q->ssim, q->raw, q->features, q->cipher};
        for (int k = 0; k < 6; k++) {
            add(r, all[k]);
        }
        for (int k = 0; x->labelled && k < MV_EMBEDDING_DIM; k++) {
            add(r, x->embedding[w][k]);
        }
        for (int k = 0; x->labelled && k < LABELLED_CLASSES_MAX; k++) {
            add(r, x->score[w][k]);
        }
    }
}

/* Values in the order they were added; past the end 0. */
static double next(const row *r, size_t *at)
{
    return *at < r->count ? r->value[(*at)++] : 0;
}

static void item_back(eval_item *x, const row *r)
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

static void time_values(row *r, const eval_time *t)
{
    for (int w = 0; w < EVAL_WAYS; w++) {
        add(r, t[w].encode);
        add(r, t[w].encrypt);
        add(r, t[w].decrypt);
        add(r, t[w].decode);
    }
}

static void time_back(eval_time *t, const row *r)
{
    size_t at = 0;
    for (int w = 0; w < EVAL_WAYS; w++) {
        t[w].encode = next(r, &at);
        t[w].encrypt = next(r, &at);
        t[w].decrypt = next(r, &at);
        t[w].decode = next(r, &at);
    }
}

/* Structs that are all doubles. */
static void plain_values(row *r, const double *value, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        add(r, value[k]);
    }
}

static void plain_back(double *value, size_t count, const row *r)
{
    for (size_t k = 0; k < count; k++) {
        value[k] = k < r->count ? r->value[k] : 0;
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

static bool parse_row(row *r, const char *line)
{
    char *end = NULL;
    memset(r, 0, sizeof *r);
    r->kind = line[0];
    line++;
    for (int k = 0; k < 3; k++) {
        const unsigned long long index = strtoull(line, &end, 10);
        if (end == line) {
            return false;
        }
        r->at[k] = (size_t)index;
        line = end;
    }
    for (;;) {
        const double value = strtod(line, &end);
        if (end == line) {
            return *end == '\0';
        }
        if (r->count == VALUES_MAX) {
            return false;
        }
        r->value[r->count++] = value;
        line = end;
    }
}

static void take_item(eval_job *job, const row *r)
{
    if (r->at[2] < job->set[r->at[1]].list.count) {
        item_back(&job->model[r->at[0]].item[r->at[1]][r->at[2]], r);
    }
}

/* False: a row that this evaluation cannot have written. */
static bool take_row(eval_job *job, const row *r)
{
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
            plain_back(doubles_of(set->form + i * EVAL_FORMS), (size_t)EVAL_FORMS * 4, r);
        }
        return i < set->timed_count;
    case 'c':
        if (i < set->coded_count) {
            plain_back(doubles_of(&set->curves[i]), sizeof(codec_curves) / sizeof(double), r);
        }
        return i < set->coded_count;
    case 's':
        plain_back(doubles_of(&set->stats), sizeof set->stats / sizeof(double), r);
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
    (void)crypto_generichash_final(&h, hash, sizeof hash);
    (void)sodium_bin2hex(out, 65, hash, sizeof hash);
}

/* Take over the rows of text (zero-terminated, changed); *whole: length up to the last line that
 * has its end. */
static mv_status take_text(eval_job *job, char *text, const char *title, size_t *whole,
                           size_t *rows, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    row *r = malloc(sizeof *r);
    size_t number = 0;

    MV_REQUIRE(r != NULL, err, MV_E_MEMORY, "out of memory for the journal");
    for (char *line = text, *end = NULL; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        *whole = (size_t)(end + 1 - text);
        if (number++ == 0) {
            if (strcmp(line, title) != 0) {
                mv_hint(err, "choose another folder, or give --force to begin anew");
                MV_REQUIRE(false, err, MV_E_MISMATCH,
                           "%s is of an evaluation of other models, images or settings", path);
            }
            continue;
        }
        MV_REQUIRE(parse_row(r, line) && take_row(job, r), err, MV_E_FORMAT,
                   "line %zu of %s is damaged", number, path);
        (*rows)++;
    }
done:
    free(r);
    return st;
}

static mv_status resume(eval_job *job, const char *path, const char *title, size_t *rows,
                        mv_error *err)
{
    mv_status st = MV_OK;
    mv_buffer text = mv_buffer_make(JOURNAL_MAX);
    size_t whole = 0;

    MV_TRY(mv_file_read(&text, path, err));
    MV_TRY(mv_buffer_put_u8(&text, 0));
    MV_TRY(take_text(job, (char *)text.bytes, title, &whole, rows, path, err));
    MV_REQUIRE(truncate(path, (off_t)whole) == 0, err, MV_E_IO, "cannot change %s: %s", path,
               strerror(errno));
done:
    mv_buffer_clear(&text);
    return st;
}

mv_status eval_journal_open(eval_job *job, bool anew, size_t *resumed, mv_error *err)
{
    mv_status st = MV_OK;
    char path[PATH_SIZE], title[128], name[65];
    struct stat info;
    struct eval_journal *j = calloc(1, sizeof *j);

    *resumed = 0;
    MV_REQUIRE(j != NULL, err, MV_E_MEMORY, "out of memory for the journal");
    MV_TRY(path_join(path, sizeof path, job->out, "journal.tsv", "", err));
    name_evaluation(name, job);
    (void)snprintf(title, sizeof title, "medveil eval journal 1 %s", name);
    const bool old = !anew && stat(path, &info) == 0 && info.st_size != 0;
    if (old) {
        MV_TRY(resume(job, path, title, resumed, err));
    }
    j->file = fopen(path, old ? "a" : "w");
    MV_REQUIRE(j->file != NULL, err, MV_E_IO, "cannot write %s: %s", path, strerror(errno));
    (void)pthread_mutex_init(&j->lock, NULL);
    job->journal = j;
    j = NULL;
    if (!old) {
        MV_REQUIRE(fprintf(job->journal->file, "%s\n", title) > 0 &&
                       fflush(job->journal->file) == 0,
                   err, MV_E_IO, "cannot write %s: %s", path, strerror(errno));
    }
done:
    free(j);
    return st;
}

void eval_journal_close(eval_job *job)
{
    if (job->journal != NULL) {
        (void)fclose(job->journal->file);
        (void)pthread_mutex_destroy(&job->journal->lock);
        free(job->journal);
        job->journal = NULL;
    }
}

/* ---- writing ---- */

static mv_status write_row(eval_job *job, const row *r)
{
    struct eval_journal *j = job->journal;
    (void)pthread_mutex_lock(&j->lock);
    bool ok = fprintf(j->file, "%c %zu %zu %zu", r->kind, r->at[0], r->at[1], r->at[2]) > 0;
    for (size_t k = 0; ok && k < r->count; k++) {
        ok = fprintf(j->file, " %.17g", r->value[k]) > 0;
    }
    ok = ok && fputc('\n', j->file) != EOF && fflush(j->file) == 0;
    (void)pthread_mutex_unlock(&j->lock);
    return ok ? MV_OK : MV_E_IO;
}

mv_status eval_journal_item(eval_job *job, size_t m, size_t s, size_t i)
{
    row r = {.kind = 'i', .at = {m, s, i}};
    item_values(&r, &job->model[m].item[s][i]);
    return write_row(job, &r);
}

mv_status eval_journal_time(eval_job *job, size_t m, size_t s, size_t t)
{
    row r = {.kind = 't', .at = {m, s, t}};
    time_values(&r, job->model[m].time[s][t]);
    return write_row(job, &r);
}

mv_status eval_journal_set(eval_job *job, size_t s, size_t t)
{
    row r = {.kind = 'f', .at = {0, s, t}};
    plain_values(&r, doubles_of(job->set[s].form + t * EVAL_FORMS), (size_t)EVAL_FORMS * 4);
    return write_row(job, &r);
}

mv_status eval_journal_curves(eval_job *job, size_t s, size_t t)
{
    row r = {.kind = 'c', .at = {0, s, t}};
    plain_values(&r, doubles_of(&job->set[s].curves[t]), sizeof(codec_curves) / sizeof(double));
    return write_row(job, &r);
}

mv_status eval_journal_stats(eval_job *job, size_t s)
{
    row r = {.kind = 's', .at = {0, s, 0}};
    plain_values(&r, doubles_of(&job->set[s].stats), sizeof job->set[s].stats / sizeof(double));
    return write_row(job, &r);
}
