/* SPDX-License-Identifier: Apache-2.0
 *
 * report_exact.c: the page of eval --exact: one table of bytes, one of speed, and where we lose.
 */
#include "eval_exact.h"

#include "base/clock.h"
#include "report.h"

static double over(const exact_group *g, exact_coder section) /* JPEG-LS, in percent */
{
    return 100 * (g->bytes[section] / g->bytes[EXACT_JPEGLS] - 1);
}

static double rate(const exact_group *g, double ms) /* MB/s */
{
    return ms > 0 ? g->raw / 1e3 / ms : 0;
}

static exact_coder smallest(const exact_group *g)
{
    exact_coder best = EXACT_SECTION;
    for (exact_coder k = EXACT_BEST; k < exact_coders(); k++) {
        best = g->bytes[k] < g->bytes[best] ? k : best;
    }
    return best;
}

static void put_name(report *r, const exact_group *g)
{
    put(r, "<tr><td>");
    put_text(r, g->set);
    put(r, "</td><td class=\"t\">");
    put_text(r, g->kind);
    put(r, "</td>");
}

/* ---- tables ---- */

static void put_bytes_row(report *r, const exact_group *g)
{
    const exact_coder best = smallest(g);
    put_name(r, g);
    put(r, "<td>%zu</td><td>%zu</td><td>%.0f</td>", g->measured, g->frames, g->raw);
    for (exact_coder k = 0; k < exact_coders(); k++) {
        put(r, k == best ? "<td><b class=\"best\">%.0f</b></td>" : "<td>%.0f</td>", g->bytes[k]);
    }
    put(r, "<td>%+.2f %%</td><td>%+.2f %%</td></tr>\n", over(g, EXACT_SECTION),
        over(g, EXACT_BEST));
}

static void put_bytes(report *r, const exact_result *result)
{
    put(r, "<h2 id=\"bytes\">Bytes of the same samples</h2>\n<p class=\"note\">Lossless, frame by "
           "frame, of files with integers of 2 to 16 bits, whatever they were compressed with. "
           "Exact section: all that our coding takes for the samples, heads and hash included, "
           "through JPEG-LS alone as <code>encrypt</code> does unless it is told otherwise; best: "
           "with the trained pixel coder beside it (<code>--exact-coding best</code>). "
           "JPEG-LS: plain, in the bits that the file states, colour by pixel. JPEG 2000: "
           "OpenJPEG, reversible. PNG: libpng. gzip: zlib, level 6, of the samples alone. JPEG XL: "
           "libjxl, modular, effort 7; the column is missing where a build has no libjxl. Best in "
           "bold.</p>\n<div class=\"scroll\"><table><tr>"
           "<th>set</th><th class=\"t\">kind</th><th>files</th><th>frames</th><th>raw</th>");
    for (exact_coder k = 0; k < exact_coders(); k++) {
        put(r, "<th>%s</th>", exact_coder_name[k]);
    }
    put(r, "<th>section over JPEG-LS</th><th>best over JPEG-LS</th></tr>\n");
    for (size_t i = 0; i < result->group_count; i++) {
        if (result->group[i].measured != 0) {
            put_bytes_row(r, &result->group[i]);
        }
    }
    if (result->all.measured != 0) {
        put_bytes_row(r, &result->all);
    }
    put(r, "</table></div>\n");
}

static void put_speed_row(report *r, const exact_group *g)
{
    put_name(r, g);
    put(r, "<td>%zu/%zu</td><td>%.0f</td><td>%.0f</td>", g->identical, g->files, g->file_bytes,
        g->inside_bytes);
    for (exact_coder k = EXACT_SECTION; k <= EXACT_BEST; k++) {
        put(r, "<td>%.1f</td><td>%.1f</td>", rate(g, g->encode_ms[k]), rate(g, g->decode_ms[k]));
    }
    put(r, "</tr>\n");
}

