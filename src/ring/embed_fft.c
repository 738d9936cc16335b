/* SPDX-License-Identifier: Apache-2.0
 *
 * embed_fft.c: the transform of embed_fft.h, its roots and the order of the slots.
 *
 * A block of d = 2 half elements stands for a polynomial modulo X^d - zeta^E; with w = zeta^(E/2)
 * a butterfly splits it into X^half - w and X^half + w. Block v of the tree (v = 1 at the top, its
 * halves 2v and 2v + 1) has E(1) = N/2, E(2v) = E(v)/2, E(2v + 1) = E(v)/2 + N, so the last blocks,
 * of one element, are the values at zeta^E with (E - 1)/4 = bitrev(index).
 */
#include "ring/embed_fft.h"

#include "base/cpu.h"
#include "base/u128.h"

#include <float.h>

_Static_assert(FLT_EVAL_METHOD == 0 || FLT_EVAL_METHOD == 1,
               "doubles are computed as doubles; on 32-bit x86 use -msse2 "
               "-mfpmath=sse");

#define EMBED_CONJUGATE UINT32_C(0x80000000)

static const uint64_t pi_62 = 0xc90fdaa22168c234; /* floor(pi * 2^62) */

typedef struct root {
    double re, im;
} root;

static uint64_t mul_62(uint64_t a, uint64_t b) /* a b / 2^62, rounded down */
{
    const mv_u128 p = mv_mul_wide(a, b);
    return p.hi << 2 | p.lo >> 62;
}

/* exp(i x), x in [0, pi/4], in units of 2^-62, by its series: every term is rounded down, at most
 * 20 of them before they vanish, so the error is below 2^-57. */
static root exp_octant(uint64_t x)
{
    uint64_t part[4] = {0, 0, 0, 0}; /* terms of exp(x) by their exponent modulo 4 */
    uint64_t term = (uint64_t)1 << 62;
    for (uint64_t k = 0; term != 0; term = mul_62(term, x) / ++k) {
        part[k % 4] += term;
    }
    const root r = {(double)(int64_t)(part[0] - part[2]) * 0x1p-62,
                    (double)(int64_t)(part[1] - part[3]) * 0x1p-62};
    return r;
}

/* zeta^e, 0 <= e < n: mirrored at the diagonal and at the imaginary axis. */
static root root_of(uint32_t e, uint32_t n)
{
    const uint32_t first = e > n / 2 ? n - e : e; /* angle up to pi/2 */
    const uint32_t octant = first > n / 4 ? n / 2 - first : first;
    const mv_u128 p = mv_mul_wide(pi_62, octant);
    unsigned log_n = 0;
    while (n >> log_n > 1) {
        log_n++;
    }
    root r = exp_octant(p.hi << (64 - log_n) | p.lo >> log_n);
    if (first > n / 4) {
        r = (root){r.im, r.re};
    }
    return e > n / 2 ? (root){-r.re, r.im} : r;
}

static uint32_t bit_reverse(uint32_t i, uint32_t n)
{
    uint32_t r = 0;
    for (; n > 1; n /= 2, i /= 2) {
        r = r << 1 | (i & 1);
    }
    return r;
}

size_t mv_embed_size(uint32_t n)
{
    const size_t size = n * sizeof(double) + n / 2 * sizeof(uint32_t);
    return (size + 63) / 64 * 64;
}

/* w(v) = zeta^(E(v)/2); halves of E never reach n, see root_of: E/2 < n. */
static void fill_roots(double *re, double *im, uint32_t n)
{
    re[0] = im[0] = 0;
    for (uint32_t blocks = 1; blocks < n / 2; blocks *= 2) {
        for (uint32_t i = 0; i < blocks; i++) {
            /* half of E: n/4 at the top; each turn to the right adds n/2, halved by later turns */
            const uint32_t e = (4 * bit_reverse(i, blocks) + 1) * (n / 4 / blocks);
            const root r = root_of(e, n);
            re[blocks + i] = r.re;
            im[blocks + i] = r.im;
        }
    }
}

static void fill_places(uint32_t *place, uint32_t n)
{
    uint32_t e = 1; /* 3^j mod 2n */
    for (uint32_t j = 0; j < n / 2; j++) {
        const uint32_t mirrored = e % 4 == 1 ? e : 2 * n - e;
        place[j] = bit_reverse(mirrored / 4, n / 2) | (mirrored != e ? EMBED_CONJUGATE : 0);
        e = 3 * e & (2 * n - 1);
    }
}

