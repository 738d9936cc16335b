/* SPDX-License-Identifier: Apache-2.0
 *
 * revocation.c: the statement that a signing key is not to be trusted any more, and the list of
 * those this user knows. docs/formats/identity.md, section "Revocation".
 */
#include "identity.h"

#include "armour.h"
#include "base/cbor.h"
#include "base/file.h"
#include "base/home.h"

#include <sodium.h>
#include <string.h>
#include <unistd.h>

enum { REVOCATION_VERSION = 1, STATEMENT_MAX = 128, FILE_MAX = 4096, PATH_LEN = 4096 };
enum { KEY_VERSION = 1, KEY_DAY = 2, KEY_SIGN = 3, KEY_SIGNATURE = 4, ENTRIES = 4 };

static void message_of(uint8_t out[MV_HASH_LEN], const mv_revocation *r)
{
    uint8_t day[4];
    const mv_part part[2] = {{r->sign_public, sizeof r->sign_public}, {day, sizeof day}};
    mv_store_u32le(day, r->day);
    mv_derive(out, NULL, "medveil 1 revocation", part, 2);
}

mv_status mv_revocation_make(mv_revocation *out, const mv_identity *identity, uint32_t day)
{
    uint8_t message[MV_HASH_LEN];
    memcpy(out->sign_public, identity->card.sign_public, sizeof out->sign_public);
    out->day = day;
    message_of(message, out);
    return mv_identity_sign(out->signature, identity, message, sizeof message);
}

static mv_status put_statement(mv_buffer *b, const mv_revocation *r)
{
    mv_status st = MV_OK;
    MV_TRY(mv_cbor_put_map(b, ENTRIES));
    MV_TRY(mv_cbor_put_uint(b, KEY_VERSION));
    MV_TRY(mv_cbor_put_uint(b, REVOCATION_VERSION));
    MV_TRY(mv_cbor_put_uint(b, KEY_DAY));
    MV_TRY(mv_cbor_put_uint(b, r->day));
    MV_TRY(mv_cbor_put_uint(b, KEY_SIGN));
    MV_TRY(mv_cbor_put_bytes(b, r->sign_public, sizeof r->sign_public));
    MV_TRY(mv_cbor_put_uint(b, KEY_SIGNATURE));
    MV_TRY(mv_cbor_put_bytes(b, r->signature, sizeof r->signature));
done:
    return st;
}

static mv_status expect_key(mv_reader *r, uint64_t expected)
{
    uint64_t key = 0;
    const mv_status st = mv_cbor_get_uint(r, &key);
    return st != MV_OK ? st : key == expected ? MV_OK : MV_E_FORMAT;
}

static mv_status get_statement(mv_revocation *out, mv_reader *r)
{
    mv_status st = MV_OK;
    uint64_t count = 0, version = 0;

    MV_TRY(mv_cbor_get_map(r, &count));
    MV_TRY(expect_key(r, KEY_VERSION));
    MV_TRY(mv_cbor_get_uint(r, &version));
    MV_ENSURE(count == ENTRIES && version == REVOCATION_VERSION, MV_E_FORMAT);
    MV_TRY(expect_key(r, KEY_DAY));
    MV_TRY(mv_cbor_get_u32(r, &out->day));
    MV_TRY(expect_key(r, KEY_SIGN));
    MV_TRY(mv_cbor_get_exactly(r, out->sign_public, sizeof out->sign_public));
    MV_TRY(expect_key(r, KEY_SIGNATURE));
    MV_TRY(mv_cbor_get_exactly(r, out->signature, sizeof out->signature));
    MV_ENSURE(mv_reader_left(r) == 0, MV_E_FORMAT);
done:
    return st;
}

mv_status mv_revocation_read(mv_revocation *out, const uint8_t *bytes, size_t len, mv_error *err)
{
    mv_status st = MV_OK;
    uint8_t body[STATEMENT_MAX], message[MV_HASH_LEN];
    size_t body_len = 0;
    mv_reader r;

    memset(out, 0, sizeof *out);
    MV_TRY(mv_armour_read(body, sizeof body, &body_len, MV_ARMOUR_REVOCATION, (const char *)bytes,
                          len, err));
    r = mv_reader_make(body, body_len);
    MV_REQUIRE(get_statement(out, &r) == MV_OK, err, MV_E_FORMAT,
               "the revocation is damaged, or of a newer version");
    message_of(message, out);
    MV_REQUIRE(
        crypto_sign_verify_detached(out->signature, message, sizeof message, out->sign_public) == 0,
        err, MV_E_AUTH, "the revocation is not authentic: its signature is wrong");
done:
    if (st != MV_OK) {
        memset(out, 0, sizeof *out);
    }
    return st;
}

mv_status mv_revocation_load(mv_revocation *out, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    mv_buffer b = mv_buffer_make(FILE_MAX);

    memset(out, 0, sizeof *out);
    MV_TRY(mv_file_read(&b, path, err));
    MV_TRY(mv_revocation_read(out, b.bytes, b.len, err));
done:
    mv_buffer_clear(&b);
    return st;
}

mv_status mv_revocation_save(const mv_revocation *revocation, const char *path, bool overwrite,
                             mv_error *err)
{
    mv_status st = MV_OK;
    mv_buffer body = mv_buffer_make(STATEMENT_MAX), text = mv_buffer_make(FILE_MAX);

    st = put_statement(&body, revocation);
    if (st == MV_OK) {
        st = mv_armour_write(&text, MV_ARMOUR_REVOCATION,
                             "# medveil revocation: give it to everybody", body.bytes, body.len);
    }
    MV_REQUIRE(st == MV_OK, err, st, "cannot write %s: %s", path, mv_status_sentence(st));
    MV_TRY(mv_file_write(path, text.bytes, text.len, overwrite ? MV_OUTPUT_FORCE : 0, err));
done:
    mv_buffer_clear(&body);
    mv_buffer_clear(&text);
    return st;
}

/* ---- the list: one file per signing key, named by it ---- */

static mv_status entry_path(char out[PATH_LEN], const char *folder,
                            const uint8_t sign_public[MV_CARD_SIGN_LEN], mv_error *err)
{
    char hex[2 * MV_CARD_SIGN_LEN + 1];
    (void)sodium_bin2hex(hex, sizeof hex, sign_public, MV_CARD_SIGN_LEN);
    if (snprintf(out, PATH_LEN, "%s/%s.revoked", folder, hex) >= PATH_LEN) {
        return mv_fail(err, MV_E_LIMIT, "the path of the revocation list is too long");
    }
    return MV_OK;
}

mv_status mv_revocation_add(const mv_revocation *revocation, mv_error *err)
{
    mv_status st = MV_OK;
    char folder[PATH_LEN - 128], path[PATH_LEN];

    MV_TRY(mv_home_make(folder, sizeof folder, "revoked", err));
    MV_TRY(entry_path(path, folder, revocation->sign_public, err));
    MV_TRY(mv_revocation_save(revocation, path, true, err));
done:
    return st;
}

bool mv_card_revoked(uint32_t *day, const mv_card *card)
{
    char folder[PATH_LEN - 128], path[PATH_LEN];
    mv_revocation r;

    *day = 0;
    if (mv_home_path(folder, sizeof folder, "revoked", NULL) != MV_OK ||
        entry_path(path, folder, card->sign_public, NULL) != MV_OK || access(path, F_OK) != 0) {
        return false;
    }
    if (mv_revocation_load(&r, path, NULL) == MV_OK) {
        *day = r.day;
    }
    return true;
}
