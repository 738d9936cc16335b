/* SPDX-License-Identifier: Apache-2.0
 *
 * keccak.c: the permutation Keccak-f[1600] and the sponge around it. [FIPS202]
 */
#include "keccak.h"

#include "bytes.h"

enum { ROUNDS = 24, LANES = 25 };
enum { SHA3_SUFFIX = 0x06, SHAKE_SUFFIX = 0x1f, LAST_BIT = 0x80 };

/* iota: bit 2^j - 1 of word r is the output of the standard's shift register at step j + 7 r */
static const uint64_t round_constant[ROUNDS] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000,
    0x000000000000808b, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
    0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
    0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003,
    0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};

static inline uint64_t rotate(uint64_t x, unsigned by) /* 0 < by < 64 */
{
    return x << by | x >> (64 - by);
}

/* theta, first half: what is added to every lane of a column. */
static inline void column_parity(uint64_t d[5], const uint64_t a[LANES])
{
    uint64_t c[5];
    for (int x = 0; x < 5; x++) {
        c[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
    }
    d[0] = c[4] ^ rotate(c[1], 1);
    d[1] = c[0] ^ rotate(c[2], 1);
    d[2] = c[1] ^ rotate(c[3], 1);
    d[3] = c[2] ^ rotate(c[4], 1);
    d[4] = c[3] ^ rotate(c[0], 1);
}

/* theta, second half, with rho and pi: b[y, 2x + 3y] = rotation of a[x, y] + d[x]. Written out, so
 * that every index and every rotation is a constant. */
static inline void rotate_and_place(uint64_t b[LANES], const uint64_t a[LANES], const uint64_t d[5])
{
    b[0] = a[0] ^ d[0];
    b[1] = rotate(a[6] ^ d[1], 44);
    b[2] = rotate(a[12] ^ d[2], 43);
    b[3] = rotate(a[18] ^ d[3], 21);
    b[4] = rotate(a[24] ^ d[4], 14);
    b[5] = rotate(a[3] ^ d[3], 28);
    b[6] = rotate(a[9] ^ d[4], 20);
    b[7] = rotate(a[10] ^ d[0], 3);
    b[8] = rotate(a[16] ^ d[1], 45);
    b[9] = rotate(a[22] ^ d[2], 61);
    b[10] = rotate(a[1] ^ d[1], 1);
    b[11] = rotate(a[7] ^ d[2], 6);
    b[12] = rotate(a[13] ^ d[3], 25);
    b[13] = rotate(a[19] ^ d[4], 8);
    b[14] = rotate(a[20] ^ d[0], 18);
    b[15] = rotate(a[4] ^ d[4], 27);
    b[16] = rotate(a[5] ^ d[0], 36);
    b[17] = rotate(a[11] ^ d[1], 10);
    b[18] = rotate(a[17] ^ d[2], 15);
    b[19] = rotate(a[23] ^ d[3], 56);
    b[20] = rotate(a[2] ^ d[2], 62);
    b[21] = rotate(a[8] ^ d[3], 55);
    b[22] = rotate(a[14] ^ d[4], 39);
    b[23] = rotate(a[15] ^ d[0], 41);
    b[24] = rotate(a[21] ^ d[1], 2);
}

/* chi: the only step that is not linear. */
static inline void combine_rows(uint64_t a[LANES], const uint64_t b[LANES])
{
    for (int y = 0; y < LANES; y += 5) {
        const uint64_t b0 = b[y], b1 = b[y + 1], b2 = b[y + 2], b3 = b[y + 3], b4 = b[y + 4];
        a[y] = b0 ^ (~b1 & b2);
        a[y + 1] = b1 ^ (~b2 & b3);
        a[y + 2] = b2 ^ (~b3 & b4);
        a[y + 3] = b3 ^ (~b4 & b0);
        a[y + 4] = b4 ^ (~b0 & b1);
    }
}

static void permute(uint64_t a[LANES])
{
    uint64_t b[LANES], d[5];
    for (int round = 0; round < ROUNDS; round++) {
        column_parity(d, a);
        rotate_and_place(b, a, d);
        combine_rows(a, b);
        a[0] ^= round_constant[round];
    }
}

static mv_sponge sponge(uint32_t rate, uint8_t suffix)
{
    const mv_sponge s = {{0}, rate, 0, suffix};
    return s;
}

mv_sponge mv_shake128(void)
{
    return sponge(MV_SHAKE128_RATE, SHAKE_SUFFIX);
}

mv_sponge mv_shake256(void)
{
    return sponge(MV_SHAKE256_RATE, SHAKE_SUFFIX);
}

mv_sponge mv_sha3_256(void)
{
    return sponge(200 - 2 * MV_SHA3_256_LEN, SHA3_SUFFIX);
}

mv_sponge mv_sha3_512(void)
{
    return sponge(200 - 2 * MV_SHA3_512_LEN, SHA3_SUFFIX);
}

static void add_byte(mv_sponge *s, uint32_t at, uint8_t byte)
{
    s->lane[at / 8] ^= (uint64_t)byte << (8 * (at % 8));
}

void mv_sponge_absorb(mv_sponge *s, const uint8_t *bytes, size_t len)
{
    while (len != 0) {
        if (s->at % 8 == 0 && len >= 8) { /* every rate is whole lanes */
            s->lane[s->at / 8] ^= mv_load_u64le(bytes);
            s->at += 8;
            bytes += 8;
            len -= 8;
        } else {
            add_byte(s, s->at++, *bytes++);
            len--;
        }
        if (s->at == s->rate) {
            permute(s->lane);
            s->at = 0;
        }
    }
}

void mv_sponge_finish(mv_sponge *s)
{
    add_byte(s, s->at, s->suffix);
    add_byte(s, s->rate - 1, LAST_BIT);
    s->at = s->rate; /* the first byte squeezed comes after a permutation */
}

void mv_sponge_squeeze(mv_sponge *s, uint8_t *out, size_t len)
{
    while (len != 0) {
        if (s->at == s->rate) {
            permute(s->lane);
            s->at = 0;
        }
        if (s->at % 8 == 0 && len >= 8) {
            mv_store_u64le(out, s->lane[s->at / 8]);
            s->at += 8;
            out += 8;
            len -= 8;
        } else {
            *out++ = (uint8_t)(s->lane[s->at / 8] >> (8 * (s->at % 8)));
            s->at++;
            len--;
        }
    }
}
