/* SPDX-License-Identifier: Apache-2.0
 *
 * eval_jxl.c: JPEG XL through libjxl, modular and lossless at its usual effort, one thread.
 */
#include "eval_jxl.h"

#include <jxl/encode.h>
#include <stdlib.h>

enum { PIECE = 65536 };

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

static bool describe(JxlEncoder *e, const mv_jpegls_frame *f)
{
    JxlBasicInfo info;
    JxlColorEncoding colour;
    JxlEncoderInitBasicInfo(&info);
    info.xsize = f->width;
    info.ysize = f->height;
    info.bits_per_sample = f->bits;
    info.num_color_channels = f->channels;
    info.uses_original_profile = JXL_TRUE;
    JxlColorEncodingSetToSRGB(&colour, f->channels == 1);
    return JxlEncoderSetBasicInfo(e, &info) == JXL_ENC_SUCCESS &&
           JxlEncoderSetColorEncoding(e, &colour) == JXL_ENC_SUCCESS;
}

static bool give(JxlEncoder *e, const mv_jpegls_frame *f, const uint16_t *samples)
{
    const JxlPixelFormat format = {f->channels, JXL_TYPE_UINT16, JXL_NATIVE_ENDIAN, 0};
    const size_t len = (size_t)f->width * f->height * f->channels * sizeof *samples;
    JxlEncoderFrameSettings *s = JxlEncoderFrameSettingsCreate(e, NULL);
    const bool ok = s != NULL && JxlEncoderSetFrameLossless(s, JXL_TRUE) == JXL_ENC_SUCCESS &&
                    JxlEncoderAddImageFrame(s, &format, samples, len) == JXL_ENC_SUCCESS;
    JxlEncoderCloseInput(e);
    return ok;
}

static bool count(double *sum, JxlEncoder *e)
{
    static uint8_t piece[PIECE];
    JxlEncoderStatus st = JXL_ENC_NEED_MORE_OUTPUT;
    while (st == JXL_ENC_NEED_MORE_OUTPUT) {
        uint8_t *next = piece;
        size_t room = sizeof piece;
        st = JxlEncoderProcessOutput(e, &next, &room);
        *sum += (double)(sizeof piece - room);
    }
    return st == JXL_ENC_SUCCESS;
}

mv_status eval_jxl_len(double *sum, const mv_jpegls_frame *f, const void *samples)
{
    mv_status st = MV_OK;
    JxlEncoder *e = JxlEncoderCreate(NULL);
    uint16_t *full = spread(f, samples);

    MV_ENSURE(e != NULL && full != NULL, MV_E_MEMORY);
    MV_ENSURE(describe(e, f) && give(e, f, full) && count(sum, e), MV_E_INTERNAL);
done:
    free(full);
    if (e != NULL) {
        JxlEncoderDestroy(e);
    }
    return st;
}
