/* SPDX-License-Identifier: Apache-2.0
 *
 * tensor.c: choosing a kernel table, and the checks and sizes that all tables share.
 */
#include "base/cpu.h"
#include "tensor/tensor_internal.h"

#include <math.h>
#include <string.h>

static const mv_tensor_kernels *const tables[] = {&mv_tensor_portable, &mv_tensor_onednn};

const char *mv_tensor_name(const mv_tensor_kernels *table)
{
    return table->name;
}

const mv_tensor_kernels *mv_tensor_best(void)
{
    return mv_cpu_features() & MV_CPU_AVX2 ? &mv_tensor_onednn : &mv_tensor_portable;
}

const mv_tensor_kernels *mv_tensor_by_name(const char *name)
{
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        if (strcmp(tables[i]->name, name) == 0) {
            return tables[i];
        }
    }
    return NULL;
}

bool mv_tensor_has_bf16(const mv_tensor_kernels *table)
{
    return table->has_bf16();
}

size_t mv_net_last_use(const mv_net *net, size_t i)
{
    size_t last = i;
    for (size_t k = i + 1; k < net->count; k++) {
        last = net->layer[k].op == MV_NN_ADD && net->layer[k].other == i ? k : last;
    }
    return last;
}

bool mv_net_learns(const mv_net *net, size_t i)
{
    return mv_nn_has_weights(net->layer[i].op) && !isinf(net->layer[i].slow);
}

size_t mv_net_backward_end(const mv_net *net)
{
    size_t i = 0;
    while (!net->opts.input_gradient && i < net->count && !mv_net_learns(net, i)) {
        i++;
    }
    return i;
}

bool mv_net_wants_gradient(const mv_net *net, size_t i)
{
    return net->opts.input_gradient || i > mv_net_backward_end(net);
}

size_t mv_net_count_at(const mv_net *net, size_t i)
{
    const mv_net_shape *s = &net->at[i];
    return (size_t)s->batch * net->channels[i] * s->height * s->width;
}

/* Whether layer i, given those before it, is one that every table can compute. */
static mv_status check_layer(const mv_net *net, size_t i, mv_error *err)
{
    const mv_nn_layer *layer = &net->layer[i];
    if (layer->op > MV_NN_LSTM || layer->act > MV_NN_SIGMOID || layer->in_channels == 0 ||
        layer->out_channels == 0 || layer->in_channels > MV_NET_CHANNELS_MAX ||
        layer->out_channels > MV_NET_CHANNELS_MAX ||
        (mv_nn_kernel_side(layer->op) == 0 && layer->act != MV_NN_LINEAR)) {
        return mv_fail(err, MV_E_ARGUMENT, "a layer of the network is not one we can compute");
    }
    if (!mv_nn_has_weights(layer->op) &&
        layer->out_channels != mv_nn_channels_after(layer->op, layer->in_channels)) {
        return mv_fail(err, MV_E_ARGUMENT, "a layer without weights changes its channels");
    }
    if (i != 0 && net->channels[i] != layer->in_channels) {
        return mv_fail(err, MV_E_ARGUMENT, "two layers disagree: %u channels out, %u channels in",
                       (unsigned)net->channels[i], (unsigned)layer->in_channels);
    }
    if (layer->op == MV_NN_ADD
            ? layer->other >= i || mv_net_count_at(net, layer->other) != mv_net_count_at(net, i) ||
                  net->channels[layer->other] != layer->in_channels ||
                  net->at[layer->other].height != net->at[i].height
            : layer->other != 0) {
        return mv_fail(err, MV_E_ARGUMENT, "a layer adds a tensor of another shape");
    }
    return MV_OK;
}

/* Shapes and offsets behind layer i from those before it. */
static mv_status plan_layer(mv_net *net, size_t i, mv_error *err)
{
    const mv_nn_layer *layer = &net->layer[i];
    const mv_net_shape *in = &net->at[i];
    const mv_net_shape out = {in->batch, mv_nn_side_after(layer->op, in->height),
                              mv_nn_side_after(layer->op, in->width)};
    const mv_status st = check_layer(net, i, err);
    if (st != MV_OK) {
        return st;
    }
    if (out.height == 0 || out.width == 0) {
        return mv_fail(err, MV_E_ARGUMENT, "an input of %ux%u is too small for this network",
                       (unsigned)net->shape.width, (unsigned)net->shape.height);
    }
    /* batch, sides and channels are each under 2^16, so no product of three overflows 64 bits */
    if ((uint64_t)out.height * out.width * out.batch > MV_NET_ELEMENTS_MAX / layer->out_channels) {
        return mv_fail(err, MV_E_LIMIT, "an input of %u x %ux%u is too large for this network",
                       (unsigned)net->shape.batch, (unsigned)net->shape.width,
                       (unsigned)net->shape.height);
    }
    net->at[i + 1] = out;
    net->channels[i + 1] = layer->out_channels;
    net->weight_at[i] = net->weight_count;
    net->weight_count += mv_nn_layer_weights(layer);
    return MV_OK;
}

