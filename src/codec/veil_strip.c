/* SPDX-License-Identifier: Apache-2.0
 *
 * veil_strip.c: bands and planes of a strip.
 *
 *     maximum error 1 | of each band: length 4, band
 *     band, gray:    the numbers (range_coder.h)
 *     band, colour:  which channels are differences 1 | lowest and highest of each plane 24 |
 * numbers
 */
#include "codec/veil_strip.h"

#include "base/pool.h"
#include "base/secret.h"
#include "codec/veil_pixels.h"

#include <stdlib.h>
#include <string.h>

enum { CHANNELS_MAX = 3, SAMPLE_MAX = 65535, ERROR_MAX = 255 };

/* Planes of colour in the order of coding: green first. */
static const uint32_t channel_of[CHANNELS_MAX] = {1, 0, 2};

/* One band's way; planes are (rows,width). */
typedef struct band {
    const mv_veil_strip *strip;
    const mv_small_net *net;
    uint32_t first, rows; /* of the strip's rows */
    uint32_t max_error;
    int32_t *plane; /* owned; the one being coded */
    size_t count;   /* pixels */
} band;

static uint32_t band_count(const mv_veil_strip *s)
{
    const uint64_t pixels = (uint64_t)s->width * s->height;
    const uint64_t wanted = pixels / MV_VEIL_BAND_PIXELS;
    const uint64_t count = wanted < 1 ? 1 : wanted > MV_VEIL_BANDS_MAX ? MV_VEIL_BANDS_MAX : wanted;
    return (uint32_t)(count < s->height ? count : s->height);
}

/* Band i of n has the rows from height i / n on. */
static uint32_t first_row(const mv_veil_strip *s, uint32_t i)
{
    return (uint32_t)((uint64_t)s->height * i / band_count(s));
}

static mv_status band_init(band *b, const mv_veil_strip *s, const mv_small_net *net, uint32_t i)
{
    b->strip = s;
    b->net = net;
    b->first = first_row(s, i);
    b->rows = first_row(s, i + 1) - b->first;
    b->count = (size_t)b->rows * s->width;
    b->plane = malloc(b->count * sizeof *b->plane);
    return b->plane == NULL ? MV_E_MEMORY : MV_OK;
}

static void band_clear(band *b)
{
    if (b->plane != NULL) {
        mv_wipe(b->plane, b->count * sizeof *b->plane);
    }
    free(b->plane);
    b->plane = NULL;
}

static size_t band_start(const band *b) /* of its samples in the strip */
{
    return (size_t)b->first * b->strip->width * b->strip->channels;
}

static int32_t clamp(int32_t v, int32_t low, int32_t high)
{
    return v < low ? low : v > high ? high : v;
}

/* ---- planes ---- */

/* A channel of samples (count, channels), less the second one where is_difference. */
static void take_plane(int32_t *plane, const uint16_t *samples, size_t count, uint32_t channels,
                       uint32_t channel, bool is_difference)
{
    for (size_t i = 0; i < count; i++) {
        const uint16_t *p = samples + i * channels;
        plane[i] = (int32_t)p[channel] - (is_difference ? (int32_t)p[1] : 0);
    }
}

/* The plane back into its channel; samples outside 0..range are moved to its ends, which takes none
 * of them further from one within. */
static void put_plane(uint16_t *samples, const band *b, uint32_t channel, bool is_difference)
{
    const uint32_t channels = b->strip->channels;
    for (size_t i = 0; i < b->count; i++) {
        uint16_t *p = samples + i * channels;
        const int32_t v = b->plane[i] + (is_difference ? (int32_t)p[1] : 0);
        p[channel] = (uint16_t)clamp(v, 0, (int32_t)b->strip->range);
    }
}

/* Sum of the distances between pixels side by side. */
static uint64_t roughness(const int32_t *plane, size_t count)
{
    uint64_t sum = 0;
    for (size_t i = 1; i < count; i++) {
        sum += (uint64_t)labs((long)plane[i] - plane[i - 1]);
    }
    return sum;
}

static bool better_as_difference(const band *b, const uint16_t *samples, uint32_t channel)
{
    take_plane(b->plane, samples, b->count, CHANNELS_MAX, channel, false);
    const uint64_t alone = roughness(b->plane, b->count);
    take_plane(b->plane, samples, b->count, CHANNELS_MAX, channel, true);
    return roughness(b->plane, b->count) < alone;
}

static void measure(mv_pixel_shape *shape, const band *b)
{
    shape->low = shape->high = b->plane[0];
    for (size_t i = 1; i < b->count; i++) {
        shape->low = b->plane[i] < shape->low ? b->plane[i] : shape->low;
        shape->high = b->plane[i] > shape->high ? b->plane[i] : shape->high;
    }
}

/* A plane of one value costs nothing. */
static mv_status code_plane(mv_rans_writer *w, const band *b, const mv_pixel_shape *shape)
{
    return shape->low == shape->high ? MV_OK : mv_pixels_encode(w, b->net, shape, b->plane);
}

