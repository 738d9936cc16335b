/* SPDX-License-Identifier: Apache-2.0
 *
 * mlkem_poly.c: arithmetic, sampling and bytes of ML-KEM's polynomials; the bounds are proved where
 * they are needed.
 */
#include "mlkem_poly.h"

#include "base/keccak.h"
#include "base/secret.h"

enum { N = MV_MLKEM_N, Q = MV_MLKEM_Q };

const int16_t mv_mlkem_zeta[128] = {
    -1044, -758,  -359,  -1517, 1493,  1422,  287,   202,   -171,  622,   1577,  182,   962,
    -1202, -1474, 1468,  573,   -1325, 264,   383,   -829,  1458,  -1602, -130,  -681,  1017,
    732,   608,   -1542, 411,   -205,  -1571, 1223,  652,   -552,  1015,  -1293, 1491,  -282,
    -1544, 516,   -8,    -320,  -666,  -1618, -1162, 126,   1469,  -853,  -90,   -271,  830,
    107,   -1421, -247,  -951,  -398,  961,   -1508, -725,  448,   -1065, 677,   -1275, -1103,
    430,   555,   843,   -1251, 871,   1550,  105,   422,   587,   177,   -235,  -291,  -460,
    1574,  1653,  -246,  778,   1159,  -147,  -777,  1483,  -602,  1119,  -1590, 644,   -872,
    349,   418,   329,   -156,  -75,   817,   1097,  603,   610,   1322,  -1285, -1465, 384,
    -1215, -136,  1218,  -1335, -874,  220,   -1187, -1659, -1185, -1530, -1278, 794,   -1510,
    -854,  -870,  478,   -108,  -308,  996,   991,   958,   -1460, 1522,  1628};

/* x / R mod q; |x| < 2^15 q, out |.| < q. t is x / q modulo R, centred, so x - t q is a multiple of
 * R, and |x - t q| < 2^15 q + 2^15 q = R q. */
static inline int16_t montgomery_reduce(int32_t x)
{
    const uint16_t inverse = 62209; /* check: 62209 * 3329 % 2^16 == 1 */
    const int16_t t = (int16_t)(uint16_t)((uint32_t)(uint16_t)x * inverse);
    return (int16_t)((x - (int32_t)t * Q) >> 16);
}

/* a b / R; |a b| < 2^15 q holds whenever one of them is below q in size. */
static inline int16_t multiply(int16_t a, int16_t b)
{
    return montgomery_reduce((int32_t)a * b);
}

/* The representative of a nearest to zero, |.| <= (q - 1)/2, for every 16-bit a. con / 2^26 differs
 * from 1/q by less than 2^-28, so con a / 2^26 from a/q by less than 2^-13; a/q is at least
 * 1/(2q) > 2^-13 away from a half, so both round alike.
 * check: abs(20159 * 3329 - 2^26) * 2^28 < 3329 * 2^26;
 * check: 2 * 3329 < 2^13; */
static inline int16_t reduce_centred(int16_t a)
{
    const int32_t con = 20159; /* check: 20159 == round(2^26 / 3329) */
    const int16_t t = (int16_t)((con * a + (1 << 25)) >> 26);
    return (int16_t)(a - t * Q);
}

/* (-q, q) -> [0, q) */
static inline uint16_t canonical(int16_t a)
{
    return (uint16_t)(a + ((a >> 15) & Q));
}

/* Cooley-Tukey butterflies. After each of the seven layers the bound grows by q (the product is
 * below q): |c| < 8 q = 26632 < 2^15 at the end. check: 8 * 3329 < 2^15 */
void mv_mlkem_ntt(mv_mlkem_poly *p)
{
    const int16_t *zeta = mv_mlkem_zeta + 1;
    for (int len = N / 2; len >= 2; len /= 2) {
        for (int start = 0; start < N; start += 2 * len, zeta++) {
            int16_t *low = p->c + start, *high = low + len;
            for (int j = 0; j < len; j++) {
                const int16_t t = multiply(*zeta, high[j]);
                high[j] = (int16_t)(low[j] - t);
                low[j] = (int16_t)(low[j] + t);
            }
        }
    }
    for (int j = 0; j < N; j++) {
        p->c[j] = reduce_centred(p->c[j]);
    }
}

