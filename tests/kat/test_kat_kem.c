/* SPDX-License-Identifier: Apache-2.0
 *
 * test_kat_kem.c: published answers of ML-KEM-768 and X-Wing. argument: the folder of the files.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "envelope/xwing.h"

static const char *folder;

enum { FIELD_MAX = 5000, FIELDS = 5 };

/* One case: its word and number, then the fields named by the caller, in that order. */
typedef struct kat {
    char word[16];
    long number;
    uint8_t field[FIELDS][FIELD_MAX / 2];
} kat;

static FILE *open_kat(const char *name)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    int c = 0;
    while ((c = fgetc(f)) == '#') { /* the comment on top */
        while ((c = fgetc(f)) != '\n') {
            assert_int_not_equal(c, EOF);
        }
    }
    assert_int_not_equal(ungetc(c, f), EOF);
    return f;
}

static void read_field(uint8_t *out, FILE *f, const char *name, size_t len)
{
    static char found[16], hex[FIELD_MAX];
    assert_int_equal(fscanf(f, "%15s %4999s", found, hex), 2);
    assert_string_equal(found, name);
    assert_int_equal(strlen(hex), 2 * len);
    for (size_t i = 0; i < len; i++) {
        unsigned byte = 0;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        out[i] = (uint8_t)byte;
    }
}

static void check_keygen(kat *k, FILE *f)
{
    static uint8_t public_key[MV_MLKEM_PUBLIC_LEN], secret[MV_MLKEM_SECRET_LEN];
    uint8_t seed[MV_MLKEM_SEED_LEN];
    read_field(seed, f, "d", 32);
    read_field(seed + 32, f, "z", 32);
    read_field(k->field[0], f, "ek", sizeof public_key);
    read_field(k->field[1], f, "dk", sizeof secret);
    mv_mlkem_keypair(public_key, secret, seed);
    assert_memory_equal(public_key, k->field[0], sizeof public_key);
    assert_memory_equal(secret, k->field[1], sizeof secret);
}

static void check_encaps(kat *k, FILE *f)
{
    static uint8_t cipher[MV_MLKEM_CIPHER_LEN];
    uint8_t shared[MV_MLKEM_SHARED_LEN];
    read_field(k->field[0], f, "ek", MV_MLKEM_PUBLIC_LEN);
    read_field(k->field[1], f, "m", MV_MLKEM_MESSAGE_LEN);
    read_field(k->field[2], f, "c", sizeof cipher);
    read_field(k->field[3], f, "k", sizeof shared);
    assert_int_equal(mv_mlkem_encapsulate(cipher, shared, k->field[0], k->field[1]), MV_OK);
    assert_memory_equal(cipher, k->field[2], sizeof cipher);
    assert_memory_equal(shared, k->field[3], sizeof shared);
}

static void check_decaps(kat *k, FILE *f, const uint8_t *secret)
{
    uint8_t shared[MV_MLKEM_SHARED_LEN];
    read_field(k->field[0], f, "c", MV_MLKEM_CIPHER_LEN);
    read_field(k->field[1], f, "k", sizeof shared);
    mv_mlkem_decapsulate(shared, k->field[0], secret);
    assert_memory_equal(shared, k->field[1], sizeof shared);
}

static void check_refuse(kat *k, FILE *f)
{
    static uint8_t cipher[MV_MLKEM_CIPHER_LEN];
    uint8_t shared[MV_MLKEM_SHARED_LEN];
    read_field(k->field[0], f, "ek", MV_MLKEM_PUBLIC_LEN);
    assert_false(mv_mlkem_public_valid(k->field[0]));
    assert_int_equal(mv_mlkem_encapsulate(cipher, shared, k->field[0], k->field[0]), MV_E_RANGE);
}

static void ml_kem_768_gives_the_published_answers(void **state)
{
    static kat k;
    static uint8_t secret[MV_MLKEM_SECRET_LEN];
    FILE *f = open_kat("mlkem768.txt");
    int cases = 0;

    (void)state;
    while (fscanf(f, "%15s %ld", k.word, &k.number) == 2) {
        if (strcmp(k.word, "keygen") == 0) {
            check_keygen(&k, f);
        } else if (strcmp(k.word, "encaps") == 0) {
            check_encaps(&k, f);
        } else if (strcmp(k.word, "secret") == 0) {
            read_field(secret, f, "dk", sizeof secret);
            assert_true(mv_mlkem_secret_valid(secret));
        } else if (strcmp(k.word, "decaps") == 0) {
            check_decaps(&k, f, secret);
        } else {
            assert_string_equal(k.word, "refuse");
            check_refuse(&k, f);
        }
        cases++;
    }
    assert_int_equal(cases, 16);
    assert_int_equal(fclose(f), 0);
}

static void x_wing_gives_the_published_answers(void **state)
{
    static kat k;
    static mv_xwing_secret secret;
    static uint8_t public_key[MV_XWING_PUBLIC_LEN], cipher[MV_XWING_CIPHER_LEN];
    uint8_t shared[MV_XWING_SHARED_LEN], opened[MV_XWING_SHARED_LEN];
    FILE *f = open_kat("xwing.txt");
    int cases = 0;

    (void)state;
    while (fscanf(f, "%15s %ld", k.word, &k.number) == 2) {
        read_field(k.field[0], f, "seed", MV_XWING_SEED_LEN);
        read_field(k.field[1], f, "eseed", MV_XWING_COINS_LEN);
        read_field(k.field[2], f, "pk", sizeof public_key);
        read_field(k.field[3], f, "ct", sizeof cipher);
        read_field(k.field[4], f, "ss", sizeof shared);
        assert_int_equal(mv_xwing_keypair(&secret, public_key, k.field[0]), MV_OK);
        assert_memory_equal(public_key, k.field[2], sizeof public_key);
        assert_int_equal(mv_xwing_encapsulate(cipher, shared, public_key, k.field[1]), MV_OK);
        assert_memory_equal(cipher, k.field[3], sizeof cipher);
        assert_memory_equal(shared, k.field[4], sizeof shared);
        mv_xwing_decapsulate(opened, cipher, &secret);
        assert_memory_equal(opened, k.field[4], sizeof opened);
        cases++;
    }
    assert_int_equal(cases, 3);
    assert_int_equal(fclose(f), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ml_kem_768_gives_the_published_answers),
        cmocka_unit_test(x_wing_gives_the_published_answers),
    };
    if (argc != 2) {
        (void)fprintf(stderr, "usage: test_kat_kem FOLDER\n");
        return 2;
    }
    folder = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
