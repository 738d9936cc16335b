/* SPDX-License-Identifier: Apache-2.0
 *
 * head.c: from an image or its features to an embedding and class scores; finding a model's head.
 */
#include "codec/head.h"

#include "base/secret.h"
#include "codec/model_internal.h"
#include "codec/quantise.h"
#include "image/preprocess.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void mv_head_free(mv_head **head)
{
    if (head != NULL && *head != NULL) {
        free((*head)->weights);
        free(*head);
        *head = NULL;
    }
}

void mv_head_describe(mv_head_info *out, const mv_head *head)
{
    *out = head->info;
}

const float *mv_head_class_weights(const mv_head *head, uint32_t k)
{
    return k < head->info.class_count
               ? head->weights + mv_head_class_offset(head->maps) + (size_t)k * MV_HEAD_DIM
               : NULL;
}

/* ---- finding ---- */

typedef struct wanted {
    const mv_model *model;
    mv_head *found;
} wanted;

/* Takes the first match and stops the walk with MV_E_EXISTS. */
static mv_status visit_head(void *user, const char *path)
{
    wanted *w = user;
    mv_head *head = NULL;
    if (mv_head_load(&head, path, NULL) != MV_OK) {
        return MV_OK;
    }
    if (memcmp(head->info.model_hash, w->model->hash, MV_MODEL_HASH_LEN) != 0) {
        mv_head_free(&head);
        return MV_OK;
    }
    w->found = head;
    return MV_E_EXISTS;
}

mv_status mv_head_find_for(mv_head **out, const mv_model *model, mv_error *err)
{
    wanted w = {model, NULL};
    char what[2 * MV_MODEL_NAME_MAX + 32];
    const mv_status st = mv_model_path_each(".mvh", visit_head, &w);
    if (st == MV_E_EXISTS) {
        *out = w.found;
        return MV_OK;
    }
    if (st != MV_OK) {
        return mv_fail(err, st, "cannot search for a head: %s", mv_status_sentence(st));
    }
    (void)snprintf(what, sizeof what, "head for this model %.31s", model->record.name);
    (void)mv_model_path_none(what, err);
    mv_hint(err, "train one with medveil train --head --model %.31s", model->record.name);
    return MV_E_NOT_FOUND;
}

/* ---- features to maps ---- */

/* Coefficients of an 8x8 block, row by row. Those with u + v <= 2 are maps of their own; the others
 * and they once more add their distance from 0 to the map of their octaves: 0, 1, 2-3, 4-7 down
 * and across. */
enum { BLOCK_SIDE = 8, BLOCK_SIZE = 64, LOW_MAPS = 6, BAND_MAPS = 15 };

static bool is_transform(const mv_nn_graph *graph)
{
    return graph->field_count == BLOCK_SIZE && graph->scale == BLOCK_SIDE;
}

static size_t octave(size_t u)
{
    return u < 2 ? u : u < 4 ? 2 : 3;
}

uint32_t mv_head_maps_of(const mv_model *model)
{
    const uint32_t side = MV_HEAD_IMAGE_SIDE / model->graph.scale, cell = side / MV_HEAD_SIDE;
    const uint32_t channels = model->graph.feature_channels;
    const bool fits = cell >= 1 && side == cell * MV_HEAD_SIDE &&
                      side * model->graph.scale == MV_HEAD_IMAGE_SIDE &&
                      channels <= MV_HEAD_MAPS_MAX / 2;
    if (is_transform(&model->graph)) {
        return LOW_MAPS + BAND_MAPS;
    }
    return fits ? channels * (cell > 1 ? 2 : 1) : 0;
}

/* Magnitudes are spread to 0..1: most are small. */
void mv_head_block_maps(float *maps, const float *feature)
{
    static const float count[BAND_MAPS] = {1, 2, 4, 1, 1, 2, 4, 2, 2, 4, 8, 4, 4, 8, 16};
    float *const band = maps + (size_t)LOW_MAPS * MV_HEAD_CELLS;
    size_t low = 0;

    memset(band, 0, BAND_MAPS * MV_HEAD_CELLS * sizeof *band);
    for (size_t c = 0; c < BLOCK_SIZE; c++) {
        const size_t u = c / BLOCK_SIDE, v = c % BLOCK_SIDE, group = 4 * octave(u) + octave(v);
        const float *plane = feature + c * MV_HEAD_CELLS;
        if (u + v <= 2) {
            memcpy(maps + low++ * MV_HEAD_CELLS, plane, MV_HEAD_CELLS * sizeof *maps);
        }
        for (size_t k = 0; c != 0 && k < MV_HEAD_CELLS; k++) {
            band[(group - 1) * MV_HEAD_CELLS + k] += 2 * fabsf(plane[k] - 0.5F) / count[group - 1];
        }
    }
}

