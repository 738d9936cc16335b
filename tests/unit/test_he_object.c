/* SPDX-License-Identifier: Apache-2.0
 *
 * test_he_object.c: sentences about the bytes of ciphers, replies and keys.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "he/noise.h"
#include "medveil/bfv.h"
#include "medveil/ckks.h"

#include <stdlib.h>

static const uint8_t collection_key[MV_COLLECTION_KEY_LEN] = {9};
static const char *const sets[] = {"score4096", "score4096w", "private8192", "real8192",
                                   "deep8192"};
enum { SETS = 5, CAP = 3 << 20 };

static mv_he_work *work;
static mv_he_key *key;
static mv_plain *plain;
static mv_cipher *a, *b;
static uint8_t *bytes, *more;
static size_t len;

static void open_set(const char *name)
{
    const mv_he_set *set = mv_he_set_find(name);
    const int64_t x[3] = {1, -2, 3};
    const double re[3] = {0.5, -0.25, 1};
    assert_int_equal(mv_he_work_new(&work, set), MV_OK);
    assert_int_equal(mv_he_key_new(&key, set, collection_key), MV_OK);
    assert_int_equal(mv_plain_new(&plain, set), MV_OK);
    assert_int_equal(mv_cipher_new(&a, set), MV_OK);
    assert_int_equal(mv_cipher_new(&b, set), MV_OK);
    bytes = calloc(CAP, 1);
    more = calloc(CAP, 1);
    assert_true(bytes != NULL && more != NULL);
    assert_int_equal(mv_he_set_scheme(set) == MV_HE_BFV
                         ? mv_bfv_encode(plain, x, 3)
                         : mv_ckks_encode(work, plain, re, NULL, 3, 1),
                     MV_OK);
    assert_int_equal(mv_he_encrypt(work, a, key, plain), MV_OK);
}

static void close_set(void)
{
    mv_he_work_free(&work);
    mv_he_key_free(&key);
    mv_plain_free(&plain);
    mv_cipher_free(&a);
    mv_cipher_free(&b);
    free(bytes);
    free(more);
}

/* b decrypts to 1, -2, 3 or 0.5, -0.25, 1 times factor. */
static void assert_message(const mv_cipher *c, double factor)
{
    int64_t x[3];
    double re[3];
    if (mv_he_set_scheme(mv_cipher_set(c)) == MV_HE_BFV) {
        assert_int_equal(mv_bfv_decrypt(work, x, 3, key, c), MV_OK);
        assert_true((double)x[0] == factor && (double)x[1] == -2 * factor &&
                    (double)x[2] == 3 * factor);
    } else {
        assert_int_equal(mv_ckks_decrypt(work, re, NULL, 3, key, c), MV_OK);
        assert_true(fabs(re[0] - factor * 0.5) < 1e-4 && fabs(re[1] + factor * 0.25) < 1e-4);
    }
}

static void write_a(void)
{
    assert_int_equal(mv_cipher_write(bytes, CAP, &len, a), MV_OK);
    assert_int_equal(len, mv_cipher_size(a));
}

static void a_cipher_comes_back_the_same(void **state)
{
    (void)state;
    for (int s = 0; s < SETS; s++) {
        size_t again = 0;
        open_set(sets[s]);
        write_a();
        const size_t seeded = len;
        assert_int_equal(mv_cipher_read(b, bytes, len), MV_OK);
        assert_message(b, 1);
        assert_int_equal(mv_cipher_write(more, CAP, &again, b), MV_OK);
        assert_int_equal(again, len);
        assert_memory_equal(more, bytes, len);
        assert_int_equal(mv_cipher_write(more, len - 1, &again, b), MV_E_SPACE);
        assert_int_equal(again, 0);

        assert_int_equal(mv_he_add(work, a, a, b), MV_OK); /* no seed any more */
        write_a();
        assert_true(len > 2 * seeded - 200 && len < 2 * seeded);
        assert_int_equal(mv_cipher_read(b, bytes, len), MV_OK);
        assert_message(b, 2);
        close_set();
    }
}

