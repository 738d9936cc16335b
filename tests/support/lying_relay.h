/* SPDX-License-Identifier: Apache-2.0
 *
 * lying_relay.h: a relay in memory for one mailbox that can be told to lie. It holds the key of its
 * address, so TLS does not catch it: what catches it must be the sealing, the hashes, the receipts.
 * It checks no proofs.
 */
#ifndef TEST_SUPPORT_LYING_RELAY_H
#define TEST_SUPPORT_LYING_RELAY_H

#include "base/file.h"
#include "base/rng.h"
#include "net/http_server.h"
#include "net/tls_key.h"
#include "wire/json.h"

#include <inttypes.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LYING_FILES_MAX 4096
#define LYING_EPOCH     2951

typedef enum lie {
    HONEST,
    FLIPS_A_BIT,
    TRUNCATES,
    REORDERS,       /* two blocks of a file change places */
    SERVES_ANOTHER, /* one file's bytes under the name of another */
    ANNOUNCES_LESS, /* a shorter length in the listing */
    FORGETS_FILES,  /* says that it has stored them */
    FORGETS_RECEIPTS,
    FORGES_RECEIPTS, /* random bytes of the right length */
    CUTS_RECEIPTS,
    REPLAYS_RECEIPTS, /* gives the first one for every file */
    KEEPS_FILES,      /* lists and serves what was acknowledged */
    LOSES_PARTS,      /* says that parts have arrived and drops every other one */
    LOSES_UPLOADS     /* forgets uploads while they are going on */
} lie;

static const char *const lie_names[] = {
    "honest",           "flips-a-bit",   "truncates",        "reorders",        "serves-another",
    "announces-less",   "forgets-files", "forgets-receipts", "forges-receipts", "cuts-receipts",
    "replays-receipts", "keeps-files",   "loses-parts",      "loses-uploads"};

typedef struct lying_file {
    uint8_t hash[MV_FILE_HASH_LEN];
    uint8_t *bytes;
    uint64_t len;
    uint8_t receipt[MV_RECEIPT_MAX];
    size_t receipt_len;
} lying_file;

typedef struct lying_relay {
    pthread_mutex_t mutex;
    mv_http_server *server;
    char address[MV_ADDRESS_MAX];
    lie lie;
    lying_file file[LYING_FILES_MAX];
    size_t count;
    size_t puts, bundles, parts; /* requests that brought bytes */
    struct {                     /* one upload in parts at a time */
        uint8_t id[MV_UPLOAD_ID_LEN], hash[MV_FILE_HASH_LEN];
        uint8_t *bytes;
        mv_runs runs;
        bool open;
    } upload;
    unsigned refuse; /* so many further requests with bytes get this status: */
    int refuse_with;
} lying_relay;

/* One request. */
typedef struct lying_request {
    mv_buffer body;
    mv_byte_range range;
    bool has_range;
} lying_request;

static inline lying_file *lying_find(lying_relay *r, const uint8_t *hash)
{
    for (size_t i = 0; i < r->count; i++) {
        if (memcmp(r->file[i].hash, hash, MV_FILE_HASH_LEN) == 0) {
            return &r->file[i];
        }
    }
    return NULL;
}

static inline void lying_problem(mv_http_exchange *x, int status)
{
    mv_problem p = {.status = status, .title = "no"};
    mv_buffer body = mv_buffer_make(MV_MESSAGE_MAX);
    if (mv_problem_write(&body, &p) == MV_OK) {
        mv_http_reply(x, status, "application/problem+json", body.bytes, body.len);
    }
    mv_buffer_clear(&body);
}

static inline void lying_json(mv_http_exchange *x, int status, mv_status made, mv_buffer *body)
{
    if (made == MV_OK) {
        mv_http_reply(x, status, "application/json", body->bytes, body->len);
    } else {
        lying_problem(x, 500);
    }
    mv_buffer_clear(body);
}

