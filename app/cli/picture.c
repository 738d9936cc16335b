/* SPDX-License-Identifier: Apache-2.0
 *
 * picture.c: raster drawing and the demo's picture.
 */
#include "picture.h"

#include "base/secret.h"
#include "base/status.h"
#include "image/preprocess.h"
#include "medveil/metrics.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- canvas ---- */

mv_status picture_new(mv_image *canvas, uint32_t width, uint32_t height, picture_color color)
{
    const mv_status st = mv_image_alloc(canvas, width, height, 1, 3, MV_SAMPLE_U8);
    if (st == MV_OK) {
        picture_fill(canvas, (picture_box){0, 0, (int)width, (int)height}, color);
    }
    return st;
}

static void put(mv_image *canvas, int x, int y, picture_color color)
{
    if (x >= 0 && y >= 0 && x < (int)canvas->width && y < (int)canvas->height) {
        uint8_t *p = (uint8_t *)canvas->sample + 3 * ((size_t)y * canvas->width + (size_t)x);
        p[0] = color.r;
        p[1] = color.g;
        p[2] = color.b;
    }
}

void picture_fill(mv_image *canvas, picture_box box, picture_color color)
{
    for (int y = box.y; y < box.y + box.height; y++) {
        for (int x = box.x; x < box.x + box.width; x++) {
            put(canvas, x, y, color);
        }
    }
}

void picture_frame(mv_image *canvas, picture_box box, picture_color color)
{
    picture_fill(canvas, (picture_box){box.x, box.y, box.width, 1}, color);
    picture_fill(canvas, (picture_box){box.x, box.y + box.height - 1, box.width, 1}, color);
    picture_fill(canvas, (picture_box){box.x, box.y, 1, box.height}, color);
    picture_fill(canvas, (picture_box){box.x + box.width - 1, box.y, 1, box.height}, color);
}

/* ---- text ---- */

enum { GLYPH_WIDTH = 5, GLYPH_FIRST = 32, GLYPH_LAST = 126 };

