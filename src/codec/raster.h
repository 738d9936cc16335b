/* SPDX-License-Identifier: Apache-2.0
 *
 * raster.h: where in a file the raw samples of an image lie: DICOM with uncompressed pixel data,
 * NIfTI (.nii), NPY. It looks at bytes only, with code of our own that walks over the rest without
 * understanding it; a file that it misjudges is merely compressed less well, since every coding is
 * rebuilt and compared before it is used.
 */
#ifndef MV_RASTER_H
#define MV_RASTER_H

#include "base/status.h"

#include <stdbool.h>

#define MV_RASTER_FRAME_MAX ((uint64_t)1 << 28) /* bytes of one frame */

typedef struct mv_raster {
    uint64_t at;            /* first byte */
    uint32_t width, height; /* of a frame, 1..65535; planes of colour stand one under another, and
                             * so do small frames, several of which are one here */
    uint32_t frames;        /* at least 1 */
    uint32_t channels;      /* 1, or 3: by pixel */
    uint32_t sample_bytes;  /* 1 or 2 */
    bool is_signed, big_endian;
} mv_raster;

/* Bytes that can be read at any place. */
typedef struct mv_raster_file {
    mv_status (*read)(void *user, uint64_t at, uint8_t *out, size_t len, mv_error *err);
    void *user;
    uint64_t len;
} mv_raster_file;

uint64_t mv_raster_frame_len(const mv_raster *raster); /* bytes */

/* mv_raster_valid: all fields in range, and the frames lie within len bytes. */
bool mv_raster_valid(const mv_raster *raster, uint64_t len);

/* mv_raster_find: *found says whether there are raw samples, all of them in the file.
 * errors: those of the file */
MV_MUST_CHECK mv_status mv_raster_find(mv_raster *out, bool *found, const mv_raster_file *file,
                                       mv_error *err);

#endif
