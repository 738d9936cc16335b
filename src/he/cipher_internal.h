/* SPDX-License-Identifier: Apache-2.0
 *
 * cipher_internal.h: the objects behind he.h, for this folder and its tests.
 *
 * Everything is in evaluation form. Polynomial p of a cipher begins at limb + p * data_limbs * N,
 * whatever its level; the first `limbs` rows of it are in use.
 */
#ifndef MV_HE_CIPHER_INTERNAL_H
#define MV_HE_CIPHER_INTERNAL_H

#include "he/context.h"
#include "he/keys.h"
#include "ring/sample.h"

#include <string.h>

#define MV_CIPHER_POLYS_MAX 3

struct mv_cipher {
    const mv_he_context *context;
    uint64_t *limb;
    uint32_t polys; /* 0: empty */
    uint32_t limbs; /* level + 1 */
    uint32_t power; /* CKKS: the scale is S^power, 1 or 2; BFV: 1 */
    bool seeded;    /* c1 is the expansion of seed */
    uint8_t seed[MV_SEED_LEN];
    double noise; /* variance of a coefficient of the noise, see noise.h */
    double bound; /* CKKS: largest |slot|; BFV: 0 */
};

struct mv_plain {
    const mv_he_context *context;
    uint64_t *limb;    /* as a factor: evaluation form, limbs rows */
    uint64_t *message; /* BFV: coefficients in [0,t) */
    uint32_t limbs;    /* 0: empty */
    double bound;      /* CKKS: largest |slot| */
    double norm2;      /* BFV: sum of the squares of the coefficients nearest 0 */
    size_t words;
};

struct mv_he_public {
    const mv_he_set *set;
    const mv_ring *ring; /* all primes of the set */
    uint64_t *limb;      /* b = e - a s, then a: all primes each, evaluation form */
    uint8_t seed[MV_SEED_LEN];
};

/* Digit i: b_i + a_i s' = P s + e_i modulo q_i and the special prime, = e_i modulo the others;
 * s' = sigma^-1(s) for the automorphism of galois. For relinearising (galois 1) P s^2 takes the
 * place of P s and s' = s; for what comes from half the ring (galois 2, set search8192) P h(X^2)
 * does, h being the secret of the set upload4096. */
#define MV_KEY_RELIN 1u
#define MV_KEY_HALF  2u
struct mv_he_eval_key {
    const mv_he_context *context;
    uint32_t galois; /* odd and above 1: an automorphism */
    uint64_t *limb;  /* [digit][b, a][all primes][N] */
    uint32_t *order; /* of the automorphism, else NULL */
    uint8_t seed[MV_SEED_LEN];
};

struct mv_he_eval_keys {
    const mv_he_context *context;
    mv_he_eval_key **key;
    size_t count;
};

enum { MV_WORK_SPARES = 3 };

struct mv_he_work {
    const mv_he_context *context;
    uint64_t *memory;
    size_t len;                          /* bytes */
    uint64_t *digits;                    /* [data_limbs][data_limbs + 1][N] */
    uint64_t *low, *high;                /* sums for two polynomials: 2 [data_limbs + 1][N] each */
    uint64_t *temp;                      /* 3 [data_limbs + 1][N] */
    uint64_t *row;                       /* 2 [N] */
    uint64_t *tensor;                    /* BFV products: 7 polynomials in both bases */
    uint64_t *conv;                      /* scratch of a base conversion */
    double *real;                        /* [N] */
    int8_t *small;                       /* 3 [N] */
    mv_cipher *spare[MV_WORK_SPARES];    /* operands brought to a common level */
    mv_cipher *step[MV_VEC_MAC_MAX + 1]; /* of a matrix product; made when first needed */
};

/* Seeds of an encryption; from the operating system except in tests and vectors. */
typedef struct mv_he_seeds {
    uint8_t mask[MV_SEED_LEN];
    uint8_t error[MV_SEED_LEN]; /* secret */
} mv_he_seeds;

static inline const mv_he_level *mv_cipher_level_of(const mv_cipher *c)
{
    return &c->context->level[c->limbs - 1];
}

static inline uint64_t *mv_cipher_poly(const mv_cipher *c, uint32_t p)
{
    return c->limb + (size_t)p * c->context->data_limbs * c->context->degree;
}

static inline mv_poly_eval mv_cipher_eval(const mv_cipher *c, uint32_t p)
{
    return (mv_poly_eval){mv_cipher_poly(c, p)};
}

static inline bool mv_is_ckks(const mv_he_context *c)
{
    return c->set->literal.scheme == MV_HE_CKKS;
}

static inline size_t mv_rows_len(const mv_he_context *c, uint32_t limbs) /* bytes */
{
    return (size_t)limbs * c->degree * sizeof(uint64_t);
}

/* Memory on a cache line, zeroed. */
mv_status mv_words_new(uint64_t **out, size_t words);
void mv_words_free(uint64_t **words, size_t count); /* wipes */

