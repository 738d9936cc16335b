/* SPDX-License-Identifier: Apache-2.0
 *
 * hedump.h: ciphertexts as text, described in tests/kat/README.md: reading, checking; tests only.
 */
#ifndef MV_TESTS_HEDUMP_H
#define MV_TESTS_HEDUMP_H

#include <stdint.h>
#include <stdio.h>

enum { HEDUMP_N_MAX = 32768, HEDUMP_LIMBS_MAX = 24, HEDUMP_POLYS_MAX = 3 };

typedef struct hedump {
    uint32_t n, limb_count, poly_count, expect_count, gen;
    uint64_t prime[HEDUMP_LIMBS_MAX];
    int has_scheme, is_ckks;
    double scale; /* CKKS */
    double tol;
    uint64_t t;                                         /* BFV */
    int8_t *sk;                                         /* n values */
    uint64_t *poly[HEDUMP_POLYS_MAX][HEDUMP_LIMBS_MAX]; /* n values each, coefficient form */
    double *expect;                                     /* expect_count values: CKKS, real parts */
    uint64_t *expect_number;                            /* BFV, modulo t */
} hedump;

/* hedump_read: 0, or -1 with one line on stderr; out is the caller's, hedump_clear frees. */
int hedump_read(hedump *out, const char *path);
void hedump_clear(hedump *dump);

/* hedump_check: decrypt with our code and compare with what is expected. 0 agree, 1 wrong (the
 * first difference on `report`), 2 it cannot be tried. */
int hedump_check(const hedump *dump, FILE *report);

#endif
