/* SPDX-License-Identifier: Apache-2.0
 *
 * veil_pixels.c: contexts of pixels, and coding with them.
 */
#include "codec/veil_pixels.h"

#include "base/cpu.h"
#include "codec/companding.h"

#include <sodium.h>
#include <string.h>

#define PAD  4 /* columns known on both sides of a row */
#define ROWS 4 /* the row being coded and three above */

/* The last rows of pixels and of guessing errors, each PAD wider on both sides. */
typedef struct lines {
    uint32_t width;
    int32_t *value[ROWS]; /* [0]: the current row, [1]: N, ..; point at column 0 */
    int32_t *error[ROWS];
    int32_t *store; /* owned */
    size_t len;
    mv_compander compander;
} lines;

static mv_status lines_init(lines *l, uint32_t width)
{
    const size_t row = (size_t)width + 2 * PAD;
    l->width = width;
    l->len = 2 * ROWS * row * sizeof *l->store;
    l->store = calloc(2 * ROWS * row, sizeof *l->store);
    if (l->store == NULL) {
        return MV_E_MEMORY;
    }
    for (size_t i = 0; i < ROWS; i++) {
        l->value[i] = l->store + i * row + PAD;
        l->error[i] = l->store + (ROWS + i) * row + PAD;
    }
    mv_compander_init(&l->compander);
    return MV_OK;
}

static void lines_clear(lines *l)
{
    if (l->store != NULL) {
        sodium_memzero(l->store, l->len);
    }
    free(l->store);
    l->store = NULL;
}

/* The oldest row becomes the current one; to its left stands the first pixel of the row above. */
static void lines_next(lines *l)
{
    int32_t *const value = l->value[ROWS - 1], *const error = l->error[ROWS - 1];
    memmove(l->value + 1, l->value, (ROWS - 1) * sizeof *l->value);
    memmove(l->error + 1, l->error, (ROWS - 1) * sizeof *l->error);
    l->value[0] = value;
    l->error[0] = error;
    for (int32_t i = 1; i <= PAD; i++) {
        value[-i] = l->value[1][0];
    }
}

/* The row is complete: to its right stands its last pixel. The first row stands for those above it
 * as well. */
static void lines_end(lines *l, bool first)
{
    for (uint32_t i = 0; i < PAD; i++) {
        l->value[0][l->width + i] = l->value[0][l->width - 1];
    }
    if (first) {
        for (size_t r = 1; r < ROWS; r++) {
            memcpy(l->value[r] - PAD, l->value[0] - PAD, (l->width + 2 * PAD) * sizeof(int32_t));
        }
    }
}

static void lines_put(lines *l, uint32_t column, int32_t value, int32_t guess, bool first)
{
    l->value[0][column] = value;
    l->error[0][column] = value - guess;
    if (first) { /* above the first row stands, as far as is known, what is to the left */
        for (uint32_t i = 1; i <= PAD; i++) {
            l->value[1][column + i] = l->value[2][column + i] = value;
        }
    }
}

static uint32_t magnitude(int32_t v)
{
    return v < 0 ? 0 - (uint32_t)v : (uint32_t)v;
}

static int32_t median_guess(int32_t w, int32_t n, int32_t nw)
{
    const int32_t low = w < n ? w : n, high = w < n ? n : w;
    return nw >= high ? low : nw <= low ? high : w + n - nw;
}

/* Rows up and columns right of the neighbours whose value, error and size of error are told. */
static const int8_t near_value[18][2] = {{0, -1}, {1, 0}, {1, -1}, {1, 1},  {0, -2}, {2, 0},
                                         {2, 1},  {1, 2}, {2, -1}, {1, -2}, {2, 2},  {2, -2},
                                         {0, -3}, {3, 0}, {1, -3}, {3, 1},  {3, -1}, {1, 3}};
enum { VALUES = 18, ERRORS = 10, SIZES = 8 };

/* 16 s: guessing errors around (weights 4 4 2 2 2 2 and 1 six times, 22 in all) and the three
 * nearest differences (12 times too large on the average), seven tenths of their mean, and 1/8. */
