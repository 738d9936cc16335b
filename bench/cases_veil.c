/* SPDX-License-Identifier: Apache-2.0
 *
 * cases_veil.c: a picture of 224 x 224 samples of 8 bits in compact mode; one slice of 512 x 512
 * samples of 16 bits through the learned pixel coder, beside JPEG-LS of the same samples; and
 * pictures of 8 bits as digits that add up, under their own plan, without encryption. One thread.
 *
 * The roofline of compact mode is its networks alone: as many as the picture has coefficients, all
 * multiply-adds of each, with inputs that lie ready in the nearest cache.
 */
#include "bench.h"

#include "base/cpu.h"
#include "base/rng.h"
#include "codec/jpegls.h"
#include "codec/veil_pixels.h"
#include "codec/veil_sum.h"
#include "image/phantom.h"
#include "medveil/fidelity.h"
#include "medveil/veil.h"

#include <stdlib.h>
#include <string.h>

enum { SIDE = 512, COUNT = SIDE * SIDE, SMALL_SIDE = 224 };

static const mv_pixel_shape shape = {SIDE, SIDE, 0, 65535, 0};
static const mv_jpegls_frame picture = {SIDE, SIDE, 1, 16, 0};

typedef struct state {
    mv_small_net net;
    uint16_t sample[COUNT];
    int32_t pixel[COUNT];
    mv_buffer stream;
} state;

static void finish(void *user)
{
    state *s = user;
    mv_buffer_clear(&s->stream);
    free(s);
}

static mv_status fill(state *s)
{
    mv_status st = MV_OK;
    mv_image image = {0};
    mv_phantom_opts opts = mv_phantom_defaults();
    opts.width = opts.height = SIDE;
    opts.type = MV_SAMPLE_U16;
    MV_TRY(mv_phantom_make(&image, &opts, NULL));
    memcpy(s->sample, image.sample, sizeof s->sample);
done:
    mv_image_clear(&image);
    return st;
}

static mv_status encode(void *user, mv_error *err)
{
    mv_status st = MV_OK;
    state *s = user;
    mv_rans_writer w = {0};
    (void)err;
    for (size_t i = 0; i < COUNT; i++) {
        s->pixel[i] = s->sample[i];
    }
    s->stream.len = 0;
    MV_TRY(mv_rans_writer_init(&w, &s->stream));
    MV_TRY(mv_pixels_encode(&w, &s->net, &shape, s->pixel));
    MV_TRY(mv_rans_finish(&w));
done:
    mv_rans_writer_clear(&w);
    return st;
}

static mv_status decode(void *user, mv_error *err)
{
    mv_status st = MV_OK;
    state *s = user;
    mv_reader in = mv_reader_make(s->stream.bytes, s->stream.len);
    mv_rans_reader r = mv_rans_reader_make(&in);
    (void)err;
    MV_TRY(mv_pixels_decode(&r, &s->net, &shape, s->pixel));
    MV_TRY(mv_rans_close(&r));
done:
    return st;
}

static mv_status prepare(void **out, size_t *bytes, mv_error *err)
{
    mv_status st = MV_OK;
    state *s = calloc(1, sizeof *s);
    *out = s;
    MV_ENSURE(s != NULL, MV_E_MEMORY);
    s->stream = mv_buffer_make(1 << 24);
    MV_TRY(mv_pixels_net(&s->net));
    MV_TRY(fill(s));
    MV_TRY(encode(s, err));
    *bytes = s->stream.len;
done:
    return st;
}

static mv_status jpegls(void *user, mv_error *err)
{
    state *s = user;
    size_t len = 0;
    const size_t room = mv_jpegls_room(&picture);
    mv_status st = MV_OK;
    (void)err;
    s->stream.len = 0;
    MV_TRY(mv_buffer_reserve(&s->stream, room));
    MV_TRY(mv_jpegls_encode(s->stream.bytes, room, &len, &picture, s->sample));
    s->stream.len = len;
done:
    return st;
}

static mv_status prepare_jpegls(void **out, size_t *bytes, mv_error *err)
{
    mv_status st = MV_OK;
    MV_TRY(prepare(out, bytes, err));
    MV_TRY(jpegls(*out, err));
    *bytes = ((state *)*out)->stream.len;
done:
    return st;
}

/* ---- sums by classes ---- */

