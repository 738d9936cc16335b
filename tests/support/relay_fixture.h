/* SPDX-License-Identifier: Apache-2.0
 *
 * relay_fixture.h: a relay in a process of its own, so that it can be killed, two people, and files
 * of noise between them; for the tests of relay and clients over real sockets on loopback.
 */
#ifndef TEST_SUPPORT_RELAY_FIXTURE_H
#define TEST_SUPPORT_RELAY_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/rng.h"
#include "folder.h"
#include "medveil/client.h"
#include "proxy.h"
#include "relay.h"
#include "store/db.h"

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

static inline void on_term(int number)
{
    (void)number;
    told_to_stop = 1;
}

static inline void serve(const fixture *f, int address_fd)
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

static inline void start_relay(fixture *f)
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
static inline int end_relay(fixture *f, int number)
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
static inline int use_postgres(fixture *f)
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

static inline int set_up(void **state)
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

static inline int set_up_relay(void **state)
{
    if (set_up(state) != 0) {
        return -1;
    }
    start_relay(*state);
    return 0;
}

static inline int tear_down(void **state)
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

static inline mv_client_opts quick(const mv_identity *identity, unsigned tries)
{
    mv_client_opts opts = mv_client_defaults();
    opts.identity = identity;
    opts.tries = tries;
    opts.idle_timeout_ms = 5000;
    return opts;
}

static inline mv_client *client_at(const char *address, const mv_identity *identity, unsigned tries)
{
    const mv_client_opts opts = quick(identity, tries);
    mv_client *c = NULL;
    assert_int_equal(mv_client_new(&c, address, &opts, NULL), MV_OK);
    return c;
}

static inline mv_client *client_with(const char *address, const mv_identity *identity,
                                     unsigned tries, unsigned streams)
{
    mv_client_opts opts = quick(identity, tries);
    mv_client *c = NULL;
    opts.streams_max = streams;
    assert_int_equal(mv_client_new(&c, address, &opts, NULL), MV_OK);
    return c;
}

/* The relay's address with the port of the bad line in front of it. */
static inline void through(char out[MV_ADDRESS_MAX], const fixture *f, proxy *p)
{
    mv_address a;
    assert_int_equal(mv_address_read(&a, f->address, NULL), MV_OK);
    p->target_port = a.port;
    assert_true(proxy_start(p));
    a.port = p->port;
    mv_address_write(out, &a);
}

static inline const char *path_in(const fixture *f, const char *name)
{
    static char path[4][PATH_LEN];
    static int next;
    next = (next + 1) % 4;
    (void)snprintf(path[next], PATH_LEN, "%s/%s", f->dir, name);
    return path[next];
}

static inline const char *make_file(const fixture *f, const char *name, size_t len, uint64_t seed)
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

static inline void assert_same_bytes(const char *a, const char *b)
{
    mv_buffer x = mv_buffer_make(1 << 28), y = mv_buffer_make(1 << 28);
    assert_int_equal(mv_file_read(&x, a, NULL), MV_OK);
    assert_int_equal(mv_file_read(&y, b, NULL), MV_OK);
    assert_int_equal(x.len, y.len);
    assert_memory_equal(x.bytes, y.bytes, x.len);
    mv_buffer_clear(&x);
    mv_buffer_clear(&y);
}

static inline mv_status send_file(const fixture *f, const char *path, mv_error *err)
{
    mv_client *c = client_at(f->address, NULL, 1);
    mv_client_file sent;
    bool duplicate = false;
    const mv_status st = mv_client_send(c, &sent, &duplicate, path, &f->alice_card, err);
    mv_client_free(&c);
    return st;
}

static inline size_t waiting(const fixture *f)
{
    mv_client *c = client_at(f->address, f->alice, 1);
    mv_client_file *files = NULL;
    size_t count = 0;
    assert_int_equal(mv_client_list(c, &files, &count, NULL), MV_OK);
    mv_client_list_free(&files);
    mv_client_free(&c);
    return count;
}

static inline size_t entries(const fixture *f, const char *sub)
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
static inline void wait_for_incoming(const fixture *f, size_t count)
{
    for (int i = 0; i < 1000 && entries(f, "incoming") != count; i++) {
        (void)poll(NULL, 0, 10);
    }
    assert_int_equal(entries(f, "incoming"), count);
}

static inline uint64_t size_of(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 ? (uint64_t)info.st_size : 0;
}

typedef struct upload_job {
    const fixture *f;
    const char *address;
    char path[PATH_LEN];
    unsigned pause_ms;
    mv_status st;
} upload_job;

static inline mv_status slowly(void *user, const char *stage, uint64_t done, uint64_t total)
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

static inline void *upload(void *user)
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

#define WITH_RELAY(test)  cmocka_unit_test_setup_teardown(test, set_up_relay, tear_down)
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
