/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_transform.c: DCT, the choice of bends and spans, and the four layers they become.
 */
#include "nn/nn_transform.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 8, SIZE = MV_TRANSFORM_SIZE, BLOCKS = 6000, SPANS = 5, BENDS = 6, SETS_MAX = 8 };

/* Element (c, i) of the orthonormal transform: coefficient c of a block that is 1 at pixel i. */
static double basis(size_t c, size_t i)
{
    const double pi = 3.14159265358979323846;
    const size_t u = c / SIDE, v = c % SIDE, y = i / SIDE, x = i % SIDE;
    const double scale = (u == 0 ? sqrt(0.5) : 1) * (v == 0 ? sqrt(0.5) : 1) / 4;
    return scale * cos((double)((2 * y + 1) * u) * pi / 16) *
           cos((double)((2 * x + 1) * v) * pi / 16);
}

mv_transform mv_transform_defaults(void)
{
    mv_transform t;
    for (size_t c = 0; c < SIZE; c++) {
        t.span[c] = 4;
        t.bend[c] = c == 0 ? 40 : 0.1;
    }
    return t;
}

/* The feature of asinh value 0, and the feature's slope, for n bits. */
static double centre_of(size_t c, uint32_t bits)
{
    const double levels = ldexp(1, (int)bits);
    return c == 0 || bits == 0 ? 0.5 : levels / 2 / (levels - 1);
}

static double gain_of(const mv_transform *t, size_t c, uint32_t bits)
{
    const double levels = ldexp(1, (int)bits), reach = asinh(t->span[c] / t->bend[c]);
    return c == 0 || bits == 0 ? 0.5 / reach : (levels / 2 - 0.5) / (levels - 1) / reach;
}

/* A coefficient after its feature was rounded. */
static double rounded(double value, const mv_transform *t, size_t c, uint32_t bits)
{
    const double centre = centre_of(c, bits), gain = gain_of(t, c, bits);
    const float feature = (float)(centre + gain * asinh(value / t->bend[c]));
    const double back = (double)mv_nn_round(feature, mv_nn_field_step(bits));
    return t->bend[c] * sinh((back - centre) / gain);
}

/* ---- fitting ---- */

/* Coefficient c of the sampled blocks: BLOCKS of each set. */
static void draw_coefficients(float *out, const mv_transform_images *set, size_t sets,
                              size_t height, size_t width, mv_rand *rand)
{
    float table[SIZE][SIZE];
    for (size_t k = 0; k < (size_t)SIZE * SIZE; k++) {
        table[k / SIZE][k % SIZE] = (float)basis(k / SIZE, k % SIZE);
    }
    for (size_t n = 0; n < sets * BLOCKS; n++) {
        const mv_transform_images *s = &set[n / BLOCKS];
        const uint8_t *image = s->pixel + mv_rand_below(rand, (uint32_t)s->count) * height * width;
        const size_t y = mv_rand_below(rand, (uint32_t)(height - SIDE + 1));
        const size_t x = mv_rand_below(rand, (uint32_t)(width - SIDE + 1));
        for (size_t c = 0; c < SIZE; c++) {
            float sum = 0;
            for (size_t i = 0; i < SIZE; i++) {
                const float p = image[(y + i / SIDE) * width + x + i % SIDE];
                sum += table[c][i] * (p / 255.0F - 0.5F);
            }
            out[c * sets * BLOCKS + n] = sum;
        }
    }
}

