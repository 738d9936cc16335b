/* SPDX-License-Identifier: Apache-2.0
 *
 * jpegls_encode.c: a picture into a JPEG-LS stream.                                   [JPEGLS] A, C
 *
 * Colour is coded by pixel: a run is one of pixels, everything else goes sample by sample.
 */
#include "jpegls_bits.h"
#include "jpegls_model.h"

#include "base/secret.h"

#include <stdlib.h>

/* One line of samples in count values, with a pixel more on each side. */
typedef struct encoder {
    mv_jpegls_writer out;
    size_t count, channels;
    uint16_t *above, *line; /* as the decoder will have them; the first value is at `channels` */
    mv_jpegls_model model;
} encoder;

/* A number by the high bits as so many zeros and a one, then k low bits. */
static inline void put_number(mv_jpegls_writer *out, const mv_jpegls_model *m, uint32_t number,
                              unsigned k, unsigned limit)
{
    const unsigned zeros = number >> k, most = limit - m->bits - 1;
    if (zeros >= most) {
        mv_jpegls_put(out, 0, most / 2);
        mv_jpegls_put(out, 1, most - most / 2 + 1);
        mv_jpegls_put(out, (number - 1) & ((1u << m->bits) - 1), m->bits);
    } else if (zeros + 1 + k <= 32) {
        mv_jpegls_put(out, 1u << k | (number & ((1u << k) - 1)), zeros + 1 + k);
    } else {
        mv_jpegls_put(out, 0, zeros / 2);
        mv_jpegls_put(out, 1, zeros - zeros / 2 + 1);
        mv_jpegls_put(out, number & ((1u << k) - 1), k);
    }
}

/* A sample amid steps; what the decoder makes of it. */
static inline int32_t put_sample(encoder *e, int32_t v, int32_t place, const int32_t near[3],
                                 bool lossless)
{
    mv_jpegls_model *m = &e->model;
    const int32_t sign = place >> 31;
    mv_jpegls_context *x = &m->context[mv_jpegls_signed(place, sign)];
    const int32_t predicted = mv_jpegls_predict(m, x, sign, near[0], near[1], near[2]);
    const int32_t error = mv_jpegls_error(m, mv_jpegls_signed(v - predicted, sign), lossless);
    const unsigned k = mv_jpegls_k(x->a, x->n);
    const uint32_t number = mv_jpegls_fold(error ^ mv_jpegls_turned(x, k, lossless));
    put_number(&e->out, m, number, k, m->limit);
    mv_jpegls_learn(x, error, m->step);
    return lossless ? v : mv_jpegls_sample(m, predicted, mv_jpegls_signed(error, sign), false);
}

/* The sample after a run of samples a; type 1: of a gray one under samples of its height. */
static int32_t put_ending(encoder *e, int32_t v, int32_t a, int32_t b, int32_t type, bool lossless)
{
    mv_jpegls_model *m = &e->model;
    const int32_t sign = type == 0 && a > b ? -1 : 0, predicted = type != 0 ? a : b;
    mv_jpegls_run_context *x = &m->ending[type];
    const int32_t error = mv_jpegls_error(m, mv_jpegls_signed(v - predicted, sign), lossless);
    const unsigned k = mv_jpegls_ending_k(x, type);
    const int32_t low = error != 0 && mv_jpegls_ending_low(x, k, error < 0);
    const uint32_t number = (uint32_t)(error == 0 ? 0 : 2 * abs(error) - type - low);
    put_number(&e->out, m, number, k, m->limit - mv_jpegls_run_bits[m->run] - 1);
    mv_jpegls_ending_learn(x, error, number, type);
    return mv_jpegls_sample(m, predicted, mv_jpegls_signed(error, sign), lossless);
}

static inline bool is_like(const uint16_t *v, const uint16_t *a, size_t channels, int32_t near)
{
    bool like = true;
    for (size_t c = 0; c < channels; c++) {
        like = like && abs(v[c] - a[c]) <= near;
    }
    return like;
}

/* So many pixels alike; to_end: up to the line's end. */
static void put_run(encoder *e, size_t count, bool to_end)
{
    mv_jpegls_model *m = &e->model;
    while (count >= (size_t)1 << mv_jpegls_run_bits[m->run]) {
        mv_jpegls_put(&e->out, 1, 1);
        count -= (size_t)1 << mv_jpegls_run_bits[m->run];
        mv_jpegls_run_longer(m);
    }
    if (!to_end) {
        mv_jpegls_put(&e->out, (uint32_t)count, mv_jpegls_run_bits[m->run] + 1u);
    } else if (count != 0) {
        mv_jpegls_put(&e->out, 1, 1);
    }
}

