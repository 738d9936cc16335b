/* SPDX-License-Identifier: Apache-2.0
 *
 * usage.h: how much each mailbox holds, so that quotas need no walk over the disk. Files that are
 * still on their way count as if they were there. Not safe for threads: the archive locks.
 */
#ifndef MV_STORE_USAGE_H
#define MV_STORE_USAGE_H

#include "base/status.h"
#include "wire/route.h"

#include <stdbool.h>

typedef struct mv_usage_row {
    uint8_t mailbox[MV_MAILBOX_LEN];
    uint64_t bytes; /* charged, see mv_usage_charge */
    size_t files;   /* stored or on their way; a row with none is removed */
} mv_usage_row;

typedef struct mv_usage {
    mv_usage_row *row; /* sorted by mailbox */
    size_t count, cap;
    uint64_t bytes; /* sum over all rows */
} mv_usage;

/* What a file of len bytes counts: whole blocks of 4096, so that many tiny files are bounded too.
 */
uint64_t mv_usage_charge(uint64_t len);

uint64_t mv_usage_of(const mv_usage *usage, const uint8_t mailbox[MV_MAILBOX_LEN]);
MV_MUST_CHECK mv_status mv_usage_add(mv_usage *usage, const uint8_t mailbox[MV_MAILBOX_LEN],
                                     uint64_t len);
/* mv_usage_remove: true when nothing is left in the mailbox. */
bool mv_usage_remove(mv_usage *usage, const uint8_t mailbox[MV_MAILBOX_LEN], uint64_t len);
void mv_usage_clear(mv_usage *usage);

#endif
