/* SPDX-License-Identifier: Apache-2.0
 *
 * params.c: checking a literal, the limits, and the ring of a set.
 */
#include "he/params.h"

#include "base/cpu.h"
#include "he/context.h"
#include "ring/prime.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

typedef struct limit {
    uint32_t degree, classical, quantum; /* log2 Q at most */
} limit;

static const limit limits[] = {
    {1024, 26, 21}, {2048, 53, 41}, {4096, 106, 83}, {8192, 214, 165}, {16384, 430, 330},
};

uint32_t mv_he_limit_bits(uint32_t degree, mv_he_profile profile)
{
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        if (limits[i].degree == degree) {
            return profile == MV_HE_QUANTUM_128 ? limits[i].quantum : limits[i].classical;
        }
    }
    return 0;
}

static bool is_listed_before(const mv_he_literal *literal, uint32_t i)
{
    for (uint32_t k = 0; k < i; k++) {
        if (literal->prime[k] == literal->prime[i]) {
            return true;
        }
    }
    return false;
}

/* What slots need beyond the ring. */
static mv_status check_slots(const mv_he_literal *literal, mv_error *err)
{
    mv_status st = MV_OK;
    const uint64_t t = literal->plain_modulus;
    MV_REQUIRE(literal->scheme == MV_HE_PACK || literal->limb_count >= 2, err, MV_E_ARGUMENT,
               "set %s: slots need a special prime besides the others", literal->name);
    if (literal->scheme == MV_HE_BFV) {
        MV_REQUIRE(t % ((uint64_t)2 * literal->degree) == 1 && mv_prime_test_vartime(t) &&
                       t < UINT64_C(1) << 40,
                   err, MV_E_ARGUMENT,
                   "set %s: the plain modulus %" PRIu64 " is not a prime below 2^40 that is 1 "
                   "modulo 2N",
                   literal->name, t);
        for (uint32_t i = 0; i < literal->limb_count; i++) {
            MV_REQUIRE(t < literal->prime[i], err, MV_E_ARGUMENT,
                       "set %s: the plain modulus is not below every prime", literal->name);
        }
    }
    if (literal->scheme == MV_HE_CKKS) {
        MV_REQUIRE(literal->scale_log2 >= 10 && literal->scale_log2 <= 60, err, MV_E_ARGUMENT,
                   "set %s: a scale of 2^%" PRIu32 " is not within 2^10 .. 2^60", literal->name,
                   literal->scale_log2);
    }
done:
    return st;
}

mv_status mv_he_set_build(mv_he_set *out, const mv_he_literal *literal, mv_he_ring_slot *slot,
                          mv_error *err)
{
    mv_status st = MV_OK;
    const uint32_t n = literal->degree;
    mv_he_set set = {.literal = *literal, .slot = slot};
    MV_REQUIRE(n >= 4 && n <= 32768 && (n & (n - 1)) == 0, err, MV_E_ARGUMENT,
               "set %s: N = %" PRIu32 " is not a power of two in 4..32768", literal->name, n);
    MV_REQUIRE(literal->limb_count >= 1 && literal->limb_count <= MV_RING_LIMBS_MAX, err,
               MV_E_ARGUMENT, "set %s: %" PRIu32 " primes, not 1..%d", literal->name,
               literal->limb_count, MV_RING_LIMBS_MAX);
    for (uint32_t i = 0; i < literal->limb_count; i++) {
        const uint64_t q = literal->prime[i];
        MV_REQUIRE(mv_prime_test_vartime(q), err, MV_E_ARGUMENT,
                   "set %s: %" PRIu64 " is not a prime below 2^%d", literal->name, q,
                   MV_PRIME_BITS_MAX);
        MV_REQUIRE(q % ((uint64_t)2 * n) == 1, err, MV_E_ARGUMENT,
                   "set %s: the prime %" PRIu64 " is not 1 modulo 2N = %" PRIu32, literal->name, q,
                   2 * n);
        MV_REQUIRE(!is_listed_before(literal, i), err, MV_E_ARGUMENT,
                   "set %s: the prime %" PRIu64 " is listed twice", literal->name, q);
        set.mod[i] = mv_modulus_make(q);
        set.modulus_bits += set.mod[i].bits;
    }
    MV_TRY(check_slots(literal, err));
    *out = set;
done:
    return st;
}

mv_status mv_he_set_require(const mv_he_set *set, mv_he_profile profile, mv_error *err)
{
    const uint32_t limit_bits = mv_he_limit_bits(set->literal.degree, profile);
    if (set->modulus_bits <= limit_bits) {
        return MV_OK;
    }
    return mv_fail(err, MV_E_SECURITY,
                   "set %s: a modulus of %" PRIu32 " bits at N = %" PRIu32 " is above %" PRIu32
                   ", the limit for 128 bits of %s security",
                   set->literal.name, set->modulus_bits, set->literal.degree, limit_bits,
                   profile == MV_HE_QUANTUM_128 ? "quantum" : "classical");
}

mv_status mv_he_set_check_security(const mv_he_set *set, mv_error *err)
{
    return mv_he_set_require(set, set->literal.profile, err);
}

/* Ring and tables in one allocation, the tables on a cache line. */
static mv_status ring_new(mv_ring **out, void **memory, const mv_he_literal *literal)
{
    const size_t words = mv_ring_words(literal->degree, literal->limb_count);
    uint8_t *raw = malloc(sizeof(mv_ring) + 64 + words * sizeof(uint64_t));
    if (raw == NULL) {
        return MV_E_MEMORY;
    }
    mv_ring *ring = (mv_ring *)(void *)raw;
    uint8_t *tables = raw + sizeof(mv_ring);
    tables += (64 - (uintptr_t)tables % 64) % 64;
    const mv_status st = mv_ring_init(ring, (uint64_t *)(void *)tables, literal->degree,
                                      literal->prime, literal->limb_count, mv_cpu_features());
    if (st != MV_OK) {
        free(raw);
        return st;
    }
    *out = ring;
    *memory = raw;
    return MV_OK;
}

mv_status mv_he_set_ring(const mv_ring **out, const mv_he_set *set)
{
    mv_he_ring_slot *slot = set->slot;
    mv_status st = MV_OK;
    (void)pthread_mutex_lock(&slot->lock);
    if (slot->ring == NULL) {
        st = ring_new(&slot->ring, &slot->memory, &set->literal);
    }
    *out = slot->ring;
    (void)pthread_mutex_unlock(&slot->lock);
    return st;
}

void mv_he_set_release_ring(const mv_he_set *set)
{
    mv_he_context_free(&set->slot->context);
    free(set->slot->memory);
    set->slot->memory = NULL;
    set->slot->ring = NULL;
}
