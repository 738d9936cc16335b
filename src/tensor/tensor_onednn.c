/* SPDX-License-Identifier: Apache-2.0
 *
 * tensor_onednn.c: the kernel table on oneDNN; the only file that sees its header.
 *
 * A net is compiled once into three straight programs of primitives: load (weights into the
 * kernels' layouts), forward and backward. oneDNN chooses the layout of every tensor (tag `any`);
 * where two neighbours want different ones, a reorder stands between them. A tensor between two
 * layers is an *edge*. Training keeps every forward edge and rotates gradients through three
 * buffers (one gradient can be wanted in two layouts while the next is made); inference rotates
 * its edges through two.
 *
 * bfloat16: 3x3 layers with many input channels run with bfloat16 inputs, weights and gradients
 * and float32 accumulators; layers that see or make the image or the features stay float32.
 */
#include "base/cpu.h"
#include "base/large.h"
#include "base/secret.h"
#include "tensor/tensor_elements.h"
#include "tensor/tensor_internal.h"

#include <dnnl.h>
#include <omp.h>
#include <pthread.h>
#include <string.h>

enum { ARGS_MAX = 24, STEPS_MAX = 8 * MV_NET_LAYERS_MAX, MEMORIES_MAX = 20 * MV_NET_LAYERS_MAX };
enum { BF16_CHANNELS_MIN = 16, ROTATION = 3, ALIGNMENT = 64 };
enum { SLOT_SCRATCHPAD = ROTATION, SLOT_OWN }; /* the scratchpad is shared by all primitives */

/* One thing to do: a primitive of oneDNN, or, where it has none, one of our own layers. */
typedef struct step {
    dnnl_primitive_t primitive; /* or NULL */
    dnnl_exec_arg_t arg[ARGS_MAX];
    int count;
    void (*plain)(const mv_net *net, const struct step *s); /* of plain tensors in arg */
    size_t layer;
    bool convolution;
} step;

typedef struct program {
    step step[STEPS_MAX];
    size_t count;
} program;

/* A tensor: its layout and the memory object that holds it. */
typedef struct edge {
    dnnl_memory_desc_t desc;
    dnnl_memory_t memory;
} edge;

/* A layer's kernel, of an LSTM also the matrix of its state, and bias as they lie in the plain
 * array. */
typedef struct views {
    edge kernel, state, bias;
} views;

/* What backward needs of one layer. */
typedef struct kept {
    edge in, out;          /* as the layer's forward primitive saw them */
    edge workspace;        /* of max pooling: where each maximum was; of an LSTM: its gates */
    edge steps, out_steps; /* of an LSTM: its input and output as (T,N,C) */
    edge zero; /* of an LSTM: the state before the first step, and its gradient after the last */
    edge spare[4]; /* of an LSTM: the states after the last step, the gradients before the first */
    dnnl_primitive_desc_t forward, gradient; /* the latter of a convolution's weights */
    dnnl_memory_desc_t order; /* in which a convolution's weights and their gradient come and go */
    views weights;            /* of what the caller of load gives; the biases are copies */
    views gradients;          /* of what the caller of backward gives */
} kept;

typedef struct own {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    program load, forward, backward;
    kept layer[MV_NET_LAYERS_MAX];
    edge tensor[MV_NET_LAYERS_MAX + 1];  /* what enters layer i, as it was written */
    edge pending[MV_NET_LAYERS_MAX + 1]; /* backward: gradient of it from later additions */
    edge x, y, dx, dy; /* the caller's tensors; their handles are set in each call */
    uint32_t *order;   /* mv_net_order */
    dnnl_memory_t memory[MEMORIES_MAX];
    size_t memory_count;
    /* Memories that get their bytes when all sizes are known, from one block: in a slot, which
     * several share in turn, or, in SLOT_OWN, in bytes of their own. */
    struct {
        dnnl_memory_t memory;
        size_t len;
        unsigned slot;
    } waiting[MEMORIES_MAX];
    size_t waiting_count;
    size_t slot_len[SLOT_OWN];
    unsigned next_slot, rotation;
    uint8_t *block;
    size_t block_len;
} own;

static mv_status from_dnnl(dnnl_status_t got, const char *what, mv_error *err)
{
    if (got == dnnl_success) {
        return MV_OK;
    }
    return mv_fail(err, got == dnnl_out_of_memory ? MV_E_MEMORY : MV_E_INTERNAL,
                   "oneDNN could not %s (code %d)", what, (int)got);
}

#define DNN_TRY(call, what) MV_TRY(from_dnnl((call), (what), err))

/* MV_CPU_MASK holds for oneDNN too; this works only before its first primitive is made. */
static void narrow_isa(void)
{
    const uint32_t cpu = mv_cpu_features();
    const dnnl_cpu_isa_t isa = cpu & MV_CPU_IFMA     ? dnnl_cpu_isa_all
                               : cpu & MV_CPU_AVX512 ? dnnl_cpu_isa_avx512_core
                               : cpu & MV_CPU_AVX2   ? dnnl_cpu_isa_avx2
                                                     : dnnl_cpu_isa_sse41;
    (void)dnnl_set_max_cpu_isa(isa);
}

static pthread_once_t isa_once = PTHREAD_ONCE_INIT;

static bool has_bf16(void)
{
    return (mv_cpu_features() & MV_CPU_BF16) != 0;
}

/* Where the bytes of a new memory come from. */
typedef enum place { PLACE_CALLER, PLACE_KEPT, PLACE_ROTATING } place;

/* The last of o->memory gets its len bytes in that slot. */
static void wait_for(own *o, size_t len, unsigned slot)
{
    o->waiting[o->waiting_count].memory = o->memory[o->memory_count - 1];
    o->waiting[o->waiting_count].len = len;
    o->waiting[o->waiting_count++].slot = slot;
}

/* e->memory for e->desc. */
static mv_status new_memory(own *o, edge *e, place where, mv_error *err)
{
    mv_status st = MV_OK;
    const size_t len = dnnl_memory_desc_get_size(&e->desc);

    MV_REQUIRE(o->memory_count < MEMORIES_MAX, err, MV_E_INTERNAL,
               "a network has more tensors than expected");
    DNN_TRY(dnnl_memory_create(&e->memory, &e->desc, o->engine, NULL), "make a tensor");
    o->memory[o->memory_count++] = e->memory;
    if (where != PLACE_CALLER) {
        wait_for(o, len, where == PLACE_KEPT ? SLOT_OWN : o->next_slot++ % o->rotation);
    }
done:
    return st;
}

static mv_status new_edge(own *o, edge *e, const dnnl_memory_desc_t *desc, place where,
                          mv_error *err)
{
    e->desc = *desc;
    return new_memory(o, e, where, err);
}

static void add_arg(step *s, int kind, const edge *e)
{
    s->arg[s->count].arg = kind;
    s->arg[s->count++].memory = e->memory;
}

/* Append primitive pd to p; its arguments but the scratchpad are added by the caller. */
static mv_status add_step(own *o, program *p, const_dnnl_primitive_desc_t pd, step **out,
                          mv_error *err)
{
    mv_status st = MV_OK;
    const dnnl_memory_desc_t *scratch =
        dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
    const size_t len = scratch == NULL ? 0 : dnnl_memory_desc_get_size(scratch);
    step *s = &p->step[p->count];

    MV_REQUIRE(p->count < STEPS_MAX, err, MV_E_INTERNAL, "a network has more steps than expected");
    DNN_TRY(dnnl_primitive_create(&s->primitive, pd), "make a kernel");
    p->count++;
    if (len != 0) {
        edge e = {.desc = *scratch};
        MV_TRY(new_memory(o, &e, PLACE_CALLER, err));
        wait_for(o, len, SLOT_SCRATCHPAD);
        add_arg(s, DNNL_ARG_SCRATCHPAD, &e);
    }
    *out = s;
done:
    return st;
}

/* Every primitive uses our scratchpad; a forward layer also its activation. */
static mv_status new_attr(dnnl_primitive_attr_t *attr, mv_nn_act act, mv_error *err)
{
    mv_status st = MV_OK;
    dnnl_post_ops_t ops = NULL;
    const dnnl_alg_kind_t kind = act == MV_NN_RELU ? dnnl_eltwise_relu : dnnl_eltwise_logistic;

    DNN_TRY(dnnl_primitive_attr_create(attr), "set an option");
    DNN_TRY(dnnl_primitive_attr_set_scratchpad_mode(*attr, dnnl_scratchpad_mode_user),
            "set an option");
    if (act != MV_NN_LINEAR) {
        DNN_TRY(dnnl_post_ops_create(&ops), "set an option");
        DNN_TRY(dnnl_post_ops_append_eltwise(ops, 1.0F, kind, 0.0F, 0.0F), "set an option");
        DNN_TRY(dnnl_primitive_attr_set_post_ops(*attr, ops), "set an option");
    }
done:
    if (ops != NULL) {
        (void)dnnl_post_ops_destroy(ops);
    }
    return st;
}

