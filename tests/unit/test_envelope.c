/* SPDX-License-Identifier: Apache-2.0
 *
 * test_envelope.c: sealing and opening one image.
 */
#include "envelope_people.h"

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
    };
    return cmocka_run_group_tests(tests, meet, part);
}
