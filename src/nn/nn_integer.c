/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_integer.c: from trained weights to whole numbers, and running them.
 */
#include "nn/nn_integer.h"

#include "base/cpu.h"
#include "base/rng.h"
#include "base/secret.h"
#include "nn/nn_conv16.h"
#include "tensor/tensor.h"
#include "tensor/tensor_plain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    SIDE = MV_CONV16_SIDE,
    MAX = MV_CONV16_MAX,
    SIGMOID_EXPONENT = 10, /* of what enters a sigmoid: within +-16 */
    PICTURES = 4,          /* made up, to choose exponents, */
    FEATURES = 4           /* so many on a side */
};

/* One layer; of what is empty it has no need. */
typedef struct step {
    mv_nn_layer layer;
    mv_conv16 conv;
    float *dense, *bias; /* (in16,out16), (out16): padded to sixteen */
} step;

/* Tensor i enters layer i; tensor count is the result. */
typedef struct half {
    step step[MV_NN_LAYERS_MAX];
    size_t count;
    int exponent[MV_NN_LAYERS_MAX + 1]; /* whole numbers are in units of 2^-exponent */
    bool whole[MV_NN_LAYERS_MAX + 1];   /* somebody needs tensor i in whole numbers, */
    bool real[MV_NN_LAYERS_MAX + 1];    /* in floating point */
} half;

struct mv_integer {
    half half;
    float sigmoid[2 * MAX + 1];
};

/* ---- what is computed how ---- */

static bool is_conv(const mv_nn_layer *l)
{
    return l->op == MV_NN_CONV3 || (l->op == MV_NN_DENSE && l->act != MV_NN_LINEAR);
}

static bool reads_whole(const mv_nn_layer *l)
{
    return is_conv(l) || l->op == MV_NN_MAXPOOL2 || l->op == MV_NN_UPSAMPLE2;
}

static bool writes_whole(const mv_nn_layer *l)
{
    return reads_whole(l) && l->act != MV_NN_SIGMOID;
}

static size_t padded(size_t channels)
{
    return (channels + SIDE - 1) / SIDE * SIDE;
}

static mv_status plan_half(half *h, const mv_nn_layer *layer, size_t count, mv_error *err)
{
    mv_status st = MV_OK;
    bool any = false;
    h->count = count;
    for (size_t i = 0; i < count; i++) {
        const mv_nn_op op = layer[i].op;
        const bool blocks = op == MV_NN_BLOCK8     ? i != 0 || layer[i].in_channels != 1
                            : op == MV_NN_UNBLOCK8 ? i + 1 != count || layer[i].out_channels != 1
                                                   : false;
        MV_REQUIRE(
            op != MV_NN_LSTM && !blocks, err, MV_E_UNSUPPORTED,
            "this network has a layer without a form in whole numbers; floating point has all");
        h->step[i].layer = layer[i];
        any = any || op == MV_NN_CONV3;
        (reads_whole(&layer[i]) ? h->whole : h->real)[i] = op != MV_NN_BLOCK8;
        if (op == MV_NN_ADD) {
            h->real[layer[i].other] = true;
        }
        (writes_whole(&layer[i]) ? h->whole : h->real)[i + 1] = true;
    }
    h->real[count] = layer[count - 1].op != MV_NN_UNBLOCK8;
    MV_REQUIRE(any, err, MV_E_UNSUPPORTED,
               "this network has no 3x3 convolutions, so whole numbers would not make it faster");
done:
    return st;
}

/* ---- exponents ---- */

/* e^-a for a >= 0 by sums and products alone, the same everywhere: (e^(-a/1024))^1024. */
static double exp_minus(double a)
{
    const double t = a / 1024;
    double e = 1 - t * (1 - t / 2 * (1 - t / 3 * (1 - t / 4 * (1 - t / 5))));
    for (int i = 0; i < 10; i++) {
        e *= e;
    }
    return a > 40 ? 0 : e;
}

static double sigmoid(double z)
{
    const double s = 1 / (1 + exp_minus(fabs(z)));
    return z < 0 ? 1 - s : s;
}

/* The largest size, not a number where one is none. Sizes are ordered as their bits are, of which
 * compilers compare many at a time. */
