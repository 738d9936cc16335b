/* SPDX-License-Identifier: Apache-2.0
 *
 * test_he.c: sentences about src/he: parameter sets, bytes, and objects from outside.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "he/he_bytes.h"
#include "he/pack_internal.h"

#include <stdlib.h>
#include <string.h>

static const uint8_t collection_key[MV_COLLECTION_KEY_LEN] = {1, 2, 3};

static mv_he_literal literal_of(uint32_t degree, mv_he_profile profile, uint64_t prime)
{
    const mv_he_literal literal = {.name = "test",
                                   .purpose = "a test",
                                   .id = 200,
                                   .profile = profile,
                                   .bound = MV_HE_WORST_CASE,
                                   .degree = degree,
                                   .limb_count = 1,
                                   .prime = {prime}};
    return literal;
}

static void the_named_sets_are_there_and_say_what_they_are_for(void **state)
{
    static const struct {
        const char *name;
        uint32_t degree, bits;
        int classical_only;
    } want[] = {
        {"pack4096", 4096, 50, 0},     {"add4096", 4096, 83, 0},   {"pack2048", 2048, 50, 1},
        {"pack1024", 1024, 26, 1},     {"score4096", 4096, 83, 0}, {"score4096w", 4096, 106, 1},
        {"private8192", 8192, 165, 0}, {"real8192", 8192, 138, 0}, {"deep8192", 8192, 212, 1},
        {"search8192", 8192, 123, 0},  {"upload4096", 4096, 74, 0}};
    (void)state;
    for (size_t i = 0; i < 11; i++) {
        const mv_he_set *set = mv_he_set_find(want[i].name);
        assert_non_null(set);
        assert_ptr_equal(set, mv_he_set_at(i));
        assert_ptr_equal(set, mv_he_set_from_id(set->literal.id));
        assert_string_equal(mv_he_set_name(set), want[i].name);
        assert_int_equal(mv_he_set_degree(set), want[i].degree);
        assert_int_equal(mv_he_set_modulus_bits(set), want[i].bits);
        assert_int_equal(strstr(mv_he_set_purpose(set), "classical only") != NULL,
                         want[i].classical_only);
        assert_int_equal(mv_he_set_check_security(set, NULL), MV_OK);
    }
    for (size_t i = 0; i < 11; i++) {
        const mv_he_set *set = mv_he_set_at(i);
        const mv_status quantum = mv_he_set_require(set, MV_HE_QUANTUM_128, NULL);
        assert_int_equal(mv_he_set_require(set, MV_HE_CLASSICAL_128, NULL), MV_OK);
        assert_true((quantum == MV_OK) == (strstr(mv_he_set_purpose(set), "quantum") != NULL));
    }
    assert_null(mv_he_set_at(11));
    assert_null(mv_he_set_find("pack512"));
    assert_null(mv_he_set_find(NULL));
}

static void a_modulus_above_the_limit_is_refused_with_the_reason(void **state)
{
    mv_he_ring_slot slot = {.lock = PTHREAD_MUTEX_INITIALIZER};
    mv_he_set set;
    mv_error err = {0};
    /* 50 bits at N = 1024, where 26 are allowed; the same prime is fine at N = 4096 */
    mv_he_literal literal = literal_of(1024, MV_HE_CLASSICAL_128, 1125899906826241);
    (void)state;
    assert_int_equal(mv_he_set_build(&set, &literal, &slot, NULL), MV_OK);
    assert_int_equal(mv_he_set_check_security(&set, &err), MV_E_SECURITY);
    assert_non_null(strstr(err.text, "50 bits"));
    assert_non_null(strstr(err.text, "N = 1024"));
    assert_non_null(strstr(err.text, "26"));
    /* 50 bits at N = 2048 pass the classical limit of 53 and fail the quantum one of 41 */
    literal = literal_of(2048, MV_HE_CLASSICAL_128, 1125899906826241);
    assert_int_equal(mv_he_set_build(&set, &literal, &slot, NULL), MV_OK);
    assert_int_equal(mv_he_set_check_security(&set, NULL), MV_OK);
    literal.profile = MV_HE_QUANTUM_128;
    assert_int_equal(mv_he_set_build(&set, &literal, &slot, NULL), MV_OK);
    assert_int_equal(mv_he_set_check_security(&set, NULL), MV_E_SECURITY);
}

