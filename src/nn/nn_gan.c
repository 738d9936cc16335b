/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_gan.c: the critic's layers, its loss, and what it tells the generator.
 */
#include "nn/nn_gan.h"

#include "nn/nn_graph.h"
#include "nn/nn_init.h"

#include <string.h>

#define SEES(act_, op_, in_, out_)                                                                 \
    {                                                                                              \
        op_, act_, in_, out_, .start = MV_NN_START_RANDOM                                          \
    }

static const mv_nn_graph critic = {
    .name = "critic",
    .encoder =
        {
            SEES(MV_NN_RELU, MV_NN_CONV3, 1, 16),
            {MV_NN_MAXPOOL2, MV_NN_LINEAR, 16, 16},
            SEES(MV_NN_RELU, MV_NN_CONV3, 16, 32),
            {MV_NN_MAXPOOL2, MV_NN_LINEAR, 32, 32},
            SEES(MV_NN_RELU, MV_NN_CONV3, 32, 32),
            SEES(MV_NN_LINEAR, MV_NN_DENSE, 32, 1),
        },
    .encoder_count = 6,
};

mv_status mv_gan_start(mv_gan_state *out, mv_rand *rand, mv_error *err)
{
    mv_status st = MV_OK;
    const size_t count = mv_nn_graph_weights(&critic);
    mv_gan_state s = {count, calloc(3 * count, sizeof(float)), NULL, NULL};

    MV_REQUIRE(s.weights != NULL, err, MV_E_MEMORY, "out of memory for training");
    s.m = s.weights + count;
    s.v = s.m + count;
    MV_TRY(mv_nn_init(s.weights, &critic, rand));
    *out = s;
    s.weights = NULL;
done:
    free(s.weights);
    return st;
}

void mv_gan_clear(mv_gan_state *state)
{
    free(state->weights);
    *state = (mv_gan_state){0, NULL, NULL, NULL};
}

struct mv_gan_part {
    mv_net *net;
    float *score, *d_score; /* of every 4x4 pixels */
    float *d_input;         /* gradient of the patches */
    float *gradient;        /* of the weights, of one of several passes */
};

mv_status mv_gan_part_new(mv_gan_part **out, const mv_tensor_kernels *table, uint32_t batch,
                          uint32_t side, bool bf16, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_net_shape shape = {batch, side, side};
    const mv_net_opts opts = {.threads = 1, .training = true, .input_gradient = true, .bf16 = bf16};
    mv_gan_part *p = calloc(1, sizeof *p);

    MV_REQUIRE(p != NULL, err, MV_E_MEMORY, "out of memory for training");
    MV_TRY(mv_net_new(&p->net, table, critic.encoder, critic.encoder_count, &shape, &opts, err));
    p->score = calloc(mv_net_out_count(p->net), sizeof *p->score);
    p->d_score = calloc(mv_net_out_count(p->net), sizeof *p->d_score);
    p->d_input = calloc(mv_net_in_count(p->net), sizeof *p->d_input);
    p->gradient = calloc(mv_net_weight_count(p->net), sizeof *p->gradient);
    MV_REQUIRE(p->score != NULL && p->d_score != NULL && p->d_input != NULL && p->gradient != NULL,
               err, MV_E_MEMORY, "out of memory for training");
    *out = p;
    p = NULL;
done:
    mv_gan_part_free(&p);
    return st;
}

void mv_gan_part_free(mv_gan_part **part)
{
    mv_gan_part *p = *part;
    if (p != NULL) {
        mv_net_free(&p->net);
        free(p->score);
        free(p->d_score);
        free(p->d_input);
        free(p->gradient);
        free(p);
        *part = NULL;
    }
}

mv_status mv_gan_part_load(mv_gan_part *part, const mv_gan_state *state, mv_error *err)
{
    return mv_net_load(part->net, state->weights, err);
}

/* mean(max(0, 1 - sign * score)) and its gradient. */
static double hinge(float *d_score, const float *score, size_t count, float sign)
{
    double sum = 0;
    for (size_t k = 0; k < count; k++) {
        const float short_of = 1 - sign * score[k];
        sum += short_of > 0 ? (double)short_of : 0;
        d_score[k] = short_of > 0 ? -sign / (float)count : 0;
    }
    return sum / (double)count;
}

static void add(float *to, const float *from, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        to[k] += from[k];
    }
}

mv_status mv_gan_part_run(mv_gan_part *p, float *gradient, double *loss, float *d_output,
                          const float *image, const float *output, double weight, mv_error *err)
{
    mv_status st = MV_OK;
    const size_t scores = mv_net_out_count(p->net), weights = mv_net_weight_count(p->net);

    MV_TRY(mv_net_forward(p->net, p->score, image, err));
    *loss = hinge(p->d_score, p->score, scores, 1);
    MV_TRY(mv_net_backward(p->net, p->d_input, gradient, p->d_score, err));
    MV_TRY(mv_net_forward(p->net, p->score, output, err));
    *loss += hinge(p->d_score, p->score, scores, -1);
    MV_TRY(mv_net_backward(p->net, p->d_input, p->gradient, p->d_score, err));
    add(gradient, p->gradient, weights);
    for (size_t k = 0; k < scores; k++) {
        p->d_score[k] = (float)(-weight / (double)scores);
    }
    MV_TRY(mv_net_backward(p->net, p->d_input, p->gradient, p->d_score, err));
    add(d_output, p->d_input, mv_net_in_count(p->net));
done:
    return st;
}

void mv_gan_step(mv_gan_state *state, float *gradient, size_t parts, double rate, double clip,
                 uint64_t t)
{
    (void)mv_gradient_join(gradient, state->count, parts, clip);
    mv_optim_step(MV_OPTIM_ADAM, state->weights, state->m, state->v, gradient, state->count, rate,
                  t);
}
