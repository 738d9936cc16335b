/* SPDX-License-Identifier: Apache-2.0
 *
 * scan.c: expanding groups, merging them into blocks, and the product of a block and a query.
 */
#include "he/scan_internal.h"

#include "base/secret.h"
#include "he/noise.h"

const mv_he_set *mv_scan_set(void)
{
    return mv_he_set_find("search8192");
}

uint32_t mv_scan_block_vectors(void)
{
    return mv_scan_set()->literal.degree;
}

uint32_t mv_scan_group_vectors(void)
{
    return mv_scan_block_vectors() / MV_SCAN_DIMS;
}

size_t mv_scan_words(void)
{
    const mv_he_set *set = mv_scan_set();
    return (size_t)MV_SCAN_DIMS * 2 * mv_he_data_limbs(set) * set->literal.degree;
}

mv_status mv_scan_check_work(const mv_he_work *work)
{
    return work == NULL                          ? MV_E_ARGUMENT
           : work->context->set == mv_scan_set() ? MV_OK
                                                 : MV_E_UNSUPPORTED;
}

/* ---- Keys ---- */

/* Level l tells coefficients of which bit l is set from the others: X -> X^g, g = 1 + N / 2^l,
 * takes X^(2^l) to -X^(2^l). */
static uint32_t level_galois(uint32_t degree, uint32_t level)
{
    return 1 + (degree >> level);
}

mv_status mv_scan_key(mv_he_eval_key **out, const mv_he_key *key, const mv_he_key *upload_key,
                      uint32_t i)
{
    mv_status st = MV_OK;
    MV_ENSURE(out != NULL && key != NULL && upload_key != NULL && i < MV_SCAN_KEYS, MV_E_ARGUMENT);
    *out = NULL;
    MV_ENSURE(key->set == mv_scan_set() && upload_key->set == mv_scan_upload_set(), MV_E_MISMATCH);
    const mv_he_key *half = i == MV_SCAN_LEVELS + 1 ? upload_key : NULL;
    MV_TRY(mv_he_eval_key_make(out, key, half,
                               half != NULL          ? MV_KEY_HALF
                               : i == MV_SCAN_LEVELS ? MV_KEY_RELIN
                                                     : level_galois(key->set->literal.degree, i)));
done:
    return st;
}

const mv_he_eval_key *mv_scan_level_key(const mv_he_eval_keys *keys, uint32_t level)
{
    return mv_key_find(keys, level_galois(keys->context->degree, level));
}

mv_status mv_scan_keys_check(const mv_he_eval_keys *keys)
{
    mv_status st = MV_OK;
    MV_ENSURE(keys != NULL, MV_E_NOT_FOUND);
    MV_ENSURE(keys->context->set == mv_scan_set(), MV_E_MISMATCH);
    MV_ENSURE(mv_key_find(keys, MV_KEY_RELIN) != NULL, MV_E_NOT_FOUND);
    MV_ENSURE(mv_key_find(keys, MV_KEY_HALF) != NULL, MV_E_NOT_FOUND);
    for (uint32_t l = 0; l < MV_SCAN_LEVELS; l++) {
        MV_ENSURE(mv_scan_level_key(keys, l) != NULL, MV_E_NOT_FOUND);
    }
done:
    return st;
}

/* ---- Groups ---- */

/* -1/Q modulo t. */
static uint64_t query_factor(const mv_he_context *c)
{
    const mv_modulus *t = &c->plain_ring.limb[0].mod;
    const uint64_t q = c->level[c->data_limbs - 1].modulus_mod_t;
    return mv_inv_mod(t->q - q, t);
}

/* Nearest 0, so that encoding takes it. */
static int64_t centred(uint64_t a, uint64_t t)
{
    const uint64_t above = 0 - (uint64_t)((t / 2 - a) >> 63); /* all ones when a > t/2 */
    return (int64_t)(a - (t & above));
}

static uint32_t coefficient_of(bool upload, uint32_t i, uint32_t k)
{
    return upload ? MV_SCAN_UNITS * MV_SCAN_DIMS * (i % MV_SCAN_UNIT) + i / MV_SCAN_UNIT +
                        MV_SCAN_UNITS * k
                  : MV_SCAN_DIMS * mv_scan_place_of(i) + k;
}

