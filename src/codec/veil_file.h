/* SPDX-License-Identifier: Apache-2.0
 *
 * veil_file.h: what a set of trained networks is, in memory and as a file (docs/formats/veil.md).
 */
#ifndef MV_CODEC_VEIL_FILE_H
#define MV_CODEC_VEIL_FILE_H

#include "codec/veil_transform.h"
#include "medveil/veil.h"
#include "nn/nn_small.h"

struct mv_veil {
    char licence[64], training[512];
    uint8_t hash[MV_MODEL_HASH_LEN];
    mv_small_net net[MV_VEIL_BANDS]; /* by place */
};

/* mv_veil_file_write: append the bytes; hash is not looked at. errors: MV_E_RANGE, MV_E_LIMIT,
 * MV_E_MEMORY */
#define MV_VEIL_FILE_LEN                                                                           \
    (8 + MV_MODEL_NAME_MAX + 64 + 512 + (size_t)MV_VEIL_BANDS * MV_SMALL_LEN + MV_MODEL_HASH_LEN)
MV_MUST_CHECK mv_status mv_veil_file_write(mv_buffer *out, const mv_veil *veil);

#endif
