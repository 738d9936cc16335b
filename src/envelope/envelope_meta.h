/* SPDX-License-Identifier: Apache-2.0
 *
 * envelope_meta.h: the meta section: what the image was, and what travels with it. CBOR, its fields
 * in docs/formats/mv.md, section "Meta".
 */
#ifndef MV_ENVELOPE_META_H
#define MV_ENVELOPE_META_H

#include "base/bytes.h"
#include "container.h"

#define MV_META_LEN_MAX  4096
#define MV_SHA256_LEN    32
#define MV_FILE_NAME_MAX 256 /* with the final zero */

typedef struct mv_envelope_meta {
    char file_name[MV_FILE_NAME_MAX]; /* base name or "" */
    bool exact_kept;                  /* false: left out by the sender's choice */
    uint8_t exact_sha256[MV_SHA256_LEN];
    bool described; /* code is set; always so when features travel */
    mv_code_meta code;
    size_t feature_count; /* follows from code; 0: none travel */
} mv_envelope_meta;

/* mv_meta_write: errors: MV_E_ARGUMENT (file name), MV_E_RANGE (a number is not finite),
 * MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_meta_write(mv_buffer *out, const mv_envelope_meta *meta, mv_error *err);

/* mv_meta_read: every field validated, code by mv_code_expect. *out is zero on error.
 * errors: MV_E_FORMAT, MV_E_TRUNCATED, MV_E_RANGE, MV_E_LIMIT */
MV_MUST_CHECK mv_status mv_meta_read(mv_envelope_meta *out, const uint8_t *bytes, size_t len,
                                     mv_error *err);

/* mv_file_name_valid: UTF-8, a plain name in one folder: no separators, no control characters, not
 * "." or ".."; or empty. */
bool mv_file_name_valid(const char *name);

#endif
