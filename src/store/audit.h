/* SPDX-License-Identifier: Apache-2.0
 *
 * audit.h: a log in which each line holds the hash of the one before it, so that a line changed,
 * removed or put in afterwards shows. A line is a JSON object:
 *
 *   {"n":7,"time":"2026-11-22T17:00:00Z","event":"stored","file":"64 hex","bytes":51364,
 *    "prev":"64 hex","hash":"64 hex"}
 *
 * hash is the BLAKE2b-256 of the line's bytes up to and without ,"hash". prev of line 1 is zeros.
 * Lines cut off at the end do not show by themselves: keep the last hash elsewhere now and then.
 */
#ifndef MV_STORE_AUDIT_H
#define MV_STORE_AUDIT_H

#include "base/status.h"

#include <stdbool.h>

#define MV_AUDIT_HASH_LEN 32

typedef struct mv_audit mv_audit; /* safe for threads */

/* mv_audit_open: checks the chain that is there and goes on with it; a last line without its end,
 * from a cut of the power, is taken off. errors: MV_E_AUTH (the chain is broken: nothing is
 * appended), MV_E_BUSY (another process appends), MV_E_IO, MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_audit_open(mv_audit **out, const char *path, mv_error *err);
void mv_audit_close(mv_audit **audit); /* flushes; NULL allowed */

/* mv_audit_add: event is one of ours, ASCII; file 32 bytes or NULL. In the file when it returns,
 * on disk after the next mv_audit_flush. */
MV_MUST_CHECK mv_status mv_audit_add(mv_audit *audit, const char *event, const uint8_t *file,
                                     uint64_t bytes);
MV_MUST_CHECK mv_status mv_audit_flush(mv_audit *audit);

typedef struct mv_audit_report {
    uint64_t lines;
    uint8_t head[MV_AUDIT_HASH_LEN]; /* hash of the last line; zeros when there is none */
    bool seen;                       /* the hash that was asked for is among the lines */
} mv_audit_report;

/* mv_audit_verify: the whole chain; wanted: a hash to look for, or NULL.
 * errors: MV_E_AUTH with the number of the first bad line, MV_E_NOT_FOUND, MV_E_IO */
MV_MUST_CHECK mv_status mv_audit_verify(mv_audit_report *out, const char *path,
                                        const uint8_t *wanted, mv_error *err);

#endif
