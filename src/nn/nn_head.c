/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_head.c: the head's layers, forward and backward.
 */
#include "nn/nn_head.h"

#include <math.h>
#include <string.h>

enum { FLAT = 7 * 7 * 20, TRUNK = 8 };

/* The layers that see 28x28, 14x14, 7x7 places; the first reads the maps. */
static const mv_nn_layer trunk[TRUNK] = {
    {MV_NN_CONV3, MV_NN_RELU, 0, 32},       {MV_NN_CONV3, MV_NN_RELU, 32, 32},
    {MV_NN_MAXPOOL2, MV_NN_LINEAR, 32, 32}, {MV_NN_CONV3, MV_NN_RELU, 32, 64},
    {MV_NN_CONV3, MV_NN_RELU, 64, 64},      {MV_NN_MAXPOOL2, MV_NN_LINEAR, 64, 64},
    {MV_NN_CONV3, MV_NN_RELU, 64, 64},      {MV_NN_DENSE, MV_NN_RELU, 64, 20},
};
static const mv_nn_layer last = {MV_NN_DENSE, MV_NN_LINEAR, FLAT, MV_HEAD_DIM};

struct mv_head_net {
    uint32_t maps, batch;
    mv_net *trunk, *last;
    float *mean, *inverse; /* (C): of the maps */
    float *x, *flat, *z;   /* (B,C,28,28), (B,FLAT), (B,128) */
    float *length;         /* (B): of z */
    float *d_z, *d_flat;   /* training only */
    float *block;
};

static void layers_for(mv_nn_layer layer[TRUNK], uint32_t maps)
{
    memcpy(layer, trunk, sizeof trunk);
    layer[0].in_channels = maps;
}

static size_t trunk_weights(uint32_t maps)
{
    mv_nn_layer layer[TRUNK];
    size_t sum = 0;
    layers_for(layer, maps);
    for (size_t i = 0; i < TRUNK; i++) {
        sum += mv_nn_layer_weights(&layer[i]);
    }
    return sum;
}

size_t mv_head_class_offset(uint32_t maps)
{
    return 2 * (size_t)maps + trunk_weights(maps) + mv_nn_layer_weights(&last);
}

size_t mv_head_weight_count(uint32_t maps, uint32_t classes)
{
    return mv_head_class_offset(maps) + (size_t)classes * MV_HEAD_DIM;
}

static mv_status allocate(mv_head_net *n, bool training)
{
    const size_t b = n->batch, x = b * n->maps * MV_HEAD_CELLS;
    const size_t back = training ? b * (MV_HEAD_DIM + FLAT) : 0;
    n->block = calloc(2 * n->maps + x + b * (FLAT + MV_HEAD_DIM + 1) + back, sizeof *n->block);
    if (n->block == NULL) {
        return MV_E_MEMORY;
    }
    n->mean = n->block;
    n->inverse = n->mean + n->maps;
    n->x = n->inverse + n->maps;
    n->flat = n->x + x;
    n->z = n->flat + b * FLAT;
    n->length = n->z + b * MV_HEAD_DIM;
    n->d_z = n->length + b;
    n->d_flat = n->d_z + (training ? b * MV_HEAD_DIM : 0);
    return MV_OK;
}

mv_status mv_head_net_new(mv_head_net **out, const mv_tensor_kernels *table, uint32_t maps,
                          uint32_t batch, bool training, mv_error *err)
{
    mv_status st = MV_OK;
    mv_nn_layer layer[TRUNK];
    mv_net_opts opts = mv_net_defaults();
    mv_head_net *n = calloc(1, sizeof *n);

    MV_REQUIRE(n != NULL, err, MV_E_MEMORY, "out of memory for a head");
    MV_REQUIRE(maps >= 1 && maps <= MV_HEAD_MAPS_MAX && batch >= 1 && batch <= 1024, err,
               MV_E_ARGUMENT, "a head reads 1 to %u maps, not %u", MV_HEAD_MAPS_MAX, maps);
    n->maps = maps;
    n->batch = batch;
    st = allocate(n, training);
    MV_REQUIRE(st == MV_OK, err, st, "out of memory for a head");
    layers_for(layer, maps);
    opts.training = training;
    opts.bf16 = training && mv_tensor_has_bf16(table);
    MV_TRY(mv_net_new(&n->trunk, table, layer, TRUNK,
                      &(mv_net_shape){batch, MV_HEAD_SIDE, MV_HEAD_SIDE}, &opts, err));
    opts.input_gradient = training;
    MV_TRY(mv_net_new(&n->last, table, &last, 1, &(mv_net_shape){batch, 1, 1}, &opts, err));
    *out = n;
    n = NULL;
done:
    mv_head_net_free(&n);
    return st;
}

