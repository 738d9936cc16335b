/* SPDX-License-Identifier: Apache-2.0
 *
 * test_features.c: sentences about small integers under every set, in both forms.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/rng.h"
#include "he/cipher_internal.h"
#include "medveil/feature.h"

#include <stdlib.h>
#include <string.h>

enum { COUNT = 9000 }; /* two ciphers of every slot set, partly filled */

static const uint8_t collection_key[MV_COLLECTION_KEY_LEN] = {1, 2, 3};
static uint32_t feature[COUNT], got[COUNT];

/* One set in one form. */
typedef struct sealed {
    mv_he_key *key;
    mv_he_public *pub;
    mv_pack_shape shape;
    uint8_t *bytes;
    size_t len;
} sealed;

static mv_status encrypt(sealed *s, uint8_t *out, size_t cap, size_t *written)
{
    return s->shape.form == MV_HE_PK
               ? mv_features_encrypt_public(out, cap, written, s->pub, &s->shape, feature)
               : mv_features_encrypt(out, cap, written, s->key, &s->shape, feature);
}

static sealed seal(const mv_he_set *set, const mv_pack_shape *shape)
{
    sealed s = {.shape = *shape};
    mv_rand rand = mv_rand_make(5);
    size_t written = 0;
    for (uint32_t i = 0; i < shape->count; i++) {
        feature[i] = i == 0   ? 0
                     : i == 1 ? ((uint32_t)1 << shape->bits) - 1
                              : mv_rand_below(&rand, (uint32_t)1 << shape->bits);
    }
    assert_int_equal(mv_he_key_new(&s.key, set, collection_key), MV_OK);
    assert_int_equal(mv_he_public_new(&s.pub, s.key), MV_OK);
    s.len = mv_features_size(set, shape);
    assert_int_not_equal(s.len, 0);
    s.bytes = malloc(s.len);
    assert_int_equal(encrypt(&s, s.bytes, s.len, &written), MV_OK);
    assert_int_equal(written, s.len);
    return s;
}

static void sealed_clear(sealed *s)
{
    mv_he_key_free(&s->key);
    mv_he_public_free(&s->pub);
    free(s->bytes);
}

static void features_come_back_under_every_set_in_both_forms(void **state)
{
    const mv_he_set *set = NULL;
    (void)state;
    for (size_t i = 0; (set = mv_he_set_at(i)) != NULL; i++) {
        for (int form = MV_HE_SYM; form <= MV_HE_PK; form++) {
            const mv_pack_shape shape = {8, 1, COUNT, (mv_he_form)form};
            mv_features_info info;
            sealed s = seal(set, &shape);
            assert_int_equal(mv_features_inspect(&info, s.bytes, s.len), MV_OK);
            assert_ptr_equal(info.set, set);
            assert_memory_equal(&info.shape, &shape, sizeof shape);
            assert_int_equal(info.summed, 1);
            assert_true(info.margin_bits > 0);
            assert_true(mv_he_set_scheme(set) == MV_HE_CKKS
                            ? info.error_bound > 0 && info.error_bound < 1e-5
                            : info.error_bound == 0);
            assert_int_equal(mv_features_decrypt(got, COUNT, s.key, s.bytes, s.len), MV_OK);
            assert_memory_equal(got, feature, sizeof feature);
            sealed_clear(&s);
        }
    }
}

static void the_widest_features_a_set_holds_come_back(void **state)
{
    const mv_he_set *set = NULL;
    (void)state;
    for (size_t i = 0; (set = mv_he_set_at(i)) != NULL; i++) {
        for (int form = MV_HE_SYM; form <= MV_HE_PK; form++) {
            mv_pack_shape shape = {16, 1, 300, (mv_he_form)form};
            while (mv_features_size(set, &shape) == 0) {
                shape.bits--;
            }
            assert_true(shape.bits >= 9);
            sealed s = seal(set, &shape);
            assert_int_equal(mv_features_decrypt(got, COUNT, s.key, s.bytes, s.len), MV_OK);
            assert_memory_equal(got, feature, 300 * sizeof *got);
            sealed_clear(&s);
        }
    }
}

