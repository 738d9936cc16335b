/* SPDX-License-Identifier: Apache-2.0
 *
 * archive_internal.h: what the files of the archive share.
 */
#ifndef MV_STORE_ARCHIVE_INTERNAL_H
#define MV_STORE_ARCHIVE_INTERNAL_H

#include "store/archive.h"
#include "store/db.h"

#include <pthread.h>
#include <sodium.h>

#define MV_NAME_LEN 64 /* 32 bytes in hex */

typedef char mv_blob_name[MV_NAME_LEN + 8];

/* Changes on their way to a thread. */
typedef struct mv_change_queue {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    mv_change *first, *last;
    bool stop, started;
    pthread_t thread;
} mv_change_queue;

/* How far an upload in parts has been hashed while it comes. */
typedef struct mv_ahead {
    bool used;
    uint8_t id[MV_UPLOAD_ID_LEN];
    uint64_t claimed, hashed; /* bytes that are being hashed; that are */
    crypto_generichash_state hash;
    mv_runs noted;
} mv_ahead;

#define MV_AHEAD_MAX 16

struct mv_archive {
    mv_archive_limits limits;
    bool alone; /* no other relay uses this folder */
    int lock_fd, write_fd, incoming_fd, blobs_fd;
    pthread_mutex_t write_mutex; /* guards writer, and with flock on write_fd all changes */
    mv_db *writer;
    pthread_mutex_t read_mutex; /* guards reader */
    mv_db *reader;
    pthread_mutex_t room_mutex; /* guards incoming_bytes */
    uint64_t incoming_bytes;    /* charged by uploads in one piece */
    mv_change_queue commit, gather;
    mv_ahead ahead[MV_AHEAD_MAX]; /* guarded by gather.mutex, as ahead_next */
    size_t ahead_next;
};

struct mv_upload {
    mv_archive *archive;
    mv_mailbox mailbox;
    uint8_t file[MV_FILE_HASH_LEN];
    uint64_t len, written;
    int fd;
    mv_blob_name temporary;
    bool temporary_exists, reserved, in_parts;
    uint8_t id[MV_UPLOAD_ID_LEN]; /* in_parts */
    crypto_generichash_state hash;
};

/* Between these only this thread of this process changes the store. */
void mv_archive_lock(mv_archive *archive);
void mv_archive_unlock(mv_archive *archive);

MV_MUST_CHECK mv_status mv_archive_start_threads(mv_archive *archive);
void mv_archive_stop_threads(mv_archive *archive);

/* mv_archive_room: whether a file of len bytes fits; reserved: it is counted as on its way. db:
 * writer or reader, held by the caller. */
MV_MUST_CHECK mv_status mv_archive_room(mv_archive *archive, mv_db *db, const mv_mailbox *mailbox,
                                        uint64_t len, bool reserved);
/* mv_archive_gathered: the parts of an upload as one sealed upload. */
MV_MUST_CHECK mv_status mv_archive_gathered(mv_upload **out, mv_archive *archive,
                                            const uint8_t id[MV_UPLOAD_ID_LEN]);
void mv_upload_names(mv_blob_name bytes, mv_blob_name have, const uint8_t id[MV_UPLOAD_ID_LEN]);
/* mv_archive_forget: an upload's row and files; nothing when there are none. Store locked. */
MV_MUST_CHECK mv_status mv_archive_forget(mv_archive *archive, const uint8_t id[MV_UPLOAD_ID_LEN]);

/* mv_archive_number: the next number of this mailbox. Store locked, in a transaction. */
MV_MUST_CHECK mv_status mv_archive_number(int64_t *seq, mv_archive *archive,
                                          const mv_mailbox *mailbox);
/* mv_archive_part_of: len bytes at offset of the open file, which becomes its own. */
MV_MUST_CHECK mv_status mv_archive_part_of(mv_part **out, mv_archive *archive, int fd,
                                           uint64_t offset, uint64_t len);
/* mv_archive_have_all: the list of an upload in parts all of whose bytes are there. */
MV_MUST_CHECK mv_status mv_archive_have_all(mv_archive *archive, const uint8_t id[MV_UPLOAD_ID_LEN],
                                            uint64_t len);
/* mv_archive_sweep_streams: live ones that nobody continues (now_s 0: none), ended ones whose file
 * is gone. Store locked. */
MV_MUST_CHECK mv_status mv_archive_sweep_streams(mv_archive *archive, int64_t now_s);

/* ---- archive_ahead.c ---- */

void mv_ahead_begin(mv_archive *archive, const uint8_t id[MV_UPLOAD_ID_LEN], uint64_t len);
/* mv_ahead_written: after bytes at this place were written, and before the file could be closed to
 * all who write; mv_ahead_noted: after these blocks were noted. */
void mv_ahead_written(mv_archive *archive, const uint8_t id[MV_UPLOAD_ID_LEN], uint64_t at);
void mv_ahead_noted(mv_archive *archive, const uint8_t id[MV_UPLOAD_ID_LEN], uint64_t first,
                    uint64_t end);
/* mv_ahead_take: how many bytes are hashed, with the state after them; 0: none, *hash is as it was.
 * The upload is hashed ahead no more. */
uint64_t mv_ahead_take(mv_archive *archive, const uint8_t id[MV_UPLOAD_ID_LEN],
                       crypto_generichash_state *hash);
/* mv_ahead_step: one step of some upload, with gather.mutex held, which is let go of meanwhile;
 * false: there is nothing to do. */
bool mv_ahead_step(mv_archive *archive);

/* ---- for galleries: blobs and rows ---- */

/* Within a transaction of the writer: the blob's row and its bytes in their place, or one reference
 * more; and one less, *gone: it was the last, unlink it after the commit. */
MV_MUST_CHECK mv_status mv_archive_publish(mv_archive *archive, mv_upload *upload);
MV_MUST_CHECK mv_status mv_archive_release(mv_archive *archive,
                                           const uint8_t hash[MV_FILE_HASH_LEN], uint64_t len,
                                           bool *gone);
/* A blob that lost its last row, unless a later change brought it back. Store locked. */
void mv_archive_unlink(mv_archive *archive, const uint8_t hash[MV_FILE_HASH_LEN]);

MV_MUST_CHECK mv_status mv_archive_read_rows(mv_archive *archive, const char *sql,
                                             const mv_db_value *in, size_t in_count, mv_db_row row,
                                             void *user);
MV_MUST_CHECK mv_status mv_archive_open_blob(int *fd, uint64_t *len, const mv_archive *archive,
                                             const uint8_t file[MV_FILE_HASH_LEN]);

#define MV_MAILBOX_VALUES(m) mv_db_number((m)->epoch), mv_db_bytes((m)->tag, MV_TAG_LEN)

#endif
