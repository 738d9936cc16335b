/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_file.h: what the files of models and heads have in common: weights, and a hash at the end.
 */
#ifndef MV_NN_NN_FILE_H
#define MV_NN_NN_FILE_H

#include "base/bytes.h"

#define MV_NN_FILE_HASH_LEN 32

/* Weights are IEEE 754 binary32, little-endian. errors: MV_E_RANGE (one is not finite),
 * MV_E_TRUNCATED, MV_E_LIMIT, MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_nn_put_weights(mv_buffer *out, const float *weights, size_t count);
MV_MUST_CHECK mv_status mv_nn_read_weights(mv_reader *in, float *weights, size_t count);

/* mv_nn_put_hash: append BLAKE2b-256, without a key, of out from byte start on. */
MV_MUST_CHECK mv_status mv_nn_put_hash(mv_buffer *out, size_t start);

/* mv_nn_read_hash: the last bytes of a file (bytes, len) must be the hash of all before them; in, a
 * reader of that file, then ends before them. errors: MV_E_TRUNCATED, MV_E_FORMAT */
MV_MUST_CHECK mv_status mv_nn_read_hash(uint8_t hash[MV_NN_FILE_HASH_LEN], mv_reader *in,
                                        const uint8_t *bytes, size_t len);

#endif