static double peak_of(const float *x, size_t count)
{
    int32_t most = 0;
    float peak = 0;
    for (size_t k = 0; k < count; k++) {
        int32_t bits;
        memcpy(&bits, x + k, sizeof bits);
        bits &= INT32_MAX;
        most = bits > most ? bits : most;
    }
    memcpy(&peak, &most, sizeof peak);
    return (double)peak;
}

/* The finest unit in which peak is at most 2^14; what reaches that is one unit too large. */
static int exponent_for(double peak)
{
    int above = 0;
    const double part = frexp(peak, &above); /* peak = part 2^above, part in 1/2..1 */
    const int e = 14 - above + (part == 0.5);
    return peak == 0 || !isfinite(peak) ? 0 : e > 24 ? 24 : e < -16 ? -16 : e;
}

/* The three pixels of a row around column c; those outside are 0. */
static void copy_row(float *to, const float *row, size_t c, size_t width)
{
    to[0] = c == 0 ? 0 : row[c - 1];
    to[1] = row[c];
    to[2] = c + 1 == width ? 0 : row[c + 1];
}

/* x (C,H,W) to what a kernel covers at each pixel, (H W, C side side). */
static void gather(float *near, const float *x, const mv_net_shape *s, const mv_nn_layer *l)
{
    static const float nothing[3];
    const size_t height = s->height, width = s->width, channels = l->in_channels;
    for (size_t k = 0; k < height * width; k++) {
        const size_t r = k / width, c = k % width;
        for (size_t ch = 0; ch < channels; ch++) {
            const float *row = x + (ch * height + r) * width;
            if (mv_nn_kernel_side(l->op) == 1) {
                *near++ = row[c];
                continue;
            }
            for (size_t u = 0; u < 3; u++, near += 3) { /* row r + u - 1 */
                if (r + u == 0 || r + u == height + 1) {
                    memcpy(near, nothing, sizeof nothing);
                } else {
                    copy_row(near, row + u * width - width, c, width);
                }
            }
        }
    }
}

/* (O,I) to (I,O padded), sixteen outputs at a time. */
static void turn(float *y, const float *x, size_t in, size_t out)
{
    for (size_t first = 0; first < out; first += SIDE) {
        const size_t n = out - first < SIDE ? out - first : SIDE;
        for (size_t i = 0; i < in; i++) {
            for (size_t o = first; o < first + n; o++) {
                y[i * padded(out) + o] = x[o * in + i];
            }
        }
    }
}

static float activate(float v, mv_nn_act act)
{
    return act == MV_NN_SIGMOID ? (float)sigmoid((double)v) : act == MV_NN_RELU && v < 0 ? 0 : v;
}

/* Rows (plane, O padded) of sums to results (O,plane). */
static void results(float *y, const float *rows, size_t plane, const mv_nn_layer *l)
{
    const size_t wide = padded(l->out_channels);
    for (size_t o = 0; o < l->out_channels; o++) {
        for (size_t k = 0; k < plane; k++) {
            *y++ = activate(rows[k * wide + o], l->act);
        }
    }
}

/* A convolution or dense layer in floating point as one product of matrices, whose sums have the
 * same order from every kernel: x (PICTURES,C,H,W) becomes y, owned by the caller. */
static mv_status product_alone(float **y, const mv_net_shape *s, const mv_nn_layer *l,
                               const float *weights, const float *x, mv_error *err)
{
    mv_status st = MV_OK;
    const size_t plane = (size_t)s->height * s->width, count = PICTURES * plane;
    const size_t side = mv_nn_kernel_side(l->op), in = l->in_channels * side * side;
    const size_t out = l->out_channels, wide = padded(out);
    float *near = malloc(count * in * sizeof *near), *rows = malloc(count * wide * sizeof *rows);
    float *w = calloc((in + 1) * wide, sizeof *w); /* bias last */

    *y = malloc(count * out * sizeof **y);
    MV_REQUIRE(near != NULL && rows != NULL && w != NULL && *y != NULL, err, MV_E_MEMORY,
               "out of memory for the network");
    for (size_t k = 0; k < PICTURES; k++) {
        gather(near + k * plane * in, x + k * plane * l->in_channels, s, l);
    }
    turn(w, weights, in, out);
    memcpy(w + in * wide, weights + in * out, out * sizeof *w);
    mv_conv16_choose(mv_cpu_features()).dense(rows, near, w, w + in * wide, count, in, wide);
    for (size_t k = 0; k < PICTURES; k++) {
        results(*y + k * plane * out, rows + k * plane * wide, plane, l);
    }
done:
    free(near);
    free(rows);
    free(w);
    return st;
}

