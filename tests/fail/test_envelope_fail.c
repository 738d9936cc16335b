/* SPDX-License-Identifier: Apache-2.0
 *
 * test_envelope_fail.c: no memory and no random bytes, at every place where identities, cards and
 * envelopes ask for them; and nothing secret in memory that is given back. Linked with --wrap of
 * malloc, calloc, realloc, strdup, free, sodium_malloc and mv_random_bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <malloc.h>
#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

#include "envelope/envelope_internal.h"
#include "envelope_sample.h"

void *__real_malloc(size_t len);
void *__real_calloc(size_t count, size_t len);
void *__real_realloc(void *p, size_t len);
void __real_free(void *p);
void *__real_sodium_malloc(size_t len);
mv_status __real_mv_random_bytes(uint8_t *out, size_t len);
void *__wrap_malloc(size_t len);
void *__wrap_calloc(size_t count, size_t len);
void *__wrap_realloc(void *p, size_t len);
char *__wrap_strdup(const char *text);
void __wrap_free(void *p);
void *__wrap_sodium_malloc(size_t len);
mv_status __wrap_mv_random_bytes(uint8_t *out, size_t len);

/* ---- what fails, and when ---- */

static int memory_left = -1; /* so many allocations succeed, the next one fails; -1: all succeed */
static int random_left = -1;

static bool comes_to_zero(int *left)
{
    return *left >= 0 && (*left)-- == 0;
}

void *__wrap_malloc(size_t len)
{
    return comes_to_zero(&memory_left) ? NULL : __real_malloc(len);
}

void *__wrap_calloc(size_t count, size_t len)
{
    return comes_to_zero(&memory_left) ? NULL : __real_calloc(count, len);
}

void *__wrap_realloc(void *p, size_t len)
{
    return comes_to_zero(&memory_left) ? NULL : __real_realloc(p, len);
}

char *__wrap_strdup(const char *text)
{
    const size_t len = strlen(text) + 1;
    char *copy = comes_to_zero(&memory_left) ? NULL : __real_malloc(len);
    return copy == NULL ? NULL : memcpy(copy, text, len);
}

void *__wrap_sodium_malloc(size_t len)
{
    return comes_to_zero(&memory_left) ? NULL : __real_sodium_malloc(len);
}

mv_status __wrap_mv_random_bytes(uint8_t *out, size_t len)
{
    if (comes_to_zero(&random_left)) {
        memset(out, 0, len);
        return MV_E_RANDOM;
    }
    return __real_mv_random_bytes(out, len);
}

/* ---- what must not be left in memory given back ---- */

static const char pixels[] = "PIXELS OF A PATIENT ";
static const uint8_t key_mark[16] = {0xe7, 0x1a, 0x5c, 0x93, 0x0d, 0xb8, 0x46, 0x7f,
                                     0x21, 0xca, 0x68, 0xf5, 0x3b, 0x90, 0xde, 0x04};
static bool watching;
static int leftovers;

void __wrap_free(void *p)
{
    if (watching && p != NULL) {
        const size_t len = malloc_usable_size(p);
        leftovers += memmem(p, len, pixels, sizeof pixels - 1) != NULL;
        leftovers += memmem(p, len, key_mark, sizeof key_mark) != NULL;
    }
    __real_free(p);
}

/* ---- sealing and opening ---- */

static mv_identity *alice, *bob;
static mv_content content;
static uint8_t *sealed;
static size_t sealed_len;

static const mv_seal_opts *opts(void)
{
    static mv_seal_opts o;
    o = (mv_seal_opts){.sender = alice, .recipient = &bob->card, .recipient_count = 1};
    return &o;
}

static int set_up(void **state)
{
    (void)state;
    alice = sample_identity(1);
    bob = sample_identity(2);
    content = sample_content(true, 100000);
    for (size_t i = 0; content.exact != NULL && i < content.exact_len; i++) {
        content.exact[i] = (uint8_t)pixels[i % (sizeof pixels - 1)];
    }
    return mv_envelope_seal(&sealed, &sealed_len, NULL, &content, opts(), NULL) != MV_OK;
}

static int tear_down(void **state)
{
    (void)state;
    mv_envelope_free_bytes(&sealed, sealed_len);
    mv_content_clear(&content);
    mv_identity_free(&alice);
    mv_identity_free(&bob);
    return 0;
}

static mv_status seal_once(void)
{
    uint8_t *bytes = (uint8_t *)1;
    size_t len = 1;
    mv_envelope_stats stats;
    memset(&stats, 0xee, sizeof stats);
    const mv_status st = mv_envelope_seal(&bytes, &len, &stats, &content, opts(), NULL);
    if (st != MV_OK) {
        assert_null(bytes);
        assert_int_equal(len, 0);
        assert_true(sodium_is_zero((const uint8_t *)&stats, sizeof stats));
    }
    mv_envelope_free_bytes(&bytes, len);
    return st;
}

static mv_status open_once(void)
{
    mv_content c;
    mv_sender sender;
    mv_envelope_stats stats;
    memset(&c, 0xee, sizeof c);
    memset(&sender, 0xee, sizeof sender);
    memset(&stats, 0xee, sizeof stats);
    const mv_status st =
        mv_envelope_open(&c, &sender, &stats, sealed, sealed_len, bob, MV_OPEN_ALL, NULL);
    if (st != MV_OK) {
        assert_true(sodium_is_zero((const uint8_t *)&c, sizeof c));
        assert_true(sodium_is_zero((const uint8_t *)&sender, sizeof sender));
        assert_true(sodium_is_zero((const uint8_t *)&stats, sizeof stats));
    }
    mv_content_clear(&c);
    return st;
}

