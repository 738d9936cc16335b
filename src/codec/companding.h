/* SPDX-License-Identifier: Apache-2.0
 *
 * companding.h: logarithms in whole numbers, for the inputs of small networks.
 */
#ifndef MV_CODEC_COMPANDING_H
#define MV_CODEC_COMPANDING_H

#include <stdint.h>

/* 256 log2(1 + j/256), rounded; tests/unit/test_veil.c computes it again. */
extern const uint8_t mv_log_table[256];

/* mv_log2_q8: 256 log2(n), n >= 1, rounded down to the table's step: within 2 of the real value,
 * monotonic. */
static inline int32_t mv_log2_q8(uint32_t n)
{
    const int32_t top = 31 - __builtin_clz(n);
    const uint32_t rest = top < 8 ? n << (8 - top) : n >> (top - 8); /* 256..511 */
    return top * 256 + mv_log_table[rest & 255];
}

/* mv_compand: 256 log2(1 + r/256) for r < 65536, its value at 65535 beyond. Monotonic, within 3 of
 * the real value below 1024 and within 6 above. Table made once by mv_compand_table, from
 * mv_log2_q8. */
#define MV_COMPAND_LEN 1264
typedef struct mv_compander {
    int16_t value[MV_COMPAND_LEN];
} mv_compander;

void mv_compander_init(mv_compander *c);

static inline int16_t mv_compand(const mv_compander *c, uint32_t r)
{
    const uint32_t i = r < 1024 ? r >> 2 : r < 65536 ? 240 + (r >> 6) : MV_COMPAND_LEN - 1;
    return c->value[i];
}

#endif
