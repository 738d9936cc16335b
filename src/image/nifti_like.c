/* SPDX-License-Identifier: Apache-2.0
 *
 * nifti_like.c: voxels written under the header of another NIfTI file, so that orientation, affine,
 * descriptions and extensions stay what they were.
 */
#include "base/file.h"
#include "image/nifti_head.h"
#include "image/samples.h"

#include <math.h>
#include <string.h>
#include <strings.h>

/* What has to change: the type of the voxels, and of a pair the place where they are. */
static void fit_head(mv_nifti_head *h, const mv_image *image, size_t extensions_len)
{
    const size_t bits = 8 * mv_sample_size(image->type) * image->channels;
    const size_t len = h->is_v2 ? MV_NIFTI2_LEN : MV_NIFTI1_LEN;
    const float offset = (float)(len + extensions_len); /* below 2^24 + 2^12, a multiple of 4 */
    uint32_t offset_bits = 0;

    memcpy(&offset_bits, &offset, sizeof offset_bits);
    mv_nifti_put(h, h->is_v2 ? 12 : 70, 2, (uint64_t)mv_nifti_code(image));
    mv_nifti_put(h, h->is_v2 ? 14 : 72, 2, bits);
    if (h->is_v2) {
        memcpy(h->bytes + 4, "n+2", 3);
        mv_nifti_put(h, 168, 8, len + extensions_len);
    } else {
        memcpy(h->bytes + 344, "n+1", 3);
        mv_nifti_put(h, 108, 4, offset_bits);
    }
}

static mv_status append_voxels(mv_buffer *out, const mv_nifti_head *h, const mv_image *image)
{
    const size_t size = mv_sample_size(image->type), count = mv_image_sample_count(image);
    const mv_status st = mv_samples_append_le(out, image);
    if (st == MV_OK && h->is_big) {
        mv_samples_swap_bytes(out->bytes + out->len - count * size, count, size);
    }
    return st;
}

static mv_status assemble(mv_buffer *out, mv_nifti_head *h, mv_buffer *extensions,
                          const mv_image *image, bool compressed)
{
    mv_status st = MV_OK;
    mv_buffer plain = mv_buffer_make(out->max);
    mv_buffer *to = compressed ? &plain : out;

    if (extensions->len < 4) { /* a pair without any: a single file has four bytes that say so */
        MV_TRY(mv_buffer_append_zeros(extensions, 4 - extensions->len));
    }
    if (extensions->len % 4 != 0) {
        MV_TRY(mv_buffer_append_zeros(extensions, 4 - extensions->len % 4));
    }
    fit_head(h, image, extensions->len);
    MV_TRY(mv_buffer_append(to, h->bytes, h->is_v2 ? MV_NIFTI2_LEN : MV_NIFTI1_LEN));
    MV_TRY(mv_buffer_append(to, extensions->bytes, extensions->len));
    MV_TRY(append_voxels(to, h, image));
    if (compressed) {
        MV_TRY(mv_gzip_append(out, &plain));
    }
done:
    mv_buffer_clear(&plain);
    return st;
}

static bool ends_with(const char *path, const char *extension)
{
    const size_t path_len = strlen(path), len = strlen(extension);
    return path_len > len && strcasecmp(path + path_len - len, extension) == 0;
}

/* Whether both are NIfTI and have the same shape: then the header says of one what it says of the
 * other, and is in head and extensions. */
static bool fits(mv_nifti_head *head, mv_buffer *extensions, const mv_image *image,
                 const mv_image_source *like, const char *path)
{
    mv_image shape = {0};
    const bool to_nifti = ends_with(path, ".nii") || ends_with(path, ".nii.gz");
    return to_nifti && mv_nifti_code(image) != 0 &&
           (mv_image_nifti.recognises(like) || mv_image_nifti_gz.recognises(like)) &&
           mv_nifti_head_read(head, &shape, extensions, like, NULL) == MV_OK &&
           shape.width == image->width && shape.height == image->height &&
           shape.depth == image->depth && shape.channels == image->channels;
}

