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
#include "nn/nn_init.h"
#include "nn/nn_model_file.h"
#include "nn/nn_transform.h"

static float *random_weights(const mv_nn_graph *graph, uint64_t seed)
{
    const size_t count = mv_nn_graph_weights(graph);
    float *w = malloc(count * sizeof *w);
    mv_rand r = mv_rand_make(seed);
    assert_non_null(w);
    if (mv_transform_used(graph)) { /* random numbers would not survive sinh */
        assert_int_equal(mv_nn_init(w, graph, &r), MV_OK);
        return w;
    }
    for (size_t i = 0; i < count; i++) {
        w[i] = (float)(mv_rand_normal(&r) * 0.08);
    }
    return w;
}

/* Weights of a network whose branches no longer add nothing. */
static float *woken_weights(const mv_nn_graph *graph, uint64_t seed)
{
    float *w = random_weights(graph, seed), *at = w;
    mv_rand r = mv_rand_make(seed + 1);
    for (size_t i = 0; i < graph->encoder_count + graph->decoder_count; i++) {
        const mv_nn_layer *layer = i < graph->encoder_count
                                       ? &graph->encoder[i]
                                       : &graph->decoder[i - graph->encoder_count];
        const size_t count = mv_nn_layer_weights(layer);
        for (size_t k = 0; layer->start == MV_NN_START_ZERO && k < count; k++) {
            at[k] = (float)(0.01 * mv_rand_normal(&r));
        }
        at += count;
    }
    return w;
}

static mv_buffer model_file_of(const mv_nn_graph *graph, uint64_t seed)
{
    mv_model_record record = {"", "none", "random weights, for tests", 8};
    mv_buffer file = mv_buffer_make(MV_MODEL_FILE_MAX);
    float *w = random_weights(graph, seed);
    strcpy(record.name, graph->name);
    assert_int_equal(mv_model_file_write(&file, graph, &record, w), MV_OK);
    free(w);
    return file;
}

static mv_buffer random_model_file(uint64_t seed)
{
    return model_file_of(&mv_model_cnn, seed);
}

static mv_model *model_of(const mv_nn_graph *graph, uint64_t seed)
{
    mv_buffer file = model_file_of(graph, seed);
    mv_model *model = NULL;
    assert_int_equal(mv_model_read(&model, file.bytes, file.len, NULL), MV_OK);
    mv_buffer_clear(&file);
    return model;
}

