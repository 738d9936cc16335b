/* SPDX-License-Identifier: Apache-2.0
 *
 * eval_curves_findings.c: sentences made from the numbers; what we lose is said as what we gain.
 */
#include "base/status.h"
#include "eval_curves.h"
#include "report.h"

#include <math.h>
#include <string.h>

static const double compared_db[] = {38, 42, 46};
enum { COMPARED = sizeof compared_db / sizeof *compared_db };

static bool has_images(const curves *c, size_t s)
{
    return curve_count(c, s, NULL) != 0;
}

static void put_set(report *r, const curves *c, size_t s, bool *first)
{
    put(r, "%s", *first ? "" : ", ");
    put_text(r, c->job->set[s].list.set);
    put(r, " ");
    *first = false;
}

/* ---- lossy ---- */

static void say_differences(report *r, const curves *c, curve_codec anchor)
{
    bool first = true;
    size_t refused = 0;
    put(r,
        "<li><b>Compact mode against %s</b>, bytes at the same PSNR (BD-rate; below 0 is "
        "fewer): ",
        curve_name[anchor]);
    for (size_t s = 0; s < c->job->set_count; s++) {
        curve_difference d = {.refused = 0};
        if (r->st == MV_OK && has_images(c, s)) {
            r->st = curve_differ(&d, c, s, NULL, CURVE_VEIL, anchor);
            put_set(r, c, s, &first);
            if (d.rate.count == 0) {
                put(r, "refused, too little quality in common");
            } else {
                put(r, "%+.1f %% (worst image %+.1f %%)", 100 * d.rate.mean, 100 * d.worst);
            }
            refused += d.refused;
        }
    }
    put(r, ".");
    if (refused != 0) {
        put(r, " For %zu image%s the two curves have too little in common for a figure.", refused,
            refused == 1 ? "" : "s");
    }
    put(r, "</li>\n");
}

/* Wherever somebody needs fewer bytes, on average or for an image. */
static void say_losses(report *r, const curves *c)
{
    bool first = true;
    put(r, "<li><b>Where compact mode loses</b>, by sums of bytes or for single images: ");
    for (size_t s = 0; s < c->job->set_count; s++) {
        for (curve_codec k = CURVE_JPEG; k < curve_codecs(); k++) {
            for (size_t d = 0; d < COMPARED; d++) {
                const curve_at x = curve_compare_at(c, s, CURVE_VEIL, k, compared_db[d]);
                if (x.larger != 0) {
                    put_set(r, c, s, &first);
                    put(r,
                        "at %.0f dB to %s on %zu of %zu images (by up to %.1f %%; the sum is "
                        "%+.1f %%)",
                        compared_db[d], curve_name[k], x.larger, x.count, 100 * x.worst,
                        100 * (x.bits / x.anchor_bits - 1));
                }
            }
        }
    }
    put(r, "%s.</li>\n", first ? "nowhere at 38, 42 and 46 dB" : "");
}

static void say_sums(report *r, const curves *c)
{
    bool first = true;
    put(r,
        "<li><b>Pictures that add up under encryption</b> take, at %.0f dB, room for two and "
        "the plan included, ",
        CURVE_TARGET_DB);
    for (size_t s = 0; s < c->job->set_count; s++) {
        const curve_at x = curve_compare_at(c, s, CURVE_SUMS, CURVE_VEIL, CURVE_TARGET_DB);
        if (x.count != 0) {
            put_set(r, c, s, &first);
            put(r, "%.2f bits a pixel, %.1f times compact mode (%.0f %% of 6 bits)", x.bits,
                x.bits / x.anchor_bits, 100 * x.bits / 6);
        }
    }
    put(r, "%s.</li>\n", first ? "nothing that reaches it" : "");
}

/* Bits a pixel that compact mode takes for the mean PSNR of a network, from the mean curve. */
static double bits_for(const curves *c, size_t s, double psnr_db)
{
    bd_point p[CURVE_POINTS];
    for (size_t k = 0; k < CURVE_POINTS; k++) {
        p[k] = (bd_point){curve_mean(c, s, CURVE_VEIL, k, curve_bits),
                          curve_mean(c, s, CURVE_VEIL, k, curve_quality)};
    }
    const bd_curve curve = bd_curve_of(p, CURVE_POINTS);
    return bd_rate_at(&curve, psnr_db);
}

static void say_network(report *r, const curves *c, size_t m)
{
    bool first = true;
    put(r, "<li><b>");
    put_text(r, c->job->model[m].info.name);
    put(r, "</b>, the network under encryption: ");
    for (size_t s = 0; s < c->job->set_count; s++) {
        const double psnr = curve_mean_network(c, s, m, curve_quality);
        const double bits = curve_mean_network(c, s, m, curve_bits);
        if (!has_images(c, s)) {
            continue;
        }
        put_set(r, c, s, &first);
        put(r, "%.1f dB for %.2f bits a pixel", psnr, bits);
        if (isfinite(bits_for(c, s, psnr))) {
            put(r, " (compact mode: %.2f)", bits_for(c, s, psnr));
        } else {
            put(r, " (beyond the curve of compact mode)");
        }
    }
    put(r, ".</li>\n");
}

