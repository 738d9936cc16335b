/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_image_jpeg.c: any bytes as a JPEG file.
 */
#include "fuzz_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    fuzz_image(&mv_image_jpeg, false, bytes, len);
    return 0;
}
