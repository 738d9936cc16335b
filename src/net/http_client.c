/* SPDX-License-Identifier: Apache-2.0
 *
 * http_client.c: libcurl, driven in steps of at most a tenth of a second so that an interrupt is
 * heard at once and silence is noticed.
 */
#include "net/http_client.h"

#include "base/clock.h"
#include "base/home.h"
#include "wire/hex.h"

#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define STEP_MS           100
#define HELD_STEP_MS      10
#define RETRY_AFTER_MAX_S 3600
#define UNSENT_MAX        (128 * 1024)
#define ASK_FIRST         (1u << 20) /* longer bodies are sent when the relay wants them */

struct mv_http_client {
    mv_address address;
    mv_http_client_opts opts;
    char pin[64];           /* "sha256//" and base64 */
    char certificate[4096]; /* file with ours and its key, for this relay; "": none */
    CURL *easy;
    CURLM *multi;
    double round_trip_ms;
};

/* What the callbacks of one call share. */
typedef struct transfer {
    CURL *easy;
    mv_http_call *call;
    const mv_http_client_opts *opts;
    double active_ms; /* when the last byte moved */
    bool held;        /* the rate is used up for the moment */
    mv_status st;     /* why a callback stopped the transfer */
    mv_error *err;
} transfer;

static void start_curl(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* The file for a relay that asks for a certificate is named by what stands after # in its address,
 * so that no other relay gets to see whose it is. */
static mv_status find_certificate(mv_http_client *c, mv_error *err)
{
    mv_status st = MV_OK;
    struct stat info;
    char folder[sizeof c->certificate - 72], key[64];

    if (mv_home_path(folder, sizeof folder, "certificates", NULL) != MV_OK) {
        return MV_OK;
    }
    (void)sodium_bin2base64(key, sizeof key, c->address.key, MV_RELAY_KEY_LEN,
                            sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    (void)snprintf(c->certificate, sizeof c->certificate, "%s/%.63s.pem", folder, key);
    if (stat(c->certificate, &info) != 0) {
        c->certificate[0] = '\0';
    } else if ((info.st_mode & 077) != 0) {
        st = mv_fail(err, MV_E_POLICY, "others may read the key in %s", c->certificate);
        mv_hint(err, "chmod 600 %s", c->certificate);
    }
    return st;
}

mv_status mv_http_client_new(mv_http_client **out, const mv_address *address,
                             const mv_http_client_opts *opts, mv_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    mv_status st = MV_OK;
    mv_http_client *c = calloc(1, sizeof *c);

    *out = NULL;
    (void)pthread_once(&once, start_curl);
    MV_REQUIRE(c != NULL, err, MV_E_MEMORY, "out of memory");
    c->address = *address;
    c->opts = *opts;
    memcpy(c->pin, "sha256//", 8);
    (void)sodium_bin2base64(c->pin + 8, sizeof c->pin - 8, address->key, MV_RELAY_KEY_LEN,
                            sodium_base64_VARIANT_ORIGINAL);
    c->easy = curl_easy_init();
    c->multi = curl_multi_init();
    MV_REQUIRE(c->easy != NULL && c->multi != NULL, err, MV_E_MEMORY, "out of memory");
    MV_TRY(find_certificate(c, err));
    *out = c;
    c = NULL;
done:
    mv_http_client_free(&c);
    return st;
}

void mv_http_client_free(mv_http_client **client)
{
    mv_http_client *c = *client;
    if (c == NULL) {
        return;
    }
    if (c->easy != NULL) {
        curl_easy_cleanup(c->easy);
    }
    if (c->multi != NULL) {
        (void)curl_multi_cleanup(c->multi);
    }
    free(c);
    *client = NULL;
}

double mv_http_client_round_trip_ms(const mv_http_client *client)
{
    return client->round_trip_ms;
}

void mv_http_client_wake(mv_http_client *client)
{
    (void)curl_multi_wakeup(client->multi);
}

void mv_http_call_clear(mv_http_call *call)
{
    mv_buffer_clear(&call->reply);
}

static void moved(transfer *t, size_t len)
{
    t->active_ms = mv_clock_ms();
    t->call->moved += len;
}

/* The next len bytes of the body, from wherever it lies. */
static bool read_body(char *out, size_t len, transfer *t)
{
    const mv_http_call *call = t->call;
    if (call->body != NULL) {
        memcpy(out, call->body + call->moved, len);
        return true;
    }
    for (size_t have = 0; have < len;) {
        const ssize_t got = pread(call->body_fd, out + have, len - have,
                                  (off_t)(call->body_offset + call->moved + have));
        if (got <= 0) {
            t->st = mv_fail(t->err, MV_E_IO, "cannot read the file that is being sent: %s",
                            got < 0 ? strerror(errno) : "it became shorter");
            return false;
        }
        have += (size_t)got;
    }
    return true;
}

static size_t give_body(char *out, size_t size, size_t count, void *user)
{
    transfer *t = user;
    mv_http_call *call = t->call;
    const uint64_t left = call->body_len - call->moved;
    const size_t want =
        mv_rate_take(t->opts->rate, size * count < left ? size * count : (size_t)left);
    if (want == 0 && left != 0) {
        t->held = true;
        return CURL_READFUNC_PAUSE;
    }
    if (!read_body(out, want, t)) {
        return CURL_READFUNC_ABORT;
    }
    moved(t, want);
    return want;
}

static int rewind_body(void *user, curl_off_t offset, int origin)
{
    transfer *t = user;
    if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > t->call->body_len) {
        return CURL_SEEKFUNC_CANTSEEK;
    }
    t->call->moved = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

static size_t take_reply(char *bytes, size_t size, size_t count, void *user)
{
    transfer *t = user;
    mv_http_call *call = t->call;
    const size_t len = size * count;
    long status = 0;

    if (mv_rate_spent(t->opts->rate)) {
        t->held = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    mv_rate_use(t->opts->rate, len);
    (void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    t->active_ms = mv_clock_ms();
    if (call->sink != NULL && (status == 200 || status == 206)) {
        t->st = call->sink(call->sink_user, (int)status, (const uint8_t *)bytes, len);
        moved(t, len);
    } else {
        t->st = mv_buffer_append(&call->reply, (const uint8_t *)bytes, len);
        if (t->st != MV_OK) {
            (void)mv_fail(t->err, t->st, "the relay's answer is too long");
        }
    }
    return t->st == MV_OK ? len : 0;
}

/* The value of a header line of this name ("name: "), zero-terminated; false: another header. */
static bool header_value(char *out, size_t cap, const char *line, size_t len, const char *name)
{
    const size_t name_len = strlen(name);
    if (len < name_len || strncasecmp(line, name, name_len) != 0) {
        return false;
    }
    size_t value_len = len - name_len;
    while (value_len != 0 &&
           (line[name_len + value_len - 1] == '\r' || line[name_len + value_len - 1] == '\n')) {
        value_len--;
    }
    if (value_len >= cap) {
        return false;
    }
    memcpy(out, line + name_len, value_len);
    out[value_len] = '\0';
    return true;
}

static size_t take_header(char *line, size_t size, size_t count, void *user)
{
    transfer *t = user;
    const size_t len = size * count;
    char value[2 * MV_NONCE_LEN + 1] = "";

    t->active_ms = mv_clock_ms();
    if (header_value(value, sizeof value, line, len, "medveil-nonce: ")) {
        t->call->has_nonce = mv_hex_read(t->call->nonce, MV_NONCE_LEN, value);
    } else if (header_value(value, sizeof value, line, len, "retry-after: ")) {
        const long seconds = strtol(value, NULL, 10); /* a date reads as 0 */
        t->call->retry_after_s =
            seconds > 0 && seconds <= RETRY_AFTER_MAX_S ? (unsigned)seconds : 0;
    }
    return len;
}

static bool is_loopback(const char *host)
{
    return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
           strcmp(host, "[::1]") == 0;
}

static mv_status add_header(struct curl_slist **list, const char *name, const char *value)
{
    char line[512];
    if (value == NULL) {
        return MV_OK;
    }
    (void)snprintf(line, sizeof line, "%s: %s", name, value);
    struct curl_slist *longer = curl_slist_append(*list, line);
    if (longer == NULL) {
        return MV_E_MEMORY;
    }
    *list = longer;
    return MV_OK;
}

/* Asking before a body is sent costs a round trip. A relay reads a short one that it refuses to the
 * end, so that its answer arrives anyhow; a part is refused only when its upload is gone, and then
 * what counts is that it does not get through. */
static bool asks_first(const mv_http_call *call)
{
    return call->has_body && !call->is_part && call->body_len > ASK_FIRST;
}

static mv_status make_headers(struct curl_slist **list, const mv_http_call *call)
{
    mv_status st = MV_OK;
    if (call->has_body && !asks_first(call)) {
        struct curl_slist *longer = curl_slist_append(*list, "Expect:"); /* without it */
        MV_ENSURE(longer != NULL, MV_E_MEMORY);
        *list = longer;
    }
    MV_TRY(add_header(list, "Authorization", call->authorization));
    MV_TRY(add_header(list, "Range", call->range));
    MV_TRY(add_header(list, "If-None-Match", call->if_none_match));
done:
    return st;
}

/* Who may be at the other end: only the holder of the pinned key; names and dates do not count. */
static void set_trust(mv_http_client *c)
{
    (void)curl_easy_setopt(c->easy, CURLOPT_PROTOCOLS_STR, "https");
    (void)curl_easy_setopt(c->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3);
    (void)curl_easy_setopt(c->easy, CURLOPT_SSL_VERIFYPEER, 0L);
    (void)curl_easy_setopt(c->easy, CURLOPT_SSL_VERIFYHOST, 0L);
    (void)curl_easy_setopt(c->easy, CURLOPT_PINNEDPUBLICKEY, c->pin);
    /* else each connection would read the system's hundred and more issuers, in vain */
    (void)curl_easy_setopt(c->easy, CURLOPT_CAINFO, NULL);
    (void)curl_easy_setopt(c->easy, CURLOPT_CAPATH, NULL);
    if (c->certificate[0] != '\0') {
        (void)curl_easy_setopt(c->easy, CURLOPT_SSLCERT, c->certificate);
        (void)curl_easy_setopt(c->easy, CURLOPT_SSLKEY, c->certificate);
    }
}

static void set_request(mv_http_client *c, transfer *t, struct curl_slist *headers)
{
    char url[MV_ADDRESS_HOST_MAX + MV_TARGET_MAX + 32];
    const mv_http_call *call = t->call;

    (void)snprintf(url, sizeof url, "https://%s:%u%s", c->address.host, c->address.port,
                   call->target);
    (void)curl_easy_setopt(c->easy, CURLOPT_URL, url);
    (void)curl_easy_setopt(c->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(c->easy, CURLOPT_PATH_AS_IS, 1L);
    (void)curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(c->easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(c->easy, CURLOPT_TCP_KEEPALIVE, 1L);
    (void)curl_easy_setopt(c->easy, CURLOPT_BUFFERSIZE, 256L * 1024);
    (void)curl_easy_setopt(c->easy, CURLOPT_UPLOAD_BUFFERSIZE, 256L * 1024);
    (void)curl_easy_setopt(c->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)c->opts.connect_timeout_ms);
    (void)curl_easy_setopt(c->easy, CURLOPT_EXPECT_100_TIMEOUT_MS, 5000L);
    if (is_loopback(c->address.host)) {
        (void)curl_easy_setopt(c->easy, CURLOPT_PROXY, "");
    }
    if (call->has_body) {
        (void)curl_easy_setopt(c->easy, CURLOPT_UPLOAD, 1L);
        (void)curl_easy_setopt(c->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)call->body_len);
    }
    (void)curl_easy_setopt(c->easy, CURLOPT_CUSTOMREQUEST, call->method);
}

/* What waits in the kernel is neither sent nor ours to stop: it would go twice when we are killed
 * and start again. A system without the option holds what it likes. */
static int hold_little(void *user, curl_socket_t fd, curlsocktype purpose)
{
#ifdef TCP_NOTSENT_LOWAT
    const int most = UNSENT_MAX;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &most, sizeof most);
#else
    (void)fd;
#endif
    (void)user;
    (void)purpose;
    return CURL_SOCKOPT_OK;
}

static void set_callbacks(mv_http_client *c, transfer *t)
{
    (void)curl_easy_setopt(c->easy, CURLOPT_SOCKOPTFUNCTION, hold_little);
    (void)curl_easy_setopt(c->easy, CURLOPT_READFUNCTION, give_body);
    (void)curl_easy_setopt(c->easy, CURLOPT_READDATA, t);
    (void)curl_easy_setopt(c->easy, CURLOPT_SEEKFUNCTION, rewind_body);
    (void)curl_easy_setopt(c->easy, CURLOPT_SEEKDATA, t);
    (void)curl_easy_setopt(c->easy, CURLOPT_WRITEFUNCTION, take_reply);
    (void)curl_easy_setopt(c->easy, CURLOPT_WRITEDATA, t);
    (void)curl_easy_setopt(c->easy, CURLOPT_HEADERFUNCTION, take_header);
    (void)curl_easy_setopt(c->easy, CURLOPT_HEADERDATA, t);
}

static mv_status report(const transfer *t)
{
    const mv_progress *p = &t->opts->progress;
    const mv_http_call *call = t->call;
    if (p->step == NULL) {
        return MV_OK;
    }
    return p->step(p->user, call->stage == NULL ? "asking the relay" : call->stage,
                   call->stage_done + call->moved, call->stage_total);
}

/* Whether nothing has moved for too long; while connecting, curl's own timeout holds. */
static bool silent(const mv_http_client *c, transfer *t)
{
    curl_off_t connected_us = 0;
    (void)curl_easy_getinfo(c->easy, CURLINFO_PRETRANSFER_TIME_T, &connected_us);
    if (connected_us == 0) {
        t->active_ms = mv_clock_ms();
    }
    return mv_clock_ms() - t->active_ms > c->opts.idle_timeout_ms;
}

/* Lets a transfer that waited for its share of the rate ask again. */
static void release(transfer *t)
{
    if (t->held) {
        t->held = false;
        t->active_ms = mv_clock_ms(); /* the silence was ours */
        (void)curl_easy_pause(t->easy, CURLPAUSE_CONT);
    }
}

/* Runs the transfer to its end; *result is curl's verdict when MV_OK comes back. */
static mv_status drive(mv_http_client *c, transfer *t, CURLcode *result)
{
    mv_status st = MV_OK;
    int running = 1, queued = 0;

    while (running != 0) {
        const int step_ms = t->held ? HELD_STEP_MS : STEP_MS;
        MV_REQUIRE(
            curl_multi_perform(c->multi, &running) == CURLM_OK &&
                (running == 0 || curl_multi_poll(c->multi, NULL, 0, step_ms, NULL) == CURLM_OK),
            t->err, MV_E_NETWORK, "the connection to %s failed", c->address.host);
        release(t);
        MV_TRY(report(t));
        MV_REQUIRE(running == 0 || !silent(c, t), t->err, MV_E_NETWORK,
                   "the relay at %s:%u has been silent for too long", c->address.host,
                   c->address.port);
    }
    for (CURLMsg *m; (m = curl_multi_info_read(c->multi, &queued)) != NULL;) {
        if (m->msg == CURLMSG_DONE) {
            *result = m->data.result;
        }
    }
done:
    return st;
}

static mv_status status_of(const mv_http_client *c, CURLcode code, mv_error *err)
{
    const char *host = c->address.host;
    const unsigned port = c->address.port;
    mv_status st = MV_OK;

    switch (code) {
    case CURLE_OK:
        return MV_OK;
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
        st = mv_fail(err, MV_E_AUTH, "the relay's key is not the one in its address (%s:%u)", host,
                     port);
        mv_hint(err, "ask whoever runs the relay for its present address; until then do not use "
                     "it: somebody may be between you and the relay");
        return st;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return mv_fail(err, MV_E_NOT_FOUND, "there is no host %s", host);
    case CURLE_COULDNT_CONNECT:
        st = mv_fail(err, MV_E_NOT_FOUND, "no relay answers at %s:%u", host, port);
        mv_hint(err, "is the relay running, and is the address the one it printed?");
        return st;
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CONNECT_ERROR:
        st = mv_fail(err, MV_E_NETWORK, "no TLS 1.3 connection with %s:%u comes about", host, port);
        if (c->certificate[0] != '\0') {
            mv_hint(err, "does %s hold a key and its certificate?", c->certificate);
        }
        return st;
    case CURLE_OPERATION_TIMEDOUT:
        return mv_fail(err, MV_E_NETWORK, "the relay at %s:%u does not answer in time", host, port);
    case CURLE_OUT_OF_MEMORY:
        return mv_fail(err, MV_E_MEMORY, "out of memory");
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
        return mv_fail(err, MV_E_NETWORK, "the connection to %s:%u broke", host, port);
    default:
        return mv_fail(err, MV_E_NETWORK, "the connection to %s:%u broke: %s", host, port,
                       curl_easy_strerror(code));
    }
}

/* A connection that was made for this call tells how long the line is. */
static void learn_round_trip(mv_http_client *c)
{
    long made = 0;
    curl_off_t found_us = 0, connected_us = 0;
    (void)curl_easy_getinfo(c->easy, CURLINFO_NUM_CONNECTS, &made);
    (void)curl_easy_getinfo(c->easy, CURLINFO_NAMELOOKUP_TIME_T, &found_us);
    (void)curl_easy_getinfo(c->easy, CURLINFO_CONNECT_TIME_T, &connected_us);
    if (made == 1 && connected_us > found_us) {
        c->round_trip_ms = (double)(connected_us - found_us) / 1e3;
    }
}

mv_status mv_http_client_do(mv_http_client *client, mv_http_call *call, mv_error *err)
{
    mv_status st = MV_OK;
    struct curl_slist *headers = NULL;
    CURLcode result = CURLE_FAILED_INIT;
    transfer t = {client->easy, call, &client->opts, mv_clock_ms(), false, MV_OK, err};
    long status = 0;

    mv_buffer_clear(&call->reply); /* of an earlier try */
    call->reply = mv_buffer_make(call->reply_max == 0 ? MV_MESSAGE_MAX : call->reply_max);
    call->moved = 0;
    call->has_nonce = false;
    call->retry_after_s = 0;
    MV_TRY(make_headers(&headers, call));
    curl_easy_reset(client->easy);
    set_trust(client);
    set_request(client, &t, headers);
    set_callbacks(client, &t);
    MV_ENSURE(curl_multi_add_handle(client->multi, client->easy) == CURLM_OK, MV_E_INTERNAL);
    st = drive(client, &t, &result);
    (void)curl_multi_remove_handle(client->multi, client->easy);
    learn_round_trip(client);
    (void)curl_easy_getinfo(client->easy, CURLINFO_RESPONSE_CODE, &status);
    call->status = (int)status;
    call->answered = status != 0;
    MV_TRY(st);
    MV_TRY(t.st);
    st = status_of(client, result, err);
done:
    curl_slist_free_all(headers);
    return st;
}
