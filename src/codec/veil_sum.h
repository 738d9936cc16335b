/* SPDX-License-Identifier: Apache-2.0
 *
 * veil_sum.h: pictures as integers of a fixed length whose sums mean something: add the integers of
 * n pictures, and what comes out stands for the sum of the pictures. For encrypted addition.
 *
 * Blocks of 8x8 frequencies (veil_transform.h), the averages of 4x4 blocks turned into frequencies
 * once more, all rounded to multiples of one step, so that levels add up as pictures do. A block's
 * class says how far from 0 each of its levels may be, a group's class the same of its 16 averages;
 * what is further off is moved to that end (clipped). A level q of reach M is the digit q + M, and
 * digits share words in mixed radix: a digit's radix is 2 n M + 1, so n of them add up without a
 * carry. What goes where follows from the plan alone; pictures under one plan can be added.
 */
#ifndef MV_CODEC_VEIL_SUM_H
#define MV_CODEC_VEIL_SUM_H

#include "base/bytes.h"
#include "codec/veil_transform.h"
#include "medveil/image.h"

#define MV_SUM_CLASSES     256 /* of blocks; class 0 is the best single one */
#define MV_SUM_CONTEXTS    16
#define MV_SUM_SIDE        4  /* blocks on a side of a group */
#define MV_SUM_LOW_CLASSES 16 /* of groups; class 0 is the best single one */
#define MV_SUM_LOW_BANDS   (MV_SUM_SIDE * MV_SUM_SIDE)
#define MV_SUM_GREY        16 /* 1.0 of a grey level, of which a picture has 255 */
#define MV_SUM_STEP_MIN    16 /* one grey level */
#define MV_SUM_STEP_MAX    1024
#define MV_SUM_SAMPLES_MAX (1 << 22)
#define MV_SUM_MAX         64 /* n */
#define MV_SUM_WORD_MIN    11 /* bits */
#define MV_SUM_WORD_MAX    24

/* How far from 0 a level may be, whatever the step; in class 0 with a step of 8 grey levels, and in
 * proportion with others. Band 0 of a block is its group's business, and band 0 of a group may be
 * whatever a picture can have. mv_sum_start: where class k begins among 65,536 in a context; class
 * k + 1 begins where it ends. Made by bench/train_classes.c. */
extern const uint16_t mv_sum_reach[MV_VEIL_BANDS][MV_SUM_CLASSES];
extern const uint16_t mv_sum_low_reach[MV_SUM_LOW_BANDS][MV_SUM_LOW_CLASSES];
extern const uint16_t mv_sum_start[MV_SUM_CONTEXTS][MV_SUM_CLASSES];

typedef struct mv_sum_plan {
    uint32_t width, height, depth, channels; /* of the pictures; a plane for each slice, channel */
    mv_sample_type type;                     /* 8 or 16 bits */
    uint32_t bits;                           /* significant */
    double low, unit;                        /* stored value of 0, and of one grey level */
    uint32_t step16;   /* of the quantiser, MV_SUM_STEP_MIN..MAX: 16ths of a grey level */
    uint32_t sums;     /* n, 1..MV_SUM_MAX */
    uint32_t word;     /* bits of a word of one picture, MV_SUM_WORD_MIN..MAX */
    uint8_t *class_of; /* owned; (planes,rows,columns), then of groups (planes,rows/4,columns/4) */
} mv_sum_plan;

/* mv_sum_plan_for: geometry, type and range of an image, all blocks of class 0. low and unit are
 * those of the type's whole range, or if own_range is set of the image's own.
 * errors: MV_E_UNSUPPORTED (no integers of 8 or 16 bits), MV_E_LIMIT (size), MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_sum_plan_for(mv_sum_plan *out, const mv_image *image, bool own_range,
                                        mv_error *err);
void mv_sum_plan_clear(mv_sum_plan *plan); /* wipes */

mv_veil_grid mv_sum_grid(const mv_sum_plan *plan);
size_t mv_sum_levels_count(const mv_sum_plan *plan);              /* planes * blocks * 64 */
size_t mv_sum_costs_count(const mv_sum_plan *plan);               /* one for each class */
bool mv_sum_fits(const mv_sum_plan *plan, const mv_image *image); /* geometry, type and bits */

/* Bytes of a plan, for whoever may know what the pictures show: docs/formats/mv.md, "Sums by
 * classes". mv_sum_plan_read: errors: MV_E_FORMAT, MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_sum_plan_write(mv_buffer *out, const mv_sum_plan *plan);
MV_MUST_CHECK mv_status mv_sum_plan_read(mv_sum_plan *out, const uint8_t *bytes, size_t len);

/* mv_sum_levels: levels (planes,64,blocks) of an image that fits, not clipped. Level (u,v) of a
 * group, u half waves down, is that of band 0 of its block in row u, column v.
 * errors: MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_sum_levels(int32_t *level, const mv_sum_plan *plan,
                                      const mv_image *image);

/* Classes from pictures: cost (mv_sum_costs_count), zeros at first, one call for each picture's
 * levels; then the cheapest class for each block and group, in bits and in what clipping spoils. */
void mv_sum_weigh(float *cost, const mv_sum_plan *plan, const int32_t *level);
void mv_sum_choose(mv_sum_plan *plan, const float *cost);

/* Which digits are where. */
typedef struct mv_sum_digit {
    uint32_t level; /* index of the level */
    uint32_t word;  /* index of the word */
    uint32_t place; /* what one of it counts there */
    uint32_t reach; /* M; without reach a level is 0 and has no digit */
} mv_sum_digit;

typedef struct mv_sum_layout {
    mv_sum_digit *digit; /* owned */
    size_t digits, words;
    uint32_t sums;
} mv_sum_layout;

/* mv_sum_layout_make: errors: MV_E_MEMORY, MV_E_RANGE (a digit does not fit into a word) */
MV_MUST_CHECK mv_status mv_sum_layout_make(mv_sum_layout *out, const mv_sum_plan *plan);
void mv_sum_layout_clear(mv_sum_layout *layout);

/* mv_sum_put: the words of a picture, each below 2^plan->word; how many levels were clipped. */
size_t mv_sum_put(uint32_t *word, const mv_sum_layout *layout, const int32_t *level);

/* mv_sum_get: sums of levels from sums of summed pictures' words; any words are taken. level has
 * the plan's count. */
void mv_sum_get(int32_t *level, size_t levels, const mv_sum_layout *layout, const uint32_t *word,
                uint32_t summed);

/* mv_sum_picture: the mean of the summed pictures. errors: MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_sum_picture(mv_image *out, const mv_sum_plan *plan, const int32_t *level,
                                       uint32_t summed);

#endif
