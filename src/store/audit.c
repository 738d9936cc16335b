/* SPDX-License-Identifier: Apache-2.0
 *
 * audit.c: writing and checking the chain of lines.
 */
#include "store/audit.h"

#include "wire/hex.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_LEN 512

struct mv_audit {
    int fd;
    uint64_t lines, flushed; /* flushed: how many of the lines are on disk */
    uint8_t head[MV_AUDIT_HASH_LEN];
    pthread_mutex_t mutex;
};

static const char hash_mark[] = ",\"hash\":\"";

/* One line without its newline: numbered n, after head; *head becomes its hash. */
static bool follows(const char *line, size_t len, uint64_t n, uint8_t head[MV_AUDIT_HASH_LEN])
{
    /* the end has one form: ,"prev":"<64>","hash":"<64>"} */
    enum { HASH_END = 64 + 2, TAIL = sizeof hash_mark - 1 + HASH_END, PREV = 64 + 1 };
    uint8_t hash[MV_AUDIT_HASH_LEN], want[MV_AUDIT_HASH_LEN], prev[MV_AUDIT_HASH_LEN];
    char number[40];
    const int number_len = snprintf(number, sizeof number, "{\"n\":%" PRIu64 ",", n);

    if (len < TAIL + PREV + (size_t)number_len || memcmp(line, number, (size_t)number_len) != 0) {
        return false;
    }
    const char *tail = line + len - TAIL;
    if (memcmp(tail, hash_mark, sizeof hash_mark - 1) != 0 ||
        memcmp(line + len - 2, "\"}", 2) != 0 ||
        !mv_hex_read(want, sizeof want, line + len - HASH_END) ||
        !mv_hex_read(prev, sizeof prev, tail - PREV)) {
        return false;
    }
    (void)crypto_generichash(hash, sizeof hash, (const uint8_t *)line, (size_t)(tail - line), NULL,
                             0);
    if (memcmp(hash, want, sizeof hash) != 0 || memcmp(prev, head, sizeof prev) != 0) {
        return false;
    }
    memcpy(head, hash, sizeof hash);
    return true;
}

/* The whole file; *end: the bytes that whole lines take. */
static mv_status walk(mv_audit_report *out, long *end, FILE *in, const char *path,
                      const uint8_t *wanted, mv_error *err)
{
    char line[LINE_MAX_LEN];
    memset(out, 0, sizeof *out);
    *end = 0;
    while (fgets(line, sizeof line, in) != NULL) {
        const size_t len = strlen(line);
        if (len == 0 || line[len - 1] != '\n') {
            if (feof(in) != 0) {
                return MV_OK; /* the last line has no end */
            }
        } else if (follows(line, len - 1, out->lines + 1, out->head)) {
            out->lines++;
            *end += (long)len;
            out->seen = out->seen || (wanted != NULL && memcmp(wanted, out->head, 32) == 0);
            continue;
        }
        const mv_status st = mv_fail(err, MV_E_AUTH,
                                     "%s is not intact: line %" PRIu64 " does not follow the one "
                                     "before it",
                                     path, out->lines + 1);
        mv_hint(err, "the lines before it are good; compare the rest with a backup");
        return st;
    }
    return ferror(in) == 0 ? MV_OK : mv_fail(err, MV_E_IO, "cannot read %s", path);
}

mv_status mv_audit_verify(mv_audit_report *out, const char *path, const uint8_t *wanted,
                          mv_error *err)
{
    long end = 0;
    memset(out, 0, sizeof *out);
    FILE *in = fopen(path, "re");
    if (in == NULL) {
        return mv_fail(err, errno == ENOENT ? MV_E_NOT_FOUND : MV_E_IO, "cannot read %s: %s", path,
                       strerror(errno));
    }
    const mv_status st = walk(out, &end, in, path, wanted, err);
    (void)fclose(in);
    return st;
}

