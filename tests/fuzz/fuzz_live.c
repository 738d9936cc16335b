/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_live.c: any bytes as a live stream. With a first byte of 0 the rest is the stream as it
 * comes over the line; else the rest is the contents of its records (u16 le: length in the low 15
 * bits, the highest one: the last record), sealed here with the right keys, so that what is behind
 * the authentication is reached too.
 */
#include "envelope/identity.h"
#include "envelope/live_record.h"
#include "envelope/recipients.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static mv_status look(void *user, const mv_live_info *info, const mv_live_frame *frame,
                      mv_error *err)
{
    uint64_t *frames = user;
    (void)err;
    const uint8_t *samples = frame->samples;
    const size_t len = mv_live_samples_len(&info->format);
    uint32_t sum = 0;
    for (size_t i = 0; i < len; i++) {
        sum += samples[i]; /* all of them are there */
    }
    if (frame->number != *frames || sum > 255 * len) {
        abort();
    }
    (*frames)++;
    return MV_OK;
}

/* The head of a stream for this identity, always the same. */
static void make_head(uint8_t *head, size_t len, mv_live_secret *secret, mv_live_chain *chain,
                      const mv_identity *identity)
{
    static const uint8_t coins[MV_XWING_COINS_LEN] = {1, 2, 3};
    memset(&secret->keys, 7, sizeof secret->keys);
    memcpy(head, MV_LIVE_MAGIC, MV_LIVE_MAGIC_LEN);
    mv_store_u16le(head + 8, MV_LIVE_VERSION);
    mv_store_u16le(head + 10, 1);
    if (mv_wrap_seal(head + MV_LIVE_HEADER_LEN, &secret->keys, &identity->card, coins) != MV_OK) {
        abort();
    }
    mv_commitment(head + len - MV_COMMITMENT_LEN, &secret->keys, head, len - MV_COMMITMENT_LEN);
    mv_live_begin(secret, chain, head, len);
}

static mv_status put_record(mv_buffer *out, const mv_live_secret *secret, uint64_t index,
                            const uint8_t *content, size_t len, bool last)
{
    mv_status st = MV_OK;
    uint8_t nonce[12];
    const size_t padded = (size_t)mv_padded_len(4 + len), at = out->len;
    MV_TRY(mv_buffer_put_u32le(out, (uint32_t)(padded + MV_LIVE_AEAD_LEN)));
    MV_TRY(mv_buffer_put_u32le(out, (uint32_t)len));
    MV_TRY(mv_buffer_append(out, content, len));
    MV_TRY(mv_buffer_append_zeros(out, padded - 4 - len + MV_LIVE_AEAD_LEN));
    mv_live_nonce(nonce, index, last);
    (void)crypto_aead_chacha20poly1305_ietf_encrypt(out->bytes + at + 4, NULL, out->bytes + at + 4,
                                                    padded, out->bytes + at, 4, NULL, nonce,
                                                    secret->record_key);
done:
    return st;
}

static mv_status seal(mv_buffer *out, const mv_identity *identity, const uint8_t *data, size_t size)
{
    mv_status st = MV_OK;
    mv_live_secret secret;
    mv_live_chain chain;
    uint8_t head[MV_LIVE_HEADER_LEN + MV_WRAP_LEN + MV_COMMITMENT_LEN];
    mv_reader in = mv_reader_make(data, size);
    uint64_t index = 0;

    make_head(head, sizeof head, &secret, &chain, identity);
    MV_TRY(mv_buffer_append(out, head, sizeof head));
    while (mv_reader_left(&in) >= 2) {
        uint16_t word = 0;
        const uint8_t *content = NULL;
        MV_TRY(mv_read_u16le(&in, &word));
        const size_t left = mv_reader_left(&in), len = word & 0x7fff;
        MV_TRY(mv_read_view(&in, &content, len < left ? len : left));
        MV_TRY(put_record(out, &secret, index++, content, len < left ? len : left, word >> 15));
    }
done:
    return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static mv_identity *identity; /* kept for the whole run */
    static const uint8_t seed[MV_SEED_LEN] = {2, 0x5e, 0xed};
    uint64_t frames = 0;
    const mv_live_watch watch = {look, &frames};
    mv_live_opener *opener = NULL;
    mv_buffer sealed = mv_buffer_make(1 << 24);

    if ((identity == NULL && mv_identity_from_seed(&identity, seed, 20000) != MV_OK) ||
        mv_live_opener_new(&opener, identity, &watch, NULL) != MV_OK) {
        abort();
    }
    if (size != 0 && data[0] != 0 && seal(&sealed, identity, data + 1, size - 1) != MV_OK) {
        abort();
    }
    const uint8_t *stream = sealed.len != 0 ? sealed.bytes : data + (size != 0);
    const size_t len = sealed.len != 0 ? sealed.len : size - (size != 0);
    const size_t half = len / 2;
    mv_status st = mv_live_opener_write(opener, stream, half, NULL);
    if (st == MV_OK) {
        st = mv_live_opener_write(opener, stream + half, len - half, NULL);
    }
    if (frames != mv_live_opener_info(opener)->frames ||
        (mv_live_opener_info(opener)->ended && !mv_live_opener_info(opener)->started)) {
        abort();
    }
    mv_live_opener_free(&opener);
    mv_buffer_clear(&sealed);
    return 0;
}
