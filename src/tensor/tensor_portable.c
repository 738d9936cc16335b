/* SPDX-License-Identifier: Apache-2.0
 *
 * tensor_portable.c: the definition of every layer, forward and backward, in plain C.
 *
 * Tensors stay (B,C,H,W). The innermost loops run along a row, which compilers vectorise. Threads
 * are not used.
 */
#include "base/secret.h"
#include "tensor/tensor_internal.h"

#include <math.h>
#include <string.h>

/* One layer's numbers; h, w are of its input. */
typedef struct dims {
    size_t batch, in, out, h, w, side;
} dims;

static dims dims_of(const mv_net *net, size_t i)
{
    const mv_nn_layer *layer = &net->layer[i];
    const mv_net_shape *s = &net->at[i];
    const dims d = {s->batch,  layer->in_channels, layer->out_channels,
                    s->height, s->width,           mv_nn_kernel_side(layer->op)};
    return d;
}

/* ---- convolution ----
 *     y[b,o,r,s] = bias[o] + sum over c,u,v of w[o,c,u,v] * x[b,c,r+u-p,s+v-p],   p = (K-1)/2
 * x is 0 outside. K is 1 or 3. */

/* y[s] += sum over v of w[v] * x[s+v-p] along one row */
static void row_add(float *restrict y, const float *restrict x, const float *w, size_t side,
                    size_t width)
{
    if (side == 1 || width == 1) {
        const float centre = w[side / 2];
        for (size_t s = 0; s < width; s++) {
            y[s] += centre * x[s];
        }
        return;
    }
    const float left = w[0], centre = w[1], right = w[2];
    y[0] += centre * x[0] + right * x[1];
    for (size_t s = 1; s + 1 < width; s++) {
        y[s] += left * x[s - 1] + centre * x[s] + right * x[s + 1];
    }
    y[width - 1] += left * x[width - 2] + centre * x[width - 1];
}

/* bias NULL: none */
static void convolve(float *y, const float *x, const float *w, const float *bias, const dims *d)
{
    const size_t plane = d->h * d->w, pad = d->side / 2;

    for (size_t b = 0; b < d->batch; b++, x += d->in * plane, y += d->out * plane) {
        for (size_t r = 0; r < d->h; r++) {
            for (size_t o = 0; o < d->out; o++) {
                float *out = y + o * plane + r * d->w;
                for (size_t s = 0; s < d->w; s++) {
                    out[s] = bias == NULL ? 0 : bias[o];
                }
                for (size_t k = 0; k < d->in * d->side; k++) {
                    const size_t c = k / d->side, row = r + k % d->side; /* row + pad of x */
                    if (row >= pad && row - pad < d->h) {
                        row_add(out, x + c * plane + (row - pad) * d->w,
                                w + (o * d->in * d->side + k) * d->side, d->side, d->w);
                    }
                }
            }
        }
    }
}

/* The gradient with respect to x is dy convolved with the kernel turned by 180 degrees, its in and
 * out channels exchanged: turned[c,o,u,v] = w[o,c,K-1-u,K-1-v]. */
static void turn_kernel(float *turned, const float *w, const dims *d)
{
    const size_t taps = d->side * d->side;
    for (size_t o = 0; o < d->out; o++) {
        for (size_t c = 0; c < d->in; c++) {
            for (size_t t = 0; t < taps; t++) {
                turned[(c * d->out + o) * taps + t] = w[(o * d->in + c) * taps + taps - 1 - t];
            }
        }
    }
}

static void conv_backward_data(float *dx, const float *dy, const float *turned, const dims *d)
{
    const dims back = {d->batch, d->out, d->in, d->h, d->w, d->side};
    convolve(dx, dy, turned, NULL, &back);
}

/* sum of a[s] * b[s]; eight running sums, so that compilers can use vectors */
static float row_dot(const float *a, const float *b, size_t count)
{
    float lane[8] = {0}, sum = 0;
    size_t s = 0;
    for (; s + 8 <= count; s += 8) {
        for (size_t k = 0; k < 8; k++) {
            lane[k] += a[s + k] * b[s + k];
        }
    }
    for (; s < count; s++) {
        sum += a[s] * b[s];
    }
    for (size_t k = 0; k < 8; k++) {
        sum += lane[k];
    }
    return sum;
}

