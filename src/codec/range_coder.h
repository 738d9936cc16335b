/* SPDX-License-Identifier: Apache-2.0
 *
 * range_coder.h: whole numbers as nearly as many bits as their probabilities say, by integer
 * arithmetic alone: the same bytes on every machine. Range variant of asymmetric numeral systems
 * (rANS), 16-bit probabilities, 32-bit state, 16-bit words.                              [Duda13]
 *
 * rANS gives back its symbols in the reverse order of coding. A writer therefore collects up to
 * MV_RANS_BLOCK symbols and codes them backwards; a block is the final state (u32) and its words
 * (u16, little-endian). Reading a block ends in the state that writing began with, so most damage
 * is noticed; all of it is noticed by what authenticates the bytes, which is not here. Reading
 * never passes the end, whatever the bytes.
 */
#ifndef MV_CODEC_RANGE_CODER_H
#define MV_CODEC_RANGE_CODER_H

#include "base/bytes.h"

#define MV_RANS_BLOCK 65536

typedef struct mv_rans_writer {
    mv_buffer *out;   /* borrowed */
    uint32_t *symbol; /* owned; start | (freq - 1) << 16 of the block's symbols so far */
    size_t count;
} mv_rans_writer;

/* mv_rans_writer_init: owner: free with mv_rans_writer_clear, also after errors. */
MV_MUST_CHECK mv_status mv_rans_writer_init(mv_rans_writer *w, mv_buffer *out);
void mv_rans_writer_clear(mv_rans_writer *w); /* wipes */

/* mv_rans_put: a symbol that owns [start, start + freq) of [0, 65536); freq 1..65536.
 * mv_rans_put_bits: value below 2^n, n at most 16, all values alike.
 * errors: MV_E_MEMORY, MV_E_LIMIT */
MV_MUST_CHECK mv_status mv_rans_put(mv_rans_writer *w, uint32_t start, uint32_t freq);
MV_MUST_CHECK mv_status mv_rans_put_bits(mv_rans_writer *w, uint32_t value, unsigned n);
MV_MUST_CHECK mv_status mv_rans_finish(mv_rans_writer *w); /* the last block; may go on after */

typedef struct mv_rans_reader {
    mv_reader *in; /* borrowed */
    uint32_t state;
    uint32_t left;    /* symbols until the block ends */
    mv_status status; /* the first error; numbers read after it mean nothing */
} mv_rans_reader;

mv_rans_reader mv_rans_reader_make(mv_reader *in);
uint32_t mv_rans_peek(mv_rans_reader *r); /* the number in [0, 65536) that names the next symbol */
void mv_rans_take(mv_rans_reader *r, uint32_t start, uint32_t freq);
uint32_t mv_rans_get_bits(mv_rans_reader *r, unsigned n);

/* mv_rans_close: after the last symbol. errors: MV_E_TRUNCATED; MV_E_FORMAT (the block does not end
 * as it was begun) */
MV_MUST_CHECK mv_status mv_rans_close(mv_rans_reader *r);

/* ---- whole numbers spread about an expected value ----
 *
 * The model of v is a logistic distribution of mean mu and scale s, in bins of width 1:
 *     P(v) = F((v + 1/2 - mu) / s) - F((v - 1/2 - mu) / s),      F(z) = 1 / (1 + exp(-z))
 * scale is an index: s = 2^(scale/8 - 4), from 1/16 to 2^15.875. Of wide distributions the low bits
 * are sent as they are, and what is very unlikely by escape: every v within +-2^30 can be sent,
 * whatever mu and scale. */
#define MV_SPREAD_SCALES 160
#define MV_SPREAD_MAX    (1 << 30)

typedef struct mv_spread {
    int32_t mu16;   /* 16 mu; within +-2^30 */
    uint32_t scale; /* below MV_SPREAD_SCALES */
} mv_spread;

MV_MUST_CHECK mv_status mv_rans_put_spread(mv_rans_writer *w, int32_t v, mv_spread p);
int32_t mv_rans_get_spread(mv_rans_reader *r, mv_spread p);

/* mv_spread_bits: what v costs, in bits; for choices while encoding. */
double mv_spread_bits(int32_t v, mv_spread p);

/* F at z/32, times 65536, z = 0..384; tests/unit/test_range_coder.c computes it again. */
extern const uint16_t mv_logistic_table[385];

#endif
