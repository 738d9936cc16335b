/* SPDX-License-Identifier: Apache-2.0
 *
 * nn_head_train.c: the head's loss, and the run from random weights to a trained head.
 */
#include "nn/nn_head.h"

#include "nn/nn_optim.h"

#include <math.h>
#include <string.h>

enum { BATCH_MAX = 256, STATISTICS = 512 };

mv_head_train_opts mv_head_train_defaults(void)
{
    const mv_head_train_opts opts = {
        .table = mv_tensor_best(),
        .steps = 1500,
        .seed = 1,
        .batch = 64,
        .rate = 1.5e-3,
        .decay = 0.1,
        .shift = 2,
        .noise = 0.05,
        .hole = 8,
        .loss = {.smooth = 0.05, .temperature = 0.1, .contrast = 1},
        .average = 0.995,
    };
    return opts;
}

/* ---- loss ---- */

static double dot(const float *a, const float *b)
{
    double sum = 0;
    for (size_t k = 0; k < MV_HEAD_DIM; k++) {
        sum += (double)a[k] * (double)b[k];
    }
    return sum;
}

static void add_scaled(float *y, const float *x, double by)
{
    for (size_t k = 0; k < MV_HEAD_DIM; k++) {
        y[k] += (float)by * x[k];
    }
}

/* p = softmax(p), in place; gives ln of the sum of exponentials. skip is left out (count: none). */
static double softmax(double *p, size_t count, size_t skip)
{
    double top = -INFINITY, sum = 0;
    for (size_t k = 0; k < count; k++) {
        top = k != skip && p[k] > top ? p[k] : top;
    }
    for (size_t k = 0; k < count; k++) {
        p[k] = k == skip ? 0 : exp(p[k] - top);
        sum += p[k];
    }
    for (size_t k = 0; k < count; k++) {
        p[k] /= sum;
    }
    return top + log(sum);
}

static double cross_entropy(float *d_unit, float *d_class, const float *unit,
                            const float *class_weight, uint32_t label, size_t classes,
                            double smooth, double scale)
{
    double p[MV_HEAD_LABELS_MAX], score[MV_HEAD_LABELS_MAX], loss = 0;
    for (size_t k = 0; k < classes; k++) {
        p[k] = score[k] = dot(unit, class_weight + k * MV_HEAD_DIM);
    }
    const double log_sum = softmax(p, classes, classes);
    for (size_t k = 0; k < classes; k++) {
        const double target = smooth / (double)classes + (k == label ? 1 - smooth : 0);
        const double slope = scale * (p[k] - target);
        loss -= target * (score[k] - log_sum);
        add_scaled(d_unit, class_weight + k * MV_HEAD_DIM, slope);
        add_scaled(d_class + k * MV_HEAD_DIM, unit, slope);
    }
    return scale * loss;
}

/* The contrastive term of image i. */
static double contrast(float *d_unit, const float *unit, const uint32_t *label, size_t batch,
                       size_t i, double temperature, double scale)
{
    double p[BATCH_MAX], score[BATCH_MAX], loss = 0;
    size_t friends = 0;
    for (size_t a = 0; a < batch; a++) {
        p[a] = score[a] = dot(unit + i * MV_HEAD_DIM, unit + a * MV_HEAD_DIM) / temperature;
        friends += a != i && label[a] == label[i];
    }
    if (friends == 0) {
        return 0;
    }
    const double log_sum = softmax(p, batch, i);
    for (size_t a = 0; a < batch; a++) {
        const double target = a != i && label[a] == label[i] ? 1 / (double)friends : 0;
        const double slope = a == i ? 0 : scale * (p[a] - target) / temperature;
        loss -= target * (score[a] - log_sum);
        add_scaled(d_unit + i * MV_HEAD_DIM, unit + a * MV_HEAD_DIM, slope);
        add_scaled(d_unit + a * MV_HEAD_DIM, unit + i * MV_HEAD_DIM, slope);
    }
    return scale * loss;
}

