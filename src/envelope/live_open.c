/* SPDX-License-Identifier: Apache-2.0
 *
 * live_open.c: a live stream, however its bytes arrive, back into frames.
 */
#include "base/secret.h"
#include "codec/jpegls.h"
#include "envelope_internal.h"
#include "image/sandbox.h"
#include "live_record.h"
#include "recipients.h"

#include <sodium.h>
#include <string.h>

#define CHILD_SECONDS 20u
#define CHILD_MEMORY  ((size_t)64 << 20)

struct mv_live_opener {
    const mv_identity *identity;
    mv_live_watch watch;
    mv_live_secret *secret;
    mv_live_info info;
    mv_live_chain chain;
    bool opened;  /* the head is behind us */
    mv_buffer in; /* what has come and is not used yet */
    mv_buffer plain;
    mv_he_key *he;
    uint8_t *samples; /* of the frame in hand */
    mv_status st;     /* of the first failure, and its sentence */
    mv_error err;
};

static mv_status not_authentic(mv_error *err)
{
    return mv_fail(err, MV_E_AUTH,
                   "the stream was altered, or something of it was lost, repeated or reordered");
}

/* ---- the head ---- */

/* How many bytes the head has, once its first MV_LIVE_HEADER_LEN are here; 0: wait for them. */
static mv_status head_len(size_t *out, const mv_buffer *in, mv_error *err)
{
    mv_status st = MV_OK;
    const size_t seen = in->len < MV_LIVE_MAGIC_LEN ? in->len : MV_LIVE_MAGIC_LEN;

    *out = 0;
    MV_REQUIRE(seen == 0 || memcmp(in->bytes, MV_LIVE_MAGIC, seen) == 0, err, MV_E_FORMAT,
               "this is not a medveil live stream");
    if (in->len < MV_LIVE_HEADER_LEN) {
        return MV_OK;
    }
    const uint32_t version = mv_load_u16le(in->bytes + 8);
    const uint32_t wraps = mv_load_u16le(in->bytes + 10);
    MV_REQUIRE(version == MV_LIVE_VERSION, err, MV_E_FORMAT,
               "the live stream is of format %u; this program knows %d", version, MV_LIVE_VERSION);
    MV_REQUIRE(wraps >= 1 && wraps <= MV_LIVE_RECIPIENTS_MAX, err, MV_E_FORMAT,
               "the live stream has an impossible number of key slots");
    *out = mv_live_head_len(wraps);
done:
    return st;
}

static mv_status open_head(mv_live_opener *o, const uint8_t *head, size_t len, mv_error *err)
{
    mv_status st = MV_OK;
    const size_t bound_len = len - MV_COMMITMENT_LEN;
    uint8_t commitment[MV_COMMITMENT_LEN];
    bool found = false;

    for (size_t at = MV_LIVE_HEADER_LEN; !found && at < bound_len; at += MV_WRAP_LEN) {
        found = mv_wrap_open(&o->secret->keys, o->identity, head + at);
    }
    MV_REQUIRE(found, err, MV_E_WRONG_KEY, "none of the stream's key slots is for this identity");
    mv_commitment(commitment, &o->secret->keys, head, bound_len);
    if (!mv_equal_ct(commitment, head + bound_len, sizeof commitment)) {
        st = not_authentic(err);
        goto done;
    }
    mv_live_begin(o->secret, &o->chain, head, len);
    o->opened = true;
done:
    return st;
}

/* ---- the first record ---- */

static mv_status read_sender(mv_live_opener *o, const uint8_t *card, size_t len)
{
    mv_status st = MV_OK;
    mv_sender *sender = &o->info.sender;
    MV_TRY(mv_card_decode(&sender->card, card, len, NULL));
    sender->anonymous = false;
    sender->state = mv_card_state_on(&sender->card, mv_today());
    sender->revoked = mv_card_revoked(&sender->revoked_day, &sender->card);
done:
    return st;
}

static mv_status read_start(mv_live_opener *o, const uint8_t *content, size_t len, mv_error *err)
{
    mv_status st = MV_OK;
    MV_ENSURE(len >= MV_LIVE_START_LEN && content[0] == MV_LIVE_START && content[3] <= 1,
              MV_E_FORMAT);
    o->info.format = (mv_live_format){mv_load_u32le(content + 4), mv_load_u32le(content + 8),
                                      content[1], content[2]};
    o->info.started_ms = mv_load_u64le(content + 16);
    MV_ENSURE(mv_live_format_valid(&o->info.format) && mv_load_u32le(content + 12) == 0,
              MV_E_FORMAT);
    o->info.sender.anonymous = true;
    if (content[3] == 1) {
        MV_TRY(read_sender(o, content + MV_LIVE_START_LEN, len - MV_LIVE_START_LEN));
    } else {
        MV_ENSURE(len == MV_LIVE_START_LEN, MV_E_FORMAT);
    }
    o->samples = malloc(mv_live_samples_len(&o->info.format));
    MV_REQUIRE(o->samples != NULL, err, MV_E_MEMORY, "out of memory for a frame");
done:
    return st;
}

