/* SPDX-License-Identifier: Apache-2.0
 *
 * queue_run.c: brings what is in the queue to its relays and its receipts home.
 *
 * One thread per stream takes the next piece of work (a bundle, a file, a part) from a common list;
 * the calling thread watches: it shows progress, obeys pauses and interrupts, chooses how many
 * streams are at work, and asks for receipts. A piece that fails goes back into the list, and its
 * relay is left alone for a growing while; nothing in memory is needed to go on after a crash.
 */
#include "base/clock.h"
#include "base/rng.h"
#include "client_internal.h"
#include "queue_internal.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WATCH_MS        100
#define STREAMS_MS      500.0
#define PAUSES_MS       500.0
#define OTHERS_MS       1000.0
#define PAUSE_FIRST_MS  250.0
#define PAUSE_MAX_MS    30000.0
#define RECEIPTS_MIN_MS 500.0
#define RECEIPTS_MAX_MS 10000.0
#define SMALL_MAX       (256u << 10) /* larger files are not bundled */
#define BUNDLE_LEN      (4u << 20)
#define BUNDLE_FILES    200
#define WHOLE_MAX       (4u << 20) /* larger files go in parts */
#define PART_MIN        (256ull << 10)
#define PART_MAX        (8ull << 20)
#define PARTS_WANTED    128
#define RESTARTS_MAX    5
#define NO_IDENTITY     SIZE_MAX

typedef enum entry_state { READY, AT_WORK, ON_RELAY, DELIVERED_UNFLUSHED, OVER } entry_state;

/* A large file on its way. */
typedef struct parts {
    uint8_t upload[MV_UPLOAD_ID_LEN];
    mv_runs have; /* what the relay has or is being sent */
    int fd;
    unsigned out;     /* pieces of work that streams have in hand */
    uint64_t out_len; /* bytes of the parts among them */
    bool stale;       /* have is to be asked for again, when none is out */
    bool finishing;
} parts;

typedef struct entry {
    char id[MV_QUEUE_ID_MAX];
    entry_state state;
    size_t line, identity;
    uint64_t len;
    parts *parts; /* NULL: not begun, or not large */
    uint8_t mailbox_owner[MV_CARD_SIGN_LEN];
    unsigned restarts;
    double again_ms; /* another process had it; not before this */
    bool locked, paused, was_sent, false_receipt;
} entry;

/* One relay. */
typedef struct relay_line {
    char relay[MV_QUEUE_RELAY_MAX];
    unsigned failures; /* since something moved */
    double pause_ms, until_ms;
    bool given_up;
    bool away; /* the caller has been told so */
} relay_line;

typedef struct sender {
    char path[MV_QUEUE_PATH_MAX];
    const mv_identity *identity;
} sender;

typedef struct stream stream;

typedef struct engine {
    mv_queue *queue;
    const mv_queue_run_opts *opts;
    mv_rate rate;
    pthread_mutex_t mutex; /* all below, and the queue */
    pthread_cond_t work;
    entry *entry;
    size_t entry_count;
    relay_line *line;
    size_t line_count;
    sender *sender;
    size_t sender_count;
    stream *stream;
    mv_streams streams;
    uint64_t moved, total; /* bytes that are on the relays; of all entries */
    bool stop;
    mv_status st; /* what kept something from being sent */
    mv_error err;
} engine;

struct stream {
    engine *engine;
    unsigned number;
    pthread_t thread;
    mv_client *client;
    size_t line, identity; /* of the client */
    uint64_t moving;       /* bytes of the call in hand */
    const entry *entry;    /* at which it is; NULL: none */
    bool busy;
    bool asks; /* not a stream of its own: the calling thread, asking for receipts */
};

typedef enum work_kind { NOTHING, WHOLE, BUNDLE, BEGIN, PART, FINISH } work_kind;

typedef struct work {
    work_kind kind;
    entry *entry[BUNDLE_FILES]; /* one, but of a bundle */
    size_t count;
    mv_run part;
} work;

mv_queue_run_opts mv_queue_run_defaults(void)
{
    const mv_queue_run_opts opts = {
        .tries = 3, .streams_max = MV_QUEUE_STREAMS_MAX, .idle_timeout_ms = 60000};
    return opts;
}

/* ---- loading ---- */

static size_t line_of(engine *g, const char *relay)
{
    for (size_t i = 0; i < g->line_count; i++) {
        if (strcmp(g->line[i].relay, relay) == 0) {
            return i;
        }
    }
    relay_line *longer = realloc(g->line, (g->line_count + 1) * sizeof *longer);
    if (longer == NULL) {
        return SIZE_MAX;
    }
    g->line = longer;
    memset(&longer[g->line_count], 0, sizeof *longer);
    memcpy(longer[g->line_count].relay, relay, strlen(relay) + 1);
    return g->line_count++;
}

/* The place of this identity; asked for once, also when it cannot be had. */
static mv_status sender_of(engine *g, size_t *out, const char *path, mv_error *err)
{
    *out = NO_IDENTITY;
    if (path[0] == '\0' || g->opts->identity == NULL) {
        return MV_OK;
    }
    for (size_t i = 0; i < g->sender_count; i++) {
        if (strcmp(g->sender[i].path, path) == 0) {
            *out = i;
            return MV_OK;
        }
    }
    sender *longer = realloc(g->sender, (g->sender_count + 1) * sizeof *longer);
    if (longer == NULL) {
        return mv_fail(err, MV_E_MEMORY, "out of memory");
    }
    g->sender = longer;
    memset(&longer[g->sender_count], 0, sizeof *longer);
    memcpy(longer[g->sender_count].path, path, strlen(path) + 1);
    *out = g->sender_count++;
    return g->opts->identity(g->opts->user, path, &g->sender[*out].identity, err);
}

