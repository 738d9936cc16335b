/* SPDX-License-Identifier: Apache-2.0
 *
 * veil_sum.c: plans, levels, digits in words.
 */
#include "codec/veil_sum.h"

#include "base/secret.h"
#include "codec/veil_sum_class.h"
#include "codec/veil_sum_low.h"
#include "image/preprocess.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    USUAL_STEP = 8 * MV_SUM_GREY,
    MIDDLE = 128 * MV_SUM_GREY,
    GREYS = 255,
    PLAN_HEAD = 44,
    TABLE = 2
};

static uint32_t planes_of(const mv_sum_plan *p)
{
    return p->depth * p->channels;
}

mv_veil_grid mv_sum_grid(const mv_sum_plan *p)
{
    return mv_veil_grid_make(p->width, p->height, false);
}

size_t mv_sum_levels_count(const mv_sum_plan *p)
{
    return mv_sum_block_count(p) * MV_VEIL_BANDS;
}

static uint32_t bits_of_type(mv_sample_type type)
{
    return type == MV_SAMPLE_U8 || type == MV_SAMPLE_I8     ? 8
           : type == MV_SAMPLE_U16 || type == MV_SAMPLE_I16 ? 16
                                                            : 0;
}

static bool is_signed(mv_sample_type type)
{
    return type == MV_SAMPLE_I8 || type == MV_SAMPLE_I16;
}

static bool is_sane(const mv_sum_plan *p)
{
    const uint32_t most = bits_of_type(p->type);
    const uint64_t area = (uint64_t)p->width * p->height;
    return p->width != 0 && p->height != 0 && p->width <= MV_IMAGE_SIDE_MAX &&
           p->height <= MV_IMAGE_SIDE_MAX && p->depth != 0 && p->depth <= MV_SUM_SAMPLES_MAX &&
           (p->channels == 1 || p->channels == 3) && area <= MV_SUM_SAMPLES_MAX &&
           area * p->depth * p->channels <= MV_SUM_SAMPLES_MAX && p->bits >= 1 && p->bits <= most &&
           isfinite(p->low) && fabs(p->low) <= 65536 && isfinite(p->unit) && p->unit >= 1e-6 &&
           p->unit <= 65536 && p->step16 >= MV_SUM_STEP_MIN && p->step16 <= MV_SUM_STEP_MAX &&
           p->sums >= 1 && p->sums <= MV_SUM_MAX && p->word >= MV_SUM_WORD_MIN &&
           p->word <= MV_SUM_WORD_MAX;
}

static size_t class_count(const mv_sum_plan *p)
{
    return mv_sum_block_count(p) + mv_sum_group_count(p);
}

static mv_status make_classes(mv_sum_plan *p)
{
    p->class_of = calloc(class_count(p), 1);
    return p->class_of == NULL ? MV_E_MEMORY : MV_OK;
}

void mv_sum_plan_clear(mv_sum_plan *p)
{
    if (p->class_of != NULL) {
        mv_wipe(p->class_of, class_count(p));
    }
    free(p->class_of);
    memset(p, 0, sizeof *p);
}

mv_status mv_sum_plan_for(mv_sum_plan *out, const mv_image *image, bool own_range, mv_error *err)
{
    mv_status st = MV_OK;
    const double values = ldexp(1, (int)image->bits);
    double low = is_signed(image->type) ? -values / 2 : 0, high = low + values - 1;
    memset(out, 0, sizeof *out);
    MV_REQUIRE(bits_of_type(image->type) != 0 && image->bits != 0, err, MV_E_UNSUPPORTED,
               "sums by classes are for images of 8- or 16-bit integers");
    if (own_range) {
        MV_TRY(mv_image_range(&low, &high, image, err));
    }
    mv_sum_plan p = {.width = image->width,
                     .height = image->height,
                     .depth = image->depth,
                     .channels = image->channels,
                     .type = image->type,
                     .bits = image->bits,
                     .low = low,
                     .unit = high > low ? (high - low) / GREYS : 1,
                     .step16 = USUAL_STEP,
                     .sums = 2,
                     .word = MV_SUM_WORD_MAX};
    MV_REQUIRE(is_sane(&p), err, MV_E_LIMIT,
               "the image has more than %d samples, or a shape that is not added",
               MV_SUM_SAMPLES_MAX);
    MV_TRY(make_classes(&p));
    *out = p;
done:
    return st;
}

