/* SPDX-License-Identifier: Apache-2.0
 *
 * cases_relay.c: pre-sealed bytes through a relay on loopback, TLS and flushes to disk included;
 * both ends and the relay in this one process, and the send queue in a folder of the bench's own.
 * tests/support/with_postgres starts a server for MEDVEIL_BENCH_POSTGRES.
 */
#include "bench.h"
#include "bench_relay.h"

#include "base/file.h"
#include "base/rng.h"
#include "medveil/client.h"
#include "medveil/queue.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BIG_LEN = 256 << 20, OBJECTS = 5000, OBJECT_LEN = 50000, SENDERS = 16, PATH_LEN = 256 };

typedef struct state {
    bench_relay at;
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
    bench_relay_stop(&s->at);
    free(s);
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
    MV_TRY(bench_relay_start(&s->at, err));
    (void)snprintf(path, sizeof path, "%s/big", s->at.dir);
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
    MV_TRY(bench_relay_start(&s->at, err));
done:
    return st;
}

static mv_status connect_as(mv_client **out, const state *s, bool owner, mv_error *err)
{
    mv_client_opts opts = mv_client_defaults();
    opts.identity = owner ? s->at.owner : NULL;
    return mv_client_new(out, relay_address(s->at.relay), &opts, err);
}

/* Sent, listed, fetched, removed; with fetched = false only sent and removed. */
static mv_status one_way(state *s, bool fetched, mv_error *err)
{
    mv_status st = MV_OK;
    mv_client *from = NULL, *to = NULL;
    mv_client_file file;
    bool duplicate = false;
    char path[PATH_LEN], part[PATH_LEN];

    (void)snprintf(path, sizeof path, "%s/big", s->at.dir);
    (void)snprintf(part, sizeof part, "%s/part", s->at.dir);
    MV_TRY(connect_as(&from, s, false, err));
    MV_TRY(connect_as(&to, s, true, err));
    MV_TRY(mv_client_send(from, &file, &duplicate, path, &s->at.card, err));
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
        (void)snprintf(path, sizeof path, "%s/object-%d", me->s->at.dir, i);
        me->st = write_fresh(path, OBJECT_LEN, me->s->round * OBJECTS + (uint64_t)i, NULL);
        if (me->st == MV_OK) {
            me->st = mv_client_send(c, &file, &duplicate, path, &me->s->at.card, NULL);
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
    const mv_queue_order order = {.relay = relay_address(s->at.relay), .recipient = &s->at.card};
    mv_queue_run_opts opts = mv_queue_run_defaults();
    mv_queue_item *item = malloc(sizeof *item);
    char path[PATH_LEN];

    MV_REQUIRE(item != NULL, err, MV_E_MEMORY, "out of memory");
    (void)snprintf(path, sizeof path, "%s/object", s->at.dir);
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
    (void)snprintf(home, sizeof home, "%s/home-%llu", s->at.dir, (unsigned long long)s->round);
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
