/* SPDX-License-Identifier: Apache-2.0
 *
 * text_likelihood.c: marks that stand out from their surroundings, and rows of them.
 *
 * A slice becomes 8-bit gray. A pixel is ink when it is much brighter (or, in a second pass, much
 * darker) than the mean of the box around it; ink that touches is a mark. Marks of a letter's size,
 * shape and sharpness are linked to the next one on the right at letter distance.
 */
#include "text_likelihood.h"

#include <stdlib.h>
#include <string.h>

enum {
    BOX = 8,        /* half a side of the box around a pixel */
    CONTRAST = 30,  /* of 255 */
    HEIGHT_MIN = 6, /* of a letter, pixels */
    HEIGHT_MAX = 60,
    SHARPNESS_MIN = 24, /* mean step over the border of a mark, of 255 */
    MARKS_MAX = 20000   /* on one slice; an image with more is noise */
};

typedef struct mark {
    uint32_t left, top, right, bottom; /* inclusive */
    uint32_t pixels;
    uint64_t border_step; /* sum over pixels at the border */
    uint32_t border;
} mark;

typedef struct page {
    uint32_t width, height;
    uint8_t *gray;
    uint8_t *ink;    /* 1: ink, 0: none or counted already */
    uint64_t *sum;   /* (height + 1) x (width + 1): of all gray above and left */
    uint32_t *stack; /* of pixels to look at */
    mark *marks;
    size_t count;
} page;

static void page_clear(page *p)
{
    free(p->gray);
    free(p->ink);
    free(p->sum);
    free(p->stack);
    free(p->marks);
    memset(p, 0, sizeof *p);
}

static mv_status page_make(page *p, const mv_image *image)
{
    const size_t pixels = (size_t)image->width * image->height;
    *p = (page){.width = image->width, .height = image->height};
    p->gray = malloc(pixels);
    p->ink = malloc(pixels);
    p->sum = calloc(((size_t)image->width + 1) * (image->height + 1), sizeof *p->sum);
    p->stack = malloc(pixels * sizeof *p->stack);
    p->marks = malloc(MARKS_MAX * sizeof *p->marks);
    if (p->gray == NULL || p->ink == NULL || p->sum == NULL || p->stack == NULL ||
        p->marks == NULL) {
        page_clear(p);
        return MV_E_MEMORY;
    }
    return MV_OK;
}

/* The largest channel counts: letters may be of any colour. */
static double brightness(const mv_image *image, size_t pixel)
{
    double most = mv_image_get(image, pixel * image->channels);
    for (uint32_t c = 1; c < image->channels; c++) {
        const double v = mv_image_get(image, pixel * image->channels + c);
        most = v > most ? v : most;
    }
    return most;
}

/* Slice z from its smallest to its largest value -> 0..255; false when they are the same. */
static bool fill_gray(page *p, const mv_image *image, uint32_t z)
{
    const size_t pixels = (size_t)p->width * p->height, first = z * pixels;
    double lo = brightness(image, first), hi = lo;
    for (size_t i = 0; i < pixels; i++) {
        const double v = brightness(image, first + i);
        lo = v < lo ? v : lo;
        hi = v > hi ? v : hi;
    }
    for (size_t i = 0; i < pixels && lo < hi; i++) {
        p->gray[i] = (uint8_t)(255 * ((brightness(image, first + i) - lo) / (hi - lo)));
    }
    return lo < hi;
}

static void fill_sums(page *p)
{
    const size_t stride = (size_t)p->width + 1;
    for (size_t y = 0; y < p->height; y++) {
        uint64_t row = 0;
        for (size_t x = 0; x < p->width; x++) {
            row += p->gray[y * p->width + x];
            p->sum[(y + 1) * stride + x + 1] = p->sum[y * stride + x + 1] + row;
        }
    }
}

static int box_mean(const page *p, uint32_t x, uint32_t y)
{
    const size_t stride = (size_t)p->width + 1;
    const size_t x0 = x < BOX ? 0 : x - BOX, y0 = y < BOX ? 0 : y - BOX;
    const size_t x1 = x + BOX < p->width ? x + BOX + 1 : p->width;
    const size_t y1 = y + BOX < p->height ? y + BOX + 1 : p->height;
    const uint64_t sum = p->sum[y1 * stride + x1] - p->sum[y0 * stride + x1] -
                         p->sum[y1 * stride + x0] + p->sum[y0 * stride + x0];
    return (int)(sum / ((x1 - x0) * (y1 - y0)));
}

static void find_ink(page *p, bool dark)
{
    for (uint32_t y = 0; y < p->height; y++) {
        for (uint32_t x = 0; x < p->width; x++) {
            const size_t i = (size_t)y * p->width + x;
            const int step = p->gray[i] - box_mean(p, x, y);
            p->ink[i] = (dark ? -step : step) >= CONTRAST;
        }
    }
}

