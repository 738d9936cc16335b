/* SPDX-License-Identifier: Apache-2.0
 *
 * archive_gallery.c: galleries in the archive. A change writes its blobs first and flushes them;
 * then one transaction, under the archive's lock, makes the records, the parts and the charge.
 */
#include "store/archive_gallery.h"

#include "store/archive_internal.h"
#include "store/disk.h"

#include <string.h>
#include <unistd.h>

static mv_mailbox mailbox_of(const uint8_t name[MV_GALLERY_NAME_LEN])
{
    mv_mailbox m = {0};
    memcpy(m.tag, name, MV_TAG_LEN);
    return m;
}

/* ---- blobs ---- */

/* These bytes as an upload that is on disk and flushed; its descriptor is closed. */
static mv_status blob_new(mv_upload **out, mv_archive *a, const uint8_t *name, const uint8_t *bytes,
                          size_t len)
{
    mv_status st = MV_OK;
    uint8_t hash[MV_FILE_HASH_LEN];
    const mv_mailbox mailbox = mailbox_of(name);
    mv_upload *u = NULL;

    (void)crypto_generichash(hash, sizeof hash, bytes, len, NULL, 0);
    MV_TRY(mv_archive_begin(&u, a, &mailbox, hash, len));
    MV_TRY(mv_upload_write(u, bytes, len));
    MV_TRY(mv_upload_seal(u));
    MV_TRY(mv_disk_flush(u->fd));
    (void)close(u->fd);
    u->fd = -1;
    *out = u;
    u = NULL;
done:
    mv_upload_free(&u);
    return st;
}

/* ---- one transaction ---- */

typedef struct edit {
    mv_archive *a;
    const uint8_t *name;
    mv_buffer gone; /* hashes of blobs that lost their last reference */
} edit;

typedef mv_status (*edit_apply)(edit *e, const void *user);

/* Makes everything that apply does, or nothing of it. */
static mv_status edit_make(mv_archive *a, const uint8_t *name, edit_apply apply, const void *user)
{
    mv_status st = MV_OK;
    edit e = {a, name, mv_buffer_make(SIZE_MAX)};

    mv_archive_lock(a);
    MV_TRY(mv_db_begin(a->writer));
    st = apply(&e, user);
    st = st == MV_OK ? mv_disk_flush(a->blobs_fd) : st;
    st = st == MV_OK ? mv_db_commit(a->writer) : st;
    if (st != MV_OK) {
        mv_db_rollback(a->writer);
        goto done;
    }
    for (size_t at = 0; at < e.gone.len; at += MV_FILE_HASH_LEN) {
        mv_archive_unlink(a, e.gone.bytes + at);
    }
done:
    mv_archive_unlock(a);
    mv_buffer_clear(&e.gone);
    return st;
}

static mv_status charge(const edit *e, int64_t bytes)
{
    mv_status st = MV_OK;
    const mv_mailbox m = mailbox_of(e->name);
    const mv_db_value in[] = {MV_MAILBOX_VALUES(&m), mv_db_number(bytes)};
    MV_TRY(mv_db_run(e->a->writer,
                     "INSERT INTO mailbox (epoch, tag, next_seq, bytes) "
                     "VALUES ($1, $2, 1, 0) ON CONFLICT (epoch, tag) DO NOTHING",
                     in, 2, NULL, NULL));
    MV_TRY(mv_db_run(e->a->writer,
                     "UPDATE mailbox SET bytes = bytes + $3 WHERE epoch = $1 AND tag = $2", in, 3,
                     NULL, NULL));
done:
    return st;
}

typedef struct part_row {
    uint8_t hash[MV_FILE_HASH_LEN];
    int64_t number, bytes;
    bool there;
} part_row;

static mv_status take_part(void *user, const mv_db_value *column, size_t count)
{
    part_row *p = user;
    (void)count;
    memcpy(p->hash, column[0].bytes, MV_FILE_HASH_LEN);
    p->bytes = column[1].number;
    p->number = column[2].number;
    p->there = true;
    return MV_OK;
}

