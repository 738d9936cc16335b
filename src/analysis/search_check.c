/* SPDX-License-Identifier: Apache-2.0
 *
 * search_check.c: do these scores belong to these rows? Freivalds' check modulo p = 2^61 - 1.
 *
 * u_i, the secret number of row i, is word i of a key stream modulo p. A word is below 2^64 = 8 p +
 * 8, so that each value has a probability within a factor 1 + 2^-60 of 1 / p.
 */
#include "analysis/search_internal.h"

#include "base/rng.h"
#include "base/secret.h"
#include "ring/modarith.h"

#include <sodium.h>
#include <string.h>

#define PRIME ((UINT64_C(1) << 61) - 1)

struct mv_search_check {
    uint8_t seed[32]; /* secret */
    uint64_t rows;
    uint64_t sum[MV_SEARCH_DIM]; /* u G modulo p; secret */
};

static const uint8_t magic[8] = {'M', 'V', 'S', 'C', 1, 0, 0, 0};

mv_status mv_search_check_new(mv_search_check **out)
{
    mv_status st = MV_OK;
    mv_search_check *c = NULL;
    MV_ENSURE(out != NULL, MV_E_ARGUMENT);
    *out = NULL;
    c = calloc(1, sizeof *c);
    MV_ENSURE(c != NULL, MV_E_MEMORY);
    MV_TRY(mv_random_bytes(c->seed, sizeof c->seed));
    *out = c;
    c = NULL;
done:
    free(c);
    return st;
}

void mv_search_check_free(mv_search_check **check)
{
    if (check != NULL && *check != NULL) {
        mv_wipe(*check, sizeof **check);
        free(*check);
        *check = NULL;
    }
}

size_t mv_search_check_rows(const mv_search_check *check)
{
    return (size_t)check->rows;
}

/* u of eight rows from 8 block on. */
static void numbers(uint64_t u[8], const mv_search_check *c, uint64_t block, const mv_modulus *m)
{
    static const uint8_t nonce[crypto_stream_chacha20_NONCEBYTES] = {0};
    static const uint8_t zero[64] = {0};
    uint8_t bytes[64];
    (void)crypto_stream_chacha20_xor_ic(bytes, zero, sizeof bytes, nonce, block, c->seed);
    for (size_t i = 0; i < 8; i++) {
        u[i] = mv_reduce_word(mv_load_u64le(bytes + 8 * i), m);
    }
    mv_wipe(bytes, sizeof bytes);
}

static uint64_t lift(int64_t a) /* |a| < p */
{
    return mv_lift_ct(a, PRIME);
}

void mv_search_check_add(mv_search_check *check, const int8_t value[MV_SEARCH_DIM])
{
    const mv_modulus m = mv_modulus_make(PRIME);
    uint64_t u[8];
    numbers(u, check, check->rows / 8, &m);
    for (size_t k = 0; k < MV_SEARCH_DIM; k++) {
        const uint64_t product = mv_mul_mod(u[check->rows % 8], lift(value[k]), &m);
        check->sum[k] = mv_add_mod(check->sum[k], product, PRIME);
    }
    check->rows++;
    mv_wipe(u, sizeof u);
}

mv_status mv_search_check_verify(const mv_search_check *check, const int8_t query[MV_SEARCH_DIM],
                                 const int32_t *score, size_t rows)
{
    mv_status st = MV_OK;
    const mv_modulus m = mv_modulus_make(PRIME);
    uint64_t left = 0, right = 0, u[8] = {0};
    MV_ENSURE(check != NULL && query != NULL && (score != NULL || rows == 0), MV_E_ARGUMENT);
    MV_ENSURE(rows == check->rows, MV_E_AUTH);
    for (size_t i = 0; i < rows; i++) {
        if (i % 8 == 0) {
            numbers(u, check, i / 8, &m);
        }
        left = mv_add_mod(left, mv_mul_mod(u[i % 8], lift(score[i]), &m), PRIME);
    }
    for (size_t k = 0; k < MV_SEARCH_DIM; k++) {
        right = mv_add_mod(right, mv_mul_mod(check->sum[k], lift(query[k]), &m), PRIME);
    }
    MV_ENSURE(left == right, MV_E_AUTH);
done:
    mv_wipe(u, sizeof u);
    return st;
}

void mv_search_check_write(uint8_t out[MV_SEARCH_CHECK_LEN], const mv_search_check *check)
{
    memcpy(out, magic, sizeof magic);
    mv_store_u64le(out + 8, check->rows);
    memcpy(out + 16, check->seed, sizeof check->seed);
    for (size_t k = 0; k < MV_SEARCH_DIM; k++) {
        mv_store_u64le(out + 48 + 8 * k, check->sum[k]);
    }
}

mv_status mv_search_check_read(mv_search_check **out, const uint8_t *bytes, size_t len)
{
    mv_status st = MV_OK;
    mv_search_check *c = NULL;
    MV_ENSURE(out != NULL, MV_E_ARGUMENT);
    *out = NULL;
    MV_ENSURE(bytes != NULL && len == MV_SEARCH_CHECK_LEN, MV_E_FORMAT);
    MV_ENSURE(memcmp(bytes, magic, sizeof magic) == 0, MV_E_FORMAT);
    c = calloc(1, sizeof *c);
    MV_ENSURE(c != NULL, MV_E_MEMORY);
    c->rows = mv_load_u64le(bytes + 8);
    MV_ENSURE(c->rows <= UINT32_MAX, MV_E_RANGE);
    memcpy(c->seed, bytes + 16, sizeof c->seed);
    for (size_t k = 0; k < MV_SEARCH_DIM; k++) {
        c->sum[k] = mv_load_u64le(bytes + 48 + 8 * k);
        MV_ENSURE(c->sum[k] < PRIME, MV_E_RANGE);
    }
    *out = c;
    c = NULL;
done:
    mv_search_check_free(&c);
    return st;
}
