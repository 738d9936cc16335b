/* SPDX-License-Identifier: Apache-2.0
 *
 * gallery.c: the keeper's side: taking rows in, and scanning them.
 *
 * Writers hold the lock alone. A scan first makes the unfinished block ready, as a writer, and then
 * reads beside other scans; so it sees all rows of one moment.
 */
#include "analysis/gallery_internal.h"

#include "base/file.h"
#include "base/pool.h"
#include "he/params.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Making and opening ---- */

mv_status mv_search_server_check(const uint8_t *server_keys, size_t len)
{
    mv_search_owner owner;
    mv_reader r = mv_reader_make(server_keys, len);
    return len == mv_search_message_sizes().server_keys
               ? mv_search_header_read(&r, MV_SEARCH_SERVER, &owner, NULL)
               : MV_E_FORMAT;
}

mv_status mv_gallery_create(const char *folder, const uint8_t *server_keys, size_t len,
                            mv_error *err)
{
    mv_status st = MV_OK;
    char path[4096];
    MV_ENSURE(folder != NULL && server_keys != NULL, MV_E_ARGUMENT);
    MV_REQUIRE(mv_search_server_check(server_keys, len) == MV_OK, err, MV_E_FORMAT,
               "these are not the keys of a gallery");
    (void)mkdir(folder, 0700); /* if it is not there, the files will say why */
    MV_REQUIRE(snprintf(path, sizeof path, "%s/rows.log", folder) < (int)sizeof path, err,
               MV_E_ARGUMENT, "the gallery's folder name is too long");
    MV_TRY(mv_file_write(path, (const uint8_t *)"", 0, 0, err));
    (void)snprintf(path, sizeof path, "%s/keys.mvsr", folder);
    st = mv_file_write(path, server_keys, len, 0, err);
    if (st != MV_OK) {
        (void)snprintf(path, sizeof path, "%s/rows.log", folder);
        (void)unlink(path);
    }
done:
    return st;
}

static mv_status rows_alloc(uint64_t **out)
{
    const size_t len = mv_scan_words() * sizeof **out;
    *out = aligned_alloc(64, len);
    if (*out == NULL) {
        return MV_E_MEMORY;
    }
    memset(*out, 0, len);
    return MV_OK;
}

static mv_status gallery_alloc(mv_gallery *g)
{
    mv_status st = MV_OK;
    const mv_he_set *set = mv_scan_set();
    MV_TRY(mv_he_eval_keys_new(&g->keys, set));
    MV_TRY(mv_he_work_new(&g->work, set));
    MV_TRY(mv_cipher_new(&g->open, set));
    MV_TRY(mv_cipher_new(&g->one, set));
    MV_TRY(mv_cipher_new(&g->model, set));
    MV_TRY(mv_search_reply_cell(g->work, g->one, g->model, &g->cell));
    MV_TRY(rows_alloc(&g->merged));
    MV_TRY(rows_alloc(&g->last));
done:
    return st;
}

mv_status mv_gallery_open_store(mv_gallery **out, const mv_gallery_store_ops *ops, void *self,
                                mv_error *err)
{
    mv_status st = MV_OK;
    mv_gallery *g = calloc(1, sizeof *g);
    *out = NULL;
    if (g == NULL || pthread_rwlock_init(&g->lock, NULL) != 0) {
        free(g);
        ops->close(self);
        return MV_E_MEMORY;
    }
    g->ops = ops;
    g->store = self;
    MV_TRY(gallery_alloc(g));
    MV_TRY(mv_gallery_load(g, err));
    *out = g;
    g = NULL;
done:
    mv_gallery_free(&g);
    return st;
}

mv_status mv_gallery_open(mv_gallery **out, const char *folder, mv_error *err)
{
    mv_status st = MV_OK;
    void *self = NULL;
    MV_ENSURE(out != NULL, MV_E_ARGUMENT);
    *out = NULL;
    MV_ENSURE(folder != NULL, MV_E_ARGUMENT);
    MV_TRY(mv_gallery_folder(&self, folder, err));
    MV_TRY(mv_gallery_open_store(out, &mv_gallery_folder_ops, self, err));
done:
    return st;
}

void mv_gallery_free(mv_gallery **gallery)
{
    if (gallery != NULL && *gallery != NULL) {
        mv_gallery *g = *gallery;
        mv_he_eval_keys_free(&g->keys);
        mv_he_work_free(&g->work);
        mv_cipher_free(&g->open);
        mv_cipher_free(&g->one);
        mv_cipher_free(&g->model);
        free(g->merged);
        free(g->last);
        free(g->row);
        g->ops->close(g->store);
        (void)pthread_rwlock_destroy(&g->lock);
        free(g);
        *gallery = NULL;
    }
}

