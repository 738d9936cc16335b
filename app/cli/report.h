/* SPDX-License-Identifier: Apache-2.0
 *
 * report.h: from an evaluation to what a reader sees: OUT/report.html (one file, no scripts),
 * OUT/tables.csv, and the figures as SVG and PNG beside them.
 *
 *     report.c           the page and its order
 *     report_tables.c    tables, also as CSV
 *     report_printed.c   what the paper prints, beside our figures
 *     report_figures.c   bars, curves, histograms, block diagrams as SVG
 *     report_pictures.c  images before, encrypted, after, as PNG
 *     report_findings.c  sentences made from the numbers
 *     report_exact.c     the page of --exact instead
 *     eval_curves_*.c    the page of --curves instead
 */
#ifndef MV_CLI_REPORT_H
#define MV_CLI_REPORT_H

#include "base/bytes.h"
#include "eval.h"

/* report_write: errors: MV_E_IO, MV_E_MEMORY */
MV_MUST_CHECK mv_status report_write(const eval_job *job, mv_error *err);

/* ---- for the files above ---- */

/* A report being made. A failed append is kept in st and reported at the end, so that writers need
 * not check each call. */
enum { REPORT_PRINTED_MAX = 512 };

/* A value as the paper prints it. */
typedef struct report_value {
    char set[LABELLED_NAME_MAX], method[MV_MODEL_NAME_MAX], text[16];
    int way, figure;
    double value; /* of text */
} report_value;

typedef struct report {
    const eval_job *job;
    mv_buffer html, csv;
    mv_status st;
    mv_error *err;
    report_value *printed; /* printed_count */
    size_t printed_count;
} report;

/* report_make: job NULL where no figure or model is put. report_save writes both files into the
 * folder and frees what is in r. errors: MV_E_IO, MV_E_MEMORY, MV_E_LIMIT */
report report_make(const eval_job *job, mv_error *err);
MV_MUST_CHECK mv_status report_save(report *r, const char *folder);

void report_head(report *r, const char *title); /* up to <body>, with the style */
void report_processor(report *r);               /* which machine this is */

void put(report *r, const char *format, ...) MV_PRINTF(2, 3);     /* HTML as it is */
void put_text(report *r, const char *text);                       /* escaped */
void put_csv(report *r, const char *format, ...) MV_PRINTF(2, 3); /* a line */

/* A table's headings; one that begins with '<' stands over a column of text: left. Rows follow. */
void report_table_begin(report *r, const char *const *head, size_t count);
void report_table_end(report *r);

#define REPORT_TABLE(r, ...)                                                                       \
    do {                                                                                           \
        static const char *const heads[] = {__VA_ARGS__};                                          \
        report_table_begin(r, heads, sizeof heads / sizeof heads[0]);                              \
    } while (0)

/* put_figure: an SVG or PNG that is in file already, inline, with its caption. */
void report_svg(report *r, const char *name, const mv_buffer *svg, const char *caption);
void report_png(report *r, const char *name, const mv_image *image, const char *caption);

/* A model's name as shown: marked when its budget is another. */
void put_model(report *r, size_t m);
double report_mean(const report *r, size_t m, size_t s, eval_way way, eval_what what);

void report_table_2(report *r);           /* data sets */
void report_table_3(report *r);           /* layers of the paper's network */
void report_table_4(report *r);           /* its claims */
void report_methods(report *r, size_t s); /* tables 5 to 7: the methods on one set */
void report_origins(report *r, size_t s);
void report_confusion(report *r, size_t s);

/* report_read_printed: of OUT/printed.csv, where there is one. errors: MV_E_FORMAT, MV_E_LIMIT,
 * MV_E_IO. _row: one row of tables 5 to 7, if anything is known of it; _none: that nothing is. */
MV_MUST_CHECK mv_status report_read_printed(report *r);
void report_printed_row(report *r, size_t s, const char *method, int way);
void report_printed_none(report *r, size_t s);
void report_forms(report *r);
void report_codecs(report *r);
void report_statistics(report *r);

void report_diagrams(report *r);       /* figures 1, 2, 4, 5 */
void report_bars(report *r, size_t s); /* figures 8 to 10 */
void report_curves(report *r);         /* learning curves */
void report_rate(report *r, size_t s); /* quality against bytes */

/* PSNR against bits a pixel on a logarithmic scale: curves, and single marks with their names. */
enum { REPORT_CURVE_MAX = 16, REPORT_MARKS_MAX = 16 };
typedef struct report_curve {
    const char *name;
    double bits[REPORT_CURVE_MAX], psnr_db[REPORT_CURVE_MAX]; /* NaN: no such point */
    size_t count;
} report_curve;
typedef struct report_mark {
    const char *name;
    double bits, psnr_db;
} report_mark;
void report_octaves(report *r, const char *name, const char *set, const report_curve *curve,
                    size_t curves, const report_mark *mark, size_t marks);

void report_preprocessing(report *r); /* figure 3 */
void report_pictures(report *r);      /* figures 6 and 7 */

void report_findings(report *r);

#endif