static mv_model *random_model(uint64_t seed)
{
    return model_of(&mv_model_cnn, seed);
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

static void every_architecture_states_what_its_layers_imply(void **state)
{
    const mv_nn_graph *stated = NULL;
    (void)state;
    for (size_t i = 0; (stated = mv_model_graph_at(i)) != NULL; i++) {
        mv_nn_graph g = *stated;
        g.scale = g.encoder_reach = g.decoder_reach = g.segment = 99;
        g.image_channels = g.feature_channels = g.code_channels = 99;
        assert_int_equal(mv_nn_graph_check(&g), MV_OK);
        assert_int_equal(g.scale, stated->scale);
        assert_int_equal(g.encoder_reach, stated->encoder_reach);
        assert_int_equal(g.decoder_reach, stated->decoder_reach);
        assert_int_equal(g.segment, stated->segment);
        assert_int_equal(g.image_channels, stated->image_channels);
        assert_int_equal(g.feature_channels, stated->feature_channels);
        assert_int_equal(g.code_channels, stated->code_channels);
        /* the paper's budget: 112 x 112 x 3 numbers for 224 x 224 pixels */
        assert_int_equal((224 / g.scale) * (224 / g.scale) * g.code_channels, 37632);
        assert_ptr_equal(mv_model_graph(stated->name), stated);
    }
    assert_non_null(mv_model_graph_at(4));
    assert_null(mv_model_graph_at(5));
}

static void fields_hold_their_levels_at_every_bit_depth(void **state)
{
    const mv_nn_graph *g = &mv_model_resnet;
    float feature[64 * 3], back[64 * 3];
    uint32_t code[48 * 3];
    mv_rand r = mv_rand_make(31);
    (void)state;
    for (uint32_t bits = 1; bits <= 16; bits++) {
        uint8_t field[64];
        size_t sum = 0;
        mv_nn_field_bits(field, g, bits);
        for (size_t k = 0; k < 64 * 3; k++) {
            feature[k] = mv_nn_round((float)mv_rand_unit(&r), mv_nn_field_step(field[k / 3]));
            sum += k % 3 == 0 ? field[k / 3] : 0;
        }
        assert_int_equal(sum, 48 * bits);
        mv_code_from_features(code, feature, 3, g, bits);
        for (size_t k = 0; k < 48 * 3; k++) {
            assert_true(code[k] >> bits == 0);
        }
        mv_features_from_code(back, code, 3, g, bits);
        for (size_t k = 0; k < 64 * 3; k++) {
            assert_true(fabsf(back[k] - feature[k]) < 1e-6f);
        }
    }
}

static void fields_lie_in_the_code_as_printed(void **state)
{
    float feature[64];
    uint32_t code[48];
    (void)state;
    for (size_t c = 0; c < 64; c++) { /* all ones, all zeros, in turn */
        feature[c] = c % 2 == 0 ? 1.0f : 0.0f;
    }
    mv_code_from_features(code, feature, 1, &mv_model_resnet, 8);
    /* 10 ones, 9 zeros, 8 ones, 7 zeros, 7 ones, .. */
    assert_int_equal(code[0], 0xff);
    assert_int_equal(code[1], 0xc0);
    assert_int_equal(code[2], 0x1f);
    assert_int_equal(code[3], 0xe0);
    assert_int_equal(code[4], 0x3f);
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
    graph = mv_model_resnet;
    graph.encoder[6].other = 7; /* adds what comes later */
    assert_int_equal(mv_nn_graph_check(&graph), MV_E_RANGE);
    graph = mv_model_resnet;
    graph.decoder[12].op = MV_NN_ASINH; /* nothing undoes the blocks */
    assert_int_equal(mv_nn_graph_check(&graph), MV_E_RANGE);
    graph = mv_model_resnet;
    graph.field_bits[5] += 1; /* not whole numbers of 8 bits */
    assert_int_equal(mv_nn_graph_check(&graph), MV_E_RANGE);
    graph = mv_model_resnet;
    graph.field_bits[5] = 17;
    assert_int_equal(mv_nn_graph_check(&graph), MV_E_RANGE);
    graph = mv_model_lstm;
    graph.decoder[2].op = MV_NN_CONV3; /* a window would need its neighbours and the whole row */
    assert_int_equal(mv_nn_graph_check(&graph), MV_E_RANGE);
}

static void every_model_file_comes_back_as_written(void **state)
{
    const mv_nn_graph *want_graph = NULL;
    (void)state;
    for (size_t i = 0; (want_graph = mv_model_graph_at(i)) != NULL; i++) {
        mv_buffer file = model_file_of(want_graph, 3);
        float *want = random_weights(want_graph, 3), *got = NULL;
        mv_model_record record;
        mv_nn_graph graph;
        uint8_t hash[32];
        assert_int_equal(mv_model_file_read(&record, &graph, &got, hash, file.bytes, file.len),
                         MV_OK);
        assert_string_equal(record.name, want_graph->name);
        assert_true(mv_nn_graph_same(&graph, want_graph));
        assert_int_equal(graph.segment, want_graph->segment);
        assert_int_equal(graph.code_channels, want_graph->code_channels);
        assert_memory_equal(got, want, mv_nn_graph_weights(&graph) * sizeof *got);
        /* the paper's network has the bytes it always had */
        assert_int_equal(file.bytes[7], want_graph == &mv_model_cnn ? 1 : 2);
        free(got);
        free(want);
        mv_buffer_clear(&file);
    }
}

static void check_damage(mv_buffer file)
{
    mv_model *model = NULL;
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

static void no_changed_or_shortened_model_file_is_read(void **state)
{
    (void)state;
    check_damage(random_model_file(4));
    check_damage(model_file_of(&mv_model_lstm, 4));
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
static void check_windows(const mv_nn_graph *g, mv_infer_half half, uint32_t fh, uint32_t fw)
{
    const bool encoder = half == MV_INFER_ENCODER;
    float *w = woken_weights(g, 6);
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
    check_windows(&mv_model_cnn, MV_INFER_ENCODER, 131, 260);
    check_windows(&mv_model_cnn, MV_INFER_DECODER, 250, 129);
    check_windows(&mv_model_bp, MV_INFER_ENCODER, 70, 20);
    check_windows(&mv_model_bp, MV_INFER_DECODER, 20, 140);
    check_windows(&mv_model_resnet, MV_INFER_ENCODER, 70, 30);
}

/* An LSTM's segments, at a width that is not a multiple of them, against each segment alone. */
static void segments_of_a_row_are_walked_one_by_one(void **state)
{
    enum { WIDE = 28 + 11 };
    const mv_nn_graph *g = &mv_model_lstm;
    float *w = woken_weights(g, 16);
    float *x = calloc(64 * WIDE, sizeof *x), *y = calloc(64 * WIDE, sizeof *y);
    float *part = calloc(64 * 28, sizeof *part), *want = calloc(64 * 28, sizeof *want);
    const uint32_t start[2] = {0, 28}, width[2] = {28, 11};
    mv_rand r = mv_rand_make(17);
    mv_infer *infer = NULL;
    uint64_t done = 0;
    (void)state;
    assert_true(x != NULL && y != NULL && part != NULL && want != NULL);
    for (size_t k = 0; k < 8 * 8 * WIDE; k++) {
        x[k] = (float)mv_rand_unit(&r);
    }
    assert_int_equal(mv_infer_new(&infer, g, MV_INFER_ENCODER, w, 1, WIDE, 2, NULL), MV_OK);
    assert_int_equal(mv_infer_windows(infer), 2);
    assert_int_equal(mv_infer_run(infer, y, x, NULL, &done, 2, NULL), MV_OK);
    mv_infer_free(&infer);
    for (int p = 0; p < 2; p++) {
        for (size_t k = 0; k < (size_t)64 * width[p]; k++) {
            part[k] = x[k / (8 * width[p]) * 8 * WIDE + 8 * start[p] + k % (8 * width[p])];
        }
        assert_int_equal(mv_infer_new(&infer, g, MV_INFER_ENCODER, w, 1, width[p], 1, NULL), MV_OK);
        assert_int_equal(mv_infer_run(infer, want, part, NULL, &done, 3, NULL), MV_OK);
        mv_infer_free(&infer);
        for (size_t k = 0; k < (size_t)64 * width[p]; k++) {
            const float got = y[k / width[p] * WIDE + start[p] + k % width[p]];
            assert_true(fabsf(got - want[k]) <= 1e-5f);
        }
    }
    free(w);
    free(x);
    free(y);
    free(part);
    free(want);
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
    mv_code_meta foretold;
    mv_image out;
    double lo = INFINITY, hi = -INFINITY;

    opts.frame_slices = slices;
    assert_int_equal(mv_codec_describe(&foretold, model, image, &opts, NULL), MV_OK);
    assert_int_equal(mv_codec_encode(&code, model, image, &opts, NULL), MV_OK);
    assert_memory_equal(&foretold, &code.meta, sizeof foretold);
    assert_int_equal(code.meta.frames, frames);
    assert_int_equal(code.feature_count, (size_t)frames * code.meta.feature_width *
                                             code.meta.feature_height * code.meta.feature_channels);
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

static void gray_networks_take_a_frame_for_each_channel_and_slice(void **state)
{
    mv_model *model = model_of(&mv_model_lstm, 8);
    mv_codec_opts three = mv_codec_defaults();
    mv_image image = phantom(32, 32, 5);
    mv_code code;
    (void)state;
    three.frame_slices = 3;
    assert_int_equal(mv_codec_encode(&code, model, &image, &three, NULL), MV_E_ARGUMENT);
    check_shape(model, &image, 1, 5);
    assert_int_equal(mv_image_alloc(&image, 20, 10, 1, 3, MV_SAMPLE_U8), MV_OK);
    mv_image_set(&image, 5, 200);
    check_shape(model, &image, 1, 3);
    assert_int_equal(mv_image_alloc(&image, 1, 1, 1, 1, MV_SAMPLE_I16), MV_OK);
    check_shape(model, &image, 1, 1);
    mv_model_free(&model);
}

static void a_transform_alone_gives_back_its_blocks_and_their_colours(void **state)
{
    mv_model *model = model_of(&mv_model_resnet, 8);
    mv_codec_opts opts = mv_codec_defaults();
    mv_image image = {0}, out;
    mv_code code;
    double worst = 0;
    (void)state;
    opts.feature_bits = 16;
    assert_int_equal(mv_image_alloc(&image, 37, 21, 1, 3, MV_SAMPLE_U8), MV_OK);
    for (size_t i = 0; i < mv_image_sample_count(&image); i++) {
        mv_image_set(&image, i, (double)(i * 7 % 256));
    }
    assert_int_equal(mv_codec_encode(&code, model, &image, &opts, NULL), MV_OK);
    assert_int_equal(mv_codec_decode(&out, model, &code, &opts, NULL), MV_OK);
    for (size_t i = 0; i < mv_image_sample_count(&image); i++) {
        worst = fmax(worst, fabs(mv_image_get(&image, i) - mv_image_get(&out, i)));
    }
    assert_true(worst <= 1);
    mv_code_clear(&code);
    mv_image_clear(&image);
    mv_image_clear(&out);
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
    assert_int_equal(mv_codec_describe(&none.meta, model, &image, &opts, NULL), MV_E_ARGUMENT);
    assert_int_equal(none.meta.width, 0);
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
        cmocka_unit_test(every_architecture_states_what_its_layers_imply),
        cmocka_unit_test(fields_hold_their_levels_at_every_bit_depth),
        cmocka_unit_test(fields_lie_in_the_code_as_printed),
        cmocka_unit_test(every_model_file_comes_back_as_written),
        cmocka_unit_test(no_changed_or_shortened_model_file_is_read),
        cmocka_unit_test(a_model_with_a_weight_that_is_no_number_is_refused),
        cmocka_unit_test(windows_join_to_the_result_of_one_pass),
        cmocka_unit_test(segments_of_a_row_are_walked_one_by_one),
        cmocka_unit_test(every_level_survives_the_quantiser),
        cmocka_unit_test(any_size_and_stack_keeps_its_shape_type_and_range),
        cmocka_unit_test(gray_networks_take_a_frame_for_each_channel_and_slice),
        cmocka_unit_test(a_transform_alone_gives_back_its_blocks_and_their_colours),
        cmocka_unit_test(a_constant_image_comes_back_exactly),
        cmocka_unit_test(features_of_another_model_or_shape_are_refused),
        cmocka_unit_test(work_stops_when_asked_and_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
