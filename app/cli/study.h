/* SPDX-License-Identifier: Apache-2.0
 *
 * study.h: which files a command's inputs stand for: a file for itself, a folder for all files in
 * and beneath it.
 */
#ifndef MV_CLI_STUDY_H
#define MV_CLI_STUDY_H

#include "medveil/status.h"

#include <stdbool.h>
#include <stddef.h>

/* One file of a study. Both strings belong to the list. */
typedef struct study_file {
    char *path; /* to open it */
    char *name; /* in the envelope: relative, with '/' between folders */
    bool found; /* in a folder, not named by the user */
} study_file;

/* Zero-initialise; study_clear frees. */
typedef struct study {
    study_file *file;
    size_t count, cap;
    size_t empty_folders; /* have no file, so they are not in the envelope */
} study;

bool study_is_folder(const char *path);

/* study_add: the file at path under its own last name (of a NIfTI pair both), or what is in the
 * folder at path in the order of names: under names relative to the folder, or, with_folder,
 * beginning with the folder's name. Symbolic links and what is neither file nor folder are refused,
 * never left out silently. errors: MV_E_NOT_FOUND, MV_E_IO, MV_E_UNSUPPORTED, MV_E_LIMIT,
 * MV_E_MEMORY */
MV_MUST_CHECK mv_status study_add(study *s, const char *path, bool with_folder, mv_error *err);
void study_clear(study *s);

#endif