/* ---- Rows ---- */

size_t mv_gallery_rows(mv_gallery *gallery)
{
    (void)pthread_rwlock_rdlock(&gallery->lock);
    const size_t rows = gallery->rows;
    (void)pthread_rwlock_unlock(&gallery->lock);
    return rows;
}

mv_status mv_gallery_row(mv_gallery *gallery, size_t row, uint8_t id[MV_SEARCH_ROW_ID],
                         int *removed)
{
    mv_status st = MV_E_NOT_FOUND;
    (void)pthread_rwlock_rdlock(&gallery->lock);
    if (row < gallery->rows) {
        memcpy(id, gallery->row[row].id, MV_SEARCH_ROW_ID);
        *removed = gallery->row[row].removed;
        st = MV_OK;
    }
    (void)pthread_rwlock_unlock(&gallery->lock);
    return st;
}

/* The row of this name that is not removed, or the number of rows. */
static size_t find_row(const mv_gallery *g, const uint8_t id[MV_SEARCH_ROW_ID])
{
    size_t i = 0;
    while (i < g->rows && (g->row[i].removed || memcmp(g->row[i].id, id, MV_SEARCH_ROW_ID) != 0)) {
        i++;
    }
    return i;
}

static mv_status check_ids(const mv_gallery *g, const uint8_t *ids, uint32_t count, mv_error *err)
{
    mv_status st = MV_OK;
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *id = ids + (size_t)i * MV_SEARCH_ROW_ID;
        MV_REQUIRE(!mv_gallery_is_nameless(id), err, MV_E_ARGUMENT, "a row's name is all zeros");
        MV_REQUIRE(find_row(g, id) == g->rows, err, MV_E_EXISTS, "this image is in the gallery");
        for (uint32_t k = 0; k < i; k++) {
            MV_REQUIRE(memcmp(id, ids + (size_t)k * MV_SEARCH_ROW_ID, MV_SEARCH_ROW_ID) != 0, err,
                       MV_E_EXISTS, "an image is there twice");
        }
    }
done:
    return st;
}

mv_status mv_gallery_remove(mv_gallery *gallery, const uint8_t id[MV_SEARCH_ROW_ID], mv_error *err)
{
    mv_status st = MV_OK;
    uint8_t record[MV_GALLERY_RECORD];
    const mv_gallery_change change = {.record = record, .records = 1};
    (void)pthread_rwlock_wrlock(&gallery->lock);
    const size_t row = find_row(gallery, id);
    MV_REQUIRE(row < gallery->rows, err, MV_E_NOT_FOUND, "this image is not in the gallery");
    mv_gallery_record(record, MV_GALLERY_REMOVED, row, id);
    MV_TRY(gallery->ops->change(gallery->store, &change, err));
    gallery->row[row].removed = 1;
done:
    (void)pthread_rwlock_unlock(&gallery->lock);
    return st;
}

/* ---- Blocks ----
 *
 * g->blocks have their file; the rows after them are expanded and added to g->merged, group by
 * group or, where senders uploaded them, unit by unit, until there are as many as a block has. */

static size_t merged_end(const mv_gallery *g)
{
    return g->blocks * mv_scan_block_vectors() + g->merged_rows;
}

/* The group or unit that comes after g->merged, expanded and at its place, in g->last.
 * *rows: how many it is for, 16 or 64; *some: not all of them only fill a group. */
static mv_status expand_next(mv_gallery *g, uint32_t *rows, bool *some, mv_error *err)
{
    mv_status st = MV_OK;
    const size_t group = merged_end(g) / MV_SEARCH_GROUP_MAX;
    const uint32_t at = g->merged_rows % MV_SEARCH_GROUP_MAX;
    uint32_t count = 0, unit = 0;
    g->last_rows = 0;
    MV_TRY(mv_gallery_read_group(g, group, &count, g->one, err));
    *rows = mv_scan_is_uploads(g->one) ? MV_SCAN_UNIT : MV_SEARCH_GROUP_MAX;
    *some = at < count;
    if (!*some) {
        return MV_OK;
    }
    if (mv_scan_is_uploads(g->one)) {
        unit = at / MV_SCAN_UNIT;
        MV_TRY(mv_scan_expand_unit(g->work, g->last, g->one, unit, g->keys));
    } else {
        MV_REQUIRE(at == 0, err, MV_E_FORMAT, "a group of the gallery changed");
        MV_TRY(mv_scan_expand(g->work, g->last, g->one, g->keys));
    }
    MV_TRY(mv_scan_shift(g->work, g->last, (uint32_t)(group % MV_SCAN_GROUPS), unit));
done:
    return st;
}

