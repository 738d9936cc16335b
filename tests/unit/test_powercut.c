/* SPDX-License-Identifier: Apache-2.0
 *
 * test_powercut.c: the power goes at every point at which the store changes a file. What a disk
 * then holds is rebuilt twice, at its worst both ways: of bytes only those flushed, of names in a
 * folder that was not flushed since either the old ones or the new ones. (SQLite's own files are
 * taken as they are: its commit is flushed, and how it survives a cut is its own and well tested.)
 * A store opened on each must have every file that was confirmed, whole, none that was removed, and
 * nothing else on its disk.
 *
 * With MEDVEIL_TEST_POSTGRES (tests/support/with_postgres) the database is that server, which keeps
 * its power: each disk is then looked at beside what the database holds at that moment, by a
 * visitor, who sweeps nothing, since the store that works has the database.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include "folder.h"
#include "store/archive.h"
#include "store/disk.h"
#include "wire/hex.h"

#define PATH_LEN  (3 * TEST_FOLDER_MAX)
#define NAMES_MAX 64
#define FILES     6

static const mv_mailbox box[2] = {{2951, {1}}, {2951, {2}}};

/* What the store has confirmed of a file in a mailbox. */
typedef enum claim { ABSENT, MAYBE, PRESENT } claim;

typedef struct file {
    uint8_t bytes[2 * MV_BLOCK_LEN + 9], hash[MV_FILE_HASH_LEN];
    size_t len;
    claim in[2]; /* by mailbox */
    bool receipt;
} file;

/* A name in blobs/ whose coming or going is not flushed yet. */
typedef struct name_change {
    char name[80];
    ino_t inode;
    bool there_now;
} name_change;

typedef struct world {
    char dir[TEST_FOLDER_MAX], shadow[PATH_LEN], after[PATH_LEN];
    file f[FILES];
    name_change volatile_name[NAMES_MAX];
    size_t volatile_count;
    ino_t blob_inode[NAMES_MAX]; /* of every name that ever was in blobs/ */
    char blob_name[NAMES_MAX][80];
    size_t blob_count;
    size_t events, checked;
} world;

static const mv_archive_limits roomy = {1 << 20, 1 << 22, 1 << 23, 0};

static void run(const char *format, const char *a, const char *b)
{
    char command[3 * PATH_LEN];
    (void)snprintf(command, sizeof command, format, a, b);
    assert_int_equal(system(command), 0);
}

static void shadow_path(char out[2 * PATH_LEN], const world *w, ino_t inode)
{
    (void)snprintf(out, 2 * PATH_LEN, "%s/%llu", w->shadow, (unsigned long long)inode);
}

/* The bytes of this file are on disk now. */
static void flushed(const world *w, const char *path)
{
    struct stat info;
    char to[2 * PATH_LEN];
    if (stat(path, &info) == 0 && S_ISREG(info.st_mode)) {
        shadow_path(to, w, info.st_ino);
        run("cp '%s' '%s'", path, to);
    }
}

static ino_t inode_of_blob(const world *w, const char *name)
{
    for (size_t i = w->blob_count; i-- > 0;) {
        if (strcmp(w->blob_name[i], name) == 0) {
            return w->blob_inode[i];
        }
    }
    return 0;
}

static void note_name(world *w, int at, const char *name, bool there_now)
{
    struct stat info;
    char path[PATH_LEN];
    struct stat blobs, folder;
    (void)snprintf(path, sizeof path, "%s/blobs", w->dir);
    if (stat(path, &blobs) != 0 || fstat(at, &folder) != 0 || blobs.st_ino != folder.st_ino) {
        return;
    }
    assert_true(w->volatile_count < NAMES_MAX && w->blob_count < NAMES_MAX);
    name_change *c = &w->volatile_name[w->volatile_count++];
    (void)snprintf(c->name, sizeof c->name, "%s", name);
    c->there_now = there_now;
    if (there_now) {
        assert_int_equal(fstatat(at, name, &info, 0), 0);
        (void)snprintf(w->blob_name[w->blob_count], 80, "%s", name);
        w->blob_inode[w->blob_count++] = info.st_ino;
    }
    c->inode = inode_of_blob(w, name);
}

/* One file of the disk after the cut: what of it was flushed, or nothing. */
static void restore_bytes(const world *w, ino_t inode, const char *to)
{
    char from[2 * PATH_LEN];
    shadow_path(from, w, inode);
    if (access(from, F_OK) == 0) {
        run("cp '%s' '%s'", from, to);
    } else {
        FILE *empty = fopen(to, "w");
        assert_non_null(empty);
        (void)fclose(empty);
    }
}

