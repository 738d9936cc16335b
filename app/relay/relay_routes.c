/* SPDX-License-Identifier: Apache-2.0
 *
 * relay_routes.c: one request, from its headers to its line in the log.
 */
#include "relay_routes.h"

#include "base/clock.h"
#include "wire/hex.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* One request on its way through; x->state. */
typedef struct visit {
    mv_route route;
    bool known;      /* route is valid */
    bool gets_nonce; /* the reply carries a nonce for the next proof */
    bool has_range;
    mv_byte_range range;
    mv_upload *upload;
    mv_status upload_status;
    uint64_t received;
} visit;

/* ---- replies ---- */

static void add_nonce(const relay_service *s, mv_http_exchange *x)
{
    uint8_t nonce[MV_NONCE_LEN];
    char text[2 * MV_NONCE_LEN + 1];
    const visit *v = x->state;
    if (v != NULL && v->gets_nonce && relay_nonce_make(nonce, s->policy) == MV_OK) {
        mv_hex_write(text, nonce, MV_NONCE_LEN);
        mv_http_reply_header(x, "Medveil-Nonce", text);
    }
}

static void reply(const relay_service *s, mv_http_exchange *x, int status, const char *type,
                  const mv_buffer *body)
{
    static const uint8_t nothing[1] = {0};
    mv_http_reply(x, status, type, body == NULL ? nothing : body->bytes,
                  body == NULL ? 0 : body->len);
    add_nonce(s, x);
}

static void refuse(const relay_service *s, mv_http_exchange *x, int status, const char *title,
                   uint64_t limit_bytes)
{
    mv_problem problem = {.status = status, .limit_bytes = limit_bytes};
    mv_buffer body = mv_buffer_make(MV_MESSAGE_MAX);
    (void)snprintf(problem.title, sizeof problem.title, "%s", title);
    const mv_status st = mv_problem_write(&body, &problem);
    reply(s, x, status, "application/problem+json", st == MV_OK ? &body : NULL);
    if (status == 401) {
        mv_http_reply_header(x, "WWW-Authenticate", "Medveil");
    }
    mv_buffer_clear(&body);
}

/* The refusal for whatever the archive or a message says went wrong. */
static void refuse_status(const relay_service *s, mv_http_exchange *x, mv_status st)
{
    switch (st) {
    case MV_E_NOT_FOUND:
        refuse(s, x, 404, "there is no such file", 0);
        return;
    case MV_E_LIMIT:
        refuse(s, x, 413, "the file is too large", s->config->max_file_bytes);
        return;
    case MV_E_POLICY:
        refuse(s, x, 507, "the mailbox or the relay is full", 0);
        return;
    case MV_E_AUTH:
        refuse(s, x, 422, "the body does not have the hash in its name", 0);
        return;
    case MV_E_TRUNCATED:
    case MV_E_RANGE:
        refuse(s, x, 400, "the body is not as long as announced", 0);
        return;
    case MV_E_MEMORY:
        refuse(s, x, 503, "the relay is overloaded", 0);
        return;
    default:
        refuse(s, x, 500, "the relay cannot do this now", 0);
        return;
    }
}

/* ---- the four routes ---- */

static void give_health(const relay_service *s, mv_http_exchange *x)
{
    mv_buffer body = mv_buffer_make(16);
    const mv_status st = mv_buffer_append(&body, (const uint8_t *)"ok\n", 3);
    reply(s, x, 200, "text/plain", st == MV_OK ? &body : NULL);
    mv_buffer_clear(&body);
}

static void give_challenge(const relay_service *s, mv_http_exchange *x)
{
    mv_status st = MV_OK;
    uint8_t nonce[MV_NONCE_LEN];
    mv_buffer body = mv_buffer_make(MV_MESSAGE_MAX);

    MV_TRY(relay_nonce_make(nonce, s->policy));
    MV_TRY(mv_challenge_write(&body, nonce));
    reply(s, x, 200, "application/json", &body);
done:
    if (st != MV_OK) {
        refuse_status(s, x, st);
    }
    mv_buffer_clear(&body);
}

