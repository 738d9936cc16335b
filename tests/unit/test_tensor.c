/* SPDX-License-Identifier: Apache-2.0
 *
 * test_tensor.c: every kernel table against the plain definition in double precision, forward, and
 * against its central differences, backward.
 */
#include "base/rng.h"
#include "tensor/tensor_internal.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* ---- the definition, independent of the code under test ---- */

typedef struct tensor {
    size_t b, c, h, w;
    double *v;
} tensor;

static tensor tensor_new(size_t b, size_t c, size_t h, size_t w)
{
    tensor t = {b, c, h, w, calloc(b * c * h * w, sizeof(double))};
    assert_non_null(t.v);
    return t;
}

static double *at(const tensor *t, size_t b, size_t c, size_t y, size_t x)
{
    return &t->v[((b * t->c + c) * t->h + y) * t->w + x];
}

static double activate(double v, mv_nn_act act)
{
    return act == MV_NN_RELU ? (v > 0 ? v : 0) : act == MV_NN_SIGMOID ? 1 / (1 + exp(-v)) : v;
}

static double conv_at(const tensor *x, const double *w, const mv_nn_layer *l, size_t b, size_t o,
                      size_t r, size_t s)
{
    const int side = (int)mv_nn_kernel_side(l->op), pad = side / 2;
    double sum = w[l->out_channels * l->in_channels * (size_t)(side * side) + o];
    for (size_t c = 0; c < l->in_channels; c++) {
        for (int u = 0; u < side; u++) {
            for (int v = 0; v < side; v++) {
                const long y = (long)r + u - pad, z = (long)s + v - pad;
                if (y >= 0 && z >= 0 && y < (long)x->h && z < (long)x->w) {
                    const size_t k = (o * l->in_channels + c) * (size_t)(side * side);
                    sum += w[k + (size_t)(u * side + v)] * *at(x, b, c, (size_t)y, (size_t)z);
                }
            }
        }
    }
    return activate(sum, l->act);
}

/* The LSTM's state at (b, ., r, s), from the row's first position on; h, c: room for H numbers. */
static void lstm_at(double *h, double *c, const tensor *x, const double *w, const mv_nn_layer *l,
                    size_t b, size_t r, size_t s)
{
    const size_t n = l->out_channels, in = l->in_channels;
    double z[4 * 16];
    assert_true(n <= 16);
    memset(h, 0, n * sizeof *h);
    memset(c, 0, n * sizeof *c);
    for (size_t t = 0; t <= s; t++) {
        for (size_t k = 0; k < 4 * n; k++) {
            z[k] = w[4 * n * (in + n) + k];
            for (size_t i = 0; i < in; i++) {
                z[k] += w[k * in + i] * *at(x, b, i, r, t);
            }
            for (size_t i = 0; i < n; i++) {
                z[k] += w[4 * n * in + k * n + i] * h[i];
            }
            z[k] = k / n == 2 ? tanh(z[k]) : 1 / (1 + exp(-z[k]));
        }
        for (size_t k = 0; k < n; k++) {
            c[k] = z[n + k] * c[k] + z[k] * z[2 * n + k];
        }
        for (size_t k = 0; k < n; k++) {
            h[k] = z[3 * n + k] * tanh(c[k]);
        }
    }
}

static double layer_at(const tensor *x, const double *w, const mv_nn_layer *l, size_t b, size_t c,
                       size_t r, size_t s)
{
    if (l->op == MV_NN_BLOCK8) {
        return *at(x, b, c / 64, 8 * r + c % 64 / 8, 8 * s + c % 8);
    }
    if (l->op == MV_NN_UNBLOCK8) {
        return *at(x, b, 64 * c + r % 8 * 8 + s % 8, r / 8, s / 8);
    }
    if (l->op == MV_NN_ASINH || l->op == MV_NN_SINH) {
        const double v = *at(x, b, c, r, s);
        return l->op == MV_NN_ASINH ? asinh(v) : sinh(v);
    }
    if (l->op == MV_NN_LSTM) {
        double h[16], state[16];
        lstm_at(h, state, x, w, l, b, r, s);
        return h[c];
    }
    if (mv_nn_kernel_side(l->op) != 0) {
        return conv_at(x, w, l, b, c, r, s);
    }
    if (l->op == MV_NN_UPSAMPLE2) {
        return *at(x, b, c, r / 2, s / 2);
    }
    return fmax(fmax(*at(x, b, c, 2 * r, 2 * s), *at(x, b, c, 2 * r, 2 * s + 1)),
                fmax(*at(x, b, c, 2 * r + 1, 2 * s), *at(x, b, c, 2 * r + 1, 2 * s + 1)));
}

static tensor define_layer(const tensor *x, const double *w, const mv_nn_layer *l)
{
    tensor y = tensor_new(x->b, l->out_channels, mv_nn_side_after(l->op, (uint32_t)x->h),
                          mv_nn_side_after(l->op, (uint32_t)x->w));
    for (size_t k = 0; k < y.b * y.c * y.h * y.w; k++) {
        const size_t s = k % y.w, r = k / y.w % y.h, c = k / (y.w * y.h) % y.c;
        y.v[k] = layer_at(x, w, l, k / (y.w * y.h * y.c), c, r, s);
    }
    return y;
}

