/* SPDX-License-Identifier: Apache-2.0
 *
 * test_envelope_cards.c: the sealer looks at dates and revocations, and the opener tells of them,
 * whatever program calls them.
 */
#include "envelope_people.h"

#include <sys/stat.h>

#include "folder.h"

static char home[TEST_FOLDER_MAX];

static int settle(void **state)
{
    folder_make(home);
    return home[0] == '\0' || setenv("MEDVEIL_HOME", home, 1) != 0 || meet(state) != 0;
}

static int leave(void **state)
{
    folder_remove(home);
    return part(state);
}

/* An identity whose card was good on one day of 2024 only. */
static mv_identity *expired_identity(void)
{
    mv_identity *id = sample_identity(9);
    const mv_card_terms terms = {20000, 20001, NULL};
    assert_int_equal(mv_identity_renew(id, &terms, NULL), MV_OK);
    return id;
}

static mv_status try_new(const mv_seal_opts *opts, const char *says)
{
    mv_sealer *sealer = NULL;
    mv_error err = {0};
    const mv_status st = mv_sealer_new(&sealer, opts, &err);
    assert_int_equal(sealer != NULL, st == MV_OK);
    if (st != MV_OK && strstr(err.text, says) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", err.text, says);
    }
    mv_sealer_free(&sealer);
    return st;
}

static void nothing_is_sealed_for_an_expired_card_unless_it_is_meant(void **state)
{
    mv_identity *late = expired_identity();
    const mv_card to[2] = {bob->card, late->card};
    mv_seal_opts opts = {.recipient = to, .recipient_count = 2};
    (void)state;
    assert_int_equal(try_new(&opts, "expired"), MV_E_POLICY);
    opts.accept = MV_SEAL_REVOKED;
    assert_int_equal(try_new(&opts, "expired"), MV_E_POLICY);
    opts.accept = MV_SEAL_EXPIRED;
    assert_int_equal(try_new(&opts, ""), MV_OK);
    opts = (mv_seal_opts){.recipient = to, .recipient_count = 1, .archive = &late->card};
    assert_int_equal(try_new(&opts, "expired"), MV_E_POLICY);
    mv_identity_free(&late);
}

static void nothing_is_sealed_for_a_revoked_card_unless_it_is_meant(void **state)
{
    mv_revocation statement;
    mv_seal_opts opts = {.recipient = &mallory->card, .recipient_count = 1};
    (void)state;
    assert_int_equal(try_new(&opts, ""), MV_OK);
    assert_int_equal(mv_revocation_make(&statement, mallory, 20300), MV_OK);
    assert_int_equal(mv_revocation_add(&statement, NULL), MV_OK);
    assert_int_equal(try_new(&opts, "revoked"), MV_E_POLICY);
    opts.accept = MV_SEAL_EXPIRED;
    assert_int_equal(try_new(&opts, "revoked"), MV_E_POLICY);
    opts.accept = MV_SEAL_REVOKED;
    assert_int_equal(try_new(&opts, ""), MV_OK);
}

/* Whoever signed a collection's public key vouches for it; recipients may be others. */
static void a_public_key_signed_by_an_expired_holder_is_not_used_unless_it_is_meant(void **state)
{
    mv_identity *late = expired_identity();
    mv_collection *c = NULL;
    mv_collection_public *key = NULL;
    (void)state;
    assert_int_equal(mv_collection_new(&c, late), MV_OK);
    assert_int_equal(mv_collection_add(c, &bob->card, NULL), MV_OK);
    assert_int_equal(mv_collection_publish(&key, c, mv_he_set_find("pack4096"), late, NULL), MV_OK);
    mv_seal_opts opts = {.recipient = &bob->card, .recipient_count = 1, .collection_public = key};
    assert_int_equal(try_new(&opts, "expired"), MV_E_POLICY);
    opts.accept = MV_SEAL_EXPIRED;
    assert_int_equal(try_new(&opts, ""), MV_OK);
    mv_collection_public_free(&key);
    mv_collection_free(&c);
    mv_identity_free(&late);
}

