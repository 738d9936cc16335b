/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_train.c: the training step and the run around it.
 */
#include "base/clock.h"
#include "base/large.h"
#include "base/pool.h"
#include "nn/nn_init.h"
#include "nn/nn_train_internal.h"
#include "nn/nn_transform.h"

#include <math.h>
#include <string.h>

enum { BATCH_MAX = 256, PART_PIXELS = 96 * 96, ALIGNMENT = 64 };

mv_train_opts mv_train_defaults(void)
{
    const mv_train_opts opts = {
        .table = mv_tensor_best(),
        .threads = 1,
        .steps = 4000,
        .seed = 1,
        .batch = 16,
        .patch = 48,
        .feature_bits = 8,
        .optimizer = MV_OPTIM_ADAM,
        .rate = 2e-3,
        .rate_floor = 1e-5,
        .warm_up = 0.03,
        .clip = 1,
        .loss = MV_LOSS_LOG_MSE,
        .loss_constant = 1e-4,
        .adversary_rate = 2e-4,
        .bf16_until = 0.8,
        .augment = mv_augment_defaults(),
        .validate_every = 500,
        .validate_images = 16,
        .checkpoint_s = 30,
    };
    return opts;
}

static size_t batch_image_count(const mv_trainer *t)
{
    return (size_t)t->opts.batch * t->graph->image_channels * t->opts.patch * t->opts.patch;
}

static size_t batch_feature_count(const mv_trainer *t)
{
    const size_t side = t->opts.patch / t->graph->scale;
    return (size_t)t->opts.batch * t->graph->feature_channels * side * side;
}

static mv_status check(const mv_trainer *t, mv_error *err)
{
    const mv_train_data *data = t->data;
    const mv_train_opts *o = &t->opts;
    mv_status st = MV_OK;

    MV_REQUIRE(data->set_count >= 1 && data->set_count <= MV_TRAIN_SETS_MAX, err, MV_E_ARGUMENT,
               "training takes 1 to %d data sets", MV_TRAIN_SETS_MAX);
    for (size_t i = 0; i < data->set_count; i++) {
        MV_REQUIRE(data->set[i].train.count != 0, err, MV_E_ARGUMENT,
                   "data set %s has no training image", data->set[i].name);
    }
    MV_REQUIRE(o->batch >= 1 && o->batch <= BATCH_MAX && o->patch >= 2 * t->graph->scale &&
                   o->patch % t->graph->scale == 0 && o->patch <= data->width &&
                   o->patch <= data->height && o->patch <= 4096,
               err, MV_E_ARGUMENT,
               "a patch of %u does not fit %ux%u images (it must be a multiple of %u)",
               (unsigned)o->patch, (unsigned)data->width, (unsigned)data->height,
               (unsigned)t->graph->scale);
    MV_REQUIRE(o->adversary == 0 || (t->graph->image_channels == 1 && o->patch % 4 == 0), err,
               MV_E_ARGUMENT, "a critic needs a network of gray images and patches of whole 4x4");
    MV_REQUIRE(data->width % t->graph->scale == 0 && data->height % t->graph->scale == 0, err,
               MV_E_ARGUMENT, "image sides must be multiples of %u", (unsigned)t->graph->scale);
    MV_REQUIRE(o->feature_bits >= 1 && o->feature_bits <= 16 && o->validate_every >= 1 &&
                   (o->steps != 0 || o->minutes > 0) && o->rate > 0,
               err, MV_E_ARGUMENT, "a training option is out of range");
done:
    return st;
}

/* Patches that are computed together: about PART_PIXELS, more of them where the layers work on a
 * coarser grid than that of cnn; and a divisor of the batch. */
static uint32_t part_of(const mv_train_opts *o, const mv_nn_graph *graph)
{
    uint32_t part = PART_PIXELS * (graph->scale < 2 ? 1 : graph->scale / 2) / (o->patch * o->patch);
    part = part < 1 ? 1 : part > o->batch ? o->batch : part;
    while (o->batch % part != 0) {
        part--;
    }
    return part;
}

typedef struct array {
    float **at;
    size_t count;
} array;

/* Floats of an array, so that the next one starts on a line of the cache. */
static size_t padded(size_t count)
{
    const size_t line = ALIGNMENT / sizeof(float);
    return (count + line - 1) / line * line;
}