/* Gentleman-Sande butterflies with centred sums: |c| <= q/2 before every layer but for products,
 * which are below q; so a sum or difference is below 2 q and fits. The zetas run backwards,
 * -zeta^-1 being found at the mirrored place, which turns low - high into high - low. */
void mv_mlkem_ntt_inverse(mv_mlkem_poly *p)
{
    const int16_t scale = 1441; /* check: 1441 == 2^32 * invmod(128, 3329) % 3329 */
    const int16_t *zeta = mv_mlkem_zeta + 127;
    for (int j = 0; j < N; j++) {
        p->c[j] = reduce_centred(p->c[j]);
    }
    for (int len = 2; len <= N / 2; len *= 2) {
        for (int start = 0; start < N; start += 2 * len, zeta--) {
            int16_t *low = p->c + start, *high = low + len;
            for (int j = 0; j < len; j++) {
                const int16_t t = low[j];
                low[j] = reduce_centred((int16_t)(t + high[j]));
                high[j] = multiply(*zeta, (int16_t)(high[j] - t));
            }
        }
    }
    for (int j = 0; j < N; j++) {
        p->c[j] = multiply(p->c[j], scale);
    }
}

/* Pairs (2i, 2i+1) are residues modulo X^2 - w, w = zeta[64 + i/2] with alternating sign:
 * (a0 + a1 X)(b0 + b1 X) = a0 b0 + a1 b1 w + (a0 b1 + a1 b0) X. A coefficient of the result is a
 * sum of 2k = 6 products, each below 4096 q, and one reduction.
 * check: 6 * 4096 * 3329 < 2^15 * 3329; */
void mv_mlkem_dot(mv_mlkem_poly *out, const mv_mlkem_poly a[MV_MLKEM_K],
                  const mv_mlkem_poly b[MV_MLKEM_K])
{
    for (int i = 0; i < N; i += 2) {
        const int16_t zeta = mv_mlkem_zeta[64 + i / 4];
        const int16_t w = (i & 2) != 0 ? (int16_t)-zeta : zeta;
        int32_t even = 0, odd = 0;
        for (int j = 0; j < MV_MLKEM_K; j++) {
            const int16_t a0 = a[j].c[i], a1 = a[j].c[i + 1];
            const int16_t b0 = b[j].c[i], b1 = b[j].c[i + 1];
            even += a0 * b0 + a1 * multiply(b1, w);
            odd += a0 * b1 + a1 * b0;
        }
        out->c[i] = montgomery_reduce(even);
        out->c[i + 1] = montgomery_reduce(odd);
    }
}

void mv_mlkem_to_montgomery(mv_mlkem_poly *p)
{
    const int16_t factor = 1353; /* check: 1353 == 2^32 % 3329 */
    for (int j = 0; j < N; j++) {
        p->c[j] = multiply(p->c[j], factor);
    }
}

void mv_mlkem_add(mv_mlkem_poly *out, const mv_mlkem_poly *a, const mv_mlkem_poly *b)
{
    for (int j = 0; j < N; j++) {
        out->c[j] = reduce_centred((int16_t)(a->c[j] + b->c[j]));
    }
}

void mv_mlkem_sub(mv_mlkem_poly *out, const mv_mlkem_poly *a, const mv_mlkem_poly *b)
{
    for (int j = 0; j < N; j++) {
        out->c[j] = reduce_centred((int16_t)(a->c[j] - b->c[j]));
    }
}

/* ---- sampling ---- */

void mv_mlkem_sample_uniform(mv_mlkem_poly *out, const uint8_t rho[32], uint8_t j, uint8_t i)
{
    const uint8_t index[2] = {j, i};
    uint8_t block[MV_SHAKE128_RATE]; /* whole triples: 168 = 3 * 56 */
    mv_sponge xof = mv_shake128();
    int count = 0;

    mv_sponge_absorb(&xof, rho, 32);
    mv_sponge_absorb(&xof, index, sizeof index);
    mv_sponge_finish(&xof);
    while (count < N) {
        mv_sponge_squeeze(&xof, block, sizeof block);
        for (size_t at = 0; at < sizeof block; at += 3) {
            const int16_t d[2] = {(int16_t)(block[at] | (block[at + 1] & 15) << 8),
                                  (int16_t)(block[at + 1] >> 4 | block[at + 2] << 4)};
            for (int k = 0; k < 2; k++) {
                if (d[k] < Q && count < N) {
                    out->c[count++] = d[k];
                }
            }
        }
    }
}

