/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_sum.c: pictures as short integers that can be added under encryption: a plan says how many
 * bits each block of a picture gets, and pictures under one plan add up.
 */
#include "base/file.h"
#include "base/secret.h"
#include "commands.h"
#include "envelope/sum_plan.h"
#include "medveil/metrics.h"
#include "people.h"
#include "searching.h"
#include "sums.h"
#include "ui.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PLAN_FILE_MAX = 1 << 23 };

static const cli_option plan_options[] = {
    {"identity", 'i', "IDENTITY", "who you are: a holder of the collection"},
    PEOPLE_PASSPHRASE_OPTION,
    {"collection", 0, "FILE", "whose key seals the plan"},
    {"sums", 0, "N", "leave room to add up to N pictures (default: 2)"},
    {"step", 0, "S", "rounding step in grey levels of 255, 1 to 64 (default: 8)"},
    {"he", 0, "SET", "parameter set, of the pack kind (default: add4096)"},
    {"no-classes", 0, NULL, "one allocation for all blocks, the same for every sender"},
    {"output", 'o', "FILE", "the plan"},
    {"force", 'f', NULL, "replace an existing file"},
    {NULL, 0, NULL, NULL},
};

static const cli_option make_options[] = {
    {"identity", 'i', "IDENTITY", "who you are: a holder of the collection"},
    PEOPLE_PASSPHRASE_OPTION,
    {"collection", 0, "FILE", "under whose key the picture is encrypted"},
    {"plan", 0, "FILE", "from features plan"},
    {"he", 0, "SET", "parameter set, of the pack kind (default: add4096)"},
    {"output", 'o', "FILE", "the picture, encrypted, for add"},
    {"force", 'f', NULL, "replace an existing file"},
    {NULL, 0, NULL, NULL},
};

static mv_status find_set(const mv_he_set **out, const cli_args *args, mv_error *err)
{
    const char *name = cli_value(args, "he");
    *out = mv_he_set_find(name == NULL ? "add4096" : name);
    return *out != NULL && mv_he_set_slots(*out) == 0
               ? MV_OK
               : mv_fail(err, MV_E_ARGUMENT, "--he needs a set of the pack kind, not \"%s\"", name);
}

static mv_status load_image(mv_image *out, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    MV_TRY(mv_image_load(out, path, err));
    MV_REQUIRE(!out->never_lossy, err, MV_E_POLICY,
               "%s is a mammogram, which is not sent without its original", path);
done:
    return st;
}

static mv_status check_fits(const mv_sum_plan *plan, const mv_image *image, const char *path,
                            mv_error *err)
{
    return mv_sum_fits(plan, image)
               ? MV_OK
               : mv_fail(err, MV_E_MISMATCH,
                         "%s has another size or type than the pictures of the plan", path);
}

static mv_status write_out(const cli_args *args, const uint8_t *bytes, size_t len, mv_error *err)
{
    mv_status st = MV_OK;
    const char *path = NULL;
    MV_TRY(searching_need(args, "output", &path, err));
    MV_TRY(mv_file_write(path, bytes, len, cli_flag(args, "force") ? MV_OUTPUT_FORCE : 0, err));
done:
    return st;
}

/* ---- features plan ---- */

static mv_status weigh_one(float *cost, const mv_sum_plan *plan, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    mv_image image = {0};
    int32_t *level = malloc(mv_sum_levels_count(plan) * sizeof *level);
    MV_REQUIRE(level != NULL, err, MV_E_MEMORY, "out of memory for a picture");
    MV_TRY(load_image(&image, path, err));
    MV_TRY(check_fits(plan, &image, path, err));
    MV_TRY(mv_sum_levels(level, plan, &image));
    mv_sum_weigh(cost, plan, level);
done:
    if (level != NULL) {
        mv_wipe(level, mv_sum_levels_count(plan) * sizeof *level);
    }
    free(level);
    mv_image_clear(&image);
    return st;
}

