/* SPDX-License-Identifier: Apache-2.0
 *
 * model.h: a trained autoencoder, as a file and in memory.
 *
 * A model file holds the architecture's name, the weights (float32, little-endian), the quantiser,
 * the licence, the training record and a BLAKE2b-256 hash over all of it. Files are found by that
 * hash, or by name, on a search path; docs/formats/model.md has the bytes.
 */
#ifndef MEDVEIL_MODEL_H
#define MEDVEIL_MODEL_H

#include "medveil/status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MV_MODEL_HASH_LEN 32
#define MV_MODEL_NAME_MAX 32 /* with the final zero */

/* Immutable once loaded; may be shared by threads (each inference has its own session). */
typedef struct mv_model mv_model;

typedef struct mv_model_info {
    char name[MV_MODEL_NAME_MAX]; /* "cnn" */
    uint8_t hash[MV_MODEL_HASH_LEN];
    uint64_t parameter_count;
    char licence[64];      /* of the weights, e.g. "CC-BY-SA-4.0" */
    char training[512];    /* one line: data, seed, steps, loss */
    uint32_t feature_bits; /* of a code's numbers, as it was trained */
    uint32_t
        fields; /* 1: its numbers are pieces of one string of bits, sums of them mean nothing */
} mv_model_info;

/* mv_model_load: from one file, or from bytes. errors: MV_E_NOT_FOUND, MV_E_FORMAT, MV_E_TRUNCATED,
 * MV_E_RANGE (NaN or infinite weights), MV_E_AUTH never: a wrong hash is MV_E_FORMAT */
MV_API MV_MUST_CHECK mv_status mv_model_load(mv_model **out, const char *path, mv_error *err);
MV_API MV_MUST_CHECK mv_status mv_model_read(mv_model **out, const uint8_t *bytes, size_t len,
                                             mv_error *err);
MV_API void mv_model_free(mv_model **model);
MV_API void mv_model_describe(mv_model_info *out, const mv_model *model);

/* mv_model_find_name / _hash: search, in this order, the folder $MEDVEIL_HOME/models (default
 * $XDG_DATA_HOME/medveil/models or ~/.local/share/medveil/models), the installed data folder, and
 * the source tree's models/ when the program runs from its build folder.
 * errors: MV_E_NOT_FOUND with name or hash and the folders in the sentence */
MV_API MV_MUST_CHECK mv_status mv_model_find_name(mv_model **out, const char *name, mv_error *err);
MV_API MV_MUST_CHECK mv_status mv_model_find_hash(mv_model **out,
                                                  const uint8_t hash[MV_MODEL_HASH_LEN],
                                                  mv_error *err);

/* mv_model_each: call visit for every readable model file on the search path, until it returns
 * anything but MV_OK, which is then returned. */
MV_API MV_MUST_CHECK mv_status mv_model_each(mv_status (*visit)(void *user, const char *path,
                                                                const mv_model_info *info),
                                             void *user);

#ifdef __cplusplus
}
#endif
#endif
