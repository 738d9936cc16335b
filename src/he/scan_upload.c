/* SPDX-License-Identifier: Apache-2.0
 *
 * scan_upload.c: one vector from a sender: encrypted in the small ring, taken into the large one.
 *
 *     sender   (b, a) = (e - a h, a);  c0 = enc(m) + e0 + b u, only its even coefficients;
 *              c1 = a u + e1;  both in coefficient form
 *     server   c0(X^2), c1(X^2) under h(X^2), switched to the key of search8192; what c0 lacks
 * makes coefficients 2, 6, 10, .. wrong, and the trace takes them away
 *
 * The trace multiplies by 2, which is divided out modulo Q beforehand; so message and noise of the
 * upload come out as they went in.
 */
#include "base/rng.h"
#include "base/secret.h"
#include "he/he_bytes.h"
#include "he/noise.h"
#include "he/scan_internal.h"

enum {
    DEGREE = 4096,     /* of the small ring */
    KEPT = DEGREE / 2, /* coefficients of c0 */
    LEVEL = 1          /* of the trace */
};

const mv_he_set *mv_scan_upload_set(void)
{
    return mv_he_set_find("upload4096");
}

size_t mv_scan_upload_size(void)
{
    const mv_he_set *set = mv_scan_upload_set();
    size_t size = 0;
    for (uint32_t i = 0; i < set->literal.limb_count; i++) {
        size += mv_row_size(KEPT, set->mod[i].bits) + mv_row_size(DEGREE, set->mod[i].bits);
    }
    return size;
}

/* e u + e0 + e1 h, h and u ternary (noise.h), and the rounding of the message. */
double mv_scan_upload_noise(void)
{
    return MV_NOISE_ERROR * (1 + 2 * 0.85 * DEGREE) + 1.0 / 12;
}

/* ---- The sender ---- */

/* A small polynomial of the stream's, transformed. */
static void lift(const mv_ring *ring, uint64_t *out, const int8_t *small)
{
    (void)mv_ring_forward(ring, mv_ring_lift(ring, out, small));
}

/* out = key half p times u + error number p, in coefficient form. e: room of a polynomial. */
static void public_half(const mv_he_public *key, uint64_t *out, uint32_t p, const uint64_t *u,
                        uint64_t *e, int8_t *small, mv_stream *stream)
{
    const mv_ring *ring = key->ring;
    const size_t words = (size_t)ring->limb_count * DEGREE;
    mv_stream_seek(stream, MV_STREAM_ERROR, p, 0);
    mv_sample_binomial(small, DEGREE, stream);
    (void)mv_ring_lift(ring, e, small);
    mv_ring_mul(ring, (mv_poly_eval){out}, (mv_poly_eval){key->limb + p * words},
                (mv_poly_eval){(uint64_t *)(uintptr_t)u});
    (void)mv_ring_inverse(ring, (mv_poly_eval){out});
    mv_ring_add(ring, out, out, e);
}

/* The even coefficients of c0, with the message's, which are each fourth in the large ring; one row
 * after the other at out. */
static void choose(const mv_ring *ring, uint64_t *out, const uint64_t *c0, const uint64_t *message)
{
    for (size_t i = 0; i < ring->limb_count; i++) {
        for (size_t j = 0; j < KEPT; j++) {
            out[i * KEPT + j] = mv_add_mod(c0[i * DEGREE + 2 * j], message[2 * i * DEGREE + 4 * j],
                                           ring->limb[i].mod.q);
        }
    }
}

static uint8_t *write_rows(uint8_t *out, const mv_ring *ring, const uint64_t *row, size_t count)
{
    for (uint32_t i = 0; i < ring->limb_count; i++) {
        mv_row_write(out, row + i * count, count, ring->limb[i].mod.bits);
        out += mv_row_size(count, ring->limb[i].mod.bits);
    }
    return out;
}

mv_status mv_scan_upload_write_seeded(mv_he_work *work, uint8_t *out, const mv_he_public *key,
                                      const mv_plain *one, const uint8_t seed[MV_SCAN_SEED_LEN])
{
    mv_status st = MV_OK;
    mv_stream stream = {0};
    MV_TRY(mv_scan_check_work(work));
    MV_ENSURE(out != NULL && key != NULL && one != NULL && one->limbs != 0, MV_E_ARGUMENT);
    MV_ENSURE(key->set == mv_scan_upload_set() && one->context == work->context, MV_E_MISMATCH);
    const mv_ring *ring = key->ring;
    const size_t words = (size_t)ring->limb_count * DEGREE;
    uint64_t *u = work->temp, *x = u + words, *e = x + words, *message = work->low;
    mv_stream_init(&stream, seed);
    mv_stream_seek(&stream, MV_STREAM_SECRET, 0, 0);
    mv_sample_ternary(work->small, DEGREE, &stream);
    lift(ring, u, work->small);
    mv_bfv_scale_up(message, work->context, one->limbs, one->message);
    public_half(key, x, 0, u, e, work->small, &stream);
    choose(ring, work->digits, x, message);
    out = write_rows(out, ring, work->digits, KEPT);
    public_half(key, x, 1, u, e, work->small, &stream);
    (void)write_rows(out, ring, x, DEGREE);
done:
    mv_stream_clear(&stream);
    return st;
}

