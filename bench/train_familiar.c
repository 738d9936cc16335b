/* SPDX-License-Identifier: Apache-2.0
 *
 * train_familiar.c: how src/codec/familiar_table.c was made, and what it says of images.
 *
 *     build/tools/train_familiar train MODEL.mvv --kind TRAIN... --val VAL... [--kind ..]
 *     build/tools/train_familiar measure IMAGE...
 *
 * A kind's ellipsoid has the mean and the covariance of its training pictures: each as it is, at
 * 224x224, and three times changed at random (flips, scale, sharpness, gamma, contrast, noise), so
 * that other apparatus and other processing of the same anatomy are not strange. A twentieth of the
 * covariance is its diagonal. It is as large as 99 % of the validation pictures need, changed or
 * not. The images used were those of train and val of chest_xray, of brain_mri of origin
 * figshare-*, and of liver_ct. What the table says are means and covariances, of no one image.
 *
 * measure prints one line for each image: its distance as it is and at 224x224, and its path.
 */
#include "codec/familiar.h"
#include "image/preprocess.h"
#include "medveil/veil.h"
#include "nn/nn_augment.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = MV_FAMILIAR_STATS, PER_IMAGE = 5, PATCH = 192, SAMPLES_MAX = 1 << 16 };

typedef struct pictures {
    int32_t stats[SAMPLES_MAX][N];
    size_t count;
    bool changed[SAMPLES_MAX];
} pictures;

static pictures train_of[MV_FAMILIAR_KINDS], val_of[MV_FAMILIAR_KINDS];

static mv_status add(pictures *p, const mv_image *image, bool changed)
{
    mv_status st = MV_OK;
    bool enough = false;
    MV_ENSURE(p->count < SAMPLES_MAX, MV_E_LIMIT);
    MV_TRY(mv_familiar_stats(p->stats[p->count], &enough, image));
    if (enough) {
        p->changed[p->count++] = changed;
    }
done:
    return st;
}

/* Each pixel moved away from the mean of its neighbours, or towards it. */
static void sharpen(mv_image *out, const float *patch, double by)
{
    for (size_t y = 0; y < PATCH; y++) {
        for (size_t x = 0; x < PATCH; x++) {
            const size_t i = y * PATCH + x;
            const double side =
                y > 0 && x > 0 && y + 1 < PATCH && x + 1 < PATCH
                    ? (patch[i - 1] + patch[i + 1] + patch[i - PATCH] + patch[i + PATCH]) / 4.0
                    : patch[i];
            const double v = 255 * (patch[i] + by * (patch[i] - side));
            mv_image_set(out, i, v < 0 ? 0 : v > 255 ? 255 : floor(v + 0.5));
        }
    }
}

/* image is gray, 8 bits; smaller ones than a patch are enlarged. */
static mv_status add_changed(pictures *p, const mv_image *image, mv_rand *rand)
{
    static const mv_augment how = {.flip = true,
                                   .scale_max = 1.5,
                                   .noise = 0.01,
                                   .gamma_max = 1.6,
                                   .contrast = 0.1,
                                   .apply = 1};
    mv_status st = MV_OK;
    float patch[PATCH * PATCH];
    mv_image out = {0};
    MV_TRY(mv_image_alloc(&out, PATCH, PATCH, 1, 1, MV_SAMPLE_U8));
    mv_augment_patch(patch, PATCH, image->sample, image->height, image->width, &how, rand);
    sharpen(&out, patch, -0.5 + 1.5 * mv_rand_unit(rand));
    MV_TRY(add(p, &out, true));
done:
    mv_image_clear(&out);
    return st;
}

