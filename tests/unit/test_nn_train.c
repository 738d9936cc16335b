/* SPDX-License-Identifier: Apache-2.0
 *
 * test_nn_train.c: losses, optimizers, augmentation, the start, and whole small training runs,
 * killed ones among them, on the portable kernels.
 */
#include "base/file.h"
#include "nn/nn_gan.h"
#include "nn/nn_init.h"
#include "nn/nn_train.h"
#include "nn/nn_transform.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- loss ---- */

static void check_loss_gradient(mv_loss_kind kind)
{
    enum { BATCH = 3, N = 20 };
    float y[BATCH * N], t[BATCH * N], dy[BATCH * N], ignored[BATCH * N];
    mv_rand rand = mv_rand_make(4);
    for (size_t k = 0; k < BATCH * N; k++) {
        y[k] = (float)mv_rand_unit(&rand);
        t[k] = (float)mv_rand_unit(&rand);
    }
    (void)mv_loss(dy, y, t, BATCH, N, kind, 1e-2);
    for (size_t k = 0; k < BATCH * N; k++) {
        const float keep = y[k];
        y[k] = keep + 0.0078125F; /* 2^-7: exact steps in float32 */
        const double up = (double)y[k] - (double)keep;
        const double above = mv_loss(ignored, y, t, BATCH, N, kind, 1e-2);
        y[k] = keep - 0.0078125F;
        const double down = (double)keep - (double)y[k];
        const double below = mv_loss(ignored, y, t, BATCH, N, kind, 1e-2);
        y[k] = keep;
        assert_true(fabs((above - below) / (up + down) - (double)dy[k]) < 1e-4);
    }
}

static void both_losses_have_the_gradient_that_differences_show(void **state)
{
    (void)state;
    check_loss_gradient(MV_LOSS_MSE);
    check_loss_gradient(MV_LOSS_LOG_MSE);
}

static void losses_have_their_defined_values(void **state)
{
    const float y[4] = {0.5F, 0.5F, 1, 1}, t[4] = {0, 0, 1, 0};
    float dy[4];
    (void)state;
    assert_float_equal(mv_loss(dy, y, t, 2, 2, MV_LOSS_MSE, 0), (0.25 + 0.5) / 2, 1e-12);
    assert_float_equal(mv_loss(dy, y, t, 2, 2, MV_LOSS_LOG_MSE, 0.1), (log(0.35) + log(0.6)) / 2,
                       1e-12);
}

/* ---- optimizers ---- */

static void optimizers_take_the_steps_of_their_formulas(void **state)
{
    float w[2] = {1, 1}, m[2] = {0}, v[2] = {0};
    const float g[2] = {0.5F, -2};
    (void)state;
    mv_optim_step(MV_OPTIM_ADAM, w, m, v, g, 2, 0.1, 1);
    assert_float_equal(w[0], 0.9F, 1e-6); /* the first step of Adam is rate times the sign */
    assert_float_equal(w[1], 1.1F, 1e-6);
    mv_optim_step(MV_OPTIM_ADAM, w, m, v, g, 2, 0.1, 2);
    assert_float_equal(w[0], 0.8F, 1e-6); /* and so is the second, for an equal gradient */

    float u[1] = {1}, p[1] = {0};
    const float one[1] = {1};
    mv_optim_step(MV_OPTIM_SGD, u, p, NULL, one, 1, 0.1, 1);
    mv_optim_step(MV_OPTIM_SGD, u, p, NULL, one, 1, 0.1, 2);
    assert_float_equal(u[0], 1 - 0.1 * (1 + 1.9), 1e-6);
}

static void clipping_shortens_long_gradients_only(void **state)
{
    float g[2] = {3, 4}, small[2] = {0.3F, 0.4F};
    (void)state;
    assert_float_equal(mv_gradient_clip(g, 2, 1), 5, 1e-6);
    assert_float_equal(g[0], 0.6F, 1e-6);
    assert_float_equal(mv_gradient_clip(small, 2, 1), 0.5, 1e-6);
    assert_float_equal(small[1], 0.4F, 0);
}

static void gradients_of_parts_become_their_mean(void **state)
{
    enum { COUNT = 2500, PARTS = 3 }; /* more than a block, and no multiple of anything */
    float g[PARTS * COUNT];
    double squares = 0;
    (void)state;
    for (size_t k = 0; k < PARTS * COUNT; k++) {
        g[k] = (float)(k % 7) - 2 * (float)(k / COUNT);
    }
    for (size_t k = 0; k < COUNT; k++) {
        const double mean =
            ((double)(k % 7) + (double)((COUNT + k) % 7 + (2 * COUNT + k) % 7)) / 3 - 2;
        squares += mean * mean;
    }
    assert_float_equal(mv_gradient_join(g, COUNT, PARTS, 1), sqrt(squares), 1e-3);
    assert_float_equal(mv_gradient_clip(g, COUNT, 0), 1, 1e-5);
    const double last = (2499 % 7 + 4999 % 7 + 7499 % 7) / 3.0 - 2;
    assert_float_equal(g[COUNT - 1], last / sqrt(squares), 1e-6);
}

