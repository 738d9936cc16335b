/* SPDX-License-Identifier: Apache-2.0
 *
 * home.c: the user's data folder, by the XDG base directory convention.
 */
#include "base/home.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char *set_variable(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

mv_status mv_home_path(char *out, size_t cap, const char *name, mv_error *err)
{
    const char *below = "";
    const char *folder = set_variable("MEDVEIL_HOME");

    if (folder == NULL) {
        folder = set_variable("XDG_DATA_HOME");
        below = "/medveil";
    }
    if (folder == NULL) {
        folder = set_variable("HOME");
        below = "/.local/share/medveil";
    }
    if (folder == NULL) {
        return mv_fail(err, MV_E_NOT_FOUND, "no home folder; set MEDVEIL_HOME");
    }
    const int len = snprintf(out, cap, "%s%s/%s", folder, below, name);
    if (len < 0 || (size_t)len >= cap) {
        return mv_fail(err, MV_E_LIMIT, "the name of the home folder is too long");
    }
    return MV_OK;
}

static bool make_folder(const char *path)
{
    struct stat info;
    return mkdir(path, 0700) == 0 || (stat(path, &info) == 0 && S_ISDIR(info.st_mode));
}

mv_status mv_home_make(char *out, size_t cap, const char *name, mv_error *err)
{
    mv_status st = mv_home_path(out, cap, name, err);
    for (char *end = out + 1; st == MV_OK; end++) {
        const char kept = *end;
        if (kept != '/' && kept != '\0') {
            continue;
        }
        *end = '\0'; /* the path up to here */
        if (!make_folder(out)) {
            st = mv_fail(err, MV_E_IO, "cannot make the folder %s: %s", out, strerror(errno));
        }
        *end = kept;
        if (kept == '\0') {
            break;
        }
    }
    return st;
}
