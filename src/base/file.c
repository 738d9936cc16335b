/* SPDX-License-Identifier: Apache-2.0
 *
 * file.c: bounded reads and all-or-nothing writes.
 */
#include "base/file.h"

#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WRITE_OUT_LEN ((uint64_t)8 << 20)

/* Temporary names of open outputs, so that an interrupted program leaves none behind. */
#define OPEN_OUTPUTS_MAX 16
static const char *volatile open_temporaries[OPEN_OUTPUTS_MAX];

static void remember(const char *name)
{
    for (int i = 0; i < OPEN_OUTPUTS_MAX; i++) {
        const char *expected = NULL;
        if (__atomic_compare_exchange_n(&open_temporaries[i], &expected, name, 0, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST)) {
            return;
        }
    }
}

static void forget(const char *name)
{
    for (int i = 0; i < OPEN_OUTPUTS_MAX; i++) {
        const char *expected = name;
        if (__atomic_compare_exchange_n(&open_temporaries[i], &expected, NULL, 0, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST)) {
            return;
        }
    }
}

void mv_output_discard_all(void)
{
    for (int i = 0; i < OPEN_OUTPUTS_MAX; i++) {
        const char *name = open_temporaries[i];
        if (name != NULL) {
            (void)unlink(name);
        }
    }
}

mv_status mv_file_read(mv_buffer *out, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    const bool is_stdin = strcmp(path, "-") == 0;
    FILE *in = is_stdin ? stdin : fopen(path, "rb");
    uint8_t block[65536];
    size_t got = 0;

    if (in == NULL) {
        const int why = errno;
        return mv_fail(err, why == ENOENT ? MV_E_NOT_FOUND : MV_E_IO, "cannot read %s: %s", path,
                       strerror(why));
    }
    while ((got = fread(block, 1, sizeof block, in)) > 0) {
        st = mv_buffer_append(out, block, got);
        if (st != MV_OK) {
            (void)mv_fail(err, st, "cannot read %s: %s (%zu bytes)", path, mv_status_sentence(st),
                          out->max);
            goto done;
        }
    }
    MV_REQUIRE(!ferror(in), err, MV_E_IO, "cannot read %s: %s", path, strerror(errno));
done:
    mv_wipe(block, sizeof block);
    if (!is_stdin) {
        (void)fclose(in);
    }
    return st;
}

/* Pipes and devices are written in place: they have no content to lose, and must not be replaced.
 */
static mv_status open_special(mv_output *out, const char *path, mv_error *err)
{
    out->path = strdup(path);
    out->stream = out->path == NULL ? NULL : fopen(path, "wb");
    if (out->stream == NULL) {
        free(out->path);
        out->path = NULL;
        return mv_fail(err, MV_E_IO, "cannot write %s: %s", path, strerror(errno));
    }
    return MV_OK;
}

mv_status mv_output_open(mv_output *out, const char *path, unsigned flags, mv_error *err)
{
    mv_status st = MV_OK;
    int fd = -1;
    size_t size = 0;
    struct stat info;
    bool exists = false;

    memset(out, 0, sizeof *out);
    if (strcmp(path, "-") == 0) {
        out->stream = stdout;
        return MV_OK;
    }
    exists = stat(path, &info) == 0;
    if (exists && !S_ISREG(info.st_mode)) {
        return S_ISDIR(info.st_mode)
                   ? mv_fail(err, MV_E_IO, "cannot write %s: it is a folder", path)
                   : open_special(out, path, err);
    }
    if (exists && !(flags & MV_OUTPUT_FORCE)) {
        st = mv_fail(err, MV_E_EXISTS, "%s exists already", path);
        mv_hint(err, "give another name, or --force to replace it");
        return st;
    }
    out->path = exists ? realpath(path, NULL) : strdup(path); /* a link stays a link */
    MV_REQUIRE(out->path != NULL, err, MV_E_MEMORY, "out of memory");
    size = strlen(out->path) + sizeof ".XXXXXX.part";
    out->temporary = malloc(size);
    MV_REQUIRE(out->temporary != NULL, err, MV_E_MEMORY, "out of memory");
    (void)snprintf(out->temporary, size, "%s.XXXXXX.part", out->path);
    fd = mkstemps(out->temporary, 5);
    if (fd < 0) {
        free(out->temporary);
        out->temporary = NULL;
        st = mv_fail(err, MV_E_IO, "cannot write %s: %s", path, strerror(errno));
        goto done;
    }
    remember(out->temporary);
    if (!(flags & MV_OUTPUT_PRIVATE)) {
        const mode_t mask = umask(0);
        (void)umask(mask);
        (void)fchmod(fd, 0666 & ~mask);
    }
    out->stream = fdopen(fd, "wb");
    MV_REQUIRE(out->stream != NULL, err, MV_E_IO, "cannot write %s: %s", path, strerror(errno));
    fd = -1;
done:
    if (fd >= 0) {
        (void)close(fd);
    }
    if (st != MV_OK) {
        mv_output_abort(out);
    }
    return st;
}

