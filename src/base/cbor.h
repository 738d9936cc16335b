/* SPDX-License-Identifier: Apache-2.0
 *
 * cbor.h: the small part of CBOR (RFC 8949) that medveil writes, in one encoding only.
 *
 * Core deterministic encoding, section 4.2: shortest heads, definite lengths, map keys ascending.
 * Keys are unsigned integers. Numbers that are not whole are always 64-bit floats, finite (section
 * 4.2.2 leaves that choice to the protocol). No tags, no null, no indefinite lengths. The reader
 * accepts exactly what the writer can produce, so two different byte strings never mean the same.
 * There is no recursion: the caller's schema drives the reader, item by item.
 */
#ifndef MV_BASE_CBOR_H
#define MV_BASE_CBOR_H

#include "base/bytes.h"

/* Writing. After put_array(n) come n items; after put_map(n) come n times key and value, the keys
 * by put_uint in ascending order. errors: MV_E_LIMIT, MV_E_MEMORY (of the buffer);
 * put_text MV_E_RANGE when text is not UTF-8; put_f64 MV_E_RANGE when value is not finite. */
MV_MUST_CHECK mv_status mv_cbor_put_uint(mv_buffer *out, uint64_t value);
MV_MUST_CHECK mv_status mv_cbor_put_int(mv_buffer *out, int64_t value);
MV_MUST_CHECK mv_status mv_cbor_put_bytes(mv_buffer *out, const uint8_t *bytes, size_t len);
MV_MUST_CHECK mv_status mv_cbor_put_text(mv_buffer *out, const char *text);
MV_MUST_CHECK mv_status mv_cbor_put_array(mv_buffer *out, uint64_t count);
MV_MUST_CHECK mv_status mv_cbor_put_map(mv_buffer *out, uint64_t count);
MV_MUST_CHECK mv_status mv_cbor_put_bool(mv_buffer *out, bool value);
MV_MUST_CHECK mv_status mv_cbor_put_f64(mv_buffer *out, double value);

/* Reading. Every call takes one item off r. errors: MV_E_TRUNCATED; MV_E_FORMAT for another type or
 * a longer head than needed; MV_E_RANGE for a number that does not fit. Outputs are untouched on
 * error; views borrow from the reader's bytes. */
MV_MUST_CHECK mv_status mv_cbor_get_uint(mv_reader *r, uint64_t *out);
MV_MUST_CHECK mv_status mv_cbor_get_u32(mv_reader *r, uint32_t *out);
MV_MUST_CHECK mv_status mv_cbor_get_int(mv_reader *r, int64_t *out);
MV_MUST_CHECK mv_status mv_cbor_get_bytes(mv_reader *r, const uint8_t **view, size_t *len);
MV_MUST_CHECK mv_status mv_cbor_get_bool(mv_reader *r, bool *out);
MV_MUST_CHECK mv_status mv_cbor_get_f64(mv_reader *r, double *out);

/* mv_cbor_get_exactly: a byte string of exactly len bytes, copied. */
MV_MUST_CHECK mv_status mv_cbor_get_exactly(mv_reader *r, uint8_t *out, size_t len);

/* mv_cbor_get_text: UTF-8 without zero bytes, copied and zero-terminated; cap counts the zero.
 * errors: also MV_E_LIMIT when it is longer. */
MV_MUST_CHECK mv_status mv_cbor_get_text(mv_reader *r, char *out, size_t cap);

/* Counts are at most what the bytes left could hold. */
MV_MUST_CHECK mv_status mv_cbor_get_array(mv_reader *r, uint64_t *count);
MV_MUST_CHECK mv_status mv_cbor_get_map(mv_reader *r, uint64_t *count);

/* mv_cbor_get_key: the next key of a map, above *key of the call before (start with *key = 0; the
 * key 0 is not used). */
MV_MUST_CHECK mv_status mv_cbor_get_key(mv_reader *r, uint64_t *key);

/* mv_utf8_valid: well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms) without zeros. */
bool mv_utf8_valid(const uint8_t *text, size_t len);

#endif