static mv_status drop_part(edit *e, int kind, uint64_t number)
{
    mv_status st = MV_OK;
    part_row old = {.there = false};
    bool gone = false;
    const mv_db_value in[] = {mv_db_bytes(e->name, MV_GALLERY_NAME_LEN), mv_db_number(kind),
                              mv_db_number((int64_t)number)};
    MV_TRY(mv_db_run(e->a->writer,
                     "SELECT hash, bytes, number FROM gallery_part "
                     "WHERE name = $1 AND kind = $2 AND number = $3",
                     in, 3, take_part, &old));
    if (!old.there) {
        goto done;
    }
    MV_TRY(mv_db_run(e->a->writer,
                     "DELETE FROM gallery_part WHERE name = $1 AND kind = $2 AND number = $3", in,
                     3, NULL, NULL));
    MV_TRY(mv_archive_release(e->a, old.hash, (uint64_t)old.bytes, &gone));
    MV_TRY(charge(e, -(int64_t)mv_archive_charge((uint64_t)old.bytes)));
    if (gone) {
        MV_TRY(mv_buffer_append(&e->gone, old.hash, sizeof old.hash));
    }
done:
    return st;
}

static mv_status put_part(edit *e, int kind, uint64_t number, mv_upload *u)
{
    mv_status st = MV_OK;
    const mv_db_value in[] = {mv_db_bytes(e->name, MV_GALLERY_NAME_LEN), mv_db_number(kind),
                              mv_db_number((int64_t)number), mv_db_bytes(u->file, MV_FILE_HASH_LEN),
                              mv_db_number((int64_t)u->len)};
    MV_TRY(drop_part(e, kind, number));
    MV_TRY(mv_archive_room(e->a, e->a->writer, &u->mailbox, u->len, u->reserved));
    MV_TRY(mv_archive_publish(e->a, u));
    MV_TRY(mv_db_run(e->a->writer,
                     "INSERT INTO gallery_part (name, kind, number, hash, bytes) "
                     "VALUES ($1, $2, $3, $4, $5)",
                     in, 5, NULL, NULL));
    MV_TRY(charge(e, (int64_t)mv_archive_charge(u->len)));
done:
    return st;
}

static mv_status count_records(int64_t *out, const edit *e)
{
    const mv_db_value in[] = {mv_db_bytes(e->name, MV_GALLERY_NAME_LEN)};
    return mv_db_get(out, e->a->writer, "SELECT COUNT(*) FROM gallery_record WHERE name = $1", in,
                     1, 0);
}

static mv_status add_records(const edit *e, int64_t first, const mv_gallery_change *c)
{
    mv_status st = MV_OK;
    for (size_t i = 0; i < c->records; i++) {
        const mv_db_value in[] = {
            mv_db_bytes(e->name, MV_GALLERY_NAME_LEN), mv_db_number(first + (int64_t)i),
            mv_db_bytes(c->record + i * MV_GALLERY_RECORD, MV_GALLERY_RECORD)};
        MV_TRY(mv_db_run(e->a->writer,
                         "INSERT INTO gallery_record (name, seq, body) VALUES ($1, $2, $3)", in, 3,
                         NULL, NULL));
    }
done:
    return st;
}

static mv_status set_version(const edit *e, const char *sql)
{
    const mv_db_value in[] = {mv_db_bytes(e->name, MV_GALLERY_NAME_LEN)};
    return mv_db_run(e->a->writer, sql, in, 1, NULL, NULL);
}

#define NEXT_VERSION "UPDATE gallery SET version = version + 1 WHERE name = $1"

/* ---- keys ---- */

typedef struct key_put {
    mv_archive_key which;
    const uint8_t *sender;
    mv_upload *blob;
} key_put;

static mv_status apply_key(edit *e, const void *user)
{
    static const uint8_t nobody[MV_GALLERY_NAME_LEN] = {0};
    mv_status st = MV_OK;
    const key_put *k = user;
    const mv_db_value in[] = {
        mv_db_bytes(e->name, MV_GALLERY_NAME_LEN),
        mv_db_bytes(k->sender == NULL ? nobody : k->sender, MV_GALLERY_NAME_LEN)};
    MV_TRY(mv_db_run(e->a->writer,
                     "INSERT INTO gallery (name, sender, blocks, version) VALUES ($1, $2, 0, 0) "
                     "ON CONFLICT (name) DO NOTHING",
                     in, 2, NULL, NULL));
    if (k->sender != NULL) {
        MV_TRY(mv_db_run(e->a->writer, "UPDATE gallery SET sender = $2 WHERE name = $1", in, 2,
                         NULL, NULL));
    }
    MV_TRY(set_version(e, NEXT_VERSION));
    MV_TRY(put_part(e, (int)k->which, 0, k->blob));
done:
    return st;
}

