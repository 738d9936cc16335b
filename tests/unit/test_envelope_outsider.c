/* SPDX-License-Identifier: Apache-2.0
 *
 * test_envelope_outsider.c: what somebody without a key can do to an envelope, and to the order of
 * its parts: docs/threat-model.md.
 */
#include "envelope_attack.h"

/* ---- what an outsider can do ---- */

static void nobody_without_a_key_sees_more_than_the_header(void **state)
{
    mv_content c = sample_content(true, 5000);
    (void)state;
    memset(c.exact, 'E', c.exact_len);
    sealed s = seal_for(&c, alice, &bob->card, 1), t = seal_for(&c, alice, &bob->card, 1);
    const struct {
        const void *bytes;
        size_t len;
    } secrets[] = {{"EEEEEE", 6},
                   {"scan.png", 8},
                   {"cnn", 3},
                   {"pack4096", 8},
                   {alice->card.id, 8},
                   {alice->card.seal_public, 8},
                   {alice->card.sign_public, 8},
                   {bob->card.id, 8},
                   {bob->card.seal_public, 8}};
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
        assert_null(memmem(s.bytes, s.len, secrets[i].bytes, secrets[i].len));
    }
    assert_int_equal(s.len, t.len); /* the same again shares nothing but the header's 20 bytes */
    assert_memory_equal(s.bytes, t.bytes, MV_HEADER_LEN);
    for (size_t i = MV_HEADER_LEN; i + 8 <= s.len; i += 8) {
        assert_memory_not_equal(s.bytes + i, t.bytes + i, 8);
    }
    mv_content_clear(&c);
    drop(&s);
    drop(&t);
}

static bool is_refusal(mv_status st)
{
    return st == MV_E_AUTH || st == MV_E_FORMAT || st == MV_E_WRONG_KEY || st == MV_E_TRUNCATED ||
           st == MV_E_LIMIT;
}

static void a_flipped_bit_anywhere_is_noticed(void **state)
{
    sealed s = seal_sample(true, 300, alice);
    const size_t body = mv_head_len(2);
    (void)state;
    for (size_t i = 0; i < s.len; i++) {
        for (unsigned bit = i < 256 ? 0 : i % 8; bit < 8; bit += i < 256 ? 1 : 8) {
            s.bytes[i] ^= (uint8_t)(1u << bit);
            const mv_status st = try_open(&s, bob);
            if (!is_refusal(st)) {
                fail_msg("byte %zu, bit %u: %s", i, bit, mv_status_name(st));
            }
            if (i >= body) { /* one indistinct answer for the whole body */
                assert_int_equal(st, MV_E_AUTH);
            }
            s.bytes[i] ^= (uint8_t)(1u << bit);
        }
    }
    assert_int_equal(try_open(&s, bob), MV_OK);
    drop(&s);
}

static void a_change_in_another_recipients_wrap_is_noticed_too(void **state)
{
    sealed s = seal_sample(true, 300, alice);
    (void)state;
    for (size_t i = 0; i < MV_WRAP_LEN; i++) {
        s.bytes[MV_HEADER_LEN + MV_WRAP_LEN + i] ^= 1; /* carol's */
        assert_int_equal(try_open(&s, bob), MV_E_AUTH);
        s.bytes[MV_HEADER_LEN + MV_WRAP_LEN + i] ^= 1;
    }
    drop(&s);
}

static void a_truncated_or_extended_file_is_refused_at_every_length(void **state)
{
    sealed s = seal_sample(true, 300, alice);
    uint8_t *longer = calloc(1, s.len + 20);
    (void)state;
    for (size_t len = 0; len < s.len; len++) {
        uint8_t *copy = malloc(len == 0 ? 1 : len); /* exact size: a checker sees reading on */
        memcpy(copy, s.bytes, len);
        const sealed cut = {copy, len};
        const mv_status st = try_open(&cut, bob);
        assert_int_equal(st, len == 0 ? MV_E_FORMAT : MV_E_TRUNCATED);
        free(copy);
    }
    memcpy(longer, s.bytes, s.len);
    for (size_t more = 1; more <= 20; more++) {
        const sealed extended = {longer, s.len + more};
        assert_int_equal(try_open(&extended, bob), MV_E_FORMAT);
    }
    free(longer);
    drop(&s);
}

