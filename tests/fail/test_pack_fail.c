/* SPDX-License-Identifier: Apache-2.0
 *
 * test_pack_fail.c: no memory and no random bytes, at every place where they are asked for. Linked
 * as failing.h says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "failing.h"
#include "he/pack_internal.h"

#include <stdlib.h>
#include <string.h>

static const uint8_t collection_key[MV_COLLECTION_KEY_LEN] = {3};
static const mv_pack_shape shape = {8, 2, 40, MV_HE_SYM};
static uint32_t feature[40], got[40];
static uint8_t fresh[1024], sum[8192];

/* 0xee everywhere, or zero everywhere. */
static void assert_untouched_or_zero(const void *bytes, size_t len)
{
    const uint8_t *b = bytes;
    assert_true(b[0] == 0xee || b[0] == 0);
    for (size_t i = 1; i < len; i++) {
        assert_int_equal(b[i], b[0]);
    }
}

static mv_status key_once(void)
{
    mv_he_key *key = NULL;
    const mv_status st = mv_he_key_new(&key, mv_he_set_find("pack1024"), collection_key);
    assert_true((key == NULL) == (st != MV_OK));
    mv_he_key_free(&key);
    return st;
}

static void a_key_without_memory_is_no_key(void **state)
{
    (void)state;
    assert_true(fail_each(&memory_left, MV_E_MEMORY, key_once) >=
                2); /* the key and the set's ring */
}

static void no_memory_leaves_no_half_made_output(void **state)
{
    const mv_he_set *set = mv_he_set_find("pack1024");
    mv_he_key *key = NULL;
    size_t fresh_len = 0, sum_len = 0, written = 9;
    (void)state;
    assert_int_equal(mv_he_key_new(&key, set, collection_key), MV_OK);
    memset(fresh, 0xee, sizeof fresh);
    memory_left = 0;
    assert_int_equal(mv_pack_encrypt(fresh, sizeof fresh, &written, key, &shape, feature),
                     MV_E_MEMORY);
    assert_int_equal(memory_left, -1);
    assert_int_equal(written, 0);
    assert_untouched_or_zero(fresh, mv_pack_size(set, &shape));
    assert_int_equal(mv_pack_encrypt(fresh, sizeof fresh, &fresh_len, key, &shape, feature), MV_OK);

    memset(sum, 0xee, sizeof sum);
    memory_left = 0;
    assert_int_equal(mv_pack_add(sum, sizeof sum, &written, fresh, fresh_len, fresh, fresh_len),
                     MV_E_MEMORY);
    assert_untouched_or_zero(sum, mv_pack_sum_size(set, &shape));
    assert_int_equal(mv_pack_add(sum, sizeof sum, &sum_len, fresh, fresh_len, fresh, fresh_len),
                     MV_OK);

    memset(got, 0xee, sizeof got);
    memory_left = 0;
    assert_int_equal(mv_pack_decrypt(got, 40, key, sum, sum_len), MV_E_MEMORY);
    for (int i = 0; i < 40; i++) {
        assert_int_equal(got[i], 0);
    }
    assert_int_equal(mv_pack_decrypt(got, 40, key, sum, sum_len), MV_OK);
    mv_he_key_free(&key);
}

static void no_random_bytes_means_no_ciphertext(void **state)
{
    const mv_he_set *set = mv_he_set_find("pack1024");
    mv_he_key *key = NULL;
    size_t written = 9;
    int calls = 0;
    (void)state;
    assert_int_equal(mv_he_key_new(&key, set, collection_key), MV_OK);
    for (;; calls++) {
        memset(fresh, 0xee, sizeof fresh);
        random_left = calls;
        const mv_status st = mv_pack_encrypt(fresh, sizeof fresh, &written, key, &shape, feature);
        const int all_succeeded = random_left >= 0;
        random_left = -1;
        if (all_succeeded) {
            assert_int_equal(st, MV_OK);
            break;
        }
        assert_int_equal(st, MV_E_RANDOM);
        assert_int_equal(written, 0);
        assert_untouched_or_zero(fresh, sizeof fresh);
    }
    assert_int_equal(calls, 2); /* the public seed and the secret one */
    mv_he_key_free(&key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_without_memory_is_no_key),
        cmocka_unit_test(no_memory_leaves_no_half_made_output),
        cmocka_unit_test(no_random_bytes_means_no_ciphertext),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
