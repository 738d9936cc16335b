/* SPDX-License-Identifier: Apache-2.0
 *
 * png_folder.c: the pictures of a folder.
 */
#include "png_folder.h"

#include "base/status.h"
#include "image/preprocess.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

mv_status png_folder_each(const char *folder,
                          mv_status (*visit)(void *user, const char *path, const char *name,
                                             mv_error *err),
                          void *user, mv_error *err)
{
    mv_status st = MV_OK;
    struct dirent **entry = NULL;
    const int count = scandir(folder, &entry, NULL, alphasort);

    if (count < 0) {
        return mv_fail(err, MV_E_NOT_FOUND, "cannot read the folder %s", folder);
    }
    for (int i = 0; i < count; i++) {
        char path[4096];
        struct stat info;
        const char *name = entry[i]->d_name;
        const char *dot = strrchr(name, '.');
        (void)snprintf(path, sizeof path, "%s/%s", folder, name);
        if (st == MV_OK && name[0] != '.' && stat(path, &info) == 0) {
            if (S_ISDIR(info.st_mode)) {
                st = png_folder_each(path, visit, user, err);
            } else if (dot != NULL && strcmp(dot, ".png") == 0) {
                st = visit(user, path, name, err);
            }
        }
        free(entry[i]);
    }
    free(entry);
    return st;
}

mv_status png_gray8(mv_image *out, const char *path, uint32_t side, mv_error *err)
{
    mv_status st = MV_OK;
    mv_image loaded = {0}, small = {0};
    double lo = 0, hi = 255;

    MV_TRY(mv_image_load(&loaded, path, err));
    if (side == 0) {
        MV_TRY(mv_image_slice(&small, &loaded, 0, 1));
    } else {
        MV_TRY(mv_image_resize(&small, &loaded, side, side, err));
        MV_TRY(mv_image_range(&lo, &hi, &small, err));
    }
    MV_TRY(mv_image_alloc(out, small.width, small.height, 1, 1, MV_SAMPLE_U8));
    MV_REQUIRE(small.channels == 1, err, MV_E_UNSUPPORTED, "%s is not gray", path);
    for (size_t i = 0; i < mv_image_sample_count(out); i++) {
        mv_image_set(out, i, hi > lo ? (mv_image_get(&small, i) - lo) / (hi - lo) * 255 : 0);
    }
done:
    mv_image_clear(&loaded);
    mv_image_clear(&small);
    return st;
}
