/* SPDX-License-Identifier: Apache-2.0
 *
 * test_nifti.c: what the NIfTI reader says of each file of a committed table, of pairs, of 64-bit
 * integers and many axes, and that voxels are written under the header they came with.
 *
 * nifti_verdicts.tsv names files by SHA-256; its hashes of samples are of the file's own bytes, put
 * into little-endian order by Python's struct and gzip. The files are those of MEDVEIL_DATA/nifti
 * and of mricron-data.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "image/image_format.h"
#include "verdicts.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MRICRON_FOLDER "/usr/share/mricron/templates"

enum { SCALE = PIXELS + 1, BASIS, COLUMNS, PATH_LEN_MAX = 4096 };

static const char *table_path;

static int read_table(void **state)
{
    (void)state;
    return verdicts_read(table_path, COLUMNS, 41);
}

static void check_image(const verdict *v, const mv_image *image)
{
    char *rest = NULL;
    verdict_shape_is(v, image);
    assert_true(image->slope == strtod(v->column[SCALE], &rest));
    assert_true(image->intercept == strtod(rest + 1, NULL));
    verdict_samples_are(v, image);
}

static bool check_file(const char *path)
{
    mv_buffer file = mv_buffer_make((size_t)1 << 30);
    mv_image image;
    mv_error err = {0};
    assert_int_equal(mv_file_read(&file, path, NULL), MV_OK);
    const verdict *v = verdict_of(&file);
    if (v == NULL) {
        fail_msg("%s is not in the table", path);
    }
    const mv_status st = mv_image_decode(&image, file.bytes, file.len, "the file", &err);
    verdict_is(v, st, &err);
    if (st == MV_OK) {
        check_image(v, &image);
        mv_image_clear(&image);
    } else {
        assert_true(err.text[0] != '\0');
        assert_null(image.sample);
    }
    mv_buffer_clear(&file);
    return st == MV_OK;
}

static bool is_nifti_name(const char *name)
{
    const size_t len = strlen(name);
    return (len > 4 && strcmp(name + len - 4, ".nii") == 0) ||
           (len > 7 && strcmp(name + len - 7, ".nii.gz") == 0) ||
           (len > 4 && strcmp(name + len - 4, ".hdr") == 0);
}

static size_t check_folder(const char *path)
{
    DIR *folder = opendir(path);
    struct dirent *entry = NULL;
    size_t images = 0, refused = 0;
    if (folder == NULL) {
        return 0;
    }
    while ((entry = readdir(folder)) != NULL) {
        char name[PATH_LEN_MAX];
        (void)snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (is_nifti_name(entry->d_name)) {
            const bool read = check_file(name);
            images += read;
            refused += !read;
        }
    }
    (void)closedir(folder);
    print_message("%s: %zu files with the stated samples, %zu refused as stated\n", path, images,
                  refused);
    return images;
}

static void every_file_of_the_table_has_its_verdict(void **state)
{
    const char *data = getenv("MEDVEIL_DATA");
    char path[PATH_LEN_MAX];
    size_t images = check_folder(MRICRON_FOLDER);
    (void)state;
    if (data != NULL && data[0] != '\0') {
        (void)snprintf(path, sizeof path, "%s/nifti", data);
        images += check_folder(path);
    } else {
        print_message("NOTE: MEDVEIL_DATA is not set; only the files of mricron-data were read\n");
    }
    if (images == 0) {
        print_message("NOTE: no NIfTI files here: mricron-data is not installed either\n");
        skip();
    }
}

/* ---- files made here: NIfTI-1, either byte order, field by field ---- */

typedef struct made {
    bool is_big, is_v2, is_pair;
    int axes, dim[7], code, bits;
    double slope, intercept;
    const char *extension; /* 16 bytes with its own size and code in front */
} made;

static void put_field(uint8_t *at, bool is_big, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        at[is_big ? size - 1 - i : i] = (uint8_t)(value >> (8 * i));
    }
}

static void put_real(uint8_t *at, bool is_big, double value, size_t size)
{
    const float narrow = (float)value;
    uint64_t bits = 0;
    uint32_t narrow_bits = 0;
    memcpy(&bits, &value, sizeof bits);
    memcpy(&narrow_bits, &narrow, sizeof narrow_bits);
    put_field(at, is_big, size == 8 ? bits : narrow_bits, size);
}

