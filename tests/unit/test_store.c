/* SPDX-License-Identifier: Apache-2.0
 *
 * test_store.c: sentences about src/store: mailboxes of files. With MEDVEIL_TEST_POSTGRES (a
 * connection string) in the environment all of them are about PostgreSQL instead of SQLite; each
 * test then begins with an empty database. tests/support/with_postgres sets it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "folder.h"
#include "store/archive.h"
#include "store/archive_gallery.h"
#include "store/db.h"
#include "store/disk.h"
#include "wire/hex.h"

static const mv_archive_limits roomy = {1 << 20, 1 << 22, 1 << 23, 0};

typedef struct fixture {
    char dir[TEST_FOLDER_MAX];
    mv_archive *archive;
} fixture;

static const char *postgres(void)
{
    return getenv("MEDVEIL_TEST_POSTGRES");
}

static mv_status open_with(mv_archive **out, const char *dir, const mv_archive_limits *limits,
                           mv_error *err)
{
    const mv_archive_opts opts = {.dir = dir, .postgres = postgres(), .limits = *limits};
    return mv_archive_open(out, &opts, err);
}

static int empty_database(void)
{
    mv_db *db = NULL;
    if (postgres() == NULL) {
        return 0;
    }
    const bool done = mv_db_open(&db, &mv_db_postgres, postgres(), NULL) == MV_OK &&
                      mv_db_script(db, "DROP SCHEMA public CASCADE; CREATE SCHEMA public") == MV_OK;
    mv_db_close(&db);
    return done ? 0 : -1;
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    *state = f;
    folder_make(f->dir);
    return empty_database() == 0 && open_with(&f->archive, f->dir, &roomy, NULL) == MV_OK ? 0 : -1;
}

static void reopen(fixture *f, const mv_archive_limits *limits)
{
    mv_archive_free(&f->archive);
    assert_int_equal(open_with(&f->archive, f->dir, limits, NULL), MV_OK);
}

static int tear_down(void **state)
{
    fixture *f = *state;
    mv_archive_free(&f->archive);
    folder_remove(f->dir);
    free(f);
    return 0;
}

static void hash_of(uint8_t out[MV_FILE_HASH_LEN], const uint8_t *bytes, size_t len)
{
    (void)crypto_generichash(out, MV_FILE_HASH_LEN, bytes, len, NULL, 0);
}

/* The whole way of one upload, in two pieces; the first error. */
static mv_status put(mv_archive *a, const mv_mailbox *mailbox, const uint8_t *hash,
                     const uint8_t *bytes, size_t len)
{
    mv_upload *u = NULL;
    mv_status st = mv_archive_begin(&u, a, mailbox, hash, len);
    if (st == MV_OK) {
        st = mv_upload_write(u, bytes, len / 2);
    }
    if (st == MV_OK) {
        st = mv_upload_write(u, bytes + len / 2, len - len / 2);
    }
    if (st == MV_OK) {
        st = mv_upload_commit(u);
    }
    mv_upload_free(&u);
    return st;
}

static mv_status put_text(mv_archive *a, const mv_mailbox *mailbox, const char *text)
{
    uint8_t hash[MV_FILE_HASH_LEN];
    hash_of(hash, (const uint8_t *)text, strlen(text));
    return put(a, mailbox, hash, (const uint8_t *)text, strlen(text));
}

static mv_status remove_from(mv_archive *a, const mv_mailbox *mailbox,
                             const uint8_t hash[MV_FILE_HASH_LEN])
{
    mv_change change = {.kind = MV_CHANGE_REMOVE, .mailbox = *mailbox};
    memcpy(change.file, hash, MV_FILE_HASH_LEN);
    return mv_archive_change(a, &change);
}

static mv_status receipt_for(mv_archive *a, const mv_mailbox *mailbox,
                             const uint8_t hash[MV_FILE_HASH_LEN], const char *text)
{
    mv_change change = {.kind = MV_CHANGE_RECEIPT,
                        .mailbox = *mailbox,
                        .receipt = (const uint8_t *)text,
                        .receipt_len = strlen(text)};
    memcpy(change.file, hash, MV_FILE_HASH_LEN);
    return mv_archive_change(a, &change);
}

static size_t count_in(mv_archive *a, const mv_mailbox *mailbox)
{
    mv_listing *l = malloc(sizeof *l);
    assert_non_null(l);
    assert_int_equal(mv_archive_list(l, a, mailbox, 0), MV_OK);
    const size_t count = l->count;
    free(l);
    return count;
}

/* Names in a subfolder of the state folder. */
static size_t entries(const char *dir, const char *sub)
{
    char path[2 * TEST_FOLDER_MAX];
    size_t count = 0;
    (void)snprintf(path, sizeof path, "%s/%s", dir, sub);
    DIR *d = opendir(path);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        count += e->d_name[0] != '.';
    }
    (void)closedir(d);
    return count;
}

static const mv_mailbox box_a = {2951, {1}}, box_b = {2951, {2}};

static void a_stored_file_comes_back_whole_and_only_from_its_mailbox(void **state)
{
    fixture *f = *state;
    const char *text = "sealed bytes";
    uint8_t hash[MV_FILE_HASH_LEN];
    char back[32] = "";
    int fd = -1;
    uint64_t len = 0;
    hash_of(hash, (const uint8_t *)text, strlen(text));
    assert_int_equal(put_text(f->archive, &box_a, text), MV_OK);
    assert_int_equal(mv_archive_get(&fd, &len, f->archive, &box_a, hash), MV_OK);
    assert_int_equal(len, strlen(text));
    assert_int_equal(read(fd, back, sizeof back), (ssize_t)len);
    assert_string_equal(back, text);
    (void)close(fd);
    assert_int_equal(mv_archive_get(&fd, &len, f->archive, &box_b, hash), MV_E_NOT_FOUND);
    assert_int_equal(fd, -1);
    assert_int_equal(count_in(f->archive, &box_b), 0);
}

static void the_same_file_twice_is_stored_once(void **state)
{
    fixture *f = *state;
    assert_int_equal(put_text(f->archive, &box_a, "x"), MV_OK);
    assert_int_equal(put_text(f->archive, &box_a, "x"), MV_E_EXISTS);
    assert_int_equal(put_text(f->archive, &box_b, "x"),
                     MV_OK); /* another mailbox is another place */
    assert_int_equal(count_in(f->archive, &box_a), 1);
}

