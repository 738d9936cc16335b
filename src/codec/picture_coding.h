/* SPDX-License-Identifier: Apache-2.0
 *
 * picture_coding.h: a gray or colour picture as one JPEG-LS stream. Colour is coded by pixel or as
 * planes, whichever is shorter, and the stream says which: one of planes is that of a gray picture
 * of three times the height, with green, red - green and blue - green one under another. The three
 * are much alike in most pictures; where they are the same, as in a gray picture stored as colour,
 * two planes are flat. Nothing is lost: differences are kept modulo 2^bits, and 0 stands at
 * 2^(bits - 1).
 */
#ifndef MV_PICTURE_CODING_H
#define MV_PICTURE_CODING_H

#include "codec/jpegls.h"

/* mv_picture_encode, mv_picture_decode: frame, samples, room and errors as in jpegls.h. Colour that
 * may be off (near not 0) or is higher than MV_JPEGLS_SIDE_MAX / 3 goes by pixel. */
MV_MUST_CHECK mv_status mv_picture_encode(uint8_t *out, size_t room, size_t *out_len,
                                          const mv_jpegls_frame *frame, const void *samples);
MV_MUST_CHECK mv_status mv_picture_decode(void *samples, const mv_jpegls_frame *frame,
                                          const uint8_t *stream, size_t len);

#endif
