/* SPDX-License-Identifier: Apache-2.0
 *
 * test_wire.c: sentences about src/wire: addresses, targets and messages.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "envelope/identity.h"
#include "envelope/mailbox.h"
#include "wire/hex.h"
#include "wire/messages.h"

#define KEY_TEXT "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8" /* bytes 0, 1, .. 31 */

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B64 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static void fill(uint8_t *out, size_t len, uint64_t seed)
{
    mv_rand r = mv_rand_make(seed);
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)mv_rand_u64(&r);
    }
}

static void hexadecimal_has_one_spelling(void **state)
{
    uint8_t out[2] = {7, 7};
    char text[5];
    const uint8_t bytes[2] = {0x0a, 0xf9};
    (void)state;
    mv_hex_write(text, bytes, 2);
    assert_string_equal(text, "0af9");
    assert_true(mv_hex_read(out, 2, text));
    assert_memory_equal(out, bytes, 2);
    assert_false(mv_hex_read(out, 2, "0AF9"));
    assert_false(mv_hex_read(out, 2, "0af"));
    assert_false(mv_hex_read(out, 2, "0ag9"));
    assert_memory_equal(out, bytes, 2); /* untouched */
}

static void an_address_survives_reading_and_writing(void **state)
{
    static const char *const good[] = {
        "https://127.0.0.1:7462#" KEY_TEXT,
        "https://relay.example.org:443#" KEY_TEXT,
        "https://[::1]:65535#" KEY_TEXT,
    };
    mv_address a;
    char text[MV_ADDRESS_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(mv_address_read(&a, good[i], NULL), MV_OK);
        mv_address_write(text, &a);
        assert_string_equal(text, good[i]);
        for (int b = 0; b < MV_RELAY_KEY_LEN; b++) {
            assert_int_equal(a.key[b], b);
        }
    }
    assert_int_equal(mv_address_read(&a, "https://host/#" KEY_TEXT, NULL), MV_OK);
    assert_int_equal(a.port, 443);
}

static void a_bad_address_is_refused_with_a_sentence_and_a_hint(void **state)
{
    static const char *const bad[] = {
        "",
        "relay.example.org:7462",
        "http://127.0.0.1:7462#" KEY_TEXT,
        "https://127.0.0.1:7462",
        "https://127.0.0.1:7462#",
        "https://127.0.0.1:7462#" KEY_TEXT "A",
        "https://127.0.0.1:7462#AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh",
        "https://127.0.0.1:7462#AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9", /* spare bits set */
        "https://127.0.0.1:7462#+AECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
        "https://127.0.0.1:0#" KEY_TEXT,
        "https://127.0.0.1:65536#" KEY_TEXT,
        "https://127.0.0.1:#" KEY_TEXT,
        "https://:7462#" KEY_TEXT,
        "https://[::1:7462#" KEY_TEXT,
        "https://me@host:7462#" KEY_TEXT,
        "https://host:7462/path#" KEY_TEXT,
        "https://host:7462?x#" KEY_TEXT,
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        mv_address a;
        mv_error err = {0};
        assert_int_equal(mv_address_read(&a, bad[i], &err), MV_E_ARGUMENT);
        assert_true(err.text[0] != '\0' && err.hint[0] != '\0');
        assert_int_equal(a.port, 0);
    }
}

static void a_host_to_listen_on_needs_a_port(void **state)
{
    char host[MV_ADDRESS_HOST_MAX];
    uint16_t port = 9;
    (void)state;
    assert_int_equal(mv_host_read(host, &port, "127.0.0.1:0", NULL), MV_OK);
    assert_int_equal(port, 0);
    assert_int_equal(mv_host_read(host, &port, "[::]:7462", NULL), MV_OK);
    assert_string_equal(host, "[::]");
    assert_int_equal(mv_host_read(host, &port, "127.0.0.1", NULL), MV_E_ARGUMENT);
    assert_int_equal(mv_host_read(host, &port, "[::1]", NULL), MV_E_ARGUMENT);
    assert_int_equal(mv_host_read(host, &port, "host:1x", NULL), MV_E_ARGUMENT);
}

