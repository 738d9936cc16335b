/* SPDX-License-Identifier: Apache-2.0
 *
 * train_classes.c: how src/codec/veil_sum_table.c was made.
 *
 *     build/tools/train_classes IMAGE... > src/codec/veil_sum_table.c
 *
 * Each image at its own size and at 224x224, stretched; blocks drawn by chance under steps drawn by
 * chance, in levels, with room for sums of two. Class 0 is the best single one for steps of 8 grey
 * levels, class 1 allows nothing, the last few allow the same in every band, for what no image
 * showed. The others start as groups of like energy and direction; again and again each group gets
 * the reaches that cost it least, in bits and in what is clipped (veil_sum_class.c), and each block
 * goes to the group that costs it least; now and then the cheapest groups are given up for the
 * dearer halves of the dearest. Last they are put in order of their bits. Groups of averages
 * likewise. The images used were those of train of chest_xray, every 4th, of brain_mri of origin
 * figshare-*, and of liver_ct, every 4th; what a class is tells nothing of any of them.
 */
#include "base/bytes.h"
#include "codec/veil_sum.h"
#include "codec/veil_sum_class.h"
#include "png_folder.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCKS_MAX = 200000,
    PER_IMAGE = 200,
    GROUPS_MAX = 60000,
    GROUPS_PER_IMAGE = 100,
    ROUNDS = 24,
    SIZE_MAX_FIT = 4096,
    SINGLE_STEP = 8 * MV_SUM_GREY,
    SUMS = 2,
    WIDTH = MV_VEIL_BANDS /* levels of a sample; groups use the first 16 */
};

static const float BIT = 0.1155F;
static const uint16_t flat[] = {4, 16, 64, 512}, low_flat[] = {64, 512, 4096};
static const uint32_t steps16[] = {16,  24,  32,  48,  48,  64,  64,  80,  96,  96,  112, 128,
                                   128, 144, 160, 160, 192, 224, 256, 288, 320, 448, 640, 896};
enum { STEPS = sizeof steps16 / sizeof steps16[0] };

/* What classes are fitted to: sizes of levels, and the classes so far. kinds of them; the last
 * `flats` and the first two are not learned. */
typedef struct fitting {
    uint16_t (*size)[WIDTH]; /* owned */
    uint8_t *kind;           /* owned; of each sample */
    float *cost;             /* owned; of each sample */
    uint32_t *order;         /* owned; numbers of samples, and room for one more */
    size_t count, most;
    uint32_t bands, kinds, flats;
    float reach[WIDTH][MV_SUM_CLASSES];
    float bits[MV_SUM_CLASSES]; /* of all digits, times BIT */
    float map[MV_SUM_CLASSES];  /* of the class's number, times BIT */
} fitting;

static fitting blocks = {.most = BLOCKS_MAX, .bands = MV_VEIL_BANDS, .kinds = MV_SUM_CLASSES};
static fitting groups = {
    .most = GROUPS_MAX, .bands = MV_SUM_LOW_BANDS, .kinds = MV_SUM_LOW_CLASSES};

static uint32_t chance(void)
{
    static uint64_t state = 1;
    state = state * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(state >> 33);
}

static uint16_t size_of(int32_t level)
{
    const int32_t size = abs(level);
    return (uint16_t)(size < SIZE_MAX_FIT ? size : SIZE_MAX_FIT - 1);
}

static void add_block(const int32_t *level, size_t count, size_t i)
{
    uint16_t *size = blocks.size[blocks.count++];
    for (size_t k = 1; k < MV_VEIL_BANDS; k++) {
        size[k] = size_of(level[k * count + i]);
    }
}

