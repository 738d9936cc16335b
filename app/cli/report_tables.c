/* SPDX-License-Identifier: Apache-2.0
 *
 * report_tables.c: the tables of the page, each row also in tables.csv.
 */
#include "report.h"

#include <math.h>
#include <string.h>

static const char *const way_name[EVAL_WAYS] = {"before", "after"};

/* ---- table 2 ---- */

static const char *printed_count(const char *set)
{
    if (strcmp(set, "chest_xray") == 0) {
        return "5,856, three classes; named as NIH's, whose set is another one";
    }
    return strcmp(set, "liver_ct") == 0 ? "583, Liver and NoLiver; no public CT set of 583 is known"
                                        : "not at hand";
}

void report_table_2(report *r)
{
    put(r, "<h2 id=\"table-2\">Table 2: data sets</h2>\n");
    REPORT_TABLE(r, "set", "test images", "<classes", "<origins", "<printed");
    for (size_t s = 0; s < r->job->set_count; s++) {
        const labelled *l = &r->job->set[s].list;
        const char *origin[64];
        const size_t origins = eval_origins(origin, 64, &r->job->set[s]);
        put(r, "<tr><td>");
        put_text(r, l->set);
        put(r, "</td><td>%zu</td><td class=\"t\">", l->count);
        for (uint32_t k = 0; k < l->class_count; k++) {
            size_t n = 0;
            for (size_t i = 0; i < l->count; i++) {
                n += l->image[i].label == k;
            }
            put(r, "%s", k == 0 ? "" : ", ");
            put_text(r, l->class_name[k]);
            put(r, " %zu", n);
            put_csv(r, "2,%s,,,,images of %s,%zu,,,,,\n", l->set, l->class_name[k], n);
        }
        put(r, "</td><td class=\"t\">");
        for (size_t k = 0; k < origins; k++) {
            put(r, "%s", k == 0 ? "" : ", ");
            put_text(r, origin[k]);
        }
        put(r, "</td><td class=\"t\">%s</td></tr>\n", printed_count(l->set));
    }
    report_table_end(r);
    put(r, "<p class=\"note\">The paper speaks of four data sets and prints three.</p>\n");
}

/* ---- table 3 ---- */

void report_table_3(report *r)
{
    static const char *const rows[][3] = {
        {"Input", "224 x 224 x 3", ""},
        {"Convolution 3x3, 64, ReLU", "224 x 224 x 64", "encoder"},
        {"Max pool 2x2", "112 x 112 x 64", "encoder"},
        {"Convolution 3x3, 64, ReLU", "112 x 112 x 64", "encoder"},
        {"Convolution 3x3, 32, ReLU", "112 x 112 x 32", "encoder"},
        {"Dense 3, sigmoid, at each position", "112 x 112 x 3", "encoder: the features"},
        {"Dense 3, sigmoid, at each position", "112 x 112 x 3", "decoder"},
        {"Convolution 3x3, 32, ReLU", "112 x 112 x 32", "decoder"},
        {"Upsampling 2x", "224 x 224 x 32", "decoder"},
        {"Convolution 3x3, 64, ReLU", "224 x 224 x 64", "decoder"},
        {"Convolution 3x3, 64, ReLU", "224 x 224 x 64", "decoder"},
        {"Convolution 3x3, 3, sigmoid", "224 x 224 x 3", "decoder: the image"},
    };
    put(r, "<h2 id=\"table-3\">Table 3: the CNN autoencoder, as printed</h2>\n");
    REPORT_TABLE(r, "layer", "output", "<part");
    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
        put(r, "<tr><td>%s</td><td>%s</td><td class=\"t\">%s</td></tr>\n", rows[k][0], rows[k][1],
            rows[k][2]);
    }
    report_table_end(r);
    put(r, "<p>Networks of this report:</p>\n");
    REPORT_TABLE(r, "method", "weights", "features at 224x224", "<licence of the weights",
                 "<training");
    for (size_t m = 0; m < r->job->model_count; m++) {
        const mv_model_info *info = &r->job->model[m].info;
        put(r, "<tr><td>");
        put_text(r, info->name);
        put(r, "</td><td>%llu</td><td>%zu</td><td class=\"t\">",
            (unsigned long long)info->parameter_count, r->job->model[m].features);
        put_text(r, info->licence);
        put(r, "</td><td class=\"t long\">");
        put_text(r, info->training);
        put(r, "</td></tr>\n");
        put_csv(r, "3,,%s,,,weights,%llu,,,,,\n", info->name,
                (unsigned long long)info->parameter_count);
        put_csv(r, "3,,%s,,,in whole numbers,%d,,,,,\n", info->name, r->job->integer);
    }
    report_table_end(r);
}

