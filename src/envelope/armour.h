/* SPDX-License-Identifier: Apache-2.0
 *
 * armour.h: bytes as a block of text that survives mail: cards, identities, revocations, public
 * keys of collections.
 *
 *     -----BEGIN MEDVEIL CARD-----
 *     base64 (RFC 4648, padded), lines of 64 characters when written
 *     -----END MEDVEIL CARD-----
 *
 * Text before and after is ignored, and so are white space and line ends inside. The bytes may be
 * secret: nothing here keeps a copy.
 */
#ifndef MV_ENVELOPE_ARMOUR_H
#define MV_ENVELOPE_ARMOUR_H

#include "base/bytes.h"

#define MV_ARMOUR_CARD       "CARD"
#define MV_ARMOUR_IDENTITY   "IDENTITY"
#define MV_ARMOUR_REVOCATION "REVOCATION"
#define MV_ARMOUR_PUBLIC     "COLLECTION PUBLIC KEY"

/* mv_armour_write: comment is a line put on top ("# ..."). errors: MV_E_LIMIT, MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_armour_write(mv_buffer *out, const char *kind, const char *comment,
                                        const uint8_t *bytes, size_t len);

/* mv_armour_read: the one block of this kind in text, at most cap bytes.
 * errors: MV_E_FORMAT (none, two, or damaged), MV_E_TRUNCATED (no end line), with a sentence whose
 * subject is the thing itself: "this is not a card: ..." */
MV_MUST_CHECK mv_status mv_armour_read(uint8_t *out, size_t cap, size_t *out_len, const char *kind,
                                       const char *text, size_t len, mv_error *err);

/* mv_armour_is: text has a begin line of this kind. */
bool mv_armour_is(const char *kind, const char *text, size_t len);

#endif
