/* SPDX-License-Identifier: Apache-2.0
 *
 * test_golden.c: sentences about files and pages that must stay true: golden files, the vectors in
 * docs/formats, the reference reader.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "envelope/container.h"
#include "envelope/envelope_internal.h"
#include "envelope/records.h"
#include "envelope_sample.h"

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    if (value == NULL) {
        fail_msg("%s is not set; run this test through the build system", name);
    }
    return value;
}

static mv_buffer read_in(const char *folder_variable, const char *name)
{
    mv_buffer b = mv_buffer_make(10000000);
    mv_error err = {0};
    char path[1000];
    (void)snprintf(path, sizeof path, "%s/%s", variable(folder_variable), name);
    if (mv_file_read(&b, path, &err) != MV_OK) {
        fail_msg("%s", err.text);
    }
    return b;
}

/* ---- golden files ---- */

static void check_sample(const mv_content *got)
{
    mv_content want = sample_content(true, 300);
    assert_memory_equal(&got->code.meta, &want.code.meta, sizeof got->code.meta);
    assert_int_equal(got->code.feature_count, want.code.feature_count);
    assert_memory_equal(got->code.feature, want.code.feature,
                        want.code.feature_count * sizeof *want.code.feature);
    assert_int_equal(got->exact_len, want.exact_len);
    assert_memory_equal(got->exact, want.exact, want.exact_len);
    assert_string_equal(got->file_name, want.file_name);
    mv_content_clear(&want);
}

static void a_file_of_format_0_sealed_long_ago_still_opens(void **state)
{
    mv_buffer mv = read_in("MV_GOLDEN", "format0.mv"), id = read_in("MV_GOLDEN", "format0.id");
    mv_identity *receiver = NULL, *sender = sample_identity(1);
    mv_content c;
    mv_sender who;
    (void)state;
    assert_int_equal(mv_identity_read(&receiver, (char *)id.bytes, id.len, "format0.id", NULL),
                     MV_OK);
    assert_int_equal(
        mv_envelope_open(&c, &who, NULL, mv.bytes, mv.len, receiver, MV_OPEN_ALL, NULL), MV_OK);
    check_sample(&c);
    assert_memory_equal(&who.card, &sender->card, sizeof who.card);
    mv_content_clear(&c);
    mv_identity_free(&receiver);
    mv_identity_free(&sender);
    mv_buffer_clear(&mv);
    mv_buffer_clear(&id);
}

/* ---- the vectors printed in docs/formats ---- */

/* The page without white space, zero-terminated. */
static char *squeezed(const char *name)
{
    mv_buffer page = read_in("MV_FORMATS", name);
    char *out = malloc(page.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < page.len; i++) {
        if (!isspace(page.bytes[i])) {
            out[n++] = (char)page.bytes[i];
        }
    }
    out[n] = '\0';
    mv_buffer_clear(&page);
    return out;
}

static int missing;

static void expect_text(const char *page, const char *what, const char *text)
{
    if (strstr(page, text) == NULL) {
        fprintf(stderr, "the page lacks %s = %s\n", what, text);
        missing++;
    }
}

static void expect_hex(const char *page, const char *what, const uint8_t *bytes, size_t len)
{
    char *hex = malloc(2 * len + 1);
    (void)sodium_bin2hex(hex, 2 * len + 1, bytes, len);
    expect_text(page, what, hex);
    free(hex);
}

static mv_identity *counted_identity(uint8_t first)
{
    uint8_t seed[MV_SEED_LEN];
    mv_identity *id = NULL;
    for (size_t i = 0; i < sizeof seed; i++) {
        seed[i] = (uint8_t)(first + i);
    }
    assert_int_equal(mv_identity_from_seed(&id, seed, 20000), MV_OK);
    return id;
}

static void the_vectors_of_identity_md_are_right(void **state)
{
    char *page = squeezed("identity.md"), name[MV_CARD_NAME_MAX], path[] = "/tmp/mv-golden-XXXXXX";
    mv_identity *id = counted_identity(0);
    mv_buffer file = mv_buffer_make(10000);
    (void)state;
    missing = 0;
    expect_hex(page, "X25519 secret", id->seal_secret, sizeof id->seal_secret);
    expect_hex(page, "X25519 public", id->card.seal_public, sizeof id->card.seal_public);
    expect_hex(page, "Ed25519 seed", id->sign_seed, sizeof id->sign_seed);
    expect_hex(page, "Ed25519 public", id->card.sign_public, sizeof id->card.sign_public);
    expect_hex(page, "card", id->card.bytes, id->card.bytes_len);
    expect_hex(page, "id", id->card.id, sizeof id->card.id);
    mv_card_name(name, id->card.id);
    expect_text(page, "name", name);
    assert_int_not_equal(mkstemp(path), -1);
    assert_int_equal(mv_identity_save(id, path, true, NULL), MV_OK);
    assert_int_equal(mv_file_read(&file, path, NULL), MV_OK);
    assert_int_equal(mv_buffer_put_u8(&file, 0), MV_OK);
    char *line = strstr((char *)file.bytes, "MVID");
    line[strcspn(line, "\n")] = '\0';
    expect_text(page, "secret line", line);
    (void)unlink(path);
    mv_buffer_clear(&file);
    mv_identity_free(&id);
    free(page);
    assert_int_equal(missing, 0);
}