static void a_file_with_another_hash_or_length_leaves_nothing(void **state)
{
    fixture *f = *state;
    const uint8_t bytes[4] = {1, 2, 3, 4};
    uint8_t hash[MV_FILE_HASH_LEN];
    mv_upload *u = NULL;
    hash_of(hash, bytes, 3);
    assert_int_equal(put(f->archive, &box_a, hash, bytes, 4), MV_E_AUTH);
    hash_of(hash, bytes, 4);
    assert_int_equal(mv_archive_begin(&u, f->archive, &box_a, hash, 4), MV_OK);
    assert_int_equal(mv_upload_write(u, bytes, 3), MV_OK);
    assert_int_equal(mv_upload_commit(u), MV_E_TRUNCATED);
    assert_int_equal(mv_upload_write(u, bytes, 2), MV_E_RANGE);
    mv_upload_free(&u);
    assert_int_equal(count_in(f->archive, &box_a), 0);
    assert_int_equal(entries(f->dir, "incoming"), 0);
    assert_int_equal(entries(f->dir, "blobs"), 0);
}

static void an_upload_in_progress_is_not_visible(void **state)
{
    fixture *f = *state;
    uint8_t hash[MV_FILE_HASH_LEN];
    mv_upload *u = NULL;
    hash_of(hash, (const uint8_t *)"y", 1);
    assert_int_equal(mv_archive_begin(&u, f->archive, &box_a, hash, 1), MV_OK);
    assert_int_equal(mv_upload_write(u, (const uint8_t *)"y", 1), MV_OK);
    assert_int_equal(count_in(f->archive, &box_a), 0);
    assert_int_equal(mv_upload_commit(u), MV_OK);
    assert_int_equal(count_in(f->archive, &box_a), 1);
    mv_upload_free(&u);
    assert_int_equal(count_in(f->archive, &box_a), 1);
}

static void a_removed_file_is_gone_from_the_disk_too(void **state)
{
    fixture *f = *state;
    uint8_t hash[MV_FILE_HASH_LEN];
    hash_of(hash, (const uint8_t *)"z", 1);
    assert_int_equal(put_text(f->archive, &box_a, "z"), MV_OK);
    assert_int_equal(remove_from(f->archive, &box_a, hash), MV_OK);
    assert_int_equal(remove_from(f->archive, &box_a, hash), MV_E_NOT_FOUND);
    assert_int_equal(entries(f->dir, "blobs"), 0);
}

static void files_survive_a_restart_and_leftovers_do_not(void **state)
{
    fixture *f = *state;
    char path[2 * TEST_FOLDER_MAX];
    static const char *const leftovers[] = {
        "incoming/t-0123", /* half an upload; beside others that run it is left for a day */
        "incoming/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "blobs/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    };
    assert_int_equal(put_text(f->archive, &box_a, "kept"), MV_OK);
    mv_archive_free(&f->archive);
    for (size_t i = postgres() == NULL ? 0 : 1; i < 3; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", f->dir, leftovers[i]);
        FILE *leftover = fopen(path, "w");
        assert_non_null(leftover);
        (void)fclose(leftover);
    }
    assert_int_equal(open_with(&f->archive, f->dir, &roomy, NULL), MV_OK);
    assert_int_equal(count_in(f->archive, &box_a), 1);
    assert_int_equal(entries(f->dir, "incoming"), 0);
    assert_int_equal(entries(f->dir, "blobs"), 1);
}

static void quotas_hold_for_file_mailbox_and_store_and_after_a_restart(void **state)
{
    fixture *f = *state;
    const mv_archive_limits small = {8192, 8192, 12288, 0}; /* 8192 B a file; 2 and 3 blocks */
    static uint8_t big[8193];
    uint8_t hash[MV_FILE_HASH_LEN];
    reopen(f, &small);
    hash_of(hash, big, sizeof big);
    assert_int_equal(put(f->archive, &box_a, hash, big, sizeof big), MV_E_LIMIT);
    assert_int_equal(put_text(f->archive, &box_a, "1"), MV_OK);
    assert_int_equal(put_text(f->archive, &box_a, "2"), MV_OK);
    assert_int_equal(put_text(f->archive, &box_a, "3"), MV_E_POLICY);
    assert_int_equal(put_text(f->archive, &box_b, "4"), MV_OK);
    assert_int_equal(put_text(f->archive, &box_b, "5"), MV_E_POLICY); /* the store is full */
    reopen(f, &small);
    assert_int_equal(put_text(f->archive, &box_b, "5"), MV_E_POLICY);
    hash_of(hash, (const uint8_t *)"1", 1);
    assert_int_equal(remove_from(f->archive, &box_a, hash), MV_OK);
    assert_int_equal(put_text(f->archive, &box_b, "5"), MV_OK);
}

static void two_uploads_at_once_cannot_overfill_a_mailbox(void **state)
{
    fixture *f = *state;
    const mv_archive_limits small = {4096, 4096, 1 << 20, 0};
    uint8_t hash[MV_FILE_HASH_LEN];
    mv_upload *u = NULL;
    reopen(f, &small);
    hash_of(hash, (const uint8_t *)"1", 1);
    assert_int_equal(mv_archive_begin(&u, f->archive, &box_a, hash, 1), MV_OK);
    assert_int_equal(mv_upload_write(u, (const uint8_t *)"1", 1), MV_OK);
    assert_int_equal(put_text(f->archive, &box_a, "2"), MV_OK);
    assert_int_equal(mv_upload_commit(u), MV_E_POLICY);
    mv_upload_free(&u);
    assert_int_equal(count_in(f->archive, &box_a), 1);
}

static void room_taken_by_an_upload_is_given_back_when_it_is_broken_off(void **state)
{
    fixture *f = *state;
    const mv_archive_limits small = {4096, 4096, 4096, 0};
    uint8_t hash[MV_FILE_HASH_LEN] = {9};
    mv_upload *u = NULL;
    reopen(f, &small);
    assert_int_equal(mv_archive_begin(&u, f->archive, &box_a, hash, 100), MV_OK);
    assert_int_equal(put_text(f->archive, &box_b, "1"), MV_E_POLICY);
    mv_upload_free(&u);
    assert_int_equal(put_text(f->archive, &box_b, "1"), MV_OK);
}

static void one_content_lies_once_on_disk_until_the_last_mailbox_lets_it_go(void **state)
{
    fixture *f = *state;
    uint8_t hash[MV_FILE_HASH_LEN];
    int fd = -1;
    uint64_t len = 0;
    hash_of(hash, (const uint8_t *)"shared", 6);
    assert_int_equal(put_text(f->archive, &box_a, "shared"), MV_OK);
    assert_int_equal(put_text(f->archive, &box_b, "shared"), MV_OK);
    assert_int_equal(entries(f->dir, "blobs"), 1);
    assert_int_equal(remove_from(f->archive, &box_a, hash), MV_OK);
    assert_int_equal(mv_archive_get(&fd, &len, f->archive, &box_a, hash), MV_E_NOT_FOUND);
    assert_int_equal(mv_archive_get(&fd, &len, f->archive, &box_b, hash), MV_OK);
    (void)close(fd);
    assert_int_equal(remove_from(f->archive, &box_b, hash), MV_OK);
    assert_int_equal(entries(f->dir, "blobs"), 0);
}

