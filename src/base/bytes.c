/* SPDX-License-Identifier: Apache-2.0
 *
 * bytes.c: bounded reader and growing buffer.
 */
#include "base/bytes.h"

#include "base/secret.h"

#include <string.h>

mv_status mv_read_view(mv_reader *r, const uint8_t **view, size_t len)
{
    if (mv_reader_left(r) < len) {
        return MV_E_TRUNCATED;
    }
    *view = r->next;
    r->next += len;
    return MV_OK;
}

mv_status mv_read_copy(mv_reader *r, uint8_t *out, size_t len)
{
    const uint8_t *view = NULL;
    const mv_status st = mv_read_view(r, &view, len);
    if (st == MV_OK && len != 0) {
        memcpy(out, view, len);
    }
    return st;
}

mv_status mv_read_u8(mv_reader *r, uint8_t *out)
{
    return mv_read_copy(r, out, 1);
}

mv_status mv_read_u16le(mv_reader *r, uint16_t *out)
{
    const uint8_t *view = NULL;
    const mv_status st = mv_read_view(r, &view, 2);
    if (st == MV_OK) {
        *out = mv_load_u16le(view);
    }
    return st;
}

mv_status mv_read_u32le(mv_reader *r, uint32_t *out)
{
    const uint8_t *view = NULL;
    const mv_status st = mv_read_view(r, &view, 4);
    if (st == MV_OK) {
        *out = mv_load_u32le(view);
    }
    return st;
}

mv_status mv_read_u64le(mv_reader *r, uint64_t *out)
{
    const uint8_t *view = NULL;
    const mv_status st = mv_read_view(r, &view, 8);
    if (st == MV_OK) {
        *out = mv_load_u64le(view);
    }
    return st;
}

mv_status mv_read_f64le(mv_reader *r, double *out)
{
    const uint8_t *view = NULL;
    const mv_status st = mv_read_view(r, &view, 8);
    if (st == MV_OK) {
        *out = mv_load_f64le(view);
    }
    return st;
}

mv_status mv_buffer_reserve(mv_buffer *b, size_t more)
{
    size_t cap = b->cap;
    uint8_t *moved = NULL;

    if (more > b->max || b->len > b->max - more) {
        return MV_E_LIMIT;
    }
    if (b->len + more <= b->cap) {
        return MV_OK;
    }
    cap = cap == 0 ? 256 : cap;
    while (cap < b->len + more) {
        cap = cap > b->max / 2 ? b->max : cap * 2;
    }
    moved = malloc(cap);
    if (moved == NULL) {
        return MV_E_MEMORY;
    }
    if (b->len != 0) {
        memcpy(moved, b->bytes, b->len);
        mv_wipe(b->bytes, b->len);
    }
    free(b->bytes);
    b->bytes = moved;
    b->cap = cap;
    return MV_OK;
}

mv_status mv_buffer_append(mv_buffer *b, const uint8_t *bytes, size_t len)
{
    const mv_status st = mv_buffer_reserve(b, len);
    if (st == MV_OK && len != 0) {
        memcpy(b->bytes + b->len, bytes, len);
        b->len += len;
    }
    return st;
}

mv_status mv_buffer_append_zeros(mv_buffer *b, size_t len)
{
    const mv_status st = mv_buffer_reserve(b, len);
    if (st == MV_OK && len != 0) {
        memset(b->bytes + b->len, 0, len);
        b->len += len;
    }
    return st;
}

mv_status mv_buffer_put_u8(mv_buffer *b, uint8_t v)
{
    return mv_buffer_append(b, &v, 1);
}

mv_status mv_buffer_put_u16le(mv_buffer *b, uint16_t v)
{
    uint8_t bytes[2];
    mv_store_u16le(bytes, v);
    return mv_buffer_append(b, bytes, sizeof bytes);
}

mv_status mv_buffer_put_u32le(mv_buffer *b, uint32_t v)
{
    uint8_t bytes[4];
    mv_store_u32le(bytes, v);
    return mv_buffer_append(b, bytes, sizeof bytes);
}

mv_status mv_buffer_put_u64le(mv_buffer *b, uint64_t v)
{
    uint8_t bytes[8];
    mv_store_u64le(bytes, v);
    return mv_buffer_append(b, bytes, sizeof bytes);
}

mv_status mv_buffer_put_f64le(mv_buffer *b, double v)
{
    uint8_t bytes[8];
    mv_store_f64le(bytes, v);
    return mv_buffer_append(b, bytes, sizeof bytes);
}

void mv_buffer_clear(mv_buffer *b)
{
    if (b->bytes != NULL) {
        mv_wipe(b->bytes, b->len);
        free(b->bytes);
    }
    b->bytes = NULL;
    b->len = 0;
    b->cap = 0;
}

mv_status mv_size_mul(size_t *out, size_t a, size_t b)
{
    if (a != 0 && b > SIZE_MAX / a) {
        return MV_E_LIMIT;
    }
    *out = a * b;
    return MV_OK;
}
