/* SPDX-License-Identifier: Apache-2.0
 *
 * test_net.c: sentences about the relay and its clients, over real sockets on loopback. The relay
 * runs in a process of its own, so that it can be killed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/rng.h"
#include "envelope/mailbox.h"
#include "folder.h"
#include "medveil/client.h"
#include "medveil/envelope.h"
#include "net/http_client.h"
#include "proxy.h"
#include "relay.h"
#include "relay_client.h"
#include "store/db.h"
#include "wire/hex.h"

#define PATH_LEN (2 * TEST_FOLDER_MAX)

typedef struct fixture {
    char dir[TEST_FOLDER_MAX];
    relay_config config;
    pid_t relay;
    char address[MV_ADDRESS_MAX];
    mv_identity *alice, *bob; /* receiver, sender */
    mv_card alice_card;
} fixture;

/* ---- the relay's process ---- */

static volatile sig_atomic_t told_to_stop;

static void on_term(int number)
{
    (void)number;
    told_to_stop = 1;
}

static void serve(const fixture *f, int address_fd)
{
    mv_error err = {0};
    relay *r = NULL;
    char path[PATH_LEN];
    (void)signal(SIGTERM, on_term);
    (void)snprintf(path, sizeof path, "%s/log", f->dir);
    FILE *log = fopen(path, "a");
    if (log == NULL || relay_start(&r, &f->config, log, &err) != MV_OK) {
        fprintf(stderr, "relay: %s\n", err.text);
        _exit(1);
    }
    const char *address = relay_address(r);
    if (write(address_fd, address, strlen(address) + 1) < 0) {
        _exit(1);
    }
    (void)close(address_fd);
    while (!told_to_stop) {
        (void)poll(NULL, 0, 10);
    }
    relay_stop(&r);
    (void)fclose(log);
    exit(0); /* with the leak check of a sanitizer */
}

static void start_relay(fixture *f)
{
    int pipe_fd[2];
    assert_int_equal(pipe(pipe_fd), 0);
    f->relay = fork();
    assert_true(f->relay >= 0);
    if (f->relay == 0) {
        (void)close(pipe_fd[0]);
        serve(f, pipe_fd[1]);
    }
    (void)close(pipe_fd[1]);
    assert_true(read(pipe_fd[0], f->address, sizeof f->address) > 0);
    (void)close(pipe_fd[0]);
}

/* Ends the relay and returns its exit code, or -1 when the signal killed it. */
static int end_relay(fixture *f, int number)
{
    int status = 0;
    if (f->relay > 0) {
        (void)kill(f->relay, number);
        (void)waitpid(f->relay, &status, 0);
        f->relay = 0;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* With MEDVEIL_TEST_POSTGRES all tests here are about relays on PostgreSQL. */
static int use_postgres(fixture *f)
{
    const char *where = getenv("MEDVEIL_TEST_POSTGRES");
    mv_db *db = NULL;
    if (where == NULL) {
        return 0;
    }
    (void)snprintf(f->config.postgres, sizeof f->config.postgres, "%s", where);
    const bool done = mv_db_open(&db, &mv_db_postgres, where, NULL) == MV_OK &&
                      mv_db_script(db, "DROP SCHEMA public CASCADE; CREATE SCHEMA public") == MV_OK;
    mv_db_close(&db);
    return done ? 0 : -1;
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    *state = f;
    folder_make(f->dir);
    f->config = relay_config_defaults();
    if (use_postgres(f) != 0) {
        return -1;
    }
    f->config.listen_port = 0;
    f->config.idle_timeout_s = 5;
    (void)snprintf(f->config.state, sizeof f->config.state, "%s/state", f->dir);
    if (mv_identity_generate(&f->alice) != MV_OK || mv_identity_generate(&f->bob) != MV_OK) {
        return -1;
    }
    mv_identity_card(&f->alice_card, f->alice);
    return 0;
}

static int set_up_relay(void **state)
{
    if (set_up(state) != 0) {
        return -1;
    }
    start_relay(*state);
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    (void)end_relay(f, SIGKILL);
    mv_identity_free(&f->alice);
    mv_identity_free(&f->bob);
    folder_remove(f->dir);
    free(f);
    return 0;
}

/* ---- clients and files ---- */

static mv_client_opts quick(const mv_identity *identity, unsigned tries)
{
    mv_client_opts opts = mv_client_defaults();
    opts.identity = identity;
    opts.tries = tries;
    opts.idle_timeout_ms = 5000;
    return opts;
}

static mv_client *client_at(const char *address, const mv_identity *identity, unsigned tries)
{
    const mv_client_opts opts = quick(identity, tries);
    mv_client *c = NULL;
    assert_int_equal(mv_client_new(&c, address, &opts, NULL), MV_OK);
    return c;
}

static mv_client *client_with(const char *address, const mv_identity *identity, unsigned tries,
                              unsigned streams)
{
    mv_client_opts opts = quick(identity, tries);
    mv_client *c = NULL;
    opts.streams_max = streams;
    assert_int_equal(mv_client_new(&c, address, &opts, NULL), MV_OK);
    return c;
}

/* The relay's address with the port of the bad line in front of it. */
static void through(char out[MV_ADDRESS_MAX], const fixture *f, proxy *p)
{
    mv_address a;
    assert_int_equal(mv_address_read(&a, f->address, NULL), MV_OK);
    p->target_port = a.port;
    assert_true(proxy_start(p));
    a.port = p->port;
    mv_address_write(out, &a);
}

static const char *path_in(const fixture *f, const char *name)
{
    static char path[4][PATH_LEN];
    static int next;
    next = (next + 1) % 4;
    (void)snprintf(path[next], PATH_LEN, "%s/%s", f->dir, name);
    return path[next];
}

static const char *make_file(const fixture *f, const char *name, size_t len, uint64_t seed)
{
    const char *path = path_in(f, name);
    uint8_t *bytes = malloc(len);
    mv_rand r = mv_rand_make(seed);
    assert_non_null(bytes);
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)(mv_rand_u64(&r) >> 32);
    }
    assert_int_equal(mv_file_write(path, bytes, len, MV_OUTPUT_FORCE, NULL), MV_OK);
    free(bytes);
    return path;
}

