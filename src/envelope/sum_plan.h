/* SPDX-License-Identifier: Apache-2.0
 *
 * sum_plan.h: pictures by a plan of classes (codec/veil_sum.h) as summands that anybody can add.
 *
 * A plan says where a picture has its edges, so it travels sealed under the collection's key
 * (docs/formats/mv.md, "Sums by classes"). A summand names it by a keyed hash; whoever adds sees
 * that two pictures have the same plan, and how many words, and nothing else of it.
 */
#ifndef MV_ENVELOPE_SUM_PLAN_H
#define MV_ENVELOPE_SUM_PLAN_H

#include "codec/veil_sum.h"
#include "medveil/envelope.h"

#define MV_SUM_PLAN_ID_LEN MV_MODEL_HASH_LEN

/* mv_sum_plan_fit_words: choose plan->word for the fewest bytes under this set.
 * errors: MV_E_UNSUPPORTED (the set has no room for so many sums), MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_sum_plan_fit_words(mv_sum_plan *plan, const mv_he_set *set,
                                              mv_error *err);

/* mv_sum_plan_seal: appended to out. errors: MV_E_MEMORY, MV_E_RANDOM */
MV_MUST_CHECK mv_status mv_sum_plan_seal(mv_buffer *out, const mv_sum_plan *plan,
                                         const mv_collection *collection);
/* mv_sum_plan_open: any bytes. id: as summands name it. errors: MV_E_FORMAT, MV_E_WRONG_KEY,
 * MV_E_AUTH, MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_sum_plan_open(mv_sum_plan *plan, uint8_t id[MV_SUM_PLAN_ID_LEN],
                                         const mv_collection *collection, const uint8_t *bytes,
                                         size_t len, mv_error *err);

/* mv_sum_encrypt: a picture's words (layout->words of them) as a summand.
 * owner: the caller frees *out. errors: MV_E_UNSUPPORTED (set), MV_E_MEMORY, MV_E_RANDOM */
MV_MUST_CHECK mv_status mv_sum_encrypt(uint8_t **out, size_t *len, const uint32_t *word,
                                       const mv_sum_plan *plan, const mv_sum_layout *layout,
                                       const uint8_t id[MV_SUM_PLAN_ID_LEN], const mv_he_set *set,
                                       const mv_collection *collection, mv_error *err);

#endif