/* The primitive descriptor of op_desc; hint is the forward one for a backward primitive. */
static mv_status new_pd(own *o, dnnl_primitive_desc_t *pd, const_dnnl_op_desc_t op_desc,
                        mv_nn_act act, const_dnnl_primitive_desc_t hint, mv_error *err)
{
    mv_status st = MV_OK;
    dnnl_primitive_attr_t attr = NULL;
    MV_TRY(new_attr(&attr, act, err));
    DNN_TRY(dnnl_primitive_desc_create(pd, op_desc, attr, o->engine, hint), "choose a kernel");
done:
    if (attr != NULL) {
        (void)dnnl_primitive_attr_destroy(attr);
    }
    return st;
}

static void drop_pd(dnnl_primitive_desc_t *pd)
{
    if (*pd != NULL) {
        (void)dnnl_primitive_desc_destroy(*pd);
        *pd = NULL;
    }
}

/* Copy from into to, changing layout and type. */
static mv_status add_reorder(own *o, program *p, const edge *to, const edge *from, mv_error *err)
{
    mv_status st = MV_OK;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_primitive_attr_t attr = NULL;
    step *s = NULL;

    MV_TRY(new_attr(&attr, MV_NN_LINEAR, err));
    DNN_TRY(
        dnnl_reorder_primitive_desc_create(&pd, &from->desc, o->engine, &to->desc, o->engine, attr),
        "choose a reorder");
    MV_TRY(add_step(o, p, pd, &s, err));
    add_arg(s, DNNL_ARG_FROM, from);
    add_arg(s, DNNL_ARG_TO, to);
done:
    drop_pd(&pd);
    if (attr != NULL) {
        (void)dnnl_primitive_attr_destroy(attr);
    }
    return st;
}

/* Make e lie as wanted says: nothing to do, or a reorder into a new edge. */
static mv_status convert(own *o, program *p, edge *e, const dnnl_memory_desc_t *wanted, place where,
                         mv_error *err)
{
    mv_status st = MV_OK;
    edge to = {.memory = NULL};
    if (dnnl_memory_desc_equal(&e->desc, wanted)) {
        return MV_OK;
    }
    MV_TRY(new_edge(o, &to, wanted, where, err));
    MV_TRY(add_reorder(o, p, &to, e, err));
    *e = to;
done:
    return st;
}

/* ---- descriptors ---- */

static dnnl_memory_desc_t tensor_desc(const mv_net *net, size_t i, dnnl_data_type_t type,
                                      dnnl_format_tag_t tag)
{
    dnnl_memory_desc_t desc;
    const dnnl_dims_t dims = {net->at[i].batch, net->channels[i], net->at[i].height,
                              net->at[i].width};
    (void)dnnl_memory_desc_init_by_tag(&desc, 4, dims, type, tag);
    return desc;
}

static dnnl_memory_desc_t kernel_desc(const mv_nn_layer *layer, dnnl_data_type_t type,
                                      dnnl_format_tag_t tag)
{
    dnnl_memory_desc_t desc;
    const uint32_t side = mv_nn_kernel_side(layer->op);
    const dnnl_dims_t dims = {layer->out_channels, layer->in_channels, side, side};
    (void)dnnl_memory_desc_init_by_tag(&desc, 4, dims, type, tag);
    return desc;
}

static dnnl_memory_desc_t bias_desc(const mv_nn_layer *layer)
{
    dnnl_memory_desc_t desc;
    const dnnl_dims_t dims = {layer->out_channels};
    (void)dnnl_memory_desc_init_by_tag(&desc, 1, dims, dnnl_f32, dnnl_x);
    return desc;
}

/* Of the input's (in_channels) or the state's (out_channels) matrix of an LSTM; plain is
 * (gate, out, in). */
static dnnl_memory_desc_t gates_desc(uint32_t in, uint32_t out, dnnl_format_tag_t tag)
{
    dnnl_memory_desc_t desc;
    const dnnl_dims_t dims = {1, 1, in, 4, out};
    (void)dnnl_memory_desc_init_by_tag(&desc, 5, dims, dnnl_f32, tag);
    return desc;
}

static dnnl_memory_desc_t gates_bias_desc(uint32_t out)
{
    dnnl_memory_desc_t desc;
    const dnnl_dims_t dims = {1, 1, 4, out};
    (void)dnnl_memory_desc_init_by_tag(&desc, 4, dims, dnnl_f32, dnnl_ldgo);
    return desc;
}

/* ---- weights and gradients as they come and go ---- */

/* Views of layer i's kernel (of an LSTM: both matrices) and bias. */
static mv_status new_views(mv_net *net, size_t i, views *v, place bias, mv_error *err)
{
    mv_status st = MV_OK;
    own *o = net->own;
    const mv_nn_layer *l = &net->layer[i];
    const bool lstm = l->op == MV_NN_LSTM;
    const dnnl_memory_desc_t w =
        lstm ? gates_desc(l->in_channels, l->out_channels, dnnl_ldgoi) : o->layer[i].order;
    const dnnl_memory_desc_t b = lstm ? gates_bias_desc(l->out_channels) : bias_desc(l);

    MV_TRY(new_edge(o, &v->kernel, &w, PLACE_CALLER, err));
    if (lstm) {
        const dnnl_memory_desc_t u = gates_desc(l->out_channels, l->out_channels, dnnl_ldgoi);
        MV_TRY(new_edge(o, &v->state, &u, PLACE_CALLER, err));
    }
    MV_TRY(new_edge(o, &v->bias, &b, bias, err));
done:
    return st;
}

/* Place the kernel of layer i in an array of all weights or gradients; gives its bias there. */
static mv_status place_kernel(const mv_net *net, size_t i, const views *v, float *array,
                              float **bias, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_nn_layer *l = &net->layer[i];
    const bool lstm = l->op == MV_NN_LSTM;
    float *at = array + net->weight_at[i], *end = at + mv_nn_layer_weights(l);

    DNN_TRY(dnnl_memory_set_data_handle(v->kernel.memory, at), "place weights");
    if (lstm) {
        DNN_TRY(dnnl_memory_set_data_handle(v->state.memory,
                                            at + (size_t)4 * l->out_channels * l->in_channels),
                "place weights");
    }
    *bias = end - (lstm ? 4 : 1) * (size_t)l->out_channels;
done:
    return st;
}

/* Where kernel element (o,i,u,v) of layout desc lies, in floats. */
static size_t offset_in(const dnnl_memory_desc_t *desc, const dnnl_dims_t element)
{
    const dnnl_blocking_desc_t *b = &desc->format_desc.blocking;
    size_t at = 0, inner = 1;
    dnnl_dims_t rest;
    memcpy(rest, element, sizeof rest);
    for (int k = b->inner_nblks; k-- > 0;) {
        dnnl_dim_t *d = &rest[b->inner_idxs[k]];
        at += (size_t)(*d % b->inner_blks[k]) * inner;
        *d /= b->inner_blks[k];
        inner *= (size_t)b->inner_blks[k];
    }
    for (int d = 0; d < desc->ndims; d++) {
        at += (size_t)(rest[d] * b->strides[d]);
    }
    return at;
}

/* o->order of layer i's weights: those of a kernel lie as k->order says, the others plain. */
static void fill_order(const mv_net *net, size_t i)
{
    const mv_nn_layer *l = &net->layer[i];
    const own *o = net->own;
    const dnnl_dim_t side = mv_nn_kernel_side(l->op), in = l->in_channels, out = l->out_channels;
    const size_t first = net->weight_at[i], end = first + mv_nn_layer_weights(l);
    size_t plain = first;

    for (dnnl_dim_t k = 0; k < out * in * side * side; k++, plain++) {
        const dnnl_dims_t element = {k / (side * side * in), k / (side * side) % in,
                                     k / side % side, k % side};
        o->order[first + offset_in(&o->layer[i].order, element)] = (uint32_t)plain;
    }
    for (; plain < end; plain++) {
        o->order[plain] = (uint32_t)plain;
    }
}

static const dnnl_memory_desc_t *query(const_dnnl_primitive_desc_t pd, dnnl_query_t what)
{
    return dnnl_primitive_desc_query_md(pd, what, 0);
}

