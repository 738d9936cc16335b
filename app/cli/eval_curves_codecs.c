/* SPDX-License-Identifier: Apache-2.0
 *
 * eval_curves_codecs.c: one image through every codec at every setting, and what came back.
 */
#include "eval_curves.h"

#include "base/status.h"
#include "envelope/records.h"
#include "envelope/sum_plan.h"
#include "eval_jxl.h"
#include "j2k.h"
#include "medveil/fidelity.h"
#include "ui.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STREAM_MAX = 1 << 28, SEARCH = 10 };

const char *const curve_name[CURVE_CODECS] = {"compact", "sums by classes", "JPEG", "JPEG 2000",
                                              "JPEG XL"};

const double curve_setting[CURVE_CODECS][CURVE_POINTS] = {
    [CURVE_VEIL] = {30, 36, 41, 46, 50, 55, 60, 66},
    [CURVE_SUMS] = {32, 22, 16, 11, 8, 5.5, 4, 2.5},
    [CURVE_JPEG] = {30, 50, 65, 80, 88, 93, 96, 98},
    [CURVE_J2K] = {32, 35, 38, 41, 44, 47, 50, 53},
    [CURVE_JXL] = {8, 4, 2.2, 1.3, 0.8, 0.5, 0.3, 0.15},
};

unsigned curve_codecs(void)
{
    return eval_jxl_is_here() ? CURVE_CODECS : CURVE_JXL;
}

/* ---- each codec, once ---- */

static double with_tags(size_t len)
{
    return (double)mv_records_len(len);
}

static mv_status veil_image(double *bytes, mv_image *back, const curves *c,
                            const mv_veil_opts *opts, const mv_image *image)
{
    mv_status st = MV_OK;
    uint8_t *stream = NULL;
    size_t len = 0;

    mv_image_clear(back);
    MV_TRY(mv_veil_encode(&stream, &len, NULL, c->veil, image, opts, NULL));
    MV_TRY(mv_veil_decode(back, c->veil, stream, len, NULL, 1, (mv_progress){NULL, NULL}, NULL));
    *bytes = with_tags(len);
done:
    mv_veil_free_bytes(&stream, len);
    return st;
}

/* Lengths of a picture under a plan of its own: of the ciphertext, of the whole summand file, of
 * the sealed plan. */
typedef struct sums_len {
    double cipher, file, plan;
} sums_len;

/* What a made picture is on its way through. */
typedef struct made {
    mv_sum_plan plan;
    mv_sum_layout layout;
    int32_t *level;
    uint32_t *word;
    float *cost;
} made;

static void made_clear(made *m)
{
    free(m->level);
    free(m->word);
    free(m->cost);
    mv_sum_layout_clear(&m->layout);
    mv_sum_plan_clear(&m->plan);
}

static mv_status plan_for(made *m, double step, const mv_image *image, const mv_he_set *set)
{
    mv_status st = MV_OK;
    MV_TRY(mv_sum_plan_for(&m->plan, image, false, NULL));
    m->plan.sums = 2;
    m->plan.step16 = (uint32_t)(step * MV_SUM_GREY);
    const size_t count = mv_sum_levels_count(&m->plan);
    m->level = malloc(count * sizeof *m->level);
    m->cost = calloc(mv_sum_costs_count(&m->plan), sizeof *m->cost);
    MV_ENSURE(m->level != NULL && m->cost != NULL, MV_E_MEMORY);
    MV_TRY(mv_sum_levels(m->level, &m->plan, image));
    mv_sum_weigh(m->cost, &m->plan, m->level);
    mv_sum_choose(&m->plan, m->cost);
    MV_TRY(mv_sum_plan_fit_words(&m->plan, set, NULL));
    MV_TRY(mv_sum_layout_make(&m->layout, &m->plan));
    MV_ENSURE(m->layout.words != 0, MV_E_RANGE);
    m->word = malloc(m->layout.words * sizeof *m->word);
    MV_ENSURE(m->word != NULL, MV_E_MEMORY);
done:
    return st;
}

static mv_status seal_sums(sums_len *len, const curves *c, const made *m, const mv_he_set *set)
{
    mv_status st = MV_OK;
    static const uint8_t id[MV_SUM_PLAN_ID_LEN]; /* its length is all that matters here */
    mv_buffer plan = mv_buffer_make(STREAM_MAX);
    uint8_t *file = NULL;
    size_t file_len = 0;
    const mv_pack_shape shape = {
        .bits = m->plan.word, .sums = m->plan.sums, .count = (uint32_t)m->layout.words};

    MV_TRY(mv_sum_plan_seal(&plan, &m->plan, c->collection));
    MV_TRY(mv_sum_encrypt(&file, &file_len, m->word, &m->plan, &m->layout, id, set, c->collection,
                          NULL));
    *len = (sums_len){(double)mv_features_size(set, &shape), (double)file_len, (double)plan.len};
done:
    free(file);
    mv_buffer_clear(&plan);
    return st;
}

