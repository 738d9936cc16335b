/* SPDX-License-Identifier: Apache-2.0
 *
 * u128.h: 64 x 64 -> 128 bit products and the little arithmetic on pairs of words that exact
 * rounding needs. A pair of words compiles everywhere; where the compiler has a 128-bit type it
 * makes the product one instruction, elsewhere four 32-bit products do (same result).
 */
#ifndef MV_BASE_U128_H
#define MV_BASE_U128_H

#include <stdint.h>

typedef struct mv_u128 {
    uint64_t lo, hi; /* value = hi * 2^64 + lo */
} mv_u128;

#ifdef __SIZEOF_INT128__
__extension__ typedef unsigned __int128 mv_uint128_native;
#endif

/* mv_mul_wide_portable: the exact product of a and b from four 32-bit products. */
static inline mv_u128 mv_mul_wide_portable(uint64_t a, uint64_t b)
{
    const uint64_t a0 = (uint32_t)a, a1 = a >> 32, b0 = (uint32_t)b, b1 = b >> 32;
    const uint64_t low = a0 * b0;
    const uint64_t mid = a1 * b0 + (low >> 32); /* <= (2^32-1)^2 + 2^32-1 < 2^64 */
    const uint64_t mid2 = a0 * b1 + (uint32_t)mid;
    const mv_u128 r = {mid2 << 32 | (uint32_t)low, a1 * b1 + (mid >> 32) + (mid2 >> 32)};
    return r;
}

/* mv_mul_wide: the exact product of a and b.          time  constant */
static inline mv_u128 mv_mul_wide(uint64_t a, uint64_t b)
{
#ifdef __SIZEOF_INT128__
    const mv_uint128_native p = (mv_uint128_native)a * b;
    const mv_u128 r = {(uint64_t)p, (uint64_t)(p >> 64)};
    return r;
#else
    return mv_mul_wide_portable(a, b);
#endif
}

/* mv_mul_hi: floor(a * b / 2^64).                     time  constant */
static inline uint64_t mv_mul_hi(uint64_t a, uint64_t b)
{
    return mv_mul_wide(a, b).hi;
}

static inline mv_u128 mv_u128_add(mv_u128 a, mv_u128 b) /* mod 2^128 */
{
    mv_u128 r = {a.lo + b.lo, a.hi + b.hi};
    r.hi += r.lo < a.lo;
    return r;
}

/* mv_u128_mul_low: a * b mod 2^128. */
static inline mv_u128 mv_u128_mul_low(mv_u128 a, mv_u128 b)
{
    mv_u128 r = mv_mul_wide(a.lo, b.lo);
    r.hi += a.lo * b.hi + a.hi * b.lo;
    return r;
}

/* mv_u128_below_or_equal: a <= b; public values. */
static inline int mv_u128_below_or_equal(mv_u128 a, mv_u128 b)
{
    return a.hi != b.hi ? a.hi < b.hi : a.lo <= b.lo;
}

/* mv_u128_shl: a * 2^k mod 2^128, 0 < k < 64. */
static inline mv_u128 mv_u128_shl(mv_u128 a, unsigned k)
{
    const mv_u128 r = {a.lo << k, a.hi << k | a.lo >> (64 - k)};
    return r;
}

/* mv_u128_shr: floor(a / 2^k), 0 < k < 64. */
static inline mv_u128 mv_u128_shr(mv_u128 a, unsigned k)
{
    const mv_u128 r = {a.lo >> k | a.hi << (64 - k), a.hi >> k};
    return r;
}

/* mv_u128_ones: 2^bits - 1, 0 <= bits < 128. */
static inline mv_u128 mv_u128_ones(unsigned bits)
{
    const mv_u128 r = {bits < 64 ? ((uint64_t)1 << bits) - 1 : UINT64_MAX,
                       bits <= 64 ? 0 : ((uint64_t)1 << (bits - 64)) - 1};
    return r;
}

#endif
