/* SPDX-License-Identifier: Apache-2.0
 *
 * rns.h: numbers given by their residues (limbs): changing the primes, dividing, rounding.
 *
 * x modulo Q = q_0 .. q_(k-1) is read as the number nearest 0, in (-Q/2, Q/2). Everything works on
 * each coefficient alone, so on polynomials in coefficient form. With
 *     y_i = x (Q/q_i)^-1 mod q_i:    x / Q = sum of y_i / q_i  modulo 1,
 * so the integer nearest to that sum, v, gives x = sum of y_i (Q/q_i) - v Q. [HPS19]
 * The sum is kept in 64 bits of fraction, each y_i / q_i less than 2^-62 too small, so v is right
 * unless |x| > Q/2 (1 - 2^-56); there x may come out as x - Q or x + Q, which is as good a
 * representative of the same residues.
 *
 * Time depends on sizes only; scratch is the caller's, who wipes it where values are secret.
 */
#ifndef MV_RING_RNS_H
#define MV_RING_RNS_H

#include "ring/ring.h"

/* From the primes of one ring to those of another, same N. Immutable once made; borrows both. */
typedef struct mv_rns_conv {
    const mv_ring *from, *to;
    mv_known_factor inv_hat[MV_RING_LIMBS_MAX];         /* (Q/q_i)^-1 mod q_i */
    mv_vec_kernels vec[MV_RING_LIMBS_MAX];              /* for target j */
    uint64_t hat[MV_RING_LIMBS_MAX][MV_RING_LIMBS_MAX]; /* hat[j][i] = Q/q_i mod p_j */
    uint64_t minus_modulus[MV_RING_LIMBS_MAX];          /* -Q mod p_j */
} mv_rns_conv;

void mv_rns_conv_init(mv_rns_conv *c, const mv_ring *from, const mv_ring *to);

/* mv_rns_conv_words: 64-bit words of scratch, 64-byte aligned, that mv_rns_convert needs. */
size_t mv_rns_conv_words(const mv_rns_conv *c);

/* mv_rns_convert: out = x modulo the primes of c->to. out is not in. */
void mv_rns_convert(const mv_rns_conv *c, mv_poly_coeff out, mv_poly_coeff in, uint64_t *scratch);

/* Division by the last prime q_L of a ring, with rounding: x -> round(x / q_L) = (x - r) / q_L,
 * r = x mod q_L nearest 0: rescale, modulus switch, and the end of a key switch with one special
 * prime. Borrows the ring. */
typedef struct mv_rns_drop {
    const mv_ring *ring;
    mv_known_factor inv[MV_RING_LIMBS_MAX]; /* q_L^-1 mod q_i */
} mv_rns_drop;

void mv_rns_drop_init(mv_rns_drop *d, const mv_ring *ring); /* of two or more limbs */

/* In place: the first limbs become the result, the last one is spent. scratch: N words, 64-byte
 * aligned. cost in evaluation form: one inverse transform and one forward a remaining limb */
void mv_rns_drop_coeff(const mv_rns_drop *d, mv_poly_coeff x, uint64_t *scratch);
void mv_rns_drop_eval(const mv_rns_drop *d, mv_poly_eval x, uint64_t *scratch);

/* mv_rns_digit: one limb of a polynomial, read nearest 0, modulo every prime of a ring: the digits
 * of key switching. row[N] in [0,from), coefficient form; from an odd prime below 2^61.
 * Negating or permuting x does the same to its digits, so they may be shared by many rotations. */
mv_poly_coeff mv_rns_digit(const mv_ring *ring, uint64_t *out, const uint64_t *row, uint64_t from);

/* What scaling to a small modulus needs: t odd, 3 < t < 2^59. */
typedef struct mv_rns_scale {
    const mv_ring *ring;
    mv_modulus t;
    mv_known_factor inv_hat[MV_RING_LIMBS_MAX]; /* (Q/q_i)^-1 mod q_i */
    mv_known_factor t_mod[MV_RING_LIMBS_MAX];   /* t mod q_i */
    uint64_t q_inv[MV_RING_LIMBS_MAX];          /* q_i^-1 mod 2^64 */
} mv_rns_scale;

void mv_rns_scale_init(mv_rns_scale *s, const mv_ring *ring, uint64_t t);

/* mv_rns_scale_round: out[j] = floor(t x_j / Q + 1/2) mod t: how BFV decrypts. [FV12]
 * Right where t x / Q is farther than 2^-57 from a half-integer. */
void mv_rns_scale_round(const mv_rns_scale *s, uint64_t *out, mv_poly_coeff x);

/* Composing to floating point: what mixed radix needs. */
typedef struct mv_rns_crt {
    const mv_ring *ring;
    mv_known_factor inv[MV_RING_LIMBS_MAX][MV_RING_LIMBS_MAX]; /* [i][j]: q_j^-1 mod q_i, j < i */
} mv_rns_crt;

void mv_rns_crt_init(mv_rns_crt *c, const mv_ring *ring);

/* mv_rns_to_double: out[j] = x_j / scale for the x_j nearest 0, scale a power of two or any other
 * number; exact centring, then a relative error below (2 limb_count + 2) 2^-53. */
void mv_rns_to_double(const mv_rns_crt *c, double *out, mv_poly_coeff x, double scale);

/* mv_rns_from_double: the integer nearest to x[j] (halves to even) modulo every prime, j < N.
 * errors: MV_E_RANGE when some |x[j]| is not below 2^100 (or not a number); out is then zero */
MV_MUST_CHECK mv_status mv_rns_from_double(const mv_ring *ring, uint64_t *out, const double *x);

#endif
