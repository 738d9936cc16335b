/* SPDX-License-Identifier: Apache-2.0
 *
 * sample.h: from a 32-byte seed to polynomials. docs/formats/he.md fixes every convention below
 * with a test vector.
 *
 * A seed keys ChaCha20 (IETF, RFC 8439), block counter from 0. The 12-byte nonce is three u32le:
 * domain, polynomial, limb; so no two polynomials of one seed share key stream. The key stream is
 * read as u64le words, one word per candidate or coefficient:
 *   uniform    word mod 2^bits(q), rejected when >= q: the next word takes its place
 *   binomial   (ones among bits 0..20) - (ones among bits 21..41): 42 coins, |e| <= 21, sigma 3.24
 *   ternary    floor(3 * word / 2^64) - 1: each of -1, 0, 1 has probability 1/3 within 2^-64
 * Binomial and ternary take the same time whatever comes out; uniform values are public.
 */
#ifndef MV_RING_SAMPLE_H
#define MV_RING_SAMPLE_H

#include "ring/chacha.h"
#include "ring/modarith.h"

#define MV_SEED_LEN     32
#define MV_BINOMIAL_MAX 21

/* Domains keep apart what one seed might be used for. */
enum { MV_STREAM_MASK = 1 /* c1 */, MV_STREAM_ERROR = 2, MV_STREAM_SECRET = 3 };

/* Small values, out[i] from word[i]. Time depends on count only. */
typedef void mv_words_to_small(int8_t *out, const uint64_t *word, size_t count);

mv_words_to_small mv_binomial_words_portable; /* the binomial rule above */
#ifdef MV_HAVE_AVX512
mv_words_to_small mv_binomial_words_avx512; /* MV_CPU_AVX512 */
#endif

/* mv_binomial_choose: the fastest that these features (MV_CPU_ bits) allow. */
mv_words_to_small *mv_binomial_choose(uint32_t cpu);

/* Key stream of one seed. Holds the seed: clear it. */
typedef struct mv_stream {
    uint8_t key[MV_SEED_LEN];
    uint8_t nonce[12];
    uint32_t block; /* counter of the block that the next word is in */
    unsigned used;  /* words of that block already given, 0..7 */
    mv_chacha_blocks *blocks;
    mv_words_to_small *binomial;
} mv_stream;

void mv_stream_init(mv_stream *s, const uint8_t seed[MV_SEED_LEN]);
void mv_stream_clear(mv_stream *s); /* wipes */

/* mv_stream_seek: begin the stream of this nonce. */
void mv_stream_seek(mv_stream *s, uint32_t domain, uint32_t poly, uint32_t limb);

/* Each takes as many words as it needs from where the stream stands. A nonce has 2^35 of them. */
void mv_stream_words(mv_stream *s, uint64_t *out, size_t count);
void mv_sample_uniform(uint64_t *out, size_t count, const mv_modulus *m, mv_stream *s);
void mv_sample_binomial(int8_t *out, size_t count, mv_stream *s);
void mv_sample_ternary(int8_t *out, size_t count, mv_stream *s);

#endif
