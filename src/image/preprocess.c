/* SPDX-License-Identifier: Apache-2.0
 *
 * preprocess.c: normalisation and antialiased resizing.
 */
#include "image/preprocess.h"

#include "base/secret.h"
#include "base/status.h"
#include "image/samples.h"

#include <math.h>
#include <string.h>

mv_status mv_image_range(double *lo, double *hi, const mv_image *image, mv_error *err)
{
    size_t where = 0;
    if (!mv_samples_finite(&where, image)) {
        return mv_fail(err, MV_E_RANGE, "sample %zu of the image is NaN or infinite", where);
    }
    mv_samples_range(lo, hi, image);
    return MV_OK;
}

/* Index of the first sample of channel c of slice z; its samples follow at a stride of channels. */
static size_t plane_first(const mv_image *image, uint32_t z, uint32_t c)
{
    return (size_t)z * image->height * image->width * image->channels + c;
}

void mv_image_to_unit(float *plane, const mv_image *image, uint32_t z, uint32_t c, double lo,
                      double hi)
{
    mv_samples_read_unit(plane, image, plane_first(image, z, c), image->channels,
                         (size_t)image->height * image->width, lo, hi);
}

void mv_image_from_unit(mv_image *image, uint32_t z, uint32_t c, const float *plane, double lo,
                        double hi)
{
    enum { RUN = 256 };
    double run[RUN];
    const size_t count = (size_t)image->height * image->width;
    const size_t first = plane_first(image, z, c);
    for (size_t k = 0; k < count; k += RUN) {
        const size_t n = count - k < RUN ? count - k : RUN;
        for (size_t i = 0; i < n; i++) {
            const float p = plane[k + i];
            const double u = p > 1 ? 1 : p > 0 ? (double)p : 0; /* NaN gives 0 */
            run[i] = lo * (1 - u) + hi * u;
        }
        mv_samples_write(image, first + k * image->channels, image->channels, run, n);
    }
}

