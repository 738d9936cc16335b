/* SPDX-License-Identifier: Apache-2.0
 *
 * feature.h: a row of small integers under any parameter set, in either form, as one object.
 *
 * What an autoencoder gives is a row of integers of a few bits. In a pack set several share a
 * coefficient (bfv.h): the fewest bytes, sums only. In a slot set each has a slot of its own, in as
 * many ciphers as that takes: more bytes, and everything that he.h can do with each cipher. BFV
 * sets are exact. Under CKKS a slot comes back with an error; its bound (tail 2^-128) is known
 * before, and where it is not below 1/2 the set refuses the shape, so that rounding gives the
 * integers themselves.
 * The form says who may encrypt: MV_HE_SYM holders of the collection key, half the bytes; MV_HE_PK
 * whoever has the public key. docs/formats/he.md has every byte.
 */
#ifndef MEDVEIL_FEATURE_H
#define MEDVEIL_FEATURE_H

#include "medveil/bfv.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What an object says of itself, and what follows from it. */
typedef struct mv_features_info {
    const mv_he_set *set;
    mv_pack_shape shape;
    uint32_t summed;  /* fresh ciphertexts added up in it */
    uint64_t ciphers; /* pairs of polynomials */
    double
        margin_bits; /* log2 of the noise that decryption allows over the bound of what is there */
    double error_bound; /* CKKS: of a value before it is rounded; else 0 */
} mv_features_info;

/* mv_features_size: exact bytes; 0 when the set cannot hold the shape. */
MV_API size_t mv_features_size(const mv_he_set *set, const mv_pack_shape *shape);

/* mv_features_encrypt: shape->count features, each below 2^bits, into exactly mv_features_size
 * bytes; form MV_HE_SYM. mv_features_encrypt_public: form MV_HE_PK.
 * errors: MV_E_ARGUMENT (shape, form), MV_E_RANGE (a feature too large), MV_E_SPACE, MV_E_RANDOM,
 * MV_E_MEMORY */
MV_API MV_MUST_CHECK mv_status mv_features_encrypt(uint8_t *out, size_t cap, size_t *written,
                                                   const mv_he_key *key, const mv_pack_shape *shape,
                                                   const uint32_t *feature);
MV_API MV_MUST_CHECK mv_status mv_features_encrypt_public(uint8_t *out, size_t cap, size_t *written,
                                                          const mv_he_public *key,
                                                          const mv_pack_shape *shape,
                                                          const uint32_t *feature);

/* mv_features_inspect: header, length and every residue checked.
 * errors: MV_E_FORMAT, MV_E_TRUNCATED, MV_E_RANGE, MV_E_MEMORY */
MV_API MV_MUST_CHECK mv_status mv_features_inspect(mv_features_info *out, const uint8_t *bytes,
                                                   size_t len);

/* mv_features_decrypt: the features, or their sums, exactly; cap is the room in feature, in
 * elements. On error feature[0..cap) is zero. errors: MV_E_MISMATCH (the key is of another set),
 * MV_E_SPACE, MV_E_NOISE, those of inspect */
MV_API MV_MUST_CHECK mv_status mv_features_decrypt(uint32_t *feature, size_t cap,
                                                   const mv_he_key *key, const uint8_t *bytes,
                                                   size_t len);

#ifdef __cplusplus
}
#endif
#endif
