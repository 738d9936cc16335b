/* SPDX-License-Identifier: Apache-2.0
 *
 * hedump_pack.c: a full polynomial of packed features as text. t is a power of two, so coefficients
 * are meant; each is the message m of docs/formats/he.md.
 */
#include "hedump_pack.h"

#include "he/cipher_internal.h"
#include "he/he_bytes.h"
#include "he/pack_internal.h"
#include "medveil/feature.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN = 64, BITS = 8, N_MAX = 4096, PER_MAX = 64, T_BITS_MAX = 60 };

typedef struct packer {
    const mv_he_set *set;
    const mv_ring *ring;
    mv_rand *rand;
    uint8_t collection_key[MV_COLLECTION_KEY_LEN];
    mv_pack_shape shape;
    mv_pack_plan plan;
    mv_he_key *key;
    mv_he_public *pub;
    size_t cap, len;
    uint8_t *object, *other, *sum;
    uint32_t feature[N_MAX * PER_MAX];
    uint64_t message[N_MAX]; /* what the result decrypts to */
    uint64_t row[2][MV_PACK_LIMBS_MAX * N_MAX];
} packer;

static void draw(uint8_t *out, size_t len, mv_rand *rand)
{
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)mv_rand_u64(rand);
    }
}

/* One polynomial, every coefficient in use, as far as the set holds it. */
static mv_status plan(packer *p, const char *op)
{
    mv_status st = MV_OK;
    p->shape = (mv_pack_shape){.bits = BITS,
                               .sums = strcmp(op, "add") == 0 ? 2 : 1,
                               .count = 1,
                               .form = strcmp(op, "public") == 0 ? MV_HE_PK : MV_HE_SYM};
    MV_TRY(mv_pack_plan_make(&p->plan, p->set, &p->shape));
    MV_ENSURE(p->plan.log_t <= T_BITS_MAX, MV_E_UNSUPPORTED);
    MV_ENSURE(p->plan.per <= PER_MAX && p->set->literal.degree <= N_MAX, MV_E_LIMIT);
    p->shape.count = p->set->literal.degree * p->plan.per;
    MV_TRY(mv_pack_plan_make(&p->plan, p->set, &p->shape));
    p->cap = mv_pack_size(p->set, &p->shape) + mv_pack_sum_size(p->set, &p->shape);
    p->object = malloc(p->cap);
    p->other = malloc(p->cap);
    p->sum = malloc(p->cap);
    MV_ENSURE(p->object != NULL && p->other != NULL && p->sum != NULL, MV_E_MEMORY);
done:
    return st;
}

/* A new object of random features, which the message gains. */
static mv_status encrypt(packer *p, uint8_t *out)
{
    mv_pack_seeds seeds;
    draw(seeds.mask, sizeof seeds.mask, p->rand);
    draw(seeds.error, sizeof seeds.error, p->rand);
    for (uint32_t i = 0; i < p->shape.count; i++) {
        p->feature[i] = mv_rand_below(p->rand, 1u << BITS);
        p->message[i / p->plan.per] += (uint64_t)p->feature[i] << i % p->plan.per * p->plan.width;
    }
    return p->shape.form == MV_HE_PK
               ? mv_pack_encrypt_public_seeded(out, p->cap, &p->len, p->pub, &p->shape, p->feature,
                                               seeds.error)
               : mv_pack_encrypt_seeded(out, p->cap, &p->len, p->key, &p->shape, p->feature,
                                        &seeds);
}

static mv_status make(packer *p, const char *op)
{
    mv_status st = MV_OK;
    mv_he_seeds seeds;
    draw(p->collection_key, sizeof p->collection_key, p->rand);
    draw(seeds.mask, sizeof seeds.mask, p->rand);
    draw(seeds.error, sizeof seeds.error, p->rand);
    MV_TRY(mv_he_set_ring(&p->ring, p->set));
    MV_TRY(mv_he_key_new(&p->key, p->set, p->collection_key));
    MV_TRY(mv_he_public_seeded(&p->pub, p->key, &seeds));
    MV_TRY(plan(p, op));
    MV_TRY(encrypt(p, p->object));
    if (strcmp(op, "add") == 0) {
        MV_TRY(encrypt(p, p->other));
        MV_TRY(mv_pack_add(p->sum, p->cap, &p->len, p->object, p->len, p->other, p->len));
        memcpy(p->object, p->sum, p->len);
    }
done:
    return st;
}

