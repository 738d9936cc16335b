/* SPDX-License-Identifier: Apache-2.0
 *
 * veil_train.c: steps, validation and the saved state of a training run.
 */
#include "codec/veil_train.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "base/file.h"
#include "base/pool.h"
#include "codec/range_coder.h"
#include "codec/spread_loss.h"
#include "codec/veil_bands.h"
#include "nn/nn_small_train.h"

#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { BATCH_MAX = 16, HASH_LEN = 32, VALIDATION_STEPS = 3, STATE_MAX = 64 << 20 };

mv_veil_train_opts mv_veil_train_defaults(void)
{
    const mv_veil_train_opts opts = {.steps = 9000,
                                     .seed = 1,
                                     .batch = 1,
                                     .threads = 1,
                                     .rate = 2e-3,
                                     .validate_every = 500,
                                     .validate_images = 8};
    return opts;
}

/* What goes on from run to run; written to the file as it lies in memory, for this machine. */
typedef struct state {
    uint8_t fingerprint[HASH_LEN];
    uint64_t step;
    double seconds, loss;
    mv_rand rand;
    mv_small_weights weights[MV_VEIL_BANDS], m[MV_VEIL_BANDS], v[MV_VEIL_BANDS];
} state;

/* One picture on its way through a step. */
typedef struct pupil {
    size_t scale, set, image;
    uint32_t row, column, flips; /* where the square is cut; 1, 2, 4: flips and transpose */
    uint32_t step_index;         /* mv_veil_step64 */
    bool lapped;
    double bits;
    size_t count[MV_VEIL_BANDS];
    mv_small_weights gradient[MV_VEIL_BANDS];
    int32_t *pixel, *coef, *level; /* side * side */
} pupil;

typedef struct run {
    const mv_train_data *data;
    size_t scale_count;
    const mv_veil_train_opts *opts;
    mv_veil_grid grid;
    state *s;
    mv_small_net *net; /* of the present weights, while validating */
    pupil *pupil[BATCH_MAX];
} run;

static void pupil_free(pupil **p)
{
    if (*p != NULL) {
        free((*p)->pixel);
        free((*p)->coef);
        free((*p)->level);
        free(*p);
        *p = NULL;
    }
}

static mv_status pupil_new(pupil **out, const mv_veil_grid *g)
{
    mv_status st = MV_OK;
    pupil *p = calloc(1, sizeof *p);
    MV_ENSURE(p != NULL, MV_E_MEMORY);
    p->pixel = malloc((size_t)g->width * g->height * sizeof *p->pixel);
    p->coef = malloc(64 * g->blocks * sizeof *p->coef);
    p->level = malloc(64 * g->blocks * sizeof *p->level);
    MV_ENSURE(p->pixel != NULL && p->coef != NULL && p->level != NULL, MV_E_MEMORY);
    *out = p;
    p = NULL;
done:
    pupil_free(&p);
    return st;
}

/* ---- one step ---- */

static void cut(pupil *p, const run *r)
{
    const mv_train_data *d = &r->data[p->scale];
    const uint32_t side = r->grid.width;
    const uint8_t *from = d->set[p->set].train.pixel + p->image * d->width * d->height;
    for (uint32_t y = 0; y < side; y++) {
        for (uint32_t x = 0; x < side; x++) {
            uint32_t fy = p->flips & 1 ? side - 1 - y : y, fx = p->flips & 2 ? side - 1 - x : x;
            if (p->flips & 4) {
                const uint32_t t = fy;
                fy = fx;
                fx = t;
            }
            p->pixel[y * side + x] = from[(p->row + fy) * d->width + p->column + fx];
        }
    }
}

static void draw(pupil *p, const run *r, size_t n)
{
    mv_rand *rand = &r->s->rand;
    p->set = n % r->data[0].set_count;
    p->scale = mv_rand_below(rand, 4) == 0 ? r->scale_count - 1 : 0;
    const mv_train_data *d = &r->data[p->scale];
    p->image = mv_rand_below(rand, (uint32_t)d->set[p->set].train.count);
    p->row = mv_rand_below(rand, d->height - r->grid.height + 1);
    p->column = mv_rand_below(rand, d->width - r->grid.width + 1);
    p->flips = mv_rand_below(rand, 8);
    p->lapped = mv_rand_below(rand, 4) != 0;
    /* mostly steps of 3 to 27 gray levels of 256, now and then 1 to 64 */
    const double wide = mv_rand_unit(rand), part = mv_rand_unit(rand);
    p->step_index = (uint32_t)(96 + 16 * (wide < 0.2 ? 6 * part : 1.6 + 3.2 * part));
}

