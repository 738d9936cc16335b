/* SPDX-License-Identifier: Apache-2.0
 *
 * test_integer.c: sentences about networks in whole numbers: near the network in floating point,
 * and the same bits from every kernel, window and number of threads.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sodium.h>

#include "base/cpu.h"
#include "base/rng.h"
#include "codec/model_internal.h"
#include "codec/model_registry.h"
#include "image/phantom.h"
#include "medveil/codec.h"
#include "medveil/metrics.h"
#include "nn/nn_infer.h"

static const char *const names[3] = {"cnn", "resnet", "gan"};

static mv_model *shipped(const char *name)
{
    mv_model *model = NULL;
    mv_error err = {0};
    if (mv_model_find_name(&model, name, &err) != MV_OK) {
        fail_msg("%s", err.text);
    }
    return model;
}

/* A picture by whole numbers alone, so that its hash is the same everywhere. */
static mv_image made_up(uint32_t width, uint32_t height, uint32_t channels)
{
    mv_image image = {0};
    assert_int_equal(mv_image_alloc(&image, width, height, 1, channels, MV_SAMPLE_U8), MV_OK);
    image.bits = 8;
    for (uint32_t y = 0; y < height; y++) {
        for (uint32_t x = 0; x < width; x++) {
            for (uint32_t c = 0; c < channels; c++) {
                const uint32_t wave = (x * x / 7 + 3 * y * y / 11 + 5 * c * x) % 511;
                ((uint8_t *)image.sample)[(y * width + x) * channels + c] =
                    (uint8_t)(wave < 256 ? wave : 511 - wave);
            }
        }
    }
    return image;
}

static mv_code encode(const mv_model *model, const mv_image *image, bool integer, unsigned threads)
{
    mv_codec_opts opts = mv_codec_defaults();
    mv_code code;
    opts.integer = integer;
    opts.threads = threads;
    assert_int_equal(mv_codec_encode(&code, model, image, &opts, NULL), MV_OK);
    return code;
}

static mv_image decode(const mv_model *model, const mv_code *code, bool integer, unsigned threads)
{
    mv_codec_opts opts = mv_codec_defaults();
    mv_image image;
    opts.integer = integer;
    opts.threads = threads;
    assert_int_equal(mv_codec_decode(&image, model, code, &opts, NULL), MV_OK);
    return image;
}

static double psnr(const mv_model *model, const mv_image *image, bool encoder, bool decoder)
{
    mv_comparison c;
    mv_code code = encode(model, image, encoder, 1);
    mv_image back = decode(model, &code, decoder, 1);
    assert_int_equal(mv_compare(&c, image, &back, NULL), MV_OK);
    mv_image_clear(&back);
    mv_code_clear(&code);
    return c.psnr_db;
}

static void whole_numbers_lose_less_than_a_tenth_of_a_decibel(void **state)
{
    mv_phantom_opts opts = mv_phantom_defaults();
    mv_image phantom = {0};
    (void)state;
    opts.width = opts.height = 224;
    assert_int_equal(mv_phantom_make(&phantom, &opts, NULL), MV_OK);
    for (size_t i = 0; i < 3; i++) {
        mv_model *model = shipped(names[i]);
        const double real = psnr(model, &phantom, false, false);
        assert_true(real > 30);
        assert_true(psnr(model, &phantom, true, true) > real - 0.1);
        assert_true(psnr(model, &phantom, true, false) > real - 0.1); /* each opens the other's */
        assert_true(psnr(model, &phantom, false, true) > real - 0.1);
        mv_model_free(&model);
    }
    mv_image_clear(&phantom);
}

/* One half in windows and by several threads, and in one pass by every kernel. */
static void check_half(const mv_model *model, mv_infer_half half, uint32_t fh, uint32_t fw)
{
    static const uint32_t masks[3] = {0, MV_CPU_AVX2, MV_CPU_AVX2 | MV_CPU_AVX512 | MV_CPU_VNNI};
    const bool encoder = half == MV_INFER_ENCODER;
    const uint32_t scale = encoder ? model->graph.scale : 1;
    const mv_integer *net = NULL;
    mv_rand r = mv_rand_make(31);
    float *x = NULL, *want = NULL, *got = NULL;
    assert_int_equal(mv_model_integer_half(&net, model, half, NULL), MV_OK);
    for (size_t m = 0; m < 3; m++) {
        mv_integer_pass *pass = NULL;
        assert_int_equal(
            mv_integer_pass_new(&pass, net, fh * scale, fw * scale, masks[m] & mv_cpu_features()),
            MV_OK);
        const size_t out = mv_integer_out_count(pass);
        if (m == 0) {
            x = malloc(mv_integer_in_count(pass) * sizeof *x);
            want = malloc(out * sizeof *want);
            got = malloc(out * sizeof *got);
            for (size_t k = 0; k < mv_integer_in_count(pass); k++) {
                x[k] = (float)mv_rand_unit(&r);
            }
        }
        mv_integer_run(pass, m == 0 ? want : got, x);
        mv_integer_run(pass, m == 0 ? want : got, x); /* nothing is left behind by the first */
        assert_memory_equal(want, m == 0 ? want : got, out * sizeof *want);
        for (unsigned threads = 1; m == 2 && threads <= 3; threads += 2) {
            const mv_infer_network network = {&model->graph, model->weights, net};
            mv_infer *infer = NULL;
            uint64_t done = 0;
            assert_int_equal(mv_infer_new(&infer, &network, half, fh, fw, threads, NULL), MV_OK);
            assert_true(mv_infer_windows(infer) > 1);
            memset(got, 0, out * sizeof *got);
            assert_int_equal(mv_infer_run(infer, got, x, NULL, &done, 9, NULL), MV_OK);
            assert_memory_equal(want, got, out * sizeof *want);
            mv_infer_free(&infer);
        }
        mv_integer_pass_free(&pass);
    }
    free(x);
    free(want);
    free(got);
}

