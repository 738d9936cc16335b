/* SPDX-License-Identifier: Apache-2.0
 *
 * img_nifti.c: NIfTI-1 and NIfTI-2, single files (.nii, .nii.gz) and pairs (.hdr and .img), both
 * byte orders. Our own bounded reader, from memory: docs/decisions/0002-own-nifti-reader.md.
 *
 * Voxels keep the file's order: x fastest, then y, then z, so that row 0 of a slice is usually the
 * patient's back. Further axes (time, components) follow in the stack: depth = z * t * ...
 * 64-bit integers become doubles, where each of them is one exactly. Not read: complex numbers,
 * RGBA, single bits, 128-bit floats. nifti_like.c keeps orientation and extensions on writing.
 */
#include "base/platform.h"
#include "image/nifti_head.h"
#include "image/samples.h"

#define ZLIB_CONST /* zlib does not write to its input */
#include <math.h>
#include <string.h>
#include <zlib.h>

#define HEADER1_LEN   ((uint32_t)MV_NIFTI1_LEN)
#define HEADER2_LEN   ((uint32_t)MV_NIFTI2_LEN)
#define OFFSET_MAX    (1 << 30) /* of the voxels in the file */
#define TRAILING_MAX  (1 << 20) /* bytes after the voxels of a compressed file */
#define DEFLATE_RATIO 1032u     /* deflate cannot do better */

enum { CODE_INT64 = 1024, CODE_UINT64 = 1280 };

/* Written as the first row that fits, so the 64-bit integers stand behind doubles. */
static const struct {
    int code;
    mv_sample_type type;
    uint32_t channels;
} nifti_types[] = {
    {2, MV_SAMPLE_U8, 1},           {256, MV_SAMPLE_I8, 1},          {512, MV_SAMPLE_U16, 1},
    {4, MV_SAMPLE_I16, 1},          {768, MV_SAMPLE_U32, 1},         {8, MV_SAMPLE_I32, 1},
    {16, MV_SAMPLE_F32, 1},         {64, MV_SAMPLE_F64, 1},          {128, MV_SAMPLE_U8, 3},
    {CODE_INT64, MV_SAMPLE_F64, 1}, {CODE_UINT64, MV_SAMPLE_F64, 1},
};

enum { NIFTI_TYPES = sizeof nifti_types / sizeof nifti_types[0] };

/* Codes that we refuse, by name. */
static const struct {
    int code;
    const char *name;
} foreign_types[] = {
    {1, "1-bit"},      {32, "complex"},   {1536, "128-bit float"},
    {1792, "complex"}, {2048, "complex"}, {2304, "RGBA"},
};

/* ---- a run of bytes, plain or gzip, read forward only ---- */

typedef struct nifti_stream {
    mv_reader in; /* plain: what is left */
    bool is_gzip;
    bool member_ended; /* the last gzip member so far is complete */
    z_stream z;
} nifti_stream;

