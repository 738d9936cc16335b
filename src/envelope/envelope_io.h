/* SPDX-License-Identifier: Apache-2.0
 *
 * envelope_io.h: sources, sinks, and the spool in which a sealer keeps what it has encrypted.
 */
#ifndef MV_ENVELOPE_IO_H
#define MV_ENVELOPE_IO_H

#include "base/bytes.h"
#include "medveil/envelope.h"

/* mv_source_read: exactly len bytes from place at. errors: MV_E_TRUNCATED (past the end), those of
 * the source */
MV_MUST_CHECK mv_status mv_source_read(const mv_source *source, uint64_t at, uint8_t *out,
                                       size_t len, mv_error *err);

/* Bytes that grow: in memory up to MV_SPOOL_MEMORY, then in a temporary file without a name, under
 * ChaCha20 with a key that is nowhere else: what is spooled may be patients' data. No place is
 * written twice. Zero-initialise with mv_spool_make. */
enum { MV_SPOOL_MEMORY = 1 << 22 };

typedef struct mv_spool {
    mv_buffer memory;
    FILE *file;
    void *key; /* of the file, mv_secret memory */
    uint64_t len;
} mv_spool;

mv_spool mv_spool_make(void);

/* errors: MV_E_MEMORY, MV_E_IO, MV_E_RANDOM */
MV_MUST_CHECK mv_status mv_spool_append(mv_spool *spool, const uint8_t *bytes, size_t len,
                                        mv_error *err);
/* mv_spool_source: what was appended so far; borrows. errors: MV_E_IO */
MV_MUST_CHECK mv_status mv_spool_source(mv_source *out, mv_spool *spool, mv_error *err);
void mv_spool_clear(mv_spool *spool);

#endif
