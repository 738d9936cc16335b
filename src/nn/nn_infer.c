/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_infer.c: overlapping windows over a net of fixed shape. All positions below are in features;
 * a grid of pixels is graph->scale times finer.
 */
#include "nn/nn_infer.h"

#include "base/cpu.h"
#include "base/pool.h"
#include "base/secret.h"

#include <pthread.h>
#include <string.h>

/* One axis: count windows of size features, each keeping step features (the last the rest).
 * segmented: an LSTM starts anew in every window, so that windows do not overlap and the last one
 * may stand over the edge; what it finds there comes too late to change anything. */
typedef struct axis {
    uint32_t side, size, step, halo, count;
    bool segmented;
} axis;

/* What one thread needs. */
typedef struct lane {
    mv_net *net; /* or, in whole numbers, */
    mv_integer_pass *pass;
    size_t in_count, out_count;
    float *in, *out; /* one window; NULL when one window is the whole picture */
} lane;

struct mv_infer {
    lane *lanes;
    unsigned lane_count;
    axis row, column;
    uint32_t in_channels, out_channels;
    uint32_t in_scale, out_scale; /* grid of x and of y relative to features */
};

static axis axis_make(uint32_t side, uint32_t window, uint32_t halo)
{
    axis a = {side, side, side, halo, 1, false};
    if (side > window) {
        a.size = window;
        a.step = window - 2 * halo;
        a.count = (side + a.step - 1) / a.step;
    }
    return a;
}

/* Where window i starts: its kept part is [i * step, ..), at least halo from a window edge unless
 * that edge is the picture's own. */
static uint32_t axis_start(const axis *a, uint32_t i)
{
    const uint32_t kept = i * a->step;
    const uint32_t start = kept < a->halo ? 0 : kept - a->halo;
    return a->segmented || start < a->side - a->size ? start : a->side - a->size;
}

static uint32_t axis_kept(const axis *a, uint32_t i)
{
    const uint32_t left = a->side - i * a->step;
    return left < a->step ? left : a->step;
}

static mv_status lane_net(lane *l, const mv_net_shape *shape, const mv_infer_network *network,
                          bool encoder, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_net_opts opts = mv_net_defaults();
    const mv_nn_graph *graph = network->graph;
    const float *weights = network->weights + (encoder ? 0 : mv_nn_decoder_offset(graph, 0));

    if (network->integer != NULL) {
        st = mv_integer_pass_new(&l->pass, network->integer, shape->height, shape->width,
                                 mv_cpu_features());
        MV_REQUIRE(st == MV_OK, err, st, "out of memory for the network");
        l->in_count = mv_integer_in_count(l->pass);
        l->out_count = mv_integer_out_count(l->pass);
        return MV_OK;
    }
    MV_TRY(mv_net_new(&l->net, mv_tensor_best(), encoder ? graph->encoder : graph->decoder,
                      encoder ? graph->encoder_count : graph->decoder_count, shape, &opts, err));
    MV_TRY(mv_net_load(l->net, weights, err));
    l->in_count = mv_net_in_count(l->net);
    l->out_count = mv_net_out_count(l->net);
done:
    return st;
}

static mv_status lane_make(lane *l, const mv_infer *infer, const mv_infer_network *network,
                           bool encoder, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_net_shape shape = {1, infer->row.size * infer->in_scale,
                                infer->column.size * infer->in_scale};

    MV_TRY(lane_net(l, &shape, network, encoder, err));
    if (mv_infer_windows(infer) > 1) {
        l->in = calloc(l->in_count, sizeof *l->in);
        l->out = malloc(l->out_count * sizeof *l->out);
        MV_REQUIRE(l->in != NULL && l->out != NULL, err, MV_E_MEMORY,
                   "out of memory for the network");
    }
done:
    return st;
}

static void lane_clear(lane *l)
{
    if (l->in != NULL) {
        mv_wipe(l->in, l->in_count * sizeof *l->in);
    }
    if (l->out != NULL) {
        mv_wipe(l->out, l->out_count * sizeof *l->out);
    }
    free(l->in);
    free(l->out);
    mv_net_free(&l->net);
    mv_integer_pass_free(&l->pass);
}

mv_status mv_infer_new(mv_infer **out, const mv_infer_network *network, mv_infer_half half,
                       uint32_t feature_height, uint32_t feature_width, unsigned threads,
                       mv_error *err)
{
    mv_status st = MV_OK;
    const mv_nn_graph *graph = network->graph;
    const bool encoder = half == MV_INFER_ENCODER;
    const uint32_t reach =
        encoder ? (graph->encoder_reach + graph->scale - 1) / graph->scale : graph->decoder_reach;
    mv_infer *infer = calloc(1, sizeof *infer);

    MV_REQUIRE(infer != NULL, err, MV_E_MEMORY, "out of memory for the network");
    MV_REQUIRE(feature_height != 0 && feature_width != 0 && 2 * reach < MV_INFER_ROWS &&
                   threads != 0,
               err, MV_E_ARGUMENT, "an empty picture, or a network that reaches too far");
    infer->row = axis_make(feature_height, MV_INFER_ROWS, reach);
    infer->column =
        axis_make(feature_width, graph->segment != 0 ? graph->segment : MV_INFER_COLUMNS, reach);
    infer->column.segmented = graph->segment != 0;
    infer->in_scale = encoder ? graph->scale : 1;
    infer->out_scale = encoder ? 1 : graph->scale;
    infer->in_channels = encoder ? graph->image_channels : graph->feature_channels;
    infer->out_channels = encoder ? graph->feature_channels : graph->image_channels;
    infer->lane_count =
        threads < mv_infer_windows(infer) ? threads : (unsigned)mv_infer_windows(infer);
    infer->lanes = calloc(infer->lane_count, sizeof *infer->lanes);
    MV_REQUIRE(infer->lanes != NULL, err, MV_E_MEMORY, "out of memory for the network");
    for (unsigned i = 0; i < infer->lane_count; i++) {
        MV_TRY(lane_make(&infer->lanes[i], infer, network, encoder, err));
    }
    *out = infer;
    infer = NULL;
done:
    mv_infer_free(&infer);
    return st;
}

