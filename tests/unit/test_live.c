/* SPDX-License-Identifier: Apache-2.0
 *
 * test_live.c: sentences about live streams: what opens, what is found out, and how they get over a
 * relay that can be killed and lines that break.
 */
#include "relay_fixture.h"

#include <sodium.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/secret.h"
#include "envelope/live_record.h"
#include "envelope/recipients.h"
#include "medveil/live_line.h"
#include "wire/hex.h"

enum { SIDE = 48, FRAMES = 12, STREAM_MAX = 1 << 20 };

static const mv_live_format grey = {SIDE, SIDE, 1, 8};
static const mv_live_format deep = {SIDE, SIDE, 3, 12};

/* ---- frames ---- */

/* Frame n: a ramp that moves; frame 3 is noise, which JPEG-LS makes no smaller. */
static void draw(void *samples, const mv_live_format *f, uint64_t n)
{
    mv_rand r = mv_rand_make(n + 1);
    uint8_t *small = samples;
    uint16_t *wide = samples;
    for (size_t i = 0; i < (size_t)f->width * f->height * f->channels; i++) {
        const uint32_t v = (n == 3 ? (uint32_t)(mv_rand_u64(&r) >> 32) : (uint32_t)(i + n)) &
                           ((1u << f->bits) - 1);
        if (f->bits <= 8) {
            small[i] = (uint8_t)v;
        } else {
            wide[i] = (uint16_t)v;
        }
    }
}

static mv_embedding some_embedding(uint64_t n)
{
    mv_embedding e;
    memset(&e, 0, sizeof e);
    for (int i = 0; i < MV_EMBEDDING_DIM; i++) {
        e.value[i] = (int8_t)((i * 7 + (int)n) % 41 - 20);
    }
    memset(e.head_hash, 9, sizeof e.head_hash);
    return e;
}

/* What a receiver has seen. */
typedef struct seen {
    mv_live_format format;
    uint64_t frames, embeddings;
    atomic_ullong count; /* frames, for another thread */
    bool wrong;
} seen;

static mv_status see(void *user, const mv_live_info *info, const mv_live_frame *frame,
                     mv_error *err)
{
    seen *s = user;
    uint16_t want[SIDE * SIDE * 3];
    (void)err;
    draw(want, &info->format, frame->number);
    const mv_embedding e = some_embedding(frame->number);
    s->wrong = s->wrong || frame->number != s->frames ||
               memcmp(want, frame->samples, mv_live_samples_len(&info->format)) != 0 ||
               (frame->embedding != NULL) != (frame->number % 5 == 0) ||
               (frame->embedding != NULL && memcmp(frame->embedding, &e, sizeof e) != 0);
    s->format = info->format;
    s->embeddings += frame->embedding != NULL;
    s->frames++;
    (void)atomic_fetch_add(&s->count, 1);
    return MV_OK;
}

static mv_live_frame frame_of(uint16_t *room, mv_embedding *e, const mv_live_format *f, uint64_t n)
{
    mv_live_frame frame = {.number = n, .time_us = n * 33333, .samples = room};
    draw(room, f, n);
    *e = some_embedding(n);
    frame.embedding = n % 5 == 0 ? e : NULL;
    return frame;
}

/* ---- in memory ---- */

typedef struct taken {
    uint8_t bytes[STREAM_MAX];
    size_t len;
    size_t at[FRAMES + 4]; /* where each piece begins: the head, the start, the frames, the end */
    size_t pieces;
} taken;

static mv_status take(void *user, const uint8_t *bytes, size_t len, mv_error *err)
{
    taken *t = user;
    (void)err;
    assert_true(t->len + len <= sizeof t->bytes);
    t->at[t->pieces++] = t->len;
    memcpy(t->bytes + t->len, bytes, len);
    t->len += len;
    t->at[t->pieces] = t->len;
    return MV_OK;
}

