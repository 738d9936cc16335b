/* SPDX-License-Identifier: Apache-2.0
 *
 * veil.h: compact mode: an image in as few bytes as its quality allows.
 *
 * A lapped block transform, one quantiser step for the whole image, and an entropy coder whose
 * probabilities come from small networks (docs/modules/veil.md, docs/formats/veil.md). One set of
 * networks serves every rate, 8 to 16 bits, gray and colour (RGB goes through a reversible colour
 * transform), any size. All of decoding is integer arithmetic: the same bytes give the same samples
 * on every machine and any number of threads.
 *
 * The bytes can only be stored, sent and decoded: nothing can be computed on them, also when they
 * are encrypted homomorphically. The image that comes back is not the exact one.
 */
#ifndef MEDVEIL_VEIL_H
#define MEDVEIL_VEIL_H

#include "medveil/codec.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The networks. Immutable once loaded; may be shared by threads. */
typedef struct mv_veil mv_veil;

/* mv_veil_load, mv_veil_read: errors: MV_E_NOT_FOUND, MV_E_FORMAT (also a wrong hash),
 * MV_E_TRUNCATED, MV_E_RANGE (weights whose sums could overflow), MV_E_LIMIT, MV_E_MEMORY */
MV_API MV_MUST_CHECK mv_status mv_veil_load(mv_veil **out, const char *path, mv_error *err);
MV_API MV_MUST_CHECK mv_status mv_veil_read(mv_veil **out, const uint8_t *bytes, size_t len,
                                            mv_error *err);
MV_API void mv_veil_free(mv_veil **veil);
MV_API void mv_veil_describe(mv_model_info *out, const mv_veil *veil); /* feature_bits 0 */

/* mv_veil_find: the networks with this hash on the search path of models (files *.mvv); hash NULL:
 * the first there are. errors: MV_E_NOT_FOUND with hash and folders in the sentence */
MV_API MV_MUST_CHECK mv_status mv_veil_find(mv_veil **out, const uint8_t *hash, mv_error *err);

/* mv_veil_each: as mv_model_each, of files *.mvv. */
MV_API MV_MUST_CHECK mv_status mv_veil_each(mv_status (*visit)(void *user, const char *path,
                                                               const mv_model_info *info),
                                            void *user);

/* ---- images ---- */

/* One of quality, target_psnr_db and target_bytes says how fine; the others are 0. */
typedef struct mv_veil_opts {
    uint32_t quality; /* 1..100: 10 more halve the quantiser's step; 50 (default): a step of
                         8/255 of the image's range, about 44 dB */
    double
        target_psnr_db; /* the fewest bytes that reach it; of 2^bits - 1, floats of their range */
    uint64_t target_bytes; /* the best quality that needs no more */
    unsigned threads;      /* 0: all processors */
    mv_progress progress;
} mv_veil_opts;

MV_API mv_veil_opts mv_veil_defaults(void);

/* What decoding will give, next to the image. */
typedef struct mv_veil_stats {
    double psnr_db; /* infinite where nothing differs */
    double step;    /* of the quantiser, in stored values; 0: the image has one colour */
    uint64_t bytes;
} mv_veil_stats;

/* mv_veil_encode: owner: the caller frees *out with mv_veil_free_bytes. stats may be NULL.
 * errors: MV_E_ARGUMENT (also a target that no step reaches, with what is reached in err),
 * MV_E_RANGE (NaN or infinity), MV_E_MEMORY, MV_E_INTERRUPTED */
MV_API MV_MUST_CHECK mv_status mv_veil_encode(uint8_t **out, size_t *len, mv_veil_stats *stats,
                                              const mv_veil *veil, const mv_image *image,
                                              const mv_veil_opts *opts, mv_error *err);
MV_API void mv_veil_free_bytes(uint8_t **bytes, size_t len); /* wipes */

/* What the head of the bytes says. */
typedef struct mv_veil_about {
    uint32_t width, height, depth, channels;
    mv_sample_type type;
    uint32_t bits;
    uint8_t networks[4]; /* the hash of the networks begins so */
    double low, high;    /* stored values lie within these */
    double step;         /* as in mv_veil_stats */
} mv_veil_about;

/* mv_veil_inspect: any bytes. errors: MV_E_FORMAT, MV_E_TRUNCATED, MV_E_LIMIT, MV_E_UNSUPPORTED (a
 * later version) */
MV_API MV_MUST_CHECK mv_status mv_veil_inspect(mv_veil_about *out, const uint8_t *bytes, size_t len,
                                               mv_error *err);

/* mv_veil_meta: what an envelope says of an image that travels compact: its shape, type and scale,
 * and the networks; no features. errors: MV_E_RANGE (NaN or infinity) */
MV_API MV_MUST_CHECK mv_status mv_veil_meta(mv_code_meta *out, const mv_veil *veil,
                                            const mv_image *image, mv_error *err);

/* mv_veil_decode: any bytes. meta NULL, or what mv_veil_meta said, which must agree and gives
 * slope, intercept and spacing. threads 0: all processors. owner: the caller clears *out. errors:
 * as mv_veil_inspect; MV_E_MISMATCH (other networks; or not the image of meta), MV_E_MEMORY,
 * MV_E_INTERRUPTED */
MV_API MV_MUST_CHECK mv_status mv_veil_decode(mv_image *out, const mv_veil *veil,
                                              const uint8_t *bytes, size_t len,
                                              const mv_code_meta *meta, unsigned threads,
                                              mv_progress progress, mv_error *err);

#ifdef __cplusplus
}
#endif
#endif