static mv_buffer head_of(const made *m)
{
    mv_buffer b = mv_buffer_make(1 << 20);
    const size_t len = m->is_v2 ? 540 : 348, size = m->is_v2 ? 8 : 2, real = m->is_v2 ? 8 : 4;
    assert_int_equal(mv_buffer_append_zeros(&b, len + 4), MV_OK);
    uint8_t *h = b.bytes;
    const bool big = m->is_big;
    put_field(h, big, len, 4);
    put_field(h + (m->is_v2 ? 12 : 70), big, (uint64_t)m->code, 2);
    put_field(h + (m->is_v2 ? 14 : 72), big, (uint64_t)m->bits, 2);
    for (size_t i = 0; i < 8; i++) {
        put_field(h + (m->is_v2 ? 16 : 40) + size * i, big,
                  (uint64_t)(i == 0 ? m->axes : m->dim[i - 1]), size);
        put_real(h + (m->is_v2 ? 104 : 76) + real * i, big, i == 0 ? -1 : 0.5 + (double)i, real);
    }
    put_real(h + (m->is_v2 ? 176 : 112), big, m->slope, real);
    put_real(h + (m->is_v2 ? 184 : 116), big, m->intercept, real);
    for (size_t i = 0; i < 12; i++) { /* sform */
        put_real(h + (m->is_v2 ? 400 : 280) + real * i, big, 1.25 * (double)i - 7, real);
    }
    put_field(h + (m->is_v2 ? 348 : 254), big, 2, m->is_v2 ? 4 : 2); /* sform code */
    memcpy(h + (m->is_v2 ? 240 : 148), "made for a test", 15);       /* description */
    h[m->is_v2 ? 500 : 123] = 0;
    put_field(h + (m->is_v2 ? 500 : 123), big, 2, m->is_v2 ? 4 : 1); /* mm */
    const char *magic = m->is_v2 ? (m->is_pair ? "ni2" : "n+2") : (m->is_pair ? "ni1" : "n+1");
    memcpy(h + (m->is_v2 ? 4 : 344), magic, 4);
    if (m->extension != NULL) {
        h[len] = 1;
        assert_int_equal(mv_buffer_append(&b, (const uint8_t *)m->extension, 16), MV_OK);
    }
    if (!m->is_pair) {
        if (m->is_v2) {
            put_field(b.bytes + 168, big, b.len, 8);
        } else {
            put_real(b.bytes + 108, big, (double)b.len, 4);
        }
    }
    return b;
}

static void append_words(mv_buffer *b, const made *m, const int64_t *value, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t word[8];
        put_field(word, m->is_big, (uint64_t)value[i], (size_t)m->bits / 8);
        assert_int_equal(mv_buffer_append(b, word, (size_t)m->bits / 8), MV_OK);
    }
}

static const made small = {
    .axes = 3, .dim = {2, 2, 2, 1, 1, 1, 1}, .code = 4, .bits = 16, .slope = 0.5, .intercept = -3};
static const int64_t eight[8] = {1, -2, 300, -400, 5000, 6, -7, 32767};

static void check_samples(const mv_image *image, const int64_t *value, size_t count)
{
    assert_int_equal(mv_image_sample_count(image), count);
    for (size_t i = 0; i < count; i++) {
        assert_true(mv_image_get(image, i) == (double)value[i]);
    }
}

static void integers_of_64_bits_become_doubles_or_are_refused(void **state)
{
    made m = small;
    (void)state;
    for (int form = 0; form < 8; form++) {
        m.is_big = form & 1;
        m.is_v2 = form & 2;
        m.code = form & 4 ? 1280 : 1024;
        m.bits = 64;
        const int64_t values[8] = {0, 1, 9007199254740992, form & 4 ? 2 : -9007199254740992, 5, 6,
                                   7, 8};
        const int64_t beyond[8] = {0, 1, 2, 3, 4, 5, 6, 9007199254740994};
        for (int bad = 0; bad < 2; bad++) {
            mv_buffer file = head_of(&m);
            mv_image image;
            mv_error err = {0};
            append_words(&file, &m, bad ? beyond : values, 8);
            const mv_status st = mv_image_decode(&image, file.bytes, file.len, "made", &err);
            assert_int_equal(st, bad ? MV_E_RANGE : MV_OK);
            if (bad) {
                assert_non_null(strstr(err.text, "2^53"));
            } else {
                assert_int_equal(image.type, MV_SAMPLE_F64);
                check_samples(&image, values, 8);
            }
            mv_image_clear(&image);
            mv_buffer_clear(&file);
        }
    }
}

