/* SPDX-License-Identifier: Apache-2.0
 *
 * collection_public.c: the public half of a collection, a signed file for outside senders.
 * docs/formats/mv.md, section "Public key of a collection".
 */
#include "armour.h"
#include "base/cbor.h"
#include "envelope_internal.h"
#include "identity.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { VERSION = 1, KEYS_MAX = 2, BYTES_MAX = 700000 };
enum {
    KEY_VERSION = 1,
    KEY_GENERATION = 2,
    KEY_ID = 3,
    KEY_HE = 4,
    KEY_HOLDERS = 5,
    KEY_SIGNER = 6, /* which holder, from 0 */
    KEY_SIGNATURE = 7,
    ENTRIES = 7
};

struct mv_collection_public {
    uint32_t generation, signer;
    uint8_t id[MV_COLLECTION_ID_LEN];
    mv_he_public *he[KEYS_MAX]; /* the first is the features' */
    size_t he_count;
    uint8_t he_hash[MV_HASH_LEN];
    mv_card *holder; /* holder_count of them */
    size_t holder_count;
    mv_buffer bytes; /* as signed */
};

void mv_collection_public_free(mv_collection_public **key)
{
    mv_collection_public *p = *key;
    if (p != NULL) {
        for (size_t i = 0; i < KEYS_MAX; i++) {
            mv_he_public_free(&p->he[i]);
        }
        free(p->holder);
        mv_buffer_clear(&p->bytes);
        free(p);
        *key = NULL;
    }
}

const mv_he_set *mv_collection_public_set(const mv_collection_public *key)
{
    return mv_he_public_set(key->he[0]);
}

const uint8_t *mv_collection_public_hash(const mv_collection_public *key)
{
    return key->he_hash;
}

const uint8_t *mv_collection_public_id(const mv_collection_public *key)
{
    return key->id;
}

uint32_t mv_collection_public_generation(const mv_collection_public *key)
{
    return key->generation;
}

const mv_card *mv_collection_public_signer(const mv_collection_public *key)
{
    return &key->holder[key->signer];
}

size_t mv_collection_public_holder_count(const mv_collection_public *key)
{
    return key->holder_count;
}

const mv_card *mv_collection_public_holder(const mv_collection_public *key, size_t i)
{
    return i < key->holder_count ? &key->holder[i] : NULL;
}

const mv_he_public *mv_collection_public_he(const mv_collection_public *key, const mv_he_set *set)
{
    for (size_t i = 0; i < key->he_count; i++) {
        if (mv_he_public_set(key->he[i]) == set) {
            return key->he[i];
        }
    }
    return NULL;
}

/* What the signature covers: every byte before its own 64. */
static void message_of(uint8_t out[MV_HASH_LEN], const uint8_t *bytes, size_t len)
{
    const mv_part part = {bytes, len - MV_SIGNATURE_LEN};
    mv_derive(out, NULL, "medveil 1 collection public", &part, 1);
}

/* ---- making ---- */

static mv_status public_new(mv_collection_public **out, size_t holder_count)
{
    mv_collection_public *p = calloc(1, sizeof *p);
    mv_card *holder = calloc(holder_count, sizeof *holder);
    if (p == NULL || holder == NULL) {
        free(p);
        free(holder);
        return MV_E_MEMORY;
    }
    p->holder = holder;
    p->bytes = mv_buffer_make(BYTES_MAX);
    *out = p;
    return MV_OK;
}

static mv_status add_key(mv_collection_public *p, const mv_he_set *set, const uint8_t *collection)
{
    mv_status st = MV_OK;
    mv_he_key *key = NULL;
    MV_TRY(mv_he_key_new(&key, set, collection));
    MV_TRY(mv_he_public_new(&p->he[p->he_count], key));
    p->he_count++;
done:
    mv_he_key_free(&key);
    return st;
}

static mv_status put_key(mv_buffer *b, const mv_he_public *key)
{
    mv_status st = MV_OK;
    size_t len = mv_he_public_size(mv_he_public_set(key));
    uint8_t *bytes = malloc(len);
    MV_ENSURE(bytes != NULL, MV_E_MEMORY);
    MV_TRY(mv_he_public_write(bytes, len, &len, key));
    MV_TRY(mv_cbor_put_bytes(b, bytes, len));
done:
    free(bytes);
    return st;
}

