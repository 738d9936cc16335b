/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_deid.c: any bytes as a DICOM file that is de-identified, in this process, without the
 * sandbox. What comes out opens again and holds no UID that went in, but those of the standard.
 */
#include "fuzz_image.h"
#include "image/deid_shim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 1 << 22, UIDS_ROOM = 1 << 18 };

const char *__asan_default_options(void);

/* DCMTK asks for as much as an element states; the sandbox refuses that, so it is refused here. */
const char *__asan_default_options(void)
{
    return "max_allocation_size_mb=512:allocator_may_return_null=1";
}

static void expect(bool holds, const char *promise)
{
    if (!holds) {
        fprintf(stderr, "broken promise: %s\n", promise);
        abort();
    }
}

/* old -> 2.25.N */
static size_t pair(char *out, const char *uids, size_t len)
{
    size_t at = 0, count = 0;
    for (const char *old = uids; old < uids + len; old += strlen(old) + 1) {
        at += (size_t)sprintf(out + at, "%s", old) + 1;
        at += (size_t)sprintf(out + at, "2.25.%zu", ++count) + 1;
    }
    return at;
}

static void check_output(const uint8_t *file, size_t len, char *uids)
{
    mv_deid_facts facts;
    size_t uids_len = UIDS_ROOM;
    expect(mv_deid_collect(&facts, uids, &uids_len, 0, file, len) == MV_DICOM_OK,
           "what was written can be read");
    for (const char *uid = uids; uid < uids + uids_len; uid += strlen(uid) + 1) {
        expect(strncmp(uid, "2.25.", 5) == 0, "every UID is a new one");
    }
    expect(strcmp(facts.patient, "P0") == 0 || facts.patient[0] == '\0', "the patient is another");
}

static void check_file(const mv_deid_plan *plan, uint8_t *out, char *uids, const uint8_t *bytes,
                       size_t len)
{
    size_t out_len = ROOM;
    uint32_t rows = 0;
    if (mv_deid_apply(out, &out_len, plan, bytes, len) != MV_DICOM_OK) {
        return;
    }
    memcpy(&rows, out, sizeof rows);
    const size_t head = sizeof rows + rows * sizeof(mv_deid_row);
    expect(head < out_len, "rows and a file come out");
    check_output(out + head, out_len - head, uids);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const mv_deid_blank corner = {0, 0, 3, 3};
    const unsigned keep = (len & 1) != 0 ? MV_DEID_CLEAN_DESCRIPTORS | MV_DEID_CLEAN_STRUCTURE : 0;
    mv_deid_facts facts;
    mv_deid_plan plan = {.keep = keep,
                         .blank = &corner,
                         .blank_count = (len & 2) != 0,
                         .pseudonym = "P0",
                         .method = "fuzzed"};
    size_t uids_len = UIDS_ROOM;
    char *uids = malloc(UIDS_ROOM), *pairs = malloc(16 * UIDS_ROOM);
    uint8_t *out = malloc(ROOM);

    expect(mv_dicom_prepare() && uids != NULL && pairs != NULL && out != NULL, "memory");
    if (mv_deid_collect(&facts, uids, &uids_len, keep, bytes, len) == MV_DICOM_OK &&
        facts.unfit == 0) {
        plan.uids_len = pair(pairs, uids, uids_len);
        plan.uids = pairs;
        check_file(&plan, out, uids, bytes, len);
    }
    free(uids);
    free(pairs);
    free(out);
    return 0;
}
