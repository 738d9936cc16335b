/* SPDX-License-Identifier: Apache-2.0
 *
 * eval.h: the paper's laboratory: what medveil eval measures, and where each figure is kept.
 *
 *     eval_job (sets, models)
 *       --eval_quality--> eval_item of every image x model     both processors
 *       --eval_timing---> eval_time of some images             one processor, nothing else
 *       --eval_codecs---> bytes and PSNR of PCM, JPEG, ..      both processors
 *       --report_write--> tables, figures, findings            report.h
 *
 * Every measured row is a line of the journal in the output folder, so an interrupted run goes on.
 */
#ifndef MV_CLI_EVAL_H
#define MV_CLI_EVAL_H

#include "medveil/bfv.h"
#include "ranked.h"
#include "row_journal.h"

#include <stdio.h>

enum {
    EVAL_SETS_MAX = 8,
    EVAL_MODELS_MAX = 8,
    EVAL_SIDE = 224,
    EVAL_BITS = 8,
    EVAL_BUDGET = 37632, /* features of the paper: 112 x 112 x 3 */
    EVAL_REPEATS = 5,
    EVAL_CODEC_IMAGES = 40 /* of each set, for the curves of other codecs */
};

/* Before pre-processing: raw samples over the type's maximum, own size. After: stretched to the
 * image's own range, 224x224. */
typedef enum eval_way { EVAL_BEFORE, EVAL_AFTER, EVAL_WAYS } eval_way;

typedef enum eval_state { EVAL_OPEN, EVAL_DONE, EVAL_UNREADABLE } eval_state;

typedef struct eval_quality {
    double psnr_db, rmse, ssim;   /* psnr_db is infinite when nothing was lost */
    double raw, features, cipher; /* bytes */
} eval_quality;

/* One image under one model. */
typedef struct eval_item {
    eval_state state;
    bool exact;    /* all features came out of their ciphertexts as they went in */
    bool labelled; /* embedding and scores are there */
    eval_quality way[EVAL_WAYS];
    int8_t embedding[EVAL_WAYS][MV_EMBEDDING_DIM]; /* of the decrypted features */
    double score[EVAL_WAYS][LABELLED_CLASSES_MAX]; /* of the classes of its set */
} eval_item;

/* Milliseconds, median of the repeats, of one image under one model. */
typedef struct eval_time {
    double encode, encrypt, decrypt, decode;
} eval_time;

/* The same features under three forms of encryption. */
enum { EVAL_BFV, EVAL_CKKS_SYM, EVAL_CKKS_PK, EVAL_FORMS };
typedef struct eval_form {
    double encrypt_ms, decrypt_ms, bytes, error; /* error: largest, in steps of the 8-bit feature */
} eval_form;

/* Statistics of the features of one image, as bytes, and of their ciphertext. */
typedef struct eval_cipher_stats {
    double entropy[2], chi_square[2], correlation[2]; /* plain, cipher */
    double npcr, uaci;          /* between two fresh encryptions of the same features */
    double key_equal, key_npcr; /* one bit of the key flipped: features that still come out equal;
                                   ciphertext bytes that differ */
    double mean_bin, bins;      /* of the ciphertext's histogram: mean count, largest deviation */
} eval_cipher_stats;

/* Other codecs on the same images. */
enum { CODEC_PCM, CODEC_JPEG, CODEC_J2K, CODEC_JPEGLS, CODEC_COUNT, CODEC_POINTS = 8 };
typedef struct codec_point {
    double bytes, psnr_db, ssim; /* psnr_db is infinite when lossless; bytes 0: no such point */
} codec_point;
typedef struct codec_curves {
    codec_point at[CODEC_COUNT][CODEC_POINTS];
} codec_curves;

typedef struct eval_set {
    labelled list;
    size_t *timed; /* indices of the images of the timing pass */
    size_t timed_count;
    size_t *coded; /* and of those of eval_codecs */
    size_t coded_count;
    eval_cipher_stats stats;
    eval_form *form;      /* timed_count x EVAL_FORMS, of the first model's features */
    codec_curves *curves; /* coded_count */
    bool *unreadable;     /* list.count */
} eval_set;

typedef struct eval_model {
    mv_model *model;
    mv_head *head; /* NULL: no MAP */
    mv_model_info info;
    mv_head_info head_info;
    char path[4096];                             /* of the model's file; "" when unknown */
    size_t features;                             /* of one 224x224 image */
    eval_item *item[EVAL_SETS_MAX];              /* list.count each */
    eval_time (*time[EVAL_SETS_MAX])[EVAL_WAYS]; /* timed_count each */
    uint32_t first_class[EVAL_SETS_MAX]; /* where the set's classes stand in the head; class_count
                                            of the head when it does not know them */
} eval_model;

/* eval_in_budget: whether the model sends what the paper's network sends. */
static inline bool eval_in_budget(const eval_model *model)
{
    return model->features == EVAL_BUDGET && model->info.feature_bits == EVAL_BITS;
}

typedef struct eval_job {
    eval_set set[EVAL_SETS_MAX];
    size_t set_count;
    eval_model model[EVAL_MODELS_MAX];
    size_t model_count;
    const char *out; /* folder */
    unsigned threads;
    size_t timing_images, repeats;
    bool integer; /* networks in whole numbers, not in floating point */
    size_t every; /* of the images of each set one in so many; --curves alone */
    uint8_t key_bytes[MV_COLLECTION_KEY_LEN];
    mv_he_key *key; /* pack4096 */
    row_journal *journal;
    size_t unreadable_count; /* images, not counted twice */
    double started_ms;
} eval_job;

