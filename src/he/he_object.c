/* SPDX-License-Identifier: Apache-2.0
 *
 * he_object.c: ciphers, replies, public keys and evaluation keys as bytes: docs/formats/he.md.
 *
 * Header (32 bytes), the seed where one is used, rows of residues at their exact length. Rows are
 * written and read one prime after the other.
 */
#include "base/bytes.h"
#include "he/he_bytes.h"
#include "he/noise.h"
#include "he/scan.h"

enum { HEADER_LEN = 32, VERSION = 0, STEPS = 256 /* of a bit, in noise and bound */ };
enum { KIND_CIPHER = 3, KIND_REPLY = 4, KIND_PUBLIC = 5, KIND_EVAL_KEY = 6 };

static const uint8_t magic[4] = {'M', 'V', 'H', 'E'};

typedef struct header {
    uint8_t kind, set, polys, limbs, power, seeded, cut[2];
    uint32_t galois;
    int32_t noise, bound; /* log2 of V and of the bound, in 1/256, rounded up */
} header;

static void header_write(uint8_t *out, const header *h)
{
    memset(out, 0, HEADER_LEN);
    memcpy(out, magic, sizeof magic);
    out[4] = VERSION;
    out[5] = h->kind;
    out[6] = h->set;
    out[7] = h->polys;
    out[8] = h->limbs;
    out[9] = h->power;
    out[10] = h->seeded;
    out[11] = h->cut[0];
    out[12] = h->cut[1];
    mv_store_u32le(out + 16, h->galois);
    mv_store_u32le(out + 20, (uint32_t)h->noise);
    mv_store_u32le(out + 24, (uint32_t)h->bound);
}

static bool all_zero(const uint8_t *p, size_t len)
{
    uint8_t any = 0;
    for (size_t i = 0; i < len; i++) {
        any |= p[i];
    }
    return any == 0;
}

/* errors: MV_E_FORMAT, MV_E_TRUNCATED. Packed features have another header: of their sets only the
 * public key is one of the objects here. */
static mv_status header_read(header *h, const mv_he_set **set, mv_reader *r)
{
    mv_status st = MV_OK;
    const uint8_t *b = NULL;
    MV_TRY(mv_read_view(r, &b, HEADER_LEN));
    MV_ENSURE(memcmp(b, magic, sizeof magic) == 0 && b[4] == VERSION, MV_E_FORMAT);
    MV_ENSURE(b[5] >= KIND_CIPHER && b[5] <= KIND_EVAL_KEY, MV_E_FORMAT);
    MV_ENSURE(all_zero(b + 13, 3) && all_zero(b + 28, 4), MV_E_FORMAT);
    *h = (header){.kind = b[5],
                  .set = b[6],
                  .polys = b[7],
                  .limbs = b[8],
                  .power = b[9],
                  .seeded = b[10],
                  .cut = {b[11], b[12]},
                  .galois = mv_load_u32le(b + 16),
                  .noise = (int32_t)mv_load_u32le(b + 20),
                  .bound = (int32_t)mv_load_u32le(b + 24)};
    *set = mv_he_set_from_id(h->set);
    MV_ENSURE(*set != NULL, MV_E_FORMAT);
    MV_ENSURE((*set)->literal.scheme != MV_HE_PACK || h->kind == KIND_PUBLIC, MV_E_FORMAT);
done:
    return st;
}

/* ---- Rows ---- */

/* Of the first count primes. */
static size_t rows_size(const mv_he_set *set, uint32_t count, unsigned cut)
{
    size_t size = 0;
    for (uint32_t i = 0; i < count; i++) {
        size += mv_row_size(set->literal.degree, set->mod[i].bits - cut);
    }
    return size;
}

static uint8_t *write_rows(uint8_t *out, const mv_he_set *set, const uint64_t *rows, uint32_t count)
{
    const size_t n = set->literal.degree;
    for (uint32_t i = 0; i < count; i++) {
        mv_row_write(out, rows + i * n, n, set->mod[i].bits);
        out += mv_row_size(n, set->mod[i].bits);
    }
    return out;
}

static mv_status read_rows(uint64_t *rows, const mv_he_set *set, uint32_t count, mv_reader *r)
{
    mv_status st = MV_OK;
    const size_t n = set->literal.degree;
    for (uint32_t i = 0; i < count; i++) {
        const mv_modulus *m = &set->mod[i];
        const uint8_t *view = NULL;
        MV_TRY(mv_read_view(r, &view, mv_row_size(n, m->bits)));
        MV_TRY(mv_row_read(rows + i * n, n, m->bits, m->q, view));
    }
done:
    return st;
}

