/* SPDX-License-Identifier: Apache-2.0
 *
 * report_figures.c: drawings as SVG: bars, curves, block diagrams.
 */
#include "report.h"

#include "base/file.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SVG_MAX = 8 << 20 };

static const char *const colors[] = {"#2a6f97", "#c8553d", "#588157", "#8d5a97",
                                     "#b08900", "#3d405b", "#00838f", "#ad1457"};

static const char *color_of(size_t k)
{
    return colors[k % (sizeof colors / sizeof colors[0])];
}

/* ---- drawing ---- */

typedef struct drawing {
    mv_buffer svg;
    mv_status st;
} drawing;

static void draw(drawing *d, const char *format, ...) MV_PRINTF(2, 3);
static void draw(drawing *d, const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    const int len = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (d->st == MV_OK) {
        d->st = len < 0 || (size_t)len >= sizeof line
                    ? MV_E_LIMIT
                    : mv_buffer_append(&d->svg, (const uint8_t *)line, (size_t)len);
    }
}

static void draw_text(drawing *d, double x, double y, const char *anchor, int size,
                      const char *text)
{
    draw(d, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" font-size=\"%d\">", x, y, anchor, size);
    for (; *text != '\0'; text++) {
        const char *escaped = *text == '<' ? "&lt;" : *text == '&' ? "&amp;" : NULL;
        draw(d, escaped != NULL ? "%s" : "%.1s", escaped != NULL ? escaped : text);
    }
    draw(d, "</text>\n");
}

static drawing drawing_begin(int width, int height, const char *title)
{
    drawing d = {mv_buffer_make(SVG_MAX), MV_OK};
    draw(&d,
         "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
         "height=\"%d\" font-family=\"system-ui,sans-serif\" fill=\"#1c2b33\" role=\"img\">\n",
         width, height, width, height);
    draw(&d, "<title>%s</title><rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n", title, width,
         height);
    return d;
}

static void drawing_end(report *r, drawing *d, const char *name, const char *caption)
{
    draw(d, "</svg>\n");
    if (r->st == MV_OK) {
        r->st = d->st;
    }
    report_svg(r, name, &d->svg, caption);
    mv_buffer_clear(&d->svg);
}

static void line(drawing *d, double x0, double y0, double x1, double y1, const char *color,
                 double width)
{
    draw(d,
         "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" "
         "stroke-width=\"%.1f\"/>\n",
         x0, y0, x1, y1, color, width);
}

