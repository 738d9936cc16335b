/* SPDX-License-Identifier: Apache-2.0
 *
 * bench.h: one table of measurements: case, size, kernel, median ns, spread, bytes, peak memory.
 *
 * A file cases_*.c defines a list of cases. A case prepares its data once, is then called until it
 * has enough samples (at least 5, at most 400, about 0.6 s), and says how many bytes it makes,
 * where that is its point. Times are of one call, wall clock, on as many threads as the case says.
 */
#ifndef MV_BENCH_H
#define MV_BENCH_H

#include "medveil/status.h"

typedef struct bench_case {
    const char *name;   /* "pack encrypt" */
    const char *size;   /* "37632 x 8 bit" */
    const char *kernel; /* table or library in use, unless the case says so itself: bench_ran */
    /* Make what run needs; *bytes may be set to the size of the result (0: not shown). */
    mv_status (*prepare)(void **state, size_t *bytes, mv_error *err);
    mv_status (*run)(void *state, mv_error *err); /* what is timed */
    void (*finish)(void *state);
} bench_case;

/* Lists end with a case whose name is NULL. */
extern const bench_case bench_cases_ring[];
extern const bench_case bench_cases_he[];
extern const bench_case bench_cases_keys[];
extern const bench_case bench_cases_envelope[];
extern const bench_case bench_cases_exact[];
extern const bench_case bench_cases_codec[];
extern const bench_case bench_cases_nn[];
extern const bench_case bench_cases_analysis[];
extern const bench_case bench_cases_relay[];
extern const bench_case bench_cases_gallery[];
extern const bench_case bench_cases_live[];
extern const bench_case bench_cases_veil[];

/* bench_ran: what the case in hand really runs, chosen on this machine; from prepare or run. Wins
 * over its label. kernel is not copied. */
void bench_ran(const char *kernel);

/* bench_took: what this call of run counts as, where that is not how long it took. */
void bench_took(double ms);

/* bench_does: what one call of run does, from prepare: the row then ends with both per second. 0:
 * not shown. */
void bench_does(double images, double gflop);

/* bench_run: every case whose "name size" contains filter (NULL: all); one row each on stdout, or
 * one JSON object per line. errors: the first case that failed */
MV_MUST_CHECK mv_status bench_run(const char *filter, int json, mv_error *err);

#endif
