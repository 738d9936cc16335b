/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_eval.c: the paper's comparison in one command: methods x data sets -> tables and figures.
 */
#include "base/clock.h"
#include "base/cpu.h"
#include "base/pool.h"
#include "base/rng.h"
#include "commands.h"
#include "eval.h"
#include "eval_curves.h"
#include "eval_encrypted.h"
#include "eval_exact.h"
#include "paths.h"
#include "report.h"
#include "ui.h"

#include <stdlib.h>
#include <string.h>

static const cli_option options[] = {
    {"data", 0, "NAME=DIR", "a data set: DIR/test/CLASS/... or DIR/CLASS/...; may be repeated"},
    {"exact", 0, NULL, "bytes and speed of the exact image beside other lossless coders instead"},
    {"encrypted", 0, NULL, "MAP in the clear, in integers and on ciphertexts instead"},
    {"curves", 0, NULL, "bytes against quality of compact mode beside other codecs instead"},
    {"native", 0, NULL, "of --curves: images at their own size, not at 224x224"},
    {"every", 0, "N", "of --curves: every Nth image of each set (default: 1)"},
    {"models", 0, "LIST", "names or files, separated by commas (default: cnn)"},
    {"output", 'o', "DIR", "folder for report.html, tables.csv, figures and the journal"},
    {"timing-images", 0, "N", "images of each set in the serial timing pass (default: 20)"},
    {"repeats", 0, "N", "of each timing; the median counts (default: 5)"},
    {"threads", 0, "N", "processors for the quality pass (default: all)"},
    {"integer", 0, NULL, "networks in whole numbers, as encrypt --integer runs them"},
    {"any-budget", 0, NULL, "take models of another budget too; their rows are marked"},
    {"force", 'f', NULL, "begin anew where DIR holds another evaluation"},
    {NULL, 0, NULL, NULL},
};

static void job_clear(eval_job *job)
{
    for (size_t m = 0; m < job->model_count; m++) {
        eval_model *model = &job->model[m];
        mv_model_free(&model->model);
        mv_head_free(&model->head);
        for (size_t s = 0; s < job->set_count; s++) {
            free(model->item[s]);
            free(model->time[s]);
        }
    }
    for (size_t s = 0; s < job->set_count; s++) {
        eval_set *set = &job->set[s];
        labelled_clear(&set->list);
        free(set->timed);
        free(set->coded);
        free(set->form);
        free(set->curves);
        free(set->unreadable);
    }
    mv_he_key_free(&job->key);
    row_journal_close(&job->journal);
}

/* ---- data sets ---- */

static mv_status add_set(eval_job *job, const char *text, mv_error *err)
{
    mv_status st = MV_OK;
    char name[LABELLED_NAME_MAX];
    const char *equals = strchr(text, '=');
    eval_set *set = &job->set[job->set_count];

    if (equals == NULL || equals == text || equals[1] == '\0' ||
        (size_t)(equals - text) >= sizeof name) {
        MV_REQUIRE(false, err, MV_E_ARGUMENT, "--data needs NAME=DIR, not \"%s\"", text);
    }
    MV_REQUIRE(job->set_count < EVAL_SETS_MAX, err, MV_E_LIMIT, "at most %d data sets",
               EVAL_SETS_MAX);
    memcpy(name, text, (size_t)(equals - text));
    name[equals - text] = '\0';
    MV_TRY(labelled_list(&set->list, name, equals + 1, "test", err));
    job->set_count++;
    const size_t n = set->list.count;
    set->timed = calloc(n, sizeof *set->timed);
    set->coded = calloc(n, sizeof *set->coded);
    set->form = calloc(n * EVAL_FORMS, sizeof *set->form);
    set->curves = calloc(n, sizeof *set->curves);
    set->unreadable = calloc(n, sizeof *set->unreadable);
    MV_REQUIRE(set->timed != NULL && set->coded != NULL && set->form != NULL &&
                   set->curves != NULL && set->unreadable != NULL,
               err, MV_E_MEMORY, "out of memory for %zu images", n);
    if (set->list.empty_classes != 0) {
        ui_say("%s: %u class folder%s without an image left out", name, set->list.empty_classes,
               set->list.empty_classes == 1 ? "" : "s");
    }
    if (set->list.class_count == 1) {
        ui_say("%s has images of one class only: no MAP for it", name);
    }
done:
    return st;
}

/* ---- models ---- */

