/* SPDX-License-Identifier: Apache-2.0
 *
 * relay_metrics.c: counting and writing them out.
 */
#include "relay_metrics.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { STATUSES = 6, BOUNDS = 8 };

static const double bound_s[BOUNDS] = {0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60};

typedef struct route_figures {
    uint64_t by_status[STATUSES]; /* 1xx to 5xx at 1 to 5 */
    uint64_t within[BOUNDS];      /* not more than bound_s, not cumulated */
    double seconds;
} route_figures;

struct relay_metrics {
    pthread_mutex_t mutex;
    route_figures route[MV_ROUTE_COUNT + 1];
    uint64_t received, sent, expired;
};

mv_status relay_metrics_new(relay_metrics **out)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL) {
        return MV_E_MEMORY;
    }
    (void)pthread_mutex_init(&(*out)->mutex, NULL);
    return MV_OK;
}

void relay_metrics_free(relay_metrics **metrics)
{
    if (*metrics != NULL) {
        (void)pthread_mutex_destroy(&(*metrics)->mutex);
        free(*metrics);
        *metrics = NULL;
    }
}

void relay_metrics_request(relay_metrics *metrics, const relay_request_figures *f)
{
    size_t bound = 0;
    while (bound < BOUNDS && f->seconds > bound_s[bound]) {
        bound++;
    }
    (void)pthread_mutex_lock(&metrics->mutex);
    route_figures *r = &metrics->route[f->route];
    r->by_status[f->status / 100 < STATUSES ? f->status / 100 : 0]++;
    r->seconds += f->seconds;
    if (bound < BOUNDS) {
        r->within[bound]++;
    }
    metrics->received += f->received;
    metrics->sent += f->sent;
    (void)pthread_mutex_unlock(&metrics->mutex);
}

void relay_metrics_expired(relay_metrics *metrics, uint64_t files)
{
    (void)pthread_mutex_lock(&metrics->mutex);
    metrics->expired += files;
    (void)pthread_mutex_unlock(&metrics->mutex);
}

/* Appends text; *st keeps the first failure. */
__attribute__((format(printf, 3, 4))) static void say(mv_buffer *out, mv_status *st,
                                                      const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    const int len = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (*st == MV_OK) {
        *st = mv_buffer_append(out, (const uint8_t *)line, (size_t)len);
    }
}

static void say_one(mv_buffer *out, mv_status *st, const char *name, const char *kind,
                    const char *help, uint64_t value)
{
    say(out, st, "# HELP %s %s\n# TYPE %s %s\n%s %" PRIu64 "\n", name, help, name, kind, name,
        value);
}

static uint64_t requests_of(const route_figures *r)
{
    uint64_t count = 0;
    for (size_t i = 0; i < STATUSES; i++) {
        count += r->by_status[i];
    }
    return count;
}

static void say_requests(mv_buffer *out, mv_status *st, const relay_metrics *m)
{
    say(out, st,
        "# HELP medveil_relay_requests_total Requests by route and class of status.\n"
        "# TYPE medveil_relay_requests_total counter\n");
    for (int k = 0; k <= MV_ROUTE_COUNT; k++) {
        for (int s = 0; s < STATUSES; s++) {
            if (m->route[k].by_status[s] != 0) {
                say(out, st,
                    "medveil_relay_requests_total{route=\"%s\",status=\"%dxx\"} %" PRIu64 "\n",
                    mv_route_template((mv_route_kind)k), s, m->route[k].by_status[s]);
            }
        }
    }
}

static void say_seconds(mv_buffer *out, mv_status *st, const relay_metrics *m)
{
    static const char name[] = "medveil_relay_request_seconds";
    say(out, st, "# HELP %s Time from request line to the end of the reply.\n# TYPE %s histogram\n",
        name, name);
    for (int k = 0; k <= MV_ROUTE_COUNT; k++) {
        const route_figures *r = &m->route[k];
        const char *route = mv_route_template((mv_route_kind)k);
        uint64_t count = 0;
        if (requests_of(r) == 0) {
            continue;
        }
        for (int b = 0; b < BOUNDS; b++) {
            count += r->within[b];
            say(out, st, "%s_bucket{route=\"%s\",le=\"%g\"} %" PRIu64 "\n", name, route, bound_s[b],
                count);
        }
        say(out, st, "%s_bucket{route=\"%s\",le=\"+Inf\"} %" PRIu64 "\n", name, route,
            requests_of(r));
        say(out, st, "%s_sum{route=\"%s\"} %.6f\n%s_count{route=\"%s\"} %" PRIu64 "\n", name, route,
            r->seconds, name, route, requests_of(r));
    }
}

/* Bytes of this process in memory; 0 when the system does not tell. */
static uint64_t resident_bytes(void)
{
    uint64_t size = 0, resident = 0;
    FILE *in = fopen("/proc/self/statm", "re");
    if (in != NULL) {
        if (fscanf(in, "%" SCNu64 " %" SCNu64, &size, &resident) != 2) {
            resident = 0;
        }
        (void)fclose(in);
    }
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

mv_status relay_metrics_write(mv_buffer *out, relay_metrics *metrics, const mv_archive_stats *stats,
                              unsigned connections)
{
    mv_status st = MV_OK;
    (void)pthread_mutex_lock(&metrics->mutex);
    say_requests(out, &st, metrics);
    say_seconds(out, &st, metrics);
    say_one(out, &st, "medveil_relay_received_bytes_total", "counter", "Bytes of request bodies.",
            metrics->received);
    say_one(out, &st, "medveil_relay_sent_bytes_total", "counter", "Bytes of reply bodies.",
            metrics->sent);
    say_one(out, &st, "medveil_relay_expired_files_total", "counter",
            "Files removed because nobody fetched them in time.", metrics->expired);
    (void)pthread_mutex_unlock(&metrics->mutex);
    say_one(out, &st, "medveil_relay_connections", "gauge", "Open connections.", connections);
    say_one(out, &st, "medveil_relay_stored_files", "gauge", "Files that wait.", stats->files);
    say_one(out, &st, "medveil_relay_stored_bytes", "gauge", "What they take on disk.",
            stats->bytes);
    say_one(out, &st, "medveil_relay_uploads", "gauge", "Uploads in parts, on their way.",
            stats->uploads);
    say_one(out, &st, "medveil_relay_receipts", "gauge", "Receipts kept for senders.",
            stats->receipts);
    say_one(out, &st, "process_resident_memory_bytes", "gauge", "Memory of the relay.",
            resident_bytes());
    say(out, &st,
        "# HELP medveil_relay_build_info The version that runs.\n"
        "# TYPE medveil_relay_build_info gauge\n"
        "medveil_relay_build_info{version=\"%s\"} 1\n",
        MV_VERSION);
    return st;
}
