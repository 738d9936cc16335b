/* SPDX-License-Identifier: Apache-2.0
 *
 * archive.c: opening, reading, the passing of time, copies.
 */
#include "store/archive.h"

#include "base/rng.h"
#include "store/archive_internal.h"
#include "store/disk.h"
#include "wire/hex.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define UPLOAD_LIFE_S 86400 /* of an upload in parts that nobody continues */
#define OFFER_LIFE_S  600   /* of one to which nothing has come yet */
#define TICK_MAX_S    120   /* the most that one call counts as served */
#define EXPIRE_BATCH  500
#define TRY_LEN       (1u << 20)

void mv_archive_lock(mv_archive *archive)
{
    (void)pthread_mutex_lock(&archive->write_mutex);
    while (flock(archive->write_fd, LOCK_EX) != 0 && errno == EINTR) {
    }
}

void mv_archive_unlock(mv_archive *archive)
{
    (void)flock(archive->write_fd, LOCK_UN);
    (void)pthread_mutex_unlock(&archive->write_mutex);
}

/* ---- opening ---- */

/* A subfolder, made when missing; -1 with errno. */
static int subfolder(int at, const char *name)
{
    if (mkdirat(at, name, 0700) != 0 && errno != EEXIST) {
        return -1;
    }
    return openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static mv_status open_folders(mv_archive *a, const char *dir, mv_error *err)
{
    mv_status st = MV_OK;
    const int root = subfolder(AT_FDCWD, dir);
    MV_REQUIRE(root >= 0, err, MV_E_IO, "cannot use the folder %s: %s", dir, strerror(errno));
    a->lock_fd = openat(root, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    a->write_fd = openat(root, "write.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    MV_REQUIRE(a->lock_fd >= 0 && a->write_fd >= 0, err, MV_E_IO, "cannot write in %s: %s", dir,
               strerror(errno));
    MV_REQUIRE(!a->alone || flock(a->lock_fd, LOCK_EX | LOCK_NB) == 0, err, MV_E_BUSY,
               "another relay uses the folder %s", dir);
    a->incoming_fd = subfolder(root, "incoming");
    a->blobs_fd = subfolder(root, "blobs");
    MV_REQUIRE(a->incoming_fd >= 0 && a->blobs_fd >= 0 && fsync(root) == 0, err, MV_E_IO,
               "cannot write in %s: %s", dir, strerror(errno));
done:
    if (root >= 0) {
        (void)close(root);
    }
    return st;
}

static mv_status open_database(mv_archive *a, const mv_archive_opts *opts, mv_error *err)
{
    mv_status st = MV_OK;
    char path[4096];
    const mv_db_ops *ops = opts->postgres != NULL ? &mv_db_postgres : &mv_db_sqlite;
    const char *where = opts->postgres != NULL ? opts->postgres : path;

    const int len = snprintf(path, sizeof path, "%s/archive.db", opts->dir);
    MV_REQUIRE(len > 0 && (size_t)len < sizeof path, err, MV_E_LIMIT, "the folder's name is long");
    MV_TRY(mv_db_open(&a->writer, ops, where, err));
    MV_TRY(mv_db_migrate(a->writer, MV_DB_VERSION, err));
    MV_TRY(mv_db_open(&a->reader, ops, where, err));
done:
    return st;
}

/* fdopendir on a fresh descriptor of the folder; NULL with errno. */
static DIR *open_folder(int at)
{
    const int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL && fd >= 0) {
        (void)close(fd);
    }
    return dir;
}

/* Blobs whose row was never committed: the power went between rename and commit. */
static mv_status sweep_blobs(mv_archive *a)
{
    mv_status st = MV_OK;
    uint8_t hash[MV_FILE_HASH_LEN];
    const mv_db_value in[] = {mv_db_bytes(hash, sizeof hash)};
    DIR *dir = open_folder(a->blobs_fd);

    MV_ENSURE(dir != NULL, mv_disk_status(errno));
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        int64_t refs = 1;
        if (strlen(e->d_name) == MV_NAME_LEN && mv_hex_read(hash, sizeof hash, e->d_name)) {
            MV_TRY(mv_db_get(&refs, a->writer, "SELECT refs FROM blob WHERE hash = $1", in, 1, 0));
        }
        if (refs == 0) {
            mv_disk_remove(a->blobs_fd, e->d_name);
        }
    }
done:
    if (dir != NULL) {
        (void)closedir(dir);
    }
    return st;
}