/* sum over r,s of y[r,s] * x[r+u-p,s+v-p] for tap t = u K + v */
static float plane_dot(const float *y, const float *x, const dims *d, size_t t)
{
    const size_t pad = d->side / 2, u = t / d->side, v = t % d->side;
    const size_t from_y = v < pad ? pad - v : 0, from_x = v > pad ? v - pad : 0;
    const size_t count = d->w - (from_y + from_x); /* one of them is 0, the other 0 or 1 */
    float sum = 0;
    for (size_t r = 0; r < d->h; r++) {
        if (r + u >= pad && r + u - pad < d->h) {
            sum += row_dot(y + r * d->w + from_y, x + (r + u - pad) * d->w + from_x, count);
        }
    }
    return sum;
}

static float plane_sum(const float *y, size_t count)
{
    double sum = 0;
    for (size_t k = 0; k < count; k++) {
        sum += (double)y[k];
    }
    return (float)sum;
}

/* dw[o,c,u,v] = sum over b,r,s of dy[b,o,r,s] * x[b,c,r+u-p,s+v-p];  dbias[o] = sum of dy[.,o] */
static void conv_backward_weights(float *dw, const float *dy, const float *x, const dims *d)
{
    const size_t plane = d->h * d->w, taps = d->side * d->side;
    float *dbias = dw + d->out * d->in * taps;

    memset(dw, 0, d->out * (d->in * taps + 1) * sizeof *dw);
    for (size_t b = 0; b < d->batch; b++, x += d->in * plane, dy += d->out * plane) {
        for (size_t o = 0; o < d->out; o++) {
            const float *out = dy + o * plane;
            dbias[o] += plane_sum(out, plane);
            for (size_t k = 0; k < d->in * taps; k++) {
                dw[o * d->in * taps + k] += plane_dot(out, x + k / taps * plane, d, k % taps);
            }
        }
    }
}

/* ---- activation: y = f(y); gradient in terms of y: ReLU' = [y > 0], sigmoid' = y (1 - y) ---- */

static void act_forward(float *y, size_t count, mv_nn_act act)
{
    if (act == MV_NN_RELU) {
        for (size_t k = 0; k < count; k++) {
            y[k] = y[k] > 0 ? y[k] : 0;
        }
    } else if (act == MV_NN_SIGMOID) {
        for (size_t k = 0; k < count; k++) {
            y[k] = 1.0F / (1.0F + expf(-y[k]));
        }
    }
}

static void act_backward(float *dy, const float *y, size_t count, mv_nn_act act)
{
    if (act == MV_NN_RELU) {
        for (size_t k = 0; k < count; k++) {
            dy[k] = y[k] > 0 ? dy[k] : 0;
        }
    } else if (act == MV_NN_SIGMOID) {
        for (size_t k = 0; k < count; k++) {
            dy[k] *= y[k] * (1.0F - y[k]);
        }
    }
}

/* ---- 2x2 max pool: y[r,s] = max of x[2r..2r+1, 2s..2s+1]; the first maximum gets the gradient.
 * An odd last row or column is dropped. ---- */

static size_t maximum_at(const float *x, size_t w, size_t r, size_t s)
{
    size_t best = 2 * r * w + 2 * s;
    const size_t rest[3] = {best + 1, best + w, best + w + 1};
    for (int k = 0; k < 3; k++) {
        best = x[rest[k]] > x[best] ? rest[k] : best;
    }
    return best;
}

static void pool_forward(float *y, const float *x, const dims *d)
{
    const size_t rows = d->h / 2, columns = d->w / 2;
    for (size_t p = 0; p < d->batch * d->in; p++, x += d->h * d->w) {
        for (size_t r = 0; r < rows; r++) {
            for (size_t s = 0; s < columns; s++) {
                *y++ = x[maximum_at(x, d->w, r, s)];
            }
        }
    }
}

static void pool_backward(float *dx, const float *dy, const float *x, const dims *d)
{
    const size_t rows = d->h / 2, columns = d->w / 2;
    memset(dx, 0, d->batch * d->in * d->h * d->w * sizeof *dx);
    for (size_t p = 0; p < d->batch * d->in; p++, x += d->h * d->w, dx += d->h * d->w) {
        for (size_t r = 0; r < rows; r++) {
            for (size_t s = 0; s < columns; s++) {
                dx[maximum_at(x, d->w, r, s)] = *dy++;
            }
        }
    }
}

/* ---- nearest upsampling: y[r,s] = x[r/2, s/2] ---- */

