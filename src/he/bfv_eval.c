/* SPDX-License-Identifier: Apache-2.0
 *
 * bfv_eval.c: the product of two BFV ciphers. [FV12]
 *
 * The three polynomials of (a0 + a1 s)(b0 + b1 s) are computed over the integers, that is modulo
 * Q B for a second basis B with B > 4 N t Q; then r = round(t x / Q) is found modulo B:
 *     y = t x mod Q, nearest 0;    r = (t x - y) / Q,    |r| <= t N Q / 2 + 1 < B / 2
 * and carried back to Q. Both base conversions are exact (ring/rns.h).
 */
#include "he/cipher_internal.h"

/* One polynomial in both bases. */
typedef struct both {
    uint64_t *data, *aux;
} both;

/* The coefficients of a, nearest 0, modulo both bases, in evaluation form. */
static void extend(both out, mv_he_work *work, const mv_he_level *l, const uint64_t *a)
{
    const mv_he_context *c = work->context;
    memcpy(out.data, a, mv_rows_len(c, l->ring.limb_count));
    const mv_poly_coeff x = mv_ring_inverse(&l->ring, (mv_poly_eval){out.data});
    mv_rns_convert(&l->to_aux, (mv_poly_coeff){out.aux}, x, work->conv);
    (void)mv_ring_forward(&c->aux, (mv_poly_coeff){out.aux});
    memcpy(out.data, a, mv_rows_len(c, l->ring.limb_count));
}

static void product(const mv_ring *ring, uint64_t *x0, uint64_t *x1, uint64_t *x2,
                    const uint64_t *const a[2], const uint64_t *const b[2])
{
    const size_t n = ring->degree;
    for (uint32_t i = 0; i < ring->limb_count; i++) {
        const mv_ntt_tables *t = &ring->limb[i];
        const size_t r = i * n;
        t->vec.mul(x0 + r, a[0] + r, b[1] + r, n, &t->mod); /* for a moment */
        t->vec.mul(x1 + r, a[1] + r, b[0] + r, n, &t->mod);
        t->vec.add(x1 + r, x1 + r, x0 + r, n, &t->mod);
        t->vec.mul(x0 + r, a[0] + r, b[0] + r, n, &t->mod);
        t->vec.mul(x2 + r, a[1] + r, b[1] + r, n, &t->mod);
    }
}

/* out = round(t x / Q) modulo Q, evaluation form. */
static void scale(uint64_t *out, mv_he_work *work, const mv_he_level *l, both x, uint64_t *spare)
{
    const mv_he_context *c = work->context;
    mv_ring_mul_scalar(&l->ring, x.data, x.data, l->times_t);
    const mv_poly_coeff y = mv_ring_inverse(&l->ring, (mv_poly_eval){x.data});
    (void)mv_ring_inverse(&c->aux, (mv_poly_eval){x.aux});
    mv_rns_convert(&l->to_aux, (mv_poly_coeff){spare}, y, work->conv);
    mv_ring_mul_scalar(&c->aux, x.aux, x.aux, l->aux_times_t);
    mv_ring_mul_scalar(&c->aux, spare, spare, l->aux_minus_inv_q);
    mv_ring_add(&c->aux, x.aux, x.aux, spare);
    mv_rns_convert(&l->from_aux, (mv_poly_coeff){out}, (mv_poly_coeff){x.aux}, work->conv);
    (void)mv_ring_forward(&l->ring, (mv_poly_coeff){out});
}

void mv_bfv_tensor(mv_he_work *work, mv_cipher *out, const mv_cipher *a, const mv_cipher *b)
{
    const mv_he_context *c = work->context;
    const mv_he_level *l = mv_cipher_level_of(a);
    const size_t rows = (size_t)c->data_limbs * c->degree;
    const size_t aux_rows = (size_t)c->aux.limb_count * c->degree;
    both poly[7]; /* a0 a1 b0 b1 x0 x1 x2 */
    for (size_t k = 0; k < 7; k++) {
        poly[k] = (both){work->tensor + k * (rows + aux_rows),
                         work->tensor + k * (rows + aux_rows) + rows};
    }
    for (uint32_t p = 0; p < 2; p++) {
        extend(poly[p], work, l, mv_cipher_poly(a, p));
        extend(poly[2 + p], work, l, mv_cipher_poly(b, p));
    }
    product(&l->ring, poly[4].data, poly[5].data, poly[6].data,
            (const uint64_t *const[2]){poly[0].data, poly[1].data},
            (const uint64_t *const[2]){poly[2].data, poly[3].data});
    product(&c->aux, poly[4].aux, poly[5].aux, poly[6].aux,
            (const uint64_t *const[2]){poly[0].aux, poly[1].aux},
            (const uint64_t *const[2]){poly[2].aux, poly[3].aux});
    for (uint32_t p = 0; p < 3; p++) {
        scale(mv_cipher_poly(out, p), work, l, poly[4 + p], poly[0].aux);
    }
}