/* To accept a revocation is not to accept an expiry. */
static void a_card_both_revoked_and_expired_needs_both_to_be_meant(void **state)
{
    mv_identity *both = sample_identity(7);
    const mv_card_terms terms = {20000, 20001, NULL};
    mv_revocation statement;
    (void)state;
    assert_int_equal(mv_identity_renew(both, &terms, NULL), MV_OK);
    assert_int_equal(mv_revocation_make(&statement, both, 20300), MV_OK);
    assert_int_equal(mv_revocation_add(&statement, NULL), MV_OK);
    mv_seal_opts opts = {.recipient = &both->card, .recipient_count = 1};
    assert_int_equal(try_new(&opts, "revoked"), MV_E_POLICY);
    opts.accept = MV_SEAL_EXPIRED;
    assert_int_equal(try_new(&opts, "revoked"), MV_E_POLICY);
    opts.accept = MV_SEAL_REVOKED;
    assert_int_equal(try_new(&opts, "expired"), MV_E_POLICY);
    opts.accept = MV_SEAL_REVOKED | MV_SEAL_EXPIRED;
    assert_int_equal(try_new(&opts, ""), MV_OK);
    mv_identity_free(&both);
}

static void a_collection_is_not_sealed_for_a_holder_whose_card_has_expired(void **state)
{
    mv_identity *late = expired_identity();
    mv_collection *c = NULL;
    mv_buffer b = mv_buffer_make(1000000);
    const mv_sink sink = {collect, &b};
    const mv_card_terms renewed = {20002, 0, NULL};
    (void)state;
    assert_int_equal(mv_collection_new(&c, alice), MV_OK);
    assert_int_equal(mv_collection_add(c, &late->card, NULL), MV_OK);
    assert_int_equal(mv_collection_seal(c, alice, &sink, NULL), MV_E_POLICY);
    assert_int_equal(b.len, 0);
    /* his renewed card takes the place of the old one */
    assert_int_equal(mv_identity_renew(late, &renewed, NULL), MV_OK);
    assert_int_equal(mv_collection_add(c, &late->card, NULL), MV_OK);
    assert_int_equal(mv_collection_holder_count(c), 2);
    assert_int_equal(mv_collection_seal(c, alice, &sink, NULL), MV_OK);
    mv_collection_free(&c);
    mv_buffer_clear(&b);
    mv_identity_free(&late);
}

static mv_sender sender_of(const mv_identity *who)
{
    mv_opener *o = NULL;
    sealed s = seal_sample(false, 10, who);
    const mv_source source = mv_source_memory(s.bytes, s.len);
    assert_int_equal(mv_opener_new(&o, &source, bob, NULL), MV_OK);
    const mv_sender sender = *mv_opener_sender(o);
    mv_opener_free(&o);
    drop(&s);
    return sender;
}

static void an_opener_tells_of_an_expired_or_revoked_sender(void **state)
{
    mv_identity *late = expired_identity(), *gone = sample_identity(8);
    mv_revocation statement;
    (void)state;
    mv_sender sender = sender_of(alice);
    assert_true(!sender.revoked && sender.state == MV_CARD_VALID);
    sender = sender_of(late);
    assert_true(!sender.revoked && sender.state == MV_CARD_EXPIRED);
    assert_int_equal(mv_revocation_make(&statement, gone, 20300), MV_OK);
    assert_int_equal(mv_revocation_add(&statement, NULL), MV_OK);
    sender = sender_of(gone);
    assert_true(sender.revoked && sender.revoked_day == 20300);
    sender = sender_of(NULL);
    assert_true(sender.anonymous && !sender.revoked);
    mv_identity_free(&late);
    mv_identity_free(&gone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_sealed_for_an_expired_card_unless_it_is_meant),
        cmocka_unit_test(nothing_is_sealed_for_a_revoked_card_unless_it_is_meant),
        cmocka_unit_test(a_public_key_signed_by_an_expired_holder_is_not_used_unless_it_is_meant),
        cmocka_unit_test(a_card_both_revoked_and_expired_needs_both_to_be_meant),
        cmocka_unit_test(a_collection_is_not_sealed_for_a_holder_whose_card_has_expired),
        cmocka_unit_test(an_opener_tells_of_an_expired_or_revoked_sender),
    };
    return cmocka_run_group_tests(tests, settle, leave);
}