static int ascending(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* What fitting looks at: all coefficients of the sampled blocks, and how much each set counts. */
typedef struct samples {
    const float *value; /* (64, sets, BLOCKS) */
    float *sorted;      /* absolute values of one coefficient */
    size_t sets;
    double weight[SETS_MAX], error[SETS_MAX];
} samples;

/* Weighted energy of the error that rounding leaves; error[s] of each set. */
static double error_of(const samples *s, double *error, const mv_transform *t, size_t c,
                       uint32_t bits)
{
    double sum = 0;
    for (size_t k = 0; k < s->sets; k++) {
        const float *value = s->value + (c * s->sets + k) * BLOCKS;
        error[k] = 0;
        for (size_t n = 0; n < BLOCKS; n++) {
            const double d = rounded((double)value[n], t, c, bits) - (double)value[n];
            error[k] += d * d;
        }
        sum += s->weight[k] * error[k];
    }
    return sum;
}

/* The best of a few spans and bends for coefficient c; its errors are added to those of s. */
static void fit_one(mv_transform *t, samples *s, size_t c, uint32_t bits)
{
    static const double part[SPANS] = {1, 1, 0.9995, 0.998, 0.99};
    static const double ratio[BENDS] = {1, 3, 6, 12, 30, 80};
    const size_t last = s->sets * BLOCKS - 1;
    double least = INFINITY, error[SETS_MAX] = {0}, best_error[SETS_MAX] = {0};
    mv_transform best = *t, trial = *t;

    for (size_t k = 0; k < (size_t)SPANS * BENDS; k++) {
        const double span = (double)s->sorted[(size_t)(part[k / BENDS] * (double)last)];
        trial.span[c] = span * (k / BENDS == 0 ? 1.3 : 1) + 1e-6;
        trial.bend[c] = trial.span[c] / ratio[k % BENDS];
        const double sum = error_of(s, error, &trial, c, bits);
        if (sum < least) {
            least = sum;
            best = trial;
            memcpy(best_error, error, sizeof error);
        }
    }
    for (size_t k = 0; k < s->sets; k++) {
        s->error[k] += best_error[k];
    }
    *t = best;
}

static void fit_all(mv_transform *t, samples *s, const uint8_t *bits)
{
    const size_t count = s->sets * BLOCKS;
    memset(s->error, 0, sizeof s->error);
    for (size_t c = 1; c < SIZE; c++) {
        for (size_t n = 0; n < count; n++) {
            s->sorted[n] = fabsf(s->value[c * count + n]);
        }
        qsort(s->sorted, count, sizeof *s->sorted, ascending);
        fit_one(t, s, c, bits[c]);
    }
}

mv_status mv_transform_fit(mv_transform *out, const mv_nn_graph *graph,
                           const mv_transform_images *set, size_t sets, size_t height, size_t width,
                           mv_rand *rand)
{
    mv_status st = MV_OK;
    const size_t count = sets * BLOCKS;
    uint8_t bits[MV_NN_FIELDS_MAX];
    float *value = malloc(SIZE * count * sizeof *value), *sorted = malloc(count * sizeof *sorted);
    samples s = {value, sorted, sets, {0}, {0}};

    MV_ENSURE(value != NULL && sorted != NULL && sets <= SETS_MAX, MV_E_MEMORY);
    *out = mv_transform_defaults();
    mv_nn_field_bits(bits, graph, 8);
    draw_coefficients(value, set, sets, height, width, rand);
    for (int pass = 0; pass < 2; pass++) { /* first all sets count alike, then all decibels */
        for (size_t k = 0; k < sets; k++) {
            s.weight[k] = pass == 0 ? 1 : 1 / (s.error[k] + 1e-9);
        }
        fit_all(out, &s, bits);
    }
done:
    free(value);
    free(sorted);
    return st;
}

/* ---- layers ---- */

bool mv_transform_used(const mv_nn_graph *graph)
{
    for (size_t i = 0; i < graph->encoder_count; i++) {
        if (graph->encoder[i].start == MV_NN_START_ANALYSIS) {
            return true;
        }
    }
    return false;
}

/* One dense layer of 64 by 64. */
static void start_layer(float *w, mv_nn_start start, const uint8_t *bits, const mv_transform *t)
{
    float *bias = w + (size_t)SIZE * SIZE;
    memset(w, 0, ((size_t)SIZE * SIZE + SIZE) * sizeof *w);
    for (size_t c = 0; c < SIZE; c++) {
        const double centre = centre_of(c, bits[c]), gain = gain_of(t, c, bits[c]);
        if (start == MV_NN_START_LEVEL) {
            w[c * SIZE + c] = (float)gain;
            bias[c] = (float)centre;
        } else if (start == MV_NN_START_UNLEVEL) {
            w[c * SIZE + c] = (float)(1 / gain);
            bias[c] = (float)(-centre / gain);
        }
        for (size_t i = 0; i < SIZE; i++) {
            if (start == MV_NN_START_ANALYSIS) {
                w[c * SIZE + i] = (float)(basis(c, i) / t->bend[c]);
            } else if (start == MV_NN_START_SYNTHESIS) {
                w[i * SIZE + c] = (float)(basis(c, i) * t->bend[c]);
                bias[i] = 0.5F;
            }
        }
    }
    if (start == MV_NN_START_ANALYSIS) {
        bias[0] = (float)(-0.5 * SIDE / t->bend[0]); /* the transform of 1/2 everywhere */
    }
}

void mv_transform_start(float *weights, const mv_nn_graph *graph, const mv_transform *transform)
{
    uint8_t bits[MV_NN_FIELDS_MAX] = {0};
    if (!mv_transform_used(graph)) {
        return;
    }
    mv_nn_field_bits(bits, graph, 8);
    for (size_t i = 0; i < graph->encoder_count + graph->decoder_count; i++) {
        const mv_nn_layer *layer = i < graph->encoder_count
                                       ? &graph->encoder[i]
                                       : &graph->decoder[i - graph->encoder_count];
        if (layer->start >= MV_NN_START_ANALYSIS) {
            start_layer(weights, layer->start, bits, transform);
        }
        weights += mv_nn_layer_weights(layer);
    }
}
