/* SPDX-License-Identifier: Apache-2.0
 *
 * identity.h: what an identity is made of; for this folder and its tests. The public calls are in
 * medveil/keys.h, every byte in docs/formats/identity.md.
 */
#ifndef MV_ENVELOPE_IDENTITY_H
#define MV_ENVELOPE_IDENTITY_H

#include "derive.h"
#include "medveil/keys.h"
#include "xwing.h"

#define MV_SEED_LEN        32
#define MV_SIGN_SECRET_LEN 64
#define MV_SIGNATURE_LEN   64

enum { MV_LOCK_SALT_LEN = 16, MV_LOCK_BOX_LEN = MV_SEED_LEN + 16 };

/* The seed under a passphrase, as it stands in the file. */
typedef struct mv_lock {
    mv_lock_cost cost; /* passes 0: the identity is not locked */
    uint8_t salt[MV_LOCK_SALT_LEN];
    uint8_t box[MV_LOCK_BOX_LEN]; /* ChaCha20-Poly1305 of the seed */
} mv_lock;

/* In mv_secret memory. Both secret keys follow from the seed. */
struct mv_identity {
    uint8_t seed[MV_SEED_LEN];
    uint8_t seal_seed[MV_XWING_SEED_LEN];
    uint8_t sign_seed[MV_SEED_LEN];
    uint8_t sign_secret[MV_SIGN_SECRET_LEN]; /* Ed25519, libsodium's seed || public key */
    mv_xwing_secret seal;
    mv_lock lock;
    mv_card card;
};

/* mv_identity_from_seed: the identity of this seed, with a card of this day that does not expire.
 * errors: MV_E_MEMORY, MV_E_RANDOM (libsodium does not start) */
MV_MUST_CHECK mv_status mv_identity_from_seed(mv_identity **out, const uint8_t seed[MV_SEED_LEN],
                                              uint32_t created_day);

/* mv_identity_read: from the text of an identity file; name is for messages; unlock as for
 * mv_identity_load. errors: MV_E_FORMAT, MV_E_TRUNCATED, MV_E_LIMIT (cost), MV_E_WRONG_KEY,
 * MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_identity_read(mv_identity **out, const char *text, size_t len,
                                         const char *name, const mv_unlock *unlock, mv_error *err);

/* mv_identity_sign: the Ed25519 signature of a message, which must begin with a label of its own
 * purpose. errors: MV_E_INTERNAL */
MV_MUST_CHECK mv_status mv_identity_sign(uint8_t sig[MV_SIGNATURE_LEN], const mv_identity *identity,
                                         const uint8_t *msg, size_t len);

/* mv_lock_seal, mv_lock_open: the seed under a passphrase. [RFC9106], [RFC8439]
 * errors: MV_E_MEMORY (the cost's memory), MV_E_RANDOM; open MV_E_WRONG_KEY. seed is zero on error
 */
MV_MUST_CHECK mv_status mv_lock_seal(mv_lock *out, const uint8_t seed[MV_SEED_LEN],
                                     const char *passphrase, size_t len, mv_lock_cost cost);
MV_MUST_CHECK mv_status mv_lock_open(uint8_t seed[MV_SEED_LEN], const mv_lock *lock,
                                     const char *passphrase, size_t len);
bool mv_lock_cost_valid(const mv_lock_cost *cost);

/* mv_card_make: keys, days and HE hash of card are given; signs and fills the rest.
 * errors: MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_card_make(mv_card *card, const uint8_t sign_secret[MV_SIGN_SECRET_LEN]);

/* mv_card_decode: a card from its CBOR bytes: signature and keys checked. *out is zero on error.
 * errors: MV_E_FORMAT, MV_E_AUTH (signature) */
MV_MUST_CHECK mv_status mv_card_decode(mv_card *out, const uint8_t *bytes, size_t len,
                                       mv_error *err);

/* The two halves of mv_card_check (keys.h). errors: MV_E_POLICY */
MV_MUST_CHECK mv_status mv_card_check_revoked(const mv_card *card, mv_error *err);
MV_MUST_CHECK mv_status mv_card_check_days(const mv_card *card, uint32_t day, mv_error *err);

#endif
