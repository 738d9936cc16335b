/* SPDX-License-Identifier: Apache-2.0
 *
 * hedump.c: tokens to numbers. Every number is checked against its range as soon as it is read.
 */
#include "hedump.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TOKEN_MAX = 128 };

static int next_token(FILE *f, char token[TOKEN_MAX])
{
    while (fscanf(f, "%127s", token) == 1) {
        if (token[0] != '#') {
            return 1;
        }
        for (int c = 0; c != '\n' && c != EOF;) {
            c = getc(f);
        }
    }
    return 0;
}

/* A number below limit without sign. */
static int next_number(FILE *f, uint64_t *out, uint64_t limit)
{
    char token[TOKEN_MAX], *end = token;
    if (!next_token(f, token) || token[0] < '0' || token[0] > '9') {
        return 0;
    }
    errno = 0;
    *out = strtoull(token, &end, 10);
    return *end == '\0' && errno == 0 && *out < limit;
}

static int next_real(FILE *f, double *out)
{
    char token[TOKEN_MAX], *end = token;
    if (!next_token(f, token)) {
        return 0;
    }
    if (strncmp(token, "2^", 2) == 0) {
        *out = ldexp(1, (int)strtol(token + 2, &end, 10));
    } else {
        *out = strtod(token, &end);
    }
    return end != token && *end == '\0' && isfinite(*out);
}

static int read_secret(FILE *f, hedump *d)
{
    char token[TOKEN_MAX];
    free(d->sk);
    d->sk = d->n == 0 ? NULL : calloc(d->n, 1);
    for (uint32_t j = 0; d->sk != NULL && j < d->n; j++) {
        if (!next_token(f, token) ||
            (strcmp(token, "-1") != 0 && strcmp(token, "0") != 0 && strcmp(token, "1") != 0)) {
            return 0;
        }
        d->sk[j] = (int8_t)atoi(token);
    }
    return d->sk != NULL;
}

static int read_primes(FILE *f, hedump *d)
{
    uint64_t count = 0;
    if (!next_number(f, &count, HEDUMP_LIMBS_MAX + 1) || count == 0) {
        return 0;
    }
    d->limb_count = (uint32_t)count;
    for (uint32_t i = 0; i < d->limb_count; i++) {
        if (!next_number(f, &d->prime[i], UINT64_C(1) << 61) || d->prime[i] < 5 ||
            d->prime[i] % 2 == 0) {
            return 0;
        }
        for (uint32_t k = 0; k < i; k++) {
            if (d->prime[k] == d->prime[i]) {
                return 0;
            }
        }
    }
    return 1;
}

static int read_poly(FILE *f, hedump *d)
{
    uint64_t p = 0, i = 0;
    if (!next_number(f, &p, HEDUMP_POLYS_MAX) || !next_number(f, &i, d->limb_count)) {
        return 0;
    }
    free(d->poly[p][i]);
    uint64_t *value = d->poly[p][i] = d->n == 0 ? NULL : calloc(d->n, sizeof *value);
    for (uint32_t j = 0; value != NULL && j < d->n; j++) {
        if (!next_number(f, &value[j], d->prime[i])) {
            return 0;
        }
    }
    return value != NULL;
}

/* Both as reals and, where they are whole numbers, as integers; reduced modulo t by the check. */
static int read_expect(FILE *f, hedump *d)
{
    uint64_t count = 0;
    if (!next_number(f, &count, HEDUMP_N_MAX + 1)) {
        return 0;
    }
    free(d->expect);
    free(d->expect_number);
    d->expect = calloc((size_t)count + 1, sizeof *d->expect);
    d->expect_number = calloc((size_t)count + 1, sizeof *d->expect_number);
    d->expect_count = (uint32_t)count;
    for (uint32_t j = 0; d->expect != NULL && d->expect_number != NULL && j < count; j++) {
        char token[TOKEN_MAX], *end = token;
        if (!next_token(f, token)) {
            return 0;
        }
        d->expect[j] = strtod(token, &end);
        if (end == token || *end != '\0' || !isfinite(d->expect[j])) {
            return 0;
        }
        const int negative = token[0] == '-';
        d->expect_number[j] = strtoull(token + negative, NULL, 10);
        if (negative) {
            d->expect_number[j] = 0 - d->expect_number[j]; /* two's complement */
        }
    }
    return d->expect != NULL && d->expect_number != NULL;
}

