/* SPDX-License-Identifier: Apache-2.0
 *
 * live_send.c: frames into a sealed file here, and what is in it to the relay, by a thread that
 * always sends all that has come since its last request. A line that is away costs nothing but
 * time: the thread asks where the relay stands and goes on from there.
 */
#include "base/clock.h"
#include "client_internal.h"
#include "medveil/live_line.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SEND_MAX       ((uint64_t)4 << 20) /* bytes of one request */
#define SEND_MIN       1024
#define PAUSE_FIRST_MS 100.0
#define PAUSE_MAX_MS   2000.0

struct mv_live_sending {
    mv_live_sending_opts opts;
    char path[4096];
    mv_client *client; /* the thread's */
    mv_live_sealer *sealer;
    crypto_generichash_state hash;
    int fd;
    pthread_t thread;
    bool running;
    atomic_bool stop;
    pthread_mutex_t mutex; /* all below */
    pthread_cond_t changed;
    mv_live_sent sent;
    bool ended;   /* nothing more will come; sent.file is known */
    mv_status st; /* why the relay will not have it */
    mv_error err;

    /* the thread's own */
    bool begun, away;
    bool lost; /* the relay has no use for its end: it goes as a file */
    uint8_t name[MV_UPLOAD_ID_LEN];
    mv_mailbox mailbox;
    uint64_t at;     /* the next byte to send */
    bool unsure;     /* a request broke: the relay may have more than at */
    uint64_t most;   /* bytes of the next request */
    double pause_ms; /* after a failure */
};

/* ---- the thread ---- */

static mv_status watch_stop(void *user, const char *stage, uint64_t done, uint64_t total)
{
    const mv_live_sending *s = user;
    (void)stage;
    (void)done;
    (void)total;
    return atomic_load(&s->stop) ? MV_E_INTERRUPTED : MV_OK;
}

static mv_status begin(mv_live_sending *s, mv_error *err)
{
    mv_status st = MV_OK;
    mv_route route = {.kind = MV_ROUTE_STREAMS};
    char target[MV_TARGET_MAX];
    mv_ticket ticket;
    mv_http_call call = {.method = "POST", .target = target};

    MV_TRY(mv_client_epochs(s->client, true, err));
    MV_TRY(mv_client_mailbox(&s->mailbox, s->client, s->opts.recipient, 0, err));
    route.mailbox = s->mailbox;
    mv_route_write(target, &route);
    MV_TRY(mv_client_upload_call(s->client, &call, s->mailbox.epoch, err));
    if (call.status != 201) {
        st = mv_client_refused(s->client, &call, err);
        goto done;
    }
    st = mv_ticket_read(&ticket, call.reply.bytes, call.reply.len);
    MV_REQUIRE(st == MV_OK && !ticket.present, err, MV_E_NETWORK,
               "the relay's answer is not in the expected format");
    memcpy(s->name, ticket.upload, sizeof s->name);
    s->begun = true;
    s->at = 0;
done:
    mv_http_call_clear(&call);
    return st;
}

/* Where the relay stands, after something was lost on the way. */
static mv_status ask(mv_live_sending *s, mv_error *err)
{
    mv_status st = MV_OK;
    mv_route route = {.kind = MV_ROUTE_STREAM};
    char target[MV_TARGET_MAX];
    mv_http_call call = {.method = "GET", .target = target};
    mv_runs *runs = calloc(1, sizeof *runs);

    MV_REQUIRE(runs != NULL, err, MV_E_MEMORY, "out of memory");
    memcpy(route.upload, s->name, sizeof s->name);
    mv_route_write(target, &route);
    MV_TRY(mv_client_call(s->client, &call, err));
    if (call.status == 404) {
        s->begun = s->unsure = false; /* the relay has forgotten it: once more, from the start */
        goto done;
    }
    if (call.status != 200) {
        st = mv_client_refused(s->client, &call, err);
        goto done;
    }
    st = mv_runs_read(runs, call.reply.bytes, call.reply.len);
    MV_REQUIRE(st == MV_OK, err, MV_E_NETWORK, "the relay's answer is not in the expected format");
    s->at = runs->len;
    s->unsure = false; /* what arrived of a broken request stays there */
done:
    free(runs);
    mv_http_call_clear(&call);
    return st;
}

/* A line that breaks early carries short requests only: of a TLS record that is cut nothing counts.
 */