static void sizes_are_those_of_the_page(void **state)
{
    (void)state;
    open_set("score4096");
    assert_int_equal(mv_cipher_size(a), 32 + 32 + 4096 * 55 / 8); /* 28,224: up */
    assert_int_equal(mv_cipher_reply(work, bytes, CAP, &len, a), MV_OK);
    assert_true(len <= 32 + 2 * 4096 * 27 / 8); /* at most 27,680: down */
    assert_int_equal(mv_he_public_size(mv_he_set_find("score4096")), 64 + 4096 * 83 / 8);
    assert_int_equal(mv_he_eval_key_size(mv_he_set_find("score4096")), 64 + 2 * 4096 * 83 / 8);
    assert_int_equal(mv_he_public_size(mv_he_set_find("pack4096")), 64 + 4096 * 50 / 8);
    assert_int_equal(mv_he_eval_key_size(mv_he_set_find("pack4096")), 0);
    assert_int_equal(mv_cipher_reply_size(mv_he_set_find("pack4096")), 0);
    close_set();
}

static void replies_are_small_and_right(void **state)
{
    (void)state;
    for (int s = 0; s < SETS; s++) {
        open_set(sets[s]);
        assert_int_equal(mv_cipher_reply(work, bytes, CAP, &len, a), MV_OK);
        assert_true(len <= mv_cipher_reply_size(mv_cipher_set(a)));
        assert_int_equal(mv_cipher_read(b, bytes, len), MV_OK);
        assert_message(b, 1);
        assert_true(mv_cipher_level(b) <= mv_cipher_level(a));
        assert_int_equal(mv_cipher_reply(work, bytes, len - 1, &len, a), MV_E_SPACE);
        close_set();
    }
}

/* Each position of the header to each value: accepted only where it decrypts without harm. */
static void a_header_that_lies_is_refused(void **state)
{
    (void)state;
    for (int s = 0; s < SETS; s++) {
        open_set(sets[s]);
        write_a();
        static const uint8_t fixed[] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11,
                                        12, 13, 14, 15, 16, 17, 18, 19, 28, 29, 30, 31};
        for (size_t i = 0; i < sizeof fixed; i++) {
            const uint8_t was = bytes[fixed[i]];
            for (int v = 0; v < 256; v++) {
                bytes[fixed[i]] = (uint8_t)v;
                const mv_status st = mv_cipher_read(b, bytes, len);
                const bool power =
                    fixed[i] == 9 && v == 2 && mv_he_set_scheme(mv_cipher_set(a)) == MV_HE_CKKS;
                assert_true(v == was ? st == MV_OK : power || st != MV_OK);
                assert_true(st == MV_OK || mv_cipher_polys(b) == 0);
            }
            bytes[fixed[i]] = was;
        }
        close_set();
    }
}

static void lengths_and_residues_are_checked(void **state)
{
    (void)state;
    open_set("score4096");
    write_a();
    for (size_t cut = 0; cut < len; cut += cut < 100 ? 1 : 997) {
        assert_int_equal(mv_cipher_read(b, bytes, cut), MV_E_TRUNCATED);
    }
    assert_int_equal(mv_cipher_read(b, bytes, len + 1), MV_E_FORMAT);
    memset(bytes + 64, 0xff, 4); /* 2^27 - 1 is above the prime */
    assert_int_equal(mv_cipher_read(b, bytes, len), MV_E_RANGE);
    write_a();
    mv_store_u32le(bytes + 20, 256 * 100); /* more noise than any message survives */
    assert_int_equal(mv_cipher_read(b, bytes, len), MV_E_RANGE);
    mv_store_u32le(bytes + 20, 0x80000000);
    assert_int_equal(mv_cipher_read(b, bytes, len), MV_E_RANGE);
    close_set();
}

static void a_cipher_of_another_set_is_a_mismatch(void **state)
{
    mv_cipher *other = NULL;
    (void)state;
    open_set("score4096");
    assert_int_equal(mv_cipher_new(&other, mv_he_set_find("real8192")), MV_OK);
    write_a();
    assert_int_equal(mv_cipher_read(other, bytes, len), MV_E_MISMATCH);
    mv_cipher_free(&other);
    close_set();
}

