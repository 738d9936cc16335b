/* SPDX-License-Identifier: Apache-2.0
 *
 * report_findings.c: sentences made from the numbers; none is there whose numbers are not.
 */
#include "report.h"

#include <math.h>
#include <string.h>

static size_t find_model(const report *r, const char *name)
{
    size_t m = 0;
    while (m < r->job->model_count && strcmp(r->job->model[m].info.name, name) != 0) {
        m++;
    }
    return m;
}

static void item(report *r)
{
    put(r, "<li>");
}

/* ---- every ciphertext came back ---- */

static void say_exact(report *r)
{
    size_t items = 0, exact = 0;
    for (size_t m = 0; m < r->job->model_count; m++) {
        for (size_t s = 0; s < r->job->set_count; s++) {
            for (size_t i = 0; i < r->job->set[s].list.count; i++) {
                const eval_item *x = &r->job->model[m].item[s][i];
                items += x->state == EVAL_DONE;
                exact += x->state == EVAL_DONE && x->exact;
            }
        }
    }
    item(r);
    put(r,
        "<b>Encryption loses nothing.</b> In %zu of %zu cases (an image under a method) all "
        "features "
        "came out of their BFV ciphertexts exactly as they went in%s</li>\n",
        exact, items,
        exact == items ? "; so the metrics and the MAP of decrypted features are those of plain "
                         "features."
                       : ".");
}

/* ---- methods ---- */

static size_t best_model(const report *r, size_t s, double *psnr)
{
    size_t best = 0;
    *psnr = -INFINITY;
    for (size_t m = 0; m < r->job->model_count; m++) {
        const double x = report_mean(r, m, s, EVAL_AFTER, EVAL_PSNR);
        if (x > *psnr) {
            *psnr = x;
            best = m;
        }
    }
    return best;
}

static void say_order(report *r)
{
    item(r);
    put(r, "<b>%s</b> After pre-processing the %s is ",
        r->job->model_count > 1 ? "The order of the methods." : "Quality.",
        r->job->model_count > 1 ? "highest mean PSNR" : "mean PSNR");
    for (size_t s = 0; s < r->job->set_count; s++) {
        double psnr = 0;
        const size_t m = best_model(r, s, &psnr);
        put(r, "%s%.2f dB on ", s == 0 ? "" : ", ", psnr);
        put_text(r, r->job->set[s].list.set);
        put(r, " (");
        put_text(r, r->job->model[m].info.name);
        put(r, ")");
    }
    const size_t cnn = find_model(r, "cnn");
    size_t first = 0;
    for (size_t s = 0; s < r->job->set_count; s++) {
        double psnr = 0;
        first += best_model(r, s, &psnr) == cnn;
    }
    if (cnn < r->job->model_count && r->job->model_count > 1) {
        put(r, "; the CNN of Table 3 comes first on %zu of %zu sets", first, r->job->set_count);
    }
    put(r, ".</li>\n");
}

static double pcm_psnr(const eval_set *set)
{
    const int at = EVAL_BUDGET * EVAL_BITS / (EVAL_SIDE * EVAL_SIDE) - 1;
    double sum = 0;
    for (size_t k = 0; k < set->coded_count; k++) {
        sum += set->curves[k].at[CODEC_PCM][at].psnr_db / (double)set->coded_count;
    }
    return sum;
}

static double lossless(const eval_set *set, int codec)
{
    double sum = 0;
    for (size_t k = 0; k < set->coded_count; k++) {
        sum += set->curves[k].at[codec][CODEC_POINTS - 1].bytes / (double)set->coded_count;
    }
    return sum;
}

