/* SPDX-License-Identifier: Apache-2.0
 *
 * envelope_sample.h: people and contents for tests of the envelope. Features are counted up, not
 * made by a network.
 */
#ifndef MV_TESTS_ENVELOPE_SAMPLE_H
#define MV_TESTS_ENVELOPE_SAMPLE_H

#include "envelope/identity.h"
#include "medveil/envelope.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* sample_identity: always the same one for the same number; NULL when out of memory. */
static inline mv_identity *sample_identity(uint8_t number)
{
    const uint8_t seed[MV_SEED_LEN] = {number, 0x5e, 0xed};
    mv_identity *id = NULL;
    return mv_identity_from_seed(&id, seed, 20000) == MV_OK ? id : NULL;
}

/* sample_content: a gray 32 x 32 image of 8 bits with 16 x 16 x 3 features, and exact_len bytes of
 * "original" (SIZE_MAX: none). with_features false: none travel. */
static inline mv_content sample_content(bool with_features, size_t exact_len)
{
    mv_content c = {.file_name = "scan.png"};
    mv_code_meta *m = &c.code.meta;
    *m = (mv_code_meta){.width = 32,
                        .height = 32,
                        .depth = 1,
                        .channels = 1,
                        .type = MV_SAMPLE_U8,
                        .bits = 8,
                        .slope = 1,
                        .intercept = -0.5,
                        .spacing_mm = {0.25, 0.25, 1},
                        .range_lo = 3,
                        .range_hi = 250,
                        .model_hash = {1, 2, 3},
                        .model_name = "cnn"};
    if (with_features) {
        m->frame_slices = 1;
        m->feature_bits = 8;
        m->frames = 1;
        m->feature_height = 16;
        m->feature_width = 16;
        m->feature_channels = 3;
        c.code.feature_count = 16 * 16 * 3;
        c.code.feature = calloc(c.code.feature_count, sizeof *c.code.feature);
        for (size_t i = 0; c.code.feature != NULL && i < c.code.feature_count; i++) {
            c.code.feature[i] = (uint32_t)(i * 7 + i / 256) & 255;
        }
    }
    if (exact_len != SIZE_MAX) {
        c.exact_len = exact_len;
        c.exact = malloc(exact_len + 1);
        for (size_t i = 0; c.exact != NULL && i < exact_len; i++) {
            c.exact[i] = (uint8_t)(i * 31 + i / 253 + 1);
        }
    }
    return c;
}

/* sample_raster: an NPY file of 128 bytes of header and 64 rows of 48 samples: channels 1, signed
 * of 16 bits; 3, of 8 bits. Owner: the caller. */
#define SAMPLE_RASTER_LEN(channels) (128u + 64 * 48 * ((channels) == 1 ? 2u : 3u))
static inline uint8_t *sample_raster(uint32_t channels)
{
    const size_t len = SAMPLE_RASTER_LEN(channels);
    uint8_t *out = malloc(len);
    if (out != NULL) {
        (void)snprintf((char *)out, 129, "\x93NUMPY\x01%c\x76%c%-117s\n", 0, 0,
                       channels == 1
                           ? "{'descr': '<i2', 'fortran_order': False, 'shape': (64, 48), }"
                           : "{'descr': '|u1', 'fortran_order': False, 'shape': (64, 48, 3), }");
        for (size_t i = 128; i < len; i++) {
            const size_t size = channels == 1 ? 2 : 3, k = (i - 128) / size;
            const size_t part = (i - 128) % size, x = k % 48, y = k / 48;
            const size_t v = channels == 1 ? x * 9 + x * x * y % 11 : x * 3 + y + x * y % 7;
            out[i] = (uint8_t)(channels == 3 ? v + part * 20 : part == 0 ? v : 254 + v / 256);
        }
    }
    return out;
}

/* sample_embedding: values from -31 to 31. */
static inline mv_embedding sample_embedding(void)
{
    mv_embedding e = {.head_hash = {4, 5, 6}};
    for (int i = 0; i < MV_EMBEDDING_DIM; i++) {
        e.value[i] = (int8_t)(i % 2 == 0 ? i / 4 : -i / 4);
    }
    return e;
}

#endif
