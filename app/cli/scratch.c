/* SPDX-License-Identifier: Apache-2.0
 *
 * scratch.c: temporary folders.
 */
#include "scratch.h"

#include "base/status.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

mv_status scratch_make(scratch *s, const char *name, mv_error *err)
{
    char stripped[PATH_SIZE];
    mv_status st = path_copy(stripped, sizeof stripped, name, err);
    if (st != MV_OK) {
        return st;
    }
    path_strip(stripped);
    const int len = snprintf(s->path, sizeof s->path, "%s.part.XXXXXX", stripped);
    if (len < 0 || (size_t)len >= sizeof s->path || mkdtemp(s->path) == NULL) {
        st = mv_fail(err, MV_E_IO, "cannot make the folder %s: %s", name, strerror(errno));
        s->path[0] = '\0';
    }
    return st;
}

mv_status scratch_rename(scratch *s, const char *folder, mv_error *err)
{
    mv_status st = MV_OK;
    const mode_t mask = umask(0);
    (void)umask(mask);
    (void)chmod(s->path, 0777 & ~mask);
    if (rename(s->path, folder) != 0) {
        const bool taken = errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR;
        st = mv_fail(err, taken ? MV_E_EXISTS : MV_E_IO, "cannot make the folder %s: %s", folder,
                     taken ? "it exists already" : strerror(errno));
        goto done;
    }
    s->path[0] = '\0';
done:
    return st;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info, (void)kind, (void)where;
    return remove(path);
}

void scratch_remove(scratch *s)
{
    enum { OPEN_FOLDERS_MAX = 16 };
    if (s->path[0] != '\0') {
        (void)nftw(s->path, remove_one, OPEN_FOLDERS_MAX, FTW_DEPTH | FTW_PHYS);
        s->path[0] = '\0';
    }
}
