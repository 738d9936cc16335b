/* SPDX-License-Identifier: Apache-2.0
 *
 * archive_upload.c: bytes on their way in: in one piece, or in parts whose whole blocks are noted
 * in a list beside them ({upload}.have: records of first and end, u64 le each, appended). Neither
 * bytes nor list are flushed before the end: after a cut of the power the hash decides whether all
 * is there.
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

enum { RECORD = 16 };

mv_status mv_archive_room(mv_archive *archive, mv_db *db, const mv_mailbox *mailbox, uint64_t len,
                          bool reserved)
{
    mv_status st = MV_OK;
    int64_t box = 0, all = 0;
    const uint64_t charge = mv_archive_charge(len);
    const mv_db_value in[] = {MV_MAILBOX_VALUES(mailbox)};

    MV_TRY(
        mv_db_get(&box, db, "SELECT bytes FROM mailbox WHERE epoch = $1 AND tag = $2", in, 2, 0));
    MV_TRY(mv_db_get(&all, db,
                     "SELECT CAST((SELECT value FROM counter WHERE name = 'bytes') + "
                     "(SELECT COALESCE(SUM(bytes), 0) FROM upload) + "
                     "(SELECT COALESCE(SUM(bytes), 0) FROM stream) AS BIGINT)",
                     NULL, 0, 0));
    (void)pthread_mutex_lock(&archive->room_mutex);
    all += (int64_t)archive->incoming_bytes - (reserved ? (int64_t)charge : 0);
    (void)pthread_mutex_unlock(&archive->room_mutex);
    MV_ENSURE((uint64_t)box + charge <= archive->limits.mailbox_bytes &&
                  (uint64_t)all + charge <= archive->limits.store_bytes,
              MV_E_POLICY);
done:
    return st;
}

/* Whether this mailbox has the file, and else room for it. */
static mv_status admit(mv_archive *a, const mv_mailbox *mailbox,
                       const uint8_t file[MV_FILE_HASH_LEN], uint64_t len)
{
    mv_status st = MV_OK;
    int64_t there = 0;
    const mv_db_value in[] = {MV_MAILBOX_VALUES(mailbox), mv_db_bytes(file, MV_FILE_HASH_LEN)};

    if (len > a->limits.file_bytes) {
        return MV_E_LIMIT;
    }
    (void)pthread_mutex_lock(&a->read_mutex);
    st = mv_db_get(&there, a->reader,
                   "SELECT 1 FROM file WHERE epoch = $1 AND tag = $2 AND hash = $3", in, 3, 0);
    if (st == MV_OK) {
        st = there != 0 ? MV_E_EXISTS : mv_archive_room(a, a->reader, mailbox, len, false);
    }
    (void)pthread_mutex_unlock(&a->read_mutex);
    return st;
}

/* ---- in one piece ---- */

static void reserve(mv_upload *u, bool take)
{
    const uint64_t charge = mv_archive_charge(u->len);
    (void)pthread_mutex_lock(&u->archive->room_mutex);
    if (take) {
        u->archive->incoming_bytes += charge;
    } else {
        u->archive->incoming_bytes -= charge;
    }
    (void)pthread_mutex_unlock(&u->archive->room_mutex);
    u->reserved = take;
}

static mv_upload *new_upload(mv_archive *a, const mv_mailbox *mailbox,
                             const uint8_t file[MV_FILE_HASH_LEN], uint64_t len)
{
    mv_upload *u = calloc(1, sizeof *u);
    if (u != NULL) {
        u->archive = a;
        u->fd = -1;
        u->len = len;
        u->mailbox = *mailbox;
        memcpy(u->file, file, MV_FILE_HASH_LEN);
        (void)crypto_generichash_init(&u->hash, NULL, 0, MV_FILE_HASH_LEN);
    }
    return u;
}

mv_status mv_archive_begin(mv_upload **out, mv_archive *archive, const mv_mailbox *mailbox,
                           const uint8_t file[MV_FILE_HASH_LEN], uint64_t len)
{
    mv_status st = MV_OK;
    uint8_t random[16];
    mv_upload *u = new_upload(archive, mailbox, file, len);

    *out = NULL;
    MV_ENSURE(u != NULL, MV_E_MEMORY);
    MV_TRY(admit(archive, mailbox, file, len));
    reserve(u, true);
    MV_TRY(mv_random_bytes(random, sizeof random));
    memcpy(u->temporary, "t-", 2);
    mv_hex_write(u->temporary + 2, random, sizeof random);
    MV_TRY(mv_disk_create(&u->fd, archive->incoming_fd, u->temporary, len));
    u->temporary_exists = true;
    *out = u;
    u = NULL;
done:
    mv_upload_free(&u);
    return st;
}