static void give_list(const relay_service *s, mv_http_exchange *x)
{
    mv_status st = MV_OK;
    const visit *v = x->state;
    mv_buffer body = mv_buffer_make(MV_MESSAGE_MAX);
    mv_listing *listing = malloc(sizeof *listing);

    MV_ENSURE(listing != NULL, MV_E_MEMORY);
    MV_TRY(mv_archive_list(listing, s->archive, v->route.mailbox, v->route.file));
    MV_TRY(mv_listing_write(&body, listing));
    reply(s, x, 200, "application/json", &body);
done:
    if (st != MV_OK) {
        refuse_status(s, x, st);
    }
    free(listing);
    mv_buffer_clear(&body);
}

static void give_range(const relay_service *s, mv_http_exchange *x, int fd, uint64_t len)
{
    const visit *v = x->state;
    char text[96];
    const uint64_t last = v->range.last < len ? v->range.last : len - 1;
    if (v->range.first >= len) {
        (void)close(fd);
        refuse(s, x, 416, "the file is not that long", 0);
        (void)snprintf(text, sizeof text, "bytes */%" PRIu64, len);
    } else {
        mv_http_reply_file(x, 206, fd, v->range.first, last - v->range.first + 1);
        add_nonce(s, x);
        (void)snprintf(text, sizeof text, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, v->range.first,
                       last, len);
    }
    mv_http_reply_header(x, "Content-Range", text);
}

static void give_file(const relay_service *s, mv_http_exchange *x)
{
    const visit *v = x->state;
    int fd = -1;
    uint64_t len = 0;
    const mv_status st = mv_archive_get(&fd, &len, s->archive, v->route.mailbox, v->route.file);
    if (st != MV_OK) {
        refuse_status(s, x, st);
    } else if (v->has_range) {
        give_range(s, x, fd, len);
    } else {
        mv_http_reply_file(x, 200, fd, 0, len);
        mv_http_reply_header(x, "Accept-Ranges", "bytes");
        add_nonce(s, x);
    }
}

static void remove_file(const relay_service *s, mv_http_exchange *x)
{
    const visit *v = x->state;
    const mv_status st = mv_archive_remove(s->archive, v->route.mailbox, v->route.file);
    if (st != MV_OK) {
        refuse_status(s, x, st);
    } else {
        reply(s, x, 204, NULL, NULL);
    }
}

static void end_upload(const relay_service *s, mv_http_exchange *x)
{
    visit *v = x->state;
    mv_status st = v->upload_status;
    if (st == MV_OK) {
        st = mv_upload_commit(v->upload);
    }
    if (st == MV_OK || st == MV_E_EXISTS) {
        reply(s, x, st == MV_OK ? 201 : 200, NULL, NULL);
    } else {
        refuse_status(s, x, st);
    }
}

/* ---- the server's calls ---- */

static bool method_fits(const mv_http_exchange *x, const mv_route *route)
{
    return strcmp(x->method, "GET") == 0 ||
           (route->kind == MV_ROUTE_FILE &&
            (strcmp(x->method, "PUT") == 0 || strcmp(x->method, "DELETE") == 0));
}

/* Takes room for the body; what is there already needs no second copy. */
static void begin_upload(const relay_service *s, mv_http_exchange *x)
{
    visit *v = x->state;
    if (x->body_len == 0 || x->body_len == MV_HTTP_LEN_NONE) {
        refuse(s, x, 411, "the length of the file must be stated", 0);
        return;
    }
    v->upload_status =
        mv_archive_begin(&v->upload, s->archive, v->route.mailbox, v->route.file, x->body_len);
    if (v->upload_status == MV_E_EXISTS && x->if_none_match != NULL) {
        refuse(s, x, 412, "the file is there already", 0);
    } else if (v->upload_status != MV_OK && v->upload_status != MV_E_EXISTS) {
        refuse_status(s, x, v->upload_status);
    }
}