/* Cubic convolution with a = -1/2, zero outside (-2, 2). [Key81] */
static double cubic(double x)
{
    x = fabs(x);
    if (x < 1) {
        return (1.5 * x - 2.5) * x * x + 1;
    }
    return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

/* For one axis: output k is the sum over i < tap_count[k] of weight[k * taps_max + i] times input
 * first[k] + i. Weights of an output sum to 1. */
typedef struct resampler {
    uint32_t *first, *tap_count;
    float *weight;
    size_t taps_max;
} resampler;

static void resampler_clear(resampler *r)
{
    free(r->first);
    free(r->tap_count);
    free(r->weight);
    memset(r, 0, sizeof *r);
}

static void resampler_fill(resampler *r, uint32_t k, uint32_t in_len, double ratio, double stretch)
{
    const double center = (k + 0.5) * ratio; /* in input pixels; pixel i covers [i, i+1) */
    const double reach = 2 * stretch;
    const double lo = floor(center - reach), hi = ceil(center + reach);
    const uint32_t first = lo < 0 ? 0 : (uint32_t)lo;
    const uint32_t end = hi > in_len ? in_len : (uint32_t)hi;
    float *weight = r->weight + k * r->taps_max;
    double sum = 0;

    for (uint32_t i = first; i < end; i++) {
        sum += cubic((i + 0.5 - center) / stretch);
    }
    for (uint32_t i = first; i < end; i++) {
        weight[i - first] = (float)(cubic((i + 0.5 - center) / stretch) / sum);
    }
    r->first[k] = first;
    r->tap_count[k] = end - first;
}

static mv_status resampler_make(resampler *r, uint32_t out_len, uint32_t in_len)
{
    const double ratio = (double)in_len / out_len;
    const double stretch = ratio > 1 ? ratio : 1;

    r->taps_max = (size_t)(4 * stretch) + 3; /* hi - lo < 4 stretch + 2 */
    r->first = calloc(out_len, sizeof *r->first);
    r->tap_count = calloc(out_len, sizeof *r->tap_count);
    r->weight = calloc(out_len, r->taps_max * sizeof *r->weight);
    if (r->first == NULL || r->tap_count == NULL || r->weight == NULL) {
        return MV_E_MEMORY;
    }
    for (uint32_t k = 0; k < out_len; k++) {
        resampler_fill(r, k, in_len, ratio, stretch);
    }
    return MV_OK;
}

/* out (rows, out_width) from in (rows, width) */
static void resample_rows(float *restrict out, uint32_t out_width, const float *restrict in,
                          uint32_t width, uint32_t rows, const resampler *r)
{
    for (uint32_t y = 0; y < rows; y++) {
        const float *row = in + (size_t)y * width;
        for (uint32_t x = 0; x < out_width; x++) {
            const float *weight = r->weight + x * r->taps_max;
            const float *from = row + r->first[x];
            float sum = 0;
            for (uint32_t i = 0; i < r->tap_count[x]; i++) {
                sum += weight[i] * from[i];
            }
            out[(size_t)y * out_width + x] = sum;
        }
    }
}

/* out (out_height, width) from in (height, width) */
static void resample_columns(float *restrict out, uint32_t out_height, const float *restrict in,
                             uint32_t width, const resampler *r)
{
    memset(out, 0, (size_t)out_height * width * sizeof *out);
    for (uint32_t y = 0; y < out_height; y++) {
        float *to = out + (size_t)y * width;
        for (uint32_t i = 0; i < r->tap_count[y]; i++) {
            const float weight = r->weight[y * r->taps_max + i];
            const float *from = in + (size_t)(r->first[y] + i) * width;
            for (uint32_t x = 0; x < width; x++) {
                to[x] += weight * from[x];
            }
        }
    }
}

mv_status mv_plane_resize(float *out, uint32_t out_width, uint32_t out_height, const float *in,
                          uint32_t width, uint32_t height)
{
    mv_status st = MV_OK;
    resampler across = {0}, down = {0};
    const size_t middle_bytes = (size_t)out_width * height * sizeof(float);
    float *middle = NULL; /* (height, out_width) */

    MV_ENSURE(out_width != 0 && out_height != 0 && width != 0 && height != 0, MV_E_RANGE);
    if (out_width == width && out_height == height) {
        memcpy(out, in, (size_t)width * height * sizeof *out);
        goto done;
    }
    middle = malloc(middle_bytes);
    MV_ENSURE(middle != NULL, MV_E_MEMORY);
    MV_TRY(resampler_make(&across, out_width, width));
    MV_TRY(resampler_make(&down, out_height, height));
    resample_rows(middle, out_width, in, width, height, &across);
    resample_columns(out, out_height, middle, out_width, &down);
done:
    if (middle != NULL) {
        mv_wipe(middle, middle_bytes);
        free(middle);
    }
    resampler_clear(&across);
    resampler_clear(&down);
    return st;
}

mv_status mv_image_resize(mv_image *out, const mv_image *image, uint32_t width, uint32_t height,
                          mv_error *err)
{
    mv_status st = MV_OK;
    mv_image made = {0};
    double lo = 0, hi = 0;
    const size_t in_count = (size_t)image->width * image->height;
    const size_t out_count = (size_t)width * height;
    float *plane = NULL; /* the input plane, then the output plane */

    MV_TRY(mv_image_range(&lo, &hi, image, err));
    MV_TRY(mv_image_alloc(&made, width, height, image->depth, image->channels, image->type));
    plane = malloc((in_count + out_count) * sizeof *plane);
    MV_ENSURE(plane != NULL, MV_E_MEMORY);
    for (uint32_t z = 0; z < image->depth; z++) {
        for (uint32_t c = 0; c < image->channels; c++) {
            mv_image_to_unit(plane, image, z, c, lo, hi);
            MV_TRY(mv_plane_resize(plane + in_count, width, height, plane, image->width,
                                   image->height));
            mv_image_from_unit(&made, z, c, plane + in_count, lo, hi);
        }
    }
    made.bits = image->bits;
    made.slope = image->slope;
    made.intercept = image->intercept;
    made.spacing_mm[0] = image->spacing_mm[0] * image->width / width;
    made.spacing_mm[1] = image->spacing_mm[1] * image->height / height;
    made.spacing_mm[2] = image->spacing_mm[2];
    *out = made;
    memset(&made, 0, sizeof made);
done:
    if (st != MV_OK) {
        (void)mv_fail(err, st, "cannot resize to %u x %u: %s", width, height,
                      mv_status_sentence(st));
    }
    if (plane != NULL) {
        mv_wipe(plane, (in_count + out_count) * sizeof *plane);
        free(plane);
    }
    mv_image_clear(&made);
    return st;
}

mv_status mv_image_square(mv_image *out, const mv_image *image, mv_error *err)
{
    mv_status st = MV_OK;
    const uint32_t side = image->width < image->height ? image->width : image->height;
    const size_t pixel = image->channels * mv_sample_size(image->type);
    const size_t left = (image->width - side) / 2, top = (image->height - side) / 2;
    mv_image square = {0};

    st = mv_image_alloc(&square, side, side, 1, image->channels, image->type);
    MV_REQUIRE(st == MV_OK, err, st, "cannot make an image of %u x %u", side, side);
    for (size_t y = 0; y < side; y++) {
        const size_t row = (size_t)(image->depth / 2) * image->height + top + y;
        memcpy((uint8_t *)square.sample + y * side * pixel,
               (const uint8_t *)image->sample + (row * image->width + left) * pixel, side * pixel);
    }
    square.bits = image->bits;
    square.slope = image->slope;
    square.intercept = image->intercept;
    memcpy(square.spacing_mm, image->spacing_mm, sizeof square.spacing_mm);
    square.never_lossy = image->never_lossy;
    *out = square;
done:
    return st;
}

void mv_image_flip_rows(mv_image *image)
{
    const size_t row_bytes = (size_t)image->width * image->channels * mv_sample_size(image->type);
    const size_t slice_bytes = row_bytes * image->height;
    for (uint32_t z = 0; z < image->depth; z++) {
        uint8_t *top = (uint8_t *)image->sample + z * slice_bytes;
        uint8_t *bottom = top + slice_bytes - row_bytes;
        for (; top < bottom; top += row_bytes, bottom -= row_bytes) {
            for (size_t i = 0; i < row_bytes; i++) {
                const uint8_t swap = top[i];
                top[i] = bottom[i];
                bottom[i] = swap;
            }
        }
    }
}
