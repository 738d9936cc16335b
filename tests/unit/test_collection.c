/* SPDX-License-Identifier: Apache-2.0
 *
 * test_collection.c: collection keys: shared, published, replaced.
 */
#include "envelope_people.h"

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
        cmocka_unit_test(a_collection_is_shared_added_to_and_rotated),
        cmocka_unit_test(a_collection_signed_by_an_outsider_or_nobody_is_refused),
    };
    return cmocka_run_group_tests(tests, meet, part);
}
