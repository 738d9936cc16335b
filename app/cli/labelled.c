/* SPDX-License-Identifier: Apache-2.0
 *
 * labelled.c: listing images by class, and looking up their origins.
 */
#include "labelled.h"

#include "base/file.h"
#include "paths.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { IMAGES_MAX = 1 << 20, MANIFEST_MAX = 64 << 20 };

static bool is_folder(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

static bool is_image(const char *name)
{
    static const char *const endings[] = {".png", ".jpg", ".jpeg",  ".npy",
                                          ".dcm", ".nii", ".nii.gz"};
    const char *e = path_extension(name);
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        if (strcasecmp(e, endings[i]) == 0) {
            return name[0] != '.';
        }
    }
    return false;
}

static mv_status add_image(labelled *l, size_t *cap, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    if (l->count == *cap) {
        *cap = *cap == 0 ? 256 : 2 * *cap;
        labelled_image *grown =
            *cap > IMAGES_MAX ? NULL : realloc(l->image, *cap * sizeof *l->image);
        MV_REQUIRE(grown != NULL, err, MV_E_MEMORY, "out of memory for a list of images");
        l->image = grown;
    }
    l->image[l->count] = (labelled_image){.path = strdup(path), .label = l->class_count};
    MV_REQUIRE(l->image[l->count].path != NULL, err, MV_E_MEMORY, "out of memory for a list");
    l->count++;
done:
    return st;
}

/* Names in a folder, alphabetically. owner: free each, then the list */
static mv_status read_folder(struct dirent ***entry, int *count, const char *folder, mv_error *err)
{
    *count = scandir(folder, entry, NULL, alphasort);
    if (*count < 0) {
        *count = 0;
        *entry = NULL;
        return mv_fail(err, MV_E_NOT_FOUND, "cannot read the folder %s", folder);
    }
    return MV_OK;
}

static void free_entries(struct dirent **entry, int count)
{
    for (int i = 0; i < count; i++) {
        free(entry[i]);
    }
    free(entry);
}

static mv_status add_class(labelled *l, size_t *cap, const char *folder, const char *name,
                           mv_error *err)
{
    mv_status st = MV_OK;
    char path[PATH_SIZE];
    struct dirent **entry = NULL;
    int count = 0;
    const size_t before = l->count;

    MV_TRY(read_folder(&entry, &count, folder, err));
    MV_REQUIRE(l->class_count < LABELLED_CLASSES_MAX && strlen(name) < LABELLED_NAME_MAX, err,
               MV_E_LIMIT, "a data set has at most %d classes with names under %d bytes",
               LABELLED_CLASSES_MAX, LABELLED_NAME_MAX);
    (void)snprintf(l->class_name[l->class_count], LABELLED_NAME_MAX, "%s", name);
    for (int i = 0; i < count; i++) {
        if (is_image(entry[i]->d_name)) {
            MV_TRY(path_join(path, sizeof path, folder, entry[i]->d_name, "", err));
            MV_TRY(add_image(l, cap, path, err));
        }
    }
    if (l->count > before) {
        l->class_count++;
    } else {
        l->empty_classes++;
    }
done:
    free_entries(entry, count);
    return st;
}

static mv_status list_classes(labelled *l, const char *folder, mv_error *err)
{
    mv_status st = MV_OK;
    char path[PATH_SIZE];
    struct dirent **entry = NULL;
    int count = 0;
    size_t cap = 0;

    MV_TRY(read_folder(&entry, &count, folder, err));
    for (int i = 0; i < count; i++) {
        MV_TRY(path_join(path, sizeof path, folder, entry[i]->d_name, "", err));
        if (entry[i]->d_name[0] != '.' && is_folder(path)) {
            MV_TRY(add_class(l, &cap, path, entry[i]->d_name, err));
        }
    }
    if (l->count == 0) {
        mv_hint(err, "put the images of each class in a folder of its own: %s/CLASS/*.png", folder);
        MV_REQUIRE(false, err, MV_E_NOT_FOUND, "there is no class folder with images in %s",
                   folder);
    }
done:
    free_entries(entry, count);
    return st;
}

