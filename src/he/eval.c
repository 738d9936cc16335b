/* SPDX-License-Identifier: Apache-2.0
 *
 * eval.c: the operations of he.h on ciphers: both schemes, everything but BFV's tensor product.
 *
 * Scales of CKKS are fixed by the level: a cipher of level k has scale S_k, or S_k^2 after a
 * product (power 2). Before two ciphers are combined, both are brought to a common level and power.
 */
#include "base/secret.h"
#include "he/noise.h"

/* ---- Bringing operands together ---- */

/* The first rows of a, nothing else changed: a smaller Q divides the larger one. CKKS only. */
static void truncate_to(mv_cipher *out, const mv_cipher *a, uint32_t limbs)
{
    for (uint32_t p = 0; p < a->polys; p++) {
        memmove(mv_cipher_poly(out, p), mv_cipher_poly(a, p), mv_rows_len(a->context, limbs));
    }
    mv_cipher_shape(out, a, a->polys);
    out->limbs = limbs;
}

/* Every limb times the integer nearest to factor, below 2^60; scale: what the cipher has before. */
static void multiply_by(mv_cipher *c, double factor, double scale)
{
    const mv_ring *ring = &mv_cipher_level_of(c)->ring;
    const uint64_t k = (uint64_t)(factor + 0.5);
    mv_known_factor f[MV_RING_LIMBS_MAX];
    for (uint32_t i = 0; i < c->limbs; i++) {
        f[i] = mv_ring_factor(ring, i, k % ring->limb[i].mod.q);
    }
    for (uint32_t p = 0; p < c->polys; p++) {
        mv_ring_mul_scalar(ring, mv_cipher_poly(c, p), mv_cipher_poly(c, p), f);
    }
    /* k stands for factor: that shifts each slot by at most bound * scale / 2 */
    const double shift = c->bound * scale / 2;
    c->noise = c->noise * (double)k * (double)k + shift * shift / c->context->degree;
}

/* In place, limbs >= 2. */
static void drop_last(mv_he_work *work, mv_cipher *c)
{
    const mv_he_level *l = mv_cipher_level_of(c);
    for (uint32_t p = 0; p < c->polys; p++) {
        mv_rns_drop_eval(&l->drop, mv_cipher_eval(c, p), work->row);
    }
    c->noise = mv_noise_drop(c);
    c->limbs--;
    c->seeded = false;
}

mv_status mv_he_drop(mv_he_work *work, mv_cipher *out, const mv_cipher *a)
{
    mv_status st = MV_OK;
    MV_ENSURE(work != NULL && out != NULL, MV_E_ARGUMENT);
    MV_TRY(mv_cipher_check(work->context, a));
    MV_ENSURE(out->context == work->context, MV_E_MISMATCH);
    MV_ENSURE(a->limbs >= 2, MV_E_LEVEL);
    if (mv_is_ckks(work->context) && a->power == 1) { /* a level down at the scale of that level */
        const mv_cipher *lower = NULL;
        MV_TRY(mv_cipher_lower(work, &lower, work->spare[0], a, a->limbs - 1));
        MV_TRY(mv_cipher_copy(out, lower));
    } else {
        MV_TRY(mv_cipher_copy(out, a));
        drop_last(work, out);
        out->power = 1;
    }
done:
    return out == NULL ? st : mv_cipher_settle(out, st);
}

/* CKKS at power 1: from scale S of its level to the scale of `limbs`, by a factor and one drop. */
static void lower_ckks(mv_he_work *work, mv_cipher *c, uint32_t limbs)
{
    const double from = mv_cipher_level_of(c)->scale;
    const double to = c->context->level[limbs - 1].scale;
    truncate_to(c, c, limbs + 1); /* the scale is still `from` */
    const double factor = to * mv_cipher_level_of(c)->last / from;
    multiply_by(c, factor, from);
    drop_last(work, c);
}

mv_status mv_cipher_lower(mv_he_work *work, const mv_cipher **out, mv_cipher *spare,
                          const mv_cipher *a, uint32_t limbs)
{
    mv_status st = MV_OK;
    const bool ckks = mv_is_ckks(a->context);
    if (a->limbs == limbs && a->power == 1) {
        *out = a;
        return MV_OK;
    }
    MV_ENSURE(a->limbs > limbs || (a->power == 1 && a->limbs == limbs), MV_E_LEVEL);
    MV_TRY(mv_cipher_copy(spare, a));
    if (a->power == 2) {
        drop_last(work, spare);
        spare->power = 1;
    }
    while (!ckks && spare->limbs > limbs) {
        drop_last(work, spare);
    }
    if (ckks && spare->limbs > limbs) {
        lower_ckks(work, spare, limbs);
    }
    *out = spare;
done:
    return st;
}

