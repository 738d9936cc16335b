/* SPDX-License-Identifier: Apache-2.0
 *
 * dicom_child.h: a parser that we do not trust works in a child process that can do nothing but
 * compute and write its answer into one pipe: no file, no network, no new process, bounded memory
 * and time. The input is the memory that the child inherits. Its death is an answer too.
 */
#ifndef MV_DICOM_CHILD_H
#define MV_DICOM_CHILD_H

#include "image/dicom_shim.h"

typedef struct mv_child_job {
    /* work: what the child does; it may fill *image and, when fills_samples, image->sample. */
    mv_dicom_verdict (*work)(mv_image *image, const uint8_t *bytes, size_t len);
    mv_image *image; /* in: what work gets; out: what it gave */
    bool fills_samples;
    const uint8_t *bytes;
    size_t len;
    unsigned seconds; /* of waiting; processor time is limited a little above it */
    size_t memory;    /* bytes of address space beyond what the process has already */
} mv_child_job;

typedef enum mv_child_end {
    MV_CHILD_ANSWERED,
    MV_CHILD_NOT_STARTED, /* no process, no pipe */
    MV_CHILD_NO_SANDBOX,  /* the system refused the limits or the filter; nothing was parsed */
    MV_CHILD_DIED,        /* crashed, or was stopped at something that it may not do */
    MV_CHILD_TOO_SLOW
} mv_child_end;

/* mv_child_run: *verdict and the image count only after MV_CHILD_ANSWERED, and the image is then
 * still the word of an untrusted process: the caller checks it. Samples after a verdict other than
 * MV_DICOM_OK are not given. Blocks until the child is gone. */
mv_child_end mv_child_run(mv_dicom_verdict *verdict, const mv_child_job *job);

#endif