static void the_rate_warms_up_then_falls_to_its_floor(void **state)
{
    (void)state;
    assert_true(mv_rate_at(0, 1, 0.01, 0.03) < 0.05);
    assert_true(mv_rate_at(0.015, 1, 0.01, 0.03) < mv_rate_at(0.03, 1, 0.01, 0.03));
    assert_float_equal(mv_rate_at(0.5, 1, 0.01, 0.03), 0.505, 1e-9);
    assert_float_equal(mv_rate_at(1, 1, 0.01, 0.03), 0.01, 1e-9);
    assert_float_equal(mv_rate_at(7, 1, 0.01, 0.03), 0.01, 1e-9);
}

/* ---- augmentation ---- */

static void flips_are_the_eight_symmetries_of_the_square_and_all_occur(void **state)
{
    enum { SIDE = 3 };
    uint8_t image[SIDE * SIDE];
    float patch[SIDE * SIDE];
    const mv_augment how = mv_augment_defaults();
    mv_rand rand = mv_rand_make(2);
    bool seen[SIDE * SIDE][SIDE * SIDE] = {{false}};
    int kinds = 0;
    (void)state;
    for (size_t k = 0; k < sizeof image; k++) {
        image[k] = (uint8_t)(10 * k);
    }
    for (int draw = 0; draw < 200; draw++) {
        mv_augment_patch(patch, SIDE, image, SIDE, SIDE, &how, &rand);
        const int corner = (int)lrintf(patch[0] * 25.5F), next = (int)lrintf(patch[1] * 25.5F);
        assert_float_equal(patch[4] * 255, 40, 1e-3);              /* the centre stays */
        assert_float_equal((patch[0] + patch[8]) * 255, 80, 1e-3); /* opposite corners too */
        assert_true(corner == 0 || corner == 2 || corner == 6 || corner == 8);
        assert_true(abs(next - corner) == 1 || abs(next - corner) == 3); /* a neighbour */
        kinds += !seen[corner][next];
        seen[corner][next] = true;
    }
    assert_int_equal(kinds, 8);
}

static void every_augmentation_stays_in_the_image_and_in_range(void **state)
{
    enum { H = 21, W = 33, SIDE = 16 };
    uint8_t image[H * W];
    float patch[SIDE * SIDE];
    mv_augment how = mv_augment_defaults();
    mv_rand rand = mv_rand_make(3);
    (void)state;
    how.scale_max = 2;
    how.noise = 0.1;
    how.gamma_max = 2;
    how.invert = 0.5;
    how.contrast = 0.3;
    for (size_t k = 0; k < sizeof image; k++) {
        image[k] = (uint8_t)mv_rand_below(&rand, 256);
    }
    for (int draw = 0; draw < 500; draw++) {
        mv_augment_patch(patch, SIDE, image, H, W, &how, &rand);
        for (size_t k = 0; k < SIDE * SIDE; k++) {
            assert_true(patch[k] >= 0 && patch[k] <= 1);
        }
    }
}

/* ---- a small network and small images ---- */

static const mv_nn_graph tiny = {
    .name = "tiny",
    .encoder = {{MV_NN_CONV3, MV_NN_RELU, 3, 8},
                {MV_NN_MAXPOOL2, MV_NN_LINEAR, 8, 8},
                {MV_NN_DENSE, MV_NN_SIGMOID, 8, 3}},
    .encoder_count = 3,
    .decoder = {{MV_NN_DENSE, MV_NN_SIGMOID, 3, 3},
                {MV_NN_CONV3, MV_NN_RELU, 3, 8},
                {MV_NN_UPSAMPLE2, MV_NN_LINEAR, 8, 8},
                {MV_NN_CONV3, MV_NN_SIGMOID, 8, 3}},
    .decoder_count = 4,
    .scale = 2,
    .image_channels = 3,
    .feature_channels = 3,
};

enum { IMAGES = 6, SIDE = 24 };

static uint8_t pixels[2 * IMAGES * SIDE * SIDE];

/* Soft blobs; the first IMAGES train, the others validate. */
static mv_train_data blobs(void)
{
    mv_rand rand = mv_rand_make(77);
    for (size_t i = 0; i < 2 * IMAGES; i++) {
        const double cy = 4 + 16 * mv_rand_unit(&rand), cx = 4 + 16 * mv_rand_unit(&rand);
        const double r = 4 + 6 * mv_rand_unit(&rand);
        for (size_t k = 0; k < SIDE * SIDE; k++) {
            const double y = (double)(k / SIDE) - cy, x = (double)(k % SIDE) - cx;
            pixels[i * SIDE * SIDE + k] =
                (uint8_t)(30 + 200 * exp(-(y * y + x * x) / (r * r)) + 8 * sin(y + x));
        }
    }
    const mv_train_data data = {
        .width = SIDE,
        .height = SIDE,
        .set = {{"blobs", {pixels, IMAGES}, {pixels + IMAGES * SIDE * SIDE, IMAGES}}},
        .set_count = 1,
    };
    return data;
}