void mv_head_pool(float *maps, const float *feature, size_t channels, size_t side)
{
    const size_t cell = side / MV_HEAD_SIDE;
    const double n = (double)(cell * cell);

    for (size_t place = 0; place < channels * MV_HEAD_CELLS; place++) {
        const size_t c = place / MV_HEAD_CELLS, y = place % MV_HEAD_CELLS / MV_HEAD_SIDE;
        const float *corner = feature + (c * side + y * cell) * side + place % MV_HEAD_SIDE * cell;
        double sum = 0, square = 0;
        for (size_t k = 0; k < cell * cell; k++) {
            const double value = (double)corner[k / cell * side + k % cell];
            sum += value;
            square += value * value;
        }
        maps[place] = (float)(sum / n);
        if (cell > 1) {
            const double variance = square / n - sum / n * (sum / n);
            maps[channels * MV_HEAD_CELLS + place] = (float)sqrt(variance > 0 ? variance : 0);
        }
    }
}

mv_status mv_head_fill_maps(float *maps, const mv_model *model, const mv_code *code)
{
    mv_status st = MV_OK;
    const size_t side = code->meta.feature_width, channels = model->graph.feature_channels;
    const size_t count = channels * side * side;
    float *feature = malloc(count * sizeof *feature);

    MV_ENSURE(feature != NULL, MV_E_MEMORY);
    mv_features_from_code(feature, code->feature, side * side, &model->graph,
                          code->meta.feature_bits);
    if (is_transform(&model->graph)) {
        mv_head_block_maps(maps, feature);
    } else {
        mv_head_pool(maps, feature, channels, side);
    }
    mv_wipe(feature, count * sizeof *feature);
    free(feature);
done:
    return st;
}

/* One channel: the mean of all. Takes image over when it is gray already. */
static mv_status to_gray(mv_image *out, mv_image *image, mv_error *err)
{
    mv_status st = MV_OK;
    mv_image gray = {0};

    if (image->channels == 1) {
        *out = *image;
        memset(image, 0, sizeof *image);
        return MV_OK;
    }
    st = mv_image_alloc(&gray, image->width, image->height, image->depth, 1, image->type);
    MV_REQUIRE(st == MV_OK, err, st, "out of memory for an image");
    gray.bits = image->bits;
    for (size_t k = 0; k < mv_image_sample_count(&gray); k++) {
        double sum = 0;
        for (uint32_t c = 0; c < image->channels; c++) {
            sum += mv_image_get(image, k * image->channels + c);
        }
        mv_image_set(&gray, k, sum / image->channels);
    }
    *out = gray;
done:
    return st;
}

mv_status mv_head_square(mv_image *out, const mv_image *image, mv_error *err)
{
    mv_status st = MV_OK;
    mv_image square = {0}, small = {0};
    MV_TRY(mv_image_square(&square, image, err));
    MV_TRY(mv_image_resize(&small, &square, MV_HEAD_IMAGE_SIDE, MV_HEAD_IMAGE_SIDE, err));
    MV_TRY(to_gray(out, &small, err));
done:
    mv_image_clear(&square);
    mv_image_clear(&small);
    return st;
}

/* ---- embedding ---- */

static mv_status check_code(const mv_head *head, const mv_model *model, const mv_code *code,
                            mv_error *err)
{
    mv_status st = MV_OK;
    const mv_code_meta *m = &code->meta;
    size_t count = 0;

    MV_REQUIRE(memcmp(m->model_hash, head->info.model_hash, sizeof m->model_hash) == 0 &&
                   memcmp(model->hash, head->info.model_hash, sizeof model->hash) == 0,
               err, MV_E_MISMATCH, "the features are not those of the head's model, %s",
               head->info.model_name);
    MV_TRY(mv_code_expect(&count, m, err));
    MV_REQUIRE(m->frames == 1 && m->width == MV_HEAD_IMAGE_SIDE &&
                   m->height == MV_HEAD_IMAGE_SIDE && m->feature_bits == MV_HEAD_FEATURE_BITS &&
                   count == code->feature_count && mv_head_maps_of(model) == head->maps &&
                   m->feature_width == MV_HEAD_IMAGE_SIDE / model->graph.scale &&
                   m->feature_height == m->feature_width,
               err, MV_E_ARGUMENT, "a head reads the %d-bit features of one %dx%d image",
               MV_HEAD_FEATURE_BITS, MV_HEAD_IMAGE_SIDE, MV_HEAD_IMAGE_SIDE);
done:
    return st;
}

