/* SPDX-License-Identifier: Apache-2.0
 *
 * eval_curves_report.c: the page of eval --curves: tables, each row also in tables.csv.
 */
#include "eval_curves.h"

#include "base/clock.h"
#include "medveil/fidelity.h"
#include "report.h"

#include <math.h>

static const double compared_db[] = {38, 42, 46};
enum { COMPARED = sizeof compared_db / sizeof *compared_db, ORIGINS_MAX = 64, INTERVAL_MIN = 3 };

static const char *set_name(const curves *c, size_t s)
{
    return c->job->set[s].list.set;
}

/* A number with so many places, or a dash. */
static void put_number(report *r, int places, double value)
{
    if (isfinite(value)) {
        put(r, "<td>%.*f</td>", places, value);
    } else {
        put(r, "<td>&ndash;</td>");
    }
}

/* ---- the same PSNR ---- */

static void put_at(report *r, const curves *c, size_t s, curve_codec codec, double db)
{
    const curve_at x = curve_compare_at(c, s, codec, CURVE_J2K, db);
    if (x.count == 0) {
        put(r, "<td>&ndash;</td><td></td>");
        return;
    }
    const double over = 100 * (x.bits / x.anchor_bits - 1);
    put(r, "<td>%.3f</td>", x.bits);
    if (codec == CURVE_J2K) {
        put(r, "<td></td>");
    } else {
        put(r, "<td>%+.1f %% <small>(%zu of %zu larger)</small></td>", over, x.larger, x.count);
    }
    put_csv(r, "at,%s,all,%s,%.0f dB,bits per pixel,%zu,%.5f,,\n", set_name(c, s),
            curve_name[codec], db, x.count, x.bits);
    put_csv(r, "at,%s,all,%s,%.0f dB,percent over JPEG 2000,%zu,%.3f,,\n", set_name(c, s),
            curve_name[codec], db, x.count, over);
    put_csv(r, "at,%s,all,%s,%.0f dB,images larger than JPEG 2000,%zu,%zu,,\n", set_name(c, s),
            curve_name[codec], db, x.count, x.larger);
    put_csv(r, "at,%s,all,%s,%.0f dB,worst image percent,%zu,%.3f,,\n", set_name(c, s),
            curve_name[codec], db, x.count, 100 * x.worst);
    const curve_harm harm = curve_harm_at(c, s, codec, db);
    put_csv(r, "at,%s,all,%s,%.0f dB,worst tile dB,,%.4f,,\n", set_name(c, s), curve_name[codec],
            db, harm.worst_db);
    if (isfinite(harm.drift)) {
        put_csv(r, "at,%s,all,%s,%.0f dB,score drift,,%.6f,,\n", set_name(c, s), curve_name[codec],
                db, harm.drift);
    }
}

static void put_same_quality(report *r, const curves *c, size_t s)
{
    put(r, "<h3>Bits a pixel at the same PSNR</h3>\n<p class=\"note\">Between each image's "
           "measured points by a monotone cubic; sums of bytes over sums of pixels, over the "
           "images on which the codec and JPEG 2000 both reach that PSNR.</p>\n");
    REPORT_TABLE(r, "codec", "38 dB", "to JPEG 2000", "42 dB", "to JPEG 2000", "46 dB",
                 "to JPEG 2000");
    for (curve_codec k = 0; k < curve_codecs(); k++) {
        put(r, "<tr><td>%s</td>", curve_name[k]);
        for (size_t d = 0; d < COMPARED; d++) {
            put_at(r, c, s, k, compared_db[d]);
        }
        put(r, "</tr>\n");
    }
    report_table_end(r);
}

/* ---- Bjontegaard ---- */

static void csv_difference(report *r, const curves *c, size_t s, const char *origin,
                           const char *name, const curve_difference *d)
{
    const char *set = set_name(c, s);
    put_csv(r, "bd,%s,%s,%s,,refused,%zu,%zu,,\n", set, origin, name, d->rate.count + d->refused,
            d->refused);
    if (d->rate.count != 0) {
        put_csv(r, "bd,%s,%s,%s,,BD-rate percent,%zu,%.4f,%.4f,%.4f\n", set, origin, name,
                d->rate.count, 100 * d->rate.mean, 100 * d->rate.from, 100 * d->rate.to);
        put_csv(r, "bd,%s,%s,%s,,worst image percent,%zu,%.4f,,\n", set, origin, name,
                d->rate.count, 100 * d->worst);
        put_csv(r, "bd,%s,%s,%s,,overlap dB,%zu,,%.3f,%.3f\n", set, origin, name, d->rate.count,
                d->from_db, d->to_db);
    }
    if (d->psnr_db.count != 0) {
        put_csv(r, "bd,%s,%s,%s,,BD-PSNR dB,%zu,%.5f,%.5f,%.5f\n", set, origin, name,
                d->psnr_db.count, d->psnr_db.mean, d->psnr_db.from, d->psnr_db.to);
    }
}

