/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_small.h: a small network in whole numbers: 64 inputs, 32 and 16 hidden units, 2 outputs.
 *
 *     h1 = relu(W1 x + b1)    h2 = relu(W2 h1 + b2)    y = W3 h2 + b3
 *
 * Inputs and hidden units are int16 in units of 1/256, weights int16 in units of 1/4096, biases and
 * sums int32 in units of 2^-20; hidden units are rounded down and cut at MV_SMALL_CUT. No sum can
 * overflow: mv_small_check proves it for the weights at hand. The result is therefore the same for
 * every order of summing, that is on every machine, and decoders may depend on it.
 */
#ifndef MV_NN_SMALL_H
#define MV_NN_SMALL_H

#include "base/bytes.h"

#define MV_SMALL_IN    64
#define MV_SMALL_H1    32
#define MV_SMALL_H2    16
#define MV_SMALL_OUT   2
#define MV_SMALL_ONE   256            /* 1.0 of an input or hidden unit */
#define MV_SMALL_Y_ONE (1 << 20)      /* 1.0 of an output */
#define MV_SMALL_X_MAX (24 * 256)     /* inputs are within +- this */
#define MV_SMALL_CUT   (64 * 256 - 1) /* hidden units are within 0 and this */

/* Weights of neighbouring inputs lie side by side, so that one instruction takes two products. */
typedef struct mv_small_net {
    int16_t w1[MV_SMALL_IN / 2][MV_SMALL_H1][2];
    int16_t w2[MV_SMALL_H1 / 2][MV_SMALL_H2][2];
    int16_t w3[MV_SMALL_OUT][MV_SMALL_H2];
    int32_t b1[MV_SMALL_H1], b2[MV_SMALL_H2], b3[MV_SMALL_OUT];
} mv_small_net;

/* Some of the inputs, in pairs, for places that lie side by side: x[p][k] is pair p at place k.
 * Where inputs of some places are known before those of others, the first layer takes them part by
 * part; inputs that are in no part count as 0. */
typedef struct mv_small_pair {
    int16_t x[2];
} mv_small_pair;

#define MV_SMALL_PAIRS   32
#define MV_SMALL_NOTHING MV_SMALL_IN /* in place of an input */
typedef struct mv_small_part {
    _Alignas(64) int16_t w[MV_SMALL_PAIRS][MV_SMALL_H1][2];
    const mv_small_pair *x[MV_SMALL_PAIRS]; /* borrowed */
    uint8_t input[MV_SMALL_PAIRS][2];       /* which two, or MV_SMALL_NOTHING */
    size_t count;
} mv_small_part;

/* mv_small_part_add: a further pair. mv_small_part_weights: w of all pairs; before the part is
 * used. */
void mv_small_part_add(mv_small_part *part, const mv_small_pair *x, uint32_t first,
                       uint32_t second);
void mv_small_part_weights(mv_small_part *part, const mv_small_net *net);

/* run:   y (n,2) from x (n,64).
 * begin: sum[k] (n,32) = start plus this part's products at places from..from + n - 1; the first
 *        start is net->b1.
 * end:   y (n,2) from sum (n,32) plus this part's products at these places. */
typedef void mv_small_run(int32_t (*y)[MV_SMALL_OUT], const mv_small_net *net,
                          const int16_t (*x)[MV_SMALL_IN], size_t n);
typedef void mv_small_begin(int32_t (*sum)[MV_SMALL_H1], const int32_t start[MV_SMALL_H1],
                            const mv_small_part *part, size_t from, size_t n);
typedef void mv_small_end(int32_t (*y)[MV_SMALL_OUT], const mv_small_net *net,
                          const int32_t (*sum)[MV_SMALL_H1], const mv_small_part *part, size_t from,
                          size_t n);

typedef struct mv_small_kernels {
    mv_small_run *run;
    mv_small_begin *begin;
    mv_small_end *end;
} mv_small_kernels;

extern const mv_small_kernels mv_small_portable;
#ifdef MV_HAVE_AVX2
extern const mv_small_kernels mv_small_avx2; /* MV_CPU_AVX2 */
#endif
#ifdef MV_HAVE_VNNI
extern const mv_small_kernels mv_small_vnni; /* MV_CPU_AVX512 and MV_CPU_VNNI */
#endif

/* mv_small_choose: the fastest that these features (MV_CPU_ bits) allow. */
mv_small_kernels mv_small_choose(uint32_t cpu);

/* mv_small_check: that no sum of any allowed input can leave int32. errors: MV_E_RANGE */
MV_MUST_CHECK mv_status mv_small_check(const mv_small_net *net);

/* Bytes: w1 by unit (32,64), w2 (16,32), w3 (2,16) as i16, then b1, b2, b3 as i32, little-endian.
 * mv_small_read checks. errors: MV_E_TRUNCATED, MV_E_RANGE; mv_small_write: MV_E_MEMORY, MV_E_LIMIT
 */
#define MV_SMALL_LEN                                                                               \
    (2 * (MV_SMALL_IN * MV_SMALL_H1 + MV_SMALL_H1 * MV_SMALL_H2 + MV_SMALL_H2 * MV_SMALL_OUT) +    \
     4 * (MV_SMALL_H1 + MV_SMALL_H2 + MV_SMALL_OUT))
MV_MUST_CHECK mv_status mv_small_read(mv_small_net *out, mv_reader *in);
MV_MUST_CHECK mv_status mv_small_write(mv_buffer *out, const mv_small_net *net);

#endif
