/* SPDX-License-Identifier: Apache-2.0
 *
 * eval_curves.c: every image of the comparison of codecs, on all processors, and its journal.
 */
#include "eval_curves.h"

#include "base/clock.h"
#include "base/pool.h"
#include "base/status.h"
#include "paths.h"
#include "ui.h"

#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

_Static_assert(sizeof(curve_item) / sizeof(double) <= JOURNAL_VALUES_MAX, "a row holds an image");

static void clear(curves *c)
{
    for (size_t s = 0; s < c->job->set_count; s++) {
        free(c->item[s]);
    }
    mv_collection_free(&c->collection);
    mv_identity_free(&c->self);
    mv_veil_free(&c->veil);
    row_journal_close(&c->job->journal);
}

/* The first model whose head knows the classes of a set judges it and all others. */
static size_t find_judge(const eval_job *job)
{
    for (size_t m = 0; m < job->model_count; m++) {
        for (size_t s = 0; s < job->set_count; s++) {
            const eval_model *model = &job->model[m];
            if (model->head != NULL && model->first_class[s] < model->head_info.class_count) {
                return m;
            }
        }
    }
    return job->model_count;
}

static mv_status prepare(curves *c, mv_error *err)
{
    mv_status st = MV_OK;

    MV_TRY(mv_veil_find(&c->veil, NULL, err));
    MV_TRY(mv_identity_generate(&c->self));
    mv_identity_card(&c->card, c->self);
    MV_TRY(mv_collection_new(&c->collection, c->self));
    c->judge = find_judge(c->job);
    for (size_t s = 0; s < c->job->set_count; s++) {
        const size_t count = c->job->set[s].list.count;
        c->item[s] = calloc(count, sizeof *c->item[s]);
        MV_REQUIRE(c->item[s] != NULL, err, MV_E_MEMORY, "out of memory for %zu images", count);
    }
done:
    return st;
}

/* ---- journal ---- */

static bool take_row(void *user, const journal_row *row)
{
    const curves *c = user;
    const size_t s = row->at[0], i = row->at[1];
    if (row->kind != 'r' || s >= c->job->set_count || i >= c->job->set[s].list.count) {
        return false;
    }
    void *item = &c->item[s][i];
    journal_row_get(item, sizeof(curve_item) / sizeof(double), row);
    return true;
}

static mv_status write_row(const curves *c, size_t s, size_t i)
{
    journal_row row = {.kind = 'r', .at = {s, i, 0}};
    const void *item = &c->item[s][i];
    journal_row_put(&row, item, sizeof(curve_item) / sizeof(double));
    return row_journal_write(c->job->journal, &row);
}

/* A hash of all that decides the figures: networks, models, heads, settings, images by name and
 * size. */
static void name_run(char out[65], const curves *c)
{
    crypto_generichash_state h;
    uint8_t hash[32];
    mv_model_info veil;
    const uint64_t settings[] = {1, c->native, c->job->every, curve_codecs()};

    mv_veil_describe(&veil, c->veil);
    (void)crypto_generichash_init(&h, NULL, 0, sizeof hash);
    (void)crypto_generichash_update(&h, veil.hash, sizeof veil.hash);
    (void)crypto_generichash_update(&h, (const uint8_t *)settings, sizeof settings);
    (void)crypto_generichash_update(&h, (const uint8_t *)curve_setting, sizeof curve_setting);
    for (size_t m = 0; m < c->job->model_count; m++) {
        const eval_model *model = &c->job->model[m];
        (void)crypto_generichash_update(&h, model->info.hash, sizeof model->info.hash);
        (void)crypto_generichash_update(&h, model->head_info.hash, sizeof model->head_info.hash);
    }
    for (size_t s = 0; s < c->job->set_count; s++) {
        const labelled *l = &c->job->set[s].list;
        (void)crypto_generichash_update(&h, (const uint8_t *)l->set, sizeof l->set);
        for (size_t i = 0; i < l->count; i++) {
            struct stat info = {0};
            (void)stat(l->image[i].path, &info);
            const int64_t size = info.st_size;
            const char *name = path_base(l->image[i].path);
            (void)crypto_generichash_update(&h, (const uint8_t *)name, strlen(name) + 1);
            (void)crypto_generichash_update(&h, (const uint8_t *)&size, sizeof size);
        }
    }
    (void)crypto_generichash_final(&h, hash, sizeof hash);
    (void)sodium_bin2hex(out, 65, hash, sizeof hash);
}

