/* SPDX-License-Identifier: Apache-2.0
 *
 * transfer.c: sending, listing, fetching and acknowledging through a relay: proofs, retries,
 * resume.
 */
#include "base/clock.h"
#include "base/rng.h"
#include "medveil/client.h"
#include "medveil/envelope.h"
#include "net/http_client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sodium.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAUSE_FIRST_MS   250.0
#define PAUSE_MAX_MS     8000.0
#define TRANSFER_LEN_MAX ((uint64_t)1 << 30) /* of one file */

_Static_assert(MV_CLIENT_HASH_LEN == MV_FILE_HASH_LEN, "one name for a file everywhere");

struct mv_client {
    mv_client_opts opts;
    mv_address address;
    mv_http_client *http;
    uint8_t mailbox[MV_MAILBOX_LEN]; /* of opts.identity */
    uint8_t nonce[MV_NONCE_LEN];     /* for the next proof */
    bool has_nonce;
    bool signs_uploads; /* the relay asked for it once */
};

mv_client_opts mv_client_defaults(void)
{
    const mv_client_opts opts = {.tries = 3, .connect_timeout_ms = 10000, .idle_timeout_ms = 60000};
    return opts;
}

mv_status mv_client_new(mv_client **out, const char *address, const mv_client_opts *opts,
                        mv_error *err)
{
    mv_status st = MV_OK;
    mv_card card = {0};
    mv_client *c = calloc(1, sizeof *c);

    *out = NULL;
    MV_REQUIRE(c != NULL, err, MV_E_MEMORY, "out of memory");
    c->opts = *opts;
    MV_TRY(mv_address_read(&c->address, address, err));
    const mv_http_client_opts http = {opts->connect_timeout_ms, opts->idle_timeout_ms,
                                      opts->progress};
    MV_TRY(mv_http_client_new(&c->http, &c->address, &http, err));
    if (opts->identity != NULL) {
        mv_identity_card(&card, opts->identity);
        mv_mailbox_of(c->mailbox, card.sign_public);
    }
    *out = c;
    c = NULL;
done:
    mv_client_free(&c);
    return st;
}

void mv_client_free(mv_client **client)
{
    if (*client != NULL) {
        mv_http_client_free(&(*client)->http);
        free(*client);
        *client = NULL;
    }
}

/* ---- one request, with its proof ---- */

static mv_status do_call(mv_client *c, mv_http_call *call, mv_error *err)
{
    const mv_status st = mv_http_client_do(c->http, call, err);
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

    MV_TRY(do_call(c, &call, err));
    MV_REQUIRE(call.status == 200 &&
                   mv_challenge_read(c->nonce, call.reply.bytes, call.reply.len) == MV_OK,
               err, MV_E_NETWORK, "%s:%u answers, but not as a medveil relay does", c->address.host,
               c->address.port);
    c->has_nonce = true;
done:
    mv_http_call_clear(&call);
    return st;
}

static mv_status do_signed_once(mv_client *c, mv_http_call *call, mv_error *err)
{
    mv_status st = MV_OK;
    mv_proof proof;
    char text[MV_PROOF_TEXT_MAX];
    const mv_proof_subject subject = {c->address.key, call->method, call->target};

    if (!c->has_nonce) {
        MV_TRY(fetch_nonce(c, err));
    }
    c->has_nonce = false; /* used up; the answer brings the next one */
    MV_TRY(mv_proof_make(&proof, c->opts.identity, c->nonce, &subject));
    mv_proof_write(text, &proof);
    call->authorization = text;
    st = do_call(c, call, err);
    call->authorization = NULL;
done:
    return st;
}

/* A nonce may have expired since it was given; the refusal brings a fresh one. */
static mv_status do_signed(mv_client *c, mv_http_call *call, mv_error *err)
{
    const bool nonce_is_old = c->has_nonce;
    mv_status st = do_signed_once(c, call, err);
    if (st == MV_OK && call->status == 401 && nonce_is_old && c->has_nonce) {
        st = do_signed_once(c, call, err);
    }
    return st;
}

/* ---- what a refusal means ---- */

