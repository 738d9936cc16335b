/* SPDX-License-Identifier: Apache-2.0
 *
 * search_page.c: the page of a search. Pictures are BMP inside the page, made in memory: no file
 * with pixels is left anywhere else.
 */
#include "search_page.h"

#include "base/file.h"
#include "picture.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { SIDE = 160, BMP_HEAD = 54, BMP_LEN = BMP_HEAD + SIDE * SIDE * 3 };

static mv_status put(mv_buffer *page, const char *text)
{
    return mv_buffer_append(page, (const uint8_t *)text, strlen(text));
}

static mv_status put_text(mv_buffer *page, const char *text)
{
    mv_status st = MV_OK;
    for (; *text != '\0'; text++) {
        char plain[2] = {*text, '\0'};
        MV_TRY(put(page, *text == '<'   ? "&lt;"
                         : *text == '>' ? "&gt;"
                         : *text == '&' ? "&amp;"
                         : *text == '"' ? "&quot;"
                                        : plain));
    }
done:
    return st;
}

/* An RGB canvas of SIDE x SIDE as a BMP of 24 bits: rows from below, blue first. */
static void make_bmp(uint8_t out[BMP_LEN], const mv_image *canvas)
{
    memset(out, 0, BMP_HEAD);
    out[0] = 'B';
    out[1] = 'M';
    mv_store_u32le(out + 2, BMP_LEN);
    mv_store_u32le(out + 10, BMP_HEAD);
    mv_store_u32le(out + 14, 40);
    mv_store_u32le(out + 18, SIDE);
    mv_store_u32le(out + 22, SIDE);
    mv_store_u16le(out + 26, 1);
    mv_store_u16le(out + 28, 24);
    for (size_t y = 0; y < SIDE; y++) {
        for (size_t x = 0; x < SIDE; x++) {
            for (size_t c = 0; c < 3; c++) {
                out[BMP_HEAD + ((SIDE - 1 - y) * SIDE + x) * 3 + c] =
                    ((const uint8_t *)canvas->sample)[(y * SIDE + x) * 3 + 2 - c];
            }
        }
    }
}

/* The middle slice over its own range. */
static mv_status put_picture(mv_buffer *page, const mv_image *image)
{
    enum { TEXT = sodium_base64_ENCODED_LEN(BMP_LEN, sodium_base64_VARIANT_ORIGINAL) };
    mv_status st = MV_OK;
    mv_image canvas = {0};
    uint8_t *bmp = malloc(BMP_LEN);
    char *text = malloc(TEXT);
    const size_t slice = mv_image_sample_count(image) / image->depth;
    const size_t first = slice * (image->depth / 2);
    double lo = mv_image_get(image, first), hi = lo;
    MV_ENSURE(bmp != NULL && text != NULL, MV_E_MEMORY);
    for (size_t i = first; i < first + slice; i++) {
        const double v = mv_image_get(image, i);
        lo = v < lo ? v : lo;
        hi = v > hi ? v : hi;
    }
    MV_TRY(picture_new(&canvas, SIDE, SIDE, (picture_color){0, 0, 0}));
    MV_TRY(picture_image(&canvas, (picture_box){0, 0, SIDE, SIDE}, image, image->depth / 2, lo,
                         hi > lo ? hi : lo + 1));
    make_bmp(bmp, &canvas);
    (void)sodium_bin2base64(text, TEXT, bmp, BMP_LEN, sodium_base64_VARIANT_ORIGINAL);
    MV_TRY(put(page, "<img alt=\"\" src=\"data:image/bmp;base64,"));
    MV_TRY(put(page, text));
    MV_TRY(put(page, "\">"));
done:
    mv_image_clear(&canvas);
    free(bmp);
    free(text);
    return st;
}

mv_status search_page_begin(mv_buffer *page, bool checked)
{
    mv_status st = MV_OK;
    MV_TRY(put(page,
               "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>medveil search"
               "</title><style>body{font:16px/1.4 system-ui,sans-serif;margin:1rem}main"
               "{display:flex;flex-wrap:wrap;gap:1rem}figure{margin:0;width:160px;"
               "overflow-wrap:anywhere}</style><h1>Images like this one</h1><p>Made on this "
               "computer; it shows patients' images. Not for diagnosis. "));
    MV_TRY(put(page, checked ? "The answer was checked." : "The answer was not checked."));
    MV_TRY(put(page, "</p><main>\n"));
done:
    return st;
}

mv_status search_page_tile(mv_buffer *page, const mv_image *image, const char *name,
                           const char *words)
{
    mv_status st = MV_OK;
    MV_TRY(put(page, "<figure>"));
    if (image != NULL) {
        MV_TRY(put_picture(page, image));
    }
    MV_TRY(put(page, "<figcaption>"));
    MV_TRY(put_text(page, name));
    MV_TRY(put(page, "<br>"));
    MV_TRY(put_text(page, words));
    MV_TRY(put(page, "</figcaption></figure>\n"));
done:
    return st;
}

mv_status search_page_write(mv_buffer *page, const char *path, bool force, mv_error *err)
{
    mv_status st = MV_OK;
    MV_TRY(put(page, "</main></html>\n"));
    MV_TRY(mv_file_write(path, page->bytes, page->len,
                         MV_OUTPUT_PRIVATE | (force ? MV_OUTPUT_FORCE : 0u), err));
done:
    return st;
}