static tensor define_sum(const tensor *a, const tensor *b)
{
    tensor y = tensor_new(a->b, a->c, a->h, a->w);
    for (size_t k = 0; k < y.b * y.c * y.h * y.w; k++) {
        y.v[k] = a->v[k] + b->v[k];
    }
    return y;
}

/* ---- one network with random numbers ---- */

typedef struct rig {
    const mv_nn_layer *layer;
    size_t count;
    mv_net_shape shape;
    size_t in, out, weights;
    double *x, *w, *dy; /* dy: L = sum of dy * y */
    float *fx, *fw, *fdy, *y, *dx, *dw;
} rig;

static double *random_doubles(size_t count, mv_rand *rand, double scale)
{
    double *v = calloc(count + 1, sizeof *v);
    assert_non_null(v);
    for (size_t k = 0; k < count; k++) {
        v[k] = (double)(float)(scale * mv_rand_normal(rand)); /* exact in both precisions */
    }
    return v;
}

static float *floats(const double *from, size_t count)
{
    float *v = calloc(count + 1, sizeof *v);
    assert_non_null(v);
    for (size_t k = 0; from != NULL && k < count; k++) {
        v[k] = (float)from[k];
    }
    return v;
}

static rig rig_scaled(const mv_nn_layer *layer, size_t count, mv_net_shape shape, uint64_t seed,
                      double weight_deviation)
{
    rig r = {.layer = layer, .count = count, .shape = shape};
    mv_rand rand = mv_rand_make(seed);
    size_t h = shape.height, w = shape.width;
    for (size_t i = 0; i < count; i++) {
        r.weights += mv_nn_layer_weights(&layer[i]);
        h = mv_nn_side_after(layer[i].op, (uint32_t)h);
        w = mv_nn_side_after(layer[i].op, (uint32_t)w);
    }
    r.in = (size_t)shape.batch * layer[0].in_channels * shape.height * shape.width;
    r.out = shape.batch * layer[count - 1].out_channels * h * w;
    r.x = random_doubles(r.in, &rand, 1);
    r.w = random_doubles(r.weights, &rand, weight_deviation);
    r.dy = random_doubles(r.out, &rand, 1);
    r.fx = floats(r.x, r.in);
    r.fw = floats(r.w, r.weights);
    r.fdy = floats(r.dy, r.out);
    r.y = floats(NULL, r.out);
    r.dx = floats(NULL, r.in);
    r.dw = floats(NULL, r.weights);
    return r;
}

static rig rig_new(const mv_nn_layer *layer, size_t count, mv_net_shape shape, uint64_t seed)
{
    return rig_scaled(layer, count, shape, seed, 0.3);
}

static void rig_free(rig *r)
{
    double *d[] = {r->x, r->w, r->dy};
    float *f[] = {r->fx, r->fw, r->fdy, r->y, r->dx, r->dw};
    for (size_t k = 0; k < 3; k++) {
        free(d[k]);
    }
    for (size_t k = 0; k < 6; k++) {
        free(f[k]);
    }
}

/* y of the definition, the caller frees y.v. */
static tensor define(const rig *r)
{
    tensor x[MV_NET_LAYERS_MAX + 1];
    const double *w = r->w;
    x[0] = tensor_new(r->shape.batch, r->layer[0].in_channels, r->shape.height, r->shape.width);
    memcpy(x[0].v, r->x, r->in * sizeof *x[0].v);
    for (size_t i = 0; i < r->count; i++) {
        const mv_nn_layer *l = &r->layer[i];
        x[i + 1] = l->op == MV_NN_ADD ? define_sum(&x[i], &x[l->other]) : define_layer(&x[i], w, l);
        w += mv_nn_layer_weights(l);
    }
    for (size_t i = 0; i < r->count; i++) {
        free(x[i].v);
    }
    return x[r->count];
}

static double define_loss(const rig *r)
{
    const tensor y = define(r);
    double sum = 0;
    for (size_t k = 0; k < r->out; k++) {
        sum += r->dy[k] * y.v[k];
    }
    free(y.v);
    return sum;
}

/* Forward and, when training, backward of the table into r->y, r->dx, r->dw. */
static void compute(rig *r, const mv_tensor_kernels *table, mv_net_opts opts)
{
    mv_error err = {0};
    mv_net *net = NULL;
    opts.input_gradient = opts.training;
    const mv_status st = mv_net_new(&net, table, r->layer, r->count, &r->shape, &opts, &err);
    if (st != MV_OK) {
        fail_msg("%s: %s", mv_tensor_name(table), err.text);
    }
    assert_int_equal(mv_net_in_count(net), r->in);
    assert_int_equal(mv_net_out_count(net), r->out);
    assert_int_equal(mv_net_weight_count(net), r->weights);
    for (int again = 0; again < 2; again++) { /* a second pass finds stale buffers */
        memset(r->y, 0xff, r->out * sizeof *r->y);
        memset(r->dw, 0xff, r->weights * sizeof *r->dw);
        assert_int_equal(mv_net_load(net, r->fw, &err), MV_OK);
        assert_int_equal(mv_net_forward(net, r->y, r->fx, &err), MV_OK);
        if (opts.training) {
            assert_int_equal(mv_net_backward(net, r->dx, r->dw, r->fdy, &err), MV_OK);
        }
    }
    mv_net_free(&net);
    assert_null(net);
}

