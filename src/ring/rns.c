/* SPDX-License-Identifier: Apache-2.0
 *
 * rns.c: base conversion, rounding divisions, and the way to and from floating point. Read rns.h
 * first.
 */
#include "ring/rns.h"

#include "base/secret.h"

#include <float.h>
#include <string.h>

_Static_assert(FLT_EVAL_METHOD == 0 || FLT_EVAL_METHOD == 1,
               "doubles are computed as doubles; on 32-bit x86 use -msse2 "
               "-mfpmath=sse");

enum {
    CHUNK = 256
}; /* coefficients at a time: the rows of one chunk stay in the first-level cache */

static uint32_t chunk_of(const mv_ring *ring)
{
    return ring->degree < CHUNK ? ring->degree : CHUNK;
}

/* Q / q_skip modulo m, Q the product of all primes of the ring; skip = limb_count: Q itself. */
static uint64_t product_without(const mv_ring *ring, uint32_t skip, const mv_modulus *m)
{
    uint64_t product = 1;
    for (uint32_t i = 0; i < ring->limb_count; i++) {
        if (i != skip) {
            product = mv_mul_mod(product, mv_reduce_word(ring->limb[i].mod.q, m), m);
        }
    }
    return product;
}

static uint64_t inv_hat(const mv_ring *ring, uint32_t i)
{
    const mv_modulus *m = &ring->limb[i].mod;
    return mv_inv_mod(product_without(ring, i, m), m);
}

static mv_known_factor word_factor(uint64_t w, const mv_modulus *m)
{
    const mv_known_factor f = {w, mv_shoup_con(w, m)};
    return f;
}

void mv_rns_conv_init(mv_rns_conv *c, const mv_ring *from, const mv_ring *to)
{
    unsigned bits = 0;
    MV_ASSERT(from->degree == to->degree);
    memset(c, 0, sizeof *c);
    c->from = from;
    c->to = to;
    for (uint32_t i = 0; i < from->limb_count; i++) {
        c->inv_hat[i] = mv_ring_factor(from, i, inv_hat(from, i));
        bits = from->limb[i].mod.bits > bits ? from->limb[i].mod.bits : bits;
    }
    for (uint32_t j = 0; j < to->limb_count; j++) {
        const mv_modulus *m = &to->limb[j].mod;
        for (uint32_t i = 0; i < from->limb_count; i++) {
            c->hat[j][i] = product_without(from, i, m);
        }
        c->minus_modulus[j] = mv_sub_mod(0, product_without(from, from->limb_count, m), m->q);
        /* the factors of a wide sum come from both sides */
        c->vec[j] = mv_vec_choose(to->cpu, to->degree, bits > m->bits ? bits : m->bits);
    }
}

size_t mv_rns_conv_words(const mv_rns_conv *c)
{
    return (size_t)chunk_of(c->from) * (c->from->limb_count + 4);
}

/* The rows of one chunk, one after the other in scratch. */
typedef struct conv_rows {
    uint64_t *y; /* y_i at y + i * n */
    uint64_t *whole, *low, *high;
    size_t n;
} conv_rows;

/* y_i and the nearest integer v (in whole) of n coefficients. */
static void split(const mv_rns_conv *c, const conv_rows *r, const uint64_t *in)
{
    uint64_t *fraction = r->low;
    memset(r->whole, 0, r->n * sizeof *r->whole);
    for (size_t j = 0; j < r->n; j++) {
        fraction[j] = (uint64_t)1 << 63; /* 1/2 */
    }
    for (size_t i = 0; i < c->from->limb_count; i++) {
        const mv_ntt_tables *t = &c->from->limb[i];
        uint64_t *y = r->y + i * r->n;
        t->vec.mul_scalar(y, in + i * c->from->degree, c->inv_hat[i], r->n, &t->mod);
        t->vec.add_fraction(fraction, r->whole, y, r->n, &t->mod);
    }
}

/* sum of y_i hat_i - v Q modulo p_j */
static void join(const mv_rns_conv *c, const conv_rows *r, uint64_t *out, size_t j)
{
    const mv_vec_kernels *vec = &c->vec[j];
    memset(r->low, 0, r->n * sizeof *r->low);
    memset(r->high, 0, r->n * sizeof *r->high);
    for (size_t i = 0; i < c->from->limb_count; i++) {
        vec->mac_scalar(r->low, r->high, r->y + i * r->n, c->hat[j][i], r->n);
    }
    vec->mac_scalar(r->low, r->high, r->whole, c->minus_modulus[j], r->n);
    vec->mac_reduce(out, r->low, r->high, r->n, &c->to->limb[j].mod);
}