static void assert_same_bytes(const char *a, const char *b)
{
    mv_buffer x = mv_buffer_make(1 << 28), y = mv_buffer_make(1 << 28);
    assert_int_equal(mv_file_read(&x, a, NULL), MV_OK);
    assert_int_equal(mv_file_read(&y, b, NULL), MV_OK);
    assert_int_equal(x.len, y.len);
    assert_memory_equal(x.bytes, y.bytes, x.len);
    mv_buffer_clear(&x);
    mv_buffer_clear(&y);
}

static mv_status send_file(const fixture *f, const char *path, mv_error *err)
{
    mv_client *c = client_at(f->address, NULL, 1);
    mv_client_file sent;
    bool duplicate = false;
    const mv_status st = mv_client_send(c, &sent, &duplicate, path, &f->alice_card, err);
    mv_client_free(&c);
    return st;
}

static size_t waiting(const fixture *f)
{
    mv_client *c = client_at(f->address, f->alice, 1);
    mv_client_file *files = NULL;
    size_t count = 0;
    assert_int_equal(mv_client_list(c, &files, &count, NULL), MV_OK);
    mv_client_list_free(&files);
    mv_client_free(&c);
    return count;
}

static size_t entries(const fixture *f, const char *sub)
{
    char path[PATH_LEN + 32];
    size_t count = 0;
    (void)snprintf(path, sizeof path, "%s/state/%s", f->dir, sub);
    DIR *d = opendir(path);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        count += e->d_name[0] != '.';
    }
    if (d != NULL) {
        (void)closedir(d);
    }
    return count;
}

/* Waits for that many uploads on their way. A cut line is normally noticed at once, and at the
 * latest when it has been idle for f->config.idle_timeout_s, five seconds here. */
static void wait_for_incoming(const fixture *f, size_t count)
{
    for (int i = 0; i < 1000 && entries(f, "incoming") != count; i++) {
        (void)poll(NULL, 0, 10);
    }
    assert_int_equal(entries(f, "incoming"), count);
}

static uint64_t size_of(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 ? (uint64_t)info.st_size : 0;
}

/* ---- the main way ---- */

static void a_file_goes_through_the_relay_bit_for_bit(void **state)
{
    fixture *f = *state;
    static const size_t lens[] = {1, 16384, 300001, 3 << 20};
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        mv_client *sender = client_at(f->address, NULL, 1);
        mv_client *receiver = client_at(f->address, f->alice, 1);
        mv_client_file sent, *files = NULL;
        size_t count = 0;
        bool duplicate = true;
        const char *in = make_file(f, "in", lens[i], i), *part = path_in(f, "out.part");
        assert_int_equal(mv_client_send(sender, &sent, &duplicate, in, &f->alice_card, NULL),
                         MV_OK);
        assert_false(duplicate);
        assert_int_equal(mv_client_list(receiver, &files, &count, NULL), MV_OK);
        assert_int_equal(count, 1);
        assert_memory_equal(files[0].hash, sent.hash, sizeof sent.hash);
        assert_int_equal(files[0].epoch, sent.epoch);
        assert_int_equal(files[0].len, lens[i]);
        assert_int_equal(mv_client_fetch(receiver, &files[0], part, NULL), MV_OK);
        assert_same_bytes(in, part);
        assert_int_equal(mv_client_remove(receiver, &files[0], NULL), MV_OK);
        assert_int_equal(mv_client_remove(receiver, &files[0], NULL), MV_OK); /* safe to repeat */
        assert_int_equal(waiting(f), 0);
        assert_int_equal(unlink(part), 0);
        mv_client_list_free(&files);
        mv_client_free(&sender);
        mv_client_free(&receiver);
    }
}

static void the_same_file_sent_twice_waits_once(void **state)
{
    fixture *f = *state;
    static const size_t lens[] = {1000, 3 << 20}; /* below and above what waits for "continue" */
    for (size_t i = 0; i < 2; i++) {
        mv_client *c = client_at(f->address, NULL, 1);
        mv_client_file sent;
        bool duplicate = true;
        const char *in = make_file(f, "in", lens[i], i);
        assert_int_equal(mv_client_send(c, &sent, &duplicate, in, &f->alice_card, NULL), MV_OK);
        assert_false(duplicate);
        assert_int_equal(mv_client_send(c, &sent, &duplicate, in, &f->alice_card, NULL), MV_OK);
        assert_true(duplicate);
        assert_int_equal(waiting(f), i + 1);
        mv_client_free(&c);
    }
}