static mv_status read_rows(packer *p, int k, mv_reader *body)
{
    mv_status st = MV_OK;
    const size_t n = p->set->literal.degree;
    for (uint32_t i = 0; i < p->ring->limb_count; i++) {
        const mv_modulus *m = &p->set->mod[i];
        const uint8_t *view = NULL;
        MV_TRY(mv_read_view(body, &view, mv_row_size(n, m->bits)));
        MV_TRY(mv_row_read(p->row[k] + i * n, n, m->bits, m->q, view));
    }
done:
    return st;
}

/* Both polynomials in coefficient form. */
static mv_status read_object(packer *p)
{
    mv_status st = MV_OK;
    const size_t n = p->set->literal.degree;
    mv_pack_header header;
    mv_reader body;
    MV_TRY(mv_pack_header_read(&p->plan, &header, &body, p->object, p->len));
    const bool seeded = mv_pack_is_seeded(&p->shape, header.kind);
    if (seeded) {
        const uint8_t *seed = NULL;
        MV_TRY(mv_read_view(&body, &seed, MV_SEED_LEN));
        mv_expand_mask(p->row[1], p->ring, seed, 0);
    }
    MV_TRY(read_rows(p, 0, &body));
    if (!seeded) {
        MV_TRY(read_rows(p, 1, &body));
    }
    for (uint32_t i = 0; i < p->ring->limb_count; i++) {
        const mv_ntt_tables *t = &p->ring->limb[i];
        t->kernels.inverse(p->row[1] + i * n, t);
    }
done:
    return st;
}

static mv_status print(const packer *p, const char *op)
{
    mv_status st = MV_OK;
    const uint32_t n = p->set->literal.degree;
    int8_t secret[N_MAX];
    MV_TRY(mv_he_secret_coefficients(secret, p->set, p->collection_key));
    (void)printf("hedump 1\n# medveil, set %s, operation %s, %" PRIu32 " features of %" PRIu32
                 " bits\nscheme bfv\nn %" PRIu32 "\nprimes %" PRIu32,
                 p->set->literal.name, op, p->shape.count, p->shape.bits, n, p->ring->limb_count);
    for (uint32_t i = 0; i < p->ring->limb_count; i++) {
        (void)printf(" %" PRIu64, p->set->mod[i].q);
    }
    (void)printf("\nt %" PRIu64 "\ngen 3\nsk", UINT64_C(1) << p->plan.log_t);
    for (uint32_t j = 0; j < n; j++) {
        (void)printf(" %d", secret[j]);
    }
    (void)printf("\nct 2\n");
    for (uint32_t k = 0; k < 2; k++) {
        for (uint32_t i = 0; i < p->ring->limb_count; i++) {
            (void)printf("poly %" PRIu32 " %" PRIu32, k, i);
            for (uint32_t j = 0; j < n; j++) {
                (void)printf(" %" PRIu64, p->row[k][(size_t)i * n + j]);
            }
            (void)printf("\n");
        }
    }
    (void)printf("expect %d", SHOWN);
    for (uint32_t j = 0; j < SHOWN; j++) {
        (void)printf(" %" PRIu64, p->message[j]);
    }
    (void)printf("\ntol 0\nend\n");
done:
    return st;
}

mv_status hedump_pack_write(const mv_he_set *set, const char *op, mv_rand *rand)
{
    mv_status st = MV_OK;
    packer *p = calloc(1, sizeof *p);
    MV_ENSURE(p != NULL, MV_E_MEMORY);
    p->set = set;
    p->rand = rand;
    MV_TRY(make(p, op));
    MV_TRY(read_object(p));
    MV_TRY(print(p, op));
done:
    if (p != NULL) {
        mv_he_key_free(&p->key);
        mv_he_public_free(&p->pub);
        free(p->object);
        free(p->other);
        free(p->sum);
    }
    free(p);
    return st;
}
