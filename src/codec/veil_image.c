/* SPDX-License-Identifier: Apache-2.0
 *
 * veil_image.c: images of any type as compact bytes (docs/formats/veil.md): samples to planes, the
 * colour transform, the search for the step, and back. Planes are veil_plane.c's business.
 */
#include "base/cpu.h"
#include "base/pool.h"
#include "base/secret.h"
#include "codec/companding.h"
#include "codec/veil_file.h"
#include "codec/veil_plane.h"
#include "image/preprocess.h"
#include "image/samples.h"

#include <math.h>
#include <string.h>

enum {
    VERSION = 1,
    COLOUR = 1, /* three channels, as Y, Cg, Co */
    SCALED = 2, /* samples are low + v (high - low) / 65535 */
    ID_LEN = 4,
    RANGE_MAX = 65535,
    CG_STEP = 16, /* how much coarser, in indices: an error in Cg counts a quarter of one in Y, */
    CO_STEP = 20  /* in Co a sixth, in the mean over R, G, B */
};

/* What stands before the planes. Samples are v = 0..range above low, or scaled. */
typedef struct head {
    uint32_t width, height, depth, channels, bits;
    mv_sample_type type;
    bool scaled;
    double low, high;
    uint32_t range;      /* 0: one colour, and no planes */
    uint32_t step_index; /* of gray planes and Y */
} head;

static uint32_t processors(unsigned threads)
{
    return threads == 0 ? mv_cpu_count() : threads;
}

/* ---- the head's bytes ---- */

static mv_status put_head(mv_buffer *out, const head *h, const mv_veil *veil)
{
    mv_status st = MV_OK;
    const int64_t low = (int64_t)h->low;
    MV_TRY(mv_buffer_put_u8(out, VERSION));
    MV_TRY(mv_buffer_put_u8(out, (h->channels == 3 ? COLOUR : 0) | (h->scaled ? SCALED : 0)));
    MV_TRY(mv_buffer_put_u8(out, (uint8_t)h->type));
    MV_TRY(mv_buffer_put_u8(out, (uint8_t)h->bits));
    MV_TRY(mv_buffer_append(out, veil->hash, ID_LEN));
    MV_TRY(mv_veil_put_number(out, h->width));
    MV_TRY(mv_veil_put_number(out, h->height));
    MV_TRY(mv_veil_put_number(out, h->depth));
    if (h->scaled) {
        MV_TRY(mv_buffer_put_f64le(out, h->low));
        MV_TRY(mv_buffer_put_f64le(out, h->high));
    } else {
        MV_TRY(mv_veil_put_number(out, low < 0 ? 2 * (uint64_t)-low - 1 : 2 * (uint64_t)low));
    }
    MV_TRY(mv_veil_put_number(out, h->range));
    if (h->range != 0) {
        MV_TRY(mv_veil_put_number(out, h->step_index));
    }
done:
    return st;
}

static mv_status read_u32(mv_reader *in, uint32_t *out, uint32_t most)
{
    uint64_t n = 0;
    const mv_status st = mv_veil_read_number(in, &n, most);
    *out = (uint32_t)n;
    return st;
}

/* low and high of the samples, and whether the two are in the order that encoding makes. */
static mv_status read_range(mv_reader *in, head *h)
{
    mv_status st = MV_OK;
    uint64_t low = 0;
    if (h->scaled) {
        MV_TRY(mv_read_f64le(in, &h->low));
        MV_TRY(mv_read_f64le(in, &h->high));
        MV_ENSURE(isfinite(h->low) && isfinite(h->high) && isfinite(h->high - h->low), MV_E_FORMAT);
        MV_TRY(read_u32(in, &h->range, RANGE_MAX));
        MV_ENSURE(h->range == (h->low < h->high ? RANGE_MAX : 0) && h->low <= h->high, MV_E_FORMAT);
    } else {
        MV_TRY(mv_veil_read_number(in, &low, (uint64_t)1 << 33));
        MV_TRY(read_u32(in, &h->range, RANGE_MAX));
        h->low = low & 1 ? -(double)(low / 2 + 1) : (double)(low / 2);
        h->high = h->low + h->range;
    }
done:
    return st;
}

