/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_file.c: weights and hashes of files.
 */
#include "nn/nn_file.h"

#include <math.h>
#include <sodium.h>
#include <string.h>

mv_status mv_nn_put_weights(mv_buffer *out, const float *weights, size_t count)
{
    mv_status st = MV_OK;
    MV_TRY(mv_buffer_reserve(out, count * 4));
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = 0;
        MV_ENSURE(isfinite(weights[i]), MV_E_RANGE);
        memcpy(&bits, &weights[i], sizeof bits);
        MV_TRY(mv_buffer_put_u32le(out, bits));
    }
done:
    return st;
}

mv_status mv_nn_read_weights(mv_reader *in, float *weights, size_t count)
{
    mv_status st = MV_OK;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = 0;
        MV_TRY(mv_read_u32le(in, &bits));
        memcpy(&weights[i], &bits, sizeof bits);
        MV_ENSURE(isfinite(weights[i]), MV_E_RANGE);
    }
done:
    return st;
}

static void hash_of(uint8_t hash[MV_NN_FILE_HASH_LEN], const uint8_t *bytes, size_t len)
{
    (void)crypto_generichash(hash, MV_NN_FILE_HASH_LEN, bytes, len, NULL, 0);
}

mv_status mv_nn_put_hash(mv_buffer *out, size_t start)
{
    uint8_t hash[MV_NN_FILE_HASH_LEN];
    hash_of(hash, out->bytes + start, out->len - start);
    return mv_buffer_append(out, hash, sizeof hash);
}

mv_status mv_nn_read_hash(uint8_t hash[MV_NN_FILE_HASH_LEN], mv_reader *in, const uint8_t *bytes,
                          size_t len)
{
    mv_status st = MV_OK;
    MV_ENSURE(mv_reader_left(in) >= MV_NN_FILE_HASH_LEN, MV_E_TRUNCATED);
    hash_of(hash, bytes, len - MV_NN_FILE_HASH_LEN);
    MV_ENSURE(memcmp(hash, bytes + len - MV_NN_FILE_HASH_LEN, MV_NN_FILE_HASH_LEN) == 0,
              MV_E_FORMAT);
    in->end -= MV_NN_FILE_HASH_LEN;
done:
    return st;
}
