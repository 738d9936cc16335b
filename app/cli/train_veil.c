/* SPDX-License-Identifier: Apache-2.0
 *
 * train_veil.c: reads the images in two sizes, trains (codec/veil_train.h), writes the networks.
 */
#include "train_veil.h"

#include "base/cpu.h"
#include "base/file.h"
#include "codec/veil_file.h"
#include "codec/veil_train.h"
#include "train_data.h"
#include "ui.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SCALES = 2 };
static const uint32_t sides[SCALES] = {224, 320};

typedef struct job {
    const cli_args *args;
    train_data data[SCALES];
    mv_veil_train_opts opts;
    mv_veil *from; /* --from, or NULL */
    mv_veil_point last;
} job;

static void say_point(void *user, const mv_veil_point *p)
{
    job *j = user;
    const mv_train_data *data = &j->data[0].data;
    char text[512] = "";
    size_t len = 0;

    j->last = *p;
    if (cli_flag(j->args, "json")) {
        json_t *bits = json_object();
        for (size_t i = 0; i < data->set_count; i++) {
            (void)json_object_set_new(bits, data->set[i].name, json_real(p->bits[i]));
        }
        ui_json(json_pack("{s:I, s:f, s:f, s:f, s:f, s:o}", "step", (json_int_t)p->step, "seconds",
                          p->seconds, "rate", p->rate, "loss", p->loss, "score", p->score,
                          "bits_per_pixel", bits));
        return;
    }
    for (size_t i = 0; i < data->set_count && len < sizeof text; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "  %s %.4f", data->set[i].name,
                                p->bits[i]);
    }
    ui_say("step %llu, %.1f min, rate %.2g, loss %.4f, validation bits of a pixel:%s",
           (unsigned long long)p->step, p->seconds / 60, p->rate, p->loss, text);
}

static mv_status read_data(job *j, mv_error *err)
{
    mv_status st = MV_OK;
    const char *folder = NULL;

    for (size_t c = 0; c < SCALES; c++) {
        for (size_t i = 0; (folder = cli_value_at(j->args, "data", i)) != NULL; i++) {
            MV_TRY(train_data_add(&j->data[c], folder, sides[c], cli_value(j->args, "origins"),
                                  ui_progress(), err));
        }
    }
done:
    ui_progress_end();
    return st;
}

/* One line for the file: data, recipe, result. */
static void describe_run(char *out, size_t cap, const job *j)
{
    const mv_train_data *data = &j->data[0].data;
    size_t len =
        (size_t)snprintf(out, cap, "seed %llu, %llu steps of %u image%s, rate %g%s;",
                         (unsigned long long)j->opts.seed, (unsigned long long)j->opts.steps,
                         j->opts.batch, j->opts.batch == 1 ? "" : "s", j->opts.rate,
                         j->from != NULL ? ", from earlier networks" : "");
    for (size_t i = 0; i < data->set_count && len < cap; i++) {
        len += (size_t)snprintf(out + len, cap - len, " %s %zu images", data->set[i].name,
                                data->set[i].train.count);
        if (data->set[i].validation.count != 0 && len < cap) {
            len +=
                (size_t)snprintf(out + len, cap - len, " (val %.4f bits a pixel)", j->last.bits[i]);
        }
    }
}

static mv_status write_networks(const job *j, mv_veil *veil, mv_error *err)
{
    mv_status st = MV_OK;
    const char *licence = cli_value(j->args, "licence");
    mv_buffer file = mv_buffer_make(MV_VEIL_FILE_LEN);

    (void)snprintf(veil->licence, sizeof veil->licence, "%s",
                   licence == NULL ? "unstated" : licence);
    describe_run(veil->training, sizeof veil->training, j);
    MV_TRY(mv_veil_file_write(&file, veil));
    MV_TRY(mv_file_write(cli_value(j->args, "output"), file.bytes, file.len,
                         cli_flag(j->args, "force") ? MV_OUTPUT_FORCE : 0, err));
done:
    mv_buffer_clear(&file);
    return st;
}

