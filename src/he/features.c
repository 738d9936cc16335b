/* SPDX-License-Identifier: Apache-2.0
 *
 * features.c: features in slots, one a slot, over as many ciphers as they need; and the choice
 * between that and packing.
 *
 * Object of a slot set: the header of pack_internal.h with kind 7, then the ciphers in order, each
 * fresh and as mv_cipher_write makes it. All ciphers of an object have one length, so the size is
 * known before. What noise and bound they claim is not looked at: those of a fresh cipher are
 * known.
 *
 * Features are secret: no branch and no address in this file depends on them.
 */
#include "he/feature_measure.h"

#include "base/secret.h"
#include "he/he_bytes.h"
#include "he/noise.h"
#include "he/pack_internal.h"
#include "medveil/ckks.h"

enum { KIND_SLOTS = 7, HEADER_LEN = MV_PACK_HEADER_LEN, CIPHER_HEADER_LEN = 32 };

static const uint8_t magic[5] = {'M', 'V', 'H', 'E', 0};

/* What follows from a slot set and a shape. */
typedef struct plan {
    const mv_he_context *context;
    mv_pack_shape shape;
    uint32_t per; /* features of one cipher */
    uint64_t ciphers;
    size_t cipher_len, len;
} plan;

static double fresh_noise(const plan *p)
{
    return p->shape.form == MV_HE_SYM ? mv_noise_fresh() : mv_noise_fresh_public(p->context);
}

/* Whether n features of b bits add up without wrapping: below t. CKKS: all that 22 bits can be. */
static bool fits_in_slot(const mv_he_set *set, const mv_pack_shape *shape)
{
    const uint64_t most = ((UINT64_C(1) << shape->bits) - 1) * shape->sums;
    return set->literal.scheme == MV_HE_CKKS || most < set->literal.plain_modulus;
}

/* A cipher of this shape without content: what it would be, for the bounds. */
static mv_cipher hollow(const plan *p)
{
    const mv_cipher c = {.context = p->context,
                         .polys = 2,
                         .limbs = p->context->data_limbs,
                         .power = 1,
                         .noise = fresh_noise(p),
                         .bound = mv_is_ckks(p->context) ? ldexp(1, (int)p->shape.bits) : 0};
    return c;
}

static size_t cipher_len(const mv_he_set *set, mv_he_form form)
{
    size_t rows = 0;
    for (uint32_t i = 0; i < mv_he_data_limbs(set); i++) {
        rows += mv_row_size(set->literal.degree, set->mod[i].bits);
    }
    return CIPHER_HEADER_LEN + (form == MV_HE_SYM ? MV_SEED_LEN + rows : 2 * rows);
}

/* errors: MV_E_ARGUMENT when the set cannot hold the shape; MV_E_MEMORY */
static mv_status plan_make(plan *p, const mv_he_set *set, const mv_pack_shape *shape)
{
    mv_status st = MV_OK;
    MV_ENSURE(shape->bits >= 1 && shape->bits <= MV_SLOT_BITS_MAX && shape->count >= 1 &&
                  shape->sums >= 1 && shape->sums <= MV_PACK_SUMS_MAX &&
                  (shape->form == MV_HE_SYM || shape->form == MV_HE_PK),
              MV_E_ARGUMENT);
    MV_ENSURE(fits_in_slot(set, shape), MV_E_ARGUMENT);
    *p = (plan){.shape = *shape, .per = mv_he_set_slots(set)};
    MV_TRY(mv_he_context_of(&p->context, set));
    p->ciphers = ((uint64_t)shape->count + p->per - 1) / p->per;
    p->cipher_len = cipher_len(set, shape->form);
    MV_ENSURE(p->ciphers <= (SIZE_MAX / 2 - HEADER_LEN) / p->cipher_len, MV_E_ARGUMENT);
    p->len = HEADER_LEN + (size_t)p->ciphers * p->cipher_len;
    const mv_cipher c = hollow(p);
    MV_ENSURE(mv_noise_margin(&c) - log2(shape->sums) >= 0, MV_E_ARGUMENT);
    MV_ENSURE(!mv_is_ckks(p->context) || mv_ckks_error_bound(&c) * shape->sums < 0.5,
              MV_E_ARGUMENT);
done:
    return st;
}

