/* SPDX-License-Identifier: Apache-2.0
 *
 * test_keys_fail.c: no memory, no random bytes and no working disk, at every place where
 * identities, passphrases, cards, the card book and revocations ask for them: one status, no
 * output, no half file. Linked with --wrap of read, fread and fwrite, and as failing.h says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "envelope/identity.h"
#include "failing.h"

ssize_t __real_read(int fd, void *out, size_t len);
size_t __real_fread(void *out, size_t size, size_t count, FILE *f);
size_t __real_fwrite(const void *bytes, size_t size, size_t count, FILE *f);
ssize_t __wrap_read(int fd, void *out, size_t len);
size_t __wrap_fread(void *out, size_t size, size_t count, FILE *f);
size_t __wrap_fwrite(const void *bytes, size_t size, size_t count, FILE *f);

static int disk_left = -1;

ssize_t __wrap_read(int fd, void *out, size_t len)
{
    if (comes_to_zero(&disk_left)) {
        errno = EIO;
        return -1;
    }
    return __real_read(fd, out, len);
}

size_t __wrap_fread(void *out, size_t size, size_t count, FILE *f)
{
    if (comes_to_zero(&disk_left)) { /* a stream of which reading fails, as ferror then says */
        assert_non_null(freopen("/proc/self/mem", "r", f));
    }
    return __real_fread(out, size, count, f);
}

size_t __wrap_fwrite(const void *bytes, size_t size, size_t count, FILE *f)
{
    if (comes_to_zero(&disk_left)) {
        errno = ENOSPC;
        return 0;
    }
    return __real_fwrite(bytes, size, count, f);
}

/* ---- a folder with one locked identity ---- */

static char folder[] = "/tmp/medveil-keys-fail-XXXXXX";
static char id_file[64], out_file[64];
static mv_identity *alice;
static const mv_lock_cost cheap = {1, 8};

static int make_folder(void **state)
{
    const uint8_t seed[MV_SEED_LEN] = {41};
    (void)state;
    if (mkdtemp(folder) == NULL || setenv("MEDVEIL_HOME", folder, 1) != 0) {
        return 1;
    }
    (void)snprintf(id_file, sizeof id_file, "%s/alice.id", folder);
    (void)snprintf(out_file, sizeof out_file, "%s/out", folder);
    return mv_identity_from_seed(&alice, seed, 20000) != MV_OK ||
           mv_identity_lock(alice, "p", 1, &cheap, NULL) != MV_OK ||
           mv_identity_save(alice, id_file, false, NULL) != MV_OK;
}

static int remove_folder(void **state)
{
    char command[100];
    (void)state;
    mv_identity_free(&alice);
    (void)snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static mv_status generate_once(void)
{
    mv_identity *id = NULL;
    const mv_status st = mv_identity_generate(&id);
    assert_int_equal(id != NULL, st == MV_OK);
    mv_identity_free(&id);
    return st;
}

static mv_status lock_once(void)
{
    const mv_lock before = alice->lock;
    const mv_status st = mv_identity_lock(alice, "p", 1, &cheap, NULL);
    if (st != MV_OK) {
        assert_memory_equal(&alice->lock, &before, sizeof before);
    }
    return st;
}

static mv_status save_once(void)
{
    (void)unlink(out_file);
    const mv_status st = mv_identity_save(alice, out_file, false, NULL);
    assert_int_equal(access(out_file, F_OK) == 0, st == MV_OK);
    return st;
}

static mv_status give(void *user, char *out, size_t *len, const char *path, mv_error *err)
{
    (void)user;
    (void)path;
    (void)err;
    out[0] = 'p';
    *len = 1;
    return MV_OK;
}

static mv_status load_once(void)
{
    const mv_unlock unlock = {give, NULL};
    mv_identity *id = NULL;
    const mv_status st = mv_identity_load(&id, id_file, &unlock, NULL);
    assert_int_equal(id != NULL, st == MV_OK);
    mv_identity_free(&id);
    return st;
}

static mv_status renew_once(void)
{
    const mv_card_terms terms = {20001, 20002, NULL};
    const mv_card before = alice->card;
    const mv_status st = mv_identity_renew(alice, &terms, NULL);
    if (st != MV_OK) {
        assert_memory_equal(&alice->card, &before, sizeof before);
    }
    return st;
}

static mv_status book_once(void)
{
    mv_card found;
    mv_status st = mv_card_book_add(&alice->card, "alice", NULL);
    st = st == MV_OK ? mv_card_find(&found, "alice", NULL) : st;
    return st == MV_OK ? mv_card_book_remove("alice", NULL) : st;
}

static mv_status revoke_once(void)
{
    mv_revocation r, back = {{0}, 0, {0}};
    (void)unlink(out_file);
    mv_status st = mv_revocation_make(&r, alice, 20003);
    st = st == MV_OK ? mv_revocation_save(&r, out_file, false, NULL) : st;
    assert_int_equal(access(out_file, F_OK) == 0, st == MV_OK);
    st = st == MV_OK ? mv_revocation_load(&back, out_file, NULL) : st;
    assert_int_equal(back.day, st == MV_OK ? 20003 : 0);
    return st;
}

static void identities_without_memory_or_randomness_leave_nothing(void **state)
{
    (void)state;
    assert_true(fail_each(&memory_left, MV_E_MEMORY, generate_once) >= 3);
    assert_int_equal(fail_each(&random_left, MV_E_RANDOM, generate_once), 1);
    assert_true(fail_each(&memory_left, MV_E_MEMORY, lock_once) >= 1);
    assert_int_equal(fail_each(&random_left, MV_E_RANDOM, lock_once), 1);
    assert_true(fail_each(&memory_left, MV_E_MEMORY, save_once) >= 3);
    assert_true(fail_each(&memory_left, MV_E_MEMORY, load_once) >= 4);
    assert_true(fail_each(&disk_left, MV_E_IO, save_once) >= 1);
    assert_true(fail_each(&disk_left, MV_E_IO, load_once) >= 2);
}

static void cards_and_statements_without_memory_leave_no_half_files(void **state)
{
    (void)state;
    assert_true(fail_each(&memory_left, MV_E_MEMORY, renew_once) >= 1);
    assert_true(fail_each(&memory_left, MV_E_MEMORY, book_once) >= 3);
    assert_true(fail_each(&memory_left, MV_E_MEMORY, revoke_once) >= 3);
    assert_true(fail_each(&disk_left, MV_E_IO, revoke_once) >= 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identities_without_memory_or_randomness_leave_nothing),
        cmocka_unit_test(cards_and_statements_without_memory_leave_no_half_files),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
