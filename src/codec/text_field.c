/* SPDX-License-Identifier: Apache-2.0
 *
 * text_field.c: read beside write.
 */
#include "codec/text_field.h"

#include <string.h>

mv_status mv_text_field_read(mv_reader *in, char *text, size_t field)
{
    mv_status st = MV_OK;
    MV_TRY(mv_read_copy(in, (uint8_t *)text, field));
    size_t len = 0;
    while (len < field && text[len] != '\0') {
        MV_ENSURE((unsigned char)text[len] >= 0x20 && text[len] != 0x7f, MV_E_FORMAT);
        len++;
    }
    MV_ENSURE(len < field, MV_E_FORMAT);
    for (size_t i = len; i < field; i++) {
        MV_ENSURE(text[i] == '\0', MV_E_FORMAT);
    }
done:
    return st;
}

mv_status mv_text_field_put(mv_buffer *out, const char *text, size_t field)
{
    mv_status st = MV_OK;
    const size_t len = strnlen(text, field);
    MV_ENSURE(len < field, MV_E_RANGE);
    MV_TRY(mv_buffer_append(out, (const uint8_t *)text, len));
    MV_TRY(mv_buffer_append_zeros(out, field - len));
done:
    return st;
}
