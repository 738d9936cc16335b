/* SPDX-License-Identifier: Apache-2.0
 *
 * train_head_images.c: labelled images, their changed versions, and the maps of both.
 */
#include "train_head_images.h"

#include "base/pool.h"
#include "image/preprocess.h"
#include "paths.h"
#include "train_data.h"
#include "ui.h"

#include <math.h>
#include <string.h>
#include <sys/stat.h>

enum {
    SIDE = MV_HEAD_IMAGE_SIDE,
    PIXELS = SIDE * SIDE,
    VERSIONS = 8,          /* of each image in a whole run */
    STORE_MAX = 512 << 20, /* bytes of maps that are kept */
    TONES = 1024
};

static void split_clear(head_split *p, size_t sets)
{
    for (size_t s = 0; s < sets; s++) {
        labelled_clear(&p->set[s]);
    }
    free(p->pixel);
    free(p->label);
}

void head_images_clear(head_images *h)
{
    split_clear(&h->train, h->set_count);
    split_clear(&h->check, h->set_count);
    free(h->map);
    free(h->check_map);
}

/* ---- folders ---- */

static bool origin_allowed(const char *origin, const char *list)
{
    for (; list != NULL && *list != '\0'; list += strcspn(list, ","), list += *list == ',') {
        const size_t item = strcspn(list, ",");
        const bool prefix = item != 0 && list[item - 1] == '*';
        if (prefix ? strncmp(origin, list, item - 1) == 0
                   : strlen(origin) == item && strncmp(origin, list, item) == 0) {
            return true;
        }
    }
    return list == NULL;
}

/* Frees what is of other origins; every class has to keep an image. Gives how many went. */
static mv_status keep_origins(size_t *left_out, labelled *l, const char *origins, mv_error *err)
{
    mv_status st = MV_OK;
    size_t kept = 0, of_class[LABELLED_CLASSES_MAX] = {0};

    for (size_t i = 0; i < l->count; i++) {
        if (origin_allowed(l->image[i].origin, origins)) {
            of_class[l->image[i].label]++;
            l->image[kept++] = l->image[i];
        } else {
            free(l->image[i].path);
        }
    }
    *left_out += l->count - kept;
    l->count = kept;
    for (uint32_t k = 0; k < l->class_count; k++) {
        MV_REQUIRE(of_class[k] != 0, err, MV_E_NOT_FOUND,
                   "no image of %s in %s is of an origin in --origins", l->class_name[k], l->set);
    }
done:
    return st;
}

/* FOLDER/val, when there is one: its classes take the numbers they have in train; a class that
 * train lacks is left out. */
static mv_status add_check(head_images *h, const labelled *train, const char *folder, mv_error *err)
{
    mv_status st = MV_OK;
    labelled *l = &h->check.set[h->set_count - 1];
    char path[PATH_SIZE];
    struct stat s;
    size_t kept = 0;

    MV_TRY(path_join(path, sizeof path, folder, "val", "", err));
    if (stat(path, &s) != 0 || !S_ISDIR(s.st_mode)) {
        return MV_OK;
    }
    MV_TRY(labelled_list(l, train->set, folder, "val", err));
    for (size_t i = 0; i < l->count; i++) {
        const uint32_t k = labelled_find_class(train, l->class_name[l->image[i].label]);
        if (k < train->class_count) {
            l->image[kept] = l->image[i];
            l->image[kept++].label = k;
        } else {
            free(l->image[i].path);
        }
    }
    l->count = kept;
    h->check.count += kept;
done:
    return st;
}

mv_status head_images_add(head_images *h, mv_head_info *info, const char *folder,
                          const char *origins, mv_error *err)
{
    mv_status st = MV_OK;
    labelled *l = &h->train.set[h->set_count];
    char name[PATH_SIZE];

    MV_REQUIRE(h->set_count < HEAD_SETS_MAX, err, MV_E_LIMIT, "at most %d --data folders",
               HEAD_SETS_MAX);
    MV_TRY(path_copy(name, sizeof name, folder, err));
    for (size_t len = strlen(name); len > 1 && name[len - 1] == '/'; len--) {
        name[len - 1] = '\0';
    }
    h->set_count++; /* head_images_clear frees what follows, also after an error */
    MV_TRY(labelled_list(l, path_base(name), folder, "train", err));
    MV_TRY(keep_origins(&h->left_out, l, origins, err));
    h->first_class[h->set_count - 1] = info->class_count;
    MV_REQUIRE(l->class_count >= 2, err, MV_E_RANGE,
               "%s has only one class with images: nothing to tell apart", folder);
    MV_REQUIRE(info->class_count + l->class_count <= MV_HEAD_CLASSES_MAX, err, MV_E_LIMIT,
               "a head has at most %d classes", MV_HEAD_CLASSES_MAX);
    for (uint32_t k = 0; k < l->class_count; k++) {
        h->class_set[info->class_count] = (uint32_t)h->set_count - 1;
        memcpy(info->class_of[info->class_count].set, l->set, sizeof l->set);
        memcpy(info->class_of[info->class_count].name, l->class_name[k], sizeof l->class_name[k]);
        info->class_count++;
    }
    h->train.count += l->count;
    MV_TRY(add_check(h, l, folder, err));
done:
    return st;
}

