/* SPDX-License-Identifier: Apache-2.0
 *
 * archive_postgres.c: the relay's metadata in PostgreSQL, through libpq in its binary form. A
 * connection that broke is made anew before the next statement outside a transaction, so a restart
 * of the server costs the requests of that moment and nothing else.
 */
#include "store/db.h"

#include <libpq-fe.h>
#include <string.h>

#define VALUES_MAX 8
#define OID_BYTES  17
#define OID_NUMBER 20

static void big_endian(uint8_t out[8], int64_t number)
{
    for (int i = 0; i < 8; i++) {
        out[i] = (uint8_t)((uint64_t)number >> (56 - 8 * i));
    }
}

static int64_t from_big_endian(const uint8_t *in, size_t len)
{
    uint64_t number = 0;
    for (size_t i = 0; i < len && i < 8; i++) {
        number = number << 8 | in[i];
    }
    return (int64_t)number;
}

/* Notices of the server may quote values, so they go nowhere. */
static void drop_notice(void *user, const char *text)
{
    (void)user;
    (void)text;
}

static void close_link(void *user)
{
    PQfinish(user);
}

static mv_status open_link(void **out, const char *where, mv_error *err)
{
    PGconn *c = PQconnectdb(where);
    *out = NULL;
    if (c == NULL || PQstatus(c) != CONNECTION_OK) {
        const mv_status st = mv_fail(err, MV_E_BUSY, "cannot reach PostgreSQL: %.300s",
                                     c == NULL ? "out of memory" : PQerrorMessage(c));
        mv_hint(err, "is the server running, and is the key postgres right?");
        PQfinish(c);
        return st;
    }
    (void)PQsetNoticeProcessor(c, drop_notice, NULL);
    *out = c;
    return MV_OK;
}

/* What a failed statement means, by its SQLSTATE class. */
static mv_status status_of(const PGconn *c, const PGresult *r)
{
    const char *state = r == NULL ? NULL : PQresultErrorField(r, PG_DIAG_SQLSTATE);
    if (PQstatus(c) != CONNECTION_OK || state == NULL || strncmp(state, "57", 2) == 0 ||
        strncmp(state, "40", 2) == 0 || strncmp(state, "08", 2) == 0) {
        return MV_E_BUSY; /* gone, shutting down, or a conflict of transactions */
    }
    return strncmp(state, "53", 2) == 0 ? MV_E_POLICY : MV_E_IO;
}

static bool succeeded(const PGresult *r)
{
    const ExecStatusType s = PQresultStatus(r);
    return s == PGRES_COMMAND_OK || s == PGRES_TUPLES_OK;
}

/* A broken connection is made anew. Inside a transaction the server has forgotten what went before,
 * so the caller has to hear of it: the statement then fails and the transaction with it. */
static bool revive(PGconn *c)
{
    if (PQstatus(c) != CONNECTION_OK) {
        PQreset(c);
    }
    return PQstatus(c) == CONNECTION_OK;
}

static mv_status script(void *user, const char *sql)
{
    PGconn *c = user;
    PGresult *r = revive(c) ? PQexec(c, sql) : NULL;
    const mv_status st = succeeded(r) ? MV_OK : status_of(c, r);
    PQclear(r);
    return st;
}

static mv_status give_rows(const PGresult *r, mv_db_row row, void *user)
{
    mv_status st = MV_OK;
    mv_db_value column[VALUES_MAX];
    const int count = PQnfields(r);

    MV_ASSERT(count <= VALUES_MAX);
    for (int i = 0; st == MV_OK && row != NULL && i < PQntuples(r); i++) {
        for (int j = 0; j < count; j++) {
            const uint8_t *bytes = (const uint8_t *)PQgetvalue(r, i, j);
            const size_t len = (size_t)PQgetlength(r, i, j);
            column[j] = PQftype(r, j) == OID_BYTES ? mv_db_bytes(bytes, len)
                                                   : mv_db_number(from_big_endian(bytes, len));
        }
        st = row(user, column, (size_t)count);
    }
    return st;
}

static mv_status run(void *user, const char *sql, const mv_db_value *in, size_t in_count,
                     mv_db_row row, void *row_user)
{
    mv_status st = MV_OK;
    PGconn *c = user;
    Oid type[VALUES_MAX];
    const char *value[VALUES_MAX];
    int len[VALUES_MAX], format[VALUES_MAX];
    uint8_t number[VALUES_MAX][8];
    PGresult *r = NULL;

    MV_ASSERT(in_count <= VALUES_MAX);
    for (size_t i = 0; i < in_count; i++) {
        const bool is_number = in[i].bytes == NULL;
        big_endian(number[i], in[i].number);
        type[i] = is_number ? OID_NUMBER : OID_BYTES;
        value[i] = (const char *)(is_number ? number[i] : in[i].bytes);
        len[i] = is_number ? 8 : (int)in[i].len;
        format[i] = 1;
    }
    MV_ENSURE(PQtransactionStatus(c) != PQTRANS_UNKNOWN || revive(c), MV_E_BUSY);
    r = PQexecParams(c, sql, (int)in_count, type, value, len, format, 1);
    MV_ENSURE(succeeded(r), status_of(c, r));
    st = give_rows(r, row, row_user);
done:
    PQclear(r);
    return st;
}

const mv_db_ops mv_db_postgres = {
    .name = "postgres",
    .open = open_link,
    .close = close_link,
    .run = run,
    .script = script,
    .begin = "BEGIN",
    .begin_read = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
};
