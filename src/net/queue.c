/* SPDX-License-Identifier: Apache-2.0
 *
 * queue.c: the folder of sealed files on their way out. Read queue_internal.h first: which file
 * means what. A file appears under its name only when it is complete.
 */
#include "base/home.h"
#include "base/rng.h"
#include "client_internal.h"
#include "envelope/identity.h"
#include "queue_internal.h"
#include "wire/hex.h"
#include "wire/json.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- files and locks ---- */

void mv_queue_file(char out[MV_QUEUE_FILE_MAX], const char *id, const char *kind)
{
    (void)snprintf(out, MV_QUEUE_FILE_MAX, "%.16s.%s", id, kind);
}

bool mv_queue_range(const mv_queue *q, short type, off_t at)
{
    struct flock range = {.l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};
    return fcntl(q->lock_fd, F_OFD_SETLK, &range) == 0;
}

static off_t lock_place(const char *id)
{
    return (off_t)(strtoull(id, NULL, 16) >> 2);
}

bool mv_queue_lock(mv_queue *q, const char *id)
{
    return mv_queue_range(q, F_WRLCK, lock_place(id));
}

void mv_queue_unlock(mv_queue *q, const char *id)
{
    (void)mv_queue_range(q, F_UNLCK, lock_place(id));
}

bool mv_queue_has(const mv_queue *q, const char *id, const char *kind)
{
    char name[MV_QUEUE_FILE_MAX];
    mv_queue_file(name, id, kind);
    return faccessat(q->dir_fd, name, F_OK, 0) == 0;
}

static void drop(const mv_queue *q, const char *id, const char *kind)
{
    char name[MV_QUEUE_FILE_MAX];
    mv_queue_file(name, id, kind);
    (void)unlinkat(q->dir_fd, name, 0);
}

void mv_queue_drop_bytes(mv_queue *q, const char *id)
{
    drop(q, id, "mv");
}