static mv_status read_head(mv_reader *in, head *h, uint8_t id[ID_LEN])
{
    mv_status st = MV_OK;
    uint8_t version = 0, flags = 0, type = 0, bits = 0;

    memset(h, 0, sizeof *h);
    MV_TRY(mv_read_u8(in, &version));
    MV_ENSURE(version == VERSION, version == 0 ? MV_E_FORMAT : MV_E_UNSUPPORTED);
    MV_TRY(mv_read_u8(in, &flags));
    MV_TRY(mv_read_u8(in, &type));
    MV_TRY(mv_read_u8(in, &bits));
    h->type = (mv_sample_type)type;
    MV_ENSURE(flags <= (COLOUR | SCALED) && mv_sample_size(h->type) != 0 && bits <= 32,
              MV_E_FORMAT);
    h->channels = flags & COLOUR ? 3 : 1;
    h->scaled = (flags & SCALED) != 0;
    h->bits = bits;
    MV_TRY(mv_read_copy(in, id, ID_LEN));
    MV_TRY(read_u32(in, &h->width, MV_IMAGE_SIDE_MAX));
    MV_TRY(read_u32(in, &h->height, MV_IMAGE_SIDE_MAX));
    MV_TRY(read_u32(in, &h->depth, MV_IMAGE_SIDE_MAX));
    MV_ENSURE(h->width != 0 && h->height != 0 && h->depth != 0, MV_E_FORMAT);
    MV_ENSURE((uint64_t)h->width * h->height <= MV_IMAGE_SAMPLES_MAX / h->depth / h->channels,
              MV_E_LIMIT);
    MV_TRY(read_range(in, h));
    if (h->range != 0) {
        MV_TRY(read_u32(in, &h->step_index, MV_VEIL_INDEX_MAX));
        MV_ENSURE(h->step_index >= MV_VEIL_INDEX_MIN, MV_E_FORMAT);
    }
done:
    return st;
}

/* Stored values per step of v. */
static double unit_of(const head *h)
{
    return h->scaled && h->range != 0 ? (h->high - h->low) / RANGE_MAX : 1;
}

static double step_of(const head *h)
{
    return h->range == 0 ? 0 : mv_veil_step64(h->step_index) / 64.0 * unit_of(h);
}

/* ---- planes of a slice ---- */

enum { RUN = 4096 }; /* samples converted at a time */

/* plane (channels, height, width) of slice z: v */
static void read_planes(int32_t *const plane[3], const mv_image *image, const head *h, size_t z)
{
    const size_t count = (size_t)h->width * h->height;
    const double unit = unit_of(h);
    double some[RUN];
    for (uint32_t c = 0; c < h->channels; c++) {
        for (size_t at = 0; at < count; at += RUN) {
            const size_t n = count - at < RUN ? count - at : RUN;
            mv_samples_read(some, image, (z * count + at) * h->channels + c, h->channels, n);
            for (size_t i = 0; i < n; i++) {
                plane[c][at + i] = (int32_t)floor((some[i] - h->low) / unit + 0.5);
            }
        }
    }
    mv_wipe(some, sizeof some);
}

static void write_planes(mv_image *image, int32_t *const plane[3], const head *h, size_t z)
{
    const size_t count = (size_t)h->width * h->height;
    const double unit = unit_of(h);
    double some[RUN];
    for (uint32_t c = 0; c < h->channels; c++) {
        for (size_t at = 0; at < count; at += RUN) {
            const size_t n = count - at < RUN ? count - at : RUN;
            for (size_t i = 0; i < n; i++) {
                some[i] = h->low + plane[c][at + i] * unit;
            }
            mv_samples_write(image, (z * count + at) * h->channels + c, h->channels, some, n);
        }
    }
    mv_wipe(some, sizeof some);
}

