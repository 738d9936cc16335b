/* SPDX-License-Identifier: Apache-2.0
 *
 * flood.c: an encryption of zero and wide uniform noise.
 */
#include "he/flood.h"

#include "base/rng.h"
#include "base/secret.h"
#include "he/noise.h"
#include "medveil/bfv.h"

/* Row i of the noise: word pairs as numbers of `width` bits, less 2^(width - 1), modulo the prime.
 */
static void noise_row(uint64_t *row, const uint64_t *word, unsigned width, size_t n,
                      const mv_modulus *m)
{
    const uint64_t low_mask = width >= 64 ? UINT64_MAX : ((uint64_t)1 << width) - 1;
    const uint64_t high_mask = width <= 64 ? 0 : ((uint64_t)1 << (width - 64)) - 1;
    const unsigned half = width - 1;
    const mv_u128 middle = {half < 64 ? (uint64_t)1 << half : 0,
                            half < 64 ? 0 : (uint64_t)1 << (half - 64)};
    const uint64_t centre = mv_reduce_wide(middle, m);
    for (size_t j = 0; j < n; j++) {
        const mv_u128 x = {word[2 * j] & low_mask, word[2 * j + 1] & high_mask};
        row[j] = mv_sub_mod(mv_reduce_wide(x, m), centre, m->q);
    }
}

/* c0 += uniform noise of so many bits; the words come from a fresh seed of the system's. */
static mv_status add_noise(mv_he_work *work, mv_cipher *c, unsigned width)
{
    mv_status st = MV_OK;
    const mv_he_context *context = work->context;
    const size_t n = context->degree;
    uint8_t seed[MV_SEED_LEN];
    uint64_t *word = work->temp, *rows = work->temp + 2 * n;
    mv_stream stream = {0};
    MV_TRY(mv_random_bytes(seed, sizeof seed));
    mv_stream_init(&stream, seed);
    mv_stream_seek(&stream, MV_STREAM_ERROR, 0, 0);
    mv_stream_words(&stream, word, 2 * n);
    const mv_ring *ring = &mv_cipher_level_of(c)->ring;
    for (uint32_t i = 0; i < c->limbs; i++) {
        noise_row(rows + i * n, word, width, n, &ring->limb[i].mod);
    }
    (void)mv_ring_forward(ring, (mv_poly_coeff){rows});
    mv_ring_add(ring, mv_cipher_poly(c, 0), mv_cipher_poly(c, 0), rows);
done:
    mv_stream_clear(&stream);
    mv_wipe(seed, sizeof seed);
    return st;
}

mv_status mv_he_flood(mv_he_work *work, mv_cipher *out, const mv_cipher *a, const mv_he_public *key,
                      unsigned bits)
{
    mv_status st = MV_OK;
    mv_plain *zero = NULL;
    mv_cipher *fresh = NULL;
    MV_ENSURE(work != NULL && out != NULL && key != NULL && bits >= 1 && bits <= 80, MV_E_ARGUMENT);
    MV_TRY(mv_cipher_check(work->context, a));
    MV_ENSURE(!mv_is_ckks(work->context), MV_E_UNSUPPORTED);
    MV_ENSURE(out->context == work->context, MV_E_MISMATCH);
    MV_ENSURE(a->polys == 2 && a->limbs == work->context->data_limbs, MV_E_ARGUMENT);
    MV_TRY(mv_plain_new(&zero, work->context->set));
    MV_TRY(mv_cipher_new(&fresh, work->context->set));
    MV_TRY(mv_bfv_encode_coefficients(zero, NULL, 0));
    MV_TRY(mv_he_encrypt_public(work, fresh, key, zero));
    MV_TRY(mv_he_add(work, out, a, fresh));
    const double tail = MV_NOISE_TAIL * sqrt(out->noise);
    const unsigned width = (unsigned)ceil(log2(tail)) + bits + 1; /* noise in +-2^(width - 1) */
    const double whole = tail + exp2(width - 1.0);
    MV_ENSURE(width <= 120, MV_E_NOISE);
    out->noise = whole * whole / (MV_NOISE_TAIL * MV_NOISE_TAIL); /* what decryption may meet */
    MV_ENSURE(mv_noise_margin(out) >= 0, MV_E_NOISE);
    MV_TRY(add_noise(work, out, width));
done:
    mv_cipher_free(&fresh);
    mv_plain_free(&zero);
    return out == NULL ? st : mv_cipher_settle(out, st);
}
