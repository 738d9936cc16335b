/* SPDX-License-Identifier: Apache-2.0
 *
 * test_head.c: sentences about heads: their loss and gradients, their file, what they read of an
 * image, and a small training run.
 */
#include "codec/head.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "codec/model_registry.h"
#include "image/phantom.h"
#include "image/preprocess.h"
#include "nn/nn_model_file.h"

enum { MAPS = 2, CLASSES = 3 };

static void fill(float *x, size_t count, mv_rand *rand)
{
    for (size_t k = 0; k < count; k++) {
        x[k] = (float)mv_rand_normal(rand);
    }
}

static float *random_weights(uint32_t maps, uint32_t classes, uint64_t seed)
{
    const size_t count = mv_head_weight_count(maps, classes);
    float *w = malloc(count * sizeof *w);
    mv_rand rand = mv_rand_make(seed);
    assert_non_null(w);
    for (size_t k = 0; k < count; k++) {
        w[k] = (float)(mv_rand_normal(&rand) * 0.08);
    }
    for (uint32_t c = 0; c < maps; c++) {
        w[maps + c] = 1 + 0.1F * (float)c;
    }
    return w;
}

/* ---- loss and gradients ---- */

static void the_loss_has_the_gradient_that_differences_show(void **state)
{
    enum { BATCH = 5, U = BATCH * MV_HEAD_DIM, W = CLASSES * MV_HEAD_DIM };
    static float x[U + W], d[U + W], ignored[U + W];
    const uint32_t label[BATCH] = {0, 1, 0, 2, 0}; /* classes 1 and 2 have no pair */
    const mv_head_loss_opts opts = {.smooth = 0.05, .temperature = 0.1, .contrast = 0.7};
    mv_rand rand = mv_rand_make(5);
    (void)state;
    fill(x, U + W, &rand);
    for (size_t k = 0; k < U; k++) {
        x[k] /= 11.3F; /* about unit vectors */
    }
    (void)mv_head_loss(d, d + U, x, x + U, label, BATCH, CLASSES, &opts);
    for (size_t k = 0; k < U + W; k += 7) {
        const float keep = x[k];
        x[k] = keep + 0.001F;
        const double up = (double)x[k];
        const double above =
            mv_head_loss(ignored, ignored + U, x, x + U, label, BATCH, CLASSES, &opts);
        x[k] = keep - 0.001F;
        const double below =
            mv_head_loss(ignored, ignored + U, x, x + U, label, BATCH, CLASSES, &opts);
        assert_float_equal((above - below) / (up - (double)x[k]), d[k], 2e-3);
        x[k] = keep;
    }
}

/* s(w) = sum of coefficient x unit vector */
static double scalar(mv_head_net *net, const float *w, const float *x, const float *coefficient)
{
    float unit[2 * MV_HEAD_DIM];
    double sum = 0;
    assert_int_equal(mv_head_net_load(net, w, NULL), MV_OK);
    assert_int_equal(mv_head_net_forward(net, unit, x, NULL), MV_OK);
    for (size_t k = 0; k < 2 * MV_HEAD_DIM; k++) {
        sum += (double)unit[k] * (double)coefficient[k];
    }
    return sum;
}

static void the_head_has_the_gradient_that_differences_show(void **state)
{
    static float x[2 * MAPS * MV_HEAD_CELLS];
    float coefficient[2 * MV_HEAD_DIM];
    mv_head_net *net = NULL;
    mv_rand rand = mv_rand_make(8);
    float *w = random_weights(MAPS, CLASSES, 9);
    const size_t count = mv_head_class_offset(MAPS);
    float *gradient = calloc(count, sizeof *gradient);
    double checked = 0;
    (void)state;
    assert_non_null(gradient);
    fill(x, sizeof x / sizeof x[0], &rand);
    fill(coefficient, 2 * MV_HEAD_DIM, &rand);
    assert_int_equal(mv_head_net_new(&net, &mv_tensor_portable, MAPS, 2, true, NULL), MV_OK);
    (void)scalar(net, w, x, coefficient);
    assert_int_equal(mv_head_net_backward(net, gradient, coefficient, NULL), MV_OK);
    for (size_t k = 2 * MAPS; k < count; k += 4999) {
        const float keep = w[k], h = 0.0005F;
        w[k] = keep + h;
        const double above = scalar(net, w, x, coefficient);
        w[k] = keep - h;
        const double below = scalar(net, w, x, coefficient);
        w[k] = keep;
        assert_float_equal((above - below) / (2 * (double)h), gradient[k],
                           0.02 + 0.05 * fabs((double)gradient[k]));
        checked += fabs((double)gradient[k]);
    }
    assert_true(checked > 0.1); /* not all of them were nothing */
    mv_head_net_free(&net);
    free(gradient);
    free(w);
}

