/* SPDX-License-Identifier: Apache-2.0
 *
 * train_head.c: reads labelled images, encodes several changed versions of each once, and trains
 * a head on their maps (nn/nn_head.h), or takes over the weights of another model's head. Encoding
 * may use all processors, training uses one: the weights depend on neither.
 */
#include "train_head.h"

#include "base/cpu.h"
#include "base/file.h"
#include "paths.h"
#include "ranked.h"
#include "train_data.h"
#include "train_head_images.h"
#include "ui.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { CHECK_STEPS = 500 };

typedef struct head_job {
    mv_model *model;
    mv_head head; /* maps, classes; weights when trained */
    head_images images;
    mv_head_net *net; /* for checks */
    bool json;
} head_job;

static void job_clear(head_job *j)
{
    mv_model_free(&j->model);
    mv_head_net_free(&j->net);
    free(j->head.weights);
    head_images_clear(&j->images);
}

/* ---- validation ---- */

/* What the weights say of all images to check with: embeddings and the scores of their sets. */
static mv_status embed_all(head_job *j, const float *weights, mv_embedding *embedding,
                           double (*score)[LABELLED_CLASSES_MAX])
{
    mv_status st = MV_OK;
    const head_images *h = &j->images;
    const float *row = weights + mv_head_class_offset(j->head.maps);
    float unit[MV_HEAD_DIM];
    size_t at = 0;

    MV_TRY(mv_head_net_load(j->net, weights, NULL));
    for (size_t s = 0; s < h->set_count; s++) {
        for (size_t i = 0; i < h->check.set[s].count; i++, at++) {
            MV_TRY(mv_head_net_forward(j->net, unit, h->check_map + at * h->one, NULL));
            MV_TRY(mv_embedding_quantise(&embedding[at], unit));
            for (uint32_t k = 0; k < h->train.set[s].class_count; k++) {
                const float *w = row + (size_t)(h->first_class[s] + k) * MV_HEAD_DIM;
                for (size_t c = 0; c < MV_HEAD_DIM; c++) {
                    score[at][k] += (double)w[c] * embedding[at].value[c] / MV_EMBEDDING_SCALE;
                }
            }
        }
    }
done:
    return st;
}

static void say_check(const head_job *j, uint64_t step, const char *set, const ranked *r)
{
    if (j->json) {
        ui_json(json_pack("{s:I, s:s, s:I, s:f, s:f, s:f}", "step", (json_int_t)step, "set", set,
                          "images", (json_int_t)r->count, "map_classes", r->classification,
                          "map_retrieval", r->retrieval, "accuracy", r->accuracy));
    } else {
        ui_say("step %llu, validation of %s: MAP %.3f of classes, %.3f of retrieval; accuracy %.3f",
               (unsigned long long)step, set, r->classification, r->retrieval, r->accuracy);
    }
}

