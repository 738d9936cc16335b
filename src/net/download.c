/* SPDX-License-Identifier: Apache-2.0
 *
 * download.c: a file from the relay: in one piece, or, when it is large, in pieces that come in any
 * order over several connections.
 *
 * The file is looked at as blocks. One connection writes them in order, so that the length of what
 * lies on disk tells how far it came. Several connections leave gaps: then a map, one byte a block,
 * follows the bytes on disk until the file is whole. Neither is flushed: after a cut of the power
 * the map may promise too much; the hash of the whole tells, and the download begins anew.
 */
#include "base/clock.h"
#include "base/file.h"
#include "client_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BLOCK        65536u
#define SPREAD_MIN   (1u << 20) /* smaller files are not worth further connections */
#define PIECE_MIN    2          /* blocks */
#define PIECE_MAX    128
#define HASH_AT_ONCE 64 /* blocks */
#define WATCH_MS     100
#define STREAMS_MS   250.0

/* TAKEN, TWICE: one, two connections are at it; on disk it is missing */
enum { MISSING, HERE, TAKEN, TWICE };

typedef struct download {
    const mv_client_file *file;
    const char *path;
    int fd;
    char target[MV_TARGET_MAX];
    uint32_t epoch;
    size_t blocks, piece_max;
    bool resumed; /* some bytes are from an earlier fetch */
    bool mapped;  /* the map lies on disk */

    pthread_mutex_t mutex; /* all below but stop */
    pthread_cond_t changed;
    uint8_t *map;
    size_t here, lowest; /* blocks that are here; all before lowest are */
    unsigned at_work;    /* connections with a piece */
    mv_streams streams;
    bool spoilt; /* what has arrived is of no use to the next fetch */
    mv_status st;
    mv_error err;
    atomic_bool stop;

    crypto_generichash_state hash; /* of the first hashed blocks; the calling thread's */
    size_t hashed;
} download;

/* One further connection. */
typedef struct download_stream {
    mv_client *client;
    download *download;
    pthread_t thread;
    bool runs;
} download_stream;

/* What one request asks for, and how far it came. */
typedef struct piece {
    download *download;
    size_t first, end; /* blocks */
    uint64_t at, limit;
    bool begun;
    mv_error *err;
} piece;

/* ---- blocks ---- */

static uint64_t block_end(const download *d, size_t block)
{
    const uint64_t end = (uint64_t)(block + 1) * BLOCK;
    return end < d->file->len ? end : d->file->len;
}

static uint64_t bytes_here(const download *d)
{
    const uint64_t bytes = (uint64_t)d->here * BLOCK;
    return bytes < d->file->len ? bytes : d->file->len;
}

static mv_status cannot_write(const download *d, mv_error *err)
{
    return mv_fail(err, MV_E_IO, "cannot write %s: %s", d->path, strerror(errno));
}

/* The blocks that the bytes from at to end make whole; all bytes of the first before at are here.
 */
static bool mark_here(download *d, uint64_t at, uint64_t end)
{
    bool ok = true;
    (void)pthread_mutex_lock(&d->mutex);
    for (size_t b = (size_t)(at / BLOCK); b < d->blocks && block_end(d, b) <= end; b++) {
        if (d->map[b] != HERE) {
            d->map[b] = HERE;
            d->here++;
            ok = ok && (!d->mapped || mv_file_write_at(d->fd, &d->map[b], 1, d->file->len + b));
        }
    }
    (void)pthread_mutex_unlock(&d->mutex);
    return ok;
}

static void set_bytes(const download *d, piece *p)
{
    p->at = (uint64_t)p->first * BLOCK;
    p->limit = p->first == p->end ? p->at : block_end(d, p->end - 1);
    p->begun = false;
}

/* The next missing blocks; with the mutex held. */
static bool next_piece(download *d, piece *p)
{
    while (d->lowest < d->blocks && d->map[d->lowest] == HERE) {
        d->lowest++;
    }
    size_t at = d->lowest;
    while (at < d->blocks && d->map[at] != MISSING) {
        at++;
    }
    const uint64_t share = mv_streams_share(&d->streams, d->blocks - at);
    const size_t most = share < PIECE_MIN      ? PIECE_MIN
                        : share < d->piece_max ? (size_t)share
                                               : d->piece_max;
    p->first = p->end = at;
    while (p->end < d->blocks && d->map[p->end] == MISSING && p->end - p->first < most) {
        d->map[p->end++] = TAKEN;
    }
    set_bytes(d, p);
    return p->first < p->end;
}

