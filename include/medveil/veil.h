/* SPDX-License-Identifier: Apache-2.0
 *
 * veil.h: compact mode: an image in as few bytes as its quality allows.
 *
 * A lapped block transform, one quantiser step for the whole image, and an entropy coder whose
 * probabilities come from small networks (docs/modules/veil.md, docs/formats/veil.md). One set of
 * networks serves every rate, 8 to 16 bits, gray and colour (RGB goes through a reversible colour
 * transform), any size. All of decoding is integer arithmetic: the same bytes give the same samples
 * on every machine and any number of threads.
 *
 * The bytes can only be stored, sent and decoded: nothing can be computed on them, also when they
 * are encrypted homomorphically. The image that comes back is not the exact one.
 */
#ifndef MEDVEIL_VEIL_H
#define MEDVEIL_VEIL_H

#include "medveil/image.h"
#include "medveil/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The networks. Immutable once loaded; may be shared by threads. */
typedef struct mv_veil mv_veil;

/* mv_veil_load, mv_veil_read: errors: MV_E_NOT_FOUND, MV_E_FORMAT (also a wrong hash),
 * MV_E_TRUNCATED, MV_E_RANGE (weights whose sums could overflow), MV_E_LIMIT, MV_E_MEMORY */
MV_API MV_MUST_CHECK mv_status mv_veil_load(mv_veil **out, const char *path, mv_error *err);
MV_API MV_MUST_CHECK mv_status mv_veil_read(mv_veil **out, const uint8_t *bytes, size_t len,
                                            mv_error *err);
MV_API void mv_veil_free(mv_veil **veil);
MV_API void mv_veil_describe(mv_model_info *out, const mv_veil *veil); /* feature_bits 0 */

/* mv_veil_find: the networks with this hash on the search path of models (files *.mvv); hash NULL:
 * the first there are. errors: MV_E_NOT_FOUND with hash and folders in the sentence */
MV_API MV_MUST_CHECK mv_status mv_veil_find(mv_veil **out, const uint8_t *hash, mv_error *err);

/* mv_veil_each: as mv_model_each, of files *.mvv. */
MV_API MV_MUST_CHECK mv_status mv_veil_each(mv_status (*visit)(void *user, const char *path,
                                                               const mv_model_info *info),
                                            void *user);

#ifdef __cplusplus
}
#endif
#endif