/* Type of a layer's input, kernel and incoming gradient. */
static dnnl_data_type_t input_type(const mv_net *net, size_t i)
{
    const mv_nn_layer *layer = &net->layer[i];
    const bool wide = layer->op == MV_NN_CONV3 && layer->in_channels >= BF16_CHANNELS_MIN;
    return net->opts.bf16 && wide ? dnnl_bf16 : dnnl_f32;
}

/* Type of a layer's output: bfloat16 between wide layers, float32 where numbers matter most. */
static dnnl_data_type_t output_type(const mv_net *net, size_t i)
{
    return net->layer[i].act == MV_NN_RELU ? input_type(net, i) : dnnl_f32;
}

/* The order of a tensor of blocks: where wide layers are bfloat16, their kernels want all channels
 * of a place side by side, and no reorder is needed if the layers around them do the same. */
static dnnl_format_tag_t grid_tag(const mv_net *net)
{
    return net->opts.bf16 ? dnnl_nhwc : dnnl_nchw;
}

static dnnl_memory_desc_t plain_desc(const mv_net *net, size_t i)
{
    return tensor_desc(net, i, dnnl_f32, dnnl_nchw);
}

/* Pixels from blocks are plain, and no layer's gradient reads them: as the last layer's output they
 * go straight to the caller, and their gradient comes straight from there. */
static bool writes_to_caller(const mv_net *net, size_t i)
{
    return i + 1 == net->count && net->layer[i].op == MV_NN_UNBLOCK8;
}

/* ---- convolution: 3x3 and 1x1 ---- */

typedef struct conv_shape {
    dnnl_memory_desc_t x, w, b, y;
    dnnl_dims_t stride, pad;
} conv_shape;

static conv_shape conv_of(const mv_net *net, size_t i, dnnl_data_type_t x_type,
                          dnnl_data_type_t w_type, dnnl_data_type_t y_type)
{
    const mv_nn_layer *layer = &net->layer[i];
    const int pad = layer->op == MV_NN_CONV3 ? 1 : 0;
    const bool beside = layer->op == MV_NN_DENSE && grid_tag(net) == dnnl_nhwc &&
                        layer->in_channels % 16 == 0 && layer->out_channels % 16 == 0;
    const dnnl_format_tag_t tag = beside ? dnnl_nhwc : dnnl_format_tag_any;
    const conv_shape c = {
        .x = tensor_desc(net, i, x_type, tag),
        .w = kernel_desc(layer, w_type, dnnl_format_tag_any),
        .b = bias_desc(layer),
        .y = tensor_desc(net, i + 1, y_type, tag),
        .stride = {1, 1},
        .pad = {pad, pad},
    };
    return c;
}

/* The kernel that computes the gradient of layer i's weights, if they learn, and the order of both
 * for the caller: that of this kernel if he takes it and it has no gaps, else plain. */
static mv_status choose_order(mv_net *net, size_t i, mv_error *err)
{
    mv_status st = MV_OK;
    own *o = net->own;
    kept *k = &o->layer[i];
    const dnnl_data_type_t type = input_type(net, i);
    const conv_shape c = conv_of(net, i, type, dnnl_f32, type);
    dnnl_convolution_desc_t op;

    k->order = kernel_desc(&net->layer[i], dnnl_f32, dnnl_abcd);
    if (!net->opts.training || !mv_net_learns(net, i)) {
        return MV_OK;
    }
    DNN_TRY(dnnl_convolution_backward_weights_desc_init(&op, dnnl_convolution_direct, &c.x, &c.w,
                                                        &c.b, &c.y, c.stride, c.pad, c.pad),
            "describe a convolution's weight gradient");
    MV_TRY(new_pd(o, &k->gradient, &op, MV_NN_LINEAR, k->forward, err));
    const dnnl_memory_desc_t *dw = query(k->gradient, dnnl_query_diff_weights_md);
    if (net->opts.own_order &&
        dnnl_memory_desc_get_size(dw) == dnnl_memory_desc_get_size(&k->order)) {
        k->order = *dw;
    }
done:
    return st;
}

static void *data_of(const step *s, int arg)
{
    void *bytes = NULL;
    (void)dnnl_memory_get_data_handle(s->arg[arg].memory, &bytes);
    return bytes;
}

/* A step of ours: fn reads and writes the tensors given, by their number. */
static mv_status add_plain(const mv_net *net, program *p, size_t layer,
                           void (*fn)(const mv_net *net, const step *s), const edge *const *e,
                           int count, mv_error *err)
{
    step *s = &p->step[p->count];
    (void)net;
    if (p->count == STEPS_MAX) {
        return mv_fail(err, MV_E_INTERNAL, "a network has more steps than expected");
    }
    p->count++;
    s->plain = fn;
    s->layer = layer;
    for (int i = 0; i < count; i++) {
        add_arg(s, i, e[i]);
    }
    return MV_OK;
}

/* Layer i's kernel in the layout tag. */
static bool is_kernel(const mv_net *net, size_t i, const edge *e, dnnl_data_type_t type,
                      dnnl_format_tag_t tag)
{
    const dnnl_memory_desc_t desc = kernel_desc(&net->layer[i], type, tag);
    return dnnl_memory_desc_equal(&e->desc, &desc);
}

/* arg: kernel as it comes, kernel in bfloat16 */
static void run_pair_inputs(const mv_net *net, const step *s)
{
    const mv_nn_layer *l = &net->layer[s->layer];
    const size_t side = mv_nn_kernel_side(l->op);
    mv_elements_choose(mv_cpu_features())
        ->pair_inputs(data_of(s, 1), data_of(s, 0), l->out_channels, l->in_channels, side * side);
}

static void run_pair_outputs(const mv_net *net, const step *s)
{
    const mv_nn_layer *l = &net->layer[s->layer];
    const size_t side = mv_nn_kernel_side(l->op);
    mv_elements_choose(mv_cpu_features())
        ->pair_outputs(data_of(s, 1), data_of(s, 0), l->out_channels, l->in_channels, side * side);
}

/* Bring the caller's weights from view into the layout wanted, as part of loading: between the
 * layouts of AMX kernels oneDNN's reorders are slow, and ours stand in for them. */
static mv_status add_weights(mv_net *net, size_t i, edge *out, const edge *view,
                             const dnnl_memory_desc_t *wanted, mv_error *err)
{
    mv_status st = MV_OK;
    own *o = net->own;
    const mv_nn_layer *l = &net->layer[i];
    const bool tiles = l->op == MV_NN_CONV3 && l->in_channels % 32 == 0 &&
                       l->out_channels % 32 == 0 &&
                       is_kernel(net, i, view, dnnl_f32, dnnl_OIhw16i16o);

    MV_TRY(new_edge(o, out, wanted, PLACE_KEPT, err));
    const edge *const arg[] = {view, out};
    if (tiles && is_kernel(net, i, out, dnnl_bf16, dnnl_OhwI16i32o2i)) {
        MV_TRY(add_plain(net, &o->load, i, run_pair_inputs, arg, 2, err));
    } else if (tiles && is_kernel(net, i, out, dnnl_bf16, dnnl_OIhw16o16i2o)) {
        MV_TRY(add_plain(net, &o->load, i, run_pair_outputs, arg, 2, err));
    } else {
        MV_TRY(add_reorder(o, &o->load, out, view, err));
    }
done:
    return st;
}

/* Append layer i's forward primitive, from e into a new tensor, which e becomes; what else it takes
 * is added to *s. */
static mv_status add_forward(mv_net *net, size_t i, edge *e, place where, step **s, mv_error *err)
{
    mv_status st = MV_OK;
    own *o = net->own;
    kept *k = &o->layer[i];

    k->in = *e;
    MV_TRY(new_edge(o, &k->out, query(k->forward, dnnl_query_dst_md), where, err));
    MV_TRY(add_step(o, &o->forward, k->forward, s, err));
    add_arg(*s, DNNL_ARG_SRC, &k->in);
    add_arg(*s, DNNL_ARG_DST, &k->out);
    *e = k->out;
done:
    return st;
}

/* The same backward: from g, laid out as pd wants it, into a new gradient. */
static mv_status add_gradient(own *o, edge *g, const dnnl_memory_desc_t *desc,
                              const_dnnl_primitive_desc_t pd, step **s, mv_error *err)
{
    mv_status st = MV_OK;
    edge dx = {.memory = NULL};

    MV_TRY(new_edge(o, &dx, desc, PLACE_ROTATING, err));
    MV_TRY(add_step(o, &o->backward, pd, s, err));
    add_arg(*s, DNNL_ARG_DIFF_DST, g);
    add_arg(*s, DNNL_ARG_DIFF_SRC, &dx);
    *g = dx;
done:
    return st;
}

