/* SPDX-License-Identifier: Apache-2.0
 *
 * live_seal.c: frames into a live stream, one record each.
 */
#include "base/rng.h"
#include "base/secret.h"
#include "codec/jpegls.h"
#include "envelope_internal.h"
#include "live_record.h"
#include "recipients.h"

#include <sodium.h>
#include <string.h>
#include <time.h>

struct mv_live_sealer {
    mv_live_secret *secret;
    const mv_identity *sender;
    mv_live_format format;
    mv_sink sink;
    mv_live_chain chain;
    mv_he_key *he; /* of the embeddings; made with the first */
    uint64_t frames, time_us;
    bool spent;        /* ended, or an error: nothing follows */
    mv_buffer content; /* of the record in hand */
    mv_buffer record;
};

static mv_status check_opts(const mv_live_opts *opts, mv_error *err)
{
    mv_status st = MV_OK;
    MV_REQUIRE(opts->recipient_count >= 1 && opts->recipient_count <= MV_LIVE_RECIPIENTS_MAX, err,
               MV_E_ARGUMENT, "a live stream has 1 to %d recipients", MV_LIVE_RECIPIENTS_MAX);
    MV_REQUIRE(mv_live_format_valid(&opts->format), err, MV_E_LIMIT,
               "frames have sides of 1 to %u, 1 or 3 channels of 2 to 16 bits, and at most %u MiB",
               MV_LIVE_SIDE_MAX, MV_LIVE_FRAME_MAX >> 20);
    for (size_t i = 0; i < opts->recipient_count; i++) {
        MV_TRY(mv_card_check(&opts->recipient[i], mv_today(), err));
    }
done:
    return st;
}

/* ---- records ---- */

static mv_status put_signature(mv_live_sealer *s)
{
    uint8_t message[MV_LIVE_MESSAGE_LEN], signature[MV_SIGNATURE_LEN];
    mv_live_sign_message(message, &s->chain);
    const mv_status st = mv_identity_sign(signature, s->sender, message, sizeof message);
    return st == MV_OK ? mv_buffer_append(&s->record, signature, sizeof signature) : st;
}

/* The content in hand as the next record: signed, padded to its length class, sealed, given on. */
static mv_status put_record(mv_live_sealer *s, bool last, mv_error *err)
{
    mv_status st = MV_OK;
    const uint64_t index = s->chain.index;
    uint8_t nonce[12], *plain = NULL;
    unsigned long long len = 0;

    mv_live_extend(&s->chain, s->content.bytes, s->content.len);
    s->record.len = 0;
    MV_TRY(mv_buffer_append_zeros(&s->record, 4));
    MV_TRY(mv_buffer_put_u32le(&s->record, (uint32_t)s->content.len));
    MV_TRY(mv_buffer_append(&s->record, s->content.bytes, s->content.len));
    if (s->sender != NULL) {
        MV_TRY(put_signature(s));
    }
    const size_t used = s->record.len - 4, padded = (size_t)mv_padded_len(used);
    MV_TRY(mv_buffer_append_zeros(&s->record, padded - used + MV_LIVE_AEAD_LEN));
    plain = s->record.bytes + 4;
    mv_store_u32le(s->record.bytes, (uint32_t)(padded + MV_LIVE_AEAD_LEN));
    mv_live_nonce(nonce, index, last);
    (void)crypto_aead_chacha20poly1305_ietf_encrypt(plain, &len, plain, padded, s->record.bytes, 4,
                                                    NULL, nonce, s->secret->record_key);
    MV_TRY(s->sink.write(s->sink.user, s->record.bytes, s->record.len, err));
done:
    s->spent = s->spent || last || st != MV_OK;
    return st;
}

/* ---- the beginning ---- */

/* Fresh keys, wrapped to each recipient; the head as it goes out. */
static mv_status make_head(mv_live_sealer *s, uint8_t *head, const mv_live_opts *opts,
                           mv_error *err)
{
    mv_status st = MV_OK;
    mv_live_secret *secret = s->secret;
    const uint32_t count = (uint32_t)opts->recipient_count;
    const size_t bound_len = mv_live_head_len(count) - MV_COMMITMENT_LEN;
    uint8_t coins[MV_XWING_COINS_LEN];

    memcpy(head, MV_LIVE_MAGIC, MV_LIVE_MAGIC_LEN);
    mv_store_u16le(head + 8, MV_LIVE_VERSION);
    mv_store_u16le(head + 10, (uint16_t)count);
    MV_TRY(mv_random_bytes(secret->keys.envelope, MV_KEY_LEN));
    MV_TRY(mv_random_bytes(secret->keys.collection, MV_KEY_LEN));
    for (uint32_t i = 0; i < count; i++) {
        MV_TRY(mv_random_bytes(coins, sizeof coins));
        st = mv_wrap_seal(head + MV_LIVE_HEADER_LEN + (size_t)MV_WRAP_LEN * i, &secret->keys,
                          &opts->recipient[i], coins);
        MV_REQUIRE(st == MV_OK, err, st, "the card of recipient %u has an unusable key", i + 1);
    }
    mv_commitment(head + bound_len, &secret->keys, head, bound_len);
    mv_live_begin(secret, &s->chain, head, bound_len + MV_COMMITMENT_LEN);
done:
    mv_wipe(coins, sizeof coins);
    return st;
}

