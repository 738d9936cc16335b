/* SPDX-License-Identifier: Apache-2.0
 *
 * test_compact.c: sentences about compact mode: images of any kind as bytes and back, its targets,
 * its networks' file, their training, and compact sections of an envelope. Networks are random
 * unless said (support/veil_sample.h).
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <sodium.h>

#include "../support/envelope_sample.h"
#include "../support/veil_sample.h"
#include "codec/veil_train.h"
#include "image/phantom.h"

static const mv_progress no_progress;

typedef double (*painter)(mv_rand *r, uint32_t x, uint32_t y, uint32_t c);

static double waves(mv_rand *r, uint32_t x, uint32_t y, uint32_t c)
{
    (void)r;
    return 100 + 60 * sin(x / 9.0 + c) * cos(y / 7.0) + (x + y + c) % 5;
}

static double deep_waves(mv_rand *r, uint32_t x, uint32_t y, uint32_t c)
{
    return 20 * waves(r, x, y, c) - 1500;
}

static double noise_16(mv_rand *r, uint32_t x, uint32_t y, uint32_t c)
{
    (void)x, (void)y, (void)c;
    return mv_rand_below(r, 65536);
}

static double saturated_16(mv_rand *r, uint32_t x, uint32_t y, uint32_t c)
{
    (void)r, (void)c;
    return (x / 3 + y / 5) % 2 * 65535.0;
}

static double one_colour(mv_rand *r, uint32_t x, uint32_t y, uint32_t c)
{
    (void)r, (void)x, (void)y, (void)c;
    return -7;
}

static double wide(mv_rand *r, uint32_t x, uint32_t y, uint32_t c)
{
    return 1e6 * waves(r, x, y, c);
}

static double real(mv_rand *r, uint32_t x, uint32_t y, uint32_t c)
{
    return waves(r, x, y, c) / 300 - 0.2;
}

static mv_image paint(uint32_t width, uint32_t height, uint32_t depth, uint32_t channels,
                      mv_sample_type type, uint32_t bits, painter p)
{
    mv_image image = {0};
    mv_rand r = mv_rand_make(11);
    assert_int_equal(mv_image_alloc(&image, width, height, depth, channels, type), MV_OK);
    image.bits = bits;
    for (size_t i = 0; i < mv_image_sample_count(&image); i++) {
        const uint32_t at = (uint32_t)(i / channels);
        mv_image_set(&image, i, p(&r, at % width, at / width, (uint32_t)(i % channels)));
    }
    return image;
}

/* PSNR as mv_veil_stats says it: of 2^bits - 1, or of a float image's range. */
static double psnr(const mv_image *a, const mv_image *b, double peak)
{
    double sum = 0;
    const size_t count = mv_image_sample_count(a);
    for (size_t i = 0; i < count; i++) {
        const double off = mv_image_get(a, i) - mv_image_get(b, i);
        sum += off * off;
    }
    return sum == 0 ? INFINITY : 10 * log10(peak * peak * (double)count / sum);
}

