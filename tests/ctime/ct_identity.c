/* SPDX-License-Identifier: Apache-2.0
 *
 * ct_identity.c: locking, unlocking and signing choose no branch and no address by the seed or the
 * signing key; under valgrind's memcheck, both marked as undefined. The passphrase stays defined:
 * Argon2id's later passes read memory where it says, by design. So does what key generation turns
 * the seed into: rho, which is public, decides how many bytes the matrix takes (ct_kem.c marks the
 * secret halves after it).
 */
#include "envelope/identity.h"

#include <stdio.h>
#include <string.h>
#include <valgrind/memcheck.h>

int main(void)
{
    const mv_lock_cost cheap = {1, 8};
    uint8_t seed[MV_SEED_LEN] = {1, 2, 3}, opened[MV_SEED_LEN], signature[MV_SIGNATURE_LEN];
    mv_identity *id = NULL;
    mv_lock lock = {0};

    mv_status st = mv_identity_from_seed(&id, seed, 20000);
    (void)VALGRIND_MAKE_MEM_UNDEFINED(seed, sizeof seed);
    st = st == MV_OK ? mv_lock_seal(&lock, seed, "passphrase", 10, cheap) : st;
    (void)VALGRIND_MAKE_MEM_DEFINED(&lock, sizeof lock);
    st = st == MV_OK ? mv_lock_open(opened, &lock, "passphrase", 10) : st;
    (void)VALGRIND_MAKE_MEM_DEFINED(opened, sizeof opened);
    (void)VALGRIND_MAKE_MEM_DEFINED(seed, sizeof seed);
    st = st == MV_OK && memcmp(seed, opened, sizeof seed) != 0 ? MV_E_INTERNAL : st;
    if (st == MV_OK) {
        (void)VALGRIND_MAKE_MEM_UNDEFINED(id->sign_secret, MV_SEED_LEN); /* the rest is public */
        st = mv_identity_sign(signature, id, (const uint8_t *)"label", 5);
        (void)VALGRIND_MAKE_MEM_DEFINED(id->sign_secret, MV_SEED_LEN);
    }
    mv_identity_free(&id);
    (void)printf("identity: %s\n", mv_status_name(st));
    return st == MV_OK ? 0 : 1;
}
