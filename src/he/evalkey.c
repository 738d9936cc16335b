/* SPDX-License-Identifier: Apache-2.0
 *
 * evalkey.c: public and evaluation keys, and key switching with one digit a prime and one special
 * prime P. docs/modules/he.md has the equations.
 *
 * A rotation key is stored for sigma^-1(s): switching c1 from s to sigma^-1(s) first and applying
 * sigma to the result last means that the digits of c1 do not depend on the rotation, so many
 * rotations of one cipher share them ("hoisting").
 */
#include "base/rng.h"
#include "base/secret.h"
#include "he/noise.h"

/* Memory of one key generation, all secret: rows are [all primes][N]. */
typedef struct scratch {
    uint64_t *memory;
    size_t words;
    uint64_t *row;  /* a product */
    uint64_t *from; /* what the key hides: P s or P s^2, without P */
    uint64_t *to;   /* the secret that hides it */
    int8_t *small;
} scratch;

static mv_status scratch_new(scratch *s, const mv_ring *ring)
{
    const size_t rows = (size_t)ring->limb_count * ring->degree;
    s->words = 3 * rows + (ring->degree + 7) / 8;
    const mv_status st = mv_words_new(&s->memory, s->words);
    if (st == MV_OK) {
        s->row = s->memory;
        s->from = s->row + rows;
        s->to = s->from + rows;
        s->small = (int8_t *)(s->to + rows);
    }
    return st;
}

/* a uniform from the seed, b = e - a s, modulo all primes, in evaluation form. */
static void rlwe_sample(uint64_t *b, uint64_t *a, const mv_ring *ring, const uint64_t *s,
                        const mv_he_seeds *seeds, uint32_t poly, scratch *w)
{
    uint64_t *product = w->row;
    mv_stream stream;
    mv_expand_mask(a, ring, seeds->mask, poly);
    mv_stream_init(&stream, seeds->error);
    mv_stream_seek(&stream, MV_STREAM_ERROR, poly, 0);
    mv_sample_binomial(w->small, ring->degree, &stream);
    mv_stream_clear(&stream);
    (void)mv_ring_forward(ring, mv_ring_lift(ring, b, w->small));
    for (uint32_t i = 0; i < ring->limb_count; i++) {
        const mv_ntt_tables *t = &ring->limb[i];
        const size_t n = ring->degree, row = i * n;
        t->vec.mul(product, a + row, s + row, n, &t->mod);
        t->vec.sub(b + row, b + row, product, n, &t->mod);
    }
}

static size_t public_words(const mv_ring *ring)
{
    return (size_t)2 * ring->limb_count * ring->degree;
}

mv_status mv_he_public_alloc(mv_he_public **out, const mv_he_set *set)
{
    mv_status st = MV_OK;
    mv_he_public *p = calloc(1, sizeof *p);
    MV_ENSURE(p != NULL, MV_E_MEMORY);
    p->set = set;
    MV_TRY(mv_he_set_ring(&p->ring, set));
    MV_TRY(mv_words_new(&p->limb, public_words(p->ring)));
    *out = p;
    p = NULL;
done:
    free(p);
    return st;
}

mv_status mv_he_public_seeded(mv_he_public **out, const mv_he_key *key, const mv_he_seeds *seeds)
{
    mv_status st = MV_OK;
    scratch w = {0};
    *out = NULL;
    MV_TRY(scratch_new(&w, key->ring));
    MV_TRY(mv_he_public_alloc(out, key->set));
    rlwe_sample((*out)->limb, (*out)->limb + public_words(key->ring) / 2, key->ring,
                key->secret.limb, seeds, 0, &w);
    memcpy((*out)->seed, seeds->mask, MV_SEED_LEN);
done:
    mv_words_free(&w.memory, w.words);
    return st;
}

mv_status mv_he_public_new(mv_he_public **out, const mv_he_key *key)
{
    mv_status st = MV_OK;
    mv_he_seeds seeds = {{0}, {0}};
    MV_ENSURE(out != NULL && key != NULL, MV_E_ARGUMENT);
    *out = NULL;
    MV_TRY(mv_random_bytes(seeds.mask, sizeof seeds.mask));
    MV_TRY(mv_random_bytes(seeds.error, sizeof seeds.error));
    MV_TRY(mv_he_public_seeded(out, key, &seeds));
done:
    mv_wipe(&seeds, sizeof seeds);
    return st;
}