static uint32_t local_unit(const lines *l, const int32_t *v, uint32_t c)
{
    const int32_t *e0 = l->error[0] + c, *e1 = l->error[1] + c, *e2 = l->error[2] + c,
                  *e3 = l->error[3] + c;
    const uint32_t near = magnitude(e0[-1]) + magnitude(e1[0]);
    const uint32_t next =
        magnitude(e1[-1]) + magnitude(e1[1]) + magnitude(e0[-2]) + magnitude(e2[0]);
    const uint32_t far = magnitude(e0[-3]) + magnitude(e3[0]) + magnitude(e1[-2]) +
                         magnitude(e1[2]) + magnitude(e2[-1]) + magnitude(e2[1]);
    const uint32_t slope = magnitude(v[0] - v[2]) + magnitude(v[1] - v[2]) + magnitude(v[1] - v[3]);
    return ((4 * near + 2 * next + far) * 130 + slope * 239) / 256 + 2;
}

static int16_t companded(const lines *l, int32_t v, uint32_t inverse)
{
    const uint64_t r = (uint64_t)magnitude(v) * inverse >> 12; /* 256 |v| / s */
    const int16_t c = mv_compand(&l->compander, r < 65536 ? (uint32_t)r : 65536);
    return (int16_t)(v < 0 ? -c : c);
}

static void look(mv_pixel_context *k, const lines *l, uint32_t column)
{
    int32_t v[VALUES], e[ERRORS];
    size_t n = 0;
    for (size_t i = 0; i < VALUES; i++) {
        v[i] = l->value[near_value[i][0]][(int64_t)column + near_value[i][1]];
    }
    for (size_t i = 0; i < ERRORS; i++) {
        e[i] = l->error[near_value[i][0]][(int64_t)column + near_value[i][1]];
    }
    const int32_t m = k->guess = median_guess(v[0], v[1], v[2]);
    k->unit16 = local_unit(l, v, column);
    const uint32_t inverse = (1U << 24) / k->unit16;
    for (size_t i = 0; i < VALUES; i++) {
        k->x[n++] = companded(l, v[i] - m, inverse);
    }
    for (size_t i = 0; i < ERRORS; i++) {
        k->x[n++] = companded(l, e[i], inverse);
    }
    for (size_t i = 0; i < SIZES; i++) {
        k->x[n] = (int16_t)magnitude(k->x[VALUES + i]);
        n++;
    }
    k->x[n++] = (int16_t)(mv_log2_q8(k->unit16) - 4 * 256);
    k->x[n++] = companded(l, 2 * v[1] - v[5] - m, inverse);
    k->x[n++] = companded(l, 2 * v[0] - v[4] - m, inverse);
    k->x[n++] = companded(l, v[0] + v[3] - v[1] - m, inverse);
    memset(k->x + n, 0, (MV_SMALL_IN - n) * sizeof k->x[0]);
}

static int32_t clamp(int64_t v, int64_t low, int64_t high)
{
    return (int32_t)(v < low ? low : v > high ? high : v);
}

mv_spread mv_pixel_spread(int32_t *middle, const mv_pixel_context *context,
                          const int32_t y[MV_SMALL_OUT], const mv_pixel_shape *shape)
{
    const int32_t step = 2 * (int32_t)shape->max_error + 1;
    const int64_t offset16 = (int64_t)context->unit16 * y[0] / MV_SMALL_Y_ONE;
    const int32_t mu16 = clamp(16 * (int64_t)context->guess + offset16, 16 * (int64_t)shape->low,
                               16 * (int64_t)shape->high);
    const int32_t log_scale = mv_log2_q8(context->unit16) - mv_log2_q8((uint32_t)step) +
                              (int32_t)((int64_t)y[1] * 256 / MV_SMALL_Y_ONE);
    mv_spread p;
    *middle = (mu16 + 8) >> 4;
    p.mu16 = (mu16 - 16 * *middle) / step;
    p.scale = (uint32_t)clamp((log_scale + 16) / 32, 0, MV_SPREAD_SCALES - 1);
    return p;
}

