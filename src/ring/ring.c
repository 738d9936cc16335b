/* SPDX-License-Identifier: Apache-2.0
 *
 * ring.c: limb by limb over the kernels.
 */
#include "ring/ring.h"

#include <string.h>

size_t mv_ring_words(uint32_t degree, uint32_t limb_count)
{
    return limb_count * mv_ntt_tables_words(degree);
}

static unsigned bit_length(uint64_t q)
{
    unsigned bits = 0;
    for (; q != 0; q >>= 1) {
        bits++;
    }
    return bits;
}

mv_status mv_ring_init(mv_ring *ring, uint64_t *memory, uint32_t degree, const uint64_t *prime,
                       uint32_t limb_count, uint32_t cpu)
{
    mv_status st = MV_OK;
    if (limb_count == 0 || limb_count > MV_RING_LIMBS_MAX) {
        return MV_E_ARGUMENT;
    }
    ring->degree = degree;
    ring->limb_count = limb_count;
    ring->cpu = cpu;
    for (uint32_t i = 0; i < limb_count && st == MV_OK; i++) {
        const mv_ntt_kernels kernels = mv_ntt_choose(cpu, degree, bit_length(prime[i]));
        const mv_vec_kernels vec = mv_vec_choose(cpu, degree, bit_length(prime[i]));
        st = mv_ntt_tables_init(&ring->limb[i], memory + i * mv_ntt_tables_words(degree), degree,
                                prime[i], &kernels, &vec);
    }
    return st;
}

void mv_ring_pick(mv_ring *out, const mv_ring *ring, const uint32_t *index, uint32_t count)
{
    MV_ASSERT(count > 0 && count <= MV_RING_LIMBS_MAX);
    out->degree = ring->degree;
    out->limb_count = count;
    out->cpu = ring->cpu;
    for (uint32_t i = 0; i < count; i++) {
        MV_ASSERT(index[i] < ring->limb_count);
        out->limb[i] = ring->limb[index[i]];
    }
}

mv_poly_eval mv_ring_forward(const mv_ring *ring, mv_poly_coeff a)
{
    for (uint32_t i = 0; i < ring->limb_count; i++) {
        ring->limb[i].kernels.forward(a.limb + (size_t)i * ring->degree, &ring->limb[i]);
    }
    return (mv_poly_eval){a.limb};
}

mv_poly_coeff mv_ring_inverse(const mv_ring *ring, mv_poly_eval a)
{
    for (uint32_t i = 0; i < ring->limb_count; i++) {
        ring->limb[i].kernels.inverse(a.limb + (size_t)i * ring->degree, &ring->limb[i]);
    }
    return (mv_poly_coeff){a.limb};
}

void mv_ring_add(const mv_ring *ring, uint64_t *out, const uint64_t *a, const uint64_t *b)
{
    const size_t n = ring->degree;
    for (size_t i = 0; i < ring->limb_count; i++) {
        const mv_ntt_tables *t = &ring->limb[i];
        t->vec.add(out + i * n, a + i * n, b + i * n, n, &t->mod);
    }
}

void mv_ring_sub(const mv_ring *ring, uint64_t *out, const uint64_t *a, const uint64_t *b)
{
    const size_t n = ring->degree;
    for (size_t i = 0; i < ring->limb_count; i++) {
        const mv_ntt_tables *t = &ring->limb[i];
        t->vec.sub(out + i * n, a + i * n, b + i * n, n, &t->mod);
    }
}

void mv_ring_neg(const mv_ring *ring, uint64_t *out, const uint64_t *a)
{
    const size_t n = ring->degree;
    for (size_t i = 0; i < ring->limb_count; i++) {
        const mv_ntt_tables *t = &ring->limb[i];
        t->vec.neg(out + i * n, a + i * n, n, &t->mod);
    }
}

void mv_ring_mul_scalar(const mv_ring *ring, uint64_t *out, const uint64_t *a,
                        const mv_known_factor *f)
{
    const size_t n = ring->degree;
    for (size_t i = 0; i < ring->limb_count; i++) {
        const mv_ntt_tables *t = &ring->limb[i];
        t->vec.mul_scalar(out + i * n, a + i * n, f[i], n, &t->mod);
    }
}

void mv_ring_mul(const mv_ring *ring, mv_poly_eval out, mv_poly_eval a, mv_poly_eval b)
{
    const size_t n = ring->degree;
    for (size_t i = 0; i < ring->limb_count; i++) {
        const mv_ntt_tables *t = &ring->limb[i];
        t->vec.mul(out.limb + i * n, a.limb + i * n, b.limb + i * n, n, &t->mod);
    }
}

mv_poly_coeff mv_ring_mul_known(const mv_ring *ring, mv_poly_eval a, mv_poly_known b)
{
    const size_t n = ring->degree;
    for (size_t i = 0; i < ring->limb_count; i++) {
        const mv_ntt_tables *t = &ring->limb[i];
        uint64_t *row = a.limb + i * n;
        t->vec.mul_known_lazy(row, row, b.limb + i * n, b.con + i * n, n, &t->mod);
    }
    return mv_ring_inverse(ring, a); /* which takes [0,2q) */
}

mv_poly_known mv_ring_know(const mv_ring *ring, mv_poly_eval a, uint64_t *con)
{
    const size_t n = ring->degree;
    for (size_t i = 0; i < ring->limb_count; i++) {
        for (size_t j = i * n; j < (i + 1) * n; j++) {
            con[j] = mv_ntt_con(a.limb[j], &ring->limb[i]);
        }
    }
    return (mv_poly_known){a.limb, con};
}

void mv_ring_wide_clear(const mv_ring *ring, mv_poly_wide sum)
{
    const size_t len = (size_t)ring->limb_count * ring->degree * sizeof *sum.low;
    memset(sum.low, 0, len);
    memset(sum.high, 0, len);
}

void mv_ring_mac(const mv_ring *ring, mv_poly_wide sum, mv_poly_eval a, mv_poly_eval b)
{
    const size_t n = ring->degree;
    for (size_t i = 0; i < ring->limb_count; i++) {
        const size_t row = i * n;
        ring->limb[i].vec.mac(sum.low + row, sum.high + row, a.limb + row, b.limb + row, n);
    }
}

void mv_ring_wide_reduce(const mv_ring *ring, mv_poly_eval out, mv_poly_wide sum)
{
    const size_t n = ring->degree;
    for (size_t i = 0; i < ring->limb_count; i++) {
        const mv_ntt_tables *t = &ring->limb[i];
        t->vec.mac_reduce(out.limb + i * n, sum.low + i * n, sum.high + i * n, n, &t->mod);
    }
}

/* Primes may be small (17 in toy rings), so s is made positive by a multiple of q before reducing.
 */
mv_poly_coeff mv_ring_lift(const mv_ring *ring, uint64_t *rows, const int8_t *s)
{
    const size_t n = ring->degree;
    for (size_t i = 0; i < ring->limb_count; i++) {
        const mv_ntt_tables *t = &ring->limb[i];
        const uint64_t base = t->mod.q * (128 / t->mod.q + 1); /* above 127, below 2^62 */
        uint64_t *row = rows + i * n;
        for (size_t j = 0; j < n; j++) {
            row[j] = base + (uint64_t)(int64_t)s[j];
        }
        t->vec.reduce(row, row, n, &t->mod);
    }
    return (mv_poly_coeff){rows};
}
