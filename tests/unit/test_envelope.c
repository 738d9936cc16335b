/* SPDX-License-Identifier: Apache-2.0
 *
 * test_envelope.c: sentences about sealing and opening, and the attacks of docs/threat-model.md.
 */
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
#include "envelope/envelope_meta.h"
#include "envelope/envelope_signature.h"
#include "envelope/recipients.h"
#include "envelope/records.h"
#include "envelope_sample.h"

/* ---- people ---- */

static mv_identity *alice, *bob, *carol, *mallory;

static int meet(void **state)
{
    (void)state;
    alice = sample_identity(1);
    bob = sample_identity(2);
    carol = sample_identity(3);
    mallory = sample_identity(4);
    return alice == NULL || bob == NULL || carol == NULL || mallory == NULL;
}

static int part(void **state)
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

static sealed seal_for(const mv_content *content, const mv_identity *sender, const mv_card *to,
                       size_t to_count)
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
static sealed seal_sample(bool with_features, size_t exact_len, const mv_identity *sender)
{
    mv_content c = sample_content(with_features, exact_len);
    const mv_card to[2] = {bob->card, carol->card};
    const sealed s = seal_for(&c, sender, to, 2);
    mv_content_clear(&c);
    return s;
}

static void drop(sealed *s)
{
    mv_envelope_free_bytes(&s->bytes, s->len);
}

static bool all_zero(const void *p, size_t len)
{
    return sodium_is_zero(p, len);
}

/* Opens with everything asked for; on failure checks that nothing is given. */
static mv_status try_open(const sealed *s, const mv_identity *identity)
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

static void check_same_content(const mv_content *got, const mv_content *want)
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

static void what_is_sealed_comes_back(void **state)
{
    const size_t lengths[] = {SIZE_MAX, 0, 1, 300, 65535, 65536, 65537, 131072, 200001};
    (void)state;
    for (size_t i = 0; i < 2 * sizeof lengths / sizeof *lengths; i++) {
        const bool with_features = i % 2 == 0;
        if (!with_features && lengths[i / 2] == SIZE_MAX) {
            continue; /* nothing at all */
        }
        mv_content want = sample_content(with_features, lengths[i / 2]), got;
        mv_sender sender;
        mv_envelope_stats stats;
        const sealed s = seal_sample(with_features, lengths[i / 2], alice);
        assert_int_equal(
            mv_envelope_open(&got, &sender, &stats, s.bytes, s.len, bob, MV_OPEN_ALL, NULL), MV_OK);
        check_same_content(&got, &want);
        assert_false(sender.anonymous);
        assert_memory_equal(&sender.card, &alice->card, sizeof sender.card);
        assert_int_equal(stats.bytes_total, s.len);
        assert_int_equal(stats.exact_kept, want.exact != NULL);
        assert_int_equal(stats.set != NULL, with_features);
        mv_content_clear(&want);
        mv_content_clear(&got);
        assert_null(got.exact);
        sealed gone = s;
        drop(&gone);
    }
}

static void only_what_is_asked_for_is_given(void **state)
{
    sealed s = seal_sample(true, 300, alice);
    mv_content c;
    mv_sender sender;
    (void)state;
    for (unsigned what = 0; what <= MV_OPEN_ALL; what++) {
        assert_int_equal(mv_envelope_open(&c, &sender, NULL, s.bytes, s.len, carol, what, NULL),
                         MV_OK);
        assert_int_equal(c.code.feature != NULL, (what & MV_OPEN_FEATURES) != 0);
        assert_int_equal(c.exact != NULL, (what & MV_OPEN_EXACT) != 0);
        assert_int_equal(c.code.meta.width, 32);
        mv_content_clear(&c);
    }
    drop(&s);
}

static void an_image_need_not_be_described(void **state)
{
    mv_content want = sample_content(false, 10), got;
    mv_sender sender;
    (void)state;
    memset(&want.code.meta, 0, sizeof want.code.meta);
    want.file_name[0] = '\0';
    sealed s = seal_for(&want, alice, &bob->card, 1);
    assert_int_equal(mv_envelope_open(&got, &sender, NULL, s.bytes, s.len, bob, MV_OPEN_ALL, NULL),
                     MV_OK);
    check_same_content(&got, &want);
    mv_content_clear(&want);
    mv_content_clear(&got);
    drop(&s);
}

static void without_a_sender_a_file_is_shown_as_anonymous(void **state)
{
    sealed s = seal_sample(true, 300, NULL);
    mv_content c;
    mv_sender sender;
    (void)state;
    assert_int_equal(mv_envelope_open(&c, &sender, NULL, s.bytes, s.len, bob, 0, NULL), MV_OK);
    assert_true(sender.anonymous);
    assert_true(all_zero(&sender.card, sizeof sender.card));
    mv_content_clear(&c);
    drop(&s);
}

