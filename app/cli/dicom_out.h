/* SPDX-License-Identifier: Apache-2.0
 *
 * dicom_out.h: what the commands make of DICOM files beside the very bytes: pictures, volumes and
 * derived objects.
 */
#ifndef MV_CLI_DICOM_OUT_H
#define MV_CLI_DICOM_OUT_H

#include "base/bytes.h"
#include "medveil/envelope.h"

/* dicom_out_save: as mv_image_save_like. Where the original is DICOM, or its header: .png and .jpg
 * show the image through its window, .nii and .nii.gz place it in the patient (*kept), .dcm is a
 * derived object. network: the member whose features gave the image; NULL: the samples are exact.
 * errors: as mv_image_save_like, mv_dicom_derived */
MV_MUST_CHECK mv_status dicom_out_save(const mv_image *image, const char *path, bool overwrite,
                                       const mv_image_files *original, const mv_member *network,
                                       bool *kept, mv_error *err);

/* dicom_out_near: the derived object that stands for a DICOM file when none of its samples may come
 * back further off than seal->max_error. It holds the exact samples still; the sealer codes them.
 * errors: as mv_dicom_derived, mv_image_decode, mv_exact_encode */
MV_MUST_CHECK mv_status dicom_out_near(mv_buffer *out, const mv_buffer *file, const char *name,
                                       const mv_seal_opts *seal, mv_error *err);

/* dicom_out_header: give the member that was added last the header of its DICOM file, which does
 * not travel. errors: those of reading DICOM, of mv_sealer_further */
MV_MUST_CHECK mv_status dicom_out_header(mv_sealer *sealer, const mv_buffer *file, mv_error *err);

/* dicom_out_nifti_header: the same for a NIfTI file; slice: of which alone there are features, or
 * -1. errors: as mv_nifti_header_only, mv_sealer_further */
MV_MUST_CHECK mv_status dicom_out_nifti_header(mv_sealer *sealer, const mv_buffer *file, long slice,
                                               mv_error *err);

#endif
