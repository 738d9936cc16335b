/* SPDX-License-Identifier: Apache-2.0
 *
 * ckks_eval.c: numbers and polynomials on CKKS ciphers.
 *
 * A polynomial of degree below 2^k is p = a + x^(2^(k-1)) b with a, b of degree below 2^(k-1), so
 * it takes k levels; the powers x^2, x^4, x^8 .. are made once.
 */
#include "he/noise.h"
#include "medveil/ckks.h"

enum { POWERS_MAX = 6 }; /* degree below 2^6 */

/* The nearest integer to number * scale, as a factor in every limb; its sign included. */
static mv_status number_factor(mv_known_factor *f, const mv_ring *ring, double scaled)
{
    if (!(fabs(scaled) < 0x1p62)) {
        return MV_E_RANGE;
    }
    const int64_t k = (int64_t)rint(scaled);
    const uint64_t size = k < 0 ? 0 - (uint64_t)k : (uint64_t)k;
    for (uint32_t i = 0; i < ring->limb_count; i++) {
        const uint64_t q = ring->limb[i].mod.q, r = size % q;
        f[i] = mv_ring_factor(ring, i, k < 0 && r != 0 ? q - r : r);
    }
    return MV_OK;
}

static mv_status check(const mv_he_work *work, const mv_cipher *out, const mv_cipher *a,
                       double number)
{
    mv_status st = MV_OK;
    MV_ENSURE(work != NULL && out != NULL && isfinite(number), MV_E_ARGUMENT);
    MV_ENSURE(mv_is_ckks(work->context), MV_E_UNSUPPORTED);
    MV_TRY(mv_cipher_check(work->context, a));
    MV_ENSURE(out->context == work->context, MV_E_MISMATCH);
done:
    return st;
}

mv_status mv_ckks_mul_number(mv_he_work *work, mv_cipher *out, const mv_cipher *a, double number)
{
    mv_status st = MV_OK;
    mv_known_factor f[MV_RING_LIMBS_MAX];
    MV_TRY(check(work, out, a, number));
    if (a->power == 2) {
        MV_ENSURE(a->limbs >= 2, MV_E_LEVEL);
        MV_TRY(mv_cipher_lower(work, &a, work->spare[0], a, a->limbs - 1));
    }
    const mv_he_level *l = mv_cipher_level_of(a);
    MV_TRY(number_factor(f, &l->ring, number * l->scale));
    for (uint32_t p = 0; p < a->polys; p++) {
        mv_ring_mul_scalar(&l->ring, mv_cipher_poly(out, p), mv_cipher_poly(a, p), f);
    }
    mv_cipher_shape(out, a, a->polys);
    const double s = fabs(number) * l->scale + 0.5, shift = a->bound * l->scale / 2;
    out->noise = s * s * a->noise + shift * shift / work->context->degree;
    out->power = 2;
    /* a tiny number leaves less message than noise, which does no harm in a sum */
    out->bound = fmax(a->bound * fabs(number), 2 * mv_ckks_error_bound(out));
done:
    return out == NULL ? st : mv_cipher_settle(out, st);
}

mv_status mv_ckks_add_number(mv_he_work *work, mv_cipher *out, const mv_cipher *a, double number)
{
    mv_status st = MV_OK;
    mv_known_factor f[MV_RING_LIMBS_MAX];
    MV_TRY(check(work, out, a, number));
    const mv_he_level *l = mv_cipher_level_of(a);
    const size_t n = work->context->degree;
    const double s = a->power == 2 ? rint(l->scale) : 1;
    MV_TRY(number_factor(f, &l->ring, number * l->scale));
    MV_TRY(mv_cipher_copy(out, a));
    for (uint32_t i = 0; i < a->limbs; i++) { /* a constant has the same value at every root */
        const mv_modulus *m = &l->ring.limb[i].mod;
        const uint64_t value = mv_mul_mod(f[i].w, (uint64_t)s % m->q, m);
        for (size_t j = 0; j < n; j++) {
            work->row[j] = value;
        }
        uint64_t *row = mv_cipher_poly(out, 0) + i * n;
        l->ring.limb[i].vec.add(row, row, work->row, n, m);
    }
    const double shift = s / 2 + (a->power == 2 ? fabs(number) * l->scale / 2 : 0);
    const double root = sqrt(out->noise) + sqrt(shift * shift / work->context->degree);
    out->noise = root * root;
    out->bound += fabs(number);
done:
    return out == NULL ? st : mv_cipher_settle(out, st);
}

/* Memory of one evaluation. */
typedef struct evaluation {
    mv_he_work *work;
    const mv_he_eval_keys *keys;
    mv_cipher *power[POWERS_MAX]; /* x^(2^k) */
    mv_cipher *part[POWERS_MAX];  /* one for each depth */
} evaluation;

/* out = sum of coefficient[0 .. 2^k - 1] x^i, k >= 1; those beyond count are 0. */
static mv_status evaluate(evaluation *e, mv_cipher *out, const double *coefficient, uint32_t count,
                          uint32_t k)
{
    mv_status st = MV_OK;
    const uint32_t half = UINT32_C(1) << (k - 1);
    if (k > 1 && count <= half) {
        return evaluate(e, out, coefficient, count, k - 1);
    }
    if (k == 1 || count == half + 1) { /* the upper half is one number */
        MV_TRY(mv_ckks_mul_number(e->work, out, e->power[k - 1],
                                  count > half ? coefficient[half] : 0));
    } else {
        mv_cipher *upper = e->part[k - 1];
        MV_TRY(evaluate(e, upper, coefficient + half, count - half, k - 1));
        MV_TRY(mv_he_mul(e->work, out, upper, e->power[k - 1], e->keys));
    }
    if (k == 1) {
        return mv_ckks_add_number(e->work, out, out, coefficient[0]);
    }
    MV_TRY(evaluate(e, e->part[k - 1], coefficient, half, k - 1));
    MV_TRY(mv_he_add(e->work, out, out, e->part[k - 1]));
done:
    return st;
}

mv_status mv_ckks_polynomial(mv_he_work *work, mv_cipher *out, const mv_cipher *x,
                             const double *coefficient, uint32_t degree,
                             const mv_he_eval_keys *keys)
{
    mv_status st = MV_OK;
    evaluation e = {.work = work, .keys = keys};
    uint32_t k = 1;
    MV_TRY(check(work, out, x, 0));
    MV_ENSURE(coefficient != NULL && degree >= 1 && degree < 1u << POWERS_MAX, MV_E_ARGUMENT);
    MV_ENSURE(degree == 1 || keys != NULL, MV_E_NOT_FOUND);
    while (degree >> k != 0) {
        k++;
    }
    for (uint32_t i = 0; i < k; i++) {
        MV_TRY(mv_cipher_new(&e.power[i], work->context->set));
        MV_TRY(mv_cipher_new(&e.part[i], work->context->set));
        MV_TRY(i == 0 ? mv_cipher_copy(e.power[0], x)
                      : mv_he_square(work, e.power[i], e.power[i - 1], keys));
    }
    MV_TRY(evaluate(&e, out, coefficient, degree + 1, k));
done:
    for (uint32_t i = 0; i < POWERS_MAX; i++) {
        mv_cipher_free(&e.power[i]);
        mv_cipher_free(&e.part[i]);
    }
    return out == NULL ? st : mv_cipher_settle(out, st);
}
