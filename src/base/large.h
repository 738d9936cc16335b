/* SPDX-License-Identifier: Apache-2.0
 *
 * large.h: blocks of memory that are walked through again and again.
 */
#ifndef MV_BASE_LARGE_H
#define MV_BASE_LARGE_H

#include <stddef.h>

/* mv_large_new: len > 0 bytes, all zero, aligned to 64 bytes; from 2 MiB on in huge pages where the
 * system gives them, which spares most of the walks through page tables. NULL: no memory.
 * owner: free() */
void *mv_large_new(size_t len);

#endif
