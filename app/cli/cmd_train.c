/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_train.c: from folders of images to a model file.
 */
#include "base/cpu.h"
#include "base/file.h"
#include "codec/model_registry.h"
#include "commands.h"
#include "nn/nn_model_file.h"
#include "train_data.h"
#include "train_head.h"
#include "train_recipe.h"
#include "train_veil.h"
#include "ui.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SIDE = 224 };

static const cli_option options[] = {
    {"model", 0, "NAME", "bp, cnn (default), gan, lstm, resnet or veil; sets the defaults below"},
    {"head", 0, NULL, "train the head of --model (embedding, classes), not the model"},
    {"data", 0, "DIR", "images in DIR/train and DIR/val, or in DIR; may be repeated"},
    {"origins", 0, "LIST", "train only on these origins of DIR/../manifest.tsv, e.g. a,b-*"},
    {"output", 'o', "FILE", "model file; FILE.ckpt, FILE.ckpt.csv and FILE.ckpt.svg beside it"},
    {"resume", 0, NULL, "go on from FILE.ckpt"},
    {"from", 0, "M",
     "start from model M, a name or FILE.mvm (gan: resnet); --head: take over FILE.mvh"},
    {"steps", 0, "N", "steps in all"},
    {"minutes", 0, "M", "minutes in all, in place of --steps; not reproducible"},
    {"seed", 0, "S", "of everything random (default: 1)"},
    {"batch", 0, "N", "patches a step (default: 8)"},
    {"patch", 0, "PIXELS", "side of a patch (default: 96)"},
    {"rate", 0, "R", "peak learning rate"},
    {"optimizer", 0, "NAME", "adam (default) or sgd"},
    {"loss", 0, "NAME", "logmse (default) or mse"},
    {"loss-constant", 0, "C", "mean squared error below which a patch stops mattering"},
    {"bits", 0, "B", "bits of one feature (default: 8)"},
    {"round", 0, "P", "part of the patches whose features are really rounded, not given noise"},
    {"scale", 0, "S", "augment: zoom patches by 1/S to S (default: 1)"},
    {"noise", 0, "D", "augment: Gaussian noise of deviation up to D (default: 0)"},
    {"gamma", 0, "G", "augment: gamma from 1/G to G (default: 1.6)"},
    {"contrast", 0, "C", "augment: cut up to C off both ends of the gray range (default: 0.2)"},
    {"adversary", 0, "W",
     "weight of a critic that learns to tell images from their reconstructions"},
    {"invert", 0, "P", "augment: probability of negatives (default: 0)"},
    {"apply", 0, "P", "augment: probability that a patch is changed so (default: 0.5)"},
    {"bf16", 0, "PART", "part of the run in bfloat16 where the processor has it"},
    {"patience", 0, "N", "stop after N validations without gain (default: never)"},
    {"validate-every", 0, "N", "steps between validations"},
    {"validate-images", 0, "N", "of each set; 0: all (default: 16)"},
    {"threads", 0, "N", "processors to use (default: all)"},
    {"table", 0, "NAME", "kernels: onednn or portable (default: best for this processor)"},
    {"licence", 0, "TEXT", "licence of the weights, kept in the model file (default: unstated)"},
    {"force", 'f', NULL, "replace an existing model file"},
    {NULL, 0, NULL, NULL},
};

/* --option as a number in [lo, hi]; false, with a sentence, when it is not. */
static bool read_real(const cli_args *args, const char *option, double lo, double hi, double *out)
{
    const char *text = cli_value(args, option);
    char *end = NULL;

    if (text == NULL) {
        return true;
    }
    const double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= lo && value <= hi)) {
        ui_say("--%s needs a number from %g to %g, not \"%s\"", option, lo, hi, text);
        return false;
    }
    *out = value;
    return true;
}

/* --option as one of two words. */
static bool read_choice(const cli_args *args, const char *option, const char *first,
                        const char *second, bool *is_second)
{
    const char *text = cli_value(args, option);
    *is_second = text != NULL && strcmp(text, second) == 0;
    if (text != NULL && !*is_second && strcmp(text, first) != 0) {
        ui_say("--%s is %s or %s, not \"%s\"", option, first, second, text);
        return false;
    }
    return true;
}

static bool read_choices(const cli_args *args, mv_train_opts *o)
{
    bool sgd = false, mse = false;
    const char *table = cli_value(args, "table");

    if (!read_choice(args, "optimizer", "adam", "sgd", &sgd) ||
        !read_choice(args, "loss", "logmse", "mse", &mse)) {
        return false;
    }
    o->optimizer = sgd ? MV_OPTIM_SGD : MV_OPTIM_ADAM;
    o->loss = mse ? MV_LOSS_MSE : MV_LOSS_LOG_MSE;
    if (table != NULL) {
        o->table = mv_tensor_by_name(table);
    }
    if (o->table == NULL) {
        ui_say("--table is onednn or portable, not \"%s\"", table);
        return false;
    }
    return true;
}