/* MAP of the validation images of each set. */
static mv_status check(void *user, uint64_t step, const float *weights)
{
    mv_status st = MV_OK;
    head_job *j = user;
    const head_images *h = &j->images;
    const size_t n = h->check.count;
    mv_embedding *embedding = calloc(n, sizeof *embedding);
    double(*score)[LABELLED_CLASSES_MAX] = calloc(n, sizeof *score);
    ranked_image *image = calloc(n, sizeof *image);
    size_t at = 0;

    MV_ENSURE(embedding != NULL && score != NULL && image != NULL, MV_E_MEMORY);
    MV_TRY(embed_all(j, weights, embedding, score));
    for (size_t s = 0; s < h->set_count; s++) {
        const labelled *l = &h->check.set[s];
        ranked r;
        for (size_t i = 0; i < l->count; i++) {
            image[i] = (ranked_image){l->image[i].label, embedding[at + i].value, score[at + i]};
        }
        at += l->count;
        MV_TRY(ranked_measure(&r, image, l->count, h->train.set[s].class_count));
        if (r.count != 0) {
            say_check(j, step, h->train.set[s].set, &r);
        }
    }
done:
    free(embedding);
    free(score);
    free(image);
    return st;
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
    for (size_t s = 0; s < j->images.set_count; s++) {
        const labelled *l = &j->images.train.set[s];
        if (l->empty_classes != 0) {
            ui_say("%s: %u class folder%s without an image left out", l->set, l->empty_classes,
                   l->empty_classes == 1 ? "" : "s");
        }
        ui_say("%s: %zu images of %u classes to train on", l->set, l->count, l->class_count);
    }
    if (j->images.left_out != 0) {
        ui_say("%zu images left out: their origin is not in --origins", j->images.left_out);
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

static void describe_model(head_job *j, const cli_args *args)
{
    mv_head_info *info = &j->head.info;
    mv_model_info model;
    const char *licence = cli_value(args, "licence");

    mv_model_describe(&model, j->model);
    memcpy(info->model_name, model.name, sizeof info->model_name);
    memcpy(info->model_hash, model.hash, sizeof info->model_hash);
    (void)snprintf(info->licence, sizeof info->licence, "%s",
                   licence == NULL ? "unstated" : licence);
}

static void describe_training(head_job *j, const mv_head_train_opts *o)
{
    mv_head_info *info = &j->head.info;
    const head_images *h = &j->images;
    size_t len = (size_t)snprintf(info->training, sizeof info->training,
                                  "head, seed %llu, %llu steps of %u, %zu versions of an image;",
                                  (unsigned long long)o->seed, (unsigned long long)o->steps,
                                  o->batch, h->versions * h->rounds);
    for (size_t s = 0; s < h->set_count && len < sizeof info->training; s++) {
        len += (size_t)snprintf(info->training + len, sizeof info->training - len, " %s %zu images",
                                h->train.set[s].set, h->train.set[s].count);
    }
}

/* ---- another model's head ---- */

static bool same_classes(const mv_head_info *a, const mv_head_info *b)
{
    bool same = a->class_count == b->class_count;
    for (uint32_t k = 0; same && k < a->class_count; k++) {
        same = strcmp(a->class_of[k].set, b->class_of[k].set) == 0 &&
               strcmp(a->class_of[k].name, b->class_of[k].name) == 0;
    }
    return same;
}

/* The weights of the head in path, which was trained on maps that mean the same. */
static mv_status take_over(head_job *j, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    mv_head *from = NULL;
    mv_head_info *info = &j->head.info;

    MV_TRY(mv_head_load(&from, path, err));
    MV_REQUIRE(from->maps == j->head.maps && same_classes(&from->info, info), err, MV_E_MISMATCH,
               "%s reads %u maps, this model gives %u; and the classes have to be the same", path,
               from->maps, j->head.maps);
    memcpy(j->head.weights, from->weights, from->info.parameter_count * sizeof(float));
    (void)snprintf(info->training, sizeof info->training, "weights of the head of %.31s: %.440s",
                   from->info.model_name, from->info.training);
    if (j->images.check.count != 0) {
        st = check(j, 0, j->head.weights);
        MV_REQUIRE(st == MV_OK, err, st, "validation failed: %s", mv_status_sentence(st));
    }
done:
    mv_head_free(&from);
    return st;
}

/* ---- all of it ---- */

static mv_status train(head_job *j, mv_head_train_opts *o, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_head_data data = {.count = j->images.train.count,
                               .maps = j->head.maps,
                               .classes = j->head.info.class_count,
                               .label = j->images.train.label,
                               .set = j->images.class_set,
                               .fetch = head_images_fetch,
                               .renew = head_images_renew,
                               .rounds = j->images.rounds,
                               .user = &j->images};

    say_data(j);
    describe_training(j, o);
    o->check_every = j->images.check.count == 0 ? 0 : CHECK_STEPS;
    st = mv_head_train(j->head.weights, &data, o, ui_progress(), err);
    ui_progress_end();
    return st;
}

static mv_status run(head_job *j, const cli_args *args, mv_head_train_opts *o, mv_error *err)
{
    mv_status st = MV_OK;
    const char *folder = NULL, *path = cli_value(args, "output"), *from = cli_value(args, "from");

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
        MV_TRY(head_images_add(&j->images, &j->head.info, folder, cli_value(args, "origins"), err));
    }
    j->images.model = j->model;
    MV_TRY(head_images_read(&j->images, j->head.maps, err));
    MV_TRY(mv_head_net_new(&j->net, o->table, j->head.maps, 1, false, err));
    j->head.weights =
        calloc(mv_head_weight_count(j->head.maps, j->head.info.class_count), sizeof(float));
    MV_REQUIRE(j->head.weights != NULL, err, MV_E_MEMORY, "out of memory for a head");
    describe_model(j, args);
    MV_TRY(from != NULL ? take_over(j, from, err) : train(j, o, err));
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

    if (cli_flag(args, "from") && (cli_flag(args, "steps") || cli_flag(args, "seed"))) {
        ui_say("--from takes a head's weights as they are: --steps and --seed do not go with it");
        free(job);
        return CLI_USAGE;
    }
    if (job == NULL || !cli_number(args, "steps", 1, 10000000, (long)opts.steps, &steps) ||
        !cli_number(args, "seed", 0, 1000000000, 1, &seed) ||
        !cli_number(args, "threads", 1, 256, (long)mv_cpu_count(), &threads)) {
        free(job);
        return job == NULL ? CLI_FAILURE : CLI_USAGE;
    }
    opts.steps = (uint64_t)steps;
    opts.seed = job->images.seed = (uint64_t)seed;
    opts.on_loss = say_loss;
    opts.on_check = check;
    opts.user = job;
    job->images.threads = (unsigned)threads;
    job->json = cli_flag(args, "json");
    const mv_status st = run(job, args, &opts, &err);
    const size_t unreadable = job->images.unreadable;
    job_clear(job);
    free(job);
    return st == MV_OK ? train_outcome(unreadable) : ui_fail(st, &err);
}
