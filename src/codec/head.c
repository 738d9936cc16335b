/* SPDX-License-Identifier: Apache-2.0
 *
 * head.c: from an image or its features to an embedding and class scores; finding a model's head.
 */
#include "codec/head.h"

#include "base/secret.h"
#include "codec/model_internal.h"
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

uint32_t mv_head_maps_of(uint32_t feature_height, uint32_t feature_width, uint32_t feature_channels)
{
    const uint32_t cell = feature_width / MV_HEAD_SIDE;
    const bool fits = cell >= 1 && feature_width == cell * MV_HEAD_SIDE &&
                      feature_height == feature_width && feature_channels <= MV_HEAD_MAPS_MAX / 2;
    return fits ? feature_channels * (cell > 1 ? 2 : 1) : 0;
}

void mv_head_fill_maps(float *maps, const mv_code *code)
{
    const mv_code_meta *m = &code->meta;
    const size_t cell = m->feature_width / MV_HEAD_SIDE, channels = m->feature_channels;
    const double top = (double)((1u << m->feature_bits) - 1), n = (double)(cell * cell);

    for (size_t place = 0; place < channels * MV_HEAD_CELLS; place++) {
        const size_t c = place / MV_HEAD_CELLS, y = place % MV_HEAD_CELLS / MV_HEAD_SIDE;
        const size_t x = place % MV_HEAD_SIDE;
        double sum = 0, square = 0;
        for (size_t k = 0; k < cell * cell; k++) {
            const size_t at = (y * cell + k / cell) * m->feature_width + x * cell + k % cell;
            const double value = code->feature[at * channels + c] / top;
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

mv_status mv_head_square(mv_image *out, const mv_image *image, mv_error *err)
{
    mv_status st = MV_OK;
    mv_image square = {0};
    MV_TRY(mv_image_square(&square, image, err));
    MV_TRY(mv_image_resize(out, &square, MV_HEAD_IMAGE_SIDE, MV_HEAD_IMAGE_SIDE, err));
done:
    mv_image_clear(&square);
    return st;
}

/* ---- embedding ---- */

static mv_status check_code(const mv_head *head, const mv_code *code, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_code_meta *m = &code->meta;
    size_t count = 0;

    MV_REQUIRE(memcmp(m->model_hash, head->info.model_hash, sizeof m->model_hash) == 0, err,
               MV_E_MISMATCH, "the features are not those of the head's model, %s",
               head->info.model_name);
    MV_TRY(mv_code_expect(&count, m, err));
    MV_REQUIRE(
        m->frames == 1 && m->width == MV_HEAD_IMAGE_SIDE && m->height == MV_HEAD_IMAGE_SIDE &&
            m->feature_bits == MV_HEAD_FEATURE_BITS && count == code->feature_count &&
            mv_head_maps_of(m->feature_height, m->feature_width, m->feature_channels) == head->maps,
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

mv_status mv_head_embed_code(mv_embedding *out, float *score, const mv_head *head,
                             const mv_code *code, mv_error *err)
{
    mv_status st = MV_OK;
    mv_head_net *net = NULL;
    mv_embedding embedding = {{0}, {0}};
    float unit[MV_HEAD_DIM];
    const size_t count = (size_t)head->maps * MV_HEAD_CELLS;
    float *maps = malloc(count * sizeof *maps);

    memset(out, 0, sizeof *out);
    MV_REQUIRE(maps != NULL, err, MV_E_MEMORY, "out of memory for a head");
    MV_TRY(check_code(head, code, err));
    mv_head_fill_maps(maps, code);
    MV_TRY(mv_head_net_new(&net, mv_tensor_best(), head->maps, 1, false, err));
    MV_TRY(mv_head_net_load(net, head->weights, err));
    MV_TRY(mv_head_net_forward(net, unit, maps, err));
    st = mv_embedding_quantise(&embedding, unit);
    MV_REQUIRE(st == MV_OK, err, st, "the head gives no direction for this image");
    memcpy(embedding.head_hash, head->info.hash, sizeof embedding.head_hash);
    if (score != NULL) {
        score_classes(score, head, &embedding);
    }
    *out = embedding;
done:
    mv_head_net_free(&net);
    mv_wipe(unit, sizeof unit);
    mv_wipe(&embedding, sizeof embedding);
    if (maps != NULL) {
        mv_wipe(maps, count * sizeof *maps);
    }
    free(maps);
    return st;
}

mv_status mv_head_embed_image(mv_embedding *out, float *score, const mv_head *head,
                              const mv_model *model, const mv_image *image, mv_error *err)
{
    mv_status st = MV_OK;
    mv_codec_opts opts = mv_codec_defaults();
    mv_image square = {0};
    mv_code code = {.feature = NULL};

    memset(out, 0, sizeof *out);
    opts.feature_bits = MV_HEAD_FEATURE_BITS;
    MV_TRY(mv_head_square(&square, image, err));
    MV_TRY(mv_codec_encode(&code, model, &square, &opts, err));
    MV_TRY(mv_head_embed_code(out, score, head, &code, err));
done:
    mv_code_clear(&code);
    mv_image_clear(&square);
    return st;
}
