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

/* ---- the net ---- */

typedef struct own {
    float *weights, *turned;              /* as given; kernels turned, for backward */
    float *tensor[MV_NET_LAYERS_MAX + 1]; /* what enters layer i; inference: two in turn */
    float *gradient[2];                   /* dy and dx of the current layer, in turn */
    float *block;                         /* one allocation for all of these */
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

static size_t tensors_size(const mv_net *net)
{
    const size_t largest = largest_tensor(net);
    size_t sum = 0;
    if (!net->opts.training) {
        return 2 * largest;
    }
    for (size_t i = 0; i <= net->count; i++) {
        sum += mv_net_count_at(net, i);
    }
    return sum + 2 * largest;
}

static bool has_bf16(void)
{
    return false;
}

static mv_status create(mv_net *net, mv_error *err)
{
    const size_t largest = largest_tensor(net);
    own *o = calloc(1, sizeof *o);
    if (o == NULL) {
        return mv_fail(err, MV_E_MEMORY, "out of memory for a network");
    }
    net->own = o;
    o->block_count = 2 * net->weight_count + tensors_size(net);
    o->block = calloc(o->block_count, sizeof *o->block);
    if (o->block == NULL) {
        return mv_fail(err, MV_E_MEMORY, "out of memory for a network's tensors");
    }
    o->weights = o->block;
    o->turned = o->weights + net->weight_count;
    float *next = o->turned + net->weight_count;
    for (size_t i = 0; i <= net->count; i++) {
        o->tensor[i] = net->opts.training ? next : next + (i % 2) * largest;
        next += net->opts.training ? mv_net_count_at(net, i) : 0;
    }
    if (net->opts.training) {
        o->gradient[0] = next;
        o->gradient[1] = next + largest;
    }
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
        turn_kernel(o->turned + net->weight_at[i], weights + net->weight_at[i], &d);
    }
    return MV_OK;
}

static mv_status forward(mv_net *net, float *y, const float *x, mv_error *err)
{
    own *o = net->own;
    (void)err;
    memcpy(o->tensor[0], x, net->in_count * sizeof *x);
    for (size_t i = 0; i < net->count; i++) {
        const dims d = dims_of(net, i);
        if (d.side != 0) {
            const float *w = o->weights + net->weight_at[i];
            const float *bias = w + d.out * d.in * d.side * d.side;
            convolve(o->tensor[i + 1], o->tensor[i], w, bias, &d);
            act_forward(o->tensor[i + 1], mv_net_count_at(net, i + 1), net->layer[i].act);
        } else if (net->layer[i].op == MV_NN_MAXPOOL2) {
            pool_forward(o->tensor[i + 1], o->tensor[i], &d);
        } else {
            upsample_forward(o->tensor[i + 1], o->tensor[i], &d);
        }
    }
    memcpy(y, o->tensor[net->count], net->out_count * sizeof *y);
    return MV_OK;
}

static mv_status backward(mv_net *net, float *dx, float *dweights, const float *dy, mv_error *err)
{
    own *o = net->own;
    float *g = o->gradient[0], *next = o->gradient[1];
    (void)err;
    memcpy(g, dy, net->out_count * sizeof *dy);
    for (size_t i = net->count; i-- > 0;) {
        const dims d = dims_of(net, i);
        const size_t at = net->weight_at[i];
        if (d.side != 0) {
            act_backward(g, o->tensor[i + 1], mv_net_count_at(net, i + 1), net->layer[i].act);
            conv_backward_weights(dweights + at, g, o->tensor[i], &d);
            conv_backward_data(next, g, o->turned + at, &d);
        } else if (net->layer[i].op == MV_NN_MAXPOOL2) {
            pool_backward(next, g, o->tensor[i], &d);
        } else {
            upsample_backward(next, g, &d);
        }
        float *swap = g;
        g = next;
        next = swap;
    }
    if (net->opts.input_gradient) {
        memcpy(dx, g, net->in_count * sizeof *dx);
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
