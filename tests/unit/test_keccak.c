/* SPDX-License-Identifier: Apache-2.0
 *
 * test_keccak.c: sentences about SHA-3 and SHAKE.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/keccak.h"

static void digest(uint8_t *out, size_t out_len, mv_sponge s, const uint8_t *bytes, size_t len)
{
    mv_sponge_absorb(&s, bytes, len);
    mv_sponge_finish(&s);
    mv_sponge_squeeze(&s, out, out_len);
}

static void expect(mv_sponge s, const char *text, size_t out_len, const char *hex)
{
    uint8_t out[64];
    char got[129] = "";
    digest(out, out_len, s, (const uint8_t *)text, strlen(text));
    for (size_t i = 0; i < out_len; i++) {
        (void)snprintf(got + 2 * i, 3, "%02x", out[i]);
    }
    assert_string_equal(got, hex);
}

static void the_standard_s_short_messages_come_out(void **state)
{
    (void)state;
    expect(mv_sha3_256(), "", 32,
           "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a");
    expect(mv_sha3_256(), "abc", 32,
           "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532");
    expect(mv_sha3_512(), "abc", 64,
           "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e"
           "10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0");
    expect(mv_shake128(), "", 32,
           "7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26");
    expect(mv_shake256(), "abc", 32,
           "483366601360a8771c6863080cc4114d8db44530f8f1e1ee4f94ea37e78b5739");
}

/* Python's hashlib agrees on all four, for messages m[:n] of m = bytes((7*i + 3) % 256) and every n
 * to 500: the expected value is SHA3-256 of sha3_256, sha3_512, shake_128 to n bytes and shake_256
 * to n bytes, one after another for each n. */
static void every_length_agrees_with_another_implementation(void **state)
{
    static uint8_t message[500], out[500], all[32];
    mv_sponge sum = mv_sha3_256();
    char got[65] = "";

    (void)state;
    for (size_t i = 0; i < sizeof message; i++) {
        message[i] = (uint8_t)(7 * i + 3);
    }
    for (size_t n = 0; n <= sizeof message; n++) {
        digest(out, 32, mv_sha3_256(), message, n);
        mv_sponge_absorb(&sum, out, 32);
        digest(out, 64, mv_sha3_512(), message, n);
        mv_sponge_absorb(&sum, out, 64);
        digest(out, n, mv_shake128(), message, n);
        mv_sponge_absorb(&sum, out, n);
        digest(out, n, mv_shake256(), message, n);
        mv_sponge_absorb(&sum, out, n);
    }
    mv_sponge_finish(&sum);
    mv_sponge_squeeze(&sum, all, sizeof all);
    for (size_t i = 0; i < sizeof all; i++) {
        (void)snprintf(got + 2 * i, 3, "%02x", all[i]);
    }
    assert_string_equal(got, "fb042fe9b5da50c2f272308fdc83f79c1940eb4b74dbb6ee5f90a3bfe15bfb59");
}

static void pieces_do_not_matter(void **state)
{
    uint8_t message[400], whole[300], pieces[300];

    (void)state;
    for (size_t i = 0; i < sizeof message; i++) {
        message[i] = (uint8_t)(i * i);
    }
    digest(whole, sizeof whole, mv_shake128(), message, sizeof message);
    for (size_t step = 1; step < 200; step += 3) {
        mv_sponge s = mv_shake128();
        for (size_t at = 0; at < sizeof message; at += step) {
            const size_t left = sizeof message - at;
            mv_sponge_absorb(&s, message + at, left < step ? left : step);
        }
        mv_sponge_finish(&s);
        for (size_t at = 0; at < sizeof pieces; at += step) {
            const size_t left = sizeof pieces - at;
            mv_sponge_squeeze(&s, pieces + at, left < step ? left : step);
        }
        assert_memory_equal(pieces, whole, sizeof whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_standard_s_short_messages_come_out),
        cmocka_unit_test(every_length_agrees_with_another_implementation),
        cmocka_unit_test(pieces_do_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