/* R, G, B -> Y, Cg, Co and back, exactly (YCoCg-R); a gray plane is Y. Black stays 0: that
 * a region has no light is something that its frequencies' networks go by. */
static void mix(int32_t *const plane[3], const head *h)
{
    const size_t count = (size_t)h->width * h->height;
    for (size_t i = 0; i < count; i++) {
        int32_t y = plane[0][i];
        if (h->channels == 3) {
            const int32_t co = plane[0][i] - plane[2][i], t = plane[2][i] + (co >> 1);
            const int32_t cg = plane[1][i] - t;
            y = t + (cg >> 1);
            plane[1][i] = cg;
            plane[2][i] = co;
        }
        plane[0][i] = y;
    }
}

static int32_t clamp(int32_t v, int32_t high)
{
    return v < 0 ? 0 : v > high ? high : v;
}

/* Numbers beyond what encoding makes are cut first, so that nothing overflows. */
static int32_t bounded(int32_t v)
{
    const int32_t most = 1 << 20;
    return v < -most ? -most : v > most ? most : v;
}

static void unmix(int32_t *const plane[3], const head *h)
{
    const size_t count = (size_t)h->width * h->height;
    const int32_t high = (int32_t)h->range;
    for (size_t i = 0; i < count; i++) {
        const int32_t y = bounded(plane[0][i]);
        if (h->channels == 1) {
            plane[0][i] = clamp(y, high);
            continue;
        }
        const int32_t cg = bounded(plane[1][i]), co = bounded(plane[2][i]);
        const int32_t t = y - (cg >> 1), g = cg + t, b = t - (co >> 1);
        plane[0][i] = clamp(b + co, high);
        plane[1][i] = clamp(g, high);
        plane[2][i] = clamp(b, high);
    }
}

static mv_veil_plane plane_of(const head *h, uint32_t c)
{
    static const uint32_t coarser[3] = {0, CG_STEP, CO_STEP};
    const uint32_t index = h->step_index + coarser[c];
    return (mv_veil_plane){h->width, h->height, h->range,
                           index > MV_VEIL_INDEX_MAX ? MV_VEIL_INDEX_MAX : index};
}

/* Room for the planes of a slice, one behind the other. */
static mv_status planes_new(int32_t *plane[3], const head *h)
{
    const size_t count = (size_t)h->width * h->height;
    plane[0] = malloc(count * h->channels * sizeof *plane[0]);
    for (uint32_t c = 1; plane[0] != NULL && c < h->channels; c++) {
        plane[c] = plane[0] + c * count;
    }
    return plane[0] == NULL ? MV_E_MEMORY : MV_OK;
}

static void planes_free(int32_t *plane[3], const head *h)
{
    if (plane[0] != NULL) {
        mv_wipe(plane[0], (size_t)h->width * h->height * h->channels * sizeof *plane[0]);
    }
    free(plane[0]);
}

/* ---- encoding ---- */

mv_veil_opts mv_veil_defaults(void)
{
    return (mv_veil_opts){.quality = 50};
}

typedef struct encoding {
    const mv_veil *veil;
    const mv_image *image;
    const mv_veil_opts *opts;
    head head;
    unsigned threads;  /* in a slice */
    mv_buffer *slice;  /* (depth) */
    double *error;     /* (depth) sum of squares, in units of v */
    uint64_t done, of; /* slices, of all tries */
    uint64_t bytes;    /* of the last try, with the head */
    double psnr_db;
} encoding;