double mv_head_loss(float *d_unit, float *d_class, const float *unit, const float *class_weight,
                    const uint32_t *label, size_t batch, size_t classes,
                    const mv_head_loss_opts *opts)
{
    double loss = 0;
    memset(d_unit, 0, batch * MV_HEAD_DIM * sizeof *d_unit);
    memset(d_class, 0, classes * MV_HEAD_DIM * sizeof *d_class);
    for (size_t i = 0; i < batch; i++) {
        loss += cross_entropy(d_unit + i * MV_HEAD_DIM, d_class, unit + i * MV_HEAD_DIM,
                              class_weight, label[i], classes, opts->smooth, 1 / (double)batch);
        loss += contrast(d_unit, unit, label, batch, i, opts->temperature,
                         opts->contrast / (double)batch);
    }
    return loss;
}

/* ---- the run ---- */

typedef struct run {
    const mv_head_data *data;
    const mv_head_train_opts *opts;
    mv_head_net *net;
    size_t count, class_at; /* of the weights */
    float *w, *m, *v, *gradient, *maps, *one, *unit, *d_unit;
    uint32_t *label;
    size_t *of_set; /* images of the set that a batch is drawn from */
    float *block;
    mv_rand rand;
} run;

static void run_clear(run *r)
{
    mv_head_net_free(&r->net);
    free(r->block);
    free(r->label);
    free(r->of_set);
}

static mv_status run_allocate(run *r)
{
    const size_t b = r->opts->batch, one = r->data->maps * (size_t)MV_HEAD_CELLS;
    r->block = calloc(4 * r->count + (b + 1) * one + 2 * b * MV_HEAD_DIM, sizeof *r->block);
    r->label = calloc(b, sizeof *r->label);
    r->of_set = calloc(r->data->count, sizeof *r->of_set);
    if (r->block == NULL || r->label == NULL || r->of_set == NULL) {
        return MV_E_MEMORY;
    }
    r->w = r->block;
    r->m = r->w + r->count;
    r->v = r->m + r->count;
    r->gradient = r->v + r->count;
    r->maps = r->gradient + r->count;
    r->one = r->maps + b * one;
    r->unit = r->one + one;
    r->d_unit = r->unit + b * MV_HEAD_DIM;
    return MV_OK;
}

/* Mean and inverse deviation of each map over many images. */
static void measure_maps(run *r)
{
    const uint32_t maps = r->data->maps;
    const double n = (double)STATISTICS * MV_HEAD_CELLS;
    double sum[MV_HEAD_MAPS_MAX] = {0}, square[MV_HEAD_MAPS_MAX] = {0};

    for (int draw = 0; draw < STATISTICS; draw++) {
        const size_t i = mv_rand_below(&r->rand, (uint32_t)r->data->count);
        r->data->fetch(r->data->user, r->one, i, &r->rand);
        for (size_t k = 0; k < (size_t)maps * MV_HEAD_CELLS; k++) {
            const double value = (double)r->one[k];
            sum[k / MV_HEAD_CELLS] += value;
            square[k / MV_HEAD_CELLS] += value * value;
        }
    }
    for (uint32_t c = 0; c < maps; c++) {
        const double mean = sum[c] / n, variance = square[c] / n - mean * mean;
        r->w[c] = (float)mean;
        r->w[maps + c] = (float)(1 / sqrt(variance > 1e-8 ? variance : 1e-8));
    }
}

/* He's start for every kernel; rows of classes of length 10, so that the first scores differ. */
static void start_weights(run *r)
{
    const uint32_t in[] = {r->data->maps, 32, 32, 64, 64}, out[] = {32, 32, 64, 64, 64};
    float *w = r->w + 2 * (size_t)r->data->maps;
    for (size_t i = 0; i < 5; i++) {
        const double spread = sqrt(2.0 / (9.0 * in[i]));
        for (size_t k = 0; k < (size_t)out[i] * in[i] * 9; k++) {
            *w++ = (float)(spread * mv_rand_normal(&r->rand));
        }
        w += out[i]; /* biases stay 0 */
    }
    for (size_t k = 0; k < 20 * 64; k++) {
        *w++ = (float)(sqrt(2.0 / 64) * mv_rand_normal(&r->rand));
    }
    w += 20;
    for (size_t k = 0; k < 128 * 980; k++) {
        *w++ = (float)(sqrt(1.0 / 980) * mv_rand_normal(&r->rand));
    }
    for (float *c = r->w + r->class_at; c < r->w + r->count; c++) {
        *c = (float)(10 / sqrt((double)MV_HEAD_DIM) * mv_rand_normal(&r->rand));
    }
}

