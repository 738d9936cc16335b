/* SPDX-License-Identifier: Apache-2.0
 *
 * client.c: a client's requests: proofs, what refusals mean, trying again, epochs and mailboxes.
 */
#include "base/clock.h"
#include "base/rng.h"
#include "client_internal.h"
#include "envelope/mailbox.h"

#include <poll.h>
#include <string.h>

#define PAUSE_FIRST_MS 250.0
#define PAUSE_MAX_MS   8000.0
#define EPOCHS_KEPT_MS 3600e3
#define NOT_A_RELAY    "the relay at %s:%u answers, but not as a medveil relay does"

mv_client_opts mv_client_defaults(void)
{
    const mv_client_opts opts = {.tries = 3,
                                 .connect_timeout_ms = 10000,
                                 .idle_timeout_ms = 60000,
                                 .streams_max = MV_CLIENT_STREAMS_MAX};
    return opts;
}

mv_status mv_client_make(mv_client **out, const char *address, const mv_client_opts *opts,
                         mv_rate *rate, mv_error *err)
{
    mv_status st = MV_OK;
    mv_client *c = calloc(1, sizeof *c);

    *out = NULL;
    MV_REQUIRE(c != NULL, err, MV_E_MEMORY, "out of memory");
    c->opts = *opts;
    c->opts.streams_max = opts->streams_max < 1                       ? 1
                          : opts->streams_max > MV_CLIENT_STREAMS_MAX ? MV_CLIENT_STREAMS_MAX
                                                                      : opts->streams_max;
    mv_rate_init(&c->own_rate, opts->bytes_per_s);
    c->signs_uploads = opts->gallery != NULL;
    c->rate = rate == NULL ? &c->own_rate : rate;
    MV_TRY(mv_address_read(&c->address, address, err));
    const mv_http_client_opts http = {opts->connect_timeout_ms, opts->idle_timeout_ms,
                                      opts->progress, c->rate};
    MV_TRY(mv_http_client_new(&c->http, &c->address, &http, err));
    if (opts->identity != NULL) {
        mv_identity_card(&c->card, opts->identity);
    }
    *out = c;
    c = NULL;
done:
    mv_client_free(&c);
    return st;
}

mv_status mv_client_new(mv_client **out, const char *address, const mv_client_opts *opts,
                        mv_error *err)
{
    return mv_client_make(out, address, opts, NULL, err);
}

void mv_client_free(mv_client **client)
{
    if (*client != NULL) {
        mv_download_streams_free(*client);
        mv_http_client_free(&(*client)->http);
        mv_rate_clear(&(*client)->own_rate);
        free(*client);
        *client = NULL;
    }
}

/* ---- one request, with its proof ---- */

mv_status mv_client_call(mv_client *c, mv_http_call *call, mv_error *err)
{
    call->status = 0;
    call->answered = false;
    const mv_status st = mv_http_client_do(c->http, call, err);
    c->answered = call->answered;
    c->retry_after_s = call->retry_after_s;
    if (st == MV_OK && call->has_nonce) {
        memcpy(c->nonce, call->nonce, MV_NONCE_LEN);
        c->has_nonce = true;
    }
    return st;
}

static mv_status fetch_nonce(mv_client *c, mv_error *err)
{
    mv_status st = MV_OK;
    mv_http_call call = {.method = "GET", .target = mv_route_template(MV_ROUTE_CHALLENGE)};

    MV_TRY(mv_client_call(c, &call, err));
    if (call.status == 403 || call.status == 429 || call.status == 503) {
        st = mv_client_refused(c, &call, err);
        goto done;
    }
    MV_REQUIRE(call.status == 200 &&
                   mv_challenge_read(c->nonce, call.reply.bytes, call.reply.len) == MV_OK,
               err, MV_E_NETWORK, NOT_A_RELAY, c->address.host, c->address.port);
    c->has_nonce = true;
done:
    mv_http_call_clear(&call);
    return st;
}

static mv_status signed_once(mv_client *c, mv_http_call *call, uint32_t epoch, mv_error *err)
{
    mv_status st = MV_OK;
    mv_proof proof;
    char text[MV_PROOF_TEXT_MAX];
    const mv_proof_subject subject = {c->address.key, call->method, call->target, epoch};

    if (!c->has_nonce) {
        MV_TRY(fetch_nonce(c, err));
    }
    c->has_nonce = false; /* used up; the answer brings the next one */
    MV_TRY(c->opts.gallery != NULL
               ? mv_proof_make_seed(&proof, c->opts.gallery->seed, c->nonce, &subject)
               : mv_proof_make(&proof, c->opts.identity, c->nonce, &subject));
    mv_proof_write(text, &proof);
    call->authorization = text;
    st = mv_client_call(c, call, err);
    call->authorization = NULL;
done:
    return st;
}