void mv_head_net_free(mv_head_net **net)
{
    if (*net != NULL) {
        mv_net_free(&(*net)->trunk);
        mv_net_free(&(*net)->last);
        free((*net)->block);
        free(*net);
        *net = NULL;
    }
}

mv_status mv_head_net_load(mv_head_net *n, const float *weights, mv_error *err)
{
    mv_status st = MV_OK;
    memcpy(n->mean, weights, 2 * n->maps * sizeof *weights); /* mean and inverse are neighbours */
    weights += 2 * n->maps;
    MV_TRY(mv_net_load(n->trunk, weights, err));
    MV_TRY(mv_net_load(n->last, weights + trunk_weights(n->maps), err));
done:
    return st;
}

mv_status mv_head_net_forward(mv_head_net *n, float *unit, const float *x, mv_error *err)
{
    mv_status st = MV_OK;

    for (size_t m = 0; m < (size_t)n->batch * n->maps; m++) {
        const float mean = n->mean[m % n->maps], inverse = n->inverse[m % n->maps];
        for (size_t k = m * MV_HEAD_CELLS; k < (m + 1) * MV_HEAD_CELLS; k++) {
            n->x[k] = (x[k] - mean) * inverse;
        }
    }
    MV_TRY(mv_net_forward(n->trunk, n->flat, n->x, err));
    MV_TRY(mv_net_forward(n->last, n->z, n->flat, err));
    for (size_t b = 0; b < n->batch; b++) {
        const float *z = n->z + b * MV_HEAD_DIM;
        double sum = 0;
        for (size_t k = 0; k < MV_HEAD_DIM; k++) {
            sum += (double)z[k] * (double)z[k];
        }
        n->length[b] = (float)sqrt(sum);
        for (size_t k = 0; k < MV_HEAD_DIM; k++) {
            unit[b * MV_HEAD_DIM + k] = n->length[b] > 0 ? z[k] / n->length[b] : 0;
        }
    }
done:
    return st;
}

/* u = z / |z|: dz = (du - u (u . du)) / |z| */
static void length_backward(mv_head_net *n, const float *d_unit)
{
    for (size_t b = 0; b < n->batch; b++) {
        const float *z = n->z + b * MV_HEAD_DIM, *du = d_unit + b * MV_HEAD_DIM;
        const float inverse = n->length[b] > 0 ? 1 / n->length[b] : 0;
        double dot = 0;
        for (size_t k = 0; k < MV_HEAD_DIM; k++) {
            dot += (double)z[k] * (double)inverse * (double)du[k];
        }
        for (size_t k = 0; k < MV_HEAD_DIM; k++) {
            n->d_z[b * MV_HEAD_DIM + k] = (du[k] - z[k] * inverse * (float)dot) * inverse;
        }
    }
}

mv_status mv_head_net_backward(mv_head_net *n, float *gradient, const float *d_unit, mv_error *err)
{
    mv_status st = MV_OK;
    float *const trunk_at = gradient + 2 * n->maps;

    memset(gradient, 0, 2 * n->maps * sizeof *gradient);
    length_backward(n, d_unit);
    MV_TRY(mv_net_backward(n->last, n->d_flat, trunk_at + trunk_weights(n->maps), n->d_z, err));
    MV_TRY(mv_net_backward(n->trunk, NULL, trunk_at, n->d_flat, err));
done:
    return st;
}