uint32_t eval_find_classes(const mv_head_info *head, const labelled *l)
{
    for (uint32_t first = 0; first + l->class_count <= head->class_count; first++) {
        uint32_t k = 0;
        while (k < l->class_count && strcmp(head->class_of[first + k].set, l->set) == 0 &&
               strcmp(head->class_of[first + k].name, l->class_name[k]) == 0) {
            k++;
        }
        if (k == l->class_count) {
            return first;
        }
    }
    return head->class_count;
}

/* The path of the model with the wanted hash; stops the walk with MV_E_EXISTS. */
static mv_status note_path(void *user, const char *path, const mv_model_info *info)
{
    eval_model *model = user;
    if (memcmp(info->hash, model->info.hash, sizeof info->hash) != 0) {
        return MV_OK;
    }
    (void)snprintf(model->path, sizeof model->path, "%s", path);
    return MV_E_EXISTS;
}

/* Methods are comparable at one budget: 37,632 features of 8 bits. any: others may come too. */
static mv_status check_budget(const eval_model *model, bool any, mv_error *err)
{
    mv_status st = MV_OK;
    if (eval_in_budget(model)) {
        return MV_OK;
    }
    if (!any) {
        mv_hint(err, "give --any-budget to compare it all the same; its rows are marked");
    }
    MV_REQUIRE(any, err, MV_E_MISMATCH,
               "%s is of another budget: it was trained for %zu features of %u bits of a %dx%d "
               "image, not %d of %d bits",
               model->info.name, model->features, model->info.feature_bits, EVAL_SIDE, EVAL_SIDE,
               EVAL_BUDGET, EVAL_BITS);
    ui_say("%s is of another budget: trained for %zu features of %u bits, sent as %d bits here; "
           "its rows are marked",
           model->info.name, model->features, model->info.feature_bits, EVAL_BITS);
done:
    return st;
}

/* Features of an image; both ways, so that a network without whole numbers is known now. */
static mv_status count_features(eval_model *model, const eval_job *job, mv_error *err)
{
    mv_status st = MV_OK;
    mv_image image = {0}, back = {0};
    mv_code code = {.feature = NULL};
    mv_error why = {0};
    const mv_codec_opts opts = eval_codec_opts(job, EVAL_AFTER);

    MV_TRY(mv_image_alloc(&image, EVAL_SIDE, EVAL_SIDE, 1, 1, MV_SAMPLE_U8));
    MV_TRY(mv_codec_encode(&code, model->model, &image, &opts, &why));
    MV_TRY(mv_codec_decode(&back, model->model, &code, &opts, &why));
    model->features = code.feature_count;
done:
    if (st == MV_E_UNSUPPORTED && job->integer) {
        mv_hint(err, "leave it out of --models, or leave out --integer");
    }
    if (st != MV_OK) {
        (void)mv_fail(err, st, "%s: %s", model->info.name,
                      why.text[0] != '\0' ? why.text : mv_status_sentence(st));
    }
    mv_image_clear(&image);
    mv_image_clear(&back);
    mv_code_clear(&code);
    return st;
}

static mv_status add_model(eval_job *job, const char *name, bool any_budget, mv_error *err)
{
    mv_status st = MV_OK;
    eval_model *model = &job->model[job->model_count];

    MV_REQUIRE(job->model_count < EVAL_MODELS_MAX, err, MV_E_LIMIT, "at most %d models",
               EVAL_MODELS_MAX);
    job->model_count++;
    MV_TRY(path_load_model(&model->model, name, err));
    mv_model_describe(&model->info, model->model);
    if (strchr(name, '/') != NULL) {
        (void)snprintf(model->path, sizeof model->path, "%s", name);
    } else if (mv_model_each(note_path, model) != MV_E_EXISTS) {
        model->path[0] = '\0';
    }
    MV_TRY(count_features(model, job, err));
    MV_TRY(check_budget(model, any_budget, err));
    if (mv_head_find_for(&model->head, model->model, NULL) == MV_OK) {
        mv_head_describe(&model->head_info, model->head);
    } else {
        ui_say("%s has no head on the search path: no MAP for it", model->info.name);
    }
    for (size_t s = 0; s < job->set_count; s++) {
        const labelled *l = &job->set[s].list;
        model->first_class[s] = eval_find_classes(&model->head_info, l);
        model->item[s] = calloc(l->count, sizeof *model->item[s]);
        model->time[s] = calloc(l->count, sizeof *model->time[s]);
        MV_REQUIRE(model->item[s] != NULL && model->time[s] != NULL, err, MV_E_MEMORY,
                   "out of memory for %zu images", l->count);
        if (model->head != NULL && model->first_class[s] == model->head_info.class_count) {
            ui_say("the head of %s does not know the classes of %s: no MAP there", model->info.name,
                   l->set);
        }
    }
done:
    return st;
}