static void sizes_are_those_of_the_page(void **state)
{
    static const struct {
        const char *name;
        size_t sym, pk;
    } want[] = {{"pack4096", 47092, 180816},      {"add4096", 43437, 133812},
                {"pack2048", 47092, 122816},      {"pack1024", 61200, 245456},
                {"score4096", 282256, 563536},    {"score4096w", 359056, 717136},
                {"private8192", 563536, 1126576}, {"real8192", 912016, 1823056},
                {"deep8192", 1669776, 3338576}};
    (void)state;
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        const mv_pack_shape sym = {8, 1, 37632, MV_HE_SYM}, pk = {8, 1, 37632, MV_HE_PK};
        const mv_he_set *set = mv_he_set_find(want[i].name);
        assert_int_equal(mv_features_size(set, &sym), want[i].sym);
        assert_int_equal(mv_features_size(set, &pk), want[i].pk);
    }
}

static void a_shape_that_a_set_cannot_hold_is_refused(void **state)
{
    const mv_he_set *score = mv_he_set_find("score4096"), *small = mv_he_set_find("pack1024");
    const mv_pack_shape wide = {16, 1, 10, MV_HE_SYM}, sums = {15, 2, 10, MV_HE_SYM};
    const mv_pack_shape many = {8, 2, 10, MV_HE_PK}, form = {8, 1, 10, (mv_he_form)2};
    (void)state;
    assert_int_equal(mv_features_size(score, &wide), 0); /* 65,535 is not below t = 40,961 */
    assert_int_equal(mv_features_size(score, &sums), 0);
    assert_int_equal(mv_features_size(small, &many), 0); /* 9 bits; log2 t is 8 */
    assert_int_equal(mv_features_size(score, &form), 0);
    assert_int_equal(mv_features_size(small, &form), 0);
    assert_int_equal(mv_features_size(NULL, &wide), 0);
}

static void the_form_must_be_that_of_the_key(void **state)
{
    const mv_pack_shape shape = {8, 1, 100, MV_HE_SYM};
    mv_pack_shape other = shape;
    uint8_t out[60000];
    size_t written = 0;
    (void)state;
    sealed s = seal(mv_he_set_find("pack4096"), &shape);
    other.form = MV_HE_PK;
    assert_int_equal(mv_features_encrypt(out, sizeof out, &written, s.key, &other, feature),
                     MV_E_ARGUMENT);
    assert_int_equal(mv_features_encrypt_public(out, sizeof out, &written, s.pub, &shape, feature),
                     MV_E_ARGUMENT);
    assert_int_equal(mv_pack_encrypt(out, sizeof out, &written, s.key, &other, feature),
                     MV_E_ARGUMENT);
    assert_int_equal(mv_pack_encrypt_public(out, sizeof out, &written, s.pub, &shape, feature),
                     MV_E_ARGUMENT);
    sealed_clear(&s);
}

static void a_key_of_another_set_opens_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; mv_he_set_at(i) != NULL; i++) {
        const mv_pack_shape shape = {.bits = 4, .sums = 1, .count = 100, .form = MV_HE_SYM};
        const mv_he_set *other =
            mv_he_set_at(i + 1) != NULL ? mv_he_set_at(i + 1) : mv_he_set_at(0);
        sealed s = seal(mv_he_set_at(i), &shape);
        mv_he_key *key = NULL;
        assert_int_equal(mv_he_key_new(&key, other, collection_key), MV_OK);
        memset(got, 1, sizeof got);
        assert_int_equal(mv_features_decrypt(got, shape.count, key, s.bytes, s.len), MV_E_MISMATCH);
        for (uint32_t k = 0; k < shape.count; k++) {
            assert_int_equal(got[k], 0);
        }
        mv_he_key_free(&key);
        sealed_clear(&s);
    }
}