static uint64_t unix_ms(void)
{
    struct timespec now;
    return clock_gettime(CLOCK_REALTIME, &now) != 0 || now.tv_sec < 0
               ? 0
               : (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static mv_status put_start(mv_live_sealer *s, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_live_format *f = &s->format;
    const uint8_t kinds[4] = {MV_LIVE_START, (uint8_t)f->channels, (uint8_t)f->bits,
                              s->sender != NULL};

    MV_TRY(mv_buffer_append(&s->content, kinds, sizeof kinds));
    MV_TRY(mv_buffer_put_u32le(&s->content, f->width));
    MV_TRY(mv_buffer_put_u32le(&s->content, f->height));
    MV_TRY(mv_buffer_put_u32le(&s->content, 0));
    MV_TRY(mv_buffer_put_u64le(&s->content, unix_ms()));
    if (s->sender != NULL) {
        MV_TRY(mv_buffer_append(&s->content, s->sender->card.bytes, s->sender->card.bytes_len));
    }
    MV_TRY(put_record(s, false, err));
done:
    return st;
}

mv_status mv_live_sealer_new(mv_live_sealer **out, const mv_live_opts *opts, mv_error *err)
{
    mv_status st = MV_OK;
    void *memory = NULL;
    uint8_t *head = NULL;
    mv_live_sealer *s = calloc(1, sizeof *s);
    const size_t head_len = mv_live_head_len((uint32_t)opts->recipient_count);

    *out = NULL;
    MV_REQUIRE(s != NULL, err, MV_E_MEMORY, "out of memory");
    s->content = mv_buffer_make(MV_LIVE_CONTENT_MAX);
    s->record = mv_buffer_make(MV_LIVE_RECORD_MAX);
    MV_TRY(check_opts(opts, err));
    s->sender = opts->sender;
    s->format = opts->format;
    s->sink = opts->sink;
    MV_TRY(mv_secret_new(&memory, sizeof *s->secret));
    s->secret = memory;
    head = malloc(head_len);
    MV_REQUIRE(head != NULL, err, MV_E_MEMORY, "out of memory");
    MV_TRY(make_head(s, head, opts, err));
    MV_TRY(s->sink.write(s->sink.user, head, head_len, err));
    MV_TRY(put_start(s, err));
    *out = s;
    s = NULL;
done:
    free(head);
    mv_live_sealer_free(&s);
    return st == MV_OK ? st : mv_fail(err, st, "%s", mv_status_sentence(st));
}

void mv_live_sealer_free(mv_live_sealer **sealer)
{
    mv_live_sealer *s = *sealer;
    if (s != NULL) {
        void *secret = s->secret;
        mv_secret_free(&secret);
        mv_he_key_free(&s->he);
        mv_buffer_clear(&s->content);
        mv_buffer_clear(&s->record);
        free(s);
        *sealer = NULL;
    }
}

/* ---- frames ---- */

static mv_status put_frame_head(mv_buffer *b, mv_live_kind kind, uint64_t number, uint64_t time_us)
{
    mv_status st = MV_OK;
    const uint8_t kinds[4] = {(uint8_t)kind, 0, 0, 0};
    MV_TRY(mv_buffer_append(b, kinds, sizeof kinds));
    MV_TRY(mv_buffer_put_u32le(b, 0));
    MV_TRY(mv_buffer_put_u64le(b, number));
    MV_TRY(mv_buffer_put_u64le(b, time_us));
done:
    return st;
}

/* Samples with fewer than 8 or 16 bits must keep to them: the coder would drop the rest. */
static bool samples_fit(const mv_live_format *f, const void *samples)
{
    const size_t count = (size_t)f->width * f->height * f->channels;
    const uint8_t *small = samples;
    const uint16_t *wide = samples;
    uint32_t all = 0;
    for (size_t i = 0; i < count; i++) {
        all |= f->bits <= 8 ? small[i] : wide[i];
    }
    return all >> f->bits == 0;
}

static mv_status put_raw(mv_buffer *b, const mv_live_format *f, const void *samples)
{
    mv_status st = MV_OK;
    const size_t count = (size_t)f->width * f->height * f->channels;
    const uint16_t *wide = samples;
    if (f->bits <= 8) {
        return mv_buffer_append(b, samples, count);
    }
    for (size_t i = 0; i < count; i++) {
        MV_TRY(mv_buffer_put_u16le(b, wide[i]));
    }
done:
    return st;
}

/* JPEG-LS, or the samples as they are where that is no smaller. */
static mv_status put_pixels(mv_live_sealer *s, const void *samples)
{
    mv_status st = MV_OK;
    const mv_live_format *f = &s->format;
    const mv_jpegls_frame picture = {f->width, f->height, f->channels, f->bits, 0};
    const size_t room = mv_live_samples_len(f), at = s->content.len;
    size_t len = 0;

    MV_TRY(mv_buffer_append_zeros(&s->content, room));
    st = mv_jpegls_encode(s->content.bytes + at, room, &len, &picture, samples);
    s->content.len = at + (st == MV_OK ? len : 0);
    s->content.bytes[1] = st == MV_OK ? MV_LIVE_JPEGLS : MV_LIVE_RAW;
    if (st == MV_E_SPACE) {
        st = put_raw(&s->content, f, samples);
    }
    MV_TRY(st);
    mv_store_u32le(s->content.bytes + 4, (uint32_t)(s->content.len - at));
done:
    return st;
}

static mv_status put_embedding(mv_live_sealer *s, const mv_embedding *embedding)
{
    mv_status st = MV_OK;
    const mv_he_set *set = mv_he_set_find("pack4096");
    const mv_pack_shape shape = mv_embedding_shape(MV_HE_SYM);
    uint32_t value[MV_EMBEDDING_DIM];
    uint8_t bytes[MV_LIVE_EMBEDDING_MAX];
    size_t len = 0;

    MV_TRY(mv_embedding_check(embedding));
    if (s->he == NULL) {
        MV_TRY(mv_he_key_new(&s->he, set, s->secret->keys.collection));
    }
    for (size_t i = 0; i < MV_EMBEDDING_DIM; i++) {
        value[i] = (uint32_t)(embedding->value[i] + 128);
    }
    MV_TRY(mv_features_encrypt(bytes, sizeof bytes, &len, s->he, &shape, value));
    MV_TRY(mv_buffer_append(&s->content, embedding->head_hash, MV_EMBEDDING_HASH_LEN));
    MV_TRY(mv_buffer_append(&s->content, bytes, len));
    mv_store_u16le(s->content.bytes + 2, (uint16_t)(MV_EMBEDDING_HASH_LEN + len));
done:
    mv_wipe(value, sizeof value);
    return st;
}

mv_status mv_live_seal(mv_live_sealer *s, const mv_live_frame *frame, mv_error *err)
{
    mv_status st = MV_OK;

    MV_REQUIRE(!s->spent && frame->number == s->frames && frame->time_us >= s->time_us, err,
               MV_E_ARGUMENT, "a frame that does not follow the one before");
    MV_REQUIRE(samples_fit(&s->format, frame->samples), err, MV_E_RANGE,
               "frame %llu has a sample of more than %u bits", (unsigned long long)frame->number,
               s->format.bits);
    s->content.len = 0;
    MV_TRY(put_frame_head(&s->content, MV_LIVE_FRAME, frame->number, frame->time_us));
    MV_TRY(put_pixels(s, frame->samples));
    if (frame->embedding != NULL) {
        MV_TRY(put_embedding(s, frame->embedding));
    }
    MV_TRY(put_record(s, false, err));
    s->frames++;
    s->time_us = frame->time_us;
done:
    s->spent = s->spent || st != MV_OK;
    return st == MV_OK ? st : mv_fail(err, st, "%s", mv_status_sentence(st));
}

mv_status mv_live_seal_end(mv_live_sealer *s, uint64_t time_us, mv_error *err)
{
    mv_status st = MV_OK;

    MV_REQUIRE(!s->spent && time_us >= s->time_us, err, MV_E_ARGUMENT,
               "a stream that cannot end here");
    s->content.len = 0;
    MV_TRY(put_frame_head(&s->content, MV_LIVE_END, s->frames, time_us));
    MV_TRY(put_record(s, true, err));
done:
    return st == MV_OK ? st : mv_fail(err, st, "%s", mv_status_sentence(st));
}
