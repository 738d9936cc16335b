/* SPDX-License-Identifier: Apache-2.0
 *
 * test_net_line.c: sentences about lines that break and processes that are killed.
 */
#include "relay_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>

#include "base/clock.h"

/* ---- broken lines, killed processes ---- */

static void a_cut_upload_leaves_nothing_and_can_be_repeated(void **state)
{
    fixture *f = *state;
    proxy line = {.limit_up = 200000};
    upload_job job = {.f = f};
    char address[MV_ADDRESS_MAX];
    through(address, f, &line);
    job.address = address;
    (void)snprintf(job.path, PATH_LEN, "%s", make_file(f, "in", 1000000, 1));
    (void)upload(&job);
    assert_int_equal(job.st, MV_E_NETWORK);
    proxy_stop(&line);
    wait_for_incoming(f, 0);
    assert_int_equal(waiting(f), 0);
    assert_int_equal(entries(f, "blobs"), 0);
    assert_int_equal(send_file(f, job.path, NULL), MV_OK);
    assert_int_equal(waiting(f), 1);
}

static void a_cut_download_goes_on_where_it_stopped(void **state)
{
    fixture *f = *state;
    const size_t len = 2000000;
    proxy bad = {.limit_down = 1200000}, good = {.limit_down = 0};
    char address[MV_ADDRESS_MAX];
    mv_client_file file;
    const char *in = make_file(f, "in", len, 1), *part = path_in(f, "out.part");
    assert_int_equal(send_file(f, in, NULL), MV_OK);
    assert_int_equal(mv_client_hash_file(&file, in, NULL), MV_OK);

    through(address, f, &bad);
    mv_client *c = client_with(address, f->alice, 1, 1);
    assert_int_equal(mv_client_fetch(c, &file, part, NULL), MV_E_NETWORK);
    mv_client_free(&c);
    proxy_stop(&bad);
    const uint64_t have = size_of(part);
    assert_true(have > 500000 && have < len);

    through(address, f, &good);
    c = client_with(address, f->alice, 1, 1);
    assert_int_equal(mv_client_fetch(c, &file, part, NULL), MV_OK);
    mv_client_free(&c);
    proxy_stop(&good);
    assert_same_bytes(in, part);
    assert_true(atomic_load(&good.down) < len - have + 100000);
}

static void a_cut_download_over_several_connections_goes_on_where_it_stopped(void **state)
{
    fixture *f = *state;
    const size_t len = 6000000;
    proxy bad = {.limit_down = 700000}, good = {.limit_down = 0};
    char address[MV_ADDRESS_MAX];
    mv_client_file file;
    const char *in = make_file(f, "in", len, 1), *part = path_in(f, "out.part");
    assert_int_equal(send_file(f, in, NULL), MV_OK);
    assert_int_equal(mv_client_hash_file(&file, in, NULL), MV_OK);

    through(address, f, &bad);
    mv_client *c = client_with(address, f->alice, 1, 4);
    assert_int_equal(mv_client_fetch(c, &file, part, NULL), MV_E_NETWORK);
    mv_client_free(&c);
    proxy_stop(&bad);
    assert_true(bad.lines > 1);
    assert_int_equal(size_of(part), len + (len + 65535) / 65536); /* the bytes and the map */

    through(address, f, &good);
    c = client_with(address, f->alice, 1, 4);
    assert_int_equal(mv_client_fetch(c, &file, part, NULL), MV_OK);
    mv_client_free(&c);
    proxy_stop(&good);
    assert_same_bytes(in, part);
    assert_true(atomic_load(&good.down) < len - 200000);
    /* a cut loses less than a block a connection; the rest is what TLS and HTTP add */
    assert_true(atomic_load(&good.down) + atomic_load(&bad.down) < len + 600000);
}