static mv_status read_plane(mv_rans_reader *r, const band *b, const mv_pixel_shape *shape)
{
    if (shape->low < shape->high) {
        return mv_pixels_decode(r, b->net, shape, b->plane);
    }
    for (size_t i = 0; i < b->count; i++) {
        b->plane[i] = shape->low;
    }
    return MV_OK;
}

static mv_pixel_shape shape_of(const band *b)
{
    return (mv_pixel_shape){.width = b->strip->width,
                            .height = b->rows,
                            .low = 0,
                            .high = (int32_t)b->strip->range,
                            .max_error = b->max_error};
}

/* ---- coding a band ---- */

static mv_status encode_gray(mv_buffer *out, band *b, const uint16_t *samples)
{
    mv_status st = MV_OK;
    mv_rans_writer w = {0};
    const mv_pixel_shape shape = shape_of(b);
    MV_TRY(mv_rans_writer_init(&w, out));
    take_plane(b->plane, samples, b->count, 1, 0, false);
    MV_TRY(code_plane(&w, b, &shape));
    MV_TRY(mv_rans_finish(&w));
done:
    mv_rans_writer_clear(&w);
    return st;
}

/* samples (count,3): a copy, which becomes what decoding gives. The numbers go into a buffer of
 * their own, since the planes' ends stand before them. */
static mv_status encode_colour(mv_buffer *out, band *b, uint16_t *samples)
{
    mv_status st = MV_OK;
    mv_rans_writer w = {0};
    mv_buffer numbers = mv_buffer_make(out->max);
    const uint8_t differences = (uint8_t)((better_as_difference(b, samples, 0) ? 1 : 0) |
                                          (better_as_difference(b, samples, 2) ? 4 : 0));
    mv_pixel_shape shape = shape_of(b);

    MV_TRY(mv_rans_writer_init(&w, &numbers));
    MV_TRY(mv_buffer_put_u8(out, differences));
    for (size_t k = 0; k < CHANNELS_MAX; k++) {
        const uint32_t c = channel_of[k];
        const bool is_difference = (differences >> c & 1) != 0;
        take_plane(b->plane, samples, b->count, CHANNELS_MAX, c, is_difference);
        measure(&shape, b);
        MV_TRY(mv_buffer_put_u32le(out, (uint32_t)shape.low));
        MV_TRY(mv_buffer_put_u32le(out, (uint32_t)shape.high));
        MV_TRY(code_plane(&w, b, &shape));
        put_plane(samples, b, c, is_difference);
    }
    MV_TRY(mv_rans_finish(&w));
    MV_TRY(mv_buffer_append(out, numbers.bytes, numbers.len));
done:
    mv_rans_writer_clear(&w);
    mv_buffer_clear(&numbers);
    return st;
}

typedef struct encoding {
    const mv_veil_strip *strip;
    mv_small_net net;
    uint32_t max_error;
    const uint16_t *samples;
    mv_buffer out[MV_VEIL_BANDS_MAX];
} encoding;

static mv_status encode_band(void *user, unsigned worker, size_t i)
{
    mv_status st = MV_OK;
    encoding *e = user;
    band b = {.max_error = e->max_error};
    uint16_t *copy = NULL;
    size_t copy_len = 0;
    (void)worker;

    MV_TRY(band_init(&b, e->strip, &e->net, (uint32_t)i));
    const uint16_t *samples = e->samples + band_start(&b);
    if (e->strip->channels == 1) {
        MV_TRY(encode_gray(&e->out[i], &b, samples));
    } else {
        copy_len = b.count * CHANNELS_MAX * sizeof *copy;
        copy = malloc(copy_len);
        MV_ENSURE(copy != NULL, MV_E_MEMORY);
        memcpy(copy, samples, copy_len);
        MV_TRY(encode_colour(&e->out[i], &b, copy));
    }
done:
    if (copy != NULL) {
        mv_wipe(copy, copy_len);
    }
    free(copy);
    band_clear(&b);
    return st;
}

static bool all_within(const mv_veil_strip *s, const uint16_t *samples)
{
    const size_t count = (size_t)s->width * s->height * s->channels;
    for (size_t i = 0; i < count; i++) {
        if (samples[i] > s->range) {
            return false;
        }
    }
    return true;
}

static mv_status join(mv_buffer *out, const encoding *e)
{
    mv_status st = MV_OK;
    MV_TRY(mv_buffer_put_u8(out, (uint8_t)e->max_error));
    for (uint32_t i = 0; i < band_count(e->strip); i++) {
        MV_TRY(mv_buffer_put_u32le(out, (uint32_t)e->out[i].len));
        MV_TRY(mv_buffer_append(out, e->out[i].bytes, e->out[i].len));
    }
done:
    return st;
}

