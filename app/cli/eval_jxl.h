/* SPDX-License-Identifier: Apache-2.0
 *
 * eval_jxl.h: bytes of the same samples as JPEG XL, lossless, in a build that found libjxl; it is
 * for measuring only.
 */
#ifndef MV_CLI_EVAL_JXL_H
#define MV_CLI_EVAL_JXL_H

#include "codec/jpegls.h"

#include <stdbool.h>

bool eval_jxl_is_here(void);

/* eval_jxl_len: add the length of the frame's stream; nothing where libjxl is not.
 * errors: MV_E_MEMORY, MV_E_INTERNAL (libjxl refuses) */
MV_MUST_CHECK mv_status eval_jxl_len(double *sum, const mv_jpegls_frame *frame,
                                     const void *samples);

#endif