static void begin_known(const relay_service *s, mv_http_exchange *x)
{
    visit *v = x->state;
    const bool is_upload = strcmp(x->method, "PUT") == 0;

    if (!method_fits(x, &v->route)) {
        refuse(s, x, 405, "this method does not fit", 0);
        mv_http_reply_header(x, "Allow",
                             v->route.kind == MV_ROUTE_FILE ? "GET, PUT, DELETE" : "GET");
        return;
    }
    if (!is_upload && x->body_len != 0) {
        refuse(s, x, 400, "this request takes no body", 0);
        return;
    }
    const mv_status st =
        relay_policy_check(s->policy, x->method, x->target, &v->route, x->authorization);
    v->gets_nonce = st == MV_E_AUTH || x->authorization != NULL;
    if (st == MV_E_AUTH) {
        refuse(s, x, 401, "this needs a valid proof", 0);
    } else if (st != MV_OK) {
        refuse(s, x, 503, "the relay is overloaded", 0);
    } else if (is_upload) {
        begin_upload(s, x);
    } else if (x->range != NULL) {
        v->has_range = mv_byte_range_read(&v->range, x->range) == MV_OK;
    }
}

static void on_begin(void *user, mv_http_exchange *x)
{
    const relay_service *s = user;
    visit *v = calloc(1, sizeof *v);
    x->state = v;
    if (v == NULL) {
        refuse(s, x, 503, "the relay is overloaded", 0);
        return;
    }
    v->known = mv_route_read(&v->route, x->target) == MV_OK;
    if (!v->known) {
        refuse(s, x, 404, "there is nothing here", 0);
        return;
    }
    begin_known(s, x);
}

static void on_body(void *user, mv_http_exchange *x, const uint8_t *bytes, size_t len)
{
    visit *v = x->state;
    (void)user;
    v->received += len;
    if (v->upload_status == MV_OK) {
        v->upload_status = mv_upload_write(v->upload, bytes, len);
    }
}

static void on_end(void *user, mv_http_exchange *x)
{
    const relay_service *s = user;
    const visit *v = x->state;
    if (v->route.kind == MV_ROUTE_HEALTH) {
        give_health(s, x);
    } else if (v->route.kind == MV_ROUTE_CHALLENGE) {
        give_challenge(s, x);
    } else if (v->route.kind == MV_ROUTE_LIST) {
        give_list(s, x);
    } else if (strcmp(x->method, "PUT") == 0) {
        end_upload(s, x);
    } else if (strcmp(x->method, "DELETE") == 0) {
        remove_file(s, x);
    } else {
        give_file(s, x);
    }
}

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

static void write_log(const relay_service *s, const mv_http_exchange *x)
{
    const visit *v = x->state;
    const time_t now = time(NULL);
    struct tm utc;
    char when[32] = "";

    if (s->log == NULL) {
        return;
    }
    if (gmtime_r(&now, &utc) != NULL) {
        (void)strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc);
    }
    (void)fprintf(s->log, "%s %s %s %d %.1f ms in %" PRIu64 " out %" PRIu64 "%s\n", when,
                  method_for_log(x),
                  mv_route_template(v != NULL && v->known ? v->route.kind : MV_ROUTE_COUNT),
                  x->status, mv_clock_ms() - x->started_ms, v == NULL ? 0 : v->received,
                  x->sent_len, x->broken ? " broken" : "");
    (void)fflush(s->log);
}

static void on_done(void *user, mv_http_exchange *x)
{
    visit *v = x->state;
    write_log(user, x);
    if (v != NULL) {
        mv_upload_free(&v->upload);
        free(v);
        x->state = NULL;
    }
}

mv_http_app relay_app(relay_service *service)
{
    const mv_http_app app = {service, on_begin, on_body, on_end, on_done};
    return app;
}