static void the_wrong_identity_opens_nothing_and_is_told_which_card_to_send(void **state)
{
    sealed s = seal_sample(true, 300, alice);
    mv_content c;
    mv_sender sender;
    mv_error err = {0};
    char name[MV_CARD_NAME_MAX];
    (void)state;
    assert_int_equal(
        mv_envelope_open(&c, &sender, NULL, s.bytes, s.len, mallory, MV_OPEN_ALL, &err),
        MV_E_WRONG_KEY);
    mv_card_name(name, mallory->card.id);
    assert_non_null(strstr(err.hint, name));
    assert_int_equal(try_open(&s, alice), MV_E_WRONG_KEY); /* the sender is no recipient */
    drop(&s);
}

static void sixty_four_recipients_can_all_open(void **state)
{
    mv_card to[MV_ENVELOPE_RECIPIENTS_MAX + 1];
    mv_content c = sample_content(false, 100);
    mv_envelope_outside outside;
    (void)state;
    for (size_t i = 0; i <= MV_ENVELOPE_RECIPIENTS_MAX; i++) {
        mv_identity *id = sample_identity((uint8_t)(100 + i));
        mv_identity_card(&to[i], id);
        mv_identity_free(&id);
    }
    sealed s = seal_for(&c, alice, to, MV_ENVELOPE_RECIPIENTS_MAX);
    assert_int_equal(mv_envelope_inspect(&outside, s.bytes, s.len, NULL), MV_OK);
    assert_int_equal(outside.wrap_count, MV_ENVELOPE_RECIPIENTS_MAX);
    for (size_t i = 0; i <= MV_ENVELOPE_RECIPIENTS_MAX; i++) {
        mv_identity *id = sample_identity((uint8_t)(100 + i));
        assert_int_equal(try_open(&s, id), i < MV_ENVELOPE_RECIPIENTS_MAX ? MV_OK : MV_E_WRONG_KEY);
        mv_identity_free(&id);
    }
    drop(&s);
    const mv_seal_opts many = {.recipient = to, .recipient_count = MV_ENVELOPE_RECIPIENTS_MAX + 1};
    const mv_seal_opts none = {.recipient = to, .recipient_count = 0};
    assert_int_equal(mv_envelope_seal(&s.bytes, &s.len, NULL, &c, &many, NULL), MV_E_LIMIT);
    assert_int_equal(mv_envelope_seal(&s.bytes, &s.len, NULL, &c, &none, NULL), MV_E_ARGUMENT);
    assert_null(s.bytes);
    mv_content_clear(&c);
}

static void contents_that_contradict_themselves_are_not_sealed(void **state)
{
    const mv_seal_opts opts = {.recipient = &bob->card, .recipient_count = 1};
    const char *names[] = {"a/b", "..", ".", "a\nb", "\xff.png", "a\\b", "\x7f", "\xc2\x9b"};
    uint8_t *bytes = NULL;
    size_t len = 0;
    mv_content c = sample_content(true, 10);
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        strcpy(c.file_name, names[i]);
        assert_int_equal(mv_envelope_seal(&bytes, &len, NULL, &c, &opts, NULL), MV_E_ARGUMENT);
    }
    memset(c.file_name, 'x', sizeof c.file_name); /* no end */
    assert_int_equal(mv_envelope_seal(&bytes, &len, NULL, &c, &opts, NULL), MV_E_ARGUMENT);
    strcpy(c.file_name, "ok");
    c.code.feature_count--;
    assert_int_equal(mv_envelope_seal(&bytes, &len, NULL, &c, &opts, NULL), MV_E_ARGUMENT);
    c.code.feature_count++;
    c.code.feature[5] = 256;
    assert_int_equal(mv_envelope_seal(&bytes, &len, NULL, &c, &opts, NULL), MV_E_RANGE);
    mv_content_clear(&c);
    assert_int_equal(mv_envelope_seal(&bytes, &len, NULL, &c, &opts, NULL), MV_E_ARGUMENT);
    c = sample_content(false, 10);
    mv_card weak = bob->card;
    memset(weak.seal_public, 0, sizeof weak.seal_public); /* a point of small order */
    const mv_seal_opts bad = {.recipient = &weak, .recipient_count = 1};
    assert_int_equal(mv_envelope_seal(&bytes, &len, NULL, &c, &bad, NULL), MV_E_RANGE);
    mv_content_clear(&c);
    assert_null(bytes);
    assert_int_equal(len, 0);
}

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
        for (unsigned bit = 0; bit < 8; bit += i < 256 ? 1 : 3) {
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
        {8, 1, MV_E_FORMAT},      {9, 1, MV_E_FORMAT}, /* version */
        {10, 0, MV_E_FORMAT},     {10, 65, MV_E_FORMAT},
        {11, 1, MV_E_FORMAT}, /* wraps */
        {10, 64, MV_E_TRUNCATED}, {10, 1, MV_E_FORMAT},
        {12, 1, MV_E_FORMAT}, /* not a length class */
        {16, 1, MV_E_LIMIT},      {19, 0xff, MV_E_LIMIT},
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
        assert_int_equal(mv_envelope_inspect(&outside, copy, s.len, &err), cases[i].expected);
        assert_true(err.text[0] != '\0');
        assert_true(all_zero(&outside, sizeof outside));
        free(copy);
    }
    drop(&s);
}