int mv_queue_open_bytes(const mv_queue *q, const char *id)
{
    char name[MV_QUEUE_FILE_MAX];
    mv_queue_file(name, id, "mv");
    return openat(q->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

mv_status mv_queue_cannot_write(mv_error *err)
{
    const int why = errno;
    const mv_status st = mv_fail(err, MV_E_IO, "cannot write to the queue: %s", strerror(why));
    if (why == ENOSPC || why == EDQUOT) {
        mv_hint(err, "make room on the disk of MEDVEIL_HOME and send again");
    }
    return st;
}

bool mv_queue_write_all(int fd, const uint8_t *bytes, size_t len)
{
    while (len != 0) {
        const ssize_t done = write(fd, bytes, len);
        if (done < 0 && errno != EINTR) {
            return false;
        }
        if (done > 0) {
            bytes += done;
            len -= (size_t)done;
        }
    }
    return true;
}

/* Writes {id}.{kind}.new and gives it its name. */
mv_status mv_queue_put(mv_queue *q, const char *id, const char *kind, const uint8_t *bytes,
                       size_t len, mv_error *err)
{
    mv_status st = MV_OK;
    char name[MV_QUEUE_FILE_MAX], fresh[MV_QUEUE_FILE_MAX + 4];

    mv_queue_file(name, id, kind);
    (void)snprintf(fresh, sizeof fresh, "%s.new", name);
    const int fd = openat(q->dir_fd, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return mv_queue_cannot_write(err);
    }
    const bool written = mv_queue_write_all(fd, bytes, len);
    st = written ? MV_OK : mv_queue_cannot_write(err);
    (void)close(fd);
    if (st == MV_OK && renameat(q->dir_fd, fresh, q->dir_fd, name) != 0) {
        st = mv_queue_cannot_write(err);
    }
    return st;
}

mv_status mv_queue_flush(mv_queue *q, mv_error *err)
{
    return syncfs(q->dir_fd) == 0 ? MV_OK : mv_queue_cannot_write(err);
}

/* ---- opening ---- */

static bool ends_with(const char *name, const char *end)
{
    const size_t len = strlen(name), end_len = strlen(end);
    return len >= end_len && strcmp(name + len - end_len, end) == 0;
}

/* An id is 16 digits; anything else in the folder is not ours. */
bool mv_queue_read_id(char id[MV_QUEUE_ID_MAX], const char *name)
{
    uint8_t bytes[8];
    memset(id, 0, MV_QUEUE_ID_MAX);
    if (strlen(name) < 16 || !mv_hex_read(bytes, sizeof bytes, name)) {
        return false;
    }
    memcpy(id, name, 16);
    return true;
}

static DIR *open_folder(const mv_queue *q)
{
    const int fd = openat(q->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL && fd >= 0) {
        (void)close(fd);
    }
    return dir;
}

static bool delivered(mv_queue *q, const char *id)
{
    mv_queue_item item;
    return mv_queue_has(q, id, "receipt") && mv_queue_get(q, &item, id, NULL) == MV_OK &&
           item.state == MV_QUEUE_DELIVERED;
}

/* What a process that died left behind, while adding or just before it let the bytes go; only when
 * nobody is adding now. */
static void remove_leftovers(mv_queue *q)
{
    char id[MV_QUEUE_ID_MAX];
    DIR *dir = open_folder(q);

    if (dir != NULL && mv_queue_range(q, F_WRLCK, MV_QUEUE_ADDING)) {
        for (struct dirent *e; (e = readdir(dir)) != NULL;) {
            const bool uncommitted = ends_with(e->d_name, ".job.new");
            const bool orphan = ends_with(e->d_name, ".mv.new") ||
                                (ends_with(e->d_name, ".mv") && mv_queue_read_id(id, e->d_name) &&
                                 (!mv_queue_has(q, id, "job") || delivered(q, id)));
            if (uncommitted || orphan) {
                (void)unlinkat(q->dir_fd, e->d_name, 0);
            }
        }
        (void)mv_queue_range(q, F_UNLCK, MV_QUEUE_ADDING);
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
}

mv_status mv_queue_open(mv_queue **out, mv_error *err)
{
    mv_status st = MV_OK;
    char path[MV_QUEUE_PATH_MAX];
    mv_queue *q = calloc(1, sizeof *q);

    *out = NULL;
    MV_REQUIRE(q != NULL, err, MV_E_MEMORY, "out of memory");
    q->dir_fd = q->lock_fd = -1;
    MV_TRY(mv_home_make(path, sizeof path, "queue", err));
    q->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    MV_REQUIRE(q->dir_fd >= 0, err, MV_E_IO, "cannot open %s: %s", path, strerror(errno));
    q->lock_fd = openat(q->dir_fd, "locks", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    MV_REQUIRE(q->lock_fd >= 0, err, MV_E_IO, "cannot write in %s: %s", path, strerror(errno));
    remove_leftovers(q);
    *out = q;
    q = NULL;
done:
    mv_queue_free(&q);
    return st;
}

void mv_queue_free(mv_queue **queue)
{
    mv_queue *q = *queue;
    if (q == NULL) {
        return;
    }
    if (q->dir_fd >= 0) {
        (void)close(q->dir_fd);
    }
    if (q->lock_fd >= 0) {
        (void)close(q->lock_fd);
    }
    free(q->added);
    free(q);
    *queue = NULL;
}

/* ---- walking, pausing, cancelling ---- */

typedef struct dated {
    char id[MV_QUEUE_ID_MAX];
    struct timespec added;
} dated;

static int by_date(const void *a, const void *b)
{
    const dated *x = a, *y = b;
    if (x->added.tv_sec != y->added.tv_sec) {
        return x->added.tv_sec < y->added.tv_sec ? -1 : 1;
    }
    if (x->added.tv_nsec != y->added.tv_nsec) {
        return x->added.tv_nsec < y->added.tv_nsec ? -1 : 1;
    }
    return strcmp(x->id, y->id);
}

static mv_status note_dated(dated **list, size_t *count, const mv_queue *q, const char *name)
{
    struct stat info;
    dated d;

    if (!ends_with(name, ".job") || !mv_queue_read_id(d.id, name) ||
        fstatat(q->dir_fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
        return MV_OK;
    }
    if ((*count & (*count - 1)) == 0) { /* the room doubles at powers of two */
        dated *longer = realloc(*list, (*count == 0 ? 1 : 2 * *count) * sizeof *longer);
        if (longer == NULL) {
            return MV_E_MEMORY;
        }
        *list = longer;
    }
    d.added = info.st_mtim;
    (*list)[(*count)++] = d;
    return MV_OK;
}

mv_status mv_queue_ids(const mv_queue *q, char (**ids)[MV_QUEUE_ID_MAX], size_t *count,
                       mv_error *err)
{
    mv_status st = MV_OK;
    dated *list = NULL;
    DIR *dir = open_folder(q);

    *ids = NULL;
    *count = 0;
    MV_REQUIRE(dir != NULL, err, MV_E_IO, "cannot read the queue: %s", strerror(errno));
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        st = note_dated(&list, count, q, e->d_name);
        MV_REQUIRE(st == MV_OK, err, st, "out of memory");
    }
    if (*count != 0) {
        qsort(list, *count, sizeof *list, by_date);
    }
    *ids = calloc(*count + 1, sizeof **ids);
    MV_REQUIRE(*ids != NULL, err, MV_E_MEMORY, "out of memory");
    for (size_t i = 0; i < *count; i++) {
        memcpy((*ids)[i], list[i].id, MV_QUEUE_ID_MAX);
    }
done:
    if (dir != NULL) {
        (void)closedir(dir);
    }
    free(list);
    return st;
}

mv_status mv_queue_each(mv_queue *q, mv_status (*visit)(void *user, const mv_queue_item *item),
                        void *user, mv_error *err)
{
    mv_status st = MV_OK;
    char(*ids)[MV_QUEUE_ID_MAX] = NULL;
    size_t count = 0;
    mv_queue_item *item = malloc(sizeof *item);

    MV_REQUIRE(item != NULL, err, MV_E_MEMORY, "out of memory");
    MV_TRY(mv_queue_ids(q, &ids, &count, err));
    for (size_t i = 0; i < count; i++) {
        st = mv_queue_get(q, item, ids[i], err);
        if (st == MV_E_NOT_FOUND) { /* cancelled since */
            st = MV_OK;
            continue;
        }
        MV_TRY(st);
        MV_TRY(visit(user, item));
    }
done:
    free(ids);
    free(item);
    return st;
}

mv_status mv_queue_pause(mv_queue *q, const char *id, bool paused, mv_error *err)
{
    mv_queue_item item;
    mv_status st = mv_queue_get(q, &item, id, err);
    if (st == MV_OK && paused) {
        st = mv_queue_put(q, id, "paused", NULL, 0, err);
    } else if (st == MV_OK) {
        drop(q, id, "paused");
    }
    return st;
}

/* The job goes first: without it the item is no more, whatever else is left. */
mv_status mv_queue_cancel(mv_queue *q, const char *id, mv_error *err)
{
    static const char *const kinds[] = {"job", "mv", "state", "receipt", "paused"};
    mv_status st = MV_OK;
    mv_queue_item item;

    MV_TRY(mv_queue_get(q, &item, id, err));
    if (!mv_queue_lock(q, id)) {
        st = mv_fail(err, MV_E_BUSY, "%s is being sent by another medveil", item.name);
        mv_hint(err, "stop it first: medveil queue pause %s", id);
        return st;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        drop(q, id, kinds[i]);
    }
    mv_queue_unlock(q, id);
    st = fsync(q->dir_fd) == 0 ? MV_OK : mv_queue_cannot_write(err);
done:
    return st;
}