static taken *seal(const fixture *f, const mv_live_format *format, bool named)
{
    mv_live_sealer *s = NULL;
    mv_card cards[2];
    uint16_t room[SIDE * SIDE * 3];
    mv_embedding e;
    taken *t = calloc(1, sizeof *t);
    assert_non_null(t);
    mv_identity_card(&cards[0], f->bob);
    cards[1] = f->alice_card;
    const mv_live_opts opts = {named ? f->bob : NULL, cards, 2, *format, {take, t}};
    assert_int_equal(mv_live_sealer_new(&s, &opts, NULL), MV_OK);
    for (uint64_t n = 0; n < FRAMES; n++) {
        const mv_live_frame frame = frame_of(room, &e, format, n);
        assert_int_equal(mv_live_seal(s, &frame, NULL), MV_OK);
    }
    assert_int_equal(mv_live_seal_end(s, 12345678, NULL), MV_OK);
    mv_live_sealer_free(&s);
    assert_int_equal(t->pieces, FRAMES + 3);
    return t;
}

/* Opens the bytes in steps; what came of it in *s and *info. */
static mv_status open_bytes(seen *s, mv_live_info *info, const mv_identity *who,
                            const uint8_t *bytes, size_t len, size_t step)
{
    mv_live_opener *o = NULL;
    mv_status st = MV_OK;
    const mv_live_watch watch = {see, s};
    memset(s, 0, sizeof *s);
    assert_int_equal(mv_live_opener_new(&o, who, &watch, NULL), MV_OK);
    for (size_t at = 0; at < len && st == MV_OK; at += step) {
        st = mv_live_opener_write(o, bytes + at, len - at < step ? len - at : step, NULL);
    }
    *info = *mv_live_opener_info(o);
    mv_live_opener_free(&o);
    return st;
}

static void frames_come_back_bit_for_bit_with_their_embeddings(void **state)
{
    const fixture *f = *state;
    static const size_t steps[] = {7, 1000, STREAM_MAX};
    seen s;
    mv_live_info info;
    for (int i = 0; i < 3; i++) {
        taken *t = seal(f, i == 1 ? &deep : &grey, i != 2);
        assert_int_equal(open_bytes(&s, &info, f->alice, t->bytes, t->len, steps[i]), MV_OK);
        assert_true(info.ended && info.started && !s.wrong);
        assert_int_equal(s.frames, FRAMES);
        assert_int_equal(s.embeddings, 3);
        assert_int_equal(info.time_us, 12345678);
        assert_int_equal(info.sender.anonymous, i == 2);
        free(t);
    }
}

static void a_stranger_opens_nothing(void **state)
{
    const fixture *f = *state;
    seen s;
    mv_live_info info;
    mv_identity *mallory = NULL;
    taken *t = seal(f, &grey, true);
    assert_int_equal(mv_identity_generate(&mallory), MV_OK);
    assert_int_equal(open_bytes(&s, &info, mallory, t->bytes, t->len, 1000), MV_E_WRONG_KEY);
    assert_int_equal(s.frames, 0);
    mv_identity_free(&mallory);
    free(t);
}

static void a_stream_that_is_cut_off_is_not_ended(void **state)
{
    const fixture *f = *state;
    seen s;
    mv_live_info info;
    taken *t = seal(f, &grey, true);
    for (size_t piece = 1; piece < t->pieces; piece++) {
        for (size_t less = 0; less < 2; less++) {
            assert_int_equal(open_bytes(&s, &info, f->alice, t->bytes, t->at[piece] - less, 5000),
                             MV_OK);
            assert_false(info.ended);
            assert_int_equal(s.frames, piece < 2 ? 0 : piece - 2 - (piece > 2 ? less : 0));
        }
    }
    free(t);
}

static void an_altered_byte_anywhere_ends_it(void **state)
{
    const fixture *f = *state;
    seen s;
    mv_live_info info;
    taken *t = seal(f, &grey, true);
    for (size_t at = 0; at < t->len; at += at < 60 || at > t->len - 60 ? 1 : 211) {
        t->bytes[at] ^= 4;
        const mv_status st = open_bytes(&s, &info, f->alice, t->bytes, t->len, 4096);
        assert_true(st != MV_OK || !info.ended);
        assert_false(s.wrong);
        t->bytes[at] ^= 4;
    }
    free(t);
}