static mv_status add_image(pictures *p, const char *path, mv_rand *rand)
{
    mv_status st = MV_OK;
    mv_image image = {0}, square = {0};
    MV_TRY(mv_image_load(&image, path, NULL));
    MV_TRY(mv_image_resize(&square, &image, 224, 224, NULL));
    MV_TRY(add(p, &image, false));
    MV_TRY(add(p, &square, false));
    const bool large = image.width >= PATCH && image.height >= PATCH;
    MV_ENSURE(image.channels == 1 && image.type == MV_SAMPLE_U8, MV_E_UNSUPPORTED);
    for (int i = 2; i < PER_IMAGE; i++) {
        MV_TRY(add_changed(p, large ? &image : &square, rand));
    }
done:
    mv_image_clear(&square);
    mv_image_clear(&image);
    return st;
}

/* ---- the ellipsoid ---- */

static void covariance(double mean[N], double cov[N][N], const pictures *p)
{
    memset(mean, 0, N * sizeof *mean);
    memset(cov, 0, N * sizeof *cov);
    for (size_t k = 0; k < p->count; k++) {
        for (size_t i = 0; i < N; i++) {
            mean[i] += p->stats[k][i] / (double)p->count;
        }
    }
    for (size_t i = 0; i < N; i++) {
        mean[i] = floor(mean[i] + 0.5);
    }
    for (size_t k = 0; k < p->count; k++) {
        for (size_t i = 0; i < N; i++) {
            for (size_t j = 0; j < N; j++) {
                cov[i][j] += (p->stats[k][i] - mean[i]) * (p->stats[k][j] - mean[j]) /
                             (double)p->count * (i == j ? 1 : 0.95);
            }
        }
    }
}

