/* SPDX-License-Identifier: Apache-2.0
 *
 * cases_relay.c: pre-sealed bytes through a relay on loopback, TLS and flushes to disk included;
 * both ends and the relay in this one process, and the send queue in a folder of the bench's own.
 * With MEDVEIL_BENCH_POSTGRES (a libpq connection string; tests/support/with_postgres starts a
 * server) the relay's database is that one, else SQLite.
 */
#include "bench.h"

#include "base/file.h"
#include "base/rng.h"
#include "medveil/client.h"
#include "medveil/queue.h"
#include "relay.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BIG_LEN = 256 << 20, OBJECTS = 5000, OBJECT_LEN = 50000, SENDERS = 16, PATH_LEN = 256 };

typedef struct state {
    char dir[128];
    relay *relay;
    mv_identity *owner;
    mv_card card;
    uint64_t round;
} state;

typedef struct sender {
    state *s;
    int first;
    mv_status st;
    pthread_t thread;
} sender;

static void finish(void *user)
{
    state *s = user;
    char command[PATH_LEN];
    relay_stop(&s->relay);
    mv_identity_free(&s->owner);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", s->dir);
    if (system(command) != 0) {
        (void)fprintf(stderr, "bench: %s is left behind\n", s->dir);
    }
    free(s);
}

static mv_status start(state *s, mv_error *err)
{
    mv_status st = MV_OK;
    relay_config config = relay_config_defaults();
    const char *base = getenv("TMPDIR"), *postgres = getenv("MEDVEIL_BENCH_POSTGRES");

    (void)snprintf(s->dir, sizeof s->dir, "%.80s/medveil-bench-XXXXXX",
                   base == NULL ? "/tmp" : base);
    MV_REQUIRE(mkdtemp(s->dir) != NULL, err, MV_E_IO, "cannot make a folder in /tmp");
    config.listen_port = 0;
    config.requests_per_minute = 0;
    (void)snprintf(config.state, sizeof config.state, "%s/state", s->dir);
    (void)snprintf(config.postgres, sizeof config.postgres, "%s", postgres == NULL ? "" : postgres);
    MV_TRY(relay_start(&s->relay, &config, NULL, err));
    MV_TRY(mv_identity_generate(&s->owner));
    mv_identity_card(&s->card, s->owner);
done:
    return st;
}

/* A file of bytes that no round before had; not flushed, since sending is measured, not making. */
static mv_status write_fresh(const char *path, size_t len, uint64_t seed, mv_error *err)
{
    mv_status st = MV_OK;
    mv_rand r = mv_rand_make(seed);
    uint8_t *bytes = malloc(len);
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    MV_REQUIRE(bytes != NULL && fd >= 0, err, MV_E_IO, "cannot make a file to send");
    for (size_t i = 0; i + 8 <= len; i += 8) {
        const uint64_t v = mv_rand_u64(&r);
        memcpy(bytes + i, &v, 8);
    }
    memset(bytes + len / 8 * 8, 0, len % 8);
    MV_REQUIRE(mv_file_write_at(fd, bytes, len, 0), err, MV_E_IO, "cannot make a file to send");
done:
    if (fd >= 0) {
        (void)close(fd);
    }
    free(bytes);
    return st;
}

static mv_status prepare(void **out, size_t *bytes, mv_error *err)
{
    mv_status st = MV_OK;
    char path[PATH_LEN];
    state *s = calloc(1, sizeof *s);

    MV_ENSURE(s != NULL, MV_E_MEMORY);
    *out = s;
    *bytes = BIG_LEN;
    MV_TRY(start(s, err));
    (void)snprintf(path, sizeof path, "%s/big", s->dir);
    MV_TRY(write_fresh(path, BIG_LEN, 1, err));
done:
    return st;
}

static mv_status prepare_objects(void **out, size_t *bytes, mv_error *err)
{
    mv_status st = MV_OK;
    state *s = calloc(1, sizeof *s);
    MV_ENSURE(s != NULL, MV_E_MEMORY);
    *out = s;
    *bytes = (size_t)OBJECTS * OBJECT_LEN;
    MV_TRY(start(s, err));
done:
    return st;
}

static mv_status connect_as(mv_client **out, const state *s, bool owner, mv_error *err)
{
    mv_client_opts opts = mv_client_defaults();
    opts.identity = owner ? s->owner : NULL;
    return mv_client_new(out, relay_address(s->relay), &opts, err);
}