static mv_route sample_route(mv_route_kind kind)
{
    mv_route r = {.kind = kind};
    if (mv_route_has_mailbox(kind)) {
        r.mailbox.epoch = 4294967295u;
        fill(r.mailbox.tag, sizeof r.mailbox.tag, 1);
    }
    if (kind == MV_ROUTE_FILE || kind == MV_ROUTE_RECEIPT) {
        fill(r.file, sizeof r.file, 2);
    }
    if (kind == MV_ROUTE_UPLOAD || kind == MV_ROUTE_PART) {
        fill(r.upload, sizeof r.upload, 3);
        r.offset = kind == MV_ROUTE_PART ? 7 * (uint64_t)MV_BLOCK_LEN : 0;
    }
    if (mv_route_has_gallery(kind)) {
        fill(r.gallery, sizeof r.gallery, 4);
    }
    if (strstr(mv_route_template(kind), "{row}") != NULL ||
        strstr(mv_route_template(kind), "{model}") != NULL) {
        fill(r.row, sizeof r.row, 5);
    }
    if (kind == MV_ROUTE_GALLERY_RECORDS || kind == MV_ROUTE_GALLERY_PART) {
        r.number = MV_SEQ_MAX;
    }
    if (kind == MV_ROUTE_LIST) {
        r.after = MV_SEQ_MAX;
        r.wait_s = 30;
    }
    return r;
}

static void every_route_survives_writing_and_reading(void **state)
{
    size_t longest = 0;
    (void)state;
    for (int kind = 0; kind < MV_ROUTE_COUNT; kind++) {
        const mv_route in = sample_route((mv_route_kind)kind);
        mv_route out;
        char target[MV_TARGET_MAX];
        mv_route_write(target, &in);
        assert_int_equal(mv_route_read(&out, target), MV_OK);
        assert_memory_equal(&in, &out, sizeof in);
        longest = strlen(target) > longest ? strlen(target) : longest;
        (void)strcat(target, "/");
        assert_int_equal(mv_route_read(&out, target), MV_E_NOT_FOUND);
    }
    assert_true(longest < MV_TARGET_MAX);
}

static void a_target_has_one_spelling(void **state)
{
    static const char *const bad[] = {
        "/v1/uploads/" A64 "?offset=1",
        "/v1/uploads/" A64 "?offset=065536",
        "/v1/uploads/" A64 "?offset=65536&x",
        "/v1/mailboxes/2951/" A64 "/files",
        "/v1/mailboxes/2951/" A64 "/files?after=",
        "/v1/mailboxes/2951/" A64 "/files?after=0&wait=0",
        "/v1/mailboxes/2951/" A64 "/files?after=0&wait=31",
        "/v1/mailboxes/2951/" A64 "/files?wait=1&after=0",
        "/v1/mailboxes/02951/" A64 "/files?after=0",
        "/v1/mailboxes/4294967296/" A64 "/files?after=0",
        "/v1/mailboxes/-1/" A64 "/files?after=0",
        "/v1/mailboxes/2951/" A64 "/files/" A64 "/receipts",
        "/v1/mailboxes/2951/" A64 "/bundles",
        "/v1/galleries/" A64 "/rows",
        "/v1/galleries/" A64 "/rows/",
        "/v1/galleries/" A64 "/rows/{row}",
        "/v1/galleries/{gallery}/keys",
        "/v1/galleries/" A64 "/parts/01",
        "/v1/galleries/" A64 "/records?after=",
        "/v1/galleries/" A64 "/classify",
        "/v1/atlases/",
    };
    mv_route out;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(mv_route_read(&out, bad[i]), MV_E_NOT_FOUND);
    }
}