static bool read_whole_numbers(const cli_args *args, mv_train_opts *o)
{
    long steps = 0, seed = 0, batch = 0, patch = 0, bits = 0, patience = 0, every = 0, images = 0;
    long threads = 0;

    if (!cli_number(args, "steps", 1, 100000000, (long)o->steps, &steps) ||
        !cli_number(args, "seed", 0, 1000000000, 1, &seed) ||
        !cli_number(args, "batch", 1, 256, (long)o->batch, &batch) ||
        !cli_number(args, "patch", 4, SIDE, (long)o->patch, &patch) ||
        !cli_number(args, "bits", 1, 16, 8, &bits) ||
        !cli_number(args, "patience", 0, 1000000, 0, &patience) ||
        !cli_number(args, "validate-every", 1, 100000000, (long)o->validate_every, &every) ||
        !cli_number(args, "validate-images", 0, 1000000, 16, &images) ||
        !cli_number(args, "threads", 1, 256, (long)mv_cpu_count(), &threads)) {
        return false;
    }
    o->steps = cli_flag(args, "minutes") ? 0 : (uint64_t)steps;
    o->seed = (uint64_t)seed;
    o->batch = (uint32_t)batch;
    o->patch = (uint32_t)patch;
    o->feature_bits = (uint32_t)bits;
    o->patience = (uint64_t)patience;
    o->validate_every = (uint64_t)every;
    o->validate_images = (size_t)images;
    o->threads = (unsigned)threads;
    return true;
}

static bool read_options(const cli_args *args, mv_train_opts *o)
{
    if (cli_flag(args, "minutes") && cli_flag(args, "steps")) {
        ui_say("give --steps or --minutes, not both");
        return false;
    }
    o->resume = cli_flag(args, "resume");
    return read_whole_numbers(args, o) && read_choices(args, o) &&
           read_real(args, "minutes", 0.01, 100000, &o->minutes) &&
           read_real(args, "rate", 1e-9, 10, &o->rate) &&
           read_real(args, "loss-constant", 1e-12, 1, &o->loss_constant) &&
           read_real(args, "adversary", 0, 100, &o->adversary) &&
           read_real(args, "round", 0, 1, &o->round_part) &&
           read_real(args, "scale", 1, 4, &o->augment.scale_max) &&
           read_real(args, "noise", 0, 1, &o->augment.noise) &&
           read_real(args, "gamma", 1, 10, &o->augment.gamma_max) &&
           read_real(args, "contrast", 0, 0.49, &o->augment.contrast) &&
           read_real(args, "invert", 0, 1, &o->augment.invert) &&
           read_real(args, "apply", 0, 1, &o->augment.apply) &&
           read_real(args, "bf16", 0, 1, &o->bf16_until);
}

/* What the callbacks of a run need. */
typedef struct run_context {
    const train_data *data;
    const mv_train_opts *opts;
    bool json;
    bool started;
} run_context;

static void say_data(const train_data *d)
{
    for (size_t i = 0; i < d->data.set_count; i++) {
        const mv_train_set *set = &d->data.set[i];
        ui_say("%s: %zu images to train on, %zu to validate", set->name, set->train.count,
               set->validation.count);
    }
    if (d->left_out != 0) {
        ui_say("%zu images left out: their origin is not in --origins", d->left_out);
    }
    if (d->own_split) {
        ui_say("a folder without train/ was split here: one image in ten validates");
    }
}

static void say_start(const run_context *c)
{
    say_data(c->data);
    if (c->opts->bf16_until > 0 && !mv_tensor_has_bf16(c->opts->table)) {
        ui_say("no bfloat16 here: the whole run is in float32");
    }
}

static void say_phase(void *user, const char *arithmetic, uint64_t step)
{
    run_context *c = user;
    if (!c->started) { /* nothing was said while the work could still turn out to be impossible */
        c->started = true;
        say_start(c);
    }
    ui_say("from step %llu: %s kernels, %s, %u thread%s", (unsigned long long)step,
           mv_tensor_name(c->opts->table), arithmetic, c->opts->threads,
           c->opts->threads == 1 ? "" : "s");
}

