/* SPDX-License-Identifier: Apache-2.0
 *
 * report.c: the page, its order, and how anything gets onto it.
 */
#include "report.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "base/file.h"
#include "paths.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { HTML_MAX = 64 << 20, LINE_MAX_LEN = 4096 };

/* ---- putting ---- */

static void append(report *r, mv_buffer *to, const char *format, va_list args)
{
    char line[LINE_MAX_LEN];
    const int len = vsnprintf(line, sizeof line, format, args);
    if (r->st == MV_OK) {
        r->st = len < 0 || (size_t)len >= sizeof line
                    ? MV_E_LIMIT
                    : mv_buffer_append(to, (const uint8_t *)line, (size_t)len);
    }
}

void put(report *r, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    append(r, &r->html, format, args);
    va_end(args);
}

void put_csv(report *r, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    append(r, &r->csv, format, args);
    va_end(args);
}

void put_text(report *r, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '<':
            put(r, "&lt;");
            break;
        case '>':
            put(r, "&gt;");
            break;
        case '&':
            put(r, "&amp;");
            break;
        case '"':
            put(r, "&quot;");
            break;
        default:
            put(r, "%c", *text);
        }
    }
}

void put_model(report *r, size_t m)
{
    const eval_model *model = &r->job->model[m];
    put_text(r, model->info.name);
    if (!eval_in_budget(model)) {
        put(r, " <small>(another budget: %zu features, trained for %u bits)</small>",
            model->features, model->info.feature_bits);
    }
}

double report_mean(const report *r, size_t m, size_t s, eval_way way, eval_what what)
{
    eval_summary x;
    return eval_summary_of(&x, r->job, m, s, way, what, NULL) == MV_OK ? x.mean : 0;
}

/* ---- figures ---- */

static mv_status figure_path(report *r, char *path, const char *name, const char *ending)
{
    mv_status st = MV_OK;
    char folder[PATH_SIZE];
    MV_TRY(path_join(folder, sizeof folder, r->job->out, "figures", "", r->err));
    MV_TRY(path_make_folder(folder, r->err));
    MV_TRY(path_join(path, PATH_SIZE, folder, name, ending, r->err));
done:
    return st;
}

void report_table_begin(report *r, const char *const *head, size_t count)
{
    put(r, "<div class=\"scroll\"><table><tr>");
    for (size_t k = 0; k < count; k++) {
        const bool text = head[k][0] == '<';
        put(r, "<th%s>%s</th>", text ? " class=\"t\"" : "", head[k] + text);
    }
    put(r, "</tr>\n");
}

void report_table_end(report *r)
{
    put(r, "</table></div>\n");
}

void report_svg(report *r, const char *name, const mv_buffer *svg, const char *caption)
{
    char path[PATH_SIZE];
    if (r->st == MV_OK) {
        r->st = figure_path(r, path, name, ".svg");
    }
    if (r->st == MV_OK) {
        r->st = mv_file_write(path, svg->bytes, svg->len, MV_OUTPUT_FORCE, r->err);
    }
    put(r, "<figure>");
    if (r->st == MV_OK) {
        r->st = mv_buffer_append(&r->html, svg->bytes, svg->len);
    }
    put(r, "<figcaption>");
    put_text(r, caption);
    put(r, "</figcaption></figure>\n");
}

static void put_base64(report *r, const uint8_t *bytes, size_t len)
{
    char text[sodium_base64_ENCODED_LEN(3000, sodium_base64_VARIANT_ORIGINAL)];
    for (size_t at = 0; at < len; at += 3000) {
        const size_t part = len - at < 3000 ? len - at : 3000;
        (void)sodium_bin2base64(text, sizeof text, bytes + at, part,
                                sodium_base64_VARIANT_ORIGINAL);
        for (size_t k = 0; text[k] != '\0'; k += 2000) {
            put(r, "%.2000s", text + k);
        }
    }
}

void report_png(report *r, const char *name, const mv_image *image, const char *caption)
{
    char path[PATH_SIZE];
    mv_buffer file = mv_buffer_make(HTML_MAX);
    if (r->st == MV_OK) {
        r->st = figure_path(r, path, name, ".png");
    }
    if (r->st == MV_OK) {
        r->st = mv_image_save(image, path, true, r->err);
    }
    if (r->st == MV_OK) {
        r->st = mv_file_read(&file, path, r->err);
    }
    put(r, "<figure class=\"tile\"><img width=\"%u\" height=\"%u\" alt=\"", image->width,
        image->height);
    put_text(r, caption);
    put(r, "\" src=\"data:image/png;base64,");
    put_base64(r, file.bytes, file.len);
    put(r, "\"><figcaption>");
    put_text(r, caption);
    put(r, "</figcaption></figure>\n");
    mv_buffer_clear(&file);
}