static mv_status train(job *j, mv_error *err)
{
    mv_status st = MV_OK;
    const char *path = cli_value(j->args, "output");
    char checkpoint[4096];
    mv_veil *veil = NULL;
    mv_train_data data[SCALES];

    MV_REQUIRE((size_t)snprintf(checkpoint, sizeof checkpoint - 4, "%s.ckpt", path) <
                   sizeof checkpoint - 4,
               err, MV_E_LIMIT, "the output's path is too long");
    if (!cli_flag(j->args, "force") && access(path, F_OK) == 0) {
        mv_hint(err, "give --force to replace it");
        MV_REQUIRE(false, err, MV_E_EXISTS, "%s exists already", path);
    }
    if (cli_flag(j->args, "from")) {
        MV_TRY(mv_veil_load(&j->from, cli_value(j->args, "from"), err));
        j->opts.from = j->from->net;
    }
    MV_TRY(read_data(j, err));
    for (size_t c = 0; c < SCALES; c++) {
        data[c] = j->data[c].data;
    }
    veil = calloc(1, sizeof *veil);
    MV_REQUIRE(veil != NULL, err, MV_E_MEMORY, "out of memory for the networks of veil");
    st = mv_veil_train(veil->net, data, SCALES, &j->opts, checkpoint, ui_progress(), err);
    ui_progress_end();
    if (st == MV_E_INTERRUPTED) {
        mv_hint(err, "the run is saved; go on with --resume");
    }
    MV_TRY(st);
    MV_TRY(write_networks(j, veil, err));
done:
    mv_veil_free(&veil);
    return st;
}

static bool read_rate(double *rate, const cli_args *args)
{
    const char *text = cli_value(args, "rate");
    char *end = NULL;

    if (text == NULL) {
        return true;
    }
    *rate = strtod(text, &end);
    if (end == text || *end != '\0' || !(*rate >= 1e-9 && *rate <= 10)) {
        ui_say("--rate needs a number from 1e-9 to 10, not \"%s\"", text);
        return false;
    }
    return true;
}

static bool read_options(job *j)
{
    long steps = 0, seed = 0, batch = 0, every = 0, images = 0, threads = 0;
    mv_veil_train_opts *o = &j->opts;

    if (!cli_number(j->args, "steps", 1, 100000000, (long)o->steps, &steps) ||
        !cli_number(j->args, "seed", 0, 1000000000, 1, &seed) ||
        !cli_number(j->args, "batch", 1, 16, (long)o->batch, &batch) ||
        !cli_number(j->args, "validate-every", 1, 100000000, (long)o->validate_every, &every) ||
        !cli_number(j->args, "validate-images", 0, 1000000, (long)o->validate_images, &images) ||
        !cli_number(j->args, "threads", 1, 256, (long)mv_cpu_count(), &threads) ||
        !read_rate(&o->rate, j->args)) {
        return false;
    }
    o->steps = (uint64_t)steps;
    o->seed = (uint64_t)seed;
    o->batch = (uint32_t)batch;
    o->validate_every = (uint64_t)every;
    o->validate_images = (size_t)images;
    o->threads = (unsigned)threads;
    o->resume = cli_flag(j->args, "resume");
    o->on_point = say_point;
    o->user = j;
    return true;
}

int train_veil(const cli_args *args)
{
    job j = {.args = args, .opts = mv_veil_train_defaults()};
    mv_error err = {0};

    if (!read_options(&j)) {
        return CLI_USAGE;
    }
    const mv_status st = train(&j, &err);
    mv_veil_free(&j.from);
    for (size_t c = 0; c < SCALES; c++) {
        train_data_clear(&j.data[c]);
    }
    return st == MV_OK ? CLI_OK : ui_fail(st, &err);
}
