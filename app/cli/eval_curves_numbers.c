/* SPDX-License-Identifier: Apache-2.0
 *
 * eval_curves_numbers.c: from measured images to means, differences, and which image is shown.
 */
#include "eval_curves.h"

#include "base/status.h"

#include <math.h>
#include <stdlib.h>

bool curve_has(const curves *c, size_t s, size_t i, const char *origin)
{
    return eval_selected(&c->job->set[s], i, origin);
}

size_t curve_count(const curves *c, size_t s, const char *origin)
{
    size_t count = 0;
    for (size_t i = 0; i < c->job->set[s].list.count; i++) {
        count += curve_has(c, s, i, origin);
    }
    return count;
}

/* ---- means ---- */

double curve_bits(const curve_item *x, const curve_point *p)
{
    return p->bytes == 0 ? NAN : 8 * p->bytes / (x->width * x->height);
}

double curve_quality(const curve_item *x, const curve_point *p)
{
    (void)x;
    return p->bytes == 0 ? NAN : p->psnr_db;
}

/* Of the point at this offset in each item. */
static double mean_at(const curves *c, size_t s, size_t offset, curve_number number)
{
    double sum = 0, count = 0;
    for (size_t i = 0; i < c->job->set[s].list.count; i++) {
        const curve_item *x = &c->item[s][i];
        const char *at = (const char *)x + offset;
        const void *point = at;
        const double value = curve_has(c, s, i, NULL) ? number(x, point) : NAN;
        sum += isfinite(value) ? value : 0;
        count += isfinite(value);
    }
    return count == 0 ? NAN : sum / count;
}

double curve_mean(const curves *c, size_t s, curve_codec codec, size_t k, curve_number number)
{
    const size_t at =
        offsetof(curve_item, at) + ((size_t)codec * CURVE_POINTS + k) * sizeof(curve_point);
    return mean_at(c, s, at, number);
}

double curve_mean_pcm(const curves *c, size_t s, curve_number number)
{
    return mean_at(c, s, offsetof(curve_item, pcm), number);
}

double curve_mean_network(const curves *c, size_t s, size_t m, curve_number number)
{
    return mean_at(c, s, offsetof(curve_item, network) + m * sizeof(curve_point), number);
}

/* ---- differences ---- */

static bd_curve curve_of(const curve_item *x, curve_codec codec)
{
    bd_point p[CURVE_POINTS];
    for (size_t k = 0; k < CURVE_POINTS; k++) {
        p[k] = (bd_point){x->at[codec][k].bytes, x->at[codec][k].psnr_db};
    }
    return bd_curve_of(p, CURVE_POINTS);
}

/* What the images of one figure give. */
typedef struct gathered {
    double *rate, *psnr;
    size_t count, psnr_count;
} gathered;

static void gather(curve_difference *out, gathered *g, const curve_item *x, curve_codec codec,
                   curve_codec anchor)
{
    const bd_curve tested = curve_of(x, codec), against = curve_of(x, anchor);
    const bd_result r = bjontegaard(&tested, &against, CURVE_LOW_DB, CURVE_HIGH_DB);
    if (isnan(r.rate)) {
        out->refused++;
        return;
    }
    out->worst = g->count == 0 ? r.rate : fmax(out->worst, r.rate);
    out->from_db += r.from_db;
    out->to_db += r.to_db;
    g->rate[g->count++] = r.rate;
    if (isfinite(r.psnr_db)) {
        g->psnr[g->psnr_count++] = r.psnr_db;
    }
}

mv_status curve_differ(curve_difference *out, const curves *c, size_t s, const char *origin,
                       curve_codec codec, curve_codec anchor)
{
    mv_status st = MV_OK;
    const size_t count = c->job->set[s].list.count;
    gathered g = {calloc(count, sizeof(double)), calloc(count, sizeof(double)), 0, 0};

    *out = (curve_difference){.refused = 0};
    MV_ENSURE(g.rate != NULL && g.psnr != NULL, MV_E_MEMORY);
    for (size_t i = 0; i < count; i++) {
        if (curve_has(c, s, i, origin)) {
            gather(out, &g, &c->item[s][i], codec, anchor);
        }
    }
    out->from_db /= g.count == 0 ? 1 : (double)g.count;
    out->to_db /= g.count == 0 ? 1 : (double)g.count;
    out->rate = eval_summarise(g.rate, g.count);
    out->psnr_db = eval_summarise(g.psnr, g.psnr_count);
done:
    free(g.rate);
    free(g.psnr);
    return st;
}