static double largest(const float *v, size_t count)
{
    double m = 0;
    for (size_t k = 0; k < count; k++) {
        m = fmax(m, fabs((double)v[k]));
    }
    return m;
}

static void check_near(const char *what, const float *got, const float *want, size_t count,
                       double tolerance)
{
    const double scale = largest(want, count);
    for (size_t k = 0; k < count; k++) {
        const double off = fabs((double)got[k] - (double)want[k]);
        if (!(off <= tolerance * scale)) {
            fail_msg("%s[%zu]: %g, should be %g within %g", what, k, (double)got[k],
                     (double)want[k], tolerance * scale);
        }
    }
}

/* ---- networks to try ---- */

static const mv_nn_layer one_conv3[] = {{MV_NN_CONV3, MV_NN_LINEAR, 3, 2}};
static const mv_nn_layer one_relu[] = {{MV_NN_CONV3, MV_NN_RELU, 2, 5}};
static const mv_nn_layer one_sigmoid[] = {{MV_NN_CONV3, MV_NN_SIGMOID, 1, 3}};
static const mv_nn_layer one_dense[] = {{MV_NN_DENSE, MV_NN_SIGMOID, 4, 3}};
static const mv_nn_layer one_pool[] = {{MV_NN_MAXPOOL2, MV_NN_LINEAR, 3, 3}};
static const mv_nn_layer one_upsample[] = {{MV_NN_UPSAMPLE2, MV_NN_LINEAR, 3, 3}};
static const mv_nn_layer all_kinds[] = {
    {MV_NN_CONV3, MV_NN_RELU, 3, 6},    {MV_NN_MAXPOOL2, MV_NN_LINEAR, 6, 6},
    {MV_NN_CONV3, MV_NN_RELU, 6, 4},    {MV_NN_DENSE, MV_NN_SIGMOID, 4, 3},
    {MV_NN_CONV3, MV_NN_RELU, 3, 4},    {MV_NN_UPSAMPLE2, MV_NN_LINEAR, 4, 4},
    {MV_NN_CONV3, MV_NN_SIGMOID, 4, 3},
};
static const mv_nn_layer one_asinh[] = {{MV_NN_ASINH, MV_NN_LINEAR, 3, 3}};
static const mv_nn_layer one_sinh[] = {{MV_NN_SINH, MV_NN_LINEAR, 3, 3}};
static const mv_nn_layer one_unblock[] = {{MV_NN_UNBLOCK8, MV_NN_LINEAR, 128, 2}};
static const mv_nn_layer one_lstm[] = {{MV_NN_LSTM, MV_NN_LINEAR, 3, 5}};
/* one tensor added twice, one sum inside another, the input added at the end */
static const mv_nn_layer residual[] = {
    {MV_NN_DENSE, MV_NN_LINEAR, 4, 6},           {MV_NN_CONV3, MV_NN_RELU, 6, 6},
    {MV_NN_CONV3, MV_NN_LINEAR, 6, 6},           {MV_NN_ADD, MV_NN_LINEAR, 6, 6, .other = 1},
    {MV_NN_ASINH, MV_NN_LINEAR, 6, 6},           {MV_NN_CONV3, MV_NN_RELU, 6, 6},
    {MV_NN_ADD, MV_NN_LINEAR, 6, 6, .other = 4}, {MV_NN_ADD, MV_NN_LINEAR, 6, 6, .other = 1},
    {MV_NN_DENSE, MV_NN_SIGMOID, 6, 4},          {MV_NN_ADD, MV_NN_LINEAR, 4, 4, .other = 0},
};
static const mv_nn_layer recurrent[] = {
    {MV_NN_DENSE, MV_NN_LINEAR, 2, 4},
    {MV_NN_LSTM, MV_NN_LINEAR, 4, 7},
    {MV_NN_DENSE, MV_NN_LINEAR, 7, 4},
    {MV_NN_ADD, MV_NN_LINEAR, 4, 4, .other = 1},
    {MV_NN_LSTM, MV_NN_LINEAR, 4, 3},
    {MV_NN_DENSE, MV_NN_SIGMOID, 3, 2},
    {MV_NN_ADD, MV_NN_LINEAR, 2, 2, .other = 0},
};
static const mv_nn_layer wide[] = {
    {MV_NN_CONV3, MV_NN_RELU, 3, 64},        {MV_NN_MAXPOOL2, MV_NN_LINEAR, 64, 64},
    {MV_NN_CONV3, MV_NN_RELU, 64, 32},       {MV_NN_DENSE, MV_NN_SIGMOID, 32, 3},
    {MV_NN_DENSE, MV_NN_SIGMOID, 3, 3},      {MV_NN_CONV3, MV_NN_RELU, 3, 32},
    {MV_NN_UPSAMPLE2, MV_NN_LINEAR, 32, 32}, {MV_NN_CONV3, MV_NN_RELU, 32, 64},
    {MV_NN_CONV3, MV_NN_SIGMOID, 64, 3},
};
static const mv_nn_layer odd_channels[] = {
    {MV_NN_CONV3, MV_NN_RELU, 1, 17},
    {MV_NN_CONV3, MV_NN_RELU, 17, 33},
    {MV_NN_DENSE, MV_NN_LINEAR, 33, 5},
};