bool mv_sum_fits(const mv_sum_plan *p, const mv_image *image)
{
    return image->width == p->width && image->height == p->height && image->depth == p->depth &&
           image->channels == p->channels && image->type == p->type && image->bits == p->bits;
}

/* ---- bytes ---- */

mv_status mv_sum_plan_write(mv_buffer *out, const mv_sum_plan *p)
{
    mv_status st = MV_OK;
    const size_t start = out->len;
    MV_TRY(mv_buffer_append_zeros(out, PLAN_HEAD));
    uint8_t *b = out->bytes + start;
    b[0] = TABLE;
    b[1] = (uint8_t)p->type;
    b[2] = (uint8_t)p->bits;
    b[3] = (uint8_t)p->word;
    mv_store_u32le(b + 4, p->width);
    mv_store_u32le(b + 8, p->height);
    mv_store_u32le(b + 12, p->depth);
    mv_store_u32le(b + 16, p->channels);
    mv_store_f64le(b + 20, p->low);
    mv_store_f64le(b + 28, p->unit);
    mv_store_u32le(b + 36, p->step16);
    mv_store_u32le(b + 40, p->sums);
    MV_TRY(mv_sum_classes_write(out, p));
done:
    return st;
}

mv_status mv_sum_plan_read(mv_sum_plan *out, const uint8_t *b, size_t len)
{
    mv_status st = MV_OK;
    mv_sum_plan p = {0};
    memset(out, 0, sizeof *out);
    MV_ENSURE(len >= PLAN_HEAD && b[0] == TABLE, MV_E_FORMAT);
    p = (mv_sum_plan){.type = (mv_sample_type)b[1],
                      .bits = b[2],
                      .word = b[3],
                      .width = mv_load_u32le(b + 4),
                      .height = mv_load_u32le(b + 8),
                      .depth = mv_load_u32le(b + 12),
                      .channels = mv_load_u32le(b + 16),
                      .low = mv_load_f64le(b + 20),
                      .unit = mv_load_f64le(b + 28),
                      .step16 = mv_load_u32le(b + 36),
                      .sums = mv_load_u32le(b + 40)};
    MV_ENSURE(is_sane(&p), MV_E_FORMAT);
    MV_TRY(make_classes(&p));
    MV_TRY(mv_sum_classes_read(&p, b + PLAN_HEAD, len - PLAN_HEAD));
    *out = p;
    p.class_of = NULL;
done:
    if (p.class_of != NULL) {
        mv_sum_plan_clear(&p);
    }
    return st == MV_E_TRUNCATED ? MV_E_FORMAT : st;
}

/* ---- levels ---- */

/* round(c / (step in units of a coefficient)); halves away from 0 */
static int32_t level_of(int32_t c, int64_t step)
{
    const int64_t size = c < 0 ? -(int64_t)c : c;
    const int64_t q = (2 * size + step) / (2 * step);
    return (int32_t)(c < 0 ? -q : q);
}

static size_t sample_at(const mv_sum_plan *p, uint32_t plane, size_t i)
{
    const size_t area = (size_t)p->width * p->height;
    return (plane / p->channels * area + i) * p->channels + plane % p->channels;
}

