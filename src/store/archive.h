/* SPDX-License-Identifier: Apache-2.0
 *
 * archive.h: mailboxes of sealed files. The bytes of a file lie once on disk, under the BLAKE2b-256
 * of them, however many mailboxes name them; who has which is in a database.
 *
 *   DIR/lock              held by the one relay of a folder with SQLite
 *   DIR/write.lock        held while a batch of changes is made, by one process at a time
 *   DIR/archive.db        SQLite, unless a PostgreSQL is named
 *   DIR/incoming/         uploads on their way: t-* in one piece; {upload} and {upload}.have in
 *                         parts; s-{stream} live
 *   DIR/blobs/{file}
 *
 * Order of every change, so that a cut of the power at any moment leaves a good store: bytes are
 * flushed, renamed to their place, the folder is flushed, then the database commits; a file leaves
 * the database before it leaves the disk. A blob without a row is swept at the next start.
 * Changes that arrive together are made together, with one flush for all (group commit).
 *
 * An archive may be used by many threads; one upload or part by one at a time.
 */
#ifndef MV_STORE_ARCHIVE_H
#define MV_STORE_ARCHIVE_H

#include "base/status.h"
#include "wire/messages.h"

typedef struct mv_archive mv_archive;
typedef struct mv_upload mv_upload;
typedef struct mv_part mv_part;

typedef struct mv_archive_limits {
    uint64_t file_bytes;    /* of one file */
    uint64_t mailbox_bytes; /* of all files of a mailbox, each rounded up to 4096 */
    uint64_t store_bytes;   /* of all bytes on disk, uploads on their way included */
    uint64_t retention_s; /* of files and receipts, in seconds that the relay served; 0: for ever */
} mv_archive_limits;

typedef struct mv_archive_opts {
    const char *dir;      /* made (0700) when it is not there */
    const char *postgres; /* connection string; NULL: SQLite in dir */
    bool visitor;         /* beside a relay that runs: claims nothing, sweeps nothing */
    mv_archive_limits limits;
} mv_archive_opts;

/* errors: MV_E_BUSY (another process has the folder, or PostgreSQL is not there), MV_E_UNSUPPORTED
 * (a later version made it), MV_E_IO, MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_archive_open(mv_archive **out, const mv_archive_opts *opts,
                                        mv_error *err);
void mv_archive_free(mv_archive **archive); /* waits for changes on their way */

/* ---- one upload in one piece ---- */

/* mv_archive_begin: errors: MV_E_EXISTS (it is in this mailbox already), MV_E_LIMIT (larger than
 * one file may be), MV_E_POLICY (a quota or the disk is full), MV_E_BUSY, MV_E_IO, MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_archive_begin(mv_upload **out, mv_archive *archive,
                                         const mv_mailbox *mailbox,
                                         const uint8_t file[MV_FILE_HASH_LEN], uint64_t len);
/* errors: MV_E_RANGE (more than len bytes), MV_E_POLICY (disk full), MV_E_IO */
MV_MUST_CHECK mv_status mv_upload_write(mv_upload *upload, const uint8_t *bytes, size_t len);
/* mv_upload_seal: errors: MV_E_TRUNCATED (fewer bytes), MV_E_AUTH (another hash) */
MV_MUST_CHECK mv_status mv_upload_seal(mv_upload *upload);
void mv_upload_free(mv_upload **upload); /* what was not stored is removed */

/* ---- one upload in parts ---- */

/* mv_archive_offer: room for it is kept until it is finished, cancelled, or idle for a day.
 * errors: as mv_archive_begin, but a file that is there is MV_OK with present set */
MV_MUST_CHECK mv_status mv_archive_offer(mv_ticket *out, mv_archive *archive,
                                         const mv_mailbox *mailbox, const mv_offer *offer);
/* mv_archive_part: len bytes from offset, both of whole blocks (MV_BLOCK_LEN) unless the file ends.
 * errors: MV_E_NOT_FOUND, MV_E_RANGE (past the end), MV_E_FORMAT (no whole blocks) */
MV_MUST_CHECK mv_status mv_archive_part(mv_part **out, mv_archive *archive,
                                        const uint8_t upload[MV_UPLOAD_ID_LEN], uint64_t offset,
                                        uint64_t len);
