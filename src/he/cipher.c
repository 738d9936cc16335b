/* SPDX-License-Identifier: Apache-2.0
 *
 * cipher.c: making, encrypting and opening ciphers; what both schemes share.
 *
 *     secret key   c1 uniform from a seed, c0 = enc(m) + e - c1 s
 *     public key   (b, a) = (e - a s, a) modulo Q P;  c = ((b u + e0, a u + e1) + P enc(m)) / P
 * enc(m) is round(Q m / t) in BFV and S m in CKKS.
 */
#include "base/rng.h"
#include "base/secret.h"
#include "he/noise.h"

mv_status mv_words_new(uint64_t **out, size_t words)
{
    const size_t len = (words * sizeof **out + 63) / 64 * 64;
    *out = aligned_alloc(64, len);
    if (*out == NULL) {
        return MV_E_MEMORY;
    }
    memset(*out, 0, len);
    return MV_OK;
}

void mv_words_free(uint64_t **words, size_t count)
{
    if (*words != NULL) {
        mv_wipe(*words, count * sizeof **words);
        free(*words);
        *words = NULL;
    }
}

static size_t cipher_len(const mv_he_context *c)
{
    return (mv_rows_len(c, MV_CIPHER_POLYS_MAX * c->data_limbs) + 63) / 64 * 64;
}

mv_status mv_cipher_new(mv_cipher **out, const mv_he_set *set)
{
    mv_status st = MV_OK;
    mv_cipher *c = NULL;
    if (out == NULL) {
        return MV_E_ARGUMENT;
    }
    *out = NULL;
    MV_ENSURE(set != NULL, MV_E_ARGUMENT);
    c = calloc(1, sizeof *c);
    MV_ENSURE(c != NULL, MV_E_MEMORY);
    MV_TRY(mv_he_context_of(&c->context, set));
    c->limb = aligned_alloc(64, cipher_len(c->context)); /* empty: nothing is read before written */
    MV_ENSURE(c->limb != NULL, MV_E_MEMORY);
    *out = c;
    c = NULL;
done:
    free(c);
    return st;
}

void mv_cipher_free(mv_cipher **cipher)
{
    if (cipher != NULL && *cipher != NULL) {
        free((*cipher)->limb); /* public */
        free(*cipher);
        *cipher = NULL;
    }
}

mv_status mv_plain_new(mv_plain **out, const mv_he_set *set)
{
    mv_status st = MV_OK;
    mv_plain *p = NULL;
    if (out == NULL) {
        return MV_E_ARGUMENT;
    }
    *out = NULL;
    MV_ENSURE(set != NULL, MV_E_ARGUMENT);
    p = calloc(1, sizeof *p);
    MV_ENSURE(p != NULL, MV_E_MEMORY);
    MV_TRY(mv_he_context_of(&p->context, set));
    const size_t rows = (size_t)p->context->data_limbs * p->context->degree;
    p->words = rows + (mv_is_ckks(p->context) ? 0 : p->context->degree);
    MV_TRY(mv_words_new(&p->limb, p->words));
    p->message = mv_is_ckks(p->context) ? NULL : p->limb + rows;
    *out = p;
    p = NULL;
done:
    free(p);
    return st;
}

void mv_plain_free(mv_plain **plain)
{
    if (plain != NULL && *plain != NULL) {
        mv_words_free(&(*plain)->limb, (*plain)->words);
        free(*plain);
        *plain = NULL;
    }
}

void mv_cipher_shape(mv_cipher *out, const mv_cipher *from, uint32_t polys)
{
    out->polys = polys;
    out->limbs = from->limbs;
    out->power = from->power;
    out->noise = from->noise;
    out->bound = from->bound;
    out->seeded = false;
}

mv_status mv_cipher_copy(mv_cipher *out, const mv_cipher *in)
{
    if (out == NULL || in == NULL) {
        return MV_E_ARGUMENT;
    }
    if (out->context != in->context) {
        return MV_E_MISMATCH;
    }
    for (uint32_t p = 0; p < in->polys; p++) {
        memmove(mv_cipher_poly(out, p), mv_cipher_poly(in, p), mv_rows_len(in->context, in->limbs));
    }
    mv_cipher_shape(out, in, in->polys);
    out->seeded = in->seeded;
    memmove(out->seed, in->seed, sizeof out->seed);
    return MV_OK;
}

