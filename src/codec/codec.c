/* SPDX-License-Identifier: Apache-2.0
 *
 * codec.c: the pipeline: normalise, frames of three channels, network, quantiser, and back.
 * Windows over large pictures are nn_infer.c's business; loading and saving are src/image's.
 */
#include "medveil/codec.h"

#include "base/cpu.h"
#include "base/secret.h"
#include "codec/model_internal.h"
#include "codec/quantise.h"
#include "image/preprocess.h"
#include "nn/nn_infer.h"

#include <math.h>
#include <string.h>

mv_codec_opts mv_codec_defaults(void)
{
    const mv_codec_opts opts = {.feature_bits = 8, .frame_slices = 1};
    return opts;
}

static uint32_t frame_count(uint32_t depth, uint32_t frame_slices)
{
    return (depth + frame_slices - 1) / frame_slices;
}

/* ---- one frame: one or three planes, padded to whole features ---- */

typedef struct frame_shape {
    uint32_t planes;             /* channels that the network sees */
    uint32_t width, height;      /* of the image */
    uint32_t padded_w, padded_h; /* whole features */
    uint32_t feature_w, feature_h;
} frame_shape;

static frame_shape shape_of(uint32_t width, uint32_t height, const mv_nn_graph *graph)
{
    const uint32_t scale = graph->scale;
    frame_shape s = {graph->image_channels, width, height, 0, 0, 0, 0};
    s.feature_w = (width + scale - 1) / scale;
    s.feature_h = (height + scale - 1) / scale;
    s.padded_w = s.feature_w * scale;
    s.padded_h = s.feature_h * scale;
    return s;
}

static size_t plane_size(const frame_shape *s)
{
    return (size_t)s->padded_w * s->padded_h;
}

/* Where the samples of frame f, network channel c come from. */
typedef struct source {
    uint32_t slice, channel;
} source;

static source frame_source(const mv_code_meta *m, const frame_shape *shape, uint32_t frame,
                           uint32_t c)
{
    source s = {frame, c};
    if (shape->planes == 1) {
        s.slice = frame / m->channels;
        s.channel = frame % m->channels;
    } else if (m->channels == 1) {
        const uint32_t slice = frame * m->frame_slices + (m->frame_slices == 3 ? c : 0);
        s.slice = slice < m->depth ? slice : m->depth - 1; /* a last, partial frame repeats */
        s.channel = 0;
    }
    return s;
}

/* Spread a dense (height, width) plane to (padded_h, padded_w) in place, repeating the edges. */
static void pad_plane(float *plane, const frame_shape *s)
{
    for (uint32_t y = s->padded_h; y-- > 0;) {
        const float *from = plane + (size_t)(y < s->height ? y : s->height - 1) * s->width;
        float *to = plane + (size_t)y * s->padded_w;
        const float edge = from[s->width - 1];
        memmove(to, from, s->width * sizeof *to);
        for (uint32_t x = s->width; x < s->padded_w; x++) {
            to[x] = edge;
        }
    }
}

/* The other way: drop the padding. */
static void crop_plane(float *plane, const frame_shape *s)
{
    for (uint32_t y = 0; y < s->height; y++) {
        memmove(plane + (size_t)y * s->width, plane + (size_t)y * s->padded_w,
                s->width * sizeof *plane);
    }
}

static void fill_plane(float *plane, const mv_code_meta *m, const mv_image *image,
                       const frame_shape *s, source from)
{
    mv_image_to_unit(plane, image, from.slice, from.channel, m->range_lo, m->range_hi);
    pad_plane(plane, s);
}

static void fill_frame(float *planes, const mv_code_meta *m, const mv_image *image,
                       const frame_shape *s, uint32_t frame)
{
    const size_t size = plane_size(s);
    fill_plane(planes, m, image, s, frame_source(m, s, frame, 0));
    for (uint32_t c = 1; c < s->planes; c++) {
        if (m->channels == 1 && m->frame_slices == 1) {
            memcpy(planes + c * size, planes, size * sizeof *planes);
        } else {
            fill_plane(planes + c * size, m, image, s, frame_source(m, s, frame, c));
        }
    }
}

/* A gray slice comes back three times: take the mean. Otherwise each channel is its own plane. */
static void store_frame(mv_image *image, const mv_code_meta *m, float *planes, const frame_shape *s,
                        uint32_t frame)
{
    const size_t size = plane_size(s);
    const bool replicated = s->planes == 3 && m->channels == 1 && m->frame_slices == 1;

    for (size_t i = 0; replicated && i < size; i++) {
        planes[i] = (planes[i] + planes[size + i] + planes[2 * size + i]) / 3;
    }
    for (uint32_t c = 0; c < (replicated ? 1u : s->planes); c++) {
        const source to = frame_source(m, s, frame, c);
        const bool repeated = m->frame_slices == 3 && frame * 3 + c >= m->depth;
        if (!repeated) {
            crop_plane(planes + c * size, s);
            mv_image_from_unit(image, to.slice, to.channel, planes + c * size, m->range_lo,
                               m->range_hi);
        }
    }
}