static void outsiders_images_add_up_like_holders_own(void **state)
{
    const mv_pack_shape shape = {8, 4, 500, MV_HE_PK}, symmetric = {8, 4, 500, MV_HE_SYM};
    const mv_he_set *set = mv_he_set_find("add4096");
    size_t cap = mv_pack_sum_size(set, &shape), len = 0;
    uint8_t *sum = malloc(cap), *more = malloc(cap);
    (void)state;
    sealed a = seal(set, &shape), b = seal(set, &shape), c = seal(set, &symmetric);
    assert_int_equal(mv_pack_add(sum, cap, &len, a.bytes, a.len, b.bytes, b.len), MV_OK);
    assert_int_equal(mv_pack_add(more, cap, &len, sum, len, sum, len), MV_OK);
    assert_int_equal(mv_features_decrypt(got, COUNT, a.key, more, len), MV_OK);
    for (int i = 0; i < 500; i++) {
        assert_int_equal(got[i], 4 * feature[i]);
    }
    assert_int_equal(mv_pack_add(sum, cap, &len, more, len, a.bytes, a.len), MV_E_NOISE);
    assert_int_equal(mv_pack_add(sum, cap, &len, a.bytes, a.len, c.bytes, c.len), MV_E_MISMATCH);
    sealed_clear(&a);
    sealed_clear(&b);
    sealed_clear(&c);
    free(sum);
    free(more);
}

/* errors: what inspect says of bytes with one header byte changed; nothing can be decrypted. */
static mv_status changed(sealed *s, size_t at, uint8_t to)
{
    mv_features_info info;
    const uint8_t kept = s->bytes[at];
    s->bytes[at] = to;
    const mv_status st = mv_features_inspect(&info, s->bytes, s->len);
    assert_null(info.set);
    assert_int_not_equal(mv_features_decrypt(got, COUNT, s->key, s->bytes, s->len), MV_OK);
    assert_int_equal(got[5], 0);
    s->bytes[at] = kept;
    return st;
}

static void a_header_that_lies_is_refused(void **state)
{
    const mv_pack_shape shape = {8, 1, 5000, MV_HE_SYM};
    mv_features_info info;
    (void)state;
    sealed s = seal(mv_he_set_find("score4096"), &shape);
    assert_int_equal(changed(&s, 0, 'm'), MV_E_FORMAT);
    assert_int_equal(changed(&s, 4, 1), MV_E_FORMAT);
    assert_int_equal(changed(&s, 5, 3), MV_E_FORMAT); /* one cipher */
    assert_int_equal(changed(&s, 5, 1), MV_E_RANGE);  /* packed, in a slot set */
    assert_int_equal(changed(&s, 6, 1), MV_E_FORMAT); /* slots, in a pack set */
    assert_int_equal(changed(&s, 6, 99), MV_E_FORMAT);
    assert_int_equal(changed(&s, 7, 0), MV_E_RANGE);
    assert_int_equal(changed(&s, 7, 16), MV_E_RANGE);
    assert_int_equal(changed(&s, 8, 0), MV_E_RANGE);
    assert_int_equal(changed(&s, 9, 2), MV_E_FORMAT);
    assert_int_equal(changed(&s, 10, 1), MV_E_TRUNCATED); /* c1 would be there in full */
    assert_int_equal(changed(&s, 10, 2), MV_E_FORMAT);
    assert_int_equal(changed(&s, 11, 1), MV_E_FORMAT);
    assert_int_equal(changed(&s, 13, 0x01), MV_E_FORMAT);  /* one cipher is enough for 392 */
    assert_int_equal(changed(&s, 14, 1), MV_E_TRUNCATED);  /* more ciphers */
    assert_int_equal(changed(&s, 16 + 8, 1), MV_E_FORMAT); /* a cipher of a lower level */
    for (size_t cut = 0; cut < s.len; cut += cut < 60 ? 1 : 3001) {
        assert_int_equal(mv_features_inspect(&info, s.bytes, cut), MV_E_TRUNCATED);
    }
    sealed_clear(&s);
}

