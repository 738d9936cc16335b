/* SPDX-License-Identifier: Apache-2.0
 *
 * veil_strip.h: a strip of a picture, gray or colour, through the pixel coder of veil_pixels.h, in
 * bands of rows that know nothing of each other: so several processors work at once.
 *
 * Of colour the second channel comes first; the first and the third are coded as what they are
 * above it where that costs less. With a maximum error they are compared with what decoding gives
 * for the second, so no sample is further off than it. docs/formats/pixels.md has the bytes.
 */
#ifndef MV_CODEC_VEIL_STRIP_H
#define MV_CODEC_VEIL_STRIP_H

#include "base/bytes.h"

/* Samples uint16_t (height,width,channels), each 0..range. */
typedef struct mv_veil_strip {
    uint32_t width, height; /* 1..65535; at most 2^28 samples */
    uint32_t channels;      /* 1 or 3 */
    uint32_t range;         /* 0..65535 */
} mv_veil_strip;

#define MV_VEIL_BANDS_MAX   16
#define MV_VEIL_BAND_PIXELS 65536 /* a band has at least about as many, if the strip does */

/* mv_veil_strip_encode: appended to out. Decoding gives samples 0..range that differ by at most
 * max_error, which is 0..255. errors: MV_E_MEMORY, MV_E_LIMIT (out), MV_E_RANGE (a sample above
 * range); out then has as many bytes as before */
MV_MUST_CHECK mv_status mv_veil_strip_encode(mv_buffer *out, const mv_veil_strip *strip,
                                             uint32_t max_error, unsigned threads,
                                             const uint16_t *samples);

/* mv_veil_strip_decode: any bytes may come. errors: MV_E_FORMAT, MV_E_MEMORY; samples then mean
 * nothing */
MV_MUST_CHECK mv_status mv_veil_strip_decode(uint16_t *samples, const mv_veil_strip *strip,
                                             unsigned threads, const uint8_t *stream, size_t len);

#endif
