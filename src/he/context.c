/* SPDX-License-Identifier: Apache-2.0
 *
 * context.c: the constants of a slot set, level by level.
 */
#include "he/context.h"

#include "base/cpu.h"
#include "ring/prime.h"

#include <math.h>
#include <string.h>

/* Zeroed and on a cache line; kept in place i of the context. */
static void *context_alloc(mv_he_context *c, int i, size_t len)
{
    const size_t whole = (len + 63) / 64 * 64;
    c->memory[i] = aligned_alloc(64, whole);
    if (c->memory[i] != NULL) {
        memset(c->memory[i], 0, whole);
    }
    return c->memory[i];
}

static mv_known_factor word_factor(uint64_t w, const mv_modulus *m)
{
    const mv_known_factor f = {w, mv_shoup_con(w, m)};
    return f;
}

static uint64_t mod_of(uint64_t a, const mv_modulus *m)
{
    return a % m->q;
}

/* Q of a level modulo m. */
static uint64_t level_modulus(const mv_he_level *l, const mv_modulus *m)
{
    uint64_t product = 1;
    for (uint32_t i = 0; i < l->ring.limb_count; i++) {
        product = mv_mul_mod(product, mod_of(l->ring.limb[i].mod.q, m), m);
    }
    return product;
}

static void bfv_level(mv_he_level *l, const mv_he_context *c)
{
    const uint64_t t = c->set->literal.plain_modulus;
    mv_rns_scale_init(&l->scale_down, &l->ring, t);
    l->modulus_mod_t = level_modulus(l, &c->plain_ring.limb[0].mod);
    mv_rns_conv_init(&l->to_aux, &l->ring, &c->aux);
    mv_rns_conv_init(&l->from_aux, &c->aux, &l->ring);
    for (uint32_t i = 0; i < l->ring.limb_count; i++) {
        const mv_modulus *m = &l->ring.limb[i].mod;
        l->inv_t[i] = word_factor(mv_inv_mod(t, m), m);
        l->times_t[i] = mv_ring_factor(&l->ring, i, t);
    }
    for (uint32_t i = 0; i < c->aux.limb_count; i++) {
        const mv_modulus *m = &c->aux.limb[i].mod;
        const uint64_t inv_q = mv_inv_mod(level_modulus(l, m), m);
        l->aux_times_t[i] = mv_ring_factor(&c->aux, i, mv_mul_mod(t % m->q, inv_q, m));
        l->aux_minus_inv_q[i] = mv_ring_factor(&c->aux, i, m->q - inv_q);
    }
}

static void make_level(mv_he_context *c, uint32_t k)
{
    mv_he_level *l = &c->level[k];
    uint32_t index[MV_RING_LIMBS_MAX];
    for (uint32_t i = 0; i <= k; i++) {
        index[i] = i;
        l->modulus_log2 += log2((double)c->set->mod[i].q);
    }
    index[k + 1] = c->data_limbs;
    mv_ring_pick(&l->ring, c->ring, index, k + 1);
    mv_ring_pick(&l->key_ring, c->ring, index, k + 2);
    mv_rns_drop_init(&l->drop_special, &l->key_ring);
    if (k > 0) {
        mv_rns_drop_init(&l->drop, &l->ring);
    }
    l->last = (double)c->set->mod[k].q;
    if (c->set->literal.scheme == MV_HE_BFV) {
        bfv_level(l, c);
    } else {
        mv_rns_crt_init(&l->crt, &l->ring);
    }
}

/* The scale of each level: a product of two and a rescaling leave exactly the next one. */
static void make_scales(mv_he_context *c)
{
    c->level[c->data_limbs - 1].scale = ldexp(1, (int)c->set->literal.scale_log2);
    for (uint32_t k = c->data_limbs - 1; k > 0; k--) {
        c->level[k - 1].scale = c->level[k].scale * c->level[k].scale / c->level[k].last;
    }
}

/* The largest primes below 2^50 that are 1 modulo 2N and not in the set, until the product is above
 * 4 N t Q. */
