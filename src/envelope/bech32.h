/* SPDX-License-Identifier: Apache-2.0
 *
 * bech32.h: Bech32m (BIP-350): bytes as one line of letters and digits with a checksum that finds
 * any four wrong characters in a line of up to 90.
 *
 * A line is prefix, "1", data in groups of five bits, six characters of checksum; all lower or all
 * upper case. The data may be secret: these functions leave no copy behind.
 */
#ifndef MV_ENVELOPE_BECH32_H
#define MV_ENVELOPE_BECH32_H

#include "base/status.h"

#include <stdbool.h>

#define MV_BECH32_LINE_MAX 90 /* characters, without the final zero */

/* mv_bech32m_encode: prefix in lower case, cap counts the final zero.
 * errors: MV_E_SPACE (cap), MV_E_LIMIT (longer than a line) */
MV_MUST_CHECK mv_status mv_bech32m_encode(char *out, size_t cap, const char *prefix,
                                          const uint8_t *bytes, size_t len);

/* mv_bech32m_decode: exactly len bytes from line (line_len characters), which must have this
 * prefix; either case. out is zero on error. errors: MV_E_FORMAT */
MV_MUST_CHECK mv_status mv_bech32m_decode(uint8_t *out, size_t len, const char *prefix,
                                          const char *line, size_t line_len);

/* mv_bech32m_valid: characters, case, length and checksum are right, whatever the prefix and data;
 * *prefix_len is the number of characters before the separator. */
bool mv_bech32m_valid(size_t *prefix_len, const char *line, size_t line_len);

#endif
