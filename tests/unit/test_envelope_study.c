/* SPDX-License-Identifier: Apache-2.0
 *
 * test_envelope_study.c: many images in one envelope, and the archive that can open it.
 */
#include "envelope_attack.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_study_travels_in_one_envelope),
        cmocka_unit_test(images_of_a_study_cannot_change_places_or_be_left_out),
        cmocka_unit_test(files_of_a_study_need_names_each_its_own),
        cmocka_unit_test(an_archive_opens_the_file_and_every_receiver_is_told),
    };
    return cmocka_run_group_tests(tests, meet, part);
}