/* At the end of a long line, when half of the connections have nothing to do: what has been on its
 * way for longest, once more. Whichever is here first counts; else all would wait for the one
 * connection that lost its last packets. With the mutex held. */
static bool next_again(download *d, piece *p)
{
    size_t b = d->lowest;
    if (!d->streams.is_long || 2 * d->at_work > d->streams.now) {
        return false;
    }
    while (b < d->blocks && d->map[b] != TAKEN) {
        b++;
    }
    p->first = p->end = b;
    while (p->end < d->blocks && d->map[p->end] == TAKEN && p->end - p->first < PIECE_MIN) {
        d->map[p->end++] = TWICE;
    }
    set_bytes(d, p);
    return p->first < p->end;
}

static void put_back(download *d, const piece *p)
{
    (void)pthread_mutex_lock(&d->mutex);
    for (size_t b = p->first; b < p->end; b++) {
        if (d->map[b] != HERE) {
            d->map[b] = MISSING;
        }
    }
    d->at_work--;
    (void)pthread_cond_broadcast(&d->changed);
    (void)pthread_mutex_unlock(&d->mutex);
}

/* Waits for a piece and for its turn; false: there is nothing more to do. */
static bool take_piece(download *d, piece *p)
{
    bool taken = false;
    (void)pthread_mutex_lock(&d->mutex);
    while (!atomic_load(&d->stop) && d->here < d->blocks) {
        taken = d->at_work < d->streams.now && (next_piece(d, p) || next_again(d, p));
        if (taken) {
            d->at_work++;
            break;
        }
        (void)pthread_cond_wait(&d->changed, &d->mutex);
    }
    (void)pthread_mutex_unlock(&d->mutex);
    return taken;
}

/* ---- the file on disk ---- */

static mv_status restart(download *d, mv_error *err)
{
    memset(d->map, MISSING, d->blocks);
    d->here = d->lowest = d->hashed = 0;
    d->resumed = d->mapped = false;
    (void)crypto_generichash_init(&d->hash, NULL, 0, MV_FILE_HASH_LEN);
    return ftruncate(d->fd, 0) == 0 ? MV_OK : cannot_write(d, err);
}

/* The map behind the bytes; what is not HERE is missing. */
static bool read_map(download *d)
{
    for (size_t have = 0; have < d->blocks;) {
        const ssize_t got =
            pread(d->fd, d->map + have, d->blocks - have, (off_t)(d->file->len + have));
        if (got <= 0) {
            return false;
        }
        have += (size_t)got;
    }
    for (size_t b = 0; b < d->blocks; b++) {
        d->map[b] = d->map[b] == HERE ? HERE : MISSING;
        d->here += d->map[b] == HERE;
    }
    return true;
}

/* What an earlier fetch left. */
static mv_status look_at_earlier(download *d, uint64_t size, mv_error *err)
{
    d->resumed = size != 0;
    d->mapped = size != 0 && size == d->file->len + d->blocks;
    if (d->mapped) {
        return read_map(d) ? MV_OK : restart(d, err);
    }
    if (size > d->file->len) {
        return restart(d, err);
    }
    while (d->here < d->blocks && block_end(d, d->here) <= size) {
        d->map[d->here++] = HERE;
    }
    return MV_OK;
}

