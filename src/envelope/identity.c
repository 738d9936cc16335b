/* SPDX-License-Identifier: Apache-2.0
 *
 * identity.c: the secret half: making it, and its file. docs/formats/identity.md.
 */
#include "identity.h"

#include "armour.h"
#include "base/cbor.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/rng.h"
#include "base/secret.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

enum { IDENTITY_VERSION = 1, BODY_MAX = MV_CARD_BYTES_MAX + 256 };
enum {
    KEY_VERSION = 1,
    KEY_CARD = 2,
    KEY_SEED = 3,
    KEY_PASSES = 4,
    KEY_MEMORY = 5,
    KEY_SALT = 6,
    KEY_BOX = 7
};
enum { ENTRIES_PLAIN = 3, ENTRIES_LOCKED = 6 };

/* About half a second on one core of a current processor. */
static const mv_lock_cost default_cost = {3, 192 * 1024};

/* Keys from the seed, into the identity and its card. */
static mv_status derive_keys(mv_identity *id)
{
    mv_status st = MV_OK;
    mv_derive(id->seal_seed, id->seed, "medveil 1 identity seal", NULL, 0);
    MV_TRY(mv_xwing_keypair(&id->seal, id->card.seal_public, id->seal_seed));
    mv_derive(id->sign_seed, id->seed, "medveil 1 identity sign", NULL, 0);
    (void)crypto_sign_seed_keypair(id->card.sign_public, id->sign_secret, id->sign_seed);
done:
    return st;
}

mv_status mv_identity_from_seed(mv_identity **out, const uint8_t seed[MV_SEED_LEN],
                                uint32_t created_day)
{
    mv_status st = MV_OK;
    void *memory = NULL;
    mv_identity *id = NULL;

    *out = NULL;
    MV_TRY(mv_secret_new(&memory, sizeof *id));
    id = memory;
    memcpy(id->seed, seed, sizeof id->seed);
    MV_TRY(derive_keys(id));
    id->card.created_day = created_day;
    MV_TRY(mv_card_make(&id->card, id->sign_secret));
    *out = id;
    id = NULL;
done:
    mv_identity_free(&id);
    return st;
}

mv_status mv_identity_generate(mv_identity **out)
{
    mv_status st = MV_OK;
    void *seed = NULL;

    *out = NULL;
    MV_TRY(mv_secret_new(&seed, MV_SEED_LEN));
    MV_TRY(mv_random_bytes(seed, MV_SEED_LEN));
    MV_TRY(mv_identity_from_seed(out, seed, mv_clock_day()));
done:
    mv_secret_free(&seed);
    return st;
}

void mv_identity_free(mv_identity **identity)
{
    if (identity != NULL) {
        void *memory = *identity;
        mv_secret_free(&memory);
        *identity = NULL;
    }
}

void mv_identity_card(mv_card *out, const mv_identity *identity)
{
    *out = identity->card;
}

mv_status mv_identity_renew(mv_identity *identity, const mv_card_terms *terms, mv_error *err)
{
    mv_status st = MV_OK;
    mv_card card = identity->card;
    char before[MV_DAY_TEXT_MAX], now[MV_DAY_TEXT_MAX];

    mv_day_text(before, card.created_day);
    mv_day_text(now, terms->created_day);
    if (terms->created_day < card.created_day) {
        mv_hint(err, "set this machine's clock");
    }
    MV_REQUIRE(terms->created_day >= card.created_day, err, MV_E_POLICY,
               "the present card is of %s, which is after %s", before, now);
    MV_REQUIRE(terms->expires_day == 0 || terms->expires_day >= terms->created_day, err,
               MV_E_ARGUMENT, "the card would expire before it is created on %s", now);
    card.created_day = terms->created_day;
    card.expires_day = terms->expires_day;
    card.has_he_public = terms->he_public_hash != NULL;
    memset(card.he_public_hash, 0, sizeof card.he_public_hash);
    if (card.has_he_public) {
        memcpy(card.he_public_hash, terms->he_public_hash, sizeof card.he_public_hash);
    }
    MV_TRY(mv_card_make(&card, identity->sign_secret));
    identity->card = card;
done:
    return st;
}

