/* SPDX-License-Identifier: Apache-2.0
 *
 * chacha_avx512.c: sixteen blocks of ChaCha20 at once: register i holds word i of all of them.
 * Compiled with its own flags; called only when the processor has MV_CPU_AVX512.
 */
#include "ring/chacha.h"

#include "base/bytes.h"
#include "base/secret.h"

#include <immintrin.h>
#include <string.h>

enum { LANES = 16 };

static inline void quarter_round(__m512i *a, __m512i *b, __m512i *c, __m512i *d)
{
    *a = _mm512_add_epi32(*a, *b);
    *d = _mm512_rol_epi32(_mm512_xor_si512(*d, *a), 16);
    *c = _mm512_add_epi32(*c, *d);
    *b = _mm512_rol_epi32(_mm512_xor_si512(*b, *c), 12);
    *a = _mm512_add_epi32(*a, *b);
    *d = _mm512_rol_epi32(_mm512_xor_si512(*d, *a), 8);
    *c = _mm512_add_epi32(*c, *d);
    *b = _mm512_rol_epi32(_mm512_xor_si512(*b, *c), 7);
}

/* A column round and a diagonal round. */
static inline void double_round(__m512i x[16])
{
    quarter_round(&x[0], &x[4], &x[8], &x[12]);
    quarter_round(&x[1], &x[5], &x[9], &x[13]);
    quarter_round(&x[2], &x[6], &x[10], &x[14]);
    quarter_round(&x[3], &x[7], &x[11], &x[15]);
    quarter_round(&x[0], &x[5], &x[10], &x[15]);
    quarter_round(&x[1], &x[6], &x[11], &x[12]);
    quarter_round(&x[2], &x[7], &x[8], &x[13]);
    quarter_round(&x[3], &x[4], &x[9], &x[14]);
}

/* Words r[0..3] of sixteen blocks: out[k], quarter g of the register, gets them of block 4 g + k.
 */
static inline void transpose_words(__m512i out[4], const __m512i r[4])
{
    const __m512i ab = _mm512_unpacklo_epi32(r[0], r[1]), ab2 = _mm512_unpackhi_epi32(r[0], r[1]);
    const __m512i cd = _mm512_unpacklo_epi32(r[2], r[3]), cd2 = _mm512_unpackhi_epi32(r[2], r[3]);
    out[0] = _mm512_unpacklo_epi64(ab, cd);
    out[1] = _mm512_unpackhi_epi64(ab, cd);
    out[2] = _mm512_unpacklo_epi64(ab2, cd2);
    out[3] = _mm512_unpackhi_epi64(ab2, cd2);
}

/* Blocks k, 4 + k, 8 + k, 12 + k from the quarters that hold their words 0-3, 4-7, 8-11, 12-15. */
static inline void store_blocks(uint8_t *out, size_t k, const __m512i w[4])
{
    const __m512i low = _mm512_shuffle_i32x4(w[0], w[1], 0x44);   /* g 0, 1 of words 0-3, 4-7 */
    const __m512i low2 = _mm512_shuffle_i32x4(w[2], w[3], 0x44);  /* g 0, 1 of words 8-11, 12-15 */
    const __m512i high = _mm512_shuffle_i32x4(w[0], w[1], 0xee);  /* g 2, 3 */
    const __m512i high2 = _mm512_shuffle_i32x4(w[2], w[3], 0xee); /* g 2, 3 */
    _mm512_storeu_si512(out + 64 * k, _mm512_shuffle_i32x4(low, low2, 0x88));
    _mm512_storeu_si512(out + 64 * (4 + k), _mm512_shuffle_i32x4(low, low2, 0xdd));
    _mm512_storeu_si512(out + 64 * (8 + k), _mm512_shuffle_i32x4(high, high2, 0x88));
    _mm512_storeu_si512(out + 64 * (12 + k), _mm512_shuffle_i32x4(high, high2, 0xdd));
}

static void sixteen_blocks(uint8_t *out, const __m512i start[16])
{
    __m512i x[16], w[4][4];
    for (int i = 0; i < 16; i++) {
        x[i] = start[i];
    }
    for (int i = 0; i < 10; i++) {
        double_round(x);
    }
    for (int i = 0; i < 16; i++) {
        x[i] = _mm512_add_epi32(x[i], start[i]);
    }
    for (int i = 0; i < 4; i++) {
        transpose_words(w[i], x + 4 * i);
    }
    for (size_t k = 0; k < 4; k++) {
        const __m512i quarter[4] = {w[0][k], w[1][k], w[2][k], w[3][k]};
        store_blocks(out, k, quarter);
    }
}

static inline __m512i every_lane(uint32_t word)
{
    return _mm512_set1_epi32((int)word);
}

void mv_chacha_blocks_avx512(uint8_t *out, size_t count, const uint8_t key[32],
                             const uint8_t nonce[12], uint32_t counter)
{
    static const uint32_t constant[4] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    __m512i start[16];
    for (int i = 0; i < 4; i++) {
        start[i] = every_lane(constant[i]);
    }
    for (int i = 0; i < 8; i++) {
        start[4 + i] = every_lane(mv_load_u32le(key + 4 * i));
    }
    start[12] = _mm512_add_epi32(every_lane(counter), _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8,
                                                                        9, 10, 11, 12, 13, 14, 15));
    for (int i = 0; i < 3; i++) {
        start[13 + i] = every_lane(mv_load_u32le(nonce + 4 * i));
    }
    for (; count >= LANES; count -= LANES, out += LANES * MV_CHACHA_BLOCK_LEN) {
        sixteen_blocks(out, start);
        start[12] = _mm512_add_epi32(start[12], every_lane(LANES));
    }
    if (count > 0) {
        uint8_t rest[LANES * MV_CHACHA_BLOCK_LEN];
        sixteen_blocks(rest, start);
        memcpy(out, rest, count * MV_CHACHA_BLOCK_LEN);
        mv_wipe(rest, sizeof rest);
    }
    mv_wipe(start, sizeof start);
}