static void a_body_length_that_is_no_class_is_refused(void **state)
{
    uint8_t bytes[2000] = {0};
    mv_envelope_outside outside;
    (void)state;
    for (uint64_t body = 1000; body <= 1024; body++) {
        mv_header_write(bytes, 1, body);
        assert_int_equal(mv_envelope_inspect(&outside, bytes, mv_head_len(1) + (size_t)body, NULL),
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
        {head, head + 144},                           /* the directory */
        {head + 144, head + 1000},                    /* meta and the start of the features */
        {s.len - 3000, s.len},                        /* end of exact, signature, padding */
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

/* ---- what a recipient can do: everybody who opens knows the envelope key ---- */

/* An envelope taken apart by somebody who can open it. */
typedef struct taken {
    mv_envelope_keys *keys;
    mv_directory directory;
    mv_transcript transcript;
    uint8_t *plain[MV_DIRECTORY_SLOTS]; /* one per entry */
    size_t at[MV_DIRECTORY_SLOTS];      /* where its stream starts */
    size_t end;                         /* of the last stream */
} taken;

static taken take_apart(const sealed *s, const mv_identity *identity)
{
    taken t = {0};
    void *memory = NULL;
    mv_envelope_outside o;
    uint8_t hash[MV_HASH_LEN];
    bool found = false;

    assert_int_equal(mv_secret_new(&memory, sizeof *t.keys), MV_OK);
    t.keys = memory;
    assert_int_equal(mv_header_read(&o, s->bytes, s->len, NULL), MV_OK);
    for (uint32_t i = 0; i < o.wrap_count && !found; i++) {
        found = mv_wrap_open(t.keys, identity, s->bytes + MV_HEADER_LEN + MV_WRAP_LEN * i);
    }
    assert_true(found);
    size_t at = mv_head_len(o.wrap_count);
    mv_head_hash(t.transcript.head_hash, s->bytes, at);
    mv_section_key(t.keys, MV_SECTION_DIRECTORY, t.transcript.head_hash);
    assert_true(mv_records_open(t.transcript.directory, hash, MV_DIRECTORY_LEN, s->bytes + at,
                                t.keys->section));
    assert_int_equal(mv_directory_read(&t.directory, t.transcript.directory), MV_OK);
    at += mv_records_len(MV_DIRECTORY_LEN);
    for (size_t i = 0; i < t.directory.count; i++) {
        const size_t len = (size_t)t.directory.entry[i].len;
        t.plain[i] = malloc(len + 1);
        t.at[i] = at;
        mv_section_key(t.keys, t.directory.entry[i].kind, t.transcript.head_hash);
        assert_true(mv_records_open(t.plain[i], t.transcript.section_hash[i], len, s->bytes + at,
                                    t.keys->section));
        at += mv_records_len(len);
    }
    t.transcript.section_count = t.directory.count - 1;
    t.end = at;
    return t;
}

static void taken_clear(taken *t)
{
    void *memory = t->keys;
    mv_secret_free(&memory);
    for (size_t i = 0; i < t->directory.count; i++) {
        free(t->plain[i]);
    }
}

/* Puts entry i back under the envelope's own keys, same length. */
static void put_back(const sealed *s, taken *t, size_t i)
{
    mv_section_key(t->keys, t->directory.entry[i].kind, t->transcript.head_hash);
    mv_records_seal(s->bytes + t->at[i], t->transcript.section_hash[i], t->plain[i],
                    (size_t)t->directory.entry[i].len, t->keys->section);
}

static void a_section_changed_by_a_co_recipient_breaks_the_senders_signature(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) { /* meta, features, exact */
        sealed s = seal_sample(true, 300, alice);
        taken t = take_apart(&s, carol);
        const size_t at = i == 0 ? 4 : 200; /* meta: a letter of the file name */
        t.plain[i][at] ^= 1;
        put_back(&s, &t, i);
        assert_int_equal(try_open(&s, bob), MV_E_AUTH);
        t.plain[i][at] ^= 1;
        put_back(&s, &t, i);
        assert_int_equal(try_open(&s, bob), MV_OK); /* the test itself puts back rightly */
        taken_clear(&t);
        drop(&s);
    }
}

static void in_an_anonymous_file_a_co_recipient_can_change_what_nobody_signed(void **state)
{
    sealed s = seal_sample(true, 300, NULL);
    taken t = take_apart(&s, carol);
    (void)state;
    t.plain[2][7] ^= 1; /* the original: its hash is in meta, which carol could change as well */
    put_back(&s, &t, 2);
    assert_int_equal(try_open(&s, bob), MV_E_AUTH);
    mv_envelope_meta meta;
    mv_buffer again = mv_buffer_make(MV_META_LEN_MAX);
    assert_int_equal(mv_meta_read(&meta, t.plain[0], (size_t)t.directory.entry[0].len, NULL),
                     MV_OK);
    (void)crypto_hash_sha256(meta.exact_sha256, t.plain[2], (size_t)t.directory.entry[2].len);
    assert_int_equal(mv_meta_write(&again, &meta, NULL), MV_OK);
    assert_int_equal(again.len, t.directory.entry[0].len);
    memcpy(t.plain[0], again.bytes, again.len);
    put_back(&s, &t, 0);
    assert_int_equal(try_open(&s, bob), MV_OK); /* nobody vouches for an anonymous file */
    mv_buffer_clear(&again);
    taken_clear(&t);
    drop(&s);
}

/* Replaces the signature section by one made by `by` over this envelope. */
static void sign_again(const sealed *s, taken *t, const mv_identity *by)
{
    mv_buffer b = mv_buffer_make(MV_SIGNATURE_SECTION_MAX);
    const size_t last = t->directory.count - 1;
    assert_int_equal(mv_signature_write(&b, by, &t->transcript), MV_OK);
    assert_int_equal(b.len, t->directory.entry[last].len);
    memcpy(t->plain[last], b.bytes, b.len);
    put_back(s, t, last);
    mv_buffer_clear(&b);
}

static void a_signature_replaced_by_ones_own_shows_ones_own_name(void **state)
{
    sealed s = seal_sample(true, 300, alice);
    taken t = take_apart(&s, carol);
    mv_content c;
    mv_sender sender;
    (void)state;
    sign_again(&s, &t, carol);
    assert_int_equal(mv_envelope_open(&c, &sender, NULL, s.bytes, s.len, bob, 0, NULL), MV_OK);
    assert_memory_equal(sender.card.id, carol->card.id, sizeof sender.card.id);
    mv_content_clear(&c);
    taken_clear(&t);
    drop(&s);
}

static void nobody_can_sign_with_the_card_of_another(void **state)
{
    sealed s = seal_sample(true, 300, alice);
    taken t = take_apart(&s, carol);
    void *memory = NULL;
    (void)state;
    assert_int_equal(mv_secret_new(&memory, sizeof *alice), MV_OK);
    mv_identity *liar = memory; /* carol's keys, alice's card */
    *liar = *carol;
    liar->card = alice->card;
    sign_again(&s, &t, liar);
    assert_int_equal(try_open(&s, bob), MV_E_AUTH);
    sign_again(&s, &t, alice);
    assert_int_equal(try_open(&s, bob), MV_OK);
    mv_secret_free(&memory);
    taken_clear(&t);
    drop(&s);
}

static void a_signature_from_another_envelope_of_the_same_sender_does_not_fit(void **state)
{
    sealed s = seal_sample(true, 300, alice), other = seal_sample(true, 300, alice);
    taken t = take_apart(&s, carol), o = take_apart(&other, carol);
    const size_t last = t.directory.count - 1;
    (void)state;
    memcpy(t.plain[last], o.plain[last], (size_t)t.directory.entry[last].len);
    put_back(&s, &t, last);
    assert_int_equal(try_open(&s, bob), MV_E_AUTH);
    taken_clear(&t);
    taken_clear(&o);
    drop(&s);
    drop(&other);
}

/* All of an envelope made anew by a co-recipient: same keys and plaintexts, other wraps, any
 * signature section. second_collection, unless NULL, is what the second recipient gets as K. */
static sealed rebuild_with(taken *t, const mv_card *to, uint32_t to_count, const uint8_t *signature,
                           size_t signature_len, const uint8_t *second_collection)
{
    mv_directory dir = t->directory;
    const size_t last = dir.count - 1, head = mv_head_len(to_count);
    dir.entry[last].len = signature_len;
    sealed s = {NULL, head + (size_t)mv_padded_len(mv_body_len(&dir))};
    uint8_t hash[MV_HASH_LEN], directory[MV_DIRECTORY_LEN];
    s.bytes = malloc(s.len);
    mv_header_write(s.bytes, to_count, s.len - head);
    for (uint32_t i = 0; i < to_count; i++) {
        const uint8_t ephemeral[32] = {(uint8_t)(i + 1), 77};
        uint8_t kept[MV_KEY_LEN];
        memcpy(kept, t->keys->collection, sizeof kept);
        if (i == 1 && second_collection != NULL) {
            memcpy(t->keys->collection, second_collection, sizeof kept);
        }
        assert_int_equal(
            mv_wrap_seal(s.bytes + MV_HEADER_LEN + MV_WRAP_LEN * i, t->keys, &to[i], ephemeral),
            MV_OK);
        memcpy(t->keys->collection, kept, sizeof kept);
    }
    mv_commitment(s.bytes + head - MV_COMMITMENT_LEN, t->keys, s.bytes, head - MV_COMMITMENT_LEN);
    mv_head_hash(t->transcript.head_hash, s.bytes, head);
    mv_directory_write(directory, &dir);
    uint8_t *next = s.bytes + head;
    mv_section_key(t->keys, MV_SECTION_DIRECTORY, t->transcript.head_hash);
    mv_records_seal(next, hash, directory, sizeof directory, t->keys->section);
    next += mv_records_len(sizeof directory);
    for (size_t i = 0; i < dir.count; i++) {
        const uint8_t *plain = i == last ? signature : t->plain[i];
        mv_section_key(t->keys, dir.entry[i].kind, t->transcript.head_hash);
        mv_records_seal(next, hash, plain, (size_t)dir.entry[i].len, t->keys->section);
        next += mv_records_len(dir.entry[i].len);
    }
    mv_section_key(t->keys, MV_SECTION_PADDING, t->transcript.head_hash);
    mv_padding_write(next, (size_t)(s.bytes + s.len - next), t->keys->section);
    return s;
}

static sealed rebuild(taken *t, const mv_card *to, uint32_t to_count, const uint8_t *signature,
                      size_t signature_len)
{
    return rebuild_with(t, to, to_count, signature, signature_len, NULL);
}

static void a_recipient_cannot_pass_the_senders_signature_on_to_others(void **state)
{
    sealed s = seal_sample(true, 300, alice);
    taken t = take_apart(&s, carol);
    const size_t last = t.directory.count - 1;
    (void)state;
    sealed forwarded =
        rebuild(&t, &mallory->card, 1, t.plain[last], (size_t)t.directory.entry[last].len);
    assert_int_equal(try_open(&forwarded, mallory), MV_E_AUTH);
    drop(&forwarded);
    taken_clear(&t);
    drop(&s);
}

static void a_stripped_signature_leaves_an_anonymous_file(void **state)
{
    sealed s = seal_sample(true, 300, alice);
    taken t = take_apart(&s, carol);
    const uint8_t anonymous[3] = {0xa1, 0x01, 0x00};
    mv_content c;
    mv_sender sender;
    (void)state;
    sealed stripped = rebuild(&t, &bob->card, 1, anonymous, sizeof anonymous);
    assert_int_equal(
        mv_envelope_open(&c, &sender, NULL, stripped.bytes, stripped.len, bob, 0, NULL), MV_OK);
    assert_true(sender.anonymous);
    mv_content_clear(&c);
    drop(&stripped);
    const uint8_t half[5] = {0xa2, 0x01, 0x01, 0x02, 0x40}; /* signed, but no signature */
    sealed odd = rebuild(&t, &bob->card, 1, half, sizeof half);
    assert_int_equal(try_open(&odd, bob), MV_E_AUTH);
    drop(&odd);
    taken_clear(&t);
    drop(&s);
}

static void two_recipients_cannot_be_given_two_collection_keys(void **state)
{
    sealed s = seal_sample(true, 300, alice);
    taken t = take_apart(&s, carol);
    const uint8_t anonymous[3] = {0xa1, 0x01, 0x00}, other[MV_KEY_LEN] = {5};
    const mv_card to[2] = {bob->card, carol->card};
    mv_content c;
    mv_sender sender;
    (void)state;
    sealed same = rebuild(&t, to, 2, anonymous, sizeof anonymous);
    assert_int_equal(try_open(&same, bob), MV_OK);
    assert_int_equal(try_open(&same, carol), MV_OK);
    sealed two = rebuild_with(&t, to, 2, anonymous, sizeof anonymous, other);
    assert_int_equal(try_open(&two, bob), MV_OK);
    /* All else of carol's copy is consistent; asked for no features, only the commitment tells. */
    assert_int_equal(mv_envelope_open(&c, &sender, NULL, two.bytes, two.len, carol, 0, NULL),
                     MV_E_AUTH);
    drop(&same);
    drop(&two);
    taken_clear(&t);
    drop(&s);
}

static void a_body_belongs_to_its_head_even_under_the_same_keys(void **state)
{
    mv_content c = sample_content(true, 300);
    const uint8_t anonymous[3] = {0xa1, 0x01, 0x00};
    sealed s = seal_for(&c, NULL, &bob->card, 1);
    taken t = take_apart(&s, bob);
    const size_t head = mv_head_len(1);
    (void)state;
    sealed other = rebuild(&t, &mallory->card, 1, anonymous, sizeof anonymous);
    assert_int_equal(other.len, s.len);
    assert_int_equal(try_open(&other, mallory), MV_OK);
    memcpy(other.bytes + head, s.bytes + head, s.len - head);
    assert_int_equal(try_open(&other, mallory), MV_E_AUTH);
    drop(&other);
    taken_clear(&t);
    mv_content_clear(&c);
    drop(&s);
}

static void a_directory_that_lies_about_lengths_is_refused_before_they_are_used(void **state)
{
    const int64_t changes[] = {1, -1, 16, 300, 100000, -200, 1 << 29};
    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        sealed s = seal_sample(true, 300, NULL);
        taken t = take_apart(&s, bob);
        mv_directory dir = t.directory;
        uint8_t bytes[MV_DIRECTORY_LEN], hash[MV_HASH_LEN];
        dir.entry[2].len += (uint64_t)changes[i];
        mv_directory_write(bytes, &dir);
        mv_section_key(t.keys, MV_SECTION_DIRECTORY, t.transcript.head_hash);
        mv_records_seal(s.bytes + mv_head_len(2), hash, bytes, sizeof bytes, t.keys->section);
        const bool other_class =
            mv_padded_len(mv_body_len(&dir)) != mv_padded_len(mv_body_len(&t.directory));
        assert_int_equal(try_open(&s, bob), other_class ? MV_E_FORMAT : MV_E_AUTH);
        taken_clear(&t);
        drop(&s);
    }
}

static void a_given_collection_key_is_the_one_that_travels(void **state)
{
    mv_content c = sample_content(true, SIZE_MAX);
    uint8_t collection[MV_COLLECTION_KEY_LEN];
    const mv_seal_opts opts = {.sender = alice,
                               .recipient = &bob->card,
                               .recipient_count = 1,
                               .set = mv_he_set_find("add4096"),
                               .sums = 2,
                               .collection_key = collection};
    sealed s = {NULL, 0};
    mv_envelope_stats stats;
    (void)state;
    memset(collection, 0x42, sizeof collection);
    assert_int_equal(mv_envelope_seal(&s.bytes, &s.len, &stats, &c, &opts, NULL), MV_OK);
    assert_string_equal(mv_he_set_name(stats.set), "add4096");
    taken t = take_apart(&s, bob);
    assert_memory_equal(t.keys->collection, collection, sizeof collection);
    assert_memory_not_equal(t.keys->envelope, collection, sizeof collection);
    assert_int_equal(try_open(&s, bob), MV_OK);
    taken_clear(&t);
    mv_content_clear(&c);
    drop(&s);
}

/* ---- order of records and sections ---- */

static void records_of_a_section_cannot_be_reordered_repeated_or_dropped(void **state)
{
    enum { LEN = 3 * MV_RECORD_LEN + 100, STEP = MV_RECORD_LEN + MV_TAG_LEN };
    const uint8_t key[MV_KEY_LEN] = {1};
    uint8_t hash[MV_HASH_LEN];
    uint8_t *plain = malloc(LEN), *stream = malloc(mv_records_len(LEN)), *bad = malloc(4 * STEP);
    (void)state;
    memset(plain, 7, LEN);
    mv_records_seal(stream, hash, plain, LEN, key);
    assert_true(mv_records_open(plain, hash, LEN, stream, key));
    memcpy(bad, stream, mv_records_len(LEN)); /* 1 before 0 */
    memcpy(bad, stream + STEP, STEP);
    memcpy(bad + STEP, stream, STEP);
    assert_false(mv_records_open(plain, hash, LEN, bad, key));
    assert_true(all_zero(plain, LEN));
    memcpy(bad, stream, mv_records_len(LEN)); /* 0 twice */
    memcpy(bad + STEP, stream, STEP);
    assert_false(mv_records_open(plain, hash, LEN, bad, key));
    assert_false(mv_records_open(plain, hash, 2 * MV_RECORD_LEN, stream, key)); /* no last one */
    assert_false(mv_records_open(plain, hash, LEN, stream, (uint8_t[MV_KEY_LEN]){2}));
    free(plain);
    free(stream);
    free(bad);
}

static void sections_of_equal_length_cannot_change_places(void **state)
{
    mv_content c = sample_content(true, 0);
    const mv_pack_shape shape = {8, 1, (uint32_t)c.code.feature_count};
    (void)state;
    c.exact_len = mv_pack_size(mv_he_set_find("pack4096"), &shape);
    free(c.exact);
    c.exact = calloc(1, c.exact_len);
    sealed s = seal_for(&c, NULL, &bob->card, 1); /* no signature to help */
    taken t = take_apart(&s, bob);
    const size_t len = (size_t)mv_records_len(c.exact_len);
    assert_int_equal(t.at[2] - t.at[1], len);
    uint8_t *features = malloc(len);
    memcpy(features, s.bytes + t.at[1], len);
    memmove(s.bytes + t.at[1], s.bytes + t.at[2], len);
    memcpy(s.bytes + t.at[2], features, len);
    assert_int_equal(try_open(&s, bob), MV_E_AUTH);
    for (size_t i = 1; i <= 2; i++) { /* already the records do not authenticate */
        uint8_t hash[MV_HASH_LEN];
        mv_section_key(t.keys, t.directory.entry[i].kind, t.transcript.head_hash);
        assert_false(
            mv_records_open(t.plain[i], hash, c.exact_len, s.bytes + t.at[i], t.keys->section));
    }
    free(features);
    taken_clear(&t);
    mv_content_clear(&c);
    drop(&s);
}

static void every_byte_of_the_padding_counts(void **state)
{
    sealed s = seal_sample(false, 5000, alice);
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

/* ---- parts ---- */

static void length_classes_cost_at_most_twelve_percent(void **state)
{
    const struct {
        uint64_t len, padded;
    } known[] = {{1, 1},       {8, 8},         {9, 10},        {100, 104},
                 {1000, 1024}, {49000, 49152}, {65537, 67584}, {1000000, 1015808}};
    mv_rand r = mv_rand_make(11);
    uint64_t classes = 0, last = 0;
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        assert_int_equal(mv_padded_len(known[i].len), known[i].padded);
    }
    for (int i = 0; i < 100000; i++) {
        const uint64_t len = 1 + (mv_rand_u64(&r) >> (34 + mv_rand_below(&r, 29)));
        const uint64_t padded = mv_padded_len(len);
        assert_true(padded >= len && padded - len <= len * 12 / 100 + 1);
        assert_true(mv_padded_len(padded) == padded);
    }
    for (uint64_t len = 1; len < 1000000; len++) {
        const uint64_t padded = mv_padded_len(len);
        assert_true(padded >= last);
        classes += padded != last;
        last = padded;
    }
    assert_true(classes < 300); /* a million lengths fall into few classes */
}

static void a_directory_says_its_sections_once_and_in_order(void **state)
{
    typedef struct {
        uint64_t kind, len;
    } slot;
    const struct {
        slot slots[3];
        mv_status expected;
    } cases[] = {
        {{{1, 10}, {5, 3}}, MV_OK},
        {{{1, 10}, {4, 0}, {5, 3}}, MV_OK},
        {{{0, 0}}, MV_E_FORMAT},
        {{{1, 10}}, MV_E_FORMAT},                  /* no signature */
        {{{5, 3}}, MV_E_FORMAT},                   /* no meta */
        {{{4, 1}, {5, 3}}, MV_E_FORMAT},           /* no meta */
        {{{1, 10}, {4, 1}}, MV_E_FORMAT},          /* no signature */
        {{{1, 10}, {1, 10}, {5, 3}}, MV_E_FORMAT}, /* twice */
        {{{1, 10}, {5, 3}, {4, 1}}, MV_E_FORMAT},  /* order */
        {{{1, 10}, {3, 1}, {5, 3}}, MV_E_FORMAT},  /* not in this format */
        {{{1, 10}, {255, 1}, {5, 3}}, MV_E_FORMAT},
        {{{1, 10}, {0, 0}, {5, 3}}, MV_E_FORMAT}, /* a gap */
        {{{1, 10}, {5, 3}, {0, 1}}, MV_E_FORMAT}, /* an unused slot that is not zero */
        {{{1, (uint64_t)1 << 31}, {5, 3}}, MV_E_LIMIT},
        {{{1, UINT64_MAX}, {5, 3}}, MV_E_LIMIT},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t bytes[MV_DIRECTORY_LEN] = {0};
        mv_directory dir;
        for (size_t j = 0; j < 3; j++) {
            mv_store_u64le(bytes + 16 * j, cases[i].slots[j].kind);
            mv_store_u64le(bytes + 16 * j + 8, cases[i].slots[j].len);
        }
        assert_int_equal(mv_directory_read(&dir, bytes), cases[i].expected);
    }
}

static mv_envelope_meta sample_meta(void)
{
    mv_content c = sample_content(true, SIZE_MAX);
    mv_envelope_meta m = {.file_name = "r\xc3\xb6ntgen 1.dcm",
                          .exact_kept = true,
                          .exact_sha256 = {1, 2},
                          .described = true,
                          .code = c.code.meta,
                          .feature_count = c.code.feature_count};
    mv_content_clear(&c);
    return m;
}

static void a_description_reads_back_and_stops_at_every_truncation(void **state)
{
    const mv_envelope_meta want = sample_meta();
    mv_envelope_meta got;
    mv_buffer b = mv_buffer_make(MV_META_LEN_MAX);
    (void)state;
    assert_int_equal(mv_meta_write(&b, &want, NULL), MV_OK);
    assert_int_equal(mv_meta_read(&got, b.bytes, b.len, NULL), MV_OK);
    assert_memory_equal(&got, &want, sizeof got);
    for (size_t len = 0; len < b.len; len++) {
        assert_int_not_equal(mv_meta_read(&got, b.bytes, len, NULL), MV_OK);
        assert_true(all_zero(&got, sizeof got));
    }
    assert_int_equal(mv_buffer_put_u8(&b, 0), MV_OK);
    assert_int_equal(mv_meta_read(&got, b.bytes, b.len, NULL), MV_E_FORMAT); /* something after */
    mv_buffer_clear(&b);
}

static void a_description_written_to_harm_is_refused(void **state)
{
    struct {
        const char *bytes;
        size_t len;
        mv_status expected;
    } cases[] = {
        {"\xa2\x01\x60\x02\x00", 5, MV_OK},             /* no name, lossy */
        {"\xa2\x01\x66../etc\x02\x00", 11, MV_E_RANGE}, /* a way out */
        {"\xa2\x01\x62..\x02\x00", 7, MV_E_RANGE},
        {"\xa2\x01\x62"
         "a\n\x02\x00",
         7, MV_E_RANGE},
        {"\xa2\x01\x60\x02\x02", 5, MV_E_RANGE},  /* neither kept nor not */
        {"\xa2\x01\x60\x02\x01", 5, MV_E_FORMAT}, /* kept without hash */
        {"\xa1\x01\x60", 3, MV_E_FORMAT},
        {"\xa2\x02\x00\x01\x60", 5, MV_E_FORMAT},             /* order */
        {"\xa3\x01\x60\x02\x00\x09\x00", 7, MV_E_FORMAT},     /* unknown field */
        {"\xa3\x01\x60\x02\x00\x04\xa0", 7, MV_E_FORMAT},     /* empty description */
        {"\xa3\x01\x60\x02\x00\x03\x41\x00", 8, MV_E_FORMAT}, /* hash though not kept */
        {"\xa2\x01\x18\x60\x02\x00", 6, MV_E_FORMAT},         /* not text */
        {"\xa2\x01\x62\xff\xff\x02\x00", 7, MV_E_FORMAT},     /* not UTF-8 */
    };
    mv_envelope_meta got;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(mv_meta_read(&got, (const uint8_t *)cases[i].bytes, cases[i].len, NULL),
                         cases[i].expected);
    }
    mv_envelope_meta m = sample_meta();
    const uint32_t sides[] = {0, MV_IMAGE_SIDE_MAX + 1, UINT32_MAX};
    for (size_t i = 0; i < 3; i++) { /* shapes that mv_code_expect refuses */
        mv_buffer b = mv_buffer_make(MV_META_LEN_MAX);
        m.code.height = sides[i];
        assert_int_equal(mv_meta_write(&b, &m, NULL), MV_OK);
        assert_int_equal(mv_meta_read(&got, b.bytes, b.len, NULL), MV_E_RANGE);
        mv_buffer_clear(&b);
    }
}

