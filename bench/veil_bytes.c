/* SPDX-License-Identifier: Apache-2.0
 *
 * veil_bytes.c: how many bytes compact mode needs beside JPEG 2000, per data set.
 *
 *     build/tools/veil_bytes NETWORKS.mvv SPLIT EVERY native|224 FOLDER...
 *
 * FOLDER is one data set with a folder SPLIT of PNG files, of which every EVERYth is taken, in its
 * own size or resized to 224x224 and stretched to 0..255. OpenJPEG (9-7 wavelet, one layer, code
 * stream without boxes) is aimed at 38, 42 and 46 dB; whatever PSNR its image then has, compact
 * mode must reach for the same image. Bytes of both are summed.
 */
#include "codec/veil_file.h"
#include "j2k.h"
#include "medveil/metrics.h"
#include "png_folder.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AIMS = 3, SIDE = 224, CAP = 1 << 26 };
static const float aims[AIMS] = {38, 42, 46};

typedef struct totals {
    const mv_veil *veil;
    bool native;
    size_t every, seen, count;
    double j2k[AIMS], veil_bytes[AIMS], psnr[AIMS], pixels, worst[AIMS];
} totals;

static mv_status measure_aim(totals *t, const mv_image *image, mv_image *back, size_t k,
                             mv_error *err)
{
    mv_status st = MV_OK;
    const mv_jpegls_frame frame = {image->width, image->height, 1, 8, 0};
    mv_buffer bytes = mv_buffer_make(CAP);
    mv_comparison c;
    uint8_t *veil = NULL;
    size_t len = 0;
    mv_veil_opts opts = {.threads = 1};

    MV_TRY(j2k_encode(&bytes, &frame, image->sample, aims[k]));
    MV_TRY(j2k_decode(back, &bytes));
    MV_TRY(mv_compare(&c, image, back, err));
    opts.target_psnr_db = c.psnr_db;
    MV_TRY(mv_veil_encode(&veil, &len, NULL, t->veil, image, &opts, err));
    t->j2k[k] += (double)bytes.len;
    t->veil_bytes[k] += (double)len;
    t->psnr[k] += c.psnr_db;
    t->worst[k] = fmax(t->worst[k], (double)len / (double)bytes.len - 1);
done:
    mv_veil_free_bytes(&veil, len);
    mv_buffer_clear(&bytes);
    return st;
}

static mv_status measure(void *user, const char *path, const char *name, mv_error *err)
{
    totals *t = user;
    mv_status st = MV_OK;
    mv_image image = {0}, back = {0};

    (void)name;
    if (t->seen++ % t->every != 0) {
        return MV_OK;
    }
    MV_TRY(png_gray8(&image, path, t->native ? 0 : SIDE, err));
    MV_TRY(mv_image_alloc(&back, image.width, image.height, 1, 1, MV_SAMPLE_U8));
    for (size_t k = 0; k < AIMS; k++) {
        MV_TRY(measure_aim(t, &image, &back, k, err));
    }
    t->count++;
    t->pixels += (double)mv_image_sample_count(&image);
done:
    mv_image_clear(&image);
    mv_image_clear(&back);
    return st;
}

static void print_rows(const char *set, const totals *t)
{
    for (size_t k = 0; k < AIMS; k++) {
        printf("| %s | %zu | %.0f | %.2f | %.3f | %.3f | %+.1f %% | %+.1f %% |\n", set, t->count,
               (double)aims[k], t->psnr[k] / (double)t->count, 8 * t->j2k[k] / t->pixels,
               8 * t->veil_bytes[k] / t->pixels, 100 * (t->veil_bytes[k] / t->j2k[k] - 1),
               100 * t->worst[k]);
    }
    (void)fflush(stdout);
}

static mv_status run(int argc, char **argv, mv_error *err)
{
    mv_status st = MV_OK;
    mv_veil *veil = NULL;

    MV_TRY(mv_veil_load(&veil, argv[1], err));
    printf(
        "| set | images | aim | mean PSNR | JPEG 2000 bpp | veil bpp | difference | worst image |\n"
        "|---|---|---|---|---|---|---|---|\n");
    for (int i = 5; i < argc; i++) {
        char path[4096];
        totals t = {.veil = veil,
                    .native = strcmp(argv[4], "native") == 0,
                    .every = strtoul(argv[3], NULL, 10)};
        const char *slash = strrchr(argv[i], '/');
        MV_REQUIRE(t.every != 0, err, MV_E_ARGUMENT, "EVERY is a whole number above 0");
        for (size_t k = 0; k < AIMS; k++) {
            t.worst[k] = -1;
        }
        (void)snprintf(path, sizeof path, "%s/%s", argv[i], argv[2]);
        MV_TRY(png_folder_each(path, measure, &t, err));
        MV_REQUIRE(t.count != 0, err, MV_E_NOT_FOUND, "there is no image in %s", path);
        print_rows(slash != NULL ? slash + 1 : argv[i], &t);
    }
done:
    mv_veil_free(&veil);
    return st;
}

int main(int argc, char **argv)
{
    mv_error err = {0};
    if (argc < 6) {
        (void)fprintf(stderr, "usage: veil_bytes NETWORKS.mvv SPLIT EVERY native|224 FOLDER...\n");
        return 2;
    }
    const mv_status st = run(argc, argv, &err);
    if (st != MV_OK) {
        (void)fprintf(stderr, "veil_bytes: %s\n",
                      err.text[0] != '\0' ? err.text : mv_status_sentence(st));
    }
    return st == MV_OK ? 0 : 1;
}
