/* SPDX-License-Identifier: Apache-2.0
 *
 * he_bytes.c: packing residues at their exact length.
 */
#include "he/he_bytes.h"

#include "base/bytes.h"

#include <string.h>

void mv_row_write(uint8_t *out, const uint64_t *value, size_t count, unsigned bits)
{
    uint64_t word = 0; /* bits not yet written, from the lowest */
    unsigned fill = 0; /* how many, below 64 */
    for (size_t i = 0; i < count; i++) {
        word |= value[i] << fill;
        fill += bits;
        if (fill >= 64) {
            mv_store_u64le(out, word);
            out += 8;
            fill -= 64;
            word = value[i] >> (bits - fill); /* fill < bits: less was left than value[i] has */
        }
    }
    for (; fill > 0; fill -= fill < 8 ? fill : 8) {
        *out++ = (uint8_t)word;
        word >>= 8;
    }
}

/* The value at a bit position, from 9 readable bytes around it. */
static uint64_t value_at(const uint8_t *row, size_t position, uint64_t mask)
{
    const uint8_t *p = row + position / 8;
    const unsigned shift = position % 8;
    return (mv_load_u64le(p) >> shift | (uint64_t)p[8] << 1 << (63 - shift)) & mask;
}

mv_status mv_row_read(uint64_t *value, size_t count, unsigned bits, uint64_t q, const uint8_t *in)
{
    const uint64_t mask = ((uint64_t)1 << bits) - 1;
    const size_t len = mv_row_size(count, bits);
    uint64_t over = 0; /* top bit: some value is not below q */
    size_t i = 0;
    for (; i < count && i * bits / 8 + 9 <= len; i++) {
        value[i] = value_at(in, i * bits, mask);
        over |= q - 1 - value[i];
    }
    uint8_t tail[24] = {0}; /* the last values again, with room behind them */
    const size_t tail_start = i * bits / 8;
    memcpy(tail, in + tail_start, len - tail_start); /* at most 8 bytes were too few */
    for (; i < count; i++) {
        value[i] = value_at(tail, i * bits - tail_start * 8, mask);
        over |= q - 1 - value[i];
    }
    const unsigned used = (unsigned)(count * bits % 8);
    const unsigned filling = used == 0 ? 0 : in[len - 1] >> used;
    return over >> 63 == 0 && filling == 0 ? MV_OK : MV_E_RANGE;
}

mv_status mv_row_check(const uint8_t *in, size_t count, unsigned bits, uint64_t q)
{
    enum { PIECE = 512 }; /* a multiple of 8 values is a whole number of bytes */
    uint64_t value[PIECE];
    mv_status st = MV_OK;
    while (count > 0 && st == MV_OK) {
        const size_t piece = count < PIECE ? count : PIECE;
        st = mv_row_read(value, piece, bits, q, in);
        in += mv_row_size(piece, bits);
        count -= piece;
    }
    return st;
}