/* ---- the page ---- */

static const char style[] =
    "<style>\n"
    "body{font:16px/1.5 system-ui,sans-serif;color:#1c2b33;margin:0 auto;max-width:72rem;"
    "padding:1rem}\n"
    "h1{font-size:1.7rem;line-height:1.2}h2{font-size:1.25rem;margin-top:2.5rem;border-top:1px "
    "solid #cfd8dc;padding-top:1rem}h3{font-size:1.05rem;margin-bottom:.3rem}\n"
    ".scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.84rem;margin:.5rem 0}\n"
    "th,td{border:1px solid #cfd8dc;padding:.2rem .4rem;text-align:right;white-space:nowrap}\n"
    "th{background:#eef3f5;white-space:normal;vertical-align:bottom}td:first-child,th:first-child,"
    "td.t,th.t{text-align:left}\n"
    "td.t{white-space:normal;min-width:12rem}td.long{min-width:20rem}"
    "small,.note,figcaption{color:#52656e}\n"
    ".note,figcaption{font-size:.88rem}\n"
    ".row{display:flex;flex-wrap:wrap;gap:1rem}figure{margin:0;flex:1 1 18rem;max-width:40rem}\n"
    "figure.tile{flex:0 1 9rem}img,svg{max-width:100%;height:auto;display:block}\n"
    "figure.wide{flex:1 1 100%}b.best{color:#0b5d3b}li{margin:.4rem "
    "0}tr.printed{background:#f6f3ea}\n"
    "@media(max-width:40rem){td.t,td.long{min-width:9rem}}\n"
    "</style>\n";

void report_head(report *r, const char *title)
{
    put(r,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<meta "
        "name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>medveil: "
        "%s</title>\n",
        title);
    put(r, "%s</head><body>\n", style);
}

