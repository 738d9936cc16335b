/* SPDX-License-Identifier: Apache-2.0
 *
 * place.c: a gallery in a folder, or at a relay.
 */
#include "place.h"

#include "base/file.h"
#include "base/secret.h"
#include "ui.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { RECORD = 48, ROWS_MAX = 1 << 26, ADDED = 1, REMOVED };

/* ---- Opening ---- */

/* text without this ending, if it has it. */
static int stem(const char *text, const char *ending)
{
    const size_t len = strlen(text), tail = strlen(ending);
    return (int)(len > tail && strcmp(text + len - tail, ending) == 0 ? len - tail : len);
}

mv_status place_name(place *p, const cli_args *args, mv_error *err)
{
    mv_status st = MV_OK;
    const char *given = cli_value(args, "gallery"), *collection = cli_value(args, "collection");
    const char *pub = cli_value(args, "public");
    int len = 0;
    p->args = args;
    if (given != NULL) {
        len = snprintf(p->name, sizeof p->name, "%s", given);
    } else if (collection != NULL) {
        len =
            snprintf(p->name, sizeof p->name, "%.*s.gallery", stem(collection, ".mv"), collection);
    } else if (pub != NULL) {
        len = snprintf(p->name, sizeof p->name, "%.*s", stem(pub, ".pub"), pub);
    }
    MV_REQUIRE(len > 0, err, MV_E_ARGUMENT, "%s needs --gallery NAME or --collection FILE",
               args->command->name);
    MV_REQUIRE(len < (int)sizeof p->name - 8, err, MV_E_LIMIT, "the gallery's name is too long");
    while (len > 1 && p->name[len - 1] == '/') {
        p->name[--len] = '\0';
    }
done:
    return st;
}

mv_status place_open(place *p, const mv_gallery_access *who, mv_error *err)
{
    mv_status st = MV_OK;
    const char *relay = cli_value(p->args, "relay");
    mv_client_opts opts = mv_client_defaults();
    if (relay == NULL) {
        return mv_gallery_open(&p->gallery, p->name, err);
    }
    p->access = *who;
    opts.gallery = &p->access;
    opts.progress = ui_progress();
    MV_TRY(mv_client_new(&p->client, relay, &opts, err));
done:
    return st;
}

void place_close(place *p)
{
    mv_gallery_free(&p->gallery);
    mv_client_free(&p->client);
    mv_buffer_clear(&p->records);
    free(p->id);
    free(p->removed);
    mv_client_list_free(&p->file);
    mv_wipe(&p->access, sizeof p->access);
}

/* ---- Rows ---- */

static mv_status rows_new(place *p, size_t rows)
{
    free(p->id);
    free(p->removed);
    p->rows = rows;
    p->id = calloc(rows + 1, MV_SEARCH_ROW_ID);
    p->removed = calloc(rows + 1, sizeof *p->removed);
    return p->id != NULL && p->removed != NULL ? MV_OK : MV_E_MEMORY;
}

static mv_status rows_of_folder(place *p)
{
    mv_status st = MV_OK;
    MV_TRY(rows_new(p, mv_gallery_rows(p->gallery)));
    for (size_t i = 0; i < p->rows; i++) {
        int removed = 0;
        MV_TRY(mv_gallery_row(p->gallery, i, p->id + i * MV_SEARCH_ROW_ID, &removed));
        p->removed[i] = removed != 0;
    }
done:
    return st;
}

static mv_status cache_path(char out[PATH_SIZE], const place *p)
{
    const int len = snprintf(out, PATH_SIZE, "%s.rows", p->name);
    return len > 0 && len < PATH_SIZE ? MV_OK : MV_E_LIMIT;
}

/* What is known from before; nothing, if it is not whole. */
static void cache_load(place *p)
{
    char path[PATH_SIZE];
    mv_buffer_clear(&p->records);
    p->records = mv_buffer_make((size_t)2 * ROWS_MAX * RECORD);
    if (cache_path(path, p) != MV_OK || access(path, R_OK) != 0 ||
        mv_file_read(&p->records, path, NULL) != MV_OK || p->records.len % RECORD != 0) {
        mv_buffer_clear(&p->records);
    }
}

/* One more page of records. *known: the record that we have last is still where it was; after a
 * repacking it is not (its row has another number, or its id another place). */
