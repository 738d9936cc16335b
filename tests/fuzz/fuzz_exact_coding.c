/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_exact_coding.c: any bytes as a file with raw samples, as coded frames (rebuilt in this
 * process, without the sandbox, so that a fault is seen), and as a whole coded original.
 *
 * Input: 1 byte, what is done; 2 bytes, width and height; 1 byte of flags; the rest.
 */
#include "envelope/exact_coding.h"
#include "envelope/exact_strips.h"

#include <stdlib.h>
#include <string.h>

enum { HEAD = 4, FRAMES_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static mv_status read_bytes(void *user, uint64_t at, uint8_t *out, size_t len, mv_error *err)
{
    (void)err;
    memcpy(out, (const uint8_t *)user + at, len);
    return MV_OK;
}

static mv_status drop(void *user, const uint8_t *bytes, size_t len, mv_error *err)
{
    uint64_t *left = user;
    (void)bytes;
    (void)err;
    if (len > *left) {
        abort(); /* more than the file has */
    }
    *left -= len;
    return MV_OK;
}

static void find(uint8_t *bytes, size_t len)
{
    const mv_raster_file file = {read_bytes, bytes, len};
    mv_raster raster;
    bool found = false;
    if (mv_raster_find(&raster, &found, &file, NULL) != MV_OK ||
        (found && !mv_raster_valid(&raster, len))) {
        abort();
    }
}

static void rebuild(const uint8_t *head, const uint8_t *bytes, size_t len)
{
    const mv_raster r = {.width = head[1] + 1u,
                         .height = head[2] + 1u,
                         .frames = 1,
                         .channels = (head[3] & 1) != 0 ? 3 : 1,
                         .sample_bytes = (head[3] & 2) != 0 ? 2 : 1,
                         .big_endian = (head[3] & 6) == 6};
    const bool in_strips = (head[3] & 8) != 0;
    const mv_exact_strips strips =
        mv_exact_strips_of(&r, in_strips ? MV_CODING_STRIPS : MV_CODING_RASTER);
    uint8_t *out = malloc((size_t)mv_raster_frame_len(&r) * FRAMES_MAX);
    if (out != NULL && len < FRAMES_MAX * 8) { /* a frame's head alone has 8 bytes */
        (void)mv_exact_rebuild(out, &strips, 0, 1, bytes, len);
    }
    free(out);
}

static void decode(const uint8_t *head, const uint8_t *bytes, size_t len)
{
    mv_exact_decoder *decoder = NULL;
    uint64_t left = 256u * head[1] + head[2];
    const mv_sink sink = {drop, &left};
    const uint32_t coding = (head[3] & 8) != 0 ? MV_CODING_STRIPS : MV_CODING_RASTER;
    if (mv_exact_decoder_new(&decoder, coding, left, &sink) == MV_OK) {
        if (mv_exact_decoder_write(decoder, bytes, len / 2, NULL) == MV_OK &&
            mv_exact_decoder_write(decoder, bytes + len / 2, len - len / 2, NULL) == MV_OK &&
            mv_exact_decoder_end(decoder, NULL) == MV_OK && left != 0) {
            abort(); /* accepted, and yet not whole */
        }
        mv_exact_decoder_free(&decoder);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    uint8_t *copy = len > HEAD ? malloc(len - HEAD) : NULL; /* a read past the end is seen */
    if (copy != NULL) {
        memcpy(copy, bytes + HEAD, len - HEAD);
        switch (bytes[0] % 3) {
        case 0:
            find(copy, len - HEAD);
            break;
        case 1:
            rebuild(bytes, copy, len - HEAD);
            break;
        default:
            decode(bytes, copy, len - HEAD);
        }
    }
    free(copy);
    return 0;
}