/* The stream with its pieces in this order. */
static mv_status open_pieces(const fixture *f, const taken *t, const size_t *piece, size_t count,
                             seen *s)
{
    mv_live_info info;
    taken *u = calloc(1, sizeof *u);
    assert_non_null(u);
    for (size_t i = 0; i < count; i++) {
        (void)take(u, t->bytes + t->at[piece[i]], t->at[piece[i] + 1] - t->at[piece[i]], NULL);
    }
    const mv_status st = open_bytes(s, &info, f->alice, u->bytes, u->len, 3000);
    assert_false(s->wrong || info.ended);
    free(u);
    return st;
}

static void lost_repeated_and_reordered_records_are_found_out(void **state)
{
    const fixture *f = *state;
    seen s;
    taken *t = seal(f, &grey, true);
    static const size_t lost[] = {0, 1, 2, 4}, twice[] = {0, 1, 2, 2}, swapped[] = {0, 1, 3, 2},
                        no_start[] = {0, 2}, early_end[] = {0, 1, 2, FRAMES + 2};
    assert_int_equal(open_pieces(f, t, lost, 4, &s), MV_E_AUTH);
    assert_int_equal(s.frames, 1);
    assert_int_equal(open_pieces(f, t, twice, 4, &s), MV_E_AUTH);
    assert_int_equal(open_pieces(f, t, swapped, 4, &s), MV_E_AUTH);
    assert_int_equal(s.frames, 0);
    assert_int_equal(open_pieces(f, t, no_start, 2, &s), MV_E_AUTH);
    assert_int_equal(open_pieces(f, t, early_end, 4, &s), MV_E_AUTH);
    assert_int_equal(s.frames, 1);
    free(t);
}

static void nothing_follows_the_end(void **state)
{
    const fixture *f = *state;
    seen s;
    mv_live_info info;
    taken *t = seal(f, &grey, true);
    t->bytes[t->len] = 0;
    assert_int_equal(open_bytes(&s, &info, f->alice, t->bytes, t->len + 1, STREAM_MAX), MV_E_AUTH);
    free(t);
}

static void a_record_of_another_stream_is_refused(void **state)
{
    const fixture *f = *state;
    seen s;
    mv_live_info info;
    taken *t = seal(f, &grey, true), *u = seal(f, &grey, true);
    assert_int_equal(t->at[3] - t->at[2], u->at[3] - u->at[2]);
    memcpy(t->bytes + t->at[2], u->bytes + u->at[2], t->at[3] - t->at[2]);
    assert_int_equal(open_bytes(&s, &info, f->alice, t->bytes, t->len, 4096), MV_E_AUTH);
    assert_int_equal(s.frames, 0);
    free(t);
    free(u);
}

/* Alice has the keys too, and seals another frame 3 (which is raw) into Bob's stream. */
static void another_recipient_cannot_make_a_frame(void **state)
{
    const fixture *f = *state;
    seen s;
    mv_live_info info;
    void *memory = NULL;
    taken *t = seal(f, &grey, true);
    const size_t head = t->at[1], at = t->at[5], len = t->at[6] - at - 4 - MV_LIVE_AEAD_LEN;
    uint8_t nonce[12], *record = t->bytes + at;
    mv_live_chain chain;
    assert_int_equal(mv_secret_new(&memory, sizeof(mv_live_secret)), MV_OK);
    mv_live_secret *secret = memory;
    assert_true(mv_wrap_open(&secret->keys, f->alice, t->bytes + MV_LIVE_HEADER_LEN + MV_WRAP_LEN));
    mv_live_begin(secret, &chain, t->bytes, head);
    mv_live_nonce(nonce, 4, false);
    assert_int_equal(crypto_aead_chacha20poly1305_ietf_decrypt(record + 4, NULL, NULL, record + 4,
                                                               len + MV_LIVE_AEAD_LEN, record, 4,
                                                               nonce, secret->record_key),
                     0);
    record[4 + 4 + MV_LIVE_FRAME_LEN + 100] ^= 1; /* a sample */
    (void)crypto_aead_chacha20poly1305_ietf_encrypt(record + 4, NULL, record + 4, len, record, 4,
                                                    NULL, nonce, secret->record_key);
    assert_int_equal(open_bytes(&s, &info, f->bob, t->bytes, t->len, 4096), MV_E_AUTH);
    assert_int_equal(s.frames, 3);
    assert_false(s.wrong);
    mv_secret_free(&memory);
    free(t);
}