static bool is_pack(const mv_he_set *set)
{
    return set->literal.scheme == MV_HE_PACK;
}

mv_status mv_features_measure(size_t *out, const mv_he_set *set, const mv_pack_shape *shape)
{
    mv_status st = MV_OK;
    plan p = {0};
    *out = 0;
    MV_ENSURE(set != NULL && shape != NULL, MV_E_ARGUMENT);
    if (is_pack(set)) {
        *out = mv_pack_size(set, shape);
        MV_ENSURE(*out != 0, MV_E_ARGUMENT);
        goto done;
    }
    MV_TRY(plan_make(&p, set, shape));
    *out = p.len;
done:
    return st;
}

size_t mv_features_size(const mv_he_set *set, const mv_pack_shape *shape)
{
    size_t size = 0;
    return mv_features_measure(&size, set, shape) == MV_OK ? size : 0;
}

/* ---- numbers of one cipher ---- */

/* Memory of one call. Numbers are secret. */
typedef struct scratch {
    mv_he_work *work;
    mv_plain *plain;
    mv_cipher *cipher;
    void *number; /* int64_t or double [per] */
    size_t number_len;
} scratch;

static void scratch_free(scratch *s)
{
    mv_wipe(s->number, s->number == NULL ? 0 : s->number_len);
    free(s->number);
    mv_plain_free(&s->plain);
    mv_cipher_free(&s->cipher);
    mv_he_work_free(&s->work);
}

static mv_status scratch_new(scratch *s, const plan *p)
{
    mv_status st = MV_OK;
    const mv_he_set *set = p->context->set;
    s->number_len = p->per * sizeof(int64_t);
    s->number = calloc(p->per, sizeof(int64_t));
    MV_ENSURE(s->number != NULL, MV_E_MEMORY);
    MV_TRY(mv_he_work_new(&s->work, set));
    MV_TRY(mv_plain_new(&s->plain, set));
    MV_TRY(mv_cipher_new(&s->cipher, set));
done:
    return st;
}

_Static_assert(sizeof(double) == sizeof(int64_t), "one row of numbers serves both schemes");

static mv_status encode(scratch *s, const plan *p, const uint32_t *feature, size_t count)
{
    if (mv_is_ckks(p->context)) {
        double *x = s->number;
        for (size_t i = 0; i < count; i++) {
            x[i] = feature[i];
        }
        return mv_ckks_encode(s->work, s->plain, x, NULL, count, ldexp(1, (int)p->shape.bits));
    }
    const uint64_t t = p->context->set->literal.plain_modulus;
    int64_t *x = s->number;
    for (size_t i = 0; i < count; i++) { /* nearest 0: what is above t/2 stands for less t */
        const uint64_t above = 0 - ((t / 2 - feature[i]) >> 63);
        x[i] = (int64_t)(feature[i] - (t & above));
    }
    return mv_bfv_encode(s->plain, x, count);
}

static mv_status decode(uint32_t *feature, size_t count, scratch *s, const mv_he_key *key)
{
    mv_status st = MV_OK;
    const mv_he_context *c = s->cipher->context;
    if (mv_is_ckks(c)) {
        double *x = s->number;
        MV_TRY(mv_ckks_decrypt(s->work, x, NULL, count, key, s->cipher));
        for (size_t i = 0; i < count; i++) {
            feature[i] = (uint32_t)(int64_t)rint(x[i]); /* |x| < Q / 2 S < 2^63 */
        }
        goto done;
    }
    const uint64_t t = c->set->literal.plain_modulus;
    int64_t *x = s->number;
    MV_TRY(mv_bfv_decrypt(s->work, x, count, key, s->cipher));
    for (size_t i = 0; i < count; i++) {
        feature[i] = (uint32_t)((uint64_t)x[i] + (t & (0 - ((uint64_t)x[i] >> 63))));
    }
done:
    return st;
}

/* ---- objects ---- */

static void header_write(uint8_t out[HEADER_LEN], const plan *p)
{
    memcpy(out, magic, sizeof magic);
    out[5] = KIND_SLOTS;
    out[6] = p->context->set->literal.id;
    out[7] = (uint8_t)p->shape.bits;
    out[8] = (uint8_t)p->shape.sums;
    out[9] = 1; /* summed */
    out[10] = (uint8_t)p->shape.form;
    out[11] = 0;
    mv_store_u32le(out + 12, p->shape.count);
}