static void restore_folder(const world *w, const char *sub)
{
    char path[PATH_LEN], to[2 * PATH_LEN];
    struct stat info;
    (void)snprintf(path, sizeof path, "%s/%s", w->dir, sub);
    (void)snprintf(to, sizeof to, "%s/%s", w->after, sub);
    assert_int_equal(mkdir(to, 0700), 0);
    DIR *d = opendir(path);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (e->d_name[0] != '.' && fstatat(dirfd(d), e->d_name, &info, 0) == 0) {
            (void)snprintf(to, sizeof to, "%s/%s/%s", w->after, sub, e->d_name);
            restore_bytes(w, info.st_ino, to);
        }
    }
    (void)closedir(d);
}

static const char *postgres(void)
{
    return getenv("MEDVEIL_TEST_POSTGRES");
}

/* The disk as it may be; old_names: what was not flushed in blobs/ has not happened. */
static void rebuild(const world *w, bool old_names)
{
    char to[2 * PATH_LEN];
    folder_remove(w->after);
    assert_int_equal(mkdir(w->after, 0700), 0);
    restore_folder(w, "blobs");
    restore_folder(w, "incoming");
    if (postgres() == NULL) {
        run("cp '%s'/archive.db* '%s'", w->dir, w->after);
    }
    (void)snprintf(to, sizeof to, "%s/archive.db-shm", w->after);
    (void)unlink(to); /* shared memory: gone with the power */
    for (size_t i = w->volatile_count; old_names && i-- > 0;) {
        const name_change *c = &w->volatile_name[i];
        (void)snprintf(to, sizeof to, "%s/blobs/%s", w->after, c->name);
        if (c->there_now) {
            (void)unlink(to);
        } else {
            restore_bytes(w, c->inode, to);
        }
    }
}

static bool is_whole(mv_archive *a, const mv_mailbox *mailbox, const uint8_t hash[MV_FILE_HASH_LEN])
{
    int fd = -1;
    uint64_t len = 0;
    uint8_t bytes[sizeof((file *)0)->bytes], got[MV_FILE_HASH_LEN];
    if (mv_archive_get(&fd, &len, a, mailbox, hash) != MV_OK || len > sizeof bytes) {
        return false;
    }
    const ssize_t n = read(fd, bytes, sizeof bytes);
    (void)close(fd);
    (void)crypto_generichash(got, sizeof got, bytes, n < 0 ? 0 : (size_t)n, NULL, 0);
    return memcmp(got, hash, sizeof got) == 0;
}

static void check_mailbox(const world *w, mv_archive *a, int b)
{
    mv_listing *l = malloc(sizeof *l);
    mv_buffer receipt = mv_buffer_make(MV_RECEIPT_MAX);
    assert_non_null(l);
    assert_int_equal(mv_archive_list(l, a, &box[b], 0), MV_OK);
    for (size_t i = 0; i < l->count; i++) {
        assert_true(is_whole(a, &box[b], l->entry[i].file));
    }
    for (size_t i = 0; i < FILES; i++) {
        const file *f = &w->f[i];
        if (f->in[b] != MAYBE) {
            assert_int_equal(is_whole(a, &box[b], f->hash), f->in[b] == PRESENT);
        }
        if (f->receipt && b == 0) {
            assert_int_equal(mv_archive_receipt(&receipt, a, &box[0], f->hash), MV_OK);
            mv_buffer_clear(&receipt);
        }
    }
    free(l);
}

static size_t names_in(const world *w, const char *sub)
{
    char path[PATH_LEN + 16];
    size_t count = 0;
    (void)snprintf(path, sizeof path, "%s/%s", w->after, sub);
    DIR *d = opendir(path);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        count += e->d_name[0] != '.';
    }
    (void)closedir(d);
    return count;
}

/* Nothing else is on the disk: no bytes that nobody names. */
static void check_swept(const world *w, mv_archive *a)
{
    mv_archive_stats stats;
    size_t different = 0;
    assert_int_equal(mv_archive_count(&stats, a), MV_OK);
    for (size_t i = 0; i < FILES; i++) {
        different += is_whole(a, &box[0], w->f[i].hash) || is_whole(a, &box[1], w->f[i].hash);
    }
    assert_int_equal(names_in(w, "blobs"), different);
    assert_true(names_in(w, "incoming") <= 2 * stats.uploads);
}

static void check_after(world *w)
{
    mv_archive *a = NULL;
    mv_error err = {0};
    const mv_archive_opts opts = {
        .dir = w->after, .postgres = postgres(), .visitor = postgres() != NULL, .limits = roomy};
    const mv_status st = mv_archive_open(&a, &opts, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(st, MV_OK);
    check_mailbox(w, a, 0);
    check_mailbox(w, a, 1);
    if (!opts.visitor) {
        check_swept(w, a);
    }
    mv_archive_free(&a);
    w->checked++;
}

static void on_event(void *user, mv_disk_event event, int at, const char *name)
{
    world *w = user;
    struct stat info;
    char path[64];
    w->events++;
    if (event == MV_DISK_RENAME || event == MV_DISK_REMOVE) {
        note_name(w, at, name, event == MV_DISK_RENAME);
    } else if (event == MV_DISK_FLUSH) {
        (void)snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)getpid(), at);
        assert_int_equal(fstat(at, &info), 0);
        if (S_ISDIR(info.st_mode)) {
            w->volatile_count = 0;
        } else {
            flushed(w, path);
        }
    }
    mv_disk_watch_set(NULL, NULL); /* what the check itself does is not watched */
    for (int old_names = 0; old_names < 2; old_names++) {
        rebuild(w, old_names != 0);
        check_after(w);
    }
    mv_disk_watch_set(on_event, w);
}