void mv_mlkem_sample_binomial(mv_mlkem_poly *out, const uint8_t key[32], uint8_t nonce)
{
    uint8_t bits[N / 2]; /* four for each coefficient: (two) - (two) */
    mv_sponge prf = mv_shake256();

    mv_sponge_absorb(&prf, key, 32);
    mv_sponge_absorb(&prf, &nonce, 1);
    mv_sponge_finish(&prf);
    mv_sponge_squeeze(&prf, bits, sizeof bits);
    for (int j = 0; j < N; j++) {
        const unsigned four = (unsigned)bits[j / 2] >> (4 * (j % 2));
        const unsigned plus = (four & 1) + (four >> 1 & 1);
        const unsigned minus = (four >> 2 & 1) + (four >> 3 & 1);
        out->c[j] = (int16_t)((int)plus - (int)minus);
    }
    mv_wipe(bits, sizeof bits);
    mv_wipe(&prf, sizeof prf);
}

/* ---- bytes ---- */

void mv_mlkem_encode(uint8_t out[MV_MLKEM_POLY_LEN], const mv_mlkem_poly *p)
{
    for (int j = 0; j < N; j += 2, out += 3) {
        const uint16_t a = canonical(p->c[j]), b = canonical(p->c[j + 1]);
        out[0] = (uint8_t)a;
        out[1] = (uint8_t)(a >> 8 | b << 4);
        out[2] = (uint8_t)(b >> 4);
    }
}

bool mv_mlkem_decode(mv_mlkem_poly *out, const uint8_t in[MV_MLKEM_POLY_LEN])
{
    int32_t below = -1; /* stays negative while every coefficient is below q */
    for (int j = 0; j < N; j += 2, in += 3) {
        out->c[j] = (int16_t)(in[0] | (in[1] & 15) << 8);
        out->c[j + 1] = (int16_t)(in[1] >> 4 | in[2] << 4);
        below &= (out->c[j] - Q) & (out->c[j + 1] - Q);
    }
    return below < 0;
}

/* round(2^bits a / q) mod 2^bits, by a multiplication: a division may take a time that depends on
 * a. n = 2^bits a + (q - 1)/2 is below 2^22, and floor(n / q) = floor(n con / 2^40), since con is
 * less than 1 above 2^40 / q, which makes n con / 2^40 less than 2^-18 above n / q, whose distance
 * to the next whole number is at least 1/q. check: 1024 * 3328 + 1664 < 2^22 */
static inline uint32_t compress(int16_t a, unsigned bits)
{
    const uint64_t con = 330282857; /* check: 330282857 == ceil(2^40 / 3329) */
    const uint64_t n = ((uint64_t)canonical(a) << bits) + (Q - 1) / 2;
    return (uint32_t)(n * con >> 40) & ((1u << bits) - 1);
}

void mv_mlkem_compress(uint8_t *out, const mv_mlkem_poly *p, unsigned bits)
{
    uint32_t held = 0;
    unsigned held_bits = 0;
    for (int j = 0; j < N; j++) {
        held |= compress(p->c[j], bits) << held_bits;
        for (held_bits += bits; held_bits >= 8; held_bits -= 8) {
            *out++ = (uint8_t)held;
            held >>= 8;
        }
    }
}

void mv_mlkem_expand(mv_mlkem_poly *out, const uint8_t *in, unsigned bits)
{
    uint32_t held = 0;
    unsigned held_bits = 0;
    for (int j = 0; j < N; j++) {
        for (; held_bits < bits; held_bits += 8) {
            held |= (uint32_t)*in++ << held_bits;
        }
        const uint32_t y = held & ((1u << bits) - 1);
        out->c[j] = (int16_t)((y * Q + (1u << (bits - 1))) >> bits);
        held >>= bits;
        held_bits -= bits;
    }
}
