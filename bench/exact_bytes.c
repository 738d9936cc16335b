/* SPDX-License-Identifier: Apache-2.0
 *
 * exact_bytes.c: what the exact section makes of the samples of images, beside plain JPEG-LS of the
 * same samples. bench/exact_bytes.py asks other programs for JPEG 2000, PNG, gzip and JPEG XL.
 *
 *     exact_bytes FOLDER IMAGE...
 *
 * One JSON object a line for each image of 8- to 16-bit integers; its frames go into the folder as
 * <number of the image>-<frame>.pgm (.ppm), signed samples raised by half the range. Plain JPEG-LS:
 * each frame of the decoded image, raised likewise, in the bits that the file states. Times are
 * processor time, children's too, the best of three, so that a busy machine does not matter.
 */
#include "base/file.h"
#include "codec/jpegls.h"
#include "envelope/exact_coding.h"
#include "image/image_format.h"

#include <stdio.h>
#include <sys/resource.h>

enum { TIMES = 3 };

typedef struct row {
    size_t raw, plain, section, file, file_section;
    double plain_encode_ms, plain_decode_ms, encode_ms, decode_ms;
    bool file_coded;
} row;

static mv_status append(void *user, const uint8_t *bytes, size_t len, mv_error *err)
{
    (void)err;
    return mv_buffer_append(user, bytes, len);
}

static double seconds_of(const struct timeval *t)
{
    return (double)t->tv_sec + 1e-6 * (double)t->tv_usec;
}

/* Processor time so far, of this process and of its children that have ended. */
static double cpu_ms(void)
{
    struct rusage own, children;
    (void)getrusage(RUSAGE_SELF, &own);
    (void)getrusage(RUSAGE_CHILDREN, &children);
    return 1e3 * (seconds_of(&own.ru_utime) + seconds_of(&own.ru_stime) +
                  seconds_of(&children.ru_utime) + seconds_of(&children.ru_stime));
}

static double least(double a, double b)
{
    return a == 0 || b < a ? b : a;
}

/* The frame's samples as numbers from 0. */
static void raise_frame(uint16_t *out, const mv_image *image, uint32_t z, size_t count)
{
    const bool is_signed = image->type == MV_SAMPLE_I16 || image->type == MV_SAMPLE_I8;
    const double base = is_signed ? (double)(1u << (image->bits - 1)) : 0;
    for (size_t i = 0; i < count; i++) {
        out[i] = (uint16_t)(mv_image_get(image, z * count + i) + base);
    }
}

static bool write_frame(const char *folder, unsigned number, uint32_t z, const mv_image *image,
                        const uint16_t *samples, size_t count)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%u-%u.%s", folder, number, z,
                   image->channels == 3 ? "ppm" : "pgm");
    FILE *out = fopen(path, "wb");
    bool ok = out != NULL && fprintf(out, "P%d\n%u %u\n%u\n", image->channels == 3 ? 6 : 5,
                                     image->width, image->height, (1u << image->bits) - 1) > 0;
    for (size_t i = 0; ok && i < count; i++) {
        ok = (image->bits <= 8 || fputc(samples[i] >> 8, out) != EOF) &&
             fputc(samples[i] & 0xff, out) != EOF;
    }
    return out != NULL && fclose(out) == 0 && ok;
}

static mv_status time_plain(row *r, const mv_jpegls_frame *f, uint16_t *samples, uint8_t *stream,
                            uint16_t *back)
{
    mv_status st = MV_OK;
    double encode_ms = 0, decode_ms = 0;
    size_t len = 0;
    uint8_t *small = (uint8_t *)samples;

    for (size_t i = 0; f->bits <= 8 && i < mv_jpegls_samples_len(f); i++) {
        small[i] = (uint8_t)samples[i];
    }
    for (int t = 0; t < TIMES; t++) {
        const double start_ms = cpu_ms();
        MV_TRY(mv_jpegls_encode(stream, mv_jpegls_room(f), &len, f, samples));
        const double middle_ms = cpu_ms();
        MV_TRY(mv_jpegls_decode(back, f, stream, len));
        encode_ms = least(encode_ms, middle_ms - start_ms);
        decode_ms = least(decode_ms, cpu_ms() - middle_ms);
    }
    r->plain += len;
    r->plain_encode_ms += encode_ms;
    r->plain_decode_ms += decode_ms;
    r->raw += mv_jpegls_samples_len(f);
done:
    return st;
}

static mv_status plain(row *r, const mv_image *image, const char *folder, unsigned number)
{
    mv_status st = MV_OK;
    const mv_jpegls_frame f = {.width = image->width,
                               .height = image->height,
                               .channels = image->channels,
                               .bits = image->bits};
    const size_t count = (size_t)f.width * f.height * f.channels;
    uint16_t *samples = malloc(count * 2), *back = malloc(count * 2);
    uint8_t *stream = malloc(mv_jpegls_room(&f));

    MV_ENSURE(samples != NULL && back != NULL && stream != NULL, MV_E_MEMORY);
    for (uint32_t z = 0; z < image->depth; z++) {
        raise_frame(samples, image, z, count);
        MV_ENSURE(write_frame(folder, number, z, image, samples, count), MV_E_IO);
        MV_TRY(time_plain(r, &f, samples, stream, back));
    }
done:
    free(samples);
    free(back);
    free(stream);
    return st;
}

