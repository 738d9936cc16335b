/* SPDX-License-Identifier: Apache-2.0
 *
 * eval_no_jxl.c: eval_jxl.h without libjxl.
 */
#include "eval_jxl.h"

bool eval_jxl_is_here(void)
{
    return false;
}

mv_status eval_jxl_encode(mv_buffer *out, const mv_jpegls_frame *f, const void *samples,
                          float distance)
{
    (void)f;
    (void)samples;
    (void)distance;
    out->len = 0;
    return MV_OK;
}

mv_status eval_jxl_decode(mv_image *back, const mv_buffer *bytes)
{
    (void)back;
    (void)bytes;
    return MV_E_INTERNAL;
}