static void images_of_every_kind_come_back_as_near_as_the_encoder_said(void **state)
{
    const struct {
        uint32_t width, height, depth, channels;
        mv_sample_type type;
        uint32_t bits;
        painter p;
        double peak;
    } kinds[] = {{1, 1, 1, 1, MV_SAMPLE_U8, 8, waves, 255},
                 {65535, 1, 1, 1, MV_SAMPLE_U8, 8, waves, 255},
                 {1, 300, 1, 1, MV_SAMPLE_U16, 12, waves, 4095},
                 {37, 23, 1, 1, MV_SAMPLE_I16, 16, deep_waves, 65535},
                 {620, 530, 1, 1, MV_SAMPLE_U8, 8, waves, 255}, /* four tiles */
                 {60, 40, 1, 3, MV_SAMPLE_U8, 8, waves, 255},
                 {33, 20, 3, 1, MV_SAMPLE_I8, 8, one_colour, 255},
                 {33, 20, 3, 1, MV_SAMPLE_U16, 16, noise_16, 65535},
                 {50, 50, 1, 3, MV_SAMPLE_U16, 16, noise_16, 65535},
                 {40, 30, 1, 1, MV_SAMPLE_U16, 16, saturated_16, 65535},
                 {40, 30, 1, 1, MV_SAMPLE_U32, 32, wide, 4294967295.0},
                 {40, 30, 2, 1, MV_SAMPLE_I32, 32, wide, 4294967295.0},
                 {40, 30, 1, 1, MV_SAMPLE_F32, 0, real, 0},
                 {40, 30, 1, 1, MV_SAMPLE_F64, 0, one_colour, 0}};
    mv_veil *veil = sample_veil(1);
    (void)state;
    assert_non_null(veil);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        mv_image image = paint(kinds[k].width, kinds[k].height, kinds[k].depth, kinds[k].channels,
                               kinds[k].type, kinds[k].bits, kinds[k].p);
        for (uint32_t quality = 1; quality <= 100; quality += 33) {
            const mv_veil_opts opts = {.quality = quality};
            mv_veil_stats stats;
            mv_veil_about about;
            mv_image back = {0};
            uint8_t *bytes = NULL;
            size_t len = 0;
            assert_int_equal(mv_veil_encode(&bytes, &len, &stats, veil, &image, &opts, NULL),
                             MV_OK);
            assert_int_equal(mv_veil_inspect(&about, bytes, len, NULL), MV_OK);
            assert_int_equal(mv_veil_decode(&back, veil, bytes, len, NULL, 0, no_progress, NULL),
                             MV_OK);
            assert_int_equal(stats.bytes, len);
            assert_true(about.width == image.width && about.depth == image.depth);
            assert_true(back.width == image.width && back.height == image.height &&
                        back.depth == image.depth && back.channels == image.channels &&
                        back.type == image.type && back.bits == image.bits);
            const double peak = kinds[k].peak != 0 ? kinds[k].peak : about.high - about.low;
            const double is = psnr(&image, &back, peak);
            /* wide types are counted in 65,535 steps of their range, as they are coded */
            assert_true(isinf(stats.psnr_db) || is == stats.psnr_db ||
                        fabs(is - stats.psnr_db) < 0.01);
            mv_veil_free_bytes(&bytes, len);
            mv_image_clear(&back);
        }
        mv_image_clear(&image);
    }
    mv_veil_free(&veil);
}

static void hash_of(char hex[33], const void *bytes, size_t len)
{
    uint8_t hash[16];
    assert_int_equal(crypto_generichash(hash, sizeof hash, bytes, len, NULL, 0), 0);
    (void)sodium_bin2hex(hex, 33, hash, sizeof hash);
}

/* A picture and networks without a floating-point number in them. */
static void every_machine_and_number_of_threads_makes_the_same_bytes(void **state)
{
    const mv_veil_opts one = {.quality = 40, .threads = 1}, four = {.quality = 40, .threads = 4};
    mv_veil *veil = sample_veil(2);
    mv_image image = {0}, back = {0}, again = {0};
    uint8_t *bytes = NULL, *other = NULL;
    size_t len = 0, other_len = 0;
    char hex[33];
    (void)state;
    assert_int_equal(mv_image_alloc(&image, 601, 515, 1, 3, MV_SAMPLE_U8), MV_OK);
    image.bits = 8;
    for (size_t i = 0; i < mv_image_sample_count(&image); i++) {
        const size_t x = i / 3 % 601, y = i / 3 / 601, c = i % 3;
        ((uint8_t *)image.sample)[i] =
            (uint8_t)((x * x + 3 * x * y + 2 * y * y) / (90 + c) + i * 7919 % 11);
    }
    assert_int_equal(mv_veil_encode(&bytes, &len, NULL, veil, &image, &one, NULL), MV_OK);
    assert_int_equal(mv_veil_encode(&other, &other_len, NULL, veil, &image, &four, NULL), MV_OK);
    assert_int_equal(len, other_len);
    assert_memory_equal(bytes, other, len);
    assert_int_equal(mv_veil_decode(&back, veil, bytes, len, NULL, 1, no_progress, NULL), MV_OK);
    assert_int_equal(mv_veil_decode(&again, veil, bytes, len, NULL, 4, no_progress, NULL), MV_OK);
    assert_memory_equal(back.sample, again.sample, mv_image_sample_count(&back));
    hash_of(hex, bytes, len);
    assert_string_equal(hex, "694395809dd3ed8f26d42195c709647d");
    hash_of(hex, back.sample, mv_image_sample_count(&back));
    assert_string_equal(hex, "793f759ff0089839e22f90b11e1aefee");
    mv_veil_free_bytes(&bytes, len);
    mv_veil_free_bytes(&other, other_len);
    mv_image_clear(&image);
    mv_image_clear(&back);
    mv_image_clear(&again);
    mv_veil_free(&veil);
}

