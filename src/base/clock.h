/* SPDX-License-Identifier: Apache-2.0
 *
 * clock.h: monotonic time for measurements and timeouts.
 */
#ifndef MV_BASE_CLOCK_H
#define MV_BASE_CLOCK_H

double mv_clock_ms(void); /* milliseconds since some fixed point; never goes back */

#endif
