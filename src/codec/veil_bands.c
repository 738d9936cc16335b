/* SPDX-License-Identifier: Apache-2.0
 *
 * veil_bands.c: contexts of coefficients, and coding with them.
 */
#include "codec/veil_bands.h"

#include "base/cpu.h"
#include "codec/companding.h"

#include <sodium.h>
#include <string.h>

#define PAD     2
#define NO_BAND MV_VEIL_BANDS /* stands for bands that are not known: all zero */

const uint8_t mv_veil_order[MV_VEIL_BANDS] = {
    0,  1,  8,  2,  9,  16, 3,  10, 17, 24, 4,  11, 18, 25, 32, 5,  12, 19, 26, 33, 40, 6,
    13, 20, 27, 34, 41, 48, 7,  14, 21, 28, 35, 42, 49, 56, 15, 22, 29, 36, 43, 50, 57, 23,
    30, 37, 44, 51, 58, 31, 38, 45, 52, 59, 39, 46, 53, 60, 47, 54, 61, 55, 62, 63};

/* Per band and block, in maps of (rows + 4) x (columns + 4). */
struct mv_veil_levels {
    mv_veil_grid grid;
    size_t pitch, map; /* of one row, of one band's map */
    int32_t log_step;
    uint32_t *size;        /* (65,map) |level| */
    uint32_t *known;       /* (map) sum of |level| over the bands coded before this one */
    mv_small_pair *logged; /* (65,map) 256 log2(1 + |level|), without and with the level's sign */
    mv_small_pair *sums;   /* (SUM_PAIRS,map) of the band being coded, like the following one: */
    mv_small_pair *late;   /* (LATE_PAIRS,map) what takes the coefficient to the left to know */
    void *store;           /* owned */
    size_t len;
};

enum { SUM_PAIRS = 3, LATE_PAIRS = 7 };

mv_status mv_veil_levels_new(mv_veil_levels **out, const mv_veil_grid *grid, int32_t log_step)
{
    mv_status st = MV_OK;
    mv_veil_levels *l = NULL;
    size_t map;
    *out = NULL;
    MV_ENSURE((l = calloc(1, sizeof *l)) != NULL, MV_E_MEMORY);
    l->grid = *grid;
    l->log_step = log_step;
    l->pitch = (size_t)grid->columns + 2 * PAD;
    l->map = map = l->pitch * ((size_t)grid->rows + 2 * PAD);
    l->len = map * ((MV_VEIL_BANDS + 1) * (sizeof *l->size + sizeof *l->logged) + sizeof *l->known +
                    (SUM_PAIRS + LATE_PAIRS) * sizeof *l->sums);
    MV_ENSURE((l->store = calloc(1, l->len)) != NULL, MV_E_MEMORY);
    l->size = l->store;
    l->known = l->size + (MV_VEIL_BANDS + 1) * map;
    l->logged = (mv_small_pair *)(l->known + map);
    l->sums = l->logged + (MV_VEIL_BANDS + 1) * map;
    l->late = l->sums + SUM_PAIRS * map;
    *out = l;
    l = NULL;
done:
    mv_veil_levels_free(&l);
    return st;
}

void mv_veil_levels_free(mv_veil_levels **levels)
{
    if (*levels != NULL) {
        if ((*levels)->store != NULL) {
            sodium_memzero((*levels)->store, (*levels)->len);
        }
        free((*levels)->store);
        free(*levels);
        *levels = NULL;
    }
}

static size_t place_of(const mv_veil_levels *l, size_t row, size_t column)
{
    return (row + PAD) * l->pitch + column + PAD;
}

static void put(mv_veil_levels *l, uint32_t band, size_t at, int32_t level)
{
    const uint32_t size = level < 0 ? 0 - (uint32_t)level : (uint32_t)level;
    const int32_t log = mv_log2_q8(1 + size);
    int16_t *const logged = l->logged[band * l->map + at].x;
    l->size[band * l->map + at] = size;
    logged[0] = (int16_t)log;
    logged[1] = (int16_t)(level < 0 ? -log : log);
}

void mv_veil_levels_set(mv_veil_levels *levels, const int32_t *level)
{
    const mv_veil_grid *g = &levels->grid;
    memset(levels->known, 0, levels->map * sizeof *levels->known);
    for (uint32_t band = 0; band < MV_VEIL_BANDS; band++) {
        for (size_t b = 0; b < g->blocks; b++) {
            put(levels, band, place_of(levels, b / g->columns, b % g->columns),
                level[band * g->blocks + b]);
        }
    }
}