/* A layer without weights: x (PICTURES,C,H,W) becomes y, owned by the caller. */
static mv_status plain_alone(float **y, const mv_net_shape *shape, const mv_nn_layer *layer,
                             const float *x, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_net_opts opts = mv_net_defaults();
    mv_net *net = NULL;
    MV_TRY(mv_net_new(&net, &mv_tensor_portable, layer, 1, shape, &opts, err));
    *y = malloc(mv_net_out_count(net) * sizeof **y);
    MV_REQUIRE(*y != NULL, err, MV_E_MEMORY, "out of memory for the network");
    MV_TRY(mv_net_forward(net, *y, x, err));
done:
    mv_net_free(&net);
    return st;
}

static mv_status sum_alone(float **y, const float *a, const float *b, size_t count, mv_error *err)
{
    mv_status st = MV_OK;
    *y = malloc(count * sizeof **y);
    MV_REQUIRE(*y != NULL, err, MV_E_MEMORY, "out of memory for the network");
    for (size_t k = 0; k < count; k++) {
        (*y)[k] = a[k] + b[k];
    }
done:
    return st;
}

/* Exponents of all tensors from the pictures *x (owned; replaced by the result). */
static mv_status choose_exponents(half *h, const float *weights, float **x, mv_net_shape *shape,
                                  mv_error *err)
{
    mv_status st = MV_OK;
    float *at[MV_NN_LAYERS_MAX + 1] = {*x};
    const mv_nn_layer *l = &h->step[0].layer;
    size_t count = (size_t)PICTURES * l->in_channels * shape->height * shape->width;

    h->exponent[0] = exponent_for(1); /* pixels and features are within 0..1, */
    for (size_t i = 0; i < h->count; i++, l = &h->step[i].layer) {
        if (l->op == MV_NN_ADD) {
            MV_TRY(sum_alone(&at[i + 1], at[i], at[l->other], count, err));
        } else {
            MV_TRY(mv_nn_layer_weights(l) != 0
                       ? product_alone(&at[i + 1], shape, l, weights, at[i], err)
                       : plain_alone(&at[i + 1], shape, l, at[i], err));
            shape->height = mv_nn_side_after(l->op, shape->height);
            shape->width = mv_nn_side_after(l->op, shape->width);
        }
        weights += mv_nn_layer_weights(l);
        count = (size_t)PICTURES * l->out_channels * shape->height * shape->width;
        h->exponent[i + 1] = l->op == MV_NN_MAXPOOL2 || l->op == MV_NN_UPSAMPLE2 ? h->exponent[i]
                             : l->act == MV_NN_SIGMOID /* as are its results */
                                 ? exponent_for(1)
                                 : exponent_for(peak_of(at[i + 1], count));
    }
    *x = at[h->count];
    at[h->count] = NULL;
done:
    for (size_t i = st == MV_OK ? 0 : 1; i <= h->count; i++) {
        free(at[i]);
    }
    return st;
}

/* Noise of single pixels and of cells of four, white, and noise in every channel for itself: about
 * the largest numbers that pictures of 0..1 can give rise to. */
static mv_status make_pictures(float **out, uint32_t channels, uint32_t side, mv_error *err)
{
    mv_status st = MV_OK;
    mv_rand r = mv_rand_make(1);
    const size_t plane = (size_t)side * side;
    float *p = malloc(PICTURES * channels * plane * sizeof *p);

    MV_REQUIRE((*out = p) != NULL, err, MV_E_MEMORY, "out of memory for the network");
    for (size_t k = 0; k < PICTURES * channels * plane; k++) {
        const size_t picture = k / (channels * plane), c = k / plane % channels;
        const size_t y = k % plane / side, x = k % side;
        const bool again = picture == 1 && (y % 4 != 0 || x % 4 != 0);
        const float noise = (float)(mv_rand_u64(&r) >> 40) / (1 << 24);
        p[k] = picture == 2            ? 1
               : picture != 3 && c > 0 ? p[k - plane]
               : again && y % 4 != 0   ? p[k - side]
               : again                 ? p[k - 1]
                                       : noise;
    }
done:
    return st;
}

