/* SPDX-License-Identifier: Apache-2.0
 *
 * query_count.c: counting questions by key.
 */
#include "query_count.h"

#include "base/file.h"
#include "paths.h"
#include "show.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { HEX = 2 * MV_CLASSIFY_OWNER_LEN, LINE = HEX + 24, COUNTS_MAX = 1 << 26 };

static mv_status lock(int *out, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    char name[PATH_SIZE];
    MV_TRY(path_copy(name, sizeof name - 5, path, err));
    memcpy(name + strlen(name), ".lock", 6);
    *out = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    MV_REQUIRE(*out >= 0 && flock(*out, LOCK_EX) == 0, err, MV_E_IO, "cannot lock %s: %s", name,
               strerror(errno));
done:
    return st;
}

/* One line at p: its count, and where the next begins. NULL: not a line. */
static const char *parse(uint64_t *count, const char *p, const char *end)
{
    const char *newline = memchr(p, '\n', (size_t)(end - p));
    uint64_t n = 0;
    if (newline == NULL || newline - p < HEX + 2 || newline - p > HEX + 11 || p[HEX] != ' ') {
        return NULL;
    }
    for (const char *d = p + HEX + 1; d < newline; d++) {
        if (*d < '0' || *d > '9') {
            return NULL;
        }
        n = 10 * n + (uint64_t)(*d - '0');
    }
    *count = n;
    return newline + 1;
}

/* All lines of old but this key's into out; its count so far into *count. */
static mv_status copy_others(mv_buffer *out, uint64_t *count, const mv_buffer *old, const char *hex)
{
    mv_status st = MV_OK;
    const char *p = (const char *)old->bytes, *end = p + old->len;
    *count = 0;
    while (p < end) {
        uint64_t n = 0;
        const char *next = parse(&n, p, end);
        MV_ENSURE(next != NULL, MV_E_FORMAT);
        if (memcmp(p, hex, HEX) == 0) {
            *count = n;
        } else {
            MV_TRY(mv_buffer_append(out, (const uint8_t *)p, (size_t)(next - p)));
        }
        p = next;
    }
done:
    return st;
}

static mv_status add(const char *path, const char *hex, uint64_t limit, mv_error *err)
{
    mv_status st = MV_OK;
    char line[LINE];
    uint64_t count = 0;
    mv_buffer old = mv_buffer_make(COUNTS_MAX), fresh = mv_buffer_make(COUNTS_MAX + LINE);
    if (access(path, F_OK) == 0) {
        MV_TRY(mv_file_read(&old, path, err));
    }
    st = old.len == 0 ? MV_OK : copy_others(&fresh, &count, &old, hex);
    MV_REQUIRE(st == MV_OK, err, st, "%s is not a file of counts", path);
    MV_REQUIRE(count < limit, err, MV_E_POLICY, "this key has asked %llu times, which is the limit",
               (unsigned long long)count);
    const int len = snprintf(line, sizeof line, "%s %llu\n", hex, (unsigned long long)count + 1);
    MV_TRY(mv_buffer_append(&fresh, (const uint8_t *)line, (size_t)len));
    MV_TRY(mv_file_write(path, fresh.bytes, fresh.len, MV_OUTPUT_FORCE | MV_OUTPUT_PRIVATE, err));
done:
    mv_buffer_clear(&old);
    mv_buffer_clear(&fresh);
    return st;
}

mv_status query_count_add(const char *path, const uint8_t owner[MV_CLASSIFY_OWNER_LEN],
                          uint64_t limit, mv_error *err)
{
    mv_status st = MV_OK;
    char hex[SHOW_HEX_SIZE];
    int fd = -1;
    show_hex(hex, owner, MV_CLASSIFY_OWNER_LEN);
    MV_TRY(lock(&fd, path, err));
    MV_TRY(add(path, hex, limit, err));
done:
    if (fd >= 0) {
        (void)close(fd);
    }
    return st;
}