/* A nonce may have expired since it was given; the refusal brings a fresh one. */
mv_status mv_client_signed(mv_client *c, mv_http_call *call, uint32_t epoch, mv_error *err)
{
    const bool nonce_is_old = c->has_nonce;
    mv_status st = signed_once(c, call, epoch, err);
    if (st == MV_OK && call->status == 401 && nonce_is_old && c->has_nonce) {
        st = signed_once(c, call, epoch, err);
    }
    return st;
}

mv_status mv_client_require_identity(const mv_client *c, mv_error *err)
{
    return c->opts.identity != NULL || c->opts.gallery != NULL
               ? MV_OK
               : mv_fail(err, MV_E_ARGUMENT, "a mailbox opens only with an identity");
}

static mv_status require_sender(const mv_client *c, mv_error *err)
{
    if (c->opts.identity != NULL || c->opts.gallery != NULL) {
        return MV_OK;
    }
    const mv_status st =
        mv_fail(err, MV_E_POLICY, "this relay takes files only from senders who sign");
    mv_hint(err, "give your identity with -s");
    return st;
}

mv_status mv_client_upload_call(mv_client *c, mv_http_call *call, uint32_t epoch, mv_error *err)
{
    mv_status st = MV_OK;
    if (!c->signs_uploads) {
        MV_TRY(mv_client_call(c, call, err));
        c->signs_uploads = call->status == 401;
    }
    if (c->signs_uploads) {
        MV_TRY(require_sender(c, err));
        MV_TRY(mv_client_signed(c, call, epoch, err));
    }
done:
    return st;
}

/* ---- what a refusal means ---- */

static mv_status too_large(const mv_problem *problem, mv_error *err)
{
    const mv_status st = mv_fail(err, MV_E_POLICY, "the relay takes files of at most %llu bytes",
                                 (unsigned long long)problem->limit_bytes);
    mv_hint(err, "ask its operator for a larger max_file_bytes");
    return st;
}

static mv_status no_room(const char *title, mv_error *err)
{
    const mv_status st = mv_fail(err, MV_E_POLICY, "there is no room: %s",
                                 title[0] != '\0' ? title : "the relay is full");
    mv_hint(err, "try again when the recipient has fetched what waits, or ask the operator");
    return st;
}

static mv_status forbidden(const mv_client *c, const char *title, mv_error *err)
{
    char address[MV_ADDRESS_MAX];
    const mv_status st =
        mv_fail(err, MV_E_POLICY, "the relay refuses%s%s", title[0] != '\0' ? ": " : "", title);
    mv_address_write(address, &c->address);
    mv_hint(err,
            "a certificate for it, and its key, belong into certificates/%s.pem below "
            "MEDVEIL_HOME",
            strchr(address, '#') + 1);
    return st;
}

mv_status mv_client_refused(const mv_client *c, const mv_http_call *call, mv_error *err)
{
    mv_problem problem = {0};
    const bool said = mv_problem_read(&problem, call->reply.bytes, call->reply.len) == MV_OK;
    const char *title = said ? problem.title : "";

    switch (call->status) {
    case 401:
        return mv_fail(err, MV_E_POLICY, "the relay does not accept the proof of this identity");
    case 403:
        return forbidden(c, title, err);
    case 404:
        return mv_fail(err, MV_E_NOT_FOUND, "the relay has no such file any more");
    case 413:
        return too_large(&problem, err);
    case 422:
        return mv_fail(err, MV_E_FORMAT, "the relay refuses the bytes%s%s",
                       title[0] != '\0' ? ": " : "", title);
    case 429:
        return mv_fail(err, MV_E_BUSY, "the relay at %s:%u asks for fewer requests",
                       c->address.host, c->address.port);
    case 503:
        return mv_fail(err, MV_E_BUSY, "the relay at %s:%u is overloaded", c->address.host,
                       c->address.port);
    case 507:
        return no_room(title, err);
    default:
        return mv_fail(err, MV_E_NETWORK, "the relay at %s:%u answers %d%s%s", c->address.host,
                       c->address.port, call->status, title[0] != '\0' ? ": " : "", title);
    }
}