static mv_status encode_slice(void *user, unsigned worker, size_t z)
{
    mv_status st = MV_OK;
    encoding *e = user;
    const head *h = &e->head;
    const size_t count = (size_t)h->width * h->height * h->channels;
    int32_t *plane[3] = {NULL}, *before = malloc(count * sizeof *before);

    MV_ENSURE(before != NULL, MV_E_MEMORY);
    if (worker == 0 && e->opts->progress.step != NULL) {
        MV_TRY(e->opts->progress.step(e->opts->progress.user, "coding", e->done + z, e->of));
    }
    MV_TRY(planes_new(plane, h));
    read_planes(plane, e->image, h, z);
    memcpy(before, plane[0], count * sizeof *before);
    mix(plane, h);
    e->slice[z].len = 0;
    for (uint32_t c = 0; c < h->channels; c++) {
        const mv_veil_plane p = plane_of(h, c);
        MV_TRY(mv_veil_plane_encode(&e->slice[z], e->veil->net, &p, plane[c], e->threads));
    }
    unmix(plane, h);
    e->error[z] = 0;
    for (size_t i = 0; i < count; i++) {
        const double off = plane[0][i] - before[i];
        e->error[z] += off * off;
    }
done:
    if (before != NULL) {
        mv_wipe(before, count * sizeof *before);
    }
    free(before);
    planes_free(plane, h);
    return st;
}

/* With this step: bytes of all slices, and the error. */
static mv_status try_step(encoding *e, uint32_t index, size_t head_len)
{
    mv_status st = MV_OK;
    const head *h = &e->head;
    const unsigned workers = processors(e->opts->threads);
    double error = 0;

    e->head.step_index = index;
    e->threads = h->depth > 1 ? 1 : workers;
    MV_TRY(mv_pool_run(h->depth > 1 ? workers : 1, h->depth, encode_slice, e));
    e->done += h->depth;
    e->bytes = head_len;
    for (size_t z = 0; z < h->depth; z++) {
        e->bytes += e->slice[z].len;
        error += e->error[z];
    }
    const double peak = h->bits == 0 ? h->range : (exp2(h->bits) - 1) / unit_of(h);
    const double count = (double)h->width * h->height * h->channels * h->depth;
    e->psnr_db = error == 0 ? INFINITY : 10 * log10(peak * peak * count / error);
done:
    return st;
}

/* Index of quality Q: a step of range / 255 * 2^((80 - Q) / 10). */
static uint32_t index_of(uint32_t quality, uint32_t range)
{
    const int32_t q8 =
        96 * 256 + 16 * (mv_log2_q8(range) - mv_log2_q8(255)) + (80 - (int32_t)quality) * 4096 / 10;
    const int32_t index = (q8 + 128) >> 8;
    return (uint32_t)(index < MV_VEIL_INDEX_MIN   ? MV_VEIL_INDEX_MIN
                      : index > MV_VEIL_INDEX_MAX ? MV_VEIL_INDEX_MAX
                                                  : index);
}

