/* SPDX-License-Identifier: Apache-2.0
 *
 * mailbox.c: key blinding on edwards25519, as onion services do it [TORV3], with our own labels.
 * With the owner's secret scalar a and public key A = a B, a tag is A' = h A, its secret a' = h a.
 */
#include "envelope/mailbox.h"

#include "base/bytes.h"
#include "base/secret.h"
#include "envelope/identity.h"

#include <sodium.h>
#include <string.h>

static const char secret_label[] = "medveil mailbox secret 1";
static const char epoch_label[] = "medveil mailbox epoch 1";
static const char sign_label[] = "medveil mailbox sign 1";

enum { POINT = 32, SCALAR = 32 };

/* What a sender knows of the recipient and a relay does not; relays see no part of a card. */
static void mailbox_secret(uint8_t out[32], const mv_card *card)
{
    crypto_generichash_state h;
    (void)crypto_generichash_init(&h, NULL, 0, 32);
    (void)crypto_generichash_update(&h, (const uint8_t *)secret_label, sizeof secret_label - 1);
    (void)crypto_generichash_update(&h, card->sign_public, MV_CARD_SIGN_LEN);
    (void)crypto_generichash_update(&h, card->seal_public, MV_CARD_SEAL_LEN);
    (void)crypto_generichash_final(&h, out, 32);
}

/* h in [0, L), zero with probability 2^-252 (libsodium then refuses the product) */
static void blinding_factor(uint8_t h[SCALAR], const mv_card *card, uint32_t epoch)
{
    crypto_auth_hmacsha512_state mac;
    uint8_t secret[32], wide[64], number[4];

    mailbox_secret(secret, card);
    mv_store_u32le(number, epoch);
    (void)crypto_auth_hmacsha512_init(&mac, secret, sizeof secret);
    (void)crypto_auth_hmacsha512_update(&mac, (const uint8_t *)epoch_label, sizeof epoch_label - 1);
    (void)crypto_auth_hmacsha512_update(&mac, number, sizeof number);
    (void)crypto_auth_hmacsha512_final(&mac, wide);
    crypto_core_ed25519_scalar_reduce(h, wide);
    mv_wipe(secret, sizeof secret);
    mv_wipe(wide, sizeof wide);
}

mv_status mv_mailbox_tag(uint8_t tag[MV_MAILBOX_TAG_LEN], const mv_card *card, uint32_t epoch)
{
    uint8_t h[SCALAR];
    blinding_factor(h, card, epoch);
    const int rc = crypto_scalarmult_ed25519_noclamp(tag, h, card->sign_public);
    mv_wipe(h, sizeof h);
    if (rc != 0) {
        memset(tag, 0, MV_MAILBOX_TAG_LEN);
        return MV_E_AUTH;
    }
    return MV_OK;
}

/* What signing needs; in locked memory. */
typedef struct signer {
    uint8_t expanded[64]; /* SHA-512 of the seed: clamped a (first half), nonce prefix */
    uint8_t wide[64];     /* a 64-byte number before its reduction */
    uint8_t scalar[SCALAR], h[SCALAR], r[SCALAR], product[SCALAR];
    uint8_t prefix[64]; /* of the nonces under this tag */
} signer;

/* a' = h a mod L, and a nonce prefix of this tag's own. */
static void blind(signer *s, const mv_identity *identity, const uint8_t tag[POINT], uint32_t epoch)
{
    crypto_auth_hmacsha512_state mac;

    (void)crypto_hash_sha512(s->expanded, identity->sign_secret, 32);
    s->expanded[0] &= 248;
    s->expanded[31] = (uint8_t)((s->expanded[31] & 127) | 64);
    memcpy(s->wide, s->expanded, SCALAR); /* the upper half is zero */
    crypto_core_ed25519_scalar_reduce(s->scalar, s->wide);
    blinding_factor(s->h, &identity->card, epoch);
    crypto_core_ed25519_scalar_mul(s->scalar, s->h, s->scalar);
    (void)crypto_auth_hmacsha512_init(&mac, s->expanded + 32, 32);
    (void)crypto_auth_hmacsha512_update(&mac, (const uint8_t *)sign_label, sizeof sign_label - 1);
    (void)crypto_auth_hmacsha512_update(&mac, tag, POINT);
    (void)crypto_auth_hmacsha512_final(&mac, s->prefix);
}

/* out = SHA-512(a | b | msg) mod L */
static void hash_scalar(uint8_t out[SCALAR], signer *s, const uint8_t *a, const uint8_t *b,
                        const uint8_t *msg, size_t len)
{
    crypto_hash_sha512_state h;
    (void)crypto_hash_sha512_init(&h);
    (void)crypto_hash_sha512_update(&h, a, 32);
    (void)crypto_hash_sha512_update(&h, b, 32);
    (void)crypto_hash_sha512_update(&h, msg, len);
    (void)crypto_hash_sha512_final(&h, s->wide);
    crypto_core_ed25519_scalar_reduce(out, s->wide);
}

mv_status mv_mailbox_sign(uint8_t signature[64], const mv_identity *identity, uint32_t epoch,
                          const uint8_t *msg, size_t len)
{
    mv_status st = MV_OK;
    uint8_t tag[POINT];
    void *memory = NULL;

    MV_TRY(mv_secret_new(&memory, sizeof(signer)));
    signer *s = memory;
    MV_TRY(mv_mailbox_tag(tag, &identity->card, epoch));
    blind(s, identity, tag, epoch);
    hash_scalar(s->r, s, s->prefix, s->prefix + 32, msg, len);
    MV_ENSURE(crypto_scalarmult_ed25519_base_noclamp(signature, s->r) == 0, MV_E_INTERNAL);
    hash_scalar(s->product, s, signature, tag, msg, len);
    crypto_core_ed25519_scalar_mul(s->product, s->product, s->scalar);
    crypto_core_ed25519_scalar_add(signature + POINT, s->r, s->product);
done:
    mv_secret_free(&memory);
    if (st != MV_OK) {
        memset(signature, 0, 64);
    }
    return st;
}