void mv_rns_convert(const mv_rns_conv *c, mv_poly_coeff out, mv_poly_coeff in, uint64_t *scratch)
{
    const size_t n = chunk_of(c->from), rows = c->from->limb_count;
    const conv_rows r = {scratch, scratch + rows * n, scratch + (rows + 1) * n,
                         scratch + (rows + 2) * n, n};
    for (size_t at = 0; at < c->from->degree; at += n) {
        split(c, &r, in.limb + at);
        for (size_t j = 0; j < c->to->limb_count; j++) {
            join(c, &r, out.limb + j * c->to->degree + at, j);
        }
    }
}

void mv_rns_drop_init(mv_rns_drop *d, const mv_ring *ring)
{
    const uint64_t last = ring->limb[ring->limb_count - 1].mod.q;
    MV_ASSERT(ring->limb_count >= 2);
    memset(d, 0, sizeof *d);
    d->ring = ring;
    for (uint32_t i = 0; i + 1 < ring->limb_count; i++) {
        const mv_modulus *m = &ring->limb[i].mod;
        d->inv[i] = mv_ring_factor(ring, i, mv_inv_mod(mv_reduce_word(last, m), m));
    }
}

/* x_i = (x_i - r) / q_L, r in scratch in the form of x */
static void drop_finish(const mv_rns_drop *d, uint64_t *row, uint32_t i, const uint64_t *r)
{
    const mv_ntt_tables *t = &d->ring->limb[i];
    t->vec.sub(row, row, r, d->ring->degree, &t->mod);
    t->vec.mul_scalar(row, row, d->inv[i], d->ring->degree, &t->mod);
}

void mv_rns_drop_coeff(const mv_rns_drop *d, mv_poly_coeff x, uint64_t *scratch)
{
    const size_t n = d->ring->degree;
    const uint32_t last = d->ring->limb_count - 1;
    for (uint32_t i = 0; i < last; i++) {
        const mv_ntt_tables *t = &d->ring->limb[i];
        t->vec.recentre(scratch, x.limb + last * n, d->ring->limb[last].mod.q, n, &t->mod);
        drop_finish(d, x.limb + i * n, i, scratch);
    }
}

void mv_rns_drop_eval(const mv_rns_drop *d, mv_poly_eval x, uint64_t *scratch)
{
    const size_t n = d->ring->degree;
    const uint32_t last = d->ring->limb_count - 1;
    const mv_ntt_tables *l = &d->ring->limb[last];
    l->kernels.inverse(x.limb + last * n, l);
    for (uint32_t i = 0; i < last; i++) {
        const mv_ntt_tables *t = &d->ring->limb[i];
        t->vec.recentre(scratch, x.limb + last * n, l->mod.q, n, &t->mod);
        t->kernels.forward(scratch, t);
        drop_finish(d, x.limb + i * n, i, scratch);
    }
}

mv_poly_coeff mv_rns_digit(const mv_ring *ring, uint64_t *out, const uint64_t *row, uint64_t from)
{
    const size_t n = ring->degree;
    for (size_t i = 0; i < ring->limb_count; i++) {
        ring->limb[i].vec.recentre(out + i * n, row, from, n, &ring->limb[i].mod);
    }
    return (mv_poly_coeff){out};
}

/* q^-1 modulo 2^64: q q = 1 modulo 8, and each step doubles the bits that are right. */
static uint64_t inverse_of_odd(uint64_t q)
{
    uint64_t x = q;
    for (int bits = 3; bits < 64; bits *= 2) {
        x *= 2 - q * x;
    }
    return x;
}

void mv_rns_scale_init(mv_rns_scale *s, const mv_ring *ring, uint64_t t)
{
    MV_ASSERT(t >> 59 == 0);
    memset(s, 0, sizeof *s);
    s->ring = ring;
    s->t = mv_modulus_make(t);
    for (uint32_t i = 0; i < ring->limb_count; i++) {
        const mv_modulus *m = &ring->limb[i].mod;
        s->inv_hat[i] = mv_ring_factor(ring, i, inv_hat(ring, i));
        s->t_mod[i] = mv_ring_factor(ring, i, mv_reduce_word(t, m));
        s->q_inv[i] = inverse_of_odd(m->q);
    }
}

