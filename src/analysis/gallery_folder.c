/* SPDX-License-Identifier: Apache-2.0
 *
 * gallery_folder.c: a gallery in a folder (docs/formats/search.md).
 *
 *     keys.mvsr            the message that made it; locked as long as the gallery is open
 *     rows.log             a record for each row added or removed, in order
 *     group-00000000.mvsr  rows as they came, added up
 *     block-00000000.mvsr  8,192 rows, expanded; its groups are gone
 *
 * Files come into being whole (base/file.h). Records are logged first, then the group is written:
 * records of rows that no group holds are of a change that never was, and are cut off on opening.
 */
#include "analysis/gallery_store.h"
#include "analysis/search_internal.h"

#include "base/file.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_ROOM = 4096, LOG_MAX = 1 << 30 };

typedef struct folder {
    char *path;
    int guard; /* keys.mvsr */
} folder;

static mv_status path_of(char out[PATH_ROOM], const folder *f, const char *what, mv_error *err)
{
    const int len = snprintf(out, PATH_ROOM, "%s/%s", f->path, what);
    return len > 0 && len < PATH_ROOM
               ? MV_OK
               : mv_fail(err, MV_E_ARGUMENT, "the gallery's folder name is too long");
}

static mv_status path_of_part(char out[PATH_ROOM], const folder *f, mv_gallery_part part,
                              size_t number, mv_error *err)
{
    char name[64];
    (void)snprintf(name, sizeof name, "%s-%08zu.mvsr", part == MV_GALLERY_BLOCK ? "block" : "group",
                   number);
    return path_of(out, f, name, err);
}

static mv_status cannot_write(mv_error *err, const char *path)
{
    return mv_fail(err, MV_E_IO, "%s: cannot be written", path);
}

/* ---- Opening and closing ---- */

static mv_status lock(folder *f, mv_error *err)
{
    mv_status st = MV_OK;
    char path[PATH_ROOM];
    MV_TRY(path_of(path, f, "keys.mvsr", err));
    f->guard = open(path, O_RDONLY | O_CLOEXEC);
    if (f->guard < 0) {
        st = mv_fail(err, MV_E_NOT_FOUND, "%s is not a gallery", f->path);
        mv_hint(err, "the key holder makes one with: medveil gallery new");
        return st;
    }
    MV_REQUIRE(flock(f->guard, LOCK_EX | LOCK_NB) == 0, err, MV_E_BUSY,
               "%s: somebody else is using this gallery", f->path);
done:
    return st;
}

static void folder_close(void *self)
{
    folder *f = self;
    if (f != NULL) {
        if (f->guard >= 0) {
            (void)close(f->guard);
        }
        free(f->path);
        free(f);
    }
}

mv_status mv_gallery_folder(void **out, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    folder *f = calloc(1, sizeof *f);
    *out = NULL;
    MV_ENSURE(f != NULL, MV_E_MEMORY);
    f->guard = -1;
    f->path = strdup(path);
    MV_ENSURE(f->path != NULL, MV_E_MEMORY);
    MV_TRY(lock(f, err));
    *out = f;
    f = NULL;
done:
    folder_close(f);
    return st;
}

static mv_status folder_keys(void *self, mv_buffer *out, mv_error *err)
{
    char path[PATH_ROOM];
    const mv_status st = path_of(path, self, "keys.mvsr", err);
    return st == MV_OK ? mv_file_read(out, path, err) : st;
}

/* ---- Parts ---- */

static mv_status folder_read(void *self, mv_gallery_part part, size_t number, uint8_t *out,
                             size_t cap, size_t *len, mv_error *err)
{
    mv_status st = MV_OK;
    char path[PATH_ROOM];
    uint8_t more = 0;
    FILE *file = NULL;
    *len = 0;
    MV_TRY(path_of_part(path, self, part, number, err));
    file = fopen(path, "rb");
    MV_REQUIRE(file != NULL, err, access(path, F_OK) == 0 ? MV_E_IO : MV_E_NOT_FOUND,
               "%s: cannot be read", path);
    (void)setvbuf(file, NULL, _IONBF, 0);
    *len = fread(out, 1, cap, file);
    MV_REQUIRE(ferror(file) == 0 && (*len < cap || fread(&more, 1, 1, file) == 0), err, MV_E_FORMAT,
               "%s: this part of the gallery is damaged", path);
done:
    if (file != NULL) {
        (void)fclose(file);
    }
    return st;
}

static bool exists(const folder *f, mv_gallery_part part, size_t number)
{
    char path[PATH_ROOM];
    return path_of_part(path, f, part, number, NULL) == MV_OK && access(path, F_OK) == 0;
}

/* Files of groups before this one, back to the first that is not there. */
static void drop_groups(const folder *f, size_t before, size_t at_most)
{
    char path[PATH_ROOM];
    for (; before > 0 && at_most > 0; at_most--) {
        if (path_of_part(path, f, MV_GALLERY_GROUP, --before, NULL) == MV_OK) {
            (void)unlink(path);
        }
    }
}

