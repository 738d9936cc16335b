/* SPDX-License-Identifier: Apache-2.0
 *
 * test_dicom.c: what the DICOM reader says of each file of a committed table, of files made here,
 * and of a reader that misbehaves in its sandbox.
 *
 * dicom_verdicts.tsv names files by SHA-256. Its basis column: "exact": the samples were hashed by
 * an independent reader (pydicom with Pillow and GDCM) and must be the same; "differs: why": gray
 * and lossless, yet not the same; "size": lossy or colour, where the hash depends on the decoder,
 * or the other reader could not. The files are those of MEDVEIL_DATA/dicom and of python3-pydicom.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/secret.h"
#include "image/dicom_shim.h"
#include "image/image_format.h"
#include "image/sandbox.h"
#include "verdicts.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define HAS_SHADOW_MEMORY 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_SHADOW_MEMORY 1
#endif
#endif

#define PYDICOM_FOLDER "/usr/lib/python3/dist-packages/pydicom/data/"

enum { BASIS = PIXELS + 1, COLUMNS, PATH_LEN_MAX = 4096 };

static const char *table_path;

static int read_table(void **state)
{
    (void)state;
    return verdicts_read(table_path, COLUMNS, 290);
}

static void check_sentence(const mv_error *err, const mv_image *image)
{
    assert_true(err->text[0] != '\0');
    assert_null(strchr(err->text, '\n'));
    assert_null(strchr(err->text, '^')); /* as in the name of a patient */
    assert_null(image->sample);
}

static void check_image(const verdict *v, const mv_image *image)
{
    verdict_shape_is(v, image);
    if (strcmp(v->column[BASIS], "exact") == 0) {
        verdict_samples_are(v, image);
    }
}

typedef struct tally {
    size_t exact, shapes, refused, differ, unknown;
} tally;

static void check_file(tally *t, const char *path)
{
    mv_buffer file = mv_buffer_make((size_t)1 << 30);
    mv_image image;
    mv_error err = {0};
    assert_int_equal(mv_file_read(&file, path, NULL), MV_OK);
    const verdict *v = verdict_of(&file);
    if (v == NULL) {
        print_message("%s is not in the table\n", path);
        t->unknown++;
    } else {
        const mv_status st = mv_image_decode(&image, file.bytes, file.len, "the file", &err);
        verdict_is(v, st, &err);
        if (st == MV_OK) {
            check_image(v, &image);
            mv_image_clear(&image);
        } else {
            check_sentence(&err, &image);
        }
        t->refused += st != MV_OK;
        t->exact += strcmp(v->column[BASIS], "exact") == 0;
        t->shapes += strcmp(v->column[BASIS], "size") == 0;
        t->differ += strncmp(v->column[BASIS], "differs", 7) == 0;
    }
    mv_buffer_clear(&file);
}

/* nftw passes nothing on */
static tally counted;

/* What is said about the files, and no file of them. */
static bool is_about_files(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot != NULL && (strcmp(dot, ".tsv") == 0 || strcmp(dot, ".md") == 0 ||
                           (strcmp(dot, ".txt") == 0 && strstr(path, "FileInfo") != NULL));
}

static int check_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info, (void)where;
    if (kind == FTW_F && !is_about_files(path)) {
        check_file(&counted, path);
    }
    return 0;
}

static bool check_folder(const char *path)
{
    enum { OPEN_FOLDERS_MAX = 8 };
    counted = (tally){0};
    if (nftw(path, check_one, OPEN_FOLDERS_MAX, FTW_PHYS) != 0) {
        return false;
    }
    print_message("%s: %zu files with the reference's samples, %zu with the stated size, %zu "
                  "known to differ, %zu refused as stated\n",
                  path, counted.exact, counted.shapes, counted.differ, counted.refused);
    assert_true(counted.exact + counted.refused > 5);
    assert_int_equal(counted.unknown, 0);
    return true;
}

static void every_file_of_the_table_has_its_verdict(void **state)
{
    const char *data = getenv("MEDVEIL_DATA");
    char path[PATH_LEN_MAX];
    bool any = check_folder(PYDICOM_FOLDER "test_files");
    (void)state;
    any = check_folder(PYDICOM_FOLDER "charset_files") && check_folder(PYDICOM_FOLDER "palettes") &&
          any;
    if (data == NULL || data[0] == '\0') {
        print_message("NOTE: MEDVEIL_DATA is not set; only python3-pydicom's files were read\n");
    } else {
        (void)snprintf(path, sizeof path, "%s/dicom", data);
        any = check_folder(path) || any;
    }
    if (!any) {
        print_message("NOTE: no DICOM files here: python3-pydicom is not installed either\n");
        skip();
    }
}

/* ---- files made here ---- */

