/* SPDX-License-Identifier: Apache-2.0
 *
 * exact_strips.c: the heads of codings 1 and 2, samples as they lie in a file, and one strip back
 * from its bytes.
 */
#include "exact_strips.h"

#include "base/bytes.h"
#include "base/secret.h"
#include "codec/veil_strip.h"

#include <stdlib.h>
#include <string.h>

#define STRIP_SAMPLES_MAX ((uint32_t)1 << 20) /* a row has less than a fifth of that */

/* ---- head ---- */

void mv_exact_head_write(uint8_t out[MV_EXACT_HEAD_LEN], const mv_raster *r)
{
    memset(out, 0, MV_EXACT_HEAD_LEN);
    mv_store_u64le(out, r->at);
    mv_store_u32le(out + 8, r->width);
    mv_store_u32le(out + 12, r->height);
    mv_store_u32le(out + 16, r->frames);
    out[20] = (uint8_t)r->channels;
    out[21] = (uint8_t)r->sample_bytes;
    out[22] = r->big_endian;
}

bool mv_exact_head_read(mv_raster *r, const uint8_t in[MV_EXACT_HEAD_LEN], uint64_t file_len)
{
    *r = (mv_raster){.at = mv_load_u64le(in),
                     .width = mv_load_u32le(in + 8),
                     .height = mv_load_u32le(in + 12),
                     .frames = mv_load_u32le(in + 16),
                     .channels = in[20],
                     .sample_bytes = in[21],
                     .big_endian = in[22] == 1};
    return in[22] <= 1 && in[23] == 0 && mv_raster_valid(r, file_len);
}

/* ---- samples ---- */

/* Sample i of a frame as it lies in the file, as a number of its bits. */
uint32_t mv_exact_load(const mv_raster *r, const uint8_t *frame, size_t i)
{
    const uint8_t *p = frame + i * r->sample_bytes;
    return r->sample_bytes == 1 ? p[0]
           : r->big_endian      ? (uint32_t)p[0] << 8 | p[1]
                                : mv_load_u16le(p);
}

static void mv_exact_store(const mv_raster *r, uint8_t *frame, size_t i, uint32_t v)
{
    uint8_t *p = frame + i * r->sample_bytes;
    if (r->sample_bytes == 1) {
        p[0] = (uint8_t)v;
    } else {
        p[r->big_endian ? 1 : 0] = (uint8_t)v;
        p[r->big_endian ? 0 : 1] = (uint8_t)(v >> 8);
    }
}

uint32_t mv_exact_mask(const mv_raster *r)
{
    return r->sample_bytes == 1 ? 0xff : 0xffff;
}

size_t mv_exact_samples(const mv_raster *r)
{
    return (size_t)r->width * r->height * r->channels;
}

/* ---- strips ---- */

mv_exact_strips mv_exact_strips_of(const mv_raster *r, uint32_t coding)
{
    mv_exact_strips s = {*r, coding, r->height, 1};
    const uint32_t most = STRIP_SAMPLES_MAX / (r->width * r->channels);
    if (coding == MV_CODING_STRIPS && most < r->height) {
        s.rows = most;
        s.per_frame = (r->height + most - 1) / most;
    }
    return s;
}

mv_raster mv_exact_strip(const mv_exact_strips *s, uint64_t k)
{
    const uint32_t first = (uint32_t)(k % s->per_frame) * s->rows;
    mv_raster strip = s->raster;
    strip.height = s->raster.height - first < s->rows ? s->raster.height - first : s->rows;
    strip.frames = 1;
    return strip;
}

uint64_t mv_exact_strip_count(const mv_exact_strips *s)
{
    return (uint64_t)s->raster.frames * s->per_frame;
}

size_t mv_exact_strip_head_len(uint32_t coding)
{
    return coding == MV_CODING_STRIPS ? MV_EXACT_STRIP_HEAD_MAX : MV_EXACT_STRIP_HEAD_MAX - 1;
}

void mv_exact_strip_head_write(uint8_t out[MV_EXACT_STRIP_HEAD_MAX], const mv_exact_strip_head *f,
                               uint32_t coding)
{
    uint8_t *p = out + mv_exact_strip_head_len(coding) - (MV_EXACT_STRIP_HEAD_MAX - 1);
    out[0] = (uint8_t)f->kind;
    mv_store_u32le(p, f->len);
    mv_store_u16le(p + 4, (uint16_t)f->lowest);
    mv_store_u16le(p + 6, (uint16_t)f->range);
}