static mv_train_opts small_opts(uint64_t steps)
{
    mv_train_opts o = mv_train_defaults();
    o.table = &mv_tensor_portable;
    o.steps = steps;
    o.seed = 7;
    o.batch = 4;
    o.patch = 12;
    o.rate = 1e-2;
    o.validate_every = steps;
    o.validate_images = 0;
    return o;
}

static mv_trainer *new_trainer(const mv_train_data *data, const mv_train_opts *o)
{
    mv_trainer *t = NULL;
    mv_error err = {0};
    if (mv_trainer_new(&t, &tiny, data, o, &err) != MV_OK) {
        fail_msg("%s", err.text);
    }
    return t;
}

static void take_steps(mv_trainer *t, int count)
{
    mv_error err = {0};
    double loss = 0;
    for (int k = 0; k < count; k++) {
        if (mv_trainer_step(t, &loss, &err) != MV_OK) {
            fail_msg("%s", err.text);
        }
    }
}

static void check_same_weights(mv_trainer *a, mv_trainer *b)
{
    assert_memory_equal(mv_trainer_weights(a), mv_trainer_weights(b),
                        mv_nn_graph_weights(&tiny) * sizeof(float));
}

/* A fresh folder for one test; name in it. */
static const char *scratch(const char *name)
{
    static char folder[64], path[128];
    if (folder[0] == '\0') {
        (void)snprintf(folder, sizeof folder, "%s", "/tmp/mv_test_train_XXXXXX");
        assert_non_null(mkdtemp(folder));
    }
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void remove_run(const char *path)
{
    char name[160];
    const char *const endings[] = {"", ".csv", ".svg"};
    for (size_t k = 0; k < 3; k++) {
        (void)snprintf(name, sizeof name, "%s%s", path, endings[k]);
        (void)unlink(name);
    }
}

/* ---- the start ---- */

static void a_looks_linear_network_starts_odd(void **state)
{
    const mv_nn_graph line = {
        .encoder = {{MV_NN_CONV3, MV_NN_RELU, 3, 8}, {MV_NN_CONV3, MV_NN_RELU, 8, 12}},
        .encoder_count = 2,
        .decoder = {{MV_NN_DENSE, MV_NN_LINEAR, 12, 5}},
        .decoder_count = 1,
    };
    const mv_nn_layer layers[] = {line.encoder[0], line.encoder[1], line.decoder[0]};
    const mv_net_shape shape = {1, 6, 7};
    const mv_net_opts opts = mv_net_defaults();
    float weights[2048], x[3 * 42], y[5 * 42], z[5 * 42];
    mv_rand rand = mv_rand_make(5);
    mv_net *net = NULL;
    mv_error err = {0};
    double size = 0;
    (void)state;
    assert_int_equal(mv_nn_init(weights, &line, &rand), MV_OK);
    assert_int_equal(mv_net_new(&net, &mv_tensor_portable, layers, 3, &shape, &opts, &err), MV_OK);
    assert_int_equal(mv_net_load(net, weights, &err), MV_OK);
    for (size_t k = 0; k < 3 * 42; k++) {
        x[k] = (float)mv_rand_normal(&rand);
    }
    assert_int_equal(mv_net_forward(net, y, x, &err), MV_OK);
    for (size_t k = 0; k < 3 * 42; k++) {
        x[k] = -x[k];
    }
    assert_int_equal(mv_net_forward(net, z, x, &err), MV_OK);
    for (size_t k = 0; k < 5 * 42; k++) {
        assert_float_equal(y[k] + z[k], 0, 1e-4); /* f(-x) = -f(x), as of a linear map */
        size += fabs((double)y[k]);
    }
    assert_true(size / (5 * 42) > 0.1);
    mv_net_free(&net);
}

/* ---- whole runs ---- */

static void a_tiny_run_reaches_its_stated_loss(void **state)
{
    const mv_train_data data = blobs();
    const mv_train_opts o = small_opts(300);
    mv_trainer *t = new_trainer(&data, &o);
    const mv_progress quiet = {NULL, NULL};
    mv_train_point before, after;
    mv_error err = {0};
    (void)state;
    assert_int_equal(mv_trainer_validate(t, &before, quiet, &err), MV_OK);
    take_steps(t, 300);
    assert_int_equal(mv_trainer_validate(t, &after, quiet, &err), MV_OK);
    print_message("loss %.3f, validation %.2f dB before, %.2f dB after\n", after.loss,
                  before.psnr_db[0], after.psnr_db[0]);
    assert_true(before.psnr_db[0] < 20);
    assert_true(after.loss < -6.0);
    assert_true(after.psnr_db[0] > 30);
    mv_trainer_free(&t);
}

static void sgd_learns_too(void **state)
{
    const mv_train_data data = blobs();
    mv_train_opts o = small_opts(300);
    const mv_progress quiet = {NULL, NULL};
    mv_train_point before, after;
    mv_error err = {0};
    (void)state;
    o.optimizer = MV_OPTIM_SGD;
    o.rate = 0.05;
    mv_trainer *t = new_trainer(&data, &o);
    assert_int_equal(mv_trainer_validate(t, &before, quiet, &err), MV_OK);
    take_steps(t, 300);
    assert_int_equal(mv_trainer_validate(t, &after, quiet, &err), MV_OK);
    assert_true(after.psnr_db[0] > before.psnr_db[0] + 5);
    mv_trainer_free(&t);
}

static void the_same_seed_gives_the_same_weights_and_another_seed_others(void **state)
{
    const mv_train_data data = blobs();
    mv_train_opts o = small_opts(20);
    (void)state;
    mv_trainer *a = new_trainer(&data, &o), *b = new_trainer(&data, &o);
    o.seed = 8;
    mv_trainer *c = new_trainer(&data, &o);
    take_steps(a, 20);
    take_steps(b, 20);
    take_steps(c, 20);
    check_same_weights(a, b);
    assert_memory_not_equal(mv_trainer_weights(a), mv_trainer_weights(c), 64);
    mv_trainer_free(&a);
    mv_trainer_free(&b);
    mv_trainer_free(&c);
}

static void check_threads_change_nothing(const mv_tensor_kernels *table)
{
    const mv_train_data data = blobs();
    const mv_progress quiet = {NULL, NULL};
    mv_train_opts o = small_opts(3);
    mv_train_point one, three;
    mv_error err = {0};
    o.table = table;
    o.batch = 48; /* three parts */
    o.patch = SIDE;
    mv_trainer *a = new_trainer(&data, &o);
    o.threads = 3;
    mv_trainer *b = new_trainer(&data, &o);
    take_steps(a, 3);
    take_steps(b, 3);
    check_same_weights(a, b);
    assert_int_equal(mv_trainer_validate(a, &one, quiet, &err), MV_OK);
    assert_int_equal(mv_trainer_validate(b, &three, quiet, &err), MV_OK);
    assert_true(one.psnr_db[0] == three.psnr_db[0]);
    mv_trainer_free(&a);
    mv_trainer_free(&b);
}

static void the_number_of_threads_does_not_change_the_weights(void **state)
{
    (void)state;
    check_threads_change_nothing(&mv_tensor_portable);
    check_threads_change_nothing(&mv_tensor_onednn);
}

static void a_batch_in_parts_has_the_gradient_of_the_whole(void **state)
{
    /* sixteen patches are one part, thirty-two two: with equal images and no flips or noise, both
     * batches hold the same patch many times and must take the same first step */
    mv_train_data data = blobs();
    mv_train_opts o = small_opts(1);
    (void)state;
    data.set[0].train.count = 1;
    o.patch = SIDE;
    o.augment.flip = false;
    o.feature_bits = 16; /* hardly any noise */
    o.optimizer = MV_OPTIM_SGD;
    o.rate = 1;
    o.clip = 0;
    o.batch = 16;
    mv_trainer *whole = new_trainer(&data, &o);
    o.batch = 32;
    mv_trainer *parts = new_trainer(&data, &o);
    take_steps(whole, 1);
    take_steps(parts, 1);
    for (size_t k = 0; k < mv_nn_graph_weights(&tiny); k++) {
        assert_float_equal(mv_trainer_weights(whole)[k], mv_trainer_weights(parts)[k], 1e-4);
    }
    mv_trainer_free(&whole);
    mv_trainer_free(&parts);
}

static void a_resumed_run_takes_exactly_the_same_steps(void **state)
{
    const mv_train_data data = blobs();
    const mv_train_opts o = small_opts(20);
    const char *path = scratch("resume.ckpt");
    mv_error err = {0};
    (void)state;
    mv_trainer *whole = new_trainer(&data, &o), *first = new_trainer(&data, &o);
    mv_trainer *second = new_trainer(&data, &o);
    take_steps(whole, 20);
    take_steps(first, 9);
    assert_int_equal(mv_trainer_save(first, path, &err), MV_OK);
    assert_int_equal(mv_trainer_restore(second, path, &err), MV_OK);
    assert_int_equal(mv_trainer_steps_done(second), 9);
    take_steps(second, 11);
    check_same_weights(whole, second);
    mv_trainer_free(&whole);
    mv_trainer_free(&first);
    mv_trainer_free(&second);
    remove_run(path);
}

enum { KILLED_STEPS = 400 };

static mv_status wait_at_half(void *user, const char *stage, uint64_t done, uint64_t total)
{
    (void)user;
    while (strcmp(stage, "training step") == 0 && done == total / 2) {
        (void)pause();
    }
    return MV_OK;
}

/* The child: train with a checkpoint after every step, to the middle at most, until killed. */
static void train_until_killed(const mv_train_data *data, const char *path)
{
    mv_train_opts o = small_opts(KILLED_STEPS);
    const mv_progress half = {wait_at_half, NULL};
    mv_trainer *t = NULL;
    o.checkpoint_s = 0;
    if (mv_trainer_new(&t, &tiny, data, &o, NULL) == MV_OK) {
        (void)!mv_train_run(t, path, half, NULL);
    }
    _exit(0);
}

static void a_run_killed_with_kill_9_goes_on_to_the_same_weights(void **state)
{
    const mv_train_data data = blobs();
    mv_train_opts o = small_opts(KILLED_STEPS);
    const mv_progress quiet = {NULL, NULL};
    const char *path = scratch("killed.ckpt");
    mv_error err = {0};
    struct stat s;
    int how = 0;
    (void)state;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        train_until_killed(&data, path);
    }
    while (stat(path, &s) != 0) {
        usleep(500);
    }
    usleep(20000);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how)); /* it was still at work */

    mv_trainer *whole = new_trainer(&data, &o);
    take_steps(whole, KILLED_STEPS);
    o.resume = true;
    mv_trainer *resumed = new_trainer(&data, &o);
    assert_int_equal(mv_train_run(resumed, path, quiet, &err), MV_OK);
    assert_int_equal(mv_trainer_steps_done(resumed), KILLED_STEPS);
    check_same_weights(whole, resumed);
    mv_trainer_free(&whole);
    mv_trainer_free(&resumed);
    remove_run(path);
}

