/* SPDX-License-Identifier: Apache-2.0
 *
 * pack_coeff.h: the arithmetic of one coefficient: fields, encoding, hiding, decoding.
 * pack.c states the equations and the proof; nothing here branches on a value.
 *
 * A message has log_t bits. Where that is at most 64 one word holds it, and everything about it may
 * be computed modulo 2^64: wide says which. Callers pass a constant, so that the compiler makes two
 * versions of each loop.
 */
#ifndef MV_HE_PACK_COEFF_H
#define MV_HE_PACK_COEFF_H

#include "he/pack_internal.h"

#include <stdbool.h>

static inline bool mv_pack_is_wide(const mv_pack_plan *plan)
{
    return plan->log_t > 64;
}

/* The fields of one coefficient, feature[0] lowest; count <= per of them are there. */
static inline mv_u128 mv_pack_gather(const uint32_t *feature, uint32_t count, uint32_t width,
                                     bool wide)
{
    mv_u128 m = {0, 0};
    for (uint32_t k = count; k > 0; k--) {
        if (wide) {
            m = mv_u128_shl(m, width);
        } else {
            m.lo <<= width;
        }
        m.lo |= feature[k - 1];
    }
    return m;
}

static inline void mv_pack_scatter(uint32_t *feature, uint32_t count, uint32_t width, mv_u128 m,
                                   bool wide)
{
    const uint32_t mask = (uint32_t)(((uint64_t)1 << width) - 1); /* width <= 30 */
    for (uint32_t k = 0; k < count; k++) {
        feature[k] = (uint32_t)m.lo & mask;
        if (wide) {
            m = mv_u128_shr(m, width);
        } else {
            m.lo >>= width;
        }
    }
}

/* (Q m + t/2) mod t: what rounding down removes from Q m + t/2, so that
 *     encode(m) = (Q m + t/2 - rest) / t = 1/2 - rest/t  mod q_i,  because Q = 0 mod q_i. */
static inline mv_u128 mv_pack_rounding_rest(mv_u128 m, const mv_pack_plan *plan, bool wide)
{
    const mv_u128 ones = mv_u128_ones(plan->log_t);
    const mv_u128 half = mv_u128_add(mv_u128_shr(ones, 1), (mv_u128){1, 0});
    mv_u128 x = {plan->modulus.lo * m.lo + half.lo, 0};
    if (wide) {
        x = mv_u128_add(mv_u128_mul_low(plan->modulus, m), half);
    }
    return (mv_u128){x.lo & ones.lo, x.hi & ones.hi};
}

/* encode(m) + e - a mod q from the rounding rest of m; a in [0,q), |e| <= 21.
 * The sum is in (0, 6q + 21): two lazy products, half >= 44 > 21, q - a > 0; and q < 2^60. */
static inline uint64_t mv_pack_hide(mv_u128 rest, int8_t e, uint64_t a, const mv_pack_limb *limb,
                                    uint64_t q, bool wide)
{
    uint64_t x = limb->half + (q - a) + (uint64_t)(int64_t)e;
    x += mv_mul_shoup_lazy(rest.lo, limb->step.w, limb->step.con, q);
    if (wide) {
        x += mv_mul_shoup_lazy(rest.hi, limb->step_hi.w, limb->step_hi.con, q);
        x = mv_reduce_once(x, 4 * q);
    }
    x = mv_reduce_once(x, 2 * q); /* narrow: the sum was in (0, 4q + 21) */
    return mv_reduce_once(mv_reduce_once(x, q), q);
}

/* floor(t x / Q + 1/2) mod t of one coefficient, x given by its residues (limb i at row[i*N]).
 * With y_i = x (Q/q_i)^-1 mod q_i, x / Q = sum of y_i / q_i mod 1. */
static inline mv_u128 mv_pack_decode(const uint64_t *row, const mv_pack_plan *plan, bool wide)
{
    const mv_u128 ones = mv_u128_ones(plan->log_t);
    uint64_t fraction = (uint64_t)1 << 63; /* 1/2 */
    mv_u128 m = {0, 0};
    for (uint32_t i = 0; i < plan->set->literal.limb_count; i++) {
        const mv_pack_limb *limb = &plan->limb[i];
        const uint64_t x = row[(size_t)i * plan->set->literal.degree];
        const uint64_t y = mv_mul_shoup(x, limb->crt.w, limb->crt.con, plan->set->mod[i].q);
        const mv_u128 low = mv_mul_wide(y, limb->theta.lo);
        fraction += low.lo;
        const uint64_t carry = fraction < low.lo;
        if (wide) {
            m = mv_u128_add(m, mv_mul_wide(y, limb->theta.hi));
            m = mv_u128_add(m, (mv_u128){low.hi, 0});
            m = mv_u128_add(m, (mv_u128){carry, 0});
        } else {
            m.lo += y * limb->theta.hi + low.hi + carry;
        }
    }
    return (mv_u128){m.lo & ones.lo, m.hi & ones.hi};
}

#endif
