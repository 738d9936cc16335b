/* SPDX-License-Identifier: Apache-2.0
 *
 * test_envelope_features.c: features of every set and form, embeddings, and what an outside sender
 * seals with the public key of a collection.
 */
#include "envelope/armour.h"
#include "envelope_people.h"

/* ---- sets and forms ---- */

static void features_travel_under_every_set_in_both_forms(void **state)
{
    mv_content want = sample_content(true, SIZE_MAX), got;
    const mv_he_set *set = NULL;
    (void)state;
    for (size_t i = 0; (set = mv_he_set_at(i)) != NULL; i++) {
        for (int form = MV_HE_SYM; form <= MV_HE_PK; form++) {
            const mv_seal_opts opts = {.sender = alice,
                                       .recipient = &bob->card,
                                       .recipient_count = 1,
                                       .set = set,
                                       .form = (mv_he_form)form};
            sealed s = {NULL, 0};
            mv_envelope_stats stats;
            mv_sender who;
            assert_int_equal(mv_envelope_seal(&s.bytes, &s.len, &stats, &want, &opts, NULL), MV_OK);
            assert_int_equal(stats.form, form);
            assert_int_equal(
                mv_envelope_open(&got, &who, &stats, s.bytes, s.len, bob, MV_OPEN_ALL, NULL),
                MV_OK);
            assert_ptr_equal(stats.set, set);
            check_same_content(&got, &want);
            mv_content_clear(&got);
            drop(&s);
        }
    }
    mv_content_clear(&want);
}

static void what_a_set_cannot_hold_is_not_sealed(void **state)
{
    mv_content c = sample_content(true, SIZE_MAX);
    const mv_seal_opts opts = {.recipient = &bob->card,
                               .recipient_count = 1,
                               .set = mv_he_set_find("pack1024"),
                               .form = MV_HE_PK,
                               .sums = 2};
    sealed s = {NULL, 0};
    mv_error err = {0};
    (void)state;
    assert_int_equal(mv_envelope_seal(&s.bytes, &s.len, NULL, &c, &opts, &err), MV_E_ARGUMENT);
    assert_non_null(strstr(err.text, "pack1024"));
    assert_null(s.bytes);
    mv_content_clear(&c);
}

/* ---- features that are weighed before they are made ---- */

static mv_sealer *sealer_for_bob(void)
{
    const mv_seal_opts opts = {.recipient = &bob->card, .recipient_count = 1};
    mv_sealer *sealer = NULL;
    assert_int_equal(mv_sealer_new(&sealer, &opts, NULL), MV_OK);
    return sealer;
}

static void features_may_be_weighed_first_and_added_after_the_original(void **state)
{
    mv_content want = sample_content(true, 300), got;
    mv_code bare = {.meta = want.code.meta};
    const mv_source exact = mv_source_memory(want.exact, want.exact_len);
    mv_buffer b = mv_buffer_make(5000000);
    const mv_sink sink = {collect, &b};
    mv_sealer *sealer = sealer_for_bob();
    mv_envelope_stats stats;
    mv_sender who;
    uint64_t weighed = 0;
    (void)state;
    assert_int_equal(mv_sealer_exact_len(sealer), 0);
    assert_int_equal(mv_sealer_add(sealer, want.file_name, &bare, &exact, NULL), MV_OK);
    assert_int_equal(mv_sealer_exact_len(sealer), 300);
    assert_int_equal(mv_sealer_features_len(&weighed, sealer, &bare.meta, NULL), MV_OK);
    assert_int_equal(mv_sealer_features(sealer, &want.code, NULL), MV_OK);
    assert_int_equal(mv_sealer_finish(sealer, &stats, &sink, NULL), MV_OK);
    assert_int_equal(stats.bytes_ciphertext, weighed);
    mv_sealer_free(&sealer);
    assert_int_equal(mv_envelope_open(&got, &who, &stats, b.bytes, b.len, bob, MV_OPEN_ALL, NULL),
                     MV_OK);
    check_same_content(&got, &want);
    mv_content_clear(&got);
    mv_content_clear(&want);
    mv_buffer_clear(&b);
}

