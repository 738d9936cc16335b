/* SPDX-License-Identifier: Apache-2.0
 *
 * jpegls_bits.h: the bits of a JPEG-LS scan, the highest of a byte first. After a byte of 0xff the
 * next one has only seven bits, its highest is 0: so no marker can appear inside.  [JPEGLS] A.1
 */
#ifndef MV_JPEGLS_BITS_H
#define MV_JPEGLS_BITS_H

#include "base/bytes.h"

#include <stdbool.h>
#include <string.h>

/* Whether one of the bytes of w is 0xff: it alone becomes zero in ~w. */
static inline bool mv_jpegls_has_ff(uint64_t w)
{
    const uint64_t ones = 0x0101010101010101u, z = ~w;
    return ((z - ones) & ~z & (ones << 7)) != 0;
}

/* ---- writing ---- */

typedef struct mv_jpegls_writer {
    uint8_t *next, *end;
    uint64_t bits;  /* the lowest `count` of them are not yet written */
    unsigned count; /* below 32 between calls */
    bool after_ff;
    bool full; /* there was no room: what was written is worth nothing */
} mv_jpegls_writer;

static inline void mv_jpegls_put_byte(mv_jpegls_writer *w)
{
    const unsigned n = w->after_ff ? 7 : 8;
    w->count -= n;
    const uint8_t byte = (uint8_t)(w->bits >> w->count & (0xffu >> (8 - n)));
    w->after_ff = byte == 0xff;
    if (w->next == w->end) {
        w->full = true;
        return;
    }
    *w->next++ = byte;
}

/* 32 bits or a little fewer leave the accumulator. */
static inline void mv_jpegls_drain(mv_jpegls_writer *w)
{
    const uint32_t word = (uint32_t)(w->bits >> (w->count - 32));
    if (!w->after_ff && w->end - w->next >= 4 && !mv_jpegls_has_ff(word)) {
        const uint8_t bytes[4] = {(uint8_t)(word >> 24), (uint8_t)(word >> 16),
                                  (uint8_t)(word >> 8), (uint8_t)word};
        memcpy(w->next, bytes, sizeof bytes);
        w->next += 4;
        w->count -= 32;
        return;
    }
    while (w->count >= 8) {
        mv_jpegls_put_byte(w);
    }
}

/* len: 0..32; value: below 2^len. */
static inline void mv_jpegls_put(mv_jpegls_writer *w, uint32_t value, unsigned len)
{
    w->bits = w->bits << len | value;
    w->count += len;
    if (w->count >= 32) {
        mv_jpegls_drain(w);
    }
}

/* The last byte is filled up with zeros; one of 0xff is not the last. */
static inline void mv_jpegls_end(mv_jpegls_writer *w)
{
    while (w->count >= 8) {
        mv_jpegls_put_byte(w);
    }
    const unsigned room = w->after_ff ? 7 : 8;
    if (w->count != 0 || w->after_ff) {
        w->bits <<= room - w->count;
        w->count = room;
        mv_jpegls_put_byte(w);
    }
}

/* ---- reading ---- */

/* Eight bytes, the first one highest. */
static inline uint64_t mv_jpegls_word(const uint8_t *p)
{
    return (uint64_t)p[0] << 56 | (uint64_t)p[1] << 48 | (uint64_t)p[2] << 40 |
           (uint64_t)p[3] << 32 | (uint64_t)p[4] << 24 | (uint64_t)p[5] << 16 |
           (uint64_t)p[6] << 8 | p[7];
}

typedef struct mv_jpegls_reader {
    const uint8_t *next, *end;
    uint64_t bits;      /* the next ones, from the highest down */
    unsigned count;     /* how many are there */
    unsigned past_end;  /* of those, zeros that are not in the stream */
    bool after_ff, bad; /* bad: a marker inside, or more bits read than there are */
} mv_jpegls_reader;

static inline void mv_jpegls_fill_slowly(mv_jpegls_reader *r)
{
    while (r->count < 56) {
        const unsigned n = r->after_ff ? 7 : 8;
        uint64_t byte = 0;
        if (r->next == r->end) {
            r->past_end += n;
        } else {
            byte = *r->next++;
            r->bad |= r->after_ff && byte >= 0x80;
            byte &= 0xffu >> (8 - n);
        }
        r->after_ff = n == 8 && byte == 0xff;
        r->bits |= byte << (64 - n - r->count);
        r->count += n;
    }
}

/* 56 to 63 bits are there afterwards. */
static inline void mv_jpegls_fill(mv_jpegls_reader *r)
{
    if (!r->after_ff && r->end - r->next >= 8) {
        const uint64_t word = mv_jpegls_word(r->next);
        if (!mv_jpegls_has_ff(word)) {
            const unsigned bytes = (63 - r->count) >> 3;
            r->bits |= word >> r->count;
            r->next += bytes;
            r->count += 8 * bytes;
            return;
        }
        r->bits &= r->count == 0 ? 0 : ~(uint64_t)0 << (64 - r->count);
    }
    mv_jpegls_fill_slowly(r);
}

/* len: 0..31, of bits that are there. */
static inline uint32_t mv_jpegls_take(mv_jpegls_reader *r, unsigned len)
{
    const uint32_t value = (uint32_t)(r->bits >> 1 >> (63 - len));
    r->bits <<= len;
    r->count -= len;
    return value;
}

/* Zeros up to a one, which is taken too; `most` without a one. most: 1..55 */
static inline unsigned mv_jpegls_zeros(mv_jpegls_reader *r, unsigned most)
{
    const unsigned zeros = (unsigned)__builtin_clzll(r->bits | 1);
    const unsigned n = zeros < most ? zeros : most;
    r->bits = r->bits << n << 1;
    r->count -= n + 1;
    return n;
}

/* Whether no more was read than there was. */
static inline bool mv_jpegls_read_well(const mv_jpegls_reader *r)
{
    return !r->bad && r->past_end <= r->count;
}

#endif
