/* SPDX-License-Identifier: Apache-2.0
 *
 * bench.c: running cases and printing the table.
 */
#include "bench.h"

#include "base/clock.h"
#include "base/cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { SAMPLES_MIN = 5, SAMPLES_MAX = 400, WARM_UPS = 2 };
static const double budget_ms = 600;

static const bench_case *const lists[] = {
    bench_cases_ring,  bench_cases_he,      bench_cases_keys, bench_cases_envelope,
    bench_cases_exact, bench_cases_codec,   bench_cases_nn,   bench_cases_analysis,
    bench_cases_relay, bench_cases_gallery, bench_cases_live, bench_cases_veil};

static const char *case_ran;           /* by the case in hand */
static double case_took_ms;            /* by the call in hand; below 0: as long as it took */
static double case_images, case_gflop; /* in one call of the case in hand; 0: not said */

void bench_ran(const char *kernel)
{
    case_ran = kernel;
}

void bench_took(double ms)
{
    case_took_ms = ms;
}

void bench_does(double images, double gflop)
{
    case_images = images;
    case_gflop = gflop;
}

typedef struct row {
    double median_ns, spread; /* spread: (third quartile - first quartile) / median */
    size_t bytes;
    long peak_kib;
    size_t samples;
} row;

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static mv_status measure(row *out, const bench_case *c, void *state, mv_error *err)
{
    static double sample_ms[SAMPLES_MAX];
    mv_status st = MV_OK;
    double total_ms = 0;
    size_t n = 0;
    struct rusage usage;

    for (int i = 0; i < WARM_UPS && st == MV_OK; i++) {
        st = c->run(state, err);
    }
    while (st == MV_OK && n < SAMPLES_MAX && (n < SAMPLES_MIN || total_ms < budget_ms)) {
        const double start = mv_clock_ms();
        case_took_ms = -1;
        st = c->run(state, err);
        const double took_ms = mv_clock_ms() - start;
        total_ms += took_ms;
        sample_ms[n++] = case_took_ms < 0 ? took_ms : case_took_ms;
    }
    if (st != MV_OK) {
        return st;
    }
    qsort(sample_ms, n, sizeof sample_ms[0], ascending);
    out->median_ns = sample_ms[n / 2] * 1e6;
    out->spread = (sample_ms[3 * n / 4] - sample_ms[n / 4]) / sample_ms[n / 2];
    out->samples = n;
    (void)getrusage(RUSAGE_SELF, &usage);
    out->peak_kib = usage.ru_maxrss;
    return MV_OK;
}

/* The end of a row. */
static void print_work(double seconds, int json)
{
    if (case_images > 0) {
        printf(json ? ",\"images_per_s\":%.1f" : " %9.0f images/s", case_images / seconds);
    }
    if (case_gflop > 0) {
        printf(json ? ",\"gflop_per_s\":%.1f" : " %6.0f GFLOP/s", case_gflop / seconds);
    }
}

static void print_row(const bench_case *c, const row *r, int json)
{
    const char *kernel = case_ran != NULL    ? case_ran
                         : c->kernel != NULL ? c->kernel
                                             : mv_cpu_name(mv_cpu_features());
    if (json) {
        printf("{\"case\":\"%s\",\"size\":\"%s\",\"kernel\":\"%s\",\"median_ns\":%.0f,"
               "\"spread\":%.3f,\"bytes\":%zu,\"peak_kib\":%ld,\"samples\":%zu",
               c->name, c->size, kernel, r->median_ns, r->spread, r->bytes, r->peak_kib,
               r->samples);
    } else {
        printf("%-28s %-22s %-9s %14.0f %6.1f %% %10zu %9ld", c->name, c->size, kernel,
               r->median_ns, r->spread * 100, r->bytes, r->peak_kib);
    }
    print_work(r->median_ns / 1e9, json);
    fputs(json ? "}\n" : "\n", stdout);
    (void)fflush(stdout);
}

static mv_status run_case(const bench_case *c, int json, mv_error *err)
{
    row r = {0, 0, 0, 0, 0};
    void *state = NULL;
    case_ran = NULL;
    bench_does(0, 0);
    mv_status st = c->prepare(&state, &r.bytes, err);
    if (st == MV_OK) {
        st = measure(&r, c, state, err);
    }
    if (st == MV_OK) {
        print_row(c, &r, json);
    }
    if (state != NULL) {
        c->finish(state);
    }
    return st;
}

static int wanted(const bench_case *c, const char *filter)
{
    char text[256];
    (void)snprintf(text, sizeof text, "%s %s", c->name, c->size);
    return filter == NULL || strstr(text, filter) != NULL;
}

mv_status bench_run(const char *filter, int json, mv_error *err)
{
    size_t ran = 0;

    if (!json) {
        printf("%-28s %-22s %-9s %14s %8s %10s %9s\n", "case", "size", "kernel", "median ns",
               "spread", "bytes", "peak KiB");
    }
    for (size_t l = 0; l < sizeof lists / sizeof lists[0]; l++) {
        for (const bench_case *c = lists[l]; c->name != NULL; c++) {
            if (wanted(c, filter)) {
                const mv_status st = run_case(c, json, err);
                if (st != MV_OK) {
                    return mv_fail(err, st, "bench case %s %s: %s", c->name, c->size,
                                   mv_status_sentence(st));
                }
                ran++;
            }
        }
    }
    return ran != 0 ? MV_OK : mv_fail(err, MV_E_NOT_FOUND, "no bench case matches %s", filter);
}
