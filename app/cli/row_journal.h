/* SPDX-License-Identifier: Apache-2.0
 *
 * row_journal.h: measured rows as lines of text, so that an interrupted measurement goes on.
 *
 * The first line is a title, which names everything that decides the figures. Each other line is a
 * letter, three indices, and numbers; %.17g brings a double back exactly. A line without its end
 * was being written when the run stopped: it is cut off and measured again.
 */
#ifndef MV_CLI_ROW_JOURNAL_H
#define MV_CLI_ROW_JOURNAL_H

#include "medveil/status.h"

#include <stdbool.h>

enum { JOURNAL_VALUES_MAX = 512 };

typedef struct journal_row {
    char kind;
    size_t at[3];
    double value[JOURNAL_VALUES_MAX];
    size_t count;
} journal_row;

void journal_row_add(journal_row *row, double value); /* past the room: dropped */
/* Structs that are all doubles; what a row lacks comes back as 0. */
void journal_row_put(journal_row *row, const double *value, size_t count);
void journal_row_get(double *value, size_t count, const journal_row *row);

typedef struct row_journal row_journal;

/* row_journal_open: the file of this title; take gets every row that an earlier run left in it, and
 * says false of one that this measurement cannot have written. anew: begin again.
 * owner: the caller closes *out. errors: MV_E_MISMATCH (another title), MV_E_FORMAT, MV_E_IO,
 * MV_E_MEMORY */
MV_MUST_CHECK mv_status row_journal_open(row_journal **out, const char *path, const char *title,
                                         bool anew,
                                         bool (*take)(void *user, const journal_row *row),
                                         void *user, size_t *resumed, mv_error *err);
void row_journal_close(row_journal **journal);

/* row_journal_write: locks, writes one line and flushes it. errors: MV_E_IO */
MV_MUST_CHECK mv_status row_journal_write(row_journal *journal, const journal_row *row);

#endif