static void a_receipt_replaces_its_file_and_stands(void **state)
{
    fixture *f = *state;
    uint8_t hash[MV_FILE_HASH_LEN];
    mv_buffer body = mv_buffer_make(MV_RECEIPT_MAX);
    hash_of(hash, (const uint8_t *)"r", 1);
    assert_int_equal(receipt_for(f->archive, &box_a, hash, "early"), MV_E_NOT_FOUND);
    assert_int_equal(mv_archive_receipt(&body, f->archive, &box_a, hash), MV_E_NOT_FOUND);
    assert_int_equal(put_text(f->archive, &box_a, "r"), MV_OK);
    assert_int_equal(receipt_for(f->archive, &box_a, hash, "got it"), MV_OK);
    assert_int_equal(count_in(f->archive, &box_a), 0);
    assert_int_equal(entries(f->dir, "blobs"), 0);
    assert_int_equal(receipt_for(f->archive, &box_a, hash, "got it"), MV_E_EXISTS);
    assert_int_equal(receipt_for(f->archive, &box_a, hash, "other"), MV_E_MISMATCH);
    assert_int_equal(mv_archive_receipt(&body, f->archive, &box_a, hash), MV_OK);
    assert_int_equal(body.len, 6);
    assert_memory_equal(body.bytes, "got it", 6);
    assert_int_equal(put_text(f->archive, &box_a, "r"), MV_OK); /* a second sending is taken */
    assert_int_equal(receipt_for(f->archive, &box_a, hash, "got it"), MV_E_EXISTS);
    assert_int_equal(count_in(f->archive, &box_a), 0); /* and answered by the same receipt */
    mv_buffer_clear(&body);
}

static void arrivals_are_numbered_and_a_number_is_never_given_twice(void **state)
{
    fixture *f = *state;
    uint8_t hash[MV_FILE_HASH_LEN];
    mv_listing *l = malloc(sizeof *l);
    mv_epochs epochs;
    assert_non_null(l);
    hash_of(hash, (const uint8_t *)"1", 1);
    assert_int_equal(put_text(f->archive, &box_a, "1"), MV_OK);
    assert_int_equal(remove_from(f->archive, &box_a, hash), MV_OK);
    assert_int_equal(put_text(f->archive, &box_a, "2"), MV_OK);
    assert_int_equal(put_text(f->archive, &box_a, "1"), MV_OK);
    assert_int_equal(mv_archive_list(l, f->archive, &box_a, 1), MV_OK);
    assert_int_equal(l->count, 2);
    assert_int_equal(l->entry[0].seq, 2);
    assert_int_equal(l->entry[1].seq, 3);
    assert_memory_equal(l->entry[1].file, hash, sizeof hash);
    assert_int_equal(mv_archive_epochs(&epochs, f->archive), MV_OK);
    assert_int_equal(epochs.count, 1);
    assert_int_equal(epochs.waiting[0], 2951);
    free(l);
}

/* ---- uploads in parts ---- */

#define BIG_LEN (3 * MV_BLOCK_LEN + 100)

static const uint8_t *big_bytes(uint8_t hash[MV_FILE_HASH_LEN])
{
    static uint8_t bytes[BIG_LEN];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * 7 + i / 251);
    }
    hash_of(hash, bytes, sizeof bytes);
    return bytes;
}

static mv_status put_part(mv_archive *a, const uint8_t *id, const uint8_t *bytes, uint64_t offset,
                          uint64_t announced, size_t len)
{
    mv_part *part = NULL;
    mv_status st = mv_archive_part(&part, a, id, offset, announced);
    if (st == MV_OK) {
        assert_int_equal(mv_part_write(part, bytes + offset, len), MV_OK);
        st = mv_part_end(&part);
    }
    return st;
}

static mv_status gather(mv_archive *a, const uint8_t *id)
{
    mv_change change = {.kind = MV_CHANGE_GATHER};
    memcpy(change.upload_id, id, MV_UPLOAD_ID_LEN);
    return mv_archive_change(a, &change);
}

static void parts_come_in_any_order_and_survive_a_restart(void **state)
{
    fixture *f = *state;
    mv_offer offer = {.len = BIG_LEN};
    mv_ticket t;
    mv_runs *runs = malloc(sizeof *runs);
    const uint8_t *bytes = big_bytes(offer.file);
    assert_non_null(runs);
    assert_int_equal(mv_archive_offer(&t, f->archive, &box_a, &offer), MV_OK);
    assert_false(t.present);
    assert_int_equal(gather(f->archive, t.upload), MV_E_TRUNCATED);
    assert_int_equal(put_part(f->archive, t.upload, bytes, 2 * MV_BLOCK_LEN, MV_BLOCK_LEN + 100,
                              MV_BLOCK_LEN + 100),
                     MV_OK);
    /* a line that breaks after one block and a bit: the block is kept */
    assert_int_equal(put_part(f->archive, t.upload, bytes, 0, 2 * MV_BLOCK_LEN, MV_BLOCK_LEN + 5),
                     MV_E_TRUNCATED);
    assert_int_equal(gather(f->archive, t.upload), MV_E_TRUNCATED);
    reopen(f, &roomy);
    assert_int_equal(mv_archive_runs(runs, f->archive, t.upload), MV_OK);
    assert_int_equal(runs->len, BIG_LEN);
    assert_int_equal(runs->count, 2);
    assert_int_equal(runs->run[0].end, MV_BLOCK_LEN);
    assert_int_equal(runs->run[1].first, 2 * MV_BLOCK_LEN);
    assert_int_equal(runs->run[1].end, BIG_LEN);
    assert_int_equal(
        put_part(f->archive, t.upload, bytes, MV_BLOCK_LEN, MV_BLOCK_LEN, MV_BLOCK_LEN), MV_OK);
    assert_int_equal(count_in(f->archive, &box_a), 0);
    assert_int_equal(gather(f->archive, t.upload), MV_OK);
    assert_int_equal(count_in(f->archive, &box_a), 1);
    assert_int_equal(entries(f->dir, "incoming"), 0);
    assert_int_equal(gather(f->archive, t.upload), MV_E_NOT_FOUND);
    assert_int_equal(mv_archive_offer(&t, f->archive, &box_a, &offer), MV_OK);
    assert_true(t.present);
    free(runs);
}

/* The bytes of the blob of this hash are still the file's. */
static void expect_blob(mv_archive *a, const uint8_t *hash, const uint8_t *bytes, size_t len)
{
    int fd = -1;
    uint64_t there = 0;
    uint8_t *seen = malloc(len);
    assert_non_null(seen);
    assert_int_equal(mv_archive_get(&fd, &there, a, &box_a, hash), MV_OK);
    assert_int_equal(there, len);
    assert_int_equal(pread(fd, seen, len, 0), (ssize_t)len);
    assert_memory_equal(seen, bytes, len);
    (void)close(fd);
    free(seen);
}