static void the_limit_itself_is_allowed_and_one_bit_more_is_not(void **state)
{
    (void)state;
    for (uint32_t n = 1024; n <= 16384; n *= 2) {
        for (int profile = MV_HE_CLASSICAL_128; profile <= MV_HE_QUANTUM_128; profile++) {
            mv_he_set set = {.literal = {.name = "edge", .degree = n, .profile = profile}};
            set.modulus_bits = mv_he_limit_bits(n, profile);
            assert_int_equal(mv_he_set_check_security(&set, NULL), MV_OK);
            set.modulus_bits++;
            assert_int_equal(mv_he_set_check_security(&set, NULL), MV_E_SECURITY);
        }
    }
}

static void slot_sets_need_what_slots_need(void **state)
{
    mv_he_ring_slot slot = {.lock = PTHREAD_MUTEX_INITIALIZER};
    mv_he_set set;
    mv_he_literal good = mv_he_set_find("score4096")->literal, bad = good;
    mv_error err = {0};
    (void)state;
    assert_int_equal(mv_he_set_build(&set, &good, &slot, NULL), MV_OK);
    bad.plain_modulus = 40963; /* not 1 modulo 2N */
    assert_int_equal(mv_he_set_build(&set, &bad, &slot, &err), MV_E_ARGUMENT);
    assert_non_null(strstr(err.text, "40963"));
    bad.plain_modulus = 40960 * 2 + 1; /* 1 modulo 2N but 3 divides it */
    assert_int_equal(mv_he_set_build(&set, &bad, &slot, NULL), MV_E_ARGUMENT);
    bad.plain_modulus = 134176769; /* a prime of the chain */
    assert_int_equal(mv_he_set_build(&set, &bad, &slot, NULL), MV_E_ARGUMENT);
    bad = good;
    bad.limb_count = 1; /* no special prime */
    assert_int_equal(mv_he_set_build(&set, &bad, &slot, NULL), MV_E_ARGUMENT);
    bad = mv_he_set_find("real8192")->literal;
    bad.scale_log2 = 61;
    assert_int_equal(mv_he_set_build(&set, &bad, &slot, NULL), MV_E_ARGUMENT);
}

static void the_limits_are_those_of_the_guidelines(void **state)
{
    static const uint32_t want[5][3] = {
        {1024, 26, 21}, {2048, 53, 41}, {4096, 106, 83}, {8192, 214, 165}, {16384, 430, 330}};
    (void)state;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(mv_he_limit_bits(want[i][0], MV_HE_CLASSICAL_128), want[i][1]);
        assert_int_equal(mv_he_limit_bits(want[i][0], MV_HE_QUANTUM_128), want[i][2]);
    }
    assert_int_equal(mv_he_limit_bits(512, MV_HE_CLASSICAL_128), 0);
}

static void a_malformed_literal_is_refused_with_the_reason(void **state)
{
    mv_he_ring_slot slot = {.lock = PTHREAD_MUTEX_INITIALIZER};
    const struct {
        uint32_t degree, limb_count;
        uint64_t prime[2];
        const char *reason;
    } bad[] = {{4095, 1, {1125899906826241, 0}, "power of two"},
               {2, 1, {17, 0}, "power of two"},
               {4096, 0, {1125899906826241, 0}, "primes"},
               {4096, MV_RING_LIMBS_MAX + 1, {1125899906826241, 0}, "primes"},
               {4096, 1, {1125899906826243, 0}, "not a prime"},
               {4096, 1, {0, 0}, "not a prime"},
               {32768, 1, {1125899906826241, 0}, "not 1 modulo"},
               {4096, 2, {1125899906826241, 1125899906826241}, "twice"}};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        mv_he_literal literal = literal_of(bad[i].degree, MV_HE_CLASSICAL_128, bad[i].prime[0]);
        mv_he_set set;
        mv_error err = {0};
        literal.limb_count = bad[i].limb_count;
        literal.prime[1] = bad[i].prime[1];
        assert_int_equal(mv_he_set_build(&set, &literal, &slot, &err), MV_E_ARGUMENT);
        assert_non_null(strstr(err.text, bad[i].reason));
    }
}

