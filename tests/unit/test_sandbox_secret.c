/* SPDX-License-Identifier: Apache-2.0
 *
 * test_sandbox_secret.c: a sandboxed child, in the middle of sealing and of opening, looks through
 * all memory that it has for the keys of its parent.
 *
 * The parent lists its writable memory before; the child asks of each page whether it is there
 * (madvise, which its filter allows) and searches it. What it searches for is kept inverted, so
 * that it does not find the question.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/secret.h"
#include "envelope/envelope_internal.h"
#include "envelope_sample.h"
#include "he/keys.h"
#include "image/sandbox.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

enum { REGIONS_MAX = 4096, NEEDLES_MAX = 16, NEEDLE_LEN = 32, FOUND_NONE = 0 };

#define REGION_LEN_MAX                                                                             \
    ((uintptr_t)1 << 31) /* the shadow of a sanitizer is larger; no keys there                     \
                          */

#if defined(__SANITIZE_ADDRESS__)
#define PLAIN_READS __attribute__((no_sanitize_address))
#elif defined(__clang__)
#define PLAIN_READS __attribute__((no_sanitize("address")))
#else
#define PLAIN_READS
#endif

typedef struct region {
    uintptr_t from, to;
} region;

typedef struct needle {
    const char *name;
    uint8_t inverted[NEEDLE_LEN];
} needle;

static region regions[REGIONS_MAX];
static size_t region_count;
static needle needles[NEEDLES_MAX];
static size_t needle_count;

static void look_for(const char *name, const void *secret)
{
    assert_true(needle_count < NEEDLES_MAX);
    needles[needle_count].name = name;
    for (size_t i = 0; i < NEEDLE_LEN; i++) {
        needles[needle_count].inverted[i] = (uint8_t) ~((const uint8_t *)secret)[i];
    }
    needle_count++;
}

static void list_regions(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512], mode[8];
    unsigned long from = 0, to = 0;
    assert_non_null(maps);
    region_count = 0;
    while (fgets(line, sizeof line, maps) != NULL) {
        if (sscanf(line, "%lx-%lx %7s", &from, &to, mode) == 3 && mode[0] == 'r' &&
            mode[1] == 'w' && to - from <= REGION_LEN_MAX) {
            assert_true(region_count < REGIONS_MAX);
            regions[region_count++] = (region){from, to};
        }
    }
    (void)fclose(maps);
}

/* ---- in the child ---- */

PLAIN_READS static int matches(const uint8_t *p, const needle *n)
{
    for (size_t i = 0; i < NEEDLE_LEN; i++) {
        if ((uint8_t)(p[i] ^ n->inverted[i]) != 0xff) {
            return 0;
        }
    }
    return 1;
}

/* The number, from 1, of a needle in [p, end); FOUND_NONE: there is none. */
PLAIN_READS static uint32_t search(const uint8_t *p, const uint8_t *end)
{
    for (; p + NEEDLE_LEN <= end; p++) {
        for (size_t i = 0; i < needle_count; i++) {
            if ((uint8_t)(p[0] ^ needles[i].inverted[0]) == 0xff && matches(p, &needles[i])) {
                return (uint32_t)i + 1;
            }
        }
    }
    return FOUND_NONE;
}

/* answer: which needle was found; pages: how many were there to be searched. */
typedef struct haystack {
    uint32_t found;
    uint64_t pages;
} haystack;

static uint32_t searches_everything(const mv_sandbox_job *job)
{
    haystack *h = job->answer;
    const uintptr_t page = 4096;
    for (size_t r = 0; r < region_count && h->found == FOUND_NONE; r++) {
        for (uintptr_t at = regions[r].from; at < regions[r].to; at += page) {
            uintptr_t end = at;
            while (end < regions[r].to && madvise((void *)end, page, MADV_NORMAL) == 0) {
                end += page;
                h->pages++;
            }
            h->found =
                h->found != FOUND_NONE ? h->found : search((const void *)at, (const void *)end);
            at = end > at ? end - page : at;
        }
    }
    return 0;
}

static haystack searched_by_a_child(void)
{
    haystack h = {FOUND_NONE, 0};
    uint32_t result = 1;
    const mv_sandbox_job job = {.work = searches_everything,
                                .answer = &h,
                                .answer_len = sizeof h,
                                .seconds = 60,
                                .memory = (size_t)64 << 20};
    list_regions();
    assert_int_equal(mv_sandbox_run(&result, &job), MV_SANDBOX_ANSWERED);
    assert_int_equal(result, 0);
    return h;
}

