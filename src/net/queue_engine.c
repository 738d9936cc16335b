/* SPDX-License-Identifier: Apache-2.0
 *
 * queue_engine.c: what became of an item or a relay: to disk, to the caller, to the list.
 */
#include "base/clock.h"
#include "base/rng.h"
#include "queue_engine_internal.h"

#include <stdio.h>
#include <unistd.h>

#define PAUSE_FIRST_MS 250.0
#define PAUSE_MAX_MS   30000.0

void mv_engine_tell(engine *g, const mv_queue_item *item, mv_status st, const mv_error *err)
{
    if (g->opts->changed != NULL) {
        g->opts->changed(g->opts->user, item, st, err);
    }
}

void mv_engine_note(engine *g, mv_status st, const mv_error *err)
{
    if (g->st == MV_OK) {
        g->st = st;
        g->err = *err;
    }
}

void mv_engine_drop_parts(entry *e)
{
    if (e->parts != NULL) {
        if (e->parts->fd >= 0) {
            (void)close(e->parts->fd);
        }
        free(e->parts);
        e->parts = NULL;
    }
}

void mv_engine_release(engine *g, entry *e)
{
    mv_engine_drop_parts(e);
    if (e->locked) {
        mv_queue_unlock(g->queue, e->id);
        e->locked = false;
    }
}

/* The item's new state to disk, to the caller, and to the list. */
void mv_engine_settle(engine *g, entry *e, mv_queue_state state, const mv_mailbox *mailbox,
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
        mv_engine_note(g, st, &own);
    } else {
        mv_engine_tell(g, &item, why, err);
    }
    mv_engine_release(g, e);
}

bool mv_engine_passes(mv_status st, bool answered)
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
void mv_engine_away(engine *g, relay_line *l, mv_status st, const mv_error *err)
{
    if (g->opts->wait && !l->away) {
        l->away = true;
        mv_engine_tell(g, NULL, st, err);
    }
}

/* A line that failed: by several streams at once it counts as one failure. */
void mv_engine_line_failed(engine *g, stream *s, relay_line *l, mv_status st, const mv_error *err,
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
        mv_engine_note(g, st, err);
    } else {
        mv_engine_away(g, l, st, err);
    }
}

void mv_engine_line_works(engine *g, relay_line *l)
{
    if (l->away) {
        l->away = false;
        mv_engine_tell(g, NULL, MV_OK, NULL);
    }
    l->failures = 0;
    l->pause_ms = 0;
    l->until_ms = 0;
}
