/* SPDX-License-Identifier: Apache-2.0
 *
 * pack_internal.h: the parts of coefficient packing, for this folder and the tests.
 *
 * Object:  header (16 bytes), then for a fresh symmetric ciphertext the seed of c1 (32 bytes) and
 * for each polynomial the rows of c0; for a sum or the public form, for each polynomial the rows of
 * c0 and those of c1.
 * docs/formats/he.md has every byte.
 */
#ifndef MV_HE_PACK_INTERNAL_H
#define MV_HE_PACK_INTERNAL_H

#include "base/bytes.h"
#include "he/keys.h"
#include "ring/sample.h"

#include <stdbool.h>

#define MV_PACK_HEADER_LEN 16
#define MV_PACK_BITS_MAX   24 /* of a feature in a coefficient; a sum of 64 is below 2^30 */
#define MV_SLOT_BITS_MAX   16 /* of a feature in a slot */
#define MV_PACK_SUMS_MAX   64
#define MV_PACK_LIMBS_MAX  2

typedef enum mv_pack_kind { MV_PACK_FRESH = 1, MV_PACK_SUM = 2 } mv_pack_kind;

/* What one limb needs for encoding and decoding; t = 2^log_t. */
typedef struct mv_pack_limb {
    mv_known_factor step;    /* -1/t mod q_i */
    mv_known_factor step_hi; /* -2^64/t mod q_i */
    uint64_t half;           /* 1/2 mod q_i */
    mv_known_factor crt;     /* (Q/q_i)^-1 mod q_i */
    mv_u128 theta;           /* floor(2^64 t / q_i) */
} mv_pack_limb;

/* Everything that follows from a set and a shape. */
typedef struct mv_pack_plan {
    const mv_he_set *set;
    mv_pack_shape shape;
    uint32_t log_t; /* floor(log2(Q / mv_pack_noise_factor)) */
    uint32_t width; /* bits of one field: shape.bits + ceil(log2 n) */
    uint32_t per;   /* fields of one coefficient: floor(log_t / width) */
    uint64_t coeffs;
    uint64_t polys;
    mv_u128 modulus; /* Q */
    mv_pack_limb limb[MV_PACK_LIMBS_MAX];
} mv_pack_plan;

/* mv_pack_noise_factor: W with t W <= Q. docs/modules/he.md, "Why decryption cannot fail" */
uint64_t mv_pack_noise_factor(uint32_t degree, uint32_t sums, mv_he_form form);

/* mv_pack_is_seeded: c1 is the expansion of a seed. */
static inline bool mv_pack_is_seeded(const mv_pack_shape *shape, mv_pack_kind kind)
{
    return kind == MV_PACK_FRESH && shape->form == MV_HE_SYM;
}

/* mv_pack_margin_bits: log2 of the largest noise that decryption allows over the largest that there
 * can be in a sum of so many. */
double mv_pack_margin_bits(const mv_pack_plan *plan, uint32_t summed);

/* mv_pack_plan_make: errors: MV_E_ARGUMENT when the set cannot hold the shape; plan is then zero */
MV_MUST_CHECK mv_status mv_pack_plan_make(mv_pack_plan *plan, const mv_he_set *set,
                                          const mv_pack_shape *shape);

/* Coefficients of polynomial p in use: N, or fewer in the last. */
uint32_t mv_pack_used(const mv_pack_plan *plan, uint64_t p);

/* Exact length of an object; 0 when it does not fit in size_t. */
size_t mv_pack_object_size(const mv_pack_plan *plan, mv_pack_kind kind);

/* What the header says beyond the plan. */
typedef struct mv_pack_header {
    mv_pack_kind kind;
    uint32_t summed;
} mv_pack_header;

void mv_pack_header_write(uint8_t out[MV_PACK_HEADER_LEN], const mv_pack_plan *plan,
                          const mv_pack_header *header);

/* mv_pack_header_read: header and plan, every field checked, and the length of what follows; body
 * is left just behind the header. errors: MV_E_FORMAT, MV_E_TRUNCATED, MV_E_RANGE */
MV_MUST_CHECK mv_status mv_pack_header_read(mv_pack_plan *plan, mv_pack_header *header,
                                            mv_reader *body, const uint8_t *bytes, size_t len);

/* The two seeds of an encryption; both from the operating system except in tests. */
typedef struct mv_pack_seeds {
    uint8_t mask[MV_SEED_LEN];  /* of c1; public, travels in the object */
    uint8_t error[MV_SEED_LEN]; /* of e; secret, wiped after use */
} mv_pack_seeds;

/* mv_pack_encrypt_seeded: mv_pack_encrypt with given seeds and features known to be below
 * 2^shape->bits: two calls with the same seeds and
 * different features give the difference away, so only tests and printed vectors call this. */
MV_MUST_CHECK mv_status mv_pack_encrypt_seeded(uint8_t *out, size_t cap, size_t *written,
                                               const mv_he_key *key, const mv_pack_shape *shape,
                                               const uint32_t *feature, const mv_pack_seeds *seeds);

/* mv_pack_encrypt_public_seeded: the same for the public form, from one secret seed: of polynomial
 * p, u is its ternary polynomial p, e0 and e1 are its errors 2 p and 2 p + 1. */
MV_MUST_CHECK mv_status mv_pack_encrypt_public_seeded(uint8_t *out, size_t cap, size_t *written,
                                                      const mv_he_public *key,
                                                      const mv_pack_shape *shape,
                                                      const uint32_t *feature,
                                                      const uint8_t seed[MV_SEED_LEN]);

#endif