/* ---- the file ---- */

static mv_head make_head(void)
{
    mv_head head = {.maps = 6, .weights = random_weights(6, 2, 3)};
    (void)snprintf(head.info.model_name, sizeof head.info.model_name, "cnn");
    (void)snprintf(head.info.licence, sizeof head.info.licence, "research only: test");
    (void)snprintf(head.info.training, sizeof head.info.training, "random weights, for tests");
    head.info.class_count = 2;
    for (int k = 0; k < 2; k++) {
        (void)snprintf(head.info.class_of[k].set, MV_HEAD_NAME_MAX, "brain");
        (void)snprintf(head.info.class_of[k].name, MV_HEAD_NAME_MAX, "%s", k ? "Tumor" : "None");
    }
    return head;
}

static mv_buffer head_file(void)
{
    mv_buffer file = mv_buffer_make(MV_HEAD_FILE_MAX);
    mv_head head = make_head();
    assert_int_equal(mv_head_file_write(&file, &head), MV_OK);
    free(head.weights);
    return file;
}

static void a_head_file_comes_back_as_written(void **state)
{
    mv_buffer file = head_file();
    mv_head want = make_head(), *got = NULL;
    mv_head_info info;
    (void)state;
    assert_int_equal(mv_head_read(&got, file.bytes, file.len, NULL), MV_OK);
    mv_head_describe(&info, got);
    assert_string_equal(info.licence, "research only: test");
    assert_string_equal(info.class_of[1].name, "Tumor");
    assert_int_equal(info.parameter_count, mv_head_weight_count(6, 2));
    assert_memory_equal(got->weights, want.weights, mv_head_weight_count(6, 2) * sizeof(float));
    assert_ptr_equal(mv_head_class_weights(got, 1),
                     got->weights + mv_head_class_offset(6) + MV_HEAD_DIM);
    assert_null(mv_head_class_weights(got, 2));
    mv_head_free(&got);
    free(want.weights);
    mv_buffer_clear(&file);
}

static void no_changed_or_shortened_head_file_is_read(void **state)
{
    mv_buffer file = head_file();
    mv_head *head = NULL;
    (void)state;
    for (size_t i = 0; i < file.len; i += i < 900 ? 13 : 9973) {
        file.bytes[i] ^= 0x10;
        assert_int_not_equal(mv_head_read(&head, file.bytes, file.len, NULL), MV_OK);
        assert_null(head);
        file.bytes[i] ^= 0x10;
    }
    for (size_t len = 0; len < file.len; len += len < 900 ? 13 : 9973) {
        assert_int_not_equal(mv_head_read(&head, file.bytes, len, NULL), MV_OK);
    }
    mv_buffer_clear(&file);
}

/* The file again with a right hash over what was changed. */
static mv_status read_rehashed(mv_buffer *file)
{
    mv_head *head = NULL;
    const size_t body = file->len - MV_EMBEDDING_HASH_LEN;
    (void)crypto_generichash(file->bytes + body, MV_EMBEDDING_HASH_LEN, file->bytes, body, NULL, 0);
    const mv_status st = mv_head_read(&head, file->bytes, file->len, NULL);
    assert_true((st == MV_OK) == (head != NULL));
    mv_head_free(&head);
    return st;
}

static void impossible_fields_are_refused_even_under_a_right_hash(void **state)
{
    enum {
        AT_NAME = 8,
        AT_LICENCE = 72,
        AT_MAPS = 648,
        AT_CLASSES = 650,
        AT_CLASS = 652,
        AT_WEIGHTS = 780
    };
    static const struct {
        size_t at;
        uint8_t value;
    } change[] = {{AT_NAME + 1, 7},
                  {AT_NAME + 20, 'x'},
                  {AT_LICENCE + 63, 'x'},
                  {AT_MAPS, 0},
                  {AT_MAPS + 1, 2},
                  {AT_MAPS, 5},
                  {AT_CLASSES, 1},
                  {AT_CLASSES, 33},
                  {AT_CLASS + 2, 0x7f},
                  {AT_CLASS + 31, 1},
                  {7, 2}};
    mv_buffer file = head_file();
    (void)state;
    assert_int_equal(read_rehashed(&file), MV_OK);
    for (size_t k = 0; k < sizeof change / sizeof change[0]; k++) {
        const uint8_t keep = file.bytes[change[k].at];
        file.bytes[change[k].at] = change[k].value;
        assert_int_equal(read_rehashed(&file), MV_E_FORMAT);
        file.bytes[change[k].at] = keep;
    }
    memset(file.bytes + AT_WEIGHTS, 0xff, 4); /* not a number */
    assert_int_equal(read_rehashed(&file), MV_E_RANGE);
    mv_buffer_clear(&file);
}

