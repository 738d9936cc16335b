/* SPDX-License-Identifier: Apache-2.0
 *
 * deidentify.h: DICOM files without what says whose they are. A session has a key: under one key
 * the same UID, patient and date always become the same, so the files of a study, and of later
 * ones, stay together. Key and pairs are kept by the sender in a file of mode 0600.
 */
#ifndef MV_DEIDENTIFY_H
#define MV_DEIDENTIFY_H

#include "base/bytes.h"
#include "image/deid_shim.h"

#include <stdbool.h>

typedef struct mv_deid mv_deid;

/* mv_deid_new: a fresh key, or the one of the file at path where that exists (path NULL: fresh, and
 * nothing is kept). keep: MV_DEID_KEEP_..., MV_DEID_SHIFT_DATES,
 * MV_DEID_CLEAN_...
 * errors: MV_E_POLICY (others can read the file), MV_E_FORMAT, MV_E_LIMIT, MV_E_IO, MV_E_RANDOM,
 * MV_E_MEMORY, MV_E_ARGUMENT (options that exclude each other) */
MV_MUST_CHECK mv_status mv_deid_new(mv_deid **out, const char *path, unsigned keep, mv_error *err);
void mv_deid_free(mv_deid **d);

/* mv_deid_blank_out: make this part of every image black. errors: MV_E_LIMIT (MV_DEID_BLANKS_MAX),
 * MV_E_ARGUMENT (UIDs are kept: changed pixels need a UID of their own) */
MV_MUST_CHECK mv_status mv_deid_blank_out(mv_deid *d, const mv_deid_blank *blank, mv_error *err);

/* mv_deid_file: the file of len bytes without identity, appended to out; what was done is added to
 * the session's report. Unless text_ok, refuses an image that says or shows that text is burned
 * into its pixels, or whose pixels cannot be looked at; where a part is made black, of what is
 * left. errors: those of mv_image_decode; MV_E_POLICY (text), MV_E_UNSUPPORTED (not a DICOM
 * object), MV_E_ARGUMENT (a part to be made black lies outside) */
MV_MUST_CHECK mv_status mv_deid_file(mv_buffer *out, mv_deid *d, const uint8_t *bytes, size_t len,
                                     const char *name, bool text_ok, mv_error *err);

/* The session's report, by tag and action; never a value. */
size_t mv_deid_row_count(const mv_deid *d);
const mv_deid_row *mv_deid_row_at(const mv_deid *d, size_t i);
const char *mv_deid_action_name(uint32_t action); /* "removed", "emptied", .. */

/* mv_deid_save: key and pairs to path, mode 0600, replacing what mv_deid_new read there. */
MV_MUST_CHECK mv_status mv_deid_save(const mv_deid *d, const char *path, mv_error *err);

#endif