static void features_without_a_place_are_not_sealed(void **state)
{
    mv_content c = sample_content(true, 300);
    mv_code bare = {.meta = c.code.meta}, odd = c.code;
    mv_code_meta impossible = c.code.meta;
    const mv_source exact = mv_source_memory(c.exact, c.exact_len);
    uint64_t len = 1;
    (void)state;
    for (int i = 0; i < 4; i++) {
        mv_sealer *sealer = sealer_for_bob();
        const mv_code *wrong = i == 1 ? &bare : i == 3 ? &odd : &c.code;
        odd.feature_count = c.code.feature_count - 1;
        if (i != 0) { /* else there is no member */
            assert_int_equal(mv_sealer_add(sealer, "a", i == 2 ? &c.code : &bare, &exact, NULL),
                             MV_OK);
        }
        assert_int_equal(mv_sealer_features(sealer, wrong, NULL), MV_E_ARGUMENT);
        assert_int_equal(mv_sealer_add(sealer, "b", NULL, &exact, NULL), MV_E_ARGUMENT);
        mv_sealer_free(&sealer);
    }
    mv_sealer *sealer = sealer_for_bob();
    impossible.feature_bits = 17;
    assert_int_equal(mv_sealer_features_len(&len, sealer, &impossible, NULL), MV_E_RANGE);
    assert_int_equal(len, 0);
    mv_sealer_free(&sealer);
    mv_content_clear(&c);
}

/* ---- an outside sender ---- */

typedef struct published {
    mv_collection *collection; /* alice's and bob's */
    mv_buffer text;
    mv_collection_public *key; /* read from text */
} published;

static mv_collection_public *read_public(const mv_buffer *text)
{
    mv_collection_public *key = NULL;
    assert_int_equal(mv_collection_public_read(&key, text->bytes, text->len, NULL), MV_OK);
    return key;
}

static published publish(const char *set)
{
    published p = {.text = mv_buffer_make(MV_COLLECTION_PUBLIC_FILE_MAX)};
    const mv_sink sink = {collect, &p.text};
    mv_collection_public *made = NULL;
    assert_int_equal(mv_collection_new(&p.collection, alice), MV_OK);
    assert_int_equal(mv_collection_add(p.collection, &bob->card, NULL), MV_OK);
    assert_int_equal(mv_collection_publish(&made, p.collection, mv_he_set_find(set), alice, NULL),
                     MV_OK);
    assert_int_equal(mv_collection_public_write(made, &sink, NULL), MV_OK);
    p.key = read_public(&p.text);
    assert_memory_equal(mv_collection_public_hash(p.key), mv_collection_public_hash(made), 32);
    mv_collection_public_free(&made);
    return p;
}

static void published_clear(published *p)
{
    mv_collection_public_free(&p->key);
    mv_collection_free(&p->collection);
    mv_buffer_clear(&p->text);
}

/* Carol, who is no holder, to bob: features and an embedding. */
static sealed seal_outside(const published *p, mv_embedding *embedding)
{
    mv_content c = sample_content(true, 300);
    const mv_source exact = mv_source_memory(c.exact, c.exact_len);
    const mv_seal_opts opts = {.sender = carol,
                               .recipient = &bob->card,
                               .recipient_count = 1,
                               .collection_public = p->key};
    mv_sealer *sealer = NULL;
    mv_buffer b = mv_buffer_make(5000000);
    const mv_sink sink = {collect, &b};
    *embedding = sample_embedding();
    assert_int_equal(mv_sealer_new(&sealer, &opts, NULL), MV_OK);
    assert_int_equal(mv_sealer_add(sealer, c.file_name, &c.code, &exact, NULL), MV_OK);
    assert_int_equal(mv_sealer_embed(sealer, embedding, NULL), MV_OK);
    assert_int_equal(mv_sealer_finish(sealer, NULL, &sink, NULL), MV_OK);
    mv_sealer_free(&sealer);
    mv_content_clear(&c);
    return (sealed){b.bytes, b.len};
}

static void an_outsider_seals_for_a_collection_with_public_material_only(void **state)
{
    published p = publish("real8192");
    mv_embedding want, got;
    mv_content sent = sample_content(true, 300);
    mv_features_info info;
    mv_code code;
    mv_opener *o = NULL;
    (void)state;
    sealed s = seal_outside(&p, &want);
    const mv_source source = mv_source_memory(s.bytes, s.len);
    assert_int_equal(mv_opener_new(&o, &source, bob, NULL), MV_OK);
    assert_memory_equal(mv_opener_collection_id(o), mv_collection_public_id(p.key),
                        MV_COLLECTION_ID_LEN);
    /* what it is shows without the collection; what is in it does not */
    assert_int_equal(mv_opener_info(o, 0, &info, NULL), MV_OK);
    assert_int_equal(info.shape.form, MV_HE_PK);
    assert_string_equal(mv_he_set_name(info.set), "real8192");
    assert_int_equal(mv_opener_features(o, 0, &code, NULL, NULL, NULL), MV_E_WRONG_KEY);
    assert_int_equal(mv_opener_embedding(o, 0, &got, NULL), MV_E_WRONG_KEY);
    assert_int_equal(mv_opener_collection(o, p.collection, NULL), MV_OK);
    assert_int_equal(mv_opener_features(o, 0, &code, NULL, NULL, NULL), MV_OK);
    assert_memory_equal(code.feature, sent.code.feature, code.feature_count * sizeof *code.feature);
    assert_int_equal(mv_opener_embedding(o, 0, &got, NULL), MV_OK);
    assert_memory_equal(&got, &want, sizeof got);
    mv_code_clear(&code);
    mv_opener_free(&o);
    mv_content_clear(&sent);
    published_clear(&p);
    drop(&s);
}

