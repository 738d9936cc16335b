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
#include <unistd.h>

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

static mv_status inspect(mv_envelope_outside *out, const uint8_t *bytes, size_t len, mv_error *err)
{
    const mv_source source = mv_source_memory(bytes, len);
    return mv_envelope_inspect(out, &source, err);
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
    assert_int_equal(inspect(&outside, s.bytes, s.len, NULL), MV_OK);
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
    const char *names[] = {"/a", "a/",   "a//b", "../a",     "a/..", "a/./b", "..",
                           ".",  "a\nb", "/",    "\xff.png", "a\\b", "\x7f",  "\xc2\x9b"};
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

/* ---- what a recipient can do: everybody who opens knows the envelope key ---- */

/* An envelope of one member taken apart by somebody who can open it. */
enum { TAKEN_MAX = 8, MANIFEST = MV_SECTION_MANIFEST, FEATURES = 2, EXACT = 3 };

typedef struct taken {
    mv_envelope_keys *keys;
    mv_records *records;
    mv_transcript transcript;
    size_t count; /* sections; the last is the seal */
    uint8_t *plain[TAKEN_MAX];
    size_t len[TAKEN_MAX], at[TAKEN_MAX]; /* plaintext bytes; where the stream starts */
    uint8_t hash[TAKEN_MAX][MV_HASH_LEN];
    size_t end; /* of the last stream */
} taken;

/* Opens the section at the end so far; false: not authentic. */
static bool take_section(taken *t, const sealed *s, size_t len)
{
    const size_t i = t->count;
    uint8_t *next = t->plain[i] = malloc(len + 1);
    const uint8_t *from = s->bytes + t->end;
    bool authentic = true;

    mv_section_key(t->keys, i, t->transcript.head_hash);
    assert_int_equal(mv_records_start(t->records, t->keys->section, false), MV_OK);
    for (uint64_t left = len, n = mv_records_count(len); n != 0 && authentic; n--) {
        const size_t part = left < MV_RECORD_LEN ? (size_t)left : MV_RECORD_LEN;
        memcpy(t->records->sealed, from, part + MV_TAG_LEN);
        authentic = mv_records_open(t->records, part, n == 1) == MV_OK;
        memcpy(next, t->records->plain, part);
        next += part;
        from += part + MV_TAG_LEN;
        left -= part;
    }
    assert_int_equal(mv_records_end(t->records, t->hash[i]), MV_OK);
    t->len[i] = len;
    t->at[i] = t->end;
    t->end = (size_t)(from - s->bytes);
    t->count++;
    return authentic;
}

static void take_keys(taken *t, const sealed *s, const mv_identity *identity)
{
    void *memory = NULL;
    mv_envelope_outside o;
    bool found = false;

    assert_int_equal(mv_records_new(&t->records), MV_OK);
    assert_int_equal(mv_secret_new(&memory, sizeof *t->keys), MV_OK);
    t->keys = memory;
    assert_int_equal(mv_header_read(&o, s->bytes, s->len, NULL), MV_OK);
    for (uint32_t i = 0; i < o.wrap_count && !found; i++) {
        found = mv_wrap_open(t->keys, identity, s->bytes + MV_HEADER_LEN + MV_WRAP_LEN * i);
    }
    assert_true(found);
    t->end = mv_head_len(o.wrap_count);
    mv_head_hash(t->transcript.head_hash, s->bytes, t->end);
}

static void body_hash(taken *t)
{
    mv_body_hash(t->transcript.body_hash, t->hash[0], t->count - 1);
}

static taken take_apart(const sealed *s, const mv_identity *identity)
{
    taken t = {0};
    mv_start start;
    mv_manifest m;

    take_keys(&t, s, identity);
    assert_true(take_section(&t, s, MV_START_LEN));
    assert_int_equal(mv_start_read(&start, t.plain[0]), MV_OK);
    assert_true(take_section(&t, s, (size_t)start.manifest_len));
    assert_int_equal(mv_manifest_read(&m, t.plain[1], t.len[1], NULL), MV_OK);
    if (m.member[0].feature_count != 0) {
        assert_true(take_section(&t, s, (size_t)m.member[0].ciphertext_len));
    }
    if (m.member[0].exact_kept) {
        assert_true(take_section(&t, s, (size_t)m.member[0].exact_len));
    }
    assert_true(take_section(&t, s, (size_t)start.seal_len));
    body_hash(&t);
    mv_manifest_clear(&m);
    return t;
}

static void taken_clear(taken *t)
{
    void *memory = t->keys;
    mv_secret_free(&memory);
    mv_records_free(&t->records);
    for (size_t i = 0; i < t->count; i++) {
        free(t->plain[i]);
    }
}

/* Seals plain as section i of t's head; returns the end of the stream. */
static uint8_t *seal_section(taken *t, uint8_t *out, size_t i)
{
    const uint8_t *plain = t->plain[i];
    size_t left = t->len[i];

    mv_section_key(t->keys, i, t->transcript.head_hash);
    assert_int_equal(mv_records_start(t->records, t->keys->section, true), MV_OK);
    for (uint64_t n = mv_records_count(left); n != 0; n--) {
        const size_t part = left < MV_RECORD_LEN ? left : MV_RECORD_LEN;
        memcpy(t->records->plain, plain, part);
        assert_int_equal(mv_records_seal(t->records, part, n == 1), MV_OK);
        memcpy(out, t->records->sealed, part + MV_TAG_LEN);
        out += part + MV_TAG_LEN;
        plain += part;
        left -= part;
    }
    assert_int_equal(mv_records_end(t->records, t->hash[i]), MV_OK);
    return out;
}

static void put_back(const sealed *s, taken *t, size_t i)
{
    (void)seal_section(t, s->bytes + t->at[i], i);
    if (i + 1 < t->count) {
        body_hash(t);
    }
}

/* Makes the seal by `by` (NULL: anonymous) over what t's sections are now. */
static void make_seal(taken *t, const mv_identity *by)
{
    mv_buffer b = mv_buffer_make(MV_SEAL_LEN_MAX);
    const size_t last = t->count - 1;
    assert_int_equal(mv_seal_write(&b, by, &t->transcript), MV_OK);
    free(t->plain[last]);
    t->plain[last] = malloc(b.len);
    memcpy(t->plain[last], b.bytes, b.len);
    t->len[last] = b.len;
    mv_buffer_clear(&b);
}

static void sign_again(const sealed *s, taken *t, const mv_identity *by)
{
    const size_t len = t->len[t->count - 1];
    make_seal(t, by);
    assert_int_equal(t->len[t->count - 1], len);
    put_back(s, t, t->count - 1);
}

static void a_section_changed_by_a_co_recipient_breaks_the_senders_signature(void **state)
{
    (void)state;
    for (size_t i = MANIFEST; i <= EXACT; i++) {
        sealed s = seal_sample(true, 300, alice);
        taken t = take_apart(&s, carol);
        const size_t at = i == MANIFEST ? 7 : 200; /* a letter of the file name */
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
    t.plain[EXACT][7] ^= 1; /* the seal has a hash of it, which carol can change as well */
    put_back(&s, &t, EXACT);
    assert_int_equal(try_open(&s, bob), MV_E_AUTH);
    sign_again(&s, &t, NULL);
    assert_int_equal(try_open(&s, bob), MV_OK); /* nobody vouches for an anonymous file */
    taken_clear(&t);
    drop(&s);
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

/* Bytes in place of the seal, of the same length. */
static void replace_seal(const sealed *s, taken *t, const uint8_t *bytes, size_t len)
{
    const size_t last = t->count - 1;
    assert_int_equal(len, t->len[last]);
    memcpy(t->plain[last], bytes, len);
    put_back(s, t, last);
}

static void a_signature_from_another_envelope_of_the_same_sender_does_not_fit(void **state)
{
    sealed s = seal_sample(true, 300, alice), other = seal_sample(true, 300, alice);
    taken t = take_apart(&s, carol), o = take_apart(&other, carol);
    const size_t last = t.count - 1;
    (void)state;
    replace_seal(&s, &t, o.plain[last], o.len[last]); /* with the other's body hash */
    assert_int_equal(try_open(&s, bob), MV_E_AUTH);
    sign_again(&s, &t, alice);
    memcpy(t.plain[last] + t.len[last] - 64, o.plain[last] + o.len[last] - 64, 64);
    put_back(&s, &t, last); /* the signature alone */
    assert_int_equal(try_open(&s, bob), MV_E_AUTH);
    taken_clear(&t);
    taken_clear(&o);
    drop(&s);
    drop(&other);
}

/* All of an envelope made anew by a co-recipient: same keys and plaintexts, other wraps; the seal
 * anonymous, or, keep_signature, the sender's with everything but the body hash as it was.
 * second_collection, unless NULL, is what the second recipient gets as K. */
static sealed rebuild(taken *t, const mv_card *to, uint32_t to_count, bool keep_signature,
                      const uint8_t *second_collection)
{
    const size_t last = t->count - 1, head = mv_head_len(to_count);
    size_t body = 0;
    uint8_t *old_seal = malloc(t->len[last]);
    const size_t old_len = t->len[last];
    sealed s = {NULL, 0};

    memcpy(old_seal, t->plain[last], old_len);
    if (!keep_signature) {
        make_seal(t, NULL); /* for its length */
    }
    mv_store_u64le(t->plain[0] + 8, t->len[last]);
    for (size_t i = 0; i <= last; i++) {
        body += (size_t)mv_records_len(t->len[i]);
    }
    s.len = head + (size_t)mv_padded_len(body);
    s.bytes = malloc(s.len);
    mv_header_write(s.bytes, to_count, s.len - head);
    for (uint32_t i = 0; i < to_count; i++) {
        const uint8_t coins[MV_XWING_COINS_LEN] = {(uint8_t)(i + 1), 77};
        uint8_t kept[MV_KEY_LEN];
        memcpy(kept, t->keys->collection, sizeof kept);
        if (i == 1 && second_collection != NULL) {
            memcpy(t->keys->collection, second_collection, sizeof kept);
        }
        assert_int_equal(
            mv_wrap_seal(s.bytes + MV_HEADER_LEN + MV_WRAP_LEN * i, t->keys, &to[i], coins), MV_OK);
        memcpy(t->keys->collection, kept, sizeof kept);
    }
    mv_commitment(s.bytes + head - MV_COMMITMENT_LEN, t->keys, s.bytes, head - MV_COMMITMENT_LEN);
    mv_head_hash(t->transcript.head_hash, s.bytes, head);
    uint8_t *next = s.bytes + head;
    for (size_t i = 0; i < last; i++) {
        t->at[i] = (size_t)(next - s.bytes);
        next = seal_section(t, next, i);
    }
    body_hash(t);
    if (keep_signature) { /* {1: 1, 2: body hash, 3: .., 4: ..}: the hash is at 6 */
        memcpy(t->plain[last], old_seal, old_len);
        memcpy(t->plain[last] + 6, t->transcript.body_hash, MV_HASH_LEN);
    } else {
        make_seal(t, NULL);
    }
    t->at[last] = (size_t)(next - s.bytes);
    next = seal_section(t, next, last);
    t->end = (size_t)(next - s.bytes);
    mv_padding_key(t->keys, t->transcript.head_hash);
    mv_padding(next, 0, s.len - t->end, t->keys->section);
    free(old_seal);
    return s;
}

static void a_recipient_cannot_pass_the_senders_signature_on_to_others(void **state)
{
    sealed s = seal_sample(true, 300, alice);
    taken t = take_apart(&s, carol);
    (void)state;
    sealed forwarded = rebuild(&t, &mallory->card, 1, true, NULL);
    assert_int_equal(try_open(&forwarded, mallory), MV_E_AUTH);
    sign_again(&forwarded, &t, alice); /* had alice signed it for mallory, it would be right */
    assert_int_equal(try_open(&forwarded, mallory), MV_OK);
    drop(&forwarded);
    taken_clear(&t);
    drop(&s);
}

static void a_stripped_signature_leaves_an_anonymous_file(void **state)
{
    sealed s = seal_sample(true, 300, alice);
    taken t = take_apart(&s, carol);
    mv_content c;
    mv_sender sender;
    (void)state;
    sealed stripped = rebuild(&t, &bob->card, 1, false, NULL);
    assert_int_equal(
        mv_envelope_open(&c, &sender, NULL, stripped.bytes, stripped.len, bob, 0, NULL), MV_OK);
    assert_true(sender.anonymous);
    mv_content_clear(&c);
    t.plain[t.count - 1][2] = 1; /* says signed, with the fields of an anonymous one */
    put_back(&stripped, &t, t.count - 1);
    assert_int_equal(try_open(&stripped, bob), MV_E_AUTH);
    drop(&stripped);
    taken_clear(&t);
    drop(&s);
}

static void two_recipients_cannot_be_given_two_collection_keys(void **state)
{
    sealed s = seal_sample(true, 300, alice);
    taken t = take_apart(&s, carol);
    const uint8_t other[MV_KEY_LEN] = {5};
    const mv_card to[2] = {bob->card, carol->card};
    mv_content c;
    mv_sender sender;
    (void)state;
    sealed same = rebuild(&t, to, 2, false, NULL);
    assert_int_equal(try_open(&same, bob), MV_OK);
    assert_int_equal(try_open(&same, carol), MV_OK);
    sealed two = rebuild(&t, to, 2, false, other);
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
    sealed s = seal_for(&c, NULL, &bob->card, 1);
    taken t = take_apart(&s, bob);
    const size_t head = mv_head_len(1);
    (void)state;
    sealed other = rebuild(&t, &mallory->card, 1, false, NULL);
    assert_int_equal(other.len, s.len);
    assert_int_equal(try_open(&other, mallory), MV_OK);
    memcpy(other.bytes + head, s.bytes + head, s.len - head);
    assert_int_equal(try_open(&other, mallory), MV_E_AUTH);
    drop(&other);
    taken_clear(&t);
    mv_content_clear(&c);
    drop(&s);
}

/* The manifest's or the start's lengths changed by somebody with the key, all else consistent. */
static void lengths_that_lie_are_refused_before_they_are_used(void **state)
{
    const int64_t changes[] = {1, -1, 16, 300, 100000, -200, 1 << 29};
    (void)state;
    for (size_t i = 0; i < 2 * sizeof changes / sizeof *changes; i++) {
        sealed s = seal_sample(true, 300, NULL);
        taken t = take_apart(&s, bob);
        uint8_t *len = t.plain[0] + 8 * (i % 2);
        mv_store_u64le(len, mv_load_u64le(len) + (uint64_t)changes[i / 2]);
        put_back(&s, &t, 0);
        const mv_status st = try_open(&s, bob);
        assert_true(st == MV_E_AUTH || st == MV_E_FORMAT);
        taken_clear(&t);
        drop(&s);
    }
}

/* The manifest rewritten by change, put back, sealed again anonymously. */
static mv_status open_with_manifest(void (*change)(mv_manifest *m))
{
    sealed s = seal_sample(true, 300, NULL);
    taken t = take_apart(&s, bob);
    mv_manifest m;
    mv_buffer b = mv_buffer_make(MV_MANIFEST_LEN_MAX);
    assert_int_equal(mv_manifest_read(&m, t.plain[1], t.len[1], NULL), MV_OK);
    change(&m);
    assert_int_equal(mv_manifest_write(&b, &m, NULL), MV_OK);
    assert_int_equal(b.len, t.len[1]);
    memcpy(t.plain[1], b.bytes, b.len);
    put_back(&s, &t, 1);
    sign_again(&s, &t, NULL);
    const mv_status st = try_open(&s, bob);
    mv_manifest_clear(&m);
    mv_buffer_clear(&b);
    taken_clear(&t);
    drop(&s);
    return st;
}

static void longer_exact(mv_manifest *m)
{
    m->member[0].exact_len += 1; /* one class, one byte of the seal more */
}

static void longer_by_far(mv_manifest *m)
{
    m->member[0].exact_len = 60000;
}

static void longer_features(mv_manifest *m)
{
    m->member[0].ciphertext_len += 16;
}

static void lower_features(mv_manifest *m)
{
    m->member[0].code.feature_height--;
    m->member[0].feature_count = 15 * 16 * 3;
}

static void finer_features(mv_manifest *m)
{
    m->member[0].code.feature_bits++;
}

static void same_story(mv_manifest *m)
{
    m->member[0].code.range_lo += 1;
}

/* A later program's section between features and original: authenticated, left closed. */
static void sections_of_a_later_program_are_authenticated_and_left_closed(void **state)
{
    sealed s = seal_sample(true, 300, NULL);
    taken t = take_apart(&s, bob);
    mv_manifest m;
    mv_buffer b = mv_buffer_make(MV_MANIFEST_LEN_MAX);
    (void)state;
    assert_int_equal(mv_manifest_read(&m, t.plain[1], t.len[1], NULL), MV_OK);
    m.member[0].further_count = 1;
    m.member[0].further[0].kind = 1;
    m.member[0].further[0].len = 800;
    assert_int_equal(mv_manifest_write(&b, &m, NULL), MV_OK);
    free(t.plain[1]);
    t.plain[1] = malloc(b.len);
    t.len[1] = b.len;
    memcpy(t.plain[1], b.bytes, b.len);
    mv_store_u64le(t.plain[0], b.len);
    for (size_t i = t.count++; i > EXACT; i--) {
        t.plain[i] = t.plain[i - 1];
        t.len[i] = t.len[i - 1];
    }
    t.plain[EXACT] = calloc(1, 800);
    t.len[EXACT] = 800;
    sealed later = rebuild(&t, &bob->card, 1, false, NULL);
    assert_int_equal(try_open(&later, bob), MV_OK);
    later.bytes[t.at[EXACT] + 100] ^= 1;
    assert_int_equal(try_open(&later, bob), MV_E_AUTH);
    drop(&later);
    mv_manifest_clear(&m);
    mv_buffer_clear(&b);
    taken_clear(&t);
    drop(&s);
}

/* Authentic envelopes whose maker lied. */
static void an_envelope_that_does_not_hold_what_it_says_is_refused(void **state)
{
    (void)state;
    assert_int_equal(open_with_manifest(same_story), MV_OK);
    assert_int_equal(open_with_manifest(longer_exact), MV_E_AUTH);
    assert_int_equal(open_with_manifest(longer_by_far), MV_E_FORMAT);
    assert_int_equal(open_with_manifest(longer_features), MV_E_AUTH);
    assert_int_equal(open_with_manifest(lower_features), MV_E_FORMAT);
    assert_int_equal(open_with_manifest(finer_features), MV_E_FORMAT);
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

/* What a receiver can compare when the same file comes twice. */
static void a_replayed_file_is_the_very_same_file(void **state)
{
    sealed s = seal_sample(true, 300, alice), again = {malloc(s.len), s.len};
    sealed fresh = seal_sample(true, 300, alice);
    (void)state;
    memcpy(again.bytes, s.bytes, s.len);
    assert_int_equal(try_open(&again, bob), MV_OK);
    assert_memory_equal(again.bytes, s.bytes, s.len);
    assert_memory_not_equal(fresh.bytes + MV_HEADER_LEN, s.bytes + MV_HEADER_LEN, MV_WRAP_LEN);
    drop(&s);
    drop(&again);
    drop(&fresh);
}

/* Mallory keeps a collection's key, and sees an envelope of that collection that is not for him. */
static void an_old_collection_key_opens_no_other_envelope(void **state)
{
    mv_content c = sample_content(true, 300);
    uint8_t collection[MV_COLLECTION_KEY_LEN];
    memset(collection, 0x42, sizeof collection);
    const mv_seal_opts opts = {.sender = alice,
                               .recipient = &bob->card,
                               .recipient_count = 1,
                               .collection_key = collection};
    sealed s = {NULL, 0};
    (void)state;
    assert_int_equal(mv_envelope_seal(&s.bytes, &s.len, NULL, &c, &opts, NULL), MV_OK);
    taken t = take_apart(&s, bob);
    assert_null(memmem(s.bytes, s.len, t.plain[FEATURES], 64)); /* no ciphertext in the open */
    assert_int_equal(try_open(&s, mallory), MV_E_WRONG_KEY);
    taken guess = {0}; /* the collection key in place of the envelope key */
    take_keys(&guess, &s, bob);
    memcpy(guess.keys->envelope, collection, sizeof collection);
    assert_false(take_section(&guess, &s, MV_START_LEN));
    taken_clear(&guess);
    taken_clear(&t);
    mv_content_clear(&c);
    drop(&s);
}

/* Somebody who has broken X25519, or ML-KEM, but not both. */
static void one_half_of_a_wrap_does_not_open_it(void **state)
{
    sealed s = seal_sample(true, 300, alice);
    void *memory = NULL;
    (void)state;
    assert_int_equal(mv_secret_new(&memory, sizeof *bob), MV_OK);
    mv_identity *half = memory;
    *half = *bob; /* all of bob's, but not the ML-KEM secret */
    memcpy(half->seal.mlkem, mallory->seal.mlkem, sizeof half->seal.mlkem);
    assert_int_equal(try_open(&s, half), MV_E_WRONG_KEY);
    *half = *bob; /* all of bob's, but not the X25519 secret */
    memcpy(half->seal.x25519, mallory->seal.x25519, sizeof half->seal.x25519);
    assert_int_equal(try_open(&s, half), MV_E_WRONG_KEY);
    *half = *bob;
    assert_int_equal(try_open(&s, half), MV_OK);
    mv_secret_free(&memory);
    drop(&s);
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
    const mv_pack_shape shape = {8, 1, (uint32_t)c.code.feature_count};
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

static mv_manifest sample_manifest(size_t count)
{
    mv_content c = sample_content(true, SIZE_MAX);
    mv_manifest m = {0};
    mv_member *member = NULL;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(mv_manifest_grow(&m, &member), MV_OK);
        member->exact_kept = i % 2 == 0; /* field by field: the rest stays zero */
        member->exact_len = i % 2 == 0 ? 77 * i : 0;
        member->described = true;
        member->code = c.code.meta;
        member->feature_count = c.code.feature_count;
        member->ciphertext_len = 5000;
        (void)snprintf(member->file_name, sizeof member->file_name, "r\xc3\xb6ntgen %zu.dcm", i);
    }
    mv_content_clear(&c);
    return m;
}

static void a_manifest_reads_back_and_stops_at_every_truncation(void **state)
{
    mv_manifest want = sample_manifest(3), got;
    mv_buffer b = mv_buffer_make(MV_MANIFEST_LEN_MAX);
    (void)state;
    want.archived = true;
    memset(want.archive, 7, sizeof want.archive);
    assert_int_equal(mv_manifest_write(&b, &want, NULL), MV_OK);
    assert_int_equal(mv_manifest_read(&got, b.bytes, b.len, NULL), MV_OK);
    assert_int_equal(got.count, 3);
    assert_memory_equal(got.member, want.member, 3 * sizeof *got.member);
    assert_memory_equal(got.archive, want.archive, sizeof got.archive);
    mv_manifest_clear(&got);
    for (size_t len = 0; len < b.len; len++) {
        assert_int_not_equal(mv_manifest_read(&got, b.bytes, len, NULL), MV_OK);
        assert_true(all_zero(&got, sizeof got));
    }
    assert_int_equal(mv_buffer_put_u8(&b, 0), MV_OK);
    assert_int_equal(mv_manifest_read(&got, b.bytes, b.len, NULL), MV_E_FORMAT);
    mv_manifest_clear(&want);
    mv_buffer_clear(&b);
}

static void a_manifest_written_to_harm_is_refused(void **state)
{
    struct {
        const char *bytes;
        size_t len;
        mv_status expected;
    } cases[] = {
        {"\xa1\x01\x81\xa2\x01\x60\x02\x00", 8, MV_OK},             /* no name, an empty original */
        {"\xa1\x01\x81\xa2\x01\x66../etc\x02\x00", 14, MV_E_RANGE}, /* a way out */
        {"\xa1\x01\x81\xa2\x01\x62..\x02\x00", 10, MV_E_RANGE},
        {"\xa1\x01\x81\xa1\x01\x60", 6, MV_E_FORMAT},                  /* neither nor */
        {"\xa1\x01\x81\xa2\x01\x60\x03\x05", 8, MV_E_FORMAT},          /* features undescribed */
        {"\xa1\x01\x81\xa2\x02\x00\x01\x60", 8, MV_E_FORMAT},          /* order */
        {"\xa1\x01\x81\xa3\x01\x60\x02\x00\x09\x00", 10, MV_E_FORMAT}, /* unknown field */
        {"\xa1\x01\x81\xa3\x01\x60\x02\x00\x04\xa0", 10, MV_E_FORMAT}, /* empty description */
        {"\xa1\x01\x80", 3, MV_E_FORMAT},                              /* nothing, no collection */
        {"\xa1\x01\x82\xa2\x01\x60\x02\x00\xa2\x01\x61x\x02\x00", 14, MV_E_FORMAT},  /* no name */
        {"\xa1\x01\x82\xa2\x01\x61x\x02\x00\xa2\x01\x61x\x02\x00", 15, MV_E_FORMAT}, /* twice */
        {"\xa1\x01\x82\xa2\x01\x61x\x02\x00\xa2\x01\x61y\x02\x00", 15, MV_OK},
        {"\xa1\x01\x81\xa3\x01\x60\x02\x00\x05\xa1\x01\x07", 12, MV_OK}, /* a later program's */
        {"\xa1\x01\x81\xa3\x01\x60\x02\x00\x05\xa1\x00\x07", 12, MV_E_FORMAT}, /* kind 0 */
        {"\xa1\x01\x81\xa3\x01\x60\x02\x00\x05\xa0", 10, MV_E_FORMAT},         /* none */
        {"\xa1\x01\x81\xa3\x01\x60\x02\x00\x05\xa5\x01\x00\x02\x00\x03\x00\x04\x00\x05\x00", 20,
         MV_E_LIMIT},
        {"\xa2\x01\x80\x03\xa2\x01\x01\x02\x80", 9, MV_E_RANGE},       /* a collection of nobody */
        {"\xa2\x01\x80\x03\xa2\x01\x01\x02\x81\x40", 10, MV_E_FORMAT}, /* of no card */
        {"\xa1\x01\x81\xa2\x01\x60\x02\x1b\x00\x00\x02\x00\x00\x00\x00\x00", 16, MV_E_LIMIT},
        {"\xa1\x01\x9a\x00\x00\x10\x01", 7, MV_E_FORMAT}, /* more than the bytes could hold */
        {"\xa0", 1, MV_E_TRUNCATED},
    };
    mv_manifest got;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const mv_status st =
            mv_manifest_read(&got, (const uint8_t *)cases[i].bytes, cases[i].len, NULL);
        if (st != cases[i].expected) {
            fail_msg("case %zu: %s", i, mv_status_name(st));
        }
        mv_manifest_clear(&got);
    }
    const uint32_t sides[] = {0, MV_IMAGE_SIDE_MAX + 1, UINT32_MAX};
    for (size_t i = 0; i < 3; i++) { /* shapes that mv_code_expect refuses */
        mv_manifest m = sample_manifest(1);
        mv_buffer b = mv_buffer_make(MV_MANIFEST_LEN_MAX);
        m.member[0].code.height = sides[i];
        assert_int_equal(mv_manifest_write(&b, &m, NULL), MV_OK);
        assert_int_equal(mv_manifest_read(&got, b.bytes, b.len, NULL), MV_E_RANGE);
        mv_buffer_clear(&b);
        mv_manifest_clear(&m);
    }
}

/* ---- studies ---- */

enum { STUDY = 5 };

static mv_content study_part(size_t i)
{
    mv_content c = sample_content(i != 1, i == 2 ? SIZE_MAX : 70000 * i);
    (void)snprintf(c.file_name, sizeof c.file_name, "slice%zu.png", i);
    for (size_t k = 0; k < c.code.feature_count; k++) {
        c.code.feature[k] = (c.code.feature[k] + (uint32_t)i) & 255;
    }
    return c;
}

static sealed seal_study(const mv_seal_opts *opts)
{
    mv_sealer *sealer = NULL;
    mv_content part[STUDY];
    sealed s = {NULL, 0};
    FILE *file = tmpfile();
    const mv_sink sink = mv_sink_file(file);
    uint64_t len = 0;
    mv_envelope_stats stats;

    assert_int_equal(mv_sealer_new(&sealer, opts, NULL), MV_OK);
    for (size_t i = 0; i < STUDY; i++) {
        part[i] = study_part(i);
        const mv_source exact = mv_source_memory(part[i].exact, part[i].exact_len);
        assert_int_equal(mv_sealer_add(sealer, part[i].file_name, &part[i].code,
                                       part[i].exact == NULL ? NULL : &exact, NULL),
                         MV_OK);
    }
    assert_int_equal(mv_sealer_len(&len, sealer, NULL), MV_OK);
    assert_int_equal(mv_sealer_finish(sealer, &stats, &sink, NULL), MV_OK);
    assert_int_equal(mv_sealer_finish(sealer, NULL, &sink, NULL), MV_E_ARGUMENT); /* once */
    assert_int_equal(mv_sealer_add(sealer, "x", &part[0].code, NULL, NULL), MV_E_ARGUMENT);
    assert_int_equal(ftell(file), len);
    assert_int_equal(stats.bytes_total, len);
    assert_false(stats.exact_kept); /* not of every one */
    s.len = (size_t)len;
    s.bytes = malloc(s.len);
    rewind(file);
    assert_int_equal(fread(s.bytes, 1, s.len, file), s.len);
    (void)fclose(file);
    for (size_t i = 0; i < STUDY; i++) {
        mv_content_clear(&part[i]);
    }
    mv_sealer_free(&sealer);
    return s;
}

static mv_status collect(void *user, const uint8_t *bytes, size_t len, mv_error *err)
{
    (void)err;
    return mv_buffer_append(user, bytes, len);
}

static void check_part(mv_opener *o, size_t i)
{
    mv_content want = study_part(i);
    mv_code code;
    mv_buffer exact = mv_buffer_make(1000000);
    const mv_sink sink = {collect, &exact};
    assert_string_equal(mv_opener_member(o, i)->file_name, want.file_name);
    assert_int_equal(mv_opener_features(o, i, &code, NULL, NULL, NULL),
                     want.code.feature_count != 0 ? MV_OK : MV_E_NOT_FOUND);
    assert_int_equal(code.feature_count, want.code.feature_count);
    if (code.feature_count != 0) {
        assert_memory_equal(code.feature, want.code.feature,
                            code.feature_count * sizeof *code.feature);
    }
    assert_int_equal(mv_opener_exact(o, i, &sink, NULL),
                     want.exact != NULL ? MV_OK : MV_E_NOT_FOUND);
    assert_int_equal(exact.len, want.exact_len);
    if (exact.len != 0) {
        assert_memory_equal(exact.bytes, want.exact, exact.len);
    }
    mv_buffer_clear(&exact);
    mv_code_clear(&code);
    mv_content_clear(&want);
}

static void a_study_travels_in_one_envelope(void **state)
{
    const mv_seal_opts opts = {.sender = alice, .recipient = &bob->card, .recipient_count = 1};
    sealed s = seal_study(&opts);
    const mv_source source = mv_source_memory(s.bytes, s.len);
    mv_opener *o = NULL;
    (void)state;
    assert_int_equal(mv_opener_new(&o, &source, bob, NULL), MV_OK);
    assert_int_equal(mv_opener_count(o), STUDY);
    assert_null(mv_opener_member(o, STUDY));
    assert_null(mv_opener_archive(o));
    assert_int_equal(mv_opener_features(o, STUDY, &(mv_code){0}, NULL, NULL, NULL), MV_E_NOT_FOUND);
    for (size_t i = STUDY; i-- != 0;) { /* in any order, more than once */
        check_part(o, i);
        check_part(o, i);
    }
    assert_int_equal(try_open(&s, bob), MV_E_UNSUPPORTED); /* the call for one image says so */
    mv_opener_free(&o);
    drop(&s);
}

/* Two images of one length, changed places by the network; and by somebody with the key. */
static void images_of_a_study_cannot_change_places_or_be_left_out(void **state)
{
    enum { LEN = 5000 };
    const mv_seal_opts opts = {.sender = alice, .recipient = &bob->card, .recipient_count = 1};
    mv_content c = sample_content(false, LEN);
    const mv_source exact = mv_source_memory(c.exact, LEN);
    mv_sealer *sealer = NULL;
    mv_buffer file = mv_buffer_make(100000);
    const mv_sink sink = {collect, &file};
    mv_opener *o = NULL;
    mv_manifest m;
    taken t = {0};
    mv_start start;
    (void)state;
    assert_int_equal(mv_sealer_new(&sealer, &opts, NULL), MV_OK);
    assert_int_equal(mv_sealer_add(sealer, "a", NULL, &exact, NULL), MV_OK);
    assert_int_equal(mv_sealer_add(sealer, "b", NULL, &exact, NULL), MV_OK);
    assert_int_equal(mv_sealer_finish(sealer, NULL, &sink, NULL), MV_OK);
    sealed s = {file.bytes, file.len};
    const mv_source source = mv_source_memory(s.bytes, s.len);
    take_keys(&t, &s, bob);
    assert_true(take_section(&t, &s, MV_START_LEN));
    assert_int_equal(mv_start_read(&start, t.plain[0]), MV_OK);
    assert_true(take_section(&t, &s, (size_t)start.manifest_len));
    uint8_t *first = s.bytes + t.end, kept[LEN + MV_TAG_LEN];
    memcpy(kept, first, sizeof kept);
    memcpy(first, first + sizeof kept, sizeof kept); /* b twice, */
    assert_int_equal(mv_opener_new(&o, &source, bob, NULL), MV_E_AUTH);
    memcpy(first + sizeof kept, kept, sizeof kept); /* b and a */
    assert_int_equal(mv_opener_new(&o, &source, bob, NULL), MV_E_AUTH);
    memcpy(first + sizeof kept, first, sizeof kept);
    memcpy(first, kept, sizeof kept);
    assert_int_equal(mv_opener_new(&o, &source, bob, NULL), MV_OK);
    mv_opener_free(&o);
    /* a recipient exchanges the names: not what alice signed */
    assert_int_equal(mv_manifest_read(&m, t.plain[1], t.len[1], NULL), MV_OK);
    strcpy(m.member[0].file_name, "b");
    strcpy(m.member[1].file_name, "a");
    mv_buffer again = mv_buffer_make(1000);
    assert_int_equal(mv_manifest_write(&again, &m, NULL), MV_OK);
    memcpy(t.plain[1], again.bytes, again.len);
    (void)seal_section(&t, s.bytes + t.at[1], 1);
    assert_int_equal(mv_opener_new(&o, &source, bob, NULL), MV_E_AUTH);
    mv_buffer_clear(&again);
    mv_manifest_clear(&m);
    taken_clear(&t);
    mv_sealer_free(&sealer);
    mv_buffer_clear(&file);
    mv_content_clear(&c);
}

static void files_of_a_study_need_names_each_its_own(void **state)
{
    const char *names[][2] = {{"a", "a"}, {"", "a"}, {"a", ""}, {"a/b", "a"}, {"a", "a/b/c"}};
    const mv_seal_opts opts = {.recipient = &bob->card, .recipient_count = 1};
    const mv_source exact = mv_source_memory((const uint8_t *)"x", 1);
    FILE *file = tmpfile();
    const mv_sink sink = mv_sink_file(file);
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        mv_sealer *sealer = NULL;
        assert_int_equal(mv_sealer_new(&sealer, &opts, NULL), MV_OK);
        assert_int_equal(mv_sealer_add(sealer, names[i][0], NULL, &exact, NULL), MV_OK);
        assert_int_equal(mv_sealer_add(sealer, names[i][1], NULL, &exact, NULL), MV_OK);
        assert_int_equal(mv_sealer_finish(sealer, NULL, &sink, NULL), MV_E_ARGUMENT);
        mv_sealer_free(&sealer);
    }
    assert_int_equal(ftell(file), 0); /* nothing was written */
    (void)fclose(file);
}

static void an_archive_opens_the_file_and_every_receiver_is_told(void **state)
{
    const mv_seal_opts opts = {
        .sender = alice, .recipient = &bob->card, .recipient_count = 1, .archive = &carol->card};
    sealed s = seal_study(&opts);
    const mv_source source = mv_source_memory(s.bytes, s.len);
    const mv_identity *who[2] = {bob, carol};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        mv_opener *o = NULL;
        assert_int_equal(mv_opener_new(&o, &source, who[i], NULL), MV_OK);
        assert_memory_equal(mv_opener_archive(o), carol->card.id, MV_CARD_ID_LEN);
        mv_opener_free(&o);
    }
    drop(&s);
}

static void sizes_of_the_head_are_as_promised(void **state)
{
    (void)state;
    assert_true(mv_head_len(1) <= 1500);
    assert_true(mv_head_len(2) - mv_head_len(1) <= 1200);
}

static void a_large_spool_goes_to_a_file_and_comes_back(void **state)
{
    enum { STEP = 700000, STEPS = 12 };
    mv_spool spool = mv_spool_make();
    mv_source source;
    uint8_t *part = malloc(STEP), *back = malloc(STEP);
    (void)state;
    for (int i = 0; i < STEPS; i++) {
        memset(part, i + 1, STEP);
        assert_int_equal(mv_spool_append(&spool, part, STEP, NULL), MV_OK);
        assert_int_equal(mv_spool_source(&source, &spool, NULL), MV_OK);
        assert_int_equal(source.len, (uint64_t)(i + 1) * STEP);
        (void)fseeko(spool.file != NULL ? spool.file : stdin, 0, SEEK_END);
    }
    assert_non_null(spool.file);
    assert_int_equal(spool.memory.cap, 0);
    assert_int_equal(fflush(spool.file), 0); /* what lies on the disk is not what was spooled */
    assert_int_equal(pread(fileno(spool.file), back, STEP, 0), STEP);
    assert_false(back[0] == 1 && memcmp(back, back + 1, STEP - 1) == 0);
    assert_int_equal(mv_source_read(&source, STEP + 1, back, STEP - 1, NULL), MV_OK);
    assert_true(back[0] == 2 && memcmp(back, back + 1, STEP - 2) == 0);
    for (int i = STEPS; i-- != 0;) {
        assert_int_equal(mv_source_read(&source, (uint64_t)i * STEP, back, STEP, NULL), MV_OK);
        assert_true(back[0] == i + 1 && memcmp(back, back + 1, STEP - 1) == 0);
    }
    assert_int_equal(mv_source_read(&source, (STEPS - 1) * STEP + 1, back, STEP, NULL),
                     MV_E_TRUNCATED);
    mv_spool_clear(&spool);
    free(part);
    free(back);
}

/* ---- collections ---- */

static sealed seal_collection(const mv_collection *c, const mv_identity *by)
{
    sealed s = {NULL, 0};
    mv_buffer b = mv_buffer_make(1000000);
    const mv_sink sink = {collect, &b};
    assert_int_equal(mv_collection_seal(c, by, &sink, NULL), MV_OK);
    s.bytes = malloc(b.len);
    s.len = b.len;
    memcpy(s.bytes, b.bytes, b.len);
    mv_buffer_clear(&b);
    return s;
}

static void a_collection_is_shared_added_to_and_rotated(void **state)
{
    mv_collection *c = NULL, *seen = NULL;
    uint8_t old[MV_COLLECTION_KEY_LEN];
    (void)state;
    assert_int_equal(mv_collection_new(&c, alice), MV_OK);
    assert_int_equal(mv_collection_add(c, &bob->card, NULL), MV_OK);
    assert_int_equal(mv_collection_add(c, &bob->card, NULL), MV_E_EXISTS);
    memcpy(old, mv_collection_key(c), sizeof old);
    sealed s = seal_collection(c, alice);
    mv_source source = mv_source_memory(s.bytes, s.len);
    assert_int_equal(mv_collection_open(&seen, &source, carol, NULL), MV_E_WRONG_KEY);
    assert_null(seen);
    assert_int_equal(mv_collection_open(&seen, &source, bob, NULL), MV_OK);
    assert_memory_equal(mv_collection_key(seen), old, sizeof old);
    assert_int_equal(mv_collection_holder_count(seen), 2);
    assert_memory_equal(mv_collection_holder(seen, 1), &bob->card, sizeof bob->card);
    /* bob takes alice out; the key she knew is no longer the collection's */
    assert_int_equal(mv_collection_remove(seen, alice->card.id, NULL), MV_OK);
    assert_int_equal(mv_collection_remove(seen, alice->card.id, NULL), MV_E_NOT_FOUND);
    assert_int_equal(mv_collection_rotate(seen), MV_OK);
    assert_int_equal(mv_collection_generation(seen), 2);
    assert_memory_not_equal(mv_collection_key(seen), old, sizeof old);
    drop(&s);
    s = seal_collection(seen, bob);
    source = mv_source_memory(s.bytes, s.len);
    mv_collection_free(&c);
    assert_int_equal(mv_collection_open(&c, &source, alice, NULL), MV_E_WRONG_KEY);
    mv_buffer none = mv_buffer_make(1);
    const mv_sink sink = {collect, &none};
    assert_int_equal(mv_collection_seal(seen, alice, &sink, NULL), MV_E_ARGUMENT);
    mv_collection_free(&seen);
    drop(&s);
}

static void a_collection_signed_by_an_outsider_or_nobody_is_refused(void **state)
{
    mv_collection *c = NULL, *seen = NULL;
    const mv_identity *by[3] = {mallory, NULL, bob};
    (void)state;
    assert_int_equal(mv_collection_new(&c, bob), MV_OK);
    for (size_t i = 0; i < 3; i++) {
        const mv_seal_opts opts = {.sender = by[i], .recipient = &bob->card, .recipient_count = 1};
        mv_sealer *sealer = NULL;
        mv_buffer b = mv_buffer_make(1000000);
        const mv_sink sink = {collect, &b};
        assert_int_equal(mv_sealer_new(&sealer, &opts, NULL), MV_OK);
        assert_int_equal(mv_sealer_collection(sealer, 1, &bob->card, 1), MV_OK);
        assert_int_equal(mv_sealer_finish(sealer, NULL, &sink, NULL), MV_OK);
        const mv_source source = mv_source_memory(b.bytes, b.len);
        assert_int_equal(mv_collection_open(&seen, &source, bob, NULL),
                         by[i] == bob ? MV_OK : MV_E_AUTH);
        mv_collection_free(&seen);
        mv_sealer_free(&sealer);
        mv_buffer_clear(&b);
    }
    sealed image = seal_sample(false, 10, bob);
    const mv_source source = mv_source_memory(image.bytes, image.len);
    assert_int_equal(mv_collection_open(&seen, &source, bob, NULL), MV_E_FORMAT);
    drop(&image);
    mv_collection_free(&c);
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
        cmocka_unit_test(lengths_that_lie_are_refused_before_they_are_used),
        cmocka_unit_test(what_changes_after_it_was_authenticated_is_noticed_too),
        cmocka_unit_test(a_given_collection_key_is_the_one_that_travels),
        cmocka_unit_test(a_replayed_file_is_the_very_same_file),
        cmocka_unit_test(an_old_collection_key_opens_no_other_envelope),
        cmocka_unit_test(one_half_of_a_wrap_does_not_open_it),
        cmocka_unit_test(images_of_a_study_cannot_change_places_or_be_left_out),
        cmocka_unit_test(records_of_a_section_cannot_be_reordered_repeated_or_dropped),
        cmocka_unit_test(sections_of_equal_length_cannot_change_places),
        cmocka_unit_test(every_byte_of_the_padding_counts),
        cmocka_unit_test(length_classes_cost_at_most_twelve_percent),
        cmocka_unit_test(a_manifest_reads_back_and_stops_at_every_truncation),
        cmocka_unit_test(a_manifest_written_to_harm_is_refused),
        cmocka_unit_test(a_study_travels_in_one_envelope),
        cmocka_unit_test(files_of_a_study_need_names_each_its_own),
        cmocka_unit_test(an_archive_opens_the_file_and_every_receiver_is_told),
        cmocka_unit_test(sizes_of_the_head_are_as_promised),
        cmocka_unit_test(a_large_spool_goes_to_a_file_and_comes_back),
        cmocka_unit_test(a_collection_is_shared_added_to_and_rotated),
        cmocka_unit_test(a_collection_signed_by_an_outsider_or_nobody_is_refused),
        cmocka_unit_test(sections_of_a_later_program_are_authenticated_and_left_closed),
        cmocka_unit_test(an_envelope_that_does_not_hold_what_it_says_is_refused),
    };
    return cmocka_run_group_tests(tests, meet, part);
}