static void a_shortened_target_is_never_a_file(void **state)
{
    const mv_route in = sample_route(MV_ROUTE_FILE);
    mv_route out;
    char target[MV_TARGET_MAX];
    (void)state;
    mv_route_write(target, &in);
    for (size_t len = strlen(target); len-- > 0;) {
        target[len] = '\0';
        assert_int_equal(mv_route_read(&out, target), MV_E_NOT_FOUND);
    }
}

static void the_mailbox_of_an_epoch_is_its_owners_alone(void **state)
{
    static const uint8_t message[] = "a request";
    mv_identity *owner = NULL, *sender = NULL;
    mv_card card, other;
    uint8_t tag[MV_TAG_LEN], next[MV_TAG_LEN], foreign[MV_TAG_LEN], signature[64];
    (void)state;
    assert_int_equal(mv_identity_generate(&owner), MV_OK);
    assert_int_equal(mv_identity_generate(&sender), MV_OK);
    mv_identity_card(&card, owner);
    mv_identity_card(&other, sender);
    for (uint32_t epoch = 0; epoch < 20; epoch++) {
        assert_int_equal(mv_mailbox_tag(tag, &card, epoch), MV_OK);
        assert_int_equal(mv_mailbox_tag(next, &card, epoch + 1), MV_OK);
        assert_int_equal(mv_mailbox_tag(foreign, &other, epoch), MV_OK);
        assert_memory_not_equal(tag, next, sizeof tag);
        assert_memory_not_equal(tag, foreign, sizeof tag);
        assert_memory_not_equal(tag, card.sign_public, sizeof tag);
        assert_int_equal(mv_mailbox_sign(signature, owner, epoch, message, sizeof message), MV_OK);
        assert_int_equal(crypto_sign_verify_detached(signature, message, sizeof message, tag), 0);
        assert_int_equal(crypto_sign_verify_detached(signature, message, sizeof message, next), -1);
        /* who has the card, but not the identity, signs under a tag of their own */
        assert_int_equal(mv_mailbox_sign(signature, sender, epoch, message, sizeof message), MV_OK);
        assert_int_equal(crypto_sign_verify_detached(signature, message, sizeof message, tag), -1);
    }
    mv_identity_free(&owner);
    mv_identity_free(&sender);
}

static void a_challenge_survives_writing_and_reading(void **state)
{
    uint8_t nonce[MV_NONCE_LEN], back[MV_NONCE_LEN];
    mv_buffer body = mv_buffer_make(MV_MESSAGE_MAX);
    (void)state;
    fill(nonce, sizeof nonce, 5);
    assert_int_equal(mv_challenge_write(&body, nonce), MV_OK);
    assert_int_equal(mv_challenge_read(back, body.bytes, body.len), MV_OK);
    assert_memory_equal(nonce, back, sizeof nonce);
    for (size_t len = 0; len < body.len; len++) {
        assert_int_equal(mv_challenge_read(back, body.bytes, len), MV_E_FORMAT);
    }
    mv_buffer_clear(&body);
}

static void a_full_listing_survives_writing_and_reading(void **state)
{
    mv_listing *in = calloc(1, sizeof *in), *out = calloc(1, sizeof *out);
    mv_buffer body = mv_buffer_make(MV_MESSAGE_MAX);
    (void)state;
    assert_true(in != NULL && out != NULL);
    in->count = MV_LISTING_MAX;
    in->more = true;
    for (size_t i = 0; i < in->count; i++) {
        in->entry[i].file[0] = (uint8_t)(i >> 8);
        in->entry[i].file[1] = (uint8_t)i;
        in->entry[i].len = (uint64_t)i << 40;
        in->entry[i].seq = MV_SEQ_MAX - MV_LISTING_MAX + i;
    }
    assert_int_equal(mv_listing_write(&body, in), MV_OK);
    assert_int_equal(mv_listing_read(out, body.bytes, body.len), MV_OK);
    assert_memory_equal(in, out, sizeof *in);
    mv_buffer_clear(&body);
    free(in);
    free(out);
}

