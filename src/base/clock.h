/* SPDX-License-Identifier: Apache-2.0
 *
 * clock.h: monotonic time for measurements and timeouts; days for dates on cards.
 */
#ifndef MV_BASE_CLOCK_H
#define MV_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

double mv_clock_ms(void); /* milliseconds since some fixed point; never goes back */

/* Days since 1970-01-01, UTC. */
#define MV_DAY_TEXT_MAX 16   /* "2026-11-22" and the final zero */
uint32_t mv_clock_day(void); /* today; 0 when the clock is before 1970 */
void mv_day_text(char out[MV_DAY_TEXT_MAX], uint32_t day);
bool mv_day_parse(uint32_t *out, const char *text); /* "2026-11-22"; false: no such day */

#endif