/* 201, 200 when it was there, 422 for other bytes than announced. */
static inline int lying_store(lying_relay *r, const uint8_t *hash, const uint8_t *bytes,
                              uint64_t len)
{
    uint8_t own[MV_FILE_HASH_LEN];
    (void)crypto_generichash(own, sizeof own, bytes, len, NULL, 0);
    if (memcmp(own, hash, sizeof own) != 0) {
        return 422;
    }
    if (lying_find(r, hash) != NULL) {
        return 200;
    }
    if (r->lie == FORGETS_FILES) {
        return 201;
    }
    if (r->count == LYING_FILES_MAX) {
        return 507;
    }
    lying_file *f = &r->file[r->count++];
    memset(f, 0, sizeof *f);
    memcpy(f->hash, hash, sizeof f->hash);
    f->len = len;
    f->bytes = malloc(len + 1);
    memcpy(f->bytes, bytes, len);
    return 201;
}

static inline void lying_list(lying_relay *r, mv_http_exchange *x, const mv_route *route)
{
    mv_buffer body = mv_buffer_make(MV_MESSAGE_MAX);
    mv_listing *l = calloc(1, sizeof *l);
    for (size_t i = (size_t)route->after; i < r->count && l->count < MV_LISTING_MAX; i++) {
        mv_listing_entry *e = &l->entry[l->count];
        if (r->file[i].receipt_len == 0 || r->lie == KEEPS_FILES) {
            memcpy(e->file, r->file[i].hash, MV_FILE_HASH_LEN);
            e->len = r->file[i].len - (r->lie == ANNOUNCES_LESS ? 1 : 0);
            e->seq = i + 1;
            l->count++;
        }
    }
    lying_json(x, 200, mv_listing_write(&body, l), &body);
    free(l);
}

static inline void lying_get(lying_relay *r, mv_http_exchange *x, const mv_route *route)
{
    const lying_file *f = lying_find(r, route->file);
    const lying_request *q = x->state;
    if (f == NULL || (f->receipt_len != 0 && r->lie != KEEPS_FILES)) {
        lying_problem(x, 404);
        return;
    }
    if (r->lie == SERVES_ANOTHER) {
        f = &r->file[(size_t)(f - r->file + 1) % r->count];
    }
    uint8_t *bytes = malloc(f->len + 1);
    uint64_t len = f->len;
    memcpy(bytes, f->bytes, len);
    if (r->lie == FLIPS_A_BIT) {
        bytes[len / 2] ^= 16;
    } else if (r->lie == TRUNCATES) {
        len /= 2;
    } else if (r->lie == REORDERS && len >= 2048) {
        memcpy(bytes, f->bytes + 1024, 1024);
        memcpy(bytes + 1024, f->bytes, 1024);
    }
    const bool ranged = q->has_range && q->range.first < len;
    const uint64_t first = ranged ? q->range.first : 0;
    mv_http_reply(x, ranged ? 206 : 200, "application/octet-stream", bytes + first, len - first);
    free(bytes);
}

static inline void lying_put_receipt(lying_relay *r, mv_http_exchange *x, const mv_route *route,
                                     const mv_buffer *body)
{
    lying_file *f = lying_find(r, route->file);
    if (f == NULL) {
        lying_problem(x, 404);
        return;
    }
    const bool again = f->receipt_len != 0;
    if (!again) {
        memcpy(f->receipt, body->bytes, body->len);
        f->receipt_len = body->len;
    }
    mv_http_reply(x, again ? 200 : 201, "application/json", (const uint8_t *)"", 0);
}

static inline void lying_get_receipt(lying_relay *r, mv_http_exchange *x, const mv_route *route)
{
    const lying_file *f = lying_find(r, route->file);
    uint8_t bytes[MV_RECEIPT_MAX];
    size_t len = f == NULL || r->lie == FORGETS_RECEIPTS ? 0 : f->receipt_len;
    if (r->lie == REPLAYS_RECEIPTS && r->count != 0) {
        f = &r->file[0];
        len = f->receipt_len;
    }
    if (len == 0) {
        lying_problem(x, 404);
        return;
    }
    memcpy(bytes, f->receipt, len);
    if (r->lie == FORGES_RECEIPTS && mv_random_bytes(bytes, len) != MV_OK) {
        len = 0;
    }
    len -= r->lie == CUTS_RECEIPTS ? 1 : 0;
    mv_http_reply(x, 200, "application/octet-stream", bytes, len);
}

