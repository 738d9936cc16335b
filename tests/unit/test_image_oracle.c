/* SPDX-License-Identifier: Apache-2.0
 *
 * test_image_oracle.c: our NIfTI reader against libnifti, byte for byte. Built only where libnifti
 * is installed. Without MEDVEIL_DATA it reads files that our own writer made.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "image/phantom.h"

#include <dirent.h>
#include <math.h>
#include <nifti/nifti2_io.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* libnifti leaves an axis that the file does not have at 0. */
static int64_t at_least_1(int64_t axis)
{
    return axis < 1 ? 1 : axis;
}

/* Both readers on one file; false when ours refuses it. */
static bool agree(const char *path)
{
    mv_image image;
    if (mv_image_load(&image, path, NULL) != MV_OK) {
        return false;
    }
    nifti_image *theirs = nifti_image_read(path, 1);
    assert_non_null(theirs);
    assert_int_equal(image.width, theirs->nx);
    assert_int_equal(image.height, theirs->ny);
    assert_int_equal(image.depth, at_least_1(theirs->nz) * at_least_1(theirs->nt));
    assert_int_equal(theirs->nvox * theirs->nbyper,
                     mv_image_sample_count(&image) * mv_sample_size(image.type));
    assert_memory_equal(image.sample, theirs->data, theirs->nvox * theirs->nbyper);
    if (image.channels == 1 && theirs->scl_slope != 0) {
        assert_true(image.slope == theirs->scl_slope && image.intercept == theirs->scl_inter);
    }
    if (theirs->xyz_units == NIFTI_UNITS_MM) {
        assert_float_equal(image.spacing_mm[0], fabs(theirs->dx), 1e-6);
        assert_float_equal(image.spacing_mm[1], fabs(theirs->dy), 1e-6);
        assert_float_equal(image.spacing_mm[2], fabs(theirs->dz), 1e-6);
    }
    nifti_image_free(theirs);
    mv_image_clear(&image);
    return true;
}

static bool is_nifti_name(const char *name)
{
    return strstr(name, ".nii") != NULL;
}

static void libnifti_reads_the_same_samples_from_every_file(void **state)
{
    const char *data = getenv("MEDVEIL_DATA");
    char path[1024];
    size_t agreed = 0;
    (void)state;
    if (data == NULL || data[0] == '\0') {
        print_message("NOTE: MEDVEIL_DATA is not set; this test used its own files only\n");
        return;
    }
    (void)snprintf(path, sizeof path, "%s/nifti", data);
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (const struct dirent *e = readdir(folder); e != NULL; e = readdir(folder)) {
        (void)snprintf(path, sizeof path, "%s/nifti/%s", data, e->d_name);
        agreed += is_nifti_name(e->d_name) && agree(path);
    }
    (void)closedir(folder);
    print_message("%zu files agree with libnifti\n", agreed);
    assert_true(agreed >= 20);
}

static void libnifti_reads_what_we_write(void **state)
{
    char folder[] = "/tmp/medveil-test-oracle-XXXXXX", path[64];
    const mv_sample_type types[] = {MV_SAMPLE_U8, MV_SAMPLE_U16, MV_SAMPLE_I16};
    (void)state;
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < 6; i++) {
        mv_phantom_opts opts = mv_phantom_defaults();
        mv_image image;
        opts.type = types[i % 3];
        opts.width = 30;
        opts.height = 21;
        opts.depth = 4;
        assert_int_equal(mv_phantom_make(&image, &opts, NULL), MV_OK);
        image.slope = i < 3 ? 0.5 : 0.1; /* 0.1 needs NIfTI-2 */
        image.spacing_mm[0] = image.spacing_mm[1] = 0.75;
        image.spacing_mm[2] = 3;
        (void)snprintf(path, sizeof path, "%s/%s", folder, i % 2 == 0 ? "a.nii" : "a.nii.gz");
        assert_int_equal(mv_image_save(&image, path, false, NULL), MV_OK);
        assert_true(agree(path));
        assert_int_equal(unlink(path), 0);
        mv_image_clear(&image);
    }
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(libnifti_reads_the_same_samples_from_every_file),
        cmocka_unit_test(libnifti_reads_what_we_write),
    };
    nifti_set_debug_level(0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
