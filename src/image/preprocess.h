/* SPDX-License-Identifier: Apache-2.0
 *
 * preprocess.h: what happens to an image before the network and after it: normalising to [0,1]
 * (paper, equation 1) with the range kept so that the scale comes back, and resizing (equation 2).
 *
 * A plane is one channel of one slice: floats (height, width), dense.
 */
#ifndef MV_IMAGE_PREPROCESS_H
#define MV_IMAGE_PREPROCESS_H

#include "medveil/image.h"

/* mv_image_range: smallest and largest stored value of the whole image: what maps to 0 and 1.
 * errors: MV_E_RANGE when a float sample is NaN or infinite; lo and hi are then untouched */
MV_MUST_CHECK mv_status mv_image_range(double *lo, double *hi, const mv_image *image,
                                       mv_error *err);

/* mv_image_to_unit: equation 1 on channel c of slice z:
 *     plane[y][x] = (sample - lo) / (hi - lo), clamped to [0,1]; a constant image (hi = lo) is 0
 * plane (height, width), the caller's */
void mv_image_to_unit(float *plane, const mv_image *image, uint32_t z, uint32_t c, double lo,
                      double hi);

/* mv_image_from_unit: back: sample = lo + plane * (hi - lo), plane clamped to [0,1], rounded to
 * nearest in integer types. A constant image comes back exactly; so do all 8- and 16-bit ones. */
void mv_image_from_unit(mv_image *image, uint32_t z, uint32_t c, const float *plane, double lo,
                        double hi);

/* mv_plane_resize: out (out_height, out_width) from in (height, width), by separable cubic
 * convolution [Key81] (a = -1/2) whose kernel is stretched when shrinking, so that nothing aliases;
 * edges repeat by renormalised weights. Values may overshoot the input's range a little. The same
 * size gives the same values. No aliasing of buffers. errors: MV_E_RANGE (a side of 0), MV_E_MEMORY
 */
MV_MUST_CHECK mv_status mv_plane_resize(float *out, uint32_t out_width, uint32_t out_height,
                                        const float *in, uint32_t width, uint32_t height);

/* mv_image_resize: the whole image, same type, values kept inside the original's range, spacing
 * adjusted. owner: out is the caller's. errors: MV_E_RANGE, MV_E_LIMIT, MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_image_resize(mv_image *out, const mv_image *image, uint32_t width,
                                        uint32_t height, mv_error *err);

/* mv_image_square: the square in the middle of the middle slice: nothing of the image's shape is
 * left. owner: out is the caller's. errors: MV_E_LIMIT, MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_image_square(mv_image *out, const mv_image *image, mv_error *err);

/* mv_image_flip_rows: top row becomes bottom row, in place (NIfTI stores the bottom row first). */
void mv_image_flip_rows(mv_image *image);

#endif