static void say_point(void *user, const mv_train_point *p)
{
    const run_context *c = user;
    const mv_train_data *data = &c->data->data;
    char text[512] = "";
    size_t len = 0;

    if (c->json) {
        json_t *psnr = json_object();
        for (size_t i = 0; i < data->set_count; i++) {
            (void)json_object_set_new(psnr, data->set[i].name, json_real(p->psnr_db[i]));
        }
        ui_json(json_pack("{s:I, s:f, s:f, s:f, s:f, s:o}", "step", (json_int_t)p->step, "seconds",
                          p->seconds, "rate", p->rate, "loss", p->loss, "score_db", p->score_db,
                          "psnr_db", psnr));
        return;
    }
    for (size_t i = 0; i < data->set_count && len < sizeof text; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "  %s %.2f", data->set[i].name,
                                p->psnr_db[i]);
    }
    ui_say("step %llu, %.1f min, rate %.2g, loss %.4f, validation PSNR in dB:%s",
           (unsigned long long)p->step, p->seconds / 60, p->rate, p->loss, text);
}

static mv_status read_data(train_data *d, const cli_args *args, mv_error *err)
{
    mv_status st = MV_OK;
    const char *folder = NULL;

    for (size_t i = 0; (folder = cli_value_at(args, "data", i)) != NULL; i++) {
        MV_TRY(train_data_add(d, folder, SIDE, cli_value(args, "origins"), ui_progress(), err));
    }
    ui_progress_end();
done:
    return st;
}

/* One line for the model file: data, recipe, result. */
static void describe_run(char *out, size_t cap, const train_data *d, mv_trainer *t,
                         const mv_train_opts *o)
{
    size_t points = 0;
    const mv_train_point *curve = mv_trainer_curve(t, &points);
    size_t len = (size_t)snprintf(
        out, cap, "seed %llu, %llu steps of %u patches %ux%u, %s;", (unsigned long long)o->seed,
        (unsigned long long)mv_trainer_steps_done(t), (unsigned)o->batch, (unsigned)o->patch,
        (unsigned)o->patch, o->loss == MV_LOSS_MSE ? "mse" : "log-mse");
    for (size_t i = 0; i < d->data.set_count && len < cap; i++) {
        const mv_train_set *set = &d->data.set[i];
        len +=
            (size_t)snprintf(out + len, cap - len, " %s %zu images", set->name, set->train.count);
        if (points != 0 && set->validation.count != 0 && len < cap) {
            len += (size_t)snprintf(out + len, cap - len, " (val %.2f dB)",
                                    curve[points - 1].psnr_db[i]);
        }
    }
}

static mv_status write_model(const char *path, const cli_args *args, const train_data *d,
                             mv_trainer *t, const mv_train_opts *o, const mv_nn_graph *graph,
                             mv_error *err)
{
    mv_status st = MV_OK;
    const char *licence = cli_value(args, "licence");
    mv_buffer file = mv_buffer_make(MV_MODEL_FILE_MAX);
    mv_model_record record = {.feature_bits = o->feature_bits};

    (void)snprintf(record.name, sizeof record.name, "%s", graph->name);
    (void)snprintf(record.licence, sizeof record.licence, "%s",
                   licence == NULL ? "unstated" : licence);
    describe_run(record.training, sizeof record.training, d, t, o);
    MV_TRY(mv_model_file_write(&file, graph, &record, mv_trainer_best(t)));
    MV_TRY(mv_file_write(path, file.bytes, file.len, cli_flag(args, "force") ? MV_OUTPUT_FORCE : 0,
                         err));
done:
    mv_buffer_clear(&file);
    return st;
}

static mv_status check_output(const char *path, const cli_args *args, mv_error *err)
{
    if (!cli_flag(args, "force") && access(path, F_OK) == 0) {
        mv_hint(err, "give --force to replace it");
        return mv_fail(err, MV_E_EXISTS, "%s exists already", path);
    }
    return MV_OK;
}

/* Start from another model's weights, when asked for. */
static mv_status start_from(mv_trainer *t, const char *from, const mv_nn_graph *graph,
                            mv_error *err)
{
    mv_status st = MV_OK;
    const size_t len = from == NULL ? 0 : strlen(from);
    const bool file = len > 4 && strcmp(from + len - 4, ".mvm") == 0;
    mv_model *model = NULL;

    if (from == NULL) {
        return MV_OK;
    }
    MV_TRY(file ? mv_model_load(&model, from, err) : mv_model_find_name(&model, from, err));
    const float *weights = mv_model_weights_for(model, graph);
    MV_REQUIRE(weights != NULL, err, MV_E_MISMATCH,
               "model %s has other layers than %s, so it cannot start from there", from,
               graph->name);
    mv_trainer_start_from(t, weights);
done:
    mv_model_free(&model);
    return st;
}

