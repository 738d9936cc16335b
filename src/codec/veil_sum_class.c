/* SPDX-License-Identifier: Apache-2.0
 *
 * veil_sum_class.c: which class suits a block, what it allows, and how classes are written.
 */
#include "codec/veil_sum_class.h"

#include "codec/range_coder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SINGLE_STEP = 8 * MV_SUM_GREY, LOW_BITS = 4 };

/* What a bit is worth, in squared steps: the slope of a fine quantiser's error, step^2 / 12. */
#define BIT_WORTH 0.1155F /* 2 ln 2 / 12 */

static uint32_t planes_of(const mv_sum_plan *p)
{
    return p->depth * p->channels;
}

size_t mv_sum_block_count(const mv_sum_plan *p)
{
    return planes_of(p) * mv_sum_grid(p).blocks;
}

static size_t groups_across(const mv_veil_grid *g)
{
    return (g->columns + MV_SUM_SIDE - 1) / MV_SUM_SIDE;
}

static size_t groups_of(const mv_veil_grid *g) /* of a plane */
{
    return groups_across(g) * ((g->rows + MV_SUM_SIDE - 1) / MV_SUM_SIDE);
}

size_t mv_sum_group_count(const mv_sum_plan *p)
{
    const mv_veil_grid grid = mv_sum_grid(p);
    return planes_of(p) * groups_of(&grid);
}

size_t mv_sum_costs_count(const mv_sum_plan *p)
{
    return mv_sum_block_count(p) * MV_SUM_CLASSES + mv_sum_group_count(p) * MV_SUM_LOW_CLASSES;
}

/* ---- reaches ---- */

/* Class 0 alone depends on the step. */
static uint32_t scaled(const mv_sum_plan *p, uint32_t kind, uint32_t reach)
{
    return kind == 0 ? (reach * SINGLE_STEP + p->step16 - 1) / p->step16 : reach;
}

static uint32_t reach_of(const mv_sum_plan *p, uint32_t kind, uint32_t band)
{
    return scaled(p, kind, mv_sum_reach[band][kind]);
}

/* Band 0 of a group of 16 blocks of 64 pixels: sqrt(16 x 64) times half the range of grey. */
static uint32_t low_reach_of(const mv_sum_plan *p, uint32_t kind, uint32_t band)
{
    return band == 0 ? (32 * 128 * MV_SUM_GREY + p->step16 - 1) / p->step16
                     : scaled(p, kind, mv_sum_low_reach[band][kind]);
}

/* Where a block is: its group of all planes, and which band of it. */
typedef struct low_place {
    size_t group;
    uint32_t band;
} low_place;

static low_place low_place_of(const mv_veil_grid *g, size_t block)
{
    const size_t in_plane = block % g->blocks;
    const size_t row = in_plane / g->columns, column = in_plane % g->columns;
    return (low_place){block / g->blocks * groups_of(g) + row / MV_SUM_SIDE * groups_across(g) +
                           column / MV_SUM_SIDE,
                       (uint32_t)(row % MV_SUM_SIDE * MV_SUM_SIDE + column % MV_SUM_SIDE)};
}

uint32_t mv_sum_reach_at(const mv_sum_plan *p, size_t block, uint32_t band)
{
    if (band != 0) {
        return reach_of(p, p->class_of[block], band);
    }
    const mv_veil_grid grid = mv_sum_grid(p);
    const low_place at = low_place_of(&grid, block);
    return low_reach_of(p, p->class_of[mv_sum_block_count(p) + at.group], at.band);
}

/* ---- what a class costs ---- */

static float worth_of(const mv_sum_plan *p, uint32_t reach)
{
    return BIT_WORTH * log2f(2.0F * (float)p->sums * (float)reach + 1);
}

/* Adds what is further off than each class allows, squared. Squares add up to less than 2^24. */
static inline void add_clipped(float *cost, const float *reach, uint32_t kinds, int32_t level)
{
    const float size = fabsf((float)level);
    if (level == 0) {
        return;
    }
    for (uint32_t k = 0; k < kinds; k++) {
        const float off = size - reach[k], lost = off > 0 ? off : 0;
        cost[k] += lost * lost;
    }
}

static void weigh_blocks(float *cost, const mv_sum_plan *p, const int32_t *level, uint32_t band)
{
    const size_t blocks = mv_sum_grid(p).blocks;
    float reach[MV_SUM_CLASSES], bits[MV_SUM_CLASSES];
    for (uint32_t k = 0; k < MV_SUM_CLASSES; k++) {
        reach[k] = (float)reach_of(p, k, band);
        bits[k] = worth_of(p, reach_of(p, k, band));
    }
    for (size_t i = 0; i < mv_sum_block_count(p); i++) {
        float *c = cost + i * MV_SUM_CLASSES;
        add_clipped(c, reach, MV_SUM_CLASSES,
                    level[(i / blocks * MV_VEIL_BANDS + band) * blocks + i % blocks]);
        for (uint32_t k = 0; k < MV_SUM_CLASSES; k++) {
            c[k] += bits[k];
        }
    }
}

static void weigh_groups(float *cost, const mv_sum_plan *p, const int32_t *level)
{
    const mv_veil_grid grid = mv_sum_grid(p);
    for (size_t i = 0; i < mv_sum_block_count(p); i++) {
        const low_place at = low_place_of(&grid, i);
        float *c = cost + at.group * MV_SUM_LOW_CLASSES, reach[MV_SUM_LOW_CLASSES];
        for (uint32_t k = 0; k < MV_SUM_LOW_CLASSES; k++) {
            const uint32_t m = low_reach_of(p, k, at.band);
            reach[k] = (float)m;
            c[k] += worth_of(p, m);
        }
        add_clipped(c, reach, MV_SUM_LOW_CLASSES,
                    level[i / grid.blocks * MV_VEIL_BANDS * grid.blocks + i % grid.blocks]);
    }
}

