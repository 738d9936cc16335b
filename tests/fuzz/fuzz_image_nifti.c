/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_image_nifti.c: any bytes as a NIfTI file, plain or compressed, as the header of a pair whose
 * voxels are the rest of the bytes, and as the header that an image is written under.
 */
#include "fuzz_image.h"
#include "image/nifti_head.h"

#include <stdlib.h>

enum { PAIR_HEAD = 352 };

static void check_pair(const uint8_t *bytes, size_t len)
{
    const size_t cut = len < PAIR_HEAD ? len : PAIR_HEAD;
    const mv_image_files files = {bytes, cut, bytes + cut, len - cut};
    mv_image image;
    if (mv_image_decode_files(&image, &files, NULL, NULL) == MV_OK) {
        mv_image_clear(&image);
    }
}

/* The header alone, of all or of one slice, is a header of the same shape again. */
static void check_only(const mv_image_source *source, const mv_image *shape, long slice)
{
    mv_buffer only = mv_buffer_make(SIZE_MAX / 2), extensions = only;
    mv_nifti_head head;
    mv_image again = {0};
    if (mv_nifti_header_only(&only, source, slice, NULL) == MV_OK) {
        const mv_image_source alone = {.bytes = only.bytes, .len = only.len, .name = "header"};
        if (mv_nifti_head_read(&head, &again, &extensions, &alone, NULL) != MV_OK ||
            !head.is_pair || again.width != shape->width || again.height != shape->height ||
            again.depth != (slice < 0 ? shape->depth : 1)) {
            abort();
        }
    }
    mv_buffer_clear(&only);
    mv_buffer_clear(&extensions);
}

/* A header that is read once is read again, with all its extensions, unless these are too many. */
static void check_head(const uint8_t *bytes, size_t len)
{
    const mv_image_source source = {.bytes = bytes, .len = len, .name = "input"};
    mv_buffer extensions = mv_buffer_make(MV_NIFTI_EXTENSIONS_MAX);
    mv_nifti_head head;
    mv_image shape = {0}, again = {0};
    if (mv_image_nifti.header(&shape, &source, NULL) == MV_OK) {
        const mv_status st = mv_nifti_head_read(&head, &again, &extensions, &source, NULL);
        if (st != MV_OK && st != MV_E_LIMIT && st != MV_E_TRUNCATED && st != MV_E_FORMAT) {
            abort();
        }
        check_only(&source, &shape, -1);
        check_only(&source, &shape, (long)shape.depth - 1);
    }
    mv_buffer_clear(&extensions);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    fuzz_image(&mv_image_nifti, true, bytes, len);
    fuzz_image(&mv_image_nifti_gz, true, bytes, len);
    check_pair(bytes, len);
    check_head(bytes, len);
    return 0;
}