static void say_yardstick(report *r)
{
    item(r);
    put(r, "<b>Six bits a pixel is a generous budget.</b> Plain 6-bit pixels, without any network, "
           "reach ");
    for (size_t s = 0; s < r->job->set_count; s++) {
        double best = 0;
        (void)best_model(r, s, &best);
        const double pcm = pcm_psnr(&r->job->set[s]);
        put(r, "%s%.2f dB on ", s == 0 ? "" : ", ", pcm);
        put_text(r, r->job->set[s].list.set);
        put(r, " (the best network is %.2f dB %s)", fabs(best - pcm),
            best >= pcm ? "above" : "below");
    }
    put(r, ". Lossless JPEG-LS of the same images takes ");
    for (size_t s = 0; s < r->job->set_count; s++) {
        put(r, "%s%.0f %%", s == 0 ? "" : ", ",
            100 * lossless(&r->job->set[s], CODEC_JPEGLS) / EVAL_BUDGET);
    }
    put(r,
        " of the features' bytes: who only wants to transmit should encrypt such a file; features "
        "are for computing under encryption.</li>\n");
}

static void say_gan(report *r)
{
    const size_t gan = find_model(r, "gan"), resnet = find_model(r, "resnet");
    if (gan == r->job->model_count || resnet == r->job->model_count) {
        return;
    }
    item(r);
    put(r, "<b>Adversarial loss.</b> PSNR of gan less that of resnet: ");
    for (size_t s = 0; s < r->job->set_count; s++) {
        put(r, "%s%+.2f dB (", s == 0 ? "" : ", ",
            report_mean(r, gan, s, EVAL_AFTER, EVAL_PSNR) -
                report_mean(r, resnet, s, EVAL_AFTER, EVAL_PSNR));
        put_text(r, r->job->set[s].list.set);
        put(r, ")");
    }
    put(r, ".</li>\n");
}

/* Networks around a fixed block transform: who reads their rows has to know what made them. */
static void say_transform(report *r)
{
    static const char *const names[] = {"resnet", "lstm", "gan"};
    size_t count = 0;
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        if (find_model(r, names[k]) < r->job->model_count) {
            if (count == 0) {
                item(r);
                put(r, "<b>What makes the quality of ");
            }
            put(r, "%s%s", count == 0 ? "" : ", ", names[k]);
            count++;
        }
    }
    if (count != 0) {
        put(r, ".</b> Nearly all of it comes from a fixed 8x8 block transform and from features of "
               "unequal width written as one string of bits, which reach it before any training; "
               "the trained branches beside it add little, as the cards of the models say. The "
               "price: these codes cannot be added under encryption. Those of bp and cnn can.</li>"
               "\n");
    }
}

static void say_preprocessing(report *r)
{
    item(r);
    put(r, "<b>Pre-processing.</b> Mean PSNR after less before, of ");
    put_text(r, r->job->model[0].info.name);
    put(r, ": ");
    for (size_t s = 0; s < r->job->set_count; s++) {
        put(r, "%s%+.2f dB (", s == 0 ? "" : ", ",
            report_mean(r, 0, s, EVAL_AFTER, EVAL_PSNR) -
                report_mean(r, 0, s, EVAL_BEFORE, EVAL_PSNR));
        put_text(r, r->job->set[s].list.set);
        put(r, ")");
    }
    put(r, ". The two are of different images: resizing changes what has to be coded, so this is "
           "not a gain of the method.</li>\n");
}

/* ---- labels ---- */

static void say_map(report *r, size_t s)
{
    size_t best = r->job->model_count;
    ranked map = {.count = 0}, best_map = {.count = 0}, honest = {.count = 0};
    const eval_set *set = &r->job->set[s];

    for (size_t m = 0; m < r->job->model_count && r->st == MV_OK; m++) {
        r->st = eval_map_of(&map, r->job, m, s, EVAL_AFTER, NULL);
        if (map.count != 0 &&
            (best_map.count == 0 || map.classification > best_map.classification)) {
            best_map = map;
            best = m;
        }
    }
    if (best_map.count == 0 || r->st != MV_OK) {
        return;
    }
    item(r);
    put(r, "<b>Classes of ");
    put_text(r, set->list.set);
    put(r, ".</b> Best MAP of classification %.3f (", best_map.classification);
    put_text(r, r->job->model[best].info.name);
    put(r, "), retrieval there %.3f, accuracy %.3f", best_map.retrieval, best_map.accuracy);
    if (eval_has_headline(set)) {
        r->st = eval_map_of(&honest, r->job, best, s, EVAL_AFTER, EVAL_HEADLINE);
        if (honest.count != 0) {
            put(r,
                "; on origins with several classes, the honest figure, %.3f and %.3f (%zu "
                "images)",
                honest.classification, honest.retrieval, honest.count);
        }
    }
    put(r, ".</li>\n");
}

