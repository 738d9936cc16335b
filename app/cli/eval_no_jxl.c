/* SPDX-License-Identifier: Apache-2.0
 *
 * eval_no_jxl.c: eval_jxl.h without libjxl.
 */
#include "eval_jxl.h"

bool eval_jxl_is_here(void)
{
    return false;
}

mv_status eval_jxl_len(double *sum, const mv_jpegls_frame *f, const void *samples)
{
    (void)sum;
    (void)f;
    (void)samples;
    return MV_OK;
}