static void score_classes(float *score, const mv_head *head, const mv_embedding *embedding)
{
    for (uint32_t k = 0; k < head->info.class_count; k++) {
        const float *row = mv_head_class_weights(head, k);
        double sum = 0;
        for (size_t i = 0; i < MV_EMBEDDING_DIM; i++) {
            sum += (double)row[i] * embedding->value[i];
        }
        score[k] = (float)(sum / MV_EMBEDDING_SCALE);
    }
}

/* The head's real output for a code: a unit vector. */
static mv_status unit_of_code(float unit[MV_HEAD_DIM], const mv_head *head, const mv_model *model,
                              const mv_code *code, mv_error *err)
{
    mv_status st = MV_OK;
    mv_head_net *net = NULL;
    const size_t count = (size_t)head->maps * MV_HEAD_CELLS;
    float *maps = malloc(count * sizeof *maps);

    MV_REQUIRE(maps != NULL, err, MV_E_MEMORY, "out of memory for a head");
    MV_TRY(check_code(head, model, code, err));
    MV_TRY(mv_head_fill_maps(maps, model, code));
    MV_TRY(mv_head_net_new(&net, mv_tensor_best(), head->maps, 1, false, err));
    MV_TRY(mv_head_net_load(net, head->weights, err));
    MV_TRY(mv_head_net_forward(net, unit, maps, err));
done:
    mv_head_net_free(&net);
    if (maps != NULL) {
        mv_wipe(maps, count * sizeof *maps);
    }
    free(maps);
    return st;
}

mv_status mv_head_embed_code(mv_embedding *out, float *score, const mv_head *head,
                             const mv_model *model, const mv_code *code, mv_error *err)
{
    mv_status st = MV_OK;
    mv_embedding embedding = {{0}, {0}};
    float unit[MV_HEAD_DIM];

    memset(out, 0, sizeof *out);
    MV_TRY(unit_of_code(unit, head, model, code, err));
    st = mv_embedding_quantise(&embedding, unit);
    MV_REQUIRE(st == MV_OK, err, st, "the head gives no direction for this image");
    memcpy(embedding.head_hash, head->info.hash, sizeof embedding.head_hash);
    if (score != NULL) {
        score_classes(score, head, &embedding);
    }
    *out = embedding;
done:
    mv_wipe(unit, sizeof unit);
    mv_wipe(&embedding, sizeof embedding);
    return st;
}

/* The features that a head reads. */
static mv_status code_of_image(mv_code *code, const mv_model *model, const mv_image *image,
                               mv_error *err)
{
    mv_status st = MV_OK;
    mv_codec_opts opts = mv_codec_defaults();
    mv_image square = {0};

    opts.feature_bits = MV_HEAD_FEATURE_BITS;
    MV_TRY(mv_head_square(&square, image, err));
    MV_TRY(mv_codec_encode(code, model, &square, &opts, err));
done:
    mv_image_clear(&square);
    return st;
}

mv_status mv_head_embed_image(mv_embedding *out, float *score, const mv_head *head,
                              const mv_model *model, const mv_image *image, mv_error *err)
{
    mv_status st = MV_OK;
    mv_code code = {.feature = NULL};

    memset(out, 0, sizeof *out);
    MV_TRY(code_of_image(&code, model, image, err));
    MV_TRY(mv_head_embed_code(out, score, head, model, &code, err));
done:
    mv_code_clear(&code);
    return st;
}

mv_status mv_head_unit_image(float unit[MV_EMBEDDING_DIM], const mv_head *head,
                             const mv_model *model, const mv_image *image, mv_error *err)
{
    mv_status st = MV_OK;
    mv_code code = {.feature = NULL};

    memset(unit, 0, MV_EMBEDDING_DIM * sizeof *unit);
    MV_TRY(code_of_image(&code, model, image, err));
    MV_TRY(unit_of_code(unit, head, model, &code, err));
done:
    mv_code_clear(&code);
    return st;
}
