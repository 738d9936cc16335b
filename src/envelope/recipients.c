/* SPDX-License-Identifier: Apache-2.0
 *
 * recipients.c: X25519 and one AEAD box per recipient.
 */
#include "recipients.h"

#include <sodium.h>
#include <string.h>

enum { PUBLIC_LEN = 32, WRAPPED_LEN = 2 * MV_KEY_LEN };

_Static_assert(offsetof(mv_envelope_keys, collection) == MV_KEY_LEN, "wrapped as one string");

/* The AEAD key is used once (the ephemeral key is fresh), so the nonce may be constant. */
static const uint8_t nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES] = {0};

static void wrap_key(mv_envelope_keys *keys, const uint8_t *ephemeral_public,
                     const uint8_t *seal_public)
{
    const mv_part part[2] = {{ephemeral_public, PUBLIC_LEN}, {seal_public, PUBLIC_LEN}};
    mv_derive(keys->wrap, keys->shared, "medveil 0 wrap", part, 2);
}

mv_status mv_wrap_seal(uint8_t out[MV_WRAP_LEN], mv_envelope_keys *keys, const mv_card *recipient,
                       const uint8_t ephemeral_secret[MV_KEY_LEN])
{
    const uint8_t *both = (const uint8_t *)keys;

    memset(out, 0, MV_WRAP_LEN);
    if (crypto_scalarmult(keys->shared, ephemeral_secret, recipient->seal_public) != 0) {
        return MV_E_RANGE;
    }
    (void)crypto_scalarmult_base(out, ephemeral_secret);
    wrap_key(keys, out, recipient->seal_public);
    (void)crypto_aead_chacha20poly1305_ietf_encrypt(out + PUBLIC_LEN, NULL, both, WRAPPED_LEN, NULL,
                                                    0, NULL, nonce, keys->wrap);
    return MV_OK;
}

bool mv_wrap_open(mv_envelope_keys *keys, const mv_identity *identity,
                  const uint8_t wrap[MV_WRAP_LEN])
{
    uint8_t *both = (uint8_t *)keys;

    if (crypto_scalarmult(keys->shared, identity->seal_secret, wrap) != 0) {
        return false;
    }
    wrap_key(keys, wrap, identity->card.seal_public);
    return crypto_aead_chacha20poly1305_ietf_decrypt(both, NULL, NULL, wrap + PUBLIC_LEN,
                                                     MV_WRAP_LEN - PUBLIC_LEN, NULL, 0, nonce,
                                                     keys->wrap) == 0;
}