/* ---- what it reads ---- */

static mv_model *random_model(void)
{
    const mv_model_record record = {"cnn", "none", "random weights, for tests", 8};
    const size_t count = mv_nn_graph_weights(&mv_model_cnn);
    mv_buffer file = mv_buffer_make(MV_MODEL_FILE_MAX);
    mv_model *model = NULL;
    mv_rand rand = mv_rand_make(1);
    float *w = malloc(count * sizeof *w);
    assert_non_null(w);
    for (size_t k = 0; k < count; k++) {
        w[k] = (float)(mv_rand_normal(&rand) * 0.08);
    }
    assert_int_equal(mv_model_file_write(&file, &mv_model_cnn, &record, w), MV_OK);
    assert_int_equal(mv_model_read(&model, file.bytes, file.len, NULL), MV_OK);
    free(w);
    mv_buffer_clear(&file);
    return model;
}

static void maps_are_means_and_deviations_of_cells(void **state)
{
    enum { SIDE = 56, CHANNELS = 2 };
    static float feature[CHANNELS * SIDE * SIDE], maps[2 * CHANNELS * MV_HEAD_CELLS];
    mv_model *model = random_model();
    (void)state;
    for (size_t y = 0; y < SIDE; y++) {
        for (size_t x = 0; x < SIDE; x++) {
            feature[y * SIDE + x] = x % 2 == 0 ? 0 : 0.4F;
            feature[SIDE * SIDE + y * SIDE + x] = y / 2 == 5 && x / 2 == 7 ? 1 : 0.2F;
        }
    }
    mv_head_pool(maps, feature, CHANNELS, SIDE);
    for (size_t k = 0; k < MV_HEAD_CELLS; k++) {
        assert_float_equal(maps[k], 0.2, 1e-6);
        assert_float_equal(maps[MV_HEAD_CELLS + k], k == 5 * 28 + 7 ? 1 : 0.2, 1e-6);
        assert_float_equal(maps[2 * MV_HEAD_CELLS + k], 0.2, 1e-6);
        assert_float_equal(maps[3 * MV_HEAD_CELLS + k], 0, 1e-3);
    }
    assert_int_equal(mv_head_maps_of(model), 6); /* 112x112x3: mean and deviation of three */
    mv_model_free(&model);
}

static void a_block_transform_gives_low_coefficients_and_magnitudes_of_octaves(void **state)
{
    static float feature[64 * MV_HEAD_CELLS], maps[21 * MV_HEAD_CELLS];
    static const size_t low[6] = {0, 1, 2, 8, 9, 16};
    (void)state;
    for (size_t k = 0; k < 64 * (size_t)MV_HEAD_CELLS; k++) {
        feature[k] = 0.5F;
    }
    for (size_t c = 0; c < 64; c++) {
        feature[c * MV_HEAD_CELLS + 3] = 0.5F + 0.005F * (float)c; /* cell 3: all differ */
    }
    feature[17 * MV_HEAD_CELLS + 5] = 0.3F; /* cell 5: (2,1) alone, one of two of its octaves */
    mv_head_block_maps(maps, feature);
    for (size_t m = 0; m < 6; m++) {
        assert_float_equal(maps[m * MV_HEAD_CELLS], 0.5, 0);
        assert_float_equal(maps[m * MV_HEAD_CELLS + 3], feature[low[m] * MV_HEAD_CELLS + 3], 0);
    }
    for (size_t m = 6; m < 21; m++) {
        assert_float_equal(maps[m * MV_HEAD_CELLS], 0, 0);
        assert_float_equal(maps[m * MV_HEAD_CELLS + 5], m == 6 + 2 * 4 + 1 - 1 ? 0.2 : 0, 1e-6);
    }
    assert_float_equal(maps[6 * MV_HEAD_CELLS + 3], 0.01, 1e-6); /* (0,1) alone: c = 1 */
    /* the last: (4..7, 4..7), c from 36 to 63, in the mean 49.5 */
    assert_float_equal(maps[20 * MV_HEAD_CELLS + 3], 2 * 0.005 * 49.5, 1e-5);
}

