/* SPDX-License-Identifier: Apache-2.0
 *
 * archive_commit.c: changes, made in batches. While one batch is being flushed the next gathers, so
 * the busier a relay is the fewer flushes each file costs.
 */
#include "store/archive_internal.h"
#include "store/disk.h"
#include "wire/hex.h"

#include <string.h>

#define BATCH_MAX      256
#define FLUSH_ALL_FROM 8 /* so many files: one flush of the file system is cheaper */

/* ---- one change within the transaction; the return value is the database's, change->st ours ----
 */

static mv_status find_file(int64_t *bytes, mv_db *db, const mv_change *c)
{
    const mv_db_value in[] = {MV_MAILBOX_VALUES(&c->mailbox),
                              mv_db_bytes(c->file, MV_FILE_HASH_LEN)};
    return mv_db_get(
        bytes, db, "SELECT bytes FROM file WHERE epoch = $1 AND tag = $2 AND hash = $3", in, 3, -1);
}

static mv_status add_bytes(mv_db *db, int64_t bytes)
{
    const mv_db_value in[] = {mv_db_number(bytes)};
    return mv_db_run(db, "UPDATE counter SET value = value + $1 WHERE name = 'bytes'", in, 1, NULL,
                     NULL);
}

/* The blob's row, and its bytes in their place. */
mv_status mv_archive_publish(mv_archive *a, mv_upload *u)
{
    mv_status st = MV_OK;
    int64_t refs = 0;
    const mv_db_value in[] = {mv_db_bytes(u->file, MV_FILE_HASH_LEN),
                              mv_db_number((int64_t)u->len)};
    mv_blob_name name;

    MV_TRY(mv_db_get(&refs, a->writer, "SELECT refs FROM blob WHERE hash = $1", in, 1, 0));
    if (refs != 0) {
        MV_TRY(mv_db_run(a->writer, "UPDATE blob SET refs = refs + 1 WHERE hash = $1", in, 1, NULL,
                         NULL));
        goto done;
    }
    mv_hex_write(name, u->file, MV_FILE_HASH_LEN);
    MV_TRY(mv_disk_rename(a->incoming_fd, u->temporary, a->blobs_fd, name));
    u->temporary_exists = false;
    MV_TRY(mv_db_run(a->writer, "INSERT INTO blob (hash, bytes, refs) VALUES ($1, $2, 1)", in, 2,
                     NULL, NULL));
    MV_TRY(add_bytes(a->writer, (int64_t)mv_archive_charge(u->len)));
done:
    return st;
}

mv_status mv_archive_number(int64_t *seq, mv_archive *a, const mv_mailbox *mailbox)
{
    mv_status st = MV_OK;
    const mv_db_value box[] = {MV_MAILBOX_VALUES(mailbox)};

    MV_TRY(mv_db_run(a->writer,
                     "INSERT INTO mailbox (epoch, tag, next_seq, bytes) "
                     "VALUES ($1, $2, 1, 0) ON CONFLICT (epoch, tag) DO NOTHING",
                     box, 2, NULL, NULL));
    MV_TRY(mv_db_get(seq, a->writer, "SELECT next_seq FROM mailbox WHERE epoch = $1 AND tag = $2",
                     box, 2, 0));
    MV_TRY(mv_db_run(a->writer,
                     "UPDATE mailbox SET next_seq = next_seq + 1 WHERE epoch = $1 AND tag = $2",
                     box, 2, NULL, NULL));
done:
    return st;
}

static mv_status insert_file(mv_archive *a, const mv_upload *u)
{
    mv_status st = MV_OK;
    int64_t seq = 0;
    const mv_db_value box[] = {MV_MAILBOX_VALUES(&u->mailbox),
                               mv_db_number((int64_t)mv_archive_charge(u->len))};

    MV_TRY(mv_archive_number(&seq, a, &u->mailbox));
    MV_TRY(mv_db_run(a->writer,
                     "UPDATE mailbox SET bytes = bytes + $3 WHERE epoch = $1 AND tag = $2", box, 3,
                     NULL, NULL));
    const mv_db_value row[] = {MV_MAILBOX_VALUES(&u->mailbox), mv_db_number(seq),
                               mv_db_bytes(u->file, MV_FILE_HASH_LEN),
                               mv_db_number((int64_t)u->len)};
    MV_TRY(mv_db_run(a->writer,
                     "INSERT INTO file (epoch, tag, seq, hash, bytes, arrived_s) "
                     "SELECT $1, $2, $3, $4, $5, value FROM counter WHERE name = 'served_s'",
                     row, 5, NULL, NULL));
done:
    return st;
}