static mv_status finish_block(mv_gallery *g, mv_error *err)
{
    mv_status st = MV_OK;
    const size_t len = mv_gallery_block_bytes();
    uint8_t *bytes = malloc(len);
    MV_ENSURE(bytes != NULL, MV_E_MEMORY);
    mv_gallery_write_block(bytes, g, g->merged);
    MV_TRY(g->ops->finish(g->store, g->blocks, bytes, len, g->blocks * MV_SCAN_GROUPS,
                          MV_SCAN_GROUPS, err));
    g->blocks++;
    memset(g->merged, 0, mv_scan_words() * sizeof *g->merged);
    g->merged_rows = 0;
done:
    free(bytes);
    return st;
}

static bool is_ready(const mv_gallery *g)
{
    return g->merged_rows < mv_scan_block_vectors() && merged_end(g) + g->last_rows == g->rows;
}

/* One step towards being ready; the lock is held for writing. */
static mv_status make_ready(mv_gallery *g, mv_error *err)
{
    mv_status st = MV_OK;
    uint32_t rows = 0;
    bool some = false;
    if (g->merged_rows == mv_scan_block_vectors()) {
        MV_TRY(finish_block(g, err));
    } else if (merged_end(g) < g->rows) {
        MV_TRY(expand_next(g, &rows, &some, err));
        if (merged_end(g) + rows > g->rows) {
            g->last_rows = (uint32_t)(g->rows - merged_end(g));
            goto done;
        }
        if (some) {
            MV_TRY(mv_scan_merge(g->work, g->merged, g->last));
        }
        g->merged_rows += rows;
    } else {
        g->last_rows = 0; /* what was open then is merged */
    }
done:
    return st;
}

/* ---- Appending ---- */

size_t mv_gallery_change_size(void)
{
    return (size_t)2 * MV_SEARCH_GROUP_MAX * MV_GALLERY_RECORD + mv_gallery_group_size();
}

/* A change as the store takes it, in bytes: from row `first` on `fill` nameless rows, then count
 * named ones, and the group that holds these. */
static mv_status change_make(mv_gallery_change *out, uint8_t *bytes, const mv_gallery *g,
                             size_t first, uint32_t fill, const uint8_t *ids, uint32_t count,
                             const mv_cipher *group)
{
    mv_status st = MV_OK;
    const size_t records = (size_t)fill + count, named = first + fill;
    for (uint32_t i = 0; i < records; i++) {
        const uint8_t *id = i < fill ? NULL : ids + (size_t)(i - fill) * MV_SEARCH_ROW_ID;
        mv_gallery_record(bytes + (size_t)i * MV_GALLERY_RECORD, MV_GALLERY_ADDED, first + i, id);
    }
    uint8_t *part = bytes + records * MV_GALLERY_RECORD;
    *out = (mv_gallery_change){.record = bytes, .records = records, .part = part};
    out->group = named / MV_SEARCH_GROUP_MAX;
    MV_TRY(mv_gallery_write_group(part, &out->part_len, g,
                                  (uint32_t)(named % MV_SEARCH_GROUP_MAX) + count, group));
done:
    return st;
}

/* fill nameless rows, then count rows in a group, which becomes this cipher: memory, then store;
 * what went wrong leaves nothing behind. */
static mv_status commit_rows(mv_gallery *g, const mv_cipher *group, uint32_t fill,
                             const uint8_t *ids, uint32_t count, mv_error *err)
{
    mv_status st = MV_OK;
    mv_gallery_change change;
    const size_t before = g->rows;
    uint8_t *bytes = malloc(mv_gallery_change_size());
    MV_ENSURE(bytes != NULL, MV_E_MEMORY);
    MV_TRY(change_make(&change, bytes, g, before, fill, ids, count, group));
    MV_TRY(mv_gallery_add_rows(g, NULL, fill));
    MV_TRY(mv_gallery_add_rows(g, ids, count));
    MV_TRY(g->ops->change(g->store, &change, err));
done:
    if (st != MV_OK) {
        g->rows = before;
    }
    free(bytes);
    return st;
}