/* Calls work with the first, second, .. of *left failing until none fails any more; each failure
 * must be this status. Returns how many there were. */
static int fail_each(int *left, mv_status expected, mv_status (*work)(void))
{
    for (int n = 0;; n++) {
        *left = n;
        const mv_status st = work();
        const bool none_failed = *left >= 0;
        *left = -1;
        if (none_failed) {
            assert_int_equal(st, MV_OK);
            return n;
        }
        assert_int_equal(st, expected);
    }
}

static void sealing_without_memory_gives_nothing(void **state)
{
    (void)state;
    assert_true(fail_each(&memory_left, MV_E_MEMORY, seal_once) >= 6);
}

static void sealing_without_random_bytes_gives_nothing(void **state)
{
    (void)state;
    assert_true(fail_each(&random_left, MV_E_RANDOM, seal_once) >= 2); /* keys, and the HE seed */
}

static void opening_without_memory_gives_nothing(void **state)
{
    (void)state;
    assert_true(fail_each(&memory_left, MV_E_MEMORY, open_once) >= 6);
}

/* ---- identities and the card book ---- */

static char folder[] = "/tmp/medveil-fail-XXXXXX";
static char id_file[64];

static mv_status generate_once(void)
{
    mv_identity *id = NULL;
    const mv_status st = mv_identity_generate(&id);
    assert_int_equal(id != NULL, st == MV_OK);
    mv_identity_free(&id);
    return st;
}

static mv_status save_once(void)
{
    (void)unlink(id_file);
    const mv_status st = mv_identity_save(alice, id_file, false, NULL);
    assert_int_equal(access(id_file, F_OK) == 0, st == MV_OK);
    return st;
}

static mv_status load_once(void)
{
    mv_identity *id = NULL;
    const mv_status st = mv_identity_load(&id, id_file, NULL);
    assert_int_equal(id != NULL, st == MV_OK);
    mv_identity_free(&id);
    return st;
}

static mv_status book_once(void)
{
    mv_card found;
    const mv_status st = mv_card_book_add(&bob->card, "bob", NULL);
    return st != MV_OK ? st : mv_card_find(&found, "bob", NULL);
}

static void identities_and_cards_without_memory_leave_no_half_files(void **state)
{
    char command[100];
    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(setenv("MEDVEIL_HOME", folder, 1), 0);
    (void)snprintf(id_file, sizeof id_file, "%s/alice.id", folder);
    assert_true(fail_each(&memory_left, MV_E_MEMORY, generate_once) >= 2);
    assert_int_equal(fail_each(&random_left, MV_E_RANDOM, generate_once), 1);
    assert_true(fail_each(&memory_left, MV_E_MEMORY, save_once) >= 3);
    assert_true(fail_each(&memory_left, MV_E_MEMORY, load_once) >= 3);
    assert_true(fail_each(&memory_left, MV_E_MEMORY, book_once) >= 3);
    (void)snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

/* ---- leftovers ---- */

static void the_watch_sees_what_is_not_wiped(void **state)
{
    volatile char *careless = malloc(100); /* volatile: the compiler may not drop the copy */
    (void)state;
    for (size_t i = 0; i < sizeof pixels; i++) {
        careless[i] = pixels[i];
    }
    watching = true;
    __wrap_free((void *)(uintptr_t)careless);
    watching = false;
    assert_int_equal(leftovers, 1);
    leftovers = 0;
}

static void memory_given_back_holds_neither_pixels_nor_keys(void **state)
{
    static mv_seal_secrets secrets;
    uint8_t *bytes = NULL;
    size_t len = 0;
    mv_content c;
    mv_sender sender;
    (void)state;
    for (size_t i = 0; i < sizeof secrets; i++) { /* every key of the envelope carries the mark */
        ((uint8_t *)&secrets)[i] = key_mark[i % sizeof key_mark];
    }
    watching = true;
    assert_int_equal(mv_envelope_seal_with(&bytes, &len, NULL, &content, opts(), &secrets, NULL),
                     MV_OK);
    assert_int_equal(mv_envelope_open(&c, &sender, NULL, bytes, len, bob, MV_OPEN_ALL, NULL),
                     MV_OK);
    mv_content_clear(&c);
    assert_int_equal(mv_envelope_open(&c, &sender, NULL, bytes, len, bob, 0, NULL), MV_OK);
    mv_content_clear(&c);
    bytes[len - 1] ^= 1; /* found last of all: everything has been opened by then */
    assert_int_equal(mv_envelope_open(&c, &sender, NULL, bytes, len, bob, MV_OPEN_ALL, NULL),
                     MV_E_AUTH);
    mv_envelope_free_bytes(&bytes, len);
    watching = false;
    assert_int_equal(leftovers, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sealing_without_memory_gives_nothing),
        cmocka_unit_test(sealing_without_random_bytes_gives_nothing),
        cmocka_unit_test(opening_without_memory_gives_nothing),
        cmocka_unit_test(identities_and_cards_without_memory_leave_no_half_files),
        cmocka_unit_test(the_watch_sees_what_is_not_wiped),
        cmocka_unit_test(memory_given_back_holds_neither_pixels_nor_keys),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
