/* SPDX-License-Identifier: Apache-2.0
 *
 * train_data.c: walking folders, choosing images by origin, reading them as gray squares.
 */
#include "train_data.h"

#include "base/file.h"
#include "image/preprocess.h"
#include "paths.h"
#include "ui.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { FILES_MAX = 1 << 20, DEPTH_MAX = 8, MANIFEST_MAX = 64 << 20 };

/* A growing list of owned paths. */
typedef struct files {
    char **path;
    size_t count, cap;
} files;

static void files_clear(files *f)
{
    for (size_t i = 0; i < f->count; i++) {
        free(f->path[i]);
    }
    free(f->path);
    *f = (files){NULL, 0, 0};
}

static mv_status files_add(files *f, const char *path)
{
    if (f->count == f->cap) {
        const size_t cap = f->cap == 0 ? 256 : 2 * f->cap;
        char **grown = cap > FILES_MAX ? NULL : realloc(f->path, cap * sizeof *grown);
        if (grown == NULL) {
            return MV_E_MEMORY;
        }
        f->path = grown;
        f->cap = cap;
    }
    f->path[f->count] = strdup(path);
    return f->path[f->count] == NULL ? MV_E_MEMORY : (f->count++, MV_OK);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_image(const char *path)
{
    const char *e = path_extension(path);
    return strcasecmp(e, ".png") == 0 || strcasecmp(e, ".jpg") == 0 ||
           strcasecmp(e, ".jpeg") == 0 || strcasecmp(e, ".npy") == 0;
}

static bool is_folder(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

/* All images below folder; hidden entries are left out. */
static mv_status walk(files *out, const char *folder, int depth, mv_error *err)
{
    mv_status st = MV_OK;
    char path[PATH_SIZE];
    const struct dirent *entry = NULL;
    DIR *dir = opendir(folder);

    MV_REQUIRE(dir != NULL, err, MV_E_NOT_FOUND, "cannot read the folder %s", folder);
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        MV_TRY(path_join(path, sizeof path, folder, entry->d_name, "", err));
        if (is_folder(path)) {
            MV_REQUIRE(depth < DEPTH_MAX, err, MV_E_LIMIT, "%s is nested too deeply", path);
            MV_TRY(walk(out, path, depth + 1, err));
        } else if (is_image(path)) {
            MV_TRY(files_add(out, path));
        }
    }
done:
    if (dir != NULL) {
        (void)closedir(dir);
    }
    return st;
}

static mv_status list_images(files *out, const char *folder, mv_error *err)
{
    const mv_status st = walk(out, folder, 0, err);
    if (st == MV_OK && out->count > 1) {
        qsort(out->path, out->count, sizeof *out->path, by_name); /* the same on every disk */
    }
    return st;
}

/* FNV-1a: one name in ten, the same ones everywhere. */
static bool validates(const char *path)
{
    uint32_t h = 2166136261u;
    for (const char *p = path_base(path); *p != '\0'; p++) {
        h = (h ^ (uint8_t)*p) * 16777619u;
    }
    return h % 10 == 0;
}

/* Move the validating tenth of all into validation. */
static mv_status split_files(files *train, files *validation)
{
    mv_status st = MV_OK;
    size_t kept = 0;
    for (size_t i = 0; i < train->count; i++) {
        char *path = train->path[i];
        if (validates(path)) {
            MV_TRY(files_add(validation, path));
            free(path);
        } else {
            train->path[kept++] = path;
        }
    }
    train->count = kept;
done:
    return st;
}

/* ---- origins ---- */

enum { COLUMN_NAME, COLUMN_SET, COLUMN_SPLIT, COLUMN_ORIGIN, COLUMN_COUNT };

typedef struct manifest {
    mv_buffer text;
    size_t column[COLUMN_COUNT]; /* its place in a row */
} manifest;

/* Field number at of the tab-separated row at line; *len its length. */
static const char *field(const char *line, size_t at, size_t *len)
{
    for (; at != 0 && *line != '\n' && *line != '\0'; line++) {
        at -= *line == '\t';
    }
    *len = at != 0 ? 0 : strcspn(line, "\t\n");
    return line;
}

static bool field_is(const char *line, size_t at, const char *text, size_t text_len)
{
    size_t len = 0;
    const char *value = field(line, at, &len);
    return len == text_len && memcmp(value, text, len) == 0;
}

static mv_status manifest_read(manifest *m, const char *folder, mv_error *err)
{
    static const char *const names[COLUMN_COUNT] = {"name", "set", "split", "origin"};
    mv_status st = MV_OK;
    char path[PATH_SIZE];

    m->text = mv_buffer_make(MANIFEST_MAX);
    MV_TRY(path_join(path, sizeof path, folder, "../manifest.tsv", "", err));
    MV_TRY(mv_file_read(&m->text, path, err));
    MV_TRY(mv_buffer_put_u8(&m->text, 0));
    for (size_t k = 0; k < COLUMN_COUNT; k++) {
        const char *header = (const char *)m->text.bytes;
        const size_t header_len = strcspn(header, "\n");
        size_t at = 0;
        while (at < header_len && !field_is(header, at, names[k], strlen(names[k]))) {
            at++;
        }
        MV_REQUIRE(at < header_len, err, MV_E_FORMAT, "%s has no column %s", path, names[k]);
        m->column[k] = at;
    }
done:
    return st;
}

/* Whether origin (len bytes) is one of "a,b-*". */
static bool origin_listed(const char *origin, size_t len, const char *list)
{
    while (*list != '\0') {
        const size_t item = strcspn(list, ",");
        const bool prefix = item != 0 && list[item - 1] == '*';
        const size_t want = prefix ? item - 1 : item;
        if (want <= len && (prefix || want == len) && memcmp(origin, list, want) == 0) {
            return true;
        }
        list += item + (list[item] == ',');
    }
    return false;
}

static bool may_train(const manifest *m, const char *set, const char *path, const char *origins)
{
    const char *name = path_base(path);
    const char *line = (const char *)m->text.bytes;
    while (line != NULL && *line != '\0') {
        if (field_is(line, m->column[COLUMN_NAME], name, strlen(name)) &&
            field_is(line, m->column[COLUMN_SET], set, strlen(set)) &&
            field_is(line, m->column[COLUMN_SPLIT], "train", 5)) {
            size_t len = 0;
            const char *origin = field(line, m->column[COLUMN_ORIGIN], &len);
            return origin_listed(origin, len, origins);
        }
        line = strchr(line, '\n');
        line = line == NULL ? NULL : line + 1;
    }
    return false;
}

/* Leave out of train what has no listed origin. */
static mv_status filter_origins(files *train, size_t *left_out, const char *folder, const char *set,
                                const char *origins, mv_error *err)
{
    mv_status st = MV_OK;
    manifest m = {.column = {0}};
    size_t kept = 0;

    MV_TRY(manifest_read(&m, folder, err));
    for (size_t i = 0; i < train->count; i++) {
        if (may_train(&m, set, train->path[i], origins)) {
            train->path[kept++] = train->path[i];
        } else {
            free(train->path[i]);
            (*left_out)++;
        }
    }
    train->count = kept;
done:
    mv_buffer_clear(&m.text);
    return st;
}

/* ---- pixels ---- */

/* The middle slice of image, channels averaged, stretched to 0..255. plane: room for side^2. */
static mv_status to_gray(uint8_t *out, float *plane, const mv_image *image, mv_error *err)
{
    mv_status st = MV_OK;
    const size_t count = (size_t)image->width * image->height;
    double lo = 0, hi = 0;
    float *sum = calloc(count, sizeof *sum);

    MV_REQUIRE(sum != NULL, err, MV_E_MEMORY, "out of memory for an image");
    MV_TRY(mv_image_range(&lo, &hi, image, err));
    for (uint32_t c = 0; c < image->channels; c++) {
        mv_image_to_unit(plane, image, image->depth / 2, c, lo, hi);
        for (size_t k = 0; k < count; k++) {
            sum[k] += plane[k] / (float)image->channels;
        }
    }
    for (size_t k = 0; k < count; k++) {
        out[k] = (uint8_t)(sum[k] * 255.0F + 0.5F);
    }
done:
    free(sum);
    return st;
}

static mv_status read_one(uint8_t *out, float *plane, const char *path, uint32_t side,
                          mv_error *err)
{
    mv_status st = MV_OK;
    mv_image image = {0}, square = {0};
    MV_TRY(mv_image_load(&image, path, err));
    MV_TRY(mv_image_resize(&square, &image, side, side, err));
    MV_TRY(to_gray(out, plane, &square, err));
done:
    mv_image_clear(&image);
    mv_image_clear(&square);
    return st;
}

bool train_data_unusable(mv_status st, const char *path, const mv_error *why)
{
    const bool unusable = mv_status_category(st) == MV_CATEGORY_INPUT || st == MV_E_UNSUPPORTED ||
                          st == MV_E_LIMIT || st == MV_E_MISMATCH;
    if (unusable) {
        ui_say("%s is left out: %s", path,
               why->text[0] != '\0' ? why->text : mv_status_sentence(st));
    }
    return unusable;
}

/* Pixels of all files; what cannot be read is taken off the list and added to *unreadable.
 * owner: *out is the caller's, NULL when there are no files. */
static mv_status read_all(uint8_t **out, files *f, uint32_t side, size_t *unreadable,
                          mv_progress progress, mv_error *err)
{
    mv_status st = MV_OK;
    const size_t plane_count = (size_t)side * side, count = f->count;
    uint8_t *pixel = count == 0 ? NULL : calloc(count, plane_count);
    float *plane = calloc(plane_count, sizeof *plane);

    MV_REQUIRE((pixel != NULL || count == 0) && plane != NULL, err, MV_E_MEMORY,
               "out of memory for %zu training images", count);
    f->count = 0;
    for (size_t i = 0; i < count; i++) {
        char *path = f->path[i];
        mv_error why = {.text = ""};
        if (progress.step != NULL && st == MV_OK) {
            st = progress.step(progress.user, "reading images", i, count);
        }
        if (st == MV_OK) {
            st = read_one(pixel + f->count * plane_count, plane, path, side, &why);
        }
        if (st == MV_OK) {
            f->path[f->count++] = path;
            continue;
        }
        if (train_data_unusable(st, path, &why)) {
            ++*unreadable;
            st = MV_OK;
        }
        free(path);
    }
    MV_REQUIRE(st == MV_OK, err, st, "cannot read the training images: %s", mv_status_sentence(st));
    *out = pixel;
    pixel = NULL;
done:
    free(pixel);
    free(plane);
    return st;
}

/* The folder's own name, without slashes at its end. owner: the caller's */
static char *set_name(const char *folder)
{
    size_t len = strlen(folder);
    while (len > 1 && folder[len - 1] == '/') {
        len--;
    }
    size_t start = len;
    while (start > 0 && folder[start - 1] != '/') {
        start--;
    }
    return strndup(folder + start, len - start);
}

static mv_status list_set(files *train, files *validation, train_data *d, const char *folder,
                          mv_error *err)
{
    mv_status st = MV_OK;
    char path[PATH_SIZE];

    MV_TRY(path_join(path, sizeof path, folder, "train", "", err));
    if (!is_folder(path)) {
        d->own_split = true;
        MV_TRY(list_images(train, folder, err));
        MV_TRY(split_files(train, validation));
        return MV_OK;
    }
    MV_TRY(list_images(train, path, err));
    MV_TRY(path_join(path, sizeof path, folder, "val", "", err));
    if (is_folder(path)) {
        MV_TRY(list_images(validation, path, err));
    }
done:
    return st;
}

mv_status train_data_add(train_data *d, const char *folder, uint32_t side, const char *origins,
                         mv_progress progress, mv_error *err)
{
    mv_status st = MV_OK;
    files train = {NULL, 0, 0}, validation = {NULL, 0, 0};
    const size_t at = d->data.set_count;

    MV_REQUIRE(at < MV_TRAIN_SETS_MAX, err, MV_E_LIMIT, "at most %d --data folders",
               MV_TRAIN_SETS_MAX);
    d->name[at] = set_name(folder);
    MV_REQUIRE(d->name[at] != NULL, err, MV_E_MEMORY, "out of memory for training images");
    d->data.set_count++; /* train_data_clear frees what follows, also after an error */
    MV_TRY(list_set(&train, &validation, d, folder, err));
    if (origins != NULL) {
        MV_TRY(filter_origins(&train, &d->left_out, folder, d->name[at], origins, err));
    }
    MV_TRY(read_all(&d->train[at], &train, side, &d->unreadable, progress, err));
    if (train.count == 0) {
        mv_hint(err, "give a folder with PNG, JPEG or NPY images, in train/ and val/ or directly");
        MV_REQUIRE(false, err, MV_E_NOT_FOUND, "there is no image to train on in %s", folder);
    }
    MV_TRY(read_all(&d->validation[at], &validation, side, &d->unreadable, progress, err));
    d->data.width = d->data.height = side;
    d->data.set[at] = (mv_train_set){
        d->name[at], {d->train[at], train.count}, {d->validation[at], validation.count}};
done:
    files_clear(&train);
    files_clear(&validation);
    return st;
}

void train_data_clear(train_data *d)
{
    for (size_t i = 0; i < MV_TRAIN_SETS_MAX; i++) {
        free(d->name[i]);
        free(d->train[i]);
        free(d->validation[i]);
    }
    *d = (train_data){.left_out = 0};
}

int train_outcome(size_t unreadable)
{
    if (unreadable != 0) {
        ui_say("%zu image%s could not be read and did not take part", unreadable,
               unreadable == 1 ? "" : "s");
    }
    return unreadable == 0 ? CLI_OK : CLI_PARTIAL;
}
