/* SPDX-License-Identifier: Apache-2.0
 *
 * pool.c: threads that take the next item until none is left.
 */
#include "base/pool.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct pool {
    mv_pool_item item;
    void *user;
    size_t count;
    atomic_size_t next;
    atomic_int status; /* the first error, else MV_OK */
} pool;

typedef struct worker {
    pool *pool;
    unsigned number;
    pthread_t thread;
} worker;

static void *work(void *argument)
{
    const worker *w = argument;
    pool *p = w->pool;

    while (atomic_load(&p->status) == MV_OK) {
        const size_t index = atomic_fetch_add(&p->next, 1);
        if (index >= p->count) {
            break;
        }
        const mv_status st = p->item(p->user, w->number, index);
        if (st != MV_OK) {
            int none = MV_OK;
            (void)atomic_compare_exchange_strong(&p->status, &none, (int)st);
        }
    }
    return NULL;
}

mv_status mv_pool_run(unsigned workers, size_t count, mv_pool_item item, void *user)
{
    pool p = {.item = item, .user = user, .count = count};
    worker all[MV_POOL_WORKERS_MAX];
    unsigned started = 1;

    workers = workers > MV_POOL_WORKERS_MAX ? MV_POOL_WORKERS_MAX : workers;
    workers = workers > count ? (unsigned)count : workers;
    atomic_init(&p.next, 0);
    atomic_init(&p.status, MV_OK);
    for (; started < workers; started++) {
        all[started] = (worker){.pool = &p, .number = started};
        if (pthread_create(&all[started].thread, NULL, work, &all[started]) != 0) {
            break;
        }
    }
    all[0] = (worker){.pool = &p};
    (void)work(&all[0]);
    for (unsigned w = 1; w < started; w++) {
        (void)pthread_join(all[w].thread, NULL);
    }
    return (mv_status)atomic_load(&p.status);
}