static mv_status load_entry(engine *g, const char *id, mv_queue_item *item, mv_error *err)
{
    mv_status st = mv_queue_get(g->queue, item, id, err);
    entry *e = &g->entry[g->entry_count];

    if (st != MV_OK || item->state == MV_QUEUE_DELIVERED || item->state == MV_QUEUE_REFUSED) {
        return st;
    }
    memcpy(e->id, item->id, sizeof e->id);
    e->state = item->state == MV_QUEUE_SENT ? ON_RELAY : READY;
    e->was_sent = item->state == MV_QUEUE_SENT;
    e->paused = item->paused;
    e->len = item->file.len;
    memcpy(e->mailbox_owner, item->recipient.sign_public, MV_CARD_SIGN_LEN);
    e->line = line_of(g, item->relay);
    MV_REQUIRE(e->line != SIZE_MAX, err, MV_E_MEMORY, "out of memory");
    MV_TRY(sender_of(g, &e->identity, item->identity, err));
    if (e->was_sent && e->identity == NO_IDENTITY) {
        e->state = OVER; /* no receipt to wait for */
    }
    g->total += e->state == READY ? e->len : 0;
    g->entry_count++;
done:
    return st;
}

static mv_status load_ids(engine *g, const char (*id)[MV_QUEUE_ID_MAX], size_t count, mv_error *err)
{
    mv_status st = MV_OK;
    mv_queue_item *item = malloc(sizeof *item);

    g->entry = calloc(count + 1, sizeof *g->entry);
    MV_REQUIRE(item != NULL && g->entry != NULL, err, MV_E_MEMORY, "out of memory");
    for (size_t i = 0; i < count; i++) {
        st = load_entry(g, id[i], item, err);
        if (st == MV_E_NOT_FOUND && g->opts->id == NULL) {
            st = MV_OK; /* cancelled since the folder was read */
        }
        MV_TRY(st);
    }
done:
    free(item);
    return st;
}

static mv_status load(engine *g, mv_error *err)
{
    mv_status st = MV_OK;
    char(*id)[MV_QUEUE_ID_MAX] = NULL;
    size_t count = g->opts->id_count;

    if (g->opts->id == NULL) {
        MV_TRY(mv_queue_ids(g->queue, &id, &count, err));
    } else {
        id = calloc(count + 1, sizeof *id);
        MV_REQUIRE(id != NULL, err, MV_E_MEMORY, "out of memory");
        for (size_t i = 0; i < count; i++) {
            (void)snprintf(id[i], MV_QUEUE_ID_MAX, "%s", g->opts->id[i]);
        }
    }
    MV_TRY(load_ids(g, (const char(*)[MV_QUEUE_ID_MAX])id, count, err));
done:
    free(id);
    return st;
}

/* ---- what became of an item; all with the mutex held ---- */

static void tell(engine *g, const mv_queue_item *item, mv_status st, const mv_error *err)
{
    if (g->opts->changed != NULL) {
        g->opts->changed(g->opts->user, item, st, err);
    }
}

static void note_failure(engine *g, mv_status st, const mv_error *err)
{
    if (g->st == MV_OK) {
        g->st = st;
        g->err = *err;
    }
}

static void drop_parts(entry *e)
{
    if (e->parts != NULL) {
        if (e->parts->fd >= 0) {
            (void)close(e->parts->fd);
        }
        free(e->parts);
        e->parts = NULL;
    }
}

static void release(engine *g, entry *e)
{
    drop_parts(e);
    if (e->locked) {
        mv_queue_unlock(g->queue, e->id);
        e->locked = false;
    }
}

/* The item's new state to disk, to the caller, and to the list. */
static void settle(engine *g, entry *e, mv_queue_state state, const mv_mailbox *mailbox,
                   bool duplicate, mv_status why, const mv_error *err)
{
    mv_error own = {0};
    mv_queue_item item;
    mv_status st = mv_queue_get(g->queue, &item, e->id, &own);

    if (st == MV_OK) {
        item.state = state;
        item.has_upload = false;
        item.duplicate = duplicate;
        item.file.epoch = mailbox == NULL ? item.file.epoch : mailbox->epoch;
        (void)snprintf(item.reason, sizeof item.reason, "%.*s", MV_QUEUE_REASON_MAX - 1,
                       err == NULL ? "" : err->text);
        st = mv_queue_save_state(g->queue, &item, &own);
    }
    e->state = state == MV_QUEUE_SENT && e->identity != NO_IDENTITY ? ON_RELAY : OVER;
    g->moved += state == MV_QUEUE_SENT ? e->len : 0;
    if (st != MV_OK) {
        note_failure(g, st, &own);
    } else {
        tell(g, &item, why, err);
    }
    release(g, e);
}

static bool passes(mv_status st, bool answered)
{
    return st == MV_E_NETWORK || st == MV_E_BUSY || (st == MV_E_NOT_FOUND && !answered);
}

