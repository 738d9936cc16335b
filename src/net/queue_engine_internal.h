/* SPDX-License-Identifier: Apache-2.0
 *
 * queue_engine_internal.h: one run of the queue, as its five files see it: queue_run.c loads,
 * watches and stops it, queue_choose.c is what a stream takes next and queue_work.c what it does
 * with it, queue_receipts.c brings the receipts home, queue_engine.c keeps what became of items and
 * relays.
 */
#ifndef MV_NET_QUEUE_ENGINE_INTERNAL_H
#define MV_NET_QUEUE_ENGINE_INTERNAL_H

#include "client_internal.h"
#include "queue_internal.h"

#define BUNDLE_FILES 200
#define SMALL_MAX    (256u << 10) /* larger files are not bundled */
#define NO_IDENTITY  SIZE_MAX

typedef enum entry_state { READY, AT_WORK, ON_RELAY, DELIVERED_UNFLUSHED, OVER } entry_state;

/* A large file on its way. */
typedef struct parts {
    uint8_t upload[MV_UPLOAD_ID_LEN];
    mv_mailbox mailbox;
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
    uint64_t moved, total;          /* bytes that are on the relays; of all entries */
    char (*known)[MV_QUEUE_ID_MAX]; /* all items that there were, of a run that takes all */
    size_t known_count;
    double looked_ms; /* when it last looked for more */
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

/* ---- what became of items and relays; with the mutex held ---- */

void mv_engine_tell(engine *g, const mv_queue_item *item, mv_status st, const mv_error *err);
void mv_engine_note(engine *g, mv_status st, const mv_error *err);
void mv_engine_drop_parts(entry *e);
void mv_engine_release(engine *g, entry *e);

/* mv_engine_settle: the item's new state to disk, to the caller, and to the list. */
void mv_engine_settle(engine *g, entry *e, mv_queue_state state, const mv_mailbox *mailbox,
                      bool duplicate, mv_status why, const mv_error *err);

/* mv_engine_passes: a failure of the line rather than of the item. */
bool mv_engine_passes(mv_status st, bool answered);
void mv_engine_away(engine *g, relay_line *l, mv_status st, const mv_error *err);
void mv_engine_line_failed(engine *g, stream *s, relay_line *l, mv_status st, const mv_error *err,
                           bool progress);
void mv_engine_line_works(engine *g, relay_line *l);

/* ---- streams ---- */

bool mv_engine_next(engine *g, work *w); /* a piece of work, if there is any; with the mutex held */

void *mv_engine_stream(void *user);       /* a thread: user is its stream */
bool mv_engine_any_left(const engine *g); /* to be sent in this run; with the mutex held */
uint64_t mv_engine_bytes(const mv_runs *runs);
MV_MUST_CHECK mv_status mv_engine_client(engine *g, stream *s, const entry *e, mv_error *err);

/* mv_engine_receipts: asks until all are here, or once; with wait also ends when *more: items were
 * added to the queue that this run does not know. */
MV_MUST_CHECK mv_status mv_engine_receipts(engine *g, bool *more, mv_error *err);

#endif