static void every_kernel_window_and_number_of_threads_makes_the_same_bits(void **state)
{
    mv_model *cnn = shipped("cnn"), *resnet = shipped("resnet");
    (void)state;
    check_half(cnn, MV_INFER_ENCODER, 71, 5);
    check_half(cnn, MV_INFER_DECODER, 3, 133);
    check_half(resnet, MV_INFER_ENCODER, 67, 3);
    check_half(resnet, MV_INFER_DECODER, 1, 131);
    mv_model_free(&cnn);
    mv_model_free(&resnet);
}

static void add_to_hash(crypto_generichash_state *h, const void *bytes, size_t len)
{
    assert_int_equal(crypto_generichash_update(h, bytes, len), 0);
}

/* Of the features of pictures of odd sizes, and of what they give back. */
static void hash_of(uint8_t hash[16], const char *name)
{
    static const uint32_t size[4][3] = {{1, 1, 1}, {37, 21, 1}, {16, 9, 3}, {65, 40, 1}};
    crypto_generichash_state h;
    mv_model *model = shipped(name);
    assert_int_equal(crypto_generichash_init(&h, NULL, 0, 16), 0);
    for (size_t i = 0; i < 4; i++) {
        mv_image image = made_up(size[i][0], size[i][1], size[i][2]);
        mv_code code = encode(model, &image, true, 2);
        mv_image back = decode(model, &code, true, 2);
        for (size_t k = 0; k < code.feature_count; k++) {
            const uint8_t low = (uint8_t)code.feature[k];
            add_to_hash(&h, &low, 1);
        }
        add_to_hash(&h, back.sample, (size_t)size[i][0] * size[i][1] * size[i][2]);
        mv_image_clear(&back);
        mv_code_clear(&code);
        mv_image_clear(&image);
    }
    assert_int_equal(crypto_generichash_final(&h, hash, 16), 0);
    mv_model_free(&model);
}

static void features_and_pictures_are_those_of_the_first_release(void **state)
{
    static const char *const want[3] = {"ccc8bc2e3c779f4607201baf8328d9c3",
                                        "b574af4e4648567a4f4d119030408e45",
                                        "eeeb32594f1df02b777920053c72a222"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        uint8_t hash[16];
        char text[33];
        hash_of(hash, names[i]);
        sodium_bin2hex(text, sizeof text, hash, sizeof hash);
        assert_string_equal(text, want[i]);
    }
}

static void networks_that_gain_nothing_are_refused(void **state)
{
    static const char *const others[2] = {"bp", "lstm"};
    mv_image image = made_up(40, 40, 1);
    mv_codec_opts opts = mv_codec_defaults();
    (void)state;
    opts.integer = true;
    for (size_t i = 0; i < 2; i++) {
        mv_model *model = shipped(others[i]);
        mv_code code;
        mv_error err = {0};
        assert_int_equal(mv_codec_encode(&code, model, &image, &opts, &err), MV_E_UNSUPPORTED);
        assert_true(strlen(err.text) > 20);
        assert_null(code.feature);
        mv_model_free(&model);
    }
    mv_image_clear(&image);
}

static void weights_without_whole_numbers_are_refused(void **state)
{
    static const float bad[3] = {1e30F, -3e9F, 1e-30F};
    mv_model *model = shipped("cnn");
    const size_t count = mv_nn_graph_weights(&model->graph);
    float *w = malloc(count * sizeof *w);
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        mv_integer *net = NULL;
        mv_error err = {0};
        memcpy(w, model->weights, count * sizeof *w);
        w[5] = bad[i];
        const mv_status st = mv_integer_new(&net, &model->graph, true, w, &err);
        assert_int_equal(st, i == 2 ? MV_OK : MV_E_RANGE); /* the smallest is as good as 0 */
        mv_integer_free(&net);
    }
    free(w);
    mv_model_free(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_numbers_lose_less_than_a_tenth_of_a_decibel),
        cmocka_unit_test(every_kernel_window_and_number_of_threads_makes_the_same_bits),
        cmocka_unit_test(features_and_pictures_are_those_of_the_first_release),
        cmocka_unit_test(networks_that_gain_nothing_are_refused),
        cmocka_unit_test(weights_without_whole_numbers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
