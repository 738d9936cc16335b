/* SPDX-License-Identifier: Apache-2.0
 *
 * relay_routes.c: one request, from its headers to its line in the log.
 */
#include "relay_routes.h"

#include "base/clock.h"
#include "envelope/mailbox.h"
#include "relay_streams.h"
#include "relay_visit.h"
#include "wire/hex.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define HELD_MAX   (64u << 20) /* bytes of bodies for galleries, all requests together */
#define EPOCHS_OFF 8 /* how far an upload's epoch may be from ours: clocks differ, queues wait */

/* ---- routes of operators ---- */

static void give_text(mv_http_exchange *x, int status, const char *text)
{
    mv_buffer body = mv_buffer_make(64);
    const mv_status st = mv_buffer_append(&body, (const uint8_t *)text, strlen(text));
    relay_reply(x, status, "text/plain", st == MV_OK ? &body : NULL);
    mv_buffer_clear(&body);
}

/* What keeps the relay from serving; NULL: nothing. */
static const char *obstacle(relay_service *s)
{
    mv_archive_stats stats;
    if (atomic_load(&s->stopping)) {
        return "the relay is stopping";
    }
    if (atomic_load(&s->audit_failed)) {
        return "the audit log cannot be written";
    }
    if (mv_archive_count(&stats, s->archive) != MV_OK) {
        return "the database does not answer";
    }
    switch (mv_archive_try_disk(s->archive)) {
    case MV_OK:
        return NULL;
    case MV_E_POLICY:
        return "the disk is full";
    default:
        return "the folder of the store cannot be written";
    }
}

static void give_ready(mv_http_exchange *x)
{
    const relay_visit *v = x->state;
    const char *why = obstacle(v->service);
    if (why != NULL) {
        relay_refuse(x, 503, why, 0);
    } else {
        give_text(x, 200, "ok\n");
    }
}

static void give_metrics(mv_http_exchange *x)
{
    mv_status st = MV_OK;
    const relay_visit *v = x->state;
    const relay_service *s = v->service;
    mv_archive_stats stats;
    mv_buffer body = mv_buffer_make(MV_MESSAGE_MAX);

    MV_TRY(mv_archive_count(&stats, s->archive));
    MV_TRY(relay_metrics_write(&body, s->metrics, &stats, mv_http_server_connections(s->server)));
    relay_reply(x, 200, "text/plain; version=0.0.4", &body);
done:
    if (st != MV_OK) {
        relay_refuse_status(x, st);
    }
    mv_buffer_clear(&body);
}

/* ---- reading ---- */

static uint32_t epoch_now(void)
{
    return (uint32_t)(time(NULL) / MV_EPOCH_S);
}

static void give_challenge(mv_http_exchange *x)
{
    const relay_visit *v = x->state;
    uint8_t nonce[MV_NONCE_LEN];
    mv_buffer body = mv_buffer_make(MV_MESSAGE_MAX);
    mv_status st = relay_nonce_make(nonce, v->service->policy);
    if (st == MV_OK) {
        st = mv_challenge_write(&body, nonce);
    }
    relay_reply_json(x, 200, st, &body);
}

static void give_epochs(mv_http_exchange *x)
{
    const relay_visit *v = x->state;
    mv_epochs epochs = {.now = epoch_now(), .part_bytes_max = MV_PART_MAX};
    mv_buffer body = mv_buffer_make(MV_MESSAGE_MAX);
    mv_status st = mv_archive_epochs(&epochs, v->service->archive);
    if (st == MV_OK) {
        st = mv_epochs_write(&body, &epochs);
    }
    relay_reply_json(x, 200, st, &body);
}

