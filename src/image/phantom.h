/* SPDX-License-Identifier: Apache-2.0
 *
 * phantom.h: made-up images that look medical: an abdominal CT, a brain MR, a chest radiograph.
 * For tests, demonstrations and timing where no real image is at hand; nobody's anatomy.
 */
#ifndef MV_IMAGE_PHANTOM_H
#define MV_IMAGE_PHANTOM_H

#include "medveil/image.h"

typedef enum mv_phantom_kind { MV_PHANTOM_CT, MV_PHANTOM_MR, MV_PHANTOM_XRAY } mv_phantom_kind;

typedef struct mv_phantom_opts {
    mv_phantom_kind kind;
    uint32_t width, height, depth; /* default 256 x 256 x 1; a radiograph has one slice */
    mv_sample_type type;           /* u8: 0..255; u16: 0..4095; i16: -1024..3071; default u8 */
    uint64_t seed; /* varies anatomy and noise; the same seed gives the same image */
} mv_phantom_opts;

mv_phantom_opts mv_phantom_defaults(void);

/* mv_phantom_make: owner: out is the caller's, clear with mv_image_clear.
 * errors: MV_E_UNSUPPORTED (another type, or slices of a radiograph), MV_E_RANGE, MV_E_LIMIT,
 * MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_phantom_make(mv_image *out, const mv_phantom_opts *opts, mv_error *err);

#endif
