/* SPDX-License-Identifier: Apache-2.0
 *
 * eval_jxl.c: JPEG XL through libjxl at its usual effort, one thread: modular and lossless, or
 * lossy in its own colour space with its own filters, as its programs do when nothing else is
 * asked.
 */
#include "eval_jxl.h"

#include <jxl/decode.h>
#include <jxl/encode.h>
#include <stdlib.h>

enum { PIECE = 16384 };

bool eval_jxl_is_here(void)
{
    return true;
}

/* libjxl takes 16 bits for the whole of 0..1, however many of them are meant. */
static uint16_t *spread(const mv_jpegls_frame *f, const void *samples)
{
    const uint8_t *small = samples;
    const uint16_t *wide = samples;
    const size_t count = (size_t)f->width * f->height * f->channels;
    const uint32_t max = (1u << f->bits) - 1;
    uint16_t *out = malloc(count * sizeof *out);
    for (size_t i = 0; out != NULL && i < count; i++) {
        const uint64_t v = f->bits <= 8 ? small[i] : wide[i];
        out[i] = (uint16_t)((v * 65535 + max / 2) / max);
    }
    return out;
}

static bool describe(JxlEncoder *e, const mv_jpegls_frame *f, float distance)
{
    JxlBasicInfo info;
    JxlColorEncoding colour;
    JxlEncoderInitBasicInfo(&info);
    info.xsize = f->width;
    info.ysize = f->height;
    info.bits_per_sample = f->bits;
    info.num_color_channels = f->channels;
    info.uses_original_profile = distance == 0;
    JxlColorEncodingSetToSRGB(&colour, f->channels == 1);
    return JxlEncoderSetBasicInfo(e, &info) == JXL_ENC_SUCCESS &&
           JxlEncoderSetColorEncoding(e, &colour) == JXL_ENC_SUCCESS;
}

static bool give(JxlEncoder *e, const mv_jpegls_frame *f, const uint16_t *samples, float distance)
{
    const JxlPixelFormat format = {f->channels, JXL_TYPE_UINT16, JXL_NATIVE_ENDIAN, 0};
    const size_t len = (size_t)f->width * f->height * f->channels * sizeof *samples;
    JxlEncoderFrameSettings *s = JxlEncoderFrameSettingsCreate(e, NULL);
    const bool ok = s != NULL &&
                    (distance == 0 ? JxlEncoderSetFrameLossless(s, JXL_TRUE)
                                   : JxlEncoderSetFrameDistance(s, distance)) == JXL_ENC_SUCCESS &&
                    JxlEncoderAddImageFrame(s, &format, samples, len) == JXL_ENC_SUCCESS;
    JxlEncoderCloseInput(e);
    return ok;
}

static mv_status take(mv_buffer *out, JxlEncoder *e)
{
    mv_status st = MV_OK;
    uint8_t piece[PIECE];
    JxlEncoderStatus more = JXL_ENC_NEED_MORE_OUTPUT;
    while (more == JXL_ENC_NEED_MORE_OUTPUT) {
        uint8_t *next = piece;
        size_t room = sizeof piece;
        more = JxlEncoderProcessOutput(e, &next, &room);
        MV_TRY(mv_buffer_append(out, piece, sizeof piece - room));
    }
    MV_ENSURE(more == JXL_ENC_SUCCESS, MV_E_INTERNAL);
done:
    return st;
}

mv_status eval_jxl_encode(mv_buffer *out, const mv_jpegls_frame *f, const void *samples,
                          float distance)
{
    mv_status st = MV_OK;
    JxlEncoder *e = JxlEncoderCreate(NULL);
    uint16_t *full = spread(f, samples);

    out->len = 0;
    MV_ENSURE(e != NULL && full != NULL, MV_E_MEMORY);
    MV_ENSURE(describe(e, f, distance) && give(e, f, full, distance), MV_E_INTERNAL);
    MV_TRY(take(out, e));
done:
    free(full);
    if (e != NULL) {
        JxlEncoderDestroy(e);
    }
    return st;
}

mv_status eval_jxl_decode(mv_image *back, const mv_buffer *bytes)
{
    mv_status st = MV_OK;
    const JxlPixelFormat format = {1, JXL_TYPE_UINT8, JXL_NATIVE_ENDIAN, 0};
    JxlDecoder *d = JxlDecoderCreate(NULL);

    MV_ENSURE(d != NULL, MV_E_MEMORY);
    MV_ENSURE(JxlDecoderSubscribeEvents(d, JXL_DEC_FULL_IMAGE) == JXL_DEC_SUCCESS &&
                  JxlDecoderSetInput(d, bytes->bytes, bytes->len) == JXL_DEC_SUCCESS &&
                  JxlDecoderProcessInput(d) == JXL_DEC_NEED_IMAGE_OUT_BUFFER &&
                  JxlDecoderSetImageOutBuffer(d, &format, back->sample,
                                              mv_image_sample_count(back)) == JXL_DEC_SUCCESS &&
                  JxlDecoderProcessInput(d) == JXL_DEC_FULL_IMAGE,
              MV_E_INTERNAL);
done:
    if (d != NULL) {
        JxlDecoderDestroy(d);
    }
    return st;
}
