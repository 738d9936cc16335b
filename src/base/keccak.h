/* SPDX-License-Identifier: Apache-2.0
 *
 * keccak.h: SHA3-256, SHA3-512, SHAKE128 and SHAKE256. [FIPS202]
 *
 * A sponge takes any number of absorb calls, then any number of squeeze calls. The time depends on
 * lengths only. A sponge that took secrets is wiped by its owner with mv_wipe.
 */
#ifndef MV_BASE_KECCAK_H
#define MV_BASE_KECCAK_H

#include <stddef.h>
#include <stdint.h>

enum { MV_SHA3_256_LEN = 32, MV_SHA3_512_LEN = 64, MV_SHAKE128_RATE = 168, MV_SHAKE256_RATE = 136 };

typedef struct mv_sponge {
    uint64_t lane[25]; /* A[x, y] of the standard is lane[x + 5 y] */
    uint32_t rate;     /* bytes taken or given per permutation */
    uint32_t at;       /* bytes of the block taken or given so far, at most rate */
    uint8_t suffix;    /* domain bits and the first bit of the padding */
} mv_sponge;

mv_sponge mv_shake128(void);
mv_sponge mv_shake256(void);
mv_sponge mv_sha3_256(void);
mv_sponge mv_sha3_512(void);

void mv_sponge_absorb(mv_sponge *s, const uint8_t *bytes, size_t len);
void mv_sponge_finish(mv_sponge *s); /* pads; from here on only squeeze */
void mv_sponge_squeeze(mv_sponge *s, uint8_t *out, size_t len);

#endif
