/* SPDX-License-Identifier: Apache-2.0
 *
 * test_codec.c: sentences about model files, windows and the codec. The network here has random
 * weights: what is tested is that nothing but the network decides the result.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "codec/model_registry.h"
#include "codec/quantise.h"
#include "image/phantom.h"
#include "medveil/codec.h"
#include "nn/nn_infer.h"
#include "nn/nn_model_file.h"

static float *random_weights(const mv_nn_graph *graph, uint64_t seed)
{
    const size_t count = mv_nn_graph_weights(graph);
    float *w = malloc(count * sizeof *w);
    mv_rand r = mv_rand_make(seed);
    assert_non_null(w);
    for (size_t i = 0; i < count; i++) {
        w[i] = (float)(mv_rand_normal(&r) * 0.08);
    }
    return w;
}

static mv_buffer random_model_file(uint64_t seed)
{
    const mv_model_record record = {"cnn", "none", "random weights, for tests", 8};
    mv_buffer file = mv_buffer_make(MV_MODEL_FILE_MAX);
    float *w = random_weights(&mv_model_cnn, seed);
    assert_int_equal(mv_model_file_write(&file, &mv_model_cnn, &record, w), MV_OK);
    free(w);
    return file;
}

static mv_model *random_model(uint64_t seed)
{
    mv_buffer file = random_model_file(seed);
    mv_model *model = NULL;
    assert_int_equal(mv_model_read(&model, file.bytes, file.len, NULL), MV_OK);
    mv_buffer_clear(&file);
    return model;
}

static mv_image phantom(uint32_t width, uint32_t height, uint32_t depth)
{
    mv_image image = {0};
    mv_phantom_opts opts = mv_phantom_defaults();
    opts.width = width;
    opts.height = height;
    opts.depth = depth;
    assert_int_equal(mv_phantom_make(&image, &opts, NULL), MV_OK);
    return image;
}

static void table_3_has_its_parameters_and_reach(void **state)
{
    mv_nn_graph graph = mv_model_cnn;
    (void)state;
    assert_int_equal(mv_nn_graph_weights(&graph), 115346);
    graph.scale = graph.encoder_reach = graph.decoder_reach = 0;
    assert_int_equal(mv_nn_graph_check(&graph), MV_OK);
    assert_int_equal(graph.scale, mv_model_cnn.scale);
    assert_int_equal(graph.encoder_reach, mv_model_cnn.encoder_reach);
    assert_int_equal(graph.decoder_reach, mv_model_cnn.decoder_reach);
}

static void a_chain_whose_channels_do_not_fit_is_refused(void **state)
{
    mv_nn_graph graph = mv_model_cnn;
    (void)state;
    graph.decoder[1].in_channels = 4;
    assert_int_equal(mv_nn_graph_check(&graph), MV_E_RANGE);
    graph = mv_model_cnn;
    graph.decoder[2] = graph.decoder[4]; /* nothing undoes the pooling */
    assert_int_equal(mv_nn_graph_check(&graph), MV_E_RANGE);
}

static void a_model_file_comes_back_as_written(void **state)
{
    mv_buffer file = random_model_file(3);
    float *want = random_weights(&mv_model_cnn, 3), *got = NULL;
    mv_model_record record;
    mv_nn_graph graph;
    uint8_t hash[32];
    (void)state;
    assert_int_equal(mv_model_file_read(&record, &graph, &got, hash, file.bytes, file.len), MV_OK);
    assert_string_equal(record.name, "cnn");
    assert_string_equal(graph.name, "cnn");
    assert_int_equal(graph.encoder_count, mv_model_cnn.encoder_count);
    assert_memory_equal(got, want, mv_nn_graph_weights(&graph) * sizeof *got);
    free(got);
    free(want);
    mv_buffer_clear(&file);
}

static void no_changed_or_shortened_model_file_is_read(void **state)
{
    mv_buffer file = random_model_file(4);
    mv_model *model = NULL;
    (void)state;
    for (size_t i = 0; i < file.len; i += i < 200 ? 1 : 9973) {
        file.bytes[i] ^= 0x10;
        assert_int_not_equal(mv_model_read(&model, file.bytes, file.len, NULL), MV_OK);
        assert_null(model);
        file.bytes[i] ^= 0x10;
    }
    for (size_t len = 0; len < file.len; len += len < 200 ? 1 : 9973) {
        assert_int_not_equal(mv_model_read(&model, file.bytes, len, NULL), MV_OK);
    }
    mv_buffer_clear(&file);
}

static void a_model_with_a_weight_that_is_no_number_is_refused(void **state)
{
    const mv_model_record record = {"cnn", "none", "", 8};
    mv_buffer file = mv_buffer_make(MV_MODEL_FILE_MAX);
    float *w = random_weights(&mv_model_cnn, 5);
    (void)state;
    w[77] = NAN;
    assert_int_equal(mv_model_file_write(&file, &mv_model_cnn, &record, w), MV_E_RANGE);
    free(w);
    mv_buffer_clear(&file);
}

