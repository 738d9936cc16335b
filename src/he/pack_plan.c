/* SPDX-License-Identifier: Apache-2.0
 *
 * pack_plan.c: from set and shape to constants and sizes; the header of an object.
 */
#include "he/pack_internal.h"

#include "he/he_bytes.h"

#include <math.h>
#include <string.h>

static const uint8_t magic[4] = {'M', 'V', 'H', 'E'};
enum { VERSION = 0 };

static uint32_t ceil_log2(uint32_t n) /* n >= 1 */
{
    uint32_t bits = 0;
    while ((uint32_t)1 << bits < n) {
        bits++;
    }
    return bits;
}

/* Twice the largest noise of one fresh ciphertext: e and the rounding of the message; or those, and
 * e u and e1 s, each a sum of N errors. */
static uint64_t noise_twice(uint32_t degree, mv_he_form form)
{
    const uint64_t n = degree;
    return form == MV_HE_SYM
               ? 43
               : 84 * n + 43; /* check: 2 * 2 * 21 + 43 + 2 * (21 + 1/2) == 84 + 2 * 43 */
}

uint64_t mv_pack_noise_factor(uint32_t degree, uint32_t sums, mv_he_form form)
{
    const uint64_t n = degree;
    return form == MV_HE_SYM ? noise_twice(degree, form) * sums + 1
                             : (noise_twice(degree, form) + n) * sums;
}

double mv_pack_margin_bits(const mv_pack_plan *plan, uint32_t summed)
{
    const double noise = (double)noise_twice(plan->set->literal.degree, plan->shape.form) * summed;
    const double modulus = ldexp((double)plan->modulus.hi, 64) + (double)plan->modulus.lo;
    return log2(modulus) - plan->log_t - log2(noise);
}

/* Largest T with 2^T W <= Q, or 0. Q < 2^120, so nothing overflows. */
static uint32_t find_log_t(mv_u128 modulus, uint64_t factor)
{
    mv_u128 least = {factor, 0};
    uint32_t log_t = 0;
    for (least = mv_u128_shl(least, 1); mv_u128_below_or_equal(least, modulus);
         least = mv_u128_shl(least, 1)) {
        log_t++;
    }
    return log_t;
}

static bool shape_is_valid(const mv_pack_shape *shape)
{
    return shape->bits >= 1 && shape->bits <= MV_PACK_BITS_MAX && shape->sums >= 1 &&
           shape->sums <= MV_PACK_SUMS_MAX && shape->count >= 1 &&
           (shape->form == MV_HE_SYM || shape->form == MV_HE_PK);
}

/* What the code of pack.c relies on beyond a checked set: two limbs of at most 60 bits, and room
 * for the error of the fixed-point decoding:  sum of q_i / 2^64 <= 1 / (2 (43 n + 1)), and in the
 * public form <= 2^-8 (see pack.c). */
static bool set_is_fit(const mv_he_set *set, const mv_pack_shape *shape)
{
    uint64_t total = 0;
    if (set->literal.scheme != MV_HE_PACK || set->literal.limb_count > MV_PACK_LIMBS_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < set->literal.limb_count; i++) {
        if (set->mod[i].bits > 60 || set->mod[i].q < 88) {
            return false;
        }
        total += set->mod[i].q;
    }
    const uint64_t factor = mv_pack_noise_factor(set->literal.degree, shape->sums, MV_HE_SYM);
    return shape->form == MV_HE_SYM ? mv_mul_wide(total, 2 * factor).hi == 0 : total >> 56 == 0;
}

/* floor(2^(64+log_t) / q): long division from 2^(bits-1) < q on. */
static mv_u128 make_theta(const mv_modulus *m, uint32_t log_t)
{
    mv_u128 quotient = {0, 0};
    uint64_t rest = (uint64_t)1 << (m->bits - 1);
    for (uint32_t i = m->bits - 1; i < 64 + log_t; i++) {
        rest *= 2;
        quotient = mv_u128_shl(quotient, 1);
        quotient.lo |= rest >= m->q;
        rest -= rest >= m->q ? m->q : 0;
    }
    return quotient;
}

static mv_known_factor known(uint64_t w, const mv_modulus *m)
{
    const mv_known_factor f = {w, mv_shoup_con(w, m)};
    return f;
}

static mv_pack_limb make_limb(const mv_he_set *set, uint32_t i, uint32_t log_t)
{
    const mv_modulus *m = &set->mod[i];
    mv_pack_limb limb = {.half = (m->q + 1) / 2};
    const uint64_t step = m->q - mv_pow_mod_vartime(limb.half, log_t, m); /* -(1/2)^log_t */
    const uint64_t two64 = mv_pow_mod_vartime(2, 64, m);
    uint64_t rest = 1; /* Q / q_i mod q_i */
    for (uint32_t k = 0; k < set->literal.limb_count; k++) {
        rest = k == i ? rest : mv_mul_mod(rest, set->mod[k].q % m->q, m);
    }
    limb.step = known(step, m);
    limb.step_hi = known(mv_mul_mod(step, two64, m), m);
    limb.crt = known(mv_inv_mod(rest, m), m);
    limb.theta = make_theta(m, log_t);
    return limb;
}

