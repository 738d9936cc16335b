/* SPDX-License-Identifier: Apache-2.0
 *
 * scratch.h: a folder of ours (mode 0700) that is renamed into place or removed with all in it.
 */
#ifndef MV_CLI_SCRATCH_H
#define MV_CLI_SCRATCH_H

#include "paths.h"

/* Zero-initialise; every path ends in scratch_remove, which does nothing after scratch_rename. */
typedef struct scratch {
    char path[PATH_SIZE]; /* "": none */
} scratch;

/* scratch_make: NAME.part.XXXXXX. errors: MV_E_IO */
MV_MUST_CHECK mv_status scratch_make(scratch *s, const char *name, mv_error *err);

/* scratch_rename: becomes folder, which must not exist or be empty, as open as any new folder.
 * errors: MV_E_EXISTS, MV_E_IO */
MV_MUST_CHECK mv_status scratch_rename(scratch *s, const char *folder, mv_error *err);
void scratch_remove(scratch *s);

#endif