static void take_plane(int32_t *pixel, const mv_sum_plan *p, const mv_image *image, uint32_t plane)
{
    const size_t area = (size_t)p->width * p->height;
    const double most =
        2 * MIDDLE; /* an image beyond the plan's range is cut to it, and a little */
    for (size_t i = 0; i < area; i++) {
        const double v = (mv_image_get(image, sample_at(p, plane, i)) - p->low) / p->unit;
        pixel[i] = (int32_t)lround(fmin(fmax(v * MV_SUM_GREY, -most), 2 * most)) - MIDDLE;
    }
}

mv_status mv_sum_levels(int32_t *level, const mv_sum_plan *p, const mv_image *image)
{
    mv_status st = MV_OK;
    const mv_veil_grid grid = mv_sum_grid(p);
    const size_t area = (size_t)p->width * p->height, count = grid.blocks * MV_VEIL_BANDS;
    const int64_t step = (int64_t)p->step16 * MV_VEIL_COEF_ONE;
    int32_t *pixel = malloc(area * sizeof *pixel);
    MV_ENSURE(pixel != NULL, MV_E_MEMORY);
    for (uint32_t k = 0; k < planes_of(p); k++, level += count) {
        take_plane(pixel, p, image, k);
        MV_TRY(mv_veil_forward(level, pixel, &grid));
        mv_sum_low_turn(level, &grid, false);
        for (size_t i = 0; i < count; i++) {
            level[i] = level_of(level[i], step);
        }
    }
done:
    if (pixel != NULL) {
        mv_wipe(pixel, area * sizeof *pixel);
    }
    free(pixel);
    return st;
}

/* ---- words ---- */

enum { OPEN_MAX = 16 };

/* Words that are not full yet: each digit goes where it leaves least room, of equals to the older
 * word; when none has room, a new word is begun in place of the fullest. */
typedef struct filling {
    uint64_t product[OPEN_MAX]; /* of the radices so far; room for `most` */
    uint32_t word[OPEN_MAX];
    uint32_t open;
    uint64_t most;
} filling;

static uint32_t find_room(const filling *f, uint64_t radix)
{
    uint32_t best = OPEN_MAX;
    for (uint32_t i = 0; i < f->open; i++) {
        if (f->product[i] * radix <= f->most &&
            (best == OPEN_MAX || f->product[i] > f->product[best])) {
            best = i;
        }
    }
    return best;
}

static uint32_t begin_word(filling *f, size_t *words)
{
    uint32_t at = 0;
    if (f->open < OPEN_MAX) {
        at = f->open++;
    } else {
        for (uint32_t i = 1; i < OPEN_MAX; i++) {
            at = f->product[i] > f->product[at] ? i : at;
        }
    }
    f->product[at] = 1;
    f->word[at] = (uint32_t)(*words)++;
    return at;
}

static mv_status place(mv_sum_layout *out, filling *f, mv_sum_digit d)
{
    const uint64_t radix = 2 * (uint64_t)out->sums * d.reach + 1;
    uint32_t at = find_room(f, radix);
    if (at == OPEN_MAX) {
        at = begin_word(f, &out->words);
    }
    if (f->product[at] * radix > f->most) {
        return MV_E_RANGE;
    }
    d.word = f->word[at];
    d.place = (uint32_t)f->product[at];
    out->digit[out->digits++] = d;
    f->product[at] *= radix;
    return MV_OK;
}

/* A word of one picture is at most (product - 1) / n < 2^word, since products are at most
 * n 2^word; a sum of n is below the product. */
mv_status mv_sum_layout_make(mv_sum_layout *out, const mv_sum_plan *p)
{
    mv_status st = MV_OK;
    const size_t blocks = mv_sum_grid(p).blocks;
    filling f = {.most = (uint64_t)p->sums << p->word};
    *out = (mv_sum_layout){.sums = p->sums};
    out->digit = malloc(mv_sum_levels_count(p) * sizeof *out->digit);
    MV_ENSURE(out->digit != NULL, MV_E_MEMORY);
    for (size_t i = 0; i < mv_sum_block_count(p); i++) {
        for (uint32_t band = 0; band < MV_VEIL_BANDS; band++) {
            const uint32_t reach = mv_sum_reach_at(p, i, band);
            const size_t level = (i / blocks * MV_VEIL_BANDS + band) * blocks + i % blocks;
            if (reach != 0) {
                MV_TRY(place(out, &f, (mv_sum_digit){(uint32_t)level, 0, 0, reach}));
            }
        }
    }
done:
    if (st != MV_OK) {
        mv_sum_layout_clear(out);
    }
    return st;
}

