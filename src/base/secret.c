/* SPDX-License-Identifier: Apache-2.0
 *
 * secret.c: libsodium's guarded heap behind our names.
 */
#include "base/secret.h"

#include <sodium.h>
#include <string.h>

void mv_wipe(void *p, size_t len)
{
    if (p != NULL && len != 0) {
        sodium_memzero(p, len);
    }
}

mv_status mv_secret_new(void **out, size_t len)
{
    void *p = NULL;

    if (sodium_init() < 0) {
        return MV_E_RANDOM;
    }
    p = sodium_malloc(len == 0 ? 1 : len);
    if (p == NULL) {
        return MV_E_MEMORY;
    }
    memset(p, 0, len);
    *out = p;
    return MV_OK;
}

void mv_secret_free(void **p)
{
    if (p != NULL && *p != NULL) {
        sodium_free(*p); /* wipes before it unmaps */
        *p = NULL;
    }
}

bool mv_equal_ct(const uint8_t *a, const uint8_t *b, size_t len)
{
    return sodium_memcmp(a, b, len) == 0;
}
