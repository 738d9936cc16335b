/* SPDX-License-Identifier: Apache-2.0
 *
 * ckks_encode.c: complex numbers in N/2 slots, and back. [CKKS17]
 *
 * Slot j is m(zeta^(3^j)) / S; m has real coefficients, rounded to integers after scaling.
 */
#include "base/rng.h"
#include "base/secret.h"
#include "he/noise.h"
#include "medveil/ckks.h"

/* Whether all values are at most bound in magnitude, without branching on them. */
static bool are_within(const double *re, const double *im, size_t count, double bound)
{
    unsigned bad = 0;
    for (size_t j = 0; j < count; j++) {
        const double y = im == NULL ? 0 : im[j];
        bad |= !(re[j] * re[j] + y * y <= bound * bound);
    }
    return bad == 0;
}

mv_status mv_ckks_encode_at(mv_he_work *work, mv_plain *out, const double *re, const double *im,
                            size_t count, double bound, uint32_t level)
{
    mv_status st = MV_OK;
    MV_ENSURE(work != NULL && out != NULL && re != NULL, MV_E_ARGUMENT);
    out->limbs = 0;
    const mv_he_context *c = work->context;
    MV_ENSURE(out->context == c, MV_E_MISMATCH);
    MV_ENSURE(mv_is_ckks(c), MV_E_UNSUPPORTED);
    MV_ENSURE(count <= c->degree / 2 && level < c->data_limbs, MV_E_ARGUMENT);
    MV_ENSURE(bound > 0 && isfinite(bound), MV_E_ARGUMENT);
    MV_ENSURE(are_within(re, im, count, bound), MV_E_RANGE);
    const mv_he_level *l = &c->level[level];
    /* refused before anything depends on the values: the message must not wrap round Q */
    MV_ENSURE(log2(bound * l->scale) < l->modulus_log2 - 1, MV_E_NOISE);
    mv_embed_encode(&c->embed, work->real, re, im, (uint32_t)count, l->scale);
    MV_TRY(mv_rns_from_double(&l->ring, out->limb, work->real));
    (void)mv_ring_forward(&l->ring, (mv_poly_coeff){out->limb});
    out->limbs = level + 1;
    out->bound = bound;
done:
    return st;
}

mv_status mv_ckks_encode(mv_he_work *work, mv_plain *out, const double *re, const double *im,
                         size_t count, double bound)
{
    return work == NULL
               ? MV_E_ARGUMENT
               : mv_ckks_encode_at(work, out, re, im, count, bound, work->context->data_limbs - 1);
}

/* The message's coefficients divided by the scale, in work->real. */
static mv_status open_message(mv_he_work *work, const mv_he_key *key, const mv_cipher *cipher,
                              size_t count)
{
    mv_status st = MV_OK;
    mv_poly_coeff x = {NULL};
    MV_ENSURE(mv_is_ckks(work->context), MV_E_UNSUPPORTED);
    MV_ENSURE(count <= work->context->degree / 2, MV_E_ARGUMENT);
    MV_TRY(mv_he_phase(work, &x, key, cipher));
    mv_rns_to_double(&mv_cipher_level_of(cipher)->crt, work->real, x, mv_cipher_scale(cipher));
done:
    return st;
}

static void zero_on_error(mv_status st, double *re, double *im, size_t count)
{
    if (st != MV_OK && re != NULL) {
        mv_wipe(re, count * sizeof *re);
    }
    if (st != MV_OK && im != NULL) {
        mv_wipe(im, count * sizeof *im);
    }
}

mv_status mv_ckks_decrypt(mv_he_work *work, double *re, double *im, size_t count,
                          const mv_he_key *key, const mv_cipher *cipher)
{
    mv_status st = MV_OK;
    MV_ENSURE(work != NULL && re != NULL && key != NULL && cipher != NULL, MV_E_ARGUMENT);
    MV_TRY(open_message(work, key, cipher, count));
    mv_embed_decode(&work->context->embed, re, im, (uint32_t)count, work->real);
done:
    zero_on_error(st, re, im, count);
    return st;
}

double mv_ckks_error_bound(const mv_cipher *cipher)
{
    if (cipher->polys == 0 || !mv_is_ckks(cipher->context)) {
        return HUGE_VAL;
    }
    return MV_NOISE_SLOT_TAIL * sqrt((double)cipher->context->degree * cipher->noise) /
           mv_cipher_scale(cipher);
}

/* Uniform in [-width, width] with 53 bits, from a secret seed. */
static void add_flood(double *x, size_t count, double width, mv_stream *stream)
{
    for (size_t j = 0; j < count; j++) {
        uint64_t word = 0;
        mv_stream_words(stream, &word, 1);
        x[j] += width * ((double)(int64_t)(word >> 11) * 0x1p-52 - 1);
    }
}

/* Nearest multiple of step; the same answer for all inputs that lie well inside its cell. */
static void round_to(double *x, size_t count, double step)
{
    for (size_t j = 0; j < count; j++) {
        x[j] = rint(x[j] / step) * step;
    }
}

mv_status mv_ckks_decrypt_to_publish(mv_he_work *work, double *re, double *im, size_t count,
                                     const mv_he_key *key, const mv_cipher *cipher,
                                     const mv_ckks_publish *how)
{
    mv_status st = MV_OK;
    uint8_t seed[MV_SEED_LEN] = {0};
    mv_stream stream = {0};
    MV_ENSURE(work != NULL && re != NULL && key != NULL && cipher != NULL && how != NULL,
              MV_E_ARGUMENT);
    MV_ENSURE(how->flood_bits >= 30 && how->flood_bits <= 60 && how->step > 0, MV_E_ARGUMENT);
    MV_TRY(mv_random_bytes(seed, sizeof seed));
    MV_TRY(open_message(work, key, cipher, count));
    mv_embed_decode(&work->context->embed, re, im, (uint32_t)count, work->real);
    const double width = ldexp(mv_ckks_error_bound(cipher), (int)how->flood_bits);
    MV_ENSURE(width <= how->step / 2, MV_E_NOISE); /* the flood must drown in the step */
    mv_stream_init(&stream, seed);
    mv_stream_seek(&stream, MV_STREAM_ERROR, 0, 0);
    add_flood(re, count, width, &stream);
    round_to(re, count, how->step);
    if (im != NULL) {
        add_flood(im, count, width, &stream);
        round_to(im, count, how->step);
    }
done:
    mv_stream_clear(&stream);
    mv_wipe(seed, sizeof seed);
    zero_on_error(st, re, im, count);
    return st;
}