mv_status mv_archive_gallery_put(mv_archive *archive, const uint8_t name[MV_GALLERY_NAME_LEN],
                                 mv_archive_key which, const uint8_t *sender, const uint8_t *bytes,
                                 size_t len)
{
    mv_status st = MV_OK;
    key_put k = {which, sender, NULL};
    MV_TRY(blob_new(&k.blob, archive, name, bytes, len));
    MV_TRY(edit_make(archive, name, apply_key, &k));
done:
    mv_upload_free(&k.blob);
    return st;
}

/* ---- looking ---- */

static mv_status find_part(part_row *out, mv_archive *a, const uint8_t *name, int kind,
                           uint64_t number)
{
    mv_status st = MV_OK;
    const mv_db_value in[] = {mv_db_bytes(name, MV_GALLERY_NAME_LEN), mv_db_number(kind),
                              mv_db_number((int64_t)number)};
    out->there = false;
    MV_TRY(mv_archive_read_rows(a,
                                "SELECT hash, bytes, number FROM gallery_part "
                                "WHERE name = $1 AND kind = $2 AND number = $3",
                                in, 3, take_part, out));
    MV_ENSURE(out->there, MV_E_NOT_FOUND);
done:
    return st;
}

/* Up to cap bytes of a part. */
static mv_status read_part(uint8_t *out, size_t cap, size_t *len, mv_archive *a,
                           const uint8_t *name, int kind, uint64_t number)
{
    mv_status st = MV_OK;
    part_row row = {.there = false};
    int fd = -1;
    uint64_t size = 0;

    *len = 0;
    MV_TRY(find_part(&row, a, name, kind, number));
    MV_TRY(mv_archive_open_blob(&fd, &size, a, row.hash));
    MV_ENSURE(size <= cap, MV_E_LIMIT);
    while (*len < size) {
        const ssize_t got = pread(fd, out + *len, (size_t)size - *len, (off_t)*len);
        MV_ENSURE(got > 0, MV_E_IO);
        *len += (size_t)got;
    }
done:
    if (fd >= 0) {
        (void)close(fd);
    }
    return st;
}

mv_status mv_archive_gallery_keys(mv_buffer *out, mv_archive *archive,
                                  const uint8_t name[MV_GALLERY_NAME_LEN], mv_archive_key which)
{
    mv_status st = MV_OK;
    part_row row = {.there = false};
    size_t len = 0;
    MV_TRY(find_part(&row, archive, name, (int)which, 0));
    MV_TRY(mv_buffer_append_zeros(out, (size_t)row.bytes));
    MV_TRY(read_part(out->bytes, out->len, &len, archive, name, (int)which, 0));
    MV_ENSURE(len == out->len, MV_E_FORMAT);
done:
    return st;
}

typedef struct gallery_row_of {
    uint8_t sender[MV_GALLERY_NAME_LEN];
    int64_t blocks, version;
    bool there;
} gallery_row_of;

static mv_status take_gallery(void *user, const mv_db_value *column, size_t count)
{
    gallery_row_of *g = user;
    (void)count;
    memcpy(g->sender, column[0].bytes, MV_GALLERY_NAME_LEN);
    g->blocks = column[1].number;
    g->version = column[2].number;
    g->there = true;
    return MV_OK;
}

static mv_status find_gallery(gallery_row_of *out, mv_archive *a, const uint8_t *name)
{
    mv_status st = MV_OK;
    const mv_db_value in[] = {mv_db_bytes(name, MV_GALLERY_NAME_LEN)};
    out->there = false;
    MV_TRY(mv_archive_read_rows(a, "SELECT sender, blocks, version FROM gallery WHERE name = $1",
                                in, 1, take_gallery, out));
    MV_ENSURE(out->there, MV_E_NOT_FOUND);
done:
    return st;
}

mv_status mv_archive_gallery_sender(uint8_t sender[MV_GALLERY_NAME_LEN], mv_archive *archive,
                                    const uint8_t name[MV_GALLERY_NAME_LEN])
{
    gallery_row_of g;
    const mv_status st = find_gallery(&g, archive, name);
    if (st == MV_OK) {
        memcpy(sender, g.sender, MV_GALLERY_NAME_LEN);
    }
    return st;
}