static void rows_of_every_length_come_back(void **state)
{
    mv_rand rand = mv_rand_make(4);
    uint64_t value[70], back[70];
    uint8_t bytes[70 * 8 + 1];
    (void)state;
    for (unsigned bits = 2; bits <= 61; bits++) {
        const uint64_t q = ((uint64_t)1 << bits) - 1;
        for (size_t count = 1; count <= 70; count++) {
            const size_t len = mv_row_size(count, bits);
            for (size_t i = 0; i < count; i++) {
                value[i] = i == 0 ? q - 1 : mv_rand_u64(&rand) % q;
            }
            memset(bytes, 0xee, sizeof bytes);
            mv_row_write(bytes, value, count, bits);
            assert_int_equal(bytes[len], 0xee);
            assert_int_equal(mv_row_read(back, count, bits, q, bytes), MV_OK);
            assert_memory_equal(back, value, count * sizeof value[0]);
            for (size_t i = 0; i < count * bits; i++) { /* the definition, bit by bit */
                assert_int_equal(bytes[i / 8] >> (i % 8) & 1, value[i / bits] >> (i % bits) & 1);
            }
        }
    }
}

static void a_row_with_a_value_not_below_q_or_with_filling_is_refused(void **state)
{
    uint64_t value[5] = {96, 96, 96, 96, 96}, back[5];
    uint8_t bytes[8];
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        value[i] = 97;
        mv_row_write(bytes, value, 5, 7); /* 35 bits: five filling bits */
        assert_int_equal(mv_row_read(back, 5, 7, 97, bytes), MV_E_RANGE);
        assert_int_equal(mv_row_check(bytes, 5, 7, 97), MV_E_RANGE);
        value[i] = 96;
    }
    mv_row_write(bytes, value, 5, 7);
    assert_int_equal(mv_row_read(back, 5, 7, 97, bytes), MV_OK);
    bytes[4] |= 0x08;
    assert_int_equal(mv_row_read(back, 5, 7, 97, bytes), MV_E_RANGE);
    bytes[4] = (uint8_t)((bytes[4] & 7) | 0x80);
    assert_int_equal(mv_row_check(bytes, 5, 7, 97), MV_E_RANGE);
}

/* The sizes that were planned for 37,632 features of 8 bits, without header and seed. */
static void sizes_are_the_planned_ones(void **state)
{
    const mv_pack_shape one = {8, 1, 37632, MV_HE_SYM}, two = {8, 2, 37632, MV_HE_SYM},
                        four = {8, 4, 37632, MV_HE_SYM};
    const size_t around = MV_PACK_HEADER_LEN + MV_SEED_LEN;
    (void)state;
    assert_int_equal(mv_pack_size(mv_he_set_find("pack4096"), &one), 47044 + around);
    assert_int_equal(mv_pack_size(mv_he_set_find("pack2048"), &one), 47044 + around);
    assert_int_equal(mv_pack_size(mv_he_set_find("add4096"), &two), 48804 + around);
    assert_int_equal(mv_pack_size(mv_he_set_find("add4096"), &four), 55776 + around);
    assert_true(mv_pack_size(mv_he_set_find("pack4096"), &one) <= 47100);
    assert_int_equal(mv_pack_sum_size(mv_he_set_find("add4096"), &two),
                     48804 + MV_PACK_HEADER_LEN + 2 * 4096 * 83 / 8);
}

static void a_shape_that_does_not_fit_has_no_size(void **state)
{
    static const mv_pack_shape bad[] = {{0, 1, 10, MV_HE_SYM}, {25, 1, 10, MV_HE_SYM},
                                        {8, 0, 10, MV_HE_SYM}, {8, 65, 10, MV_HE_SYM},
                                        {8, 1, 0, MV_HE_SYM},  {UINT32_MAX, 1, 10, MV_HE_SYM}};
    const mv_pack_shape wide = {16, 64, 10, MV_HE_SYM}; /* 22-bit fields: more than pack1024's 14 */
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(mv_pack_size(mv_he_set_find("pack4096"), &bad[i]), 0);
        assert_int_equal(mv_pack_sum_size(mv_he_set_find("pack4096"), &bad[i]), 0);
    }
    assert_int_equal(mv_pack_size(mv_he_set_find("pack1024"), &wide), 0);
    assert_int_not_equal(mv_pack_size(mv_he_set_find("pack4096"), &wide), 0);
    assert_int_equal(mv_pack_size(NULL, &wide), 0);
}

