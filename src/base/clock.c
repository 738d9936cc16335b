/* SPDX-License-Identifier: Apache-2.0
 *
 * clock.c: the monotonic clock and the calendar.
 */
#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { SECONDS_PER_DAY = 86400 };

double mv_clock_ms(void)
{
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

uint32_t mv_clock_day(void)
{
    const time_t now = time(NULL);
    return now < 0 ? 0 : (uint32_t)(now / SECONDS_PER_DAY);
}

void mv_day_text(char out[MV_DAY_TEXT_MAX], uint32_t day)
{
    const time_t seconds = (time_t)day * SECONDS_PER_DAY;
    struct tm when;
    if (gmtime_r(&seconds, &when) == NULL ||
        strftime(out, MV_DAY_TEXT_MAX, "%Y-%m-%d", &when) == 0) {
        (void)snprintf(out, MV_DAY_TEXT_MAX, "day %u", (unsigned)day);
    }
}

bool mv_day_parse(uint32_t *out, const char *text)
{
    struct tm when = {0};
    char again[MV_DAY_TEXT_MAX];
    const char *end = strptime(text, "%Y-%m-%d", &when);
    const time_t seconds = end == NULL || *end != '\0' ? -1 : timegm(&when);

    if (seconds < 0) {
        return false;
    }
    *out = (uint32_t)(seconds / SECONDS_PER_DAY);
    mv_day_text(again, *out);
    return strcmp(again, text) == 0; /* no 31st of June */
}