static void files_and_the_relays_key_survive_a_restart(void **state)
{
    fixture *f = *state;
    mv_address before, after;
    assert_int_equal(send_file(f, make_file(f, "in", 5000, 1), NULL), MV_OK);
    assert_int_equal(mv_address_read(&before, f->address, NULL), MV_OK);
    assert_int_equal(end_relay(f, SIGTERM), 0);
    f->config.listen_port = before.port;
    start_relay(f);
    assert_int_equal(mv_address_read(&after, f->address, NULL), MV_OK);
    assert_memory_equal(&before, &after, sizeof before);
    assert_int_equal(waiting(f), 1);
}

typedef struct upload_job {
    const fixture *f;
    const char *address;
    char path[PATH_LEN];
    unsigned pause_ms;
    mv_status st;
} upload_job;

static mv_status slowly(void *user, const char *stage, uint64_t done, uint64_t total)
{
    const upload_job *job = user;
    (void)stage;
    (void)done;
    (void)total;
    if (job->pause_ms != 0) {
        (void)poll(NULL, 0, (int)job->pause_ms);
    }
    return MV_OK;
}

static void *upload(void *user)
{
    upload_job *job = user;
    mv_client_opts opts = quick(NULL, 1);
    mv_client *c = NULL;
    mv_client_file sent;
    bool duplicate = false;
    opts.progress.step = slowly;
    opts.progress.user = job;
    job->st = mv_client_new(&c, job->address, &opts, NULL);
    if (job->st == MV_OK) {
        job->st = mv_client_send(c, &sent, &duplicate, job->path, &job->f->alice_card, NULL);
    }
    mv_client_free(&c);
    return NULL;
}

static void four_senders_at_once_lose_nothing(void **state)
{
    fixture *f = *state;
    upload_job job[5];
    pthread_t thread[5];
    for (int i = 0; i < 5; i++) { /* the last two send the same file */
        const char seed = (char)('0' + (i == 4 ? 3 : i));
        const char name[] = {'i', 'n', (char)('0' + i), 0};
        job[i] = (upload_job){.f = f, .address = f->address, .st = MV_E_INTERNAL};
        (void)snprintf(job[i].path, PATH_LEN, "%s", make_file(f, name, 700000, (uint64_t)seed));
    }
    for (int i = 0; i < 5; i++) {
        assert_int_equal(pthread_create(&thread[i], NULL, upload, &job[i]), 0);
    }
    for (int i = 0; i < 5; i++) {
        (void)pthread_join(thread[i], NULL);
        assert_int_equal(job[i].st, MV_OK);
    }
    assert_int_equal(waiting(f), 4);
    assert_int_equal(entries(f, "incoming"), 0);
}

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

/* ---- relays and clients that lie ---- */

static void stored_path(char out[PATH_LEN + 200], const fixture *f, const mv_client_file *file)
{
    char name[65];
    mv_hex_write(name, file->hash, sizeof file->hash);
    (void)snprintf(out, PATH_LEN + 200, "%s/state/blobs/%s", f->dir, name);
}

static void altered_bytes_are_refused_and_not_kept(void **state)
{
    fixture *f = *state;
    mv_client_file file;
    mv_client *c = client_at(f->address, f->alice, 1);
    char stored[PATH_LEN + 200];
    const char *in = make_file(f, "in", 5000, 1), *part = path_in(f, "out.part");
    assert_int_equal(send_file(f, in, NULL), MV_OK);
    assert_int_equal(mv_client_hash_file(&file, in, NULL), MV_OK);
    stored_path(stored, f, &file);
    const int fd = open(stored, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "XX", 2, 2500), 2);
    (void)close(fd);
    assert_int_equal(mv_client_fetch(c, &file, part, NULL), MV_E_AUTH);
    assert_int_equal(access(part, F_OK), -1);
    assert_int_equal(truncate(stored, 4000), 0);
    assert_int_equal(mv_client_fetch(c, &file, part, NULL), MV_E_NETWORK);
    mv_client_free(&c);
}

static void a_relay_with_another_key_is_refused(void **state)
{
    fixture *f = *state;
    mv_address a;
    char address[MV_ADDRESS_MAX];
    mv_error err = {0};
    mv_client_file sent;
    bool duplicate = false;
    const char *in = make_file(f, "in", 100, 1);
    assert_int_equal(mv_address_read(&a, f->address, NULL), MV_OK);
    a.key[31] ^= 1;
    mv_address_write(address, &a);
    mv_client *c = client_at(address, f->alice, 3);
    assert_int_equal(mv_client_send(c, &sent, &duplicate, in, &f->alice_card, &err), MV_E_AUTH);
    assert_non_null(strstr(err.text, "the relay's key is not the one in its address"));
    assert_int_equal(waiting(f), 0);
    mv_client_free(&c);
}

