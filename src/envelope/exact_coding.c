/* SPDX-License-Identifier: Apache-2.0
 *
 * exact_coding.c: codings 1 and 2.
 *
 *     head 24 | what is before the samples | of each strip: head, stream | what is after | SHA-256
 *
 * A strip of coding 1 is a whole frame in JPEG-LS; one of coding 2 is some rows of a frame, in
 * JPEG-LS or through the pixel coder, whichever is smaller. Its samples are coded as their distance
 * from the strip's lowest value, in as many bits as that needs: two's complement makes no jumps
 * then, and 12-bit values in 16-bit words cost nothing.
 */
#include "exact_coding.h"

#include "base/bytes.h"
#include "base/cpu.h"
#include "base/secret.h"
#include "codec/picture_coding.h"
#include "codec/raster.h"
#include "codec/veil_strip.h"
#include "derive.h"
#include "envelope_io.h"
#include "image/sandbox.h"

#include <openssl/evp.h>
#include <string.h>

enum { HEAD_LEN = 24, STRIP_HEAD_MAX = 9, DIGEST_LEN = 32, PIECE_LEN = 65536 };
enum { KIND_JPEGLS = 1, KIND_PIXELS = 2 }; /* of a strip */

#define STRIP_SAMPLES_MAX ((uint32_t)1 << 20) /* a row has less than a fifth of that */

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

static uint64_t strip_count(const mv_exact_strips *s)
{
    return (uint64_t)s->raster.frames * s->per_frame;
}

/* A strip's lowest sample as a number of its bits, and how far above it the highest is. */
typedef struct strip_head {
    uint32_t kind; /* KIND_..; in coding 1 it is not written */
    uint32_t len, lowest, range;
} strip_head;

static size_t strip_head_len(uint32_t coding)
{
    return coding == MV_CODING_STRIPS ? STRIP_HEAD_MAX : STRIP_HEAD_MAX - 1;
}

