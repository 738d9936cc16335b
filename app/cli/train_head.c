/* SPDX-License-Identifier: Apache-2.0
 *
 * train_head.c: reads labelled images, encodes several changed versions of each once, and trains
 * a head on their maps (nn/nn_head.h). Encoding may use all processors, training uses one: the
 * weights depend on neither.
 */
#include "train_head.h"

#include "base/cpu.h"
#include "base/file.h"
#include "base/pool.h"
#include "codec/head.h"
#include "image/preprocess.h"
#include "labelled.h"
#include "paths.h"
#include "ui.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    SETS_MAX = 8,
    SIDE = MV_HEAD_IMAGE_SIDE,
    PIXELS = SIDE * SIDE,
    VERSIONS_MAX = 12,
    CACHE_MAX = 768 << 20 /* bytes of maps */
};

typedef struct head_job {
    mv_model *model;
    mv_head head; /* maps, classes; weights when trained */
    labelled set[SETS_MAX];
    size_t set_count;
    uint32_t class_set[MV_HEAD_CLASSES_MAX], first_class[SETS_MAX];
    size_t count;         /* images of all sets */
    uint8_t *pixel;       /* count x PIXELS */
    uint32_t *label;      /* count */
    size_t versions, one; /* of each image; uint16 of one version's maps */
    uint16_t *map;        /* count x versions x one; 65535 is 1 */
    uint64_t seed;
    unsigned threads;
    bool json;
} head_job;

static void job_clear(head_job *j)
{
    mv_model_free(&j->model);
    free(j->head.weights);
    for (size_t s = 0; s < j->set_count; s++) {
        labelled_clear(&j->set[s]);
    }
    free(j->pixel);
    free(j->label);
    free(j->map);
}

/* ---- images ---- */

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

static void keep_origins(labelled *l, const char *origins)
{
    size_t kept = 0;
    for (size_t i = 0; i < l->count; i++) {
        if (origin_allowed(l->image[i].origin, origins)) {
            l->image[kept++] = l->image[i];
        } else {
            free(l->image[i].path);
        }
    }
    l->count = kept;
}

static mv_status add_set(head_job *j, const char *folder, const char *origins, mv_error *err)
{
    mv_status st = MV_OK;
    labelled *l = &j->set[j->set_count];
    char name[PATH_SIZE];
    mv_head_info *info = &j->head.info;

    MV_REQUIRE(j->set_count < SETS_MAX, err, MV_E_LIMIT, "at most %d --data folders", SETS_MAX);
    MV_TRY(path_copy(name, sizeof name, folder, err));
    for (size_t len = strlen(name); len > 1 && name[len - 1] == '/'; len--) {
        name[len - 1] = '\0';
    }
    MV_TRY(labelled_list(l, path_base(name), folder, "train", err));
    keep_origins(l, origins);
    j->first_class[j->set_count] = info->class_count;
    MV_REQUIRE(l->class_count >= 2, err, MV_E_RANGE,
               "%s has only one class with images: nothing to tell apart", folder);
    MV_REQUIRE(info->class_count + l->class_count <= MV_HEAD_CLASSES_MAX, err, MV_E_LIMIT,
               "a head has at most %d classes", MV_HEAD_CLASSES_MAX);
    for (uint32_t k = 0; k < l->class_count; k++) {
        j->class_set[info->class_count] = (uint32_t)j->set_count;
        memcpy(info->class_of[info->class_count].set, l->set, sizeof l->set);
        memcpy(info->class_of[info->class_count].name, l->class_name[k], sizeof l->class_name[k]);
        info->class_count++;
    }
    j->count += l->count;
    j->set_count++;
done:
    return st;
}

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

static mv_status read_images(head_job *j, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_progress progress = ui_progress();
    size_t at = 0;

    j->pixel = calloc(j->count, PIXELS);
    j->label = calloc(j->count, sizeof *j->label);
    MV_REQUIRE(j->pixel != NULL && j->label != NULL, err, MV_E_MEMORY,
               "out of memory for %zu training images", j->count);
    for (size_t s = 0; s < j->set_count; s++) {
        for (size_t i = 0; i < j->set[s].count; i++, at++) {
            MV_TRY(progress.step(progress.user, "reading images", at, j->count));
            MV_TRY(read_image(j->pixel + at * PIXELS, j->set[s].image[i].path, err));
            j->label[at] = j->first_class[s] + j->set[s].image[i].label;
        }
    }
done:
    ui_progress_end();
    return st;
}

/* ---- changed versions, and their maps ---- */

typedef struct warp {
    double cosine, sine, dy, dx, gain, gamma, offset;
    bool flip;
} warp;

