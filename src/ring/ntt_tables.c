/* SPDX-License-Identifier: Apache-2.0
 *
 * ntt_tables.c: powers of the root of unity in bit-reversed order, with their constants.
 */
#include "ring/ntt.h"
#include "ring/prime.h"

#define MV_NTT_N_MAX 65536u

size_t mv_ntt_tables_words(uint32_t n)
{
    return (size_t)4 * (n < 8 ? 8 : n); /* four arrays, each a whole number of cache lines */
}

static uint32_t bit_reverse(uint32_t i, uint32_t bits)
{
    uint32_t r = 0;
    for (uint32_t b = 0; b < bits; b++) {
        r = r << 1 | (i >> b & 1);
    }
    return r;
}

/* out[bitrev(e)] = base^e with constants, for e = 0..n-1. */
static void fill_powers(uint64_t *out, uint64_t *con, uint64_t base, const mv_ntt_tables *t)
{
    const uint64_t base_con = mv_shoup_con(base, &t->mod);
    uint64_t power = 1;
    for (uint32_t e = 0; e < t->n; e++) {
        const uint32_t i = bit_reverse(e, t->log_n);
        out[i] = power;
        con[i] = mv_ntt_con(power, t);
        power = mv_mul_shoup(power, base, base_con, t->mod.q);
    }
}

static mv_known_factor known_factor(uint64_t w, const mv_ntt_tables *t)
{
    const mv_known_factor f = {w, mv_ntt_con(w, t)};
    return f;
}

mv_status mv_ntt_tables_init(mv_ntt_tables *t, uint64_t *memory, uint32_t n, uint64_t q,
                             const mv_ntt_kernels *kernels, const mv_vec_kernels *vec)
{
    if (n < 2 || n > MV_NTT_N_MAX || (n & (n - 1)) != 0 || q <= 3 || q % 2 == 0 ||
        !mv_prime_test_vartime(q)) {
        return MV_E_ARGUMENT;
    }
    const mv_modulus mod = mv_modulus_make(q);
    const uint64_t psi = mv_prime_root_vartime(&mod, n);
    if (psi == 0) {
        return MV_E_ARGUMENT;
    }
    const size_t stride = mv_ntt_tables_words(n) / 4;
    uint64_t *array[4] = {memory, memory + stride, memory + 2 * stride, memory + 3 * stride};
    *t = (mv_ntt_tables){.n = n,
                         .mod = mod,
                         .psi = psi,
                         .kernels = *kernels,
                         .vec = *vec,
                         .root = array[0],
                         .root_con = array[1],
                         .inv_root = array[2],
                         .inv_root_con = array[3]};
    while ((uint32_t)1 << t->log_n < n) {
        t->log_n++;
    }
    fill_powers(array[0], array[1], psi, t);
    fill_powers(array[2], array[3], mv_inv_mod(psi, &mod), t);
    const uint64_t n_inv = mv_inv_mod(n % q, &mod);
    t->n_inv = known_factor(n_inv, t);
    t->n_inv_root = known_factor(mv_mul_mod(t->inv_root[1], n_inv, &mod), t);
    return MV_OK;
}
