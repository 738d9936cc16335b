/* SPDX-License-Identifier: Apache-2.0
 *
 * failing.c: the requests that fail, at link time in place of the real ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "failing.h"

#include <malloc.h>
#include <string.h>

void *__real_malloc(size_t len);
void *__real_calloc(size_t count, size_t len);
void *__real_realloc(void *p, size_t len);
void *__real_aligned_alloc(size_t alignment, size_t len);
void *__real_sodium_malloc(size_t len);
mv_status __real_mv_random_bytes(uint8_t *out, size_t len);
void *__wrap_malloc(size_t len);
void *__wrap_calloc(size_t count, size_t len);
void *__wrap_realloc(void *p, size_t len);
void *__wrap_aligned_alloc(size_t alignment, size_t len);
char *__wrap_strdup(const char *text);
void *__wrap_sodium_malloc(size_t len);
mv_status __wrap_mv_random_bytes(uint8_t *out, size_t len);

int memory_left = -1;
int random_left = -1;
bool counting;
size_t live, peak;

bool comes_to_zero(int *left)
{
    return *left >= 0 && (*left)-- == 0;
}

int fail_each(int *left, mv_status expected, mv_status (*work)(void))
{
    for (int n = 0;; n++) {
        *left = n;
        const mv_status st = work();
        const bool failed = *left < 0;
        *left = -1;
        if (!failed) {
            assert_int_equal(st, MV_OK);
            return n;
        }
        assert_int_equal(st, expected);
    }
}

static void *counted(void *p)
{
    if (counting && p != NULL) {
        live += malloc_usable_size(p);
        peak = live > peak ? live : peak;
    }
    return p;
}

void *__wrap_malloc(size_t len)
{
    return comes_to_zero(&memory_left) ? NULL : counted(__real_malloc(len));
}

void *__wrap_calloc(size_t count, size_t len)
{
    return comes_to_zero(&memory_left) ? NULL : counted(__real_calloc(count, len));
}

void *__wrap_realloc(void *p, size_t len)
{
    const size_t before = counting && p != NULL ? malloc_usable_size(p) : 0;
    void *moved = comes_to_zero(&memory_left) ? NULL : counted(__real_realloc(p, len));
    live -= moved != NULL ? before : 0;
    return moved;
}

void *__wrap_aligned_alloc(size_t alignment, size_t len)
{
    return comes_to_zero(&memory_left) ? NULL : counted(__real_aligned_alloc(alignment, len));
}

char *__wrap_strdup(const char *text)
{
    const size_t len = strlen(text) + 1;
    char *copy = comes_to_zero(&memory_left) ? NULL : counted(__real_malloc(len));
    return copy == NULL ? NULL : memcpy(copy, text, len);
}

void *__wrap_sodium_malloc(size_t len)
{
    return comes_to_zero(&memory_left) ? NULL : __real_sodium_malloc(len);
}

mv_status __wrap_mv_random_bytes(uint8_t *out, size_t len)
{
    if (comes_to_zero(&random_left)) {
        memset(out, 0, len);
        return MV_E_RANDOM;
    }
    return __real_mv_random_bytes(out, len);
}
