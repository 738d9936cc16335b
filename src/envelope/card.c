/* SPDX-License-Identifier: Apache-2.0
 *
 * card.c: the public half of an identity: its bytes, its signature, its name and its file.
 * docs/formats/identity.md, section "Card".
 */
#include "identity.h"

#include "base/cbor.h"
#include "base/file.h"
#include "bech32.h"

#include <sodium.h>
#include <string.h>

enum { CARD_VERSION = 0 };
enum { KEY_VERSION = 1, KEY_CREATED = 2, KEY_SEAL = 3, KEY_SIGN = 4, KEY_SIGNATURE = 5 };

static const char name_prefix[] = "mv";
static const char armour_begin[] = "-----BEGIN MEDVEIL CARD-----";
static const char armour_end[] = "-----END MEDVEIL CARD-----";

/* What the signature covers: every byte of the card before the signature's own 64. */
static void card_message(uint8_t out[MV_HASH_LEN], const uint8_t *bytes, size_t len)
{
    const mv_part part = {bytes, len - MV_SIGNATURE_LEN};
    mv_derive(out, NULL, "medveil 0 card", &part, 1);
}

static void card_id(mv_card *card)
{
    (void)crypto_generichash(card->id, sizeof card->id, card->bytes, card->bytes_len, NULL, 0);
}

static mv_status put_card(mv_buffer *b, const mv_card *card, const uint8_t *signature)
{
    mv_status st = MV_OK;
    MV_TRY(mv_cbor_put_map(b, 5));
    MV_TRY(mv_cbor_put_uint(b, KEY_VERSION));
    MV_TRY(mv_cbor_put_uint(b, CARD_VERSION));
    MV_TRY(mv_cbor_put_uint(b, KEY_CREATED));
    MV_TRY(mv_cbor_put_uint(b, card->created_day));
    MV_TRY(mv_cbor_put_uint(b, KEY_SEAL));
    MV_TRY(mv_cbor_put_bytes(b, card->seal_public, sizeof card->seal_public));
    MV_TRY(mv_cbor_put_uint(b, KEY_SIGN));
    MV_TRY(mv_cbor_put_bytes(b, card->sign_public, sizeof card->sign_public));
    MV_TRY(mv_cbor_put_uint(b, KEY_SIGNATURE));
    MV_TRY(mv_cbor_put_bytes(b, signature, MV_SIGNATURE_LEN));
done:
    return st;
}

mv_status mv_card_make(mv_card *card, const uint8_t sign_secret[MV_SIGN_SECRET_LEN])
{
    mv_status st = MV_OK;
    mv_buffer b = mv_buffer_make(MV_CARD_BYTES_MAX);
    const uint8_t blank[MV_SIGNATURE_LEN] = {0};
    uint8_t message[MV_HASH_LEN];

    MV_TRY(put_card(&b, card, blank));
    card_message(message, b.bytes, b.len);
    (void)crypto_sign_detached(b.bytes + b.len - MV_SIGNATURE_LEN, NULL, message, sizeof message,
                               sign_secret);
    memset(card->bytes, 0, sizeof card->bytes);
    memcpy(card->bytes, b.bytes, b.len);
    card->bytes_len = (uint32_t)b.len;
    card_id(card);
done:
    mv_buffer_clear(&b);
    return st;
}

static mv_status expect_key(mv_reader *r, uint64_t expected)
{
    uint64_t key = 0;
    const mv_status st = mv_cbor_get_uint(r, &key);
    return st != MV_OK ? st : key == expected ? MV_OK : MV_E_FORMAT;
}

static mv_status get_card(mv_card *card, uint8_t signature[MV_SIGNATURE_LEN], mv_reader *r,
                          mv_error *err)
{
    mv_status st = MV_OK;
    uint64_t count = 0, version = 0;

    MV_TRY(mv_cbor_get_map(r, &count));
    MV_TRY(expect_key(r, KEY_VERSION));
    MV_TRY(mv_cbor_get_uint(r, &version));
    if (version != CARD_VERSION) {
        st = mv_fail(err, MV_E_FORMAT, "the card is of version %llu; this program knows version 0",
                     (unsigned long long)version);
        goto done;
    }
    MV_ENSURE(count == 5, MV_E_FORMAT);
    MV_TRY(expect_key(r, KEY_CREATED));
    MV_TRY(mv_cbor_get_u32(r, &card->created_day));
    MV_TRY(expect_key(r, KEY_SEAL));
    MV_TRY(mv_cbor_get_exactly(r, card->seal_public, sizeof card->seal_public));
    MV_TRY(expect_key(r, KEY_SIGN));
    MV_TRY(mv_cbor_get_exactly(r, card->sign_public, sizeof card->sign_public));
    MV_TRY(expect_key(r, KEY_SIGNATURE));
    MV_TRY(mv_cbor_get_exactly(r, signature, MV_SIGNATURE_LEN));
    MV_ENSURE(mv_reader_left(r) == 0, MV_E_FORMAT);
done:
    return st;
}

mv_status mv_card_decode(mv_card *out, const uint8_t *bytes, size_t len, mv_error *err)
{
    mv_status st = MV_OK;
    mv_reader r = mv_reader_make(bytes, len);
    uint8_t signature[MV_SIGNATURE_LEN] = {0};
    uint8_t message[MV_HASH_LEN];

    memset(out, 0, sizeof *out);
    MV_REQUIRE(len <= MV_CARD_BYTES_MAX && get_card(out, signature, &r, err) == MV_OK, err,
               MV_E_FORMAT, "this is not a card: its content is damaged");
    card_message(message, bytes, len);
    MV_REQUIRE(crypto_sign_verify_detached(signature, message, sizeof message, out->sign_public) ==
                   0,
               err, MV_E_AUTH, "the card is not authentic: its signature is wrong");
    memcpy(out->bytes, bytes, len);
    out->bytes_len = (uint32_t)len;
    card_id(out);
done:
    if (st != MV_OK) {
        memset(out, 0, sizeof *out);
    }
    return st;
}