/* ---- table 4 ---- */

void report_table_4(report *r)
{
    static const char *const rows[][2] = {
        {"Features are encrypted homomorphically, so images are secured",
         "Yes, by RLWE for features and authenticated encryption for everything else. Every "
         "ciphertext here was decrypted again: <a href=\"#findings\">first finding</a>."},
        {"Encryption and decryption keep the image",
         "The ciphertext loses nothing; the network does. The exact file travels beside the "
         "features unless it is refused by hand."},
        {"Some analysis might be possible on encrypted features",
         "It is. Exact sums: codes of networks whose features are plain numbers (bp, cnn) are "
         "added "
         "under encryption, bit for bit; those of gan, lstm and resnet are cut out of one string "
         "of "
         "bits, and their sums mean nothing. Search: a keeper compares an encrypted embedding of "
         "128 numbers with a gallery, plain or encrypted, and the key holder checks the encrypted "
         "answer. Classification: a linear model, also one that stays private to its owner, and a "
         "network with one hidden layer, on an encrypted embedding. Scores are the integers of the "
         "plain computation; those of the hidden layer agree within the bound of their noise. What "
         "the keeper has is ciphertext; embeddings are made where the image is in the clear "
         "(docs/modules/analysis.md)."},
        {"Histograms of ciphertext show security",
         "They do not: any sound encryption looks like noise, and unsound ones do too. <a "
         "href=\"#statistics\">The statistics</a>."},
        {"Encryption is fast enough for real time",
         "Encryption is: it is a small part of an image's way, the network the large one. <a "
         "href=\"#methods\">The columns of times</a>, and <a href=\"#forms\">three forms of "
         "encryption</a>."},
    };
    put(r, "<h2 id=\"table-4\">Table 4: the paper's claims</h2>\n");
    REPORT_TABLE(r, "claim", "<answer");
    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
        put(r, "<tr><td class=\"t\">%s</td><td class=\"t long\">%s</td></tr>\n", rows[k][0],
            rows[k][1]);
    }
    report_table_end(r);
}

/* ---- tables 5 to 7 ---- */

static void csv_summary(report *r, size_t s, size_t m, int way, const char *origin,
                        const char *figure, const eval_summary *x)
{
    put_csv(r, "5-7,%s,%s,%s,%s,%s,%zu,%.9g,%.9g,%.9g,%.9g,%.9g\n", r->job->set[s].list.set,
            r->job->model[m].info.name, way_name[way], origin == NULL ? "all" : origin, figure,
            x->count, x->mean, x->deviation, x->low5, x->from, x->to);
}

static void put_cell(report *r, const eval_summary *x, int digits, bool spread)
{
    if (x->count == 0) {
        put(r, "<td>-</td>");
        return;
    }
    put(r, "<td title=\"95 %% interval of the mean %.*f to %.*f\">%.*f", digits, x->from, digits,
        x->to, digits, x->mean);
    if (spread) {
        put(r, "<br><small>&plusmn;%.*f; %.*f</small>", digits, x->deviation, digits, x->low5);
    }
    put(r, "</td>");
}

static void put_quality(report *r, size_t s, size_t m, eval_way way, const char *origin)
{
    static const struct {
        eval_what what;
        const char *name;
        int digits;
        bool spread;
    } column[] = {{EVAL_PSNR, "PSNR dB", 2, true},
                  {EVAL_RMSE, "RMSE", 4, false},
                  {EVAL_SSIM, "SSIM", 4, true}};
    for (int k = 0; k < 3; k++) {
        eval_summary x = {.count = 0};
        if (r->st == MV_OK) {
            r->st = eval_summary_of(&x, r->job, m, s, way, column[k].what, origin);
        }
        put_cell(r, &x, column[k].digits, column[k].spread);
        csv_summary(r, s, m, way, origin, column[k].name, &x);
    }
}

