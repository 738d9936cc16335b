/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_envelope_inside.c: any bytes as the decrypted parts of an envelope, whose parsers otherwise
 * see only what somebody with the key has made: start, manifest, seal, card bytes. The first byte
 * chooses.
 */
#include "envelope/container.h"
#include "envelope/envelope_manifest.h"
#include "envelope/envelope_signature.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void as_start(const uint8_t *data, size_t size)
{
    uint8_t in[MV_START_LEN] = {0}, again[MV_START_LEN];
    mv_start start;
    memcpy(in, data, size < sizeof in ? size : sizeof in);
    if (mv_start_read(&start, in) == MV_OK) {
        mv_start_write(again, &start);
        if (memcmp(in, again, sizeof in) != 0 || start.manifest_len > MV_MANIFEST_LEN_MAX) {
            abort();
        }
    }
}

/* What is accepted writes back to the very same bytes: there is one encoding only. */
static void as_manifest(const uint8_t *data, size_t size)
{
    mv_manifest manifest;
    if (mv_manifest_read(&manifest, data, size, NULL) == MV_OK) {
        mv_buffer again = mv_buffer_make(MV_MANIFEST_LEN_MAX);
        if (mv_manifest_write(&again, &manifest, NULL) != MV_OK || again.len != size ||
            memcmp(again.bytes, data, size) != 0) {
            abort();
        }
        mv_buffer_clear(&again);
        mv_manifest_clear(&manifest);
    }
}

static void as_seal(const uint8_t *data, size_t size)
{
    static const mv_transcript transcript = {{0}, {0}};
    mv_sender sender;
    const mv_status st = mv_seal_read(&sender, data, size, &transcript);
    if (st == MV_OK && sender.anonymous && size != mv_seal_len(NULL)) {
        abort();
    }
}

static void as_card(const uint8_t *data, size_t size)
{
    mv_card card;
    if (mv_card_decode(&card, data, size, NULL) == MV_OK && card.bytes_len != size) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const parser[4])(const uint8_t *, size_t) = {as_start, as_manifest, as_seal,
                                                               as_card};
    if (size != 0) {
        parser[data[0] % 4](data + 1, size - 1);
    }
    return 0;
}