static void a_listing_that_repeats_goes_back_or_never_ends_is_refused(void **state)
{
    static const char *const bad[] = {
        "{\"files\":[],\"more\":true}",
        "{\"files\":[{\"file\":\"" A64 "\",\"bytes\":1,\"seq\":2},{\"file\":\"" B64
        "\",\"bytes\":1,\"seq\":2}],\"more\":false}",
        "{\"files\":[{\"file\":\"" A64 "\",\"bytes\":1,\"seq\":2},{\"file\":\"" B64
        "\",\"bytes\":1,\"seq\":1}],\"more\":false}",
        "{\"files\":[{\"file\":\"" A64 "\",\"bytes\":1,\"seq\":0}],\"more\":false}",
        "{\"files\":[{\"file\":\"" A64 "\",\"bytes\":1}],\"more\":false}",
        "{\"files\":[{\"file\":\"" A64 "\",\"bytes\":-1,\"seq\":1}],\"more\":false}",
        "{\"files\":[{\"file\":\"" A64 "\",\"bytes\":1.5,\"seq\":1}],\"more\":false}",
        "{\"files\":[{\"file\":\"..\",\"bytes\":1,\"seq\":1}],\"more\":false}",
        "{\"files\":[7],\"more\":false}",
        "{\"files\":{},\"more\":false}",
        "{\"files\":[]}",
        "[]",
        "{\"files\":[],\"files\":[],\"more\":false}",
        "{\"files\":[],\"more\":false} x",
    };
    mv_listing *out = calloc(1, sizeof *out);
    (void)state;
    assert_non_null(out);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(mv_listing_read(out, (const uint8_t *)bad[i], strlen(bad[i])),
                         MV_E_FORMAT);
        assert_int_equal(out->count, 0);
    }
    free(out);
}

static void a_problem_survives_but_never_carries_control_characters(void **state)
{
    const mv_problem in = {507, "the mailbox is full", 4096};
    static const char bad[] = "{\"status\":507,\"title\":\"\\u001b[2J\"}";
    mv_problem out;
    mv_buffer body = mv_buffer_make(MV_MESSAGE_MAX);
    (void)state;
    assert_int_equal(mv_problem_write(&body, &in), MV_OK);
    assert_int_equal(mv_problem_read(&out, body.bytes, body.len), MV_OK);
    assert_int_equal(out.status, 507);
    assert_int_equal(out.limit_bytes, 4096);
    assert_string_equal(out.title, in.title);
    assert_int_equal(mv_problem_read(&out, (const uint8_t *)bad, sizeof bad - 1), MV_E_FORMAT);
    mv_buffer_clear(&body);
}

static void a_proof_is_good_for_one_relay_nonce_method_and_target(void **state)
{
    mv_identity *identity = NULL;
    uint8_t relay[MV_RELAY_KEY_LEN], nonce[MV_NONCE_LEN];
    const mv_proof_subject subject = {relay, "GET", "/v1/challenge", 2951};
    const mv_proof_subject method = {relay, "PUT", "/v1/challenge", 2951};
    const mv_proof_subject target = {relay, "GET", "/v1/challengf", 2951};
    mv_proof proof, back;
    char text[MV_PROOF_TEXT_MAX];
    (void)state;
    fill(relay, sizeof relay, 6);
    fill(nonce, sizeof nonce, 7);
    assert_int_equal(mv_identity_generate(&identity), MV_OK);
    assert_int_equal(mv_proof_make(&proof, identity, nonce, &subject), MV_OK);
    mv_proof_write(text, &proof);
    assert_int_equal(mv_proof_read(&back, text), MV_OK);
    assert_memory_equal(&proof, &back, sizeof proof);
    assert_int_equal(mv_proof_check(&back, &subject), MV_OK);
    assert_int_equal(mv_proof_check(&back, &method), MV_E_AUTH);
    assert_int_equal(mv_proof_check(&back, &target), MV_E_AUTH);
    relay[0] ^= 1;
    assert_int_equal(mv_proof_check(&back, &subject), MV_E_AUTH);
    relay[0] ^= 1;
    back.nonce[0] ^= 1;
    assert_int_equal(mv_proof_check(&back, &subject), MV_E_AUTH);
    text[strlen(text) - 1] = '\0';
    assert_int_equal(mv_proof_read(&back, text), MV_E_FORMAT);
    assert_int_equal(mv_proof_read(&back, ""), MV_E_FORMAT);
    mv_identity_free(&identity);
}