static mv_status choose(mv_sum_plan *plan, const cli_args *args, mv_error *err)
{
    mv_status st = MV_OK;
    const size_t costs = mv_sum_costs_count(plan);
    float *cost = calloc(costs, sizeof *cost);
    MV_REQUIRE(cost != NULL, err, MV_E_MEMORY, "out of memory for a plan");
    for (size_t i = 0; i < args->operand_count; i++) {
        MV_TRY(weigh_one(cost, plan, args->operand[i], err));
    }
    mv_sum_choose(plan, cost);
done:
    if (cost != NULL) {
        mv_wipe(cost, costs * sizeof *cost);
    }
    free(cost);
    return st;
}

static mv_status make_plan(mv_sum_plan *plan, const cli_args *args, mv_error *err)
{
    mv_status st = MV_OK;
    mv_image first = {0};
    const mv_he_set *set = NULL;
    const bool classes = !cli_flag(args, "no-classes");
    long sums = 0, step = 0;

    if (!cli_number(args, "sums", 1, MV_SUM_MAX, 2, &sums) ||
        !cli_number(args, "step", 1, MV_SUM_STEP_MAX / MV_SUM_GREY, 8, &step)) {
        return MV_E_ARGUMENT; /* it has been said */
    }
    MV_TRY(find_set(&set, args, err));
    MV_TRY(load_image(&first, args->operand[0], err));
    MV_TRY(mv_sum_plan_for(plan, &first, classes && first.bits > 8, err));
    plan->sums = (uint32_t)sums;
    plan->step16 = (uint32_t)step * MV_SUM_GREY;
    if (classes) {
        MV_TRY(choose(plan, args, err));
    }
    MV_TRY(mv_sum_plan_fit_words(plan, set, err));
done:
    mv_image_clear(&first);
    return st;
}

static mv_status plan_all(const cli_args *args, mv_error *err)
{
    mv_status st = MV_OK;
    mv_collection *collection = NULL;
    mv_sum_plan plan = {0};
    mv_buffer file = mv_buffer_make(PLAN_FILE_MAX);

    MV_TRY(searching_collection(&collection, args, err));
    MV_TRY(make_plan(&plan, args, err));
    MV_TRY(mv_sum_plan_seal(&file, &plan, collection));
    MV_TRY(write_out(args, file.bytes, file.len, err));
    if (cli_flag(args, "json")) {
        ui_json(json_pack("{s:s, s:i, s:I}", "out", cli_value(args, "output"), "sums",
                          (int)plan.sums, "bytes", (json_int_t)file.len));
    } else {
        ui_say("wrote %s: a plan for sums of up to %u pictures of %u x %u",
               cli_value(args, "output"), (unsigned)plan.sums, (unsigned)plan.width,
               (unsigned)plan.height);
    }
done:
    mv_sum_plan_clear(&plan);
    mv_buffer_clear(&file);
    mv_collection_free(&collection);
    return st;
}

static int run_plan(const cli_args *args)
{
    mv_error err = {0};
    const mv_status st = plan_all(args, &err);
    return st == MV_OK                                  ? CLI_OK
           : st == MV_E_ARGUMENT && err.text[0] == '\0' ? CLI_USAGE
                                                        : ui_fail(st, &err);
}

/* ---- features make ---- */

static mv_status load_plan(mv_sum_plan *plan, uint8_t id[MV_SUM_PLAN_ID_LEN], const cli_args *args,
                           const mv_collection *collection, mv_error *err)
{
    mv_status st = MV_OK;
    const char *path = NULL;
    mv_buffer file = mv_buffer_make(PLAN_FILE_MAX);
    MV_TRY(searching_need(args, "plan", &path, err));
    MV_TRY(mv_file_read(&file, path, err));
    MV_TRY(mv_sum_plan_open(plan, id, collection, file.bytes, file.len, err));
done:
    mv_buffer_clear(&file);
    return st;
}

/* What a picture becomes: its words, and how near to it a holder will come. */
typedef struct made {
    mv_sum_plan plan;
    mv_sum_layout layout;
    uint8_t id[MV_SUM_PLAN_ID_LEN];
    int32_t *level; /* of the picture, then what the words keep of them */
    uint32_t *word;
    size_t clipped;
    double psnr_db; /* NAN: the same, or too small to tell */
} made;

