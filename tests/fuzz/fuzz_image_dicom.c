/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_image_dicom.c: any bytes as a DICOM file, read in this process, without the sandbox that
 * medveil puts around it, so that a fault of the shim or of its libraries is seen.
 */
#include "fuzz_image.h"
#include "image/dicom_shim.h"

#include <stdio.h>
#include <stdlib.h>

#define SAMPLES_MAX (1u << 22) /* the fuzzer's time is for many small images */

const char *__asan_default_options(void);

/* DCMTK asks for as much as an element states; the sandbox refuses that, so it is refused here. */
const char *__asan_default_options(void)
{
    return "max_allocation_size_mb=512:allocator_may_return_null=1";
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const mv_image_source source = {.bytes = bytes, .len = len, .name = "input"};
    mv_image shape, image = {0};

    if (!mv_dicom_prepare()) {
        (void)fprintf(stderr, "no data dictionary\n");
        abort();
    }
    if (!mv_image_dicom.recognises(&source) || mv_dicom_shape(&shape, bytes, len) != MV_DICOM_OK) {
        return 0;
    }
    if ((uint64_t)shape.width * shape.height * shape.depth * shape.channels <= SAMPLES_MAX &&
        mv_image_alloc(&image, shape.width, shape.height, shape.depth, shape.channels,
                       shape.type) == MV_OK) {
        (void)mv_dicom_samples(&image, bytes, len);
    }
    mv_image_clear(&image);
    return 0;
}