/* Level that a has at power 1. */
static uint32_t limbs_at_power_1(const mv_cipher *a)
{
    return a->power == 2 ? a->limbs - 1 : a->limbs;
}

/* Both at power 1 and at one level, for products. */
static mv_status match_for_product(mv_he_work *work, const mv_cipher **a, const mv_cipher **b)
{
    mv_status st = MV_OK;
    const uint32_t la = limbs_at_power_1(*a), lb = limbs_at_power_1(*b);
    const uint32_t limbs = la < lb ? la : lb;
    MV_ENSURE(limbs >= 1, MV_E_LEVEL);
    const bool same = *a == *b;
    MV_TRY(mv_cipher_lower(work, a, work->spare[0], *a, limbs));
    if (same) {
        *b = *a;
    } else {
        MV_TRY(mv_cipher_lower(work, b, work->spare[1], *b, limbs));
    }
done:
    return st;
}

/* At one level and one power, for sums: products of one level wait with their rescaling. A product
 * at the last level meets only its like: brought to its scale, anything else would not fit under Q.
 */
static mv_status match_for_sum(mv_he_work *work, const mv_cipher **a, const mv_cipher **b)
{
    const bool alike = (*a)->limbs == (*b)->limbs && (*a)->power == (*b)->power;
    return alike ? MV_OK : match_for_product(work, a, b);
}

static mv_status check_two(const mv_he_work *work, const mv_cipher *out, const mv_cipher *a,
                           const mv_cipher *b)
{
    mv_status st = MV_OK;
    MV_ENSURE(work != NULL && out != NULL, MV_E_ARGUMENT);
    MV_TRY(mv_cipher_check(work->context, a));
    MV_TRY(mv_cipher_check(work->context, b));
    MV_ENSURE(out->context == work->context, MV_E_MISMATCH);
done:
    return st;
}

static mv_status check_one(const mv_he_work *work, const mv_cipher *out, const mv_cipher *a)
{
    return check_two(work, out, a, a);
}

/* ---- Sums ---- */

/* out[p] = +-a[p] +- b[p], a missing polynomial being 0. */
static void add_poly(mv_cipher *out, const mv_cipher *a, const mv_cipher *b, uint32_t p, bool minus)
{
    const mv_ring *ring = &mv_cipher_level_of(a)->ring;
    uint64_t *o = mv_cipher_poly(out, p);
    if (p >= a->polys) {
        if (minus) {
            mv_ring_neg(ring, o, mv_cipher_poly(b, p));
        } else {
            memmove(o, mv_cipher_poly(b, p), mv_rows_len(a->context, a->limbs));
        }
    } else if (p >= b->polys) {
        memmove(o, mv_cipher_poly(a, p), mv_rows_len(a->context, a->limbs));
    } else if (minus) {
        mv_ring_sub(ring, o, mv_cipher_poly(a, p), mv_cipher_poly(b, p));
    } else {
        mv_ring_add(ring, o, mv_cipher_poly(a, p), mv_cipher_poly(b, p));
    }
}

/* Standard deviations add: nothing is said about how the two depend on each other. */
static double noise_of_sum(double a, double b)
{
    const double root = sqrt(a) + sqrt(b);
    return root * root;
}

static mv_status add_or_sub(mv_he_work *work, mv_cipher *out, const mv_cipher *a,
                            const mv_cipher *b, bool minus)
{
    mv_status st = MV_OK;
    MV_TRY(check_two(work, out, a, b));
    MV_TRY(match_for_sum(work, &a, &b));
    const uint32_t polys = a->polys > b->polys ? a->polys : b->polys;
    const double noise = noise_of_sum(a->noise, b->noise), bound = a->bound + b->bound;
    for (uint32_t p = 0; p < polys; p++) {
        add_poly(out, a, b, p, minus);
    }
    mv_cipher_shape(out, a, polys);
    out->noise = noise;
    out->bound = bound;
done:
    return out == NULL ? st : mv_cipher_settle(out, st);
}

