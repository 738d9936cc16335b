/* SPDX-License-Identifier: Apache-2.0
 *
 * veil_transform.c: the lapped transform.
 */
#include "codec/veil_transform.h"

#include <sodium.h>

/* Orthogonal matrices times 2^14; tests/unit/test_veil.c computes both again. */
static const int16_t dct[8][8] = {{5793, 5793, 5793, 5793, 5793, 5793, 5793, 5793},
                                  {8035, 6811, 4551, 1598, -1598, -4551, -6811, -8035},
                                  {7568, 3135, -3135, -7568, -7568, -3135, 3135, 7568},
                                  {6811, -1598, -8035, -4551, 4551, 8035, 1598, -6811},
                                  {5793, -5793, -5793, 5793, 5793, -5793, -5793, 5793},
                                  {4551, -8035, 1598, 6811, -6811, -1598, 8035, -4551},
                                  {3135, -7568, 7568, -3135, -3135, 7568, -7568, 3135},
                                  {1598, -4551, 6811, -8035, 8035, -6811, 4551, -1598}};

static const int16_t lap[8][8] = {{16094, -2042, -234, -667, 667, 234, 2042, 290},
                                  {1797, 15237, -3640, 998, -998, 3640, 1147, -1797},
                                  {667, 3452, 13920, -4684, 4684, 2464, -3452, -667},
                                  {998, 1177, 4582, 14805, 1579, -4582, -1177, -998},
                                  {-998, -1177, -4582, 1579, 14805, 4582, 1177, 998},
                                  {-667, -3452, 2464, 4684, -4684, 13920, 3452, 667},
                                  {-1797, 1147, 3640, -998, 998, -3640, 15237, 1797},
                                  {290, 2042, 234, 667, -667, -234, -2042, 16094}};

mv_veil_grid mv_veil_grid_make(uint32_t width, uint32_t height, bool lapped)
{
    mv_veil_grid g = {width, height, (width + 7) / 8, (height + 7) / 8, 0, lapped};
    g.blocks = (size_t)g.columns * g.rows;
    return g;
}

/* Eight samples, stride apart, times m or its transpose. */
static void turn(int32_t *p, size_t stride, const int16_t m[8][8], bool back)
{
    int64_t sum[8] = {0};
    for (size_t j = 0; j < 8; j++) {
        const int64_t x = p[j * stride];
        for (size_t i = 0; i < 8; i++) {
            sum[i] += x * (back ? m[j][i] : m[i][j]);
        }
    }
    for (size_t i = 0; i < 8; i++) {
        p[i * stride] = (int32_t)((sum[i] + (1 << 13)) >> 14);
    }
}

/* Across every inner boundary of blocks, columns and rows of the plane (8 rows, 8 columns). */
static void lap_columns(int32_t *plane, const mv_veil_grid *g, bool back)
{
    const size_t width = 8 * (size_t)g->columns;
    for (size_t b = 0; b + 1 < g->rows; b++) {
        for (size_t x = 0; x < width; x++) {
            turn(plane + (8 * b + 4) * width + x, width, lap, back);
        }
    }
}

static void lap_rows(int32_t *plane, const mv_veil_grid *g, bool back)
{
    const size_t width = 8 * (size_t)g->columns;
    for (size_t y = 0; y < 8 * (size_t)g->rows; y++) {
        for (size_t b = 0; b + 1 < g->columns; b++) {
            turn(plane + y * width + 8 * b + 4, 1, lap, back);
        }
    }
}

static void dct_blocks(int32_t *plane, const mv_veil_grid *g, bool back)
{
    const size_t width = 8 * (size_t)g->columns;
    for (size_t block = 0; block < g->blocks; block++) {
        int32_t *p = plane + block / g->columns * 8 * width + block % g->columns * 8;
        for (size_t i = 0; i < 8; i++) {
            turn(p + i * width, 1, dct, back);
        }
        for (size_t i = 0; i < 8; i++) {
            turn(p + i, width, dct, back);
        }
    }
}

/* Between the plane and the bands. */
static void gather(int32_t *coef, const int32_t *plane, const mv_veil_grid *g)
{
    const size_t width = 8 * (size_t)g->columns;
    for (size_t k = 0; k < MV_VEIL_BANDS; k++) {
        for (size_t b = 0; b < g->blocks; b++) {
            coef[k * g->blocks + b] =
                plane[(b / g->columns * 8 + k / 8) * width + b % g->columns * 8 + k % 8];
        }
    }
}

static void scatter(int32_t *plane, const int32_t *coef, const mv_veil_grid *g)
{
    const size_t width = 8 * (size_t)g->columns;
    for (size_t k = 0; k < MV_VEIL_BANDS; k++) {
        for (size_t b = 0; b < g->blocks; b++) {
            plane[(b / g->columns * 8 + k / 8) * width + b % g->columns * 8 + k % 8] =
                coef[k * g->blocks + b];
        }
    }
}

static void wipe(int32_t *plane, const mv_veil_grid *g)
{
    if (plane != NULL) {
        sodium_memzero(plane, 64 * g->blocks * sizeof *plane);
    }
    free(plane);
}

mv_status mv_veil_forward(int32_t *coef, const int32_t *pixel, const mv_veil_grid *grid)
{
    const size_t width = 8 * (size_t)grid->columns;
    int32_t *const plane = malloc(64 * grid->blocks * sizeof *plane);
    if (plane == NULL) {
        return MV_E_MEMORY;
    }
    for (size_t y = 0; y < 8 * (size_t)grid->rows; y++) {
        const size_t from = y < grid->height ? y : grid->height - 1;
        for (size_t x = 0; x < width; x++) {
            plane[y * width + x] =
                pixel[from * grid->width + (x < grid->width ? x : grid->width - 1)] *
                MV_VEIL_COEF_ONE;
        }
    }
    if (grid->lapped) {
        lap_columns(plane, grid, false);
        lap_rows(plane, grid, false);
    }
    dct_blocks(plane, grid, false);
    gather(coef, plane, grid);
    wipe(plane, grid);
    return MV_OK;
}

mv_status mv_veil_inverse(int32_t *pixel, const int32_t *coef, const mv_veil_grid *grid)
{
    const size_t width = 8 * (size_t)grid->columns;
    int32_t *const plane = malloc(64 * grid->blocks * sizeof *plane);
    if (plane == NULL) {
        return MV_E_MEMORY;
    }
    scatter(plane, coef, grid);
    dct_blocks(plane, grid, true);
    if (grid->lapped) {
        lap_rows(plane, grid, true);
        lap_columns(plane, grid, true);
    }
    for (size_t y = 0; y < grid->height; y++) {
        for (size_t x = 0; x < grid->width; x++) {
            pixel[y * grid->width + x] =
                (plane[y * width + x] + MV_VEIL_COEF_ONE / 2) >> 6; /* 64 to one grey level */
        }
    }
    wipe(plane, grid);
    return MV_OK;
}
