/* SPDX-License-Identifier: Apache-2.0
 *
 * report_printed.c: values as the paper prints them, beside ours. They are not part of medveil: who
 * has the paper writes them into OUT/printed.csv (docs/howto/evaluate.md), a line for each:
 *
 *     set,method,before|after,PSNR dB|RMSE|SSIM|MAP|encryption ms,value
 */
#include "report.h"

#include "base/file.h"
#include "paths.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 1 << 16, FIELDS = 5, APART_DB = 3 };
enum { PSNR, RMSE, SSIM, MAP, SPEED, FIGURES };

static const char *const figure_name[FIGURES] = {"PSNR dB", "RMSE", "SSIM", "MAP", "encryption ms"};

/* ---- reading ---- */

/* Cuts text at commas; false unless there are exactly FIELDS fields. */
static bool split(char *field[FIELDS], char *text)
{
    size_t count = 0;
    for (char *comma = text; comma != NULL && count < FIELDS; text = comma + 1) {
        comma = strchr(text, ',');
        field[count++] = text;
        if (comma == NULL) {
            return count == FIELDS;
        }
        *comma = '\0';
    }
    return false;
}

static int find(const char *const *names, int count, const char *name)
{
    int k = 0;
    while (k < count && strcmp(names[k], name) != 0) {
        k++;
    }
    return k;
}

/* Half of the last digit that is written: what rounding may have hidden. */
static double half_digit(const char *number)
{
    const char *point = strchr(number, '.');
    return point == NULL ? 0.5 : 0.5 * pow(10, -(double)strspn(point + 1, "0123456789"));
}

static bool take_line(report_value *out, char *text)
{
    static const char *const ways[] = {"before", "after"};
    char *field[FIELDS] = {NULL}, *end = NULL;

    if (!split(field, text) || strlen(field[0]) >= sizeof out->set ||
        strlen(field[1]) >= sizeof out->method || strlen(field[4]) >= sizeof out->text ||
        strspn(field[4], "0123456789.") != strlen(field[4])) {
        return false;
    }
    out->way = find(ways, EVAL_WAYS, field[2]);
    out->figure = find(figure_name, FIGURES, field[3]);
    out->value = strtod(field[4], &end);
    memcpy(out->set, field[0], strlen(field[0]) + 1);
    memcpy(out->method, field[1], strlen(field[1]) + 1);
    memcpy(out->text, field[4], strlen(field[4]) + 1);
    return end != field[4] && *end == '\0' && out->way < EVAL_WAYS && out->figure < FIGURES;
}

mv_status report_read_printed(report *r)
{
    mv_status st = MV_OK;
    char path[PATH_SIZE];
    mv_buffer text = mv_buffer_make(FILE_MAX);
    size_t number = 0;

    MV_TRY(path_join(path, sizeof path, r->job->out, "printed.csv", "", r->err));
    st = mv_file_read(&text, path, NULL);
    if (st == MV_E_NOT_FOUND) {
        st = MV_OK;
        goto done;
    }
    MV_REQUIRE(st == MV_OK, r->err, st, "%s cannot be read: %s", path, mv_status_sentence(st));
    MV_TRY(mv_buffer_put_u8(&text, 0));
    r->printed = calloc(REPORT_PRINTED_MAX, sizeof *r->printed);
    MV_ENSURE(r->printed != NULL, MV_E_MEMORY);
    for (char *save = NULL, *line = strtok_r((char *)text.bytes, "\r\n", &save); line != NULL;
         line = strtok_r(NULL, "\r\n", &save)) {
        number++;
        if (line[0] == '#') {
            continue;
        }
        MV_REQUIRE(r->printed_count < REPORT_PRINTED_MAX, r->err, MV_E_LIMIT,
                   "%s has more than %d values", path, REPORT_PRINTED_MAX);
        if (!take_line(&r->printed[r->printed_count++], line)) {
            mv_hint(r->err, "a line is: set,method,before or after,one of PSNR dB, RMSE, SSIM, "
                            "MAP, encryption ms,number");
            MV_REQUIRE(false, r->err, MV_E_FORMAT, "%s, line %zu: not a printed value", path,
                       number);
        }
    }
done:
    mv_buffer_clear(&text);
    return st;
}

/* ---- showing ---- */

static const report_value *value_of(const report *r, const char *set, const char *method, int way,
                                    int figure)
{
    for (size_t k = 0; k < r->printed_count; k++) {
        const report_value *v = &r->printed[k];
        if (v->way == way && v->figure == figure && strcmp(v->set, set) == 0 &&
            strcmp(v->method, method) == 0) {
            return v;
        }
    }
    return NULL;
}

static void put_value(report *r, const report_value *v)
{
    put(r, "<td>%s</td>", v == NULL ? "-" : v->text);
}

/* What a mean PSNR and a mean RMSE say of each other. PSNR is convex in the error, so its mean is
 * never below the PSNR of the mean error; far above, only where images differ widely. An RMSE above
 * 1 is taken as of samples in 0..255. */
static void put_agreement(report *r, const report_value *psnr, const report_value *rmse)
{
    put(r, "<td class=\"t\" colspan=\"5\">");
    if (psnr != NULL && rmse != NULL && rmse->value > 0) {
        const double top = rmse->value > 1 ? 255 : 1;
        const double same = -20 * log10(rmse->value / top);
        const double least = -20 * log10((rmse->value + half_digit(rmse->text)) / top);
        const double above = psnr->value - half_digit(psnr->text) - same;
        if (psnr->value + half_digit(psnr->text) < least) {
            put(r,
                "<b>both cannot be true</b>: this RMSE is %.2f dB, and no mean PSNR is below that",
                same);
        } else if (above > APART_DB) {
            put(r,
                "this RMSE is %.2f dB: one error cannot give both, images that differ widely "
                "could",
                same);
        }
    }
    put(r, "</td>");
}

void report_printed_row(report *r, size_t s, const char *method, int way)
{
    static const char *const ways[] = {"before", "after"};
    const char *set = r->job->set[s].list.set;
    const report_value *v[FIGURES];
    bool some = false;

    for (int k = 0; k < FIGURES; k++) {
        v[k] = value_of(r, set, method, way, k);
        some |= v[k] != NULL;
    }
    if (!some) {
        return;
    }
    put(r, "<tr class=\"printed\"><td>");
    put_text(r, method);
    put(r, ", printed</td><td>%s</td>", ways[way]);
    for (int k = PSNR; k <= MAP; k++) {
        put_value(r, v[k]);
    }
    put(r, "<td>-</td>"); /* the paper does not say which MAP its MAP is */
    put_value(r, v[SPEED]);
    put_agreement(r, v[PSNR], v[RMSE]);
    put(r, "</tr>\n");
}

void report_printed_none(report *r, size_t s)
{
    for (size_t k = 0; k < r->printed_count; k++) {
        if (strcmp(r->printed[k].set, r->job->set[s].list.set) == 0) {
            return;
        }
    }
    put(r, "<tr class=\"printed\"><td>printed in the paper</td><td class=\"t\" colspan=\"11\">not "
           "at hand; values written into printed.csv beside this page stand here when eval is run "
           "again</td></tr>\n");
}
