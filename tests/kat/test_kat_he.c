/* SPDX-License-Identifier: Apache-2.0
 *
 * test_kat_he.c: known answers of the ring and of BFV; origins in tests/kat/README.md.
 * argument: the folder of the vector files
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "he/cipher_internal.h"
#include "he/he_bytes.h"
#include "he/pack_coeff.h"
#include "he/scan.h"
#include "hedump.h"
#include "medveil/ckks.h"
#include "medveil/feature.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *folder;

typedef struct ring_block {
    mv_ring ring;
    uint64_t *memory;
} ring_block;

static uint64_t *aligned_words(size_t words)
{
    uint64_t *p = aligned_alloc(64, (words * 8 + 63) / 64 * 64);
    assert_non_null(p);
    return p;
}

static ring_block make_ring(uint32_t n, uint64_t q, uint32_t cpu)
{
    ring_block b = {.memory = aligned_words(mv_ring_words(n, 1))};
    assert_int_equal(mv_ring_init(&b.ring, b.memory, n, &q, 1, cpu), MV_OK);
    return b;
}

static uint64_t hash_words(const uint64_t *word, size_t count)
{
    uint64_t h = UINT64_C(1469598103934665603);
    for (size_t i = 0; i < count; i++) {
        h = (h ^ word[i]) * UINT64_C(1099511628211);
    }
    return h;
}

static const struct {
    uint32_t n;
    uint64_t q, psi, first[4], last, hash;
} transforms[] = {
    {1024,
     67104769,
     195478,
     {61985852, 61233857, 34563246, 6610836},
     28951551,
     UINT64_C(0x786f46eb3098d0aa)},
    {2048,
     1125899906826241,
     1080667890455,
     {996864500573042, 927036562720823, 173675152120683, 1084405370027811},
     259265109001397,
     UINT64_C(0x68b7ca80e9ac8be3)},
    {4096,
     68719230977,
     29008497,
     {27358229392, 35714837251, 47961830433, 11073555944},
     54501963045,
     UINT64_C(0x3e2f1f2352b9e615)},
    {8192,
     562949952847873,
     101562892757,
     {234478693586716, 221316527214019, 542558143888573, 290163724287061},
     136879346616175,
     UINT64_C(0x19517b56778b9564)},
    {16384,
     1125899904679937,
     184459094098,
     {1029090815347761, 550701269026407, 421045608941621, 1054354844564498},
     458613473133543,
     UINT64_C(0xc762d16d9e04eed6)},
};

/* a[i] = i^2 + 3i + 1 mod q */
static void check_transform(int which, uint32_t cpu)
{
    const uint32_t n = transforms[which].n;
    const uint64_t q = transforms[which].q;
    ring_block b = make_ring(n, q, cpu);
    uint64_t *a = aligned_words(n);
    for (uint64_t i = 0; i < n; i++) {
        a[i] = (i * i + 3 * i + 1) % q;
    }
    const mv_poly_eval eval = mv_ring_forward(&b.ring, (mv_poly_coeff){a});
    assert_true(b.ring.limb[0].psi == transforms[which].psi);
    assert_memory_equal(a, transforms[which].first, sizeof transforms[which].first);
    assert_true(a[n - 1] == transforms[which].last);
    assert_true(hash_words(a, n) == transforms[which].hash);
    (void)mv_ring_inverse(&b.ring, eval);
    for (uint64_t i = 0; i < n; i++) {
        assert_true(a[i] == (i * i + 3 * i + 1) % q);
    }
    free(a);
    free(b.memory);
}

static void transforms_are_those_of_seal(void **state)
{
    (void)state;
    for (int i = 0; i < (int)(sizeof transforms / sizeof transforms[0]); i++) {
        check_transform(i, 0);
        check_transform(i, mv_cpu_features());
    }
}

static void check_dump(const char *name)
{
    char path[1024];
    hedump d;
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(hedump_read(&d, path), 0);
    assert_int_equal(d.expect_count, 16);
    assert_int_equal(hedump_check(&d, stderr), 0);
    if (d.is_ckks) { /* and the check is one: another value is noticed */
        d.expect[7] += 2 * d.tol;
    } else {
        d.expect_number[7]++;
    }
    assert_int_equal(hedump_check(&d, stdout), 1);
    hedump_clear(&d);
}

static void ciphertexts_of_another_library_decrypt(void **state)
{
    (void)state;
    check_dump("bfv_n1024_q26_sym.txt"); /* t is not 1 modulo 2N: coefficients */
    check_dump("bfv_n2048_q50_sym.txt");
    check_dump("bfv_n4096_q27_28_28_pk.txt");
    check_dump("ckks_n2048_q50_sym.txt");
    check_dump("ckks_n4096_q36_36_37_pk.txt");
    check_dump("ckks_n4096_q40_29_40_mul.txt"); /* three polynomials */
}

