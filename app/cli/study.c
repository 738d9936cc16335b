/* SPDX-License-Identifier: Apache-2.0
 *
 * study.c: walking folders.
 */
#include "study.h"

#include "base/status.h"
#include "envelope/envelope_manifest.h"
#include "medveil/image.h"
#include "paths.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool study_is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

void study_clear(study *s)
{
    for (size_t i = 0; i < s->count; i++) {
        free(s->file[i].path);
        free(s->file[i].name);
    }
    free(s->file);
    memset(s, 0, sizeof *s);
}

static mv_status grow(study *s)
{
    const size_t cap = 2 * s->cap + 16;
    study_file *more = NULL;

    if (s->count < s->cap) {
        return MV_OK;
    }
    more = realloc(s->file, cap * sizeof *more);
    if (more == NULL) {
        return MV_E_MEMORY;
    }
    s->file = more;
    s->cap = cap;
    return MV_OK;
}

static mv_status add_file(study *s, const char *path, const char *name, bool found, mv_error *err)
{
    mv_status st = MV_OK;
    study_file file = {.found = found};

    MV_REQUIRE(s->count < MV_ENVELOPE_MEMBERS_MAX, err, MV_E_LIMIT,
               "more than %d files do not fit in one envelope", MV_ENVELOPE_MEMBERS_MAX);
    MV_REQUIRE(mv_file_name_valid(name), err, MV_E_ARGUMENT,
               "file %zu of the study has a name that is not in UTF-8, or holds a backslash or a "
               "control character",
               s->count + 1);
    file.path = strdup(path);
    file.name = strdup(name);
    MV_REQUIRE(file.path != NULL && file.name != NULL && grow(s) == MV_OK, err, MV_E_MEMORY,
               "out of memory");
    s->file[s->count++] = file;
    memset(&file, 0, sizeof file);
done:
    free(file.path);
    free(file.name);
    return st;
}

static int not_dots(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static mv_status add_folder(study *s, const char *path, const char *name, mv_error *err);

/* What a folder holds under this name: prefix is the folder's own name in the study, or "". */
static mv_status add_entry(study *s, const char *folder, const char *prefix, const char *entry,
                           mv_error *err)
{
    mv_status st = MV_OK;
    char path[PATH_SIZE], name[MV_FILE_NAME_MAX];
    struct stat info;

    MV_TRY(path_join(path, sizeof path, folder, entry, "", err));
    if (prefix[0] == '\0') {
        MV_TRY(path_copy(name, sizeof name, entry, err));
    } else {
        MV_TRY(path_join(name, sizeof name, prefix, entry, "", err));
    }
    MV_REQUIRE(lstat(path, &info) == 0, err, MV_E_IO, "cannot read %s: %s", path, strerror(errno));
    if (S_ISDIR(info.st_mode)) {
        st = add_folder(s, path, name, err);
    } else if (S_ISREG(info.st_mode)) {
        st = add_file(s, path, name, true, err);
    } else {
        st = mv_fail(err, MV_E_UNSUPPORTED, "%s is %s, which a study does not carry", path,
                     S_ISLNK(info.st_mode) ? "a symbolic link" : "neither a file nor a folder");
        mv_hint(err, "replace it by the file that is meant, or take it out of the folder");
    }
done:
    return st;
}

static mv_status add_folder(study *s, const char *path, const char *name, mv_error *err)
{
    mv_status st = MV_OK;
    struct dirent **entry = NULL;
    const int count = scandir(path, &entry, not_dots, by_bytes);

    MV_REQUIRE(count >= 0, err, MV_E_IO, "cannot read %s: %s", path, strerror(errno));
    s->empty_folders += count == 0;
    for (int i = 0; i < count; i++) {
        MV_TRY(add_entry(s, path, name, entry[i]->d_name, err));
    }
done:
    for (int i = 0; i < count; i++) {
        free(entry[i]);
    }
    free(entry);
    return st;
}

static bool has_path(const study *s, const char *path)
{
    for (size_t i = 0; i < s->count; i++) {
        if (strcmp(s->file[i].path, path) == 0) {
            return true;
        }
    }
    return false;
}

/* A file that the user named; of a NIfTI pair the other half comes along. */
static mv_status add_named(study *s, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    char partner[PATH_SIZE];
    bool is_header = false;

    if (!mv_image_partner(partner, sizeof partner, &is_header, path)) {
        return add_file(s, path, strcmp(path, "-") == 0 ? "" : path_base(path), false, err);
    }
    const char *half[2] = {is_header ? path : partner, is_header ? partner : path};
    for (size_t i = 0; i < 2; i++) {
        if (!has_path(s, half[i])) {
            MV_TRY(add_file(s, half[i], path_base(half[i]), false, err));
        }
    }
done:
    return st;
}

mv_status study_add(study *s, const char *path, bool with_folder, mv_error *err)
{
    mv_status st = MV_OK;
    char folder[PATH_SIZE];

    if (!study_is_folder(path)) {
        return add_named(s, path, err);
    }
    MV_TRY(path_copy(folder, sizeof folder, path, err));
    path_strip(folder);
    MV_TRY(add_folder(s, folder, with_folder ? path_base(folder) : "", err));
done:
    return st;
}