/* A whole group: edges are left to the classes of whole ones. */
static void add_group(const int32_t *level, const mv_veil_grid *g)
{
    const uint32_t down = g->rows / MV_SUM_SIDE, across = g->columns / MV_SUM_SIDE;
    if (down == 0 || across == 0) {
        return;
    }
    const int32_t *at = level + (size_t)(chance() % down) * MV_SUM_SIDE * g->columns +
                        (size_t)(chance() % across) * MV_SUM_SIDE;
    uint16_t *size = groups.size[groups.count++];
    for (size_t k = 1; k < MV_SUM_LOW_BANDS; k++) {
        size[k] = size_of(at[k / MV_SUM_SIDE * g->columns + k % MV_SUM_SIDE]);
    }
}

typedef mv_status visit(const mv_sum_plan *plan, int32_t *level);

/* Levels of the picture under some of the steps. */
static mv_status with_steps(const mv_image *image, uint32_t times, visit *use)
{
    mv_status st = MV_OK;
    mv_sum_plan plan = {0};
    int32_t *level = NULL;
    MV_TRY(mv_sum_plan_for(&plan, image, false, NULL));
    level = malloc(mv_sum_levels_count(&plan) * sizeof *level);
    MV_ENSURE(level != NULL, MV_E_MEMORY);
    for (uint32_t i = 0; i < times; i++) {
        plan.step16 = steps16[chance() % STEPS];
        MV_TRY(mv_sum_levels(level, &plan, image));
        MV_TRY(use(&plan, level));
    }
done:
    free(level);
    mv_sum_plan_clear(&plan);
    return st;
}

static mv_status draw(const mv_sum_plan *plan, int32_t *level)
{
    const mv_veil_grid grid = mv_sum_grid(plan);
    for (size_t i = 0; i < PER_IMAGE / 4 && blocks.count < blocks.most; i++) {
        add_block(level, grid.blocks, chance() % grid.blocks);
    }
    for (size_t i = 0; i < GROUPS_PER_IMAGE / 4 && groups.count < groups.most; i++) {
        add_group(level, &grid);
    }
    return MV_OK;
}

static mv_status each(char **path, int count, uint32_t times, visit *use)
{
    static const uint32_t side[2] = {224, 0};
    for (int i = 0; i < 2 * count; i++) {
        mv_image image = {0};
        mv_status st = png_gray8(&image, path[i / 2], side[i % 2], NULL);
        if (st == MV_OK) {
            st = with_steps(&image, times, use);
        }
        mv_image_clear(&image);
        if (st != MV_OK) {
            (void)fprintf(stderr, "train_classes: %s: %s\n", path[i / 2], mv_status_sentence(st));
            return st;
        }
    }
    return MV_OK;
}

/* ---- fitting ---- */

static float bits_of(uint32_t m)
{
    return BIT * log2f(2.0F * SUMS * (float)m + 1);
}

static float clipped(uint32_t size, float m)
{
    const float off = (float)size - m, kept = off > 0 ? off : 0;
    return kept * kept;
}

/* The reach of least cost for sizes that occur so often; beyond 32 every 8th is tried. */
static uint32_t best_reach(const size_t *often, uint32_t greatest)
{
    uint32_t best = 0;
    double least = INFINITY;
    for (uint32_t m = 0; m <= greatest; m += m < 32 ? 1 : m < 256 ? 8 : 32) {
        double sum = 0;
        for (uint32_t size = 0; size <= greatest; size++) {
            if (often[size] != 0) {
                sum += (double)often[size] * (double)(bits_of(m) + clipped(size, (float)m));
            }
        }
        best = sum < least ? m : best;
        least = sum < least ? sum : least;
    }
    return best;
}

static void set_class(fitting *f, uint32_t kind, uint32_t band, uint32_t reach)
{
    f->reach[band][kind] = (float)reach;
    f->bits[kind] += bits_of(reach);
}

/* To the samples with these numbers. */
static void fit(fitting *f, uint32_t kind, const uint32_t *sample, size_t count)
{
    static size_t often[SIZE_MAX_FIT];
    f->bits[kind] = 0;
    for (uint32_t band = 1; band < f->bands; band++) {
        uint32_t greatest = 0;
        memset(often, 0, sizeof often);
        for (size_t i = 0; i < count; i++) {
            const uint32_t size = f->size[sample[i]][band];
            often[size]++;
            greatest = size > greatest ? size : greatest;
        }
        set_class(f, kind, band, best_reach(often, greatest));
    }
}