mv_status mv_he_add(mv_he_work *work, mv_cipher *out, const mv_cipher *a, const mv_cipher *b)
{
    return add_or_sub(work, out, a, b, false);
}

mv_status mv_he_sub(mv_he_work *work, mv_cipher *out, const mv_cipher *a, const mv_cipher *b)
{
    return add_or_sub(work, out, a, b, true);
}

mv_status mv_he_negate(mv_cipher *out, const mv_cipher *a)
{
    mv_status st = MV_OK;
    MV_ENSURE(out != NULL, MV_E_ARGUMENT);
    MV_TRY(mv_cipher_check(out->context, a));
    for (uint32_t p = 0; p < a->polys; p++) {
        mv_ring_neg(&mv_cipher_level_of(a)->ring, mv_cipher_poly(out, p), mv_cipher_poly(a, p));
    }
    mv_cipher_shape(out, a, a->polys);
done:
    return out == NULL ? st : mv_cipher_settle(out, st);
}

/* ---- Plains ---- */

static mv_status check_plain(const mv_he_work *work, const mv_cipher *out, const mv_cipher *a,
                             const mv_plain *b)
{
    mv_status st = MV_OK;
    MV_TRY(check_one(work, out, a));
    MV_ENSURE(b != NULL && b->limbs != 0, MV_E_ARGUMENT);
    MV_ENSURE(b->context == work->context, MV_E_MISMATCH);
done:
    return st;
}

/* CKKS: a at the plain's level; a product there may stay one. */
static mv_status match_plain(mv_he_work *work, const mv_cipher **a, const mv_plain *b,
                             bool product_stays)
{
    if (!mv_is_ckks(work->context) || (product_stays && (*a)->limbs == b->limbs)) {
        return MV_OK;
    }
    return mv_cipher_lower(work, a, work->spare[0], *a, b->limbs);
}

/* What is added to c0, in work->temp. */
static const uint64_t *plain_rows(mv_he_work *work, const mv_cipher *a, const mv_plain *b)
{
    const mv_he_level *l = mv_cipher_level_of(a);
    uint64_t *rows = work->temp;
    if (!mv_is_ckks(work->context)) {
        mv_bfv_scale_up(rows, work->context, a->limbs, b->message);
        return mv_ring_forward(&l->ring, (mv_poly_coeff){rows}).limb;
    }
    if (a->power == 1) {
        return b->limb;
    }
    mv_known_factor f[MV_RING_LIMBS_MAX];
    for (uint32_t i = 0; i < a->limbs; i++) {
        f[i] = mv_ring_factor(&l->ring, i, (uint64_t)(l->scale + 0.5) % l->ring.limb[i].mod.q);
    }
    mv_ring_mul_scalar(&l->ring, rows, b->limb, f);
    return rows;
}

static mv_status add_or_sub_plain(mv_he_work *work, mv_cipher *out, const mv_cipher *a,
                                  const mv_plain *b, bool minus)
{
    mv_status st = MV_OK;
    MV_TRY(check_plain(work, out, a, b));
    MV_TRY(match_plain(work, &a, b, true));
    const mv_ring *ring = &mv_cipher_level_of(a)->ring;
    const uint64_t *rows = plain_rows(work, a, b);
    const double s = mv_is_ckks(work->context) && a->power == 2 ? mv_cipher_level_of(a)->scale : 1;
    const double shift = a->power == 2 ? b->bound * s / 2 : 0; /* s rounded, see multiply_by */
    MV_TRY(mv_cipher_copy(out, a));
    if (minus) {
        mv_ring_sub(ring, mv_cipher_poly(out, 0), mv_cipher_poly(a, 0), rows);
    } else {
        mv_ring_add(ring, mv_cipher_poly(out, 0), mv_cipher_poly(a, 0), rows);
    }
    out->seeded = a->seeded; /* c1 is as it was */
    out->noise = noise_of_sum(out->noise, s * s / 12 + shift * shift / work->context->degree);
    out->bound += b->bound;
done:
    return out == NULL ? st : mv_cipher_settle(out, st);
}

mv_status mv_he_add_plain(mv_he_work *work, mv_cipher *out, const mv_cipher *a, const mv_plain *b)
{
    return add_or_sub_plain(work, out, a, b, false);
}