/* Whether one feature is too large is all that this tells; the answer is public. */
static bool are_below(const uint32_t *feature, uint32_t count, uint32_t bits)
{
    uint32_t any = 0;
    for (uint32_t i = 0; i < count; i++) {
        any |= feature[i];
    }
    return any >> bits == 0;
}

static uint32_t features_of(const plan *p, uint64_t cipher)
{
    return cipher + 1 < p->ciphers ? p->per : (uint32_t)(p->shape.count - cipher * p->per);
}

/* With the one of the two keys that is given. */
static mv_status encrypt_slots(uint8_t *out, size_t cap, size_t *written, const mv_he_key *key,
                               const mv_he_public *public_key, const mv_pack_shape *shape,
                               const uint32_t *feature)
{
    mv_status st = MV_OK;
    plan p = {0};
    scratch s = {0};
    size_t part = 0;
    MV_TRY(plan_make(&p, key != NULL ? key->set : public_key->set, shape));
    MV_ENSURE(p.len <= cap, MV_E_SPACE);
    MV_ENSURE(are_below(feature, shape->count, shape->bits), MV_E_RANGE);
    MV_TRY(scratch_new(&s, &p));
    header_write(out, &p);
    for (uint64_t k = 0; k < p.ciphers; k++) {
        MV_TRY(encode(&s, &p, feature + k * p.per, features_of(&p, k)));
        MV_TRY(key != NULL ? mv_he_encrypt(s.work, s.cipher, key, s.plain)
                           : mv_he_encrypt_public(s.work, s.cipher, public_key, s.plain));
        MV_TRY(mv_cipher_write(out + HEADER_LEN + k * p.cipher_len, p.cipher_len, &part, s.cipher));
        MV_ASSERT(part == p.cipher_len);
    }
    *written = p.len;
done:
    scratch_free(&s);
    if (st != MV_OK) {
        memset(out, 0, p.len <= cap ? p.len : 0);
    }
    return st;
}

mv_status mv_features_encrypt(uint8_t *out, size_t cap, size_t *written, const mv_he_key *key,
                              const mv_pack_shape *shape, const uint32_t *feature)
{
    if (out == NULL || written == NULL || key == NULL || shape == NULL || feature == NULL ||
        shape->form != MV_HE_SYM) {
        return MV_E_ARGUMENT;
    }
    *written = 0;
    return is_pack(key->set) ? mv_pack_encrypt(out, cap, written, key, shape, feature)
                             : encrypt_slots(out, cap, written, key, NULL, shape, feature);
}

mv_status mv_features_encrypt_public(uint8_t *out, size_t cap, size_t *written,
                                     const mv_he_public *key, const mv_pack_shape *shape,
                                     const uint32_t *feature)
{
    if (out == NULL || written == NULL || key == NULL || shape == NULL || feature == NULL ||
        shape->form != MV_HE_PK) {
        return MV_E_ARGUMENT;
    }
    *written = 0;
    return is_pack(key->set) ? mv_pack_encrypt_public(out, cap, written, key, shape, feature)
                             : encrypt_slots(out, cap, written, NULL, key, shape, feature);
}

static bool is_slots(const uint8_t *bytes, size_t len)
{
    return len > 5 && bytes[5] == KIND_SLOTS;
}

static mv_status header_read(plan *p, const uint8_t *bytes, size_t len)
{
    mv_status st = MV_OK;
    MV_ENSURE(len >= HEADER_LEN, MV_E_TRUNCATED);
    MV_ENSURE(memcmp(bytes, magic, sizeof magic) == 0 && bytes[5] == KIND_SLOTS, MV_E_FORMAT);
    MV_ENSURE(bytes[9] == 1 && bytes[10] <= MV_HE_PK && bytes[11] == 0, MV_E_FORMAT);
    const mv_he_set *set = mv_he_set_from_id(bytes[6]);
    MV_ENSURE(set != NULL && !is_pack(set), MV_E_FORMAT);
    const mv_pack_shape shape = {.bits = bytes[7],
                                 .sums = bytes[8],
                                 .count = mv_load_u32le(bytes + 12),
                                 .form = (mv_he_form)bytes[10]};
    st = plan_make(p, set, &shape);
    MV_ENSURE(st != MV_E_ARGUMENT, MV_E_RANGE);
    MV_TRY(st);
    MV_ENSURE(len >= p->len, MV_E_TRUNCATED);
    MV_ENSURE(len == p->len, MV_E_FORMAT);
done:
    return st;
}

