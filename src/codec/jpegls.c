/* SPDX-License-Identifier: Apache-2.0
 *
 * jpegls.c: CharLS behind two calls.
 */
#include "codec/jpegls.h"

#include <charls/charls.h>
#include <stdbool.h>

static size_t sample_size(const mv_jpegls_frame *f)
{
    return f->bits <= 8 ? 1 : 2;
}

size_t mv_jpegls_samples_len(const mv_jpegls_frame *f)
{
    return (size_t)f->width * f->height * f->channels * sample_size(f);
}

/* A code word has at most 32 bits, but runs of them average far below: CharLS asks for the samples
 * and a kibibyte. Noise of a few bits can need twice that. */
size_t mv_jpegls_room(const mv_jpegls_frame *f)
{
    return 2 * mv_jpegls_samples_len(f) + 1024;
}

static charls_frame_info info_of(const mv_jpegls_frame *f)
{
    return (charls_frame_info){.width = f->width,
                               .height = f->height,
                               .bits_per_sample = (int32_t)f->bits,
                               .component_count = (int32_t)f->channels};
}

static bool describe(charls_jpegls_encoder *e, const mv_jpegls_frame *f)
{
    const charls_frame_info info = info_of(f);
    const charls_interleave_mode by_pixel = CHARLS_INTERLEAVE_MODE_SAMPLE;
    return charls_jpegls_encoder_set_frame_info(e, &info) == CHARLS_JPEGLS_ERRC_SUCCESS &&
           charls_jpegls_encoder_set_near_lossless(e, (int32_t)f->near) ==
               CHARLS_JPEGLS_ERRC_SUCCESS &&
           (f->channels == 1 ||
            charls_jpegls_encoder_set_interleave_mode(e, by_pixel) == CHARLS_JPEGLS_ERRC_SUCCESS);
}

mv_status mv_jpegls_encode(uint8_t *out, size_t room, size_t *out_len, const mv_jpegls_frame *f,
                           const void *samples)
{
    charls_jpegls_encoder *e = charls_jpegls_encoder_create();
    if (e == NULL) {
        return MV_E_MEMORY;
    }
    const bool ready = describe(e, f) && charls_jpegls_encoder_set_destination_buffer(
                                             e, out, room) == CHARLS_JPEGLS_ERRC_SUCCESS;
    const charls_jpegls_errc end =
        ready ? charls_jpegls_encoder_encode_from_buffer(e, samples, mv_jpegls_samples_len(f), 0)
              : CHARLS_JPEGLS_ERRC_INVALID_ARGUMENT;
    const bool ok =
        end == CHARLS_JPEGLS_ERRC_SUCCESS &&
        charls_jpegls_encoder_get_bytes_written(e, out_len) == CHARLS_JPEGLS_ERRC_SUCCESS;
    charls_jpegls_encoder_destroy(e);
    return ok                                                       ? MV_OK
           : end == CHARLS_JPEGLS_ERRC_DESTINATION_BUFFER_TOO_SMALL ? MV_E_SPACE
                                                                    : MV_E_INTERNAL;
}

/* Whether the stream's header describes this picture. */
static bool fits(const charls_jpegls_decoder *d, const mv_jpegls_frame *f)
{
    const charls_interleave_mode wanted =
        f->channels == 1 ? CHARLS_INTERLEAVE_MODE_NONE : CHARLS_INTERLEAVE_MODE_SAMPLE;
    charls_frame_info info;
    charls_interleave_mode mode;
    return charls_jpegls_decoder_get_frame_info(d, &info) == CHARLS_JPEGLS_ERRC_SUCCESS &&
           info.width == f->width && info.height == f->height &&
           info.component_count == (int32_t)f->channels &&
           info.bits_per_sample == (int32_t)f->bits &&
           charls_jpegls_decoder_get_interleave_mode(d, &mode) == CHARLS_JPEGLS_ERRC_SUCCESS &&
           mode == wanted;
}

mv_status mv_jpegls_decode(void *samples, const mv_jpegls_frame *f, const uint8_t *stream,
                           size_t len)
{
    charls_jpegls_decoder *d = charls_jpegls_decoder_create();
    if (d == NULL) {
        return MV_E_MEMORY;
    }
    const bool ok =
        charls_jpegls_decoder_set_source_buffer(d, stream, len) == CHARLS_JPEGLS_ERRC_SUCCESS &&
        charls_jpegls_decoder_read_header(d) == CHARLS_JPEGLS_ERRC_SUCCESS && fits(d, f) &&
        charls_jpegls_decoder_decode_to_buffer(d, samples, mv_jpegls_samples_len(f), 0) ==
            CHARLS_JPEGLS_ERRC_SUCCESS;
    charls_jpegls_decoder_destroy(d);
    return ok ? MV_OK : MV_E_FORMAT;
}