/* ---- frames ---- */

typedef struct decoding {
    mv_jpegls_frame picture;
} decoding;

static uint32_t decode_work(const mv_sandbox_job *job)
{
    const decoding *d = job->context;
    return mv_jpegls_decode(job->bulk, &d->picture, job->bytes, job->len) != MV_OK;
}

/* Streams of others are decoded in the sandbox, signed or not. */
static mv_status decode(mv_live_opener *o, const uint8_t *stream, size_t len, mv_error *err)
{
    const mv_live_format *f = &o->info.format;
    const decoding d = {{f->width, f->height, f->channels, f->bits, 0}};
    size_t came = mv_live_samples_len(f);
    uint32_t result = 1;
    const mv_sandbox_job job = {.work = decode_work,
                                .context = &d,
                                .bytes = stream,
                                .len = len,
                                .bulk = o->samples,
                                .bulk_len = &came,
                                .seconds = CHILD_SECONDS,
                                .memory = CHILD_MEMORY + 4 * came};
    switch (mv_sandbox_run(&result, &job)) {
    case MV_SANDBOX_ANSWERED:
        return result == 0 && came == mv_live_samples_len(f) ? MV_OK : MV_E_FORMAT;
    case MV_SANDBOX_NOT_STARTED:
        return mv_fail(err, MV_E_MEMORY, "no process to decode a frame in");
    case MV_SANDBOX_REFUSED:
        return mv_fail(err, MV_E_POLICY,
                       "frames are not decoded: this system refuses the sandbox for it");
    case MV_SANDBOX_TOO_SLOW:
        return mv_fail(err, MV_E_LIMIT, "a frame takes too long to decode");
    case MV_SANDBOX_DIED:
        break;
    }
    return MV_E_FORMAT;
}

static mv_status take_raw(mv_live_opener *o, const uint8_t *pixels, size_t len)
{
    mv_status st = MV_OK;
    const mv_live_format *f = &o->info.format;
    const size_t count = (size_t)f->width * f->height * f->channels;
    uint16_t *wide = (uint16_t *)(void *)o->samples;
    uint32_t all = 0;

    MV_ENSURE(len == mv_live_samples_len(f), MV_E_FORMAT);
    for (size_t i = 0; i < count; i++) {
        if (f->bits <= 8) {
            o->samples[i] = pixels[i];
            all |= pixels[i];
        } else {
            wide[i] = mv_load_u16le(pixels + 2 * i);
            all |= wide[i];
        }
    }
    MV_ENSURE(all >> f->bits == 0, MV_E_FORMAT);
done:
    return st;
}

static mv_status inspect_embedding(const uint8_t *bytes, size_t len)
{
    mv_status st = MV_OK;
    mv_features_info info;
    const mv_pack_shape want = mv_embedding_shape(MV_HE_SYM);

    MV_ENSURE(len > MV_EMBEDDING_HASH_LEN, MV_E_FORMAT);
    MV_TRY(mv_features_inspect(&info, bytes + MV_EMBEDDING_HASH_LEN, len - MV_EMBEDDING_HASH_LEN));
    MV_ENSURE(info.set == mv_he_set_find("pack4096") && info.summed == 1 &&
                  info.shape.bits == want.bits && info.shape.sums == want.sums &&
                  info.shape.count == want.count && info.shape.form == want.form,
              MV_E_FORMAT);
done:
    return st;
}

static mv_status open_embedding(mv_embedding *out, mv_live_opener *o, const uint8_t *bytes,
                                size_t len)
{
    mv_status st = MV_OK;
    uint32_t value[MV_EMBEDDING_DIM], bad = 0;

    MV_TRY(inspect_embedding(bytes, len));
    if (o->he == NULL) {
        MV_TRY(mv_he_key_new(&o->he, mv_he_set_find("pack4096"), o->secret->keys.collection));
    }
    MV_TRY(mv_features_decrypt(value, MV_EMBEDDING_DIM, o->he, bytes + MV_EMBEDDING_HASH_LEN,
                               len - MV_EMBEDDING_HASH_LEN));
    for (size_t i = 0; i < MV_EMBEDDING_DIM; i++) {
        bad |= (value[i] - 1) >> 8 | (value[i] >> 8); /* 1 .. 255 */
        out->value[i] = (int8_t)((int32_t)(value[i] & 255) - 128);
    }
    memcpy(out->head_hash, bytes, sizeof out->head_hash);
    MV_ENSURE(bad == 0, MV_E_RANGE);
    MV_TRY(mv_embedding_check(out));
done:
    mv_wipe(value, sizeof value);
    return st;
}

