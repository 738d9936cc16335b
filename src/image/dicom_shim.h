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
    MV_DICOM_MAMMOGRAM, /* of which no lossy object is made */
    MV_DICOM_OTHER,     /* the samples do not have the shape or a type that fits the header */
    MV_DICOM_VERDICTS   /* how many there are */
} mv_dicom_verdict;

/* mv_dicom_prepare: data dictionary, decoders, silence. Once per process, before fork; reads a
 * file of the system, so it cannot be done inside the sandbox. false: no data dictionary. */
bool mv_dicom_prepare(void);

/* mv_dicom_shape: everything of the image but its samples, which stay NULL. */
mv_dicom_verdict mv_dicom_shape(mv_image *out, const uint8_t *bytes, size_t len);

/* mv_dicom_samples: fill image->sample, allocated to the shape that these same bytes have. */
mv_dicom_verdict mv_dicom_samples(mv_image *image, const uint8_t *bytes, size_t len);

/* mv_dicom_display: samples of this file, or of its like, as a viewer shows them: modality LUT or
 * rescaling, then window or VOI LUT, then the inversion of MONOCHROME1, into 0..255. out has room
 * for a byte a sample. Colour is taken over. bytes may have no pixels. */
mv_dicom_verdict mv_dicom_display(uint8_t *out, const mv_image *image, const uint8_t *bytes,
                                  size_t len);

/* Where voxel (i, j, k) lies in the patient, in mm: affine times (i, j, k, 1). Axes as in NIfTI: to
 * the right, to the front, to the head. */
typedef struct mv_dicom_place {
    uint32_t known; /* 0: the file does not say */
    double affine[3][4];
} mv_dicom_place;

mv_dicom_verdict mv_dicom_find_place(mv_dicom_place *out, const uint8_t *bytes, size_t len);

enum { MV_DICOM_MODALITY_MAX = 17 };

/* mv_dicom_find_modality: 0008,0060, or "" where the file does not say. */
mv_dicom_verdict mv_dicom_find_modality(char out[MV_DICOM_MODALITY_MAX], const uint8_t *bytes,
                                        size_t len);

/* mv_dicom_strip: the file without its pixels, explicit little endian. *out_len: in the room, out
 * the bytes. */
mv_dicom_verdict mv_dicom_strip(uint8_t *out, size_t *out_len, const uint8_t *bytes, size_t len);

/* What makes a lossy object out of an image and the header of its original. */
typedef struct mv_dicom_derivation {
    const mv_image *image;
    char uid[65];          /* of the new object */
    char method[17];       /* 0028,2114 */
    char description[513]; /* 0008,2111 */
    double ratio;          /* 0028,2112 */
} mv_dicom_derivation;

/* mv_dicom_derive: a derived object, uncompressed, explicit little endian, everything else of the
 * header kept. *out_len: in the room, out the bytes. bytes may have no pixels. */
mv_dicom_verdict mv_dicom_derive(uint8_t *out, size_t *out_len, const uint8_t *bytes, size_t len,
                                 const mv_dicom_derivation *derivation);

#ifdef __cplusplus
}
#endif
#endif
