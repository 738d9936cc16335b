/* SPDX-License-Identifier: Apache-2.0
 *
 * he_dump.c: our ciphertexts as text for others to check, and others' text checked by us. A test
 * program: it prints secret keys.
 *
 *     he_dump --scheme bfv|ckks --set SET --op fresh|public|add|mul|rotate|rescale --seed S
 *     he_dump --check FILE        prints agree or WRONG; exit 0 agree, 1 wrong, 2 not a dump
 */
#include "hedump.h"
#include "hedump_pack.h"

#include "base/rng.h"
#include "he/noise.h"
#include "medveil/bfv.h"
#include "medveil/ckks.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN = 64, SLOTS_MAX = 16384 };

typedef struct maker {
    const mv_he_set *set;
    const char *op;
    uint8_t collection_key[MV_COLLECTION_KEY_LEN];
    mv_rand rand;
    mv_he_work *work;
    mv_he_key *key;
    mv_plain *plain;
    mv_cipher *a, *b;
    int64_t x[2][SLOTS_MAX], want[SLOTS_MAX];
    double real[2][SLOTS_MAX], want_real[SLOTS_MAX];
} maker;

static void seed_bytes(uint8_t *out, mv_rand *r)
{
    for (int i = 0; i < MV_SEED_LEN; i++) {
        out[i] = (uint8_t)mv_rand_u64(r);
    }
}

static mv_he_seeds next_seeds(maker *m)
{
    mv_he_seeds s;
    seed_bytes(s.mask, &m->rand);
    seed_bytes(s.error, &m->rand);
    return s;
}

static bool is_ckks(const maker *m)
{
    return mv_he_set_scheme(m->set) == MV_HE_CKKS;
}

static mv_status make_key(maker *m)
{
    mv_status st = MV_OK;
    seed_bytes(m->collection_key, &m->rand);
    MV_TRY(mv_he_work_new(&m->work, m->set));
    MV_TRY(mv_he_key_new(&m->key, m->set, m->collection_key));
    MV_TRY(mv_plain_new(&m->plain, m->set));
    MV_TRY(mv_cipher_new(&m->a, m->set));
    MV_TRY(mv_cipher_new(&m->b, m->set));
done:
    return st;
}

/* Operand k: random, every slot in use. */
static mv_status make_operand(maker *m, mv_cipher *out, int k)
{
    mv_status st = MV_OK;
    const uint32_t slots = mv_he_set_slots(m->set);
    const uint64_t t = mv_he_set_plain_modulus(m->set);
    mv_he_public *pub = NULL;
    for (uint32_t j = 0; j < slots; j++) {
        m->real[k][j] = 2 * mv_rand_unit(&m->rand) - 1;
        m->x[k][j] = is_ckks(m) ? 0 : (int64_t)(mv_rand_u64(&m->rand) % t) - (int64_t)(t / 2);
    }
    const mv_he_seeds seeds = next_seeds(m);
    MV_TRY(is_ckks(m) ? mv_ckks_encode(m->work, m->plain, m->real[k], NULL, slots, 1)
                      : mv_bfv_encode(m->plain, m->x[k], slots));
    if (strcmp(m->op, "public") == 0) {
        const mv_he_seeds key_seeds = next_seeds(m);
        MV_TRY(mv_he_public_seeded(&pub, m->key, &key_seeds));
        MV_TRY(mv_he_encrypt_public_seeded(m->work, out, pub, m->plain, seeds.error));
    } else {
        MV_TRY(mv_he_encrypt_seeded(m->work, out, m->key, m->plain, &seeds));
    }
done:
    mv_he_public_free(&pub);
    return st;
}

/* a b modulo t without more than 64 bits. */
static int64_t product(int64_t a, int64_t b, uint64_t t)
{
    const mv_modulus m = mv_modulus_make(t);
    const uint64_t ua = a < 0 ? t - (uint64_t)-a % t : (uint64_t)a % t;
    const uint64_t ub = b < 0 ? t - (uint64_t)-b % t : (uint64_t)b % t;
    return (int64_t)mv_mul_mod(ua % t, ub % t, &m);
}

