/* SPDX-License-Identifier: Apache-2.0
 *
 * modarith.h: arithmetic modulo one prime q below 2^61, on single words.
 *
 * Two ways to multiply: Shoup's, when one factor w is known beforehand and carries its constant
 * floor(w * 2^64 / q) along, and Barrett's for two unknown factors. Everything here except the
 * _vartime functions takes the same time whatever the values are, so values may be secret.
 */
#ifndef MV_RING_MODARITH_H
#define MV_RING_MODARITH_H

#include "base/status.h"
#include "base/u128.h"

#define MV_PRIME_BITS_MAX 61

/* One prime with what Barrett needs; made by mv_modulus_make, public. */
typedef struct mv_modulus {
    uint64_t q;     /* odd prime, 3 < q < 2^61 */
    unsigned bits;  /* 2^(bits-1) < q < 2^bits */
    uint64_t ratio; /* floor(2^(63+bits) / q), in (2^63, 2^64) */
} mv_modulus;

mv_modulus mv_modulus_make(uint64_t q); /* q odd, 3 < q < 2^61 */

/* mv_reduce_once: a mod b for a in [0,2b), b < 2^62. */
static inline uint64_t mv_reduce_once(uint64_t a, uint64_t b)
{
    const uint64_t d = a - b; /* in [-b, b): the top bit tells the sign */
    return d + (b & (0 - (d >> 63)));
}

/* A factor known beforehand: w in [0,q) and con = floor(w * 2^c / q); c is 64, or con_bits of the
 * kernels that it is for. */
typedef struct mv_known_factor {
    uint64_t w, con;
} mv_known_factor;

static inline uint64_t mv_add_mod(uint64_t a, uint64_t b, uint64_t q) /* a, b in [0,q) */
{
    return mv_reduce_once(a + b, q);
}

static inline uint64_t mv_sub_mod(uint64_t a, uint64_t b, uint64_t q) /* a, b in [0,q) */
{
    return mv_reduce_once(a + q - b, q);
}

/* mv_lift_ct: s in (-q,q), secret, to [0,q);  q < 2^62 */
static inline uint64_t mv_lift_ct(int64_t s, uint64_t q)
{
    const uint64_t negative = 0 - ((uint64_t)s >> 63); /* all ones when s < 0, else 0 */
    return (uint64_t)s + (q & negative);
}

/* mv_mul_shoup_lazy: a*w mod q, not fully reduced. [Har14], Shoup's trick
 * in    a any; w in [0,q); w_con = floor(w * 2^64 / q); q < 2^62
 * out   in [0,2q)          time  constant, a may be secret */
static inline uint64_t mv_mul_shoup_lazy(uint64_t a, uint64_t w, uint64_t w_con, uint64_t q)
{
    const uint64_t t = mv_mul_hi(a, w_con);
    const uint64_t r = a * w - t * q; /* exact mod 2^64, since 0 <= true r < 2q < 2^63 */
    MV_ASSERT(r < 2 * q);
    return r;
}

static inline uint64_t mv_mul_shoup(uint64_t a, uint64_t w, uint64_t w_con, uint64_t q)
{
    return mv_reduce_once(mv_mul_shoup_lazy(a, w, w_con, q), q);
}

/* mv_shift_word: w * 2^64 = quotient * q + remainder for w in [0,q), without a division, so w may
 * be secret. The estimate floor(w * ratio / 2^(bits-1)) is at most 2 too small: ratio lacks less
 * than 1, which costs less than w / 2^(bits-1) < 2, and the final floor less than 1; so its
 * remainder is in [0,3q), and two corrections are enough. */
typedef struct mv_shifted {
    uint64_t quotient, remainder;
} mv_shifted;

static inline mv_shifted mv_shift_word(uint64_t w, const mv_modulus *m)
{
    const mv_u128 p = mv_mul_wide(w, m->ratio);
    mv_shifted s = {p.lo >> (m->bits - 1) | p.hi << 1 << (64 - m->bits), 0};
    s.remainder = 0 - s.quotient * m->q; /* w * 2^64 - quotient * q, exact mod 2^64 */
    for (int i = 0; i < 2; i++) {
        const uint64_t d = s.remainder - m->q;
        const uint64_t keep = 0 - (d >> 63); /* all ones when remainder < q */
        s.quotient += 1 + keep;
        s.remainder = d + (m->q & keep);
    }
    MV_ASSERT(s.remainder < m->q);
    return s;
}

/* mv_shoup_con: floor(w * 2^64 / q) for w in [0,q); w may be secret. */
static inline uint64_t mv_shoup_con(uint64_t w, const mv_modulus *m)
{
    return mv_shift_word(w, m).quotient;
}

/* mv_reduce_word: a mod q for any word a. [Bar86]
 * floor(floor(a * ratio / 2^64) / 2^(bits-1)) is at most 1 below floor(a / q): what ratio lacks
 * costs less than a / 2^(63+bits) <= 1/4 [bits >= 3], the floors together less than 1. */
static inline uint64_t mv_reduce_word(uint64_t a, const mv_modulus *m)
{
    const uint64_t r = a - (mv_mul_hi(a, m->ratio) >> (m->bits - 1)) * m->q;
    MV_ASSERT(r < 2 * m->q);
    return mv_reduce_once(r, m->q);
}

/* mv_reduce_wide: x mod q for any pair of words: (x.hi mod q) * 2^64 + x.lo. */
static inline uint64_t mv_reduce_wide(mv_u128 x, const mv_modulus *m)
{
    const uint64_t high = mv_shift_word(mv_reduce_word(x.hi, m), m).remainder;
    return mv_add_mod(high, mv_reduce_word(x.lo, m), m->q);
}

/* mv_mul_mod: a*b mod q, a and b in [0,q). [Bar86]
 * x = a*b < 2^(2 bits). floor(floor(x / 2^(bits-1)) * ratio / 2^64) is at most 2 below floor(x/q):
 * the inner floor costs less than ratio/2^64 < 1, the one in ratio less than 2^(bits+1)/2^64 <=
 * 1/4, the outer one less than 1. So the remainder is in [0,3q), below 2^63. */
static inline uint64_t mv_mul_mod(uint64_t a, uint64_t b, const mv_modulus *m)
{
    const mv_u128 x = mv_mul_wide(a, b);
    const uint64_t top = x.lo >> (m->bits - 1) | x.hi << 1 << (64 - m->bits);
    const uint64_t r = x.lo - mv_mul_hi(top, m->ratio) * m->q;
    MV_ASSERT(r < 3 * m->q);
    return mv_reduce_once(mv_reduce_once(r, 2 * m->q), m->q);
}

/* mv_add_fraction: fraction += y / q in units of 2^-64, whole += its carry; y in [0,q).
 * floor(y ratio / 2^(bits-1)) is below y 2^64 / q by less than y / 2^(bits-1) + 1 < 3. */
static inline void mv_add_fraction(uint64_t *fraction, uint64_t *whole, uint64_t y,
                                   const mv_modulus *m)
{
    const mv_u128 p = mv_mul_wide(y, m->ratio);
    const uint64_t f = p.lo >> (m->bits - 1) | p.hi << 1 << (64 - m->bits);
    *fraction += f;
    *whole += *fraction < f;
}

/* a^exponent mod q, a in [0,q); time depends on exponent. */
uint64_t mv_pow_mod_vartime(uint64_t a, uint64_t exponent, const mv_modulus *m);

/* a^-1 mod q, a in (0,q), q prime; time depends on q only. */
uint64_t mv_inv_mod(uint64_t a, const mv_modulus *m);

#endif