void mv_sum_layout_clear(mv_sum_layout *l)
{
    free(l->digit);
    *l = (mv_sum_layout){0};
}

size_t mv_sum_put(uint32_t *word, const mv_sum_layout *l, const int32_t *level)
{
    size_t clipped = 0;
    memset(word, 0, l->words * sizeof *word);
    for (size_t i = 0; i < l->digits; i++) {
        const mv_sum_digit *d = &l->digit[i];
        const int32_t reach = (int32_t)d->reach, q = level[d->level];
        const int32_t kept = q < -reach ? -reach : q > reach ? reach : q;
        clipped += kept != q;
        word[d->word] += d->place * (uint32_t)(kept + reach);
    }
    return clipped;
}

void mv_sum_get(int32_t *level, size_t levels, const mv_sum_layout *l, const uint32_t *word,
                uint32_t summed)
{
    memset(level, 0, levels * sizeof *level);
    for (size_t i = 0; i < l->digits; i++) {
        const mv_sum_digit *d = &l->digit[i];
        const uint32_t digit = word[d->word] / d->place % (2 * l->sums * d->reach + 1);
        level[d->level] = (int32_t)digit - (int32_t)(summed * d->reach);
    }
}

/* ---- pictures ---- */

static void put_plane(mv_image *image, const mv_sum_plan *p, uint32_t plane, const int32_t *pixel)
{
    const size_t area = (size_t)p->width * p->height;
    const double values = ldexp(1, (int)p->bits);
    const double least = is_signed(p->type) ? -values / 2 : 0;
    for (size_t i = 0; i < area; i++) {
        const double grey = (double)(pixel[i] + MIDDLE) / MV_SUM_GREY;
        const double v = round(p->low + p->unit * grey);
        mv_image_set(image, sample_at(p, plane, i), fmin(fmax(v, least), least + values - 1));
    }
}

mv_status mv_sum_picture(mv_image *out, const mv_sum_plan *p, const int32_t *level, uint32_t summed)
{
    mv_status st = MV_OK;
    const mv_veil_grid grid = mv_sum_grid(p);
    const size_t area = (size_t)p->width * p->height, count = grid.blocks * MV_VEIL_BANDS;
    const double step = (double)p->step16 * MV_VEIL_COEF_ONE / summed, limit = 1 << 29;
    int32_t *pixel = malloc(area * sizeof *pixel), *coef = malloc(count * sizeof *coef);
    mv_image image = {0};

    MV_ENSURE(pixel != NULL && coef != NULL, MV_E_MEMORY);
    MV_TRY(mv_image_alloc(&image, p->width, p->height, p->depth, p->channels, p->type));
    image.bits = p->bits;
    for (uint32_t k = 0; k < planes_of(p); k++, level += count) {
        for (size_t i = 0; i < count; i++) {
            coef[i] = (int32_t)lround(fmin(fmax(level[i] * step, -limit), limit));
        }
        mv_sum_low_turn(coef, &grid, true);
        MV_TRY(mv_veil_inverse(pixel, coef, &grid));
        put_plane(&image, p, k, pixel);
    }
    *out = image;
    memset(&image, 0, sizeof image);
done:
    mv_image_clear(&image);
    if (pixel != NULL) {
        mv_wipe(pixel, area * sizeof *pixel);
    }
    if (coef != NULL) {
        mv_wipe(coef, count * sizeof *coef);
    }
    free(pixel);
    free(coef);
    return st;
}
