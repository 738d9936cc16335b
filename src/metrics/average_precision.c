/* SPDX-License-Identifier: Apache-2.0
 *
 * average_precision.c: how well a score ranks what is relevant above what is not.
 */
#include "base/status.h"
#include "medveil/metrics.h"

#include <math.h>
#include <string.h>

typedef struct ranked {
    double score;
    uint8_t relevant;
} ranked;

static int descending(const void *a, const void *b)
{
    const double x = ((const ranked *)a)->score, y = ((const ranked *)b)->score;
    return (x < y) - (x > y);
}

static double sum_precision(const ranked *r, size_t count, size_t relevant)
{
    double sum = 0;
    size_t found = 0;
    for (size_t i = 0; i < count;) {
        size_t end = i, before = found;
        while (end < count && r[end].score == r[i].score) {
            found += r[end].relevant != 0;
            end++;
        }
        sum += (double)(found - before) * (double)found / (double)end;
        i = end;
    }
    return sum / (double)relevant;
}

mv_status mv_average_precision(double *out, const double *score, const uint8_t *relevant,
                               size_t count)
{
    mv_status st = MV_OK;
    size_t relevant_count = 0;
    ranked *r = calloc(count + 1, sizeof *r);

    *out = 0;
    MV_ENSURE(r != NULL, MV_E_MEMORY);
    for (size_t i = 0; i < count; i++) {
        MV_ENSURE(!isnan(score[i]), MV_E_RANGE);
        r[i] = (ranked){score[i], relevant[i] != 0};
        relevant_count += relevant[i] != 0;
    }
    MV_ENSURE(relevant_count != 0, MV_E_RANGE);
    qsort(r, count, sizeof *r, descending);
    *out = sum_precision(r, count, relevant_count);
done:
    free(r);
    return st;
}
