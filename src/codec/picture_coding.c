/* SPDX-License-Identifier: Apache-2.0
 *
 * picture_coding.c: red, green and blue as planes and back.
 */
#include "codec/picture_coding.h"

#include "base/secret.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Samples of one byte or two. */
typedef struct view {
    void *samples;
    bool wide;
} view;

static inline unsigned get(const view *v, size_t i)
{
    return v->wide ? ((const uint16_t *)v->samples)[i] : ((const uint8_t *)v->samples)[i];
}

static inline void set(const view *v, size_t i, unsigned value)
{
    if (v->wide) {
        ((uint16_t *)v->samples)[i] = (uint16_t)value;
    } else {
        ((uint8_t *)v->samples)[i] = (uint8_t)value;
    }
}

static void split(const view *planes, size_t count, unsigned bits, const view *pixels)
{
    const unsigned mask = (1u << bits) - 1, zero = 1u << (bits - 1);
    for (size_t i = 0; i < count; i++) {
        const unsigned green = get(pixels, 3 * i + 1);
        set(planes, i, green);
        set(planes, count + i, (get(pixels, 3 * i) - green + zero) & mask);
        set(planes, 2 * count + i, (get(pixels, 3 * i + 2) - green + zero) & mask);
    }
}

static void join(const view *pixels, size_t count, unsigned bits, const view *planes)
{
    const unsigned mask = (1u << bits) - 1, zero = 1u << (bits - 1);
    for (size_t i = 0; i < count; i++) {
        const unsigned green = get(planes, i);
        set(pixels, 3 * i, (get(planes, count + i) + green - zero) & mask);
        set(pixels, 3 * i + 1, green);
        set(pixels, 3 * i + 2, (get(planes, 2 * count + i) + green - zero) & mask);
    }
}

/* The gray picture of the planes; false: this one is not coded so. */
static bool stack(mv_jpegls_frame *out, const mv_jpegls_frame *colour)
{
    *out = *colour;
    out->channels = 1;
    out->height = 3 * colour->height;
    return colour->channels == 3 && colour->near == 0 && colour->height <= MV_JPEGLS_SIDE_MAX / 3;
}

/* Planes and, behind them, room for their stream. */
static uint8_t *make_room(const mv_jpegls_frame *f, size_t stream_len)
{
    return malloc(mv_jpegls_samples_len(f) + stream_len);
}

static void free_room(uint8_t *room, const mv_jpegls_frame *f)
{
    if (room != NULL) {
        mv_wipe(room, mv_jpegls_samples_len(f));
    }
    free(room);
}

/* The stream of the planes takes the place of the one at out if it is shorter. */
static mv_status encode_planes(uint8_t *out, size_t *len, const mv_jpegls_frame *f,
                               const mv_jpegls_frame *stacked, const void *samples)
{
    mv_status st = MV_OK;
    uint8_t *room = make_room(f, *len), *stream = NULL;
    size_t stream_len = 0;

    MV_ENSURE(room != NULL, MV_E_MEMORY);
    const view planes = {room, f->bits > 8}, pixels = {(void *)(uintptr_t)samples, f->bits > 8};
    stream = room + mv_jpegls_samples_len(f);
    split(&planes, (size_t)f->width * f->height, f->bits, &pixels);
    st = mv_jpegls_encode(stream, *len, &stream_len, stacked, room);
    if (st == MV_OK && stream_len < *len) {
        memcpy(out, stream, stream_len);
        *len = stream_len;
    }
    st = st == MV_E_SPACE ? MV_OK : st; /* longer */
done:
    free_room(room, f);
    return st;
}

mv_status mv_picture_encode(uint8_t *out, size_t room, size_t *out_len, const mv_jpegls_frame *f,
                            const void *samples)
{
    mv_status st = MV_OK;
    mv_jpegls_frame stacked;

    MV_TRY(mv_jpegls_encode(out, room, out_len, f, samples));
    if (stack(&stacked, f)) {
        MV_TRY(encode_planes(out, out_len, f, &stacked, samples));
    }
done:
    return st;
}

static mv_status decode_planes(void *samples, const mv_jpegls_frame *f,
                               const mv_jpegls_frame *stacked, const uint8_t *stream, size_t len)
{
    mv_status st = MV_OK;
    uint8_t *room = make_room(f, 0);

    MV_ENSURE(room != NULL, MV_E_MEMORY);
    MV_TRY(mv_jpegls_decode(room, stacked, stream, len));
    const view planes = {room, f->bits > 8}, pixels = {samples, f->bits > 8};
    join(&pixels, (size_t)f->width * f->height, f->bits, &planes);
done:
    free_room(room, f);
    return st;
}

mv_status mv_picture_decode(void *samples, const mv_jpegls_frame *f, const uint8_t *stream,
                            size_t len)
{
    mv_jpegls_frame stacked;
    const mv_status st = mv_jpegls_decode(samples, f, stream, len);
    return st == MV_E_FORMAT && stack(&stacked, f)
               ? decode_planes(samples, f, &stacked, stream, len)
               : st;
}
