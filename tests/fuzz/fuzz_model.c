/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_model.c: any bytes as the file of a model, of a head or of a linear classifier. Byte 0
 * chooses which; byte 1 tells how many blocks of zeroes (good weights) follow the rest; the hash
 * that ends each of these files is put behind. What is accepted is written again, byte for byte the
 * same; a model runs on a small picture, and a head on the features of another shape.
 */
#include "codec/head.h"
#include "medveil/analysis.h"
#include "medveil/codec.h"
#include "nn/nn_model_file.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HASH = 32, ZEROES = 4096, SIDE = 16 };

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void same_bytes(mv_buffer *again, const uint8_t *bytes, size_t len)
{
    must(again->len == len && memcmp(again->bytes, bytes, len) == 0);
    mv_buffer_clear(again);
}

static void run_model(const mv_model *model)
{
    mv_codec_opts opts = mv_codec_defaults();
    mv_image image = {0}, back = {0};
    mv_code code = {0};
    size_t count = 0;
    opts.threads = 1;
    must(mv_image_alloc(&image, SIDE, SIDE, 1, 1, MV_SAMPLE_U8) == MV_OK);
    for (size_t i = 0; i < (size_t)SIDE * SIDE; i++) {
        mv_image_set(&image, i, (double)(i % 251));
    }
    if (mv_codec_encode(&code, model, &image, &opts, NULL) == MV_OK) {
        must(mv_code_expect(&count, &code.meta, NULL) == MV_OK && count == code.feature_count);
        if (mv_codec_decode(&back, model, &code, &opts, NULL) == MV_OK) {
            must(back.width == SIDE && back.height == SIDE && back.type == MV_SAMPLE_U8);
        }
    }
    mv_image_clear(&back);
    mv_code_clear(&code);
    mv_image_clear(&image);
}

static void try_model(const uint8_t *bytes, size_t len)
{
    mv_model *model = NULL;
    mv_model_record record;
    mv_nn_graph graph;
    float *weights = NULL;
    uint8_t hash[MV_MODEL_FILE_HASH_LEN];
    mv_buffer again = mv_buffer_make(MV_MODEL_FILE_MAX);
    mv_error err = {0};
    const mv_status st = mv_model_read(&model, bytes, len, &err);
    must((st == MV_OK) == (model != NULL) && (st != MV_OK) == (err.text[0] != '\0'));
    if (st != MV_OK) {
        return;
    }
    must(mv_model_file_read(&record, &graph, &weights, hash, bytes, len) == MV_OK);
    must(mv_model_file_write(&again, &graph, &record, weights) == MV_OK);
    same_bytes(&again, bytes, len);
    run_model(model);
    free(weights);
    mv_model_free(&model);
}

static void try_head(const uint8_t *bytes, size_t len)
{
    mv_head *head = NULL;
    mv_head_info info;
    mv_buffer again = mv_buffer_make(MV_HEAD_FILE_MAX);
    mv_error err = {0};
    const mv_status st = mv_head_read(&head, bytes, len, &err);
    must((st == MV_OK) == (head != NULL) && (st != MV_OK) == (err.text[0] != '\0'));
    if (st != MV_OK) {
        return;
    }
    mv_head_describe(&info, head);
    must(mv_head_class_weights(head, info.class_count - 1) != NULL);
    must(mv_head_class_weights(head, info.class_count) == NULL);
    must(mv_head_file_write(&again, head) == MV_OK);
    same_bytes(&again, bytes, len);
    mv_head_free(&head);
}

static void try_linear(const uint8_t *bytes, size_t len)
{
    static mv_linear_model model;
    mv_buffer again = mv_buffer_make(len);
    if (mv_linear_read(&model, bytes, len) != MV_OK) {
        return;
    }
    must(mv_buffer_append_zeros(&again, len) == MV_OK && mv_linear_size(&model) == len);
    must(mv_linear_write(again.bytes, len, &model) == MV_OK);
    same_bytes(&again, bytes, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const reader[])(const uint8_t *, size_t) = {try_model, try_head, try_linear};
    if (size < 2) {
        return 0;
    }
    const size_t content = size - 2 + (size_t)ZEROES * data[1];
    uint8_t *bytes = calloc(content + HASH, 1);
    if (bytes != NULL) {
        memcpy(bytes, data + 2, size - 2);
        (void)crypto_generichash(bytes + content, HASH, bytes, content, NULL, 0);
        reader[data[0] % 3](bytes, content + HASH);
    }
    free(bytes);
    return 0;
}