/* Uploads in one piece: at the start (now_s 0) they have no owner, unless other relays run. */
static mv_status sweep_pieces(const mv_archive *a, int64_t now_s)
{
    struct stat info;
    DIR *dir = open_folder(a->incoming_fd);

    if (dir == NULL) {
        return mv_disk_status(errno);
    }
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        const bool idle = now_s != 0 && fstatat(dirfd(dir), e->d_name, &info, 0) == 0 &&
                          now_s - info.st_mtime > UPLOAD_LIFE_S;
        if (strncmp(e->d_name, "t-", 2) == 0 && (idle || (now_s == 0 && a->alone))) {
            mv_disk_remove(a->incoming_fd, e->d_name);
        }
    }
    (void)closedir(dir);
    return MV_OK;
}

typedef struct id_list {
    mv_buffer ids;
} id_list;

static mv_status take_id(void *user, const mv_db_value *column, size_t count)
{
    id_list *l = user;
    (void)count;
    return mv_buffer_append(&l->ids, column[0].bytes, MV_UPLOAD_ID_LEN);
}

/* Whether nobody continues this upload in parts: its files are gone, or nothing has come for a day,
 * or, before the first whole block, for ten minutes, because an offer costs its sender nothing. */
static bool is_abandoned(const mv_archive *a, const uint8_t id[MV_UPLOAD_ID_LEN], int64_t now_s)
{
    mv_blob_name bytes, have;
    struct stat of_bytes, of_have;

    mv_upload_names(bytes, have, id);
    if (fstatat(a->incoming_fd, bytes, &of_bytes, 0) != 0 ||
        fstatat(a->incoming_fd, have, &of_have, 0) != 0) {
        return true;
    }
    const int64_t life_s = of_have.st_size == 0 ? OFFER_LIFE_S : UPLOAD_LIFE_S;
    return now_s != 0 && now_s - of_bytes.st_mtime > life_s;
}

/* Uploads in parts; store locked. */
static mv_status sweep_uploads(mv_archive *a, int64_t now_s)
{
    mv_status st = MV_OK;
    id_list l = {mv_buffer_make(SIZE_MAX)};

    MV_TRY(mv_db_run(a->writer, "SELECT id FROM upload", NULL, 0, take_id, &l));
    for (size_t at = 0; at < l.ids.len; at += MV_UPLOAD_ID_LEN) {
        if (is_abandoned(a, l.ids.bytes + at, now_s)) {
            MV_TRY(mv_archive_forget(a, l.ids.bytes + at));
        }
    }
done:
    mv_buffer_clear(&l.ids);
    return st;
}

/* Files of uploads in parts and of live streams whose row is gone; store locked. */
static mv_status sweep_files(mv_archive *a)
{
    mv_status st = MV_OK;
    uint8_t id[MV_UPLOAD_ID_LEN];
    const mv_db_value in[] = {mv_db_bytes(id, sizeof id)};
    DIR *dir = open_folder(a->incoming_fd);

    MV_ENSURE(dir != NULL, mv_disk_status(errno));
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        int64_t rows = 1;
        if (mv_hex_read(id, sizeof id, e->d_name)) {
            MV_TRY(mv_db_get(&rows, a->writer, "SELECT 1 FROM upload WHERE id = $1", in, 1, 0));
        } else if (strncmp(e->d_name, "s-", 2) == 0 && mv_hex_read(id, sizeof id, e->d_name + 2)) {
            MV_TRY(mv_db_get(&rows, a->writer, "SELECT 1 FROM stream WHERE id = $1", in, 1, 0));
        }
        if (rows == 0) {
            mv_disk_remove(a->incoming_fd, e->d_name);
        }
    }
