/* SPDX-License-Identifier: Apache-2.0
 *
 * image.c: an image in memory: its shape, its samples, its end.
 */
#include "medveil/image.h"

#include "base/secret.h"
#include "base/status.h"
#include "image/samples.h"

#include <string.h>

static const struct {
    mv_sample_type type;
    uint32_t size; /* bytes */
    uint32_t bits; /* significant bits, 0 for floats */
    const char *name;
} sample_types[] = {
    {MV_SAMPLE_U8, 1, 8, "u8"},    {MV_SAMPLE_I8, 1, 8, "i8"},    {MV_SAMPLE_U16, 2, 16, "u16"},
    {MV_SAMPLE_I16, 2, 16, "i16"}, {MV_SAMPLE_U32, 4, 32, "u32"}, {MV_SAMPLE_I32, 4, 32, "i32"},
    {MV_SAMPLE_F32, 4, 0, "f32"},  {MV_SAMPLE_F64, 8, 0, "f64"},
};

enum { SAMPLE_TYPES = sizeof sample_types / sizeof sample_types[0] };

/* Row of type in the table, SAMPLE_TYPES for an unknown one. */
static size_t type_row(mv_sample_type type)
{
    size_t row = 0;
    while (row < SAMPLE_TYPES && sample_types[row].type != type) {
        row++;
    }
    return row;
}

size_t mv_sample_size(mv_sample_type type)
{
    const size_t row = type_row(type);
    return row < SAMPLE_TYPES ? sample_types[row].size : 0;
}

const char *mv_sample_name(mv_sample_type type)
{
    const size_t row = type_row(type);
    return row < SAMPLE_TYPES ? sample_types[row].name : "unknown";
}

size_t mv_image_sample_count(const mv_image *image)
{
    return (size_t)image->width * image->height * image->depth * image->channels;
}

mv_status mv_image_alloc(mv_image *out, uint32_t width, uint32_t height, uint32_t depth,
                         uint32_t channels, mv_sample_type type)
{
    const size_t row = type_row(type);
    const uint64_t plane = (uint64_t)width * height;

    memset(out, 0, sizeof *out);
    if (plane == 0 || depth == 0 || row == SAMPLE_TYPES || (channels != 1 && channels != 3)) {
        return MV_E_RANGE;
    }
    if (width > MV_IMAGE_SIDE_MAX || height > MV_IMAGE_SIDE_MAX ||
        depth > MV_IMAGE_SAMPLES_MAX / (plane * channels)) {
        return MV_E_LIMIT;
    }
    void *sample = calloc((size_t)plane * depth * channels, sample_types[row].size);
    if (sample == NULL) {
        return MV_E_MEMORY;
    }
    *out = (mv_image){
        .width = width,
        .height = height,
        .depth = depth,
        .channels = channels,
        .type = type,
        .bits = sample_types[row].bits,
        .slope = 1,
        .sample = sample,
    };
    return MV_OK;
}

void mv_image_clear(mv_image *image)
{
    if (image->sample != NULL) {
        mv_wipe(image->sample, mv_image_sample_count(image) * mv_sample_size(image->type));
        free(image->sample);
    }
    memset(image, 0, sizeof *image);
}

double mv_image_get(const mv_image *image, size_t i)
{
    double value = 0;
    mv_samples_read(&value, image, i, 1, 1);
    return value;
}

void mv_image_set(mv_image *image, size_t i, double value)
{
    mv_samples_write(image, i, 1, &value, 1);
}

mv_status mv_image_slice(mv_image *out, const mv_image *image, uint32_t first, uint32_t count)
{
    const size_t slice_bytes =
        (size_t)image->width * image->height * image->channels * mv_sample_size(image->type);
    mv_image copy = {0};

    if (count == 0 || first >= image->depth || count > image->depth - first) {
        return MV_E_ARGUMENT;
    }
    const mv_status st =
        mv_image_alloc(&copy, image->width, image->height, count, image->channels, image->type);
    if (st != MV_OK) {
        return st;
    }
    copy.bits = image->bits;
    copy.slope = image->slope;
    copy.intercept = image->intercept;
    memcpy(copy.spacing_mm, image->spacing_mm, sizeof copy.spacing_mm);
    copy.never_lossy = image->never_lossy;
    memcpy(copy.sample, (const uint8_t *)image->sample + first * slice_bytes, count * slice_bytes);
    *out = copy;
    return MV_OK;
}
