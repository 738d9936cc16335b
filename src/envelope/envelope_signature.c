/* SPDX-License-Identifier: Apache-2.0
 *
 * envelope_signature.c: making and checking the sender's signature.
 */
#include "envelope_signature.h"

#include "base/cbor.h"

#include <sodium.h>
#include <string.h>

enum { KEY_SIGNED = 1, KEY_CARD = 2, KEY_SIGNATURE = 3 };
enum { ANONYMOUS = 0, SIGNED = 1 };

static void signed_message(uint8_t out[MV_HASH_LEN], const mv_transcript *t)
{
    const mv_part part[3] = {
        {t->head_hash, sizeof t->head_hash},
        {t->directory, sizeof t->directory},
        {t->section_hash[0], t->section_count * MV_HASH_LEN},
    };
    mv_derive(out, NULL, "medveil 0 sender", part, 3);
}

static mv_status put_signature(mv_buffer *out, const mv_identity *sender, const uint8_t *signature)
{
    mv_status st = MV_OK;

    MV_TRY(mv_cbor_put_map(out, sender == NULL ? 1 : 3));
    MV_TRY(mv_cbor_put_uint(out, KEY_SIGNED));
    MV_TRY(mv_cbor_put_uint(out, sender == NULL ? ANONYMOUS : SIGNED));
    if (sender != NULL) {
        MV_TRY(mv_cbor_put_uint(out, KEY_CARD));
        MV_TRY(mv_cbor_put_bytes(out, sender->card.bytes, sender->card.bytes_len));
        MV_TRY(mv_cbor_put_uint(out, KEY_SIGNATURE));
        MV_TRY(mv_cbor_put_bytes(out, signature, MV_SIGNATURE_LEN));
    }
done:
    return st;
}

/* Heads of the byte strings: one byte up to 23, two up to 255, three above. */
static size_t string_len(size_t len)
{
    return len + (len < 24 ? 1u : len < 256 ? 2u : 3u);
}

size_t mv_signature_len(const mv_identity *sender)
{
    return sender == NULL
               ? 3
               : 3 + 1 + string_len(sender->card.bytes_len) + 1 + string_len(MV_SIGNATURE_LEN);
}

mv_status mv_signature_write(mv_buffer *out, const mv_identity *sender,
                             const mv_transcript *transcript)
{
    uint8_t message[MV_HASH_LEN], signature[MV_SIGNATURE_LEN] = {0};

    if (sender != NULL) {
        signed_message(message, transcript);
        (void)crypto_sign_detached(signature, NULL, message, sizeof message, sender->sign_secret);
    }
    return put_signature(out, sender, signature);
}

static mv_status get_signed(mv_card *card, mv_reader *r, const mv_transcript *transcript)
{
    mv_status st = MV_OK;
    const uint8_t *bytes = NULL;
    size_t len = 0;
    uint64_t key = KEY_SIGNED;
    uint8_t message[MV_HASH_LEN], signature[MV_SIGNATURE_LEN];

    MV_TRY(mv_cbor_get_key(r, &key));
    MV_ENSURE(key == KEY_CARD, MV_E_FORMAT);
    MV_TRY(mv_cbor_get_bytes(r, &bytes, &len));
    MV_TRY(mv_card_decode(card, bytes, len, NULL));
    MV_TRY(mv_cbor_get_key(r, &key));
    MV_ENSURE(key == KEY_SIGNATURE, MV_E_FORMAT);
    MV_TRY(mv_cbor_get_exactly(r, signature, sizeof signature));
    signed_message(message, transcript);
    MV_ENSURE(crypto_sign_verify_detached(signature, message, sizeof message, card->sign_public) ==
                  0,
              MV_E_AUTH);
done:
    return st;
}

mv_status mv_signature_read(mv_sender *out, const uint8_t *bytes, size_t len,
                            const mv_transcript *transcript)
{
    mv_status st = MV_OK;
    mv_reader r = mv_reader_make(bytes, len);
    uint64_t count = 0, key = 0, how = 0;

    memset(out, 0, sizeof *out);
    MV_TRY(mv_cbor_get_map(&r, &count));
    MV_TRY(mv_cbor_get_key(&r, &key));
    MV_ENSURE(key == KEY_SIGNED, MV_E_FORMAT);
    MV_TRY(mv_cbor_get_uint(&r, &how));
    MV_ENSURE((how == ANONYMOUS && count == 1) || (how == SIGNED && count == 3), MV_E_FORMAT);
    if (how == SIGNED) {
        MV_TRY(get_signed(&out->card, &r, transcript));
    }
    MV_ENSURE(mv_reader_left(&r) == 0, MV_E_FORMAT);
    out->anonymous = how == ANONYMOUS;
done:
    if (st != MV_OK) {
        memset(out, 0, sizeof *out);
    }
    return st;
}