void mv_he_public_free(mv_he_public **key)
{
    if (key != NULL && *key != NULL) {
        free((*key)->limb);
        free(*key);
        *key = NULL;
    }
}

const mv_he_set *mv_he_public_set(const mv_he_public *key)
{
    return key->set;
}

/* ---- Evaluation keys ---- */

size_t mv_he_eval_key_words(const mv_he_context *context)
{
    return context->data_limbs * public_words(context->ring);
}

mv_status mv_he_eval_key_alloc(mv_he_eval_key **out, const mv_he_context *context, uint32_t galois)
{
    mv_status st = MV_OK;
    mv_he_eval_key *k = calloc(1, sizeof *k);
    MV_ENSURE(k != NULL, MV_E_MEMORY);
    k->context = context;
    k->galois = galois;
    MV_TRY(mv_words_new(&k->limb, mv_he_eval_key_words(context)));
    if (galois != MV_KEY_RELIN && galois != MV_KEY_HALF) {
        k->order = malloc(context->degree * sizeof *k->order);
        MV_ENSURE(k->order != NULL, MV_E_MEMORY);
        mv_automorphism_order(k->order, context->degree, galois);
    }
    *out = k;
    k = NULL;
done:
    mv_he_eval_key_free(&k);
    return st;
}

void mv_he_eval_key_free(mv_he_eval_key **key)
{
    if (key != NULL && *key != NULL) {
        free((*key)->limb);
        free((*key)->order);
        free(*key);
        *key = NULL;
    }
}

/* g^-1 modulo 2n: every element's order divides n / 2. */
static uint32_t galois_inverse(uint32_t g, uint32_t n)
{
    const uint32_t mask = 2 * n - 1;
    uint32_t power = 1;
    for (uint32_t i = 0; i + 1 < n / 2; i++) {
        power = power * g & mask;
    }
    return power;
}

/* h(X^2) into w->from, h being the secret of a ring of half the degree. */
static void half_secret(scratch *w, const mv_ring *ring, const mv_he_key *half)
{
    const mv_ntt_tables *t = &half->ring->limb[0];
    const size_t n = half->ring->degree;
    memcpy(w->row, half->secret.limb, n * sizeof *w->row);
    t->kernels.inverse(w->row, t);
    memset(w->small, 0, ring->degree);
    for (size_t j = 0; j < n; j++) {
        const uint64_t above = 0 - (((0 - (w->row[j] >> 1)) >> 63) & 1); /* 0, 1 or q - 1 */
        w->small[2 * j] = (int8_t)(w->row[j] - (t->mod.q & above));
    }
    (void)mv_ring_forward(ring, mv_ring_lift(ring, w->from, w->small));
}

/* What is hidden and by which secret: see mv_he_eval_key. order: N words of scratch. */
static void key_ends(scratch *w, const mv_he_context *c, const mv_he_key *key,
                     const mv_he_key *half, uint32_t galois, uint32_t *order)
{
    const mv_ring *ring = c->ring;
    const mv_poly_eval s = {key->secret.limb};
    if (galois == MV_KEY_RELIN || galois == MV_KEY_HALF) {
        memcpy(w->to, s.limb, mv_rows_len(c, ring->limb_count));
    }
    if (galois == MV_KEY_RELIN) {
        mv_ring_mul(ring, (mv_poly_eval){w->from}, s, s);
    } else if (galois == MV_KEY_HALF) {
        half_secret(w, ring, half);
    } else {
        memcpy(w->from, s.limb, mv_rows_len(c, ring->limb_count));
        mv_automorphism_order(order, c->degree, galois_inverse(galois, c->degree));
        mv_automorphism_eval(ring, (mv_poly_eval){w->to}, s, order);
    }
}