static void count_up(uint8_t *out, uint8_t first)
{
    for (uint8_t i = 0; i < 32; i++) {
        out[i] = (uint8_t)(first + i);
    }
}

static void expect_section(const char *page, const uint8_t *envelope_key, const uint8_t *head_hash,
                           mv_section_kind kind)
{
    static mv_envelope_keys keys;
    char what[40];
    memcpy(keys.envelope, envelope_key, MV_KEY_LEN);
    mv_section_key(&keys, kind, head_hash);
    (void)snprintf(what, sizeof what, "section key %d", (int)kind);
    expect_hex(page, what, keys.section, sizeof keys.section);
}

static void the_vectors_of_mv_md_are_right(void **state)
{
    char *page = squeezed("mv.md");
    mv_identity *receiver = counted_identity(0), *sender = counted_identity(0x20);
    static mv_seal_secrets secrets;
    uint8_t original[] = "medveil", hash[MV_HASH_LEN], plain[1000];
    const mv_content content = {.file_name = "a.bin", .exact = original, .exact_len = 7};
    const mv_seal_opts opts = {
        .sender = sender, .recipient = &receiver->card, .recipient_count = 1};
    const size_t head = mv_head_len(1);
    static mv_envelope_keys keys;
    uint8_t *bytes = NULL;
    size_t len = 0;
    (void)state;
    missing = 0;
    count_up(secrets.envelope_key, 0x40);
    count_up(secrets.collection_key, 0x60);
    count_up(secrets.ephemeral[0], 0x80);
    assert_int_equal(mv_envelope_seal_with(&bytes, &len, NULL, &content, &opts, &secrets, NULL),
                     MV_OK);
    expect_hex(page, "sender's card", sender->card.bytes, sender->card.bytes_len);
    expect_hex(page, "wrap", bytes + MV_HEADER_LEN, MV_WRAP_LEN);
    expect_hex(page, "commitment", bytes + head - MV_COMMITMENT_LEN, MV_COMMITMENT_LEN);
    mv_head_hash(hash, bytes, head);
    expect_hex(page, "head hash", hash, sizeof hash);
    const mv_section_kind kinds[] = {MV_SECTION_DIRECTORY, MV_SECTION_META, MV_SECTION_EXACT,
                                     MV_SECTION_SIGNATURE, MV_SECTION_PADDING};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        expect_section(page, secrets.envelope_key, hash, kinds[i]);
    }
    memcpy(keys.envelope, secrets.envelope_key, MV_KEY_LEN);
    const uint8_t *at = bytes + head;
    mv_directory dir;
    uint8_t unused[MV_HASH_LEN];
    mv_section_key(&keys, MV_SECTION_DIRECTORY, hash);
    assert_true(mv_records_open(plain, unused, MV_DIRECTORY_LEN, at, keys.section));
    expect_hex(page, "directory", plain, MV_DIRECTORY_LEN);
    assert_int_equal(mv_directory_read(&dir, plain), MV_OK);
    at += mv_records_len(MV_DIRECTORY_LEN);
    for (size_t i = 0; i < dir.count; i++) {
        char what[40];
        (void)snprintf(what, sizeof what, "section %d", (int)dir.entry[i].kind);
        mv_section_key(&keys, dir.entry[i].kind, hash);
        assert_true(mv_records_open(plain, unused, (size_t)dir.entry[i].len, at, keys.section));
        expect_hex(page, what, plain, (size_t)dir.entry[i].len);
        at += mv_records_len(dir.entry[i].len);
    }
    expect_hex(page, "file", bytes, len);
    mv_envelope_free_bytes(&bytes, len);
    mv_identity_free(&receiver);
    mv_identity_free(&sender);
    free(page);
    assert_int_equal(missing, 0);
}

/* ---- the reader in Python ---- */

typedef struct reading {
    int exit_code;
    char *json; /* what it printed, zero-terminated; free */
    mv_buffer original;
} reading;

static mv_buffer read_file(const char *path)
{
    mv_buffer b = mv_buffer_make(10000000);
    assert_int_equal(mv_file_read(&b, path, NULL), MV_OK);
    return b;
}

static reading run_reader(const uint8_t *bytes, size_t len, const mv_identity *identity)
{
    char folder[] = "/tmp/mv-golden-XXXXXX", path[4][64], command[1000];
    const char *names[4] = {"id", "mv", "json", "original"};
    reading r = {0, NULL, mv_buffer_make(1)};

    assert_non_null(mkdtemp(folder));
    for (int i = 0; i < 4; i++) {
        (void)snprintf(path[i], sizeof path[i], "%s/%s", folder, names[i]);
    }
    assert_int_equal(mv_identity_save(identity, path[0], false, NULL), MV_OK);
    assert_int_equal(mv_file_write(path[1], bytes, len, 0, NULL), MV_OK);
    (void)snprintf(command, sizeof command,
                   "/usr/bin/python3 -B '%s/mv_read.py' -i %s %s -o %s > %s 2>&1",
                   variable("MV_REFERENCE"), path[0], path[1], path[3], path[2]);
    r.exit_code = system(command);
    mv_buffer json = read_file(path[2]);
    assert_int_equal(mv_buffer_put_u8(&json, 0), MV_OK);
    r.json = (char *)json.bytes;
    if (access(path[3], F_OK) == 0) {
        r.original = read_file(path[3]);
    }
    for (int i = 0; i < 4; i++) {
        (void)unlink(path[i]);
    }
    (void)rmdir(folder);
    return r;
}

