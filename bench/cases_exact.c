/* SPDX-License-Identifier: Apache-2.0
 *
 * cases_exact.c: one CT slice of 512 x 512 samples of 16 bits, as a DICOM file in memory: read (two
 * sandboxed children), coded and rebuilt, and the whole way of encrypt and decrypt without
 * features, which are timed in cases_codec.c and cases_he.c. One thread, but where the row says
 * otherwise.
 */
#include "bench.h"

#include "base/bytes.h"
#include "envelope/exact_coding.h"
#include "image/phantom.h"

#include <stdlib.h>
#include <string.h>

enum { SIDE = 512 };

typedef struct state {
    mv_identity *identity;
    mv_card card;
    mv_buffer file, coded, sealed, back;
    mv_exact_choice choice;
    uint32_t coding;
} state;

static void finish(void *user)
{
    state *s = user;
    mv_identity_free(&s->identity);
    mv_buffer_clear(&s->file);
    mv_buffer_clear(&s->coded);
    mv_buffer_clear(&s->sealed);
    mv_buffer_clear(&s->back);
    free(s);
}

static mv_status append(void *user, const uint8_t *bytes, size_t len, mv_error *err)
{
    (void)err;
    return mv_buffer_append(user, bytes, len);
}

/* An element with a 16-bit length; text has an even number of bytes. */
static mv_status put(mv_buffer *b, uint32_t tag, const char *vr, const void *value, size_t len)
{
    mv_status st = MV_OK;
    MV_TRY(mv_buffer_put_u16le(b, (uint16_t)(tag >> 16)));
    MV_TRY(mv_buffer_put_u16le(b, (uint16_t)tag));
    MV_TRY(mv_buffer_append(b, (const uint8_t *)vr, 2));
    MV_TRY(mv_buffer_put_u16le(b, (uint16_t)len));
    MV_TRY(mv_buffer_append(b, value, len));
done:
    return st;
}

static mv_status put_u16(mv_buffer *b, uint32_t tag, uint16_t value)
{
    const uint8_t bytes[2] = {(uint8_t)value, (uint8_t)(value >> 8)};
    return put(b, tag, "US", bytes, sizeof bytes);
}

static mv_status make_dicom(mv_buffer *b, const mv_image *image)
{
    static const uint8_t pixels[] = {0xe0, 0x7f, 0x10, 0x00, 'O', 'W', 0, 0};
    mv_status st = MV_OK;
    MV_TRY(mv_buffer_append_zeros(b, 128));
    MV_TRY(mv_buffer_append(b, (const uint8_t *)"DICM", 4));
    MV_TRY(put(b, 0x00020010, "UI", "1.2.840.10008.1.2.1\0", 20));
    MV_TRY(put(b, 0x00080060, "CS", "CT", 2));
    MV_TRY(put_u16(b, 0x00280002, 1));
    MV_TRY(put(b, 0x00280004, "CS", "MONOCHROME2 ", 12));
    MV_TRY(put_u16(b, 0x00280010, SIDE));
    MV_TRY(put_u16(b, 0x00280011, SIDE));
    MV_TRY(put_u16(b, 0x00280100, 16));
    MV_TRY(put_u16(b, 0x00280101, 16));
    MV_TRY(put_u16(b, 0x00280102, 15));
    MV_TRY(put_u16(b, 0x00280103, 1));
    MV_TRY(mv_buffer_append(b, pixels, sizeof pixels));
    MV_TRY(mv_buffer_put_u32le(b, SIDE * SIDE * 2));
    MV_TRY(mv_buffer_append(b, image->sample, (size_t)SIDE * SIDE * 2));
done:
    return st;
}

static mv_status encode(void *user, mv_error *err)
{
    state *s = user;
    const mv_source source = mv_source_memory(s->file.bytes, s->file.len);
    const mv_sink sink = {append, &s->coded};
    const mv_exact_opts opts = {.choice = s->choice, .threads = 1};
    uint64_t len = 0;
    s->coded.len = 0;
    const mv_status st = mv_exact_encode(&s->coding, &len, &sink, &source, &opts, err);
    return st == MV_OK && s->coding == MV_CODING_NONE ? MV_E_INTERNAL : st;
}

static mv_status decode(void *user, mv_error *err)
{
    state *s = user;
    const mv_sink sink = {append, &s->back};
    mv_exact_decoder *decoder = NULL;
    mv_status st = mv_exact_decoder_new(&decoder, s->coding, s->file.len, &sink);
    s->back.len = 0;
    st = st == MV_OK ? mv_exact_decoder_write(decoder, s->coded.bytes, s->coded.len, err) : st;
    st = st == MV_OK ? mv_exact_decoder_end(decoder, err) : st;
    mv_exact_decoder_free(&decoder);
    return st;
}