#define NETWORK(list) #list, list, sizeof list / sizeof list[0]

static const struct {
    const char *name;
    const mv_nn_layer *layer;
    size_t count;
} networks[] = {
    {NETWORK(one_conv3)}, {NETWORK(one_relu)},     {NETWORK(one_sigmoid)},  {NETWORK(one_dense)},
    {NETWORK(one_pool)},  {NETWORK(one_upsample)}, {NETWORK(all_kinds)},    {NETWORK(one_asinh)},
    {NETWORK(one_sinh)},  {NETWORK(one_unblock)},  {NETWORK(one_lstm)},     {NETWORK(residual)},
    {NETWORK(recurrent)}, {NETWORK(wide)},         {NETWORK(odd_channels)},
};

enum { NETWORKS = sizeof networks / sizeof networks[0], WIDE = 13 };

static const mv_net_shape shapes[] = {{1, 2, 2}, {2, 5, 7}, {3, 9, 4}, {1, 17, 19}, {2, 24, 16}};

enum { SHAPES = sizeof shapes / sizeof shapes[0] };

/* ---- tests ---- */

static void portable_forward_is_the_definition(void **state)
{
    (void)state;
    for (size_t n = 0; n < NETWORKS; n++) {
        for (size_t s = 0; s < SHAPES; s++) {
            rig r = rig_new(networks[n].layer, networks[n].count, shapes[s], 10 * n + s);
            const tensor want = define(&r);
            float *fwant = floats(want.v, r.out);
            compute(&r, &mv_tensor_portable, mv_net_defaults());
            check_near(networks[n].name, r.y, fwant, r.out, MV_TENSOR_TOLERANCE);
            free(fwant);
            free(want.v);
            rig_free(&r);
        }
    }
}

/* dL/dv for one number v of the rig, from the definition. */
static double difference(const rig *r, double *v)
{
    const double h = 1e-5, keep = *v;
    *v = keep + h;
    const double above = define_loss(r);
    *v = keep - h;
    const double below = define_loss(r);
    *v = keep;
    return (above - below) / (2 * h);
}

static void check_differences(const char *name, rig *r)
{
    const double tolerance = 1e-4; /* of the largest gradient; float32 sums, h^2 error */
    const double dx_scale = largest(r->dx, r->in), dw_scale = largest(r->dw, r->weights);
    for (size_t k = 0; k < r->in; k++) {
        const double want = difference(r, &r->x[k]);
        if (!(fabs((double)r->dx[k] - want) <= tolerance * dx_scale)) {
            fail_msg("%s: dL/dx[%zu] is %g, differences say %g", name, k, (double)r->dx[k], want);
        }
    }
    for (size_t k = 0; k < r->weights; k++) {
        const double want = difference(r, &r->w[k]);
        if (!(fabs((double)r->dw[k] - want) <= tolerance * dw_scale)) {
            fail_msg("%s: dL/dw[%zu] is %g, differences say %g", name, k, (double)r->dw[k], want);
        }
    }
}

static void every_backward_pass_agrees_with_central_differences(void **state)
{
    (void)state;
    mv_net_opts opts = mv_net_defaults();
    opts.training = true;
    for (size_t n = 0; n < WIDE; n++) {
        rig r = rig_new(networks[n].layer, networks[n].count, shapes[1], 100 + n);
        compute(&r, &mv_tensor_portable, opts);
        check_differences(networks[n].name, &r);
        rig_free(&r);
    }
}

/* Run one rig through both tables, with these options for oneDNN, and compare. */
static void compare_tables(size_t n, size_t s, mv_net_opts opts)
{
    mv_net_opts plain = mv_net_defaults();
    plain.training = opts.training;
    rig want = rig_new(networks[n].layer, networks[n].count, shapes[s], 1000 + 10 * n + s);
    rig got = rig_new(networks[n].layer, networks[n].count, shapes[s], 1000 + 10 * n + s);
    compute(&want, &mv_tensor_portable, plain);
    compute(&got, &mv_tensor_onednn, opts);
    check_near(networks[n].name, got.y, want.y, got.out, MV_TENSOR_TOLERANCE);
    if (opts.training) {
        check_near(networks[n].name, got.dx, want.dx, got.in, MV_TENSOR_TOLERANCE);
        check_near(networks[n].name, got.dw, want.dw, got.weights, MV_TENSOR_TOLERANCE);
    }
    rig_free(&want);
    rig_free(&got);
}

static void onednn_agrees_with_portable_on_every_layer_and_odd_size(void **state)
{
    (void)state;
    for (size_t n = 0; n < NETWORKS; n++) {
        for (size_t s = 0; s < SHAPES; s++) {
            mv_net_opts opts = mv_net_defaults();
            compare_tables(n, s, opts);
            opts.training = true;
            compare_tables(n, s, opts);
            opts.threads = 2;
            compare_tables(n, s, opts);
        }
    }
}

