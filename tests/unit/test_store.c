/* SPDX-License-Identifier: Apache-2.0
 *
 * test_store.c: sentences about src/store: mailboxes on disk.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <pthread.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include "folder.h"
#include "store/archive.h"
#include "store/usage.h"
#include "wire/hex.h"

static const mv_archive_limits roomy = {1 << 20, 1 << 22, 1 << 23};

typedef struct fixture {
    char dir[TEST_FOLDER_MAX];
    mv_archive *archive;
} fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    *state = f;
    folder_make(f->dir);
    return mv_archive_open(&f->archive, f->dir, &roomy, NULL) == MV_OK ? 0 : -1;
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
static mv_status put(mv_archive *a, const uint8_t *mailbox, const uint8_t *hash,
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

static mv_status put_text(mv_archive *a, const uint8_t *mailbox, const char *text)
{
    uint8_t hash[MV_FILE_HASH_LEN];
    hash_of(hash, (const uint8_t *)text, strlen(text));
    return put(a, mailbox, hash, (const uint8_t *)text, strlen(text));
}

static size_t count_in(const mv_archive *a, const uint8_t *mailbox)
{
    static const uint8_t start[MV_FILE_HASH_LEN];
    mv_listing *l = malloc(sizeof *l);
    assert_non_null(l);
    assert_int_equal(mv_archive_list(l, a, mailbox, start), MV_OK);
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

static const uint8_t box_a[MV_MAILBOX_LEN] = {1}, box_b[MV_MAILBOX_LEN] = {2};

static void a_stored_file_comes_back_whole_and_only_from_its_mailbox(void **state)
{
    fixture *f = *state;
    const char *text = "sealed bytes";
    uint8_t hash[MV_FILE_HASH_LEN];
    char back[32] = "";
    int fd = -1;
    uint64_t len = 0;
    hash_of(hash, (const uint8_t *)text, strlen(text));
    assert_int_equal(put_text(f->archive, box_a, text), MV_OK);
    assert_int_equal(mv_archive_get(&fd, &len, f->archive, box_a, hash), MV_OK);
    assert_int_equal(len, strlen(text));
    assert_int_equal(read(fd, back, sizeof back), (ssize_t)len);
    assert_string_equal(back, text);
    (void)close(fd);
    assert_int_equal(mv_archive_get(&fd, &len, f->archive, box_b, hash), MV_E_NOT_FOUND);
    assert_int_equal(fd, -1);
    assert_int_equal(count_in(f->archive, box_b), 0);
}

static void the_same_file_twice_is_stored_once(void **state)
{
    fixture *f = *state;
    assert_int_equal(put_text(f->archive, box_a, "x"), MV_OK);
    assert_int_equal(put_text(f->archive, box_a, "x"), MV_E_EXISTS);
    assert_int_equal(put_text(f->archive, box_b, "x"),
                     MV_OK); /* another mailbox is another place */
    assert_int_equal(count_in(f->archive, box_a), 1);
}

static void a_file_with_another_hash_or_length_leaves_nothing(void **state)
{
    fixture *f = *state;
    const uint8_t bytes[4] = {1, 2, 3, 4};
    uint8_t hash[MV_FILE_HASH_LEN];
    mv_upload *u = NULL;
    hash_of(hash, bytes, 3);
    assert_int_equal(put(f->archive, box_a, hash, bytes, 4), MV_E_AUTH);
    hash_of(hash, bytes, 4);
    assert_int_equal(mv_archive_begin(&u, f->archive, box_a, hash, 4), MV_OK);
    assert_int_equal(mv_upload_write(u, bytes, 3), MV_OK);
    assert_int_equal(mv_upload_commit(u), MV_E_TRUNCATED);
    assert_int_equal(mv_upload_write(u, bytes, 2), MV_E_RANGE);
    mv_upload_free(&u);
    assert_int_equal(count_in(f->archive, box_a), 0);
    assert_int_equal(entries(f->dir, "incoming"), 0);
    assert_int_equal(entries(f->dir, "mailboxes"), 0);
}

static void an_upload_in_progress_is_not_visible(void **state)
{
    fixture *f = *state;
    uint8_t hash[MV_FILE_HASH_LEN];
    mv_upload *u = NULL;
    hash_of(hash, (const uint8_t *)"y", 1);
    assert_int_equal(mv_archive_begin(&u, f->archive, box_a, hash, 1), MV_OK);
    assert_int_equal(mv_upload_write(u, (const uint8_t *)"y", 1), MV_OK);
    assert_int_equal(count_in(f->archive, box_a), 0);
    assert_int_equal(mv_upload_commit(u), MV_OK);
    assert_int_equal(count_in(f->archive, box_a), 1);
    mv_upload_free(&u);
    assert_int_equal(count_in(f->archive, box_a), 1);
}