/* One half over a picture that needs several windows, against one pass over the whole. */
static void check_windows(mv_infer_half half, uint32_t fh, uint32_t fw)
{
    const bool encoder = half == MV_INFER_ENCODER;
    const mv_nn_graph *g = &mv_model_cnn;
    float *w = random_weights(g, 6);
    const uint32_t scale_in = encoder ? g->scale : 1;
    const mv_net_shape shape = {1, fh * scale_in, fw * scale_in};
    const mv_net_opts opts = mv_net_defaults();
    mv_net *whole = NULL;
    mv_infer *infer = NULL;
    uint64_t done = 0;
    mv_rand r = mv_rand_make(7);

    assert_int_equal(mv_net_new(&whole, mv_tensor_best(), encoder ? g->encoder : g->decoder,
                                encoder ? g->encoder_count : g->decoder_count, &shape, &opts, NULL),
                     MV_OK);
    assert_int_equal(mv_net_load(whole, encoder ? w : w + mv_nn_decoder_offset(g, 0), NULL), MV_OK);
    float *x = malloc(mv_net_in_count(whole) * sizeof *x);
    float *want = malloc(mv_net_out_count(whole) * sizeof *want);
    float *got = malloc(mv_net_out_count(whole) * sizeof *got);
    for (size_t i = 0; i < mv_net_in_count(whole); i++) {
        x[i] = (float)mv_rand_unit(&r);
    }
    assert_int_equal(mv_net_forward(whole, want, x, NULL), MV_OK);
    assert_int_equal(mv_infer_new(&infer, g, half, w, fh, fw, 1, NULL), MV_OK);
    assert_true(mv_infer_windows(infer) > 1);
    assert_int_equal(mv_infer_run(infer, got, x, NULL, &done, mv_infer_windows(infer), NULL),
                     MV_OK);
    assert_int_equal(done, mv_infer_windows(infer));
    for (size_t i = 0; i < mv_net_out_count(whole); i++) {
        assert_true(fabsf(got[i] - want[i]) <= 2e-6f); /* sigmoid outputs, float32 rounding only */
    }
    mv_infer_free(&infer);
    mv_net_free(&whole);
    free(got);
    free(want);
    free(x);
    free(w);
}

static void windows_join_to_the_result_of_one_pass(void **state)
{
    (void)state;
    check_windows(MV_INFER_ENCODER, 131, 260);
    check_windows(MV_INFER_DECODER, 250, 129);
}

static void every_level_survives_the_quantiser(void **state)
{
    uint32_t level[65536], back[65536];
    static float feature[65536];
    (void)state;
    for (uint32_t bits = 1; bits <= 16; bits++) {
        const uint32_t count = 1u << bits;
        for (uint32_t i = 0; i < count; i++) {
            level[i] = i;
        }
        mv_dequantise(feature, level, count, 1, bits);
        mv_quantise(back, feature, count, 1, bits);
        assert_memory_equal(level, back, count * sizeof level[0]);
    }
    const float odd[3] = {-1.0f, 2.0f, NAN};
    mv_quantise(back, odd, 3, 1, 8);
    assert_int_equal(back[0], 0);
    assert_int_equal(back[1], 255);
    assert_int_equal(back[2], 0);
}

static void check_shape(const mv_model *model, mv_image *image, uint32_t slices, uint32_t frames)
{
    mv_codec_opts opts = mv_codec_defaults();
    mv_code code;
    mv_image out;
    double lo = INFINITY, hi = -INFINITY;

    opts.frame_slices = slices;
    assert_int_equal(mv_codec_encode(&code, model, image, &opts, NULL), MV_OK);
    assert_int_equal(code.meta.frames, frames);
    assert_int_equal(code.feature_count,
                     (size_t)frames * ((image->width + 1) / 2) * ((image->height + 1) / 2) * 3);
    assert_int_equal(mv_codec_decode(&out, model, &code, &opts, NULL), MV_OK);
    assert_int_equal(out.width, image->width);
    assert_int_equal(out.height, image->height);
    assert_int_equal(out.depth, image->depth);
    assert_int_equal(out.channels, image->channels);
    assert_int_equal(out.type, image->type);
    for (size_t i = 0; i < mv_image_sample_count(image); i++) {
        lo = fmin(lo, mv_image_get(image, i));
        hi = fmax(hi, mv_image_get(image, i));
    }
    for (size_t i = 0; i < mv_image_sample_count(&out); i++) {
        assert_true(mv_image_get(&out, i) >= lo && mv_image_get(&out, i) <= hi);
    }
    mv_image_clear(&out);
    mv_code_clear(&code);
    mv_image_clear(image);
}

