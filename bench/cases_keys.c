/* SPDX-License-Identifier: Apache-2.0
 *
 * cases_keys.c: encapsulation, cards and the passphrase; one thread.
 */
#include "bench.h"

#include "base/secret.h"
#include "envelope/identity.h"

#include <stdlib.h>

typedef struct state {
    mv_identity *identity;
    uint8_t mlkem_public[MV_MLKEM_PUBLIC_LEN], mlkem_secret[MV_MLKEM_SECRET_LEN];
    uint8_t cipher[MV_XWING_CIPHER_LEN], shared[MV_XWING_SHARED_LEN];
    uint8_t coins[MV_XWING_COINS_LEN];
} state;

static void finish(void *user)
{
    state *s = user;
    mv_identity_free(&s->identity);
    free(s);
}

static mv_status prepare(void **out, size_t *bytes, mv_error *err)
{
    state *s = calloc(1, sizeof *s);
    mv_status st = MV_OK;

    (void)err;
    if (s == NULL) {
        return MV_E_MEMORY;
    }
    *out = s;
    *bytes = 0;
    st = mv_identity_generate(&s->identity);
    mv_mlkem_keypair(s->mlkem_public, s->mlkem_secret, s->coins);
    if (st == MV_OK) {
        st = mv_mlkem_encapsulate(s->cipher, s->shared, s->mlkem_public, s->coins);
    }
    return st;
}

static mv_status prepare_cipher(void **out, size_t *bytes, mv_error *err)
{
    const mv_status st = prepare(out, bytes, err);
    *bytes = MV_XWING_CIPHER_LEN;
    return st;
}

static mv_status prepare_card(void **out, size_t *bytes, mv_error *err)
{
    const mv_status st = prepare(out, bytes, err);
    *bytes = st == MV_OK ? ((state *)*out)->identity->card.bytes_len : 0;
    return st;
}

static mv_status mlkem_keypair(void *user, mv_error *err)
{
    state *s = user;
    (void)err;
    mv_mlkem_keypair(s->mlkem_public, s->mlkem_secret, s->coins);
    return MV_OK;
}

static mv_status mlkem_encapsulate(void *user, mv_error *err)
{
    state *s = user;
    (void)err;
    return mv_mlkem_encapsulate(s->cipher, s->shared, s->mlkem_public, s->coins);
}

static mv_status mlkem_decapsulate(void *user, mv_error *err)
{
    state *s = user;
    (void)err;
    mv_mlkem_decapsulate(s->shared, s->cipher, s->mlkem_secret);
    return MV_OK;
}

static mv_status xwing_encapsulate(void *user, mv_error *err)
{
    state *s = user;
    (void)err;
    s->coins[32] = 1;
    return mv_xwing_encapsulate(s->cipher, s->shared, s->identity->card.seal_public, s->coins);
}

static mv_status xwing_decapsulate(void *user, mv_error *err)
{
    state *s = user;
    (void)err;
    mv_xwing_decapsulate(s->shared, s->cipher, &s->identity->seal);
    return MV_OK;
}

static mv_status card_decode(void *user, mv_error *err)
{
    const state *s = user;
    mv_card card;
    return mv_card_decode(&card, s->identity->card.bytes, s->identity->card.bytes_len, err);
}

static mv_status prepare_locked(void **out, size_t *bytes, mv_error *err)
{
    const mv_status st = prepare(out, bytes, err);
    return st == MV_OK ? mv_identity_lock(((state *)*out)->identity, "passphrase", 10, NULL, err)
                       : st;
}

static mv_status unlock(void *user, mv_error *err)
{
    const state *s = user;
    uint8_t seed[MV_SEED_LEN];
    const mv_status st = mv_lock_open(seed, &s->identity->lock, "passphrase", 10);
    (void)err;
    mv_wipe(seed, sizeof seed);
    return st;
}

const bench_case bench_cases_keys[] = {
    {"ml-kem keypair", "768", "portable", prepare, mlkem_keypair, finish},
    {"ml-kem encapsulate", "768", "portable", prepare, mlkem_encapsulate, finish},
    {"ml-kem decapsulate", "768", "portable", prepare, mlkem_decapsulate, finish},
    {"x-wing encapsulate", "", "portable", prepare_cipher, xwing_encapsulate, finish},
    {"x-wing decapsulate", "", "portable", prepare, xwing_decapsulate, finish},
    {"card read", "", "portable", prepare_card, card_decode, finish},
    {"identity unlock", "192 MiB x 3", "libsodium", prepare_locked, unlock, finish},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