/* ---- Ciphers ---- */

static int32_t steps_of(double x) /* log2, rounded up; x > 0 */
{
    return (int32_t)ceil(log2(x) * STEPS);
}

static header cipher_header(const mv_cipher *c, uint8_t kind)
{
    return (header){.kind = kind,
                    .set = c->context->set->literal.id,
                    .polys = (uint8_t)c->polys,
                    .limbs = (uint8_t)c->limbs,
                    .power = (uint8_t)c->power,
                    .seeded = c->seeded,
                    .noise = steps_of(c->noise),
                    .bound = mv_is_ckks(c->context) ? steps_of(c->bound) : 0};
}

size_t mv_cipher_size(const mv_cipher *cipher)
{
    if (cipher == NULL || cipher->polys == 0) {
        return 0;
    }
    const size_t rows = rows_size(cipher->context->set, cipher->limbs, 0);
    return HEADER_LEN + (cipher->seeded ? rows + MV_SEED_LEN : cipher->polys * rows);
}

mv_status mv_cipher_write(uint8_t *out, size_t cap, size_t *written, const mv_cipher *cipher)
{
    mv_status st = MV_OK;
    MV_ENSURE(out != NULL && written != NULL && cipher != NULL && cipher->polys != 0,
              MV_E_ARGUMENT);
    *written = 0;
    const size_t size = mv_cipher_size(cipher);
    MV_ENSURE(size <= cap, MV_E_SPACE);
    const header h = cipher_header(cipher, KIND_CIPHER);
    header_write(out, &h);
    uint8_t *next = out + HEADER_LEN;
    if (cipher->seeded) {
        memcpy(next, cipher->seed, MV_SEED_LEN);
        next += MV_SEED_LEN;
    }
    for (uint32_t p = 0; p < (cipher->seeded ? 1 : cipher->polys); p++) {
        next = write_rows(next, cipher->context->set, mv_cipher_poly(cipher, p), cipher->limbs);
    }
    *written = size;
done:
    return st;
}

/* Every field that a cipher or reply may have, and the length of what follows. */
static mv_status check_cipher_header(const header *h, const mv_he_context *c, size_t left)
{
    mv_status st = MV_OK;
    const bool ckks = mv_is_ckks(c), reply = h->kind == KIND_REPLY;
    MV_ENSURE(h->galois == 0 && h->seeded <= 1 && (ckks || h->bound == 0), MV_E_FORMAT);
    MV_ENSURE(h->polys == 2 || (h->polys == 3 && h->seeded == 0 && !reply), MV_E_RANGE);
    MV_ENSURE(h->limbs >= 1 && h->limbs <= c->data_limbs, MV_E_RANGE);
    MV_ENSURE(h->power == 1 || (h->power == 2 && ckks), MV_E_RANGE);
    MV_ENSURE(h->noise >= -64 * STEPS && h->noise <= 1000 * STEPS, MV_E_RANGE);
    MV_ENSURE(h->bound >= -200 * STEPS && h->bound <= 200 * STEPS, MV_E_RANGE);
    MV_ENSURE(reply ? h->seeded == 0 : h->cut[0] == 0 && h->cut[1] == 0, MV_E_RANGE);
    size_t want = 0;
    for (uint32_t p = 0; p < (h->seeded ? 1u : h->polys); p++) {
        const unsigned cut = p < 2 ? h->cut[p] : 0;
        for (uint32_t i = 0; i < h->limbs; i++) {
            MV_ENSURE(cut < c->set->mod[i].bits && (cut == 0 || h->limbs == 1), MV_E_RANGE);
        }
        want += rows_size(c->set, h->limbs, cut);
    }
    want += h->seeded ? MV_SEED_LEN : 0;
    MV_ENSURE(left >= want, MV_E_TRUNCATED);
    MV_ENSURE(left == want, MV_E_FORMAT);
done:
    return st;
}

/* The variance that cutting low bits of c0 and c1 adds; values are put back in the middle. */
static double noise_of_cut(const mv_he_context *c, unsigned cut0, unsigned cut1)
{
    const double a = cut0 == 0 ? 0 : ldexp(1, 2 * (int)cut0);
    const double b = cut1 == 0 ? 0 : ldexp(1, 2 * (int)cut1);
    return (a + 0.85 * c->degree * b) / 12;
}

