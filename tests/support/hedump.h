/* SPDX-License-Identifier: Apache-2.0
 *
 * hedump.h: reader of the text form of ciphertexts described in tests/kat/README.md; tests only.
 */
#ifndef MV_TESTS_HEDUMP_H
#define MV_TESTS_HEDUMP_H

#include <stdint.h>

enum { HEDUMP_N_MAX = 32768, HEDUMP_LIMBS_MAX = 8, HEDUMP_POLYS_MAX = 3 };

typedef struct hedump {
    uint32_t n, limb_count, poly_count, expect_count, gen;
    uint64_t prime[HEDUMP_LIMBS_MAX];
    uint64_t t;
    int8_t *sk;                                         /* n values */
    uint64_t *poly[HEDUMP_POLYS_MAX][HEDUMP_LIMBS_MAX]; /* n values each, coefficient form */
    uint64_t *expect;                                   /* expect_count values */
} hedump;

/* hedump_read: 0, or -1 with one line on stderr; out is the caller's, hedump_clear frees. */
int hedump_read(hedump *out, const char *path);
void hedump_clear(hedump *dump);

#endif