static void put_map(report *r, size_t s, size_t m, eval_way way, const char *origin)
{
    ranked map = {.count = 0};
    if (r->st == MV_OK) {
        r->st = eval_map_of(&map, r->job, m, s, way, origin);
    }
    if (map.count == 0) {
        put(r, "<td>-</td><td>-</td>");
        return;
    }
    put(r, "<td>%.3f</td><td>%.3f</td>", map.classification, map.retrieval);
    const char *shown = origin == NULL ? "all" : origin;
    const char *names[] = {"MAP classes", "MAP retrieval", "accuracy"};
    const double value[] = {map.classification, map.retrieval, map.accuracy};
    for (int k = 0; k < 3; k++) {
        put_csv(r, "5-7,%s,%s,%s,%s,%s,%zu,%.9g,,,,\n", r->job->set[s].list.set,
                r->job->model[m].info.name, way_name[way], shown, names[k], map.count, value[k]);
    }
}

static void put_speed(report *r, size_t s, size_t m, eval_way way)
{
    static const char *const names[] = {"encryption ms", "decryption ms"};
    for (int k = 0; k < 2; k++) {
        eval_summary x = {.count = 0};
        if (r->st == MV_OK) {
            r->st = eval_speed_of(&x, r->job, m, s, way, k == 1);
        }
        put_cell(r, &x, 1, false);
        csv_summary(r, s, m, way, NULL, names[k], &x);
    }
}

static void put_bytes(report *r, size_t s, size_t m, eval_way way)
{
    static const char *const names[] = {"bytes raw", "bytes features", "bytes ciphertext"};
    for (int k = 0; k < 3; k++) {
        eval_summary x = {.count = 0};
        if (r->st == MV_OK) {
            r->st = eval_summary_of(&x, r->job, m, s, way, (eval_what)(EVAL_RAW + k), NULL);
        }
        put_cell(r, &x, 0, false);
        csv_summary(r, s, m, way, NULL, names[k], &x);
    }
}

/* PSNR and SSIM of b-bit pixels at the features' bytes stand in the same table. */
static void put_yardstick(report *r, size_t s)
{
    const eval_set *set = &r->job->set[s];
    const int at = EVAL_BUDGET * EVAL_BITS / (EVAL_SIDE * EVAL_SIDE) - 1; /* 6 bits a pixel */
    double psnr = 0, rmse = 0, ssim = 0, bytes = 0;
    for (size_t k = 0; k < set->coded_count; k++) {
        const codec_point *p = &set->curves[k].at[CODEC_PCM][at];
        psnr += p->psnr_db / (double)set->coded_count;
        rmse += pow(10, -p->psnr_db / 20) / (double)set->coded_count;
        ssim += p->ssim / (double)set->coded_count;
        bytes += p->bytes / (double)set->coded_count;
    }
    if (set->coded_count != 0) {
        put(r,
            "<tr><td>%d-bit pixels, no network</td><td>after</td><td>%.2f</td><td>%.4f</td>"
            "<td>%.4f</td><td>-</td><td>-</td><td>-</td><td>-</td><td>%d</td><td>%.0f</td><td>-</"
            "td>"
            "</tr>\n",
            at + 1, psnr, rmse, ssim, EVAL_SIDE * EVAL_SIDE, bytes);
    }
}