/* All of these out of one block, zero. */
static float *allocate_block(const array *part, size_t count)
{
    size_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += padded(part[i].count);
    }
    float *block = mv_large_new(sum * sizeof *block);
    float *next = block;
    for (size_t i = 0; block != NULL && i < count; i++) {
        *part[i].at = next;
        next += padded(part[i].count);
    }
    return block;
}

static size_t most_validation_images(const mv_train_data *data)
{
    size_t most = 1;
    for (size_t i = 0; i < data->set_count; i++) {
        const size_t count = data->set[i].validation.count;
        most = count > most ? count : most;
    }
    return most;
}

static mv_status allocate(mv_trainer *t, mv_error *err)
{
    const size_t n = t->weight_count, image = batch_image_count(t), f = batch_feature_count(t);
    const size_t pixels = (size_t)t->data->width * t->data->height;
    const size_t cells = pixels / (t->graph->scale * t->graph->scale);
    array part[10 + 3 * WORKERS_MAX] = {
        {&t->state.weights, n},
        {&t->state.m, n},
        {&t->state.v, n},
        {&t->state.best, n},
        {&t->gradient, t->parts * n},
        {&t->image, image},
        {&t->output, image},
        {&t->d_output, image},
        {&t->feature, f},
        {&t->d_feature, f},
    };
    size_t count = 10;
    for (unsigned w = 0; w < t->opts.threads; w++) {
        part[count++] = (array){&t->worker[w].image, pixels * t->graph->image_channels};
        part[count++] = (array){&t->worker[w].output, pixels * t->graph->image_channels};
        part[count++] = (array){&t->worker[w].feature, cells * t->graph->feature_channels};
    }
    t->block = allocate_block(part, count);
    t->noise = calloc(f, sizeof *t->noise);
    t->part_loss = calloc(t->parts, sizeof *t->part_loss);
    t->measured = calloc(most_validation_images(t->data), sizeof *t->measured);
    t->state.curve = calloc(CURVE_MAX, sizeof *t->state.curve);
    if (t->block == NULL || t->noise == NULL || t->part_loss == NULL || t->measured == NULL ||
        t->state.curve == NULL) {
        return mv_fail(err, MV_E_MEMORY, "out of memory for training");
    }
    return MV_OK;
}

static void find_steps(float *step, const mv_nn_graph *graph, uint32_t code_bits)
{
    uint8_t bits[MV_NET_CHANNELS_MAX];
    mv_nn_field_bits(bits, graph, code_bits);
    for (size_t c = 0; c < graph->feature_channels; c++) {
        step[c] = mv_nn_field_step(bits[c]);
    }
}

/* Where the network starts as a transform: one that suits the training images. It has a generator
 * of its own, so that all networks have the same. */
static mv_status fit_transform(mv_trainer *t)
{
    mv_status st = MV_OK;
    mv_transform transform;
    mv_transform_images set[MV_TRAIN_SETS_MAX];
    mv_rand rand = mv_rand_make(t->opts.seed);

    if (!mv_transform_used(t->graph)) {
        return MV_OK;
    }
    for (size_t i = 0; i < t->data->set_count; i++) {
        set[i] = (mv_transform_images){t->data->set[i].train.pixel, t->data->set[i].train.count};
    }
    MV_TRY(mv_transform_fit(&transform, t->graph, set, t->data->set_count, t->data->height,
                            t->data->width, &rand));
    mv_transform_start(t->state.weights, t->graph, &transform);
done:
    return st;
}

void mv_trainer_start_from(mv_trainer *t, const float *weights)
{
    mv_trainer_settle(t);
    memcpy(t->state.weights, weights, t->weight_count * sizeof *weights);
    memcpy(t->state.best, weights, t->weight_count * sizeof *weights);
}

static mv_status make_critic(mv_trainer *t, mv_error *err)
{
    mv_status st = MV_OK;
    if (t->opts.adversary == 0) {
        return MV_OK;
    }
    MV_TRY(mv_gan_start(&t->state.critic, &t->state.rand, err));
    t->critic_gradient = calloc(t->parts, t->state.critic.count * sizeof *t->critic_gradient);
    t->critic_loss = calloc(t->parts, sizeof *t->critic_loss);
    MV_REQUIRE(t->critic_gradient != NULL && t->critic_loss != NULL, err, MV_E_MEMORY,
               "out of memory for training");
done:
    return st;
}

