/* SPDX-License-Identifier: Apache-2.0
 *
 * param_sets.c: the named sets. Every literal goes through the same checks as any other, once, when
 * the first set is asked for; one that failed them would not be found.
 */
#include "he/params.h"

#include <string.h>

/* Each prime is the largest of its length that is 1 modulo 2N; pack2048's even modulo 8192.
 * check: is_prime(1125899906826241) + is_prime(4398046486529) + is_prime(2199023190017) == 3
 */
#define PACK_SET(set_name, set_purpose, set_id, set_profile, n, limbs, ...)                        \
    {                                                                                              \
        .name = (set_name), .purpose = (set_purpose), .id = (set_id), .profile = (set_profile),    \
        .bound = MV_HE_WORST_CASE, .degree = (n), .limb_count = (limbs), .prime = {__VA_ARGS__},   \
        .scheme = MV_HE_PACK                                                                       \
    }
#define BFV_SET(set_name, set_purpose, set_id, set_profile, n, t, limbs, ...)                      \
    {                                                                                              \
        .name = (set_name), .purpose = (set_purpose), .id = (set_id), .profile = (set_profile),    \
        .bound = MV_HE_TAIL_128, .degree = (n), .limb_count = (limbs), .prime = {__VA_ARGS__},     \
        .scheme = MV_HE_BFV, .plain_modulus = (t)                                                  \
    }
#define CKKS_SET(set_name, set_purpose, set_id, set_profile, n, scale, limbs, ...)                 \
    {                                                                                              \
        .name = (set_name), .purpose = (set_purpose), .id = (set_id), .profile = (set_profile),    \
        .bound = MV_HE_TAIL_128, .degree = (n), .limb_count = (limbs), .prime = {__VA_ARGS__},     \
        .scheme = MV_HE_CKKS, .scale_log2 = (scale)                                                \
    }

/* Every literal is permanent: its name labels the secret's expansion. */
static const mv_he_literal literals[] = {
    PACK_SET("pack4096", "transport of features; 128 bits quantum and classical", 1,
             MV_HE_QUANTUM_128, 4096, 1, UINT64_C(1125899906826241)),
    PACK_SET("add4096", "sums of several images; 128 bits quantum and classical", 2,
             MV_HE_QUANTUM_128, 4096, 2, UINT64_C(4398046486529), UINT64_C(2199023190017)),
    PACK_SET("pack2048", "transport of features; 128 bits classical only", 3, MV_HE_CLASSICAL_128,
             2048, 1, UINT64_C(1125899906826241)),
    PACK_SET("pack1024", "transport of small features; 128 bits classical only", 4,
             MV_HE_CLASSICAL_128, 1024, 1, UINT64_C(67104769)),
    BFV_SET("score4096",
            "encrypted query against plain vectors, 16-bit results; 128 bits quantum and classical",
            5, MV_HE_QUANTUM_128, 4096, 40961, 3, UINT64_C(134176769), UINT64_C(268361729),
            UINT64_C(268369921)),
    BFV_SET("score4096w",
            "encrypted query against plain vectors, 17-bit results; 128 bits classical only", 6,
            MV_HE_CLASSICAL_128, 4096, 114689, 3, UINT64_C(34359697409), UINT64_C(34359451649),
            UINT64_C(68719403009)),
    BFV_SET("private8192",
            "exact integers of 30 bits, products of two ciphers; 128 bits quantum and classical", 7,
            MV_HE_QUANTUM_128, 8192, 1073692673, 3, UINT64_C(36028797018652673),
            UINT64_C(36028797017571329), UINT64_C(36028797017456641)),
    CKKS_SET("real8192", "real numbers, one product; 128 bits quantum and classical", 8,
             MV_HE_QUANTUM_128, 8192, 40, 3, UINT64_C(562949952847873), UINT64_C(1099511480321),
             UINT64_C(562949952798721)),
    CKKS_SET("deep8192", "real numbers, three products in a row; 128 bits classical only", 9,
             MV_HE_CLASSICAL_128, 8192, 38, 5, UINT64_C(562949952847873), UINT64_C(274877562881),
             UINT64_C(274877202433), UINT64_C(274877153281), UINT64_C(562949952798721)),
    /* The two data primes carry one product that is not scaled down (scan.h); t is the smallest
     * prime above 2 x 68,464, the largest dot product of two embeddings. */
    BFV_SET("search8192",
            "encrypted query against an encrypted gallery; 128 bits quantum and classical", 10,
            MV_HE_QUANTUM_128, 8192, 147457, 3, UINT64_C(137438822401), UINT64_C(137438773249),
            UINT64_C(562949952847873)),
    /* The data primes of search8192: what a sender of one row encrypts in. */
    PACK_SET("upload4096", "rows for a set search8192 gallery; 128 bits quantum and classical", 11,
             MV_HE_QUANTUM_128, 4096, 2, UINT64_C(137438822401), UINT64_C(137438773249)),
};

enum { SETS = sizeof literals / sizeof literals[0] };

static mv_he_set sets[SETS];
static size_t set_count;
static mv_he_ring_slot slots[SETS];
static pthread_once_t sets_once = PTHREAD_ONCE_INIT;

static void sets_make(void)
{
    for (size_t i = 0; i < SETS; i++) {
        mv_he_set *set = &sets[set_count];
        (void)pthread_mutex_init(&slots[i].lock, NULL);
        if (mv_he_set_build(set, &literals[i], &slots[i], NULL) == MV_OK &&
            mv_he_set_check_security(set, NULL) == MV_OK) {
            set_count++;
        }
    }
}

const mv_he_set *mv_he_set_at(size_t i)
{
    (void)pthread_once(&sets_once, sets_make);
    return i < set_count ? &sets[i] : NULL;
}

const mv_he_set *mv_he_set_find(const char *name)
{
    const mv_he_set *set = NULL;
    for (size_t i = 0; (set = mv_he_set_at(i)) != NULL; i++) {
        if (name != NULL && strcmp(set->literal.name, name) == 0) {
            break;
        }
    }
    return set;
}

const mv_he_set *mv_he_set_from_id(uint8_t id)
{
    const mv_he_set *set = NULL;
    for (size_t i = 0; (set = mv_he_set_at(i)) != NULL; i++) {
        if (set->literal.id == id) {
            break;
        }
    }
    return set;
}

const char *mv_he_set_name(const mv_he_set *set)
{
    return set->literal.name;
}

const char *mv_he_set_purpose(const mv_he_set *set)
{
    return set->literal.purpose;
}

uint32_t mv_he_set_degree(const mv_he_set *set)
{
    return set->literal.degree;
}

uint32_t mv_he_set_modulus_bits(const mv_he_set *set)
{
    return set->modulus_bits;
}

mv_he_scheme mv_he_set_scheme(const mv_he_set *set)
{
    return set->literal.scheme;
}

uint32_t mv_he_set_slots(const mv_he_set *set)
{
    const uint32_t n = set->literal.degree;
    return set->literal.scheme == MV_HE_BFV ? n : set->literal.scheme == MV_HE_CKKS ? n / 2 : 0;
}

uint32_t mv_he_set_level(const mv_he_set *set)
{
    return mv_he_data_limbs(set) - 1;
}

uint64_t mv_he_set_plain_modulus(const mv_he_set *set)
{
    return set->literal.plain_modulus;
}
