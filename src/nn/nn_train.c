/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_train.c: the training step and the run around it.
 */
#include "base/clock.h"
#include "base/cpu.h"
#include "nn/nn_init.h"
#include "nn/nn_train_internal.h"

#include <math.h>
#include <string.h>

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
    MV_REQUIRE(o->batch >= 1 && o->batch <= 4096 && o->patch >= 2 * t->graph->scale &&
                   o->patch % t->graph->scale == 0 && o->patch <= data->width &&
                   o->patch <= data->height && o->patch <= 4096,
               err, MV_E_ARGUMENT,
               "a patch of %u does not fit %ux%u images (it must be a multiple of %u)",
               (unsigned)o->patch, (unsigned)data->width, (unsigned)data->height,
               (unsigned)t->graph->scale);
    MV_REQUIRE(data->width % t->graph->scale == 0 && data->height % t->graph->scale == 0, err,
               MV_E_ARGUMENT, "image sides must be multiples of %u", (unsigned)t->graph->scale);
    MV_REQUIRE(o->feature_bits >= 1 && o->feature_bits <= 16 && o->validate_every >= 1 &&
                   (o->steps != 0 || o->minutes > 0) && o->rate > 0,
               err, MV_E_ARGUMENT, "a training option is out of range");
done:
    return st;
}

/* All float arrays of the trainer out of one block. */
static mv_status allocate(mv_trainer *t, mv_error *err)
{
    const size_t n = t->weight_count, image = batch_image_count(t), f = batch_feature_count(t);
    const size_t whole = (size_t)t->graph->image_channels * t->data->width * t->data->height;
    const size_t whole_f = whole / t->graph->image_channels * t->graph->feature_channels /
                           (t->graph->scale * t->graph->scale);
    struct {
        float **at;
        size_t count;
    } part[] = {
        {&t->state.weights, n},       {&t->state.m, n},         {&t->state.v, n},
        {&t->state.best, n},          {&t->gradient, n},        {&t->image, image},
        {&t->output, image},          {&t->d_output, image},    {&t->feature, f},
        {&t->d_feature, f},           {&t->whole_image, whole}, {&t->whole_output, whole},
        {&t->whole_feature, whole_f},
    };
    size_t sum = 0;
    for (size_t i = 0; i < sizeof part / sizeof part[0]; i++) {
        sum += part[i].count;
    }
    t->block = calloc(sum, sizeof *t->block);
    t->state.curve = calloc(CURVE_MAX, sizeof *t->state.curve);
    if (t->block == NULL || t->state.curve == NULL) {
        return mv_fail(err, MV_E_MEMORY, "out of memory for training");
    }
    float *next = t->block;
    for (size_t i = 0; i < sizeof part / sizeof part[0]; i++) {
        *part[i].at = next;
        next += part[i].count;
    }
    return MV_OK;
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
    MV_TRY(allocate(t, err));
    t->state.best_db = -1;
    t->state.rand = mv_rand_make(opts->seed);
    MV_TRY(mv_nn_init(t->state.weights, graph, &t->state.rand));
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
    mv_net_free(&t->encoder);
    mv_net_free(&t->decoder);
    mv_net_free(&t->whole_encoder);
    mv_net_free(&t->whole_decoder);
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

/* Nets for one batch in the arithmetic of this part of the run. */
static mv_status prepare_nets(mv_trainer *t, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_nn_graph *g = t->graph;
    const bool bf16 = fraction(t) < t->opts.bf16_until && mv_tensor_has_bf16(t->opts.table);
    const uint32_t side = t->opts.patch;
    const mv_net_shape pixels = {t->opts.batch, side, side};
    const mv_net_shape features = {t->opts.batch, side / g->scale, side / g->scale};
    mv_net_opts o = mv_net_defaults();

    if (t->decoder != NULL && bf16 == t->bf16) {
        return MV_OK;
    }
    mv_net_free(&t->encoder);
    mv_net_free(&t->decoder);
    t->bf16 = bf16;
    o.threads = t->opts.threads;
    o.training = true;
    o.bf16 = bf16;
    MV_TRY(mv_net_new(&t->encoder, t->opts.table, g->encoder, g->encoder_count, &pixels, &o, err));
    o.input_gradient = true;
    MV_TRY(
        mv_net_new(&t->decoder, t->opts.table, g->decoder, g->decoder_count, &features, &o, err));
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

/* Rounding to a whole multiple of 1/(2^bits - 1) has this error, to first order. */
static void add_rounding_noise(mv_trainer *t)
{
    const double step = 1.0 / (double)((1u << t->opts.feature_bits) - 1);
    const size_t count = batch_feature_count(t);
    for (size_t k = 0; k < count; k++) {
        t->feature[k] += (float)(step * (mv_rand_unit(&t->state.rand) - 0.5));
    }
}

/* Forward, loss, backward: t->gradient of the whole model. */
static mv_status compute_gradient(mv_trainer *t, double *loss, mv_error *err)
{
    mv_status st = MV_OK;
    const size_t decoder_at = mv_nn_decoder_offset(t->graph, 0);
    const size_t n = batch_image_count(t) / t->opts.batch;

    MV_TRY(mv_net_load(t->encoder, t->state.weights, err));
    MV_TRY(mv_net_load(t->decoder, t->state.weights + decoder_at, err));
    MV_TRY(mv_net_forward(t->encoder, t->feature, t->image, err));
    add_rounding_noise(t);
    MV_TRY(mv_net_forward(t->decoder, t->output, t->feature, err));
    *loss = mv_loss(t->d_output, t->output, t->image, t->opts.batch, n, t->opts.loss,
                    t->opts.loss_constant);
    MV_TRY(mv_net_backward(t->decoder, t->d_feature, t->gradient + decoder_at, t->d_output, err));
    MV_TRY(mv_net_backward(t->encoder, NULL, t->gradient, t->d_feature, err));
done:
    return st;
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
    draw_batch(t);
    MV_TRY(compute_gradient(t, loss, err));
    const double length = mv_gradient_clip(t->gradient, t->weight_count, t->opts.clip);
    if (!isfinite(*loss) || !isfinite(length)) {
        mv_hint(err, "lower --rate, or start again from the last checkpoint");
        MV_REQUIRE(false, err, MV_E_RANGE,
                   "training diverged: the loss is not a number at step %llu",
                   (unsigned long long)s->step);
    }
    mv_optim_step(t->opts.optimizer, s->weights, s->m, s->v, t->gradient, t->weight_count, rate,
                  s->step + 1);
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

const float *mv_trainer_weights(const mv_trainer *t)
{
    return t->state.weights;
}

const float *mv_trainer_best(const mv_trainer *t)
{
    return t->state.best_db < 0 ? t->state.weights : t->state.best;
}

const mv_train_point *mv_trainer_curve(const mv_trainer *t, size_t *count)
{
    *count = t->state.curve_count;
    return t->state.curve;
}