static double between(mv_rand *rand, double lo, double hi)
{
    return lo + (hi - lo) * mv_rand_unit(rand);
}

/* Turned by up to 15 degrees, 1/1.2 to 1.2 times the size, moved by up to a sixteenth of the side,
 * left and right exchanged, other gamma and contrast. */
static warp draw_warp(mv_rand *rand)
{
    const double angle = between(rand, -0.26, 0.26), zoom = exp(between(rand, -0.18, 0.18));
    warp w;
    w.cosine = cos(angle) * zoom;
    w.sine = sin(angle) * zoom;
    w.dy = between(rand, -SIDE / 16.0, SIDE / 16.0);
    w.dx = between(rand, -SIDE / 16.0, SIDE / 16.0);
    w.flip = mv_rand_unit(rand) < 0.5;
    w.gamma = exp(between(rand, -0.35, 0.35));
    w.gain = between(rand, 0.8, 1.1);
    w.offset = between(rand, -0.05, 0.05);
    return w;
}

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
            const double changed = w->offset + w->gain * pow(value, w->gamma);
            const double clamped = changed < 0 ? 0 : changed > 1 ? 1 : changed;
            out[r * SIDE + s] = (uint8_t)(clamped * 255 + 0.5);
        }
    }
}

/* Item n: version n / count of image n % count; version 0 is the image as it is. */
static mv_status encode_one(void *user, unsigned worker, size_t n)
{
    mv_status st = MV_OK;
    head_job *j = user;
    const size_t i = n % j->count, version = n / j->count;
    mv_rand rand = mv_rand_make(j->seed * 1000003 + n);
    mv_codec_opts opts = mv_codec_defaults();
    mv_image image = {0};
    mv_code code = {.feature = NULL};
    float *maps = malloc(j->one * sizeof *maps);
    uint16_t *out = j->map + (i * j->versions + version) * j->one;

    (void)worker;
    opts.threads = 1;
    MV_ENSURE(maps != NULL, MV_E_MEMORY);
    MV_ENSURE(!ui_interrupted(), MV_E_INTERRUPTED);
    MV_TRY(mv_image_alloc(&image, SIDE, SIDE, 1, 1, MV_SAMPLE_U8));
    memcpy(image.sample, j->pixel + i * PIXELS, PIXELS);
    if (version != 0) {
        const warp w = draw_warp(&rand);
        warp_image(image.sample, j->pixel + i * PIXELS, &w);
    }
    MV_TRY(mv_codec_encode(&code, j->model, &image, &opts, NULL));
    MV_TRY(mv_head_fill_maps(maps, j->model, &code));
    for (size_t k = 0; k < j->one; k++) {
        out[k] = (uint16_t)(maps[k] * 65535 + 0.5F);
    }
    if (worker == 0) {
        const mv_progress progress = ui_progress();
        MV_TRY(progress.step(progress.user, "encoding versions", n, j->count * j->versions));
    }
done:
    free(maps);
    mv_code_clear(&code);
    mv_image_clear(&image);
    return st;
}

static mv_status encode_versions(head_job *j, mv_error *err)
{
    mv_status st = MV_OK;
    j->one = (size_t)j->head.maps * MV_HEAD_CELLS;
    j->versions = CACHE_MAX / (j->count * j->one * sizeof *j->map);
    j->versions = j->versions < 1 ? 1 : j->versions > VERSIONS_MAX ? VERSIONS_MAX : j->versions;
    j->map = calloc(j->count * j->versions, j->one * sizeof *j->map);
    MV_REQUIRE(j->map != NULL, err, MV_E_MEMORY, "out of memory for %zu training images", j->count);
    st = mv_pool_run(j->threads, j->count * j->versions, encode_one, j);
    ui_progress_end();
    MV_REQUIRE(st == MV_OK, err, st, "encoding the training images failed: %s",
               mv_status_sentence(st));
done:
    return st;
}

static void fetch(void *user, float *maps, size_t i, mv_rand *rand)
{
    const head_job *j = user;
    const size_t version = mv_rand_below(rand, (uint32_t)j->versions);
    const uint16_t *map = j->map + (i * j->versions + version) * j->one;
    for (size_t k = 0; k < j->one; k++) {
        maps[k] = (float)map[k] / 65535.0F;
    }
}

/* ---- the run ---- */

static void say_loss(void *user, uint64_t step, double loss)
{
    const head_job *j = user;
    if (j->json) {
        ui_json(json_pack("{s:I, s:f}", "step", (json_int_t)step, "loss", loss));
    } else if (step % 500 == 0) {
        ui_say("step %llu, loss %.4f", (unsigned long long)step, loss);
    }
}