static void a_removed_file_is_gone_and_its_empty_mailbox_too(void **state)
{
    fixture *f = *state;
    uint8_t hash[MV_FILE_HASH_LEN];
    hash_of(hash, (const uint8_t *)"z", 1);
    assert_int_equal(put_text(f->archive, box_a, "z"), MV_OK);
    assert_int_equal(mv_archive_remove(f->archive, box_a, hash), MV_OK);
    assert_int_equal(mv_archive_remove(f->archive, box_a, hash), MV_E_NOT_FOUND);
    assert_int_equal(entries(f->dir, "mailboxes"), 0);
}

static void files_survive_a_restart_and_leftovers_do_not(void **state)
{
    fixture *f = *state;
    char path[2 * TEST_FOLDER_MAX];
    assert_int_equal(put_text(f->archive, box_a, "kept"), MV_OK);
    mv_archive_free(&f->archive);
    (void)snprintf(path, sizeof path, "%s/incoming/leftover", f->dir);
    FILE *leftover = fopen(path, "w");
    assert_non_null(leftover);
    (void)fclose(leftover);
    assert_int_equal(mv_archive_open(&f->archive, f->dir, &roomy, NULL), MV_OK);
    assert_int_equal(count_in(f->archive, box_a), 1);
    assert_int_equal(entries(f->dir, "incoming"), 0);
}

static void quotas_hold_for_file_mailbox_and_store_and_after_a_restart(void **state)
{
    fixture *f = *state;
    const mv_archive_limits small = {8192, 8192, 12288}; /* 8192 B a file; 2 and 3 blocks */
    static uint8_t big[8193];
    uint8_t hash[MV_FILE_HASH_LEN];
    mv_archive_free(&f->archive);
    assert_int_equal(mv_archive_open(&f->archive, f->dir, &small, NULL), MV_OK);
    hash_of(hash, big, sizeof big);
    assert_int_equal(put(f->archive, box_a, hash, big, sizeof big), MV_E_LIMIT);
    assert_int_equal(put_text(f->archive, box_a, "1"), MV_OK);
    assert_int_equal(put_text(f->archive, box_a, "2"), MV_OK);
    assert_int_equal(put_text(f->archive, box_a, "3"), MV_E_POLICY);
    assert_int_equal(put_text(f->archive, box_b, "1"), MV_OK);
    assert_int_equal(put_text(f->archive, box_b, "2"), MV_E_POLICY); /* the store is full */
    mv_archive_free(&f->archive);
    assert_int_equal(mv_archive_open(&f->archive, f->dir, &small, NULL), MV_OK);
    assert_int_equal(put_text(f->archive, box_b, "2"), MV_E_POLICY);
    hash_of(hash, (const uint8_t *)"1", 1);
    assert_int_equal(mv_archive_remove(f->archive, box_a, hash), MV_OK);
    assert_int_equal(put_text(f->archive, box_b, "2"), MV_OK);
}

static void room_taken_by_an_upload_is_given_back_when_it_is_broken_off(void **state)
{
    fixture *f = *state;
    const mv_archive_limits small = {4096, 4096, 4096};
    uint8_t hash[MV_FILE_HASH_LEN] = {9};
    mv_upload *u = NULL;
    mv_archive_free(&f->archive);
    assert_int_equal(mv_archive_open(&f->archive, f->dir, &small, NULL), MV_OK);
    assert_int_equal(mv_archive_begin(&u, f->archive, box_a, hash, 100), MV_OK);
    assert_int_equal(put_text(f->archive, box_b, "1"), MV_E_POLICY);
    mv_upload_free(&u);
    assert_int_equal(put_text(f->archive, box_b, "1"), MV_OK);
}

static void one_folder_serves_one_archive_at_a_time(void **state)
{
    fixture *f = *state;
    mv_archive *second = NULL;
    mv_error err = {0};
    assert_int_equal(mv_archive_open(&second, f->dir, &roomy, &err), MV_E_BUSY);
    assert_null(second);
    assert_true(err.text[0] != '\0');
}

static void a_folder_that_cannot_be_used_is_said_so(void **state)
{
    mv_archive *a = NULL;
    mv_error err = {0};
    (void)state;
    assert_int_equal(mv_archive_open(&a, "/proc/none", &roomy, &err), MV_E_IO);
    assert_non_null(strstr(err.text, "/proc/none"));
}

static void foreign_names_in_the_folder_are_left_alone_and_not_listed(void **state)
{
    fixture *f = *state;
    char path[3 * TEST_FOLDER_MAX], box[65];
    assert_int_equal(put_text(f->archive, box_a, "mine"), MV_OK);
    mv_hex_write(box, box_a, MV_MAILBOX_LEN);
    (void)snprintf(path, sizeof path, "%s/mailboxes/%s/notes.txt", f->dir, box);
    FILE *foreign = fopen(path, "w");
    assert_non_null(foreign);
    (void)fclose(foreign);
    assert_int_equal(count_in(f->archive, box_a), 1);
    mv_archive_free(&f->archive);
    assert_int_equal(mv_archive_open(&f->archive, f->dir, &roomy, NULL), MV_OK);
    assert_int_equal(access(path, F_OK), 0);
}

