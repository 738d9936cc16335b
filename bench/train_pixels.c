/* SPDX-License-Identifier: Apache-2.0
 *
 * train_pixels.c: how src/codec/veil_pixels_net.c was made.
 *
 *     build/tools/train_pixels FOLDER... > src/codec/veil_pixels_net.c
 *
 * FOLDER holds the training images, at any depth (brain_mri: only names that the manifest beside it
 * gives an origin of figshare-*, for the licence's sake; the numbers hold no picture, but the rule
 * is one). Recipe: each step takes an image in its own size, one of its 8 flips and turns, and as
 * often as not makes deeper samples of it by adding up 2x2 or 4x4 pixels; the contexts of about
 * 4,096 pixels; the mean of their bits (spread_loss.h); Adam, 2e-3 with a cosine, gradient length
 * at most 1, 10,000 steps; seed 1. Then the nearest integer network.
 */
#include "base/file.h"
#include "codec/spread_loss.h"
#include "codec/veil_pixels.h"
#include "image/samples.h"
#include "medveil/image.h"
#include "nn/nn_optim.h"
#include "nn/nn_small_train.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { IMAGES_MAX = 8192, SETS_MAX = 8, STEPS = 10000, SAMPLES = 4096, LOG_LIMIT = 5 };

typedef struct plane {
    uint32_t width, height;
    int32_t *pixel;
} plane;

static plane images[SETS_MAX][IMAGES_MAX];
static size_t image_count[SETS_MAX];
static size_t set_count;
static mv_buffer manifest;

/* ---- images ---- */

/* Whether the row of this file name has figshare- in it, or is not of the brain set. */
static bool licence_allows(const char *name)
{
    const char *row = manifest.len != 0 ? strstr((const char *)manifest.bytes, name) : NULL;
    if (row == NULL) {
        return true;
    }
    const char *end = strchr(row, '\n');
    const char *origin = strstr(row, "\tfigshare-");
    const char *brain = strstr(row, "\tbrain_mri\t");
    const bool is_brain = brain != NULL && (end == NULL || brain < end);
    return !is_brain || (origin != NULL && (end == NULL || origin < end));
}

static mv_status add_image(const char *path)
{
    mv_status st = MV_OK;
    mv_image image = {0};
    plane p = {0};
    double *sample = NULL;
    MV_ENSURE(image_count[set_count] < IMAGES_MAX, MV_E_LIMIT);
    MV_TRY(mv_image_load(&image, path, NULL));
    MV_ENSURE(image.channels == 1 && image.depth == 1, MV_E_UNSUPPORTED);
    const size_t count = mv_image_sample_count(&image);
    p = (plane){image.width, image.height, malloc(count * sizeof *p.pixel)};
    sample = malloc(count * sizeof *sample);
    MV_ENSURE(p.pixel != NULL && sample != NULL, MV_E_MEMORY);
    mv_samples_read(sample, &image, 0, 1, count);
    for (size_t i = 0; i < count; i++) {
        p.pixel[i] = (int32_t)sample[i];
    }
    images[set_count][image_count[set_count]++] = p;
    p.pixel = NULL;
done:
    free(p.pixel);
    free(sample);
    mv_image_clear(&image);
    return st;
}

static mv_status add_folder(const char *path)
{
    mv_status st = MV_OK;
    struct dirent **entry = NULL;
    const int count = scandir(path, &entry, NULL, alphasort); /* the same order everywhere */
    MV_ENSURE(count >= 0, MV_E_NOT_FOUND);
    for (int i = 0; i < count && st == MV_OK; i++) {
        char full[4096];
        struct stat about;
        (void)snprintf(full, sizeof full, "%s/%s", path, entry[i]->d_name);
        if (entry[i]->d_name[0] == '.' || stat(full, &about) != 0) {
            continue;
        }
        if (S_ISDIR(about.st_mode)) {
            st = add_folder(full);
        } else if (licence_allows(entry[i]->d_name)) {
            st = add_image(full);
        }
    }
done:
    for (int i = 0; i < count; i++) {
        free(entry[i]);
    }
    free(entry);
    return st;
}

/* Adds up blocks of side x side pixels, then flips and turns: 1, 2, 4 in flips. */
static plane changed(const plane *in, uint32_t side, uint32_t flips)
{
    const uint32_t w = in->width / side, h = in->height / side;
    const bool turn = (flips & 4) != 0;
    plane out = {turn ? h : w, turn ? w : h, calloc((size_t)w * h, sizeof *out.pixel)};
    for (uint32_t y = 0; out.pixel != NULL && y < h * side; y++) {
        for (uint32_t x = 0; x < w * side; x++) {
            const uint32_t fy = flips & 1 ? h - 1 - y / side : y / side;
            const uint32_t fx = flips & 2 ? w - 1 - x / side : x / side;
            const size_t at = turn ? (size_t)fx * out.width + fy : (size_t)fy * out.width + fx;
            out.pixel[at] += in->pixel[(size_t)y * in->width + x];
        }
    }
    return out;
}

/* ---- training ---- */