bool mv_scan_is_uploads(const mv_cipher *group)
{
    return !group->seeded;
}

uint32_t mv_scan_coefficient(const mv_cipher *group, uint32_t i, uint32_t k)
{
    return coefficient_of(mv_scan_is_uploads(group), i, k);
}

mv_status mv_scan_encode(mv_plain *out, const int8_t *value, uint32_t count, mv_scan_layout layout)
{
    mv_status st = MV_OK;
    int64_t *wide = NULL;
    size_t total = 0;
    MV_ENSURE(out != NULL && value != NULL && count >= 1, MV_E_ARGUMENT);
    MV_ENSURE(out->context->set == mv_scan_set(), MV_E_UNSUPPORTED);
    MV_ENSURE(count <= (layout == MV_SCAN_GROUP ? mv_scan_group_vectors() : 1), MV_E_ARGUMENT);
    total = out->context->degree;
    wide = calloc(total, sizeof *wide);
    MV_ENSURE(wide != NULL, MV_E_MEMORY);
    const mv_modulus *t = &out->context->plain_ring.limb[0].mod;
    const uint64_t factor = layout == MV_SCAN_QUERY ? query_factor(out->context) : 1;
    for (uint32_t i = 0; i < count * MV_SCAN_DIMS; i++) {
        const uint32_t at =
            coefficient_of(layout == MV_SCAN_UPLOAD, i / MV_SCAN_DIMS, i % MV_SCAN_DIMS);
        wide[at] = centred(mv_mul_mod(mv_lift_ct(value[i], t->q), factor, t), t->q);
    }
    st = mv_bfv_encode_coefficients(out, wide, total);
done:
    if (wide != NULL) {
        mv_wipe(wide, total * sizeof *wide);
        free(wide);
    }
    return st;
}

mv_status mv_scan_append(mv_he_work *work, mv_cipher *group, const mv_cipher *one, uint32_t i)
{
    mv_status st = MV_OK;
    MV_TRY(mv_scan_check_work(work));
    MV_ENSURE(i < mv_scan_group_vectors(), MV_E_ARGUMENT);
    if (i == 0) {
        return mv_cipher_copy(group, one);
    }
    mv_cipher *moved = work->spare[2];
    MV_TRY(mv_he_mul_monomial(work, moved, one, coefficient_of(true, i, 0)));
    const double noise = group->noise + moved->noise; /* separate encryptions */
    MV_TRY(mv_he_add(work, group, group, moved));
    group->noise = noise;
done:
    return st;
}

/* ---- Expanding ---- */

/* X^k as values, in [data primes][N]. */
static void monomial(mv_he_work *work, uint64_t *rows, uint32_t k)
{
    const mv_he_context *c = work->context;
    memset(work->small, 0, c->degree);
    work->small[k % c->degree] = k < c->degree ? 1 : -1;
    const mv_ring *ring = &c->level[c->data_limbs - 1].ring;
    (void)mv_ring_forward(ring, mv_ring_lift(ring, rows, work->small));
}

void mv_scan_turn(mv_he_work *work, const uint64_t *node, const mv_he_eval_key *key)
{
    const mv_he_context *c = work->context;
    const mv_ring *ring = &c->level[c->data_limbs - 1].ring;
    const size_t poly = mv_scan_poly_words(c), second = (size_t)(c->data_limbs + 1) * c->degree;
    mv_keyswitch_digits(work, node + poly, c->data_limbs);
    mv_keyswitch_sum(work, key, c->data_limbs);
    mv_ring_add(ring, work->low, node, work->low);
    mv_automorphism_eval(ring, (mv_poly_eval){work->temp}, (mv_poly_eval){work->low}, key->order);
    mv_automorphism_eval(ring, (mv_poly_eval){work->temp + poly},
                         (mv_poly_eval){work->low + second}, key->order);
}

