/* SPDX-License-Identifier: Apache-2.0
 *
 * fidelity.h: what a picture lost that travels without its original.
 *
 * A record is made by the sender, who has both pictures, and is sealed and signed with the picture:
 * docs/formats/mv.md, section kind 6. It is a statement about this one image, in the units of its
 * stored samples, and no judgement of whether it may be used for anything.
 */
#ifndef MEDVEIL_FIDELITY_H
#define MEDVEIL_FIDELITY_H

#include "medveil/embedding.h"
#include "medveil/veil.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Tiles are squares of this side, from the corner of each slice, whole ones or what is left. */
#define MV_FIDELITY_TILE 16
#define MV_FIDELITY_LEN  100

/* Pictures of the kinds that the networks of features know lose less than this; what loses more is
 * unlike them or has been sharpened. docs/cli.md has how many of either kind it catches. */
#define MV_FIDELITY_FAMILIAR_DB 30.0

typedef struct mv_fidelity {
    double range;     /* of the original's samples, stored units, above 0: PSNR is against it */
    double max_error; /* of any sample, stored units */
    double psnr_db;   /* of all samples; INFINITY: none differs */
    /* The tile with the greatest mean squared error: its corner, and its own PSNR. */
    uint32_t worst_x, worst_y, worst_slice;
    double worst_psnr_db;
    /* How far a classifier moves: whether one looked, and which; the greatest change of a class's
     * probability in its set, 0..1; whether another class of some set is now the likeliest. */
    bool scored, class_changed;
    double score_drift;
    uint8_t head_hash[MV_EMBEDDING_HASH_LEN];
    /* Of compact mode, where the PSNR tells what was asked for: whether the picture was compared
     * with those of training, and how far it lies from them, 0..; above 1: unlike them. */
    bool judged;
    double unlikeness;
} mv_fidelity;

/* mv_fidelity_measure: everything but the scores. One constant colour has range 1.
 * errors: MV_E_MISMATCH (shapes or types differ), MV_E_RANGE (a sample is not finite), MV_E_MEMORY;
 * *out is zero on error */
MV_API MV_MUST_CHECK mv_status mv_fidelity_measure(mv_fidelity *out, const mv_image *original,
                                                   const mv_image *rebuilt);

/* mv_fidelity_score: the drift of this head's scores, into a record that was measured.
 * errors: those of mv_head_embed_image; *record is then as it was */
MV_API MV_MUST_CHECK mv_status mv_fidelity_score(mv_fidelity *record, const mv_head *head,
                                                 const mv_model *model, const mv_image *original,
                                                 const mv_image *rebuilt, mv_error *err);

/* mv_fidelity_judge: how far the original lies from the pictures that these networks were trained
 * on, into a record that was measured. Of networks other than the shipped ones nothing is known,
 * nor of a picture with fewer than 256 blocks of 8x8: then *record is as it was. The verdict
 * depends on the original alone, not on quality or machine; docs/modules/veil.md has how often it
 * errs. errors: MV_E_RANGE (a sample is not finite), MV_E_MEMORY; *record is then as it was */
MV_API MV_MUST_CHECK mv_status mv_fidelity_judge(mv_fidelity *record, const mv_veil *veil,
                                                 const mv_image *original);

/* Whether the picture is of a kind that the model knows: its unlikeness is at most 1 or, of one
 * that was not judged, psnr_db is good enough. */
MV_API bool mv_fidelity_familiar(const mv_fidelity *record);

/* As bytes. mv_fidelity_read: every field checked; also records of 92 bytes, without a verdict.
 * errors: MV_E_TRUNCATED, MV_E_FORMAT, MV_E_RANGE; *out is then zero */
MV_API void mv_fidelity_write(uint8_t out[MV_FIDELITY_LEN], const mv_fidelity *record);
MV_API MV_MUST_CHECK mv_status mv_fidelity_read(mv_fidelity *out, const uint8_t *bytes, size_t len);

#ifdef __cplusplus
}
#endif
#endif
