/* SPDX-License-Identifier: Apache-2.0
 *
 * head.h: what a head is, for the files that read, write and run it (medveil/embedding.h has the
 * calls), and how features become its maps.
 */
#ifndef MV_CODEC_HEAD_H
#define MV_CODEC_HEAD_H

#include "base/bytes.h"
#include "medveil/embedding.h"
#include "nn/nn_head.h"

#define MV_HEAD_FILE_MAX ((size_t)4 << 20)

struct mv_head {
    mv_head_info info;
    uint32_t maps;
    float *weights; /* mv_head_weight_count(maps, classes), owned */
};

/* mv_head_maps_of: maps that a model's features give at 224x224: the mean of each channel over the
 * features under each of 28x28 cells and, where a cell holds several, their deviation.
 * 0: the features do not divide into 28x28 cells, or are too many. */
uint32_t mv_head_maps_of(const mv_model *model);

/* mv_head_fill_maps: maps (C,28,28): means of all channels, then deviations, of the features in
 * 0..1 that code stands for. code: of one 224x224 image, made by model, which has maps.
 * errors: MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_head_fill_maps(float *maps, const mv_model *model, const mv_code *code);

/* mv_head_pool: the same from features (channels, side, side); side a multiple of 28. */
void mv_head_pool(float *maps, const float *feature, size_t channels, size_t side);

/* mv_head_block_maps: of a block transform's features (64,28,28). */
void mv_head_block_maps(float *maps, const float *feature);

/* mv_head_square: what a head is shown of an image: cropped, then 224x224, gray. */
MV_MUST_CHECK mv_status mv_head_square(mv_image *out, const mv_image *image, mv_error *err);

/* mv_head_file_write: append the bytes of docs/formats/head.md. errors: MV_E_RANGE, MV_E_LIMIT,
 * MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_head_file_write(mv_buffer *out, const mv_head *head);

#endif