static void put_difference(report *r, const curves *c, size_t s, const char *origin,
                           curve_codec codec, curve_codec anchor)
{
    curve_difference d = {.refused = 0};
    char name[64];
    if (r->st == MV_OK) {
        r->st = curve_differ(&d, c, s, origin, codec, anchor);
    }
    (void)snprintf(name, sizeof name, "%s against %s", curve_name[codec], curve_name[anchor]);
    put(r, "<tr><td>%s</td><td class=\"t\">", name);
    put_text(r, origin == NULL ? "all" : origin);
    put(r, "</td><td>%zu</td>", d.rate.count);
    if (d.rate.count == 0) {
        put(r, "<td colspan=\"4\">refused: too little quality in common</td>");
    } else {
        put(r, "<td><b>%+.1f %%</b>", 100 * d.rate.mean);
        if (d.rate.count >= INTERVAL_MIN) {
            put(r, " <small>(%+.1f to %+.1f)</small>", 100 * d.rate.from, 100 * d.rate.to);
        }
        put(r, "</td><td>%+.1f %%</td>", 100 * d.worst);
        if (d.psnr_db.count == 0) {
            put(r, "<td>refused</td>");
        } else {
            put(r, "<td>%+.2f dB</td>", d.psnr_db.mean);
        }
        put(r, "<td>%.1f to %.1f dB</td>", d.from_db, d.to_db);
    }
    put(r, "<td>%zu</td></tr>\n", d.refused);
    csv_difference(r, c, s, origin == NULL ? "all" : origin, name, &d);
}

static void put_differences_of(report *r, const curves *c, size_t s, const char *origin)
{
    for (curve_codec k = CURVE_JPEG; k < curve_codecs(); k++) {
        put_difference(r, c, s, origin, CURVE_VEIL, k);
    }
    put_difference(r, c, s, origin, CURVE_SUMS, CURVE_VEIL);
}

static void put_differences(report *r, const curves *c, size_t s)
{
    const char *origin[ORIGINS_MAX];
    const size_t origins = eval_origins(origin, ORIGINS_MAX, &c->job->set[s]);
    put(r,
        "<h3>Bjontegaard differences</h3>\n<p class=\"note\">Mean difference of the logarithm of "
        "bytes at the same PSNR (BD-rate, below 0: fewer bytes) and of PSNR at the same bytes "
        "(BD-PSNR), image by image, then the mean over images with its 95 %% interval; "
        "G. Bjontegaard, VCEG-M33, 2001, with monotone piecewise cubics. Range: what both curves "
        "cover between %.0f and %.0f dB. An image is refused where that is less than %.0f dB or "
        "where a curve has fewer than %d points. Worst: the image with the largest BD-rate.</p>\n",
        CURVE_LOW_DB, CURVE_HIGH_DB, BD_OVERLAP_MIN_DB, BD_POINTS_MIN);
    REPORT_TABLE(r, "codecs", "<origin", "images", "BD-rate", "worst image", "BD-PSNR",
                 "range, mean", "refused");
    put_differences_of(r, c, s, NULL);
    for (size_t k = 0; origins > 1 && k < origins; k++) {
        put_differences_of(r, c, s, origin[k]);
    }
    report_table_end(r);
}

/* ---- lossless ---- */