static void check_nothing_is_found(const char *when)
{
    const haystack h = searched_by_a_child();
    assert_true(h.pages > 16);
    if (h.found != FOUND_NONE) {
        fail_msg("%s, a child finds %s", when, needles[h.found - 1].name);
    }
}

/* ---- what it looks for ---- */

static mv_seal_secrets *fresh_secrets(void)
{
    void *memory = NULL;
    assert_int_equal(mv_secret_new(&memory, sizeof(mv_seal_secrets)), MV_OK);
    assert_int_equal(mv_random_bytes(memory, sizeof(mv_seal_secrets)), MV_OK);
    return memory;
}

static void the_search_finds_a_key_in_ordinary_memory(void **state)
{
    void *secret = NULL;
    uint8_t *ordinary = malloc(NEEDLE_LEN);
    (void)state;
    assert_non_null(ordinary);
    assert_int_equal(mv_secret_new(&secret, NEEDLE_LEN), MV_OK);
    assert_int_equal(mv_random_bytes(secret, NEEDLE_LEN), MV_OK);
    needle_count = 0;
    look_for("a key", secret);
    check_nothing_is_found("before it is copied");
    memcpy(ordinary, secret, NEEDLE_LEN);
    assert_int_equal(searched_by_a_child().found, 1);
    mv_wipe(ordinary, NEEDLE_LEN);
    free(ordinary);
    mv_secret_free(&secret);
}

static uint32_t reads_a_secret(const mv_sandbox_job *job)
{
    return *(const volatile uint8_t *)job->context;
}

static void touching_a_secret_ends_the_child(void **state)
{
    void *secret = NULL;
    uint32_t result = 0;
    mv_sandbox_job job = {.work = reads_a_secret, .seconds = 5, .memory = (size_t)64 << 20};
    (void)state;
    assert_int_equal(mv_secret_new(&secret, 100000), MV_OK);
    job.context = (uint8_t *)secret;
    assert_int_equal(mv_sandbox_run(&result, &job), MV_SANDBOX_DIED);
    job.context = (uint8_t *)secret + 99999;
    assert_int_equal(mv_sandbox_run(&result, &job), MV_SANDBOX_DIED);
    mv_secret_free(&secret);
}

static void a_child_finds_no_key_while_its_parent_seals_and_opens(void **state)
{
    mv_identity *me = NULL;
    mv_seal_secrets *secrets = fresh_secrets();
    mv_he_key *he_key = NULL;
    mv_content content = sample_content(true, 70000);
    mv_sealer *sealer = NULL;
    mv_opener *opener = NULL;
    mv_error err = {0};
    FILE *file = tmpfile();
    mv_source source;
    void *memory = secrets;
    (void)state;

    assert_non_null(file);
    assert_int_equal(mv_identity_generate(&me), MV_OK);
    assert_int_equal(mv_he_key_new(&he_key, mv_he_set_find("pack4096"), secrets->collection_key),
                     MV_OK);
    needle_count = 0;
    look_for("the identity's seed", me->seed);
    look_for("the sealing seed", me->seal_seed);
    look_for("the signing seed", me->sign_seed);
    look_for("X-Wing's secret", &me->seal);
    look_for("the envelope key", secrets->envelope_key);
    look_for("the collection key", secrets->collection_key);
    look_for("the HE secret", he_key->secret.limb);
    look_for("the HE secret's constants", he_key->secret.con);

    const mv_seal_opts opts = {.sender = me, .recipient = &me->card, .recipient_count = 1};
    const mv_source exact = mv_source_memory(content.exact, content.exact_len);
    assert_int_equal(mv_sealer_new_with(&sealer, &opts, secrets, &err), MV_OK);
    assert_int_equal(mv_sealer_add(sealer, "a", &content.code, &exact, &err), MV_OK);
    check_nothing_is_found("between two images that are sealed");
    const mv_sink sink = mv_sink_file(file);
    assert_int_equal(mv_sealer_finish(sealer, NULL, &sink, &err), MV_OK);
    mv_sealer_free(&sealer);

    assert_int_equal(mv_source_file(&source, file, &err), MV_OK);
    assert_int_equal(mv_opener_new(&opener, &source, me, &err), MV_OK);
    check_nothing_is_found("in an open envelope");

    mv_opener_free(&opener);
    mv_content_clear(&content);
    mv_he_key_free(&he_key);
    mv_secret_free(&memory);
    mv_identity_free(&me);
    (void)fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_search_finds_a_key_in_ordinary_memory),
        cmocka_unit_test(touching_a_secret_ends_the_child),
        cmocka_unit_test(a_child_finds_no_key_while_its_parent_seals_and_opens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
