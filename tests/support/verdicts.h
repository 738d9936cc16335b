/* SPDX-License-Identifier: Apache-2.0
 *
 * verdicts.h: a committed table of files by SHA-256 and of what a reader says of each. Columns are
 * separated by tabs; the first ten are the same in every table. Include it after cmocka.h.
 */
#ifndef MV_TEST_VERDICTS_H
#define MV_TEST_VERDICTS_H

#include "base/bytes.h"
#include "medveil/image.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VERDICT_ROWS_MAX = 512, VERDICT_COLUMNS_MAX = 12, VERDICT_LINE_MAX = 512 };

/* the columns that tables have in common */
enum { SHA, NAME, VERDICT, TYPE, WIDTH, HEIGHT, DEPTH, CHANNELS, BITS, PIXELS };

typedef struct verdict {
    char line[VERDICT_LINE_MAX];
    char *column[VERDICT_COLUMNS_MAX];
} verdict;

static verdict verdicts[VERDICT_ROWS_MAX];
static size_t verdict_count;

/* -1: no file, or fewer than `least` rows of so many columns. */
static int verdicts_read(const char *path, size_t columns, size_t least)
{
    FILE *in = fopen(path, "r");
    if (in == NULL) {
        return -1;
    }
    while (verdict_count < VERDICT_ROWS_MAX &&
           fgets(verdicts[verdict_count].line, VERDICT_LINE_MAX, in) != NULL) {
        verdict *v = &verdicts[verdict_count];
        char *next = v->line;
        next[strcspn(next, "\n")] = '\0';
        for (size_t i = 0; i < columns; i++) {
            v->column[i] = next != NULL ? strsep(&next, "\t") : NULL;
        }
        verdict_count += v->column[columns - 1] != NULL && strlen(v->column[SHA]) == 64;
    }
    (void)fclose(in);
    return verdict_count >= least ? 0 : -1;
}

static void verdict_hash(char hex[65], const void *bytes, size_t len)
{
    uint8_t sum[crypto_hash_sha256_BYTES];
    (void)crypto_hash_sha256(sum, bytes, len);
    (void)sodium_bin2hex(hex, 65, sum, sizeof sum);
}

/* NULL: the file has no row. */
static const verdict *verdict_of(const mv_buffer *file)
{
    char hex[65];
    verdict_hash(hex, file->bytes, file->len);
    for (size_t i = 0; i < verdict_count; i++) {
        if (strcmp(verdicts[i].column[SHA], hex) == 0) {
            return &verdicts[i];
        }
    }
    return NULL;
}

/* The status is the row's. */
static void verdict_is(const verdict *v, mv_status st, const mv_error *err)
{
    if (strcmp(mv_status_name(st), v->column[VERDICT]) != 0) {
        fail_msg("%s: %s, not %s: %s", v->column[NAME], mv_status_name(st), v->column[VERDICT],
                 err->text);
    }
}

/* Type, size, channels and bits are the row's. */
static void verdict_shape_is(const verdict *v, const mv_image *image)
{
    assert_string_equal(mv_sample_name(image->type), v->column[TYPE]);
    assert_int_equal(image->width, atoi(v->column[WIDTH]));
    assert_int_equal(image->height, atoi(v->column[HEIGHT]));
    assert_int_equal(image->depth, atoi(v->column[DEPTH]));
    assert_int_equal(image->channels, atoi(v->column[CHANNELS]));
    assert_int_equal(image->bits, atoi(v->column[BITS]));
}

static void verdict_samples_are(const verdict *v, const mv_image *image)
{
    char hex[65];
    verdict_hash(hex, image->sample, mv_image_sample_count(image) * mv_sample_size(image->type));
    assert_string_equal(hex, v->column[PIXELS]);
}

#endif
