/* SPDX-License-Identifier: Apache-2.0
 *
 * envelope_people.h: four people, what they seal for each other, and what opens; for the tests of
 * the envelope.
 */
#ifndef MV_TESTS_ENVELOPE_PEOPLE_H
#define MV_TESTS_ENVELOPE_PEOPLE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sodium.h>
#include <stdio.h>

#include "base/rng.h"
#include "base/secret.h"
#include "envelope/container.h"
#include "envelope/envelope_internal.h"
#include "envelope/envelope_io.h"
#include "envelope/envelope_manifest.h"
#include "envelope/envelope_signature.h"
#include "envelope/recipients.h"
#include "envelope/records.h"
#include "envelope_sample.h"

/* ---- people ---- */

static mv_identity *alice, *bob, *carol, *mallory;

static inline int meet(void **state)
{
    (void)state;
    alice = sample_identity(1);
    bob = sample_identity(2);
    carol = sample_identity(3);
    mallory = sample_identity(4);
    return alice == NULL || bob == NULL || carol == NULL || mallory == NULL;
}

static inline int part(void **state)
{
    (void)state;
    mv_identity_free(&alice);
    mv_identity_free(&bob);
    mv_identity_free(&carol);
    mv_identity_free(&mallory);
    return 0;
}

/* ---- sealing and opening ---- */

typedef struct sealed {
    uint8_t *bytes;
    size_t len;
} sealed;

static inline sealed seal_for(const mv_content *content, const mv_identity *sender,
                              const mv_card *to, size_t to_count)
{
    const mv_seal_opts opts = {.sender = sender, .recipient = to, .recipient_count = to_count};
    sealed s = {NULL, 0};
    mv_error err = {0};
    if (mv_envelope_seal(&s.bytes, &s.len, NULL, content, &opts, &err) != MV_OK) {
        fail_msg("cannot seal: %s", err.text);
    }
    return s;
}

/* The usual small one: from alice (or anonymous) to bob and carol. */
static inline sealed seal_sample(bool with_features, size_t exact_len, const mv_identity *sender)
{
    mv_content c = sample_content(with_features, exact_len);
    const mv_card to[2] = {bob->card, carol->card};
    const sealed s = seal_for(&c, sender, to, 2);
    mv_content_clear(&c);
    return s;
}

static inline void drop(sealed *s)
{
    mv_envelope_free_bytes(&s->bytes, s->len);
}

static inline mv_status inspect(mv_envelope_outside *out, const uint8_t *bytes, size_t len,
                                mv_error *err)
{
    const mv_source source = mv_source_memory(bytes, len);
    return mv_envelope_inspect(out, &source, err);
}

static inline bool all_zero(const void *p, size_t len)
{
    return sodium_is_zero(p, len);
}

/* Opens with everything asked for; on failure checks that nothing is given. */
static inline mv_status try_open(const sealed *s, const mv_identity *identity)
{
    mv_content c;
    mv_sender sender;
    mv_envelope_stats stats;
    memset(&c, 0xaa, sizeof c);
    memset(&sender, 0xaa, sizeof sender);
    memset(&stats, 0xaa, sizeof stats);
    const mv_status st =
        mv_envelope_open(&c, &sender, &stats, s->bytes, s->len, identity, MV_OPEN_ALL, NULL);
    if (st != MV_OK) {
        assert_true(all_zero(&c, sizeof c));
        assert_true(all_zero(&sender, sizeof sender));
        assert_true(all_zero(&stats, sizeof stats));
    }
    mv_content_clear(&c);
    return st;
}

static inline void check_same_content(const mv_content *got, const mv_content *want)
{
    assert_string_equal(got->file_name, want->file_name);
    assert_memory_equal(&got->code.meta, &want->code.meta, sizeof got->code.meta);
    assert_int_equal(got->code.feature_count, want->code.feature_count);
    if (want->code.feature_count != 0) {
        assert_memory_equal(got->code.feature, want->code.feature,
                            want->code.feature_count * sizeof *want->code.feature);
    }
    assert_int_equal(got->exact != NULL, want->exact != NULL);
    assert_int_equal(got->exact_len, want->exact_len);
    if (want->exact_len != 0) {
        assert_memory_equal(got->exact, want->exact, want->exact_len);
    }
}

static inline mv_status collect(void *user, const uint8_t *bytes, size_t len, mv_error *err)
{
    (void)err;
    return mv_buffer_append(user, bytes, len);
}

#endif