/* ---- journal: eval_journal.c ---- */

/* eval_journal_open: read what an earlier run left in OUT/journal.tsv and go on after it. anew:
 * begin again. errors: MV_E_MISMATCH (another evaluation's), MV_E_FORMAT, MV_E_IO */
MV_MUST_CHECK mv_status eval_journal_open(eval_job *job, bool anew, size_t *resumed, mv_error *err);

/* Rows; each locks, writes one line and flushes it. errors: MV_E_IO */
MV_MUST_CHECK mv_status eval_journal_item(eval_job *job, size_t m, size_t s, size_t i);
MV_MUST_CHECK mv_status eval_journal_time(eval_job *job, size_t m, size_t s, size_t t);
MV_MUST_CHECK mv_status eval_journal_set(eval_job *job, size_t s, size_t t); /* forms of t */
MV_MUST_CHECK mv_status eval_journal_curves(eval_job *job, size_t s, size_t t);
MV_MUST_CHECK mv_status eval_journal_stats(eval_job *job, size_t s);

/* ---- passes ---- */

MV_MUST_CHECK mv_status eval_quality_pass(eval_job *job, mv_error *err); /* eval_quality.c */
/* eval_choose: which images are timed and coded; after the quality pass (before the journal is read
 * too: it needs the room). */
void eval_choose(eval_job *job);
MV_MUST_CHECK mv_status eval_timing_pass(eval_job *job, mv_error *err); /* eval_timing.c */
MV_MUST_CHECK mv_status eval_codec_pass(eval_job *job, mv_error *err);  /* eval_codecs.c */

/* The image as the network sees it (eval_quality.c). before: the middle slice as it is; after: also
 * resized to 224x224, gray, stretched to 8 bits. */
MV_MUST_CHECK mv_status eval_load(mv_image *out, const char *path, eval_way way, mv_error *err);
MV_MUST_CHECK mv_status eval_prepare(mv_image *out, const mv_image *image, eval_way way,
                                     mv_error *err);
mv_codec_opts eval_codec_opts(const eval_job *job, eval_way way);

/* eval_gray8: the middle slice, gray, stretched to 0..255, 8 bits. side: of the square it is
 * resized to; 0: its own size. errors: those of mv_image_resize, MV_E_RANGE, MV_E_MEMORY */
MV_MUST_CHECK mv_status eval_gray8(mv_image *out, const mv_image *image, uint32_t side,
                                   mv_error *err);

/* A gray image of 8 bits with fewer bits a pixel, or through JPEG, into back of the same shape; its
 * bytes (eval_codecs.c). errors: MV_E_MEMORY, MV_E_INTERNAL (the codec refuses) */
size_t eval_pcm(mv_image *back, const mv_image *image, unsigned bits);
MV_MUST_CHECK mv_status eval_jpeg(size_t *len, mv_image *back, const mv_image *image, int quality);

/* Features through a ciphertext and back into code. *exact: nothing changed. bytes: of the
 * ciphertext; may be NULL */
MV_MUST_CHECK mv_status eval_through_he(mv_code *code, const mv_he_key *key, bool *exact,
                                        double *bytes);

/* ---- numbers: eval_numbers.c ---- */

typedef struct eval_summary {
    size_t count;
    double mean, deviation, low5; /* low5: 5th percentile */
    double from, to;              /* 95 % interval of the mean by bootstrap */
} eval_summary;

/* eval_summarise: of the finite values; sorts value. */
eval_summary eval_summarise(double *value, size_t count);

/* Which images a figure is of: origin NULL: all; EVAL_HEADLINE: those of origins that have more
 * than one class, so that the origin cannot tell the class. */
extern const char EVAL_HEADLINE[];
bool eval_selected(const eval_set *set, size_t i, const char *origin);
bool eval_has_headline(const eval_set *set); /* that some origin has one class only */

/* errors: MV_E_MEMORY */
MV_MUST_CHECK mv_status eval_map_of(ranked *out, const eval_job *job, size_t m, size_t s,
                                    eval_way way, const char *origin);

typedef enum eval_what {
    EVAL_PSNR,
    EVAL_RMSE,
    EVAL_SSIM,
    EVAL_RAW,
    EVAL_FEATURES,
    EVAL_CIPHER
} eval_what;
MV_MUST_CHECK mv_status eval_summary_of(eval_summary *out, const eval_job *job, size_t m, size_t s,
                                        eval_way way, eval_what what, const char *origin);

/* Encryption (network + HE) or decryption, in ms. */
MV_MUST_CHECK mv_status eval_speed_of(eval_summary *out, const eval_job *job, size_t m, size_t s,
                                      eval_way way, bool decryption);

/* Distinct origins of a set, at most cap, borrowed; the count. */
size_t eval_origins(const char **origin, size_t cap, const eval_set *set);

/* eval_find_classes: where the head's classes of this set start, all of them, in the same order; or
 * how many classes the head has. */
uint32_t eval_find_classes(const mv_head_info *head, const labelled *l);

#endif