/* Rows from top to bottom; the highest of five bits is the leftmost pixel. */
static const uint8_t glyphs[GLYPH_LAST - GLYPH_FIRST + 1][PICTURE_CELL_HEIGHT] = {
    {0, 0, 0, 0, 0, 0, 0, 0, 0},        {4, 4, 4, 4, 4, 0, 4, 0, 0},
    {10, 10, 10, 0, 0, 0, 0, 0, 0},     {10, 10, 31, 10, 31, 10, 10, 0, 0},
    {4, 15, 20, 14, 5, 30, 4, 0, 0},    {25, 25, 2, 4, 8, 19, 19, 0, 0},
    {12, 18, 20, 8, 21, 18, 13, 0, 0},  {4, 4, 4, 0, 0, 0, 0, 0, 0},
    {2, 4, 8, 8, 8, 4, 2, 0, 0},        {8, 4, 2, 2, 2, 4, 8, 0, 0},
    {0, 4, 21, 14, 21, 4, 0, 0, 0},     {0, 4, 4, 31, 4, 4, 0, 0, 0},
    {0, 0, 0, 0, 0, 4, 4, 8, 0},        {0, 0, 0, 31, 0, 0, 0, 0, 0},
    {0, 0, 0, 0, 0, 12, 12, 0, 0},      {1, 1, 2, 4, 8, 16, 16, 0, 0},
    {14, 17, 19, 21, 25, 17, 14, 0, 0}, {4, 12, 4, 4, 4, 4, 14, 0, 0},
    {14, 17, 1, 2, 4, 8, 31, 0, 0},     {14, 17, 1, 6, 1, 17, 14, 0, 0},
    {2, 6, 10, 18, 31, 2, 2, 0, 0},     {31, 16, 30, 1, 1, 17, 14, 0, 0},
    {6, 8, 16, 30, 17, 17, 14, 0, 0},   {31, 1, 2, 2, 4, 4, 4, 0, 0},
    {14, 17, 17, 14, 17, 17, 14, 0, 0}, {14, 17, 17, 15, 1, 2, 12, 0, 0},
    {0, 12, 12, 0, 12, 12, 0, 0, 0},    {0, 12, 12, 0, 12, 12, 4, 8, 0},
    {2, 4, 8, 16, 8, 4, 2, 0, 0},       {0, 0, 31, 0, 31, 0, 0, 0, 0},
    {8, 4, 2, 1, 2, 4, 8, 0, 0},        {14, 17, 1, 2, 4, 0, 4, 0, 0},
    {14, 17, 23, 21, 22, 16, 14, 0, 0}, {14, 17, 17, 31, 17, 17, 17, 0, 0},
    {30, 17, 17, 30, 17, 17, 30, 0, 0}, {14, 17, 16, 16, 16, 17, 14, 0, 0},
    {30, 17, 17, 17, 17, 17, 30, 0, 0}, {31, 16, 16, 30, 16, 16, 31, 0, 0},
    {31, 16, 16, 30, 16, 16, 16, 0, 0}, {14, 17, 16, 23, 17, 17, 14, 0, 0},
    {17, 17, 17, 31, 17, 17, 17, 0, 0}, {14, 4, 4, 4, 4, 4, 14, 0, 0},
    {7, 2, 2, 2, 2, 18, 12, 0, 0},      {17, 18, 20, 24, 20, 18, 17, 0, 0},
    {16, 16, 16, 16, 16, 16, 31, 0, 0}, {17, 27, 21, 21, 17, 17, 17, 0, 0},
    {17, 25, 25, 21, 19, 19, 17, 0, 0}, {14, 17, 17, 17, 17, 17, 14, 0, 0},
    {30, 17, 17, 30, 16, 16, 16, 0, 0}, {14, 17, 17, 17, 21, 18, 13, 0, 0},
    {30, 17, 17, 30, 20, 18, 17, 0, 0}, {15, 16, 16, 14, 1, 1, 30, 0, 0},
    {31, 4, 4, 4, 4, 4, 4, 0, 0},       {17, 17, 17, 17, 17, 17, 14, 0, 0},
    {17, 17, 17, 17, 10, 10, 4, 0, 0},  {17, 17, 17, 21, 21, 27, 17, 0, 0},
    {17, 17, 10, 4, 10, 17, 17, 0, 0},  {17, 17, 10, 4, 4, 4, 4, 0, 0},
    {31, 1, 2, 4, 8, 16, 31, 0, 0},     {14, 8, 8, 8, 8, 8, 14, 0, 0},
    {16, 16, 8, 4, 2, 1, 1, 0, 0},      {14, 2, 2, 2, 2, 2, 14, 0, 0},
    {4, 10, 17, 0, 0, 0, 0, 0, 0},      {0, 0, 0, 0, 0, 0, 0, 31, 0},
    {8, 4, 0, 0, 0, 0, 0, 0, 0},        {0, 0, 14, 1, 15, 17, 15, 0, 0},
    {16, 16, 30, 17, 17, 17, 30, 0, 0}, {0, 0, 14, 17, 16, 17, 14, 0, 0},
    {1, 1, 15, 17, 17, 17, 15, 0, 0},   {0, 0, 14, 17, 31, 16, 14, 0, 0},
    {6, 8, 28, 8, 8, 8, 8, 0, 0},       {0, 0, 15, 17, 17, 17, 15, 1, 14},
    {16, 16, 30, 17, 17, 17, 17, 0, 0}, {4, 0, 12, 4, 4, 4, 14, 0, 0},
    {2, 0, 6, 2, 2, 2, 2, 18, 12},      {16, 16, 18, 20, 24, 20, 18, 0, 0},
    {12, 4, 4, 4, 4, 4, 14, 0, 0},      {0, 0, 26, 21, 21, 21, 21, 0, 0},
    {0, 0, 30, 17, 17, 17, 17, 0, 0},   {0, 0, 14, 17, 17, 17, 14, 0, 0},
    {0, 0, 30, 17, 17, 17, 30, 16, 16}, {0, 0, 15, 17, 17, 17, 15, 1, 1},
    {0, 0, 22, 25, 16, 16, 16, 0, 0},   {0, 0, 15, 16, 14, 1, 30, 0, 0},
    {8, 8, 28, 8, 8, 8, 6, 0, 0},       {0, 0, 17, 17, 17, 19, 13, 0, 0},
    {0, 0, 17, 17, 17, 10, 4, 0, 0},    {0, 0, 17, 21, 21, 21, 10, 0, 0},
    {0, 0, 17, 10, 4, 10, 17, 0, 0},    {0, 0, 17, 17, 17, 17, 15, 1, 14},
    {0, 0, 31, 2, 4, 8, 31, 0, 0},      {2, 4, 4, 8, 4, 4, 2, 0, 0},
    {4, 4, 4, 4, 4, 4, 4, 0, 0},        {8, 4, 4, 2, 4, 4, 8, 0, 0},
    {0, 0, 8, 21, 2, 0, 0, 0, 0},
};

