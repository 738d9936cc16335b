/* SPDX-License-Identifier: Apache-2.0
 *
 * params.h: a parameter set: unchecked literal in, checked and immutable set out.
 *
 * The security of a set rests on N against log2 of the full modulus Q, for a ternary secret and an
 * error of sigma about 3.2. Two tables of limits are enforced (he.md, "Security"):
 * 128 bits against classical attacks [FHEGuide24, table 5.2] and the more conservative 128 bits
 * against quantum attacks, for what must stay closed for decades.
 */
#ifndef MV_HE_PARAMS_H
#define MV_HE_PARAMS_H

#include "medveil/bfv.h"
#include "ring/ring.h"

#include <stdbool.h>

#include <pthread.h>

/* What promises that decryption is right. */
typedef enum mv_he_bound {
    MV_HE_WORST_CASE, /* no choice of the coins makes it fail */
    MV_HE_TAIL_128    /* by the variance model of noise.h it fails with probability below 2^-128 */
} mv_he_bound;

/* Plain data, as written in param_sets.c. */
typedef struct mv_he_literal {
    const char *name; /* also the label of the secret's expansion: never reuse for other values */
    const char *purpose; /* one line for people */
    uint8_t id;          /* in the bytes of an object; unique, not 0 */
    mv_he_profile profile;
    mv_he_bound bound;
    uint32_t degree; /* N */
    uint32_t limb_count;
    uint64_t prime[MV_RING_LIMBS_MAX]; /* slot sets: the last one is special, for key switching */
    mv_he_scheme scheme;
    uint64_t plain_modulus; /* BFV: t, a prime that is 1 modulo 2N */
    uint32_t scale_log2;    /* CKKS: scale of a fresh cipher */
} mv_he_literal;

/* The ring of a set, made when first needed and kept for the life of the process. */
typedef struct mv_he_ring_slot {
    pthread_mutex_t lock;
    mv_ring *ring;
    void *memory;
    struct mv_he_context *context; /* slot sets, context.h */
} mv_he_ring_slot;

struct mv_he_set {
    mv_he_literal literal;
    uint32_t modulus_bits; /* sum of the bit lengths of the primes: not below log2 Q */
    mv_modulus mod[MV_RING_LIMBS_MAX];
    mv_he_ring_slot *slot; /* guarded by its own lock */
};

/* Primes of a fresh cipher: all but the special one. */
static inline uint32_t mv_he_data_limbs(const mv_he_set *set)
{
    return set->literal.limb_count - (set->literal.scheme == MV_HE_PACK ? 0 : 1);
}

/* mv_he_limit_bits: largest log2 Q for this N and profile; 0 where none is allowed. */
uint32_t mv_he_limit_bits(uint32_t degree, mv_he_profile profile);

/* mv_he_set_build: check the shape (N a power of two, distinct primes = 1 mod 2N) and derive what
 * follows from it, not looking at security. slot: the caller's, as long as the set.
 * errors: MV_E_ARGUMENT with a reason */
MV_MUST_CHECK mv_status mv_he_set_build(mv_he_set *out, const mv_he_literal *literal,
                                        mv_he_ring_slot *slot, mv_error *err);

/* mv_he_set_check_security: refuse a set above its profile's limit.
 * errors: MV_E_SECURITY with N, the bits and the limit */
MV_MUST_CHECK mv_status mv_he_set_check_security(const mv_he_set *set, mv_error *err);

/* mv_he_set_from_id: the named set with this id, else NULL. */
const mv_he_set *mv_he_set_from_id(uint8_t id);

/* mv_he_set_ring: the set's ring; any thread. errors: MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_he_set_ring(const mv_ring **out, const mv_he_set *set);

/* mv_he_set_release_ring: free what mv_he_set_ring and mv_he_context_of made; for sets that are not
 * static. */
void mv_he_set_release_ring(const mv_he_set *set);

#endif