/* Authentic envelopes whose maker lied about the features. */
static void an_envelope_that_does_not_hold_what_it_says_is_refused(void **state)
{
    (void)state;
    for (int lie = 0; lie < 3; lie++) {
        sealed s = seal_sample(true, 300, NULL);
        taken t = take_apart(&s, bob);
        mv_envelope_meta meta;
        mv_buffer b = mv_buffer_make(MV_META_LEN_MAX);
        assert_int_equal(mv_meta_read(&meta, t.plain[0], (size_t)t.directory.entry[0].len, NULL),
                         MV_OK);
        meta.code.feature_height -= lie == 0;
        meta.code.feature_bits += lie == 1;
        meta.code.frames -= lie == 2; /* none at all, though a ciphertext is there */
        assert_int_equal(mv_meta_write(&b, &meta, NULL), MV_OK);
        assert_int_equal(b.len, t.directory.entry[0].len);
        memcpy(t.plain[0], b.bytes, b.len);
        put_back(&s, &t, 0);
        assert_int_equal(try_open(&s, bob), MV_E_FORMAT);
        mv_buffer_clear(&b);
        taken_clear(&t);
        drop(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_sealed_comes_back),
        cmocka_unit_test(only_what_is_asked_for_is_given),
        cmocka_unit_test(an_image_need_not_be_described),
        cmocka_unit_test(without_a_sender_a_file_is_shown_as_anonymous),
        cmocka_unit_test(the_wrong_identity_opens_nothing_and_is_told_which_card_to_send),
        cmocka_unit_test(sixty_four_recipients_can_all_open),
        cmocka_unit_test(contents_that_contradict_themselves_are_not_sealed),
        cmocka_unit_test(nobody_without_a_key_sees_more_than_the_header),
        cmocka_unit_test(a_flipped_bit_anywhere_is_noticed),
        cmocka_unit_test(a_change_in_another_recipients_wrap_is_noticed_too),
        cmocka_unit_test(a_truncated_or_extended_file_is_refused_at_every_length),
        cmocka_unit_test(a_header_that_lies_is_refused_before_any_key_is_used),
        cmocka_unit_test(a_body_length_that_is_no_class_is_refused),
        cmocka_unit_test(parts_of_another_envelope_do_not_fit),
        cmocka_unit_test(a_section_changed_by_a_co_recipient_breaks_the_senders_signature),
        cmocka_unit_test(in_an_anonymous_file_a_co_recipient_can_change_what_nobody_signed),
        cmocka_unit_test(a_signature_replaced_by_ones_own_shows_ones_own_name),
        cmocka_unit_test(nobody_can_sign_with_the_card_of_another),
        cmocka_unit_test(a_signature_from_another_envelope_of_the_same_sender_does_not_fit),
        cmocka_unit_test(a_recipient_cannot_pass_the_senders_signature_on_to_others),
        cmocka_unit_test(a_stripped_signature_leaves_an_anonymous_file),
        cmocka_unit_test(two_recipients_cannot_be_given_two_collection_keys),
        cmocka_unit_test(a_body_belongs_to_its_head_even_under_the_same_keys),
        cmocka_unit_test(a_directory_that_lies_about_lengths_is_refused_before_they_are_used),
        cmocka_unit_test(a_given_collection_key_is_the_one_that_travels),
        cmocka_unit_test(records_of_a_section_cannot_be_reordered_repeated_or_dropped),
        cmocka_unit_test(sections_of_equal_length_cannot_change_places),
        cmocka_unit_test(every_byte_of_the_padding_counts),
        cmocka_unit_test(length_classes_cost_at_most_twelve_percent),
        cmocka_unit_test(a_directory_says_its_sections_once_and_in_order),
        cmocka_unit_test(a_description_reads_back_and_stops_at_every_truncation),
        cmocka_unit_test(a_description_written_to_harm_is_refused),
        cmocka_unit_test(an_envelope_that_does_not_hold_what_it_says_is_refused),
    };
    return cmocka_run_group_tests(tests, meet, part);
}