static mv_status conv_forward(mv_net *net, size_t i, edge *e, place where, mv_error *err)
{
    mv_status st = MV_OK;
    own *o = net->own;
    kept *k = &o->layer[i];
    const dnnl_data_type_t type = input_type(net, i);
    const conv_shape c = conv_of(net, i, type, type, output_type(net, i));
    dnnl_convolution_desc_t op;
    edge w = {.memory = NULL};
    step *s = NULL;

    DNN_TRY(dnnl_convolution_forward_desc_init(
                &op, net->opts.training ? dnnl_forward_training : dnnl_forward_inference,
                dnnl_convolution_direct, &c.x, &c.w, &c.b, &c.y, c.stride, c.pad, c.pad),
            "describe a convolution");
    MV_TRY(new_pd(o, &k->forward, &op, net->layer[i].act, NULL, err));
    MV_TRY(choose_order(net, i, err));
    MV_TRY(new_views(net, i, &k->weights, PLACE_KEPT, err));
    MV_TRY(convert(o, &o->forward, e, query(k->forward, dnnl_query_src_md), where, err));
    MV_TRY(
        add_weights(net, i, &w, &k->weights.kernel, query(k->forward, dnnl_query_weights_md), err));
    MV_TRY(add_forward(net, i, e, where, &s, err));
    s->convolution = true;
    add_arg(s, DNNL_ARG_WEIGHTS, &w);
    add_arg(s, DNNL_ARG_BIAS, &k->weights.bias);
done:
    return st;
}

/* g: gradient behind the activation -> before it, in place. */
static mv_status act_backward(mv_net *net, size_t i, edge *g, mv_error *err)
{
    mv_status st = MV_OK;
    own *o = net->own;
    const kept *k = &o->layer[i];
    const mv_nn_act act = net->layer[i].act;
    dnnl_eltwise_desc_t op;
    dnnl_primitive_desc_t forward = NULL, pd = NULL;
    step *s = NULL;
    const dnnl_alg_kind_t kind = act == MV_NN_RELU ? dnnl_eltwise_relu_use_dst_for_bwd
                                                   : dnnl_eltwise_logistic_use_dst_for_bwd;
    if (act == MV_NN_LINEAR) {
        return MV_OK;
    }
    MV_TRY(convert(o, &o->backward, g, &k->out.desc, PLACE_ROTATING, err));
    DNN_TRY(
        dnnl_eltwise_forward_desc_init(&op, dnnl_forward_training, kind, &k->out.desc, 0.0F, 0.0F),
        "describe an activation");
    MV_TRY(new_pd(o, &forward, &op, MV_NN_LINEAR, NULL, err));
    DNN_TRY(dnnl_eltwise_backward_desc_init(&op, kind, &k->out.desc, &k->out.desc, 0.0F, 0.0F),
            "describe an activation");
    MV_TRY(new_pd(o, &pd, &op, MV_NN_LINEAR, forward, err));
    MV_TRY(add_step(o, &o->backward, pd, &s, err));
    add_arg(s, DNNL_ARG_DST, &k->out);
    add_arg(s, DNNL_ARG_DIFF_DST, g);
    add_arg(s, DNNL_ARG_DIFF_SRC, g);
done:
    drop_pd(&forward);
    drop_pd(&pd);
    return st;
}

static mv_status conv_backward_weights(mv_net *net, size_t i, edge g, mv_error *err)
{
    mv_status st = MV_OK;
    own *o = net->own;
    kept *k = &o->layer[i];
    const dnnl_memory_desc_t *wanted = query(k->gradient, dnnl_query_diff_weights_md);
    edge x = k->in, dw = k->gradients.kernel;
    step *s = NULL;

    MV_TRY(convert(o, &o->backward, &x, query(k->gradient, dnnl_query_src_md), PLACE_KEPT, err));
    MV_TRY(convert(o, &o->backward, &g, query(k->gradient, dnnl_query_diff_dst_md), PLACE_ROTATING,
                   err));
    if (!dnnl_memory_desc_equal(&k->order, wanted)) {
        MV_TRY(new_edge(o, &dw, wanted, PLACE_KEPT, err));
    }
    MV_TRY(add_step(o, &o->backward, k->gradient, &s, err));
    s->convolution = true;
    add_arg(s, DNNL_ARG_SRC, &x);
    add_arg(s, DNNL_ARG_DIFF_DST, &g);
    add_arg(s, DNNL_ARG_DIFF_WEIGHTS, &dw);
    add_arg(s, DNNL_ARG_DIFF_BIAS, &k->gradients.bias);
    if (!dnnl_memory_desc_equal(&k->order, wanted)) {
        MV_TRY(add_reorder(o, &o->backward, &k->gradients.kernel, &dw, err));
    }
done:
    return st;
}

static mv_status conv_backward_data(mv_net *net, size_t i, edge *g, mv_error *err)
{
    mv_status st = MV_OK;
    own *o = net->own;
    kept *k = &o->layer[i];
    const dnnl_data_type_t type = input_type(net, i);
    const conv_shape c = conv_of(net, i, type, type, type);
    dnnl_convolution_desc_t op;
    dnnl_primitive_desc_t pd = NULL;
    edge w = {.memory = NULL};
    step *s = NULL;

    DNN_TRY(dnnl_convolution_backward_data_desc_init(&op, dnnl_convolution_direct, &c.x, &c.w, &c.y,
                                                     c.stride, c.pad, c.pad),
            "describe a convolution's input gradient");
    MV_TRY(new_pd(o, &pd, &op, MV_NN_LINEAR, k->forward, err));
    MV_TRY(convert(o, &o->backward, g, query(pd, dnnl_query_diff_dst_md), PLACE_ROTATING, err));
    MV_TRY(add_weights(net, i, &w, &k->weights.kernel, query(pd, dnnl_query_weights_md), err));
    MV_TRY(add_gradient(o, g, query(pd, dnnl_query_diff_src_md), pd, &s, err));
    s->convolution = true;
    add_arg(s, DNNL_ARG_WEIGHTS, &w);
done:
    drop_pd(&pd);
    return st;
}

/* ---- pool and upsample ---- */

static const dnnl_dims_t two = {2, 2}, none = {0, 0};

static mv_status pool_forward(mv_net *net, size_t i, edge *e, place where, mv_error *err)
{
    mv_status st = MV_OK;
    own *o = net->own;
    kept *k = &o->layer[i];
    const dnnl_memory_desc_t y = tensor_desc(net, i + 1, e->desc.data_type, dnnl_format_tag_any);
    dnnl_pooling_desc_t op;
    step *s = NULL;

    DNN_TRY(dnnl_pooling_forward_desc_init(
                &op, net->opts.training ? dnnl_forward_training : dnnl_forward_inference,
                dnnl_pooling_max, &e->desc, &y, two, two, none, none),
            "describe a pool");
    MV_TRY(new_pd(o, &k->forward, &op, MV_NN_LINEAR, NULL, err));
    MV_TRY(add_forward(net, i, e, where, &s, err));
    if (net->opts.training) {
        MV_TRY(new_edge(o, &k->workspace, query(k->forward, dnnl_query_workspace_md), PLACE_KEPT,
                        err));
        add_arg(s, DNNL_ARG_WORKSPACE, &k->workspace);
    }
done:
    return st;
}

static mv_status pool_backward(mv_net *net, size_t i, edge *g, mv_error *err)
{
    mv_status st = MV_OK;
    own *o = net->own;
    kept *k = &o->layer[i];
    dnnl_pooling_desc_t op;
    dnnl_primitive_desc_t pd = NULL;
    step *s = NULL;

    MV_TRY(convert(o, &o->backward, g, &k->out.desc, PLACE_ROTATING, err));
    DNN_TRY(dnnl_pooling_backward_desc_init(&op, dnnl_pooling_max, &k->in.desc, &k->out.desc, two,
                                            two, none, none),
            "describe a pool's gradient");
    MV_TRY(new_pd(o, &pd, &op, MV_NN_LINEAR, k->forward, err));
    MV_TRY(add_gradient(o, g, &k->in.desc, pd, &s, err));
    add_arg(s, DNNL_ARG_WORKSPACE, &k->workspace);
done:
    drop_pd(&pd);
    return st;
}

