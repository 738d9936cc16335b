/* SPDX-License-Identifier: Apache-2.0
 *
 * hedump_check.c: decrypting a dump with the ring, the rounding and the embedding of src/ring.
 *
 * Where a prime or t does not suit them (not 1 modulo 2N, t even) the textbook takes their place:
 * products with the ternary secret by additions, coefficients instead of slots.
 */
#include "hedump.h"

#include "base/cpu.h"
#include "ring/automorphism.h"
#include "ring/embed_fft.h"
#include "ring/prime.h"
#include "ring/rns.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One allocation after the other, freed together. */
typedef struct pool {
    void *block[32];
    int count;
} pool;

static void *pool_new(pool *p, size_t len)
{
    void *block = p->count < 32 ? aligned_alloc(64, (len + 64) / 64 * 64) : NULL;
    if (block == NULL) {
        (void)fprintf(stderr, "he_dump: out of memory\n");
        exit(2);
    }
    memset(block, 0, (len + 64) / 64 * 64);
    return p->block[p->count++] = block;
}

static void pool_free(pool *p)
{
    while (p->count > 0) {
        free(p->block[--p->count]);
    }
}

/* x * s modulo q, s ternary, from the definition. */
static void multiply_slowly(uint64_t *out, const uint64_t *x, const int8_t *s, uint32_t n,
                            uint64_t q)
{
    memset(out, 0, n * sizeof *out);
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t j = 0; s[i] != 0 && j < n; j++) {
            const int minus = (s[i] < 0) != (i + j >= n);
            uint64_t *o = &out[(i + j) % n];
            *o = minus ? mv_sub_mod(*o, x[j], q) : mv_add_mod(*o, x[j], q);
        }
    }
}

/* c0 + c1 s + c2 s^2 modulo prime i, by Horner's rule, into row. */
static void phase_row(uint64_t *row, const hedump *d, uint32_t i, pool *memory)
{
    const uint64_t q = d->prime[i];
    const uint32_t n = d->n;
    const int has_transform = q % (2 * (uint64_t)n) == 1 && mv_prime_test_vartime(q);
    uint64_t *product = pool_new(memory, n * sizeof *product);
    uint64_t *secret = pool_new(memory, n * sizeof *secret);
    uint64_t *tables = pool_new(memory, mv_ring_words(n, 1) * sizeof *tables);
    mv_ring ring;
    if (has_transform) {
        if (mv_ring_init(&ring, tables, n, &q, 1, mv_cpu_features()) != MV_OK) {
            exit(2);
        }
        (void)mv_ring_forward(&ring, mv_ring_lift(&ring, secret, d->sk));
    }
    memcpy(row, d->poly[d->poly_count - 1][i], n * sizeof *row);
    for (uint32_t p = d->poly_count - 1; p-- > 0;) {
        if (has_transform) {
            const mv_poly_eval x = mv_ring_forward(&ring, (mv_poly_coeff){row});
            mv_ring_mul(&ring, x, x, (mv_poly_eval){secret});
            (void)mv_ring_inverse(&ring, x);
        } else {
            multiply_slowly(product, row, d->sk, n, q);
            memcpy(row, product, n * sizeof *row);
        }
        for (uint32_t j = 0; j < n; j++) {
            row[j] = mv_add_mod(row[j], d->poly[p][i][j], q);
        }
    }
}

/* A ring that only carries the primes: rounding and composing need no transform. */
static void prime_ring(mv_ring *ring, const hedump *d)
{
    memset(ring, 0, sizeof *ring);
    ring->degree = d->n;
    ring->limb_count = d->limb_count;
    for (uint32_t i = 0; i < d->limb_count; i++) {
        mv_ntt_tables *t = &ring->limb[i];
        t->n = d->n;
        t->mod = mv_modulus_make(d->prime[i]);
        t->kernels = mv_ntt_portable;
        t->vec = mv_vec_portable;
    }
}

/* floor(t x / Q + 1/2) mod t for any t, by long division of each t y_i / q_i. */
static uint64_t scale_round(const mv_ring *ring, const uint64_t *x, uint64_t t, uint32_t j)
{
    uint64_t sum = 0, fraction = (uint64_t)1 << 63;
    for (uint32_t i = 0; i < ring->limb_count; i++) {
        const mv_modulus *m = &ring->limb[i].mod;
        uint64_t hat = 1;
        for (uint32_t k = 0; k < ring->limb_count; k++) {
            hat = k == i ? hat : mv_mul_mod(hat, ring->limb[k].mod.q % m->q, m);
        }
        const uint64_t y = mv_mul_mod(x[(size_t)i * ring->degree + j], mv_inv_mod(hat, m), m);
        const mv_u128 p = mv_mul_wide(y, t);
        uint64_t rest = 0, whole = 0, part = 0;
        for (int bit = 191; bit >= 0; bit--) { /* 64 bits behind the point */
            const int b = bit - 64;
            const uint64_t next = b >= 64 ? p.hi >> (b - 64) & 1 : b >= 0 ? p.lo >> b & 1 : 0;
            rest = rest << 1 | next;
            const uint64_t one = rest >= m->q;
            rest -= one ? m->q : 0;
            whole = bit >= 64 ? whole << 1 | one : whole;
            part = bit >= 64 ? part : part << 1 | one;
        }
        fraction += part;
        sum = (sum + whole % t + (fraction < part)) % t;
    }
    return sum;
}