static void the_vector_of_the_format_page_is_what_comes_out(void **state)
{
    static const char want[] =
        "01000108405000b10c090100fa019001004042ffffef8cf613cffd2e29c37617004387e6f3a903eee209f7f4a5"
        "3b835afe85ffc8341ddf77db31cb5c9b5eff242c96c59dd98b2993f99eec04737c8d19dbdd6e4097";
    static const uint8_t row[] = {0, 1, 6, 12, 17, 26, 38, 50, 64, 85, 99, 121};
    const mv_veil_opts opts = mv_veil_defaults();
    mv_veil *veil = NULL;
    mv_image image = {0}, back = {0};
    uint8_t *bytes = NULL;
    size_t len = 0;
    char hex[256];
    (void)state;
    assert_int_equal(mv_veil_find(&veil, NULL, NULL), MV_OK);
    assert_int_equal(mv_image_alloc(&image, 12, 9, 1, 1, MV_SAMPLE_U8), MV_OK);
    image.bits = 8;
    for (int i = 0; i < 108; i++) {
        const int x = i % 12, y = i / 12;
        ((uint8_t *)image.sample)[i] = (uint8_t)(x * x + 3 * y * y + i * 7 % 5);
    }
    assert_int_equal(mv_veil_encode(&bytes, &len, NULL, veil, &image, &opts, NULL), MV_OK);
    assert_int_equal(len, 85);
    assert_string_equal(sodium_bin2hex(hex, sizeof hex, bytes, len), want);
    assert_int_equal(mv_veil_decode(&back, veil, bytes, len, NULL, 1, no_progress, NULL), MV_OK);
    assert_memory_equal(back.sample, row, sizeof row);
    mv_veil_free_bytes(&bytes, len);
    mv_image_clear(&image);
    mv_image_clear(&back);
    mv_veil_free(&veil);
}

static void targets_are_met_and_what_cannot_be_met_is_said(void **state)
{
    mv_veil *veil = sample_veil(3);
    mv_image image = {0};
    mv_veil_stats stats;
    mv_error err = {0};
    uint8_t *bytes = NULL;
    size_t len = 0;
    (void)state;
    image = paint(96, 64, 1, 1, MV_SAMPLE_U8, 8, waves);
    for (double want = 25; want < 46; want += 10) {
        const mv_veil_opts opts = {.target_psnr_db = want};
        assert_int_equal(mv_veil_encode(&bytes, &len, &stats, veil, &image, &opts, NULL), MV_OK);
        assert_true(stats.psnr_db >= want && stats.psnr_db < want + 3);
        mv_veil_free_bytes(&bytes, len);
    }
    for (uint64_t want = 400; want < 4000; want += 1200) {
        const mv_veil_opts opts = {.target_bytes = want};
        assert_int_equal(mv_veil_encode(&bytes, &len, &stats, veil, &image, &opts, NULL), MV_OK);
        assert_true(len <= want && len > want / 2);
        mv_veil_free_bytes(&bytes, len);
    }
    const mv_veil_opts tiny = {.target_bytes = 3}, none = {.quality = 0}, two = {50, 40, 0};
    assert_int_equal(mv_veil_encode(&bytes, &len, NULL, veil, &image, &tiny, &err), MV_E_ARGUMENT);
    assert_non_null(strstr(err.text, "3 bytes"));
    assert_null(bytes);
    assert_int_equal(mv_veil_encode(&bytes, &len, NULL, veil, &image, &none, NULL), MV_E_ARGUMENT);
    assert_int_equal(mv_veil_encode(&bytes, &len, NULL, veil, &image, &two, NULL), MV_E_ARGUMENT);
    mv_image_clear(&image);
    image = paint(40, 30, 1, 3, MV_SAMPLE_U16, 16, noise_16);
    const mv_veil_opts high = {.target_psnr_db = 190};
    err = (mv_error){0};
    assert_int_equal(mv_veil_encode(&bytes, &len, NULL, veil, &image, &high, &err), MV_E_ARGUMENT);
    assert_non_null(strstr(err.text, "at most"));
    mv_image_clear(&image);
    mv_veil_free(&veil);
}

