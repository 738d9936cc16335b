/* SPDX-License-Identifier: Apache-2.0
 *
 * records.c: ChaCha20-Poly1305 over the records of a section, SHA-256 over what comes out. Both by
 * libcrypto, which is three to four times as fast here as libsodium.
 */
#include "records.h"

#include "base/bytes.h"
#include "base/secret.h"

#include <openssl/evp.h>
#include <string.h>

enum { NONCE_LEN = 12 };

uint64_t mv_records_count(uint64_t plain_len)
{
    return plain_len == 0 ? 1 : (plain_len + MV_RECORD_LEN - 1) / MV_RECORD_LEN;
}

uint64_t mv_records_len(uint64_t plain_len)
{
    return plain_len + MV_TAG_LEN * mv_records_count(plain_len);
}

mv_status mv_records_new(mv_records **out)
{
    mv_records *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return MV_E_MEMORY;
    }
    r->cipher = EVP_CIPHER_CTX_new();
    r->digest = EVP_MD_CTX_new();
    EVP_MAC *poly1305 = EVP_MAC_fetch(NULL, "POLY1305", NULL);
    r->watch = poly1305 == NULL ? NULL : EVP_MAC_CTX_new(poly1305);
    EVP_MAC_free(poly1305);
    if (r->cipher == NULL || r->digest == NULL || r->watch == NULL) {
        mv_records_free(&r);
        return MV_E_MEMORY;
    }
    *out = r;
    return MV_OK;
}

void mv_records_free(mv_records **records)
{
    mv_records *r = *records;
    if (r != NULL) {
        EVP_CIPHER_CTX_free(r->cipher); /* clears its key */
        EVP_MD_CTX_free(r->digest);
        EVP_MAC_CTX_free(r->watch);
        mv_wipe(r, sizeof *r);
        free(r);
        *records = NULL;
    }
}

mv_status mv_records_start(mv_records *r, const uint8_t *key, bool sealing)
{
    r->index = 0;
    r->hashing = true;
    r->watching = false;
    if (EVP_DigestInit_ex(r->digest, EVP_sha256(), NULL) != 1) {
        return MV_E_MEMORY;
    }
    if (key != NULL && EVP_CipherInit_ex(r->cipher, EVP_chacha20_poly1305(), NULL, key, NULL,
                                         sealing ? 1 : 0) != 1) {
        return MV_E_MEMORY;
    }
    return MV_OK;
}

mv_status mv_records_watch(mv_records *r, const uint8_t key[MV_KEY_LEN], bool alone)
{
    r->hashing = !alone;
    r->watching = true;
    return EVP_MAC_init(r->watch, key, MV_KEY_LEN, NULL) == 1 ? MV_OK : MV_E_MEMORY;
}

/* The sealed record of len bytes of plaintext goes into hash and tag. */
static bool absorb(mv_records *r, size_t len)
{
    return (!r->hashing || EVP_DigestUpdate(r->digest, r->sealed, len + MV_TAG_LEN) == 1) &&
           (!r->watching || EVP_MAC_update(r->watch, r->sealed, len + MV_TAG_LEN) == 1);
}

static bool start_record(mv_records *r, bool last)
{
    uint8_t nonce[NONCE_LEN] = {0};
    mv_store_u64le(nonce, r->index++);
    nonce[8] = last;
    return EVP_CipherInit_ex(r->cipher, NULL, NULL, NULL, nonce, -1) == 1;
}

mv_status mv_records_seal(mv_records *r, size_t len, bool last)
{
    int out = 0, rest = 0;
    const bool done =
        start_record(r, last) &&
        EVP_EncryptUpdate(r->cipher, r->sealed, &out, r->plain, (int)len) == 1 &&
        EVP_EncryptFinal_ex(r->cipher, r->sealed + len, &rest) == 1 &&
        EVP_CIPHER_CTX_ctrl(r->cipher, EVP_CTRL_AEAD_GET_TAG, MV_TAG_LEN, r->sealed + len) == 1 &&
        absorb(r, len);
    return done ? MV_OK : MV_E_INTERNAL;
}

mv_status mv_records_open(mv_records *r, size_t len, bool last)
{
    int out = 0, rest = 0;
    const bool ready =
        absorb(r, len) && start_record(r, last) &&
        EVP_CIPHER_CTX_ctrl(r->cipher, EVP_CTRL_AEAD_SET_TAG, MV_TAG_LEN, r->sealed + len) == 1 &&
        EVP_DecryptUpdate(r->cipher, r->plain, &out, r->sealed, (int)len) == 1;
    const bool authentic = ready && EVP_DecryptFinal_ex(r->cipher, r->plain + len, &rest) == 1;
    if (!authentic) {
        mv_wipe(r->plain, sizeof r->plain);
    }
    return authentic ? MV_OK : ready ? MV_E_AUTH : MV_E_INTERNAL;
}

mv_status mv_records_skip(mv_records *r, size_t len)
{
    return absorb(r, len) ? MV_OK : MV_E_INTERNAL;
}

mv_status mv_records_end(mv_records *r, uint8_t hash[MV_HASH_LEN])
{
    return EVP_DigestFinal_ex(r->digest, hash, NULL) == 1 ? MV_OK : MV_E_INTERNAL;
}

mv_status mv_records_tag(mv_records *r, uint8_t tag[MV_TAG_LEN])
{
    size_t len = 0;
    return EVP_MAC_final(r->watch, tag, &len, MV_TAG_LEN) == 1 ? MV_OK : MV_E_INTERNAL;
}