typedef struct step {
    mv_rand *r;
    const plane *p;
    mv_small_weights *w, *g;
    double keep, bits;
    size_t count;
} step;

static mv_status visit(void *user, uint32_t row, uint32_t column, const mv_pixel_context *k)
{
    step *s = user;
    mv_small_trace t;
    double slope[2];
    if (mv_rand_unit(s->r) >= s->keep) {
        return MV_OK;
    }
    mv_small_forward(&t, s->w, k->x);
    const double unit = k->unit16 / 16.0;
    const double log_s = fmax(log2(unit) + fmin(fmax(t.y[1], -LOG_LIMIT), LOG_LIMIT), -4);
    const double off = s->p->pixel[(size_t)row * s->p->width + column] - k->guess - unit * t.y[0];
    s->bits += mv_spread_loss(slope, off, log_s);
    const float dy[2] = {(float)(slope[0] * unit), (float)slope[1]};
    mv_small_backward(s->g, s->w, &t, dy);
    s->count++;
    return MV_OK;
}

static mv_status train(mv_small_weights *w, mv_rand *r)
{
    static mv_small_weights g, m, v;
    mv_status st = MV_OK;
    plane p = {0};
    double mean = 0;
    for (uint64_t t = 1; t <= STEPS; t++) {
        const size_t set = t % set_count;
        const plane *from = &images[set][mv_rand_below(r, (uint32_t)image_count[set])];
        const uint32_t deeper = mv_rand_below(r, 4), side = deeper < 2 ? 1 : deeper == 2 ? 2 : 4;
        p = changed(from, side, mv_rand_below(r, 8));
        MV_ENSURE(p.pixel != NULL, MV_E_MEMORY);
        memset(&g, 0, sizeof g);
        step s = {r, &p, w, &g, (double)SAMPLES / ((double)p.width * p.height), 0, 0};
        const mv_pixel_shape shape = {p.width, p.height, 0, 255 * 16, 0};
        MV_TRY(mv_pixels_visit(&shape, p.pixel, visit, &s));
        float *const gradient = &g.w1[0][0];
        for (size_t i = 0; i < MV_SMALL_WEIGHTS; i++) {
            gradient[i] /= (float)(s.count + 1);
        }
        (void)mv_gradient_clip(gradient, MV_SMALL_WEIGHTS, 1);
        mv_optim_step(MV_OPTIM_ADAM, &w->w1[0][0], &m.w1[0][0], &v.w1[0][0], gradient,
                      MV_SMALL_WEIGHTS, mv_rate_at((double)t / STEPS, 2e-3, 1e-5, 0.02), t);
        mean += (s.bits / (double)(s.count + 1) - mean) / (double)(t < 1000 ? t : 1000);
        if (t % 1000 == 0) {
            (void)fprintf(stderr, "step %d: %.4f bits a sample\n", (int)t, mean);
        }
        free(p.pixel);
        p.pixel = NULL;
    }
done:
    free(p.pixel);
    return st;
}

static void print_table(const mv_buffer *bytes)
{
    (void)printf(
        "/* SPDX-License-Identifier: Apache-2.0\n *\n * veil_pixels_net.c: the network of "
        "veil_pixels.h, as mv_small_read takes it. Made by\n * bench/train_pixels.c, never "
        "by hand.\n */\n#include \"codec/veil_pixels.h\"\n\nconst uint8_t "
        "mv_pixels_net_bytes[MV_SMALL_LEN] = {");
    for (size_t i = 0; i < bytes->len; i++) {
        (void)printf("%s%u,", i % 20 == 0 ? "\n    " : " ", bytes->bytes[i]);
    }
    (void)printf("\n};\n");
}

int main(int argc, char **argv)
{
    static mv_small_weights w;
    mv_status st = MV_OK;
    mv_rand r = mv_rand_make(1);
    mv_small_net net;
    mv_buffer bytes = mv_buffer_make(1 << 16);
    const float start[2] = {0, -1};

    manifest = mv_buffer_make(1 << 24);
    for (int i = 1; i < argc && set_count < SETS_MAX; i++, set_count++) {
        char list[4096];
        (void)snprintf(list, sizeof list, "%s/../../manifest.tsv", argv[i]);
        if (manifest.len == 0 && mv_file_read(&manifest, list, NULL) == MV_OK) {
            MV_TRY(mv_buffer_put_u8(&manifest, 0)); /* so that strstr ends */
        }
        MV_TRY(add_folder(argv[i]));
        (void)fprintf(stderr, "%s: %zu images\n", argv[i], image_count[set_count]);
        MV_ENSURE(image_count[set_count] != 0, MV_E_NOT_FOUND);
    }
    MV_ENSURE(set_count != 0, MV_E_ARGUMENT);
    mv_small_init(&w, start, &r);
    MV_TRY(train(&w, &r));
    MV_TRY(mv_small_export(&net, &w));
    MV_TRY(mv_small_write(&bytes, &net));
    print_table(&bytes);
done:
    if (st != MV_OK) {
        (void)fprintf(stderr, "train_pixels: %s\n", mv_status_sentence(st));
    }
    mv_buffer_clear(&bytes);
    return st == MV_OK ? 0 : 1;
}
