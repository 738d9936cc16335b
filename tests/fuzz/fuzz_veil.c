/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_veil.c: any bytes to the readers of compact images and of their networks' file. Networks are
 * the sample's; large images are left to their head, so that a run tries many inputs.
 */
#include "../support/veil_sample.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SAMPLES_MAX = 1 << 16 };

static void try_networks(const uint8_t *data, size_t size)
{
    mv_veil *veil = NULL;
    if (mv_veil_read(&veil, data, size, NULL) == MV_OK) {
        mv_veil_free(&veil);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static mv_veil *veil; /* kept for the whole run */
    const mv_progress progress = {0};
    mv_veil_about about;
    mv_image image = {0};

    if (veil == NULL && (veil = sample_veil(1)) == NULL) {
        abort();
    }
    try_networks(data, size);
    if (mv_veil_inspect(&about, data, size, NULL) != MV_OK ||
        (uint64_t)about.width * about.height * about.depth * about.channels > SAMPLES_MAX) {
        return 0;
    }
    if (mv_veil_decode(&image, veil, data, size, NULL, 1, progress, NULL) == MV_OK) {
        if (image.width != about.width || image.depth != about.depth || image.sample == NULL) {
            abort(); /* what the head says is what comes */
        }
        mv_image_clear(&image);
    }
    return 0;
}