/* The widest field, of 30 bits, and the one that fills add4096's 76 bits with four. */
static void the_widest_features_add_up(void **state)
{
    static const mv_pack_shape shapes[] = {{24, 64, 10, MV_HE_SYM}, {18, 2, 10, MV_HE_SYM}};
    const mv_he_set *set = mv_he_set_find("add4096");
    mv_he_key *key = NULL;
    (void)state;
    assert_int_equal(mv_he_key_new(&key, set, collection_key), MV_OK);
    for (size_t s = 0; s < 2; s++) {
        const uint32_t most = (1U << shapes[s].bits) - 1;
        const size_t fresh_len = mv_pack_size(set, &shapes[s]);
        const size_t sum_len = mv_pack_sum_size(set, &shapes[s]);
        uint8_t *fresh = malloc(fresh_len), *sum = malloc(sum_len);
        uint32_t feature[10], got[10];
        size_t written = 0;
        for (uint32_t i = 0; i < 10; i++) {
            feature[i] = i % 2 == 0 ? most - i : i;
        }
        assert_int_equal(mv_pack_encrypt(fresh, fresh_len, &written, key, &shapes[s], feature),
                         MV_OK);
        assert_int_equal(mv_pack_add(sum, sum_len, &written, fresh, fresh_len, fresh, fresh_len),
                         MV_OK);
        assert_int_equal(mv_pack_decrypt(got, 10, key, sum, sum_len), MV_OK);
        for (uint32_t i = 0; i < 10; i++) {
            assert_int_equal(got[i], 2 * feature[i]);
        }
        free(fresh);
        free(sum);
    }
    mv_he_key_free(&key);
}

typedef struct fixture {
    mv_he_key *key, *other;
    mv_pack_shape shape;
    uint32_t feature[30];
    uint8_t *fresh, *sum;
    size_t fresh_len, sum_len;
} fixture;

static int make_fixture(void **state)
{
    static fixture f;
    const mv_he_set *set = mv_he_set_find("pack1024");
    const uint8_t other_key[MV_COLLECTION_KEY_LEN] = {9};
    memset(&f, 0, sizeof f);
    f.shape = (mv_pack_shape){5, 3, 30, MV_HE_SYM};
    for (uint32_t i = 0; i < 30; i++) {
        f.feature[i] = 31 - i;
    }
    f.fresh_len = mv_pack_size(set, &f.shape);
    f.sum_len = mv_pack_sum_size(set, &f.shape);
    f.fresh = malloc(f.fresh_len);
    f.sum = malloc(f.sum_len);
    size_t written = 0;
    assert_int_equal(mv_he_key_new(&f.key, set, collection_key), MV_OK);
    assert_int_equal(mv_he_key_new(&f.other, set, other_key), MV_OK);
    assert_int_equal(mv_pack_encrypt(f.fresh, f.fresh_len, &written, f.key, &f.shape, f.feature),
                     MV_OK);
    assert_int_equal(written, f.fresh_len);
    assert_int_equal(
        mv_pack_add(f.sum, f.sum_len, &written, f.fresh, f.fresh_len, f.fresh, f.fresh_len), MV_OK);
    assert_int_equal(written, f.sum_len);
    *state = &f;
    return 0;
}

static int free_fixture(void **state)
{
    fixture *f = *state;
    mv_he_key_free(&f->key);
    mv_he_key_free(&f->other);
    free(f->fresh);
    free(f->sum);
    return 0;
}

static void what_is_encrypted_comes_back_and_so_does_its_double(void **state)
{
    fixture *f = *state;
    uint32_t got[40];
    const mv_he_set *set = NULL;
    mv_pack_shape shape;
    uint32_t summed = 0;
    assert_int_equal(mv_pack_decrypt(got, 40, f->key, f->fresh, f->fresh_len), MV_OK);
    assert_memory_equal(got, f->feature, sizeof f->feature);
    assert_int_equal(mv_pack_decrypt(got, 30, f->key, f->sum, f->sum_len), MV_OK);
    for (int i = 0; i < 30; i++) {
        assert_int_equal(got[i], 2 * f->feature[i]);
    }
    assert_int_equal(mv_pack_inspect(&set, &shape, &summed, f->sum, f->sum_len), MV_OK);
    assert_ptr_equal(set, mv_he_set_find("pack1024"));
    assert_int_equal(shape.bits, 5);
    assert_int_equal(shape.sums, 3);
    assert_int_equal(shape.count, 30);
    assert_int_equal(summed, 2);
}

