/* SPDX-License-Identifier: Apache-2.0
 *
 * keys.h: the secret polynomial of one collection in one set.
 *
 *     seed = BLAKE2b-256(key = collection key, message = "medveil he secret v0 " || set name)
 *     s    = ternary(seed, domain MV_STREAM_SECRET, polynomial 0, limb 0)
 * The label keeps apart the secrets that one collection key gives in different sets.
 */
#ifndef MV_HE_KEYS_H
#define MV_HE_KEYS_H

#include "he/params.h"

struct mv_he_key {
    const mv_he_set *set;
    const mv_ring *ring;  /* the set's */
    mv_poly_known secret; /* s in evaluation form; limb and con are one block of mv_secret memory */
};

/* mv_he_secret_coefficients: s itself, set degree values of -1, 0, 1. The caller wipes them.
 * errors: MV_E_MEMORY, MV_E_INTERNAL; out is then zero */
MV_MUST_CHECK mv_status mv_he_secret_coefficients(
    int8_t *out, const mv_he_set *set, const uint8_t collection_key[MV_COLLECTION_KEY_LEN]);

/* mv_he_key_from_coefficients: a key from a given s. errors: MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_he_key_from_coefficients(mv_he_key **out, const mv_he_set *set,
                                                    const int8_t *s);

#endif