/* ---- pixels ---- */

/* What a head is shown, stretched to 0..255. */
static mv_status read_image(uint8_t *pixel, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    mv_image image = {0}, square = {0};
    double lo = 0, hi = 0;

    MV_TRY(mv_image_load(&image, path, err));
    MV_TRY(mv_head_square(&square, &image, err));
    MV_TRY(mv_image_range(&lo, &hi, &square, err));
    for (size_t k = 0; k < PIXELS; k++) {
        const double gray = mv_image_get(&square, k);
        pixel[k] = hi > lo ? (uint8_t)((gray - lo) / (hi - lo) * 255 + 0.5) : 0;
    }
done:
    mv_image_clear(&image);
    mv_image_clear(&square);
    return st;
}

/* The images of one set, from number *at on; what cannot be read is taken off the list. */
static mv_status read_set(head_images *h, head_split *p, size_t s, size_t *at, mv_error *err)
{
    mv_status st = MV_OK;
    labelled *l = &p->set[s];
    const size_t count = l->count;

    l->count = 0;
    for (size_t i = 0; i < count; i++) {
        const labelled_image image = l->image[i];
        mv_error why = {.text = ""};
        st = st != MV_OK        ? st
             : ui_interrupted() ? MV_E_INTERRUPTED
                                : read_image(p->pixel + *at * PIXELS, image.path, &why);
        if (st == MV_OK) {
            p->label[(*at)++] = h->first_class[s] + image.label;
            l->image[l->count++] = image;
            continue;
        }
        if (train_data_unusable(st, image.path, &why)) {
            h->unreadable++;
            st = MV_OK;
        }
        free(image.path);
    }
    return st == MV_OK ? MV_OK
                       : mv_fail(err, st, "cannot read the images of %s: %s", l->set,
                                 mv_status_sentence(st));
}

static mv_status read_split(head_images *h, head_split *p, mv_error *err)
{
    mv_status st = MV_OK;
    size_t at = 0;

    p->pixel = calloc(p->count + 1, PIXELS);
    p->label = calloc(p->count + 1, sizeof *p->label);
    MV_REQUIRE(p->pixel != NULL && p->label != NULL, err, MV_E_MEMORY,
               "out of memory for %zu images", p->count);
    for (size_t s = 0; s < h->set_count; s++) {
        MV_TRY(read_set(h, p, s, &at, err));
    }
    p->count = at;
done:
    return st;
}

/* ---- changed versions ---- */

typedef struct warp {
    double cosine, sine, dy, dx;
    bool flip;
    uint8_t tone[TONES + 1]; /* of gray k / TONES */
} warp;

static double between(mv_rand *rand, double lo, double hi)
{
    return lo + (hi - lo) * mv_rand_unit(rand);
}

/* Turned by up to 15 degrees, 1/1.2 to 1.2 times the size, moved by up to a sixteenth of the side,
 * left and right exchanged, other gamma and contrast. */
static void draw_warp(warp *w, mv_rand *rand)
{
    const double angle = between(rand, -0.26, 0.26), zoom = exp(between(rand, -0.18, 0.18));
    w->cosine = cos(angle) * zoom;
    w->sine = sin(angle) * zoom;
    w->dy = between(rand, -SIDE / 16.0, SIDE / 16.0);
    w->dx = between(rand, -SIDE / 16.0, SIDE / 16.0);
    w->flip = mv_rand_unit(rand) < 0.5;
    const double gamma = exp(between(rand, -0.35, 0.35));
    const double gain = between(rand, 0.8, 1.1), offset = between(rand, -0.05, 0.05);
    for (int k = 0; k <= TONES; k++) {
        const double changed = offset + gain * pow(k / (double)TONES, gamma);
        const double clamped = changed < 0 ? 0 : changed > 1 ? 1 : changed;
        w->tone[k] = (uint8_t)(clamped * 255 + 0.5);
    }
}

/* Gray 0..1 at (y, x); edges are repeated. */
static double sample(const uint8_t *image, double y, double x)
{
    y = y < 0 ? 0 : y > SIDE - 1 ? SIDE - 1 : y;
    x = x < 0 ? 0 : x > SIDE - 1 ? SIDE - 1 : x;
    const size_t r = (size_t)y, s = (size_t)x;
    const size_t down = r + 1 < SIDE ? SIDE : 0, right = s + 1 < SIDE ? 1 : 0;
    const double fy = y - (double)r, fx = x - (double)s;
    const uint8_t *p = image + r * SIDE + s;
    const double top = p[0] + fx * (p[right] - p[0]);
    const double bottom = p[down] + fx * (p[down + right] - p[down]);
    return (top + fy * (bottom - top)) / 255;
}