static void reading_clear(reading *r)
{
    free(r->json);
    mv_buffer_clear(&r->original);
}

static void expect_json(const reading *r, const char *part)
{
    if (strstr(r->json, part) == NULL) {
        fail_msg("the reader says %.1500s, without %s", r->json, part);
    }
}

static void the_reference_reader_opens_what_we_seal(void **state)
{
    mv_identity *receiver = sample_identity(2), *sender = sample_identity(1);
    mv_content c = sample_content(true, 70000); /* two records */
    const mv_card to[2] = {sender->card, receiver->card};
    const mv_seal_opts opts = {.sender = sender, .recipient = to, .recipient_count = 2};
    uint8_t *bytes = NULL;
    size_t len = 0;
    char name[MV_CARD_NAME_MAX], features[8000] = "\"features\": [", *end = features;
    (void)state;
    assert_int_equal(mv_envelope_seal(&bytes, &len, NULL, &c, &opts, NULL), MV_OK);
    reading r = run_reader(bytes, len, receiver);
    if (r.exit_code != 0) {
        fail_msg("the reader fails: %s", r.json);
    }
    assert_int_equal(r.original.len, c.exact_len);
    assert_memory_equal(r.original.bytes, c.exact, c.exact_len);
    mv_card_name(name, sender->card.id);
    expect_json(&r, name);
    expect_json(&r, "\"file_name\": \"scan.png\"");
    expect_json(&r, "\"width\": 32");
    expect_json(&r, "\"intercept\": -0.5");
    for (size_t i = 0; i < c.code.feature_count; i++) {
        end += strlen(end);
        end += sprintf(end, i == 0 ? "%u" : ", %u", (unsigned)c.code.feature[i]);
    }
    expect_json(&r, features);
    reading_clear(&r);
    mv_envelope_free_bytes(&bytes, len);
    mv_content_clear(&c);
    mv_identity_free(&receiver);
    mv_identity_free(&sender);
}

static void the_reference_reader_tells_anonymous_and_lossy(void **state)
{
    mv_identity *receiver = sample_identity(2);
    mv_content c = sample_content(true, SIZE_MAX);
    const mv_seal_opts opts = {.recipient = &receiver->card, .recipient_count = 1};
    uint8_t *bytes = NULL;
    size_t len = 0;
    (void)state;
    assert_int_equal(mv_envelope_seal(&bytes, &len, NULL, &c, &opts, NULL), MV_OK);
    reading r = run_reader(bytes, len, receiver);
    assert_int_equal(r.exit_code, 0);
    expect_json(&r, "\"sender\": null");
    expect_json(&r, "\"exact_kept\": false");
    assert_null(r.original.bytes);
    reading_clear(&r);
    mv_envelope_free_bytes(&bytes, len);
    mv_content_clear(&c);
    mv_identity_free(&receiver);
}

static void the_reference_reader_refuses_what_we_refuse(void **state)
{
    mv_identity *receiver = sample_identity(2), *other = sample_identity(3);
    mv_content c = sample_content(false, 300);
    const mv_seal_opts opts = {.sender = other, .recipient = &receiver->card, .recipient_count = 1};
    uint8_t *bytes = NULL;
    size_t len = 0;
    (void)state;
    assert_int_equal(mv_envelope_seal(&bytes, &len, NULL, &c, &opts, NULL), MV_OK);
    const size_t places[] = {0, 9, 13, 25, 100, 140, 170, 400, 600, len - 1};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        bytes[places[i]] ^= 4;
        reading r = run_reader(bytes, len, receiver);
        assert_int_not_equal(r.exit_code, 0);
        assert_null(r.original.bytes);
        reading_clear(&r);
        bytes[places[i]] ^= 4;
    }
    reading r = run_reader(bytes, len, other);
    assert_int_not_equal(r.exit_code, 0);
    reading_clear(&r);
    mv_envelope_free_bytes(&bytes, len);
    mv_content_clear(&c);
    mv_identity_free(&receiver);
    mv_identity_free(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_of_format_0_sealed_long_ago_still_opens),
        cmocka_unit_test(the_vectors_of_identity_md_are_right),
        cmocka_unit_test(the_vectors_of_mv_md_are_right),
        cmocka_unit_test(the_reference_reader_opens_what_we_seal),
        cmocka_unit_test(the_reference_reader_tells_anonymous_and_lossy),
        cmocka_unit_test(the_reference_reader_refuses_what_we_refuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