static void say_pixels(report *r, const curves *c)
{
    bool first = true;
    put(r, "<li><b>Plain pixels of %d bits</b>, which need no network: ", CURVE_PCM_BITS);
    for (size_t s = 0; s < c->job->set_count; s++) {
        if (has_images(c, s)) {
            put_set(r, c, s, &first);
            put(r, "%.1f dB", curve_mean_pcm(c, s, curve_quality));
        }
    }
    put(r, ".</li>\n");
}

/* ---- lossless ---- */

static void say_exact_set(report *r, const curves *c, size_t s)
{
    double bytes[EXACT_CODERS] = {0}, pixels = 0;
    for (size_t i = 0; i < c->job->set[s].list.count; i++) {
        const curve_item *x = &c->item[s][i];
        for (size_t k = 0; curve_has(c, s, i, NULL) && k < EXACT_CODERS; k++) {
            bytes[k] += x->lossless[k];
        }
        pixels += curve_has(c, s, i, NULL) ? x->width * x->height : 0;
    }
    put(r, "%.2f bits a pixel (", 8 * bytes[EXACT_BEST] / pixels);
    for (exact_coder k = EXACT_JPEGLS; k < exact_coders(); k++) {
        if (k != EXACT_PNG && k != EXACT_GZIP) {
            put(r, "%s%+.1f %% against %s", k == EXACT_JPEGLS ? "" : ", ",
                100 * (bytes[EXACT_BEST] / bytes[k] - 1), exact_coder_name[k]);
        }
    }
    put(r, ")");
}

static void say_exact(report *r, const curves *c)
{
    bool first = true;
    put(r, "<li><b>Lossless</b>, the best of our two coders: ");
    for (size_t s = 0; s < c->job->set_count; s++) {
        if (has_images(c, s)) {
            put_set(r, c, s, &first);
            say_exact_set(r, c, s);
        }
    }
    put(r, ". Above 0 we lose.</li>\n");
}

/* ---- what decoding does ---- */

static void say_scores(report *r, const curves *c)
{
    curve_drift sum = {.count = 0};
    for (size_t s = 0; s < c->job->set_count; s++) {
        for (size_t i = 0; i < c->job->set[s].list.count; i++) {
            if (curve_has(c, s, i, NULL)) {
                curve_drift_add(&sum, &c->item[s][i].at[CURVE_VEIL][CURVE_USUAL]);
            }
        }
    }
    if (sum.count != 0) {
        put(r,
            "<li><b>Class scores after compact mode</b> at quality 50: probabilities move by "
            "%.4f on average and %.3f at most; %zu of %zu images are given another class.</li>"
            "\n",
            sum.mean, sum.greatest, sum.changed, sum.count);
    }
}

/* What the same PSNR means elsewhere: where another codec harms less, it says so by itself. */
static void say_harm(report *r, const curves *c, bool scores)
{
    bool first = true;
    put(r,
        scores ? "<li><b>Class scores at the same PSNR</b>, %.0f dB, mean change of probabilities, "
                 "less is better: "
               : "<li><b>The worst tile at the same PSNR</b>, %.0f dB, mean over images, more is "
                 "better: ",
        CURVE_TARGET_DB);
    for (size_t s = 0; s < c->job->set_count; s++) {
        bool begun = false;
        for (curve_codec k = 0; k < curve_codecs(); k++) {
            const curve_harm harm = curve_harm_at(c, s, k, CURVE_TARGET_DB);
            const double value = scores ? harm.drift : harm.worst_db;
            if (isfinite(value)) {
                if (!begun) {
                    put_set(r, c, s, &first);
                }
                put(r, scores ? "%s%s %.4f" : "%s%s %.1f dB", begun ? ", " : "(", curve_name[k],
                    value);
                begun = true;
            }
        }
        put(r, "%s", begun ? ")" : "");
    }
    put(r, ".</li>\n");
}

static void say_tiles(report *r, const curves *c)
{
    double lowest = INFINITY, greatest = 0;
    size_t at = 0;
    for (size_t s = 0; s < c->job->set_count; s++) {
        for (size_t i = 0; i < c->job->set[s].list.count; i++) {
            const curve_point *p = &c->item[s][i].target;
            if (curve_has(c, s, i, NULL)) {
                at = p->worst_db < lowest ? s : at;
                lowest = fmin(lowest, p->worst_db);
                greatest = fmax(greatest, p->max_error);
            }
        }
    }
    put(r,
        "<li><b>Not every place has the image's PSNR.</b> At %.0f dB the worst tile of 16x16 of "
        "any image has %.1f dB (",
        CURVE_TARGET_DB, fmin(lowest, 100));
    put_text(r, c->job->set[at].list.set);
    put(r,
        "), and the greatest error of a pixel is %.0f of 255 grey levels. The record that "
        "travels with a picture says both.</li>\n",
        greatest);
}

void curves_findings(report *r, const curves *c)
{
    put(r, "<ul>\n");
    for (curve_codec k = CURVE_JPEG; k < curve_codecs(); k++) {
        say_differences(r, c, k);
    }
    say_losses(r, c);
    say_sums(r, c);
    for (size_t m = 0; m < c->job->model_count; m++) {
        say_network(r, c, m);
    }
    say_pixels(r, c);
    say_exact(r, c);
    say_scores(r, c);
    if (c->judge < c->job->model_count) {
        say_harm(r, c, true);
    }
    say_harm(r, c, false);
    say_tiles(r, c);
    put(r, "</ul>\n");
}
