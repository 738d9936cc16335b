/* SPDX-License-Identifier: Apache-2.0
 *
 * search_bytes.c: headers of search messages, and the ciphers in them.
 */
#include "analysis/search_internal.h"

#include "base/secret.h"
#include "he/he_bytes.h"
#include "he/params.h"

#include <sodium.h>
#include <string.h>

static const uint8_t magic[4] = {'M', 'V', 'S', 'R'};
enum { VERSION = 1 };

mv_status mv_search_owner_make(mv_search_owner *out, const uint8_t collection_key[32],
                               const uint8_t head_hash[MV_SEARCH_HASH_LEN])
{
    static const char label[] = "medveil search key v1";
    memcpy(out->head_hash, head_hash, MV_SEARCH_HASH_LEN);
    return crypto_generichash(out->key_id, MV_SEARCH_KEY_ID, (const uint8_t *)label, strlen(label),
                              collection_key, MV_COLLECTION_KEY_LEN) == 0
               ? MV_OK
               : MV_E_INTERNAL;
}

static mv_status derive(uint8_t seed[32], const char *label, const uint8_t collection_key[32],
                        const uint8_t head_hash[MV_SEARCH_HASH_LEN])
{
    crypto_generichash_state state;
    int failed = crypto_generichash_init(&state, collection_key, MV_COLLECTION_KEY_LEN, 32);
    failed |= crypto_generichash_update(&state, (const uint8_t *)label, strlen(label));
    failed |= crypto_generichash_update(&state, head_hash, MV_SEARCH_HASH_LEN);
    failed |= crypto_generichash_final(&state, seed, 32);
    mv_wipe(&state, sizeof state);
    return failed ? MV_E_INTERNAL : MV_OK;
}

mv_status mv_search_sender_seed(uint8_t seed[32], const uint8_t collection_key[32],
                                const uint8_t head_hash[MV_SEARCH_HASH_LEN])
{
    return derive(seed, "medveil gallery sender v1", collection_key, head_hash);
}

static mv_status public_of(uint8_t out[32], const uint8_t seed[32])
{
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
    const int failed = crypto_sign_seed_keypair(out, secret, seed);
    mv_wipe(secret, sizeof secret);
    return failed ? MV_E_INTERNAL : MV_OK;
}

mv_status mv_gallery_access_make(mv_gallery_access *out, const uint8_t collection_key[32],
                                 const uint8_t head_hash[MV_SEARCH_HASH_LEN])
{
    mv_status st = MV_OK;
    uint8_t sender[32] = {0};
    MV_ENSURE(out != NULL && collection_key != NULL && head_hash != NULL, MV_E_ARGUMENT);
    MV_TRY(mv_search_sender_seed(sender, collection_key, head_hash));
    MV_TRY(public_of(out->sender, sender));
    MV_TRY(derive(out->seed, "medveil gallery holder v1", collection_key, head_hash));
    MV_TRY(public_of(out->gallery, out->seed));
done:
    mv_wipe(sender, sizeof sender);
    if (st != MV_OK && out != NULL) {
        mv_wipe(out, sizeof *out);
    }
    return st;
}

void mv_search_header_write(uint8_t out[MV_SEARCH_HEADER_LEN], mv_search_kind kind,
                            const mv_search_owner *owner)
{
    memcpy(out, magic, sizeof magic);
    out[4] = VERSION;
    out[5] = (uint8_t)kind;
    out[6] = out[7] = 0;
    memcpy(out + 8, owner->key_id, MV_SEARCH_KEY_ID);
    memcpy(out + 24, owner->head_hash, MV_SEARCH_HASH_LEN);
}

