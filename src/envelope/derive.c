/* SPDX-License-Identifier: Apache-2.0
 *
 * derive.c: labelled BLAKE2b.
 */
#include "derive.h"

#include "base/secret.h"

#include <sodium.h>
#include <string.h>

void mv_derive(uint8_t out[MV_HASH_LEN], const uint8_t *key, const char *label, const mv_part *part,
               size_t part_count)
{
    crypto_generichash_state state;

    /* These calls fail only for sizes outside BLAKE2b's range, and ours are constants. */
    (void)crypto_generichash_init(&state, key, key == NULL ? 0 : MV_KEY_LEN, MV_HASH_LEN);
    (void)crypto_generichash_update(&state, (const uint8_t *)label, strlen(label) + 1);
    for (size_t i = 0; i < part_count; i++) {
        (void)crypto_generichash_update(&state, part[i].bytes, part[i].len);
    }
    (void)crypto_generichash_final(&state, out, MV_HASH_LEN);
    mv_wipe(&state, sizeof state);
}