/* ---- trying again ---- */

mv_retry mv_retry_start(const mv_client *c)
{
    const mv_retry r = {c->opts.tries == 0 ? 0 : c->opts.tries - 1, PAUSE_FIRST_MS};
    return r;
}

/* Waits, a quarter less or more at random, so that many clients do not come back together. */
static mv_status pause_for(const mv_client *c, double pause_ms)
{
    uint32_t random = 0;
    const mv_progress *p = &c->opts.progress;

    if (mv_random_bytes((uint8_t *)&random, sizeof random) != MV_OK) {
        return MV_E_RANDOM;
    }
    const double until = mv_clock_ms() + pause_ms * (0.75 + 0.5 * (double)random / 4294967296.0);
    while (mv_clock_ms() < until) {
        (void)poll(NULL, 0, 50);
        if (p->step != NULL && p->step(p->user, "waiting to try again", 0, 0) != MV_OK) {
            return MV_E_INTERRUPTED;
        }
    }
    return MV_OK;
}

bool mv_retry_passes(const mv_client *c, mv_status st)
{
    return st == MV_E_NETWORK || st == MV_E_BUSY || (st == MV_E_NOT_FOUND && !c->answered);
}

bool mv_retry_again(mv_client *c, mv_retry *r, mv_status *st, mv_error *err)
{
    if (!mv_retry_passes(c, *st) || r->left == 0) {
        return false;
    }
    r->left--;
    const double asked_ms = 1e3 * c->retry_after_s;
    const mv_status paused = pause_for(c, asked_ms > r->pause_ms ? asked_ms : r->pause_ms);
    r->pause_ms = 2 * r->pause_ms < PAUSE_MAX_MS ? 2 * r->pause_ms : PAUSE_MAX_MS;
    if (err != NULL) {
        memset(err, 0, sizeof *err);
    }
    if (paused != MV_OK) {
        *st = paused;
        return false;
    }
    return true;
}

mv_status mv_client_ask(mv_client *c, mv_http_call *call, uint32_t epoch, int want, mv_error *err)
{
    mv_status st = MV_OK;
    mv_retry r = mv_retry_start(c);
    do {
        st = mv_client_signed(c, call, epoch, err);
        if (st == MV_OK && call->status != want) {
            st = mv_client_refused(c, call, err);
        }
    } while (mv_retry_again(c, &r, &st, err));
    return st;
}

/* ---- epochs and mailboxes ---- */

mv_status mv_client_epochs(mv_client *c, bool fresh, mv_error *err)
{
    mv_status st = MV_OK;
    mv_http_call call = {.method = "GET", .target = mv_route_template(MV_ROUTE_EPOCHS)};
    const uint32_t before = c->epochs.now;

    if (!fresh && c->asked_ms > 0 && mv_clock_ms() - c->asked_ms < EPOCHS_KEPT_MS) {
        return MV_OK;
    }
    MV_TRY(mv_client_call(c, &call, err));
    if (call.status == 403 || call.status == 429 || call.status == 503) {
        st = mv_client_refused(c, &call, err);
        goto done;
    }
    MV_REQUIRE(call.status == 200 &&
                   mv_epochs_read(&c->epochs, call.reply.bytes, call.reply.len) == MV_OK,
               err, MV_E_NETWORK, NOT_A_RELAY, c->address.host, c->address.port);
    c->asked_ms = mv_clock_ms();
    if (c->epochs.now != before) {
        c->cursor = 0;
    }
done:
    mv_http_call_clear(&call);
    return st;
}

mv_status mv_client_mailbox(mv_mailbox *out, mv_client *c, const mv_card *owner, uint32_t epoch,
                            mv_error *err)
{
    mv_status st = MV_OK;

    memset(out, 0, sizeof *out);
    if (c->opts.gallery != NULL) { /* its mailbox is of no epoch */
        memcpy(out->tag, c->opts.gallery->gallery, MV_TAG_LEN);
        return MV_OK;
    }
    if (epoch == 0) {
        MV_TRY(mv_client_epochs(c, false, err));
        epoch = c->epochs.now;
    }
    out->epoch = epoch;
    MV_REQUIRE(mv_mailbox_tag(out->tag, owner, epoch) == MV_OK, err, MV_E_AUTH,
               "the card's signing key is not one that its owner can have made");
done:
    return st;
}
