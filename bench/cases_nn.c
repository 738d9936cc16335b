/* SPDX-License-Identifier: Apache-2.0
 *
 * cases_nn.c: the network engine alone: encoder and decoder of one 224x224 picture, and training
 * steps, on one thread. The roofline for comparison is oneDNN's convolutions by themselves, those
 * of the very same nets.
 *
 * A training step of cnn with 8 patches of 96x96 is 32.0 GFLOP: 5.36 G multiply-adds forward, as
 * many for the gradients of the weights, as many less those of the image for the gradients of the
 * inputs.
 */
#include "bench.h"

#include "base/cpu.h"
#include "base/rng.h"
#include "codec/model_registry.h"
#include "nn/nn_conv16.h"
#include "nn/nn_init.h"
#include "nn/nn_integer.h"
#include "nn/nn_train.h"

#include <stdlib.h>
#include <string.h>

enum { SIDE = 224, IMAGES = 4, BATCH = 8, PATCH = 96 };

/* ---- inference ---- */

typedef struct inference {
    mv_net *net;
    float *weights, *x, *y;
} inference;

static void inference_finish(void *user)
{
    inference *s = user;
    mv_net_free(&s->net);
    free(s->weights);
    free(s->x);
    free(s->y);
    free(s);
}

static mv_status inference_prepare(void **out, const mv_nn_graph *g, const mv_tensor_kernels *table,
                                   bool encoder, mv_error *err)
{
    mv_status st = MV_OK;
    const uint32_t side = encoder ? SIDE : SIDE / g->scale;
    const mv_net_shape shape = {1, side, side};
    const mv_net_opts opts = mv_net_defaults();
    mv_rand rand = mv_rand_make(1);
    inference *s = calloc(1, sizeof *s);

    MV_ENSURE(s != NULL, MV_E_MEMORY);
    *out = s;
    MV_TRY(mv_net_new(&s->net, table, encoder ? g->encoder : g->decoder,
                      encoder ? g->encoder_count : g->decoder_count, &shape, &opts, err));
    s->weights = calloc(mv_nn_graph_weights(g), sizeof *s->weights);
    s->x = calloc(mv_net_in_count(s->net), sizeof *s->x);
    s->y = calloc(mv_net_out_count(s->net), sizeof *s->y);
    MV_ENSURE(s->weights != NULL && s->x != NULL && s->y != NULL, MV_E_MEMORY);
    MV_TRY(mv_nn_init(s->weights, g, &rand));
    MV_TRY(mv_net_load(s->net, s->weights + (encoder ? 0 : mv_nn_decoder_offset(g, 0)), err));
    for (size_t k = 0; k < mv_net_in_count(s->net); k++) {
        s->x[k] = (float)mv_rand_unit(&rand);
    }
done:
    return st;
}

