/* SPDX-License-Identifier: Apache-2.0
 *
 * paths.h: how commands name their outputs and find a model: shared by encrypt, decrypt and others.
 */
#ifndef MV_CLI_PATHS_H
#define MV_CLI_PATHS_H

#include "medveil/model.h"

#include <stdbool.h>

enum { PATH_SIZE = 4096 };

const char *path_base(const char *path);      /* after the last '/'; borrows */
const char *path_extension(const char *path); /* ".png", ".nii.gz", or "" ; borrows */

/* Results in out (cap bytes). errors: MV_E_LIMIT when it does not fit */
MV_MUST_CHECK mv_status path_copy(char *out, size_t cap, const char *path, mv_error *err);
MV_MUST_CHECK mv_status path_join(char *out, size_t cap, const char *folder, const char *name,
                                  const char *suffix, mv_error *err);

void path_strip(char *path); /* takes '/' off its end, but not off "/" itself */

/* Whether -o OUT means a folder: several inputs, an existing folder, or a final '/'. */
bool path_wants_folder(const char *out, size_t input_count);
MV_MUST_CHECK mv_status path_make_folder(const char *path, mv_error *err); /* may exist already */

/* False, with a sentence, when binary output would go to a terminal. */
bool path_output_is_safe(const char *out, const char *what);

/* path_load_model: name_or_file NULL means "cnn"; something with '/' or ".mvm" is a file. */
MV_MUST_CHECK mv_status path_load_model(mv_model **out, const char *name_or_file, mv_error *err);

#endif
