/* SPDX-License-Identifier: Apache-2.0
 *
 * automorphism.c: permutations for X -> X^g.
 */
#include "ring/automorphism.h"

static uint32_t bit_reverse(uint32_t i, uint32_t n)
{
    uint32_t r = 0;
    for (; n > 1; n /= 2, i /= 2) {
        r = r << 1 | (i & 1);
    }
    return r;
}

uint32_t mv_automorphism_rotation(uint32_t n, int32_t steps)
{
    const uint32_t mask = 2 * n - 1;
    uint32_t exponent = (uint32_t)steps & (n / 2 - 1); /* 3 has order n/2 modulo 2n */
    uint32_t result = 1;
    for (uint32_t power = MV_SLOT_GENERATOR; exponent != 0; exponent /= 2) {
        result = exponent & 1 ? result * power & mask : result;
        power = power * power & mask;
    }
    return result;
}

void mv_automorphism_order(uint32_t *order, uint32_t n, uint32_t g)
{
    MV_ASSERT(g % 2 == 1 && g < 2 * n);
    for (uint32_t k = 0; k < n; k++) {
        const uint32_t e = (2 * bit_reverse(k, n) + 1) * g & (2 * n - 1);
        order[k] = bit_reverse(e / 2, n);
    }
}

void mv_slot_order(uint32_t *order, uint32_t n)
{
    uint32_t e = 1; /* 3^j mod 2n */
    for (uint32_t j = 0; j < n / 2; j++) {
        order[j] = bit_reverse(e / 2, n);
        order[n / 2 + j] = bit_reverse((2 * n - e) / 2, n);
        e = e * MV_SLOT_GENERATOR & (2 * n - 1);
    }
}

void mv_automorphism_eval(const mv_ring *ring, mv_poly_eval out, mv_poly_eval a,
                          const uint32_t *order)
{
    const size_t n = ring->degree;
    for (size_t i = 0; i < ring->limb_count; i++) {
        ring->limb[i].vec.permute(out.limb + i * n, a.limb + i * n, order, n);
    }
}

void mv_automorphism_coeff(const mv_ring *ring, mv_poly_coeff out, mv_poly_coeff a, uint32_t g)
{
    const uint32_t n = ring->degree;
    MV_ASSERT(g % 2 == 1 && g < 2 * n);
    for (uint32_t i = 0; i < ring->limb_count; i++) {
        const uint64_t q = ring->limb[i].mod.q, *from = a.limb + (size_t)i * n;
        uint64_t *to = out.limb + (size_t)i * n;
        for (uint32_t j = 0, e = 0; j < n; j++, e = (e + g) & (2 * n - 1)) {
            to[e & (n - 1)] = e < n ? from[j] : mv_reduce_once(q - from[j], q);
        }
    }
}