mv_status mv_embed_init(mv_embed_tables *t, void *memory, uint32_t n)
{
    if (n < 4 || n > 65536 || (n & (n - 1)) != 0) {
        return MV_E_ARGUMENT;
    }
    double *re = memory, *im = re + n / 2;
    uint32_t *place = (uint32_t *)(void *)(re + n);
    fill_roots(re, im, n);
    fill_places(place, n);
    *t = (mv_embed_tables){n, re, im, place, mv_embed_choose(mv_cpu_features(), n)};
    return MV_OK;
}

/* One layer: (x, y) -> (x + w y, x - w y) on n/2 complex numbers, real parts first. */
static void forward_layer(double *restrict a, uint32_t blocks, const mv_embed_tables *t)
{
    const uint32_t h = t->n / 2, half = h / blocks / 2;
    for (uint32_t i = 0; i < blocks; i++) {
        const double wr = t->re[blocks + i], wi = t->im[blocks + i];
        double *restrict xr = a + (size_t)2 * half * i, *restrict xi = xr + h;
        double *restrict yr = xr + half, *restrict yi = xi + half;
        for (uint32_t j = 0; j < half; j++) {
            const double vr = wr * yr[j] - wi * yi[j], vi = wr * yi[j] + wi * yr[j];
            yr[j] = xr[j] - vr;
            yi[j] = xi[j] - vi;
            xr[j] = xr[j] + vr;
            xi[j] = xi[j] + vi;
        }
    }
}

/* One layer back, but for a factor 2: (x, y) -> (x + y, (x - y) / w), 1/w being w's conjugate. */
static void inverse_layer(double *restrict a, uint32_t blocks, const mv_embed_tables *t)
{
    const uint32_t h = t->n / 2, half = h / blocks / 2;
    for (uint32_t i = 0; i < blocks; i++) {
        const double wr = t->re[blocks + i], wi = t->im[blocks + i];
        double *restrict xr = a + (size_t)2 * half * i, *restrict xi = xr + h;
        double *restrict yr = xr + half, *restrict yi = xi + half;
        for (uint32_t j = 0; j < half; j++) {
            const double dr = xr[j] - yr[j], di = xi[j] - yi[j];
            xr[j] = xr[j] + yr[j];
            xi[j] = xi[j] + yi[j];
            yr[j] = wr * dr + wi * di;
            yi[j] = wr * di - wi * dr;
        }
    }
}

static void forward(double *a, const mv_embed_tables *t)
{
    for (uint32_t blocks = 1; blocks < t->n / 2; blocks *= 2) {
        forward_layer(a, blocks, t);
    }
}

static void inverse(double *a, const mv_embed_tables *t)
{
    for (uint32_t blocks = t->n / 4; blocks > 0; blocks /= 2) {
        inverse_layer(a, blocks, t);
    }
}

const mv_embed_kernels mv_embed_portable = {"portable", forward, inverse};

mv_embed_kernels mv_embed_choose(uint32_t cpu, uint32_t n)
{
#ifdef MV_HAVE_AVX512
    if ((cpu & MV_CPU_AVX512) && n >= 64) {
        return mv_embed_avx512;
    }
#endif
    (void)cpu, (void)n;
    return mv_embed_portable;
}

void mv_embed_encode(const mv_embed_tables *t, double *m, const double *re, const double *im,
                     uint32_t count, double scale)
{
    const uint32_t h = t->n / 2;
    const double factor = scale / h; /* h is a power of two: exact */
    MV_ASSERT(count <= h);
    for (uint32_t j = 0; j < h; j++) {
        const uint32_t k = t->place[j] & ~EMBED_CONJUGATE;
        const double sign = t->place[j] & EMBED_CONJUGATE ? -1.0 : 1.0;
        m[k] = j < count ? factor * re[j] : 0;
        m[h + k] = j < count && im != NULL ? sign * (factor * im[j]) : 0;
    }
    t->kernels.inverse(m, t);
}

void mv_embed_decode(const mv_embed_tables *t, double *re, double *im, uint32_t count, double *m)
{
    const uint32_t h = t->n / 2;
    MV_ASSERT(count <= h);
    t->kernels.forward(m, t);
    for (uint32_t j = 0; j < count; j++) {
        const uint32_t k = t->place[j] & ~EMBED_CONJUGATE;
        re[j] = m[k];
        if (im != NULL) {
            im[j] = t->place[j] & EMBED_CONJUGATE ? -m[h + k] : m[h + k];
        }
    }
}
