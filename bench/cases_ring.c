/* SPDX-License-Identifier: Apache-2.0
 *
 * cases_ring.c: transforms, element-wise products, embedding and samplers; one thread, one limb.
 */
#include "bench.h"

#include "base/cpu.h"
#include "ring/automorphism.h"
#include "ring/embed_fft.h"
#include "ring/rns.h"
#include "ring/sample.h"

#include <stdbool.h>
#include <stdlib.h>

/* One limb of a ring and rows of it. */
typedef struct state {
    mv_ring ring;
    mv_embed_tables embed;
    mv_stream stream;
    uint32_t *order; /* of a rotation */
    uint64_t *tables, *row[3];
    void *embed_memory;
    double *real, *slot;
} state;

static void finish(void *user)
{
    state *s = user;
    for (int i = 0; i < 3; i++) {
        free(s->row[i]);
    }
    free(s->tables);
    free(s->order);
    free(s->embed_memory);
    free(s->real);
    free(s->slot);
    free(s);
}

static mv_status allocate(state *s, uint32_t n)
{
    bool all = true;
    for (int i = 0; i < 3; i++) {
        s->row[i] = aligned_alloc(64, n * sizeof(uint64_t));
        all = all && s->row[i] != NULL;
    }
    s->tables = aligned_alloc(64, mv_ring_words(n, 1) * sizeof(uint64_t));
    s->order = malloc(n * sizeof *s->order);
    s->embed_memory = aligned_alloc(64, mv_embed_size(n));
    s->real = aligned_alloc(64, n * sizeof(double));
    s->slot = aligned_alloc(64, n / 2 * sizeof(double));
    return all && s->tables && s->order && s->embed_memory && s->real && s->slot ? MV_OK
                                                                                 : MV_E_MEMORY;
}

static mv_status prepare(void **out, uint32_t n, uint64_t prime, uint32_t cpu)
{
    const uint8_t seed[MV_SEED_LEN] = {1};
    state *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return MV_E_MEMORY;
    }
    *out = s;
    mv_status st = allocate(s, n);
    st =
        st == MV_OK ? mv_ring_init(&s->ring, s->tables, n, &prime, 1, cpu & mv_cpu_features()) : st;
    st = st == MV_OK ? mv_embed_init(&s->embed, s->embed_memory, n) : st;
    if (st != MV_OK) {
        return st;
    }
    bench_ran(s->ring.limb[0].kernels.name);
    mv_automorphism_order(s->order, n, mv_automorphism_rotation(n, 1));
    mv_stream_init(&s->stream, seed);
    for (int i = 0; i < 3; i++) {
        mv_sample_uniform(s->row[i], n, &s->ring.limb[0].mod, &s->stream);
    }
    for (uint32_t j = 0; j < n; j++) {
        s->real[j] = s->slot[j / 2] = (double)(j % 100) / 100;
    }
    return MV_OK;
}

#define PREPARE(name, n, prime, cpu)                                                               \
    static mv_status name(void **out, size_t *bytes, mv_error *err)                                \
    {                                                                                              \
        (void)bytes;                                                                               \
        (void)err;                                                                                 \
        return prepare(out, n, prime, cpu);                                                        \
    }

#define PRIME_50 UINT64_C(1125899904679937)
#define PRIME_61 UINT64_C(2305843009211662337)
PREPARE(n2048, 2048, PRIME_50, UINT32_MAX)
PREPARE(n4096, 4096, PRIME_50, UINT32_MAX)
PREPARE(n8192, 8192, PRIME_50, UINT32_MAX)
PREPARE(n16384, 16384, PRIME_50, UINT32_MAX)
PREPARE(n32768, 32768, PRIME_50, UINT32_MAX)
PREPARE(n2048_portable, 2048, PRIME_50, 0)
PREPARE(n4096_portable, 4096, PRIME_50, 0)
PREPARE(n8192_portable, 8192, PRIME_50, 0)
PREPARE(n16384_portable, 16384, PRIME_50, 0)
PREPARE(n4096_avx2, 4096, PRIME_50, MV_CPU_AVX2)
PREPARE(n4096_avx512, 4096, PRIME_50, MV_CPU_AVX2 | MV_CPU_AVX512)
PREPARE(n4096_61, 4096, PRIME_61, UINT32_MAX)

static mv_status forward(void *user, mv_error *err)
{
    state *s = user;
    (void)err;
    (void)mv_ring_forward(&s->ring, (mv_poly_coeff){s->row[0]});
    return MV_OK;
}

static mv_status inverse(void *user, mv_error *err)
{
    state *s = user;
    (void)err;
    (void)mv_ring_inverse(&s->ring, (mv_poly_eval){s->row[0]});
    return MV_OK;
}

static mv_status multiply(void *user, mv_error *err)
{
    state *s = user;
    (void)err;
    bench_ran(s->ring.limb[0].vec.mul == mv_vec_portable.mul ? mv_vec_portable.name
                                                             : s->ring.limb[0].vec.name);
    mv_ring_mul(&s->ring, (mv_poly_eval){s->row[2]}, (mv_poly_eval){s->row[0]},
                (mv_poly_eval){s->row[1]});
    return MV_OK;
}