static void learn(mv_live_sending *s, uint64_t tried, bool arrived)
{
    const uint64_t next = arrived ? 2 * s->most : tried / 2;
    s->most = next < SEND_MIN ? SEND_MIN : next > SEND_MAX ? SEND_MAX : next;
    s->unsure = !arrived;
}

static mv_status add(mv_live_sending *s, uint64_t end, mv_error *err)
{
    mv_status st = MV_OK;
    mv_route route = {.kind = MV_ROUTE_STREAM_PART, .offset = s->at};
    char target[MV_TARGET_MAX];
    mv_http_call call = {.method = "PUT",
                         .target = target,
                         .has_body = true,
                         .body_fd = s->fd,
                         .body_offset = s->at,
                         .body_len = end - s->at < s->most ? end - s->at : s->most};

    memcpy(route.upload, s->name, sizeof s->name);
    mv_route_write(target, &route);
    st = mv_client_call(s->client, &call, err);
    learn(s, call.body_len, st == MV_OK);
    MV_TRY(st);
    if (call.status == 204) {
        s->at += call.body_len;
    } else if (call.status == 404 || call.status == 409) {
        st = ask(s, err);
    } else {
        st = mv_client_refused(s->client, &call, err);
    }
done:
    mv_http_call_clear(&call);
    return st;
}

static mv_status finish(mv_live_sending *s, const mv_client_file *file, bool *stored, mv_error *err)
{
    mv_status st = MV_OK;
    mv_route route = {.kind = MV_ROUTE_STREAM};
    mv_offer offer = {.len = file->len};
    char target[MV_TARGET_MAX];
    mv_buffer body = mv_buffer_make(MV_MESSAGE_MAX);
    mv_http_call call = {.method = "POST", .target = target, .has_body = true};

    memcpy(route.upload, s->name, sizeof s->name);
    memcpy(offer.file, file->hash, sizeof offer.file);
    mv_route_write(target, &route);
    MV_TRY(mv_offer_write(&body, &offer));
    call.body = body.bytes;
    call.body_len = body.len;
    MV_TRY(mv_client_call(s->client, &call, err));
    *stored = call.status == 201 || call.status == 200;
    if (call.status == 409) {
        st = ask(s, err);
    } else if (call.status == 404 || call.status == 422) {
        s->lost = true; /* what is there is not this stream, or it was fetched and is gone again */
    } else if (!*stored) {
        st = mv_client_refused(s->client, &call, err);
    }
done:
    mv_buffer_clear(&body);
    mv_http_call_clear(&call);
    return st;
}

static void tell(mv_live_sending *s, mv_status st, const mv_error *err)
{
    const bool away = st != MV_OK;
    if (away != s->away && s->opts.line != NULL) {
        s->opts.line(s->opts.user, st, err);
    }
    s->away = away;
}

static void pause_a_little(mv_live_sending *s)
{
    struct timespec until;
    s->pause_ms = s->pause_ms == 0 ? PAUSE_FIRST_MS : 2 * s->pause_ms;
    s->pause_ms = s->pause_ms < PAUSE_MAX_MS ? s->pause_ms : PAUSE_MAX_MS;
    const double ms = s->client->retry_after_s != 0 ? 1e3 * s->client->retry_after_s : s->pause_ms;
    const double end_ms = mv_clock_ms() + ms;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(ms / 1000);
    until.tv_nsec += (long)(ms - 1000 * (double)(time_t)(ms / 1000)) * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    (void)pthread_mutex_lock(&s->mutex);
    while (!atomic_load(&s->stop) && mv_clock_ms() < end_ms) {
        (void)pthread_cond_timedwait(&s->changed, &s->mutex, &until);
    }
    (void)pthread_mutex_unlock(&s->mutex);
}

/* What there is to do; end: bytes that are sealed. False: nothing until something changes. */
static bool has_work(const mv_live_sending *s, uint64_t *end)
{
    *end = s->sent.bytes;
    return s->st == MV_OK && !s->sent.stored && !s->lost && (!s->begun || s->at < *end || s->ended);
}