/* even = c + sigma(c), odd = (c - sigma(c)) shift, c being in even. */
static void node_split(mv_he_work *work, uint64_t *even, uint64_t *odd, const uint64_t *shift,
                       const mv_he_eval_key *key)
{
    const mv_he_context *c = work->context;
    const mv_ring *ring = &c->level[c->data_limbs - 1].ring;
    mv_scan_turn(work, even, key);
    for (uint32_t p = 0; p < 2; p++) {
        const size_t at = p * mv_scan_poly_words(c);
        mv_ring_sub(ring, odd + at, even + at, work->temp + at);
        mv_ring_mul(ring, (mv_poly_eval){odd + at}, (mv_poly_eval){odd + at},
                    (mv_poly_eval){(uint64_t *)(uintptr_t)shift});
        mv_ring_add(ring, even + at, even + at, work->temp + at);
    }
}

/* One level for the first `nodes` nodes of out, into twice as many. */
static void split_all(mv_he_work *work, uint64_t *out, size_t nodes, uint32_t level,
                      const mv_he_eval_keys *keys)
{
    const mv_he_context *c = work->context;
    const size_t node = 2 * mv_scan_poly_words(c);
    uint64_t *shift = work->high + node; /* past what mv_keyswitch_sum uses of it */
    monomial(work, shift, 2 * c->degree - ((uint32_t)1 << level)); /* X^-(2^level) */
    for (size_t i = 0; i < nodes; i++) {
        node_split(work, out + i * node, out + (i + nodes) * node, shift,
                   mv_scan_level_key(keys, level));
    }
}

/* The first node: the group divided by what the levels multiply by. */
static void expand_root(uint64_t *out, const mv_cipher *group, uint32_t factor)
{
    const mv_he_context *c = group->context;
    const mv_ring *ring = &mv_cipher_level_of(group)->ring;
    mv_known_factor f[MV_RING_LIMBS_MAX];
    for (uint32_t i = 0; i < c->data_limbs; i++) {
        f[i] = mv_ring_factor(ring, i, mv_inv_mod(factor, &ring->limb[i].mod));
    }
    for (uint32_t p = 0; p < 2; p++) {
        mv_ring_mul_scalar(ring, out + p * mv_scan_poly_words(c), mv_cipher_poly(group, p), f);
    }
}

/* Levels first to first + 6 of the node at out. */
static void expand_numbers(mv_he_work *work, uint64_t *out, uint32_t first,
                           const mv_he_eval_keys *keys)
{
    for (uint32_t k = 0; (size_t)1 << k < MV_SCAN_DIMS; k++) {
        split_all(work, out, (size_t)1 << k, first + k, keys);
    }
}

static mv_status expand_check(const mv_he_work *work, const uint64_t *out, const mv_cipher *group,
                              const mv_he_eval_keys *keys)
{
    mv_status st = MV_OK;
    MV_TRY(mv_scan_check_work(work));
    MV_TRY(mv_cipher_check(work->context, group));
    MV_TRY(mv_scan_keys_check(keys));
    MV_ENSURE(out != NULL && group->polys == 2 && group->limbs == work->context->data_limbs,
              MV_E_ARGUMENT);
done:
    return st;
}

mv_status mv_scan_expand(mv_he_work *work, uint64_t *out, const mv_cipher *group,
                         const mv_he_eval_keys *keys)
{
    mv_status st = MV_OK;
    MV_TRY(expand_check(work, out, group, keys));
    expand_root(out, group, MV_SCAN_DIMS);
    expand_numbers(work, out, 0, keys);
done:
    return st;
}

mv_status mv_scan_expand_unit(mv_he_work *work, uint64_t *out, const mv_cipher *group,
                              uint32_t unit, const mv_he_eval_keys *keys)
{
    mv_status st = MV_OK;
    MV_TRY(expand_check(work, out, group, keys));
    MV_ENSURE(unit < MV_SCAN_UNITS, MV_E_ARGUMENT);
    const size_t node = 2 * mv_scan_poly_words(work->context);
    expand_root(out, group, MV_SCAN_DIMS * MV_SCAN_UNITS);
    for (uint32_t level = 0; level < 2; level++) { /* the bits of the unit's number */
        split_all(work, out, 1, level, keys);
        if ((unit >> level & 1) != 0) {
            memcpy(out, out + node, node * sizeof *out);
        }
    }
    expand_numbers(work, out, 2, keys);
done:
    return st;
}

enum { ROWS = MV_SCAN_DIMS * 2 };

