/* SPDX-License-Identifier: Apache-2.0
 *
 * status.h: how every medveil call says whether it worked.
 *
 * A fallible call returns one mv_status. Its category tells the caller what to do next: fix the
 * call, reject the bytes, ask for less, try later, stop, or report a defect. A sentence for people
 * (what, where, what to do next) goes into an mv_error that the caller passes; it never holds
 * pixels, keys or patient identifiers. On error every output is untouched or zeroed.
 */
#ifndef MEDVEIL_STATUS_H
#define MEDVEIL_STATUS_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define MV_API               __attribute__((visibility("default")))
#define MV_MUST_CHECK        __attribute__((warn_unused_result))
#define MV_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define MV_API
#define MV_MUST_CHECK
#define MV_PRINTF(fmt, args)
#endif

/* What the caller should do. */
typedef enum mv_category {
    MV_CATEGORY_OK,
    MV_CATEGORY_USAGE,    /* fix the call */
    MV_CATEGORY_INPUT,    /* reject the bytes */
    MV_CATEGORY_LIMIT,    /* ask for less */
    MV_CATEGORY_RESOURCE, /* try later, or give more room */
    MV_CATEGORY_CRYPTO,   /* stop: one indistinct answer for every authentication failure */
    MV_CATEGORY_POLICY,   /* refused on purpose */
    MV_CATEGORY_INTERNAL  /* a defect of ours: report it */
} mv_category;

/* name, category, sentence */
#define MV_STATUS_LIST(X)                                                                          \
    X(MV_OK, OK, "done")                                                                           \
    X(MV_E_ARGUMENT, USAGE, "an argument is out of its documented range")                          \
    X(MV_E_SPACE, USAGE, "the output buffer is too small")                                         \
    X(MV_E_UNSUPPORTED, USAGE, "this combination is not supported")                                \
    X(MV_E_MISMATCH, USAGE, "the two objects do not belong together")                              \
    X(MV_E_FORMAT, INPUT, "the bytes are not in the expected format")                              \
    X(MV_E_TRUNCATED, INPUT, "the bytes end too early")                                            \
    X(MV_E_RANGE, INPUT, "a value in the input is out of range")                                   \
    X(MV_E_LIMIT, LIMIT, "the input is larger than the limit")                                     \
    X(MV_E_SECURITY, LIMIT, "the parameters are below the security limit")                         \
    X(MV_E_NOISE, LIMIT, "no noise budget is left for this operation")                             \
    X(MV_E_LEVEL, LIMIT, "no level is left for this operation")                                    \
    X(MV_E_MEMORY, RESOURCE, "out of memory")                                                      \
    X(MV_E_IO, RESOURCE, "reading or writing failed")                                              \
    X(MV_E_RANDOM, RESOURCE, "the system gave no random bytes")                                    \
    X(MV_E_NETWORK, RESOURCE, "the connection failed")                                             \
    X(MV_E_NOT_FOUND, RESOURCE, "there is no such object or peer")                                 \
    X(MV_E_EXISTS, RESOURCE, "the output exists already")                                          \
    X(MV_E_BUSY, RESOURCE, "somebody else is using it")                                            \
    X(MV_E_INTERRUPTED, RESOURCE, "interrupted")                                                   \
    X(MV_E_WRONG_KEY, CRYPTO, "none of the keys opens this")                                       \
    X(MV_E_AUTH, CRYPTO, "the data is not authentic")                                              \
    X(MV_E_POLICY, POLICY, "refused by policy")                                                    \
    X(MV_E_INTERNAL, INTERNAL, "internal error")

typedef enum mv_status {
#define MV_X(name, category, sentence) name,
    MV_STATUS_LIST(MV_X)
#undef MV_X
} mv_status;

MV_API const char *mv_status_name(mv_status status);     /* "MV_E_FORMAT"; static text */
MV_API const char *mv_status_sentence(mv_status status); /* static text, no capital, no full stop */
MV_API mv_category mv_status_category(mv_status status);

#define MV_ERROR_TEXT_MAX 512

/* One sentence about the first thing that went wrong. Zero-initialise: mv_error err = {0}; */
typedef struct mv_error {
    mv_status status;
    char text[MV_ERROR_TEXT_MAX];
    char hint[MV_ERROR_TEXT_MAX]; /* what to do next; may be empty */
} mv_error;

/* mv_fail: put a sentence into err (NULL allowed, an earlier sentence is kept) and return status.
 */
MV_API mv_status mv_fail(mv_error *err, mv_status status, const char *format, ...) MV_PRINTF(3, 4);

/* mv_hint: add what to do next; does nothing when err is NULL or has a hint already. */
MV_API void mv_hint(mv_error *err, const char *format, ...) MV_PRINTF(2, 3);

/* Long work reports here and asks whether to go on. step may be NULL. total 0 means unknown.
 * A return other than MV_OK (normally MV_E_INTERRUPTED) stops the work with that status. */
typedef struct mv_progress {
    mv_status (*step)(void *user, const char *stage, uint64_t done, uint64_t total);
    void *user;
} mv_progress;

#ifdef __cplusplus
}
#endif
#endif
