/* SPDX-License-Identifier: Apache-2.0
 *
 * jpegls_model.h: what coder and decoder of JPEG-LS have in common: prediction, contexts, and how
 * these learn.                                                                        [JPEGLS] A
 *
 * A sample x is predicted from its neighbours, which are known on both sides:
 *
 *     c b d
 *     a x
 *
 * The steps between them say in which of 365 contexts it lies. A context knows how large errors of
 * prediction are in it (a over n), and their mean so far, which is taken off (c).
 */
#ifndef MV_JPEGLS_MODEL_H
#define MV_JPEGLS_MODEL_H

#include "codec/jpegls.h"

#include <stdbool.h>

enum { MV_JPEGLS_CONTEXTS = 365, MV_JPEGLS_RESET = 64, MV_JPEGLS_RUNS = 32 };

typedef struct mv_jpegls_context {
    int32_t a; /* sum of the errors' sizes */
    int32_t b; /* sum of the errors, -n < b <= 0 */
    int32_t c; /* correction of the prediction, -128..127 */
    int32_t n; /* errors in both sums, 1..64 */
} mv_jpegls_context;

/* Of the sample that ends a run. */
typedef struct mv_jpegls_run_context {
    int32_t a, n;
    int32_t negative; /* of n errors so many are below 0 */
} mv_jpegls_run_context;

typedef struct mv_jpegls_model {
    int32_t max;    /* 2^bits - 1 */
    int32_t near;   /* error allowed */
    int32_t step;   /* 2 near + 1 */
    int32_t range;  /* different errors of prediction after division by step */
    unsigned bits;  /* of an error that is written as it is */
    unsigned limit; /* bits of the longest code word */
    unsigned run;   /* 0..31: how long the runs were lately */
    mv_jpegls_run_context ending[2];
    mv_jpegls_context context[MV_JPEGLS_CONTEXTS];
    int8_t class_of[2 * 65535 + 1]; /* of a step s at s + 65535: -4..4 */
} mv_jpegls_model;

/* mv_jpegls_model_init: for frame->bits and frame->near; half of the highest value is the greatest
 * near that makes sense. */
void mv_jpegls_model_init(mv_jpegls_model *out, const mv_jpegls_frame *frame);

/* mv_jpegls_bounds: those of the model of this frame. */
void mv_jpegls_bounds(int32_t out[3], const mv_jpegls_frame *frame);

/* A stream up to its scan; what follows the scan is 0xff and MV_JPEGLS_END. */
enum { MV_JPEGLS_HEAD_MAX = 64, MV_JPEGLS_NEAR_BEFORE_END = 3, MV_JPEGLS_END = 0xd9 };

/* mv_jpegls_head: returns its length, which depends on bits and channels alone. */
size_t mv_jpegls_head(uint8_t out[MV_JPEGLS_HEAD_MAX], const mv_jpegls_frame *frame);

/* Bits of a run's length when the state of runs is m->run. */
extern const uint8_t mv_jpegls_run_bits[MV_JPEGLS_RUNS];

static inline int32_t mv_jpegls_clamp(int32_t v, int32_t low, int32_t high)
{
    return v < low ? low : v > high ? high : v;
}

/* The context with its sign: -364..364; 0: all steps are within near. */
static inline int32_t mv_jpegls_place(const mv_jpegls_model *m, int32_t a, int32_t b, int32_t c,
                                      int32_t d)
{
    const int8_t *class_of = m->class_of + 65535;
    return 81 * class_of[d - b] + 9 * class_of[b - c] + class_of[c - a];
}

/* mv_jpegls_turn: the line above is now the one that was read or written. What is outside of the
 * picture: the first line is under zeros; beside a line's first pixel is the one above that, beside
 * the last one of the line above is that itself. */
void mv_jpegls_turn(uint16_t **line, uint16_t **above, size_t count, size_t channels);

/* The contexts of a pixel's samples; true: all of them are 0. */
static inline bool mv_jpegls_places(int32_t place[3], const mv_jpegls_model *m,
                                    const uint16_t *line, const uint16_t *above, size_t channels)
{
    const uint16_t *before = line - channels, *above_before = above - channels;
    int32_t any = 0;
    for (size_t c = 0; c < channels; c++) {
        place[c] = mv_jpegls_place(m, before[c], above[c], above_before[c], above[c + channels]);
        any |= place[c];
    }
    return any == 0;
}

/* v, or -v where sign is -1 and not 0. */
static inline int32_t mv_jpegls_signed(int32_t v, int32_t sign)
{
    return (v ^ sign) - sign;
}