const mv_he_set *mv_cipher_set(const mv_cipher *cipher)
{
    return cipher->context->set;
}

uint32_t mv_cipher_polys(const mv_cipher *cipher)
{
    return cipher->polys;
}

uint32_t mv_cipher_level(const mv_cipher *cipher)
{
    return cipher->polys == 0 ? 0 : cipher->limbs - 1;
}

double mv_cipher_margin_bits(const mv_cipher *cipher)
{
    const double margin = cipher->polys == 0 ? 0 : mv_noise_margin(cipher);
    return margin > 0 ? margin : 0;
}

mv_status mv_cipher_settle(mv_cipher *out, mv_status st)
{
    if (st == MV_OK && !(mv_noise_margin(out) >= 0)) { /* not a number counts as noise too */
        st = MV_E_NOISE;
    }
    if (st != MV_OK) {
        out->polys = 0;
    }
    return st;
}

mv_status mv_cipher_check(const mv_he_context *context, const mv_cipher *c)
{
    if (c == NULL || c->polys == 0) {
        return MV_E_ARGUMENT;
    }
    return c->context == context ? MV_OK : MV_E_MISMATCH;
}

/* ---- Work ---- */

static size_t tensor_rows(const mv_he_context *c)
{
    return mv_is_ckks(c) ? 0 : (size_t)7 * (c->data_limbs + c->aux.limb_count);
}

static size_t conv_words(const mv_he_context *c)
{
    size_t words = 0;
    for (uint32_t k = 0; k < c->data_limbs && !mv_is_ckks(c); k++) {
        const size_t there = mv_rns_conv_words(&c->level[k].to_aux);
        const size_t back = mv_rns_conv_words(&c->level[k].from_aux);
        words = there > words ? there : words;
        words = back > words ? back : words;
    }
    return (words + 7) / 8 * 8;
}

static void work_lay_out(mv_he_work *w)
{
    const size_t n = w->context->degree, all = w->context->data_limbs + 1;
    uint64_t *next = w->memory;
    w->digits = next, next += w->context->data_limbs * all * n;
    w->low = next, next += 2 * all * n;
    w->high = next, next += 2 * all * n;
    w->temp = next, next += 3 * all * n;
    w->row = next, next += 2 * n;
    w->tensor = next, next += tensor_rows(w->context) * n;
    w->conv = next, next += conv_words(w->context);
    w->real = (double *)(void *)next, next += n;
    w->small = (int8_t *)next;
}

static size_t work_words(const mv_he_context *c)
{
    const size_t n = c->degree, all = c->data_limbs + 1;
    return (c->data_limbs * all + 7 * all + 2 + tensor_rows(c) + 1) * n + conv_words(c) +
           (3 * n + 7) / 8;
}

mv_status mv_he_work_new(mv_he_work **out, const mv_he_set *set)
{
    mv_status st = MV_OK;
    mv_he_work *w = NULL;
    if (out == NULL) {
        return MV_E_ARGUMENT;
    }
    *out = NULL;
    MV_ENSURE(set != NULL, MV_E_ARGUMENT);
    w = calloc(1, sizeof *w);
    MV_ENSURE(w != NULL, MV_E_MEMORY);
    MV_TRY(mv_he_context_of(&w->context, set));
    w->len = work_words(w->context);
    MV_TRY(mv_words_new(&w->memory, w->len));
    work_lay_out(w);
    for (int i = 0; i < MV_WORK_SPARES; i++) {
        MV_TRY(mv_cipher_new(&w->spare[i], set));
    }
    *out = w;
    w = NULL;
done:
    mv_he_work_free(&w);
    return st;
}

void mv_he_work_free(mv_he_work **work)
{
    if (work != NULL && *work != NULL) {
        for (int i = 0; i < MV_WORK_SPARES; i++) {
            mv_cipher_free(&(*work)->spare[i]);
        }
        for (int i = 0; i <= MV_VEC_MAC_MAX; i++) {
            mv_cipher_free(&(*work)->step[i]);
        }
        mv_words_free(&(*work)->memory, (*work)->len);
        free(*work);
        *work = NULL;
    }
}

/* ---- Encrypting ---- */