/* Leaves the relay alone for a while that doubles, a quarter less or more at random. */
static void back_off(relay_line *l, unsigned retry_after_s)
{
    uint32_t random = 0;
    if (mv_random_bytes((uint8_t *)&random, sizeof random) != MV_OK) {
        random = UINT32_MAX / 2; /* no jitter then */
    }
    l->pause_ms = l->pause_ms == 0 ? PAUSE_FIRST_MS : 2 * l->pause_ms;
    l->pause_ms = l->pause_ms < PAUSE_MAX_MS ? l->pause_ms : PAUSE_MAX_MS;
    double pause_ms = l->pause_ms * (0.75 + 0.5 * (double)random / 4294967296.0);
    pause_ms = pause_ms > 1e3 * retry_after_s ? pause_ms : 1e3 * retry_after_s;
    l->until_ms = mv_clock_ms() + pause_ms;
}

/* Who waits hears once that a relay is away. */
static void line_away(engine *g, relay_line *l, mv_status st, const mv_error *err)
{
    if (g->opts->wait && !l->away) {
        l->away = true;
        tell(g, NULL, st, err);
    }
}

/* A line that failed: by several streams at once it counts as one failure. */
static void line_failed(engine *g, stream *s, relay_line *l, mv_status st, const mv_error *err,
                        bool progress)
{
    if (progress) {
        l->failures = 0;
        l->pause_ms = 0;
    }
    if (mv_clock_ms() < l->until_ms) {
        return;
    }
    l->failures++;
    back_off(l, s->client == NULL ? 0 : s->client->retry_after_s);
    const bool final = st == MV_E_AUTH || (!g->opts->wait && l->failures >= g->opts->tries);
    if (final) {
        l->given_up = true;
        note_failure(g, st, err);
    } else {
        line_away(g, l, st, err);
    }
}

static void line_works(engine *g, relay_line *l)
{
    if (l->away) {
        l->away = false;
        tell(g, NULL, MV_OK, NULL);
    }
    l->failures = 0;
    l->pause_ms = 0;
    l->until_ms = 0;
}

/* ---- choosing work; with the mutex held ---- */

/* Another process works on it. */
static void left_to_others(engine *g, entry *e)
{
    mv_error err = {0};
    e->again_ms = mv_clock_ms() + OTHERS_MS;
    if (!g->opts->wait) {
        e->state = OVER;
        note_failure(g, mv_fail(&err, MV_E_BUSY, "another medveil is sending %s", e->id), &err);
    }
}

static bool free_to_go(engine *g, entry *e)
{
    const relay_line *l = &g->line[e->line];
    if (e->paused || l->given_up || mv_clock_ms() < l->until_ms) {
        return false;
    }
    if (!e->locked && mv_clock_ms() >= e->again_ms) {
        e->locked = mv_queue_lock(g->queue, e->id);
        if (!e->locked) {
            left_to_others(g, e);
        }
    }
    return e->locked;
}

static uint64_t part_len(uint64_t len)
{
    const uint64_t wanted = len / PARTS_WANTED / MV_BLOCK_LEN * MV_BLOCK_LEN;
    return wanted < PART_MIN ? PART_MIN : wanted > PART_MAX ? PART_MAX : wanted;
}

/* The first gap in what the relay has, as far as one part goes. */
static bool next_part(parts *p, mv_run *out)
{
    const bool from_start = p->have.count == 0 || p->have.run[0].first != 0;
    out->first = from_start ? 0 : p->have.run[0].end;
    const size_t after = from_start ? 0 : 1;
    const uint64_t gap_end = after < p->have.count ? p->have.run[after].first : p->have.len;
    const uint64_t end = out->first + part_len(p->have.len);
    out->end = end < gap_end ? end : gap_end;
    return out->first < out->end && mv_runs_add(&p->have, out->first, out->end);
}

static bool work_on_parts(entry *e, work *w)
{
    parts *p = e->parts;
    if (p->stale || p->finishing) {
        w->kind = BEGIN;
        return p->stale && p->out == 0;
    }
    if (next_part(p, &w->part)) {
        w->kind = PART;
        return true;
    }
    w->kind = FINISH;
    p->finishing = p->out == 0 && mv_runs_whole(&p->have);
    return p->finishing;
}

static bool bundles_with(const entry *first, const entry *e)
{
    return e->state == READY && e->len != 0 && e->len <= SMALL_MAX && e->line == first->line &&
           e->identity == first->identity &&
           memcmp(e->mailbox_owner, first->mailbox_owner, MV_CARD_SIGN_LEN) == 0;
}

static void gather_bundle(engine *g, size_t at, work *w)
{
    const entry *first = w->entry[0];
    uint64_t len = MV_BUNDLE_HEAD + first->len;
    for (size_t i = at + 1; i < g->entry_count && w->count < BUNDLE_FILES; i++) {
        entry *e = &g->entry[i];
        if (bundles_with(first, e) && len + MV_BUNDLE_HEAD + e->len <= BUNDLE_LEN &&
            free_to_go(g, e)) {
            e->state = AT_WORK;
            len += MV_BUNDLE_HEAD + e->len;
            w->entry[w->count++] = e;
        }
    }
    w->kind = w->count == 1 ? WHOLE : BUNDLE;
}

static bool take(engine *g, size_t at, work *w)
{
    entry *e = &g->entry[at];
    w->entry[0] = e;
    w->count = 1;
    if (e->state == AT_WORK && e->parts != NULL) {
        return free_to_go(g, e) && work_on_parts(e, w);
    }
    if (e->state != READY || !free_to_go(g, e)) {
        return false;
    }
    e->state = AT_WORK;
    w->kind = e->len > WHOLE_MAX ? BEGIN : WHOLE;
    if (e->len != 0 && e->len <= SMALL_MAX) {
        gather_bundle(g, at, w);
    }
    return true;
}

