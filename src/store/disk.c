/* SPDX-License-Identifier: Apache-2.0
 *
 * disk.c: writing, flushing, renaming.
 */
#include "store/disk.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static mv_disk_watch watch;
static void *watch_user;

void mv_disk_watch_set(mv_disk_watch new_watch, void *user)
{
    watch = new_watch;
    watch_user = user;
}

static void tell(mv_disk_event event, int at, const char *name)
{
    if (watch != NULL) {
        watch(watch_user, event, at, name);
    }
}

mv_status mv_disk_status(int error)
{
    switch (error) {
    case ENOENT:
        return MV_E_NOT_FOUND;
    case ENOSPC:
    case EDQUOT:
    case EFBIG: /* larger than the file system or this process may have files */
        return MV_E_POLICY;
    case ENOMEM:
        return MV_E_MEMORY;
    default:
        return MV_E_IO;
    }
}

mv_status mv_disk_create(int *fd, int at, const char *name, uint64_t len)
{
    mv_status st = MV_OK;
    *fd = openat(at, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    MV_ENSURE(*fd >= 0, mv_disk_status(errno));
    tell(MV_DISK_CREATE, at, name);
    if (len != 0 && fallocate(*fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)len) != 0) {
        MV_ENSURE(errno == EOPNOTSUPP || errno == ENOSYS, mv_disk_status(errno));
    }
done:
    if (st != MV_OK && *fd >= 0) {
        (void)close(*fd);
        (void)unlinkat(at, name, 0);
        *fd = -1;
    }
    return st;
}

mv_status mv_disk_write(int fd, const uint8_t *bytes, size_t len, uint64_t offset)
{
    const mv_status st = mv_file_write_at(fd, bytes, len, offset) ? MV_OK : mv_disk_status(errno);
    tell(MV_DISK_WRITE, fd, NULL);
    return st;
}

static bool lock(int fd, int how)
{
    int rc = 0;
    do {
        rc = flock(fd, how);
    } while (rc != 0 && errno == EINTR);
    return rc == 0;
}

mv_status mv_disk_write_open(int fd, const uint8_t *bytes, size_t len, uint64_t offset)
{
    mv_status st = MV_E_IO;
    struct stat info;
    if (lock(fd, LOCK_SH) && fstat(fd, &info) == 0) {
        st = (info.st_mode & S_IWUSR) == 0 ? MV_E_NOT_FOUND : mv_disk_write(fd, bytes, len, offset);
    }
    (void)lock(fd, LOCK_UN);
    return st;
}

mv_status mv_disk_close_writes(int fd)
{
    const bool closed = lock(fd, LOCK_EX) && fchmod(fd, S_IRUSR) == 0;
    const mv_status st = closed ? MV_OK : mv_disk_status(errno);
    (void)lock(fd, LOCK_UN);
    return st;
}

mv_status mv_disk_append(int fd, const uint8_t *bytes, size_t len)
{
    const ssize_t done = write(fd, bytes, len);
    tell(MV_DISK_WRITE, fd, NULL);
    return done == (ssize_t)len ? MV_OK : mv_disk_status(done < 0 ? errno : ENOSPC);
}

mv_status mv_disk_flush(int fd)
{
    const mv_status st = fsync(fd) == 0 ? MV_OK : mv_disk_status(errno);
    tell(MV_DISK_FLUSH, fd, NULL);
    return st;
}

mv_status mv_disk_flush_all(int fd)
{
    const mv_status st = syncfs(fd) == 0 ? MV_OK : mv_disk_status(errno);
    tell(MV_DISK_FLUSH, -1, NULL);
    return st;
}

mv_status mv_disk_rename(int from_at, const char *from, int to_at, const char *to)
{
    const mv_status st = renameat(from_at, from, to_at, to) == 0 ? MV_OK : mv_disk_status(errno);
    tell(MV_DISK_RENAME, to_at, to);
    return st;
}

mv_status mv_disk_link(int at, const char *from, const char *to)
{
    const mv_status st = linkat(at, from, at, to, 0) == 0 ? MV_OK : mv_disk_status(errno);
    tell(MV_DISK_CREATE, at, to);
    return st;
}

void mv_disk_remove(int at, const char *name)
{
    (void)unlinkat(at, name, 0);
    tell(MV_DISK_REMOVE, at, name);
}
