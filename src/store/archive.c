/* SPDX-License-Identifier: Apache-2.0
 *
 * archive.c: mailboxes of sealed files in a folder.
 */
#include "store/archive.h"

#include "base/rng.h"
#include "store/usage.h"
#include "wire/hex.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_LEN 64 /* of a mailbox or a file: 32 bytes in hex */

typedef char entry_name[NAME_LEN + 1];

struct mv_archive {
    int lock_fd, incoming_fd, mailboxes_fd;
    mv_archive_limits limits;
    pthread_mutex_t mutex; /* guards usage, and that a mailbox's folder comes and goes with it */
    mv_usage usage;
};

struct mv_upload {
    mv_archive *archive;
    uint8_t mailbox[MV_MAILBOX_LEN], file[MV_FILE_HASH_LEN];
    uint64_t len, written;
    int fd;
    entry_name temporary;
    bool reserved, temporary_exists;
    crypto_generichash_state hash;
};

/* Two names below the mailboxes folder: "{mailbox}/{file}". */
typedef char file_path[2 * NAME_LEN + 2];

static void path_of(file_path out, const uint8_t mailbox[MV_MAILBOX_LEN],
                    const uint8_t file[MV_FILE_HASH_LEN])
{
    mv_hex_write(out, mailbox, MV_MAILBOX_LEN);
    out[NAME_LEN] = '/';
    mv_hex_write(out + NAME_LEN + 1, file, MV_FILE_HASH_LEN);
}

static mv_status status_of(int error)
{
    switch (error) {
    case ENOENT:
        return MV_E_NOT_FOUND;
    case ENOSPC:
    case EDQUOT:
        return MV_E_POLICY;
    case ENOMEM:
        return MV_E_MEMORY;
    default:
        return MV_E_IO;
    }
}

/* fdopendir on a fresh descriptor of name below at; NULL with errno. */
static DIR *open_folder(int at, const char *name)
{
    const int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL && fd >= 0) {
        (void)close(fd);
    }
    return dir;
}

static void empty_incoming(int incoming_fd)
{
    DIR *dir = open_folder(incoming_fd, ".");
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            (void)unlinkat(incoming_fd, e->d_name, 0);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
}

/* One name in a mailbox's folder: false for what is not a file of ours. */
static bool read_entry(mv_listing_entry *out, int dir_fd, const char *name)
{
    struct stat info;
    if (strlen(name) != NAME_LEN || !mv_hex_read(out->file, MV_FILE_HASH_LEN, name) ||
        fstatat(dir_fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(info.st_mode)) {
        return false;
    }
    out->len = (uint64_t)info.st_size;
    return true;
}

static mv_status count_mailbox(mv_archive *a, const char *name)
{
    mv_status st = MV_OK;
    uint8_t mailbox[MV_MAILBOX_LEN];
    mv_listing_entry entry;

    if (strlen(name) != NAME_LEN || !mv_hex_read(mailbox, MV_MAILBOX_LEN, name)) {
        return MV_OK;
    }
    DIR *dir = open_folder(a->mailboxes_fd, name);
    MV_ENSURE(dir != NULL, status_of(errno));
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        if (read_entry(&entry, dirfd(dir), e->d_name)) {
            MV_TRY(mv_usage_add(&a->usage, mailbox, entry.len));
        }
    }
done:
    if (dir != NULL) {
        (void)closedir(dir);
    }
    return st;
}

static mv_status count_all(mv_archive *a)
{
    mv_status st = MV_OK;
    DIR *dir = open_folder(a->mailboxes_fd, ".");
    MV_ENSURE(dir != NULL, status_of(errno));
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        MV_TRY(count_mailbox(a, e->d_name));
    }
done:
    if (dir != NULL) {
        (void)closedir(dir);
    }
    return st;
}

