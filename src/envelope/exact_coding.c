/* SPDX-License-Identifier: Apache-2.0
 *
 * exact_coding.c: coding 1.
 *
 *     head 24 | what is before the samples | of each frame: head 8, JPEG-LS | what is after |
 * SHA-256
 *
 * A frame's samples are coded as their distance from the frame's lowest value, in as many bits as
 * that needs: two's complement makes no jumps then, and 12-bit values in 16-bit words cost nothing.
 */
#include "exact_coding.h"

#include "base/bytes.h"
#include "base/secret.h"
#include "codec/picture_coding.h"
#include "codec/raster.h"
#include "derive.h"
#include "envelope_io.h"
#include "image/sandbox.h"

#include <openssl/evp.h>
#include <string.h>

enum { HEAD_LEN = 24, FRAME_HEAD_LEN = 8, DIGEST_LEN = 32, PIECE_LEN = 65536 };

#define BATCH_LEN     ((size_t)4 << 20) /* rebuilt bytes for which one child is worth its start */
#define CHILD_SECONDS 60u
#define CHILD_MEMORY  ((size_t)64 << 20)

/* ---- head ---- */

static void head_write(uint8_t out[HEAD_LEN], const mv_raster *r)
{
    memset(out, 0, HEAD_LEN);
    mv_store_u64le(out, r->at);
    mv_store_u32le(out + 8, r->width);
    mv_store_u32le(out + 12, r->height);
    mv_store_u32le(out + 16, r->frames);
    out[20] = (uint8_t)r->channels;
    out[21] = (uint8_t)r->sample_bytes;
    out[22] = r->big_endian;
}

static bool head_read(mv_raster *r, const uint8_t in[HEAD_LEN], uint64_t file_len)
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
static uint32_t load(const mv_raster *r, const uint8_t *frame, size_t i)
{
    const uint8_t *p = frame + i * r->sample_bytes;
    return r->sample_bytes == 1 ? p[0]
           : r->big_endian      ? (uint32_t)p[0] << 8 | p[1]
                                : mv_load_u16le(p);
}

static void store(const mv_raster *r, uint8_t *frame, size_t i, uint32_t v)
{
    uint8_t *p = frame + i * r->sample_bytes;
    if (r->sample_bytes == 1) {
        p[0] = (uint8_t)v;
    } else {
        p[r->big_endian ? 1 : 0] = (uint8_t)v;
        p[r->big_endian ? 0 : 1] = (uint8_t)(v >> 8);
    }
}

static uint32_t mask_of(const mv_raster *r)
{
    return r->sample_bytes == 1 ? 0xff : 0xffff;
}

static size_t sample_count(const mv_raster *r)
{
    return (size_t)r->width * r->height * r->channels;
}

/* A frame's lowest sample as a number of its bits, and how far above it the highest is. */
typedef struct frame_head {
    uint32_t len, lowest, range;
} frame_head;

static void frame_head_write(uint8_t out[FRAME_HEAD_LEN], const frame_head *f)
{
    mv_store_u32le(out, f->len);
    mv_store_u16le(out + 4, (uint16_t)f->lowest);
    mv_store_u16le(out + 6, (uint16_t)f->range);
}

static mv_jpegls_frame picture_of(const mv_raster *r, uint32_t range)
{
    mv_jpegls_frame picture = {
        .width = r->width, .height = r->height, .channels = r->channels, .bits = 2};
    while (range >> picture.bits != 0) {
        picture.bits++;
    }
    return picture;
}

static bool frame_head_read(frame_head *f, const uint8_t in[FRAME_HEAD_LEN], const mv_raster *r)
{
    *f = (frame_head){mv_load_u32le(in), mv_load_u16le(in + 4), mv_load_u16le(in + 6)};
    const mv_jpegls_frame picture = picture_of(r, f->range);
    return f->lowest <= mask_of(r) && f->range <= mask_of(r) && f->len != 0 &&
           f->len <= mv_jpegls_room(&picture);
}

/* ---- rebuilding ---- */

typedef enum stage { HEAD, BEFORE, FRAME_HEAD, FRAME, AFTER, DIGEST, DONE } stage;