/* ---- origins ---- */

/* Field number at of a tab-separated line; *len its length. */
static const char *field(const char *line, size_t at, size_t *len)
{
    for (; at != 0 && *line != '\n' && *line != '\0'; line++) {
        at -= *line == '\t';
    }
    *len = at != 0 ? 0 : strcspn(line, "\t\r\n");
    return line;
}

static bool field_is(const char *line, size_t at, const char *text)
{
    size_t len = 0;
    const char *value = field(line, at, &len);
    return len == strlen(text) && memcmp(value, text, len) == 0;
}

static bool find_column(size_t *at, const char *header, const char *name)
{
    const size_t end = strcspn(header, "\n");
    for (*at = 0; *at < end; (*at)++) {
        if (field_is(header, *at, name)) {
            return true;
        }
    }
    return false;
}

static void look_up(labelled_image *image, const char *set, const char *text, size_t name_at,
                    size_t set_at, size_t origin_at)
{
    for (const char *line = text; line != NULL && *line != '\0';) {
        if (field_is(line, name_at, path_base(image->path)) && field_is(line, set_at, set)) {
            size_t len = 0;
            const char *origin = field(line, origin_at, &len);
            len = len < sizeof image->origin ? len : sizeof image->origin - 1;
            memcpy(image->origin, origin, len);
            image->origin[len] = '\0';
            return;
        }
        line = strchr(line, '\n');
        line = line == NULL ? NULL : line + 1;
    }
}

/* A data set without a manifest has no origins: nothing to complain about. */
static mv_status read_origins(labelled *l, const char *folder, mv_error *err)
{
    mv_status st = MV_OK;
    char path[PATH_SIZE];
    mv_buffer text = mv_buffer_make(MANIFEST_MAX);
    size_t name_at = 0, set_at = 0, origin_at = 0;
    struct stat s;

    MV_TRY(path_join(path, sizeof path, folder, "../manifest.tsv", "", err));
    if (stat(path, &s) != 0) {
        goto done;
    }
    MV_TRY(mv_file_read(&text, path, err));
    MV_TRY(mv_buffer_put_u8(&text, 0));
    const char *header = (const char *)text.bytes;
    if (find_column(&name_at, header, "name") && find_column(&set_at, header, "set") &&
        find_column(&origin_at, header, "origin")) {
        for (size_t i = 0; i < l->count; i++) {
            look_up(&l->image[i], l->set, header, name_at, set_at, origin_at);
        }
    }
done:
    mv_buffer_clear(&text);
    return st;
}

mv_status labelled_list(labelled *out, const char *set, const char *folder, const char *split,
                        mv_error *err)
{
    mv_status st = MV_OK;
    char path[PATH_SIZE];

    memset(out, 0, sizeof *out);
    MV_REQUIRE(set[0] != '\0' && strlen(set) < LABELLED_NAME_MAX, err, MV_E_LIMIT,
               "a data set's name has 1 to %d bytes", LABELLED_NAME_MAX - 1);
    (void)snprintf(out->set, sizeof out->set, "%s", set);
    MV_TRY(path_join(path, sizeof path, folder, split, "", err));
    MV_TRY(list_classes(out, is_folder(path) ? path : folder, err));
    MV_TRY(read_origins(out, folder, err));
done:
    if (st != MV_OK) {
        labelled_clear(out);
    }
    return st;
}

void labelled_clear(labelled *l)
{
    for (size_t i = 0; i < l->count; i++) {
        free(l->image[i].path);
    }
    free(l->image);
    memset(l, 0, sizeof *l);
}

uint32_t labelled_find_class(const labelled *l, const char *name)
{
    uint32_t k = 0;
    while (k < l->class_count && strcmp(l->class_name[k], name) != 0) {
        k++;
    }
    return k;
}