/* round(d / step), step odd: ties cannot happen */
static int32_t steps(int32_t d, int32_t step)
{
    return (d + (d < 0 ? -(step / 2) : step / 2)) / step;
}

mv_status mv_pixels_encode(mv_rans_writer *w, const mv_small_net *net, const mv_pixel_shape *shape,
                           int32_t *pixel)
{
    mv_status st = MV_OK;
    mv_small_run *const run = mv_small_choose(mv_cpu_features()).run;
    const int32_t step = 2 * (int32_t)shape->max_error + 1;
    lines l = {0};
    MV_TRY(lines_init(&l, shape->width));
    for (uint32_t row = 0; row < shape->height; row++) {
        lines_next(&l);
        for (uint32_t c = 0; c < shape->width; c++) {
            int32_t *const p = pixel + (size_t)row * shape->width + c;
            mv_pixel_context k;
            int32_t y[1][MV_SMALL_OUT], middle;
            MV_ENSURE(*p >= shape->low && *p <= shape->high, MV_E_RANGE);
            look(&k, &l, c);
            run(y, net, (const int16_t(*)[MV_SMALL_IN]) & k.x, 1);
            const mv_spread spread = mv_pixel_spread(&middle, &k, y[0], shape);
            const int32_t v = steps(*p - middle, step);
            MV_TRY(mv_rans_put_spread(w, v, spread));
            *p = clamp(middle + (int64_t)v * step, shape->low, shape->high);
            lines_put(&l, c, *p, k.guess, row == 0);
        }
        lines_end(&l, row == 0);
    }
done:
    lines_clear(&l);
    return st;
}

mv_status mv_pixels_decode(mv_rans_reader *r, const mv_small_net *net, const mv_pixel_shape *shape,
                           int32_t *pixel)
{
    mv_status st = MV_OK;
    mv_small_run *const run = mv_small_choose(mv_cpu_features()).run;
    const int32_t step = 2 * (int32_t)shape->max_error + 1;
    lines l = {0};
    MV_TRY(lines_init(&l, shape->width));
    for (uint32_t row = 0; row < shape->height; row++) {
        lines_next(&l);
        for (uint32_t c = 0; c < shape->width; c++) {
            mv_pixel_context k;
            int32_t y[1][MV_SMALL_OUT], middle;
            look(&k, &l, c);
            run(y, net, (const int16_t(*)[MV_SMALL_IN]) & k.x, 1);
            const mv_spread spread = mv_pixel_spread(&middle, &k, y[0], shape);
            const int64_t v = mv_rans_get_spread(r, spread);
            const int32_t p = clamp(middle + v * step, shape->low, shape->high);
            pixel[(size_t)row * shape->width + c] = p;
            lines_put(&l, c, p, k.guess, row == 0);
        }
        lines_end(&l, row == 0);
        MV_ENSURE(r->status == MV_OK, r->status);
    }
done:
    lines_clear(&l);
    return st;
}

mv_status mv_pixels_visit(const mv_pixel_shape *shape, const int32_t *pixel, mv_pixel_visitor visit,
                          void *user)
{
    mv_status st = MV_OK;
    lines l = {0};
    MV_TRY(lines_init(&l, shape->width));
    for (uint32_t row = 0; row < shape->height; row++) {
        lines_next(&l);
        for (uint32_t c = 0; c < shape->width; c++) {
            mv_pixel_context k;
            look(&k, &l, c);
            MV_TRY(visit(user, row, c, &k));
            lines_put(&l, c, pixel[(size_t)row * shape->width + c], k.guess, row == 0);
        }
        lines_end(&l, row == 0);
    }
done:
    lines_clear(&l);
    return st;
}

mv_status mv_pixels_net(mv_small_net *out)
{
    mv_reader in = mv_reader_make(mv_pixels_net_bytes, sizeof mv_pixels_net_bytes);
    return mv_small_read(out, &in);
}