static void frames_that_do_not_follow_or_fit_are_refused(void **state)
{
    const fixture *f = *state;
    uint8_t samples[4 * 4] = {200};
    const mv_live_frame second = {1, 0, samples, NULL}, bright = {0, 0, samples, NULL};
    const mv_live_format small = {4, 4, 1, 7}, none = {0, 4, 1, 8}, huge = {8192, 8192, 3, 8};
    taken *t = calloc(1, sizeof *t);
    mv_live_sealer *s = NULL;
    mv_live_opts opts = {f->bob, &f->alice_card, 1, small, {take, t}};
    assert_int_equal(mv_live_sealer_new(&s, &opts, NULL), MV_OK);
    assert_int_equal(mv_live_seal(s, &second, NULL), MV_E_ARGUMENT);
    mv_live_sealer_free(&s);
    assert_int_equal(mv_live_sealer_new(&s, &opts, NULL), MV_OK);
    assert_int_equal(mv_live_seal(s, &bright, NULL), MV_E_RANGE);
    mv_live_sealer_free(&s);
    opts.format = none;
    assert_int_equal(mv_live_sealer_new(&s, &opts, NULL), MV_E_LIMIT);
    opts.format = huge;
    assert_int_equal(mv_live_sealer_new(&s, &opts, NULL), MV_E_LIMIT);
    free(t);
}

/* The vector of docs/formats/live.md, computed there by another implementation of BLAKE2b. */
static void the_chain_agrees_with_another_implementation(void **state)
{
    void *memory = NULL;
    mv_live_chain chain;
    uint8_t head[1244], content[24] = {2}, want[MV_HASH_LEN];
    (void)state;
    assert_int_equal(mv_secret_new(&memory, sizeof(mv_live_secret)), MV_OK);
    mv_live_secret *secret = memory;
    for (size_t i = 0; i < sizeof head; i++) {
        head[i] = (uint8_t)i;
    }
    memcpy(secret->keys.envelope, head, MV_KEY_LEN);
    content[16] = 5;
    mv_live_begin(secret, &chain, head, sizeof head);
    assert_true(mv_hex_read(want, sizeof want,
                            "8dfecce82b4e81062936720ae187d665f97a6d948c08df2a28fe5e42e5a26720"));
    assert_memory_equal(chain.transcript, want, sizeof want);
    assert_true(mv_hex_read(want, sizeof want,
                            "dcfc2bd4b5b7a06417d0e7605dd5124ae916f9732ccc13989354d8f8ae0dd99b"));
    assert_memory_equal(secret->record_key, want, sizeof want);
    mv_live_extend(&chain, content, sizeof content);
    assert_true(mv_hex_read(want, sizeof want,
                            "c61e79340900224f22412af604dee78b855b74d95ff0fcb13d0ac95537af614d"));
    assert_memory_equal(chain.transcript, want, sizeof want);
    assert_int_equal(chain.index, 1);
    mv_secret_free(&memory);
}

/* ---- over a relay ---- */

typedef struct receiver {
    const fixture *f;
    const char *address;
    seen seen;
    mv_live_info info;
    mv_client_file file;
    mv_status st;
    mv_error err;
    atomic_bool give_up;
    pthread_t thread;
} receiver;

static mv_status until_given_up(void *user, const char *stage, uint64_t done, uint64_t total)
{
    receiver *r = user;
    (void)stage;
    (void)done;
    (void)total;
    return atomic_load(&r->give_up) ? MV_E_INTERRUPTED : MV_OK;
}