/* Neighbours: frequencies down and across, blocks down and right. The first six are of the own
 * band; those up to SIGNED are told with their sign as well. */
static const int8_t neighbour[][4] = {
    {0, 0, -1, 0},  {0, 0, 0, -1},  {0, 0, -1, -1}, {0, 0, -1, 1}, {0, 0, -2, 0}, {0, 0, 0, -2},
    {-1, 0, 0, 0},  {0, -1, 0, 0},  {-1, -1, 0, 0}, {-2, 0, 0, 0}, {0, -2, 0, 0}, {-1, 0, -1, 0},
    {0, -1, -1, 0}, {-1, 0, 0, -1}, {0, -1, 0, -1}, {-1, 0, 1, 0}, {0, -1, 1, 0}, {-1, 0, 0, 1},
    {0, -1, 0, 1},  {-1, 1, 0, 0},  {1, -1, 0, 0},  {-2, 1, 0, 0}, {1, -2, 0, 0}, {-2, -1, 0, 0},
    {-1, -2, 0, 0}, {-3, 0, 0, 0},  {0, -3, 0, 0}};
enum { NEIGHBOURS = sizeof neighbour / sizeof neighbour[0], OWN = 6, SIGNED = 19, LATEST = 4 };

/* What is not about neighbours stands at the end of the inputs, in every band at the same place. */
enum { X_SUMS = NEIGHBOURS + SIGNED, X_AROUND = X_SUMS + 5, X_MEAN, X_BEFORE, X_STEP, X_LAPPED };

/* A band while it is coded. Inputs lie in parts: what is the same in a row, what is known of a row
 * before it is coded, and what the coefficients to the left have to say. Where a neighbour's band
 * is not known, its pair is left out. */
typedef struct view {
    mv_veil_levels *l;
    uint32_t band;
    bool first;                     /* the band of the blocks' means */
    const uint32_t *own;            /* map of the band itself */
    const uint32_t *latest[LATEST]; /* of the bands coded just before */
    uint64_t mean16_before;         /* 16 times the mean size of the latest band */
    uint64_t sum;                   /* of sizes in the rows coded so far */
    mv_small_pair same[2];          /* X_MEAN and X_BEFORE, X_STEP and X_LAPPED */
    mv_small_part row, early, late; /* places count from the first coefficient, in rows of pitch */
} view;

static uint32_t rank_of(uint32_t band)
{
    uint32_t p = 0;
    while (mv_veil_order[p] != band) {
        p++;
    }
    return p;
}

static uint32_t neighbour_band(uint32_t place, const int8_t n[4])
{
    const int32_t u = mv_veil_order[place] / 8 + n[0], v = mv_veil_order[place] % 8 + n[1];
    if (n[0] == 0 && n[1] == 0) {
        return mv_veil_order[place];
    }
    if (u < 0 || u > 7 || v < 0 || v > 7 || rank_of((uint32_t)(u * 8 + v)) >= place) {
        return NO_BAND;
    }
    return (uint32_t)(u * 8 + v);
}

/* n >= 1; cut where the networks' inputs end, at 2^24 */
static int16_t log_of(uint64_t n)
{
    return (int16_t)(n >= 1U << MV_SMALL_X_MAX / 256 ? MV_SMALL_X_MAX : mv_log2_q8((uint32_t)n));
}

/* 256 log2(1 + 8 mean) of a mean in 16ths */
static int16_t log_mean(uint64_t mean16)
{
    return (int16_t)(log_of(256 + 128 * mean16) - 8 * 256);
}

/* Sums of sizes: at most 64 of them, each at most MV_VEIL_LEVEL_MAX, so below 2^29. */
static uint32_t beside(const uint32_t *map, size_t at, size_t pitch)
{
    return map[at - 1] + map[at + 1] + map[at - pitch] + map[at + pitch];
}

static uint32_t corners(const uint32_t *map, size_t at, size_t pitch)
{
    return map[at - pitch - 1] + map[at - pitch + 1] + map[at + pitch - 1] + map[at + pitch + 1];
}

