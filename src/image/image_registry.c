/* SPDX-License-Identifier: Apache-2.0
 *
 * image_registry.c: which format these bytes are, and the way from a file to an image and back.
 */
#include "base/file.h"
#include "image/image_format.h"
#include "image/samples.h"

#include <math.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define FILE_BYTES_MAX ((size_t)1 << 31)

/* DICOM's mark stands 128 bytes in, where the pixels of an array may spell it: it comes after those
 * that open with a mark of their own. NIfTI 1 does not, and gzip's has two bytes. */
static const mv_image_format *const formats[] = {
    &mv_image_png,   &mv_image_jpeg,  &mv_image_npy,
    &mv_image_dicom, &mv_image_nifti, &mv_image_nifti_gz,
};

enum { FORMATS = sizeof formats / sizeof formats[0] };

const mv_image_format *mv_image_format_of(const mv_image_source *source)
{
    for (size_t i = 0; i < FORMATS; i++) {
        if (formats[i]->recognises(source)) {
            return formats[i];
        }
    }
    return NULL;
}

/* Memory for the shape that the header gave, once it is within the limits. */
static mv_status allocate(mv_image *image, const mv_image *shape, const mv_image_source *source,
                          mv_error *err)
{
    const mv_status st = mv_image_alloc(image, shape->width, shape->height, shape->depth,
                                        shape->channels, shape->type);
    switch (st) {
    case MV_OK:
        image->bits = shape->bits;
        image->slope = shape->slope;
        image->intercept = shape->intercept;
        memcpy(image->spacing_mm, shape->spacing_mm, sizeof image->spacing_mm);
        image->never_lossy = shape->never_lossy;
        return MV_OK;
    case MV_E_RANGE:
        return mv_fail(err, st, "%s has no pixels: %u x %u x %u", source->name, shape->width,
                       shape->height, shape->depth);
    case MV_E_LIMIT:
        return mv_fail(err, st, "%s has %u x %u x %u pixels, more than this program handles",
                       source->name, shape->width, shape->height, shape->depth);
    default:
        return mv_fail(err, st, "%s cannot be read: out of memory for %u x %u x %u pixels",
                       source->name, shape->width, shape->height, shape->depth);
    }
}

/* The networks, the metrics and the quantiser need numbers: NaN and infinity are refused. */
static mv_status check_finite(const mv_image *image, const mv_image_source *source, mv_error *err)
{
    const size_t row = (size_t)image->width * image->channels;
    size_t i = 0;
    if (mv_samples_finite(&i, image)) {
        return MV_OK;
    }
    const mv_status st =
        mv_fail(err, MV_E_RANGE, "%s holds %s at x %zu, y %zu, slice %zu", source->name,
                isnan(mv_image_get(image, i)) ? "NaN" : "infinity", i % row / image->channels,
                i / row % image->height, i / row / image->height);
    mv_hint(err, "replace such samples, or convert the image to integers");
    return st;
}

mv_status mv_image_decode_files(mv_image *out, const mv_image_files *files, const char *name,
                                mv_error *err)
{
    mv_status st = MV_OK;
    const mv_image_source source = {.bytes = files->bytes,
                                    .len = files->len,
                                    .voxels = files->voxels,
                                    .voxels_len = files->voxels_len,
                                    .name = name == NULL ? "the image" : name};
    const mv_image_format *format = mv_image_format_of(&source);
    mv_image shape = {0}, image = {0};

    memset(out, 0, sizeof *out);
    MV_REQUIRE(source.len != 0, err, MV_E_TRUNCATED, "%s is empty", source.name);
    if (format == NULL) {
        st = mv_fail(err, MV_E_FORMAT, "%s is not an image that medveil knows", source.name);
        mv_hint(err, "it reads PNG, JPEG, NIfTI, NPY and DICOM, by content and not by name");
        goto done;
    }
    MV_TRY(format->header(&shape, &source, err));
    MV_TRY(allocate(&image, &shape, &source, err));
    MV_TRY(format->pixels(&image, &source, err));
    MV_TRY(check_finite(&image, &source, err));
    *out = image;
    memset(&image, 0, sizeof image);
done:
    mv_image_clear(&image);
    return st;
}

