/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_identity.c: any bytes as the text of an identity file, as what stands inside its block, and
 * as one Bech32m line. A locked identity asks for its passphrase and gets none: the work that the
 * bytes may ask for is up to a gibibyte.
 */
#include "envelope/armour.h"
#include "envelope/bech32.h"
#include "envelope/identity.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static mv_status no_answer(void *user, char *out, size_t *len, const char *path, mv_error *err)
{
    (void)user;
    (void)out;
    (void)path;
    *len = 0;
    return mv_fail(err, MV_E_INTERRUPTED, "no answer");
}

static void read_text(const char *text, size_t size)
{
    const mv_unlock unlock = {no_answer, NULL};
    mv_identity *identity = NULL;
    mv_error err = {0};
    const mv_status st = mv_identity_read(&identity, text, size, "input", &unlock, &err);

    if ((st == MV_OK) != (identity != NULL) || (st != MV_OK) != (err.text[0] != '\0')) {
        abort();
    }
    mv_identity_free(&identity);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mv_buffer wrapped = mv_buffer_make(2 * size + 1000);
    size_t prefix_len = 0;

    read_text((const char *)data, size);
    if (mv_armour_write(&wrapped, MV_ARMOUR_IDENTITY, "#", data, size) == MV_OK) {
        read_text((const char *)wrapped.bytes, wrapped.len);
    }
    mv_buffer_clear(&wrapped);
    if (mv_bech32m_valid(&prefix_len, (const char *)data, size) && prefix_len >= size) {
        abort();
    }
    return 0;
}
