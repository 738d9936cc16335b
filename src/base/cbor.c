/* SPDX-License-Identifier: Apache-2.0
 *
 * cbor.c: the deterministic CBOR subset of cbor.h.
 */
#include "base/cbor.h"

#include <math.h>
#include <string.h>

/* The upper three bits of an item's first byte. */
enum {
    MAJOR_UINT = 0,
    MAJOR_NEGATIVE = 1,
    MAJOR_BYTES = 2,
    MAJOR_TEXT = 3,
    MAJOR_ARRAY = 4,
    MAJOR_MAP = 5,
};
enum { BYTE_FALSE = 0xf4, BYTE_TRUE = 0xf5, BYTE_F64 = 0xfb };

/* Lower five bits: 0..23 the value itself, 24..27 it follows in 1, 2, 4, 8 bytes. */
static unsigned head_extra(uint64_t value)
{
    if (value < 24) {
        return 0;
    }
    return value <= UINT8_MAX ? 1 : value <= UINT16_MAX ? 2 : value <= UINT32_MAX ? 4 : 8;
}

static unsigned extra_code(unsigned extra)
{
    return extra == 1 ? 24 : extra == 2 ? 25 : extra == 4 ? 26 : 27;
}

static void store_be(uint8_t *out, uint64_t value, unsigned len)
{
    for (unsigned i = 0; i < len; i++) {
        out[i] = (uint8_t)(value >> 8 * (len - 1 - i));
    }
}

static uint64_t load_be(const uint8_t *bytes, unsigned len)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < len; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

static mv_status put_head(mv_buffer *out, unsigned major, uint64_t value)
{
    uint8_t head[9];
    const unsigned extra = head_extra(value);
    head[0] = (uint8_t)(major << 5 | (extra == 0 ? (unsigned)value : extra_code(extra)));
    store_be(head + 1, value, extra);
    return mv_buffer_append(out, head, 1 + extra);
}

mv_status mv_cbor_put_uint(mv_buffer *out, uint64_t value)
{
    return put_head(out, MAJOR_UINT, value);
}

mv_status mv_cbor_put_int(mv_buffer *out, int64_t value)
{
    return value >= 0 ? put_head(out, MAJOR_UINT, (uint64_t)value)
                      : put_head(out, MAJOR_NEGATIVE, (uint64_t)(-1 - value));
}

mv_status mv_cbor_put_bytes(mv_buffer *out, const uint8_t *bytes, size_t len)
{
    const mv_status st = put_head(out, MAJOR_BYTES, len);
    return st == MV_OK ? mv_buffer_append(out, bytes, len) : st;
}

mv_status mv_cbor_put_text(mv_buffer *out, const char *text)
{
    const size_t len = strlen(text);
    const uint8_t *bytes = (const uint8_t *)text;
    mv_status st = MV_OK;

    MV_ENSURE(mv_utf8_valid(bytes, len), MV_E_RANGE);
    MV_TRY(put_head(out, MAJOR_TEXT, len));
    MV_TRY(mv_buffer_append(out, bytes, len));
done:
    return st;
}

mv_status mv_cbor_put_array(mv_buffer *out, uint64_t count)
{
    return put_head(out, MAJOR_ARRAY, count);
}

mv_status mv_cbor_put_map(mv_buffer *out, uint64_t count)
{
    return put_head(out, MAJOR_MAP, count);
}

mv_status mv_cbor_put_bool(mv_buffer *out, bool value)
{
    return mv_buffer_put_u8(out, value ? BYTE_TRUE : BYTE_FALSE);
}

mv_status mv_cbor_put_f64(mv_buffer *out, double value)
{
    uint8_t item[9] = {BYTE_F64};
    uint64_t bits = 0;
    if (!isfinite(value)) {
        return MV_E_RANGE;
    }
    memcpy(&bits, &value, sizeof bits);
    store_be(item + 1, bits, 8);
    return mv_buffer_append(out, item, sizeof item);
}

