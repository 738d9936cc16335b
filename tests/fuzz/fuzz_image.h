/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_image.h: what every image loader promises about any bytes at all.
 */
#ifndef MV_FUZZ_IMAGE_H
#define MV_FUZZ_IMAGE_H

#include "image/image_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* fuzz_image: decode bytes that this format recognises, and abort unless
 *   - a failure leaves the image zeroed, has a sentence and is about the input, not about us;
 *   - a success has a shape within the limits;
 *   - what is written from it reads back the same (only small images; is_lossless). */
void fuzz_image(const mv_image_format *format, bool is_lossless, const uint8_t *bytes, size_t len);

#endif
