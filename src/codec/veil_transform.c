/* SPDX-License-Identifier: Apache-2.0
 *
 * veil_transform.c: the lapped transform.
 */
#include "codec/veil_transform.h"

#include "base/cpu.h"
#include "codec/veil_turn.h"

#include <sodium.h>

/* Orthogonal matrices times 2^20. The second is B diag(I, V) B / 2 with B = (I J; J -I), V = the
 * product of the DCT-II's transpose and the DCT-IV of four points, turned end for end. */
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

/* The two matrices for a way there, or their transposes for the way back, and who multiplies. */
typedef struct turning {
    mv_turns by;
    int32_t dct[8][8], dct_t[8][8], lap[8][8], lap_t[8][8];
} turning;

static turning turning_make(bool back)
{
    turning t = {.by = mv_turn_choose(mv_cpu_features())};
    for (size_t i = 0; i < 8; i++) {
        for (size_t j = 0; j < 8; j++) {
            t.dct[i][j] = t.dct_t[j][i] = back ? dct[j][i] : dct[i][j];
            t.lap[i][j] = t.lap_t[j][i] = back ? lap[j][i] : lap[i][j];
        }
    }
    return t;
}

/* Across every inner boundary of blocks, columns and rows of the plane (8 rows, 8 columns). */
static void lap_columns(int32_t *plane, const mv_veil_grid *g, const turning *t)
{
    const size_t width = 8 * (size_t)g->columns;
    for (size_t b = 0; b + 1 < g->rows; b++) {
        for (size_t x = 0; x < width; x += 8) {
            t->by.left(plane + (8 * b + 4) * width + x, width, t->lap);
        }
    }
}

static void lap_rows(int32_t *plane, const mv_veil_grid *g, const turning *t)
{
    const size_t width = 8 * (size_t)g->columns;
    for (size_t y = 0; y < 8 * (size_t)g->rows; y += 8) {
        for (size_t b = 0; b + 1 < g->columns; b++) {
            t->by.right(plane + y * width + 8 * b + 4, width, t->lap_t);
        }
    }
}

static void dct_blocks(int32_t *plane, const mv_veil_grid *g, const turning *t)
{
    const size_t width = 8 * (size_t)g->columns;
    for (size_t block = 0; block < g->blocks; block++) {
        int32_t *p = plane + block / g->columns * 8 * width + block % g->columns * 8;
        t->by.right(p, width, t->dct_t);
        t->by.left(p, width, t->dct);
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
    const turning t = turning_make(false);
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
        lap_columns(plane, grid, &t);
        lap_rows(plane, grid, &t);
    }
    dct_blocks(plane, grid, &t);
    gather(coef, plane, grid);
    wipe(plane, grid);
    return MV_OK;
}

mv_status mv_veil_inverse(int32_t *pixel, const int32_t *coef, const mv_veil_grid *grid)
{
    const size_t width = 8 * (size_t)grid->columns;
    const turning t = turning_make(true);
    int32_t *const plane = malloc(64 * grid->blocks * sizeof *plane);
    if (plane == NULL) {
        return MV_E_MEMORY;
    }
    scatter(plane, coef, grid);
    dct_blocks(plane, grid, &t);
    if (grid->lapped) {
        lap_rows(plane, grid, &t);
        lap_columns(plane, grid, &t);
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