/* ---- what happens while the power may go ---- */

static void put(world *w, mv_archive *a, int b, size_t i)
{
    file *f = &w->f[i];
    mv_upload *u = NULL;
    f->in[b] = MAYBE;
    assert_int_equal(mv_archive_begin(&u, a, &box[b], f->hash, f->len), MV_OK);
    assert_int_equal(mv_upload_write(u, f->bytes, f->len), MV_OK);
    assert_int_equal(mv_upload_commit(u), MV_OK);
    f->in[b] = PRESENT;
    mv_upload_free(&u);
}

static void take_away(world *w, mv_archive *a, int b, size_t i, const char *receipt)
{
    file *f = &w->f[i];
    mv_change change = {.kind = receipt == NULL ? MV_CHANGE_REMOVE : MV_CHANGE_RECEIPT,
                        .mailbox = box[b],
                        .receipt = (const uint8_t *)receipt,
                        .receipt_len = receipt == NULL ? 0 : strlen(receipt)};
    memcpy(change.file, f->hash, MV_FILE_HASH_LEN);
    f->in[b] = MAYBE;
    assert_int_equal(mv_archive_change(a, &change), MV_OK);
    f->in[b] = ABSENT;
    f->receipt = receipt != NULL;
}

static void put_in_parts(world *w, mv_archive *a, int b, size_t i)
{
    file *f = &w->f[i];
    mv_offer offer = {.len = f->len};
    mv_ticket ticket;
    mv_part *part = NULL;
    mv_change change = {.kind = MV_CHANGE_GATHER};
    f->in[b] = MAYBE;
    memcpy(offer.file, f->hash, MV_FILE_HASH_LEN);
    assert_int_equal(mv_archive_offer(&ticket, a, &box[b], &offer), MV_OK);
    for (uint64_t at = 0; at < f->len; at += MV_BLOCK_LEN) {
        const size_t len = f->len - at < MV_BLOCK_LEN ? (size_t)(f->len - at) : MV_BLOCK_LEN;
        assert_int_equal(mv_archive_part(&part, a, ticket.upload, at, len), MV_OK);
        assert_int_equal(mv_part_write(part, f->bytes + at, len), MV_OK);
        assert_int_equal(mv_part_end(&part), MV_OK);
    }
    memcpy(change.upload_id, ticket.upload, MV_UPLOAD_ID_LEN);
    assert_int_equal(mv_archive_change(a, &change), MV_OK);
    f->in[b] = PRESENT;
}

static void make_files(world *w)
{
    for (size_t i = 0; i < FILES; i++) {
        file *f = &w->f[i];
        f->len = i == FILES - 1 ? sizeof f->bytes : 1000 * (i + 1);
        memset(f->bytes, (int)(i + 1), f->len);
        (void)crypto_generichash(f->hash, MV_FILE_HASH_LEN, f->bytes, f->len, NULL, 0);
    }
}

static void a_cut_of_the_power_anywhere_leaves_what_was_confirmed_and_nothing_else(void **state)
{
    world *w = calloc(1, sizeof *w);
    mv_archive *a = NULL;
    (void)state;
    assert_non_null(w);
    folder_make(w->dir);
    (void)snprintf(w->shadow, sizeof w->shadow, "%s.shadow", w->dir);
    (void)snprintf(w->after, sizeof w->after, "%s.after", w->dir);
    assert_int_equal(mkdir(w->shadow, 0700), 0);
    make_files(w);
    const mv_archive_opts opts = {.dir = w->dir, .postgres = postgres(), .limits = roomy};
    assert_int_equal(mv_archive_open(&a, &opts, NULL), MV_OK);

    mv_disk_watch_set(on_event, w);
    put(w, a, 0, 0);
    put(w, a, 1, 0); /* the same bytes for another */
    put(w, a, 0, 1);
    take_away(w, a, 0, 0, NULL);
    take_away(w, a, 1, 0, NULL); /* now the bytes go too */
    put(w, a, 0, 0);             /* and come back */
    take_away(w, a, 0, 1, "received");
    put_in_parts(w, a, 1, FILES - 1);
    put(w, a, 0, 2);
    mv_disk_watch_set(NULL, NULL);

    mv_archive_free(&a);
    assert_true(w->events > 30);
    assert_int_equal(w->checked, 2 * w->events);
    folder_remove(w->dir);
    folder_remove(w->shadow);
    folder_remove(w->after);
    free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cut_of_the_power_anywhere_leaves_what_was_confirmed_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