/* ---- encode ---- */

static uint32_t frames_of(const mv_code_meta *m, const frame_shape *s)
{
    return s->planes == 1 ? m->depth * m->channels : frame_count(m->depth, m->frame_slices);
}

static mv_status describe(mv_code_meta *m, const mv_model *model, const mv_image *image,
                          const mv_codec_opts *opts, mv_error *err)
{
    mv_status st = MV_OK;
    const frame_shape s = shape_of(image->width, image->height, &model->graph);

    m->width = image->width;
    m->height = image->height;
    m->depth = image->depth;
    m->channels = image->channels;
    m->type = image->type;
    m->bits = image->bits;
    m->slope = image->slope;
    m->intercept = image->intercept;
    memcpy(m->spacing_mm, image->spacing_mm, sizeof m->spacing_mm);
    memcpy(m->model_hash, model->hash, sizeof m->model_hash);
    memcpy(m->model_name, model->record.name, sizeof m->model_name);
    m->frame_slices = image->channels == 1 && image->depth > 1 ? opts->frame_slices : 1;
    m->feature_bits = opts->feature_bits;
    m->frames = frames_of(m, &s);
    m->feature_height = s.feature_h;
    m->feature_width = s.feature_w;
    m->feature_channels = model->graph.code_channels;
    MV_TRY(mv_image_range(&m->range_lo, &m->range_hi, image, err));
    if (opts->full_range && image->bits != 0) {
        const bool is_signed = image->type == MV_SAMPLE_I8 || image->type == MV_SAMPLE_I16 ||
                               image->type == MV_SAMPLE_I32;
        const double values = ldexp(1, (int)image->bits);
        m->range_lo = is_signed ? -values / 2 : 0;
        m->range_hi = m->range_lo + values - 1;
    }
done:
    return st;
}

static unsigned thread_count(const mv_codec_opts *opts)
{
    return opts->threads == 0 ? mv_cpu_count() : opts->threads;
}

static void free_floats(float **p, size_t count)
{
    if (*p != NULL) {
        mv_wipe(*p, count * sizeof **p);
        free(*p);
        *p = NULL;
    }
}

static mv_status encode_frames(mv_code *code, const mv_model *model, const mv_image *image,
                               const mv_codec_opts *opts, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_code_meta *m = &code->meta;
    const frame_shape s = shape_of(m->width, m->height, &model->graph);
    const size_t positions = (size_t)s.feature_w * s.feature_h;
    const size_t in_count = s.planes * plane_size(&s);
    const size_t out_count = positions * model->graph.feature_channels;
    const size_t code_count = positions * m->feature_channels;
    float *in = malloc(in_count * sizeof *in), *out = malloc(out_count * sizeof *out);
    mv_infer *infer = NULL;
    uint64_t done_windows = 0, total = 0;

    MV_REQUIRE(in != NULL && out != NULL, err, MV_E_MEMORY, "out of memory for the network");
    MV_TRY(mv_infer_new(&infer, &model->graph, MV_INFER_ENCODER, model->weights, s.feature_h,
                        s.feature_w, thread_count(opts), err));
    total = (uint64_t)mv_infer_windows(infer) * m->frames;
    for (uint32_t f = 0; f < m->frames; f++) {
        fill_frame(in, m, image, &s, f);
        MV_TRY(mv_infer_run(infer, out, in, &opts->progress, &done_windows, total, err));
        mv_code_from_features(code->feature + f * code_count, out, positions, &model->graph,
                              m->feature_bits);
    }
done:
    mv_infer_free(&infer);
    free_floats(&in, in_count);
    free_floats(&out, out_count);
    return st;
}

/* The description, and the image that the network will see: *image, or *resized, which the caller
 * clears. */
static mv_status prepare(mv_code_meta *meta, mv_image *resized, const mv_image **image,
                         const mv_model *model, const mv_codec_opts *opts, mv_error *err)
{
    mv_status st = MV_OK;

    MV_REQUIRE(opts->feature_bits >= 1 && opts->feature_bits <= 16, err, MV_E_ARGUMENT,
               "features have 1 to 16 bits, not %u", opts->feature_bits);
    MV_REQUIRE(opts->frame_slices == 1 || opts->frame_slices == 3, err, MV_E_ARGUMENT,
               "a frame takes 1 or 3 slices, not %u", opts->frame_slices);
    MV_REQUIRE(opts->frame_slices == 1 || model->graph.image_channels == 3, err, MV_E_ARGUMENT,
               "model %s takes one slice a frame, not %u", model->record.name, opts->frame_slices);
    if (opts->resize_width != 0 && opts->resize_height != 0) {
        MV_TRY(mv_image_resize(resized, *image, opts->resize_width, opts->resize_height, err));
        *image = resized;
    }
    MV_TRY(describe(meta, model, *image, opts, err));
done:
    return st;
}

