/* SPDX-License-Identifier: Apache-2.0
 *
 * sums.h: the part of `features open` that needs a plan of classes (cmd_sum.c).
 */
#ifndef MV_CLI_SUMS_H
#define MV_CLI_SUMS_H

#include "cli.h"
#include "medveil/envelope.h"

/* sums_save: what was summed under the plan at --plan: the mean picture, or with --levels the sums
 * of levels. errors: those of mv_sum_plan_open and mv_image_save; MV_E_MISMATCH (another plan) */
MV_MUST_CHECK mv_status sums_save(const cli_args *args, const mv_collection *collection,
                                  const uint32_t *word, const mv_summand_info *info, mv_error *err);

#endif
