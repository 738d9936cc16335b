/* SPDX-License-Identifier: Apache-2.0
 *
 * j2k.h: pictures as JPEG 2000 code streams, to compare with.
 */
#ifndef MV_CLI_J2K_H
#define MV_CLI_J2K_H

#include "base/bytes.h"
#include "codec/jpegls.h"
#include "medveil/image.h"

/* j2k_encode: samples as mv_jpegls_encode takes them. db: the PSNR to aim at; 0: lossless. out is
 * emptied first. errors: MV_E_MEMORY, MV_E_INTERNAL (OpenJPEG refused, or out is full) */
MV_MUST_CHECK mv_status j2k_encode(mv_buffer *out, const mv_jpegls_frame *frame,
                                   const void *samples, float db);

/* j2k_decode: a gray image of 8 bits; back has the shape. errors: MV_E_MEMORY, MV_E_INTERNAL */
MV_MUST_CHECK mv_status j2k_decode(mv_image *back, const mv_buffer *bytes);

#endif
