/* SPDX-License-Identifier: Apache-2.0
 *
 * pack.c: BFV with several small integers in one coefficient: encrypt, add, decrypt.
 *
 * Notation: Q the modulus, n = shape.sums, t = 2^log_t, m a coefficient's packed fields, 0 <= m <
 * t. encode   m -> floor(Q m / t + 1/2) = Q m / t + r, |r| <= 1/2 encrypt  c1 uniform (read
 * directly in evaluation form), c0 = encode(m) + e - c1 s decrypt  x = c0 + c1 s mod Q;  m =
 * floor(t x / Q + 1/2) mod t
 *
 * The public form, with (b, a) = (e - a s, a): u ternary, c0 = encode(m) + e0 + b u, c1 = a u + e1.
 *
 * Why it cannot fail for up to n summed ciphertexts, whatever the coins: fields are wide enough for
 * n summands, so M = sum of m < t; and x = Q M / t + d mod Q with |d| <= n (21 + 1/2) = 43 n / 2.
 * So t x / Q = M + d t / Q mod t, and by the choice of t, t (43 n + 1) <= Q:
 *     |d t / Q| <= 43 n / (2 (43 n + 1)) = 1/2 - 1 / (2 (43 n + 1)).
 * Decoding computes t x / Q in fixed point, too small by less than sum of q_i / 2^64, which
 * mv_pack_plan_make keeps within that last term. Hence the floor is M exactly.
 * In the public form d also has e u + e1 s, so |d| <= n (84 N + 43) / 2 and t n (85 N + 43) <= Q:
 *     |d t / Q| <= (84 N + 43) / (2 (85 N + 43)) <= 1/2 - 2^-8,
 * because N / (2 (85 N + 43)) >= 1/256; and the sum of q_i is below 2^56.
 *
 * Features, e and s are secret: no branch and no address in this file depends on them.
 */
#include "he/cipher_internal.h"
#include "he/pack_coeff.h"

#include "base/rng.h"
#include "base/secret.h"
#include "he/he_bytes.h"

#include <stdbool.h>
#include <string.h>

/* Working memory of one call: rows of N words, then N small errors. */
typedef struct scratch {
    void *raw;
    size_t len;
    uint64_t *row; /* on a cache line */
    int8_t *error;
} scratch;

static mv_status scratch_new(scratch *s, const mv_pack_plan *plan, uint32_t row_count)
{
    const size_t n = plan->set->literal.degree;
    s->len = 64 + row_count * n * sizeof(uint64_t) + n;
    s->raw = malloc(s->len);
    if (s->raw == NULL) {
        return MV_E_MEMORY;
    }
    uint8_t *start = s->raw;
    start += (64 - (uintptr_t)start % 64) % 64;
    s->row = (uint64_t *)(void *)start;
    s->error = (int8_t *)(start + row_count * n * sizeof(uint64_t));
    return MV_OK;
}

static void scratch_free(scratch *s)
{
    mv_wipe(s->raw, s->raw == NULL ? 0 : s->len);
    free(s->raw);
    s->raw = NULL;
}

/* c1 of polynomial p, all limbs, into row. */
static void expand_mask(uint64_t *row, const mv_pack_plan *plan, mv_stream *stream, uint64_t p)
{
    const uint32_t n = plan->set->literal.degree;
    for (uint32_t i = 0; i < plan->set->literal.limb_count; i++) {
        mv_stream_seek(stream, MV_STREAM_MASK, (uint32_t)p, i);
        mv_sample_uniform(row + (size_t)i * n, n, &plan->set->mod[i], stream);
    }
}

/* count residues of every limb from the reader into row; limb i starts at row + i*N. */
static mv_status read_rows(uint64_t *row, const mv_pack_plan *plan, uint32_t count, mv_reader *r)
{
    mv_status st = MV_OK;
    for (uint32_t i = 0; i < plan->set->literal.limb_count; i++) {
        const mv_modulus *m = &plan->set->mod[i];
        const uint8_t *view = NULL;
        MV_TRY(mv_read_view(r, &view, mv_row_size(count, m->bits)));
        MV_TRY(
            mv_row_read(row + (size_t)i * plan->set->literal.degree, count, m->bits, m->q, view));
    }
done:
    return st;
}

