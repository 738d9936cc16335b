/* SPDX-License-Identifier: Apache-2.0
 *
 * chacha.c: libsodium's ChaCha20 behind our name, and the choice. Why not libcrypto: decision 0005.
 */
#include "ring/chacha.h"

#include "base/cpu.h"

#include <sodium.h>
#include <string.h>

void mv_chacha_blocks_portable(uint8_t *out, size_t count, const uint8_t key[32],
                               const uint8_t nonce[12], uint32_t counter)
{
    memset(out, 0, count * MV_CHACHA_BLOCK_LEN);
    (void)crypto_stream_chacha20_ietf_xor_ic(out, out, count * MV_CHACHA_BLOCK_LEN, nonce, counter,
                                             key); /* fails only beyond 2^32 blocks */
}

mv_chacha_blocks *mv_chacha_choose(uint32_t cpu)
{
    mv_chacha_blocks *blocks = mv_chacha_blocks_portable;
    if (sodium_init() < 0) { /* which lets libsodium look at the processor */
        return blocks;
    }
#ifdef MV_HAVE_AVX512
    if (cpu & MV_CPU_AVX512) {
        blocks = mv_chacha_blocks_avx512;
    }
#else
    (void)cpu;
#endif
    return blocks;
}