void mv_sum_weigh(float *cost, const mv_sum_plan *p, const int32_t *level)
{
    for (uint32_t band = 1; band < MV_VEIL_BANDS; band++) {
        weigh_blocks(cost, p, level, band);
    }
    weigh_groups(cost + mv_sum_block_count(p) * MV_SUM_CLASSES, p, level);
}

/* ---- choice ---- */

uint32_t mv_sum_context(const uint8_t *class_of, const mv_veil_grid *g, size_t block)
{
    const bool first_column = block % g->columns == 0, first_row = block < g->columns;
    const uint32_t left = first_column ? 0 : class_of[block - 1];
    const uint32_t above = first_row ? 0 : class_of[block - g->columns];
    const uint32_t sum = first_column ? 2 * above : first_row ? 2 * left : left + above;
    return sum / (2 * MV_SUM_CLASSES / MV_SUM_CONTEXTS);
}

static uint32_t frequency(uint32_t context, uint32_t kind)
{
    const uint32_t end = kind + 1 < MV_SUM_CLASSES ? mv_sum_start[context][kind + 1] : 65536;
    return end - mv_sum_start[context][kind];
}

static uint8_t cheapest(const float *cost, const float *bits, uint32_t kinds)
{
    uint32_t best = 0;
    for (uint32_t k = 1; k < kinds; k++) {
        best = cost[k] + bits[k] < cost[best] + bits[best] ? k : best;
    }
    return (uint8_t)best;
}

void mv_sum_choose(mv_sum_plan *p, const float *cost)
{
    static const float alike[MV_SUM_LOW_CLASSES];
    const mv_veil_grid grid = mv_sum_grid(p);
    const size_t blocks = mv_sum_block_count(p), groups = mv_sum_group_count(p);
    float bits[MV_SUM_CONTEXTS][MV_SUM_CLASSES];
    for (uint32_t c = 0; c < MV_SUM_CONTEXTS; c++) {
        for (uint32_t k = 0; k < MV_SUM_CLASSES; k++) {
            bits[c][k] = BIT_WORTH * (16 - log2f((float)frequency(c, k)));
        }
    }
    for (size_t i = 0; i < blocks; i++) {
        const uint8_t *plane = p->class_of + i / grid.blocks * grid.blocks;
        const uint32_t context = mv_sum_context(plane, &grid, i % grid.blocks);
        p->class_of[i] = cheapest(cost + i * MV_SUM_CLASSES, bits[context], MV_SUM_CLASSES);
    }
    cost += blocks * MV_SUM_CLASSES;
    for (size_t i = 0; i < groups; i++) {
        p->class_of[blocks + i] =
            cheapest(cost + i * MV_SUM_LOW_CLASSES, alike, MV_SUM_LOW_CLASSES);
    }
}

/* ---- bytes ---- */

mv_status mv_sum_classes_write(mv_buffer *out, const mv_sum_plan *p)
{
    mv_status st = MV_OK;
    const mv_veil_grid grid = mv_sum_grid(p);
    const size_t blocks = mv_sum_block_count(p);
    mv_rans_writer w;
    MV_TRY(mv_rans_writer_init(&w, out));
    for (size_t i = 0; i < blocks; i++) {
        const uint8_t *plane = p->class_of + i / grid.blocks * grid.blocks;
        const uint32_t c = mv_sum_context(plane, &grid, i % grid.blocks), k = p->class_of[i];
        MV_TRY(mv_rans_put(&w, mv_sum_start[c][k], frequency(c, k)));
    }
    for (size_t i = 0; i < mv_sum_group_count(p); i++) {
        MV_TRY(mv_rans_put_bits(&w, p->class_of[blocks + i], LOW_BITS));
    }
    MV_TRY(mv_rans_finish(&w));
done:
    mv_rans_writer_clear(&w);
    return st;
}

static uint8_t read_class(mv_rans_reader *r, uint32_t context)
{
    const uint16_t *start = mv_sum_start[context];
    const uint32_t at = mv_rans_peek(r);
    uint32_t kind = 0;
    for (uint32_t half = MV_SUM_CLASSES / 2; half != 0; half /= 2) {
        kind += start[kind + half] <= at ? half : 0;
    }
    mv_rans_take(r, start[kind], frequency(context, kind));
    return (uint8_t)kind;
}

mv_status mv_sum_classes_read(mv_sum_plan *p, const uint8_t *bytes, size_t len)
{
    mv_status st = MV_OK;
    const mv_veil_grid grid = mv_sum_grid(p);
    const size_t blocks = mv_sum_block_count(p);
    mv_reader in = mv_reader_make(bytes, len);
    mv_rans_reader r = mv_rans_reader_make(&in);
    for (size_t i = 0; i < blocks; i++) {
        const uint8_t *plane = p->class_of + i / grid.blocks * grid.blocks;
        p->class_of[i] = read_class(&r, mv_sum_context(plane, &grid, i % grid.blocks));
    }
    for (size_t i = 0; i < mv_sum_group_count(p); i++) {
        p->class_of[blocks + i] = (uint8_t)mv_rans_get_bits(&r, LOW_BITS);
    }
    MV_TRY(mv_rans_close(&r));
    MV_ENSURE(mv_reader_left(&in) == 0, MV_E_FORMAT);
done:
    return st;
}