static void *receive(void *user)
{
    receiver *r = user;
    mv_client *c = NULL;
    mv_live_opener *o = NULL;
    mv_live_stream stream;
    const mv_live_watch watch = {see, &r->seen};
    mv_client_opts opts = quick(r->f->alice, 3);
    bool found = false;

    opts.idle_timeout_ms = 30000;
    opts.progress = (mv_progress){until_given_up, r};
    r->st = mv_client_new(&c, r->address, &opts, NULL);
    while (r->st == MV_OK && !found) {
        r->st = mv_live_find(c, &stream, &found, 0, 10, &r->err);
    }
    if (r->st == MV_OK) {
        r->st = mv_live_opener_new(&o, r->f->alice, &watch, NULL);
    }
    if (r->st == MV_OK) {
        const mv_sink sink = {mv_live_opener_write, o};
        r->st = mv_live_follow(c, &stream, &sink, &r->file, NULL, NULL, &r->err);
        r->info = *mv_live_opener_info(o);
    }
    mv_live_opener_free(&o);
    mv_client_free(&c);
    return NULL;
}

static receiver *start_receiver(const fixture *f, const char *address)
{
    receiver *r = calloc(1, sizeof *r);
    assert_non_null(r);
    r->f = f;
    r->address = address;
    assert_int_equal(pthread_create(&r->thread, NULL, receive, r), 0);
    return r;
}

static void end_receiver(receiver *r, mv_status want)
{
    assert_int_equal(pthread_join(r->thread, NULL), 0);
    assert_int_equal(r->st, want);
    assert_false(r->seen.wrong);
    if (want == MV_OK) {
        assert_true(r->info.ended);
        assert_int_equal(r->seen.frames, FRAMES);
    }
    free(r);
}

static mv_live_sending *start_sending(const fixture *f, const char *address)
{
    mv_live_sending *s = NULL;
    const mv_live_sending_opts opts = {.relay = address,
                                       .recipient = &f->alice_card,
                                       .sender = f->bob,
                                       .format = grey,
                                       .path = path_in(f, "stream")};
    assert_int_equal(mv_live_sending_new(&s, &opts, NULL), MV_OK);
    return s;
}

static void send_frames(mv_live_sending *s, uint64_t first, uint64_t end, int pause_ms)
{
    uint16_t room[SIDE * SIDE * 3];
    mv_embedding e;
    for (uint64_t n = first; n < end; n++) {
        const mv_live_frame frame = frame_of(room, &e, &grey, n);
        assert_int_equal(mv_live_send(s, &frame, NULL), MV_OK);
        (void)poll(NULL, 0, pause_ms);
    }
}

static mv_live_sent end_sending(mv_live_sending **s, unsigned wait_ms)
{
    mv_live_sent sent;
    assert_int_equal(mv_live_send_end(*s, 1000000, wait_ms, &sent, NULL), MV_OK);
    mv_live_sending_free(s);
    return sent;
}

static void wait_for_frames(receiver *r, uint64_t count)
{
    const double until = mv_clock_ms() + 20000;
    while (atomic_load(&r->seen.count) < count && mv_clock_ms() < until) {
        (void)poll(NULL, 0, 5);
    }
    assert_true(atomic_load(&r->seen.count) >= count);
}

static void frames_arrive_while_the_stream_goes_on(void **state)
{
    const fixture *f = *state;
    receiver *r = start_receiver(f, f->address);
    mv_live_sending *s = start_sending(f, f->address);
    send_frames(s, 0, 6, 0);
    wait_for_frames(r, 6); /* before the rest is even made */
    send_frames(s, 6, FRAMES, 5);
    const mv_live_sent sent = end_sending(&s, 20000);
    assert_true(sent.stored);
    assert_int_equal(sent.arrived, sent.bytes);
    const uint8_t *hash = sent.file.hash;
    assert_int_equal(pthread_join(r->thread, NULL), 0);
    assert_int_equal(r->st, MV_OK);
    assert_memory_equal(r->file.hash, hash, 32);
    assert_int_equal(r->seen.frames, FRAMES);
    assert_false(r->seen.wrong);
    free(r);
    assert_int_equal(waiting(f), 1); /* until it is acknowledged */
    assert_int_equal(entries(f, "incoming"), 0);
}

static void a_receiver_that_comes_late_gets_all_frames(void **state)
{
    const fixture *f = *state;
    mv_live_sending *s = start_sending(f, f->address);
    send_frames(s, 0, 8, 0);
    receiver *r = start_receiver(f, f->address);
    wait_for_frames(r, 8);
    send_frames(s, 8, FRAMES, 0);
    assert_true(end_sending(&s, 20000).stored);
    end_receiver(r, MV_OK);
}