static void made_clear(made *m)
{
    if (m->level != NULL) {
        mv_wipe(m->level, mv_sum_levels_count(&m->plan) * sizeof *m->level);
    }
    if (m->word != NULL) {
        mv_wipe(m->word, m->layout.words * sizeof *m->word);
    }
    free(m->level);
    free(m->word);
    mv_sum_layout_clear(&m->layout);
    mv_sum_plan_clear(&m->plan);
}

static mv_status made_room(made *m, mv_error *err)
{
    mv_status st = MV_OK;
    MV_TRY(mv_sum_layout_make(&m->layout, &m->plan));
    MV_ENSURE(m->layout.words != 0, MV_E_RANGE);
    m->level = malloc(mv_sum_levels_count(&m->plan) * sizeof *m->level);
    m->word = malloc(m->layout.words * sizeof *m->word);
    MV_ENSURE(m->level != NULL && m->word != NULL, MV_E_MEMORY);
done:
    return st == MV_OK ? st
                       : mv_fail(err, st, "the plan cannot be used: %s", mv_status_sentence(st));
}

static mv_status measure(made *m, const mv_image *image)
{
    mv_status st = MV_OK;
    mv_image back = {0};
    mv_comparison c = {0};
    mv_sum_get(m->level, mv_sum_levels_count(&m->plan), &m->layout, m->word, 1);
    MV_TRY(mv_sum_picture(&back, &m->plan, m->level, 1));
    m->psnr_db = NAN;
    if (image->width >= 11 && image->height >= 11) {
        MV_TRY(mv_compare(&c, image, &back, NULL));
        m->psnr_db = c.identical ? NAN : c.psnr_db;
    }
done:
    mv_image_clear(&back);
    return st;
}

static mv_status make_words(made *m, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    mv_image image = {0};
    MV_TRY(made_room(m, err));
    MV_TRY(load_image(&image, path, err));
    MV_TRY(check_fits(&m->plan, &image, path, err));
    MV_TRY(mv_sum_levels(m->level, &m->plan, &image));
    m->clipped = mv_sum_put(m->word, &m->layout, m->level);
    MV_TRY(measure(m, &image));
done:
    mv_image_clear(&image);
    return st;
}

static void say_made(const cli_args *args, const made *m, size_t len)
{
    const char *out = cli_value(args, "output");
    if (cli_flag(args, "json")) {
        json_t *psnr = isnan(m->psnr_db) ? json_null() : json_real(m->psnr_db);
        ui_json(json_pack("{s:s, s:i, s:I, s:I, s:I, s:o}", "out", out, "sums", (int)m->plan.sums,
                          "bytes", (json_int_t)len, "numbers", (json_int_t)m->layout.digits,
                          "clipped", (json_int_t)m->clipped, "psnr_db", psnr));
    } else if (strcmp(out, "-") != 0) {
        ui_say("wrote %s: %zu bytes, %.1f dB, %zu of %zu numbers clipped", out, len, m->psnr_db,
               m->clipped, m->layout.digits);
    }
}

static mv_status make_one(const cli_args *args, mv_error *err)
{
    mv_status st = MV_OK;
    mv_collection *collection = NULL;
    const mv_he_set *set = NULL;
    made m = {.psnr_db = NAN};
    uint8_t *bytes = NULL;
    size_t len = 0;

    MV_TRY(find_set(&set, args, err));
    MV_TRY(searching_collection(&collection, args, err));
    MV_TRY(load_plan(&m.plan, m.id, args, collection, err));
    MV_TRY(make_words(&m, args->operand[0], err));
    MV_TRY(mv_sum_encrypt(&bytes, &len, m.word, &m.plan, &m.layout, m.id, set, collection, err));
    MV_TRY(write_out(args, bytes, len, err));
    say_made(args, &m, len);
done:
    free(bytes);
    made_clear(&m);
    mv_collection_free(&collection);
    return st;
}

static int run_make(const cli_args *args)
{
    mv_error err = {0};
    const mv_status st = make_one(args, &err);
    return st == MV_OK ? CLI_OK : ui_fail(st, &err);
}

/* ---- features open --plan ---- */