static void put_lossless(report *r, const curves *c, size_t s)
{
    double bytes[EXACT_CODERS] = {0}, pixels = 0;
    const size_t count = curve_count(c, s, NULL);
    for (size_t i = 0; i < c->job->set[s].list.count; i++) {
        const curve_item *x = &c->item[s][i];
        for (exact_coder k = 0; curve_has(c, s, i, NULL) && k < exact_coders(); k++) {
            bytes[k] += x->lossless[k];
        }
        pixels += curve_has(c, s, i, NULL) ? x->width * x->height : 0;
    }
    put(r, "<h3>Lossless, the same images</h3>\n<p class=\"note\">Exact section: all that it takes "
           "for the samples, heads and hash included; best: with the trained pixel coder.</p>\n");
    REPORT_TABLE(r, "coder", "bits a pixel", "to JPEG-LS");
    for (exact_coder k = 0; k < exact_coders(); k++) {
        const double over = 100 * (bytes[k] / bytes[EXACT_JPEGLS] - 1);
        put(r, "<tr><td>%s</td><td>%.3f</td><td>%+.1f %%</td></tr>\n", exact_coder_name[k],
            8 * bytes[k] / pixels, over);
        put_csv(r, "lossless,%s,all,\"%s\",,bits per pixel,%zu,%.5f,,\n", set_name(c, s),
                exact_coder_name[k], count, 8 * bytes[k] / pixels);
        put_csv(r, "lossless,%s,all,\"%s\",,percent over JPEG-LS,%zu,%.3f,,\n", set_name(c, s),
                exact_coder_name[k], count, over);
    }
    report_table_end(r);
}

/* ---- what decoding does ---- */

/* Sums over the images of a set, of the point at one offset in each. */
typedef struct decoded {
    size_t count, unfamiliar;
    double bits, psnr, errors, greatest, tiles, lowest;
    curve_drift drift;
} decoded;

static void decoded_add(decoded *d, const curve_item *x, const curve_point *p)
{
    if (p->bytes == 0) {
        return;
    }
    d->count++;
    d->bits += curve_bits(x, p);
    d->psnr += fmin(p->psnr_db, 100); /* nothing lost: counted as 100 dB */
    d->errors += p->max_error;
    d->greatest = fmax(d->greatest, p->max_error);
    d->tiles += fmin(p->worst_db, 100);
    d->lowest = d->count == 1 ? p->worst_db : fmin(d->lowest, p->worst_db);
    d->unfamiliar += p->psnr_db < MV_FIDELITY_FAMILIAR_DB;
    curve_drift_add(&d->drift, p);
}

static void csv_decoded(report *r, const char *set, const char *name, const char *setting,
                        const decoded *d)
{
    const double n = (double)d->count;
    const struct {
        const char *what;
        double value;
    } rows[] = {{"bits per pixel", d->bits / n},        {"PSNR dB", d->psnr / n},
                {"greatest error mean", d->errors / n}, {"greatest error", d->greatest},
                {"worst tile dB mean", d->tiles / n},   {"worst tile dB", d->lowest},
                {"below 30 dB", (double)d->unfamiliar}};
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        put_csv(r, "decoded,%s,all,%s,%s,%s,%zu,%.6g,,\n", set, name, setting, rows[k].what,
                d->count, rows[k].value);
    }
    if (d->drift.count != 0) {
        put_csv(r, "decoded,%s,all,%s,%s,score drift mean,%zu,%.6f,,\n", set, name, setting,
                d->drift.count, d->drift.mean);
        put_csv(r, "decoded,%s,all,%s,%s,score drift greatest,%zu,%.6f,,\n", set, name, setting,
                d->drift.count, d->drift.greatest);
        put_csv(r, "decoded,%s,all,%s,%s,changed verdicts,%zu,%zu,,\n", set, name, setting,
                d->drift.count, d->drift.changed);
    }
}

static void put_decoded(report *r, const curves *c, size_t s, const char *name, const char *setting,
                        const decoded *d, bool shown)
{
    const double n = (double)d->count;
    if (d->count == 0) {
        return;
    }
    csv_decoded(r, set_name(c, s), name, setting, d);
    if (!shown) {
        return;
    }
    put(r, "<tr><td>%s</td><td>%s</td>", name, setting);
    put_number(r, 3, d->bits / n);
    put_number(r, 2, d->psnr / n);
    put(r, "<td>%.1f / %.0f</td><td>%.1f / %.1f</td>", d->errors / n, d->greatest, d->tiles / n,
        fmin(d->lowest, 100));
    if (d->drift.count == 0) {
        put(r, "<td>&ndash;</td><td>&ndash;</td>");
    } else {
        put(r, "<td>%.4f / %.3f</td><td>%zu of %zu</td>", d->drift.mean, d->drift.greatest,
            d->drift.changed, d->drift.count);
    }
    put(r, "<td>%zu</td></tr>\n", d->unfamiliar);
}

typedef const curve_point *(*point_of)(const curve_item *x, size_t a, size_t b);