static mv_status nothing(void *user, const uint8_t *bytes, size_t len, mv_error *err)
{
    (void)bytes;
    (void)err;
    *(size_t *)user += len;
    return MV_OK;
}

/* It was found live, and has ended before its first byte was asked for. */
static void a_receiver_that_comes_after_the_end_gets_the_file(void **state)
{
    const fixture *f = *state;
    mv_live_stream stream;
    mv_client_file file;
    bool found = false;
    size_t len = 0;
    const mv_sink sink = {nothing, &len};
    mv_client *c = client_at(f->address, f->alice, 3);
    mv_live_sending *s = start_sending(f, f->address);
    send_frames(s, 0, FRAMES, 0);
    while (!found) {
        assert_int_equal(mv_live_find(c, &stream, &found, 0, 10, NULL), MV_OK);
    }
    const mv_live_sent sent = end_sending(&s, 20000);
    assert_true(sent.stored);
    assert_int_equal(mv_live_follow(c, &stream, &sink, &file, NULL, NULL, NULL), MV_OK);
    assert_int_equal(len, sent.bytes);
    assert_memory_equal(file.hash, sent.file.hash, 32);
    assert_int_equal(mv_live_find(c, &stream, &found, 0, 0, NULL), MV_OK);
    assert_false(found); /* it is not live any more */
    mv_client_free(&c);
}

static void a_relay_killed_in_the_middle_of_a_stream_loses_no_frame(void **state)
{
    fixture *f = *state;
    mv_address a;
    assert_int_equal(mv_address_read(&a, f->address, NULL), MV_OK);
    f->config.listen_port = a.port;
    receiver *r = start_receiver(f, f->address);
    mv_live_sending *s = start_sending(f, f->address);
    send_frames(s, 0, 5, 0);
    wait_for_frames(r, 5);
    (void)end_relay(f, SIGKILL);
    send_frames(s, 5, 9, 5); /* nobody is there */
    start_relay(f);
    send_frames(s, 9, FRAMES, 5);
    assert_true(end_sending(&s, 30000).stored);
    end_receiver(r, MV_OK);
}

static void a_stream_over_lines_that_break_again_and_again_arrives(void **state)
{
    const fixture *f = *state;
    char up[MV_ADDRESS_MAX], down[MV_ADDRESS_MAX];
    proxy there = {.limit_up = 9000}, back = {.limit_down = 9000};
    through(up, f, &there);
    through(down, f, &back);
    receiver *r = start_receiver(f, down);
    mv_live_sending *s = start_sending(f, up);
    send_frames(s, 0, FRAMES, 20);
    assert_true(end_sending(&s, 60000).stored);
    end_receiver(r, MV_OK);
    proxy_stop(&there);
    proxy_stop(&back);
}

/* All frames are there before the first is sent: more than goes through one connection. */
static void a_backlog_longer_than_any_connection_lasts_arrives(void **state)
{
    const fixture *f = *state;
    char up[MV_ADDRESS_MAX];
    proxy there = {.limit_up = 4000};
    through(up, f, &there);
    receiver *r = start_receiver(f, f->address);
    mv_live_sending *s = start_sending(f, up);
    send_frames(s, 0, FRAMES, 0);
    const mv_live_sent sent = end_sending(&s, 30000);
    assert_true(sent.bytes > 2 * there.limit_up);
    assert_true(sent.stored);
    end_receiver(r, MV_OK);
    proxy_stop(&there);
}

static void a_stream_that_its_sender_gives_up_is_told_as_such(void **state)
{
    const fixture *f = *state;
    receiver *r = start_receiver(f, f->address);
    mv_live_sending *s = start_sending(f, f->address);
    send_frames(s, 0, 4, 0);
    wait_for_frames(r, 4);
    mv_live_sending_free(&s);
    assert_int_equal(access(path_in(f, "stream"), F_OK), -1);
    end_receiver(r, MV_E_NOT_FOUND);
    assert_int_equal(entries(f, "incoming"), 0);
}