/* (planes 64, rows, columns): the sums of levels, exactly. */
static mv_status levels_image(mv_image *out, const made *m)
{
    const mv_veil_grid grid = mv_sum_grid(&m->plan);
    const uint32_t bands = m->plan.depth * m->plan.channels * MV_VEIL_BANDS;
    const mv_status st = mv_image_alloc(out, grid.columns, grid.rows, bands, 1, MV_SAMPLE_I32);
    if (st == MV_OK) {
        memcpy(out->sample, m->level, mv_sum_levels_count(&m->plan) * sizeof *m->level);
    }
    return st;
}

static mv_status check_plan(const made *m, const mv_summand_info *info, mv_error *err)
{
    mv_status st = MV_OK;
    MV_REQUIRE(memcmp(m->id, info->model_hash, sizeof m->id) == 0 &&
                   m->layout.words == info->features.shape.count &&
                   m->plan.sums == info->features.shape.sums,
               err, MV_E_MISMATCH, "what was summed was made by another plan");
    MV_REQUIRE(info->features.summed <= m->plan.sums, err, MV_E_NOISE,
               "more was summed than the plan has room for");
done:
    return st;
}

mv_status sums_save(const cli_args *args, const mv_collection *collection, const uint32_t *word,
                    const mv_summand_info *info, mv_error *err)
{
    mv_status st = MV_OK;
    made m = {.psnr_db = NAN};
    mv_image image = {0};
    const char *path = NULL;

    MV_TRY(searching_need(args, "output", &path, err));
    MV_TRY(load_plan(&m.plan, m.id, args, collection, err));
    MV_TRY(made_room(&m, err));
    MV_TRY(check_plan(&m, info, err));
    mv_sum_get(m.level, mv_sum_levels_count(&m.plan), &m.layout, word, info->features.summed);
    if (cli_flag(args, "levels")) {
        MV_TRY(levels_image(&image, &m));
    } else {
        MV_TRY(mv_sum_picture(&image, &m.plan, m.level, info->features.summed));
    }
    MV_TRY(mv_image_save(&image, path, cli_flag(args, "force"), err));
    if (cli_flag(args, "json")) {
        ui_json(json_pack("{s:s, s:i, s:I}", "out", path, "summed", (int)info->features.summed,
                          "features", (json_int_t)m.layout.digits));
    } else {
        ui_say("wrote %s: the %s of %u picture%s", path,
               cli_flag(args, "levels") ? "sum of the levels" : "mean",
               (unsigned)info->features.summed, info->features.summed == 1 ? "" : "s");
    }
done:
    mv_image_clear(&image);
    made_clear(&m);
    return st;
}

const cli_command cmd_features_plan = {
    .name = "features plan",
    .operands = "IMAGE...",
    .summary = "plan how pictures of one kind are sent as short integers that can be added",
    .options = plan_options,
    .run = run_plan,
    .description =
        "Each block of 8x8 pixels gets the class that suits the pictures given, which say where\n"
        "there is much to keep; pictures to be added later should be like them. The plan shows\n"
        "that too, so it is sealed for the collection. With --no-classes it depends on nothing\n"
        "but size, type and step: any holder makes the same one, and it takes more bytes.\n",
    .examples = "  medveil features plan -i me.id --collection ward.mv a.png b.png -o ward.plan\n",
    .operands_min = 1,
    .operands_max = CLI_VALUES_MAX,
};

const cli_command cmd_features_make = {
    .name = "features make",
    .operands = "IMAGE",
    .summary = "encrypt a picture by a plan, for somebody without keys to add",
    .options = make_options,
    .run = run_make,
    .description = "The exact image does not travel. What the plan has no room for is clipped; "
                   "how much, and how\nnear the picture stays, is said.\n",
    .examples =
        "  medveil features make -i me.id --collection ward.mv --plan ward.plan a.png -o a.sum\n"
        "  medveil add a.sum b.sum -o both.sum\n"
        "  medveil features open -i me.id --collection ward.mv --plan ward.plan both.sum -o "
        "mean.png\n",
    .operands_min = 1,
    .operands_max = 1,
};
