/* SPDX-License-Identifier: Apache-2.0
 *
 * eval_numbers.c: from measured rows to the figures of a table.
 */
#include "eval.h"

#include "base/rng.h"
#include "medveil/metrics.h"

#include <math.h>
#include <string.h>

enum { BOOTSTRAPS = 1000 };

const char EVAL_HEADLINE[] = "origins with several classes";

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double mean_of(const double *value, size_t count)
{
    double sum = 0;
    for (size_t k = 0; k < count; k++) {
        sum += value[k];
    }
    return sum / (double)count;
}

/* 95 % interval of the mean: the 2.5 and 97.5 % points of means of samples drawn with replacement,
 * from a fixed seed, so that the same rows give the same report. */
static void bootstrap(eval_summary *s, const double *value)
{
    double mean[BOOTSTRAPS];
    mv_rand rand = mv_rand_make(20241005);
    for (int b = 0; b < BOOTSTRAPS; b++) {
        double sum = 0;
        for (size_t k = 0; k < s->count; k++) {
            sum += value[mv_rand_below(&rand, (uint32_t)s->count)];
        }
        mean[b] = sum / (double)s->count;
    }
    qsort(mean, BOOTSTRAPS, sizeof *mean, ascending);
    s->from = mean[BOOTSTRAPS / 40];
    s->to = mean[BOOTSTRAPS - 1 - BOOTSTRAPS / 40];
}

eval_summary eval_summarise(double *value, size_t count)
{
    eval_summary s = {.count = 0};
    double square = 0;
    for (size_t k = 0; k < count; k++) {
        if (isfinite(value[k])) {
            value[s.count++] = value[k];
        }
    }
    if (s.count == 0) {
        return s;
    }
    qsort(value, s.count, sizeof *value, ascending);
    s.mean = mean_of(value, s.count);
    for (size_t k = 0; k < s.count; k++) {
        square += (value[k] - s.mean) * (value[k] - s.mean);
    }
    s.deviation = s.count > 1 ? sqrt(square / (double)(s.count - 1)) : 0;
    s.low5 = value[s.count / 20];
    bootstrap(&s, value);
    return s;
}

/* ---- which images ---- */

/* Whether the origin of image i has readable images of more than one class. */
static bool has_several_classes(const eval_set *set, size_t i)
{
    const labelled *l = &set->list;
    for (size_t k = 0; k < l->count; k++) {
        if (!set->unreadable[k] && strcmp(l->image[k].origin, l->image[i].origin) == 0 &&
            l->image[k].label != l->image[i].label) {
            return true;
        }
    }
    return false;
}

bool eval_selected(const eval_set *set, size_t i, const char *origin)
{
    if (set->unreadable[i]) {
        return false;
    }
    if (origin == NULL) {
        return true;
    }
    return origin == EVAL_HEADLINE ? has_several_classes(set, i)
                                   : strcmp(set->list.image[i].origin, origin) == 0;
}

bool eval_has_headline(const eval_set *set)
{
    bool some = false, all = true;
    for (size_t i = 0; i < set->list.count; i++) {
        if (!set->unreadable[i]) {
            const bool several = has_several_classes(set, i);
            some |= several;
            all &= several;
        }
    }
    return some && !all;
}

size_t eval_origins(const char **origin, size_t cap, const eval_set *set)
{
    size_t count = 0;
    for (size_t i = 0; i < set->list.count; i++) {
        const char *name = set->list.image[i].origin;
        size_t k = 0;
        while (k < count && strcmp(origin[k], name) != 0) {
            k++;
        }
        if (k == count && count < cap && name[0] != '\0' && !set->unreadable[i]) {
            origin[count++] = name;
        }
    }
    return count;
}

/* ---- quality and speed ---- */

static double value_of(const eval_quality *q, eval_what what)
{
    const double all[] = {q->psnr_db, q->rmse, q->ssim, q->raw, q->features, q->cipher};
    return all[what];
}

mv_status eval_summary_of(eval_summary *out, const eval_job *job, size_t m, size_t s, eval_way way,
                          eval_what what, const char *origin)
{
    const eval_set *set = &job->set[s];
    double *value = calloc(set->list.count, sizeof *value);
    size_t count = 0;

    *out = (eval_summary){.count = 0};
    if (value == NULL) {
        return MV_E_MEMORY;
    }
    for (size_t i = 0; i < set->list.count; i++) {
        const eval_item *item = &job->model[m].item[s][i];
        if (item->state == EVAL_DONE && eval_selected(set, i, origin)) {
            value[count++] = value_of(&item->way[way], what);
        }
    }
    *out = eval_summarise(value, count);
    free(value);
    return MV_OK;
}

mv_status eval_speed_of(eval_summary *out, const eval_job *job, size_t m, size_t s, eval_way way,
                        bool decryption)
{
    const eval_set *set = &job->set[s];
    double *value = calloc(set->timed_count + 1, sizeof *value);

    *out = (eval_summary){.count = 0};
    if (value == NULL) {
        return MV_E_MEMORY;
    }
    for (size_t t = 0; t < set->timed_count; t++) {
        const eval_time *x = &job->model[m].time[s][t][way];
        value[t] = decryption ? x->decrypt + x->decode : x->encode + x->encrypt;
    }
    *out = eval_summarise(value, set->timed_count);
    free(value);
    return MV_OK;
}

