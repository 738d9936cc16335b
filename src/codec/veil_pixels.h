/* SPDX-License-Identifier: Apache-2.0
 *
 * veil_pixels.h: whole numbers of a picture without loss, or each within a stated error.
 *
 * Pixels are coded row by row. From those already coded around it each pixel gets a first guess m
 * (the median of W, N, W + N - NW) and a local unit s (a mean of nearby guessing errors); the
 * neighbours' differences from m, in units of s and companded, go through a small network that
 * gives mean m + s y0 and scale s 2^y1 of a logistic distribution; the pixel is coded with that
 * (range_coder.h). Only s has a unit, so 8 and 16 bits are alike. All of it is integer arithmetic:
 * every machine codes and rebuilds the same bytes.
 *
 *     NWW NNW NN NNE        E of the pixel and everything below are unknown;
 *     NW  N  NE NEE         outside the picture stands the nearest coded pixel
 *     WW  W  x
 */
#ifndef MV_CODEC_VEIL_PIXELS_H
#define MV_CODEC_VEIL_PIXELS_H

#include "codec/range_coder.h"
#include "nn/nn_small.h"

typedef struct mv_pixel_shape {
    uint32_t width, height; /* 1.. */
    int32_t low, high;      /* every pixel is within these; |.| < 2^18 */
    uint32_t max_error;     /* E: rebuilt pixels differ by at most this; below 2^16 */
} mv_pixel_shape;

/* What the network is told and what its answer refers to. */
typedef struct mv_pixel_context {
    int16_t x[MV_SMALL_IN];
    int32_t guess;   /* m */
    uint32_t unit16; /* 16 s, at least 2 */
} mv_pixel_context;

/* mv_pixels_encode: pixel (height,width), row-major; on return it holds what decoding will give.
 * errors: MV_E_MEMORY, MV_E_LIMIT, MV_E_RANGE (a pixel outside low..high; pixel is then unusable)
 */
MV_MUST_CHECK mv_status mv_pixels_encode(mv_rans_writer *w, const mv_small_net *net,
                                         const mv_pixel_shape *shape, int32_t *pixel);

/* mv_pixels_decode: owner: pixel is the caller's, width * height of them. errors: MV_E_MEMORY;
 * damage shows in the reader's status, the pixels are then within low..high and mean nothing */
MV_MUST_CHECK mv_status mv_pixels_decode(mv_rans_reader *r, const mv_small_net *net,
                                         const mv_pixel_shape *shape, int32_t *pixel);

/* mv_pixels_visit: the context of every pixel, as encoding without loss sees it; for training.
 * errors: MV_E_MEMORY, and what visit returns */
typedef mv_status (*mv_pixel_visitor)(void *user, uint32_t row, uint32_t column,
                                      const mv_pixel_context *context);
MV_MUST_CHECK mv_status mv_pixels_visit(const mv_pixel_shape *shape, const int32_t *pixel,
                                        mv_pixel_visitor visit, void *user);

/* mv_pixels_net: the network that bench/train_pixels.c made. errors: none that a test would not
 * see: MV_E_RANGE, MV_E_TRUNCATED (the table is damaged) */
extern const uint8_t mv_pixels_net_bytes[MV_SMALL_LEN];
MV_MUST_CHECK mv_status mv_pixels_net(mv_small_net *out);

/* mv_pixel_spread: the distribution that the network's answer y means, for numbers v in steps of
 * 2 E + 1 about *middle: the pixel is middle + v (2 E + 1). */
mv_spread mv_pixel_spread(int32_t *middle, const mv_pixel_context *context,
                          const int32_t y[MV_SMALL_OUT], const mv_pixel_shape *shape);

#endif
