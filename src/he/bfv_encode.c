/* SPDX-License-Identifier: Apache-2.0
 *
 * bfv_encode.c: integers modulo t in N slots, and back.
 *
 * t is a prime that is 1 modulo 2N, so a polynomial modulo t is its N values at the odd powers of a
 * root zeta: slot j of the first row is the value at zeta^(3^j), of the second at zeta^(-3^j).
 */
#include "base/secret.h"
#include "he/noise.h"
#include "medveil/bfv.h"

/* (Q m + h) / t rounded down, h = floor(t/2): with rest = (Q m + h) mod t it is (h - rest) / t
 * modulo q_i, because Q is 0 there. m, rest in [0,t); t < 2^40. */
void mv_bfv_scale_up(uint64_t *rows, const mv_he_context *c, uint32_t limbs,
                     const uint64_t *message)
{
    const mv_he_level *l = &c->level[limbs - 1];
    const mv_modulus *t = &c->plain_ring.limb[0].mod;
    const uint64_t q_mod_t = l->modulus_mod_t, con = mv_shoup_con(q_mod_t, t), half = t->q / 2;
    const size_t n = c->degree;
    for (size_t j = 0; j < n; j++) {
        const uint64_t rest =
            mv_reduce_once(mv_mul_shoup(message[j], q_mod_t, con, t->q) + half, t->q);
        const int64_t d = (int64_t)half - (int64_t)rest; /* in (-t, t/2] */
        for (uint32_t i = 0; i < limbs; i++) {
            const uint64_t q = l->ring.limb[i].mod.q;
            rows[i * n + j] = mv_mul_shoup(mv_lift_ct(d, q), l->inv_t[i].w, l->inv_t[i].con, q);
        }
    }
}

/* m, read nearest 0, as a factor, and its norm. */
static void fill_factor(mv_plain *plain)
{
    const mv_he_context *c = plain->context;
    const mv_ring *ring = &c->level[c->data_limbs - 1].ring;
    const uint64_t t = c->plain_ring.limb[0].mod.q;
    double norm2 = 0;
    (void)mv_rns_digit(ring, plain->limb, plain->message, t);
    (void)mv_ring_forward(ring, (mv_poly_coeff){plain->limb});
    for (uint32_t j = 0; j < c->degree; j++) {
        const uint64_t above = 0 - ((t / 2 - plain->message[j]) >> 63); /* m > t/2 */
        const double m = (double)(int64_t)(plain->message[j] - (t & above));
        norm2 += m * m;
    }
    plain->norm2 = norm2;
    plain->limbs = c->data_limbs;
}

/* Whether |value| <= floor(t/2) for all; that this is not so is all that it tells. */
static bool are_within(const int64_t *value, size_t count, uint64_t t)
{
    uint64_t bad = 0;
    for (size_t j = 0; j < count; j++) {
        const uint64_t shifted = (uint64_t)value[j] + t / 2; /* in [0,t) when right */
        bad |= shifted | (t - 1 - shifted);
    }
    return bad >> 63 == 0;
}

void mv_bfv_encode_in_range(mv_plain *out, const int64_t *value, size_t count, bool slots)
{
    const mv_he_context *c = out->context;
    const uint64_t t = c->plain_ring.limb[0].mod.q;
    for (size_t j = 0; j < c->degree; j++) {
        out->message[slots ? c->slot_order[j] : j] = j < count ? mv_lift_ct(value[j], t) : 0;
    }
    if (slots) {
        (void)mv_ring_inverse(&c->plain_ring, (mv_poly_eval){out->message});
    }
    fill_factor(out);
}

static mv_status encode(mv_plain *out, const int64_t *value, size_t count, bool slots)
{
    mv_status st = MV_OK;
    MV_ENSURE(out != NULL && (value != NULL || count == 0), MV_E_ARGUMENT);
    out->limbs = 0;
    MV_ENSURE(!mv_is_ckks(out->context), MV_E_UNSUPPORTED);
    MV_ENSURE(count <= out->context->degree, MV_E_ARGUMENT);
    MV_ENSURE(are_within(value, count, out->context->plain_ring.limb[0].mod.q), MV_E_RANGE);
    mv_bfv_encode_in_range(out, value, count, slots);
done:
    return st;
}

mv_status mv_bfv_encode(mv_plain *out, const int64_t *value, size_t count)
{
    return encode(out, value, count, true);
}

mv_status mv_bfv_encode_coefficients(mv_plain *out, const int64_t *value, size_t count)
{
    return encode(out, value, count, false);
}

/* The message's coefficients modulo t into work->row. */
static mv_status open_message(mv_he_work *work, const mv_he_key *key, const mv_cipher *cipher)
{
    mv_status st = MV_OK;
    mv_poly_coeff x = {NULL};
    MV_ENSURE(!mv_is_ckks(work->context), MV_E_UNSUPPORTED);
    MV_TRY(mv_he_phase(work, &x, key, cipher));
    mv_rns_scale_round(&mv_cipher_level_of(cipher)->scale_down, work->row, x);
done:
    return st;
}

static int64_t centred(uint64_t m, uint64_t t)
{
    return (int64_t)(m - (t & (0 - ((t / 2 - m) >> 63))));
}

static mv_status decrypt(mv_he_work *work, int64_t *value, size_t count, const mv_he_key *key,
                         const mv_cipher *cipher, bool slots)
{
    mv_status st = MV_OK;
    if (value == NULL) {
        return MV_E_ARGUMENT;
    }
    MV_ENSURE(work != NULL && key != NULL && cipher != NULL, MV_E_ARGUMENT);
    const mv_he_context *c = work->context;
    MV_ENSURE(count <= c->degree, MV_E_ARGUMENT);
    MV_TRY(open_message(work, key, cipher));
    if (slots) {
        (void)mv_ring_forward(&c->plain_ring, (mv_poly_coeff){work->row});
    }
    for (size_t j = 0; j < count; j++) {
        const size_t at = slots ? c->slot_order[j] : j;
        value[j] = centred(work->row[at], c->plain_ring.limb[0].mod.q);
    }
done:
    if (st != MV_OK) {
        mv_wipe(value, count * sizeof *value);
    }
    return st;
}

mv_status mv_bfv_decrypt(mv_he_work *work, int64_t *value, size_t count, const mv_he_key *key,
                         const mv_cipher *cipher)
{
    return decrypt(work, value, count, key, cipher, true);
}

mv_status mv_bfv_decrypt_coefficients(mv_he_work *work, int64_t *value, size_t count,
                                      const mv_he_key *key, const mv_cipher *cipher)
{
    return decrypt(work, value, count, key, cipher, false);
}