/* The vectors printed in docs/formats/he.md, made by tools/reference/he.py --vectors. */

static void numbered_bytes(uint8_t *out, size_t len, uint8_t first)
{
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)(first + i);
    }
}

static mv_pack_seeds printed_seeds(void)
{
    mv_pack_seeds seeds;
    numbered_bytes(seeds.mask, sizeof seeds.mask, 32);
    numbered_bytes(seeds.error, sizeof seeds.error, 64);
    return seeds;
}

static void streams_and_samples_are_the_printed_ones(void **state)
{
    static const uint64_t words[3] = {0x1d03b319275fa586, 0xee46e24e3b157ec7, 0xfc37b0e12df6c7df};
    static const uint64_t first[3] = {1041345546265990, 811775580012231, 1038906115409887};
    static const uint64_t other[3] = {1059268359439112, 340203090497667, 1071420279705487};
    static const int8_t error[16] = {0, 1, 0, 1, 3, 3, -3, -2, 3, 5, 6, -2, -2, 2, 1, 0};
    static const int8_t secret[16] = {-1, -1, -1, -1, 0, 0, 1, 0, -1, -1, -1, 0, 0, 0, 1, 0};
    const mv_he_set *set = mv_he_set_find("pack4096");
    const mv_pack_seeds seeds = printed_seeds();
    uint8_t key[MV_COLLECTION_KEY_LEN];
    mv_stream stream;
    uint64_t got[3];
    int8_t e[16], s[4096];
    (void)state;
    mv_stream_init(&stream, seeds.mask);
    mv_stream_seek(&stream, MV_STREAM_MASK, 0, 0);
    mv_stream_words(&stream, got, 3);
    assert_memory_equal(got, words, sizeof got);
    mv_stream_seek(&stream, MV_STREAM_MASK, 0, 0);
    mv_sample_uniform(got, 3, &set->mod[0], &stream);
    assert_memory_equal(got, first, sizeof got);
    mv_stream_seek(&stream, MV_STREAM_MASK, 2, 1);
    mv_sample_uniform(got, 3, &set->mod[0], &stream);
    assert_memory_equal(got, other, sizeof got);
    mv_stream_clear(&stream);
    mv_stream_init(&stream, seeds.error);
    mv_stream_seek(&stream, MV_STREAM_ERROR, 0, 0);
    mv_sample_binomial(e, 16, &stream);
    assert_memory_equal(e, error, sizeof e);
    mv_stream_clear(&stream);
    numbered_bytes(key, sizeof key, 0);
    assert_int_equal(mv_he_secret_coefficients(s, set, key), MV_OK);
    assert_memory_equal(s, secret, sizeof secret);
}

static void roots_rows_and_codes_are_the_printed_ones(void **state)
{
    static const struct {
        const char *name;
        uint64_t psi[2];
    } sets[] = {{"pack4096", {46909545429, 0}},
                {"add4096", {565543026, 275020035}},
                {"pack2048", {1080667890455, 0}},
                {"pack1024", {195478, 0}}};
    static const uint8_t row[3] = {0x41, 0x0c, 0x0f};
    const uint64_t value[4] = {1, 2, 3, 30};
    const uint32_t field[5] = {1, 2, 3, 4, 255};
    const mv_pack_shape shape = {8, 1, 5, MV_HE_SYM};
    mv_pack_plan plan;
    uint8_t bytes[3];
    (void)state;
    for (int i = 0; i < 4; i++) {
        const mv_ring *ring = NULL;
        assert_int_equal(mv_he_set_ring(&ring, mv_he_set_find(sets[i].name)), MV_OK);
        for (uint32_t k = 0; k < ring->limb_count; k++) {
            assert_true(ring->limb[k].psi == sets[i].psi[k]);
        }
    }
    mv_row_write(bytes, value, 4, 5);
    assert_memory_equal(bytes, row, sizeof row);
    assert_int_equal(mv_pack_plan_make(&plan, mv_he_set_find("pack4096"), &shape), MV_OK);
    assert_int_equal(plan.log_t, 44);
    assert_int_equal(plan.per, 5);
    const mv_u128 rest =
        mv_pack_rounding_rest(mv_pack_gather(field, 5, plan.width, false), &plan, false);
    assert_true(mv_pack_hide(rest, 0, 0, &plan.limb[0], plan.set->mod[0].q, false) ==
                70098173852740);
}

