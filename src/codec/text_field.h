/* SPDX-License-Identifier: Apache-2.0
 *
 * text_field.h: text in a field of a fixed length, zeroes behind it, for the heads of files.
 */
#ifndef MV_CODEC_TEXT_FIELD_H
#define MV_CODEC_TEXT_FIELD_H

#include "base/bytes.h"

/* mv_text_field_read: into field bytes, the last of them zero. errors: MV_E_TRUNCATED, MV_E_FORMAT
 * (control characters, no end, something behind the end) */
MV_MUST_CHECK mv_status mv_text_field_read(mv_reader *in, char *text, size_t field);
/* errors: MV_E_RANGE (too long), MV_E_MEMORY, MV_E_LIMIT */
MV_MUST_CHECK mv_status mv_text_field_put(mv_buffer *out, const char *text, size_t field);

#endif