mv_status mv_he_sub_plain(mv_he_work *work, mv_cipher *out, const mv_cipher *a, const mv_plain *b)
{
    return add_or_sub_plain(work, out, a, b, true);
}

/* BFV: N coefficients of the plain meet those of the noise. CKKS: slot by slot, and the plain's own
 * rounding (1/12) meets the message. */
static void noise_of_plain_product(mv_cipher *out, const mv_plain *b)
{
    const mv_he_context *c = out->context;
    if (!mv_is_ckks(c)) {
        out->noise *= b->norm2 < 1 ? 1 : b->norm2;
        return;
    }
    const double s = mv_cipher_level_of(out)->scale, mb = b->bound * s, ma = out->bound * s;
    out->noise = noise_of_sum(mb * mb * out->noise, ma * ma / 12) + c->degree * out->noise / 12;
    out->bound *= b->bound;
    out->power = 2;
}

mv_status mv_he_mul_plain(mv_he_work *work, mv_cipher *out, const mv_cipher *a, const mv_plain *b)
{
    mv_status st = MV_OK;
    MV_TRY(check_plain(work, out, a, b));
    MV_TRY(match_plain(work, &a, b, false));
    const mv_ring *ring = &mv_cipher_level_of(a)->ring;
    for (uint32_t p = 0; p < a->polys; p++) {
        mv_ring_mul(ring, mv_cipher_eval(out, p), mv_cipher_eval(a, p), (mv_poly_eval){b->limb});
    }
    mv_cipher_shape(out, a, a->polys);
    noise_of_plain_product(out, b);
done:
    return out == NULL ? st : mv_cipher_settle(out, st);
}

/* ---- Products ---- */

static void ckks_tensor(mv_he_work *work, mv_cipher *out, const mv_cipher *a, const mv_cipher *b)
{
    const mv_ring *ring = &mv_cipher_level_of(a)->ring;
    const mv_poly_eval x = {work->temp}, y = {work->low};
    const mv_poly_eval a0 = mv_cipher_eval(a, 0), a1 = mv_cipher_eval(a, 1);
    const mv_poly_eval b0 = mv_cipher_eval(b, 0), b1 = mv_cipher_eval(b, 1);
    mv_ring_mul(ring, x, a0, b1);
    mv_ring_mul(ring, y, a1, b0);
    mv_ring_mul(ring, mv_cipher_eval(out, 2), a1, b1);
    mv_ring_mul(ring, mv_cipher_eval(out, 0), a0, b0); /* from here a and b may be gone */
    mv_ring_add(ring, mv_cipher_poly(out, 1), x.limb, y.limb);
}

mv_status mv_he_mul(mv_he_work *work, mv_cipher *out, const mv_cipher *a, const mv_cipher *b,
                    const mv_he_eval_keys *keys)
{
    mv_status st = MV_OK;
    MV_TRY(check_two(work, out, a, b));
    MV_ENSURE(a->polys == 2 && b->polys == 2, MV_E_ARGUMENT); /* relinearise first */
    MV_ENSURE(keys == NULL || mv_key_find(keys, 1) != NULL, MV_E_NOT_FOUND);
    MV_TRY(match_for_product(work, &a, &b));
    const bool ckks = mv_is_ckks(work->context);
    const double noise = ckks ? mv_noise_ckks_mul(a, b) : mv_noise_bfv_mul(a, b);
    const double bound = a->bound * b->bound;
    if (ckks) {
        ckks_tensor(work, out, a, b);
    } else {
        mv_bfv_tensor(work, out, a, b);
    }
    mv_cipher_shape(out, a, 3);
    out->power = ckks ? 2 : 1;
    out->noise = noise;
    out->bound = bound;
    if (keys != NULL) {
        MV_TRY(mv_he_relinearise(work, out, out, keys));
    }
done:
    return out == NULL ? st : mv_cipher_settle(out, st);
}

mv_status mv_he_square(mv_he_work *work, mv_cipher *out, const mv_cipher *a,
                       const mv_he_eval_keys *keys)
{
    return mv_he_mul(work, out, a, a, keys);
}