/* The coefficient just to the left comes last: it is the one that decoding has to wait for. */
static uint32_t around(const uint32_t *m, size_t at, size_t pitch)
{
    return m[at - pitch] + m[at - pitch - 1] + m[at - pitch + 1] + m[at - pitch + 2] +
           m[at - pitch - 2] + m[at - 2 * pitch] + m[at - 2 * pitch - 1] + m[at - 2 * pitch + 1] +
           m[at - 2] + m[at - 1];
}

/* The sums over bands that are known everywhere. */
static void view_sums(const view *v)
{
    const mv_veil_levels *l = v->l;
    const size_t pitch = l->pitch;
    for (size_t row = 0; row < l->grid.rows; row++) {
        for (size_t c = 0; c < l->grid.columns; c++) {
            const size_t at = place_of(l, row, c), here = row * pitch + c;
            uint32_t latest = 0;
            for (size_t i = 0; i < LATEST; i++) {
                latest += v->latest[i][at];
            }
            l->sums[here].x[0] = log_of(1 + l->known[at]);
            l->sums[here].x[1] = log_of(1 + beside(l->known, at, pitch));
            l->sums[l->map + here].x[0] = log_of(1 + corners(l->known, at, pitch));
            l->sums[l->map + here].x[1] = log_of(1 + latest);
            l->sums[2 * l->map + here].x[0] =
                log_of(1 + beside(v->latest[0], at, pitch) + beside(v->latest[1], at, pitch));
        }
    }
}

/* Where the neighbour's pairs begin: that of the first coefficient. */
static const mv_small_pair *neighbours_of(const mv_veil_levels *l, uint32_t band, const int8_t n[4])
{
    const int64_t move = n[2] * (int64_t)l->pitch + n[3];
    return l->logged + band * l->map + (size_t)((int64_t)place_of(l, 0, 0) + move);
}

static void view_neighbours(view *v, uint32_t place)
{
    for (uint32_t i = 0; i < NEIGHBOURS; i++) {
        const int8_t *n = neighbour[i];
        const uint32_t band = neighbour_band(place, n);
        const bool left = band == v->band && n[2] == 0;
        if (band != NO_BAND) {
            mv_small_part_add(left ? &v->late : &v->early, neighbours_of(v->l, band, n), i,
                              i < SIGNED ? NEIGHBOURS + i : MV_SMALL_NOTHING);
        }
    }
}

static void view_parts(view *v, uint32_t place, const mv_small_net *net)
{
    const mv_veil_levels *l = v->l;
    v->row.count = v->early.count = v->late.count = 0;
    mv_small_part_add(&v->row, &v->same[0], X_MEAN, X_BEFORE);
    mv_small_part_add(&v->row, &v->same[1], X_STEP, X_LAPPED);
    for (uint32_t i = 0; v->first && i < OWN; i++) {
        mv_small_part_add(&v->late, l->late + i * l->map, i, NEIGHBOURS + i);
    }
    if (!v->first) {
        view_neighbours(v, place);
        mv_small_part_add(&v->early, l->sums, X_SUMS, X_SUMS + 1);
        mv_small_part_add(&v->early, l->sums + l->map, X_SUMS + 2, X_SUMS + 3);
        mv_small_part_add(&v->early, l->sums + 2 * l->map, X_SUMS + 4, MV_SMALL_NOTHING);
    }
    mv_small_part_add(&v->late, l->late + OWN * l->map, X_AROUND, MV_SMALL_NOTHING);
    if (net != NULL) {
        mv_small_part_weights(&v->row, net);
        mv_small_part_weights(&v->early, net);
        mv_small_part_weights(&v->late, net);
    }
}

/* net: of this place; NULL where only inputs are wanted. */
static void view_init(view *v, mv_veil_levels *l, uint32_t place, const mv_small_net *net)
{
    v->l = l;
    v->band = mv_veil_order[place];
    v->first = place == 0;
    v->own = l->size + v->band * l->map;
    for (uint32_t i = 0; i < LATEST; i++) {
        const uint32_t band = place > i ? mv_veil_order[place - 1 - i] : NO_BAND;
        v->latest[i] = l->size + band * l->map;
    }
    v->sum = v->mean16_before = 0;
    for (size_t at = 0; at < l->map; at++) {
        v->mean16_before += v->latest[0][at];
    }
    v->mean16_before = 16 * v->mean16_before / l->grid.blocks;
    memset(v->same, 0, sizeof v->same);
    v->same[1].x[0] = (int16_t)l->log_step;
    v->same[1].x[1] = l->grid.lapped ? MV_SMALL_ONE : 0;
    view_parts(v, place, net);
    if (!v->first) {
        view_sums(v);
    }
}

