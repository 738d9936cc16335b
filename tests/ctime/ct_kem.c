/* SPDX-License-Identifier: Apache-2.0
 *
 * ct_kem.c: no branch and no address of X-Wing depends on a secret. Run under valgrind's memcheck:
 * the secret key and ML-KEM's message are marked as undefined, the ciphertext as defined again. The
 * ephemeral X25519 secret stays defined: libsodium's answer that the card's point is of small order
 * comes from the product, though it tells nothing but the point.
 */
#include "envelope/xwing.h"

#include <stdio.h>
#include <string.h>
#include <valgrind/memcheck.h>

static mv_xwing_secret secret;
static uint8_t public_key[MV_XWING_PUBLIC_LEN], cipher[MV_XWING_CIPHER_LEN];

/* Key generation expands one seed to rho, which is public and decides how many bytes the matrix
 * takes, and to the secret; memcheck cannot tell the two apart, so it runs on defined bytes and its
 * secret half is marked afterwards. */
static mv_status make_keys(void)
{
    static const uint8_t seed[MV_XWING_SEED_LEN] = {9};
    const mv_status st = mv_xwing_keypair(&secret, public_key, seed);
    (void)VALGRIND_MAKE_MEM_UNDEFINED(secret.x25519, sizeof secret.x25519);
    (void)VALGRIND_MAKE_MEM_UNDEFINED(secret.mlkem, 1152);      /* s^ */
    (void)VALGRIND_MAKE_MEM_UNDEFINED(secret.mlkem + 2368, 32); /* z */
    return st;
}

static int same(uint8_t a[32], uint8_t b[32])
{
    (void)VALGRIND_MAKE_MEM_DEFINED(a, 32);
    (void)VALGRIND_MAKE_MEM_DEFINED(b, 32);
    return memcmp(a, b, 32) == 0;
}

int main(void)
{
    uint8_t coins[MV_XWING_COINS_LEN] = {1, 2, 3}, shared[32], opened[32];

    mv_status st = make_keys();
    (void)VALGRIND_MAKE_MEM_UNDEFINED(coins, MV_MLKEM_MESSAGE_LEN);
    st = st == MV_OK ? mv_xwing_encapsulate(cipher, shared, public_key, coins) : st;
    (void)VALGRIND_MAKE_MEM_DEFINED(cipher, sizeof cipher);
    mv_xwing_decapsulate(opened, cipher, &secret);
    const int right = same(shared, opened);
    cipher[0] ^= 1; /* the rejected way takes the same path */
    mv_xwing_decapsulate(opened, cipher, &secret);
    const int rejected = !same(shared, opened);
    (void)printf("encapsulate %s, opened %d, rejected %d\n", mv_status_name(st), right, rejected);
    return st == MV_OK && right && rejected ? 0 : 1;
}