/* ---- weights ---- */

/* The nearest whole number, halves away from 0; |v| < 2^52. */
static double nearest(double v)
{
    return (double)(int64_t)(v < 0 ? v - 0.5 : v + 0.5);
}

/* The sizes of an output's weights; neither is a number where one of them is none. */
typedef struct sizes {
    double sum, largest;
    size_t count;
} sizes;

static sizes sizes_of(const float *w, size_t count)
{
    double a = 0, b = 0, c = 0, d = 0; /* so that one addition need not wait for the one before */
    size_t i = 0;
    for (; i + 4 <= count; i += 4) {
        a += fabs((double)w[i]);
        b += fabs((double)w[i + 1]);
        c += fabs((double)w[i + 2]);
        d += fabs((double)w[i + 3]);
    }
    for (; i < count; i++) {
        a += fabs((double)w[i]);
    }
    return (sizes){(a + b) + (c + d), peak_of(w, count), count};
}

/* Sum of the sizes of the weights times 2^s, each to the nearest whole number, halves up. */
static int64_t rounded_sum(const float *w, size_t count, int s)
{
    enum { RUN = 32768 }; /* so many times 32,767 fit 32 bits: compilers use vectors */
    const double scale = ldexp(1, s);
    int64_t sum = 0;
    for (size_t i = 0; i < count; i += RUN) {
        const size_t n = count - i < RUN ? count - i : RUN;
        int32_t part = 0;
        for (size_t k = 0; k < n; k++) {
            part += (int32_t)(fabs((double)w[i + k] * scale) + 0.5);
        }
        sum += part;
    }
    return sum;
}

/* Whether weights times 2^s fit 16 bits, and sums that start at this one 32. */
static bool fits(const float *w, const sizes *z, double start, int s)
{
    const double scale = ldexp(1, s), halves = (double)z->count / 2 + 1;
    if (!(z->largest * scale < 32767) || !((z->sum * scale - halves) * MAX <= INT32_MAX)) {
        return false; /* rounding takes at most a half off each */
    }
    return (double)rounded_sum(w, z->count, s) * MAX + start <= INT32_MAX;
}

/* Output o: weights w (in,taps) times 2^s. */
static void put_weights(mv_conv16 *k, size_t o, const float *w, int s)
{
    const size_t taps = (size_t)k->side * k->side;
    const double scale = ldexp(1, s);
    for (size_t t = 0; t < taps; t++) {
        int16_t *const to = k->weight + (o * taps + t) * 2 * k->pairs;
        for (size_t i = 0; i < k->in; i++) {
            const double v = (double)w[i * taps + t] * scale;
            to[i] = (int16_t)(int32_t)(v + copysign(0.5, v)); /* halves away from 0 */
        }
    }
}

/* Output o with weights 2^s times as large, sums in units of sum_exponent; whether that fits. */
static bool round_output(mv_conv16 *k, size_t o, const float *w, const sizes *z, double bias, int s,
                         int sum_exponent)
{
    const double rest = k->shift[o] == 0 ? 0 : ldexp(1, k->shift[o] - 1);
    const double start = ldexp(bias, sum_exponent);
    if (!fits(w, z, fabs(start) + rest + 1, s)) {
        return false;
    }
    put_weights(k, o, w, s);
    k->bias[o] = (int32_t)(nearest(start) + rest);
    return true;
}

enum { FINEST = 24 };

/* The finest weights that fit: 2^s (MAX sum |w| + |bias|) is about 2^31. */
static mv_status round_outputs(mv_conv16 *k, const float *w, int in_exponent, int out_exponent)
{
    const size_t count = (size_t)k->in * k->side * k->side;
    const float *bias = w + k->out * count;
    for (size_t o = 0; o < k->out; o++, w += count) {
        const sizes z = sizes_of(w, count);
        const double total = fabs(ldexp((double)bias[o], in_exponent)) + z.sum * MAX;
        bool found = false;
        int above = 0;
        (void)frexp(total, &above);
        for (int s = total < ldexp(1, 31 - FINEST) ? FINEST : 32 - above; s > -FINEST && !found;
             s--) {
            k->shift[o] = s + in_exponent - out_exponent;
            found = k->shift[o] >= 0 && k->shift[o] <= 30 &&
                    round_output(k, o, w, &z, (double)bias[o], s, s + in_exponent);
        }
        if (!found) {
            return MV_E_RANGE;
        }
    }
    return MV_OK;
}