static const curve_point *of_codec(const curve_item *x, size_t codec, size_t k)
{
    return &x->at[codec][k];
}

static const curve_point *of_network(const curve_item *x, size_t m, size_t unused)
{
    (void)unused;
    return &x->network[m];
}

static const curve_point *of_pcm(const curve_item *x, size_t a, size_t b)
{
    (void)a;
    (void)b;
    return &x->pcm;
}

static decoded sum_decoded(const curves *c, size_t s, point_of point, size_t a, size_t b)
{
    decoded d = {.count = 0};
    for (size_t i = 0; i < c->job->set[s].list.count; i++) {
        if (curve_has(c, s, i, NULL)) {
            decoded_add(&d, &c->item[s][i], point(&c->item[s][i], a, b));
        }
    }
    return d;
}

static void put_all_decoded(report *r, const curves *c, size_t s)
{
    static const char *const unit[CURVE_CODECS] = {"quality ", "step ", "quality ", "aim ",
                                                   "distance "};
    decoded d;
    char setting[32];
    put(r, "<h3>What decoding does</h3>\n<p class=\"note\">Errors in grey levels of 255, worst "
           "tiles of 16x16 in dB: mean over images / the worst of them. Class scores: how far the "
           "probability of a class moves from that of the original, mean / greatest, and how many "
           "images are then given another class. These are what the record says that travels "
           "signed with a picture without its original, but for the class scores, which are here "
           "those of the set's own classes. Every second setting; tables.csv has all.</p>\n");
    REPORT_TABLE(r, "codec", "setting", "bits a pixel", "PSNR", "greatest error", "worst tile",
                 "class scores", "other class", "below 30 dB");
    for (curve_codec codec = 0; codec < curve_codecs(); codec++) {
        for (size_t k = 0; k < CURVE_POINTS; k++) {
            (void)snprintf(setting, sizeof setting, "%s%g", unit[codec], curve_setting[codec][k]);
            d = sum_decoded(c, s, of_codec, codec, k);
            put_decoded(r, c, s, curve_name[codec], setting, &d, k % 2 == 0);
        }
    }
    d = sum_decoded(c, s, of_pcm, 0, 0);
    put_decoded(r, c, s, "plain pixels", "6 bits", &d, true);
    for (size_t m = 0; m < c->job->model_count; m++) {
        d = sum_decoded(c, s, of_network, m, 0);
        put_decoded(r, c, s, c->job->model[m].info.name, "encrypted", &d, true);
    }
    report_table_end(r);
}

/* ---- whole files ---- */

static double mean_of(const curves *c, size_t s, size_t offset)
{
    double sum = 0;
    for (size_t i = 0; i < c->job->set[s].list.count; i++) {
        const char *item = (const char *)&c->item[s][i];
        const void *at = item + offset;
        const double *value = at;
        sum += curve_has(c, s, i, NULL) ? *value : 0;
    }
    return sum / (double)curve_count(c, s, NULL);
}

static void put_file(report *r, const curves *c, size_t s, const char *name, const char *setting,
                     const double part[6])
{
    static const char *const what[6] = {"stream", "tags", "plan", "header", "padding", "whole"};
    put(r, "<tr><td>%s</td><td class=\"t\">%s</td>", name, setting);
    for (int k = 0; k < 6; k++) {
        put(r, "<td>%.0f</td>", part[k]);
        put_csv(r, "file,%s,all,%s,%s,%s bytes,%zu,%.2f,,\n", set_name(c, s), name, setting,
                what[k], curve_count(c, s, NULL), part[k]);
    }
    put(r, "</tr>\n");
}