mv_status mv_archive_gallery_version(int64_t *version, mv_archive *archive,
                                     const uint8_t name[MV_GALLERY_NAME_LEN])
{
    gallery_row_of g;
    const mv_status st = find_gallery(&g, archive, name);
    *version = st == MV_OK ? g.version : -1;
    return st == MV_E_NOT_FOUND ? MV_OK : st;
}

static mv_status take_record(void *user, const mv_db_value *column, size_t count)
{
    (void)count;
    return column[0].len == MV_GALLERY_RECORD
               ? mv_buffer_append(user, column[0].bytes, MV_GALLERY_RECORD)
               : MV_E_FORMAT;
}

mv_status mv_archive_gallery_records(mv_buffer *out, mv_archive *archive,
                                     const uint8_t name[MV_GALLERY_NAME_LEN], uint64_t after,
                                     uint64_t count)
{
    const mv_db_value in[] = {mv_db_bytes(name, MV_GALLERY_NAME_LEN), mv_db_number((int64_t)after),
                              mv_db_number((int64_t)(after + count))};
    return mv_archive_read_rows(archive,
                                "SELECT body FROM gallery_record "
                                "WHERE name = $1 AND seq >= $2 AND seq < $3 ORDER BY seq",
                                in, 3, take_record, out);
}

mv_status mv_archive_gallery_part(int *fd, uint64_t *len, mv_archive *archive,
                                  const uint8_t name[MV_GALLERY_NAME_LEN], uint64_t index)
{
    mv_status st = MV_OK;
    part_row row = {.there = false};
    const mv_db_value in[] = {mv_db_bytes(name, MV_GALLERY_NAME_LEN), mv_db_number((int64_t)index)};
    *fd = -1;
    MV_TRY(mv_archive_read_rows(archive,
                                "SELECT hash, bytes, number FROM gallery_part "
                                "WHERE name = $1 AND kind IN (1, 2) "
                                "ORDER BY kind DESC, number LIMIT 1 OFFSET $2",
                                in, 2, take_part, &row));
    MV_ENSURE(row.there, MV_E_NOT_FOUND);
    MV_TRY(mv_archive_open_blob(fd, len, archive, row.hash));
done:
    return st;
}

/* ---- a gallery's store ---- */

typedef struct store {
    mv_archive *a;
    uint8_t name[MV_GALLERY_NAME_LEN];
    int64_t version; /* when it was loaded or changed through here */
} store;

static mv_status said(mv_error *err, mv_status st, const char *what)
{
    return st == MV_OK ? MV_OK : mv_fail(err, st, "%s: %s", what, mv_status_sentence(st));
}

static mv_status store_keys(void *self, mv_buffer *out, mv_error *err)
{
    store *s = self;
    return said(err, mv_archive_gallery_keys(out, s->a, s->name, MV_ARCHIVE_SEARCH_KEYS),
                "the gallery's keys cannot be read");
}

static mv_status store_load(void *self, mv_buffer *records, size_t *blocks, mv_error *err)
{
    mv_status st = MV_OK;
    store *s = self;
    gallery_row_of g = {.there = false};
    MV_TRY(find_gallery(&g, s->a, s->name));
    s->version = g.version;
    *blocks = (size_t)g.blocks;
    MV_TRY(mv_archive_gallery_records(records, s->a, s->name, 0, INT32_MAX));
done:
    return said(err, st, "the gallery's rows cannot be read");
}

typedef struct store_edit {
    store *s;
    const mv_gallery_change *change;
    mv_upload *blob;
    size_t block, first, groups; /* of a finished block */
} store_edit;

static mv_status is_current(const edit *e, const store *s)
{
    mv_status st = MV_OK;
    int64_t version = -1;
    const mv_db_value in[] = {mv_db_bytes(e->name, MV_GALLERY_NAME_LEN)};
    MV_TRY(mv_db_get(&version, e->a->writer, "SELECT version FROM gallery WHERE name = $1", in, 1,
                     -1));
    MV_ENSURE(version == s->version, MV_E_BUSY);
done:
    return st;
}