/* A message that is of another collection or head. */
static mv_status foreign(const char *what, mv_error *err)
{
    (void)mv_fail(err, MV_E_MISMATCH, "the %s is for another collection or head", what);
    mv_hint(err, "model and --vectors must be as when the gallery was made; a collection that was "
                 "rotated since needs a new gallery");
    return MV_E_MISMATCH;
}

static mv_status append_locked(mv_gallery *g, const uint8_t *id, mv_reader *r, mv_error *err)
{
    mv_status st = MV_OK;
    mv_search_owner owner;
    uint32_t place = mv_gallery_open_rows(g), count = 0, fill = 0;
    st = mv_search_header_read(r, MV_SEARCH_UPLOAD, &owner, &g->owner);
    MV_TRY(st == MV_E_MISMATCH ? foreign("upload", err) : st);
    MV_TRY(check_ids(g, id, 1, err));
    MV_ENSURE(mv_reader_left(r) >= mv_scan_upload_size(), MV_E_TRUNCATED);
    MV_ENSURE(mv_reader_left(r) == mv_scan_upload_size(), MV_E_FORMAT);
    MV_TRY(mv_scan_upload_read(g->work, g->one, r->next, g->keys));
    if (place != 0) {
        MV_TRY(mv_gallery_read_group(g, mv_gallery_group(g), &count, g->open, err));
        MV_REQUIRE(count == place, err, MV_E_FORMAT, "the gallery's open group is damaged");
        if (!mv_scan_is_uploads(g->open)) { /* the key holder's stays as it is */
            fill = MV_SEARCH_GROUP_MAX - place;
            place = 0;
        }
    }
    MV_TRY(mv_scan_append(g->work, g->open, g->one, place));
    MV_TRY(commit_rows(g, g->open, fill, id, 1, err));
done:
    return st;
}

mv_status mv_gallery_append(mv_gallery *gallery, const uint8_t id[MV_SEARCH_ROW_ID],
                            const uint8_t *upload, size_t len, mv_error *err)
{
    mv_reader r = mv_reader_make(upload, len);
    (void)pthread_rwlock_wrlock(&gallery->lock);
    const mv_status st = append_locked(gallery, id, &r, err);
    (void)pthread_rwlock_unlock(&gallery->lock);
    return st == MV_OK ? st
                       : mv_fail(err, st, "the upload was not taken: %s", mv_status_sentence(st));
}

/* The holder's message of count rows, into g->one. */
static mv_status group_take(mv_gallery *g, uint32_t count, mv_reader *r)
{
    mv_status st = MV_OK;
    mv_search_owner owner;
    uint32_t stated = 0;
    MV_TRY(mv_search_header_read(r, MV_SEARCH_GROUP, &owner, &g->owner));
    MV_TRY(mv_read_u32le(r, &stated));
    MV_ENSURE(stated == count && count >= 1 && count <= MV_SEARCH_GROUP_MAX, MV_E_MISMATCH);
    MV_TRY(mv_search_cipher_read(g->one, r));
done:
    return st;
}

mv_status mv_gallery_regroup(mv_gallery *gallery, mv_gallery_change *out, uint8_t *stored,
                             size_t first, const uint8_t *ids, uint32_t count, const uint8_t *group,
                             size_t len)
{
    mv_reader r = mv_reader_make(group, len);
    (void)pthread_rwlock_wrlock(&gallery->lock);
    mv_status st = group_take(gallery, count, &r);
    if (st == MV_OK) {
        st = change_make(out, stored, gallery, first, 0, ids, count, gallery->one);
    }
    (void)pthread_rwlock_unlock(&gallery->lock);
    return st;
}

static mv_status append_group_locked(mv_gallery *g, const uint8_t *ids, uint32_t count,
                                     mv_reader *r, mv_error *err)
{
    mv_status st = MV_OK;
    st = group_take(g, count, r);
    MV_TRY(st == MV_E_MISMATCH ? foreign("group", err) : st);
    MV_TRY(check_ids(g, ids, count, err));
    const uint32_t open = mv_gallery_open_rows(g);
    MV_TRY(commit_rows(g, g->one, open == 0 ? 0 : MV_SEARCH_GROUP_MAX - open, ids, count, err));
done:
    return st;
}

mv_status mv_gallery_append_group(mv_gallery *gallery, const uint8_t *ids, uint32_t count,
                                  const uint8_t *group, size_t len, mv_error *err)
{
    mv_reader r = mv_reader_make(group, len);
    (void)pthread_rwlock_wrlock(&gallery->lock);
    const mv_status st = append_group_locked(gallery, ids, count, &r, err);
    (void)pthread_rwlock_unlock(&gallery->lock);
    return st == MV_OK ? st
                       : mv_fail(err, st, "the group was not taken: %s", mv_status_sentence(st));
}