void report_processor(report *r)
{
    char line[256] = "";
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        const char *colon = strncmp(line, "model name", 10) == 0 ? strchr(line, ':') : NULL;
        if (colon != NULL) {
            line[strcspn(line, "\n")] = '\0';
            put_text(r, colon + 2);
            break;
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    put(r, ", %u processor%s, kernels %s", mv_cpu_count(), mv_cpu_count() == 1 ? "" : "s",
        mv_cpu_name(mv_cpu_features()));
}

static void put_intro(report *r)
{
    const eval_job *job = r->job;
    char day[MV_DAY_TEXT_MAX];
    size_t images = 0;

    for (size_t s = 0; s < job->set_count; s++) {
        images += job->set[s].list.count;
    }
    mv_day_text(day, mv_clock_day());
    put(r,
        "<h1>Encrypted transmission of medical images: methods compared</h1>\n<p>%zu images of "
        "%zu data set%s, each through %zu network%s and a real BFV ciphertext and back, before "
        "and after pre-processing. Made by medveil %s on %s. Machine: ",
        images - job->unreadable_count, job->set_count, job->set_count == 1 ? "" : "s",
        job->model_count, job->model_count == 1 ? "" : "s", MV_VERSION, day);
    report_processor(r);
    put(r, "; networks %s. For research; not for diagnosis.</p>\n",
        job->integer ? "in whole numbers (<code>--integer</code>), the same results from every "
                       "processor"
                     : "in floating point");
    put(r, "<p class=\"note\">The comparison follows Suvitha and Murugan, &ldquo;Integrating Deep "
           "Learning and Homomorphic Encryption for Secure Image Transmission&rdquo;, Journal of "
           "Machine and Computing 4(4), 2024 (<i>the paper</i>). Every figure here was measured by "
           "its definition; nothing is tuned towards a printed number. What the paper prints "
           "stands where a table says &ldquo;printed&rdquo;.</p>\n");
    if (job->unreadable_count != 0) {
        put(r, "<p><b>%zu image%s could not be read and %s in no figure.</b></p>\n",
            job->unreadable_count, job->unreadable_count == 1 ? "" : "s",
            job->unreadable_count == 1 ? "is" : "are");
    }
}

/* How many images were timed: a set may have fewer than were asked for. */
static void put_timed(report *r)
{
    const eval_set *set = r->job->set;
    const size_t sets = r->job->set_count;
    bool equal = true;
    for (size_t s = 1; s < sets; s++) {
        equal &= set[s].timed_count == set[0].timed_count;
    }
    put(r, "%zu", set[0].timed_count);
    for (size_t s = 1; s < sets && !equal; s++) {
        put(r, "%s%zu", s + 1 < sets ? ", " : " and ", set[s].timed_count);
    }
    put(r, " image%s of %s.</p>\n", equal && set[0].timed_count == 1 ? "" : "s",
        equal ? "each set" : "the sets in turn");
}

static void put_methods(report *r)
{
    put(r,
        "<h2 id=\"methods\">Tables 5 to 7, Figures 8 to 10: the methods</h2>\n"
        "<p><i>Before</i>: own size, samples over the type's maximum. <i>After</i>: stretched to "
        "the image's own range, 224x224. MAP from the decrypted features of the square in the "
        "image's middle: <i>classes</i> is the mean over classes of average precision, "
        "<i>retrieval</i> the mean over images that each ask for the others of their class. "
        "Encryption is network plus BFV on one processor: median of %zu repeats, mean over ",
        r->job->repeats);
    put_timed(r);
    put(r,
        "<p class=\"note\">RMSE is of samples in 0..1 and PSNR = -20 log10 RMSE for each image, "
        "so a row's two figures belong together: a mean PSNR is never below that of the mean "
        "RMSE, and above it by as much as images differ. In the paper's tables the two of one row "
        "cannot come from one error: both cannot be true. Its MAP figures lie between 0.85 and "
        "0.93; which of the two MAP they are it does not say.</p>\n");
    for (size_t s = 0; s < r->job->set_count; s++) {
        report_methods(r, s);
        report_bars(r, s);
        report_origins(r, s);
        report_confusion(r, s);
    }
}

static void put_contents(report *r)
{
    static const char *const part[][2] = {
        {"findings", "findings"},
        {"table-2", "Table 2"},
        {"figures-1-5", "Figures 1, 2, 4, 5"},
        {"figure-3", "Figure 3"},
        {"table-3", "Table 3"},
        {"methods", "Tables 5 to 7, Figures 8 to 10"},
        {"figures-6-7", "Figures 6, 7"},
        {"forms", "forms of encryption"},
        {"codecs", "quality against bytes"},
        {"statistics", "cipher statistics"},
        {"table-4", "Table 4"},
        {"learning", "learning curves"},
    };
    put(r, "<p>");
    for (size_t k = 0; k < sizeof part / sizeof part[0]; k++) {
        put(r, "%s<a href=\"#%s\">%s</a>", k == 0 ? "" : " &middot; ", part[k][0], part[k][1]);
    }
    put(r, "</p>\n");
}

static void put_page(report *r)
{
    report_head(r, "methods compared");
    put_intro(r);
    put_contents(r);
    put(r, "<h2 id=\"findings\">Findings</h2>\n");
    report_findings(r);
    report_table_2(r);
    report_diagrams(r);
    report_preprocessing(r);
    report_table_3(r);
    put_methods(r);
    report_pictures(r);
    report_forms(r);
    report_codecs(r);
    report_statistics(r);
    report_table_4(r);
    report_curves(r);
    put(r, "</body></html>\n");
}

mv_status report_save(report *r, const char *folder)
{
    mv_status st = r->st;
    char path[PATH_SIZE];

    MV_REQUIRE(st == MV_OK, r->err, st, "the report cannot be made: %s", mv_status_sentence(st));
    MV_TRY(path_join(path, sizeof path, folder, "report.html", "", r->err));
    MV_TRY(mv_file_write(path, r->html.bytes, r->html.len, MV_OUTPUT_FORCE, r->err));
    MV_TRY(path_join(path, sizeof path, folder, "tables.csv", "", r->err));
    MV_TRY(mv_file_write(path, r->csv.bytes, r->csv.len, MV_OUTPUT_FORCE, r->err));
done:
    mv_buffer_clear(&r->html);
    mv_buffer_clear(&r->csv);
    free(r->printed);
    return st;
}

report report_make(const eval_job *job, mv_error *err)
{
    return (report){
        .job = job, .html = mv_buffer_make(HTML_MAX), .csv = mv_buffer_make(HTML_MAX), .err = err};
}

mv_status report_write(const eval_job *job, mv_error *err)
{
    report r = report_make(job, err);

    r.st = report_read_printed(&r);
    put_csv(&r, "table,set,method,way,origin,figure,count,mean,deviation,low5,from95,to95\n");
    put_page(&r);
    return report_save(&r, job->out);
}