done:
    if (dir != NULL) {
        (void)closedir(dir);
    }
    return st;
}

static mv_status sweep_incoming(mv_archive *a, int64_t now_s)
{
    mv_status st = MV_OK;
    MV_TRY(sweep_pieces(a, now_s));
    MV_TRY(sweep_uploads(a, now_s));
    MV_TRY(mv_archive_sweep_streams(a, now_s));
    MV_TRY(sweep_files(a));
done:
    return st;
}

/* Mailboxes of weeks that nobody can send to any more, once they are empty. */
static mv_status sweep_rows(mv_archive *a)
{
    return mv_db_script(
        a->writer, "DELETE FROM mailbox WHERE epoch <> 0 AND epoch < (SELECT value FROM counter "
                   "WHERE name = 'clock_s') / 604800 - 9 AND NOT EXISTS (SELECT 1 FROM file "
                   "WHERE file.epoch = mailbox.epoch AND file.tag = mailbox.tag)");
}

static mv_status sweep_start(mv_archive *a, const char *dir, mv_error *err)
{
    mv_status st = sweep_blobs(a);
    if (st == MV_OK) {
        st = sweep_incoming(a, 0);
    }
    return st == MV_OK
               ? MV_OK
               : mv_fail(err, st, "cannot read the files in %s: %s", dir, mv_status_sentence(st));
}

mv_status mv_archive_open(mv_archive **out, const mv_archive_opts *opts, mv_error *err)
{
    mv_status st = MV_OK;
    mv_archive *a = calloc(1, sizeof *a);

    *out = NULL;
    MV_REQUIRE(a != NULL, err, MV_E_MEMORY, "out of memory");
    a->lock_fd = a->write_fd = a->incoming_fd = a->blobs_fd = -1;
    a->alone = opts->postgres == NULL && !opts->visitor;
    a->limits = opts->limits;
    (void)pthread_mutex_init(&a->write_mutex, NULL);
    (void)pthread_mutex_init(&a->read_mutex, NULL);
    (void)pthread_mutex_init(&a->room_mutex, NULL);
    MV_TRY(open_folders(a, opts->dir, err));
    mv_archive_lock(a);
    st = open_database(a, opts, err);
    if (st == MV_OK && !opts->visitor) {
        st = sweep_start(a, opts->dir, err);
    }
    mv_archive_unlock(a);
    MV_TRY(st);
    MV_TRY(mv_archive_start_threads(a));
    *out = a;
    a = NULL;
done:
    mv_archive_free(&a);
    return st;
}

static void close_fd(int fd)
{
    if (fd >= 0) {
        (void)close(fd);
    }
}

void mv_archive_free(mv_archive **archive)
{
    mv_archive *a = *archive;
    if (a == NULL) {
        return;
    }
    mv_archive_stop_threads(a);
    mv_db_close(&a->writer);
    mv_db_close(&a->reader);
    close_fd(a->lock_fd);
    close_fd(a->write_fd);
    close_fd(a->incoming_fd);
    close_fd(a->blobs_fd);
    (void)pthread_mutex_destroy(&a->write_mutex);
    (void)pthread_mutex_destroy(&a->read_mutex);
    (void)pthread_mutex_destroy(&a->room_mutex);
    free(a);
    *archive = NULL;
}

/* ---- reading ---- */

mv_status mv_archive_read_rows(mv_archive *a, const char *sql, const mv_db_value *in,
                               size_t in_count, mv_db_row row, void *user)
{
    (void)pthread_mutex_lock(&a->read_mutex);
    const mv_status st = mv_db_run(a->reader, sql, in, in_count, row, user);
    (void)pthread_mutex_unlock(&a->read_mutex);
    return st;
}