/* The rows of one chunk. */
typedef struct scale_rows {
    uint64_t y[CHUNK], z[CHUNK], fraction[CHUNK], whole[CHUNK];
} scale_rows;

/* (whole, fraction) += t y / q for one limb: with z = t y mod q that is (t y - z) / q + z / q. The
 * first quotient is an integer below t, so it may be computed modulo 2^64. */
static void add_scaled(scale_rows *r, const mv_rns_scale *s, size_t i, const uint64_t *x, size_t n)
{
    const mv_ntt_tables *t = &s->ring->limb[i];
    t->vec.mul_scalar(r->y, x, s->inv_hat[i], n, &t->mod);
    t->vec.mul_scalar(r->z, r->y, s->t_mod[i], n, &t->mod);
    for (size_t j = 0; j < n; j++) {
        r->whole[j] += (s->t.q * r->y[j] - r->z[j]) * s->q_inv[i];
    }
    t->vec.add_fraction(r->fraction, r->whole, r->z, n, &t->mod);
}

void mv_rns_scale_round(const mv_rns_scale *s, uint64_t *out, mv_poly_coeff x)
{
    const size_t n = s->ring->degree, chunk = chunk_of(s->ring);
    scale_rows r;
    for (size_t at = 0; at < n; at += chunk) {
        for (size_t j = 0; j < chunk; j++) {
            r.fraction[j] = (uint64_t)1 << 63; /* 1/2 */
            r.whole[j] = 0;                    /* in the end below 24 t < 2^64 */
        }
        for (size_t i = 0; i < s->ring->limb_count; i++) {
            add_scaled(&r, s, i, x.limb + i * n + at, chunk);
        }
        s->ring->limb[0].vec.reduce(out + at, r.whole, chunk, &s->t);
    }
    mv_wipe(&r, sizeof r);
}

void mv_rns_crt_init(mv_rns_crt *c, const mv_ring *ring)
{
    memset(c, 0, sizeof *c);
    c->ring = ring;
    for (uint32_t i = 0; i < ring->limb_count; i++) {
        const mv_modulus *m = &ring->limb[i].mod;
        for (uint32_t j = 0; j < i; j++) {
            c->inv[i][j] = word_factor(mv_inv_mod(mv_reduce_word(ring->limb[j].mod.q, m), m), m);
        }
    }
}

/* Mixed radix: x = d_0 + d_1 q_0 + d_2 q_0 q_1 + .., 0 <= d_i < q_i. x_i at x[i * N]. */
static void mixed_radix(uint64_t digit[MV_RING_LIMBS_MAX], const mv_rns_crt *c, const uint64_t *x)
{
    for (uint32_t i = 0; i < c->ring->limb_count; i++) {
        const mv_modulus *m = &c->ring->limb[i].mod;
        uint64_t d = x[(size_t)i * c->ring->degree];
        for (uint32_t j = 0; j < i; j++) {
            d = mv_sub_mod(d, mv_reduce_word(digit[j], m), m->q);
            d = mv_mul_shoup(d, c->inv[i][j].w, c->inv[i][j].con, m->q);
        }
        digit[i] = d;
    }
}

/* All ones when x > Q/2, else 0. The digits of (Q - 1)/2 are the (q_i - 1)/2, because
 * (q_0 - 1)/2 + q_0 (q_1 - 1)/2 + .. telescopes; the highest digit that differs decides. */
static uint64_t is_upper_half(const uint64_t digit[MV_RING_LIMBS_MAX], const mv_ring *ring)
{
    uint64_t upper = 0;
    for (uint32_t i = 0; i < ring->limb_count; i++) {
        const uint64_t half = ring->limb[i].mod.q / 2;
        const uint64_t above = 0 - ((half - digit[i]) >> 63);
        const uint64_t below = 0 - ((digit[i] - half) >> 63);
        upper = above | (upper & ~below);
    }
    return upper;
}