static void nothing_is_written_into_a_file_once_its_hash_is_looked_at(void **state)
{
    fixture *f = *state;
    mv_offer offer = {.len = BIG_LEN};
    mv_ticket t;
    mv_part *late = NULL;
    const uint8_t *bytes = big_bytes(offer.file);
    const uint8_t junk[MV_BLOCK_LEN] = {1};
    assert_int_equal(mv_archive_offer(&t, f->archive, &box_a, &offer), MV_OK);
    assert_int_equal(mv_archive_part(&late, f->archive, t.upload, 0, MV_BLOCK_LEN), MV_OK);
    assert_int_equal(put_part(f->archive, t.upload, bytes, 0, BIG_LEN, BIG_LEN), MV_OK);
    assert_int_equal(gather(f->archive, t.upload), MV_OK);
    assert_int_equal(mv_part_write(late, junk, sizeof junk), MV_E_NOT_FOUND);
    assert_int_equal(mv_part_end(&late), MV_E_TRUNCATED);
    expect_blob(f->archive, offer.file, bytes, BIG_LEN);
}

static void a_part_that_does_not_fit_is_refused(void **state)
{
    fixture *f = *state;
    mv_offer offer = {.len = BIG_LEN};
    mv_ticket t;
    const uint8_t unknown[MV_UPLOAD_ID_LEN] = {7};
    const uint8_t *bytes = big_bytes(offer.file);
    assert_int_equal(mv_archive_offer(&t, f->archive, &box_a, &offer), MV_OK);
    assert_int_equal(put_part(f->archive, unknown, bytes, 0, MV_BLOCK_LEN, 0), MV_E_NOT_FOUND);
    assert_int_equal(put_part(f->archive, t.upload, bytes, 0, BIG_LEN + 1, 0), MV_E_RANGE);
    assert_int_equal(put_part(f->archive, t.upload, bytes, 4 * MV_BLOCK_LEN, 1, 0), MV_E_RANGE);
    assert_int_equal(put_part(f->archive, t.upload, bytes, 0, 100, 0), MV_E_FORMAT);
    assert_int_equal(put_part(f->archive, t.upload, bytes, 1, MV_BLOCK_LEN, 0), MV_E_FORMAT);
    assert_int_equal(mv_archive_cancel(f->archive, t.upload), MV_OK);
    assert_int_equal(mv_archive_cancel(f->archive, t.upload), MV_E_NOT_FOUND);
    assert_int_equal(entries(f->dir, "incoming"), 0);
}

static void parts_with_another_hash_are_thrown_away(void **state)
{
    fixture *f = *state;
    mv_offer offer = {.len = BIG_LEN};
    mv_ticket t;
    const uint8_t *bytes = big_bytes(offer.file);
    offer.file[0] ^= 1;
    assert_int_equal(mv_archive_offer(&t, f->archive, &box_a, &offer), MV_OK);
    assert_int_equal(put_part(f->archive, t.upload, bytes, 0, BIG_LEN, BIG_LEN), MV_OK);
    assert_int_equal(gather(f->archive, t.upload), MV_E_AUTH);
    assert_int_equal(gather(f->archive, t.upload), MV_E_NOT_FOUND);
    assert_int_equal(count_in(f->archive, &box_a), 0);
    assert_int_equal(entries(f->dir, "incoming"), 0);
    assert_int_equal(entries(f->dir, "blobs"), 0);
}

/* ---- time ---- */

#define DAY 86400

static void a_file_expires_by_served_time_and_no_jump_of_the_clock_destroys_it(void **state)
{
    fixture *f = *state;
    const mv_archive_limits short_lived = {1 << 20, 1 << 22, 1 << 23, 200};
    uint64_t expired = 0;
    int64_t now_s = 1795366800;
    reopen(f, &short_lived);
    assert_int_equal(mv_archive_tick(&expired, f->archive, now_s), MV_OK);
    assert_int_equal(put_text(f->archive, &box_a, "old"), MV_OK);
    assert_int_equal(mv_archive_tick(&expired, f->archive, now_s + 9999 * DAY), MV_OK);
    assert_int_equal(expired, 0); /* 27 years by the clock, two minutes served */
    assert_int_equal(mv_archive_tick(&expired, f->archive, now_s), MV_OK); /* and back */
    assert_int_equal(expired, 0);
    assert_int_equal(mv_archive_tick(&expired, f->archive, now_s += 60), MV_OK);
    assert_int_equal(expired, 0); /* 180 s */
    assert_int_equal(put_text(f->archive, &box_a, "young"), MV_OK);
    assert_int_equal(mv_archive_tick(&expired, f->archive, now_s += 60), MV_OK);
    assert_int_equal(expired, 1); /* 240 s */
    assert_int_equal(count_in(f->archive, &box_a), 1);
    assert_int_equal(entries(f->dir, "blobs"), 1);
}

static void an_upload_that_nobody_continues_gives_its_room_back(void **state)
{
    fixture *f = *state;
    mv_offer offer = {.len = BIG_LEN};
    mv_ticket begun, offered, lost;
    mv_archive_stats stats;
    uint64_t expired = 0;
    char path[2 * TEST_FOLDER_MAX], name[65];
    const int64_t now_s = (int64_t)time(NULL);
    const uint8_t *bytes = big_bytes(offer.file);
    assert_int_equal(mv_archive_offer(&begun, f->archive, &box_a, &offer), MV_OK);
    assert_int_equal(mv_archive_offer(&offered, f->archive, &box_a, &offer), MV_OK);
    assert_int_equal(mv_archive_offer(&lost, f->archive, &box_a, &offer), MV_OK);
    assert_int_equal(put_part(f->archive, begun.upload, bytes, 0, MV_BLOCK_LEN, MV_BLOCK_LEN),
                     MV_OK);
    mv_hex_write(name, lost.upload, sizeof lost.upload);
    (void)snprintf(path, sizeof path, "%s/incoming/%s", f->dir, name);
    assert_int_equal(unlink(path), 0); /* as a cut of the power may leave it */
    assert_int_equal(mv_archive_tick(&expired, f->archive, now_s + 300), MV_OK);
    assert_int_equal(mv_archive_count(&stats, f->archive), MV_OK);
    assert_int_equal(stats.uploads, 2);
    assert_int_equal(mv_archive_tick(&expired, f->archive, now_s + 700), MV_OK);
    assert_int_equal(mv_archive_count(&stats, f->archive), MV_OK);
    assert_int_equal(stats.uploads, 1); /* the one with a block */
    assert_int_equal(entries(f->dir, "incoming"), 2);
    assert_int_equal(mv_archive_tick(&expired, f->archive, now_s + DAY + 100), MV_OK);
    assert_int_equal(mv_archive_count(&stats, f->archive), MV_OK);
    assert_int_equal(stats.uploads, 0);
    assert_int_equal(entries(f->dir, "incoming"), 0);
}