static bool next_work(engine *g, work *w)
{
    memset(w, 0, sizeof *w);
    for (size_t i = 0; i < g->entry_count; i++) {
        if (g->entry[i].state <= AT_WORK && take(g, i, w)) {
            parts *p = w->entry[0]->parts;
            if (p != NULL) {
                p->out++;
                p->out_len += w->part.end - w->part.first;
            }
            return true;
        }
    }
    return false;
}

/* ---- doing it; without the mutex ---- */

static mv_status watch_stream(void *user, const char *stage, uint64_t done, uint64_t total)
{
    stream *s = user;
    (void)stage;
    (void)total;
    (void)pthread_mutex_lock(&s->engine->mutex);
    s->moving = done;
    const bool on = !s->engine->stop && (s->entry == NULL || !s->entry->paused);
    (void)pthread_mutex_unlock(&s->engine->mutex);
    return on ? MV_OK : MV_E_INTERRUPTED;
}

static mv_status watch_receipts(void *user, const char *stage, uint64_t done, uint64_t total)
{
    const stream *s = user;
    const mv_progress *p = &s->engine->opts->progress;
    (void)done;
    (void)total;
    return p->step == NULL ? MV_OK : p->step(p->user, stage, 0, 0);
}

static mv_status client_for(engine *g, stream *s, const entry *e, mv_error *err)
{
    mv_client_opts opts = mv_client_defaults();
    if (s->client != NULL && s->line == e->line && s->identity == e->identity) {
        return MV_OK;
    }
    mv_client_free(&s->client);
    opts.identity = e->identity == NO_IDENTITY ? NULL : g->sender[e->identity].identity;
    opts.idle_timeout_ms = g->opts->idle_timeout_ms;
    opts.tries = 1;
    opts.progress.step = s->asks ? watch_receipts : watch_stream;
    opts.progress.user = s;
    s->line = e->line;
    s->identity = e->identity;
    return mv_client_make(&s->client, g->line[e->line].relay, &opts, &g->rate, err);
}

static mv_status do_whole(engine *g, mv_client *c, const mv_queue_item *item,
                          const mv_mailbox *mailbox, bool *duplicate, mv_error *err)
{
    mv_outgoing out = {mv_queue_open_bytes(g->queue, item->id), item->file};
    if (out.fd < 0) {
        return mv_fail(err, MV_E_IO, "the queue's copy of %s is gone", item->name);
    }
    const mv_status st = mv_send_whole(c, mailbox, &out, duplicate, err);
    (void)close(out.fd);
    return st;
}

static mv_status append_file(engine *g, const mv_queue_item *item, mv_buffer *body, uint8_t *room,
                             mv_error *err)
{
    const mv_bundled file = {item->file.hash, room, (uint32_t)item->file.len};
    const int fd = mv_queue_open_bytes(g->queue, item->id);
    const ssize_t got = fd < 0 ? -1 : pread(fd, room, SMALL_MAX + 1, 0);
    if (fd >= 0) {
        (void)close(fd);
    }
    if (got < 0 || (uint64_t)got != item->file.len) {
        return mv_fail(err, MV_E_IO, "the queue's copy of %s is gone or damaged", item->name);
    }
    return mv_bundle_append(body, &file);
}

/* A copy that is gone ends that one item; the others go on. */
static mv_status fill_bundle(engine *g, work *w, mv_buffer *body, mv_error *err)
{
    mv_status st = MV_OK;
    size_t kept = 0;
    mv_queue_item *item = malloc(sizeof *item);
    uint8_t *room = malloc(SMALL_MAX + 1);

    MV_REQUIRE(item != NULL && room != NULL, err, MV_E_MEMORY, "out of memory");
    for (size_t i = 0; i < w->count; i++) {
        mv_error own = {0};
        st = mv_queue_get(g->queue, item, w->entry[i]->id, &own);
        if (st == MV_OK) {
            st = append_file(g, item, body, room, &own);
        }
        if (st == MV_OK) {
            w->entry[kept++] = w->entry[i];
            continue;
        }
        (void)pthread_mutex_lock(&g->mutex);
        settle(g, w->entry[i], MV_QUEUE_REFUSED, NULL, false, st, &own);
        (void)pthread_mutex_unlock(&g->mutex);
        st = MV_OK;
    }
    w->count = kept;
done:
    free(item);
    free(room);
    return st;
}

static void finish_bundle(engine *g, const work *w, const mv_results *results,
                          const mv_mailbox *mailbox)
{
    (void)pthread_mutex_lock(&g->mutex);
    for (size_t i = 0; i < w->count; i++) {
        mv_error err = {0};
        bool duplicate = false;
        const mv_status st = mv_send_result(results->status[i], &duplicate, &err);
        if (st == MV_OK) {
            settle(g, w->entry[i], MV_QUEUE_SENT, mailbox, duplicate, MV_OK, NULL);
        } else if (st == MV_E_POLICY) {
            settle(g, w->entry[i], MV_QUEUE_REFUSED, NULL, false, st, &err);
        } else {
            w->entry[i]->state = READY;
        }
    }
    (void)pthread_mutex_unlock(&g->mutex);
}

