/* SPDX-License-Identifier: Apache-2.0
 *
 * embedding.c: unit vectors as small integers, and their products.
 */
#include "medveil/embedding.h"

#include <math.h>
#include <string.h>

#include "base/status.h"

static int32_t dot(const int8_t *a, const int8_t *b)
{
    int32_t sum = 0; /* |sum| <= 128 * 128^2 = 2^21 */
    for (size_t i = 0; i < MV_EMBEDDING_DIM; i++) {
        sum += (int32_t)a[i] * b[i];
    }
    return sum;
}

mv_status mv_embedding_quantise(mv_embedding *out, const float unit[MV_EMBEDDING_DIM])
{
    double length2 = 0;
    for (size_t i = 0; i < MV_EMBEDDING_DIM; i++) {
        length2 += (double)unit[i] * unit[i];
    }
    memset(out->value, 0, sizeof out->value);
    if (!(fabs(sqrt(length2) - 1) <= 1e-3)) { /* also when it is not a number */
        return MV_E_RANGE;
    }
    for (size_t i = 0; i < MV_EMBEDDING_DIM; i++) {
        const double v = round(MV_EMBEDDING_SCALE * (double)unit[i] / sqrt(length2));
        out->value[i] = (int8_t)fmax(-127, fmin(127, v));
    }
    return MV_OK;
}

mv_status mv_embedding_check(const mv_embedding *embedding)
{
    const int32_t length2 = dot(embedding->value, embedding->value);
    if (length2 == 0 || length2 > MV_EMBEDDING_DOT_MAX) {
        return MV_E_RANGE;
    }
    for (size_t i = 0; i < MV_EMBEDDING_DIM; i++) {
        if (embedding->value[i] < -127) {
            return MV_E_RANGE;
        }
    }
    return MV_OK;
}

mv_status mv_embedding_dot(int32_t *out, const mv_embedding *a, const mv_embedding *b)
{
    *out = 0;
    if (memcmp(a->head_hash, b->head_hash, sizeof a->head_hash) != 0) {
        return MV_E_MISMATCH;
    }
    *out = dot(a->value, b->value);
    return MV_OK;
}