static void an_erased_file_leaves_every_mailbox(void **state)
{
    fixture *f = *state;
    uint8_t hash[MV_FILE_HASH_LEN];
    uint64_t count = 0;
    hash_of(hash, (const uint8_t *)"gone", 4);
    assert_int_equal(put_text(f->archive, &box_a, "gone"), MV_OK);
    assert_int_equal(put_text(f->archive, &box_b, "gone"), MV_OK);
    assert_int_equal(put_text(f->archive, &box_b, "stays"), MV_OK);
    assert_int_equal(mv_archive_erase(&count, f->archive, hash), MV_OK);
    assert_int_equal(count, 2);
    assert_int_equal(count_in(f->archive, &box_a), 0);
    assert_int_equal(count_in(f->archive, &box_b), 1);
    assert_int_equal(entries(f->dir, "blobs"), 1);
}

/* ---- versions and copies ---- */

static mv_status open_db(mv_db **db, const char *dir)
{
    char path[2 * TEST_FOLDER_MAX];
    (void)snprintf(path, sizeof path, "%s/archive.db", dir);
    return postgres() != NULL ? mv_db_open(db, &mv_db_postgres, postgres(), NULL)
                              : mv_db_open(db, &mv_db_sqlite, path, NULL);
}

static void a_store_of_version_1_is_brought_to_the_present_one(void **state)
{
    fixture *f = *state;
    mv_db *db = NULL;
    int64_t version = 0;
    const uint8_t tag[32] = {1};
    uint8_t hash[MV_FILE_HASH_LEN];
    char path[2 * TEST_FOLDER_MAX], name[65];
    const mv_db_value row[] = {mv_db_bytes(tag, 32), mv_db_bytes(hash, 32)};
    hash_of(hash, (const uint8_t *)"old", 3);
    mv_archive_free(&f->archive);
    folder_remove(f->dir);
    assert_int_equal(mkdir(f->dir, 0700), 0);
    assert_int_equal(empty_database(), 0);
    assert_int_equal(open_db(&db, f->dir), MV_OK);
    assert_int_equal(mv_db_migrate(db, 1, NULL), MV_OK);
    assert_int_equal(
        mv_db_run(db, "INSERT INTO mailbox VALUES (2951, $1, 2, 4096)", row, 1, NULL, NULL), MV_OK);
    assert_int_equal(mv_db_run(db, "INSERT INTO blob VALUES ($1, 3, 1)", row + 1, 1, NULL, NULL),
                     MV_OK);
    assert_int_equal(
        mv_db_run(db, "INSERT INTO file VALUES (2951, $1, 1, $2, 3, 0)", row, 2, NULL, NULL),
        MV_OK);
    mv_db_close(&db);
    (void)snprintf(path, sizeof path, "%s/blobs", f->dir);
    assert_int_equal(mkdir(path, 0700), 0);
    mv_hex_write(name, hash, sizeof hash);
    (void)snprintf(path, sizeof path, "%s/blobs/%s", f->dir, name);
    FILE *blob = fopen(path, "w");
    assert_non_null(blob);
    (void)fputs("old", blob);
    (void)fclose(blob);

    assert_int_equal(open_with(&f->archive, f->dir, &roomy, NULL), MV_OK);
    assert_int_equal(count_in(f->archive, &box_a), 1);
    assert_int_equal(receipt_for(f->archive, &box_a, hash, "new in version 2"), MV_OK);
    mv_archive_free(&f->archive);
    assert_int_equal(open_db(&db, f->dir), MV_OK);
    assert_int_equal(mv_db_get(&version, db, "SELECT value FROM version", NULL, 0, 0), MV_OK);
    assert_int_equal(version, MV_DB_VERSION);
    mv_db_close(&db);
}

static void a_store_of_a_later_version_is_left_alone(void **state)
{
    fixture *f = *state;
    mv_db *db = NULL;
    mv_error err = {0};
    mv_archive_free(&f->archive);
    assert_int_equal(open_db(&db, f->dir), MV_OK);
    assert_int_equal(mv_db_script(db, "UPDATE version SET value = 99"), MV_OK);
    mv_db_close(&db);
    assert_int_equal(open_with(&f->archive, f->dir, &roomy, &err), MV_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "version 99"));
}

static void a_copy_has_the_same_files_receipts_and_numbers(void **state)
{
    fixture *f = *state;
    char dir[TEST_FOLDER_MAX];
    mv_archive *copy = NULL;
    uint64_t files = 0, len = 0;
    uint8_t hash[MV_FILE_HASH_LEN];
    int fd = -1;
    mv_buffer body = mv_buffer_make(MV_RECEIPT_MAX);
    mv_archive_opts opts = {.dir = dir, .limits = roomy}; /* always SQLite */
    folder_make(dir);
    assert_int_equal(put_text(f->archive, &box_a, "one"), MV_OK);
    assert_int_equal(put_text(f->archive, &box_b, "one"), MV_OK);
    assert_int_equal(put_text(f->archive, &box_a, "two"), MV_OK);
    hash_of(hash, (const uint8_t *)"two", 3);
    assert_int_equal(receipt_for(f->archive, &box_a, hash, "yes"), MV_OK);
    assert_int_equal(mv_archive_open(&copy, &opts, NULL), MV_OK);
    assert_int_equal(mv_archive_copy(copy, f->archive, &files, NULL), MV_OK);
    assert_int_equal(files, 1);
    assert_int_equal(count_in(copy, &box_a), 1);
    assert_int_equal(mv_archive_receipt(&body, copy, &box_a, hash), MV_OK);
    assert_int_equal(put_text(copy, &box_a, "three"), MV_OK);
    mv_listing *l = malloc(sizeof *l);
    assert_non_null(l);
    assert_int_equal(mv_archive_list(l, copy, &box_a, 2), MV_OK);
    assert_int_equal(l->count, 1);
    assert_int_equal(l->entry[0].seq, 3);
    free(l);
    hash_of(hash, (const uint8_t *)"one", 3);
    assert_int_equal(mv_archive_get(&fd, &len, copy, &box_b, hash), MV_OK);
    (void)close(fd);
    assert_int_equal(mv_archive_copy(copy, f->archive, &files, NULL), MV_E_EXISTS);
    mv_archive_free(&copy);
    folder_remove(dir);
    mv_buffer_clear(&body);
}