static mv_status sums_image(sums_len *len, mv_image *back, const curves *c, double step,
                            const mv_image *image)
{
    mv_status st = MV_OK;
    made m = {.level = NULL};
    const mv_he_set *set = mv_he_set_find("add4096");

    mv_image_clear(back);
    MV_TRY(plan_for(&m, step, image, set));
    (void)mv_sum_put(m.word, &m.layout, m.level);
    MV_TRY(seal_sums(len, c, &m, set));
    mv_sum_get(m.level, mv_sum_levels_count(&m.plan), &m.layout, m.word, 1);
    MV_TRY(mv_sum_picture(back, &m.plan, m.level, 1));
done:
    made_clear(&m);
    return st;
}

/* JPEG 2000 and JPEG XL: back has the shape. */
static mv_status other_image(double *bytes, mv_image *back, curve_codec codec, double setting,
                             const mv_image *image)
{
    mv_status st = MV_OK;
    const mv_jpegls_frame frame = {image->width, image->height, 1, 8, 0};
    mv_buffer stream = mv_buffer_make(STREAM_MAX);

    if (codec == CURVE_J2K) {
        MV_TRY(j2k_encode(&stream, &frame, image->sample, (float)setting));
        MV_TRY(j2k_decode(back, &stream));
    } else {
        MV_TRY(eval_jxl_encode(&stream, &frame, image->sample, (float)setting));
        MV_TRY(eval_jxl_decode(back, &stream));
    }
    *bytes = with_tags(stream.len);
done:
    mv_buffer_clear(&stream);
    return st;
}

static mv_status same_shape(mv_image *back, const mv_image *image)
{
    mv_image_clear(back);
    return mv_image_alloc(back, image->width, image->height, 1, 1, MV_SAMPLE_U8);
}

mv_status curve_code(double *bytes, mv_image *back, const curves *c, curve_codec codec,
                     double setting, const mv_image *image)
{
    mv_status st = MV_OK;
    const mv_veil_opts opts = {.quality = (uint32_t)setting, .threads = 1};
    sums_len sums;
    size_t len = 0;

    switch (codec) {
    case CURVE_VEIL:
        return veil_image(bytes, back, c, &opts, image);
    case CURVE_SUMS:
        MV_TRY(sums_image(&sums, back, c, setting, image));
        *bytes = sums.cipher + sums.plan;
        break;
    case CURVE_JPEG:
        MV_TRY(same_shape(back, image));
        MV_TRY(eval_jpeg(&len, back, image, (int)setting));
        *bytes = with_tags(len);
        break;
    default:
        MV_TRY(same_shape(back, image));
        MV_TRY(other_image(bytes, back, codec, setting, image));
    }
done:
    return st;
}

double curve_psnr(const mv_image *image, const mv_image *back)
{
    const uint8_t *a = image->sample, *b = back->sample;
    const size_t count = mv_image_sample_count(image);
    double squares = 0;
    for (size_t i = 0; i < count; i++) {
        squares += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    }
    return squares == 0 ? INFINITY : 10 * log10(255.0 * 255.0 * (double)count / squares);
}

/* Halving between the coarsest and the finest setting of its curve, on a logarithmic scale (JPEG
 * 2000's aims are decibels as they are). */
static mv_status search(double *bytes, mv_image *back, const curves *c, curve_codec codec,
                        double psnr_db, const mv_image *image)
{
    mv_status st = MV_OK;
    const bool linear = codec == CURVE_J2K;
    const double *s = curve_setting[codec];
    double coarse = linear ? s[0] : log(s[0]), fine = linear ? s[CURVE_POINTS - 1] : log(s[7]);

    for (int k = 0; k < SEARCH; k++) {
        const double middle = (coarse + fine) / 2;
        MV_TRY(curve_code(bytes, back, c, codec, linear ? middle : exp(middle), image));
        if (curve_psnr(image, back) >= psnr_db) {
            fine = middle;
        } else {
            coarse = middle;
        }
    }
    MV_TRY(curve_code(bytes, back, c, codec, linear ? fine : exp(fine), image));
done:
    return st;
}