static mv_status plan(mv_net *net, const mv_nn_layer *layer, size_t count,
                      const mv_net_shape *shape, mv_error *err)
{
    if (count == 0 || count > MV_NET_LAYERS_MAX || shape->batch == 0 || shape->height == 0 ||
        shape->width == 0 || shape->batch > MV_NET_SIDE_MAX || shape->height > MV_NET_SIDE_MAX ||
        shape->width > MV_NET_SIDE_MAX) {
        return mv_fail(err, MV_E_ARGUMENT, "a network needs 1 to %d layers and sides of 1 to %u",
                       MV_NET_LAYERS_MAX, MV_NET_SIDE_MAX);
    }
    memcpy(net->layer, layer, count * sizeof *layer);
    net->count = count;
    net->shape = *shape;
    net->at[0] = *shape;
    net->channels[0] = layer[0].in_channels;
    for (size_t i = 0; i < count; i++) {
        const mv_status st = plan_layer(net, i, err);
        if (st != MV_OK) {
            return st;
        }
    }
    net->in_count = mv_net_count_at(net, 0);
    net->out_count = mv_net_count_at(net, count);
    return MV_OK;
}

mv_status mv_net_new(mv_net **out, const mv_tensor_kernels *table, const mv_nn_layer *layer,
                     size_t count, const mv_net_shape *shape, const mv_net_opts *opts,
                     mv_error *err)
{
    mv_status st = MV_OK;
    mv_net *net = calloc(1, sizeof *net);

    MV_REQUIRE(net != NULL, err, MV_E_MEMORY, "out of memory for a network");
    net->table = table;
    net->opts = *opts;
    net->opts.bf16 = opts->bf16 && table->has_bf16();
    net->opts.threads = opts->threads == 0 ? 1 : opts->threads;
    MV_TRY(plan(net, layer, count, shape, err));
    MV_TRY(table->create(net, err));
    *out = net;
    net = NULL;
done:
    mv_net_free(&net);
    return st;
}

void mv_net_free(mv_net **net)
{
    if (*net != NULL) {
        (*net)->table->destroy(*net);
        free(*net);
        *net = NULL;
    }
}

size_t mv_net_in_count(const mv_net *net)
{
    return net->in_count;
}

size_t mv_net_out_count(const mv_net *net)
{
    return net->out_count;
}

size_t mv_net_weight_count(const mv_net *net)
{
    return net->weight_count;
}

uint64_t mv_net_macs(const mv_net *net)
{
    uint64_t macs = 0;
    for (size_t i = 0; i < net->count; i++) {
        const mv_nn_layer *l = &net->layer[i];
        const uint64_t side = mv_nn_kernel_side(l->op);
        macs += mv_net_count_at(net, i + 1) *
                (l->op == MV_NN_LSTM ? (uint64_t)4 * (l->in_channels + l->out_channels)
                                     : l->in_channels * side * side);
    }
    return macs;
}

const uint32_t *mv_net_order(const mv_net *net)
{
    return net->table->order == NULL ? NULL : net->table->order(net);
}

mv_status mv_net_load(mv_net *net, const float *weights, mv_error *err)
{
    return net->table->load(net, weights, err);
}

mv_status mv_net_forward(mv_net *net, float *y, const float *x, mv_error *err)
{
    return net->table->forward(net, y, x, err);
}

mv_status mv_net_backward(mv_net *net, float *dx, float *dweights, const float *dy, mv_error *err)
{
    if (!net->opts.training) {
        return mv_fail(err, MV_E_UNSUPPORTED, "this network was made for inference only");
    }
    for (size_t i = 0; i < net->count; i++) {
        if (!mv_net_learns(net, i)) {
            memset(dweights + net->weight_at[i], 0,
                   mv_nn_layer_weights(&net->layer[i]) * sizeof *dweights);
        }
    }
    return net->table->backward(net, dx, dweights, dy, err);
}

mv_status mv_net_convolutions(mv_net *net, float *dweights, mv_error *err)
{
    if (!net->opts.training || net->table->convolutions == NULL) {
        return mv_fail(err, MV_E_UNSUPPORTED, "this network has no convolutions to run alone");
    }
    return net->table->convolutions(net, dweights, err);
}