static void one_folder_serves_one_archive_or_all_of_one_postgres(void **state)
{
    fixture *f = *state;
    mv_archive *second = NULL;
    mv_error err = {0};
    if (postgres() != NULL) { /* relays on one PostgreSQL share the folder and see the same */
        assert_int_equal(open_with(&second, f->dir, &roomy, &err), MV_OK);
        assert_int_equal(put_text(f->archive, &box_a, "here"), MV_OK);
        assert_int_equal(put_text(second, &box_a, "here"), MV_E_EXISTS);
        assert_int_equal(put_text(second, &box_a, "there"), MV_OK);
        assert_int_equal(count_in(f->archive, &box_a), 2);
        mv_archive_free(&second);
        return;
    }
    assert_int_equal(open_with(&second, f->dir, &roomy, &err), MV_E_BUSY);
    assert_null(second);
    assert_true(err.text[0] != '\0');
}

static void a_folder_that_cannot_be_used_is_said_so(void **state)
{
    mv_archive *a = NULL;
    mv_error err = {0};
    (void)state;
    assert_int_equal(open_with(&a, "/proc/none", &roomy, &err), MV_E_IO);
    assert_non_null(strstr(err.text, "/proc/none"));
}

static void foreign_names_in_the_folder_are_left_alone(void **state)
{
    fixture *f = *state;
    char path[3 * TEST_FOLDER_MAX];
    (void)snprintf(path, sizeof path, "%s/blobs/notes.txt", f->dir);
    FILE *foreign = fopen(path, "w");
    assert_non_null(foreign);
    (void)fclose(foreign);
    reopen(f, &roomy);
    assert_int_equal(access(path, F_OK), 0);
}

/* Rows without bytes: fast, and a listing asks for nothing else. */
static void a_long_mailbox_is_listed_page_by_page_in_order(void **state)
{
    fixture *f = *state;
    const size_t total = MV_LISTING_MAX + 7;
    mv_db *db = NULL;
    mv_listing *l = malloc(sizeof *l);
    assert_non_null(l);
    assert_int_equal(open_db(&db, f->dir), MV_OK);
    assert_int_equal(mv_db_begin(db), MV_OK);
    for (size_t i = 1; i <= total; i++) {
        uint8_t hash[MV_FILE_HASH_LEN];
        hash_of(hash, (const uint8_t *)&i, sizeof i);
        const mv_db_value row[] = {mv_db_bytes(box_a.tag, MV_TAG_LEN), mv_db_number((int64_t)i),
                                   mv_db_bytes(hash, sizeof hash)};
        assert_int_equal(
            mv_db_run(db, "INSERT INTO file VALUES (2951, $1, $2, $3, 1, 0)", row, 3, NULL, NULL),
            MV_OK);
    }
    assert_int_equal(mv_db_commit(db), MV_OK);
    mv_db_close(&db);
    assert_int_equal(mv_archive_list(l, f->archive, &box_a, 0), MV_OK);
    assert_int_equal(l->count, MV_LISTING_MAX);
    assert_true(l->more);
    for (size_t i = 0; i < l->count; i++) {
        assert_int_equal(l->entry[i].seq, i + 1);
    }
    assert_int_equal(mv_archive_list(l, f->archive, &box_a, MV_LISTING_MAX), MV_OK);
    assert_int_equal(l->count, 7);
    assert_false(l->more);
    free(l);
}

#define THREADS 4
#define ROUNDS  40

static void *put_and_remove(void *user)
{
    mv_archive *a = user;
    char text[16];
    uint8_t hash[MV_FILE_HASH_LEN];
    for (int i = 0; i < ROUNDS; i++) { /* all threads fight for the same names */
        (void)snprintf(text, sizeof text, "%d", i % 3);
        hash_of(hash, (const uint8_t *)text, strlen(text));
        const mv_status st = put_text(a, &box_a, text);
        if (st != MV_OK && st != MV_E_EXISTS) {
            return a;
        }
        const mv_status removed = remove_from(a, &box_a, hash);
        if (removed != MV_OK && removed != MV_E_NOT_FOUND) {
            return a;
        }
    }
    return NULL;
}

static void many_threads_leave_a_consistent_store(void **state)
{
    fixture *f = *state;
    pthread_t thread[THREADS];
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&thread[i], NULL, put_and_remove, f->archive), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(thread[i], &failed), 0);
        assert_null(failed);
    }
    assert_int_equal(count_in(f->archive, &box_a), 0);
    assert_int_equal(entries(f->dir, "incoming"), 0);
    assert_int_equal(entries(f->dir, "blobs"), 0);
}

/* ---- a database that goes away ---- */

#define WRITES_MAX 20000

typedef struct busy_writer {
    mv_archive *archive;
    atomic_bool over; /* no restart will follow */
    bool stored[WRITES_MAX];
    int count;
} busy_writer;

/* Until 20 files were confirmed after the last restart. */
static void *write_on(void *user)
{
    busy_writer *w = user;
    for (int left = 20; left > 0 && w->count < WRITES_MAX; w->count++) {
        char text[16];
        (void)snprintf(text, sizeof text, "n%d", w->count);
        const bool counts = atomic_load(&w->over);
        const mv_status st = put_text(w->archive, &box_a, text);
        w->stored[w->count] = st == MV_OK;
        left -= counts && st == MV_OK;
        if (st != MV_OK && st != MV_E_BUSY) {
            return w;
        }
        (void)usleep(5000);
    }
    return NULL;
}

static void a_database_that_restarts_loses_nothing_that_was_confirmed(void **state)
{
    fixture *f = *state;
    const char *restart = getenv("MEDVEIL_TEST_POSTGRES_RESTART");
    busy_writer *w = calloc(1, sizeof *w);
    pthread_t thread;
    void *failed = NULL;
    assert_non_null(w);
    w->archive = f->archive;
    assert_int_equal(pthread_create(&thread, NULL, write_on, w), 0);
    for (int i = 0; i < 3; i++) {
        (void)usleep(300000);
        if (restart != NULL) {
            assert_int_equal(system(restart), 0);
        }
    }
    atomic_store(&w->over, true);
    assert_int_equal(pthread_join(thread, &failed), 0);
    assert_null(failed);
    assert_true(w->count < WRITES_MAX); /* it recovered */
    for (int i = 0; i < w->count; i++) {
        char text[16];
        uint8_t hash[MV_FILE_HASH_LEN];
        int fd = -1;
        uint64_t len = 0;
        const int text_len = snprintf(text, sizeof text, "n%d", i);
        hash_of(hash, (const uint8_t *)text, (size_t)text_len);
        const mv_status st = mv_archive_get(&fd, &len, f->archive, &box_a, hash);
        assert_true(st == MV_OK || !w->stored[i]); /* unconfirmed ones may be there too */
        if (st == MV_OK) {
            (void)close(fd);
        }
    }
    free(w);
}