/* Name of a file from parts, letters and digits kept. */
static void file_name(char out[64], const char *what, const char *set)
{
    (void)snprintf(out, 64, "%s-%.31s", what, set);
    for (char *p = out; *p != '\0'; p++) {
        const bool plain =
            (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9');
        *p = plain ? *p : '-';
    }
}

/* A step of 1, 2 or 5 times a power of ten, for about five marks. */
static double nice_step(double range)
{
    const double rough = range / 5, power = pow(10, floor(log10(rough)));
    return rough <= power       ? power
           : rough <= 2 * power ? 2 * power
           : rough <= 5 * power ? 5 * power
                                : 10 * power;
}

/* A plot: values lo..hi on both axes into a box. */
typedef struct axes {
    double left, top, width, height, x0, x1, y0, y1;
} axes;

static double at_x(const axes *a, double x)
{
    return a->left + (x - a->x0) / (a->x1 - a->x0) * a->width;
}

static double at_y(const axes *a, double y)
{
    return a->top + a->height - (y - a->y0) / (a->y1 - a->y0) * a->height;
}

static void draw_marks_y(drawing *d, const axes *a)
{
    const double step = nice_step(a->y1 - a->y0);
    for (double v = ceil(a->y0 / step) * step; v <= a->y1 + step * 1e-6; v += step) {
        char text[32];
        (void)snprintf(text, sizeof text, "%.6g", fabs(v) < step * 1e-6 ? 0 : v);
        line(d, a->left, at_y(a, v), a->left + a->width, at_y(a, v), "#e3eaed", 1);
        draw_text(d, a->left - 5, at_y(a, v) + 4, "end", 12, text);
    }
}

static void draw_marks_x(drawing *d, const axes *a)
{
    const double step = nice_step(a->x1 - a->x0);
    for (double v = ceil(a->x0 / step) * step; v <= a->x1 + step * 1e-6; v += step) {
        char text[32];
        (void)snprintf(text, sizeof text, "%.6g", v);
        line(d, at_x(a, v), a->top, at_x(a, v), a->top + a->height, "#e3eaed", 1);
        draw_text(d, at_x(a, v), a->top + a->height + 16, "middle", 12, text);
    }
}

/* ---- bars, figures 8 to 10 ---- */

typedef struct bars {
    const char *title;
    double value[EVAL_MODELS_MAX][EVAL_WAYS];
    bool from_zero;
} bars;

static double bar_floor(const bars *b, size_t models)
{
    double low = INFINITY, high = -INFINITY;
    for (size_t m = 0; m < models; m++) {
        for (int way = 0; way < EVAL_WAYS; way++) {
            low = fmin(low, b->value[m][way]);
            high = fmax(high, b->value[m][way]);
        }
    }
    if (b->from_zero || high <= 0) {
        return 0;
    }
    low = fmin(low, 0.98 * high); /* differences of less are shown as small as they are */
    const double step = nice_step(2 * (high - low));
    return fmax(0, floor((low - (high - low) / 3) / step) * step);
}

static void draw_bars(report *r, size_t s, const bars *b, const char *name)
{
    const size_t models = r->job->model_count;
    char file[64], caption[128];
    double high = 0;
    drawing d = drawing_begin(340, 240, b->title);
    axes a = {46, 30, 284, 170, 0, (double)models, bar_floor(b, models), 0};

    for (size_t m = 0; m < models; m++) {
        high = fmax(high, fmax(b->value[m][0], b->value[m][1]));
    }
    a.y1 = high > a.y0 ? a.y0 + (high - a.y0) * 1.1 : a.y0 + 1;
    draw_text(&d, 6, 18, "start", 14, b->title);
    draw_marks_y(&d, &a);
    for (size_t m = 0; m < models; m++) {
        const double slot = a.width / (double)models, bar = fmin(slot * 0.36, 40);
        for (int way = 0; way < EVAL_WAYS; way++) {
            const double x = a.left + slot * ((double)m + 0.5) + bar * (way * 1.05 - 1.02);
            const double y = at_y(&a, b->value[m][way]);
            draw(&d, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"/>\n",
                 x, y, bar, fmax(0, a.top + a.height - y),
                 way == EVAL_BEFORE ? "#a9bcc6" : "#2a6f97");
        }
        draw_text(&d, a.left + slot * ((double)m + 0.5), a.top + a.height + 16, "middle", 13,
                  r->job->model[m].info.name);
    }
    draw(&d,
         "<rect x=\"60\" y=\"226\" width=\"10\" height=\"10\" fill=\"#a9bcc6\"/><rect x=\"190\" "
         "y=\"226\" width=\"10\" height=\"10\" fill=\"#2a6f97\"/>\n");
    draw_text(&d, 74, 235, "start", 12, "before pre-proc.");
    draw_text(&d, 204, 235, "start", 12, a.y0 > 0 ? "after (axis not from 0)" : "after");
    file_name(file, name, r->job->set[s].list.set);
    (void)snprintf(caption, sizeof caption, "%s, %s", r->job->set[s].list.set, b->title);
    drawing_end(r, &d, file, caption);
}

static void fill_bars(report *r, size_t s, bars *b, eval_what what)
{
    for (size_t m = 0; m < r->job->model_count; m++) {
        for (int way = 0; way < EVAL_WAYS; way++) {
            b->value[m][way] = report_mean(r, m, s, (eval_way)way, what);
        }
    }
}

static void fill_map_bars(report *r, size_t s, bars *b, bool retrieval)
{
    for (size_t m = 0; m < r->job->model_count; m++) {
        for (int way = 0; way < EVAL_WAYS; way++) {
            ranked map = {.count = 0};
            if (r->st == MV_OK) {
                r->st = eval_map_of(&map, r->job, m, s, (eval_way)way, NULL);
            }
            b->value[m][way] = retrieval ? map.retrieval : map.classification;
        }
    }
}

static void fill_speed_bars(report *r, size_t s, bars *b)
{
    for (size_t m = 0; m < r->job->model_count; m++) {
        for (int way = 0; way < EVAL_WAYS; way++) {
            eval_summary x = {.count = 0};
            if (r->st == MV_OK) {
                r->st = eval_speed_of(&x, r->job, m, s, (eval_way)way, false);
            }
            b->value[m][way] = x.mean;
        }
    }
}

static bool any_bar(const report *r, const bars *b)
{
    bool any = false;
    for (size_t m = 0; m < r->job->model_count; m++) {
        any |= b->value[m][EVAL_AFTER] > 0;
    }
    return any;
}

void report_bars(report *r, size_t s)
{
    bars b = {.title = "PSNR, dB"};
    put(r, "<div class=\"row\">\n");
    fill_bars(r, s, &b, EVAL_PSNR);
    draw_bars(r, s, &b, "bars-psnr");
    b = (bars){.title = "SSIM"};
    fill_bars(r, s, &b, EVAL_SSIM);
    draw_bars(r, s, &b, "bars-ssim");
    b = (bars){.title = "RMSE", .from_zero = true};
    fill_bars(r, s, &b, EVAL_RMSE);
    draw_bars(r, s, &b, "bars-rmse");
    for (int retrieval = 0; retrieval < 2; retrieval++) {
        b = (bars){.title = retrieval ? "MAP, retrieval" : "MAP, classification",
                   .from_zero = true};
        fill_map_bars(r, s, &b, retrieval);
        if (any_bar(r, &b)) {
            draw_bars(r, s, &b, retrieval ? "bars-retrieval" : "bars-map");
        }
    }
    b = (bars){.title = "Encryption, network + HE, ms", .from_zero = true};
    fill_speed_bars(r, s, &b);
    draw_bars(r, s, &b, "bars-encryption");
    put(r, "</div>\n");
}

/* ---- quality against bytes ---- */

static double mean_point(const eval_set *set, int codec, int at, bool psnr)
{
    double sum = 0;
    for (size_t k = 0; k < set->coded_count; k++) {
        const codec_point *p = &set->curves[k].at[codec][at];
        sum += psnr ? p->psnr_db : p->bytes * 8 / (EVAL_SIDE * EVAL_SIDE);
    }
    return sum / (double)set->coded_count;
}

/* The networks' points from the top down, their names left and right in turn so that none lies on
 * another. */
static void draw_networks(drawing *d, const axes *a, const report *r, size_t s)
{
    double psnr[EVAL_MODELS_MAX], below[2] = {-INFINITY, -INFINITY};
    for (size_t m = 0; m < r->job->model_count; m++) {
        psnr[m] = report_mean(r, m, s, EVAL_AFTER, EVAL_PSNR);
    }
    for (size_t rank = 0; rank < r->job->model_count; rank++) {
        size_t best = 0;
        for (size_t m = 1; m < r->job->model_count; m++) {
            best = psnr[m] > psnr[best] ? m : best;
        }
        const double bits =
            (double)r->job->model[best].features * EVAL_BITS / (EVAL_SIDE * EVAL_SIDE);
        const double x = at_x(a, fmin(bits, a->x1));
        const double y = at_y(a, fmax(a->y0, fmin(psnr[best], a->y1)));
        const size_t side = rank % 2;
        const double text_y = fmax(y + 4, below[side] + 12);
        draw(d, "<rect x=\"%.1f\" y=\"%.1f\" width=\"8\" height=\"8\" fill=\"%s\"/>\n", x - 4,
             y - 4, colors[0]);
        draw_text(d, side == 0 ? x + 8 : x - 8, text_y, side == 0 ? "start" : "end", 12,
                  r->job->model[best].info.name);
        below[side] = text_y;
        psnr[best] = -INFINITY;
    }
}

void report_rate(report *r, size_t s)
{
    static const char *const names[CODEC_COUNT] = {"PCM", "JPEG", "JPEG 2000", "JPEG-LS"};
    const eval_set *set = &r->job->set[s];
    drawing d = drawing_begin(420, 330, "PSNR against bits per pixel");
    axes a = {44, 16, 360, 262, 0, 8, 25, 60};
    char file[64], caption[128];

    draw_marks_y(&d, &a);
    draw_marks_x(&d, &a);
    for (int c = 0; c < CODEC_COUNT && set->coded_count != 0; c++) {
        double x0 = 0, y0 = NAN;
        for (int k = 0; k < CODEC_POINTS; k++) {
            const double x = mean_point(set, c, k, false), y = mean_point(set, c, k, true);
            if (isfinite(y) && y >= a.y0 && y <= a.y1 && x <= a.x1) {
                if (isfinite(y0)) {
                    line(&d, at_x(&a, x0), at_y(&a, y0), at_x(&a, x), at_y(&a, y),
                         color_of((size_t)c + 1), 1.6);
                }
                draw(&d, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\" fill=\"%s\"/>\n", at_x(&a, x),
                     at_y(&a, y), color_of((size_t)c + 1));
                x0 = x;
                y0 = y;
            }
        }
        draw(&d, "<g fill=\"%s\">", color_of((size_t)c + 1));
        draw_text(&d, 60 + 88.0 * c, 326, "start", 13, names[c]);
        draw(&d, "</g>\n");
    }
    draw_networks(&d, &a, r, s);
    draw_text(&d, a.left + a.width / 2, 308, "middle", 12, "bits per pixel");
    file_name(file, "rate", set->list.set);
    (void)snprintf(caption, sizeof caption, "%s: PSNR in dB against bits per pixel", set->list.set);
    drawing_end(r, &d, file, caption);
}

/* ---- quality against bytes, the bytes in octaves ---- */

enum { OCTAVE_LOW = -3, OCTAVE_HIGH = 3, QUALITY_LOW = 30, QUALITY_HIGH = 60 };

static void draw_octaves(drawing *d, const axes *a)
{
    for (int k = OCTAVE_LOW; k <= OCTAVE_HIGH; k++) {
        char text[32];
        (void)snprintf(text, sizeof text, "%g", pow(2, k));
        line(d, at_x(a, k), a->top, at_x(a, k), a->top + a->height, "#e3eaed", 1);
        draw_text(d, at_x(a, k), a->top + a->height + 16, "middle", 12, text);
    }
}

static bool is_inside(const axes *a, double x, double y)
{
    return x >= a->x0 && x <= a->x1 && y >= a->y0 && y <= a->y1;
}

static void draw_plotted(drawing *d, const axes *a, const report_curve *c, const char *color)
{
    double x0 = NAN, y0 = NAN;
    for (size_t k = 0; k < c->count; k++) {
        const double x = log2(c->bits[k]), y = c->psnr_db[k];
        if (!is_inside(a, x, y)) { /* nor if it is NaN */
            continue;
        }
        if (isfinite(x0)) {
            line(d, at_x(a, x0), at_y(a, y0), at_x(a, x), at_y(a, y), color, 1.6);
        }
        draw(d, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\" fill=\"%s\"/>\n", at_x(a, x), at_y(a, y),
             color);
        x0 = x;
        y0 = y;
    }
}

/* Named marks from the top down; names to the left, none on another. */
static void draw_named(drawing *d, const axes *a, const report_mark *mark, size_t count)
{
    bool drawn[REPORT_MARKS_MAX] = {false};
    double below = -INFINITY;
    draw(d, "<g paint-order=\"stroke\" stroke=\"#fff\" stroke-width=\"3\">");
    for (size_t rank = 0; rank < count; rank++) {
        size_t best = count;
        for (size_t m = 0; m < count; m++) {
            best = !drawn[m] && (best == count || mark[m].psnr_db > mark[best].psnr_db) ? m : best;
        }
        const double x = log2(mark[best].bits), y = fmin(mark[best].psnr_db, a->y1);
        drawn[best] = true;
        if (is_inside(a, x, y)) {
            const double text_y = fmax(at_y(a, y) + 4, below + 13);
            draw(d, "<rect x=\"%.1f\" y=\"%.1f\" width=\"8\" height=\"8\" fill=\"#1c2b33\"/>\n",
                 at_x(a, x) - 4, at_y(a, y) - 4);
            draw_text(d, at_x(a, x) - 9, text_y, "end", 12, mark[best].name);
            below = text_y;
        }
    }
    draw(d, "</g>\n");
}

void report_octaves(report *r, const char *name, const char *set, const report_curve *curve,
                    size_t curves, const report_mark *mark, size_t marks)
{
    drawing d = drawing_begin(420, 372, "PSNR against bits per pixel");
    const axes a = {44, 16, 360, 280, OCTAVE_LOW, OCTAVE_HIGH, QUALITY_LOW, QUALITY_HIGH};
    char file[64], caption[160];

    draw_marks_y(&d, &a);
    draw_octaves(&d, &a);
    for (size_t c = 0; c < curves; c++) {
        draw_plotted(&d, &a, &curve[c], color_of(c));
        draw(&d, "<g fill=\"%s\">", color_of(c));
        draw_text(&d, 60 + 120.0 * (double)(c % 3), 346 + 18.0 * (double)(c / 3), "start", 13,
                  curve[c].name);
        draw(&d, "</g>\n");
    }
    draw_named(&d, &a, mark, marks);
    draw_text(&d, a.left + a.width / 2, 328, "middle", 12, "bits per pixel, in octaves");
    file_name(file, name, set);
    (void)snprintf(caption, sizeof caption, "%s: PSNR in dB against bits per pixel", set);
    drawing_end(r, &d, file, caption);
}

/* ---- learning curves ---- */

enum { CURVES_MAX = 8, CURVE_POINTS = 4096 };

typedef struct curve {
    char name[CURVES_MAX][64];
    size_t column[CURVES_MAX], count; /* columns that end in _psnr_db */
    double minutes[CURVE_POINTS], psnr[CURVE_POINTS][CURVES_MAX];
    size_t points;
} curve;

/* MODEL.mvm -> MODEL-training.csv, or the curve that training left beside its checkpoint. */
static bool curve_path(char *out, size_t cap, const char *model)
{
    const size_t len = strlen(model);
    if (len < 4 || strcmp(model + len - 4, ".mvm") != 0) {
        return false;
    }
    (void)snprintf(out, cap, "%.*s-training.csv", (int)(len - 4), model);
    return true;
}

static void curve_header(curve *c, char *text)
{
    size_t column = 0;
    for (char *save = NULL, *word = strtok_r(text, ",", &save); word != NULL;
         word = strtok_r(NULL, ",", &save), column++) {
        char *end = strstr(word, "_psnr_db");
        if (end != NULL && c->count < CURVES_MAX) {
            *end = '\0';
            (void)snprintf(c->name[c->count], sizeof c->name[0], "%s", word);
            c->column[c->count++] = column;
        }
    }
}

static void curve_line(curve *c, char *text)
{
    size_t column = 0;
    for (char *save = NULL, *word = strtok_r(text, ",", &save); word != NULL;
         word = strtok_r(NULL, ",", &save), column++) {
        if (column == 1) {
            c->minutes[c->points] = strtod(word, NULL) / 60;
        }
        for (size_t k = 0; k < c->count; k++) {
            if (c->column[k] == column) {
                c->psnr[c->points][k] = strtod(word, NULL);
            }
        }
    }
    c->points++;
}

static bool read_curve(curve *c, const char *model)
{
    char path[4200];
    mv_buffer text = mv_buffer_make(SVG_MAX);
    bool first = true;
    if (!curve_path(path, sizeof path, model) || mv_file_read(&text, path, NULL) != MV_OK ||
        mv_buffer_put_u8(&text, 0) != MV_OK) {
        mv_buffer_clear(&text);
        return false;
    }
    for (char *save = NULL, *row = strtok_r((char *)text.bytes, "\n", &save); row != NULL;
         row = strtok_r(NULL, "\n", &save), first = false) {
        if (first) {
            curve_header(c, row);
        } else if (c->points < CURVE_POINTS) {
            curve_line(c, row);
        }
    }
    mv_buffer_clear(&text);
    return c->points >= 2 && c->count >= 1;
}

static void draw_curve(report *r, size_t m, const curve *c)
{
    const char *name = r->job->model[m].info.name;
    drawing d = drawing_begin(420, 290, "learning curve");
    axes a = {44, 16, 360, 220, 0, fmax(1e-3, c->minutes[c->points - 1]), INFINITY, -INFINITY};
    char file[64], caption[160];

    for (size_t p = 0; p < c->points; p++) {
        for (size_t k = 0; k < c->count; k++) {
            a.y0 = fmin(a.y0, floor(c->psnr[p][k] / 5) * 5);
            a.y1 = fmax(a.y1, ceil(c->psnr[p][k] / 5) * 5);
        }
    }
    a.y1 = a.y1 > a.y0 ? a.y1 : a.y0 + 1;
    draw_marks_y(&d, &a);
    draw_marks_x(&d, &a);
    for (size_t k = 0; k < c->count; k++) {
        draw(&d, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"1.6\" points=\"",
             color_of(k));
        for (size_t p = 0; p < c->points; p++) {
            draw(&d, "%.1f,%.1f ", at_x(&a, c->minutes[p]), at_y(&a, c->psnr[p][k]));
        }
        draw(&d, "\"/>\n<g fill=\"%s\">", color_of(k));
        draw_text(&d, 50 + 120.0 * (double)k, 284, "start", 13, c->name[k]);
        draw(&d, "</g>\n");
    }
    draw_text(&d, a.left + a.width / 2, 266, "middle", 12, "minutes");
    file_name(file, "learning", name);
    (void)snprintf(caption, sizeof caption, "%s: PSNR in dB of validation images while it trained",
                   name);
    drawing_end(r, &d, file, caption);
}

void report_curves(report *r)
{
    bool some = false;
    put(r, "<h2 id=\"learning\">Learning curves</h2>\n<div class=\"row\">\n");
    for (size_t m = 0; m < r->job->model_count; m++) {
        curve *c = calloc(1, sizeof *c);
        if (c != NULL && read_curve(c, r->job->model[m].path)) {
            draw_curve(r, m, c);
            some = true;
        }
        free(c);
    }
    put(r, "</div>\n%s", some ? "" : "<p>No curve lies beside the model files.</p>\n");
}

/* ---- block diagrams, figures 1, 2, 4, 5 ---- */

static void block(drawing *d, double x, double y, const char *text, const char *fill)
{
    draw(d,
         "<rect x=\"%.0f\" y=\"%.0f\" width=\"112\" height=\"44\" rx=\"6\" fill=\"%s\" "
         "stroke=\"#52656e\"/>\n",
         x, y, fill);
    const char *split = strchr(text, '/');
    char first[48];
    (void)snprintf(first, sizeof first, "%.*s",
                   (int)(split == NULL ? strlen(text) : (size_t)(split - text)), text);
    draw_text(d, x + 56, y + (split == NULL ? 26 : 19), "middle", 12, first);
    if (split != NULL) {
        draw_text(d, x + 56, y + 35, "middle", 12, split + 1);
    }
}

static void arrow(drawing *d, double x, double y)
{
    line(d, x, y, x + 14, y, "#52656e", 1.4);
    draw(d, "<path d=\"M%.0f %.0f l-6 -4 v8 z\" fill=\"#52656e\"/>\n", x + 18, y);
}

/* Blocks in rows of at most three, so that they can be read on a phone. */
static void chain(report *r, const char *name, const char *caption, const char *const *text,
                  const bool *secret, size_t count)
{
    const size_t rows = (count + 2) / 3;
    drawing d = drawing_begin(392, (int)(rows * 62 + 10), name);
    for (size_t k = 0; k < count; k++) {
        const double x = 6 + 132.0 * (double)(k % 3), y = 8 + 62.0 * (double)(k / 3);
        block(&d, x, y, text[k], secret[k] ? "#fbe6c8" : "#eef3f5");
        if (k + 1 < count && k % 3 != 2) {
            arrow(&d, x + 104, y + 22);
        } else if (k + 1 < count) {
            draw(&d,
                 "<path d=\"M%.0f %.0f v8 H62 v6\" fill=\"none\" stroke=\"#52656e\" "
                 "stroke-width=\"1.4\"/><path d=\"M62 %.0f l-4 -6 h8 z\" fill=\"#52656e\"/>\n",
                 x + 56, y + 44, y + 62);
        }
    }
    drawing_end(r, &d, name, caption);
}

#define CHAIN(r, name, caption, secrets, ...)                                                      \
    do {                                                                                           \
        static const char *const text[] = {__VA_ARGS__};                                           \
        static const bool secret[] = secrets;                                                      \
        chain(r, name, caption, text, secret, sizeof text / sizeof text[0]);                       \
    } while (0)
#define LIST(...)                                                                                  \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

void report_diagrams(report *r)
{
    put(r, "<h2 id=\"figures-1-5\">Figures 1, 2, 4, 5: how it works</h2>\n<p "
           "class=\"note\">Shaded: what holds a key or "
           "an image in the clear.</p>\n<div class=\"row\">\n");
    CHAIN(r, "figure-1", "Figure 1: the way of an image", LIST(true, true, true, false, true, true),
          "image", "encoder/network", "encryption/of features", "network, relay/(no keys)",
          "decryption", "decoder/network");
    CHAIN(r, "figure-2", "Figure 2: pre-processing and training",
          LIST(true, true, true, true, true, true), "images by/class", "stretch to 0..1/eq. (1)",
          "resize/eq. (2)", "flip, turn, zoom,/noise, eq. (3)", "forward, loss,/backward (4)-(6)",
          "weights best/on validation");
    CHAIN(r, "figure-4", "Figure 4: the autoencoder", LIST(true, true, true, true, true, true),
          "224 x 224 x 3", "encoder", "112 x 112 x 3/features", "rounded to/8 bits", "decoder",
          "224 x 224 x 3");
    CHAIN(r, "figure-5", "Figure 5: homomorphic encryption of the features",
          LIST(true, true, true, false, true, true), "features m", "encode: m' =/round(q m / t)",
          "m' + e - c1 s,/c1 from a seed", "sums, scores,/comparisons", "c0 + c1 s,/round",
          "features m/exactly");
    put(r, "</div>\n");
}
