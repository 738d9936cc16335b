/* SPDX-License-Identifier: Apache-2.0
 *
 * compare.c: everything that is said about two images, in one call.
 */
#include "base/status.h"
#include "image/samples.h"
#include "metrics/metrics_internal.h"

#include <math.h>
#include <string.h>

static mv_status check_pair(const mv_image *x, const mv_image *y, mv_error *err)
{
    if (x->width != y->width || x->height != y->height || x->depth != y->depth ||
        x->channels != y->channels) {
        return mv_fail(err, MV_E_MISMATCH,
                       "the images differ in size: %u x %u x %u, %u channel%s, and %u x %u x %u, "
                       "%u channel%s",
                       x->width, x->height, x->depth, x->channels, x->channels == 1 ? "" : "s",
                       y->width, y->height, y->depth, y->channels, y->channels == 1 ? "" : "s");
    }
    if (x->type != y->type) {
        return mv_fail(err, MV_E_MISMATCH, "the images differ in sample type: %s and %s",
                       mv_sample_name(x->type), mv_sample_name(y->type));
    }
    if (x->width < MV_SSIM_WINDOW || x->height < MV_SSIM_WINDOW) {
        return mv_fail(err, MV_E_RANGE,
                       "the images are %u x %u; SSIM needs sides of at least %d pixels", x->width,
                       x->height, MV_SSIM_WINDOW);
    }
    return MV_OK;
}

/* 2^bits - 1; for floats the reference's range, and 1 where that is 0. */
static double largest_value(const mv_image *reference)
{
    double lo = 0, hi = 0;
    if (reference->bits > 0) {
        return ldexp(1, (int)reference->bits) - 1;
    }
    mv_samples_range(&lo, &hi, reference);
    return hi > lo ? hi - lo : 1;
}

/* One channel of one slice of both images, divided by max. */
typedef struct image_planes {
    const mv_image *x, *y;
    size_t first; /* sample index of the plane's first pixel */
    double max;
} image_planes;

static void image_row(double *a, double *b, const void *context, uint32_t y)
{
    const image_planes *p = context;
    const uint32_t width = p->x->width, channels = p->x->channels;
    const size_t first = p->first + (size_t)y * width * channels;
    mv_samples_read(a, p->x, first, channels, width);
    mv_samples_read(b, p->y, first, channels, width);
    for (uint32_t i = 0; i < width; i++) {
        a[i] /= p->max;
        b[i] /= p->max;
    }
}

static mv_status mean_ssim(double *out, const mv_image *x, const mv_image *y, double max)
{
    mv_status st = MV_OK;
    image_planes planes = {x, y, 0, max};
    const mv_plane_pair pair = {image_row, &planes, x->width, x->height};
    double sum = 0;
    for (uint32_t z = 0; z < x->depth; z++) {
        for (uint32_t c = 0; c < x->channels; c++) {
            double one = 0;
            planes.first = (size_t)z * x->width * x->height * x->channels + c;
            MV_TRY(mv_ssim_rows(&one, &pair));
            sum += one;
        }
    }
    *out = sum / ((double)x->depth * x->channels);
done:
    return st;
}

/* Both over the smallest range that holds both. */
static double histogram_distance(const mv_image *x, const mv_image *y)
{
    uint64_t a[256], b[256];
    double x_lo = 0, x_hi = 0, y_lo = 0, y_hi = 0;
    mv_samples_range(&x_lo, &x_hi, x);
    mv_samples_range(&y_lo, &y_hi, y);
    const double lo = fmin(x_lo, y_lo), hi = fmax(x_hi, y_hi);
    mv_histogram(a, x, lo, hi);
    mv_histogram(b, y, lo, hi);
    return mv_histogram_distance(a, b);
}

mv_status mv_compare(mv_comparison *out, const mv_image *reference, const mv_image *image,
                     mv_error *err)
{
    mv_status st = MV_OK;
    mv_comparison c = {0};

    memset(out, 0, sizeof *out);
    MV_TRY(check_pair(reference, image, err));
    c.max = largest_value(reference);
    mv_rmse_images(&c.rmse, &c.max_abs_error, reference, image, c.max);
    c.identical = c.max_abs_error == 0;
    c.psnr_db = c.identical ? 0 : mv_psnr_db(c.rmse);
    MV_TRY(mean_ssim(&c.ssim, reference, image, c.max));
    c.histogram_distance = histogram_distance(reference, image);
    *out = c;
done:
    if (st != MV_OK) {
        (void)mv_fail(err, st, "cannot compare the images: %s", mv_status_sentence(st));
    }
    return st;
}