static mv_status make_conv(mv_conv16 *k, const mv_nn_layer *l, const float *weights,
                           int in_exponent, int out_exponent, mv_error *err)
{
    mv_status st = MV_OK;
    k->side = mv_nn_kernel_side(l->op);
    k->in = l->in_channels;
    k->out = l->out_channels;
    k->pairs = (k->in + 1) / 2;
    k->blocks = (k->out + SIDE - 1) / SIDE;
    k->low = l->act == MV_NN_RELU ? 0 : -MAX;
    k->high = MAX;
    const size_t count = (size_t)k->blocks * SIDE * k->side * k->side * k->pairs * 2;
    k->weight = calloc(count, sizeof *k->weight);
    k->packed = calloc(count, sizeof *k->packed);
    k->bias = calloc((size_t)k->blocks * SIDE, sizeof *k->bias);
    k->shift = calloc((size_t)k->blocks * SIDE, sizeof *k->shift);
    MV_REQUIRE(k->weight != NULL && k->packed != NULL && k->bias != NULL && k->shift != NULL, err,
               MV_E_MEMORY, "out of memory for the network");
    st = round_outputs(k, weights, in_exponent, out_exponent);
    MV_REQUIRE(st == MV_OK, err, st, "the network's weights are too large for whole numbers");
    st = mv_conv16_check(k);
    MV_REQUIRE(st == MV_OK, err, st, "a sum in the network could overflow");
    mv_conv16_pack(k);
done:
    return st;
}

/* W (O,I) to (in16,out16). */
static mv_status make_dense(step *s, const float *weights, mv_error *err)
{
    mv_status st = MV_OK;
    const size_t in = s->layer.in_channels, out = s->layer.out_channels, wide = padded(out);
    s->dense = calloc(padded(in) * wide, sizeof *s->dense);
    s->bias = calloc(wide, sizeof *s->bias);
    MV_REQUIRE(s->dense != NULL && s->bias != NULL, err, MV_E_MEMORY,
               "out of memory for the network");
    for (size_t k = 0; k < in * out; k++) {
        s->dense[k % in * wide + k / in] = weights[k];
    }
    memcpy(s->bias, weights + in * out, out * sizeof *s->bias);
done:
    return st;
}

static mv_status make_steps(half *h, const float *weights, mv_error *err)
{
    mv_status st = MV_OK;
    for (size_t i = 0; i < h->count; i++) {
        step *s = &h->step[i];
        if (is_conv(&s->layer)) {
            const bool bent = s->layer.act == MV_NN_SIGMOID;
            MV_TRY(make_conv(&s->conv, &s->layer, weights, h->exponent[i],
                             bent ? SIGMOID_EXPONENT : h->exponent[i + 1], err));
        } else if (s->layer.op == MV_NN_DENSE) {
            MV_TRY(make_dense(s, weights, err));
        }
        weights += mv_nn_layer_weights(&s->layer);
    }
done:
    return st;
}

static size_t feature_count(const mv_nn_graph *graph, const mv_net_shape *shape)
{
    return (size_t)graph->feature_channels * shape->batch * shape->height * shape->width;
}

/* Exponents of one half, whose weights and input x (replaced by the result) these are. */
static mv_status measure_half(half *h, const mv_nn_layer *layer, size_t count, const float *weights,
                              float **x, mv_net_shape *shape, mv_error *err)
{
    mv_status st = MV_OK;
    MV_TRY(plan_half(h, layer, count, err));
    MV_TRY(choose_exponents(h, weights, x, shape, err));
done:
    return st;
}