mv_status mv_pack_plan_make(mv_pack_plan *plan, const mv_he_set *set, const mv_pack_shape *shape)
{
    mv_status st = MV_OK;
    mv_pack_plan p = {.set = set, .modulus = {1, 0}};
    memset(plan, 0, sizeof *plan);
    MV_ENSURE(set != NULL && shape != NULL && shape_is_valid(shape), MV_E_ARGUMENT);
    MV_ENSURE(set_is_fit(set, shape), MV_E_ARGUMENT);
    p.shape = *shape;
    for (uint32_t i = 0; i < set->literal.limb_count; i++) {
        p.modulus = mv_u128_mul_low(p.modulus, (mv_u128){set->mod[i].q, 0});
    }
    p.log_t =
        find_log_t(p.modulus, mv_pack_noise_factor(set->literal.degree, shape->sums, shape->form));
    p.width = shape->bits + ceil_log2(shape->sums);
    p.per = p.log_t / p.width;
    MV_ENSURE(p.per >= 1, MV_E_ARGUMENT);
    for (uint32_t i = 0; i < set->literal.limb_count; i++) {
        /* theta has log_t + 65 - bits bits */
        MV_ENSURE(p.log_t <= 62 + set->mod[i].bits, MV_E_ARGUMENT);
        p.limb[i] = make_limb(set, i, p.log_t);
    }
    p.coeffs = ((uint64_t)shape->count + p.per - 1) / p.per;
    p.polys = (p.coeffs + set->literal.degree - 1) / set->literal.degree;
    *plan = p;
done:
    return st;
}

uint32_t mv_pack_used(const mv_pack_plan *plan, uint64_t p)
{
    const uint32_t n = plan->set->literal.degree;
    return p + 1 < plan->polys ? n : (uint32_t)(plan->coeffs - p * n);
}

/* Bytes of the rows of one polynomial with count values each. */
static uint64_t rows_size(const mv_he_set *set, uint32_t count)
{
    uint64_t size = 0;
    for (uint32_t i = 0; i < set->literal.limb_count; i++) {
        size += mv_row_size(count, set->mod[i].bits);
    }
    return size;
}

size_t mv_pack_object_size(const mv_pack_plan *plan, mv_pack_kind kind)
{
    const uint64_t full = rows_size(plan->set, plan->set->literal.degree);
    const uint64_t last = rows_size(plan->set, mv_pack_used(plan, plan->polys - 1));
    /* below 2^32 polynomials of N coefficients, each below 2^32 * 16 bytes in all: no overflow */
    uint64_t size = MV_PACK_HEADER_LEN + (plan->polys - 1) * full + last;
    size += mv_pack_is_seeded(&plan->shape, kind) ? MV_SEED_LEN : plan->polys * full;
    return size <= SIZE_MAX / 2 ? (size_t)size : 0;
}

static size_t size_of_shape(const mv_he_set *set, const mv_pack_shape *shape, mv_pack_kind kind)
{
    mv_pack_plan plan;
    return mv_pack_plan_make(&plan, set, shape) == MV_OK ? mv_pack_object_size(&plan, kind) : 0;
}

size_t mv_pack_size(const mv_he_set *set, const mv_pack_shape *shape)
{
    return size_of_shape(set, shape, MV_PACK_FRESH);
}

size_t mv_pack_sum_size(const mv_he_set *set, const mv_pack_shape *shape)
{
    return size_of_shape(set, shape, MV_PACK_SUM);
}

void mv_pack_header_write(uint8_t out[MV_PACK_HEADER_LEN], const mv_pack_plan *plan,
                          const mv_pack_header *header)
{
    memcpy(out, magic, sizeof magic);
    out[4] = VERSION;
    out[5] = (uint8_t)header->kind;
    out[6] = plan->set->literal.id;
    out[7] = (uint8_t)plan->shape.bits;
    out[8] = (uint8_t)plan->shape.sums;
    out[9] = (uint8_t)header->summed;
    out[10] = (uint8_t)plan->shape.form;
    out[11] = 0;
    mv_store_u32le(out + 12, plan->shape.count);
}

/* A fresh ciphertext counts for one; a sum for at least two and at most what its noise allows. */
static bool summed_is_valid(const mv_pack_header *header, const mv_pack_shape *shape)
{
    return header->kind == MV_PACK_FRESH ? header->summed == 1
                                         : header->summed >= 2 && header->summed <= shape->sums;
}

mv_status mv_pack_header_read(mv_pack_plan *plan, mv_pack_header *header, mv_reader *body,
                              const uint8_t *bytes, size_t len)
{
    mv_status st = MV_OK;
    const uint8_t *h = NULL;
    mv_reader r = mv_reader_make(bytes, len);
    MV_TRY(mv_read_view(&r, &h, MV_PACK_HEADER_LEN));
    MV_ENSURE(memcmp(h, magic, sizeof magic) == 0 && h[4] == VERSION, MV_E_FORMAT);
    MV_ENSURE(h[5] == MV_PACK_FRESH || h[5] == MV_PACK_SUM, MV_E_FORMAT);
    MV_ENSURE(h[10] <= MV_HE_PK && h[11] == 0, MV_E_FORMAT);
    const mv_he_set *set = mv_he_set_from_id(h[6]);
    MV_ENSURE(set != NULL, MV_E_FORMAT);
    const mv_pack_shape shape = {
        .bits = h[7], .sums = h[8], .count = mv_load_u32le(h + 12), .form = (mv_he_form)h[10]};
    const mv_pack_header found = {(mv_pack_kind)h[5], h[9]};
    MV_ENSURE(summed_is_valid(&found, &shape), MV_E_RANGE);
    MV_ENSURE(mv_pack_plan_make(plan, set, &shape) == MV_OK, MV_E_RANGE);
    const size_t want = mv_pack_object_size(plan, found.kind);
    MV_ENSURE(want != 0, MV_E_RANGE);
    MV_ENSURE(len >= want, MV_E_TRUNCATED);
    MV_ENSURE(len == want, MV_E_FORMAT);
    *header = found;
    *body = r;
done:
    return st;
}
