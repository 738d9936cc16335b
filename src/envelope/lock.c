/* SPDX-License-Identifier: Apache-2.0
 *
 * lock.c: an identity's seed under a passphrase: Argon2id, then ChaCha20-Poly1305.
 * docs/formats/identity.md, section "Passphrase".
 */
#include "identity.h"

#include "base/rng.h"
#include "base/secret.h"

#include <sodium.h>
#include <string.h>

enum { PASSES_MAX = 16, MEMORY_MIN_KIB = 8, MEMORY_MAX_KIB = 1 << 20, KIB = 1024 };

_Static_assert(MV_LOCK_SALT_LEN == crypto_pwhash_SALTBYTES, "Argon2id's salt");
_Static_assert(MV_LOCK_BOX_LEN == MV_SEED_LEN + crypto_aead_chacha20poly1305_ietf_ABYTES, "tag");

/* The salt is fresh for every lock, so the key is used once and the nonce may be constant. */
static const uint8_t nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES] = {0};

bool mv_lock_cost_valid(const mv_lock_cost *cost)
{
    return cost->passes >= 1 && cost->passes <= PASSES_MAX && cost->memory_kib >= MEMORY_MIN_KIB &&
           cost->memory_kib <= MEMORY_MAX_KIB;
}

/* A key in fresh secret memory. */
static mv_status stretch(void **key, const mv_lock *lock, const char *passphrase, size_t len)
{
    mv_status st = MV_OK;
    MV_TRY(mv_secret_new(key, MV_KEY_LEN));
    MV_ENSURE(crypto_pwhash(*key, MV_KEY_LEN, passphrase, len, lock->salt, lock->cost.passes,
                            (size_t)lock->cost.memory_kib * KIB, crypto_pwhash_ALG_ARGON2ID13) == 0,
              MV_E_MEMORY);
done:
    return st;
}

mv_status mv_lock_seal(mv_lock *out, const uint8_t seed[MV_SEED_LEN], const char *passphrase,
                       size_t len, mv_lock_cost cost)
{
    mv_status st = MV_OK;
    void *key = NULL;
    mv_lock lock = {cost, {0}, {0}};

    MV_TRY(mv_random_bytes(lock.salt, sizeof lock.salt));
    MV_TRY(stretch(&key, &lock, passphrase, len));
    (void)crypto_aead_chacha20poly1305_ietf_encrypt(lock.box, NULL, seed, MV_SEED_LEN, NULL, 0,
                                                    NULL, nonce, key);
    *out = lock;
done:
    mv_secret_free(&key);
    return st;
}

mv_status mv_lock_open(uint8_t seed[MV_SEED_LEN], const mv_lock *lock, const char *passphrase,
                       size_t len)
{
    mv_status st = MV_OK;
    void *key = NULL;

    memset(seed, 0, MV_SEED_LEN);
    MV_TRY(stretch(&key, lock, passphrase, len));
    MV_ENSURE(crypto_aead_chacha20poly1305_ietf_decrypt(seed, NULL, NULL, lock->box,
                                                        sizeof lock->box, NULL, 0, nonce, key) == 0,
              MV_E_WRONG_KEY);
done:
    mv_secret_free(&key);
    return st;
}