static mv_status part_locked(mv_gallery *g, size_t index, uint8_t **bytes, size_t *len,
                             size_t *first, mv_error *err)
{
    mv_status st = MV_OK;
    const bool block = index < g->blocks;
    const size_t number = block ? index : g->blocks * MV_SCAN_GROUPS + index - g->blocks;
    const size_t cap = block ? mv_gallery_block_bytes() : mv_gallery_group_size();
    *first = number * (block ? mv_scan_block_vectors() : MV_SEARCH_GROUP_MAX);
    MV_ENSURE(*first < g->rows, MV_E_NOT_FOUND);
    *bytes = calloc(1, cap + MV_GALLERY_SLACK);
    MV_ENSURE(*bytes != NULL, MV_E_MEMORY);
    MV_TRY(g->ops->read(g->store, block ? MV_GALLERY_BLOCK : MV_GALLERY_GROUP, number, *bytes, cap,
                        len, err));
done:
    return st;
}

mv_status mv_gallery_part_bytes(mv_gallery *gallery, size_t index, uint8_t **bytes, size_t *len,
                                size_t *first, mv_error *err)
{
    *bytes = NULL;
    *len = 0;
    (void)pthread_rwlock_wrlock(&gallery->lock);
    const mv_status st = part_locked(gallery, index, bytes, len, first, err);
    (void)pthread_rwlock_unlock(&gallery->lock);
    if (st != MV_OK) {
        free(*bytes);
        *bytes = NULL;
    }
    return st;
}

/* ---- Scanning ---- */

/* What a worker of one scan has. */
typedef struct scan_worker {
    mv_he_work *work;
    mv_cipher *product;
    uint8_t *block; /* as its file has it */
} scan_worker;

typedef struct scan {
    mv_gallery *g;
    uint64_t *query; /* expanded */
    uint8_t *cells;  /* of the reply */
    scan_worker *worker;
    const mv_progress *progress;
    mv_error *err;
    size_t blocks;
} scan;

/* Where the rows of a block come from: its file, or the unfinished block in memory. */
typedef struct row_source {
    const mv_gallery *g;
    const uint8_t *bytes;
    const mv_ring *ring;
} row_source;

static mv_status source_row(void *user, uint64_t *scratch, const uint64_t **row, uint32_t dim,
                            uint32_t poly, uint32_t limb)
{
    const row_source *s = user;
    const size_t n = s->ring->degree, limbs = mv_he_data_limbs(mv_scan_set());
    const size_t at = (((size_t)dim * 2 + poly) * limbs + limb) * n;
    *row = scratch;
    if (s->bytes != NULL) {
        return mv_gallery_block_row(scratch, s->bytes, dim, poly, limb);
    }
    if (s->g->last_rows == 0) {
        *row = s->g->merged + at;
    } else {
        const mv_ntt_tables *t = &s->ring->limb[limb];
        t->vec.add(scratch, s->g->merged + at, s->g->last + at, n, &t->mod);
    }
    return MV_OK;
}

static mv_status scan_block(void *user, unsigned worker, size_t block)
{
    mv_status st = MV_OK;
    scan *s = user;
    scan_worker *w = &s->worker[worker];
    row_source source = {.g = s->g};
    size_t len = 0;
    if (worker == 0 && s->progress != NULL && s->progress->step != NULL) {
        MV_TRY(s->progress->step(s->progress->user, "scan", block, s->blocks));
    }
    MV_TRY(mv_he_set_ring(&source.ring, mv_scan_set()));
    if (block < s->g->blocks) {
        MV_TRY(mv_gallery_read_block(w->block, s->g, block, worker == 0 ? s->err : NULL));
        source.bytes = w->block;
    }
    MV_TRY(mv_scan_product(w->work, w->product, s->query, source_row, &source, s->g->keys));
    uint8_t *cell = s->cells + block * s->g->cell;
    MV_TRY(mv_cipher_reply(w->work, cell, s->g->cell, &len, w->product));
    MV_ENSURE(len == s->g->cell, MV_E_INTERNAL);
done:
    return st;
}

static void workers_free(scan_worker *w, unsigned count)
{
    for (unsigned i = 0; w != NULL && i < count; i++) {
        mv_he_work_free(&w[i].work);
        mv_cipher_free(&w[i].product);
        free(w[i].block);
    }
    free(w);
}

