/* SPDX-License-Identifier: Apache-2.0
 *
 * automorphism.h: the maps a(X) -> a(X^g) of polynomials modulo X^N + 1, g odd, 0 < g < 2N.
 *
 * In coefficient form a_j X^j goes to a_j X^(j g mod 2N), where X^(N + k) = -X^k. In evaluation
 * form the value at psi^e becomes the old value at psi^(e g): a permutation of the row, the same
 * for each limb, made once as an order. g and the order are public.
 *
 * Slots are evaluations at zeta^(3^j) (and, for BFV's second row, zeta^(-3^j)): g = 3^k moves slot
 * j + k to slot j, that is it rotates left by k; g = 2N - 1 swaps the rows or conjugates.
 */
#ifndef MV_RING_AUTOMORPHISM_H
#define MV_RING_AUTOMORPHISM_H

#include "ring/ring.h"

#define MV_SLOT_GENERATOR 3u

/* mv_automorphism_rotation: 3^steps mod 2n; steps mod n/2, so negative steps rotate right. */
uint32_t mv_automorphism_rotation(uint32_t n, int32_t steps);

/* mv_automorphism_order: order[n] for mv_automorphism_eval. Aligned blocks of 8 stay together:
 * order[8 b + i] / 8 is the same for i = 0..7, because exponents that agree modulo 2n/8 are
 * neighbours in bit-reversed order and stay neighbours when multiplied by g. */
void mv_automorphism_order(uint32_t *order, uint32_t n, uint32_t g);

/* mv_slot_order: where BFV's slots lie in evaluation form: order[j] is the index of the value at
 * psi^(3^j), order[n/2 + j] of that at psi^(-3^j), j < n/2. */
void mv_slot_order(uint32_t *order, uint32_t n);

/* out is not a. */
void mv_automorphism_eval(const mv_ring *ring, mv_poly_eval out, mv_poly_eval a,
                          const uint32_t *order);
void mv_automorphism_coeff(const mv_ring *ring, mv_poly_coeff out, mv_poly_coeff a, uint32_t g);

#endif