static mv_status store(mv_archive *a, mv_change *c)
{
    mv_status st = MV_OK;
    mv_upload *u = c->upload;
    int64_t present = 0;

    c->mailbox = u->mailbox;
    memcpy(c->file, u->file, MV_FILE_HASH_LEN);
    c->bytes = u->len;
    MV_TRY(find_file(&present, a->writer, c));
    if (u->in_parts) {
        const mv_db_value id[] = {mv_db_bytes(u->id, MV_UPLOAD_ID_LEN)};
        MV_TRY(mv_db_run(a->writer, "DELETE FROM upload WHERE id = $1", id, 1, NULL, NULL));
    }
    if (present >= 0) {
        c->st = MV_E_EXISTS;
        goto done;
    }
    c->st = mv_archive_room(a, a->writer, &u->mailbox, u->len, u->reserved);
    if (c->st == MV_OK) {
        MV_TRY(mv_archive_publish(a, u));
        MV_TRY(insert_file(a, u));
    } else if (c->st != MV_E_POLICY) {
        st = c->st;
    }
done:
    return st;
}

mv_status mv_archive_release(mv_archive *a, const uint8_t hash[MV_FILE_HASH_LEN], uint64_t len,
                             bool *gone)
{
    mv_status st = MV_OK;
    int64_t refs = 0;
    const mv_db_value in[] = {mv_db_bytes(hash, MV_FILE_HASH_LEN)};

    MV_TRY(
        mv_db_run(a->writer, "UPDATE blob SET refs = refs - 1 WHERE hash = $1", in, 1, NULL, NULL));
    MV_TRY(mv_db_get(&refs, a->writer, "SELECT refs FROM blob WHERE hash = $1", in, 1, 0));
    *gone = refs == 0;
    if (*gone) {
        MV_TRY(mv_db_run(a->writer, "DELETE FROM blob WHERE hash = $1", in, 1, NULL, NULL));
        MV_TRY(add_bytes(a->writer, -(int64_t)mv_archive_charge(len)));
    }
done:
    return st;
}

static mv_status remove_file(mv_archive *a, mv_change *c)
{
    mv_status st = MV_OK;
    int64_t len = 0;
    const mv_db_value row[] = {MV_MAILBOX_VALUES(&c->mailbox),
                               mv_db_bytes(c->file, MV_FILE_HASH_LEN)};

    MV_TRY(find_file(&len, a->writer, c));
    if (len < 0) {
        c->st = MV_E_NOT_FOUND;
        goto done;
    }
    c->bytes = (uint64_t)len;
    const int64_t charge = (int64_t)mv_archive_charge((uint64_t)len);
    const mv_db_value box[] = {row[0], row[1], mv_db_number(charge)};
    MV_TRY(mv_db_run(a->writer, "DELETE FROM file WHERE epoch = $1 AND tag = $2 AND hash = $3", row,
                     3, NULL, NULL));
    MV_TRY(mv_db_run(a->writer,
                     "UPDATE mailbox SET bytes = bytes - $3 "
                     "WHERE epoch = $1 AND tag = $2",
                     box, 3, NULL, NULL));
    MV_TRY(mv_archive_release(a, c->file, (uint64_t)len, &c->blob_gone));
done:
    return st;
}

static mv_status same_receipt(void *user, const mv_db_value *column, size_t count)
{
    mv_change *c = user;
    (void)count;
    const bool same =
        column[0].len == c->receipt_len && memcmp(column[0].bytes, c->receipt, c->receipt_len) == 0;
    c->st = same ? MV_E_EXISTS : MV_E_MISMATCH;
    return MV_OK;
}

