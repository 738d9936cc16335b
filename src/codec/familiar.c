/* SPDX-License-Identifier: Apache-2.0
 *
 * familiar.c: a picture in 30 numbers, and how far they lie from those of training.
 */
#include "codec/familiar.h"

#include "base/secret.h"
#include "codec/companding.h"
#include "codec/veil_transform.h"
#include "image/preprocess.h"
#include "image/samples.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 8, GREY = 16 };                  /* samples are stretched to 0 .. 255 GREY */
enum { FLOOR = GREY * MV_VEIL_COEF_ONE / 20 }; /* a twentieth of a grey level, as a coefficient */

/* ---- blocks ---- */

/* The blocks that are looked at, side by side: a plane (8, 8 count). */
typedef struct strip {
    int32_t *pixel, *coef;
    uint32_t count;
    double low, per_grey; /* v = (sample - low) per_grey */
} strip;

/* Gray, or of colours (R + 2 G + B) / 4; 0 .. 255 GREY. x runs over the edge. */
static void read_row(int32_t out[SIDE], const strip *s, const mv_image *image, size_t row,
                     uint32_t x)
{
    const uint32_t colours = image->channels == 3 ? 3 : 1;
    const uint32_t inside = image->width - x < SIDE ? image->width - x : SIDE;
    double some[3][SIDE];
    for (uint32_t c = 0; c < colours; c++) {
        mv_samples_read(some[c], image, (row * image->width + x) * image->channels + c,
                        image->channels, inside);
    }
    for (uint32_t i = 0; i < SIDE; i++) {
        const uint32_t k = i < inside ? i : inside - 1;
        const double v = colours == 1 ? some[0][k] : (some[0][k] + 2 * some[1][k] + some[2][k]) / 4;
        out[i] = (int32_t)((v - s->low) * s->per_grey + 0.5); /* not below 0 */
    }
    mv_wipe(some, sizeof some);
}

static void read_block(const strip *s, const mv_image *image, uint32_t to, uint64_t block)
{
    const uint32_t across = (image->width + SIDE - 1) / SIDE;
    const uint32_t down = (image->height + SIDE - 1) / SIDE;
    const uint32_t x = (uint32_t)(block % across) * SIDE;
    const uint32_t y = (uint32_t)(block / across % down) * SIDE;
    const size_t slice = (size_t)(block / across / down);
    for (uint32_t i = 0; i < SIDE; i++) {
        const uint32_t row = y + i < image->height ? y + i : image->height - 1;
        read_row(s->pixel + ((size_t)i * s->count + to) * SIDE, s, image,
                 slice * image->height + row, x);
    }
}

static size_t strip_len(const strip *s)
{
    return (size_t)s->count * SIDE * SIDE;
}

static uint64_t block_count(const mv_image *image)
{
    return (uint64_t)((image->width + SIDE - 1) / SIDE) * ((image->height + SIDE - 1) / SIDE) *
           image->depth;
}

static mv_status read_strip(strip *s, const mv_image *image)
{
    mv_status st = MV_OK;
    const uint64_t blocks = block_count(image);
    s->count = blocks < MV_FAMILIAR_BLOCKS ? (uint32_t)blocks : MV_FAMILIAR_BLOCKS;
    s->pixel = malloc(strip_len(s) * sizeof *s->pixel);
    s->coef = malloc(strip_len(s) * sizeof *s->coef);
    MV_ENSURE(s->pixel != NULL && s->coef != NULL, MV_E_MEMORY);
    for (uint32_t i = 0; i < s->count; i++) {
        read_block(s, image, i, i * blocks / s->count);
    }
    const mv_veil_grid grid = mv_veil_grid_make(SIDE * s->count, SIDE, false);
    MV_TRY(mv_veil_forward(s->coef, s->pixel, &grid));
done:
    return st;
}

static void strip_clear(strip *s)
{
    if (s->pixel != NULL) {
        mv_wipe(s->pixel, strip_len(s) * sizeof *s->pixel);
    }
    if (s->coef != NULL) {
        mv_wipe(s->coef, strip_len(s) * sizeof *s->coef);
    }
    free(s->pixel);
    free(s->coef);
}

/* ---- numbers ---- */