/* Cipher k, as a fresh one of this shape must be. */
static mv_status read_cipher(mv_cipher *out, const plan *p, const uint8_t *bytes, uint64_t k)
{
    mv_status st = MV_OK;
    MV_TRY(mv_cipher_read(out, bytes + HEADER_LEN + k * p->cipher_len, p->cipher_len));
    MV_ENSURE(out->polys == 2 && out->limbs == p->context->data_limbs && out->power == 1 &&
                  out->seeded == (p->shape.form == MV_HE_SYM),
              MV_E_FORMAT);
    out->noise = fresh_noise(p);
    out->bound = hollow(p).bound;
done:
    return st;
}

static mv_status decrypt_slots(uint32_t *feature, size_t cap, const mv_he_key *key,
                               const uint8_t *bytes, size_t len)
{
    mv_status st = MV_OK;
    plan p = {0};
    scratch s = {0};
    MV_TRY(header_read(&p, bytes, len));
    MV_ENSURE(p.context->set == key->set, MV_E_MISMATCH);
    MV_ENSURE(p.shape.count <= cap, MV_E_SPACE);
    MV_TRY(scratch_new(&s, &p));
    for (uint64_t k = 0; k < p.ciphers; k++) {
        MV_TRY(read_cipher(s.cipher, &p, bytes, k));
        MV_TRY(decode(feature + k * p.per, features_of(&p, k), &s, key));
    }
done:
    scratch_free(&s);
    if (st != MV_OK) {
        mv_wipe(feature, cap * sizeof *feature);
    }
    return st;
}

mv_status mv_features_decrypt(uint32_t *feature, size_t cap, const mv_he_key *key,
                              const uint8_t *bytes, size_t len)
{
    if (feature == NULL || key == NULL || bytes == NULL) {
        return MV_E_ARGUMENT;
    }
    return is_slots(bytes, len) ? decrypt_slots(feature, cap, key, bytes, len)
                                : mv_pack_decrypt(feature, cap, key, bytes, len);
}

static mv_status inspect_slots(mv_features_info *out, const uint8_t *bytes, size_t len)
{
    mv_status st = MV_OK;
    plan p = {0};
    mv_cipher *cipher = NULL;
    MV_TRY(header_read(&p, bytes, len));
    MV_TRY(mv_cipher_new(&cipher, p.context->set));
    for (uint64_t k = 0; k < p.ciphers; k++) {
        MV_TRY(read_cipher(cipher, &p, bytes, k));
    }
    *out =
        (mv_features_info){.set = p.context->set,
                           .shape = p.shape,
                           .summed = 1,
                           .ciphers = p.ciphers,
                           .margin_bits = mv_cipher_margin_bits(cipher),
                           .error_bound = mv_is_ckks(p.context) ? mv_ckks_error_bound(cipher) : 0};
done:
    mv_cipher_free(&cipher);
    return st;
}

static mv_status inspect_pack(mv_features_info *out, const uint8_t *bytes, size_t len)
{
    mv_status st = MV_OK;
    mv_features_info info = {0};
    mv_pack_plan p;
    MV_TRY(mv_pack_inspect(&info.set, &info.shape, &info.summed, bytes, len));
    MV_TRY(mv_pack_plan_make(&p, info.set, &info.shape));
    info.ciphers = p.polys;
    info.margin_bits = mv_pack_margin_bits(&p, info.summed);
    *out = info;
done:
    return st;
}

mv_status mv_features_inspect(mv_features_info *out, const uint8_t *bytes, size_t len)
{
    if (out == NULL || bytes == NULL) {
        return MV_E_ARGUMENT;
    }
    memset(out, 0, sizeof *out);
    return is_slots(bytes, len) ? inspect_slots(out, bytes, len) : inspect_pack(out, bytes, len);
}