/* Computed by tests/support/mailbox.py, which shares no code with ours; printed in wire.md. */
static void mailbox_and_proof_agree_with_another_implementation(void **state)
{
    static const char public[] = "ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c";
    static const char tag[] = "6faab78abef079a9114472f3529c1685ace6713a89586df1d39e819d5ce11f84";
    static const char signature[] =
        "5d38e5ff0682332f3d42ff54e1b89667c17bd26332054c4870b22f46c8bae7a4"
        "76ac07554b97f260710301fcd2a9f055a04e4019ae5c206d36c5f43d1f3a5c0a";
    uint8_t relay[MV_RELAY_KEY_LEN], nonce[MV_NONCE_LEN], seed[32], want[64];
    char target[MV_TARGET_MAX];
    mv_route route = {.kind = MV_ROUTE_LIST, .mailbox.epoch = 2951};
    mv_identity identity;
    mv_proof proof;
    const mv_proof_subject subject = {relay, "GET", target, 2951};
    (void)state;
    memset(&identity, 0, sizeof identity);
    memset(seed, 7, sizeof seed);
    for (uint8_t i = 0; i < 32; i++) {
        relay[i] = i;
        nonce[i] = (uint8_t)(32 + i);
    }
    assert_int_equal(
        crypto_sign_seed_keypair(identity.card.sign_public, identity.sign_secret, seed), 0);
    for (size_t i = 0; i < MV_CARD_SEAL_LEN; i++) {
        identity.card.seal_public[i] = (uint8_t)i;
    }
    assert_true(mv_hex_read(want, 32, public));
    assert_memory_equal(identity.card.sign_public, want, 32);
    assert_int_equal(mv_mailbox_tag(route.mailbox.tag, &identity.card, 2951), MV_OK);
    assert_true(mv_hex_read(want, 32, tag));
    assert_memory_equal(route.mailbox.tag, want, 32);
    mv_route_write(target, &route);
    assert_int_equal(mv_proof_make(&proof, &identity, nonce, &subject), MV_OK);
    assert_memory_equal(proof.key, want, 32);
    assert_true(mv_hex_read(want, 64, signature));
    assert_memory_equal(proof.signature, want, 64);
    assert_int_equal(mv_proof_check(&proof, &subject), MV_OK);
}

static void runs_join_and_know_when_they_are_whole(void **state)
{
    mv_runs *a = calloc(1, sizeof *a), *b = calloc(1, sizeof *b);
    mv_buffer body = mv_buffer_make(MV_MESSAGE_MAX);
    (void)state;
    assert_true(a != NULL && b != NULL);
    a->len = 100;
    assert_true(mv_runs_add(a, 50, 60));
    assert_true(mv_runs_add(a, 0, 10));
    assert_true(mv_runs_add(a, 70, 100));
    assert_int_equal(a->count, 3);
    assert_false(mv_runs_whole(a));
    assert_int_equal(mv_runs_write(&body, a), MV_OK);
    assert_int_equal(mv_runs_read(b, body.bytes, body.len), MV_OK);
    assert_memory_equal(a, b, sizeof *a);
    assert_true(mv_runs_add(a, 60, 70)); /* touches both neighbours */
    assert_int_equal(a->count, 2);
    assert_true(mv_runs_add(a, 5, 55));
    assert_true(mv_runs_whole(a));
    a->len = 1 << 20;
    a->count = 0;
    for (uint64_t i = 0; i < MV_RUNS_MAX; i++) {
        assert_true(mv_runs_add(a, 3 * i, 3 * i + 1));
    }
    assert_false(mv_runs_add(a, 3 * MV_RUNS_MAX, 3 * MV_RUNS_MAX + 1));
    assert_true(mv_runs_add(a, 1, 3)); /* a gap closed is always welcome */
    mv_buffer_clear(&body);
    free(a);
    free(b);
}

