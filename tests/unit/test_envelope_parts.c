/* SPDX-License-Identifier: Apache-2.0
 *
 * test_envelope_parts.c: length classes, manifest, sizes, spool.
 */
#include "envelope_people.h"

#include <unistd.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(length_classes_cost_at_most_twelve_percent),
        cmocka_unit_test(a_manifest_reads_back_and_stops_at_every_truncation),
        cmocka_unit_test(a_manifest_written_to_harm_is_refused),
        cmocka_unit_test(sizes_of_the_head_are_as_promised),
        cmocka_unit_test(a_large_spool_goes_to_a_file_and_comes_back),
    };
    return cmocka_run_group_tests(tests, meet, part);
}