int picture_text_width(const char *text, int scale)
{
    const int len = (int)strlen(text);
    return len == 0 ? 0 : (len * PICTURE_CELL_WIDTH - 1) * scale;
}

static void draw_glyph(mv_image *canvas, int x, int y, int scale, picture_color color, char c)
{
    const bool printable = c >= GLYPH_FIRST && c <= GLYPH_LAST;
    const uint8_t *rows = glyphs[(printable ? c : '?') - GLYPH_FIRST];
    for (int r = 0; r < PICTURE_CELL_HEIGHT; r++) {
        for (int b = 0; b < GLYPH_WIDTH; b++) {
            if (rows[r] >> (GLYPH_WIDTH - 1 - b) & 1) {
                picture_fill(canvas, (picture_box){x + b * scale, y + r * scale, scale, scale},
                             color);
            }
        }
    }
}

void picture_text(mv_image *canvas, int x, int y, int scale, picture_color color, const char *text)
{
    for (; *text != '\0'; text++) {
        draw_glyph(canvas, x, y, scale, color, *text);
        x += PICTURE_CELL_WIDTH * scale;
    }
}

/* ---- images ---- */

/* The largest box of the image's aspect inside box, centred. */
static picture_box fit(picture_box box, uint32_t width, uint32_t height)
{
    const double across = (double)box.width / width, down = (double)box.height / height;
    const double scale = across < down ? across : down;
    picture_box out = {0, 0, (int)lround(width * scale), (int)lround(height * scale)};
    out.width = out.width < 1 ? 1 : out.width;
    out.height = out.height < 1 ? 1 : out.height;
    out.x = box.x + (box.width - out.width) / 2;
    out.y = box.y + (box.height - out.height) / 2;
    return out;
}

static uint8_t level(float v)
{
    return v >= 1 ? 255 : v > 0 ? (uint8_t)(v * 255 + 0.5f) : 0;
}

mv_status picture_image(mv_image *canvas, picture_box box, const mv_image *image, uint32_t z,
                        double lo, double hi)
{
    mv_status st = MV_OK;
    const picture_box to = fit(box, image->width, image->height);
    const size_t in_count = (size_t)image->width * image->height;
    const size_t out_count = (size_t)to.width * (size_t)to.height;
    float *in = malloc((in_count + 3 * out_count) * sizeof *in);
    float *out = NULL; /* three planes, behind in */

    MV_ENSURE(in != NULL, MV_E_MEMORY);
    out = in + in_count;
    for (uint32_t c = 0; c < 3; c++) {
        mv_image_to_unit(in, image, z, image->channels == 3 ? c : 0, lo, hi);
        MV_TRY(mv_plane_resize(out + c * out_count, (uint32_t)to.width, (uint32_t)to.height, in,
                               image->width, image->height));
    }
    for (size_t i = 0; i < out_count; i++) {
        const picture_color color = {level(out[i]), level(out[out_count + i]),
                                     level(out[2 * out_count + i])};
        put(canvas, to.x + (int)(i % (size_t)to.width), to.y + (int)(i / (size_t)to.width), color);
    }
done:
    if (in != NULL) {
        mv_wipe(in, (in_count + 3 * out_count) * sizeof *in);
        free(in);
    }
    return st;
}

/* Bytes as the gray pixels of the largest square they fill, each pixel shown crisply. */
static void draw_bytes(mv_image *canvas, picture_box box, const uint8_t *bytes, size_t len)
{
    const size_t side = (size_t)sqrt((double)len);
    for (int y = 0; y < box.height && side > 0; y++) {
        for (int x = 0; x < box.width; x++) {
            const size_t row = (size_t)y * side / (size_t)box.height;
            const uint8_t v = bytes[row * side + (size_t)x * side / (size_t)box.width];
            put(canvas, box.x + x, box.y + y, (picture_color){v, v, v});
        }
    }
}

