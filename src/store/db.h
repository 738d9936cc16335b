/* SPDX-License-Identifier: Apache-2.0
 *
 * db.h: the few calls in which SQLite and PostgreSQL differ. All SQL above this line is one text
 * for both: parameters are $1, $2, .., values are 64-bit integers and byte strings.
 */
#ifndef MV_STORE_DB_H
#define MV_STORE_DB_H

#include "base/status.h"

#include <stdbool.h>

typedef struct mv_db_value {
    const uint8_t *bytes; /* NULL: a number */
    size_t len;
    int64_t number;
} mv_db_value;

static inline mv_db_value mv_db_number(int64_t number)
{
    const mv_db_value v = {NULL, 0, number};
    return v;
}

static inline mv_db_value mv_db_bytes(const uint8_t *bytes, size_t len)
{
    const mv_db_value v = {bytes, len, 0};
    return v;
}

/* Called for each row; the values end with the call. Another status ends the statement. */
typedef mv_status (*mv_db_row)(void *user, const mv_db_value *column, size_t count);

typedef struct mv_db mv_db; /* one connection; one thread at a time */

typedef struct mv_db_ops {
    const char *name;
    mv_status (*open)(void **link, const char *where, mv_error *err);
    void (*close)(void *link);
    mv_status (*run)(void *link, const char *sql, const mv_db_value *in, size_t in_count,
                     mv_db_row row, void *user);
    mv_status (*script)(void *link, const char *sql); /* several statements, no parameters */
    const char *begin;                                /* starts a transaction that will write */
    const char *begin_read;                           /* one that sees one moment of the store */
} mv_db_ops;

extern const mv_db_ops mv_db_sqlite;   /* where: a file */
extern const mv_db_ops mv_db_postgres; /* where: a libpq connection string */

/* errors of all calls: MV_E_BUSY (the database cannot be reached or is locked: try again),
 * MV_E_POLICY (its disk is full), MV_E_IO, MV_E_MEMORY, and what row returns */
MV_MUST_CHECK mv_status mv_db_open(mv_db **out, const mv_db_ops *ops, const char *where,
                                   mv_error *err);
void mv_db_close(mv_db **db);

/* sql must be a string literal or live as long: prepared statements are kept by its address. */
MV_MUST_CHECK mv_status mv_db_run(mv_db *db, const char *sql, const mv_db_value *in,
                                  size_t in_count, mv_db_row row, void *user);
/* The first column of the one row, or none where there is none. */
MV_MUST_CHECK mv_status mv_db_get(int64_t *out, mv_db *db, const char *sql, const mv_db_value *in,
                                  size_t in_count, int64_t none);
MV_MUST_CHECK mv_status mv_db_script(mv_db *db, const char *sql);

MV_MUST_CHECK mv_status mv_db_begin(mv_db *db);
MV_MUST_CHECK mv_status mv_db_begin_read(mv_db *db);
MV_MUST_CHECK mv_status mv_db_commit(mv_db *db);
void mv_db_rollback(mv_db *db);

/* mv_db_migrate: brings a store of any earlier version, or an empty one, to the present one.
 * errors: MV_E_UNSUPPORTED (made by a later medveil) */
#define MV_DB_VERSION 3
MV_MUST_CHECK mv_status mv_db_migrate(mv_db *db, int64_t to_version, mv_error *err);

/* mv_db_copy: all rows of one store into another, which must be empty and of the same version. */
MV_MUST_CHECK mv_status mv_db_copy(mv_db *to, mv_db *from);

#endif
