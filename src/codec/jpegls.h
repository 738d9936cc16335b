/* SPDX-License-Identifier: Apache-2.0
 *
 * jpegls.h: one picture as a JPEG-LS stream [JPEGLS] and back. Streams from outside are decoded
 * inside the sandbox of image/sandbox.h. The streams are those that CharLS writes, byte for byte;
 * any other stream (restart markers, application data, bounds of its own, planes in scans of their
 * own) is refused.
 */
#ifndef MV_JPEGLS_H
#define MV_JPEGLS_H

#include "base/status.h"

#define MV_JPEGLS_SIDE_MAX 65535u
#define MV_JPEGLS_NEAR_MAX 255u

typedef struct mv_jpegls_frame {
    uint32_t width, height; /* 1..MV_JPEGLS_SIDE_MAX */
    uint32_t channels;      /* 1, or 3: by pixel */
    uint32_t bits;          /* 2..16; samples are uint8_t up to 8 bits, else uint16_t */
    uint32_t near;          /* 0: lossless; else no decoded sample is further off than this; at most
                             * half of 2^bits - 1. A decoded sample can be 2^bits - 1 then, also
                             * where none was so high */
} mv_jpegls_frame;

size_t mv_jpegls_samples_len(const mv_jpegls_frame *frame); /* bytes of the samples */

/* mv_jpegls_room: bytes that the stream of any samples fits into. */
size_t mv_jpegls_room(const mv_jpegls_frame *frame);

/* mv_jpegls_encode: errors: MV_E_SPACE (room), MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_jpegls_encode(uint8_t *out, size_t room, size_t *out_len,
                                         const mv_jpegls_frame *frame, const void *samples);

/* mv_jpegls_decode: a stream of exactly this width, height, channels and bits, into
 * mv_jpegls_samples_len bytes; near is the stream's own.
 * errors: MV_E_FORMAT, MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_jpegls_decode(void *samples, const mv_jpegls_frame *frame,
                                         const uint8_t *stream, size_t len);

#endif
