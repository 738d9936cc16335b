/* SPDX-License-Identifier: Apache-2.0
 *
 * context.h: everything that follows from a slot set: a ring for each level, constants, tables.
 * Made when first needed, immutable, shared by threads.
 */
#ifndef MV_HE_CONTEXT_H
#define MV_HE_CONTEXT_H

#include "he/params.h"
#include "ring/automorphism.h"
#include "ring/embed_fft.h"
#include "ring/rns.h"

#define MV_HE_AUX_MAX 8 /* primes of the second basis that exact BFV products need */

/* One level: the first `limbs` primes. */
typedef struct mv_he_level {
    mv_ring ring;             /* the data primes */
    mv_ring key_ring;         /* the same and the special prime, last */
    mv_rns_drop drop;         /* by the last data prime; limb_count >= 2 */
    mv_rns_drop drop_special; /* of key_ring */
    double modulus_log2;      /* log2 Q */
    double last;              /* the last data prime */
    /* CKKS */
    double scale; /* S: top 2^scale_log2, below S' = S^2 / q */
    mv_rns_crt crt;
    /* BFV */
    mv_rns_scale scale_down;                  /* x -> round(t x / Q) mod t */
    mv_known_factor inv_t[MV_RING_LIMBS_MAX]; /* 1/t mod q_i, 64-bit constant */
    uint64_t modulus_mod_t;                   /* Q mod t */
    mv_rns_conv to_aux, from_aux;
    mv_known_factor times_t[MV_RING_LIMBS_MAX];     /* t, for data limbs */
    mv_known_factor aux_times_t[MV_HE_AUX_MAX];     /* t / Q, for limbs of the second basis */
    mv_known_factor aux_minus_inv_q[MV_HE_AUX_MAX]; /* -1 / Q there */
} mv_he_level;

typedef struct mv_he_context {
    const mv_he_set *set;
    const mv_ring *ring; /* all primes, the special one last */
    uint32_t degree, data_limbs;
    mv_he_level *level;    /* [data_limbs]; level[k] has k + 1 limbs */
    mv_embed_tables embed; /* CKKS */
    mv_ring plain_ring;    /* BFV: modulo t */
    uint32_t *slot_order;  /* BFV: [N] */
    mv_ring aux;           /* BFV: the second basis, product above N t Q */
    void *memory[5];       /* what free gives back */
} mv_he_context;

/* mv_he_context_of: errors: MV_E_UNSUPPORTED (a pack set), MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_he_context_of(const mv_he_context **out, const mv_he_set *set);
void mv_he_context_free(mv_he_context **context);

#endif