/* A subfolder, made when missing; -1 with errno. */
static int subfolder(int at, const char *name)
{
    if (mkdirat(at, name, 0700) != 0 && errno != EEXIST) {
        return -1;
    }
    return openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static mv_status open_folders(mv_archive *a, const char *dir, mv_error *err)
{
    mv_status st = MV_OK;
    const int root = subfolder(AT_FDCWD, dir);
    MV_REQUIRE(root >= 0, err, MV_E_IO, "cannot use the folder %s: %s", dir, strerror(errno));
    a->lock_fd = openat(root, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    MV_REQUIRE(a->lock_fd >= 0, err, MV_E_IO, "cannot write in %s: %s", dir, strerror(errno));
    MV_REQUIRE(flock(a->lock_fd, LOCK_EX | LOCK_NB) == 0, err, MV_E_BUSY,
               "another relay uses the folder %s", dir);
    a->incoming_fd = subfolder(root, "incoming");
    a->mailboxes_fd = subfolder(root, "mailboxes");
    MV_REQUIRE(a->incoming_fd >= 0 && a->mailboxes_fd >= 0 && fsync(root) == 0, err, MV_E_IO,
               "cannot write in %s: %s", dir, strerror(errno));
done:
    if (root >= 0) {
        (void)close(root);
    }
    return st;
}

mv_status mv_archive_open(mv_archive **out, const char *dir, const mv_archive_limits *limits,
                          mv_error *err)
{
    mv_status st = MV_OK;
    mv_archive *a = calloc(1, sizeof *a);

    *out = NULL;
    MV_REQUIRE(a != NULL, err, MV_E_MEMORY, "out of memory");
    a->lock_fd = a->incoming_fd = a->mailboxes_fd = -1;
    a->limits = *limits;
    (void)pthread_mutex_init(&a->mutex, NULL);
    MV_TRY(open_folders(a, dir, err));
    empty_incoming(a->incoming_fd);
    st = count_all(a);
    MV_REQUIRE(st == MV_OK, err, st, "cannot read the mailboxes in %s: %s", dir,
               mv_status_sentence(st));
    *out = a;
    a = NULL;
done:
    mv_archive_free(&a);
    return st;
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
        *fd = -1;
    }
}

void mv_archive_free(mv_archive **archive)
{
    mv_archive *a = *archive;
    if (a == NULL) {
        return;
    }
    close_fd(&a->mailboxes_fd);
    close_fd(&a->incoming_fd);
    close_fd(&a->lock_fd); /* last: ends the lock */
    mv_usage_clear(&a->usage);
    (void)pthread_mutex_destroy(&a->mutex);
    free(a);
    *archive = NULL;
}

static bool present(const mv_archive *a, const uint8_t mailbox[MV_MAILBOX_LEN],
                    const uint8_t file[MV_FILE_HASH_LEN])
{
    file_path path;
    struct stat info;
    path_of(path, mailbox, file);
    return fstatat(a->mailboxes_fd, path, &info, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Sums cannot overflow: each term is at most the limit it is compared with, and quotas are checked
 * when configured to be below 2^62. */
static mv_status reserve(mv_upload *u)
{
    mv_status st = MV_OK;
    mv_archive *a = u->archive;
    const uint64_t charge = mv_usage_charge(u->len);

    (void)pthread_mutex_lock(&a->mutex);
    MV_ENSURE(!present(a, u->mailbox, u->file), MV_E_EXISTS);
    MV_ENSURE(mv_usage_of(&a->usage, u->mailbox) + charge <= a->limits.mailbox_bytes, MV_E_POLICY);
    MV_ENSURE(a->usage.bytes + charge <= a->limits.store_bytes, MV_E_POLICY);
    MV_TRY(mv_usage_add(&a->usage, u->mailbox, u->len));
    u->reserved = true;
done:
    (void)pthread_mutex_unlock(&a->mutex);
    return st;
}

/* The temporary file, with its room on disk taken at once where the file system can do that. */
static mv_status open_temporary(mv_upload *u)
{
    mv_status st = MV_OK;
    uint8_t random[NAME_LEN / 2];

    MV_TRY(mv_random_bytes(random, sizeof random));
    mv_hex_write(u->temporary, random, sizeof random);
    u->fd = openat(u->archive->incoming_fd, u->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                   0600);
    MV_ENSURE(u->fd >= 0, status_of(errno));
    u->temporary_exists = true;
    if (u->len != 0 && fallocate(u->fd, 0, 0, (off_t)u->len) != 0) {
        MV_ENSURE(errno == EOPNOTSUPP || errno == ENOSYS, status_of(errno));
    }
done:
    return st;
}

mv_status mv_archive_begin(mv_upload **out, mv_archive *archive,
                           const uint8_t mailbox[MV_MAILBOX_LEN],
                           const uint8_t file[MV_FILE_HASH_LEN], uint64_t len)
{
    mv_status st = MV_OK;
    mv_upload *u = calloc(1, sizeof *u);

    *out = NULL;
    MV_ENSURE(u != NULL, MV_E_MEMORY);
    u->archive = archive;
    u->fd = -1;
    u->len = len;
    memcpy(u->mailbox, mailbox, MV_MAILBOX_LEN);
    memcpy(u->file, file, MV_FILE_HASH_LEN);
    (void)crypto_generichash_init(&u->hash, NULL, 0, MV_FILE_HASH_LEN);
    MV_ENSURE(len <= archive->limits.file_bytes, MV_E_LIMIT);
    MV_TRY(reserve(u));
    MV_TRY(open_temporary(u));
    *out = u;
    u = NULL;
done:
    mv_upload_free(&u);
    return st;
}

mv_status mv_upload_write(mv_upload *u, const uint8_t *bytes, size_t len)
{
    if (len > u->len - u->written) {
        return MV_E_RANGE;
    }
    (void)crypto_generichash_update(&u->hash, bytes, len);
    while (len != 0) {
        const ssize_t done = write(u->fd, bytes, len);
        if (done < 0 && errno != EINTR) {
            return status_of(errno);
        }
        if (done > 0) {
            bytes += done;
            len -= (size_t)done;
            u->written += (uint64_t)done;
        }
    }
    return MV_OK;
}

/* Renames the temporary file to its place; *dir_fd is the mailbox's folder, still to be flushed. */
static mv_status publish(mv_upload *u, int *dir_fd)
{
    mv_status st = MV_OK;
    mv_archive *a = u->archive;
    file_path path;
    entry_name mailbox;

    path_of(path, u->mailbox, u->file);
    mv_hex_write(mailbox, u->mailbox, MV_MAILBOX_LEN);
    (void)pthread_mutex_lock(&a->mutex);
    MV_ENSURE(!present(a, u->mailbox, u->file), MV_E_EXISTS);
    *dir_fd = subfolder(a->mailboxes_fd, mailbox);
    MV_ENSURE(*dir_fd >= 0, status_of(errno));
    MV_ENSURE(renameat(a->incoming_fd, u->temporary, a->mailboxes_fd, path) == 0, status_of(errno));
    u->temporary_exists = false;
    u->reserved = false; /* the reservation is now the file's own use */
done:
    (void)pthread_mutex_unlock(&a->mutex);
    return st;
}

mv_status mv_upload_commit(mv_upload *u)
{
    mv_status st = MV_OK;
    uint8_t hash[MV_FILE_HASH_LEN];
    int dir_fd = -1;

    MV_ENSURE(u->written == u->len, MV_E_TRUNCATED);
    (void)crypto_generichash_final(&u->hash, hash, sizeof hash);
    MV_ENSURE(memcmp(hash, u->file, sizeof hash) == 0, MV_E_AUTH);
    MV_ENSURE(fsync(u->fd) == 0, status_of(errno));
    MV_TRY(publish(u, &dir_fd));
    MV_ENSURE(fsync(dir_fd) == 0 && fsync(u->archive->mailboxes_fd) == 0, status_of(errno));
done:
    close_fd(&dir_fd);
    return st;
}

/* Gives back what a file used; the mailbox's folder goes with its last file. Lock held. */
static void release(mv_archive *a, const uint8_t mailbox[MV_MAILBOX_LEN], uint64_t len)
{
    entry_name name;
    if (mv_usage_remove(&a->usage, mailbox, len)) {
        mv_hex_write(name, mailbox, MV_MAILBOX_LEN);
        (void)unlinkat(a->mailboxes_fd, name, AT_REMOVEDIR);
    }
}

void mv_upload_free(mv_upload **upload)
{
    mv_upload *u = *upload;
    if (u == NULL) {
        return;
    }
    close_fd(&u->fd);
    if (u->temporary_exists) {
        (void)unlinkat(u->archive->incoming_fd, u->temporary, 0);
    }
    if (u->reserved) {
        (void)pthread_mutex_lock(&u->archive->mutex);
        release(u->archive, u->mailbox, u->len);
        (void)pthread_mutex_unlock(&u->archive->mutex);
    }
    free(u);
    *upload = NULL;
}

/* Keeps the smallest MV_LISTING_MAX entries in order, and notes when one had to be left out. */
static void insert_sorted(mv_listing *out, const mv_listing_entry *entry)
{
    size_t i = out->count;
    while (i > 0 && memcmp(out->entry[i - 1].file, entry->file, MV_FILE_HASH_LEN) > 0) {
        i--;
    }
    if (out->count == MV_LISTING_MAX) {
        out->more = true;
        if (i == MV_LISTING_MAX) {
            return;
        }
        out->count--;
    }
    memmove(out->entry + i + 1, out->entry + i, (out->count - i) * sizeof *out->entry);
    out->entry[i] = *entry;
    out->count++;
}

mv_status mv_archive_list(mv_listing *out, const mv_archive *archive,
                          const uint8_t mailbox[MV_MAILBOX_LEN],
                          const uint8_t after[MV_FILE_HASH_LEN])
{
    entry_name name;
    mv_listing_entry entry;

    memset(out, 0, sizeof *out);
    mv_hex_write(name, mailbox, MV_MAILBOX_LEN);
    DIR *dir = open_folder(archive->mailboxes_fd, name);
    if (dir == NULL) {
        return errno == ENOENT ? MV_OK : status_of(errno);
    }
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        if (read_entry(&entry, dirfd(dir), e->d_name) &&
            memcmp(entry.file, after, MV_FILE_HASH_LEN) > 0) {
            insert_sorted(out, &entry);
        }
    }
    (void)closedir(dir);
    return MV_OK;
}

mv_status mv_archive_get(int *fd, uint64_t *len, const mv_archive *archive,
                         const uint8_t mailbox[MV_MAILBOX_LEN],
                         const uint8_t file[MV_FILE_HASH_LEN])
{
    mv_status st = MV_OK;
    file_path path;
    struct stat info;

    *len = 0;
    path_of(path, mailbox, file);
    *fd = openat(archive->mailboxes_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    MV_ENSURE(*fd >= 0, status_of(errno));
    MV_ENSURE(fstat(*fd, &info) == 0 && S_ISREG(info.st_mode), MV_E_IO);
    *len = (uint64_t)info.st_size;
done:
    if (st != MV_OK) {
        close_fd(fd);
    }
    return st;
}

mv_status mv_archive_remove(mv_archive *archive, const uint8_t mailbox[MV_MAILBOX_LEN],
                            const uint8_t file[MV_FILE_HASH_LEN])
{
    mv_status st = MV_OK;
    file_path path;
    struct stat info;

    path_of(path, mailbox, file);
    (void)pthread_mutex_lock(&archive->mutex);
    MV_ENSURE(fstatat(archive->mailboxes_fd, path, &info, AT_SYMLINK_NOFOLLOW) == 0,
              status_of(errno));
    MV_ENSURE(unlinkat(archive->mailboxes_fd, path, 0) == 0, status_of(errno));
    release(archive, mailbox, (uint64_t)info.st_size);
done:
    (void)pthread_mutex_unlock(&archive->mutex);
    return st;
}