mv_status mv_trainer_new(mv_trainer **out, const mv_nn_graph *graph, const mv_train_data *data,
                         const mv_train_opts *opts, mv_error *err)
{
    mv_status st = MV_OK;
    mv_trainer *t = calloc(1, sizeof *t);

    MV_REQUIRE(t != NULL, err, MV_E_MEMORY, "out of memory for training");
    t->graph = graph;
    t->data = data;
    t->opts = *opts;
    t->weight_count = mv_nn_graph_weights(graph);
    MV_TRY(check(t, err));
    t->opts.threads = opts->threads < 1             ? 1
                      : opts->threads > WORKERS_MAX ? WORKERS_MAX
                                                    : opts->threads;
    t->part = part_of(opts, graph);
    t->parts = opts->batch / t->part;
    MV_TRY(allocate(t, err));
    t->state.best_db = -1;
    t->state.rand = mv_rand_make(opts->seed);
    find_steps(t->step, graph, opts->feature_bits);
    MV_TRY(mv_nn_init(t->state.weights, graph, &t->state.rand));
    MV_TRY(fit_transform(t));
    MV_TRY(make_critic(t, err));
    memcpy(t->state.best, t->state.weights, t->weight_count * sizeof(float));
    mv_train_fingerprint(t->fingerprint, t);
    *out = t;
    t = NULL;
done:
    mv_trainer_free(&t);
    return st;
}

void mv_trainer_free(mv_trainer **trainer)
{
    mv_trainer *t = *trainer;
    if (t == NULL) {
        return;
    }
    for (unsigned w = 0; w < WORKERS_MAX; w++) {
        mv_net_free(&t->worker[w].encoder);
        mv_net_free(&t->worker[w].decoder);
        mv_gan_part_free(&t->worker[w].critic);
        mv_net_free(&t->worker[w].whole_encoder);
        mv_net_free(&t->worker[w].whole_decoder);
    }
    free(t->noise);
    mv_gan_clear(&t->state.critic);
    free(t->critic_gradient);
    free(t->critic_loss);
    free(t->part_loss);
    free(t->measured);
    free(t->state.curve);
    free(t->block);
    free(t);
    *trainer = NULL;
}

/* Part of the run that is done, 0..1. */
static double fraction(const mv_trainer *t)
{
    const double f = t->opts.steps != 0 ? (double)t->state.step / (double)t->opts.steps
                                        : t->state.seconds / (60 * t->opts.minutes);
    return f < 1 ? f : 1;
}

/* One thread's nets for a part of a batch. */
static mv_status make_nets(mv_trainer *t, mv_train_worker *w, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_nn_graph *g = t->graph;
    const uint32_t side = t->opts.patch;
    const mv_net_shape pixels = {t->part, side, side};
    const mv_net_shape features = {t->part, side / g->scale, side / g->scale};
    mv_net_opts o = mv_net_defaults();

    mv_net_free(&w->encoder);
    mv_net_free(&w->decoder);
    mv_gan_part_free(&w->critic);
    w->loaded = 0;
    o.training = true;
    o.own_order = true;
    o.bf16 = t->bf16;
    MV_TRY(mv_net_new(&w->encoder, t->opts.table, g->encoder, g->encoder_count, &pixels, &o, err));
    o.input_gradient = true;
    MV_TRY(
        mv_net_new(&w->decoder, t->opts.table, g->decoder, g->decoder_count, &features, &o, err));
    if (t->state.critic.count != 0) {
        MV_TRY(mv_gan_part_new(&w->critic, t->opts.table, t->part, side, t->bf16, err));
    }
done:
    return st;
}

/* One array of weights from plain order to that of the training nets, or back, by way of to. */
static void turn(float *weights, float *to, const uint32_t *order, size_t count, bool back)
{
    if (order == NULL) {
        return;
    }
    for (size_t k = 0; k < count; k++) {
        const size_t plain = order[k];
        to[back ? plain : k] = weights[back ? k : plain];
    }
    memcpy(weights, to, count * sizeof *weights);
}