static void put(mv_buffer *b, uint16_t group, uint16_t element, const char *vr, const void *value,
                size_t len)
{
    assert_int_equal(mv_buffer_put_u16le(b, group), MV_OK);
    assert_int_equal(mv_buffer_put_u16le(b, element), MV_OK);
    assert_int_equal(mv_buffer_append(b, (const uint8_t *)vr, 2), MV_OK);
    if (strcmp(vr, "OW") == 0 || strcmp(vr, "OB") == 0) {
        assert_int_equal(mv_buffer_put_u16le(b, 0), MV_OK);
        assert_int_equal(mv_buffer_put_u32le(b, (uint32_t)len), MV_OK);
    } else {
        assert_int_equal(mv_buffer_put_u16le(b, (uint16_t)len), MV_OK);
    }
    assert_int_equal(mv_buffer_append(b, value, len), MV_OK);
}

static void put_text(mv_buffer *b, uint16_t group, uint16_t element, const char *vr,
                     const char *text)
{
    assert_true(strlen(text) % 2 == 0);
    put(b, group, element, vr, text, strlen(text));
}

static void put_short(mv_buffer *b, uint16_t element, uint16_t value)
{
    const uint8_t bytes[2] = {(uint8_t)value, (uint8_t)(value >> 8)};
    put(b, 0x0028, element, "US", bytes, sizeof bytes);
}

typedef struct made {
    uint16_t samples, planar, rows, columns, allocated, stored, is_signed;
    const char *photometric, *frames, *slope, *intercept;
    const void *pixels;
    size_t len;
} made;

static mv_buffer file_of(const made *m)
{
    mv_buffer b = mv_buffer_make(1 << 20);
    const uint8_t length[4] = {28, 0, 0, 0};
    assert_int_equal(mv_buffer_append_zeros(&b, 128), MV_OK);
    assert_int_equal(mv_buffer_append(&b, (const uint8_t *)"DICM", 4), MV_OK);
    put(&b, 0x0002, 0x0000, "UL", length, sizeof length);
    put(&b, 0x0002, 0x0010, "UI", "1.2.840.10008.1.2.1\0", 20);
    put_text(&b, 0x0008, 0x0060, "CS", "OT");
    put_text(&b, 0x0010, 0x0010, "PN", "Private^Person");
    put_short(&b, 0x0002, m->samples);
    put_text(&b, 0x0028, 0x0004, "CS", m->photometric);
    if (m->samples == 3) {
        put_short(&b, 0x0006, m->planar);
    }
    put_text(&b, 0x0028, 0x0008, "IS", m->frames);
    put_short(&b, 0x0010, m->rows);
    put_short(&b, 0x0011, m->columns);
    put_text(&b, 0x0028, 0x0030, "DS", "0.5\\0.25");
    put_short(&b, 0x0100, m->allocated);
    put_short(&b, 0x0101, m->stored);
    put_short(&b, 0x0102, (uint16_t)(m->stored - 1));
    put_short(&b, 0x0103, m->is_signed);
    put_text(&b, 0x0028, 0x1052, "DS", m->intercept);
    put_text(&b, 0x0028, 0x1053, "DS", m->slope);
    put(&b, 0x7fe0, 0x0010, "OW", m->pixels, m->len);
    return b;
}

/* 12 bits stored, signed: 1, -1 (with its high bits clear), 2047, -2048, 5, -7 (two frames of 3) */
static const uint8_t signed_words[12] = {0x01, 0x00, 0xff, 0x0f, 0xff, 0x07,
                                         0x00, 0x08, 0x05, 0x00, 0xf9, 0xff};
static const made small = {.samples = 1,
                           .rows = 1,
                           .columns = 3,
                           .allocated = 16,
                           .stored = 12,
                           .is_signed = 1,
                           .photometric = "MONOCHROME2 ",
                           .frames = "2 ",
                           .slope = "2.50",
                           .intercept = "-10 ",
                           .pixels = signed_words,
                           .len = sizeof signed_words};

static void signed_samples_scaling_and_spacing_are_read(void **state)
{
    static const int16_t wanted[6] = {1, -1, 2047, -2048, 5, -7};
    mv_buffer file = file_of(&small);
    mv_image image;
    mv_error err = {0};
    (void)state;
    if (mv_image_decode(&image, file.bytes, file.len, "made", &err) != MV_OK) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(image.type, MV_SAMPLE_I16);
    assert_int_equal(image.bits, 12);
    assert_int_equal(image.depth, 2);
    assert_memory_equal(image.sample, wanted, sizeof wanted);
    assert_true(image.slope == 2.5 && image.intercept == -10);
    assert_true(image.spacing_mm[0] == 0.25 && image.spacing_mm[1] == 0.5);
    mv_image_clear(&image);
    mv_buffer_clear(&file);
}