/* ---- histograms ---- */

static const picture_color white = {255, 255, 255}, ink = {31, 41, 55}, faint = {107, 114, 128},
                           line = {209, 213, 219}, panel = {243, 244, 246};

/* Height of the axis: all bars fit, unless a few are much higher than the others. */
static uint64_t axis_top(const uint64_t bin[256])
{
    enum { CUT = 12 };
    uint64_t highest[CUT + 1] = {0}; /* falling */
    for (size_t i = 0; i < 256; i++) {
        uint64_t v = bin[i];
        for (size_t k = 0; k <= CUT; k++) {
            if (v > highest[k]) {
                const uint64_t swap = highest[k];
                highest[k] = v;
                v = swap;
            }
        }
    }
    const uint64_t top =
        highest[CUT] == 0 || highest[0] < 3 * highest[CUT] ? highest[0] : highest[CUT];
    return top + top / 8 + 1;
}

/* Two white slanted strokes across a bar that is cut off at y. */
static void mark_cut(mv_image *canvas, int x, int width, int y)
{
    for (int i = -1; i <= width; i++) {
        put(canvas, x + i, y + 5 - i / 2, white);
        put(canvas, x + i, y + 6 - i / 2, white);
    }
}

static void draw_axis(mv_image *canvas, picture_box plot, double lo, double hi, const char *what)
{
    char text[32];
    const int below = plot.y + plot.height;
    picture_fill(canvas, (picture_box){plot.x, below, plot.width, 2}, ink);
    for (int i = 0; i <= 4; i++) {
        const int x = plot.x + (plot.width - 2) * i / 4;
        picture_fill(canvas, (picture_box){x, below + 2, 2, 4}, ink);
    }
    (void)snprintf(text, sizeof text, "%.5g", lo);
    picture_text(canvas, plot.x, below + 12, 2, faint, text);
    picture_text(canvas, plot.x + (plot.width - picture_text_width(what, 2)) / 2, below + 12, 2,
                 faint, what);
    (void)snprintf(text, sizeof text, "%.5g", hi);
    picture_text(canvas, plot.x + plot.width - picture_text_width(text, 2), below + 12, 2, faint,
                 text);
}

void picture_histogram(mv_image *canvas, picture_box box, const uint64_t bin[256],
                       picture_color color, double lo, double hi, const char *what)
{
    enum { LABELS = 32 }; /* room under the axis */
    const picture_box plot = {box.x, box.y, box.width, box.height - LABELS};
    const uint64_t top = axis_top(bin);
    picture_fill(canvas, plot, panel);
    for (int i = 0; i < 256; i++) {
        const int x = plot.x + plot.width * i / 256, next = plot.x + plot.width * (i + 1) / 256;
        const bool cut = bin[i] > top;
        const int height =
            cut ? plot.height : (int)((double)bin[i] / (double)top * plot.height + 0.5);
        picture_fill(canvas, (picture_box){x, plot.y + plot.height - height, next - x, height},
                     color);
        if (cut) {
            mark_cut(canvas, x, next - x, plot.y);
        }
    }
    draw_axis(canvas, plot, lo, hi, what);
}

/* ---- the demo's picture ---- */

enum {
    SCALE = 2, /* of the font */
    LINE_HEIGHT = (PICTURE_CELL_HEIGHT + 3) * SCALE,
    SIDE = 448, /* of an image panel */
    GAP = 32,   /* between columns */
    MARGIN = 36,
    PLOT_HEIGHT = 168
};

/* The next line of text into out; returns where the rest starts, NULL after the last line. */
static const char *next_line(char *out, size_t size, const char *text)
{
    const size_t len = strcspn(text, "\n");
    const size_t kept = len < size - 1 ? len : size - 1;
    memcpy(out, text, kept);
    out[kept] = '\0';
    return text[len] == '\0' ? NULL : text + len + 1;
}

static int line_count(const char *text)
{
    int count = 1;
    for (; *text != '\0'; text++) {
        count += *text == '\n';
    }
    return count;
}