/* ---- galleries ---- */

static const mv_archive_limits for_galleries = {1 << 25, 1 << 26, 1 << 27, 0};
static const uint8_t gallery_name[MV_GALLERY_NAME_LEN] = {7}, sender_key[MV_GALLERY_NAME_LEN] = {8};

typedef struct holder {
    mv_search_key *key;
    uint8_t *message; /* room for any */
    mv_search_sizes size;
} holder;

static void holder_make(holder *h, mv_archive *a)
{
    static const uint8_t collection[32] = {1}, head[MV_SEARCH_HASH_LEN] = {2};
    h->size = mv_search_message_sizes();
    h->message = malloc(h->size.server_keys);
    assert_non_null(h->message);
    assert_int_equal(mv_search_key_new(&h->key, collection, head), MV_OK);
    assert_int_equal(mv_search_write_server(h->key, h->message, h->size.server_keys), MV_OK);
    assert_int_equal(mv_archive_gallery_put(a, gallery_name, MV_ARCHIVE_SEARCH_KEYS, sender_key,
                                            h->message, h->size.server_keys),
                     MV_OK);
}

static void holder_free(holder *h)
{
    mv_search_key_free(&h->key);
    free(h->message);
}

/* count rows, row i having the id 1 + i and the number 1 + i in its first place. */
static void add_rows(holder *h, mv_gallery *g, uint32_t count)
{
    int8_t value[4 * MV_SEARCH_DIM] = {0};
    uint8_t ids[4 * MV_SEARCH_ROW_ID] = {0};
    for (uint32_t i = 0; i < count; i++) {
        value[i * MV_SEARCH_DIM] = (int8_t)(1 + i);
        ids[i * MV_SEARCH_ROW_ID] = (uint8_t)(1 + i);
    }
    assert_int_equal(mv_search_pack(h->key, h->message, h->size.group, value, count), MV_OK);
    assert_int_equal(mv_gallery_append_group(g, ids, count, h->message, h->size.group, NULL),
                     MV_OK);
}

/* The scores of a query of 5 in the first place. */
static size_t scores_of(holder *h, mv_gallery *g, int32_t *score, size_t cap)
{
    const int8_t query[MV_SEARCH_DIM] = {5};
    uint8_t *reply = NULL;
    size_t len = 0;
    assert_int_equal(mv_search_query(h->key, h->message, h->size.query, query), MV_OK);
    assert_int_equal(mv_gallery_scan(g, &reply, &len, h->message, h->size.query, 1, NULL, NULL),
                     MV_OK);
    const size_t rows = mv_search_reply_rows(h->key, reply, len);
    assert_int_equal(mv_search_scores(h->key, score, cap, reply, len), MV_OK);
    free(reply);
    return rows;
}

static void galleries_live_in_the_archive(void **state)
{
    fixture *f = *state;
    holder h;
    mv_gallery *g = NULL;
    mv_error err = {0};
    int32_t score[256];
    uint8_t found[MV_GALLERY_NAME_LEN];
    int64_t version = 0;
    reopen(f, &for_galleries);
    assert_int_equal(mv_archive_gallery_open(&g, f->archive, gallery_name, &err), MV_E_NOT_FOUND);
    assert_int_equal(mv_archive_gallery_version(&version, f->archive, gallery_name), MV_OK);
    assert_int_equal(version, -1);
    holder_make(&h, f->archive);
    assert_int_equal(mv_archive_gallery_sender(found, f->archive, gallery_name), MV_OK);
    assert_memory_equal(found, sender_key, sizeof found);
    assert_int_equal(mv_archive_gallery_open(&g, f->archive, gallery_name, &err), MV_OK);
    add_rows(&h, g, 3);
    assert_int_equal(scores_of(&h, g, score, 256), 3);
    assert_int_equal(score[2], 15);
    mv_gallery_free(&g);
    reopen(f, &for_galleries); /* nothing of it was in memory only */
    assert_int_equal(mv_archive_gallery_open(&g, f->archive, gallery_name, &err), MV_OK);
    uint8_t id[MV_SEARCH_ROW_ID] = {2};
    assert_int_equal(mv_gallery_remove(g, id, &err), MV_OK);
    assert_int_equal(scores_of(&h, g, score, 256), 3);
    assert_int_equal(score[1], 10);
    mv_gallery_free(&g);
    holder_free(&h);
}

static void who_changes_a_gallery_behind_anothers_back_is_noticed(void **state)
{
    fixture *f = *state;
    holder h;
    mv_gallery *one = NULL, *two = NULL;
    mv_error err = {0};
    int32_t score[256];
    uint8_t id[MV_SEARCH_ROW_ID] = {1};
    reopen(f, &for_galleries);
    holder_make(&h, f->archive);
    assert_int_equal(mv_archive_gallery_open(&one, f->archive, gallery_name, &err), MV_OK);
    assert_int_equal(mv_archive_gallery_open(&two, f->archive, gallery_name, &err), MV_OK);
    add_rows(&h, one, 1);
    assert_int_equal(mv_gallery_remove(two, id, &err), MV_E_NOT_FOUND); /* it has not seen it */
    id[0] = 9;
    const int8_t value[MV_SEARCH_DIM] = {1};
    assert_int_equal(mv_search_pack(h.key, h.message, h.size.group, value, 1), MV_OK);
    assert_int_equal(mv_gallery_append_group(two, id, 1, h.message, h.size.group, &err), MV_E_BUSY);
    assert_int_equal(mv_gallery_rows(two), 0); /* and nothing of it remains */
    assert_int_equal(scores_of(&h, one, score, 256), 1);
    mv_gallery_free(&one);
    mv_gallery_free(&two);
    holder_free(&h);
}

typedef struct one_group {
    holder *h;
    mv_gallery *g;
    uint8_t *stored;
    bool given;
} one_group;

static mv_status give_group(void *user, mv_gallery_change *out, bool *more)
{
    one_group *o = user;
    const int8_t value[MV_SEARCH_DIM] = {7};
    const uint8_t id[MV_SEARCH_ROW_ID] = {77};
    *more = !o->given;
    if (o->given) {
        return MV_OK;
    }
    o->given = true;
    assert_int_equal(mv_search_pack(o->h->key, o->h->message, o->h->size.group, value, 1), MV_OK);
    return mv_gallery_regroup(o->g, out, o->stored, 0, id, 1, o->h->message, o->h->size.group);
}

