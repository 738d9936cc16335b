/* SPDX-License-Identifier: Apache-2.0
 *
 * chacha.h: blocks of ChaCha20 key stream [RFC8439], the source of every seeded value.
 */
#ifndef MV_RING_CHACHA_H
#define MV_RING_CHACHA_H

#include <stddef.h>
#include <stdint.h>

#define MV_CHACHA_BLOCK_LEN 64

/* count blocks from this block counter on, 64 bytes each; counter + count below 2^32. Time depends
 * on count only. */
typedef void mv_chacha_blocks(uint8_t *out, size_t count, const uint8_t key[32],
                              const uint8_t nonce[12], uint32_t counter);

mv_chacha_blocks mv_chacha_blocks_portable; /* libsodium's */
#ifdef MV_HAVE_AVX512
mv_chacha_blocks mv_chacha_blocks_avx512; /* MV_CPU_AVX512 */
#endif

/* mv_chacha_choose: the fastest that these features (MV_CPU_ bits) allow. */
mv_chacha_blocks *mv_chacha_choose(uint32_t cpu);

#endif