static mv_status refused(const mv_client *c, const mv_http_call *call, mv_error *err)
{
    mv_problem problem = {0};
    mv_status st = mv_problem_read(&problem, call->reply.bytes, call->reply.len);
    const char *title = st == MV_OK ? problem.title : "";

    switch (call->status) {
    case 401:
        return mv_fail(err, MV_E_POLICY, "the relay does not accept the proof of this identity");
    case 404:
        return mv_fail(err, MV_E_NOT_FOUND, "the relay has no such file any more");
    case 413:
        st = mv_fail(err, MV_E_POLICY, "the relay takes files of at most %llu bytes",
                     (unsigned long long)problem.limit_bytes);
        mv_hint(err, "ask its operator for a larger max_file_bytes");
        return st;
    case 503:
        return mv_fail(err, MV_E_BUSY, "the relay at %s:%u is overloaded", c->address.host,
                       c->address.port);
    case 507:
        st = mv_fail(err, MV_E_POLICY, "there is no room: %s",
                     title[0] != '\0' ? title : "the relay is full");
        mv_hint(err, "try again when the recipient has fetched what waits, or ask the operator");
        return st;
    default:
        return mv_fail(err, MV_E_NETWORK, "the relay at %s:%u answers %d%s%s", c->address.host,
                       c->address.port, call->status, title[0] != '\0' ? ": " : "", title);
    }
}

/* ---- trying again ---- */

typedef struct retry {
    unsigned left;
    double pause_ms;
} retry;

static retry retry_start(const mv_client *c)
{
    const retry r = {c->opts.tries == 0 ? 0 : c->opts.tries - 1, PAUSE_FIRST_MS};
    return r;
}

/* Waits, hearing interrupts; a random part keeps many clients from coming back together. */
static mv_status pause_for(const mv_client *c, double pause_ms)
{
    mv_status st = MV_OK;
    uint8_t random = 0;
    (void)!mv_random_bytes(&random, 1); /* without it: a little less spread */
    const double until_ms = mv_clock_ms() + pause_ms * (0.75 + random / 512.0);
    while (st == MV_OK && mv_clock_ms() < until_ms) {
        (void)poll(NULL, 0, 20);
        if (c->opts.progress.step != NULL) {
            st = c->opts.progress.step(c->opts.progress.user, "waiting to try again", 0, 0);
        }
    }
    return st;
}