mv_status mv_image_save_like(const mv_image *image, const char *path, bool overwrite,
                             const mv_image_files *like, bool *kept, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_image_source source = {.bytes = like->bytes,
                                    .len = like->len,
                                    .voxels = like->voxels,
                                    .voxels_len = like->voxels_len,
                                    .name = "the original"};
    mv_nifti_head head;
    mv_buffer extensions = mv_buffer_make(MV_NIFTI_EXTENSIONS_MAX + 4);
    mv_buffer file = mv_buffer_make(SIZE_MAX / 2);

    *kept = fits(&head, &extensions, image, &source, path);
    if (!*kept) {
        mv_buffer_clear(&extensions);
        return mv_image_save(image, path, overwrite, err);
    }
    st = assemble(&file, &head, &extensions, image, ends_with(path, ".gz"));
    MV_REQUIRE(st == MV_OK, err, st, "cannot make a NIfTI file: %s", mv_status_sentence(st));
    MV_TRY(mv_file_write(path, file.bytes, file.len, overwrite ? MV_OUTPUT_FORCE : 0, err));
done:
    mv_buffer_clear(&extensions);
    mv_buffer_clear(&file);
    return st;
}

/* ---- the header alone ---- */

/* A number of the header: 4 bytes in NIfTI-1, 8 in NIfTI-2. */
static double get_real(const mv_nifti_head *h, size_t at)
{
    const uint64_t word = mv_nifti_get(h, at, h->is_v2 ? 8 : 4);
    const uint32_t half = (uint32_t)word;
    double v = 0;
    float single = 0;
    memcpy(&v, &word, sizeof v);
    memcpy(&single, &half, sizeof single);
    return h->is_v2 ? v : (double)single;
}

static void put_real(mv_nifti_head *h, size_t at, double value)
{
    const float single = (float)value;
    uint32_t half = 0;
    uint64_t word = 0;
    memcpy(&word, &value, sizeof word);
    memcpy(&half, &single, sizeof half);
    mv_nifti_put(h, at, h->is_v2 ? 8 : 4, h->is_v2 ? word : half);
}

/* Both transforms, moved by z voxels along the third axis. [NIFTI] */
static void move_origin(mv_nifti_head *h, double z)
{
    const size_t size = h->is_v2 ? 8 : 4, pixdim = h->is_v2 ? 104 : 76;
    const size_t quaternion = h->is_v2 ? 352 : 256, rows = h->is_v2 ? 400 : 280;
    const double b = get_real(h, quaternion), c = get_real(h, quaternion + size);
    const double d = get_real(h, quaternion + 2 * size);
    const double rest = 1 - b * b - c * c - d * d, a = rest > 0 ? sqrt(rest) : 0;
    const double third[3] = {2 * (b * d + a * c), 2 * (c * d - a * b),
                             a * a + d * d - b * b - c * c};
    const double step = get_real(h, pixdim + 3 * size) * (get_real(h, pixdim) < 0 ? -1 : 1);

    for (size_t i = 0; i < 3; i++) {
        const size_t offset = quaternion + (3 + i) * size, row = rows + 4 * i * size;
        put_real(h, offset, get_real(h, offset) + z * step * third[i]);
        put_real(h, row + 3 * size, get_real(h, row + 3 * size) + z * get_real(h, row + 2 * size));
    }
}

static void take_slice(mv_nifti_head *h, uint64_t slice)
{
    const size_t size = h->is_v2 ? 8 : 2, dims = h->is_v2 ? 16 : 40;
    const uint64_t axes = mv_nifti_get(h, dims, size);
    const uint64_t slices = axes < 3 ? 1 : mv_nifti_get(h, dims + 3 * size, size);

    if (slice % slices != 0) {
        move_origin(h, (double)(slice % slices));
    }
    for (size_t i = 3; i <= axes; i++) {
        mv_nifti_put(h, dims + i * size, size, 1);
    }
}

mv_status mv_nifti_header_only(mv_buffer *out, const mv_image_source *source, long slice,
                               mv_error *err)
{
    mv_status st = MV_OK;
    mv_nifti_head h;
    mv_image shape = {0};
    mv_buffer extensions = mv_buffer_make(MV_NIFTI_EXTENSIONS_MAX + 4);

    MV_TRY(mv_nifti_head_read(&h, &shape, &extensions, source, err));
    if (slice >= 0) {
        take_slice(&h, (uint64_t)slice);
    }
    memcpy(h.bytes + (h.is_v2 ? 4 : 344), h.is_v2 ? "ni2" : "ni1", 4);
    mv_nifti_put(&h, h.is_v2 ? 168 : 108, h.is_v2 ? 8 : 4, 0);
    st = mv_buffer_append(out, h.bytes, h.is_v2 ? MV_NIFTI2_LEN : MV_NIFTI1_LEN);
    st = st == MV_OK ? mv_buffer_append(out, extensions.bytes, extensions.len) : st;
    MV_REQUIRE(st == MV_OK, err, st, "out of memory for a header");
done:
    mv_buffer_clear(&extensions);
    return st;
}