static void a_map_that_promises_too_much_is_found_out(void **state)
{
    fixture *f = *state;
    const size_t len = 3000000, blocks = (len + 65535) / 65536;
    mv_client_file file;
    uint8_t map[64];
    mv_client *c = client_with(f->address, f->alice, 1, 4);
    const char *in = make_file(f, "in", len, 1), *part = make_file(f, "out.part", len + blocks, 2);
    assert_int_equal(send_file(f, in, NULL), MV_OK);
    assert_int_equal(mv_client_hash_file(&file, in, NULL), MV_OK);
    const int fd = open(part, O_WRONLY);
    assert_true(fd >= 0 && blocks <= sizeof map);
    memset(map, 1, sizeof map);
    map[3] = 0; /* one block is missing, the others are not what they should be */
    assert_int_equal(pwrite(fd, map, blocks, (off_t)len), (ssize_t)blocks);
    (void)close(fd);
    assert_int_equal(mv_client_fetch(c, &file, part, NULL), MV_OK);
    assert_same_bytes(in, part);
    mv_client_free(&c);
}

static void a_line_that_breaks_again_and_again_still_brings_the_file(void **state)
{
    fixture *f = *state;
    proxy line = {.limit_down = 900000};
    char address[MV_ADDRESS_MAX];
    mv_client_file file;
    const char *in = make_file(f, "in", 2500000, 1), *part = path_in(f, "out.part");
    assert_int_equal(send_file(f, in, NULL), MV_OK);
    assert_int_equal(mv_client_hash_file(&file, in, NULL), MV_OK);
    through(address, f, &line);
    mv_client *c = client_at(address, f->alice, 2);
    assert_int_equal(mv_client_fetch(c, &file, part, NULL), MV_OK);
    mv_client_free(&c);
    proxy_stop(&line);
    assert_same_bytes(in, part);
}

static void a_silent_line_is_given_up_in_time(void **state)
{
    fixture *f = *state;
    proxy line = {.limit_down = 20000, .silent = true};
    char address[MV_ADDRESS_MAX];
    mv_client_file file;
    mv_client *c = NULL;
    mv_client_opts opts = quick(f->alice, 1);
    const char *in = make_file(f, "in", 500000, 1);
    opts.idle_timeout_ms = 300;
    assert_int_equal(send_file(f, in, NULL), MV_OK);
    assert_int_equal(mv_client_hash_file(&file, in, NULL), MV_OK);
    through(address, f, &line);
    assert_int_equal(mv_client_new(&c, address, &opts, NULL), MV_OK);
    const double start_ms = mv_clock_ms();
    assert_int_equal(mv_client_fetch(c, &file, path_in(f, "out.part"), NULL), MV_E_NETWORK);
    assert_true(mv_clock_ms() - start_ms < 2000);
    mv_client_free(&c);
    proxy_stop(&line);
}

static void a_relay_killed_in_the_middle_of_an_upload_shows_no_part_of_it(void **state)
{
    fixture *f = *state;
    proxy line = {.limit_up = 300000, .silent = true};
    upload_job job = {.f = f};
    pthread_t thread;
    char address[MV_ADDRESS_MAX];
    through(address, f, &line);
    job.address = address;
    (void)snprintf(job.path, PATH_LEN, "%s", make_file(f, "in", 1000000, 1));
    assert_int_equal(pthread_create(&thread, NULL, upload, &job), 0);
    wait_for_incoming(f, 1);
    assert_int_equal(end_relay(f, SIGKILL), -1);
    (void)pthread_join(thread, NULL);
    proxy_stop(&line);
    assert_int_equal(job.st, MV_E_NETWORK);
    assert_int_equal(entries(f, "incoming"), 1); /* what the kill left behind */
    start_relay(f);
    if (f->config.postgres[0] == '\0') { /* else it may be another relay's: it is left for a day */
        assert_int_equal(entries(f, "incoming"), 0);
    }
    assert_int_equal(waiting(f), 0);
    assert_int_equal(send_file(f, job.path, NULL), MV_OK);
    assert_int_equal(waiting(f), 1);
}

static void a_relay_told_to_stop_finishes_the_running_upload(void **state)
{
    fixture *f = *state;
    upload_job job = {.f = f, .address = f->address, .pause_ms = 10};
    pthread_t thread;
    (void)snprintf(job.path, PATH_LEN, "%s", make_file(f, "in", 3 << 19, 1));
    assert_int_equal(pthread_create(&thread, NULL, upload, &job), 0);
    wait_for_incoming(f, 1);
    assert_int_equal(end_relay(f, SIGTERM), 0);
    (void)pthread_join(thread, NULL);
    assert_int_equal(job.st, MV_OK);
    start_relay(f);
    assert_int_equal(waiting(f), 1);
}

