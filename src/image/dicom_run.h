/* SPDX-License-Identifier: Apache-2.0
 *
 * dicom_run.h: a sandboxed child over a DICOM file, and the sentences of its verdicts.
 */
#ifndef MV_DICOM_RUN_H
#define MV_DICOM_RUN_H

#include "image/image_format.h"
#include "image/sandbox.h"

/* mv_dicom_job: over the whole file; room: bytes that the work will need for its bulk. */
mv_sandbox_job mv_dicom_job(const mv_image_source *source, size_t room);

/* mv_dicom_run: work returns an mv_dicom_verdict. name is for messages.
 * errors: MV_E_NOT_FOUND (data dictionary), MV_E_MEMORY, MV_E_POLICY (no sandbox), and as the
 * verdict says: MV_E_RANGE (no image), MV_E_FORMAT, MV_E_TRUNCATED, MV_E_LIMIT, MV_E_UNSUPPORTED */
MV_MUST_CHECK mv_status mv_dicom_run(const mv_sandbox_job *job, const char *name, mv_error *err);

#endif
