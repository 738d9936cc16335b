/* SPDX-License-Identifier: Apache-2.0
 *
 * jpegls.c: the markers around a scan.                                                [JPEGLS] C.2
 */
#include "jpegls_model.h"

enum { START = 0xd8, FRAME = 0xf7, BOUNDS = 0xf8, SCAN = 0xda, BY_PIXEL = 2 };

size_t mv_jpegls_samples_len(const mv_jpegls_frame *f)
{
    return (size_t)f->width * f->height * f->channels * (f->bits <= 8 ? 1 : 2);
}

/* A code word has at most four times the bits of a sample, but runs of them average far below:
 * noise of a few bits can need twice the samples. */
size_t mv_jpegls_room(const mv_jpegls_frame *f)
{
    return 2 * mv_jpegls_samples_len(f) + 1024;
}

typedef struct head {
    uint8_t *next;
} head;

static void put_u8(head *h, uint32_t v)
{
    *h->next++ = (uint8_t)v;
}

static void put_u16(head *h, uint32_t v)
{
    put_u8(h, v >> 8);
    put_u8(h, v);
}

static void put_marker(head *h, uint32_t marker)
{
    put_u8(h, 0xff);
    put_u8(h, marker);
}

static void put_frame(head *h, const mv_jpegls_frame *f)
{
    put_marker(h, FRAME);
    put_u16(h, 8 + 3 * f->channels);
    put_u8(h, f->bits);
    put_u16(h, f->height);
    put_u16(h, f->width);
    put_u8(h, f->channels);
    for (uint32_t c = 1; c <= f->channels; c++) {
        put_u8(h, c);
        put_u8(h, 0x11); /* every component in full size */
        put_u8(h, 0);
    }
}

/* Above 12 bits not all readers agree on the bounds, so they are written. */
static void put_bounds(head *h, const mv_jpegls_frame *f)
{
    int32_t bound[3];
    mv_jpegls_bounds(bound, f);
    put_marker(h, BOUNDS);
    put_u16(h, 13);
    put_u8(h, 1);
    put_u16(h, (1u << f->bits) - 1);
    for (size_t i = 0; i < 3; i++) {
        put_u16(h, (uint32_t)bound[i]);
    }
    put_u16(h, MV_JPEGLS_RESET);
}

static void put_scan(head *h, const mv_jpegls_frame *f)
{
    put_marker(h, SCAN);
    put_u16(h, 6 + 2 * f->channels);
    put_u8(h, f->channels);
    for (uint32_t c = 1; c <= f->channels; c++) {
        put_u8(h, c);
        put_u8(h, 0);
    }
    put_u8(h, f->near);
    put_u8(h, f->channels == 1 ? 0 : BY_PIXEL);
    put_u8(h, 0);
}

size_t mv_jpegls_head(uint8_t out[MV_JPEGLS_HEAD_MAX], const mv_jpegls_frame *f)
{
    head h = {out};
    put_marker(&h, START);
    put_frame(&h, f);
    if (f->bits > 12) {
        put_bounds(&h, f);
    }
    put_scan(&h, f);
    return (size_t)(h.next - out);
}