static bool starts_gzip(const uint8_t *bytes, size_t len)
{
    return len >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

static bool is_gzip(const mv_image_source *source)
{
    return starts_gzip(source->bytes, source->len);
}

static mv_status stream_open(nifti_stream *s, const uint8_t *bytes, size_t len)
{
    enum { GZIP_ONLY = 16 + MAX_WBITS };
    memset(s, 0, sizeof *s);
    s->in = mv_reader_make(bytes, len);
    s->is_gzip = starts_gzip(bytes, len);
    return s->is_gzip && inflateInit2(&s->z, GZIP_ONLY) != Z_OK ? MV_E_MEMORY : MV_OK;
}

static void stream_close(nifti_stream *s)
{
    if (s->is_gzip) {
        (void)inflateEnd(&s->z);
    }
}

/* Give zlib the next piece of the input: its counts are unsigned int, ours size_t. */
static void stream_feed(nifti_stream *s)
{
    const size_t left = mv_reader_left(&s->in);
    const uInt piece = left > (1u << 30) ? 1u << 30 : (uInt)left;
    if (s->z.avail_in == 0) {
        s->z.next_in = s->in.next;
        s->z.avail_in = piece;
        s->in.next += piece;
    }
}

/* stream_some: up to len bytes, at least one unless the end is reached (then *got is 0). Damaged
 * deflate data, also a wrong checksum at the end, is MV_E_FORMAT. */
static mv_status stream_some(nifti_stream *s, uint8_t *out, size_t len, size_t *got)
{
    const uInt want = len > (1u << 30) ? 1u << 30 : (uInt)len;
    s->z.next_out = out;
    s->z.avail_out = want;
    while (s->z.avail_out == want) {
        stream_feed(s);
        if (s->z.avail_in == 0) {
            break;
        }
        const int rc = inflate(&s->z, Z_NO_FLUSH);
        s->member_ended = rc == Z_STREAM_END;
        if (s->member_ended) {
            (void)inflateReset(&s->z); /* another gzip member may follow */
        } else if (rc != Z_OK) {
            return rc == Z_MEM_ERROR ? MV_E_MEMORY : MV_E_FORMAT;
        }
    }
    *got = want - s->z.avail_out;
    return MV_OK;
}

/* stream_read: exactly len bytes. */
static mv_status stream_read(nifti_stream *s, uint8_t *out, size_t len)
{
    if (!s->is_gzip) {
        return mv_read_copy(&s->in, out, len);
    }
    while (len > 0) {
        size_t got = 0;
        const mv_status st = stream_some(s, out, len, &got);
        if (st != MV_OK) {
            return st;
        }
        if (got == 0) {
            return MV_E_TRUNCATED;
        }
        out += got;
        len -= got;
    }
    return MV_OK;
}

static mv_status stream_skip(nifti_stream *s, size_t len)
{
    uint8_t scratch[4096];
    mv_status st = MV_OK;
    while (len > 0 && st == MV_OK) {
        const size_t piece = len < sizeof scratch ? len : sizeof scratch;
        st = stream_read(s, scratch, piece);
        len -= piece;
    }
    return st;
}

/* stream_finish: read a compressed file to its end, where its checksum is compared. */
static mv_status stream_finish(nifti_stream *s)
{
    uint8_t scratch[4096];
    mv_status st = MV_OK;
    size_t got = s->is_gzip ? 1 : 0, total = 0;
    while (got > 0) {
        MV_TRY(stream_some(s, scratch, sizeof scratch, &got));
        total += got;
        MV_ENSURE(total <= TRAILING_MAX, MV_E_LIMIT);
    }
    MV_ENSURE(!s->is_gzip || s->member_ended, MV_E_TRUNCATED);
done:
    return st;
}

/* ---- the header ---- */

typedef mv_nifti_head nifti_header;

uint64_t mv_nifti_get(const mv_nifti_head *h, size_t at, size_t size)
{
    uint64_t v = 0;
    for (size_t i = 0; i < size; i++) {
        v = v << 8 | h->bytes[at + (h->is_big ? i : size - 1 - i)];
    }
    return v;
}

void mv_nifti_put(mv_nifti_head *h, size_t at, size_t size, uint64_t value)
{
    for (size_t i = 0; i < size; i++) {
        h->bytes[at + (h->is_big ? size - 1 - i : i)] = (uint8_t)(value >> (8 * i));
    }
}

static int field_i16(const nifti_header *h, size_t at)
{
    return (int16_t)mv_nifti_get(h, at, 2);
}

static double field_f32(const nifti_header *h, size_t at)
{
    const uint32_t bits = (uint32_t)mv_nifti_get(h, at, 4);
    float v = 0;
    memcpy(&v, &bits, sizeof v);
    return (double)v;
}

static double field_f64(const nifti_header *h, size_t at)
{
    const uint64_t bits = mv_nifti_get(h, at, 8);
    double v = 0;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static int64_t header_dim(const nifti_header *h, size_t i)
{
    return h->is_v2 ? (int64_t)mv_nifti_get(h, 16 + 8 * i, 8) : field_i16(h, 40 + 2 * i);
}

static int header_datatype(const nifti_header *h)
{
    return field_i16(h, h->is_v2 ? 12 : 70);
}

static double header_pixdim(const nifti_header *h, size_t i)
{
    return h->is_v2 ? field_f64(h, 104 + 8 * i) : field_f32(h, 76 + 4 * i);
}

/* Where the voxels start in their file; -1 when the field makes no sense. In a single file 0 means
 * right after the header. */
static int64_t header_offset(const nifti_header *h)
{
    const int64_t least = h->is_pair ? 4 : h->is_v2 ? HEADER2_LEN + 4 : HEADER1_LEN + 4;
    const double stated = h->is_v2 ? (double)(int64_t)mv_nifti_get(h, 168, 8) : field_f32(h, 108);
    if (stated == 0) {
        return h->is_pair ? 0 : least;
    }
    return stated >= (double)(least - 4) && stated <= OFFSET_MAX ? (int64_t)stated : -1;
}

static void header_scaling(const nifti_header *h, mv_image *out)
{
    const double slope = h->is_v2 ? field_f64(h, 176) : field_f32(h, 112);
    const double intercept = h->is_v2 ? field_f64(h, 184) : field_f32(h, 116);
    const bool given = isfinite(slope) && slope != 0 && isfinite(intercept) && out->channels == 1;
    out->slope = given ? slope : 1;
    out->intercept = given ? intercept : 0;
}

static void header_spacing(const nifti_header *h, mv_image *out)
{
    const uint64_t units = (h->is_v2 ? mv_nifti_get(h, 500, 4) : h->bytes[123]) & 7;
    const double mm = units == 1 ? 1000 : units == 3 ? 0.001 : 1; /* metre, micron, mm or unknown */
    for (size_t i = 0; i < 3; i++) {
        const double spacing = fabs(header_pixdim(h, i + 1)) * mm;
        out->spacing_mm[i] = isfinite(spacing) ? spacing : 0;
    }
}

static mv_status damaged(mv_status st, const mv_image_source *source, mv_error *err)
{
    switch (st) {
    case MV_E_TRUNCATED:
        return mv_fail(err, st, "%s is a NIfTI file that ends too early", source->name);
    case MV_E_FORMAT:
        return mv_fail(err, st, "%s is a damaged gzip file", source->name);
    default:
        return mv_fail(err, st, "%s cannot be read: %s", source->name, mv_status_sentence(st));
    }
}

/* Version and byte order from the first number, which is the header's own length. */
static bool header_kind(nifti_header *h)
{
    for (int big = 0; big < 2; big++) {
        h->is_big = big != 0;
        h->is_v2 = mv_nifti_get(h, 0, 4) == HEADER2_LEN;
        if (h->is_v2 || mv_nifti_get(h, 0, 4) == HEADER1_LEN) {
            return true;
        }
    }
    return false;
}

static mv_status check_magic(nifti_header *h, const mv_image_source *source, mv_error *err)
{
    const uint8_t *magic = h->bytes + (h->is_v2 ? 4 : 344);
    mv_status st = MV_OK;

    h->is_pair = memcmp(magic, h->is_v2 ? "ni2" : "ni1", 4) == 0;
    if (!h->is_pair && memcmp(magic, h->is_v2 ? "n+2" : "n+1", 4) != 0) {
        st = mv_fail(err, MV_E_FORMAT, "%s looks like NIfTI but lacks its mark (is it ANALYZE?)",
                     source->name);
    }
    return st;
}

static mv_status read_header(nifti_header *h, nifti_stream *s, const mv_image_source *source,
                             mv_error *err)
{
    mv_status st = MV_OK;

    memset(h, 0, sizeof *h);
    st = stream_read(s, h->bytes, 4);
    if (st != MV_OK) {
        return damaged(st, source, err);
    }
    if (!header_kind(h)) {
        return mv_fail(err, MV_E_FORMAT, "%s is a gzip file that holds no NIfTI image",
                       source->name);
    }
    st = stream_read(s, h->bytes + 4, (h->is_v2 ? HEADER2_LEN : HEADER1_LEN) - 4);
    return st == MV_OK ? check_magic(h, source, err) : damaged(st, source, err);
}

static mv_status read_type(mv_image *out, const nifti_header *h, const mv_image_source *source,
                           mv_error *err)
{
    const int code = header_datatype(h);
    const char *name = NULL;
    for (size_t i = 0; i < NIFTI_TYPES; i++) {
        if (nifti_types[i].code == code) {
            out->type = nifti_types[i].type;
            out->channels = nifti_types[i].channels;
            return MV_OK;
        }
    }
    for (size_t i = 0; i < sizeof foreign_types / sizeof foreign_types[0]; i++) {
        name = foreign_types[i].code == code ? foreign_types[i].name : name;
    }
    if (name == NULL) {
        return mv_fail(err, MV_E_FORMAT, "%s is a damaged NIfTI file: unknown voxel type %d",
                       source->name, code);
    }
    const mv_status st = mv_fail(err, MV_E_UNSUPPORTED, "%s has %s voxels", source->name, name);
    mv_hint(err, "convert it to integers, floats or RGB");
    return st;
}

static mv_status read_shape(mv_image *out, const nifti_header *h, const mv_image_source *source,
                            mv_error *err)
{
    const int64_t axes = header_dim(h, 0);
    uint64_t samples = out->channels;
    int64_t n[3] = {1, 1, 1};

    if (axes < 1 || axes > 7) {
        return mv_fail(err, MV_E_FORMAT, "%s is a damaged NIfTI file: it states %lld dimensions",
                       source->name, (long long)axes);
    }
    for (int64_t i = 0; i < axes; i++) {
        const int64_t dim = header_dim(h, (size_t)i + 1);
        if (dim < 1) {
            return mv_fail(err, MV_E_RANGE, "%s has no voxels: dimension %lld is %lld",
                           source->name, (long long)i + 1, (long long)dim);
        }
        if ((uint64_t)dim > MV_IMAGE_SAMPLES_MAX / samples) {
            return mv_fail(err, MV_E_LIMIT, "%s has more than %llu voxels", source->name,
                           (unsigned long long)MV_IMAGE_SAMPLES_MAX);
        }
        samples *= (uint64_t)dim;
        n[i < 3 ? i : 2] *= dim;
    }
    out->width = (uint32_t)n[0];
    out->height = (uint32_t)n[1];
    out->depth = (uint32_t)n[2];
    return MV_OK;
}

/* The voxels of a pair are in a file of their own. */
static const uint8_t *voxel_bytes(const nifti_header *h, const mv_image_source *source, size_t *len)
{
    *len = h->is_pair ? source->voxels_len : source->len;
    return h->is_pair ? source->voxels : source->bytes;
}

/* All that the header says of the image but its scaling and spacing. */
static mv_status read_kind(mv_image *out, nifti_header *h, nifti_stream *s,
                           const mv_image_source *source, mv_error *err)
{
    mv_status st = MV_OK;
    MV_TRY(read_header(h, s, source, err));
    MV_TRY(read_type(out, h, source, err));
    MV_TRY(read_shape(out, h, source, err));
    MV_REQUIRE(header_offset(h) >= 0, err, MV_E_FORMAT,
               "%s is a damaged NIfTI file: its voxels start nowhere", source->name);
done:
    return st;
}

static mv_status check_length(const mv_image *shape, const nifti_header *h,
                              const mv_image_source *source, mv_error *err)
{
    mv_status st = MV_OK;
    size_t len = 0;
    const uint8_t *bytes = voxel_bytes(h, source, &len);
    const uint64_t have = (uint64_t)len * (starts_gzip(bytes, len) ? DEFLATE_RATIO : 1);
    const uint64_t samples =
        (uint64_t)shape->width * shape->height * shape->depth * shape->channels;

    if (h->is_pair && bytes == NULL) {
        st = mv_fail(err, MV_E_UNSUPPORTED, "%s is a NIfTI header; its pixels are in an .img file",
                     source->name);
        mv_hint(err, "keep the .img file of the same name beside it");
        goto done;
    }
    MV_REQUIRE((uint64_t)header_offset(h) + samples * mv_sample_size(shape->type) <= have, err,
               MV_E_TRUNCATED, "%s is a NIfTI file that ends too early", source->name);
done:
    return st;
}

static mv_status nifti_header_step(mv_image *out, const mv_image_source *source, mv_error *err)
{
    mv_status st = MV_OK;
    nifti_header h;
    nifti_stream s;

    st = stream_open(&s, source->bytes, source->len);
    if (st != MV_OK) {
        return damaged(st, source, err);
    }
    MV_TRY(read_kind(out, &h, &s, source, err));
    MV_TRY(check_length(out, &h, source, err));
    out->bits = out->type == MV_SAMPLE_F32 || out->type == MV_SAMPLE_F64
                    ? 0
                    : 8 * (uint32_t)mv_sample_size(out->type);
    header_scaling(&h, out);
    header_spacing(&h, out);
done:
    stream_close(&s);
    return st;
}

/* Bytes between the header and the voxels; of a pair, after the header as far as they go. */
static mv_status read_extensions(mv_buffer *out, nifti_stream *s, const nifti_header *h)
{
    mv_status st = MV_OK;
    uint8_t block[4096];
    size_t got = 0;
    uint64_t left = h->is_pair
                        ? UINT64_MAX
                        : (uint64_t)header_offset(h) - (h->is_v2 ? HEADER2_LEN : HEADER1_LEN);

    while (left > 0) {
        const size_t want = left < sizeof block ? (size_t)left : sizeof block;
        if (s->is_gzip) {
            MV_TRY(stream_some(s, block, want, &got));
        } else {
            got = want < mv_reader_left(&s->in) ? want : mv_reader_left(&s->in);
            MV_TRY(mv_read_copy(&s->in, block, got));
        }
        MV_ENSURE(got != 0 || h->is_pair, MV_E_TRUNCATED);
        if (got == 0) {
            break;
        }
        MV_ENSURE(out->len + got <= MV_NIFTI_EXTENSIONS_MAX, MV_E_LIMIT);
        MV_TRY(mv_buffer_append(out, block, got));
        left -= got;
    }
done:
    return st;
}

mv_status mv_nifti_head_read(mv_nifti_head *out, mv_image *shape, mv_buffer *extensions,
                             const mv_image_source *source, mv_error *err)
{
    mv_status st = MV_OK;
    nifti_stream s;

    st = stream_open(&s, source->bytes, source->len);
    if (st != MV_OK) {
        return damaged(st, source, err);
    }
    MV_TRY(read_kind(shape, out, &s, source, err));
    st = read_extensions(extensions, &s, out);
    if (st != MV_OK) {
        (void)damaged(st, source, err);
    }
done:
    stream_close(&s);
    return st;
}

/* 64-bit integers -> doubles, in place; false when one of them is between two doubles. */
static bool integers_to_doubles(void *sample, size_t count, bool is_signed)
{
    const double exact_max = 9007199254740992.0; /* 2^53 */
    uint8_t *p = sample;
    for (size_t i = 0; i < count; i++, p += 8) {
        uint64_t word = 0;
        memcpy(&word, p, sizeof word);
        const double v = is_signed ? (double)(int64_t)word : (double)word;
        if (v > exact_max || v < -exact_max) {
            return false;
        }
        memcpy(p, &v, sizeof v);
    }
    return true;
}

static mv_status to_native(mv_image *image, const nifti_header *h, const mv_image_source *source,
                           mv_error *err)
{
    mv_status st = MV_OK;
    const size_t count = mv_image_sample_count(image), size = mv_sample_size(image->type);
    const int code = header_datatype(h);

    if (h->is_big != (MV_BIG_ENDIAN != 0)) {
        mv_samples_swap_bytes(image->sample, count, size);
    }
    if (code == CODE_INT64 || code == CODE_UINT64) {
        st = integers_to_doubles(image->sample, count, code == CODE_INT64)
                 ? MV_OK
                 : mv_fail(err, MV_E_RANGE, "%s holds 64-bit integers beyond 2^53", source->name);
    }
    return st;
}

/* The samples as they lie in the file: in the rest of s, or of a pair in the other file. */
static mv_status read_samples(mv_image *image, nifti_stream *s, const nifti_header *h,
                              const mv_image_source *source)
{
    mv_status st = MV_OK;
    const size_t bytes = mv_image_sample_count(image) * mv_sample_size(image->type);
    const size_t read_already = h->is_pair ? 0 : h->is_v2 ? HEADER2_LEN : HEADER1_LEN;
    nifti_stream other;
    nifti_stream *from = h->is_pair ? &other : s;

    if (h->is_pair) {
        st = stream_open(&other, source->voxels, source->voxels_len);
        if (st != MV_OK) {
            return st;
        }
    }
    MV_TRY(stream_skip(from, (size_t)header_offset(h) - read_already));
    MV_TRY(stream_read(from, image->sample, bytes));
    MV_TRY(stream_finish(from));
done:
    if (h->is_pair) {
        stream_close(&other);
    }
    return st;
}

static mv_status nifti_pixels(mv_image *image, const mv_image_source *source, mv_error *err)
{
    mv_status st = MV_OK;
    nifti_header h;
    nifti_stream s;

    st = stream_open(&s, source->bytes, source->len);
    if (st != MV_OK) {
        return damaged(st, source, err);
    }
    MV_TRY(read_header(&h, &s, source, err));
    st = read_samples(image, &s, &h, source);
    if (st != MV_OK) {
        (void)damaged(st, source, err);
        goto done;
    }
    MV_TRY(to_native(image, &h, source, err));
done:
    stream_close(&s);
    return st;
}

static bool nifti_recognises(const mv_image_source *source)
{
    nifti_header h = {{0}, false, false, false};
    if (source->len < 4) {
        return false;
    }
    memcpy(h.bytes, source->bytes, 4);
    return header_kind(&h);
}

/* ---- writing: little-endian NIfTI-1, or NIfTI-2 where NIfTI-1 cannot hold the numbers ---- */

int mv_nifti_code(const mv_image *image)
{
    for (size_t i = 0; i < NIFTI_TYPES; i++) {
        if (nifti_types[i].type == image->type && nifti_types[i].channels == image->channels) {
            return nifti_types[i].code;
        }
    }
    return 0;
}

static bool fits_v1(const mv_image *image)
{
    return image->width <= INT16_MAX && image->height <= INT16_MAX && image->depth <= INT16_MAX &&
           (double)(float)image->slope == image->slope &&
           (double)(float)image->intercept == image->intercept;
}

enum { UNITS_MM = 2 };

/* Spacing for the header: 1 where unknown, because other programs stumble over 0. */
static double spacing_or_1(const mv_image *image, size_t i)
{
    return image->spacing_mm[i] > 0 ? image->spacing_mm[i] : 1;
}

static void fill_v1(uint8_t *h, const mv_image *image, const uint64_t dim[4])
{
    mv_store_u32le(h, HEADER1_LEN);
    for (size_t i = 0; i < 8; i++) {
        mv_store_u16le(h + 40 + 2 * i, i < 4 ? (uint16_t)dim[i] : 1);
        mv_store_f32le(h + 76 + 4 * i, (float)(i >= 1 && i <= 3 ? spacing_or_1(image, i - 1) : 1));
    }
    mv_store_u16le(h + 70, (uint16_t)mv_nifti_code(image));
    mv_store_u16le(h + 72, (uint16_t)(8 * mv_sample_size(image->type) * image->channels));
    mv_store_f32le(h + 108, HEADER1_LEN + 4);
    mv_store_f32le(h + 112, (float)image->slope);
    mv_store_f32le(h + 116, (float)image->intercept);
    h[123] = image->spacing_mm[0] > 0 ? UNITS_MM : 0;
    memcpy(h + 344, "n+1", 4);
}

static void fill_v2(uint8_t *h, const mv_image *image, const uint64_t dim[4])
{
    mv_store_u32le(h, HEADER2_LEN);
    memcpy(h + 4, "n+2\0\r\n\032\n", 8);
    mv_store_u16le(h + 12, (uint16_t)mv_nifti_code(image));
    mv_store_u16le(h + 14, (uint16_t)(8 * mv_sample_size(image->type) * image->channels));
    for (size_t i = 0; i < 8; i++) {
        mv_store_u64le(h + 16 + 8 * i, i < 4 ? dim[i] : 1);
        mv_store_f64le(h + 104 + 8 * i, i >= 1 && i <= 3 ? spacing_or_1(image, i - 1) : 1);
    }
    mv_store_u64le(h + 168, HEADER2_LEN + 4);
    mv_store_f64le(h + 176, image->slope);
    mv_store_f64le(h + 184, image->intercept);
    mv_store_u32le(h + 500, image->spacing_mm[0] > 0 ? UNITS_MM : 0);
}

static mv_status nifti_encode(mv_buffer *out, const mv_image *image, mv_error *err)
{
    mv_status st = MV_OK;
    const bool v1 = fits_v1(image);
    const uint64_t dim[4] = {image->depth == 1 ? 2 : 3, image->width, image->height, image->depth};
    uint8_t header[HEADER2_LEN + 4] = {0}; /* the last four: no extensions */

    if (mv_nifti_code(image) == 0) {
        st = mv_fail(err, MV_E_UNSUPPORTED, "NIfTI cannot hold RGB of %s samples",
                     mv_sample_name(image->type));
        mv_hint(err, "write .npy instead");
        return st;
    }
    if (v1) {
        fill_v1(header, image, dim);
    } else {
        fill_v2(header, image, dim);
    }
    MV_TRY(mv_buffer_append(out, header, v1 ? HEADER1_LEN + 4 : HEADER2_LEN + 4));
    MV_TRY(mv_samples_append_le(out, image));
done:
    if (st != MV_OK) {
        (void)mv_fail(err, st, "cannot make a NIfTI file: %s", mv_status_sentence(st));
    }
    return st;
}

mv_status mv_gzip_append(mv_buffer *out, const mv_buffer *in)
{
    enum { GZIP = 16 + MAX_WBITS, MEM_LEVEL = 8 };
    z_stream z = {0};
    uint8_t block[16384];
    mv_reader left = mv_reader_make(in->bytes, in->len);
    mv_status st = MV_OK;
    int rc = Z_OK;

    if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP, MEM_LEVEL, Z_DEFAULT_STRATEGY) !=
        Z_OK) {
        return MV_E_MEMORY;
    }
    while (rc != Z_STREAM_END) {
        if (z.avail_in == 0) {
            const size_t more = mv_reader_left(&left);
            z.next_in = left.next;
            z.avail_in = more > (1u << 30) ? 1u << 30 : (uInt)more;
            left.next += z.avail_in;
        }
        z.next_out = block;
        z.avail_out = sizeof block;
        rc = deflate(&z, mv_reader_left(&left) == 0 ? Z_FINISH : Z_NO_FLUSH);
        MV_TRY(mv_buffer_append(out, block, sizeof block - z.avail_out));
    }
done:
    (void)deflateEnd(&z);
    return st;
}