static mv_status apply_change(edit *e, const void *user)
{
    mv_status st = MV_OK;
    const store_edit *c = user;
    int64_t records = 0;
    MV_TRY(is_current(e, c->s));
    MV_TRY(count_records(&records, e));
    MV_TRY(add_records(e, records, c->change));
    if (c->blob != NULL) {
        MV_TRY(put_part(e, MV_GALLERY_GROUP, c->change->group, c->blob));
    }
    MV_TRY(set_version(e, NEXT_VERSION));
done:
    return st;
}

static mv_status store_change(void *self, const mv_gallery_change *change, mv_error *err)
{
    mv_status st = MV_OK;
    store *s = self;
    store_edit c = {.s = s, .change = change};
    if (change->part != NULL) {
        MV_TRY(blob_new(&c.blob, s->a, s->name, change->part, change->part_len));
    }
    MV_TRY(edit_make(s->a, s->name, apply_change, &c));
    s->version++;
done:
    mv_upload_free(&c.blob);
    return said(err, st, "the change was not stored");
}

static mv_status store_read(void *self, mv_gallery_part part, size_t number, uint8_t *out,
                            size_t cap, size_t *len, mv_error *err)
{
    store *s = self;
    return said(err, read_part(out, cap, len, s->a, s->name, (int)part, number),
                "a part of the gallery cannot be read");
}

static mv_status apply_finish(edit *e, const void *user)
{
    mv_status st = MV_OK;
    const store_edit *c = user;
    MV_TRY(is_current(e, c->s));
    for (size_t i = 0; i < c->groups; i++) {
        MV_TRY(drop_part(e, MV_GALLERY_GROUP, c->first + i));
    }
    MV_TRY(put_part(e, MV_GALLERY_BLOCK, c->block, c->blob));
    MV_TRY(set_version(e, "UPDATE gallery SET version = version + 1, blocks = blocks + 1 "
                          "WHERE name = $1"));
done:
    return st;
}

static mv_status store_finish(void *self, size_t block, const uint8_t *bytes, size_t len,
                              size_t first, size_t groups, mv_error *err)
{
    mv_status st = MV_OK;
    store *s = self;
    store_edit c = {.s = s, .block = block, .first = first, .groups = groups};
    MV_TRY(blob_new(&c.blob, s->a, s->name, bytes, len));
    MV_TRY(edit_make(s->a, s->name, apply_finish, &c));
    s->version++;
done:
    mv_upload_free(&c.blob);
    return said(err, st, "a block was not stored");
}

static const mv_gallery_store_ops ops = {store_keys, store_load,   store_change,
                                         store_read, store_finish, free};

mv_status mv_archive_gallery_open(mv_gallery **out, mv_archive *archive,
                                  const uint8_t name[MV_GALLERY_NAME_LEN], mv_error *err)
{
    mv_status st = MV_OK;
    part_row keys = {.there = false};
    store *s = NULL;
    *out = NULL;
    MV_TRY(find_part(&keys, archive, name, MV_ARCHIVE_SEARCH_KEYS, 0));
    s = calloc(1, sizeof *s);
    MV_ENSURE(s != NULL, MV_E_MEMORY);
    s->a = archive;
    memcpy(s->name, name, MV_GALLERY_NAME_LEN);
    MV_TRY(mv_gallery_open_store(out, &ops, s, err));
done:
    return st;
}

/* ---- all anew ---- */

/* A group of the replacement: its blob is on disk, its records are in memory. */
typedef struct new_group {
    mv_upload *blob;
    mv_buffer records;
    size_t number;
} new_group;

typedef struct replacement {
    int64_t records;
    new_group *group;
    size_t count;
} replacement;

static mv_status take_number(void *user, const mv_db_value *column, size_t count)
{
    mv_status st = mv_buffer_put_u64le(user, (uint64_t)column[0].number);
    (void)count;
    return st == MV_OK ? mv_buffer_put_u64le(user, (uint64_t)column[1].number) : st;
}

static mv_status drop_rows(edit *e)
{
    mv_status st = MV_OK;
    mv_buffer parts = mv_buffer_make(SIZE_MAX);
    const mv_db_value in[] = {mv_db_bytes(e->name, MV_GALLERY_NAME_LEN)};
    MV_TRY(mv_db_run(e->a->writer,
                     "SELECT kind, number FROM gallery_part WHERE name = $1 AND kind IN (1, 2)", in,
                     1, take_number, &parts));
    for (size_t at = 0; at < parts.len; at += 16) {
        MV_TRY(drop_part(e, (int)mv_load_u64le(parts.bytes + at),
                         mv_load_u64le(parts.bytes + at + 8)));
    }
    MV_TRY(
        mv_db_run(e->a->writer, "DELETE FROM gallery_record WHERE name = $1", in, 1, NULL, NULL));
done:
    mv_buffer_clear(&parts);
    return st;
}