mv_jpegls_frame mv_exact_picture(const mv_raster *r, uint32_t range)
{
    mv_jpegls_frame picture = {
        .width = r->width, .height = r->height, .channels = r->channels, .bits = 2};
    while (range >> picture.bits != 0) {
        picture.bits++;
    }
    return picture;
}

/* No stream of either kind is longer than there would be room for in JPEG-LS. */
bool mv_exact_strip_head_read(mv_exact_strip_head *f, const uint8_t *in, const mv_raster *strip,
                              uint32_t coding)
{
    const uint8_t *p = in + mv_exact_strip_head_len(coding) - (MV_EXACT_STRIP_HEAD_MAX - 1);
    f->kind = coding == MV_CODING_STRIPS ? in[0] : MV_EXACT_KIND_JPEGLS;
    f->len = mv_load_u32le(p);
    f->lowest = mv_load_u16le(p + 4);
    f->range = mv_load_u16le(p + 6);
    const mv_jpegls_frame picture = mv_exact_picture(strip, f->range);
    return (f->kind == MV_EXACT_KIND_JPEGLS || f->kind == MV_EXACT_KIND_PIXELS) &&
           f->lowest <= mv_exact_mask(strip) && f->range <= mv_exact_mask(strip) && f->len != 0 &&
           f->len <= mv_jpegls_room(&picture);
}

/* ---- rebuilding ---- */

/* A strip's samples, as numbers of its bits, back to where they lie in the file. */
static void lift(uint8_t *out, const mv_raster *strip, const mv_exact_strip_head *f,
                 const uint16_t *samples, bool is_small)
{
    const uint8_t *small = (const uint8_t *)samples;
    const size_t count = mv_exact_samples(strip);
    for (size_t i = 0; i < count; i++) {
        const uint32_t v = is_small ? small[i] : samples[i];
        mv_exact_store(strip, out, i,
                       f->lowest + (v < f->range ? v : f->range)); /* above: near-lossless */
    }
}

static bool rebuild_strip(uint8_t *out, const mv_raster *strip, const mv_exact_strip_head *f,
                          const uint8_t *stream, uint16_t *samples, unsigned threads)
{
    const mv_jpegls_frame picture = mv_exact_picture(strip, f->range);
    const mv_veil_strip pixels = {strip->width, strip->height, strip->channels, f->range};
    const bool ok = f->kind == MV_EXACT_KIND_JPEGLS
                        ? mv_picture_decode(samples, &picture, stream, f->len) == MV_OK
                        : mv_veil_strip_decode(samples, &pixels, threads, stream, f->len) == MV_OK;
    if (ok) {
        lift(out, strip, f, samples, f->kind == MV_EXACT_KIND_JPEGLS && picture.bits <= 8);
    }
    return ok;
}

bool mv_exact_rebuild(uint8_t *out, const mv_exact_strips *strips, uint64_t first, unsigned threads,
                      const uint8_t *batch, size_t len)
{
    const mv_raster largest = mv_exact_strip(strips, 0);
    const size_t head_len = mv_exact_strip_head_len(strips->coding);
    mv_reader in = mv_reader_make(batch, len);
    uint16_t *samples = malloc(mv_exact_samples(&largest) * sizeof *samples);
    const uint8_t *head = NULL, *stream = NULL;
    bool ok = samples != NULL;
    mv_exact_strip_head f;

    for (uint64_t k = first; ok && mv_reader_left(&in) != 0; k++) {
        const mv_raster strip = mv_exact_strip(strips, k);
        ok = mv_read_view(&in, &head, head_len) == MV_OK &&
             mv_exact_strip_head_read(&f, head, &strip, strips->coding) &&
             mv_read_view(&in, &stream, f.len) == MV_OK &&
             rebuild_strip(out, &strip, &f, stream, samples, threads);
        out += mv_raster_frame_len(&strip);
    }
    if (samples != NULL) {
        mv_wipe(samples, mv_exact_samples(&largest) * sizeof *samples);
    }
    free(samples);
    return ok;
}