static void damaged_bytes_are_an_error_or_an_image_and_cut_ones_an_error(void **state)
{
    const mv_veil_opts opts = {.quality = 60};
    mv_veil *veil = sample_veil(4), *other = sample_veil(5);
    mv_rand r = mv_rand_make(3);
    mv_image image = paint(60, 33, 2, 3, MV_SAMPLE_U8, 8, waves), back = {0};
    uint8_t *bytes = NULL;
    size_t len = 0;
    (void)state;
    assert_int_equal(mv_veil_encode(&bytes, &len, NULL, veil, &image, &opts, NULL), MV_OK);
    assert_int_equal(mv_veil_decode(&back, other, bytes, len, NULL, 1, no_progress, NULL),
                     MV_E_MISMATCH);
    for (size_t cut = 0; cut < len; cut += 1 + cut / 8) {
        uint8_t *part = malloc(cut + 1); /* so that reading too far is seen */
        assert_non_null(part);
        memcpy(part, bytes, cut);
        assert_int_not_equal(mv_veil_decode(&back, veil, part, cut, NULL, 1, no_progress, NULL),
                             MV_OK);
        free(part);
    }
    for (int round = 0; round < 150; round++) {
        const size_t at = mv_rand_below(&r, (uint32_t)len);
        const uint8_t before = bytes[at];
        if (at >= 8 && at < 11) {
            continue; /* another size takes long and is no more wrong */
        }
        bytes[at] ^= (uint8_t)(1 + mv_rand_below(&r, 255));
        if (mv_veil_decode(&back, veil, bytes, len, NULL, 1, no_progress, NULL) == MV_OK) {
            assert_non_null(back.sample);
            mv_image_clear(&back);
        }
        bytes[at] = before;
    }
    bytes[0] = 2;
    assert_int_equal(mv_veil_decode(&back, veil, bytes, len, NULL, 1, no_progress, NULL),
                     MV_E_UNSUPPORTED);
    mv_veil_free_bytes(&bytes, len);
    mv_image_clear(&image);
    mv_veil_free(&veil);
    mv_veil_free(&other);
}

/* ---- the networks' file ---- */

static void damaged_networks_are_refused(void **state)
{
    mv_buffer good = sample_veil_bytes(6);
    mv_veil *veil = NULL;
    mv_model_info info;
    (void)state;
    assert_int_equal(good.len, MV_VEIL_FILE_LEN);
    assert_int_equal(mv_veil_read(&veil, good.bytes, good.len, NULL), MV_OK);
    mv_veil_describe(&info, veil);
    assert_string_equal(info.name, "veil");
    assert_memory_equal(info.hash, good.bytes + good.len - MV_MODEL_HASH_LEN, MV_MODEL_HASH_LEN);
    mv_veil_free(&veil);
    for (size_t at = 0; at < good.len; at += 4001) {
        good.bytes[at] ^= 16;
        assert_int_equal(mv_veil_read(&veil, good.bytes, good.len, NULL), MV_E_FORMAT);
        assert_null(veil);
        good.bytes[at] ^= 16;
        assert_int_not_equal(mv_veil_read(&veil, good.bytes, at, NULL), MV_OK);
    }
    mv_buffer_clear(&good);
}

