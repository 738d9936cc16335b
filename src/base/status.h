/* SPDX-License-Identifier: Apache-2.0
 *
 * status.h (internal): MV_TRY, MV_ENSURE and MV_ASSERT on top of the public status list.
 * A function that uses MV_TRY has `mv_status st = MV_OK;` and one `done:` label that wipes and
 * frees on success and failure alike.
 */
#ifndef MV_BASE_STATUS_H
#define MV_BASE_STATUS_H

#include "medveil/status.h"

#include <stdlib.h>

#define MV_TRY(call)                                                                               \
    do {                                                                                           \
        st = (call);                                                                               \
        if (st != MV_OK) {                                                                         \
            goto done;                                                                             \
        }                                                                                          \
    } while (0)

#define MV_ENSURE(condition, status)                                                               \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            st = (status);                                                                         \
            goto done;                                                                             \
        }                                                                                          \
    } while (0)

/* MV_REQUIRE: as MV_ENSURE, with a sentence for people. */
#define MV_REQUIRE(condition, err, status, ...)                                                    \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            st = mv_fail((err), (status), __VA_ARGS__);                                            \
            goto done;                                                                             \
        }                                                                                          \
    } while (0)

/* A promise inside our own code. Never used on bytes from outside. */
#ifdef MV_DEBUG
#define MV_ASSERT(condition)                                                                       \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            mv_assert_failed(#condition, __FILE__, __LINE__);                                      \
        }                                                                                          \
    } while (0)
#else
#define MV_ASSERT(condition) ((void)sizeof(condition))
#endif

void mv_assert_failed(const char *condition, const char *file, int line);

#endif