/* One key with what follows it; 1 when understood. */
static int read_key(FILE *f, hedump *d, const char *key)
{
    char text[TOKEN_MAX];
    uint64_t number = 0;
    int ok = 1;
    if (strcmp(key, "hedump") == 0) {
        ok = next_number(f, &number, 2) && number == 1;
    } else if (strcmp(key, "scheme") == 0) {
        ok = next_token(f, text) && (strcmp(text, "ckks") == 0 || strcmp(text, "bfv") == 0);
        d->is_ckks = ok && strcmp(text, "ckks") == 0;
        d->has_scheme = ok;
    } else if (strcmp(key, "n") == 0) {
        ok = d->n == 0 && next_number(f, &number, HEDUMP_N_MAX + 1) && number >= 4 &&
             (number & (number - 1)) == 0;
        d->n = ok ? (uint32_t)number : 0;
    } else if (strcmp(key, "primes") == 0) {
        ok = d->limb_count == 0 && read_primes(f, d);
    } else if (strcmp(key, "special") == 0) {
        ok = next_number(f, &number, UINT64_MAX);
    } else if (strcmp(key, "scale") == 0) {
        ok = next_real(f, &d->scale) && d->scale > 0 && d->scale <= 0x1p200;
    } else if (strcmp(key, "t") == 0) {
        ok = next_number(f, &d->t, UINT64_C(1) << 61) && d->t >= 2;
    } else if (strcmp(key, "gen") == 0) {
        ok = next_number(f, &number, 6) && (number == 3 || number == 5);
        d->gen = (uint32_t)number;
    } else if (strcmp(key, "sk") == 0) {
        ok = read_secret(f, d);
    } else if (strcmp(key, "ct") == 0) {
        ok = next_number(f, &number, HEDUMP_POLYS_MAX + 1) && number >= 1;
        d->poly_count = (uint32_t)number;
    } else if (strcmp(key, "poly") == 0) {
        ok = read_poly(f, d);
    } else if (strcmp(key, "expect") == 0) {
        ok = read_expect(f, d);
    } else if (strcmp(key, "tol") == 0) {
        ok = next_real(f, &d->tol) && d->tol >= 0;
    } else {
        ok = 0;
    }
    return ok;
}

static int is_complete(const hedump *d)
{
    int complete =
        d->has_scheme && d->n != 0 && d->sk != NULL && d->poly_count >= 1 && d->limb_count >= 1;
    complete = complete && (d->is_ckks ? d->scale > 0 : d->t != 0) &&
               d->expect_count <= (d->is_ckks ? d->n / 2 : d->n);
    for (uint32_t p = 0; p < d->poly_count; p++) {
        for (uint32_t i = 0; i < d->limb_count; i++) {
            complete = complete && d->poly[p][i] != NULL;
        }
    }
    return complete;
}

/* Where reading stopped; a file that is no dump is not printed. */
static void report(const char *path, const char *key, int understood)
{
    const size_t len = strspn(key, "abcdefghijklmnopqrstuvwxyz");
    if (understood) {
        (void)fprintf(stderr,
                      "he_dump: %s lacks something: scheme, n, primes, scale or t, sk, ct "
                      "and every poly are needed\n",
                      path);
    } else {
        (void)fprintf(stderr, "he_dump: %s is not a dump: it stops making sense after \"%.*s\"\n",
                      path, key[len] == '\0' ? (int)len : 0, key);
    }
}

int hedump_read(hedump *out, const char *path)
{
    char key[TOKEN_MAX] = "";
    int ok = 1;
    FILE *f = fopen(path, "r");
    memset(out, 0, sizeof *out);
    out->tol = 1e-3;
    out->gen = 3;
    if (f == NULL) {
        (void)fprintf(stderr, "he_dump: cannot open %s\n", path);
        return -1;
    }
    ok = next_token(f, key) && strcmp(key, "hedump") == 0 && read_key(f, out, key);
    while (ok && (ok = next_token(f, key)) && strcmp(key, "end") != 0) {
        ok = read_key(f, out, key);
    }
    (void)fclose(f);
    if (!ok || !is_complete(out)) {
        report(path, key, ok);
        hedump_clear(out);
        return -1;
    }
    return 0;
}

void hedump_clear(hedump *dump)
{
    for (int p = 0; p < HEDUMP_POLYS_MAX; p++) {
        for (int i = 0; i < HEDUMP_LIMBS_MAX; i++) {
            free(dump->poly[p][i]);
        }
    }
    free(dump->sk);
    free(dump->expect);
    free(dump->expect_number);
    memset(dump, 0, sizeof *dump);
}
