/* SPDX-License-Identifier: Apache-2.0
 *
 * jpegls_decode.c: a JPEG-LS stream back into its picture.                            [JPEGLS] A, C
 *
 * Colour is read by pixel: a run is one of pixels, everything else goes sample by sample.
 */
#include "jpegls_bits.h"
#include "jpegls_model.h"

#include "base/secret.h"

#include <stdlib.h>

/* One line of samples in count values, with a pixel more on each side. */
typedef struct decoder {
    mv_jpegls_reader in;
    size_t count, channels;
    uint16_t *above, *line; /* the first value is at `channels` */
    mv_jpegls_model model;
} decoder;

/* 0..range, the numbers that errors have; anything else spoils the stream. */
static inline uint32_t take_number(mv_jpegls_reader *in, const mv_jpegls_model *m, unsigned k,
                                   unsigned limit)
{
    uint32_t number = 0;
    const unsigned most = limit - m->bits - 1;
    if (in->count < 56) {
        mv_jpegls_fill(in);
    }
    const unsigned zeros = mv_jpegls_zeros(in, most);
    if (in->count < 24) {
        mv_jpegls_fill(in);
    }
    if (zeros == most) {
        number = mv_jpegls_take(in, m->bits) + 1;
    } else {
        number = (uint32_t)zeros << k | mv_jpegls_take(in, k);
    }
    if (number > (uint32_t)m->range) {
        in->bad = true;
        number = 0;
    }
    return number;
}

/* A sample amid steps. */
static inline int32_t take_sample(decoder *d, int32_t place, const int32_t near[3], bool lossless)
{
    mv_jpegls_model *m = &d->model;
    const int32_t sign = place >> 31;
    mv_jpegls_context *x = &m->context[mv_jpegls_signed(place, sign)];
    const int32_t predicted = mv_jpegls_predict(m, x, sign, near[0], near[1], near[2]);
    const unsigned k = mv_jpegls_k(x->a, x->n);
    const int32_t error =
        mv_jpegls_unfold(take_number(&d->in, m, k, m->limit)) ^ mv_jpegls_turned(x, k, lossless);
    mv_jpegls_learn(x, error, m->step);
    return mv_jpegls_sample(m, predicted, mv_jpegls_signed(error, sign), lossless);
}

/* The sample after a run of samples a; type 1: of a gray one under samples of its height. */
static int32_t take_ending(decoder *d, int32_t a, int32_t b, int32_t type, bool lossless)
{
    mv_jpegls_model *m = &d->model;
    const int32_t sign = type == 0 && a > b ? -1 : 0;
    mv_jpegls_run_context *x = &m->ending[type];
    const unsigned k = mv_jpegls_ending_k(x, type);
    const uint32_t number = take_number(&d->in, m, k, m->limit - mv_jpegls_run_bits[m->run] - 1);
    const int32_t size = (int32_t)(number + (uint32_t)type + 1) >> 1;
    const bool low = ((number + (uint32_t)type) & 1) != 0;
    const int32_t error = low == mv_jpegls_ending_low(x, k, true) ? -size : size;
    mv_jpegls_ending_learn(x, error, number, type);
    return mv_jpegls_sample(m, type != 0 ? a : b, mv_jpegls_signed(error, sign), lossless);
}

/* How many pixels are alike, of so many that are left in the line. */
static size_t take_run(decoder *d, size_t left)
{
    mv_jpegls_model *m = &d->model;
    size_t count = 0;
    for (;;) {
        mv_jpegls_fill(&d->in);
        const size_t part = (size_t)1 << mv_jpegls_run_bits[m->run];
        if (mv_jpegls_take(&d->in, 1) == 0) {
            break;
        }
        if (part > left - count) {
            return left;
        }
        count += part;
        mv_jpegls_run_longer(m);
        if (count == left) {
            return left;
        }
    }
    count += mv_jpegls_take(&d->in, mv_jpegls_run_bits[m->run]);
    d->in.bad |= count >= left;
    return count < left ? count : left;
}

