/* SPDX-License-Identifier: Apache-2.0
 *
 * queue_internal.h: the queue's folder as queue.c keeps it and queue_run.c works on it.
 *
 *   {id}.mv       the sealed bytes; gone when nobody needs them any more
 *   {id}.job      what is to be done with them; the item exists when this does
 *   {id}.state    how far that is; without it the item waits
 *   {id}.receipt  the receipt; with it the item is delivered
 *   {id}.paused   empty; with it the item is held
 *   locks         byte ranges that processes lock: an item while one works on it, the folder while
 *                 one adds to it
 *   *.new         not yet committed; removed when nobody is adding
 */
#ifndef MV_NET_QUEUE_INTERNAL_H
#define MV_NET_QUEUE_INTERNAL_H

#include "base/bytes.h"
#include "medveil/queue.h"

#include <jansson.h>
#include <sys/types.h>

#define MV_QUEUE_FILE_MAX (MV_QUEUE_ID_MAX + 16) /* "{id}.receipt.new" */

struct mv_queue {
    int dir_fd, lock_fd;
    char (*added)[MV_QUEUE_ID_MAX]; /* since the last commit */
    size_t added_count, added_cap;
};

void mv_queue_file(char out[MV_QUEUE_FILE_MAX], const char *id, const char *kind);

/* mv_queue_lock: this process alone works on the item; false: another one does. */
bool mv_queue_lock(mv_queue *q, const char *id);
void mv_queue_unlock(mv_queue *q, const char *id);

bool mv_queue_has(const mv_queue *q, const char *id, const char *kind);
int mv_queue_open_bytes(const mv_queue *q, const char *id); /* the sealed bytes, or -1 */

/* mv_queue_save_state: state, epoch, upload and reason of the item; complete or not at all, but on
 * disk only after mv_queue_flush. mv_queue_save_receipt: the same of the receipt. */
MV_MUST_CHECK mv_status mv_queue_save_state(mv_queue *q, const mv_queue_item *item, mv_error *err);
MV_MUST_CHECK mv_status mv_queue_save_receipt(mv_queue *q, const char *id,
                                              const uint8_t receipt[MV_RECEIPT_LEN], mv_error *err);
MV_MUST_CHECK mv_status mv_queue_flush(mv_queue *q, mv_error *err);
void mv_queue_drop_bytes(mv_queue *q, const char *id);

/* mv_queue_ids: all items in the order in which they were added. owner: *ids, free() */
MV_MUST_CHECK mv_status mv_queue_ids(const mv_queue *q, char (**ids)[MV_QUEUE_ID_MAX],
                                     size_t *count, mv_error *err);

/* ---- what queue.c, queue_item.c and queue_add.c share ---- */

#define MV_QUEUE_ADDING ((off_t)1 << 62) /* above all items */

/* mv_queue_range: takes (F_WRLCK, F_RDLCK) or lets go (F_UNLCK) a byte of the lock file. */
bool mv_queue_range(const mv_queue *q, short type, off_t at);
mv_status mv_queue_cannot_write(mv_error *err); /* of errno */
bool mv_queue_write_all(int fd, const uint8_t *bytes, size_t len);

/* mv_queue_put: writes {id}.{kind}.new and gives it its name. */
MV_MUST_CHECK mv_status mv_queue_put(mv_queue *q, const char *id, const char *kind,
                                     const uint8_t *bytes, size_t len, mv_error *err);
MV_MUST_CHECK mv_status mv_queue_put_json(mv_queue *q, const char *id, const char *kind,
                                          json_t *object, mv_error *err);

/* mv_queue_read_id: the id that a file's name begins with; false: it is not ours. */
bool mv_queue_read_id(char id[MV_QUEUE_ID_MAX], const char *name);

#endif