static uint8_t *write_rows(uint8_t *out, const mv_pack_plan *plan, uint32_t count,
                           const uint64_t *row)
{
    for (uint32_t i = 0; i < plan->set->literal.limb_count; i++) {
        const unsigned bits = plan->set->mod[i].bits;
        mv_row_write(out, row + (size_t)i * plan->set->literal.degree, count, bits);
        out += mv_row_size(count, bits);
    }
    return out;
}

/* c0 in place of the product c1 s: used coefficients, of which each holds per features and the last
 * one what is left of count. */
static inline void hide_rows(uint64_t *row, const mv_pack_plan *plan, const uint32_t *feature,
                             uint64_t count, uint32_t used, const int8_t *error, bool wide)
{
    const uint32_t n = plan->set->literal.degree;
    for (uint32_t j = 0; j < used; j++) {
        const uint32_t fields = count < plan->per ? (uint32_t)count : plan->per;
        const mv_u128 m = mv_pack_gather(feature, fields, plan->width, wide);
        const mv_u128 rest = mv_pack_rounding_rest(m, plan, wide);
        for (uint32_t i = 0; i < plan->set->literal.limb_count; i++) {
            uint64_t *x = &row[(size_t)i * n + j];
            *x = mv_pack_hide(rest, error[j], *x, &plan->limb[i], plan->set->mod[i].q, wide);
        }
        feature += fields;
        count -= fields;
    }
}

static void hide_all(uint64_t *row, const mv_pack_plan *plan, const uint32_t *feature,
                     uint64_t count, uint32_t used, const int8_t *error)
{
    if (mv_pack_is_wide(plan)) {
        hide_rows(row, plan, feature, count, used, error, true);
    } else {
        hide_rows(row, plan, feature, count, used, error, false);
    }
}

/* x = c0 + c1 s for used coefficients, in place of c0. */
static void add_rows(uint64_t *row, const uint64_t *other, const mv_pack_plan *plan, uint32_t used)
{
    for (uint32_t i = 0; i < plan->set->literal.limb_count; i++) {
        const size_t start = (size_t)i * plan->set->literal.degree;
        for (uint32_t j = 0; j < used; j++) {
            row[start + j] = mv_add_mod(row[start + j], other[start + j], plan->set->mod[i].q);
        }
    }
}

static inline void decode_rows(uint32_t *feature, uint64_t count, const mv_pack_plan *plan,
                               const uint64_t *row, uint32_t used, bool wide)
{
    for (uint32_t j = 0; j < used; j++) {
        const uint32_t fields = count < plan->per ? (uint32_t)count : plan->per;
        mv_pack_scatter(feature, fields, plan->width, mv_pack_decode(&row[j], plan, wide), wide);
        feature += fields;
        count -= fields;
    }
}

static void decode_all(uint32_t *feature, uint64_t count, const mv_pack_plan *plan,
                       const uint64_t *row, uint32_t used)
{
    if (mv_pack_is_wide(plan)) {
        decode_rows(feature, count, plan, row, used, true);
    } else {
        decode_rows(feature, count, plan, row, used, false);
    }
}

/* Features of all polynomials before p; every coefficient before the last is full. */
static uint64_t features_before(const mv_pack_plan *plan, uint64_t p)
{
    return p * plan->set->literal.degree * plan->per;
}

