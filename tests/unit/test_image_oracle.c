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

#include "base/file.h"
#include "image/phantom.h"

#include <dirent.h>
#include <math.h>
#include <nifti/nifti2_io.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* 64-bit integers are doubles with us. */
static void check_samples(const mv_image *image, const nifti_image *theirs)
{
    const int64_t *wide = theirs->data;
    if (theirs->datatype != NIFTI_TYPE_INT64) {
        assert_int_equal(theirs->nvox * theirs->nbyper,
                         mv_image_sample_count(image) * mv_sample_size(image->type));
        assert_memory_equal(image->sample, theirs->data, theirs->nvox * theirs->nbyper);
        return;
    }
    for (int64_t i = 0; i < theirs->nvox; i++) {
        assert_true(mv_image_get(image, (size_t)i) == (double)wide[i]);
    }
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
    assert_int_equal(theirs->nvox, mv_image_sample_count(&image) / image.channels);
    assert_int_equal((int64_t)image.width * image.height * image.depth, theirs->nvox);
    check_samples(&image, theirs);
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
    return strstr(name, ".nii") != NULL && strstr(name, ".lut") == NULL &&
           strstr(name, ".txt") == NULL;
}

static size_t agree_in(const char *path)
{
    char name[1024];
    size_t agreed = 0;
    DIR *folder = opendir(path);
    if (folder == NULL) {
        return 0;
    }
    for (const struct dirent *e = readdir(folder); e != NULL; e = readdir(folder)) {
        (void)snprintf(name, sizeof name, "%s/%s", path, e->d_name);
        agreed += is_nifti_name(e->d_name) && agree(name);
    }
    (void)closedir(folder);
    print_message("%s: %zu files agree with libnifti\n", path, agreed);
    return agreed;
}

static void libnifti_reads_the_same_samples_from_every_file(void **state)
{
    const char *data = getenv("MEDVEIL_DATA");
    char path[1024];
    (void)state;
    (void)agree_in("/usr/share/mricron/templates");
    if (data == NULL || data[0] == '\0') {
        print_message("NOTE: MEDVEIL_DATA is not set; its files were not read\n");
        return;
    }
    (void)snprintf(path, sizeof path, "%s/nifti", data);
    assert_true(agree_in(path) >= 20);
}

/* libnifti writes every kind of file and axis count; we read them all, and what we write under its
 * header has the same header for it. */
static void write_theirs(const char *path, int kind, int64_t axes, int type)
{
    const int64_t dim[8] = {axes, 3, 4, 2, axes > 3 ? 2 : 1, axes > 4 ? 3 : 1, 1, 1};
    nifti_image *image = nifti_make_new_nim(dim, type, 1);
    uint8_t *byte = image->data;
    for (int64_t i = 0; i < image->nvox; i++) { /* small numbers of any type */
        if (type == NIFTI_TYPE_INT64) {
            ((int64_t *)image->data)[i] = 1000 * i - 7;
        } else if (type == NIFTI_TYPE_FLOAT64) {
            ((double *)image->data)[i] = 0.25 * (double)i;
        } else {
            memset(byte + i * image->nbyper, (int)(i % 60), (size_t)image->nbyper);
        }
    }
    image->nifti_type = kind;
    image->scl_slope = 2;
    image->scl_inter = -1;
    image->sform_code = NIFTI_XFORM_SCANNER_ANAT;
    image->sto_xyz.m[0][0] = -0.5;
    image->sto_xyz.m[1][3] = 42;
    image->dx = image->pixdim[1] = 0.5;
    strcpy(image->descrip, "written by libnifti");
    assert_int_equal(nifti_add_extension(image, "a comment", 10, NIFTI_ECODE_COMMENT), 0);
    assert_int_equal(nifti_set_filenames(image, path, 0, 1), 0);
    nifti_image_write(image);
    nifti_image_free(image);
}

static void check_like(const char *theirs_path, const char *voxels_path, const char *ours_path)
{
    mv_buffer head = mv_buffer_make(1 << 20), voxels = mv_buffer_make(1 << 20);
    mv_image image;
    bool kept = false;
    assert_int_equal(mv_file_read(&head, theirs_path, NULL), MV_OK);
    if (voxels_path != NULL) {
        assert_int_equal(mv_file_read(&voxels, voxels_path, NULL), MV_OK);
    }
    const mv_image_files like = {head.bytes, head.len, voxels.bytes, voxels.len};
    assert_int_equal(mv_image_decode_files(&image, &like, NULL, NULL), MV_OK);
    assert_int_equal(mv_image_save_like(&image, ours_path, true, &like, &kept, NULL), MV_OK);
    assert_true(kept);
    nifti_image *a = nifti_image_read(theirs_path, 1), *b = nifti_image_read(ours_path, 1);
    assert_non_null(a);
    assert_non_null(b);
    assert_memory_equal(a->dim, b->dim, sizeof a->dim);
    assert_memory_equal(a->pixdim, b->pixdim, sizeof a->pixdim);
    assert_memory_equal(&a->sto_xyz, &b->sto_xyz, sizeof a->sto_xyz);
    assert_memory_equal(&a->qto_xyz, &b->qto_xyz, sizeof a->qto_xyz);
    assert_string_equal(a->descrip, b->descrip);
    assert_int_equal(b->num_ext, 1);
    assert_memory_equal(a->ext_list[0].edata, b->ext_list[0].edata, 10);
    check_samples(&image, a);
    nifti_image_free(a);
    nifti_image_free(b);
    mv_image_clear(&image);
    mv_buffer_clear(&head);
    mv_buffer_clear(&voxels);
}

static void we_read_and_keep_what_libnifti_writes(void **state)
{
    static const int types[] = {NIFTI_TYPE_UINT8,   NIFTI_TYPE_INT8,    NIFTI_TYPE_INT16,
                                NIFTI_TYPE_UINT16,  NIFTI_TYPE_INT32,   NIFTI_TYPE_UINT32,
                                NIFTI_TYPE_FLOAT32, NIFTI_TYPE_FLOAT64, NIFTI_TYPE_INT64};
    static const int kinds[] = {NIFTI_FTYPE_NIFTI1_1, NIFTI_FTYPE_NIFTI1_2, NIFTI_FTYPE_NIFTI2_1,
                                NIFTI_FTYPE_NIFTI2_2};
    char folder[] = "/tmp/medveil-test-oracle-XXXXXX", path[64], voxels[64], ours[64];
    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(ours, sizeof ours, "%s/ours.nii", folder);
    (void)snprintf(voxels, sizeof voxels, "%s/a.img", folder);
    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        for (size_t k = 0; k < 4; k++) {
            const bool pair = k % 2 == 1;
            (void)snprintf(path, sizeof path, "%s/a.%s", folder, pair ? "hdr" : "nii");
            write_theirs(path, kinds[k], (int64_t)(2 + (t + k) % 4), types[t]);
            assert_true(agree(path));
            check_like(path, pair ? voxels : NULL, ours);
            assert_int_equal(unlink(path), 0);
            assert_int_equal(pair ? unlink(voxels) : 0, 0);
        }
    }
    assert_int_equal(unlink(ours), 0);
    assert_int_equal(rmdir(folder), 0);
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
        cmocka_unit_test(we_read_and_keep_what_libnifti_writes),
    };
    nifti_set_debug_level(0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
