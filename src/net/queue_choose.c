/* SPDX-License-Identifier: Apache-2.0
 *
 * queue_choose.c: which piece of work a stream takes next: a bundle, a file, a part.
 */
#include "base/clock.h"
#include "queue_engine_internal.h"

#include <stdio.h>
#include <string.h>

#define OTHERS_MS  1000.0
#define BUNDLE_LEN (4u << 20)
#define WHOLE_MAX  (4u << 20) /* larger files go in parts */
#define PART_MIN   (2ull * MV_BLOCK_LEN)
#define PART_MAX   (8ull << 20)

/* Another process works on it. */
static void left_to_others(engine *g, entry *e)
{
    mv_error err = {0};
    e->again_ms = mv_clock_ms() + OTHERS_MS;
    if (!g->opts->wait) {
        e->state = OVER;
        mv_engine_note(g, mv_fail(&err, MV_E_BUSY, "another medveil is sending %s", e->id), &err);
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

/* Bytes of the next part of so many that are left; of whole blocks. */
static uint64_t part_len(const engine *g, uint64_t left)
{
    const uint64_t wanted = mv_streams_share(&g->streams, left) / MV_BLOCK_LEN * MV_BLOCK_LEN;
    return wanted < PART_MIN ? PART_MIN : wanted > PART_MAX ? PART_MAX : wanted;
}

/* The first gap in what the relay has, as far as one part goes. */
static bool next_part(const engine *g, parts *p, mv_run *out)
{
    const bool from_start = p->have.count == 0 || p->have.run[0].first != 0;
    out->first = from_start ? 0 : p->have.run[0].end;
    const size_t after = from_start ? 0 : 1;
    const uint64_t gap_end = after < p->have.count ? p->have.run[after].first : p->have.len;
    const uint64_t end = out->first + part_len(g, p->have.len - mv_engine_bytes(&p->have));
    out->end = end < gap_end ? end : gap_end;
    return out->first < out->end && mv_runs_add(&p->have, out->first, out->end);
}

static bool work_on_parts(const engine *g, entry *e, work *w)
{
    parts *p = e->parts;
    if (p->stale || p->finishing) {
        w->kind = BEGIN;
        return p->stale && p->out == 0;
    }
    if (next_part(g, p, &w->part)) {
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
        return free_to_go(g, e) && work_on_parts(g, e, w);
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

bool mv_engine_next(engine *g, work *w)
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
