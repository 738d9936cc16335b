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
    uint64_t sum[MV_SEARCH_DIM]; /* u G modulo p, over known rows; secret */
    uint8_t *known;              /* a bit a row */
    size_t cap;                  /* bytes of it */
};

enum { FIXED = 48 + 8 * MV_SEARCH_DIM };
#define ROWS_MAX (UINT64_C(1) << 26)

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
        free((*check)->known);
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

static bool knows(const mv_search_check *c, uint64_t row)
{
    return row < c->rows && (c->known[row / 8] >> row % 8 & 1) != 0;
}

int mv_search_check_knows(const mv_search_check *check, size_t row)
{
    return knows(check, row);
}

mv_status mv_search_check_skip(mv_search_check *check, size_t rows)
{
    mv_status st = MV_OK;
    const size_t bytes = (rows + 7) / 8;
    MV_ENSURE(rows <= ROWS_MAX, MV_E_LIMIT);
    if (bytes > check->cap) {
        uint8_t *more = realloc(check->known, 2 * bytes);
        MV_ENSURE(more != NULL, MV_E_MEMORY);
        memset(more + check->cap, 0, 2 * bytes - check->cap);
        check->known = more;
        check->cap = 2 * bytes;
    }
    if (rows > check->rows) {
        check->rows = rows;
    }
done:
    return st;
}

mv_status mv_search_check_learn(mv_search_check *check, size_t row,
                                const int8_t value[MV_SEARCH_DIM])
{
    mv_status st = MV_OK;
    const mv_modulus m = mv_modulus_make(PRIME);
    uint64_t u[8] = {0};
    MV_ENSURE(!knows(check, row), MV_E_EXISTS);
    MV_TRY(mv_search_check_skip(check, row + 1));
    numbers(u, check, row / 8, &m);
    for (size_t k = 0; k < MV_SEARCH_DIM; k++) {
        const uint64_t product = mv_mul_mod(u[row % 8], lift(value[k]), &m);
        check->sum[k] = mv_add_mod(check->sum[k], product, PRIME);
    }
    check->known[row / 8] |= (uint8_t)(1u << row % 8);
done:
    mv_wipe(u, sizeof u);
    return st;
}

mv_status mv_search_check_add(mv_search_check *check, const int8_t value[MV_SEARCH_DIM])
{
    return mv_search_check_learn(check, check->rows, value);
}

/* sum of u_i a_i over the known rows, a_i every `step`-th number from a on. */
static uint64_t weigh(const mv_search_check *c, const void *a, size_t step, bool wide)
{
    const mv_modulus m = mv_modulus_make(PRIME);
    uint64_t sum = 0, u[8] = {0};
    for (size_t i = 0; i < c->rows; i++) {
        if (i % 8 == 0) {
            numbers(u, c, i / 8, &m);
        }
        if (knows(c, i)) {
            const int64_t one =
                wide ? ((const int32_t *)a)[i * step] : ((const int8_t *)a)[i * step];
            sum = mv_add_mod(sum, mv_mul_mod(u[i % 8], lift(one), &m), PRIME);
        }
    }
    mv_wipe(u, sizeof u);
    return sum;
}

mv_status mv_search_check_verify(const mv_search_check *check, const int8_t query[MV_SEARCH_DIM],
                                 const int32_t *score, size_t rows)
{
    mv_status st = MV_OK;
    const mv_modulus m = mv_modulus_make(PRIME);
    uint64_t right = 0;
    MV_ENSURE(check != NULL && query != NULL && (score != NULL || rows == 0), MV_E_ARGUMENT);
    MV_ENSURE(rows >= check->rows, MV_E_AUTH);
    for (size_t k = 0; k < MV_SEARCH_DIM; k++) {
        right = mv_add_mod(right, mv_mul_mod(check->sum[k], lift(query[k]), &m), PRIME);
    }
    MV_ENSURE(weigh(check, score, 1, true) == right, MV_E_AUTH);
done:
    return st;
}

mv_status mv_search_check_same(const mv_search_check *check, const int8_t *value, size_t rows)
{
    mv_status st = MV_OK;
    MV_ENSURE(check != NULL && (value != NULL || rows == 0), MV_E_ARGUMENT);
    MV_ENSURE(rows >= check->rows, MV_E_AUTH);
    for (size_t k = 0; k < MV_SEARCH_DIM; k++) {
        MV_ENSURE(weigh(check, value + k, MV_SEARCH_DIM, false) == check->sum[k], MV_E_AUTH);
    }
done:
    return st;
}

size_t mv_search_check_size(const mv_search_check *check)
{
    return FIXED + (size_t)(check->rows + 7) / 8;
}

mv_status mv_search_check_write(uint8_t *out, size_t cap, const mv_search_check *check)
{
    mv_status st = MV_OK;
    MV_ENSURE(out != NULL && check != NULL, MV_E_ARGUMENT);
    MV_ENSURE(cap >= mv_search_check_size(check), MV_E_SPACE);
    memcpy(out, magic, sizeof magic);
    mv_store_u64le(out + 8, check->rows);
    memcpy(out + 16, check->seed, sizeof check->seed);
    for (size_t k = 0; k < MV_SEARCH_DIM; k++) {
        mv_store_u64le(out + 48 + 8 * k, check->sum[k]);
    }
    for (size_t i = 0; i < (check->rows + 7) / 8; i++) {
        out[FIXED + i] = check->known[i];
    }
done:
    return st;
}

mv_status mv_search_check_read(mv_search_check **out, const uint8_t *bytes, size_t len)
{
    mv_status st = MV_OK;
    mv_search_check *c = NULL;
    MV_ENSURE(out != NULL, MV_E_ARGUMENT);
    *out = NULL;
    MV_ENSURE(bytes != NULL && len >= FIXED, MV_E_FORMAT);
    MV_ENSURE(memcmp(bytes, magic, sizeof magic) == 0, MV_E_FORMAT);
    c = calloc(1, sizeof *c);
    MV_ENSURE(c != NULL, MV_E_MEMORY);
    const uint64_t rows = mv_load_u64le(bytes + 8);
    MV_ENSURE(rows <= ROWS_MAX, MV_E_RANGE);
    MV_ENSURE(len == FIXED + (size_t)(rows + 7) / 8, MV_E_FORMAT);
    MV_ENSURE(rows % 8 == 0 || bytes[len - 1] >> rows % 8 == 0, MV_E_RANGE);
    MV_TRY(mv_search_check_skip(c, (size_t)rows));
    for (size_t i = 0; i < (size_t)(rows + 7) / 8; i++) {
        c->known[i] = bytes[FIXED + i];
    }
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
