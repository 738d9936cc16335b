/* SPDX-License-Identifier: Apache-2.0
 *
 * hedump.c: tokens to numbers.
 */
#include "hedump.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int next_token(FILE *f, char token[64])
{
    while (fscanf(f, "%63s", token) == 1) {
        if (token[0] != '#') {
            return 1;
        }
        (void)fscanf(f, "%*[^\n]");
    }
    return 0;
}

/* count numbers below limit into a fresh array; NULL when one is missing or too large. */
static uint64_t *next_numbers(FILE *f, uint32_t count, uint64_t limit)
{
    uint64_t *value = calloc(count == 0 ? 1 : count, sizeof *value);
    char token[64];
    for (uint32_t i = 0; value != NULL && i < count; i++) {
        char *end = NULL;
        if (next_token(f, token)) {
            value[i] = strtoull(token, &end, 10);
        }
        if (end == NULL || *end != '\0' || value[i] >= limit) {
            free(value);
            return NULL;
        }
    }
    return value;
}

static int next_number(FILE *f, uint64_t *out, uint64_t limit)
{
    uint64_t *one = next_numbers(f, 1, limit);
    if (one == NULL) {
        return 0;
    }
    *out = *one;
    free(one);
    return 1;
}

static int read_secret(FILE *f, hedump *d)
{
    char token[64];
    d->sk = calloc(d->n, 1);
    for (uint32_t j = 0; d->sk != NULL && j < d->n; j++) {
        if (!next_token(f, token)) {
            return 0;
        }
        d->sk[j] = (int8_t)atoi(token);
    }
    return d->sk != NULL;
}

static int read_primes(FILE *f, hedump *d)
{
    uint64_t count = 0;
    if (!next_number(f, &count, HEDUMP_LIMBS_MAX + 1)) {
        return 0;
    }
    d->limb_count = (uint32_t)count;
    for (uint32_t i = 0; i < d->limb_count; i++) {
        if (!next_number(f, &d->prime[i], UINT64_C(1) << 61)) {
            return 0;
        }
    }
    return 1;
}

static int read_poly(FILE *f, hedump *d)
{
    uint64_t j = 0, i = 0;
    if (!next_number(f, &j, HEDUMP_POLYS_MAX) || !next_number(f, &i, d->limb_count)) {
        return 0;
    }
    d->poly[j][i] = next_numbers(f, d->n, d->prime[i]);
    return d->poly[j][i] != NULL;
}

/* One key with what follows it; 1 when understood. */
static int read_key(FILE *f, hedump *d, const char *key)
{
    char text[64];
    uint64_t number = 0;
    int ok = 1;
    if (strcmp(key, "n") == 0) {
        ok = next_number(f, &number, HEDUMP_N_MAX + 1);
        d->n = (uint32_t)number;
    } else if (strcmp(key, "primes") == 0) {
        ok = read_primes(f, d);
    } else if (strcmp(key, "t") == 0) {
        ok = next_number(f, &d->t, UINT64_MAX);
    } else if (strcmp(key, "gen") == 0) {
        ok = next_number(f, &number, 6);
        d->gen = (uint32_t)number;
    } else if (strcmp(key, "sk") == 0) {
        ok = read_secret(f, d);
    } else if (strcmp(key, "ct") == 0) {
        ok = next_number(f, &number, HEDUMP_POLYS_MAX + 1);
        d->poly_count = (uint32_t)number;
    } else if (strcmp(key, "poly") == 0) {
        ok = read_poly(f, d);
    } else if (strcmp(key, "expect") == 0) {
        ok = next_number(f, &number, HEDUMP_N_MAX + 1);
        d->expect_count = (uint32_t)number;
        d->expect = ok ? next_numbers(f, d->expect_count, UINT64_MAX) : NULL;
        ok = d->expect != NULL;
    } else { /* hedump, scheme, special, scale, tol: one word each, not needed here */
        ok = next_token(f, text);
    }
    return ok;
}

static int is_complete(const hedump *d)
{
    int complete = d->n != 0 && d->sk != NULL && d->expect != NULL && d->poly_count >= 2;
    for (uint32_t j = 0; j < d->poly_count; j++) {
        for (uint32_t i = 0; i < d->limb_count; i++) {
            complete = complete && d->poly[j][i] != NULL;
        }
    }
    return complete;
}

int hedump_read(hedump *out, const char *path)
{
    char key[64];
    int ok = 1;
    FILE *f = fopen(path, "r");
    memset(out, 0, sizeof *out);
    if (f == NULL) {
        fprintf(stderr, "cannot open %s\n", path);
        return -1;
    }
    while (ok && next_token(f, key) && strcmp(key, "end") != 0) {
        ok = read_key(f, out, key);
    }
    (void)fclose(f);
    if (!ok || !is_complete(out)) {
        fprintf(stderr, "%s: not a complete dump\n", path);
        hedump_clear(out);
        return -1;
    }
    return 0;
}

void hedump_clear(hedump *dump)
{
    for (int j = 0; j < HEDUMP_POLYS_MAX; j++) {
        for (int i = 0; i < HEDUMP_LIMBS_MAX; i++) {
            free(dump->poly[j][i]);
        }
    }
    free(dump->sk);
    free(dump->expect);
    memset(dump, 0, sizeof *dump);
}