static mv_status rotate(void *user, mv_error *err)
{
    state *s = user;
    (void)err;
    bench_ran(s->ring.limb[0].vec.permute == mv_vec_portable.permute ? mv_vec_portable.name
                                                                     : s->ring.limb[0].vec.name);
    mv_automorphism_eval(&s->ring, (mv_poly_eval){s->row[2]}, (mv_poly_eval){s->row[0]}, s->order);
    return MV_OK;
}

static mv_status encode(void *user, mv_error *err)
{
    state *s = user;
    (void)err;
    bench_ran(s->embed.kernels.name);
    mv_embed_encode(&s->embed, s->real, s->slot, s->slot, s->ring.degree / 2, 0x1p30);
    return mv_rns_from_double(&s->ring, s->row[2], s->real);
}

static mv_status decode(void *user, mv_error *err)
{
    state *s = user;
    (void)err;
    bench_ran(s->embed.kernels.name);
    mv_rns_crt crt;
    mv_rns_crt_init(&crt, &s->ring);
    mv_rns_to_double(&crt, s->real, (mv_poly_coeff){s->row[0]}, 0x1p50);
    mv_embed_decode(&s->embed, s->slot, NULL, s->ring.degree / 2, s->real);
    return MV_OK;
}

/* The stream's kernel, libsodium's unless it is ours. */
static const char *stream_name(const state *s)
{
    return s->stream.blocks == mv_chacha_blocks_portable ? "libsodium" : "avx512";
}

static mv_status uniform(void *user, mv_error *err)
{
    state *s = user;
    (void)err;
    bench_ran(stream_name(s));
    mv_stream_seek(&s->stream, MV_STREAM_MASK, 0, 0);
    mv_sample_uniform(s->row[2], s->ring.degree, &s->ring.limb[0].mod, &s->stream);
    return MV_OK;
}

static mv_status binomial(void *user, mv_error *err)
{
    state *s = user;
    (void)err;
    bench_ran(stream_name(s));
    mv_stream_seek(&s->stream, MV_STREAM_ERROR, 0, 0);
    mv_sample_binomial((int8_t *)s->row[2], s->ring.degree, &s->stream);
    return MV_OK;
}

static mv_status ternary(void *user, mv_error *err)
{
    state *s = user;
    (void)err;
    bench_ran(stream_name(s));
    mv_stream_seek(&s->stream, MV_STREAM_SECRET, 0, 0);
    mv_sample_ternary((int8_t *)s->row[2], s->ring.degree, &s->stream);
    return MV_OK;
}

const bench_case bench_cases_ring[] = {
    {"ring ntt forward", "N=2048, 50 bit", NULL, n2048, forward, finish},
    {"ring ntt forward", "N=4096, 50 bit", NULL, n4096, forward, finish},
    {"ring ntt forward", "N=8192, 50 bit", NULL, n8192, forward, finish},
    {"ring ntt forward", "N=16384, 50 bit", NULL, n16384, forward, finish},
    {"ring ntt forward", "N=32768, 50 bit", NULL, n32768, forward, finish},
    {"ring ntt inverse", "N=2048, 50 bit", NULL, n2048, inverse, finish},
    {"ring ntt inverse", "N=4096, 50 bit", NULL, n4096, inverse, finish},
    {"ring ntt inverse", "N=8192, 50 bit", NULL, n8192, inverse, finish},
    {"ring ntt inverse", "N=16384, 50 bit", NULL, n16384, inverse, finish},
    {"ring ntt inverse", "N=32768, 50 bit", NULL, n32768, inverse, finish},
    {"ring ntt forward", "N=2048, 50 bit", "portable", n2048_portable, forward, finish},
    {"ring ntt forward", "N=4096, 50 bit", "portable", n4096_portable, forward, finish},
    {"ring ntt forward", "N=8192, 50 bit", "portable", n8192_portable, forward, finish},
    {"ring ntt forward", "N=16384, 50 bit", "portable", n16384_portable, forward, finish},
    {"ring ntt inverse", "N=4096, 50 bit", "portable", n4096_portable, inverse, finish},
    {"ring ntt forward", "N=4096, 50 bit", "avx2", n4096_avx2, forward, finish},
    {"ring ntt forward", "N=4096, 50 bit", "avx512", n4096_avx512, forward, finish},
    {"ring ntt forward", "N=4096, 61 bit", NULL, n4096_61, forward, finish},
    {"ring ntt inverse", "N=4096, 61 bit", NULL, n4096_61, inverse, finish},
    {"ring multiply", "N=4096, 50 bit", NULL, n4096, multiply, finish},
    {"ring multiply", "N=8192, 50 bit", NULL, n8192, multiply, finish},
    {"ring multiply", "N=16384, 50 bit", NULL, n16384, multiply, finish},
    {"ring multiply", "N=4096, 50 bit", "portable", n4096_portable, multiply, finish},
    {"ring multiply", "N=4096, 61 bit", NULL, n4096_61, multiply, finish},
    {"ring rotate", "N=8192, 50 bit", NULL, n8192, rotate, finish},
    {"ring embed encode", "N=8192, 50 bit", NULL, n8192, encode, finish},
    {"ring embed decode", "N=8192, 50 bit", NULL, n8192, decode, finish},
    {"ring sample uniform", "N=8192, 50 bit", NULL, n8192, uniform, finish},
    {"ring sample binomial", "N=8192", NULL, n8192, binomial, finish},
    {"ring sample ternary", "N=8192", NULL, n8192, ternary, finish},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