static mv_status upsample_forward(mv_net *net, size_t i, edge *e, place where, mv_error *err)
{
    mv_status st = MV_OK;
    own *o = net->own;
    kept *k = &o->layer[i];
    const dnnl_memory_desc_t y = tensor_desc(net, i + 1, e->desc.data_type, dnnl_format_tag_any);
    const float factor[2] = {2.0F, 2.0F};
    dnnl_resampling_desc_t op;
    step *s = NULL;

    DNN_TRY(dnnl_resampling_forward_desc_init(
                &op, net->opts.training ? dnnl_forward_training : dnnl_forward_inference,
                dnnl_resampling_nearest, factor, &e->desc, &y),
            "describe an upsampling");
    MV_TRY(new_pd(o, &k->forward, &op, MV_NN_LINEAR, NULL, err));
    MV_TRY(add_forward(net, i, e, where, &s, err));
done:
    return st;
}

static mv_status upsample_backward(mv_net *net, size_t i, edge *g, mv_error *err)
{
    mv_status st = MV_OK;
    own *o = net->own;
    kept *k = &o->layer[i];
    const float factor[2] = {2.0F, 2.0F};
    dnnl_resampling_desc_t op;
    dnnl_primitive_desc_t pd = NULL;
    step *s = NULL;

    MV_TRY(convert(o, &o->backward, g, &k->out.desc, PLACE_ROTATING, err));
    DNN_TRY(dnnl_resampling_backward_desc_init(&op, dnnl_resampling_nearest, factor, &k->in.desc,
                                               &k->out.desc),
            "describe an upsampling's gradient");
    MV_TRY(new_pd(o, &pd, &op, MV_NN_LINEAR, k->forward, err));
    MV_TRY(add_gradient(o, g, &k->in.desc, pd, &s, err));
done:
    drop_pd(&pd);
    return st;
}

/* ---- our own layers, on plain tensors ---- */

/* Pixels x to blocks y in the order of grid_tag, and back. */
static void run_blocks(const mv_net *net, float *y, const float *x, const mv_net_shape *at,
                       size_t channels)
{
    if (grid_tag(net) == dnnl_nhwc) {
        mv_plain_block8_beside(y, x, at, channels);
    } else {
        mv_plain_block8(y, x, at->batch * channels, at->height, at->width);
    }
}

static void run_unblocks(const mv_net *net, float *x, const float *y, const mv_net_shape *at,
                         size_t channels)
{
    if (grid_tag(net) == dnnl_nhwc) {
        mv_plain_unblock8_beside(x, y, at, channels);
    } else {
        mv_plain_unblock8(x, y, at->batch * channels, at->height, at->width);
    }
}

/* arg: x, y, and for MV_NN_ADD the other tensor. */
static void run_plain_forward(const mv_net *net, const step *s)
{
    const size_t i = s->layer, count = mv_net_count_at(net, i + 1);
    const mv_net_shape *at = &net->at[i];
    const float *x = data_of(s, 0);
    float *y = data_of(s, 1);

    switch (net->layer[i].op) {
    case MV_NN_BLOCK8:
        run_blocks(net, y, x, at, net->channels[i]);
        break;
    case MV_NN_UNBLOCK8:
        run_unblocks(net, y, x, &net->at[i + 1], net->channels[i + 1]);
        break;
    case MV_NN_ASINH:
        mv_plain_asinh(y, x, count);
        break;
    case MV_NN_SINH:
        mv_plain_sinh(y, x, count);
        break;
    case MV_NN_ADD:
        mv_plain_add(y, x, data_of(s, 2), count);
        break;
    default:
        break; /* the other layers are oneDNN's */
    }
}

/* arg: dy, y, dx */
static void run_plain_backward(const mv_net *net, const step *s)
{
    const size_t i = s->layer, count = mv_net_count_at(net, i + 1);
    const mv_net_shape *at = &net->at[i];
    const float *dy = data_of(s, 0), *y = data_of(s, 1);
    float *dx = data_of(s, 2);

    switch (net->layer[i].op) {
    case MV_NN_BLOCK8:
        run_unblocks(net, dx, dy, at, net->channels[i]);
        break;
    case MV_NN_UNBLOCK8:
        run_blocks(net, dx, dy, &net->at[i + 1], net->channels[i + 1]);
        break;
    case MV_NN_ASINH:
        mv_plain_asinh_backward(dx, dy, y, count);
        break;
    case MV_NN_SINH:
        mv_plain_sinh_backward(dx, dy, y, count);
        break;
    default:
        break; /* the other layers are oneDNN's, or pass their gradient on */
    }
}

/* The layout in which one of our own layers reads: where it takes element by element, that of its
 * input as it is, if these are floats without gaps; blocks as grid_tag says; else plain. */
static dnnl_memory_desc_t own_layout(const mv_net *net, size_t i, const edge *e)
{
    const mv_nn_op op = net->layer[i].op;
    const bool single = op == MV_NN_ASINH || op == MV_NN_SINH || op == MV_NN_ADD;
    const bool floats = e->desc.data_type == dnnl_f32 &&
                        dnnl_memory_desc_get_size(&e->desc) == 4 * mv_net_count_at(net, i);
    return single && floats
               ? e->desc
               : tensor_desc(net, i, dnnl_f32, op == MV_NN_UNBLOCK8 ? grid_tag(net) : dnnl_nchw);
}

static mv_status plain_forward(mv_net *net, size_t i, edge *e, place where, mv_error *err)
{
    mv_status st = MV_OK;
    own *o = net->own;
    kept *k = &o->layer[i];
    const mv_nn_op op = net->layer[i].op;
    const dnnl_memory_desc_t in = own_layout(net, i, e);
    const dnnl_memory_desc_t out = op == MV_NN_BLOCK8
                                       ? tensor_desc(net, i + 1, dnnl_f32, grid_tag(net))
                                   : op == MV_NN_UNBLOCK8 ? plain_desc(net, i + 1)
                                                          : in;
    edge other = o->tensor[net->layer[i].other];

    MV_TRY(convert(o, &o->forward, e, &in, where, err));
    k->in = *e;
    if (net->layer[i].op == MV_NN_ADD) {
        MV_TRY(convert(o, &o->forward, &other, &in, PLACE_KEPT, err));
    }
    MV_TRY(new_edge(o, &k->out, &out, writes_to_caller(net, i) ? PLACE_CALLER : where, err));
    const edge *const arg[] = {e, &k->out, &other};
    MV_TRY(add_plain(net, &o->forward, i, run_plain_forward, arg,
                     net->layer[i].op == MV_NN_ADD ? 3 : 2, err));
    *e = k->out;
done:
    return st;
}

static mv_status plain_backward(mv_net *net, size_t i, edge *g, mv_error *err)
{
    mv_status st = MV_OK;
    own *o = net->own;
    const kept *k = &o->layer[i];
    edge dx = {.memory = NULL};

    MV_TRY(convert(o, &o->backward, g, &k->out.desc, PLACE_ROTATING, err));
    MV_TRY(new_edge(o, &dx, &k->in.desc, PLACE_ROTATING, err));
    const edge *const arg[] = {g, &k->out, &dx};
    MV_TRY(add_plain(net, &o->backward, i, run_plain_backward, arg, 3, err));
    *g = dx;
done:
    return st;
}

/* arg: a, b; a += b */
static void run_sum(const mv_net *net, const step *s)
{
    float *a = data_of(s, 0);
    mv_plain_add(a, a, data_of(s, 1), mv_net_count_at(net, s->layer));
}

/* The same with b in bfloat16. */
static void run_sum_bf16(const mv_net *net, const step *s)
{
    mv_plain_add_bf16(data_of(s, 0), data_of(s, 1), mv_net_count_at(net, s->layer));
}

/* sum += g, both gradients of tensor i. */
static mv_status add_sum(mv_net *net, size_t i, const edge *sum, edge g, mv_error *err)
{
    mv_status st = MV_OK;
    own *o = net->own;
    dnnl_memory_desc_t narrow = sum->desc;
    narrow.data_type = dnnl_bf16;
    const bool is_narrow = dnnl_memory_desc_equal(&g.desc, &narrow);

    if (!is_narrow) {
        MV_TRY(convert(o, &o->backward, &g, &sum->desc, PLACE_ROTATING, err));
    }
    const edge *const arg[] = {sum, &g};
    MV_TRY(add_plain(net, &o->backward, i, is_narrow ? run_sum_bf16 : run_sum, arg, 2, err));
done:
    return st;
}

/* Give a memory in rotation bytes of its own. */
static void keep(own *o, const edge *e)
{
    for (size_t k = 0; k < o->waiting_count; k++) {
        if (o->waiting[k].memory == e->memory) {
            o->waiting[k].slot = SLOT_OWN;
        }
    }
}