static mv_status nifti_gz_encode(mv_buffer *out, const mv_image *image, mv_error *err)
{
    mv_buffer plain = mv_buffer_make(out->max);
    mv_status st = MV_OK;

    MV_TRY(nifti_encode(&plain, image, err));
    MV_TRY(mv_gzip_append(out, &plain));
done:
    if (st != MV_OK) {
        (void)mv_fail(err, st, "cannot make a NIfTI file: %s", mv_status_sentence(st));
    }
    mv_buffer_clear(&plain);
    return st;
}

#define NIFTI_TRUST "our own bounded reader, zlib with bounded output; fuzz_image_nifti"

static const char *const nifti_extensions[] = {".nii", NULL};

const mv_image_format mv_image_nifti = {
    .name = "NIfTI",
    .extensions = nifti_extensions,
    .may_see_hostile_bytes = true,
    .trust_reason = NIFTI_TRUST,
    .recognises = nifti_recognises,
    .header = nifti_header_step,
    .pixels = nifti_pixels,
    .encode = nifti_encode,
};

static const char *const nifti_gz_extensions[] = {".nii.gz", NULL};

const mv_image_format mv_image_nifti_gz = {
    .name = "NIfTI, compressed",
    .extensions = nifti_gz_extensions,
    .may_see_hostile_bytes = true,
    .trust_reason = NIFTI_TRUST,
    .recognises = is_gzip,
    .header = nifti_header_step,
    .pixels = nifti_pixels,
    .encode = nifti_gz_encode,
};