mv_status mv_integer_new(mv_integer **out, const mv_nn_graph *graph, bool encoder,
                         const float *weights, mv_error *err)
{
    mv_status st = MV_OK;
    const float *const decoder = weights + mv_nn_decoder_offset(graph, 0);
    mv_net_shape shape = {PICTURES, FEATURES * graph->scale, FEATURES * graph->scale};
    float *x = NULL;
    mv_integer *net = calloc(1, sizeof *net);

    *out = NULL;
    MV_REQUIRE(net != NULL, err, MV_E_MEMORY, "out of memory for the network");
    half *const h = &net->half;
    MV_TRY(make_pictures(&x, graph->image_channels, shape.height, err));
    MV_TRY(measure_half(h, graph->encoder, graph->encoder_count, weights, &x, &shape, err));
    if (!encoder) {
        for (size_t k = 0; k < feature_count(graph, &shape); k++) {
            x[k] = x[k] > 0 ? (x[k] < 1 ? x[k] : 1) : 0;
        }
        memset(h, 0, sizeof *h);
        MV_TRY(measure_half(h, graph->decoder, graph->decoder_count, decoder, &x, &shape, err));
    }
    MV_TRY(make_steps(h, encoder ? weights : decoder, err));
    for (int z = -MAX; z <= MAX; z++) {
        net->sigmoid[z + MAX] = (float)sigmoid(ldexp(z, -SIGMOID_EXPONENT));
    }
    *out = net;
    net = NULL;
done:
    free(x);
    mv_integer_free(&net);
    return st;
}

void mv_integer_free(mv_integer **net)
{
    for (size_t i = 0; *net != NULL && i < MV_NN_LAYERS_MAX; i++) {
        step *s = &(*net)->half.step[i];
        free(s->conv.weight);
        free(s->conv.packed);
        free(s->conv.bias);
        free(s->conv.shift);
        free(s->dense);
        free(s->bias);
    }
    free(*net);
    *net = NULL;
}

/* ---- running ---- */

/* Tensors (H,W,C), C padded to sixteen. Whole ones have one pixel of zeroes around them. */
typedef struct tensor {
    size_t height, width, channels, pitch; /* pitch: padded channels */
    int16_t *whole;
    float *real;
} tensor;

struct mv_integer_pass {
    const mv_integer *net;
    const half *half;
    mv_conv16_kernels by;
    tensor at[MV_NN_LAYERS_MAX + 1];
    int16_t *row; /* of what enters a sigmoid */
    size_t row_len;
};

static size_t whole_row(const tensor *t)
{
    return (t->width + 2) * t->pitch;
}

static size_t whole_len(const tensor *t)
{
    return (t->height + 2) * whole_row(t);
}

static size_t real_len(const tensor *t)
{
    return t->height * t->width * t->pitch;
}

/* Pixel (y, 0), not counting the border. */
static int16_t *whole_at(const tensor *t, size_t y)
{
    return t->whole + (y + 1) * whole_row(t) + t->pitch;
}

static float *real_at(const tensor *t, size_t y)
{
    return t->real + y * t->width * t->pitch;
}

mv_status mv_integer_pass_new(mv_integer_pass **out, const mv_integer *net, uint32_t height,
                              uint32_t width, uint32_t cpu)
{
    mv_status st = MV_OK;
    mv_integer_pass *p = calloc(1, sizeof *p);
    const half *h = &net->half;

    *out = NULL;
    MV_ENSURE(p != NULL, MV_E_MEMORY);
    p->net = net;
    p->half = h;
    p->by = mv_conv16_choose(cpu);
    for (size_t i = 0; i <= h->count; i++) {
        const mv_nn_layer *l = &h->step[i == 0 ? 0 : i - 1].layer;
        const size_t channels = i == 0 ? l->in_channels : l->out_channels;
        if (i != 0) {
            height = mv_nn_side_after(l->op, height);
            width = mv_nn_side_after(l->op, width);
        }
        tensor *t = &p->at[i];
        *t = (tensor){height, width, channels, padded(channels), NULL, NULL};
        t->whole = h->whole[i] ? calloc(whole_len(t), sizeof *t->whole) : NULL;
        t->real = h->real[i] ? calloc(real_len(t), sizeof *t->real) : NULL;
        MV_ENSURE((t->whole != NULL || !h->whole[i]) && (t->real != NULL || !h->real[i]),
                  MV_E_MEMORY);
        p->row_len = t->width * t->pitch > p->row_len ? t->width * t->pitch : p->row_len;
    }
    p->row = malloc(p->row_len * sizeof *p->row);
    MV_ENSURE(p->row != NULL, MV_E_MEMORY);
    *out = p;
    p = NULL;
done:
    mv_integer_pass_free(&p);
    return st;
}

