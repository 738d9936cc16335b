/* SPDX-License-Identifier: Apache-2.0
 *
 * rate.h: a limit on bytes per second that several transfers share (a token bucket that holds a
 * quarter of a second), and the search for the number of transfers that together are fastest.
 */
#ifndef MV_NET_RATE_H
#define MV_NET_RATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mv_rate {
    pthread_mutex_t mutex;
    double bytes_per_s;
    double left; /* bytes that may move now; below zero after more came than was allowed */
    double filled_ms;
} mv_rate;

void mv_rate_init(mv_rate *rate, uint64_t bytes_per_s); /* 0: no limit */
void mv_rate_clear(mv_rate *rate);

/* rate may be NULL: no limit. mv_rate_take: how many of want bytes may move now, 0 to want; they
 * count as moved. mv_rate_use: bytes that moved without asking. */
size_t mv_rate_take(mv_rate *rate, size_t want);
bool mv_rate_spent(mv_rate *rate);
void mv_rate_use(mv_rate *rate, size_t len);

/* How many streams to use, 1 to max. A few at first, since each costs both ends a key exchange; on
 * a long line at once many, since there each alone is slow. Then doubled as long as that does not
 * make it much slower, since on a line that loses packets each stream is held back alone; else back
 * to the number before. Tried again from time to time: a line changes. */
typedef struct mv_streams {
    unsigned now, max;
    unsigned before;    /* the number before the last change; 0: none is being tried */
    double rate_before; /* bytes per second with that number */
    unsigned settled;   /* steps since the last change */
    bool is_long;       /* the line's round trip is worth saving */
} mv_streams;

/* mv_streams_share: how much of what is left the next stream takes, so that they end together: much
 * at first, for each request costs a round trip, and less and less. One stream alone: all. */
uint64_t mv_streams_share(const mv_streams *s, uint64_t left);
mv_streams mv_streams_make(unsigned max);
void mv_streams_line(mv_streams *s, double round_trip_ms); /* the line is so long; 0: not known */
void mv_streams_step(mv_streams *s, double rate); /* rate: with s->now, over the last step */

#endif