static mv_status stop_after_some(void *user, const char *stage, uint64_t done, uint64_t total)
{
    (void)user;
    (void)stage;
    return total != 0 && done > 100000 ? MV_E_INTERRUPTED : MV_OK;
}

static void an_interrupt_stops_at_once_and_keeps_what_has_arrived(void **state)
{
    fixture *f = *state;
    mv_client_file file;
    mv_client *c = NULL;
    mv_client_opts opts = quick(f->alice, 3);
    const char *in = make_file(f, "in", 4 << 20, 1), *part = path_in(f, "out.part");
    opts.progress.step = stop_after_some;
    assert_int_equal(send_file(f, in, NULL), MV_OK);
    assert_int_equal(mv_client_hash_file(&file, in, NULL), MV_OK);
    assert_int_equal(mv_client_new(&c, f->address, &opts, NULL), MV_OK);
    assert_int_equal(mv_client_fetch(c, &file, part, NULL), MV_E_INTERRUPTED);
    assert_true(size_of(part) > 100000);
    mv_client_free(&c);
}

static void a_full_disk_at_the_receiver_is_said_and_leaves_no_part(void **state)
{
    fixture *f = *state;
    mv_client_file file;
    mv_error err = {0};
    struct rlimit old, small;
    mv_client *c = client_at(f->address, f->alice, 3);
    const char *in = make_file(f, "in", 300000, 1), *part = path_in(f, "out.part");
    assert_int_equal(send_file(f, in, NULL), MV_OK);
    assert_int_equal(mv_client_hash_file(&file, in, NULL), MV_OK);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 100000;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    const mv_status st = mv_client_fetch(c, &file, part, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(st, MV_E_IO);
    assert_non_null(strstr(err.text, "cannot write"));
    assert_int_equal(access(part, F_OK), -1);
    assert_int_equal(waiting(f), 1); /* nothing is lost */
    mv_client_free(&c);
}

static void a_relay_that_is_gone_is_not_found(void **state)
{
    fixture *f = *state;
    mv_error err = {0};
    const char *in = make_file(f, "in", 100, 1);
    assert_int_equal(end_relay(f, SIGTERM), 0);
    assert_int_equal(send_file(f, in, &err), MV_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "no relay answers at 127.0.0.1"));
}

static void a_part_with_wrong_bytes_is_fetched_again_from_the_beginning(void **state)
{
    fixture *f = *state;
    mv_client_file file;
    mv_client *c = client_at(f->address, f->alice, 1);
    const char *in = make_file(f, "in", 300000, 1), *part = make_file(f, "out.part", 100000, 2);
    assert_int_equal(send_file(f, in, NULL), MV_OK);
    assert_int_equal(mv_client_hash_file(&file, in, NULL), MV_OK);
    assert_int_equal(mv_client_fetch(c, &file, part, NULL), MV_OK);
    assert_same_bytes(in, part);
    mv_client_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_RELAY(a_cut_upload_leaves_nothing_and_can_be_repeated),
        WITH_RELAY(a_cut_download_goes_on_where_it_stopped),
        WITH_RELAY(a_cut_download_over_several_connections_goes_on_where_it_stopped),
        WITH_RELAY(a_map_that_promises_too_much_is_found_out),
        WITH_RELAY(a_line_that_breaks_again_and_again_still_brings_the_file),
        WITH_RELAY(a_silent_line_is_given_up_in_time),
        WITH_RELAY(a_relay_killed_in_the_middle_of_an_upload_shows_no_part_of_it),
        WITH_RELAY(a_relay_told_to_stop_finishes_the_running_upload),
        WITH_RELAY(an_interrupt_stops_at_once_and_keeps_what_has_arrived),
        WITH_RELAY(a_full_disk_at_the_receiver_is_said_and_leaves_no_part),
        WITH_RELAY(a_relay_that_is_gone_is_not_found),
        WITH_RELAY(a_part_with_wrong_bytes_is_fetched_again_from_the_beginning),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