/* The mean size so far; before much is known, a third of the band before it. */
static void view_row(view *v, size_t row)
{
    const mv_veil_levels *l = v->l;
    const uint64_t count = (uint64_t)row * l->grid.columns;
    for (size_t c = 0; row > 0 && c < l->grid.columns; c++) {
        v->sum += v->own[place_of(l, row - 1, c)];
    }
    if (!v->first) {
        v->same[0].x[0] = log_mean((16 * v->sum + 8 * v->mean16_before * 5 / 16) / (count + 8));
        v->same[0].x[1] = log_mean(v->mean16_before);
    }
}

static int32_t level_at(const mv_veil_levels *l, uint32_t band, size_t at)
{
    const int32_t size = (int32_t)l->size[band * l->map + at];
    return l->logged[band * l->map + at].x[1] < 0 ? -size : size;
}

/* The mean of a block is coded as its difference from the median of W, N, W + N - NW [JPEGLS]; the
 * neighbours, too, are told as differences from that. */
static int32_t look_at_mean(const view *v, size_t at, size_t here)
{
    const mv_veil_levels *l = v->l;
    int32_t near[OWN];
    uint32_t sum = 0;
    for (size_t i = 0; i < OWN; i++) {
        const int64_t move = neighbour[i][2] * (int64_t)l->pitch + neighbour[i][3];
        near[i] = level_at(l, v->band, (size_t)((int64_t)at + move));
    }
    const int32_t n = near[0], w = near[1], slope = n + w - near[2];
    const int32_t low = n < w ? n : w, high = n < w ? w : n;
    const int32_t guess = slope < low ? low : slope > high ? high : slope;
    for (size_t i = 0; i < OWN; i++) {
        const int32_t off = near[i] - guess;
        const uint32_t size = (uint32_t)(off < 0 ? -off : off);
        int16_t *const pair = l->late[i * l->map + here].x;
        pair[0] = log_of(1 + size);
        pair[1] = (int16_t)(off < 0 ? -pair[0] : pair[0]);
        sum += size;
    }
    l->late[OWN * l->map + here].x[0] = log_of(1 + sum);
    return guess;
}

/* What the coefficients to the left tell of this one; gives what it is coded as a difference from.
 */
static int32_t look(const view *v, size_t row, size_t column)
{
    const mv_veil_levels *l = v->l;
    const size_t at = place_of(l, row, column), here = row * l->pitch + column;
    if (v->first) {
        return look_at_mean(v, at, here);
    }
    l->late[OWN * l->map + here].x[0] = log_of(1 + around(v->own, at, l->pitch));
    return 0;
}

static void add_known(mv_veil_levels *l, uint32_t place)
{
    const uint32_t *size = l->size + mv_veil_order[place] * l->map;
    for (size_t at = 0; at < l->map; at++) {
        l->known[at] += size[at];
    }
}

mv_spread mv_veil_spread(const int32_t y[MV_SMALL_OUT])
{
    const int64_t half = MV_SMALL_Y_ONE / 2; /* to the nearest; shifts round down */
    const int64_t mu16 = ((int64_t)y[0] * 16 + half) >> 20;
    const int64_t scale = 32 + (((int64_t)y[1] * 8 + half) >> 20);
    mv_spread p;
    p.mu16 = (int32_t)mu16;
    p.scale = (uint32_t)(scale < 0 ? 0 : scale >= MV_SPREAD_SCALES ? MV_SPREAD_SCALES - 1 : scale);
    return p;
}

/* 256 (coth(1 / 2s) / 2 - s), s = 2^(scale/8 - 4): how far, in 256ths of a step, the mean of an
 * exponential tail lies from the middle of its bin. check: tests/unit/test_veil.c */
static const uint8_t tail_256[96] = {
    112, 111, 109, 107, 105, 103, 101, 99, 96, 93, 90, 87, 84, 80, 76, 73, 69, 65, 61, 57,
    54,  50,  47,  43,  40,  37,  34,  32, 29, 27, 25, 23, 21, 19, 18, 16, 15, 14, 13, 12,
    11,  10,  9,   8,   8,   7,   6,   6,  5,  5,  4,  4,  4,  3,  3,  3,  3,  2,  2,  2,
    2,   2,   2,   1,   1,   1,   1,   1,  1,  1,  1,  1,  1,  1,  1,  1,  0,  0,  0,  0,
    0,   0,   0,   0,   0,   0,   0,   0,  0,  0,  0,  0,  0,  0,  0,  0};

