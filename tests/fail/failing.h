/* SPDX-License-Identifier: Apache-2.0
 *
 * failing.h: memory and random bytes that run out when a test says so. Linked with --wrap of
 * malloc, calloc, realloc, aligned_alloc, strdup, sodium_malloc and mv_random_bytes (meson.build),
 * so only what the libraries ask for fails, not what the C library itself needs.
 */
#ifndef MV_TEST_FAILING_H
#define MV_TEST_FAILING_H

#include "base/status.h"

#include <stdbool.h>

/* So many requests succeed, the next one fails; -1: all succeed, and again after the one that
 * failed. */
extern int memory_left, random_left;

/* comes_to_zero: one more request of that kind; is it the one that fails? */
bool comes_to_zero(int *left);

/* fail_each: let the first, the second, .. request fail until none is left to fail; each failure
 * gives this status, the last run MV_OK. Returns how many there were. */
int fail_each(int *left, mv_status expected, mv_status (*work)(void));

/* Bytes in use and their peak while counting; a test that counts wraps free and takes away there.
 */
extern bool counting;
extern size_t live, peak;

#endif
