/* SPDX-License-Identifier: Apache-2.0
 *
 * xwing.h: the key encapsulation of cards and wraps: X25519 and ML-KEM-768 together, so that what
 * was recorded stays closed as long as one of the two holds. [XWING]
 *
 *     shared = SHA3-256(ss_M | ss_X | ct_X | pk_X | "\.//^\")
 *     public key = pk_M 1184 | pk_X 32      ciphertext = ct_M 1088 | ct_X 32
 *
 * A secret is a 32-byte seed; mv_xwing_secret is what follows from it, so that trying many wraps
 * does not repeat the work. Decapsulation always gives a key: for a ciphertext that is not for this
 * secret it is a pseudorandom one (implicit rejection), and the AEAD around what was wrapped says
 * so.
 */
#ifndef MV_ENVELOPE_XWING_H
#define MV_ENVELOPE_XWING_H

#include "mlkem.h"

enum {
    MV_XWING_SEED_LEN = 32,
    MV_XWING_COINS_LEN = 64, /* fresh random bytes per encapsulation */
    MV_XWING_SHARED_LEN = 32,
    MV_XWING_PUBLIC_LEN = 1216,
    MV_XWING_CIPHER_LEN = 1120
};

/* Secret: lives in mv_secret memory, as part of an mv_identity. */
typedef struct mv_xwing_secret {
    uint8_t mlkem[MV_MLKEM_SECRET_LEN];
    uint8_t x25519[32];
    uint8_t x25519_public[32];
} mv_xwing_secret;

/* mv_xwing_keypair: both halves from the seed. time: independent of the seed.
 * errors: MV_E_INTERNAL (libsodium refuses) */
MV_MUST_CHECK mv_status mv_xwing_keypair(mv_xwing_secret *secret,
                                         uint8_t public_key[MV_XWING_PUBLIC_LEN],
                                         const uint8_t seed[MV_XWING_SEED_LEN]);

/* mv_xwing_public_valid: the checks that encapsulation makes: every ML-KEM coefficient below q
 * (FIPS 203, 7.2), no X25519 point of small order. */
bool mv_xwing_public_valid(const uint8_t public_key[MV_XWING_PUBLIC_LEN]);

/* mv_xwing_encapsulate: coins are random, secret and used once; coins[0..32) is ML-KEM's message,
 * coins[32..64) the ephemeral X25519 secret.
 * errors: MV_E_RANGE (public key, see above); both outputs are then zero */
MV_MUST_CHECK mv_status mv_xwing_encapsulate(uint8_t cipher[MV_XWING_CIPHER_LEN],
                                             uint8_t shared[MV_XWING_SHARED_LEN],
                                             const uint8_t public_key[MV_XWING_PUBLIC_LEN],
                                             const uint8_t coins[MV_XWING_COINS_LEN]);

/* mv_xwing_decapsulate: never says whether the ciphertext was made for this secret.
 * time: independent of the secret and of the ciphertext's content */
void mv_xwing_decapsulate(uint8_t shared[MV_XWING_SHARED_LEN],
                          const uint8_t cipher[MV_XWING_CIPHER_LEN], const mv_xwing_secret *secret);

#endif
