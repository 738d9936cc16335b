/* SPDX-License-Identifier: Apache-2.0
 *
 * relay_streams.c: live streams: begun and grown by whoever knows their name, read by the owner of
 * the mailbox while they grow. A reader sleeps until there is more.
 */
#include "relay_streams.h"

#include "relay_visit.h"
#include "wire/hex.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Readers of a stream wait for its name as others wait for a mailbox. */
static mv_mailbox place_of(const uint8_t stream[MV_UPLOAD_ID_LEN], uint32_t epoch)
{
    mv_mailbox place = {.epoch = epoch};
    memcpy(place.tag, stream, MV_TAG_LEN);
    return place;
}

void relay_stream_changed(void *service, const uint8_t stream[MV_UPLOAD_ID_LEN],
                          const mv_mailbox *mailbox)
{
    const relay_service *s = service;
    const mv_mailbox place = place_of(stream, mailbox->epoch);
    relay_waits_arrived(s->waits, &place);
}

/* ---- the sender's side ---- */

void relay_stream_begin(mv_http_exchange *x)
{
    const relay_visit *v = x->state;
    mv_ticket ticket = {.present = false};
    mv_buffer body = mv_buffer_make(MV_MESSAGE_MAX);
    mv_status st = mv_archive_stream_begin(ticket.upload, v->service->archive, &v->route.mailbox);
    if (st == MV_OK) {
        st = mv_ticket_write(&body, &ticket);
    }
    relay_reply_json(x, 201, st, &body);
}

void relay_stream_begin_part(mv_http_exchange *x)
{
    relay_visit *v = x->state;
    const mv_status st = mv_archive_stream_part(&v->part, &v->route.mailbox, v->service->archive,
                                                v->route.upload, v->route.offset, x->body_len);
    if (st != MV_OK) {
        relay_refuse_status(x, st);
    }
}

void relay_stream_end_part(mv_http_exchange *x)
{
    relay_visit *v = x->state;
    const mv_status ended = mv_part_end(&v->part);
    const mv_status st = v->body_status != MV_OK ? v->body_status : ended;
    relay_stream_changed(v->service, v->route.upload, &v->route.mailbox);
    if (v->route.offset == 0) { /* from its first byte on it is listed */
        relay_waits_arrived(v->service->waits, &v->route.mailbox);
    }
    if (st == MV_OK) {
        relay_reply(x, 204, NULL, NULL);
    } else {
        relay_refuse_status(x, st);
    }
}

/* As for an upload: one run from the start. */
void relay_stream_state(mv_http_exchange *x)
{
    mv_status st = MV_OK;
    const relay_visit *v = x->state;
    mv_buffer body = mv_buffer_make(MV_MESSAGE_MAX);
    mv_runs *runs = calloc(1, sizeof *runs);

    MV_ENSURE(runs != NULL, MV_E_MEMORY);
    MV_TRY(mv_archive_stream_len(&runs->len, v->service->archive, v->route.upload));
    MV_ENSURE(runs->len == 0 || mv_runs_add(runs, 0, runs->len), MV_E_INTERNAL);
    MV_TRY(mv_runs_write(&body, runs));
done:
    free(runs);
    relay_reply_json(x, 200, st, &body);
}

void relay_stream_end(mv_http_exchange *x)
{
    const relay_visit *v = x->state;
    mv_offer offer;
    mv_status st = v->body_status;

    if (st == MV_OK) {
        st = mv_offer_read(&offer, v->body.bytes, v->body.len);
    }
    if (st == MV_OK) {
        st = mv_archive_stream_end(v->service->archive, v->route.upload, &offer);
    }
    if (st == MV_OK) {
        relay_change_later(x, MV_CHANGE_GATHER);
    } else if (st == MV_E_EXISTS) {
        relay_reply(x, 200, NULL, NULL);
    } else {
        relay_refuse_status(x, st);
    }
}

void relay_stream_cancel(mv_http_exchange *x)
{
    const relay_visit *v = x->state;
    const mv_status st = mv_archive_stream_cancel(v->service->archive, v->route.upload);
    if (st == MV_OK) {
        relay_reply(x, 204, NULL, NULL);
    } else {
        relay_refuse_status(x, st);
    }
}

/* ---- the owner's side ---- */

bool relay_stream_list(mv_http_exchange *x, bool is_last)
{
    mv_status st = MV_OK;
    const relay_visit *v = x->state;
    bool empty = true;
    mv_buffer body = mv_buffer_make(MV_MESSAGE_MAX);
    mv_listing *listing = malloc(sizeof *listing);

    MV_ENSURE(listing != NULL, MV_E_MEMORY);
    MV_TRY(mv_archive_streams(listing, v->service->archive, &v->route.mailbox, v->route.after));
    empty = listing->count == 0;
    MV_TRY(mv_listing_write(&body, listing));
done:
    free(listing);
    if (st == MV_OK && empty && !is_last) {
        mv_buffer_clear(&body);
        return false;
    }
    relay_reply_json(x, 200, st, &body);
    return true;
}

/* It has become a file: where, and which. */
static void give_file_name(mv_http_exchange *x, const mv_stream_state *state)
{
    const relay_visit *v = x->state;
    mv_route route = {.kind = MV_ROUTE_FILE, .mailbox = v->route.mailbox};
    mv_offer offer = {.len = state->len};
    char target[MV_TARGET_MAX];
    mv_buffer body = mv_buffer_make(MV_MESSAGE_MAX);

    memcpy(route.file, state->file, MV_FILE_HASH_LEN);
    memcpy(offer.file, state->file, MV_FILE_HASH_LEN);
    mv_route_write(target, &route);
    relay_reply_json(x, 303, mv_offer_write(&body, &offer), &body);
    mv_http_reply_header(x, "Location", target);
}

bool relay_stream_bytes(mv_http_exchange *x, bool is_last)
{
    const relay_visit *v = x->state;
    mv_stream_state state;
    const mv_status st =
        mv_archive_stream(&state, v->service->archive, &v->route.mailbox, v->route.upload);

    if (st != MV_OK) {
        relay_refuse_status(x, st);
    } else if (state.ended) {
        give_file_name(x, &state);
    } else if (state.fd >= 0 && state.len > v->route.offset) {
        mv_http_reply_file(x, 200, state.fd, v->route.offset, state.len - v->route.offset);
        relay_add_nonce(x);
        return true;
    } else if (state.fd >= 0 && state.len < v->route.offset) {
        relay_refuse(x, 416, "the stream is not that long", 0);
    } else if (is_last) {
        relay_reply(x, 204, NULL, NULL);
    }
    if (state.fd >= 0) {
        (void)close(state.fd);
    }
    return x->status != 0;
}

void relay_stream_wait(void *user, mv_http_exchange *x)
{
    const relay_service *s = user;
    const relay_visit *v = x->state;
    const mv_mailbox place = v->route.kind == MV_ROUTE_STREAM_LIST
                                 ? v->route.mailbox
                                 : place_of(v->route.upload, v->route.mailbox.epoch);
    relay_waits_add(s->waits, x, &place, v->route.wait_s);
}
