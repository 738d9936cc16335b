/* SPDX-License-Identifier: Apache-2.0
 *
 * records.c: ChaCha20-Poly1305 over the records of a section, and the hash of its plaintext.
 */
#include "records.h"

#include "base/bytes.h"
#include "base/secret.h"

#include <sodium.h>
#include <string.h>

enum { NONCE_LEN = crypto_aead_chacha20poly1305_ietf_NPUBBYTES };

static uint64_t record_count(uint64_t plain_len)
{
    return plain_len == 0 ? 1 : (plain_len + MV_RECORD_LEN - 1) / MV_RECORD_LEN;
}

uint64_t mv_records_len(uint64_t plain_len)
{
    return plain_len + MV_TAG_LEN * record_count(plain_len);
}

static void record_nonce(uint8_t nonce[NONCE_LEN], uint64_t index, bool last)
{
    memset(nonce, 0, NONCE_LEN);
    mv_store_u64le(nonce, index);
    nonce[8] = last;
}

void mv_records_seal(uint8_t *out, uint8_t hash[MV_HASH_LEN], const uint8_t *plain, size_t len,
                     const uint8_t key[MV_KEY_LEN])
{
    crypto_generichash_state state;
    uint8_t nonce[NONCE_LEN];
    const uint64_t count = record_count(len);

    (void)crypto_generichash_init(&state, NULL, 0, MV_HASH_LEN);
    for (uint64_t i = 0; i < count; i++) {
        const size_t part = i + 1 < count ? MV_RECORD_LEN : len - (size_t)i * MV_RECORD_LEN;
        record_nonce(nonce, i, i + 1 == count);
        (void)crypto_generichash_update(&state, plain, part);
        (void)crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, plain, part, NULL, 0, NULL,
                                                        nonce, key);
        plain += part;
        out += part + MV_TAG_LEN;
    }
    (void)crypto_generichash_final(&state, hash, MV_HASH_LEN);
    mv_wipe(&state, sizeof state);
}

bool mv_records_open(uint8_t *plain, uint8_t hash[MV_HASH_LEN], size_t len, const uint8_t *in,
                     const uint8_t key[MV_KEY_LEN])
{
    crypto_generichash_state state;
    uint8_t nonce[NONCE_LEN];
    const uint64_t count = record_count(len);
    uint8_t *next = plain;
    bool authentic = true;

    (void)crypto_generichash_init(&state, NULL, 0, MV_HASH_LEN);
    for (uint64_t i = 0; i < count && authentic; i++) {
        const size_t part = i + 1 < count ? MV_RECORD_LEN : len - (size_t)i * MV_RECORD_LEN;
        record_nonce(nonce, i, i + 1 == count);
        authentic = crypto_aead_chacha20poly1305_ietf_decrypt(
                        next, NULL, NULL, in, part + MV_TAG_LEN, NULL, 0, nonce, key) == 0;
        (void)crypto_generichash_update(&state, next, part);
        next += part;
        in += part + MV_TAG_LEN;
    }
    (void)crypto_generichash_final(&state, hash, MV_HASH_LEN);
    mv_wipe(&state, sizeof state);
    if (!authentic) {
        mv_wipe(plain, len);
        memset(hash, 0, MV_HASH_LEN);
    }
    return authentic;
}
