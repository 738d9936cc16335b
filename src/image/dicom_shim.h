/* SPDX-License-Identifier: Apache-2.0
 *
 * dicom_shim.h: what medveil asks of DCMTK, and all that it sees of it. No exception leaves these
 * calls and no text: a verdict is a number, its sentence is in img_dicom.c, so nothing of a
 * patient's header can reach a message. Call them inside the sandbox of sandbox.h; only the
 * fuzzer calls them directly.
 */
#ifndef MV_DICOM_SHIM_H
#define MV_DICOM_SHIM_H

#include "medveil/image.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum mv_dicom_verdict {
    MV_DICOM_OK,
    MV_DICOM_NO_PIXELS, /* a report, a plan, structures: legal, but there is no image */
    MV_DICOM_TRUNCATED, /* the file or its pixel data ends too early */
    MV_DICOM_DAMAGED,   /* the header cannot be parsed */
    MV_DICOM_SHAPE,     /* rows, columns, frames or samples are missing or absurd */
    MV_DICOM_LIMIT,     /* more pixels than MV_IMAGE_SAMPLES_MAX */
    MV_DICOM_DEPTH,     /* bits allocated, stored and high bit that mv_image has no type for */
    MV_DICOM_COLOUR,    /* photometric interpretation that is not decoded */
    MV_DICOM_SYNTAX,    /* transfer syntax without a decoder */
    MV_DICOM_DECODER,   /* the decoder refused the compressed pixels */
    MV_DICOM_MEMORY,
    MV_DICOM_VERDICTS /* how many there are */
} mv_dicom_verdict;

/* mv_dicom_prepare: data dictionary, decoders, silence. Once per process, before fork; reads a
 * file of the system, so it cannot be done inside the sandbox. false: no data dictionary. */
bool mv_dicom_prepare(void);

/* mv_dicom_shape: everything of the image but its samples, which stay NULL. */
mv_dicom_verdict mv_dicom_shape(mv_image *out, const uint8_t *bytes, size_t len);

/* mv_dicom_samples: fill image->sample, allocated to the shape that these same bytes have. */
mv_dicom_verdict mv_dicom_samples(mv_image *image, const uint8_t *bytes, size_t len);

#ifdef __cplusplus
}
#endif
#endif