static size_t printed_object(uint8_t *out, size_t cap, const char *name, const mv_pack_shape *shape,
                             const uint32_t *feature)
{
    const mv_pack_seeds seeds = printed_seeds();
    uint8_t collection_key[MV_COLLECTION_KEY_LEN];
    mv_he_key *key = NULL;
    size_t written = 0;
    numbered_bytes(collection_key, sizeof collection_key, 0);
    assert_int_equal(mv_he_key_new(&key, mv_he_set_find(name), collection_key), MV_OK);
    assert_int_equal(mv_pack_encrypt_seeded(out, cap, &written, key, shape, feature, &seeds),
                     MV_OK);
    mv_he_key_free(&key);
    return written;
}

static void objects_are_the_printed_ones(void **state)
{
    static const char want[] = "4d564845000101080101000006000000202122232425262728292a2b2c2d2e2f"
                               "303132333435363738393a3b3c3d3e3f2e4a7807a874eed9ac34e64f07";
    static const struct {
        const char *name;
        mv_pack_shape shape;
        size_t len;
        const char *hash;
    } large[] = {{"pack4096",
                  {8, 1, 37632, MV_HE_SYM},
                  47092,
                  "9ef232c12ff2b58d0a413844fe5c353b7669d3609cea061499efcd57428e07c9"},
                 {"add4096",
                  {8, 4, 37632, MV_HE_SYM},
                  55824,
                  "c6eaad0825774490a6ff6c5db5263e9745b48322b3c5633b19f329b5bd4f3c02"}};
    static uint8_t out[60000];
    static uint32_t feature[37632] = {1, 2, 3, 4, 255, 6};
    const mv_pack_shape small = {8, 1, 6, MV_HE_SYM};
    uint8_t hash[32];
    char hex[200];
    (void)state;
    assert_int_equal(printed_object(out, sizeof out, "pack4096", &small, feature), 61);
    assert_string_equal(sodium_bin2hex(hex, sizeof hex, out, 61), want);
    for (uint32_t i = 0; i < 37632; i++) {
        feature[i] = (i * i + 3 * i + 1) % 256;
    }
    for (int i = 0; i < 2; i++) {
        const size_t len = printed_object(out, sizeof out, large[i].name, &large[i].shape, feature);
        assert_int_equal(len, large[i].len);
        assert_int_equal(crypto_generichash(hash, sizeof hash, out, len, NULL, 0), 0);
        assert_string_equal(sodium_bin2hex(hex, sizeof hex, hash, sizeof hash), large[i].hash);
    }
}

/* Slots: ciphers, a reply and keys, byte for byte. */

static void assert_hash(const uint8_t *bytes, size_t len, size_t want_len, const char *want)
{
    uint8_t hash[32];
    char hex[65];
    assert_int_equal(len, want_len);
    assert_int_equal(crypto_generichash(hash, sizeof hash, bytes, len, NULL, 0), 0);
    assert_string_equal(sodium_bin2hex(hex, sizeof hex, hash, sizeof hash), want);
}

/* Work, key, plain and cipher of a set, and room for the largest object. */
typedef struct slots {
    mv_he_work *work;
    mv_he_key *key;
    mv_plain *plain;
    mv_cipher *cipher;
    uint8_t *bytes;
    size_t len;
} slots;

enum { SLOT_BYTES = 1 << 18 };

static slots open_slots(const char *name)
{
    const mv_he_set *set = mv_he_set_find(name);
    uint8_t collection_key[MV_COLLECTION_KEY_LEN];
    slots s = {.bytes = malloc(SLOT_BYTES)};
    numbered_bytes(collection_key, sizeof collection_key, 0);
    assert_non_null(s.bytes);
    assert_int_equal(mv_he_work_new(&s.work, set), MV_OK);
    assert_int_equal(mv_he_key_new(&s.key, set, collection_key), MV_OK);
    assert_int_equal(mv_plain_new(&s.plain, set), MV_OK);
    assert_int_equal(mv_cipher_new(&s.cipher, set), MV_OK);
    return s;
}

static void close_slots(slots *s)
{
    mv_he_work_free(&s->work);
    mv_he_key_free(&s->key);
    mv_plain_free(&s->plain);
    mv_cipher_free(&s->cipher);
    free(s->bytes);
}

static mv_he_seeds slot_seeds(void)
{
    mv_he_seeds s;
    numbered_bytes(s.mask, sizeof s.mask, 32);
    numbered_bytes(s.error, sizeof s.error, 64);
    return s;
}