typedef struct visit_state {
    pupil *p;
    const mv_small_weights *w;
    uint32_t band;
} visit_state;

static void learn(void *user, size_t block, const int16_t x[MV_SMALL_IN], int32_t number)
{
    visit_state *v = user;
    pupil *p = v->p;
    mv_small_trace t;
    double slope[2];
    (void)block;
    mv_small_forward(&t, v->w, x);
    p->bits += mv_spread_loss(slope, (double)number - t.y[0], fmin(fmax(t.y[1], -4), 15));
    if ((t.y[1] < -4 && slope[1] > 0) || (t.y[1] > 15 && slope[1] < 0)) {
        slope[1] = 0; /* beyond the scales there are: no further out */
    }
    const float dy[2] = {(float)slope[0], (float)slope[1]};
    mv_small_backward(&p->gradient[v->band], v->w, &t, dy);
    p->count[v->band]++;
}

/* coefficients of the pixels, quantised, with their contexts */
static mv_status open_levels(mv_veil_levels **out, pupil *p, const run *r)
{
    mv_status st = MV_OK;
    mv_veil_grid g = r->grid;
    g.lapped = p->lapped;
    MV_TRY(mv_veil_forward(p->coef, p->pixel, &g));
    mv_veil_quantise(p->level, p->coef, 64 * g.blocks, mv_veil_step64(p->step_index));
    MV_TRY(mv_veil_levels_new(out, &g, mv_veil_log_step(p->step_index, 255)));
    mv_veil_levels_set(*out, p->level);
done:
    return st;
}

static mv_status study(void *user, unsigned worker, size_t n)
{
    mv_status st = MV_OK;
    const run *r = user;
    pupil *p = r->pupil[n];
    mv_veil_levels *levels = NULL;

    (void)worker;
    memset(p->gradient, 0, sizeof p->gradient);
    memset(p->count, 0, sizeof p->count);
    p->bits = 0;
    cut(p, r);
    MV_TRY(open_levels(&levels, p, r));
    for (uint32_t place = 0; place < MV_VEIL_BANDS; place++) {
        visit_state v = {p, &r->s->weights[place], place};
        mv_veil_bands_visit(levels, place, learn, &v);
    }
done:
    mv_veil_levels_free(&levels);
    return st;
}

/* The pupils' gradients, summed in order, into the weights of one place. */
static mv_status improve(void *user, unsigned worker, size_t place)
{
    const run *r = user;
    state *s = r->s;
    float *const g = &r->pupil[0]->gradient[place].w1[0][0];
    size_t count = 1 + r->pupil[0]->count[place];
    (void)worker;
    for (uint32_t b = 1; b < r->opts->batch; b++) {
        const float *const more = &r->pupil[b]->gradient[place].w1[0][0];
        count += r->pupil[b]->count[place];
        for (size_t i = 0; i < MV_SMALL_WEIGHTS; i++) {
            g[i] += more[i];
        }
    }
    for (size_t i = 0; i < MV_SMALL_WEIGHTS; i++) {
        g[i] /= (float)count;
    }
    (void)mv_gradient_clip(g, MV_SMALL_WEIGHTS, 1);
    const double rate = mv_rate_at((double)s->step / (double)r->opts->steps, r->opts->rate,
                                   r->opts->rate / 100, 0.02);
    mv_optim_step(MV_OPTIM_ADAM, &s->weights[place].w1[0][0], &s->m[place].w1[0][0],
                  &s->v[place].w1[0][0], g, MV_SMALL_WEIGHTS, rate, s->step + 1);
    mv_small_limit(&s->weights[place]);
    return MV_OK;
}