/* ---- MAP ---- */

/* The images a MAP is of, and room for one ranking. */
typedef struct ranking {
    const eval_item **item;
    uint32_t *label;
    size_t count;
    double *score;
    uint8_t *relevant;
} ranking;

static void ranking_clear(ranking *r)
{
    free(r->item);
    free(r->label);
    free(r->score);
    free(r->relevant);
}

static mv_status ranking_make(ranking *r, const eval_job *job, size_t m, size_t s,
                              const char *origin)
{
    const eval_set *set = &job->set[s];
    const size_t n = set->list.count;
    r->item = calloc(n, sizeof *r->item);
    r->label = calloc(n, sizeof *r->label);
    r->score = calloc(n, sizeof *r->score);
    r->relevant = calloc(n, sizeof *r->relevant);
    if (r->item == NULL || r->label == NULL || r->score == NULL || r->relevant == NULL) {
        return MV_E_MEMORY;
    }
    for (size_t i = 0; i < n; i++) {
        const eval_item *item = &job->model[m].item[s][i];
        if (item->state == EVAL_DONE && item->labelled && eval_selected(set, i, origin)) {
            r->item[r->count] = item;
            r->label[r->count++] = set->list.image[i].label;
        }
    }
    return MV_OK;
}

/* Probability of class k among the classes of the set. */
static double probability(const double *score, uint32_t classes, uint32_t k)
{
    double sum = 0;
    for (uint32_t c = 0; c < classes; c++) {
        sum += exp(score[c] - score[k]);
    }
    return 1 / sum;
}

/* Mean over the classes that have an image. */
static mv_status classify(eval_map *out, ranking *r, uint32_t classes, eval_way way)
{
    mv_status st = MV_OK;
    size_t found = 0;
    for (uint32_t k = 0; k < classes; k++) {
        double precision = 0;
        for (size_t i = 0; i < r->count; i++) {
            r->score[i] = probability(r->item[i]->score[way], classes, k);
            r->relevant[i] = r->label[i] == k;
        }
        st = mv_average_precision(&precision, r->score, r->relevant, r->count);
        if (st == MV_OK) {
            out->classification += precision;
            found++;
        } else if (st != MV_E_RANGE) { /* no image of this class here */
            return st;
        }
    }
    out->classification /= found == 0 ? 1 : (double)found;
    return MV_OK;
}

/* Every image asks for the others of its class. */
static mv_status retrieve(eval_map *out, ranking *r, eval_way way)
{
    size_t queries = 0;
    for (size_t q = 0; q < r->count; q++) {
        const int8_t *a = r->item[q]->embedding[way];
        size_t n = 0;
        double precision = 0;
        for (size_t i = 0; i < r->count; i++) {
            const int8_t *b = r->item[i]->embedding[way];
            int32_t dot = 0;
            for (int k = 0; i != q && k < MV_EMBEDDING_DIM; k++) {
                dot += (int32_t)a[k] * b[k];
            }
            if (i != q) {
                r->score[n] = dot;
                r->relevant[n++] = r->label[i] == r->label[q];
            }
        }
        const mv_status st = mv_average_precision(&precision, r->score, r->relevant, n);
        if (st == MV_OK) {
            out->retrieval += precision;
            queries++;
        } else if (st != MV_E_RANGE) { /* the only one of its class */
            return st;
        }
    }
    out->retrieval /= queries == 0 ? 1 : (double)queries;
    return MV_OK;
}

static void confuse(eval_map *out, const ranking *r, uint32_t classes, eval_way way)
{
    size_t right = 0;
    for (size_t i = 0; i < r->count; i++) {
        uint32_t best = 0;
        for (uint32_t k = 1; k < classes; k++) {
            best = r->item[i]->score[way][k] > r->item[i]->score[way][best] ? k : best;
        }
        out->confusion[r->label[i]][best]++;
        right += best == r->label[i];
    }
    out->accuracy = (double)right / (double)r->count;
}

mv_status eval_map_of(eval_map *out, const eval_job *job, size_t m, size_t s, eval_way way,
                      const char *origin)
{
    mv_status st = MV_OK;
    const uint32_t classes = job->set[s].list.class_count;
    ranking r = {.count = 0};
    bool several = false;

    memset(out, 0, sizeof *out);
    MV_TRY(ranking_make(&r, job, m, s, origin));
    for (size_t i = 1; i < r.count; i++) {
        several |= r.label[i] != r.label[0];
    }
    if (!several) {
        goto done; /* nothing to tell apart */
    }
    out->count = r.count;
    MV_TRY(classify(out, &r, classes, way));
    MV_TRY(retrieve(out, &r, way));
    confuse(out, &r, classes, way);
done:
    ranking_clear(&r);
    return st;
}
