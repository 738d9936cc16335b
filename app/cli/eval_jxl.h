/* SPDX-License-Identifier: Apache-2.0
 *
 * eval_jxl.h: the same samples as JPEG XL, in a build that found libjxl; it is for measuring only.
 */
#ifndef MV_CLI_EVAL_JXL_H
#define MV_CLI_EVAL_JXL_H

#include "base/bytes.h"
#include "codec/jpegls.h"
#include "medveil/image.h"

#include <stdbool.h>

bool eval_jxl_is_here(void);

/* eval_jxl_encode: samples as mv_jpegls_encode takes them. distance: libjxl's, above 0, or 0:
 * lossless. out is emptied first, and stays so where libjxl is not.
 * errors: MV_E_MEMORY, MV_E_INTERNAL (libjxl refuses, or out is full) */
MV_MUST_CHECK mv_status eval_jxl_encode(mv_buffer *out, const mv_jpegls_frame *frame,
                                        const void *samples, float distance);

/* eval_jxl_decode: a gray image of 8 bits; back has the shape. errors: as above; MV_E_INTERNAL
 * where libjxl is not */
MV_MUST_CHECK mv_status eval_jxl_decode(mv_image *back, const mv_buffer *bytes);

#endif