static void another_collection_key_gives_something_else(void **state)
{
    fixture *f = *state;
    uint32_t got[30];
    assert_int_equal(mv_pack_decrypt(got, 30, f->other, f->fresh, f->fresh_len), MV_OK);
    assert_memory_not_equal(got, f->feature, sizeof f->feature);
}

static void one_collection_key_gives_unrelated_secrets_in_two_sets(void **state)
{
    int8_t a[4096], b[4096];
    int equal = 0;
    (void)state;
    assert_int_equal(mv_he_secret_coefficients(a, mv_he_set_find("pack4096"), collection_key),
                     MV_OK);
    assert_int_equal(mv_he_secret_coefficients(b, mv_he_set_find("add4096"), collection_key),
                     MV_OK);
    for (int j = 0; j < 4096; j++) {
        equal += a[j] == b[j];
    }
    assert_in_range(equal, 1365 - 151, 1365 + 151); /* a third, five standard deviations */
}

static void two_encryptions_of_the_same_features_share_nothing(void **state)
{
    fixture *f = *state;
    uint8_t again[512];
    size_t written = 0, equal = 0;
    assert_true(f->fresh_len <= sizeof again);
    assert_int_equal(mv_pack_encrypt(again, sizeof again, &written, f->key, &f->shape, f->feature),
                     MV_OK);
    for (size_t i = MV_PACK_HEADER_LEN; i < written; i++) {
        equal += again[i] == f->fresh[i];
    }
    assert_true(equal < 12); /* one byte in 256 by chance, of about 100 */
}

static void a_feature_that_is_too_large_is_refused(void **state)
{
    fixture *f = *state;
    uint8_t out[512];
    size_t written = 7;
    uint32_t feature[30] = {0};
    memset(out, 0xee, sizeof out);
    feature[29] = 32;
    assert_int_equal(mv_pack_encrypt(out, sizeof out, &written, f->key, &f->shape, feature),
                     MV_E_RANGE);
    assert_int_equal(written, 0);
    for (size_t i = 0; i < sizeof out; i++) {
        assert_true(out[i] == 0 || out[i] == 0xee);
    }
}

static void too_little_room_is_refused_and_nothing_is_written_past_it(void **state)
{
    fixture *f = *state;
    uint8_t out[2000];
    size_t written = 7;
    uint32_t got[30];
    memset(out, 0xee, sizeof out);
    assert_int_equal(
        mv_pack_encrypt(out, f->fresh_len - 1, &written, f->key, &f->shape, f->feature),
        MV_E_SPACE);
    assert_int_equal(written, 0);
    assert_int_equal(out[0], 0xee);
    assert_int_equal(
        mv_pack_add(out, f->sum_len - 1, &written, f->fresh, f->fresh_len, f->fresh, f->fresh_len),
        MV_E_SPACE);
    assert_int_equal(out[0], 0xee);
    memset(got, 0xee, sizeof got);
    assert_int_equal(mv_pack_decrypt(got, 29, f->key, f->fresh, f->fresh_len), MV_E_SPACE);
    for (int i = 0; i < 29; i++) {
        assert_int_equal(got[i], 0);
    }
    assert_int_equal(got[29], 0xeeeeeeee);
}

static void a_sum_beyond_what_the_noise_allows_is_refused(void **state)
{
    fixture *f = *state;
    uint8_t *out = malloc(f->sum_len);
    uint32_t got[30];
    size_t written = 0;
    assert_int_equal(
        mv_pack_add(out, f->sum_len, &written, f->sum, f->sum_len, f->fresh, f->fresh_len), MV_OK);
    assert_int_equal(mv_pack_decrypt(got, 30, f->key, out, written), MV_OK);
    assert_int_equal(got[0], 3 * f->feature[0]);
    assert_int_equal(mv_pack_add(out, f->sum_len, &written, f->sum, f->sum_len, f->sum, f->sum_len),
                     MV_E_NOISE);
    assert_int_equal(written, 0);
    free(out);
}