/* After a try that ended in *st: whether to try again. Busy and broken connections only. */
static bool again(const mv_client *c, retry *r, mv_status *st, bool answered, mv_error *err)
{
    const bool worth_it =
        *st == MV_E_NETWORK || *st == MV_E_BUSY || (*st == MV_E_NOT_FOUND && !answered);
    if (!worth_it || r->left == 0) {
        return false;
    }
    r->left--;
    const mv_status paused = pause_for(c, r->pause_ms);
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

/* A signed request without bodies worth resuming; want: the status that is success. */
static mv_status ask(mv_client *c, mv_http_call *call, int want, mv_error *err)
{
    mv_status st = MV_OK;
    retry r = retry_start(c);
    do {
        call->status = 0;
        call->answered = false;
        st = do_signed(c, call, err);
        if (st == MV_OK && call->status != want) {
            st = refused(c, call, err);
        }
    } while (again(c, &r, &st, call->answered, err));
    return st;
}

/* ---- sending ---- */

typedef struct outgoing {
    int fd;
    mv_client_file file;
} outgoing;

static mv_status hash_fd(crypto_generichash_state *hash, int fd, uint64_t len)
{
    uint8_t block[65536];
    uint64_t at = 0;
    while (at < len) {
        const size_t want = len - at < sizeof block ? (size_t)(len - at) : sizeof block;
        const ssize_t got = pread(fd, block, want, (off_t)at);
        if (got <= 0) {
            return MV_E_IO;
        }
        (void)crypto_generichash_update(hash, block, (size_t)got);
        at += (uint64_t)got;
    }
    return MV_OK;
}

static mv_status open_outgoing(outgoing *out, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    struct stat info;
    crypto_generichash_state hash;

    out->fd = open(path, O_RDONLY | O_CLOEXEC);
    MV_REQUIRE(out->fd >= 0, err, errno == ENOENT ? MV_E_NOT_FOUND : MV_E_IO, "cannot read %s: %s",
               path, strerror(errno));
    MV_REQUIRE(fstat(out->fd, &info) == 0 && S_ISREG(info.st_mode), err, MV_E_IO,
               "%s is not a file", path);
    MV_REQUIRE((uint64_t)info.st_size <= TRANSFER_LEN_MAX, err, MV_E_LIMIT,
               "%s is larger than 1 GiB, the most that is sent in one piece", path);
    out->file.len = (uint64_t)info.st_size;
    (void)crypto_generichash_init(&hash, NULL, 0, MV_CLIENT_HASH_LEN);
    MV_REQUIRE(hash_fd(&hash, out->fd, out->file.len) == MV_OK, err, MV_E_IO, "cannot read %s",
               path);
    (void)crypto_generichash_final(&hash, out->file.hash, MV_CLIENT_HASH_LEN);
done:
    return st;
}

mv_status mv_client_hash_file(mv_client_file *out, const char *path, mv_error *err)
{
    outgoing o = {.fd = -1};
    const mv_status st = open_outgoing(&o, path, err);
    memset(out, 0, sizeof *out);
    if (st == MV_OK) {
        *out = o.file;
    }
    if (o.fd >= 0) {
        (void)close(o.fd);
    }
    return st;
}

static mv_status require_sender(const mv_client *c, mv_error *err)
{
    if (c->opts.identity != NULL) {
        return MV_OK;
    }
    const mv_status st =
        mv_fail(err, MV_E_POLICY, "this relay takes files only from senders who sign");
    mv_hint(err, "give your identity with -s");
    return st;
}

/* One upload; when the relay wants signed uploads, a second one with the proof. */
static mv_status put_once(mv_client *c, mv_http_call *call, mv_error *err)
{
    mv_status st = MV_OK;
    if (!c->signs_uploads) {
        MV_TRY(do_call(c, call, err));
        c->signs_uploads = call->status == 401;
    }
    if (c->signs_uploads) {
        MV_TRY(require_sender(c, err));
        MV_TRY(do_signed(c, call, err));
    }
    /* 412: If-None-Match says that it is there already */
    if (call->status != 201 && call->status != 200 && call->status != 412) {
        st = refused(c, call, err);
    }
done:
    return st;
}

mv_status mv_client_send(mv_client *client, mv_client_file *sent, bool *duplicate, const char *path,
                         const mv_card *recipient, mv_error *err)
{
    mv_status st = MV_OK;
    outgoing out = {.fd = -1};
    mv_route route = {.kind = MV_ROUTE_FILE};
    char target[MV_TARGET_MAX];
    mv_http_call call = {.method = "PUT", .if_none_match = "*", .has_body = true};
    retry r = retry_start(client);

    memset(sent, 0, sizeof *sent);
    *duplicate = false;
    MV_TRY(open_outgoing(&out, path, err));
    mv_mailbox_of(route.mailbox, recipient->sign_public);
    memcpy(route.file, out.file.hash, MV_FILE_HASH_LEN);
    mv_route_write(target, &route);
    call.target = target;
    call.body_fd = out.fd;
    call.body_len = out.file.len;
    call.stage = "sending";
    call.stage_total = out.file.len;
    do {
        call.status = 0;
        call.answered = false;
        st = put_once(client, &call, err);
    } while (again(client, &r, &st, call.answered, err));
    MV_TRY(st);
    *sent = out.file;
    *duplicate = call.status != 201;
done:
    mv_http_call_clear(&call);
    if (out.fd >= 0) {
        (void)close(out.fd);
    }
    return st;
}

/* ---- listing and acknowledging ---- */

static mv_status require_identity(const mv_client *c, mv_error *err)
{
    return c->opts.identity != NULL
               ? MV_OK
               : mv_fail(err, MV_E_ARGUMENT, "a mailbox opens only with an identity");
}

static mv_status list_page(mv_client *c, mv_listing *out, const uint8_t after[MV_FILE_HASH_LEN],
                           mv_error *err)
{
    mv_status st = MV_OK;
    mv_route route = {.kind = MV_ROUTE_LIST};
    char target[MV_TARGET_MAX];
    mv_http_call call = {.method = "GET", .target = target};

    memcpy(route.mailbox, c->mailbox, MV_MAILBOX_LEN);
    memcpy(route.file, after, MV_FILE_HASH_LEN);
    mv_route_write(target, &route);
    MV_TRY(ask(c, &call, 200, err));
    st = mv_listing_read(out, call.reply.bytes, call.reply.len);
    MV_REQUIRE(st == MV_OK, err, st, "the relay's list of files is not in the expected format");
    MV_REQUIRE(out->count == 0 || memcmp(out->entry[0].file, after, MV_FILE_HASH_LEN) > 0, err,
               MV_E_FORMAT, "the relay's list of files goes back");
done:
    mv_http_call_clear(&call);
    return st;
}

static mv_status append_page(mv_client_file **files, size_t *count, const mv_listing *page)
{
    if (*count + page->count > MV_CLIENT_FILES_MAX) {
        return MV_E_LIMIT;
    }
    mv_client_file *longer = realloc(*files, (*count + page->count + 1) * sizeof *longer);
    if (longer == NULL) {
        return MV_E_MEMORY;
    }
    for (size_t i = 0; i < page->count; i++) {
        memcpy(longer[*count + i].hash, page->entry[i].file, MV_CLIENT_HASH_LEN);
        longer[*count + i].len = page->entry[i].len;
    }
    *files = longer;
    *count += page->count;
    return MV_OK;
}

mv_status mv_client_list(mv_client *client, mv_client_file **files, size_t *count, mv_error *err)
{
    mv_status st = MV_OK;
    uint8_t after[MV_FILE_HASH_LEN] = {0};
    mv_listing *page = calloc(1, sizeof *page);

    *files = NULL;
    *count = 0;
    MV_REQUIRE(page != NULL, err, MV_E_MEMORY, "out of memory");
    MV_TRY(require_identity(client, err));
    do {
        MV_TRY(list_page(client, page, after, err));
        MV_TRY(append_page(files, count, page));
        if (page->count != 0) {
            memcpy(after, page->entry[page->count - 1].file, sizeof after);
        }
    } while (page->more);
done:
    free(page);
    if (st != MV_OK) {
        mv_client_list_free(files);
        *count = 0;
    }
    return st;
}

void mv_client_list_free(mv_client_file **files)
{
    free(*files);
    *files = NULL;
}

static void own_file_target(char target[MV_TARGET_MAX], const mv_client *c,
                            const mv_client_file *file)
{
    mv_route route = {.kind = MV_ROUTE_FILE};
    memcpy(route.mailbox, c->mailbox, MV_MAILBOX_LEN);
    memcpy(route.file, file->hash, MV_FILE_HASH_LEN);
    mv_route_write(target, &route);
}

mv_status mv_client_ack(mv_client *client, const mv_client_file *file, mv_error *err)
{
    mv_status st = MV_OK;
    char target[MV_TARGET_MAX];
    mv_http_call call = {.method = "DELETE", .target = target};
    mv_error own = {0};

    MV_TRY(require_identity(client, err));
    own_file_target(target, client, file);
    st = ask(client, &call, 204, &own);
    if (st == MV_E_NOT_FOUND && call.answered) {
        st = MV_OK; /* removed by an earlier try whose answer was lost */
    } else if (st != MV_OK && err != NULL && err->status == MV_OK) {
        *err = own;
    }
done:
    mv_http_call_clear(&call);
    return st;
}

/* ---- fetching ---- */

typedef struct incoming {
    int fd;
    const char *path;
    uint64_t have, want;
    uint64_t from;                 /* what the request in hand asked to begin with */
    crypto_generichash_state hash; /* of the first have bytes */
    bool resumed;                  /* some bytes are from an earlier fetch */
    bool spoilt;                   /* what has arrived is of no use to the next fetch */
    mv_error *err;
} incoming;

static mv_status restart(incoming *in)
{
    in->have = in->from = 0;
    in->resumed = false;
    (void)crypto_generichash_init(&in->hash, NULL, 0, MV_FILE_HASH_LEN);
    return ftruncate(in->fd, 0) == 0
               ? MV_OK
               : mv_fail(in->err, MV_E_IO, "cannot write %s: %s", in->path, strerror(errno));
}

static mv_status open_incoming(incoming *in, mv_error *err)
{
    mv_status st = MV_OK;
    struct stat info;

    in->err = err;
    in->fd = open(in->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    MV_REQUIRE(in->fd >= 0, err, MV_E_IO, "cannot write %s: %s", in->path, strerror(errno));
    if (flock(in->fd, LOCK_EX | LOCK_NB) != 0) {
        (void)close(in->fd);
        in->fd = -1;
        return mv_fail(err, MV_E_BUSY, "another medveil is receiving %s", in->path);
    }
    MV_REQUIRE(fstat(in->fd, &info) == 0 && S_ISREG(info.st_mode), err, MV_E_IO, "%s is not a file",
               in->path);
    (void)crypto_generichash_init(&in->hash, NULL, 0, MV_FILE_HASH_LEN);
    in->have = (uint64_t)info.st_size;
    in->resumed = in->have != 0;
    if (in->have > in->want || hash_fd(&in->hash, in->fd, in->have) != MV_OK) {
        MV_TRY(restart(in));
    }
done:
    return st;
}

static mv_status take_bytes(void *user, int status, const uint8_t *bytes, size_t len)
{
    mv_status st = MV_OK;
    incoming *in = user;

    if (status == 200 && in->from != 0) {
        MV_TRY(restart(in)); /* the relay gives the whole file although a rest was asked for */
    }
    MV_REQUIRE(len <= in->want - in->have, in->err, MV_E_AUTH,
               "the relay sends more bytes than it announced");
    (void)crypto_generichash_update(&in->hash, bytes, len);
    while (len != 0) {
        const ssize_t done = pwrite(in->fd, bytes, len, (off_t)in->have);
        MV_REQUIRE(done > 0 || errno == EINTR, in->err, MV_E_IO, "cannot write %s: %s", in->path,
                   strerror(errno));
        if (done > 0) {
            bytes += done;
            len -= (size_t)done;
            in->have += (uint64_t)done;
        }
    }
done:
    in->spoilt = st != MV_OK;
    return st;
}

/* One request for what is missing. */
static mv_status fetch_rest(mv_client *c, incoming *in, mv_http_call *call, mv_error *err)
{
    mv_status st = MV_OK;
    char range_text[MV_RANGE_TEXT_MAX];
    const mv_byte_range range = {in->have, UINT64_MAX};

    mv_byte_range_write(range_text, &range);
    call->range = in->have == 0 ? NULL : range_text;
    call->stage_done = in->from = in->have;
    call->status = 0;
    call->answered = false;
    st = do_signed(c, call, err);
    call->range = NULL;
    MV_TRY(st);
    if (call->status != 200 && call->status != 206) {
        in->spoilt = call->status == 404;
        st = refused(c, call, err);
        goto done;
    }
    MV_REQUIRE(in->have == in->want, err, MV_E_NETWORK, "the relay sent too few bytes");
done:
    return st;
}

static mv_status fetch_all(mv_client *c, incoming *in, const mv_client_file *file, mv_error *err)
{
    mv_status st = MV_OK;
    char target[MV_TARGET_MAX];
    mv_http_call call = {.method = "GET",
                         .target = target,
                         .sink = take_bytes,
                         .sink_user = in,
                         .stage = "receiving",
                         .stage_total = file->len};
    retry r = retry_start(c);

    own_file_target(target, c, file);
    while (in->have < in->want) {
        const uint64_t before = in->have;
        st = fetch_rest(c, in, &call, err);
        if (in->have > before) {
            r = retry_start(c); /* a line that moves is worth more patience */
        }
        if (st != MV_OK && !again(c, &r, &st, call.answered, err)) {
            break;
        }
    }
    mv_http_call_clear(&call);
    return st;
}

/* The whole file with its hash; once from the beginning when an old piece did not fit. */
static mv_status fetch_checked(mv_client *c, incoming *in, const mv_client_file *file,
                               mv_error *err)
{
    mv_status st = MV_OK;
    uint8_t hash[MV_FILE_HASH_LEN];

    for (;;) {
        const bool resumed = in->resumed;
        MV_TRY(fetch_all(c, in, file, err));
        (void)crypto_generichash_final(&in->hash, hash, sizeof hash);
        if (memcmp(hash, file->hash, sizeof hash) == 0) {
            break;
        }
        in->spoilt = !resumed;
        MV_REQUIRE(resumed, err, MV_E_AUTH, "the relay sent other bytes than it announced");
        MV_TRY(restart(in));
    }
    in->spoilt = fsync(in->fd) != 0;
    MV_REQUIRE(!in->spoilt, err, MV_E_IO, "cannot write %s: %s", in->path, strerror(errno));
done:
    return st;
}

mv_status mv_client_fetch(mv_client *client, const mv_client_file *file, const char *part_path,
                          mv_error *err)
{
    mv_status st = MV_OK;
    incoming in = {.fd = -1, .path = part_path, .want = file->len};

    MV_TRY(require_identity(client, err));
    MV_REQUIRE(file->len <= TRANSFER_LEN_MAX, err, MV_E_LIMIT,
               "the relay offers a file larger than 1 GiB, the most that is fetched");
    MV_TRY(open_incoming(&in, err));
    st = fetch_checked(client, &in, file, err);
done:
    if (in.fd >= 0) {
        if (st != MV_OK && (in.spoilt || in.have == 0)) {
            (void)unlink(part_path);
        }
        (void)close(in.fd);
    }
    return st;
}