mv_status mv_identity_lock(mv_identity *identity, const char *passphrase, size_t len,
                           const mv_lock_cost *cost, mv_error *err)
{
    mv_status st = MV_OK;
    cost = cost == NULL ? &default_cost : cost;

    MV_REQUIRE(len != 0 && len <= MV_PASSPHRASE_MAX, err, MV_E_ARGUMENT,
               "a passphrase has 1 to %d bytes", MV_PASSPHRASE_MAX);
    MV_REQUIRE(mv_lock_cost_valid(cost), err, MV_E_ARGUMENT,
               "the cost of the lock is out of range");
    st = mv_lock_seal(&identity->lock, identity->seed, passphrase, len, *cost);
    if (st != MV_OK) {
        (void)mv_fail(err, st, "cannot lock the identity: %s", mv_status_sentence(st));
    }
done:
    return st;
}

/* ---- reading ---- */

/* What stands in the file. */
typedef struct contents {
    const uint8_t *card; /* borrowed */
    size_t card_len;
    uint8_t seed[MV_SEED_LEN]; /* zero when locked */
    mv_lock lock;
} contents;

static mv_status expect_key(mv_reader *r, uint64_t expected)
{
    uint64_t key = 0;
    const mv_status st = mv_cbor_get_uint(r, &key);
    return st != MV_OK ? st : key == expected ? MV_OK : MV_E_FORMAT;
}

static mv_status get_lock(mv_lock *lock, mv_reader *r)
{
    mv_status st = MV_OK;
    MV_TRY(expect_key(r, KEY_PASSES));
    MV_TRY(mv_cbor_get_u32(r, &lock->cost.passes));
    MV_TRY(expect_key(r, KEY_MEMORY));
    MV_TRY(mv_cbor_get_u32(r, &lock->cost.memory_kib));
    MV_ENSURE(mv_lock_cost_valid(&lock->cost), MV_E_LIMIT);
    MV_TRY(expect_key(r, KEY_SALT));
    MV_TRY(mv_cbor_get_exactly(r, lock->salt, sizeof lock->salt));
    MV_TRY(expect_key(r, KEY_BOX));
    MV_TRY(mv_cbor_get_exactly(r, lock->box, sizeof lock->box));
done:
    return st;
}

static mv_status get_contents(contents *out, mv_reader *r, const char *name, mv_error *err)
{
    mv_status st = MV_OK;
    uint64_t count = 0, version = 0;

    MV_TRY(mv_cbor_get_map(r, &count));
    MV_TRY(expect_key(r, KEY_VERSION));
    MV_TRY(mv_cbor_get_uint(r, &version));
    MV_REQUIRE(version == IDENTITY_VERSION, err, MV_E_FORMAT,
               "%s is an identity of version %llu; this program knows version %d", name,
               (unsigned long long)version, IDENTITY_VERSION);
    MV_ENSURE(count == ENTRIES_PLAIN || count == ENTRIES_LOCKED, MV_E_FORMAT);
    MV_TRY(expect_key(r, KEY_CARD));
    MV_TRY(mv_cbor_get_bytes(r, &out->card, &out->card_len));
    if (count == ENTRIES_PLAIN) {
        MV_TRY(expect_key(r, KEY_SEED));
        MV_TRY(mv_cbor_get_exactly(r, out->seed, sizeof out->seed));
    } else {
        MV_TRY(get_lock(&out->lock, r));
    }
    MV_ENSURE(mv_reader_left(r) == 0, MV_E_FORMAT);
done:
    return st;
}