typedef struct sums {
    mv_image image;
    mv_sum_plan plan;
    mv_sum_layout layout;
    int32_t *level;
    uint32_t *word;
} sums;

static void finish_sums(void *user)
{
    sums *s = user;
    mv_sum_layout_clear(&s->layout);
    mv_sum_plan_clear(&s->plan);
    mv_image_clear(&s->image);
    free(s->level);
    free(s->word);
    free(s);
}

static mv_status choose_plan(sums *s)
{
    mv_status st = MV_OK;
    float *cost = calloc(mv_sum_costs_count(&s->plan), sizeof *cost);
    MV_ENSURE(cost != NULL, MV_E_MEMORY);
    MV_TRY(mv_sum_levels(s->level, &s->plan, &s->image));
    mv_sum_weigh(cost, &s->plan, s->level);
    mv_sum_choose(&s->plan, cost);
done:
    free(cost);
    return st;
}

static mv_status put_sum(void *user, mv_error *err)
{
    sums *s = user;
    const mv_status st = mv_sum_levels(s->level, &s->plan, &s->image);
    (void)err;
    (void)mv_sum_put(s->word, &s->layout, s->level);
    return st;
}

static mv_status get_sum(void *user, mv_error *err)
{
    sums *s = user;
    mv_image back = {0};
    (void)err;
    mv_sum_get(s->level, mv_sum_levels_count(&s->plan), &s->layout, s->word, 1);
    const mv_status st = mv_sum_picture(&back, &s->plan, s->level, 1);
    mv_image_clear(&back);
    return st;
}

/* A picture's own plan, and the picture by it. */
static mv_status plan_and_put(void *user, mv_error *err)
{
    const mv_status st = choose_plan(user);
    return st == MV_OK ? put_sum(user, err) : st;
}

static mv_status prepare_sums_of(void **out, size_t *bytes, uint32_t side, mv_error *err)
{
    mv_status st = MV_OK;
    sums *s = calloc(1, sizeof *s);
    mv_phantom_opts opts = mv_phantom_defaults();
    *out = s;
    MV_ENSURE(s != NULL, MV_E_MEMORY);
    opts.width = opts.height = side;
    MV_TRY(mv_phantom_make(&s->image, &opts, err));
    MV_TRY(mv_sum_plan_for(&s->plan, &s->image, false, err));
    s->plan.word = 14;
    s->level = malloc(mv_sum_levels_count(&s->plan) * sizeof *s->level);
    MV_ENSURE(s->level != NULL, MV_E_MEMORY);
    MV_TRY(choose_plan(s));
    MV_TRY(mv_sum_layout_make(&s->layout, &s->plan));
    s->word = malloc(s->layout.words * sizeof *s->word);
    MV_ENSURE(s->word != NULL, MV_E_MEMORY);
    MV_TRY(put_sum(s, err));
    *bytes = s->layout.words * s->plan.word / 8;
done:
    return st;
}

static mv_status prepare_sums(void **out, size_t *bytes, mv_error *err)
{
    return prepare_sums_of(out, bytes, SIDE, err);
}

static mv_status prepare_small_sums(void **out, size_t *bytes, mv_error *err)
{
    return prepare_sums_of(out, bytes, SMALL_SIDE, err);
}

/* ---- compact mode, quality 50 ---- */

typedef struct compact_state {
    mv_veil *veil;
    mv_image image, back;
    uint8_t *bytes;
    size_t len;
} compact_state;

static void compact_finish(void *user)
{
    compact_state *s = user;
    mv_veil_free_bytes(&s->bytes, s->len);
    mv_image_clear(&s->image);
    mv_image_clear(&s->back);
    mv_veil_free(&s->veil);
    free(s);
}

static mv_status compact_encode(void *user, mv_error *err)
{
    compact_state *s = user;
    mv_veil_opts opts = mv_veil_defaults();
    opts.threads = 1;
    mv_veil_free_bytes(&s->bytes, s->len);
    return mv_veil_encode(&s->bytes, &s->len, NULL, s->veil, &s->image, &opts, err);
}

static mv_status compact_decode(void *user, mv_error *err)
{
    compact_state *s = user;
    const mv_progress none = {0};
    mv_image_clear(&s->back);
    return mv_veil_decode(&s->back, s->veil, s->bytes, s->len, NULL, 1, none, err);
}