static void the_shape_of_an_image_is_cropped_away(void **state)
{
    mv_image wide = {0}, square = {0}, a = {0}, b = {0};
    mv_phantom_opts opts = mv_phantom_defaults();
    (void)state;
    opts.width = opts.height = 100;
    assert_int_equal(mv_phantom_make(&square, &opts, NULL), MV_OK);
    assert_int_equal(mv_image_alloc(&wide, 141, 100, 1, 1, MV_SAMPLE_U8), MV_OK);
    for (size_t y = 0; y < 100; y++) {
        memcpy((uint8_t *)wide.sample + y * 141 + 20, (uint8_t *)square.sample + y * 100, 100);
    }
    assert_int_equal(mv_head_square(&a, &wide, NULL), MV_OK);
    assert_int_equal(mv_head_square(&b, &square, NULL), MV_OK);
    assert_int_equal(a.width, MV_HEAD_IMAGE_SIDE);
    assert_memory_equal(a.sample, b.sample, MV_HEAD_IMAGE_SIDE * MV_HEAD_IMAGE_SIDE);
    mv_image_clear(&wide);
    mv_image_clear(&square);
    mv_image_clear(&a);
    mv_image_clear(&b);
}

static void a_colour_image_of_equal_channels_is_the_gray_one(void **state)
{
    mv_image gray = {0}, rgb = {0}, a = {0}, b = {0};
    mv_phantom_opts opts = mv_phantom_defaults();
    (void)state;
    opts.width = 90;
    opts.height = 70;
    assert_int_equal(mv_phantom_make(&gray, &opts, NULL), MV_OK);
    assert_int_equal(mv_image_alloc(&rgb, 90, 70, 1, 3, MV_SAMPLE_U8), MV_OK);
    for (size_t k = 0; k < (size_t)90 * 70 * 3; k++) {
        mv_image_set(&rgb, k, mv_image_get(&gray, k / 3));
    }
    assert_int_equal(mv_head_square(&a, &gray, NULL), MV_OK);
    assert_int_equal(mv_head_square(&b, &rgb, NULL), MV_OK);
    assert_int_equal(b.channels, 1);
    assert_memory_equal(a.sample, b.sample, MV_HEAD_IMAGE_SIDE * MV_HEAD_IMAGE_SIDE);
    mv_image_clear(&gray);
    mv_image_clear(&rgb);
    mv_image_clear(&a);
    mv_image_clear(&b);
}

static void an_image_gets_an_embedding_and_the_scores_of_its_rows(void **state)
{
    mv_model *model = random_model();
    mv_model_info info;
    mv_head head = make_head();
    mv_image image = {0};
    mv_phantom_opts opts = mv_phantom_defaults();
    mv_embedding e = {{0}, {0}}, again = {{0}, {0}};
    float score[2];
    (void)state;
    mv_model_describe(&info, model);
    assert_int_equal(mv_phantom_make(&image, &opts, NULL), MV_OK);
    assert_int_equal(mv_head_embed_image(&e, score, &head, model, &image, NULL), MV_E_MISMATCH);
    memcpy(head.info.model_hash, info.hash, sizeof info.hash);
    assert_int_equal(mv_head_embed_image(&e, score, &head, model, &image, NULL), MV_OK);
    assert_int_equal(mv_head_embed_image(&again, NULL, &head, model, &image, NULL), MV_OK);
    assert_memory_equal(&e, &again, sizeof e);
    assert_int_equal(mv_embedding_check(&e), MV_OK);
    for (uint32_t k = 0; k < 2; k++) {
        double want = 0;
        for (size_t i = 0; i < MV_EMBEDDING_DIM; i++) {
            want += (double)mv_head_class_weights(&head, k)[i] * e.value[i] / MV_EMBEDDING_SCALE;
        }
        assert_float_equal(score[k], want, 1e-4);
    }
    mv_image_clear(&image);
    mv_model_free(&model);
    free(head.weights);
}

/* ---- training ---- */

/* Class 0: a bright left half; class 1: a bright right half; both noisy. */
static void fetch(void *user, float *maps, size_t i, mv_rand *rand)
{
    (void)user;
    for (size_t k = 0; k < MV_HEAD_CELLS; k++) {
        const bool right = k % MV_HEAD_SIDE >= MV_HEAD_SIDE / 2;
        maps[k] = (right == (i % 2 == 1) ? 0.6F : 0.4F) + (float)(0.1 * mv_rand_normal(rand));
    }
}

