/* SPDX-License-Identifier: Apache-2.0
 *
 * archive_stream.c: live streams. Their bytes lie in incoming/s-{stream} and only ever get more;
 * the length of that file is how far a stream is. Room for them is taken in the database a large
 * step ahead, so that a frame costs no transaction. A stream that ends becomes an upload in parts,
 * all of them there, and goes the way of those.
 */
#include "base/rng.h"
#include "store/archive_internal.h"
#include "store/disk.h"
#include "wire/hex.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROOM_STEP     ((uint64_t)4 << 20)
#define STREAM_LIFE_S 600 /* of a live stream to which nothing is added */

static const uint8_t not_ended[MV_FILE_HASH_LEN];

typedef struct row {
    mv_mailbox mailbox;
    uint8_t hash[MV_FILE_HASH_LEN];
    uint64_t room;
    bool found;
} row;

static bool is_live(const row *r)
{
    return r->found && memcmp(r->hash, not_ended, sizeof not_ended) == 0;
}

static void stream_name(mv_blob_name out, const uint8_t id[MV_UPLOAD_ID_LEN])
{
    memcpy(out, "s-", 2);
    mv_hex_write(out + 2, id, MV_UPLOAD_ID_LEN);
}

static mv_status take_row(void *user, const mv_db_value *column, size_t count)
{
    row *r = user;
    (void)count;
    r->mailbox.epoch = (uint32_t)column[0].number;
    memcpy(r->mailbox.tag, column[1].bytes, MV_TAG_LEN);
    memcpy(r->hash, column[2].bytes, MV_FILE_HASH_LEN);
    r->room = (uint64_t)column[3].number;
    r->found = true;
    return MV_OK;
}

static mv_status find_row(row *out, mv_db *db, const uint8_t id[MV_UPLOAD_ID_LEN])
{
    const mv_db_value in[] = {mv_db_bytes(id, MV_UPLOAD_ID_LEN)};
    memset(out, 0, sizeof *out);
    return mv_db_run(db, "SELECT epoch, tag, hash, bytes FROM stream WHERE id = $1", in, 1,
                     take_row, out);
}

static mv_status read_row(row *out, mv_archive *a, const uint8_t id[MV_UPLOAD_ID_LEN])
{
    (void)pthread_mutex_lock(&a->read_mutex);
    const mv_status st = find_row(out, a->reader, id);
    (void)pthread_mutex_unlock(&a->read_mutex);
    return st;
}

/* The bytes of a live stream and how many they are. */
static mv_status open_bytes(int *fd, uint64_t *len, const mv_archive *a,
                            const uint8_t id[MV_UPLOAD_ID_LEN], int flags)
{
    mv_status st = MV_OK;
    mv_blob_name name;
    struct stat info;

    stream_name(name, id);
    *fd = openat(a->incoming_fd, name, flags | O_CLOEXEC | O_NOFOLLOW);
    MV_ENSURE(*fd >= 0, mv_disk_status(errno));
    MV_ENSURE(fstat(*fd, &info) == 0, MV_E_IO);
    *len = (uint64_t)info.st_size;
done:
    if (st != MV_OK && *fd >= 0) {
        (void)close(*fd);
        *fd = -1;
    }
    return st;
}

/* Runs work in a transaction of the locked store. */
static mv_status change(mv_archive *a, mv_status (*work)(mv_archive *a, void *user), void *user)
{
    mv_archive_lock(a);
    mv_status st = mv_db_begin(a->writer);
    if (st == MV_OK) {
        st = work(a, user);
        st = st == MV_OK ? mv_db_commit(a->writer) : st;
        if (st != MV_OK) {
            mv_db_rollback(a->writer);
        }
    }
    mv_archive_unlock(a);
    return st;
}

/* ---- beginning, adding ---- */

typedef struct beginning {
    const mv_mailbox *mailbox;
    const uint8_t *id;
} beginning;

static mv_status make_stream(mv_archive *a, void *user)
{
    mv_status st = MV_OK;
    const beginning *b = user;
    mv_blob_name name;
    int64_t seq = 0;
    int fd = -1;

    stream_name(name, b->id);
    MV_TRY(mv_disk_create(&fd, a->incoming_fd, name, 0));
    (void)close(fd);
    MV_TRY(mv_archive_room(a, a->writer, b->mailbox, ROOM_STEP, false));
    MV_TRY(mv_archive_number(&seq, a, b->mailbox));
    const mv_db_value in[] = {mv_db_bytes(b->id, MV_UPLOAD_ID_LEN), MV_MAILBOX_VALUES(b->mailbox),
                              mv_db_number(seq), mv_db_bytes(not_ended, sizeof not_ended),
                              mv_db_number((int64_t)ROOM_STEP)};
    MV_TRY(mv_db_run(a->writer,
                     "INSERT INTO stream (id, epoch, tag, seq, hash, bytes) "
                     "VALUES ($1, $2, $3, $4, $5, $6)",
                     in, 6, NULL, NULL));
done:
    return st;
}