/* From the pixel at i on, which may begin a run; the index of the next one. */
static inline size_t put_flat(encoder *e, size_t i, size_t channels, bool lossless)
{
    uint16_t *line = e->line;
    const uint16_t *above = e->above, *before = line + i - channels;
    const size_t start = i, end = e->count + channels;
    while (i < end && is_like(line + i, before, channels, e->model.near)) {
        memcpy(line + i, before, channels * sizeof *line);
        i += channels;
    }
    put_run(e, (i - start) / channels, i == end);
    for (size_t c = 0; i < end && c < channels; c++) {
        const int32_t a = before[c], b = above[i + c];
        const int32_t type = channels == 1 && abs(a - b) <= e->model.near;
        line[i + c] = (uint16_t)put_ending(e, line[i + c], a, b, type, lossless);
    }
    if (i < end) {
        mv_jpegls_run_shorter(&e->model);
        i += channels;
    }
    return i;
}

static inline void put_line_as(encoder *e, size_t channels, bool lossless)
{
    uint16_t *line = e->line;
    const uint16_t *above = e->above;
    for (size_t i = channels; i < e->count + channels;) {
        int32_t place[3];
        if (mv_jpegls_places(place, &e->model, line + i, above + i, channels)) {
            i = put_flat(e, i, channels, lossless);
            continue;
        }
        for (size_t c = 0; c < channels; c++, i++) {
            const int32_t near[3] = {line[i - channels], above[i], above[i - channels]};
            line[i] = (uint16_t)put_sample(e, line[i], place[c], near, lossless);
        }
    }
}

static void put_line(encoder *e)
{
    const bool lossless = e->model.near == 0;
    if (e->channels == 1 && lossless) {
        put_line_as(e, 1, true);
    } else if (e->channels == 1) {
        put_line_as(e, 1, false);
    } else if (lossless) {
        put_line_as(e, 3, true);
    } else {
        put_line_as(e, 3, false);
    }
}

static void take_line(encoder *e, const mv_jpegls_frame *f, const void *samples, size_t y)
{
    uint16_t *to = e->line + e->channels;
    if (f->bits > 8) {
        memcpy(to, (const uint16_t *)samples + y * e->count, e->count * sizeof *to);
        return;
    }
    const uint8_t *from = (const uint8_t *)samples + y * e->count;
    for (size_t i = 0; i < e->count; i++) {
        to[i] = from[i];
    }
}

static bool encoder_start(encoder *e, const mv_jpegls_frame *f, uint8_t *out, size_t room)
{
    uint8_t head[MV_JPEGLS_HEAD_MAX];
    const size_t len = mv_jpegls_head(head, f);
    if (room < len + 2) {
        return false;
    }
    memcpy(out, head, len);
    e->out = (mv_jpegls_writer){.next = out + len, .end = out + room - 2};
    e->count = (size_t)f->width * f->channels;
    e->channels = f->channels;
    mv_jpegls_model_init(&e->model, f);
    return true;
}

mv_status mv_jpegls_encode(uint8_t *out, size_t room, size_t *out_len, const mv_jpegls_frame *f,
                           const void *samples)
{
    mv_status st = MV_OK;
    const size_t line_len = ((size_t)f->width + 2) * f->channels;
    encoder *e = malloc(sizeof *e);
    uint16_t *lines = calloc(2 * line_len, sizeof *lines);

    MV_ENSURE(e != NULL && lines != NULL, MV_E_MEMORY);
    MV_ENSURE(encoder_start(e, f, out, room), MV_E_SPACE);
    e->line = lines;
    e->above = lines + line_len;
    for (size_t y = 0; y < f->height && !e->out.full; y++) {
        mv_jpegls_turn(&e->line, &e->above, e->count, e->channels);
        take_line(e, f, samples, y);
        put_line(e);
    }
    mv_jpegls_end(&e->out);
    MV_ENSURE(!e->out.full, MV_E_SPACE);
    e->out.next[0] = 0xff;
    e->out.next[1] = MV_JPEGLS_END;
    *out_len = (size_t)(e->out.next + 2 - out);
done:
    if (lines != NULL) {
        mv_wipe(lines, 2 * line_len * sizeof *lines);
    }
    free(lines);
    free(e);
    return st;
}
