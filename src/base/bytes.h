/* SPDX-License-Identifier: Apache-2.0
 *
 * bytes.h: the only place that turns bytes into numbers and back.
 *
 * A reader walks over borrowed bytes and never past their end. A writer fills a caller's buffer; a
 * buffer owns its bytes and grows up to a stated maximum. Multi-byte numbers are little-endian
 * unless the name says be.
 */
#ifndef MV_BASE_BYTES_H
#define MV_BASE_BYTES_H

#include "base/status.h"

#include <stdbool.h>
#include <string.h>

typedef struct mv_reader {
    const uint8_t *next;
    const uint8_t *end;
} mv_reader;

static inline mv_reader mv_reader_make(const uint8_t *bytes, size_t len)
{
    const mv_reader r = {bytes, len == 0 ? bytes : bytes + len};
    return r;
}

static inline size_t mv_reader_left(const mv_reader *r)
{
    return (size_t)(r->end - r->next);
}

/* Each returns MV_E_TRUNCATED and leaves the output untouched when too few bytes are left. */
MV_MUST_CHECK mv_status mv_read_u8(mv_reader *r, uint8_t *out);
MV_MUST_CHECK mv_status mv_read_u16le(mv_reader *r, uint16_t *out);
MV_MUST_CHECK mv_status mv_read_u32le(mv_reader *r, uint32_t *out);
MV_MUST_CHECK mv_status mv_read_u64le(mv_reader *r, uint64_t *out);
MV_MUST_CHECK mv_status mv_read_f64le(mv_reader *r, double *out);
MV_MUST_CHECK mv_status mv_read_view(mv_reader *r, const uint8_t **view, size_t len); /* borrows */
MV_MUST_CHECK mv_status mv_read_copy(mv_reader *r, uint8_t *out, size_t len);

static inline uint16_t mv_load_u16le(const uint8_t *p)
{
    return (uint16_t)(p[0] | ((unsigned)p[1] << 8));
}

static inline uint32_t mv_load_u32le(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t mv_load_u64le(const uint8_t *p)
{
    return (uint64_t)mv_load_u32le(p) | (uint64_t)mv_load_u32le(p + 4) << 32;
}

static inline void mv_store_u16le(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static inline void mv_store_u32le(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
    p[2] = (uint8_t)(v >> 16);
    p[3] = (uint8_t)(v >> 24);
}

static inline void mv_store_u64le(uint8_t *p, uint64_t v)
{
    mv_store_u32le(p, (uint32_t)v);
    mv_store_u32le(p + 4, (uint32_t)(v >> 32));
}

/* binary64 and binary32 of IEEE 754, as they travel: their bits, little-endian. */
static inline double mv_load_f64le(const uint8_t *p)
{
    const uint64_t bits = mv_load_u64le(p);
    double v = 0;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static inline void mv_store_f64le(uint8_t *p, double v)
{
    uint64_t bits = 0;
    memcpy(&bits, &v, sizeof bits);
    mv_store_u64le(p, bits);
}

static inline void mv_store_f32le(uint8_t *p, float v)
{
    uint32_t bits = 0;
    memcpy(&bits, &v, sizeof bits);
    mv_store_u32le(p, bits);
}

/* A growing byte string with a maximum; zero-initialise with mv_buffer_make. The bytes are wiped
 * before they are freed or moved, so a buffer may hold secrets for a short time. */
typedef struct mv_buffer {
    uint8_t *bytes;
    size_t len;
    size_t cap;
    size_t max; /* growing past this is MV_E_LIMIT */
} mv_buffer;

static inline mv_buffer mv_buffer_make(size_t max)
{
    const mv_buffer b = {NULL, 0, 0, max};
    return b;
}

MV_MUST_CHECK mv_status mv_buffer_reserve(mv_buffer *b, size_t more);
MV_MUST_CHECK mv_status mv_buffer_append(mv_buffer *b, const uint8_t *bytes, size_t len);
MV_MUST_CHECK mv_status mv_buffer_append_zeros(mv_buffer *b, size_t len);
MV_MUST_CHECK mv_status mv_buffer_put_u8(mv_buffer *b, uint8_t v);
MV_MUST_CHECK mv_status mv_buffer_put_u16le(mv_buffer *b, uint16_t v);
MV_MUST_CHECK mv_status mv_buffer_put_u32le(mv_buffer *b, uint32_t v);
MV_MUST_CHECK mv_status mv_buffer_put_u64le(mv_buffer *b, uint64_t v);
MV_MUST_CHECK mv_status mv_buffer_put_f64le(mv_buffer *b, double v);
void mv_buffer_clear(mv_buffer *b); /* wipes, frees, leaves it empty with the same maximum */

/* mv_size_mul: a * b, or MV_E_LIMIT when that does not fit. */
MV_MUST_CHECK mv_status mv_size_mul(size_t *out, size_t a, size_t b);

#endif