mv_status mv_upload_write(mv_upload *u, const uint8_t *bytes, size_t len)
{
    mv_status st = MV_OK;
    MV_ENSURE(len <= u->len - u->written, MV_E_RANGE);
    (void)crypto_generichash_update(&u->hash, bytes, len);
    MV_TRY(mv_disk_write(u->fd, bytes, len, u->written));
    u->written += len;
done:
    return st;
}

mv_status mv_upload_seal(mv_upload *u)
{
    mv_status st = MV_OK;
    uint8_t hash[MV_FILE_HASH_LEN];

    MV_ENSURE(u->written == u->len, MV_E_TRUNCATED);
    (void)crypto_generichash_final(&u->hash, hash, sizeof hash);
    MV_ENSURE(memcmp(hash, u->file, sizeof hash) == 0, MV_E_AUTH);
done:
    return st;
}

void mv_upload_free(mv_upload **upload)
{
    mv_upload *u = *upload;
    if (u == NULL) {
        return;
    }
    if (u->fd >= 0) {
        (void)close(u->fd);
    }
    if (u->temporary_exists && !u->in_parts) {
        mv_disk_remove(u->archive->incoming_fd, u->temporary);
    }
    if (u->reserved) {
        reserve(u, false);
    }
    free(u);
    *upload = NULL;
}

/* ---- in parts ---- */

struct mv_part {
    mv_archive *archive;
    uint64_t first, len, written, file_len;
    int fd, have_fd;
};

typedef struct session {
    mv_mailbox mailbox;
    uint8_t file[MV_FILE_HASH_LEN];
    uint64_t len; /* 0: there is none */
} session;

void mv_upload_names(mv_blob_name bytes, mv_blob_name have, const uint8_t id[MV_UPLOAD_ID_LEN])
{
    mv_hex_write(bytes, id, MV_UPLOAD_ID_LEN);
    (void)snprintf(have, sizeof(mv_blob_name), "%.64s.have", bytes);
}

/* The row and the two empty files of an upload, or none of them; store locked. */
static mv_status make_session(mv_archive *a, const uint8_t id[MV_UPLOAD_ID_LEN],
                              const mv_mailbox *mailbox, const mv_offer *offer)
{
    mv_status st = MV_OK;
    mv_blob_name bytes, have;
    int fd = -1, have_fd = -1;
    const mv_db_value in[] = {mv_db_bytes(id, MV_UPLOAD_ID_LEN), MV_MAILBOX_VALUES(mailbox),
                              mv_db_bytes(offer->file, MV_FILE_HASH_LEN),
                              mv_db_number((int64_t)offer->len)};

    mv_upload_names(bytes, have, id);
    MV_TRY(mv_disk_create(&fd, a->incoming_fd, bytes, offer->len));
    MV_TRY(mv_disk_create(&have_fd, a->incoming_fd, have, 0));
    MV_TRY(mv_db_run(a->writer,
                     "INSERT INTO upload (id, epoch, tag, hash, bytes, arrived_s) "
                     "VALUES ($1, $2, $3, $4, $5, 0)",
                     in, 5, NULL, NULL));
done:
    if (fd >= 0) {
        (void)close(fd);
    }
    if (have_fd >= 0) {
        (void)close(have_fd);
    }
    if (st != MV_OK) {
        mv_disk_remove(a->incoming_fd, bytes);
        mv_disk_remove(a->incoming_fd, have);
    }
    return st;
}

mv_status mv_archive_offer(mv_ticket *out, mv_archive *archive, const mv_mailbox *mailbox,
                           const mv_offer *offer)
{
    mv_status st = MV_OK;

    memset(out, 0, sizeof *out);
    st = admit(archive, mailbox, offer->file, offer->len);
    if (st == MV_E_EXISTS) {
        out->present = true;
        return MV_OK;
    }
    MV_TRY(st);
    MV_TRY(mv_random_bytes(out->upload, sizeof out->upload));
    mv_archive_lock(archive);
    st = make_session(archive, out->upload, mailbox, offer);
    mv_archive_unlock(archive);
done:
    return st;
}

static mv_status take_session(void *user, const mv_db_value *column, size_t count)
{
    session *s = user;
    (void)count;
    s->mailbox.epoch = (uint32_t)column[0].number;
    memcpy(s->mailbox.tag, column[1].bytes, MV_TAG_LEN);
    memcpy(s->file, column[2].bytes, MV_FILE_HASH_LEN);
    s->len = (uint64_t)column[3].number;
    return MV_OK;
}

