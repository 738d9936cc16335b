/* SPDX-License-Identifier: Apache-2.0
 *
 * msg_receipt.c: that a sealed file has arrived, signed by its recipient and sealed to its sender.
 *
 *     receipt = file 32 | len u64 | members u32 | identical u32 | time u64 | sender 32 |
 *               Ed25519 signature 64 of "medveil receipt 1" | 0x00 | the 88 bytes before it
 *     sealed  = X-Wing ciphertext 1120 | ChaCha20-Poly1305(receipt) 168
 */
#include "base/bytes.h"
#include "base/rng.h"
#include "base/secret.h"
#include "envelope/identity.h"
#include "medveil/receipt.h"

#include <sodium.h>
#include <string.h>

enum { BODY_LEN = 88, BOX_LEN = MV_RECEIPT_LEN + 16 };

static const char label[] = "medveil receipt 1"; /* its final zero is signed too */
static const char seal_label[] = "medveil receipt 1 seal";

/* The AEAD key is used once (the encapsulation is fresh), so the nonce may be constant. */
static const uint8_t nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES] = {0};

_Static_assert(MV_RECEIPT_LEN == BODY_LEN + MV_SIGNATURE_LEN, "body and signature");
_Static_assert(MV_RECEIPT_SEALED_LEN == MV_XWING_CIPHER_LEN + BOX_LEN, "one length for all");

static void signed_text(uint8_t out[sizeof label + BODY_LEN], const uint8_t *body)
{
    memcpy(out, label, sizeof label);
    memcpy(out + sizeof label, body, BODY_LEN);
}

mv_status mv_receipt_make(uint8_t out[MV_RECEIPT_LEN], const mv_receipt *r,
                          const mv_identity *recipient)
{
    uint8_t text[sizeof label + BODY_LEN];

    memcpy(out, r->file, 32);
    mv_store_u64le(out + 32, r->len);
    mv_store_u32le(out + 40, r->members);
    mv_store_u32le(out + 44, r->identical);
    mv_store_u64le(out + 48, r->time_s);
    memcpy(out + 56, r->sender, MV_CARD_SIGN_LEN);
    signed_text(text, out);
    return mv_identity_sign(out + BODY_LEN, recipient, text, sizeof text);
}

mv_status mv_receipt_check(mv_receipt *out, const uint8_t bytes[MV_RECEIPT_LEN],
                           const mv_card *recipient)
{
    uint8_t text[sizeof label + BODY_LEN];

    memset(out, 0, sizeof *out);
    signed_text(text, bytes);
    if (crypto_sign_verify_detached(bytes + BODY_LEN, text, sizeof text, recipient->sign_public) !=
        0) {
        return MV_E_AUTH;
    }
    if (mv_load_u32le(bytes + 44) > mv_load_u32le(bytes + 40)) {
        return MV_E_FORMAT; /* more are identical than there are */
    }
    memcpy(out->file, bytes, 32);
    out->len = mv_load_u64le(bytes + 32);
    out->members = mv_load_u32le(bytes + 40);
    out->identical = mv_load_u32le(bytes + 44);
    out->time_s = mv_load_u64le(bytes + 48);
    memcpy(out->sender, bytes + 56, MV_CARD_SIGN_LEN);
    return MV_OK;
}

static void seal_key(uint8_t key[MV_KEY_LEN], const uint8_t shared[MV_XWING_SHARED_LEN],
                     const uint8_t *cipher, const uint8_t *seal_public)
{
    const mv_part part[2] = {{cipher, MV_XWING_CIPHER_LEN}, {seal_public, MV_XWING_PUBLIC_LEN}};
    mv_derive(key, shared, seal_label, part, 2);
}

mv_status mv_receipt_seal(uint8_t out[MV_RECEIPT_SEALED_LEN], const uint8_t bytes[MV_RECEIPT_LEN],
                          const mv_card *sender)
{
    mv_status st = MV_OK;
    uint8_t coins[MV_XWING_COINS_LEN], shared[MV_XWING_SHARED_LEN], key[MV_KEY_LEN];

    memset(out, 0, MV_RECEIPT_SEALED_LEN);
    MV_TRY(mv_random_bytes(coins, sizeof coins));
    MV_TRY(mv_xwing_encapsulate(out, shared, sender->seal_public, coins));
    seal_key(key, shared, out, sender->seal_public);
    (void)crypto_aead_chacha20poly1305_ietf_encrypt(out + MV_XWING_CIPHER_LEN, NULL, bytes,
                                                    MV_RECEIPT_LEN, NULL, 0, NULL, nonce, key);
done:
    mv_wipe(coins, sizeof coins);
    mv_wipe(shared, sizeof shared);
    mv_wipe(key, sizeof key);
    return st;
}

mv_status mv_receipt_open(uint8_t bytes[MV_RECEIPT_LEN],
                          const uint8_t sealed[MV_RECEIPT_SEALED_LEN], const mv_identity *sender)
{
    uint8_t shared[MV_XWING_SHARED_LEN], key[MV_KEY_LEN];

    mv_xwing_decapsulate(shared, sealed, &sender->seal);
    seal_key(key, shared, sealed, sender->card.seal_public);
    const int bad = crypto_aead_chacha20poly1305_ietf_decrypt(
        bytes, NULL, NULL, sealed + MV_XWING_CIPHER_LEN, BOX_LEN, NULL, 0, nonce, key);
    if (bad != 0) {
        memset(bytes, 0, MV_RECEIPT_LEN);
    }
    mv_wipe(shared, sizeof shared);
    mv_wipe(key, sizeof key);
    return bad == 0 ? MV_OK : MV_E_AUTH;
}