/* The coarsest step that reaches a PSNR. */
static mv_status search_psnr(encoding *e, size_t head_len, mv_error *err)
{
    mv_status st = MV_OK;
    const double want = e->opts->target_psnr_db;
    uint32_t low = MV_VEIL_INDEX_MIN, high = MV_VEIL_INDEX_MAX;
    while (low < high) { /* low reaches it, as far as anything does; above high nothing does */
        const uint32_t middle = (low + high + 1) / 2;
        MV_TRY(try_step(e, middle, head_len));
        if (e->psnr_db >= want) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    MV_TRY(try_step(e, low, head_len));
    MV_REQUIRE(e->psnr_db >= want, err, MV_E_ARGUMENT,
               "this image reaches %.2f dB at most, not %.2f; its exact form keeps everything",
               e->psnr_db, want);
done:
    return st;
}

/* The finest step that needs no more than these bytes. */
static mv_status search_bytes(encoding *e, size_t head_len, mv_error *err)
{
    mv_status st = MV_OK;
    const uint64_t most = e->opts->target_bytes;
    uint32_t low = MV_VEIL_INDEX_MIN, high = MV_VEIL_INDEX_MAX;
    while (low < high) { /* high fits, as far as anything does; below low nothing does */
        const uint32_t middle = (low + high) / 2;
        MV_TRY(try_step(e, middle, head_len));
        if (e->bytes <= most) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    MV_TRY(try_step(e, high, head_len));
    MV_REQUIRE(e->bytes <= most, err, MV_E_ARGUMENT,
               "this image does not go into %llu bytes; it takes %llu at least",
               (unsigned long long)most, (unsigned long long)e->bytes);
done:
    return st;
}

static mv_status describe(head *h, const mv_image *image, mv_error *err)
{
    mv_status st = MV_OK;
    *h = (head){image->width,
                image->height,
                image->depth,
                image->channels,
                image->bits,
                image->type,
                false,
                0,
                0,
                0,
                MV_VEIL_INDEX_MIN};
    MV_REQUIRE(image->channels == 1 || image->channels == 3, err, MV_E_ARGUMENT,
               "an image has 1 or 3 channels, not %u", image->channels);
    MV_TRY(mv_image_range(&h->low, &h->high, image, err));
    const bool real = image->type == MV_SAMPLE_F32 || image->type == MV_SAMPLE_F64;
    h->scaled = real || h->high - h->low > RANGE_MAX;
    MV_REQUIRE(isfinite(h->high - h->low), err, MV_E_RANGE,
               "the values of the image are too far apart");
    h->range = h->low == h->high ? 0 : h->scaled ? RANGE_MAX : (uint32_t)(h->high - h->low);
done:
    return st;
}

static mv_status check_opts(const mv_veil_opts *o, mv_error *err)
{
    mv_status st = MV_OK;
    const int given = (o->quality != 0) + (o->target_psnr_db != 0) + (o->target_bytes != 0);
    MV_REQUIRE(given == 1 && o->quality <= 100 &&
                   (o->target_psnr_db == 0 || (o->target_psnr_db > 0 && o->target_psnr_db <= 200)),
               err, MV_E_ARGUMENT, "give a quality of 1 to 100, or a PSNR, or a number of bytes");
done:
    return st;
}

/* The planes of all slices, with the step that was asked for. */
static mv_status code_slices(encoding *e, mv_error *err)
{
    mv_status st = MV_OK;
    const head *h = &e->head;
    mv_buffer longest = mv_buffer_make(SIZE_MAX);

    e->slice = malloc(h->depth * sizeof *e->slice);
    e->error = malloc(h->depth * sizeof *e->error);
    MV_REQUIRE(e->slice != NULL && e->error != NULL, err, MV_E_MEMORY, "out of memory");
    for (size_t z = 0; z < h->depth; z++) {
        e->slice[z] = mv_buffer_make(SIZE_MAX);
    }
    e->head.step_index = MV_VEIL_INDEX_MAX;
    MV_TRY(put_head(&longest, h, e->veil));
    e->of = (uint64_t)h->depth * (e->opts->quality != 0 ? 1 : 9);
    if (e->opts->target_psnr_db != 0) {
        st = search_psnr(e, longest.len, err);
    } else if (e->opts->target_bytes != 0) {
        st = search_bytes(e, longest.len, err);
    } else {
        st = try_step(e, index_of(e->opts->quality, h->range), longest.len);
    }
done:
    mv_buffer_clear(&longest);
    return st;
}

static void encoding_clear(encoding *e)
{
    for (size_t z = 0; e->slice != NULL && e->error != NULL && z < e->head.depth; z++) {
        mv_buffer_clear(&e->slice[z]);
    }
    free(e->slice);
    free(e->error);
}

static mv_status join(mv_buffer *out, const encoding *e)
{
    mv_status st = MV_OK;
    MV_TRY(put_head(out, &e->head, e->veil));
    for (size_t z = 0; e->head.range != 0 && z < e->head.depth; z++) {
        MV_TRY(mv_buffer_append(out, e->slice[z].bytes, e->slice[z].len));
    }
done:
    return st;
}

mv_status mv_veil_encode(uint8_t **out, size_t *len, mv_veil_stats *stats, const mv_veil *veil,
                         const mv_image *image, const mv_veil_opts *opts, mv_error *err)
{
    mv_status st = MV_OK;
    encoding e = {.veil = veil, .image = image, .opts = opts, .psnr_db = INFINITY};
    mv_buffer bytes = mv_buffer_make(SIZE_MAX);

    *out = NULL;
    *len = 0;
    MV_TRY(check_opts(opts, err));
    MV_TRY(describe(&e.head, image, err));
    if (e.head.range != 0) {
        MV_TRY(code_slices(&e, err));
    }
    st = join(&bytes, &e);
    MV_REQUIRE(st == MV_OK, err, st, "out of memory");
    MV_REQUIRE(opts->target_bytes == 0 || bytes.len <= opts->target_bytes, err, MV_E_ARGUMENT,
               "this image does not go into %llu bytes; it takes %zu at least",
               (unsigned long long)opts->target_bytes, bytes.len);
    if (stats != NULL) {
        *stats = (mv_veil_stats){e.psnr_db, step_of(&e.head), bytes.len};
    }
    *out = bytes.bytes;
    *len = bytes.len;
    bytes = mv_buffer_make(0);
done:
    mv_buffer_clear(&bytes);
    encoding_clear(&e);
    return st;
}

void mv_veil_free_bytes(uint8_t **bytes, size_t len)
{
    if (*bytes != NULL) {
        mv_wipe(*bytes, len);
    }
    free(*bytes);
    *bytes = NULL;
}

mv_status mv_veil_meta(mv_code_meta *out, const mv_veil *veil, const mv_image *image, mv_error *err)
{
    mv_model_info info;
    memset(out, 0, sizeof *out);
    mv_veil_describe(&info, veil);
    out->width = image->width;
    out->height = image->height;
    out->depth = image->depth;
    out->channels = image->channels;
    out->type = image->type;
    out->bits = image->bits;
    out->slope = image->slope;
    out->intercept = image->intercept;
    out->frame_slices = 1;
    memcpy(out->spacing_mm, image->spacing_mm, sizeof out->spacing_mm);
    memcpy(out->model_hash, info.hash, sizeof out->model_hash);
    memcpy(out->model_name, info.name, sizeof out->model_name);
    return mv_image_range(&out->range_lo, &out->range_hi, image, err);
}

/* ---- decoding ---- */

static mv_status open_head(mv_reader *in, head *h, uint8_t id[ID_LEN], mv_error *err)
{
    const mv_status st = read_head(in, h, id);
    if (st == MV_E_UNSUPPORTED) {
        return mv_fail(err, st, "the compact image is of a later version than this program reads");
    }
    return st == MV_OK ? st
                       : mv_fail(err, st, "the compact image cannot be decoded: %s",
                                 mv_status_sentence(st));
}

mv_status mv_veil_inspect(mv_veil_about *out, const uint8_t *bytes, size_t len, mv_error *err)
{
    mv_status st = MV_OK;
    head h;
    mv_reader in = mv_reader_make(bytes, len);

    memset(out, 0, sizeof *out);
    MV_TRY(open_head(&in, &h, out->networks, err));
    out->width = h.width;
    out->height = h.height;
    out->depth = h.depth;
    out->channels = h.channels;
    out->type = h.type;
    out->bits = h.bits;
    out->low = h.low;
    out->high = h.high;
    out->step = step_of(&h);
done:
    if (st != MV_OK) {
        memset(out, 0, sizeof *out);
    }
    return st;
}

typedef struct decoding {
    const mv_veil *veil;
    mv_image *image;
    head head;
    mv_reader *slice; /* (depth) where each begins */
    unsigned threads; /* in a slice */
    mv_progress progress;
} decoding;

static mv_status decode_slice(void *user, unsigned worker, size_t z)
{
    mv_status st = MV_OK;
    decoding *d = user;
    const head *h = &d->head;
    int32_t *plane[3] = {NULL};

    if (worker == 0 && d->progress.step != NULL) {
        MV_TRY(d->progress.step(d->progress.user, "decoding", z, h->depth));
    }
    MV_TRY(planes_new(plane, h));
    for (uint32_t c = 0; c < h->channels; c++) {
        const mv_veil_plane p = plane_of(h, c);
        MV_TRY(mv_veil_plane_decode(plane[c], &d->slice[z], d->veil->net, &p, d->threads));
    }
    unmix(plane, h);
    write_planes(d->image, plane, h, z);
done:
    planes_free(plane, h);
    return st;
}

static mv_status find_slices(decoding *d, mv_reader *in)
{
    mv_status st = MV_OK;
    const head *h = &d->head;
    d->slice = malloc(h->depth * sizeof *d->slice);
    MV_ENSURE(d->slice != NULL, MV_E_MEMORY);
    for (size_t z = 0; h->range != 0 && z < h->depth; z++) {
        d->slice[z] = *in;
        for (uint32_t c = 0; c < h->channels; c++) {
            const mv_veil_plane p = plane_of(h, c);
            MV_TRY(mv_veil_plane_skip(in, &p));
        }
    }
    MV_ENSURE(mv_reader_left(in) == 0, MV_E_FORMAT);
done:
    return st;
}

static void fill(mv_image *image, double value)
{
    const size_t count = mv_image_sample_count(image);
    for (size_t i = 0; i < count; i++) {
        mv_image_set(image, i, value);
    }
}

static mv_status decode_slices(decoding *d, unsigned threads)
{
    const head *h = &d->head;
    const unsigned workers = processors(threads);
    if (h->range == 0) {
        fill(d->image, h->low);
        return MV_OK;
    }
    d->threads = h->depth > 1 ? 1 : workers;
    return mv_pool_run(h->depth > 1 ? workers : 1, h->depth, decode_slice, d);
}

/* The stream's head and the envelope's description are of one image; what only the latter knows. */
static mv_status dress(mv_image *image, const mv_code_meta *m)
{
    const bool same = m->width == image->width && m->height == image->height &&
                      m->depth == image->depth && m->channels == image->channels &&
                      m->type == image->type && m->bits == image->bits;
    image->slope = m->slope;
    image->intercept = m->intercept;
    memcpy(image->spacing_mm, m->spacing_mm, sizeof image->spacing_mm);
    return same ? MV_OK : MV_E_MISMATCH;
}

mv_status mv_veil_decode(mv_image *out, const mv_veil *veil, const uint8_t *bytes, size_t len,
                         const mv_code_meta *meta, unsigned threads, mv_progress progress,
                         mv_error *err)
{
    mv_status st = MV_OK;
    mv_reader in = mv_reader_make(bytes, len);
    mv_image image = {0};
    decoding d = {.veil = veil, .image = &image, .progress = progress};
    uint8_t id[ID_LEN];

    memset(out, 0, sizeof *out);
    MV_TRY(open_head(&in, &d.head, id, err));
    MV_REQUIRE(memcmp(id, veil->hash, ID_LEN) == 0, err, MV_E_MISMATCH,
               "the compact image was made with other networks, %02x%02x%02x%02x...", id[0], id[1],
               id[2], id[3]);
    st = find_slices(&d, &in);
    MV_REQUIRE(st == MV_OK, err, st, "the compact image cannot be decoded: %s",
               mv_status_sentence(st));
    const head *h = &d.head;
    st = mv_image_alloc(&image, h->width, h->height, h->depth, h->channels, h->type);
    MV_REQUIRE(st == MV_OK, err, st, "cannot make an image of %u x %u", h->width, h->height);
    image.bits = h->bits;
    MV_REQUIRE(meta == NULL || dress(&image, meta) == MV_OK, err, MV_E_MISMATCH,
               "the compact image is not the one that the envelope describes");
    st = decode_slices(&d, threads);
    MV_REQUIRE(st == MV_OK, err, st, "the compact image cannot be decoded: %s",
               mv_status_sentence(st));
    *out = image;
    image = (mv_image){0};
done:
    free(d.slice);
    mv_image_clear(&image);
    return st;
}
