/* SPDX-License-Identifier: Apache-2.0
 *
 * prime.h: which primes carry a transform, and with which root of unity. Public numbers only.
 */
#ifndef MV_RING_PRIME_H
#define MV_RING_PRIME_H

#include "ring/modarith.h"

#include <stdbool.h>

/* mv_prime_test_vartime: whether q is prime; exact for every q < 2^61. */
bool mv_prime_test_vartime(uint64_t q);

/* mv_prime_root_vartime: the smallest psi of order exactly 2n modulo the prime q, or 0 when 2n does
 * not divide q - 1. n is a power of two. cost: about n products */
uint64_t mv_prime_root_vartime(const mv_modulus *m, uint32_t n);

#endif