/* The value nearest 0. The digits of Q - 1 - x are q_i - 1 - d_i, without any borrow. */
static double compose(uint64_t digit[MV_RING_LIMBS_MAX], const mv_ring *ring)
{
    const uint64_t upper = is_upper_half(digit, ring);
    double value = 0;
    for (uint32_t i = ring->limb_count; i-- > 0;) {
        const uint64_t q = ring->limb[i].mod.q;
        const uint64_t flipped = q - 1 - digit[i] + (i == 0); /* and 1 to come from Q - 1 to Q */
        const uint64_t d = digit[i] ^ ((digit[i] ^ flipped) & upper);
        value = value * (double)(int64_t)q + (double)(int64_t)d;
    }
    return (double)(1 - 2 * (int64_t)(upper & 1)) * value;
}

void mv_rns_to_double(const mv_rns_crt *c, double *out, mv_poly_coeff x, double scale)
{
    uint64_t digit[MV_RING_LIMBS_MAX];
    for (uint32_t j = 0; j < c->ring->degree; j++) {
        mixed_radix(digit, c, x.limb + j);
        out[j] = compose(digit, c->ring) / scale;
    }
    mv_wipe(digit, sizeof digit);
}

/* Adding 3 2^51 to |y| < 2^51 leaves the integer nearest to y in the low bits of the sum. */
static const double round_con = 6755399441055744.0; /* check: 6755399441055744 == 3 * 2^51 */

static uint64_t bits_of(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static double double_of(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static uint64_t nearest_integer(double y) /* two's complement */
{
    return bits_of(y + round_con) - bits_of(round_con);
}

/* All ones when every |x[j]| < 2^100, else 0: without their sign, doubles are ordered like their
 * bits, infinities and what is not a number come last. */
static uint64_t all_fit(const double *x, size_t n)
{
    const uint64_t limit = bits_of(0x1p100);
    uint64_t fits = UINT64_MAX;
    for (size_t j = 0; j < n; j++) {
        fits &= (bits_of(x[j]) & INT64_MAX) - limit; /* top bit: below */
    }
    return 0 - (fits >> 63);
}

/* x = high 2^51 + low, both rounded: x 2^-51 is exact, and x - high 2^51 is a multiple of the last
 * bit of x and not larger than x, so exact too. high 2^51 is even: rounding low is rounding x. */
typedef struct split_rows {
    uint64_t high[CHUNK], low[CHUNK];
    uint64_t a[CHUNK], b[CHUNK];
} split_rows;

static void split_doubles(split_rows *s, const double *x, size_t n, uint64_t keep)
{
    for (size_t j = 0; j < n; j++) {
        const double value = double_of(bits_of(x[j]) & keep);
        const double y = value / 0x1p51;
        const double high = y + round_con - round_con;
        s->high[j] = nearest_integer(y);
        s->low[j] = nearest_integer(value - high * 0x1p51);
    }
}

/* The residues of one chunk modulo one prime. |high| <= 2^49 and |low| <= 2^50 are made positive by
 * a multiple of q and stay below 2^52 where q < 2^50, as 52-bit constants want; a product with 1 is
 * a reduction. */
static void join_doubles(uint64_t *out, split_rows *s, size_t n, const mv_ntt_tables *t)
{
    const mv_modulus *m = &t->mod;
    const uint64_t base = m->q * (((uint64_t)1 << 50) / m->q + 1); /* (2^50, 2^50 + q] */
    const uint64_t w = mv_reduce_word((uint64_t)1 << 51, m);
    const mv_known_factor two_51 = {w, mv_ntt_con(w, t)}, one = {1, mv_ntt_con(1, t)};
    for (size_t j = 0; j < n; j++) {
        s->a[j] = base + s->high[j];
        s->b[j] = base + s->low[j];
    }
    t->vec.mul_scalar(s->a, s->a, two_51, n, m);
    t->vec.mul_scalar(s->b, s->b, one, n, m);
    t->vec.add(out, s->a, s->b, n, m);
}

mv_status mv_rns_from_double(const mv_ring *ring, uint64_t *out, const double *x)
{
    const size_t n = ring->degree, chunk = chunk_of(ring);
    const uint64_t keep = all_fit(x, n); /* no branch on it: x is secret */
    split_rows s;
    for (size_t at = 0; at < n; at += chunk) {
        split_doubles(&s, x + at, chunk, keep);
        for (size_t i = 0; i < ring->limb_count; i++) {
            join_doubles(out + i * n + at, &s, chunk, &ring->limb[i]);
        }
    }
    mv_wipe(&s, sizeof s);
    return (mv_status)(MV_E_RANGE & (unsigned)~keep);
}
