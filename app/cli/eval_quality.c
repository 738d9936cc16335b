/* SPDX-License-Identifier: Apache-2.0
 *
 * eval_quality.c: every image under every model: through the network, through a ciphertext, and
 * back; what came out is measured.
 */
#include "eval.h"

#include "base/cpu.h"
#include "base/pool.h"
#include "codec/head.h"
#include "image/preprocess.h"
#include "medveil/metrics.h"
#include "ui.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

mv_codec_opts eval_codec_opts(const eval_job *job, eval_way way)
{
    mv_codec_opts opts = mv_codec_defaults();
    opts.feature_bits = EVAL_BITS;
    opts.threads = 1;
    opts.integer = job->integer;
    opts.full_range = way == EVAL_BEFORE;
    return opts;
}

/* Gray and stretched to its own range: what the networks were trained on. */
static mv_status stretch(mv_image *out, const mv_image *image, mv_error *err)
{
    mv_status st = MV_OK;
    double lo = 0, hi = 0;

    MV_TRY(mv_image_range(&lo, &hi, image, err));
    st = mv_image_alloc(out, image->width, image->height, 1, 1, MV_SAMPLE_U8);
    MV_REQUIRE(st == MV_OK, err, st, "out of memory for an image");
    for (size_t k = 0; k < mv_image_sample_count(out); k++) {
        double sum = 0;
        for (uint32_t c = 0; c < image->channels; c++) {
            sum += mv_image_get(image, k * image->channels + c);
        }
        mv_image_set(out, k, hi > lo ? (sum / image->channels - lo) / (hi - lo) * 255 : 0);
    }
done:
    return st;
}

mv_status eval_gray8(mv_image *out, const mv_image *image, uint32_t side, mv_error *err)
{
    mv_status st = MV_OK;
    mv_image slice = {0}, small = {0};

    MV_TRY(mv_image_slice(&slice, image, image->depth / 2, 1));
    if (side != 0) {
        MV_TRY(mv_image_resize(&small, &slice, side, side, err));
    }
    MV_TRY(stretch(out, side != 0 ? &small : &slice, err));
done:
    mv_image_clear(&slice);
    mv_image_clear(&small);
    return st;
}

mv_status eval_prepare(mv_image *out, const mv_image *image, eval_way way, mv_error *err)
{
    return way == EVAL_BEFORE ? mv_image_slice(out, image, image->depth / 2, 1)
                              : eval_gray8(out, image, EVAL_SIDE, err);
}

mv_status eval_load(mv_image *out, const char *path, eval_way way, mv_error *err)
{
    mv_status st = MV_OK;
    mv_image image = {0};
    MV_TRY(mv_image_load(&image, path, err));
    MV_TRY(eval_prepare(out, &image, way, err));
done:
    mv_image_clear(&image);
    return st;
}

mv_status eval_through_he(mv_code *code, const mv_he_key *key, bool *exact, double *bytes)
{
    mv_status st = MV_OK;
    const mv_pack_shape shape = {EVAL_BITS, 1, (uint32_t)code->feature_count};
    const size_t size = mv_pack_size(mv_he_set_find("pack4096"), &shape);
    const size_t count = code->feature_count;
    uint8_t *cipher = malloc(size + 1);
    uint32_t *back = calloc(count, sizeof *back);
    size_t len = 0;

    MV_ENSURE(size != 0, MV_E_LIMIT);
    MV_ENSURE(cipher != NULL && back != NULL, MV_E_MEMORY);
    MV_TRY(mv_pack_encrypt(cipher, size, &len, key, &shape, code->feature));
    MV_TRY(mv_pack_decrypt(back, count, key, cipher, len));
    *exact = *exact && memcmp(back, code->feature, count * sizeof *back) == 0;
    memcpy(code->feature, back, count * sizeof *back);
    if (bytes != NULL) {
        *bytes = (double)len;
    }
done:
    free(cipher);
    free(back);
    return st;
}

