/* SPDX-License-Identifier: Apache-2.0
 *
 * platform.h: what we assume of every machine, checked when compiled.
 */
#ifndef MV_BASE_PLATFORM_H
#define MV_BASE_PLATFORM_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

_Static_assert(CHAR_BIT == 8, "bytes have eight bits");
_Static_assert((-1 >> 1) == -1, "right shift of a negative number is arithmetic");
_Static_assert(sizeof(float) == 4 && sizeof(double) == 8, "IEEE 754 sizes");
_Static_assert(sizeof(int) >= 4 && sizeof(size_t) >= 4, "at least a 32-bit machine");

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define MV_BIG_ENDIAN 1
#else
#define MV_BIG_ENDIAN 0
#endif

#endif
