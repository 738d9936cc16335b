/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_export_head.c: a linear classifier in integers, from a model's head or from own weights.
 */
#include "base/file.h"
#include "commands.h"
#include "medveil/image.h"
#include "people.h"
#include "searching.h"
#include "ui.h"

#include <stdio.h>
#include <string.h>

static const cli_option options[] = {
    SEARCHING_SOURCE_OPTIONS,
    {"private", 0, NULL, "for answers that tell nothing but the scores"},
    {"weights", 0, "FILE", "own weights instead of the head's: .npy, a row of 128 for each class"},
    {"class", 0, "NAME", "with --weights: the name of the next class"},
    {"output", 'o', "FILE", "the classifier"},
    {"force", 'f', NULL, "replace an existing file"},
    {NULL, 0, NULL, NULL},
};

typedef struct real_model {
    float weight[MV_CLASSIFY_CLASSES_MAX * MV_SEARCH_DIM];
    mv_linear_labels labels; /* without scale */
} real_model;

static mv_status of_head(real_model *out, const searching_source *source, mv_error *err)
{
    mv_status st = MV_OK;
    mv_head_info info;
    MV_REQUIRE(source->head != NULL, err, MV_E_ARGUMENT, "--vectors have no head: give --weights");
    mv_head_describe(&info, source->head);
    MV_REQUIRE(info.class_count >= 1 && info.class_count <= MV_CLASSIFY_CLASSES_MAX, err,
               MV_E_LIMIT, "a classifier has at most %d classes", MV_CLASSIFY_CLASSES_MAX);
    out->labels.classes = info.class_count;
    for (uint32_t c = 0; c < info.class_count; c++) {
        memcpy(out->labels.class_of[c].set, info.class_of[c].set, MV_LINEAR_NAME_MAX);
        memcpy(out->labels.class_of[c].name, info.class_of[c].name, MV_LINEAR_NAME_MAX);
        memcpy(out->weight + (size_t)c * MV_SEARCH_DIM, mv_head_class_weights(source->head, c),
               MV_SEARCH_DIM * sizeof(float));
    }
done:
    return st;
}

static mv_status name_classes(real_model *out, const cli_args *args, mv_error *err)
{
    mv_status st = MV_OK;
    for (uint32_t c = 0; c < out->labels.classes; c++) {
        const char *name = cli_value_at(args, "class", c);
        MV_REQUIRE(name != NULL, err, MV_E_ARGUMENT,
                   "there are weights for %u classes: name each with --class",
                   (unsigned)out->labels.classes);
        const size_t len = strlen(name);
        MV_REQUIRE(len > 0 && len < MV_LINEAR_NAME_MAX, err, MV_E_ARGUMENT,
                   "a class has a name of 1 to %d bytes", MV_LINEAR_NAME_MAX - 1);
        memcpy(out->labels.class_of[c].set, "own", sizeof "own");
        memcpy(out->labels.class_of[c].name, name, len);
    }
    MV_REQUIRE(cli_value_at(args, "class", out->labels.classes) == NULL, err, MV_E_ARGUMENT,
               "there are weights for %u classes and more names", (unsigned)out->labels.classes);
done:
    return st;
}

static mv_status of_file(real_model *out, const cli_args *args, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    mv_image image = {0};
    MV_TRY(mv_image_load(&image, path, err));
    const size_t count = mv_image_sample_count(&image);
    MV_REQUIRE(count % MV_SEARCH_DIM == 0 &&
                   count <= (size_t)MV_CLASSIFY_CLASSES_MAX * MV_SEARCH_DIM,
               err, MV_E_ARGUMENT, "%s: weights are 1 to %d rows of %d numbers", path,
               MV_CLASSIFY_CLASSES_MAX, MV_SEARCH_DIM);
    for (size_t i = 0; i < count; i++) {
        out->weight[i] = (float)mv_image_get(&image, i);
    }
    out->labels.classes = (uint32_t)(count / MV_SEARCH_DIM);
    MV_TRY(name_classes(out, args, err));
done:
    mv_image_clear(&image);
    return st;
}

static mv_status write_model(const cli_args *args, const mv_linear_model *m, mv_error *err)
{
    mv_status st = MV_OK;
    const char *path = NULL;
    const size_t size = mv_linear_size(m);
    uint8_t *bytes = malloc(size);
    MV_ENSURE(bytes != NULL, MV_E_MEMORY);
    MV_TRY(searching_need(args, "output", &path, err));
    MV_TRY(mv_linear_write(bytes, size, m));
    MV_TRY(mv_file_write(path, bytes, size,
                         (cli_flag(args, "force") ? MV_OUTPUT_FORCE : 0u) |
                             (m->kind == MV_CLASSIFY_PRIVATE_MODEL ? MV_OUTPUT_PRIVATE : 0u),
                         err));
    if (cli_flag(args, "json")) {
        ui_json(json_pack("{s:s, s:i, s:f, s:b}", "out", path, "classes", (int)m->labels.classes,
                          "scale", m->labels.scale, "private",
                          m->kind == MV_CLASSIFY_PRIVATE_MODEL));
    } else {
        ui_say("wrote %s: %u classes, scores times %.6g", path, (unsigned)m->labels.classes,
               m->labels.scale);
    }
done:
    free(bytes);
    return st;
}

static mv_status export_head(const cli_args *args, mv_error *err)
{
    mv_status st = MV_OK;
    searching_source source = {0};
    const char *weights = cli_value(args, "weights");
    real_model *real = calloc(1, sizeof *real);
    mv_linear_model *m = calloc(1, sizeof *m);
    MV_ENSURE(real != NULL && m != NULL, MV_E_MEMORY);
    MV_REQUIRE(weights != NULL || !cli_flag(args, "class"), err, MV_E_ARGUMENT,
               "--class names the rows of --weights");
    MV_TRY(searching_source_open(&source, args, err));
    MV_TRY(weights == NULL ? of_head(real, &source, err) : of_file(real, args, weights, err));
    m->kind = cli_flag(args, "private") ? MV_CLASSIFY_PRIVATE_MODEL : MV_CLASSIFY_PUBLIC_MODEL;
    m->labels = real->labels;
    memcpy(m->head_hash, source.hash, sizeof m->head_hash);
    st = mv_linear_quantise(m, real->weight, NULL);
    MV_REQUIRE(st == MV_OK, err, st, "these weights are all zero, or not finite");
    MV_TRY(write_model(args, m, err));
done:
    searching_source_close(&source);
    free(real);
    free(m);
    return st;
}

static int run(const cli_args *args)
{
    mv_error err = {0};
    const mv_status st = export_head(args, &err);
    return st == MV_OK ? CLI_OK : ui_fail(st, &err);
}

const cli_command cmd_export_head = {
    .name = "model export-head",
    .operands = "",
    .summary = "write a linear classifier in integers, for medveil classify run",
    .options = options,
    .run = run,
    .description = "The classes of the model's head, or, with --weights, classes of your own on "
                   "the embeddings\n"
                   "of that head. Weights become the largest integers whose scores cannot wrap "
                   "round.\n",
    .examples = "  medveil model export-head -m cnn -o cnn.mvc\n"
                "  medveil model export-head --weights w.npy --class healthy --class ill --private "
                "-o own.mvc\n",
};