/* A row in coefficient form without its low bits; public. */
static mv_status read_cut_row(uint64_t *row, const mv_ntt_tables *t, unsigned cut, mv_reader *r)
{
    mv_status st = MV_OK;
    const uint8_t *view = NULL;
    const unsigned bits = t->mod.bits - cut;
    MV_TRY(mv_read_view(r, &view, mv_row_size(t->n, bits)));
    MV_TRY(mv_row_read(row, t->n, bits, ((t->mod.q - 1) >> cut) + 1, view));
    for (uint32_t j = 0; j < t->n; j++) {
        row[j] =
            mv_reduce_once((row[j] << cut) + (cut == 0 ? 0 : UINT64_C(1) << (cut - 1)), t->mod.q);
    }
    t->kernels.forward(row, t);
done:
    return st;
}

static mv_status read_body(mv_cipher *out, const header *h, mv_reader *r)
{
    mv_status st = MV_OK;
    const mv_he_context *c = out->context;
    const mv_ring *ring = &c->level[h->limbs - 1].ring;
    if (h->seeded) {
        MV_TRY(mv_read_copy(r, out->seed, MV_SEED_LEN));
        mv_expand_mask(mv_cipher_poly(out, 1), ring, out->seed, 0);
    }
    for (uint32_t p = 0; p < (h->seeded ? 1u : h->polys); p++) {
        if (h->kind == KIND_REPLY) {
            for (uint32_t i = 0; i < h->limbs; i++) {
                MV_TRY(read_cut_row(mv_cipher_poly(out, p) + (size_t)i * c->degree, &ring->limb[i],
                                    h->cut[p], r));
            }
        } else {
            MV_TRY(read_rows(mv_cipher_poly(out, p), c->set, h->limbs, r));
        }
    }
done:
    return st;
}

mv_status mv_cipher_read(mv_cipher *out, const uint8_t *bytes, size_t len)
{
    mv_status st = MV_OK;
    header h;
    const mv_he_set *set = NULL;
    if (out == NULL) {
        return MV_E_ARGUMENT;
    }
    out->polys = 0;
    MV_ENSURE(bytes != NULL, MV_E_ARGUMENT);
    mv_reader r = mv_reader_make(bytes, len);
    MV_TRY(header_read(&h, &set, &r));
    MV_ENSURE(h.kind == KIND_CIPHER || h.kind == KIND_REPLY, MV_E_FORMAT);
    MV_ENSURE(set == out->context->set, MV_E_MISMATCH);
    MV_TRY(check_cipher_header(&h, out->context, mv_reader_left(&r)));
    MV_TRY(read_body(out, &h, &r));
    out->polys = h.polys;
    out->limbs = h.limbs;
    out->power = h.power;
    out->seeded = h.seeded != 0;
    out->noise = exp2((double)h.noise / STEPS);
    out->bound = mv_is_ckks(out->context) ? exp2((double)h.bound / STEPS) : 0;
    MV_ENSURE(mv_noise_margin(out) >= 0, MV_E_RANGE);
done:
    if (st != MV_OK) {
        out->polys = 0;
    }
    return st;
}

mv_status mv_cipher_expect(mv_cipher *cipher, const mv_cipher *model)
{
    mv_status st = MV_OK;
    MV_ENSURE(cipher != NULL && model != NULL, MV_E_ARGUMENT);
    MV_TRY(mv_cipher_check(cipher->context, model));
    MV_ENSURE(cipher->polys == model->polys && cipher->limbs == model->limbs &&
                  cipher->power == model->power,
              MV_E_MISMATCH);
    cipher->noise = model->noise;
    cipher->bound = model->bound;
done:
    return st;
}

/* ---- Replies ---- */

size_t mv_cipher_reply_size(const mv_he_set *set)
{
    size_t size = HEADER_LEN;
    if (set == NULL || set->literal.scheme == MV_HE_PACK) {
        return 0;
    }
    for (uint32_t i = 0; i < mv_he_data_limbs(set); i++) {
        size += 2 * mv_row_size(set->literal.degree, set->mod[i].bits);
    }
    return size;
}

/* c at the lowest level that leaves it readable; CKKS: that costs less than four bits. */
static mv_status lower_for_reply(mv_he_work *work, mv_cipher *c, mv_cipher *trial)
{
    mv_status st = MV_OK;
    const double keep = mv_is_ckks(work->context) ? mv_noise_margin(c) - 4 : 0;
    while (c->limbs > 1) {
        const mv_status lower = mv_he_drop(work, trial, c);
        if (lower != MV_OK || mv_noise_margin(trial) < keep) {
            break;
        }
        MV_TRY(mv_cipher_copy(c, trial));
    }
done:
    return st;
}