static mv_status find_session(session *out, mv_archive *a, const uint8_t id[MV_UPLOAD_ID_LEN])
{
    const mv_db_value in[] = {mv_db_bytes(id, MV_UPLOAD_ID_LEN)};
    memset(out, 0, sizeof *out);
    (void)pthread_mutex_lock(&a->read_mutex);
    const mv_status st = mv_db_run(a->reader,
                                   "SELECT epoch, tag, hash, bytes FROM upload "
                                   "WHERE id = $1",
                                   in, 1, take_session, out);
    (void)pthread_mutex_unlock(&a->read_mutex);
    return st == MV_OK && out->len == 0 ? MV_E_NOT_FOUND : st;
}

static mv_status open_existing(int *fd, const mv_archive *a, const char *name, int flags)
{
    *fd = openat(a->incoming_fd, name, flags | O_CLOEXEC | O_NOFOLLOW);
    return *fd >= 0 ? MV_OK : mv_disk_status(errno);
}

mv_status mv_archive_part(mv_part **out, mv_archive *archive,
                          const uint8_t upload[MV_UPLOAD_ID_LEN], uint64_t offset, uint64_t len)
{
    mv_status st = MV_OK;
    session s;
    mv_blob_name bytes, have;
    mv_part *p = calloc(1, sizeof *p);

    *out = NULL;
    MV_ENSURE(p != NULL, MV_E_MEMORY);
    p->fd = p->have_fd = -1;
    MV_TRY(find_session(&s, archive, upload));
    MV_ENSURE(offset < s.len && len <= s.len - offset, MV_E_RANGE);
    MV_ENSURE(offset % MV_BLOCK_LEN == 0 && (len % MV_BLOCK_LEN == 0 || offset + len == s.len),
              MV_E_FORMAT);
    p->archive = archive;
    p->first = offset;
    p->len = len;
    p->file_len = s.len;
    mv_upload_names(bytes, have, upload);
    MV_TRY(open_existing(&p->fd, archive, bytes, O_WRONLY));
    MV_TRY(open_existing(&p->have_fd, archive, have, O_WRONLY | O_APPEND));
    *out = p;
    p = NULL;
done:
    if (p != NULL) {
        (void)mv_part_end(&p);
    }
    return st;
}

mv_status mv_archive_part_of(mv_part **out, mv_archive *archive, int fd, uint64_t offset,
                             uint64_t len)
{
    mv_part *p = calloc(1, sizeof *p);
    *out = p;
    if (p == NULL) {
        (void)close(fd);
        return MV_E_MEMORY;
    }
    *p = (mv_part){.archive = archive,
                   .first = offset,
                   .len = len,
                   .file_len = offset + len,
                   .fd = fd,
                   .have_fd = -1};
    return MV_OK;
}

mv_status mv_part_write(mv_part *part, const uint8_t *bytes, size_t len)
{
    mv_status st = MV_OK;
    MV_ENSURE(len <= part->len - part->written, MV_E_RANGE);
    const uint64_t at = part->first + part->written;
    MV_TRY(mv_disk_write_open(part->fd, bytes, len, at));
    part->written += len;
done:
    return st;
}

mv_status mv_part_end(mv_part **part)
{
    mv_part *p = *part;
    mv_status st = p->written == p->len ? MV_OK : MV_E_TRUNCATED;
    uint8_t record[RECORD];
    uint64_t end = p->first + p->written;

    if (end != p->file_len) {
        end -= end % MV_BLOCK_LEN;
    }
    if (p->have_fd >= 0 && end > p->first) {
        mv_store_u64le(record, p->first);
        mv_store_u64le(record + 8, end);
        const mv_status noted = mv_disk_append(p->have_fd, record, sizeof record);
        st = noted == MV_OK ? st : noted;
    }
    if (p->fd >= 0) {
        (void)close(p->fd);
    }
    if (p->have_fd >= 0) {
        (void)close(p->have_fd);
    }
    free(p);
    *part = NULL;
    return st;
}

mv_status mv_archive_have_all(mv_archive *archive, const uint8_t id[MV_UPLOAD_ID_LEN], uint64_t len)
{
    mv_status st = MV_OK;
    mv_blob_name bytes, have;
    uint8_t record[RECORD];
    int fd = -1;

    mv_upload_names(bytes, have, id);
    mv_store_u64le(record, 0);
    mv_store_u64le(record + 8, len);
    MV_TRY(mv_disk_create(&fd, archive->incoming_fd, have, 0));
    MV_TRY(mv_disk_append(fd, record, sizeof record));
done:
    if (fd >= 0) {
        (void)close(fd);
    }
    return st;
}

