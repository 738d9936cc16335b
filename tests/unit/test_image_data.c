/* SPDX-License-Identifier: Apache-2.0
 *
 * test_image_data.c: real images against what others say of them: MEDVEIL_DATA's manifests, and
 * (test_image_oracle) libnifti. Without MEDVEIL_DATA the tests say so and use a phantom.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "image/phantom.h"
#include "image/preprocess.h"
#include "medveil/metrics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_APART = 40, COLUMNS_MAX = 16, LINE_MAX_LEN = 2048 };

/* The folder, or NULL after saying that the test had to do without. */
static const char *data_folder(void)
{
    const char *folder = getenv("MEDVEIL_DATA");
    if (folder == NULL || folder[0] == '\0') {
        print_message("NOTE: MEDVEIL_DATA is not set; this test used a phantom instead\n");
        return NULL;
    }
    return folder;
}

static void check_a_phantom(void)
{
    mv_phantom_opts opts = mv_phantom_defaults();
    mv_image image;
    mv_comparison c;
    assert_int_equal(mv_phantom_make(&image, &opts, NULL), MV_OK);
    assert_int_equal(mv_compare(&c, &image, &image, NULL), MV_OK);
    assert_true(c.identical);
    mv_image_clear(&image);
}

/* Cut a line at its tabs, in place. */
static size_t columns_of(char *line, char *column[COLUMNS_MAX])
{
    size_t count = 0;
    line[strcspn(line, "\r\n")] = '\0';
    for (char *p = line; p != NULL && count < COLUMNS_MAX; count++) {
        column[count] = p;
        p = strchr(p, '\t');
        if (p != NULL) {
            *p++ = '\0';
        }
    }
    return count;
}

static FILE *open_manifest(const char *folder, const char *name)
{
    char path[LINE_MAX_LEN];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    assert_non_null(fgets(path, sizeof path, in)); /* the heading */
    return in;
}

/* name set split class width height bit_depth .. */
static void check_png_row(const char *folder, char *const column[COLUMNS_MAX])
{
    char path[LINE_MAX_LEN];
    mv_image image;
    mv_error err = {0};
    (void)snprintf(path, sizeof path, "%s/%s/%s/%s/%s", folder, column[1], column[2], column[3],
                   column[0]);
    if (mv_image_load(&image, path, &err) != MV_OK) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(image.width, atoi(column[4]));
    assert_int_equal(image.height, atoi(column[5]));
    assert_int_equal(image.bits, atoi(column[6]));
    assert_true(image.depth == 1 && image.channels == 1);
    mv_image_clear(&image);
}

static void sampled_png_files_have_the_size_that_the_manifest_states(void **state)
{
    const char *folder = data_folder();
    char line[LINE_MAX_LEN];
    char *column[COLUMNS_MAX];
    size_t row = 0, checked = 0;
    (void)state;
    if (folder == NULL) {
        check_a_phantom();
        return;
    }
    FILE *in = open_manifest(folder, "manifest.tsv");
    while (fgets(line, sizeof line, in) != NULL) {
        if (columns_of(line, column) > 6 && strcmp(column[2], "extra_512") != 0 &&
            row++ % ROWS_APART == 0) {
            check_png_row(folder, column);
            checked++;
        }
    }
    (void)fclose(in);
    assert_true(checked >= 50);
    print_message("%zu PNG files agree with the manifest\n", checked);
}

/* "240x240x155" or "128x96x24x2": the samples must be laid out as width, height, the rest. */
static void check_shape(const mv_image *image, const char *shape)
{
    unsigned n[4] = {1, 1, 1, 1};
    assert_true(sscanf(shape, "%ux%ux%ux%u", &n[0], &n[1], &n[2], &n[3]) >= 2);
    assert_int_equal(image->width, n[0]);
    assert_int_equal(image->height, n[1]);
    assert_int_equal(image->depth, n[2] * n[3]);
}

/* Columns: name, bytes, sha256, class, shape, datatype, endian, orientation, slope, reference.
 * Returns whether the row had numbers to compare. */
static bool check_nifti_row(const char *folder, char *const column[COLUMNS_MAX])
{
    char path[LINE_MAX_LEN];
    mv_image image;
    mv_error err = {0};
    double lo = 0, hi = 0, want_lo = 0, want_hi = 0;
    (void)snprintf(path, sizeof path, "%s/nifti/%s", folder, column[0]);
    const mv_status st = mv_image_load(&image, path, &err);
    if (sscanf(column[9], "min=%lf max=%lf", &want_lo, &want_hi) != 2) {
        const bool is_rgb = strstr(column[5], "'R'") != NULL;
        const bool no_pixels = strstr(column[9], "no data") != NULL;
        const bool is_complex = strstr(column[5], "complex") != NULL;
        assert_true(!is_rgb || (st == MV_OK && image.channels == 3));
        assert_true(!no_pixels || st == MV_E_FORMAT || st == MV_E_UNSUPPORTED);
        assert_true(!is_complex || st == MV_E_UNSUPPORTED);
        mv_image_clear(&image);
        return false;
    }
    if (isnan(want_lo)) {
        assert_int_equal(st, MV_E_RANGE);
        return false;
    }
    if (st != MV_OK) {
        fail_msg("%s", err.text);
    }
    check_shape(&image, column[4]);
    assert_int_equal(mv_image_range(&lo, &hi, &image, NULL), MV_OK);
    const double scale = 1e-6 * (fabs(want_hi) + fabs(want_lo) + 1);
    assert_float_equal(lo * image.slope + image.intercept, want_lo, scale);
    assert_float_equal(hi * image.slope + image.intercept, want_hi, scale);
    mv_image_clear(&image);
    return true;
}

static void nifti_files_have_the_shape_and_range_that_the_manifest_states(void **state)
{
    const char *folder = data_folder();
    char line[LINE_MAX_LEN];
    char *column[COLUMNS_MAX];
    size_t checked = 0;
    (void)state;
    if (folder == NULL) {
        check_a_phantom();
        return;
    }
    FILE *in = open_manifest(folder, "nifti/manifest.tsv");
    while (fgets(line, sizeof line, in) != NULL) {
        if (columns_of(line, column) > 9 && check_nifti_row(folder, column)) {
            checked++;
        }
    }
    (void)fclose(in);
    assert_true(checked >= 20);
    print_message("%zu NIfTI files agree with the manifest\n", checked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sampled_png_files_have_the_size_that_the_manifest_states),
        cmocka_unit_test(nifti_files_have_the_shape_and_range_that_the_manifest_states),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