mv_status mv_archive_stream_begin(uint8_t stream[MV_UPLOAD_ID_LEN], mv_archive *archive,
                                  const mv_mailbox *mailbox)
{
    mv_status st = MV_OK;
    beginning b = {mailbox, stream};
    MV_TRY(mv_random_bytes(stream, MV_UPLOAD_ID_LEN));
    MV_TRY(change(archive, make_stream, &b)); /* a file without a row is swept */
done:
    return st;
}

typedef struct growing {
    const uint8_t *id;
    uint64_t len; /* that is to find room */
} growing;

/* The stream's own room is given back first, so that it does not count twice. */
static mv_status set_room(mv_archive *a, void *user)
{
    mv_status st = MV_OK;
    const growing *g = user;
    const mv_db_value none[] = {mv_db_bytes(g->id, MV_UPLOAD_ID_LEN), mv_db_number(0)};
    row r;

    MV_TRY(find_row(&r, a->writer, g->id));
    MV_ENSURE(is_live(&r), MV_E_NOT_FOUND);
    if (g->len <= r.room) {
        goto done; /* somebody else has made it */
    }
    const uint64_t room = g->len + ROOM_STEP;
    const mv_db_value wanted[] = {none[0], mv_db_number((int64_t)room)};
    MV_TRY(mv_db_run(a->writer, "UPDATE stream SET bytes = $2 WHERE id = $1", none, 2, NULL, NULL));
    MV_TRY(mv_archive_room(a, a->writer, &r.mailbox, room, false));
    MV_TRY(
        mv_db_run(a->writer, "UPDATE stream SET bytes = $2 WHERE id = $1", wanted, 2, NULL, NULL));
done:
    return st;
}

mv_status mv_archive_stream_part(mv_part **out, mv_mailbox *mailbox, mv_archive *archive,
                                 const uint8_t stream[MV_UPLOAD_ID_LEN], uint64_t offset,
                                 uint64_t len)
{
    mv_status st = MV_OK;
    int fd = -1;
    uint64_t have = 0;
    row r;

    *out = NULL;
    MV_TRY(read_row(&r, archive, stream));
    MV_ENSURE(is_live(&r), MV_E_NOT_FOUND);
    MV_ENSURE(len <= archive->limits.file_bytes && offset <= archive->limits.file_bytes - len,
              MV_E_LIMIT);
    MV_TRY(open_bytes(&fd, &have, archive, stream, O_WRONLY));
    MV_ENSURE(offset <= have, MV_E_MISMATCH);
    if (offset + len > r.room) {
        growing g = {stream, offset + len};
        MV_TRY(change(archive, set_room, &g));
    }
    *mailbox = r.mailbox;
    st = mv_archive_part_of(out, archive, fd, offset, len);
    fd = -1;
done:
    if (fd >= 0) {
        (void)close(fd);
    }
    return st;
}

mv_status mv_archive_stream_len(uint64_t *len, mv_archive *archive,
                                const uint8_t stream[MV_UPLOAD_ID_LEN])
{
    mv_status st = MV_OK;
    int fd = -1;
    row r;

    *len = 0;
    MV_TRY(read_row(&r, archive, stream));
    MV_ENSURE(is_live(&r), MV_E_NOT_FOUND);
    MV_TRY(open_bytes(&fd, len, archive, stream, O_RDONLY));
    (void)close(fd);
done:
    return st;
}

/* ---- the end ---- */

typedef struct ending {
    const uint8_t *id;
    const mv_offer *file;
} ending;

/* It has ended as this very file before: MV_OK while that is still to be gathered. */
static mv_status ended_before(mv_archive *a, const uint8_t id[MV_UPLOAD_ID_LEN], const row *r)
{
    mv_status st = MV_OK;
    int64_t gathering = 0, there = 0;
    const mv_db_value upload[] = {mv_db_bytes(id, MV_UPLOAD_ID_LEN)};
    const mv_db_value file[] = {MV_MAILBOX_VALUES(&r->mailbox),
                                mv_db_bytes(r->hash, MV_FILE_HASH_LEN)};

    MV_TRY(mv_db_get(&gathering, a->writer, "SELECT 1 FROM upload WHERE id = $1", upload, 1, 0));
    MV_TRY(mv_db_get(&there, a->writer,
                     "SELECT 1 FROM file WHERE epoch = $1 AND tag = $2 AND hash = $3", file, 3, 0));
    MV_ENSURE(there == 0, MV_E_EXISTS);
    MV_ENSURE(gathering != 0, MV_E_NOT_FOUND);
done:
    return st;
}

