/* SPDX-License-Identifier: Apache-2.0
 *
 * cases_live.c: a live stream through a relay on loopback, sender, relay and receiver in this one
 * process: 224x224, 8 bit, 30 frames a second, an embedding with every 30th. What is timed is how
 * long after a frame was given to the sender the receiver has it, opened and decoded in the
 * sandbox: the rows' medians are those of the percentile over the 90 frames of several streams.
 */
#include "base/clock.h"
#include "bench.h"
#include "bench_relay.h"
#include "image/phantom.h"
#include "medveil/live_line.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SIDE = 224, FRAMES = 90, EVERY = 30, PATH_LEN = 256 };

typedef struct state {
    bench_relay at;
    mv_identity *sender;
    mv_image image; /* FRAMES slices */
    mv_client *client;
    uint64_t after; /* the last stream's number */
    uint64_t round;
    double fps;
    double given_ms[FRAMES], late_ms[FRAMES];
    atomic_uint seen;
    mv_status st;
    mv_error err;
} state;

static void finish(void *user)
{
    state *s = user;
    mv_client_free(&s->client);
    bench_relay_stop(&s->at);
    mv_identity_free(&s->sender);
    mv_image_clear(&s->image);
    free(s);
}

static mv_status start(state *s, mv_error *err)
{
    mv_status st = MV_OK;
    mv_phantom_opts picture = mv_phantom_defaults();
    mv_client_opts opts = mv_client_defaults();

    MV_TRY(bench_relay_start(&s->at, err));
    MV_TRY(mv_identity_generate(&s->sender));
    picture.width = picture.height = SIDE;
    picture.depth = FRAMES;
    MV_TRY(mv_phantom_make(&s->image, &picture, err));
    opts.identity = s->at.owner;
    MV_TRY(mv_client_new(&s->client, relay_address(s->at.relay), &opts, err));
done:
    return st;
}

static mv_status prepare(void **out, size_t *bytes, mv_error *err)
{
    state *s = calloc(1, sizeof *s);
    *out = s;
    *bytes = (size_t)FRAMES * SIDE * SIDE;
    return s == NULL ? MV_E_MEMORY : start(s, err);
}

static mv_status see(void *user, const mv_live_info *info, const mv_live_frame *frame,
                     mv_error *err)
{
    state *s = user;
    (void)info;
    (void)err;
    s->late_ms[frame->number] = mv_clock_ms() - s->given_ms[frame->number];
    (void)atomic_fetch_add(&s->seen, 1);
    return MV_OK;
}

static mv_status receive(state *s, mv_error *err)
{
    mv_status st = MV_OK;
    mv_live_opener *opener = NULL;
    mv_live_stream stream;
    mv_client_file file;
    bool found = false;
    const mv_live_watch watch = {see, s};

    MV_TRY(mv_live_opener_new(&opener, s->at.owner, &watch, err));
    const mv_sink sink = {mv_live_opener_write, opener};
    while (!found) {
        MV_TRY(mv_live_find(s->client, &stream, &found, s->after, 10, err));
    }
    s->after = stream.seq;
    MV_TRY(mv_live_follow(s->client, &stream, &sink, &file, NULL, NULL, err));
    MV_TRY(mv_client_remove(s->client, &file, err));
done:
    mv_live_opener_free(&opener);
    return st;
}

static void *receive_thread(void *user)
{
    state *s = user;
    s->st = receive(s, &s->err);
    return NULL;
}

static mv_status send_frames(state *s, mv_live_sending *line, mv_error *err)
{
    mv_status st = MV_OK;
    mv_embedding embedding;
    const double start_ms = mv_clock_ms();

    memset(&embedding, 0, sizeof embedding);
    embedding.value[0] = 100;
    for (uint64_t n = 0; n < FRAMES; n++) {
        const mv_live_frame frame = {n, (uint64_t)((double)n * 1e6 / s->fps),
                                     (const uint8_t *)s->image.sample + n * SIDE * SIDE,
                                     n % EVERY == 0 ? &embedding : NULL};
        while (mv_clock_ms() < start_ms + (double)n * 1000 / s->fps) {
            (void)poll(NULL, 0, 1);
        }
        s->given_ms[n] = mv_clock_ms();
        MV_TRY(mv_live_send(line, &frame, err));
    }
done:
    return st;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static mv_status stream(state *s, mv_error *err)
{
    mv_status st = MV_OK;
    char path[PATH_LEN];
    mv_live_sending *line = NULL;
    mv_live_sent sent;
    pthread_t receiver;
    const mv_live_sending_opts opts = {.relay = relay_address(s->at.relay),
                                       .recipient = &s->at.card,
                                       .sender = s->sender,
                                       .format = {SIDE, SIDE, 1, 8},
                                       .path = path};

    (void)snprintf(path, sizeof path, "%s/stream-%llu", s->at.dir, (unsigned long long)s->round++);
    atomic_store(&s->seen, 0);
    MV_REQUIRE(pthread_create(&receiver, NULL, receive_thread, s) == 0, err, MV_E_MEMORY,
               "cannot start another thread");
    st = mv_live_sending_new(&line, &opts, err);
    if (st == MV_OK) {
        st = send_frames(s, line, err);
    }
    if (st == MV_OK) {
        st = mv_live_send_end(line, 4000000, 20000, &sent, err);
    }
    mv_live_sending_free(&line);
    (void)pthread_join(receiver, NULL);
    MV_TRY(st);
    MV_REQUIRE(s->st == MV_OK && atomic_load(&s->seen) == FRAMES, err, MV_E_NETWORK,
               "%u of %d frames were seen: %s", atomic_load(&s->seen), FRAMES, s->err.text);
    qsort(s->late_ms, FRAMES, sizeof s->late_ms[0], by_size);
done:
    return st;
}

static mv_status paced(state *s, size_t place, mv_error *err)
{
    s->fps = 30;
    const mv_status st = stream(s, err);
    bench_took(s->late_ms[place]);
    return st;
}

static mv_status late_p99(void *user, mv_error *err)
{
    return paced(user, (FRAMES * 99 + 99) / 100 - 1, err);
}

static mv_status late_p50(void *user, mv_error *err)
{
    return paced(user, FRAMES / 2, err);
}

/* From the first frame given to the end of the stream at the receiver, for each frame. */
static mv_status unpaced(void *user, mv_error *err)
{
    state *s = user;
    const double start_ms = mv_clock_ms();
    s->fps = 100000;
    const mv_status st = stream(s, err);
    bench_took((mv_clock_ms() - start_ms) / FRAMES);
    return st;
}

const bench_case bench_cases_live[] = {
    {"live p99 latency", "224x224, 30 a second", "TLS 1.3", prepare, late_p99, finish},
    {"live median latency", "224x224, 30 a second", "TLS 1.3", prepare, late_p50, finish},
    {"live frame", "224x224, unpaced", "TLS 1.3", prepare, unpaced, finish},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
