/* SPDX-License-Identifier: Apache-2.0
 *
 * secret.h: memory for keys (locked, guarded, wiped when freed) and the few operations on secrets
 * that must not depend on their value.
 */
#ifndef MV_BASE_SECRET_H
#define MV_BASE_SECRET_H

#include "base/status.h"

#include <stdbool.h>

void mv_wipe(void *p, size_t len); /* zeroes; the compiler cannot remove it */

/* mv_secret_new: len zeroed bytes in locked, guard-paged memory. Where the system does not allow
 * locking (a low RLIMIT_MEMLOCK) the memory is still guarded and wiped. A child process made by
 * fork does not have it: touching it there ends the child.
 * owner: yours, free with mv_secret_free. errors: MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_secret_new(void **out, size_t len);
void mv_secret_free(void **p); /* wipes; NULL allowed; leaves NULL */

/* mv_equal_ct: whether two byte strings are equal; time depends on len only. */
bool mv_equal_ct(const uint8_t *a, const uint8_t *b, size_t len);

#endif
