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

static opj_image_t *j2k_image(const mv_jpegls_frame *f, const void *samples)
{
    opj_image_cmptparm_t plane[3] = {{0}};
    for (uint32_t c = 0; c < f->channels; c++) {
        plane[c] = (opj_image_cmptparm_t){
            .dx = 1, .dy = 1, .w = f->width, .h = f->height, .prec = f->bits};
    }
    opj_image_t *out =
        opj_image_create(f->channels, plane, f->channels == 3 ? OPJ_CLRSPC_SRGB : OPJ_CLRSPC_GRAY);
    if (out != NULL) {
        const uint8_t *small = samples;
        const uint16_t *wide = samples;
        out->x1 = f->width;
        out->y1 = f->height;
        for (size_t i = 0; i < (size_t)f->width * f->height * f->channels; i++) {
            out->comps[i % f->channels].data[i / f->channels] = f->bits <= 8 ? small[i] : wide[i];
        }
    }
    return out;
}

/* Six resolutions as usual, fewer where a side is short. */
static int resolutions(const mv_jpegls_frame *f)
{
    const uint32_t side = f->width < f->height ? f->width : f->height;
    int count = 1;
    while (count < 6 && side >> count != 0) {
        count++;
    }
    return count;
}

mv_status j2k_encode(mv_buffer *out, const mv_jpegls_frame *f, const void *samples, float db)
{
    mv_status st = MV_OK;
    opj_cparameters_t p;
    memory m = {out, 0};
    opj_codec_t *codec = opj_create_compress(OPJ_CODEC_J2K);
    opj_stream_t *stream = opj_stream_create(1 << 16, OPJ_FALSE);
    opj_image_t *picture = j2k_image(f, samples);

    opj_set_default_encoder_parameters(&p);
    p.tcp_numlayers = 1;
    p.numresolution = resolutions(f);
    p.tcp_mct = f->channels == 3;
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
