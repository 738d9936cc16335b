/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_envelope_inside.c: any bytes as the decrypted parts of an envelope, whose parsers otherwise
 * see only what somebody with the key has made: directory, meta, signature section, card bytes. The
 * first byte chooses.
 */
#include "envelope/container.h"
#include "envelope/envelope_meta.h"
#include "envelope/envelope_signature.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void as_directory(const uint8_t *data, size_t size)
{
    uint8_t in[MV_DIRECTORY_LEN] = {0}, again[MV_DIRECTORY_LEN];
    mv_directory dir;
    memcpy(in, data, size < sizeof in ? size : sizeof in);
    if (mv_directory_read(&dir, in) == MV_OK) {
        mv_directory_write(again, &dir);
        if (memcmp(in, again, sizeof in) != 0 || mv_padded_len(mv_body_len(&dir)) == 0) {
            abort();
        }
    }
}

/* What is accepted writes back to the very same bytes: there is one encoding only. */
static void as_meta(const uint8_t *data, size_t size)
{
    mv_envelope_meta meta;
    if (mv_meta_read(&meta, data, size, NULL) == MV_OK) {
        mv_buffer again = mv_buffer_make(MV_META_LEN_MAX);
        if (mv_meta_write(&again, &meta, NULL) != MV_OK || again.len != size ||
            memcmp(again.bytes, data, size) != 0) {
            abort();
        }
        mv_buffer_clear(&again);
    }
}

static void as_signature(const uint8_t *data, size_t size)
{
    static const mv_transcript transcript = {.section_count = 2};
    mv_sender sender;
    const mv_status st = mv_signature_read(&sender, data, size, &transcript);
    if (st == MV_OK && sender.anonymous && size != 3) {
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
    static void (*const parser[4])(const uint8_t *, size_t) = {as_directory, as_meta, as_signature,
                                                               as_card};
    if (size != 0) {
        parser[data[0] % 4](data + 1, size - 1);
    }
    return 0;
}