/* From the pixel at i on, which may begin a run; the index of the next one. */
static inline size_t take_flat(decoder *d, size_t i, size_t channels, bool lossless)
{
    uint16_t *line = d->line;
    const uint16_t *above = d->above, *before = line + i - channels;
    const size_t end = d->count + channels;
    const size_t after = i + channels * take_run(d, (end - i) / channels);
    while (i < after) {
        line[i] = before[i % channels];
        i++;
    }
    for (size_t c = 0; i < end && c < channels; c++) {
        const int32_t a = before[c], b = above[i + c];
        const int32_t type = channels == 1 && abs(a - b) <= d->model.near;
        line[i + c] = (uint16_t)take_ending(d, a, b, type, lossless);
    }
    if (i < end) {
        mv_jpegls_run_shorter(&d->model);
        i += channels;
    }
    return i;
}

static inline void take_line_as(decoder *d, size_t channels, bool lossless)
{
    uint16_t *line = d->line;
    const uint16_t *above = d->above;
    for (size_t i = channels; i < d->count + channels;) {
        int32_t place[3];
        if (mv_jpegls_places(place, &d->model, line + i, above + i, channels)) {
            i = take_flat(d, i, channels, lossless);
            continue;
        }
        for (size_t c = 0; c < channels; c++, i++) {
            const int32_t near[3] = {line[i - channels], above[i], above[i - channels]};
            line[i] = (uint16_t)take_sample(d, place[c], near, lossless);
        }
    }
}

static void take_line(decoder *d)
{
    const bool lossless = d->model.near == 0;
    if (d->channels == 1 && lossless) {
        take_line_as(d, 1, true);
    } else if (d->channels == 1) {
        take_line_as(d, 1, false);
    } else if (lossless) {
        take_line_as(d, 3, true);
    } else {
        take_line_as(d, 3, false);
    }
}

static void give_line(void *samples, const decoder *d, const mv_jpegls_frame *f, size_t y)
{
    const uint16_t *from = d->line + d->channels;
    if (f->bits > 8) {
        memcpy((uint16_t *)samples + y * d->count, from, d->count * sizeof *from);
        return;
    }
    uint8_t *to = (uint8_t *)samples + y * d->count;
    for (size_t i = 0; i < d->count; i++) {
        to[i] = (uint8_t)from[i];
    }
}

/* The head is the one that this picture has with the error that the stream states; the end marker
 * ends the stream. */
static bool decoder_start(decoder *d, const mv_jpegls_frame *frame, const uint8_t *stream,
                          size_t len)
{
    uint8_t head[MV_JPEGLS_HEAD_MAX];
    mv_jpegls_frame f = *frame;
    f.near = 0;
    const size_t head_len = mv_jpegls_head(head, &f);
    if (len < head_len + 2) {
        return false;
    }
    f.near = stream[head_len - MV_JPEGLS_NEAR_BEFORE_END];
    if (f.near > ((1u << f.bits) - 1) / 2 || mv_jpegls_head(head, &f) != head_len ||
        memcmp(stream, head, head_len) != 0 || stream[len - 2] != 0xff ||
        stream[len - 1] != MV_JPEGLS_END) {
        return false;
    }
    d->in = (mv_jpegls_reader){.next = stream + head_len, .end = stream + len - 2};
    d->count = (size_t)f.width * f.channels;
    d->channels = f.channels;
    mv_jpegls_model_init(&d->model, &f);
    return true;
}

mv_status mv_jpegls_decode(void *samples, const mv_jpegls_frame *f, const uint8_t *stream,
                           size_t len)
{
    mv_status st = MV_OK;
    const size_t line_len = ((size_t)f->width + 2) * f->channels;
    decoder *d = malloc(sizeof *d);
    uint16_t *lines = calloc(2 * line_len, sizeof *lines);

    MV_ENSURE(d != NULL && lines != NULL, MV_E_MEMORY);
    MV_ENSURE(decoder_start(d, f, stream, len), MV_E_FORMAT);
    d->line = lines;
    d->above = lines + line_len;
    for (size_t y = 0; y < f->height; y++) {
        mv_jpegls_turn(&d->line, &d->above, d->count, d->channels);
        take_line(d);
        MV_ENSURE(mv_jpegls_read_well(&d->in), MV_E_FORMAT);
        give_line(samples, d, f, y);
    }
done:
    if (lines != NULL) {
        mv_wipe(lines, 2 * line_len * sizeof *lines);
    }
    free(lines);
    free(d);
    return st;
}