mv_status mv_pack_encrypt_seeded(uint8_t *out, size_t cap, size_t *written, const mv_he_key *key,
                                 const mv_pack_shape *shape, const uint32_t *feature,
                                 const mv_pack_seeds *seeds)
{
    mv_status st = MV_OK;
    mv_pack_plan plan;
    scratch s = {0};
    mv_stream mask = {0}, error = {0};
    size_t size = 0;
    MV_TRY(mv_pack_plan_make(&plan, key->set, shape));
    MV_ENSURE(shape->form == MV_HE_SYM, MV_E_ARGUMENT);
    size = mv_pack_object_size(&plan, MV_PACK_FRESH);
    MV_ENSURE(size != 0 && size <= cap, MV_E_SPACE);
    MV_TRY(scratch_new(&s, &plan, key->set->literal.limb_count));
    mv_stream_init(&mask, seeds->mask);
    mv_stream_init(&error, seeds->error);
    mv_pack_header_write(out, &plan, &(mv_pack_header){MV_PACK_FRESH, 1});
    memcpy(out + MV_PACK_HEADER_LEN, seeds->mask, MV_SEED_LEN);
    uint8_t *next = out + MV_PACK_HEADER_LEN + MV_SEED_LEN;
    for (uint64_t p = 0; p < plan.polys; p++) {
        const uint32_t used = mv_pack_used(&plan, p);
        const uint64_t done_count = features_before(&plan, p);
        expand_mask(s.row, &plan, &mask, p);
        (void)mv_ring_mul_known(key->ring, (mv_poly_eval){s.row}, key->secret);
        mv_stream_seek(&error, MV_STREAM_ERROR, (uint32_t)p, 0);
        mv_sample_binomial(s.error, used, &error);
        hide_all(s.row, &plan, feature + done_count, shape->count - done_count, used, s.error);
        next = write_rows(next, &plan, used, s.row);
    }
    *written = size;
done:
    mv_stream_clear(&error);
    mv_stream_clear(&mask);
    scratch_free(&s);
    if (st != MV_OK) {
        memset(out, 0, size <= cap ? size : 0);
    }
    return st;
}

/* u, transformed, of polynomial p into row. */
static void sample_u(uint64_t *row, const mv_he_public *key, mv_stream *secret, uint64_t p,
                     int8_t *small)
{
    mv_stream_seek(secret, MV_STREAM_SECRET, (uint32_t)p, 0);
    mv_sample_ternary(small, key->ring->degree, secret);
    (void)mv_ring_forward(key->ring, mv_ring_lift(key->ring, row, small));
}

/* Polynomial p of the public form: c0 into row, c1 behind it. row has room for four. */
static void hide_public(uint64_t *row, const mv_pack_plan *plan, const mv_he_public *key,
                        mv_stream *secret, uint64_t p, const uint32_t *feature, uint64_t count,
                        int8_t *small)
{
    const mv_ring *ring = key->ring;
    const uint32_t used = mv_pack_used(plan, p);
    const size_t words = (size_t)ring->degree * ring->limb_count;
    uint64_t *c1 = row + words, *u = c1 + words, *e1 = u + words;

    sample_u(u, key, secret, p, small);
    mv_stream_seek(secret, MV_STREAM_ERROR, 2 * (uint32_t)p + 1, 0);
    mv_sample_binomial(small, ring->degree, secret);
    (void)mv_ring_forward(ring, mv_ring_lift(ring, e1, small));
    mv_ring_mul(ring, (mv_poly_eval){c1}, (mv_poly_eval){key->limb + words}, (mv_poly_eval){u});
    mv_ring_add(ring, c1, c1, e1);
    mv_ring_mul(ring, (mv_poly_eval){row}, (mv_poly_eval){key->limb}, (mv_poly_eval){u});
    (void)mv_ring_inverse(ring, (mv_poly_eval){row});
    mv_ring_neg(ring, row, row); /* hide_all subtracts it */
    mv_stream_seek(secret, MV_STREAM_ERROR, 2 * (uint32_t)p, 0);
    mv_sample_binomial(small, used, secret);
    hide_all(row, plan, feature, count, used, small);
}

