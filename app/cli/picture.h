/* SPDX-License-Identifier: Apache-2.0
 *
 * picture.h: small raster drawings as 8-bit RGB images: rectangles, text, images, histograms, and
 * the one picture that demo shows. Everything is cut off at the canvas's edges.
 */
#ifndef MV_CLI_PICTURE_H
#define MV_CLI_PICTURE_H

#include "medveil/image.h"

typedef struct picture_color {
    uint8_t r, g, b;
} picture_color;

typedef struct picture_box {
    int x, y, width, height; /* pixels, from the top left corner */
} picture_box;

/* picture_new: a canvas of one colour. owner: clear with mv_image_clear. */
MV_MUST_CHECK mv_status picture_new(mv_image *canvas, uint32_t width, uint32_t height,
                                    picture_color color);
void picture_fill(mv_image *canvas, picture_box box, picture_color color);
void picture_frame(mv_image *canvas, picture_box box, picture_color color); /* one pixel wide */

/* Text in a fixed font of 6 x 9 cells (7 rows above the baseline, 2 below), printable ASCII, each
 * font pixel scale x scale pixels; (x, y) is the top left corner. Other characters show as '?'. */
enum { PICTURE_CELL_WIDTH = 6, PICTURE_CELL_HEIGHT = 9 };
int picture_text_width(const char *text, int scale);
void picture_text(mv_image *canvas, int x, int y, int scale, picture_color color, const char *text);

/* picture_image: slice z of image as large as fits into box, centred, aspect kept, lo black and hi
 * white. errors: MV_E_MEMORY */
MV_MUST_CHECK mv_status picture_image(mv_image *canvas, picture_box box, const mv_image *image,
                                      uint32_t z, double lo, double hi);

/* picture_histogram: 256 filled bars over an axis labelled with lo, what and hi. The few bars of a
 * black background, much higher than all others, are cut at the top and marked. */
void picture_histogram(mv_image *canvas, picture_box box, const uint64_t bin[256],
                       picture_color color, double lo, double hi, const char *what);

/* picture_demo: write a PNG of three columns, original | ciphertext as image | decrypted, each with
 * its histogram under it. The first line of a caption stands above its column, the others below; a
 * line has room for 37 characters. An existing file is replaced. */
MV_MUST_CHECK mv_status picture_demo(const char *path, const mv_image *original,
                                     const uint8_t *ciphertext, size_t ciphertext_len,
                                     const mv_image *decrypted, const char *caption[3],
                                     mv_error *err);

#endif