static void printed_ciphers_of_slots(void **state)
{
    const mv_he_seeds seeds = slot_seeds();
    slots s = open_slots("score4096");
    int64_t x[4096];
    double re[4096];
    (void)state;
    for (int64_t i = 0; i < 4096; i++) {
        x[i] = (i * i + 3 * i + 1) % 40961;
        x[i] -= x[i] > 20480 ? 40961 : 0;
        re[i] = 0.5;
    }
    assert_int_equal(mv_bfv_encode(s.plain, x, 4096), MV_OK);
    assert_true(s.plain->message[0] == 25805 && s.plain->message[3] == 5144);
    assert_int_equal(mv_he_encrypt_seeded(s.work, s.cipher, s.key, s.plain, &seeds), MV_OK);
    assert_int_equal(mv_cipher_write(s.bytes, SLOT_BYTES, &s.len, s.cipher), MV_OK);
    assert_hash(s.bytes, s.len, 28224,
                "ee2859de6beb1adf9bccd7df51ab048d5a8f1f9a9d3185fb4cedad25573c065e");
    assert_int_equal(mv_cipher_reply(s.work, s.bytes, SLOT_BYTES, &s.len, s.cipher), MV_OK);
    assert_hash(s.bytes, s.len, 22560,
                "777c37e79f124a347a1c05b54ac5ce51d472a5d91dc1485876b7d182b088826b");
    close_slots(&s);

    s = open_slots("real8192"); /* every slot 1/2: the polynomial 2^39 */
    assert_int_equal(mv_ckks_encode(s.work, s.plain, re, NULL, 4096, 1), MV_OK);
    assert_int_equal(mv_he_encrypt_seeded(s.work, s.cipher, s.key, s.plain, &seeds), MV_OK);
    assert_int_equal(mv_cipher_write(s.bytes, SLOT_BYTES, &s.len, s.cipher), MV_OK);
    assert_hash(s.bytes, s.len, 91200,
                "e68f898cfd8c0fc0d95f59f5a4757c3245ad54524fa9df41c280bf9a1b9dd5d5");
    close_slots(&s);
}

/* Features 1 2 3 4 255 6, one a slot: the header of the page, then the cipher. */
static void printed_features_in_slots(void **state)
{
    static const uint8_t header[16] = {'M', 'V', 'H', 'E', 0, 7, 5, 8, 1, 1, 0, 0, 6};
    static const int64_t x[6] = {1, 2, 3, 4, 255, 6};
    const mv_he_seeds seeds = slot_seeds();
    slots s = open_slots("score4096");
    mv_features_info info;
    uint32_t got[6];
    (void)state;
    assert_int_equal(mv_bfv_encode(s.plain, x, 6), MV_OK);
    assert_int_equal(mv_he_encrypt_seeded(s.work, s.cipher, s.key, s.plain, &seeds), MV_OK);
    memcpy(s.bytes, header, sizeof header);
    assert_int_equal(mv_cipher_write(s.bytes + 16, SLOT_BYTES - 16, &s.len, s.cipher), MV_OK);
    assert_hash(s.bytes, s.len + 16, 28240,
                "bb8f378953dbfd1c7b6f575cf607dae1b9371490ae65805ad14c0927a6b21541");
    assert_int_equal(mv_features_inspect(&info, s.bytes, s.len + 16), MV_OK);
    assert_int_equal(info.shape.count, 6);
    assert_int_equal(mv_features_decrypt(got, 6, s.key, s.bytes, s.len + 16), MV_OK);
    assert_int_equal(got[4], 255);
    close_slots(&s);
}

/* The public key of pack4096 and what is made with it. */
static void printed_objects_of_the_public_form(void **state)
{
    static uint8_t bytes[60000];
    static const uint32_t feature[6] = {1, 2, 3, 4, 255, 6};
    const mv_pack_shape shape = {8, 1, 6, MV_HE_PK};
    const mv_he_seeds seeds = slot_seeds();
    uint8_t collection_key[MV_COLLECTION_KEY_LEN];
    mv_he_key *key = NULL;
    mv_he_public *pub = NULL;
    size_t len = 0;
    (void)state;
    numbered_bytes(collection_key, sizeof collection_key, 0);
    assert_int_equal(mv_he_key_new(&key, mv_he_set_find("pack4096"), collection_key), MV_OK);
    assert_int_equal(mv_he_public_seeded(&pub, key, &seeds), MV_OK);
    assert_int_equal(mv_he_public_write(bytes, sizeof bytes, &len, pub), MV_OK);
    assert_hash(bytes, len, 25664,
                "18390e38fffce9b5f80be01fb313d3bde35e71229d93f105f9bc7e82334491c5");
    assert_int_equal(
        mv_pack_encrypt_public_seeded(bytes, sizeof bytes, &len, pub, &shape, feature, seeds.error),
        MV_OK);
    assert_hash(bytes, len, 25629,
                "53edefafd9265f08532c8de37478fc99f7ddc6f60acbb547fab90ba01d9b8f27");
    mv_he_public_free(&pub);
    mv_he_key_free(&key);
}