void mv_card_name(char out[MV_CARD_NAME_MAX], const uint8_t id[MV_CARD_ID_LEN])
{
    const mv_status st = mv_bech32m_encode(out, MV_CARD_NAME_MAX, name_prefix, id, MV_CARD_ID_LEN);
    MV_ASSERT(st == MV_OK); /* 2 + 1 + 52 + 6 characters */
    (void)st;
}

mv_status mv_card_name_parse(uint8_t id[MV_CARD_ID_LEN], const char *name)
{
    return mv_bech32m_decode(id, MV_CARD_ID_LEN, name_prefix, name, strlen(name));
}

/* ---- the file ---- */

enum { LINE_LEN = 64 };

static mv_status put_line(mv_buffer *b, const char *text, size_t len)
{
    const mv_status st = mv_buffer_append(b, (const uint8_t *)text, len);
    return st == MV_OK ? mv_buffer_put_u8(b, '\n') : st;
}

static mv_status put_text(mv_buffer *b, const char *text)
{
    return put_line(b, text, strlen(text));
}

static mv_status armour(mv_buffer *b, const mv_card *card)
{
    mv_status st = MV_OK;
    char name[MV_CARD_NAME_MAX], comment[MV_CARD_NAME_MAX + 32];
    char base64[sodium_base64_ENCODED_LEN(MV_CARD_BYTES_MAX, sodium_base64_VARIANT_ORIGINAL)];

    mv_card_name(name, card->id);
    (void)snprintf(comment, sizeof comment, "# medveil card %s", name);
    (void)sodium_bin2base64(base64, sizeof base64, card->bytes, card->bytes_len,
                            sodium_base64_VARIANT_ORIGINAL);
    MV_TRY(put_text(b, comment));
    MV_TRY(put_text(b, armour_begin));
    for (size_t at = 0, len = strlen(base64); at < len; at += LINE_LEN) {
        MV_TRY(put_line(b, base64 + at, len - at < LINE_LEN ? len - at : LINE_LEN));
    }
    MV_TRY(put_text(b, armour_end));
done:
    return st;
}

mv_status mv_card_save(const mv_card *card, const char *path, bool overwrite, mv_error *err)
{
    mv_status st = MV_OK;
    mv_buffer b = mv_buffer_make(MV_CARD_FILE_MAX);

    MV_REQUIRE(card->bytes_len != 0 && card->bytes_len <= MV_CARD_BYTES_MAX, err, MV_E_ARGUMENT,
               "there is no card to save");
    st = armour(&b, card);
    MV_REQUIRE(st == MV_OK, err, st, "cannot write %s: %s", path, mv_status_sentence(st));
    MV_TRY(mv_file_write(path, b.bytes, b.len, overwrite ? MV_OUTPUT_FORCE : 0, err));
done:
    mv_buffer_clear(&b);
    return st;
}

/* Where needle starts in text, or NULL. */
static const char *find(const char *text, size_t len, const char *needle)
{
    return len == 0 ? NULL : memmem(text, len, needle, strlen(needle));
}

mv_status mv_card_read(mv_card *out, const uint8_t *bytes, size_t len, mv_error *err)
{
    mv_status st = MV_OK;
    const char *text = (const char *)bytes;
    const char *begin = find(text, len, armour_begin);
    const char *body = begin == NULL ? NULL : begin + strlen(armour_begin);
    const char *end = begin == NULL ? NULL : find(body, (size_t)(text + len - body), armour_end);
    uint8_t card[MV_CARD_BYTES_MAX];
    size_t card_len = 0;

    memset(out, 0, sizeof *out);
    if (begin == NULL && find(text, len, "MVID-SECRET-") != NULL) {
        mv_hint(err, "this is a secret identity: hand around the card beside it, FILE.card");
    }
    MV_REQUIRE(begin != NULL, err, MV_E_FORMAT, "this is not a card: it has no line \"%s\"",
               armour_begin);
    MV_REQUIRE(end != NULL, err, MV_E_TRUNCATED, "the card ends too early: no line \"%s\"",
               armour_end);
    MV_REQUIRE(find(end, (size_t)(text + len - end), armour_begin) == NULL, err, MV_E_FORMAT,
               "the file holds more than one card");
    MV_REQUIRE(sodium_base642bin(card, sizeof card, body, (size_t)(end - body), " \t\r\n",
                                 &card_len, NULL, sodium_base64_VARIANT_ORIGINAL) == 0,
               err, MV_E_FORMAT, "this is not a card: its lines are damaged");
    MV_TRY(mv_card_decode(out, card, card_len, err));
done:
    return st;
}

mv_status mv_card_load(mv_card *out, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    mv_buffer b = mv_buffer_make(MV_CARD_FILE_MAX);
    mv_error inner = {0};

    memset(out, 0, sizeof *out);
    MV_TRY(mv_file_read(&b, path, err));
    st = mv_card_read(out, b.bytes, b.len, &inner);
    if (st != MV_OK) {
        (void)mv_fail(err, st, "cannot use %s as a card: %.300s", path, inner.text);
        mv_hint(err, "%s", inner.hint);
    }
done:
    mv_buffer_clear(&b);
    return st;
}
