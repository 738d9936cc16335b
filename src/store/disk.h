/* SPDX-License-Identifier: Apache-2.0
 *
 * disk.h: the calls through which the archive changes files, so that a test can watch each and cut
 * the power between any two. A name is relative to the descriptor of its folder.
 */
#ifndef MV_STORE_DISK_H
#define MV_STORE_DISK_H

#include "base/status.h"

typedef enum mv_disk_event {
    MV_DISK_CREATE, /* at, name */
    MV_DISK_WRITE,  /* at = the file */
    MV_DISK_FLUSH,  /* at = the file or folder */
    MV_DISK_RENAME, /* at, name: the new place */
    MV_DISK_REMOVE, /* at, name */
    MV_DISK_EVENTS
} mv_disk_event;

/* Tests only: called after each change; NULL: nobody watches. */
typedef void (*mv_disk_watch)(void *user, mv_disk_event event, int at, const char *name);
void mv_disk_watch_set(mv_disk_watch watch, void *user);

mv_status mv_disk_status(int error); /* what an errno means */

/* mv_disk_create: a new file of len bytes for writing, its room taken at once where the file system
 * can. errors: MV_E_POLICY (disk full), MV_E_IO */
MV_MUST_CHECK mv_status mv_disk_create(int *fd, int at, const char *name, uint64_t len);
MV_MUST_CHECK mv_status mv_disk_write(int fd, const uint8_t *bytes, size_t len, uint64_t offset);
/* mv_disk_write_open: the same, unless the file was closed to all who write, by whatever process:
 * MV_E_NOT_FOUND. mv_disk_close_writes: from now on it is, also to those who have it open; its mode
 * says so. Waits for writes on their way. */
MV_MUST_CHECK mv_status mv_disk_write_open(int fd, const uint8_t *bytes, size_t len,
                                           uint64_t offset);
MV_MUST_CHECK mv_status mv_disk_close_writes(int fd);
MV_MUST_CHECK mv_status mv_disk_append(int fd, const uint8_t *bytes, size_t len);
MV_MUST_CHECK mv_status mv_disk_flush(int fd);
/* mv_disk_flush_all: everything on the file system of fd; cheaper than many single flushes. */
MV_MUST_CHECK mv_status mv_disk_flush_all(int fd);
MV_MUST_CHECK mv_status mv_disk_rename(int from_at, const char *from, int to_at, const char *to);
MV_MUST_CHECK mv_status mv_disk_link(int at, const char *from, const char *to); /* a second name */
void mv_disk_remove(int at, const char *name);

#endif
