/* SPDX-License-Identifier: Apache-2.0
 *
 * code_meta.c: the description of an image and its features: checked when it comes from outside.
 * Needs no network, so that whoever opens an envelope does not either.
 */
#include "base/secret.h"
#include "medveil/codec.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#define FEATURES_MAX ((uint64_t)1 << 28)

void mv_code_clear(mv_code *code)
{
    if (code->feature != NULL) {
        mv_wipe(code->feature, code->feature_count * sizeof *code->feature);
        free(code->feature);
    }
    mv_wipe(code, sizeof *code);
}

static uint32_t frame_count(uint32_t depth, uint32_t frame_slices)
{
    return (depth + frame_slices - 1) / frame_slices;
}

mv_status mv_code_expect(size_t *feature_count, const mv_code_meta *m, mv_error *err)
{
    mv_status st = MV_OK;
    const bool sides = m->width >= 1 && m->width <= MV_IMAGE_SIDE_MAX && m->height >= 1 &&
                       m->height <= MV_IMAGE_SIDE_MAX && m->depth >= 1 &&
                       m->depth <= MV_IMAGE_SIDE_MAX;
    uint64_t count = 0;

    MV_REQUIRE(sides && (m->channels == 1 || m->channels == 3), err, MV_E_RANGE,
               "the image described inside has an impossible shape");
    MV_REQUIRE((uint64_t)m->width * m->height <= MV_IMAGE_SAMPLES_MAX / m->depth / m->channels, err,
               MV_E_LIMIT, "the image described inside is larger than the limit");
    MV_REQUIRE(mv_sample_size(m->type) != 0 && m->bits <= 32 && isfinite(m->slope) &&
                   isfinite(m->intercept) && isfinite(m->range_lo) && isfinite(m->range_hi),
               err, MV_E_RANGE, "the image described inside has an impossible value range");
    for (int i = 0; i < 3; i++) {
        MV_REQUIRE(isfinite(m->spacing_mm[i]) && m->spacing_mm[i] >= 0, err, MV_E_RANGE,
                   "the image described inside has an impossible spacing");
    }
    if (m->frames != 0) {
        MV_REQUIRE((m->frame_slices == 1 || (m->frame_slices == 3 && m->channels == 1)) &&
                       (m->frames == frame_count(m->depth, m->frame_slices) ||
                        (m->frame_slices == 1 && m->frames == m->depth * m->channels)) &&
                       m->feature_bits >= 1 && m->feature_bits <= 16 && m->feature_height >= 1 &&
                       m->feature_width >= 1 && m->feature_height <= m->height &&
                       m->feature_width <= m->width && m->feature_channels >= 1 &&
                       m->feature_channels <= 1024,
                   err, MV_E_RANGE, "the features described inside have an impossible shape");
        count = (uint64_t)m->feature_height * m->feature_width;
        MV_REQUIRE(count <= FEATURES_MAX / m->frames / m->feature_channels, err, MV_E_LIMIT,
                   "the features described inside are larger than the limit");
        count *= (uint64_t)m->frames * m->feature_channels;
    }
    *feature_count = (size_t)count;
done:
    return st;
}