mv_status mv_codec_describe(mv_code_meta *out, const mv_model *model, const mv_image *image,
                            const mv_codec_opts *opts, mv_error *err)
{
    mv_status st = MV_OK;
    mv_image resized = {0};
    size_t count = 0;

    memset(out, 0, sizeof *out);
    MV_TRY(prepare(out, &resized, &image, model, opts, err));
    MV_TRY(mv_code_expect(&count, out, err));
done:
    if (st != MV_OK) {
        memset(out, 0, sizeof *out);
    }
    mv_image_clear(&resized);
    return st;
}

mv_status mv_codec_encode(mv_code *out, const mv_model *model, const mv_image *image,
                          const mv_codec_opts *opts, mv_error *err)
{
    mv_status st = MV_OK;
    mv_code code = {0};
    mv_image resized = {0};

    memset(out, 0, sizeof *out);
    MV_TRY(prepare(&code.meta, &resized, &image, model, opts, err));
    MV_TRY(mv_code_expect(&code.feature_count, &code.meta, err));
    code.feature = calloc(code.feature_count, sizeof *code.feature);
    MV_REQUIRE(code.feature != NULL, err, MV_E_MEMORY, "out of memory for the features");
    MV_TRY(encode_frames(&code, model, image, opts, err));
    *out = code;
    memset(&code, 0, sizeof code);
done:
    mv_code_clear(&code);
    mv_image_clear(&resized);
    return st;
}

/* ---- decode ---- */

static mv_status decode_frames(mv_image *image, const mv_model *model, const mv_code *code,
                               const mv_codec_opts *opts, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_code_meta *m = &code->meta;
    const frame_shape s = shape_of(m->width, m->height, &model->graph);
    const size_t positions = (size_t)s.feature_w * s.feature_h;
    const size_t in_count = positions * model->graph.feature_channels;
    const size_t out_count = s.planes * plane_size(&s);
    const size_t code_count = positions * m->feature_channels;
    float *in = malloc(in_count * sizeof *in), *out = malloc(out_count * sizeof *out);
    mv_infer *infer = NULL;
    uint64_t done_windows = 0, total = 0;

    MV_REQUIRE(in != NULL && out != NULL, err, MV_E_MEMORY, "out of memory for the network");
    MV_TRY(mv_infer_new(&infer, &model->graph, MV_INFER_DECODER, model->weights, s.feature_h,
                        s.feature_w, thread_count(opts), err));
    total = (uint64_t)mv_infer_windows(infer) * m->frames;
    for (uint32_t f = 0; f < m->frames; f++) {
        mv_features_from_code(in, code->feature + f * code_count, positions, &model->graph,
                              m->feature_bits);
        MV_TRY(mv_infer_run(infer, out, in, &opts->progress, &done_windows, total, err));
        store_frame(image, m, out, &s, f);
    }
done:
    mv_infer_free(&infer);
    free_floats(&in, in_count);
    free_floats(&out, out_count);
    return st;
}

static mv_status check_code(const mv_model *model, const mv_code *code, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_code_meta *m = &code->meta;
    const frame_shape s = shape_of(m->width, m->height, &model->graph);
    size_t count = 0;

    MV_REQUIRE(memcmp(m->model_hash, model->hash, sizeof m->model_hash) == 0, err, MV_E_MISMATCH,
               "the features were made by another model than %s", model->record.name);
    MV_TRY(mv_code_expect(&count, m, err));
    MV_REQUIRE(count == code->feature_count && count != 0, err, MV_E_RANGE,
               "there are no features to decode");
    MV_REQUIRE(m->feature_width == s.feature_w && m->feature_height == s.feature_h &&
                   m->feature_channels == model->graph.code_channels &&
                   m->frames == frames_of(m, &s),
               err, MV_E_RANGE, "the features do not have the model's shape");
    for (size_t i = 0; i < count; i++) {
        MV_REQUIRE(code->feature[i] >> m->feature_bits == 0, err, MV_E_RANGE,
                   "a feature is larger than its bit width");
    }
done:
    return st;
}

mv_status mv_codec_decode(mv_image *out, const mv_model *model, const mv_code *code,
                          const mv_codec_opts *opts, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_code_meta *m = &code->meta;
    mv_image image = {0};

    memset(out, 0, sizeof *out);
    MV_TRY(check_code(model, code, err));
    st = mv_image_alloc(&image, m->width, m->height, m->depth, m->channels, m->type);
    MV_REQUIRE(st == MV_OK, err, st, "cannot make an image of %u x %u", m->width, m->height);
    image.bits = m->bits;
    image.slope = m->slope;
    image.intercept = m->intercept;
    memcpy(image.spacing_mm, m->spacing_mm, sizeof image.spacing_mm);
    MV_TRY(decode_frames(&image, model, code, opts, err));
    *out = image;
    memset(&image, 0, sizeof image);
done:
    mv_image_clear(&image);
    return st;
}
