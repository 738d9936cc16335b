/* SPDX-License-Identifier: Apache-2.0
 *
 * clock.c: the monotonic clock.
 */
#include "base/clock.h"

#include <time.h>

double mv_clock_ms(void)
{
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}
