/* SPDX-License-Identifier: Apache-2.0
 *
 * cipher_stats.c: how much a string of bytes looks like noise.
 */
#include "medveil/metrics.h"

#include <math.h>
#include <string.h>

double mv_bytes_entropy(const uint8_t *bytes, size_t len)
{
    uint64_t bin[256];
    double bits = 0;
    mv_histogram_bytes(bin, bytes, len);
    for (size_t v = 0; v < 256; v++) {
        if (bin[v] != 0) {
            const double p = (double)bin[v] / (double)len;
            bits -= p * log2(p);
        }
    }
    return bits;
}

double mv_bytes_chi_square(const uint8_t *bytes, size_t len)
{
    uint64_t bin[256];
    const double expected = (double)len / 256;
    double sum = 0;
    mv_histogram_bytes(bin, bytes, len);
    for (size_t v = 0; len != 0 && v < 256; v++) {
        const double off = (double)bin[v] - expected;
        sum += off * off / expected;
    }
    return sum;
}

double mv_bytes_correlation(const uint8_t *bytes, size_t len, size_t lag)
{
    if (lag >= len) {
        return 0;
    }
    const size_t n = len - lag;
    double x = 0, y = 0, xx = 0, yy = 0, xy = 0; /* exact: all sums are integers below 2^53 */
    for (size_t i = 0; i < n; i++) {
        const double a = bytes[i], b = bytes[i + lag];
        x += a;
        y += b;
        xx += a * a;
        yy += b * b;
        xy += a * b;
    }
    const double count = (double)n;
    const double vx = xx - x * x / count, vy = yy - y * y / count;
    return vx > 0 && vy > 0 ? (xy - x * y / count) / sqrt(vx * vy) : 0;
}

double mv_bytes_npcr(const uint8_t *a, const uint8_t *b, size_t len)
{
    size_t differ = 0;
    for (size_t i = 0; i < len; i++) {
        differ += a[i] != b[i];
    }
    return len == 0 ? 0 : (double)differ / (double)len;
}

double mv_bytes_uaci(const uint8_t *a, const uint8_t *b, size_t len)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < len; i++) {
        sum += (uint64_t)(a[i] > b[i] ? a[i] - b[i] : b[i] - a[i]);
    }
    return len == 0 ? 0 : (double)sum / (255.0 * (double)len);
}