/* One map moved by (dy, dx), edges repeated. */
static void shift_map(float *out, const float *in, int dy, int dx)
{
    const int side = (int)MV_HEAD_SIDE;
    for (int y = 0; y < side; y++) {
        const int from = y + dy < 0 ? 0 : y + dy >= side ? side - 1 : y + dy;
        for (int x = 0; x < side; x++) {
            const int at = x + dx < 0 ? 0 : x + dx >= side ? side - 1 : x + dx;
            out[y * side + x] = in[from * side + at];
        }
    }
}

/* The sum of four uniform numbers, of mean 0 and deviation 1: normal enough, and cheap. */
static float rough_normal(mv_rand *rand)
{
    const uint64_t bits = mv_rand_u64(rand);
    const uint64_t sum =
        (bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48);
    return ((float)sum / 65535.0F - 2) * 1.7320508F;
}

static void change(run *r, float *out, const float *in)
{
    const mv_head_train_opts *o = r->opts;
    const uint32_t maps = r->data->maps, reach = 2 * o->shift + 1;
    const int dy = (int)mv_rand_below(&r->rand, reach) - (int)o->shift;
    const int dx = (int)mv_rand_below(&r->rand, reach) - (int)o->shift;
    const uint32_t hole = o->hole > 0 && mv_rand_unit(&r->rand) < 0.5 ? o->hole : 0;
    const uint32_t top = mv_rand_below(&r->rand, MV_HEAD_SIDE - hole + 1);
    const uint32_t left = mv_rand_below(&r->rand, MV_HEAD_SIDE - hole + 1);

    for (uint32_t c = 0; c < maps; c++) {
        float *map = out + (size_t)c * MV_HEAD_CELLS;
        shift_map(map, in + (size_t)c * MV_HEAD_CELLS, dy, dx);
        for (uint32_t k = 0; k < hole * hole; k++) {
            map[(top + k / hole) * MV_HEAD_SIDE + left + k % hole] = r->w[c];
        }
        const float noise = (float)o->noise / r->w[maps + c];
        for (size_t k = 0; noise > 0 && k < MV_HEAD_CELLS; k++) {
            map[k] += noise * rough_normal(&r->rand);
        }
    }
}

/* Images a batch may come from: all, or those of one set. */
static size_t choose_images(run *r)
{
    const mv_head_data *d = r->data;
    const bool all = mv_rand_unit(&r->rand) < 0.5;
    const uint32_t set = d->set[d->label[mv_rand_below(&r->rand, (uint32_t)d->count)]];
    size_t n = 0;
    for (size_t i = 0; i < d->count; i++) {
        if (all || d->set[d->label[i]] == set) {
            r->of_set[n++] = i;
        }
    }
    return n;
}

static void draw_batch(run *r)
{
    const size_t n = choose_images(r), one = r->data->maps * (size_t)MV_HEAD_CELLS;
    for (size_t b = 0; b < r->opts->batch; b++) {
        const size_t i = r->of_set[mv_rand_below(&r->rand, (uint32_t)n)];
        r->data->fetch(r->data->user, r->one, i, &r->rand);
        change(r, r->maps + b * one, r->one);
        r->label[b] = r->data->label[i];
    }
}