static mv_status workers_new(scan_worker **out, unsigned count)
{
    mv_status st = MV_OK;
    *out = calloc(count, sizeof **out);
    MV_ENSURE(*out != NULL, MV_E_MEMORY);
    for (unsigned i = 0; i < count; i++) {
        MV_TRY(mv_he_work_new(&(*out)[i].work, mv_scan_set()));
        MV_TRY(mv_cipher_new(&(*out)[i].product, mv_scan_set()));
        (*out)[i].block = calloc(1, mv_gallery_block_bytes() + MV_GALLERY_SLACK);
        MV_ENSURE((*out)[i].block != NULL, MV_E_MEMORY);
    }
done:
    return st;
}

/* The lock, for reading, with the unfinished block ready. */
static mv_status lock_ready(mv_gallery *g, mv_error *err)
{
    mv_status st = MV_OK;
    (void)pthread_rwlock_rdlock(&g->lock);
    while (!is_ready(g)) {
        (void)pthread_rwlock_unlock(&g->lock);
        (void)pthread_rwlock_wrlock(&g->lock);
        st = make_ready(g, err);
        (void)pthread_rwlock_unlock(&g->lock);
        (void)pthread_rwlock_rdlock(&g->lock);
        if (st != MV_OK) {
            break;
        }
    }
    return st;
}

static mv_status query_parse(const mv_gallery *g, mv_cipher *out, const uint8_t *query, size_t len,
                             mv_error *err)
{
    mv_status st = MV_OK;
    mv_search_owner owner;
    mv_reader r = mv_reader_make(query, len);
    st = mv_search_header_read(&r, MV_SEARCH_QUERY, &owner, &g->owner);
    MV_TRY(st == MV_E_MISMATCH ? foreign("query", err) : st);
    MV_TRY(mv_search_cipher_read(out, &r));
done:
    return st;
}

static mv_status reply_new(uint8_t **out, size_t *len, scan *s)
{
    enum { HEAD = MV_SEARCH_HEADER_LEN + 8 };
    s->blocks = s->g->rows == 0 ? 0 : (s->g->rows - 1) / mv_scan_block_vectors() + 1;
    *len = HEAD + s->blocks * s->g->cell;
    *out = calloc(1, *len);
    if (*out == NULL) {
        return MV_E_MEMORY;
    }
    mv_search_header_write(*out, MV_SEARCH_REPLY, &s->g->owner);
    mv_store_u64le(*out + MV_SEARCH_HEADER_LEN, s->g->rows);
    s->cells = *out + HEAD;
    return MV_OK;
}

/* The lock is held for reading. */
static mv_status scan_locked(scan *s, uint8_t **reply, size_t *len, const uint8_t *query,
                             size_t query_len, unsigned workers)
{
    mv_status st = MV_OK;
    MV_REQUIRE(s->g->rows != 0, s->err, MV_E_NOT_FOUND, "the gallery is empty");
    MV_TRY(workers_new(&s->worker, workers));
    MV_TRY(rows_alloc(&s->query));
    MV_TRY(query_parse(s->g, s->worker[0].product, query, query_len, s->err));
    MV_TRY(mv_scan_expand(s->worker[0].work, s->query, s->worker[0].product, s->g->keys));
    MV_TRY(reply_new(reply, len, s));
    MV_TRY(mv_pool_run(workers, s->blocks, scan_block, s));
done:
    workers_free(s->worker, workers);
    free(s->query);
    return st;
}

mv_status mv_gallery_scan(mv_gallery *gallery, uint8_t **reply, size_t *len, const uint8_t *query,
                          size_t query_len, unsigned workers, const mv_progress *progress,
                          mv_error *err)
{
    mv_status st = MV_OK;
    if (gallery == NULL || reply == NULL || len == NULL || query == NULL || workers == 0 ||
        workers > MV_POOL_WORKERS_MAX) {
        return MV_E_ARGUMENT;
    }
    *reply = NULL;
    scan s = {.g = gallery, .progress = progress, .err = err};
    st = lock_ready(gallery, err);
    if (st == MV_OK) {
        st = scan_locked(&s, reply, len, query, query_len, workers);
    }
    (void)pthread_rwlock_unlock(&gallery->lock);
    if (st != MV_OK) {
        free(*reply);
        *reply = NULL;
        *len = 0;
        st = mv_fail(err, st, "the gallery was not scanned: %s", mv_status_sentence(st));
    }
    return st;
}
