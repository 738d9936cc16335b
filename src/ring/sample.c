/* SPDX-License-Identifier: Apache-2.0
 *
 * sample.c: the seeded key stream and the three samplers.
 *
 * The stream comes from libcrypto: 6.0 GB/s in 4 KiB pieces on a Sapphire Rapids core against 2.8
 * of libsodium 1.0.18, and the stream is the largest single cost of an encryption.
 */
#include "ring/sample.h"

#include "base/bytes.h"
#include "base/platform.h"
#include "base/secret.h"

#include <openssl/evp.h>
#include <stdbool.h>

enum { WORDS = 512 }; /* 4 KiB pieces: they stay in the first-level cache */

mv_status mv_stream_init(mv_stream *s, const uint8_t seed[MV_SEED_LEN])
{
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    s->cipher = cipher;
    if (cipher == NULL) {
        return MV_E_MEMORY;
    }
    if (EVP_EncryptInit_ex(cipher, EVP_chacha20(), NULL, seed, NULL) != 1) {
        return MV_E_INTERNAL;
    }
    return MV_OK;
}

void mv_stream_clear(mv_stream *s)
{
    EVP_CIPHER_CTX_free(s->cipher); /* wipes; NULL allowed */
    s->cipher = NULL;
}

mv_status mv_stream_seek(mv_stream *s, uint32_t domain, uint32_t poly, uint32_t limb)
{
    uint8_t iv[16]; /* libcrypto's form: block counter, then the nonce of RFC 8439 */
    mv_store_u32le(iv, 0);
    mv_store_u32le(iv + 4, domain);
    mv_store_u32le(iv + 8, poly);
    mv_store_u32le(iv + 12, limb);
    return EVP_EncryptInit_ex(s->cipher, NULL, NULL, NULL, iv) == 1 ? MV_OK : MV_E_INTERNAL;
}

static mv_status stream_piece(mv_stream *s, uint64_t *out, size_t count) /* count <= WORDS */
{
    static const uint8_t zero[WORDS * 8];
    int len = 0;
    if (EVP_EncryptUpdate(s->cipher, (uint8_t *)out, &len, zero, (int)(count * 8)) != 1 ||
        (size_t)len != count * 8) {
        return MV_E_INTERNAL;
    }
    if (MV_BIG_ENDIAN) {
        for (size_t i = 0; i < count; i++) {
            out[i] = mv_load_u64le((const uint8_t *)&out[i]);
        }
    }
    return MV_OK;
}

mv_status mv_stream_words(mv_stream *s, uint64_t *out, size_t count)
{
    mv_status st = MV_OK;
    while (count > 0 && st == MV_OK) {
        const size_t piece = count < WORDS ? count : WORDS;
        st = stream_piece(s, out, piece);
        out += piece;
        count -= piece;
    }
    return st;
}

/* Keep the candidates below q, in order; how many there are. Nearly always all of them. */
static size_t keep_below(uint64_t *word, size_t count, const mv_modulus *m)
{
    const uint64_t mask = ((uint64_t)1 << m->bits) - 1;
    uint64_t over = 0; /* top bit: some candidate is >= q */
    for (size_t i = 0; i < count; i++) {
        word[i] &= mask;
        over |= m->q - 1 - word[i];
    }
    if (over >> 63 == 0) {
        return count;
    }
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        word[kept] = word[i];
        kept += word[i] < m->q;
    }
    return kept;
}

mv_status mv_sample_uniform(uint64_t *out, size_t count, const mv_modulus *m, mv_stream *s)
{
    mv_status st = MV_OK;
    while (count > 0) {
        const size_t piece = count < WORDS ? count : WORDS;
        MV_TRY(stream_piece(s, out, piece));
        const size_t kept = keep_below(out, piece, m);
        out += kept;
        count -= kept;
    }
done:
    return st;
}

/* (ones among bits 0..20) - (ones among bits 21..41): both counted at once, one in each half of a
 * word, by adding neighbours. */
static int8_t binomial_from_word(uint64_t word)
{
    uint64_t x = (word & 0x1fffff) | (word >> 21 & 0x1fffff) << 32;
    x -= x >> 1 & UINT64_C(0x5555555555555555);
    x = (x & UINT64_C(0x3333333333333333)) + (x >> 2 & UINT64_C(0x3333333333333333));
    x = (x + (x >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    x *= 0x01010101; /* byte 3: sum of bytes 0..3; byte 7: sum of bytes 4..7 */
    return (int8_t)((int)(x >> 24 & 0xff) - (int)(x >> 56));
}

static int8_t ternary_from_word(uint64_t word)
{
    return (int8_t)((int)mv_mul_hi(word, 3) - 1);
}

static mv_status sample_small(int8_t *out, size_t count, mv_stream *s, bool binomial)
{
    mv_status st = MV_OK;
    uint64_t word[WORDS];
    while (count > 0) {
        const size_t piece = count < WORDS ? count : WORDS;
        MV_TRY(stream_piece(s, word, piece));
        for (size_t i = 0; i < piece; i++) {
            out[i] = binomial ? binomial_from_word(word[i]) : ternary_from_word(word[i]);
        }
        out += piece;
        count -= piece;
    }
done:
    mv_wipe(word, sizeof word);
    return st;
}

mv_status mv_sample_binomial(int8_t *out, size_t count, mv_stream *s)
{
    return sample_small(out, count, s, true);
}

mv_status mv_sample_ternary(int8_t *out, size_t count, mv_stream *s)
{
    return sample_small(out, count, s, false);
}
