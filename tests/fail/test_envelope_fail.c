/* SPDX-License-Identifier: Apache-2.0
 *
 * test_envelope_fail.c: no memory and no random bytes, at every place where envelopes ask for
 * them; reading and writing that fail at every call; and nothing secret in memory that is given
 * back. Linked with --wrap of free, tmpfile (in its 64-bit form) and of libcrypto's
 * EVP_CIPHER_CTX_new, EVP_MD_CTX_new and EVP_MAC_CTX_new, and as failing.h says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <malloc.h>
#include <sodium.h>
#include <stdio.h>

#include "envelope/envelope_internal.h"
#include "envelope/envelope_io.h"
#include "envelope_sample.h"
#include "failing.h"

#include <openssl/evp.h>

void __real_free(void *p);
void __wrap_free(void *p);
FILE *__real_tmpfile64(void);
FILE *__wrap_tmpfile64(void);
EVP_CIPHER_CTX *__real_EVP_CIPHER_CTX_new(void);
EVP_CIPHER_CTX *__wrap_EVP_CIPHER_CTX_new(void);
EVP_MAC_CTX *__real_EVP_MAC_CTX_new(EVP_MAC *mac);
EVP_MAC_CTX *__wrap_EVP_MAC_CTX_new(EVP_MAC *mac);
EVP_MD_CTX *__real_EVP_MD_CTX_new(void);
EVP_MD_CTX *__wrap_EVP_MD_CTX_new(void);

/* ---- what fails, and when ---- */

static int read_left = -1, write_left = -1; /* of sources and sinks */
static bool no_tmpfile;

EVP_CIPHER_CTX *__wrap_EVP_CIPHER_CTX_new(void)
{
    return comes_to_zero(&memory_left) ? NULL : __real_EVP_CIPHER_CTX_new();
}

EVP_MD_CTX *__wrap_EVP_MD_CTX_new(void)
{
    return comes_to_zero(&memory_left) ? NULL : __real_EVP_MD_CTX_new();
}

EVP_MAC_CTX *__wrap_EVP_MAC_CTX_new(EVP_MAC *mac)
{
    return comes_to_zero(&memory_left) ? NULL : __real_EVP_MAC_CTX_new(mac);
}

FILE *__wrap_tmpfile64(void)
{
    return no_tmpfile ? NULL : __real_tmpfile64();
}

/* ---- what must not be left in memory given back ---- */

static const char pixels[] = "PIXELS OF A PATIENT ";
static const uint8_t key_mark[16] = {0xe7, 0x1a, 0x5c, 0x93, 0x0d, 0xb8, 0x46, 0x7f,
                                     0x21, 0xca, 0x68, 0xf5, 0x3b, 0x90, 0xde, 0x04};
static bool watching;
static int leftovers;

