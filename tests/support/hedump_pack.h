/* SPDX-License-Identifier: Apache-2.0
 *
 * hedump_pack.h: dumps of packed features; tests only.
 */
#ifndef MV_TESTS_HEDUMP_PACK_H
#define MV_TESTS_HEDUMP_PACK_H

#include "base/rng.h"
#include "medveil/bfv.h"

/* hedump_pack_write: op fresh, public or add under a pack set, on stdout.
 * errors: MV_E_UNSUPPORTED (t is not below 2^61, the most that a dump holds), MV_E_MEMORY */
mv_status hedump_pack_write(const mv_he_set *set, const char *op, mv_rand *rand);

#endif