static const mv_nn_layer blocks[] = {
    {MV_NN_BLOCK8, MV_NN_LINEAR, 1, 64},
    {MV_NN_DENSE, MV_NN_RELU, 64, 64},
    {MV_NN_UNBLOCK8, MV_NN_LINEAR, 64, 1},
};

static void blocks_of_pixels_become_channels_and_come_back(void **state)
{
    static const mv_net_shape sizes[] = {{1, 8, 8}, {2, 16, 24}, {2, 19, 9}};
    const mv_tensor_kernels *tables[] = {&mv_tensor_portable, &mv_tensor_onednn};
    (void)state;
    for (size_t s = 0; s < 6; s++) {
        mv_net_opts opts = {.threads = 1, .training = true};
        rig r = rig_scaled(blocks, 3, sizes[s / 2], 300 + s, 0.1);
        const tensor want = define(&r);
        float *fwant = floats(want.v, r.out);
        compute(&r, tables[s % 2], opts);
        check_near("blocks", r.y, fwant, r.out, MV_TENSOR_TOLERANCE);
        for (size_t k = 0; k < r.in; k += 17) {
            assert_true(fabs((double)r.dx[k] - difference(&r, &r.x[k])) <=
                        1e-4 * largest(r.dx, r.in));
        }
        free(fwant);
        free(want.v);
        rig_free(&r);
    }
}

/* Relative Euclidean distance. */
static double apart(const float *a, const float *b, size_t count)
{
    double off = 0, all = 0;
    for (size_t k = 0; k < count; k++) {
        off += ((double)a[k] - (double)b[k]) * ((double)a[k] - (double)b[k]);
        all += (double)b[k] * (double)b[k];
    }
    return sqrt(off / all);
}

static void bfloat16_training_stays_within_a_few_percent_of_float32(void **state)
{
    (void)state;
    mv_net_opts opts = mv_net_defaults();
    if (!mv_tensor_has_bf16(&mv_tensor_onednn)) {
        print_message("no bfloat16 on this processor: not tested\n");
        skip();
    }
    opts.training = true;
    opts.bf16 = true;
    for (size_t s = 0; s < SHAPES; s++) {
        rig want = rig_scaled(wide, networks[WIDE].count, shapes[s], s, 0.08);
        rig got = rig_scaled(wide, networks[WIDE].count, shapes[s], s, 0.08);
        compute(&want, &mv_tensor_portable, (mv_net_opts){.threads = 1, .training = true});
        compute(&got, &mv_tensor_onednn, opts);
        assert_true(apart(got.y, want.y, got.out) < 0.02);
        assert_true(apart(got.dx, want.dx, got.in) < 0.1);
        assert_true(apart(got.dw, want.dw, got.weights) < 0.1);
        assert_true(apart(got.y, want.y, got.out) > 0); /* it really ran in bfloat16 */
        rig_free(&want);
        rig_free(&got);
    }
}

/* Blocks, fixed layers and residuals, as in model resnet. */
static const mv_nn_layer block_network[] = {
    {MV_NN_BLOCK8, MV_NN_LINEAR, 1, 64},
    {MV_NN_DENSE, MV_NN_LINEAR, 64, 64},
    {MV_NN_ASINH, MV_NN_LINEAR, 64, 64},
    {MV_NN_CONV3, MV_NN_RELU, 64, 96},
    {MV_NN_CONV3, MV_NN_LINEAR, 96, 64},
    {MV_NN_ADD, MV_NN_LINEAR, 64, 64, .other = 3},
    {MV_NN_CONV3, MV_NN_RELU, 64, 64},
    {MV_NN_CONV3, MV_NN_LINEAR, 64, 64},
    {MV_NN_ADD, MV_NN_LINEAR, 64, 64, .other = 6},
    {MV_NN_SINH, MV_NN_LINEAR, 64, 64},
    {MV_NN_DENSE, MV_NN_LINEAR, 64, 64},
    {MV_NN_UNBLOCK8, MV_NN_LINEAR, 64, 1},
};

enum { BLOCK_LAYERS = sizeof block_network / sizeof block_network[0] };

static void networks_of_blocks_train_in_bfloat16_too(void **state)
{
    static const mv_net_shape sizes[] = {{1, 8, 8}, {2, 16, 24}, {2, 27, 19}};
    (void)state;
    const mv_net_opts opts = {.threads = 1, .training = true, .bf16 = true};
    for (size_t s = 0; s < 3; s++) { /* without bfloat16 the tables agree all the more */
        rig want = rig_scaled(block_network, BLOCK_LAYERS, sizes[s], s, 0.03);
        rig got = rig_scaled(block_network, BLOCK_LAYERS, sizes[s], s, 0.03);
        compute(&want, &mv_tensor_portable, (mv_net_opts){.threads = 1, .training = true});
        compute(&got, &mv_tensor_onednn, opts);
        assert_true(apart(got.y, want.y, got.out) < 0.02);
        assert_true(apart(got.dx, want.dx, got.in) < 0.05);
        assert_true(apart(got.dw, want.dw, got.weights) < 0.05);
        rig_free(&want);
        rig_free(&got);
    }
}