static mv_status one_step(run *r)
{
    mv_status st = MV_OK;
    state *s = r->s;
    double bits = 0, count = 0;
    for (uint32_t b = 0; b < r->opts->batch; b++) {
        draw(r->pupil[b], r, s->step * r->opts->batch + b);
    }
    MV_TRY(mv_pool_run(r->opts->threads, r->opts->batch, study, r));
    for (uint32_t b = 0; b < r->opts->batch; b++) {
        bits += r->pupil[b]->bits;
        for (size_t k = 0; k < MV_VEIL_BANDS; k++) {
            count += (double)r->pupil[b]->count[k];
        }
    }
    MV_TRY(mv_pool_run(1, MV_VEIL_BANDS, improve, r));
    s->loss += (bits / count - s->loss) / (double)(s->step < 100 ? s->step + 1 : 100);
    s->step++;
done:
    return st;
}

/* ---- validation ---- */

typedef struct bill {
    mv_small_run *run;
    const mv_small_net *net;
    double bits;
} bill;

static void count_bits(void *user, size_t block, const int16_t x[MV_SMALL_IN], int32_t number)
{
    bill *b = user;
    int16_t one[1][MV_SMALL_IN];
    int32_t y[1][MV_SMALL_OUT];
    (void)block;
    memcpy(one[0], x, sizeof one[0]);
    b->run(y, b->net, (const int16_t(*)[MV_SMALL_IN])one, 1);
    b->bits += mv_spread_bits(number, mv_veil_spread(y[0]));
}

/* Bits of a pixel of the picture, at steps of 4, 8 and 16 gray levels of 256. */
static mv_status bits_of(double *out, const run *r, const uint8_t *pixel)
{
    mv_status st = MV_OK;
    pupil *p = r->pupil[0];
    mv_veil_levels *levels = NULL;
    bill b = {mv_small_choose(mv_cpu_features()).run, NULL, 0};
    const size_t count = (size_t)r->grid.width * r->grid.height;

    p->lapped = true;
    for (size_t i = 0; i < count; i++) {
        p->pixel[i] = pixel[i];
    }
    for (uint32_t k = 0; k < VALIDATION_STEPS; k++) {
        p->step_index = 16 * (8 + k);
        MV_TRY(open_levels(&levels, p, r));
        for (uint32_t place = 0; place < MV_VEIL_BANDS; place++) {
            b.net = &r->net[place];
            mv_veil_bands_visit(levels, place, count_bits, &b);
        }
        mv_veil_levels_free(&levels);
    }
    *out = b.bits / (VALIDATION_STEPS * (double)count);
done:
    mv_veil_levels_free(&levels);
    return st;
}

static mv_status export(mv_small_net *net, const state *s)
{
    mv_status st = MV_OK;
    for (size_t k = 0; k < MV_VEIL_BANDS; k++) {
        MV_TRY(mv_small_export(&net[k], &s->weights[k]));
    }
done:
    return st;
}

static mv_status validate(mv_veil_point *point, run *r)
{
    mv_status st = MV_OK;
    const mv_train_data *d = &r->data[0];
    size_t sets = 0;

    MV_TRY(export(r->net, r->s));
    for (size_t k = 0; k < d->set_count; k++) {
        const mv_train_images *of = &d->set[k].validation;
        const size_t want = r->opts->validate_images;
        const size_t take = want == 0 || want > of->count ? of->count : want;
        for (size_t i = 0; i < take; i++) {
            double bits = 0;
            const size_t at = take < 2 ? 0 : i * (of->count - 1) / (take - 1);
            MV_TRY(bits_of(&bits, r, of->pixel + at * d->width * d->height));
            point->bits[k] += bits / (double)take;
        }
        point->score += point->bits[k];
        sets += take != 0;
    }
    point->score /= sets == 0 ? 1 : (double)sets;
done:
    return st;
}

/* ---- the saved state ---- */

/* Options that change the result, and a picture's worth of each set. The number of steps may
 * change when a run goes on: its rate then follows the new schedule. */