/* One neighbour of a pixel of ink: more ink of the mark, or the ground beside it. */
static void visit(page *p, mark *m, size_t *depth, uint32_t from, uint32_t x, uint32_t y)
{
    const uint32_t at = y * p->width + x;
    if (p->ink[at] == 1) {
        p->ink[at] = 2;
        p->stack[(*depth)++] = at;
    } else if (p->ink[at] == 0) {
        m->border++;
        m->border_step += (uint64_t)abs(p->gray[from] - p->gray[at]);
    }
}

/* All ink that touches pixel start. Each pixel is on the stack once. 2: of this mark; 3: done */
static mark grow(page *p, uint32_t start)
{
    mark m = {UINT32_MAX, UINT32_MAX, 0, 0, 0, 0, 0};
    size_t depth = 1;
    p->stack[0] = start;
    p->ink[start] = 2;
    while (depth > 0) {
        const uint32_t at = p->stack[--depth], x = at % p->width, y = at / p->width;
        m.left = x < m.left ? x : m.left;
        m.right = x > m.right ? x : m.right;
        m.top = y < m.top ? y : m.top;
        m.bottom = y > m.bottom ? y : m.bottom;
        m.pixels++;
        if (x > 0) {
            visit(p, &m, &depth, at, x - 1, y);
        }
        if (x + 1 < p->width) {
            visit(p, &m, &depth, at, x + 1, y);
        }
        if (y > 0) {
            visit(p, &m, &depth, at, x, y - 1);
        }
        if (y + 1 < p->height) {
            visit(p, &m, &depth, at, x, y + 1);
        }
    }
    return m;
}

static bool like_a_letter(const mark *m)
{
    const uint32_t height = m->bottom - m->top + 1, width = m->right - m->left + 1;
    return height >= HEIGHT_MIN && height <= HEIGHT_MAX && 6 * width >= height &&
           2 * width <= 3 * height && 5 * m->pixels >= width * height &&
           (20 * m->pixels <= 17 * width * height || 3 * width <= height) && m->border != 0 &&
           m->border_step >= (uint64_t)SHARPNESS_MIN * m->border;
}

static void find_marks(page *p)
{
    p->count = 0;
    for (uint32_t at = 0; at < p->width * p->height && p->count < MARKS_MAX; at++) {
        if (p->ink[at] == 1) {
            const mark m = grow(p, at);
            if (like_a_letter(&m)) {
                p->marks[p->count++] = m;
            }
        }
    }
}

static int by_left(const void *a, const void *b)
{
    const mark *l = a, *r = b;
    return (l->left > r->left) - (l->left < r->left);
}

static uint32_t apart(uint32_t a, uint32_t b)
{
    return a > b ? a - b : b - a;
}

/* Whether b may be the next letter after a: the same height and line, nearly; small letters and
 * capitals differ by half. */
static bool follows(const mark *a, const mark *b)
{
    const uint32_t ha = a->bottom - a->top + 1, hb = b->bottom - b->top + 1;
    const uint32_t most = ha > hb ? ha : hb, least = ha > hb ? hb : ha;
    return b->left > a->right - (a->right - a->left) / 2 && 3 * least >= 2 * most &&
           5 * apart(a->bottom, b->bottom) <= most && b->left <= a->right + most;
}

/* Marks are sorted by their left side; length of the longest chain that ends at each. */
static uint32_t longest_row(page *p)
{
    uint32_t most = 0;
    uint32_t *length = p->stack; /* at least as many pixels as marks */
    qsort(p->marks, p->count, sizeof *p->marks, by_left);
    for (size_t i = 0; i < p->count; i++) {
        length[i] = 1;
        for (size_t j = i; j-- > 0 && p->marks[i].left - p->marks[j].left <= 3 * HEIGHT_MAX;) {
            if (length[j] >= length[i] && follows(&p->marks[j], &p->marks[i])) {
                length[i] = length[j] + 1;
            }
        }
        most = length[i] > most ? length[i] : most;
    }
    return most;
}

mv_status mv_text_letters(uint32_t *out, const mv_image *image)
{
    mv_status st = MV_OK;
    const uint32_t slice[3] = {0, image->depth / 2, image->depth - 1};
    page p;

    *out = 0;
    MV_TRY(page_make(&p, image));
    for (size_t i = 0; i < 3; i++) {
        if ((i > 0 && slice[i] == slice[i - 1]) || !fill_gray(&p, image, slice[i])) {
            continue;
        }
        fill_sums(&p);
        for (int dark = 0; dark < 2; dark++) {
            find_ink(&p, dark);
            find_marks(&p);
            const uint32_t row = longest_row(&p);
            *out = row > *out ? row : *out;
        }
    }
    page_clear(&p);
done:
    return st;
}
