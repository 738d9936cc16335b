/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_image_nifti.c: any bytes as a NIfTI file, plain or compressed.
 */
#include "fuzz_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    fuzz_image(&mv_image_nifti, true, bytes, len);
    fuzz_image(&mv_image_nifti_gz, true, bytes, len);
    return 0;
}