mv_status curve_target(double *bytes, mv_image *back, const curves *c, curve_codec codec,
                       double psnr_db, const mv_image *image)
{
    const mv_veil_opts opts = {.target_psnr_db = psnr_db, .threads = 1};
    return codec == CURVE_VEIL ? veil_image(bytes, back, c, &opts, image)
                               : search(bytes, back, c, codec, psnr_db, image);
}

/* ---- what came back ---- */

/* An image, and how likely its classes are by the judge's head. */
typedef struct sight {
    const curves *c;
    size_t s;
    const mv_image *image;
    bool scored;
    double likely[LABELLED_CLASSES_MAX];
} sight;

static mv_status likelihood(double *out, const sight *x, const mv_image *image, mv_error *err)
{
    mv_status st = MV_OK;
    const eval_model *judge = &x->c->job->model[x->c->judge];
    const uint32_t count = x->c->job->set[x->s].list.class_count;
    float score[MV_HEAD_CLASSES_MAX];
    mv_embedding unused;
    double sum = 0;

    MV_TRY(mv_head_embed_image(&unused, score, judge->head, judge->model, image, err));
    const float *own = score + judge->first_class[x->s];
    for (uint32_t k = 0; k < count; k++) {
        out[k] = exp((double)own[k] - own[0]);
        sum += out[k];
    }
    for (uint32_t k = 0; k < count; k++) {
        out[k] /= sum;
    }
done:
    return st;
}

static uint32_t likeliest(const double *likely, uint32_t count)
{
    uint32_t best = 0;
    for (uint32_t k = 1; k < count; k++) {
        best = likely[k] > likely[best] ? k : best;
    }
    return best;
}

static mv_status score(curve_point *out, const sight *x, const mv_image *back, mv_error *err)
{
    mv_status st = MV_OK;
    const uint32_t count = x->c->job->set[x->s].list.class_count;
    double after[LABELLED_CLASSES_MAX];

    MV_TRY(likelihood(after, x, back, err));
    for (uint32_t k = 0; k < count; k++) {
        out->drift = fmax(out->drift, fabs(after[k] - x->likely[k]));
    }
    out->changed = likeliest(after, count) != likeliest(x->likely, count);
    out->scored = 1;
done:
    return st;
}

static mv_status look(curve_point *out, const sight *x, const mv_image *back, double bytes,
                      mv_error *err)
{
    mv_status st = MV_OK;
    mv_fidelity f;

    *out = (curve_point){.bytes = bytes, .psnr_db = curve_psnr(x->image, back)};
    MV_TRY(mv_fidelity_measure(&f, x->image, back));
    out->max_error = f.max_error;
    out->worst_db = f.worst_psnr_db + 20 * log10(255 / f.range);
    if (x->scored) {
        MV_TRY(score(out, x, back, err));
    }
done:
    return st;
}

/* ---- all of them ---- */

/* Sums of an image that is too large for them have no points; that is no reason to leave it out. */
static bool cannot(curve_codec codec, mv_status st)
{
    return codec == CURVE_SUMS && (st == MV_E_LIMIT || st == MV_E_UNSUPPORTED || st == MV_E_RANGE);
}

static mv_status one_curve(curve_item *out, const sight *x, curve_codec codec, mv_error *err)
{
    mv_status st = MV_OK;
    mv_image back = {0};

    for (size_t k = 0; k < CURVE_POINTS; k++) {
        double bytes = 0;
        MV_ENSURE(!ui_interrupted(), MV_E_INTERRUPTED);
        st = curve_code(&bytes, &back, x->c, codec, curve_setting[codec][k], x->image);
        if (cannot(codec, st)) {
            st = MV_OK;
            break;
        }
        MV_TRY(st);
        MV_TRY(look(&out->at[codec][k], x, &back, bytes, err));
    }
done:
    mv_image_clear(&back);
    return st;
}

static mv_status network(curve_point *out, const sight *x, size_t m, mv_error *err)
{
    mv_status st = MV_OK;
    const eval_job *job = x->c->job;
    const mv_codec_opts opts = eval_codec_opts(job, EVAL_AFTER);
    mv_code code = {.feature = NULL};
    mv_image back = {0};
    bool exact = true;
    double bytes = 0;

    MV_TRY(mv_codec_encode(&code, job->model[m].model, x->image, &opts, err));
    MV_TRY(eval_through_he(&code, job->key, &exact, &bytes));
    MV_ENSURE(exact, MV_E_INTERNAL);
    MV_TRY(mv_codec_decode(&back, job->model[m].model, &code, &opts, err));
    MV_TRY(look(out, x, &back, bytes, err));
done:
    mv_code_clear(&code);
    mv_image_clear(&back);
    return st;
}