static mv_status step(run *r, uint64_t t, double *loss, mv_error *err)
{
    mv_status st = MV_OK;
    const mv_head_train_opts *o = r->opts;
    const size_t fixed = 2 * (size_t)r->data->maps; /* means and deviations are not trained */
    const double rate = mv_rate_at((double)t / (double)o->steps, o->rate, 1e-5, 0.05);

    draw_batch(r);
    MV_TRY(mv_head_net_load(r->net, r->w, err));
    MV_TRY(mv_head_net_forward(r->net, r->unit, r->maps, err));
    *loss = mv_head_loss(r->d_unit, r->gradient + r->class_at, r->unit, r->w + r->class_at,
                         r->label, o->batch, r->data->classes, &o->loss);
    MV_TRY(mv_head_net_backward(r->net, r->gradient, r->d_unit, err));
    const double length = mv_gradient_clip(r->gradient, r->count, 5);
    MV_REQUIRE(isfinite(*loss) && isfinite(length), err, MV_E_RANGE,
               "training diverged: the loss is not a number at step %llu", (unsigned long long)t);
    for (size_t k = fixed; k < r->class_at; k++) {
        r->w[k] *= (float)(1 - rate * o->decay);
    }
    mv_optim_step(MV_OPTIM_ADAM, r->w + fixed, r->m + fixed, r->v + fixed, r->gradient + fixed,
                  r->count - fixed, rate, t + 1);
done:
    return st;
}

/* The first step of each round of versions makes them. */
static mv_status renew(const run *r, uint64_t t, mv_error *err)
{
    const mv_head_data *d = r->data;
    const uint64_t steps = r->opts->steps;
    if (d->rounds == 0 || (t != 0 && t * d->rounds / steps == (t - 1) * d->rounds / steps)) {
        return MV_OK;
    }
    const mv_status st = d->renew(d->user);
    return st == MV_OK ? MV_OK
                       : mv_fail(err, st, "encoding the training images failed: %s",
                                 mv_status_sentence(st));
}

/* The running mean of the weights, over as many steps as there were at first. */
static void average(float *mean, const run *r, uint64_t t)
{
    const double memory = fmin(r->opts->average, (double)t / ((double)t + 10));
    for (size_t k = 0; k < r->count; k++) {
        mean[k] = (float)(memory * (double)mean[k] + (1 - memory) * (double)r->w[k]);
    }
}

static mv_status report(const run *r, uint64_t done, double loss, const float *weights)
{
    const mv_head_train_opts *o = r->opts;
    if (done % 100 == 0 && o->on_loss != NULL) {
        o->on_loss(o->user, done, loss);
    }
    const bool check = o->check_every != 0 && (done % o->check_every == 0 || done == o->steps);
    return check ? o->on_check(o->user, done, weights) : MV_OK;
}

static mv_status run_steps(run *r, float *weights, mv_progress progress, mv_error *err)
{
    mv_status st = MV_OK;
    double loss = 0, mean = 0;

    for (uint64_t t = 0; t < r->opts->steps; t++) {
        MV_TRY(renew(r, t, err));
        if (t == 0) {
            measure_maps(r);
            start_weights(r);
            memcpy(weights, r->w, r->count * sizeof *weights);
        }
        if (progress.step != NULL) {
            MV_TRY(progress.step(progress.user, "training step", t, r->opts->steps));
        }
        MV_TRY(step(r, t, &loss, err));
        mean = t == 0 ? loss : 0.98 * mean + 0.02 * loss;
        average(weights, r, t);
        MV_TRY(report(r, t + 1, mean, weights));
    }
done:
    return st;
}

mv_status mv_head_train(float *weights, const mv_head_data *data, const mv_head_train_opts *opts,
                        mv_progress progress, mv_error *err)
{
    mv_status st = MV_OK;
    run r = {.data = data, .opts = opts, .rand = mv_rand_make(opts->seed)};

    MV_REQUIRE(data->count >= 1 && data->classes >= 2 && data->classes <= MV_HEAD_LABELS_MAX &&
                   data->maps >= 1 && data->maps <= MV_HEAD_MAPS_MAX && opts->batch >= 1 &&
                   opts->batch <= BATCH_MAX && opts->steps >= 1 && opts->hole <= MV_HEAD_SIDE,
               err, MV_E_ARGUMENT, "a training option of the head is out of range");
    r.class_at = mv_head_class_offset(data->maps);
    r.count = mv_head_weight_count(data->maps, data->classes);
    st = run_allocate(&r);
    MV_REQUIRE(st == MV_OK, err, st, "out of memory for training a head");
    MV_TRY(mv_head_net_new(&r.net, opts->table, data->maps, opts->batch, true, err));
    MV_TRY(run_steps(&r, weights, progress, err));
done:
    run_clear(&r);
    return st;
}
