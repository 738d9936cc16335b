/* SPDX-License-Identifier: Apache-2.0
 *
 * quality.c: how well a model reconstructs unseen images, per data set and per origin.
 *
 *     build/tools/quality [--integer] [--every N] MODEL.mvm FOLDER...
 *
 * --integer runs the network in whole numbers; --every N takes each Nth image.
 * FOLDER is one data set with a test/ folder of PNG files; origins come from the manifest.tsv
 * beside it. Protocol, the same for every model: resize to 224x224, min-max to 0..255 and round,
 * encode with 8-bit features, decode, round to 8 bits; PSNR, RMSE (0..1) and SSIM of each image,
 * then mean and 5th percentile. The features pass the quantiser; BFV returns them exactly, so the
 * ciphertext cannot change these numbers.
 */
#include "base/file.h"
#include "medveil/codec.h"
#include "medveil/metrics.h"
#include "png_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IMAGES_MAX = 20000, SIDE = 224 };

typedef struct result {
    char set[64], origin[64];
    mv_comparison c;
} result;

static result results[IMAGES_MAX];
static size_t result_count;
static mv_buffer manifest;
static mv_model *model;
static bool integer;
static uint64_t every = 1, image_count;

/* Column i (from 0) of the manifest's row for this file name, or "". */
static void manifest_column(char *out, size_t cap, const char *name, int column)
{
    const char *text = (const char *)manifest.bytes;
    const char *end = text + manifest.len;
    const size_t len = strlen(name);

    out[0] = '\0';
    for (const char *row = text; row != NULL && row < end;) {
        const char *next = memchr(row, '\n', (size_t)(end - row));
        const char *stop = next != NULL ? next : end;
        if ((size_t)(stop - row) > len && memcmp(row, name, len) == 0 && row[len] == '\t') {
            const char *field = row;
            while (column-- > 0 && field != NULL) {
                field = memchr(field, '\t', (size_t)(stop - field));
                field = field != NULL ? field + 1 : NULL;
            }
            if (field != NULL) {
                size_t n = 0;
                while (field + n < stop && field[n] != '\t' && n + 1 < cap) {
                    n++;
                }
                memcpy(out, field, n);
                out[n] = '\0';
            }
            return;
        }
        row = next != NULL ? next + 1 : NULL;
    }
}

static mv_status measure(void *set, const char *path, const char *name, mv_error *err)
{
    mv_status st = MV_OK;
    mv_image image = {0}, back = {0};
    mv_code code = {0};
    mv_codec_opts opts = mv_codec_defaults();
    result *r = &results[result_count];

    opts.integer = integer;
    if (image_count++ % every != 0) {
        return MV_OK;
    }
    MV_REQUIRE(result_count < IMAGES_MAX, err, MV_E_LIMIT, "more than %d images", IMAGES_MAX);
    MV_TRY(png_gray8(&image, path, SIDE, err));
    MV_TRY(mv_codec_encode(&code, model, &image, &opts, err));
    MV_TRY(mv_codec_decode(&back, model, &code, &opts, err));
    MV_TRY(mv_compare(&r->c, &image, &back, err));
    (void)snprintf(r->set, sizeof r->set, "%s", (const char *)set);
    manifest_column(r->origin, sizeof r->origin, name, 9);
    result_count++;
done:
    mv_code_clear(&code);
    mv_image_clear(&image);
    mv_image_clear(&back);
    return st;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* One row over the results of a set, and of an origin unless it is NULL. */
static void print_row(const char *set, const char *origin)
{
    static double psnr[IMAGES_MAX];
    double sum_psnr = 0, sum_rmse = 0, sum_ssim = 0;
    size_t n = 0;

    for (size_t i = 0; i < result_count; i++) {
        const result *r = &results[i];
        if (strcmp(r->set, set) == 0 && (origin == NULL || strcmp(r->origin, origin) == 0)) {
            psnr[n++] = r->c.psnr_db;
            sum_psnr += r->c.psnr_db;
            sum_rmse += r->c.rmse;
            sum_ssim += r->c.ssim;
        }
    }
    qsort(psnr, n, sizeof psnr[0], ascending);
    printf("| %s | %s | %zu | %.2f | %.2f | %.5f | %.4f |\n", set, origin != NULL ? origin : "all",
           n, sum_psnr / (double)n, psnr[n / 20], sum_rmse / (double)n, sum_ssim / (double)n);
}

static bool seen_before(size_t i, bool by_origin)
{
    for (size_t k = 0; k < i; k++) {
        if (strcmp(results[k].set, results[i].set) == 0 &&
            (!by_origin || strcmp(results[k].origin, results[i].origin) == 0)) {
            return true;
        }
    }
    return false;
}

static void print_table(void)
{
    printf(
        "| set | origin | images | PSNR dB | 5th pct | RMSE | SSIM |\n|---|---|---|---|---|---|---|"
        "\n");
    for (size_t i = 0; i < result_count; i++) {
        if (!seen_before(i, false)) {
            print_row(results[i].set, NULL);
        }
        if (results[i].origin[0] != '\0' && !seen_before(i, true)) {
            print_row(results[i].set, results[i].origin);
        }
    }
}

static mv_status run_set(const char *folder, mv_error *err)
{
    mv_status st = MV_OK;
    char path[4096], name[64];
    const char *slash = strrchr(folder, '/');

    (void)snprintf(name, sizeof name, "%s", slash != NULL ? slash + 1 : folder);
    if (manifest.len == 0) {
        (void)snprintf(path, sizeof path, "%s/../manifest.tsv", folder);
        if (mv_file_read(&manifest, path, NULL) != MV_OK) {
            fprintf(stderr, "quality: no manifest beside %s, so no origins\n", folder);
        }
    }
    (void)snprintf(path, sizeof path, "%s/test", folder);
    MV_TRY(png_folder_each(path, measure, name, err));
done:
    return st;
}

int main(int argc, char **argv)
{
    mv_error err = {0};
    mv_status st = MV_E_ARGUMENT;

    manifest = mv_buffer_make((size_t)64 << 20);
    for (; argc > 2 && argv[1][0] == '-'; argc--, argv++) {
        if (strcmp(argv[1], "--integer") == 0) {
            integer = true;
        } else if (strcmp(argv[1], "--every") == 0) {
            every = strtoull(argv[2], NULL, 10);
            argc--, argv++;
        }
    }
    if (argc < 3 || every == 0 || argv[1][0] == '-') {
        fprintf(stderr, "usage: quality [--integer] [--every N] MODEL.mvm FOLDER...\n");
        return 2;
    }
    st = mv_model_load(&model, argv[1], &err);
    for (int i = 2; i < argc && st == MV_OK; i++) {
        st = run_set(argv[i], &err);
    }
    if (st == MV_OK) {
        print_table();
    } else {
        fprintf(stderr, "quality: %s\n", err.text);
    }
    mv_model_free(&model);
    mv_buffer_clear(&manifest);
    return st == MV_OK ? 0 : 1;
}