/* One raw request with the relay's right key; the HTTP status. */
static int ask_raw(const fixture *f, const char *method, const char *target, const char *proof)
{
    mv_address a;
    mv_http_client *c = NULL;
    const mv_http_client_opts opts = {.connect_timeout_ms = 5000, .idle_timeout_ms = 5000};
    mv_http_call call = {.method = method, .target = target, .authorization = proof};
    assert_int_equal(mv_address_read(&a, f->address, NULL), MV_OK);
    assert_int_equal(mv_http_client_new(&c, &a, &opts, NULL), MV_OK);
    assert_int_equal(mv_http_client_do(c, &call, NULL), MV_OK);
    const int status = call.status;
    mv_http_call_clear(&call);
    mv_http_client_free(&c);
    return status;
}

static void get_nonce(uint8_t nonce[MV_NONCE_LEN], const fixture *f)
{
    mv_address a;
    mv_http_client *c = NULL;
    const mv_http_client_opts opts = {.connect_timeout_ms = 5000, .idle_timeout_ms = 5000};
    mv_http_call call = {.method = "GET", .target = "/v1/challenge"};
    assert_int_equal(mv_address_read(&a, f->address, NULL), MV_OK);
    assert_int_equal(mv_http_client_new(&c, &a, &opts, NULL), MV_OK);
    assert_int_equal(mv_http_client_do(c, &call, NULL), MV_OK);
    assert_int_equal(mv_challenge_read(nonce, call.reply.bytes, call.reply.len), MV_OK);
    mv_http_call_clear(&call);
    mv_http_client_free(&c);
}

static uint32_t epoch_now(void)
{
    return (uint32_t)(time(NULL) / MV_EPOCH_S);
}

static void list_target(char out[MV_TARGET_MAX], const mv_card *card)
{
    mv_route route = {.kind = MV_ROUTE_LIST};
    route.mailbox.epoch = epoch_now();
    assert_int_equal(mv_mailbox_tag(route.mailbox.tag, card, route.mailbox.epoch), MV_OK);
    mv_route_write(out, &route);
}

static void prove(char out[MV_PROOF_TEXT_MAX], const fixture *f, const mv_identity *identity,
                  const uint8_t nonce[MV_NONCE_LEN], const char *target)
{
    mv_address a;
    mv_proof proof;
    assert_int_equal(mv_address_read(&a, f->address, NULL), MV_OK);
    const mv_proof_subject subject = {a.key, "GET", target, epoch_now()};
    assert_int_equal(mv_proof_make(&proof, identity, nonce, &subject), MV_OK);
    mv_proof_write(out, &proof);
}

static void only_a_fresh_proof_of_the_owner_opens_a_mailbox(void **state)
{
    fixture *f = *state;
    uint8_t nonce[MV_NONCE_LEN], foreign[MV_NONCE_LEN];
    char target[MV_TARGET_MAX], proof[MV_PROOF_TEXT_MAX];
    list_target(target, &f->alice_card);

    assert_int_equal(ask_raw(f, "GET", target, NULL), 401);
    assert_int_equal(ask_raw(f, "GET", target, "Medveil nonsense"), 401);

    get_nonce(nonce, f);
    prove(proof, f, f->alice, nonce, target);
    assert_int_equal(ask_raw(f, "GET", target, proof), 200);
    assert_int_equal(ask_raw(f, "GET", target, proof), 401); /* replayed */

    get_nonce(nonce, f);
    prove(proof, f, f->bob, nonce, target); /* valid, but of somebody else */
    assert_int_equal(ask_raw(f, "GET", target, proof), 401);

    get_nonce(nonce, f);
    prove(proof, f, f->alice, nonce, target);
    char *digit = proof + strlen(proof) - 1; /* a damaged signature */
    *digit = *digit == '0' ? '1' : '0';
    assert_int_equal(ask_raw(f, "GET", target, proof), 401);

    memcpy(foreign, nonce, sizeof foreign); /* a nonce that the relay never gave */
    foreign[8] ^= 1;
    prove(proof, f, f->alice, foreign, target);
    assert_int_equal(ask_raw(f, "GET", target, proof), 401);

    get_nonce(nonce, f);
    prove(proof, f, f->alice, nonce, "/v1/challenge"); /* a proof for another request */
    assert_int_equal(ask_raw(f, "GET", target, proof), 401);

    prove(proof, f, f->alice, nonce, target); /* the refused proofs did not spend it */
    assert_int_equal(ask_raw(f, "GET", target, proof), 200);
}

static void a_client_goes_on_when_its_nonce_is_from_before_a_restart(void **state)
{
    fixture *f = *state;
    mv_address a;
    mv_client_file *files = NULL;
    size_t count = 0;
    mv_client *c = client_at(f->address, f->alice, 3);
    assert_int_equal(mv_client_list(c, &files, &count, NULL), MV_OK);
    mv_client_list_free(&files);
    assert_int_equal(mv_address_read(&a, f->address, NULL), MV_OK);
    assert_int_equal(end_relay(f, SIGTERM), 0);
    f->config.listen_port = a.port;
    start_relay(f);
    assert_int_equal(mv_client_list(c, &files, &count, NULL), MV_OK);
    mv_client_list_free(&files);
    mv_client_free(&c);
}

