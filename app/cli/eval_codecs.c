/* SPDX-License-Identifier: Apache-2.0
 *
 * eval_codecs.c: bytes and PSNR of other ways to store the same 224x224 8-bit images: fewer bits a
 * pixel, JPEG, JPEG 2000, JPEG-LS.
 */
#include "eval.h"

#include "base/pool.h"
#include "base/status.h"
#include "codec/jpegls.h"
#include "j2k.h"
#include "medveil/metrics.h"
#include "ui.h"

#include <math.h>
#include <string.h>
#include <turbojpeg.h>

enum { CAP = 1 << 20 };

/* A point of the curve from what came back. */
static mv_status point(codec_point *out, const mv_image *image, const mv_image *back, size_t bytes)
{
    mv_comparison c;
    const mv_status st = mv_compare(&c, image, back, NULL);
    if (st == MV_OK) {
        out->bytes = (double)bytes;
        out->psnr_db = c.identical ? INFINITY : c.psnr_db;
        out->ssim = c.ssim;
    }
    return st;
}

/* The middle of what the top bits leave open comes back. */
size_t eval_pcm(mv_image *back, const mv_image *image, unsigned bits)
{
    const uint8_t *from = image->sample;
    uint8_t *to = back->sample;
    const size_t count = mv_image_sample_count(image);
    const double top = (double)((1u << bits) - 1);
    for (size_t i = 0; i < count; i++) {
        const double level = floor(from[i] / 255.0 * top + 0.5);
        to[i] = (uint8_t)(level / top * 255 + 0.5);
    }
    return (count * bits + 7) / 8;
}

static mv_status pcm(codec_point *out, const mv_image *image, mv_image *back)
{
    mv_status st = MV_OK;
    for (unsigned k = 0; k < CODEC_POINTS; k++) {
        const size_t len = eval_pcm(back, image, k + 1);
        MV_TRY(point(&out[k], image, back, len));
    }
done:
    return st;
}

mv_status eval_jpeg(size_t *bytes_len, mv_image *back, const mv_image *image, int quality)
{
    mv_status st = MV_OK;
    const int w = (int)image->width, h = (int)image->height;
    tjhandle in = tjInitCompress(), back_again = tjInitDecompress();
    unsigned char *bytes = NULL;
    unsigned long len = 0;

    MV_ENSURE(in != NULL && back_again != NULL, MV_E_MEMORY);
    MV_ENSURE(tjCompress2(in, image->sample, w, 0, h, TJPF_GRAY, &bytes, &len, TJSAMP_GRAY, quality,
                          TJFLAG_ACCURATEDCT) == 0,
              MV_E_INTERNAL);
    MV_ENSURE(tjDecompress2(back_again, bytes, len, back->sample, w, 0, h, TJPF_GRAY,
                            TJFLAG_ACCURATEDCT) == 0,
              MV_E_INTERNAL);
    *bytes_len = len;
done:
    tjFree(bytes);
    if (in != NULL) {
        (void)tjDestroy(in);
    }
    if (back_again != NULL) {
        (void)tjDestroy(back_again);
    }
    return st;
}

static mv_status jpeg(codec_point *out, const mv_image *image, mv_image *back)
{
    static const int quality[CODEC_POINTS] = {30, 50, 70, 80, 90, 95, 98, 100};
    mv_status st = MV_OK;
    for (int k = 0; k < CODEC_POINTS; k++) {
        size_t len = 0;
        MV_TRY(eval_jpeg(&len, back, image, quality[k]));
        MV_TRY(point(&out[k], image, back, len));
    }
done:
    return st;
}

/* ---- JPEG 2000 ---- */

static mv_status j2k(codec_point *out, const mv_image *image, mv_image *back)
{
    static const float db[CODEC_POINTS] = {32, 35, 38, 41, 44, 47, 50, 0};
    mv_status st = MV_OK;
    const mv_jpegls_frame frame = {image->width, image->height, 1, 8, 0};
    mv_buffer bytes = mv_buffer_make(CAP);

    for (int k = 0; k < CODEC_POINTS; k++) {
        MV_TRY(j2k_encode(&bytes, &frame, image->sample, db[k]));
        MV_TRY(j2k_decode(back, &bytes));
        MV_TRY(point(&out[k], image, back, bytes.len));
    }
done:
    mv_buffer_clear(&bytes);
    return st;
}

/* ---- JPEG-LS ---- */

typedef struct memory {
    uint8_t *bytes; /* CAP */
    size_t len;
} memory;

static mv_status jpegls(codec_point *out, const mv_image *image, mv_image *back)
{
    static const uint32_t near[CODEC_POINTS] = {12, 8, 5, 4, 3, 2, 1, 0};
    mv_status st = MV_OK;
    memory m = {malloc(CAP), 0};

    MV_ENSURE(m.bytes != NULL, MV_E_MEMORY);
    for (int k = 0; k < CODEC_POINTS; k++) {
        const mv_jpegls_frame f = {image->width, image->height, 1, 8, near[k]};
        MV_TRY(mv_jpegls_encode(m.bytes, CAP, &m.len, &f, image->sample));
        MV_TRY(mv_jpegls_decode(back->sample, &f, m.bytes, m.len));
        MV_TRY(point(&out[k], image, back, m.len));
    }
done:
    free(m.bytes);
    return st;
}

/* ---- the pass ---- */

static mv_status measure_curves(codec_curves *out, const char *path)
{
    mv_status st = MV_OK;
    mv_image image = {0}, back = {0};

    MV_TRY(eval_load(&image, path, EVAL_AFTER, NULL));
    MV_TRY(mv_image_alloc(&back, image.width, image.height, 1, 1, MV_SAMPLE_U8));
    MV_TRY(pcm(out->at[CODEC_PCM], &image, &back));
    MV_TRY(jpeg(out->at[CODEC_JPEG], &image, &back));
    MV_TRY(j2k(out->at[CODEC_J2K], &image, &back));
    MV_TRY(jpegls(out->at[CODEC_JPEGLS], &image, &back));
done:
    mv_image_clear(&image);
    mv_image_clear(&back);
    return st;
}

static mv_status one(void *user, unsigned worker, size_t n)
{
    mv_status st = MV_OK;
    eval_job *job = user;
    const mv_progress progress = ui_progress();
    const size_t all = n;
    size_t s = 0, total = 0;

    while (n >= job->set[s].coded_count) {
        n -= job->set[s++].coded_count;
    }
    for (size_t k = 0; k < job->set_count; k++) {
        total += job->set[k].coded_count;
    }
    eval_set *set = &job->set[s];
    MV_ENSURE(!ui_interrupted(), MV_E_INTERRUPTED);
    if (set->curves[n].at[CODEC_PCM][0].bytes != 0) {
        return MV_OK; /* from the journal */
    }
    MV_TRY(measure_curves(&set->curves[n], set->list.image[set->coded[n]].path));
    MV_TRY(eval_journal_curves(job, s, n));
    if (worker == 0) {
        MV_TRY(progress.step(progress.user, "other codecs, image", all, total));
    }
done:
    return st;
}

mv_status eval_codec_pass(eval_job *job, mv_error *err)
{
    mv_status st = MV_OK;
    size_t count = 0;
    for (size_t s = 0; s < job->set_count; s++) {
        count += job->set[s].coded_count;
    }
    st = mv_pool_run(job->threads, count, one, job);
    ui_progress_end();
    MV_REQUIRE(st == MV_OK, err, st, "measuring other codecs failed: %s", mv_status_sentence(st));
done:
    return st;
}