static void upsample_forward(float *y, const float *x, const dims *d)
{
    for (size_t p = 0; p < d->batch * d->in; p++, x += d->h * d->w) {
        for (size_t r = 0; r < 2 * d->h; r++) {
            for (size_t s = 0; s < 2 * d->w; s++) {
                *y++ = x[r / 2 * d->w + s / 2];
            }
        }
    }
}

static void upsample_backward(float *dx, const float *dy, const dims *d)
{
    memset(dx, 0, d->batch * d->in * d->h * d->w * sizeof *dx);
    for (size_t p = 0; p < d->batch * d->in; p++, dx += d->h * d->w) {
        for (size_t r = 0; r < 2 * d->h; r++) {
            for (size_t s = 0; s < 2 * d->w; s++) {
                dx[r / 2 * d->w + s / 2] += *dy++;
            }
        }
    }
}

/* ---- LSTM along the rows [HoSc97] ----
 *     i,f,o = sigmoid(Wi x + Ui h + bi), ..;  g = tanh(Wg x + Ug h + bg)
 *     c = f c + i g;  h = o tanh(c);  the layer's output is h at every step
 * Tensors are in steps (T,N,.) here: N rows walk together. trace: T*N times the four gates and
 * tanh(c), each H; states: T*N*H of c. */

typedef struct lstm {
    size_t in, hidden, steps, rows;
    const float *wx, *wh, *bias;
} lstm;

static lstm lstm_of(const mv_net *net, size_t i, const float *weights)
{
    const mv_nn_layer *layer = &net->layer[i];
    const mv_net_shape *s = &net->at[i];
    lstm l = {layer->in_channels,
              layer->out_channels,
              s->width,
              (size_t)s->batch * s->height,
              weights + net->weight_at[i],
              NULL,
              NULL};
    l.wh = l.wx + 4 * l.hidden * l.in;
    l.bias = l.wh + 4 * l.hidden * l.hidden;
    return l;
}

static float dot_product(const float *a, const float *b, size_t count)
{
    float sum = 0;
    for (size_t k = 0; k < count; k++) {
        sum += a[k] * b[k];
    }
    return sum;
}

static float logistic(float v)
{
    return 1.0F / (1.0F + expf(-v));
}

/* One row's step: gate (4,H) and tanh(c) (H) go to trace. before: h and c of the step before, NULL
 * at the first. */
static void lstm_cell(const lstm *l, float *h, float *c, float *trace, const float *x,
                      const float *h_before, const float *c_before)
{
    const size_t n = l->hidden;
    for (size_t k = 0; k < 4 * n; k++) {
        float z = l->bias[k] + dot_product(l->wx + k * l->in, x, l->in);
        z += h_before == NULL ? 0 : dot_product(l->wh + k * n, h_before, n);
        trace[k] = k / n == 2 ? tanhf(z) : logistic(z);
    }
    for (size_t k = 0; k < n; k++) {
        c[k] = (c_before == NULL ? 0 : trace[n + k] * c_before[k]) + trace[k] * trace[2 * n + k];
        trace[4 * n + k] = tanhf(c[k]);
        h[k] = trace[3 * n + k] * trace[4 * n + k];
    }
}

static void lstm_forward(const lstm *l, float *h, float *c, float *trace, const float *x)
{
    const size_t n = l->hidden, back = l->rows * n;
    for (size_t k = 0; k < l->steps * l->rows; k++) {
        const bool first = k < l->rows;
        lstm_cell(l, h + k * n, c + k * n, trace + k * 5 * n, x + k * l->in,
                  first ? NULL : h + k * n - back, first ? NULL : c + k * n - back);
    }
}

/* Back through one cell. dh, dc: of this step's h and c, complete; dz (4,H) is the gates' gradient;
 * dc_before is written. */
static void lstm_cell_backward(const lstm *l, float *dz, float *dc_before, const float *dh,
                               const float *dc, const float *trace, const float *c_before)
{
    const size_t n = l->hidden;
    const float *in = trace, *forget = in + n, *new = forget + n, *out = new + n, *tc = out + n;
    for (size_t k = 0; k < n; k++) {
        const float g = dc[k] + dh[k] * out[k] * (1 - tc[k] * tc[k]);
        dz[k] = g * new[k] * in[k] * (1 - in[k]);
        dz[n + k] = c_before == NULL ? 0 : g * c_before[k] * forget[k] * (1 - forget[k]);
        dz[2 * n + k] = g * in[k] * (1 - new[k] * new[k]);
        dz[3 * n + k] = dh[k] * tc[k] * out[k] * (1 - out[k]);
        dc_before[k] = g * forget[k];
    }
}