static void another_collection_or_generation_opens_nothing(void **state)
{
    published p = publish("pack4096");
    mv_embedding embedding;
    mv_collection *other = NULL;
    mv_opener *o = NULL;
    (void)state;
    sealed s = seal_outside(&p, &embedding);
    const mv_source source = mv_source_memory(s.bytes, s.len);
    assert_int_equal(mv_opener_new(&o, &source, bob, NULL), MV_OK);
    assert_int_equal(mv_collection_new(&other, bob), MV_OK);
    assert_int_equal(mv_opener_collection(o, other, NULL), MV_E_WRONG_KEY);
    assert_int_equal(mv_collection_rotate(p.collection), MV_OK);
    assert_int_equal(mv_opener_collection(o, p.collection, NULL), MV_E_WRONG_KEY);
    assert_int_equal(mv_opener_embedding(o, 0, &embedding, NULL), MV_E_WRONG_KEY);
    assert_true(all_zero(&embedding, sizeof embedding));
    mv_opener_free(&o);
    mv_collection_free(&other);
    drop(&s);
    s = seal_sample(true, 10, alice); /* its key travels */
    const mv_source own = mv_source_memory(s.bytes, s.len);
    assert_int_equal(mv_opener_new(&o, &own, bob, NULL), MV_OK);
    assert_null(mv_opener_collection_id(o));
    assert_int_equal(mv_opener_collection(o, p.collection, NULL), MV_E_ARGUMENT);
    mv_opener_free(&o);
    drop(&s);
    published_clear(&p);
}

static void the_public_key_names_its_holders_and_every_byte_of_it_counts(void **state)
{
    published p = publish("pack4096");
    mv_collection_public *key = NULL;
    (void)state;
    assert_int_equal(mv_collection_public_generation(p.key), 1);
    assert_int_equal(mv_collection_public_holder_count(p.key), 2);
    assert_memory_equal(mv_collection_public_holder(p.key, 1), &bob->card, sizeof bob->card);
    assert_null(mv_collection_public_holder(p.key, 2));
    assert_memory_equal(mv_collection_public_signer(p.key), &alice->card, sizeof alice->card);
    assert_int_equal(
        mv_collection_publish(&key, p.collection, mv_he_set_find("pack4096"), mallory, NULL),
        MV_E_ARGUMENT);
    assert_null(key);
    for (size_t i = 200; i < p.text.len - 60; i += 997) { /* inside the block */
        const uint8_t kept = p.text.bytes[i];
        p.text.bytes[i] = kept == 'A' ? 'B' : kept == '\n' ? 'A' : 'A';
        if (p.text.bytes[i] != kept) {
            assert_int_not_equal(mv_collection_public_read(&key, p.text.bytes, p.text.len, NULL),
                                 MV_OK);
            assert_null(key);
        }
        p.text.bytes[i] = kept;
    }
    for (size_t len = 0; len + 2 < p.text.len; len += 1 + p.text.len / 50) {
        assert_int_not_equal(mv_collection_public_read(&key, p.text.bytes, len, NULL), MV_OK);
        assert_null(key);
    }
    published_clear(&p);
}