static void another_identity_sees_only_its_own_empty_mailbox(void **state)
{
    fixture *f = *state;
    mv_client_file file, *files = NULL;
    size_t count = 9;
    mv_error err = {0};
    mv_client *c = client_at(f->address, f->bob, 1);
    const char *in = make_file(f, "in", 100, 1), *part = path_in(f, "out.part");
    assert_int_equal(send_file(f, in, NULL), MV_OK);
    assert_int_equal(mv_client_hash_file(&file, in, NULL), MV_OK);
    assert_int_equal(mv_client_list(c, &files, &count, NULL), MV_OK);
    assert_int_equal(count, 0);
    assert_int_equal(mv_client_fetch(c, &file, part, &err), MV_E_NOT_FOUND);
    assert_int_equal(access(part, F_OK), -1);
    assert_int_equal(mv_client_remove(c, &file, NULL), MV_OK); /* removes nothing of alice's */
    assert_int_equal(waiting(f), 1);
    mv_client_list_free(&files);
    mv_client_free(&c);
}

static void what_does_not_fit_the_interface_is_refused(void **state)
{
    fixture *f = *state;
    char target[MV_TARGET_MAX], file[MV_TARGET_MAX];
    mv_route route = {.kind = MV_ROUTE_FILE};
    list_target(target, &f->alice_card);
    mv_route_write(file, &route);
    assert_int_equal(ask_raw(f, "GET", "/healthz", NULL), 200);
    assert_int_equal(ask_raw(f, "GET", "/", NULL), 404);
    assert_int_equal(ask_raw(f, "GET", "/v1/mailboxes/../../etc/passwd", NULL), 404);
    assert_int_equal(ask_raw(f, "DELETE", target, NULL), 405);
    assert_int_equal(ask_raw(f, "PATCH", file, NULL), 405);
    assert_int_equal(ask_raw(f, "PUT", file, NULL), 411);
}

static void noise_on_the_port_does_not_harm_the_relay(void **state)
{
    fixture *f = *state;
    mv_address a;
    char block[4096];
    mv_rand r = mv_rand_make(1);
    assert_int_equal(mv_address_read(&a, f->address, NULL), MV_OK);
    for (int round = 0; round < 20; round++) {
        const int fd = proxy_socket(a.port, false);
        for (size_t i = 0; i < sizeof block; i++) {
            block[i] = (char)mv_rand_u64(&r);
        }
        assert_true(fd >= 0);
        (void)!send(fd, round % 2 ? "GET / HTTP/1.1\r\n\r\n" : block, round % 2 ? 18 : sizeof block,
                    MSG_NOSIGNAL);
        (void)close(fd);
    }
    assert_int_equal(ask_raw(f, "GET", "/healthz", NULL), 200);
}

/* ---- policy ---- */

static void oversize_and_quota_are_refused_with_the_reason(void **state)
{
    fixture *f = *state;
    static const size_t lens[] = {200000, 3 << 20}; /* refused after and before the body */
    f->config.max_file_bytes = 100000;
    f->config.mailbox_quota_bytes = 102400;
    start_relay(f);
    for (size_t i = 0; i < 2; i++) {
        mv_error err = {0};
        assert_int_equal(send_file(f, make_file(f, "in", lens[i], i), &err), MV_E_POLICY);
        assert_non_null(strstr(err.text, "at most 100000 bytes"));
    }
    mv_error err = {0};
    assert_int_equal(send_file(f, make_file(f, "in", 60000, 5), NULL), MV_OK);
    assert_int_equal(send_file(f, make_file(f, "in", 60000, 6), &err), MV_E_POLICY);
    assert_non_null(strstr(err.text, "no room"));
    assert_int_equal(waiting(f), 1);
    assert_int_equal(entries(f, "incoming"), 0);
}

static void a_large_file_that_is_refused_is_not_even_sent(void **state)
{
    fixture *f = *state;
    proxy line = {.limit_up = 0};
    upload_job job = {.f = f};
    char address[MV_ADDRESS_MAX];
    f->config.max_file_bytes = 100000;
    start_relay(f);
    through(address, f, &line);
    job.address = address;
    (void)snprintf(job.path, PATH_LEN, "%s", make_file(f, "in", 3 << 20, 1));
    (void)upload(&job);
    proxy_stop(&line);
    assert_int_equal(job.st, MV_E_POLICY);
    assert_true(atomic_load(&line.up) < 20000);
}

static void a_relay_without_anonymous_sending_asks_senders_to_sign(void **state)
{
    fixture *f = *state;
    static const size_t lens[] = {1000, 3 << 20};
    mv_client_file sent;
    f->config.anonymous_send = false;
    start_relay(f);
    for (size_t i = 0; i < 2; i++) {
        mv_error err = {0};
        bool duplicate = true;
        const char *in = make_file(f, "in", lens[i], i);
        mv_client *c = client_at(f->address, f->bob, 1);
        assert_int_equal(send_file(f, in, &err), MV_E_POLICY);
        assert_non_null(strstr(err.hint, "-s"));
        assert_int_equal(mv_client_send(c, &sent, &duplicate, in, &f->alice_card, NULL), MV_OK);
        assert_false(duplicate);
        mv_client_free(&c);
    }
    assert_int_equal(waiting(f), 2);
}

static mv_status check_config(const fixture *f, const char *text, mv_error *err)
{
    relay_config c;
    const char *path = path_in(f, "relay.ini");
    assert_int_equal(
        mv_file_write(path, (const uint8_t *)text, strlen(text), MV_OUTPUT_FORCE, NULL), MV_OK);
    return relay_config_load(&c, path, err);
}