/* mv_part_write: errors: MV_E_NOT_FOUND (the parts are being put together already), MV_E_RANGE,
 * MV_E_POLICY (disk full), MV_E_IO */
MV_MUST_CHECK mv_status mv_part_write(mv_part *part, const uint8_t *bytes, size_t len);
/* mv_part_end: notes the whole blocks that arrived. errors: MV_E_TRUNCATED (fewer than announced;
 * the blocks are noted), MV_E_LIMIT (too many gaps), MV_E_IO. part is released. */
mv_status mv_part_end(mv_part **part);
MV_MUST_CHECK mv_status mv_archive_runs(mv_runs *out, mv_archive *archive,
                                        const uint8_t upload[MV_UPLOAD_ID_LEN]);
MV_MUST_CHECK mv_status mv_archive_cancel(mv_archive *archive,
                                          const uint8_t upload[MV_UPLOAD_ID_LEN]);

/* ---- live streams: bytes that can be read while more are added ---- */

/* mv_archive_stream_begin: errors: MV_E_POLICY (no room), MV_E_BUSY, MV_E_IO, MV_E_RANDOM */
MV_MUST_CHECK mv_status mv_archive_stream_begin(uint8_t stream[MV_UPLOAD_ID_LEN],
                                                mv_archive *archive, const mv_mailbox *mailbox);
/* mv_archive_stream_part: len bytes from offset, which is not beyond the stream's present end;
 * write and end it as any part. *mailbox: whose it is. errors: MV_E_NOT_FOUND (or it has ended),
 * MV_E_MISMATCH (offset is beyond the end), MV_E_LIMIT (larger than one file may be), MV_E_POLICY
 */
MV_MUST_CHECK mv_status mv_archive_stream_part(mv_part **out, mv_mailbox *mailbox,
                                               mv_archive *archive,
                                               const uint8_t stream[MV_UPLOAD_ID_LEN],
                                               uint64_t offset, uint64_t len);
/* mv_archive_stream_len: bytes that are there. errors: MV_E_NOT_FOUND (or it has ended) */
MV_MUST_CHECK mv_status mv_archive_stream_len(uint64_t *len, mv_archive *archive,
                                              const uint8_t stream[MV_UPLOAD_ID_LEN]);
/* mv_archive_stream_end: nothing is added any more: it is now an upload of this name, all parts of
 * which are there, for MV_CHANGE_GATHER. Safe to repeat. errors: MV_E_EXISTS (it is that file
 * already), MV_E_NOT_FOUND, MV_E_MISMATCH (another length, or it ended as another file) */
MV_MUST_CHECK mv_status mv_archive_stream_end(mv_archive *archive,
                                              const uint8_t stream[MV_UPLOAD_ID_LEN],
                                              const mv_offer *file);
MV_MUST_CHECK mv_status mv_archive_stream_cancel(mv_archive *archive,
                                                 const uint8_t stream[MV_UPLOAD_ID_LEN]);
/* mv_archive_streams: those of a mailbox that are live and have bytes, as a listing of names. */
MV_MUST_CHECK mv_status mv_archive_streams(mv_listing *out, mv_archive *archive,
                                           const mv_mailbox *mailbox, uint64_t after);

/* Where a stream stands for its reader. */
typedef struct mv_stream_state {
    int fd; /* live: for reading, the caller's to close; else -1 */
    uint64_t len;
    bool ended;                     /* it is the file: */
    uint8_t file[MV_FILE_HASH_LEN]; /* in the same mailbox, of len bytes */
} mv_stream_state;

/* mv_archive_stream: one of this mailbox. Between its end and the file, fd is -1 and ended false.
 * errors: MV_E_NOT_FOUND (also when its file is gone) */
MV_MUST_CHECK mv_status mv_archive_stream(mv_stream_state *out, mv_archive *archive,
                                          const mv_mailbox *mailbox,
                                          const uint8_t stream[MV_UPLOAD_ID_LEN]);

/* ---- changes ---- */