void __wrap_free(void *p)
{
    if (counting && p != NULL) {
        live -= malloc_usable_size(p);
    }
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

/* ---- an outside sender ---- */

static mv_status append_text(void *user, const uint8_t *bytes, size_t len, mv_error *err)
{
    (void)err;
    return mv_buffer_append(user, bytes, len);
}

/* A collection published, its file read. */
static mv_status publish_once(void)
{
    mv_status st = MV_OK;
    mv_collection *collection = NULL;
    mv_collection_public *made = NULL, *read = NULL;
    mv_buffer text = mv_buffer_make(MV_COLLECTION_PUBLIC_FILE_MAX);
    const mv_sink sink = {append_text, &text};

    MV_TRY(mv_collection_new(&collection, alice));
    MV_TRY(mv_collection_publish(&made, collection, mv_he_set_find("pack1024"), alice, NULL));
    MV_TRY(mv_collection_public_write(made, &sink, NULL));
    MV_TRY(mv_collection_public_read(&read, text.bytes, text.len, NULL));
done:
    assert_int_equal(read != NULL, st == MV_OK);
    mv_collection_public_free(&made);
    mv_collection_public_free(&read);
    mv_collection_free(&collection);
    mv_buffer_clear(&text);
    return st;
}

/* Features in the public form and in slots, an embedding: sealed and opened. */
static mv_status seal_public_once(void)
{
    mv_status st = MV_OK;
    mv_sealer *sealer = NULL;
    mv_opener *opener = NULL;
    mv_embedding got = {{0}, {0}};
    const mv_embedding embedding = sample_embedding();
    mv_code code = {.feature = NULL};
    mv_buffer file = mv_buffer_make(10000000);
    const mv_sink sink = {append_text, &file};
    const mv_seal_opts o = {.recipient = &bob->card,
                            .recipient_count = 1,
                            .set = mv_he_set_find("score4096"),
                            .form = MV_HE_PK};

    MV_TRY(mv_sealer_new(&sealer, &o, NULL));
    MV_TRY(mv_sealer_add(sealer, "a", &content.code, NULL, NULL));
    MV_TRY(mv_sealer_embed(sealer, &embedding, NULL));
    MV_TRY(mv_sealer_finish(sealer, NULL, &sink, NULL));
    const mv_source source = mv_source_memory(file.bytes, file.len);
    MV_TRY(mv_opener_new(&opener, &source, bob, NULL));
    MV_TRY(mv_opener_features(opener, 0, &code, NULL, NULL, NULL));
    MV_TRY(mv_opener_embedding(opener, 0, &got, NULL));
done:
    assert_int_equal(got.value[5] != 0, st == MV_OK);
    mv_code_clear(&code);
    mv_sealer_free(&sealer);
    mv_opener_free(&opener);
    mv_buffer_clear(&file);
    return st;
}

static void outside_senders_without_memory_or_random_bytes_seal_nothing(void **state)
{
    (void)state;
    assert_true(fail_each(&memory_left, MV_E_MEMORY, publish_once) >= 10);
    assert_true(fail_each(&random_left, MV_E_RANDOM, publish_once) >= 5);
    assert_true(fail_each(&memory_left, MV_E_MEMORY, seal_public_once) >= 20);
    assert_true(fail_each(&random_left, MV_E_RANDOM, seal_public_once) >= 4);
}

/* ---- sources and sinks that fail ---- */

static mv_status failing_read(void *user, uint64_t at, uint8_t *out, size_t len, mv_error *err)
{
    const mv_source *from = user;
    return comes_to_zero(&read_left) ? mv_fail(err, MV_E_IO, "cannot read")
                                     : mv_source_read(from, at, out, len, err);
}

static mv_source failing_source(mv_source *from)
{
    return (mv_source){.read = failing_read, .user = from, .len = from->len};
}

static mv_status failing_write(void *user, const uint8_t *bytes, size_t len, mv_error *err)
{
    size_t *written = user;
    (void)bytes;
    *written += len;
    return comes_to_zero(&write_left) ? mv_fail(err, MV_E_IO, "cannot write") : MV_OK;
}

/* A study of two: everything that a sealer reads and writes. */
static mv_status seal_stream_once(void)
{
    mv_status st = MV_OK;
    mv_sealer *sealer = NULL;
    mv_source memory = mv_source_memory(content.exact, content.exact_len);
    const mv_source exact = failing_source(&memory);
    size_t written = 0;
    const mv_sink sink = {failing_write, &written};
    mv_error err = {0};

    MV_TRY(mv_sealer_new(&sealer, opts(), &err));
    MV_TRY(mv_sealer_add(sealer, "one", &content.code, &exact, &err));
    MV_TRY(mv_sealer_add(sealer, "two", NULL, &exact, &err));
    MV_TRY(mv_sealer_finish(sealer, NULL, &sink, &err));
done:
    if (st != MV_OK && sealer != NULL) { /* a sealer that failed seals no more */
        const mv_status again = mv_sealer_finish(sealer, NULL, &sink, NULL);
        assert_true(again == MV_E_ARGUMENT || written == 0);
    }
    mv_sealer_free(&sealer);
    return st;
}

static mv_status open_stream_once(void)
{
    mv_status st = MV_OK;
    mv_source memory = mv_source_memory(sealed, sealed_len);
    const mv_source source = failing_source(&memory);
    mv_opener *opener = NULL;
    mv_code code = {0};
    size_t written = 0;
    const mv_sink sink = {failing_write, &written};

    st = mv_opener_new(&opener, &source, bob, NULL);
    assert_int_equal(opener != NULL, st == MV_OK);
    MV_TRY(st);
    MV_TRY(mv_opener_features(opener, 0, &code, NULL, NULL, NULL));
    MV_TRY(mv_opener_exact(opener, 0, &sink, NULL));
    assert_int_equal(written, content.exact_len);
done:
    assert_int_equal(code.feature != NULL, code.feature_count != 0);
    mv_code_clear(&code);
    mv_opener_free(&opener);
    return st;
}

static void a_source_or_sink_that_fails_stops_the_work_with_its_status(void **state)
{
    (void)state;
    assert_true(fail_each(&read_left, MV_E_IO, seal_stream_once) >= 4);
    assert_true(fail_each(&write_left, MV_E_IO, seal_stream_once) >= 10);
    assert_true(fail_each(&read_left, MV_E_IO, open_stream_once) >= 10);
    assert_true(fail_each(&write_left, MV_E_IO, open_stream_once) >= 2);
}

static void streams_without_memory_or_random_bytes_give_nothing(void **state)
{
    (void)state;
    assert_true(fail_each(&memory_left, MV_E_MEMORY, seal_stream_once) >= 10);
    assert_true(fail_each(&random_left, MV_E_RANDOM, seal_stream_once) >= 2);
    assert_true(fail_each(&memory_left, MV_E_MEMORY, open_stream_once) >= 10);
    assert_int_equal(fail_each(&random_left, MV_E_RANDOM, open_stream_once), 1);
}

static mv_status collection_once(void)
{
    mv_status st = MV_OK;
    mv_collection *c = NULL;
    size_t written = 0;
    const mv_sink sink = {failing_write, &written};

    MV_TRY(mv_collection_new(&c, alice));
    MV_TRY(mv_collection_add(c, &bob->card, NULL));
    MV_TRY(mv_collection_rotate(c));
    MV_TRY(mv_collection_seal(c, alice, &sink, NULL));
done:
    mv_collection_free(&c);
    return st;
}

static void collections_fail_like_envelopes(void **state)
{
    (void)state;
    assert_true(fail_each(&memory_left, MV_E_MEMORY, collection_once) >= 6);
    assert_int_equal(fail_each(&random_left, MV_E_RANDOM, collection_once), 3);
    assert_true(fail_each(&write_left, MV_E_IO, collection_once) >= 4);
}

/* ---- memory ---- */

static mv_status pattern(void *user, uint64_t at, uint8_t *out, size_t len, mv_error *err)
{
    (void)user;
    (void)err;
    memset(out, (int)(at >> 16), len);
    return MV_OK;
}

static mv_status seal_much(FILE *file, uint64_t len)
{
    mv_status st = MV_OK;
    mv_sealer *sealer = NULL;
    const mv_source exact = {.read = pattern, .len = len};
    const mv_sink sink = mv_sink_file(file);

    MV_TRY(mv_sealer_new(&sealer, opts(), NULL));
    MV_TRY(mv_sealer_add(sealer, "one", NULL, &exact, NULL));
    MV_TRY(mv_sealer_add(sealer, "two", NULL, &exact, NULL));
    MV_TRY(mv_sealer_finish(sealer, NULL, &sink, NULL));
    MV_ENSURE(fflush(file) == 0, MV_E_IO);
done:
    mv_sealer_free(&sealer);
    return st;
}

static mv_status open_much(FILE *file, uint64_t len)
{
    mv_status st = MV_OK;
    mv_opener *opener = NULL;
    mv_source source;
    size_t written = 0;
    const mv_sink sink = {failing_write, &written};

    MV_TRY(mv_source_file(&source, file, NULL));
    MV_TRY(mv_opener_new(&opener, &source, bob, NULL));
    MV_TRY(mv_opener_exact(opener, 0, &sink, NULL));
    MV_TRY(mv_opener_exact(opener, 1, &sink, NULL));
    MV_ENSURE(written == 2 * len, MV_E_INTERNAL);
done:
    mv_opener_free(&opener);
    return st;
}

static void a_study_of_any_size_takes_little_memory(void **state)
{
    const uint64_t len = 20000000;
    FILE *file = tmpfile();
    (void)state;
    counting = true;
    assert_int_equal(seal_much(file, len), MV_OK);
    assert_int_equal(open_much(file, len), MV_OK);
    counting = false;
    assert_int_equal(live, 0);
    assert_true(peak > 100000 && peak < 1000000);
    (void)fclose(file);
}

static void a_spool_without_a_temporary_file_says_so(void **state)
{
    mv_spool spool = mv_spool_make();
    uint8_t *much = calloc(1, MV_SPOOL_MEMORY);
    (void)state;
    assert_int_equal(mv_spool_append(&spool, much, MV_SPOOL_MEMORY, NULL), MV_OK);
    no_tmpfile = true;
    assert_int_equal(mv_spool_append(&spool, much, 1, NULL), MV_E_IO);
    no_tmpfile = false;
    assert_int_equal(mv_spool_append(&spool, much, 1, NULL), MV_OK);
    assert_int_equal(spool.len, (uint64_t)MV_SPOOL_MEMORY + 1);
    mv_spool_clear(&spool);
    free(much);
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

static mv_status collect(void *user, const uint8_t *bytes, size_t len, mv_error *err)
{
    (void)err;
    return mv_buffer_append(user, bytes, len);
}

static void memory_given_back_holds_neither_pixels_nor_keys(void **state)
{
    static mv_seal_secrets secrets;
    mv_content c;
    mv_sender sender;
    (void)state;
    for (size_t i = 0; i < sizeof secrets; i++) { /* every key of the envelope carries the mark */
        ((uint8_t *)&secrets)[i] = key_mark[i % sizeof key_mark];
    }
    mv_sealer *sealer = NULL;
    const mv_source exact = mv_source_memory(content.exact, content.exact_len);
    mv_buffer file = mv_buffer_make(1000000);
    const mv_sink sink = {collect, &file};
    watching = true;
    assert_int_equal(mv_sealer_new_with(&sealer, opts(), &secrets, NULL), MV_OK);
    assert_int_equal(mv_sealer_add(sealer, content.file_name, &content.code, &exact, NULL), MV_OK);
    assert_int_equal(mv_sealer_finish(sealer, NULL, &sink, NULL), MV_OK);
    mv_sealer_free(&sealer);
    assert_int_equal(
        mv_envelope_open(&c, &sender, NULL, file.bytes, file.len, bob, MV_OPEN_ALL, NULL), MV_OK);
    mv_content_clear(&c);
    assert_int_equal(mv_envelope_open(&c, &sender, NULL, file.bytes, file.len, bob, 0, NULL),
                     MV_OK);
    mv_content_clear(&c);
    file.bytes[file.len - 1] ^= 1; /* found last of all: everything has been opened by then */
    assert_int_equal(
        mv_envelope_open(&c, &sender, NULL, file.bytes, file.len, bob, MV_OPEN_ALL, NULL),
        MV_E_AUTH);
    mv_buffer_clear(&file);
    watching = false;
    assert_int_equal(leftovers, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sealing_without_memory_gives_nothing),
        cmocka_unit_test(sealing_without_random_bytes_gives_nothing),
        cmocka_unit_test(opening_without_memory_gives_nothing),
        cmocka_unit_test(outside_senders_without_memory_or_random_bytes_seal_nothing),
        cmocka_unit_test(a_source_or_sink_that_fails_stops_the_work_with_its_status),
        cmocka_unit_test(streams_without_memory_or_random_bytes_give_nothing),
        cmocka_unit_test(collections_fail_like_envelopes),
        cmocka_unit_test(a_study_of_any_size_takes_little_memory),
        cmocka_unit_test(a_spool_without_a_temporary_file_says_so),
        cmocka_unit_test(the_watch_sees_what_is_not_wiped),
        cmocka_unit_test(memory_given_back_holds_neither_pixels_nor_keys),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