/* *unreadable: images that were left out. */
static mv_status train(const cli_args *args, mv_train_opts *o, const mv_nn_graph *graph,
                       const char *from, size_t *unreadable, mv_error *err)
{
    mv_status st = MV_OK;
    const char *path = cli_value(args, "output");
    char checkpoint[4096];
    train_data data = {.left_out = 0};
    run_context context = {&data, o, cli_flag(args, "json"), false};
    mv_trainer *trainer = NULL;

    o->on_phase = say_phase;
    o->on_point = say_point;
    o->user = &context;
    MV_REQUIRE((size_t)snprintf(checkpoint, sizeof checkpoint, "%s.ckpt", path) < sizeof checkpoint,
               err, MV_E_LIMIT, "the output's path is too long");
    MV_TRY(check_output(path, args, err));
    MV_TRY(read_data(&data, args, err));
    *unreadable = data.unreadable;
    MV_TRY(mv_trainer_new(&trainer, graph, &data.data, o, err));
    if (!o->resume) {
        MV_TRY(start_from(trainer, from, graph, err));
    }
    st = mv_train_run(trainer, checkpoint, ui_progress(), err);
    ui_progress_end();
    if (st == MV_E_INTERRUPTED) {
        mv_hint(err, "the run is saved; go on with --resume");
    }
    MV_TRY(st);
    MV_TRY(write_model(path, args, &data, trainer, o, graph, err));
done:
    mv_trainer_free(&trainer);
    train_data_clear(&data);
    return st;
}

/* What has its own recipe would ignore options of the models', so they are refused: given options
 * must be in known, which ends in NULL. */
static bool only_known(const cli_args *args, const char *const *known, const char *what)
{
    for (size_t g = 0; g < args->given_count; g++) {
        const char *name = args->given[g].option->name;
        const char *const *k = known;
        while (*k != NULL && strcmp(*k, name) != 0) {
            k++;
        }
        if (*k == NULL) {
            ui_say("--%s does not go with %s", name, what);
            return false;
        }
    }
    if (!cli_flag(args, "data") || !cli_flag(args, "output")) {
        ui_say("train %s needs --data DIR and -o FILE", what);
        return false;
    }
    return true;
}

static int run_head(const cli_args *args)
{
    static const char *const known[] = {"head",  "model", "data", "origins", "output",
                                        "steps", "seed",  "from", "threads", "licence",
                                        "force", "json",  NULL};
    return only_known(args, known, "--head") ? train_head(args) : CLI_USAGE;
}

static int run_veil(const cli_args *args)
{
    static const char *const known[] = {"model",
                                        "data",
                                        "origins",
                                        "output",
                                        "resume",
                                        "steps",
                                        "seed",
                                        "batch",
                                        "threads",
                                        "validate-every",
                                        "validate-images",
                                        "rate",
                                        "from",
                                        "licence",
                                        "force",
                                        "json",
                                        NULL};
    return only_known(args, known, "--model veil") ? train_veil(args) : CLI_USAGE;
}

static int run(const cli_args *args)
{
    const char *name = cli_flag(args, "model") ? cli_value(args, "model") : "cnn", *from = NULL;
    const mv_nn_graph *graph = mv_model_graph(name);
    mv_train_opts opts = train_recipe(name, &from);
    size_t unreadable = 0;
    mv_error err = {0};

    if (cli_flag(args, "head")) {
        return run_head(args);
    }
    if (strcmp(name, "veil") == 0) {
        return run_veil(args);
    }
    if (graph == NULL) {
        ui_say("there is no model %s", name);
        return CLI_USAGE;
    }
    if (!cli_flag(args, "data") || !cli_flag(args, "output")) {
        ui_say("train needs --data DIR and -o FILE");
        return CLI_USAGE;
    }
    if (!read_options(args, &opts)) {
        return CLI_USAGE;
    }
    from = cli_flag(args, "from") ? cli_value(args, "from") : from;
    const mv_status st = train(args, &opts, graph, from, &unreadable, &err);
    return st == MV_OK ? train_outcome(unreadable) : ui_fail(st, &err);
}

const cli_command cmd_train = {
    .name = "train",
    .summary = "train a model on folders of images",
    .options = options,
    .run = run,
    .description =
        "Patches are drawn from every --data folder with equal probability. Validation measures\n"
        "whole images at 224x224 with rounded features; the weights that did best there are kept.\n"
        "The same data, options (with --steps) and MV_CPU_MASK give the same weights, on any "
        "number\n"
        "of threads.\n"
        "An interrupted or killed run goes on from FILE.ckpt with --resume and the same options.\n"
        "Folders named test are never read beside a train folder. Images that cannot be read are\n"
        "named, left out, and make the exit code 15.\n",
    .examples = "  medveil train --data images/chest -o chest.mvm\n"
                "  medveil train --data A --data B --steps 60000 --gamma 1.5 -o cnn.mvm --resume\n",
};