/* The same as compute, through weights and gradients in the order of the net. */
static void compute_in_own_order(rig *r, const mv_tensor_kernels *table, mv_net_opts opts)
{
    mv_net *net = NULL;
    float *w = floats(NULL, r->weights), *dw = floats(NULL, r->weights);
    uint8_t *seen = calloc(r->weights + 1, 1);
    opts.input_gradient = opts.own_order = true;
    assert_non_null(seen);
    assert_int_equal(mv_net_new(&net, table, r->layer, r->count, &r->shape, &opts, NULL), MV_OK);
    const uint32_t *order = mv_net_order(net);
    for (size_t k = 0; k < r->weights; k++) {
        const size_t plain = order == NULL ? k : order[k];
        assert_true(plain < r->weights && seen[plain]++ == 0);
        w[k] = r->fw[plain];
    }
    assert_int_equal(mv_net_load(net, w, NULL), MV_OK);
    memset(w, 0xff, r->weights * sizeof *w); /* they were copied */
    assert_int_equal(mv_net_forward(net, r->y, r->fx, NULL), MV_OK);
    assert_int_equal(mv_net_backward(net, r->dx, dw, r->fdy, NULL), MV_OK);
    for (size_t k = 0; k < r->weights; k++) {
        r->dw[order == NULL ? k : order[k]] = dw[k];
    }
    mv_net_free(&net);
    free(w);
    free(dw);
    free(seen);
}

static void check_own_order(const mv_tensor_kernels *table, const mv_nn_layer *layer, size_t count,
                            bool bf16)
{
    const mv_net_shape shape = {2, 24, 16};
    const mv_net_opts opts = {.threads = 1, .training = true, .bf16 = bf16};
    rig want = rig_scaled(layer, count, shape, 7, 0.03);
    rig got = rig_scaled(layer, count, shape, 7, 0.03);
    compute(&want, table, opts);
    compute_in_own_order(&got, table, opts);
    assert_memory_equal(got.y, want.y, got.out * sizeof *got.y);
    assert_memory_equal(got.dx, want.dx, got.in * sizeof *got.dx);
    assert_memory_equal(got.dw, want.dw, got.weights * sizeof *got.dw);
    rig_free(&want);
    rig_free(&got);
}

static void weights_in_a_nets_own_order_give_the_very_same_numbers(void **state)
{
    const mv_tensor_kernels *tables[] = {&mv_tensor_portable, &mv_tensor_onednn};
    (void)state;
    for (size_t t = 0; t < 4; t++) {
        for (size_t n = 0; n < NETWORKS; n++) {
            check_own_order(tables[t % 2], networks[n].layer, networks[n].count, t >= 2);
        }
        check_own_order(tables[t % 2], block_network, BLOCK_LAYERS, t >= 2);
    }
}

static void the_same_call_gives_the_same_floats(void **state)
{
    (void)state;
    mv_net_opts opts = mv_net_defaults();
    opts.training = true;
    for (unsigned threads = 1; threads <= 2; threads++) {
        opts.threads = threads;
        rig a = rig_new(wide, networks[WIDE].count, shapes[4], 5);
        rig b = rig_new(wide, networks[WIDE].count, shapes[4], 5);
        compute(&a, &mv_tensor_onednn, opts);
        compute(&b, &mv_tensor_onednn, opts);
        assert_memory_equal(a.y, b.y, a.out * sizeof *a.y);
        assert_memory_equal(a.dw, b.dw, a.weights * sizeof *a.dw);
        rig_free(&a);
        rig_free(&b);
    }
}

static void expect_refused(const mv_nn_layer *layer, size_t count, mv_net_shape shape,
                           mv_status want)
{
    mv_net_opts opts = mv_net_defaults();
    mv_net *net = NULL;
    mv_error err = {0};
    assert_int_equal(mv_net_new(&net, &mv_tensor_portable, layer, count, &shape, &opts, &err),
                     want);
    assert_null(net);
    assert_true(err.text[0] != '\0');
}

static void lists_that_do_not_fit_are_refused_with_a_sentence(void **state)
{
    (void)state;
    const mv_nn_layer jump[] = {{MV_NN_CONV3, MV_NN_RELU, 3, 8}, {MV_NN_CONV3, MV_NN_RELU, 9, 3}};
    const mv_nn_layer pool_act[] = {{MV_NN_MAXPOOL2, MV_NN_RELU, 3, 3}};
    const mv_nn_layer no_channels[] = {{MV_NN_CONV3, MV_NN_RELU, 0, 3}};
    const mv_nn_layer unknown[] = {{(mv_nn_op)10, MV_NN_LINEAR, 3, 3}};
    const mv_nn_layer forward_add[] = {{MV_NN_ADD, MV_NN_LINEAR, 3, 3, .other = 0}};
    const mv_nn_layer other_shape[] = {{MV_NN_CONV3, MV_NN_RELU, 3, 8},
                                       {MV_NN_ADD, MV_NN_LINEAR, 8, 8, .other = 0}};
    const mv_nn_layer no_block[] = {{MV_NN_UNBLOCK8, MV_NN_LINEAR, 63, 1}};
    const mv_nn_layer relu_lstm[] = {{MV_NN_LSTM, MV_NN_RELU, 3, 3}};
    const mv_net_shape fine = {1, 8, 8}, thin = {1, 8, 1}, empty = {0, 8, 8};
    const mv_net_shape huge = {4, 60000, 60000};
    expect_refused(jump, 2, fine, MV_E_ARGUMENT);
    expect_refused(pool_act, 1, fine, MV_E_ARGUMENT);
    expect_refused(no_channels, 1, fine, MV_E_ARGUMENT);
    expect_refused(unknown, 1, fine, MV_E_ARGUMENT);
    expect_refused(forward_add, 1, fine, MV_E_ARGUMENT);
    expect_refused(other_shape, 2, fine, MV_E_ARGUMENT);
    expect_refused(no_block, 1, fine, MV_E_ARGUMENT);
    expect_refused(relu_lstm, 1, fine, MV_E_ARGUMENT);
    expect_refused(one_pool, 1, thin, MV_E_ARGUMENT);
    expect_refused(one_conv3, 1, empty, MV_E_ARGUMENT);
    expect_refused(one_conv3, 0, fine, MV_E_ARGUMENT);
    expect_refused(one_conv3, 1, huge, MV_E_LIMIT);
}

