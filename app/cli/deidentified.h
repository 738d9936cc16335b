/* SPDX-License-Identifier: Apache-2.0
 *
 * deidentified.h: the files of a command's inputs without identity, in a folder of their own;
 * shared by deidentify and encrypt.
 */
#ifndef MV_CLI_DEIDENTIFIED_H
#define MV_CLI_DEIDENTIFIED_H

#include "image/deidentify.h"
#include "study.h"
#include "ui.h"

#define DEIDENTIFY_OPTIONS                                                                         \
    {"retain", 0, "LIST",                                                                          \
     "what may stay: uids,device,institution,patient,dates or shifted-dates"},                     \
        {"clean", 0, "LIST", "what may stay in part: descriptors,structured-content"},             \
        {"blank", 0, "X,Y,W,H", "make this part of every image black; may be repeated"},           \
        {"pseudonyms", 0, "FILE",                                                                  \
         "your secret key and pairs of names; made when it is not there"},                         \
    {                                                                                              \
        "burned-in-ok", 0, NULL, "let images with text in their pixels through"                    \
    }

/* deidentified_session: from --retain, --clean, --blank and --pseudonyms; on a bad one *out is NULL
 * with MV_E_ARGUMENT. errors: as mv_deid_new */
MV_MUST_CHECK mv_status deidentified_session(mv_deid **out, const cli_args *args, mv_error *err);

/* deidentified_write: each file to folder (which exists) as 000001.dcm, 000002.dcm, .., since names
 * of files tell names of people; then --pseudonyms. errors: as mv_deid_file; MV_E_IO */
MV_MUST_CHECK mv_status deidentified_write(mv_deid *d, const study *files, const char *folder,
                                           const cli_args *args, mv_error *err);

/* deidentified_one: one file to path. errors: as above */
MV_MUST_CHECK mv_status deidentified_one(mv_deid *d, const study_file *file, const char *path,
                                         unsigned output_flags, const cli_args *args,
                                         mv_error *err);

/* What was done, by attribute: never a value. json: as an array */
json_t *deidentified_json(const mv_deid *d);
void deidentified_summary(const mv_deid *d); /* one line on stderr */

#endif
