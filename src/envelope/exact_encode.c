/* SPDX-License-Identifier: Apache-2.0
 *
 * exact_encode.c: a file as codings 1 and 2; a decoder goes along and compares.
 */
#include "base/bytes.h"
#include "base/cpu.h"
#include "base/secret.h"
#include "codec/veil_strip.h"
#include "derive.h"
#include "envelope_io.h"
#include "exact_coding.h"
#include "exact_strips.h"

#include <string.h>

enum { PIECE_LEN = 65536 };

typedef struct encoder {
    const mv_source *source;
    const mv_sink *out;
    mv_exact_opts opts;
    unsigned threads;
    uint32_t coding;
    mv_raster raster;
    mv_exact_strips strips;
    mv_exact_decoder *decoder; /* gets what out gets */
    uint64_t coded_len;
    uint64_t compared;       /* bytes of the file that have been rebuilt and compared */
    bool given_up;           /* larger than the file, or rebuilt differently */
    uint8_t *frame, *stream; /* of a strip */
    uint16_t *samples;
    size_t frame_room, samples_room; /* bytes */
    mv_buffer pixels;                /* its stream of the pixel coder */
    uint8_t piece[PIECE_LEN];
} encoder;

/* A lossless coding that our own decoder does not take is no failure: the file travels as it is. */
static bool is_forgiven(const encoder *e, mv_status st)
{
    return e->opts.max_error == 0 && st == MV_E_FORMAT;
}

static mv_status emit(encoder *e, const uint8_t *bytes, size_t len, mv_error *err)
{
    mv_status st = MV_OK;
    mv_error why = {0};

    e->coded_len += len;
    if (e->coded_len >= e->source->len && e->opts.max_error == 0) {
        e->given_up = true; /* no smaller than the file */
    }
    if (e->given_up) {
        return MV_OK;
    }
    MV_TRY(e->out->write(e->out->user, bytes, len, err));
    st = mv_exact_decoder_write(e->decoder, bytes, len, &why);
    if (is_forgiven(e, st)) {
        e->given_up = true;
        st = MV_OK;
    }
    MV_REQUIRE(st == MV_OK, err, st, "%s", why.text[0] != '\0' ? why.text : mv_status_sentence(st));
done:
    return st;
}

static mv_status emit_source(encoder *e, uint64_t at, uint64_t len, mv_error *err)
{
    mv_status st = MV_OK;
    while (len != 0 && !e->given_up) {
        const size_t part = len < PIECE_LEN ? (size_t)len : PIECE_LEN;
        MV_TRY(mv_source_read(e->source, at, e->piece, part, err));
        MV_TRY(emit(e, e->piece, part, err));
        at += part;
        len -= part;
    }
done:
    return st;
}

static int32_t number_of(const mv_raster *r, uint32_t v)
{
    const uint32_t sign = (mv_exact_mask(r) >> 1) + 1;
    return r->is_signed && (v & sign) != 0 ? (int32_t)v - 2 * (int32_t)sign : (int32_t)v;
}

/* Whether rebuilt samples are near enough to those of the file. */
static bool is_near(const encoder *e, const uint8_t *file, const uint8_t *rebuilt, size_t len)
{
    for (size_t i = 0; i < len / e->raster.sample_bytes; i++) {
        const int64_t apart = (int64_t)number_of(&e->raster, mv_exact_load(&e->raster, file, i)) -
                              number_of(&e->raster, mv_exact_load(&e->raster, rebuilt, i));
        if (apart > e->opts.max_error || -apart > e->opts.max_error) {
            return false;
        }
    }
    return true;
}

static bool in_samples(const encoder *e)
{
    const uint64_t end = e->raster.at + e->raster.frames * mv_raster_frame_len(&e->raster);
    return e->compared >= e->raster.at && e->compared < end;
}

/* The sink of the encoder's own decoder. Its pieces are all samples or none. */
static mv_status compare(void *user, const uint8_t *bytes, size_t len, mv_error *err)
{
    mv_status st = MV_OK;
    encoder *e = user;
    const bool may_differ = e->opts.max_error != 0 && in_samples(e);

    for (size_t at = 0; at < len && !e->given_up; at += PIECE_LEN) {
        const size_t part = len - at < PIECE_LEN ? len - at : PIECE_LEN;
        MV_TRY(mv_source_read(e->source, e->compared, e->frame, part, err));
        e->given_up = !(may_differ ? is_near(e, e->frame, bytes + at, part)
                                   : memcmp(e->frame, bytes + at, part) == 0);
        e->compared += part;
    }
done:
    return st;
}