struct mv_exact_decoder {
    const mv_sink *to;
    uint64_t file_len;
    bool own; /* the encoder's: its streams were made a moment ago, in this process */
    stage stage;
    uint64_t left; /* bytes of this stage still to come */
    uint8_t item[DIGEST_LEN];
    mv_raster raster;
    uint32_t frames_left; /* not yet begun */
    uint32_t batch_frames;
    mv_buffer batch; /* frames of the next child, whole but for the last */
    uint8_t *rebuilt;
    size_t rebuilt_room;
    EVP_MD_CTX *digest; /* of what has been given on */
    uint8_t wanted[DIGEST_LEN];
};

mv_status mv_exact_decoder_new(mv_exact_decoder **out, uint64_t file_len, const mv_sink *to)
{
    mv_exact_decoder *d = calloc(1, sizeof *d);
    if (d == NULL) {
        return MV_E_MEMORY;
    }
    d->digest = EVP_MD_CTX_new();
    if (d->digest == NULL || EVP_DigestInit_ex(d->digest, EVP_sha256(), NULL) != 1) {
        mv_exact_decoder_free(&d);
        return MV_E_MEMORY;
    }
    d->to = to;
    d->file_len = file_len;
    d->left = HEAD_LEN;
    d->batch = mv_buffer_make(SIZE_MAX / 2);
    *out = d;
    return MV_OK;
}

void mv_exact_decoder_free(mv_exact_decoder **decoder)
{
    mv_exact_decoder *d = *decoder;
    if (d != NULL) {
        EVP_MD_CTX_free(d->digest);
        mv_buffer_clear(&d->batch);
        mv_wipe(d->rebuilt, d->rebuilt_room);
        free(d->rebuilt);
        free(d);
        *decoder = NULL;
    }
}

static mv_status not_a_coding(mv_error *err)
{
    return mv_fail(err, MV_E_FORMAT, "the coded original inside cannot be rebuilt");
}

bool mv_exact_rebuild(uint8_t *out, const mv_raster *r, const uint8_t *batch, size_t len)
{
    const size_t frame_len = (size_t)mv_raster_frame_len(r), count = sample_count(r);
    mv_reader in = mv_reader_make(batch, len);
    uint16_t *samples = malloc(count * sizeof *samples);
    const uint8_t *head = NULL, *stream = NULL;
    bool ok = samples != NULL;
    frame_head f;

    for (; ok && mv_reader_left(&in) != 0; out += frame_len) {
        ok = mv_read_view(&in, &head, FRAME_HEAD_LEN) == MV_OK && frame_head_read(&f, head, r) &&
             mv_read_view(&in, &stream, f.len) == MV_OK;
        const mv_jpegls_frame picture = picture_of(r, ok ? f.range : 0);
        ok = ok && mv_picture_decode(samples, &picture, stream, f.len) == MV_OK;
        const uint8_t *small = (const uint8_t *)samples;
        for (size_t i = 0; ok && i < count; i++) {
            const uint32_t v = picture.bits <= 8 ? small[i] : samples[i];
            store(r, out, i, f.lowest + (v < f.range ? v : f.range)); /* above: near-lossless */
        }
    }
    free(samples);
    return ok;
}

static uint32_t rebuild_work(const mv_sandbox_job *job)
{
    return !mv_exact_rebuild(job->bulk, job->context, job->bytes, job->len);
}

static mv_status run_child(mv_exact_decoder *d, size_t len, mv_error *err)
{
    mv_status st = MV_OK;
    uint32_t result = 1;
    size_t came = len;
    const mv_sandbox_job job = {.work = rebuild_work,
                                .context = &d->raster,
                                .bytes = d->batch.bytes,
                                .len = d->batch.len,
                                .bulk = d->rebuilt,
                                .bulk_len = &came,
                                .seconds = CHILD_SECONDS,
                                .memory = CHILD_MEMORY + 4 * len};
    switch (mv_sandbox_run(&result, &job)) {
    case MV_SANDBOX_ANSWERED:
        st = result == 0 && came == len ? MV_OK : not_a_coding(err);
        break;
    case MV_SANDBOX_NOT_STARTED:
        st = mv_fail(err, MV_E_MEMORY, "no process to rebuild the coded original in");
        break;
    case MV_SANDBOX_REFUSED:
        st = mv_fail(err, MV_E_POLICY,
                     "the coded original is not rebuilt: this system refuses the sandbox for it");
        break;
    case MV_SANDBOX_TOO_SLOW:
        st = mv_fail(err, MV_E_LIMIT, "the coded original takes too long to rebuild");
        break;
    case MV_SANDBOX_DIED:
        st = not_a_coding(err);
        break;
    }
    return st;
}

