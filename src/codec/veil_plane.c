/* SPDX-License-Identifier: Apache-2.0
 *
 * veil_plane.c: tiles, and whether a plane is lapped.
 */
#include "codec/veil_plane.h"

#include "base/pool.h"

#include <sodium.h>
#include <string.h>

/* ---- numbers ---- */

mv_status mv_veil_put_number(mv_buffer *out, uint64_t n)
{
    mv_status st = MV_OK;
    for (; n >= 128; n >>= 7) {
        MV_TRY(mv_buffer_put_u8(out, (uint8_t)(n | 128)));
    }
    MV_TRY(mv_buffer_put_u8(out, (uint8_t)n));
done:
    return st;
}

mv_status mv_veil_read_number(mv_reader *in, uint64_t *out, uint64_t most)
{
    mv_status st = MV_OK;
    uint64_t n = 0;
    uint8_t byte = 128;
    for (unsigned shift = 0; byte & 128; shift += 7) {
        MV_ENSURE(shift <= 63, MV_E_FORMAT);
        MV_TRY(mv_read_u8(in, &byte));
        const uint64_t part = byte & 127;
        MV_ENSURE(part <= UINT64_MAX >> shift && (part != 0 || shift == 0 || byte & 128),
                  MV_E_FORMAT);
        n |= part << shift;
    }
    MV_ENSURE(n <= most, MV_E_FORMAT);
    *out = n;
done:
    return st;
}

/* ---- tiles ---- */

typedef struct tiles {
    mv_veil_grid grid; /* of the plane */
    uint32_t across, down;
} tiles;

static tiles tiles_of(const mv_veil_plane *plane, bool lapped)
{
    tiles t = {mv_veil_grid_make(plane->width, plane->height, lapped), 0, 0};
    t.across = (t.grid.columns + MV_VEIL_TILE - 1) / MV_VEIL_TILE;
    t.down = (t.grid.rows + MV_VEIL_TILE - 1) / MV_VEIL_TILE;
    return t;
}

/* The blocks of tile i. */
typedef struct tile {
    uint32_t row, column;
    mv_veil_grid grid; /* of the tile */
} tile;

static tile tile_at(const tiles *t, size_t i)
{
    tile one = {
        (uint32_t)(i / t->across) * MV_VEIL_TILE, (uint32_t)(i % t->across) * MV_VEIL_TILE, {0}};
    const uint32_t rows = t->grid.rows - one.row, columns = t->grid.columns - one.column;
    one.grid = mv_veil_grid_make(8 * (columns < MV_VEIL_TILE ? columns : MV_VEIL_TILE),
                                 8 * (rows < MV_VEIL_TILE ? rows : MV_VEIL_TILE), t->grid.lapped);
    return one;
}

/* Between the plane's bands and the tile's. */
static void copy(int32_t *plane, int32_t *in_tile, const tiles *t, const tile *one, bool out)
{
    const size_t len = one->grid.columns * sizeof *plane;
    for (size_t k = 0; k < MV_VEIL_BANDS; k++) {
        for (size_t y = 0; y < one->grid.rows; y++) {
            int32_t *a =
                plane + k * t->grid.blocks + (one->row + y) * t->grid.columns + one->column;
            int32_t *b = in_tile + k * one->grid.blocks + y * one->grid.columns;
            memcpy(out ? a : b, out ? b : a, len);
        }
    }
}

static void wipe(int32_t *p, size_t count)
{
    if (p != NULL) {
        sodium_memzero(p, count * sizeof *p);
    }
    free(p);
}

/* What all tiles of a plane share. */
typedef struct work {
    const mv_small_net *net;
    const mv_veil_plane *plane;
    tiles tiles;
    int32_t *coef;     /* of the plane; when encoding, rebuilt as tiles are done */
    mv_buffer *coded;  /* per tile, when encoding */
    mv_reader *source; /* per tile, when decoding */
} work;

/* How many bands of the order have a level other than 0 in them or behind them. */
static uint32_t bands_used(const int32_t *level, size_t blocks)
{
    uint32_t place = MV_VEIL_BANDS;
    while (place > 0) {
        const int32_t *band = level + mv_veil_order[place - 1] * blocks;
        for (size_t b = 0; b < blocks; b++) {
            if (band[b] != 0) {
                return place;
            }
        }
        place--;
    }
    return 0;
}

