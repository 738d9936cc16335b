/* SPDX-License-Identifier: Apache-2.0
 *
 * train_classes.c: how src/codec/veil_sum_table.c was made.
 *
 *     build/tools/train_classes IMAGE... > src/codec/veil_sum_table.c
 *
 * Every 7th block of the images, steps of 8 grey levels, room for sums of two. Class 0 is the best
 * single one. The others start as 31 groups of like energy; sixteen times each group gets the reach
 * that costs it least, in bits and in what is clipped (veil_sum.c), and each block goes to the
 * group that costs it least; a group left with few gets half of the dearest. The images used were
 * those of train of chest_xray, of brain_mri of origin figshare-*, and of liver_ct, every 12th;
 * what a class is tells nothing of any of them.
 */
#include "base/bytes.h"
#include "codec/veil_sum.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EVERY = 7, ROUNDS = 16, FEW = 50, BLOCKS_MAX = 1 << 20, LEVEL_MAX = 255, SUMS = 2 };

typedef struct block {
    uint8_t size[MV_VEIL_BANDS]; /* of its levels */
    int16_t average;             /* level of band 0 */
    uint8_t kind;
    float energy;
} block;

static block blocks[BLOCKS_MAX];
static size_t block_count;
static uint8_t reach[MV_SUM_CLASSES][MV_VEIL_BANDS];
static int8_t centre[MV_SUM_CLASSES];
static float cost[MV_SUM_CLASSES][MV_VEIL_BANDS][LEVEL_MAX + 1];

static void add_blocks(const int32_t *level, size_t count)
{
    for (size_t i = block_count % EVERY; i < count && block_count < BLOCKS_MAX; i += EVERY) {
        block *b = &blocks[block_count++];
        b->average = (int16_t)(level[i] < -128 ? -128 : level[i] > 127 ? 127 : level[i]);
        for (size_t k = 1; k < MV_VEIL_BANDS; k++) {
            const int32_t size = abs(level[k * count + i]);
            b->size[k] = (uint8_t)(size < LEVEL_MAX ? size : LEVEL_MAX);
            b->energy += (float)(size * size);
        }
    }
}

static mv_status add_image(const char *path)
{
    mv_status st = MV_OK;
    mv_image image = {0};
    mv_sum_plan plan = {0};
    int32_t *level = NULL;
    MV_TRY(mv_image_load(&image, path, NULL));
    MV_TRY(mv_sum_plan_for(&plan, &image, false, NULL));
    level = malloc(mv_sum_levels_count(&plan) * sizeof *level);
    MV_ENSURE(level != NULL, MV_E_MEMORY);
    MV_TRY(mv_sum_levels(level, &plan, &image));
    add_blocks(level, mv_sum_grid(&plan).blocks);
done:
    free(level);
    mv_sum_plan_clear(&plan);
    mv_image_clear(&image);
    return st;
}

static double bits_of(uint32_t m)
{
    return 0.1155 * log2(2.0 * SUMS * m + 1);
}

static double clipped(uint32_t size, uint32_t m)
{
    const double off = size > m ? size - (double)m : 0;
    return off * off;
}

/* The reach of least cost for sizes that occur so often. */
static uint8_t best_reach(double *least, const size_t often[LEVEL_MAX + 1])
{
    uint32_t best = 0;
    *least = INFINITY;
    for (uint32_t m = 0; m <= 128; m++) {
        double sum = 0;
        for (uint32_t size = 0; size <= LEVEL_MAX; size++) {
            sum += (double)often[size] * (bits_of(m) + clipped(size, m));
        }
        best = sum < *least ? m : best;
        *least = sum < *least ? sum : *least;
    }
    return (uint8_t)best;
}

static bool is_in(const block *b, uint32_t kind, bool any)
{
    return any || b->kind == kind;
}

static void fill_cost(uint32_t kind, size_t band)
{
    for (uint32_t size = 0; size <= LEVEL_MAX; size++) {
        cost[kind][band][size] =
            (float)(bits_of(reach[kind][band]) + clipped(size, reach[kind][band]));
    }
}

/* Band 0: every 4th centre is tried. */
static void fit_average(uint32_t kind, bool any)
{
    double least = INFINITY, now = 0;
    for (int c = -128; c < 128; c += 4) {
        size_t often[LEVEL_MAX + 1] = {0};
        for (size_t i = 0; i < block_count; i++) {
            often[abs(blocks[i].average - c)] += is_in(&blocks[i], kind, any);
        }
        const uint8_t m = best_reach(&now, often);
        if (now < least) {
            least = now;
            centre[kind] = (int8_t)c;
            reach[kind][0] = m;
        }
    }
    fill_cost(kind, 0);
}