static mv_status take_entry(void *user, const mv_db_value *column, size_t count)
{
    mv_listing *out = user;
    (void)count;
    if (out->count == MV_LISTING_MAX) {
        out->more = true;
        return MV_OK;
    }
    mv_listing_entry *e = &out->entry[out->count++];
    e->seq = (uint64_t)column[0].number;
    e->len = (uint64_t)column[2].number;
    memcpy(e->file, column[1].bytes, MV_FILE_HASH_LEN);
    return MV_OK;
}

mv_status mv_archive_list(mv_listing *out, mv_archive *archive, const mv_mailbox *mailbox,
                          uint64_t after)
{
    const mv_db_value in[] = {MV_MAILBOX_VALUES(mailbox), mv_db_number((int64_t)after),
                              mv_db_number(MV_LISTING_MAX + 1)};
    memset(out, 0, sizeof *out);
    return mv_archive_read_rows(archive,
                                "SELECT seq, hash, bytes FROM file WHERE epoch = $1 AND tag = $2 "
                                "AND seq > $3 ORDER BY seq LIMIT $4",
                                in, 4, take_entry, out);
}

static mv_status take_bytes(void *user, const mv_db_value *column, size_t count)
{
    (void)count;
    *(int64_t *)user = column[0].number;
    return MV_OK;
}

