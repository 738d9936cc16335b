/* SPDX-License-Identifier: Apache-2.0
 *
 * identity.h: what an identity is made of; for this folder and its tests. The public calls are in
 * medveil/keys.h, every byte in docs/formats/identity.md.
 */
#ifndef MV_ENVELOPE_IDENTITY_H
#define MV_ENVELOPE_IDENTITY_H

#include "derive.h"
#include "medveil/keys.h"

#define MV_SEED_LEN        32
#define MV_SIGN_SECRET_LEN 64
#define MV_SIGNATURE_LEN   64

/* In mv_secret memory. Everything follows from seed and card.created_day. */
struct mv_identity {
    uint8_t seed[MV_SEED_LEN];
    uint8_t sign_seed[MV_SEED_LEN];
    uint8_t seal_secret[MV_KEY_LEN];         /* X25519 */
    uint8_t sign_secret[MV_SIGN_SECRET_LEN]; /* Ed25519, libsodium's seed || public key */
    mv_card card;
};

/* mv_identity_from_seed: the identity that this seed and day stand for.
 * errors: MV_E_MEMORY, MV_E_RANDOM (libsodium does not start) */
MV_MUST_CHECK mv_status mv_identity_from_seed(mv_identity **out, const uint8_t seed[MV_SEED_LEN],
                                              uint32_t created_day);

/* mv_identity_read: from the text of an identity file; name is for messages. errors: MV_E_FORMAT */
MV_MUST_CHECK mv_status mv_identity_read(mv_identity **out, const char *text, size_t len,
                                         const char *name, mv_error *err);

/* mv_identity_sign: the Ed25519 signature of a message, which must begin with a label of its own
 * purpose. errors: MV_E_INTERNAL */
MV_MUST_CHECK mv_status mv_identity_sign(uint8_t sig[MV_SIGNATURE_LEN], const mv_identity *identity,
                                         const uint8_t *msg, size_t len);

/* mv_card_make: card->seal_public, sign_public and created_day are given; signs and fills the rest.
 */
MV_MUST_CHECK mv_status mv_card_make(mv_card *card, const uint8_t sign_secret[MV_SIGN_SECRET_LEN]);

/* mv_card_decode: a card from its CBOR bytes, signature checked. *out is zero on error.
 * errors: MV_E_FORMAT, MV_E_AUTH (signature) */
MV_MUST_CHECK mv_status mv_card_decode(mv_card *out, const uint8_t *bytes, size_t len,
                                       mv_error *err);

#endif