/* The bytes get the name that they have as an upload; their old one goes after the commit. */
static mv_status become_upload(mv_archive *a, void *user)
{
    mv_status st = MV_OK;
    const ending *e = user;
    mv_blob_name live, bytes, have;
    int fd = -1;
    uint64_t len = 0;
    row r;

    MV_TRY(find_row(&r, a->writer, e->id));
    MV_ENSURE(r.found, MV_E_NOT_FOUND);
    if (memcmp(r.hash, e->file->file, sizeof r.hash) == 0) {
        st = ended_before(a, e->id, &r);
        goto done;
    }
    MV_ENSURE(is_live(&r), MV_E_MISMATCH);
    MV_TRY(open_bytes(&fd, &len, a, e->id, O_RDONLY));
    (void)close(fd);
    MV_ENSURE(len == e->file->len, MV_E_MISMATCH);
    stream_name(live, e->id);
    mv_upload_names(bytes, have, e->id);
    mv_disk_remove(a->incoming_fd, bytes); /* of an earlier try that was cut off */
    mv_disk_remove(a->incoming_fd, have);
    MV_TRY(mv_disk_link(a->incoming_fd, live, bytes));
    MV_TRY(mv_archive_have_all(a, e->id, len));
    const mv_db_value in[] = {mv_db_bytes(e->id, MV_UPLOAD_ID_LEN), MV_MAILBOX_VALUES(&r.mailbox),
                              mv_db_bytes(e->file->file, MV_FILE_HASH_LEN),
                              mv_db_number((int64_t)len)};
    const mv_db_value ended[] = {in[0], in[3]};
    MV_TRY(mv_db_run(a->writer,
                     "INSERT INTO upload (id, epoch, tag, hash, bytes, arrived_s) "
                     "VALUES ($1, $2, $3, $4, $5, 0)",
                     in, 5, NULL, NULL));
    MV_TRY(mv_db_run(a->writer, "UPDATE stream SET hash = $2, bytes = 0 WHERE id = $1", ended, 2,
                     NULL, NULL));
done:
    return st;
}

mv_status mv_archive_stream_end(mv_archive *archive, const uint8_t stream[MV_UPLOAD_ID_LEN],
                                const mv_offer *file)
{
    ending e = {stream, file};
    mv_blob_name live;
    const mv_status st = change(archive, become_upload, &e);
    if (st == MV_OK) {
        stream_name(live, stream);
        mv_disk_remove(archive->incoming_fd, live);
    }
    return st;
}

static mv_status forget(mv_archive *a, const uint8_t id[MV_UPLOAD_ID_LEN])
{
    const mv_db_value in[] = {mv_db_bytes(id, MV_UPLOAD_ID_LEN)};
    mv_blob_name name;
    stream_name(name, id);
    mv_disk_remove(a->incoming_fd, name);
    return mv_db_run(a->writer, "DELETE FROM stream WHERE id = $1", in, 1, NULL, NULL);
}

static mv_status forget_live(mv_archive *a, void *user)
{
    mv_status st = MV_OK;
    row r;
    MV_TRY(find_row(&r, a->writer, user));
    MV_ENSURE(is_live(&r), MV_E_NOT_FOUND);
    MV_TRY(forget(a, user));
done:
    return st;
}

mv_status mv_archive_stream_cancel(mv_archive *archive, const uint8_t stream[MV_UPLOAD_ID_LEN])
{
    uint8_t id[MV_UPLOAD_ID_LEN];
    memcpy(id, stream, sizeof id);
    return change(archive, forget_live, id);
}

/* ---- reading ---- */

typedef struct listing {
    mv_listing *out;
    const mv_archive *archive;
} listing;

/* A stream without a byte is left out: its sender may never have heard its name, and have begun
 * another. */
static mv_status take_entry(void *user, const mv_db_value *column, size_t count)
{
    const listing *l = user;
    mv_listing *out = l->out;
    mv_blob_name name;
    struct stat info;
    (void)count;
    stream_name(name, column[1].bytes);
    if (fstatat(l->archive->incoming_fd, name, &info, 0) != 0 || info.st_size == 0) {
        return MV_OK;
    }
    if (out->count == MV_LISTING_MAX) {
        out->more = true;
        return MV_OK;
    }
    mv_listing_entry *e = &out->entry[out->count++];
    e->seq = (uint64_t)column[0].number;
    memcpy(e->file, column[1].bytes, MV_UPLOAD_ID_LEN);
    e->len = (uint64_t)info.st_size;
    return MV_OK;
}