/* The list beside the bytes; a record cut off by a crash, or one that cannot be, ends it. */
static mv_status read_runs(mv_runs *out, const mv_archive *a, const uint8_t id[MV_UPLOAD_ID_LEN],
                           uint64_t len)
{
    mv_status st = MV_OK;
    mv_blob_name bytes, have;
    uint8_t record[RECORD];
    int fd = -1;

    out->count = 0;
    out->len = len;
    mv_upload_names(bytes, have, id);
    MV_TRY(open_existing(&fd, a, have, O_RDONLY));
    while (read(fd, record, sizeof record) == (ssize_t)sizeof record) {
        const uint64_t first = mv_load_u64le(record), end = mv_load_u64le(record + 8);
        if (first >= end || end > len) {
            break;
        }
        MV_ENSURE(mv_runs_add(out, first, end), MV_E_LIMIT);
    }
done:
    if (fd >= 0) {
        (void)close(fd);
    }
    return st;
}

mv_status mv_archive_runs(mv_runs *out, mv_archive *archive, const uint8_t upload[MV_UPLOAD_ID_LEN])
{
    mv_status st = MV_OK;
    session s;
    out->count = 0;
    MV_TRY(find_session(&s, archive, upload));
    MV_TRY(read_runs(out, archive, upload, s.len));
done:
    return st;
}

mv_status mv_archive_forget(mv_archive *archive, const uint8_t id[MV_UPLOAD_ID_LEN])
{
    mv_blob_name bytes, have;
    const mv_db_value in[] = {mv_db_bytes(id, MV_UPLOAD_ID_LEN)};
    mv_upload_names(bytes, have, id);
    mv_disk_remove(archive->incoming_fd, bytes);
    mv_disk_remove(archive->incoming_fd, have);
    return mv_db_run(archive->writer, "DELETE FROM upload WHERE id = $1", in, 1, NULL, NULL);
}

mv_status mv_archive_cancel(mv_archive *archive, const uint8_t upload[MV_UPLOAD_ID_LEN])
{
    session s;
    mv_status st = find_session(&s, archive, upload);
    if (st == MV_OK) {
        mv_archive_lock(archive);
        st = mv_archive_forget(archive, upload);
        mv_archive_unlock(archive);
    }
    return st;
}

/* Hashes the first u->len bytes of the file. */
static mv_status hash_all(mv_upload *u)
{
    uint8_t block[65536];
    while (u->written < u->len) {
        const uint64_t left = u->len - u->written;
        const ssize_t got = pread(u->fd, block, left < sizeof block ? (size_t)left : sizeof block,
                                  (off_t)u->written);
        if (got <= 0) {
            return got == 0 ? MV_E_AUTH : MV_E_IO; /* shorter than its list: the power was cut */
        }
        (void)crypto_generichash_update(&u->hash, block, (size_t)got);
        u->written += (uint64_t)got;
    }
    return mv_upload_seal(u);
}

static mv_status all_there(const mv_archive *a, const uint8_t id[MV_UPLOAD_ID_LEN], uint64_t len)
{
    mv_runs *runs = malloc(sizeof *runs);
    mv_status st = runs == NULL ? MV_E_MEMORY : read_runs(runs, a, id, len);
    if (st == MV_OK && !mv_runs_whole(runs)) {
        st = MV_E_TRUNCATED;
    }
    free(runs);
    return st;
}

mv_status mv_archive_gathered(mv_upload **out, mv_archive *archive,
                              const uint8_t id[MV_UPLOAD_ID_LEN])
{
    mv_status st = MV_OK;
    session s;
    mv_blob_name have;
    mv_upload *u = NULL;

    *out = NULL;
    MV_TRY(find_session(&s, archive, id));
    MV_TRY(all_there(archive, id, s.len));
    u = new_upload(archive, &s.mailbox, s.file, s.len);
    MV_ENSURE(u != NULL, MV_E_MEMORY);
    u->in_parts = true;
    memcpy(u->id, id, MV_UPLOAD_ID_LEN);
    mv_upload_names(u->temporary, have, id);
    MV_TRY(open_existing(&u->fd, archive, u->temporary, O_RDONLY));
    MV_TRY(mv_disk_close_writes(u->fd)); /* else a part still open could change it afterwards */
    st = hash_all(u);
    if (st == MV_E_AUTH) {
        (void)!mv_archive_cancel(archive, id);
    }
    MV_TRY(st);
    *out = u;
    u = NULL;
done:
    mv_upload_free(&u);
    return st;
}
