/* SPDX-License-Identifier: Apache-2.0
 *
 * msg_proof.c: that the sender of a request holds a mailbox's key. The signature covers the relay's
 * key, so that one relay cannot use it at another; the nonce, so that it works once; and method and
 * target, so that it allows this request only. The target of an upload holds the hash of the body.
 */
#include "base/secret.h"
#include "envelope/mailbox.h"
#include "wire/hex.h"
#include "wire/messages.h"

#include <sodium.h>
#include <string.h>

static const char scheme[] = "Medveil ";
static const char label[] = "medveil relay request 1";

#define METHOD_MAX  16
#define MESSAGE_MAX (sizeof label + MV_RELAY_KEY_LEN + MV_NONCE_LEN + METHOD_MAX + MV_TARGET_MAX)

/* The bytes that are signed; 0 when method or target are too long. */
static size_t message(uint8_t out[MESSAGE_MAX], const uint8_t nonce[MV_NONCE_LEN],
                      const mv_proof_subject *s)
{
    const size_t method_len = strlen(s->method), target_len = strlen(s->target);
    uint8_t *p = out;
    if (method_len >= METHOD_MAX || target_len >= MV_TARGET_MAX) {
        return 0;
    }
    memcpy(p, label, sizeof label - 1);
    p += sizeof label - 1;
    memcpy(p, s->relay_key, MV_RELAY_KEY_LEN);
    p += MV_RELAY_KEY_LEN;
    memcpy(p, nonce, MV_NONCE_LEN);
    p += MV_NONCE_LEN;
    memcpy(p, s->method, method_len);
    p += method_len;
    *p++ = ' ';
    memcpy(p, s->target, target_len);
    return (size_t)(p - out) + target_len;
}

mv_status mv_proof_make(mv_proof *out, const mv_identity *identity,
                        const uint8_t nonce[MV_NONCE_LEN], const mv_proof_subject *subject)
{
    mv_status st = MV_OK;
    uint8_t text[MESSAGE_MAX];
    mv_card card = {0};

    memset(out, 0, sizeof *out);
    const size_t len = message(text, nonce, subject);
    MV_ENSURE(len != 0, MV_E_LIMIT);
    MV_TRY(mv_mailbox_sign(out->signature, identity, subject->epoch, text, len));
    mv_identity_card(&card, identity);
    MV_TRY(mv_mailbox_tag(out->key, &card, subject->epoch));
    memcpy(out->nonce, nonce, MV_NONCE_LEN);
done:
    return st;
}

mv_status mv_proof_make_seed(mv_proof *out, const uint8_t seed[32],
                             const uint8_t nonce[MV_NONCE_LEN], const mv_proof_subject *subject)
{
    mv_status st = MV_OK;
    uint8_t text[MESSAGE_MAX], secret[crypto_sign_SECRETKEYBYTES] = {0};

    memset(out, 0, sizeof *out);
    const size_t len = message(text, nonce, subject);
    MV_ENSURE(len != 0, MV_E_LIMIT);
    MV_ENSURE(crypto_sign_seed_keypair(out->key, secret, seed) == 0 &&
                  crypto_sign_detached(out->signature, NULL, text, len, secret) == 0,
              MV_E_INTERNAL);
    memcpy(out->nonce, nonce, MV_NONCE_LEN);
done:
    mv_wipe(secret, sizeof secret);
    return st;
}

mv_status mv_proof_check(const mv_proof *proof, const mv_proof_subject *subject)
{
    uint8_t text[MESSAGE_MAX];
    const size_t len = message(text, proof->nonce, subject);
    if (len == 0) {
        return MV_E_LIMIT;
    }
    return crypto_sign_verify_detached(proof->signature, text, len, proof->key) == 0 ? MV_OK
                                                                                     : MV_E_AUTH;
}

void mv_proof_write(char out[MV_PROOF_TEXT_MAX], const mv_proof *proof)
{
    char *p = out;
    memcpy(p, scheme, sizeof scheme - 1);
    p += sizeof scheme - 1;
    mv_hex_write(p, proof->key, sizeof proof->key);
    p += 2 * sizeof proof->key;
    *p++ = '.';
    mv_hex_write(p, proof->nonce, sizeof proof->nonce);
    p += 2 * sizeof proof->nonce;
    *p++ = '.';
    mv_hex_write(p, proof->signature, sizeof proof->signature);
}

mv_status mv_proof_read(mv_proof *out, const char *text)
{
    enum {
        KEY = sizeof scheme - 1,
        NONCE = KEY + 65,
        SIGNATURE = NONCE + 65,
        END = SIGNATURE + 128
    };
    mv_proof p = {{0}, {0}, {0}};

    memset(out, 0, sizeof *out);
    if (strlen(text) != END || strncmp(text, scheme, KEY) != 0 ||
        !mv_hex_read(p.key, sizeof p.key, text + KEY) || text[NONCE - 1] != '.' ||
        !mv_hex_read(p.nonce, sizeof p.nonce, text + NONCE) || text[SIGNATURE - 1] != '.' ||
        !mv_hex_read(p.signature, sizeof p.signature, text + SIGNATURE)) {
        return MV_E_FORMAT;
    }
    *out = p;
    return MV_OK;
}
