/* SPDX-License-Identifier: Apache-2.0
 *
 * img_jpeg.c: JPEG through the TurboJPEG API: 8 bits, gray or RGB, baseline and progressive.
 *
 * A file that libjpeg would repair with a guess (cut short, damaged entropy data) is refused: a
 * guessed patch of gray is worse than no image. CMYK is refused; orientation tags are not read.
 */
#include "base/secret.h"
#include "image/image_format.h"

#include <string.h>
#include <turbojpeg.h>

#define JPEG_QUALITY     95
#define PIXELS_PER_BYTE  1024u /* Huffman needs at least one bit for each block of 64 pixels */
#define DECOMPRESS_FLAGS (TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS | TJFLAG_ACCURATEDCT)

static bool jpeg_recognises(const mv_image_source *source)
{
    static const uint8_t magic[3] = {0xff, 0xd8, 0xff};
    return source->len >= sizeof magic && memcmp(source->bytes, magic, sizeof magic) == 0;
}

static bool has_end_marker(const mv_image_source *source)
{
    for (size_t i = source->len; i >= 2; i--) {
        if (source->bytes[i - 2] == 0xff && source->bytes[i - 1] == 0xd9) {
            return true;
        }
    }
    return false;
}

static mv_status jpeg_failed(tjhandle tj, const mv_image_source *source, mv_error *err)
{
    const char *why = tjGetErrorStr2(tj);
    if (strstr(why, "Premature end") != NULL || !has_end_marker(source)) {
        return mv_fail(err, MV_E_TRUNCATED, "%s is a JPEG file that ends too early", source->name);
    }
    if (strstr(why, "precision") != NULL) {
        return mv_fail(err, MV_E_UNSUPPORTED, "%s is a JPEG file of more than 8 bits",
                       source->name);
    }
    return mv_fail(err, MV_E_FORMAT, "%s is a damaged JPEG file: %s", source->name, why);
}

static mv_status check_colors(int colorspace, const mv_image_source *source, mv_error *err)
{
    if (colorspace == TJCS_CMYK || colorspace == TJCS_YCCK) {
        const mv_status st = mv_fail(err, MV_E_UNSUPPORTED, "%s is a CMYK JPEG file", source->name);
        mv_hint(err, "convert it to gray or RGB first");
        return st;
    }
    return MV_OK;
}

static mv_status jpeg_header(mv_image *out, const mv_image_source *source, mv_error *err)
{
    mv_status st = MV_OK;
    int width = 0, height = 0, subsampling = 0, colorspace = 0;
    tjhandle tj = tjInitDecompress();

    MV_REQUIRE(tj != NULL, err, MV_E_MEMORY, "%s cannot be read: out of memory", source->name);
    if (tjDecompressHeader3(tj, source->bytes, source->len, &width, &height, &subsampling,
                            &colorspace) != 0) {
        st = jpeg_failed(tj, source, err);
        goto done;
    }
    if (width < 1 || height < 1) { /* TurboJPEG accepts a file of tables alone */
        st = !has_end_marker(source)
                 ? jpeg_failed(tj, source, err)
                 : mv_fail(err, MV_E_FORMAT, "%s is a JPEG file without an image", source->name);
        goto done;
    }
    MV_TRY(check_colors(colorspace, source, err));
    MV_REQUIRE((uint64_t)width * (uint64_t)height / PIXELS_PER_BYTE <= source->len, err,
               MV_E_TRUNCATED, "%s has too few bytes for its %d x %d pixels", source->name, width,
               height);
    out->width = (uint32_t)width;
    out->height = (uint32_t)height;
    out->depth = 1;
    out->channels = colorspace == TJCS_GRAY ? 1 : 3;
    out->type = MV_SAMPLE_U8;
    out->bits = 8;
    out->slope = 1;
done:
    if (tj != NULL) {
        (void)tjDestroy(tj);
    }
    return st;
}

static mv_status jpeg_pixels(mv_image *image, const mv_image_source *source, mv_error *err)
{
    mv_status st = MV_OK;
    tjhandle tj = tjInitDecompress();

    MV_REQUIRE(tj != NULL, err, MV_E_MEMORY, "%s cannot be read: out of memory", source->name);
    if (tjDecompress2(tj, source->bytes, source->len, image->sample, (int)image->width, 0,
                      (int)image->height, image->channels == 1 ? TJPF_GRAY : TJPF_RGB,
                      DECOMPRESS_FLAGS) != 0) {
        st = jpeg_failed(tj, source, err);
    }
done:
    if (tj != NULL) {
        (void)tjDestroy(tj);
    }
    return st;
}

static mv_status jpeg_encode(mv_buffer *out, const mv_image *image, mv_error *err)
{
    mv_status st = MV_OK;
    const bool gray = image->channels == 1;
    unsigned char *bytes = NULL; /* allocated by TurboJPEG */
    unsigned long len = 0;
    tjhandle tj = NULL;

    if (image->type != MV_SAMPLE_U8 || image->depth != 1) {
        st = mv_fail(err, MV_E_UNSUPPORTED, "JPEG cannot hold %u slice%s of %s samples",
                     image->depth, image->depth == 1 ? "" : "s", mv_sample_name(image->type));
        mv_hint(err, "write .png (8 or 16 bit), .nii, .nii.gz or .npy instead");
        goto done;
    }
    tj = tjInitCompress();
    MV_REQUIRE(tj != NULL, err, MV_E_MEMORY, "cannot make a JPEG file: out of memory");
    MV_REQUIRE(tjCompress2(tj, image->sample, (int)image->width, 0, (int)image->height,
                           gray ? TJPF_GRAY : TJPF_RGB, &bytes, &len,
                           gray ? TJSAMP_GRAY : TJSAMP_444, JPEG_QUALITY, TJFLAG_ACCURATEDCT) == 0,
               err, MV_E_UNSUPPORTED, "cannot make a JPEG file: %s", tjGetErrorStr2(tj));
    MV_TRY(mv_buffer_append(out, bytes, len));
done:
    if (bytes != NULL) {
        mv_wipe(bytes, len);
        tjFree(bytes);
    }
    if (tj != NULL) {
        (void)tjDestroy(tj);
    }
    return st;
}

static const char *const jpeg_extensions[] = {".jpg", ".jpeg", NULL};

const mv_image_format mv_image_jpeg = {
    .name = "JPEG",
    .extensions = jpeg_extensions,
    .may_see_hostile_bytes = true,
    .trust_reason = "libjpeg-turbo is fuzzed continuously; scans are limited; fuzz_image_jpeg",
    .recognises = jpeg_recognises,
    .header = jpeg_header,
    .pixels = jpeg_pixels,
    .encode = jpeg_encode,
};