static void wipe(void *p, size_t len)
{
    if (p != NULL) {
        mv_wipe(p, len);
    }
    free(p);
}

void mv_integer_pass_free(mv_integer_pass **pass)
{
    mv_integer_pass *p = *pass;
    for (size_t i = 0; p != NULL && i <= p->half->count; i++) {
        wipe(p->at[i].whole, whole_len(&p->at[i]) * sizeof *p->at[i].whole);
        wipe(p->at[i].real, real_len(&p->at[i]) * sizeof *p->at[i].real);
    }
    if (p != NULL) {
        wipe(p->row, p->row_len * sizeof *p->row);
    }
    free(p);
    *pass = NULL;
}

size_t mv_integer_in_count(const mv_integer_pass *pass)
{
    return pass->at[0].channels * pass->at[0].height * pass->at[0].width;
}

size_t mv_integer_out_count(const mv_integer_pass *pass)
{
    const tensor *t = &pass->at[pass->half->count];
    return t->channels * t->height * t->width;
}

/* ---- between forms ---- */

/* To the nearest unit, halves up, cut to +-MAX; MAX where it is not a number. Without calls and
 * branches, so that compilers use vectors: v + 2^15 + 1/2 is positive and cut off downwards. */
static void to_whole(int16_t *y, const float *x, size_t count, float scale)
{
    for (size_t k = 0; k < count; k++) {
        const float v = x[k] * scale;
        const float cut = v < MAX ? (v > -MAX ? v : -MAX) : MAX;
        y[k] = (int16_t)((int32_t)(cut + 32768.5F) - 32768);
    }
}

static void to_real(float *y, const int16_t *x, size_t count, float unit)
{
    for (size_t k = 0; k < count; k++) {
        y[k] = (float)x[k] * unit;
    }
}

/* What the layer before i+1 did not write itself. */
static void complete(const mv_integer_pass *p, size_t i, bool from_whole)
{
    const tensor *t = &p->at[i];
    const size_t row = t->width * t->pitch;
    for (size_t y = 0; t->whole != NULL && t->real != NULL && y < t->height; y++) {
        if (from_whole) {
            to_real(real_at(t, y), whole_at(t, y), row, ldexpf(1, -p->half->exponent[i]));
        } else {
            to_whole(whole_at(t, y), real_at(t, y), row, ldexpf(1, p->half->exponent[i]));
        }
    }
}

/* x (C,H,W) to (H,W,C), into whichever form is wanted. */
static void take(const mv_integer_pass *p, const float *x)
{
    const tensor *t = &p->at[0];
    const size_t plane = t->height * t->width;
    const float scale = ldexpf(1, p->half->exponent[0]);
    for (size_t k = 0; k < plane; k++) {
        float *const real = t->real == NULL ? NULL : t->real + k * t->pitch;
        int16_t *const whole =
            t->whole == NULL ? NULL : whole_at(t, k / t->width) + k % t->width * t->pitch;
        for (size_t c = 0; c < t->channels; c++) {
            if (whole != NULL) {
                to_whole(whole + c, x + c * plane + k, 1, scale);
            }
            if (real != NULL) {
                real[c] = x[c * plane + k];
            }
        }
    }
}

static void give(float *y, const tensor *t)
{
    const size_t plane = t->height * t->width;
    for (size_t k = 0; k < plane; k++) {
        for (size_t c = 0; c < t->channels; c++) {
            y[c * plane + k] = t->real[k * t->pitch + c];
        }
    }
}

/* ---- layers ---- */

static void run_conv(const mv_integer_pass *p, const step *s, const tensor *x, const tensor *y)
{
    const mv_conv16 *k = &s->conv;
    const size_t row = y->width * y->pitch;
    for (size_t r = 0; r < y->height; r++) {
        const int16_t *from =
            k->side == 3 ? whole_at(x, r) - whole_row(x) - x->pitch : whole_at(x, r);
        int16_t *to = s->layer.act == MV_NN_SIGMOID ? p->row : whole_at(y, r);
        p->by.conv(to, y->pitch, from, whole_row(x), x->pitch, y->width, k);
        for (size_t i = 0; s->layer.act == MV_NN_SIGMOID && i < row; i++) {
            real_at(y, r)[i] = p->net->sigmoid[to[i] + MAX];
        }
    }
}