static mv_status make_aux(mv_he_context *c)
{
    const uint64_t step = (uint64_t)2 * c->degree;
    double need = 2 + log2((double)c->degree) + log2((double)c->set->literal.plain_modulus);
    uint64_t prime[MV_HE_AUX_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < c->data_limbs; i++) {
        need += log2((double)c->set->mod[i].q);
    }
    for (uint64_t q = (UINT64_C(1) << 50) - step + 1; need > 0 && q > step; q -= step) {
        bool listed = !mv_prime_test_vartime(q);
        for (uint32_t i = 0; i < c->set->literal.limb_count; i++) {
            listed = listed || c->set->mod[i].q == q;
        }
        if (!listed) {
            if (count == MV_HE_AUX_MAX) {
                return MV_E_UNSUPPORTED;
            }
            prime[count++] = q;
            need -= log2((double)q);
        }
    }
    uint64_t *words = context_alloc(c, 2, mv_ring_words(c->degree, count) * sizeof *words);
    return words == NULL ? MV_E_MEMORY
                         : mv_ring_init(&c->aux, words, c->degree, prime, count, mv_cpu_features());
}

static mv_status make_bfv(mv_he_context *c)
{
    mv_status st = MV_OK;
    const uint64_t t = c->set->literal.plain_modulus;
    uint64_t *words = context_alloc(c, 1, mv_ring_words(c->degree, 1) * sizeof *words);
    c->slot_order = context_alloc(c, 3, c->degree * sizeof *c->slot_order);
    MV_ENSURE(words != NULL && c->slot_order != NULL, MV_E_MEMORY);
    MV_TRY(mv_ring_init(&c->plain_ring, words, c->degree, &t, 1, mv_cpu_features()));
    mv_slot_order(c->slot_order, c->degree);
    MV_TRY(make_aux(c));
done:
    return st;
}

static mv_status make_ckks(mv_he_context *c)
{
    void *memory = context_alloc(c, 4, mv_embed_size(c->degree));
    return memory == NULL ? MV_E_MEMORY : mv_embed_init(&c->embed, memory, c->degree);
}

static mv_status context_new(mv_he_context **out, const mv_he_set *set, const mv_ring *ring)
{
    mv_status st = MV_OK;
    mv_he_context *c = calloc(1, sizeof *c);
    MV_ENSURE(c != NULL, MV_E_MEMORY);
    c->set = set;
    c->ring = ring;
    c->degree = set->literal.degree;
    c->data_limbs = mv_he_data_limbs(set);
    c->level = context_alloc(c, 0, c->data_limbs * sizeof *c->level);
    MV_ENSURE(c->level != NULL, MV_E_MEMORY);
    MV_TRY(set->literal.scheme == MV_HE_BFV ? make_bfv(c) : make_ckks(c));
    for (uint32_t k = 0; k < c->data_limbs; k++) {
        make_level(c, k);
    }
    make_scales(c);
    *out = c;
    c = NULL;
done:
    mv_he_context_free(&c);
    return st;
}

mv_status mv_he_context_of(const mv_he_context **out, const mv_he_set *set)
{
    mv_status st = MV_OK;
    const mv_ring *ring = NULL;
    if (set->literal.scheme == MV_HE_PACK) {
        return MV_E_UNSUPPORTED;
    }
    MV_TRY(mv_he_set_ring(&ring, set));
    (void)pthread_mutex_lock(&set->slot->lock);
    if (set->slot->context == NULL) {
        st = context_new(&set->slot->context, set, ring);
    }
    *out = set->slot->context;
    (void)pthread_mutex_unlock(&set->slot->lock);
done:
    return st;
}

void mv_he_context_free(mv_he_context **context)
{
    if (*context != NULL) {
        for (size_t i = 0; i < sizeof(*context)->memory / sizeof(*context)->memory[0]; i++) {
            free((*context)->memory[i]);
        }
        free(*context);
        *context = NULL;
    }
}
