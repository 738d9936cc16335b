/* SPDX-License-Identifier: Apache-2.0
 *
 * hex.c: strict: upper case and short text are refused, so one value has one spelling.
 */
#include "wire/hex.h"

static int digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void mv_hex_write(char *out, const uint8_t *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * len] = '\0';
}

bool mv_hex_read(uint8_t *out, size_t len, const char *text)
{
    for (size_t i = 0; i < 2 * len; i++) { /* a zero ends the text and is no digit */
        if (digit(text[i]) < 0) {
            return false;
        }
    }
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)(digit(text[2 * i]) << 4 | digit(text[2 * i + 1]));
    }
    return true;
}