static void put_speed(report *r, const exact_result *result)
{
    put(r, "<h2 id=\"files\">The files themselves</h2>\n<p class=\"note\">Every file was sealed "
           "and opened again; bit-identical counts those that came out as they went in. Inside: "
           "bytes of the exact sections; files that are compressed already travel as they are. "
           "MB/s: raw samples by processor time, children&rsquo;s included, once; encode has "
           "rebuilding and comparing in it, decode the sandbox and the hash. Small images cost "
           "the start of a process.</p>\n<div class=\"scroll\"><table><tr><th>set</th><th "
           "class=\"t\">kind</th><th>bit-identical</th><th>bytes</th><th>inside</th><th>encode "
           "MB/s</th><th>decode MB/s</th><th>best: encode MB/s</th><th>decode MB/s</th></tr>\n");
    for (size_t i = 0; i < result->group_count; i++) {
        put_speed_row(r, &result->group[i]);
    }
    put_speed_row(r, &result->all);
    put(r, "</table></div>\n");
}

/* ---- where we lose ---- */

static void put_loss(report *r, const exact_group *g, size_t *losses)
{
    for (exact_coder k = EXACT_JPEGLS; k < exact_coders(); k++) {
        if (g->measured != 0 && g->bytes[k] < g->bytes[EXACT_BEST]) {
            put(r, "<li>");
            put_text(r, g->set);
            put(r, ", ");
            put_text(r, g->kind);
            put(r, ": %s is smaller by %.2f %%.</li>\n", exact_coder_name[k],
                100 * (1 - g->bytes[k] / g->bytes[EXACT_BEST]));
            (*losses)++;
        }
    }
}

static void put_losses(report *r, const exact_result *result)
{
    size_t losses = 0;
    put(r, "<h2 id=\"losses\">Where we lose</h2>\n<p class=\"note\">With the best of our two "
           "coders.</p>\n<ul>\n");
    for (size_t i = 0; i < result->group_count; i++) {
        put_loss(r, &result->group[i], &losses);
    }
    put_loss(r, &result->all, &losses);
    if (losses == 0) {
        put(r, "<li>To none of these coders here.</li>\n");
    }
    put(r, "</ul>\n");
}

static void put_intro(report *r, const exact_result *result)
{
    char day[MV_DAY_TEXT_MAX];
    mv_day_text(day, mv_clock_day());
    put(r,
        "<h1>Exact images: bytes and speed</h1>\n<p>%zu files, each sealed and opened: %zu came "
        "back bit for bit. Made by medveil %s on %s. Machine: ",
        result->all.files, result->all.identical, MV_VERSION, day);
    report_processor(r);
    put(r, ". For research; not for diagnosis.</p>\n");
    if (result->unreadable != 0) {
        put(r, "<p><b>%zu file%s could not be read and %s in no figure.</b></p>\n",
            result->unreadable, result->unreadable == 1 ? "" : "s",
            result->unreadable == 1 ? "is" : "are");
    }
}

static void put_csv_row(report *r, const exact_group *g)
{
    put_csv(r, "%s,%s,%zu,%zu,%.0f,%.0f,%zu,%zu,%.0f", g->set, g->kind, g->files, g->identical,
            g->file_bytes, g->inside_bytes, g->measured, g->frames, g->raw);
    for (exact_coder k = 0; k < exact_coders(); k++) {
        put_csv(r, ",%.0f", g->bytes[k]);
    }
    put_csv(r, ",%.3f,%.3f,%.3f,%.3f\n", g->encode_ms[EXACT_SECTION], g->decode_ms[EXACT_SECTION],
            g->encode_ms[EXACT_BEST], g->decode_ms[EXACT_BEST]);
}

mv_status report_exact(const exact_result *result, const char *folder, mv_error *err)
{
    report r = report_make(NULL, err);

    report_head(&r, "exact images");
    put_intro(&r, result);
    put_bytes(&r, result);
    put_losses(&r, result);
    put_speed(&r, result);
    put(&r, "</body></html>\n");
    put_csv(&r,
            "set,kind,files,identical,file_bytes,inside_bytes,measured,frames,raw,section,"
            "best,jpegls,jpeg2000,png,gzip%s,encode_ms,decode_ms,best_encode_ms,best_decode_ms\n",
            exact_coders() > EXACT_JXL ? ",jpegxl" : "");
    for (size_t i = 0; i < result->group_count; i++) {
        put_csv_row(&r, &result->group[i]);
    }
    put_csv_row(&r, &result->all);
    return report_save(&r, folder);
}
