/* SPDX-License-Identifier: Apache-2.0
 *
 * embedding.h: 128 small integers that say what an image shows, for comparing and classifying.
 *
 * A head, a small network on the features of one model, maps an image to a unit vector u of 128
 * reals; value[i] = round(256 u[i]), cut to -127..127. Two embeddings of one head compare by their
 * dot product, about 65,536 times the cosine. An embedding is patient data.
 */
#ifndef MEDVEIL_EMBEDDING_H
#define MEDVEIL_EMBEDDING_H

#include "medveil/status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MV_EMBEDDING_DIM      128
#define MV_EMBEDDING_SCALE    256
#define MV_EMBEDDING_HASH_LEN 32
/* Rounding moves each value by at most 1/2, so the length is at most 256 + sqrt(128) / 2: its
 * square, and with it the size of every dot product (Cauchy-Schwarz), is at most this. */
#define MV_EMBEDDING_DOT_MAX 68464

typedef struct mv_embedding {
    int8_t value[MV_EMBEDDING_DIM];
    uint8_t head_hash[MV_EMBEDDING_HASH_LEN]; /* of the head that made it */
} mv_embedding;

/* mv_embedding_quantise: unit (128) -> value; head_hash is left to the caller.
 * errors: MV_E_RANGE (not finite, or length not within 1e-3 of 1); value is then zero */
MV_API MV_MUST_CHECK mv_status mv_embedding_quantise(mv_embedding *out,
                                                     const float unit[MV_EMBEDDING_DIM]);

/* mv_embedding_check: values that came from outside: all within -127..127, not all zero, squares
 * summing to at most MV_EMBEDDING_DOT_MAX. errors: MV_E_RANGE */
MV_API MV_MUST_CHECK mv_status mv_embedding_check(const mv_embedding *embedding);

/* mv_embedding_dot: within -MV_EMBEDDING_DOT_MAX..MV_EMBEDDING_DOT_MAX. errors: MV_E_MISMATCH (two
 * heads); *out is then 0 */
MV_API MV_MUST_CHECK mv_status mv_embedding_dot(int32_t *out, const mv_embedding *a,
                                                const mv_embedding *b);

#ifdef __cplusplus
}
#endif
#endif