mv_status mv_veil_strip_encode(mv_buffer *out, const mv_veil_strip *strip, uint32_t max_error,
                               unsigned threads, const uint16_t *samples)
{
    mv_status st = MV_OK;
    encoding e = {.strip = strip, .max_error = max_error, .samples = samples};
    const size_t before = out->len;

    MV_ASSERT(max_error <= ERROR_MAX && strip->range <= SAMPLE_MAX);
    for (size_t i = 0; i < MV_VEIL_BANDS_MAX; i++) {
        e.out[i] = mv_buffer_make(out->max);
    }
    MV_ENSURE(all_within(strip, samples), MV_E_RANGE);
    MV_TRY(mv_pixels_net(&e.net));
    MV_TRY(mv_pool_run(threads, band_count(strip), encode_band, &e));
    MV_TRY(join(out, &e));
done:
    for (size_t i = 0; i < MV_VEIL_BANDS_MAX; i++) {
        mv_buffer_clear(&e.out[i]);
    }
    if (st != MV_OK) {
        out->len = before;
    }
    return st;
}

/* ---- decoding a band ---- */

static mv_status decode_gray(uint16_t *samples, band *b, mv_reader *in)
{
    mv_status st = MV_OK;
    mv_rans_reader r = mv_rans_reader_make(in);
    const mv_pixel_shape shape = shape_of(b);
    MV_TRY(read_plane(&r, b, &shape));
    MV_TRY(mv_rans_close(&r));
    put_plane(samples, b, 0, false);
done:
    return st;
}

static mv_status read_shape(mv_pixel_shape *shape, mv_reader *in)
{
    mv_status st = MV_OK;
    uint32_t low = 0, high = 0;
    MV_TRY(mv_read_u32le(in, &low));
    MV_TRY(mv_read_u32le(in, &high));
    shape->low = (int32_t)low;
    shape->high = (int32_t)high;
    MV_ENSURE(shape->low >= -SAMPLE_MAX && shape->low <= shape->high && shape->high <= SAMPLE_MAX,
              MV_E_FORMAT);
done:
    return st;
}

static mv_status decode_colour(uint16_t *samples, band *b, mv_reader *in)
{
    mv_status st = MV_OK;
    mv_pixel_shape shape[CHANNELS_MAX];
    uint8_t differences = 0;

    MV_TRY(mv_read_u8(in, &differences));
    MV_ENSURE((differences & ~5u) == 0, MV_E_FORMAT);
    for (size_t k = 0; k < CHANNELS_MAX; k++) {
        shape[k] = shape_of(b);
        MV_TRY(read_shape(&shape[k], in));
    }
    mv_rans_reader r = mv_rans_reader_make(in);
    for (size_t k = 0; k < CHANNELS_MAX; k++) {
        MV_TRY(read_plane(&r, b, &shape[k]));
        put_plane(samples, b, channel_of[k], (differences >> channel_of[k] & 1) != 0);
    }
    MV_TRY(mv_rans_close(&r));
done:
    return st;
}

typedef struct decoding {
    const mv_veil_strip *strip;
    mv_small_net net;
    uint32_t max_error;
    uint16_t *samples;
    mv_reader in[MV_VEIL_BANDS_MAX];
} decoding;

static mv_status decode_band(void *user, unsigned worker, size_t i)
{
    mv_status st = MV_OK;
    decoding *d = user;
    band b = {.max_error = d->max_error};
    (void)worker;

    MV_TRY(band_init(&b, d->strip, &d->net, (uint32_t)i));
    uint16_t *samples = d->samples + band_start(&b);
    MV_TRY(d->strip->channels == 1 ? decode_gray(samples, &b, &d->in[i])
                                   : decode_colour(samples, &b, &d->in[i]));
    MV_ENSURE(mv_reader_left(&d->in[i]) == 0, MV_E_FORMAT);
done:
    band_clear(&b);
    return st;
}

/* Where the bands are; nothing follows the last. */
static mv_status split(decoding *d, const uint8_t *stream, size_t len)
{
    mv_status st = MV_OK;
    mv_reader in = mv_reader_make(stream, len);
    uint8_t max_error = 0;

    MV_TRY(mv_read_u8(&in, &max_error));
    d->max_error = max_error;
    for (uint32_t i = 0; i < band_count(d->strip); i++) {
        const uint8_t *bytes = NULL;
        uint32_t band_len = 0;
        MV_TRY(mv_read_u32le(&in, &band_len));
        MV_TRY(mv_read_view(&in, &bytes, band_len));
        d->in[i] = mv_reader_make(bytes, band_len);
    }
    MV_ENSURE(mv_reader_left(&in) == 0, MV_E_FORMAT);
done:
    return st;
}

mv_status mv_veil_strip_decode(uint16_t *samples, const mv_veil_strip *strip, unsigned threads,
                               const uint8_t *stream, size_t len)
{
    mv_status st = MV_OK;
    decoding d = {.strip = strip, .samples = samples};

    MV_TRY(mv_pixels_net(&d.net));
    MV_TRY(split(&d, stream, len));
    MV_TRY(mv_pool_run(threads, band_count(strip), decode_band, &d));
done:
    return st == MV_OK || st == MV_E_MEMORY ? st : MV_E_FORMAT;
}
