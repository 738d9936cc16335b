/* SPDX-License-Identifier: Apache-2.0
 *
 * tensor_elements.c: what is computed element by element: asinh, sinh, their slopes, sums. Written
 * without branches and calls, so that compilers use vectors; asinh and sinh are within 4e-7 of the
 * value (tests/unit/test_tensor.c). This file is compiled once for each instruction set, under the
 * name MV_ELEMENTS: no product is joined to a sum, so that all give the same floats.
 */
#include "tensor/tensor_elements.h"

#include <math.h>
#include <string.h>

static inline float from_bits(uint32_t bits)
{
    float f = 0;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static inline uint32_t to_bits(float f)
{
    uint32_t bits = 0;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

/* ln u, u >= 1 and finite: u = 2^e m with m in sqrt(1/2)..sqrt(2), and ln m = 2 atanh s with
 * s = (m - 1) / (m + 1), by the series of atanh; |s| <= 0.172. */
static inline float log_of(float u)
{
    const uint32_t bits = to_bits(u), half = 0x3f3504f3; /* sqrt(1/2) */
    const uint32_t e = (bits - half) >> 23;
    const float m = from_bits(bits - (e << 23)), s = (m - 1) / (m + 1), q = s * s;
    const float series = 1 + q * (1 / 3.0F + q * (0.2F + q * (1 / 7.0F + q * (1 / 9.0F))));
    return (float)(int32_t)e * 0.693147181F + 2 * s * series;
}

/* e^a, a in 0..88: 2^n e^r with |r| <= ln 2 / 2. Adding 1.5 * 2^23 rounds to a whole n and leaves
 * it in the lowest bits. */
static inline float exp_of(float a)
{
    const float shift = 12582912, rounded = a * 1.44269504F + shift, n = rounded - shift;
    const float r = (a - n * 0.693145752F) - n * 1.42860677e-6F; /* ln 2 in two parts */
    const float series =
        1 + r * (1 + r * (0.5F +
                          r * (1 / 6.0F + r * (1 / 24.0F + r * (1 / 120.0F + r * (1 / 720.0F))))));
    return series * from_bits((to_bits(rounded) + 127) << 23);
}

/* |x|, at most that of these bits, also when x is not a number: positive floats lie in the order of
 * their bits. */
static inline float bounded(float x, int32_t most)
{
    const int32_t bits = (int32_t)(to_bits(x) & 0x7fffffff);
    return from_bits((uint32_t)(bits < most ? bits : most));
}

enum {
    BITS_1 = 0x3f800000,
    BITS_1E18 = 0x5d5e0b6b,
    BITS_88 = 0x42b00000
}; /* where squares, and e^a, still are finite */

/* asinh |x| = ln(1 + t), t = |x| + x^2 / (1 + sqrt(1 + x^2)); what 1 + t rounds away is added. */
static void asinh_all(float *y, const float *x, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        const float a = bounded(x[k], BITS_1E18);
        const float t = a + a * (a / (1 + sqrtf(1 + a * a))), u = 1 + t;
        const float lost = (t - (u - 1)) / u; /* 0 for large t */
        y[k] = copysignf(log_of(u) + lost, x[k]);
    }
}

/* By its series below 1, where e^a - e^-a would lose digits. */
static void sinh_all(float *y, const float *x, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        const float a = bounded(x[k], BITS_88), e = exp_of(a), q = a * a;
        const float series =
            1 + q * (1 / 6.0F + q * (1 / 120.0F + q * (1 / 5040.0F + q * (1 / 362880.0F))));
        const uint32_t small = to_bits(a * series), large = to_bits(0.5F * (e - 1 / e));
        const uint32_t below_1 = 0 - (uint32_t)((int32_t)to_bits(a) < BITS_1);
        y[k] = copysignf(from_bits(large ^ ((large ^ small) & below_1)), x[k]);
    }
}

static void asinh_backward(float *dx, const float *dy, const float *y, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        const float e = exp_of(bounded(y[k], BITS_88));
        dx[k] = dy[k] * 2 / (e + 1 / e);
    }
}

static void sinh_backward(float *dx, const float *dy, const float *y, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        dx[k] = dy[k] * sqrtf(1 + y[k] * y[k]);
    }
}

static void add(float *y, const float *a, const float *b, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        y[k] = a[k] + b[k];
    }
}

static void add_bf16(float *a, const uint16_t *b, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        a[k] += from_bits((uint32_t)b[k] << 16);
    }
}

/* ---- kernels of convolutions ---- */

enum { TILE = 16 };

/* The upper half of f, rounded to nearest even; what is no number stays so. */
static inline uint16_t narrow(float f)
{
    const uint32_t bits = to_bits(f), rounded = bits + 0x7fff + (bits >> 16 & 1);
    const uint32_t none = 0 - (uint32_t)((bits & 0x7fffffff) > 0x7f800000);
    return (uint16_t)(((rounded & ~none) | ((bits | 0x400000) & none)) >> 16);
}

/* Tile (o, i) of tap t: 16 inputs by 16 outputs. */
static const float *tile_at(const float *w, size_t o, size_t i, size_t t, size_t in, size_t taps)
{
    return w + ((o * (in / TILE) + i) * taps + t) * TILE * TILE;
}

static void pair_inputs(uint16_t *y, const float *w, size_t out, size_t in, size_t taps)
{
    const size_t columns = in / TILE;
    for (size_t k = 0; k < out / 32 * taps * columns; k++) {
        const size_t o = k / (taps * columns), t = k / columns % taps, i = k % columns;
        const float *first = tile_at(w, 2 * o, i, t, in, taps);
        const float *second = tile_at(w, 2 * o + 1, i, t, in, taps);
        for (size_t p = 0; p < TILE / 2; p++, first += 2 * TILE, second += 2 * TILE) {
            for (size_t c = 0; c < TILE; c++, y += 2) {
                y[0] = narrow(first[c]);
                y[1] = narrow(first[TILE + c]);
            }
            for (size_t c = 0; c < TILE; c++, y += 2) {
                y[0] = narrow(second[c]);
                y[1] = narrow(second[TILE + c]);
            }
        }
    }
}

static void pair_outputs(uint16_t *y, const float *w, size_t out, size_t in, size_t taps)
{
    const size_t columns = in / TILE;
    for (size_t k = 0; k < out / TILE * columns * taps; k++) {
        const size_t o = k / (columns * taps), it = k % (columns * taps);
        const float *tile = w + k * TILE * TILE;
        uint16_t *to = y + ((o / 2 * columns * taps + it) * 2 + o % 2) * TILE * TILE;
        uint16_t turned[TILE * TILE];
        for (size_t n = 0; n < TILE * TILE; n++) {
            turned[n] = narrow(tile[n]);
        }
        for (size_t p = 0; p < TILE / 2; p++) {
            for (size_t r = 0; r < TILE; r++, to += 2) {
                memcpy(to, turned + r * TILE + 2 * p, 2 * sizeof *to);
            }
        }
    }
}

const mv_elements MV_ELEMENTS = {
    .asinh = asinh_all,
    .sinh = sinh_all,
    .asinh_backward = asinh_backward,
    .sinh_backward = sinh_backward,
    .add = add,
    .add_bf16 = add_bf16,
    .pair_inputs = pair_inputs,
    .pair_outputs = pair_outputs,
};