static mv_status read_image(void *user, mv_error *err)
{
    state *s = user;
    mv_image image = {0};
    const mv_status st = mv_image_decode(&image, s->file.bytes, s->file.len, "the slice", err);
    mv_image_clear(&image);
    return st;
}

static mv_status encrypt(void *user, mv_error *err)
{
    state *s = user;
    const mv_seal_opts opts = {.sender = s->identity, .recipient = &s->card, .recipient_count = 1};
    const mv_source original = mv_source_memory(s->file.bytes, s->file.len);
    const mv_sink sink = {append, &s->sealed};
    mv_sealer *sealer = NULL;
    mv_status st = read_image(s, err);

    s->sealed.len = 0;
    st = st == MV_OK ? mv_sealer_new(&sealer, &opts, err) : st;
    st = st == MV_OK ? mv_sealer_add(sealer, "slice.dcm", NULL, &original, err) : st;
    st = st == MV_OK ? mv_sealer_finish(sealer, NULL, &sink, err) : st;
    mv_sealer_free(&sealer);
    return st;
}

static mv_status decrypt(void *user, mv_error *err)
{
    state *s = user;
    const mv_source source = mv_source_memory(s->sealed.bytes, s->sealed.len);
    const mv_sink sink = {append, &s->back};
    mv_opener *opener = NULL;
    mv_status st = mv_opener_new(&opener, &source, s->identity, err);

    s->back.len = 0;
    st = st == MV_OK ? mv_opener_exact(opener, 0, &sink, err) : st;
    mv_opener_free(&opener);
    return st == MV_OK && (s->back.len != s->file.len ||
                           memcmp(s->back.bytes, s->file.bytes, s->file.len) != 0)
               ? MV_E_INTERNAL
               : st;
}

static mv_status prepare_with(void **out, size_t *bytes, mv_exact_choice choice, mv_error *err)
{
    mv_phantom_opts opts = mv_phantom_defaults();
    const mv_buffer empty = mv_buffer_make((size_t)1 << 24);
    state *s = calloc(1, sizeof *s);
    mv_image image = {0};
    mv_status st = MV_OK;

    MV_ENSURE(s != NULL, MV_E_MEMORY);
    *out = s;
    s->choice = choice;
    s->file = s->coded = s->sealed = s->back = empty;
    opts.width = opts.height = SIDE;
    opts.type = MV_SAMPLE_I16;
    MV_TRY(mv_phantom_make(&image, &opts, err));
    MV_TRY(make_dicom(&s->file, &image));
    MV_TRY(mv_identity_generate(&s->identity));
    mv_identity_card(&s->card, s->identity);
    MV_TRY(encode(s, err));
    MV_TRY(encrypt(s, err));
    *bytes = s->sealed.len;
done:
    mv_image_clear(&image);
    return st;
}

static mv_status prepare(void **out, size_t *bytes, mv_error *err)
{
    return prepare_with(out, bytes, MV_EXACT_JPEGLS, err);
}

static mv_status prepare_veil(void **out, size_t *bytes, mv_error *err)
{
    const mv_status st = prepare_with(out, bytes, MV_EXACT_PIXELS, err);
    *bytes = st == MV_OK ? ((const state *)*out)->coded.len : 0;
    return st;
}

static mv_status prepare_coded(void **out, size_t *bytes, mv_error *err)
{
    const mv_status st = prepare(out, bytes, err);
    *bytes = st == MV_OK ? ((const state *)*out)->coded.len : 0;
    return st;
}

const bench_case bench_cases_exact[] = {
    {"dicom read", "512 x 512 x 16 bit", "DCMTK", prepare, read_image, finish},
    {"exact encode", "512 x 512 x 16 bit", "JPEG-LS", prepare_coded, encode, finish},
    {"exact decode", "512 x 512 x 16 bit", "JPEG-LS", prepare_coded, decode, finish},
    {"exact veil encode", "512 x 512 x 16 bit", "pixel coder", prepare_veil, encode, finish},
    {"exact veil decode", "512 x 512 x 16 bit", "all processors", prepare_veil, decode, finish},
    {"slice encrypt", "512 x 512 x 16 bit", "no features", prepare, encrypt, finish},
    {"slice decrypt", "512 x 512 x 16 bit", "no features", prepare, decrypt, finish},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
