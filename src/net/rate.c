/* SPDX-License-Identifier: Apache-2.0
 *
 * rate.c: the token bucket and the search for the number of streams.
 */
#include "net/rate.h"

#include "base/clock.h"

#include <string.h>

#define BUCKET_S      0.25
#define TAKE_MIN      1024.0 /* fewer bytes are not worth a packet */
#define STREAMS_FIRST 2
#define STREAM_MS     2.5 /* a line is worth a stream for each of these of its round trip */
#define LONG_MS       20.0
#define WORSE         0.5 /* of the rate before: a change that was none too good; rates are noisy */
#define PROBE_STEPS   12  /* steps without a change after which more streams are tried again */

void mv_rate_init(mv_rate *rate, uint64_t bytes_per_s)
{
    memset(rate, 0, sizeof *rate);
    (void)pthread_mutex_init(&rate->mutex, NULL);
    rate->bytes_per_s = (double)bytes_per_s;
    rate->filled_ms = mv_clock_ms();
}

void mv_rate_clear(mv_rate *rate)
{
    (void)pthread_mutex_destroy(&rate->mutex);
}

static bool limited(const mv_rate *rate)
{
    return rate != NULL && rate->bytes_per_s > 0;
}

static void fill(mv_rate *rate)
{
    const double now = mv_clock_ms();
    const double most = rate->bytes_per_s * BUCKET_S;
    rate->left += rate->bytes_per_s * (now - rate->filled_ms) / 1e3;
    rate->left = rate->left < most ? rate->left : most;
    rate->filled_ms = now;
}

size_t mv_rate_take(mv_rate *rate, size_t want)
{
    if (!limited(rate)) {
        return want;
    }
    (void)pthread_mutex_lock(&rate->mutex);
    fill(rate);
    const double least = (double)want < TAKE_MIN ? (double)want : TAKE_MIN;
    const size_t given = rate->left < least && rate->left < rate->bytes_per_s * BUCKET_S ? 0
                         : rate->left < (double)want ? (size_t)rate->left
                                                     : want;
    rate->left -= (double)given;
    (void)pthread_mutex_unlock(&rate->mutex);
    return given;
}

bool mv_rate_spent(mv_rate *rate)
{
    if (!limited(rate)) {
        return false;
    }
    (void)pthread_mutex_lock(&rate->mutex);
    fill(rate);
    const bool spent = rate->left < 0;
    (void)pthread_mutex_unlock(&rate->mutex);
    return spent;
}

void mv_rate_use(mv_rate *rate, size_t len)
{
    if (limited(rate)) {
        (void)pthread_mutex_lock(&rate->mutex);
        rate->left -= (double)len;
        (void)pthread_mutex_unlock(&rate->mutex);
    }
}

mv_streams mv_streams_make(unsigned max)
{
    const mv_streams s = {.now = max < STREAMS_FIRST ? max : STREAMS_FIRST, .max = max};
    return s;
}

void mv_streams_line(mv_streams *s, double round_trip_ms)
{
    const double streams = round_trip_ms / STREAM_MS;
    s->is_long = s->is_long || round_trip_ms >= LONG_MS;
    const unsigned wanted = streams < s->max ? (unsigned)streams : s->max;
    if (wanted > s->now) {
        s->now = wanted;
        s->before = 0;
    }
}

uint64_t mv_streams_share(const mv_streams *s, uint64_t left)
{
    return s->max == 1 ? left : left / (2 * s->now);
}

static void try_more(mv_streams *s, double rate)
{
    if (s->now < s->max) {
        s->before = s->now;
        s->rate_before = rate;
        s->now = 2 * s->now < s->max ? 2 * s->now : s->max;
        s->settled = 0;
    }
}

void mv_streams_step(mv_streams *s, double rate)
{
    if (s->before == 0) {
        if (s->settled == 0 || s->settled >= PROBE_STEPS) {
            try_more(s, rate);
        }
        s->settled++;
    } else if (rate >= WORSE * s->rate_before) {
        s->before = 0;
        try_more(s, rate);
    } else {
        s->now = s->before;
        s->before = 0;
        s->settled = 1;
    }
}