static void any_size_and_stack_keeps_its_shape_type_and_range(void **state)
{
    static const uint32_t side[][2] = {{1, 1}, {2, 2}, {3, 1}, {33, 47}, {64, 64}};
    mv_model *model = random_model(8);
    mv_image image;
    (void)state;
    for (size_t i = 0; i < sizeof side / sizeof side[0]; i++) {
        image = phantom(64, 64, 1);
        mv_image small = {0};
        assert_int_equal(mv_image_alloc(&small, side[i][0], side[i][1], 1, 1, MV_SAMPLE_I16),
                         MV_OK);
        for (size_t k = 0; k < mv_image_sample_count(&small); k++) {
            mv_image_set(&small, k, -1000.0 + (double)(k % 700));
        }
        check_shape(model, &small, 1, 1);
        mv_image_clear(&image);
    }
    image = phantom(32, 32, 5);
    check_shape(model, &image, 1, 5);
    image = phantom(32, 32, 5);
    check_shape(model, &image, 3, 2);
    assert_int_equal(mv_image_alloc(&image, 20, 10, 1, 3, MV_SAMPLE_U8), MV_OK);
    mv_image_set(&image, 5, 200);
    check_shape(model, &image, 1, 1);
    mv_model_free(&model);
}

static void a_constant_image_comes_back_exactly(void **state)
{
    mv_model *model = random_model(9);
    mv_codec_opts opts = mv_codec_defaults();
    mv_image image, out;
    mv_code code;
    (void)state;
    assert_int_equal(mv_image_alloc(&image, 17, 16, 1, 1, MV_SAMPLE_I16), MV_OK);
    for (size_t i = 0; i < mv_image_sample_count(&image); i++) {
        mv_image_set(&image, i, -321);
    }
    assert_int_equal(mv_codec_encode(&code, model, &image, &opts, NULL), MV_OK);
    assert_int_equal(mv_codec_decode(&out, model, &code, &opts, NULL), MV_OK);
    for (size_t i = 0; i < mv_image_sample_count(&out); i++) {
        assert_true(mv_image_get(&out, i) == -321);
    }
    mv_code_clear(&code);
    mv_image_clear(&out);
    mv_image_clear(&image);
    mv_model_free(&model);
}

static void features_of_another_model_or_shape_are_refused(void **state)
{
    mv_model *model = random_model(10), *other = random_model(11);
    mv_codec_opts opts = mv_codec_defaults();
    mv_image image = phantom(32, 32, 1), out;
    mv_code code;
    (void)state;
    assert_int_equal(mv_codec_encode(&code, model, &image, &opts, NULL), MV_OK);
    assert_int_equal(mv_codec_decode(&out, other, &code, &opts, NULL), MV_E_MISMATCH);
    assert_null(out.sample);
    code.feature[3] = 256;
    assert_int_equal(mv_codec_decode(&out, model, &code, &opts, NULL), MV_E_RANGE);
    code.feature[3] = 0;
    code.meta.feature_width--;
    assert_int_equal(mv_codec_decode(&out, model, &code, &opts, NULL), MV_E_RANGE);
    code.meta.feature_width++;
    code.meta.range_hi = NAN;
    assert_int_equal(mv_codec_decode(&out, model, &code, &opts, NULL), MV_E_RANGE);
    opts.feature_bits = 17;
    mv_code none;
    assert_int_equal(mv_codec_encode(&none, model, &image, &opts, NULL), MV_E_ARGUMENT);
    mv_code_clear(&code);
    mv_image_clear(&image);
    mv_model_free(&model);
    mv_model_free(&other);
}

static mv_status stop_at_once(void *user, const char *stage, uint64_t done, uint64_t total)
{
    (void)user;
    (void)stage;
    assert_true(done <= total);
    return MV_E_INTERRUPTED;
}

static void work_stops_when_asked_and_leaves_nothing(void **state)
{
    mv_model *model = random_model(12);
    mv_codec_opts opts = mv_codec_defaults();
    mv_image image = phantom(32, 32, 1);
    mv_code code;
    (void)state;
    opts.progress.step = stop_at_once;
    assert_int_equal(mv_codec_encode(&code, model, &image, &opts, NULL), MV_E_INTERRUPTED);
    assert_null(code.feature);
    mv_image_clear(&image);
    mv_model_free(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_3_has_its_parameters_and_reach),
        cmocka_unit_test(a_chain_whose_channels_do_not_fit_is_refused),
        cmocka_unit_test(a_model_file_comes_back_as_written),
        cmocka_unit_test(no_changed_or_shortened_model_file_is_read),
        cmocka_unit_test(a_model_with_a_weight_that_is_no_number_is_refused),
        cmocka_unit_test(windows_join_to_the_result_of_one_pass),
        cmocka_unit_test(every_level_survives_the_quantiser),
        cmocka_unit_test(any_size_and_stack_keeps_its_shape_type_and_range),
        cmocka_unit_test(a_constant_image_comes_back_exactly),
        cmocka_unit_test(features_of_another_model_or_shape_are_refused),
        cmocka_unit_test(work_stops_when_asked_and_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