void mv_expand_mask(uint64_t *out, const mv_ring *ring, const uint8_t seed[MV_SEED_LEN],
                    uint32_t poly)
{
    mv_stream stream;
    mv_stream_init(&stream, seed);
    for (uint32_t i = 0; i < ring->limb_count; i++) {
        mv_stream_seek(&stream, MV_STREAM_MASK, poly, i);
        mv_sample_uniform(out + (size_t)i * ring->degree, ring->degree, &ring->limb[i].mod,
                          &stream);
    }
    mv_stream_clear(&stream);
}

/* Polynomial number poly of a secret seed: small errors. */
static void sample_error(int8_t *out, size_t n, const uint8_t seed[MV_SEED_LEN], uint32_t poly)
{
    mv_stream stream;
    mv_stream_init(&stream, seed);
    mv_stream_seek(&stream, MV_STREAM_ERROR, poly, 0);
    mv_sample_binomial(out, n, &stream);
    mv_stream_clear(&stream);
}

static mv_status check_plain(const mv_he_work *work, const mv_cipher *out, const mv_plain *plain)
{
    if (work == NULL || out == NULL || plain == NULL || plain->limbs == 0) {
        return MV_E_ARGUMENT;
    }
    return out->context == work->context && plain->context == work->context ? MV_OK : MV_E_MISMATCH;
}

static void fresh_shape(mv_cipher *out, const mv_plain *plain, double noise)
{
    out->polys = 2;
    out->limbs = plain->limbs;
    out->power = 1;
    out->bound = plain->bound;
    out->noise = noise;
}

mv_status mv_he_encrypt_seeded(mv_he_work *work, mv_cipher *out, const mv_he_key *key,
                               const mv_plain *plain, const mv_he_seeds *seeds)
{
    const mv_he_context *c = work->context;
    const mv_ring *ring = &c->level[plain->limbs - 1].ring;
    uint64_t *x = work->temp, *c0 = mv_cipher_poly(out, 0);

    mv_expand_mask(mv_cipher_poly(out, 1), ring, seeds->mask, 0);
    sample_error(work->small, c->degree, seeds->error, 0);
    (void)mv_ring_lift(ring, c0, work->small);
    if (!mv_is_ckks(c)) {
        mv_bfv_scale_up(x, c, plain->limbs, plain->message);
        mv_ring_add(ring, c0, c0, x);
    }
    (void)mv_ring_forward(ring, (mv_poly_coeff){c0});
    if (mv_is_ckks(c)) {
        mv_ring_add(ring, c0, c0, plain->limb);
    }
    mv_ring_mul(ring, (mv_poly_eval){x}, mv_cipher_eval(out, 1), (mv_poly_eval){key->secret.limb});
    mv_ring_sub(ring, c0, c0, x);
    fresh_shape(out, plain, mv_noise_fresh());
    out->seeded = true;
    memcpy(out->seed, seeds->mask, MV_SEED_LEN);
    return mv_cipher_settle(out, MV_OK);
}

mv_status mv_he_encrypt(mv_he_work *work, mv_cipher *out, const mv_he_key *key,
                        const mv_plain *plain)
{
    mv_status st = MV_OK;
    mv_he_seeds seeds = {{0}, {0}};
    MV_TRY(check_plain(work, out, plain));
    MV_ENSURE(key != NULL, MV_E_ARGUMENT);
    MV_ENSURE(key->set == work->context->set, MV_E_MISMATCH);
    MV_TRY(mv_random_bytes(seeds.mask, sizeof seeds.mask));
    MV_TRY(mv_random_bytes(seeds.error, sizeof seeds.error));
    MV_TRY(mv_he_encrypt_seeded(work, out, key, plain, &seeds));
done:
    mv_wipe(&seeds, sizeof seeds);
    if (st != MV_OK && out != NULL) {
        out->polys = 0;
    }
    return st;
}

/* x = pk[p] u / P + e_p / P + [p = 0] enc(m), modulo the level's primes and, on the way, P: u in
 * evaluation form, e_p small; x is a polynomial of the level's key ring. */