static mv_status encode(mv_buffer *coded, bool *is_coded, const mv_buffer *file)
{
    const mv_source source = mv_source_memory(file->bytes, file->len);
    const mv_sink sink = {append, coded};
    const mv_exact_opts opts = {.threads = 1};
    uint64_t len = 0;
    uint32_t coding = MV_CODING_NONE;
    coded->len = 0;
    const mv_status st = mv_exact_encode(&coding, &len, &sink, &source, &opts, NULL);
    *is_coded = coding != MV_CODING_NONE;
    return st;
}

static mv_status decode(mv_buffer *back, const mv_buffer *coded, size_t file_len)
{
    const mv_sink sink = {append, back};
    mv_exact_decoder *decoder = NULL;
    mv_status st = mv_exact_decoder_new(&decoder, MV_CODING_RASTER, file_len, &sink);
    back->len = 0;
    st = st == MV_OK ? mv_exact_decoder_write(decoder, coded->bytes, coded->len, NULL) : st;
    st = st == MV_OK ? mv_exact_decoder_end(decoder, NULL) : st;
    mv_exact_decoder_free(&decoder);
    return st;
}

/* The same samples in a raw file of their own, so that files that were compressed count too. */
static mv_status section(row *r, const mv_image *image)
{
    mv_status st = MV_OK;
    mv_buffer npy = mv_buffer_make(SIZE_MAX / 2), coded = npy, back = npy;
    bool is_coded = false;

    MV_TRY(mv_image_npy.encode(&npy, image, NULL));
    const size_t besides = npy.len - mv_image_sample_count(image) * mv_sample_size(image->type);
    for (int t = 0; t < TIMES; t++) {
        const double start_ms = cpu_ms();
        MV_TRY(encode(&coded, &is_coded, &npy));
        const double middle_ms = cpu_ms();
        r->encode_ms = least(r->encode_ms, middle_ms - start_ms);
        if (is_coded) {
            MV_TRY(decode(&back, &coded, npy.len));
            r->decode_ms = least(r->decode_ms, cpu_ms() - middle_ms);
        }
    }
    r->section = (is_coded ? coded.len : npy.len) - besides;
done:
    mv_buffer_clear(&npy);
    mv_buffer_clear(&coded);
    mv_buffer_clear(&back);
    return st;
}

static bool suits(const mv_image *image)
{
    return mv_sample_size(image->type) <= 2 && image->bits >= 2;
}

static mv_status measure(const char *path, const char *folder, unsigned number)
{
    mv_status st = MV_OK;
    mv_buffer file = mv_buffer_make((size_t)1 << 31), coded = file;
    mv_image image = {0};
    row r = {0};

    MV_TRY(mv_file_read(&file, path, NULL));
    if (mv_image_decode(&image, file.bytes, file.len, path, NULL) != MV_OK || !suits(&image)) {
        goto done;
    }
    MV_TRY(plain(&r, &image, folder, number));
    MV_TRY(section(&r, &image));
    MV_TRY(encode(&coded, &r.file_coded, &file));
    r.file = file.len;
    r.file_section = r.file_coded ? coded.len : file.len;
    printf("{\"file\": \"%s\", \"number\": %u, \"frames\": %u, \"bits\": %u, \"channels\": %u, "
           "\"raw\": %zu, \"jpegls\": %zu, \"section\": %zu, \"jpegls_encode_ms\": %.3f, "
           "\"jpegls_decode_ms\": %.3f, \"encode_ms\": %.3f, \"decode_ms\": %.3f, \"bytes\": %zu, "
           "\"bytes_inside\": %zu, \"coded\": %s}\n",
           path, number, image.depth, image.bits, image.channels, r.raw, r.plain, r.section,
           r.plain_encode_ms, r.plain_decode_ms, r.encode_ms, r.decode_ms, r.file, r.file_section,
           r.file_coded ? "true" : "false");
done:
    mv_image_clear(&image);
    mv_buffer_clear(&file);
    mv_buffer_clear(&coded);
    return st;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        (void)fprintf(stderr, "usage: exact_bytes FOLDER IMAGE...\n");
        return 2;
    }
    for (int i = 2; i < argc; i++) {
        const mv_status st = measure(argv[i], argv[1], (unsigned)i - 2);
        if (st != MV_OK) {
            (void)fprintf(stderr, "exact_bytes: %s: %s\n", argv[i], mv_status_sentence(st));
            return 1;
        }
    }
    return 0;
}
