/* SPDX-License-Identifier: Apache-2.0
 *
 * cases_veil.c: one slice of 512 x 512 samples of 16 bits through the learned pixel coder, beside
 * JPEG-LS of the same samples. One thread.
 */
#include "bench.h"

#include "codec/jpegls.h"
#include "codec/veil_pixels.h"
#include "image/phantom.h"

#include <stdlib.h>
#include <string.h>

enum { SIDE = 512, COUNT = SIDE * SIDE };

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

const bench_case bench_cases_veil[] = {
    {"veil pixels encode", "512x512 16 bit", "small net", prepare, encode, finish},
    {"veil pixels decode", "512x512 16 bit", "small net", prepare, decode, finish},
    {"veil pixels jpeg-ls encode", "512x512 16 bit", "JPEG-LS", prepare_jpegls, jpegls, finish},
    {NULL, NULL, NULL, NULL, NULL, NULL}};
