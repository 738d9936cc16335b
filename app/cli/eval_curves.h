/* SPDX-License-Identifier: Apache-2.0
 *
 * eval_curves.h: medveil eval --curves: bytes against quality of compact mode and of sums by
 * classes beside other codecs and the paper's networks, and what decoding does to tiles and class
 * scores.
 *
 *     eval_curves.c           the pass over the images, its journal
 *     eval_curves_codecs.c    one image through every codec
 *     eval_curves_numbers.c   means, Bjontegaard differences, which image is shown
 *     eval_curves_report.c    the page: tables
 *     eval_curves_findings.c  the page: sentences made from the numbers
 *     eval_curves_pictures.c  the page: curves, pictures and maps of their errors
 */
#ifndef MV_CLI_EVAL_CURVES_H
#define MV_CLI_EVAL_CURVES_H

#include "bjontegaard.h"
#include "cli.h"
#include "eval.h"
#include "eval_exact.h"
#include "medveil/envelope.h"
#include "medveil/veil.h"

/* With one setting for each point of a curve. */
typedef enum curve_codec {
    CURVE_VEIL, /* compact mode; quality */
    CURVE_SUMS, /* addable, room for two; step in grey levels. Under the image's own plan, counted
                 */
    CURVE_JPEG, /* quality */
    CURVE_J2K,  /* JPEG 2000; PSNR aimed at */
    CURVE_JXL,  /* JPEG XL; distance. The last: no points where this build has no libjxl */
    CURVE_CODECS
} curve_codec;

enum {
    CURVE_POINTS = 8,
    CURVE_USUAL = 4, /* the point of compact mode's quality 50 and of sums' step 8 */
    CURVE_PCM_BITS = 6
};
#define CURVE_LOW_DB    34.0 /* the window of the Bjontegaard differences */
#define CURVE_HIGH_DB   50.0
#define CURVE_TARGET_DB 42.0 /* of the pictures */

extern const char *const curve_name[CURVE_CODECS];
extern const double curve_setting[CURVE_CODECS][CURVE_POINTS];
unsigned curve_codecs(void); /* how many of them this build has */

/* What came back; errors in grey levels of 255. */
typedef struct curve_point {
    double bytes;   /* with the tags of their records, or of the ciphertext; 0: no such point */
    double psnr_db; /* of 255; infinite when nothing was lost */
    double max_error, worst_db;    /* of any pixel; of the worst tile of 16x16 */
    double scored, drift, changed; /* whether a head looked; greatest change of a class's
                                      probability; whether another class is the likeliest */
} curve_point;

/* One image. All doubles, for the journal. */
typedef struct curve_item {
    double state; /* eval_state */
    double width, height;
    curve_point at[CURVE_CODECS][CURVE_POINTS];
    curve_point target; /* compact mode at the fewest bytes with CURVE_TARGET_DB */
    curve_point pcm;    /* CURVE_PCM_BITS bits a pixel */
    curve_point network[EVAL_MODELS_MAX];
    double lossless[EXACT_CODERS]; /* bytes */
    /* At CURVE_USUAL, whole files. Compact: its stream, what its records add, padding, all. */
    double stream, tags, padding, total;
    double plan, sums_total; /* of the sums' bytes the plan; of the summand file and the plan */
} curve_item;

typedef struct curves {
    eval_job *job;
    mv_veil *veil;
    mv_identity *self;
    mv_card card;
    mv_collection *collection;       /* whose key seals plans */
    bool native;                     /* images at their own size */
    size_t every;                    /* of each set one in so many */
    size_t judge;                    /* model whose head scores; model_count: none */
    curve_item *item[EVAL_SETS_MAX]; /* list.count each */
} curves;

/* eval_curves: after the job's sets and models are there: measure, and write the report.
 * errors: as eval_quality_pass; MV_E_NOT_FOUND (no networks of compact mode) */
MV_MUST_CHECK mv_status eval_curves(eval_job *job, const cli_args *args, mv_error *err);

/* curve_load: image i of set s as every codec gets it: gray, 8 bits, 224x224 or its own size.
 * errors: those of mv_image_load and eval_gray8 */
