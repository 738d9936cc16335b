/* SPDX-License-Identifier: Apache-2.0
 *
 * labelled.h: a data set with a folder for each class.
 *
 *     FOLDER/SPLIT/CLASS/NAME.png      or, where there is no SPLIT, FOLDER/CLASS/NAME.png
 *
 * Classes are numbered in alphabetical order. The origin of each image comes from the columns name,
 * set and origin of FOLDER/../manifest.tsv, if there is such a file.
 */
#ifndef MV_CLI_LABELLED_H
#define MV_CLI_LABELLED_H

#include "medveil/status.h"

#include <stdbool.h>

enum { LABELLED_CLASSES_MAX = 16, LABELLED_NAME_MAX = 32 };

typedef struct labelled_image {
    char *path;
    uint32_t label;
    char origin[LABELLED_NAME_MAX]; /* "" when nothing is known */
} labelled_image;

typedef struct labelled {
    char set[LABELLED_NAME_MAX];
    char class_name[LABELLED_CLASSES_MAX][LABELLED_NAME_MAX];
    uint32_t class_count;
    uint32_t empty_classes; /* folders without an image: left out */
    labelled_image *image;
    size_t count;
} labelled;

/* labelled_list: owner: clear out with labelled_clear. errors: MV_E_NOT_FOUND (no folder, or no
 * class folder with an image), MV_E_LIMIT, MV_E_MEMORY, MV_E_IO */
MV_MUST_CHECK mv_status labelled_list(labelled *out, const char *set, const char *folder,
                                      const char *split, mv_error *err);
void labelled_clear(labelled *l);

/* labelled_find_class: its number, or class_count. */
uint32_t labelled_find_class(const labelled *l, const char *name);

#endif