enum { DEAD = 5 }; /* 64ths of a step that mv_veil_quantise rounds down more than a half */

/* The value that stands for a level: the middle of its bin, moved towards the distribution's mean,
 * by less where the mean lies in the bin itself. */
static int32_t value_of(int32_t level, mv_spread p, uint32_t step64)
{
    const int64_t away16 = (int64_t)16 * level - p.mu16;
    const int64_t limit = away16 < -8 ? -8 : away16 > 8 ? 8 : away16;
    const int64_t tail = p.scale < 96 ? tail_256[p.scale] : 0;
    int64_t value256 = (int64_t)256 * level - limit * tail / 8;
    if (level != 0) { /* bins other than 0 lie further out */
        value256 += level > 0 ? 4 * DEAD : -4 * DEAD;
    }
    const int64_t value = value256 * step64 / 256;
    const int64_t most = MV_VEIL_COEF_MAX; /* beyond it only bytes that nobody encoded */
    return (int32_t)(value < -most ? -most : value > most ? most : value);
}

/* Some coefficients of a row, side by side. */
enum { SIDE_BY_SIDE = 32 };
typedef struct some {
    const view *v;
    const mv_small_net *net;
    size_t row, column, count;
    int32_t sum[SIDE_BY_SIDE][MV_SMALL_H1]; /* of what is known before the row is coded */
} some;

static void some_init(some *s, const view *v, const mv_small_net *net, const mv_small_kernels *k,
                      size_t row, size_t column)
{
    const size_t left = v->l->grid.columns - column;
    int32_t start[1][MV_SMALL_H1];
    s->v = v;
    s->net = net;
    s->row = row;
    s->column = column;
    s->count = left < SIDE_BY_SIDE ? left : SIDE_BY_SIDE;
    k->begin(start, net->b1, &v->row, 0, 1);
    k->begin(s->sum, start[0], &v->early, row * v->l->pitch + column, s->count);
}

/* Answers for coefficients first..first + count - 1, once those to the left are known. */
static void ask(int32_t (*y)[MV_SMALL_OUT], int32_t *base, const some *s, const mv_small_kernels *k,
                size_t first, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        base[i] = look(s->v, s->row, s->column + first + i);
    }
    k->end(y, s->net, (const int32_t(*)[MV_SMALL_H1])s->sum + first, &s->v->late,
           s->row * s->v->l->pitch + s->column + first, count);
}

static mv_status encode_some(mv_rans_writer *w, int32_t *coef, const some *s,
                             const mv_small_kernels *k, uint32_t step64)
{
    mv_status st = MV_OK;
    const mv_veil_levels *l = s->v->l;
    int32_t y[SIDE_BY_SIDE][MV_SMALL_OUT], base[SIDE_BY_SIDE];
    int32_t *const out = coef + s->v->band * l->grid.blocks + s->row * l->grid.columns + s->column;
    ask(y, base, s, k, 0, s->count);
    for (size_t i = 0; i < s->count; i++) {
        const int32_t level = level_at(l, s->v->band, place_of(l, s->row, s->column + i));
        mv_spread p = mv_veil_spread(y[i]);
        MV_TRY(mv_rans_put_spread(w, level - base[i], p));
        p.mu16 += 16 * base[i];
        out[i] = value_of(level, p, step64);
    }
done:
    return st;
}

mv_status mv_veil_bands_encode(mv_rans_writer *w, int32_t *coef, const mv_small_net *net,
                               mv_veil_levels *levels, uint32_t count, uint32_t step64)
{
    mv_status st = MV_OK;
    const mv_small_kernels k = mv_small_choose(mv_cpu_features());
    for (uint32_t place = 0; place < count; place++) {
        view v;
        some s;
        view_init(&v, levels, place, net + place);
        for (size_t row = 0; row < levels->grid.rows; row++) {
            view_row(&v, row);
            for (size_t c = 0; c < levels->grid.columns; c += SIDE_BY_SIDE) {
                some_init(&s, &v, net + place, &k, row, c);
                MV_TRY(encode_some(w, coef, &s, &k, step64));
            }
        }
        add_known(levels, place);
    }
done:
    return st;
}

