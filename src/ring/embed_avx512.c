/* SPDX-License-Identifier: Apache-2.0
 *
 * embed_avx512.c: the transform of embed_fft.c on eight complex numbers at once, the same
 * operations in the same order, so the same bits. Compiled with its own flags; called only when the
 * processor has MV_CPU_AVX512.
 *
 * Layers whose butterflies are at least 16 apart work on whole vectors; the four closest work on 16
 * neighbours in two pairs of registers, exchanged by the perfect shuffle of ntt_lanes.h.
 */
#include "ring/embed_fft.h"

#include <immintrin.h>

/* Eight complex numbers. */
typedef struct cvec {
    __m512d re, im;
} cvec;

static inline cvec load(const double *a, size_t n_half)
{
    const cvec v = {_mm512_loadu_pd(a), _mm512_loadu_pd(a + n_half)};
    return v;
}

static inline void store(double *a, size_t n_half, cvec v)
{
    _mm512_storeu_pd(a, v.re);
    _mm512_storeu_pd(a + n_half, v.im);
}

static inline cvec add(cvec a, cvec b)
{
    const cvec v = {_mm512_add_pd(a.re, b.re), _mm512_add_pd(a.im, b.im)};
    return v;
}

static inline cvec sub(cvec a, cvec b)
{
    const cvec v = {_mm512_sub_pd(a.re, b.re), _mm512_sub_pd(a.im, b.im)};
    return v;
}

/* (x, y) -> (x + w y, x - w y) */
static inline void butterfly(cvec *x, cvec *y, cvec w)
{
    const cvec v = {_mm512_sub_pd(_mm512_mul_pd(w.re, y->re), _mm512_mul_pd(w.im, y->im)),
                    _mm512_add_pd(_mm512_mul_pd(w.re, y->im), _mm512_mul_pd(w.im, y->re))};
    *y = sub(*x, v);
    *x = add(*x, v);
}

/* (x, y) -> (x + y, (x - y) / w), 1/w being w's conjugate */
static inline void inverse_butterfly(cvec *x, cvec *y, cvec w)
{
    const cvec d = sub(*x, *y);
    *x = add(*x, *y);
    y->re = _mm512_add_pd(_mm512_mul_pd(w.re, d.re), _mm512_mul_pd(w.im, d.im));
    y->im = _mm512_sub_pd(_mm512_mul_pd(w.re, d.im), _mm512_mul_pd(w.im, d.re));
}

/* The roots of 1, 2, 4 or 8 parts of block number block, as often as fits. */
static inline cvec roots_1(const mv_embed_tables *t, size_t block)
{
    const cvec w = {_mm512_set1_pd(t->re[block]), _mm512_set1_pd(t->im[block])};
    return w;
}

static inline __m512d repeat_2(const double *w)
{
    return _mm512_broadcast_f64x2(_mm_loadu_pd(w));
}

static inline cvec roots_2(const mv_embed_tables *t, size_t block)
{
    const cvec w = {repeat_2(t->re + 2 * block), repeat_2(t->im + 2 * block)};
    return w;
}

static inline __m512d repeat_4(const double *w)
{
    return _mm512_broadcast_f64x4(_mm256_loadu_pd(w));
}

static inline cvec roots_4(const mv_embed_tables *t, size_t block)
{
    const cvec w = {repeat_4(t->re + 4 * block), repeat_4(t->im + 4 * block)};
    return w;
}

static inline cvec roots_8(const mv_embed_tables *t, size_t block)
{
    const cvec w = {_mm512_loadu_pd(t->re + 8 * block), _mm512_loadu_pd(t->im + 8 * block)};
    return w;
}

static inline void interleave(cvec *x, cvec *y)
{
    const __m512i low = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
    const __m512i high = _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15);
    const cvec a = *x, b = *y;
    x->re = _mm512_permutex2var_pd(a.re, low, b.re);
    x->im = _mm512_permutex2var_pd(a.im, low, b.im);
    y->re = _mm512_permutex2var_pd(a.re, high, b.re);
    y->im = _mm512_permutex2var_pd(a.im, high, b.im);
}

static inline void separate(cvec *x, cvec *y) /* undoes interleave */
{
    const __m512i even = _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14);
    const __m512i odd = _mm512_setr_epi64(1, 3, 5, 7, 9, 11, 13, 15);
    const cvec a = *x, b = *y;
    x->re = _mm512_permutex2var_pd(a.re, even, b.re);
    x->im = _mm512_permutex2var_pd(a.im, even, b.im);
    y->re = _mm512_permutex2var_pd(a.re, odd, b.re);
    y->im = _mm512_permutex2var_pd(a.im, odd, b.im);
}

/* One layer, butterflies half apart, half >= 16. */
static void forward_layer(double *a, uint32_t blocks, uint32_t half, const mv_embed_tables *t)
{
    const size_t h = t->n / 2;
    for (size_t i = 0; i < blocks; i++) {
        const cvec w = roots_1(t, blocks + i);
        double *p = a + 2 * half * i;
        for (size_t j = 0; j < half; j += 8) {
            cvec x = load(p + j, h), y = load(p + j + half, h);
            butterfly(&x, &y, w);
            store(p + j, h, x);
            store(p + j + half, h, y);
        }
    }
}

static void inverse_layer(double *a, uint32_t blocks, uint32_t half, const mv_embed_tables *t)
{
    const size_t h = t->n / 2;
    for (size_t i = 0; i < blocks; i++) {
        const cvec w = roots_1(t, blocks + i);
        double *p = a + 2 * half * i;
        for (size_t j = 0; j < half; j += 8) {
            cvec x = load(p + j, h), y = load(p + j + half, h);
            inverse_butterfly(&x, &y, w);
            store(p + j, h, x);
            store(p + j + half, h, y);
        }
    }
}

static void forward(double *a, const mv_embed_tables *t)
{
    const size_t h = t->n / 2;
    uint32_t blocks = 1;
    for (uint32_t half = t->n / 4; half >= 16; half /= 2, blocks *= 2) {
        forward_layer(a, blocks, half, t);
    }
    for (size_t block = blocks; block < 2 * (size_t)blocks; block++, a += 16) {
        cvec x = load(a, h), y = load(a + 8, h);
        butterfly(&x, &y, roots_1(t, block));
        interleave(&x, &y);
        butterfly(&x, &y, roots_2(t, block));
        interleave(&x, &y);
        butterfly(&x, &y, roots_4(t, block));
        interleave(&x, &y);
        butterfly(&x, &y, roots_8(t, block));
        interleave(&x, &y);
        store(a, h, x);
        store(a + 8, h, y);
    }
}

static void inverse(double *a, const mv_embed_tables *t)
{
    const size_t h = t->n / 2;
    const uint32_t blocks = t->n / 32;
    double *p = a;
    for (size_t block = blocks; block < 2 * (size_t)blocks; block++, p += 16) {
        cvec x = load(p, h), y = load(p + 8, h);
        separate(&x, &y);
        inverse_butterfly(&x, &y, roots_8(t, block));
        separate(&x, &y);
        inverse_butterfly(&x, &y, roots_4(t, block));
        separate(&x, &y);
        inverse_butterfly(&x, &y, roots_2(t, block));
        separate(&x, &y);
        inverse_butterfly(&x, &y, roots_1(t, block));
        store(p, h, x);
        store(p + 8, h, y);
    }
    for (uint32_t half = 16; half < t->n / 2; half *= 2) {
        inverse_layer(a, t->n / 4 / half, half, t);
    }
}

const mv_embed_kernels mv_embed_avx512 = {"avx512", forward, inverse};