static void bfv_message(uint64_t *m, const mv_ring *ring, const uint64_t *x, uint64_t t)
{
    if (t % 2 == 1 && t > 3 && t < UINT64_C(1) << 59) {
        mv_rns_scale s;
        mv_rns_scale_init(&s, ring, t);
        uint64_t *copy = malloc((size_t)ring->limb_count * ring->degree * sizeof *copy);
        if (copy == NULL) {
            exit(2);
        }
        memcpy(copy, x, (size_t)ring->limb_count * ring->degree * sizeof *copy);
        mv_rns_scale_round(&s, m, (mv_poly_coeff){copy});
        free(copy);
        return;
    }
    for (uint32_t j = 0; j < ring->degree; j++) {
        m[j] = scale_round(ring, x, t, j);
    }
}

/* The exponent of slot j: gen^j modulo 2n. */
static uint32_t power_of_gen(uint32_t gen, uint32_t j, uint32_t n)
{
    uint32_t e = 1;
    while (j-- > 0) {
        e = e * gen & (2 * n - 1);
    }
    return e;
}

static int check_bfv(const hedump *d, const mv_ring *ring, const uint64_t *x, pool *memory,
                     FILE *report)
{
    uint64_t *m = pool_new(memory, d->n * sizeof *m);
    const int has_slots = d->t % (2 * (uint64_t)d->n) == 1 && mv_prime_test_vartime(d->t);
    uint32_t *index = pool_new(memory, (size_t)2 * d->n * sizeof *index);
    bfv_message(m, ring, x, d->t);
    if (has_slots) {
        uint64_t *tables = pool_new(memory, mv_ring_words(d->n, 1) * sizeof *tables);
        uint32_t *order = pool_new(memory, d->n * sizeof *order);
        mv_ring plain;
        if (mv_ring_init(&plain, tables, d->n, &d->t, 1, mv_cpu_features()) != MV_OK) {
            return 2;
        }
        (void)mv_ring_forward(&plain, (mv_poly_coeff){m});
        mv_slot_order(order, d->n);
        for (uint32_t j = 0, e = 1; j < d->n / 2; j++, e = e * 3 & (2 * d->n - 1)) {
            index[e] = order[j];
            index[2 * d->n - e] = order[d->n / 2 + j];
        }
    }
    for (uint32_t j = 0; j < d->expect_count; j++) {
        const uint32_t half = d->n / 2;
        const uint32_t e = power_of_gen(d->gen, j % half, d->n);
        const uint64_t got = has_slots ? m[index[j < half ? e : 2 * d->n - e]] : m[j];
        const uint64_t said = d->expect_number[j];
        const uint64_t size = said >> 63 ? 0 - said : said;
        const uint64_t want = said >> 63 && size % d->t != 0 ? d->t - size % d->t : size % d->t;
        if (got != want) {
            (void)fprintf(report, "# value %" PRIu32 ": %" PRIu64 ", not %" PRIu64 "\n", j, got,
                          want);
            return 1;
        }
    }
    return 0;
}

static int check_ckks(const hedump *d, const mv_ring *ring, const uint64_t *x, pool *memory,
                      FILE *report)
{
    double *m = pool_new(memory, d->n * sizeof *m), *re = pool_new(memory, d->n * sizeof *re);
    uint32_t *index = pool_new(memory, (size_t)2 * d->n * sizeof *index);
    mv_embed_tables embed;
    mv_rns_crt crt;
    uint64_t *rows = pool_new(memory, (size_t)ring->limb_count * d->n * sizeof *rows);
    memcpy(rows, x, (size_t)ring->limb_count * d->n * sizeof *rows);
    mv_rns_crt_init(&crt, ring);
    mv_rns_to_double(&crt, m, (mv_poly_coeff){rows}, d->scale);
    if (mv_embed_init(&embed, pool_new(memory, mv_embed_size(d->n)), d->n) != MV_OK) {
        return 2;
    }
    mv_embed_decode(&embed, re, NULL, d->n / 2, m);
    for (uint32_t j = 0, e = 1; j < d->n / 2; j++, e = e * 3 & (2 * d->n - 1)) {
        index[e] = index[2 * d->n - e] = j; /* conjugates have one real part */
    }
    for (uint32_t j = 0; j < d->expect_count; j++) {
        const double got = re[index[power_of_gen(d->gen, j, d->n)]];
        if (!(fabs(got - d->expect[j]) <= d->tol)) {
            (void)fprintf(report, "# slot %" PRIu32 ": %.17g, not %.17g within %g\n", j, got,
                          d->expect[j], d->tol);
            return 1;
        }
    }
    return 0;
}

int hedump_check(const hedump *dump, FILE *report)
{
    pool memory = {{NULL}, 0};
    mv_ring ring;
    const size_t n = dump->n;
    if (dump->expect_count == 0) {
        (void)fprintf(report, "# nothing is expected\n");
        return 2;
    }
    uint64_t *x = pool_new(&memory, dump->limb_count * n * sizeof *x);
    for (uint32_t i = 0; i < dump->limb_count; i++) {
        pool row = {{NULL}, 0};
        phase_row(x + i * n, dump, i, &row);
        pool_free(&row);
    }
    prime_ring(&ring, dump);
    const int result = dump->is_ckks ? check_ckks(dump, &ring, x, &memory, report)
                                     : check_bfv(dump, &ring, x, &memory, report);
    pool_free(&memory);
    return result;
}
