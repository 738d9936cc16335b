/* SPDX-License-Identifier: Apache-2.0
 *
 * report_pictures.c: one image of each set: before and after pre-processing (figure 3), original,
 * encrypted, decrypted (figure 6), and their histograms (figure 7).
 */
#include "report.h"

#include "medveil/metrics.h"
#include "picture.h"

#include <stdio.h>
#include <string.h>

static void tile_name(char out[96], const char *what, const char *set, const char *model)
{
    (void)snprintf(out, 96, "%s-%.31s%s%.31s", what, set, model[0] != '\0' ? "-" : "", model);
    for (char *p = out; *p != '\0'; p++) {
        const bool plain =
            (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9');
        *p = plain ? *p : '-';
    }
}

/* The example of a set: the first image that was timed. */
static const char *example_path(const report *r, size_t s)
{
    const eval_set *set = &r->job->set[s];
    return set->timed_count == 0 ? NULL : set->list.image[set->timed[0]].path;
}

/* Samples as an 8-bit gray picture over the type's range: before pre-processing. */
static mv_status over_type_range(mv_image *out, const mv_image *image)
{
    mv_status st = mv_image_alloc(out, image->width, image->height, 1, 1, MV_SAMPLE_U8);
    const double top = image->bits > 0 ? (double)(((uint64_t)1 << image->bits) - 1) : 1;
    for (size_t k = 0; st == MV_OK && k < mv_image_sample_count(out); k++) {
        mv_image_set(out, k, mv_image_get(image, k * image->channels) / top * 255);
    }
    return st;
}

static void one_preprocessing(report *r, size_t s)
{
    mv_status st = MV_OK;
    char name[96], caption[160];
    const char *set = r->job->set[s].list.set, *path = example_path(r, s);
    mv_image before = {0}, shown = {0}, after = {0};

    if (path == NULL) {
        return;
    }
    MV_TRY(eval_load(&before, path, EVAL_BEFORE, r->err));
    MV_TRY(eval_load(&after, path, EVAL_AFTER, r->err));
    MV_TRY(over_type_range(&shown, &before));
    tile_name(name, "figure-3-before", set, "");
    (void)snprintf(caption, sizeof caption, "%s before: %u x %u", set, before.width, before.height);
    report_png(r, name, &shown, caption);
    tile_name(name, "figure-3-after", set, "");
    (void)snprintf(caption, sizeof caption, "%s after: 224 x 224, own range", set);
    report_png(r, name, &after, caption);
done:
    mv_image_clear(&before);
    mv_image_clear(&shown);
    mv_image_clear(&after);
    r->st = r->st == MV_OK ? st : r->st;
}

void report_preprocessing(report *r)
{
    put(r, "<h2 id=\"figure-3\">Figure 3: pre-processing</h2>\n<div class=\"row\">\n");
    for (size_t s = 0; s < r->job->set_count; s++) {
        one_preprocessing(r, s);
    }
    put(r, "</div>\n");
}

/* What a model makes of the example, through a ciphertext whose first bytes fill cipher (224x224).
 */
static mv_status through(mv_image *back, uint8_t *cipher, const report *r, size_t m,
                         const mv_image *image)
{
    mv_status st = MV_OK;
    const mv_codec_opts opts = eval_codec_opts(r->job, EVAL_AFTER);
    const mv_model *model = r->job->model[m].model;
    mv_code code = {.feature = NULL};
    uint8_t *bytes = NULL;
    size_t len = 0;

    MV_TRY(mv_codec_encode(&code, model, image, &opts, r->err));
    const mv_pack_shape shape = {EVAL_BITS, 1, (uint32_t)code.feature_count};
    const size_t cap = mv_pack_size(mv_he_set_find("pack4096"), &shape);
    bytes = malloc(cap + 1);
    MV_ENSURE(bytes != NULL, MV_E_MEMORY);
    MV_TRY(mv_pack_encrypt(bytes, cap, &len, r->job->key, &shape, code.feature));
    memset(cipher, 255, (size_t)EVAL_SIDE * EVAL_SIDE);
    memcpy(cipher, bytes,
           len < (size_t)EVAL_SIDE * EVAL_SIDE ? len : (size_t)EVAL_SIDE * EVAL_SIDE);
    MV_TRY(mv_pack_decrypt(code.feature, code.feature_count, r->job->key, bytes, len));
    MV_TRY(mv_codec_decode(back, model, &code, &opts, r->err));
done:
    free(bytes);
    mv_code_clear(&code);
    return st;
}

/* Three histograms in one drawing; bars are cut at four times the mean beside the largest. */
static void histograms(report *r, size_t s, const mv_image *image, const uint8_t *cipher,
                       const mv_image *back)
{
    mv_status st = MV_OK;
    char name[96], caption[160];
    uint64_t bin[256];
    mv_image canvas = {0};
    const picture_color blue = {42, 111, 151}, red = {200, 85, 61};

    MV_TRY(picture_new(&canvas, 760, 190, (picture_color){255, 255, 255}));
    mv_histogram(bin, image, 0, 255);
    picture_histogram(&canvas, (picture_box){10, 10, 236, 170}, bin, blue, 0, 255, "original");
    mv_histogram_bytes(bin, cipher, (size_t)EVAL_SIDE * EVAL_SIDE * 9 / 10);
    picture_histogram(&canvas, (picture_box){262, 10, 236, 170}, bin, red, 0, 255, "encrypted");
    mv_histogram(bin, back, 0, 255);
    picture_histogram(&canvas, (picture_box){514, 10, 236, 170}, bin, blue, 0, 255, "decrypted");
    tile_name(name, "figure-7", r->job->set[s].list.set, "");
    (void)snprintf(caption, sizeof caption,
                   "Figure 7, %s: histograms of original, encrypted, decrypted (%s)",
                   r->job->set[s].list.set, r->job->model[0].info.name);
    put(r, "<div class=\"wide\">");
    report_png(r, name, &canvas, caption);
    put(r, "</div>");
done:
    mv_image_clear(&canvas);
    r->st = r->st == MV_OK ? st : r->st;
}

static void show_back(report *r, size_t s, size_t m, const mv_image *image, const mv_image *back)
{
    char name[96], caption[160];
    mv_comparison c;
    const mv_status st = mv_compare(&c, image, back, r->err);
    r->st = r->st == MV_OK ? st : r->st;
    tile_name(name, "figure-6-decrypted", r->job->set[s].list.set, r->job->model[m].info.name);
    (void)snprintf(caption, sizeof caption, "decrypted, %s: %.2f dB", r->job->model[m].info.name,
                   c.psnr_db);
    report_png(r, name, back, caption);
}

static void one_picture(report *r, size_t s)
{
    mv_status st = MV_OK;
    char name[96];
    const char *set = r->job->set[s].list.set, *path = example_path(r, s);
    mv_image image = {0}, cipher = {0}, back = {0}, first = {0};

    if (path == NULL) {
        return;
    }
    MV_TRY(eval_load(&image, path, EVAL_AFTER, r->err));
    MV_TRY(mv_image_alloc(&cipher, EVAL_SIDE, EVAL_SIDE, 1, 1, MV_SAMPLE_U8));
    put(r, "<h3>");
    put_text(r, set);
    put(r, "</h3><div class=\"row\">\n");
    tile_name(name, "figure-6-original", set, "");
    report_png(r, name, &image, "original");
    for (size_t m = 0; m < r->job->model_count; m++) {
        MV_TRY(through(&back, cipher.sample, r, m, &image));
        if (m == 0) {
            tile_name(name, "figure-6-encrypted", set, "");
            report_png(r, name, &cipher, "encrypted: bytes of the ciphertext (white: none)");
            MV_TRY(mv_image_slice(&first, &back, 0, 1));
        }
        show_back(r, s, m, &image, &back);
        mv_image_clear(&back);
    }
    put(r, "</div>\n");
    histograms(r, s, &image, cipher.sample, &first);
done:
    mv_image_clear(&image);
    mv_image_clear(&cipher);
    mv_image_clear(&back);
    mv_image_clear(&first);
    r->st = r->st == MV_OK ? st : r->st;
}

void report_pictures(report *r)
{
    put(r, "<h2 id=\"figures-6-7\">Figures 6 and 7: original, encrypted, decrypted</h2>\n");
    for (size_t s = 0; s < r->job->set_count; s++) {
        one_picture(r, s);
    }
}
