/* SPDX-License-Identifier: Apache-2.0
 *
 * home.h: where a user's own medveil files (models, cards) lie.
 */
#ifndef MV_BASE_HOME_H
#define MV_BASE_HOME_H

#include "base/status.h"

/* mv_home_path: folder name (such as "cards") below $MEDVEIL_HOME, else $XDG_DATA_HOME/medveil,
 * else $HOME/.local/share/medveil. Makes nothing. errors: MV_E_NOT_FOUND when none of the variables
 * is set, MV_E_LIMIT, each with a sentence */
MV_MUST_CHECK mv_status mv_home_path(char *out, size_t cap, const char *name, mv_error *err);

/* mv_home_make: the same, and makes the folder and those above it, mode 0700 where new.
 * errors: also MV_E_IO */
MV_MUST_CHECK mv_status mv_home_make(char *out, size_t cap, const char *name, mv_error *err);

#endif
