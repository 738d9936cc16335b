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

#include "medveil/codec.h"

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

/* ---- Heads ----
 *
 * A head belongs to one model, by hash, and reads its 8-bit features of an image cropped to the
 * square in its middle (so that its shape tells nothing) and resized to 224x224. Classes come in
 * sets: softmax over the scores of one set gives the probabilities of its classes. */

#define MV_HEAD_CLASSES_MAX  32
#define MV_HEAD_NAME_MAX     32 /* with the final zero */
#define MV_HEAD_IMAGE_SIDE   224
#define MV_HEAD_FEATURE_BITS 8

/* Immutable once loaded; may be shared by threads. */
typedef struct mv_head mv_head;

typedef struct mv_head_class {
    char set[MV_HEAD_NAME_MAX], name[MV_HEAD_NAME_MAX]; /* "brain_mri", "Tumor" */
} mv_head_class;

typedef struct mv_head_info {
    char model_name[MV_MODEL_NAME_MAX];
    uint8_t model_hash[MV_MODEL_HASH_LEN], hash[MV_EMBEDDING_HASH_LEN];
    uint64_t parameter_count;
    char licence[64];   /* of the weights; "research only: ..." when the data allow no more */
    char training[512]; /* one line: data, seed, steps, loss */
    uint32_t class_count;
    mv_head_class class_of[MV_HEAD_CLASSES_MAX];
} mv_head_info;

/* mv_head_find_for: the head of this model on the search path of models (files *.mvh).
 * errors: MV_E_NOT_FOUND with the model and the folders in the sentence */
MV_API MV_MUST_CHECK mv_status mv_head_find_for(mv_head **out, const mv_model *model,
                                                mv_error *err);

/* mv_head_load, mv_head_read: errors: MV_E_NOT_FOUND, MV_E_FORMAT (also a wrong hash),
 * MV_E_TRUNCATED, MV_E_RANGE (weights that are not finite), MV_E_LIMIT, MV_E_MEMORY */
MV_API MV_MUST_CHECK mv_status mv_head_load(mv_head **out, const char *path, mv_error *err);
MV_API MV_MUST_CHECK mv_status mv_head_read(mv_head **out, const uint8_t *bytes, size_t len,
                                            mv_error *err);
MV_API void mv_head_free(mv_head **head);
MV_API void mv_head_describe(mv_head_info *out, const mv_head *head);

/* mv_head_class_weights: the row of class k, MV_EMBEDDING_DIM floats, borrowed; NULL past the last.
 * score[k] = sum over i of row[i] * value[i] / MV_EMBEDDING_SCALE. */
MV_API const float *mv_head_class_weights(const mv_head *head, uint32_t k);

/* mv_head_embed_code: embedding and class scores of a code made at 224x224 with 8 bits by the
 * head's model. score: one for each class; may be NULL.
 * errors: MV_E_MISMATCH (another model), MV_E_ARGUMENT (another size or depth), MV_E_RANGE,
 * MV_E_MEMORY */
MV_API MV_MUST_CHECK mv_status mv_head_embed_code(mv_embedding *out, float *score,
                                                  const mv_head *head, const mv_model *model,
                                                  const mv_code *code, mv_error *err);

/* mv_head_embed_image: crop (the middle slice of a stack), resize, encode with model, embed. */
MV_API MV_MUST_CHECK mv_status mv_head_embed_image(mv_embedding *out, float *score,
                                                   const mv_head *head, const mv_model *model,
                                                   const mv_image *image, mv_error *err);

/* mv_head_unit_image: the same before it is quantised. errors: those of mv_head_embed_image */
MV_API MV_MUST_CHECK mv_status mv_head_unit_image(float unit[MV_EMBEDDING_DIM], const mv_head *head,
                                                  const mv_model *model, const mv_image *image,
                                                  mv_error *err);

#ifdef __cplusplus
}
#endif
#endif
