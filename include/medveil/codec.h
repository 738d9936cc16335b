/* SPDX-License-Identifier: Apache-2.0
 *
 * codec.h: image -> integer features -> image, by an autoencoder network.
 *
 * Encoding: normalise to [0,1] by the image's own minimum and maximum (paper, equation 1; the range
 * is kept), optionally resize (equation 2), run the encoder on frames of three channels, quantise
 * each feature to feature_bits. Each gray slice is a frame of its own, replicated to the three
 * channels; RGB fills them; or three neighbouring slices of a gray stack ride in one frame
 * (frame_slices 3: a third of the features, lower quality). A constant image is 0 everywhere.
 * Images larger than one tile are cut into windows that overlap by the network's reach, so the
 * result is that of one pass over the whole image.
 * Features are frame-major: feature[((f * fh + y) * fw + x) * fc + c].
 */
#ifndef MEDVEIL_CODEC_H
#define MEDVEIL_CODEC_H

#include "medveil/image.h"
#include "medveil/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Everything but the features: what the decoder must know. Travels encrypted. */
typedef struct mv_code_meta {
    uint32_t width, height, depth, channels; /* of the image that was encoded */
    mv_sample_type type;
    uint32_t bits; /* significant bits of the image's integer samples */
    double slope, intercept, spacing_mm[3];
    double range_lo, range_hi; /* stored values that map to 0 and 1 */
    uint8_t model_hash[MV_MODEL_HASH_LEN];
    char model_name[MV_MODEL_NAME_MAX];
    uint32_t frame_slices; /* gray slices riding in one frame: 1 or 3 */
    uint32_t feature_bits; /* 1..16 */
    uint32_t frames, feature_height, feature_width, feature_channels;
} mv_code_meta;

typedef struct mv_code {
    mv_code_meta meta;
    uint32_t *feature; /* owned; frames * feature_height * feature_width * feature_channels */
    size_t feature_count;
} mv_code;

typedef struct mv_codec_opts {
    uint32_t feature_bits;                /* default 8 */
    uint32_t frame_slices;                /* 1 (default) or 3, see above */
    uint32_t resize_width, resize_height; /* 0: keep the image's own size */
    bool full_range; /* normalise by 0..2^bits - 1 (signed types: their half below 0 too) instead of
                        by the image's own range; floats always use their own */
    unsigned threads; /* 0: all processors */
    mv_progress progress;
} mv_codec_opts;

MV_API mv_codec_opts mv_codec_defaults(void);

/* mv_codec_describe: what mv_codec_encode will say of its features, before it makes them.
 * errors: those of mv_codec_encode */
MV_API MV_MUST_CHECK mv_status mv_codec_describe(mv_code_meta *out, const mv_model *model,
                                                 const mv_image *image, const mv_codec_opts *opts,
                                                 mv_error *err);

/* mv_codec_encode: owner: out is the caller's, clear with mv_code_clear.
 * errors: MV_E_ARGUMENT, MV_E_RANGE, MV_E_MEMORY, MV_E_INTERRUPTED */
MV_API MV_MUST_CHECK mv_status mv_codec_encode(mv_code *out, const mv_model *model,
                                               const mv_image *image, const mv_codec_opts *opts,
                                               mv_error *err);

/* mv_codec_decode: the network's image, in the type and scale of the original.
 * errors: MV_E_MISMATCH (another model's hash), MV_E_RANGE, MV_E_MEMORY, MV_E_INTERRUPTED */
MV_API MV_MUST_CHECK mv_status mv_codec_decode(mv_image *out, const mv_model *model,
                                               const mv_code *code, const mv_codec_opts *opts,
                                               mv_error *err);

MV_API void mv_code_clear(mv_code *code); /* wipes */

/* mv_code_expect: check a meta that came from outside (shapes agree, limits, finite numbers) and
 * give the feature count it implies. errors: MV_E_RANGE, MV_E_LIMIT */
MV_API MV_MUST_CHECK mv_status mv_code_expect(size_t *feature_count, const mv_code_meta *meta,
                                              mv_error *err);

#ifdef __cplusplus
}
#endif
#endif
