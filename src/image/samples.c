/* SPDX-License-Identifier: Apache-2.0
 *
 * samples.c: the one place that knows the C type behind each mv_sample_type.
 */
#include "image/samples.h"

#include "base/platform.h"

#include <float.h>
#include <math.h>

/* One loop per type; T is the C type of the samples. */
#define READ_RUN(T)                                                                                \
    for (size_t k = 0; k < count; k++) {                                                           \
        out[k] = (double)((const T *)image->sample)[first + k * stride];                           \
    }                                                                                              \
    break

void mv_samples_read(double *out, const mv_image *image, size_t first, size_t stride, size_t count)
{
    switch (image->type) {
    case MV_SAMPLE_U8:
        READ_RUN(uint8_t);
    case MV_SAMPLE_I8:
        READ_RUN(int8_t);
    case MV_SAMPLE_U16:
        READ_RUN(uint16_t);
    case MV_SAMPLE_I16:
        READ_RUN(int16_t);
    case MV_SAMPLE_U32:
        READ_RUN(uint32_t);
    case MV_SAMPLE_I32:
        READ_RUN(int32_t);
    case MV_SAMPLE_F32:
        READ_RUN(float);
    case MV_SAMPLE_F64:
        READ_RUN(double);
    }
}

/* v rounded to nearest (ties to even) and clamped to [lo, hi]; NaN is 0. */
static inline double nearest(double v, double lo, double hi)
{
    if (isnan(v)) {
        return 0;
    }
    v = nearbyint(v);
    return v < lo ? lo : v > hi ? hi : v;
}

#define WRITE_RUN(T, lo, hi)                                                                       \
    for (size_t k = 0; k < count; k++) {                                                           \
        ((T *)image->sample)[first + k * stride] = (T)nearest(value[k], lo, hi);                   \
    }                                                                                              \
    break

static void write_floats(mv_image *image, size_t first, size_t stride, const double *value,
                         size_t count)
{
    float *sample = image->sample;
    for (size_t k = 0; k < count; k++) {
        const double v = value[k];
        sample[first + k * stride] = v > FLT_MAX ? FLT_MAX : v < -FLT_MAX ? -FLT_MAX : (float)v;
    }
}

void mv_samples_write(mv_image *image, size_t first, size_t stride, const double *value,
                      size_t count)
{
    switch (image->type) {
    case MV_SAMPLE_U8:
        WRITE_RUN(uint8_t, 0, UINT8_MAX);
    case MV_SAMPLE_I8:
        WRITE_RUN(int8_t, INT8_MIN, INT8_MAX);
    case MV_SAMPLE_U16:
        WRITE_RUN(uint16_t, 0, UINT16_MAX);
    case MV_SAMPLE_I16:
        WRITE_RUN(int16_t, INT16_MIN, INT16_MAX);
    case MV_SAMPLE_U32:
        WRITE_RUN(uint32_t, 0, UINT32_MAX);
    case MV_SAMPLE_I32:
        WRITE_RUN(int32_t, INT32_MIN, INT32_MAX);
    case MV_SAMPLE_F32:
        write_floats(image, first, stride, value, count);
        break;
    case MV_SAMPLE_F64:
        for (size_t k = 0; k < count; k++) {
            ((double *)image->sample)[first + k * stride] = value[k];
        }
        break;
    }
}

enum { RUN = 256 }; /* samples converted at a time */

static size_t run_len(size_t left)
{
    return left < RUN ? left : RUN;
}

void mv_samples_read_unit(float *out, const mv_image *image, size_t first, size_t stride,
                          size_t count, double lo, double hi)
{
    double run[RUN];
    /* Halves, so that hi - lo cannot overflow for doubles near their limit. */
    const double span = hi / 2 - lo / 2;
    for (size_t k = 0; k < count; k += RUN) {
        const size_t n = run_len(count - k);
        mv_samples_read(run, image, first + k * stride, stride, n);
        for (size_t i = 0; i < n; i++) {
            const double u = span > 0 ? (run[i] / 2 - lo / 2) / span : 0;
            out[k + i] = (float)(u < 0 ? 0 : u > 1 ? 1 : u);
        }
    }
}

void mv_samples_range(double *lo, double *hi, const mv_image *image)
{
    const size_t count = mv_image_sample_count(image);
    double run[RUN];
    *lo = mv_image_get(image, 0);
    *hi = *lo;
    for (size_t k = 0; k < count; k += RUN) {
        const size_t n = run_len(count - k);
        mv_samples_read(run, image, k, 1, n);
        for (size_t i = 0; i < n; i++) {
            *lo = run[i] < *lo ? run[i] : *lo;
            *hi = run[i] > *hi ? run[i] : *hi;
        }
    }
}

bool mv_samples_finite(size_t *where, const mv_image *image)
{
    const size_t count = mv_image_sample_count(image);
    double run[RUN];
    if (image->type != MV_SAMPLE_F32 && image->type != MV_SAMPLE_F64) {
        return true;
    }
    for (size_t k = 0; k < count; k += RUN) {
        const size_t n = run_len(count - k);
        mv_samples_read(run, image, k, 1, n);
        for (size_t i = 0; i < n; i++) {
            if (!isfinite(run[i])) {
                *where = k + i;
                return false;
            }
        }
    }
    return true;
}

void mv_samples_swap_bytes(void *sample, size_t count, size_t size)
{
    uint8_t *p = sample;
    for (size_t k = 0; k < count; k++, p += size) {
        for (size_t i = 0; i < size / 2; i++) {
            const uint8_t swap = p[i];
            p[i] = p[size - 1 - i];
            p[size - 1 - i] = swap;
        }
    }
}

mv_status mv_samples_append_le(mv_buffer *out, const mv_image *image)
{
    const size_t size = mv_sample_size(image->type), count = mv_image_sample_count(image);
    const mv_status st = mv_buffer_append(out, image->sample, count * size);
    if (st == MV_OK && MV_BIG_ENDIAN) {
        mv_samples_swap_bytes(out->bytes + out->len - count * size, count, size);
    }
    return st;
}
