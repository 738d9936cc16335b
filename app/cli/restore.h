/* SPDX-License-Identifier: Apache-2.0
 *
 * restore.h: the files of a study back into a folder, all or none. They are written into a fresh
 * temporary folder first. Where the wanted folder does not exist, that one is renamed to it: the
 * study appears whole. Into a folder that exists, the files are moved one by one, after all of them
 * were opened and none was found in the way.
 */
#ifndef MV_CLI_RESTORE_H
#define MV_CLI_RESTORE_H

#include "medveil/envelope.h"
#include "scratch.h"

/* Zero-initialise; every path ends in restore_abort, which does nothing after restore_finish. */
typedef struct restore {
    char folder[PATH_SIZE]; /* where the study goes */
    scratch temporary;
    bool fresh;        /* folder does not exist yet */
    bool force;        /* replace files that are in the way */
    mv_opener *opener; /* borrowed */
} restore;

/* errors: MV_E_IO, MV_E_LIMIT, MV_E_FORMAT (a member without a name) */
MV_MUST_CHECK mv_status restore_begin(restore *r, mv_opener *opener, const char *folder, bool force,
                                      mv_error *err);

/* restore_place: where member i is to be written for now; its folders are made. */
MV_MUST_CHECK mv_status restore_place(char *out, size_t cap, const restore *r, size_t i,
                                      mv_error *err);

/* restore_exact: the original of member i, byte for byte. errors: as mv_opener_exact; MV_E_IO;
 * MV_E_EXISTS (two names that this file system takes for one); MV_E_INTERRUPTED */
MV_MUST_CHECK mv_status restore_exact(const restore *r, size_t i, mv_error *err);

/* restore_finish: everything to its place. errors: MV_E_EXISTS (nothing was moved), MV_E_IO */
MV_MUST_CHECK mv_status restore_finish(restore *r, mv_error *err);
void restore_abort(restore *r); /* removes the temporary folder and all in it */

#endif
