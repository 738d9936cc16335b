/* SPDX-License-Identifier: Apache-2.0
 *
 * jpegls_model.c: the numbers that a picture's bits and its error allow for. [JPEGLS] A.2, C.2.4.1
 */
#include "jpegls_model.h"

#include <string.h>

const uint8_t mv_jpegls_run_bits[MV_JPEGLS_RUNS] = {0, 0, 0, 0, 1,  1,  1,  1,  2,  2, 2,
                                                    2, 3, 3, 3, 3,  4,  4,  5,  5,  6, 6,
                                                    7, 7, 8, 9, 10, 11, 12, 13, 14, 15};

static unsigned bit_length(uint32_t v)
{
    return v == 0 ? 0 : 32 - (unsigned)__builtin_clz(v);
}

/* A bound that is out of order or above the highest value falls back to the least allowed one. */
static int32_t bound(int32_t v, int32_t least, int32_t max)
{
    return v > max || v < least ? least : v;
}

void mv_jpegls_bounds(int32_t out[3], const mv_jpegls_frame *frame)
{
    static const int32_t basic[3] = {3, 7, 21}, near_times[3] = {3, 5, 7};
    const int32_t max = (int32_t)(1u << frame->bits) - 1, near = (int32_t)frame->near;
    int32_t least = near + 1;
    for (int32_t i = 0; i < 3; i++) {
        int32_t v = 0;
        if (max >= 128) {
            v = ((max < 4095 ? max : 4095) + 128) / 256 * (basic[i] - 2 - i) + 2 + i;
            v += near_times[i] * near;
        } else {
            v = basic[i] / (256 / (max + 1)) + near_times[i] * near;
            v = v > 2 + i ? v : 2 + i;
        }
        out[i] = least = bound(v, least, max);
    }
}

static void set_classes(mv_jpegls_model *m, const int32_t t[3])
{
    for (int32_t s = 0; s <= m->max; s++) {
        const int8_t class = (int8_t)((s > m->near) + (s >= t[0]) + (s >= t[1]) + (s >= t[2]));
        m->class_of[65535 + s] = class;
        m->class_of[65535 - s] = (int8_t) - class;
    }
}

void mv_jpegls_model_init(mv_jpegls_model *out, const mv_jpegls_frame *frame)
{
    const int32_t max = (int32_t)(1u << frame->bits) - 1, near = (int32_t)frame->near;
    const unsigned word = frame->bits > 8 ? frame->bits : 8;
    int32_t bounds[3];

    out->max = max;
    out->near = near;
    out->step = 2 * near + 1;
    out->range = (max + 2 * near) / out->step + 1;
    out->bits = bit_length((uint32_t)out->range - 1);
    out->limit = 2 * (frame->bits + word);
    out->run = 0;
    mv_jpegls_bounds(bounds, frame);
    set_classes(out, bounds);
    const int32_t a = out->range + 32 < 2 * 64 ? 2 : (out->range + 32) / 64;
    for (size_t i = 0; i < MV_JPEGLS_CONTEXTS; i++) {
        out->context[i] = (mv_jpegls_context){.a = a, .n = 1};
    }
    out->ending[0] = out->ending[1] = (mv_jpegls_run_context){.a = a, .n = 1};
}

void mv_jpegls_turn(uint16_t **line, uint16_t **above, size_t count, size_t channels)
{
    uint16_t *const swap = *above;
    *above = *line;
    *line = swap;
    memcpy(*line, *above + channels, channels * sizeof **line);
    memcpy(*above + count + channels, *above + count, channels * sizeof **above);
}