static mv_status put_all(mv_buffer *b, const mv_collection_public *p)
{
    mv_status st = MV_OK;
    const uint8_t blank[MV_SIGNATURE_LEN] = {0};
    MV_TRY(mv_cbor_put_map(b, ENTRIES));
    MV_TRY(mv_cbor_put_uint(b, KEY_VERSION));
    MV_TRY(mv_cbor_put_uint(b, VERSION));
    MV_TRY(mv_cbor_put_uint(b, KEY_GENERATION));
    MV_TRY(mv_cbor_put_uint(b, p->generation));
    MV_TRY(mv_cbor_put_uint(b, KEY_ID));
    MV_TRY(mv_cbor_put_bytes(b, p->id, sizeof p->id));
    MV_TRY(mv_cbor_put_uint(b, KEY_HE));
    MV_TRY(mv_cbor_put_array(b, p->he_count));
    for (size_t i = 0; i < p->he_count; i++) {
        MV_TRY(put_key(b, p->he[i]));
    }
    MV_TRY(mv_cbor_put_uint(b, KEY_HOLDERS));
    MV_TRY(mv_cbor_put_array(b, p->holder_count));
    for (size_t i = 0; i < p->holder_count; i++) {
        MV_TRY(mv_cbor_put_bytes(b, p->holder[i].bytes, p->holder[i].bytes_len));
    }
    MV_TRY(mv_cbor_put_uint(b, KEY_SIGNER));
    MV_TRY(mv_cbor_put_uint(b, p->signer));
    MV_TRY(mv_cbor_put_uint(b, KEY_SIGNATURE));
    MV_TRY(mv_cbor_put_bytes(b, blank, sizeof blank));
done:
    return st;
}

/* What card key 6 holds: of all HE public keys in order. */
static mv_status hash_keys(mv_collection_public *p)
{
    mv_status st = MV_OK;
    mv_buffer all = mv_buffer_make(BYTES_MAX);
    for (size_t i = 0; i < p->he_count; i++) {
        size_t len = mv_he_public_size(mv_he_public_set(p->he[i]));
        MV_TRY(mv_buffer_append_zeros(&all, len));
        MV_TRY(mv_he_public_write(all.bytes + all.len - len, len, &len, p->he[i]));
    }
    (void)crypto_generichash(p->he_hash, sizeof p->he_hash, all.bytes, all.len, NULL, 0);
done:
    mv_buffer_clear(&all);
    return st;
}

/* errors: MV_E_ARGUMENT (by is no holder) */
static mv_status fill(mv_collection_public *p, const mv_collection *c, const mv_he_set *set,
                      const mv_identity *by)
{
    mv_status st = MV_OK;
    const mv_he_set *embedding_set = mv_he_set_find("pack4096");
    p->generation = mv_collection_generation(c);
    mv_collection_id(p->id, mv_collection_key(c));
    for (size_t i = 0; i < mv_collection_holder_count(c); i++) {
        p->holder[p->holder_count++] = *mv_collection_holder(c, i);
    }
    while (p->signer < p->holder_count && !mv_card_same_owner(&p->holder[p->signer], &by->card)) {
        p->signer++;
    }
    MV_ENSURE(p->signer < p->holder_count, MV_E_ARGUMENT);
    MV_TRY(add_key(p, set, mv_collection_key(c)));
    if (set != embedding_set) {
        MV_TRY(add_key(p, embedding_set, mv_collection_key(c)));
    }
    MV_TRY(hash_keys(p));
done:
    return st;
}

mv_status mv_collection_publish(mv_collection_public **out, const mv_collection *collection,
                                const mv_he_set *set, const mv_identity *by, mv_error *err)
{
    mv_status st = MV_OK;
    mv_collection_public *p = NULL;
    uint8_t message[MV_HASH_LEN];

    *out = NULL;
    MV_TRY(public_new(&p, mv_collection_holder_count(collection)));
    st = fill(p, collection, set, by);
    MV_REQUIRE(st != MV_E_ARGUMENT, err, st, "only a holder can publish a collection's key");
    MV_TRY(st);
    MV_TRY(put_all(&p->bytes, p));
    message_of(message, p->bytes.bytes, p->bytes.len);
    MV_TRY(mv_identity_sign(p->bytes.bytes + p->bytes.len - MV_SIGNATURE_LEN, by, message,
                            sizeof message));
    *out = p;
    p = NULL;
done:
    mv_collection_public_free(&p);
    return st;
}

mv_status mv_collection_public_write(const mv_collection_public *key, const mv_sink *sink,
                                     mv_error *err)
{
    mv_status st = MV_OK;
    mv_buffer text = mv_buffer_make(MV_COLLECTION_PUBLIC_FILE_MAX);
    char comment[100];

    (void)snprintf(comment, sizeof comment, "# medveil collection public key, generation %u, %s",
                   (unsigned)key->generation, mv_he_set_name(mv_collection_public_set(key)));
    st = mv_armour_write(&text, MV_ARMOUR_PUBLIC, comment, key->bytes.bytes, key->bytes.len);
    MV_REQUIRE(st == MV_OK, err, st, "cannot write the public key: %s", mv_status_sentence(st));
    MV_TRY(sink->write(sink->user, text.bytes, text.len, err));
done:
    mv_buffer_clear(&text);
    return st;
}