static mv_status do_bundle(engine *g, mv_client *c, work *w, const mv_mailbox *mailbox,
                           mv_error *err)
{
    mv_status st = MV_OK;
    mv_buffer body = mv_buffer_make(MV_BUNDLE_MAX);
    mv_results *results = malloc(sizeof *results);

    MV_REQUIRE(results != NULL, err, MV_E_MEMORY, "out of memory");
    MV_TRY(fill_bundle(g, w, &body, err));
    if (w->count == 0) {
        goto done;
    }
    MV_TRY(mv_send_bundle(c, mailbox, &body, results, err));
    MV_REQUIRE(results->count == w->count, err, MV_E_NETWORK,
               "the relay's answer to a bundle does not fit it");
    finish_bundle(g, w, results, mailbox);
done:
    mv_buffer_clear(&body);
    free(results);
    return st;
}

/* Where an upload in parts stands, or a new one; *present: the relay has the whole file. */
static mv_status ask_parts(mv_client *c, mv_queue_item *item, const mv_mailbox *mailbox, parts *p,
                           bool *present, mv_error *err)
{
    mv_status st = MV_OK;
    bool known = false;
    mv_ticket ticket;

    *present = false;
    if (item->has_upload) {
        MV_TRY(mv_send_have(c, item->upload, &p->have, &known, err));
    }
    known = known && p->have.len == item->file.len;
    if (!known) {
        MV_TRY(mv_send_begin(c, mailbox, &item->file, &ticket, err));
        *present = ticket.present;
        memcpy(item->upload, ticket.upload, MV_UPLOAD_ID_LEN);
        item->has_upload = !ticket.present;
        memset(&p->have, 0, sizeof p->have);
        p->have.len = item->file.len;
    }
    memcpy(p->upload, item->upload, MV_UPLOAD_ID_LEN);
done:
    return st;
}

static uint64_t bytes_of(const mv_runs *runs)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < runs->count; i++) {
        sum += runs->run[i].end - runs->run[i].first;
    }
    return sum;
}

static mv_status do_begin(engine *g, mv_client *c, entry *e, mv_queue_item *item,
                          const mv_mailbox *mailbox, bool *present, mv_error *err)
{
    mv_status st = MV_OK;
    parts *p = calloc(1, sizeof *p);

    MV_REQUIRE(p != NULL, err, MV_E_MEMORY, "out of memory");
    p->fd = mv_queue_open_bytes(g->queue, item->id);
    MV_REQUIRE(p->fd >= 0, err, MV_E_IO, "the queue's copy of %s is gone", item->name);
    MV_TRY(ask_parts(c, item, mailbox, p, present, err));
    if (!*present) {
        item->file.epoch = mailbox->epoch;
        MV_TRY(mv_queue_save_state(g->queue, item, err));
    }
done:
    (void)pthread_mutex_lock(&g->mutex);
    if (st == MV_OK) {
        drop_parts(e);
        e->parts = p;
        p = NULL;
    }
    (void)pthread_mutex_unlock(&g->mutex);
    if (p != NULL) {
        if (p->fd >= 0) {
            (void)close(p->fd);
        }
        free(p);
    }
    return st;
}

/* What a single piece of work brought. */
typedef struct outcome {
    mv_status st;
    mv_error err;
    mv_mailbox mailbox;
    bool done; /* the whole file is on the relay */
    bool duplicate;
    bool known; /* the relay still knows the upload */
    bool answered;
    bool elsewhere; /* another process has sent it meanwhile */
} outcome;

static void do_one(engine *g, mv_client *c, work *w, outcome *o)
{
    mv_status st = MV_OK;
    entry *e = w->entry[0];
    mv_queue_item *item = malloc(sizeof *item);

    o->known = true;
    MV_REQUIRE(item != NULL, &o->err, MV_E_MEMORY, "out of memory");
    MV_TRY(mv_queue_get(g->queue, item, e->id, &o->err));
    o->elsewhere = w->count == 1 && item->state != MV_QUEUE_WAITING;
    if (o->elsewhere) {
        goto done;
    }
    /* an upload that has begun stays in its mailbox, also when the epoch changes */
    MV_TRY(mv_client_mailbox(&o->mailbox, c, &item->recipient, item->file.epoch, &o->err));
    switch (w->kind) {
    case WHOLE:
        MV_TRY(do_whole(g, c, item, &o->mailbox, &o->duplicate, &o->err));
        o->done = true;
        break;
    case BEGIN:
        MV_TRY(do_begin(g, c, e, item, &o->mailbox, &o->duplicate, &o->err));
        o->done = o->duplicate;
        break;
    case PART:
        MV_TRY(mv_send_part(c, e->parts->upload, e->parts->fd, &w->part, &o->known, &o->err));
        break;
    case FINISH:
        MV_TRY(mv_send_finish(c, e->parts->upload, &o->known, &o->err));
        o->done = o->known;
        break;
    case BUNDLE:
        MV_TRY(do_bundle(g, c, w, &o->mailbox, &o->err));
        break;
    case NOTHING:
        break;
    }
done:
    o->st = st;
    free(item);
}

/* ---- after it; with the mutex held ---- */

static void back_to_the_list(engine *g, entry *e)
{
    if (e->state == AT_WORK && e->parts == NULL) {
        e->state = READY;
    }
    if (e->paused) {
        if (e->state <= AT_WORK && (e->parts == NULL || e->parts->out == 0)) {
            release(g, e);
            e->state = READY;
        }
    }
}

