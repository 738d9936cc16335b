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
#include "queue_engine_internal.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define WATCH_MS   100
#define STREAMS_MS 250.0
#define PAUSES_MS  500.0

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
    if (g->opts->id == NULL) {
        g->known = id;
        g->known_count = count;
        id = NULL;
    }
done:
    free(id);
    return st;
}

/* ---- watching ---- */

static uint64_t progress_now(const engine *g)
{
    uint64_t sum = g->moved;
    for (size_t i = 0; i < g->entry_count; i++) {
        const parts *p = g->entry[i].parts;
        sum += p == NULL ? 0 : mv_engine_bytes(&p->have) - p->out_len;
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

    while (st == MV_OK && mv_engine_any_left(g)) {
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
        if (pthread_create(&s->thread, NULL, mv_engine_stream, s) != 0) {
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
        mv_engine_release(g, &g->entry[i]);
    }
    free(g->entry);
    free(g->known);
    free(g->line);
    free(g->sender);
    mv_rate_clear(&g->rate);
    (void)pthread_cond_destroy(&g->work);
    (void)pthread_mutex_destroy(&g->mutex);
}

/* Everything that is in the queue now; *more: something else has come meanwhile. */
static mv_status run_once(mv_queue *queue, const mv_queue_run_opts *o, bool *more, mv_error *err)
{
    mv_status st = MV_OK;
    pthread_condattr_t monotonic;
    engine g = {.queue = queue, .opts = o, .streams = mv_streams_make(o->streams_max)};

    *more = false;
    mv_rate_init(&g.rate, o->bytes_per_s);
    (void)pthread_mutex_init(&g.mutex, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC); /* the wall clock may jump */
    (void)pthread_cond_init(&g.work, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    MV_TRY(load(&g, err));
    if (mv_engine_any_left(&g)) {
        MV_TRY(send_all(&g, err));
    }
    MV_TRY(drop_finished(&g, err));
    MV_TRY(mv_engine_receipts(&g, more, err));
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

mv_status mv_queue_run(mv_queue *queue, const mv_queue_run_opts *opts, mv_error *err)
{
    const mv_queue_run_opts o = within_limits(opts);
    mv_status st = MV_OK;
    bool more = false;
    do {
        st = run_once(queue, &o, &more, err);
    } while (st == MV_OK && more);
    return st;
}
