/* SPDX-License-Identifier: Apache-2.0
 *
 * large.c: huge pages are a wish; without them the block is the same, and slower.
 */
#include "base/large.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define LINE ((size_t)64)
#define HUGE ((size_t)2 << 20)

void *mv_large_new(size_t len)
{
    const size_t unit = len < HUGE ? LINE : HUGE;
    if (len > SIZE_MAX - unit) {
        return NULL;
    }
    const size_t padded = (len + unit - 1) / unit * unit;
    void *block = aligned_alloc(unit, padded);
    if (block != NULL) {
#ifdef MADV_HUGEPAGE
        if (unit == HUGE) {
            (void)madvise(block, padded, MADV_HUGEPAGE);
        }
#endif
        memset(block, 0, len);
    }
    return block;
}