static mv_status code_bands(mv_buffer *out, const work *w, mv_veil_levels *levels, int32_t *coef,
                            uint32_t used)
{
    mv_status st = MV_OK;
    mv_rans_writer rans = {0};
    mv_buffer bytes = mv_buffer_make(SIZE_MAX);

    MV_TRY(mv_rans_writer_init(&rans, &bytes));
    MV_TRY(mv_veil_bands_encode(&rans, coef, w->net, levels, used,
                                mv_veil_step64(w->plane->step_index)));
    MV_TRY(mv_rans_finish(&rans));
    MV_TRY(mv_veil_put_number(out, bytes.len));
    MV_TRY(mv_buffer_append(out, bytes.bytes, bytes.len));
done:
    mv_rans_writer_clear(&rans);
    mv_buffer_clear(&bytes);
    return st;
}

static mv_status new_levels(mv_veil_levels **out, const work *w, const tile *one)
{
    return mv_veil_levels_new(out, &one->grid,
                              mv_veil_log_step(w->plane->step_index, w->plane->range));
}

static mv_status encode_tile(void *user, unsigned worker, size_t i)
{
    mv_status st = MV_OK;
    work *w = user;
    const tile one = tile_at(&w->tiles, i);
    const size_t count = MV_VEIL_BANDS * one.grid.blocks;
    int32_t *coef = malloc(count * sizeof *coef), *level = malloc(count * sizeof *level);
    mv_veil_levels *levels = NULL;

    (void)worker;
    MV_ENSURE(coef != NULL && level != NULL, MV_E_MEMORY);
    copy(w->coef, coef, &w->tiles, &one, false);
    mv_veil_quantise(level, coef, count, mv_veil_step64(w->plane->step_index));
    const uint32_t used = bands_used(level, one.grid.blocks);
    memset(coef, 0, count * sizeof *coef);
    MV_TRY(mv_buffer_put_u8(&w->coded[i], (uint8_t)used));
    if (used != 0) {
        MV_TRY(new_levels(&levels, w, &one));
        mv_veil_levels_set(levels, level);
        MV_TRY(code_bands(&w->coded[i], w, levels, coef, used));
    }
    copy(w->coef, coef, &w->tiles, &one, true);
done:
    mv_veil_levels_free(&levels);
    wipe(coef, count);
    wipe(level, count);
    return st;
}

/* About the bits that these coefficients take: those of their sizes. */
static uint64_t guess_bits(const int32_t *coef, size_t count, uint32_t step64)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < count; i++) {
        const uint32_t size = coef[i] < 0 ? 0 - (uint32_t)coef[i] : (uint32_t)coef[i];
        const uint32_t n = 1 + 2 * size / step64;
        bits += 31 - (uint32_t)__builtin_clz(n);
    }
    return bits;
}

/* Coefficients of pixel, lapped where that seems to need fewer bits. */
static mv_status transform(bool *lapped, int32_t *coef, const mv_veil_plane *plane,
                           const int32_t *pixel)
{
    mv_status st = MV_OK;
    mv_veil_grid g = mv_veil_grid_make(plane->width, plane->height, false);
    const size_t count = MV_VEIL_BANDS * g.blocks;
    const uint32_t step64 = mv_veil_step64(plane->step_index);
    int32_t *other = malloc(count * sizeof *other);

    MV_ENSURE(other != NULL, MV_E_MEMORY);
    MV_TRY(mv_veil_forward(other, pixel, &g));
    g.lapped = true;
    MV_TRY(mv_veil_forward(coef, pixel, &g));
    *lapped = guess_bits(coef, count, step64) <= guess_bits(other, count, step64);
    if (!*lapped) {
        memcpy(coef, other, count * sizeof *coef);
    }
done:
    wipe(other, count);
    return st;
}

mv_status mv_veil_plane_encode(mv_buffer *out, const mv_small_net *net, const mv_veil_plane *plane,
                               int32_t *pixel, unsigned threads)
{
    mv_status st = MV_OK;
    work w = {.net = net, .plane = plane, .tiles = tiles_of(plane, false)};
    const size_t count = MV_VEIL_BANDS * w.tiles.grid.blocks;
    const size_t tile_count = (size_t)w.tiles.across * w.tiles.down;

    w.coef = malloc(count * sizeof *w.coef);
    w.coded = malloc(tile_count * sizeof *w.coded);
    MV_ENSURE(w.coef != NULL && w.coded != NULL, MV_E_MEMORY);
    for (size_t i = 0; i < tile_count; i++) {
        w.coded[i] = mv_buffer_make(SIZE_MAX);
    }
    MV_TRY(transform(&w.tiles.grid.lapped, w.coef, plane, pixel));
    MV_TRY(mv_pool_run(threads, tile_count, encode_tile, &w));
    MV_TRY(mv_buffer_put_u8(out, w.tiles.grid.lapped));
    for (size_t i = 0; i < tile_count; i++) {
        MV_TRY(mv_buffer_append(out, w.coded[i].bytes, w.coded[i].len));
    }
    MV_TRY(mv_veil_inverse(pixel, w.coef, &w.tiles.grid));
done:
    for (size_t i = 0; w.coef != NULL && w.coded != NULL && i < tile_count; i++) {
        mv_buffer_clear(&w.coded[i]);
    }
    free(w.coded);
    wipe(w.coef, count);
    return st;
}

