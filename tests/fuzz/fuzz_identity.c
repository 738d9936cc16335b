/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_identity.c: any bytes as the text of an identity file, and as one Bech32m line.
 */
#include "envelope/bech32.h"
#include "envelope/identity.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mv_identity *identity = NULL;
    const char *text = (const char *)data;
    size_t prefix_len = 0;
    const mv_status st = mv_identity_read(&identity, text, size, "input", NULL);

    if ((st == MV_OK) != (identity != NULL)) {
        abort();
    }
    mv_identity_free(&identity);
    if (mv_bech32m_valid(&prefix_len, text, size) && prefix_len >= size) {
        abort();
    }
    return 0;
}