/* What stands at the head of frames and of the end. */
typedef struct frame_head {
    uint8_t kind, coding;
    size_t embedding_len, pixels_len;
    uint64_t number, time_us;
} frame_head;

static mv_status read_frame(mv_live_opener *o, const frame_head *h, const uint8_t *pixels,
                            mv_error *err)
{
    mv_status st = MV_OK;
    mv_embedding embedding;
    mv_live_frame frame = {.number = h->number, .time_us = h->time_us, .samples = o->samples};

    MV_ENSURE(h->coding <= MV_LIVE_JPEGLS, MV_E_FORMAT);
    if (h->coding == MV_LIVE_JPEGLS) {
        MV_TRY(decode(o, pixels, h->pixels_len, err));
    } else {
        MV_TRY(take_raw(o, pixels, h->pixels_len));
    }
    if (h->embedding_len != 0) {
        MV_TRY(open_embedding(&embedding, o, pixels + h->pixels_len, h->embedding_len));
        frame.embedding = &embedding;
    }
    o->info.frames++;
    MV_TRY(o->watch.frame(o->watch.user, &o->info, &frame, err));
done:
    mv_wipe(&embedding, sizeof embedding);
    return st;
}

static mv_status read_later(mv_live_opener *o, const uint8_t *content, size_t len, bool last,
                            mv_error *err)
{
    mv_status st = MV_OK;
    MV_ENSURE(len >= MV_LIVE_FRAME_LEN, MV_E_FORMAT);
    const frame_head h = {content[0],
                          content[1],
                          mv_load_u16le(content + 2),
                          mv_load_u32le(content + 4),
                          mv_load_u64le(content + 8),
                          mv_load_u64le(content + 16)};
    MV_ENSURE(h.kind == (last ? MV_LIVE_END : MV_LIVE_FRAME) && h.number == o->info.frames &&
                  h.time_us >= o->info.time_us &&
                  len == MV_LIVE_FRAME_LEN + h.pixels_len + h.embedding_len,
              MV_E_FORMAT);
    o->info.time_us = h.time_us;
    if (last) {
        MV_ENSURE(len == MV_LIVE_FRAME_LEN && h.coding == 0, MV_E_FORMAT);
        o->info.ended = true;
    } else {
        MV_TRY(read_frame(o, &h, content + MV_LIVE_FRAME_LEN, err));
    }
done:
    return st;
}

/* ---- records ---- */

/* Which of the two it is, the last or not, only its key tells. */
static bool unseal(mv_live_opener *o, const uint8_t *record, size_t len, bool *last)
{
    uint8_t nonce[12];
    for (int guess = 0; guess < 2; guess++) {
        mv_live_nonce(nonce, o->chain.index, guess == 1);
        if (crypto_aead_chacha20poly1305_ietf_decrypt(o->plain.bytes, NULL, NULL, record + 4,
                                                      len - 4, record, 4, nonce,
                                                      o->secret->record_key) == 0) {
            *last = guess == 1;
            return true;
        }
    }
    return false;
}

/* The content inside plain of len bytes; its length class has one spelling. */
static mv_status find_content(const mv_live_opener *o, size_t len, bool is_signed, size_t *content)
{
    mv_status st = MV_OK;
    const uint8_t *plain = o->plain.bytes;
    const size_t extra = 4 + (is_signed ? MV_SIGNATURE_LEN : 0);
    uint8_t padding = 0;

    *content = len >= extra ? mv_load_u32le(plain) : 0;
    MV_ENSURE(len >= extra && *content <= len - extra && mv_padded_len(extra + *content) == len,
              MV_E_FORMAT);
    for (size_t i = extra + *content; i < len; i++) {
        padding |= plain[i];
    }
    MV_ENSURE(padding == 0, MV_E_FORMAT);
done:
    return st;
}

static bool is_signed_by(const mv_live_opener *o, const uint8_t *signature)
{
    uint8_t message[MV_LIVE_MESSAGE_LEN];
    mv_live_sign_message(message, &o->chain);
    return crypto_sign_verify_detached(signature, message, sizeof message,
                                       o->info.sender.card.sign_public) == 0;
}

/* One whole record. Nothing of its content is used before its signature has been checked; only the
 * first one names whose that is. */