static void networks_whose_sums_could_overflow_are_refused(void **state)
{
    mv_buffer bytes = sample_veil_bytes(7);
    const size_t net = 8 + MV_MODEL_NAME_MAX + 64 + 512;
    mv_veil *veil = NULL;
    (void)state;
    memset(bytes.bytes + net, 0x7f, 2 * MV_SMALL_IN); /* all weights of a unit */
    (void)crypto_generichash(bytes.bytes + bytes.len - 32, 32, bytes.bytes, bytes.len - 32, NULL,
                             0);
    assert_int_equal(mv_veil_read(&veil, bytes.bytes, bytes.len, NULL), MV_E_RANGE);
    mv_buffer_clear(&bytes);
}

/* ---- training ---- */

enum { SIDE = 48, IMAGES = 4 };

typedef struct lesson {
    uint8_t pixel[IMAGES][SIDE * SIDE];
    mv_train_data data;
    mv_veil_point first, last;
} lesson;

static void keep_point(void *user, const mv_veil_point *p)
{
    lesson *l = user;
    l->first = l->first.step == 0 ? *p : l->first;
    l->last = *p;
}

static void prepare(lesson *l)
{
    memset(l, 0, sizeof *l);
    for (uint32_t k = 0; k < IMAGES; k++) {
        mv_image image = {0};
        mv_phantom_opts opts = mv_phantom_defaults();
        opts.width = opts.height = SIDE;
        opts.seed = k + 1;
        assert_int_equal(mv_phantom_make(&image, &opts, NULL), MV_OK);
        memcpy(l->pixel[k], image.sample, sizeof l->pixel[k]);
        mv_image_clear(&image);
    }
    l->data = (mv_train_data){.width = SIDE, .height = SIDE, .set_count = 1};
    l->data.set[0] =
        (mv_train_set){"phantoms", {l->pixel[0], IMAGES - 1}, {l->pixel[IMAGES - 1], 1}};
}

static mv_status stop_at_ten(void *user, const char *stage, uint64_t done, uint64_t total)
{
    (void)user, (void)stage, (void)total;
    return done == 10 ? MV_E_INTERRUPTED : MV_OK;
}

static void training_lowers_the_bits_and_depends_on_nothing_but_its_seed(void **state)
{
    static lesson l;
    static mv_small_net net[3][MV_VEIL_BANDS];
    char folder[] = "/tmp/medveil-train.XXXXXX", path[64], csv[80];
    mv_veil_train_opts opts = mv_veil_train_defaults();
    const mv_progress stop = {.step = stop_at_ten};
    mv_error err = {0};
    (void)state;
    prepare(&l);
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/state", folder);
    (void)snprintf(csv, sizeof csv, "%s.csv", path);
    opts.steps = 25;
    opts.batch = 2;
    opts.validate_every = 5;
    opts.on_point = keep_point;
    opts.user = &l;
    assert_int_equal(mv_veil_train(net[0], &l.data, 1, &opts, path, no_progress, &err), MV_OK);
    assert_true(l.last.score < l.first.score);
    opts.threads = 2;
    assert_int_equal(mv_veil_train(net[1], &l.data, 1, &opts, path, no_progress, &err), MV_OK);
    assert_memory_equal(net[0], net[1], sizeof net[0]);
    assert_int_equal(mv_veil_train(net[2], &l.data, 1, &opts, path, stop, &err), MV_E_INTERRUPTED);
    opts.resume = true;
    assert_int_equal(mv_veil_train(net[2], &l.data, 1, &opts, path, no_progress, &err), MV_OK);
    assert_memory_equal(net[0], net[2], sizeof net[0]);
    opts.seed = 2;
    assert_int_equal(mv_veil_train(net[2], &l.data, 1, &opts, path, no_progress, &err),
                     MV_E_MISMATCH);
    assert_int_equal(unlink(path) | unlink(csv) | rmdir(folder), 0);
}

/* ---- in an envelope ---- */