/* any: all blocks, whatever their group */
static void fit(uint32_t kind, bool any)
{
    double least = 0;
    for (size_t k = 1; k < MV_VEIL_BANDS; k++) {
        size_t often[LEVEL_MAX + 1] = {0};
        for (size_t i = 0; i < block_count; i++) {
            often[blocks[i].size[k]] += is_in(&blocks[i], kind, any);
        }
        reach[kind][k] = best_reach(&least, often);
        fill_cost(kind, k);
    }
    fit_average(kind, any);
}

static float cost_of(const block *b, uint32_t kind)
{
    float c = cost[kind][0][abs(b->average - centre[kind])];
    for (size_t k = 1; k < MV_VEIL_BANDS; k++) {
        c += cost[kind][k][b->size[k]];
    }
    return c;
}

static double assign(double total[MV_SUM_CLASSES], size_t members[MV_SUM_CLASSES])
{
    double sum = 0;
    memset(total, 0, MV_SUM_CLASSES * sizeof *total);
    memset(members, 0, MV_SUM_CLASSES * sizeof *members);
    for (size_t i = 0; i < block_count; i++) {
        float least = INFINITY;
        for (uint32_t kind = 0; kind < MV_SUM_CLASSES; kind++) {
            const float c = cost_of(&blocks[i], kind);
            blocks[i].kind = c < least ? (uint8_t)kind : blocks[i].kind;
            least = c < least ? c : least;
        }
        total[blocks[i].kind] += least;
        members[blocks[i].kind]++;
        sum += least;
    }
    return sum / (double)block_count;
}

/* A group of few blocks gets the dearer half of the group that costs most. */
static void refill(double total[MV_SUM_CLASSES], size_t members[MV_SUM_CLASSES])
{
    for (uint32_t kind = 1; kind < MV_SUM_CLASSES; kind++) {
        uint32_t from = 1;
        for (uint32_t k = 2; k < MV_SUM_CLASSES; k++) {
            from = total[k] > total[from] ? k : from;
        }
        if (members[kind] >= FEW || members[from] < 2 * FEW) {
            continue;
        }
        const double mean = total[from] / (double)members[from];
        for (size_t i = 0; i < block_count; i++) {
            if (blocks[i].kind == from && cost_of(&blocks[i], from) >= mean) {
                blocks[i].kind = (uint8_t)kind;
            }
        }
        total[from] /= 2;
        members[kind] = members[from] /= 2;
        total[kind] = total[from];
    }
}

static int by_energy(const void *a, const void *b)
{
    const float x = ((const block *)a)->energy, y = ((const block *)b)->energy;
    return (x > y) - (x < y);
}

static void print_table(void)
{
    (void)printf("/* SPDX-License-Identifier: Apache-2.0\n *\n * veil_sum_table.c: the classes of "
                 "veil_sum.h. Made by bench/train_classes.c, never by hand.\n */\n"
                 "#include \"codec/veil_sum.h\"\n\n"
                 "const uint8_t mv_sum_reach[MV_SUM_CLASSES][MV_VEIL_BANDS] = {\n");
    for (uint32_t kind = 0; kind < MV_SUM_CLASSES; kind++) {
        (void)printf("    {");
        for (size_t k = 0; k < MV_VEIL_BANDS; k++) {
            (void)printf("%u%s", reach[kind][k], k + 1 < MV_VEIL_BANDS ? ", " : "},\n");
        }
    }
    (void)printf("};\n\nconst int8_t mv_sum_centre[MV_SUM_CLASSES] = {");
    for (uint32_t kind = 0; kind < MV_SUM_CLASSES; kind++) {
        (void)printf("%d%s", centre[kind], kind + 1 < MV_SUM_CLASSES ? ", " : "};\n");
    }
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const mv_status st = add_image(argv[i]);
        if (st != MV_OK) {
            (void)fprintf(stderr, "train_classes: %s: %s\n", argv[i], mv_status_sentence(st));
            return 1;
        }
    }
    if (block_count < MV_SUM_CLASSES) {
        (void)fputs("usage: train_classes IMAGE...\n", stderr);
        return 2;
    }
    qsort(blocks, block_count, sizeof blocks[0], by_energy);
    for (size_t i = 0; i < block_count; i++) {
        blocks[i].kind = (uint8_t)(1 + i * (MV_SUM_CLASSES - 1) / block_count);
    }
    double total[MV_SUM_CLASSES];
    size_t members[MV_SUM_CLASSES];
    fit(0, true);
    for (int round = 0; round < ROUNDS; round++) {
        for (uint32_t kind = 1; kind < MV_SUM_CLASSES; kind++) {
            fit(kind, false);
        }
        (void)fprintf(stderr, "%zu blocks, cost %.4f\n", block_count, assign(total, members));
        if (round + 4 < ROUNDS) {
            refill(total, members);
        }
    }
    print_table();
    return 0;
}
