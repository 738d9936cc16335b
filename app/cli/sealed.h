/* SPDX-License-Identifier: Apache-2.0
 *
 * sealed.h: opening a .mv file for a command: read, authenticate, check the sender, one sentence
 * that names the file when it cannot be done.
 */
#ifndef MV_CLI_SEALED_H
#define MV_CLI_SEALED_H

#include "base/status.h"
#include "medveil/envelope.h"

/* Zero-initialise; every path ends in sealed_close. */
typedef struct sealed_file {
    FILE *stream; /* a pipe is copied, still sealed, to a file without a name */
    mv_source source;
    mv_opener *opener; /* NULL: only the source was opened */
} sealed_file;

/* sealed_source: the bytes alone. errors: MV_E_NOT_FOUND, MV_E_IO */
MV_MUST_CHECK mv_status sealed_source(sealed_file *file, const char *path, mv_error *err);

/* sealed_open: as mv_opener_new on the file at path. from NULL: any sender. A file that starts as
 * an envelope of this format and is damaged or cut short is MV_E_AUTH, like any other that is not
 * what was sealed; a file of another kind is MV_E_FORMAT. */
MV_MUST_CHECK mv_status sealed_open(sealed_file *file, const char *path,
                                    const mv_identity *identity, const mv_card *from,
                                    mv_error *err);
void sealed_close(sealed_file *file);

/* sealed_collection: when the features inside are sealed for a collection, open them with the one
 * at path; path NULL: nothing is done. errors: as mv_collection_open, MV_E_WRONG_KEY */
MV_MUST_CHECK mv_status sealed_collection(sealed_file *file, const char *path,
                                          const mv_identity *identity, mv_error *err);

/* sealed_load_collection: the collection at path. errors: as mv_collection_open, the file named */
MV_MUST_CHECK mv_status sealed_load_collection(mv_collection **out, const char *path,
                                               const mv_identity *identity, mv_error *err);

#endif