/* Whether nothing writes into the gradient of tensor i any more when layer i - 1 has read it. */
static bool stays(const mv_net *net, size_t i)
{
    const own *o = net->own;
    return i > 0 && o->pending[i].memory == NULL && net->layer[i - 1].op != MV_NN_ADD &&
           net->layer[i - 1].act == MV_NN_LINEAR;
}

/* Behind MV_NN_ADD the gradient goes both ways: on as it is, and to the other tensor, where it
 * waits for that one's turn: itself if it stays so long, else a copy. */
static mv_status add_backward(mv_net *net, size_t i, edge *g, mv_error *err)
{
    mv_status st = MV_OK;
    own *o = net->own;
    const size_t other = net->layer[i].other;
    edge *waits = &o->pending[other];

    if (!mv_net_wants_gradient(net, other)) {
        return MV_OK;
    }
    if (waits->memory != NULL) {
        return add_sum(net, i, waits, *g, err);
    }
    MV_TRY(convert(o, &o->backward, g, &o->layer[i].out.desc, PLACE_ROTATING, err));
    if (stays(net, i)) {
        keep(o, g);
        *waits = *g;
    } else {
        MV_TRY(new_edge(o, waits, &g->desc, PLACE_KEPT, err));
        MV_TRY(add_reorder(o, &o->backward, waits, g, err));
    }
done:
    return st;
}

/* g, the gradient of tensor i from layer i, and what later additions gave. */
static mv_status add_pending(mv_net *net, size_t i, edge *g, mv_error *err)
{
    mv_status st = MV_OK;
    const own *o = net->own;
    if (o->pending[i].memory != NULL) {
        MV_TRY(add_sum(net, i, &o->pending[i], *g, err));
        *g = o->pending[i];
    }
done:
    return st;
}

/* ---- LSTM ---- */

/* (T,N,C) of the tensor that enters layer i */
static dnnl_memory_desc_t steps_desc(const mv_net *net, size_t i)
{
    dnnl_memory_desc_t desc;
    const mv_net_shape *s = &net->at[i];
    const dnnl_dims_t dims = {s->width, (dnnl_dim_t)s->batch * s->height, net->channels[i]};
    (void)dnnl_memory_desc_init_by_tag(&desc, 3, dims, dnnl_f32, dnnl_tnc);
    return desc;
}

/* arg: plain tensor, steps; and back */
static void run_to_steps(const mv_net *net, const step *s)
{
    mv_plain_to_steps(data_of(s, 1), data_of(s, 0), &net->at[s->layer], net->channels[s->layer]);
}

static void run_from_steps(const mv_net *net, const step *s)
{
    mv_plain_from_steps(data_of(s, 1), data_of(s, 0), &net->at[s->layer], net->channels[s->layer]);
}

/* oneDNN adds to the gradients of the weights. arg: the three of them */
static void run_clear(const mv_net *net, const step *s)
{
    (void)net;
    for (int i = 0; i < s->count; i++) {
        const dnnl_memory_desc_t *desc = NULL;
        (void)dnnl_memory_get_memory_desc(s->arg[i].memory, &desc);
        memset(data_of(s, i), 0, dnnl_memory_desc_get_size(desc));
    }
}

/* Tensor i, plain, as steps in a new edge. */
static mv_status walk_in(mv_net *net, program *p, size_t i, edge *steps, const edge *plain,
                         mv_error *err)
{
    mv_status st = MV_OK;
    const dnnl_memory_desc_t desc = steps_desc(net, i);
    MV_TRY(new_edge(net->own, steps, &desc, PLACE_KEPT, err));
    const edge *const arg[] = {plain, steps};
    MV_TRY(add_plain(net, p, i, run_to_steps, arg, 2, err));
done:
    return st;
}

/* Back into a new plain edge. */
static mv_status walk_out(mv_net *net, program *p, size_t i, edge *plain, const edge *steps,
                          place where, mv_error *err)
{
    mv_status st = MV_OK;
    const dnnl_memory_desc_t desc = tensor_desc(net, i, dnnl_f32, dnnl_nchw);
    MV_TRY(new_edge(net->own, plain, &desc, where, err));
    const edge *const arg[] = {steps, plain};
    MV_TRY(add_plain(net, p, i, run_from_steps, arg, 2, err));
done:
    return st;
}

typedef struct lstm_descs {
    dnnl_memory_desc_t x, wx, wh, bias, h, state;
} lstm_descs;

/* h or c of one step: (1,1,N,H) */
static dnnl_memory_desc_t state_desc(const mv_net *net, size_t i)
{
    dnnl_memory_desc_t desc;
    const mv_net_shape *s = &net->at[i];
    const dnnl_dims_t dims = {1, 1, (dnnl_dim_t)s->batch * s->height, net->channels[i + 1]};
    (void)dnnl_memory_desc_init_by_tag(&desc, 4, dims, dnnl_f32, dnnl_ldnc);
    return desc;
}

static lstm_descs lstm_of(const mv_net *net, size_t i)
{
    const mv_nn_layer *l = &net->layer[i];
    const lstm_descs d = {
        .x = steps_desc(net, i),
        .wx = gates_desc(l->in_channels, l->out_channels, dnnl_format_tag_any),
        .wh = gates_desc(l->out_channels, l->out_channels, dnnl_format_tag_any),
        .bias = gates_bias_desc(l->out_channels),
        .h = steps_desc(net, i + 1),
        .state = state_desc(net, i),
    };
    return d;
}

/* The first and last states, which do not interest us: but oneDNN 2.6 gives a wrong gradient of the
 * state's matrix when they are left out. */
static mv_status lstm_states(own *o, kept *k, const dnnl_memory_desc_t *state, mv_error *err)
{
    mv_status st = MV_OK;
    MV_TRY(new_edge(o, &k->zero, state, PLACE_KEPT, err));
    for (int i = 0; i < 4; i++) {
        MV_TRY(new_edge(o, &k->spare[i], state, PLACE_KEPT, err));
    }
done:
    return st;
}

static void add_lstm_args(step *s, const kept *k, const edge *wx, const edge *wh)
{
    add_arg(s, DNNL_ARG_SRC_LAYER, &k->steps);
    add_arg(s, DNNL_ARG_SRC_ITER, &k->zero);
    add_arg(s, DNNL_ARG_SRC_ITER_C, &k->zero);
    add_arg(s, DNNL_ARG_WEIGHTS_LAYER, wx);
    add_arg(s, DNNL_ARG_WEIGHTS_ITER, wh);
    add_arg(s, DNNL_ARG_BIAS, &k->weights.bias);
    add_arg(s, DNNL_ARG_DST_LAYER, &k->out_steps);
    add_arg(s, DNNL_ARG_DST_ITER, &k->spare[0]);
    add_arg(s, DNNL_ARG_DST_ITER_C, &k->spare[1]);
}

static mv_status lstm_forward(mv_net *net, size_t i, edge *e, place where, mv_error *err)
{
    mv_status st = MV_OK;
    own *o = net->own;
    kept *k = &o->layer[i];
    const dnnl_memory_desc_t plain = tensor_desc(net, i, dnnl_f32, dnnl_nchw);
    lstm_descs d = lstm_of(net, i);
    dnnl_rnn_desc_t op;
    edge wx = {.memory = NULL}, wh = {.memory = NULL};
    step *s = NULL;

    MV_TRY(new_views(net, i, &k->weights, PLACE_KEPT, err));
    MV_TRY(convert(o, &o->forward, e, &plain, where, err));
    MV_TRY(walk_in(net, &o->forward, i, &k->steps, e, err));
    MV_TRY(lstm_states(o, k, &d.state, err));
    MV_TRY(new_edge(o, &k->out_steps, &d.h, PLACE_KEPT, err));
    DNN_TRY(dnnl_lstm_forward_desc_init(
                &op, net->opts.training ? dnnl_forward_training : dnnl_forward_inference,
                dnnl_unidirectional_left2right, &d.x, &d.state, &d.state, &d.wx, &d.wh, &d.bias,
                &d.h, &d.state, &d.state, 0),
            "describe an LSTM");
    MV_TRY(new_pd(o, &k->forward, &op, MV_NN_LINEAR, NULL, err));
    MV_TRY(add_weights(net, i, &wx, &k->weights.kernel, query(k->forward, dnnl_query_weights_md),
                       err));
    MV_TRY(add_weights(net, i, &wh, &k->weights.state,
                       dnnl_primitive_desc_query_md(k->forward, dnnl_query_weights_md, 1), err));
    if (net->opts.training) {
        MV_TRY(new_edge(o, &k->workspace, query(k->forward, dnnl_query_workspace_md), PLACE_KEPT,
                        err));
    }
    MV_TRY(add_step(o, &o->forward, k->forward, &s, err));
    add_lstm_args(s, k, &wx, &wh);
    if (net->opts.training) {
        add_arg(s, DNNL_ARG_WORKSPACE, &k->workspace);
    }
    MV_TRY(walk_out(net, &o->forward, i + 1, &k->out, &k->out_steps, where, err));
    *e = k->out;
done:
    return st;
}