static void put_files(report *r, const curves *c, size_t s)
{
    const size_t at_sums = offsetof(curve_item, at) +
                           ((size_t)CURVE_SUMS * CURVE_POINTS + CURVE_USUAL) * sizeof(curve_point);
    const double stream = mean_of(c, s, offsetof(curve_item, stream));
    const double tags = mean_of(c, s, offsetof(curve_item, tags));
    const double padding = mean_of(c, s, offsetof(curve_item, padding));
    const double total = mean_of(c, s, offsetof(curve_item, total));
    const double plan = mean_of(c, s, offsetof(curve_item, plan));
    const double sums = mean_of(c, s, at_sums) - plan;
    const double sums_total = mean_of(c, s, offsetof(curve_item, sums_total));
    const double veil_part[6] = {stream, tags, 0, total - stream - tags - padding, padding, total};
    const double sums_part[6] = {sums, 0, plan, sums_total - sums - plan, 0, sums_total};

    put(r, "<h3>Whole files</h3>\n<p class=\"note\">Mean bytes. Compact mode in an envelope for "
           "one recipient, without embedding: header is what everything else takes, keys, "
           "description, record of the loss and signature; padding only hides the length. Sums: "
           "the ciphertext, and the sealed plan, once for all pictures under it; the curves count "
           "it for every picture. Any other codec's stream would have the same envelope around "
           "it.</p>\n");
    REPORT_TABLE(r, "what", "<setting", "stream or ciphertext", "tags", "plan", "header", "padding",
                 "whole");
    put_file(r, c, s, "compact", "quality 50", veil_part);
    if (sums_total > 0) {
        put_file(r, c, s, "sums by classes", "step 8", sums_part);
    }
    report_table_end(r);
}

/* ---- the page ---- */

static void put_intro(report *r, const curves *c)
{
    const eval_job *job = c->job;
    char day[MV_DAY_TEXT_MAX];
    mv_day_text(day, mv_clock_day());
    put(r, "<h1>Bytes against quality: compact mode beside other codecs</h1>\n<p>");
    for (size_t s = 0; s < job->set_count; s++) {
        put(r, "%s", s == 0 ? "" : ", ");
        put_text(r, set_name(c, s));
        put(r, " %zu of %zu images", curve_count(c, s, NULL), job->set[s].list.count);
    }
    put(r, "; %s, %s. Made by medveil %s on %s. Machine: ",
        c->job->every == 1 ? "all of them" : "evenly spread",
        c->native ? "each at its own size" : "resized to 224x224", MV_VERSION, day);
    report_processor(r);
    put(r, ". For research; not for diagnosis.</p>\n");
    put(r,
        "<p class=\"note\">Every codec gets the same 8-bit gray pixels, stretched to 0..255, and "
        "PSNR is of 255, of each image. Bytes are those of the code stream with the tags of its "
        "encrypted records (16 for each 64 KiB), or of the ciphertext; envelope header and padding "
        "stand in columns of their own. Compact: networks of compact mode, quality 30 to 66. Sums "
        "by classes: room for two, set add4096, each picture under a plan of its own, which is "
        "counted. JPEG: libjpeg-turbo, Huffman tables of the standard. JPEG 2000: OpenJPEG, 9-7 "
        "wavelet, one layer. JPEG XL: libjxl, effort 7, its own colour space and filters, tuned "
        "for the eye and not for PSNR%s. Plain pixels: the upper %d bits. Networks: 8-bit features "
        "as BFV ciphertexts.</p>\n",
        curve_codecs() == CURVE_CODECS ? "" : "; not in this build, which has no libjxl",
        CURVE_PCM_BITS);
    if (c->judge < job->model_count) {
        put(r, "<p class=\"note\">Class scores: the head of ");
        put_text(r, job->model[c->judge].info.name);
        put(r, ".</p>\n");
    }
    if (job->unreadable_count != 0) {
        put(r, "<p><b>%zu image%s could not be read and %s in no figure.</b></p>\n",
            job->unreadable_count, job->unreadable_count == 1 ? "" : "s",
            job->unreadable_count == 1 ? "is" : "are");
    }
}

static void put_set(report *r, const curves *c, size_t s)
{
    if (curve_count(c, s, NULL) == 0) {
        return;
    }
    put(r, "<h2 id=\"set-%zu\">", s);
    put_text(r, set_name(c, s));
    put(r, "</h2>\n");
    curves_plot(r, c, s);
    put_same_quality(r, c, s);
    put_differences(r, c, s);
    put_lossless(r, c, s);
    put_all_decoded(r, c, s);
    put_files(r, c, s);
    curves_pictures(r, c, s);
}

mv_status curves_report(const curves *c, mv_error *err)
{
    report r = report_make(c->job, err);

    put_csv(&r, "table,set,origin,codec,setting,figure,count,value,from,to\n");
    report_head(&r, "bytes against quality");
    put_intro(&r, c);
    put(&r, "<h2 id=\"findings\">Findings</h2>\n");
    curves_findings(&r, c);
    for (size_t s = 0; s < c->job->set_count; s++) {
        put_set(&r, c, s);
    }
    put(&r, "</body></html>\n");
    return report_save(&r, c->job->out);
}
