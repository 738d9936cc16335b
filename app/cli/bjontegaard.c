/* SPDX-License-Identifier: Apache-2.0
 *
 * bjontegaard.c: monotone piecewise cubics through points, and integrals of their differences.
 */
#include "bjontegaard.h"

#include <math.h>
#include <stdlib.h>

static int by_quality(const void *a, const void *b)
{
    const bd_point *x = a, *y = b;
    return (x->psnr_db > y->psnr_db) - (x->psnr_db < y->psnr_db);
}

static bool usable(const bd_point *p)
{
    return isfinite(p->psnr_db) && isfinite(p->rate) && p->rate > 0;
}

bd_curve bd_curve_of(const bd_point *point, size_t count)
{
    bd_point sorted[BD_POINTS_MAX];
    bd_curve c = {.count = 0};
    size_t n = 0;
    for (size_t k = 0; k < count && n < BD_POINTS_MAX; k++) {
        if (usable(&point[k])) {
            sorted[n++] = point[k];
        }
    }
    qsort(sorted, n, sizeof *sorted, by_quality);
    for (size_t k = 0; k < n; k++) {
        const double rate = log(sorted[k].rate);
        while (c.count != 0 && c.rate[c.count - 1] >= rate) {
            c.count--; /* the next one is no worse for no more */
        }
        if (c.count == 0 || sorted[k].psnr_db > c.psnr_db[c.count - 1]) {
            c.rate[c.count] = rate;
            c.psnr_db[c.count++] = sorted[k].psnr_db;
        }
    }
    return c;
}

/* ---- y over x, x rising: cubic pieces with slopes d ---- */

typedef struct pieces {
    const double *x, *y;
    double d[BD_POINTS_MAX];
    size_t count; /* of points, at least 2 */
} pieces;

/* At an end: of the parabola through three points, unless that would turn. */
static double end_slope(double h0, double h1, double s0, double s1)
{
    const double d = ((2 * h0 + h1) * s0 - h0 * s1) / (h0 + h1);
    if (d * s0 <= 0) {
        return 0;
    }
    return s0 * s1 <= 0 && fabs(d) > 3 * fabs(s0) ? 3 * s0 : d;
}

/* Inside: weighted harmonic mean of the slopes on both sides. [FB84] */
static double inner_slope(double h0, double h1, double s0, double s1)
{
    const double w0 = 2 * h1 + h0, w1 = h1 + 2 * h0;
    return s0 * s1 <= 0 ? 0 : (w0 + w1) / (w0 / s0 + w1 / s1);
}

static pieces pieces_of(const double *x, const double *y, size_t count)
{
    pieces p = {.x = x, .y = y, .count = count};
    double h[BD_POINTS_MAX], s[BD_POINTS_MAX];
    for (size_t k = 0; k + 1 < count; k++) {
        h[k] = x[k + 1] - x[k];
        s[k] = (y[k + 1] - y[k]) / h[k];
    }
    if (count == 2) {
        p.d[0] = p.d[1] = s[0];
        return p;
    }
    for (size_t k = 1; k + 1 < count; k++) {
        p.d[k] = inner_slope(h[k - 1], h[k], s[k - 1], s[k]);
    }
    p.d[0] = end_slope(h[0], h[1], s[0], s[1]);
    p.d[count - 1] = end_slope(h[count - 2], h[count - 3], s[count - 2], s[count - 3]);
    return p;
}

/* In piece k (x within it): Hermite's cubic. */
static double piece_at(const pieces *p, size_t k, double x)
{
    const double h = p->x[k + 1] - p->x[k], t = (x - p->x[k]) / h, u = 1 - t;
    return p->y[k] * (1 + 2 * t) * u * u + p->y[k + 1] * t * t * (3 - 2 * t) +
           h * (p->d[k] * t * u * u - p->d[k + 1] * t * t * u);
}

/* Over [from, to], which the points cover: Simpson's rule is exact for cubics. */
static double integral(const pieces *p, double from, double to)
{
    double sum = 0;
    for (size_t k = 0; k + 1 < p->count; k++) {
        const double a = fmax(from, p->x[k]), b = fmin(to, p->x[k + 1]);
        if (b > a) {
            sum += (b - a) / 6 *
                   (piece_at(p, k, a) + 4 * piece_at(p, k, (a + b) / 2) + piece_at(p, k, b));
        }
    }
    return sum;
}

double bd_rate_at(const bd_curve *c, double psnr_db)
{
    if (c->count < 2 || !(psnr_db >= c->psnr_db[0] && psnr_db <= c->psnr_db[c->count - 1])) {
        return NAN;
    }
    const pieces p = pieces_of(c->psnr_db, c->rate, c->count);
    size_t k = 0;
    while (k + 2 < c->count && psnr_db > c->psnr_db[k + 1]) {
        k++;
    }
    return exp(piece_at(&p, k, psnr_db));
}

static double mean_difference(const double *x, const double *y, size_t count, const double *x0,
                              const double *y0, size_t count0, double from, double to)
{
    const pieces tested = pieces_of(x, y, count), anchor = pieces_of(x0, y0, count0);
    return (integral(&tested, from, to) - integral(&anchor, from, to)) / (to - from);
}

bd_result bjontegaard(const bd_curve *t, const bd_curve *a, double low_db, double high_db)
{
    bd_result r = {NAN, NAN, 0, 0};
    if (t->count < BD_POINTS_MIN || a->count < BD_POINTS_MIN) {
        return r;
    }
    r.from_db = fmax(low_db, fmax(t->psnr_db[0], a->psnr_db[0]));
    r.to_db = fmin(high_db, fmin(t->psnr_db[t->count - 1], a->psnr_db[a->count - 1]));
    if (r.to_db - r.from_db < BD_OVERLAP_MIN_DB) {
        return r;
    }
    r.rate = exp(mean_difference(t->psnr_db, t->rate, t->count, a->psnr_db, a->rate, a->count,
                                 r.from_db, r.to_db)) -
             1;
    /* The rates between which both have a PSNR in that range. */
    const double from = fmax(log(bd_rate_at(t, r.from_db)), log(bd_rate_at(a, r.from_db)));
    const double to = fmin(log(bd_rate_at(t, r.to_db)), log(bd_rate_at(a, r.to_db)));
    if (to - from >= log(BD_OVERLAP_MIN_RATIO)) {
        r.psnr_db =
            mean_difference(t->rate, t->psnr_db, t->count, a->rate, a->psnr_db, a->count, from, to);
    }
    return r;
}