static void compact_images_travel_under_either_encryption(void **state)
{
    mv_identity *id = sample_identity(1);
    mv_card card;
    (void)state;
    assert_non_null(id);
    mv_identity_card(&card, id);
    for (int he = 0; he < 2; he++) {
        const mv_seal_opts opts = {.sender = id, .recipient = &card, .recipient_count = 1};
        mv_content c = sample_content(false, SIZE_MAX);
        static const uint8_t image[] = "any bytes at all";
        mv_buffer out = mv_buffer_make(1 << 20);
        mv_sealer *sealer = NULL;
        mv_opener *opener = NULL;
        mv_envelope_stats stats;
        uint8_t *got = NULL;
        size_t len = 0;
        FILE *file = tmpfile();
        mv_source source;
        assert_non_null(file);
        assert_int_equal(mv_sealer_new(&sealer, &opts, NULL), MV_OK);
        assert_int_equal(mv_sealer_add(sealer, c.file_name, &c.code, NULL, NULL), MV_OK);
        assert_int_equal(mv_sealer_compact(sealer, image, sizeof image, he != 0, NULL), MV_OK);
        const mv_sink sink = mv_sink_file(file);
        assert_int_equal(mv_sealer_finish(sealer, &stats, &sink, NULL), MV_OK);
        assert_true(stats.bytes_compact >= sizeof image && !stats.exact_kept);
        assert_int_equal(fflush(file), 0);
        assert_int_equal(mv_source_file(&source, file, NULL), MV_OK);
        assert_int_equal(mv_opener_new(&opener, &source, id, NULL), MV_OK);
        const mv_member *m = mv_opener_member(opener, 0);
        assert_true(m->compact_he == (he != 0) && m->compact_len == stats.bytes_compact);
        assert_true((m->compact_len == sizeof image) == (he == 0));
        assert_int_equal(mv_opener_compact(opener, 0, &got, &len, NULL, NULL, NULL), MV_OK);
        assert_int_equal(len, sizeof image);
        assert_memory_equal(got, image, len);
        mv_veil_free_bytes(&got, len);
        mv_opener_free(&opener);
        mv_sealer_free(&sealer);
        mv_buffer_clear(&out);
        mv_content_clear(&c);
        (void)fclose(file);
    }
    mv_identity_free(&id);
}

static void a_compact_image_has_one_place_and_takes_the_features(void **state)
{
    mv_identity *id = sample_identity(1);
    mv_card card;
    const uint8_t byte = 1;
    (void)state;
    mv_identity_card(&card, id);
    const mv_seal_opts opts = {.sender = id, .recipient = &card, .recipient_count = 1};
    for (int round = 0; round < 3; round++) {
        mv_sealer *sealer = NULL;
        mv_content c = sample_content(round == 0, SIZE_MAX);
        FILE *file = tmpfile();
        assert_non_null(file);
        assert_int_equal(mv_sealer_new(&sealer, &opts, NULL), MV_OK);
        assert_int_equal(mv_sealer_add(sealer, c.file_name, &c.code, NULL, NULL), MV_OK);
        if (round == 0) { /* beside features */
            assert_int_equal(mv_sealer_compact(sealer, &byte, 1, false, NULL), MV_E_ARGUMENT);
        } else if (round == 1) { /* twice */
            assert_int_equal(mv_sealer_compact(sealer, &byte, 1, false, NULL), MV_OK);
            assert_int_equal(mv_sealer_compact(sealer, &byte, 1, true, NULL), MV_E_ARGUMENT);
        } else { /* a description of nothing */
            const mv_sink sink = mv_sink_file(file);
            assert_int_equal(mv_sealer_finish(sealer, NULL, &sink, NULL), MV_E_ARGUMENT);
        }
        mv_sealer_free(&sealer);
        mv_content_clear(&c);
        (void)fclose(file);
    }
    mv_identity_free(&id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(images_of_every_kind_come_back_as_near_as_the_encoder_said),
        cmocka_unit_test(every_machine_and_number_of_threads_makes_the_same_bytes),
        cmocka_unit_test(the_vector_of_the_format_page_is_what_comes_out),
        cmocka_unit_test(targets_are_met_and_what_cannot_be_met_is_said),
        cmocka_unit_test(damaged_bytes_are_an_error_or_an_image_and_cut_ones_an_error),
        cmocka_unit_test(damaged_networks_are_refused),
        cmocka_unit_test(networks_whose_sums_could_overflow_are_refused),
        cmocka_unit_test(training_lowers_the_bits_and_depends_on_nothing_but_its_seed),
        cmocka_unit_test(compact_images_travel_under_either_encryption),
        cmocka_unit_test(a_compact_image_has_one_place_and_takes_the_features),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
