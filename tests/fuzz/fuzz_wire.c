/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_wire.c: any bytes as what a peer may send: the first byte picks the message, the rest is the
 * message. What is read must survive being written and read again; what is refused must leave
 * zeros.
 */
#include "wire/messages.h"

#include <stdio.h>
#include <string.h>

#define TEXT_MAX 1024

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void expect(bool holds, const char *promise)
{
    if (!holds) {
        fprintf(stderr, "broken promise: %s\n", promise);
        abort();
    }
}

static bool is_zero(const void *p, size_t len)
{
    const uint8_t *b = p;
    for (size_t i = 0; i < len; i++) {
        if (b[i] != 0) {
            return false;
        }
    }
    return true;
}

static void check_address(const char *text)
{
    mv_address a, back;
    char again[MV_ADDRESS_MAX];
    mv_error err = {0};
    if (mv_address_read(&a, text, &err) != MV_OK) {
        expect(err.text[0] != '\0' && is_zero(&a, sizeof a), "a refused address has a sentence");
        return;
    }
    mv_address_write(again, &a);
    expect(mv_address_read(&back, again, NULL) == MV_OK && memcmp(&a, &back, sizeof a) == 0,
           "an address comes back");
}

static void check_route(const char *text)
{
    mv_route r;
    char again[MV_TARGET_MAX];
    if (mv_route_read(&r, text) != MV_OK) {
        expect(is_zero(&r, sizeof r), "a refused target leaves zeros");
        return;
    }
    mv_route_write(again, &r);
    expect(strcmp(text, again) == 0, "a target has one spelling");
}

static void check_proof(const char *text)
{
    mv_proof p;
    char again[MV_PROOF_TEXT_MAX];
    if (mv_proof_read(&p, text) != MV_OK) {
        expect(is_zero(&p, sizeof p), "a refused proof leaves zeros");
        return;
    }
    mv_proof_write(again, &p);
    expect(strcmp(text, again) == 0, "a proof has one spelling");
}

static void check_range(const char *text)
{
    mv_byte_range r, back;
    char again[MV_RANGE_TEXT_MAX];
    if (mv_byte_range_read(&r, text) == MV_OK) {
        mv_byte_range_write(again, &r);
        expect(mv_byte_range_read(&back, again) == MV_OK && memcmp(&r, &back, sizeof r) == 0,
               "a range comes back");
    }
}

static void check_challenge(const uint8_t *bytes, size_t len)
{
    uint8_t nonce[MV_NONCE_LEN], back[MV_NONCE_LEN];
    mv_buffer again = mv_buffer_make(MV_MESSAGE_MAX);
    if (mv_challenge_read(nonce, bytes, len) == MV_OK) {
        expect(mv_challenge_write(&again, nonce) == MV_OK &&
                   mv_challenge_read(back, again.bytes, again.len) == MV_OK &&
                   memcmp(nonce, back, sizeof nonce) == 0,
               "a nonce comes back");
    }
    mv_buffer_clear(&again);
}

static void check_listing(const uint8_t *bytes, size_t len)
{
    static mv_listing l, back;
    mv_buffer again = mv_buffer_make(MV_MESSAGE_MAX);
    if (mv_listing_read(&l, bytes, len) == MV_OK) {
        expect(mv_listing_write(&again, &l) == MV_OK &&
                   mv_listing_read(&back, again.bytes, again.len) == MV_OK &&
                   memcmp(&l, &back, sizeof l) == 0,
               "a list comes back");
    } else {
        expect(is_zero(&l, sizeof l), "a refused list leaves zeros");
    }
    mv_buffer_clear(&again);
}

/* One message whose read and write have this form: read, written, read again is the same. */
#define CHECK_MESSAGE(type, name)                                                                  \
    static void check_##name(const uint8_t *bytes, size_t len)                                     \
    {                                                                                              \
        static type first, back;                                                                   \
        mv_buffer again = mv_buffer_make(MV_MESSAGE_MAX);                                          \
        if (mv_##name##_read(&first, bytes, len) == MV_OK) {                                       \
            expect(mv_##name##_write(&again, &first) == MV_OK &&                                   \
                       mv_##name##_read(&back, again.bytes, again.len) == MV_OK &&                 \
                       memcmp(&first, &back, sizeof first) == 0,                                   \
                   "a message comes back: " #name);                                                \
        }                                                                                          \
        mv_buffer_clear(&again);                                                                   \
    }

CHECK_MESSAGE(mv_epochs, epochs)
CHECK_MESSAGE(mv_offer, offer)
CHECK_MESSAGE(mv_ticket, ticket)
CHECK_MESSAGE(mv_runs, runs)
CHECK_MESSAGE(mv_results, results)

static void check_bundle(const uint8_t *bytes, size_t len)
{
    mv_reader in = mv_reader_make(bytes, len);
    mv_bundled one;
    size_t total = 0;
    while (mv_bundle_next(&one, &in) == MV_OK) {
        total += MV_BUNDLE_HEAD + one.len;
        expect(one.bytes >= bytes && one.bytes + one.len <= bytes + len && one.len != 0,
               "a file of a bundle lies in it");
    }
    expect(total <= len && one.bytes == NULL && one.len == 0, "what is no file leaves zeros");
}

static void check_problem(const uint8_t *bytes, size_t len)
{
    mv_problem p, back;
    mv_buffer again = mv_buffer_make(MV_MESSAGE_MAX);
    if (mv_problem_read(&p, bytes, len) == MV_OK) {
        expect(mv_problem_write(&again, &p) == MV_OK &&
                   mv_problem_read(&back, again.bytes, again.len) == MV_OK &&
                   memcmp(&p, &back, sizeof p) == 0,
               "a problem comes back");
    } else {
        expect(is_zero(&p, sizeof p), "a refused problem leaves zeros");
    }
    mv_buffer_clear(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char text[TEXT_MAX];
    if (len == 0 || len > MV_MESSAGE_MAX) {
        return 0;
    }
    const uint8_t kind = bytes[0];
    bytes++;
    len--;
    const size_t text_len = len < sizeof text ? len : sizeof text - 1;
    memcpy(text, bytes, text_len);
    text[text_len] = '\0';
    switch (kind) {
    case 'A':
        check_address(text);
        break;
    case 'R':
        check_route(text);
        break;
    case 'P':
        check_proof(text);
        break;
    case 'B':
        check_range(text);
        break;
    case 'C':
        check_challenge(bytes, len);
        break;
    case 'L':
        check_listing(bytes, len);
        break;
    case 'E':
        check_epochs(bytes, len);
        break;
    case 'O':
        check_offer(bytes, len);
        break;
    case 'T':
        check_ticket(bytes, len);
        break;
    case 'U':
        check_runs(bytes, len);
        break;
    case 'S':
        check_results(bytes, len);
        break;
    case 'F':
        check_bundle(bytes, len);
        break;
    default:
        check_problem(bytes, len);
        break;
    }
    return 0;
}
