/* SPDX-License-Identifier: Apache-2.0
 *
 * secret.c: libsodium's guarded heap behind our names.
 */
#include "base/secret.h"

#include <sodium.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void mv_wipe(void *p, size_t len)
{
    if (p != NULL && len != 0) {
        sodium_memzero(p, len);
    }
}

/* A process that is forked off, such as the sandbox of src/image, does not get these pages at all.
 * libsodium gives every allocation pages of its own. */
static bool keep_from_children(void *p, size_t len)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t at = (uintptr_t)p;
    uint8_t *first = (uint8_t *)p - at % page;
    return madvise(first, at % page + len, MADV_DONTFORK) == 0;
}

mv_status mv_secret_new(void **out, size_t len)
{
    void *p = NULL;

    if (sodium_init() < 0) {
        return MV_E_RANDOM;
    }
    p = sodium_malloc(len == 0 ? 1 : len);
    if (p == NULL || !keep_from_children(p, len == 0 ? 1 : len)) {
        sodium_free(p);
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