static mv_status measure_way(eval_item *item, const eval_job *job, const eval_model *model,
                             const mv_image *image, eval_way way, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_codec_opts opts = eval_codec_opts(job, way);
    eval_quality *q = &item->way[way];
    mv_image sent = {0}, back = {0};
    mv_code code = {.feature = NULL};
    mv_comparison c;

    MV_TRY(eval_prepare(&sent, image, way, err));
    MV_TRY(mv_codec_encode(&code, model->model, &sent, &opts, err));
    MV_TRY(eval_through_he(&code, job->key, &item->exact, &q->cipher));
    MV_TRY(mv_codec_decode(&back, model->model, &code, &opts, err));
    MV_TRY(mv_compare(&c, &sent, &back, err));
    q->psnr_db = c.identical ? INFINITY : c.psnr_db;
    q->rmse = c.rmse;
    q->ssim = c.ssim;
    q->raw = (double)mv_image_sample_count(&sent) * (double)mv_sample_size(sent.type);
    q->features = (double)code.feature_count * EVAL_BITS / 8;
done:
    mv_code_clear(&code);
    mv_image_clear(&sent);
    mv_image_clear(&back);
    return st;
}

/* Embedding and the scores of the set's classes, from decrypted features of the cropped image. */
static mv_status label_way(eval_item *item, const eval_job *job, const eval_model *model, size_t s,
                           const mv_image *image, eval_way way, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_codec_opts opts = eval_codec_opts(job, way);
    mv_image square = {0}, sent = {0};
    mv_code code = {.feature = NULL};
    mv_embedding embedding = {{0}, {0}};
    float score[MV_HEAD_CLASSES_MAX] = {0};

    MV_TRY(mv_head_square(&square, image, err));
    MV_TRY(eval_prepare(&sent, &square, way, err));
    MV_TRY(mv_codec_encode(&code, model->model, &sent, &opts, err));
    MV_TRY(eval_through_he(&code, job->key, &item->exact, NULL));
    MV_TRY(mv_head_embed_code(&embedding, score, model->head, model->model, &code, err));
    memcpy(item->embedding[way], embedding.value, sizeof embedding.value);
    for (uint32_t k = 0; k < job->set[s].list.class_count; k++) {
        item->score[way][k] = (double)score[model->first_class[s] + k];
    }
done:
    mv_code_clear(&code);
    mv_image_clear(&square);
    mv_image_clear(&sent);
    return st;
}

static mv_status measure(eval_item *item, const eval_job *job, size_t m, size_t s,
                         const mv_image *image, mv_error *err)
{
    mv_status st = MV_OK;
    const eval_model *model = &job->model[m];

    item->exact = true;
    item->labelled = model->head != NULL && model->first_class[s] < model->head_info.class_count;
    for (int way = 0; way < EVAL_WAYS; way++) {
        MV_TRY(measure_way(item, job, model, image, (eval_way)way, err));
        if (item->labelled) {
            MV_TRY(label_way(item, job, model, s, image, (eval_way)way, err));
        }
    }
    item->state = EVAL_DONE;
done:
    return st;
}

/* What the threads share; a unit of work is one image under one model. */
typedef struct pass {
    eval_job *job;
    size_t images, done;
    atomic_size_t finished;
    mv_error err[MV_POOL_WORKERS_MAX];
} pass;

/* Number n among all images, as set and index. */
static void locate(const eval_job *job, size_t n, size_t *s, size_t *i)
{
    *s = 0;
    while (n >= job->set[*s].list.count) {
        n -= job->set[(*s)++].list.count;
    }
    *i = n;
}