static mv_status open_part(download *d, mv_error *err)
{
    mv_status st = MV_OK;
    struct stat info;

    d->fd = open(d->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    MV_REQUIRE(d->fd >= 0, err, MV_E_IO, "cannot write %s: %s", d->path, strerror(errno));
    if (flock(d->fd, LOCK_EX | LOCK_NB) != 0) {
        (void)close(d->fd);
        d->fd = -1;
        return mv_fail(err, MV_E_BUSY, "another medveil is receiving %s", d->path);
    }
    MV_REQUIRE(fstat(d->fd, &info) == 0 && S_ISREG(info.st_mode), err, MV_E_IO, "%s is not a file",
               d->path);
    MV_TRY(look_at_earlier(d, (uint64_t)info.st_size, err));
done:
    return st;
}

static mv_status begin_map(download *d, mv_error *err)
{
    if (!d->mapped && (ftruncate(d->fd, (off_t)(d->file->len + d->blocks)) != 0 ||
                       !mv_file_write_at(d->fd, d->map, d->blocks, d->file->len))) {
        d->spoilt = true;
        return cannot_write(d, err);
    }
    d->mapped = true;
    return MV_OK;
}

static mv_status finish_part(download *d, mv_error *err)
{
    if (ftruncate(d->fd, (off_t)d->file->len) != 0 || fsync(d->fd) != 0) {
        d->spoilt = true;
        return cannot_write(d, err);
    }
    return MV_OK;
}

/* ---- the hash, in order, as far as blocks are here ---- */

static mv_status hash_blocks(download *d, size_t end, mv_error *err)
{
    uint8_t block[BLOCK];
    for (; d->hashed < end; d->hashed++) {
        const uint64_t at = (uint64_t)d->hashed * BLOCK;
        const size_t len = (size_t)(block_end(d, d->hashed) - at);
        if (pread(d->fd, block, len, (off_t)at) != (ssize_t)len) {
            return mv_fail(err, MV_E_IO, "cannot read %s", d->path);
        }
        (void)crypto_generichash_update(&d->hash, block, len);
    }
    return MV_OK;
}

/* With the mutex held, which is let go of meanwhile; *hashed: there was something to do. */
static mv_status hash_ahead(download *d, bool *hashed, mv_error *err)
{
    size_t end = d->hashed;
    while (end < d->blocks && end - d->hashed < HASH_AT_ONCE && d->map[end] == HERE) {
        end++;
    }
    *hashed = end != d->hashed;
    (void)pthread_mutex_unlock(&d->mutex);
    const mv_status st = hash_blocks(d, end, err);
    (void)pthread_mutex_lock(&d->mutex);
    return st;
}

/* ---- one connection ---- */

static mv_status take_bytes(void *user, int status, const uint8_t *bytes, size_t len)
{
    mv_status st = MV_OK;
    piece *p = user;
    download *d = p->download;

    if (!p->begun && status == 200) { /* the whole file, also when a piece was asked for */
        p->at = 0;
        p->limit = d->file->len;
    }
    p->begun = true;
    MV_REQUIRE(len <= p->limit - p->at, p->err, MV_E_AUTH,
               "the relay sends more bytes than it announced");
    MV_REQUIRE(mv_file_write_at(d->fd, bytes, len, p->at) && mark_here(d, p->at, p->at + len),
               p->err, MV_E_IO, "cannot write %s: %s", d->path, strerror(errno));
    p->at += len;
done:
    return st;
}

/* One request for a piece. */
static mv_status fetch_piece(mv_client *c, piece *p, mv_error *err)
{
    mv_status st = MV_OK;
    const download *d = p->download;
    char range_text[MV_RANGE_TEXT_MAX];
    const mv_byte_range range = {p->at, p->limit == d->file->len ? UINT64_MAX : p->limit - 1};
    mv_http_call call = {.method = "GET",
                         .target = d->target,
                         .sink = take_bytes,
                         .sink_user = p,
                         .stage = "receiving",
                         .stage_done = p->at,
                         .stage_total = d->file->len};

    p->err = err;
    mv_byte_range_write(range_text, &range);
    call.range = p->at == 0 && p->limit == d->file->len ? NULL : range_text;
    MV_TRY(mv_client_signed(c, &call, d->epoch, err));
    if (call.status != 200 && call.status != 206) {
        st = mv_client_refused(c, &call, err);
        goto done;
    }
    MV_REQUIRE(p->at == p->limit, err, MV_E_NETWORK, "the relay sent too few bytes");
done:
    mv_http_call_clear(&call);
    return st;
}

/* Piece after piece, until none is missing or this connection is given up. */
static mv_status fetch_pieces(mv_client *c, download *d, mv_error *err)
{
    mv_retry r = mv_retry_start(c);
    piece p = {.download = d};
    size_t before = 0;

    while (take_piece(d, &p)) {
        mv_status st = fetch_piece(c, &p, err);
        put_back(d, &p);
        (void)pthread_mutex_lock(&d->mutex);
        if (d->here > before) {
            r = mv_retry_start(c); /* a line that moves is worth more patience */
            before = d->here;
        }
        (void)pthread_mutex_unlock(&d->mutex);
        if (st != MV_OK && !mv_retry_again(c, &r, &st, err)) {
            return st;
        }
    }
    return MV_OK;
}

/* What arrived is of no use: other bytes than announced, a full disk, or the relay has it no more.
 */
static bool spoils(const mv_client *c, mv_status st)
{
    return c->answered && (st == MV_E_AUTH || st == MV_E_IO || st == MV_E_NOT_FOUND);
}

static mv_status fetch_alone(mv_client *c, download *d, mv_error *err)
{
    d->piece_max = d->blocks;
    d->streams = mv_streams_make(1);
    const mv_status st = fetch_pieces(c, d, err);
    d->spoilt = spoils(c, st);
    return st;
}

/* ---- several connections ---- */

static mv_status watch_stop(void *user, const char *stage, uint64_t done, uint64_t total)
{
    const download_stream *s = user;
    (void)stage;
    (void)done;
    (void)total;
    return atomic_load(&s->download->stop) ? MV_E_INTERRUPTED : MV_OK;
}

/* The first that fails ends all. */
static void *stream_thread(void *user)
{
    download_stream *s = user;
    download *d = s->download;
    mv_error err = {0};
    const mv_status st = fetch_pieces(s->client, d, &err);

    (void)pthread_mutex_lock(&d->mutex);
    if (st != MV_OK && !atomic_load(&d->stop) && d->here < d->blocks) {
        d->st = st;
        d->err = err;
        d->spoilt = spoils(s->client, st);
        atomic_store(&d->stop, true);
    }
    (void)pthread_cond_broadcast(&d->changed);
    (void)pthread_mutex_unlock(&d->mutex);
    return NULL;
}

static mv_status make_stream(mv_client *c, download_stream *s, mv_error *err)
{
    char address[MV_ADDRESS_MAX];
    mv_client_opts opts = c->opts;
    if (s->client != NULL) {
        return MV_OK;
    }
    opts.progress.step = watch_stop;
    opts.progress.user = s;
    mv_address_write(address, &c->address);
    return mv_client_make(&s->client, address, &opts, c->rate, err);
}

static mv_status start_streams(mv_client *c, download *d, unsigned count, mv_error *err)
{
    mv_status st = MV_OK;
    if (c->stream == NULL) {
        c->stream = calloc(c->opts.streams_max, sizeof *c->stream);
    }
    MV_REQUIRE(c->stream != NULL, err, MV_E_MEMORY, "out of memory");
    for (unsigned i = 0; i < count; i++) {
        download_stream *s = &c->stream[i];
        MV_TRY(make_stream(c, s, err));
        s->download = d;
        s->runs = pthread_create(&s->thread, NULL, stream_thread, s) == 0;
        MV_REQUIRE(s->runs || i != 0, err, MV_E_MEMORY, "cannot start another thread");
    }
done:
    return st;
}

static void stop_streams(mv_client *c, download *d)
{
    (void)pthread_mutex_lock(&d->mutex);
    atomic_store(&d->stop, true);
    (void)pthread_cond_broadcast(&d->changed);
    (void)pthread_mutex_unlock(&d->mutex);
    for (unsigned i = 0; c->stream != NULL && i < c->opts.streams_max; i++) {
        if (c->stream[i].runs) {
            mv_http_client_wake(c->stream[i].client->http);
            (void)pthread_join(c->stream[i].thread, NULL);
            c->stream[i].runs = false;
        }
    }
}

void mv_download_streams_free(mv_client *c)
{
    for (unsigned i = 0; c->stream != NULL && i < c->opts.streams_max; i++) {
        mv_client_free(&c->stream[i].client);
    }
    free(c->stream);
    c->stream = NULL;
}

static void wait_a_little(download *d)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += WATCH_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    (void)pthread_cond_timedwait(&d->changed, &d->mutex, &until);
}

