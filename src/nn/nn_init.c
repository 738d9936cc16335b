/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_init.c: looks-linear start, random orthogonal matrices.
 */
#include "nn/nn_init.h"

#include "nn/nn_transform.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* q (n,n): rows become orthonormal, from Gaussian rows by Gram-Schmidt, each taken twice against
 * the rows before it, which keeps rounding errors from growing. */
static void fill_orthogonal(double *q, size_t n, mv_rand *rand)
{
    for (size_t k = 0; k < n * n; k++) {
        q[k] = mv_rand_normal(rand);
    }
    for (size_t r = 0; r < n; r++) {
        double *row = q + r * n, norm = 0;
        for (size_t pass = 0; pass < 2 * r; pass++) {
            const double *before = q + pass % r * n;
            double dot = 0;
            for (size_t k = 0; k < n; k++) {
                dot += row[k] * before[k];
            }
            for (size_t k = 0; k < n; k++) {
                row[k] -= dot * before[k];
            }
        }
        for (size_t k = 0; k < n; k++) {
            norm += row[k] * row[k];
        }
        for (size_t k = 0; k < n; k++) {
            row[k] /= sqrt(norm);
        }
    }
}

/* The unmirrored kernel w (out,in,K,K) of a linear map. q: room for max(out,in)^2. */
static void fill_base(float *w, double *q, size_t out, size_t in, size_t side, double gain,
                      mv_rand *rand)
{
    const size_t taps = side * side, n = out > in ? out : in;
    const double spread = (side == 3 ? 0.6 : 1.0) / sqrt((double)(in * taps));

    for (size_t k = 0; k < out * in * taps; k++) {
        w[k] = (float)(gain * spread * mv_rand_normal(rand));
    }
    fill_orthogonal(q, n, rand);
    for (size_t o = 0; o < out; o++) {
        for (size_t c = 0; c < in; c++) {
            w[(o * in + c) * taps + taps / 2] += (float)(gain * 0.8 * q[o * n + c]);
        }
    }
}

/* How one weighted layer starts. */
typedef struct plan {
    bool mirror_in, mirror_out; /* channels come or go in pairs x, -x */
    bool from_sigmoid;          /* the input lies around 1/2 with slope 1/4 */
    double gain;
} plan;

/* w (O,I,K,K) from base (O',I',K,K), O' and I' halved where mirrored; then the bias. */
static void expand(float *w, const float *base, const mv_nn_layer *layer, const plan *p)
{
    const size_t side = mv_nn_kernel_side(layer->op), taps = side * side;
    const size_t out = layer->out_channels / (p->mirror_out ? 2 : 1);
    const size_t in = layer->in_channels / (p->mirror_in ? 2 : 1);
    float *bias = w + layer->out_channels * layer->in_channels * taps;

    for (size_t o = 0; o < layer->out_channels; o++) {
        double sum = 0;
        for (size_t c = 0; c < layer->in_channels; c++) {
            const float sign = (o >= out) != (c >= in) ? -1.0F : 1.0F;
            for (size_t t = 0; t < taps; t++) {
                const float value = sign * base[(o % out * in + c % in) * taps + t];
                w[(o * layer->in_channels + c) * taps + t] = value;
                sum += (double)value;
            }
        }
        bias[o] = p->from_sigmoid ? (float)(-0.5 * sum) : 0;
    }
}

static void fill_identity(float *w, size_t n)
{
    memset(w, 0, n * n * sizeof *w);
    for (size_t k = 0; k < n; k++) {
        w[k * n + k] = 4;
        w[n * n + k] = -2;
    }
}

/* Gaussian; the bias 0, but an LSTM's forget gates 1, so that it remembers at first. */
static void fill_random(float *w, const mv_nn_layer *layer, mv_rand *rand)
{
    const bool lstm = layer->op == MV_NN_LSTM;
    const size_t out = layer->out_channels, side = lstm ? 1 : mv_nn_kernel_side(layer->op);
    const size_t inputs = layer->in_channels * side * side + (lstm ? out : 0);
    const size_t bias = (lstm ? 4 : 1) * out, kernel = mv_nn_layer_weights(layer) - bias;
    const double deviation = sqrt((layer->act == MV_NN_RELU ? 2.0 : 1.0) / (double)inputs);

    for (size_t k = 0; k < kernel; k++) {
        w[k] = (float)(deviation * mv_rand_normal(rand));
    }
    for (size_t k = 0; k < bias; k++) {
        w[kernel + k] = lstm && k / out == 1 ? 1 : 0;
    }
}

/* before: the activation in front of the layer, MV_NN_LINEAR for the image. */
static mv_status fill_layer(float *w, const mv_nn_layer *layer, mv_nn_act before, bool last,
                            mv_rand *rand)
{
    mv_status st = MV_OK;
    const size_t side = mv_nn_kernel_side(layer->op);
    const plan p = {
        .mirror_in = before == MV_NN_RELU && layer->in_channels % 2 == 0,
        .mirror_out = layer->act == MV_NN_RELU && layer->out_channels % 2 == 0,
        .from_sigmoid = before == MV_NN_SIGMOID,
        .gain = before == MV_NN_SIGMOID ? 4
                : last                  ? 2
                                        : 1,
    };
    const size_t out = layer->out_channels / (p.mirror_out ? 2 : 1);
    const size_t in = layer->in_channels / (p.mirror_in ? 2 : 1);
    const size_t n = out > in ? out : in;
    double *q = malloc(n * n * sizeof *q);
    float *base = malloc(out * in * side * side * sizeof *base);

    MV_ENSURE(q != NULL && base != NULL, MV_E_MEMORY);
    if (layer->op == MV_NN_DENSE && before == MV_NN_SIGMOID && layer->act == MV_NN_SIGMOID &&
        layer->in_channels == layer->out_channels) {
        fill_identity(w, layer->in_channels);
    } else {
        fill_base(base, q, out, in, side, p.gain, rand);
        expand(w, base, layer, &p);
    }
done:
    free(q);
    free(base);
    return st;
}

mv_status mv_nn_init(float *weights, const mv_nn_graph *graph, mv_rand *rand)
{
    mv_status st = MV_OK;
    mv_nn_act before = MV_NN_LINEAR;
    float *const first = weights;
    const size_t count = graph->encoder_count + graph->decoder_count;

    const mv_transform plain = mv_transform_defaults();

    for (size_t i = 0; i < count; i++) {
        const mv_nn_layer *layer = i < graph->encoder_count
                                       ? &graph->encoder[i]
                                       : &graph->decoder[i - graph->encoder_count];
        if (!mv_nn_has_weights(layer->op)) {
            continue; /* pool and upsample pass mirrored pairs on */
        }
        if (layer->start == MV_NN_START_LOOKS_LINEAR) {
            MV_TRY(fill_layer(weights, layer, before, i + 1 == count, rand));
        } else if (layer->start == MV_NN_START_RANDOM) {
            fill_random(weights, layer, rand);
        } else {
            memset(weights, 0, mv_nn_layer_weights(layer) * sizeof *weights);
        }
        weights += mv_nn_layer_weights(layer);
        before = layer->act;
    }
    mv_transform_start(first, graph, &plain);
done:
    return st;
}
