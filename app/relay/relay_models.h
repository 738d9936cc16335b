/* SPDX-License-Identifier: Apache-2.0
 *
 * relay_models.h: the linear models (medveil model export-head) in a folder of the relay.
 */
#ifndef MV_RELAY_MODELS_H
#define MV_RELAY_MODELS_H

#include "base/bytes.h"

#include <stdbool.h>

typedef struct relay_models relay_models;
typedef struct relay_model relay_model;

/* relay_models_load: every .mvc file of the folder; folder "": none.
 * errors: MV_E_FORMAT (one is not whole), MV_E_NOT_FOUND, MV_E_IO, MV_E_MEMORY */
MV_MUST_CHECK mv_status relay_models_load(relay_models **out, const char *folder, mv_error *err);
void relay_models_free(relay_models **models);

/* The model whose file has this BLAKE2b-256; NULL: there is none. */
const relay_model *relay_models_find(const relay_models *models, const uint8_t hash[32]);
bool relay_model_is_private(const relay_model *model);

/* {"models":[{"model":"64 hex digits","name":"triage","head":"64 hex digits","private":false},..]}
 */
MV_MUST_CHECK mv_status relay_models_list(mv_buffer *out, const relay_models *models);

/* relay_model_answer: reply and labels. mask: the asker's key, for a private model.
 * errors: MV_E_FORMAT, MV_E_MISMATCH, .. */
MV_MUST_CHECK mv_status relay_model_answer(mv_buffer *out, const relay_model *model,
                                           const mv_buffer *mask, const uint8_t *query, size_t len);

#endif
