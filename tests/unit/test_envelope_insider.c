/* SPDX-License-Identifier: Apache-2.0
 *
 * test_envelope_insider.c: what a recipient, who knows the envelope key, can do to the others:
 * docs/threat-model.md.
 */
#include "envelope_attack.h"

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

/* A file that shows one thing when it is first read and another when it is read again. */
typedef struct two_faced {
    const sealed *s;
    const uint8_t *first; /* bytes [from, to) at their first reading */
    size_t from, to;
    int readings;
} two_faced;

static mv_status read_two_faced(void *user, uint64_t offset, uint8_t *out, size_t len,
                                mv_error *err)
{
    two_faced *f = user;
    (void)err;
    memcpy(out, f->s->bytes + offset, len);
    if (offset == f->from && f->readings++ == 0) {
        assert_int_equal(len, f->to - f->from);
        memcpy(out, f->first, len);
    }
    return MV_OK;
}

static void a_manifest_that_changes_while_it_is_authenticated_is_noticed(void **state)
{
    sealed s = seal_sample(true, 300, alice);
    taken t = take_apart(&s, carol);
    const size_t from = t.at[MANIFEST], to = t.at[MANIFEST + 1];
    uint8_t *authentic = malloc(to - from);
    mv_opener *o = NULL;
    (void)state;
    memcpy(authentic, s.bytes + from, to - from);
    t.plain[MANIFEST][7] ^= 1; /* carol's, sealed with the envelope key */
    put_back(&s, &t, MANIFEST);
    uint8_t *forged = malloc(to - from);
    memcpy(forged, s.bytes + from, to - from);
    memcpy(s.bytes + from, authentic, to - from);
    two_faced face = {.s = &s, .first = forged, .from = from, .to = to};
    const mv_source source = {.len = s.len, .read = read_two_faced, .user = &face};
    assert_int_equal(mv_opener_new(&o, &source, bob, NULL), MV_E_AUTH);
    assert_null(o);
    assert_int_equal(face.readings, 2);
    face.readings = 1; /* from now on it tells the truth */
    assert_int_equal(mv_opener_new(&o, &source, bob, NULL), MV_OK);
    mv_opener_free(&o);
    free(forged);
    free(authentic);
    taken_clear(&t);
    drop(&s);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_section_changed_by_a_co_recipient_breaks_the_senders_signature),
        cmocka_unit_test(a_manifest_that_changes_while_it_is_authenticated_is_noticed),
        cmocka_unit_test(in_an_anonymous_file_a_co_recipient_can_change_what_nobody_signed),
        cmocka_unit_test(a_signature_replaced_by_ones_own_shows_ones_own_name),
        cmocka_unit_test(nobody_can_sign_with_the_card_of_another),
        cmocka_unit_test(a_signature_from_another_envelope_of_the_same_sender_does_not_fit),
        cmocka_unit_test(a_recipient_cannot_pass_the_senders_signature_on_to_others),
        cmocka_unit_test(a_stripped_signature_leaves_an_anonymous_file),
        cmocka_unit_test(two_recipients_cannot_be_given_two_collection_keys),
        cmocka_unit_test(a_body_belongs_to_its_head_even_under_the_same_keys),
        cmocka_unit_test(lengths_that_lie_are_refused_before_they_are_used),
        cmocka_unit_test(sections_of_a_later_program_are_authenticated_and_left_closed),
        cmocka_unit_test(an_envelope_that_does_not_hold_what_it_says_is_refused),
        cmocka_unit_test(a_given_collection_key_is_the_one_that_travels),
        cmocka_unit_test(a_replayed_file_is_the_very_same_file),
        cmocka_unit_test(an_old_collection_key_opens_no_other_envelope),
        cmocka_unit_test(one_half_of_a_wrap_does_not_open_it),
    };
    return cmocka_run_group_tests(tests, meet, part);
}