/* Weights and moments, which change in every step, lie as the training nets want them; whoever else
 * reads them calls mv_trainer_settle first. The gradient's place is free between steps. */
static void set_order(mv_trainer *t, bool ordered)
{
    mv_train_state *s = &t->state;
    float *const changing[] = {s->weights, s->m, s->v};
    const size_t at = mv_nn_decoder_offset(t->graph, 0);

    for (size_t i = 0; t->ordered != ordered && i < sizeof changing / sizeof changing[0]; i++) {
        const mv_train_worker *w = &t->worker[0];
        turn(changing[i], t->gradient, mv_net_order(w->encoder), at, !ordered);
        turn(changing[i] + at, t->gradient, mv_net_order(w->decoder), t->weight_count - at,
             !ordered);
    }
    t->ordered = ordered;
}

void mv_trainer_settle(mv_trainer *t)
{
    set_order(t, false);
}

/* Nets in the arithmetic of this part of the run. */
static mv_status prepare_nets(mv_trainer *t, mv_error *err)
{
    mv_status st = MV_OK;
    const bool bf16 = fraction(t) < t->opts.bf16_until && mv_tensor_has_bf16(t->opts.table);

    if (t->nets_made && bf16 == t->bf16) {
        return MV_OK;
    }
    mv_trainer_settle(t);
    t->nets_made = false;
    t->bf16 = bf16;
    for (unsigned w = 0; w < t->opts.threads; w++) {
        MV_TRY(make_nets(t, &t->worker[w], err));
    }
    t->nets_made = true;
    if (t->opts.on_phase != NULL) {
        t->opts.on_phase(t->opts.user, bf16 ? "bf16" : "f32", t->state.step);
    }
done:
    return st;
}

/* t->image: a batch of patches, each gray plane repeated in every channel. */
static void draw_batch(mv_trainer *t)
{
    const mv_train_data *data = t->data;
    const size_t side = t->opts.patch, plane = side * side, channels = t->graph->image_channels;
    mv_rand *rand = &t->state.rand;

    for (size_t b = 0; b < t->opts.batch; b++) {
        const mv_train_images *set =
            &data->set[mv_rand_below(rand, (uint32_t)data->set_count)].train;
        const size_t i = mv_rand_below(rand, (uint32_t)set->count);
        float *patch = t->image + b * channels * plane;
        mv_augment_patch(patch, side, set->pixel + i * data->width * data->height, data->height,
                         data->width, &t->opts.augment, rand);
        for (size_t c = 1; c < channels; c++) {
            memcpy(patch + c * plane, patch, plane * sizeof *patch);
        }
    }
}

/* Features of one channel of one patch. */
static size_t feature_plane(const mv_trainer *t)
{
    const size_t side = t->opts.patch / t->graph->scale;
    return side * side;
}

/* Rounding to a whole multiple of 1/(2^bits - 1) has this error, to first order. A patch that is to
 * be rounded instead has NAN. */
static void draw_rounding_noise(mv_trainer *t)
{
    const size_t plane = feature_plane(t), channels = t->graph->feature_channels;
    mv_rand *rand = &t->state.rand;
    float *noise = t->noise;
    for (size_t b = 0; b < t->opts.batch; b++) {
        const bool round = t->opts.round_part > 0 && mv_rand_unit(rand) < t->opts.round_part;
        for (size_t c = 0; c < channels; c++) {
            const double step = (double)t->step[c];
            for (size_t k = 0; k < plane; k++) {
                const double error = step * (mv_rand_unit(rand) - 0.5);
                *noise++ = round ? NAN : (float)error;
            }
        }
    }
}

/* What the quantiser does to the features of part i of the batch, or noise like it. */
static void disturb(const mv_trainer *t, float *feature, size_t i)
{
    const size_t plane = feature_plane(t), channels = t->graph->feature_channels;
    const float *noise = t->noise + i * t->part * channels * plane;
    for (size_t p = 0; p < t->part * channels; p++, feature += plane, noise += plane) {
        const float step = t->step[p % channels];
        const bool round = isnan(noise[0]); /* all of a patch, or none */
        for (size_t k = 0; k < plane; k++) {
            const float f = feature[k];
            feature[k] = round ? mv_nn_round(f, step) : (f > 0 ? (f < 1 ? f : 1) : 0) + noise[k];
        }
    }
}