static inline void lying_bundle(lying_relay *r, mv_http_exchange *x, const mv_buffer *body)
{
    mv_reader in = mv_reader_make(body->bytes, body->len);
    mv_results *results = calloc(1, sizeof *results);
    mv_buffer out = mv_buffer_make(MV_MESSAGE_MAX);
    mv_bundled f;
    r->bundles++;
    while (mv_reader_left(&in) != 0 && mv_bundle_next(&f, &in) == MV_OK) {
        results->status[results->count++] = (uint16_t)lying_store(r, f.hash, f.bytes, f.len);
    }
    lying_json(x, 200, mv_results_write(&out, results), &out);
    free(results);
}

static inline void lying_begin(lying_relay *r, mv_http_exchange *x, const mv_buffer *body)
{
    mv_offer offer;
    mv_ticket ticket = {0};
    mv_buffer out = mv_buffer_make(MV_MESSAGE_MAX);
    if (mv_offer_read(&offer, body->bytes, body->len) != MV_OK) {
        lying_problem(x, 400);
        return;
    }
    ticket.present = lying_find(r, offer.file) != NULL;
    if (!ticket.present) {
        free(r->upload.bytes);
        r->upload.bytes = calloc(1, offer.len + 1);
        memset(&r->upload.runs, 0, sizeof r->upload.runs);
        r->upload.runs.len = offer.len;
        r->upload.open = mv_random_bytes(r->upload.id, sizeof r->upload.id) == MV_OK;
        memcpy(r->upload.hash, offer.file, sizeof offer.file);
        memcpy(ticket.upload, r->upload.id, sizeof ticket.upload);
    }
    lying_json(x, ticket.present ? 200 : 201, mv_ticket_write(&out, &ticket), &out);
}

static inline void lying_upload(lying_relay *r, mv_http_exchange *x, const mv_route *route,
                                const mv_buffer *body)
{
    mv_buffer out = mv_buffer_make(MV_MESSAGE_MAX);
    if (!r->upload.open || memcmp(route->upload, r->upload.id, MV_UPLOAD_ID_LEN) != 0) {
        lying_problem(x, 404);
    } else if (route->kind == MV_ROUTE_PART) {
        const bool lost = r->lie == LOSES_PARTS && r->parts % 2 == 1;
        r->parts++;
        r->upload.open = r->lie != LOSES_UPLOADS || r->parts % 3 != 0;
        if (route->offset + body->len <= r->upload.runs.len) {
            if (!lost) {
                memcpy(r->upload.bytes + route->offset, body->bytes, body->len);
            }
            (void)mv_runs_add(&r->upload.runs, route->offset, route->offset + body->len);
        }
        mv_http_reply(x, 204, "application/json", (const uint8_t *)"", 0);
    } else if (strcmp(x->method, "GET") == 0) {
        lying_json(x, 200, mv_runs_write(&out, &r->upload.runs), &out);
    } else if (!mv_runs_whole(&r->upload.runs)) {
        lying_problem(x, 409);
    } else {
        r->upload.open = false;
        const int status = lying_store(r, r->upload.hash, r->upload.bytes, r->upload.runs.len);
        if (status == 422) {
            lying_problem(x, status);
        } else {
            mv_http_reply(x, status, "application/json", (const uint8_t *)"", 0);
        }
    }
}

static inline void lying_epochs(mv_http_exchange *x)
{
    const mv_epochs e = {
        .now = LYING_EPOCH, .waiting = {LYING_EPOCH}, .count = 1, .part_bytes_max = MV_PART_MAX};
    mv_buffer out = mv_buffer_make(MV_MESSAGE_MAX);
    lying_json(x, 200, mv_epochs_write(&out, &e), &out);
}

static inline void lying_challenge(mv_http_exchange *x)
{
    uint8_t nonce[MV_NONCE_LEN] = {1};
    mv_buffer out = mv_buffer_make(MV_MESSAGE_MAX);
    lying_json(x, 200, mv_challenge_write(&out, nonce), &out);
}

static inline void lying_file_put(lying_relay *r, mv_http_exchange *x, const mv_route *route,
                                  const mv_buffer *body)
{
    r->puts++;
    const int status = lying_store(r, route->file, body->bytes, body->len);
    if (status == 422) {
        lying_problem(x, status);
    } else {
        mv_http_reply(x, status, "application/json", (const uint8_t *)"", 0);
    }
}

