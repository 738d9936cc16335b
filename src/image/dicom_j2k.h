/* SPDX-License-Identifier: Apache-2.0
 *
 * dicom_j2k.h: one JPEG 2000 or HTJ2K frame of a DICOM file, through OpenJPEG, which DCMTK lacks.
 */
#ifndef MV_DICOM_J2K_H
#define MV_DICOM_J2K_H

#include "image/dicom_shim.h"

#ifdef __cplusplus
extern "C" {
#endif

/* mv_dicom_j2k: decode the code stream (or JP2 file) into out[(y * width + x) * channels + c]. Each
 * sample is the two's complement of the stream's precision, in the low bits of a 32-bit word.
 * bits: the precision found. */
mv_dicom_verdict mv_dicom_j2k(uint32_t *out, uint32_t *bits, uint32_t width, uint32_t height,
                              uint32_t channels, const uint8_t *bytes, size_t len);

#ifdef __cplusplus
}
#endif
#endif
