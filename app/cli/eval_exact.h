/* SPDX-License-Identifier: Apache-2.0
 *
 * eval_exact.h: medveil eval --exact: what the exact image costs beside other lossless coders.
 */
#ifndef MV_CLI_EVAL_EXACT_H
#define MV_CLI_EVAL_EXACT_H

#include "cli.h"
#include "medveil/image.h"

/* Who coded the samples. The sections are ours, with their heads and hash: JPEG-LS alone, and with
 * the pixel coder beside it. */
typedef enum exact_coder {
    EXACT_SECTION,
    EXACT_BEST,
    EXACT_JPEGLS,
    EXACT_J2K,
    EXACT_PNG,
    EXACT_GZIP,
    EXACT_JXL, /* the last: 0 bytes, and not shown, where this build has no libjxl */
    EXACT_CODERS
} exact_coder;

extern const char *const exact_coder_name[EXACT_CODERS];

/* How many of them this build has. */
unsigned exact_coders(void);

enum { EXACT_NAME_MAX = 96, EXACT_GROUPS_MAX = 256 };

/* Sums over the files of a set that have one modality, or one format where there is no modality. */
typedef struct exact_group {
    char set[EXACT_NAME_MAX], kind[EXACT_NAME_MAX];
    size_t files, identical;         /* sealed and opened; came back bit for bit */
    double file_bytes, inside_bytes; /* of those files, and of their exact sections */
    size_t measured, frames;         /* files with samples of 2 to 16 bits: what is below */
    double raw, bytes[EXACT_CODERS];
    /* of the two sections; processor time, children's too */
    double encode_ms[EXACT_BEST + 1], decode_ms[EXACT_BEST + 1];
} exact_group;

typedef struct exact_result {
    exact_group group[EXACT_GROUPS_MAX];
    size_t group_count;
    exact_group all;
    size_t unreadable;
} exact_result;

/* eval_exact_image: all coders on the samples of an image of 2 to 16 bits, added to sums.
 * errors: MV_E_MEMORY, MV_E_INTERNAL, MV_E_INTERRUPTED */
MV_MUST_CHECK mv_status eval_exact_image(exact_group *sums, const mv_image *image);

/* eval_exact: the whole command; the exit code. */
int eval_exact(const cli_args *args);

/* report_exact: report.html and tables.csv in the folder (report_exact.c).
 * errors: MV_E_IO, MV_E_MEMORY */
MV_MUST_CHECK mv_status report_exact(const exact_result *result, const char *folder, mv_error *err);

#endif
