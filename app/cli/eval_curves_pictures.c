/* SPDX-License-Identifier: Apache-2.0
 *
 * eval_curves_pictures.c: the curves of a set, and two of its images through three codecs with maps
 * of their errors.
 */
#include "base/status.h"
#include "eval_curves.h"
#include "report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ERROR_GAIN = 8 };

void curves_plot(report *r, const curves *c, size_t s)
{
    report_curve curve[CURVE_CODECS];
    report_mark mark[EVAL_MODELS_MAX + 1];
    const size_t models = c->job->model_count;
    for (curve_codec k = 0; k < curve_codecs(); k++) {
        curve[k] = (report_curve){.name = curve_name[k], .count = CURVE_POINTS};
        for (size_t p = 0; p < CURVE_POINTS; p++) {
            curve[k].bits[p] = curve_mean(c, s, k, p, curve_bits);
            curve[k].psnr_db[p] = curve_mean(c, s, k, p, curve_quality);
        }
    }
    for (size_t m = 0; m < models; m++) {
        mark[m] = (report_mark){c->job->model[m].info.name, curve_mean_network(c, s, m, curve_bits),
                                curve_mean_network(c, s, m, curve_quality)};
    }
    mark[models] = (report_mark){"6-bit pixels", curve_mean_pcm(c, s, curve_bits),
                                 curve_mean_pcm(c, s, curve_quality)};
    put(r, "<div class=\"row\">\n");
    report_octaves(r, "curves", c->job->set[s].list.set, curve, curve_codecs(), mark, models + 1);
    put(r, "</div>\n<p class=\"note\">Means over images at each setting.</p>\n");
}

/* ---- pictures ---- */

/* Middle gray where nothing differs, lighter where too light came back. */
static mv_status error_map(mv_image *out, const mv_image *image, const mv_image *back)
{
    const mv_status st = mv_image_alloc(out, image->width, image->height, 1, 1, MV_SAMPLE_U8);
    const uint8_t *a = image->sample, *b = back->sample;
    for (size_t k = 0; st == MV_OK && k < mv_image_sample_count(image); k++) {
        uint8_t *to = out->sample;
        const int shade = 128 + ERROR_GAIN * (b[k] - a[k]);
        to[k] = (uint8_t)(shade < 0 ? 0 : shade > 255 ? 255 : shade);
    }
    return st;
}

static void file_name(char out[128], const curves *c, size_t s, const char *which, const char *what)
{
    (void)snprintf(out, 128, "picture-%.31s-%s-%s", c->job->set[s].list.set, which, what);
    for (char *p = out; *p != '\0'; p++) {
        const bool plain =
            (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9');
        *p = plain ? *p : '-';
    }
}

static mv_status one_codec(report *r, const curves *c, size_t s, const char *which,
                           const mv_image *image, curve_codec codec)
{
    mv_status st = MV_OK;
    mv_image back = {0}, map = {0};
    char name[128], caption[160];
    double bytes = 0;

    MV_TRY(curve_target(&bytes, &back, c, codec, CURVE_TARGET_DB, image));
    MV_TRY(error_map(&map, image, &back));
    (void)snprintf(caption, sizeof caption, "%s: %.3f bits a pixel, %.1f dB", curve_name[codec],
                   8 * bytes / ((double)image->width * image->height), curve_psnr(image, &back));
    file_name(name, c, s, which, curve_name[codec]);
    report_png(r, name, &back, caption);
    (void)snprintf(caption, sizeof caption, "its errors, %d times", ERROR_GAIN);
    file_name(name, c, s, which, "");
    (void)snprintf(name + strlen(name), sizeof name - strlen(name), "errors-%u", (unsigned)codec);
    report_png(r, name, &map, caption);
done:
    mv_image_clear(&back);
    mv_image_clear(&map);
    return st;
}

static void one_image(report *r, const curves *c, size_t s, size_t i, const char *which,
                      const char *said)
{
    mv_status st = MV_OK;
    mv_image image = {0};
    char name[128];
    const labelled *l = &c->job->set[s].list;

    put(r, "<h4>%s: image %zu of the set, ", said, i + 1);
    put_text(r, l->class_name[l->image[i].label]);
    put(r, ", worst tile %.1f dB</h4>\n<div class=\"row\">\n",
        fmin(c->item[s][i].target.worst_db, 100));
    MV_TRY(curve_load(&image, c, s, i, r->err));
    file_name(name, c, s, which, "original");
    report_png(r, name, &image, "original");
    MV_TRY(one_codec(r, c, s, which, &image, CURVE_VEIL));
    for (curve_codec k = CURVE_J2K; k < curve_codecs(); k++) {
        MV_TRY(one_codec(r, c, s, which, &image, k));
    }
done:
    put(r, "</div>\n");
    mv_image_clear(&image);
    r->st = r->st == MV_OK ? st : r->st;
}

void curves_pictures(report *r, const curves *c, size_t s)
{
    size_t median = 0, worst = 0;
    if (!curve_show(&median, &worst, c, s)) {
        return;
    }
    put(r,
        "<h3>A typical image and the worst one at %.0f dB</h3>\n<p class=\"note\">Chosen by rule: "
        "compact mode brings each image to %.0f dB with the fewest bytes; ordered by their worst "
        "tile of 16x16, the one in the middle and the last are shown. JPEG 2000 and JPEG XL are "
        "brought to the same PSNR. Errors: middle gray is none.</p>\n",
        CURVE_TARGET_DB, CURVE_TARGET_DB);
    one_image(r, c, s, median, "median", "Typical");
    if (worst != median) {
        one_image(r, c, s, worst, "worst", "Worst");
    }
}