static void a_mistake_in_the_configuration_names_file_line_and_key(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *text, *where, *key;
    } bad[] = {
        {"[relay]\nlistn = 127.0.0.1:0\n", "relay.ini, line 2", "listn"},
        {"[relay]\nlisten = 127.0.0.1\n", "line 2", "listen"},
        {"listen = 127.0.0.1:0\n", "line 1", "listen"},
        {"[relay]\n\nmax_file_bytes = 1k\n", "line 3", "max_file_bytes"},
        {"[relay]\nanonymous_send = maybe\n", "line 2", "anonymous_send"},
        {"[relay]\nidle_timeout_s = 0\n", "line 2", "idle_timeout_s"},
        {"[relay]\nretention_days = -1\n", "line 2", "retention_days"},
        {"[relay]\nmetrics_from = 10.0.0.0/33\n", "line 2", "metrics_from"},
        {"[relay]\ntrusted_proxies = proxy.example.org\n", "line 2", "trusted_proxies"},
        {"[relay]\nlog = xml\n", "line 2", "log"},
        {"[relay]\nmax_connections = 1\n", "line 2", "max_connections"},
        {"[relay]\nnonsense\n", "line 2", "key = value"},
        {"[relay]\nmailbox_quota_bytes = 4096\n", "relay.ini", "mailbox_quota_bytes"},
    };
    assert_int_equal(check_config(f, "[relay]\nlisten = [::1]:7462\nanonymous_send = no\n", NULL),
                     MV_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        mv_error err = {0};
        assert_int_equal(check_config(f, bad[i].text, &err), MV_E_FORMAT);
        assert_non_null(strstr(err.text, bad[i].where));
        assert_non_null(strstr(err.text, bad[i].key));
    }
}

static void a_taken_port_and_a_taken_folder_are_said_so(void **state)
{
    fixture *f = *state;
    relay *second = NULL;
    mv_address a;
    relay_config c = f->config;
    mv_error err = {0}, err2 = {0};
    if (c.postgres[0] == '\0') {
        assert_int_equal(relay_start(&second, &c, NULL, &err), MV_E_BUSY);
        assert_non_null(strstr(err.text, "state"));
    }
    assert_int_equal(mv_address_read(&a, f->address, NULL), MV_OK);
    c.listen_port = a.port;
    (void)snprintf(c.state, sizeof c.state, "%s", path_in(f, "state2"));
    assert_int_equal(relay_start(&second, &c, NULL, &err2), MV_E_BUSY);
    assert_non_null(strstr(err2.text, "listen"));
    assert_null(second);
}

static void relays_on_one_postgres_share_mailboxes_and_one_folder_else(void **state)
{
    fixture *f = *state;
    fixture second = *f;
    mv_client_file *files = NULL;
    size_t count = 0;
    second.relay = 0;
    if (f->config.postgres[0] == '\0') { /* SQLite: one after the other, not both at once */
        assert_int_equal(end_relay(f, SIGTERM), 0);
    }
    start_relay(&second);
    assert_int_equal(send_file(&second, make_file(f, "in", 5000, 1), NULL), MV_OK);
    if (f->config.postgres[0] == '\0') {
        assert_int_equal(end_relay(&second, SIGTERM), 0);
        start_relay(f);
    }
    mv_client *c = client_at(f->address, f->alice, 1);
    assert_int_equal(mv_client_list(c, &files, &count, NULL), MV_OK);
    assert_int_equal(count, 1);
    assert_int_equal(mv_client_fetch(c, &files[0], path_in(f, "out.part"), NULL), MV_OK);
    assert_same_bytes(path_in(f, "in"), path_in(f, "out.part"));
    mv_client_list_free(&files);
    mv_client_free(&c);
    if (second.relay != 0) {
        assert_int_equal(end_relay(&second, SIGTERM), 0);
    }
}

/* A connection that sends a byte now and then without ever finishing a request. */
static void a_request_that_trickles_in_for_ever_is_cut_off(void **state)
{
    fixture *f = *state;
    mv_address a;
    char byte = 0x16; /* not even TLS gets anywhere */
    assert_int_equal(mv_address_read(&a, f->address, NULL), MV_OK);
    const int fd = proxy_socket(a.port, false);
    const double start_ms = mv_clock_ms();
    bool open = true;
    assert_true(fd >= 0);
    while (open && mv_clock_ms() - start_ms < 20000) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        (void)!send(fd, &byte, 1, MSG_NOSIGNAL);
        open = poll(&wait, 1, 500) == 0;
    }
    (void)close(fd);
    assert_false(open);
    assert_true(mv_clock_ms() - start_ms < 1000.0 * f->config.idle_timeout_s + 3000);
}