static mv_status more_records(place *p, size_t *got, bool *known, mv_error *err)
{
    mv_status st = MV_OK;
    const size_t have = p->records.len / RECORD, again = have != 0;
    uint8_t *page = NULL;
    size_t len = 0;
    const mv_gallery_request r = {.ask = MV_GALLERY_ASK_RECORDS, .number = have - again};
    MV_TRY(mv_client_gallery(p->client, &r, &page, &len, err));
    MV_REQUIRE(len % RECORD == 0, err, MV_E_NETWORK,
               "the relay's answer is not in the expected format");
    *known = again == 0 || (len >= RECORD &&
                            memcmp(page, p->records.bytes + p->records.len - RECORD, RECORD) == 0);
    *got = 0;
    if (*known) {
        *got = len / RECORD - again;
        MV_TRY(mv_buffer_append(&p->records, page + again * RECORD, *got * RECORD));
    }
done:
    free(page);
    return st;
}

/* The records as rows. errors: MV_E_NETWORK for what is no log */
static mv_status replay(place *p, mv_error *err)
{
    mv_status st = MV_OK;
    size_t rows = 0;
    MV_TRY(rows_new(p, p->records.len / RECORD));
    for (size_t at = 0; at < p->records.len; at += RECORD) {
        const uint8_t *r = p->records.bytes + at;
        const uint64_t row = mv_load_u64le(r + 8);
        MV_REQUIRE(r[0] == ADDED ? row == rows : r[0] == REMOVED && row < rows, err, MV_E_NETWORK,
                   "the relay's answer is not in the expected format");
        if (r[0] == ADDED) {
            static const uint8_t nameless[MV_SEARCH_ROW_ID] = {0};
            memcpy(p->id + rows * MV_SEARCH_ROW_ID, r + 16, MV_SEARCH_ROW_ID);
            p->removed[rows++] = memcmp(r + 16, nameless, sizeof nameless) == 0;
        } else {
            p->removed[row] = true;
        }
    }
    p->rows = rows;
done:
    return st;
}

static mv_status rows_of_relay(place *p, mv_error *err)
{
    mv_status st = MV_OK;
    char path[PATH_SIZE];
    size_t got = 1;
    unsigned anew = 0;
    bool known = true;
    cache_load(p);
    while (got != 0) {
        MV_TRY(more_records(p, &got, &known, err));
        if (!known) { /* repacked: all anew; once before we ask, and once meanwhile */
            MV_REQUIRE(anew++ < 2, err, MV_E_NETWORK,
                       "the relay's list of rows is another one each time it is asked");
            mv_buffer_clear(&p->records);
            got = 1;
        }
    }
    MV_TRY(replay(p, err));
    MV_TRY(cache_path(path, p));
    MV_TRY(mv_file_write(path, p->records.bytes, p->records.len,
                         MV_OUTPUT_FORCE | MV_OUTPUT_PRIVATE, err));
done:
    return st;
}

mv_status place_rows(place *p, mv_error *err)
{
    return p->gallery != NULL ? rows_of_folder(p) : rows_of_relay(p, err);
}

size_t place_find(const place *p, const uint8_t id[MV_SEARCH_ROW_ID])
{
    size_t i = 0;
    while (i < p->rows &&
           (p->removed[i] || memcmp(p->id + i * MV_SEARCH_ROW_ID, id, MV_SEARCH_ROW_ID) != 0)) {
        i++;
    }
    return i;
}

/* ---- Changes and questions ---- */

static mv_status ask(place *p, mv_gallery_ask what, const uint8_t *id, const uint8_t *body,
                     size_t len, mv_error *err)
{
    mv_gallery_request r = {.ask = what, .body = body, .len = len};
    if (id != NULL) {
        memcpy(r.id, id, sizeof r.id);
    }
    return mv_client_gallery(p->client, &r, NULL, NULL, err);
}

mv_status place_append(place *p, const uint8_t id[MV_SEARCH_ROW_ID], const uint8_t *upload,
                       size_t len, mv_error *err)
{
    return p->gallery != NULL ? mv_gallery_append(p->gallery, id, upload, len, err)
                              : ask(p, MV_GALLERY_ASK_ADD, id, upload, len, err);
}

mv_status place_append_group(place *p, const uint8_t *ids, uint32_t count, const uint8_t *group,
                             size_t len, mv_error *err)
{
    mv_status st = MV_OK;
    mv_buffer body = mv_buffer_make(1 << 20);
    if (p->gallery != NULL) {
        return mv_gallery_append_group(p->gallery, ids, count, group, len, err);
    }
    MV_TRY(mv_buffer_put_u32le(&body, count));
    MV_TRY(mv_buffer_append(&body, ids, (size_t)count * MV_SEARCH_ROW_ID));
    MV_TRY(mv_buffer_append(&body, group, len));
    MV_TRY(ask(p, MV_GALLERY_ASK_GROUP, NULL, body.bytes, body.len, err));
done:
    mv_buffer_clear(&body);
    return st;
}

