/* SPDX-License-Identifier: Apache-2.0
 *
 * eval_numbers.c: from measured rows to the figures of a table.
 */
#include "eval.h"

#include "base/rng.h"

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

mv_status eval_map_of(ranked *out, const eval_job *job, size_t m, size_t s, eval_way way,
                      const char *origin)
{
    const eval_set *set = &job->set[s];
    ranked_image *image = calloc(set->list.count, sizeof *image);
    size_t count = 0;

    memset(out, 0, sizeof *out);
    if (image == NULL) {
        return MV_E_MEMORY;
    }
    for (size_t i = 0; i < set->list.count; i++) {
        const eval_item *item = &job->model[m].item[s][i];
        if (item->state == EVAL_DONE && item->labelled && eval_selected(set, i, origin)) {
            image[count++] =
                (ranked_image){set->list.image[i].label, item->embedding[way], item->score[way]};
        }
    }
    const mv_status st = ranked_measure(out, image, count, set->list.class_count);
    free(image);
    return st;
}
