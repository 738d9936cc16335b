/* SPDX-License-Identifier: Apache-2.0
 *
 * queue_receipts.c: asks the relays for receipts, and believes only the recipient.
 */
#include "base/clock.h"
#include "queue_engine_internal.h"

#include <poll.h>
#include <string.h>

#define RECEIPTS_MIN_MS 500.0
#define RECEIPTS_MAX_MS 10000.0
#define LOOK_MS         1000.0 /* between looks for new items */

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
        mv_engine_tell(g, &item, MV_OK, NULL);
        goto done;
    }
    MV_TRY(mv_engine_client(g, s, e, err));
    MV_TRY(mv_client_receipt(s->client, &item.file, &item.recipient, sealed, &there, err));
    mv_engine_line_works(g, &g->line[e->line]);
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
    mv_engine_note(g, MV_E_AUTH, err);
    if (!e->false_receipt && mv_queue_get(g->queue, &item, e->id, NULL) == MV_OK) {
        mv_engine_tell(g, &item, MV_E_AUTH, err);
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
        mv_engine_tell(g, &item, MV_OK, NULL);
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
            if (mv_engine_passes(st, s->client != NULL && s->client->answered)) {
                mv_engine_away(g, &g->line[e->line], st, &own);
            }
        }
    }
    if (*news) {
        const mv_status flushed = announce_delivered(g, err);
        st = st == MV_OK ? flushed : st;
    }
    return st;
}

/* Whether the queue has an item that was not there when the run began; looks now and then. */
static bool has_more(engine *g)
{
    char(*id)[MV_QUEUE_ID_MAX] = NULL;
    size_t count = 0;
    bool more = false;

    if (g->known == NULL || mv_clock_ms() - g->looked_ms < LOOK_MS) {
        return false;
    }
    g->looked_ms = mv_clock_ms();
    if (mv_queue_ids(g->queue, &id, &count, NULL) == MV_OK) {
        for (size_t i = 0; i < count && !more; i++) {
            more = true;
            for (size_t k = 0; k < g->known_count && more; k++) {
                more = memcmp(id[i], g->known[k], MV_QUEUE_ID_MAX) != 0;
            }
        }
    }
    free(id);
    return more;
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
mv_status mv_engine_receipts(engine *g, bool *more, mv_error *err)
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
        const bool broken =
            st != MV_OK && mv_engine_passes(st, s.client != NULL && s.client->answered);
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
        *more = st == MV_OK && g->opts->wait && has_more(g);
    } while (st == MV_OK && g->opts->wait && left != 0 && !*more);
    mv_client_free(&s.client);
    return st;
}