mv_status mv_train_parallel(mv_trainer *t, size_t count,
                            mv_status (*item)(void *t, unsigned worker, size_t i), mv_error *err)
{
    const mv_status st = mv_pool_run(t->opts.threads, count, item, t);
    for (unsigned w = 0; w < t->opts.threads; w++) {
        if (t->worker[w].err.text[0] != '\0') {
            (void)mv_fail(err, st, "%s", t->worker[w].err.text);
            t->worker[w].err = (mv_error){.text = ""};
        }
    }
    return st;
}

/* The nets of a worker, with the present weights. */
static mv_status load_weights(const mv_trainer *t, mv_train_worker *w)
{
    mv_status st = MV_OK;
    if (w->loaded == t->state.step + 1) {
        return MV_OK;
    }
    MV_TRY(mv_net_load(w->encoder, t->state.weights, &w->err));
    MV_TRY(mv_net_load(w->decoder, t->state.weights + mv_nn_decoder_offset(t->graph, 0), &w->err));
    if (w->critic != NULL) {
        MV_TRY(mv_gan_part_load(w->critic, &t->state.critic, &w->err));
    }
    w->loaded = t->state.step + 1;
done:
    return st;
}

/* Forward, loss, backward of part i of the batch. */
static mv_status compute_part(void *user, unsigned worker, size_t i)
{
    mv_status st = MV_OK;
    mv_trainer *t = user;
    mv_train_worker *w = &t->worker[worker];
    const size_t decoder_at = mv_nn_decoder_offset(t->graph, 0);
    const size_t n = batch_image_count(t) / t->parts, f = batch_feature_count(t) / t->parts;
    float *feature = t->feature + i * f, *d_feature = t->d_feature + i * f;
    float *output = t->output + i * n, *d_output = t->d_output + i * n;
    float *gradient = t->gradient + i * t->weight_count;

    MV_TRY(load_weights(t, w));
    MV_TRY(mv_net_forward(w->encoder, feature, t->image + i * n, &w->err));
    disturb(t, feature, i);
    MV_TRY(mv_net_forward(w->decoder, output, feature, &w->err));
    t->part_loss[i] = mv_loss(d_output, output, t->image + i * n, t->part, n / t->part,
                              t->opts.loss, t->opts.loss_constant);
    if (w->critic != NULL) {
        MV_TRY(mv_gan_part_run(w->critic, t->critic_gradient + i * t->state.critic.count,
                               &t->critic_loss[i], d_output, t->image + i * n, output,
                               t->opts.adversary, &w->err));
    }
    MV_TRY(mv_net_backward(w->decoder, d_feature, gradient + decoder_at, d_output, &w->err));
    MV_TRY(mv_net_backward(w->encoder, NULL, gradient, d_feature, &w->err));
done:
    return st;
}

static double mean_loss(const mv_trainer *t)
{
    double loss = 0;
    for (size_t i = 0; i < t->parts; i++) {
        loss += t->part_loss[i];
    }
    return loss / t->parts;
}

/* Layer i of encoder and decoder together. */
static const mv_nn_layer *layer_at(const mv_nn_graph *g, size_t i)
{
    return i < g->encoder_count ? &g->encoder[i] : &g->decoder[i - g->encoder_count];
}

/* One step of every layer at its own rate. */
static void update_weights(mv_trainer *t, double rate)
{
    mv_train_state *s = &t->state;
    size_t at = 0;
    for (size_t i = 0; i < t->graph->encoder_count + t->graph->decoder_count; i++) {
        const mv_nn_layer *layer = layer_at(t->graph, i);
        const double slow = layer->slow > 0 ? (double)layer->slow : 1;
        const size_t n = mv_nn_layer_weights(layer);
        mv_optim_step(t->opts.optimizer, s->weights + at, s->m + at, s->v + at, t->gradient + at, n,
                      rate / slow, s->step + 1);
        at += n;
    }
}

double mv_trainer_rate(const mv_trainer *t)
{
    return mv_rate_at(fraction(t), t->opts.rate, t->opts.rate_floor, t->opts.warm_up);
}

