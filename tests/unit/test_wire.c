/* SPDX-License-Identifier: Apache-2.0
 *
 * test_wire.c: sentences about src/wire: addresses, targets and messages.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "wire/hex.h"
#include "wire/messages.h"

#define KEY_TEXT "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8" /* bytes 0, 1, .. 31 */

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

static void every_route_survives_writing_and_reading(void **state)
{
    (void)state;
    for (int kind = 0; kind < MV_ROUTE_COUNT; kind++) {
        mv_route in = {.kind = (mv_route_kind)kind}, out;
        char target[MV_TARGET_MAX];
        if (kind == MV_ROUTE_LIST || kind == MV_ROUTE_FILE) {
            fill(in.mailbox, sizeof in.mailbox, 1);
            fill(in.file, sizeof in.file, 2);
        }
        mv_route_write(target, &in);
        assert_int_equal(mv_route_read(&out, target), MV_OK);
        assert_memory_equal(&in, &out, sizeof in);
        (void)strcat(target, "/");
        assert_int_equal(mv_route_read(&out, target), MV_E_NOT_FOUND);
    }
}

static void a_shortened_target_is_never_a_file(void **state)
{
    const mv_route in = {.kind = MV_ROUTE_FILE};
    mv_route out;
    char target[MV_TARGET_MAX];
    (void)state;
    mv_route_write(target, &in);
    for (size_t len = strlen(target); len-- > 0;) {
        target[len] = '\0';
        assert_true(mv_route_read(&out, target) == MV_E_NOT_FOUND || out.kind == MV_ROUTE_LIST);
        assert_true(out.kind != MV_ROUTE_LIST || strcmp(target + len - 6, "/files") == 0);
    }
}

static void a_mailbox_tells_neither_key_nor_card(void **state)
{
    uint8_t key[32], other[32], a[MV_MAILBOX_LEN], b[MV_MAILBOX_LEN];
    (void)state;
    fill(key, sizeof key, 3);
    fill(other, sizeof other, 4);
    mv_mailbox_of(a, key);
    mv_mailbox_of(b, other);
    assert_memory_not_equal(a, key, sizeof a);
    assert_memory_not_equal(a, b, sizeof a);
    mv_mailbox_of(b, key);
    assert_memory_equal(a, b, sizeof a);
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
    }
    assert_int_equal(mv_listing_write(&body, in), MV_OK);
    assert_int_equal(mv_listing_read(out, body.bytes, body.len), MV_OK);
    assert_memory_equal(in, out, sizeof *in);
    mv_buffer_clear(&body);
    free(in);
    free(out);
}

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B64 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static void a_listing_that_repeats_goes_back_or_never_ends_is_refused(void **state)
{
    static const char *const bad[] = {
        "{\"files\":[],\"more\":true}",
        "{\"files\":[{\"file\":\"" A64 "\",\"bytes\":1},{\"file\":\"" A64
        "\",\"bytes\":1}],\"more\":false}",
        "{\"files\":[{\"file\":\"" B64 "\",\"bytes\":1},{\"file\":\"" A64
        "\",\"bytes\":1}],\"more\":false}",
        "{\"files\":[{\"file\":\"" A64 "\",\"bytes\":-1}],\"more\":false}",
        "{\"files\":[{\"file\":\"" A64 "\",\"bytes\":1.5}],\"more\":false}",
        "{\"files\":[{\"file\":\"..\",\"bytes\":1}],\"more\":false}",
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
    const mv_proof_subject subject = {relay, "GET", "/v1/challenge"};
    const mv_proof_subject method = {relay, "PUT", "/v1/challenge"};
    const mv_proof_subject target = {relay, "GET", "/v1/challengf"};
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

/* Computed with PyNaCl from docs/formats/wire.md. */
static void mailbox_and_proof_agree_with_another_implementation(void **state)
{
    static const char key[] = "ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c";
    static const char mailbox[] =
        "6e1f41c476975f73150e39adf47bdffbed8885560bfebedca6d2095e0f112dc1";
    static const char signature[] =
        "e1f4309452a8d242dc91ab41a2b028a7d17e863916ab1c2475ffd463fcff25e3"
        "e29cc8c7835ba71506f71f75e24d9ce0bde7fc229c6db92e781d0411f28dcb09";
    uint8_t relay[MV_RELAY_KEY_LEN];
    char hex[2 * MV_MAILBOX_LEN + 1], target[MV_TARGET_MAX];
    mv_route route = {.kind = MV_ROUTE_LIST};
    mv_proof proof;
    const mv_proof_subject subject = {relay, "GET", target};
    (void)state;
    for (uint8_t i = 0; i < 32; i++) {
        relay[i] = i;
        proof.nonce[i] = (uint8_t)(32 + i);
    }
    assert_true(mv_hex_read(proof.key, sizeof proof.key, key));
    assert_true(mv_hex_read(proof.signature, sizeof proof.signature, signature));
    mv_mailbox_of(route.mailbox, proof.key);
    mv_hex_write(hex, route.mailbox, sizeof route.mailbox);
    assert_string_equal(hex, mailbox);
    mv_route_write(target, &route);
    assert_int_equal(mv_proof_check(&proof, &subject), MV_OK);
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
        cmocka_unit_test(a_mailbox_tells_neither_key_nor_card),
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