/* cov = C C^T; inverse = C^-1: the length of inverse (stats - mean) is the distance. */
static void whiten(double inverse[N][N], double cov[N][N])
{
    double c[N][N] = {{0}};
    for (size_t i = 0; i < N; i++) {
        for (size_t j = 0; j <= i; j++) {
            double s = cov[i][j] + (i == j ? 1 : 0); /* numbers are whole: their rounding */
            for (size_t k = 0; k < j; k++) {
                s -= c[i][k] * c[j][k];
            }
            c[i][j] = i == j ? sqrt(s) : s / c[j][j];
        }
    }
    memset(inverse, 0, N * sizeof *inverse);
    for (size_t j = 0; j < N; j++) {
        for (size_t i = j; i < N; i++) {
            double s = i == j ? 1 : 0;
            for (size_t k = j; k < i; k++) {
                s -= c[i][k] * inverse[k][j];
            }
            inverse[i][j] = s / c[i][i];
        }
    }
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The distance within which 99 % of the pictures, changed or as they are, lie. */
static double reach_of(const pictures *p, bool changed, const double mean[N], double inverse[N][N])
{
    static double all[SAMPLES_MAX];
    size_t count = 0;
    for (size_t k = 0; k < p->count; k++) {
        double sum = 0;
        for (size_t i = 0; i < N; i++) {
            double y = 0;
            for (size_t j = 0; j <= i; j++) {
                y += inverse[i][j] * (p->stats[k][j] - mean[j]);
            }
            sum += y * y;
        }
        if (p->changed[k] == changed) {
            all[count++] = sqrt(sum);
        }
    }
    qsort(all, count, sizeof *all, by_size);
    return count == 0 ? 0 : all[(count * 99 + 99) / 100 - 1];
}

static void print_kind(const double mean[N], double inverse[N][N], double reach)
{
    (void)printf("    {{");
    for (size_t i = 0; i < N; i++) {
        (void)printf("%d%s", (int)mean[i], i + 1 < N ? ", " : "},\n     {");
    }
    for (size_t i = 0; i < N; i++) {
        for (size_t j = 0; j <= i; j++) {
            (void)printf("%d%s", (int)floor(inverse[i][j] / reach * MV_FAMILIAR_ONE + 0.5),
                         i + 1 == N && j == i ? "}},\n" : ", ");
        }
    }
}

static void fit(size_t kind)
{
    static double mean[N], cov[N][N], inverse[N][N];
    const pictures *val = &val_of[kind];
    covariance(mean, cov, &train_of[kind]);
    whiten(inverse, cov);
    const double plain = reach_of(val, false, mean, inverse);
    const double changed = reach_of(val, true, mean, inverse);
    (void)fprintf(stderr, "kind %zu: %zu and %zu pictures, 99 %% within %.2f, changed %.2f\n", kind,
                  train_of[kind].count, val->count, plain, changed);
    print_kind(mean, inverse, fmax(plain, changed));
}

static void print_head(const uint8_t hash[4])
{
    (void)printf("/* SPDX-License-Identifier: Apache-2.0\n *\n * familiar_table.c: the kinds of "
                 "familiar.h. Made by bench/train_familiar.c, never by hand.\n */\n"
                 "#include \"codec/familiar.h\"\n\n"
                 "const uint8_t mv_familiar_networks[4] = {0x%02x, 0x%02x, 0x%02x, 0x%02x};\n\n"
                 "const mv_familiar_kind mv_familiar_table[MV_FAMILIAR_KINDS] = {\n",
                 hash[0], hash[1], hash[2], hash[3]);
}

static mv_status train(char **arg)
{
    mv_status st = MV_OK;
    mv_veil *veil = NULL;
    mv_model_info info;
    mv_rand rand = mv_rand_make(1);
    pictures *to = NULL;
    size_t kinds = 0;

    MV_TRY(mv_veil_load(&veil, *arg, NULL));
    mv_veil_describe(&info, veil);
    while (*++arg != NULL) {
        if (strcmp(*arg, "--kind") == 0) {
            MV_ENSURE(kinds < MV_FAMILIAR_KINDS, MV_E_LIMIT);
            to = &train_of[kinds++];
        } else if (strcmp(*arg, "--val") == 0) {
            MV_ENSURE(kinds != 0, MV_E_ARGUMENT);
            to = &val_of[kinds - 1];
        } else {
            MV_ENSURE(to != NULL, MV_E_ARGUMENT);
            MV_TRY(add_image(to, *arg, &rand));
        }
    }
    MV_ENSURE(kinds == MV_FAMILIAR_KINDS, MV_E_ARGUMENT);
    print_head(info.hash);
    for (size_t k = 0; k < kinds; k++) {
        fit(k);
    }
    (void)printf("};\n");
done:
    mv_veil_free(&veil);
    return st;
}

static mv_status distance(double *out, const mv_image *image)
{
    int32_t stats[N];
    bool enough = false;
    const mv_status st = mv_familiar_stats(stats, &enough, image);
    *out = enough ? mv_familiar_distance(stats, mv_familiar_table, MV_FAMILIAR_KINDS) : 0;
    return st;
}

static mv_status measure(const char *path)
{
    mv_status st = MV_OK;
    mv_image image = {0}, square = {0};
    double own = 0, small = 0;
    MV_TRY(mv_image_load(&image, path, NULL));
    MV_TRY(mv_image_resize(&square, &image, 224, 224, NULL));
    MV_TRY(distance(&own, &image));
    MV_TRY(distance(&small, &square));
    (void)printf("%.3f %.3f %s\n", own, small, path);
done:
    mv_image_clear(&square);
    mv_image_clear(&image);
    return st;
}

int main(int argc, char **argv)
{
    mv_status st = MV_E_ARGUMENT;
    if (argc > 3 && strcmp(argv[1], "train") == 0) {
        st = train(argv + 2);
    } else if (argc > 2 && strcmp(argv[1], "measure") == 0) {
        for (int i = 2; i < argc; i++) {
            st = measure(argv[i]);
            if (st != MV_OK) {
                (void)fprintf(stderr, "train_familiar: %s: %s\n", argv[i], mv_status_sentence(st));
            }
        }
        return 0;
    }
    if (st != MV_OK) {
        (void)fprintf(stderr,
                      "usage: train_familiar train MODEL.mvv --kind TRAIN... --val VAL... ..\n"
                      "       train_familiar measure IMAGE...\n%s\n",
                      mv_status_sentence(st));
    }
    return st == MV_OK ? 0 : 1;
}