mv_status mv_archive_streams(mv_listing *out, mv_archive *archive, const mv_mailbox *mailbox,
                             uint64_t after)
{
    listing l = {out, archive};
    const mv_db_value in[] = {MV_MAILBOX_VALUES(mailbox), mv_db_number((int64_t)after),
                              mv_db_bytes(not_ended, sizeof not_ended),
                              mv_db_number(MV_LISTING_MAX + 1)};
    memset(out, 0, sizeof *out);
    (void)pthread_mutex_lock(&archive->read_mutex);
    const mv_status st = mv_db_run(archive->reader,
                                   "SELECT seq, id FROM stream WHERE epoch = $1 AND tag = $2 "
                                   "AND seq > $3 AND hash = $4 ORDER BY seq LIMIT $5",
                                   in, 5, take_entry, &l);
    (void)pthread_mutex_unlock(&archive->read_mutex);
    return st;
}

/* What an ended stream has become: its file, an upload that is being gathered, or nothing. */
static mv_status find_file(mv_stream_state *out, mv_archive *a, const row *r,
                           const uint8_t id[MV_UPLOAD_ID_LEN])
{
    mv_status st = MV_OK;
    int64_t bytes = -1, gathering = 0;
    const mv_db_value file[] = {MV_MAILBOX_VALUES(&r->mailbox),
                                mv_db_bytes(r->hash, MV_FILE_HASH_LEN)};
    const mv_db_value upload[] = {mv_db_bytes(id, MV_UPLOAD_ID_LEN)};

    (void)pthread_mutex_lock(&a->read_mutex);
    MV_TRY(mv_db_get(&gathering, a->reader, "SELECT 1 FROM upload WHERE id = $1", upload, 1, 0));
    MV_TRY(mv_db_get(&bytes, a->reader,
                     "SELECT bytes FROM file WHERE epoch = $1 AND tag = $2 AND hash = $3", file, 3,
                     -1));
    MV_ENSURE(bytes >= 0 || gathering != 0, MV_E_NOT_FOUND);
    out->ended = bytes >= 0;
    out->len = bytes >= 0 ? (uint64_t)bytes : 0;
    memcpy(out->file, r->hash, sizeof out->file);
done:
    (void)pthread_mutex_unlock(&a->read_mutex);
    return st;
}

mv_status mv_archive_stream(mv_stream_state *out, mv_archive *archive, const mv_mailbox *mailbox,
                            const uint8_t stream[MV_UPLOAD_ID_LEN])
{
    mv_status st = MV_OK;
    row r;

    memset(out, 0, sizeof *out);
    out->fd = -1;
    MV_TRY(read_row(&r, archive, stream));
    MV_ENSURE(r.found && r.mailbox.epoch == mailbox->epoch &&
                  memcmp(r.mailbox.tag, mailbox->tag, MV_TAG_LEN) == 0,
              MV_E_NOT_FOUND);
    if (!is_live(&r)) {
        MV_TRY(find_file(out, archive, &r, stream));
        goto done;
    }
    st = open_bytes(&out->fd, &out->len, archive, stream, O_RDONLY);
    st = st == MV_E_NOT_FOUND ? MV_OK : st; /* it ended since its row was read */
done:
    return st;
}

/* ---- care ---- */

static mv_status take_id(void *user, const mv_db_value *column, size_t count)
{
    (void)count;
    return mv_buffer_append(user, column[0].bytes, MV_UPLOAD_ID_LEN);
}

static bool is_abandoned(const mv_archive *a, const uint8_t id[MV_UPLOAD_ID_LEN], int64_t now_s)
{
    mv_blob_name name;
    struct stat info;
    stream_name(name, id);
    return fstatat(a->incoming_fd, name, &info, 0) != 0 ||
           (now_s != 0 && now_s - info.st_mtime > STREAM_LIFE_S);
}

mv_status mv_archive_sweep_streams(mv_archive *archive, int64_t now_s)
{
    mv_status st = MV_OK;
    const mv_db_value in[] = {mv_db_bytes(not_ended, sizeof not_ended)};
    mv_buffer ids = mv_buffer_make(SIZE_MAX);

    MV_TRY(
        mv_db_run(archive->writer, "SELECT id FROM stream WHERE hash = $1", in, 1, take_id, &ids));
    for (size_t at = 0; at < ids.len; at += MV_UPLOAD_ID_LEN) {
        if (is_abandoned(archive, ids.bytes + at, now_s)) {
            MV_TRY(forget(archive, ids.bytes + at));
        }
    }
    MV_TRY(mv_db_run(archive->writer,
                     "DELETE FROM stream WHERE hash <> $1 AND NOT EXISTS (SELECT 1 FROM upload "
                     "WHERE upload.id = stream.id) AND NOT EXISTS (SELECT 1 FROM file WHERE "
                     "file.epoch = stream.epoch AND file.tag = stream.tag AND "
                     "file.hash = stream.hash)",
                     in, 1, NULL, NULL));
done:
    mv_buffer_clear(&ids);
    return st;
}
