/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_image.c: the checks that the image targets share.
 */
#include "fuzz_image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUND_TRIP_SAMPLES_MAX 16384u

static void expect(bool holds, const char *promise)
{
    if (!holds) {
        fprintf(stderr, "broken promise: %s\n", promise);
        abort();
    }
}

static void check_failure(mv_status st, const mv_image *image, const mv_error *err)
{
    const mv_image zero = {0};
    const mv_category category = mv_status_category(st);
    expect(memcmp(image, &zero, sizeof zero) == 0, "a failure leaves the image zeroed");
    expect(err->text[0] != '\0', "a failure has a sentence");
    expect(category == MV_CATEGORY_INPUT || category == MV_CATEGORY_LIMIT || st == MV_E_UNSUPPORTED,
           "a failure is about the input");
}

static void check_round_trip(const mv_image_format *format, const mv_image *image)
{
    mv_buffer file = mv_buffer_make(1 << 24);
    mv_image back = {0};
    expect(format->encode(&file, image, NULL) == MV_OK, "what was read can be written");
    expect(mv_image_decode(&back, file.bytes, file.len, NULL, NULL) == MV_OK,
           "what was written can be read");
    expect(back.width == image->width && back.height == image->height &&
               back.depth == image->depth && back.channels == image->channels &&
               back.type == image->type,
           "the shape comes back");
    expect(memcmp(back.sample, image->sample,
                  mv_image_sample_count(image) * mv_sample_size(image->type)) == 0,
           "the samples come back");
    mv_image_clear(&back);
    mv_buffer_clear(&file);
}

void fuzz_image(const mv_image_format *format, bool is_lossless, const uint8_t *bytes, size_t len)
{
    const mv_image_source source = {.bytes = bytes, .len = len, .name = "input"};
    mv_image image;
    mv_error err = {0};
    if (!format->recognises(&source)) {
        return;
    }
    const mv_status st = mv_image_decode(&image, bytes, len, source.name, &err);
    if (st != MV_OK) {
        check_failure(st, &image, &err);
        return;
    }
    const size_t count = mv_image_sample_count(&image);
    expect(count >= 1 && count <= MV_IMAGE_SAMPLES_MAX, "the size is within the limits");
    if (is_lossless && count <= ROUND_TRIP_SAMPLES_MAX) {
        check_round_trip(format, &image);
    }
    mv_image_clear(&image);
}
