/* SPDX-License-Identifier: Apache-2.0
 *
 * img_dicom.h: running a job of the DICOM shims in the sandbox, with sentences for every end of it.
 */
#ifndef MV_IMG_DICOM_H
#define MV_IMG_DICOM_H

#include "image/dicom_shim.h"
#include "image/sandbox.h"

/* mv_dicom_in_child: job's work returns an mv_dicom_verdict; what is not MV_DICOM_OK, and a child
 * that died, becomes a status with a sentence about the file called name. errors: as
 * mv_image_decode of a DICOM file */
MV_MUST_CHECK mv_status mv_dicom_in_child(const mv_sandbox_job *job, const char *name,
                                          mv_error *err);

/* The sentence of a verdict. */
mv_status mv_dicom_refusal(mv_dicom_verdict verdict, const char *name, mv_error *err);

/* mv_dicom_job: over a whole file, with limits for bulk of bulk_len bytes. */
mv_sandbox_job mv_dicom_job(const uint8_t *bytes, size_t len, size_t bulk_len);

#endif