static void a_bundle_gives_its_files_back_and_no_half_ones(void **state)
{
    const uint8_t hash[MV_FILE_HASH_LEN] = {5}, bytes[] = "abc";
    const mv_bundled in = {hash, bytes, 3};
    mv_bundled out;
    mv_buffer body = mv_buffer_make(MV_BUNDLE_MAX);
    (void)state;
    assert_int_equal(mv_bundle_append(&body, &in), MV_OK);
    assert_int_equal(body.len, MV_BUNDLE_HEAD + 3);
    for (size_t len = 0; len <= body.len; len++) {
        mv_reader r = mv_reader_make(body.bytes, len);
        const mv_status st = mv_bundle_next(&out, &r);
        assert_int_equal(st, len == body.len ? MV_OK : MV_E_TRUNCATED);
    }
    assert_int_equal(out.len, 3);
    assert_memory_equal(out.bytes, bytes, 3);
    mv_buffer_clear(&body);
}

static void a_byte_range_is_one_range_from_an_offset(void **state)
{
    static const char *const bad[] = {"",           "bytes=",
                                      "bytes=-5",   "bytes=5",
                                      "bytes=5-4",  "bytes=0-1,3-4",
                                      "bytes=1- 2", "bytes=1-2x",
                                      "bits=1-2",   "bytes=9999999999999999999-"};
    mv_byte_range r = {48123, UINT64_MAX}, back;
    char text[MV_RANGE_TEXT_MAX];
    (void)state;
    mv_byte_range_write(text, &r);
    assert_string_equal(text, "bytes=48123-");
    assert_int_equal(mv_byte_range_read(&back, text), MV_OK);
    assert_memory_equal(&r, &back, sizeof r);
    r.last = 48123;
    mv_byte_range_write(text, &r);
    assert_int_equal(mv_byte_range_read(&back, text), MV_OK);
    assert_memory_equal(&r, &back, sizeof r);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(mv_byte_range_read(&back, bad[i]), MV_E_FORMAT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hexadecimal_has_one_spelling),
        cmocka_unit_test(an_address_survives_reading_and_writing),
        cmocka_unit_test(a_bad_address_is_refused_with_a_sentence_and_a_hint),
        cmocka_unit_test(a_host_to_listen_on_needs_a_port),
        cmocka_unit_test(every_route_survives_writing_and_reading),
        cmocka_unit_test(a_shortened_target_is_never_a_file),
        cmocka_unit_test(a_target_has_one_spelling),
        cmocka_unit_test(the_mailbox_of_an_epoch_is_its_owners_alone),
        cmocka_unit_test(runs_join_and_know_when_they_are_whole),
        cmocka_unit_test(a_bundle_gives_its_files_back_and_no_half_ones),
        cmocka_unit_test(a_challenge_survives_writing_and_reading),
        cmocka_unit_test(a_full_listing_survives_writing_and_reading),
        cmocka_unit_test(a_listing_that_repeats_goes_back_or_never_ends_is_refused),
        cmocka_unit_test(a_problem_survives_but_never_carries_control_characters),
        cmocka_unit_test(a_proof_is_good_for_one_relay_nonce_method_and_target),
        cmocka_unit_test(mailbox_and_proof_agree_with_another_implementation),
        cmocka_unit_test(a_byte_range_is_one_range_from_an_offset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