static mv_status make_rotation(maker *m)
{
    mv_status st = MV_OK;
    mv_he_eval_key *key = NULL;
    mv_he_eval_keys *keys = NULL;
    const mv_he_seeds seeds = next_seeds(m);
    const uint32_t row = mv_he_set_degree(m->set) / 2, slots = mv_he_set_slots(m->set);
    MV_TRY(mv_he_eval_key_seeded(&key, m->key,
                                 mv_automorphism_rotation(mv_he_set_degree(m->set), 1), &seeds));
    MV_TRY(mv_he_eval_keys_new(&keys, m->set));
    MV_TRY(mv_he_eval_keys_add(keys, &key));
    MV_TRY(mv_he_rotate(m->work, m->a, m->a, 1, keys));
    for (uint32_t j = 0; j < slots; j++) {
        const uint32_t from = j / row * row + (j + 1) % row;
        m->want[j] = m->x[0][from];
        m->want_real[j] = m->real[0][from];
    }
done:
    mv_he_eval_key_free(&key);
    mv_he_eval_keys_free(&keys);
    return st;
}

/* The result in m->a, what it decrypts to in m->want and m->want_real. */
static mv_status make_result(maker *m)
{
    mv_status st = MV_OK;
    const uint32_t slots = mv_he_set_slots(m->set);
    const uint64_t t = mv_he_set_plain_modulus(m->set);
    MV_TRY(make_operand(m, m->a, 0));
    memcpy(m->want, m->x[0], sizeof m->want);
    memcpy(m->want_real, m->real[0], sizeof m->want_real);
    if (strcmp(m->op, "rotate") == 0) {
        return make_rotation(m);
    }
    const bool rescale = strcmp(m->op, "rescale") == 0;
    if (strcmp(m->op, "add") == 0) {
        MV_TRY(make_operand(m, m->b, 1));
        MV_TRY(mv_he_add(m->work, m->a, m->a, m->b));
        for (uint32_t j = 0; j < slots; j++) {
            m->want[j] = m->x[0][j] + m->x[1][j];
            m->want_real[j] = m->real[0][j] + m->real[1][j];
        }
    } else if (strcmp(m->op, "mul") == 0 || (rescale && is_ckks(m))) {
        MV_TRY(make_operand(m, m->b, 1));
        MV_TRY(mv_he_mul(m->work, m->a, m->a, m->b, NULL));
        for (uint32_t j = 0; j < slots; j++) {
            m->want[j] = is_ckks(m) ? 0 : product(m->x[0][j], m->x[1][j], t);
            m->want_real[j] = m->real[0][j] * m->real[1][j];
        }
    }
    if (rescale) {
        MV_TRY(mv_he_drop(m->work, m->a, m->a));
    }
done:
    return st;
}

static void print_head(const maker *m, const mv_cipher *c)
{
    const mv_he_literal *literal = &m->set->literal;
    (void)printf("hedump 1\n# medveil, set %s, operation %s\nscheme %s\nn %" PRIu32
                 "\nprimes %" PRIu32,
                 literal->name, m->op, is_ckks(m) ? "ckks" : "bfv", literal->degree, c->limbs);
    for (uint32_t i = 0; i < c->limbs; i++) {
        (void)printf(" %" PRIu64, literal->prime[i]);
    }
    (void)printf("\nspecial %" PRIu64 "\n", literal->prime[literal->limb_count - 1]);
    if (is_ckks(m)) {
        (void)printf("scale %.17g\n", mv_cipher_scale(c));
    } else {
        (void)printf("t %" PRIu64 "\n", literal->plain_modulus);
    }
    (void)printf("gen 3\n");
}

static mv_status print_body(const maker *m, const mv_cipher *c)
{
    mv_status st = MV_OK;
    const uint32_t n = mv_he_set_degree(m->set);
    int8_t *s = malloc(n);
    MV_ENSURE(s != NULL, MV_E_MEMORY);
    MV_TRY(mv_he_secret_coefficients(s, m->set, m->collection_key));
    (void)printf("sk");
    for (uint32_t j = 0; j < n; j++) {
        (void)printf(" %d", s[j]);
    }
    (void)printf("\nct %" PRIu32 "\n", c->polys);
    for (uint32_t p = 0; p < c->polys; p++) {
        (void)mv_ring_inverse(&mv_cipher_level_of(c)->ring, mv_cipher_eval(c, p));
        for (uint32_t i = 0; i < c->limbs; i++) {
            (void)printf("poly %" PRIu32 " %" PRIu32, p, i);
            for (uint32_t j = 0; j < n; j++) {
                (void)printf(" %" PRIu64, mv_cipher_poly(c, p)[(size_t)i * n + j]);
            }
            (void)printf("\n");
        }
    }
done:
    free(s);
    return st;
}