static mv_status measure_one(void *user, unsigned worker, size_t n)
{
    mv_status st = MV_OK;
    pass *p = user;
    eval_job *job = p->job;
    const size_t m = n / p->images;
    size_t s = 0, i = 0;
    mv_image image = {0};
    mv_error why = {0};

    locate(job, n % p->images, &s, &i);
    eval_item *item = &job->model[m].item[s][i];
    if (item->state != EVAL_OPEN || job->set[s].unreadable[i]) {
        item->state = item->state == EVAL_OPEN ? EVAL_UNREADABLE : item->state;
        goto done;
    }
    MV_ENSURE(!ui_interrupted(), MV_E_INTERRUPTED);
    st = mv_image_load(&image, job->set[s].list.image[i].path, &why);
    if (st == MV_OK) {
        st = measure(item, job, m, s, &image, &why);
    }
    if (mv_status_category(st) == MV_CATEGORY_INPUT || st == MV_E_UNSUPPORTED || st == MV_E_LIMIT ||
        st == MV_E_MISMATCH) {
        *item = (eval_item){.state = EVAL_UNREADABLE};
        ui_say("%s is left out: %s", job->set[s].list.image[i].path,
               why.text[0] != '\0' ? why.text : mv_status_sentence(st));
        st = MV_OK;
    }
    if (st != MV_OK) {
        MV_REQUIRE(false, &p->err[worker], st, "%s",
                   why.text[0] != '\0' ? why.text : mv_status_sentence(st));
    }
    st = eval_journal_item(job, m, s, i);
    MV_REQUIRE(st == MV_OK, &p->err[worker], st,
               "the journal cannot be written; is there room on the disk?");
    const size_t finished = atomic_fetch_add(&p->finished, 1) + 1;
    if (worker == 0) {
        const mv_progress progress = ui_progress();
        MV_TRY(progress.step(progress.user, "image", p->done + finished,
                             p->images * job->model_count));
    }
done:
    mv_image_clear(&image);
    return st;
}

/* Images that are unreadable under the first model need not be tried under the others. */
static void mark_unreadable(eval_job *job)
{
    job->unreadable_count = 0;
    for (size_t s = 0; s < job->set_count; s++) {
        for (size_t i = 0; i < job->set[s].list.count; i++) {
            for (size_t m = 0; m < job->model_count; m++) {
                job->set[s].unreadable[i] |= job->model[m].item[s][i].state == EVAL_UNREADABLE;
            }
            job->unreadable_count += job->set[s].unreadable[i];
        }
    }
}

typedef struct shifted {
    pass *p;
    size_t first;
} shifted;

static mv_status measure_shifted(void *user, unsigned worker, size_t n)
{
    const shifted *x = user;
    return measure_one(x->p, worker, x->first + n);
}

/* One model over all images; then the unreadable ones are known. */
static mv_status run_model(pass *p, size_t m, mv_error *err)
{
    shifted x = {p, m * p->images};
    const mv_status st = mv_pool_run(p->job->threads, p->images, measure_shifted, &x);
    ui_progress_end();
    for (unsigned w = 0; st != MV_OK && w < p->job->threads; w++) {
        if (p->err[w].text[0] != '\0') {
            (void)mv_fail(err, st, "%s", p->err[w].text);
        }
    }
    if (st == MV_E_INTERRUPTED) {
        mv_hint(err, "give the same command again to go on");
    }
    mark_unreadable(p->job);
    return st;
}

mv_status eval_quality_pass(eval_job *job, mv_error *err)
{
    mv_status st = MV_OK;
    pass *p = calloc(1, sizeof *p);

    MV_REQUIRE(p != NULL, err, MV_E_MEMORY, "out of memory");
    p->job = job;
    for (size_t s = 0; s < job->set_count; s++) {
        p->images += job->set[s].list.count;
        for (size_t m = 0; m < job->model_count; m++) {
            for (size_t i = 0; i < job->set[s].list.count; i++) {
                p->done += job->model[m].item[s][i].state != EVAL_OPEN;
            }
        }
    }
    mark_unreadable(job);
    for (size_t m = 0; m < job->model_count; m++) {
        MV_TRY(run_model(p, m, err));
    }
done:
    free(p);
    return st;
}

/* Evenly spread over the readable images of a set; gives how many. */
static size_t choose(size_t *out, const eval_set *set, size_t wanted)
{
    size_t readable = 0, seen = 0, count = 0;
    for (size_t i = 0; i < set->list.count; i++) {
        readable += !set->unreadable[i];
    }
    wanted = wanted < readable ? wanted : readable;
    for (size_t i = 0; i < set->list.count && count < wanted; i++) {
        if (!set->unreadable[i] && seen++ * wanted >= count * readable) {
            out[count++] = i;
        }
    }
    return count;
}

void eval_choose(eval_job *job)
{
    for (size_t s = 0; s < job->set_count; s++) {
        eval_set *set = &job->set[s];
        set->timed_count = choose(set->timed, set, job->timing_images);
        set->coded_count = choose(set->coded, set, EVAL_CODEC_IMAGES);
    }
}