static void a_short_training_tells_left_from_right_and_repeats_itself(void **state)
{
    const uint32_t label[8] = {0, 1, 0, 1, 0, 1, 0, 1}, set[2] = {0, 0};
    const mv_head_data data = {
        .count = 8, .maps = 1, .classes = 2, .label = label, .set = set, .fetch = fetch};
    mv_head_train_opts opts = mv_head_train_defaults();
    const size_t count = mv_head_weight_count(1, 2);
    float *a = calloc(count, sizeof *a), *b = calloc(count, sizeof *b);
    static float maps[MV_HEAD_CELLS];
    float unit[MV_HEAD_DIM];
    mv_head_net *net = NULL;
    mv_rand rand = mv_rand_make(77);
    (void)state;
    assert_true(a != NULL && b != NULL);
    opts.steps = 30;
    opts.batch = 8;
    assert_int_equal(mv_head_train(a, &data, &opts, (mv_progress){0}, NULL), MV_OK);
    assert_int_equal(mv_head_train(b, &data, &opts, (mv_progress){0}, NULL), MV_OK);
    assert_memory_equal(a, b, count * sizeof *a);
    assert_int_equal(mv_head_net_new(&net, opts.table, 1, 1, false, NULL), MV_OK);
    assert_int_equal(mv_head_net_load(net, a, NULL), MV_OK);
    for (size_t i = 0; i < 10; i++) {
        double score[2] = {0, 0};
        fetch(NULL, maps, i, &rand);
        assert_int_equal(mv_head_net_forward(net, unit, maps, NULL), MV_OK);
        for (size_t k = 0; k < 2 * MV_HEAD_DIM; k++) {
            score[k / MV_HEAD_DIM] +=
                (double)(a + mv_head_class_offset(1))[k] * (double)unit[k % MV_HEAD_DIM];
        }
        assert_true((score[1] > score[0]) == (i % 2 == 1));
    }
    mv_head_net_free(&net);
    free(a);
    free(b);
}

/* How often versions were made, and which steps were checked. */
typedef struct course {
    unsigned made, checks;
    uint64_t checked[8];
} course;

static mv_status renew(void *user)
{
    course *c = user;
    return ++c->made > 3 ? MV_E_IO : MV_OK;
}

static mv_status check(void *user, uint64_t step, const float *weights)
{
    course *c = user;
    assert_true(isfinite(weights[0]));
    c->checked[c->checks++] = step;
    return MV_OK;
}

static void versions_are_made_anew_and_weights_checked_when_due(void **state)
{
    const uint32_t label[2] = {0, 1}, set[2] = {0, 0};
    course c = {.made = 0};
    mv_head_data data = {.count = 2,
                         .maps = 1,
                         .classes = 2,
                         .label = label,
                         .set = set,
                         .fetch = fetch,
                         .renew = renew,
                         .rounds = 3,
                         .user = &c};
    mv_head_train_opts opts = mv_head_train_defaults();
    float *w = calloc(mv_head_weight_count(1, 2), sizeof *w);
    (void)state;
    assert_non_null(w);
    opts.steps = 7;
    opts.batch = 2;
    opts.on_check = check;
    opts.check_every = 3;
    opts.user = &c;
    assert_int_equal(mv_head_train(w, &data, &opts, (mv_progress){0}, NULL), MV_OK);
    assert_int_equal(c.made, 3);
    assert_int_equal(c.checks, 3);
    assert_true(c.checked[0] == 3 && c.checked[1] == 6 && c.checked[2] == 7);
    assert_int_equal(mv_head_train(w, &data, &opts, (mv_progress){0}, NULL), MV_E_IO);
    free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_loss_has_the_gradient_that_differences_show),
        cmocka_unit_test(the_head_has_the_gradient_that_differences_show),
        cmocka_unit_test(a_head_file_comes_back_as_written),
        cmocka_unit_test(no_changed_or_shortened_head_file_is_read),
        cmocka_unit_test(impossible_fields_are_refused_even_under_a_right_hash),
        cmocka_unit_test(maps_are_means_and_deviations_of_cells),
        cmocka_unit_test(a_block_transform_gives_low_coefficients_and_magnitudes_of_octaves),
        cmocka_unit_test(the_shape_of_an_image_is_cropped_away),
        cmocka_unit_test(a_colour_image_of_equal_channels_is_the_gray_one),
        cmocka_unit_test(an_image_gets_an_embedding_and_the_scores_of_its_rows),
        cmocka_unit_test(a_short_training_tells_left_from_right_and_repeats_itself),
        cmocka_unit_test(versions_are_made_anew_and_weights_checked_when_due),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