static mv_status apply_replace(edit *e, const void *user)
{
    mv_status st = MV_OK;
    const replacement *r = user;
    int64_t records = 0;
    MV_TRY(count_records(&records, e));
    MV_ENSURE(records == r->records, MV_E_MISMATCH);
    MV_TRY(drop_rows(e));
    records = 0;
    for (size_t i = 0; i < r->count; i++) {
        const new_group *n = &r->group[i];
        const mv_gallery_change c = {.record = n->records.bytes,
                                     .records = n->records.len / MV_GALLERY_RECORD};
        MV_TRY(add_records(e, records, &c));
        MV_TRY(put_part(e, MV_GALLERY_GROUP, n->number, n->blob));
        records += (int64_t)c.records;
    }
    MV_TRY(set_version(e, "UPDATE gallery SET version = version + 1, blocks = 0 WHERE name = $1"));
done:
    return st;
}

static mv_status replacement_add(replacement *r, mv_archive *a, const uint8_t *name,
                                 const mv_gallery_change *c)
{
    mv_status st = MV_OK;
    if (r->count % 64 == 0) {
        new_group *more = realloc(r->group, (r->count + 64) * sizeof *more);
        MV_ENSURE(more != NULL, MV_E_MEMORY);
        r->group = more;
    }
    new_group *n = &r->group[r->count++];
    *n = (new_group){NULL, mv_buffer_make(SIZE_MAX), c->group};
    MV_TRY(mv_buffer_append(&n->records, c->record, c->records * MV_GALLERY_RECORD));
    MV_TRY(blob_new(&n->blob, a, name, c->part, c->part_len));
done:
    return st;
}

mv_status mv_archive_gallery_replace(mv_archive *archive, const uint8_t name[MV_GALLERY_NAME_LEN],
                                     uint64_t records, mv_archive_next_group next, void *user)
{
    mv_status st = MV_OK;
    replacement r = {.records = (int64_t)records};
    mv_gallery_change change;
    for (bool more = true; more;) {
        MV_TRY(next(user, &change, &more));
        if (more) {
            MV_TRY(replacement_add(&r, archive, name, &change));
        }
    }
    MV_TRY(edit_make(archive, name, apply_replace, &r));
done:
    for (size_t i = 0; i < r.count; i++) {
        mv_upload_free(&r.group[i].blob);
        mv_buffer_clear(&r.group[i].records);
    }
    free(r.group);
    return st;
}

/* ---- questions ---- */

typedef struct question {
    const uint8_t *about;
    uint64_t limit;
} question;

static mv_status apply_ask(edit *e, const void *user)
{
    mv_status st = MV_OK;
    const question *q = user;
    int64_t asked = 0;
    const mv_db_value in[] = {mv_db_bytes(e->name, MV_GALLERY_NAME_LEN),
                              mv_db_bytes(q->about, MV_GALLERY_NAME_LEN)};
    MV_TRY(mv_db_run(e->a->writer,
                     "INSERT INTO gallery_asked (name, about, questions) VALUES ($1, $2, 0) "
                     "ON CONFLICT (name, about) DO NOTHING",
                     in, 2, NULL, NULL));
    MV_TRY(mv_db_get(&asked, e->a->writer,
                     "SELECT questions FROM gallery_asked WHERE name = $1 AND about = $2", in, 2,
                     0));
    MV_ENSURE(q->limit == 0 || (uint64_t)asked < q->limit, MV_E_POLICY);
    MV_TRY(mv_db_run(e->a->writer,
                     "UPDATE gallery_asked SET questions = questions + 1 "
                     "WHERE name = $1 AND about = $2",
                     in, 2, NULL, NULL));
done:
    return st;
}

mv_status mv_archive_gallery_ask(mv_archive *archive, const uint8_t name[MV_GALLERY_NAME_LEN],
                                 const uint8_t about[MV_GALLERY_NAME_LEN], uint64_t limit)
{
    const question q = {about, limit};
    return edit_make(archive, name, apply_ask, &q);
}