static void objects_that_do_not_belong_together_are_refused(void **state)
{
    fixture *f = *state;
    const mv_pack_shape other_shape = {5, 3, 29, MV_HE_SYM};
    uint8_t other[512], *out = malloc(f->sum_len);
    size_t other_len = 0, written = 0;
    uint32_t got[30];
    mv_he_key *key4096 = NULL;
    assert_int_equal(
        mv_pack_encrypt(other, sizeof other, &other_len, f->key, &other_shape, f->feature), MV_OK);
    assert_int_equal(
        mv_pack_add(out, f->sum_len, &written, f->fresh, f->fresh_len, other, other_len),
        MV_E_MISMATCH);
    assert_int_equal(mv_he_key_new(&key4096, mv_he_set_find("pack4096"), collection_key), MV_OK);
    assert_int_equal(mv_pack_decrypt(got, 30, key4096, f->fresh, f->fresh_len), MV_E_MISMATCH);
    mv_he_key_free(&key4096);
    free(out);
}

/* Every call on these bytes; they must answer alike, and a refused decryption leaves zeros. */
static mv_status all_calls(fixture *f, const uint8_t *bytes, size_t len)
{
    const mv_he_set *set = NULL;
    mv_pack_shape shape;
    uint32_t summed = 0, got[30];
    size_t written = 0;
    uint8_t *out = malloc(f->sum_len);
    const mv_status st = mv_pack_inspect(&set, &shape, &summed, bytes, len);
    memset(got, 0xee, sizeof got);
    const mv_status opened = mv_pack_decrypt(got, 30, f->key, bytes, len);
    if (st != MV_OK) {
        assert_int_not_equal(opened, MV_OK);
    }
    for (int i = 0; opened != MV_OK && i < 30; i++) {
        assert_int_equal(got[i], 0);
    }
    const mv_status added =
        mv_pack_add(out, f->sum_len, &written, bytes, len, f->fresh, f->fresh_len);
    if (st != MV_OK) {
        assert_int_equal(added, st);
    }
    free(out);
    return st;
}

static void every_truncated_object_is_refused(void **state)
{
    fixture *f = *state;
    const struct {
        const uint8_t *bytes;
        size_t len;
    } object[2] = {{f->fresh, f->fresh_len}, {f->sum, f->sum_len}};
    for (int o = 0; o < 2; o++) {
        for (size_t len = 0; len < object[o].len; len++) {
            uint8_t *exact = malloc(len == 0 ? 1 : len); /* so that reading past it is seen */
            memcpy(exact, object[o].bytes, len);
            assert_int_equal(all_calls(f, exact, len), MV_E_TRUNCATED);
            free(exact);
        }
    }
}

static void trailing_bytes_are_refused(void **state)
{
    fixture *f = *state;
    uint8_t *longer = calloc(1, f->fresh_len + 1);
    memcpy(longer, f->fresh, f->fresh_len);
    assert_int_equal(all_calls(f, longer, f->fresh_len + 1), MV_E_FORMAT);
    free(longer);
}

/* A flipped bit in the header is refused, or makes another valid object; a flipped bit elsewhere
 * is refused or decrypts to something: never a crash (the sanitizers watch). */
static void every_flipped_bit_is_survived(void **state)
{
    fixture *f = *state;
    const struct {
        const uint8_t *bytes;
        size_t len, step;
    } object[2] = {{f->fresh, f->fresh_len, 1}, {f->sum, f->sum_len, 61}};
    for (int o = 0; o < 2; o++) {
        uint8_t *copy = malloc(object[o].len);
        memcpy(copy, object[o].bytes, object[o].len);
        for (size_t i = 0; i < object[o].len * 8; i += i < 128 ? 1 : object[o].step) {
            copy[i / 8] ^= (uint8_t)(1u << (i % 8));
            const mv_status st = all_calls(f, copy, object[o].len);
            if (i < 8 * 7 || (i >= 80 && i < 96)) { /* magic to set, reserved */
                assert_int_not_equal(st, MV_OK);
            }
            copy[i / 8] ^= (uint8_t)(1u << (i % 8));
        }
        assert_int_equal(all_calls(f, copy, object[o].len), MV_OK);
        free(copy);
    }
}