mv_status mv_pack_encrypt_public_seeded(uint8_t *out, size_t cap, size_t *written,
                                        const mv_he_public *key, const mv_pack_shape *shape,
                                        const uint32_t *feature, const uint8_t seed[MV_SEED_LEN])
{
    mv_status st = MV_OK;
    mv_pack_plan plan;
    scratch s = {0};
    mv_stream secret = {0};
    size_t size = 0;
    MV_TRY(mv_pack_plan_make(&plan, key->set, shape));
    MV_ENSURE(shape->form == MV_HE_PK, MV_E_ARGUMENT);
    size = mv_pack_object_size(&plan, MV_PACK_FRESH);
    MV_ENSURE(size != 0 && size <= cap, MV_E_SPACE);
    const uint32_t n = key->ring->degree, limbs = key->ring->limb_count;
    MV_TRY(scratch_new(&s, &plan, 4 * limbs));
    mv_stream_init(&secret, seed);
    mv_pack_header_write(out, &plan, &(mv_pack_header){MV_PACK_FRESH, 1});
    uint8_t *next = out + MV_PACK_HEADER_LEN;
    for (uint64_t p = 0; p < plan.polys; p++) {
        const uint64_t done_count = features_before(&plan, p);
        hide_public(s.row, &plan, key, &secret, p, feature + done_count, shape->count - done_count,
                    s.error);
        next = write_rows(next, &plan, mv_pack_used(&plan, p), s.row);
        next = write_rows(next, &plan, n, s.row + (size_t)n * limbs);
    }
    *written = size;
done:
    mv_stream_clear(&secret);
    scratch_free(&s);
    if (st != MV_OK) {
        memset(out, 0, size <= cap ? size : 0);
    }
    return st;
}

/* Whether one feature is too large is all that this tells; the answer is public. */
static bool features_are_below(const uint32_t *feature, uint32_t count, uint32_t bits)
{
    uint32_t any = 0;
    for (uint32_t i = 0; i < count; i++) {
        any |= feature[i];
    }
    return any >> bits == 0;
}

mv_status mv_pack_encrypt(uint8_t *out, size_t cap, size_t *written, const mv_he_key *key,
                          const mv_pack_shape *shape, const uint32_t *feature)
{
    mv_status st = MV_OK;
    mv_pack_seeds seeds = {{0}, {0}};
    MV_ENSURE(out != NULL && written != NULL && key != NULL && shape != NULL && feature != NULL,
              MV_E_ARGUMENT);
    *written = 0;
    MV_ENSURE(mv_pack_size(key->set, shape) != 0, MV_E_ARGUMENT);
    MV_ENSURE(features_are_below(feature, shape->count, shape->bits), MV_E_RANGE);
    MV_TRY(mv_random_bytes(seeds.mask, sizeof seeds.mask));
    MV_TRY(mv_random_bytes(seeds.error, sizeof seeds.error));
    MV_TRY(mv_pack_encrypt_seeded(out, cap, written, key, shape, feature, &seeds));
done:
    mv_wipe(&seeds, sizeof seeds);
    return st;
}

mv_status mv_pack_encrypt_public(uint8_t *out, size_t cap, size_t *written, const mv_he_public *key,
                                 const mv_pack_shape *shape, const uint32_t *feature)
{
    mv_status st = MV_OK;
    uint8_t seed[MV_SEED_LEN] = {0};
    MV_ENSURE(out != NULL && written != NULL && key != NULL && shape != NULL && feature != NULL,
              MV_E_ARGUMENT);
    *written = 0;
    MV_ENSURE(mv_pack_size(key->set, shape) != 0, MV_E_ARGUMENT);
    MV_ENSURE(features_are_below(feature, shape->count, shape->bits), MV_E_RANGE);
    MV_TRY(mv_random_bytes(seed, sizeof seed));
    MV_TRY(mv_pack_encrypt_public_seeded(out, cap, written, key, shape, feature, seed));
done:
    mv_wipe(seed, sizeof seed);
    return st;
}

/* Where c1 comes from: its seed, or the bytes behind c0. */
typedef struct mask_source {
    bool seeded;
    mv_stream stream; /* seeded */
} mask_source;

static mv_status mask_open(mask_source *source, const mv_pack_plan *plan,
                           const mv_pack_header *header, mv_reader *body)
{
    const uint8_t *seed = NULL;
    mv_status st = MV_OK;
    source->seeded = mv_pack_is_seeded(&plan->shape, header->kind);
    if (source->seeded) {
        MV_TRY(mv_read_view(body, &seed, MV_SEED_LEN));
        mv_stream_init(&source->stream, seed);
    }
done:
    return st;
}