/* Until all is here or something failed: hashes, shows progress, chooses the number of connections.
 * With the mutex held. */
static mv_status watch_streams(const mv_client *c, download *d, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_progress *p = &c->opts.progress;
    double stepped_ms = mv_clock_ms();
    uint64_t stepped_at = bytes_here(d);

    while (!atomic_load(&d->stop) && d->here < d->blocks) {
        bool hashed = false;
        const double now = mv_clock_ms();
        MV_TRY(hash_ahead(d, &hashed, err));
        if (now - stepped_ms >= STREAMS_MS) {
            mv_streams_step(&d->streams,
                            (double)(bytes_here(d) - stepped_at) / (now - stepped_ms) * 1e3);
            stepped_ms = now;
            stepped_at = bytes_here(d);
            (void)pthread_cond_broadcast(&d->changed);
        }
        if (p->step != NULL) {
            MV_TRY(p->step(p->user, "receiving", bytes_here(d), d->file->len));
        }
        if (!hashed && !atomic_load(&d->stop) && d->here < d->blocks) {
            wait_a_little(d);
        }
    }
done:
    return st;
}

static mv_status fetch_spread(mv_client *c, download *d, mv_error *err)
{
    mv_status st = MV_OK;
    const size_t left = d->blocks - d->here;
    const unsigned most = left < c->opts.streams_max ? (unsigned)left : c->opts.streams_max;

    d->piece_max = PIECE_MAX;
    d->streams = mv_streams_make(c->opts.streams_max);
    mv_streams_line(&d->streams, mv_http_client_round_trip_ms(c->http));
    MV_TRY(begin_map(d, err));
    MV_TRY(start_streams(c, d, most, err));
    (void)pthread_mutex_lock(&d->mutex);
    st = watch_streams(c, d, err);
    (void)pthread_mutex_unlock(&d->mutex);
done:
    stop_streams(c, d);
    atomic_store(&d->stop, false);
    if (st == MV_OK && d->here < d->blocks) {
        st = d->st;
        if (err != NULL) {
            *err = d->err;
        }
    }
    return st;
}