/* Ask once; the answer is wiped. */
static mv_status unlock_seed(contents *c, const char *name, const mv_unlock *unlock, mv_error *err)
{
    mv_status st = MV_OK;
    void *passphrase = NULL;
    size_t len = 0;

    MV_REQUIRE(unlock != NULL, err, MV_E_WRONG_KEY, "%s is locked with a passphrase", name);
    MV_TRY(mv_secret_new(&passphrase, MV_PASSPHRASE_MAX));
    MV_TRY(unlock->ask(unlock->user, passphrase, &len, name, err));
    MV_ENSURE(len <= MV_PASSPHRASE_MAX, MV_E_ARGUMENT);
    st = mv_lock_open(c->seed, &c->lock, passphrase, len);
    MV_REQUIRE(st != MV_E_WRONG_KEY, err, st, "the passphrase does not open %s", name);
    MV_REQUIRE(st == MV_OK, err, st, "cannot unlock %s: %s", name, mv_status_sentence(st));
done:
    mv_secret_free(&passphrase);
    return st;
}

/* The card must be this seed's: that is the check of a seed that is not locked. */
static mv_status build(mv_identity **out, const contents *c, const mv_card *card, const char *name,
                       mv_error *err)
{
    mv_status st = MV_OK;
    mv_identity *id = NULL;

    MV_TRY(mv_identity_from_seed(&id, c->seed, card->created_day));
    MV_REQUIRE(mv_card_same_owner(&id->card, card) &&
                   memcmp(id->card.seal_public, card->seal_public, MV_CARD_SEAL_LEN) == 0,
               err, MV_E_FORMAT, "the identity in %s is damaged: key and card do not match", name);
    id->card = *card;
    id->lock = c->lock;
    *out = id;
    id = NULL;
done:
    mv_identity_free(&id);
    return st;
}

static mv_status read_body(mv_identity **out, const uint8_t *body, size_t len, contents *c,
                           const char *name, const mv_unlock *unlock, mv_error *err)
{
    mv_status st = MV_OK;
    mv_reader r = mv_reader_make(body, len);
    mv_card card;

    st = get_contents(c, &r, name, err);
    MV_REQUIRE(st != MV_E_LIMIT, err, st, "%s asks for more work than a passphrase may", name);
    MV_REQUIRE(st == MV_OK && mv_card_decode(&card, c->card, c->card_len, NULL) == MV_OK, err,
               MV_E_FORMAT, "the identity in %s is damaged", name);
    if (c->lock.cost.passes != 0) {
        MV_TRY(unlock_seed(c, name, unlock, err));
    }
    MV_TRY(build(out, c, &card, name, err));
done:
    return st;
}

/* What else a person may have given. */
static void hint_other_file(const char *text, size_t len, mv_error *err)
{
    if (mv_armour_is(MV_ARMOUR_CARD, text, len)) {
        mv_hint(err, "this is a card, which is public; give the identity it was made from");
    } else if (len != 0 && memmem(text, len, "MVID-SECRET-0-", 14) != NULL) {
        mv_hint(err, "it was made by a trial version; make a new one with medveil keygen");
    }
}

mv_status mv_identity_read(mv_identity **out, const char *text, size_t len, const char *name,
                           const mv_unlock *unlock, mv_error *err)
{
    mv_status st = MV_OK;
    mv_error inner = {0};
    void *memory = NULL;
    size_t body_len = 0;
    struct {
        contents c;
        uint8_t body[BODY_MAX];
    } *w = NULL;

    *out = NULL;
    MV_TRY(mv_secret_new(&memory, sizeof *w));
    w = memory;
    st = mv_armour_read(w->body, sizeof w->body, &body_len, MV_ARMOUR_IDENTITY, text, len, &inner);
    if (st != MV_OK) {
        hint_other_file(text, len, err);
    }
    MV_REQUIRE(st == MV_OK, err, st, "cannot use %s as an identity: %.300s", name, inner.text);
    MV_TRY(read_body(out, w->body, body_len, &w->c, name, unlock, err));
done:
    mv_secret_free(&memory);
    return st;
}

mv_status mv_identity_load(mv_identity **out, const char *path, const mv_unlock *unlock,
                           mv_error *err)
{
    mv_status st = MV_OK;
    void *text = NULL;
    size_t len = 0;

    *out = NULL;
    MV_TRY(mv_secret_new(&text, MV_IDENTITY_FILE_MAX));
    st = mv_private_read(text, MV_IDENTITY_FILE_MAX, &len, path, "identity", err);
    if (st == MV_E_NOT_FOUND) {
        mv_hint(err, "make an identity with medveil keygen -o FILE");
    }
    MV_TRY(st);
    MV_TRY(mv_identity_read(out, text, len, path, unlock, err));
done:
    mv_secret_free(&text);
    return st;
}

