/* SPDX-License-Identifier: Apache-2.0
 *
 * image_files.h: images made up, written and read again in a folder of their own; for the tests of
 * src/image.
 */
#ifndef MV_TESTS_IMAGE_FILES_H
#define MV_TESTS_IMAGE_FILES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/rng.h"
#include "image/image_format.h"
#include "image/phantom.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/medveil-test-image-XXXXXX";

static inline int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static inline int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder); /* fails when a test left a file behind */
}

/* A name in the folder; good until the next call. */
static inline const char *in_folder(const char *name)
{
    static char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static inline mv_image make(uint32_t width, uint32_t height, uint32_t depth, uint32_t channels,
                            mv_sample_type type)
{
    mv_image image;
    assert_int_equal(mv_image_alloc(&image, width, height, depth, channels, type), MV_OK);
    return image;
}

/* Samples over the whole range of the type, reproducible. */
static inline void fill_random(mv_image *image, uint64_t seed)
{
    mv_rand r = mv_rand_make(seed);
    const size_t count = mv_image_sample_count(image);
    for (size_t i = 0; i < count; i++) {
        const bool is_float = image->bits == 0;
        const double scale = is_float ? 1e6 : ldexp(1, (int)image->bits);
        const bool has_sign = is_float || image->type == MV_SAMPLE_I8 ||
                              image->type == MV_SAMPLE_I16 || image->type == MV_SAMPLE_I32;
        mv_image_set(image, i, (mv_rand_unit(&r) - (has_sign ? 0.5 : 0)) * scale);
    }
}

static inline void assert_same_samples(const mv_image *a, const mv_image *b)
{
    assert_int_equal(a->width, b->width);
    assert_int_equal(a->height, b->height);
    assert_int_equal(a->depth, b->depth);
    assert_int_equal(a->channels, b->channels);
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->bits, b->bits);
    assert_memory_equal(a->sample, b->sample, mv_image_sample_count(a) * mv_sample_size(a->type));
}

/* The bytes of the file that mv_image_save writes under this name. */
static inline mv_buffer saved(const mv_image *image, const char *name)
{
    mv_buffer bytes = mv_buffer_make(1 << 26);
    mv_error err = {0};
    const char *path = in_folder(name);
    if (mv_image_save(image, path, true, &err) != MV_OK) {
        fail_msg("%s: %s", name, err.text);
    }
    assert_int_equal(mv_file_read(&bytes, path, NULL), MV_OK);
    assert_int_equal(unlink(path), 0);
    return bytes;
}

static inline mv_image decoded(const uint8_t *bytes, size_t len)
{
    mv_image image;
    mv_error err = {0};
    if (mv_image_decode(&image, bytes, len, "it", &err) != MV_OK) {
        fail_msg("%s", err.text);
    }
    return image;
}

static inline void assert_zeroed(const mv_image *image)
{
    const mv_image zero = {0};
    assert_memory_equal(image, &zero, sizeof zero);
}

/* Decoding must fail with this status, a sentence, and an untouched (zeroed) image. */
static inline void assert_refused(const uint8_t *bytes, size_t len, mv_status want,
                                  const char *word)
{
    mv_image image;
    mv_error err = {0};
    const mv_status st = mv_image_decode(&image, bytes, len, "scan", &err);
    if (st != want || strstr(err.text, word) == NULL) {
        fail_msg("wanted %s with \"%s\", got %s: %s", mv_status_name(want), word,
                 mv_status_name(st), err.text);
    }
    assert_zeroed(&image);
    assert_non_null(strstr(err.text, "scan"));
    assert_null(strchr(err.text, '\n'));
}

/* Written under this name and read again, it is the same. */
static inline void assert_round_trip(const mv_image *image, const char *name)
{
    mv_buffer bytes = saved(image, name);
    mv_image back = decoded(bytes.bytes, bytes.len);
    assert_same_samples(image, &back);
    mv_image_clear(&back);
    mv_buffer_clear(&bytes);
}

#endif