/* Class 0 to all samples, or each learned class to its own. */
static void fit_all(fitting *f, bool single)
{
    size_t from = 0;
    for (uint32_t k = 2; !single && k < f->kinds - f->flats; k++, from = 0) {
        for (uint32_t i = 0; i < f->count; i++) {
            f->order[from] = i;
            from += f->kind[i] == k;
        }
        if (from != 0) {
            fit(f, k, f->order, from);
        }
    }
    for (uint32_t i = 0; single && i < f->count; i++) {
        f->order[i] = i;
    }
    if (single) {
        fit(f, 0, f->order, f->count);
    }
}

/* Of all but class 0, whose reaches are those of one step. */
static uint8_t cheapest(const fitting *f, const uint16_t *size, float *least)
{
    float cost[MV_SUM_CLASSES];
    uint32_t best = 1;
    for (uint32_t k = 0; k < MV_SUM_CLASSES; k++) {
        cost[k] = f->bits[k] + f->map[k];
    }
    for (uint32_t band = 1; band < f->bands; band++) {
        for (uint32_t k = 0; k < MV_SUM_CLASSES && size[band] != 0; k++) {
            cost[k] += clipped(size[band], f->reach[band][k]);
        }
    }
    for (uint32_t k = 2; k < f->kinds; k++) {
        best = cost[k] < cost[best] ? k : best;
    }
    *least = cost[best];
    return (uint8_t)best;
}

/* What each class has and costs. */
typedef struct standing {
    double cost[MV_SUM_CLASSES];
    size_t members[MV_SUM_CLASSES];
} standing;

static double assign(fitting *f, standing *s)
{
    double sum = 0;
    memset(s, 0, sizeof *s);
    for (size_t i = 0; i < f->count; i++) {
        f->kind[i] = cheapest(f, f->size[i], &f->cost[i]);
        s->cost[f->kind[i]] += (double)f->cost[i];
        s->members[f->kind[i]]++;
        sum += (double)f->cost[i];
    }
    for (uint32_t k = 0; k < f->kinds; k++) {
        f->map[k] =
            -BIT * log2f(((float)s->members[k] + 5) / ((float)f->count + 5 * (float)f->kinds));
    }
    return sum / (double)f->count;
}

/* The cheapest learned classes not yet used for this become the dearer halves of the dearest. */
static void move_classes(fitting *f, const standing *s)
{
    bool used[MV_SUM_CLASSES] = {false};
    for (uint32_t n = 0; n < f->kinds / 8; n++) {
        uint32_t dear = 0, cheap = 0;
        for (uint32_t k = 2; k < f->kinds - f->flats; k++) {
            if (!used[k]) {
                dear = dear == 0 || s->cost[k] > s->cost[dear] ? k : dear;
                cheap = cheap == 0 || s->cost[k] < s->cost[cheap] ? k : cheap;
            }
        }
        if (dear == cheap || s->cost[dear] < 1.6 * s->cost[cheap] || s->members[dear] < 150) {
            return;
        }
        used[dear] = used[cheap] = true;
        const double mean = s->cost[dear] / (double)s->members[dear];
        for (size_t i = 0; i < f->count; i++) {
            if (f->kind[i] == dear && (double)f->cost[i] > mean) {
                f->kind[i] = (uint8_t)cheap;
            }
        }
    }
}

typedef struct keyed {
    float key;
    uint32_t at;
} keyed;

static int by_key(const void *a, const void *b)
{
    const float x = ((const keyed *)a)->key, y = ((const keyed *)b)->key;
    return (x > y) - (x < y);
}