typedef enum mv_change_kind {
    MV_CHANGE_STORE,  /* upload, sealed. MV_E_EXISTS, MV_E_POLICY */
    MV_CHANGE_GATHER, /* the parts of upload_id. MV_E_NOT_FOUND, MV_E_TRUNCATED (parts missing),
                       * MV_E_AUTH (another hash: the upload is thrown away), and as above */
    MV_CHANGE_REMOVE, /* a file. MV_E_NOT_FOUND */
    MV_CHANGE_RECEIPT /* keeps receipt and removes the file. MV_E_EXISTS (the same receipt is
                       * there), MV_E_MISMATCH (another one is), MV_E_NOT_FOUND */
} mv_change_kind;

/* One change; yours until done was called, which happens in a thread of the archive. */
typedef struct mv_change {
    mv_change_kind kind;
    mv_mailbox mailbox;
    uint8_t file[MV_FILE_HASH_LEN];
    mv_upload *upload;
    uint8_t upload_id[MV_UPLOAD_ID_LEN];
    const uint8_t *receipt;
    size_t receipt_len;
    void (*done)(void *user, struct mv_change *change);
    void *user;

    mv_status st;   /* the outcome; MV_OK: it is on disk. Beside the above: MV_E_BUSY, MV_E_IO */
    uint64_t bytes; /* of the file that was stored or removed */
    bool blob_gone; /* for the archive */
    struct mv_change *next;
} mv_change;

void mv_archive_submit(mv_archive *archive, mv_change *change);
mv_status mv_archive_change(mv_archive *archive, mv_change *change); /* submits and waits */
MV_MUST_CHECK mv_status mv_upload_commit(mv_upload *upload);         /* seals, stores and waits */

/* ---- reading ---- */

MV_MUST_CHECK mv_status mv_archive_list(mv_listing *out, mv_archive *archive,
                                        const mv_mailbox *mailbox, uint64_t after);
/* mv_archive_get: a descriptor for reading, the caller's to close. errors: MV_E_NOT_FOUND, .. */
MV_MUST_CHECK mv_status mv_archive_get(int *fd, uint64_t *len, mv_archive *archive,
                                       const mv_mailbox *mailbox,
                                       const uint8_t file[MV_FILE_HASH_LEN]);
MV_MUST_CHECK mv_status mv_archive_receipt(mv_buffer *out, mv_archive *archive,
                                           const mv_mailbox *mailbox,
                                           const uint8_t file[MV_FILE_HASH_LEN]);
/* mv_archive_epochs: those with any file, ascending, at most MV_EPOCHS_MAX. */
MV_MUST_CHECK mv_status mv_archive_epochs(mv_epochs *out, mv_archive *archive);

typedef struct mv_archive_stats {
    uint64_t files, bytes, uploads, receipts;
} mv_archive_stats;

MV_MUST_CHECK mv_status mv_archive_count(mv_archive_stats *out, mv_archive *archive);

/* mv_archive_try_disk: whether there is room for another megabyte; nothing is left of the attempt.
 * errors: MV_E_POLICY (the disk is full), MV_E_IO and others (it cannot be written) */
MV_MUST_CHECK mv_status mv_archive_try_disk(mv_archive *archive);

/* ---- care ---- */

/* mv_archive_tick: call about once a minute with the wall clock: counts served time, removes what
 * is older than retention_s, and uploads nobody continued. The clock counts at most two minutes a
 * call, so that a clock that jumps destroys nothing. *expired: files removed. */
MV_MUST_CHECK mv_status mv_archive_tick(uint64_t *expired, mv_archive *archive, int64_t now_s);

/* mv_archive_erase: a file in every mailbox, at once; NULL mailbox tag parts are not looked at.
 * *count: mailboxes it was in. */
MV_MUST_CHECK mv_status mv_archive_erase(uint64_t *count, mv_archive *archive,
                                         const uint8_t file[MV_FILE_HASH_LEN]);

/* mv_archive_copy: everything but uploads on their way into another, empty archive; checks every
 * hash. A file that is removed meanwhile is left out. */
MV_MUST_CHECK mv_status mv_archive_copy(mv_archive *to, mv_archive *from, uint64_t *files,
                                        mv_error *err);

/* What a file of len bytes counts: whole blocks of 4096, so that many tiny files are bounded too.
 */
static inline uint64_t mv_archive_charge(uint64_t len)
{
    return len / 4096 * 4096 + (len % 4096 != 0 || len == 0 ? 4096 : 0);
}

#endif