/* {.., 6: signer, 7: signature}: the signer's number stands 68 bytes before the end. */
static void a_signer_who_is_no_holder_is_refused_before_the_signature_is_looked_at(void **state)
{
    published p = publish("pack4096");
    mv_buffer text = mv_buffer_make(MV_COLLECTION_PUBLIC_FILE_MAX);
    mv_collection_public *key = NULL;
    mv_error err = {0};
    const size_t cap = p.text.len;
    uint8_t *bytes = malloc(cap);
    size_t len = 0;
    (void)state;
    assert_int_equal(
        mv_armour_read(bytes, cap, &len, MV_ARMOUR_PUBLIC, (char *)p.text.bytes, p.text.len, NULL),
        MV_OK);
    assert_int_equal(bytes[len - 68], 0); /* alice */
    for (uint8_t signer = 1; signer <= 2; signer++) {
        bytes[len - 68] = signer;
        text.len = 0;
        assert_int_equal(mv_armour_write(&text, MV_ARMOUR_PUBLIC, "# signer", bytes, len), MV_OK);
        const mv_status st = mv_collection_public_read(&key, text.bytes, text.len, &err);
        assert_int_equal(st, signer == 1 ? MV_E_AUTH : MV_E_RANGE); /* bob did not; there is none */
        assert_null(key);
    }
    free(bytes);
    mv_buffer_clear(&text);
    published_clear(&p);
}

/* Two readings of one collection's key have one id and two HE keys: the card says which. */
static void a_card_bound_to_another_he_key_is_not_sealed_for(void **state)
{
    published p = publish("pack4096"), q = publish("pack4096");
    mv_identity *bound = sample_identity(2);
    mv_card card;
    mv_sealer *sealer = NULL;
    mv_error err = {0};
    const mv_card_terms terms = {20001, 0, mv_collection_public_hash(p.key)};
    (void)state;
    assert_int_equal(mv_identity_renew(bound, &terms, NULL), MV_OK);
    mv_identity_card(&card, bound);
    mv_seal_opts opts = {.recipient = &card, .recipient_count = 1, .collection_public = p.key};
    assert_int_equal(mv_sealer_new(&sealer, &opts, NULL), MV_OK);
    mv_sealer_free(&sealer);
    opts.collection_public = q.key;
    assert_int_equal(mv_sealer_new(&sealer, &opts, &err), MV_E_POLICY);
    assert_non_null(strstr(err.text, "bound to another HE public key"));
    assert_null(sealer);
    opts.collection_public = NULL; /* nothing under a foreign key: nothing to check */
    assert_int_equal(mv_sealer_new(&sealer, &opts, NULL), MV_OK);
    mv_sealer_free(&sealer);
    mv_identity_free(&bound);
    published_clear(&p);
    published_clear(&q);
}

static void a_public_key_excludes_the_secret_one_and_other_sets(void **state)
{
    published p = publish("pack4096");
    const uint8_t secret[MV_COLLECTION_KEY_LEN] = {1};
    mv_sealer *sealer = NULL;
    mv_seal_opts opts = {.recipient = &bob->card,
                         .recipient_count = 1,
                         .collection_public = p.key,
                         .collection_key = secret};
    (void)state;
    assert_int_equal(mv_sealer_new(&sealer, &opts, NULL), MV_E_ARGUMENT);
    opts.collection_key = NULL;
    opts.set = mv_he_set_find("real8192");
    assert_int_equal(mv_sealer_new(&sealer, &opts, NULL), MV_E_ARGUMENT);
    assert_null(sealer);
    published_clear(&p);
}

/* ---- embeddings ---- */

static mv_opener *seal_and_open(sealed *s, mv_he_form form, const mv_embedding *embedding)
{
    mv_content c = sample_content(true, 300);
    const mv_source exact = mv_source_memory(c.exact, c.exact_len);
    const mv_seal_opts opts = {
        .sender = alice, .recipient = &bob->card, .recipient_count = 1, .form = form};
    mv_sealer *sealer = NULL;
    mv_opener *o = NULL;
    mv_envelope_stats stats;
    mv_buffer b = mv_buffer_make(1000000);
    const mv_sink sink = {collect, &b};
    assert_int_equal(mv_sealer_new(&sealer, &opts, NULL), MV_OK);
    assert_int_equal(mv_sealer_add(sealer, "first.png", &c.code, &exact, NULL), MV_OK);
    assert_int_equal(mv_sealer_embed(sealer, embedding, NULL), MV_OK);
    assert_int_equal(mv_sealer_add(sealer, "plain.bin", NULL, &exact, NULL), MV_OK);
    assert_int_equal(mv_sealer_add(sealer, "third.png", NULL, &exact, NULL), MV_OK);
    assert_int_equal(mv_sealer_embed(sealer, embedding, NULL), MV_OK);
    assert_int_equal(mv_sealer_finish(sealer, &stats, &sink, NULL), MV_OK);
    assert_int_equal(stats.bytes_embedding, form == MV_HE_SYM ? 2 * (32 + 211) : 2 * (32 + 25885));
    *s = (sealed){b.bytes, b.len};
    const mv_source source = mv_source_memory(s->bytes, s->len);
    assert_int_equal(mv_opener_new(&o, &source, bob, NULL), MV_OK);
    mv_sealer_free(&sealer);
    mv_content_clear(&c);
    return o;
}