/* The list; when is_last is false, only one that is not empty. Whether there is a reply now. */
static bool give_list(void *user, mv_http_exchange *x, bool is_last)
{
    mv_status st = MV_OK;
    const relay_visit *v = x->state;
    bool empty = true;
    mv_buffer body = mv_buffer_make(MV_MESSAGE_MAX);
    mv_listing *listing = malloc(sizeof *listing);

    (void)user;
    MV_ENSURE(listing != NULL, MV_E_MEMORY);
    MV_TRY(mv_archive_list(listing, v->service->archive, &v->route.mailbox, v->route.after));
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

static void wait_for_list(void *user, mv_http_exchange *x)
{
    relay_service *s = user;
    const relay_visit *v = x->state;
    relay_waits_add(s->waits, x, &v->route.mailbox, v->route.wait_s);
}

static void give_range(mv_http_exchange *x, int fd, uint64_t len)
{
    const relay_visit *v = x->state;
    char text[96];
    const uint64_t last = v->range.last < len ? v->range.last : len - 1;
    if (v->range.first >= len) {
        (void)close(fd);
        relay_refuse(x, 416, "the file is not that long", 0);
        (void)snprintf(text, sizeof text, "bytes */%" PRIu64, len);
    } else {
        mv_http_reply_file(x, 206, fd, v->range.first, last - v->range.first + 1);
        relay_add_nonce(x);
        (void)snprintf(text, sizeof text, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, v->range.first,
                       last, len);
    }
    mv_http_reply_header(x, "Content-Range", text);
}

static void give_file(mv_http_exchange *x)
{
    const relay_visit *v = x->state;
    int fd = -1;
    uint64_t len = 0;
    const mv_status st =
        mv_archive_get(&fd, &len, v->service->archive, &v->route.mailbox, v->route.file);
    if (st != MV_OK) {
        relay_refuse_status(x, st);
    } else if (v->has_range) {
        give_range(x, fd, len);
    } else {
        mv_http_reply_file(x, 200, fd, 0, len);
        mv_http_reply_header(x, "Accept-Ranges", "bytes");
        relay_add_nonce(x);
    }
}

static void give_receipt(mv_http_exchange *x)
{
    const relay_visit *v = x->state;
    mv_buffer body = mv_buffer_make(MV_RECEIPT_MAX);
    const mv_status st =
        mv_archive_receipt(&body, v->service->archive, &v->route.mailbox, v->route.file);
    if (st == MV_OK) {
        relay_reply(x, 200, "application/octet-stream", &body);
    } else {
        relay_refuse_status(x, st);
    }
    mv_buffer_clear(&body);
}

static void give_runs(mv_http_exchange *x)
{
    mv_status st = MV_OK;
    const relay_visit *v = x->state;
    mv_buffer body = mv_buffer_make(MV_MESSAGE_MAX);
    mv_runs *runs = malloc(sizeof *runs);

    MV_ENSURE(runs != NULL, MV_E_MEMORY);
    MV_TRY(mv_archive_runs(runs, v->service->archive, v->route.upload));
    MV_TRY(mv_runs_write(&body, runs));
done:
    free(runs);
    relay_reply_json(x, 200, st, &body);
}

/* ---- changes, which are answered when they are on disk ---- */

void relay_note(relay_service *service, const char *event, const uint8_t *file, uint64_t bytes)
{
    if (service->audit != NULL && mv_audit_add(service->audit, event, file, bytes) != MV_OK) {
        atomic_store(&service->audit_failed, true);
    }
}

static void note_change(relay_service *s, const mv_change *c)
{
    if (c->st != MV_OK) {
        return;
    }
    if (c->kind == MV_CHANGE_STORE || c->kind == MV_CHANGE_GATHER) {
        relay_note(s, "stored", c->file, c->bytes);
        relay_waits_arrived(s->waits, &c->mailbox);
    } else {
        relay_note(s, c->kind == MV_CHANGE_RECEIPT ? "received" : "removed", c->file, c->bytes);
    }
}

static void answer_change(mv_http_exchange *x, const mv_change *c)
{
    const bool removes = c->kind == MV_CHANGE_REMOVE;
    if (c->st == MV_OK) {
        relay_reply(x, removes ? 204 : 201, NULL, NULL);
    } else if (c->st == MV_E_EXISTS) {
        relay_reply(x, 200, NULL, NULL);
    } else if (c->kind == MV_CHANGE_GATHER && c->st == MV_E_TRUNCATED) {
        relay_refuse(x, 409, "parts are missing", 0);
    } else {
        relay_refuse_status(x, c->st);
    }
}

static void change_done(void *user, mv_change *change)
{
    mv_http_exchange *x = user;
    const relay_visit *v = x->state;
    note_change(v->service, change);
    if (v->route.kind == MV_ROUTE_STREAM) {
        relay_stream_changed(v->service, change->upload_id, &change->mailbox);
    }
    answer_change(x, change);
    mv_http_resume(x);
}

static void submit_change(void *user, mv_http_exchange *x)
{
    relay_visit *v = x->state;
    (void)user;
    mv_archive_submit(v->service->archive, &v->change);
}

void relay_change_later(mv_http_exchange *x, mv_change_kind kind)
{
    relay_visit *v = x->state;
    v->change.kind = kind;
    v->change.mailbox = v->route.mailbox;
    memcpy(v->change.file, v->route.file, MV_FILE_HASH_LEN);
    memcpy(v->change.upload_id, v->route.upload, MV_UPLOAD_ID_LEN);
    v->change.upload = v->upload;
    v->change.receipt = v->body.bytes;
    v->change.receipt_len = v->body.len;
    v->change.done = change_done;
    v->change.user = x;
    x->later = submit_change;
}

static void end_upload(mv_http_exchange *x)
{
    relay_visit *v = x->state;
    mv_status st = v->body_status;
    if (st == MV_OK) {
        st = mv_upload_seal(v->upload);
    }
    if (st == MV_OK) {
        relay_change_later(x, MV_CHANGE_STORE);
    } else if (st == MV_E_EXISTS) {
        relay_reply(x, 200, NULL, NULL);
    } else {
        relay_refuse_status(x, st);
    }
}

static void end_part(mv_http_exchange *x)
{
    relay_visit *v = x->state;
    const mv_status ended = mv_part_end(&v->part);
    const mv_status st = v->body_status != MV_OK ? v->body_status : ended;
    if (st == MV_OK) {
        relay_reply(x, 204, NULL, NULL);
    } else {
        relay_refuse_status(x, st == MV_E_LIMIT ? MV_E_BUSY : st);
    }
}

static void end_offer(mv_http_exchange *x)
{
    relay_visit *v = x->state;
    mv_offer offer;
    mv_ticket ticket = {.present = false};
    mv_buffer body = mv_buffer_make(MV_MESSAGE_MAX);
    mv_status st = v->body_status;

    if (st == MV_OK) {
        st = mv_offer_read(&offer, v->body.bytes, v->body.len);
    }
    if (st == MV_OK) {
        st = mv_archive_offer(&ticket, v->service->archive, &v->route.mailbox, &offer);
    }
    if (st == MV_OK) {
        st = mv_ticket_write(&body, &ticket);
    }
    relay_reply_json(x, ticket.present ? 200 : 201, st, &body);
}

static void end_receipt(mv_http_exchange *x)
{
    const relay_visit *v = x->state;
    if (v->body_status == MV_OK) {
        relay_change_later(x, MV_CHANGE_RECEIPT);
    } else {
        relay_refuse_status(x, v->body_status);
    }
}

static void cancel_upload(mv_http_exchange *x)
{
    const relay_visit *v = x->state;
    const mv_status st = mv_archive_cancel(v->service->archive, v->route.upload);
    if (st == MV_OK) {
        relay_reply(x, 204, NULL, NULL);
    } else {
        relay_refuse_status(x, st);
    }
}

/* ---- bundles ---- */

static void bundle_changed(void *user, const mv_change *change)
{
    note_change(user, change);
}

static void bundle_done(void *user)
{
    mv_http_exchange *x = user;
    const relay_visit *v = x->state;
    mv_buffer body = mv_buffer_make(MV_MESSAGE_MAX);
    mv_results *results = malloc(sizeof *results);
    mv_status st = MV_E_MEMORY;

    if (results != NULL) {
        relay_bundle_results(results, v->bundle);
        st = mv_results_write(&body, results);
    }
    free(results);
    relay_reply_json(x, 200, st, &body);
    mv_http_resume(x);
}

static void submit_bundle(void *user, mv_http_exchange *x)
{
    relay_visit *v = x->state;
    relay_bundle_submit(v->bundle, bundle_changed, user, bundle_done, x);
}

static void end_bundle(mv_http_exchange *x)
{
    relay_visit *v = x->state;
    mv_status st = v->body_status;
    if (st == MV_OK) {
        st = relay_bundle_end(v->bundle);
    }
    if (st == MV_OK) {
        x->later = submit_bundle;
    } else if (st == MV_E_MEMORY || st == MV_E_IO || st == MV_E_BUSY) {
        relay_refuse_status(x, st);
    } else {
        relay_refuse(x, 400, "the body is no bundle", 0);
    }
}

/* ---- galleries ---- */

static void answer_job(mv_http_exchange *x, relay_job *j)
{
    relay_result *a = &j->answer;
    if (a->title != NULL) {
        relay_refuse(x, a->status, a->title, 0);
    } else if (a->fd >= 0) {
        mv_http_reply_file(x, a->status, a->fd, 0, a->fd_len);
        relay_add_nonce(x);
    } else {
        relay_reply(x, a->status, a->type, a->body.len == 0 ? NULL : &a->body);
    }
}

static void job_done(void *user, relay_job *j)
{
    mv_http_exchange *x = user;
    const relay_visit *v = x->state;
    if (j->answer.event != NULL) {
        relay_note(v->service, j->answer.event, NULL, j->len);
    }
    answer_job(x, j);
    mv_buffer_clear(&j->answer.body);
    mv_http_resume(x);
}

static void submit_job(void *user, mv_http_exchange *x)
{
    relay_visit *v = x->state;
    relay_service *s = user;
    if (!relay_galleries_add(s->galleries, &v->job)) {
        relay_refuse(x, 503, "the relay is overloaded", 0);
        mv_http_resume(x);
    }
}

static void end_gallery(mv_http_exchange *x, relay_verb verb)
{
    relay_visit *v = x->state;
    if (v->body_status != MV_OK) {
        relay_refuse_status(x, v->body_status);
        return;
    }
    v->job = (relay_job){.route = v->route,
                         .verb = verb,
                         .body = v->body.bytes,
                         .len = v->body.len,
                         .done = job_done,
                         .user = x};
    x->later = submit_job;
}

/* Room in memory for the body, which is given back when the request ends. */
static void begin_gallery(mv_http_exchange *x)
{
    relay_visit *v = x->state;
    v->body = mv_buffer_make((size_t)relay_gallery_body_max(v->route.kind));
    v->held = x->body_len;
    if (atomic_fetch_add(&v->service->held, v->held) + v->held > HELD_MAX) {
        relay_refuse(x, 503, "the relay is overloaded", 0);
    }
}

static bool is_for_galleries(const mv_route *route)
{
    return mv_route_has_gallery(route->kind) || route->kind >= MV_ROUTE_MODELS;
}

/* ---- which route takes what ---- */

enum { GET = 1, PUT = 2, DELETE = 4, POST = 8 };

static unsigned methods_of(mv_route_kind kind)
{
    static const uint8_t methods[MV_ROUTE_COUNT] = {
        [MV_ROUTE_HEALTH] = GET,
        [MV_ROUTE_READY] = GET,
        [MV_ROUTE_METRICS] = GET,
        [MV_ROUTE_CHALLENGE] = GET,
        [MV_ROUTE_EPOCHS] = GET,
        [MV_ROUTE_LIST] = GET,
        [MV_ROUTE_FILE] = GET | PUT | DELETE,
        [MV_ROUTE_RECEIPT] = GET | PUT,
        [MV_ROUTE_BUNDLE] = POST,
        [MV_ROUTE_UPLOADS] = POST,
        [MV_ROUTE_UPLOAD] = GET | POST | DELETE,
        [MV_ROUTE_PART] = PUT,
        [MV_ROUTE_GALLERY_KEYS] = PUT,
        [MV_ROUTE_GALLERY_MASK] = PUT,
        [MV_ROUTE_GALLERY_ROW] = PUT | DELETE,
        [MV_ROUTE_GALLERY_GROUPS] = POST,
        [MV_ROUTE_GALLERY_RECORDS] = GET,
        [MV_ROUTE_GALLERY_SEARCH] = POST,
        [MV_ROUTE_GALLERY_PART] = GET,
        [MV_ROUTE_GALLERY_REPACK] = POST,
        [MV_ROUTE_GALLERY_CLASSIFY] = POST,
        [MV_ROUTE_MODELS] = GET,
        [MV_ROUTE_STREAMS] = POST,
        [MV_ROUTE_STREAM_LIST] = GET,
        [MV_ROUTE_STREAM_BYTES] = GET,
        [MV_ROUTE_STREAM] = GET | POST | DELETE,
        [MV_ROUTE_STREAM_PART] = PUT,
    };
    return methods[kind];
}

static const struct {
    const char *name;
    unsigned method;
} known_methods[] = {{"GET", GET}, {"PUT", PUT}, {"DELETE", DELETE}, {"POST", POST}};

static unsigned method_of(const mv_http_exchange *x)
{
    for (size_t i = 0; i < sizeof known_methods / sizeof known_methods[0]; i++) {
        if (strcmp(x->method, known_methods[i].name) == 0) {
            return known_methods[i].method;
        }
    }
    return 0;
}

static void refuse_method(mv_http_exchange *x, mv_route_kind kind)
{
    char allowed[64] = "";
    for (size_t i = 0; i < sizeof known_methods / sizeof known_methods[0]; i++) {
        if ((methods_of(kind) & known_methods[i].method) != 0) {
            (void)strcat(allowed, allowed[0] == '\0' ? "" : ", ");
            (void)strcat(allowed, known_methods[i].name);
        }
    }
    relay_refuse(x, 405, "this method does not fit", 0);
    mv_http_reply_header(x, "Allow", allowed);
}

/* The longest body of a request; 0: it takes none. */
static uint64_t body_max(const relay_visit *v, unsigned method)
{
    if (is_for_galleries(&v->route)) {
        return method == PUT || method == POST ? relay_gallery_body_max(v->route.kind) : 0;
    }
    if (method == PUT) {
        return v->route.kind == MV_ROUTE_RECEIPT ? MV_RECEIPT_MAX
               : v->route.kind == MV_ROUTE_PART || v->route.kind == MV_ROUTE_STREAM_PART
                   ? MV_PART_MAX
                   : UINT64_MAX - 1;
    }
    if (method == POST && v->route.kind != MV_ROUTE_UPLOAD && v->route.kind != MV_ROUTE_STREAMS) {
        return v->route.kind == MV_ROUTE_BUNDLE ? MV_BUNDLE_MAX : 4096;
    }
    return 0;
}

/* Refuses a body of the wrong length; false when it did. */
static bool body_fits(mv_http_exchange *x, unsigned method)
{
    const uint64_t max = body_max(x->state, method);
    if (max == 0 && x->body_len != 0) {
        relay_refuse(x, 400, "this request takes no body", 0);
    } else if (max != 0 && (x->body_len == 0 || x->body_len == MV_HTTP_LEN_NONE)) {
        relay_refuse(x, 411, "the length of the body must be stated", 0);
    } else if (x->body_len > max) {
        relay_refuse(x, 413, "the body is too large", max);
    }
    return x->status == 0;
}

bool relay_epoch_is_near(uint32_t epoch)
{
    const int64_t off = (int64_t)epoch - (int64_t)epoch_now();
    return off >= -EPOCHS_OFF && off <= EPOCHS_OFF;
}

/* Takes room for the body; what is there already needs no second copy. */
static void begin_file(mv_http_exchange *x)
{
    relay_visit *v = x->state;
    v->body_status = mv_archive_begin(&v->upload, v->service->archive, &v->route.mailbox,
                                      v->route.file, x->body_len);
    if (v->body_status == MV_E_EXISTS && x->if_none_match != NULL) {
        relay_refuse(x, 412, "the file is there already", 0);
    } else if (v->body_status != MV_OK && v->body_status != MV_E_EXISTS) {
        relay_refuse_status(x, v->body_status);
    }
}

static void begin_part(mv_http_exchange *x)
{
    relay_visit *v = x->state;
    const mv_status st = mv_archive_part(&v->part, v->service->archive, v->route.upload,
                                         v->route.offset, x->body_len);
    if (st == MV_E_RANGE) {
        relay_refuse(x, 416, "the file is not that long", 0);
    } else if (st == MV_E_FORMAT) {
        relay_refuse(x, 400, "a part is of whole blocks of 65536 bytes", 0);
    } else if (st != MV_OK) {
        relay_refuse_status(x, st);
    }
}

static void begin_sending(mv_http_exchange *x)
{
    relay_visit *v = x->state;
    const bool enters = v->route.kind == MV_ROUTE_FILE || v->route.kind == MV_ROUTE_BUNDLE ||
                        v->route.kind == MV_ROUTE_UPLOADS || v->route.kind == MV_ROUTE_STREAMS;
    const bool timeless = v->route.mailbox.epoch == 0 && v->route.kind != MV_ROUTE_STREAMS;
    if (is_for_galleries(&v->route)) {
        begin_gallery(x);
    } else if (enters && !timeless && !relay_epoch_is_near(v->route.mailbox.epoch)) {
        relay_refuse(x, 422, "this epoch is not near the present one", 0);
    } else if (v->route.kind == MV_ROUTE_FILE) {
        begin_file(x);
    } else if (v->route.kind == MV_ROUTE_PART) {
        begin_part(x);
    } else if (v->route.kind == MV_ROUTE_STREAM_PART) {
        relay_stream_begin_part(x);
    } else if (v->route.kind == MV_ROUTE_BUNDLE) {
        v->body_status = relay_bundle_new(&v->bundle, v->service->archive, &v->route.mailbox);
    }
}

static bool may_ask(mv_http_exchange *x)
{
    const relay_visit *v = x->state;
    relay_service *s = v->service;
    uint8_t client[RELAY_CLIENT_LEN];
    char seconds[16];

    relay_client_of(client, s->config, x->peer, x->forwarded_for);
    const unsigned wait_s = relay_rates_take(s->rates, client, mv_clock_ms());
    if (s->config->client_ca[0] != '\0' && !x->trusted) {
        relay_refuse(x, 403, "this relay asks for a client certificate", 0);
    } else if (wait_s != 0) {
        relay_refuse(x, 429, "too many requests", 0);
        (void)snprintf(seconds, sizeof seconds, "%u", wait_s);
        mv_http_reply_header(x, "Retry-After", seconds);
    } else if (v->known && s->galleries == NULL &&
               (is_for_galleries(&v->route) ||
                (mv_route_has_mailbox(v->route.kind) && v->route.mailbox.epoch == 0))) {
        relay_refuse(x, 403, "this relay keeps no galleries", 0);
    } else if (!v->known || (v->route.kind == MV_ROUTE_METRICS &&
                             !relay_nets_hold(&s->config->metrics_from, client))) {
        relay_refuse(x, 404, "there is nothing here", 0);
    }
    return x->status == 0;
}

static mv_status check_proof(const mv_http_exchange *x)
{
    const relay_visit *v = x->state;
    const relay_service *s = v->service;
    uint8_t sender[MV_GALLERY_NAME_LEN];
    const bool known =
        relay_policy_need(s->policy, x->method, &v->route) == RELAY_PROOF_MEMBER &&
        mv_archive_gallery_sender(sender, s->archive, relay_policy_owner(&v->route)) == MV_OK;
    return relay_policy_check(s->policy, x->method, x->target, &v->route, x->authorization,
                              known ? sender : NULL);
}

static void begin_known(mv_http_exchange *x)
{
    relay_visit *v = x->state;
    const unsigned method = method_of(x);

    if ((methods_of(v->route.kind) & method) == 0) {
        refuse_method(x, v->route.kind);
        return;
    }
    if (!body_fits(x, method)) {
        return;
    }
    const mv_status st = check_proof(x);
    v->gets_nonce = st == MV_E_AUTH || x->authorization != NULL || v->route.kind == MV_ROUTE_EPOCHS;
    if (st == MV_E_AUTH) {
        relay_refuse(x, 401, "this needs a valid proof", 0);
    } else if (st != MV_OK) {
        relay_refuse(x, 503, "the relay is overloaded", 0);
    } else if (method == PUT || method == POST) {
        begin_sending(x);
    } else if (x->range != NULL) {
        v->has_range = mv_byte_range_read(&v->range, x->range) == MV_OK;
    }
}

/* ---- the server's calls ---- */

static void on_begin(void *user, mv_http_exchange *x)
{
    relay_visit *v = calloc(1, sizeof *v);
    x->state = v;
    if (v == NULL) {
        mv_http_reply(x, 503, "text/plain", (const uint8_t *)"overloaded\n", 11);
        return;
    }
    v->service = user;
    v->body = mv_buffer_make(4096);
    v->known = mv_route_read(&v->route, x->target) == MV_OK;
    if (may_ask(x)) {
        begin_known(x);
    }
}

static void on_body(void *user, mv_http_exchange *x, const uint8_t *bytes, size_t len)
{
    relay_visit *v = x->state;
    (void)user;
    v->received += len;
    if (v->body_status != MV_OK) {
        return;
    }
    if (v->upload != NULL) {
        v->body_status = mv_upload_write(v->upload, bytes, len);
    } else if (v->part != NULL) {
        v->body_status = mv_part_write(v->part, bytes, len);
    } else if (v->bundle != NULL) {
        v->body_status = relay_bundle_take(v->bundle, bytes, len);
    } else {
        v->body_status = mv_buffer_append(&v->body, bytes, len);
    }
}

static void end_get(mv_http_exchange *x)
{
    relay_visit *v = x->state;
    switch (v->route.kind) {
    case MV_ROUTE_HEALTH:
        give_text(x, 200, "ok\n");
        return;
    case MV_ROUTE_READY:
        give_ready(x);
        return;
    case MV_ROUTE_METRICS:
        give_metrics(x);
        return;
    case MV_ROUTE_CHALLENGE:
        give_challenge(x);
        return;
    case MV_ROUTE_EPOCHS:
        give_epochs(x);
        return;
    case MV_ROUTE_LIST:
        if (!give_list(NULL, x, v->route.wait_s == 0)) {
            x->later = wait_for_list;
        }
        return;
    case MV_ROUTE_FILE:
        give_file(x);
        return;
    case MV_ROUTE_RECEIPT:
        give_receipt(x);
        return;
    case MV_ROUTE_STREAM_LIST:
    case MV_ROUTE_STREAM_BYTES:
        if (!relay_answer(NULL, x, v->route.wait_s == 0)) {
            x->later = relay_stream_wait;
        }
        return;
    case MV_ROUTE_STREAM:
        relay_stream_state(x);
        return;
    case MV_ROUTE_UPLOAD:
        give_runs(x);
        return;
    default:
        end_gallery(x, RELAY_GET);
        return;
    }
}

static void end_post(mv_http_exchange *x)
{
    const relay_visit *v = x->state;
    if (is_for_galleries(&v->route)) {
        end_gallery(x, RELAY_POST);
    } else if (v->route.kind == MV_ROUTE_BUNDLE) {
        end_bundle(x);
    } else if (v->route.kind == MV_ROUTE_UPLOADS) {
        end_offer(x);
    } else if (v->route.kind == MV_ROUTE_STREAMS) {
        relay_stream_begin(x);
    } else if (v->route.kind == MV_ROUTE_STREAM) {
        relay_stream_end(x);
    } else {
        relay_change_later(x, MV_CHANGE_GATHER);
    }
}

static void end_put(mv_http_exchange *x)
{
    const relay_visit *v = x->state;
    if (is_for_galleries(&v->route)) {
        end_gallery(x, RELAY_PUT);
    } else if (v->route.kind == MV_ROUTE_FILE) {
        end_upload(x);
    } else if (v->route.kind == MV_ROUTE_PART) {
        end_part(x);
    } else if (v->route.kind == MV_ROUTE_STREAM_PART) {
        relay_stream_end_part(x);
    } else {
        end_receipt(x);
    }
}

static void on_end(void *user, mv_http_exchange *x)
{
    const relay_visit *v = x->state;
    (void)user;
    switch (method_of(x)) {
    case PUT:
        end_put(x);
        return;
    case POST:
        end_post(x);
        return;
    case DELETE:
        if (is_for_galleries(&v->route)) {
            end_gallery(x, RELAY_DELETE);
        } else if (v->route.kind == MV_ROUTE_UPLOAD) {
            cancel_upload(x);
        } else if (v->route.kind == MV_ROUTE_STREAM) {
            relay_stream_cancel(x);
        } else {
            relay_change_later(x, MV_CHANGE_REMOVE);
        }
        return;
    default:
        end_get(x);
        return;
    }
}

/* ---- the log ---- */

/* The method and the target are the client's words; the log gets only what we know of them. */
static const char *method_for_log(const mv_http_exchange *x)
{
    static const char *const known[] = {"GET", "PUT", "DELETE", "HEAD", "POST", "OPTIONS"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(x->method, known[i]) == 0) {
            return known[i];
        }
    }
    return "(other)";
}

