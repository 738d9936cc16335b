/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_image_npy.c: any bytes as an NPY file.
 */
#include "fuzz_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    fuzz_image(&mv_image_npy, true, bytes, len);
    return 0;
}