/* ---- decoding ---- */

/* The head of a tile, with its bytes; NULL when no band was coded. */
static mv_status read_tile(mv_reader *in, uint32_t *used, mv_reader *bytes)
{
    mv_status st = MV_OK;
    uint8_t bands = 0;
    uint64_t len = 0;
    const uint8_t *view = NULL;

    MV_TRY(mv_read_u8(in, &bands));
    MV_ENSURE(bands <= MV_VEIL_BANDS, MV_E_FORMAT);
    if (bands != 0) {
        MV_TRY(mv_veil_read_number(in, &len, SIZE_MAX));
        MV_TRY(mv_read_view(in, &view, (size_t)len));
    }
    *used = bands;
    *bytes = mv_reader_make(view, (size_t)len);
done:
    return st;
}

static mv_status read_lapped(mv_reader *in, bool *lapped)
{
    mv_status st = MV_OK;
    uint8_t flag = 0;
    MV_TRY(mv_read_u8(in, &flag));
    MV_ENSURE(flag <= 1, MV_E_FORMAT);
    *lapped = flag == 1;
done:
    return st;
}

mv_status mv_veil_plane_skip(mv_reader *in, const mv_veil_plane *plane)
{
    mv_status st = MV_OK;
    const tiles t = tiles_of(plane, false);
    bool lapped = false;
    mv_reader bytes;
    uint32_t used = 0;

    MV_TRY(read_lapped(in, &lapped));
    for (size_t i = 0; i < (size_t)t.across * t.down; i++) {
        MV_TRY(read_tile(in, &used, &bytes));
    }
done:
    return st;
}

static mv_status decode_tile(void *user, unsigned worker, size_t i)
{
    mv_status st = MV_OK;
    work *w = user;
    const tile one = tile_at(&w->tiles, i);
    const size_t count = MV_VEIL_BANDS * one.grid.blocks;
    int32_t *coef = NULL;
    mv_veil_levels *levels = NULL;
    uint32_t used = 0;
    mv_reader bytes;

    (void)worker;
    MV_TRY(read_tile(&w->source[i], &used, &bytes));
    if (used == 0) {
        goto done; /* coefficients are zero already */
    }
    coef = malloc(count * sizeof *coef);
    MV_ENSURE(coef != NULL, MV_E_MEMORY);
    MV_TRY(new_levels(&levels, w, &one));
    mv_rans_reader rans = mv_rans_reader_make(&bytes);
    MV_TRY(mv_veil_bands_decode(coef, &rans, w->net, levels, used,
                                mv_veil_step64(w->plane->step_index)));
    MV_TRY(mv_rans_close(&rans));
    MV_ENSURE(mv_reader_left(&bytes) == 0, MV_E_FORMAT);
    copy(w->coef, coef, &w->tiles, &one, true);
done:
    mv_veil_levels_free(&levels);
    wipe(coef, count);
    return st;
}

mv_status mv_veil_plane_decode(int32_t *pixel, mv_reader *in, const mv_small_net *net,
                               const mv_veil_plane *plane, unsigned threads)
{
    mv_status st = MV_OK;
    work w = {.net = net, .plane = plane, .tiles = tiles_of(plane, false)};
    const size_t count = MV_VEIL_BANDS * w.tiles.grid.blocks;
    const size_t tile_count = (size_t)w.tiles.across * w.tiles.down;
    uint32_t used = 0;
    mv_reader bytes;

    MV_TRY(read_lapped(in, &w.tiles.grid.lapped));
    w.source = malloc(tile_count * sizeof *w.source);
    w.coef = calloc(count, sizeof *w.coef);
    MV_ENSURE(w.source != NULL && w.coef != NULL, MV_E_MEMORY);
    for (size_t i = 0; i < tile_count; i++) {
        w.source[i] = *in;
        MV_TRY(read_tile(in, &used, &bytes));
    }
    MV_TRY(mv_pool_run(threads, tile_count, decode_tile, &w));
    MV_TRY(mv_veil_inverse(pixel, w.coef, &w.tiles.grid));
done:
    free(w.source);
    wipe(w.coef, count);
    return st;
}