/* y += sum of a[k] * row k of matrix (rows, columns) */
static void add_transposed(float *y, const float *a, const float *matrix, size_t rows,
                           size_t columns)
{
    for (size_t k = 0; k < rows; k++) {
        for (size_t c = 0; c < columns; c++) {
            y[c] += a[k] * matrix[k * columns + c];
        }
    }
}

/* matrix (rows, columns) += a x b */
static void add_outer(float *matrix, const float *a, const float *b, size_t rows, size_t columns)
{
    for (size_t k = 0; k < rows; k++) {
        for (size_t c = 0; c < columns; c++) {
            matrix[k * columns + c] += a[k] * b[c];
        }
    }
}

/* dh: (T,N,H), gradient of the output; destroyed. dc: (T,N,H) zeros. dz: (4,H) to work in. */
static void lstm_backward(const lstm *l, float *dx, float *dw, float *dh, float *dc, float *dz,
                          const float *x, const float *h, const float *c, const float *trace)
{
    const size_t n = l->hidden, back = l->rows * n;
    float *dwh = dw + 4 * n * l->in, *dbias = dwh + 4 * n * n;
    float spare[MV_NET_CHANNELS_MAX];

    memset(dw, 0, 4 * n * (l->in + n + 1) * sizeof *dw);
    memset(dx, 0, l->steps * l->rows * l->in * sizeof *dx);
    for (size_t k = l->steps * l->rows; k-- > 0;) {
        const bool first = k < l->rows;
        const size_t at = k * n;
        lstm_cell_backward(l, dz, first ? spare : dc + at - back, dh + at, dc + at,
                           trace + k * 5 * n, first ? NULL : c + at - back);
        add_transposed(dx + k * l->in, dz, l->wx, 4 * n, l->in);
        add_outer(dw, dz, x + k * l->in, 4 * n, l->in);
        mv_plain_add(dbias, dbias, dz, 4 * n);
        if (!first) {
            add_transposed(dh + at - back, dz, l->wh, 4 * n, n);
            add_outer(dwh, dz, h + at - back, 4 * n, n);
        }
    }
}

/* ---- the net ---- */

typedef struct own {
    float *weights, *turned;                /* as given; kernels turned, for backward */
    float *tensor[MV_NET_LAYERS_MAX + 1];   /* what enters layer i; inference: two in turn, but
                                               for those that a later layer adds */
    float *gradient[MV_NET_LAYERS_MAX + 1]; /* of the same; training */
    float *trace[MV_NET_LAYERS_MAX];        /* of an LSTM: x, h, c in steps, gates; else NULL */
    float *work;                            /* of the largest LSTM: dx, dh, dc in steps, dz */
    float *block;                           /* one allocation for all of these */
    size_t block_count;
} own;

static size_t largest_tensor(const mv_net *net)
{
    size_t largest = 0;
    for (size_t i = 0; i <= net->count; i++) {
        const size_t count = mv_net_count_at(net, i);
        largest = count > largest ? count : largest;
    }
    return largest;
}

/* Floats of layer i's trace, and of the work that its backward pass needs. */
static size_t trace_size(const mv_net *net, size_t i)
{
    const mv_nn_layer *layer = &net->layer[i];
    const size_t cells = mv_net_count_at(net, i) / net->channels[i];
    return layer->op != MV_NN_LSTM ? 0 : cells * (layer->in_channels + 7 * layer->out_channels);
}

static size_t work_size(const mv_net *net)
{
    size_t largest = 0;
    for (size_t i = 0; i < net->count; i++) {
        const mv_nn_layer *layer = &net->layer[i];
        const size_t cells = mv_net_count_at(net, i) / net->channels[i];
        const size_t size =
            cells * (layer->in_channels + 2 * layer->out_channels) + 4 * layer->out_channels;
        largest = layer->op == MV_NN_LSTM && size > largest ? size : largest;
    }
    return net->opts.training ? largest : 0;
}

static bool has_bf16(void)
{
    return false;
}

/* Whether tensor i has a place of its own. */
static bool is_kept(const mv_net *net, size_t i)
{
    return net->opts.training || mv_net_last_use(net, i) != i;
}

/* The next count floats of block, NULL while it is only being measured. */
static float *cut(float *block, size_t *at, size_t count)
{
    float *const part = block == NULL ? NULL : block + *at;
    *at += count;
    return part;
}