static mv_status stop_at_five(void *user, const char *stage, uint64_t done, uint64_t total)
{
    (void)user;
    (void)total;
    return strcmp(stage, "training step") == 0 && done == 5 ? MV_E_INTERRUPTED : MV_OK;
}

static void an_interrupted_run_leaves_a_checkpoint_of_that_step(void **state)
{
    const mv_train_data data = blobs();
    const mv_train_opts o = small_opts(20);
    const char *path = scratch("stop.ckpt");
    const mv_progress stop = {stop_at_five, NULL};
    mv_error err = {0};
    (void)state;
    mv_trainer *t = new_trainer(&data, &o), *again = new_trainer(&data, &o);
    assert_int_equal(mv_train_run(t, path, stop, &err), MV_E_INTERRUPTED);
    assert_int_equal(mv_trainer_restore(again, path, &err), MV_OK);
    assert_int_equal(mv_trainer_steps_done(again), 5);
    mv_trainer_free(&t);
    mv_trainer_free(&again);
    remove_run(path);
}

static void damaged_foreign_and_missing_checkpoints_are_refused(void **state)
{
    const mv_train_data data = blobs();
    mv_train_data fewer = data;
    const mv_train_opts o = small_opts(20);
    const char *path = scratch("bad.ckpt");
    mv_buffer file = mv_buffer_make(1 << 20);
    mv_error err = {0};
    (void)state;
    mv_trainer *t = new_trainer(&data, &o);
    fewer.set[0].train.count--;
    mv_trainer *other = new_trainer(&fewer, &o);

    assert_int_equal(mv_trainer_restore(t, path, &err), MV_E_NOT_FOUND);
    assert_int_equal(mv_trainer_save(t, path, &err), MV_OK);
    assert_int_equal(mv_trainer_restore(other, path, &err), MV_E_MISMATCH);
    assert_int_equal(mv_file_read(&file, path, &err), MV_OK);
    for (size_t at = 0; at < file.len; at += 97) {
        file.bytes[at] ^= 1;
        assert_int_equal(mv_file_write(path, file.bytes, file.len, MV_OUTPUT_FORCE, &err), MV_OK);
        assert_int_equal(mv_trainer_restore(t, path, &err), MV_E_FORMAT);
        file.bytes[at] ^= 1;
    }
    for (size_t len = 0; len < file.len; len += 301) {
        assert_int_equal(mv_file_write(path, file.bytes, len, MV_OUTPUT_FORCE, &err), MV_OK);
        assert_int_equal(mv_trainer_restore(t, path, &err), MV_E_FORMAT);
    }
    mv_buffer_clear(&file);
    mv_trainer_free(&t);
    mv_trainer_free(&other);
    remove_run(path);
}