void mv_infer_free(mv_infer **infer)
{
    if (infer == NULL || *infer == NULL) {
        return;
    }
    for (unsigned i = 0; i < (*infer)->lane_count && (*infer)->lanes != NULL; i++) {
        lane_clear(&(*infer)->lanes[i]);
    }
    free((*infer)->lanes);
    free(*infer);
    *infer = NULL;
}

size_t mv_infer_windows(const mv_infer *infer)
{
    return (size_t)infer->row.count * infer->column.count;
}

/* A rectangle of floats inside planes: rows of width floats, stride apart, planes plane apart. */
typedef struct rect {
    float *at;
    size_t stride, plane;
} rect;

static void copy_rect(rect to, rect from, uint32_t channels, uint32_t height, uint32_t width)
{
    for (uint32_t c = 0; c < channels; c++) {
        for (uint32_t y = 0; y < height; y++) {
            memcpy(to.at + c * to.plane + y * to.stride, from.at + c * from.plane + y * from.stride,
                   width * sizeof(float));
        }
    }
}

/* The rectangle that starts at (y, x) in planes of height x width. */
static rect rect_at(float *base, size_t height, size_t width, size_t y, size_t x)
{
    const rect r = {base + y * width + x, width, height * width};
    return r;
}

static void load_window(const mv_infer *f, lane *l, const float *x, uint32_t i, uint32_t j)
{
    const uint32_t s = f->in_scale;
    const uint32_t height = f->row.size * s, width = f->column.size * s;
    /* copy_rect only reads its source */
    rect from = rect_at((float *)(uintptr_t)x, (size_t)f->row.side * s, (size_t)f->column.side * s,
                        (size_t)axis_start(&f->row, i) * s, (size_t)axis_start(&f->column, j) * s);
    const uint32_t left = (f->column.side - axis_start(&f->column, j)) * s;
    copy_rect(rect_at(l->in, height, width, 0, 0), from, f->in_channels, height,
              width < left ? width : left);
}

static void store_window(const mv_infer *f, const lane *l, float *y, uint32_t i, uint32_t j)
{
    const uint32_t s = f->out_scale;
    const size_t top = (size_t)i * f->row.step, left = (size_t)j * f->column.step;
    rect from = rect_at(l->out, (size_t)f->row.size * s, (size_t)f->column.size * s,
                        (top - axis_start(&f->row, i)) * s, (left - axis_start(&f->column, j)) * s);
    rect to = rect_at(y, (size_t)f->row.side * s, (size_t)f->column.side * s, top * s, left * s);
    copy_rect(to, from, f->out_channels, axis_kept(&f->row, i) * s, axis_kept(&f->column, j) * s);
}

/* One mv_infer_run, as its threads see it. */
typedef struct pass {
    mv_infer *infer;
    float *y;
    const float *x;
    const mv_progress *progress;
    pthread_mutex_t lock; /* done, progress and err */
    uint64_t *done, total;
    mv_error *err;
} pass;

/* Progress is told by one thread at a time, and asked whether to go on. */
static mv_status finish_window(pass *p, mv_status st, const mv_error *err)
{
    (void)pthread_mutex_lock(&p->lock);
    if (st != MV_OK) {
        (void)mv_fail(p->err, st, "%s", err->text);
    } else {
        *p->done += 1;
        if (p->progress != NULL && p->progress->step != NULL) {
            st = p->progress->step(p->progress->user, "network", *p->done, p->total);
        }
    }
    (void)pthread_mutex_unlock(&p->lock);
    return st;
}

static mv_status lane_run(lane *l, float *y, const float *x, mv_error *err)
{
    if (l->pass == NULL) {
        return mv_net_forward(l->net, y, x, err);
    }
    mv_integer_run(l->pass, y, x);
    return MV_OK;
}

static mv_status run_window(void *user, unsigned worker, size_t index)
{
    pass *p = user;
    const mv_infer *f = p->infer;
    lane *l = &p->infer->lanes[worker];
    const uint32_t i = (uint32_t)(index / f->column.count), j = (uint32_t)(index % f->column.count);
    mv_error err = {0};
    mv_status st = MV_OK;

    if (l->in == NULL) {
        st = lane_run(l, p->y, p->x, &err);
    } else {
        load_window(f, l, p->x, i, j);
        st = lane_run(l, l->out, l->in, &err);
        if (st == MV_OK) {
            store_window(f, l, p->y, i, j);
        }
    }
    return finish_window(p, st, &err);
}

mv_status mv_infer_run(mv_infer *infer, float *y, const float *x, const mv_progress *progress,
                       uint64_t *done, uint64_t total, mv_error *err)
{
    pass p = {.infer = infer,
              .y = y,
              .x = x,
              .progress = progress,
              .done = done,
              .total = total,
              .err = err,
              .lock = PTHREAD_MUTEX_INITIALIZER};
    return mv_pool_run(infer->lane_count, mv_infer_windows(infer), run_window, &p);
}