/* How many low bits c0 and c1 can lose. BFV: nine tenths of the noise that is still free; CKKS: as
 * much as the noise that is there already. */
static void choose_cut(uint8_t cut[2], const mv_cipher *c)
{
    double room = c->noise;
    cut[0] = cut[1] = 0;
    if (c->limbs != 1) {
        return;
    }
    if (!mv_is_ckks(c->context)) {
        room = c->noise * (exp2(2 * mv_noise_margin(c)) - 1) * 0.9;
    }
    while (noise_of_cut(c->context, 0, cut[1] + 1u) <= room / 2) {
        cut[1]++;
    }
    while (noise_of_cut(c->context, cut[0] + 1u, 0) <= room / 2) {
        cut[0]++;
    }
}

static uint8_t *write_cut_row(uint8_t *out, uint64_t *row, const mv_ntt_tables *t, unsigned cut)
{
    t->kernels.inverse(row, t);
    for (uint32_t j = 0; j < t->n; j++) {
        row[j] >>= cut;
    }
    mv_row_write(out, row, t->n, t->mod.bits - cut);
    return out + mv_row_size(t->n, t->mod.bits - cut);
}

mv_status mv_cipher_reply(mv_he_work *work, uint8_t *out, size_t cap, size_t *written,
                          const mv_cipher *cipher)
{
    mv_status st = MV_OK;
    MV_ENSURE(work != NULL && out != NULL && written != NULL, MV_E_ARGUMENT);
    *written = 0;
    MV_TRY(mv_cipher_check(work->context, cipher));
    MV_ENSURE(cipher->polys == 2, MV_E_ARGUMENT);
    mv_cipher *c = work->spare[1];
    MV_TRY(mv_cipher_copy(c, cipher));
    MV_TRY(lower_for_reply(work, c, work->spare[2]));
    c->seeded = false;
    header h = cipher_header(c, KIND_REPLY);
    choose_cut(h.cut, c);
    h.noise = steps_of(c->noise + noise_of_cut(c->context, h.cut[0], h.cut[1]));
    const size_t size = HEADER_LEN + rows_size(c->context->set, c->limbs, h.cut[0]) +
                        rows_size(c->context->set, c->limbs, h.cut[1]);
    MV_ENSURE(size <= cap, MV_E_SPACE);
    header_write(out, &h);
    uint8_t *next = out + HEADER_LEN;
    for (uint32_t p = 0; p < 2; p++) {
        for (uint32_t i = 0; i < c->limbs; i++) {
            next = write_cut_row(next, mv_cipher_poly(c, p) + (size_t)i * c->context->degree,
                                 &mv_cipher_level_of(c)->ring.limb[i], h.cut[p]);
        }
    }
    *written = size;
done:
    return st;
}

/* ---- Keys: b, a from the seed ---- */

static size_t key_size(const mv_he_set *set, uint32_t samples)
{
    return HEADER_LEN + MV_SEED_LEN + samples * rows_size(set, set->literal.limb_count, 0);
}

size_t mv_he_public_size(const mv_he_set *set)
{
    return set == NULL ? 0 : key_size(set, 1);
}

size_t mv_he_eval_key_size(const mv_he_set *set)
{
    return set == NULL || set->literal.scheme == MV_HE_PACK ? 0
                                                            : key_size(set, mv_he_data_limbs(set));
}

static mv_status key_write(uint8_t *out, size_t cap, size_t *written, const mv_he_set *set,
                           const header *h, const uint8_t *seed, const uint64_t *limb,
                           uint32_t samples)
{
    const size_t size = key_size(set, samples), all = set->literal.limb_count;
    if (size > cap) {
        return MV_E_SPACE;
    }
    header_write(out, h);
    memcpy(out + HEADER_LEN, seed, MV_SEED_LEN);
    uint8_t *next = out + HEADER_LEN + MV_SEED_LEN;
    for (uint32_t i = 0; i < samples; i++) {
        next = write_rows(next, set, limb + 2 * i * all * set->literal.degree, (uint32_t)all);
    }
    *written = size;
    return MV_OK;
}

