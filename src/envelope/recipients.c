/* SPDX-License-Identifier: Apache-2.0
 *
 * recipients.c: one X-Wing encapsulation and one AEAD box per recipient.
 */
#include "recipients.h"

#include <sodium.h>
#include <string.h>

enum { WRAPPED_LEN = 2 * MV_KEY_LEN };

_Static_assert(offsetof(mv_envelope_keys, collection) == MV_KEY_LEN, "wrapped as one string");

/* The AEAD key is used once (the encapsulation is fresh), so the nonce may be constant. */
static const uint8_t nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES] = {0};

static void wrap_key(mv_envelope_keys *keys, const uint8_t *cipher, const uint8_t *seal_public)
{
    const mv_part part[2] = {{cipher, MV_XWING_CIPHER_LEN}, {seal_public, MV_XWING_PUBLIC_LEN}};
    mv_derive(keys->wrap, keys->shared, "medveil 1 wrap", part, 2);
}

mv_status mv_wrap_seal(uint8_t out[MV_WRAP_LEN], mv_envelope_keys *keys, const mv_card *recipient,
                       const uint8_t coins[MV_XWING_COINS_LEN])
{
    mv_status st = MV_OK;
    const uint8_t *both = (const uint8_t *)keys;

    memset(out, 0, MV_WRAP_LEN);
    MV_TRY(mv_xwing_encapsulate(out, keys->shared, recipient->seal_public, coins));
    wrap_key(keys, out, recipient->seal_public);
    (void)crypto_aead_chacha20poly1305_ietf_encrypt(out + MV_XWING_CIPHER_LEN, NULL, both,
                                                    WRAPPED_LEN, NULL, 0, NULL, nonce, keys->wrap);
done:
    return st;
}

bool mv_wrap_open(mv_envelope_keys *keys, const mv_identity *identity,
                  const uint8_t wrap[MV_WRAP_LEN])
{
    uint8_t *both = (uint8_t *)keys;

    mv_xwing_decapsulate(keys->shared, wrap, &identity->seal);
    wrap_key(keys, wrap, identity->card.seal_public);
    return crypto_aead_chacha20poly1305_ietf_decrypt(both, NULL, NULL, wrap + MV_XWING_CIPHER_LEN,
                                                     MV_WRAP_LEN - MV_XWING_CIPHER_LEN, NULL, 0,
                                                     nonce, keys->wrap) == 0;
}
