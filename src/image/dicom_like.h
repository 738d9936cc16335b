/* SPDX-License-Identifier: Apache-2.0
 *
 * dicom_like.h: images written as what their DICOM original says of them: shown through its window,
 * placed where it lies, or as a derived DICOM object with its header. Each call parses the original
 * in the sandbox.
 */
#ifndef MV_DICOM_LIKE_H
#define MV_DICOM_LIKE_H

#include "base/bytes.h"
#include "image/dicom_shim.h"
#include "medveil/image.h"

/* The original, or mv_dicom_header_only of it. Borrowed. */
typedef struct mv_dicom_original {
    const uint8_t *bytes;
    size_t len;
} mv_dicom_original;

/* mv_dicom_shown: the image as a viewer shows it, 8 bits: modality LUT or rescaling, the first
 * window, or the VOI LUT, or else the whole range; MONOCHROME1 inverted; colour as it is.
 * owner: out is the caller's. errors: those of reading DICOM */
MV_MUST_CHECK mv_status mv_dicom_shown(mv_image *out, const mv_image *image,
                                       const mv_dicom_original *original, mv_error *err);

/* mv_dicom_place_nifti: put the original's place in the patient into the header of the NIfTI file
 * at bytes, which mv_image_nifti has written; *placed false, and nothing changed: the original does
 * not say. errors: those of reading DICOM */
MV_MUST_CHECK mv_status mv_dicom_place_nifti(bool *placed, uint8_t *bytes, size_t len,
                                             const mv_dicom_original *original, mv_error *err);

/* mv_dicom_modality: "CT", "MR", ..; "" where the file does not say, or nothing of this kind.
 * errors: those of reading DICOM */
MV_MUST_CHECK mv_status mv_dicom_modality(char out[MV_DICOM_MODALITY_MAX],
                                          const mv_dicom_original *original, mv_error *err);

/* mv_dicom_header_only: append the original without its pixels. errors: those of reading DICOM */
MV_MUST_CHECK mv_status mv_dicom_header_only(mv_buffer *out, const mv_dicom_original *original,
                                             mv_error *err);

/* How the samples came to be. */
typedef struct mv_dicom_change {
    const char *method;      /* up to 16 upper-case letters, digits, underscores: 0028,2114 */
    const char *description; /* up to 512 bytes: 0008,2111 */
    double ratio;            /* bytes before by bytes after: 0028,2112 */
} mv_dicom_change;

/* mv_dicom_derived: append a DICOM object with these samples and the original's header: new SOP
 * Instance UID, Image Type DERIVED, the marks of lossy compression, the original as its source;
 * window, rescaling and all else as they were.
 * errors: MV_E_POLICY (a mammogram), MV_E_UNSUPPORTED (another shape than the header's; floats,
 * one bit), MV_E_RANDOM, those of reading DICOM */
MV_MUST_CHECK mv_status mv_dicom_derived(mv_buffer *out, const mv_image *image,
                                         const mv_dicom_original *original,
                                         const mv_dicom_change *change, mv_error *err);

#endif