static void planar_colour_comes_out_by_pixel(void **state)
{
    static const uint8_t planes[6] = {1, 2, 11, 12, 21, 22}, wanted[6] = {1, 11, 21, 2, 12, 22};
    made m = small;
    mv_image image;
    (void)state;
    m.samples = 3;
    m.planar = 1;
    m.columns = 2;
    m.allocated = m.stored = 8;
    m.is_signed = 0;
    m.photometric = "RGB ";
    m.frames = "1 ";
    m.pixels = planes;
    m.len = sizeof planes;
    mv_buffer file = file_of(&m);
    assert_int_equal(mv_image_decode(&image, file.bytes, file.len, "made", NULL), MV_OK);
    assert_int_equal(image.channels, 3);
    assert_memory_equal(image.sample, wanted, sizeof wanted);
    mv_image_clear(&image);
    mv_buffer_clear(&file);
}

static void check_refusal(const made *m, mv_status wanted)
{
    mv_buffer file = file_of(m);
    mv_image image;
    mv_error err = {0};
    assert_int_equal(mv_image_decode(&image, file.bytes, file.len, "made", &err), wanted);
    check_sentence(&err, &image);
    mv_buffer_clear(&file);
}

static void absurd_headers_are_refused_before_memory_is_spent(void **state)
{
    made m = small;
    (void)state;
    m.frames = "2147483647"; /* 6 thousand million samples */
    check_refusal(&m, MV_E_LIMIT);
    m = small;
    m.frames = "-1";
    check_refusal(&m, MV_E_FORMAT);
    m = small;
    m.rows = 0;
    check_refusal(&m, MV_E_FORMAT);
    m = small;
    m.samples = 2;
    check_refusal(&m, MV_E_FORMAT);
    m = small;
    m.stored = 17;
    check_refusal(&m, MV_E_UNSUPPORTED);
    m = small;
    m.allocated = 64;
    check_refusal(&m, MV_E_UNSUPPORTED);
    m = small;
    m.photometric = "HSV ";
    check_refusal(&m, MV_E_UNSUPPORTED);
    m = small;
    m.frames = "30000 "; /* more pixels stated than there are bytes */
    check_refusal(&m, MV_E_TRUNCATED);
}

static void a_file_cut_anywhere_is_refused_with_a_sentence(void **state)
{
    mv_buffer file = file_of(&small);
    (void)state;
    for (size_t len = 0; len < file.len; len += len < 128 ? 16 : 1) {
        uint8_t *exact = malloc(len == 0 ? 1 : len); /* a read past the end is seen */
        mv_image image;
        mv_error err = {0};
        assert_non_null(exact);
        memcpy(exact, file.bytes, len);
        if (mv_image_decode(&image, exact, len, "cut", &err) == MV_OK) {
            fail_msg("%zu of %zu bytes are read as an image", len, file.len);
        }
        check_sentence(&err, &image);
        free(exact);
    }
    mv_buffer_clear(&file);
}

static void only_what_opens_like_dicom_is_taken_for_it(void **state)
{
    static const uint8_t bare[] =
        "\x08\x00\x05\x00\x43\x53\x02\x00  \x08\x00\x08\x00\x43\x53\x02\x00OT"
        "\x08\x00\x16\x00UI\x02\x00\x31\x2e";
    static const uint8_t not_rising[] =
        "\x08\x00\x05\x00\x43\x53\x02\x00  \x08\x00\x05\x00\x43\x53\x02\x00OT"
        "\x08\x00\x16\x00UI\x02\x00\x31\x2e";
    (void)state;
    assert_true(mv_image_is_dicom(bare, sizeof bare - 1));
    assert_false(mv_image_is_dicom(bare, sizeof bare - 2));
    assert_false(mv_image_is_dicom(not_rising, sizeof not_rising - 1));
    assert_false(mv_image_is_dicom((const uint8_t *)"plain text, not an image at all", 31));
    assert_false(mv_image_is_dicom(NULL, 0));
}

/* ---- the sandbox ---- */

static uint32_t opens_a_file(const mv_sandbox_job *job)
{
    (void)job;
    return open("/etc/hostname", O_RDONLY) < 0;
}

static uint32_t opens_a_socket(const mv_sandbox_job *job)
{
    (void)job;
    return socket(AF_INET, SOCK_STREAM, 0) < 0;
}

static uint32_t writes_to_stderr(const mv_sandbox_job *job)
{
    (void)job;
    return write(2, "leak\n", 5) < 0;
}

static uint32_t forks(const mv_sandbox_job *job)
{
    (void)job;
    return fork() < 0;
}

static uint32_t gives_up(const mv_sandbox_job *job)
{
    (void)job;
    __builtin_trap();
}