/* Energy, and how much of it lies in the half where v > u. */
static keyed energy_of(const fitting *f, uint32_t i, bool direction)
{
    const uint32_t side = f->bands == MV_VEIL_BANDS ? 8 : MV_SUM_SIDE;
    float all = 1e-3F, across = 0;
    for (uint32_t k = 1; k < f->bands; k++) {
        const float e = (float)f->size[i][k] * (float)f->size[i][k];
        all += e;
        across += k % side > k / side ? e : 0;
    }
    return (keyed){direction ? across / all : all, i};
}

/* Quarters of the learned classes by energy, fours of them by direction. */
static mv_status begin(fitting *f)
{
    const uint32_t learned = f->kinds - 2 - f->flats;
    keyed *order = malloc(f->count * sizeof *order);
    if (order == NULL) {
        return MV_E_MEMORY;
    }
    for (uint32_t i = 0; i < f->count; i++) {
        order[i] = energy_of(f, i, false);
    }
    qsort(order, f->count, sizeof *order, by_key);
    for (size_t k = 0; k < learned; k += 4) {
        const size_t from = f->count * k / learned;
        const size_t to = k + 4 < learned ? f->count * (k + 4) / learned : f->count;
        const size_t parts = k + 4 < learned ? 4 : learned - k;
        for (size_t i = from; i < to; i++) {
            order[i] = energy_of(f, order[i].at, true);
        }
        qsort(order + from, to - from, sizeof *order, by_key);
        for (size_t i = from; i < to; i++) {
            f->kind[order[i].at] = (uint8_t)(2 + k + (i - from) * parts / (to - from));
        }
    }
    free(order);
    return MV_OK;
}

static void order_classes(fitting *f)
{
    keyed order[MV_SUM_CLASSES];
    static float reach[WIDTH][MV_SUM_CLASSES];
    const uint32_t learned = f->kinds - 2 - f->flats;
    for (uint32_t k = 0; k < learned; k++) {
        order[k] = (keyed){f->bits[2 + k], 2 + k};
    }
    qsort(order, learned, sizeof *order, by_key);
    memcpy(reach, f->reach, sizeof reach);
    for (uint32_t band = 0; band < f->bands; band++) {
        for (uint32_t k = 0; k < learned; k++) {
            f->reach[band][2 + k] = reach[band][order[k].at];
        }
    }
}

static mv_status learn(fitting *f, const uint16_t *even)
{
    static standing s;
    mv_status st = begin(f);
    for (uint32_t k = 0; st == MV_OK && k < f->flats; k++) {
        for (uint32_t band = 1; band < f->bands; band++) {
            set_class(f, f->kinds - f->flats + k, band, even[k]);
        }
    }
    for (uint32_t round = 0; st == MV_OK && round < ROUNDS; round++) {
        fit_all(f, false);
        (void)fprintf(stderr, "%zu samples, cost %.4f\n", f->count, assign(f, &s));
        if (round % 2 == 0 && round + 6 < ROUNDS) {
            move_classes(f, &s);
        }
    }
    order_classes(f);
    return st;
}

/* Class 0: of all samples, whose levels must be those of one step. */
static mv_status only_one_step(const mv_sum_plan *plan, int32_t *level)
{
    mv_sum_plan usual = *plan;
    usual.step16 = SINGLE_STEP;
    for (size_t i = 0; i < mv_sum_levels_count(plan); i++) {
        level[i] = (int32_t)lround((double)level[i] * plan->step16 / SINGLE_STEP);
    }
    return draw(&usual, level);
}

/* ---- how often a class is chosen ---- */

static size_t seen[MV_SUM_CONTEXTS][MV_SUM_CLASSES];

static mv_status count_classes(const mv_sum_plan *plan, int32_t *level)
{
    const mv_veil_grid grid = mv_sum_grid(plan);
    uint8_t *kind = malloc(grid.blocks);
    if (kind == NULL) {
        return MV_E_MEMORY;
    }
    for (size_t i = 0; i < grid.blocks; i++) {
        uint16_t size[WIDTH];
        float cost;
        for (size_t k = 0; k < WIDTH; k++) {
            size[k] = size_of(level[k * grid.blocks + i]);
        }
        kind[i] = cheapest(&blocks, size, &cost);
        seen[mv_sum_context(kind, &grid, i)][kind[i]]++;
    }
    free(kind);
    return MV_OK;
}