static void run_pool(const tensor *x, const tensor *y)
{
    for (size_t r = 0; r < y->height; r++) {
        const int16_t *up = whole_at(x, 2 * r), *down = whole_at(x, 2 * r + 1);
        int16_t *to = whole_at(y, r);
        for (size_t s = 0; s < y->width; s++, up += 2 * x->pitch, down += 2 * x->pitch) {
            for (size_t c = 0; c < x->pitch; c++) {
                const int16_t a = up[c] > up[c + x->pitch] ? up[c] : up[c + x->pitch];
                const int16_t b = down[c] > down[c + x->pitch] ? down[c] : down[c + x->pitch];
                *to++ = a > b ? a : b;
            }
        }
    }
}

static void run_upsample(const tensor *x, const tensor *y)
{
    for (size_t r = 0; r < y->height; r += 2) {
        const int16_t *from = whole_at(x, r / 2);
        int16_t *to = whole_at(y, r);
        for (size_t s = 0; s < y->width; s++) {
            memcpy(to + s * y->pitch, from + s / 2 * x->pitch, x->pitch * sizeof *to);
        }
        memcpy(whole_at(y, r + 1), to, y->width * y->pitch * sizeof *to);
    }
}

/* Block (r,s)'s channel 8u + v is pixel (8r + u, 8s + v); what does not fill a block is dropped. */
static void block_rows(const tensor *y, const float *x, size_t width)
{
    for (size_t k = 0; k < y->height * y->width; k++) {
        const float *from = x + k / y->width * 8 * width + k % y->width * 8;
        for (size_t u = 0; u < 8; u++) {
            memcpy(y->real + k * y->pitch + 8 * u, from + u * width, 8 * sizeof *from);
        }
    }
}

static void unblock_rows(float *y, const tensor *x, const tensor *pixels)
{
    const size_t width = pixels->width;
    for (size_t k = 0; k < x->height * x->width; k++) {
        float *to = y + k / x->width * 8 * width + k % x->width * 8;
        for (size_t u = 0; u < 8; u++) {
            memcpy(to + u * width, x->real + k * x->pitch + 8 * u, 8 * sizeof *to);
        }
    }
}

/* Layer i; x and y are the whole half's, for blocks. */
static void run_layer(const mv_integer_pass *p, size_t i, float *y, const float *x)
{
    const step *s = &p->half->step[i];
    const tensor *from = &p->at[i], *to = &p->at[i + 1];
    switch (s->layer.op) {
    case MV_NN_CONV3:
    case MV_NN_DENSE:
        if (is_conv(&s->layer)) {
            run_conv(p, s, from, to);
        } else {
            p->by.dense(to->real, from->real, s->dense, s->bias, from->height * from->width,
                        from->pitch, to->pitch);
        }
        break;
    case MV_NN_MAXPOOL2:
        run_pool(from, to);
        break;
    case MV_NN_UPSAMPLE2:
        run_upsample(from, to);
        break;
    case MV_NN_BLOCK8:
        block_rows(to, x, from->width);
        break;
    case MV_NN_UNBLOCK8:
        unblock_rows(y, from, to);
        break;
    case MV_NN_ASINH:
        mv_plain_asinh(to->real, from->real, real_len(from));
        break;
    case MV_NN_SINH:
        mv_plain_sinh(to->real, from->real, real_len(from));
        break;
    case MV_NN_ADD:
        mv_plain_add(to->real, from->real, p->at[s->layer.other].real, real_len(from));
        break;
    case MV_NN_LSTM: /* refused when the network was made */
        break;
    }
}

void mv_integer_run(mv_integer_pass *pass, float *y, const float *x)
{
    const half *h = pass->half;
    if (h->whole[0] || h->real[0]) {
        take(pass, x);
    }
    for (size_t i = 0; i < h->count; i++) {
        run_layer(pass, i, y, x);
        complete(pass, i + 1, writes_whole(&h->step[i].layer));
    }
    if (h->real[h->count]) {
        give(y, &pass->at[h->count]);
    }
}
