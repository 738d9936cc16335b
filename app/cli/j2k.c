/* SPDX-License-Identifier: Apache-2.0
 *
 * j2k.c: OpenJPEG into memory.
 */
#include "j2k.h"

#include "image/dicom_j2k.h"

#include <openjpeg.h>
#include <string.h>

typedef struct memory {
    mv_buffer *bytes;
    size_t at;
} memory;

static OPJ_SIZE_T memory_write(void *from, OPJ_SIZE_T count, void *user)
{
    memory *m = user;
    const size_t end = m->at + count;
    if (end > m->bytes->len && mv_buffer_append_zeros(m->bytes, end - m->bytes->len) != MV_OK) {
        return (OPJ_SIZE_T)-1;
    }
    memcpy(m->bytes->bytes + m->at, from, count);
    m->at = end;
    return count;
}

static OPJ_BOOL memory_seek(OPJ_OFF_T to, void *user)
{
    memory *m = user;
    const bool inside = to >= 0 && (size_t)to <= m->bytes->len;
    m->at = inside ? (size_t)to : m->at;
    return inside;
}

static OPJ_OFF_T memory_skip(OPJ_OFF_T by, void *user)
{
    const memory *m = user;
    return memory_seek((OPJ_OFF_T)m->at + by, user) ? by : -1;
}

static opj_image_t *j2k_image(const mv_image *image)
{
    opj_image_cmptparm_t plane = {
        .dx = 1, .dy = 1, .w = image->width, .h = image->height, .prec = 8};
    opj_image_t *out = opj_image_create(1, &plane, OPJ_CLRSPC_GRAY);
    const uint8_t *from = image->sample;
    if (out != NULL) {
        out->x1 = image->width;
        out->y1 = image->height;
        for (size_t k = 0; k < mv_image_sample_count(image); k++) {
            out->comps[0].data[k] = from[k];
        }
    }
    return out;
}

mv_status j2k_encode(mv_buffer *out, const mv_image *image, float db)
{
    mv_status st = MV_OK;
    opj_cparameters_t p;
    memory m = {out, 0};
    opj_codec_t *codec = opj_create_compress(OPJ_CODEC_J2K);
    opj_stream_t *stream = opj_stream_create(1 << 16, OPJ_FALSE);
    opj_image_t *picture = j2k_image(image);

    opj_set_default_encoder_parameters(&p);
    p.tcp_numlayers = 1;
    p.irreversible = db > 0;
    p.cp_fixed_quality = db > 0;
    p.cp_disto_alloc = db <= 0;
    p.tcp_distoratio[0] = db;
    out->len = 0;
    MV_ENSURE(codec != NULL && stream != NULL && picture != NULL, MV_E_MEMORY);
    opj_stream_set_user_data(stream, &m, NULL);
    opj_stream_set_write_function(stream, memory_write);
    opj_stream_set_seek_function(stream, memory_seek);
    opj_stream_set_skip_function(stream, memory_skip);
    MV_ENSURE(opj_setup_encoder(codec, &p, picture) && opj_start_compress(codec, picture, stream) &&
                  opj_encode(codec, stream) && opj_end_compress(codec, stream),
              MV_E_INTERNAL);
done:
    if (stream != NULL) {
        opj_stream_destroy(stream);
    }
    if (codec != NULL) {
        opj_destroy_codec(codec);
    }
    if (picture != NULL) {
        opj_image_destroy(picture);
    }
    return st;
}

mv_status j2k_decode(mv_image *back, const mv_buffer *bytes)
{
    mv_status st = MV_OK;
    const size_t count = mv_image_sample_count(back);
    uint32_t *sample = malloc(count * sizeof *sample), bits = 0;
    uint8_t *to = back->sample;

    MV_ENSURE(sample != NULL, MV_E_MEMORY);
    MV_ENSURE(mv_dicom_j2k(sample, &bits, back->width, back->height, 1, bytes->bytes, bytes->len) ==
                  MV_DICOM_OK,
              MV_E_INTERNAL);
    for (size_t i = 0; i < count; i++) {
        to[i] = (uint8_t)sample[i];
    }
done:
    free(sample);
    return st;
}
