/* SPDX-License-Identifier: Apache-2.0
 *
 * xwing.c: the X-Wing combination of ML-KEM-768 and X25519. [XWING]
 */
#include "xwing.h"

#include "base/keccak.h"
#include "base/secret.h"

#include <sodium.h>
#include <string.h>

enum { X_LEN = 32, M_PUBLIC = MV_MLKEM_PUBLIC_LEN, M_CIPHER = MV_MLKEM_CIPHER_LEN };

_Static_assert(M_PUBLIC + X_LEN == MV_XWING_PUBLIC_LEN, "pk_M | pk_X");
_Static_assert(M_CIPHER + X_LEN == MV_XWING_CIPHER_LEN, "ct_M | ct_X");

static const uint8_t label[6] = {'\\', '.', '/', '/', '^', '\\'};

static void combine(uint8_t shared[MV_XWING_SHARED_LEN], const uint8_t shared_m[X_LEN],
                    const uint8_t shared_x[X_LEN], const uint8_t cipher_x[X_LEN],
                    const uint8_t public_x[X_LEN])
{
    mv_sponge s = mv_sha3_256();
    mv_sponge_absorb(&s, shared_m, X_LEN);
    mv_sponge_absorb(&s, shared_x, X_LEN);
    mv_sponge_absorb(&s, cipher_x, X_LEN);
    mv_sponge_absorb(&s, public_x, X_LEN);
    mv_sponge_absorb(&s, label, sizeof label);
    mv_sponge_finish(&s);
    mv_sponge_squeeze(&s, shared, MV_XWING_SHARED_LEN);
    mv_wipe(&s, sizeof s);
}

mv_status mv_xwing_keypair(mv_xwing_secret *secret, uint8_t public_key[MV_XWING_PUBLIC_LEN],
                           const uint8_t seed[MV_XWING_SEED_LEN])
{
    uint8_t mlkem_seed[MV_MLKEM_SEED_LEN];
    mv_sponge s = mv_shake256();

    mv_sponge_absorb(&s, seed, MV_XWING_SEED_LEN);
    mv_sponge_finish(&s);
    mv_sponge_squeeze(&s, mlkem_seed, sizeof mlkem_seed);
    mv_sponge_squeeze(&s, secret->x25519, X_LEN);
    mv_mlkem_keypair(public_key, secret->mlkem, mlkem_seed);
    mv_wipe(mlkem_seed, sizeof mlkem_seed);
    mv_wipe(&s, sizeof s);
    if (crypto_scalarmult_base(secret->x25519_public, secret->x25519) != 0) {
        return MV_E_INTERNAL;
    }
    memcpy(public_key + M_PUBLIC, secret->x25519_public, X_LEN);
    return MV_OK;
}

bool mv_xwing_public_valid(const uint8_t public_key[MV_XWING_PUBLIC_LEN])
{
    static const uint8_t any[X_LEN] = {1};
    uint8_t product[X_LEN];
    return mv_mlkem_public_valid(public_key) &&
           crypto_scalarmult(product, any, public_key + M_PUBLIC) == 0;
}

mv_status mv_xwing_encapsulate(uint8_t cipher[MV_XWING_CIPHER_LEN],
                               uint8_t shared[MV_XWING_SHARED_LEN],
                               const uint8_t public_key[MV_XWING_PUBLIC_LEN],
                               const uint8_t coins[MV_XWING_COINS_LEN])
{
    mv_status st = MV_OK;
    uint8_t shared_m[X_LEN], shared_x[X_LEN];
    const uint8_t *ephemeral = coins + MV_MLKEM_MESSAGE_LEN;
    const uint8_t *public_x = public_key + M_PUBLIC;

    st = mv_mlkem_encapsulate(cipher, shared_m, public_key, coins);
    if (st == MV_OK && (crypto_scalarmult(shared_x, ephemeral, public_x) != 0 ||
                        crypto_scalarmult_base(cipher + M_CIPHER, ephemeral) != 0)) {
        st = MV_E_RANGE;
    }
    if (st == MV_OK) {
        combine(shared, shared_m, shared_x, cipher + M_CIPHER, public_x);
    } else {
        memset(cipher, 0, MV_XWING_CIPHER_LEN);
        memset(shared, 0, MV_XWING_SHARED_LEN);
    }
    mv_wipe(shared_m, sizeof shared_m);
    mv_wipe(shared_x, sizeof shared_x);
    return st;
}

void mv_xwing_decapsulate(uint8_t shared[MV_XWING_SHARED_LEN],
                          const uint8_t cipher[MV_XWING_CIPHER_LEN], const mv_xwing_secret *secret)
{
    uint8_t shared_m[X_LEN];
    uint8_t shared_x[X_LEN] = {0};
    const uint8_t *cipher_x = cipher + M_CIPHER;

    mv_mlkem_decapsulate(shared_m, cipher, secret->mlkem);
    /* fails only for a point of small order, and leaves the zeros that RFC 7748 computes for it */
    const int small_order = crypto_scalarmult(shared_x, secret->x25519, cipher_x);
    (void)small_order;
    combine(shared, shared_m, shared_x, cipher_x, secret->x25519_public);
    mv_wipe(shared_m, sizeof shared_m);
    mv_wipe(shared_x, sizeof shared_x);
}