/* The two matrices' gradients as oneDNN wants them, cleared before and brought into plain order
 * after s. */
typedef struct lstm_gradients {
    edge wx, wh;
} lstm_gradients;

static mv_status lstm_clear(mv_net *net, size_t i, lstm_gradients *d,
                            const_dnnl_primitive_desc_t pd, mv_error *err)
{
    mv_status st = MV_OK;
    own *o = net->own;
    MV_TRY(new_edge(o, &d->wx, query(pd, dnnl_query_diff_weights_md), PLACE_KEPT, err));
    MV_TRY(new_edge(o, &d->wh, dnnl_primitive_desc_query_md(pd, dnnl_query_diff_weights_md, 1),
                    PLACE_KEPT, err));
    const edge *const arg[] = {&d->wx, &d->wh, &o->layer[i].gradients.bias};
    MV_TRY(add_plain(net, &o->backward, i, run_clear, arg, 3, err));
done:
    return st;
}

static mv_status lstm_backward(mv_net *net, size_t i, edge *g, mv_error *err)
{
    mv_status st = MV_OK;
    own *o = net->own;
    kept *k = &o->layer[i];
    lstm_descs d = lstm_of(net, i);
    dnnl_rnn_desc_t op;
    dnnl_primitive_desc_t pd = NULL;
    edge wx = {.memory = NULL}, wh = {.memory = NULL}, dh = {.memory = NULL}, dx = {.memory = NULL};
    lstm_gradients dw = {.wx = {.memory = NULL}};
    step *s = NULL;

    MV_TRY(convert(o, &o->backward, g, &k->out.desc, PLACE_ROTATING, err));
    MV_TRY(walk_in(net, &o->backward, i + 1, &dh, g, err));
    MV_TRY(new_edge(o, &dx, &d.x, PLACE_KEPT, err));
    DNN_TRY(dnnl_lstm_backward_desc_init(&op, dnnl_backward, dnnl_unidirectional_left2right, &d.x,
                                         &d.state, &d.state, &d.wx, &d.wh, &d.bias, &d.h, &d.state,
                                         &d.state, &d.x, &d.state, &d.state, &d.wx, &d.wh, &d.bias,
                                         &d.h, &d.state, &d.state, 0),
            "describe an LSTM's gradient");
    MV_TRY(new_pd(o, &pd, &op, MV_NN_LINEAR, k->forward, err));
    MV_TRY(add_weights(net, i, &wx, &k->weights.kernel, query(pd, dnnl_query_weights_md), err));
    MV_TRY(add_weights(net, i, &wh, &k->weights.state,
                       dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 1), err));
    MV_TRY(lstm_clear(net, i, &dw, pd, err));
    MV_TRY(add_step(o, &o->backward, pd, &s, err));
    add_lstm_args(s, k, &wx, &wh);
    add_arg(s, DNNL_ARG_WORKSPACE, &k->workspace);
    add_arg(s, DNNL_ARG_DIFF_DST_LAYER, &dh);
    add_arg(s, DNNL_ARG_DIFF_DST_ITER, &k->zero);
    add_arg(s, DNNL_ARG_DIFF_DST_ITER_C, &k->zero);
    add_arg(s, DNNL_ARG_DIFF_SRC_ITER, &k->spare[2]);
    add_arg(s, DNNL_ARG_DIFF_SRC_ITER_C, &k->spare[3]);
    add_arg(s, DNNL_ARG_DIFF_SRC_LAYER, &dx);
    add_arg(s, DNNL_ARG_DIFF_WEIGHTS_LAYER, &dw.wx);
    add_arg(s, DNNL_ARG_DIFF_WEIGHTS_ITER, &dw.wh);
    add_arg(s, DNNL_ARG_DIFF_BIAS, &k->gradients.bias);
    MV_TRY(add_reorder(o, &o->backward, &k->gradients.kernel, &dw.wx, err));
    MV_TRY(add_reorder(o, &o->backward, &k->gradients.state, &dw.wh, err));
    MV_TRY(walk_out(net, &o->backward, i, g, &dx, PLACE_ROTATING, err));
done:
    drop_pd(&pd);
    return st;
}

/* ---- compiling a net ---- */

static mv_status layer_forward(mv_net *net, size_t i, edge *e, mv_error *err)
{
    const bool keep = net->opts.training || mv_net_last_use(net, i + 1) != i + 1;
    const place where = keep ? PLACE_KEPT : PLACE_ROTATING;

    switch (net->layer[i].op) {
    case MV_NN_CONV3:
    case MV_NN_DENSE:
        return conv_forward(net, i, e, where, err);
    case MV_NN_LSTM:
        return lstm_forward(net, i, e, where, err);
    case MV_NN_MAXPOOL2:
        return pool_forward(net, i, e, where, err);
    case MV_NN_UPSAMPLE2:
        return upsample_forward(net, i, e, where, err);
    default:
        return plain_forward(net, i, e, where, err);
    }
}

static mv_status compile_forward(mv_net *net, mv_error *err)
{
    mv_status st = MV_OK;
    own *o = net->own;
    const dnnl_memory_desc_t x = plain_desc(net, 0), y = plain_desc(net, net->count);
    edge e = {.memory = NULL};

    MV_TRY(new_edge(o, &o->x, &x, PLACE_CALLER, err));
    e = o->x;
    for (size_t i = 0; i < net->count; i++) {
        o->tensor[i] = e;
        MV_TRY(layer_forward(net, i, &e, err));
    }
    if (writes_to_caller(net, net->count - 1)) {
        o->y = e;
    } else {
        MV_TRY(new_edge(o, &o->y, &y, PLACE_CALLER, err));
        MV_TRY(add_reorder(o, &o->forward, &o->y, &e, err));
    }
done:
    return st;
}

static mv_status conv_backward(mv_net *net, size_t i, edge *g, mv_error *err)
{
    mv_status st = MV_OK;
    MV_TRY(act_backward(net, i, g, err));
    if (mv_net_learns(net, i)) {
        MV_TRY(conv_backward_weights(net, i, *g, err));
    }
    if (mv_net_wants_gradient(net, i)) {
        MV_TRY(conv_backward_data(net, i, g, err));
    }
done:
    return st;
}

static mv_status layer_backward(mv_net *net, size_t i, edge *g, mv_error *err)
{
    mv_status st = MV_OK;
    own *o = net->own;
    kept *k = &o->layer[i];

    if (mv_nn_has_weights(net->layer[i].op)) {
        MV_TRY(new_views(net, i, &k->gradients, PLACE_CALLER, err));
    }
    switch (net->layer[i].op) {
    case MV_NN_CONV3:
    case MV_NN_DENSE:
        return conv_backward(net, i, g, err);
    case MV_NN_LSTM:
        return lstm_backward(net, i, g, err);
    case MV_NN_MAXPOOL2:
        return pool_backward(net, i, g, err);
    case MV_NN_UPSAMPLE2:
        return upsample_backward(net, i, g, err);
    case MV_NN_ADD:
        return add_backward(net, i, g, err);
    default:
        return plain_backward(net, i, g, err);
    }
done:
    return st;
}

static mv_status compile_backward(mv_net *net, mv_error *err)
{
    mv_status st = MV_OK;
    own *o = net->own;
    edge g = {.memory = NULL};

    MV_TRY(new_edge(o, &o->dy, &o->y.desc, PLACE_CALLER, err));
    g = o->dy;
    if (!writes_to_caller(net, net->count - 1)) {
        MV_TRY(new_edge(o, &g, &o->layer[net->count - 1].out.desc, PLACE_ROTATING, err));
        MV_TRY(add_reorder(o, &o->backward, &g, &o->dy, err));
    }
    for (size_t i = net->count; i-- > mv_net_backward_end(net);) {
        MV_TRY(layer_backward(net, i, &g, err));
        if (mv_net_wants_gradient(net, i)) {
            MV_TRY(add_pending(net, i, &g, err));
        }
    }
    if (net->opts.input_gradient) {
        MV_TRY(new_edge(o, &o->dx, &o->x.desc, PLACE_CALLER, err));
        MV_TRY(add_reorder(o, &o->backward, &o->dx, &g, err));
    }
done:
    return st;
}