static void begin_anew(engine *g, entry *e, outcome *o)
{
    mv_queue_item item;
    e->restarts++;
    e->parts->stale = true;
    if (mv_queue_get(g->queue, &item, e->id, NULL) == MV_OK && item.has_upload) {
        item.has_upload = false;
        o->st = mv_queue_save_state(g->queue, &item, &o->err);
    }
    if (e->restarts > RESTARTS_MAX) {
        o->st = mv_fail(&o->err, MV_E_FORMAT, "the relay loses what it is sent");
    }
}

static void failed(engine *g, stream *s, work *w, const outcome *o)
{
    entry *e = w->entry[0];
    const bool was_moving = s->moving >= MV_BLOCK_LEN;

    if (passes(o->st, o->answered) || (o->st == MV_E_AUTH && !o->answered)) {
        line_failed(g, s, &g->line[e->line], o->st, &o->err, was_moving);
    } else if (o->st != MV_E_INTERRUPTED) {
        for (size_t i = 0; i < w->count; i++) {
            if (w->entry[i]->state == AT_WORK &&
                (w->entry[i]->parts == NULL || w->entry[i]->parts->out == 0)) {
                settle(g, w->entry[i], MV_QUEUE_REFUSED, NULL, false, o->st, &o->err);
            }
        }
    }
}

static void after(engine *g, stream *s, work *w, outcome *o)
{
    entry *e = w->entry[0];
    parts *p = e->parts;

    if (p != NULL && p->out != 0) { /* not when BEGIN has just made it */
        p->out--;
        p->out_len -= w->part.end - w->part.first;
    }
    if (p != NULL && (o->st != MV_OK || !o->known)) {
        p->stale = true;
        p->finishing = false;
    }
    if (o->st == MV_OK && !o->known && p != NULL) {
        begin_anew(g, e, o);
    }
    if (o->st == MV_OK) {
        line_works(g, &g->line[e->line]);
        if (o->elsewhere) {
            e->state = e->identity == NO_IDENTITY ? OVER : ON_RELAY;
            release(g, e);
        } else if (o->done) {
            settle(g, e, MV_QUEUE_SENT, &o->mailbox, o->duplicate, MV_OK, NULL);
        }
    } else {
        failed(g, s, w, o);
    }
    for (size_t i = 0; i < w->count; i++) {
        back_to_the_list(g, w->entry[i]);
    }
}

static bool any_left(const engine *g)
{
    for (size_t i = 0; i < g->entry_count; i++) {
        const entry *e = &g->entry[i];
        if (e->state == AT_WORK ||
            (e->state == READY && !e->paused && !g->line[e->line].given_up)) {
            return true;
        }
    }
    return false;
}

static void *run_stream(void *user)
{
    stream *s = user;
    engine *g = s->engine;
    work *w = malloc(sizeof *w);

    (void)pthread_mutex_lock(&g->mutex);
    while (w != NULL && !g->stop) {
        outcome o = {.st = MV_OK};
        if (s->number >= g->streams.now || !next_work(g, w)) {
            (void)pthread_cond_wait(&g->work, &g->mutex);
            continue;
        }
        s->busy = true;
        s->moving = 0;
        s->entry = w->count == 1 ? w->entry[0] : NULL;
        (void)pthread_mutex_unlock(&g->mutex);
        o.st = client_for(g, s, w->entry[0], &o.err);
        if (o.st == MV_OK) {
            do_one(g, s->client, w, &o);
            o.answered = s->client->answered;
        }
        (void)pthread_mutex_lock(&g->mutex);
        after(g, s, w, &o);
        s->busy = false;
        s->moving = 0;
        s->entry = NULL;
        (void)pthread_cond_broadcast(&g->work);
    }
    (void)pthread_mutex_unlock(&g->mutex);
    free(w);
    return NULL;
}

/* ---- watching ---- */

static uint64_t progress_now(const engine *g)
{
    uint64_t sum = g->moved;
    for (size_t i = 0; i < g->entry_count; i++) {
        const parts *p = g->entry[i].parts;
        sum += p == NULL ? 0 : bytes_of(&p->have) - p->out_len;
    }
    for (unsigned i = 0; i < g->opts->streams_max; i++) {
        sum += g->stream[i].moving;
    }
    return sum < g->total ? sum : g->total;
}

static const char *stage_now(const engine *g)
{
    bool busy = false;
    for (unsigned i = 0; i < g->opts->streams_max; i++) {
        busy = busy || g->stream[i].busy;
    }
    return busy ? "sending" : "waiting to try again";
}

static void look_for_pauses(engine *g)
{
    for (size_t i = 0; i < g->entry_count; i++) {
        entry *e = &g->entry[i];
        if (e->state <= AT_WORK) {
            e->paused = mv_queue_has(g->queue, e->id, "paused");
        }
    }
}

typedef struct watch {
    double paused_ms, stepped_ms;
    uint64_t stepped_at;
} watch;

static void look_after_streams(engine *g, watch *v)
{
    const double now = mv_clock_ms();
    const uint64_t at = progress_now(g);

    if (now - v->paused_ms >= PAUSES_MS) {
        v->paused_ms = now;
        look_for_pauses(g);
    }
    if (now - v->stepped_ms >= STREAMS_MS) {
        const double moved = at > v->stepped_at ? (double)(at - v->stepped_at) : 0;
        mv_streams_step(&g->streams, moved / (now - v->stepped_ms) * 1e3);
        v->stepped_ms = now;
        v->stepped_at = at;
    }
}

