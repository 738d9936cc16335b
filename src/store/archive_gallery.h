/* SPDX-License-Identifier: Apache-2.0
 *
 * archive_gallery.h: galleries of encrypted embeddings in the archive: their log, and which blobs
 * are their parts, are in the database; so they are backed up, and swept after a cut of the power,
 * as files are. What a gallery takes counts to its mailbox, which has epoch 0 and the gallery's
 * name as its tag and also holds the sealed images of its rows, for as long as their owner likes.
 *
 * Calls for one gallery may come from several threads and, with PostgreSQL, several relays; who
 * changes it while another has it open makes that one's next change fail with MV_E_BUSY.
 */
#ifndef MV_STORE_ARCHIVE_GALLERY_H
#define MV_STORE_ARCHIVE_GALLERY_H

#include "analysis/gallery_store.h"
#include "store/archive.h"

#define MV_GALLERY_NAME_LEN 32

/* What one PUT brings. */
typedef enum mv_archive_key {
    MV_ARCHIVE_SEARCH_KEYS = 0, /* the gallery's evaluation keys: makes the gallery, if it is new */
    MV_ARCHIVE_MASK_KEY = 3     /* the public key that answers of private models are covered with */
} mv_archive_key;

/* mv_archive_gallery_put: keys, instead of those that are there. sender: who may add rows; NULL: as
 * it is, or nobody. errors: MV_E_POLICY (no room), MV_E_LIMIT, MV_E_IO, .. */
MV_MUST_CHECK mv_status mv_archive_gallery_put(mv_archive *archive,
                                               const uint8_t name[MV_GALLERY_NAME_LEN],
                                               mv_archive_key which, const uint8_t *sender,
                                               const uint8_t *bytes, size_t len);

/* mv_archive_gallery_keys: those bytes. errors: MV_E_NOT_FOUND, MV_E_LIMIT (more than out takes) */
MV_MUST_CHECK mv_status mv_archive_gallery_keys(mv_buffer *out, mv_archive *archive,
                                                const uint8_t name[MV_GALLERY_NAME_LEN],
                                                mv_archive_key which);

/* mv_archive_gallery_sender: errors: MV_E_NOT_FOUND (no such gallery) */
MV_MUST_CHECK mv_status mv_archive_gallery_sender(uint8_t sender[MV_GALLERY_NAME_LEN],
                                                  mv_archive *archive,
                                                  const uint8_t name[MV_GALLERY_NAME_LEN]);

/* mv_archive_gallery_version: grows with each change; -1: there is no such gallery. */
MV_MUST_CHECK mv_status mv_archive_gallery_version(int64_t *version, mv_archive *archive,
                                                   const uint8_t name[MV_GALLERY_NAME_LEN]);

/* mv_archive_gallery_open: errors: MV_E_NOT_FOUND (its keys were never uploaded), those of
 * galleries */
MV_MUST_CHECK mv_status mv_archive_gallery_open(mv_gallery **out, mv_archive *archive,
                                                const uint8_t name[MV_GALLERY_NAME_LEN],
                                                mv_error *err);

/* mv_archive_gallery_records: at most count records after the first `after` ones. */
MV_MUST_CHECK mv_status mv_archive_gallery_records(mv_buffer *out, mv_archive *archive,
                                                   const uint8_t name[MV_GALLERY_NAME_LEN],
                                                   uint64_t after, uint64_t count);

/* mv_archive_gallery_part: the parts that together hold all rows, in order: a descriptor of number
 * index, the caller's to close. errors: MV_E_NOT_FOUND (past the last) */
MV_MUST_CHECK mv_status mv_archive_gallery_part(int *fd, uint64_t *len, mv_archive *archive,
                                                const uint8_t name[MV_GALLERY_NAME_LEN],
                                                uint64_t index);

/* mv_archive_gallery_replace: everything but the keys, by the groups that next gives one by one
 * (*more false: there are no more), each with the records of its rows; all at once, unless the
 * gallery has another number of records than `records` (MV_E_MISMATCH). */
typedef mv_status (*mv_archive_next_group)(void *user, mv_gallery_change *group, bool *more);
MV_MUST_CHECK mv_status mv_archive_gallery_replace(mv_archive *archive,
                                                   const uint8_t name[MV_GALLERY_NAME_LEN],
                                                   uint64_t records, mv_archive_next_group next,
                                                   void *user);

/* mv_archive_gallery_ask: counts one more question about all zeros (a search), or a model.
 * errors: MV_E_POLICY: limit have been asked; nothing is counted. limit 0: none */
MV_MUST_CHECK mv_status mv_archive_gallery_ask(mv_archive *archive,
                                               const uint8_t name[MV_GALLERY_NAME_LEN],
                                               const uint8_t about[MV_GALLERY_NAME_LEN],
                                               uint64_t limit);

#endif
