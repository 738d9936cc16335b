/* SPDX-License-Identifier: Apache-2.0
 *
 * image.h: a medical image in memory, and the files it comes from and goes to.
 *
 * An image is a stack of depth slices (1 for a plain picture), each height rows of width pixels of
 * channels samples: sample[((z * height + y) * width + x) * channels + c]. Samples are the stored
 * values of the file, never converted on loading; real value = stored * slope + intercept. (Only
 * colour DICOM files are converted: to RGB.)
 * Loading happens in two steps, header then pixels, so that limits are checked before memory is
 * asked for. A loader says whether it may see hostile bytes.
 */
#ifndef MEDVEIL_IMAGE_H
#define MEDVEIL_IMAGE_H

#include "medveil/status.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MV_IMAGE_SIDE_MAX    65535u
#define MV_IMAGE_SAMPLES_MAX ((uint64_t)1 << 29) /* 512 Mi samples in one image */

typedef enum mv_sample_type {
    MV_SAMPLE_U8 = 1,
    MV_SAMPLE_U16 = 2,
    MV_SAMPLE_I16 = 3,
    MV_SAMPLE_U32 = 4,
    MV_SAMPLE_I32 = 5,
    MV_SAMPLE_F32 = 6,
    MV_SAMPLE_F64 = 7,
    MV_SAMPLE_I8 = 8
} mv_sample_type;

typedef struct mv_image {
    uint32_t width, height; /* pixels, 1..MV_IMAGE_SIDE_MAX */
    uint32_t depth;         /* slices, at least 1 */
    uint32_t channels;      /* 1 gray, 3 RGB */
    mv_sample_type type;
    uint32_t bits;           /* significant bits of an integer sample; 0 for floats */
    double slope, intercept; /* stored -> real; 1 and 0 when the file says nothing */
    double spacing_mm[3];    /* x, y, z; 0 where unknown */
    uint32_t never_lossy; /* 1: a mammogram (DICOM modality MG), never sent without its original */
    void *sample;         /* owned by the image, native byte order */
} mv_image;

MV_API size_t mv_sample_size(mv_sample_type type); /* bytes of one sample; 0 for an unknown type */
MV_API const char *mv_sample_name(mv_sample_type type); /* "u8", "i16", "f32", .. */
MV_API size_t mv_image_sample_count(const mv_image *image);

/* mv_image_alloc: zeroed samples for the given shape; checks the limits above.
 * owner: the caller clears with mv_image_clear. errors: MV_E_RANGE, MV_E_LIMIT, MV_E_MEMORY */
MV_API MV_MUST_CHECK mv_status mv_image_alloc(mv_image *out, uint32_t width, uint32_t height,
                                              uint32_t depth, uint32_t channels,
                                              mv_sample_type type);
MV_API void mv_image_clear(mv_image *image); /* wipes, frees, zeroes the struct */

/* Sample i as a double, and back with rounding to nearest and clamping to the type's range. */
MV_API double mv_image_get(const mv_image *image, size_t i);
MV_API void mv_image_set(mv_image *image, size_t i, double value);

/* mv_image_slice: copy slices [first, first + count) into a new image. */
MV_API MV_MUST_CHECK mv_status mv_image_slice(mv_image *out, const mv_image *image, uint32_t first,
                                              uint32_t count);

/* mv_image_load: read the file at path, or the len bytes at bytes (path is then only a name for
 * messages and may be NULL); the format is recognised from the bytes, never from the name.
 * errors: MV_E_NOT_FOUND, MV_E_IO, MV_E_FORMAT, MV_E_TRUNCATED, MV_E_LIMIT, MV_E_RANGE (NaN or
 * infinity in float data), MV_E_UNSUPPORTED, MV_E_MEMORY, each with a sentence in err */
MV_API MV_MUST_CHECK mv_status mv_image_load(mv_image *out, const char *path, mv_error *err);
MV_API MV_MUST_CHECK mv_status mv_image_decode(mv_image *out, const uint8_t *bytes, size_t len,
                                               const char *name, mv_error *err);

/* An image that is spread over two files: a NIfTI header (.hdr) and its voxels (.img). Borrowed. */
typedef struct mv_image_files {
    const uint8_t *bytes; /* the file, or the header of a pair */
    size_t len;
    const uint8_t *voxels; /* of a pair; else NULL */
    size_t voxels_len;
} mv_image_files;

/* mv_image_decode_files: as mv_image_decode, of a pair or of a single file. */
MV_API MV_MUST_CHECK mv_status mv_image_decode_files(mv_image *out, const mv_image_files *files,
                                                     const char *name, mv_error *err);

/* mv_image_partner: when path is one half of a NIfTI pair by its name (.hdr or .img, either with
 * .gz) and the other half is there, its path; *is_header tells whether path is the header.
 * mv_image_load takes either half. cap: bytes of out, which is "" otherwise. */
MV_API bool mv_image_partner(char *out, size_t cap, bool *is_header, const char *path);

/* mv_image_is_dicom: whether the bytes open like a DICOM object. One without an image, or in a form
 * that is not decoded, can still travel whole. */
MV_API bool mv_image_is_dicom(const uint8_t *bytes, size_t len);

/* mv_image_can_copy: whether a file at path may simply hold these bytes: its extension is that of
 * their format, or names no image format at all. */
MV_API bool mv_image_can_copy(const char *path, const uint8_t *bytes, size_t len);

/* mv_image_save: write by extension: .png .jpg .nii .nii.gz .npy; atomically. (.dcm is known, but
 * a DICOM file is not made from pixels: MV_E_UNSUPPORTED.)
 * A type the format cannot hold is MV_E_UNSUPPORTED with a hint naming formats that can.
 * overwrite false: MV_E_EXISTS when path exists. */
MV_API MV_MUST_CHECK mv_status mv_image_save(const mv_image *image, const char *path,
                                             bool overwrite, mv_error *err);

/* mv_image_save_like: as mv_image_save; where path and the original like are both NIfTI and have
 * the same shape, under the original's header: affine, orientation, descriptions, extensions, byte
 * order; *kept then. errors: as mv_image_save; MV_E_LIMIT (more than 16 MiB of extensions) */
MV_API MV_MUST_CHECK mv_status mv_image_save_like(const mv_image *image, const char *path,
                                                  bool overwrite, const mv_image_files *like,
                                                  bool *kept, mv_error *err);

#ifdef __cplusplus
}
#endif
#endif
