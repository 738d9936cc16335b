/* SPDX-License-Identifier: Apache-2.0
 *
 * test_base.c: sentences about src/base.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <dirent.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/pool.h"
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

static void a_folder_for_files(char *folder)
{
    strcpy(folder, "/tmp/medveil-test.XXXXXX");
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
}

static size_t entries_here(void)
{
    size_t count = 0;
    DIR *dir = opendir(".");
    assert_non_null(dir);
    while (readdir(dir) != NULL) {
        count++;
    }
    (void)closedir(dir);
    return count - 2; /* . and .. */
}

static void a_file_appears_completely_or_not_at_all(void **state)
{
    char folder[64];
    mv_output out = {0};
    mv_buffer back = mv_buffer_make(100);
    (void)state;
    a_folder_for_files(folder);
    assert_int_equal(mv_output_open(&out, "a", 0, NULL), MV_OK);
    assert_int_equal(fwrite("half", 1, 4, out.stream), 4);
    assert_int_equal(access("a", F_OK), -1);
    mv_output_abort(&out);
    assert_int_equal(entries_here(), 0);
    assert_int_equal(mv_file_write("a", (const uint8_t *)"one", 3, 0, NULL), MV_OK);
    assert_int_equal(mv_file_write("a", (const uint8_t *)"two", 3, 0, NULL), MV_E_EXISTS);
    assert_int_equal(mv_file_write("a", (const uint8_t *)"three", 5, MV_OUTPUT_FORCE, NULL), MV_OK);
    assert_int_equal(mv_file_read(&back, "a", NULL), MV_OK);
    assert_int_equal(back.len, 5);
    assert_memory_equal(back.bytes, "three", 5);
    assert_int_equal(entries_here(), 1);
    mv_buffer_clear(&back);
    assert_int_equal(unlink("a"), 0);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void devices_and_links_are_written_through_and_never_replaced(void **state)
{
    char folder[64];
    struct stat info;
    (void)state;
    a_folder_for_files(folder);
    assert_int_equal(mv_file_write("/dev/full", (const uint8_t *)"x", 1, MV_OUTPUT_FORCE, NULL),
                     MV_E_IO);
    assert_int_equal(mv_file_write("/dev/null", (const uint8_t *)"x", 1, MV_OUTPUT_FORCE, NULL),
                     MV_OK);
    assert_int_equal(stat("/dev/null", &info), 0);
    assert_true(S_ISCHR(info.st_mode));
    assert_int_equal(mv_file_write(".", (const uint8_t *)"x", 1, MV_OUTPUT_FORCE, NULL), MV_E_IO);
    assert_int_equal(mv_file_write("real", (const uint8_t *)"x", 1, 0, NULL), MV_OK);
    assert_int_equal(symlink("real", "link"), 0);
    assert_int_equal(mv_file_write("link", (const uint8_t *)"yy", 2, MV_OUTPUT_FORCE, NULL), MV_OK);
    assert_int_equal(lstat("link", &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    assert_int_equal(stat("real", &info), 0);
    assert_int_equal(info.st_size, 2);
    assert_int_equal(unlink("link"), 0);
    assert_int_equal(unlink("real"), 0);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(rmdir(folder), 0);
}

typedef struct tally {
    atomic_int seen[100];
    int stop_at;
} tally;

static mv_status count_item(void *user, unsigned worker, size_t index)
{
    tally *t = user;
    (void)worker;
    atomic_fetch_add(&t->seen[index], 1);
    return (int)index == t->stop_at ? MV_E_INTERRUPTED : MV_OK;
}

static void a_pool_does_each_item_once_and_stops_at_an_error(void **state)
{
    static tally all, some;
    int done = 0;
    (void)state;
    all.stop_at = -1;
    assert_int_equal(mv_pool_run(4, 100, count_item, &all), MV_OK);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(atomic_load(&all.seen[i]), 1);
    }
    some.stop_at = 3;
    assert_int_equal(mv_pool_run(1, 100, count_item, &some), MV_E_INTERRUPTED);
    for (int i = 0; i < 100; i++) {
        done += atomic_load(&some.seen[i]);
    }
    assert_int_equal(done, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_appears_completely_or_not_at_all),
        cmocka_unit_test(devices_and_links_are_written_through_and_never_replaced),
        cmocka_unit_test(a_pool_does_each_item_once_and_stops_at_an_error),
        cmocka_unit_test(a_reader_never_passes_its_end),
        cmocka_unit_test(a_buffer_stops_at_its_maximum),
        cmocka_unit_test(a_seeded_generator_repeats_and_stays_in_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