curve_at curve_compare_at(const curves *c, size_t s, curve_codec codec, curve_codec anchor,
                          double psnr_db)
{
    curve_at out = {.worst = -1};
    double pixels = 0;
    for (size_t i = 0; i < c->job->set[s].list.count; i++) {
        const curve_item *x = &c->item[s][i];
        const bd_curve one = curve_of(x, codec), other = curve_of(x, anchor);
        const double bytes = bd_rate_at(&one, psnr_db), anchored = bd_rate_at(&other, psnr_db);
        if (curve_has(c, s, i, NULL) && isfinite(bytes) && isfinite(anchored)) {
            out.count++;
            out.larger += bytes > anchored;
            out.worst = fmax(out.worst, bytes / anchored - 1);
            out.bits += 8 * bytes;
            out.anchor_bits += 8 * anchored;
            pixels += x->width * x->height;
        }
    }
    out.bits /= pixels;
    out.anchor_bits /= pixels;
    return out;
}

/* False: the image does not reach it. */
static bool harm_of(curve_harm *out, bool *scored, const curve_point *p, double psnr_db)
{
    for (size_t k = 0; k + 1 < CURVE_POINTS; k++) {
        const curve_point *a = &p[k], *b = &p[k + 1];
        if (a->bytes != 0 && b->bytes != 0 && a->psnr_db <= psnr_db && psnr_db < b->psnr_db &&
            isfinite(b->psnr_db)) {
            const double t = (psnr_db - a->psnr_db) / (b->psnr_db - a->psnr_db);
            out->worst_db = a->worst_db + t * (b->worst_db - a->worst_db);
            out->drift = a->drift + t * (b->drift - a->drift);
            *scored = a->scored != 0 && b->scored != 0;
            return true;
        }
    }
    return false;
}

curve_harm curve_harm_at(const curves *c, size_t s, curve_codec codec, double psnr_db)
{
    curve_harm sum = {0, 0}, one;
    double count = 0, scores = 0;
    for (size_t i = 0; i < c->job->set[s].list.count; i++) {
        bool scored = false;
        if (curve_has(c, s, i, NULL) && harm_of(&one, &scored, c->item[s][i].at[codec], psnr_db)) {
            sum.worst_db += one.worst_db;
            sum.drift += scored ? one.drift : 0;
            scores += scored;
            count++;
        }
    }
    return (curve_harm){count == 0 ? NAN : sum.worst_db / count,
                        scores == 0 ? NAN : sum.drift / scores};
}

void curve_drift_add(curve_drift *sum, const curve_point *p)
{
    if (p->bytes != 0 && p->scored != 0) {
        sum->mean = (sum->mean * (double)sum->count + p->drift) / (double)(sum->count + 1);
        sum->count++;
        sum->changed += p->changed != 0;
        sum->greatest = fmax(sum->greatest, p->drift);
    }
}

/* ---- which image is shown ---- */

typedef struct ranked_tile {
    double worst_db;
    size_t i;
} ranked_tile;

static int by_tile(const void *a, const void *b)
{
    const ranked_tile *x = a, *y = b;
    const int order = (x->worst_db > y->worst_db) - (x->worst_db < y->worst_db);
    return order != 0 ? order : (x->i > y->i) - (x->i < y->i);
}

bool curve_show(size_t *median, size_t *worst, const curves *c, size_t s)
{
    const size_t all = c->job->set[s].list.count;
    ranked_tile *t = calloc(all, sizeof *t);
    size_t count = 0;
    for (size_t i = 0; t != NULL && i < all; i++) {
        if (curve_has(c, s, i, NULL)) {
            t[count++] = (ranked_tile){c->item[s][i].target.worst_db, i};
        }
    }
    if (count != 0) {
        qsort(t, count, sizeof *t, by_tile);
        *median = t[count / 2].i;
        *worst = t[0].i;
    }
    free(t);
    return count != 0;
}
