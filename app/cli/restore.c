/* SPDX-License-Identifier: Apache-2.0
 *
 * restore.c: a temporary folder, filled and put in place.
 *
 * Member names come out of an authentic envelope and were checked by it: relative, no "..". Still
 * the sender is not us, so a file is only ever created, never opened through what is there.
 */
#include "restore.h"

#include "base/status.h"
#include "ui.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *name_of(const restore *r, size_t i)
{
    return mv_opener_member(r->opener, i)->file_name;
}

/* A name that starts with a dot is hidden: it goes into a new folder only, where it can change
 * nothing that is there (a shell's start file, say). */
static mv_status check_names(const restore *r, mv_error *err)
{
    mv_status st = MV_OK;
    for (size_t i = 0; i < mv_opener_count(r->opener); i++) {
        MV_REQUIRE(name_of(r, i)[0] != '\0', err, MV_E_FORMAT,
                   "a file inside has no name; give -o FILE");
        if (name_of(r, i)[0] == '.' && !r->fresh) {
            st = mv_fail(err, MV_E_POLICY, "the study holds hidden files, and %s exists already",
                         r->folder);
            mv_hint(err, "give the name of a new folder with -o");
            goto done;
        }
    }
done:
    return st;
}

mv_status restore_begin(restore *r, mv_opener *opener, const char *folder, bool force,
                        mv_error *err)
{
    mv_status st = MV_OK;
    struct stat info;
    char name[PATH_SIZE];

    *r = (restore){.force = force, .opener = opener};
    MV_TRY(path_copy(r->folder, sizeof r->folder, folder, err));
    path_strip(r->folder);
    r->fresh = lstat(r->folder, &info) != 0 && errno == ENOENT;
    MV_REQUIRE(r->fresh || (stat(r->folder, &info) == 0 && S_ISDIR(info.st_mode)), err, MV_E_IO,
               "cannot make the folder %s: a file of this name exists", r->folder);
    MV_TRY(check_names(r, err));
    if (r->fresh) {
        MV_TRY(path_copy(name, sizeof name, r->folder, err));
    } else {
        MV_TRY(path_join(name, sizeof name, r->folder, ".study", "", err));
    }
    MV_TRY(scratch_make(&r->temporary, name, err));
done:
    return st;
}

/* Makes the folders above path, of which the first `from` bytes exist. A folder that is there must
 * be one itself, not a link to one. */
static mv_status make_parents(char *path, size_t from, mv_error *err)
{
    mv_status st = MV_OK;
    struct stat info;

    for (char *slash = strchr(path + from + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        const bool made = mkdir(path, 0777) == 0;
        const bool there =
            made || (errno == EEXIST && lstat(path, &info) == 0 && S_ISDIR(info.st_mode));
        MV_REQUIRE(there, err, MV_E_IO, "cannot make the folder %s: %s", path,
                   errno == EEXIST ? "something else has this name" : strerror(errno));
        *slash = '/';
    }
done:
    return st;
}

static mv_status place_in(char *out, size_t cap, const char *folder, const char *name,
                          bool with_parents, mv_error *err)
{
    mv_status st = path_join(out, cap, folder, name, "", err);
    return st == MV_OK && with_parents ? make_parents(out, strlen(folder), err) : st;
}

mv_status restore_place(char *out, size_t cap, const restore *r, size_t i, mv_error *err)
{
    return place_in(out, cap, r->temporary.path, name_of(r, i), true, err);
}

/* ---- one file ---- */

static mv_status write_file(void *user, const uint8_t *bytes, size_t len, mv_error *err)
{
    if (ui_interrupted()) {
        return mv_fail(err, MV_E_INTERRUPTED, "interrupted");
    }
    return fwrite(bytes, 1, len, user) == len
               ? MV_OK
               : mv_fail(err, MV_E_IO, "cannot write a file of the study: %s", strerror(errno));
}

mv_status restore_exact(const restore *r, size_t i, mv_error *err)
{
    mv_status st = MV_OK;
    char path[PATH_SIZE];
    FILE *file = NULL;

    MV_TRY(restore_place(path, sizeof path, r, i, err));
    file = fopen(path, "wbx");
    MV_REQUIRE(file != NULL || errno != EEXIST, err, MV_E_EXISTS,
               "two files of the study have names that this file system takes for one");
    MV_REQUIRE(file != NULL, err, MV_E_IO, "cannot write a file of the study: %s", strerror(errno));
    const mv_sink sink = {write_file, file};
    MV_TRY(mv_opener_exact(r->opener, i, &sink, err));
    MV_REQUIRE(fflush(file) == 0 && fsync(fileno(file)) == 0, err, MV_E_IO,
               "cannot write a file of the study: %s", strerror(errno));
done:
    if (file != NULL && fclose(file) != 0 && st == MV_OK) {
        st = mv_fail(err, MV_E_IO, "cannot write a file of the study: %s", strerror(errno));
    }
    return st;
}

/* ---- into place ---- */

/* Whether member i may be moved into the folder that exists. */
static mv_status check_free(const restore *r, size_t i, mv_error *err)
{
    mv_status st = MV_OK;
    char path[PATH_SIZE];
    struct stat info;

    MV_TRY(place_in(path, sizeof path, r->folder, name_of(r, i), false, err));
    if (lstat(path, &info) != 0) {
        MV_REQUIRE(errno == ENOENT, err, MV_E_IO, "cannot write in %s: %s", r->folder,
                   strerror(errno));
        goto done;
    }
    MV_REQUIRE(S_ISREG(info.st_mode), err, MV_E_EXISTS, "%s exists already and is not a file",
               path);
    if (!r->force) {
        st = mv_fail(err, MV_E_EXISTS, "%s exists already", path);
        mv_hint(err, "give the name of a new folder, or --force to replace files");
    }
done:
    return st;
}

static mv_status move_one(const restore *r, size_t i, mv_error *err)
{
    mv_status st = MV_OK;
    char from[PATH_SIZE], to[PATH_SIZE];

    MV_TRY(place_in(from, sizeof from, r->temporary.path, name_of(r, i), false, err));
    MV_TRY(place_in(to, sizeof to, r->folder, name_of(r, i), true, err));
    MV_REQUIRE(rename(from, to) == 0, err, MV_E_IO,
               "%zu of %zu files are in %s; the next could not be moved: %s", i,
               mv_opener_count(r->opener), r->folder, strerror(errno));
done:
    return st;
}

static mv_status move_all(const restore *r, mv_error *err)
{
    mv_status st = MV_OK;
    for (size_t i = 0; i < mv_opener_count(r->opener); i++) {
        MV_TRY(check_free(r, i, err));
    }
    for (size_t i = 0; i < mv_opener_count(r->opener); i++) {
        MV_TRY(move_one(r, i, err));
    }
done:
    return st;
}

mv_status restore_finish(restore *r, mv_error *err)
{
    mv_status st = MV_OK;

    MV_TRY(r->fresh ? scratch_rename(&r->temporary, r->folder, err) : move_all(r, err));
done:
    restore_abort(r);
    return st;
}

void restore_abort(restore *r)
{
    scratch_remove(&r->temporary);
}