static mv_status key_header_check(const header *h, const mv_he_set *set, size_t left,
                                  uint32_t samples)
{
    mv_status st = MV_OK;
    const size_t want = key_size(set, samples) - HEADER_LEN;
    MV_ENSURE(h->polys == 0 && h->limbs == 0 && h->power == 0 && h->seeded == 1, MV_E_FORMAT);
    MV_ENSURE(h->cut[0] == 0 && h->cut[1] == 0 && h->noise == 0 && h->bound == 0, MV_E_FORMAT);
    MV_ENSURE(left >= want, MV_E_TRUNCATED);
    MV_ENSURE(left == want, MV_E_FORMAT);
done:
    return st;
}

static mv_status key_read(uint64_t *limb, uint8_t *seed, const mv_he_set *set, const mv_ring *ring,
                          mv_reader *r, uint32_t samples)
{
    mv_status st = MV_OK;
    const size_t rows = (size_t)ring->limb_count * ring->degree;
    MV_TRY(mv_read_copy(r, seed, MV_SEED_LEN));
    for (uint32_t i = 0; i < samples; i++) {
        MV_TRY(read_rows(limb + 2 * i * rows, set, ring->limb_count, r));
        mv_expand_mask(limb + (2 * i + 1) * rows, ring, seed, i);
    }
done:
    return st;
}

mv_status mv_he_public_write(uint8_t *out, size_t cap, size_t *written, const mv_he_public *key)
{
    if (out == NULL || written == NULL || key == NULL) {
        return MV_E_ARGUMENT;
    }
    *written = 0;
    const header h = {.kind = KIND_PUBLIC, .set = key->set->literal.id, .seeded = 1};
    return key_write(out, cap, written, key->set, &h, key->seed, key->limb, 1);
}

mv_status mv_he_public_read(mv_he_public **out, const uint8_t *bytes, size_t len)
{
    mv_status st = MV_OK;
    header h;
    const mv_he_set *set = NULL;
    mv_he_public *key = NULL;
    if (out == NULL) {
        return MV_E_ARGUMENT;
    }
    *out = NULL;
    MV_ENSURE(bytes != NULL, MV_E_ARGUMENT);
    mv_reader r = mv_reader_make(bytes, len);
    MV_TRY(header_read(&h, &set, &r));
    MV_ENSURE(h.kind == KIND_PUBLIC && h.galois == 0, MV_E_FORMAT);
    MV_TRY(key_header_check(&h, set, mv_reader_left(&r), 1));
    MV_TRY(mv_he_public_alloc(&key, set));
    MV_TRY(key_read(key->limb, key->seed, set, key->ring, &r, 1));
    *out = key;
    key = NULL;
done:
    mv_he_public_free(&key);
    return st;
}

mv_status mv_he_eval_key_write(uint8_t *out, size_t cap, size_t *written, const mv_he_eval_key *key)
{
    if (out == NULL || written == NULL || key == NULL) {
        return MV_E_ARGUMENT;
    }
    *written = 0;
    const header h = {.kind = KIND_EVAL_KEY,
                      .set = key->context->set->literal.id,
                      .seeded = 1,
                      .galois = key->galois};
    return key_write(out, cap, written, key->context->set, &h, key->seed, key->limb,
                     key->context->data_limbs);
}

mv_status mv_he_eval_key_read(mv_he_eval_key **out, const uint8_t *bytes, size_t len)
{
    mv_status st = MV_OK;
    header h;
    const mv_he_set *set = NULL;
    const mv_he_context *c = NULL;
    mv_he_eval_key *key = NULL;
    if (out == NULL) {
        return MV_E_ARGUMENT;
    }
    *out = NULL;
    MV_ENSURE(bytes != NULL, MV_E_ARGUMENT);
    mv_reader r = mv_reader_make(bytes, len);
    MV_TRY(header_read(&h, &set, &r));
    MV_ENSURE(h.kind == KIND_EVAL_KEY, MV_E_FORMAT);
    MV_TRY(mv_he_context_of(&c, set));
    const bool half = h.galois == MV_KEY_HALF && set == mv_scan_set();
    MV_ENSURE((h.galois % 2 == 1 && h.galois < 2 * c->degree) || half, MV_E_RANGE);
    MV_TRY(key_header_check(&h, set, mv_reader_left(&r), c->data_limbs));
    MV_TRY(mv_he_eval_key_alloc(&key, c, h.galois));
    MV_TRY(key_read(key->limb, key->seed, set, c->ring, &r, c->data_limbs));
    *out = key;
    key = NULL;
done:
    mv_he_eval_key_free(&key);
    return st;
}
