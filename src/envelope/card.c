/* SPDX-License-Identifier: Apache-2.0
 *
 * card.c: the public half of an identity: its bytes, its signature, its names, its days and its
 * file. docs/formats/identity.md, section "Card".
 */
#include "identity.h"

#include "armour.h"
#include "base/cbor.h"
#include "base/clock.h"
#include "base/file.h"
#include "bech32.h"

#include <sodium.h>
#include <string.h>

enum { CARD_VERSION = 1, SOON_DAYS = 30, SPOKEN_GROUPS = 8 };
enum {
    KEY_VERSION = 1,
    KEY_CREATED = 2,
    KEY_EXPIRES = 3,
    KEY_SEAL = 4,
    KEY_SIGN = 5,
    KEY_HE = 6,
    KEY_SIGNATURE = 7
};
enum { ENTRIES_MIN = 5 }; /* expires and HE hash may be left out */

_Static_assert(MV_CARD_SEAL_LEN == MV_XWING_PUBLIC_LEN, "an X-Wing public key");

static const char name_prefix[] = "mv";

/* What the signature covers: every byte of the card before the signature's own 64. */
static void card_message(uint8_t out[MV_HASH_LEN], const uint8_t *bytes, size_t len)
{
    const mv_part part = {bytes, len - MV_SIGNATURE_LEN};
    mv_derive(out, NULL, "medveil 1 card", &part, 1);
}

static void card_id(mv_card *card)
{
    (void)crypto_generichash(card->id, sizeof card->id, card->bytes, card->bytes_len, NULL, 0);
}