mv_status mv_he_relinearise(mv_he_work *work, mv_cipher *out, const mv_cipher *a,
                            const mv_he_eval_keys *keys)
{
    mv_status st = MV_OK;
    MV_TRY(check_one(work, out, a));
    MV_ENSURE(a->polys == 3, MV_E_ARGUMENT);
    MV_ENSURE(keys != NULL && keys->context == work->context, MV_E_MISMATCH);
    const mv_he_eval_key *key = mv_key_find(keys, 1);
    MV_ENSURE(key != NULL, MV_E_NOT_FOUND);
    const mv_ring *ring = &mv_cipher_level_of(a)->ring;
    const size_t second = (size_t)(a->limbs + 1) * work->context->degree;
    mv_keyswitch_digits(work, mv_cipher_poly(a, 2), a->limbs);
    mv_keyswitch_sum(work, key, a->limbs);
    mv_ring_add(ring, mv_cipher_poly(out, 0), mv_cipher_poly(a, 0), work->low);
    mv_ring_add(ring, mv_cipher_poly(out, 1), mv_cipher_poly(a, 1), work->low + second);
    mv_cipher_shape(out, a, 2);
    out->noise = noise_of_sum(out->noise, mv_noise_keyswitch(work->context, out->limbs));
done:
    return out == NULL ? st : mv_cipher_settle(out, st);
}

/* ---- Rotations ---- */

/* out = sigma(c0 + first, second) of what mv_keyswitch_sum left; the digits are in work. */
static void rotate_by_key(mv_he_work *work, mv_cipher *out, const mv_cipher *a,
                          const mv_he_eval_key *key)
{
    const mv_ring *ring = &mv_cipher_level_of(a)->ring;
    const size_t second = (size_t)(a->limbs + 1) * work->context->degree;
    mv_keyswitch_sum(work, key, a->limbs);
    mv_ring_add(ring, work->temp, mv_cipher_poly(a, 0), work->low);
    mv_automorphism_eval(ring, mv_cipher_eval(out, 0), (mv_poly_eval){work->temp}, key->order);
    mv_automorphism_eval(ring, mv_cipher_eval(out, 1), (mv_poly_eval){work->low + second},
                         key->order);
    mv_cipher_shape(out, a, 2);
    out->noise = noise_of_sum(a->noise, mv_noise_keyswitch(work->context, a->limbs));
}

static mv_status rotate_galois(mv_he_work *work, mv_cipher *out, const mv_cipher *a,
                               uint32_t galois, const mv_he_eval_keys *keys)
{
    mv_status st = MV_OK;
    MV_TRY(check_one(work, out, a));
    MV_ENSURE(a->polys == 2, MV_E_ARGUMENT); /* relinearise first */
    if (galois == 1) {
        return mv_cipher_copy(out, a);
    }
    MV_ENSURE(keys == NULL || keys->context == work->context, MV_E_MISMATCH);
    const mv_he_eval_key *key = mv_key_find(keys, galois);
    MV_ENSURE(key != NULL, MV_E_NOT_FOUND);
    mv_keyswitch_digits(work, mv_cipher_poly(a, 1), a->limbs);
    rotate_by_key(work, out, a, key);
done:
    return out == NULL ? st : mv_cipher_settle(out, st);
}

mv_status mv_he_rotate(mv_he_work *work, mv_cipher *out, const mv_cipher *a, int32_t steps,
                       const mv_he_eval_keys *keys)
{
    return work == NULL
               ? MV_E_ARGUMENT
               : rotate_galois(work, out, a, mv_automorphism_rotation(work->context->degree, steps),
                               keys);
}

mv_status mv_he_swap(mv_he_work *work, mv_cipher *out, const mv_cipher *a,
                     const mv_he_eval_keys *keys)
{
    return work == NULL ? MV_E_ARGUMENT
                        : rotate_galois(work, out, a, 2 * work->context->degree - 1, keys);
}

/* Every output and key is there, and no output is the input. */
static mv_status check_many(const mv_he_work *work, mv_cipher *const *out, const int32_t *steps,
                            size_t count, const mv_cipher *a, const mv_he_eval_keys *keys)
{
    mv_status st = MV_OK;
    for (size_t k = 0; k < count; k++) {
        const uint32_t g = mv_automorphism_rotation(work->context->degree, steps[k]);
        MV_TRY(check_one(work, out[k], a));
        MV_ENSURE(out[k] != a, MV_E_ARGUMENT);
        MV_ENSURE(g == 1 || mv_key_find(keys, g) != NULL, MV_E_NOT_FOUND);
    }
done:
    return st;
}