static void step(mv_live_sending *s, uint64_t end, const mv_client_file *file, bool ended)
{
    mv_error err = {0};
    mv_status st = MV_OK;
    bool stored = false;

    if (!s->begun) {
        st = begin(s, &err);
    } else if (s->unsure) {
        st = ask(s, &err);
    } else if (s->at < end) {
        st = add(s, end, &err);
    } else if (ended) {
        st = finish(s, file, &stored, &err);
    }
    const bool passes = mv_retry_passes(s->client, st);
    (void)pthread_mutex_lock(&s->mutex);
    s->sent.arrived = s->begun ? s->at : 0;
    s->sent.stored = stored;
    s->sent.file.epoch = s->mailbox.epoch;
    if (st != MV_OK && !passes && st != MV_E_INTERRUPTED) {
        s->st = st;
        s->err = err;
    }
    (void)pthread_cond_broadcast(&s->changed);
    (void)pthread_mutex_unlock(&s->mutex);
    if (st == MV_OK) {
        s->pause_ms = 0;
        tell(s, MV_OK, NULL);
    } else if (passes) {
        tell(s, st, &err);
        pause_a_little(s);
    }
}

static void *send_thread(void *user)
{
    mv_live_sending *s = user;
    uint64_t end = 0;

    (void)pthread_mutex_lock(&s->mutex);
    while (!atomic_load(&s->stop)) {
        if (!has_work(s, &end)) {
            (void)pthread_cond_wait(&s->changed, &s->mutex);
            continue;
        }
        const mv_client_file file = s->sent.file;
        const bool ended = s->ended;
        (void)pthread_mutex_unlock(&s->mutex);
        step(s, end, &file, ended);
        (void)pthread_mutex_lock(&s->mutex);
    }
    (void)pthread_mutex_unlock(&s->mutex);
    return NULL;
}

/* ---- the sender's side of it ---- */

/* The sealer's sink: to the file, and the thread hears of it. */
static mv_status keep(void *user, const uint8_t *bytes, size_t len, mv_error *err)
{
    mv_live_sending *s = user;
    uint64_t at = s->sent.bytes;

    for (size_t done = 0; done < len;) {
        const ssize_t got = pwrite(s->fd, bytes + done, len - done, (off_t)(at + done));
        if (got < 0 && errno != EINTR) {
            const int why = errno;
            const mv_status st =
                mv_fail(err, MV_E_IO, "cannot keep the stream in %s: %s", s->path, strerror(why));
            if (why == ENOSPC || why == EDQUOT || why == EFBIG) {
                mv_hint(err, "make room on the disk of MEDVEIL_HOME");
            }
            return st;
        }
        done += got > 0 ? (size_t)got : 0;
    }
    (void)crypto_generichash_update(&s->hash, bytes, len);
    (void)pthread_mutex_lock(&s->mutex);
    s->sent.bytes += len;
    (void)pthread_cond_broadcast(&s->changed);
    (void)pthread_mutex_unlock(&s->mutex);
    return MV_OK;
}