static void a_header_that_lies_is_refused_before_any_key_is_used(void **state)
{
    sealed s = seal_sample(false, 300, alice);
    const struct {
        size_t at;
        uint8_t byte;
        mv_status expected;
    } cases[] = {
        {0, 'M', MV_E_FORMAT},    {7, 0, MV_E_FORMAT},
        {8, 0, MV_E_FORMAT},      {9, 1, MV_E_FORMAT}, /* version */
        {10, 0, MV_E_FORMAT},     {10, 65, MV_E_FORMAT},
        {11, 1, MV_E_FORMAT}, /* wraps */
        {10, 64, MV_E_TRUNCATED}, {10, 1, MV_E_FORMAT},
        {12, 1, MV_E_FORMAT}, /* not a length class */
        {17, 2, MV_E_LIMIT},      {19, 0xff, MV_E_LIMIT},
        {15, 1, MV_E_TRUNCATED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t *copy = malloc(s.len);
        mv_envelope_outside outside;
        mv_error err = {0};
        memcpy(copy, s.bytes, s.len);
        copy[cases[i].at] = cases[i].byte;
        if (cases[i].at == 15) { /* a class above the length that is there */
            memset(copy + 12, 0, 8);
            copy[15] = 1;
        }
        assert_int_equal(inspect(&outside, copy, s.len, &err), cases[i].expected);
        assert_true(err.text[0] != '\0');
        assert_true(all_zero(&outside, sizeof outside));
        free(copy);
    }
    drop(&s);
}

static void a_body_length_that_is_no_class_is_refused(void **state)
{
    uint8_t bytes[4000] = {0};
    mv_envelope_outside outside;
    (void)state;
    for (uint64_t body = 1000; body <= 1024; body++) {
        mv_header_write(bytes, 1, body);
        assert_int_equal(inspect(&outside, bytes, mv_head_len(1) + (size_t)body, NULL),
                         body == mv_padded_len(body) ? MV_OK : MV_E_FORMAT);
    }
}

/* Two envelopes of one sender, recipient, collection and shape: any part taken from the other one
 * is noticed. */
static void parts_of_another_envelope_do_not_fit(void **state)
{
    mv_content c = sample_content(true, 70000);
    const uint8_t collection[MV_COLLECTION_KEY_LEN] = {9, 9, 9};
    const mv_seal_opts opts = {.sender = alice,
                               .recipient = &bob->card,
                               .recipient_count = 1,
                               .collection_key = collection};
    sealed s = {NULL, 0}, t = {NULL, 0};
    (void)state;
    assert_int_equal(mv_envelope_seal(&s.bytes, &s.len, NULL, &c, &opts, NULL), MV_OK);
    assert_int_equal(mv_envelope_seal(&t.bytes, &t.len, NULL, &c, &opts, NULL), MV_OK);
    assert_int_equal(s.len, t.len);
    const size_t head = mv_head_len(1);
    const struct {
        size_t from, to;
    } parts[] = {
        {MV_HEADER_LEN, MV_HEADER_LEN + MV_WRAP_LEN}, /* the wrap */
        {MV_HEADER_LEN + MV_WRAP_LEN, head},          /* the commitment */
        {MV_HEADER_LEN, head},                        /* both */
        {head, head + 32},                            /* start */
        {head + 32, head + 600},                      /* manifest and the first features */
        {s.len - 4000, s.len},                        /* end of exact, seal, padding */
        {head, s.len},                                /* the whole body */
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        uint8_t *mixed = malloc(s.len);
        memcpy(mixed, s.bytes, s.len);
        memcpy(mixed + parts[i].from, t.bytes + parts[i].from, parts[i].to - parts[i].from);
        const sealed m = {mixed, s.len};
        assert_int_equal(try_open(&m, bob), MV_E_AUTH);
        free(mixed);
    }
    mv_content_clear(&c);
    drop(&s);
    drop(&t);
}

/* ---- order of records and sections ---- */

static void records_of_a_section_cannot_be_reordered_repeated_or_dropped(void **state)
{
    enum { LEN = 3 * MV_RECORD_LEN + 100, STEP = MV_RECORD_SEALED };
    mv_content c = sample_content(false, LEN);
    sealed s = seal_for(&c, NULL, &bob->card, 1); /* no signature to help */
    taken t = take_apart(&s, bob);
    uint8_t *first = s.bytes + t.at[2];
    const size_t stream = (size_t)mv_records_len(LEN);
    uint8_t *kept = malloc(stream), *swap = malloc(STEP);
    (void)state;
    memcpy(kept, first, stream);
    for (int attack = 0; attack < 4; attack++) {
        memcpy(first, kept, stream);
        if (attack == 0) { /* 1 before 0 */
            memcpy(first, kept + STEP, STEP);
            memcpy(first + STEP, kept, STEP);
        } else if (attack == 1) { /* 0 twice */
            memcpy(first + STEP, kept, STEP);
        } else if (attack == 2) { /* 1 dropped, 2 twice */
            memcpy(first + STEP, kept + (size_t)2 * STEP, STEP);
        } else { /* another section's record */
            memcpy(first, s.bytes + t.at[1], 32);
        }
        assert_int_equal(try_open(&s, bob), MV_E_AUTH);
        taken again = {0}; /* already the records do not authenticate, whatever the seal says */
        take_keys(&again, &s, bob);
        assert_true(take_section(&again, &s, t.len[0]));
        assert_true(take_section(&again, &s, t.len[1]));
        assert_false(take_section(&again, &s, t.len[2]));
        taken_clear(&again);
    }
    memcpy(first, kept, stream);
    assert_int_equal(try_open(&s, bob), MV_OK);
    /* ending after the second record: its flag says that it is not the last */
    taken cut = {0};
    take_keys(&cut, &s, bob);
    assert_true(take_section(&cut, &s, t.len[0]));
    assert_true(take_section(&cut, &s, t.len[1]));
    assert_false(take_section(&cut, &s, 2 * MV_RECORD_LEN));
    taken_clear(&cut);
    free(kept);
    free(swap);
    taken_clear(&t);
    mv_content_clear(&c);
    drop(&s);
}

static void sections_of_equal_length_cannot_change_places(void **state)
{
    mv_content c = sample_content(true, 0);
    const mv_pack_shape shape = {8, 1, (uint32_t)c.code.feature_count, MV_HE_SYM};
    (void)state;
    c.exact_len = mv_pack_size(mv_he_set_find("pack4096"), &shape);
    free(c.exact);
    c.exact = calloc(1, c.exact_len);
    sealed s = seal_for(&c, NULL, &bob->card, 1); /* no signature to help */
    taken t = take_apart(&s, bob);
    const size_t len = (size_t)mv_records_len(c.exact_len);
    assert_int_equal(t.at[EXACT] - t.at[FEATURES], len);
    uint8_t *features = malloc(len);
    memcpy(features, s.bytes + t.at[FEATURES], len);
    memmove(s.bytes + t.at[FEATURES], s.bytes + t.at[EXACT], len);
    memcpy(s.bytes + t.at[EXACT], features, len);
    assert_int_equal(try_open(&s, bob), MV_E_AUTH);
    taken again = {0}; /* already the records do not authenticate */
    take_keys(&again, &s, bob);
    assert_true(take_section(&again, &s, t.len[0]));
    assert_true(take_section(&again, &s, t.len[1]));
    assert_false(take_section(&again, &s, t.len[2]));
    taken_clear(&again);
    free(features);
    taken_clear(&t);
    mv_content_clear(&c);
    drop(&s);
}

static void every_byte_of_the_padding_counts(void **state)
{
    sealed s = seal_sample(false, 5001, alice);
    taken t = take_apart(&s, bob);
    (void)state;
    assert_true(t.end < s.len); /* there is padding */
    for (size_t i = t.end; i < s.len; i++) {
        s.bytes[i] ^= 0x10;
        assert_int_equal(try_open(&s, bob), MV_E_AUTH);
        s.bytes[i] ^= 0x10;
    }
    taken_clear(&t);
    drop(&s);
}

/* A source that changes after it has been authenticated. */
static void what_changes_after_it_was_authenticated_is_noticed_too(void **state)
{
    sealed s = seal_sample(true, 70000, alice);
    taken t = take_apart(&s, carol);
    const mv_source source = mv_source_memory(s.bytes, s.len);
    mv_opener *o = NULL;
    mv_code code;
    mv_buffer out = mv_buffer_make(100000);
    (void)state;
    assert_int_equal(mv_opener_new(&o, &source, bob, NULL), MV_OK);
    t.plain[EXACT][7] ^= 1; /* by a co-recipient: the records are authentic */
    t.plain[FEATURES][60] ^= 1;
    put_back(&s, &t, EXACT);
    put_back(&s, &t, FEATURES);
    FILE *sink_file = tmpfile();
    const mv_sink sink = mv_sink_file(sink_file);
    assert_int_equal(mv_opener_exact(o, 0, &sink, NULL), MV_E_AUTH);
    assert_int_equal(mv_opener_features(o, 0, &code, NULL, NULL, NULL), MV_E_AUTH);
    assert_null(code.feature);
    (void)fclose(sink_file);
    mv_opener_free(&o);
    mv_buffer_clear(&out);
    taken_clear(&t);
    drop(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_without_a_key_sees_more_than_the_header),
        cmocka_unit_test(a_flipped_bit_anywhere_is_noticed),
        cmocka_unit_test(a_change_in_another_recipients_wrap_is_noticed_too),
        cmocka_unit_test(a_truncated_or_extended_file_is_refused_at_every_length),
        cmocka_unit_test(a_header_that_lies_is_refused_before_any_key_is_used),
        cmocka_unit_test(a_body_length_that_is_no_class_is_refused),
        cmocka_unit_test(parts_of_another_envelope_do_not_fit),
        cmocka_unit_test(records_of_a_section_cannot_be_reordered_repeated_or_dropped),
        cmocka_unit_test(sections_of_equal_length_cannot_change_places),
        cmocka_unit_test(every_byte_of_the_padding_counts),
        cmocka_unit_test(what_changes_after_it_was_authenticated_is_noticed_too),
    };
    return cmocka_run_group_tests(tests, meet, part);
}