static void an_embedding_travels_beside_the_features(void **state)
{
    const mv_embedding want = sample_embedding();
    (void)state;
    for (int form = MV_HE_SYM; form <= MV_HE_PK; form++) {
        mv_embedding got;
        mv_code code;
        sealed s;
        mv_buffer exact = mv_buffer_make(1000);
        const mv_sink sink = {collect, &exact};
        mv_opener *o = seal_and_open(&s, (mv_he_form)form, &want);
        for (size_t i = 0; i < 3; i += 2) {
            assert_int_not_equal(mv_opener_member(o, i)->embedding_len, 0);
            assert_int_equal(mv_opener_embedding(o, i, &got, NULL), MV_OK);
            assert_memory_equal(&got, &want, sizeof got);
        }
        assert_int_equal(mv_opener_embedding(o, 1, &got, NULL), MV_E_NOT_FOUND);
        assert_int_equal(mv_opener_embedding(o, 3, &got, NULL), MV_E_NOT_FOUND);
        assert_int_equal(mv_opener_features(o, 0, &code, NULL, NULL, NULL), MV_OK);
        assert_int_equal(mv_opener_exact(o, 2, &sink, NULL), MV_OK);
        assert_int_equal(exact.len, 300);
        mv_code_clear(&code);
        mv_buffer_clear(&exact);
        mv_opener_free(&o);
        drop(&s);
    }
}

static void an_embedding_that_is_none_is_not_sealed(void **state)
{
    const mv_seal_opts opts = {.recipient = &bob->card, .recipient_count = 1};
    const mv_source exact = mv_source_memory((const uint8_t *)"abc", 3);
    mv_embedding e = sample_embedding();
    (void)state;
    for (int i = 0; i < 3; i++) {
        mv_sealer *sealer = NULL;
        assert_int_equal(mv_sealer_new(&sealer, &opts, NULL), MV_OK);
        if (i == 0) { /* of nothing */
            assert_int_equal(mv_sealer_embed(sealer, &e, NULL), MV_E_ARGUMENT);
        } else {
            assert_int_equal(mv_sealer_add(sealer, "a", NULL, &exact, NULL), MV_OK);
            memset(e.value, i == 1 ? 0 : 127, sizeof e.value); /* zero; too long */
            assert_int_equal(mv_sealer_embed(sealer, &e, NULL), MV_E_RANGE);
        }
        assert_int_equal(mv_sealer_add(sealer, "b", NULL, &exact, NULL), MV_E_ARGUMENT);
        mv_sealer_free(&sealer);
    }
    mv_sealer *sealer = NULL;
    e = sample_embedding();
    assert_int_equal(mv_sealer_new(&sealer, &opts, NULL), MV_OK);
    assert_int_equal(mv_sealer_add(sealer, "a", NULL, &exact, NULL), MV_OK);
    assert_int_equal(mv_sealer_embed(sealer, &e, NULL), MV_OK);
    assert_int_equal(mv_sealer_embed(sealer, &e, NULL), MV_E_ARGUMENT); /* a second one */
    mv_sealer_free(&sealer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(features_travel_under_every_set_in_both_forms),
        cmocka_unit_test(what_a_set_cannot_hold_is_not_sealed),
        cmocka_unit_test(features_may_be_weighed_first_and_added_after_the_original),
        cmocka_unit_test(features_without_a_place_are_not_sealed),
        cmocka_unit_test(an_outsider_seals_for_a_collection_with_public_material_only),
        cmocka_unit_test(another_collection_or_generation_opens_nothing),
        cmocka_unit_test(the_public_key_names_its_holders_and_every_byte_of_it_counts),
        cmocka_unit_test(a_signer_who_is_no_holder_is_refused_before_the_signature_is_looked_at),
        cmocka_unit_test(a_card_bound_to_another_he_key_is_not_sealed_for),
        cmocka_unit_test(a_public_key_excludes_the_secret_one_and_other_sets),
        cmocka_unit_test(an_embedding_travels_beside_the_features),
        cmocka_unit_test(an_embedding_that_is_none_is_not_sealed),
    };
    return cmocka_run_group_tests(tests, meet, part);
}