/* Sent, listed, fetched, removed; with fetched = false only sent and removed. */
static mv_status one_way(state *s, bool fetched, mv_error *err)
{
    mv_status st = MV_OK;
    mv_client *from = NULL, *to = NULL;
    mv_client_file file;
    bool duplicate = false;
    char path[PATH_LEN], part[PATH_LEN];

    (void)snprintf(path, sizeof path, "%s/big", s->dir);
    (void)snprintf(part, sizeof part, "%s/part", s->dir);
    MV_TRY(connect_as(&from, s, false, err));
    MV_TRY(connect_as(&to, s, true, err));
    MV_TRY(mv_client_send(from, &file, &duplicate, path, &s->card, err));
    if (fetched) {
        MV_TRY(mv_client_fetch(to, &file, part, err));
        (void)unlink(part);
    }
    MV_TRY(mv_client_remove(to, &file, err));
done:
    mv_client_free(&from);
    mv_client_free(&to);
    return st;
}

static mv_status whole_path(void *user, mv_error *err)
{
    return one_way(user, true, err);
}

static mv_status upload(void *user, mv_error *err)
{
    return one_way(user, false, err);
}

static void *send_objects(void *user)
{
    sender *me = user;
    mv_client *c = NULL;
    me->st = connect_as(&c, me->s, false, NULL);
    for (int i = me->first; me->st == MV_OK && i < OBJECTS; i += SENDERS) {
        char path[PATH_LEN];
        mv_client_file file;
        bool duplicate = false;
        (void)snprintf(path, sizeof path, "%s/object-%d", me->s->dir, i);
        me->st = write_fresh(path, OBJECT_LEN, me->s->round * OBJECTS + (uint64_t)i, NULL);
        if (me->st == MV_OK) {
            me->st = mv_client_send(c, &file, &duplicate, path, &me->s->card, NULL);
        }
    }
    mv_client_free(&c);
    return NULL;
}

static mv_status objects(void *user, mv_error *err)
{
    mv_status st = MV_OK;
    state *s = user;
    sender all[SENDERS];

    s->round++;
    for (int i = 0; i < SENDERS; i++) {
        all[i] = (sender){.s = s, .first = i};
        MV_REQUIRE(pthread_create(&all[i].thread, NULL, send_objects, &all[i]) == 0, err,
                   MV_E_MEMORY, "cannot start another thread");
    }
    for (int i = 0; i < SENDERS; i++) {
        (void)pthread_join(all[i].thread, NULL);
        st = st == MV_OK ? all[i].st : st;
    }
    MV_REQUIRE(st == MV_OK, err, st, "an object was not stored: %s", mv_status_sentence(st));
done:
    return st;
}

/* The objects of one round into the queue, with one flush, and from there to the relay. */
static mv_status through_queue(const state *s, mv_queue *queue, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_queue_order order = {.relay = relay_address(s->relay), .recipient = &s->card};
    mv_queue_run_opts opts = mv_queue_run_defaults();
    mv_queue_item *item = malloc(sizeof *item);
    char path[PATH_LEN];

    MV_REQUIRE(item != NULL, err, MV_E_MEMORY, "out of memory");
    (void)snprintf(path, sizeof path, "%s/object", s->dir);
    for (int i = 0; i < OBJECTS; i++) {
        MV_TRY(write_fresh(path, OBJECT_LEN, s->round * OBJECTS + (uint64_t)i, err));
        MV_TRY(mv_queue_add(queue, item, path, &order, err));
    }
    MV_TRY(mv_queue_commit(queue, err));
    MV_TRY(mv_queue_run(queue, &opts, err));
done:
    free(item);
    return st;
}

static mv_status count_unsent(void *user, const mv_queue_item *item)
{
    int *unsent = user;
    *unsent += item->state != MV_QUEUE_SENT;
    return MV_OK;
}

static mv_status queued(void *user, mv_error *err)
{
    mv_status st = MV_OK;
    state *s = user;
    mv_queue *queue = NULL;
    int unsent = 0;
    char home[PATH_LEN];

    s->round++;
    (void)snprintf(home, sizeof home, "%s/home-%llu", s->dir, (unsigned long long)s->round);
    MV_REQUIRE(mkdir(home, 0700) == 0 && setenv("MEDVEIL_HOME", home, 1) == 0, err, MV_E_IO,
               "cannot make a folder");
    MV_TRY(mv_queue_open(&queue, err));
    MV_TRY(through_queue(s, queue, err));
    MV_TRY(mv_queue_each(queue, count_unsent, &unsent, err));
    MV_REQUIRE(unsent == 0, err, MV_E_NETWORK, "%d objects were not stored", unsent);
done:
    mv_queue_free(&queue);
    return st;
}

const bench_case bench_cases_relay[] = {
    {"relay whole path", "256 MiB sent, fetched", "TLS 1.3", prepare, whole_path, finish},
    {"relay upload", "256 MiB sent", "TLS 1.3", prepare, upload, finish},
    {"relay objects", "5000 x 50 kB, 16 senders", "TLS 1.3", prepare_objects, objects, finish},
    {"relay queue", "5000 x 50 kB, added, sent", "TLS 1.3", prepare_objects, queued, finish},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