mv_status mv_search_header_read(mv_reader *r, mv_search_kind kind, mv_search_owner *owner,
                                const mv_search_owner *want)
{
    mv_status st = MV_OK;
    const uint8_t *h = NULL;
    MV_TRY(mv_read_view(r, &h, MV_SEARCH_HEADER_LEN));
    MV_ENSURE(memcmp(h, magic, sizeof magic) == 0 && h[4] == VERSION && h[5] == kind, MV_E_FORMAT);
    MV_ENSURE(h[6] == 0 && h[7] == 0, MV_E_FORMAT);
    memcpy(owner->key_id, h + 8, MV_SEARCH_KEY_ID);
    memcpy(owner->head_hash, h + 24, MV_SEARCH_HASH_LEN);
    MV_ENSURE(want == NULL || memcmp(owner, want, sizeof *owner) == 0, MV_E_MISMATCH);
done:
    return st;
}

static size_t row_bytes(const mv_he_set *set, uint32_t limb, size_t count)
{
    return mv_row_size(count, set->mod[limb].bits);
}

size_t mv_search_cipher_len(const mv_he_set *set, bool seeded)
{
    enum { HEADER = 32, SEED = 32 }; /* docs/formats/he.md */
    size_t poly = 0;
    for (uint32_t i = 0; i < mv_he_data_limbs(set); i++) {
        poly += row_bytes(set, i, set->literal.degree);
    }
    return HEADER + (seeded ? SEED + poly : 2 * poly);
}

mv_status mv_search_cipher_read(mv_cipher *out, mv_reader *r)
{
    mv_status st = MV_OK;
    const mv_he_set *set = mv_cipher_set(out);
    const size_t len = mv_search_cipher_len(set, true);
    MV_ENSURE(mv_reader_left(r) >= len, MV_E_TRUNCATED);
    MV_ENSURE(mv_reader_left(r) == len, MV_E_FORMAT);
    MV_TRY(mv_cipher_read(out, r->next, len));
    MV_ENSURE(mv_cipher_polys(out) == 2, MV_E_FORMAT);
    MV_ENSURE(mv_cipher_level(out) == mv_he_set_level(set), MV_E_FORMAT);
done:
    return st;
}

mv_status mv_search_query_write(uint8_t *out, size_t cap, size_t size, mv_search_kind kind,
                                const mv_search_owner *owner, mv_he_work *work, mv_cipher *cipher,
                                const mv_he_key *key, const mv_plain *plain)
{
    mv_status st = MV_OK;
    size_t len = 0;
    MV_ENSURE(cap >= size, MV_E_SPACE);
    MV_TRY(mv_he_encrypt(work, cipher, key, plain));
    mv_search_header_write(out, kind, owner);
    MV_TRY(mv_cipher_write(out + MV_SEARCH_HEADER_LEN, size - MV_SEARCH_HEADER_LEN, &len, cipher));
    MV_ENSURE(len == size - MV_SEARCH_HEADER_LEN, MV_E_INTERNAL);
done:
    return st;
}

/* ---- Replies ---- */

mv_status mv_search_classes_read(mv_reader *r, uint32_t *classes, mv_search_kind kind,
                                 const mv_search_owner *owner)
{
    mv_status st = MV_OK;
    mv_search_owner from;
    MV_TRY(mv_search_header_read(r, kind, &from, owner));
    MV_TRY(mv_read_u32le(r, classes));
    MV_ENSURE(*classes >= 1 && *classes <= MV_CLASSIFY_CLASSES_MAX, MV_E_RANGE);
done:
    return st;
}

mv_status mv_search_reply_cell(mv_he_work *work, mv_cipher *scratch, mv_cipher *model, size_t *len)
{
    mv_status st = MV_OK;
    const size_t cap = mv_cipher_reply_size(mv_scan_set());
    uint8_t *bytes = malloc(cap);
    MV_ENSURE(bytes != NULL, MV_E_MEMORY);
    MV_TRY(mv_scan_model(work, scratch));
    MV_TRY(mv_cipher_reply(work, bytes, cap, len, scratch));
    MV_TRY(mv_cipher_read(model, bytes, *len));
done:
    free(bytes);
    return st;
}