static mv_status give_on(mv_exact_decoder *d, const uint8_t *bytes, size_t len, mv_error *err)
{
    return EVP_DigestUpdate(d->digest, bytes, len) == 1 ? d->to->write(d->to->user, bytes, len, err)
                                                        : MV_E_INTERNAL;
}

static mv_status flush_batch(mv_exact_decoder *d, mv_error *err)
{
    mv_status st = MV_OK;
    const size_t len = d->batch_frames * (size_t)mv_raster_frame_len(&d->raster);

    if (len > d->rebuilt_room) {
        mv_wipe(d->rebuilt, d->rebuilt_room);
        free(d->rebuilt);
        d->rebuilt = malloc(len);
        d->rebuilt_room = d->rebuilt != NULL ? len : 0;
        MV_REQUIRE(d->rebuilt != NULL, err, MV_E_MEMORY, "out of memory for a frame");
    }
    if (!d->own) {
        MV_TRY(run_child(d, len, err));
    } else if (!mv_exact_rebuild(d->rebuilt, &d->raster, d->batch.bytes, d->batch.len)) {
        st = not_a_coding(err);
        goto done;
    }
    d->batch.len = 0;
    d->batch_frames = 0;
    MV_TRY(give_on(d, d->rebuilt, len, err));
done:
    return st;
}

/* Bytes after the last frame. */
static uint64_t rest_len(const mv_exact_decoder *d)
{
    return d->file_len - d->raster.at - d->raster.frames * mv_raster_frame_len(&d->raster);
}

static void enter(mv_exact_decoder *d, stage next, uint64_t left)
{
    d->stage = next;
    d->left = left;
}

static mv_status end_frame(mv_exact_decoder *d, mv_error *err)
{
    mv_status st = MV_OK;
    d->batch_frames++;
    d->frames_left--;
    if (d->frames_left == 0 ||
        d->batch_frames * mv_raster_frame_len(&d->raster) + mv_raster_frame_len(&d->raster) >
            BATCH_LEN) {
        MV_TRY(flush_batch(d, err));
    }
    enter(d, d->frames_left == 0 ? AFTER : FRAME_HEAD,
          d->frames_left == 0 ? rest_len(d) : FRAME_HEAD_LEN);
done:
    return st;
}

/* A stage has got all its bytes: on to the next. */
static mv_status end_stage(mv_exact_decoder *d, mv_error *err)
{
    mv_status st = MV_OK;
    frame_head f;

    switch (d->stage) {
    case HEAD:
        if (!head_read(&d->raster, d->item, d->file_len)) {
            st = not_a_coding(err);
            goto done;
        }
        d->frames_left = d->raster.frames;
        enter(d, BEFORE, d->raster.at);
        break;
    case BEFORE:
        enter(d, FRAME_HEAD, FRAME_HEAD_LEN);
        break;
    case FRAME_HEAD:
        if (!frame_head_read(&f, d->batch.bytes + d->batch.len - FRAME_HEAD_LEN, &d->raster)) {
            st = not_a_coding(err);
            goto done;
        }
        enter(d, FRAME, f.len);
        break;
    case FRAME:
        MV_TRY(end_frame(d, err));
        break;
    case AFTER:
        enter(d, DIGEST, DIGEST_LEN);
        break;
    case DIGEST:
        memcpy(d->wanted, d->item, DIGEST_LEN);
        enter(d, DONE, 0);
        break;
    case DONE:
        st = not_a_coding(err); /* something follows */
        break;
    }
done:
    return st;
}