static mv_status open_journal(curves *c, bool anew, mv_error *err)
{
    mv_status st = MV_OK;
    char path[PATH_SIZE], title[128], name[65];
    size_t resumed = 0;

    MV_TRY(path_join(path, sizeof path, c->job->out, "curves.tsv", "", err));
    name_run(name, c);
    (void)snprintf(title, sizeof title, "medveil eval curves 1 %s", name);
    MV_TRY(row_journal_open(&c->job->journal, path, title, anew, take_row, c, &resumed, err));
    if (resumed != 0) {
        ui_say("going on after %zu images of %s", resumed, path);
    }
done:
    return st;
}

/* ---- the pass ---- */

typedef struct todo {
    size_t s, i;
} todo;

typedef struct pass {
    curves *c;
    todo *list; /* what is still to be measured */
    size_t count;
    atomic_size_t finished;
    mv_error err[MV_POOL_WORKERS_MAX];
} pass;

static mv_status list_todo(pass *p, mv_error *err)
{
    mv_status st = MV_OK;
    const eval_job *job = p->c->job;
    size_t all = 0;

    for (size_t s = 0; s < job->set_count; s++) {
        all += job->set[s].list.count;
    }
    p->list = calloc(all, sizeof *p->list);
    MV_REQUIRE(p->list != NULL, err, MV_E_MEMORY, "out of memory for %zu images", all);
    for (size_t s = 0; s < job->set_count; s++) {
        for (size_t i = 0; i < job->set[s].list.count; i += p->c->job->every) {
            if (p->c->item[s][i].state == EVAL_OPEN) {
                p->list[p->count++] = (todo){s, i};
            }
        }
    }
done:
    return st;
}

/* Errors that are one image's own. */
static bool is_its_own(mv_status st)
{
    return mv_status_category(st) == MV_CATEGORY_INPUT || st == MV_E_UNSUPPORTED ||
           st == MV_E_LIMIT || st == MV_E_MISMATCH;
}

mv_status curve_load(mv_image *out, const curves *c, size_t s, size_t i, mv_error *err)
{
    mv_status st = MV_OK;
    mv_image image = {0};

    MV_TRY(mv_image_load(&image, c->job->set[s].list.image[i].path, err));
    MV_TRY(eval_gray8(out, &image, c->native ? 0 : EVAL_SIDE, err));
done:
    mv_image_clear(&image);
    return st;
}

static mv_status measure_file(curve_item *out, const curves *c, size_t s, size_t i, mv_error *err)
{
    mv_status st = MV_OK;
    mv_image image = {0};
    mv_error why = {0};

    st = curve_load(&image, c, s, i, &why);
    st = st == MV_OK ? curve_measure(out, c, s, &image, &why) : st;
    const char *sentence = why.text[0] != '\0' ? why.text : mv_status_sentence(st);
    if (is_its_own(st)) {
        *out = (curve_item){.state = EVAL_UNREADABLE};
        ui_say("%s is left out: %s", c->job->set[s].list.image[i].path, sentence);
        st = MV_OK;
    }
    MV_REQUIRE(st == MV_OK, err, st, "%s", sentence);
done:
    mv_image_clear(&image);
    return st;
}

static mv_status measure_one(void *user, unsigned worker, size_t n)
{
    mv_status st = MV_OK;
    pass *p = user;
    const curves *c = p->c;
    const todo t = p->list[n];
    curve_item *item = &c->item[t.s][t.i], found;
    const mv_progress progress = ui_progress();

    MV_ENSURE(!ui_interrupted(), MV_E_INTERRUPTED);
    MV_TRY(measure_file(&found, c, t.s, t.i, &p->err[worker]));
    *item = found;
    st = write_row(c, t.s, t.i);
    MV_REQUIRE(st == MV_OK, &p->err[worker], st,
               "the journal cannot be written; is there room on the disk?");
    const size_t finished = atomic_fetch_add(&p->finished, 1) + 1;
    if (worker == 0) {
        MV_TRY(progress.step(progress.user, "image", finished, p->count));
    }
done:
    return st;
}