mv_status mv_archive_open_blob(int *fd, uint64_t *len, const mv_archive *a,
                               const uint8_t file[MV_FILE_HASH_LEN])
{
    mv_status st = MV_OK;
    struct stat info;
    mv_blob_name name;

    mv_hex_write(name, file, MV_FILE_HASH_LEN);
    *fd = openat(a->blobs_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    MV_ENSURE(*fd >= 0, mv_disk_status(errno));
    MV_ENSURE(fstat(*fd, &info) == 0 && S_ISREG(info.st_mode), MV_E_IO);
    *len = (uint64_t)info.st_size;
done:
    if (st != MV_OK) {
        close_fd(*fd);
        *fd = -1;
    }
    return st;
}

mv_status mv_archive_get(int *fd, uint64_t *len, mv_archive *archive, const mv_mailbox *mailbox,
                         const uint8_t file[MV_FILE_HASH_LEN])
{
    mv_status st = MV_OK;
    int64_t bytes = -1;
    const mv_db_value in[] = {MV_MAILBOX_VALUES(mailbox), mv_db_bytes(file, MV_FILE_HASH_LEN)};

    *fd = -1;
    *len = 0;
    MV_TRY(mv_archive_read_rows(
        archive, "SELECT bytes FROM file WHERE epoch = $1 AND tag = $2 AND hash = $3", in, 3,
        take_bytes, &bytes));
    MV_ENSURE(bytes >= 0, MV_E_NOT_FOUND);
    MV_TRY(mv_archive_open_blob(fd, len, archive, file));
done:
    return st;
}

static mv_status take_receipt(void *user, const mv_db_value *column, size_t count)
{
    (void)count;
    return mv_buffer_append(user, column[0].bytes, column[0].len);
}

mv_status mv_archive_receipt(mv_buffer *out, mv_archive *archive, const mv_mailbox *mailbox,
                             const uint8_t file[MV_FILE_HASH_LEN])
{
    mv_status st = MV_OK;
    const mv_db_value in[] = {MV_MAILBOX_VALUES(mailbox), mv_db_bytes(file, MV_FILE_HASH_LEN)};

    MV_TRY(mv_archive_read_rows(archive,
                                "SELECT body FROM receipt WHERE epoch = $1 AND tag = $2 "
                                "AND hash = $3",
                                in, 3, take_receipt, out));
    MV_ENSURE(out->len != 0, MV_E_NOT_FOUND);
done:
    return st;
}

static mv_status take_epoch(void *user, const mv_db_value *column, size_t count)
{
    mv_epochs *out = user;
    (void)count;
    out->waiting[out->count++] = (uint32_t)column[0].number;
    return MV_OK;
}

mv_status mv_archive_epochs(mv_epochs *out, mv_archive *archive)
{
    out->count = 0;
    return mv_archive_read_rows(
        archive, "SELECT DISTINCT epoch FROM file WHERE epoch <> 0 ORDER BY epoch LIMIT 64", NULL,
        0, take_epoch, out);
}

_Static_assert(MV_EPOCHS_MAX == 64, "the LIMIT above");

static mv_status take_counts(void *user, const mv_db_value *column, size_t count)
{
    mv_archive_stats *s = user;
    (void)count;
    s->files = (uint64_t)column[0].number;
    s->bytes = (uint64_t)column[1].number;
    s->uploads = (uint64_t)column[2].number;
    s->receipts = (uint64_t)column[3].number;
    return MV_OK;
}

mv_status mv_archive_count(mv_archive_stats *out, mv_archive *archive)
{
    memset(out, 0, sizeof *out);
    return mv_archive_read_rows(archive,
                                "SELECT (SELECT COUNT(*) FROM file), "
                                "(SELECT value FROM counter WHERE name = 'bytes'), "
                                "(SELECT COUNT(*) FROM upload), (SELECT COUNT(*) FROM receipt)",
                                NULL, 0, take_counts, out);
}

mv_status mv_archive_try_disk(mv_archive *archive)
{
    mv_status st = MV_OK;
    uint8_t random[8];
    char name[2 + 2 * sizeof random + 1] = "t-";
    int fd = -1;

    MV_TRY(mv_random_bytes(random, sizeof random));
    mv_hex_write(name + 2, random, sizeof random);
    MV_TRY(mv_disk_create(&fd, archive->incoming_fd, name, TRY_LEN));
    st = mv_disk_write(fd, random, sizeof random, TRY_LEN - sizeof random);
    (void)close(fd);
    mv_disk_remove(archive->incoming_fd, name);
done:
    return st;
}

/* ---- time ---- */

static mv_status set_counter(mv_db *db, const char *sql, int64_t value)
{
    const mv_db_value in[] = {mv_db_number(value)};
    return mv_db_run(db, sql, in, 1, NULL, NULL);
}

/* Counts the time since the last call of any relay on this store. */
static mv_status count_time(int64_t *served_s, mv_archive *a, int64_t now_s)
{
    mv_status st = MV_OK;
    int64_t clock_s = 0;

    MV_TRY(mv_db_get(&clock_s, a->writer, "SELECT value FROM counter WHERE name = 'clock_s'", NULL,
                     0, 0));
    int64_t passed = clock_s == 0 || now_s < clock_s ? 0 : now_s - clock_s;
    passed = passed > TICK_MAX_S ? TICK_MAX_S : passed;
    MV_TRY(set_counter(a->writer, "UPDATE counter SET value = value + $1 WHERE name = 'served_s'",
                       passed));
    MV_TRY(set_counter(a->writer, "UPDATE counter SET value = $1 WHERE name = 'clock_s'", now_s));
    MV_TRY(mv_db_get(served_s, a->writer, "SELECT value FROM counter WHERE name = 'served_s'", NULL,
                     0, 0));
done:
    return st;
}

typedef struct doomed {
    mv_change change[EXPIRE_BATCH];
    size_t count;
} doomed;

static mv_status take_doomed(void *user, const mv_db_value *column, size_t count)
{
    doomed *d = user;
    (void)count;
    mv_change *c = &d->change[d->count++];
    memset(c, 0, sizeof *c);
    c->kind = MV_CHANGE_REMOVE;
    c->mailbox.epoch = (uint32_t)column[0].number;
    memcpy(c->mailbox.tag, column[1].bytes, MV_TAG_LEN);
    memcpy(c->file, column[2].bytes, MV_FILE_HASH_LEN);
    return MV_OK;
}

/* Removes what sql names, a batch at a time; a file that went by itself meanwhile is as good. */
static mv_status remove_all(uint64_t *removed, mv_archive *a, const char *sql,
                            const mv_db_value *in)
{
    mv_status st = MV_OK;
    doomed *d = malloc(sizeof *d);

    *removed = 0;
    MV_ENSURE(d != NULL, MV_E_MEMORY);
    do {
        d->count = 0;
        MV_TRY(mv_archive_read_rows(a, sql, in, 1, take_doomed, d));
        for (size_t i = 0; i < d->count; i++) {
            const mv_status one = mv_archive_change(a, &d->change[i]);
            MV_ENSURE(one == MV_OK || one == MV_E_NOT_FOUND, one);
            *removed += one == MV_OK;
        }
    } while (d->count != 0);
done:
    free(d);
    return st;
}

mv_status mv_archive_tick(uint64_t *expired, mv_archive *archive, int64_t now_s)
{
    mv_status st = MV_OK;
    int64_t served_s = 0;

    *expired = 0;
    mv_archive_lock(archive);
    st = mv_db_begin(archive->writer);
    if (st == MV_OK) {
        st = count_time(&served_s, archive, now_s);
        st = st == MV_OK ? mv_db_commit(archive->writer) : st;
        if (st != MV_OK) {
            mv_db_rollback(archive->writer);
        }
    }
    if (st == MV_OK) {
        st = sweep_incoming(archive, now_s);
    }
    if (st == MV_OK) {
        st = sweep_rows(archive);
    }
    mv_archive_unlock(archive);
    MV_TRY(st);
    if (archive->limits.retention_s != 0) {
        const mv_db_value in[] = {mv_db_number(served_s - (int64_t)archive->limits.retention_s)};
        MV_TRY(remove_all(expired, archive,
                          "SELECT epoch, tag, hash FROM file "
                          "WHERE arrived_s < $1 AND epoch <> 0 LIMIT 500",
                          in));
        mv_archive_lock(archive);
        st = mv_db_run(archive->writer, "DELETE FROM receipt WHERE arrived_s < $1", in, 1, NULL,
                       NULL);
        mv_archive_unlock(archive);
    }
done:
    return st;
}

_Static_assert(EXPIRE_BATCH == 500, "the LIMIT above");

mv_status mv_archive_erase(uint64_t *count, mv_archive *archive,
                           const uint8_t file[MV_FILE_HASH_LEN])
{
    const mv_db_value in[] = {mv_db_bytes(file, MV_FILE_HASH_LEN)};
    return remove_all(count, archive, "SELECT epoch, tag, hash FROM file WHERE hash = $1 LIMIT 500",
                      in);
}

/* ---- copies ---- */

typedef struct blob_list {
    mv_buffer hashes;
} blob_list;

static mv_status take_hash(void *user, const mv_db_value *column, size_t count)
{
    blob_list *l = user;
    (void)count;
    return mv_buffer_append(&l->hashes, column[0].bytes, MV_FILE_HASH_LEN);
}

static mv_status copy_bytes(int to, int from, const uint8_t want[MV_FILE_HASH_LEN])
{
    mv_status st = MV_OK;
    uint8_t block[65536], hash[MV_FILE_HASH_LEN];
    uint64_t offset = 0;
    ssize_t got;
    crypto_generichash_state h;

    (void)crypto_generichash_init(&h, NULL, 0, sizeof hash);
    while ((got = read(from, block, sizeof block)) > 0) {
        (void)crypto_generichash_update(&h, block, (size_t)got);
        MV_TRY(mv_disk_write(to, block, (size_t)got, offset));
        offset += (uint64_t)got;
    }
    (void)crypto_generichash_final(&h, hash, sizeof hash);
    MV_ENSURE(got == 0, MV_E_IO);
    MV_ENSURE(memcmp(hash, want, sizeof hash) == 0, MV_E_AUTH);
    MV_TRY(mv_disk_flush(to));
done:
    return st;
}

/* MV_E_NOT_FOUND: it was removed since the rows were read. */
static mv_status copy_blob(mv_archive *to, const mv_archive *from,
                           const uint8_t hash[MV_FILE_HASH_LEN])
{
    mv_status st = MV_OK;
    int in = -1, out = -1;
    uint64_t len = 0;
    mv_blob_name name;

    mv_hex_write(name, hash, MV_FILE_HASH_LEN);
    MV_TRY(mv_archive_open_blob(&in, &len, from, hash));
    MV_TRY(mv_disk_create(&out, to->blobs_fd, name, len));
    MV_TRY(copy_bytes(out, in, hash));
done:
    close_fd(in);
    close_fd(out);
    return st;
}

static mv_status copy_blobs(mv_archive *to, const mv_archive *from, const mv_buffer *hashes,
                            uint64_t *files, mv_error *err)
{
    mv_status st = MV_OK;
    char name[MV_NAME_LEN + 1];
    uint64_t gone = 0;

    for (size_t at = 0; at < hashes->len; at += MV_FILE_HASH_LEN) {
        st = copy_blob(to, from, hashes->bytes + at);
        if (st == MV_E_NOT_FOUND) {
            MV_TRY(mv_archive_erase(&gone, to, hashes->bytes + at));
            continue;
        }
        mv_hex_write(name, hashes->bytes + at, MV_FILE_HASH_LEN);
        MV_REQUIRE(st == MV_OK, err, st, "cannot copy the file %s: %s", name,
                   mv_status_sentence(st));
        (*files)++;
    }
    MV_TRY(mv_disk_flush(to->blobs_fd));
done:
    return st;
}

static mv_status copy_rows(mv_archive *to, mv_archive *from, mv_error *err)
{
    mv_archive_lock(to);
    (void)pthread_mutex_lock(&from->read_mutex);
    const mv_status st = mv_db_copy(to->writer, from->reader);
    (void)pthread_mutex_unlock(&from->read_mutex);
    mv_archive_unlock(to);
    return st == MV_OK ? MV_OK
                       : mv_fail(err, st, "cannot copy the database: %s", mv_status_sentence(st));
}

static mv_status copy_galleries(mv_archive *to, mv_archive *from, uint64_t *files, mv_error *err)
{
    mv_status st = MV_OK;
    blob_list list = {mv_buffer_make(SIZE_MAX)};
    MV_TRY(mv_archive_read_rows(to, "SELECT DISTINCT hash FROM gallery_part", NULL, 0, take_hash,
                                &list));
    MV_TRY(copy_blobs(to, from, &list.hashes, files, err));
done:
    mv_buffer_clear(&list.hashes);
    return st;
}

mv_status mv_archive_copy(mv_archive *to, mv_archive *from, uint64_t *files, mv_error *err)
{
    mv_status st = MV_OK;
    blob_list list = {mv_buffer_make(SIZE_MAX)};
    mv_archive_stats have;

    *files = 0;
    MV_TRY(mv_archive_count(&have, to));
    MV_REQUIRE(have.files == 0 && have.receipts == 0, err, MV_E_EXISTS,
               "the store to copy into is not empty");
    mv_archive_lock(from); /* parts of galleries change in place: nobody writes meanwhile */
    st = copy_rows(to, from, err);
    st = st == MV_OK ? copy_galleries(to, from, files, err) : st;
    mv_archive_unlock(from);
    MV_TRY(st);
    MV_TRY(mv_archive_read_rows(to,
                                "SELECT hash FROM blob WHERE NOT EXISTS (SELECT 1 FROM "
                                "gallery_part WHERE gallery_part.hash = blob.hash)",
                                NULL, 0, take_hash, &list));
    MV_TRY(copy_blobs(to, from, &list.hashes, files, err));
done:
    mv_buffer_clear(&list.hashes);
    return st;
}