/* ---- the table ---- */

static void print_reach(const char *name, const char *size, const fitting *f)
{
    (void)printf("const uint16_t %s[%s] = {\n", name, size);
    for (uint32_t band = 0; band < f->bands; band++) {
        for (uint32_t k = 0; k < f->kinds; k++) {
            (void)printf("%s%.0f%s", k == 0 ? "    {" : "", (double)f->reach[band][k],
                         k + 1 < f->kinds ? ", " : "},\n");
        }
    }
    (void)printf("};\n\n");
}

/* Of 65,536 each class gets 1 and its share of the rest. */
static void print_starts(void)
{
    (void)printf("const uint16_t mv_sum_start[MV_SUM_CONTEXTS][MV_SUM_CLASSES] = {\n");
    for (uint32_t c = 0; c < MV_SUM_CONTEXTS; c++) {
        double all = 0, before = 0;
        for (uint32_t k = 0; k < MV_SUM_CLASSES; k++) {
            all += (double)seen[c][k] + 0.05;
        }
        for (uint32_t k = 0; k < MV_SUM_CLASSES; k++) {
            const double start = floor(k + (65536 - MV_SUM_CLASSES) * (before / all));
            (void)printf("%s%.0f%s", k == 0 ? "    {" : "", start,
                         k + 1 < MV_SUM_CLASSES ? ", " : "},\n");
            before += (double)seen[c][k] + 0.05;
        }
    }
    (void)printf("};\n");
}

static mv_status room(fitting *f)
{
    f->size = calloc(f->most, sizeof *f->size);
    f->kind = calloc(f->most, 1);
    f->cost = calloc(f->most, sizeof *f->cost);
    f->order = calloc(f->most + 1, sizeof *f->order);
    return f->size == NULL || f->kind == NULL || f->cost == NULL || f->order == NULL ? MV_E_MEMORY
                                                                                     : MV_OK;
}

static mv_status make(char **path, int count)
{
    mv_status st = MV_OK;
    MV_TRY(room(&blocks));
    MV_TRY(room(&groups));
    MV_TRY(each(path, count, 1, only_one_step));
    fit_all(&blocks, true);
    fit_all(&groups, true);
    blocks.count = groups.count = 0;
    blocks.flats = sizeof flat / sizeof flat[0];
    groups.flats = sizeof low_flat / sizeof low_flat[0];
    MV_TRY(each(path, count, 4, draw));
    MV_TRY(learn(&blocks, flat));
    MV_TRY(learn(&groups, low_flat));
    for (uint32_t k = 0; k < MV_SUM_CLASSES; k++) {
        blocks.bits[k] = 0;
        for (uint32_t band = 1; band < MV_VEIL_BANDS; band++) {
            blocks.bits[k] += bits_of((uint32_t)blocks.reach[band][k]);
        }
    }
    memset(blocks.map, 0, sizeof blocks.map);
    MV_TRY(each(path, count, 3, count_classes));
    (void)printf("/* SPDX-License-Identifier: Apache-2.0\n *\n * veil_sum_table.c: the classes of "
                 "veil_sum.h. Made by bench/train_classes.c, never by hand.\n */\n"
                 "#include \"codec/veil_sum.h\"\n\n");
    print_reach("mv_sum_reach", "MV_VEIL_BANDS][MV_SUM_CLASSES", &blocks);
    print_reach("mv_sum_low_reach", "MV_SUM_LOW_BANDS][MV_SUM_LOW_CLASSES", &groups);
    print_starts();
done:
    return st;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        (void)fputs("usage: train_classes IMAGE...\n", stderr);
        return 2;
    }
    return make(argv + 1, argc - 1) == MV_OK ? 0 : 1;
}