/* ---- writing ---- */

static mv_status put_lock(mv_buffer *b, const mv_lock *lock)
{
    mv_status st = MV_OK;
    MV_TRY(mv_cbor_put_uint(b, KEY_PASSES));
    MV_TRY(mv_cbor_put_uint(b, lock->cost.passes));
    MV_TRY(mv_cbor_put_uint(b, KEY_MEMORY));
    MV_TRY(mv_cbor_put_uint(b, lock->cost.memory_kib));
    MV_TRY(mv_cbor_put_uint(b, KEY_SALT));
    MV_TRY(mv_cbor_put_bytes(b, lock->salt, sizeof lock->salt));
    MV_TRY(mv_cbor_put_uint(b, KEY_BOX));
    MV_TRY(mv_cbor_put_bytes(b, lock->box, sizeof lock->box));
done:
    return st;
}

static mv_status put_body(mv_buffer *b, const mv_identity *id)
{
    mv_status st = MV_OK;
    const bool locked = id->lock.cost.passes != 0;

    MV_TRY(mv_cbor_put_map(b, locked ? ENTRIES_LOCKED : ENTRIES_PLAIN));
    MV_TRY(mv_cbor_put_uint(b, KEY_VERSION));
    MV_TRY(mv_cbor_put_uint(b, IDENTITY_VERSION));
    MV_TRY(mv_cbor_put_uint(b, KEY_CARD));
    MV_TRY(mv_cbor_put_bytes(b, id->card.bytes, id->card.bytes_len));
    if (locked) {
        MV_TRY(put_lock(b, &id->lock));
    } else {
        MV_TRY(mv_cbor_put_uint(b, KEY_SEED));
        MV_TRY(mv_cbor_put_bytes(b, id->seed, sizeof id->seed));
    }
done:
    return st;
}

static mv_status identity_text(mv_buffer *out, const mv_identity *identity)
{
    mv_status st = MV_OK;
    char name[MV_CARD_NAME_MAX], comment[MV_CARD_NAME_MAX + 64];
    mv_buffer body = mv_buffer_make(BODY_MAX);

    mv_card_name(name, identity->card.id);
    (void)snprintf(comment, sizeof comment, "# medveil identity: keep it secret; its card: %s",
                   name);
    MV_TRY(put_body(&body, identity));
    MV_TRY(mv_armour_write(out, MV_ARMOUR_IDENTITY, comment, body.bytes, body.len));
done:
    mv_buffer_clear(&body);
    return st;
}

mv_status mv_identity_save(const mv_identity *identity, const char *path, bool overwrite,
                           mv_error *err)
{
    mv_status st = MV_OK;
    mv_buffer text = mv_buffer_make(MV_IDENTITY_FILE_MAX);
    mv_output file = {0};

    st = identity_text(&text, identity);
    MV_REQUIRE(st == MV_OK, err, st, "cannot write %s: %s", path, mv_status_sentence(st));
    MV_TRY(
        mv_output_open(&file, path, MV_OUTPUT_PRIVATE | (overwrite ? MV_OUTPUT_FORCE : 0u), err));
    (void)setvbuf(file.stream, NULL, _IONBF, 0); /* no copy of the secret in a buffer */
    MV_REQUIRE(fwrite(text.bytes, 1, text.len, file.stream) == text.len, err, MV_E_IO,
               "cannot write %s: %s", path, strerror(errno));
    MV_TRY(mv_output_commit(&file, err));
done:
    mv_output_abort(&file);
    mv_buffer_clear(&text);
    return st;
}

mv_status mv_identity_sign(uint8_t sig[MV_SIGNATURE_LEN], const mv_identity *identity,
                           const uint8_t *msg, size_t len)
{
    return crypto_sign_detached(sig, NULL, msg, len, identity->sign_secret) == 0 ? MV_OK
                                                                                 : MV_E_INTERNAL;
}
