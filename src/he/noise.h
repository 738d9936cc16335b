/* SPDX-License-Identifier: Apache-2.0
 *
 * noise.h: the noise bound of slot sets (tail 2^-128). docs/modules/he.md derives each line.
 *
 * With x = c0 + c1 s modulo Q nearest 0:   BFV  x = Q m / t + e      CKKS  x = S^power m + e
 * A cipher carries V, a bound on the variance of e. BFV: of each coefficient. CKKS: of each slot
 * e(zeta), divided by N, because slots are what products multiply.
 *
 * Coefficients are sums of very many independent terms: P(|e_j| > z sqrt V) <= 2 exp(-z^2/2), over
 * all N <= 16384 below 2^-128 for z = 14.1. A slot in CKKS may be the product of two such sums, for
 * which P(|e(zeta)| > x sqrt(N V)) is about exp(-2 x): x = 50 does it, and 64 is used.
 *
 * Factors that share a source of randomness (the key is in all of them) are not independent: every
 * product of two noise terms is counted twice.
 */
#ifndef MV_HE_NOISE_H
#define MV_HE_NOISE_H

#include "he/cipher_internal.h"

#include <math.h>

#define MV_NOISE_TAIL      14.1
#define MV_NOISE_SLOT_TAIL 64.0
#define MV_NOISE_ERROR     10.5 /* variance of the centred binomial over 42 coins */

/* Rounding both polynomials: (1 + s) / 12; the secret has N 2/3 coefficients that are not 0, and by
 * Hoeffding fewer than N 0.85 except with probability 2^-128 for N >= 2048. */
static inline double mv_noise_round(const mv_he_context *c)
{
    return (1 + 0.85 * c->degree) / 12;
}

static inline double mv_noise_round3(const mv_he_context *c) /* three: s^2 too */
{
    return mv_noise_round(c) + 2 * 0.85 * 0.85 * (double)c->degree * c->degree / 12;
}

static inline double mv_noise_special(const mv_he_context *c)
{
    return (double)c->set->mod[c->data_limbs].q;
}

static inline double mv_noise_fresh(void) /* e, and the rounding of the message */
{
    return MV_NOISE_ERROR + 1.0 / 12;
}

/* (e u + e0 + e1 s) / P and the rounding of the division. */
static inline double mv_noise_fresh_public(const mv_he_context *c)
{
    const double p = mv_noise_special(c);
    return MV_NOISE_ERROR * (1 + 2 * 0.85 * c->degree) / (p * p) + mv_noise_round(c) + 1.0 / 12;
}

/* Sum over digits of N sigma^2 q_i^2 / 12, divided by P^2, and rounding. */
static inline double mv_noise_keyswitch(const mv_he_context *c, uint32_t limbs)
{
    double sum = 0;
    const double p = mv_noise_special(c);
    for (uint32_t i = 0; i < limbs; i++) {
        const double q = (double)c->set->mod[i].q / p;
        sum += c->degree * MV_NOISE_ERROR * q * q / 12;
    }
    return sum + mv_noise_round(c);
}

static inline double mv_noise_drop(const mv_cipher *c)
{
    const double q = mv_cipher_level_of(c)->last;
    return c->noise / (q * q) +
           (c->polys == 3 ? mv_noise_round3(c->context) : mv_noise_round(c->context));
}

/* Scale of a CKKS cipher. */
static inline double mv_cipher_scale(const mv_cipher *c)
{
    const double s = mv_cipher_level_of(c)->scale;
    return c->power == 2 ? s * s : s;
}

/* BFV product. With k the multiple of Q in c(s), V_k <= (1 + 0.85 N) / 12 + 1/4:
 * m_a e_b + m_b e_a (|m| <= t/2), t (k_a e_b + k_b e_a), t e_a e_b / Q, rounding of 3 polynomials
 */
static inline double mv_noise_bfv_mul(const mv_cipher *a, const mv_cipher *b)
{
    const double n = a->context->degree, t = (double)a->context->set->literal.plain_modulus;
    const double per_q = exp2(-mv_cipher_level_of(a)->modulus_log2) * t;
    const double k = t * t * ((1 + 0.85 * n) / 12 + 0.25);
    return 2 * n * (t * t / 4 + k) * (a->noise + b->noise) +
           2 * n * per_q * per_q * a->noise * b->noise + mv_noise_round3(a->context);
}

/* CKKS product: m_a e_b + m_b e_a + e_a e_b, slot by slot. */
static inline double mv_noise_ckks_mul(const mv_cipher *a, const mv_cipher *b)
{
    const double ma = a->bound * mv_cipher_scale(a), mb = b->bound * mv_cipher_scale(b);
    return 2 * (ma * ma * b->noise + mb * mb * a->noise) +
           2 * (double)a->context->degree * a->noise * b->noise;
}

/* log2 of (what the noise may be / what it is bounded by); below 0: refuse. */
static inline double mv_noise_margin(const mv_cipher *c)
{
    const mv_he_level *l = mv_cipher_level_of(c);
    const double tail = MV_NOISE_TAIL * sqrt(c->noise);
    if (!mv_is_ckks(c->context)) { /* |e| < Q / (2t), less 2^-20 of it for fixed-point decoding */
        const double room = l->modulus_log2 - 1 - 0x1p-20;
        return room - log2((double)c->context->set->literal.plain_modulus) - log2(tail);
    }
    const double scale = mv_cipher_scale(c),
                 slot = MV_NOISE_SLOT_TAIL * sqrt((double)c->context->degree * c->noise);
    if (log2(c->bound * scale + tail) >= l->modulus_log2 - 1) {
        return -1; /* the message would wrap round Q */
    }
    return log2(c->bound * scale) - log2(slot);
}

#endif