#define HALVES(model_, table_)                                                                     \
    static mv_status prepare_##model_##_##table_##_encoder(void **out, size_t *bytes,              \
                                                           mv_error *err)                          \
    {                                                                                              \
        (void)bytes;                                                                               \
        return inference_prepare(out, &mv_model_##model_, &mv_tensor_##table_, true, err);         \
    }                                                                                              \
    static mv_status prepare_##model_##_##table_##_decoder(void **out, size_t *bytes,              \
                                                           mv_error *err)                          \
    {                                                                                              \
        (void)bytes;                                                                               \
        return inference_prepare(out, &mv_model_##model_, &mv_tensor_##table_, false, err);        \
    }

HALVES(cnn, onednn)
HALVES(cnn, portable)
HALVES(bp, onednn)
HALVES(resnet, onednn)
HALVES(lstm, onednn)

static mv_status inference_run(void *user, mv_error *err)
{
    inference *s = user;
    return mv_net_forward(s->net, s->y, s->x, err);
}

/* ---- the same in whole numbers ---- */

typedef struct whole {
    mv_integer *net;
    mv_integer_pass *pass;
    float *weights, *x, *y;
} whole;

static void whole_finish(void *user)
{
    whole *s = user;
    mv_integer_pass_free(&s->pass);
    mv_integer_free(&s->net);
    free(s->weights);
    free(s->x);
    free(s->y);
    free(s);
}

static mv_status whole_prepare(void **out, const mv_nn_graph *g, bool encoder, mv_error *err)
{
    mv_status st = MV_OK;
    const uint32_t side = encoder ? SIDE : SIDE / g->scale;
    mv_rand rand = mv_rand_make(1);
    whole *s = calloc(1, sizeof *s);

    MV_ENSURE(s != NULL, MV_E_MEMORY);
    *out = s;
    s->weights = calloc(mv_nn_graph_weights(g), sizeof *s->weights);
    MV_ENSURE(s->weights != NULL, MV_E_MEMORY);
    MV_TRY(mv_nn_init(s->weights, g, &rand));
    MV_TRY(mv_integer_new(&s->net, g, encoder, s->weights, err));
    MV_TRY(mv_integer_pass_new(&s->pass, s->net, side, side, mv_cpu_features()));
    s->x = calloc(mv_integer_in_count(s->pass), sizeof *s->x);
    s->y = calloc(mv_integer_out_count(s->pass), sizeof *s->y);
    MV_ENSURE(s->x != NULL && s->y != NULL, MV_E_MEMORY);
    for (size_t k = 0; k < mv_integer_in_count(s->pass); k++) {
        s->x[k] = (float)mv_rand_unit(&rand);
    }
done:
    return st;
}

#define WHOLE_HALVES(model_)                                                                       \
    static mv_status prepare_##model_##_whole_encoder(void **out, size_t *bytes, mv_error *err)    \
    {                                                                                              \
        (void)bytes;                                                                               \
        return whole_prepare(out, &mv_model_##model_, true, err);                                  \
    }                                                                                              \
    static mv_status prepare_##model_##_whole_decoder(void **out, size_t *bytes, mv_error *err)    \
    {                                                                                              \
        (void)bytes;                                                                               \
        return whole_prepare(out, &mv_model_##model_, false, err);                                 \
    }

WHOLE_HALVES(cnn)
WHOLE_HALVES(resnet)

static mv_status whole_run(void *user, mv_error *err)
{
    whole *s = user;
    (void)err;
    bench_ran(mv_conv16_choose(mv_cpu_features()).name);
    mv_integer_run(s->pass, s->y, s->x);
    return MV_OK;
}

/* ---- training ---- */

typedef struct training {
    mv_trainer *trainer;
    mv_train_data data;
    uint8_t *pixel;
} training;

static void training_finish(void *user)
{
    training *s = user;
    mv_trainer_free(&s->trainer);
    free(s->pixel);
    free(s);
}

/* What a step of 8 patches of 96x96 multiplies and adds: forward, for the gradients of weights that
 * learn, and for those of tensors that are wanted; 0: not counted. */
static double step_gflop(const mv_nn_graph *g)
{
    return g == &mv_model_cnn ? 32.0 : g == &mv_model_resnet ? 3.8 : 0;
}

static mv_status training_prepare(void **out, const mv_nn_graph *g, double bf16, mv_error *err)
{
    mv_status st = MV_OK;
    mv_train_opts opts = mv_train_defaults();
    mv_rand rand = mv_rand_make(2);
    training *s = calloc(1, sizeof *s);

    MV_ENSURE(s != NULL, MV_E_MEMORY);
    *out = s;
    bench_does(BATCH, step_gflop(g));
    s->pixel = malloc((size_t)IMAGES * SIDE * SIDE);
    MV_ENSURE(s->pixel != NULL, MV_E_MEMORY);
    for (size_t k = 0; k < (size_t)IMAGES * SIDE * SIDE; k++) {
        s->pixel[k] = (uint8_t)mv_rand_below(&rand, 256);
    }
    s->data = (mv_train_data){.width = SIDE,
                              .height = SIDE,
                              .set = {{"random", {s->pixel, IMAGES}, {NULL, 0}}},
                              .set_count = 1};
    opts.table = &mv_tensor_onednn;
    opts.steps = 1000000;
    opts.bf16_until = bf16;
    opts.batch = BATCH;
    opts.patch = PATCH;
    MV_TRY(mv_trainer_new(&s->trainer, g, &s->data, &opts, err));
done:
    return st;
}

static mv_status prepare_f32(void **out, size_t *bytes, mv_error *err)
{
    (void)bytes;
    return training_prepare(out, &mv_model_cnn, 0, err);
}

static mv_status prepare_bf16(void **out, size_t *bytes, mv_error *err)
{
    (void)bytes;
    return training_prepare(out, &mv_model_cnn, 1, err);
}

static mv_status prepare_resnet(void **out, size_t *bytes, mv_error *err)
{
    (void)bytes;
    return training_prepare(out, &mv_model_resnet, 1, err);
}

static mv_status prepare_lstm(void **out, size_t *bytes, mv_error *err)
{
    (void)bytes;
    return training_prepare(out, &mv_model_lstm, 0, err);
}

static mv_status prepare_bp(void **out, size_t *bytes, mv_error *err)
{
    (void)bytes;
    return training_prepare(out, &mv_model_bp, 0, err);
}

static mv_status training_run(void *user, mv_error *err)
{
    training *s = user;
    double loss = 0;
    return mv_trainer_step(s->trainer, &loss, err);
}

/* ---- the convolutions of a training step, and nothing else; on zeros, with which they are up to a
 * tenth faster than with numbers ---- */

typedef struct convolutions {
    mv_net *half[2];    /* encoder and decoder for one part of a batch */
    float *x[2], *y[2]; /* of each, the former zero */
    float *weights, *gradients;
    size_t decoder_at;
    uint32_t parts;
} convolutions;

static void convolutions_finish(void *user)
{
    convolutions *s = user;
    for (int i = 0; i < 2; i++) {
        mv_net_free(&s->half[i]);
        free(s->x[i]);
        free(s->y[i]);
    }
    free(s->weights);
    free(s->gradients);
    free(s);
}

/* A batch of 8 patches of 96x96 in as many parts as the trainer makes of it. */
static mv_status convolutions_prepare(void **out, const mv_nn_graph *g, uint32_t parts,
                                      mv_error *err)
{
    mv_status st = MV_OK;
    const uint32_t side = PATCH / g->scale, part = BATCH / parts;
    const mv_net_shape pixels = {part, PATCH, PATCH}, features = {part, side, side};
    mv_net_opts opts = {.threads = 1, .training = true, .bf16 = true};
    mv_rand rand = mv_rand_make(3);
    convolutions *s = calloc(1, sizeof *s);

    MV_ENSURE(s != NULL, MV_E_MEMORY);
    *out = s;
    bench_does(BATCH, step_gflop(g));
    s->parts = parts;
    s->decoder_at = mv_nn_decoder_offset(g, 0);
    s->weights = calloc(mv_nn_graph_weights(g), sizeof *s->weights);
    s->gradients = calloc(mv_nn_graph_weights(g), sizeof *s->gradients);
    MV_ENSURE(s->weights != NULL && s->gradients != NULL, MV_E_MEMORY);
    MV_TRY(mv_nn_init(s->weights, g, &rand));
    MV_TRY(mv_net_new(&s->half[0], &mv_tensor_onednn, g->encoder, g->encoder_count, &pixels, &opts,
                      err));
    opts.input_gradient = true;
    MV_TRY(mv_net_new(&s->half[1], &mv_tensor_onednn, g->decoder, g->decoder_count, &features,
                      &opts, err));
    for (int i = 0; i < 2; i++) {
        s->x[i] = calloc(mv_net_in_count(s->half[i]), sizeof *s->x[i]);
        s->y[i] = calloc(mv_net_out_count(s->half[i]), sizeof *s->y[i]);
        MV_ENSURE(s->x[i] != NULL && s->y[i] != NULL, MV_E_MEMORY);
        MV_TRY(mv_net_load(s->half[i], s->gradients, err)); /* zero, and so are all tensors */
        MV_TRY(mv_net_forward(s->half[i], s->y[i], s->x[i], err));
        MV_TRY(mv_net_load(s->half[i], s->weights + (i == 0 ? 0 : s->decoder_at), err));
    }
done:
    return st;
}

static mv_status prepare_cnn_convolutions(void **out, size_t *bytes, mv_error *err)
{
    (void)bytes;
    return convolutions_prepare(out, &mv_model_cnn, 8, err);
}

static mv_status prepare_resnet_convolutions(void **out, size_t *bytes, mv_error *err)
{
    (void)bytes;
    return convolutions_prepare(out, &mv_model_resnet, 2, err);
}

static mv_status convolutions_run(void *user, mv_error *err)
{
    mv_status st = MV_OK;
    convolutions *s = user;
    for (uint32_t part = 0; part < s->parts; part++) {
        MV_TRY(mv_net_convolutions(s->half[0], s->gradients, err));
        MV_TRY(mv_net_convolutions(s->half[1], s->gradients + s->decoder_at, err));
    }
done:
    return st;
}

#define ROW(model_, table_, half_)                                                                 \
    {                                                                                              \
        "network " #model_ " " #half_, "224x224", #table_, prepare_##model_##_##table_##_##half_,  \
            inference_run, inference_finish                                                        \
    }

#define WHOLE_ROW(model_, half_)                                                                   \
    {                                                                                              \
        "network " #model_ " " #half_ " int", "224x224", NULL, prepare_##model_##_whole_##half_,   \
            whole_run, whole_finish                                                                \
    }

const bench_case bench_cases_nn[] = {
    WHOLE_ROW(cnn, encoder),
    WHOLE_ROW(cnn, decoder),
    WHOLE_ROW(resnet, encoder),
    WHOLE_ROW(resnet, decoder),
    ROW(cnn, onednn, encoder),
    ROW(cnn, onednn, decoder),
    ROW(cnn, portable, encoder),
    ROW(cnn, portable, decoder),
    ROW(bp, onednn, encoder),
    ROW(bp, onednn, decoder),
    ROW(resnet, onednn, encoder),
    ROW(resnet, onednn, decoder),
    ROW(lstm, onednn, encoder),
    ROW(lstm, onednn, decoder),
    {"train cnn, 32.0 GFLOP", "8 x 96x96", "onednn f32", prepare_f32, training_run,
     training_finish},
    {"train cnn, 32.0 GFLOP", "8 x 96x96", "bf16 if any", prepare_bf16, training_run,
     training_finish},
    {"cnn's convolutions alone", "8 x 96x96", "bf16 if any", prepare_cnn_convolutions,
     convolutions_run, convolutions_finish},
    {"train resnet, 3.8 GFLOP", "8 x 96x96", "bf16 if any", prepare_resnet, training_run,
     training_finish},
    {"resnet's convolutions alone", "8 x 96x96", "bf16 if any", prepare_resnet_convolutions,
     convolutions_run, convolutions_finish},
    {"train lstm", "8 x 96x96", "onednn f32", prepare_lstm, training_run, training_finish},
    {"train bp", "8 x 96x96", "onednn f32", prepare_bp, training_run, training_finish},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
