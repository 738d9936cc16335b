/* SPDX-License-Identifier: Apache-2.0
 *
 * relay_wait.c: a list of sleeping exchanges and the thread that wakes them. Arrivals in this
 * process wake at once; those that another relay on the same database took in are seen at the next
 * look, four times a second.
 */
#include "relay_wait.h"

#include "base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#define LOOK_MS 250

typedef struct sleeper {
    mv_http_exchange *x;
    mv_mailbox mailbox;
    double until_ms;
    bool due;
    struct sleeper *next;
} sleeper;

struct relay_waits {
    relay_wait_answer answer;
    void *user;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    pthread_t thread;
    bool started, ending, stop, arrived;
    sleeper *first;
};

/* Takes those that are to be looked at off the list. */
static sleeper *take_due(relay_waits *w, bool look_at_all)
{
    sleeper *due = NULL;
    const double now_ms = mv_clock_ms();
    for (sleeper **link = &w->first; *link != NULL;) {
        sleeper *s = *link;
        if (look_at_all || s->due || w->ending || s->until_ms <= now_ms) {
            *link = s->next;
            s->next = due;
            due = s;
        } else {
            link = &s->next;
        }
    }
    return due;
}

/* Answers, or puts back. */
static void serve(relay_waits *w, sleeper *due)
{
    for (sleeper *s = due, *next; s != NULL; s = next) {
        next = s->next;
        (void)pthread_mutex_lock(&w->mutex);
        const bool last = w->ending || s->until_ms <= mv_clock_ms();
        (void)pthread_mutex_unlock(&w->mutex);
        if (w->answer(w->user, s->x, last)) {
            mv_http_resume(s->x);
            free(s);
        } else {
            (void)pthread_mutex_lock(&w->mutex);
            s->due = false;
            s->next = w->first;
            w->first = s;
            (void)pthread_mutex_unlock(&w->mutex);
        }
    }
}

static void *wait_thread(void *user)
{
    relay_waits *w = user;
    double looked_ms = 0;
    (void)pthread_mutex_lock(&w->mutex);
    while (!w->stop) {
        struct timespec until;
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += LOOK_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        if (!w->arrived && !w->ending) {
            (void)pthread_cond_timedwait(&w->cond, &w->mutex, &until);
        } else if (w->ending && w->first == NULL && !w->stop) {
            (void)pthread_cond_wait(&w->cond, &w->mutex);
        }
        w->arrived = false;
        const bool all = mv_clock_ms() - looked_ms >= LOOK_MS;
        looked_ms = all ? mv_clock_ms() : looked_ms;
        sleeper *due = take_due(w, all);
        (void)pthread_mutex_unlock(&w->mutex);
        serve(w, due);
        (void)pthread_mutex_lock(&w->mutex);
    }
    (void)pthread_mutex_unlock(&w->mutex);
    return NULL;
}

mv_status relay_waits_new(relay_waits **out, relay_wait_answer answer, void *user)
{
    mv_status st = MV_OK;
    pthread_condattr_t monotonic; /* nobody sleeps longer when the wall clock is set back */
    relay_waits *w = calloc(1, sizeof *w);

    *out = NULL;
    MV_ENSURE(w != NULL, MV_E_MEMORY);
    w->answer = answer;
    w->user = user;
    (void)pthread_mutex_init(&w->mutex, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&w->cond, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    w->started = pthread_create(&w->thread, NULL, wait_thread, w) == 0;
    MV_ENSURE(w->started, MV_E_MEMORY);
    *out = w;
    w = NULL;
done:
    relay_waits_free(&w);
    return st;
}

static void signal_thread(relay_waits *w, bool *flag)
{
    (void)pthread_mutex_lock(&w->mutex);
    *flag = true;
    (void)pthread_cond_signal(&w->cond);
    (void)pthread_mutex_unlock(&w->mutex);
}

void relay_waits_free(relay_waits **waits)
{
    relay_waits *w = *waits;
    if (w == NULL) {
        return;
    }
    if (w->started) {
        signal_thread(w, &w->stop);
        (void)pthread_join(w->thread, NULL);
    }
    MV_ASSERT(w->first == NULL); /* the server has ended before */
    (void)pthread_mutex_destroy(&w->mutex);
    (void)pthread_cond_destroy(&w->cond);
    free(w);
    *waits = NULL;
}

void relay_waits_add(relay_waits *waits, mv_http_exchange *x, const mv_mailbox *mailbox,
                     unsigned wait_s)
{
    sleeper *s = calloc(1, sizeof *s);
    if (s == NULL) { /* then it is answered at once */
        (void)waits->answer(waits->user, x, true);
        mv_http_resume(x);
        return;
    }
    s->x = x;
    s->mailbox = *mailbox;
    s->until_ms = mv_clock_ms() + 1000.0 * wait_s;
    s->due = true; /* something may have arrived since it was looked at */
    (void)pthread_mutex_lock(&waits->mutex);
    s->next = waits->first;
    waits->first = s;
    waits->arrived = true;
    (void)pthread_cond_signal(&waits->cond);
    (void)pthread_mutex_unlock(&waits->mutex);
}

void relay_waits_arrived(relay_waits *waits, const mv_mailbox *mailbox)
{
    (void)pthread_mutex_lock(&waits->mutex);
    for (sleeper *s = waits->first; s != NULL; s = s->next) {
        if (s->mailbox.epoch == mailbox->epoch &&
            memcmp(s->mailbox.tag, mailbox->tag, MV_TAG_LEN) == 0) {
            s->due = true;
            waits->arrived = true;
        }
    }
    if (waits->arrived) {
        (void)pthread_cond_signal(&waits->cond);
    }
    (void)pthread_mutex_unlock(&waits->mutex);
}

void relay_waits_end(relay_waits *waits)
{
    signal_thread(waits, &waits->ending);
}