/* A receipt that is there decides; else the file must be. */
static mv_status keep_receipt(mv_archive *a, mv_change *c)
{
    mv_status st = MV_OK;
    const mv_db_value in[] = {MV_MAILBOX_VALUES(&c->mailbox),
                              mv_db_bytes(c->file, MV_FILE_HASH_LEN),
                              mv_db_bytes(c->receipt, c->receipt_len)};

    MV_TRY(mv_db_run(a->writer,
                     "SELECT body FROM receipt WHERE epoch = $1 AND tag = $2 "
                     "AND hash = $3",
                     in, 3, same_receipt, c));
    if (c->st == MV_E_MISMATCH) {
        goto done; /* the receiver changed its mind: what was said first stands */
    }
    const mv_status known = c->st;
    c->st = MV_OK;
    MV_TRY(remove_file(a, c)); /* sent a second time, it is removed a second time */
    if (known == MV_E_EXISTS) {
        c->st = MV_E_EXISTS;
    } else if (c->st == MV_OK) {
        MV_TRY(mv_db_run(a->writer,
                         "INSERT INTO receipt (epoch, tag, hash, body, arrived_s) "
                         "SELECT $1, $2, $3, $4, value FROM counter WHERE name = 'served_s'",
                         in, 4, NULL, NULL));
    }
done:
    return st;
}

static mv_status apply(mv_archive *a, mv_change *c)
{
    switch (c->kind) {
    case MV_CHANGE_STORE:
    case MV_CHANGE_GATHER:
        return store(a, c);
    case MV_CHANGE_REMOVE:
        return remove_file(a, c);
    case MV_CHANGE_RECEIPT:
        return keep_receipt(a, c);
    }
    return MV_E_INTERNAL;
}

/* ---- a batch ---- */

static mv_status flush_uploads(const mv_archive *a, const mv_change *batch)
{
    mv_status st = MV_OK;
    size_t count = 0;
    for (const mv_change *c = batch; c != NULL; c = c->next) {
        count += c->upload != NULL;
    }
    if (count >= FLUSH_ALL_FROM) {
        return mv_disk_flush_all(a->incoming_fd);
    }
    for (const mv_change *c = batch; st == MV_OK && c != NULL; c = c->next) {
        st = c->upload == NULL ? MV_OK : mv_disk_flush(c->upload->fd);
    }
    return st;
}

static mv_status apply_all(mv_archive *a, mv_change *batch)
{
    mv_status st = MV_OK;
    bool stored = false;

    MV_TRY(mv_db_begin(a->writer));
    for (mv_change *c = batch; c != NULL; c = c->next) {
        MV_TRY(apply(a, c));
        stored = stored || (c->upload != NULL && c->st == MV_OK);
    }
    if (stored) {
        MV_TRY(mv_disk_flush(a->blobs_fd));
    }
    MV_TRY(mv_db_commit(a->writer));
done:
    if (st != MV_OK) {
        mv_db_rollback(a->writer);
    }
    return st;
}

void mv_archive_unlink(mv_archive *a, const uint8_t hash[MV_FILE_HASH_LEN])
{
    const mv_db_value in[] = {mv_db_bytes(hash, MV_FILE_HASH_LEN)};
    mv_blob_name name;
    int64_t refs = 0;
    if (mv_db_get(&refs, a->writer, "SELECT refs FROM blob WHERE hash = $1", in, 1, 0) == MV_OK &&
        refs == 0) {
        mv_hex_write(name, hash, MV_FILE_HASH_LEN);
        mv_disk_remove(a->blobs_fd, name);
    }
}

/* The parts' own list of an upload that is stored or refused for good. */
static void drop_journal(mv_archive *a, const mv_change *c)
{
    mv_blob_name bytes, have;
    if (c->upload != NULL && c->upload->in_parts &&
        (c->st == MV_OK || c->st == MV_E_EXISTS || c->st == MV_E_POLICY)) {
        mv_upload_names(bytes, have, c->upload->id);
        mv_disk_remove(a->incoming_fd, bytes);
        mv_disk_remove(a->incoming_fd, have);
    }
}

static void make(mv_archive *a, mv_change *batch)
{
    mv_status st = flush_uploads(a, batch);
    mv_archive_lock(a);
    if (st == MV_OK) {
        st = apply_all(a, batch);
    }
    for (mv_change *c = batch; c != NULL; c = c->next) {
        if (st != MV_OK) {
            c->st = st;
        } else if (c->blob_gone) {
            mv_archive_unlink(a, c->file);
        }
        drop_journal(a, c);
    }
    mv_archive_unlock(a);
    for (mv_change *c = batch, *next; c != NULL; c = next) {
        next = c->next;
        c->done(c->user, c); /* c may be gone now */
    }
}

/* ---- the threads ---- */

/* Up to max changes, waiting for the first; NULL: stop. With ahead, uploads of this archive are
 * hashed ahead meanwhile. */
