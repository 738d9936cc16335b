/* SPDX-License-Identifier: Apache-2.0
 *
 * nifti_head.h: the header of a NIfTI file as it stands in the file, for its reader and for writing
 * changed voxels under the same header.
 */
#ifndef MV_NIFTI_HEAD_H
#define MV_NIFTI_HEAD_H

#include "image/image_format.h"

enum {
    MV_NIFTI1_LEN = 348,
    MV_NIFTI2_LEN = 540,
    MV_NIFTI_EXTENSIONS_MAX = 16 << 20 /* bytes that are kept */
};

typedef struct mv_nifti_head {
    uint8_t bytes[MV_NIFTI2_LEN]; /* NIfTI-1: the first MV_NIFTI1_LEN */
    bool is_big, is_v2;
    bool is_pair; /* the voxels are in an .img file */
} mv_nifti_head;

/* mv_nifti_head_read: the header; width, height, depth, channels and type into shape; what stands
 * between it and the voxels (of a pair: after it) appended to extensions. Voxels need not be there.
 * errors: as the header step of mv_image_nifti; MV_E_LIMIT (too many extensions) */
MV_MUST_CHECK mv_status mv_nifti_head_read(mv_nifti_head *out, mv_image *shape,
                                           mv_buffer *extensions, const mv_image_source *source,
                                           mv_error *err);

/* mv_nifti_header_only: append the header and the extensions of a file as the .hdr file of a pair;
 * slice at least 0: of that slice of the stack alone, placed where it lies.
 * errors: as mv_nifti_head_read */
MV_MUST_CHECK mv_status mv_nifti_header_only(mv_buffer *out, const mv_image_source *source,
                                             long slice, mv_error *err);

/* An unsigned field of size bytes at place at, in the file's byte order. */
uint64_t mv_nifti_get(const mv_nifti_head *h, size_t at, size_t size);
void mv_nifti_put(mv_nifti_head *h, size_t at, size_t size, uint64_t value);

/* NIfTI's number for an image's samples; 0: it has none. */
int mv_nifti_code(const mv_image *image);

/* Append the gzip form of in, without name or time: the same image gives the same bytes. */
MV_MUST_CHECK mv_status mv_gzip_append(mv_buffer *out, const mv_buffer *in);

#endif
