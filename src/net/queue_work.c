/* SPDX-License-Identifier: Apache-2.0
 *
 * queue_work.c: what one stream of a run does with a piece of work: the request, and what follows
 * from its answer.
 */
#include "base/clock.h"
#include "queue_engine_internal.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RESTARTS_MAX 5

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

mv_status mv_engine_client(engine *g, stream *s, const entry *e, mv_error *err)
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
    const mv_outgoing out = {.fd = mv_queue_open_bytes(g->queue, item->id), .file = item->file};
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
        mv_engine_settle(g, w->entry[i], MV_QUEUE_REFUSED, NULL, false, st, &own);
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
            mv_engine_settle(g, w->entry[i], MV_QUEUE_SENT, mailbox, duplicate, MV_OK, NULL);
        } else if (st == MV_E_POLICY) {
            mv_engine_settle(g, w->entry[i], MV_QUEUE_REFUSED, NULL, false, st, &err);
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

uint64_t mv_engine_bytes(const mv_runs *runs)
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
    p->mailbox = *mailbox;
    MV_TRY(ask_parts(c, item, mailbox, p, present, err));
    if (!*present) {
        item->file.epoch = mailbox->epoch;
        MV_TRY(mv_queue_save_state(g->queue, item, err));
    }
done:
    (void)pthread_mutex_lock(&g->mutex);
    if (st == MV_OK) {
        mv_engine_drop_parts(e);
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

/* A part, or the end, of an upload that has begun and whose item this process holds. */
static void do_part(mv_client *c, const work *w, outcome *o)
{
    const parts *p = w->entry[0]->parts;
    o->known = true;
    o->mailbox = p->mailbox;
    if (w->kind == PART) {
        o->st = mv_send_part(c, p->upload, p->fd, &w->part, &o->known, &o->err);
    } else {
        o->st = mv_send_finish(c, p->upload, &o->known, &o->err);
        o->done = o->st == MV_OK && o->known;
    }
}

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
    case BUNDLE:
        MV_TRY(do_bundle(g, c, w, &o->mailbox, &o->err));
        break;
    case PART:
    case FINISH:
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
            mv_engine_release(g, e);
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

    if (mv_engine_passes(o->st, o->answered) || (o->st == MV_E_AUTH && !o->answered)) {
        mv_engine_line_failed(g, s, &g->line[e->line], o->st, &o->err, was_moving);
    } else if (o->st != MV_E_INTERRUPTED) {
        for (size_t i = 0; i < w->count; i++) {
            if (w->entry[i]->state == AT_WORK &&
                (w->entry[i]->parts == NULL || w->entry[i]->parts->out == 0)) {
                mv_engine_settle(g, w->entry[i], MV_QUEUE_REFUSED, NULL, false, o->st, &o->err);
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
        mv_engine_line_works(g, &g->line[e->line]);
        if (o->elsewhere) {
            e->state = e->identity == NO_IDENTITY ? OVER : ON_RELAY;
            mv_engine_release(g, e);
        } else if (o->done) {
            mv_engine_settle(g, e, MV_QUEUE_SENT, &o->mailbox, o->duplicate, MV_OK, NULL);
        }
    } else {
        failed(g, s, w, o);
    }
    for (size_t i = 0; i < w->count; i++) {
        back_to_the_list(g, w->entry[i]);
    }
}

bool mv_engine_any_left(const engine *g)
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

void *mv_engine_stream(void *user)
{
    stream *s = user;
    engine *g = s->engine;
    work *w = malloc(sizeof *w);

    (void)pthread_mutex_lock(&g->mutex);
    while (w != NULL && !g->stop) {
        outcome o = {.st = MV_OK};
        if (s->number >= g->streams.now || !mv_engine_next(g, w)) {
            (void)pthread_cond_wait(&g->work, &g->mutex);
            continue;
        }
        s->busy = true;
        s->moving = 0;
        s->entry = w->count == 1 ? w->entry[0] : NULL;
        (void)pthread_mutex_unlock(&g->mutex);
        o.st = mv_engine_client(g, s, w->entry[0], &o.err);
        if (o.st == MV_OK) {
            if (w->kind == PART || w->kind == FINISH) {
                do_part(s->client, w, &o);
            } else {
                do_one(g, s->client, w, &o);
            }
            o.answered = s->client->answered;
        }
        (void)pthread_mutex_lock(&g->mutex);
        if (s->client != NULL) {
            mv_streams_line(&g->streams, mv_http_client_round_trip_ms(s->client->http));
        }
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