/* Goes on after the lines that are there. */
static mv_status resume(mv_audit *a, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    mv_audit_report report;
    long end = 0;
    FILE *in = fopen(path, "re");

    MV_REQUIRE(in != NULL, err, MV_E_IO, "cannot read %s: %s", path, strerror(errno));
    MV_TRY(walk(&report, &end, in, path, NULL, err));
    MV_REQUIRE(ftruncate(a->fd, end) == 0 && lseek(a->fd, end, SEEK_SET) == end, err, MV_E_IO,
               "cannot write %s: %s", path, strerror(errno));
    a->lines = a->flushed = report.lines;
    memcpy(a->head, report.head, sizeof a->head);
done:
    if (in != NULL) {
        (void)fclose(in);
    }
    return st;
}

mv_status mv_audit_open(mv_audit **out, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    mv_audit *a = calloc(1, sizeof *a);

    *out = NULL;
    MV_REQUIRE(a != NULL, err, MV_E_MEMORY, "out of memory");
    (void)pthread_mutex_init(&a->mutex, NULL);
    a->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    MV_REQUIRE(a->fd >= 0, err, MV_E_IO, "cannot write %s: %s", path, strerror(errno));
    MV_REQUIRE(flock(a->fd, LOCK_EX | LOCK_NB) == 0, err, MV_E_BUSY, "another relay writes %s",
               path);
    MV_TRY(resume(a, path, err));
    *out = a;
    a = NULL;
done:
    mv_audit_close(&a);
    return st;
}

void mv_audit_close(mv_audit **audit)
{
    mv_audit *a = *audit;
    if (a != NULL) {
        if (a->fd >= 0) {
            (void)fsync(a->fd);
            (void)close(a->fd);
        }
        (void)pthread_mutex_destroy(&a->mutex);
        free(a);
        *audit = NULL;
    }
}

/* The line up to its hash; its length. */
static int line_start(char line[LINE_MAX_LEN], const mv_audit *a, const char *event,
                      const uint8_t *file, uint64_t bytes)
{
    char when[32] = "", name[65] = "", prev[65];
    const time_t now = time(NULL);
    struct tm utc;

    if (gmtime_r(&now, &utc) != NULL) {
        (void)strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc);
    }
    mv_hex_write(prev, a->head, sizeof a->head);
    if (file != NULL) {
        mv_hex_write(name, file, 32);
    }
    return snprintf(line, LINE_MAX_LEN,
                    "{\"n\":%" PRIu64 ",\"time\":\"%s\",\"event\":\"%.32s\",\"file\":\"%s\","
                    "\"bytes\":%" PRIu64 ",\"prev\":\"%s\"",
                    a->lines + 1, when, event, name, bytes, prev);
}

mv_status mv_audit_add(mv_audit *audit, const char *event, const uint8_t *file, uint64_t bytes)
{
    char line[LINE_MAX_LEN], text[65];
    uint8_t hash[MV_AUDIT_HASH_LEN];

    (void)pthread_mutex_lock(&audit->mutex);
    int len = line_start(line, audit, event, file, bytes);
    (void)crypto_generichash(hash, sizeof hash, (const uint8_t *)line, (size_t)len, NULL, 0);
    mv_hex_write(text, hash, sizeof hash);
    len += snprintf(line + len, sizeof line - (size_t)len, "%s%s\"}\n", hash_mark, text);
    const off_t before = lseek(audit->fd, 0, SEEK_CUR);
    const bool whole = write(audit->fd, line, (size_t)len) == len;
    if (whole) {
        audit->lines++;
        memcpy(audit->head, hash, sizeof hash);
    } else if (ftruncate(audit->fd, before) == 0) {
        (void)lseek(audit->fd, before, SEEK_SET); /* half a line would break the chain */
    }
    (void)pthread_mutex_unlock(&audit->mutex);
    return whole ? MV_OK : MV_E_IO;
}

mv_status mv_audit_flush(mv_audit *audit)
{
    (void)pthread_mutex_lock(&audit->mutex);
    const uint64_t lines = audit->lines;
    const bool needed = lines != audit->flushed;
    (void)pthread_mutex_unlock(&audit->mutex);
    if (needed && fdatasync(audit->fd) != 0) {
        return MV_E_IO;
    }
    audit->flushed = lines; /* one thread flushes */
    return MV_OK;
}
