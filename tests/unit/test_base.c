/* SPDX-License-Identifier: Apache-2.0
 *
 * test_base.c: sentences about src/base.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/rng.h"

static void a_reader_never_passes_its_end(void **state)
{
    const uint8_t bytes[3] = {1, 2, 3};
    mv_reader r = mv_reader_make(bytes, sizeof bytes);
    uint16_t v16 = 0;
    uint32_t v32 = 7;
    (void)state;
    assert_int_equal(mv_read_u32le(&r, &v32), MV_E_TRUNCATED);
    assert_int_equal(v32, 7);
    assert_int_equal(mv_read_u16le(&r, &v16), MV_OK);
    assert_int_equal(v16, 0x0201);
    assert_int_equal(mv_reader_left(&r), 1);
}

static void a_buffer_stops_at_its_maximum(void **state)
{
    mv_buffer b = mv_buffer_make(300);
    (void)state;
    assert_int_equal(mv_buffer_append_zeros(&b, 300), MV_OK);
    assert_int_equal(mv_buffer_put_u8(&b, 1), MV_E_LIMIT);
    assert_int_equal(b.len, 300);
    mv_buffer_clear(&b);
    assert_null(b.bytes);
}

static void a_seeded_generator_repeats_and_stays_in_range(void **state)
{
    mv_rand a = mv_rand_make(7), b = mv_rand_make(7), c = mv_rand_make(8);
    (void)state;
    assert_true(mv_rand_u64(&a) == mv_rand_u64(&b));
    assert_true(mv_rand_u64(&b) != mv_rand_u64(&c));
    for (int i = 0; i < 1000; i++) {
        assert_in_range(mv_rand_below(&a, 10), 0, 9);
        assert_true(mv_rand_unit(&a) < 1.0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_never_passes_its_end),
        cmocka_unit_test(a_buffer_stops_at_its_maximum),
        cmocka_unit_test(a_seeded_generator_repeats_and_stays_in_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
