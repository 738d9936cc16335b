/* SPDX-License-Identifier: Apache-2.0
 *
 * sample.c: the seeded key stream and the three samplers.
 */
#include "ring/sample.h"

#include "base/bytes.h"
#include "base/cpu.h"
#include "base/platform.h"
#include "base/secret.h"

#include <string.h>

enum {
    BLOCK_WORDS = MV_CHACHA_BLOCK_LEN / 8,
    WORDS = 512 /* at a time: 4 KiB stay in the first-level cache */
};

void mv_stream_init(mv_stream *s, const uint8_t seed[MV_SEED_LEN])
{
    memset(s, 0, sizeof *s);
    memcpy(s->key, seed, MV_SEED_LEN);
    s->blocks = mv_chacha_choose(mv_cpu_features());
    s->binomial = mv_binomial_choose(mv_cpu_features());
}

void mv_stream_clear(mv_stream *s)
{
    mv_wipe(s, sizeof *s);
}

void mv_stream_seek(mv_stream *s, uint32_t domain, uint32_t poly, uint32_t limb)
{
    mv_store_u32le(s->nonce, domain);
    mv_store_u32le(s->nonce + 4, poly);
    mv_store_u32le(s->nonce + 8, limb);
    s->block = 0;
    s->used = 0;
}

/* count words that begin and end between blocks. */
static void whole_blocks(mv_stream *s, uint64_t *out, size_t count)
{
    const size_t blocks = count / BLOCK_WORDS;
    s->blocks((uint8_t *)out, blocks, s->key, s->nonce, s->block);
    s->block += (uint32_t)blocks;
    if (MV_BIG_ENDIAN) {
        for (size_t i = 0; i < count; i++) {
            out[i] = mv_load_u64le((const uint8_t *)&out[i]);
        }
    }
}

/* count words of one block, from where the stream stands in it. */
static void part_of_block(mv_stream *s, uint64_t *out, size_t count)
{
    uint64_t word[BLOCK_WORDS];
    whole_blocks(s, word, BLOCK_WORDS);
    memcpy(out, word + s->used, count * sizeof *out);
    s->used += (unsigned)count;
    if (s->used < BLOCK_WORDS) {
        s->block--; /* the same block again next time */
    }
    s->used %= BLOCK_WORDS;
    mv_wipe(word, sizeof word);
}

void mv_stream_words(mv_stream *s, uint64_t *out, size_t count)
{
    if (s->used != 0) {
        const size_t left = BLOCK_WORDS - s->used, part = count < left ? count : left;
        part_of_block(s, out, part);
        out += part;
        count -= part;
    }
    const size_t whole = count / BLOCK_WORDS * BLOCK_WORDS;
    whole_blocks(s, out, whole);
    if (whole < count) {
        part_of_block(s, out + whole, count - whole);
    }
}

/* Keep the candidates below q, in order; how many there are. Nearly always all of them. */
static size_t keep_below(uint64_t *word, size_t count, const mv_modulus *m)
{
    const uint64_t mask = ((uint64_t)1 << m->bits) - 1;
    uint64_t over = 0; /* top bit: some candidate is >= q */
    for (size_t i = 0; i < count; i++) {
        word[i] &= mask;
        over |= m->q - 1 - word[i];
    }
    if (over >> 63 == 0) {
        return count;
    }
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        word[kept] = word[i];
        kept += word[i] < m->q;
    }
    return kept;
}

void mv_sample_uniform(uint64_t *out, size_t count, const mv_modulus *m, mv_stream *s)
{
    while (count > 0) {
        const size_t piece = count < WORDS ? count : WORDS;
        mv_stream_words(s, out, piece);
        const size_t kept = keep_below(out, piece, m);
        out += kept;
        count -= kept;
    }
}

/* (ones among bits 0..20) - (ones among bits 21..41): both counted at once, one in each half of a
 * word, by adding neighbours. */
static int8_t binomial_from_word(uint64_t word)
{
    uint64_t x = (word & 0x1fffff) | (word >> 21 & 0x1fffff) << 32;
    x -= x >> 1 & UINT64_C(0x5555555555555555);
    x = (x & UINT64_C(0x3333333333333333)) + (x >> 2 & UINT64_C(0x3333333333333333));
    x = (x + (x >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    x *= 0x01010101; /* byte 3: sum of bytes 0..3; byte 7: sum of bytes 4..7 */
    return (int8_t)((int)(x >> 24 & 0xff) - (int)(x >> 56));
}

void mv_binomial_words_portable(int8_t *out, const uint64_t *word, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = binomial_from_word(word[i]);
    }
}

mv_words_to_small *mv_binomial_choose(uint32_t cpu)
{
#ifdef MV_HAVE_AVX512
    if (cpu & MV_CPU_AVX512) {
        return mv_binomial_words_avx512;
    }
#endif
    (void)cpu;
    return mv_binomial_words_portable;
}

static void ternary_words(int8_t *out, const uint64_t *word, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = (int8_t)((int)mv_mul_hi(word[i], 3) - 1);
    }
}

/* A word makes a value, some hundreds at a time. */
static void sample_small(int8_t *out, size_t count, mv_stream *s, mv_words_to_small *from_words)
{
    uint64_t word[WORDS];
    while (count > 0) {
        const size_t piece = count < WORDS ? count : WORDS;
        mv_stream_words(s, word, piece);
        from_words(out, word, piece);
        out += piece;
        count -= piece;
    }
    mv_wipe(word, sizeof word);
}

void mv_sample_binomial(int8_t *out, size_t count, mv_stream *s)
{
    sample_small(out, count, s, s->binomial);
}

void mv_sample_ternary(int8_t *out, size_t count, mv_stream *s)
{
    sample_small(out, count, s, ternary_words);
}
