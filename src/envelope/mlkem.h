/* SPDX-License-Identifier: Apache-2.0
 *
 * mlkem.h: ML-KEM-768, the lattice half of X-Wing. [FIPS203]
 *
 * Module rank k = 3 over Z_q[X]/(X^256 + 1), q = 3329, eta1 = eta2 = 2, d_u = 10, d_v = 4. All
 * randomness is the caller's: these are the internal functions of FIPS 203, section 6, with the
 * input checks of section 7. Nothing here allocates.
 */
#ifndef MV_ENVELOPE_MLKEM_H
#define MV_ENVELOPE_MLKEM_H

#include "base/status.h"

#include <stdbool.h>

enum {
    MV_MLKEM_SEED_LEN = 64, /* d | z */
    MV_MLKEM_MESSAGE_LEN = 32,
    MV_MLKEM_SHARED_LEN = 32,
    MV_MLKEM_PUBLIC_LEN = 1184,
    MV_MLKEM_SECRET_LEN = 2400, /* s^ | public key | H(public key) | z */
    MV_MLKEM_CIPHER_LEN = 1088
};

/* mv_mlkem_keypair: ML-KEM.KeyGen_internal. time: independent of the seed but for its public half
 * rho, which is in the public key */
void mv_mlkem_keypair(uint8_t public_key[MV_MLKEM_PUBLIC_LEN],
                      uint8_t secret_key[MV_MLKEM_SECRET_LEN],
                      const uint8_t seed[MV_MLKEM_SEED_LEN]);

/* mv_mlkem_public_valid: every coefficient is below q (section 7.2, modulus check). */
bool mv_mlkem_public_valid(const uint8_t public_key[MV_MLKEM_PUBLIC_LEN]);

/* mv_mlkem_secret_valid: the hash inside is that of the public key inside (section 7.3). */
bool mv_mlkem_secret_valid(const uint8_t secret_key[MV_MLKEM_SECRET_LEN]);

/* mv_mlkem_encapsulate: ML-KEM.Encaps_internal; message is 32 fresh random bytes.
 * errors: MV_E_RANGE (the public key is not valid); both outputs are then zero */
MV_MUST_CHECK mv_status mv_mlkem_encapsulate(uint8_t cipher[MV_MLKEM_CIPHER_LEN],
                                             uint8_t shared[MV_MLKEM_SHARED_LEN],
                                             const uint8_t public_key[MV_MLKEM_PUBLIC_LEN],
                                             const uint8_t message[MV_MLKEM_MESSAGE_LEN]);

/* mv_mlkem_decapsulate: ML-KEM.Decaps_internal with implicit rejection. secret_key is one that
 * mv_mlkem_keypair made or mv_mlkem_secret_valid accepted. time: independent of the secret and of
 * the ciphertext's content */
void mv_mlkem_decapsulate(uint8_t shared[MV_MLKEM_SHARED_LEN],
                          const uint8_t cipher[MV_MLKEM_CIPHER_LEN],
                          const uint8_t secret_key[MV_MLKEM_SECRET_LEN]);

#endif
