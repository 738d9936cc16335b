/* SPDX-License-Identifier: Apache-2.0
 *
 * histogram.c: how often each value occurs, and how far two such counts are apart.
 */
#include "image/samples.h"
#include "medveil/metrics.h"

#include <math.h>
#include <string.h>

enum { BINS = 256 };

static size_t bin_of(double value, double lo, double hi)
{
    if (!(lo < hi) || value <= lo) {
        return 0;
    }
    /* Halves, so that hi - lo cannot overflow for doubles near their limit. */
    const double place = (value / 2 - lo / 2) / (hi / 2 - lo / 2) * BINS;
    return place < BINS ? (size_t)place : BINS - 1;
}

void mv_histogram(uint64_t bin[256], const mv_image *image, double lo, double hi)
{
    enum { RUN = 256 };
    double run[RUN];
    const size_t count = mv_image_sample_count(image);
    memset(bin, 0, BINS * sizeof *bin);
    for (size_t k = 0; k < count; k += RUN) {
        const size_t n = count - k < RUN ? count - k : RUN;
        mv_samples_read(run, image, k, 1, n);
        for (size_t i = 0; i < n; i++) {
            bin[bin_of(run[i], lo, hi)]++;
        }
    }
}

void mv_histogram_bytes(uint64_t bin[256], const uint8_t *bytes, size_t len)
{
    memset(bin, 0, BINS * sizeof *bin);
    for (size_t i = 0; i < len; i++) {
        bin[bytes[i]]++;
    }
}

static double total_of(const uint64_t bin[256])
{
    double total = 0;
    for (size_t i = 0; i < BINS; i++) {
        total += (double)bin[i];
    }
    return total;
}

double mv_histogram_distance(const uint64_t a[256], const uint64_t b[256])
{
    const double a_total = total_of(a), b_total = total_of(b);
    double sum = 0;
    if (a_total == 0 || b_total == 0) {
        return a_total == b_total ? 0 : 1;
    }
    for (size_t i = 0; i < BINS; i++) {
        sum += fabs((double)a[i] / a_total - (double)b[i] / b_total);
    }
    return sum / 2;
}