static mv_status take_record(mv_live_opener *o, const uint8_t *record, size_t len, mv_error *err)
{
    mv_status st = MV_OK;
    bool last = false;
    size_t content = 0;
    const size_t plain_len = len - 4 - MV_LIVE_AEAD_LEN;
    const bool first = o->chain.index == 0;

    o->plain.len = 0;
    MV_TRY(mv_buffer_append_zeros(&o->plain, plain_len));
    MV_ENSURE(unseal(o, record, len, &last), MV_E_AUTH);
    MV_ENSURE(!(first && last), MV_E_FORMAT);
    const bool is_signed =
        first ? plain_len > 8 && o->plain.bytes[4 + 3] == 1 : !o->info.sender.anonymous;
    MV_TRY(find_content(o, plain_len, is_signed, &content));
    if (first) {
        MV_TRY(read_start(o, o->plain.bytes + 4, content, err));
    }
    mv_live_extend(&o->chain, o->plain.bytes + 4, content);
    MV_ENSURE(!is_signed || is_signed_by(o, o->plain.bytes + 4 + content), MV_E_AUTH);
    if (first) {
        o->info.started = true;
    } else {
        MV_TRY(read_later(o, o->plain.bytes + 4, content, last, err));
    }
done:
    return st;
}

/* Takes what is whole off the front of in; *used: bytes of it. */
static mv_status take_next(mv_live_opener *o, size_t *used, size_t at, mv_error *err)
{
    mv_status st = MV_OK;
    const uint8_t *bytes = o->in.bytes + at;
    const size_t left = o->in.len - at;
    size_t want = 0;

    *used = 0;
    if (!o->opened) {
        MV_TRY(head_len(&want, &o->in, err));
        if (want != 0 && left >= want) {
            MV_TRY(open_head(o, bytes, want, err));
            *used = want;
        }
        goto done;
    }
    MV_ENSURE(!o->info.ended, MV_E_AUTH);
    if (left < 4) {
        goto done;
    }
    want = mv_load_u32le(bytes);
    MV_ENSURE(want > MV_LIVE_AEAD_LEN && want <= MV_LIVE_RECORD_MAX - 4, MV_E_AUTH);
    if (left - 4 >= want) {
        MV_TRY(take_record(o, bytes, 4 + want, err));
        *used = 4 + want;
    }
done:
    return st;
}

static mv_status take_all(mv_live_opener *o, mv_error *err)
{
    mv_status st = MV_OK;
    size_t at = 0, used = 0;
    do {
        if (at == o->in.len) {
            break;
        }
        MV_TRY(take_next(o, &used, at, err));
        at += used;
    } while (used != 0);
    memmove(o->in.bytes, o->in.bytes + at, o->in.len - at);
    o->in.len -= at;
done:
    return st;
}

/* What is wrong inside an authentic record is the sender's doing, or its key's holder's. */
static mv_status judge(mv_status st, mv_error *err)
{
    if (st == MV_E_AUTH || (st == MV_E_FORMAT && err->text[0] == '\0') || st == MV_E_TRUNCATED ||
        st == MV_E_RANGE) {
        return not_authentic(err);
    }
    return mv_fail(err, st, "%s", mv_status_sentence(st));
}

mv_status mv_live_opener_write(void *opener, const uint8_t *bytes, size_t len, mv_error *err)
{
    mv_live_opener *o = opener;
    if (o->st == MV_OK && len != 0) {
        o->st = mv_buffer_append(&o->in, bytes, len);
        if (o->st == MV_OK) {
            o->st = take_all(o, &o->err);
        }
        o->st = o->st == MV_OK ? MV_OK : judge(o->st, &o->err);
    }
    if (o->st != MV_OK) {
        mv_hint(err, "%s", o->err.hint);
        return mv_fail(err, o->st, "%s", o->err.text);
    }
    return MV_OK;
}

/* ---- its life ---- */

mv_status mv_live_opener_new(mv_live_opener **out, const mv_identity *identity,
                             const mv_live_watch *watch, mv_error *err)
{
    mv_status st = MV_OK;
    void *memory = NULL;
    mv_live_opener *o = calloc(1, sizeof *o);

    *out = NULL;
    MV_REQUIRE(o != NULL, err, MV_E_MEMORY, "out of memory");
    o->identity = identity;
    o->watch = *watch;
    o->in = mv_buffer_make((size_t)2 * MV_LIVE_RECORD_MAX);
    o->plain = mv_buffer_make(MV_LIVE_RECORD_MAX);
    MV_TRY(mv_secret_new(&memory, sizeof *o->secret));
    o->secret = memory;
    *out = o;
    o = NULL;
done:
    mv_live_opener_free(&o);
    return st == MV_OK ? st : mv_fail(err, st, "out of memory");
}

const mv_live_info *mv_live_opener_info(const mv_live_opener *o)
{
    return &o->info;
}

void mv_live_opener_free(mv_live_opener **opener)
{
    mv_live_opener *o = *opener;
    if (o != NULL) {
        void *secret = o->secret;
        mv_secret_free(&secret);
        mv_he_key_free(&o->he);
        mv_buffer_clear(&o->in);
        mv_buffer_clear(&o->plain);
        if (o->samples != NULL) {
            mv_wipe(o->samples, mv_live_samples_len(&o->info.format));
        }
        free(o->samples);
        free(o);
        *opener = NULL;
    }
}