static void a_gallery_is_replaced_all_at_once_or_not_at_all(void **state)
{
    fixture *f = *state;
    holder h;
    mv_error err = {0};
    int32_t score[256];
    mv_archive_stats before, after;
    one_group o = {.h = &h, .stored = malloc(mv_gallery_change_size())};
    reopen(f, &for_galleries);
    holder_make(&h, f->archive);
    assert_int_equal(mv_archive_gallery_open(&o.g, f->archive, gallery_name, &err), MV_OK);
    add_rows(&h, o.g, 3);
    assert_int_equal(mv_archive_count(&before, f->archive), MV_OK);
    assert_int_equal(mv_archive_gallery_replace(f->archive, gallery_name, 4, give_group, &o),
                     MV_E_MISMATCH);
    assert_int_equal(scores_of(&h, o.g, score, 256), 3);
    o.given = false;
    assert_int_equal(mv_archive_gallery_replace(f->archive, gallery_name, 3, give_group, &o),
                     MV_OK);
    mv_gallery_free(&o.g);
    assert_int_equal(mv_archive_count(&after, f->archive), MV_OK);
    assert_int_equal(before.bytes, after.bytes); /* one group before and after */
    assert_int_equal(mv_archive_gallery_open(&o.g, f->archive, gallery_name, &err), MV_OK);
    assert_int_equal(scores_of(&h, o.g, score, 256), 1);
    assert_int_equal(score[0], 35);
    mv_gallery_free(&o.g);
    free(o.stored);
    holder_free(&h);
}

static void a_copy_of_the_store_has_its_galleries_and_their_questions(void **state)
{
    fixture *f = *state;
    holder h;
    mv_gallery *g = NULL;
    mv_archive *copy = NULL;
    char dir[TEST_FOLDER_MAX];
    int32_t score[256];
    uint64_t files = 0;
    mv_archive_opts opts = {.dir = dir, .limits = for_galleries};
    folder_make(dir);
    reopen(f, &for_galleries);
    holder_make(&h, f->archive);
    assert_int_equal(mv_archive_gallery_open(&g, f->archive, gallery_name, NULL), MV_OK);
    add_rows(&h, g, 4);
    mv_gallery_free(&g);
    assert_int_equal(mv_archive_gallery_ask(f->archive, gallery_name, sender_key, 2), MV_OK);
    assert_int_equal(mv_archive_open(&copy, &opts, NULL), MV_OK);
    assert_int_equal(mv_archive_copy(copy, f->archive, &files, NULL), MV_OK);
    assert_int_equal(files, 2);
    assert_int_equal(mv_archive_gallery_open(&g, copy, gallery_name, NULL), MV_OK);
    assert_int_equal(scores_of(&h, g, score, 256), 4);
    assert_int_equal(score[3], 20);
    mv_gallery_free(&g);
    assert_int_equal(mv_archive_gallery_ask(copy, gallery_name, sender_key, 2), MV_OK);
    assert_int_equal(mv_archive_gallery_ask(copy, gallery_name, sender_key, 2), MV_E_POLICY);
    mv_archive_free(&copy);
    folder_remove(dir);
    holder_free(&h);
}

static void a_gallery_keeps_to_the_quota_of_its_mailbox_and_does_not_expire(void **state)
{
    fixture *f = *state;
    holder h;
    const mv_archive_limits tight = {1 << 22, 1 << 22, 1 << 24, 100};
    const mv_mailbox box = {0, {7}};
    uint8_t hash[MV_FILE_HASH_LEN];
    uint64_t expired = 0;
    reopen(f, &tight);
    holder_make(&h, f->archive); /* 2 of 4 MB */
    uint8_t *big = calloc(1, 3 << 20);
    assert_non_null(big);
    hash_of(hash, big, 3 << 20);
    assert_int_equal(put(f->archive, &box, hash, big, 3 << 20), MV_E_POLICY);
    assert_int_equal(put_text(f->archive, &box, "an image"), MV_OK);
    for (int64_t minute = 1; minute < 10; minute++) {
        assert_int_equal(mv_archive_tick(&expired, f->archive, 1000000 + 60 * minute), MV_OK);
        assert_int_equal(expired, 0);
    }
    assert_int_equal(put(f->archive, &box, hash, big, 3 << 20), MV_E_POLICY);
    free(big);
    holder_free(&h);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(a_stored_file_comes_back_whole_and_only_from_its_mailbox),
        WITH_FOLDER(the_same_file_twice_is_stored_once),
        WITH_FOLDER(a_file_with_another_hash_or_length_leaves_nothing),
        WITH_FOLDER(an_upload_in_progress_is_not_visible),
        WITH_FOLDER(a_removed_file_is_gone_from_the_disk_too),
        WITH_FOLDER(files_survive_a_restart_and_leftovers_do_not),
        WITH_FOLDER(quotas_hold_for_file_mailbox_and_store_and_after_a_restart),
        WITH_FOLDER(two_uploads_at_once_cannot_overfill_a_mailbox),
        WITH_FOLDER(one_content_lies_once_on_disk_until_the_last_mailbox_lets_it_go),
        WITH_FOLDER(a_receipt_replaces_its_file_and_stands),
        WITH_FOLDER(arrivals_are_numbered_and_a_number_is_never_given_twice),
        WITH_FOLDER(parts_come_in_any_order_and_survive_a_restart),
        WITH_FOLDER(nothing_is_written_into_a_file_once_its_hash_is_looked_at),
        WITH_FOLDER(a_part_that_does_not_fit_is_refused),
        WITH_FOLDER(parts_with_another_hash_are_thrown_away),
        WITH_FOLDER(a_file_expires_by_served_time_and_no_jump_of_the_clock_destroys_it),
        WITH_FOLDER(an_upload_that_nobody_continues_gives_its_room_back),
        WITH_FOLDER(an_erased_file_leaves_every_mailbox),
        WITH_FOLDER(a_store_of_version_1_is_brought_to_the_present_one),
        WITH_FOLDER(a_store_of_a_later_version_is_left_alone),
        WITH_FOLDER(a_copy_has_the_same_files_receipts_and_numbers),
        WITH_FOLDER(room_taken_by_an_upload_is_given_back_when_it_is_broken_off),
        WITH_FOLDER(one_folder_serves_one_archive_or_all_of_one_postgres),
        cmocka_unit_test(a_folder_that_cannot_be_used_is_said_so),
        WITH_FOLDER(foreign_names_in_the_folder_are_left_alone),
        WITH_FOLDER(a_long_mailbox_is_listed_page_by_page_in_order),
        WITH_FOLDER(a_database_that_restarts_loses_nothing_that_was_confirmed),
        WITH_FOLDER(many_threads_leave_a_consistent_store),
        WITH_FOLDER(galleries_live_in_the_archive),
        WITH_FOLDER(who_changes_a_gallery_behind_anothers_back_is_noticed),
        WITH_FOLDER(a_gallery_is_replaced_all_at_once_or_not_at_all),
        WITH_FOLDER(a_copy_of_the_store_has_its_galleries_and_their_questions),
        WITH_FOLDER(a_gallery_keeps_to_the_quota_of_its_mailbox_and_does_not_expire),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
