/* SPDX-License-Identifier: Apache-2.0
 *
 * cases_codec.c: the network and the whole way of one picture, on one thread.
 */
#include "bench.h"

#include "image/phantom.h"
#include "medveil/codec.h"
#include "medveil/envelope.h"
#include "tensor/tensor.h"

#include <stdlib.h>
#include <string.h>

typedef struct state {
    mv_model *model;
    mv_image image;
    mv_code code;
    mv_identity *identity;
    mv_card card;
    uint8_t *sealed;
    size_t sealed_len;
    mv_codec_opts opts;
} state;

static void finish(void *user)
{
    state *s = user;
    mv_envelope_free_bytes(&s->sealed, s->sealed_len);
    mv_identity_free(&s->identity);
    mv_code_clear(&s->code);
    mv_image_clear(&s->image);
    mv_model_free(&s->model);
    free(s);
}

static mv_status prepare_sized(void **out, uint32_t width, uint32_t height, unsigned threads,
                               mv_error *err)
{
    state *s = calloc(1, sizeof *s);
    mv_phantom_opts phantom = mv_phantom_defaults();
    mv_status st = MV_OK;

    if (s == NULL) {
        return MV_E_MEMORY;
    }
    *out = s;
    s->opts = mv_codec_defaults();
    s->opts.threads = threads;
    phantom.width = width;
    phantom.height = height;
    st = mv_model_find_name(&s->model, "cnn", err);
    st = st == MV_OK ? mv_phantom_make(&s->image, &phantom, err) : st;
    st = st == MV_OK ? mv_identity_generate(&s->identity) : st;
    if (st == MV_OK) {
        mv_identity_card(&s->card, s->identity);
        st = mv_codec_encode(&s->code, s->model, &s->image, &s->opts, err);
    }
    return st;
}

static mv_status prepare_224(void **out, size_t *bytes, mv_error *err)
{
    (void)bytes;
    return prepare_sized(out, 224, 224, 1, err);
}

static mv_status encode(void *user, mv_error *err)
{
    state *s = user;
    mv_code_clear(&s->code);
    return mv_codec_encode(&s->code, s->model, &s->image, &s->opts, err);
}

static mv_status decode(void *user, mv_error *err)
{
    state *s = user;
    mv_image_clear(&s->image);
    return mv_codec_decode(&s->image, s->model, &s->code, &s->opts, err);
}

static mv_status seal(state *s, mv_error *err)
{
    mv_content content = {0};
    mv_seal_opts opts = {.sender = s->identity, .recipient = &s->card, .recipient_count = 1};

    mv_envelope_free_bytes(&s->sealed, s->sealed_len);
    content.code = s->code; /* borrowed */
    (void)strcpy(content.file_name, "phantom.png");
    return mv_envelope_seal(&s->sealed, &s->sealed_len, NULL, &content, &opts, err);
}

static mv_status encrypt_lossy(void *user, mv_error *err)
{
    const mv_status st = encode(user, err);
    return st == MV_OK ? seal(user, err) : st;
}

static mv_status prepare_sealed(void **out, size_t *bytes, mv_error *err)
{
    mv_status st = prepare_sized(out, 224, 224, 1, err);
    if (st == MV_OK) {
        state *s = *out;
        st = seal(s, err);
        *bytes = s->sealed_len;
    }
    return st;
}

static mv_status decrypt_reconstruct(void *user, mv_error *err)
{
    state *s = user;
    mv_content content = {0};
    mv_sender sender;
    mv_status st = mv_envelope_open(&content, &sender, NULL, s->sealed, s->sealed_len, s->identity,
                                    MV_OPEN_FEATURES, err);
    mv_image_clear(&s->image);
    if (st == MV_OK) {
        st = mv_codec_decode(&s->image, s->model, &content.code, &s->opts, err);
    }
    mv_content_clear(&content);
    return st;
}

static mv_status prepare_large(void **out, size_t *bytes, mv_error *err)
{
    (void)bytes;
    return prepare_sized(out, 3000, 2500, 0, err);
}

const bench_case bench_cases_codec[] = {
    {"codec cnn encode", "224x224", NULL, prepare_224, encode, finish},
    {"codec cnn decode", "224x224", NULL, prepare_224, decode, finish},
    {"encrypt --lossy", "224x224", NULL, prepare_sealed, encrypt_lossy, finish},
    {"decrypt --reconstruct", "224x224", NULL, prepare_sealed, decrypt_reconstruct, finish},
    {"codec cnn encode, 2 cores", "3000x2500", NULL, prepare_large, encode, finish},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