static void say_data(const head_job *j)
{
    for (size_t s = 0; s < j->set_count; s++) {
        const labelled *l = &j->set[s];
        if (l->empty_classes != 0) {
            ui_say("%s: %u class folder%s without an image left out", l->set, l->empty_classes,
                   l->empty_classes == 1 ? "" : "s");
        }
        ui_say("%s: %zu images of %u classes to train on", l->set, l->count, l->class_count);
    }
}

static mv_status write_head(const head_job *j, const cli_args *args, mv_error *err)
{
    mv_status st = MV_OK;
    mv_buffer file = mv_buffer_make(MV_HEAD_FILE_MAX);
    MV_TRY(mv_head_file_write(&file, &j->head));
    MV_TRY(mv_file_write(cli_value(args, "output"), file.bytes, file.len,
                         cli_flag(args, "force") ? MV_OUTPUT_FORCE : 0, err));
done:
    mv_buffer_clear(&file);
    return st;
}

static void describe(head_job *j, const cli_args *args, const mv_head_train_opts *o)
{
    mv_head_info *info = &j->head.info;
    mv_model_info model;
    const char *licence = cli_value(args, "licence");
    size_t len = (size_t)snprintf(info->training, sizeof info->training,
                                  "head, seed %llu, %llu steps of %u, %zu versions of an image;",
                                  (unsigned long long)o->seed, (unsigned long long)o->steps,
                                  o->batch, j->versions);
    for (size_t s = 0; s < j->set_count && len < sizeof info->training; s++) {
        len += (size_t)snprintf(info->training + len, sizeof info->training - len, " %s %zu images",
                                j->set[s].set, j->set[s].count);
    }
    mv_model_describe(&model, j->model);
    memcpy(info->model_name, model.name, sizeof info->model_name);
    memcpy(info->model_hash, model.hash, sizeof info->model_hash);
    (void)snprintf(info->licence, sizeof info->licence, "%s",
                   licence == NULL ? "unstated" : licence);
}

static mv_status train(head_job *j, const cli_args *args, mv_head_train_opts *o, mv_error *err)
{
    mv_status st = MV_OK;
    const char *folder = NULL, *path = cli_value(args, "output");

    if (!cli_flag(args, "force") && access(path, F_OK) == 0) {
        mv_hint(err, "give --force to replace it");
        MV_REQUIRE(false, err, MV_E_EXISTS, "%s exists already", path);
    }
    MV_TRY(path_load_model(&j->model, cli_value(args, "model"), err));
    j->head.maps = mv_head_maps_of(j->model);
    MV_REQUIRE(j->head.maps != 0, err, MV_E_UNSUPPORTED,
               "the features of this model do not divide into %ux%u cells", MV_HEAD_SIDE,
               MV_HEAD_SIDE);
    for (size_t i = 0; (folder = cli_value_at(args, "data", i)) != NULL; i++) {
        MV_TRY(add_set(j, folder, cli_value(args, "origins"), err));
    }
    MV_TRY(read_images(j, err));
    say_data(j);
    MV_TRY(encode_versions(j, err));
    describe(j, args, o);
    j->head.weights =
        calloc(mv_head_weight_count(j->head.maps, j->head.info.class_count), sizeof(float));
    MV_REQUIRE(j->head.weights != NULL, err, MV_E_MEMORY, "out of memory for a head");
    const mv_head_data data = {.count = j->count,
                               .maps = j->head.maps,
                               .classes = j->head.info.class_count,
                               .label = j->label,
                               .set = j->class_set,
                               .fetch = fetch,
                               .user = j};
    st = mv_head_train(j->head.weights, &data, o, ui_progress(), err);
    ui_progress_end();
    MV_TRY(st);
    MV_TRY(write_head(j, args, err));
done:
    return st;
}

int train_head(const cli_args *args)
{
    mv_head_train_opts opts = mv_head_train_defaults();
    head_job *job = calloc(1, sizeof *job);
    mv_error err = {0};
    long steps = 0, seed = 0, threads = 0;

    if (job == NULL || !cli_number(args, "steps", 1, 10000000, (long)opts.steps, &steps) ||
        !cli_number(args, "seed", 0, 1000000000, 1, &seed) ||
        !cli_number(args, "threads", 1, 256, (long)mv_cpu_count(), &threads)) {
        free(job);
        return job == NULL ? CLI_FAILURE : CLI_USAGE;
    }
    opts.steps = (uint64_t)steps;
    opts.seed = job->seed = (uint64_t)seed;
    opts.on_loss = say_loss;
    opts.user = job;
    job->threads = (unsigned)threads;
    job->json = cli_flag(args, "json");
    const mv_status st = train(job, args, &opts, &err);
    job_clear(job);
    free(job);
    return st == MV_OK ? CLI_OK : ui_fail(st, &err);
}