/* dw of a training net whose input's gradient is not asked for */
static void weight_gradients(float *dw, const mv_tensor_kernels *table, const rig *r)
{
    mv_net *net = NULL;
    mv_net_opts opts = mv_net_defaults();
    opts.training = true;
    memset(dw, 0xff, r->weights * sizeof *dw);
    assert_int_equal(mv_net_new(&net, table, r->layer, r->count, &r->shape, &opts, NULL), MV_OK);
    assert_int_equal(mv_net_load(net, r->fw, NULL), MV_OK);
    assert_int_equal(mv_net_forward(net, r->y, r->fx, NULL), MV_OK);
    assert_int_equal(mv_net_backward(net, NULL, dw, r->fdy, NULL), MV_OK);
    mv_net_free(&net);
}

static void layers_that_stay_have_no_gradient_and_change_that_of_no_other(void **state)
{
    mv_nn_layer layer[] = {
        {MV_NN_BLOCK8, MV_NN_LINEAR, 1, 64}, {MV_NN_DENSE, MV_NN_LINEAR, 64, 64},
        {MV_NN_ASINH, MV_NN_LINEAR, 64, 64}, {MV_NN_CONV3, MV_NN_RELU, 64, 64},
        {MV_NN_DENSE, MV_NN_LINEAR, 64, 64}, {MV_NN_ADD, MV_NN_LINEAR, 64, 64, .other = 3},
        {MV_NN_CONV3, MV_NN_LINEAR, 64, 8},
    };
    const size_t count = sizeof layer / sizeof layer[0], dense = 64 * 64 + 64;
    const size_t between = dense + 9 * 64 * 64 + 64;
    const mv_tensor_kernels *tables[] = {&mv_tensor_portable, &mv_tensor_onednn};
    (void)state;
    for (size_t t = 0; t < 2; t++) {
        rig r = rig_scaled(layer, count, (mv_net_shape){2, 24, 16}, 11, 0.05);
        float *all = floats(NULL, r.weights), *some = floats(NULL, r.weights);
        layer[1].slow = layer[4].slow = 0;
        weight_gradients(all, tables[t], &r);
        layer[1].slow = layer[4].slow = INFINITY;
        weight_gradients(some, tables[t], &r);
        assert_true(largest(all, dense) > 0 && largest(some, dense) == 0);
        assert_true(largest(all + between, dense) > 0 && largest(some + between, dense) == 0);
        assert_memory_equal(all + dense, some + dense, (between - dense) * sizeof *all);
        assert_memory_equal(all + between + dense, some + between + dense,
                            (r.weights - between - dense) * sizeof *all);
        free(all);
        free(some);
        rig_free(&r);
    }
}

static void an_inference_net_refuses_backward(void **state)
{
    (void)state;
    const mv_tensor_kernels *tables[] = {&mv_tensor_portable, &mv_tensor_onednn};
    for (size_t k = 0; k < 2; k++) {
        mv_net_opts opts = mv_net_defaults();
        mv_net *net = NULL;
        mv_error err = {0};
        float dw[100], dy[100] = {0};
        const mv_net_shape shape = {1, 2, 2};
        assert_int_equal(mv_net_new(&net, tables[k], one_conv3, 1, &shape, &opts, &err), MV_OK);
        assert_int_equal(mv_net_backward(net, NULL, dw, dy, &err), MV_E_UNSUPPORTED);
        mv_net_free(&net);
    }
}

/* Relative error of y against want. */
static void expect_near(double x, float y, double want)
{
    if (!(fabs((double)y - want) <= 4e-7 * fabs(want))) {
        fail_msg("at %g: %.9g in place of %.9g", x, (double)y, want);
    }
}

