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
static const mv_he_literal literals[] = {
    {"pack4096",
     "transport of features; 128 bits quantum and classical",
     1,
     MV_HE_QUANTUM_128,
     MV_HE_WORST_CASE,
     4096,
     1,
     {UINT64_C(1125899906826241)}},
    {"add4096",
     "sums of several images; 128 bits quantum and classical",
     2,
     MV_HE_QUANTUM_128,
     MV_HE_WORST_CASE,
     4096,
     2,
     {UINT64_C(4398046486529), UINT64_C(2199023190017)}},
    {"pack2048",
     "transport of features; 128 bits classical only",
     3,
     MV_HE_CLASSICAL_128,
     MV_HE_WORST_CASE,
     2048,
     1,
     {UINT64_C(1125899906826241)}},
    {"pack1024",
     "transport of small features; 128 bits classical only",
     4,
     MV_HE_CLASSICAL_128,
     MV_HE_WORST_CASE,
     1024,
     1,
     {UINT64_C(67104769)}},
};

enum { SETS = sizeof literals / sizeof literals[0] };

static mv_he_set sets[SETS];
static size_t set_count;
static mv_he_ring_slot slots[SETS] = {
    {PTHREAD_MUTEX_INITIALIZER, NULL, NULL},
    {PTHREAD_MUTEX_INITIALIZER, NULL, NULL},
    {PTHREAD_MUTEX_INITIALIZER, NULL, NULL},
    {PTHREAD_MUTEX_INITIALIZER, NULL, NULL},
};
static pthread_once_t sets_once = PTHREAD_ONCE_INIT;

static void sets_make(void)
{
    for (size_t i = 0; i < SETS; i++) {
        mv_he_set *set = &sets[set_count];
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