static mv_status add_models(eval_job *job, const char *list, bool any_budget, mv_error *err)
{
    mv_status st = MV_OK;
    char name[PATH_SIZE];
    while (*list != '\0') {
        const size_t len = strcspn(list, ",");
        MV_REQUIRE(len != 0 && len < sizeof name, err, MV_E_ARGUMENT,
                   "--models needs names separated by commas");
        memcpy(name, list, len);
        name[len] = '\0';
        MV_REQUIRE(strcmp(name, "veil") != 0, err, MV_E_ARGUMENT,
                   "veil is compact mode, which sends no features: --curves compares it, without "
                   "being told");
        MV_TRY(add_model(job, name, any_budget, err));
        list += len + (list[len] == ',');
    }
    MV_REQUIRE(job->model_count != 0, err, MV_E_ARGUMENT, "--models needs at least one name");
done:
    return st;
}

/* ---- the run ---- */

static mv_status prepare(eval_job *job, const cli_args *args, mv_error *err)
{
    mv_status st = MV_OK;
    const char *models = cli_value(args, "models"), *data = NULL;

    for (size_t i = 0; (data = cli_value_at(args, "data", i)) != NULL; i++) {
        MV_TRY(add_set(job, data, err));
    }
    MV_TRY(add_models(job, models == NULL ? "cnn" : models, cli_flag(args, "any-budget"), err));
    MV_TRY(mv_random_bytes(job->key_bytes, sizeof job->key_bytes));
    MV_TRY(mv_he_key_new(&job->key, mv_he_set_find("pack4096"), job->key_bytes));
    MV_TRY(path_make_folder(job->out, err));
done:
    return st;
}

static mv_status measure(eval_job *job, const cli_args *args, mv_error *err)
{
    mv_status st = MV_OK;
    size_t resumed = 0;

    eval_choose(job);
    MV_TRY(eval_journal_open(job, cli_flag(args, "force"), &resumed, err));
    if (resumed != 0) {
        ui_say("going on after %zu rows of %s/journal.tsv", resumed, job->out);
    }
    MV_TRY(eval_quality_pass(job, err));
    eval_choose(job);
    MV_TRY(eval_codec_pass(job, err));
    MV_TRY(eval_timing_pass(job, err));
done:
    return st;
}

static void say_end(const eval_job *job, const cli_args *args)
{
    size_t images = 0;
    for (size_t s = 0; s < job->set_count; s++) {
        images += job->set[s].list.count;
    }
    const double minutes = (mv_clock_ms() - job->started_ms) / 60e3;
    if (cli_flag(args, "json")) {
        ui_json(json_pack("{s:s, s:I, s:I, s:b, s:I, s:f}", "report", "report.html", "images",
                          (json_int_t)images, "models", (json_int_t)job->model_count, "integer",
                          job->integer, "unreadable", (json_int_t)job->unreadable_count, "minutes",
                          minutes));
        return;
    }
    ui_say("%zu images, %zu model%s, %.1f minutes: see %s/report.html", images, job->model_count,
           job->model_count == 1 ? "" : "s", minutes, job->out);
}

static mv_status evaluate(eval_job *job, const cli_args *args, mv_error *err)
{
    mv_status st = MV_OK;
    size_t images = 0;

    MV_TRY(prepare(job, args, err));
    if (cli_flag(args, "curves")) {
        return eval_curves(job, args, err);
    }
    MV_TRY(measure(job, args, err));
    for (size_t s = 0; s < job->set_count; s++) {
        images += job->set[s].list.count;
    }
    MV_REQUIRE(job->unreadable_count < images, err, MV_E_FORMAT,
               "none of the %zu images can be read", images);
    MV_TRY(report_write(job, err));
    say_end(job, args);
    if (job->unreadable_count != 0) {
        ui_say("%zu of %zu images could not be read and are in no figure", job->unreadable_count,
               images);
    }
done:
    return st;
}