static void strip_head_write(uint8_t out[STRIP_HEAD_MAX], const strip_head *f, uint32_t coding)
{
    uint8_t *p = out + strip_head_len(coding) - (STRIP_HEAD_MAX - 1);
    out[0] = (uint8_t)f->kind;
    mv_store_u32le(p, f->len);
    mv_store_u16le(p + 4, (uint16_t)f->lowest);
    mv_store_u16le(p + 6, (uint16_t)f->range);
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

/* No stream of either kind is longer than there would be room for in JPEG-LS. */
static bool strip_head_read(strip_head *f, const uint8_t *in, const mv_raster *strip,
                            uint32_t coding)
{
    const uint8_t *p = in + strip_head_len(coding) - (STRIP_HEAD_MAX - 1);
    f->kind = coding == MV_CODING_STRIPS ? in[0] : KIND_JPEGLS;
    f->len = mv_load_u32le(p);
    f->lowest = mv_load_u16le(p + 4);
    f->range = mv_load_u16le(p + 6);
    const mv_jpegls_frame picture = picture_of(strip, f->range);
    return (f->kind == KIND_JPEGLS || f->kind == KIND_PIXELS) && f->lowest <= mask_of(strip) &&
           f->range <= mask_of(strip) && f->len != 0 && f->len <= mv_jpegls_room(&picture);
}

/* ---- rebuilding ---- */

typedef enum stage { HEAD, BEFORE, STRIP_HEAD, STRIP, AFTER, DIGEST, DONE } stage;

struct mv_exact_decoder {
    const mv_sink *to;
    uint64_t file_len;
    bool own; /* the encoder's: its streams were made a moment ago, in this process */
    stage stage;
    uint64_t left; /* bytes of this stage still to come */
    uint8_t item[DIGEST_LEN];
    uint32_t coding;
    mv_exact_strips strips;
    uint64_t strip;     /* the one being taken */
    strip_head current; /* its head */
    uint64_t batch_first;
    size_t batch_out; /* bytes that the batch will be */
    mv_buffer batch;  /* strips to rebuild next, whole but for the last */
    uint8_t *rebuilt;
    size_t rebuilt_room;
    EVP_MD_CTX *digest; /* of what has been given on */
    uint8_t wanted[DIGEST_LEN];
};

mv_status mv_exact_decoder_new(mv_exact_decoder **out, uint32_t coding, uint64_t file_len,
                               const mv_sink *to)
{
    MV_ASSERT(coding == MV_CODING_RASTER || coding == MV_CODING_STRIPS);
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
    d->coding = coding;
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

/* A strip's samples, as numbers of its bits, back to where they lie in the file. */
static void lift(uint8_t *out, const mv_raster *strip, const strip_head *f, const uint16_t *samples,
                 bool is_small)
{
    const uint8_t *small = (const uint8_t *)samples;
    const size_t count = sample_count(strip);
    for (size_t i = 0; i < count; i++) {
        const uint32_t v = is_small ? small[i] : samples[i];
        store(strip, out, i, f->lowest + (v < f->range ? v : f->range)); /* above: near-lossless */
    }
}

static bool rebuild_strip(uint8_t *out, const mv_raster *strip, const strip_head *f,
                          const uint8_t *stream, uint16_t *samples, unsigned threads)
{
    const mv_jpegls_frame picture = picture_of(strip, f->range);
    const mv_veil_strip pixels = {strip->width, strip->height, strip->channels, f->range};
    const bool ok = f->kind == KIND_JPEGLS
                        ? mv_picture_decode(samples, &picture, stream, f->len) == MV_OK
                        : mv_veil_strip_decode(samples, &pixels, threads, stream, f->len) == MV_OK;
    if (ok) {
        lift(out, strip, f, samples, f->kind == KIND_JPEGLS && picture.bits <= 8);
    }
    return ok;
}

bool mv_exact_rebuild(uint8_t *out, const mv_exact_strips *strips, uint64_t first, unsigned threads,
                      const uint8_t *batch, size_t len)
{
    const mv_raster largest = mv_exact_strip(strips, 0);
    const size_t head_len = strip_head_len(strips->coding);
    mv_reader in = mv_reader_make(batch, len);
    uint16_t *samples = malloc(sample_count(&largest) * sizeof *samples);
    const uint8_t *head = NULL, *stream = NULL;
    bool ok = samples != NULL;
    strip_head f;

    for (uint64_t k = first; ok && mv_reader_left(&in) != 0; k++) {
        const mv_raster strip = mv_exact_strip(strips, k);
        ok = mv_read_view(&in, &head, head_len) == MV_OK &&
             strip_head_read(&f, head, &strip, strips->coding) &&
             mv_read_view(&in, &stream, f.len) == MV_OK &&
             rebuild_strip(out, &strip, &f, stream, samples, threads);
        out += mv_raster_frame_len(&strip);
    }
    if (samples != NULL) {
        mv_wipe(samples, sample_count(&largest) * sizeof *samples);
    }
    free(samples);
    return ok;
}

typedef struct child_work {
    const mv_exact_strips *strips;
    uint64_t first;
} child_work;

static uint32_t rebuild_work(const mv_sandbox_job *job)
{
    const child_work *w = job->context;
    return !mv_exact_rebuild(job->bulk, w->strips, w->first, 1, job->bytes, job->len);
}

static mv_status run_child(mv_exact_decoder *d, size_t len, mv_error *err)
{
    mv_status st = MV_OK;
    uint32_t result = 1;
    size_t came = len;
    const child_work work = {&d->strips, d->batch_first};
    const mv_sandbox_job job = {.work = rebuild_work,
                                .context = &work,
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

/* JPEG-LS streams that came from outside are rebuilt in a child, as a second wall. */
static mv_status flush_batch(mv_exact_decoder *d, mv_error *err)
{
    mv_status st = MV_OK;
    const size_t len = d->batch_out;

    if (len > d->rebuilt_room) {
        mv_wipe(d->rebuilt, d->rebuilt_room);
        free(d->rebuilt);
        d->rebuilt = malloc(len);
        d->rebuilt_room = d->rebuilt != NULL ? len : 0;
        MV_REQUIRE(d->rebuilt != NULL, err, MV_E_MEMORY, "out of memory for a frame");
    }
    if (!d->own && d->current.kind == KIND_JPEGLS) {
        MV_TRY(run_child(d, len, err));
    } else if (!mv_exact_rebuild(d->rebuilt, &d->strips, d->batch_first, mv_cpu_count(),
                                 d->batch.bytes, d->batch.len)) {
        st = not_a_coding(err);
        goto done;
    }
    d->batch.len = 0;
    d->batch_out = 0;
    MV_TRY(give_on(d, d->rebuilt, len, err));
done:
    return st;
}

/* Bytes after the last frame. */
static uint64_t rest_len(const mv_exact_decoder *d)
{
    const mv_raster *r = &d->strips.raster;
    return d->file_len - r->at - r->frames * mv_raster_frame_len(r);
}

static void enter(mv_exact_decoder *d, stage next, uint64_t left)
{
    d->stage = next;
    d->left = left;
}

static uint64_t strip_len(const mv_exact_decoder *d, uint64_t k) /* bytes */
{
    const mv_raster strip = mv_exact_strip(&d->strips, k);
    return mv_raster_frame_len(&strip);
}

/* The head of a strip is there. It joins the batch if it is of the same kind as what waits. */
static mv_status begin_strip(mv_exact_decoder *d, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_raster strip = mv_exact_strip(&d->strips, d->strip);
    strip_head head;

    if (!strip_head_read(&head, d->item, &strip, d->coding)) {
        st = not_a_coding(err);
        goto done;
    }
    if (d->batch_out != 0 && head.kind != d->current.kind) {
        MV_TRY(flush_batch(d, err));
    }
    if (d->batch_out == 0) {
        d->batch_first = d->strip;
    }
    d->current = head;
    MV_TRY(mv_buffer_append(&d->batch, d->item, strip_head_len(d->coding)));
    enter(d, STRIP, head.len);
done:
    return st;
}

static mv_status end_strip(mv_exact_decoder *d, mv_error *err)
{
    mv_status st = MV_OK;
    d->batch_out += strip_len(d, d->strip);
    d->strip++;
    const bool is_last = d->strip == strip_count(&d->strips);
    if (is_last || d->batch_out + strip_len(d, d->strip) > BATCH_LEN) {
        MV_TRY(flush_batch(d, err));
    }
    enter(d, is_last ? AFTER : STRIP_HEAD, is_last ? rest_len(d) : strip_head_len(d->coding));
done:
    return st;
}

/* A stage has got all its bytes: on to the next. */
static mv_status end_stage(mv_exact_decoder *d, mv_error *err)
{
    mv_status st = MV_OK;
    mv_raster raster;

    switch (d->stage) {
    case HEAD:
        if (!head_read(&raster, d->item, d->file_len)) {
            st = not_a_coding(err);
            goto done;
        }
        d->strips = mv_exact_strips_of(&raster, d->coding);
        enter(d, BEFORE, raster.at);
        break;
    case BEFORE:
        enter(d, STRIP_HEAD, strip_head_len(d->coding));
        break;
    case STRIP_HEAD:
        MV_TRY(begin_strip(d, err));
        break;
    case STRIP:
        MV_TRY(end_strip(d, err));
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
    case STRIP_HEAD:
        memcpy(d->item + strip_head_len(d->coding) - d->left, bytes, len);
        return MV_OK;
    case STRIP:
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
    const uint32_t sign = (mask_of(r) >> 1) + 1;
    return r->is_signed && (v & sign) != 0 ? (int32_t)v - 2 * (int32_t)sign : (int32_t)v;
}

/* Whether rebuilt samples are near enough to those of the file. */
static bool is_near(const encoder *e, const uint8_t *file, const uint8_t *rebuilt, size_t len)
{
    for (size_t i = 0; i < len / e->raster.sample_bytes; i++) {
        const int64_t apart = (int64_t)number_of(&e->raster, load(&e->raster, file, i)) -
                              number_of(&e->raster, load(&e->raster, rebuilt, i));
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
static void measure(strip_head *f, const encoder *e, const mv_raster *strip)
{
    const size_t count = sample_count(strip);
    int32_t low = INT32_MAX, high = INT32_MIN;
    for (size_t i = 0; i < count; i++) {
        const int32_t v = number_of(strip, load(strip, e->frame, i));
        low = v < low ? v : low;
        high = v > high ? v : high;
    }
    f->lowest = (uint32_t)low & mask_of(strip);
    f->range = (uint32_t)(high - low);
}

/* Those distances. */
static void lower(encoder *e, const mv_raster *strip, const strip_head *f)
{
    const size_t count = sample_count(strip);
    const uint32_t mask = mask_of(strip);
    for (size_t i = 0; i < count; i++) {
        e->samples[i] = (uint16_t)((load(strip, e->frame, i) - f->lowest) & mask);
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
static mv_status code_pixels(encoder *e, const mv_raster *strip, const strip_head *f)
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
static mv_status code_jpegls(size_t *len, encoder *e, const mv_raster *strip, const strip_head *f)
{
    mv_status st = MV_OK;
    mv_jpegls_frame picture = picture_of(strip, f->range);
    picture.near = lesser(e->opts.max_error, f->range / 2);
    *len = 0;
    if (e->opts.choice == MV_EXACT_PIXELS && e->pixels.len != 0) {
        return MV_OK;
    }
    if (picture.bits <= 8) {
        narrow(e->samples, sample_count(strip));
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
    uint8_t head[STRIP_HEAD_MAX];
    strip_head f = {.kind = KIND_JPEGLS};
    size_t len = 0;

    MV_TRY(mv_source_read(e->source, at, e->frame, (size_t)mv_raster_frame_len(strip), err));
    measure(&f, e, strip);
    lower(e, strip, &f);
    MV_TRY(code_pixels(e, strip, &f));
    MV_TRY(code_jpegls(&len, e, strip, &f));
    if (e->pixels.len != 0 && (len == 0 || e->pixels.len < len)) {
        f.kind = KIND_PIXELS;
        len = e->pixels.len;
    }
    if (len == 0) {
        e->given_up = true;
        goto done;
    }
    f.len = (uint32_t)len;
    strip_head_write(head, &f, e->coding);
    MV_TRY(emit(e, head, strip_head_len(e->coding), err));
    MV_TRY(emit(e, f.kind == KIND_PIXELS ? e->pixels.bytes : e->stream, len, err));
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
    const mv_jpegls_frame widest = picture_of(&largest, mask_of(&largest));

    e->pixels = mv_buffer_make(SIZE_MAX / 2);
    e->frame_room = len < PIECE_LEN ? PIECE_LEN : len;
    e->samples_room = sample_count(&largest) * sizeof *e->samples;
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
    uint8_t item[DIGEST_LEN];

    head_write(item, &e->raster);
    MV_TRY(emit(e, item, HEAD_LEN, err));
    MV_TRY(emit_source(e, 0, e->raster.at, err));
    for (uint64_t at = e->raster.at, k = 0; at < end && !e->given_up; k++) {
        const mv_raster strip = mv_exact_strip(&e->strips, k);
        MV_TRY(encode_strip(e, &strip, at, err));
        at += mv_raster_frame_len(&strip);
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
        e->decoder->own = true;
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