static mv_status folder_finish(void *self, size_t block, const uint8_t *bytes, size_t len,
                               size_t first, size_t groups, mv_error *err)
{
    mv_status st = MV_OK;
    char path[PATH_ROOM];
    MV_TRY(path_of_part(path, self, MV_GALLERY_BLOCK, block, err));
    MV_TRY(mv_file_write(path, bytes, len, MV_OUTPUT_FORCE, err));
    drop_groups(self, first + groups, groups);
done:
    return st;
}

/* ---- The log ---- */

static mv_status log_append(FILE *log, const mv_gallery_change *c)
{
    const bool good = fwrite(c->record, MV_GALLERY_RECORD, c->records, log) == c->records;
    return good && fflush(log) == 0 && fsync(fileno(log)) == 0 ? MV_OK : MV_E_IO;
}

static mv_status write_group(folder *f, const mv_gallery_change *c, mv_error *err)
{
    char path[PATH_ROOM];
    mv_status st = path_of_part(path, f, MV_GALLERY_GROUP, c->group, err);
    return st == MV_OK ? mv_file_write(path, c->part, c->part_len, MV_OUTPUT_FORCE, err) : st;
}

static mv_status folder_change(void *self, const mv_gallery_change *c, mv_error *err)
{
    mv_status st = MV_OK;
    char path[PATH_ROOM];
    struct stat before;
    FILE *log = NULL;
    MV_TRY(path_of(path, self, "rows.log", err));
    log = fopen(path, "ab");
    MV_REQUIRE(log != NULL && fstat(fileno(log), &before) == 0, err, MV_E_IO,
               "%s: cannot be written", path);
    st = log_append(log, c);
    if (st != MV_OK) {
        (void)cannot_write(err, path);
    } else if (c->part != NULL) {
        st = write_group(self, c, err);
    }
    if (st != MV_OK && ftruncate(fileno(log), before.st_size) != 0) {
        mv_hint(err, "open the gallery again before anything else is added");
    }
done:
    if (log != NULL) {
        (void)fclose(log);
    }
    return st;
}

/* How many rows the files hold: finished blocks, then groups, of which the last may be open. */
static mv_status rows_in_files(folder *f, size_t rows, size_t blocks, size_t *held, mv_error *err)
{
    mv_status st = MV_OK;
    char path[PATH_ROOM];
    uint8_t head[MV_SEARCH_HEADER_LEN + 4];
    const size_t first = blocks * MV_SCAN_GROUPS;
    size_t group = rows / MV_SEARCH_GROUP_MAX + 1;
    FILE *file = NULL;
    *held = blocks * mv_scan_block_vectors();
    while (group > first && !exists(f, MV_GALLERY_GROUP, group - 1)) {
        group--;
    }
    if (group > first) {
        MV_TRY(path_of_part(path, f, MV_GALLERY_GROUP, group - 1, err));
        file = fopen(path, "rb");
        MV_REQUIRE(file != NULL && fread(head, sizeof head, 1, file) == 1, err, MV_E_FORMAT,
                   "%s: this part of the gallery is damaged", path);
        *held = (group - 1) * MV_SEARCH_GROUP_MAX + mv_load_u32le(head + MV_SEARCH_HEADER_LEN);
    }
done:
    if (file != NULL) {
        (void)fclose(file);
    }
    return st;
}

static size_t added_rows(const mv_buffer *records)
{
    size_t rows = 0;
    for (size_t at = 0; at + MV_GALLERY_RECORD <= records->len; at += MV_GALLERY_RECORD) {
        rows += records->bytes[at] == 1;
    }
    return rows;
}

/* Without the records at the end that add rows which are in no file. */
static size_t whole_len(const mv_buffer *records, size_t rows, size_t held)
{
    size_t len = records->len - records->len % MV_GALLERY_RECORD;
    while (rows > held && len > 0 && records->bytes[len - MV_GALLERY_RECORD] == 1) {
        len -= MV_GALLERY_RECORD;
        rows--;
    }
    return len;
}

static mv_status folder_load(void *self, mv_buffer *records, size_t *blocks, mv_error *err)
{
    mv_status st = MV_OK;
    char path[PATH_ROOM];
    size_t held = 0;
    folder *f = self;
    *blocks = 0;
    MV_TRY(path_of(path, f, "rows.log", err));
    MV_TRY(mv_file_read(records, path, err));
    while (exists(f, MV_GALLERY_BLOCK, *blocks)) {
        (*blocks)++;
    }
    drop_groups(f, *blocks * MV_SCAN_GROUPS, MV_SCAN_GROUPS);
    const size_t rows = added_rows(records);
    MV_TRY(rows_in_files(f, rows, *blocks, &held, err));
    MV_REQUIRE(held <= rows, err, MV_E_FORMAT, "%s: rows are missing in the gallery's log",
               f->path);
    const size_t len = whole_len(records, rows, held);
    if (len != records->len) { /* a change was interrupted */
        records->len = len;
        MV_TRY(mv_file_write(path, records->bytes, len, MV_OUTPUT_FORCE, err));
    }
done:
    return st;
}

const mv_gallery_store_ops mv_gallery_folder_ops = {folder_keys, folder_load,   folder_change,
                                                    folder_read, folder_finish, folder_close};
