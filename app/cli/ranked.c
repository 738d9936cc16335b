/* SPDX-License-Identifier: Apache-2.0
 *
 * ranked.c: from embeddings and scores to average precision.
 */
#include "ranked.h"

#include "base/status.h"
#include "medveil/metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The images, and room for one ranking of them. */
typedef struct ranking {
    const ranked_image *image;
    size_t count;
    double *score;
    uint8_t *relevant;
} ranking;

/* Probability of class k among the classes of the set. */
static double probability(const double *score, uint32_t classes, uint32_t k)
{
    double sum = 0;
    for (uint32_t c = 0; c < classes; c++) {
        sum += exp(score[c] - score[k]);
    }
    return 1 / sum;
}

/* Mean over the classes that have an image. */
static mv_status classify(ranked *out, const ranking *r, uint32_t classes)
{
    size_t found = 0;
    for (uint32_t k = 0; k < classes; k++) {
        double precision = 0;
        for (size_t i = 0; i < r->count; i++) {
            r->score[i] = probability(r->image[i].score, classes, k);
            r->relevant[i] = r->image[i].label == k;
        }
        const mv_status st = mv_average_precision(&precision, r->score, r->relevant, r->count);
        if (st == MV_OK) {
            out->classification += precision;
            found++;
        } else if (st != MV_E_RANGE) { /* no image of this class here */
            return st;
        }
    }
    out->classification /= found == 0 ? 1 : (double)found;
    return MV_OK;
}

static int32_t dot(const int8_t *a, const int8_t *b)
{
    int32_t sum = 0; /* |sum| <= 128 * 128^2 = 2^21 */
    for (int k = 0; k < MV_EMBEDDING_DIM; k++) {
        sum += (int32_t)a[k] * b[k];
    }
    return sum;
}

/* Every image asks for the others of its class. */
static mv_status retrieve(ranked *out, const ranking *r)
{
    size_t queries = 0;
    for (size_t q = 0; q < r->count; q++) {
        size_t n = 0;
        double precision = 0;
        for (size_t i = 0; i < r->count; i++) {
            if (i != q) {
                r->score[n] = dot(r->image[q].embedding, r->image[i].embedding);
                r->relevant[n++] = r->image[i].label == r->image[q].label;
            }
        }
        const mv_status st = mv_average_precision(&precision, r->score, r->relevant, n);
        if (st == MV_OK) {
            out->retrieval += precision;
            queries++;
        } else if (st != MV_E_RANGE) { /* the only one of its class */
            return st;
        }
    }
    out->retrieval /= queries == 0 ? 1 : (double)queries;
    return MV_OK;
}

static void confuse(ranked *out, const ranking *r, uint32_t classes)
{
    size_t right = 0;
    for (size_t i = 0; i < r->count; i++) {
        uint32_t best = 0;
        for (uint32_t k = 1; k < classes; k++) {
            best = r->image[i].score[k] > r->image[i].score[best] ? k : best;
        }
        out->confusion[r->image[i].label][best]++;
        right += best == r->image[i].label;
    }
    out->accuracy = (double)right / (double)r->count;
}

mv_status ranked_measure(ranked *out, const ranked_image *image, size_t count, uint32_t classes)
{
    mv_status st = MV_OK;
    ranking r = {image, count, calloc(count + 1, sizeof(double)), calloc(count + 1, 1)};
    bool several = false;

    memset(out, 0, sizeof *out);
    MV_ENSURE(r.score != NULL && r.relevant != NULL, MV_E_MEMORY);
    for (size_t i = 1; i < count; i++) {
        several |= image[i].label != image[0].label;
    }
    if (!several) {
        goto done; /* nothing to tell apart */
    }
    out->count = count;
    MV_TRY(classify(out, &r, classes));
    MV_TRY(retrieve(out, &r));
    confuse(out, &r, classes);
done:
    free(r.score);
    free(r.relevant);
    return st;
}