static void key_fill(mv_he_eval_key *k, const mv_he_seeds *seeds, scratch *w)
{
    const mv_he_context *c = k->context;
    const mv_ring *ring = c->ring;
    const size_t n = c->degree;
    const uint64_t special = ring->limb[c->data_limbs].mod.q;
    for (uint32_t i = 0; i < c->data_limbs; i++) {
        const mv_ntt_tables *t = &ring->limb[i];
        uint64_t *b = k->limb + i * public_words(ring), *row = b + i * n;
        rlwe_sample(b, b + public_words(ring) / 2, ring, w->to, seeds, i, w);
        t->vec.mul_scalar(w->row, w->from + i * n, mv_ring_factor(ring, i, special % t->mod.q), n,
                          &t->mod);
        t->vec.add(row, row, w->row, n, &t->mod);
    }
    memcpy(k->seed, seeds->mask, MV_SEED_LEN);
}

static mv_status key_from(mv_he_eval_key **out, const mv_he_key *key, const mv_he_key *half,
                          uint32_t galois, const mv_he_seeds *seeds)
{
    mv_status st = MV_OK;
    const mv_he_context *c = NULL;
    uint32_t *order = NULL;
    scratch w = {0};
    *out = NULL;
    MV_TRY(mv_he_context_of(&c, key->set));
    MV_ENSURE((galois == MV_KEY_HALF) == (half != NULL), MV_E_ARGUMENT);
    MV_ENSURE(half == NULL || 2 * half->ring->degree == c->degree, MV_E_MISMATCH);
    order = malloc(c->degree * sizeof *order);
    MV_ENSURE(order != NULL, MV_E_MEMORY);
    MV_TRY(scratch_new(&w, c->ring));
    MV_TRY(mv_he_eval_key_alloc(out, c, galois));
    key_ends(&w, c, key, half, galois, order);
    key_fill(*out, seeds, &w);
done:
    mv_words_free(&w.memory, w.words);
    free(order);
    return st;
}

mv_status mv_he_eval_key_seeded(mv_he_eval_key **out, const mv_he_key *key, uint32_t galois,
                                const mv_he_seeds *seeds)
{
    return key_from(out, key, NULL, galois, seeds);
}

mv_status mv_he_eval_key_make(mv_he_eval_key **out, const mv_he_key *key, const mv_he_key *half,
                              uint32_t galois)
{
    mv_status st = MV_OK;
    mv_he_seeds seeds = {{0}, {0}};
    *out = NULL;
    MV_TRY(mv_random_bytes(seeds.mask, sizeof seeds.mask));
    MV_TRY(mv_random_bytes(seeds.error, sizeof seeds.error));
    MV_TRY(key_from(out, key, half, galois, &seeds));
done:
    mv_wipe(&seeds, sizeof seeds);
    return st;
}

mv_status mv_he_eval_key_relin(mv_he_eval_key **out, const mv_he_key *key)
{
    return out == NULL || key == NULL ? MV_E_ARGUMENT
                                      : mv_he_eval_key_make(out, key, NULL, MV_KEY_RELIN);
}

mv_status mv_he_eval_key_rotate(mv_he_eval_key **out, const mv_he_key *key, int32_t steps)
{
    if (out == NULL || key == NULL) {
        return MV_E_ARGUMENT;
    }
    *out = NULL;
    const uint32_t g = mv_automorphism_rotation(key->set->literal.degree, steps);
    return g == 1 ? MV_E_ARGUMENT
                  : mv_he_eval_key_make(out, key, NULL, g); /* a whole turn needs no key */
}

mv_status mv_he_eval_key_swap(mv_he_eval_key **out, const mv_he_key *key)
{
    return out == NULL || key == NULL
               ? MV_E_ARGUMENT
               : mv_he_eval_key_make(out, key, NULL, 2 * key->set->literal.degree - 1);
}

mv_status mv_he_eval_keys_new(mv_he_eval_keys **out, const mv_he_set *set)
{
    mv_status st = MV_OK;
    mv_he_eval_keys *k = NULL;
    if (out == NULL) {
        return MV_E_ARGUMENT;
    }
    *out = NULL;
    MV_ENSURE(set != NULL, MV_E_ARGUMENT);
    k = calloc(1, sizeof *k);
    MV_ENSURE(k != NULL, MV_E_MEMORY);
    MV_TRY(mv_he_context_of(&k->context, set));
    *out = k;
    k = NULL;
done:
    free(k);
    return st;
}