mv_status mv_output_commit(mv_output *out, mv_error *err)
{
    mv_status st = MV_OK;
    const char *name = out->path == NULL ? "standard output" : out->path;

    MV_REQUIRE(!ferror(out->stream) && fflush(out->stream) == 0, err, MV_E_IO,
               "cannot write %s: %s", name, strerror(errno));
    if (out->path != NULL) {
        FILE *stream = out->stream;
        MV_REQUIRE(out->temporary == NULL || fsync(fileno(stream)) == 0, err, MV_E_IO,
                   "cannot write %s: %s", name, strerror(errno));
        out->stream = NULL;
        MV_REQUIRE(fclose(stream) == 0, err, MV_E_IO, "cannot write %s: %s", name, strerror(errno));
    }
    if (out->temporary != NULL) {
        MV_REQUIRE(rename(out->temporary, out->path) == 0, err, MV_E_IO, "cannot write %s: %s",
                   name, strerror(errno));
        forget(out->temporary);
        free(out->temporary);
        out->temporary = NULL;
    }
    out->stream = NULL;
done:
    mv_output_abort(out);
    return st;
}

void mv_output_abort(mv_output *out)
{
    if (out->stream != NULL && out->path != NULL) {
        (void)fclose(out->stream);
    }
    out->stream = NULL;
    if (out->temporary != NULL) {
        (void)unlink(out->temporary);
        forget(out->temporary);
        free(out->temporary);
        out->temporary = NULL;
    }
    free(out->path);
    out->path = NULL;
}

mv_status mv_file_write(const char *path, const uint8_t *bytes, size_t len, unsigned flags,
                        mv_error *err)
{
    mv_status st = MV_OK;
    mv_output out = {0};

    MV_TRY(mv_output_open(&out, path, flags, err));
    MV_REQUIRE(fwrite(bytes, 1, len, out.stream) == len, err, MV_E_IO, "cannot write %s: %s", path,
               strerror(errno));
    MV_TRY(mv_output_commit(&out, err));
done:
    mv_output_abort(&out);
    return st;
}

/* ---- secrets ---- */

static mv_status check_private(int fd, const char *path, const char *what, mv_error *err)
{
    struct stat info;
    if (fstat(fd, &info) != 0 || S_ISDIR(info.st_mode)) {
        return mv_fail(err, MV_E_IO, "cannot read %s: it is not a file", path);
    }
    if (S_ISREG(info.st_mode) && (info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        mv_hint(err, "chmod 600 %s", path);
        return mv_fail(err, MV_E_POLICY, "the %s %s can be read by other users (mode %04o)", what,
                       path, (unsigned)(info.st_mode & 07777));
    }
    return MV_OK;
}

static mv_status read_private(char *out, size_t cap, size_t *len, int fd, const char *path,
                              const char *what, mv_error *err)
{
    for (;;) {
        char more = 0; /* one byte beyond cap tells that there is too much */
        const bool full = *len == cap;
        const ssize_t got = full ? read(fd, &more, 1) : read(fd, out + *len, cap - *len);
        if (got == 0) {
            return MV_OK;
        }
        if (got < 0 && errno != EINTR) {
            return mv_fail(err, MV_E_IO, "cannot read %s: %s", path, strerror(errno));
        }
        if (got > 0 && full) {
            return mv_fail(err, MV_E_LIMIT, "%s is too long: it is no %s", path, what);
        }
        *len += got < 0 ? 0 : (size_t)got;
    }
}

mv_status mv_private_read(char *out, size_t cap, size_t *len, const char *path, const char *what,
                          mv_error *err)
{
    const bool is_stdin = strcmp(path, "-") == 0;
    const int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    mv_status st = MV_OK;

    *len = 0;
    if (fd < 0) {
        st = errno == ENOENT ? MV_E_NOT_FOUND : MV_E_IO;
        return mv_fail(err, st, "cannot read %s: %s", path, strerror(errno));
    }
    st = check_private(fd, path, what, err);
    if (st == MV_OK) {
        st = read_private(out, cap, len, fd, path, what, err);
    }
    if (!is_stdin) {
        (void)close(fd);
    }
    return st;
}

/* Has the system begin to write out what crossed a boundary. Only a hint: a file system that cannot
 * is no failure. */
static void write_out_early(int fd, uint64_t first, uint64_t end)
{
    if (first / WRITE_OUT_LEN != end / WRITE_OUT_LEN) {
        const uint64_t start = first / WRITE_OUT_LEN * WRITE_OUT_LEN;
        (void)sync_file_range(fd, (off64_t)start, WRITE_OUT_LEN, SYNC_FILE_RANGE_WRITE);
    }
}

bool mv_file_write_at(int fd, const uint8_t *bytes, size_t len, uint64_t offset)
{
    const uint64_t first = offset;
    while (len != 0) {
        const ssize_t done = pwrite(fd, bytes, len, (off_t)offset);
        if (done < 0 && errno != EINTR) {
            return false;
        }
        if (done > 0) {
            bytes += done;
            len -= (size_t)done;
            offset += (uint64_t)done;
        }
    }
    write_out_early(fd, first, offset);
    return true;
}
