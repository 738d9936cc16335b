/* SPDX-License-Identifier: Apache-2.0
 *
 * ntt_portable.c: the transform in plain C: the definition that other kernels are tested against.
 * Read ntt.h first. No branch and no address depends on the data.
 */
#include "ring/ntt.h"

/* One forward butterfly of Cooley and Tukey: (x, y) -> (x + w y, x - w y).
 * in and out [0,4q), 4q < 2^63 */
static inline void butterfly(uint64_t *x, uint64_t *y, uint64_t w, uint64_t w_con, uint64_t q)
{
    const uint64_t u = mv_reduce_once(*x, 2 * q);          /* [0,2q) */
    const uint64_t v = mv_mul_shoup_lazy(*y, w, w_con, q); /* [0,2q) */
    *x = u + v;
    *y = u - v + 2 * q;
}

/* One inverse butterfly of Gentleman and Sande: (x, y) -> (x + y, (x - y) w).
 * in and out [0,2q) */
static inline void inverse_butterfly(uint64_t *x, uint64_t *y, uint64_t w, uint64_t w_con,
                                     uint64_t q)
{
    const uint64_t u = *x, v = *y;
    *x = mv_reduce_once(u + v, 2 * q);
    *y = mv_mul_shoup_lazy(u - v + 2 * q, w, w_con, q);
}

static void forward(uint64_t *restrict a, const mv_ntt_tables *t)
{
    const uint64_t q = t->mod.q;
    uint32_t half = t->n / 2; /* distance between the two ends of a butterfly */
    for (uint32_t blocks = 1; blocks < t->n / 2; blocks *= 2, half /= 2) {
        for (uint32_t i = 0; i < blocks; i++) {
            const uint64_t w = t->root[blocks + i], w_con = t->root_con[blocks + i];
            uint64_t *x = a + (size_t)2 * half * i;
            for (uint32_t j = 0; j < half; j += 2) {
                butterfly(&x[j], &x[j + half], w, w_con, q);
                butterfly(&x[j + 1], &x[j + 1 + half], w, w_con, q);
            }
        }
    }
    for (uint32_t i = 0; i < t->n / 2; i++) { /* last layer, half = 1, with the full reduction */
        uint64_t *x = a + (size_t)2 * i;
        butterfly(&x[0], &x[1], t->root[t->n / 2 + i], t->root_con[t->n / 2 + i], q);
        x[0] = mv_reduce_once(mv_reduce_once(x[0], 2 * q), q);
        x[1] = mv_reduce_once(mv_reduce_once(x[1], 2 * q), q);
    }
}

static void inverse(uint64_t *restrict a, const mv_ntt_tables *t)
{
    const uint64_t q = t->mod.q;
    const uint32_t half_n = t->n / 2;
    uint32_t half = 1;
    for (uint32_t blocks = half_n; blocks > 1; blocks /= 2, half *= 2) {
        for (uint32_t i = 0; i < blocks; i++) {
            const uint64_t w = t->inv_root[blocks + i], w_con = t->inv_root_con[blocks + i];
            uint64_t *x = a + (size_t)2 * half * i;
            for (uint32_t j = 0; j < half; j++) {
                inverse_butterfly(&x[j], &x[j + half], w, w_con, q);
            }
        }
    }
    for (uint32_t j = 0; j < half_n; j++) { /* last layer, half = n/2, with the division by n */
        const uint64_t u = a[j], v = a[j + half_n];
        a[j] = mv_mul_shoup(u + v, t->n_inv.w, t->n_inv.con, q);
        a[j + half_n] = mv_mul_shoup(u - v + 2 * q, t->n_inv_root.w, t->n_inv_root.con, q);
    }
}

const mv_ntt_kernels mv_ntt_portable = {"portable", 64, forward, inverse};