static mv_status decode_some(int32_t *coef, mv_rans_reader *r, mv_veil_levels *l, const some *s,
                             const mv_small_kernels *k, uint32_t step64)
{
    mv_status st = MV_OK;
    const uint32_t band = s->v->band;
    int32_t *const out = coef + band * l->grid.blocks + s->row * l->grid.columns + s->column;
    for (size_t i = 0; i < s->count; i++) {
        int32_t y[1][MV_SMALL_OUT], base[1];
        ask(y, base, s, k, i, 1);
        mv_spread p = mv_veil_spread(y[0]);
        const int64_t level = base[0] + (int64_t)mv_rans_get_spread(r, p);
        MV_ENSURE(level >= -MV_VEIL_LEVEL_MAX && level <= MV_VEIL_LEVEL_MAX, MV_E_FORMAT);
        p.mu16 += 16 * base[0];
        put(l, band, place_of(l, s->row, s->column + i), (int32_t)level);
        out[i] = value_of((int32_t)level, p, step64);
    }
    st = r->status;
done:
    return st;
}

mv_status mv_veil_bands_decode(int32_t *coef, mv_rans_reader *r, const mv_small_net *net,
                               mv_veil_levels *levels, uint32_t count, uint32_t step64)
{
    mv_status st = MV_OK;
    const mv_small_kernels k = mv_small_choose(mv_cpu_features());
    memset(coef, 0, MV_VEIL_BANDS * levels->grid.blocks * sizeof *coef);
    for (uint32_t place = 0; place < count; place++) {
        view v;
        some s;
        view_init(&v, levels, place, net + place);
        for (size_t row = 0; row < levels->grid.rows; row++) {
            view_row(&v, row);
            for (size_t c = 0; c < levels->grid.columns; c += SIDE_BY_SIDE) {
                some_init(&s, &v, net + place, &k, row, c);
                MV_TRY(decode_some(coef, r, levels, &s, &k, step64));
            }
        }
        add_known(levels, place);
    }
done:
    return st;
}

/* The inputs of a part, where the network expects them. */
static void collect(int16_t x[MV_SMALL_IN], const mv_small_part *part, size_t here)
{
    for (size_t p = 0; p < part->count; p++) {
        x[part->input[p][0]] = part->x[p][here].x[0];
        if (part->input[p][1] != MV_SMALL_NOTHING) {
            x[part->input[p][1]] = part->x[p][here].x[1];
        }
    }
}

void mv_veil_bands_visit(mv_veil_levels *levels, uint32_t place, mv_veil_visitor visit, void *user)
{
    view v;
    view_init(&v, levels, place, NULL);
    for (size_t row = 0; row < levels->grid.rows; row++) {
        view_row(&v, row);
        for (size_t c = 0; c < levels->grid.columns; c++) {
            const int32_t base = look(&v, row, c);
            const size_t at = place_of(levels, row, c), here = row * levels->pitch + c;
            int16_t x[MV_SMALL_IN] = {0};
            collect(x, &v.row, 0);
            collect(x, &v.early, here);
            collect(x, &v.late, here);
            visit(user, row * levels->grid.columns + c, x, level_at(levels, v.band, at) - base);
        }
    }
    add_known(levels, place);
}

/* round(2^(20 + i/16)) */
static const uint32_t sixteenth[16] = {1048576, 1095000, 1143480, 1194106, 1246974, 1302182,
                                       1359835, 1420040, 1482910, 1548564, 1617125, 1688722,
                                       1763488, 1841564, 1923097, 2008240};

uint32_t mv_veil_step64(uint32_t index)
{
    const uint32_t down = 20 - index / 16;
    return (sixteenth[index % 16] + (1U << down >> 1)) >> down;
}

int32_t mv_veil_log_step(uint32_t index, uint32_t range)
{
    return (int32_t)(16 * index) - 256 - mv_log2_q8(range);
}

void mv_veil_quantise(int32_t *level, const int32_t *coef, size_t count, uint32_t step64)
{
    const uint32_t round = (uint32_t)((uint64_t)step64 * (32 - DEAD) / 64);
    for (size_t i = 0; i < count; i++) {
        const uint32_t size = coef[i] < 0 ? 0 - (uint32_t)coef[i] : (uint32_t)coef[i];
        uint32_t n = (size + round) / step64;
        n = n > MV_VEIL_LEVEL_MAX ? MV_VEIL_LEVEL_MAX : n;
        level[i] = coef[i] < 0 ? -(int32_t)n : (int32_t)n;
    }
}
