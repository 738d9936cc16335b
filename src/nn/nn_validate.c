/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_validate.c: measuring a model on whole images as a user meets it, and the curve of that.
 */
#include "base/clock.h"
#include "base/file.h"
#include "nn/nn_train_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* One thread's whole-image nets, made at the first validation and kept. */
static mv_status prepare(mv_trainer *t, mv_train_worker *w, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_nn_graph *g = t->graph;
    const mv_net_shape pixels = {1, t->data->height, t->data->width};
    const mv_net_shape features = {1, t->data->height / g->scale, t->data->width / g->scale};
    const mv_net_opts o = mv_net_defaults();

    if (w->whole_encoder == NULL) {
        MV_TRY(mv_net_new(&w->whole_encoder, t->opts.table, g->encoder, g->encoder_count, &pixels,
                          &o, err));
    }
    if (w->whole_decoder == NULL) {
        MV_TRY(mv_net_new(&w->whole_decoder, t->opts.table, g->decoder, g->decoder_count, &features,
                          &o, err));
    }
    MV_TRY(mv_net_load(w->whole_encoder, t->state.weights, err));
    MV_TRY(mv_net_load(w->whole_decoder, t->state.weights + mv_nn_decoder_offset(g, 0), err));
done:
    return st;
}

static double psnr_db(const float *output, const uint8_t *image, size_t count)
{
    double sum = 0;
    for (size_t k = 0; k < count; k++) {
        const float clamped = output[k] > 0 ? (output[k] < 1 ? output[k] : 1) : 0;
        const double d = (double)rintf(clamped * 255.0F) - image[k];
        sum += d * d;
    }
    const double mse = sum / (double)count;
    return 10 * log10(255.0 * 255.0 / (mse > 1e-3 ? mse : 1e-3)); /* 78 dB when equal */
}

/* Measured image i: features rounded, the first output channel rounded to 8 bits. */
static mv_status measure(void *user, unsigned worker, size_t i)
{
    mv_status st = MV_OK;
    mv_trainer *t = user;
    mv_train_worker *w = &t->worker[worker];
    const size_t plane = (size_t)t->data->width * t->data->height;
    const size_t at = i * t->measuring->count / t->measure_count; /* evenly spread */
    const uint8_t *image = t->measuring->pixel + at * plane;
    const size_t cells = plane / (t->graph->scale * t->graph->scale);

    for (size_t c = 0; c < t->graph->image_channels; c++) {
        for (size_t k = 0; k < plane; k++) {
            w->image[c * plane + k] = (float)image[k] / 255.0F;
        }
    }
    MV_TRY(mv_net_forward(w->whole_encoder, w->feature, w->image, &w->err));
    for (size_t k = 0; k < mv_net_out_count(w->whole_encoder); k++) {
        w->feature[k] = mv_nn_round(w->feature[k], t->step[k / cells]);
    }
    MV_TRY(mv_net_forward(w->whole_decoder, w->output, w->feature, &w->err));
    t->measured[i] = psnr_db(w->output, image, plane);
done:
    return st;
}

static mv_status measure_set(mv_trainer *t, double *mean_db, const mv_train_images *images,
                             mv_error *err)
{
    mv_status st = MV_OK;
    const size_t limit = t->opts.validate_images;
    double sum = 0;

    t->measuring = images;
    t->measure_count = limit == 0 || limit > images->count ? images->count : limit;
    MV_TRY(mv_train_parallel(t, t->measure_count, measure, err));
    for (size_t i = 0; i < t->measure_count; i++) {
        sum += t->measured[i];
    }
    *mean_db = t->measure_count == 0 ? 0 : sum / (double)t->measure_count;
done:
    return st;
}

static void keep_best(mv_trainer *t, const mv_train_point *point)
{
    mv_train_state *s = &t->state;
    if (point->score_db > s->best_db) {
        s->best_db = point->score_db;
        s->stale = 0;
        memcpy(s->best, s->weights, t->weight_count * sizeof *s->best);
    } else {
        s->stale++;
    }
}