static mv_change *take(mv_change_queue *q, size_t max, mv_archive *ahead)
{
    mv_change *batch = NULL;
    (void)pthread_mutex_lock(&q->mutex);
    while (q->first == NULL && !q->stop) {
        if (ahead == NULL || !mv_ahead_step(ahead)) {
            (void)pthread_cond_wait(&q->cond, &q->mutex);
        }
    }
    batch = q->first;
    mv_change *last = batch;
    for (size_t i = 1; last != NULL && i < max && last->next != NULL; i++) {
        last = last->next;
    }
    if (last != NULL) {
        q->first = last->next;
        last->next = NULL;
    }
    (void)pthread_mutex_unlock(&q->mutex);
    return batch;
}

static void put(mv_change_queue *q, mv_change *c)
{
    c->next = NULL;
    (void)pthread_mutex_lock(&q->mutex);
    if (q->first == NULL) {
        q->first = c;
    } else {
        q->last->next = c;
    }
    q->last = c;
    (void)pthread_cond_signal(&q->cond);
    (void)pthread_mutex_unlock(&q->mutex);
}

static void *commit_thread(void *user)
{
    mv_archive *a = user;
    for (mv_change *batch; (batch = take(&a->commit, BATCH_MAX, NULL)) != NULL;) {
        make(a, batch);
    }
    return NULL;
}

/* Hashing a large file takes seconds and must hold up nobody else. */
static void *gather_thread(void *user)
{
    mv_archive *a = user;
    for (mv_change *c; (c = take(&a->gather, 1, a)) != NULL;) {
        c->st = mv_archive_gathered(&c->upload, a, c->upload_id);
        if (c->st == MV_OK) {
            put(&a->commit, c);
        } else {
            c->done(c->user, c);
        }
    }
    return NULL;
}

static mv_status start_thread(mv_change_queue *q, void *(*run)(void *), mv_archive *a)
{
    (void)pthread_mutex_init(&q->mutex, NULL);
    (void)pthread_cond_init(&q->cond, NULL);
    q->started = pthread_create(&q->thread, NULL, run, a) == 0;
    return q->started ? MV_OK : MV_E_MEMORY;
}

static void stop_thread(mv_change_queue *q)
{
    if (q->started) {
        (void)pthread_mutex_lock(&q->mutex);
        q->stop = true;
        (void)pthread_cond_signal(&q->cond);
        (void)pthread_mutex_unlock(&q->mutex);
        (void)pthread_join(q->thread, NULL);
        (void)pthread_mutex_destroy(&q->mutex);
        (void)pthread_cond_destroy(&q->cond);
        q->started = false;
    }
}

mv_status mv_archive_start_threads(mv_archive *archive)
{
    mv_status st = start_thread(&archive->commit, commit_thread, archive);
    return st == MV_OK ? start_thread(&archive->gather, gather_thread, archive) : st;
}

void mv_archive_stop_threads(mv_archive *archive)
{
    stop_thread(&archive->gather); /* first: it feeds the other */
    stop_thread(&archive->commit);
}

void mv_archive_submit(mv_archive *archive, mv_change *change)
{
    change->st = MV_OK;
    change->blob_gone = false;
    put(change->kind == MV_CHANGE_GATHER ? &archive->gather : &archive->commit, change);
}

typedef struct waiting {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    bool done;
} waiting;

static void wake(void *user, mv_change *change)
{
    waiting *w = user;
    (void)change;
    (void)pthread_mutex_lock(&w->mutex);
    w->done = true;
    (void)pthread_cond_signal(&w->cond);
    (void)pthread_mutex_unlock(&w->mutex);
}

mv_status mv_archive_change(mv_archive *archive, mv_change *change)
{
    waiting w = {.mutex = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER};
    change->done = wake;
    change->user = &w;
    mv_archive_submit(archive, change);
    (void)pthread_mutex_lock(&w.mutex);
    while (!w.done) {
        (void)pthread_cond_wait(&w.cond, &w.mutex);
    }
    (void)pthread_mutex_unlock(&w.mutex);
    if (change->kind == MV_CHANGE_GATHER) {
        mv_upload_free(&change->upload);
    }
    return change->st;
}

mv_status mv_upload_commit(mv_upload *upload)
{
    mv_change change = {.kind = MV_CHANGE_STORE, .upload = upload};
    const mv_status st = mv_upload_seal(upload);
    return st == MV_OK ? mv_archive_change(upload->archive, &change) : st;
}