static mv_status put_card(mv_buffer *b, const mv_card *card, const uint8_t *signature)
{
    mv_status st = MV_OK;
    const bool expires = card->expires_day != 0, he = card->has_he_public;

    MV_TRY(mv_cbor_put_map(b, ENTRIES_MIN + (expires ? 1u : 0u) + (he ? 1u : 0u)));
    MV_TRY(mv_cbor_put_uint(b, KEY_VERSION));
    MV_TRY(mv_cbor_put_uint(b, CARD_VERSION));
    MV_TRY(mv_cbor_put_uint(b, KEY_CREATED));
    MV_TRY(mv_cbor_put_uint(b, card->created_day));
    if (expires) {
        MV_TRY(mv_cbor_put_uint(b, KEY_EXPIRES));
        MV_TRY(mv_cbor_put_uint(b, card->expires_day));
    }
    MV_TRY(mv_cbor_put_uint(b, KEY_SEAL));
    MV_TRY(mv_cbor_put_bytes(b, card->seal_public, sizeof card->seal_public));
    MV_TRY(mv_cbor_put_uint(b, KEY_SIGN));
    MV_TRY(mv_cbor_put_bytes(b, card->sign_public, sizeof card->sign_public));
    if (he) {
        MV_TRY(mv_cbor_put_uint(b, KEY_HE));
        MV_TRY(mv_cbor_put_bytes(b, card->he_public_hash, sizeof card->he_public_hash));
    }
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

/* ---- reading ---- */

static mv_status expect_version(mv_reader *r, uint64_t *key, mv_error *err)
{
    mv_status st = MV_OK;
    uint64_t version = 0;

    MV_TRY(mv_cbor_get_key(r, key));
    MV_ENSURE(*key == KEY_VERSION, MV_E_FORMAT);
    MV_TRY(mv_cbor_get_uint(r, &version));
    MV_REQUIRE(version == CARD_VERSION, err, MV_E_FORMAT,
               "the card is of version %llu; this program knows version %d",
               (unsigned long long)version, CARD_VERSION);
done:
    return st;
}

static mv_status get_field(mv_card *card, uint8_t signature[MV_SIGNATURE_LEN], mv_reader *r,
                           uint64_t key)
{
    mv_status st = MV_OK;
    switch (key) {
    case KEY_CREATED:
        return mv_cbor_get_u32(r, &card->created_day);
    case KEY_EXPIRES:
        MV_TRY(mv_cbor_get_u32(r, &card->expires_day));
        MV_ENSURE(card->expires_day != 0 && card->expires_day >= card->created_day, MV_E_RANGE);
        break;
    case KEY_SEAL:
        return mv_cbor_get_exactly(r, card->seal_public, sizeof card->seal_public);
    case KEY_SIGN:
        return mv_cbor_get_exactly(r, card->sign_public, sizeof card->sign_public);
    case KEY_HE:
        card->has_he_public = true;
        return mv_cbor_get_exactly(r, card->he_public_hash, sizeof card->he_public_hash);
    case KEY_SIGNATURE:
        return mv_cbor_get_exactly(r, signature, MV_SIGNATURE_LEN);
    default:
        return MV_E_FORMAT;
    }
done:
    return st;
}

static mv_status get_card(mv_card *card, uint8_t signature[MV_SIGNATURE_LEN], mv_reader *r,
                          mv_error *err)
{
    mv_status st = MV_OK;
    const unsigned needed = 1u << KEY_VERSION | 1u << KEY_CREATED | 1u << KEY_SEAL |
                            1u << KEY_SIGN | 1u << KEY_SIGNATURE;
    unsigned seen = 1u << KEY_VERSION;
    uint64_t count = 0, key = 0;

    MV_TRY(mv_cbor_get_map(r, &count));
    MV_TRY(expect_version(r, &key, err));
    for (uint64_t i = 1; i < count; i++) {
        MV_TRY(mv_cbor_get_key(r, &key)); /* ascending, so each at most once */
        MV_TRY(get_field(card, signature, r, key));
        seen |= 1u << key;
    }
    MV_ENSURE((seen & needed) == needed && mv_reader_left(r) == 0, MV_E_FORMAT);
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
    MV_REQUIRE(mv_xwing_public_valid(out->seal_public), err, MV_E_FORMAT,
               "the card's key cannot be used: it is not a valid public key");
    memcpy(out->bytes, bytes, len);
    out->bytes_len = (uint32_t)len;
    card_id(out);
done:
    if (st != MV_OK) {
        memset(out, 0, sizeof *out);
    }
    return st;
}

/* ---- names ---- */

void mv_card_name(char out[MV_CARD_NAME_MAX], const uint8_t id[MV_CARD_ID_LEN])
{
    const mv_status st = mv_bech32m_encode(out, MV_CARD_NAME_MAX, name_prefix, id, MV_CARD_ID_LEN);
    MV_ASSERT(st == MV_OK); /* 61 characters */
    (void)st;
}

mv_status mv_card_name_parse(uint8_t id[MV_CARD_ID_LEN], const char *name)
{
    return mv_bech32m_decode(id, MV_CARD_ID_LEN, name_prefix, name, strlen(name));
}

void mv_card_spoken(char out[MV_CARD_SPOKEN_MAX], const mv_card *card)
{
    const mv_part part[2] = {{card->sign_public, sizeof card->sign_public},
                             {card->seal_public, sizeof card->seal_public}};
    uint8_t hash[MV_HASH_LEN];

    mv_derive(hash, NULL, "medveil 1 spoken", part, 2);
    for (size_t i = 0; i < SPOKEN_GROUPS;
         i++) { /* 2^32 is 42949 times 10^5: no digit is favoured */
        (void)snprintf(out + 6 * i, 7, "%05u%s", mv_load_u32le(hash + 4 * i) % 100000u,
                       i + 1 < SPOKEN_GROUPS ? " " : "");
    }
}

bool mv_card_same_owner(const mv_card *a, const mv_card *b)
{
    return memcmp(a->sign_public, b->sign_public, sizeof a->sign_public) == 0;
}

/* ---- days ---- */

uint32_t mv_today(void)
{
    return mv_clock_day();
}

mv_card_state mv_card_state_on(const mv_card *card, uint32_t day)
{
    if (card->created_day > (uint64_t)day + 1) {
        return MV_CARD_NOT_YET;
    }
    if (card->expires_day == 0 || card->expires_day > (uint64_t)day + SOON_DAYS) {
        return MV_CARD_VALID;
    }
    return card->expires_day < day ? MV_CARD_EXPIRED : MV_CARD_EXPIRES_SOON;
}

mv_status mv_card_check_revoked(const mv_card *card, mv_error *err)
{
    char name[MV_CARD_NAME_MAX], that[MV_DAY_TEXT_MAX];
    uint32_t revoked_day = 0;

    if (!mv_card_revoked(&revoked_day, card)) {
        return MV_OK;
    }
    mv_card_name(name, card->id);
    mv_day_text(that, revoked_day);
    mv_hint(err, "ask its owner for a card of a new identity");
    return mv_fail(err, MV_E_POLICY, "the owner of card %s revoked it%s%s", name,
                   revoked_day != 0 ? " on " : "", revoked_day != 0 ? that : "");
}

mv_status mv_card_check_days(const mv_card *card, uint32_t day, mv_error *err)
{
    char name[MV_CARD_NAME_MAX], now[MV_DAY_TEXT_MAX], that[MV_DAY_TEXT_MAX];
    const mv_card_state state = mv_card_state_on(card, day);

    mv_card_name(name, card->id);
    mv_day_text(now, day);
    if (state == MV_CARD_EXPIRED) {
        mv_day_text(that, card->expires_day);
        mv_hint(err,
                "ask its owner for a renewed card (medveil card renew); or set this machine's "
                "clock, if today is not %s",
                now);
        return mv_fail(err, MV_E_POLICY, "card %s expired on %s", name, that);
    }
    if (state == MV_CARD_NOT_YET) {
        mv_day_text(that, card->created_day);
        mv_hint(err, "set this machine's clock, if today is not %s; or the owner's was wrong", now);
        return mv_fail(err, MV_E_POLICY, "card %s is of %s, which is in the future", name, that);
    }
    return MV_OK;
}

mv_status mv_card_check(const mv_card *card, uint32_t day, mv_error *err)
{
    const mv_status st = mv_card_check_revoked(card, err);
    return st != MV_OK ? st : mv_card_check_days(card, day, err);
}

/* ---- the file ---- */

mv_status mv_card_save(const mv_card *card, const char *path, bool overwrite, mv_error *err)
{
    mv_status st = MV_OK;
    char name[MV_CARD_NAME_MAX], comment[MV_CARD_NAME_MAX + 32];
    mv_buffer b = mv_buffer_make(MV_CARD_FILE_MAX);

    MV_REQUIRE(card->bytes_len != 0 && card->bytes_len <= MV_CARD_BYTES_MAX, err, MV_E_ARGUMENT,
               "there is no card to save");
    mv_card_name(name, card->id);
    (void)snprintf(comment, sizeof comment, "# medveil card %s", name);
    st = mv_armour_write(&b, MV_ARMOUR_CARD, comment, card->bytes, card->bytes_len);
    MV_REQUIRE(st == MV_OK, err, st, "cannot write %s: %s", path, mv_status_sentence(st));
    MV_TRY(mv_file_write(path, b.bytes, b.len, overwrite ? MV_OUTPUT_FORCE : 0, err));
done:
    mv_buffer_clear(&b);
    return st;
}

mv_status mv_card_read(mv_card *out, const uint8_t *bytes, size_t len, mv_error *err)
{
    mv_status st = MV_OK;
    const char *text = (const char *)bytes;
    uint8_t card[MV_CARD_BYTES_MAX];
    size_t card_len = 0;

    memset(out, 0, sizeof *out);
    if (mv_armour_is(MV_ARMOUR_IDENTITY, text, len)) {
        mv_hint(err, "this is a secret identity: hand around the card beside it, FILE.card");
    } else if (mv_armour_is(MV_ARMOUR_REVOCATION, text, len)) {
        mv_hint(err, "this is a revocation: put it on the list with medveil card revoke FILE");
    }
    MV_TRY(mv_armour_read(card, sizeof card, &card_len, MV_ARMOUR_CARD, text, len, err));
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