static mv_status take(mv_exact_decoder *d, const uint8_t *bytes, size_t len, mv_error *err)
{
    switch (d->stage) {
    case HEAD:
        memcpy(d->item + HEAD_LEN - d->left, bytes, len);
        return MV_OK;
    case DIGEST:
        memcpy(d->item + DIGEST_LEN - d->left, bytes, len);
        return MV_OK;
    case FRAME_HEAD:
    case FRAME:
        return mv_buffer_append(&d->batch, bytes, len);
    case BEFORE:
    case AFTER:
        return give_on(d, bytes, len, err);
    case DONE:
        break;
    }
    return not_a_coding(err);
}

mv_status mv_exact_decoder_write(void *decoder, const uint8_t *bytes, size_t len, mv_error *err)
{
    mv_status st = MV_OK;
    mv_exact_decoder *d = decoder;

    while (len != 0) {
        const size_t part = d->left < len ? (size_t)d->left : len;
        if (part != 0) {
            MV_TRY(take(d, bytes, part, err));
            d->left -= part;
            bytes += part;
            len -= part;
        }
        if (d->left == 0 && (part == 0 || d->stage != DONE)) {
            MV_TRY(end_stage(d, err));
        }
    }
done:
    return st;
}

/* The digest of the file so far; the file goes no further. */
static bool digest_of(uint8_t out[DIGEST_LEN], const mv_exact_decoder *d)
{
    return EVP_DigestFinal_ex(d->digest, out, NULL) == 1;
}

mv_status mv_exact_decoder_end(mv_exact_decoder *d, mv_error *err)
{
    uint8_t digest[DIGEST_LEN];
    return d->stage == DONE && digest_of(digest, d) && mv_equal_ct(digest, d->wanted, DIGEST_LEN)
               ? MV_OK
               : not_a_coding(err);
}

/* ---- coding ---- */

typedef struct encoder {
    const mv_source *source;
    const mv_sink *out;
    uint32_t max_error;
    mv_raster raster;
    mv_exact_decoder *decoder; /* gets what out gets */
    uint64_t coded_len;
    uint64_t compared; /* bytes of the file that have been rebuilt and compared */
    bool given_up;     /* larger than the file, or rebuilt differently */
    uint8_t *frame, *stream;
    uint16_t *samples;
    uint8_t piece[PIECE_LEN];
} encoder;

/* A lossless coding that our own decoder does not take is no failure: the file travels as it is. */
static bool is_forgiven(const encoder *e, mv_status st)
{
    return e->max_error == 0 && st == MV_E_FORMAT;
}

