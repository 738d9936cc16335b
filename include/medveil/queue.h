/* SPDX-License-Identifier: Apache-2.0
 *
 * queue.h: sealed files on their way out, kept until their receipt is here.
 *
 * The queue is a folder ($MEDVEIL_HOME/queue). Adding a file copies its sealed bytes there and
 * flushes them to disk; from then on neither a killed process nor a reboot loses it, and every try
 * sends the same bytes. Running the queue brings files to their relays, several at once: small ones
 * in bundles, large ones in parts, each part from where an earlier try stopped. Then it asks for
 * receipts; a receipt that the recipient has signed for these very bytes is kept, and the bytes are
 * let go. Several processes may use one queue; a file is handled by one of them at a time.
 *
 * A file is WAITING until its relay has stored it, SENT until its receipt is here, then DELIVERED;
 * or REFUSED with a reason. Without a sender's identity nobody could open a receipt: SENT is then
 * the end. docs/formats/queue.md has the files.
 */
#ifndef MEDVEIL_QUEUE_H
#define MEDVEIL_QUEUE_H

#include "medveil/client.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MV_QUEUE_ID_MAX      17 /* 16 hexadecimal digits and the final zero */
#define MV_QUEUE_RELAY_MAX   320
#define MV_QUEUE_NAME_MAX    256
#define MV_QUEUE_PATH_MAX    4096
#define MV_QUEUE_REASON_MAX  256
#define MV_QUEUE_STREAMS_MAX 32

typedef enum mv_queue_state {
    MV_QUEUE_WAITING,
    MV_QUEUE_SENT,
    MV_QUEUE_DELIVERED,
    MV_QUEUE_REFUSED
} mv_queue_state;

typedef struct mv_queue_item {
    char id[MV_QUEUE_ID_MAX];
    char name[MV_QUEUE_NAME_MAX];     /* of the file that was added, without its folder */
    char relay[MV_QUEUE_RELAY_MAX];   /* its address */
    char identity[MV_QUEUE_PATH_MAX]; /* the sender's identity file; "": none */
    uint8_t sender[MV_CARD_SIGN_LEN]; /* its signing key; zero: none */
    mv_card recipient;
    mv_client_file file; /* epoch: of the mailbox that it was sent to; 0: not yet */
    uint64_t added_s;    /* seconds since 1970-01-01 */
    mv_queue_state state;
    bool paused;
    bool duplicate;                   /* on its way just now: the relay had these bytes already */
    bool has_upload;                  /* an upload in parts has begun: */
    uint8_t upload[32];               /* its name at the relay */
    char reason[MV_QUEUE_REASON_MAX]; /* of the last failure; may be "" */
    mv_receipt receipt;               /* when DELIVERED */
} mv_queue_item;

typedef struct mv_queue mv_queue; /* one thread at a time; several may be open on one folder */

/* mv_queue_open: $MEDVEIL_HOME/queue, made when it is not there. errors: MV_E_NOT_FOUND (no home),
 * MV_E_IO, MV_E_MEMORY */
MV_API MV_MUST_CHECK mv_status mv_queue_open(mv_queue **out, mv_error *err);
MV_API void mv_queue_free(mv_queue **queue);

typedef struct mv_queue_order {
    const char *relay; /* its address */
    const mv_card *recipient;
    const char *identity;      /* path of the sender's identity file, or NULL: no receipt */
    const mv_identity *sender; /* that identity, or NULL */
    uint32_t sent_epoch; /* not 0: the relay has it, in the mailbox of this epoch: it is SENT */
} mv_queue_order;

/* mv_queue_add: a copy of the sealed file at path; it is in the queue, and on disk, only after
 * mv_queue_commit, which many adds may share. The same file to the same mailbox is one item: *item
 * then tells its state; one that was refused, or sent with no receipt to come, waits again.
 * errors: MV_E_ARGUMENT (address), MV_E_NOT_FOUND, MV_E_IO (also a full disk), MV_E_LIMIT,
 * MV_E_BUSY (refused, and another process is at it) */
MV_API MV_MUST_CHECK mv_status mv_queue_add(mv_queue *queue, mv_queue_item *item, const char *path,
                                            const mv_queue_order *order, mv_error *err);
MV_API MV_MUST_CHECK mv_status mv_queue_commit(mv_queue *queue, mv_error *err);

/* mv_queue_get: errors: MV_E_NOT_FOUND, MV_E_IO, MV_E_FORMAT */
MV_API MV_MUST_CHECK mv_status mv_queue_get(mv_queue *queue, mv_queue_item *item, const char *id,
                                            mv_error *err);
/* mv_queue_each: in the order in which they were added. What visit returns ends it. */
MV_API MV_MUST_CHECK mv_status mv_queue_each(mv_queue *queue,
                                             mv_status (*visit)(void *user,
                                                                const mv_queue_item *item),
                                             void *user, mv_error *err);

/* Pausing holds also an item that another process is sending, within a second. Cancelling takes an
 * item out of the queue, with what is kept of it; errors: MV_E_NOT_FOUND, MV_E_BUSY (being sent
 * just now: pause it first), MV_E_IO */
MV_API MV_MUST_CHECK mv_status mv_queue_pause(mv_queue *queue, const char *id, bool paused,
                                              mv_error *err);
MV_API MV_MUST_CHECK mv_status mv_queue_cancel(mv_queue *queue, const char *id, mv_error *err);

typedef struct mv_queue_run_opts {
    const char *const *id; /* only these items; NULL: all */
    size_t id_count;
    /* The identity of this path, borrowed for the run; NULL: those receipts are left for later. */
    mv_status (*identity)(void *user, const char *path, const mv_identity **out, mv_error *err);
    /* From one thread at a time, after each change of an item; st tells why it was refused or what
     * its last try met. With wait, item NULL: a relay is away (st, err), or back (MV_OK). May be
     * NULL. */
    void (*changed)(void *user, const mv_queue_item *item, mv_status st, const mv_error *err);
    /* From one thread at a time: stage, bytes of all items that were moved and are to be moved. */
    mv_progress progress;
    void *user;           /* of identity and changed */
    bool wait;            /* stay until every item is delivered or refused */
    unsigned tries;       /* without wait: of a line on which nothing moves; default 3 */
    unsigned streams_max; /* 1 to MV_QUEUE_STREAMS_MAX, the default */
    uint64_t bytes_per_s; /* 0: no limit */
    unsigned idle_timeout_ms;
} mv_queue_run_opts;

MV_API mv_queue_run_opts mv_queue_run_defaults(void);

/* mv_queue_run: MV_OK when every item went as far as it could; items that were refused say so
 * through changed. errors: MV_E_NOT_FOUND, MV_E_AUTH, MV_E_NETWORK, MV_E_BUSY (what kept something
 * from being sent; it stays in the queue), MV_E_INTERRUPTED, MV_E_IO, MV_E_MEMORY */
MV_API MV_MUST_CHECK mv_status mv_queue_run(mv_queue *queue, const mv_queue_run_opts *opts,
                                            mv_error *err);

#ifdef __cplusplus
}
#endif
#endif