static void fingerprint(uint8_t out[HASH_LEN], const run *r)
{
    crypto_generichash_state h;
    const uint64_t about[] = {r->opts->seed, r->opts->batch, (uint64_t)(r->opts->rate * 1e9),
                              r->scale_count};
    (void)crypto_generichash_init(&h, NULL, 0, HASH_LEN);
    (void)crypto_generichash_update(&h, (const uint8_t *)about, sizeof about);
    for (size_t c = 0; c < r->scale_count; c++) {
        for (size_t k = 0; k < r->data[c].set_count; k++) {
            const mv_train_images *of = &r->data[c].set[k].train;
            const uint64_t shape[] = {of->count, r->data[c].width, r->data[c].height};
            (void)crypto_generichash_update(&h, (const uint8_t *)shape, sizeof shape);
            (void)crypto_generichash_update(&h, of->pixel,
                                            (size_t)r->data[c].width * r->data[c].height);
        }
    }
    (void)crypto_generichash_final(&h, out, HASH_LEN);
}

static mv_status save(const state *s, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    uint8_t hash[HASH_LEN];
    mv_buffer b = mv_buffer_make(STATE_MAX);
    (void)crypto_generichash(hash, sizeof hash, (const uint8_t *)s, sizeof *s, NULL, 0);
    MV_TRY(mv_buffer_append(&b, (const uint8_t *)s, sizeof *s));
    MV_TRY(mv_buffer_append(&b, hash, sizeof hash));
    MV_TRY(mv_file_write(path, b.bytes, b.len, MV_OUTPUT_FORCE, err));
done:
    mv_buffer_clear(&b);
    return st;
}

static mv_status restore(state *s, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    uint8_t hash[HASH_LEN], want[HASH_LEN];
    mv_buffer b = mv_buffer_make(STATE_MAX);

    memcpy(want, s->fingerprint, sizeof want);
    MV_TRY(mv_file_read(&b, path, err));
    MV_REQUIRE(b.len == sizeof *s + HASH_LEN, err, MV_E_FORMAT, "%s is not a state of such a run",
               path);
    (void)crypto_generichash(hash, sizeof hash, b.bytes, sizeof *s, NULL, 0);
    MV_REQUIRE(memcmp(hash, b.bytes + sizeof *s, HASH_LEN) == 0, err, MV_E_FORMAT,
               "the training state %s is damaged", path);
    MV_REQUIRE(memcmp(want, b.bytes, HASH_LEN) == 0, err, MV_E_MISMATCH,
               "the state %s was made with other images or options", path);
    memcpy(s, b.bytes, sizeof *s);
done:
    mv_buffer_clear(&b);
    return st;
}

/* ---- the run ---- */

static void start(state *s, const mv_veil_train_opts *opts)
{
    s->rand = mv_rand_make(opts->seed);
    for (size_t place = 0; place < MV_VEIL_BANDS; place++) {
        const float y0[MV_SMALL_OUT] = {0, place < 10 ? 1 : -1.5F};
        if (opts->from != NULL) {
            mv_small_import(&s->weights[place], &opts->from[place]);
        } else {
            mv_small_init(&s->weights[place], y0, &s->rand);
        }
    }
}

static mv_status put_line(mv_buffer *csv, const run *r, const mv_veil_point *p)
{
    char text[512];
    size_t len = 0;
    if (csv->len == 0) {
        len = (size_t)snprintf(text, sizeof text, "step,seconds,rate,loss");
        for (size_t k = 0; k < r->data[0].set_count && len < sizeof text; k++) {
            len += (size_t)snprintf(text + len, sizeof text - len, ",%.30s_bits",
                                    r->data[0].set[k].name);
        }
        const mv_status st = mv_buffer_append(csv, (const uint8_t *)text, len);
        if (st != MV_OK) {
            return st;
        }
    }
    len = (size_t)snprintf(text, sizeof text, "\n%llu,%.1f,%.3g,%.5f", (unsigned long long)p->step,
                           p->seconds, p->rate, p->loss);
    for (size_t k = 0; k < r->data[0].set_count && len < sizeof text; k++) {
        len += (size_t)snprintf(text + len, sizeof text - len, ",%.4f", p->bits[k]);
    }
    return mv_buffer_append(csv, (const uint8_t *)text, len < sizeof text ? len : sizeof text - 1);
}