static size_t padded(size_t len)
{
    return (len + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* Give all memories but the caller's their bytes: the slots come first. */
static mv_status place_waiting(own *o, mv_error *err)
{
    mv_status st = MV_OK;
    size_t slot_at[SLOT_OWN], next = 0;

    for (size_t k = 0; k < o->waiting_count; k++) {
        const size_t len = padded(o->waiting[k].len), slot = o->waiting[k].slot;
        if (slot == SLOT_OWN) {
            o->block_len += len;
        } else if (len > o->slot_len[slot]) {
            o->slot_len[slot] = len;
        }
    }
    for (size_t slot = 0; slot < SLOT_OWN; slot++) {
        slot_at[slot] = next;
        next += o->slot_len[slot];
    }
    o->block_len += next;
    o->block = mv_large_new(o->block_len + ALIGNMENT);
    MV_REQUIRE(o->block != NULL, err, MV_E_MEMORY, "out of memory for a network's tensors");
    for (size_t k = 0; k < o->waiting_count; k++) {
        const unsigned slot = o->waiting[k].slot;
        const size_t at = slot == SLOT_OWN ? next : slot_at[slot];
        next += slot == SLOT_OWN ? padded(o->waiting[k].len) : 0;
        DNN_TRY(dnnl_memory_set_data_handle(o->waiting[k].memory, o->block + at), "place a tensor");
    }
done:
    return st;
}

static mv_status note_order(mv_net *net, mv_error *err)
{
    own *o = net->own;
    o->order = calloc(net->weight_count + 1, sizeof *o->order);
    if (o->order == NULL) {
        return mv_fail(err, MV_E_MEMORY, "out of memory for a network's weights");
    }
    for (size_t i = 0; i < net->count; i++) {
        fill_order(net, i);
    }
    return MV_OK;
}

static const uint32_t *order(const mv_net *net)
{
    const own *o = net->own;
    return o->order;
}

static mv_status create(mv_net *net, mv_error *err)
{
    mv_status st = MV_OK;
    const int threads_before = omp_get_max_threads();
    own *o = calloc(1, sizeof *o);

    MV_REQUIRE(o != NULL, err, MV_E_MEMORY, "out of memory for a network");
    net->own = o;
    o->rotation = net->opts.training ? ROTATION : 2;
    (void)pthread_once(&isa_once, narrow_isa);
    omp_set_num_threads((int)net->opts.threads);
    DNN_TRY(dnnl_engine_create(&o->engine, dnnl_cpu, 0), "start");
    DNN_TRY(dnnl_stream_create(&o->stream, o->engine, dnnl_stream_default_flags), "start");
    MV_TRY(compile_forward(net, err));
    if (net->opts.training) {
        MV_TRY(compile_backward(net, err));
    }
    MV_TRY(place_waiting(o, err));
    if (net->opts.own_order) {
        MV_TRY(note_order(net, err));
    }
done:
    omp_set_num_threads(threads_before);
    return st;
}

static void drop_program(program *p)
{
    for (size_t i = 0; i < p->count; i++) {
        if (p->step[i].primitive != NULL) {
            (void)dnnl_primitive_destroy(p->step[i].primitive);
        }
    }
}

static void destroy(mv_net *net)
{
    own *o = net->own;
    if (o == NULL) {
        return;
    }
    drop_program(&o->load);
    drop_program(&o->forward);
    drop_program(&o->backward);
    for (size_t i = 0; i < MV_NET_LAYERS_MAX; i++) {
        drop_pd(&o->layer[i].forward);
        drop_pd(&o->layer[i].gradient);
    }
    for (size_t i = 0; i < o->memory_count; i++) {
        (void)dnnl_memory_destroy(o->memory[i]);
    }
    if (o->stream != NULL) {
        (void)dnnl_stream_destroy(o->stream);
    }
    if (o->engine != NULL) {
        (void)dnnl_engine_destroy(o->engine);
    }
    if (o->block != NULL) {
        mv_wipe(o->block, o->block_len);
    }
    free(o->block);
    free(o->order);
    free(o);
    net->own = NULL;
}

static mv_status run(const mv_net *net, const program *p, bool convolutions_only, mv_error *err)
{
    mv_status st = MV_OK;
    const own *o = net->own;
    const int threads_before = omp_get_max_threads();

    omp_set_num_threads((int)net->opts.threads);
    for (size_t i = 0; i < p->count; i++) {
        const step *s = &p->step[i];
        if (convolutions_only && !s->convolution) {
            continue;
        }
        if (s->plain != NULL) {
            s->plain(net, s);
            continue;
        }
        DNN_TRY(dnnl_primitive_execute(s->primitive, o->stream, s->count, s->arg), "run a kernel");
    }
    DNN_TRY(dnnl_stream_wait(o->stream), "run a network");
done:
    omp_set_num_threads(threads_before);
    return st;
}

static mv_status load(mv_net *net, const float *weights, mv_error *err)
{
    mv_status st = MV_OK;
    own *o = net->own;
    for (size_t i = 0; i < net->count; i++) {
        const views *v = &o->layer[i].weights;
        float *from = NULL;
        void *bias = NULL;
        if (v->kernel.memory != NULL) {
            /* oneDNN's handle is not const; the program only reads it */
            MV_TRY(place_kernel(net, i, v, (float *)(uintptr_t)weights, &from, err));
            DNN_TRY(dnnl_memory_get_data_handle(v->bias.memory, &bias), "place weights");
            memcpy(bias, from, dnnl_memory_desc_get_size(&v->bias.desc));
        }
    }
    MV_TRY(run(net, &o->load, false, err));
done:
    return st;
}

static mv_status forward(mv_net *net, float *y, const float *x, mv_error *err)
{
    mv_status st = MV_OK;
    own *o = net->own;
    /* oneDNN's handle is not const; the program only reads it */
    DNN_TRY(dnnl_memory_set_data_handle(o->x.memory, (void *)(uintptr_t)x), "read the input");
    DNN_TRY(dnnl_memory_set_data_handle(o->y.memory, y), "write the output");
    MV_TRY(run(net, &o->forward, false, err));
done:
    return st;
}

static mv_status place_gradients(const mv_net *net, float *array, mv_error *err)
{
    mv_status st = MV_OK;
    const own *o = net->own;
    for (size_t i = 0; i < net->count; i++) {
        const views *v = &o->layer[i].gradients;
        float *bias = NULL;
        if (v->kernel.memory != NULL) {
            MV_TRY(place_kernel(net, i, v, array, &bias, err));
            DNN_TRY(dnnl_memory_set_data_handle(v->bias.memory, bias), "place weights");
        }
    }
done:
    return st;
}

/* Some layers read the caller's x where it lies, also backward. */
static mv_status check_x(const own *o, mv_error *err)
{
    mv_status st = MV_OK;
    void *x = NULL;
    DNN_TRY(dnnl_memory_get_data_handle(o->x.memory, &x), "read the input");
    MV_REQUIRE(x != NULL, err, MV_E_ARGUMENT, "a network runs forward before it runs backward");
done:
    return st;
}

static mv_status backward(mv_net *net, float *dx, float *dweights, const float *dy, mv_error *err)
{
    mv_status st = MV_OK;
    own *o = net->own;
    MV_TRY(check_x(o, err));
    DNN_TRY(dnnl_memory_set_data_handle(o->dy.memory, (void *)(uintptr_t)dy), "read a gradient");
    if (net->opts.input_gradient) {
        DNN_TRY(dnnl_memory_set_data_handle(o->dx.memory, dx), "write a gradient");
    }
    MV_TRY(place_gradients(net, dweights, err));
    MV_TRY(run(net, &o->backward, false, err));
done:
    return st;
}

static mv_status convolutions(mv_net *net, float *dweights, mv_error *err)
{
    mv_status st = MV_OK;
    const own *o = net->own;
    MV_TRY(check_x(o, err));
    MV_TRY(place_gradients(net, dweights, err));
    MV_TRY(run(net, &o->forward, true, err));
    MV_TRY(run(net, &o->backward, true, err));
done:
    return st;
}

const mv_tensor_kernels mv_tensor_onednn = {
    .name = "onednn",
    .has_bf16 = has_bf16,
    .create = create,
    .destroy = destroy,
    .load = load,
    .forward = forward,
    .backward = backward,
    .convolutions = convolutions,
    .order = order,
};
