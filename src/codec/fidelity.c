/* SPDX-License-Identifier: Apache-2.0
 *
 * fidelity.c: the record of what a picture lost.
 */
#include "medveil/fidelity.h"

#include "base/bytes.h"

#include <math.h>
#include <string.h>

enum { SCORED = 1, CLASS_CHANGED = 2, FLAGS = SCORED | CLASS_CHANGED };

/* ---- samples ---- */

typedef struct error_sum {
    double squares, count, greatest;
} error_sum;

static double psnr_of(const error_sum *e, double range)
{
    return e->squares == 0 ? INFINITY : 10 * log10(range * range * e->count / e->squares);
}

static void add_row(error_sum *e, const mv_image *a, const mv_image *b, size_t from, size_t count)
{
    for (size_t i = from; i < from + count; i++) {
        const double d = fabs(mv_image_get(a, i) - mv_image_get(b, i));
        e->squares += d * d;
        e->greatest = fmax(e->greatest, d);
    }
    e->count += (double)count;
}

static error_sum tile_error(const mv_image *a, const mv_image *b, uint32_t slice, uint32_t x,
                            uint32_t y)
{
    error_sum e = {0, 0, 0};
    const uint32_t width = a->width - x < MV_FIDELITY_TILE ? a->width - x : MV_FIDELITY_TILE;
    const uint32_t end = a->height - y < MV_FIDELITY_TILE ? a->height : y + MV_FIDELITY_TILE;
    for (uint32_t row = y; row < end; row++) {
        const size_t pixel = ((size_t)slice * a->height + row) * a->width + x;
        add_row(&e, a, b, pixel * a->channels, (size_t)width * a->channels);
    }
    return e;
}

static void add_tile(mv_fidelity *f, error_sum *all, error_sum *worst, const error_sum *tile,
                     uint32_t slice, uint32_t x, uint32_t y)
{
    all->squares += tile->squares;
    all->count += tile->count;
    all->greatest = fmax(all->greatest, tile->greatest);
    if (worst->count == 0 || tile->squares / tile->count > worst->squares / worst->count) {
        *worst = *tile;
        f->worst_x = x;
        f->worst_y = y;
        f->worst_slice = slice;
    }
}

/* greatest minus least sample, 1 where there is one value; NaN where a sample is not finite */
static double range_of(const mv_image *image)
{
    const size_t count = mv_image_sample_count(image);
    double lo = mv_image_get(image, 0), hi = lo;
    for (size_t i = 0; i < count; i++) {
        const double v = mv_image_get(image, i);
        if (!isfinite(v)) {
            return NAN;
        }
        lo = fmin(lo, v);
        hi = fmax(hi, v);
    }
    return hi > lo ? hi - lo : 1;
}

mv_status mv_fidelity_measure(mv_fidelity *out, const mv_image *original, const mv_image *rebuilt)
{
    mv_status st = MV_OK;
    const mv_image *a = original, *b = rebuilt;
    error_sum all = {0, 0, 0}, worst = {0, 0, 0};
    memset(out, 0, sizeof *out);
    MV_ENSURE(a->width == b->width && a->height == b->height && a->depth == b->depth &&
                  a->channels == b->channels && a->type == b->type,
              MV_E_MISMATCH);
    const double range = range_of(a);
    MV_ENSURE(isfinite(range) && isfinite(range_of(b)), MV_E_RANGE);
    for (uint32_t slice = 0; slice < a->depth; slice++) {
        for (uint32_t y = 0; y < a->height; y += MV_FIDELITY_TILE) {
            for (uint32_t x = 0; x < a->width; x += MV_FIDELITY_TILE) {
                const error_sum tile = tile_error(a, b, slice, x, y);
                add_tile(out, &all, &worst, &tile, slice, x, y);
            }
        }
    }
    out->range = range;
    out->max_error = all.greatest;
    out->psnr_db = psnr_of(&all, range);
    out->worst_psnr_db = psnr_of(&worst, range);
done:
    return st;
}

bool mv_fidelity_familiar(const mv_fidelity *record)
{
    return record->psnr_db >= MV_FIDELITY_FAMILIAR_DB;
}

/* ---- scores ---- */

typedef struct likelihood {
    double value[MV_HEAD_CLASSES_MAX];
    uint32_t best; /* of the set */
} likelihood;

/* Softmax over the classes of the set that class first opens; -> one past its last. */
static uint32_t set_of(likelihood *out, const mv_head_info *info, const float *score,
                       uint32_t first)
{
    uint32_t end = first;
    double sum = 0;
    out->best = first;
    while (end < info->class_count &&
           strcmp(info->class_of[end].set, info->class_of[first].set) == 0) {
        out->best = score[end] > score[out->best] ? end : out->best;
        end++;
    }
    for (uint32_t k = first; k < end; k++) {
        out->value[k] = exp((double)score[k] - score[out->best]);
        sum += out->value[k];
    }
    for (uint32_t k = first; k < end; k++) {
        out->value[k] /= sum;
    }
    return end;
}

