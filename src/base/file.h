/* SPDX-License-Identifier: Apache-2.0
 *
 * file.h: whole-file reading with a bound, and writing that either happens completely or not at
 * all (temporary name in the same folder, flush to disk, rename). "-" means standard input or
 * output.
 */
#ifndef MV_BASE_FILE_H
#define MV_BASE_FILE_H

#include "base/bytes.h"

#include <stdio.h>

/* mv_file_read: append the whole file to out, at most out->max bytes in all.
 * errors: MV_E_NOT_FOUND, MV_E_IO, MV_E_LIMIT, MV_E_MEMORY, each with a sentence in err */
MV_MUST_CHECK mv_status mv_file_read(mv_buffer *out, const char *path, mv_error *err);

/* mv_private_read: a file with a secret of at most cap bytes; refuses a regular file that others
 * can read, with the chmod command as hint. No copy of the content stays in a buffer. what names it
 * in sentences ("identity"). errors: MV_E_NOT_FOUND, MV_E_IO, MV_E_POLICY, MV_E_LIMIT */
MV_MUST_CHECK mv_status mv_private_read(char *out, size_t cap, size_t *len, const char *path,
                                        const char *what, mv_error *err);

/* A file being written. Zero-initialise with mv_output out = {0}; every path ends in
 * mv_output_abort, which does nothing after a successful mv_output_commit. */
typedef struct mv_output {
    FILE *stream; /* write here */
    char *path;
    char *temporary; /* NULL for "-" */
} mv_output;

enum { MV_OUTPUT_FORCE = 1 /* replace an existing file */, MV_OUTPUT_PRIVATE = 2 /* mode 0600 */ };

/* errors: MV_E_EXISTS without MV_OUTPUT_FORCE, MV_E_IO */
MV_MUST_CHECK mv_status mv_output_open(mv_output *out, const char *path, unsigned flags,
                                       mv_error *err);
MV_MUST_CHECK mv_status mv_output_commit(mv_output *out, mv_error *err);
void mv_output_abort(mv_output *out); /* removes the temporary file */

/* mv_file_write: open, write, commit in one call. */
MV_MUST_CHECK mv_status mv_file_write(const char *path, const uint8_t *bytes, size_t len,
                                      unsigned flags, mv_error *err);

/* mv_file_write_at: all bytes at this offset; false with errno. A large file begins on its way to
 * the disk meanwhile, so that a flush at its end finds little left to do. */
bool mv_file_write_at(int fd, const uint8_t *bytes, size_t len, uint64_t offset);

/* mv_output_discard_all: remove the temporary files of every output still open; for the handler of
 * a fatal signal. Async-signal-safe. */
void mv_output_discard_all(void);

#endif
