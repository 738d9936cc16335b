/* SPDX-License-Identifier: Apache-2.0
 *
 * img_png.c: PNG through libpng: 1 to 16 bits, gray, RGB, palette, plain or interlaced.
 *
 * Samples below 8 bits become 8; a palette becomes RGB, or gray when all its entries are. An alpha
 * channel that is opaque everywhere is dropped; real transparency is refused, because what lies
 * behind it is not in the file. Metadata is not read.
 *
 * libpng reports errors by longjmp: run_guarded is the only function that arms the jump, and what
 * must outlive it is in png_job, which lies in the caller's frame.
 */
#include "base/platform.h"
#include "base/secret.h"
#include "image/image_format.h"

#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#define CHUNK_BYTES_MAX (8u << 20) /* one ancillary chunk, inflated */
#define CHUNKS_MAX      256u       /* ancillary chunks kept */
#define DEFLATE_RATIO   1032u      /* deflate cannot do better */

typedef struct png_job {
    png_structp png;
    png_infop info;
    mv_reader in;    /* when reading */
    mv_buffer *out;  /* when writing */
    mv_status st;    /* set before the jump where it is not MV_E_FORMAT */
    char why[128];   /* libpng's words */
    mv_image *image; /* header: shape only */
    const mv_image *encoded;
    uint8_t *rows; /* decoded rows; the image's own samples unless there is alpha */
    size_t row_bytes;
    bool has_alpha;
} png_job;