static uint32_t never_ends(const mv_sandbox_job *job)
{
    volatile size_t i = 0;
    while (job->len != 0) {
        i++;
    }
    return 0;
}

static uint32_t sends_too_much(const mv_sandbox_job *job)
{
    *job->bulk_len += 1;
    return 0;
}

enum { FLOOD_LEN = 1 << 20 }; /* more than a pipe holds */

static uint32_t floods(const mv_sandbox_job *job)
{
    *job->bulk_len = FLOOD_LEN;
    return 0;
}

static uint32_t computes(const mv_sandbox_job *job)
{
    *(uint32_t *)job->answer = job->bytes[0] + (uint32_t)job->len;
    job->bulk[0] = 9;
    *job->bulk_len = 1;
    return 0;
}

static uint32_t wants_a_gibibyte(const mv_sandbox_job *job)
{
    void *volatile room = malloc((size_t)1 << 30); /* volatile: else clang does without */
    (void)job;
    if (room == NULL) {
        return 1;
    }
    free(room);
    return 0;
}

static mv_sandbox_end sandboxed(uint32_t *result, uint32_t *answer, uint8_t bulk[2],
                                size_t *bulk_len, uint32_t (*work)(const mv_sandbox_job *))
{
    static const uint8_t bytes[2] = {7, 0};
    const mv_sandbox_job job = {.work = work,
                                .bytes = bytes,
                                .len = sizeof bytes,
                                .answer = answer,
                                .answer_len = sizeof *answer,
                                .bulk = bulk,
                                .bulk_len = bulk_len,
                                .seconds = 1,
                                .memory = (size_t)256 << 20};
    *bulk_len = 2;
    return mv_sandbox_run(result, &job);
}

static void the_child_may_compute_and_answer_and_nothing_else(void **state)
{
    uint32_t (*const forbidden[])(const mv_sandbox_job *) = {
        opens_a_file, opens_a_socket, writes_to_stderr, forks, gives_up, sends_too_much};
    uint32_t result = 1, answer = 0;
    uint8_t bulk[2] = {1, 2};
    size_t bulk_len = 0;
    (void)state;
    assert_int_equal(sandboxed(&result, &answer, bulk, &bulk_len, computes), MV_SANDBOX_ANSWERED);
    assert_int_equal(result, 0);
    assert_int_equal(answer, 9);
    assert_int_equal(bulk_len, 1);
    assert_int_equal(bulk[0], 9);
    assert_int_equal(bulk[1], 2);
    for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0]; i++) {
        assert_int_equal(sandboxed(&result, &answer, bulk, &bulk_len, forbidden[i]),
                         MV_SANDBOX_DIED);
    }
}

/* It waits for somebody to read, who waits for its end, unless it is stopped. */
static void a_child_that_floods_its_pipe_is_stopped(void **state)
{
    static uint8_t bulk[FLOOD_LEN];
    uint32_t result = 0, answer = 0;
    size_t bulk_len = 0;
    (void)state;
    assert_int_equal(sandboxed(&result, &answer, bulk, &bulk_len, floods), MV_SANDBOX_DIED);
    assert_int_equal(bulk_len, 2);
}

static void the_child_has_bounded_time_and_memory(void **state)
{
    uint32_t result = 0, answer = 0;
    uint8_t bulk[2];
    size_t bulk_len = 0;
    (void)state;
    assert_int_equal(sandboxed(&result, &answer, bulk, &bulk_len, never_ends), MV_SANDBOX_TOO_SLOW);
#ifndef HAS_SHADOW_MEMORY
    assert_int_equal(sandboxed(&result, &answer, bulk, &bulk_len, wants_a_gibibyte),
                     MV_SANDBOX_ANSWERED);
    assert_int_equal(result, 1);
#else
    (void)wants_a_gibibyte; /* see limit_memory in sandbox.c */
#endif
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_file_of_the_table_has_its_verdict),
        cmocka_unit_test(signed_samples_scaling_and_spacing_are_read),
        cmocka_unit_test(planar_colour_comes_out_by_pixel),
        cmocka_unit_test(absurd_headers_are_refused_before_memory_is_spent),
        cmocka_unit_test(a_file_cut_anywhere_is_refused_with_a_sentence),
        cmocka_unit_test(only_what_opens_like_dicom_is_taken_for_it),
        cmocka_unit_test(the_child_may_compute_and_answer_and_nothing_else),
        cmocka_unit_test(a_child_that_floods_its_pipe_is_stopped),
        cmocka_unit_test(the_child_has_bounded_time_and_memory),
    };
    if (argc != 2) {
        (void)fprintf(stderr, "usage: test_dicom dicom_verdicts.tsv\n");
        return 2;
    }
    table_path = argv[1];
    return cmocka_run_group_tests(tests, read_table, NULL);
}