/* c1 of polynomial p into row; the reader stands behind the c0 rows of p. */
static mv_status mask_next(uint64_t *row, mask_source *source, const mv_pack_plan *plan,
                           mv_reader *body, uint64_t p)
{
    if (!source->seeded) {
        return read_rows(row, plan, plan->set->literal.degree, body);
    }
    expand_mask(row, plan, &source->stream, p);
    return MV_OK;
}

mv_status mv_pack_decrypt(uint32_t *feature, size_t cap, const mv_he_key *key, const uint8_t *bytes,
                          size_t len)
{
    mv_status st = MV_OK;
    mv_pack_plan plan;
    mv_pack_header header;
    mv_reader body;
    scratch s = {0};
    mask_source source = {0};
    if (feature == NULL || key == NULL || bytes == NULL) {
        return MV_E_ARGUMENT;
    }
    MV_TRY(mv_pack_header_read(&plan, &header, &body, bytes, len));
    MV_ENSURE(plan.set == key->set, MV_E_MISMATCH);
    MV_ENSURE(plan.shape.count <= cap, MV_E_SPACE);
    const size_t words = (size_t)plan.set->literal.degree * plan.set->literal.limb_count;
    MV_TRY(scratch_new(&s, &plan, 2 * plan.set->literal.limb_count));
    MV_TRY(mask_open(&source, &plan, &header, &body));
    for (uint64_t p = 0; p < plan.polys; p++) {
        const uint32_t used = mv_pack_used(&plan, p);
        const uint64_t done_count = features_before(&plan, p);
        MV_TRY(read_rows(s.row, &plan, used, &body));
        MV_TRY(mask_next(s.row + words, &source, &plan, &body, p));
        (void)mv_ring_mul_known(key->ring, (mv_poly_eval){s.row + words}, key->secret);
        add_rows(s.row, s.row + words, &plan, used);
        decode_all(feature + done_count, plan.shape.count - done_count, &plan, s.row, used);
    }
done:
    mv_stream_clear(&source.stream);
    scratch_free(&s);
    if (st != MV_OK) {
        mv_wipe(feature, cap * sizeof *feature);
    }
    return st;
}

/* Every residue of an object, before anything is made of it. */
static mv_status check_rows(const mv_pack_plan *plan, uint32_t count, mv_reader *r)
{
    mv_status st = MV_OK;
    for (uint32_t i = 0; i < plan->set->literal.limb_count; i++) {
        const mv_modulus *m = &plan->set->mod[i];
        const uint8_t *view = NULL;
        MV_TRY(mv_read_view(r, &view, mv_row_size(count, m->bits)));
        MV_TRY(mv_row_check(view, count, m->bits, m->q));
    }
done:
    return st;
}

static mv_status check_object(mv_pack_plan *plan, mv_pack_header *header, const uint8_t *bytes,
                              size_t len)
{
    mv_status st = MV_OK;
    mv_reader body;
    const uint8_t *seed = NULL;
    MV_TRY(mv_pack_header_read(plan, header, &body, bytes, len));
    const bool seeded = mv_pack_is_seeded(&plan->shape, header->kind);
    if (seeded) {
        MV_TRY(mv_read_view(&body, &seed, MV_SEED_LEN));
    }
    for (uint64_t p = 0; p < plan->polys; p++) {
        MV_TRY(check_rows(plan, mv_pack_used(plan, p), &body));
        if (!seeded) {
            MV_TRY(check_rows(plan, plan->set->literal.degree, &body));
        }
    }
done:
    return st;
}

mv_status mv_pack_inspect(const mv_he_set **set, mv_pack_shape *shape, uint32_t *summed,
                          const uint8_t *bytes, size_t len)
{
    mv_status st = MV_OK;
    mv_pack_plan plan;
    mv_pack_header header;
    MV_ENSURE(set != NULL && shape != NULL && summed != NULL && bytes != NULL, MV_E_ARGUMENT);
    MV_TRY(check_object(&plan, &header, bytes, len));
    *set = plan.set;
    *shape = plan.shape;
    *summed = header.summed;
done:
    return st;
}

