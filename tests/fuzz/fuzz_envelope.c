/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_envelope.c: any bytes as an envelope, opened with an identity that corpus files were sealed
 * for. Nothing is repaired: almost every input ends at a check, which is the point.
 */
#include "envelope/identity.h"
#include "medveil/envelope.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static mv_status drop(void *user, const uint8_t *bytes, size_t len, mv_error *err)
{
    (void)user;
    (void)bytes;
    (void)len;
    (void)err;
    return MV_OK;
}

/* Everything of every member. */
static void take(mv_opener *opener)
{
    const mv_sink sink = {drop, NULL};
    for (size_t i = 0; i < mv_opener_count(opener); i++) {
        mv_code code;
        (void)(mv_opener_exact(opener, i, &sink, NULL) == MV_OK);
        (void)(mv_opener_features(opener, i, &code, NULL, NULL, NULL) == MV_OK);
        mv_code_clear(&code);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static mv_identity *identity; /* kept for the whole run */
    static const uint8_t seed[MV_SEED_LEN] = {2, 0x5e, 0xed};
    const mv_source source = mv_source_memory(data, size);
    mv_envelope_outside outside;
    mv_opener *opener = NULL;
    mv_collection *collection = NULL;

    if (identity == NULL && mv_identity_from_seed(&identity, seed, 20000) != MV_OK) {
        abort();
    }
    const mv_status seen = mv_envelope_inspect(&outside, &source, NULL);
    const mv_status opened = mv_opener_new(&opener, &source, identity, NULL);
    if ((opened == MV_OK && seen != MV_OK) || (opened == MV_OK) != (opener != NULL)) {
        abort();
    }
    if (opener != NULL) {
        take(opener);
    }
    mv_opener_free(&opener);
    if (mv_collection_open(&collection, &source, identity, NULL) == MV_OK && opened != MV_OK) {
        abort();
    }
    mv_collection_free(&collection);
    return 0;
}
