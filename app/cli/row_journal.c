/* SPDX-License-Identifier: Apache-2.0
 *
 * row_journal.c: lines of numbers, read back and appended to.
 */
#include "row_journal.h"

#include "base/bytes.h"
#include "base/file.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { JOURNAL_MAX = 512 << 20 };

struct row_journal {
    FILE *file;
    pthread_mutex_t lock;
};

void journal_row_add(journal_row *row, double value)
{
    if (row->count < JOURNAL_VALUES_MAX) {
        row->value[row->count++] = value;
    }
}

void journal_row_put(journal_row *row, const double *value, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        journal_row_add(row, value[k]);
    }
}

void journal_row_get(double *value, size_t count, const journal_row *row)
{
    for (size_t k = 0; k < count; k++) {
        value[k] = k < row->count ? row->value[k] : 0;
    }
}

/* ---- reading ---- */

static bool parse_row(journal_row *r, const char *line)
{
    char *end = NULL;
    memset(r, 0, sizeof *r);
    r->kind = line[0];
    line++;
    for (int k = 0; k < 3; k++) {
        const unsigned long long index = strtoull(line, &end, 10);
        if (end == line) {
            return false;
        }
        r->at[k] = (size_t)index;
        line = end;
    }
    for (;;) {
        const double value = strtod(line, &end);
        if (end == line) {
            return *end == '\0';
        }
        if (r->count == JOURNAL_VALUES_MAX) {
            return false;
        }
        r->value[r->count++] = value;
        line = end;
    }
}

/* Who takes the rows, and what came of it. */
typedef struct reading {
    const char *path, *title;
    bool (*take)(void *user, const journal_row *row);
    void *user;
    size_t whole; /* length up to the last line that has its end */
    size_t rows;
} reading;

/* text: zero-terminated, changed. */
static mv_status take_text(reading *r, char *text, mv_error *err)
{
    mv_status st = MV_OK;
    journal_row *row = malloc(sizeof *row);
    size_t number = 0;

    MV_REQUIRE(row != NULL, err, MV_E_MEMORY, "out of memory for the journal");
    for (char *line = text, *end = NULL; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        r->whole = (size_t)(end + 1 - text);
        if (number++ == 0) {
            if (strcmp(line, r->title) != 0) {
                mv_hint(err, "choose another folder, or give --force to begin anew");
                MV_REQUIRE(false, err, MV_E_MISMATCH,
                           "%s is of an evaluation of other models, images or settings", r->path);
            }
            continue;
        }
        MV_REQUIRE(parse_row(row, line) && r->take(r->user, row), err, MV_E_FORMAT,
                   "line %zu of %s is damaged", number, r->path);
        r->rows++;
    }
done:
    free(row);
    return st;
}

static mv_status resume(reading *r, mv_error *err)
{
    mv_status st = MV_OK;
    mv_buffer text = mv_buffer_make(JOURNAL_MAX);

    MV_TRY(mv_file_read(&text, r->path, err));
    MV_TRY(mv_buffer_put_u8(&text, 0));
    MV_TRY(take_text(r, (char *)text.bytes, err));
    MV_REQUIRE(truncate(r->path, (off_t)r->whole) == 0, err, MV_E_IO, "cannot change %s: %s",
               r->path, strerror(errno));
done:
    mv_buffer_clear(&text);
    return st;
}

mv_status row_journal_open(row_journal **out, const char *path, const char *title, bool anew,
                           bool (*take)(void *user, const journal_row *row), void *user,
                           size_t *resumed, mv_error *err)
{
    mv_status st = MV_OK;
    struct stat info;
    reading r = {.path = path, .title = title, .take = take, .user = user};
    row_journal *j = calloc(1, sizeof *j);

    *resumed = 0;
    MV_REQUIRE(j != NULL, err, MV_E_MEMORY, "out of memory for the journal");
    const bool old = !anew && stat(path, &info) == 0 && info.st_size != 0;
    if (old) {
        MV_TRY(resume(&r, err));
        *resumed = r.rows;
    }
    j->file = fopen(path, r.whole != 0 ? "a" : "w");
    MV_REQUIRE(j->file != NULL, err, MV_E_IO, "cannot write %s: %s", path, strerror(errno));
    (void)pthread_mutex_init(&j->lock, NULL);
    *out = j;
    j = NULL;
    if (r.whole == 0) {
        MV_REQUIRE(fprintf((*out)->file, "%s\n", title) > 0 && fflush((*out)->file) == 0, err,
                   MV_E_IO, "cannot write %s: %s", path, strerror(errno));
    }
done:
    free(j);
    return st;
}

void row_journal_close(row_journal **journal)
{
    if (*journal != NULL) {
        (void)fclose((*journal)->file);
        (void)pthread_mutex_destroy(&(*journal)->lock);
        free(*journal);
        *journal = NULL;
    }
}

/* ---- writing ---- */

mv_status row_journal_write(row_journal *j, const journal_row *row)
{
    (void)pthread_mutex_lock(&j->lock);
    bool ok = fprintf(j->file, "%c %zu %zu %zu", row->kind, row->at[0], row->at[1], row->at[2]) > 0;
    for (size_t k = 0; ok && k < row->count; k++) {
        ok = fprintf(j->file, " %.17g", row->value[k]) > 0;
    }
    ok = ok && fputc('\n', j->file) != EOF && fflush(j->file) == 0;
    (void)pthread_mutex_unlock(&j->lock);
    return ok ? MV_OK : MV_E_IO;
}