static void a_loss_that_is_not_a_number_stops_with_a_sentence(void **state)
{
    const mv_train_data data = blobs();
    mv_train_opts o = small_opts(50);
    mv_error err = {0};
    mv_status st = MV_OK;
    double loss = 0;
    (void)state;
    o.rate = 1e38;
    mv_trainer *t = new_trainer(&data, &o);
    for (int k = 0; k < 50 && st == MV_OK; k++) {
        st = mv_trainer_step(t, &loss, &err);
    }
    assert_int_equal(st, MV_E_RANGE);
    assert_non_null(strstr(err.text, "diverged"));
    assert_non_null(strstr(err.hint, "--rate"));
    mv_trainer_free(&t);
}

static void patience_stops_a_run_that_gains_nothing(void **state)
{
    const mv_train_data data = blobs();
    mv_train_opts o = small_opts(100);
    const mv_progress quiet = {NULL, NULL};
    const char *path = scratch("patience.ckpt");
    mv_error err = {0};
    (void)state;
    o.rate = 1e-30;
    o.rate_floor = 0;
    o.validate_every = 2;
    o.patience = 3;
    mv_trainer *t = new_trainer(&data, &o);
    assert_int_equal(mv_train_run(t, path, quiet, &err), MV_OK);
    assert_int_equal(mv_trainer_steps_done(t), 8); /* one that is best, three that are not */
    mv_trainer_free(&t);
    remove_run(path);
}

