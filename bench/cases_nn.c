/* SPDX-License-Identifier: Apache-2.0
 *
 * cases_nn.c: the network engine alone: encoder and decoder of one 224x224 picture, and training
 * steps, on one thread. The roofline for comparison is oneDNN's convolutions by themselves.
 *
 * A training step of 16 patches of 48x48 is 16.0 GFLOP: 2.68 G multiply-adds forward, as many for
 * the gradients of the weights, as many less those of the image for the gradients of the inputs.
 */
#include "bench.h"

#include "base/rng.h"
#include "codec/model_registry.h"
#include "nn/nn_init.h"
#include "nn/nn_train.h"

#include <stdlib.h>
#include <string.h>

enum { SIDE = 224, IMAGES = 4 };

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

static mv_status training_prepare(void **out, const mv_nn_graph *g, uint32_t batch, uint32_t patch,
                                  double bf16, mv_error *err)
{
    mv_status st = MV_OK;
    mv_train_opts opts = mv_train_defaults();
    mv_rand rand = mv_rand_make(2);
    training *s = calloc(1, sizeof *s);

    MV_ENSURE(s != NULL, MV_E_MEMORY);
    *out = s;
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
    opts.batch = batch;
    opts.patch = patch;
    MV_TRY(mv_trainer_new(&s->trainer, g, &s->data, &opts, err));
done:
    return st;
}

static mv_status prepare_f32(void **out, size_t *bytes, mv_error *err)
{
    (void)bytes;
    return training_prepare(out, &mv_model_cnn, 16, 48, 0, err);
}

static mv_status prepare_bf16(void **out, size_t *bytes, mv_error *err)
{
    (void)bytes;
    return training_prepare(out, &mv_model_cnn, 16, 48, 1, err);
}

static mv_status prepare_resnet(void **out, size_t *bytes, mv_error *err)
{
    (void)bytes;
    return training_prepare(out, &mv_model_resnet, 8, 96, 1, err);
}

static mv_status prepare_lstm(void **out, size_t *bytes, mv_error *err)
{
    (void)bytes;
    return training_prepare(out, &mv_model_lstm, 8, 96, 0, err);
}

static mv_status prepare_bp(void **out, size_t *bytes, mv_error *err)
{
    (void)bytes;
    return training_prepare(out, &mv_model_bp, 8, 96, 0, err);
}

static mv_status training_run(void *user, mv_error *err)
{
    training *s = user;
    double loss = 0;
    return mv_trainer_step(s->trainer, &loss, err);
}

/* ---- the convolutions of resnet's training step, and nothing else ---- */

static const mv_nn_layer convolutions[] = {
    {MV_NN_CONV3, MV_NN_LINEAR, 64, 64}, {MV_NN_CONV3, MV_NN_LINEAR, 64, 64},
    {MV_NN_CONV3, MV_NN_LINEAR, 64, 64}, {MV_NN_CONV3, MV_NN_LINEAR, 64, 96},
    {MV_NN_CONV3, MV_NN_LINEAR, 96, 96}, {MV_NN_CONV3, MV_NN_LINEAR, 96, 96},
    {MV_NN_CONV3, MV_NN_LINEAR, 96, 96}, {MV_NN_CONV3, MV_NN_LINEAR, 96, 96},
    {MV_NN_CONV3, MV_NN_LINEAR, 96, 64},
};

enum { CONVOLUTIONS = sizeof convolutions / sizeof convolutions[0] };

static mv_status prepare_convolutions(void **out, size_t *bytes, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_net_shape shape = {8, 12, 12};
    const mv_net_opts opts = {.threads = 1, .training = true, .input_gradient = true, .bf16 = true};
    inference *s = calloc(1, sizeof *s);

    (void)bytes;
    MV_ENSURE(s != NULL, MV_E_MEMORY);
    *out = s;
    MV_TRY(mv_net_new(&s->net, &mv_tensor_onednn, convolutions, CONVOLUTIONS, &shape, &opts, err));
    s->weights = calloc(mv_net_weight_count(s->net), sizeof *s->weights);
    s->x = calloc(mv_net_in_count(s->net), sizeof *s->x);
    s->y = calloc(mv_net_out_count(s->net), sizeof *s->y);
    MV_ENSURE(s->weights != NULL && s->x != NULL && s->y != NULL, MV_E_MEMORY);
    MV_TRY(mv_net_load(s->net, s->weights, err));
done:
    return st;
}

/* Forward, and back with the output as its own gradient; the weights' gradient overwrites them. */
static mv_status convolutions_run(void *user, mv_error *err)
{
    mv_status st = MV_OK;
    inference *s = user;
    MV_TRY(mv_net_forward(s->net, s->y, s->x, err));
    MV_TRY(mv_net_backward(s->net, s->x, s->weights, s->y, err));
done:
    return st;
}

#define ROW(model_, table_, half_)                                                                 \
    {                                                                                              \
        "network " #model_ " " #half_, "224x224", #table_, prepare_##model_##_##table_##_##half_,  \
            inference_run, inference_finish                                                        \
    }

const bench_case bench_cases_nn[] = {
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
    {"train cnn, 16.0 GFLOP", "16 x 48x48", "onednn f32", prepare_f32, training_run,
     training_finish},
    {"train cnn, 16.0 GFLOP", "16 x 48x48", "bf16 if any", prepare_bf16, training_run,
     training_finish},
    {"train resnet, 3.9 GFLOP", "8 x 96x96", "bf16 if any", prepare_resnet, training_run,
     training_finish},
    {"its convolutions, 3.8 GFLOP", "8 x 96x96", "bf16 if any", prepare_convolutions,
     convolutions_run, inference_finish},
    {"train lstm", "8 x 96x96", "onednn f32", prepare_lstm, training_run, training_finish},
    {"train bp", "8 x 96x96", "onednn f32", prepare_bp, training_run, training_finish},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
