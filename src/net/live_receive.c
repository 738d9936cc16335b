/* SPDX-License-Identifier: Apache-2.0
 *
 * live_receive.c: a live stream from the relay, as it grows; what a late receiver lacks when the
 * stream has ended comes from the file that it has become.
 */
#include "client_internal.h"
#include "medveil/live_line.h"

#include <sodium.h>
#include <string.h>

#define WAIT_S 20 /* one question, which the relay holds back so long */

_Static_assert(MV_LIVE_NAME_LEN == MV_UPLOAD_ID_LEN, "a stream's name is as long as an upload's");

mv_status mv_live_find(mv_client *c, mv_live_stream *out, bool *found, uint64_t after,
                       unsigned wait_s, mv_error *err)
{
    mv_status st = MV_OK;
    mv_route route = {.kind = MV_ROUTE_STREAM_LIST, .after = after};
    char target[MV_TARGET_MAX];
    mv_http_call call = {.method = "GET", .target = target, .stage = "waiting for a stream"};
    mv_listing *page = calloc(1, sizeof *page);

    memset(out, 0, sizeof *out);
    *found = false;
    MV_REQUIRE(page != NULL, err, MV_E_MEMORY, "out of memory");
    MV_TRY(mv_client_require_identity(c, err));
    MV_TRY(mv_client_epochs(c, true, err));
    MV_TRY(mv_client_mailbox(&route.mailbox, c, &c->card, 0, err));
    route.wait_s = wait_s > MV_WAIT_MAX_S ? MV_WAIT_MAX_S : wait_s;
    mv_route_write(target, &route);
    MV_TRY(mv_client_ask(c, &call, route.mailbox.epoch, 200, err));
    st = mv_listing_read(page, call.reply.bytes, call.reply.len);
    MV_REQUIRE(st == MV_OK, err, st, "the relay's list of streams is not in the expected format");
    *found = page->count != 0 && page->entry[0].seq > after;
    if (*found) {
        memcpy(out->name, page->entry[0].file, sizeof out->name);
        out->epoch = route.mailbox.epoch;
        out->seq = page->entry[0].seq;
        out->len = page->entry[0].len;
    }
done:
    free(page);
    mv_http_call_clear(&call);
    return st;
}

/* ---- following ---- */

typedef struct following {
    mv_client *client;
    const mv_live_stream *stream;
    const mv_sink *sink;
    mv_mailbox mailbox;
    crypto_generichash_state hash;
    uint64_t at; /* bytes that are here */
    bool ended;  /* file says as what */
    bool sunk;   /* the sink failed, not the line */
    mv_client_file *file;
    mv_error *err;
} following;

static mv_status take(void *user, int status, const uint8_t *bytes, size_t len)
{
    following *f = user;
    (void)status;
    if (f->ended && len > f->file->len - f->at) {
        return mv_fail(f->err, MV_E_AUTH, "the relay sends more than it said");
    }
    f->at += len;
    (void)crypto_generichash_update(&f->hash, bytes, len);
    const mv_status st = f->sink->write(f->sink->user, bytes, len, f->err);
    f->sunk = st != MV_OK;
    return st;
}

static mv_status read_end(following *f, const mv_http_call *call)
{
    mv_status st = MV_OK;
    mv_offer offer;
    st = mv_offer_read(&offer, call->reply.bytes, call->reply.len);
    MV_REQUIRE(st == MV_OK && offer.len >= f->at, f->err, MV_E_AUTH,
               "the relay says that the stream was shorter than it is");
    memcpy(f->file->hash, offer.file, sizeof f->file->hash);
    f->file->len = offer.len;
    f->file->epoch = f->stream->epoch;
    f->ended = true;
done:
    return st;
}

/* What has come since, or that nothing has, or that it has ended. */
static mv_status more(following *f)
{
    mv_status st = MV_OK;
    mv_route route = {
        .kind = MV_ROUTE_STREAM_BYTES, .mailbox = f->mailbox, .offset = f->at, .wait_s = WAIT_S};
    char target[MV_TARGET_MAX];
    mv_http_call call = {
        .method = "GET", .target = target, .sink = take, .sink_user = f, .stage = "live"};

    memcpy(route.upload, f->stream->name, sizeof route.upload);
    mv_route_write(target, &route);
    MV_TRY(mv_client_signed(f->client, &call, f->mailbox.epoch, f->err));
    if (call.status == 303) {
        st = read_end(f, &call);
    } else if (call.status == 416) { /* the relay lost something, which its sender brings again */
        st = mv_fail(f->err, MV_E_NETWORK, "the relay has less of the stream than before");
    } else if (call.status != 200 && call.status != 204) {
        st = mv_client_refused(f->client, &call, f->err);
    }
done:
    mv_http_call_clear(&call);
    return st;
}

/* What is missing still, from the file. */
static mv_status rest(following *f)
{
    mv_status st = MV_OK;
    mv_route route = {.kind = MV_ROUTE_FILE, .mailbox = f->mailbox};
    const mv_byte_range range = {f->at, UINT64_MAX};
    char target[MV_TARGET_MAX], text[MV_RANGE_TEXT_MAX];
    mv_http_call call = {.method = "GET",
                         .target = target,
                         .range = text,
                         .sink = take,
                         .sink_user = f,
                         .stage = "catching up"};

    memcpy(route.file, f->file->hash, sizeof route.file);
    mv_route_write(target, &route);
    mv_byte_range_write(text, &range);
    MV_TRY(mv_client_signed(f->client, &call, f->mailbox.epoch, f->err));
    if (call.status != 206) {
        st = mv_client_refused(f->client, &call, f->err);
    }
done:
    mv_http_call_clear(&call);
    return st;
}

static mv_status check_hash(following *f)
{
    uint8_t hash[MV_FILE_HASH_LEN];
    (void)crypto_generichash_final(&f->hash, hash, sizeof hash);
    return memcmp(hash, f->file->hash, sizeof hash) == 0
               ? MV_OK
               : mv_fail(f->err, MV_E_AUTH, "the relay sent other bytes than the stream has");
}

mv_status mv_live_follow(mv_client *c, const mv_live_stream *stream, const mv_sink *sink,
                         mv_client_file *file, mv_live_line_changed line, void *user, mv_error *err)
{
    mv_status st = MV_OK;
    mv_error own = {0};
    following f = {.client = c, .stream = stream, .sink = sink, .file = file, .err = &own};
    mv_retry r = {UINT32_MAX, 100};
    bool away = false;

    memset(file, 0, sizeof *file);
    (void)crypto_generichash_init(&f.hash, NULL, 0, MV_FILE_HASH_LEN);
    MV_TRY(mv_client_require_identity(c, err));
    MV_TRY(mv_client_mailbox(&f.mailbox, c, &c->card, stream->epoch, err));
    while (!f.ended || f.at < file->len) {
        st = f.ended ? rest(&f) : more(&f);
        const bool passes = st != MV_OK && !f.sunk && mv_retry_passes(c, st);
        if (line != NULL && passes != away && (passes || st == MV_OK)) {
            line(user, st, &own);
            away = passes;
        }
        if (st == MV_OK) {
            r.pause_ms = 100;
            continue;
        }
        if (!passes || !mv_retry_again(c, &r, &st, &own)) {
            break;
        }
    }
    st = st == MV_OK ? check_hash(&f) : st;
    if (st != MV_OK && err != NULL && err->status == MV_OK) {
        *err = own;
    }
done:
    return st;
}
