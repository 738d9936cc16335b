/* SPDX-License-Identifier: Apache-2.0
 *
 * query_count.h: how many questions each key has asked, in a file of the keeper: a line
 * "<32 hex digits> <count>" for each key, the last one to ask at the end.
 */
#ifndef MV_CLI_QUERY_COUNT_H
#define MV_CLI_QUERY_COUNT_H

#include "medveil/analysis.h"

/* query_count_add: one more question, on disk when this returns; path.lock keeps other processes
 * out meanwhile. errors: MV_E_POLICY (limit have been asked; nothing is changed), MV_E_FORMAT,
 * MV_E_IO */
MV_MUST_CHECK mv_status query_count_add(const char *path,
                                        const uint8_t owner[MV_CLASSIFY_OWNER_LEN], uint64_t limit,
                                        mv_error *err);

#endif
