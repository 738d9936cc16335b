/* SPDX-License-Identifier: Apache-2.0
 *
 * image_format.h: one row per file format: how it is recognised, read in two steps, and written.
 * docs/howto/add-an-image-format.md walks through a new one.
 */
#ifndef MV_IMAGE_FORMAT_H
#define MV_IMAGE_FORMAT_H

#include "base/bytes.h"
#include "base/status.h"
#include "medveil/image.h"

/* The bytes of one image file (or of a pair), borrowed, with a name for messages. */
typedef struct mv_image_source {
    const uint8_t *bytes;
    size_t len;
    const char *name;
    const uint8_t *voxels; /* of a NIfTI pair: the .img file; NULL: there is none */
    size_t voxels_len;
} mv_image_source;

typedef struct mv_image_format {
    const char *name;              /* as people call it */
    const char *const *extensions; /* for writing, with the dot; NULL-terminated */
    bool may_see_hostile_bytes;    /* false: only for files of a trusted sender */
    const char *trust_reason;      /* why */
    /* recognises: from the first bytes alone. */
    bool (*recognises)(const mv_image_source *source);
    /* header: shape, type, scaling and spacing into out, whose sample stays NULL; asks for no
     * memory in proportion to the stated size. The caller checks limits and allocates. */
    mv_status (*header)(mv_image *out, const mv_image_source *source, mv_error *err);
    /* pixels: fill image->sample, allocated to the shape that header gave for the same bytes. */
    mv_status (*pixels)(mv_image *image, const mv_image_source *source, mv_error *err);
    /* encode: append the file to out; a type it cannot hold is MV_E_UNSUPPORTED with a hint. */
    mv_status (*encode)(mv_buffer *out, const mv_image *image, mv_error *err);
} mv_image_format;

extern const mv_image_format mv_image_png;
extern const mv_image_format mv_image_jpeg;
extern const mv_image_format mv_image_nifti;
extern const mv_image_format mv_image_nifti_gz;
extern const mv_image_format mv_image_npy;
extern const mv_image_format mv_image_dicom;

/* mv_image_format_of: the format that recognises these bytes, or NULL. */
const mv_image_format *mv_image_format_of(const mv_image_source *source);

#endif