static void a_tls_key_that_others_can_read_is_refused(void **state)
{
    fixture *f = *state;
    relay *r = NULL;
    mv_error err = {0};
    struct stat info;
    const char *key = path_in(f, "state/tls.pem");
    assert_int_equal(stat(key, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(end_relay(f, SIGTERM), 0);
    assert_int_equal(chmod(key, 0644), 0);
    assert_int_equal(relay_start(&r, &f->config, NULL, &err), MV_E_POLICY);
    assert_non_null(strstr(err.hint, "chmod 600"));
}

static void assert_client(const relay_config *c, const char *forwarded, const char *wanted)
{
    struct sockaddr_in peer = {.sin_family = AF_INET};
    uint8_t got[RELAY_CLIENT_LEN], want[RELAY_CLIENT_LEN] = {[10] = 0xff, [11] = 0xff};
    peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (inet_pton(AF_INET, wanted, want + 12) != 1) {
        assert_int_equal(inet_pton(AF_INET6, wanted, want), 1);
    }
    relay_client_of(got, c, (const struct sockaddr *)&peer, forwarded);
    assert_memory_equal(got, want, sizeof want);
}

static void only_a_trusted_proxy_says_who_the_client_is(void **state)
{
    relay_config c = relay_config_defaults();
    (void)state;
    assert_client(&c, "192.0.2.1", "127.0.0.1"); /* nobody is trusted */
    assert_true(relay_nets_read(&c.trusted_proxies, "127.0.0.1, 10.0.0.0/8"));
    assert_client(&c, NULL, "127.0.0.1");
    assert_client(&c, "192.0.2.1", "192.0.2.1");
    assert_client(&c, "192.0.2.1, 10.9.8.7", "192.0.2.1"); /* two proxies of ours */
    assert_client(&c, "6.6.6.6, 192.0.2.1", "192.0.2.1");  /* what the client itself made up */
    assert_client(&c, "192.0.2.1, unknown", "127.0.0.1");
    assert_client(&c, "2001:db8::7", "2001:db8::7");
    assert_client(&c, "", "127.0.0.1");
}

static void a_client_that_asks_too_often_waits_and_others_do_not(void **state)
{
    relay_rates *r = NULL;
    const uint8_t busy[RELAY_CLIENT_LEN] = {0x20, 0x01, [15] = 1};
    const uint8_t same_net[RELAY_CLIENT_LEN] = {0x20, 0x01, [15] = 2};
    const uint8_t other[RELAY_CLIENT_LEN] = {0x20, 0x02, [15] = 1};
    (void)state;
    assert_int_equal(relay_rates_new(&r, 60), MV_OK);
    for (int i = 0; i < 60; i++) {
        assert_int_equal(relay_rates_take(r, busy, 1000), 0);
    }
    assert_int_equal(relay_rates_take(r, busy, 1000), 2);
    assert_int_equal(relay_rates_take(r, same_net, 1000), 2); /* one /64 is one client */
    assert_int_equal(relay_rates_take(r, other, 1000), 0);
    assert_int_equal(relay_rates_take(r, busy, 2100), 0); /* one token a second */
    assert_true(relay_rates_take(r, busy, 2100) != 0);
    for (uint32_t i = 0; i < 100000; i++) { /* more clients than are remembered */
        const uint8_t many[RELAY_CLIENT_LEN] = {9, (uint8_t)(i >> 16), (uint8_t)(i >> 8),
                                                (uint8_t)i};
        assert_int_equal(relay_rates_take(r, many, 3000), 0);
    }
    relay_rates_free(&r);
}

/* ---- what a relay sees ---- */

static const struct {
    const char *text;
    size_t len;
} * wanted_nowhere;
static size_t wanted_count;
static size_t files_searched;

static int search_file(const char *path, const struct stat *info, int type, struct FTW *where)
{
    mv_buffer bytes = mv_buffer_make(1 << 26);
    (void)info;
    (void)where;
    for (size_t i = 0; i < wanted_count; i++) { /* names too */
        if (memmem(path, strlen(path), wanted_nowhere[i].text, wanted_nowhere[i].len) != NULL) {
            return 1;
        }
    }
    if (type != FTW_F) {
        return 0;
    }
    files_searched++;
    if (mv_file_read(&bytes, path, NULL) != MV_OK) {
        return 2;
    }
    int found = 0;
    for (size_t i = 0; i < wanted_count && bytes.len != 0; i++) {
        found |=
            memmem(bytes.bytes, bytes.len, wanted_nowhere[i].text, wanted_nowhere[i].len) != NULL;
    }
    mv_buffer_clear(&bytes);
    return found;
}

static const char *make_envelope(const fixture *f, const char *exact, const char *file_name)
{
    const char *path = path_in(f, "scan.mv");
    mv_content content = {0};
    mv_seal_opts opts = {.sender = f->bob, .recipient = &f->alice_card, .recipient_count = 1};
    mv_envelope_stats stats;
    mv_error err = {0};
    uint8_t *bytes = NULL;
    size_t len = 0;
    content.exact_len = strlen(exact);
    content.exact = malloc(content.exact_len);
    assert_non_null(content.exact);
    memcpy(content.exact, exact, content.exact_len);
    (void)snprintf(content.file_name, sizeof content.file_name, "%s", file_name);
    const mv_status st = mv_envelope_seal(&bytes, &len, &stats, &content, &opts, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(st, MV_OK);
    assert_int_equal(mv_file_write(path, bytes, len, MV_OUTPUT_FORCE, NULL), MV_OK);
    mv_envelope_free_bytes(&bytes, len);
    mv_content_clear(&content);
    return path;
}

static void neither_disk_nor_log_of_a_relay_names_people_or_pictures(void **state)
{
    fixture *f = *state;
    static const char exact[] = "PATIENT-PIXELS-PATIENT-PIXELS", file_name[] = "jane-doe-brain.png";
    mv_card bob_card;
    char alice_name[MV_CARD_NAME_MAX], bob_name[MV_CARD_NAME_MAX], alice_hex[65], key_hex[65];
    mv_client_file sent;
    bool duplicate = false;
    f->config.anonymous_send = false; /* the relay then even sees the sender's key */
    start_relay(f);
    mv_identity_card(&bob_card, f->bob);
    mv_card_name(alice_name, f->alice_card.id);
    mv_card_name(bob_name, bob_card.id);
    mv_hex_write(alice_hex, f->alice_card.id, MV_CARD_ID_LEN);
    mv_hex_write(key_hex, f->alice_card.sign_public, 32);

    mv_client *c = client_at(f->address, f->bob, 1);
    const char *in = make_envelope(f, exact, file_name);
    assert_int_equal(mv_client_send(c, &sent, &duplicate, in, &f->alice_card, NULL), MV_OK);
    mv_client_free(&c);
    c = client_at(f->address, f->alice, 1);
    assert_int_equal(mv_client_fetch(c, &sent, path_in(f, "out.part"), NULL), MV_OK);
    mv_client_free(&c);

    const struct {
        const char *text;
        size_t len;
    } wanted[] = {
        {exact, 14},
        {file_name, 8},
        {alice_name, strlen(alice_name)},
        {bob_name, strlen(bob_name)},
        {alice_hex, 64},
        {key_hex, 64},
        {(const char *)f->alice_card.id, 32},
        {(const char *)f->alice_card.sign_public, 32},
        {(const char *)f->alice_card.seal_public, 32},
        {(const char *)bob_card.id, 32},
        {(const char *)bob_card.sign_public, 32},
    };
    wanted_nowhere = (const void *)wanted;
    wanted_count = sizeof wanted / sizeof wanted[0];
    files_searched = 0;
    assert_int_equal(nftw(path_in(f, "state"), search_file, 16, FTW_PHYS), 0);
    /* two locks, key, audit log, the database with its two journals, one sealed file */
    const size_t in_state = f->config.postgres[0] == '\0' ? 8 : 5; /* the database is elsewhere */
    assert_int_equal(files_searched, in_state);
    assert_int_equal(nftw(path_in(f, "log"), search_file, 16, FTW_PHYS), 0);
    assert_int_equal(files_searched, in_state + 1);
    assert_true(size_of(path_in(f, "log")) > 100);
    assert_true(size_of(path_in(f, "state/audit.log")) > 100);

    wanted_count = 0;
    mv_buffer log = mv_buffer_make(1 << 20);
    uint8_t tag[MV_TAG_LEN];
    char box[65];
    assert_int_equal(mv_mailbox_tag(tag, &f->alice_card, epoch_now()), MV_OK);
    mv_hex_write(box, tag, sizeof tag);
    assert_int_equal(mv_file_read(&log, path_in(f, "log"), NULL), MV_OK);
    assert_null(memmem(log.bytes, log.len, box, 12)); /* the log names no mailbox either */
    assert_null(memmem(log.bytes, log.len, "127.0.0.1", 9));
    mv_buffer_clear(&log);
}

#define WITH_RELAY(test)  cmocka_unit_test_setup_teardown(test, set_up_relay, tear_down)
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_RELAY(a_file_goes_through_the_relay_bit_for_bit),
        WITH_RELAY(the_same_file_sent_twice_waits_once),
        WITH_RELAY(files_and_the_relays_key_survive_a_restart),
        WITH_RELAY(four_senders_at_once_lose_nothing),
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
        WITH_RELAY(altered_bytes_are_refused_and_not_kept),
        WITH_RELAY(a_relay_with_another_key_is_refused),
        WITH_RELAY(only_a_fresh_proof_of_the_owner_opens_a_mailbox),
        WITH_RELAY(a_client_goes_on_when_its_nonce_is_from_before_a_restart),
        WITH_RELAY(another_identity_sees_only_its_own_empty_mailbox),
        WITH_RELAY(what_does_not_fit_the_interface_is_refused),
        WITH_RELAY(noise_on_the_port_does_not_harm_the_relay),
        WITH_FOLDER(oversize_and_quota_are_refused_with_the_reason),
        WITH_FOLDER(a_large_file_that_is_refused_is_not_even_sent),
        WITH_FOLDER(a_relay_without_anonymous_sending_asks_senders_to_sign),
        WITH_FOLDER(a_mistake_in_the_configuration_names_file_line_and_key),
        cmocka_unit_test(only_a_trusted_proxy_says_who_the_client_is),
        cmocka_unit_test(a_client_that_asks_too_often_waits_and_others_do_not),
        WITH_RELAY(a_taken_port_and_a_taken_folder_are_said_so),
        WITH_RELAY(relays_on_one_postgres_share_mailboxes_and_one_folder_else),
        WITH_RELAY(a_request_that_trickles_in_for_ever_is_cut_off),
        WITH_RELAY(a_tls_key_that_others_can_read_is_refused),
        WITH_FOLDER(neither_disk_nor_log_of_a_relay_names_people_or_pictures),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