/* How far the strip's samples are above its lowest one. */
static void measure(mv_exact_strip_head *f, const encoder *e, const mv_raster *strip)
{
    const size_t count = mv_exact_samples(strip);
    int32_t low = INT32_MAX, high = INT32_MIN;
    for (size_t i = 0; i < count; i++) {
        const int32_t v = number_of(strip, mv_exact_load(strip, e->frame, i));
        low = v < low ? v : low;
        high = v > high ? v : high;
    }
    f->lowest = (uint32_t)low & mv_exact_mask(strip);
    f->range = (uint32_t)(high - low);
}

/* Those distances. */
static void lower(encoder *e, const mv_raster *strip, const mv_exact_strip_head *f)
{
    const size_t count = mv_exact_samples(strip);
    const uint32_t mask = mv_exact_mask(strip);
    for (size_t i = 0; i < count; i++) {
        e->samples[i] = (uint16_t)((mv_exact_load(strip, e->frame, i) - f->lowest) & mask);
    }
}

/* The same, each in a byte. */
static void narrow(uint16_t *samples, size_t count)
{
    uint8_t *small = (uint8_t *)samples;
    for (size_t i = 0; i < count; i++) {
        small[i] = (uint8_t)samples[i];
    }
}

static uint32_t lesser(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Into e->pixels, or it stays empty: not wanted, or larger than the samples. */
static mv_status code_pixels(encoder *e, const mv_raster *strip, const mv_exact_strip_head *f)
{
    mv_status st = MV_OK;
    const mv_veil_strip picture = {strip->width, strip->height, strip->channels, f->range};
    e->pixels.len = 0;
    if (e->opts.choice != MV_EXACT_JPEGLS) {
        MV_TRY(mv_veil_strip_encode(&e->pixels, &picture, lesser(e->opts.max_error, f->range),
                                    e->threads, e->samples));
        e->pixels.len = e->pixels.len < mv_raster_frame_len(strip) ? e->pixels.len : 0;
    }
done:
    return st;
}

/* Into e->stream; *len 0: not wanted, or does not fit. The samples are worth nothing then. */
static mv_status code_jpegls(size_t *len, encoder *e, const mv_raster *strip,
                             const mv_exact_strip_head *f)
{
    mv_status st = MV_OK;
    mv_jpegls_frame picture = mv_exact_picture(strip, f->range);
    picture.near = lesser(e->opts.max_error, f->range / 2);
    *len = 0;
    if (e->opts.choice == MV_EXACT_PIXELS && e->pixels.len != 0) {
        return MV_OK;
    }
    if (picture.bits <= 8) {
        narrow(e->samples, mv_exact_samples(strip));
    }
    st = mv_picture_encode(e->stream, mv_jpegls_room(&picture), len, &picture, e->samples);
    if (st == MV_E_SPACE) { /* noise: no smaller than the file */
        *len = 0;
        st = MV_OK;
    }
    return st;
}

static mv_status encode_strip(encoder *e, const mv_raster *strip, uint64_t at, mv_error *err)
{
    mv_status st = MV_OK;
    uint8_t head[MV_EXACT_STRIP_HEAD_MAX];
    mv_exact_strip_head f = {.kind = MV_EXACT_KIND_JPEGLS};
    size_t len = 0;

    MV_TRY(mv_source_read(e->source, at, e->frame, (size_t)mv_raster_frame_len(strip), err));
    measure(&f, e, strip);
    lower(e, strip, &f);
    MV_TRY(code_pixels(e, strip, &f));
    MV_TRY(code_jpegls(&len, e, strip, &f));
    if (e->pixels.len != 0 && (len == 0 || e->pixels.len < len)) {
        f.kind = MV_EXACT_KIND_PIXELS;
        len = e->pixels.len;
    }
    if (len == 0) {
        e->given_up = true;
        goto done;
    }
    f.len = (uint32_t)len;
    mv_exact_strip_head_write(head, &f, e->coding);
    MV_TRY(emit(e, head, mv_exact_strip_head_len(e->coding), err));
    MV_TRY(emit(e, f.kind == MV_EXACT_KIND_PIXELS ? e->pixels.bytes : e->stream, len, err));
done:
    return st;
}

static void encoder_free(encoder *e)
{
    if (e != NULL) {
        mv_wipe(e->frame, e->frame == NULL ? 0 : e->frame_room);
        mv_wipe(e->samples, e->samples == NULL ? 0 : e->samples_room);
        mv_buffer_clear(&e->pixels);
        mv_exact_decoder_free(&e->decoder);
        free(e->frame);
        free(e->samples);
        free(e->stream);
        mv_wipe(e->piece, sizeof e->piece);
        free(e);
    }
}

static mv_status make_room(encoder *e, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_raster largest = mv_exact_strip(&e->strips, 0);
    const size_t len = (size_t)mv_raster_frame_len(&largest);
    const mv_jpegls_frame widest = mv_exact_picture(&largest, mv_exact_mask(&largest));

    e->pixels = mv_buffer_make(SIZE_MAX / 2);
    e->frame_room = len < PIECE_LEN ? PIECE_LEN : len;
    e->samples_room = mv_exact_samples(&largest) * sizeof *e->samples;
    e->frame = malloc(e->frame_room);
    e->samples = malloc(e->samples_room);
    e->stream = malloc(mv_jpegls_room(&widest));
    MV_REQUIRE(e->frame != NULL && e->samples != NULL && e->stream != NULL, err, MV_E_MEMORY,
               "out of memory for a frame");
done:
    return st;
}

static mv_status encode(encoder *e, mv_error *err)
{
    mv_status st = MV_OK;
    const uint64_t frame_len = mv_raster_frame_len(&e->raster);
    const uint64_t end = e->raster.at + e->raster.frames * frame_len;
    uint8_t item[MV_EXACT_DIGEST_LEN];

    mv_exact_head_write(item, &e->raster);
    MV_TRY(emit(e, item, MV_EXACT_HEAD_LEN, err));
    MV_TRY(emit_source(e, 0, e->raster.at, err));
    for (uint64_t at = e->raster.at, k = 0; at < end && !e->given_up; k++) {
        const mv_raster strip = mv_exact_strip(&e->strips, k);
        MV_TRY(encode_strip(e, &strip, at, err));
        at += mv_raster_frame_len(&strip);
    }
    MV_TRY(emit_source(e, end, e->source->len - end, err));
    if (!e->given_up) {
        MV_ENSURE(mv_exact_decoder_digest(item, e->decoder), MV_E_INTERNAL);
        MV_TRY(e->out->write(e->out->user, item, MV_EXACT_DIGEST_LEN, err));
        e->coded_len += MV_EXACT_DIGEST_LEN;
        e->given_up = e->compared != e->source->len;
    }
done:
    return st;
}

static mv_status read_source(void *user, uint64_t at, uint8_t *out, size_t len, mv_error *err)
{
    return mv_source_read(user, at, out, len, err);
}

static mv_status find(encoder *e, bool *found, mv_error *err)
{
    mv_source source = *e->source;
    const mv_raster_file file = {read_source, &source, source.len};
    return mv_raster_find(&e->raster, found, &file, err);
}

mv_status mv_exact_encode(uint32_t *coding, uint64_t *coded_len, const mv_sink *out,
                          const mv_source *source, const mv_exact_opts *opts, mv_error *err)
{
    mv_status st = MV_OK;
    encoder *e = calloc(1, sizeof *e);
    const mv_sink comparing = {compare, e};
    bool found = false;

    *coding = MV_CODING_NONE;
    *coded_len = 0;
    MV_REQUIRE(e != NULL, err, MV_E_MEMORY, "out of memory");
    e->source = source;
    e->out = out;
    e->opts = *opts;
    e->threads = opts->threads != 0 ? opts->threads : mv_cpu_count();
    e->coding = opts->choice == MV_EXACT_JPEGLS ? MV_CODING_RASTER : MV_CODING_STRIPS;
    MV_TRY(find(e, &found, err));
    MV_REQUIRE(found || opts->max_error == 0, err, MV_E_UNSUPPORTED,
               "there are no raw samples whose error could be bounded");
    if (found) {
        e->strips = mv_exact_strips_of(&e->raster, e->coding);
        MV_TRY(make_room(e, err));
        MV_TRY(mv_exact_decoder_new(&e->decoder, e->coding, source->len, &comparing));
        mv_exact_decoder_trust(e->decoder);
        MV_TRY(encode(e, err));
        MV_REQUIRE(!e->given_up || opts->max_error == 0, err, MV_E_INTERNAL,
                   "the samples cannot be kept within the stated error");
        *coding = e->given_up ? MV_CODING_NONE : e->coding;
        *coded_len = e->coded_len;
    }
done:
    encoder_free(e);
    return st;
}