static void the_receiver_can_insist_on_its_own_bound(void **state)
{
    (void)state;
    open_set("score4096");
    write_a();
    mv_store_u32le(bytes + 20, 0); /* "hardly any noise" */
    assert_int_equal(mv_cipher_read(b, bytes, len), MV_OK);
    assert_true(mv_cipher_margin_bits(b) > mv_cipher_margin_bits(a));
    assert_int_equal(mv_cipher_expect(b, a), MV_OK);
    assert_true(mv_cipher_margin_bits(b) == mv_cipher_margin_bits(a));
    assert_int_equal(mv_he_drop(work, a, a), MV_OK);
    assert_int_equal(mv_cipher_expect(b, a), MV_E_MISMATCH);
    close_set();
}

static void keys_travel_one_by_one(void **state)
{
    (void)state;
    for (int s = 0; s < SETS; s++) {
        open_set(sets[s]);
        const mv_he_set *set = mv_cipher_set(a);
        mv_he_public *pub = NULL, *pub2 = NULL;
        mv_he_eval_key *turn = NULL, *turn2 = NULL;
        mv_he_eval_keys *keys = NULL;
        assert_int_equal(mv_he_public_new(&pub, key), MV_OK);
        assert_int_equal(mv_he_public_write(bytes, CAP, &len, pub), MV_OK);
        assert_int_equal(len, mv_he_public_size(set));
        for (size_t lie = 0; lie < len; lie = lie < 64 ? lie + 1 : lie * 2) {
            assert_int_equal(mv_he_public_read(&pub2, bytes, lie), MV_E_TRUNCATED);
            assert_null(pub2);
        }
        bytes[len] = 0;
        assert_int_equal(mv_he_public_read(&pub2, bytes, len + 1), MV_E_FORMAT);
        assert_null(pub2);
        assert_int_equal(mv_he_public_read(&pub2, bytes, len), MV_OK);
        assert_int_equal(mv_he_encrypt_public(work, a, pub2, plain), MV_OK);
        assert_message(a, 1);
        mv_he_public_free(&pub2);
        assert_int_equal(mv_he_eval_key_read(&turn2, bytes, len), MV_E_FORMAT); /* a public key */
        assert_null(turn2);
        assert_int_equal(mv_he_eval_key_rotate(&turn, key, 1), MV_OK);
        assert_int_equal(mv_he_eval_key_write(bytes, CAP, &len, turn), MV_OK);
        assert_int_equal(len, mv_he_eval_key_size(set));
        assert_int_equal(mv_he_eval_key_read(&turn2, bytes, len), MV_OK);
        assert_int_equal(mv_he_eval_keys_new(&keys, set), MV_OK);
        assert_int_equal(mv_he_eval_keys_add(keys, &turn2), MV_OK);
        assert_int_equal(mv_he_rotate(work, b, a, 1, keys), MV_OK);
        bytes[16] ^= 1; /* an even automorphism */
        assert_int_equal(mv_he_eval_key_read(&turn2, bytes, len), MV_E_RANGE);
        bytes[16] ^= 1;
        assert_int_equal(mv_he_eval_key_read(&turn2, bytes, len - 1), MV_E_TRUNCATED);
        bytes[len] = 0;
        assert_int_equal(mv_he_eval_key_read(&turn2, bytes, len + 1), MV_E_FORMAT);
        memset(bytes + 64, 0xff, 8);
        assert_int_equal(mv_he_eval_key_read(&turn2, bytes, len), MV_E_RANGE);
        assert_int_equal(mv_he_public_read(&pub2, bytes, len), MV_E_FORMAT);
        mv_he_public_free(&pub);
        mv_he_public_free(&pub2);
        mv_he_eval_key_free(&turn);
        mv_he_eval_keys_free(&keys);
        close_set();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cipher_comes_back_the_same),
        cmocka_unit_test(sizes_are_those_of_the_page),
        cmocka_unit_test(replies_are_small_and_right),
        cmocka_unit_test(a_header_that_lies_is_refused),
        cmocka_unit_test(lengths_and_residues_are_checked),
        cmocka_unit_test(a_cipher_of_another_set_is_a_mismatch),
        cmocka_unit_test(the_receiver_can_insist_on_its_own_bound),
        cmocka_unit_test(keys_travel_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