MV_MUST_CHECK mv_status curve_load(mv_image *out, const curves *c, size_t s, size_t i,
                                   mv_error *err);

/* ---- eval_curves_codecs.c ---- */

/* curve_code: an image (gray, 8 bits) at a setting, and back; sums' plan in *plan, which may be
 * NULL as may total, the whole file's length. errors: MV_E_MEMORY, MV_E_INTERNAL, MV_E_LIMIT and
 * MV_E_UNSUPPORTED (sums of so large an image) */
MV_MUST_CHECK mv_status curve_code(double *bytes, mv_image *back, const curves *c,
                                   curve_codec codec, double setting, const mv_image *image);
/* curve_target: the same with the fewest bytes that reach a PSNR, or come nearest from above.
 * errors: as curve_code */
MV_MUST_CHECK mv_status curve_target(double *bytes, mv_image *back, const curves *c,
                                     curve_codec codec, double psnr_db, const mv_image *image);
double curve_psnr(const mv_image *image, const mv_image *back); /* of 255 */

/* curve_measure: everything about image i of set s. errors: as curve_code */
MV_MUST_CHECK mv_status curve_measure(curve_item *out, const curves *c, size_t s,
                                      const mv_image *image, mv_error *err);

/* ---- eval_curves_numbers.c ---- */

bool curve_has(const curves *c, size_t s, size_t i, const char *origin); /* measured, of origin */
size_t curve_count(const curves *c, size_t s, const char *origin);

/* Mean over the images of a number of a point; a NaN or an infinity is left out. */
typedef double (*curve_number)(const curve_item *x, const curve_point *p);
double curve_bits(const curve_item *x, const curve_point *p); /* a pixel; NAN: no such point */
double curve_quality(const curve_item *x, const curve_point *p);
double curve_mean(const curves *c, size_t s, curve_codec codec, size_t k, curve_number number);
double curve_mean_pcm(const curves *c, size_t s, curve_number number);
double curve_mean_network(const curves *c, size_t s, size_t m, curve_number number);

/* Against anchor: the mean over images of their Bjontegaard differences. */
typedef struct curve_difference {
    eval_summary rate, psnr_db; /* rate: 0.1 is 10 % more */
    double worst;               /* the largest rate of any image */
    double from_db, to_db;      /* mean ends of the range in common */
    size_t refused;             /* images whose curves have too little in common */
} curve_difference;
MV_MUST_CHECK mv_status curve_differ(curve_difference *out, const curves *c, size_t s,
                                     const char *origin, curve_codec codec, curve_codec anchor);

/* At one PSNR, over the images on which both codecs reach it: bits a pixel of each, and the images
 * that need more than under the anchor. */
typedef struct curve_at {
    size_t count, larger;
    double bits, anchor_bits, worst; /* worst: the largest part by which an image needs more */
} curve_at;
curve_at curve_compare_at(const curves *c, size_t s, curve_codec codec, curve_codec anchor,
                          double psnr_db);

/* Means over the images that reach one PSNR, straight between their measured points: of the worst
 * tile and of the drift of class scores. NAN: nothing to take a mean of. */
typedef struct curve_harm {
    double worst_db, drift;
} curve_harm;
curve_harm curve_harm_at(const curves *c, size_t s, curve_codec codec, double psnr_db);

/* curve_show: the readable images of a set in the order of their worst tile's PSNR at
 * CURVE_TARGET_DB: the one in the middle, and the lowest. false: there is none. */
bool curve_show(size_t *median, size_t *worst, const curves *c, size_t s);

/* How far class scores moved at a point, over the images that a head scored. */
typedef struct curve_drift {
    size_t count, changed;
    double mean, greatest;
} curve_drift;
void curve_drift_add(curve_drift *sum, const curve_point *p);

/* ---- the report ---- */

MV_MUST_CHECK mv_status curves_report(const curves *c, mv_error *err);
struct report;
void curves_findings(struct report *r, const curves *c);
void curves_plot(struct report *r, const curves *c, size_t s);
void curves_pictures(struct report *r, const curves *c, size_t s);

#endif
