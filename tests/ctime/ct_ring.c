/* SPDX-License-Identifier: Apache-2.0
 *
 * ct_ring.c: no branch and no address of the ring depends on the values in its rows. Run under
 * valgrind's memcheck: what goes in is marked as undefined, so any jump or index that depends on it
 * is reported. Without valgrind it only runs the calls.
 */
#include "base/cpu.h"
#include "ring/automorphism.h"
#include "ring/embed_fft.h"
#include "ring/rns.h"
#include "ring/sample.h"

#include <stdio.h>
#include <string.h>
#include <valgrind/memcheck.h>

enum { N = 64, LIMBS = 3, WORDS = N * LIMBS };

/* 50 and 61 bits, 1 modulo 128. */
static const uint64_t prime[LIMBS] = {1125899906826241, 1125899904679937,
                                      UINT64_C(2305843009211662337)};

static _Alignas(64) uint64_t tables[LIMBS * 4 * N], embed_memory[2 * N];
static _Alignas(64) uint64_t a[WORDS], b[WORDS], c[WORDS], con[WORDS], wide[2][WORDS];
static _Alignas(64) uint64_t scratch[N * (LIMBS + 4)];
static double real[N], slot[2][N / 2];
static uint32_t order[N];
static int8_t small[N];

static void secret(void *p, size_t len)
{
    (void)VALGRIND_MAKE_MEM_UNDEFINED(p, len);
}

static void samplers(mv_ring *ring)
{
    uint8_t seed[MV_SEED_LEN] = {1};
    mv_stream stream;
    secret(seed, sizeof seed);
    mv_stream_init(&stream, seed);
    mv_sample_ternary(small, N, &stream);
    mv_sample_binomial(small, N, &stream);
    mv_stream_clear(&stream);
    (void)mv_ring_lift(ring, c, small);
}

static void arithmetic(const mv_ring *ring)
{
    mv_known_factor f[LIMBS];
    const mv_poly_wide sum = {wide[0], wide[1]};
    const mv_poly_eval x = mv_ring_forward(ring, (mv_poly_coeff){a}), y = {b}, out = {c};
    mv_ring_add(ring, c, a, b);
    mv_ring_sub(ring, c, c, b);
    mv_ring_neg(ring, c, c);
    for (uint32_t i = 0; i < LIMBS; i++) {
        f[i] = mv_ring_factor(ring, i, a[i * N]);
    }
    mv_ring_mul_scalar(ring, c, c, f);
    mv_ring_mul(ring, out, x, y);
    mv_ring_wide_clear(ring, sum);
    mv_ring_mac(ring, sum, x, y);
    mv_ring_wide_reduce(ring, out, sum);
    mv_automorphism_order(order, N, 3);
    mv_automorphism_eval(ring, out, x, order);
    (void)mv_ring_mul_known(ring, x, mv_ring_know(ring, y, con));
    mv_automorphism_coeff(ring, (mv_poly_coeff){c}, (mv_poly_coeff){a}, 3);
}

static void residues(const mv_ring *ring)
{
    static mv_rns_conv conv;
    mv_rns_drop drop;
    mv_rns_scale scale;
    mv_rns_conv_init(&conv, ring, ring);
    mv_rns_convert(&conv, (mv_poly_coeff){c}, (mv_poly_coeff){a}, scratch);
    (void)mv_rns_digit(ring, c, a, prime[0]);
    mv_rns_scale_init(&scale, ring, 65537);
    mv_rns_scale_round(&scale, c, (mv_poly_coeff){a});
    mv_rns_drop_init(&drop, ring);
    mv_rns_drop_coeff(&drop, (mv_poly_coeff){a}, scratch);
    mv_rns_drop_eval(&drop, (mv_poly_eval){b}, scratch);
}

static void embedding(const mv_ring *ring)
{
    static mv_rns_crt crt;
    mv_embed_tables t;
    if (mv_embed_init(&t, embed_memory, N) == MV_OK) {
        secret(slot, sizeof slot);
        mv_embed_encode(&t, real, slot[0], slot[1], N / 2, 0x1p30);
        mv_status st = mv_rns_from_double(ring, a, real);
        (void)VALGRIND_MAKE_MEM_DEFINED(&st, sizeof st); /* that it did not fit may be known */
        mv_rns_crt_init(&crt, ring);
        mv_rns_to_double(&crt, real, (mv_poly_coeff){a}, 0x1p30);
        mv_embed_decode(&t, slot[0], slot[1], N / 2, real);
    }
}

int main(void)
{
    mv_ring ring;
    if (mv_ring_init(&ring, tables, N, prime, LIMBS, mv_cpu_features()) != MV_OK) {
        return 1;
    }
    secret(a, sizeof a);
    secret(b, sizeof b);
    samplers(&ring);
    arithmetic(&ring);
    residues(&ring);
    embedding(&ring);
    (void)printf("%s\n", ring.limb[0].kernels.name);
    return 0;
}