/* Until nothing is left that could be sent. */
static mv_status watch_sending(engine *g)
{
    mv_status st = MV_OK;
    const mv_progress *p = &g->opts->progress;
    watch v = {mv_clock_ms(), mv_clock_ms(), 0};

    while (st == MV_OK && any_left(g)) {
        struct timespec until;
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += WATCH_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        (void)pthread_cond_timedwait(&g->work, &g->mutex, &until);
        look_after_streams(g, &v);
        if (p->step != NULL) {
            st = p->step(p->user, stage_now(g), progress_now(g), g->total);
        }
        (void)pthread_cond_broadcast(&g->work);
    }
    return st;
}

static mv_status start_streams(engine *g)
{
    g->stream = calloc(g->opts->streams_max, sizeof *g->stream);
    if (g->stream == NULL) {
        return MV_E_MEMORY;
    }
    for (unsigned i = 0; i < g->opts->streams_max; i++) {
        stream *s = &g->stream[i];
        s->engine = g;
        s->number = i;
        if (pthread_create(&s->thread, NULL, run_stream, s) != 0) {
            s->engine = NULL; /* fewer streams will do */
        }
    }
    return g->stream[0].engine != NULL ? MV_OK : MV_E_MEMORY;
}

static void stop_streams(engine *g)
{
    (void)pthread_mutex_lock(&g->mutex);
    g->stop = true;
    (void)pthread_cond_broadcast(&g->work);
    (void)pthread_mutex_unlock(&g->mutex);
    for (unsigned i = 0; g->stream != NULL && i < g->opts->streams_max; i++) {
        if (g->stream[i].engine != NULL) {
            (void)pthread_join(g->stream[i].thread, NULL);
            mv_client_free(&g->stream[i].client);
        }
    }
    free(g->stream);
    g->stream = NULL;
}

static mv_status send_all(engine *g, mv_error *err)
{
    mv_status st = start_streams(g);
    if (st != MV_OK) {
        st = mv_fail(err, st, "out of memory");
    } else {
        (void)pthread_mutex_lock(&g->mutex);
        st = watch_sending(g);
        (void)pthread_mutex_unlock(&g->mutex);
    }
    stop_streams(g);
    return st;
}

/* Nobody will ask for these bytes again: there will be no receipt, and the state is on disk. */
static mv_status drop_finished(engine *g, mv_error *err)
{
    mv_status st = MV_OK;
    bool flushed = false;
    for (size_t i = 0; i < g->entry_count; i++) {
        const entry *e = &g->entry[i];
        mv_queue_item item;
        if (e->state != OVER || mv_queue_get(g->queue, &item, e->id, NULL) != MV_OK ||
            item.state != MV_QUEUE_SENT || item.identity[0] != '\0' ||
            !mv_queue_has(g->queue, e->id, "mv")) {
            continue;
        }
        if (!flushed) {
            MV_TRY(mv_queue_flush(g->queue, err));
            flushed = true;
        }
        mv_queue_drop_bytes(g->queue, e->id);
    }
done:
    return st;
}

/* ---- receipts ---- */

/* Whether what the relay gave is this recipient's receipt for these very bytes, for this sender. */
static mv_status judge(uint8_t bytes[MV_RECEIPT_LEN], const mv_queue_item *item,
                       const uint8_t sealed[MV_RECEIPT_SEALED_LEN], const mv_identity *identity,
                       mv_error *err)
{
    mv_receipt r;
    mv_status st = mv_receipt_open(bytes, sealed, identity);
    if (st == MV_OK) {
        st = mv_receipt_check(&r, bytes, &item->recipient);
    }
    if (st == MV_OK &&
        (memcmp(r.file, item->file.hash, MV_FILE_HASH_LEN) != 0 || r.len != item->file.len ||
         memcmp(r.sender, item->sender, MV_CARD_SIGN_LEN) != 0)) {
        st = MV_E_AUTH;
    }
    if (st != MV_OK) {
        st = mv_fail(err, MV_E_AUTH, "the relay gives a false receipt for %s", item->name);
        mv_hint(err,
                "do not take it as delivered; ask the recipient, and tell the relay's operator");
    }
    return st;
}

/* One question for one receipt. *news: the item is delivered, or its receipt is false. */
static mv_status ask_receipt(engine *g, stream *s, entry *e, bool *news, mv_error *err)
{
    mv_status st = MV_OK;
    mv_queue_item item;
    uint8_t sealed[MV_RECEIPT_SEALED_LEN], bytes[MV_RECEIPT_LEN];
    bool there = false;

    *news = false;
    MV_TRY(mv_queue_get(g->queue, &item, e->id, err));
    if (item.state == MV_QUEUE_DELIVERED) { /* another process was faster */
        e->state = OVER;
        *news = true;
        tell(g, &item, MV_OK, NULL);
        goto done;
    }
    MV_TRY(client_for(g, s, e, err));
    MV_TRY(mv_client_receipt(s->client, &item.file, &item.recipient, sealed, &there, err));
    line_works(g, &g->line[e->line]);
    if (!there) {
        goto done;
    }
    MV_TRY(judge(bytes, &item, sealed, g->sender[e->identity].identity, err));
    MV_TRY(mv_queue_save_receipt(g->queue, e->id, bytes, err));
    e->state = DELIVERED_UNFLUSHED;
    *news = true;
done:
    return st;
}

/* A false receipt is said once, and asked for again: the true one may still come. */
static void note_false(engine *g, entry *e, const mv_error *err)
{
    mv_queue_item item;
    note_failure(g, MV_E_AUTH, err);
    if (!e->false_receipt && mv_queue_get(g->queue, &item, e->id, NULL) == MV_OK) {
        tell(g, &item, MV_E_AUTH, err);
    }
    e->false_receipt = true;
}