static void printed_upload(void **state)
{
    static uint8_t bytes[65536];
    const mv_he_seeds seeds = slot_seeds();
    uint8_t collection_key[MV_COLLECTION_KEY_LEN];
    int8_t value[MV_SCAN_DIMS];
    mv_he_key *key = NULL;
    mv_he_public *pub = NULL;
    mv_he_work *work = NULL;
    mv_plain *plain = NULL;
    size_t len = 0;
    (void)state;
    numbered_bytes(collection_key, sizeof collection_key, 0);
    for (int k = 0; k < MV_SCAN_DIMS; k++) {
        value[k] = (int8_t)(k % 17 - 8);
    }
    assert_int_equal(mv_he_key_new(&key, mv_scan_upload_set(), collection_key), MV_OK);
    assert_int_equal(mv_he_public_seeded(&pub, key, &seeds), MV_OK);
    assert_int_equal(mv_he_public_write(bytes, sizeof bytes, &len, pub), MV_OK);
    assert_hash(bytes, len, 37952,
                "05f8710f2a7b53d7abe56a13da2b8888fc4b7c908aa30a46819ede83e9f0fbc9");
    assert_int_equal(mv_he_work_new(&work, mv_scan_set()), MV_OK);
    assert_int_equal(mv_plain_new(&plain, mv_scan_set()), MV_OK);
    assert_int_equal(mv_scan_encode(plain, value, 1, MV_SCAN_UPLOAD), MV_OK);
    assert_int_equal(mv_scan_upload_write_seeded(work, bytes, pub, plain, seeds.error), MV_OK);
    assert_hash(bytes, mv_scan_upload_size(), 56832,
                "fc22947ecfaee1c02d688cf9f992c5f5b949d1da8f35c0a3e24d9880b8be70f0");
    mv_plain_free(&plain);
    mv_he_work_free(&work);
    mv_he_public_free(&pub);
    mv_he_key_free(&key);
}

static void printed_keys_of_slots(void **state)
{
    const mv_he_seeds seeds = slot_seeds();
    slots s = open_slots("score4096");
    mv_he_public *pub = NULL;
    mv_he_eval_key *relin = NULL, *turn = NULL;
    (void)state;
    assert_int_equal(mv_he_public_seeded(&pub, s.key, &seeds), MV_OK);
    assert_int_equal(mv_he_public_write(s.bytes, SLOT_BYTES, &s.len, pub), MV_OK);
    assert_hash(s.bytes, s.len, 42560,
                "e661f17423c56995f6a4f3d2a5b4c7c9ecf2640c8a5a1240cf1bd8c4f4806e7e");
    assert_int_equal(mv_he_eval_key_seeded(&relin, s.key, 1, &seeds), MV_OK);
    assert_int_equal(mv_he_eval_key_write(s.bytes, SLOT_BYTES, &s.len, relin), MV_OK);
    assert_hash(s.bytes, s.len, 85056,
                "8ec3652f50dec7fcd98b7ae0247e1d8f1894874ba58a170ebc90c3b54efd2515");
    assert_int_equal(mv_he_eval_key_seeded(&turn, s.key, 3, &seeds), MV_OK);
    assert_int_equal(mv_he_eval_key_write(s.bytes, SLOT_BYTES, &s.len, turn), MV_OK);
    assert_hash(s.bytes, s.len, 85056,
                "fea6cf3d318f211c0c25820083fca5d760121644038e92b96699c972f532178f");
    mv_he_public_free(&pub);
    mv_he_eval_key_free(&relin);
    mv_he_eval_key_free(&turn);
    close_slots(&s);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transforms_are_those_of_seal),
        cmocka_unit_test(ciphertexts_of_another_library_decrypt),
        cmocka_unit_test(streams_and_samples_are_the_printed_ones),
        cmocka_unit_test(roots_rows_and_codes_are_the_printed_ones),
        cmocka_unit_test(objects_are_the_printed_ones),
        cmocka_unit_test(printed_ciphers_of_slots),
        cmocka_unit_test(printed_features_in_slots),
        cmocka_unit_test(printed_objects_of_the_public_form),
        cmocka_unit_test(printed_upload),
        cmocka_unit_test(printed_keys_of_slots),
    };
    folder = argc > 1 ? argv[1] : ".";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
