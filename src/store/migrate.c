/* SPDX-License-Identifier: Apache-2.0
 *
 * migrate.c: what both databases share: transactions, versions of the schema, and copying a whole
 * store for backup and restore.
 */
#include "schema_sql.h" /* schema_sql[], made from schema.sql */
#include "store/db.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char step_mark[] = "\n-- step\n";

struct mv_db {
    const mv_db_ops *ops;
    void *link;
};

mv_status mv_db_open(mv_db **out, const mv_db_ops *ops, const char *where, mv_error *err)
{
    mv_status st = MV_OK;
    mv_db *db = calloc(1, sizeof *db);

    *out = NULL;
    MV_REQUIRE(db != NULL, err, MV_E_MEMORY, "out of memory");
    db->ops = ops;
    MV_TRY(ops->open(&db->link, where, err));
    *out = db;
    db = NULL;
done:
    free(db);
    return st;
}

void mv_db_close(mv_db **db)
{
    if (*db != NULL) {
        (*db)->ops->close((*db)->link);
        free(*db);
        *db = NULL;
    }
}

mv_status mv_db_run(mv_db *db, const char *sql, const mv_db_value *in, size_t in_count,
                    mv_db_row row, void *user)
{
    return db->ops->run(db->link, sql, in, in_count, row, user);
}

static mv_status take_number(void *user, const mv_db_value *column, size_t count)
{
    (void)count;
    *(int64_t *)user = column[0].number;
    return MV_OK;
}

mv_status mv_db_get(int64_t *out, mv_db *db, const char *sql, const mv_db_value *in,
                    size_t in_count, int64_t none)
{
    *out = none;
    return mv_db_run(db, sql, in, in_count, take_number, out);
}

mv_status mv_db_script(mv_db *db, const char *sql)
{
    return db->ops->script(db->link, sql);
}

mv_status mv_db_begin(mv_db *db)
{
    return mv_db_script(db, db->ops->begin);
}

mv_status mv_db_begin_read(mv_db *db)
{
    return mv_db_script(db, db->ops->begin_read);
}

mv_status mv_db_commit(mv_db *db)
{
    return mv_db_script(db, "COMMIT");
}

void mv_db_rollback(mv_db *db)
{
    (void)!mv_db_script(db, "ROLLBACK"); /* a lost connection has rolled back already */
}

/* One step of schema.sql, and the version it leads to, in one transaction. */
static mv_status run_step(mv_db *db, const char *step, size_t len, int64_t version)
{
    mv_status st = MV_OK;
    const mv_db_value number = mv_db_number(version);
    char *sql = malloc(len + 1);

    MV_ENSURE(sql != NULL, MV_E_MEMORY);
    memcpy(sql, step, len);
    sql[len] = '\0';
    MV_TRY(mv_db_begin(db));
    st = mv_db_script(db, sql);
    if (st == MV_OK) {
        st = mv_db_run(db, "UPDATE version SET value = $1", &number, 1, NULL, NULL);
    }
    if (st == MV_OK) {
        st = mv_db_commit(db);
    } else {
        mv_db_rollback(db);
    }
done:
    free(sql);
    return st;
}

static mv_status present_version(int64_t *out, mv_db *db)
{
    mv_status st = MV_OK;
    MV_TRY(mv_db_script(db, "CREATE TABLE IF NOT EXISTS version (value BIGINT NOT NULL)"));
    MV_TRY(mv_db_get(out, db, "SELECT value FROM version", NULL, 0, -1));
    if (*out < 0) {
        MV_TRY(mv_db_script(db, "INSERT INTO version VALUES (0)"));
        *out = 0;
    }
done:
    return st;
}

mv_status mv_db_migrate(mv_db *db, int64_t to_version, mv_error *err)
{
    mv_status st = MV_OK;
    int64_t have = 0, version = 0;
    const char *step = strstr(schema_sql, step_mark);

    st = present_version(&have, db);
    MV_REQUIRE(st == MV_OK, err, st, "cannot prepare the relay's database: %s",
               mv_status_sentence(st));
    MV_REQUIRE(have <= MV_DB_VERSION, err, MV_E_UNSUPPORTED,
               "the relay's database has version %" PRId64 ", this medveil knows up to %d", have,
               MV_DB_VERSION);
    while (step != NULL && version < to_version) {
        step += sizeof step_mark - 1;
        const char *next = strstr(step, step_mark);
        const size_t len = next == NULL ? strlen(step) : (size_t)(next - step);
        version++;
        if (version > have) {
            st = run_step(db, step, len, version);
            MV_REQUIRE(st == MV_OK, err, st,
                       "cannot bring the relay's database to version %" PRId64 ": %s", version,
                       mv_status_sentence(st));
        }
        step = next;
    }
done:
    return st;
}

/* ---- copying ---- */

typedef struct copying {
    mv_db *to;
    const char *insert;
} copying;

static mv_status copy_row(void *user, const mv_db_value *column, size_t count)
{
    const copying *c = user;
    return mv_db_run(c->to, c->insert, column, count, NULL, NULL);
}

mv_status mv_db_copy(mv_db *to, mv_db *from)
{
    static const char *const table[][2] = {
        {"SELECT epoch, tag, next_seq, bytes FROM mailbox",
         "INSERT INTO mailbox (epoch, tag, next_seq, bytes) VALUES ($1, $2, $3, $4)"},
        {"SELECT hash, bytes, refs FROM blob",
         "INSERT INTO blob (hash, bytes, refs) VALUES ($1, $2, $3)"},
        {"SELECT epoch, tag, seq, hash, bytes, arrived_s FROM file",
         "INSERT INTO file (epoch, tag, seq, hash, bytes, arrived_s) "
         "VALUES ($1, $2, $3, $4, $5, $6)"},
        {"SELECT epoch, tag, hash, body, arrived_s FROM receipt",
         "INSERT INTO receipt (epoch, tag, hash, body, arrived_s) VALUES ($1, $2, $3, $4, $5)"},
        {"SELECT name, sender, blocks, version FROM gallery",
         "INSERT INTO gallery (name, sender, blocks, version) VALUES ($1, $2, $3, $4)"},
        {"SELECT name, seq, body FROM gallery_record",
         "INSERT INTO gallery_record (name, seq, body) VALUES ($1, $2, $3)"},
        {"SELECT name, kind, number, hash, bytes FROM gallery_part",
         "INSERT INTO gallery_part (name, kind, number, hash, bytes) VALUES ($1, $2, $3, $4, $5)"},
        {"SELECT name, about, questions FROM gallery_asked",
         "INSERT INTO gallery_asked (name, about, questions) VALUES ($1, $2, $3)"},
        {"SELECT value FROM counter WHERE name = 'bytes'",
         "UPDATE counter SET value = $1 WHERE name = 'bytes'"},
        {"SELECT value FROM counter WHERE name = 'served_s'",
         "UPDATE counter SET value = $1 WHERE name = 'served_s'"},
    };
    mv_status st = MV_OK;

    MV_TRY(mv_db_begin_read(from)); /* one moment of the whole store */
    MV_TRY(mv_db_begin(to));
    for (size_t i = 0; st == MV_OK && i < sizeof table / sizeof table[0]; i++) {
        copying c = {to, table[i][1]};
        st = mv_db_run(from, table[i][0], NULL, 0, copy_row, &c);
    }
    MV_TRY(st);
    MV_TRY(mv_db_commit(to));
done:
    if (st != MV_OK) {
        mv_db_rollback(to);
    }
    mv_db_rollback(from);
    return st;
}