mv_status mv_he_eval_keys_add(mv_he_eval_keys *keys, mv_he_eval_key **key)
{
    mv_status st = MV_OK;
    MV_ENSURE(keys != NULL && key != NULL && *key != NULL, MV_E_ARGUMENT);
    MV_ENSURE((*key)->context == keys->context, MV_E_MISMATCH);
    for (size_t i = 0; i < keys->count; i++) {
        if (keys->key[i]->galois == (*key)->galois) {
            mv_he_eval_key_free(&keys->key[i]);
            keys->key[i] = *key;
            *key = NULL;
            return MV_OK;
        }
    }
    mv_he_eval_key **more = realloc(keys->key, (keys->count + 1) * sizeof *more);
    MV_ENSURE(more != NULL, MV_E_MEMORY);
    keys->key = more;
    keys->key[keys->count++] = *key;
    *key = NULL;
done:
    return st;
}

void mv_he_eval_keys_free(mv_he_eval_keys **keys)
{
    if (keys != NULL && *keys != NULL) {
        for (size_t i = 0; i < (*keys)->count; i++) {
            mv_he_eval_key_free(&(*keys)->key[i]);
        }
        free((*keys)->key);
        free(*keys);
        *keys = NULL;
    }
}

const mv_he_eval_key *mv_key_find(const mv_he_eval_keys *keys, uint32_t galois)
{
    for (size_t i = 0; keys != NULL && i < keys->count; i++) {
        if (keys->key[i]->galois == galois) {
            return keys->key[i];
        }
    }
    return NULL;
}

/* ---- Key switching ---- */

/* Digit i is limb i read nearest 0: digits[i][j] is it modulo prime j of the level's key ring. The
 * row of its own prime needs no transform. */
void mv_keyswitch_digits(mv_he_work *work, const uint64_t *poly, uint32_t limbs)
{
    const mv_he_context *c = work->context;
    const mv_ring *ring = &c->level[limbs - 1].key_ring;
    const size_t n = c->degree;
    for (uint32_t i = 0; i < limbs; i++) {
        const mv_ntt_tables *own = &ring->limb[i];
        uint64_t *digit = work->digits + (size_t)i * (c->data_limbs + 1) * n;
        memcpy(work->row, poly + i * n, n * sizeof *poly);
        own->kernels.inverse(work->row, own);
        for (uint32_t j = 0; j <= limbs; j++) {
            const mv_ntt_tables *t = &ring->limb[j];
            if (j == i) {
                memcpy(digit + j * n, poly + i * n, n * sizeof *poly);
            } else {
                t->vec.recentre(digit + j * n, work->row, own->mod.q, n, &t->mod);
                t->kernels.forward(digit + j * n, t);
            }
        }
    }
}

void mv_keyswitch_sum(mv_he_work *work, const mv_he_eval_key *key, uint32_t limbs)
{
    const mv_he_context *c = work->context;
    const mv_he_level *l = &c->level[limbs - 1];
    const size_t n = c->degree, all = c->data_limbs + 1;
    for (uint32_t p = 0; p < 2; p++) {
        uint64_t *sum = work->low + p * (limbs + 1) * n;
        for (uint32_t j = 0; j <= limbs; j++) {
            const mv_ntt_tables *t = &l->key_ring.limb[j];
            const size_t from = j < limbs ? j : c->data_limbs;
            uint64_t *low = sum + j * n, *high = work->high;
            memset(low, 0, n * sizeof *low);
            memset(high, 0, n * sizeof *high);
            for (uint32_t i = 0; i < limbs; i++) {
                t->vec.mac(low, high, work->digits + (i * all + j) * n,
                           key->limb + ((i * 2 + p) * all + from) * n, n);
            }
            t->vec.mac_reduce(low, low, high, n, &t->mod);
        }
        mv_rns_drop_eval(&l->drop_special, (mv_poly_eval){sum}, work->row);
    }
}
