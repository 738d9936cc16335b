/* SPDX-License-Identifier: Apache-2.0
 *
 * vecmod_portable.c: element-wise arithmetic in plain C: the definition. Read vecmod.h first.
 */
#include "ring/vecmod.h"

static void add(uint64_t *out, const uint64_t *a, const uint64_t *b, size_t n, const mv_modulus *m)
{
    for (size_t j = 0; j < n; j++) {
        out[j] = mv_add_mod(a[j], b[j], m->q);
    }
}

static void sub(uint64_t *out, const uint64_t *a, const uint64_t *b, size_t n, const mv_modulus *m)
{
    for (size_t j = 0; j < n; j++) {
        out[j] = mv_sub_mod(a[j], b[j], m->q);
    }
}

static void neg(uint64_t *out, const uint64_t *a, size_t n, const mv_modulus *m)
{
    for (size_t j = 0; j < n; j++) {
        out[j] = mv_reduce_once(m->q - a[j], m->q);
    }
}

static void mul(uint64_t *out, const uint64_t *a, const uint64_t *b, size_t n, const mv_modulus *m)
{
    for (size_t j = 0; j < n; j++) {
        out[j] = mv_mul_mod(a[j], b[j], m);
    }
}

static void mul_known_lazy(uint64_t *out, const uint64_t *a, const uint64_t *w,
                           const uint64_t *w_con, size_t n, const mv_modulus *m)
{
    for (size_t j = 0; j < n; j++) {
        out[j] = mv_mul_shoup_lazy(a[j], w[j], w_con[j], m->q);
    }
}

static void mul_scalar(uint64_t *out, const uint64_t *a, mv_known_factor f, size_t n,
                       const mv_modulus *m)
{
    for (size_t j = 0; j < n; j++) {
        out[j] = mv_mul_shoup(a[j], f.w, f.con, m->q);
    }
}

static void mac(uint64_t *low, uint64_t *high, const uint64_t *a, const uint64_t *b, size_t n)
{
    for (size_t j = 0; j < n; j++) {
        const mv_u128 sum = {low[j], high[j]};
        const mv_u128 next = mv_u128_add(mv_mul_wide(a[j], b[j]), sum);
        low[j] = next.lo;
        high[j] = next.hi;
    }
}

static void mac_scalar(uint64_t *low, uint64_t *high, const uint64_t *a, uint64_t w, size_t n)
{
    for (size_t j = 0; j < n; j++) {
        const mv_u128 sum = {low[j], high[j]};
        const mv_u128 next = mv_u128_add(mv_mul_wide(a[j], w), sum);
        low[j] = next.lo;
        high[j] = next.hi;
    }
}

static void mac_reduce(uint64_t *out, const uint64_t *low, const uint64_t *high, size_t n,
                       const mv_modulus *m)
{
    for (size_t j = 0; j < n; j++) {
        out[j] = mv_reduce_wide((mv_u128){low[j], high[j]}, m);
    }
}

static void reduce(uint64_t *out, const uint64_t *a, size_t n, const mv_modulus *m)
{
    for (size_t j = 0; j < n; j++) {
        out[j] = mv_reduce_word(a[j], m);
    }
}

static void recentre(uint64_t *out, const uint64_t *a, uint64_t from, size_t n, const mv_modulus *m)
{
    const uint64_t minus_from = m->q - mv_reduce_word(from, m); /* [1,q], -from mod q */
    for (size_t j = 0; j < n; j++) {
        const uint64_t upper = 0 - ((from / 2 - a[j]) >> 63); /* all ones when a > from/2 */
        out[j] = mv_reduce_word(a[j] + (minus_from & upper), m);
    }
}

static void add_fraction(uint64_t *fraction, uint64_t *whole, const uint64_t *y, size_t n,
                         const mv_modulus *m)
{
    for (size_t j = 0; j < n; j++) {
        mv_add_fraction(&fraction[j], &whole[j], y[j], m);
    }
}

static void permute(uint64_t *out, const uint64_t *a, const uint32_t *from, size_t n)
{
    for (size_t j = 0; j < n; j++) {
        out[j] = a[from[j]];
    }
}

const mv_vec_kernels mv_vec_portable = {.name = "portable",
                                        .con_bits = 64,
                                        .add = add,
                                        .sub = sub,
                                        .neg = neg,
                                        .mul = mul,
                                        .mul_known_lazy = mul_known_lazy,
                                        .mul_scalar = mul_scalar,
                                        .mac = mac,
                                        .mac_scalar = mac_scalar,
                                        .mac_reduce = mac_reduce,
                                        .reduce = reduce,
                                        .recentre = recentre,
                                        .add_fraction = add_fraction,
                                        .permute = permute};
