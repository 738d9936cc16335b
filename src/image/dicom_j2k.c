/* SPDX-License-Identifier: Apache-2.0
 *
 * dicom_j2k.c: OpenJPEG reading from memory. A frame that it would complete with guesses (cut
 * short) is refused: strict mode. Runs inside the sandbox of sandbox.c.
 */
#include "image/dicom_j2k.h"

#include <openjpeg.h>
#include <string.h>

#define PRECISION_MAX 32u

typedef struct memory {
    const uint8_t *bytes;
    size_t len, at;
} memory;

static OPJ_SIZE_T memory_read(void *buffer, OPJ_SIZE_T wanted, void *user)
{
    memory *m = user;
    const size_t left = m->len - m->at;
    const size_t n = wanted < left ? wanted : left;
    if (n == 0) {
        return (OPJ_SIZE_T)-1;
    }
    memcpy(buffer, m->bytes + m->at, n);
    m->at += n;
    return n;
}

static OPJ_OFF_T memory_skip(OPJ_OFF_T n, void *user)
{
    memory *m = user;
    if (n < 0 || (uint64_t)n > m->len - m->at) {
        return -1;
    }
    m->at += (size_t)n;
    return n;
}

static OPJ_BOOL memory_seek(OPJ_OFF_T to, void *user)
{
    memory *m = user;
    if (to < 0 || (uint64_t)to > m->len) {
        return OPJ_FALSE;
    }
    m->at = (size_t)to;
    return OPJ_TRUE;
}

static opj_stream_t *stream_of(memory *m)
{
    opj_stream_t *stream = opj_stream_default_create(OPJ_TRUE);
    if (stream != NULL) {
        opj_stream_set_user_data(stream, m, NULL);
        opj_stream_set_user_data_length(stream, m->len);
        opj_stream_set_read_function(stream, memory_read);
        opj_stream_set_skip_function(stream, memory_skip);
        opj_stream_set_seek_function(stream, memory_seek);
    }
    return stream;
}

static opj_codec_t *codec_for(const memory *m)
{
    const bool is_stream = m->len >= 2 && m->bytes[0] == 0xff && m->bytes[1] == 0x4f;
    opj_codec_t *codec = opj_create_decompress(is_stream ? OPJ_CODEC_J2K : OPJ_CODEC_JP2);
    opj_dparameters_t parameters;
    opj_set_default_decoder_parameters(&parameters);
    if (codec != NULL &&
        (!opj_setup_decoder(codec, &parameters) || !opj_decoder_set_strict_mode(codec, OPJ_TRUE))) {
        opj_destroy_codec(codec);
        codec = NULL;
    }
    return codec;
}

/* Whether the stream holds exactly this picture; asked before memory is spent on its pixels. */
static bool fits(const opj_image_t *image, uint32_t width, uint32_t height, uint32_t channels)
{
    if (image->x1 - image->x0 != width || image->y1 - image->y0 != height ||
        image->numcomps != channels) {
        return false;
    }
    for (uint32_t c = 0; c < channels; c++) {
        const opj_image_comp_t *comp = &image->comps[c];
        if (comp->dx != 1 || comp->dy != 1 || comp->w != width || comp->h != height ||
            comp->prec == 0 || comp->prec > PRECISION_MAX || comp->prec != image->comps[0].prec) {
            return false;
        }
    }
    return true;
}

static bool copy_out(uint32_t *out, const opj_image_t *image, uint32_t channels, size_t pixels)
{
    const uint32_t mask = 0xffffffffu >> (PRECISION_MAX - image->comps[0].prec);
    for (uint32_t c = 0; c < channels; c++) {
        if (image->comps[c].data == NULL) {
            return false;
        }
        for (size_t i = 0; i < pixels; i++) {
            out[i * channels + c] = (uint32_t)image->comps[c].data[i] & mask;
        }
    }
    return true;
}

mv_dicom_verdict mv_dicom_j2k(uint32_t *out, uint32_t *bits, uint32_t width, uint32_t height,
                              uint32_t channels, const uint8_t *bytes, size_t len)
{
    mv_dicom_verdict verdict = MV_DICOM_DECODER;
    memory m = {bytes, len, 0};
    opj_image_t *image = NULL;
    opj_stream_t *stream = stream_of(&m);
    opj_codec_t *codec = codec_for(&m);

    if (stream == NULL || codec == NULL) {
        verdict = MV_DICOM_MEMORY;
    } else if (opj_read_header(stream, codec, &image) && fits(image, width, height, channels) &&
               opj_decode(codec, stream, image) && fits(image, width, height, channels) &&
               copy_out(out, image, channels, (size_t)width * height)) {
        *bits = image->comps[0].prec;
        verdict = MV_DICOM_OK;
    }
    opj_image_destroy(image);
    opj_destroy_codec(codec);
    opj_stream_destroy(stream);
    return verdict;
}