void report_methods(report *r, size_t s)
{
    put(r, "<h3>");
    if (s < 3) { /* the paper has three sets, a table and a figure for each */
        put(r, "Table %zu, Figure %zu: ", s + 5, s + 8);
    }
    put_text(r, r->job->set[s].list.set);
    put(r, "</h3>\n");
    REPORT_TABLE(r, "method", "pre-processing",
                 "PSNR dB<br><small>&plusmn;deviation; 5th pct</small>", "RMSE", "SSIM",
                 "MAP classes", "MAP retrieval", "encryption ms", "decryption ms", "bytes raw",
                 "bytes features", "bytes ciphertext");
    for (size_t m = 0; m < r->job->model_count; m++) {
        for (int way = 0; way < EVAL_WAYS; way++) {
            put(r, "<tr><td>");
            put_model(r, m);
            put(r, "</td><td>%s</td>", way_name[way]);
            put_quality(r, s, m, (eval_way)way, NULL);
            put_map(r, s, m, (eval_way)way, NULL);
            put_speed(r, s, m, (eval_way)way);
            put_bytes(r, s, m, (eval_way)way);
            put(r, "</tr>\n");
            report_printed_row(r, s, r->job->model[m].info.name, way);
        }
    }
    put_yardstick(r, s);
    report_printed_none(r, s);
    report_table_end(r);
}

void report_origins(report *r, size_t s)
{
    const eval_set *set = &r->job->set[s];
    const char *origin[66] = {NULL};
    size_t count = eval_origins(origin, 64, set);

    if (count < 2) {
        return;
    }
    if (eval_has_headline(set)) {
        memmove(origin + 1, origin, count * sizeof origin[0]);
        origin[0] = EVAL_HEADLINE;
        count++;
        put(r,
            "<p>Some origins of this set have one class only, so a network can tell the class by "
            "the origin. The honest figures are those of the %s.</p>\n",
            EVAL_HEADLINE);
    }
    put(r, "<details><summary>by origin, after pre-processing</summary>\n");
    REPORT_TABLE(r, "origin", "<method", "images", "PSNR dB", "RMSE", "SSIM", "MAP classes",
                 "MAP retrieval");
    for (size_t k = 0; k < count; k++) {
        for (size_t m = 0; m < r->job->model_count; m++) {
            size_t images = 0;
            for (size_t i = 0; i < set->list.count; i++) {
                images += eval_selected(set, i, origin[k]);
            }
            put(r, "<tr><td>");
            put_text(r, origin[k]);
            put(r, "</td><td class=\"t\">");
            put_model(r, m);
            put(r, "</td><td>%zu</td>", images);
            put_quality(r, s, m, EVAL_AFTER, origin[k]);
            put_map(r, s, m, EVAL_AFTER, origin[k]);
            put(r, "</tr>\n");
        }
    }
    report_table_end(r);
    put(r, "</details>\n");
}

static void one_confusion(report *r, size_t s, size_t m, const ranked *map)
{
    const labelled *l = &r->job->set[s].list;
    put(r, "<div class=\"scroll\"><table><tr><th>");
    put_model(r, m);
    put(r, ": truth \\ answer</th>");
    for (uint32_t k = 0; k < l->class_count; k++) {
        put(r, "<th>");
        put_text(r, l->class_name[k]);
        put(r, "</th>");
    }
    put(r, "</tr>\n");
    for (uint32_t t = 0; t < l->class_count; t++) {
        put(r, "<tr><td>");
        put_text(r, l->class_name[t]);
        put(r, "</td>");
        for (uint32_t k = 0; k < l->class_count; k++) {
            put(r, k == t ? "<td><b>%u</b></td>" : "<td>%u</td>", map->confusion[t][k]);
        }
        put(r, "</tr>\n");
    }
    put(r, "</table></div>\n");
}

void report_confusion(report *r, size_t s)
{
    bool some = false;
    for (size_t m = 0; m < r->job->model_count; m++) {
        ranked map = {.count = 0};
        if (r->st == MV_OK) {
            r->st = eval_map_of(&map, r->job, m, s, EVAL_AFTER, NULL);
        }
        if (map.count != 0) {
            put(r, some ? ""
                        : "<details><summary>confusion matrices, after pre-processing"
                          "</summary>\n<div class=\"row\">\n");
            one_confusion(r, s, m, &map);
            some = true;
        }
    }
    put(r, some ? "</div></details>\n" : "");
}

/* ---- forms of encryption ---- */

static eval_form mean_form(const eval_set *set, int form)
{
    eval_form x = {0, 0, 0, 0};
    const double n = (double)set->timed_count;
    for (size_t t = 0; t < set->timed_count; t++) {
        const eval_form *f = &set->form[t * EVAL_FORMS + (size_t)form];
        x.encrypt_ms += f->encrypt_ms / n;
        x.decrypt_ms += f->decrypt_ms / n;
        x.bytes += f->bytes / n;
        x.error = fmax(x.error, f->error);
    }
    return x;
}