/* Only one other report; and what the options of --curves are about. */
static bool fit_together(const cli_args *args)
{
    const int reports =
        cli_flag(args, "exact") + cli_flag(args, "encrypted") + cli_flag(args, "curves");
    if (reports > 1) {
        ui_say("give one of --exact, --encrypted and --curves");
        return false;
    }
    if (!cli_flag(args, "curves") && (cli_flag(args, "native") || cli_flag(args, "every"))) {
        ui_say("--native and --every go with --curves");
        return false;
    }
    if (reports != 0 && cli_flag(args, "integer")) {
        ui_say("--integer goes with the comparison of networks, not with --exact, --encrypted or "
               "--curves");
        return false;
    }
    return true;
}

static int run(const cli_args *args)
{
    mv_error err = {0};
    long timing = 0, repeats = 0, threads = 0, every = 0;

    if (!cli_flag(args, "data") || !cli_flag(args, "output")) {
        ui_say("eval needs --data NAME=DIR and -o DIR");
        return CLI_USAGE;
    }
    if (!fit_together(args)) {
        return CLI_USAGE;
    }
    if (cli_flag(args, "exact")) {
        return eval_exact(args);
    }
    if (cli_flag(args, "encrypted")) {
        return eval_encrypted(args);
    }
    if (!cli_number(args, "timing-images", 1, 10000, 20, &timing) ||
        !cli_number(args, "repeats", 1, 64, EVAL_REPEATS, &repeats) ||
        !cli_number(args, "every", 1, 1000000, 1, &every) ||
        !cli_number(args, "threads", 1, MV_POOL_WORKERS_MAX, (long)mv_cpu_count(), &threads)) {
        return CLI_USAGE;
    }
    eval_job *job = calloc(1, sizeof *job);
    if (job == NULL) {
        return ui_fail(MV_E_MEMORY, NULL);
    }
    job->started_ms = mv_clock_ms();
    job->out = cli_value(args, "output");
    job->timing_images = (size_t)timing;
    job->repeats = (size_t)repeats;
    job->every = (size_t)every;
    job->integer = cli_flag(args, "integer");
    job->threads = (unsigned)threads;
    const mv_status st = evaluate(job, args, &err);
    const bool partial = job->unreadable_count != 0;
    job_clear(job);
    free(job);
    if (st != MV_OK) {
        return ui_fail(st, &err);
    }
    return partial ? CLI_PARTIAL : CLI_OK;
}

const cli_command cmd_eval = {
    .name = "eval",
    .summary = "compare models on data sets: the paper's tables and figures",
    .options = options,
    .run = run,
    .description =
        "Every image goes through every model and through a real ciphertext, before "
        "pre-processing\n"
        "(its own size, scaled by the type's maximum) and after (stretched to its own range,\n"
        "224x224). Classes are judged on the square in the middle, so that an image's shape tells\n"
        "nothing; a model's head (medveil train --head) is found on the search path of models.\n"
        "DIR/../manifest.tsv, where there is one, names each image's origin.\n"
        "An interrupted evaluation goes on when the same command is given again. Images that\n"
        "cannot be read are named, left out, and make the exit code 15.\n"
        "With --integer the networks run in whole numbers; bp and lstm cannot, and are refused.\n"
        "With --exact there is no network: every file in and beneath the folders is sealed and\n"
        "opened, and its samples are coded by others too, per DICOM modality or format.\n"
        "With --encrypted the embeddings of the first of --models are ranked and classified three\n"
        "times: with real numbers, with their integers, and by what a keeper computes on\n"
        "ciphertexts; DIR/encrypted.csv has MAP, bytes and times.\n"
        "With --curves compact mode and sums by classes are drawn beside JPEG, JPEG 2000, JPEG XL\n"
        "and, as points, --models and plain pixels: Bjontegaard differences, lossless bytes, "
        "errors\n"
        "of tiles, drift of class scores, pictures. It goes on after an interruption, too.\n",
    .examples = "  medveil eval --data chest_xray=data/chest_xray --models cnn -o out\n"
                "  medveil eval --data a=A --data b=B --models bp,gan,resnet,cnn,lstm -o out\n"
                "  medveil eval --exact --data ward=examinations -o out\n"
                "  medveil eval --encrypted --data chest_xray=data/chest_xray -o out\n"
                "  medveil eval --curves --data chest_xray=data/chest_xray --models cnn -o out\n",
};