static void the_curve_stands_beside_the_checkpoint(void **state)
{
    const mv_train_data data = blobs();
    mv_train_opts o = small_opts(6);
    const mv_progress quiet = {NULL, NULL};
    const char *path = scratch("curve.ckpt");
    char name[160];
    mv_buffer csv = mv_buffer_make(1 << 16), svg = mv_buffer_make(1 << 16);
    mv_error err = {0};
    size_t points = 0;
    (void)state;
    o.validate_every = 2;
    mv_trainer *t = new_trainer(&data, &o);
    assert_int_equal(mv_train_run(t, path, quiet, &err), MV_OK);
    (void)mv_trainer_curve(t, &points);
    assert_int_equal(points, 3);
    (void)snprintf(name, sizeof name, "%s.csv", path);
    assert_int_equal(mv_file_read(&csv, name, &err), MV_OK);
    (void)snprintf(name, sizeof name, "%s.svg", path);
    assert_int_equal(mv_file_read(&svg, name, &err), MV_OK);
    assert_int_equal(mv_buffer_put_u8(&csv, 0), MV_OK);
    assert_int_equal(mv_buffer_put_u8(&svg, 0), MV_OK);
    assert_non_null(strstr((char *)csv.bytes, "step,seconds,rate,loss,blobs_psnr_db\n2,"));
    assert_non_null(strstr((char *)csv.bytes, "\n6,"));
    assert_non_null(strstr((char *)svg.bytes, "<polyline"));
    assert_non_null(strstr((char *)svg.bytes, "</svg>\n"));
    mv_buffer_clear(&csv);
    mv_buffer_clear(&svg);
    mv_trainer_free(&t);
    remove_run(path);
}

static void options_that_cannot_work_are_refused(void **state)
{
    mv_train_data data = blobs();
    mv_trainer *t = NULL;
    mv_error err = {0};
    mv_train_opts o = small_opts(10);
    (void)state;
    o.patch = 13; /* odd: the network halves */
    assert_int_equal(mv_trainer_new(&t, &tiny, &data, &o, &err), MV_E_ARGUMENT);
    o.patch = SIDE + 2;
    assert_int_equal(mv_trainer_new(&t, &tiny, &data, &o, &err), MV_E_ARGUMENT);
    o = small_opts(10);
    data.set[0].train.count = 0;
    assert_int_equal(mv_trainer_new(&t, &tiny, &data, &o, &err), MV_E_ARGUMENT);
    assert_null(t);
}

/* ---- transform, rounding, critic ---- */

/* A transform with one residual branch each side, as model resnet has, but small. */
static const mv_nn_graph block_net = {
    .name = "block",
    .encoder = {{MV_NN_BLOCK8, MV_NN_LINEAR, 1, 64},
                {MV_NN_DENSE, MV_NN_LINEAR, 64, 64, .start = MV_NN_START_ANALYSIS,
                 .slow = INFINITY},
                {MV_NN_ASINH, MV_NN_LINEAR, 64, 64},
                {MV_NN_DENSE, MV_NN_LINEAR, 64, 64, .start = MV_NN_START_LEVEL, .slow = INFINITY}},
    .encoder_count = 4,
    .decoder = {{MV_NN_DENSE, MV_NN_LINEAR, 64, 64, .start = MV_NN_START_UNLEVEL, .slow = INFINITY},
                {MV_NN_DENSE, MV_NN_RELU, 64, 8, .start = MV_NN_START_RANDOM},
                {MV_NN_DENSE, MV_NN_LINEAR, 8, 64, .start = MV_NN_START_ZERO, .slow = 10},
                {MV_NN_ADD, MV_NN_LINEAR, 64, 64, .other = 1},
                {MV_NN_SINH, MV_NN_LINEAR, 64, 64},
                {MV_NN_DENSE, MV_NN_LINEAR, 64, 64, .start = MV_NN_START_SYNTHESIS,
                 .slow = INFINITY},
                {MV_NN_UNBLOCK8, MV_NN_LINEAR, 64, 1}},
    .decoder_count = 7,
    .scale = 8,
    .image_channels = 1,
    .feature_channels = 64,
    .code_channels = 64,
};

