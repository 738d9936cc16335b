/* SPDX-License-Identifier: Apache-2.0
 *
 * prime.c: powers, inverses, primality and minimal roots of unity.
 */
#include "ring/prime.h"

mv_modulus mv_modulus_make(uint64_t q)
{
    mv_modulus m = {q, 0, 0};
    MV_ASSERT(q > 3 && q % 2 == 1 && q >> MV_PRIME_BITS_MAX == 0);
    while (q >> m.bits != 0) {
        m.bits++;
    }
    uint64_t rest = (uint64_t)1 << (m.bits - 1); /* long division of rest * 2^64, rest < q */
    for (int i = 0; i < 64; i++) {
        rest *= 2;
        m.ratio = m.ratio << 1 | (rest >= q);
        rest -= rest >= q ? q : 0;
    }
    return m;
}

uint64_t mv_pow_mod_vartime(uint64_t a, uint64_t exponent, const mv_modulus *m)
{
    uint64_t result = 1;
    for (; exponent != 0; exponent >>= 1) {
        if (exponent & 1) {
            result = mv_mul_mod(result, a, m);
        }
        a = mv_mul_mod(a, a, m);
    }
    return result;
}

uint64_t mv_inv_mod(uint64_t a, const mv_modulus *m)
{
    return mv_pow_mod_vartime(a, m->q - 2, m); /* Fermat: a^(q-2) * a = 1 */
}

/* One round of Miller's test: does q pass to this base? q - 1 = odd * 2^twos. */
static bool passes(uint64_t base, uint64_t odd, unsigned twos, const mv_modulus *m)
{
    uint64_t x = mv_pow_mod_vartime(base % m->q, odd, m);
    if (x == 1 || x == m->q - 1) {
        return true;
    }
    for (unsigned i = 1; i < twos; i++) {
        x = mv_mul_mod(x, x, m);
        if (x == m->q - 1) {
            return true;
        }
    }
    return false;
}

bool mv_prime_test_vartime(uint64_t q)
{
    /* The first twelve primes as bases decide every number below 3.3 * 10^24. [SW17] */
    static const uint8_t base[12] = {2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37};
    if (q < 2) {
        return false;
    }
    for (int i = 0; i < 12; i++) {
        if (q % base[i] == 0) {
            return q == base[i];
        }
    }
    if (q >> MV_PRIME_BITS_MAX != 0) {
        return false;
    }
    const mv_modulus m = mv_modulus_make(q);
    uint64_t odd = q - 1;
    unsigned twos = 0;
    for (; odd % 2 == 0; odd /= 2) {
        twos++;
    }
    for (int i = 0; i < 12; i++) {
        if (!passes(base[i], odd, twos, &m)) {
            return false;
        }
    }
    return true;
}

uint64_t mv_prime_root_vartime(const mv_modulus *m, uint32_t n)
{
    const uint64_t order = (uint64_t)2 * n;
    if ((m->q - 1) % order != 0) {
        return 0;
    }
    uint64_t root = 0;
    for (uint64_t g = 2; mv_pow_mod_vartime(root, n, m) != m->q - 1; g++) {
        root = mv_pow_mod_vartime(g, (m->q - 1) / order, m); /* order 2n iff root^n = -1 */
    }
    /* All roots of order 2n are the odd powers of this one. */
    const uint64_t square = mv_mul_mod(root, root, m);
    uint64_t least = root;
    for (uint32_t i = 1; i < n; i++) {
        root = mv_mul_mod(root, square, m);
        least = root < least ? root : least;
    }
    return least;
}