/* ---- reading ---- */

static mv_status expect_key(mv_reader *r, uint64_t expected)
{
    uint64_t key = 0;
    const mv_status st = mv_cbor_get_uint(r, &key);
    return st != MV_OK ? st : key == expected ? MV_OK : MV_E_FORMAT;
}

static mv_status get_keys(mv_collection_public *p, mv_reader *r)
{
    mv_status st = MV_OK;
    uint64_t count = 0;
    const uint8_t *bytes = NULL;
    size_t len = 0;
    MV_TRY(expect_key(r, KEY_HE));
    MV_TRY(mv_cbor_get_array(r, &count));
    MV_ENSURE(count >= 1 && count <= KEYS_MAX, MV_E_FORMAT);
    for (uint64_t i = 0; i < count; i++) {
        MV_TRY(mv_cbor_get_bytes(r, &bytes, &len));
        MV_TRY(mv_he_public_read(&p->he[i], bytes, len));
        p->he_count++;
    }
    MV_ENSURE(count == 1 || mv_he_public_set(p->he[0]) != mv_he_public_set(p->he[1]), MV_E_FORMAT);
    MV_TRY(hash_keys(p));
done:
    return st;
}

static mv_status get_holders(mv_collection_public *p, mv_reader *r)
{
    mv_status st = MV_OK;
    uint64_t count = 0;
    const uint8_t *bytes = NULL;
    size_t len = 0;
    MV_TRY(expect_key(r, KEY_HOLDERS));
    MV_TRY(mv_cbor_get_array(r, &count));
    MV_ENSURE(count >= 1 && count <= MV_ENVELOPE_RECIPIENTS_MAX, MV_E_LIMIT);
    for (uint64_t i = 0; i < count; i++) {
        MV_TRY(mv_cbor_get_bytes(r, &bytes, &len));
        MV_TRY(mv_card_decode(&p->holder[p->holder_count], bytes, len, NULL));
        p->holder_count++;
    }
done:
    return st;
}

static mv_status get_all(mv_collection_public *p, mv_reader *r)
{
    mv_status st = MV_OK;
    uint64_t count = 0, version = 0;
    uint8_t signature[MV_SIGNATURE_LEN], message[MV_HASH_LEN];
    MV_TRY(mv_cbor_get_map(r, &count));
    MV_TRY(expect_key(r, KEY_VERSION));
    MV_TRY(mv_cbor_get_uint(r, &version));
    MV_ENSURE(count == ENTRIES && version == VERSION, MV_E_FORMAT);
    MV_TRY(expect_key(r, KEY_GENERATION));
    MV_TRY(mv_cbor_get_u32(r, &p->generation));
    MV_ENSURE(p->generation != 0, MV_E_RANGE);
    MV_TRY(expect_key(r, KEY_ID));
    MV_TRY(mv_cbor_get_exactly(r, p->id, sizeof p->id));
    MV_TRY(get_keys(p, r));
    MV_TRY(get_holders(p, r));
    MV_TRY(expect_key(r, KEY_SIGNER));
    MV_TRY(mv_cbor_get_u32(r, &p->signer));
    MV_ENSURE(p->signer < p->holder_count, MV_E_RANGE);
    MV_TRY(expect_key(r, KEY_SIGNATURE));
    MV_TRY(mv_cbor_get_exactly(r, signature, sizeof signature));
    MV_ENSURE(mv_reader_left(r) == 0, MV_E_FORMAT);
    message_of(message, p->bytes.bytes, p->bytes.len);
    MV_ENSURE(crypto_sign_verify_detached(signature, message, sizeof message,
                                          p->holder[p->signer].sign_public) == 0,
              MV_E_AUTH);
done:
    return st;
}

mv_status mv_collection_public_read(mv_collection_public **out, const uint8_t *text, size_t len,
                                    mv_error *err)
{
    mv_status st = MV_OK;
    mv_collection_public *p = NULL;

    *out = NULL;
    MV_TRY(public_new(&p, MV_ENVELOPE_RECIPIENTS_MAX));
    MV_TRY(mv_buffer_append_zeros(&p->bytes, BYTES_MAX));
    MV_TRY(mv_armour_read(p->bytes.bytes, p->bytes.len, &p->bytes.len, MV_ARMOUR_PUBLIC,
                          (const char *)text, len, err));
    mv_reader r = mv_reader_make(p->bytes.bytes, p->bytes.len);
    st = get_all(p, &r);
    MV_REQUIRE(st != MV_E_AUTH, err, st,
               "the public key is not authentic: no holder's signature is on it");
    MV_REQUIRE(st == MV_OK, err, st, "the public key of the collection is damaged: %s",
               mv_status_sentence(st));
    *out = p;
    p = NULL;
done:
    mv_collection_public_free(&p);
    return st;
}