/* One ciphertext being added: where its next polynomial comes from. */
typedef struct addend {
    mv_pack_plan plan;
    mv_pack_header header;
    mv_reader body;
    mask_source source;
} addend;

static mv_status addend_open(addend *a, const uint8_t *bytes, size_t len)
{
    mv_status st = MV_OK;
    MV_TRY(check_object(&a->plan, &a->header, bytes, len));
    MV_TRY(mv_pack_header_read(&a->plan, &a->header, &a->body, bytes, len));
    MV_TRY(mask_open(&a->source, &a->plan, &a->header, &a->body));
done:
    return st;
}

/* c0, then c1, of polynomial p: 2 * limb_count rows. */
static mv_status addend_next(uint64_t *row, addend *a, uint64_t p)
{
    mv_status st = MV_OK;
    const size_t words = (size_t)a->plan.set->literal.degree * a->plan.set->literal.limb_count;
    MV_TRY(read_rows(row, &a->plan, mv_pack_used(&a->plan, p), &a->body));
    MV_TRY(mask_next(row + words, &a->source, &a->plan, &a->body, p));
done:
    return st;
}

static bool belong_together(const mv_pack_plan *a, const mv_pack_plan *b)
{
    return a->set == b->set && a->shape.bits == b->shape.bits && a->shape.sums == b->shape.sums &&
           a->shape.count == b->shape.count && a->shape.form == b->shape.form;
}

mv_status mv_pack_add(uint8_t *out, size_t cap, size_t *written, const uint8_t *a, size_t a_len,
                      const uint8_t *b, size_t b_len)
{
    mv_status st = MV_OK;
    addend x = {0}, y = {0};
    scratch s = {0};
    size_t size = 0;
    MV_ENSURE(out != NULL && written != NULL && a != NULL && b != NULL, MV_E_ARGUMENT);
    *written = 0;
    MV_TRY(addend_open(&x, a, a_len));
    MV_TRY(addend_open(&y, b, b_len));
    MV_ENSURE(belong_together(&x.plan, &y.plan), MV_E_MISMATCH);
    const uint32_t summed = x.header.summed + y.header.summed;
    MV_ENSURE(summed <= x.plan.shape.sums, MV_E_NOISE);
    MV_ENSURE(mv_pack_object_size(&x.plan, MV_PACK_SUM) != 0, MV_E_SPACE);
    MV_ENSURE(mv_pack_object_size(&x.plan, MV_PACK_SUM) <= cap, MV_E_SPACE);
    const uint32_t n = x.plan.set->literal.degree, limbs = x.plan.set->literal.limb_count;
    const size_t words = (size_t)n * limbs;
    MV_TRY(scratch_new(&s, &x.plan, 4 * limbs));
    size = mv_pack_object_size(&x.plan, MV_PACK_SUM);
    mv_pack_header_write(out, &x.plan, &(mv_pack_header){MV_PACK_SUM, summed});
    uint8_t *next = out + MV_PACK_HEADER_LEN;
    for (uint64_t p = 0; p < x.plan.polys; p++) {
        const uint32_t used = mv_pack_used(&x.plan, p);
        uint64_t *c0 = s.row, *c1 = s.row + words;
        MV_TRY(addend_next(s.row, &x, p));
        MV_TRY(addend_next(s.row + 2 * words, &y, p));
        add_rows(c0, c0 + 2 * words, &x.plan, used);
        add_rows(c1, c1 + 2 * words, &x.plan, n);
        next = write_rows(next, &x.plan, used, c0);
        next = write_rows(next, &x.plan, n, c1);
    }
    *written = size;
done:
    mv_stream_clear(&x.source.stream);
    mv_stream_clear(&y.source.stream);
    scratch_free(&s);
    if (st != MV_OK && out != NULL) {
        memset(out, 0, size);
    }
    return st;
}