static mv_status compact_prepare(void **out, size_t *bytes, mv_error *err)
{
    mv_status st = MV_OK;
    compact_state *s = calloc(1, sizeof *s);
    mv_phantom_opts opts = mv_phantom_defaults();
    *out = s;
    MV_ENSURE(s != NULL, MV_E_MEMORY);
    opts.width = opts.height = SMALL_SIDE;
    MV_TRY(mv_veil_find(&s->veil, NULL, err));
    MV_TRY(mv_phantom_make(&s->image, &opts, err));
    MV_TRY(compact_encode(s, err));
    *bytes = s->len;
done:
    return st;
}

static mv_status compact_judge(void *user, mv_error *err)
{
    compact_state *s = user;
    mv_fidelity record = {0};
    (void)err;
    return mv_fidelity_judge(&record, s->veil, &s->image);
}

/* ---- the networks alone ---- */

enum { ROW = SMALL_SIDE / 8 }; /* coefficients of one band that lie side by side */

typedef struct networks {
    mv_small_net net;
    mv_small_pair x[MV_SMALL_IN / 2][ROW];
    mv_small_part all, none;
    int32_t sum[ROW][MV_SMALL_H1], y[ROW][MV_SMALL_OUT];
} networks;

static mv_status networks_run(void *user, mv_error *err)
{
    networks *s = user;
    const mv_small_kernels k = mv_small_choose(mv_cpu_features());
    (void)err;
    for (size_t i = 0; i < SMALL_SIDE * SMALL_SIDE; i += ROW) {
        k.begin(s->sum, s->net.b1, &s->all, 0, ROW);
        k.end(s->y, &s->net, (const int32_t(*)[MV_SMALL_H1])s->sum, &s->none, 0, ROW);
    }
    return MV_OK;
}

static mv_status networks_prepare(void **out, size_t *bytes, mv_error *err)
{
    mv_status st = MV_OK;
    mv_rand r = mv_rand_make(1);
    networks *s = aligned_alloc(_Alignof(networks), sizeof *s);
    const double products =
        MV_SMALL_IN * MV_SMALL_H1 + MV_SMALL_H1 * MV_SMALL_H2 + MV_SMALL_H2 * MV_SMALL_OUT;
    (void)bytes;
    (void)err;
    *out = s;
    MV_ENSURE(s != NULL, MV_E_MEMORY);
    memset(s, 0, sizeof *s);
    MV_TRY(mv_pixels_net(&s->net));
    for (uint32_t p = 0; p < MV_SMALL_IN / 2; p++) {
        for (size_t i = 0; i < 2 * (size_t)ROW; i++) {
            s->x[p][i / 2].x[i % 2] = (int16_t)(mv_rand_u64(&r) % MV_SMALL_X_MAX);
        }
        mv_small_part_add(&s->all, s->x[p], 2 * p, 2 * p + 1);
    }
    mv_small_part_weights(&s->all, &s->net);
    bench_does(1, 2e-9 * products * SMALL_SIDE * SMALL_SIDE);
done:
    return st;
}

const bench_case bench_cases_veil[] = {
    {"veil compact encode", "224x224 8 bit", "small net", compact_prepare, compact_encode,
     compact_finish},
    {"veil compact decode", "224x224 8 bit", "small net", compact_prepare, compact_decode,
     compact_finish},
    {"veil networks alone", "224x224 coefficients", "small net", networks_prepare, networks_run,
     free},
    {"veil compact verdict", "224x224 8 bit", "portable", compact_prepare, compact_judge,
     compact_finish},
    {"veil pixels encode", "512x512 16 bit", "small net", prepare, encode, finish},
    {"veil pixels decode", "512x512 16 bit", "small net", prepare, decode, finish},
    {"veil pixels jpeg-ls encode", "512x512 16 bit", "JPEG-LS", prepare_jpegls, jpegls, finish},
    {"veil sum planned", "224x224 8 bit", "portable", prepare_small_sums, plan_and_put,
     finish_sums},
    {"veil sum to picture", "224x224 8 bit", "portable", prepare_small_sums, get_sum, finish_sums},
    {"veil sum to words", "512x512 8 bit", "portable", prepare_sums, put_sum, finish_sums},
    {"veil sum to picture", "512x512 8 bit", "portable", prepare_sums, get_sum, finish_sums},
    {NULL, NULL, NULL, NULL, NULL, NULL}};