mv_status mv_he_rotate_many(mv_he_work *work, mv_cipher *const *out, const int32_t *steps,
                            size_t count, const mv_cipher *a, const mv_he_eval_keys *keys)
{
    mv_status st = MV_OK;
    MV_ENSURE(work != NULL && ((out != NULL && steps != NULL) || count == 0), MV_E_ARGUMENT);
    MV_TRY(mv_cipher_check(work->context, a));
    MV_ENSURE(a->polys == 2, MV_E_ARGUMENT);
    MV_ENSURE(keys == NULL || keys->context == work->context, MV_E_MISMATCH);
    MV_TRY(check_many(work, out, steps, count, a, keys));
    mv_keyswitch_digits(work, mv_cipher_poly(a, 1), a->limbs);
    for (size_t k = 0; k < count; k++) {
        const uint32_t g = mv_automorphism_rotation(work->context->degree, steps[k]);
        if (g == 1) {
            MV_TRY(mv_cipher_copy(out[k], a));
        } else {
            rotate_by_key(work, out[k], a, mv_key_find(keys, g));
            MV_TRY(mv_cipher_settle(out[k], MV_OK));
        }
    }
done:
    for (size_t k = 0; st != MV_OK && out != NULL && k < count; k++) {
        if (out[k] != NULL && out[k] != a) {
            out[k]->polys = 0;
        }
    }
    return st;
}

/* X^k in evaluation form: +-1 at coefficient k mod N. */
mv_status mv_he_mul_monomial(mv_he_work *work, mv_cipher *out, const mv_cipher *a, uint32_t k)
{
    mv_status st = MV_OK;
    MV_TRY(check_one(work, out, a));
    const size_t n = work->context->degree;
    MV_ENSURE(k < 2 * n, MV_E_ARGUMENT);
    const mv_ring *ring = &mv_cipher_level_of(a)->ring;
    memset(work->small, 0, n);
    work->small[k % n] = k < n ? 1 : -1;
    const mv_poly_eval x = mv_ring_forward(ring, mv_ring_lift(ring, work->temp, work->small));
    for (uint32_t p = 0; p < a->polys; p++) {
        mv_ring_mul(ring, mv_cipher_eval(out, p), mv_cipher_eval(a, p), x);
    }
    mv_cipher_shape(out, a, a->polys);
done:
    return out == NULL ? st : mv_cipher_settle(out, st);
}

/* ---- Sums over slots ---- */

mv_status mv_he_sum_slots(mv_he_work *work, mv_cipher *out, const mv_cipher *a, uint32_t count,
                          const mv_he_eval_keys *keys)
{
    mv_status st = MV_OK;
    mv_cipher *sum = NULL;
    MV_TRY(check_one(work, out, a));
    const uint32_t row = work->context->degree / 2;
    const uint32_t most = mv_is_ckks(work->context) ? row : 2 * row;
    MV_ENSURE(count >= 1 && count <= most && (count & (count - 1)) == 0, MV_E_ARGUMENT);
    sum = work->spare[2];
    MV_TRY(mv_cipher_copy(out, a));
    for (uint32_t step = 1; step < count && step < row; step *= 2) {
        MV_TRY(mv_he_rotate(work, sum, out, (int32_t)step, keys));
        MV_TRY(mv_he_add(work, out, out, sum));
    }
    if (count == 2 * row) {
        MV_TRY(mv_he_swap(work, sum, out, keys));
        MV_TRY(mv_he_add(work, out, out, sum));
    }
done:
    return out == NULL ? st : mv_cipher_settle(out, st);
}

mv_status mv_he_inner(mv_he_work *work, mv_cipher *out, const mv_cipher *a, const mv_cipher *b,
                      uint32_t count, const mv_he_eval_keys *keys)
{
    const mv_status st = keys == NULL ? MV_E_NOT_FOUND : mv_he_mul(work, out, a, b, keys);
    return st == MV_OK ? mv_he_sum_slots(work, out, out, count, keys) : st;
}

mv_status mv_he_inner_plain(mv_he_work *work, mv_cipher *out, const mv_cipher *a, const mv_plain *b,
                            uint32_t count, const mv_he_eval_keys *keys)
{
    const mv_status st = mv_he_mul_plain(work, out, a, b);
    return st == MV_OK ? mv_he_sum_slots(work, out, out, count, keys) : st;
}