static inline bool lying_refuses(lying_relay *r, mv_http_exchange *x)
{
    if (r->refuse == 0 || strcmp(x->method, "GET") == 0) {
        return false;
    }
    r->refuse--;
    lying_problem(x, r->refuse_with);
    return true;
}

static inline void lying_answer(lying_relay *r, mv_http_exchange *x, const mv_buffer *body)
{
    mv_route route;
    const bool get = strcmp(x->method, "GET") == 0;
    if (mv_route_read(&route, x->target) != MV_OK) {
        lying_problem(x, 404);
        return;
    }
    if (lying_refuses(r, x)) {
        return;
    }
    switch (route.kind) {
    case MV_ROUTE_EPOCHS:
        lying_epochs(x);
        break;
    case MV_ROUTE_CHALLENGE:
        lying_challenge(x);
        break;
    case MV_ROUTE_LIST:
        lying_list(r, x, &route);
        break;
    case MV_ROUTE_FILE:
        get ? lying_get(r, x, &route) : lying_file_put(r, x, &route, body);
        break;
    case MV_ROUTE_RECEIPT:
        get ? lying_get_receipt(r, x, &route) : lying_put_receipt(r, x, &route, body);
        break;
    case MV_ROUTE_BUNDLE:
        lying_bundle(r, x, body);
        break;
    case MV_ROUTE_UPLOADS:
        lying_begin(r, x, body);
        break;
    case MV_ROUTE_UPLOAD:
    case MV_ROUTE_PART:
        lying_upload(r, x, &route, body);
        break;
    default:
        lying_problem(x, 404);
    }
}

static inline void lying_on_begin(void *user, mv_http_exchange *x)
{
    lying_request *q = calloc(1, sizeof *q);
    (void)user;
    q->body = mv_buffer_make(MV_PART_MAX);
    q->has_range = x->range != NULL && mv_byte_range_read(&q->range, x->range) == MV_OK;
    x->state = q;
}

static inline void lying_on_body(void *user, mv_http_exchange *x, const uint8_t *bytes, size_t len)
{
    (void)user;
    lying_request *q = x->state;
    if (x->status == 0 && mv_buffer_append(&q->body, bytes, len) != MV_OK) {
        lying_problem(x, 413);
    }
}

static inline void lying_on_end(void *user, mv_http_exchange *x)
{
    lying_relay *r = user;
    const lying_request *q = x->state;
    if (x->status == 0) {
        (void)pthread_mutex_lock(&r->mutex);
        lying_answer(r, x, &q->body);
        (void)pthread_mutex_unlock(&r->mutex);
    }
}

static inline void lying_on_done(void *user, mv_http_exchange *x)
{
    (void)user;
    lying_request *q = x->state;
    if (q != NULL) {
        mv_buffer_clear(&q->body);
        free(q);
        x->state = NULL;
    }
}

/* dir: where the TLS key is made. port 0: any. */
static inline bool lying_start(lying_relay *r, const char *dir, uint16_t port)
{
    char path[512];
    mv_address address = {.host = "127.0.0.1"};
    mv_buffer pem = mv_buffer_make(MV_TLS_FILE_MAX);
    mv_http_server_opts opts = {
        .host = "127.0.0.1",
        .port = port,
        .idle_timeout_s = 30,
        .connections_max = 128,
        .app = {r, lying_on_begin, lying_on_body, lying_on_end, lying_on_done}};
    (void)snprintf(path, sizeof path, "%s/relay.pem", dir);
    (void)pthread_mutex_init(&r->mutex, NULL);
    bool good = mv_tls_key_open(&pem, address.key, path, NULL) == MV_OK;
    opts.pem = (const char *)pem.bytes;
    good = good && mv_http_server_start(&r->server, &opts, NULL) == MV_OK;
    mv_buffer_clear(&pem);
    if (good) {
        address.port = mv_http_server_port(r->server);
        mv_address_write(r->address, &address);
    }
    return good;
}

static inline void lying_stop(lying_relay *r)
{
    mv_http_server_stop(&r->server, 0);
}

static inline void lying_free(lying_relay *r)
{
    for (size_t i = 0; i < r->count; i++) {
        free(r->file[i].bytes);
    }
    free(r->upload.bytes);
    (void)pthread_mutex_destroy(&r->mutex);
}

#endif