static mv_trainer *new_block_trainer(const mv_train_data *data, double adversary, uint64_t seed)
{
    mv_train_opts o = small_opts(20);
    mv_trainer *t = NULL;
    mv_error err = {0};
    o.patch = 16;
    o.seed = seed;
    o.rate = 1e-3;
    o.loss_constant = 1e-5;
    o.round_part = 0.5;
    o.adversary = adversary;
    if (mv_trainer_new(&t, &block_net, data, &o, &err) != MV_OK) {
        fail_msg("%s", err.text);
    }
    return t;
}

static double validate(mv_trainer *t)
{
    mv_train_point point;
    mv_error err = {0};
    assert_int_equal(mv_trainer_validate(t, &point, (mv_progress){NULL, NULL}, &err), MV_OK);
    return point.score_db;
}

static void a_transform_is_a_codec_before_any_training(void **state)
{
    const mv_train_data data = blobs();
    mv_trainer *t = new_block_trainer(&data, 0, 1);
    (void)state;
    assert_true(validate(t) > 50); /* 8 bits for each of the 64 coefficients */
    mv_trainer_free(&t);
}

static void fixed_layers_stay_and_others_move(void **state)
{
    const mv_train_data data = blobs();
    mv_trainer *t = new_block_trainer(&data, 0, 1);
    const size_t decoder = mv_nn_decoder_offset(&block_net, 0);
    const size_t branch = mv_nn_decoder_offset(&block_net, 1);
    const size_t after = mv_nn_decoder_offset(&block_net, 5);
    const size_t all = mv_nn_graph_weights(&block_net);
    float *before = malloc(all * sizeof *before);
    (void)state;
    assert_non_null(before);
    memcpy(before, mv_trainer_weights(t), all * sizeof *before);
    take_steps(t, 3);
    const float *now = mv_trainer_weights(t);
    assert_memory_equal(now, before, branch * sizeof *before);
    assert_true(decoder < branch);
    assert_memory_equal(now + after, before + after, (all - after) * sizeof *before);
    assert_memory_not_equal(now + branch, before + branch, (after - branch) * sizeof *before);
    free(before);
    mv_trainer_free(&t);
}

static void all_networks_get_the_same_transform_from_the_same_images(void **state)
{
    const mv_train_data data = blobs();
    mv_transform a, b;
    const mv_transform_images set = {pixels, IMAGES};
    mv_rand ra = mv_rand_make(1), rb = mv_rand_make(1);
    (void)state;
    (void)data;
    assert_int_equal(mv_transform_fit(&a, &block_net, &set, 1, SIDE, SIDE, &ra), MV_OK);
    assert_int_equal(mv_transform_fit(&b, &block_net, &set, 1, SIDE, SIDE, &rb), MV_OK);
    assert_memory_equal(&a, &b, sizeof a);
    for (size_t c = 0; c < 64; c++) {
        assert_true(a.span[c] > 0 && a.bend[c] > 0 && isfinite(a.span[c] / a.bend[c]));
    }
}

