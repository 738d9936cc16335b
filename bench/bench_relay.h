/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_relay.h: a relay in the bench's own process, with its state in a folder of its own, and
 * somebody whose mailbox is there. Its limits on requests and searches are off.
 */
#ifndef MV_BENCH_RELAY_H
#define MV_BENCH_RELAY_H

#include "medveil/keys.h"
#include "relay.h"

typedef struct bench_relay {
    char dir[128]; /* for files of the bench too */
    relay *relay;
    mv_identity *owner;
    mv_card card; /* the owner's */
} bench_relay;

/* bench_relay_start: in TMPDIR, or /tmp. Its database is MEDVEIL_BENCH_POSTGRES (a libpq connection
 * string), else SQLite. Stop it whatever came of it. */
MV_MUST_CHECK mv_status bench_relay_start(bench_relay *b, mv_error *err);
void bench_relay_stop(bench_relay *b); /* and the folder is removed */

#endif