/* 128 log2(n), n >= 1: half of the companded logarithm, since n is a square. */
static int32_t half_log(uint64_t n)
{
    int32_t more = 0;
    for (; n > UINT32_MAX; n >>= 2) {
        more += 256;
    }
    return more + mv_log2_q8((uint32_t)n) / 2;
}

typedef struct sums {
    uint64_t size, square, count; /* |c| <= 2^22, of at most 640 blocks times 8 bands */
} sums;

static void add_band(sums *s, const int32_t *coef, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t size = (uint64_t)(coef[i] < 0 ? -(int64_t)coef[i] : coef[i]);
        s->size += size;
        s->square += size * size;
    }
    s->count += count;
}

/* Brightness of the blocks: the mean, in 1/256 of the range, and log2 of the deviation. */
static void put_brightness(int32_t out[2], const strip *s)
{
    uint64_t sum = 0, square = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        const uint64_t dc = s->coef[i] < 0 ? 0 : (uint64_t)s->coef[i]; /* 8 times the mean */
        sum += dc;
        square += dc * dc;
    }
    const uint64_t mean = sum / s->count, mean_square = square / s->count;
    const uint64_t spread = mean_square > mean * mean ? mean_square - mean * mean : 0;
    out[0] = (int32_t)(mean / (8 * GREY * MV_VEIL_COEF_ONE));
    out[1] = half_log(spread + (uint64_t)FLOOR * FLOOR);
}

static void put_stats(int32_t stats[MV_FAMILIAR_STATS], const strip *s)
{
    for (uint32_t d = 0; d < MV_FAMILIAR_DIAGONALS; d++) {
        sums sum = {0, 0, 0};
        for (uint32_t u = 0; u < SIDE; u++) {
            const uint32_t v = d + 1 - u;
            if (u <= d + 1 && v < SIDE) {
                add_band(&sum, s->coef + (size_t)(SIDE * u + v) * s->count, s->count);
            }
        }
        stats[d] = mv_log2_q8((uint32_t)(sum.size / sum.count) + FLOOR);
        stats[MV_FAMILIAR_DIAGONALS + d] =
            half_log(sum.square / sum.count + (uint64_t)FLOOR * FLOOR);
    }
    put_brightness(stats + MV_FAMILIAR_STATS - 2, s);
}

mv_status mv_familiar_stats(int32_t stats[MV_FAMILIAR_STATS], bool *enough, const mv_image *image)
{
    mv_status st = MV_OK;
    strip s = {.count = 0};
    double high = 0;

    memset(stats, 0, MV_FAMILIAR_STATS * sizeof *stats);
    *enough = false;
    MV_TRY(mv_image_range(&s.low, &high, image, NULL));
    MV_ENSURE(isfinite(high - s.low), MV_E_RANGE);
    if (!(high > s.low) || block_count(image) < MV_FAMILIAR_FEW) {
        goto done;
    }
    s.per_grey = 255.0 * GREY / (high - s.low);
    MV_TRY(read_strip(&s, image));
    put_stats(stats, &s);
    *enough = true;
done:
    strip_clear(&s);
    return st;
}

/* ---- distance ---- */

static uint64_t square_distance(const int32_t stats[MV_FAMILIAR_STATS], const mv_familiar_kind *k)
{
    const int32_t *edge = k->edge;
    uint64_t sum = 0;
    for (size_t i = 0; i < MV_FAMILIAR_STATS; i++) {
        int64_t y = 0; /* 30 products of 24 and 14 bits */
        for (size_t j = 0; j <= i; j++) {
            y += (int64_t)edge[j] * (stats[j] - k->mean[j]);
        }
        edge += i + 1;
        y /= 1 << 14; /* now in 1/64; below 2^29 */
        sum += (uint64_t)(y * y);
    }
    return sum;
}

double mv_familiar_distance(const int32_t stats[MV_FAMILIAR_STATS], const mv_familiar_kind *kind,
                            size_t count)
{
    uint64_t nearest = UINT64_MAX;
    for (size_t i = 0; i < count; i++) {
        const uint64_t d = square_distance(stats, &kind[i]);
        nearest = d < nearest ? d : nearest;
    }
    return sqrt((double)nearest) / 64;
}