/* ---- the whole ---- */

static mv_status fetch_missing(mv_client *c, download *d, mv_error *err)
{
    if (d->here == d->blocks) {
        return MV_OK;
    }
    const bool spread =
        c->opts.streams_max > 1 && (uint64_t)(d->blocks - d->here) * BLOCK > SPREAD_MIN;
    return spread ? fetch_spread(c, d, err) : fetch_alone(c, d, err);
}

/* The whole file with its hash; once from the beginning when an old piece did not fit. */
static mv_status fetch_checked(mv_client *c, download *d, mv_error *err)
{
    mv_status st = MV_OK;
    uint8_t hash[MV_FILE_HASH_LEN];

    for (;;) {
        MV_TRY(fetch_missing(c, d, err));
        MV_TRY(hash_blocks(d, d->blocks, err));
        (void)crypto_generichash_final(&d->hash, hash, sizeof hash);
        if (memcmp(hash, d->file->hash, sizeof hash) == 0) {
            break;
        }
        d->spoilt = !d->resumed;
        MV_REQUIRE(d->resumed, err, MV_E_AUTH, "the relay sent other bytes than it announced");
        MV_TRY(restart(d, err));
    }
    MV_TRY(finish_part(d, err));
done:
    return st;
}

static mv_status begin(download *d, mv_client *c, mv_error *err)
{
    mv_status st = MV_OK;
    mv_route route = {.kind = MV_ROUTE_FILE};
    pthread_condattr_t monotonic;

    (void)pthread_mutex_init(&d->mutex, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&d->changed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    (void)crypto_generichash_init(&d->hash, NULL, 0, MV_FILE_HASH_LEN);
    MV_TRY(mv_client_require_identity(c, err));
    MV_REQUIRE(d->file->len <= MV_TRANSFER_LEN_MAX, err, MV_E_LIMIT,
               "the relay offers a file larger than a sealed file can be");
    MV_TRY(mv_client_own_route(&route, d->target, c, MV_ROUTE_FILE, d->file, err));
    d->epoch = route.mailbox.epoch;
    d->blocks = (size_t)((d->file->len + BLOCK - 1) / BLOCK);
    d->map = calloc(d->blocks + 1, 1);
    MV_REQUIRE(d->map != NULL, err, MV_E_MEMORY, "out of memory");
    MV_TRY(open_part(d, err));
done:
    return st;
}

mv_status mv_client_fetch(mv_client *client, const mv_client_file *file, const char *part_path,
                          mv_error *err)
{
    mv_status st = MV_OK;
    download d = {.file = file, .path = part_path, .fd = -1};

    MV_TRY(begin(&d, client, err));
    MV_TRY(fetch_checked(client, &d, err));
done:
    if (d.fd >= 0) {
        if (st != MV_OK && (d.spoilt || d.here == 0)) {
            (void)unlink(part_path);
        }
        (void)close(d.fd);
    }
    free(d.map);
    (void)pthread_cond_destroy(&d.changed);
    (void)pthread_mutex_destroy(&d.mutex);
    return st;
}