mv_status mv_trainer_validate(mv_trainer *t, mv_train_point *point, mv_progress progress,
                              mv_error *err)
{
    mv_status st = MV_OK;
    mv_train_state *s = &t->state;
    const double started_ms = mv_clock_ms();
    size_t sets = 0;
    mv_train_point p = {.step = s->step, .loss = s->loss_mean};

    mv_trainer_settle(t);
    for (unsigned w = 0; w < t->opts.threads; w++) {
        MV_TRY(prepare(t, &t->worker[w], err));
    }
    for (size_t i = 0; i < t->data->set_count; i++) {
        const mv_train_images *images = &t->data->set[i].validation;
        if (progress.step != NULL) {
            MV_TRY(progress.step(progress.user, "validating set", i, t->data->set_count));
        }
        MV_TRY(measure_set(t, &p.psnr_db[i], images, err));
        p.score_db += p.psnr_db[i];
        sets += images->count != 0;
    }
    p.score_db = sets == 0 ? 0 : p.score_db / (double)sets;
    s->seconds += (mv_clock_ms() - started_ms) / 1e3;
    p.seconds = s->seconds;
    p.rate = mv_trainer_rate(t);
    if (sets != 0) {
        keep_best(t, &p);
    }
    if (s->curve_count == CURVE_MAX) { /* thin out: every second of the older points */
        for (size_t i = 0; i < CURVE_MAX / 2; i++) {
            s->curve[i] = s->curve[2 * i];
        }
        s->curve_count = CURVE_MAX / 2;
    }
    s->curve[s->curve_count++] = p;
    *point = p;
done:
    return st;
}

/* ---- the curve as files ---- */

static void write_csv(FILE *to, const mv_trainer *t)
{
    fputs("step,seconds,rate,loss", to);
    for (size_t i = 0; i < t->data->set_count; i++) {
        fprintf(to, ",%s_psnr_db", t->data->set[i].name);
    }
    fputc('\n', to);
    for (size_t k = 0; k < t->state.curve_count; k++) {
        const mv_train_point *p = &t->state.curve[k];
        fprintf(to, "%llu,%.1f,%.3g,%.6g", (unsigned long long)p->step, p->seconds, p->rate,
                p->loss);
        for (size_t i = 0; i < t->data->set_count; i++) {
            fprintf(to, ",%.3f", p->psnr_db[i]);
        }
        fputc('\n', to);
    }
}

enum { PLOT_WIDTH = 640, PLOT_HEIGHT = 320, PLOT_LEFT = 50, PLOT_TOP = 30, LABEL_WIDTH = 160 };

typedef struct axis {
    double lo, hi;
} axis;

static void widen(axis *a, double value)
{
    a->lo = value < a->lo ? value : a->lo;
    a->hi = value > a->hi ? value : a->hi;
}

static double place_on(const axis *a, double value, double length)
{
    return a->hi > a->lo ? (value - a->lo) / (a->hi - a->lo) * length : length / 2;
}

/* Series i < set_count: PSNR of a set; i == set_count: loss. */
static double value_of(const mv_trainer *t, const mv_train_point *p, size_t i)
{
    return i < t->data->set_count ? p->psnr_db[i] : p->loss;
}