static void axes_beyond_the_third_follow_in_the_stack(void **state)
{
    made m = small;
    (void)state;
    for (int axes = 4; axes <= 7; axes++) {
        m.axes = axes;
        for (int i = 0; i < 7; i++) {
            m.dim[i] = i < 2 || i == axes - 1 ? 2 : 1;
        }
        mv_buffer file = head_of(&m);
        mv_image image;
        append_words(&file, &m, eight, 8);
        assert_int_equal(mv_image_decode(&image, file.bytes, file.len, "made", NULL), MV_OK);
        assert_int_equal(image.depth, 2);
        check_samples(&image, eight, 8);
        mv_image_clear(&image);
        mv_buffer_clear(&file);
    }
}

static void no_number_of_dimensions_or_voxels_gets_memory_that_is_not_there(void **state)
{
    made m = small;
    (void)state;
    m.axes = 7;
    for (int i = 0; i < 7; i++) {
        m.dim[i] = 32767;
    }
    mv_buffer file = head_of(&m);
    mv_image image;
    append_words(&file, &m, eight, 8);
    assert_int_equal(mv_image_decode(&image, file.bytes, file.len, "made", NULL), MV_E_LIMIT);
    mv_buffer_clear(&file);
    m = small;
    m.is_v2 = true;
    m.dim[0] = m.dim[1] = 20000;
    file = head_of(&m);
    append_words(&file, &m, eight, 8);
    assert_int_equal(mv_image_decode(&image, file.bytes, file.len, "made", NULL), MV_E_LIMIT);
    m.dim[1] = 10000;
    m.dim[2] = 1;
    mv_buffer_clear(&file);
    file = head_of(&m);
    append_words(&file, &m, eight, 8);
    assert_int_equal(mv_image_decode(&image, file.bytes, file.len, "made", NULL), MV_E_TRUNCATED);
    mv_buffer_clear(&file);
}

/* ---- pairs ---- */

static void a_pair_is_read_by_either_name(void **state)
{
    char folder[] = "/tmp/medveil-test-pair-XXXXXX", path[2][64], found[64];
    bool is_header = false;
    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path[0], sizeof path[0], "%s/a.HDR", folder);
    (void)snprintf(path[1], sizeof path[1], "%s/a.IMG", folder);
    for (int form = 0; form < 4; form++) {
        made m = small;
        mv_buffer voxels = mv_buffer_make(1000);
        m.is_pair = true;
        m.is_big = form & 1;
        m.is_v2 = form & 2;
        mv_buffer head = head_of(&m);
        append_words(&voxels, &m, eight, 8);
        assert_int_equal(mv_file_write(path[0], head.bytes, head.len, MV_OUTPUT_FORCE, NULL),
                         MV_OK);
        assert_int_equal(mv_file_write(path[1], voxels.bytes, voxels.len, MV_OUTPUT_FORCE, NULL),
                         MV_OK);
        for (size_t i = 0; i < 2; i++) {
            mv_image image;
            assert_int_equal(mv_image_load(&image, path[i], NULL), MV_OK);
            check_samples(&image, eight, 8);
            assert_true(image.slope == 0.5 && image.intercept == -3);
            mv_image_clear(&image);
            assert_true(mv_image_partner(found, sizeof found, &is_header, path[i]));
            assert_string_equal(found, path[1 - i]);
            assert_int_equal(is_header, i == 0);
        }
        mv_image image; /* a byte short */
        assert_int_equal(
            mv_file_write(path[1], voxels.bytes, voxels.len - 1, MV_OUTPUT_FORCE, NULL), MV_OK);
        assert_int_equal(mv_image_load(&image, path[0], NULL), MV_E_TRUNCATED);
        assert_int_equal(mv_image_decode(&image, head.bytes, head.len, "alone", NULL),
                         MV_E_UNSUPPORTED);
        mv_buffer_clear(&voxels);
        mv_buffer_clear(&head);
    }
    assert_int_equal(unlink(path[1]), 0);
    assert_false(mv_image_partner(found, sizeof found, &is_header, path[0]));
    assert_false(mv_image_partner(found, 8, &is_header, path[0]));
    assert_int_equal(unlink(path[0]), 0);
    assert_int_equal(rmdir(folder), 0);
}

/* ---- writing under the header of the original ---- */

static const char extension[17] = "\x10\0\0\0\x06\0\0\0comment";