mv_status mv_trainer_step(mv_trainer *t, double *loss, mv_error *err)
{
    mv_status st = MV_OK;
    mv_train_state *s = &t->state;
    const double started_ms = mv_clock_ms(), rate = mv_trainer_rate(t);

    MV_TRY(prepare_nets(t, err));
    set_order(t, true);
    draw_batch(t);
    draw_rounding_noise(t);
    MV_TRY(mv_train_parallel(t, t->parts, compute_part, err));
    *loss = mean_loss(t);
    const double length = mv_gradient_join(t->gradient, t->weight_count, t->parts, t->opts.clip);
    if (!isfinite(*loss) || !isfinite(length)) {
        mv_hint(err, "lower --rate, or start again from the last checkpoint");
        MV_REQUIRE(false, err, MV_E_RANGE,
                   "training diverged: the loss is not a number at step %llu",
                   (unsigned long long)s->step);
    }
    update_weights(t, rate);
    if (s->critic.count != 0) {
        mv_gan_step(&s->critic, t->critic_gradient, t->parts,
                    t->opts.adversary_rate * rate / t->opts.rate, t->opts.clip, s->step + 1);
    }
    s->loss_mean = s->step == 0 ? *loss : 0.98 * s->loss_mean + 0.02 * *loss;
    s->step++;
    s->seconds += (mv_clock_ms() - started_ms) / 1e3;
done:
    return st;
}

static bool finished(const mv_trainer *t)
{
    return fraction(t) >= 1 || (t->opts.patience != 0 && t->state.stale >= t->opts.patience);
}

static mv_status report_progress(const mv_trainer *t, mv_progress progress)
{
    if (progress.step == NULL) {
        return MV_OK;
    }
    return t->opts.steps != 0
               ? progress.step(progress.user, "training step", t->state.step, t->opts.steps)
               : progress.step(progress.user, "training second", (uint64_t)t->state.seconds,
                               (uint64_t)(60 * t->opts.minutes));
}

static mv_status validate_and_save(mv_trainer *t, const char *path, mv_progress progress,
                                   mv_error *err)
{
    mv_status st = MV_OK;
    mv_train_point point;
    MV_TRY(mv_trainer_validate(t, &point, progress, err));
    if (t->opts.on_point != NULL) {
        t->opts.on_point(t->opts.user, &point);
    }
    MV_TRY(mv_trainer_save(t, path, err));
    MV_TRY(mv_train_curve_write(t, path, err));
done:
    return st;
}

/* Steps until the end; *saved_ms: when the last checkpoint was written. */
static mv_status run_steps(mv_trainer *t, const char *path, mv_progress progress, mv_error *err)
{
    mv_status st = MV_OK;
    double saved_ms = mv_clock_ms(), loss = 0;

    while (!finished(t)) {
        MV_TRY(report_progress(t, progress));
        MV_TRY(mv_trainer_step(t, &loss, err));
        if (t->state.step % t->opts.validate_every == 0 || finished(t)) {
            MV_TRY(validate_and_save(t, path, progress, err));
            saved_ms = mv_clock_ms();
        } else if (mv_clock_ms() - saved_ms > 1e3 * t->opts.checkpoint_s) {
            MV_TRY(mv_trainer_save(t, path, err));
            saved_ms = mv_clock_ms();
        }
    }
done:
    return st;
}

mv_status mv_train_run(mv_trainer *t, const char *path, mv_progress progress, mv_error *err)
{
    mv_status st = MV_OK;
    if (t->opts.resume) {
        MV_TRY(mv_trainer_restore(t, path, err));
    }
    st = run_steps(t, path, progress, err);
    if (st == MV_E_INTERRUPTED) {
        const mv_status saved = mv_trainer_save(t, path, err);
        st = saved == MV_OK ? MV_E_INTERRUPTED : saved;
    }
done:
    return st;
}

uint64_t mv_trainer_steps_done(const mv_trainer *t)
{
    return t->state.step;
}

const float *mv_trainer_weights(mv_trainer *t)
{
    mv_trainer_settle(t);
    return t->state.weights;
}

const float *mv_trainer_best(mv_trainer *t)
{
    return t->state.best_db < 0 ? mv_trainer_weights(t) : t->state.best;
}

const mv_train_point *mv_trainer_curve(const mv_trainer *t, size_t *count)
{
    *count = t->state.curve_count;
    return t->state.curve;
}
