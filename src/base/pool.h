/* SPDX-License-Identifier: Apache-2.0
 *
 * pool.h: the same work on several items, on several threads.
 */
#ifndef MV_BASE_POOL_H
#define MV_BASE_POOL_H

#include "base/status.h"

#define MV_POOL_WORKERS_MAX 256

/* One item; worker in [0, workers) tells which of the caller's per-thread things to use. */
typedef mv_status (*mv_pool_item)(void *user, unsigned worker, size_t index);

/* mv_pool_run: item(user, w, i) for every i in [0, count), each once, on up to workers threads (the
 * calling one among them); returns when all are done. After the first error no new item starts, and
 * that error is returned. Fewer threads are used when the system gives no more. */
MV_MUST_CHECK mv_status mv_pool_run(unsigned workers, size_t count, mv_pool_item item, void *user);

#endif
