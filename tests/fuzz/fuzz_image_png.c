/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_image_png.c: any bytes as a PNG file; with their checksums made right, so that mutations
 * reach what lies behind them, and as they are.
 */
#include "fuzz_image.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static void put_u32be(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++) {
        p[i] = (uint8_t)(v >> (24 - 8 * i));
    }
}

/* Walk over the chunks (length, type, data, CRC of type and data). */
static void mend_checksums(uint8_t *bytes, size_t len)
{
    size_t at = 8;
    while (at <= len && len - at >= 12) {
        const uint8_t *p = bytes + at;
        const uint32_t data =
            (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
        if (data > len - at - 12) {
            return;
        }
        put_u32be(bytes + at + 8 + data, (uint32_t)crc32(0, p + 4, data + 4));
        at += 12 + (size_t)data;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    uint8_t *mended = malloc(len + 1);
    if (mended == NULL) {
        return 0;
    }
    fuzz_image(&mv_image_png, true, bytes, len);
    if (len > 0) {
        memcpy(mended, bytes, len);
    }
    mend_checksums(mended, len);
    fuzz_image(&mv_image_png, true, mended, len);
    free(mended);
    return 0;
}