static mv_status open_file(mv_live_sending *s, mv_error *err)
{
    mv_status st = MV_OK;
    MV_REQUIRE(strlen(s->opts.path) < sizeof s->path, err, MV_E_LIMIT, "the path is too long");
    memcpy(s->path, s->opts.path, strlen(s->opts.path) + 1);
    s->fd = open(s->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    MV_REQUIRE(s->fd >= 0, err, errno == EEXIST ? MV_E_EXISTS : MV_E_IO, "cannot make %s: %s",
               s->path, strerror(errno));
done:
    return st;
}

static mv_status start(mv_live_sending *s, mv_error *err)
{
    mv_status st = MV_OK;
    mv_client_opts client = mv_client_defaults();
    const mv_live_opts live = {s->opts.sender, s->opts.recipient, 1, s->opts.format, {keep, s}};

    client.identity = s->opts.sender;
    client.tries = 1;
    client.idle_timeout_ms = 10000;
    client.progress.step = watch_stop;
    client.progress.user = s;
    MV_TRY(mv_client_new(&s->client, s->opts.relay, &client, err));
    MV_TRY(open_file(s, err));
    MV_TRY(mv_live_sealer_new(&s->sealer, &live, err));
    s->running = pthread_create(&s->thread, NULL, send_thread, s) == 0;
    MV_REQUIRE(s->running, err, MV_E_MEMORY, "cannot start another thread");
done:
    return st;
}

mv_status mv_live_sending_new(mv_live_sending **out, const mv_live_sending_opts *opts,
                              mv_error *err)
{
    mv_status st = MV_OK;
    pthread_condattr_t monotonic;
    mv_live_sending *s = calloc(1, sizeof *s);

    *out = NULL;
    MV_REQUIRE(s != NULL, err, MV_E_MEMORY, "out of memory");
    s->opts = *opts;
    s->fd = -1;
    s->most = SEND_MAX;
    (void)crypto_generichash_init(&s->hash, NULL, 0, MV_FILE_HASH_LEN);
    (void)pthread_mutex_init(&s->mutex, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&s->changed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    MV_TRY(start(s, err));
    *out = s;
    s = NULL;
done:
    mv_live_sending_free(&s);
    return st;
}

/* What the thread met that no patience helps against. */
static mv_status verdict(mv_live_sending *s, mv_error *err)
{
    (void)pthread_mutex_lock(&s->mutex);
    const mv_status st = s->st;
    if (st != MV_OK && err != NULL && err->status == MV_OK) {
        *err = s->err;
    }
    (void)pthread_mutex_unlock(&s->mutex);
    return st;
}

mv_status mv_live_send(mv_live_sending *s, const mv_live_frame *frame, mv_error *err)
{
    mv_status st = verdict(s, err);
    if (st == MV_OK) {
        st = mv_live_seal(s->sealer, frame, err);
        s->sent.frames += st == MV_OK;
    }
    return st;
}

void mv_live_sending_look(mv_live_sent *out, mv_live_sending *s)
{
    (void)pthread_mutex_lock(&s->mutex);
    *out = s->sent;
    (void)pthread_mutex_unlock(&s->mutex);
}

static void wait_stored(mv_live_sending *s, unsigned wait_ms)
{
    struct timespec until;
    const double end_ms = mv_clock_ms() + wait_ms;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(wait_ms / 1000);
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    while (!s->sent.stored && !s->lost && s->st == MV_OK && mv_clock_ms() < end_ms) {
        (void)pthread_cond_timedwait(&s->changed, &s->mutex, &until);
    }
}

mv_status mv_live_send_end(mv_live_sending *s, uint64_t time_us, unsigned wait_ms,
                           mv_live_sent *sent, mv_error *err)
{
    mv_status st = MV_OK;

    memset(sent, 0, sizeof *sent);
    MV_TRY(mv_live_seal_end(s->sealer, time_us, err));
    MV_REQUIRE(fsync(s->fd) == 0, err, MV_E_IO, "cannot write %s: %s", s->path, strerror(errno));
    (void)pthread_mutex_lock(&s->mutex);
    (void)crypto_generichash_final(&s->hash, s->sent.file.hash, MV_FILE_HASH_LEN);
    s->sent.file.len = s->sent.bytes;
    s->ended = true;
    (void)pthread_cond_broadcast(&s->changed);
    wait_stored(s, wait_ms);
    *sent = s->sent;
    (void)pthread_mutex_unlock(&s->mutex);
    MV_TRY(verdict(s, err));
done:
    return st;
}

/* A stream without an end is nobody's: the relay need not keep it. */
static void take_off(mv_live_sending *s)
{
    mv_route route = {.kind = MV_ROUTE_STREAM};
    char target[MV_TARGET_MAX];
    mv_http_call call = {.method = "DELETE", .target = target};

    memcpy(route.upload, s->name, sizeof s->name);
    mv_route_write(target, &route);
    atomic_store(&s->stop, false); /* which only the thread obeyed, and it has ended */
    (void)(mv_client_call(s->client, &call, NULL) == MV_OK);
    mv_http_call_clear(&call);
}

void mv_live_sending_free(mv_live_sending **sending)
{
    mv_live_sending *s = *sending;
    if (s == NULL) {
        return;
    }
    atomic_store(&s->stop, true);
    (void)pthread_mutex_lock(&s->mutex);
    (void)pthread_cond_broadcast(&s->changed);
    (void)pthread_mutex_unlock(&s->mutex);
    if (s->running) {
        (void)pthread_join(s->thread, NULL);
    }
    if (!s->ended && s->begun && !s->away) {
        take_off(s);
    }
    if (s->fd >= 0) {
        (void)close(s->fd);
        if (!s->ended) {
            (void)unlink(s->path);
        }
    }
    mv_live_sealer_free(&s->sealer);
    mv_client_free(&s->client);
    (void)pthread_cond_destroy(&s->changed);
    (void)pthread_mutex_destroy(&s->mutex);
    free(s);
    *sending = NULL;
}