static void warp_image(uint8_t *out, const uint8_t *in, const warp *w)
{
    const double middle = (SIDE - 1) / 2.0;
    for (int r = 0; r < SIDE; r++) {
        for (int s = 0; s < SIDE; s++) {
            const double y = r - middle, x = w->flip ? middle - s : s - middle;
            const double value = sample(in, middle + w->cosine * y - w->sine * x + w->dy,
                                        middle + w->sine * y + w->cosine * x + w->dx);
            out[r * SIDE + s] = w->tone[(size_t)(value * TONES + 0.5)];
        }
    }
}

/* ---- maps ---- */

/* Maps of the picture in image (224x224, 8 bits). */
static mv_status encode(const head_images *h, float *maps, const mv_image *image)
{
    mv_status st = MV_OK;
    mv_codec_opts opts = mv_codec_defaults();
    mv_code code = {.feature = NULL};

    opts.threads = 1;
    MV_ENSURE(!ui_interrupted(), MV_E_INTERRUPTED);
    MV_TRY(mv_codec_encode(&code, h->model, image, &opts, NULL));
    MV_TRY(mv_head_fill_maps(maps, h->model, &code));
done:
    mv_code_clear(&code);
    return st;
}

/* Item n: version n / count of image n % count; version 0 of round 0 is the image as it is. */
static mv_status encode_version(void *user, unsigned worker, size_t n)
{
    mv_status st = MV_OK;
    head_images *h = user;
    const size_t i = n % h->train.count, version = n / h->train.count;
    const uint64_t made = h->round * h->versions + version;
    mv_rand rand = mv_rand_make(h->seed * 1000003 + made * h->train.count + i);
    mv_image image = {0};
    float *maps = malloc(h->one * sizeof *maps);
    uint16_t *out = h->map + (i * h->versions + version) * h->one;

    MV_ENSURE(maps != NULL, MV_E_MEMORY);
    MV_TRY(mv_image_alloc(&image, SIDE, SIDE, 1, 1, MV_SAMPLE_U8));
    memcpy(image.sample, h->train.pixel + i * PIXELS, PIXELS);
    if (made != 0) {
        warp w;
        draw_warp(&w, &rand);
        warp_image(image.sample, h->train.pixel + i * PIXELS, &w);
    }
    MV_TRY(encode(h, maps, &image));
    for (size_t k = 0; k < h->one; k++) {
        out[k] = (uint16_t)(maps[k] * 65535 + 0.5F);
    }
    if (worker == 0) {
        const mv_progress progress = ui_progress();
        MV_TRY(progress.step(progress.user, "encoding versions", n, h->train.count * h->versions));
    }
done:
    free(maps);
    mv_image_clear(&image);
    return st;
}

mv_status head_images_renew(void *user)
{
    head_images *h = user;
    const mv_status st = mv_pool_run(h->threads, h->train.count * h->versions, encode_version, h);
    ui_progress_end();
    h->round++;
    return st;
}

void head_images_fetch(void *user, float *maps, size_t i, mv_rand *rand)
{
    const head_images *h = user;
    const size_t version = mv_rand_below(rand, (uint32_t)h->versions);
    const uint16_t *map = h->map + (i * h->versions + version) * h->one;
    for (size_t k = 0; k < h->one; k++) {
        maps[k] = (float)map[k] / 65535.0F;
    }
}

static mv_status encode_check(void *user, unsigned worker, size_t i)
{
    mv_status st = MV_OK;
    head_images *h = user;
    mv_image image = {0};

    (void)worker;
    MV_TRY(mv_image_alloc(&image, SIDE, SIDE, 1, 1, MV_SAMPLE_U8));
    memcpy(image.sample, h->check.pixel + i * PIXELS, PIXELS);
    MV_TRY(encode(h, h->check_map + i * h->one, &image));
done:
    mv_image_clear(&image);
    return st;
}

mv_status head_images_read(head_images *h, uint32_t maps, mv_error *err)
{
    mv_status st = MV_OK;
    MV_TRY(read_split(h, &h->train, err));
    MV_TRY(read_split(h, &h->check, err));
    MV_REQUIRE(h->train.count != 0, err, MV_E_NOT_FOUND, "none of the images can be read");
    h->one = (size_t)maps * MV_HEAD_CELLS;
    h->versions = STORE_MAX / (h->train.count * h->one * sizeof *h->map);
    h->versions = h->versions < 1 ? 1 : h->versions > VERSIONS ? VERSIONS : h->versions;
    h->rounds = (VERSIONS + h->versions - 1) / h->versions;
    h->map = calloc(h->train.count * h->versions, h->one * sizeof *h->map);
    h->check_map = calloc(h->check.count + 1, h->one * sizeof *h->check_map);
    MV_REQUIRE(h->map != NULL && h->check_map != NULL, err, MV_E_MEMORY,
               "out of memory for %zu training images", h->train.count);
    st = mv_pool_run(h->threads, h->check.count, encode_check, h);
    MV_REQUIRE(st == MV_OK, err, st, "encoding the validation images failed: %s",
               mv_status_sentence(st));
done:
    return st;
}