/* The median of a, b and a + b - c, corrected. */
static inline int32_t mv_jpegls_predict(const mv_jpegls_model *m, const mv_jpegls_context *x,
                                        int32_t sign, int32_t a, int32_t b, int32_t c)
{
    const int32_t low = a < b ? a : b, high = a < b ? b : a;
    return mv_jpegls_clamp(mv_jpegls_clamp(a + b - c, low, high) + mv_jpegls_signed(x->c, sign), 0,
                           m->max);
}

/* The least k with n 2^k >= a; n at least 1. */
static inline unsigned mv_jpegls_k(int32_t a, int32_t n)
{
    const int more = __builtin_clz((unsigned)n) - __builtin_clz((unsigned)a | 1);
    const unsigned k = more > 0 ? (unsigned)more : 0;
    return k + (n << k < a);
}

/* An error e and its number 0, 1, 2, ..: 0, -1, 1, -2, .. */
static inline uint32_t mv_jpegls_fold(int32_t e)
{
    return (uint32_t)e << 1 ^ (uint32_t)(e >> 31);
}

static inline int32_t mv_jpegls_unfold(uint32_t v)
{
    return (int32_t)(v >> 1) ^ -(int32_t)(v & 1);
}

/* -1 where numbers are given out the other way round: errors that are mostly below 0. */
static inline int32_t mv_jpegls_turned(const mv_jpegls_context *x, unsigned k, bool lossless)
{
    return -(int32_t)(lossless && k == 0 && 2 * x->b <= -x->n);
}

/* Both limits of b hold again after adding or taking n once. */
static inline void mv_jpegls_learn(mv_jpegls_context *x, int32_t e, int32_t step)
{
    x->a += e < 0 ? -e : e;
    int32_t b = x->b + e * step, n = x->n;
    if (n == MV_JPEGLS_RESET) {
        x->a >>= 1;
        b >>= 1;
        n >>= 1;
    }
    n++;
    const int32_t off = (b > 0) - (b <= -n);
    x->b = mv_jpegls_clamp(b - off * n, 1 - n, 0);
    x->c = mv_jpegls_clamp(x->c + off, -128, 127);
    x->n = n;
}

/* x - prediction, in steps and modulo the range. */
static inline int32_t mv_jpegls_error(const mv_jpegls_model *m, int32_t e, bool lossless)
{
    if (lossless) {
        const unsigned rest = 32 - m->bits;
        return (int32_t)((uint32_t)e << rest) >> rest;
    }
    e = e > 0 ? (e + m->near) / m->step : -((m->near - e) / m->step);
    e += e < 0 ? m->range : 0;
    return e >= (m->range + 1) / 2 ? e - m->range : e;
}

/* The sample that the decoder makes of its prediction and the error. */
static inline int32_t mv_jpegls_sample(const mv_jpegls_model *m, int32_t predicted, int32_t e,
                                       bool lossless)
{
    if (lossless) {
        return (predicted + e) & m->max;
    }
    const int32_t v = predicted + e * m->step, turn = m->range * m->step;
    return mv_jpegls_clamp(v < -m->near           ? v + turn
                           : v > m->max + m->near ? v - turn
                                                  : v,
                           0, m->max);
}

/* ---- the sample that ends a run ---- */

static inline unsigned mv_jpegls_ending_k(const mv_jpegls_run_context *x, int32_t type)
{
    return mv_jpegls_k(type != 0 ? x->a + (x->n >> 1) : x->a, x->n);
}

/* Whether an error e other than 0 has the lower of the two numbers of its size. */
static inline bool mv_jpegls_ending_low(const mv_jpegls_run_context *x, unsigned k, bool negative)
{
    const bool often = 2 * x->negative >= x->n;
    return negative ? k != 0 || often : k == 0 && !often;
}

static inline void mv_jpegls_ending_learn(mv_jpegls_run_context *x, int32_t e, uint32_t number,
                                          int32_t type)
{
    x->negative += e < 0;
    x->a += ((int32_t)number + 1 - type) >> 1;
    if (x->n == MV_JPEGLS_RESET) {
        x->a >>= 1;
        x->n >>= 1;
        x->negative >>= 1;
    }
    x->n++;
}

static inline void mv_jpegls_run_longer(mv_jpegls_model *m)
{
    m->run += m->run < MV_JPEGLS_RUNS - 1;
}

static inline void mv_jpegls_run_shorter(mv_jpegls_model *m)
{
    m->run -= m->run > 0;
}

#endif