static mv_status points(curve_item *out, const sight *x, mv_error *err)
{
    mv_status st = MV_OK;
    mv_image back = {0};
    double bytes = 0;

    MV_TRY(curve_target(&bytes, &back, x->c, CURVE_VEIL, CURVE_TARGET_DB, x->image));
    MV_TRY(look(&out->target, x, &back, bytes, err));
    MV_TRY(same_shape(&back, x->image));
    const size_t len = eval_pcm(&back, x->image, CURVE_PCM_BITS);
    MV_TRY(look(&out->pcm, x, &back, with_tags(len), err));
    for (size_t m = 0; m < x->c->job->model_count; m++) {
        MV_TRY(network(&out->network[m], x, m, err));
    }
done:
    mv_image_clear(&back);
    return st;
}

/* ---- whole files ---- */

static mv_status count_bytes(void *user, const uint8_t *bytes, size_t len, mv_error *err)
{
    (void)user;
    (void)bytes;
    (void)len;
    (void)err;
    return MV_OK;
}

/* What `encrypt --compact --lossy --no-embedding` for one recipient writes, the record of what was
 * lost included. */
static mv_status whole_file(curve_item *out, const sight *x, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_veil_opts opts = {.quality = (uint32_t)curve_setting[CURVE_VEIL][CURVE_USUAL],
                               .threads = 1};
    const mv_seal_opts seal = {
        .sender = x->c->self, .recipient = &x->c->card, .recipient_count = 1};
    const mv_sink nowhere = {count_bytes, NULL};
    const uint8_t record[MV_FIDELITY_LEN] = {0};
    mv_code code = {.feature = NULL};
    mv_envelope_stats stats;
    mv_sealer *sealer = NULL;
    uint8_t *bytes = NULL;
    size_t len = 0;

    MV_TRY(mv_veil_encode(&bytes, &len, NULL, x->c->veil, x->image, &opts, err));
    MV_TRY(mv_veil_meta(&code.meta, x->c->veil, x->image, err));
    MV_TRY(mv_sealer_new(&sealer, &seal, err));
    MV_TRY(mv_sealer_add(sealer, "image.png", &code, NULL, err));
    MV_TRY(mv_sealer_compact(sealer, bytes, len, false, err));
    MV_TRY(mv_sealer_further(sealer, MV_SECTION_FIDELITY, record, sizeof record, err));
    MV_TRY(mv_sealer_finish(sealer, &stats, &nowhere, err));
    out->stream = (double)len;
    out->tags = with_tags(len) - (double)len;
    out->padding = (double)stats.bytes_padding;
    out->total = (double)stats.bytes_total;
done:
    mv_sealer_free(&sealer);
    mv_veil_free_bytes(&bytes, len);
    return st;
}

static mv_status whole_sums(curve_item *out, const sight *x)
{
    sums_len len = {0, 0, 0};
    mv_image back = {0};
    const mv_status st =
        sums_image(&len, &back, x->c, curve_setting[CURVE_SUMS][CURVE_USUAL], x->image);
    out->plan = len.plan;
    out->sums_total = len.file + len.plan;
    mv_image_clear(&back);
    return cannot(CURVE_SUMS, st) ? MV_OK : st;
}

static mv_status lossless(curve_item *out, const mv_image *image)
{
    exact_group sums = {.files = 0};
    const mv_status st = eval_exact_image(&sums, image);
    memcpy(out->lossless, sums.bytes, sizeof out->lossless);
    return st;
}

mv_status curve_measure(curve_item *out, const curves *c, size_t s, const mv_image *image,
                        mv_error *err)
{
    mv_status st = MV_OK;
    const eval_job *job = c->job;
    sight x = {.c = c, .s = s, .image = image};

    *out = (curve_item){.width = image->width, .height = image->height};
    x.scored = c->judge < job->model_count &&
               job->model[c->judge].first_class[s] < job->model[c->judge].head_info.class_count;
    if (x.scored) {
        MV_TRY(likelihood(x.likely, &x, image, err));
    }
    for (curve_codec k = 0; k < curve_codecs(); k++) {
        MV_TRY(one_curve(out, &x, k, err));
    }
    MV_TRY(points(out, &x, err));
    MV_TRY(lossless(out, image));
    MV_TRY(whole_file(out, &x, err));
    MV_TRY(whole_sums(out, &x));
    out->state = EVAL_DONE;
done:
    return st;
}