static void public_half(mv_he_work *work, uint64_t *x, const mv_he_public *key, uint32_t p,
                        const uint64_t *u, const mv_plain *plain, const int8_t *error)
{
    const mv_he_context *c = work->context;
    const mv_he_level *l = &c->level[plain->limbs - 1];
    const size_t n = c->degree, rows = plain->limbs;
    uint64_t *e = work->digits;

    (void)mv_ring_lift(&l->key_ring, e, error);
    (void)mv_ring_forward(&l->key_ring, (mv_poly_coeff){e});
    for (uint32_t i = 0; i <= plain->limbs; i++) {
        const mv_ntt_tables *t = &l->key_ring.limb[i];
        const size_t from = i < rows ? i : c->data_limbs;
        const uint64_t *k = key->limb + (p * (c->data_limbs + 1) + from) * n;
        t->vec.mul(x + i * n, k, u + i * n, n, &t->mod);
    }
    mv_ring_add(&l->key_ring, x, x, e);
    mv_rns_drop_eval(&l->drop_special, (mv_poly_eval){x}, work->row);
}

mv_status mv_he_encrypt_public_seeded(mv_he_work *work, mv_cipher *out, const mv_he_public *key,
                                      const mv_plain *plain, const uint8_t seed[MV_SEED_LEN])
{
    const mv_he_context *c = work->context;
    const mv_he_level *l = &c->level[plain->limbs - 1];
    const size_t n = c->degree;
    uint64_t *u = work->temp, *x = work->low;
    mv_stream stream;

    mv_stream_init(&stream, seed);
    mv_stream_seek(&stream, MV_STREAM_SECRET, 0, 0);
    mv_sample_ternary(work->small, n, &stream);
    mv_stream_clear(&stream);
    (void)mv_ring_lift(&l->key_ring, u, work->small);
    (void)mv_ring_forward(&l->key_ring, (mv_poly_coeff){u});
    for (uint32_t p = 0; p < 2; p++) {
        sample_error(work->small, n, seed, p);
        public_half(work, x, key, p, u, plain, work->small);
        memcpy(mv_cipher_poly(out, p), x, mv_rows_len(c, plain->limbs));
    }
    const uint64_t *message = plain->limb;
    if (!mv_is_ckks(c)) {
        mv_bfv_scale_up(x, c, plain->limbs, plain->message);
        message = mv_ring_forward(&l->ring, (mv_poly_coeff){x}).limb;
    }
    mv_ring_add(&l->ring, mv_cipher_poly(out, 0), mv_cipher_poly(out, 0), message);
    fresh_shape(out, plain, mv_noise_fresh_public(c));
    out->seeded = false;
    return mv_cipher_settle(out, MV_OK);
}

mv_status mv_he_encrypt_public(mv_he_work *work, mv_cipher *out, const mv_he_public *key,
                               const mv_plain *plain)
{
    mv_status st = MV_OK;
    uint8_t seed[MV_SEED_LEN] = {0};
    MV_TRY(check_plain(work, out, plain));
    MV_ENSURE(key != NULL, MV_E_ARGUMENT);
    MV_ENSURE(key->set == work->context->set, MV_E_MISMATCH);
    MV_TRY(mv_random_bytes(seed, sizeof seed));
    MV_TRY(mv_he_encrypt_public_seeded(work, out, key, plain, seed));
done:
    mv_wipe(seed, sizeof seed);
    if (st != MV_OK && out != NULL) {
        out->polys = 0;
    }
    return st;
}

mv_status mv_he_phase(mv_he_work *work, mv_poly_coeff *out, const mv_he_key *key,
                      const mv_cipher *c)
{
    mv_status st = MV_OK;
    MV_TRY(mv_cipher_check(work->context, c));
    MV_ENSURE(key->set == work->context->set, MV_E_MISMATCH);
    MV_ENSURE(mv_noise_margin(c) >= 0, MV_E_NOISE);
    const mv_ring *ring = &mv_cipher_level_of(c)->ring;
    const mv_poly_eval x = {work->temp}, s = {key->secret.limb};
    mv_ring_mul(ring, x, mv_cipher_eval(c, c->polys - 1), s);
    if (c->polys == 3) { /* (c2 s + c1) s + c0 */
        mv_ring_add(ring, x.limb, x.limb, mv_cipher_poly(c, 1));
        mv_ring_mul(ring, x, x, s);
    }
    mv_ring_add(ring, x.limb, x.limb, mv_cipher_poly(c, 0));
    *out = mv_ring_inverse(ring, x);
done:
    return st;
}
