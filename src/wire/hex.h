/* SPDX-License-Identifier: Apache-2.0
 *
 * hex.h: bytes as lower-case hexadecimal text, the form that hashes and keys have on the wire.
 */
#ifndef MV_WIRE_HEX_H
#define MV_WIRE_HEX_H

#include "base/status.h"

#include <stdbool.h>

void mv_hex_write(char *out, const uint8_t *bytes, size_t len); /* 2 len characters and a zero */

/* mv_hex_read: exactly 2 len lower-case digits at text; false and an untouched out otherwise. */
bool mv_hex_read(uint8_t *out, size_t len, const char *text);

#endif