static void write_log(const relay_service *s, const mv_http_exchange *x, const char *route,
                      uint64_t received)
{
    const time_t now = time(NULL);
    const double ms = mv_clock_ms() - x->started_ms;
    struct tm utc;
    char when[32] = "";

    if (s->log == NULL) {
        return;
    }
    if (gmtime_r(&now, &utc) != NULL) {
        (void)strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc);
    }
    (void)fprintf(
        s->log,
        s->config->log_json ? "{\"time\":\"%s\",\"method\":\"%s\",\"route\":\"%s\",\"status\":%d,"
                              "\"ms\":%.1f,\"in\":%" PRIu64 ",\"out\":%" PRIu64 ",\"broken\":%s}\n"
                            : "%s %s %s %d %.1f ms in %" PRIu64 " out %" PRIu64 "%s\n",
        when, method_for_log(x), route, x->status, ms, received, x->sent_len,
        s->config->log_json ? (x->broken ? "true" : "false") : (x->broken ? " broken" : ""));
    (void)fflush(s->log);
}

static void on_done(void *user, mv_http_exchange *x)
{
    relay_service *s = user;
    relay_visit *v = x->state;
    const mv_route_kind kind = v != NULL && v->known ? v->route.kind : MV_ROUTE_COUNT;
    const uint64_t received = v == NULL ? 0 : v->received;
    const relay_request_figures figures = {kind, x->status, (mv_clock_ms() - x->started_ms) / 1000,
                                           received, x->sent_len};
    relay_metrics_request(s->metrics, &figures);
    write_log(s, x, mv_route_template(kind), received);
    if (v != NULL) {
        if (v->part != NULL) {
            (void)mv_part_end(&v->part); /* the connection broke: what arrived is kept */
        }
        mv_upload_free(&v->upload);
        if (v->change.kind == MV_CHANGE_GATHER) {
            mv_upload_free(&v->change.upload);
        }
        relay_bundle_free(&v->bundle);
        (void)atomic_fetch_sub(&s->held, v->held);
        mv_buffer_clear(&v->body);
        free(v);
        x->state = NULL;
    }
}

mv_http_app relay_app(relay_service *service)
{
    const mv_http_app app = {service, on_begin, on_body, on_end, on_done};
    return app;
}

bool relay_answer(void *user, mv_http_exchange *x, bool last)
{
    const relay_visit *v = x->state;
    switch (v->route.kind) {
    case MV_ROUTE_STREAM_LIST:
        return relay_stream_list(x, last);
    case MV_ROUTE_STREAM_BYTES:
        return relay_stream_bytes(x, last);
    default:
        return give_list(user, x, last);
    }
}
