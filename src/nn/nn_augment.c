/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_augment.c: random place, orientation, scale and grey-level changes of a training patch.
 */
#include "nn/nn_augment.h"

#include <math.h>

static double uniform(mv_rand *rand, double lo, double hi)
{
    return lo + (hi - lo) * mv_rand_unit(rand);
}

/* Bilinear value at (y, x), inside [0, height-1] x [0, width-1]. */
static float sample(const uint8_t *image, size_t height, size_t width, double y, double x)
{
    const size_t r = (size_t)y, s = (size_t)x;
    const size_t down = r + 1 < height ? width : 0, right = s + 1 < width ? 1 : 0;
    const double fy = y - (double)r, fx = x - (double)s;
    const uint8_t *p = image + r * width + s;
    const double top = p[0] + fx * (p[right] - p[0]);
    const double bottom = p[down] + fx * (p[down + right] - p[down]);
    return (float)((top + fy * (bottom - top)) / 255);
}

/* Where patch position (r, s) comes from in the unflipped patch: orient bits are transpose, then
 * reverse rows, then reverse columns. */
static size_t turned(size_t r, size_t s, size_t side, unsigned orient)
{
    const size_t a = orient & 1 ? s : r, b = orient & 1 ? r : s;
    const size_t row = orient & 2 ? side - 1 - a : a, column = orient & 4 ? side - 1 - b : b;
    return row * side + column;
}

static void change_grey(float *patch, size_t count, const mv_augment *how, mv_rand *rand)
{
    const double limit = log(how->gamma_max);
    const float gamma = (float)exp(uniform(rand, -limit, limit));
    const float lo = (float)uniform(rand, 0, how->contrast);
    const float gain = 1 - (float)uniform(rand, 0, how->contrast) - lo;
    const bool invert = mv_rand_unit(rand) < how->invert;
    const double noise = uniform(rand, 0, how->noise);

    for (size_t k = 0; k < count; k++) {
        float v = how->gamma_max > 1 ? powf(patch[k], gamma) : patch[k];
        v = lo + gain * (invert ? 1 - v : v);
        v += noise > 0 ? (float)(noise * mv_rand_normal(rand)) : 0;
        patch[k] = v < 0 ? 0 : v > 1 ? 1 : v;
    }
}

/* A patch of whole pixels, whose values are looked up. */
static void cut(float *patch, size_t side, const uint8_t *image, size_t width, unsigned orient,
                const float grey[256])
{
    for (size_t r = 0; r < side; r++) {
        for (size_t s = 0; s < side; s++) {
            patch[turned(r, s, side, orient)] = grey[image[r * width + s]];
        }
    }
}

void mv_augment_patch(float *patch, size_t side, const uint8_t *image, size_t height, size_t width,
                      const mv_augment *how, mv_rand *rand)
{
    const bool change = mv_rand_unit(rand) < how->apply;
    const double fit = (double)(height < width ? height : width) / (double)side;
    const double limit = change ? log(how->scale_max) : 0;
    const double zoom = fmin(exp(uniform(rand, -limit, limit)), fit);
    const double reach = zoom * (double)(side - 1);
    const unsigned orient = how->flip ? mv_rand_below(rand, 8) : 0;
    double y = uniform(rand, 0, (double)(height - 1) - reach);
    double x = uniform(rand, 0, (double)(width - 1) - reach);

    if (zoom == 1) { /* whole pixels: nothing is blurred */
        y = floor(y + 0.5);
        x = floor(x + 0.5);
    }
    if (zoom == 1 && how->noise == 0) {
        float grey[256];
        for (size_t v = 0; v < 256; v++) {
            grey[v] = (float)((double)v / 255);
        }
        if (change) {
            change_grey(grey, 256, how, rand);
        }
        cut(patch, side, image + (size_t)y * width + (size_t)x, width, orient, grey);
        return;
    }
    for (size_t r = 0; r < side; r++) {
        for (size_t s = 0; s < side; s++) {
            patch[turned(r, s, side, orient)] =
                sample(image, height, width, y + zoom * (double)r, x + zoom * (double)s);
        }
    }
    if (change) {
        change_grey(patch, side * side, how, rand);
    }
}