/* What may differ: length-independent fields are compared byte for byte. */
static void check_head(const uint8_t *a, const uint8_t *b, bool is_v2)
{
    const size_t len = is_v2 ? 540 : 348;
    for (size_t i = 0; i < len; i++) {
        const bool magic = is_v2 ? i >= 4 && i < 12 : i >= 344;
        const bool offset = is_v2 ? i >= 168 && i < 176 : i >= 108 && i < 112;
        const bool type = is_v2 ? i >= 12 && i < 16 : i >= 70 && i < 74;
        if (a[i] != b[i] && !magic && !offset && !type) {
            fail_msg("byte %zu of the header differs", i);
        }
    }
}

static void voxels_are_written_under_the_header_they_came_with(void **state)
{
    char folder[] = "/tmp/medveil-test-like-XXXXXX", path[64];
    (void)state;
    assert_non_null(mkdtemp(folder));
    for (int form = 0; form < 16; form++) {
        made m = small;
        mv_buffer voxels = mv_buffer_make(1000), back = mv_buffer_make(1 << 20);
        mv_image image, again;
        bool kept = false;
        m.is_big = form & 1;
        m.is_v2 = form & 2;
        m.is_pair = form & 4;
        m.extension = extension;
        if (form & 8) { /* read as doubles, so written as doubles */
            m.code = 1024;
            m.bits = 64;
        }
        mv_buffer head = head_of(&m);
        append_words(m.is_pair ? &voxels : &head, &m, eight, 8);
        const mv_image_files like = {head.bytes, head.len, voxels.bytes, voxels.len};
        assert_int_equal(mv_image_decode_files(&image, &like, NULL, NULL), MV_OK);
        mv_image_set(&image, 3, 17); /* other voxels, the same header */
        (void)snprintf(path, sizeof path, "%s/a.nii", folder);
        assert_int_equal(mv_image_save_like(&image, path, true, &like, &kept, NULL), MV_OK);
        assert_true(kept);
        assert_int_equal(mv_file_read(&back, path, NULL), MV_OK);
        check_head(head.bytes, back.bytes, m.is_v2);
        assert_memory_equal(back.bytes + (m.is_v2 ? 540 : 348) + 4, extension, 16);
        assert_int_equal(mv_image_load(&again, path, NULL), MV_OK);
        assert_int_equal(again.type, image.type);
        assert_memory_equal(again.sample, image.sample, 8 * mv_sample_size(image.type));
        assert_true(again.slope == 0.5 && again.intercept == -3);
        mv_image_clear(&again);
        (void)snprintf(path, sizeof path, "%s/a.nii.gz", folder);
        assert_int_equal(mv_image_save_like(&image, path, true, &like, &kept, NULL), MV_OK);
        assert_int_equal(mv_image_load(&again, path, NULL), MV_OK);
        assert_memory_equal(again.sample, image.sample, 8 * mv_sample_size(image.type));
        mv_image_clear(&again);
        assert_int_equal(unlink(path), 0);
        mv_image_clear(&image);
        mv_buffer_clear(&back);
        mv_buffer_clear(&voxels);
        mv_buffer_clear(&head);
    }
    (void)snprintf(path, sizeof path, "%s/a.nii", folder);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void another_shape_gets_a_header_of_its_own(void **state)
{
    const char *path = "/tmp/medveil-test-shape.nii";
    mv_buffer file = head_of(&small);
    mv_image image, part;
    bool kept = true;
    (void)state;
    append_words(&file, &small, eight, 8);
    const mv_image_files like = {.bytes = file.bytes, .len = file.len};
    assert_int_equal(mv_image_decode_files(&image, &like, NULL, NULL), MV_OK);
    assert_int_equal(mv_image_slice(&part, &image, 1, 1), MV_OK);
    assert_int_equal(mv_image_save_like(&part, path, true, &like, &kept, NULL), MV_OK);
    assert_false(kept);
    assert_int_equal(unlink(path), 0);
    mv_image_clear(&part);
    mv_image_clear(&image);
    mv_buffer_clear(&file);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_file_of_the_table_has_its_verdict),
        cmocka_unit_test(integers_of_64_bits_become_doubles_or_are_refused),
        cmocka_unit_test(axes_beyond_the_third_follow_in_the_stack),
        cmocka_unit_test(no_number_of_dimensions_or_voxels_gets_memory_that_is_not_there),
        cmocka_unit_test(a_pair_is_read_by_either_name),
        cmocka_unit_test(voxels_are_written_under_the_header_they_came_with),
        cmocka_unit_test(another_shape_gets_a_header_of_its_own),
    };
    if (argc != 2) {
        return 1;
    }
    table_path = argv[1];
    return cmocka_run_group_tests(tests, read_table, NULL);
}