mv_status mv_scan_upload_write(mv_he_work *work, uint8_t *out, const mv_he_public *key,
                               const mv_plain *one)
{
    mv_status st = MV_OK;
    uint8_t seed[MV_SCAN_SEED_LEN] = {0};
    MV_TRY(mv_random_bytes(seed, sizeof seed));
    MV_TRY(mv_scan_upload_write_seeded(work, out, key, one, seed));
done:
    mv_wipe(seed, sizeof seed);
    return st;
}

/* ---- The server ---- */

/* count values of a row, divided by 2, as the polynomial with value i at coefficient i stride,
 * transformed. */
static mv_status read_row(uint64_t *row, uint64_t *value, const mv_ntt_tables *t, size_t count,
                          const uint8_t *in)
{
    mv_status st = MV_OK;
    const size_t stride = t->n / count;
    const uint64_t inverse = mv_inv_mod(2, &t->mod);
    MV_TRY(mv_row_read(value, count, t->mod.bits, t->mod.q, in));
    memset(row, 0, t->n * sizeof *row);
    for (size_t i = 0; i < count; i++) {
        row[i * stride] = mv_mul_mod(value[i], inverse, &t->mod);
    }
    t->kernels.forward(row, t);
done:
    return st;
}

/* A polynomial of which count coefficients are there. */
static mv_status read_poly(mv_he_work *work, uint64_t *poly, size_t count, const uint8_t **bytes)
{
    mv_status st = MV_OK;
    const mv_he_context *c = work->context;
    for (uint32_t i = 0; i < c->data_limbs; i++) {
        const mv_ntt_tables *t = &c->ring->limb[i];
        MV_TRY(read_row(poly + (size_t)i * c->degree, work->row, t, count, *bytes));
        *bytes += mv_row_size(count, t->mod.bits);
    }
done:
    return st;
}

/* From h(X^2), in out's two polynomials, to the key of the set. */
static void switch_key(mv_he_work *work, mv_cipher *out, const mv_he_eval_keys *keys)
{
    const mv_he_context *c = work->context;
    const mv_ring *ring = &c->level[c->data_limbs - 1].ring;
    mv_keyswitch_digits(work, mv_cipher_poly(out, 1), c->data_limbs);
    mv_keyswitch_sum(work, mv_key_find(keys, MV_KEY_HALF), c->data_limbs);
    mv_ring_add(ring, mv_cipher_poly(out, 0), mv_cipher_poly(out, 0), work->low);
    memcpy(mv_cipher_poly(out, 1), work->low + (size_t)(c->data_limbs + 1) * c->degree,
           mv_rows_len(c, c->data_limbs));
}

/* Of coefficients 2, 6, 10, .. only what this key switch adds stays. */
static void trace(mv_he_work *work, mv_cipher *out, const mv_he_eval_keys *keys)
{
    const mv_he_context *c = work->context;
    const mv_ring *ring = &c->level[c->data_limbs - 1].ring;
    mv_scan_turn(work, out->limb, mv_scan_level_key(keys, LEVEL));
    for (uint32_t p = 0; p < 2; p++) {
        uint64_t *poly = mv_cipher_poly(out, p);
        mv_ring_add(ring, poly, poly, work->temp + p * mv_scan_poly_words(c));
    }
}

mv_status mv_scan_upload_read(mv_he_work *work, mv_cipher *out, const uint8_t *bytes,
                              const mv_he_eval_keys *keys)
{
    mv_status st = MV_OK;
    MV_TRY(mv_scan_check_work(work));
    MV_ENSURE(out != NULL && bytes != NULL && out->context == work->context, MV_E_ARGUMENT);
    MV_TRY(mv_scan_keys_check(keys));
    const mv_he_context *c = work->context;
    MV_TRY(read_poly(work, mv_cipher_poly(out, 0), KEPT, &bytes));
    MV_TRY(read_poly(work, mv_cipher_poly(out, 1), DEGREE, &bytes));
    switch_key(work, out, keys);
    trace(work, out, keys);
    out->polys = 2;
    out->limbs = c->data_limbs;
    out->power = 1;
    out->bound = 0;
    out->seeded = false;
    /* 4 and 1: of the two key switches in coefficients that stay */
    out->noise = mv_scan_upload_noise() + 5 * mv_noise_keyswitch(c, c->data_limbs);
done:
    return out == NULL ? st : mv_cipher_settle(out, st);
}