void report_forms(report *r)
{
    static const char *const names[EVAL_FORMS] = {
        "BFV, symmetric (pack4096)", "CKKS, symmetric (real8192)", "CKKS, public key (real8192)"};
    put(r, "<h2 id=\"forms\">The same features under three forms of encryption</h2>\n<p>8-bit "
           "features of ");
    put_model(r, 0);
    put(r, ", one processor, encoding and bytes included. Error in steps of the 8-bit feature: "
           "below 0.5 rounding brings the integers back.</p>\n");
    REPORT_TABLE(r, "set", "<form", "encrypt ms", "decrypt ms", "bytes", "largest error");
    for (size_t s = 0; s < r->job->set_count; s++) {
        for (int form = 0; form < EVAL_FORMS; form++) {
            const eval_form x = mean_form(&r->job->set[s], form);
            put(r, "<tr><td>");
            put_text(r, r->job->set[s].list.set);
            put(r,
                "</td><td class=\"t\">%s</td><td>%.3f</td><td>%.3f</td><td>%.0f</td>"
                "<td>%.2g</td></tr>\n",
                names[form], x.encrypt_ms, x.decrypt_ms, x.bytes, x.error);
            put_csv(r, "forms,%s,%s,after,all,encrypt ms,%zu,%.9g,,,,\n", r->job->set[s].list.set,
                    form == 0   ? "bfv"
                    : form == 1 ? "ckks-sym"
                                : "ckks-pk",
                    r->job->set[s].timed_count, x.encrypt_ms);
        }
    }
    report_table_end(r);
}

/* ---- other codecs ---- */

static double lossless_bytes(const eval_set *set, int codec, int at)
{
    double sum = 0;
    for (size_t k = 0; k < set->coded_count; k++) {
        sum += set->curves[k].at[codec][at].bytes / (double)set->coded_count;
    }
    return sum;
}

/* Bytes at which a codec's image is as good as psnr_db: between two of its points along a straight
 * line; the lossless file where no lossy point is good enough. A curve ends with its lossless one.
 */
static double bytes_for(const codec_point *at, double psnr_db)
{
    int k = 0;
    while (k + 1 < CODEC_POINTS && at[k].psnr_db < psnr_db) {
        k++;
    }
    if (k == 0 || !isfinite(at[k].psnr_db) || at[k].psnr_db < psnr_db) {
        return at[k].bytes;
    }
    const double part = (psnr_db - at[k - 1].psnr_db) / (at[k].psnr_db - at[k - 1].psnr_db);
    return at[k - 1].bytes + part * (at[k].bytes - at[k - 1].bytes);
}

/* Mean of bytes_for over the images that were coded, each at the method's PSNR. */
static double bytes_as_good(const report *r, size_t m, size_t s, int codec)
{
    const eval_set *set = &r->job->set[s];
    double sum = 0;
    for (size_t k = 0; k < set->coded_count; k++) {
        const eval_item *item = &r->job->model[m].item[s][set->coded[k]];
        sum += bytes_for(set->curves[k].at[codec], item->way[EVAL_AFTER].psnr_db);
    }
    return sum / (double)set->coded_count;
}

static void put_as_good(report *r, size_t m, size_t s)
{
    static const int codec[] = {CODEC_J2K, CODEC_JPEGLS};
    static const char *const names[] = {"JPEG 2000", "JPEG-LS"};
    const double features = (double)r->job->model[m].features * EVAL_BITS / 8;

    put(r, "<tr><td>");
    put_text(r, r->job->set[s].list.set);
    put(r, "</td><td class=\"t\">");
    put_model(r, m);
    put(r, "</td><td>%.0f</td>", features);
    for (int k = 0; k < 2; k++) {
        const double bytes = bytes_as_good(r, m, s, codec[k]);
        put(r, "<td>%.0f <small>(%.0f %%)</small></td>", bytes, 100 * bytes / features);
        put_csv(r, "codecs,%s,%s,after,all,bytes of %s as good,%zu,%.9g,,,,\n",
                r->job->set[s].list.set, r->job->model[m].info.name, names[k],
                r->job->set[s].coded_count, bytes);
    }
    put(r, "</tr>\n");
}