static void a_long_mailbox_is_listed_page_by_page_in_order(void **state)
{
    fixture *f = *state;
    const size_t total = MV_LISTING_MAX + 7;
    char box[65], name[65], path[3 * TEST_FOLDER_MAX];
    uint8_t after[MV_FILE_HASH_LEN] = {0}, hash[MV_FILE_HASH_LEN];
    mv_listing *l = malloc(sizeof *l);
    assert_non_null(l);
    assert_int_equal(put_text(f->archive, box_a, "first"), MV_OK); /* makes the folder */
    mv_hex_write(box, box_a, MV_MAILBOX_LEN);
    for (size_t i = 1; i < total; i++) { /* empty files with the right names: fast */
        hash_of(hash, (const uint8_t *)&i, sizeof i);
        mv_hex_write(name, hash, sizeof hash);
        (void)snprintf(path, sizeof path, "%s/mailboxes/%s/%s", f->dir, box, name);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        (void)fclose(file);
    }
    assert_int_equal(mv_archive_list(l, f->archive, box_a, after), MV_OK);
    assert_int_equal(l->count, MV_LISTING_MAX);
    assert_true(l->more);
    for (size_t i = 1; i < l->count; i++) {
        assert_true(memcmp(l->entry[i - 1].file, l->entry[i].file, MV_FILE_HASH_LEN) < 0);
    }
    memcpy(after, l->entry[l->count - 1].file, sizeof after);
    assert_int_equal(mv_archive_list(l, f->archive, box_a, after), MV_OK);
    assert_int_equal(l->count, 7);
    assert_false(l->more);
    assert_true(memcmp(l->entry[0].file, after, sizeof after) > 0);
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
        const mv_status st = put_text(a, box_a, text);
        if (st != MV_OK && st != MV_E_EXISTS) {
            return a;
        }
        const mv_status removed = mv_archive_remove(a, box_a, hash);
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
    assert_int_equal(count_in(f->archive, box_a), 0);
    assert_int_equal(entries(f->dir, "incoming"), 0);
    assert_int_equal(entries(f->dir, "mailboxes"), 0);
}

static void usage_counts_whole_blocks_and_forgets_empty_mailboxes(void **state)
{
    mv_usage u = {0};
    (void)state;
    assert_int_equal(mv_usage_charge(0), 4096);
    assert_int_equal(mv_usage_charge(4096), 4096);
    assert_int_equal(mv_usage_charge(4097), 8192);
    for (unsigned i = 0; i < 200; i++) { /* in an order that is not sorted */
        uint8_t box[MV_MAILBOX_LEN] = {(uint8_t)(i * 77)};
        assert_int_equal(mv_usage_add(&u, box, i), MV_OK);
    }
    assert_int_equal(u.count, 200);
    assert_int_equal(mv_usage_of(&u, box_a), 4096);
    assert_int_equal(mv_usage_add(&u, box_a, 4097), MV_OK);
    assert_int_equal(mv_usage_of(&u, box_a), 12288);
    assert_false(mv_usage_remove(&u, box_a, 4097));
    assert_true(mv_usage_remove(&u, box_a, 1));
    assert_int_equal(mv_usage_of(&u, box_a), 0);
    assert_int_equal(u.bytes, 199 * 4096);
    mv_usage_clear(&u);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(a_stored_file_comes_back_whole_and_only_from_its_mailbox),
        WITH_FOLDER(the_same_file_twice_is_stored_once),
        WITH_FOLDER(a_file_with_another_hash_or_length_leaves_nothing),
        WITH_FOLDER(an_upload_in_progress_is_not_visible),
        WITH_FOLDER(a_removed_file_is_gone_and_its_empty_mailbox_too),
        WITH_FOLDER(files_survive_a_restart_and_leftovers_do_not),
        WITH_FOLDER(quotas_hold_for_file_mailbox_and_store_and_after_a_restart),
        WITH_FOLDER(room_taken_by_an_upload_is_given_back_when_it_is_broken_off),
        WITH_FOLDER(one_folder_serves_one_archive_at_a_time),
        cmocka_unit_test(a_folder_that_cannot_be_used_is_said_so),
        WITH_FOLDER(foreign_names_in_the_folder_are_left_alone_and_not_listed),
        WITH_FOLDER(a_long_mailbox_is_listed_page_by_page_in_order),
        WITH_FOLDER(many_threads_leave_a_consistent_store),
        cmocka_unit_test(usage_counts_whole_blocks_and_forgets_empty_mailboxes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