static mv_status emit(encoder *e, const uint8_t *bytes, size_t len, mv_error *err)
{
    mv_status st = MV_OK;
    mv_error why = {0};

    e->coded_len += len;
    if (e->coded_len >= e->source->len && e->max_error == 0) {
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
    const uint32_t sign = (mask_of(r) >> 1) + 1;
    return r->is_signed && (v & sign) != 0 ? (int32_t)v - 2 * (int32_t)sign : (int32_t)v;
}

/* Whether rebuilt samples are near enough to those of the file. */
static bool is_near(const encoder *e, const uint8_t *file, const uint8_t *rebuilt, size_t len)
{
    for (size_t i = 0; i < len / e->raster.sample_bytes; i++) {
        const int64_t apart = (int64_t)number_of(&e->raster, load(&e->raster, file, i)) -
                              number_of(&e->raster, load(&e->raster, rebuilt, i));
        if (apart > e->max_error || -apart > e->max_error) {
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
    const bool may_differ = e->max_error != 0 && in_samples(e);

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

/* How far the frame's samples are above its lowest one. */
static void measure(frame_head *f, const encoder *e)
{
    const size_t count = sample_count(&e->raster);
    int32_t low = INT32_MAX, high = INT32_MIN;
    for (size_t i = 0; i < count; i++) {
        const int32_t v = number_of(&e->raster, load(&e->raster, e->frame, i));
        low = v < low ? v : low;
        high = v > high ? v : high;
    }
    f->lowest = (uint32_t)low & mask_of(&e->raster);
    f->range = (uint32_t)(high - low);
}

/* Those distances, each in a byte or two. */
static void lower(encoder *e, const frame_head *f, uint32_t bits)
{
    const size_t count = sample_count(&e->raster);
    const uint32_t mask = mask_of(&e->raster);
    uint8_t *small = (uint8_t *)e->samples;
    for (size_t i = 0; i < count; i++) {
        const uint32_t v = (load(&e->raster, e->frame, i) - f->lowest) & mask;
        if (bits <= 8) {
            small[i] = (uint8_t)v;
        } else {
            e->samples[i] = (uint16_t)v;
        }
    }
}

static mv_status encode_frame(encoder *e, uint64_t at, mv_error *err)
{
    mv_status st = MV_OK;
    uint8_t head[FRAME_HEAD_LEN];
    frame_head f = {0};
    size_t len = 0;

    MV_TRY(mv_source_read(e->source, at, e->frame, (size_t)mv_raster_frame_len(&e->raster), err));
    measure(&f, e);
    mv_jpegls_frame picture = picture_of(&e->raster, f.range);
    picture.near = e->max_error < f.range / 2 ? e->max_error : f.range / 2;
    lower(e, &f, picture.bits);
    st = mv_picture_encode(e->stream, mv_jpegls_room(&picture), &len, &picture, e->samples);
    if (st == MV_E_SPACE) { /* noise: no smaller than the file */
        e->given_up = true;
        st = MV_OK;
        goto done;
    }
    MV_TRY(st);
    f.len = (uint32_t)len;
    frame_head_write(head, &f);
    MV_TRY(emit(e, head, sizeof head, err));
    MV_TRY(emit(e, e->stream, len, err));
done:
    return st;
}

static void encoder_free(encoder *e)
{
    if (e != NULL) {
        const size_t frame_len = (size_t)mv_raster_frame_len(&e->raster);
        mv_wipe(e->frame, e->frame == NULL ? 0 : frame_len);
        mv_wipe(e->samples, e->samples == NULL ? 0 : sample_count(&e->raster) * 2);
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
    const size_t frame_len = (size_t)mv_raster_frame_len(&e->raster);
    const mv_jpegls_frame widest = picture_of(&e->raster, mask_of(&e->raster));

    e->frame = malloc(frame_len < PIECE_LEN ? PIECE_LEN : frame_len);
    e->samples = malloc(sample_count(&e->raster) * sizeof *e->samples);
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
    uint8_t item[DIGEST_LEN];

    head_write(item, &e->raster);
    MV_TRY(emit(e, item, HEAD_LEN, err));
    MV_TRY(emit_source(e, 0, e->raster.at, err));
    for (uint64_t at = e->raster.at; at < end && !e->given_up; at += frame_len) {
        MV_TRY(encode_frame(e, at, err));
    }
    MV_TRY(emit_source(e, end, e->source->len - end, err));
    if (!e->given_up) {
        MV_ENSURE(digest_of(item, e->decoder), MV_E_INTERNAL);
        MV_TRY(e->out->write(e->out->user, item, DIGEST_LEN, err));
        e->coded_len += DIGEST_LEN;
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

mv_status mv_exact_encode(bool *coded, uint64_t *coded_len, const mv_sink *out,
                          const mv_source *source, uint32_t max_error, mv_error *err)
{
    mv_status st = MV_OK;
    encoder *e = calloc(1, sizeof *e);
    const mv_sink comparing = {compare, e};
    bool found = false;

    *coded = false;
    *coded_len = 0;
    MV_REQUIRE(e != NULL, err, MV_E_MEMORY, "out of memory");
    e->source = source;
    e->out = out;
    e->max_error = max_error;
    MV_TRY(find(e, &found, err));
    MV_REQUIRE(found || max_error == 0, err, MV_E_UNSUPPORTED,
               "there are no raw samples whose error could be bounded");
    if (found) {
        MV_TRY(make_room(e, err));
        MV_TRY(mv_exact_decoder_new(&e->decoder, source->len, &comparing));
        e->decoder->own = true;
        MV_TRY(encode(e, err));
        MV_REQUIRE(!e->given_up || max_error == 0, err, MV_E_INTERNAL,
                   "the samples cannot be kept within the stated error");
        *coded = !e->given_up;
        *coded_len = e->coded_len;
    }
done:
    encoder_free(e);
    return st;
}
