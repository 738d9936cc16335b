/* SPDX-License-Identifier: Apache-2.0
 *
 * veil_transform.c: the lapped transform.
 */
#include "codec/veil_transform.h"

#include <sodium.h>

/* Orthogonal matrices times 2^20. The second is B diag(I, V) B / 2 with B = (I J; J -I), V = the
 * product of the DCT-II's transpose and the DCT-IV of four points, turned end for end. */
enum { MATRIX_BITS = 20 };

static const int32_t dct[8][8] = {
    {370728, 370728, 370728, 370728, 370728, 370728, 370728, 370728},
    {514214, 435930, 291279, 102284, -102284, -291279, -435930, -514214},
    {484379, 200636, -200636, -484379, -484379, -200636, 200636, 484379},
    {435930, -102284, -514214, -291279, 291279, 514214, 102284, -435930},
    {370728, -370728, -370728, 370728, 370728, -370728, -370728, 370728},
    {291279, -514214, 102284, 435930, -435930, -102284, 514214, -291279},
    {200636, -484379, 484379, -200636, -200636, 484379, -484379, 200636},
    {102284, -291279, 435930, -514214, 514214, -435930, 291279, -102284}};

static const int32_t lap[8][8] = {{1030017, -130660, -14979, -42657, 42657, 14979, 130660, 18559},
                                  {114982, 975197, -232944, 63840, -63840, 232944, 73379, -114982},
                                  {42657, 220944, 890872, -299764, 299764, 157704, -220944, -42657},
                                  {63840, 75305, 293270, 947519, 101057, -293270, -75305, -63840},
                                  {-63840, -75305, -293270, 101057, 947519, 293270, 75305, 63840},
                                  {-42657, -220944, 157704, 299764, -299764, 890872, 220944, 42657},
                                  {-114982, 73379, 232944, -63840, 63840, -232944, 975197, 114982},
                                  {18559, 130660, 14979, 42657, -42657, -14979, -130660, 1030017}};

mv_veil_grid mv_veil_grid_make(uint32_t width, uint32_t height, bool lapped)
{
    mv_veil_grid g = {width, height, (width + 7) / 8, (height + 7) / 8, 0, lapped};
    g.blocks = (size_t)g.columns * g.rows;
    return g;
}

/* Eight samples, stride apart, times m or its transpose. */
static void turn(int32_t *p, size_t stride, const int32_t m[8][8], bool back)
{
    int64_t sum[8] = {0};
    for (size_t j = 0; j < 8; j++) {
        const int64_t x = p[j * stride];
        for (size_t i = 0; i < 8; i++) {
            sum[i] += x * (back ? m[j][i] : m[i][j]);
        }
    }
    for (size_t i = 0; i < 8; i++) {
        const int64_t y = (sum[i] + (1 << (MATRIX_BITS - 1))) >> MATRIX_BITS;
        const int64_t most = MV_VEIL_COEF_MAX;
        p[i * stride] = (int32_t)(y < -most ? -most : y > most ? most : y);
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