static void a_residue_not_below_q_is_refused_everywhere(void **state)
{
    fixture *f = *state;
    uint8_t *copy = malloc(f->sum_len);
    /* c0 has 30 features in 6 or more coefficients of 26 bits; c1 fills the rest of the sum */
    memcpy(copy, f->fresh, f->fresh_len);
    memset(copy + MV_PACK_HEADER_LEN + MV_SEED_LEN, 0xff, 4);
    assert_int_equal(all_calls(f, copy, f->fresh_len), MV_E_RANGE);
    memcpy(copy, f->sum, f->sum_len);
    memset(copy + f->sum_len - 4, 0xff, 4);
    assert_int_equal(all_calls(f, copy, f->sum_len), MV_E_RANGE);
    free(copy);
}

static void wrong_calls_are_answered_not_followed(void **state)
{
    fixture *f = *state;
    mv_he_key *key = NULL;
    uint8_t out[512];
    uint32_t got[30];
    size_t written = 0;
    assert_int_equal(mv_he_key_new(NULL, mv_he_set_at(0), collection_key), MV_E_ARGUMENT);
    assert_int_equal(mv_he_key_new(&key, NULL, collection_key), MV_E_ARGUMENT);
    assert_int_equal(mv_he_key_new(&key, mv_he_set_at(0), NULL), MV_E_ARGUMENT);
    assert_null(key);
    mv_he_key_free(&key);
    mv_he_key_free(NULL);
    const mv_pack_shape bad = {0, 1, 1, MV_HE_SYM};
    assert_int_equal(mv_pack_encrypt(out, sizeof out, &written, f->key, &bad, f->feature),
                     MV_E_ARGUMENT);
    assert_int_equal(mv_pack_encrypt(out, sizeof out, &written, NULL, &f->shape, f->feature),
                     MV_E_ARGUMENT);
    assert_int_equal(mv_pack_decrypt(got, 30, NULL, f->fresh, f->fresh_len), MV_E_ARGUMENT);
    assert_int_equal(mv_pack_decrypt(got, 30, f->key, NULL, 0), MV_E_ARGUMENT);
    assert_int_equal(mv_pack_add(out, sizeof out, &written, NULL, 0, f->fresh, f->fresh_len),
                     MV_E_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_named_sets_are_there_and_say_what_they_are_for),
        cmocka_unit_test(the_limit_itself_is_allowed_and_one_bit_more_is_not),
        cmocka_unit_test(a_modulus_above_the_limit_is_refused_with_the_reason),
        cmocka_unit_test(slot_sets_need_what_slots_need),
        cmocka_unit_test(the_limits_are_those_of_the_guidelines),
        cmocka_unit_test(a_malformed_literal_is_refused_with_the_reason),
        cmocka_unit_test(rows_of_every_length_come_back),
        cmocka_unit_test(a_row_with_a_value_not_below_q_or_with_filling_is_refused),
        cmocka_unit_test(sizes_are_the_planned_ones),
        cmocka_unit_test(a_shape_that_does_not_fit_has_no_size),
        cmocka_unit_test(the_widest_features_add_up),
        cmocka_unit_test(what_is_encrypted_comes_back_and_so_does_its_double),
        cmocka_unit_test(another_collection_key_gives_something_else),
        cmocka_unit_test(one_collection_key_gives_unrelated_secrets_in_two_sets),
        cmocka_unit_test(two_encryptions_of_the_same_features_share_nothing),
        cmocka_unit_test(a_feature_that_is_too_large_is_refused),
        cmocka_unit_test(too_little_room_is_refused_and_nothing_is_written_past_it),
        cmocka_unit_test(a_sum_beyond_what_the_noise_allows_is_refused),
        cmocka_unit_test(objects_that_do_not_belong_together_are_refused),
        cmocka_unit_test(every_truncated_object_is_refused),
        cmocka_unit_test(trailing_bytes_are_refused),
        cmocka_unit_test(every_flipped_bit_is_survived),
        cmocka_unit_test(a_residue_not_below_q_is_refused_everywhere),
        cmocka_unit_test(wrong_calls_are_answered_not_followed),
    };
    return cmocka_run_group_tests(tests, make_fixture, free_fixture);
}