/* One head: its major type and value; the reader moves only on success. */
static mv_status get_head(mv_reader *r, unsigned *major, uint64_t *value)
{
    mv_status st = MV_OK;
    mv_reader at = *r;
    const uint8_t *more = NULL;
    uint8_t first = 0;

    MV_TRY(mv_read_u8(&at, &first));
    const unsigned low = first & 31;
    uint64_t found = low;
    MV_ENSURE(low <= 27, MV_E_FORMAT);
    if (low >= 24) {
        const unsigned extra = 1u << (low - 24);
        MV_TRY(mv_read_view(&at, &more, extra));
        found = load_be(more, extra);
        MV_ENSURE(head_extra(found) == extra, MV_E_FORMAT); /* the shortest form only */
    }
    *major = first >> 5;
    *value = found;
    *r = at;
done:
    return st;
}

static mv_status get_major(mv_reader *r, unsigned wanted, uint64_t *value)
{
    mv_reader at = *r;
    unsigned major = 0;
    uint64_t found = 0;
    const mv_status st = get_head(&at, &major, &found);
    if (st != MV_OK) {
        return st;
    }
    if (major != wanted) {
        return MV_E_FORMAT;
    }
    *value = found;
    *r = at;
    return MV_OK;
}

mv_status mv_cbor_get_uint(mv_reader *r, uint64_t *out)
{
    return get_major(r, MAJOR_UINT, out);
}

mv_status mv_cbor_get_u32(mv_reader *r, uint32_t *out)
{
    uint64_t value = 0;
    mv_reader at = *r;
    const mv_status st = get_major(&at, MAJOR_UINT, &value);
    if (st != MV_OK) {
        return st;
    }
    if (value > UINT32_MAX) {
        return MV_E_RANGE;
    }
    *out = (uint32_t)value;
    *r = at;
    return MV_OK;
}

mv_status mv_cbor_get_int(mv_reader *r, int64_t *out)
{
    mv_status st = MV_OK;
    mv_reader at = *r;
    unsigned major = 0;
    uint64_t value = 0;

    MV_TRY(get_head(&at, &major, &value));
    MV_ENSURE(major == MAJOR_UINT || major == MAJOR_NEGATIVE, MV_E_FORMAT);
    MV_ENSURE(value <= INT64_MAX, MV_E_RANGE);
    *out = major == MAJOR_UINT ? (int64_t)value : -1 - (int64_t)value;
    *r = at;
done:
    return st;
}

static mv_status get_string(mv_reader *r, unsigned major, const uint8_t **view, size_t *len)
{
    mv_status st = MV_OK;
    mv_reader at = *r;
    const uint8_t *found = NULL;
    uint64_t length = 0;

    MV_TRY(get_major(&at, major, &length));
    MV_ENSURE(length <= mv_reader_left(&at), MV_E_TRUNCATED);
    MV_TRY(mv_read_view(&at, &found, (size_t)length));
    *view = found;
    *len = (size_t)length;
    *r = at;
done:
    return st;
}

mv_status mv_cbor_get_bytes(mv_reader *r, const uint8_t **view, size_t *len)
{
    return get_string(r, MAJOR_BYTES, view, len);
}

mv_status mv_cbor_get_exactly(mv_reader *r, uint8_t *out, size_t len)
{
    const uint8_t *view = NULL;
    size_t found = 0;
    mv_reader at = *r;
    const mv_status st = get_string(&at, MAJOR_BYTES, &view, &found);
    if (st != MV_OK) {
        return st;
    }
    if (found != len) {
        return MV_E_FORMAT;
    }
    memcpy(out, view, len);
    *r = at;
    return MV_OK;
}