static void without_a_relay_the_whole_stream_is_kept_here(void **state)
{
    fixture *f = *state;
    mv_client_file file;
    char address[MV_ADDRESS_MAX];
    memcpy(address, f->address, sizeof address);
    (void)end_relay(f, SIGTERM);
    mv_live_sending *s = start_sending(f, address);
    send_frames(s, 0, FRAMES, 0);
    const mv_live_sent sent = end_sending(&s, 300);
    assert_false(sent.stored);
    assert_int_equal(mv_client_hash_file(&file, path_in(f, "stream"), NULL), MV_OK);
    assert_memory_equal(file.hash, sent.file.hash, 32);
}

static void only_the_owner_sees_that_a_stream_is_live(void **state)
{
    const fixture *f = *state;
    mv_live_stream stream;
    mv_client_file file;
    size_t len = 0;
    bool found = false;
    const mv_sink sink = {nothing, &len};
    mv_client *owner = client_at(f->address, f->alice, 1),
              *other = client_at(f->address, f->bob, 1);
    mv_live_sending *s = start_sending(f, f->address);
    send_frames(s, 0, 3, 0);
    while (!found) {
        assert_int_equal(mv_live_find(owner, &stream, &found, 0, 10, NULL), MV_OK);
    }
    assert_int_equal(mv_live_follow(other, &stream, &sink, &file, NULL, NULL, NULL),
                     MV_E_NOT_FOUND); /* the name alone opens nothing */
    assert_int_equal(len, 0);
    assert_int_equal(mv_live_find(other, &stream, &found, 0, 0, NULL), MV_OK);
    assert_false(found);
    mv_live_sending_free(&s);
    mv_client_free(&owner);
    mv_client_free(&other);
}

static void a_stream_larger_than_a_file_may_be_is_refused(void **state)
{
    fixture *f = *state;
    mv_error err = {0};
    mv_status st = MV_OK;
    uint16_t room[SIDE * SIDE * 3];
    mv_embedding e;
    f->config.max_file_bytes = 10000;
    start_relay(f);
    mv_live_sending *s = start_sending(f, f->address);
    for (uint64_t n = 0; n < 2000 && st == MV_OK; n++) {
        const mv_live_frame frame = frame_of(room, &e, &grey, n);
        st = mv_live_send(s, &frame, &err);
        (void)poll(NULL, 0, 5);
    }
    assert_int_equal(st, MV_E_POLICY);
    assert_non_null(strstr(err.text, "10000 bytes"));
    mv_live_sending_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(frames_come_back_bit_for_bit_with_their_embeddings),
        WITH_FOLDER(a_stranger_opens_nothing),
        WITH_FOLDER(a_stream_that_is_cut_off_is_not_ended),
        WITH_FOLDER(an_altered_byte_anywhere_ends_it),
        WITH_FOLDER(lost_repeated_and_reordered_records_are_found_out),
        WITH_FOLDER(nothing_follows_the_end),
        WITH_FOLDER(a_record_of_another_stream_is_refused),
        WITH_FOLDER(another_recipient_cannot_make_a_frame),
        WITH_FOLDER(frames_that_do_not_follow_or_fit_are_refused),
        cmocka_unit_test(the_chain_agrees_with_another_implementation),
        WITH_RELAY(frames_arrive_while_the_stream_goes_on),
        WITH_RELAY(a_receiver_that_comes_late_gets_all_frames),
        WITH_RELAY(a_receiver_that_comes_after_the_end_gets_the_file),
        WITH_RELAY(a_relay_killed_in_the_middle_of_a_stream_loses_no_frame),
        WITH_RELAY(a_stream_over_lines_that_break_again_and_again_arrives),
        WITH_RELAY(a_backlog_longer_than_any_connection_lasts_arrives),
        WITH_RELAY(a_stream_that_its_sender_gives_up_is_told_as_such),
        WITH_RELAY(without_a_relay_the_whole_stream_is_kept_here),
        WITH_RELAY(only_the_owner_sees_that_a_stream_is_live),
        WITH_FOLDER(a_stream_larger_than_a_file_may_be_is_refused),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