static void on_error(png_structp png, png_const_charp message)
{
    png_job *job = png_get_error_ptr(png);
    (void)snprintf(job->why, sizeof job->why, "%s", message);
    longjmp(png_jmpbuf(png), 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static void on_read(png_structp png, png_bytep out, size_t len)
{
    png_job *job = png_get_io_ptr(png);
    if (mv_read_copy(&job->in, out, len) != MV_OK) {
        job->st = MV_E_TRUNCATED;
        png_error(png, "it ends too early");
    }
}

static void on_write(png_structp png, png_bytep bytes, size_t len)
{
    png_job *job = png_get_io_ptr(png);
    job->st = mv_buffer_append(job->out, bytes, len);
    if (job->st != MV_OK) {
        png_error(png, mv_status_sentence(job->st));
    }
}

static void on_flush(png_structp png)
{
    (void)png;
}

/* run_guarded: step(job) with libpng's jump armed. Returns MV_OK or the reason of the jump. */
static mv_status run_guarded(png_job *job, void (*step)(png_job *job))
{
    if (setjmp(png_jmpbuf(job->png)) != 0) {
        return job->st == MV_OK ? MV_E_FORMAT : job->st;
    }
    step(job);
    return MV_OK;
}

static mv_status open_read(png_job *job, const mv_image_source *source)
{
    job->in = mv_reader_make(source->bytes, source->len);
    job->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, job, on_error, on_warning);
    job->info = job->png == NULL ? NULL : png_create_info_struct(job->png);
    if (job->info == NULL) {
        return MV_E_MEMORY;
    }
    png_set_user_limits(job->png, MV_IMAGE_SIDE_MAX, MV_IMAGE_SIDE_MAX);
    png_set_chunk_malloc_max(job->png, CHUNK_BYTES_MAX);
    png_set_chunk_cache_max(job->png, CHUNKS_MAX);
    png_set_read_fn(job->png, job, on_read);
    return MV_OK;
}

static void close_read(png_job *job)
{
    png_destroy_read_struct(&job->png, &job->info, NULL);
}

static bool palette_is_gray(png_job *job)
{
    png_colorp entry = NULL;
    int count = 0;
    (void)png_get_PLTE(job->png, job->info, &entry, &count);
    for (int i = 0; i < count; i++) {
        if (entry[i].red != entry[i].green || entry[i].red != entry[i].blue) {
            return false;
        }
    }
    return count > 0;
}

static void read_header(png_job *job)
{
    png_read_info(job->png, job->info);
    const int color = png_get_color_type(job->png, job->info);
    const bool gray = (color & PNG_COLOR_MASK_COLOR) == 0 ||
                      (color == PNG_COLOR_TYPE_PALETTE && palette_is_gray(job));
    mv_image *image = job->image;
    image->width = png_get_image_width(job->png, job->info);
    image->height = png_get_image_height(job->png, job->info);
    image->depth = 1;
    image->channels = gray ? 1 : 3;
    image->type = png_get_bit_depth(job->png, job->info) == 16 ? MV_SAMPLE_U16 : MV_SAMPLE_U8;
    image->bits = image->type == MV_SAMPLE_U16 ? 16 : 8;
    image->slope = 1;
    job->has_alpha = (color & PNG_COLOR_MASK_ALPHA) != 0 ||
                     png_get_valid(job->png, job->info, PNG_INFO_tRNS) != 0;
}

/* What libpng should turn rows into: 8 or 16 bits, gray or RGB, alpha last where there is any. */
static void set_transforms(png_job *job)
{
    const int color = png_get_color_type(job->png, job->info);
    png_set_expand(job->png); /* palette to RGB, 1-2-4 bits to 8, tRNS to alpha */
    if (color == PNG_COLOR_TYPE_PALETTE && job->image->channels == 1) {
        png_set_rgb_to_gray_fixed(job->png, PNG_ERROR_ACTION_NONE, -1, -1);
    }
    if (!MV_BIG_ENDIAN && job->image->type == MV_SAMPLE_U16) {
        png_set_swap(job->png);
    }
}

static void read_transformed_info(png_job *job)
{
    read_header(job);
    set_transforms(job);
}

static void read_rows(png_job *job)
{
    const int passes = png_set_interlace_handling(job->png);
    png_read_update_info(job->png, job->info);
    if (png_get_rowbytes(job->png, job->info) != job->row_bytes) {
        png_error(job->png, "its rows have an unexpected length");
    }
    for (int pass = 0; pass < passes; pass++) {
        for (uint32_t y = 0; y < job->image->height; y++) {
            png_read_row(job->png, job->rows + y * job->row_bytes, NULL);
        }
    }
    png_read_end(job->png, NULL);
}

static mv_status png_failed(const png_job *job, const mv_image_source *source, mv_status st,
                            mv_error *err)
{
    switch (st) {
    case MV_E_MEMORY:
        return mv_fail(err, st, "%s cannot be read: out of memory", source->name);
    case MV_E_TRUNCATED:
        return mv_fail(err, st, "%s is a PNG file that ends too early", source->name);
    default:
        return mv_fail(err, st, "%s is a damaged PNG file: %s", source->name, job->why);
    }
}

static bool png_recognises(const mv_image_source *source)
{
    static const uint8_t magic[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    return source->len >= sizeof magic && memcmp(source->bytes, magic, sizeof magic) == 0;
}

/* IHDR is the first chunk: length, "IHDR", width, height. Looked at before libpng sees it, so that
 * an image of no or too many pixels gets its own sentence. */
static mv_status check_size(const mv_image_source *source, mv_error *err)
{
    const uint8_t *p = source->bytes;
    if (source->len < 33) {
        return mv_fail(err, MV_E_TRUNCATED, "%s is a PNG file that ends too early", source->name);
    }
    const uint64_t width = (uint64_t)p[16] << 24 | p[17] << 16 | p[18] << 8 | p[19];
    const uint64_t height = (uint64_t)p[20] << 24 | p[21] << 16 | p[22] << 8 | p[23];
    const uint64_t bits = p[24]; /* of one sample */
    if (width == 0 || height == 0) {
        return mv_fail(err, MV_E_RANGE, "%s is a PNG file without pixels", source->name);
    }
    if (width > MV_IMAGE_SIDE_MAX || height > MV_IMAGE_SIDE_MAX) {
        return mv_fail(err, MV_E_LIMIT, "%s has %llu x %llu pixels; a side has at most %u",
                       source->name, (unsigned long long)width, (unsigned long long)height,
                       MV_IMAGE_SIDE_MAX);
    }
    if (width * height / 8 * bits / DEFLATE_RATIO > source->len) {
        return mv_fail(err, MV_E_TRUNCATED, "%s has too few bytes for its %llu x %llu pixels",
                       source->name, (unsigned long long)width, (unsigned long long)height);
    }
    return MV_OK;
}

static mv_status png_header(mv_image *out, const mv_image_source *source, mv_error *err)
{
    png_job job = {.image = out};
    mv_status st = check_size(source, err);
    if (st != MV_OK) {
        return st;
    }
    st = open_read(&job, source);
    if (st == MV_OK) {
        st = run_guarded(&job, read_header);
    }
    if (st != MV_OK) {
        (void)png_failed(&job, source, st, err);
    }
    close_read(&job);
    return st;
}

/* Copy colour samples and look whether every alpha sample is the largest value. */
static bool drop_alpha(mv_image *image, const uint8_t *rows)
{
    const size_t size = mv_sample_size(image->type);
    const size_t color_bytes = size * image->channels;
    const size_t count = (size_t)image->width * image->height;
    uint8_t *to = image->sample;
    bool opaque = true;
    for (size_t i = 0; i < count; i++) {
        memcpy(to, rows, color_bytes);
        for (size_t b = 0; b < size; b++) {
            opaque = opaque && rows[color_bytes + b] == 0xff;
        }
        to += color_bytes;
        rows += color_bytes + size;
    }
    return opaque;
}

static mv_status png_pixels(mv_image *image, const mv_image_source *source, mv_error *err)
{
    mv_image shape = {0};
    png_job job = {.image = &shape};
    size_t rows_len = 0;
    mv_status st = open_read(&job, source);

    if (st == MV_OK) {
        st = run_guarded(&job, read_transformed_info);
    }
    if (st == MV_OK) {
        const size_t samples = image->channels + (job.has_alpha ? 1u : 0u);
        job.row_bytes = image->width * samples * mv_sample_size(image->type);
        rows_len = job.row_bytes * image->height;
        job.rows = job.has_alpha ? malloc(rows_len) : image->sample;
        st = job.rows == NULL ? MV_E_MEMORY : run_guarded(&job, read_rows);
    }
    if (st != MV_OK) {
        (void)png_failed(&job, source, st, err);
    } else if (job.has_alpha && !drop_alpha(image, job.rows)) {
        st = mv_fail(err, MV_E_UNSUPPORTED, "%s has transparent pixels", source->name);
        mv_hint(err, "flatten it onto a background first");
    }
    if (job.has_alpha && job.rows != NULL) {
        mv_wipe(job.rows, rows_len);
        free(job.rows);
    }
    close_read(&job);
    return st;
}

static void write_image(png_job *job)
{
    const mv_image *image = job->encoded;
    const size_t row_bytes = (size_t)image->width * image->channels * mv_sample_size(image->type);
    png_set_IHDR(job->png, job->info, image->width, image->height,
                 image->type == MV_SAMPLE_U16 ? 16 : 8,
                 image->channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(job->png, job->info);
    if (!MV_BIG_ENDIAN && image->type == MV_SAMPLE_U16) {
        png_set_swap(job->png);
    }
    for (uint32_t y = 0; y < image->height; y++) {
        png_write_row(job->png, (png_const_bytep)image->sample + y * row_bytes);
    }
    png_write_end(job->png, NULL);
}

static mv_status png_encode(mv_buffer *out, const mv_image *image, mv_error *err)
{
    png_job job = {.out = out, .encoded = image};
    mv_status st = MV_OK;

    if ((image->type != MV_SAMPLE_U8 && image->type != MV_SAMPLE_U16) || image->depth != 1) {
        st = mv_fail(err, MV_E_UNSUPPORTED, "PNG cannot hold %u slice%s of %s samples",
                     image->depth, image->depth == 1 ? "" : "s", mv_sample_name(image->type));
        mv_hint(err, "write .nii, .nii.gz or .npy instead");
        return st;
    }
    job.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &job, on_error, on_warning);
    job.info = job.png == NULL ? NULL : png_create_info_struct(job.png);
    if (job.info == NULL) {
        st = MV_E_MEMORY;
    } else {
        png_set_user_limits(job.png, MV_IMAGE_SIDE_MAX, MV_IMAGE_SIDE_MAX);
        png_set_write_fn(job.png, &job, on_write, on_flush);
        st = run_guarded(&job, write_image);
    }
    png_destroy_write_struct(&job.png, &job.info);
    if (st != MV_OK) {
        (void)mv_fail(err, st, "cannot make a PNG file: %s",
                      job.why[0] != '\0' ? job.why : mv_status_sentence(st));
    }
    return st;
}

static const char *const png_extensions[] = {".png", NULL};

const mv_image_format mv_image_png = {
    .name = "PNG",
    .extensions = png_extensions,
    .may_see_hostile_bytes = true,
    .trust_reason = "libpng is fuzzed continuously and runs here with limits; fuzz_image_png",
    .recognises = png_recognises,
    .header = png_header,
    .pixels = png_pixels,
    .encode = png_encode,
};