/* Cut the block into its arrays; with block NULL, only count. */
static size_t place(const mv_net *net, own *o)
{
    const size_t turned = net->opts.training ? 0 : largest_tensor(net);
    size_t at = 0;
    o->weights = cut(o->block, &at, net->weight_count);
    o->turned = cut(o->block, &at, net->weight_count);
    float *const first = cut(o->block, &at, turned), *const second = cut(o->block, &at, turned);
    for (size_t i = 0; i <= net->count; i++) {
        o->tensor[i] = is_kept(net, i) ? cut(o->block, &at, mv_net_count_at(net, i))
                       : i % 2 == 0    ? first
                                       : second;
        if (net->opts.training) {
            o->gradient[i] = cut(o->block, &at, mv_net_count_at(net, i));
        }
        if (i < net->count) {
            o->trace[i] = cut(o->block, &at, trace_size(net, i));
        }
    }
    o->work = cut(o->block, &at, work_size(net));
    return at;
}

static mv_status create(mv_net *net, mv_error *err)
{
    own *o = calloc(1, sizeof *o);
    if (o == NULL) {
        return mv_fail(err, MV_E_MEMORY, "out of memory for a network");
    }
    net->own = o;
    o->block_count = place(net, o);
    o->block = calloc(o->block_count, sizeof *o->block);
    if (o->block == NULL) {
        return mv_fail(err, MV_E_MEMORY, "out of memory for a network's tensors");
    }
    (void)place(net, o);
    return MV_OK;
}

static void destroy(mv_net *net)
{
    own *o = net->own;
    if (o == NULL) {
        return;
    }
    if (o->block != NULL) {
        mv_wipe(o->block, o->block_count * sizeof *o->block);
    }
    free(o->block);
    free(o);
    net->own = NULL;
}

static mv_status load(mv_net *net, const float *weights, mv_error *err)
{
    own *o = net->own;
    (void)err;
    memcpy(o->weights, weights, net->weight_count * sizeof *weights);
    for (size_t i = 0; net->opts.training && i < net->count; i++) {
        const dims d = dims_of(net, i);
        if (d.side == 0) {
            continue;
        }
        turn_kernel(o->turned + net->weight_at[i], weights + net->weight_at[i], &d);
    }
    return MV_OK;
}

/* Where the parts of an LSTM's trace lie. */
typedef struct traced {
    float *x, *h, *c, *gates;
} traced;

static traced trace_of(const mv_net *net, size_t i, const lstm *l)
{
    const own *o = net->own;
    const size_t cells = l->steps * l->rows;
    traced t = {.x = o->trace[i]};
    t.h = t.x + cells * l->in;
    t.c = t.h + cells * l->hidden;
    t.gates = t.c + cells * l->hidden;
    return t;
}

static void lstm_layer_forward(const mv_net *net, size_t i)
{
    const own *o = net->own;
    const lstm l = lstm_of(net, i, o->weights);
    const traced t = trace_of(net, i, &l);
    mv_plain_to_steps(t.x, o->tensor[i], &net->at[i], l.in);
    lstm_forward(&l, t.h, t.c, t.gates, t.x);
    mv_plain_from_steps(o->tensor[i + 1], t.h, &net->at[i], l.hidden);
}

static void lstm_layer_backward(const mv_net *net, size_t i, float *dx, float *dweights,
                                const float *dy)
{
    const own *o = net->own;
    const lstm l = lstm_of(net, i, o->weights);
    const traced t = trace_of(net, i, &l);
    const size_t cells = l.steps * l.rows;
    float *step_dx = o->work, *dh = step_dx + cells * l.in, *dc = dh + cells * l.hidden;
    mv_plain_to_steps(dh, dy, &net->at[i], l.hidden);
    memset(dc, 0, cells * l.hidden * sizeof *dc);
    lstm_backward(&l, step_dx, dweights + net->weight_at[i], dh, dc, dc + cells * l.hidden, t.x,
                  t.h, t.c, t.gates);
    mv_plain_from_steps(dx, step_dx, &net->at[i], l.in);
}