mv_status mv_image_decode(mv_image *out, const uint8_t *bytes, size_t len, const char *name,
                          mv_error *err)
{
    const mv_image_files one = {.bytes = bytes, .len = len};
    return mv_image_decode_files(out, &one, name, err);
}

/* ---- NIfTI pairs ---- */

static bool ends_with(const char *path, const char *extension)
{
    const size_t path_len = strlen(path), len = strlen(extension);
    return path_len > len && strcasecmp(path + path_len - len, extension) == 0;
}

/* The letters of a name's extension put in the place of those that are there, in the same case. */
static void put_letters(char *at, const char *letters)
{
    const bool upper = at[0] >= 'A' && at[0] <= 'Z';
    for (size_t i = 0; letters[i] != '\0'; i++) {
        at[i] = (char)(upper ? letters[i] - 'a' + 'A' : letters[i]);
    }
}

/* out is path without a final .gz; false when it does not end in .hdr or .img. */
static bool is_half(char *out, size_t cap, bool *is_header, const char *path)
{
    size_t len = strlen(path);
    len -= ends_with(path, ".gz") ? 3 : 0;
    if (len + sizeof ".gz" > cap) {
        return false;
    }
    memcpy(out, path, len);
    out[len] = '\0';
    *is_header = ends_with(out, ".hdr");
    return *is_header || ends_with(out, ".img");
}

bool mv_image_partner(char *out, size_t cap, bool *is_header, const char *path)
{
    if (is_half(out, cap, is_header, path)) {
        put_letters(out + strlen(out) - 3, *is_header ? "img" : "hdr");
        if (access(out, R_OK) == 0) {
            return true;
        }
        strcat(out, ".gz"); /* is_half left room */
        if (access(out, R_OK) == 0) {
            return true;
        }
    }
    out[0] = '\0';
    return false;
}

mv_status mv_image_load(mv_image *out, const char *path, mv_error *err)
{
    enum { PARTNER_LEN_MAX = 4096 };
    mv_buffer file = mv_buffer_make(FILE_BYTES_MAX), other = mv_buffer_make(FILE_BYTES_MAX);
    char partner[PARTNER_LEN_MAX];
    bool is_header = false;
    mv_status st = MV_OK;

    memset(out, 0, sizeof *out);
    MV_TRY(mv_file_read(&file, path, err));
    const bool swapped = mv_image_partner(partner, sizeof partner, &is_header, path) && !is_header;
    if (partner[0] != '\0') {
        MV_TRY(mv_file_read(&other, partner, err));
    }
    const mv_buffer *head = swapped ? &other : &file, *voxels = swapped ? &file : &other;
    const mv_image_files files = {head->bytes, head->len, voxels->bytes, voxels->len};
    MV_TRY(
        mv_image_decode_files(out, &files, strcmp(path, "-") == 0 ? "standard input" : path, err));
done:
    mv_buffer_clear(&file);
    mv_buffer_clear(&other);
    return st;
}

static const mv_image_format *format_for(const char *path)
{
    for (size_t i = 0; i < FORMATS; i++) {
        for (const char *const *e = formats[i]->extensions; *e != NULL; e++) {
            if (ends_with(path, *e)) {
                return formats[i];
            }
        }
    }
    return NULL;
}

bool mv_image_can_copy(const char *path, const uint8_t *bytes, size_t len)
{
    const mv_image_source source = {.bytes = bytes, .len = len, .name = path};
    const mv_image_format *wanted = format_for(path);
    return wanted == NULL || wanted == mv_image_format_of(&source);
}

mv_status mv_image_save(const mv_image *image, const char *path, bool overwrite, mv_error *err)
{
    mv_buffer file = mv_buffer_make(SIZE_MAX / 2);
    const mv_image_format *format = format_for(path);
    mv_status st = MV_OK;

    if (format == NULL) {
        st = mv_fail(err, MV_E_UNSUPPORTED, "cannot tell from its name what %s should be", path);
        mv_hint(err, "end it in .png, .jpg, .nii, .nii.gz or .npy");
        goto done;
    }
    MV_TRY(format->encode(&file, image, err));
    MV_TRY(mv_file_write(path, file.bytes, file.len, overwrite ? MV_OUTPUT_FORCE : 0, err));
done:
    mv_buffer_clear(&file);
    return st;
}