mv_status mv_scan_shift(mv_he_work *work, uint64_t *rows, uint32_t group, uint32_t unit)
{
    mv_status st = MV_OK;
    MV_TRY(mv_scan_check_work(work));
    MV_ENSURE(rows != NULL && group < MV_SCAN_GROUPS && unit < MV_SCAN_UNITS, MV_E_ARGUMENT);
    const mv_he_context *c = work->context;
    const mv_ring *ring = &c->level[c->data_limbs - 1].ring;
    const uint32_t shift = MV_SCAN_DIMS * unit + group;
    monomial(work, work->high, shift);
    for (size_t p = 0; p < ROWS && shift != 0; p++) {
        const mv_poly_eval poly = {rows + p * mv_scan_poly_words(c)};
        mv_ring_mul(ring, poly, poly, (mv_poly_eval){work->high});
    }
done:
    return st;
}

mv_status mv_scan_merge(mv_he_work *work, uint64_t *block, const uint64_t *group)
{
    mv_status st = MV_OK;
    MV_TRY(mv_scan_check_work(work));
    MV_ENSURE(block != NULL && group != NULL, MV_E_ARGUMENT);
    const mv_he_context *c = work->context;
    for (size_t p = 0; p < ROWS; p++) {
        const size_t at = p * mv_scan_poly_words(c);
        mv_ring_add(&c->level[c->data_limbs - 1].ring, block + at, block + at, group + at);
    }
done:
    return st;
}

/* ---- The product ---- */

/* Three sums of one limb: low and high row of each, N words each. */
typedef struct sums {
    uint64_t *low[3], *high[3];
    size_t n;
} sums;

static void sums_clear_high(sums *s)
{
    for (int p = 0; p < 3; p++) {
        memset(s->high[p], 0, s->n * sizeof(uint64_t));
    }
}

static void sums_reduce(sums *s, const mv_ntt_tables *t)
{
    for (int p = 0; p < 3; p++) {
        t->vec.mac_reduce(s->low[p], s->low[p], s->high[p], s->n, &t->mod);
    }
    sums_clear_high(s);
}

static void sums_add(sums *s, const mv_ntt_tables *t, const uint64_t *g[2], const uint64_t *q[2])
{
    t->vec.mac(s->low[0], s->high[0], g[0], q[0], s->n);
    t->vec.mac(s->low[1], s->high[1], g[0], q[1], s->n);
    t->vec.mac(s->low[1], s->high[1], g[1], q[0], s->n);
    t->vec.mac(s->low[2], s->high[2], g[1], q[1], s->n);
}

/* Limb i of the three polynomials, in s->low. */
static mv_status product_limb(mv_he_work *work, sums *s, const uint64_t *query, mv_scan_row row,
                              void *user, uint32_t i)
{
    enum {
        EVERY = MV_VEC_MAC_MAX / 2 - 1
    }; /* two products a number in one sum, and what is left
          of the last reduction */
    mv_status st = MV_OK;
    const mv_he_context *c = work->context;
    const mv_ntt_tables *t = &c->ring->limb[i];
    uint64_t *scratch = work->digits;
    for (int p = 0; p < 3; p++) {
        memset(s->low[p], 0, s->n * sizeof(uint64_t));
    }
    sums_clear_high(s);
    for (uint32_t k = 0; k < MV_SCAN_DIMS; k++) {
        const uint64_t *g[2] = {NULL, NULL}, *q[2] = {NULL, NULL};
        for (uint32_t p = 0; p < 2; p++) {
            MV_TRY(row(user, scratch + p * s->n, &g[p], k, p, i));
            q[p] = query + (((size_t)k * 2 + p) * c->data_limbs + i) * s->n;
        }
        sums_add(s, t, g, q);
        if (k % EVERY == EVERY - 1) {
            sums_reduce(s, t);
        }
    }
    sums_reduce(s, t);
done:
    return st;
}

/* Variance of a coefficient of an expanded cipher, on average over its coefficients, with so many
 * levels: of the noise that was there one coefficient in 2^levels stays; that of the key switches
 * of a level doubles with each level after it, 1 + 2 + 4 + .. */
static double noise_expanded(const mv_he_context *c, double fresh, uint32_t levels)
{
    const double nodes = exp2(levels);
    return fresh / nodes + (nodes - 1) * mv_noise_keyswitch(c, c->data_limbs);
}

