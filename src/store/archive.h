/* SPDX-License-Identifier: Apache-2.0
 *
 * archive.h: mailboxes of sealed files on disk. A file is named by the BLAKE2b-256 of its bytes and
 * is never changed; it is either wholly there or not at all.
 *
 *   STATE/lock                      held while an archive is open: one process per folder
 *   STATE/incoming/                 uploads on their way; emptied when the archive is opened
 *   STATE/mailboxes/{mailbox}/{file}
 *
 * A file becomes visible by one rename after its bytes are on disk; the folder is flushed before
 * the sender hears of success. An archive may be used by many threads; one upload by one at a time.
 */
#ifndef MV_STORE_ARCHIVE_H
#define MV_STORE_ARCHIVE_H

#include "base/status.h"
#include "wire/messages.h"

typedef struct mv_archive mv_archive;
typedef struct mv_upload mv_upload;

typedef struct mv_archive_limits {
    uint64_t file_bytes;    /* of one file */
    uint64_t mailbox_bytes; /* of all files of a mailbox, each rounded up to 4096 */
    uint64_t store_bytes;   /* of all mailboxes */
} mv_archive_limits;

/* mv_archive_open: makes the folder (0700) when it is not there.
 * errors: MV_E_BUSY (another process has it), MV_E_IO, MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_archive_open(mv_archive **out, const char *dir,
                                        const mv_archive_limits *limits, mv_error *err);
void mv_archive_free(mv_archive **archive);

/* mv_archive_begin: room for a file of exactly len bytes is reserved until commit or free.
 * errors: MV_E_EXISTS (it is there already), MV_E_LIMIT (larger than one file may be), MV_E_POLICY
 * (a quota or the disk is full), MV_E_IO, MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_archive_begin(mv_upload **out, mv_archive *archive,
                                         const uint8_t mailbox[MV_MAILBOX_LEN],
                                         const uint8_t file[MV_FILE_HASH_LEN], uint64_t len);
/* errors: MV_E_RANGE (more than len bytes), MV_E_POLICY (disk full), MV_E_IO */
MV_MUST_CHECK mv_status mv_upload_write(mv_upload *upload, const uint8_t *bytes, size_t len);
/* mv_upload_commit: errors: MV_E_TRUNCATED (fewer bytes), MV_E_AUTH (another hash), MV_E_EXISTS (a
 * second upload of the same file came first), MV_E_POLICY, MV_E_IO */
MV_MUST_CHECK mv_status mv_upload_commit(mv_upload *upload);
void mv_upload_free(mv_upload **upload); /* without commit: nothing is left */

/* mv_archive_list: files of a mailbox with names greater than after, ascending; an unknown mailbox
 * is an empty one. errors: MV_E_IO, MV_E_MEMORY; out is then empty */
MV_MUST_CHECK mv_status mv_archive_list(mv_listing *out, const mv_archive *archive,
                                        const uint8_t mailbox[MV_MAILBOX_LEN],
                                        const uint8_t after[MV_FILE_HASH_LEN]);

/* mv_archive_get: a descriptor for reading, the caller's to close. errors: MV_E_NOT_FOUND, MV_E_IO
 */
MV_MUST_CHECK mv_status mv_archive_get(int *fd, uint64_t *len, const mv_archive *archive,
                                       const uint8_t mailbox[MV_MAILBOX_LEN],
                                       const uint8_t file[MV_FILE_HASH_LEN]);
MV_MUST_CHECK mv_status mv_archive_remove(mv_archive *archive,
                                          const uint8_t mailbox[MV_MAILBOX_LEN],
                                          const uint8_t file[MV_FILE_HASH_LEN]);

#endif