/* Validation, its line in the curve, and the state: after this nothing is lost. */
static mv_status note(run *r, mv_buffer *csv, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    char name[4096];
    mv_veil_point p = {r->s->step, r->s->seconds, 0, r->s->loss, {0}, 0};

    p.rate = mv_rate_at((double)p.step / (double)r->opts->steps, r->opts->rate, r->opts->rate / 100,
                        0.02);
    MV_TRY(validate(&p, r));
    MV_TRY(put_line(csv, r, &p));
    (void)snprintf(name, sizeof name, "%s.csv", path);
    MV_TRY(mv_file_write(name, csv->bytes, csv->len, MV_OUTPUT_FORCE, err));
    MV_TRY(save(r->s, path, err));
    if (r->opts->on_point != NULL) {
        r->opts->on_point(r->opts->user, &p);
    }
done:
    return st;
}

static mv_status loop(run *r, mv_buffer *csv, const char *path, mv_progress progress, mv_error *err)
{
    mv_status st = MV_OK;
    while (r->s->step < r->opts->steps) {
        const double start_ms = mv_clock_ms();
        MV_TRY(one_step(r));
        r->s->seconds += (mv_clock_ms() - start_ms) / 1000;
        if (r->s->step % r->opts->validate_every == 0 || r->s->step == r->opts->steps) {
            MV_TRY(note(r, csv, path, err));
        }
        if (progress.step != NULL) {
            st = progress.step(progress.user, "training", r->s->step, r->opts->steps);
        }
        if (st != MV_OK) {
            const mv_status saved = save(r->s, path, err);
            st = saved == MV_OK ? st : saved;
            goto done;
        }
    }
done:
    return st;
}

static mv_status check(const mv_train_data *data, size_t scale_count,
                       const mv_veil_train_opts *opts, mv_error *err)
{
    mv_status st = MV_OK;
    MV_REQUIRE(scale_count >= 1 && data[0].set_count >= 1 && data[0].width == data[0].height &&
                   opts->batch >= 1 && opts->batch <= BATCH_MAX && opts->steps >= 1 &&
                   opts->validate_every >= 1,
               err, MV_E_ARGUMENT,
               "a run needs square pictures, a step and 1 to %d pictures a step", BATCH_MAX);
    for (size_t c = 0; c < scale_count; c++) {
        for (size_t k = 0; k < data[0].set_count; k++) {
            MV_REQUIRE(data[c].set_count == data[0].set_count && data[c].set[k].train.count != 0 &&
                           data[c].width >= data[0].width && data[c].height >= data[0].height,
                       err, MV_E_ARGUMENT, "each set needs pictures in every size");
        }
    }
done:
    return st;
}

/* The curve so far, of a run that goes on. */
static mv_status read_curve(mv_buffer *csv, const char *path, mv_error *err)
{
    char name[4096];
    (void)snprintf(name, sizeof name, "%s.csv", path);
    return mv_file_read(csv, name, err);
}

mv_status mv_veil_train(mv_small_net net[MV_VEIL_BANDS], const mv_train_data *data,
                        size_t scale_count, const mv_veil_train_opts *opts, const char *path,
                        mv_progress progress, mv_error *err)
{
    mv_status st = MV_OK;
    mv_buffer csv = mv_buffer_make(STATE_MAX);
    run r = {.data = data, .scale_count = scale_count, .opts = opts, .net = net};

    MV_TRY(check(data, scale_count, opts, err));
    r.grid = mv_veil_grid_make(data[0].width, data[0].height, true);
    r.s = calloc(1, sizeof *r.s);
    MV_REQUIRE(r.s != NULL, err, MV_E_MEMORY, "out of memory for training");
    for (uint32_t b = 0; b < opts->batch; b++) {
        st = pupil_new(&r.pupil[b], &r.grid);
        MV_REQUIRE(st == MV_OK, err, st, "out of memory for training");
    }
    start(r.s, opts);
    fingerprint(r.s->fingerprint, &r);
    if (opts->resume) {
        MV_TRY(restore(r.s, path, err));
        if (r.s->step >= opts->validate_every) {
            MV_TRY(read_curve(&csv, path, err));
        }
    }
    MV_TRY(loop(&r, &csv, path, progress, err));
    st = export(net, r.s);
    MV_REQUIRE(st == MV_OK, err, st, "the networks' weights grew too large for whole numbers");
done:
    for (size_t b = 0; b < BATCH_MAX; b++) {
        pupil_free(&r.pupil[b]);
    }
    free(r.s);
    mv_buffer_clear(&csv);
    return st;
}