static void write_line(FILE *to, const mv_trainer *t, size_t i, const axis *y)
{
    static const char *const colour[] = {"#1b6ca8", "#c8553d", "#3a7d44", "#7a4ea3",
                                         "#b8860b", "#008b8b", "#a0522d", "#556b2f"};
    const mv_train_state *s = &t->state;
    const axis x = {0, (double)s->curve[s->curve_count - 1].step};
    const bool is_loss = i == t->data->set_count;
    const char *stroke = is_loss ? "#999999" : colour[i];

    fprintf(to, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"1.5\" points=\"", stroke);
    for (size_t k = 0; k < s->curve_count; k++) {
        const mv_train_point *p = &s->curve[k];
        fprintf(to, "%.1f,%.1f ", PLOT_LEFT + place_on(&x, (double)p->step, PLOT_WIDTH),
                PLOT_TOP + PLOT_HEIGHT - place_on(y, value_of(t, p, i), PLOT_HEIGHT));
    }
    const double last = value_of(t, &s->curve[s->curve_count - 1], i);
    fprintf(to, "\"/>\n<text x=\"%d\" y=\"%.1f\" fill=\"%s\">%s %.2f%s</text>\n",
            PLOT_LEFT + PLOT_WIDTH + 6, PLOT_TOP + PLOT_HEIGHT - place_on(y, last, PLOT_HEIGHT) + 4,
            stroke, is_loss ? "loss" : t->data->set[i].name, last, is_loss ? "" : " dB");
}

static void write_svg(FILE *to, const mv_trainer *t)
{
    const mv_train_state *s = &t->state;
    const size_t sets = t->data->set_count;
    axis psnr = {s->curve[0].score_db, s->curve[0].score_db};
    axis loss = {s->curve[0].loss, s->curve[0].loss};

    for (size_t k = 0; k < s->curve_count; k++) {
        for (size_t i = 0; i < sets; i++) {
            widen(&psnr, s->curve[k].psnr_db[i]);
        }
        widen(&loss, s->curve[k].loss);
    }
    fprintf(to,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
            "font-family=\"sans-serif\" font-size=\"12\">\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n"
            "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"none\" "
            "stroke=\"#cccccc\"/>\n",
            PLOT_LEFT + PLOT_WIDTH + LABEL_WIDTH, PLOT_TOP + PLOT_HEIGHT + 40, PLOT_LEFT, PLOT_TOP,
            PLOT_WIDTH, PLOT_HEIGHT);
    fprintf(to,
            "<text x=\"%d\" y=\"18\">validation PSNR (dB, left) and training loss (gray, from "
            "%.3g to %.3g)</text>\n<text x=\"4\" y=\"%d\">%.1f</text>\n"
            "<text x=\"4\" y=\"%d\">%.1f</text>\n<text x=\"%d\" y=\"%d\">step %llu</text>\n",
            PLOT_LEFT, loss.lo, loss.hi, PLOT_TOP + 4, psnr.hi, PLOT_TOP + PLOT_HEIGHT, psnr.lo,
            PLOT_LEFT + PLOT_WIDTH - 80, PLOT_TOP + PLOT_HEIGHT + 20,
            (unsigned long long)s->curve[s->curve_count - 1].step);
    for (size_t i = 0; i < sets; i++) {
        if (t->data->set[i].validation.count != 0) {
            write_line(to, t, i, &psnr);
        }
    }
    write_line(to, t, sets, &loss);
    fputs("</svg>\n", to);
}

static mv_status write_file(const mv_trainer *t, const char *path, const char *ending,
                            void (*write)(FILE *to, const mv_trainer *t), mv_error *err)
{
    mv_status st = MV_OK;
    mv_output out = {0};
    char name[4096];
    const int len = snprintf(name, sizeof name, "%s%s", path, ending);

    MV_REQUIRE(len > 0 && (size_t)len < sizeof name, err, MV_E_ARGUMENT, "the path is too long");
    MV_TRY(mv_output_open(&out, name, MV_OUTPUT_FORCE, err));
    write(out.stream, t);
    MV_TRY(mv_output_commit(&out, err));
done:
    mv_output_abort(&out);
    return st;
}

mv_status mv_train_curve_write(const mv_trainer *t, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    if (t->state.curve_count == 0) {
        return MV_OK;
    }
    MV_TRY(write_file(t, path, ".csv", write_csv, err));
    MV_TRY(write_file(t, path, ".svg", write_svg, err));
done:
    return st;
}
