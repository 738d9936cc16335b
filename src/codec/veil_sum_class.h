/* SPDX-License-Identifier: Apache-2.0
 *
 * veil_sum_class.h: the classes of a plan's blocks and groups: reaches, and their bytes.
 */
#ifndef MV_CODEC_VEIL_SUM_CLASS_H
#define MV_CODEC_VEIL_SUM_CLASS_H

#include "codec/veil_sum.h"

size_t mv_sum_block_count(const mv_sum_plan *plan); /* of all planes */
size_t mv_sum_group_count(const mv_sum_plan *plan); /* of all planes */

/* mv_sum_reach_at: M of a level of a block (of all planes). */
uint32_t mv_sum_reach_at(const mv_sum_plan *plan, size_t block, uint32_t band);

/* Classes as a row of rANS symbols (range_coder.h). mv_sum_classes_read takes all of bytes.
 * errors: MV_E_MEMORY, MV_E_LIMIT; MV_E_FORMAT, MV_E_TRUNCATED */
MV_MUST_CHECK mv_status mv_sum_classes_write(mv_buffer *out, const mv_sum_plan *plan);
MV_MUST_CHECK mv_status mv_sum_classes_read(mv_sum_plan *plan, const uint8_t *bytes, size_t len);

/* mv_sum_context: what is known of a block's class before it: below MV_SUM_CONTEXTS, by the mean
 * of the classes to the left and above. class_of (rows,columns) of one plane. */
uint32_t mv_sum_context(const uint8_t *class_of, const mv_veil_grid *grid, size_t block);

#endif