static void layer_forward(const mv_net *net, size_t i)
{
    const own *o = net->own;
    const dims d = dims_of(net, i);
    const float *x = o->tensor[i], *w = o->weights + net->weight_at[i];
    const size_t planes = d.batch * d.in, count = mv_net_count_at(net, i + 1);
    float *y = o->tensor[i + 1];

    switch (net->layer[i].op) {
    case MV_NN_CONV3:
    case MV_NN_DENSE:
        convolve(y, x, w, w + d.out * d.in * d.side * d.side, &d);
        act_forward(y, count, net->layer[i].act);
        break;
    case MV_NN_MAXPOOL2:
        pool_forward(y, x, &d);
        break;
    case MV_NN_UPSAMPLE2:
        upsample_forward(y, x, &d);
        break;
    case MV_NN_BLOCK8:
        mv_plain_block8(y, x, planes, d.h, d.w);
        break;
    case MV_NN_UNBLOCK8:
        mv_plain_unblock8(y, x, planes / 64, 8 * d.h, 8 * d.w);
        break;
    case MV_NN_ASINH:
        mv_plain_asinh(y, x, count);
        break;
    case MV_NN_SINH:
        mv_plain_sinh(y, x, count);
        break;
    case MV_NN_ADD:
        mv_plain_add(y, x, o->tensor[net->layer[i].other], count);
        break;
    case MV_NN_LSTM:
        lstm_layer_forward(net, i);
        break;
    }
}

static mv_status forward(mv_net *net, float *y, const float *x, mv_error *err)
{
    own *o = net->own;
    (void)err;
    memcpy(o->tensor[0], x, net->in_count * sizeof *x);
    for (size_t i = 0; i < net->count; i++) {
        layer_forward(net, i);
    }
    memcpy(y, o->tensor[net->count], net->out_count * sizeof *y);
    return MV_OK;
}

/* dx = gradient of what enters layer i, from g = that of what it wrote; g may be changed. */
static void layer_backward(const mv_net *net, size_t i, float *dx, float *dweights, float *g)
{
    const own *o = net->own;
    const dims d = dims_of(net, i);
    const float *x = o->tensor[i], *y = o->tensor[i + 1];
    const size_t at = net->weight_at[i], planes = d.batch * d.in;
    const size_t count = mv_net_count_at(net, i + 1);

    switch (net->layer[i].op) {
    case MV_NN_CONV3:
    case MV_NN_DENSE:
        act_backward(g, y, count, net->layer[i].act);
        if (mv_net_learns(net, i)) {
            conv_backward_weights(dweights + at, g, x, &d);
        }
        conv_backward_data(dx, g, o->turned + at, &d);
        break;
    case MV_NN_MAXPOOL2:
        pool_backward(dx, g, x, &d);
        break;
    case MV_NN_UPSAMPLE2:
        upsample_backward(dx, g, &d);
        break;
    case MV_NN_BLOCK8:
        mv_plain_unblock8(dx, g, planes, d.h, d.w);
        break;
    case MV_NN_UNBLOCK8:
        mv_plain_block8(dx, g, planes / 64, 8 * d.h, 8 * d.w);
        break;
    case MV_NN_ASINH:
        mv_plain_asinh_backward(dx, g, y, count);
        break;
    case MV_NN_SINH:
        mv_plain_sinh_backward(dx, g, y, count);
        break;
    case MV_NN_ADD:
        memcpy(dx, g, count * sizeof *dx);
        break;
    case MV_NN_LSTM:
        lstm_layer_backward(net, i, dx, dweights, g);
        break;
    }
}

/* A tensor that layers added later has gathered their gradients first: they come in once layer i
 * itself has written its own. */
static void add_later_gradients(const mv_net *net, size_t i)
{
    const own *o = net->own;
    for (size_t k = i + 1; k < net->count; k++) {
        if (net->layer[k].op == MV_NN_ADD && net->layer[k].other == i) {
            mv_plain_add(o->gradient[i], o->gradient[i], o->gradient[k + 1],
                         mv_net_count_at(net, i));
        }
    }
}

static mv_status backward(mv_net *net, float *dx, float *dweights, const float *dy, mv_error *err)
{
    own *o = net->own;
    (void)err;
    memcpy(o->gradient[net->count], dy, net->out_count * sizeof *dy);
    for (size_t i = net->count; i-- > mv_net_backward_end(net);) {
        layer_backward(net, i, o->gradient[i], dweights, o->gradient[i + 1]);
        add_later_gradients(net, i);
    }
    if (net->opts.input_gradient) {
        memcpy(dx, o->gradient[0], net->in_count * sizeof *dx);
    }
    return MV_OK;
}

const mv_tensor_kernels mv_tensor_portable = {
    .name = "portable",
    .has_bf16 = has_bf16,
    .create = create,
    .destroy = destroy,
    .load = load,
    .forward = forward,
    .backward = backward,
};