static mv_status run_pass(curves *c, mv_error *err)
{
    mv_status st = MV_OK;
    pass *p = calloc(1, sizeof *p);

    MV_REQUIRE(p != NULL, err, MV_E_MEMORY, "out of memory");
    p->c = c;
    MV_TRY(list_todo(p, err));
    st = mv_pool_run(c->job->threads, p->count, measure_one, p);
    ui_progress_end();
    for (unsigned w = 0; st != MV_OK && w < c->job->threads; w++) {
        if (p->err[w].text[0] != '\0') {
            (void)mv_fail(err, st, "%s", p->err[w].text);
        }
    }
    if (st == MV_E_INTERRUPTED) {
        mv_hint(err, "give the same command again to go on");
    }
done:
    free(p == NULL ? NULL : p->list);
    free(p);
    return st;
}

/* ---- the whole of it ---- */

/* How many were measured; the others of the job's images are in no figure. */
static size_t count_done(const curves *c)
{
    eval_job *job = c->job;
    size_t done = 0;
    for (size_t s = 0; s < job->set_count; s++) {
        for (size_t i = 0; i < job->set[s].list.count; i++) {
            job->set[s].unreadable[i] = c->item[s][i].state != EVAL_DONE;
            job->unreadable_count += c->item[s][i].state == EVAL_UNREADABLE;
            done += c->item[s][i].state == EVAL_DONE;
        }
    }
    return done;
}

static mv_status say_end(const curves *c, const cli_args *args, size_t done)
{
    mv_status st = MV_OK;
    const eval_job *job = c->job;
    const double minutes = (mv_clock_ms() - job->started_ms) / 60e3;

    if (!cli_flag(args, "json")) {
        ui_say("%zu images, %.1f minutes: see %s/report.html", done, minutes, job->out);
    }
    for (size_t s = 0; s < job->set_count; s++) {
        const char *set = job->set[s].list.set;
        curve_difference d;
        MV_TRY(curve_differ(&d, c, s, NULL, CURVE_VEIL, CURVE_J2K));
        if (cli_flag(args, "json")) {
            ui_json(json_pack("{s:s, s:s, s:I, s:I, s:o, s:o, s:I, s:f}", "report", "report.html",
                              "set", set, "images", (json_int_t)curve_count(c, s, NULL),
                              "unreadable", (json_int_t)job->unreadable_count, "bd_rate",
                              d.rate.count == 0 ? json_null() : json_real(d.rate.mean),
                              "bd_psnr_db",
                              d.psnr_db.count == 0 ? json_null() : json_real(d.psnr_db.mean),
                              "refused", (json_int_t)d.refused, "minutes", minutes));
        } else if (d.rate.count == 0) {
            ui_say("%s: compact mode and JPEG 2000 have too little quality in common", set);
        } else {
            ui_say("%s: compact mode takes %+.1f %% of bytes against JPEG 2000 at the same PSNR",
                   set, 100 * d.rate.mean);
        }
    }
done:
    return st;
}

static mv_status measure_and_report(curves *c, const cli_args *args, mv_error *err)
{
    mv_status st = MV_OK;

    MV_TRY(prepare(c, err));
    MV_TRY(open_journal(c, cli_flag(args, "force"), err));
    MV_TRY(run_pass(c, err));
    const size_t done = count_done(c);
    MV_REQUIRE(done != 0, err, MV_E_FORMAT, "none of the %zu images can be read",
               c->job->unreadable_count);
    MV_TRY(curves_report(c, err));
    MV_TRY(say_end(c, args, done));
    if (c->job->unreadable_count != 0) {
        ui_say("%zu image%s could not be read and %s in no figure", c->job->unreadable_count,
               c->job->unreadable_count == 1 ? "" : "s",
               c->job->unreadable_count == 1 ? "is" : "are");
    }
done:
    return st;
}

mv_status eval_curves(eval_job *job, const cli_args *args, mv_error *err)
{
    curves c = {.job = job, .native = cli_flag(args, "native")};
    const mv_status st = measure_and_report(&c, args, err);
    clear(&c);
    return st;
}