mv_status mv_cbor_get_text(mv_reader *r, char *out, size_t cap)
{
    mv_status st = MV_OK;
    mv_reader at = *r;
    const uint8_t *view = NULL;
    size_t len = 0;

    MV_TRY(get_string(&at, MAJOR_TEXT, &view, &len));
    MV_ENSURE(len < cap, MV_E_LIMIT);
    MV_ENSURE(mv_utf8_valid(view, len), MV_E_FORMAT);
    memcpy(out, view, len);
    out[len] = '\0';
    *r = at;
done:
    return st;
}

/* Each element takes at least one byte, which bounds every count before anything is done with it.
 */
static mv_status get_count(mv_reader *r, unsigned major, uint64_t bytes_each, uint64_t *count)
{
    mv_reader at = *r;
    uint64_t found = 0;
    const mv_status st = get_major(&at, major, &found);
    if (st != MV_OK) {
        return st;
    }
    if (found > mv_reader_left(&at) / bytes_each) {
        return MV_E_TRUNCATED;
    }
    *count = found;
    *r = at;
    return MV_OK;
}

mv_status mv_cbor_get_array(mv_reader *r, uint64_t *count)
{
    return get_count(r, MAJOR_ARRAY, 1, count);
}

mv_status mv_cbor_get_map(mv_reader *r, uint64_t *count)
{
    return get_count(r, MAJOR_MAP, 2, count);
}

mv_status mv_cbor_get_key(mv_reader *r, uint64_t *key)
{
    mv_reader at = *r;
    uint64_t found = 0;
    const mv_status st = get_major(&at, MAJOR_UINT, &found);
    if (st != MV_OK) {
        return st;
    }
    if (found <= *key) {
        return MV_E_FORMAT;
    }
    *key = found;
    *r = at;
    return MV_OK;
}

mv_status mv_cbor_get_bool(mv_reader *r, bool *out)
{
    mv_reader at = *r;
    uint8_t byte = 0;
    const mv_status st = mv_read_u8(&at, &byte);
    if (st != MV_OK) {
        return st;
    }
    if (byte != BYTE_FALSE && byte != BYTE_TRUE) {
        return MV_E_FORMAT;
    }
    *out = byte == BYTE_TRUE;
    *r = at;
    return MV_OK;
}

mv_status mv_cbor_get_f64(mv_reader *r, double *out)
{
    mv_status st = MV_OK;
    mv_reader at = *r;
    const uint8_t *view = NULL;
    uint64_t bits = 0;
    uint8_t byte = 0;
    double value = 0;

    MV_TRY(mv_read_u8(&at, &byte));
    MV_ENSURE(byte == BYTE_F64, MV_E_FORMAT);
    MV_TRY(mv_read_view(&at, &view, 8));
    bits = load_be(view, 8);
    memcpy(&value, &bits, sizeof value);
    MV_ENSURE(isfinite(value), MV_E_RANGE);
    *out = value;
    *r = at;
done:
    return st;
}

/* Length of the well-formed sequence at the start of text, or 0. RFC 3629, section 4. */
static size_t utf8_sequence(const uint8_t *text, size_t left)
{
    const uint8_t a = text[0];
    if (a >= 0x01 && a <= 0x7f) {
        return 1;
    }
    const size_t len = a >= 0xc2 && a <= 0xdf   ? 2
                       : a >= 0xe0 && a <= 0xef ? 3
                       : a >= 0xf0 && a <= 0xf4 ? 4
                                                : 0;
    if (len == 0 || len > left) {
        return 0;
    }
    const uint8_t low = a == 0xe0 ? 0xa0 : a == 0xf0 ? 0x90 : 0x80;  /* no overlong forms */
    const uint8_t high = a == 0xed ? 0x9f : a == 0xf4 ? 0x8f : 0xbf; /* no surrogates, <= 10ffff */
    if (text[1] < low || text[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < len; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return len;
}

bool mv_utf8_valid(const uint8_t *text, size_t len)
{
    while (len != 0) {
        const size_t step = utf8_sequence(text, len);
        if (step == 0) {
            return false;
        }
        text += step;
        len -= step;
    }
    return true;
}