mv_status place_remove(place *p, const uint8_t id[MV_SEARCH_ROW_ID], mv_error *err)
{
    return p->gallery != NULL ? mv_gallery_remove(p->gallery, id, err)
                              : ask(p, MV_GALLERY_ASK_REMOVE, id, NULL, 0, err);
}

static unsigned threads(void)
{
    const long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > 16 ? 16 : (unsigned)n;
}

mv_status place_search(place *p, uint8_t **reply, size_t *len, const uint8_t *query,
                       size_t query_len, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_progress progress = ui_progress();
    const mv_gallery_request r = {.ask = MV_GALLERY_ASK_SEARCH, .body = query, .len = query_len};
    st = p->gallery != NULL
             ? mv_gallery_scan(p->gallery, reply, len, query, query_len, threads(), &progress, err)
             : mv_client_gallery(p->client, &r, reply, len, err);
    ui_progress_end();
    return st;
}

/* ---- Repacking ---- */

mv_status place_part(place *p, size_t index, uint8_t **bytes, size_t *len, mv_error *err)
{
    size_t first = 0;
    const mv_gallery_request r = {.ask = MV_GALLERY_ASK_PART, .number = index};
    return p->gallery != NULL ? mv_gallery_part_bytes(p->gallery, index, bytes, len, &first, err)
                              : mv_client_gallery(p->client, &r, bytes, len, err);
}

static mv_status repacked_at_relay(place *p, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    uint8_t body[8 + MV_SEARCH_ROW_ID];
    mv_store_u64le(body, p->records.len / RECORD);
    MV_TRY(place_keep_image(p, body + 8, path, err));
    st = ask(p, MV_GALLERY_ASK_REPACK, NULL, body, sizeof body, err);
    if (st == MV_E_MISMATCH) {
        st = mv_fail(err, MV_E_BUSY, "rows came or went meanwhile; nothing was changed");
        mv_hint(err, "try again");
    }
done:
    return st;
}

mv_status place_repacked(place *p, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    if (p->gallery == NULL) {
        return repacked_at_relay(p, path, err);
    }
    MV_REQUIRE(renameat2(AT_FDCWD, path, AT_FDCWD, p->name, RENAME_EXCHANGE) == 0, err, MV_E_IO,
               "cannot put the repacked gallery in the place of %s: %s", p->name, strerror(errno));
done:
    return st;
}

/* ---- Sealed images ---- */

static int by_hash(const void *a, const void *b)
{
    const mv_client_file *x = a, *y = b;
    return memcmp(x->hash, y->hash, sizeof x->hash);
}

/* The row's image among those of the relay, or NULL. The list is asked for once and whole, so that
 * it tells nothing about rows, and sorted, because it may be asked about each of them. */
static mv_status find_image(place *p, const mv_client_file **out,
                            const uint8_t id[MV_SEARCH_ROW_ID], mv_error *err)
{
    mv_status st = MV_OK;
    mv_client_file wanted = {.len = 0};
    *out = NULL;
    if (!p->listed) {
        MV_TRY(mv_client_list(p->client, &p->file, &p->files, err));
        p->listed = true;
        if (p->files != 0) {
            qsort(p->file, p->files, sizeof *p->file, by_hash);
        }
    }
    memcpy(wanted.hash, id, MV_SEARCH_ROW_ID);
    if (p->files != 0) {
        *out = bsearch(&wanted, p->file, p->files, sizeof *p->file, by_hash);
    }
done:
    return st;
}

mv_status place_has_image(place *p, bool *there, const uint8_t id[MV_SEARCH_ROW_ID], mv_error *err)
{
    const mv_client_file *file = NULL;
    const mv_status st = find_image(p, &file, id, err);
    *there = file != NULL;
    return st;
}

mv_status place_image(place *p, const char *path, const uint8_t id[MV_SEARCH_ROW_ID], mv_error *err)
{
    mv_status st = MV_OK;
    const mv_client_file *file = NULL;
    MV_TRY(find_image(p, &file, id, err));
    MV_REQUIRE(file != NULL, err, MV_E_NOT_FOUND, "the relay has no image of this row");
    MV_TRY(mv_client_fetch(p->client, file, path, err));
done:
    return st;
}

mv_status place_keep_image(place *p, uint8_t id[MV_SEARCH_ROW_ID], const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    static const mv_card nobody;
    mv_client_file sent;
    bool duplicate = false;
    MV_TRY(mv_client_send(p->client, &sent, &duplicate, path, &nobody, err));
    memcpy(id, sent.hash, MV_SEARCH_ROW_ID);
done:
    return st;
}
