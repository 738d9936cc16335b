/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_envelope.c: any bytes as an envelope, opened with an identity that corpus files were sealed
 * for. Nothing is repaired: almost every input ends at a check, which is the point.
 */
#include "envelope/identity.h"
#include "medveil/envelope.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static mv_identity *identity; /* kept for the whole run */
    static const uint8_t seed[MV_SEED_LEN] = {2, 0x5e, 0xed};
    mv_envelope_outside outside;
    mv_content content;
    mv_sender sender;

    if (identity == NULL && mv_identity_from_seed(&identity, seed, 20000) != MV_OK) {
        abort();
    }
    const mv_status seen = mv_envelope_inspect(&outside, data, size, NULL);
    const mv_status opened =
        mv_envelope_open(&content, &sender, NULL, data, size, identity, MV_OPEN_ALL, NULL);
    if (opened == MV_OK && seen != MV_OK) {
        abort();
    }
    mv_content_clear(&content);
    return 0;
}
