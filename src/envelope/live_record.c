/* SPDX-License-Identifier: Apache-2.0
 *
 * live_record.c: keys, chain and nonces of a live stream.
 */
#include "live_record.h"

#include <string.h>

void mv_live_begin(mv_live_secret *secret, mv_live_chain *chain, const uint8_t *head, size_t len)
{
    const mv_part part = {head, len};
    mv_derive(chain->transcript, NULL, "medveil 1 live head", &part, 1);
    const mv_part bound = {chain->transcript, MV_HASH_LEN};
    mv_derive(secret->record_key, secret->keys.envelope, "medveil 1 live", &bound, 1);
    chain->index = 0;
}

void mv_live_extend(mv_live_chain *chain, const uint8_t *content, size_t len)
{
    uint8_t number[8];
    const mv_part part[3] = {
        {number, sizeof number}, {chain->transcript, MV_HASH_LEN}, {content, len}};
    mv_store_u64le(number, chain->index++);
    mv_derive(chain->transcript, NULL, "medveil 1 live record", part, 3);
}

void mv_live_nonce(uint8_t out[12], uint64_t index, bool last)
{
    memset(out, 0, 12);
    mv_store_u64le(out, index);
    out[8] = last;
}

void mv_live_sign_message(uint8_t out[MV_LIVE_MESSAGE_LEN], const mv_live_chain *chain)
{
    static const char label[20] = "medveil live sender";
    memcpy(out, label, sizeof label); /* with its final zero */
    memcpy(out + sizeof label, chain->transcript, MV_HASH_LEN);
}

bool mv_live_format_valid(const mv_live_format *f)
{
    return f->width >= 1 && f->width <= MV_LIVE_SIDE_MAX && f->height >= 1 &&
           f->height <= MV_LIVE_SIDE_MAX && (f->channels == 1 || f->channels == 3) &&
           f->bits >= 2 && f->bits <= 16 &&
           (uint64_t)f->width * f->height * f->channels * (f->bits > 8 ? 2 : 1) <=
               MV_LIVE_FRAME_MAX;
}

size_t mv_live_samples_len(const mv_live_format *f)
{
    return mv_live_format_valid(f)
               ? (size_t)f->width * f->height * f->channels * (f->bits > 8 ? 2 : 1)
               : 0;
}

bool mv_live_is_stream(const uint8_t *bytes, size_t len)
{
    return len >= MV_LIVE_MAGIC_LEN && memcmp(bytes, MV_LIVE_MAGIC, MV_LIVE_MAGIC_LEN) == 0;
}