/* Whoever made the bytes may claim anything of their noise. */
static void claims_of_noise_are_not_believed(void **state)
{
    const mv_pack_shape shape = {8, 1, 10, MV_HE_SYM};
    mv_features_info honest, info;
    (void)state;
    sealed s = seal(mv_he_set_find("real8192"), &shape);
    assert_int_equal(mv_features_inspect(&honest, s.bytes, s.len), MV_OK);
    mv_store_u32le(s.bytes + 16 + 20, 0); /* V = 1 */
    mv_store_u32le(s.bytes + 16 + 24, 0); /* bound 1 */
    assert_int_equal(mv_features_inspect(&info, s.bytes, s.len), MV_OK);
    assert_true(info.margin_bits == honest.margin_bits && info.error_bound == honest.error_bound);
    sealed_clear(&s);
}

static void a_feature_too_large_or_too_little_room_is_refused(void **state)
{
    const mv_pack_shape shape = {4, 1, 20, MV_HE_SYM};
    uint8_t out[40000] = {1};
    size_t written = 1;
    (void)state;
    sealed s = seal(mv_he_set_find("score4096"), &shape);
    feature[3] = 16;
    assert_int_equal(encrypt(&s, out, sizeof out, &written), MV_E_RANGE);
    assert_int_equal(written, 0);
    feature[3] = 0;
    assert_int_equal(encrypt(&s, out, s.len - 1, &written), MV_E_SPACE);
    assert_int_equal(mv_features_decrypt(got, 19, s.key, s.bytes, s.len), MV_E_SPACE);
    mv_he_key *other = NULL;
    assert_int_equal(mv_he_key_new(&other, mv_he_set_find("pack4096"), collection_key), MV_OK);
    assert_int_equal(mv_features_decrypt(got, 20, other, s.bytes, s.len), MV_E_MISMATCH);
    mv_he_key_free(&other);
    sealed_clear(&s);
}

static void a_public_key_of_a_pack_set_travels(void **state)
{
    static const char *const names[] = {"pack4096", "add4096", "pack1024"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const mv_he_set *set = mv_he_set_find(names[i]);
        const mv_pack_shape shape = {8, 1, 100, MV_HE_PK};
        const size_t size = mv_he_public_size(set);
        uint8_t *bytes = malloc(size);
        size_t len = 0;
        mv_he_public *read = NULL;
        sealed s = seal(set, &shape);
        assert_int_equal(mv_he_public_write(bytes, size, &len, s.pub), MV_OK);
        assert_int_equal(len, size);
        mv_he_public_free(&s.pub);
        assert_int_equal(mv_he_public_read(&s.pub, bytes, len - 1), MV_E_TRUNCATED);
        assert_int_equal(mv_he_public_read(&s.pub, bytes, len), MV_OK);
        assert_ptr_equal(mv_he_public_set(s.pub), set);
        assert_int_equal(encrypt(&s, s.bytes, s.len, &len), MV_OK);
        assert_int_equal(mv_features_decrypt(got, 100, s.key, s.bytes, s.len), MV_OK);
        assert_memory_equal(got, feature, 100 * sizeof *got);
        memset(bytes + 64, 0xff, 8); /* a residue above its prime */
        assert_int_equal(mv_he_public_read(&read, bytes, size), MV_E_RANGE);
        assert_null(read);
        sealed_clear(&s);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(features_come_back_under_every_set_in_both_forms),
        cmocka_unit_test(the_widest_features_a_set_holds_come_back),
        cmocka_unit_test(sizes_are_those_of_the_page),
        cmocka_unit_test(a_shape_that_a_set_cannot_hold_is_refused),
        cmocka_unit_test(the_form_must_be_that_of_the_key),
        cmocka_unit_test(a_key_of_another_set_opens_nothing),
        cmocka_unit_test(outsiders_images_add_up_like_holders_own),
        cmocka_unit_test(a_header_that_lies_is_refused),
        cmocka_unit_test(claims_of_noise_are_not_believed),
        cmocka_unit_test(a_feature_too_large_or_too_little_room_is_refused),
        cmocka_unit_test(a_public_key_of_a_pack_set_travels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
