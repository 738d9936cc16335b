/* SPDX-License-Identifier: Apache-2.0
 *
 * paths.c: names of outputs and models.
 */
#include "paths.h"

#include "base/status.h"
#include "ui.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

const char *path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

const char *path_extension(const char *path)
{
    const char *base = path_base(path);
    const char *dot = strrchr(base, '.');
    if (dot == NULL || dot == base) {
        return base + strlen(base);
    }
    if (strcasecmp(dot, ".gz") == 0 && dot - base > 4 && strncasecmp(dot - 4, ".nii", 4) == 0) {
        return dot - 4;
    }
    return dot;
}

mv_status path_copy(char *out, size_t cap, const char *path, mv_error *err)
{
    const int len = snprintf(out, cap, "%s", path);
    return len >= 0 && (size_t)len < cap ? MV_OK
                                         : mv_fail(err, MV_E_LIMIT, "the output name is too long");
}

mv_status path_join(char *out, size_t cap, const char *folder, const char *name, const char *suffix,
                    mv_error *err)
{
    const size_t len = strlen(folder);
    const char *slash = len != 0 && folder[len - 1] == '/' ? "" : "/";
    const int written = snprintf(out, cap, "%s%s%s%s", folder, slash, name, suffix);
    return written >= 0 && (size_t)written < cap
               ? MV_OK
               : mv_fail(err, MV_E_LIMIT, "the output name is too long");
}

void path_strip(char *path)
{
    for (size_t len = strlen(path); len > 1 && path[len - 1] == '/'; len--) {
        path[len - 1] = '\0';
    }
}

bool path_wants_folder(const char *out, size_t input_count)
{
    struct stat info;
    const size_t len = strlen(out);
    if (strcmp(out, "-") == 0) {
        return false;
    }
    return input_count > 1 || (len != 0 && out[len - 1] == '/') ||
           (stat(out, &info) == 0 && S_ISDIR(info.st_mode));
}

mv_status path_make_folder(const char *path, mv_error *err)
{
    struct stat info;
    if (mkdir(path, 0777) == 0 ||
        (errno == EEXIST && stat(path, &info) == 0 && S_ISDIR(info.st_mode))) {
        return MV_OK;
    }
    return mv_fail(err, MV_E_IO, "cannot make the folder %s: %s", path,
                   errno == EEXIST ? "a file of this name exists" : strerror(errno));
}

bool path_output_is_safe(const char *out, const char *what)
{
    if (strcmp(out, "-") == 0 && isatty(STDOUT_FILENO)) {
        ui_say("%s is not written to a terminal", what);
        ui_hint("give a file name with -o, or send the output through a pipe");
        return false;
    }
    return true;
}

mv_status path_load_model(mv_model **out, const char *name_or_file, mv_error *err)
{
    const char *name = name_or_file == NULL ? "cnn" : name_or_file;
    if (strchr(name, '/') != NULL || strcasecmp(path_extension(name), ".mvm") == 0) {
        return mv_model_load(out, name, err);
    }
    return mv_model_find_name(out, name, err);
}
