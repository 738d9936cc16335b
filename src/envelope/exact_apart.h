/* SPDX-License-Identifier: Apache-2.0
 *
 * exact_apart.h: strips that somebody else coded, rebuilt in sandboxed children (image/sandbox.h),
 * as a second wall behind bounded readers: of JPEG-LS and of the pixel coder alike.
 */
#ifndef MV_EXACT_APART_H
#define MV_EXACT_APART_H

#include "exact_strips.h"

/* mv_exact_rebuild_apart: as mv_exact_rebuild, into out_len bytes. A child starts no thread, so
 * that several children share the strips where there are several processors and enough to do.
 * Blocks until all are gone. errors: MV_E_FORMAT, MV_E_LIMIT (too slow), MV_E_POLICY (the system
 * refuses the sandbox), MV_E_MEMORY; out then means nothing */
MV_MUST_CHECK mv_status mv_exact_rebuild_apart(uint8_t *out, size_t out_len,
                                               const mv_exact_strips *strips, uint64_t first,
                                               const uint8_t *batch, size_t len, mv_error *err);

#endif