/* ---- time ---- */

static void say_time(report *r)
{
    double network = 0, he = 0;
    size_t count = 0;
    for (size_t m = 0; m < r->job->model_count; m++) {
        for (size_t s = 0; s < r->job->set_count; s++) {
            for (size_t t = 0; t < r->job->set[s].timed_count; t++) {
                const eval_time *x = &r->job->model[m].time[s][t][EVAL_AFTER];
                network += x->encode + x->decode;
                he += x->encrypt + x->decrypt;
                count++;
            }
        }
    }
    if (count == 0) {
        return;
    }
    item(r);
    put(r,
        "<b>Where the time goes.</b> At 224x224, mean over the methods, the networks take %.1f ms "
        "and homomorphic encryption with decryption %.2f ms of an image's way: %.1f %%.</li>\n",
        network / (double)count, he / (double)count, 100 * he / (he + network));
}

static void say_forms(report *r)
{
    eval_form sum[EVAL_FORMS];
    memset(sum, 0, sizeof sum);
    for (size_t s = 0; s < r->job->set_count; s++) {
        for (size_t t = 0; t < r->job->set[s].timed_count; t++) {
            for (int f = 0; f < EVAL_FORMS; f++) {
                const eval_form *x = &r->job->set[s].form[t * EVAL_FORMS + (size_t)f];
                sum[f].encrypt_ms += x->encrypt_ms;
                sum[f].decrypt_ms += x->decrypt_ms;
                sum[f].bytes += x->bytes;
            }
        }
    }
    if (sum[EVAL_BFV].bytes == 0) {
        return;
    }
    item(r);
    put(r,
        "<b>BFV against CKKS.</b> The same features take %.1f times the bytes under symmetric CKKS "
        "and %.1f times under public-key CKKS; encrypting takes %.1f and %.1f times as long, "
        "decrypting %.1f and %.1f times.</li>\n",
        sum[1].bytes / sum[0].bytes, sum[2].bytes / sum[0].bytes,
        sum[1].encrypt_ms / sum[0].encrypt_ms, sum[2].encrypt_ms / sum[0].encrypt_ms,
        sum[1].decrypt_ms / sum[0].decrypt_ms, sum[2].decrypt_ms / sum[0].decrypt_ms);
}

static void say_statistics(report *r)
{
    double entropy = INFINITY, npcr = INFINITY, equal = 0;
    for (size_t s = 0; s < r->job->set_count; s++) {
        const eval_cipher_stats *x = &r->job->set[s].stats;
        entropy = fmin(entropy, x->entropy[1]);
        npcr = fmin(npcr, x->npcr);
        equal = fmax(equal, x->key_equal);
    }
    item(r);
    put(r,
        "<b>Ciphertexts look random, which proves nothing.</b> Of the examples of the sets the "
        "least entropy is %.4f bits a byte and the least NPCR of two encryptions of one image "
        "%.2f %%; with one bit of the key changed at most %.2f %% of the features come out as they "
        "were, about what guessing gives. Any randomised encryption does that, also a broken one: "
        "security rests on RLWE and on authenticated encryption.</li>\n",
        entropy, 100 * npcr, 100 * equal);
}

void report_findings(report *r)
{
    put(r, "<ul>\n");
    say_exact(r);
    say_order(r);
    say_yardstick(r);
    say_gan(r);
    say_transform(r);
    say_preprocessing(r);
    for (size_t s = 0; s < r->job->set_count; s++) {
        say_map(r, s);
    }
    say_time(r);
    say_forms(r);
    say_statistics(r);
    put(r, "</ul>\n");
}
