/* SPDX-License-Identifier: Apache-2.0
 *
 * samples.h: runs of stored samples as doubles and back, whatever the image's sample type.
 * A double holds every integer type here exactly.
 */
#ifndef MV_IMAGE_SAMPLES_H
#define MV_IMAGE_SAMPLES_H

#include "base/bytes.h"
#include "medveil/image.h"

/* mv_samples_read: out[k] = sample[first + k * stride], 0 <= k < count. */
void mv_samples_read(double *out, const mv_image *image, size_t first, size_t stride, size_t count);

/* mv_samples_write: sample[first + k * stride] = value[k], rounded to nearest and clamped to the
 * range of the type; NaN becomes 0 in an integer type. */
void mv_samples_write(mv_image *image, size_t first, size_t stride, const double *value,
                      size_t count);

/* mv_samples_read_unit: out[k] = (sample - lo) / (hi - lo) in [0,1]; 0 unless lo < hi. */
void mv_samples_read_unit(float *out, const mv_image *image, size_t first, size_t stride,
                          size_t count, double lo, double hi);

/* mv_samples_range: smallest and largest of all samples; no NaN may be among them. */
void mv_samples_range(double *lo, double *hi, const mv_image *image);

/* mv_samples_finite: false when a float sample is NaN or infinite; *where is then its index. */
bool mv_samples_finite(size_t *where, const mv_image *image);

/* mv_samples_swap_bytes: turn round the bytes of each of count samples of size bytes, in place. */
void mv_samples_swap_bytes(void *sample, size_t count, size_t size);

/* mv_samples_append_le: append all samples, little-endian on every machine.
 * errors: MV_E_LIMIT, MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_samples_append_le(mv_buffer *out, const mv_image *image);

#endif