/* The same of a block of groups of uploads. A coefficient of a group has what its own unit's
 * uploads brought, and of all 64 what their two key switches left: 2 and 1. */
static double noise_block(const mv_he_context *c)
{
    const double switched = 3 * mv_noise_keyswitch(c, c->data_limbs);
    const double group = MV_SCAN_UNIT * mv_scan_upload_noise() + mv_scan_group_vectors() * switched;
    return MV_SCAN_GROUPS * MV_SCAN_UNITS * noise_expanded(c, group, MV_SCAN_LEVELS);
}

/* t^2 (variance of the sum over 128 products of two polynomials). 2: the key is in both, as in
 * noise.h; 4: noise of one key switch is in several coefficients (analysis.md). */
static double noise_of_product(const mv_he_context *c)
{
    const double t = (double)c->set->literal.plain_modulus;
    const double query = noise_expanded(c, mv_noise_fresh(), MV_SCAN_LEVELS - 2);
    return t * t * 2 * 4 * MV_SCAN_DIMS * c->degree * noise_block(c) * query;
}

mv_status mv_scan_number(mv_cipher *out, const uint64_t *rows)
{
    mv_status st = MV_OK;
    MV_ENSURE(out != NULL && rows != NULL, MV_E_ARGUMENT);
    const mv_he_context *c = out->context;
    MV_ENSURE(c->set == mv_scan_set(), MV_E_UNSUPPORTED);
    for (uint32_t p = 0; p < 2; p++) {
        memcpy(mv_cipher_poly(out, p), rows + p * mv_scan_poly_words(c),
               mv_scan_poly_words(c) * sizeof *rows);
    }
    out->polys = 2;
    out->limbs = c->data_limbs;
    out->power = 1;
    out->bound = 0;
    out->seeded = false;
    out->noise = noise_block(c);
done:
    return out == NULL ? st : mv_cipher_settle(out, st);
}

static void product_shape(mv_cipher *out)
{
    out->polys = 3;
    out->limbs = out->context->data_limbs;
    out->power = 1;
    out->bound = 0;
    out->seeded = false;
    out->noise = noise_of_product(out->context);
}

mv_status mv_scan_product(mv_he_work *work, mv_cipher *out, const uint64_t *query, mv_scan_row row,
                          void *user, const mv_he_eval_keys *keys)
{
    mv_status st = MV_OK;
    MV_TRY(mv_scan_check_work(work));
    MV_ENSURE(out != NULL && query != NULL && row != NULL, MV_E_ARGUMENT);
    MV_ENSURE(out->context == work->context, MV_E_MISMATCH);
    MV_TRY(mv_scan_keys_check(keys));
    const mv_he_context *c = work->context;
    const size_t n = c->degree;
    sums s = {.n = n};
    for (size_t p = 0; p < 3; p++) {
        s.low[p] = work->temp + p * n;
        s.high[p] = work->temp + (3 + p) * n;
    }
    for (uint32_t i = 0; i < c->data_limbs; i++) {
        const mv_ntt_tables *t = &c->ring->limb[i];
        MV_TRY(product_limb(work, &s, query, row, user, i));
        const mv_known_factor f = mv_ring_factor(c->ring, i, c->set->literal.plain_modulus);
        for (uint32_t p = 0; p < 3; p++) {
            t->vec.mul_scalar(mv_cipher_poly(out, p) + i * n, s.low[p], f, n, &t->mod);
        }
    }
    product_shape(out);
    MV_TRY(mv_he_relinearise(work, out, out, keys));
done:
    return out == NULL ? st : mv_cipher_settle(out, st);
}

mv_status mv_scan_model(mv_he_work *work, mv_cipher *out)
{
    mv_status st = MV_OK;
    MV_TRY(mv_scan_check_work(work));
    MV_ENSURE(out != NULL && out->context == work->context, MV_E_ARGUMENT);
    product_shape(out);
    out->polys = 2;
    for (uint32_t p = 0; p < 2; p++) {
        memset(mv_cipher_poly(out, p), 0, mv_rows_len(out->context, out->limbs));
    }
    const double root = sqrt(out->noise) + sqrt(mv_noise_keyswitch(out->context, out->limbs));
    out->noise = root * root;
done:
    return out == NULL ? st : mv_cipher_settle(out, st);
}
