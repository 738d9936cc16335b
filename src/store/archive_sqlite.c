/* SPDX-License-Identifier: Apache-2.0
 *
 * archive_sqlite.c: the relay's metadata in one SQLite file, with a write-ahead log that is flushed
 * at each commit.
 */
#include "store/db.h"

#include <sqlite3.h>
#include <string.h>

#define STATEMENTS_MAX 64 /* different texts; more are prepared each time */
#define COLUMNS_MAX    8
#define BUSY_MS        10000

typedef struct link {
    sqlite3 *db;
    const char *text[STATEMENTS_MAX];
    sqlite3_stmt *statement[STATEMENTS_MAX];
    size_t count;
} link;

static mv_status status_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return MV_OK;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return MV_E_BUSY;
    case SQLITE_FULL:
        return MV_E_POLICY;
    case SQLITE_NOMEM:
        return MV_E_MEMORY;
    default:
        return MV_E_IO;
    }
}

static void close_link(void *user)
{
    link *l = user;
    for (size_t i = 0; i < l->count; i++) {
        (void)sqlite3_finalize(l->statement[i]);
    }
    (void)sqlite3_close(l->db);
    free(l);
}

static mv_status script(void *user, const char *sql)
{
    link *l = user;
    return status_of(sqlite3_exec(l->db, sql, NULL, NULL, NULL));
}

static mv_status open_link(void **out, const char *where, mv_error *err)
{
    link *l = calloc(1, sizeof *l);
    *out = NULL;
    if (l == NULL) {
        return mv_fail(err, MV_E_MEMORY, "out of memory");
    }
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(where, &l->db, flags, NULL) != SQLITE_OK ||
        sqlite3_busy_timeout(l->db, BUSY_MS) != SQLITE_OK ||
        script(l, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                  "PRAGMA secure_delete = ON") != MV_OK) {
        const mv_status st = mv_fail(err, MV_E_IO, "cannot use the database %s: %s", where,
                                     l->db == NULL ? "out of memory" : sqlite3_errmsg(l->db));
        close_link(l);
        return st;
    }
    *out = l;
    return MV_OK;
}

/* The prepared statement of this text; *ours: finalise it after use. */
static sqlite3_stmt *prepare(link *l, const char *sql, bool *ours)
{
    sqlite3_stmt *s = NULL;
    *ours = false;
    for (size_t i = 0; i < l->count; i++) {
        if (l->text[i] == sql) {
            return l->statement[i];
        }
    }
    if (sqlite3_prepare_v3(l->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &s, NULL) != SQLITE_OK) {
        return NULL;
    }
    *ours = l->count == STATEMENTS_MAX;
    if (!*ours) {
        l->text[l->count] = sql;
        l->statement[l->count++] = s;
    }
    return s;
}

static int bind(sqlite3_stmt *s, size_t i, const mv_db_value *v)
{
    char name[8] = "$0";
    name[1] = (char)('1' + i);
    const int place = sqlite3_bind_parameter_index(s, name);
    return v->bytes == NULL ? sqlite3_bind_int64(s, place, v->number)
                            : sqlite3_bind_blob(s, place, v->bytes, (int)v->len, SQLITE_STATIC);
}

static mv_status give_row(sqlite3_stmt *s, mv_db_row row, void *user)
{
    static const uint8_t nothing[1] = {0};
    mv_db_value column[COLUMNS_MAX];
    const int count = sqlite3_column_count(s);

    MV_ASSERT(count <= COLUMNS_MAX);
    for (int i = 0; i < count; i++) {
        column[i] = mv_db_number(sqlite3_column_int64(s, i));
        if (sqlite3_column_type(s, i) == SQLITE_BLOB) {
            const uint8_t *bytes = sqlite3_column_blob(s, i);
            column[i] =
                mv_db_bytes(bytes == NULL ? nothing : bytes, (size_t)sqlite3_column_bytes(s, i));
        }
    }
    return row == NULL ? MV_OK : row(user, column, (size_t)count);
}

static mv_status run(void *user, const char *sql, const mv_db_value *in, size_t in_count,
                     mv_db_row row, void *row_user)
{
    mv_status st = MV_OK;
    link *l = user;
    bool ours = false;
    int rc = SQLITE_ROW;
    sqlite3_stmt *s = prepare(l, sql, &ours);

    MV_ENSURE(s != NULL, status_of(sqlite3_errcode(l->db)));
    for (size_t i = 0; i < in_count; i++) {
        MV_TRY(status_of(bind(s, i, &in[i])));
    }
    while (st == MV_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        st = give_row(s, row, row_user);
    }
    if (st == MV_OK) {
        st = status_of(rc);
    }
done:
    (void)sqlite3_reset(s);
    if (ours) {
        (void)sqlite3_finalize(s);
    } else {
        (void)sqlite3_clear_bindings(s);
    }
    return st;
}

const mv_db_ops mv_db_sqlite = {
    .name = "sqlite",
    .open = open_link,
    .close = close_link,
    .run = run,
    .script = script,
    .begin = "BEGIN IMMEDIATE",
    .begin_read = "BEGIN",
};