/* L_D or -weight * mean(D(output)), through the part's own losses. */
static void a_critics_gradients_are_those_that_differences_show(void **state)
{
    enum { SIDE_ = 8, BATCH = 2, N = BATCH * SIDE_ * SIDE_ };
    float image[N], output[N], d_output[N] = {0}, ignored[N] = {0};
    double loss = 0, above = 0, below = 0;
    mv_rand rand = mv_rand_make(12);
    mv_gan_state g = {0, NULL, NULL, NULL};
    mv_gan_part *part = NULL;
    mv_error err = {0};
    (void)state;
    assert_int_equal(mv_gan_start(&g, &rand, &err), MV_OK);
    assert_int_equal(mv_gan_part_new(&part, &mv_tensor_portable, BATCH, SIDE_, false, &err), MV_OK);
    for (size_t k = 0; k < N; k++) {
        image[k] = (float)mv_rand_unit(&rand);
        output[k] = (float)mv_rand_unit(&rand);
    }
    float *gradient = calloc(g.count, sizeof *gradient), *spare = calloc(g.count, sizeof *spare);
    assert_true(gradient != NULL && spare != NULL);
    assert_int_equal(mv_gan_part_load(part, &g, &err), MV_OK);
    assert_int_equal(mv_gan_part_run(part, gradient, &loss, d_output, image, output, 0.3, &err),
                     MV_OK);
    for (size_t k = 0; k < g.count; k += 997) {
        const float keep = g.weights[k], h = 0x1p-12F;
        g.weights[k] = keep + h;
        assert_int_equal(mv_gan_part_load(part, &g, &err), MV_OK);
        assert_int_equal(mv_gan_part_run(part, spare, &above, ignored, image, output, 0, &err),
                         MV_OK);
        g.weights[k] = keep - h;
        assert_int_equal(mv_gan_part_load(part, &g, &err), MV_OK);
        assert_int_equal(mv_gan_part_run(part, spare, &below, ignored, image, output, 0, &err),
                         MV_OK);
        g.weights[k] = keep;
        assert_true(fabs((above - below) / (2 * (double)h) - (double)gradient[k]) < 2e-2);
    }
    /* pleasing the critic lowers its loss on the other side: with every score of a reconstruction
     * within the hinge, L_D falls by mean(D) as L_G's part rises */
    assert_true(loss > 0);
    double size = 0;
    for (size_t k = 0; k < N; k++) {
        size += fabs((double)d_output[k]);
    }
    assert_true(size > 0);
    free(gradient);
    free(spare);
    mv_gan_part_free(&part);
    mv_gan_clear(&g);
}

static void a_critic_changes_the_steps_and_survives_resume(void **state)
{
    const mv_train_data data = blobs();
    const char *path = scratch("critic.ckpt");
    mv_trainer *with = new_block_trainer(&data, 0.3, 1), *without = new_block_trainer(&data, 0, 1);
    mv_trainer *resumed = new_block_trainer(&data, 0.3, 1);
    const size_t bytes = mv_nn_graph_weights(&block_net) * sizeof(float);
    mv_error err = {0};
    (void)state;
    take_steps(with, 3);
    take_steps(without, 3);
    assert_memory_not_equal(mv_trainer_weights(with), mv_trainer_weights(without), bytes);
    assert_int_equal(mv_trainer_save(with, path, &err), MV_OK);
    assert_int_equal(mv_trainer_restore(without, path, &err), MV_E_MISMATCH);
    assert_int_equal(mv_trainer_restore(resumed, path, &err), MV_OK);
    take_steps(with, 3);
    take_steps(resumed, 3);
    assert_memory_equal(mv_trainer_weights(with), mv_trainer_weights(resumed), bytes);
    remove_run(path);
    mv_trainer_free(&with);
    mv_trainer_free(&without);
    mv_trainer_free(&resumed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_losses_have_the_gradient_that_differences_show),
        cmocka_unit_test(losses_have_their_defined_values),
        cmocka_unit_test(optimizers_take_the_steps_of_their_formulas),
        cmocka_unit_test(clipping_shortens_long_gradients_only),
        cmocka_unit_test(gradients_of_parts_become_their_mean),
        cmocka_unit_test(the_rate_warms_up_then_falls_to_its_floor),
        cmocka_unit_test(flips_are_the_eight_symmetries_of_the_square_and_all_occur),
        cmocka_unit_test(every_augmentation_stays_in_the_image_and_in_range),
        cmocka_unit_test(a_looks_linear_network_starts_odd),
        cmocka_unit_test(a_tiny_run_reaches_its_stated_loss),
        cmocka_unit_test(sgd_learns_too),
        cmocka_unit_test(the_same_seed_gives_the_same_weights_and_another_seed_others),
        cmocka_unit_test(the_number_of_threads_does_not_change_the_weights),
        cmocka_unit_test(a_batch_in_parts_has_the_gradient_of_the_whole),
        cmocka_unit_test(a_resumed_run_takes_exactly_the_same_steps),
        cmocka_unit_test(a_run_killed_with_kill_9_goes_on_to_the_same_weights),
        cmocka_unit_test(an_interrupted_run_leaves_a_checkpoint_of_that_step),
        cmocka_unit_test(damaged_foreign_and_missing_checkpoints_are_refused),
        cmocka_unit_test(a_loss_that_is_not_a_number_stops_with_a_sentence),
        cmocka_unit_test(patience_stops_a_run_that_gains_nothing),
        cmocka_unit_test(the_curve_stands_beside_the_checkpoint),
        cmocka_unit_test(options_that_cannot_work_are_refused),
        cmocka_unit_test(a_transform_is_a_codec_before_any_training),
        cmocka_unit_test(fixed_layers_stay_and_others_move),
        cmocka_unit_test(all_networks_get_the_same_transform_from_the_same_images),
        cmocka_unit_test(a_critics_gradients_are_those_that_differences_show),
        cmocka_unit_test(a_critic_changes_the_steps_and_survives_resume),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
