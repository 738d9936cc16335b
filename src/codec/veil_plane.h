/* SPDX-License-Identifier: Apache-2.0
 *
 * veil_plane.h: one plane of a compact image as bytes and back: the transform, the quantiser and
 * the bands, in tiles of at most 64x64 blocks. A tile is coded by itself, so that tiles may run on
 * several threads; the transform is that of the whole plane, so no seam is seen.
 * docs/formats/veil.md has the bytes.
 */
#ifndef MV_CODEC_VEIL_PLANE_H
#define MV_CODEC_VEIL_PLANE_H

#include "base/bytes.h"
#include "codec/veil_bands.h"

#define MV_VEIL_TILE 64 /* blocks along a side */

typedef struct mv_veil_plane {
    uint32_t width, height;
    uint32_t range;      /* 1..2^18: what the pixels may span; for the networks */
    uint32_t step_index; /* MV_VEIL_INDEX_MIN..MAX */
} mv_veil_plane;

/* mv_veil_plane_encode: append the plane's bytes. pixel (height,width), |.| <= 2^17; on return what
 * decoding will give. errors: MV_E_MEMORY, MV_E_LIMIT */
MV_MUST_CHECK mv_status mv_veil_plane_encode(mv_buffer *out, const mv_small_net *net,
                                             const mv_veil_plane *plane, int32_t *pixel,
                                             unsigned threads);

/* mv_veil_plane_skip: walk over one plane's bytes. errors: MV_E_TRUNCATED, MV_E_FORMAT */
MV_MUST_CHECK mv_status mv_veil_plane_skip(mv_reader *in, const mv_veil_plane *plane);

/* mv_veil_plane_decode: any bytes; pixels are then whatever they say. errors: MV_E_TRUNCATED,
 * MV_E_FORMAT, MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_veil_plane_decode(int32_t *pixel, mv_reader *in, const mv_small_net *net,
                                             const mv_veil_plane *plane, unsigned threads);

/* Numbers of 7 bits a byte, low ones first, the top bit set in all but the last byte; at most 10
 * bytes, the shortest way only. errors: MV_E_FORMAT, MV_E_TRUNCATED; MV_E_MEMORY, MV_E_LIMIT */
MV_MUST_CHECK mv_status mv_veil_read_number(mv_reader *in, uint64_t *out, uint64_t most);
MV_MUST_CHECK mv_status mv_veil_put_number(mv_buffer *out, uint64_t n);

#endif
