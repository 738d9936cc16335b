/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_image_dicom.c: any bytes as a DICOM file, read in this process, without the sandbox that
 * medveil puts around it, so that a fault of the shim or of its libraries is seen.
 */
#include "fuzz_image.h"
#include "image/dicom_shim.h"

#include <stdio.h>
#include <stdlib.h>

#define ROOM_BESIDES (1u << 20)
#define SAMPLES_MAX  (1u << 22) /* the fuzzer's time is for many small images */

const char *__asan_default_options(void);

/* DCMTK asks for as much as an element states; the sandbox refuses that, so it is refused here. */
const char *__asan_default_options(void)
{
    return "max_allocation_size_mb=512:allocator_may_return_null=1";
}

/* Shown, placed, stripped of its pixels, and as a derived object. */
static void write_again(const mv_image *image, const uint8_t *bytes, size_t len)
{
    const size_t samples = mv_image_sample_count(image) * mv_sample_size(image->type);
    const mv_dicom_derivation d = {image, "2.25.1", "MEDVEIL_NETWORK", "made by a fuzzer", 2};
    const size_t room = 2 * len + samples + ROOM_BESIDES;
    mv_dicom_place place;
    size_t out_len = room;
    uint8_t *out = malloc(room);
    if (out != NULL) {
        (void)mv_dicom_display(out, image, bytes, len);
        (void)mv_dicom_find_place(&place, bytes, len);
        (void)mv_dicom_strip(out, &out_len, bytes, len);
        out_len = room;
        if (image->bits != 0) { /* no floats: mv_dicom_derived refuses them */
            (void)mv_dicom_derive(out, &out_len, bytes, len, &d);
        }
    }
    free(out);
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
        image.bits = shape.bits;
        if (mv_dicom_samples(&image, bytes, len) == MV_DICOM_OK) {
            write_again(&image, bytes, len);
        }
    }
    mv_image_clear(&image);
    return 0;
}
