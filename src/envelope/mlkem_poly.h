/* SPDX-License-Identifier: Apache-2.0
 *
 * mlkem_poly.h: polynomials of ML-KEM: Z_q[X]/(X^256 + 1), q = 3329, in signed 16-bit words.
 * [FIPS203, sections 4.2 and 4.3]
 *
 * Ranges are said per call; |c| < B means every coefficient lies in (-B, B). "Montgomery factor"
 * is R = 2^16: the product of two words comes out divided by R. Every call takes a time that does
 * not depend on its polynomials, but mv_mlkem_sample_uniform, whose input is public.
 */
#ifndef MV_ENVELOPE_MLKEM_POLY_H
#define MV_ENVELOPE_MLKEM_POLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MV_MLKEM_N = 256, MV_MLKEM_Q = 3329, MV_MLKEM_K = 3, MV_MLKEM_POLY_LEN = 384 };

typedef struct mv_mlkem_poly {
    int16_t c[MV_MLKEM_N];
} mv_mlkem_poly;

/* zeta[i] = R * 17^(bitrev7(i)) mod q, in (-q/2, q/2); 17 is a primitive 256th root of unity. */
extern const int16_t mv_mlkem_zeta[128];

/* mv_mlkem_ntt: in place; in |c| < q; out |c| <= q/2, values at the roots, bit-reversed. */
void mv_mlkem_ntt(mv_mlkem_poly *p);

/* mv_mlkem_ntt_inverse: in place; any |c| < 2^15; out |c| < q, multiplied by R (so that the
 * R^-1 of a product goes away). */
void mv_mlkem_ntt_inverse(mv_mlkem_poly *p);

/* mv_mlkem_dot: out = sum over j of a[j] * b[j] / R, products of transforms.
 * in |a| < 4096, |b| < q; out |c| < q; out is neither a nor b */
void mv_mlkem_dot(mv_mlkem_poly *out, const mv_mlkem_poly a[MV_MLKEM_K],
                  const mv_mlkem_poly b[MV_MLKEM_K]);

void mv_mlkem_to_montgomery(mv_mlkem_poly *p); /* c * R; any in; out |c| < q */

/* out = a + b, out = a - b, each sum within 16 bits, then reduced: |c| <= q/2; may alias */
void mv_mlkem_add(mv_mlkem_poly *out, const mv_mlkem_poly *a, const mv_mlkem_poly *b);
void mv_mlkem_sub(mv_mlkem_poly *out, const mv_mlkem_poly *a, const mv_mlkem_poly *b);

/* mv_mlkem_sample_uniform: SampleNTT(rho | j | i), by rejection; out in [0, q). */
void mv_mlkem_sample_uniform(mv_mlkem_poly *out, const uint8_t rho[32], uint8_t j, uint8_t i);

/* mv_mlkem_sample_binomial: SamplePolyCBD_2(SHAKE256(key | nonce)); out in [-2, 2]. */
void mv_mlkem_sample_binomial(mv_mlkem_poly *out, const uint8_t key[32], uint8_t nonce);

/* Bytes. encode is ByteEncode_12 of the representatives in [0, q); in |c| < q. decode takes the
 * twelve bits as they are: out in [0, 4096), and says whether all were below q. */
void mv_mlkem_encode(uint8_t out[MV_MLKEM_POLY_LEN], const mv_mlkem_poly *p);
bool mv_mlkem_decode(mv_mlkem_poly *out, const uint8_t in[MV_MLKEM_POLY_LEN]);

/* ByteEncode_bits(Compress_bits(p)) and back, bits 1, 4 or 10: 32 * bits bytes. in |c| < q; out of
 * expand in [0, q). */
void mv_mlkem_compress(uint8_t *out, const mv_mlkem_poly *p, unsigned bits);
void mv_mlkem_expand(mv_mlkem_poly *out, const uint8_t *in, unsigned bits);

#endif
