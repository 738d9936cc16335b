/* SPDX-License-Identifier: Apache-2.0
 *
 * usage.c: a sorted array; a relay has thousands of mailboxes, not millions.
 */
#include "store/usage.h"

#include <string.h>

uint64_t mv_usage_charge(uint64_t len)
{
    return len / 4096 * 4096 + (len % 4096 != 0 || len == 0 ? 4096 : 0);
}

/* The first row whose mailbox is not smaller. */
static size_t position(const mv_usage *usage, const uint8_t mailbox[MV_MAILBOX_LEN])
{
    size_t low = 0, high = usage->count;
    while (low < high) {
        const size_t mid = low + (high - low) / 2;
        if (memcmp(usage->row[mid].mailbox, mailbox, MV_MAILBOX_LEN) < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

static bool is_at(const mv_usage *usage, size_t i, const uint8_t mailbox[MV_MAILBOX_LEN])
{
    return i < usage->count && memcmp(usage->row[i].mailbox, mailbox, MV_MAILBOX_LEN) == 0;
}

uint64_t mv_usage_of(const mv_usage *usage, const uint8_t mailbox[MV_MAILBOX_LEN])
{
    const size_t i = position(usage, mailbox);
    return is_at(usage, i, mailbox) ? usage->row[i].bytes : 0;
}

static mv_status insert(mv_usage *usage, size_t i, const uint8_t mailbox[MV_MAILBOX_LEN])
{
    if (usage->count == usage->cap) {
        const size_t cap = usage->cap == 0 ? 64 : 2 * usage->cap;
        mv_usage_row *row = realloc(usage->row, cap * sizeof *row);
        if (row == NULL) {
            return MV_E_MEMORY;
        }
        usage->row = row;
        usage->cap = cap;
    }
    memmove(usage->row + i + 1, usage->row + i, (usage->count - i) * sizeof *usage->row);
    memset(&usage->row[i], 0, sizeof usage->row[i]);
    memcpy(usage->row[i].mailbox, mailbox, MV_MAILBOX_LEN);
    usage->count++;
    return MV_OK;
}

mv_status mv_usage_add(mv_usage *usage, const uint8_t mailbox[MV_MAILBOX_LEN], uint64_t len)
{
    mv_status st = MV_OK;
    const size_t i = position(usage, mailbox);
    if (!is_at(usage, i, mailbox)) {
        MV_TRY(insert(usage, i, mailbox));
    }
    usage->row[i].bytes += mv_usage_charge(len);
    usage->row[i].files++;
    usage->bytes += mv_usage_charge(len);
done:
    return st;
}

bool mv_usage_remove(mv_usage *usage, const uint8_t mailbox[MV_MAILBOX_LEN], uint64_t len)
{
    const size_t i = position(usage, mailbox);
    MV_ASSERT(is_at(usage, i, mailbox) && usage->row[i].files != 0);
    usage->row[i].bytes -= mv_usage_charge(len);
    usage->bytes -= mv_usage_charge(len);
    if (--usage->row[i].files != 0) {
        return false;
    }
    usage->count--;
    memmove(usage->row + i, usage->row + i + 1, (usage->count - i) * sizeof *usage->row);
    return true;
}

void mv_usage_clear(mv_usage *usage)
{
    free(usage->row);
    memset(usage, 0, sizeof *usage);
}