/* Heading above, the other lines below the image panel that starts at (x, y). */
static void draw_caption(mv_image *canvas, int x, int y, const char *caption)
{
    char text[SIDE / (PICTURE_CELL_WIDTH * SCALE) + 1]; /* what fits into a column */
    const char *rest = next_line(text, sizeof text, caption);
    const int heading_y = y - PICTURE_CELL_HEIGHT * SCALE - 10;
    picture_text(canvas, x, heading_y, SCALE, ink, text);
    picture_text(canvas, x + 1, heading_y, SCALE, ink, text); /* bold */
    for (y += SIDE + 12; rest != NULL; y += LINE_HEIGHT) {
        rest = next_line(text, sizeof text, rest);
        picture_text(canvas, x, y, SCALE, faint, text);
    }
}

/* Histogram of one slice. */
static mv_status slice_histogram(uint64_t bin[256], const mv_image *image, uint32_t z, double lo,
                                 double hi)
{
    mv_image slice = {0};
    const mv_status st = mv_image_slice(&slice, image, z, 1);
    if (st == MV_OK) {
        mv_histogram(bin, &slice, lo, hi);
        mv_image_clear(&slice);
    }
    return st;
}

/* Range of an axis that suits the sample type: 0..255 for bytes, else what occurs. */
static mv_status shown_range(double *lo, double *hi, const mv_image *image, mv_error *err)
{
    if (image->type == MV_SAMPLE_U8) {
        *lo = 0;
        *hi = 255;
        return MV_OK;
    }
    return mv_image_range(lo, hi, image, err);
}

static mv_status draw_demo(mv_image *canvas, int top, int plot_y, const mv_image *original,
                           const uint8_t *ciphertext, size_t ciphertext_len,
                           const mv_image *decrypted, mv_error *err)
{
    static const picture_color colors[3] = {{37, 99, 235}, {185, 28, 28}, {4, 120, 87}};
    const mv_image *shown[3] = {original, NULL, decrypted};
    mv_status st = MV_OK;
    uint64_t bin[256];
    double black = 0, bright = 0, lo = 0, hi = 0;

    MV_TRY(mv_image_range(&black, &bright, original, err));
    MV_TRY(shown_range(&lo, &hi, original, err));
    for (int i = 0; i < 3; i++) {
        const int x = MARGIN + i * (SIDE + GAP);
        const picture_box box = {x, top, SIDE, SIDE};
        const picture_box plot = {x, plot_y, SIDE, PLOT_HEIGHT};
        picture_fill(canvas, box, panel);
        if (shown[i] == NULL) {
            draw_bytes(canvas, box, ciphertext, ciphertext_len);
            mv_histogram_bytes(bin, ciphertext, ciphertext_len);
            picture_histogram(canvas, plot, bin, colors[i], 0, 255, "byte");
        } else {
            MV_TRY(picture_image(canvas, box, shown[i], shown[i]->depth / 2, black, bright));
            MV_TRY(slice_histogram(bin, shown[i], shown[i]->depth / 2, lo, hi));
            picture_histogram(canvas, plot, bin, colors[i], lo, hi, "pixel value");
        }
        picture_frame(canvas, box, line);
    }
done:
    return st;
}

mv_status picture_demo(const char *path, const mv_image *original, const uint8_t *ciphertext,
                       size_t ciphertext_len, const mv_image *decrypted, const char *caption[3],
                       mv_error *err)
{
    mv_status st = MV_OK;
    mv_image canvas = {0};
    const int top = MARGIN + PICTURE_CELL_HEIGHT * SCALE + 10;
    int lines = 0; /* below the images */

    for (int i = 0; i < 3; i++) {
        const int n = line_count(caption[i]) - 1;
        lines = n > lines ? n : lines;
    }
    const int plot_y = top + SIDE + 12 + lines * LINE_HEIGHT + 20;
    MV_TRY(picture_new(&canvas, 2 * MARGIN + 3 * SIDE + 2 * GAP,
                       (uint32_t)(plot_y + PLOT_HEIGHT + MARGIN), white));
    MV_TRY(draw_demo(&canvas, top, plot_y, original, ciphertext, ciphertext_len, decrypted, err));
    for (int i = 0; i < 3; i++) {
        draw_caption(&canvas, MARGIN + i * (SIDE + GAP), top, caption[i]);
    }
    MV_TRY(mv_image_save(&canvas, path, true, err));
done:
    if (st != MV_OK) {
        (void)mv_fail(err, st, "cannot draw %s: %s", path, mv_status_sentence(st));
    }
    mv_image_clear(&canvas);
    return st;
}