/* Where the networks lose. */
static void report_as_good(report *r)
{
    put(r, "<p>What others need for an image that is as good: for each image at the method's PSNR, "
           "along the codec's curve; where no lossy point is good enough, the lossless file "
           "counts.</p>\n");
    REPORT_TABLE(r, "set", "<method", "bytes of features", "JPEG 2000", "JPEG-LS");
    for (size_t s = 0; s < r->job->set_count; s++) {
        for (size_t m = 0; m < r->job->model_count && r->job->set[s].coded_count != 0; m++) {
            put_as_good(r, m, s);
        }
    }
    report_table_end(r);
}

void report_codecs(report *r)
{
    put(r,
        "<h2 id=\"codecs\">Quality against bytes</h2>\n<p>Other ways to store the same 224x224 "
        "8-bit images "
        "beside the networks; mean over up to %d images of each set. A network's point is at the "
        "bytes of its features; encryption adds about a quarter.</p>\n<div class=\"row\">\n",
        EVAL_CODEC_IMAGES);
    for (size_t s = 0; s < r->job->set_count; s++) {
        report_rate(r, s);
    }
    put(r, "</div>\n");
    REPORT_TABLE(r, "set", "raw bytes", "features", "JPEG-LS lossless", "JPEG 2000 lossless");
    for (size_t s = 0; s < r->job->set_count; s++) {
        const eval_set *set = &r->job->set[s];
        put(r, "<tr><td>");
        put_text(r, set->list.set);
        put(r, "</td><td>%d</td><td>%d</td><td>%.0f</td><td>%.0f</td></tr>\n",
            EVAL_SIDE * EVAL_SIDE, EVAL_BUDGET, lossless_bytes(set, CODEC_JPEGLS, CODEC_POINTS - 1),
            lossless_bytes(set, CODEC_J2K, CODEC_POINTS - 1));
    }
    report_table_end(r);
    report_as_good(r);
}

/* ---- cipher statistics ---- */

void report_statistics(report *r)
{
    put(r, "<h2 id=\"statistics\">Statistics of the ciphertext</h2>\n<p>Readers of this field "
           "expect them. Randomised "
           "encryption makes them trivially ideal; security rests on RLWE and on authenticated "
           "encryption, and no histogram is evidence of it.</p>\n");
    REPORT_TABLE(r, "set", "entropy, image / cipher (ideal 8)",
                 "chi-square, image / cipher (ideal 255 &plusmn; 23)",
                 "correlation of neighbours, image / cipher", "NPCR (ideal 99.61 %)",
                 "UACI (ideal 33.46 %)", "one key bit: features still equal",
                 "one key bit: bytes that differ");
    for (size_t s = 0; s < r->job->set_count; s++) {
        const eval_cipher_stats *x = &r->job->set[s].stats;
        put(r, "<tr><td>");
        put_text(r, r->job->set[s].list.set);
        put(r,
            "</td><td>%.3f / %.4f</td><td>%.0f / %.0f</td><td>%.4f / %.4f</td><td>%.2f %%</td>"
            "<td>%.2f %%</td><td>%.2f %%</td><td>%.2f %%</td></tr>\n",
            x->entropy[0], x->entropy[1], x->chi_square[0], x->chi_square[1], x->correlation[0],
            x->correlation[1], 100 * x->npcr, 100 * x->uaci, 100 * x->key_equal, 100 * x->key_npcr);
        put_csv(r, "cipher,%s,,,,entropy,1,%.9g,,,,\ncipher,%s,,,,NPCR,1,%.9g,,,,\n",
                r->job->set[s].list.set, x->entropy[1], r->job->set[s].list.set, x->npcr);
    }
    report_table_end(r);
    put(r, "<p class=\"note\">NPCR and UACI are between two fresh encryptions of the same features "
           "under one key; of one image in each set. Image: its 224x224 samples. Cipher: the bytes "
           "after header and seed.</p>\n");
}