mv_status mv_fidelity_score(mv_fidelity *record, const mv_head *head, const mv_model *model,
                            const mv_image *original, const mv_image *rebuilt, mv_error *err)
{
    mv_status st = MV_OK;
    mv_embedding unused;
    mv_head_info info;
    float before[MV_HEAD_CLASSES_MAX], after[MV_HEAD_CLASSES_MAX];
    double drift = 0;
    bool changed = false;
    MV_TRY(mv_head_embed_image(&unused, before, head, model, original, err));
    MV_TRY(mv_head_embed_image(&unused, after, head, model, rebuilt, err));
    mv_head_describe(&info, head);
    for (uint32_t first = 0, end = 0; first < info.class_count; first = end) {
        likelihood p, q;
        end = set_of(&p, &info, before, first);
        (void)set_of(&q, &info, after, first);
        changed = changed || p.best != q.best;
        for (uint32_t k = first; k < end; k++) {
            drift = fmax(drift, fabs(p.value[k] - q.value[k]));
        }
    }
    record->scored = true;
    record->class_changed = changed;
    record->score_drift = drift;
    memcpy(record->head_hash, info.hash, sizeof info.hash);
done:
    return st;
}

/* ---- bytes: doubles and numbers, little-endian, as docs/formats/mv.md lists them ---- */

void mv_fidelity_write(uint8_t out[MV_FIDELITY_LEN], const mv_fidelity *record)
{
    mv_store_f64le(out, record->range);
    mv_store_f64le(out + 8, record->max_error);
    mv_store_f64le(out + 16, record->psnr_db);
    mv_store_f64le(out + 24, record->worst_psnr_db);
    mv_store_u32le(out + 32, MV_FIDELITY_TILE);
    mv_store_u32le(out + 36, record->worst_x);
    mv_store_u32le(out + 40, record->worst_y);
    mv_store_u32le(out + 44, record->worst_slice);
    mv_store_f64le(out + 48, record->score_drift);
    mv_store_u32le(out + 56,
                   (record->scored ? SCORED : 0u) | (record->class_changed ? CLASS_CHANGED : 0u));
    memcpy(out + 60, record->head_hash, sizeof record->head_hash);
}

static bool is_psnr(double db, double max_error)
{
    return max_error == 0 ? isinf(db) && db > 0 : isfinite(db);
}

static mv_status read_errors(mv_fidelity *f, mv_reader *r)
{
    mv_status st = MV_OK;
    uint32_t tile = 0;
    MV_TRY(mv_read_f64le(r, &f->range));
    MV_TRY(mv_read_f64le(r, &f->max_error));
    MV_TRY(mv_read_f64le(r, &f->psnr_db));
    MV_TRY(mv_read_f64le(r, &f->worst_psnr_db));
    MV_ENSURE(isfinite(f->range) && f->range > 0, MV_E_RANGE);
    MV_ENSURE(isfinite(f->max_error) && f->max_error >= 0, MV_E_RANGE);
    MV_ENSURE(is_psnr(f->psnr_db, f->max_error) && is_psnr(f->worst_psnr_db, f->max_error),
              MV_E_RANGE);
    MV_TRY(mv_read_u32le(r, &tile));
    MV_ENSURE(tile == MV_FIDELITY_TILE, MV_E_RANGE);
    MV_TRY(mv_read_u32le(r, &f->worst_x));
    MV_TRY(mv_read_u32le(r, &f->worst_y));
    MV_TRY(mv_read_u32le(r, &f->worst_slice));
done:
    return st;
}

static mv_status read_scores(mv_fidelity *f, mv_reader *r)
{
    static const uint8_t nobody[MV_EMBEDDING_HASH_LEN];
    mv_status st = MV_OK;
    uint32_t flags = 0;
    MV_TRY(mv_read_f64le(r, &f->score_drift));
    MV_TRY(mv_read_u32le(r, &flags));
    MV_TRY(mv_read_copy(r, f->head_hash, sizeof f->head_hash));
    MV_ENSURE(f->score_drift >= 0 && f->score_drift <= 1, MV_E_RANGE); /* nor NaN */
    MV_ENSURE((flags & ~(uint32_t)FLAGS) == 0, MV_E_RANGE);
    f->scored = (flags & SCORED) != 0;
    f->class_changed = (flags & CLASS_CHANGED) != 0;
    MV_ENSURE(f->scored || (f->score_drift == 0 && !f->class_changed &&
                            memcmp(f->head_hash, nobody, sizeof nobody) == 0),
              MV_E_RANGE);
done:
    return st;
}

mv_status mv_fidelity_read(mv_fidelity *out, const uint8_t *bytes, size_t len)
{
    mv_status st = MV_OK;
    mv_reader r = mv_reader_make(bytes, len);
    memset(out, 0, sizeof *out);
    MV_ENSURE(len >= MV_FIDELITY_LEN, MV_E_TRUNCATED);
    MV_ENSURE(len == MV_FIDELITY_LEN, MV_E_FORMAT);
    MV_TRY(read_errors(out, &r));
    MV_TRY(read_scores(out, &r));
done:
    if (st != MV_OK) {
        memset(out, 0, sizeof *out);
    }
    return st;
}
