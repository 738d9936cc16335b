/* SPDX-License-Identifier: Apache-2.0
 *
 * envelope_signature.c: making and checking the seal.
 */
#include "envelope_signature.h"

#include "base/cbor.h"
#include "base/secret.h"

#include <sodium.h>
#include <string.h>

_Static_assert(MV_SEAL_LEN_MAX == MV_CARD_BYTES_MAX + 160, "the format states it");

enum { KEY_SIGNED = 1, KEY_BODY = 2, KEY_CARD = 3, KEY_SIGNATURE = 4 };
enum { ANONYMOUS = 0, SIGNED = 1 };
enum { ANONYMOUS_FIELDS = 2, SIGNED_FIELDS = 4 };

void mv_body_hash(uint8_t out[MV_HASH_LEN], const uint8_t *hashes, size_t count)
{
    const mv_part part = {hashes, count * MV_HASH_LEN};
    mv_derive(out, NULL, "medveil 1 body", &part, 1);
}

static void signed_message(uint8_t out[MV_HASH_LEN], const mv_transcript *t)
{
    const mv_part part[2] = {{t->head_hash, MV_HASH_LEN}, {t->body_hash, MV_HASH_LEN}};
    mv_derive(out, NULL, "medveil 1 sender", part, 2);
}

/* Heads of the byte strings: one byte up to 23, two up to 255, three above. */
static size_t string_len(size_t len)
{
    return len + (len < 24 ? 1u : len < 256 ? 2u : 3u);
}

size_t mv_seal_len(const mv_identity *sender)
{
    const size_t anonymous = 3 + 1 + string_len(MV_HASH_LEN);
    return sender == NULL ? anonymous
                          : anonymous + 1 + string_len(sender->card.bytes_len) + 1 +
                                string_len(MV_SIGNATURE_LEN);
}

mv_status mv_seal_write(mv_buffer *out, const mv_identity *sender, const mv_transcript *transcript)
{
    mv_status st = MV_OK;
    uint8_t message[MV_HASH_LEN], signature[MV_SIGNATURE_LEN];

    MV_TRY(mv_cbor_put_map(out, sender == NULL ? ANONYMOUS_FIELDS : SIGNED_FIELDS));
    MV_TRY(mv_cbor_put_uint(out, KEY_SIGNED));
    MV_TRY(mv_cbor_put_uint(out, sender == NULL ? ANONYMOUS : SIGNED));
    MV_TRY(mv_cbor_put_uint(out, KEY_BODY));
    MV_TRY(mv_cbor_put_bytes(out, transcript->body_hash, MV_HASH_LEN));
    if (sender != NULL) {
        signed_message(message, transcript);
        (void)crypto_sign_detached(signature, NULL, message, sizeof message, sender->sign_secret);
        MV_TRY(mv_cbor_put_uint(out, KEY_CARD));
        MV_TRY(mv_cbor_put_bytes(out, sender->card.bytes, sender->card.bytes_len));
        MV_TRY(mv_cbor_put_uint(out, KEY_SIGNATURE));
        MV_TRY(mv_cbor_put_bytes(out, signature, MV_SIGNATURE_LEN));
    }
done:
    return st;
}

static mv_status get_signed(mv_card *card, mv_reader *r, const mv_transcript *transcript)
{
    mv_status st = MV_OK;
    const uint8_t *bytes = NULL;
    size_t len = 0;
    uint64_t key = KEY_BODY;
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

mv_status mv_seal_read(mv_sender *out, const uint8_t *bytes, size_t len,
                       const mv_transcript *transcript)
{
    mv_status st = MV_OK;
    mv_reader r = mv_reader_make(bytes, len);
    uint64_t count = 0, key = 0, how = 0;
    uint8_t body_hash[MV_HASH_LEN];

    memset(out, 0, sizeof *out);
    MV_TRY(mv_cbor_get_map(&r, &count));
    MV_TRY(mv_cbor_get_key(&r, &key));
    MV_ENSURE(key == KEY_SIGNED, MV_E_FORMAT);
    MV_TRY(mv_cbor_get_uint(&r, &how));
    MV_ENSURE((how == ANONYMOUS && count == ANONYMOUS_FIELDS) ||
                  (how == SIGNED && count == SIGNED_FIELDS),
              MV_E_FORMAT);
    MV_TRY(mv_cbor_get_key(&r, &key));
    MV_ENSURE(key == KEY_BODY, MV_E_FORMAT);
    MV_TRY(mv_cbor_get_exactly(&r, body_hash, sizeof body_hash));
    MV_ENSURE(mv_equal_ct(body_hash, transcript->body_hash, sizeof body_hash), MV_E_AUTH);
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