static void print_expected(const maker *m, const mv_cipher *c)
{
    const uint32_t shown = mv_he_set_slots(m->set) < SHOWN ? mv_he_set_slots(m->set) : SHOWN;
    const int64_t t = (int64_t)mv_he_set_plain_modulus(m->set);
    (void)printf("expect %" PRIu32, shown);
    for (uint32_t j = 0; j < shown; j++) {
        if (is_ckks(m)) {
            (void)printf(" %.17g", m->want_real[j]);
        } else {
            (void)printf(" %" PRId64, (m->want[j] % t + t) % t);
        }
    }
    (void)printf("\ntol %.3g\nend\n", is_ckks(m) ? mv_ckks_error_bound(c) : 0);
}

static int refuse(const char *why, const char *what)
{
    (void)fprintf(stderr, "he_dump: %s: %s\n", what, why);
    return 2;
}

static mv_status write_slots(const mv_he_set *set, const char *op, mv_rand rand)
{
    mv_status st = MV_OK;
    maker *m = calloc(1, sizeof *m);
    MV_ENSURE(m != NULL, MV_E_MEMORY);
    m->set = set;
    m->op = op;
    m->rand = rand;
    MV_TRY(make_key(m));
    MV_TRY(make_result(m));
    print_head(m, m->a);
    MV_TRY(print_body(m, m->a)); /* leaves the cipher in coefficient form */
    print_expected(m, m->a);
done:
    if (m != NULL) {
        mv_he_work_free(&m->work);
        mv_he_key_free(&m->key);
        mv_plain_free(&m->plain);
        mv_cipher_free(&m->a);
        mv_cipher_free(&m->b);
    }
    free(m);
    return st;
}

static bool packs(const char *op)
{
    return strcmp(op, "fresh") == 0 || strcmp(op, "public") == 0 || strcmp(op, "add") == 0;
}

static int write_dump(const char *scheme, const char *name, const char *op, const char *seed)
{
    char *end = NULL;
    const mv_he_set *set = mv_he_set_find(name);
    mv_rand rand = mv_rand_make(strtoull(seed, &end, 0));
    if (set == NULL) {
        return refuse("there is no set of this name; docs/modules/he.md lists them", name);
    }
    if (end == seed || *end != '\0') {
        return refuse("a seed is a whole number", seed);
    }
    const mv_he_scheme is = mv_he_set_scheme(set);
    if ((is == MV_HE_CKKS) != (strcmp(scheme, "ckks") == 0)) {
        return refuse(is == MV_HE_CKKS ? "this set is for --scheme ckks"
                                       : "this set is for --scheme bfv",
                      name);
    }
    if (is == MV_HE_PACK && !packs(op)) {
        return refuse("packed features are encrypted and added only: fresh, public, add", op);
    }
    const mv_status st =
        is == MV_HE_PACK ? hedump_pack_write(set, op, &rand) : write_slots(set, op, rand);
    if (st == MV_E_UNSUPPORTED) {
        return refuse("its t is not below 2^61, the most that a dump holds", name);
    }
    return st == MV_OK ? 0 : refuse(mv_status_sentence(st), name);
}

static int check(const char *path)
{
    hedump d;
    if (hedump_read(&d, path) != 0) {
        return 2;
    }
    const int result = hedump_check(&d, stderr);
    if (result < 2) {
        (void)printf("%s\n", result == 0 ? "agree" : "WRONG");
    }
    hedump_clear(&d);
    return result;
}

static bool is_op(const char *op)
{
    static const char *const ops[] = {"fresh", "public", "add", "mul", "rotate", "rescale"};
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        if (strcmp(op, ops[i]) == 0) {
            return true;
        }
    }
    return false;
}

int main(int argc, char **argv)
{
    const char *value[4] = {NULL, NULL, NULL, "1"};
    static const char *const name[4] = {"--scheme", "--set", "--op", "--seed"};
    if (argc == 3 && strcmp(argv[1], "--check") == 0) {
        return check(argv[2]);
    }
    for (int i = 1; i + 1 < argc; i += 2) {
        for (int k = 0; k < 4; k++) {
            value[k] = strcmp(argv[i], name[k]) == 0 ? argv[i + 1] : value[k];
        }
    }
    if (argc % 2 == 0 || value[0] == NULL || value[1] == NULL || value[2] == NULL ||
        !is_op(value[2]) || (strcmp(value[0], "bfv") != 0 && strcmp(value[0], "ckks") != 0)) {
        (void)fprintf(stderr, "usage: he_dump --scheme bfv|ckks --set SET --op "
                              "fresh|public|add|mul|rotate|rescale --seed S | --check FILE\n");
        return 2;
    }
    return write_dump(value[0], value[1], value[2], value[3]);
}
