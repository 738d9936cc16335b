/* SPDX-License-Identifier: Apache-2.0
 *
 * ring.c: limb by limb over the transform's kernels.
 */
#include "ring/ring.h"

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
    for (uint32_t i = 0; i < limb_count && st == MV_OK; i++) {
        const mv_ntt_kernels kernels = mv_ntt_choose(cpu, degree, bit_length(prime[i]));
        st = mv_ntt_tables_init(&ring->limb[i], memory + i * mv_ntt_tables_words(degree), degree,
                                prime[i], &kernels);
    }
    return st;
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

mv_poly_coeff mv_ring_mul_known(const mv_ring *ring, mv_poly_eval a, mv_poly_known b)
{
    for (uint32_t i = 0; i < ring->limb_count; i++) {
        const mv_ntt_tables *t = &ring->limb[i];
        const size_t row = (size_t)i * ring->degree;
        t->kernels.mul_con_lazy(a.limb + row, a.limb + row, b.limb + row, b.con + row, t);
    }
    return mv_ring_inverse(ring, a); /* which takes [0,2q) */
}