/* mv_cipher_settle: the last step of every operation: on success the noise is checked, on failure
 * out becomes empty. Returns the status to pass on. */
mv_status mv_cipher_settle(mv_cipher *out, mv_status st);

/* mv_cipher_shape: limbs, power, noise and bound of `from`, with so many polynomials; no rows. */
void mv_cipher_shape(mv_cipher *out, const mv_cipher *from, uint32_t polys);

/* mv_cipher_is_of: not empty and of this context. */
MV_MUST_CHECK mv_status mv_cipher_check(const mv_he_context *context, const mv_cipher *c);

/* mv_he_encrypt_seeded, mv_he_encrypt_public_seeded: for tests and printed vectors only. The second
 * needs one seed. */
MV_MUST_CHECK mv_status mv_he_encrypt_seeded(mv_he_work *work, mv_cipher *out, const mv_he_key *key,
                                             const mv_plain *plain, const mv_he_seeds *seeds);
MV_MUST_CHECK mv_status mv_he_encrypt_public_seeded(mv_he_work *work, mv_cipher *out,
                                                    const mv_he_public *key, const mv_plain *plain,
                                                    const uint8_t seed[MV_SEED_LEN]);
MV_MUST_CHECK mv_status mv_he_public_seeded(mv_he_public **out, const mv_he_key *key,
                                            const mv_he_seeds *seeds);
MV_MUST_CHECK mv_status mv_he_eval_key_seeded(mv_he_eval_key **out, const mv_he_key *key,
                                              uint32_t galois, const mv_he_seeds *seeds);
/* mv_he_eval_key_make: for relinearising or any automorphism, or, for MV_KEY_HALF, from the secret
 * `half` of half the ring; else half is NULL. errors: MV_E_RANDOM, MV_E_MEMORY, MV_E_MISMATCH */
MV_MUST_CHECK mv_status mv_he_eval_key_make(mv_he_eval_key **out, const mv_he_key *key,
                                            const mv_he_key *half, uint32_t galois);

/* mv_expand_mask: polynomial number poly of a seed, limb by limb, directly in evaluation form. */
void mv_expand_mask(uint64_t *out, const mv_ring *ring, const uint8_t seed[MV_SEED_LEN],
                    uint32_t poly);

/* mv_he_phase: c0 + c1 s (+ c2 s^2) into work->temp, coefficient form, modulo the cipher's primes;
 * secret. */
MV_MUST_CHECK mv_status mv_he_phase(mv_he_work *work, mv_poly_coeff *out, const mv_he_key *key,
                                    const mv_cipher *c);

/* mv_bfv_scale_up: rows = round(Q m / t) modulo each prime of the level, coefficient form. */
void mv_bfv_scale_up(uint64_t *rows, const mv_he_context *c, uint32_t limbs,
                     const uint64_t *message);

/* mv_bfv_encode_in_range: mv_bfv_encode without its checks. time  depends on count only */
void mv_bfv_encode_in_range(mv_plain *out, const int64_t *value, size_t count, bool slots);

/* Empty objects, which the readers of bytes fill. */
MV_MUST_CHECK mv_status mv_he_public_alloc(mv_he_public **out, const mv_he_set *set);
MV_MUST_CHECK mv_status mv_he_eval_key_alloc(mv_he_eval_key **out, const mv_he_context *context,
                                             uint32_t galois);
size_t mv_he_eval_key_words(const mv_he_context *context);

/* mv_key_find: the key for this automorphism, or NULL. */
const mv_he_eval_key *mv_key_find(const mv_he_eval_keys *keys, uint32_t galois);

/* Key switching in three steps, of which the first serves any number of rotations:
 * mv_keyswitch_digits  work->digits from a polynomial of so many limbs
 * mv_keyswitch_sum     work->low = the two polynomials of the result, modulo the level's primes;
 *                      polynomial p begins at work->low + p * (limbs + 1) * N
 * mv_keyswitch_apply   out = sigma(c0 + first, second) */
void mv_keyswitch_digits(mv_he_work *work, const uint64_t *poly, uint32_t limbs);
void mv_keyswitch_sum(mv_he_work *work, const mv_he_eval_key *key, uint32_t limbs);

/* mv_cipher_lower: a, brought to this level and, for CKKS, to scale power 1, in *spare when it has
 * to change; *out points to the result. errors: MV_E_LEVEL when a is lower already */
MV_MUST_CHECK mv_status mv_cipher_lower(mv_he_work *work, const mv_cipher **out, mv_cipher *spare,
                                        const mv_cipher *a, uint32_t limbs);

/* BFV: the tensor product, scaled by t / Q and rounded. out has three polynomials; may be a or b.
 */
void mv_bfv_tensor(mv_he_work *work, mv_cipher *out, const mv_cipher *a, const mv_cipher *b);

#endif