/* The receipts of one round are on disk before anybody hears of them; then the bytes may go. */
static mv_status announce_delivered(engine *g, mv_error *err)
{
    mv_status st = MV_OK;
    mv_queue_item item;

    MV_TRY(mv_queue_flush(g->queue, err));
    for (size_t i = 0; i < g->entry_count; i++) {
        entry *e = &g->entry[i];
        if (e->state != DELIVERED_UNFLUSHED) {
            continue;
        }
        e->state = OVER;
        mv_queue_drop_bytes(g->queue, e->id);
        MV_TRY(mv_queue_get(g->queue, &item, e->id, err));
        tell(g, &item, MV_OK, NULL);
    }
done:
    return st;
}

/* One round of questions; *left: receipts that are still out. */
static mv_status ask_all(engine *g, stream *s, size_t *left, bool *news, mv_error *err)
{
    mv_status st = MV_OK;
    bool any = false;

    *left = 0;
    *news = false;
    for (size_t i = 0; i < g->entry_count && st == MV_OK; i++) {
        entry *e = &g->entry[i];
        mv_error own = {0};
        if (e->state != ON_RELAY || g->line[e->line].given_up ||
            g->sender[e->identity].identity == NULL || (!g->opts->wait && !e->was_sent)) {
            continue;
        }
        st = ask_receipt(g, s, e, &any, &own);
        *news = *news || any;
        *left += any ? 0 : 1;
        if (st == MV_E_AUTH && s->client != NULL && s->client->answered) {
            note_false(g, e, &own);
            st = MV_OK;
        } else if (st != MV_OK) {
            *err = own;
            if (passes(st, s->client != NULL && s->client->answered)) {
                line_away(g, &g->line[e->line], st, &own);
            }
        }
    }
    if (*news) {
        const mv_status flushed = announce_delivered(g, err);
        st = st == MV_OK ? flushed : st;
    }
    return st;
}

static mv_status pause_between(engine *g, double pause_ms, const char *stage)
{
    mv_status st = MV_OK;
    const mv_progress *p = &g->opts->progress;
    const double until = mv_clock_ms() + pause_ms;
    while (st == MV_OK && mv_clock_ms() < until) {
        (void)poll(NULL, 0, 50);
        if (p->step != NULL) {
            st = p->step(p->user, stage, 0, 0);
        }
    }
    return st;
}

/* Asks until all are here, or once. A line that fails is no reason to stop waiting. */
static mv_status fetch_receipts(engine *g, mv_error *err)
{
    mv_status st = MV_OK;
    double pause_ms = RECEIPTS_MIN_MS;
    size_t left = 0;
    bool news = false;
    stream s = {.engine = g, .asks = true};

    g->stop = false;
    do {
        mv_error own = {0};
        st = ask_all(g, &s, &left, &news, &own);
        const bool broken = st != MV_OK && passes(st, s.client != NULL && s.client->answered);
        if (st != MV_OK && !(broken && g->opts->wait)) {
            *err = own;
            break;
        }
        pause_ms = news ? RECEIPTS_MIN_MS : 1.5 * pause_ms;
        pause_ms = pause_ms < RECEIPTS_MAX_MS ? pause_ms : RECEIPTS_MAX_MS;
        st = MV_OK;
        if (g->opts->wait && (left != 0 || broken)) {
            st = pause_between(g, pause_ms,
                               broken ? "waiting to try again" : "waiting for receipts");
        }
        left += broken ? 1 : 0;
    } while (st == MV_OK && g->opts->wait && left != 0);
    mv_client_free(&s.client);
    return st;
}

/* ---- the whole ---- */

static mv_queue_run_opts within_limits(const mv_queue_run_opts *opts)
{
    mv_queue_run_opts o = *opts;
    o.streams_max = o.streams_max < 1                      ? 1
                    : o.streams_max > MV_QUEUE_STREAMS_MAX ? MV_QUEUE_STREAMS_MAX
                                                           : o.streams_max;
    o.tries = o.tries == 0 ? 1 : o.tries;
    return o;
}

static void clear(engine *g)
{
    for (size_t i = 0; i < g->entry_count; i++) {
        release(g, &g->entry[i]);
    }
    free(g->entry);
    free(g->line);
    free(g->sender);
    mv_rate_clear(&g->rate);
    (void)pthread_cond_destroy(&g->work);
    (void)pthread_mutex_destroy(&g->mutex);
}

mv_status mv_queue_run(mv_queue *queue, const mv_queue_run_opts *opts, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_queue_run_opts o = within_limits(opts);
    pthread_condattr_t monotonic;
    engine g = {.queue = queue, .opts = &o, .streams = mv_streams_make(o.streams_max)};

    mv_rate_init(&g.rate, o.bytes_per_s);
    (void)pthread_mutex_init(&g.mutex, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC); /* the wall clock may jump */
    (void)pthread_cond_init(&g.work, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    MV_TRY(load(&g, err));
    if (any_left(&g)) {
        MV_TRY(send_all(&g, err));
    }
    MV_TRY(drop_finished(&g, err));
    MV_TRY(fetch_receipts(&g, err));
    if (g.st != MV_OK) {
        st = g.st;
        if (err != NULL) {
            *err = g.err;
        }
    }
done:
    clear(&g);
    return st;
}