static void asinh_sinh_and_their_slopes_are_near_those_of_the_library(void **state)
{
    enum { COUNT = 16 };
    (void)state;
    for (double exponent = -30; exponent < 41; exponent += 0.01) {
        float x[COUNT], y[COUNT], one[COUNT];
        for (int k = 0; k < COUNT; k++) { /* many at once, as vectors; both signs */
            x[k] = (float)((k % 2 == 0 ? 1 : -1) * exp(exponent + k * 0.0006));
            one[k] = 1;
        }
        mv_plain_asinh(y, x, COUNT);
        for (int k = 0; k < COUNT; k++) {
            expect_near((double)x[k], y[k], asinh((double)x[k]));
        }
        if (fabsf(x[COUNT - 1]) > 87) {
            continue;
        }
        mv_plain_sinh(y, x, COUNT);
        for (int k = 0; k < COUNT; k++) {
            expect_near((double)x[k], y[k], sinh((double)x[k]));
        }
        mv_plain_asinh_backward(y, one, x, COUNT);
        for (int k = 0; k < COUNT; k++) {
            expect_near((double)x[k], y[k], 1 / cosh((double)x[k]));
        }
    }
}

static void what_is_no_number_gives_finite_values_or_none_but_no_harm(void **state)
{
    const float x[4] = {NAN, INFINITY, -INFINITY, 0};
    float y[4];
    (void)state;
    mv_plain_asinh(y, x, 4);
    assert_true(isfinite(y[0]) && isfinite(y[1]) && y[2] == -y[1] && y[3] == 0);
    mv_plain_sinh(y, x, 4);
    assert_true(isfinite(y[0]) && isfinite(y[1]) && y[2] == -y[1] && y[3] == 0);
}

static void
convolutions_alone_run_on_a_training_net_after_a_forward_call_and_leave_it_usable(void **state)
{
    const mv_nn_layer layer[] = {{MV_NN_CONV3, MV_NN_RELU, 2, 16},
                                 {MV_NN_DENSE, MV_NN_LINEAR, 16, 3}};
    const mv_net_shape shape = {1, 6, 6};
    mv_net_opts opts = mv_net_defaults();
    float x[72], before[108], after[108], w[400], d[400];
    mv_rand rand = mv_rand_make(6);
    mv_net *net = NULL;
    (void)state;
    for (size_t k = 0; k < 400; k++) {
        w[k] = (float)mv_rand_normal(&rand);
        x[k % 72] = (float)mv_rand_normal(&rand);
    }
    assert_int_equal(mv_net_new(&net, &mv_tensor_onednn, layer, 2, &shape, &opts, NULL), MV_OK);
    assert_int_equal(mv_net_convolutions(net, d, NULL), MV_E_UNSUPPORTED);
    mv_net_free(&net);
    opts.training = true;
    assert_int_equal(mv_net_new(&net, &mv_tensor_portable, layer, 2, &shape, &opts, NULL), MV_OK);
    assert_int_equal(mv_net_convolutions(net, d, NULL), MV_E_UNSUPPORTED);
    mv_net_free(&net);
    assert_int_equal(mv_net_new(&net, &mv_tensor_onednn, layer, 2, &shape, &opts, NULL), MV_OK);
    assert_true(mv_net_weight_count(net) <= 400);
    assert_int_equal(mv_net_load(net, w, NULL), MV_OK);
    assert_int_equal(mv_net_convolutions(net, d, NULL), MV_E_ARGUMENT);
    assert_int_equal(mv_net_backward(net, NULL, d, x, NULL), MV_E_ARGUMENT);
    assert_int_equal(mv_net_forward(net, before, x, NULL), MV_OK);
    assert_int_equal(mv_net_convolutions(net, d, NULL), MV_OK);
    assert_int_equal(mv_net_forward(net, after, x, NULL), MV_OK);
    assert_memory_equal(before, after, sizeof before);
    mv_net_free(&net);
}

static void tables_are_found_by_name(void **state)
{
    (void)state;
    assert_ptr_equal(mv_tensor_by_name("portable"), &mv_tensor_portable);
    assert_ptr_equal(mv_tensor_by_name("onednn"), &mv_tensor_onednn);
    assert_null(mv_tensor_by_name("abacus"));
    assert_false(mv_tensor_has_bf16(&mv_tensor_portable));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(portable_forward_is_the_definition),
        cmocka_unit_test(every_backward_pass_agrees_with_central_differences),
        cmocka_unit_test(onednn_agrees_with_portable_on_every_layer_and_odd_size),
        cmocka_unit_test(bfloat16_training_stays_within_a_few_percent_of_float32),
        cmocka_unit_test(blocks_of_pixels_become_channels_and_come_back),
        cmocka_unit_test(networks_of_blocks_train_in_bfloat16_too),
        cmocka_unit_test(weights_in_a_nets_own_order_give_the_very_same_numbers),
        cmocka_unit_test(the_same_call_gives_the_same_floats),
        cmocka_unit_test(lists_that_do_not_fit_are_refused_with_a_sentence),
        cmocka_unit_test(layers_that_stay_have_no_gradient_and_change_that_of_no_other),
        cmocka_unit_test(an_inference_net_refuses_backward),
        cmocka_unit_test(asinh_sinh_and_their_slopes_are_near_those_of_the_library),
        cmocka_unit_test(what_is_no_number_gives_finite_values_or_none_but_no_harm),
        cmocka_unit_test(
            convolutions_alone_run_on_a_training_net_after_a_forward_call_and_leave_it_usable),
        cmocka_unit_test(tables_are_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
